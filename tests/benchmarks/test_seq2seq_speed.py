"""The two forms of a training step and of beam search agree, and the committed results keep to their goals."""

import json

import pytest
import torch

from benchmarks import seq2seq
from benchmarks.measure import RESULTS

SIZES = {"source_vocab": 40, "target_vocab": 30, "embedding_dim": 5, "hidden_dim": 6}


def results(name):
    return json.loads((RESULTS / f"{name}.json").read_text())["rows"]


@pytest.mark.parametrize("attention", seq2seq.ATTENTIONS)
def test_both_training_steps_have_one_loss_and_one_gradient(attention):
    models = [seq2seq.network(attention, **SIZES).double() for _ in range(2)]
    pair = seq2seq.sentences(models[0], 3, 4)
    losses = [loss(model, *pair) for loss, model in zip((seq2seq.loss, seq2seq.loss_every_step), models, strict=True)]
    torch.testing.assert_close(*losses)
    for loss in losses:
        loss.backward()
    for left, right in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(left.grad, right.grad)


@pytest.mark.parametrize("attention", seq2seq.ATTENTIONS)
def test_the_products_alone_are_those_of_the_network(attention):
    """Every number of a weight matrix is a factor of one product for each sentence and step."""
    batch, length = 3, 4
    model = seq2seq.network(attention, **SIZES)
    products = seq2seq.products_of(model.config, batch, length)
    of_weights = [each for each in products if each.batch == 1]
    taken = sum(each.rows * each.inner * each.columns * each.times for each in of_weights)
    hidden = model.config.hidden_dim
    matrices = sum(p.numel() for name, p in model.named_parameters() if p.ndim == 2 and "embedding" not in name)
    pairs = batch * length * length * hidden if attention == "additive" else 0
    assert taken == batch * length * matrices + pairs


def test_beam_search_one_by_one_finds_the_same():
    row = seq2seq.beam_row(2, "cpu", count=12, words=4, **SIZES)
    assert row["same"] == row["sentences"] == 12


def test_recorded_training_keeps_to_its_goals():
    rows = results("training-cpu")
    assert [row["attention"] for row in rows] == list(seq2seq.ATTENTIONS)
    for row in rows:
        assert (row["batch"], row["length"]) == (64, 15)
        assert row["difference"] <= 1e-5
        ratio = {name: timing["ratio"] for name, timing in row["timings"].items()}
        assert ratio["attnlib"] <= 2
        # The dot product has no keys to project: only the vocabulary can be saved.
        assert ratio["every step"] / ratio["attnlib"] >= {"dot": 1.2, "additive": 1.4}[row["attention"]]


def test_recorded_beam_search_keeps_to_its_goal():
    (row,) = results("beam-cpu")
    assert row["sentences"] == 200
    assert row["same"] >= 199  # sums in another order round otherwise, and two sentences can be that close
    assert row["timings"]["attnlib"]["ratio"] <= 1 / 5
