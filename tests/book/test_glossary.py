"""The glossary holds every term that it owes, in English and Thai, and notation names what the code names."""

import re

import pytest

from publishing.settings import ROOT

PAGES = sorted((ROOT / "book").glob("*.md"))
GLOSSARY = (ROOT / "book/glossary.md").read_text(encoding="utf-8")
NOTATION = (ROOT / "book/notation.md").read_text(encoding="utf-8")
CODE = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "attnlib").rglob("*.py")))

# The Thai terms of the article that the book grew out of.
THAI = {
    "attention mechanism": {"กลไกความใส่ใจ", "แอตเทนชัน"},
    "soft weights": {"ค่าน้ำหนักแบบอ่อน"},
    "weighted sum": {"ผลรวมถ่วงน้ำหนัก"},
    "query": {"เควียรี"},
    "key": {"คีย์"},
    "value": {"ค่า"},
    "dot product": {"ผลคูณจุด"},
    "softmax": {"ซอฟต์แมกซ์"},
    "encoder": {"ตัวเข้ารหัส"},
    "decoder": {"ตัวถอดรหัส"},
    "hidden state": {"สถานะซ่อน"},
    "embedding": {"การฝังคำ"},
    "context vector": {"เวกเตอร์บริบท"},
    "alignment score": {"คะแนนการจัดเรียง"},
    "attention weights": {"ค่าน้ำหนักการใส่ใจ"},
    "additive attention": {"ความใส่ใจแบบบวก"},
    "multiplicative attention": {"ความใส่ใจแบบทวีคูณ"},
    "self-attention": {"ความใส่ใจในตัว"},
    "teacher forcing": {"การบังคับผู้สอน"},
    "Transformer": {"ทรานส์ฟอร์เมอร์"},
    "recurrent neural network": {"โครงข่ายประสาทแบบเวียนซ้ำ"},
    "convolutional neural network": {"โครงข่ายประสาทแบบสังวัตนาการ"},
    "feed-forward": {"ป้อนไปข้างหน้า"},
    "long-range dependence": {"ความขึ้นกับระยะไกล"},
    "parallel processing": {"การประมวลผลแบบคู่ขนาน"},
    "fully connected layer": {"ชั้นเชื่อมต่อสมบูรณ์"},
    "sigma-pi unit": {"หน่วยซิกมาไพ"},
    "multiplicative module": {"มอดูลแบบคูณ"},
    "hyper-network": {"โครงข่ายไฮเปอร์"},
    "thought vector": {"เวกเตอร์ความคิด"},
}
NEEDED = """
    bandwidth, causal mask, entropy, hard lookup, Jacobian, kernel regression, logit, mask, padding, receptive field,
    score, sequence-to-sequence, soft lookup, temperature, vanishing gradient
""".replace("\n", " ").split(",")
DIMENSIONS = ["batch", "heads", "query", "key", "dim", "value_dim", "hidden"]


def is_thai(text):
    return any("\u0e00" <= letter <= "\u0e7f" for letter in text)


def read_entries():
    """Return (English term, Thai terms, definition) of every entry, in the order of the page."""
    body = re.search(r"^```\{glossary\}\n(.*?)^```$", GLOSSARY, re.MULTILINE | re.DOTALL)[1]
    entries = []
    for block in body.strip("\n").split("\n\n"):
        lines = block.split("\n")
        terms = [line for line in lines if not line.startswith("  ")]
        entries.append((terms[0], terms[1:], " ".join(line.strip() for line in lines[len(terms) :])))
    return entries


def read_table(page, heading):
    """Return the cells of each row of the first table under a heading."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.split("\n") if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


ENTRIES = read_entries()
TERMS = [english for english, _, _ in ENTRIES]


@pytest.mark.parametrize("english", THAI)
def test_every_thai_term_has_its_entry(english):
    thai = {english: set(thai) for english, thai, _ in ENTRIES}
    assert thai[english] == THAI[english]


def test_the_table_agrees_with_the_entries():
    table = {}
    for english, thai in read_table(GLOSSARY, "English and Thai"):
        table[re.fullmatch(r"\{term\}`(.+)`", english)[1]] = thai.split(", ")
    assert table == {english: thai for english, thai, _ in ENTRIES if thai}


@pytest.mark.parametrize("term", [term.strip() for term in NEEDED])
def test_what_the_first_chapters_need_is_there(term):
    assert term in TERMS


def test_entries_are_in_order_and_stand_once():
    assert sorted(TERMS, key=str.lower) == TERMS
    assert len({term.lower() for term in TERMS}) == len(TERMS)


@pytest.mark.parametrize(("english", "thai", "definition"), ENTRIES, ids=TERMS)
class TestEntry:
    def test_has_an_english_name_in_lower_case_and_thai_ones(self, english, thai, definition):
        assert not is_thai(english)
        assert all(map(is_thai, thai))
        assert english.islower() or english in {"Jacobian", "neural Turing machine", "Perceiver", "Transformer"}

    def test_is_one_to_three_sentences_and_a_chapter(self, english, thai, definition):
        *sentences, chapter = re.split(r"(?<=[.?])\s+(?=[A-Z\[{])", definition)
        assert 1 <= len(sentences) <= 3
        assert re.match(r"\[?Chapters? ?\d", chapter)
        assert all(sentence.endswith(".") for sentence in [*sentences, chapter])


def test_only_written_chapters_are_linked():
    for text, page in re.findall(r"\[([^\]]+)\]\(([\w-]+)\.md\)", GLOSSARY):
        assert (ROOT / f"book/{page}.md").exists()
        if page[:2].isdigit():
            assert text.lower() == f"chapter {int(page[:2])}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_reference_to_a_term_matches_exactly(path):
    roles = re.findall(r"\{term\}`([^`]+)`", path.read_text(encoding="utf-8"))
    targets = {re.sub(r".*<(.+)>", r"\1", role) for role in roles}
    assert targets - set(TERMS) == set()


def test_annotations_use_the_dimensions_that_notation_names():
    annotations = re.findall(r"\b(?:Float|Bool|Int)\[\w+, \"([^\"]+)\"\]", CODE)
    assert annotations
    names = {name.removeprefix("#") for text in annotations for name in text.split()}
    used = {name for name in names if name[0].isalpha()}
    named = {name for names, _ in read_table(NOTATION, "Shapes") for name in re.findall(r"`(\w+)`", names)}
    assert set(DIMENSIONS) <= named
    assert used - named == set()


def test_names_in_code_are_the_code_s():
    part_one = [code for _, code, _, chapters in read_table(NOTATION, "Symbols") if re.match(r"all|[1-3]\b", chapters)]
    names = {name for code in part_one for name in re.findall(r"`(\w+)`", code)} - {"c", "f", "x"}
    assert {"mask", "scores", "temperature", "weights", "width"} <= names
    assert {name for name in names if not re.search(rf"\b{name}\b", CODE)} == set()


def test_every_letter_with_two_jobs_has_two_symbols():
    symbols = [symbol for symbol, *_ in read_table(NOTATION, "Symbols")]
    for letter, *_ in read_table(NOTATION, "Letters with two jobs"):
        uses = [symbol for symbol in symbols if re.search(rf"\${re.escape(letter.strip('$'))}(?![a-zA-Z])", symbol)]
        assert len(uses) >= 2, letter
