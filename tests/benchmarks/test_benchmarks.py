"""The benchmarks run, contestants give the same answers, and the committed results are whole and within their goals."""

import json
from functools import partial

import numpy as np
import pytest
import torch

from benchmarks import additive, attend, grading, tatoeba, tatoeba_transformer
from benchmarks.measure import RESULTS, compare, peak_megabytes, rounded
from benchmarks.tables import table


def results(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [(3, 6), (1, 8)])
def test_contestants_of_attend_agree_forward_and_backward(size, masked):
    arrays, mask = attend.inputs_for(*size, "cpu", masked=masked)
    contexts = {name: attend.forward(f, arrays, mask)() for name, f in attend.CONTESTANTS.items()}
    gradients = {name: attend.forward_backward(f, arrays, mask)() for name, f in attend.CONTESTANTS.items()}
    for name in attend.CONTESTANTS:
        torch.testing.assert_close(contexts[name], contexts["fused"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gradients[name], gradients["fused"], rtol=1e-4, atol=1e-5)


def test_the_padding_of_attend_is_partial():
    for batch, length in attend.SIZES:
        _, mask = attend.inputs_for(batch, length, "cpu", masked=True)
        assert mask.any(dim=-1).all()
        assert not mask.all()


def test_contestants_of_additive_agree_forward_and_backward():
    inputs = additive.decoder_inputs("cpu", batch=2, length=3, dim=5)
    every_step, once = (additive.forward(decode, *inputs)() for decode in additive.DECODERS.values())
    torch.testing.assert_close(every_step, once)
    for gradients in zip(*(additive.forward_backward(d, *inputs)() for d in additive.DECODERS.values()), strict=True):
        torch.testing.assert_close(*gradients)


def test_rows_of_both_benchmarks_are_complete_and_make_a_table():
    rows = list(attend.rows(sizes=((2, 4),), rounds=2))
    assert [(row["mask"], row["passes"]) for row in rows] == [
        ("none", "forward"),
        ("none", "forward_backward"),
        ("padding", "forward"),
        ("padding", "forward_backward"),
    ]
    assert all(set(row["timings"]) == set(attend.CONTESTANTS) for row in rows)
    timed = additive.time_rows(2, "cpu", batch=2, length=3, dim=4)
    environment = {"device": "CPU", "threads": 1, "torch": "2", "python": "3"}
    lines = table({"environment": environment, "rows": timed}).splitlines()
    assert lines[0] == "| passes | every step | once |"
    assert len(lines) == 2 + len(timed) + 2


def test_compare_sees_which_is_slower_and_by_how_much():
    matrix = torch.randn(150, 150)

    def product(times):
        for _ in range(times):
            matrix @ matrix

    timings = compare({"one": partial(product, 5), "many": partial(product, 100)}, rounds=9)
    assert timings["one"].ratio == 1
    assert timings["many"].ratio > 4
    assert timings["many"].low <= timings["many"].ratio <= timings["many"].high
    assert rounded(timings["one"])["ratio"] == 1


def hundred_megabytes():
    return lambda: np.ones(12_500_000)


def fails():
    raise ValueError("no such work")


def test_peak_memory_of_a_call_is_measured():
    assert peak_megabytes(hundred_megabytes) == pytest.approx(100, abs=15)


def test_a_failing_measurement_says_so(capfd):
    with pytest.raises(RuntimeError, match=r"measuring .* failed"):
        peak_megabytes(fails)
    assert "no such work" in capfd.readouterr().err


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_the_tables_are_made_from_the_results(path):
    reports = {
        "grading-cpu": grading.table,
        "tatoeba-cpu": tatoeba.report,
        "tatoeba-transformer-cpu": tatoeba_transformer.report,
    }
    to_markdown = reports.get(path.stem, table)
    assert path.with_suffix(".md").read_text() == to_markdown(json.loads(path.read_text()))


def test_recorded_attend_keeps_to_its_goals():
    rows = results("attend-cpu")["rows"]
    assert [(row["batch"], row["length"]) for row in rows[::4]] == list(attend.SIZES)
    assert len(rows) == 4 * len(attend.SIZES)
    goals = {"none": (1.05, 1.6), "padding": (1.15, 1.8)}  # a mask has to be checked, and written over the scores
    for row in rows:
        attend_goal, weights_goal = goals[row["mask"]]
        assert row["timings"]["attend"]["ratio"] <= attend_goal, row
        assert row["timings"]["with weights"]["ratio"] <= weights_goal, row


def test_recorded_additive_keeps_to_its_goals():
    timed = [row for row in results("additive-cpu")["rows"] if "timings" in row]
    memory = [row for row in results("additive-cpu")["rows"] if "megabytes" in row]
    assert len(timed) == len(memory) == 2
    for row in timed:
        assert row["timings"]["once"]["ratio"] <= 1 / 1.5, row
    for row in memory:
        assert row["megabytes"]["all pairs"] > 10 * row["megabytes"]["in groups"], row
