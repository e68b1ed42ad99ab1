"""Proves the graders: right answers get the points, wrong ones lose them and are told why."""

import pytest

from tests.exercises.answers import Answer, answers, functions, problem_sets
from tests.exercises.master import master, masters

SEEDS = [0, 1, 2026]
FEWEST_RIGHT, FEWEST_WRONG = 3, 5

GRADED = [(name, function) for name in masters() for function in master(name).functions]
ANSWERS = [
    pytest.param(name, function, answer, id=f"{name}-{function}-{answer.code.__name__}")
    for name in problem_sets()
    for function in functions(name)
    for answer in answers(name, function)
]


@pytest.mark.parametrize(("problem_set", "function"), GRADED)
def test_master_passes_its_own_test_without_a_warning(problem_set: str, function: str):
    for seed in SEEDS:
        outcome = master(problem_set).run(function, seed=seed, strict=True)
        assert outcome.passed, outcome.message


@pytest.mark.parametrize(("problem_set", "function"), GRADED)
def test_released_solution_is_not_implemented(problem_set: str, function: str):
    outcome = master(problem_set).run(function, released_solution=True)
    assert not outcome.passed
    assert outcome.message.startswith("NotImplementedError")


@pytest.mark.parametrize(("problem_set", "function", "answer"), ANSWERS)
def test_answer_gets_what_it_deserves(problem_set: str, function: str, answer: Answer):
    for seed in SEEDS:
        outcome = master(problem_set).run(function, answer.code, seed=seed)
        if answer.is_right:
            assert outcome.passed, f"seed {seed}: a right answer ({answer.what}) fails: {outcome.message}"
            continue
        assert not outcome.passed, f"seed {seed}: a wrong answer ({answer.what}) passes"
        if answer.diagnosis is not None:
            assert answer.diagnosis in outcome.message, f"seed {seed}: {answer.what}: {outcome.message}"


@pytest.mark.parametrize(("problem_set", "function"), GRADED)
def test_hidden_tests_are_needed(problem_set: str, function: str):
    """At least one wrong answer passes all that a student can see."""
    wrong = [answer for answer in answers(problem_set, function) if not answer.is_right]
    assert any(master(problem_set).run(function, answer.code, hidden=False).passed for answer in wrong)


def test_every_graded_function_has_answers_and_no_other_has():
    registered = [(name, function) for name in problem_sets() for function in functions(name)]
    assert sorted(registered) == sorted(GRADED)


@pytest.mark.parametrize(("problem_set", "function"), GRADED)
def test_there_are_enough_answers(problem_set: str, function: str):
    given = answers(problem_set, function)
    assert sum(answer.is_right for answer in given) >= FEWEST_RIGHT
    assert sum(not answer.is_right for answer in given) >= FEWEST_WRONG
    assert len({answer.what for answer in given}) == len(given)
