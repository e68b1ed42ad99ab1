"""Registers the right and wrong answers of a graded function.

The file ``tests/exercises/psN/<function>.py`` holds the answers to that function. Each is a function (or a class)
of its own name, marked by :func:`right` or :func:`wrong`.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Answer:
    """One answer to one graded function.

    ``diagnosis`` is a part of what the failing test must say; None where a test can't know the mistake.
    """

    what: str
    code: Any
    is_right: bool
    diagnosis: str | None = None


def right(what: str) -> Callable:
    """Mark an answer that must get all the points, and say how it goes about it."""
    return lambda code: _mark(code, Answer(what, code, is_right=True))


def wrong(what: str, diagnosis: str | None) -> Callable:
    """Mark an answer that must lose the points, say what is wrong, and what the failing test must say."""
    return lambda code: _mark(code, Answer(what, code, is_right=False, diagnosis=diagnosis))


def problem_sets() -> list[str]:
    """Return the names of the problem sets that have answers: ps1, ps2, ..."""
    folders = (folder for folder in HERE.glob("ps*") if folder.is_dir())
    return sorted((folder.name for folder in folders), key=lambda name: int(name.removeprefix("ps")))


def functions(problem_set: str) -> list[str]:
    """Return the graded functions of a problem set that have answers."""
    return sorted(file.stem for file in (HERE / problem_set).glob("*.py"))


def answers(problem_set: str, function: str) -> list[Answer]:
    """Return the answers to one function, in the order of its file; none where there is no file."""
    file = HERE / problem_set / f"{function}.py"
    if not file.exists():
        return []
    spec = importlib.util.spec_from_file_location(f"tests.exercises.{problem_set}.{function}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Looked for in the object's own namespace: a class must not count for the mark of the one that it extends.
    marks = [getattr(code, "__dict__", {}).get("answer") for code in vars(module).values()]
    return [mark for mark in marks if isinstance(mark, Answer)]


def _mark(code: Any, answer: Answer) -> Any:
    code.answer = answer
    return code
