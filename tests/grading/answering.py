"""Run as a student's process: serves calls of the masters' functions, with any named answer in a function's place.

``python -m tests.grading.answering CONTROL CALLS`` takes two file descriptors. A line on the first,
``psN function place``, says what is tested next: a function of a problem set, answered by the answer of that place, or
by the master's own where the place is -1.
"""

import os
import sys
from functools import cache
from typing import Any

from grading import guest
from tests.exercises.answers import answers
from tests.exercises.master import master


@cache
def namespace(problem_set: str) -> dict[str, Any]:
    """Return what a notebook holds after all cells of a master but the tests."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in master(problem_set).notebook.cells:
        if cell.cell_type == "code" and not cell.metadata.nbgrader.grade:
            exec(compile(cell.source, "<answers>", "exec"), names)
    return names


given = cache(answers)


def main(control: int, calls: int) -> None:
    """Serve as each line says, until there are no more."""
    for line in os.fdopen(control):
        problem_set, function, place = line.split()
        names = namespace(problem_set)
        own = names[function]
        if int(place) >= 0:
            names[function] = given(problem_set, function)[int(place)].code
        guest.serve(calls, names)
        names[function] = own


if __name__ == "__main__":
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - what answers print
    main(int(sys.argv[1]), int(sys.argv[2]))
