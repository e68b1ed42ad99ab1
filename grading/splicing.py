"""A submission and a master -> the notebook that is graded.

Of what was handed in only the answers count: the text of solution cells. They are put into a fresh copy of the
master; everything else of the submitted file is left behind.
"""

import ast
import copy
import errno
import html
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions
from nbgrader.utils import compute_checksum, is_grade, is_solution
from traitlets.config import Config

from grading.limits import Limits
from grading.parsing import parse
from grading.safe_text import safe

NOTES = "grading_notes"
"""Key of the notebook's metadata that holds what the feedback is to say of the submission as a whole."""
UNREADABLE = "grading_unreadable"
"""Key of the notebook's metadata that holds why nothing of the submission can be graded."""

_ON_TOP = "grading-notes"


class UnreadableError(ValueError):
    """Nothing in the submission can be graded; the message says why, for student and instructor."""


@dataclass(frozen=True)
class Answers:
    """The answers of a submission by the name of their cell, and what is to be said of those that are missing."""

    texts: dict[str, str]
    notes: list[str] = field(default_factory=list)


def read_master(path: Path) -> NotebookNode:
    """Read a master, the instructor's own file.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: nothing can be graded without the master")
    return nbformat.read(path, as_version=4)


def answer_cells(master: NotebookNode) -> dict[str, NotebookNode]:
    """Return the cells that students fill in, code and text, by name."""
    return {cell.metadata.nbgrader.grade_id: cell for cell in master.cells if is_solution(cell)}


def test_cells(master: NotebookNode) -> dict[str, NotebookNode]:
    """Return the cells that are graded by running them, by name."""
    cells = (cell for cell in master.cells if is_grade(cell) and not is_solution(cell))
    return {cell.metadata.nbgrader.grade_id: cell for cell in cells}


def defined_names(master: NotebookNode) -> list[str]:
    """Return the names that the master's solutions define: what its tests may ask of the student's process."""
    sources = (cell.source for cell in answer_cells(master).values() if cell.cell_type == "code")
    return sorted({name for source in sources for name in _top_level_names(source)})


def _top_level_names(source: str) -> Iterator[str]:
    for statement in parse(source).body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))


def read_submission(path: Path, limits: Limits) -> list[dict]:
    """Read the cells of a file that anyone may have made.

    Raises
    ------
    UnreadableError
        If it isn't a file of its own, is too large, or isn't a notebook.
    """
    if any(folder.is_symlink() for folder in path.parents[:2]):
        raise UnreadableError(f"{path.name} does not lie in a folder of its own: the folder is a link")
    notebook = _json(read_file(path, limits.submission_mb))
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise UnreadableError(
            f"{path.name} is no notebook of format 4: it has no list of cells. Open it in Jupyter and save it again."
        )
    return [cell for cell in cells if isinstance(cell, dict)]


def read_file(path: Path, limit_mb: float) -> bytes:
    """Read a file that anyone may have made.

    Raises
    ------
    UnreadableError
        If it isn't a file of its own, or is too large.
    """
    try:
        # A link is not followed, and a pipe not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise UnreadableError(f"there is no {path.name}: was it handed in under another name?") from error
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        why = "is a link and no file of its own" if is_link else f"can't be opened ({error.strerror})"
        raise UnreadableError(f"{path.name} {why}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableError(f"{path.name} is not a file")
    with open(descriptor, "rb") as file:
        content = file.read(int(limit_mb * 2**20) + 1)
    if len(content) > limit_mb * 2**20:
        raise UnreadableError(f"{path.name} is larger than {limit_mb:g} MB: clear its outputs and hand it in again")
    return content


def _json(content: bytes) -> object:
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"this is no notebook: its content is not JSON ({type(error).__name__})") from error


def find_answers(cells: list[dict], master: NotebookNode) -> Answers:
    """Find each answer among the cells of a submission, by the name and the id of its cell.

    The master's cell id tells an original from its copies; a cell that has lost its marks is known by its id, and one
    that has lost its id by its marks.
    """
    texts, notes = {}, []
    for name, cell in answer_cells(master).items():
        found = _answer(cells, name, cell.get("id"))
        if found is None:
            notes.append(f"The cell of {name} is missing: it counts as empty.")
        else:
            texts[name] = found
    return Answers(texts, notes)


def _answer(cells: list[dict], name: str, cell_id: str | None) -> str | None:
    named = [cell for cell in cells if _grade_id(cell) == name]
    same_id = [cell for cell in cells if cell_id is not None and cell.get("id") == cell_id]
    both = [cell for cell in named if cell in same_id]
    # A cell of the right id that bears the mark of another answer is not this one.
    unmarked = [cell for cell in same_id if _grade_id(cell) is None]
    return next((_source(cell) for cell in (*both, *named, *unmarked)), None)


def _grade_id(cell: dict) -> str | None:
    marks = cell.get("metadata")
    marks = marks.get("nbgrader") if isinstance(marks, dict) else None
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    return name if isinstance(name, str) else None


def _source(cell: dict) -> str:
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return ""
    # Half of a surrogate pair is no text, and could not be written down again.
    return source.encode("utf-8", "replace").decode("utf-8")


def splice(master: NotebookNode, answers: Answers, config: Config | None = None) -> NotebookNode:
    """Return a fresh copy of the master with the answers in it, and a note on top about those that are missing.

    A text that is missing or was left as it came is what students get in its place, so that nbgrader sees that there
    is no answer to review.
    """
    notebook = copy.deepcopy(master)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if is_solution(cell):
            _fill(cell, answers, config)
        elif "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.checksum = compute_checksum(cell)
    return note(notebook, answers.notes)


def _fill(cell: NotebookNode, answers: Answers, config: Config | None) -> None:
    stub = released(cell, config)
    cell.metadata.nbgrader.checksum = compute_checksum(stub)
    text = answers.texts.get(cell.metadata.nbgrader.grade_id, "")
    if cell.cell_type == "code":
        cell.source = text
    else:
        unwritten = text.strip() in ("", stub.source.strip())
        cell.source = stub.source if unwritten else safe(text)
    cell.pop("attachments", None)


def splice_nothing(master: NotebookNode, reason: str, config: Config | None = None) -> NotebookNode:
    """Return the master without an answer, for a submission that can't be read, with the reason on top."""
    notebook = splice(master, Answers({}), config)
    notebook.metadata[UNREADABLE] = reason
    return note(notebook, [f"Nothing could be graded: {reason}"])


def splice_file(path: Path, master: NotebookNode, limits: Limits, config: Config | None = None) -> NotebookNode:
    """Return the notebook to grade for a submitted file, whatever the file is."""
    try:
        return splice(master, find_answers(read_submission(path, limits), master), config)
    except UnreadableError as error:
        return splice_nothing(master, str(error), config)


def released(cell: NotebookNode, config: Config | None = None) -> NotebookNode:
    """Return a solution cell as students get it."""
    cell = copy.deepcopy(cell)
    preprocessor = ClearSolutions(config=config) if config is not None else ClearSolutions()
    return preprocessor.preprocess_cell(cell, {"language": "python"}, 0)[0]


def note(notebook: NotebookNode, notes: list[str]) -> NotebookNode:
    """Have a notebook say something of the submission as a whole, on top, besides what it says there already."""
    if not notes:
        return notebook
    notes = notebook.metadata[NOTES] = [*notebook.metadata.get(NOTES, []), *notes]
    lines = "".join(f"\n- {html.escape(note)}" for note in notes)
    cell = nbformat.v4.new_markdown_cell(f"**About this submission**\n{lines}", id=_ON_TOP)
    notebook.cells = [cell, *(cell for cell in notebook.cells if cell.get("id") != _ON_TOP)]
    return notebook
