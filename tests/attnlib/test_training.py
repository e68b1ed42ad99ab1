"""The training loop, against loops by hand, interruptions at bad moments, and itself in two processes."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from attnlib import _checkpoints
from attnlib.data.batches import Batches
from attnlib.seq2seq import Seq2Seq, Seq2SeqConfig
from attnlib.symbols import BOS, EOS, PAD
from attnlib.training import (
    Evaluation,
    History,
    TeacherForcing,
    TrainingConfig,
    average_weights,
    held_out_loss,
    learning_rate_at,
    perplexity,
    smoothed_cross_entropy,
    train,
)
from attnlib.transformer import LanguageModel, LanguageModelConfig, Transformer, TransformerConfig
from tests.attnlib.strategies import fails

VOCAB = 12
ROOT = Path(__file__).parents[2]
train = partial(train, progress=False)


def translator(seed=0, **changes):
    sizes = {"source_vocab": VOCAB, "target_vocab": VOCAB, "embedding_dim": 6, "hidden_dim": 8}
    return Seq2Seq(Seq2SeqConfig(**{**sizes, **changes}), seed=seed)


def batch_of(sentences, *, wider=0):
    """Return sentences of ids, and the same backwards for their translations, as a batch, padded."""
    longest = max(map(len, sentences))
    source = [[*words, *[PAD] * (longest - len(words) + wider)] for words in sentences]
    target = [[BOS, *words[::-1], EOS, *[PAD] * (longest - len(words) + wider)] for words in sentences]
    return torch.tensor(source), torch.tensor(target)


def sentences_of(seed, count):
    rng = np.random.default_rng(seed)
    return [rng.integers(4, VOCAB, rng.integers(1, 6)).tolist() for _ in range(count)]


def batches_of(seed=0, sizes=(4, 3, 1, 5, 4), *, wider=0):
    sentences = iter(sentences_of(seed, sum(sizes)))
    return [batch_of([next(sentences) for _ in range(size)], wider=wider) for size in sizes]


class Epochs:
    """Batches whose order differs from epoch to epoch."""

    def __init__(self, batches):
        self.batches, self.asked = batches, []

    def epoch(self, number):
        self.asked.append(number)
        order = np.random.default_rng(number).permutation(len(self.batches))
        return (self.batches[place] for place in order)


def words_of(batches):
    return [int((target[:, 1:] != PAD).sum()) for _, target in batches]


def weights_of(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def same_weights(first, second):
    return all(torch.equal(*pair) for pair in zip(weights_of(first), weights_of(second), strict=True))


def interrupted_after(updates):
    def callback(history):
        if history.updates == updates:
            raise KeyboardInterrupt

    return callback


# The loss


def smoothed_loop(logits, gold, smoothing):
    """The formula, term by term."""
    total, count = 0.0, 0
    for row, word in zip(logits.tolist(), gold.tolist(), strict=True):
        if word == PAD:
            continue
        count += 1
        log_total = max(row) + math.log(math.fsum(math.exp(each - max(row)) for each in row))
        for v, logit in enumerate(row):
            q = (1 - smoothing) * (v == word) + (smoothing / (len(row) - 1) if v != PAD else 0.0)
            total -= q * (logit - log_total)
    return total, count


@given(st.integers(1, 6), st.integers(2, 7), st.floats(0, 0.99), st.integers(0, 1000))
def test_the_loss_is_its_formula(count, vocab, smoothing, seed):
    rng = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(count, vocab, generator=rng, dtype=torch.float64)
    gold = torch.randint(0, vocab, (count,), generator=rng)
    total, words = smoothed_loop(logits, gold, smoothing)
    assert smoothed_cross_entropy(logits, gold, smoothing, reduction="sum").item() == pytest.approx(total)
    mean = smoothed_cross_entropy(logits, gold, smoothing).item()
    assert mean == pytest.approx(total / words) if words else math.isnan(mean)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 1000))
def test_without_smoothing_it_is_torchs(batch, length, seed):
    rng = torch.Generator().manual_seed(seed)
    logits, gold = torch.randn(batch, length, 5, generator=rng), torch.randint(1, 5, (batch, length), generator=rng)
    for reduction in ("mean", "sum"):
        expected = cross_entropy(logits.flatten(0, 1), gold.flatten(), reduction=reduction)
        assert torch.equal(smoothed_cross_entropy(logits, gold, reduction=reduction), expected)


def test_smoothing_differs_from_torchs_by_what_padding_would_get():
    logits, gold = torch.randn(9, 5, dtype=torch.float64), torch.arange(9) % 4 + 1
    ours = smoothed_cross_entropy(logits, gold, 0.2)
    share = -logits.log_softmax(-1).mean(0)
    theirs = cross_entropy(logits, gold, label_smoothing=0.2)
    assert ours.item() == pytest.approx((theirs - 0.2 * share.mean() + 0.2 * share[1:].mean()).item())


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_padding_is_never_rewarded(smoothing):
    logits = torch.zeros(3, 6, dtype=torch.float64, requires_grad=True)
    gold = torch.tensor([2, PAD, 5])
    optimiser = torch.optim.LBFGS([logits], max_iter=300, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = smoothed_cross_entropy(logits, gold, smoothing)
        loss.backward()
        return loss

    closure()
    assert (logits.grad[[0, 2], PAD] > 0).all(), "raising the logit of padding raises the loss"
    assert (logits.grad[1] == 0).all(), "a position of padding has no gradient"
    optimiser.step(closure)
    probabilities = logits.detach().softmax(-1)
    expected = [(1 - smoothing) * (v == 2) + smoothing / 5 * (v != PAD) for v in range(6)]
    assert probabilities[0].tolist() == pytest.approx(expected, abs=1e-3)


@given(st.integers(2, 6), st.floats(0, 0.9), st.integers(0, 1000))
def test_the_gradient_is_what_the_model_says_too_much(vocab, smoothing, seed):
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(4, vocab, generator=rng, dtype=torch.float64, requires_grad=True)
    gold = torch.randint(1, vocab, (4,), generator=rng)
    gold[seed % 4] = PAD
    smoothed_cross_entropy(logits, gold, smoothing).backward()
    share = torch.full((vocab,), smoothing / (vocab - 1), dtype=torch.float64)
    share[PAD] = 0.0  # nothing of what is spread goes to padding, so that all it gets is too much
    for row, word, probabilities in zip(logits.grad, gold, logits.detach().softmax(-1), strict=True):
        wanted = share + (1 - smoothing) * nn.functional.one_hot(word, vocab)
        torch.testing.assert_close(row, (word != PAD) * (probabilities - wanted) / 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_half_precision_is_summed_in_float32(dtype, smoothing):
    logits, gold = torch.randn(50, 7).to(dtype), torch.arange(50) % 6 + 1
    loss = smoothed_cross_entropy(logits, gold, smoothing)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(smoothed_cross_entropy(logits.float(), gold, smoothing).item(), rel=1e-6)


@pytest.mark.usefixtures("unchecked")
class TestLossErrors:
    @pytest.mark.parametrize("smoothing", [-0.1, 1.0, math.nan])
    def test_smoothing(self, smoothing):
        with fails(ValueError, f"smoothing must be at least 0 and below 1, got {smoothing}"):
            smoothed_cross_entropy(torch.zeros(1, 3), torch.ones(1, dtype=torch.int64), smoothing)

    def test_reduction(self):
        with fails(ValueError, "reduction must be one of mean, sum, got 'none'"):
            smoothed_cross_entropy(torch.zeros(1, 3), torch.ones(1, dtype=torch.int64), reduction="none")

    def test_vocab(self):
        with fails(ValueError, "logits has vocab 1"):
            smoothed_cross_entropy(torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64), 0.1)


# Held-out losses


@torch.no_grad()
def loss_by_hand(model, sentences, smoothing=0.0):
    """Nats per word of sentences one by one, without padding."""
    total, words = 0.0, 0
    for sentence in sentences:
        source, target = batch_of([sentence])
        logits = model(source, target[:, :-1])[0]
        sum_, count = smoothed_loop(logits, target[0, 1:], smoothing)
        total, words = total + sum_, words + count
    return total / words


def test_held_out_loss_is_the_mean_over_words():
    model, sentences = translator(dropout_p=0.5), sentences_of(3, 12)
    expected = loss_by_hand(model.eval(), sentences)
    model.train()
    for size in (1, 5, 12):
        batches = [batch_of(sentences[at : at + size], wider=at % 3) for at in range(0, 12, size)]
        assert held_out_loss(model, batches) == pytest.approx(expected, rel=1e-5)
    assert model.training, "the mode is as it was"
    assert not any(parameter.grad is not None for parameter in model.parameters())
    assert held_out_loss(model.eval(), Epochs(batches)) == pytest.approx(expected, rel=1e-5)
    assert not model.training


def test_held_out_loss_needs_words():
    for batches in ([], iter([])):
        with fails(ValueError, "there is no target word in the held-out batches"):
            held_out_loss(translator(), batches)


def test_perplexity():
    assert perplexity(0.0) == 1.0
    assert perplexity(math.log(7)) == pytest.approx(7)
    assert perplexity(1e6) == math.inf


# Configurations


@given(st.integers(0, 50), st.integers(1, 500), st.floats(1e-5, 1))
def test_schedules_are_their_formulas(warmup, update, peak):
    steps = max(1, warmup)
    constant = TrainingConfig(updates=1, learning_rate=peak, warmup=warmup)
    assert learning_rate_at(constant, update) == pytest.approx(peak * min(1, update / steps))
    falling = replace(constant, schedule="inverse_sqrt")
    assert learning_rate_at(falling, update) == pytest.approx(
        peak * math.sqrt(steps) * min(update**-0.5, update * steps**-1.5)
    ), "equation 3 of Vaswani et al., scaled to its peak"
    assert learning_rate_at(falling, steps) == pytest.approx(peak)


@given(st.integers(1, 2048), st.integers(1, 8000), st.integers(1, 100_000))
def test_the_papers_schedule(dim, warmup, update):
    config = TrainingConfig(updates=1, learning_rate=(dim * warmup) ** -0.5, schedule="inverse_sqrt", warmup=warmup)
    expected = dim**-0.5 * min(update**-0.5, update * warmup**-1.5)
    assert learning_rate_at(config, update) == pytest.approx(expected, rel=1e-12)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 100), st.integers(0, 300))
def test_teacher_forcing_decays_in_a_line(start, end, updates, update):
    decay = TeacherForcing(start, end, updates)
    expected = np.interp(update, [0, updates], [start, end])
    assert decay.at(update) == pytest.approx(expected, abs=1e-12)
    assert decay.at(0) == pytest.approx(start)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"updates": 0}, ValueError, "updates must be at least 1, got 0"),
        ({"updates": 1.5}, TypeError, "updates must be an integer, got float"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be a positive finite number, got 0"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate must be a number, got str"),
        ({"schedule": "cosine"}, ValueError, "schedule must be one of constant, inverse_sqrt, got 'cosine'"),
        ({"warmup": -1}, ValueError, "warmup must be at least 0 and finite, got -1"),
        ({"warmup": 0.5}, TypeError, "warmup must be an integer, got float"),
        ({"clip_norm": 0.0}, ValueError, "clip_norm must be a positive finite number, got 0.0"),
        ({"label_smoothing": 1.0}, ValueError, "label_smoothing must be at least 0 and below 1, got 1.0"),
        ({"teacher_forcing": 1.5}, ValueError, "teacher_forcing must be a probability, from 0 to 1, got 1.5"),
        ({"teacher_forcing": True}, TypeError, "teacher_forcing must be a number, got bool"),
        ({"betas": (0.9,)}, TypeError, "betas must be a tuple of two numbers, got (0.9,)"),
        ({"betas": (0.9, 1.0)}, ValueError, "the second of betas must be at least 0 and below 1, got 1.0"),
        ({"weight_decay": math.inf}, ValueError, "weight_decay must be at least 0 and finite, got inf"),
        ({"evaluate_every": 0}, ValueError, "evaluate_every must be at least 1, got 0"),
        ({"patience": 0}, ValueError, "patience must be at least 1, got 0"),
        ({"average": 0}, ValueError, "average must be at least 1, got 0"),
        ({"average": 2.0}, TypeError, "average must be an integer, got float"),
        ({"checkpoint_every": 2.0}, TypeError, "checkpoint_every must be an integer, got float"),
        ({"checkpoint_minutes": -1}, ValueError, "checkpoint_minutes must be a positive finite number, got -1"),
        ({"mixed_precision": "int8"}, ValueError, "mixed_precision must be one of no, bf16, fp16, got 'int8'"),
        ({"seed": 0.5}, TypeError, "seed must be an integer, got float"),
    ],
)
def test_configurations_are_checked(wrong, error, message):
    with fails(error, message):
        TrainingConfig(**{"updates": 1, **wrong})


@pytest.mark.usefixtures("unchecked")
def test_decays_are_checked():
    with fails(ValueError, "end must be a probability, from 0 to 1, got -0.5"):
        TeacherForcing(1.0, -0.5, 10)
    with fails(ValueError, "updates must be at least 1, got 0"):
        TeacherForcing(1.0, 0.5, 0)


# The loop


def by_hand(model, batches, config):
    """Train without attnlib.training: losses, gradient norms, learning rates."""
    kind = torch.optim.AdamW if config.weight_decay else torch.optim.Adam
    optimiser = kind(model.parameters(), lr=config.learning_rate, betas=config.betas, weight_decay=config.weight_decay)
    model.train()
    done = []
    while len(done) < config.updates:
        for source, target in batches:
            if len(done) == config.updates:
                break
            logits, gold = model(source, target[:, :-1]), target[:, 1:]
            log_p = logits.log_softmax(-1)
            nll = -log_p.gather(-1, gold[..., None])[..., 0]
            spread = -log_p[..., 1:].mean(-1)
            losses = (1 - config.label_smoothing) * nll + config.label_smoothing * spread
            loss = losses[gold != PAD].mean()
            optimiser.zero_grad()
            loss.backward()
            rate = learning_rate_at(config, len(done) + 1)
            norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
            scale = 1.0 if config.clip_norm is None else min(1.0, config.clip_norm / (norm.item() + 1e-6))
            for parameter in model.parameters():
                parameter.grad *= scale
            optimiser.param_groups[0]["lr"] = rate
            optimiser.step()
            done.append((loss.item(), norm.item(), rate))
    return done


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"clip_norm": None},
        {"clip_norm": 0.05},
        {"label_smoothing": 0.1},
        {"weight_decay": 0.1, "betas": (0.8, 0.98)},
        {"schedule": "inverse_sqrt", "warmup": 4},
    ],
    ids=str,
)
def test_losses_are_those_of_a_loop_by_hand(changes):
    config = TrainingConfig(**{"updates": 12, "learning_rate": 0.02, **changes})
    ours, theirs, batches = translator(), translator(), batches_of()
    history = train(ours, batches, config=config)
    losses, norms, rates = zip(*by_hand(theirs, batches, config), strict=True)
    assert history.losses == pytest.approx(losses, rel=1e-4)
    assert history.gradient_norms == pytest.approx(norms, rel=1e-3)
    assert history.learning_rates == pytest.approx(rates)
    for one, other in zip(weights_of(ours), weights_of(theirs), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
    assert history.losses[-1] < history.losses[0]


def test_padding_changes_nothing():
    config = TrainingConfig(updates=10, learning_rate=0.02, label_smoothing=0.1)
    narrow = train(translator(), batches_of(), config=config)
    wide = train(translator(), batches_of(wider=3), config=config)
    assert wide.losses == pytest.approx(narrow.losses, rel=1e-4)
    assert wide.words == narrow.words


def test_the_history_tells_what_happened():
    batches = batches_of()
    seen = []
    history = train(
        translator(),
        batches,
        config=TrainingConfig(updates=12, evaluate_every=5),
        valid=batches_of(1),
        callback=lambda so_far: seen.append((so_far.updates, len(so_far.evaluations))),
    )
    assert seen == [(t, t // 5 + (t == 12)) for t in range(1, 13)]
    assert history.words == words_of([*batches, *batches, *batches[:2]])
    assert history.seconds == sorted(history.seconds)
    assert history.seconds[0] > 0
    assert [update for update, _ in history.evaluations] == [5, 10, 12]
    assert (history.stopped, history.interrupted, history.updates) == ("updates", False, 12)


def test_without_a_number_the_held_out_loss_is_taken_once_an_epoch():
    history = train(translator(), batches_of(), config=TrainingConfig(updates=12), valid=batches_of(1))
    assert [update for update, _ in history.evaluations] == [5, 10, 12]


def test_every_epoch_is_asked_for_once():
    batches = Epochs(batches_of())
    history = train(translator(), batches, config=TrainingConfig(updates=12))
    assert batches.asked == [0, 1, 2]
    order = [place for number in range(3) for place in np.random.default_rng(number).permutation(5)]
    words = words_of(batches.batches)
    assert history.words == [words[place] for place in order[:12]]


def test_batches_of_the_book_can_be_trained_on():
    sentences = sentences_of(0, 20)
    batches = Batches(sentences, [words[::-1] for words in sentences], sentences=6, seed=1)
    history = train(translator(), batches, config=TrainingConfig(updates=9, learning_rate=0.02), valid=batches)
    assert history.words == [batch.words for number in range(3) for batch in batches.epoch(number)][:9]
    assert history.best.loss == pytest.approx(held_out_loss(translator(), batches), rel=0.5)


def test_the_decoder_reads_its_own_words_as_often_as_asked():
    class Listening(Seq2Seq):
        def features(self, source, target_in, *, teacher_forcing=1.0, generator=None):
            asked.append((teacher_forcing, generator.initial_seed()))
            return super().features(source, target_in, teacher_forcing=teacher_forcing, generator=generator)

    asked = []
    sizes = {"source_vocab": VOCAB, "target_vocab": VOCAB, "embedding_dim": 6, "hidden_dim": 8}
    model = Listening(Seq2SeqConfig(**sizes), seed=0)
    train(model, batches_of(), config=TrainingConfig(updates=6, teacher_forcing=TeacherForcing(1.0, 0.5, 5)))
    assert [forcing for forcing, _ in asked] == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.6, 0.5])
    assert len({seed for _, seed in asked}) == 6, "each update tosses new coins"


def test_the_last_layer_sees_words_only():
    rows = []
    model, batches = translator(), batches_of(wider=2)
    model.output.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    history = train(model, batches, config=TrainingConfig(updates=5))
    assert rows == history.words


STOCHASTIC = TrainingConfig(
    updates=13,
    learning_rate=0.02,
    teacher_forcing=0.5,
    label_smoothing=0.1,
    evaluate_every=4,
    schedule="inverse_sqrt",
    warmup=3,
)


def test_the_same_seed_gives_the_same_weights():
    runs = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(runs))
        model = translator(dropout_p=0.3)
        history = train(model, batches_of(), config=replace(STOCHASTIC, seed=seed))
        runs.append((history.losses, model))
    assert runs[0][0] == runs[1][0]
    assert same_weights(runs[0][1], runs[1][1])
    assert runs[0][0] != runs[2][0]


def test_other_random_numbers_are_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    drawn = []
    config = replace(STOCHASTIC, updates=2)
    train(translator(dropout_p=0.3), batches_of(), config=config, callback=lambda _: drawn.append(torch.rand(1)))
    assert torch.equal(torch.cat([*drawn, torch.rand(1)]), expected)


def test_dropout_differs_from_update_to_update():
    model = translator(dropout_p=0.5)
    model.requires_grad_(False)
    model.output.bias.requires_grad_(True)
    history = train(model, batches_of()[:1], config=TrainingConfig(updates=5, learning_rate=1e-12))
    assert len(set(history.losses)) == 5


def test_the_model_ends_in_evaluation_mode_without_gradients():
    model = translator()
    train(model, batches_of(), config=TrainingConfig(updates=1))
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_parameters_that_are_frozen_or_unused_stay():
    model = translator()
    model.spare = nn.Linear(3, 3)
    model.source_embedding.requires_grad_(False)
    before = [model.source_embedding.weight.clone(), model.spare.weight.clone()]
    train(model, batches_of(), config=TrainingConfig(updates=3, weight_decay=0.1))
    assert torch.equal(model.source_embedding.weight, before[0])
    assert torch.equal(model.spare.weight, before[1])


# Early stopping


def misled(*, callback=None, checkpoint=None, **changes):
    """Train on sentences whose held-out ones say the opposite: soon the held-out loss can only get worse."""
    source, target = batch_of([[4, 5], [5, 4], [6, 7]])
    other = target.clone()
    other[:, 1:-1] = 15 - target[:, 1:-1]
    model = translator()
    config = TrainingConfig(**{"updates": 60, "learning_rate": 0.05, "evaluate_every": 3, **changes})
    valid = [(source, other)]
    history = train(model, [(source, target)], config=config, valid=valid, callback=callback, checkpoint=checkpoint)
    return model, history, valid


def test_training_stops_when_patience_ends_and_the_best_weights_come_back():
    model, history, valid = misled(patience=3)
    losses = [loss for _, loss in history.evaluations]
    best = losses.index(min(losses))
    assert history.stopped == "patience"
    assert history.updates < 60
    assert len(losses) - 1 - best == 3
    assert history.best == history.evaluations[best]
    assert held_out_loss(model, valid) == pytest.approx(history.best.loss)
    assert losses[-1] > history.best.loss + 0.1


def test_without_patience_the_best_weights_come_back_too():
    model, history, valid = misled()
    assert (history.stopped, history.updates) == ("updates", 60)
    assert held_out_loss(model, valid) == pytest.approx(history.best.loss)


def test_best_weights_from_before_an_interruption_come_back(tmp_path):
    path = tmp_path / "c.pt"
    _, whole, valid = misled()
    at = whole.best.update + 4
    assert at < whole.updates
    misled_on = partial(misled, checkpoint=path)
    assert misled_on(callback=interrupted_after(at))[1].interrupted
    model, history, _ = misled_on()
    assert history.evaluations == whole.evaluations
    assert held_out_loss(model, valid) == pytest.approx(whole.best.loss)


def test_patience_needs_held_out_sentences():
    with fails(ValueError, "config has a patience but there is no held-out loss to wait for; pass valid="):
        train(translator(), batches_of(), config=TrainingConfig(updates=1, patience=1))


# The mean of the last weights


def averaged(*, callback=None, checkpoint=None, **changes):
    """Train with a mean at the end; return the model, its history, and the weights after each update."""
    seen, model = {}, translator()
    config = TrainingConfig(**{"updates": 12, "learning_rate": 0.1, "evaluate_every": 2, "average": 3, **changes})

    def keep(history):
        seen[history.updates] = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        if callback is not None:
            callback(history)

    how = {"valid": batches_of(), "checkpoint": checkpoint, "callback": keep}
    return model, train(model, batches_of(), config=config, **how), seen


TO_AND_FRO = {"learning_rate": 0.3, "updates": 20, "evaluate_every": 1, "average": 10}
"""A rate at which the weights overshoot, so that their mean is better than any of them."""


def mean_by_hand(*states):
    return {name: sum(state[name].double() for state in states) / len(states) for name in states[0]}


def loss_of(weights):
    model = translator()
    model.load_state_dict(weights)
    return held_out_loss(model, batches_of())


def assert_weights(model, expected):
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor.double(), expected[name].double(), rtol=1e-6, atol=1e-7)


def test_the_mean_of_the_last_weights_is_kept_if_it_is_better():
    model, history, seen = averaged(**TO_AND_FRO)
    expected = mean_by_hand(*(seen[at] for at in range(11, 21)))
    assert_weights(model, expected)
    assert history.averaged == pytest.approx(loss_of(expected), rel=1e-6)
    assert history.averaged == pytest.approx(held_out_loss(model, batches_of()), rel=1e-6)
    assert history.averaged < history.best.loss - 0.01
    assert not model.training
    assert len(history.evaluations) == 20, "the mean's is not one of them"
    assert History.from_dict(history.to_dict()) == history
    alone, plain, _ = averaged(**TO_AND_FRO | {"average": 1})
    assert plain.averaged is None
    assert (plain.losses, plain.evaluations) == (history.losses, history.evaluations), "nothing else changes"
    assert held_out_loss(alone, batches_of()) == pytest.approx(plain.best.loss)


def test_the_mean_of_the_last_weights_is_dropped_if_it_is_worse():
    model, history, seen = averaged(learning_rate=0.003, updates=8, average=4)
    assert history.best.update == 8, "it gets better and better"
    assert history.averaged == pytest.approx(loss_of(mean_by_hand(*(seen[at] for at in (2, 4, 6, 8)))), rel=1e-6)
    assert history.averaged > history.best.loss + 0.01
    assert_weights(model, seen[8])


@pytest.mark.parametrize(
    ("changes", "places"),
    [({"average": 50}, (2, 4, 6, 8, 10, 12)), ({"average": 2}, (10, 12)), ({"evaluate_every": 5}, (5, 10, 12))],
)
def test_which_weights_are_averaged(changes, places):
    _, history, seen = averaged(**changes)
    assert history.averaged == pytest.approx(loss_of(mean_by_hand(*(seen[at] for at in places))), rel=1e-6)


def test_one_evaluation_has_no_mean():
    model, history, seen = averaged(evaluate_every=12)
    assert history.averaged is None
    assert_weights(model, seen[12])


@pytest.mark.parametrize("at", [3, 15])
def test_an_interruption_changes_no_mean(tmp_path, at):
    path = tmp_path / "c.pt"
    model, history, seen = averaged(callback=interrupted_after(at), checkpoint=path, **TO_AND_FRO)
    assert history.interrupted
    assert history.averaged is None
    assert_weights(model, seen[at])
    whole, expected, _ = averaged(**TO_AND_FRO)
    for _ in range(2):  # from the interruption, then from the end
        model, history, _ = averaged(checkpoint=path, **TO_AND_FRO)
        assert history.averaged == expected.averaged
        assert history.evaluations == expected.evaluations
        assert same_weights(model, whole)


def test_a_mean_needs_held_out_sentences():
    message = "config averages the weights at the last held-out losses but there are none; pass valid="
    with fails(ValueError, message):
        train(translator(), batches_of(), config=TrainingConfig(updates=1, average=2))


@given(st.integers(1, 5), st.integers(0, 1000))
def test_weights_are_averaged_in_double_precision(number, seed):
    rng = torch.Generator().manual_seed(seed)
    states = [
        {
            "half": torch.randn(2, 3, generator=rng).half(),
            "single": 1e6 * torch.randn(4, generator=rng),
            "steps": torch.tensor(count),
        }
        for count in range(number)
    ]
    kept = [{name: tensor.clone() for name, tensor in state.items()} for state in states]
    mean = average_weights(states)
    assert [list(state) for state in states] == [list(mean)] * number
    for name in ("half", "single"):
        exact = np.mean([state[name].double().numpy() for state in states], axis=0)
        assert mean[name].dtype == states[0][name].dtype
        assert torch.equal(mean[name], torch.tensor(exact).to(mean[name].dtype))
    assert mean["steps"].item() == number - 1
    for state, before in zip(states, kept, strict=True):
        assert all(torch.equal(tensor, before[name]) for name, tensor in state.items())


def test_weights_that_cant_be_averaged():
    with fails(ValueError, "there are no weights to average"):
        average_weights([])
    for other in ({"v": torch.zeros(2)}, {"w": torch.zeros(3)}, {}, {"w": torch.zeros(2), "v": torch.zeros(2)}):
        with fails(ValueError, "weights of one model have the same names and shapes, and these have not"):
            average_weights([{"w": torch.zeros(2)}, other])


# Going on


def whole_run(batches, config=STOCHASTIC):
    model = translator(dropout_p=0.3)
    return model, train(model, batches, config=config, valid=batches_of(9))


def assert_same_run(model, history, whole):
    expected_model, expected = whole
    assert history.losses == expected.losses, "bit by bit"
    assert history.gradient_norms == expected.gradient_norms
    assert history.learning_rates == expected.learning_rates
    assert history.words == expected.words
    assert history.evaluations == expected.evaluations
    assert history.stopped == expected.stopped
    assert len(history.seconds) == len(expected.seconds)
    assert history.seconds == sorted(history.seconds)
    assert same_weights(model, expected_model)


@pytest.mark.parametrize("at", [1, 4, 5, 7, 12])
def test_a_run_that_goes_on_is_the_run_that_was_never_interrupted(tmp_path, at):
    batches = Epochs(batches_of())
    path = tmp_path / "new" / "training.pt"
    first = translator(dropout_p=0.3)
    go = partial(train, batches=batches, config=STOCHASTIC, valid=batches_of(9), checkpoint=path)
    history = go(first, callback=interrupted_after(at))
    assert (history.stopped, history.interrupted, history.updates) == ("interrupted", True, at)
    second = translator(seed=1, dropout_p=0.3)
    assert_same_run(second, go(second), whole_run(batches))
    assert [file.name for file in path.parent.iterdir()] == ["training.pt"]


def test_after_an_interruption_the_model_has_its_last_weights(tmp_path):
    model, other = translator(), translator()
    config = TrainingConfig(updates=9, evaluate_every=2)
    train(model, batches_of(), config=config, valid=batches_of(9), callback=interrupted_after(5))
    train(other, batches_of(), config=replace(config, updates=5))
    assert same_weights(model, other)


def test_several_interruptions(tmp_path):
    batches = Epochs(batches_of())
    for at in (2, 3, 9):
        model = translator(dropout_p=0.3)
        path = tmp_path / "c.pt"
        go = partial(train, model, batches, config=STOCHASTIC, valid=batches_of(9), checkpoint=str(path))
        assert go(callback=interrupted_after(at)).updates == at
    assert_same_run(model, go(), whole_run(batches))


def test_a_finished_training_comes_back_at_once_and_can_be_made_longer(tmp_path):
    batches, path = Epochs(batches_of()), tmp_path / "c.pt"
    short = replace(STOCHASTIC, updates=8)
    first = translator(dropout_p=0.3)
    done = train(first, batches, config=short, valid=batches_of(9), checkpoint=path)
    again = translator(seed=2, dropout_p=0.3)
    history = train(again, [], config=short, valid=batches_of(9), checkpoint=path)
    assert history == done
    assert same_weights(again, first), "the best ones"
    assert_same_run(
        again, train(again, batches, config=STOCHASTIC, valid=batches_of(9), checkpoint=path), whole_run(batches)
    )


def test_patience_that_ended_stays_ended(tmp_path):
    model, path = translator(), tmp_path / "c.pt"
    source, target = batch_of([[4, 5], [5, 4]])
    other = target.clone()
    other[:, 1:-1] = 9 - target[:, 1:-1] + 5
    config = TrainingConfig(updates=60, learning_rate=0.05, evaluate_every=3, patience=2)
    go = partial(train, model, [(source, target)], valid=[(source, other)], checkpoint=path)
    history = go(config=config)
    assert history.stopped == "patience"
    assert go(config=config) == history
    assert go(config=replace(config, patience=3)).updates == history.updates + 3


def test_checkpoints_are_written_as_often_as_asked(tmp_path, monkeypatch):
    written = []

    def write(path, content):
        written.append(len(content["history"]["losses"]))

    monkeypatch.setattr("attnlib.training.write_checkpoint", write)
    go = partial(train, translator(), batches_of(), checkpoint=tmp_path / "c.pt")
    go(config=TrainingConfig(updates=7, checkpoint_every=3, checkpoint_minutes=None))
    assert written == [3, 6, 7]
    written.clear()
    go(config=TrainingConfig(updates=3, checkpoint_minutes=1e-9))
    assert written == [1, 2, 3]
    written.clear()
    go(config=TrainingConfig(updates=3))
    assert written == [3]


def saved(tmp_path, **changes):
    path = tmp_path / "c.pt"
    config = TrainingConfig(updates=3, checkpoint_every=1, **changes)
    train(translator(), batches_of(), config=config, checkpoint=path)
    return path, config


class TestCheckpointErrors:
    def test_another_configuration(self, tmp_path):
        path, config = saved(tmp_path)
        changed = replace(config, learning_rate=0.5, teacher_forcing=TeacherForcing(), updates=9, patience=None)
        differences = r"learning_rate was 0\.001 and is now 0\.5; teacher_forcing was 1\.0"
        with pytest.raises(ValueError, match=differences) as error:
            train(translator(), batches_of(), config=changed, checkpoint=path)
        assert str(error.value).startswith(f"{path} comes from a training with another config: ")
        assert str(error.value).endswith("or pass another path to start from the beginning")
        assert "updates was" not in str(error.value)

    def test_another_model(self, tmp_path):
        path, config = saved(tmp_path)
        with pytest.raises(ValueError, match=r"another model: .*attention was 'dot' and is now 'additive'"):
            train(translator(attention="additive"), batches_of(), config=config, checkpoint=path)

    def test_other_batches(self, tmp_path):
        path, config = saved(tmp_path)
        config = replace(config, updates=9)
        other, before = (words_of(batches)[0] for batches in (batches_of(4), batches_of()))
        message = f"batch 0 of epoch 0 has {other} target words but had {before} when the checkpoint was written"
        with fails(ValueError, message):
            train(translator(), batches_of(4), config=config, checkpoint=path)
        with fails(ValueError, "epoch 0 has 2 batches but had more when the checkpoint was written"):
            train(translator(), batches_of()[:2], config=config, checkpoint=path)

    @pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
    def test_a_part_of_a_file(self, tmp_path, share):
        path, config = saved(tmp_path)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with fails(ValueError, f"{path} is damaged or no checkpoint at all; pass the path of a whole one"):
            train(translator(), batches_of(), config=config, checkpoint=path)

    def test_another_file(self, tmp_path):
        text, weights = tmp_path / "notes.txt", tmp_path / "weights.pt"
        text.write_text("Attention!")
        torch.save(translator().state_dict(), weights)
        with fails(ValueError, f"{text} is damaged or no checkpoint at all"):
            train(translator(), batches_of(), config=TrainingConfig(updates=1), checkpoint=text)
        with fails(ValueError, f"{weights} is not an attnlib training checkpoint, version 1"):
            train(translator(), batches_of(), config=TrainingConfig(updates=1), checkpoint=weights)
        assert text.read_text() == "Attention!"

    def test_code_is_not_run(self, tmp_path):
        path = tmp_path / "trap.pt"
        torch.save({"format": _checkpoints.FORMAT, "model": Trap()}, path)
        with fails(ValueError, f"{path} is damaged"):
            train(translator(), batches_of(), config=TrainingConfig(updates=1), checkpoint=path)

    def test_a_folder(self, tmp_path):
        with fails(ValueError, f"checkpoint must be a file, but {tmp_path} is a folder"):
            train(translator(), batches_of(), config=TrainingConfig(updates=1), checkpoint=tmp_path)


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("code of the file was run",))


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("place", ["torch.save", "os.fsync", "os.replace"])
def test_an_error_while_saving_leaves_the_old_checkpoint(tmp_path, monkeypatch, error, place):
    path, config = saved(tmp_path)
    before = path.read_bytes()

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(place, fail)
        with pytest.raises(error):
            train(translator(), batches_of(), config=replace(config, updates=5), checkpoint=path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("unchecked")
def test_numpys_numbers_can_be_saved(tmp_path):
    config = TrainingConfig(updates=2, learning_rate=np.float64(0.01), seed=np.int64(3))
    path = tmp_path / "c.pt"
    history = train(translator(max_length=np.int64(100)), batches_of(), config=config, checkpoint=path)
    assert train(translator(), batches_of(), config=config, checkpoint=path).losses == history.losses


# Interruptions from outside

PROGRAM = """
import os, signal, sys
import torch
from tests.attnlib.test_training import STOCHASTIC, Epochs, batches_of, translator
from attnlib.training import train
from dataclasses import replace
torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)
path, what = sys.argv[1:]
config = replace(STOCHASTIC, checkpoint_every=1)
model = translator(dropout_p=0.3)
updates = 0

def callback(history):
    global updates
    updates = history.updates
    if updates == 7 and what == "ctrl-c":
        os.kill(os.getpid(), signal.SIGINT)

force = os.fsync
def fsync(handle):
    if updates == 7 and what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if updates == 7 and what == "twice":
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    force(handle)
os.fsync = fsync

history = train(
    model, Epochs(batches_of()), config=config, valid=batches_of(9), checkpoint=path, progress=False, callback=callback
)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print(history.stopped, history.updates)
"""


def run_program(path, what):
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(path), what]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("what", "updates", "code"), [("ctrl-c", 7, 0), ("kill", 6, -signal.SIGKILL), ("twice", 6, 1)])
def test_whatever_happens_the_checkpoint_is_whole(tmp_path, what, updates, code):
    path = tmp_path / "c.pt"
    done = run_program(path, what)
    assert done.returncode == code, done.stderr
    assert done.stdout == ("interrupted 7\n" if what == "ctrl-c" else "")
    assert done.stderr.endswith("KeyboardInterrupt\n" if what == "twice" else "")
    assert len(_checkpoints.read_checkpoint(path)["history"]["losses"]) == updates
    batches, model = Epochs(batches_of()), translator(dropout_p=0.3)
    config = replace(STOCHASTIC, checkpoint_every=1)
    history = train(model, batches, config=config, valid=batches_of(9), checkpoint=path)
    assert_same_run(model, history, whole_run(batches))
    assert list(tmp_path.iterdir()) == [path], "what a killed process left is gone"


def test_ctrl_c_waits_for_the_end_of_the_update():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        model = translator()
        hook = model.output.register_forward_hook(lambda *_: os.kill(os.getpid(), signal.SIGINT))
        history = train(model, batches_of(), config=TrainingConfig(updates=5))
        hook.remove()
        assert (history.stopped, history.updates) == ("interrupted", 1)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        other = translator()
        train(other, batches_of(), config=TrainingConfig(updates=1))
        assert same_weights(model, other)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_job_in_the_background_goes_on_ignoring_ctrl_c():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        kill = lambda _: os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
        assert train(translator(), batches_of(), config=TrainingConfig(updates=3), callback=kill).stopped == "updates"
    finally:
        signal.signal(signal.SIGINT, before)


def test_training_works_outside_the_main_thread():
    histories = []
    config = TrainingConfig(updates=3)
    thread = threading.Thread(target=lambda: histories.append(train(translator(), batches_of(), config=config)))
    thread.start()
    thread.join()
    assert histories[0].losses == train(translator(), batches_of(), config=config).losses


# Losses that are no numbers, and memory


def spoil(model, at):
    def callback(history):
        if history.updates == at:
            with torch.no_grad():
                model.output.bias[:] = math.nan

    return callback


def test_a_loss_that_is_no_number_stops_the_training(tmp_path):
    model, path = translator(), tmp_path / "c.pt"
    config = TrainingConfig(updates=9, checkpoint_every=1, clip_norm=None)
    with pytest.raises(FloatingPointError) as error:
        train(model, batches_of(), config=config, checkpoint=path, callback=spoil(model, 4))
    message = str(error.value)
    assert message.startswith("update 5 has loss nan and a gradient of norm nan; the weights are those of update 4.")
    assert "Try a learning rate below 0.001, a longer warmup, or a clip_norm such as 1.0" in message
    assert len(_checkpoints.read_checkpoint(path)["history"]["losses"]) == 4


def test_the_weights_are_those_before_the_bad_update():
    model = translator()
    bad = batches_of()
    before = []

    class Bad(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.output = model, model.output

        def features(self, source, target_in, **rest):
            features = self.inner.features(source, target_in, **rest)
            if len(before) == 3:
                return features * math.inf
            return features

    with fails(FloatingPointError, "update 4 has loss nan"):
        train(Bad(), bad, config=TrainingConfig(updates=9), callback=lambda _: before.append(weights_of(model)))
    assert all(torch.equal(*pair) for pair in zip(weights_of(model), before[-1], strict=True))


def test_a_held_out_loss_that_is_no_number_stops_the_training():
    model = translator()
    with torch.no_grad():
        model.source_embedding.weight[11] = math.nan
    with fails(FloatingPointError, "the held-out loss is nan after update 2"):
        train(
            model,
            [batch_of([[4, 5]])],
            config=TrainingConfig(updates=9, evaluate_every=2),
            valid=[batch_of([[11]])],
        )


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory"),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "mps", "python"],
)
def test_short_memory_comes_with_a_hint(error):
    model = translator()

    def fail(*_):
        raise error

    model.output.register_forward_hook(fail)
    source, target = batches_of()[0]
    places = f"{source.shape[1]} source and {target.shape[1]} target"
    with fails(MemoryError, f"out of memory in update 1, a batch of 4 sentences, {places} places long") as caught:
        train(model, batches_of(), config=TrainingConfig(updates=1))
    assert caught.value.__cause__ is error
    assert "make batches smaller" in str(caught.value)


def test_other_errors_come_through():
    model = translator()

    def fail(*_):
        raise RuntimeError("something else")

    model.output.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match=r"^something else$"):
        train(model, batches_of(), config=TrainingConfig(updates=1))


@pytest.mark.parametrize("batches", [[], iter([])])
def test_there_must_be_batches(batches):
    with fails(ValueError, "there are no batches, or an iterator that is used up; pass Batches or a list"):
        train(translator(), batches, config=TrainingConfig(updates=1))


def test_batches_must_have_their_shapes():
    config = TrainingConfig(updates=1)
    source, target = batch_of([[4, 5], [6, 7]])
    for wrong in [(source, target[:1]), (source[0], target), (source, target[:, :1])]:
        came = f"source {tuple(wrong[0].shape)} and target {tuple(wrong[1].shape)}"
        with pytest.raises(ValueError, match=f"^a batch must have source .* got {re.escape(came)}$"):
            train(translator(), [wrong], config=config)
    with fails(ValueError, "a batch has no target word"):
        train(translator(), [(source, torch.tensor([[BOS, PAD], [BOS, PAD]]))], config=config)


def test_a_model_must_have_something_to_train():
    with fails(ValueError, "model has no parameters to train"):
        train(translator().requires_grad_(False), batches_of(), config=TrainingConfig(updates=1))


# What else runs in the program


def test_precisions_may_change_from_training_to_training():
    losses = {}
    for precision in ("no", "bf16", "no"):
        config = TrainingConfig(updates=5, mixed_precision=precision)
        losses.setdefault(precision, []).append(train(translator(), batches_of(), config=config).losses)
    first, second = losses["no"]
    assert first == second
    assert losses["bf16"][0] != first
    assert losses["bf16"][0] == pytest.approx(first, rel=0.02)


def test_an_accelerator_of_others_is_left_as_it_was():
    AcceleratorState._reset_state()
    try:
        theirs = Accelerator(mixed_precision="bf16")
        train(translator(), batches_of(), config=TrainingConfig(updates=1))
        assert theirs.mixed_precision == "bf16"
        assert Accelerator().mixed_precision == "bf16"
    finally:
        AcceleratorState._reset_state()


def test_progress_is_shown_or_not(capfd):
    from attnlib.training import train

    config = TrainingConfig(updates=4)
    train(translator(), batches_of(), config=config, progress=False)
    assert capfd.readouterr() == ("", "")
    train(translator(), batches_of(), config=config, valid=batches_of(9), callback=interrupted_after(3))
    shown = capfd.readouterr().err
    assert re.search(r"3/4 .*loss \d\.\d{3}, [\d,]+ words/s", shown)
    assert shown.endswith("interrupted after update 3; nothing is saved\n")


# Histories

numbers = st.floats(0, 1e6)


@given(st.lists(st.tuples(numbers, st.integers(1, 99), numbers | st.just(math.inf)), max_size=4), st.booleans())
def test_histories_go_through_json(updates, evaluated):
    losses, words, norms = (list(column) for column in zip(*updates, strict=True)) if updates else ([], [], [])
    history = History(losses, words, losses, losses, norms, [Evaluation(1, 2.5)] if evaluated else [], "updates")
    text = json.dumps(history.to_dict(), allow_nan=False)
    assert History.from_dict(json.loads(text)) == history


def test_the_best_is_the_first_of_the_lowest():
    assert History().best is None
    assert History(evaluations=[Evaluation(1, 3.0), Evaluation(2, 2.0), Evaluation(3, 2.0)]).best == Evaluation(2, 2.0)


# Several processes

TOGETHER = """
import json, os, sys
from pathlib import Path
import torch
from tests.attnlib.test_training import MODELS, Epochs, batches_of, with_spare
from attnlib.training import train
torch.set_num_threads(1)
rank, folder = int(os.environ["RANK"]), Path(sys.argv[1])
for name, (make, arrange, config) in MODELS.items():
    model, batches, valid = with_spare(make(seed=rank)), Epochs(arrange(batches_of())), arrange(batches_of(9))
    history = train(model, batches, config=config, valid=valid, checkpoint=folder / f"{name}.pt", progress=False)
    if rank == 0:
        (folder / f"{name}.json").write_text(json.dumps(history.to_dict()))
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""

SPREAD = replace(STOCHASTIC, clip_norm=0.5, weight_decay=0.01)


def transformer(seed=0, **changes):
    sizes = {"dim": 8, "heads": 2, "ffn_dim": 12, "encoder_layers": 1, "decoder_layers": 2, "dropout_p": 0.0}
    return Transformer(TransformerConfig(source_vocab=VOCAB, target_vocab=VOCAB, **{**sizes, **changes}), seed=seed)


def language_model(seed=0):
    return LanguageModel(
        LanguageModelConfig(vocab=VOCAB, dim=8, heads=2, ffn_dim=12, layers=1, dropout_p=0.0), seed=seed
    )


def without_source(batches):
    return [(target[:, :0], target) for _, target in batches]


MODELS = {
    "Seq2Seq": (partial(translator, cell="lstm"), list, SPREAD),
    "Transformer": (transformer, list, replace(SPREAD, average=3)),
    "LanguageModel": (language_model, without_source, replace(SPREAD, teacher_forcing=1.0)),
}
"""How to make a model, what its batches are made of pairs by, and how it is trained."""


def with_spare(model):
    """Give a model a layer that it doesn't use."""
    model.spare = nn.Linear(2, 2)
    return model


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Train every model in two processes."""
    folder = tmp_path_factory.mktemp("together")
    program = folder / "together.py"
    program.write_text(TOGETHER)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    command = [*launch, str(program), str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_two_processes_give_the_losses_of_one(together, name):
    history = History.from_dict(json.loads((together / f"{name}.json").read_text()))
    make, arrange, config = MODELS[name]
    model = with_spare(make(seed=0))
    alone = train(model, Epochs(arrange(batches_of())), config=config, valid=arrange(batches_of(9)))
    assert history.losses == pytest.approx(alone.losses, rel=1e-5)
    assert history.gradient_norms == pytest.approx(alone.gradient_norms, rel=1e-4)
    assert history.words == alone.words
    losses = ([loss for _, loss in each.evaluations] for each in (history, alone))
    assert next(losses) == pytest.approx(next(losses), rel=1e-5)
    saved = _checkpoints.read_checkpoint(together / f"{name}.pt")
    assert history.averaged == (alone.averaged and pytest.approx(alone.averaged, rel=1e-5))
    by_mean = alone.averaged is not None and alone.averaged < alone.best.loss
    saved = average_weights(saved["recent_weights"]) if by_mean else saved["best_weights"]
    for part, tensor in model.state_dict().items():
        # A bias of keys changes no softmax: its gradient is rounding alone, of which Adam makes steps.
        if not part.startswith("spare") and not part.endswith("Kw.bias"):
            torch.testing.assert_close(saved[part], tensor, atol=1e-5, rtol=1e-4)
