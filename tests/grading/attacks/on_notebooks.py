"""Attacks on what reads the notebook: its cells, marks, outputs, head, and the files beside it."""

import json
from collections.abc import Callable

from tests.grading.attacks.attack import Attacks, marks_of

ATTACKS = Attacks()
attack = ATTACKS.add


def _each_test(do: Callable[[dict], None]) -> Callable[[dict, str], dict]:
    def change(notebook: dict, name: str) -> dict:
        for cell in notebook["cells"]:
            if marks_of(cell).get("grade") and not marks_of(cell).get("solution"):
                do(cell)
        return notebook

    return change


def _cells(do: Callable[[list[dict]], list[dict]]) -> Callable[[dict, str], dict]:
    return lambda notebook, name: notebook | {"cells": do(notebook["cells"])}


def _is_test(cell: dict) -> bool:
    return bool(marks_of(cell).get("grade")) and not marks_of(cell).get("solution")


attack(
    "tests are skipped by a tag",
    "a test that is not run raises nothing",
    change=_each_test(lambda cell: cell["metadata"].update(tags=["skip-execution", "raises-exception"])),
)
attack(
    "results that were never computed",
    "an output that says 1000 points",
    change=_each_test(
        lambda cell: cell.update(
            outputs=[
                {
                    "output_type": "execute_result",
                    "data": {"text/plain": "1000.0"},
                    "metadata": {},
                    "execution_count": 1,
                }
            ]
        )
    ),
)
attack(
    "tests are deleted",
    "what isn't there can't fail",
    change=_cells(lambda cells: [c for c in cells if not _is_test(c)]),
)
attack("tests are edited", "a test that asks for nothing", change=_each_test(lambda cell: cell.update(source="pass")))
attack(
    "tests are worth more",
    "points written into the notebook",
    change=_each_test(lambda cell: marks_of(cell).update(points=1000)),
)
attack(
    "tests are there twice",
    "the batch ends, or the copy counts",
    change=_cells(
        lambda cells: [*cells, *(json.loads(json.dumps(c)) | {"source": "pass"} for c in cells if _is_test(c))]
    ),
)
attack("cells in another order", "tests before what patches them", change=_cells(lambda cells: cells[::-1]))
attack("a cell in front", "code that runs before everything", change=_cells(lambda cells: [_extra("1/0"), *cells]))
attack(
    "another version of the marks",
    "the batch ends over it",
    change=_each_test(lambda cell: marks_of(cell).update(schema_version=99)),
)
attack(
    "another kernel",
    "code that runs outside the sandbox's Python",
    change=lambda notebook, name: notebook | {"metadata": {"kernelspec": {"name": "bash", "display_name": "b"}}},
)
attack(
    "attachments and outputs of all kinds",
    "something that a page shows",
    change=_cells(
        lambda cells: [c | {"attachments": {"x": {"text/html": "<script>alert(1)</script>"}}} for c in cells]
    ),
)
attack(
    "files that look like libraries",
    "an import that takes the student's file",
    files={"numpy.py": "1/0", "torch.py": "1/0", "attnlib.py": "class checks: pass", "sitecustomize.py": "1/0"},
)


def _extra(source: str) -> dict:
    return {
        "cell_type": "code",
        "id": "extra",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


attack(
    "the format of another age",
    "a reader that breaks, and the batch with it",
    change=lambda notebook, name: notebook | {"nbformat": 3, "nbformat_minor": -1},
)
attack(
    "a format that doesn't exist",
    "a reader that breaks, and the batch with it",
    change=lambda notebook, name: notebook | {"nbformat": "99", "nbformat_minor": 10**30, "metadata": ["none"]},
)
attack(
    "cells that are none",
    "a reader that breaks, and the batch with it",
    change=_cells(
        lambda cells: [
            *(None, 7, [], "cell", {}),
            {"cell_type": 5, "id": [], "metadata": 3, "source": {}},
            {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": {}, "points": "1e999"}}, "source": [1, None]},
            *cells,
        ]
    ),
)
attack(
    "marks of the right answers on other cells",
    "an answer that counts more than once",
    change=_cells(lambda cells: [*cells, *(c | {"id": "again", "source": "1/0"} for c in cells if marks_of(c))]),
)
attack(
    "tests turned into answers",
    "tests that the student writes",
    change=_each_test(
        lambda cell: (cell.update(source="pass"), marks_of(cell).update(solution=True, grade=False, locked=False))
    ),
)
