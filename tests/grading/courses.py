"""A course directory with a tiny problem set, made as an instructor makes one, and what students hand in for it."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import nbformat
from dask.distributed import LocalCluster
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Comment, Grade, Student, SubmittedAssignment, SubmittedNotebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import PyFileConfigLoader

import grading.grader
from grading import batches
from grading.course import Course

ROOT = Path(__file__).parents[2]
PAGES = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
PROBLEMS = "ps1"
POINTS = {"test_double": 1.0, "test_total": 2.0, "test_longest": 3.0}
RIGHT = {
    "double": "def double(x):\n    return x + x",
    "total": "def total(numbers):\n    return sum(numbers)",
    "longest": "def longest(words):\n    return max(words, key=len)",
}
MAXIMUM = 8.0  # the three tests, and two points for what is written
WRITTEN = "why"
_TESTS = {
    "double": ("double(2) == 4", "double(-1.5) == -3.0"),
    "total": ("total([1, 2]) == 3", "total([]) == 0"),
    "longest": ('longest(["a", "bcd"]) == "bcd"', 'longest(["ab", "a"]) == "ab"'),
}
_CONFIG = f"""c = get_config()
load_subconfig("nbgrader_config.py", path={str(ROOT)!r})
"""


def environment(**more: str) -> dict[str, str]:
    """Return the environment in which an instructor types commands, with this interpreter's programs on the path."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    inherited = {name: value for name, value in os.environ.items() if name != "ATTNLIB_COURSE_SEED"}
    return inherited | {"PATH": path, "PYTHONPATH": str(ROOT)} | more


def type_in(course: Course, *words: str, **more: str) -> subprocess.CompletedProcess:
    """Run a command as an instructor does, from the course's directory."""
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command, cwd=course.root, env=environment(**more), capture_output=True, text=True, timeout=300
    )


def _marks(name: str, *, points: float | None = None, solution: bool = False) -> dict:
    graded = points is not None
    marks = {"grade": graded, "grade_id": name, "locked": not solution, "schema_version": 3, "solution": solution}
    return {"nbgrader": marks | {"task": False} | ({"points": points} if graded else {})}


def master() -> NotebookNode:
    """Return the master: three functions with a test each, the second half of it hidden, and a question in words."""
    cells = [new_code_cell("import math", id="setup", metadata=_marks("setup"))]
    for name, (shown, hidden) in _TESTS.items():
        head, body = RIGHT[name].split("\n")
        code = f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"
        cells.append(new_code_cell(code, id=name, metadata=_marks(name, solution=True)))
        test = f"assert {shown}\n### BEGIN HIDDEN TESTS\nassert {hidden}\n### END HIDDEN TESTS"
        marks = _marks(f"test_{name}", points=POINTS[f"test_{name}"])
        cells.append(new_code_cell(test, id=f"test-{name}", metadata=marks))
    marks = _marks(WRITTEN, points=MAXIMUM - sum(POINTS.values()), solution=True)
    cells.append(new_markdown_cell("Because it is so.", id=WRITTEN, metadata=marks))
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return new_notebook(cells=cells, metadata=kernel)


def make_course(base: Path, target: Path) -> Course:
    """Copy a course of which the problem set has been generated and nothing handed in. The first one is kept in base.

    base is a directory that all tests of a session share.
    """
    template = base / "course"
    if not template.is_dir():
        scratch = base / f"course-{os.getpid()}"
        _write(scratch)
        generate(open_course(scratch))
        scratch.rename(template)
    shutil.copytree(template, target)
    return open_course(target)


def generate(course: Course) -> None:
    """Do what ``nbgrader generate_assignment ps1`` does."""
    with nbgrader(course) as api:
        done = api.generate_assignment(PROBLEMS, force=True)
    assert done["success"], done["log"]


@contextmanager
def nbgrader(course: Course) -> Iterator[NbGraderAPI]:
    """What stands behind nbgrader's commands, in this process."""
    with patch.dict(os.environ, environment()):
        yield NbGraderAPI(course.directory, config=course.config)


def _write(root: Path) -> None:
    (root / "solutions" / PROBLEMS).mkdir(parents=True)
    nbformat.write(master(), root / "solutions" / PROBLEMS / f"{PROBLEMS}.ipynb")
    (root / "nbgrader_config.py").write_text(_CONFIG)


def open_course(root: Path) -> Course:
    """Return the course in a directory, as its configuration describes it."""
    with patch.dict(os.environ), patch.object(sys, "path", list(sys.path)):  # the configuration changes both
        config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.root = str(root)
    directory = CourseDirectory(config=config)
    config.CourseDirectory.db_url = directory.db_url
    return Course(directory, config)


def configure(course: Course, *lines: str) -> Course:
    """Add lines to a course's configuration; return the course as it is then."""
    with open(course.root / "nbgrader_config.py", "a") as file:
        file.write("".join(f"{line}\n" for line in lines))
    return open_course(course.root)


def release(course: Course) -> NotebookNode:
    """Return what students got."""
    return nbformat.read(course.root / "exercises" / PROBLEMS / f"{PROBLEMS}.ipynb", as_version=4)


def solved(course: Course, answers: dict[str, str] | None = None, written: str | None = None) -> NotebookNode:
    """Return what a student has made of the release."""
    notebook, answers = release(course), RIGHT if answers is None else answers
    for cell in notebook.cells:
        name = cell.metadata.nbgrader.grade_id
        if name in answers:
            cell.source = answers[name]
        elif name == WRITTEN and written is not None:
            cell.source = written
    return notebook


def folder(course: Course, student: str) -> Path:
    """Return where a student's files lie, and make it."""
    path = course.path("submitted", student, PROBLEMS)
    path.mkdir(parents=True, exist_ok=True)
    return path


def hand_in(course: Course, student: str, content: NotebookNode | dict | str | bytes | None = None) -> Path:
    """Put a student's file there: answers, a notebook, or anything else. None is all answers, and right ones."""
    if content is None or (isinstance(content, dict) and not isinstance(content, NotebookNode)):
        content = solved(course, content)
    if isinstance(content, NotebookNode):
        content = nbformat.writes(content)
    path = folder(course, student) / f"{PROBLEMS}.ipynb"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def hand_in_broken(course: Course) -> dict[str, str]:
    """Have fifteen students hand in what can't be graded, each in another way; return a word of the reason for each."""
    contents = {
        "cut": ("{", "JSON"),
        "list": ("[]", "list of cells"),
        "empty": ("", "JSON"),
        "old": ('{"worksheets": []}', "list of cells"),
        "words": ('{"cells": "none"}', "list of cells"),
        "large": (json.dumps({"cells": [], "x": "y" * (9 * 2**20)}), "larger than 8 MB"),
        "bytes": (b"\xff\xfe\x00\x01", "JSON"),
        "deep": ("[" * 200_000, "JSON"),
        "zip": (b"PK\x03\x04 a zip", "JSON"),
    }
    for student, (content, _) in contents.items():
        hand_in(course, student, content)
    (folder(course, "link") / f"{PROBLEMS}.ipynb").symlink_to("/etc/passwd")
    (folder(course, "device") / f"{PROBLEMS}.ipynb").symlink_to("/dev/zero")
    (folder(course, "directory") / f"{PROBLEMS}.ipynb").mkdir()
    os.mkfifo(folder(course, "pipe") / f"{PROBLEMS}.ipynb")
    (folder(course, "renamed") / "homework.ipynb").write_text(nbformat.writes(solved(course)))
    folder(course, "nothing")
    own, name = "no file of its own", "another name"
    others = {"link": own, "device": own, "directory": "not a file", "pipe": "not a file"}
    return {student: reason for student, (_, reason) in contents.items()} | others | {"renamed": name, "nothing": name}


def scores(course: Course) -> dict[str, float]:
    """Return what the gradebook has for each student who handed in, before late penalties."""
    with course.open_gradebook() as gradebook:
        return {each.student.id: each.score for each in gradebook.assignment_submissions(PROBLEMS)}


def rows(course: Course) -> dict[str, int]:
    """Return how many rows the gradebook has of what a submission adds to."""
    with course.open_gradebook() as gradebook:
        tables = (Student, SubmittedAssignment, SubmittedNotebook, Grade, Comment)
        return {table.__name__: gradebook.db.query(table).count() for table in tables}


def rows_for(students: int) -> dict[str, int]:
    """Return how many rows a gradebook has when each of so many students has handed in once."""
    each = {"Student": 1, "SubmittedAssignment": 1, "SubmittedNotebook": 1, "Grade": 4, "Comment": 4}
    return {table: students * count for table, count in each.items()}


@contextmanager
def workers() -> Iterator[str]:
    """Dask workers that are threads of this process, by their address. What they start has no torch: that is faster."""
    loaded = tuple(module for module in grading.grader._LOADED if "torch" not in module)
    with (
        patch.object(grading.grader, "_LOADED", loaded),
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, **PAGES) as cluster,
    ):
        try:
            yield cluster.scheduler_address
        finally:
            batches._kept_grader.close()
