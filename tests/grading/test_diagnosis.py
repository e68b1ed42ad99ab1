"""Feedback names the mistake, and nothing of a hidden test."""

import pytest

from grading.diagnosis import HIDDEN, diagnosis, hidden_lines, known_mistakes
from grading.limits import Limits

LIMITS = Limits()
SOURCE = """checks.check_close(softmax(x), y, mistakes={"Rows sum to 1 over the queries.": z})
### BEGIN HIDDEN TESTS
checks.check_close(softmax(big), large, name="softmax of a large row", mistakes={"It is not shifted.": z})
### END HIDDEN TESTS"""


def verdict(kind="assertion", hidden=True, error="AssertionError", message=""):
    return {"passed": False, "kind": kind, "hidden": hidden, "error": error, "message": message}


def test_lines_of_hidden_parts():
    assert hidden_lines(SOURCE) == [[2, 4]]
    assert hidden_lines("a\nb") == []
    assert hidden_lines(f"{SOURCE}\nvisible\n{SOURCE}") == [[2, 4], [7, 9]]
    assert hidden_lines("a\n### BEGIN HIDDEN TESTS\nb\nc") == [[2, 4]]  # to the end, where no end is marked


def test_what_is_seen_is_told_in_full():
    message = "softmax(x) is wrong. Largest difference at (0, 1): got 3, expected 4."
    assert diagnosis(verdict(hidden=False, message=message), SOURCE, LIMITS) == message
    said = diagnosis(verdict("error", False, "IndexError", "index 3 is out of bounds"), SOURCE, LIMITS)
    assert said == "IndexError: index 3 is out of bounds"


def test_a_mistake_of_a_hidden_test_is_named_without_its_numbers():
    message = "softmax(big)[0, 17.25] is wrong. It is not shifted."
    assert diagnosis(verdict(message=message), SOURCE, LIMITS) == f"{HIDDEN}: It is not shifted."


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("softmax of 0.125 is wrong. Largest difference at (3, 4): got 0.125, expected 0.25.", "a value is wrong"),
        ("the answer has shape (7, 9), expected (9, 7). Transposed?", "another shape"),
        ("the answer has dtype float16, expected float32", "another dtype"),
        ("x was changed by the call. Work on a new array", "changes its arguments"),
        ("the answer is None. Does the function end", "returns nothing"),
        ("It holds NaN in 3 of 9 places.", "NaN"),
    ],
)
def test_no_number_of_a_hidden_test_is_told(message, said):
    told = diagnosis(verdict(message=message), SOURCE, LIMITS)
    assert said in told
    assert not any(letter.isdigit() for letter in told)


@pytest.mark.parametrize("kind", ["error", "assertion", "tests"])
def test_what_an_answer_says_of_hidden_inputs_is_not_repeated(kind):
    told = diagnosis(verdict(kind, error="ValueError", message="array([[0.5, 0.25]]) secret"), SOURCE, LIMITS)
    assert "secret" not in told
    assert "0.5" not in told
    named = diagnosis(verdict("error", error="array([[0.5]])", message=""), SOURCE, LIMITS)
    assert "0.5" not in named


def test_other_ends():
    assert "10 seconds" in diagnosis(verdict("time"), SOURCE, LIMITS)
    assert "ended" in diagnosis(verdict("broken", message="no answer"), SOURCE, LIMITS)
    assert diagnosis(verdict("missing", message="softmax is not defined"), SOURCE, LIMITS) == "softmax is not defined"


def test_only_so_much_is_told_and_only_what_can_be_printed():
    said = diagnosis(verdict("error", False, "ValueError", "\x1b[31m\x00" + "x" * 100_000), SOURCE, LIMITS)
    assert "\x1b" not in said
    assert len(said) < 2100


def test_known_mistakes_are_sentences_of_the_cell():
    assert known_mistakes(SOURCE) == ["Rows sum to 1 over the queries.", "It is not shifted."]
