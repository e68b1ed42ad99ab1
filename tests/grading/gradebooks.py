"""A small problem set, its master and a real gradebook, for what reads scores."""

import os
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path
from unittest.mock import patch

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from grading.course import Course

TESTS = {"test_softmax": 2.0, "test_scores": 3.0}
WRITTEN = "why_softmax"
POINTS = {**TESTS, WRITTEN: 1.0}
STUB = 'raise NotImplementedError("Write your code here, in place of this line.")'


def marks(name: str, *, grade: bool, solution: bool) -> dict:
    """Return nbgrader's metadata of a cell."""
    marks = {"grade": grade, "grade_id": name, "locked": not solution, "schema_version": 3, "solution": solution}
    return {"nbgrader": {**marks, "task": False, **({"points": POINTS[name]} if grade else {})}}


def master() -> NotebookNode:
    """Return the master: two functions with a test each, and one question in words."""
    cells = [new_code_cell("import math", metadata=marks("setup", grade=False, solution=False))]
    for test in TESTS:
        name = test.removeprefix("test_")
        code = f"def {name}(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION"
        cells.append(new_code_cell(code, metadata=marks(name, grade=False, solution=True)))
        cells.append(new_code_cell(f"assert {name}(1) == 1", metadata=marks(test, grade=True, solution=False)))
    cells.append(new_markdown_cell("Because.", metadata=marks(WRITTEN, grade=True, solution=True)))
    return new_notebook(cells=cells)


def make_course(root: Path, *, assignments: tuple[str, ...] = ("ps1",)) -> Course:
    """Return a course with a master and a gradebook that knows its problem sets and nobody."""
    for assignment in assignments:
        path = root / "source" / assignment / f"{assignment}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(master(), path)
    (root / "gradebook.db").write_bytes(_gradebook(assignments))
    config = Config()
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.db_url = f"sqlite:///{root}/gradebook.db"
    config.ClearSolutions.code_stub = {"python": STUB}
    return Course(CourseDirectory(config=config), config)


def open_gradebook(course: Course) -> Gradebook:
    """Return the gradebook of a course."""
    return course.open_gradebook()


@cache
def _empty() -> bytes:
    """Make a gradebook once: nbgrader starts ``alembic`` from the search path for each, which takes seconds."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    with tempfile.TemporaryDirectory() as directory, patch.dict(os.environ, {"PATH": path}):
        file = Path(directory) / "gradebook.db"
        Gradebook(f"sqlite:///{file}", CourseDirectory().course_id).close()
        return file.read_bytes()


@cache
def _gradebook(assignments: tuple[str, ...]) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "gradebook.db"
        file.write_bytes(_empty())
        with Gradebook(f"sqlite:///{file}", CourseDirectory().course_id) as gradebook:
            for assignment in assignments:
                _add(gradebook, assignment)
        return file.read_bytes()


def _add(gradebook: Gradebook, assignment: str) -> None:
    gradebook.add_assignment(assignment, duedate="2026-09-01 12:00:00 UTC")
    gradebook.add_notebook(assignment, assignment)
    for name, points in POINTS.items():
        kind = "markdown" if name == WRITTEN else "code"
        gradebook.add_grade_cell(name, assignment, assignment, max_score=points, cell_type=kind)
        gradebook.add_source_cell(name, assignment, assignment, cell_type=kind)


def hand_in(
    gradebook: Gradebook,
    student: str,
    scores: dict[str, float | None],
    *,
    assignment: str = "ps1",
    timestamp: str | None = None,
    **about: str,
) -> None:
    """Enter what the automatic tests gave a student; a score of None waits for a person."""
    gradebook.update_or_create_student(student, **about)
    enter(gradebook, student, assignment, **({"timestamp": timestamp} if timestamp else {}))
    for name, score in scores.items():
        grade = gradebook.find_grade(name, assignment, assignment, student)
        grade.auto_score, grade.needs_manual_grade = score, score is None
    gradebook.db.commit()


def enter(gradebook: Gradebook, student: str, assignment: str, **about: str) -> None:
    """Enter a submission, of which nothing is graded yet."""
    with warnings.catch_warnings():
        # nbgrader asks SQLAlchemy for the notebooks of a submission that it has not added yet, in its own code.
        warnings.simplefilter("ignore", SAWarning)
        gradebook.update_or_create_submission(assignment, student, **about)
