"""Reads the instructor's master of a problem set and runs one graded function's test with any answer.

A run counts as nbgrader counts it: a test passes when it raises nothing, writes nothing to stderr and shows no
result. The answers run in this process, under a time limit.
"""

import ast
import contextlib
import io
import os
import signal
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any
from unittest import mock

import jupytext
import numpy as np
import torch  # noqa: F401  (not on an answer's time)
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions

ROOT = Path(__file__).parents[2]
SOLUTIONS = ROOT / "solutions"
TIME_LIMIT = 10.0


@dataclass(frozen=True)
class Outcome:
    """Whether the points are given, and if not, what the student is told."""

    passed: bool
    message: str = ""


class TimeLimitError(BaseException):
    """The answer ran too long. Not an Exception, so that an answer's own ``except Exception`` can't hold it."""


class Master:
    """A problem set's master: its cells, and runs of its tests."""

    def __init__(self, path: Path):
        self.path = path
        self.notebook = jupytext.read(path, fmt="md:myst")
        self.cells = {_metadata(cell)["grade_id"]: cell for cell in self.notebook.cells if _metadata(cell)}

    @property
    def functions(self) -> list[str]:
        """Return the functions (or classes) that are graded by tests, in the order of the notebook."""
        names = (_metadata(cell)["grade_id"] for cell in self.test_cells)
        return [name.removeprefix("test_") for name in names]

    @property
    def test_cells(self) -> list[NotebookNode]:
        """Return the cells that are graded by running them."""
        return [cell for cell in self.cells.values() if _metadata(cell)["grade"] and not _metadata(cell)["solution"]]

    @property
    def written_cells(self) -> list[NotebookNode]:
        """Return the cells that a person grades."""
        return [cell for cell in self.cells.values() if _metadata(cell)["grade"] and _metadata(cell)["solution"]]

    def points(self, grade_id: str) -> float:
        """Return the points of a graded cell."""
        return _metadata(self.cells[grade_id])["points"]

    def source(self, grade_id: str, *, released: bool = False) -> str:
        """Return the source of a cell, as it stands in the master or as students get it."""
        cell = self.cells[grade_id]
        if not released:
            return cell.source
        cell = NotebookNode(cell)  # a shallow copy: the preprocessors write into the cell
        resources = {"language": "python"}
        cell, _ = ClearSolutions().preprocess_cell(cell, resources, 0)
        return ClearHiddenTests().preprocess_cell(cell, resources, 0)[0].source

    def run(
        self,
        function: str,
        answer: Any = None,
        *,
        seed: int = 0,
        released_solution: bool = False,
        hidden: bool = True,
        strict: bool = False,
        time_limit: float = TIME_LIMIT,
    ) -> Outcome:
        """Run the test of one function in a fresh namespace.

        Parameters
        ----------
        function : str
        answer : callable or None
            Takes the place of the master's solution; None keeps that.
        seed : int
            The course's seed of the hidden tests.
        released_solution : bool
            Run what students get in place of the master's solution.
        hidden : bool
            False leaves the hidden tests out, as in the student's copy.
        strict : bool
            Turn every warning of the function and its test into an error.
        time_limit : float
            In seconds.
        """
        namespace = {"__name__": "__main__"}
        errors = io.StringIO()
        test = self.source(f"test_{function}", released=not hidden)
        with _isolated(seed, errors, time_limit) as heard:
            try:
                for cell in self.notebook.cells:
                    if cell.cell_type == "code" and not _metadata(cell).get("grade"):
                        released = released_solution and _metadata(cell).get("grade_id") == function
                        self._execute(cell, namespace, released)
                if answer is not None:
                    namespace[function] = answer
                if strict:
                    warnings.simplefilter("error")
                shown = _execute_as_notebook(test, f"<test_{function}>", namespace)
            except (Exception, SystemExit, TimeLimitError) as error:
                return Outcome(False, f"{type(error).__name__}: {error}")
        if shown is not None:
            return Outcome(False, f"the test shows a result, which nbgrader takes for points: {shown!r}")
        said = errors.getvalue() + "".join(str(warning.message) for warning in heard)
        if said:
            return Outcome(False, f"something was written to stderr, which nbgrader takes for a failure: {said}")
        return Outcome(True)

    def _execute(self, cell: NotebookNode, namespace: dict, released: bool) -> None:
        grade_id = _metadata(cell).get("grade_id")
        source = self.source(grade_id, released=released) if grade_id else cell.source
        exec(_compiled(source, f"<{grade_id}>"), namespace)


@cache
def master(problem_set: str) -> Master:
    """Return the master of a problem set, read once."""
    return Master(SOLUTIONS / problem_set / f"{problem_set}.md")


def masters() -> list[str]:
    """Return the names of all problem sets that have a master."""
    names = (path.stem for path in SOLUTIONS.glob("ps*/ps*.md"))
    return sorted(names, key=lambda name: int(name.removeprefix("ps")))


def _metadata(cell: NotebookNode) -> dict:
    return cell.metadata.get("nbgrader", {})


@cache
def _compiled(source: str, name: str, mode: str = "exec") -> CodeType:
    return compile(source, name, mode)


def _execute_as_notebook(source: str, name: str, namespace: dict) -> Any:
    """Run a cell and return what a notebook would show below it: the value of a last expression."""
    last = ast.parse(source).body[-1]
    if not isinstance(last, ast.Expr):
        exec(_compiled(source, name), namespace)
        return None
    before = "".join(source.splitlines(keepends=True)[: last.lineno - 1])
    exec(_compiled(before, name), namespace)
    return eval(_compiled(ast.get_source_segment(source, last.value), name, "eval"), namespace)


@contextlib.contextmanager
def _isolated(seed: int, errors: io.StringIO, time_limit: float) -> Iterator[list[warnings.WarningMessage]]:
    with (
        mock.patch.dict(os.environ, ATTNLIB_COURSE_SEED=str(seed)),
        np.errstate(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(errors),
        warnings.catch_warnings(record=True) as heard,
        _stopped_after(time_limit),
    ):
        warnings.simplefilter("always")
        yield heard


@contextlib.contextmanager
def _stopped_after(seconds: float) -> Iterator[None]:
    def stop(signum, frame):
        raise TimeLimitError(f"stopped after {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    # It rings again and again, in case the answer swallows the first.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
