"""Both modules of the benchmark are the same function, and the committed results keep to their goals."""

import json

import pytest
import torch

from benchmarks import multihead
from benchmarks.measure import RESULTS
from benchmarks.tables import table

SMALL = {"dim": 12, "heads": 3}


@pytest.mark.parametrize("asked", [False, True])
def test_contestants_agree_forward_and_backward(asked):
    models, words = multihead.modules(**SMALL), multihead.words_of(2, 5, SMALL["dim"])
    functions = multihead.calls(models, asked)
    for training, passes in ((True, multihead.forward), (False, multihead.inference)):
        theirs, ours = (passes(f, models[name].train(training), words)() for name, f in functions.items())
        torch.testing.assert_close(ours, theirs)
    theirs, ours = (multihead.forward_backward(f, models[name], words)() for name, f in functions.items())
    weights, biases = ([gradient for gradient in ours[1:] if gradient.ndim == n] for n in (2, 1))
    expected = [ours[0], torch.cat(weights[:3]), torch.cat(biases[:3]), weights[3], biases[3]]
    for gradient, wanted in zip(theirs, expected, strict=True):
        torch.testing.assert_close(gradient, wanted)


def test_biases_and_weights_of_every_projection_matter():
    theirs, ours = multihead.modules(**SMALL).values()
    assert all(parameter.abs().max() > 0.01 for model in (theirs, ours) for parameter in model.parameters())


def test_weights_are_asked_for_or_not():
    returned = []
    models, words = multihead.modules(**SMALL), multihead.words_of(2, 5, SMALL["dim"])
    models["torch"].register_forward_hook(lambda *call: returned.append(call[-1][1]))
    models["attnlib"].register_forward_hook(lambda *call: returned.append(call[-1]))
    for function in multihead.calls(models, True).values():
        function(words)
    assert returned[0].shape == returned[1][1].shape == (2, SMALL["heads"], 5, 5)
    torch.testing.assert_close(returned[1][1], returned[0])
    returned.clear()
    for function in multihead.calls(models, False).values():
        function(words)
    assert returned[0] is None
    assert isinstance(returned[1], torch.Tensor)


def test_rows_are_complete_and_make_a_table():
    rows = list(multihead.rows(sizes=((2, 4),), rounds=2, **SMALL))
    assert [(row["weights"], row["passes"]) for row in rows] == [
        (asked, passes) for asked in ("no", "yes") for passes in ("forward", "inference", "forward_backward")
    ]
    assert all(row["difference"] < 1e-5 for row in rows)
    environment = {"device": "CPU", "threads": 1, "torch": "2", "python": "3"}
    lines = table({"environment": environment, "rows": rows}).splitlines()
    assert lines[0] == "| batch × length | weights | passes | torch | attnlib |"
    assert lines[3].startswith("| 2 × 4 | no | inference |")
    assert len(lines) == 2 + len(rows) + 2


def test_recorded_modules_keep_to_their_goals():
    rows = json.loads((RESULTS / "multihead-cpu.json").read_text())["rows"]
    assert [(row["batch"], row["length"]) for row in rows[::6]] == list(multihead.SIZES)
    assert len(rows) == 6 * len(multihead.SIZES)
    for row in rows:
        assert row["difference"] <= 1e-5, row
        if row["weights"] == "no":  # ours is to take no longer; the rest is for the noise of a measurement
            assert row["timings"]["attnlib"]["ratio"] <= 1.05, row
