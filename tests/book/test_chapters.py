"""What every chapter owes its reader: objectives, prerequisites, time, take-aways, exercises, figures that explain."""

import re

import jupytext
import pytest
import yaml

from publishing.notebooks import chapters
from publishing.settings import ROOT

CHAPTERS = [path for path in chapters() if re.match(r"\d\d-", path.name)]
STANDARD_LIBRARY = {
    "__future__",
    "collections",
    "functools",
    "inspect",
    "itertools",
    "json",
    "math",
    "pathlib",
    "re",
    "textwrap",
    "time",
}
ALLOWED_IMPORTS = STANDARD_LIBRARY | {"attnlib", "IPython", "matplotlib", "numpy", "torch"}
PAGE_COLUMNS = 86
PAGES = sorted((ROOT / "book").glob("*.md"))


def name(path):
    return path.stem


def figure_cells(path):
    cells = jupytext.read(path, fmt="md:myst").cells
    return [cell for cell in cells if "figure" in cell.metadata.get("mystnb", {})]


def test_part_one_is_there():
    assert [path.stem for path in CHAPTERS][:3] == ["01-why-attention", "02-weighted-sums", "03-softmax"]


def test_the_table_of_contents_lists_every_page_once():
    toc = yaml.safe_load((ROOT / "book/_toc.yml").read_text(encoding="utf-8"))
    listed = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    assert sorted(listed) == [path.stem for path in PAGES]


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
class TestChapter:
    def test_opens_at_a_glance(self, path):
        text = path.read_text(encoding="utf-8")
        glance = re.search(r"^# .+\n\n:::\{admonition\} At a glance\n(.*?)^:::$", text, re.MULTILINE | re.DOTALL)
        assert glance, "the chapter opens with its title and an 'At a glance' block"
        assert "**You will be able to**" in glance[1]
        assert "**You need**" in glance[1]
        assert re.search(r"\*\*Time\*\* \d+ minutes", glance[1])

    def test_closes_with_take_aways_and_exercises(self, path):
        text = path.read_text(encoding="utf-8")
        take_aways = re.search(r"^## Take-aways\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
        assert take_aways
        assert 3 <= len(re.findall(r"^[-*] ", take_aways[1], re.MULTILINE)) <= 5
        exercises = re.search(r"^## Exercises\n(.*?)(^## |\Z)", text, re.MULTILINE | re.DOTALL)
        assert exercises
        assert re.search(r"{ref}`[^`]*<ps\d+>`", exercises[1])

    def test_every_figure_has_caption_name_and_text_alternative(self, path):
        assert figure_cells(path), "a chapter has a figure"
        for cell in figure_cells(path):
            figure = cell.metadata["mystnb"]["figure"]
            assert figure["name"].startswith("fig-")
            assert len(figure["caption"].split()) >= 8, figure["name"]
            assert len(cell.metadata["mystnb"]["image"]["alt"].split()) >= 6, figure["name"]
            assert "hide-input" in cell.metadata["tags"]

    def test_draws_nothing_without_a_caption(self, path):
        for cell in jupytext.read(path, fmt="md:myst").cells:
            if cell.cell_type == "code" and "plt.show()" in cell.source:
                assert "figure" in cell.metadata.get("mystnb", {}), cell.source[:80]

    def test_visible_code_fits_the_page(self, path):
        for cell in jupytext.read(path, fmt="md:myst").cells:
            if cell.cell_type == "code" and not {"hide-input", "remove-cell"} & set(cell.metadata.get("tags", [])):
                assert [line for line in cell.source.splitlines() if len(line) > PAGE_COLUMNS] == []

    def test_code_runs_on_a_bare_machine(self, path):
        for cell in jupytext.read(path, fmt="md:myst").cells:
            if cell.cell_type == "code" and "remove-cell" not in cell.metadata.get("tags", []):
                imported = re.findall(r"^\s*(?:from|import) (\w+)", cell.source, re.MULTILINE)
                assert set(imported) <= ALLOWED_IMPORTS, set(imported) - ALLOWED_IMPORTS


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_prose_keeps_to_the_style(path):
    prose = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\b(simply|just|obviously|of course|trivial(?:ly)?|powerful|exciting)\b", prose, re.IGNORECASE)
    assert not found


def public_modules():
    paths = sorted((ROOT / "attnlib").rglob("[a-z]*.py"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]


@pytest.mark.parametrize("module", public_modules())
def test_the_reference_holds_every_public_module(module):
    documented = re.findall(r"automodule:: ([\w.]+)", (ROOT / "book/reference.md").read_text(encoding="utf-8"))
    assert module in documented or module in ("attnlib.runtime", "attnlib.cli")
