"""The references are complete and render; the citation file and the licences say what the package says."""

import hashlib
import re
import tomllib
import unicodedata
from collections import Counter

import pytest
import yaml
from pybtex.backends.plaintext import Backend
from pybtex.database import parse_file
from pybtex.plugin import find_plugin

import attnlib
from publishing.settings import ROOT, load_settings

REFERENCES = parse_file(ROOT / "book/references.bib").entries
STYLE = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]["bibtex_default_style"]

REQUIRED = {
    "article": {"title", "journal", "volume", "pages", "year"},
    "book": {"title", "publisher", "year"},
    "incollection": {"title", "booktitle", "publisher", "pages", "year"},
    "inproceedings": {"title", "booktitle", "year"},
    "misc": {"title", "howpublished", "year"},
}
NOT_ONLINE = {"rhodes2021lecture27", "rumelhart1987parallel", "watson1964smooth"}

# What the article that the book grew out of names, by arXiv number, DOI, or first author and year.
SYSTEMS = {
    "additive attention": "1409.0473",
    "multiplicative attention": "1508.04025",
    "self-attention, many heads and the Transformer": "1706.03762",
    "LSTM": "10.1162/neco.1997.9.8.1735",
    "recurrent network": "10.1207/s15516709cog1402_1",
    "encoder and decoder": "1406.1078",
    "sequence to sequence": "1409.3215",
    "teacher forcing": "10.1162/neco.1989.1.2.270",
    "teacher forcing with a probability": "1506.03099",
    "softmax": "10.1007/978-3-642-76153-9_28",
    "word2vec": "1301.3781",
    "GloVe": "10.3115/v1/D14-1162",
    "sigma-pi unit": "10.1207/s15516709cog0603_1",
    "multiplicative units of parallel distributed processing": ("Rumelhart", "1987"),
    "hyper-networks": "1609.09106",
    "neural Turing machine": "1410.5401",
    "differentiable neural computer": "10.1038/nature20101",
    "stand-alone self-attention in vision": "1906.05909",
    "study of spatial attention": "1904.05873",
    "squeeze-and-excitation": "1709.01507",
    "CBAM": "1807.06521",
    "multi-head convolutional attention": "2204.04218",
    "Perceiver": "2103.03206",
    "PyTorch tutorial": ("Robertson", "2017"),
    "lectures at NYU": ("LeCun", "2020"),
    "lecture 27 of CS 152": ("Rhodes", "2021"),
    "attention is not explanation": "1902.10186",
    "attention is not not explanation": "1908.04626",
    "alignment error rate": "10.1162/089120103321337421",
}


def surname(person):
    return " ".join([*person.prelast_names, *person.last_names])


def identifiers(entry):
    first = (surname(entry.persons["author"][0]), entry.fields["year"])
    return {entry.fields.get("eprint"), entry.fields.get("doi"), first} - {None}


def plain(entry):
    style = find_plugin("pybtex.style.formatting", STYLE)()
    return next(iter(style.format_entries([entry]))).text.render(Backend())


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_has_its_reference(system):
    assert any(SYSTEMS[system] in identifiers(entry) for entry in REFERENCES.values())


@pytest.mark.parametrize("key", REFERENCES)
class TestReference:
    def test_has_the_fields_of_its_type(self, key):
        entry = REFERENCES[key]
        assert REQUIRED[entry.type] - set(entry.fields) == set()

    def test_names_every_author_in_full(self, key):
        people = REFERENCES[key].persons["author"]
        assert people
        for person in people:
            assert person.first_names, surname(person)
            assert surname(person).lower() != "others"

    def test_key_is_first_author_year_and_word(self, key):
        entry = REFERENCES[key]
        folded = unicodedata.normalize("NFKD", surname(entry.persons["author"][0])).encode("ascii", "ignore").decode()
        assert re.fullmatch(rf"{folded.lower().split()[-1]}{entry.fields['year']}[a-z0-9]+", key)

    def test_can_be_found(self, key):
        fields = REFERENCES[key].fields
        assert re.fullmatch(r"\d{4}\.\d{4,5}", fields.get("eprint", "0000.0000"))
        assert re.fullmatch(r"10\.\d{4,9}/\S+", fields.get("doi", "10.0000/0"))
        assert fields.get("url", "https://").startswith("https://")
        assert ({"eprint", "doi", "url"} & set(fields) == set()) == (key in NOT_ONLINE)

    def test_renders(self, key):
        text, entry = plain(REFERENCES[key]), REFERENCES[key]
        assert re.sub(r"[{}]", "", entry.fields["title"]).replace("--", "–") in text
        assert surname(entry.persons["author"][-1]).strip("{}") in text
        assert entry.fields["year"] in text
        assert not re.search(r"[{}\\]|--|\?\?", text)


@pytest.mark.parametrize("field", ["doi", "eprint", "url", "title"])
def test_no_reference_stands_twice(field):
    count = Counter(entry.fields[field].lower() for entry in REFERENCES.values() if field in entry.fields)
    assert [value for value, times in count.items() if times > 1] == []


def test_references_are_in_order():
    assert list(REFERENCES) == sorted(REFERENCES)


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.md")), ids=lambda path: path.stem)
def test_every_citation_has_its_reference(path):
    roles = re.findall(r"\{cite:\w+\}`([^`]+)`", path.read_text(encoding="utf-8"))
    cited = {key.strip() for role in roles for key in role.split(",")}
    assert cited - set(REFERENCES) == set()


@pytest.mark.parametrize("path", sorted((ROOT / "attnlib").rglob("*.py")), ids=lambda path: path.stem)
def test_every_source_in_a_docstring_has_its_reference(path):
    found = re.findall(r"\b(?:arXiv|doi):([\w./()-]*\w)", path.read_text(encoding="utf-8"))
    known = set().union(*map(identifiers, REFERENCES.values()))
    assert set(found) - known == set()


class TestCitationFile:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

    def test_has_what_the_format_requires(self):
        assert self.citation["cff-version"] == "1.2.0"
        assert self.citation["type"] == "software"
        for work in (self.citation, self.citation["preferred-citation"]):
            assert work["title"].startswith(load_settings().title)
            assert [set(author) for author in work["authors"]] == [{"name"}]
        assert self.citation["message"]
        known = {"cff-version", "message", "type", "title", "abstract", "authors", "version", "license", "keywords"}
        assert set(self.citation) - known == {"preferred-citation"}

    def test_version_and_licence_are_the_package_s(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert self.citation["version"] == project["version"] == attnlib.__version__
        assert self.citation["license"] == project["license"]


class TestLicences:
    def test_code_is_under_bsd(self):
        text = (ROOT / "LICENSE").read_text(encoding="utf-8")
        assert text.startswith(
            "BSD 3-Clause License\n\nCopyright (c) 2026, the authors of Attention from the Ground Up\n"
        )
        assert [line[:2] for line in text.splitlines() if re.match(r"\d\.", line)] == ["1.", "2.", "3."]

    def test_text_is_under_cc_by_word_for_word(self):
        notice, _, rest = (
            (ROOT / "LICENSE-TEXT").read_text(encoding="utf-8").partition("\nAttribution 4.0 International\n")
        )
        assert "https://creativecommons.org/licenses/by/4.0/" in notice
        legal_code = ("Attribution 4.0 International\n" + rest).encode()
        # The hash of https://creativecommons.org/licenses/by/4.0/legalcode.txt
        official = "9ba9550ad48438d0836ddab3da480b3b69ffa0aac7b7878b5a0039e7ab429411"
        assert hashlib.sha256(legal_code).hexdigest() == official


@pytest.mark.parametrize("name", ["LICENSE", "LICENSE-TEXT", "CITATION.cff", "CONTRIBUTING.md"])
def test_the_repository_s_address_stands_elsewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert load_settings().repository not in text
    assert load_settings().site not in text
