"""Tests the harness itself on a problem set of one function."""

import sys
import warnings
from pathlib import Path

import pytest

from tests.exercises.master import Master

TEXT = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
    format_version: 0.13
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

```{code-cell}
import numpy as np
from attnlib import checks
```

```{code-cell}
---
nbgrader: {grade: false, grade_id: double, locked: false, schema_version: 3, solution: true, task: false}
---
def double(number):
    # Return twice the number.
    ### BEGIN SOLUTION
    return 2 * number
    ### END SOLUTION
```

```{code-cell}
---
nbgrader: {grade: true, grade_id: test_double, locked: true, points: 2, schema_version: 3, solution: false, task: false}
---
checks.check_close(double(2.0), 4.0)
### BEGIN HIDDEN TESTS
_number = np.random.default_rng([checks.course_seed(), 1]).normal()
checks.check_close(double(_number), _number + _number)
### END HIDDEN TESTS
```
"""


@pytest.fixture
def doubling(tmp_path: Path) -> Master:
    path = tmp_path / "ps0.md"
    path.write_text(TEXT)
    return Master(path)


def test_cells_are_found_by_their_ids(doubling: Master):
    assert doubling.functions == ["double"]
    assert doubling.points("test_double") == 2
    assert doubling.source("double", released=True).splitlines()[-1].strip() == "raise NotImplementedError()"
    assert "HIDDEN" not in doubling.source("test_double", released=True)
    assert "HIDDEN" in doubling.source("test_double")


def test_master_passes_and_its_release_does_not(doubling: Master):
    assert doubling.run("double", strict=True).passed
    assert doubling.run("double", released_solution=True).message.startswith("NotImplementedError")


def test_hidden_tests_decide(doubling: Master):
    assert doubling.run("double", lambda number: 4.0, hidden=False).passed
    assert not doubling.run("double", lambda number: 4.0).passed


def test_the_seed_reaches_the_hidden_tests(doubling: Master):
    def numbers(seed: int) -> list[float]:
        heard = []
        doubling.run("double", lambda number: heard.append(number) or 2 * number, seed=seed)
        return heard

    assert numbers(1) == numbers(1)
    assert numbers(1) != numbers(2)


def test_an_endless_answer_is_stopped(doubling: Master):
    def endless(number):
        while True:
            try:
                number += 1
            except Exception:
                continue

    outcome = doubling.run("double", endless, time_limit=0.2)
    assert not outcome.passed
    assert outcome.message.startswith("TimeLimitError")


def test_an_answer_that_leaves_the_interpreter_fails(doubling: Master):
    assert doubling.run("double", lambda number: sys.exit()).message.startswith("SystemExit")


def test_a_warning_or_a_line_on_stderr_counts_as_in_nbgrader(doubling: Master):
    def warns(number):
        warnings.warn("mind this", stacklevel=1)
        return 2 * number

    def writes(number):
        print("mind that", file=sys.stderr)
        return 2 * number

    assert "mind this" in doubling.run("double", warns).message
    assert "mind that" in doubling.run("double", writes).message


def test_printing_is_harmless(doubling: Master):
    assert doubling.run("double", lambda number: print(number) or 2 * number).passed


def test_a_shown_result_is_no_pass(doubling: Master):
    doubling.cells["test_double"].source += "\n1.0"
    assert "1.0" in doubling.run("double").message
