"""Only answers count, whatever else a submitted file holds."""

import copy
import json
import os

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbgrader.utils import compute_checksum, determine_grade
from traitlets.config import PyFileConfigLoader

from grading.limits import Limits
from grading.splicing import (
    NOTES,
    UNREADABLE,
    Answers,
    UnreadableError,
    answer_cells,
    defined_names,
    find_answers,
    read_master,
    read_submission,
    splice,
    splice_file,
    splice_nothing,
    test_cells,
)
from publishing.settings import ROOT

test_cells.__test__ = False
LIMITS = Limits()
CONFIG = PyFileConfigLoader("nbgrader_config.py", path=str(ROOT)).load_config()


@pytest.fixture(scope="module")
def master():
    return read_master(ROOT / "solutions" / "ps1" / "ps1.ipynb")


@pytest.fixture
def handed_in():
    """What a student who wrote nothing hands in, as it lies in the file."""
    return json.loads((ROOT / "exercises" / "ps1" / "ps1.ipynb").read_text())


def cell_of(notebook, name):
    return next(cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == name)


def sources(notebook):
    return {cell.metadata.nbgrader.grade_id: cell.source for cell in notebook.cells if "nbgrader" in cell.metadata}


def test_answers_go_into_the_master(master, handed_in):
    cell_of(handed_in, "softmax")["source"] = "def softmax(x):\n    return x"
    spliced = splice(master, find_answers(handed_in["cells"], master), CONFIG)
    expected = sources(master)
    for name in answer_cells(master):
        source = cell_of(handed_in, name)["source"]
        expected[name] = source if isinstance(source, str) else "".join(source)
    expected[written(master).metadata.nbgrader.grade_id] = written(spliced).source
    assert sources(spliced) == expected
    assert expected["softmax"] == "def softmax(x):\n    return x"
    assert NOTES not in spliced.metadata
    nbformat.validate(spliced)


def test_the_master_is_left_as_it_was(master, handed_in):
    before = copy.deepcopy(master)
    splice(master, find_answers(handed_in["cells"], master))
    splice_nothing(master, "no reason")
    assert master == before


def test_nothing_else_of_the_notebook_counts(master, handed_in):
    plain = splice(master, find_answers(handed_in["cells"], master))
    disguised = copy.deepcopy(handed_in)
    disguised["metadata"] = {"kernelspec": {"name": "bash", "display_name": "Bash"}, "celltoolbar": "x"}
    disguised["nbformat_minor"] = 0
    for cell in disguised["cells"]:
        cell["metadata"] |= {"tags": ["skip-execution", "raises-exception"], "trusted": True}
        cell["attachments"] = {"a.png": {"image/png": "AAAA"}}
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "execute_result", "data": {"text/plain": "9.0"}, "metadata": {}}]
            cell["execution_count"] = 7
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("grade"):
            marks |= {"points": 1000, "grade": True, "solution": marks["solution"], "schema_version": 99}
            if not marks["solution"]:
                cell["source"] = "1000.0"
    extra = {"cell_type": "code", "id": "extra", "metadata": {}, "source": "import os", "outputs": []}
    disguised["cells"] = [extra, *disguised["cells"][::-1], extra]
    assert splice(master, find_answers(disguised["cells"], master)) == plain


def test_a_copy_of_a_cell_is_not_the_answer(master, handed_in):
    original = cell_of(handed_in, "softmax")
    original["source"] = "right"
    for position in (0, len(handed_in["cells"])):
        cells = copy.deepcopy(handed_in["cells"])
        cells.insert(position, copy.deepcopy(original) | {"id": "copied", "source": "wrong"})
        assert find_answers(cells, master).texts["softmax"] == "right"


def test_a_cell_is_known_by_its_id_or_by_its_name(master, handed_in):
    cell = cell_of(handed_in, "softmax")
    cell["source"] = "mine"
    without_name = copy.deepcopy(handed_in["cells"])
    next(one for one in without_name if one["id"] == cell["id"])["metadata"] = {}
    assert find_answers(without_name, master).texts["softmax"] == "mine"
    cell["id"] = "another"
    assert find_answers(handed_in["cells"], master).texts["softmax"] == "mine"


def test_an_answer_that_is_marked_as_another_is_not_taken(master, handed_in):
    cell = cell_of(handed_in, "softmax")
    cell["metadata"]["nbgrader"]["grade_id"] = "entropy"
    answers = find_answers(handed_in["cells"], master)
    assert "softmax" not in answers.texts
    assert answers.notes == ["The cell of softmax is missing: it counts as empty."]


def test_what_is_missing_counts_as_empty_and_is_said(master, handed_in):
    cells = [cell for cell in handed_in["cells"] if cell["id"] not in ("softmax", "entropy")]
    spliced = splice(master, find_answers(cells, master))
    assert sources(spliced)["softmax"] == sources(spliced)["entropy"] == ""
    assert len(spliced.metadata[NOTES]) == 2
    assert "The cell of softmax is missing" in spliced.cells[0].source
    assert "nbgrader" not in spliced.cells[0].metadata


def written(notebook):
    return next(cell for cell in answer_cells(notebook).values() if cell.cell_type == "markdown")


@pytest.mark.parametrize("text", [None, "", " \n", "as it came"])
def test_a_text_that_nobody_wrote_needs_no_person(master, handed_in, text):
    name = written(master).metadata.nbgrader.grade_id
    answers = find_answers(handed_in["cells"], master)
    if text is None:
        del answers.texts[name]
    elif not text.strip():
        answers.texts[name] = text
    assert determine_grade(written(splice(master, answers, CONFIG)))[0] == 0


def test_a_text_that_somebody_wrote_does(master, handed_in):
    answers = find_answers(handed_in["cells"], master)
    answers.texts[written(master).metadata.nbgrader.grade_id] = "Because."
    assert determine_grade(written(splice(master, answers, CONFIG)))[0] is None


def test_a_written_answer_can_be_shown(master, handed_in):
    answers = find_answers(handed_in["cells"], master)
    answers.texts[written(master).metadata.nbgrader.grade_id] = "*So* <script>alert(1)</script>"
    assert written(splice(master, answers, CONFIG)).source == (
        "<div><p><em>So</em> &lt;script&gt;alert(1)&lt;/script&gt;</p></div>"
    )


def test_checksums_are_those_of_the_release(master, handed_in):
    spliced = splice(master, find_answers(handed_in["cells"], master), CONFIG)
    for name, cell in answer_cells(spliced).items():
        assert cell.metadata.nbgrader.checksum == cell_of(handed_in, name)["metadata"]["nbgrader"]["checksum"]
        assert cell.metadata.nbgrader.checksum == compute_checksum(cell)
    # Locked cells are the master's, with the hidden tests.
    assert all("BEGIN HIDDEN TESTS" in cell.source for cell in test_cells(spliced).values())


def test_names_that_tests_may_ask_for(master):
    assert {"softmax", "entropy", "weighted_sum"} <= set(defined_names(master))
    layered = read_master(ROOT / "solutions" / "ps2" / "ps2.ipynb")
    assert "AttentionLayer" in defined_names(layered)


# Files that anyone may have made


def test_a_notebook_is_read(tmp_path, handed_in):
    path = tmp_path / "ps1.ipynb"
    path.write_text(json.dumps(handed_in))
    assert read_submission(path, LIMITS) == handed_in["cells"]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # as some editors begin a file
    assert read_submission(path, LIMITS) == handed_in["cells"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"cells": ' + b"1" * 10_000 + b"}", "not JSON"),
        (b"3", "no list of cells"),
        (b"[]", "no list of cells"),
        (b'{"nbformat": 3, "worksheets": []}', "no list of cells"),
        (b'{"cells": {}}', "no list of cells"),
    ],
    ids=range(9),
)
def test_a_file_that_is_no_notebook(tmp_path, master, content, reason):
    path = tmp_path / "ps1.ipynb"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=reason):
        read_submission(path, LIMITS)
    spliced = splice_file(path, master, LIMITS)
    assert reason in spliced.metadata[UNREADABLE]
    assert all(sources(spliced)[name] == "" for name, cell in answer_cells(master).items() if cell.cell_type == "code")
    assert determine_grade(written(spliced))[0] == 0


def test_a_file_that_is_too_large(tmp_path):
    path = tmp_path / "ps1.ipynb"
    path.write_text(json.dumps({"cells": [], "padding": "x" * 2**20}))
    assert read_submission(path, Limits(submission_mb=2)) == []
    with pytest.raises(UnreadableError, match="larger than 1 MB"):
        read_submission(path, Limits(submission_mb=1))


@pytest.mark.parametrize("make", ["nothing", "link", "dangling", "folder", "pipe", "device"])
def test_what_is_no_file_of_its_own(tmp_path, handed_in, make):
    real, path = tmp_path / "real.ipynb", tmp_path / "ps1.ipynb"
    real.write_text(json.dumps(handed_in))
    makers = {
        "nothing": lambda: None,
        "link": lambda: path.symlink_to(real),
        "dangling": lambda: path.symlink_to(tmp_path / "gone"),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
    }
    makers[make]()
    with pytest.raises(UnreadableError, match=r"ps1\.ipynb"):
        read_submission(path, LIMITS)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cell_type", "id", "metadata", "nbgrader", "grade_id", "source"]), inner, max_size=6
        )
    ),
    max_leaves=20,
)


@settings(max_examples=30)
@given(cells=st.lists(ODD.filter(lambda one: isinstance(one, dict)), max_size=4), source=ODD)
def test_cells_of_any_form(master, cells, source):
    cells = [*cells, {"id": "softmax", "metadata": {"nbgrader": {"grade_id": "softmax"}}, "source": source}]
    spliced = splice(master, find_answers(cells, master))
    nbformat.validate(spliced)
    nbformat.writes(spliced).encode("utf-8")


def test_half_a_letter_can_be_written_down(tmp_path, master, handed_in):
    cell_of(handed_in, "softmax")["source"] = "x = '\ud800'"
    path = tmp_path / "ps1.ipynb"
    path.write_text(json.dumps(handed_in))
    nbformat.writes(splice_file(path, master, LIMITS)).encode("utf-8")


def test_notes_are_text(master):
    spliced = splice(master, Answers({}, ["<script>alert(1)</script>"]))
    assert "<script>" not in spliced.cells[0].source


def test_a_master_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing can be graded without the master"):
        read_master(tmp_path / "ps9.ipynb")
