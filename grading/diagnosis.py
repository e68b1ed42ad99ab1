"""What a student is told of a test that failed: the diagnosis, and nothing of a hidden test.

A message of a hidden test may hold its inputs: the expected numbers, or whatever the student's own code put into an
exception or an answer in order to read it here. So of a hidden test only words that stand in the master are repeated.
"""

import ast
import re

from grading.limits import Limits
from grading.parsing import parse

BEGIN, END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"
HIDDEN = "Passes the test that you see, but not the hidden ones, which use other inputs"
_LONGEST = 2_000
# What attnlib.checks says of an answer's form. The numbers in it are left out.
_FORMS = {
    r" has shape .* expected ": "the answer has another shape than it should.",
    r" has dtype .* expected ": "the answer has another dtype than it should.",
    r" is None\.": "the function returns nothing.",
    r" is not an array| must hold real numbers": "the answer is no array of numbers.",
    r" holds? NaN": "the answer holds NaN.",
    r" was changed by the call": "the function changes its arguments.",
}


def hidden_lines(source: str) -> list[list[int]]:
    """Return the first and the last line of each hidden part of a test cell, counted from 1.

    >>> hidden_lines("a\\n### BEGIN HIDDEN TESTS\\nb\\n### END HIDDEN TESTS\\nc")
    [[2, 4]]
    """
    parts: list[list[int]] = []
    begun = None
    for number, line in enumerate(source.splitlines(), start=1):
        if BEGIN in line:
            begun = number
        elif END in line and begun is not None:
            parts.append([begun, number])
            begun = None
    return parts if begun is None else [*parts, [begun, len(source.splitlines())]]


def diagnosis(verdict: dict, source: str, limits: Limits) -> str:
    """Return what the student is told of a test that failed.

    Parameters
    ----------
    verdict : dict
        The tester's, with ``kind``, ``hidden``, ``error`` and ``message``.
    source : str
        The test cell in the master, hidden tests included.
    limits : Limits
    """
    kind, message = verdict["kind"], verdict.get("message", "")
    if kind == "time":
        return f"Stopped: a call may take {limits.call_seconds:g} seconds, and all of a test {limits.cell_seconds:g}."
    if kind == "broken":
        return f"The process that runs the answers ended or broke off the conversation. {_clean(message)}".strip()
    if kind == "missing":
        return _clean(message)
    if not verdict.get("hidden"):
        return _clean(message if kind == "assertion" else f"{verdict.get('error', 'Error')}: {message}")
    return _of_hidden(verdict, source)


def _of_hidden(verdict: dict, source: str) -> str:
    if verdict["kind"] != "assertion":
        return f"{HIDDEN}: {_name(verdict.get('error', ''))} was raised."
    message = verdict.get("message", "")
    named = [mistake for mistake in known_mistakes(source) if mistake in message]
    if named:
        return f"{HIDDEN}: {max(named, key=len)}"
    forms = (said for pattern, said in _FORMS.items() if re.search(pattern, message))
    return f"{HIDDEN}: {next(forms, 'a value is wrong.')}"


def known_mistakes(source: str) -> list[str]:
    """Return the sentences that a test cell holds: with them it names mistakes.

    >>> known_mistakes('check(x, mistakes={"Rows sum to 1 over the queries.": wrong})')
    ['Rows sum to 1 over the queries.']
    """
    tree = parse(source)
    literals = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [
        text for text in dict.fromkeys(literals) if len(text.split()) >= 3 and text.rstrip().endswith((".", "?", "!"))
    ]


def _name(error: str) -> str:
    return error if error.isidentifier() and len(error) < 60 else "an error"


def _clean(text: str) -> str:
    """Keep what can be printed, and not too much of it."""
    text = "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text[: 2 * _LONGEST])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
