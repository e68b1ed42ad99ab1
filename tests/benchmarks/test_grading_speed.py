"""The recorded speed of grading is as large as it was asked for, and each command has its line."""

import json

from benchmarks.grading import table
from benchmarks.measure import RESULTS

RECORDED = json.loads((RESULTS / "grading-cpu.json").read_text())


def test_a_batch_is_at_least_eight_times_as_fast_as_nbgrader_on_two_cores():
    assert (RECORDED["submissions"], RECORDED["exercises"], RECORDED["cores"]) == (60, 6, 2)
    seconds = RECORDED["seconds"]
    assert seconds["stock"] / seconds["batch"] >= 8
    assert seconds["batch again, nothing changed"] < seconds["batch"]


def test_the_table_has_each_command_with_its_ratio():
    seconds = {"stock": 300.0, "one by one": 100.0, "batch": 30.0, "batch again, nothing changed": 4.0}
    about = {"device": "CPU", "torch": "2", "python": "3", "threads": 1}
    results = {"problem set": "ps4", "exercises": 6, "submissions": 60, "cores": 2, "points": 7.0}
    rows = table(results | {"seconds": seconds, "environment": about}).splitlines()
    assert [row.split("|")[2:4] for row in rows[2:6]] == [
        [" 12 ", " 1.0 "],
        [" 36 ", " 3.0 "],
        [" 120 ", " 10.0 "],
        [" 900 ", " 75.0 "],
    ]
