"""Prints how well the tests of a problem set tell right answers from wrong ones.

Run it as ``python -m tests.exercises.table ps1``.
"""

import sys

from tests.exercises.answers import answers
from tests.exercises.master import Master, master

SEEDS = [0, 1, 2026]


def row(problem_set: Master, name: str, function: str) -> list[int]:
    """Return points, right answers and how many pass, wrong answers and how many are caught, with a diagnosis named.

    The last pair is the number of wrong answers whose mistake the test is to name, and of those that it named.
    """
    outcomes = [
        (answer, [problem_set.run(function, answer.code, seed=seed) for seed in SEEDS])
        for answer in answers(name, function)
    ]
    right = [runs for answer, runs in outcomes if answer.is_right]
    wrong = [(answer.diagnosis, runs) for answer, runs in outcomes if not answer.is_right]
    passed = sum(all(run.passed for run in runs) for runs in right)
    caught = sum(not any(run.passed for run in runs) for _, runs in wrong)
    named = sum(all(said is not None and said in run.message for run in runs) for said, runs in wrong)
    return [problem_set.points(f"test_{function}"), len(right), passed, len(wrong), caught, named]


def table(name: str) -> str:
    """Return the Markdown table of one problem set."""
    problem_set = master(name)
    rows = {function: row(problem_set, name, function) for function in problem_set.functions}
    rows["together"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    lines = [
        "| function | points | right answers that pass | wrong answers caught | named by the diagnosis |",
        "|---|---|---|---|---|",
    ]
    for function, (points, right, passed, wrong, caught, named) in rows.items():
        label = function if function == "together" else f"`{function}`"
        lines.append(f"| {label} | {points:g} | {passed} of {right} | {caught} of {wrong} | {named} of {wrong} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print("\n\n".join(table(name) for name in sys.argv[1:]))
