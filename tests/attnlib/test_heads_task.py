"""The task of two look-ups, against its description and layers made by hand that know the answer; the training."""

import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from attnlib.heads_task import LOOKUPS, LookupRun, score_lookups, train_lookups, two_lookups
from attnlib.multihead import MultiHeadAttention

sizes = st.integers(1, 5)
lengths = st.integers(2, 9)
seeds = st.integers(0, 1000)


def raises(message, error=ValueError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def blocks(words, length):
    """Return name, asked and place, each (batch, length, length)."""
    return words[..., 3 * length :].split(length, dim=-1)


SHARP = 200.0
"""A difference of scores that leaves nothing to the other words."""


def set_weights(layer, query, key, value, output):
    with torch.no_grad():
        for part, weight in zip((layer.Qw, layer.Kw, layer.Vw, layer.Ow), (query, key, value, output), strict=True):
            part.weight.copy_(weight)
    return layer


def parts_of(length):
    """Return the rows that read cargo, name, asked, place and the place before, and rows that read nothing."""
    cargo, name, asked, place = torch.eye(6 * length).split([3 * length, length, length, length])
    return cargo, name, asked, place, place.roll(-1, dims=0), torch.zeros(length, 6 * length)


def two_heads(length):
    """Return a layer whose first head does the first look-up, and whose second head does the second."""
    cargo, name, asked, place, before, nothing = parts_of(length)
    sharp = SHARP * (3 * length) ** 0.5
    return set_weights(
        MultiHeadAttention(6 * length, heads=2, seed=0),
        torch.cat([sharp * before, nothing, nothing, sharp * asked, nothing, nothing]),
        torch.cat([place, nothing, nothing, name, nothing, nothing]),
        torch.cat([cargo, cargo]),
        torch.eye(6 * length),
    )


def one_head(length, p, q):
    """Return a layer whose head gives p to the word before and q to the word asked for, with the best readout."""
    cargo, name, asked, place, before, nothing = parts_of(length)
    root = (3 * length) ** 0.5
    return set_weights(
        MultiHeadAttention(6 * length, heads=1, head_dim=3 * length, seed=0),
        root * torch.cat([(SHARP + math.log(p)) * before, (SHARP + math.log(q)) * asked, nothing]),
        torch.cat([place, name, nothing]),
        cargo,
        torch.cat([p * torch.eye(3 * length), q * torch.eye(3 * length)]) / (p**2 + q**2),
    )


# The task


@given(sizes, lengths, seeds)
def test_shapes(batch, length, seed):
    words, cargo, gold = two_lookups(batch, length, seed=seed)
    assert words.shape == (batch, length, 6 * length)
    assert cargo.shape == (batch, length, 3 * length)
    assert gold.shape == (batch, length, 2)
    assert (words.dtype, cargo.dtype, gold.dtype) == (torch.float32, torch.float32, torch.int64)
    assert len(LOOKUPS) == 2


@given(sizes, lengths, seeds)
def test_words_hold_cargo_name_asked_and_place(batch, length, seed):
    words, cargo, gold = two_lookups(batch, length, seed=seed)
    name, asked, place = blocks(words, length)
    assert torch.equal(words[..., : 3 * length], cargo)
    assert torch.equal(place, torch.eye(length).expand(batch, -1, -1))
    for b in range(batch):
        assert torch.equal(name[b].argmax(dim=-1).sort().values, torch.arange(length))
        for i in range(length):
            assert name[b, i].sum() == asked[b, i].sum() == 1
            before, sought = gold[b, i].tolist()
            assert before == (i - 1) % length
            assert sought != before
            assert torch.equal(name[b, sought], asked[b, i])


def test_any_word_but_the_one_before_may_be_asked_for():
    _, _, gold = two_lookups(3000, 4, seed=0)
    for i in range(4):
        counts = torch.bincount(gold[:, i, 1], minlength=4) / 3000
        expected = [0.0 if k == (i - 1) % 4 else 1 / 3 for k in range(4)]
        assert counts.tolist() == pytest.approx(expected, abs=0.04)


def test_names_are_dealt_evenly():
    name, _, _ = blocks(two_lookups(3000, 4, seed=0).words, 4)
    torch.testing.assert_close(name.mean(dim=0), torch.full((4, 4), 0.25), atol=0.04, rtol=0)


def test_cargo_is_independent_and_of_unit_variance():
    _, cargo, _ = two_lookups(4000, 3, seed=0)
    covariance = torch.cov(cargo.flatten(1).T)
    torch.testing.assert_close(covariance, torch.eye(27), atol=0.12, rtol=0)
    assert cargo.mean().abs() < 0.02


@given(sizes, lengths, seeds)
def test_without_places_the_rest_is_the_same(batch, length, seed):
    with_places, without = (two_lookups(batch, length, places=places, seed=seed) for places in (True, False))
    assert torch.equal(with_places.words[..., : 5 * length], without.words[..., : 5 * length])
    assert torch.equal(with_places.gold, without.gold)
    assert (without.words[..., 5 * length :] == 0).all()


def test_same_seed_same_sentences_and_a_generator_goes_on():
    state = torch.get_rng_state()
    one, again, other = (two_lookups(2, 4, seed=seed).words for seed in (5, 5, 6))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    rng = torch.Generator().manual_seed(5)
    first, second = (two_lookups(2, 4, seed=rng).words for _ in range(2))
    assert torch.equal(first, one)
    assert not torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


def test_refuses_a_sentence_of_one_word():
    with raises("length must be at least 2, got 1"):
        two_lookups(2, 1, seed=0)


# What can be done


@pytest.mark.parametrize("length", [2, 3, 6])
def test_two_heads_made_by_hand_do_both(length):
    score = score_lookups(two_heads(length), length, seed=0)
    assert score.explained == pytest.approx((1, 1), abs=1e-4)
    assert score.accuracy == (1, 1)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.8, 0.2), (0.999, 0.001), (0.3, 0.7)])
def test_one_head_made_by_hand_explains_what_the_chapter_proves(shares):
    p, q = shares
    score = score_lookups(one_head(6, *shares), 6, sentences=4000, seed=0)
    expected = (p**2 / (p**2 + q**2), q**2 / (p**2 + q**2))
    assert score.explained == pytest.approx(expected, abs=0.02)
    assert sum(score.explained) == pytest.approx(1, abs=0.02)


@settings(max_examples=20)
@given(st.floats(0, 1), st.floats(-2, 2), seeds)
def test_no_other_multiple_explains_more(p, multiple, seed):
    """Least squares is least: any other multiple of the sum explains no more than p² / (p² + q²)."""
    _, cargo, gold = two_lookups(2000, 4, seed=seed)
    a, b = cargo[torch.arange(2000)[:, None, None], gold].unbind(dim=2)
    mixed = p * a + (1 - p) * b
    left = (multiple * mixed - a).square().mean() / a.square().mean()
    assert 1 - left <= p**2 / (p**2 + (1 - p) ** 2) + 0.03


def test_scores_of_zeros_and_of_a_swapped_answer():
    zeros = MultiHeadAttention(24, 1, seed=0)
    nn.init.zeros_(zeros.Ow.weight)
    assert score_lookups(zeros, 4, seed=0).explained == (0, 0)

    swapped = two_heads(6)
    with torch.no_grad():
        swapped.Ow.weight.copy_(swapped.Ow.weight.roll(18, dims=0))
    score = score_lookups(swapped, 6, seed=0)
    assert score.accuracy == (0, 0)
    assert score.explained == pytest.approx((-1, -1), abs=0.05)


def test_guessing_is_right_once_in_length_times():
    class Noise(nn.Module):
        def forward(self, words):
            return torch.randn(words.shape, generator=rng)

    rng = torch.Generator().manual_seed(1)
    assert score_lookups(Noise(), 8, seed=0).accuracy == pytest.approx((1 / 8, 1 / 8), abs=0.02)


def test_scoring_leaves_the_model_alone():
    model = MultiHeadAttention(24, 2, seed=0)
    before = [parameter.clone() for parameter in model.parameters()]
    score_lookups(model, 4, seed=0)
    assert all(map(torch.equal, before, model.parameters()))
    assert all(parameter.grad is None for parameter in model.parameters())


# Training


def test_training_is_adam_on_the_loss_with_a_falling_step():
    model, other = (MultiHeadAttention(24, 2, seed=1) for _ in range(2))
    run = train_lookups(model, 4, updates=4, batch=3, learning_rate=0.1, seed=2)
    rng = torch.Generator().manual_seed(2)
    unseen = torch.Generator().manual_seed(int(torch.randint(2**31, (), generator=rng)))
    optimizer = torch.optim.Adam(other.parameters(), lr=0.1)
    losses = []
    for update in range(4):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - update / 4)
        words, cargo, gold = two_lookups(3, 4, seed=rng)
        loss, answers = 0.0, other(words)
        for b in range(3):
            for i in range(4):
                for e in range(2):
                    half = answers[b, i, 12 * e : 12 * (e + 1)]
                    loss = loss + (half - cargo[b, gold[b, i, e]]).square().sum() / (6 * 3 * 4 * 4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert run.losses == pytest.approx(losses, rel=1e-4)
    for one, another in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, another, rtol=1e-3, atol=1e-4)
    assert run[:2] == score_lookups(model, 4, seed=unseen)


def test_two_heads_learn_both_and_one_doesnt():
    one, two = (
        train_lookups(MultiHeadAttention(24, heads, seed=0), 4, updates=200, seed=0, batch=32) for heads in (1, 2)
    )
    assert sum(one.explained) == pytest.approx(1, abs=0.05)
    assert min(two.explained) > 0.95
    assert min(two.accuracy) > 0.99
    assert min(one.accuracy) < 0.7


def test_without_places_the_word_before_is_not_found():
    run = train_lookups(MultiHeadAttention(24, 2, seed=0), 4, updates=200, seed=0, batch=32, places=False)
    assert run.explained[0] < 0.5
    assert run.explained[1] > 0.9


def test_what_a_run_holds_and_that_it_repeats():
    def run(seed):
        return train_lookups(MultiHeadAttention(24, 2, seed=0), 4, updates=3, seed=seed)

    first, again = run(1), run(1)
    assert isinstance(first, LookupRun)
    assert len(first.losses) == 3
    assert first.seconds > 0
    assert first._replace(seconds=0.0) == again._replace(seconds=0.0)
    assert first.losses != run(2).losses


def test_no_updates_leave_the_model():
    model = MultiHeadAttention(24, 2, seed=0)
    before = [parameter.clone() for parameter in model.parameters()]
    run = train_lookups(model, 4, updates=0, seed=0)
    assert (run.losses, run.seconds) == ([], 0.0)
    assert all(map(torch.equal, before, model.parameters()))


# Errors


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"updates": -1}, "updates must be at least 0, got -1"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"length": 1}, "length must be at least 2, got 1"),
        ({"learning_rate": 0.0}, "learning_rate must be a positive finite number, got 0.0"),
    ],
)
def test_errors(wrong, message):
    arguments = {"length": 4, "updates": 1, "seed": 0} | wrong
    with raises(message):
        train_lookups(MultiHeadAttention(6 * arguments["length"], 1, seed=0), **arguments)


def test_refuses_answers_of_another_shape():
    with raises("answers must have the shape of the words, (64, 4, 24), got (64, 4, 12)"):
        train_lookups(nn.Linear(24, 12), 4, updates=1, seed=0)


@pytest.mark.parametrize("seed", ["0", 0.5, None])
def test_seeds_are_integers(seed, unchecked):
    with pytest.raises(TypeError, match="seed must be an integer"):
        two_lookups(2, 4, seed=seed)
