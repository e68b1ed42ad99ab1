"""The .ipynb files: up to date, clean to read where there is no Sphinx, and the same bytes every time."""

import json
import re

import nbformat
import pytest

from publishing.exercises import generate, problem_sets
from publishing.notebooks import chapters, exported, is_text_notebook, masters, write_all
from publishing.settings import ROOT, load_settings

EXPORTED = exported()
NOTEBOOKS = sorted([*EXPORTED, *ROOT.glob("exercises/ps*/*.ipynb")])
RAW_MARKUP = {
    "directive": re.compile(r"^\s*(:{3,}|`{3,})\s*\{", re.MULTILINE),
    "closing fence": re.compile(r"^\s*:{3,}\s*$", re.MULTILINE),
    "role": re.compile(r"\{[a-z][\w:-]*\}`"),
    "label": re.compile(r"^\([\w-]+\)=", re.MULTILINE),
    "equation label": re.compile(r"\$\$\s*\([\w-]+\)"),
    "option": re.compile(r"^:[\w-]+:", re.MULTILINE),
    "link to a text file": re.compile(r"\]\([\w/.-]*\.md\b"),
    "reference": re.compile(r"\[@|\{\{"),
}


def relative(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\njupytext:\n  x: y\nkernelspec:\n  name: python3\n---\n# T\n", True),
        ("---\ntitle: T\n---\n\n```yaml\nkernelspec:\n```\n", False),
        ("---\n---\nkernelspec:\n---\n", False),
        ("# T\n\n---\nkernelspec:\n---\n", False),
    ],
)
def test_a_text_notebook_names_its_kernel_in_its_header(tmp_path, text, expected):
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    assert is_text_notebook(path) is expected


def test_every_text_notebook_is_exported():
    names = {path.stem for path in EXPORTED}
    assert {"intro", "01-why-attention", "02-weighted-sums", "03-softmax", "ps1"} <= names
    assert len(EXPORTED) == len(chapters()) + len(masters())


@pytest.mark.parametrize("path", sorted(EXPORTED), ids=relative)
def test_is_up_to_date(path):
    assert path.exists(), f"{relative(path)} is missing: run `make notebooks`"
    assert path.read_text(encoding="utf-8") == EXPORTED[path], f"{relative(path)} is out of date: run `make notebooks`"


def test_no_notebook_is_left_without_its_text():
    orphans = {*ROOT.glob("book/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")} - set(EXPORTED)
    assert not orphans, f"without a .md beside them: {sorted(map(relative, orphans))}"


def test_export_is_deterministic():
    assert exported() == EXPORTED


def test_writes_only_what_changed(tmp_path):
    for name in ["_config.yml", "book/references.bib", "book/intro.md"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    assert [path.name for path in write_all(tmp_path)] == ["intro.ipynb"]
    assert write_all(tmp_path) == []


def test_released_problem_sets_are_up_to_date(tmp_path):
    names = generate(tmp_path)
    assert names == problem_sets()
    released = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    committed = {
        path.relative_to(ROOT / "exercises"): path.read_bytes()
        for path in ROOT.glob("exercises/**/*")
        if path.is_file() and ".ipynb_checkpoints" not in path.parts
    }
    assert released.keys() == committed.keys(), "run `make exercises`"
    stale = [str(name) for name, content in released.items() if committed[name] != content]
    assert not stale, f"out of date: {stale}: run `make exercises`"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=relative)
class TestNotebook:
    def test_is_valid(self, path):
        nbformat.validate(json.loads(path.read_text(encoding="utf-8")))

    def test_holds_no_outputs(self, path):
        cells = nbformat.read(path, as_version=4).cells
        assert not [cell.id for cell in cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]

    def test_shows_no_raw_markup(self, path):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                text = re.sub(r"^```\w*\n.*?^```$", "", cell.source, flags=re.MULTILINE | re.DOTALL)
                found = {kind: match[0] for kind, markup in RAW_MARKUP.items() if (match := markup.search(text))}
                assert not found, f"cell {cell.id}: {found}"

    def test_needs_nothing_of_the_site(self, path):
        code = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
        assert "myst_nb" not in code
        assert "glue(" not in code

    def test_begins_by_installing_attnlib_in_one_line(self, path):
        first = nbformat.read(path, as_version=4).cells[0]
        assert first.cell_type == "code"
        installs = [line for line in first.source.splitlines() if "pip install" in line]
        assert installs == [f"    %pip install --quiet {load_settings().requirement}"]

    def test_cell_ids_are_unique(self, path):
        ids = [cell.id for cell in nbformat.read(path, as_version=4).cells]
        assert len(ids) == len(set(ids))

    def test_no_two_markdown_cells_hold_the_same_text(self, path):
        texts = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]
        written = [text for text in texts if len(text) > 200]
        assert len(written) == len(set(written))


@pytest.mark.parametrize("path", [path for path in EXPORTED if "book" in path.parts], ids=relative)
def test_links_back_to_its_page(path):
    title = next(cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    assert title.source.startswith("# ")
    assert f"[read this page]({load_settings().page(path.stem)})" in title.source


@pytest.mark.parametrize("path", sorted(ROOT.glob("exercises/ps*/*.ipynb")), ids=relative)
def test_release_gives_nothing_away(path):
    text = path.read_text(encoding="utf-8")
    for secret in [
        "BEGIN SOLUTION",
        "END SOLUTION",
        "BEGIN HIDDEN",
        "END HIDDEN",
        "course_seed",
        "Marking guide",
    ]:
        assert secret.lower() not in text.lower(), f"{relative(path)} holds {secret!r}"
    assert {file.suffix for file in path.parent.rglob("*") if file.is_file()} == {".ipynb"}
