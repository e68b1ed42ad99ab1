"""The position tasks, against loops; the reader, against its formula; the training, against Adam by hand."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from attnlib.masks import causal_mask
from attnlib.position_task import BACK, TASKS, UNASKED, PositionRun, Reader, position_task, train_reader
from attnlib.positions import ALiBi, Learned, Rotary, Shaw, Sinusoidal, T5Bias

seeds = st.integers(0, 1000)
every_task = pytest.mark.parametrize("task", TASKS)
SIZES = {"vocab": 6, "dim": 8, "heads": 2}
SCHEMES = {
    "none": lambda: None,
    "sinusoidal": lambda: Sinusoidal(8),
    "learned": lambda: Learned(20, 8, seed=0),
    "rotary": lambda: Rotary(),
    "alibi": lambda: ALiBi(2),
    "t5": lambda: T5Bias(2, bidirectional=False, seed=0),
    "shaw": lambda: Shaw(4, max_distance=3, seed=0),
}
every_scheme = pytest.mark.parametrize("scheme", SCHEMES)


def raises(message, error=ValueError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def said_by_loop(words, task, marked):
    """Return what is to be said at each place of one sentence, None where nothing is asked."""
    said = []
    for i in range(len(words)):
        if task == "back":
            said.append(words[i - 3] if i >= 3 else None)
        elif task == "second":
            said.append(words[1] if i >= 2 else None)
        else:
            said.append(next((word for word in reversed(words[: i + 1]) if word < marked), None))
    return said


# The task


@given(st.integers(1, 4), st.integers(1, 12), st.sampled_from(TASKS), st.integers(1, 7), seeds, st.data())
def test_what_is_to_be_said(batch, length, task, vocab, seed, data):
    marked = data.draw(st.integers(1, vocab))
    words, gold = position_task(batch, length, task=task, vocab=vocab, marked=marked, seed=seed)
    assert words.shape == gold.shape == (batch, length)
    assert words.dtype == gold.dtype == torch.int64
    assert 0 <= int(words.min()) <= int(words.max()) < vocab
    for sentence, answers in zip(words.tolist(), gold.tolist(), strict=True):
        expected = said_by_loop(sentence, task, marked)
        assert answers == [UNASKED if word is None else word for word in expected]


def test_every_word_is_as_likely():
    words, _ = position_task(1000, 24, task="back", vocab=8, seed=0)
    assert words.flatten().bincount().div(words.numel()).tolist() == pytest.approx([1 / 8] * 8, abs=0.01)
    assert torch.corrcoef(words[:, :2].T.float())[0, 1].abs() < 0.1


def test_the_constants():
    assert (BACK, UNASKED, TASKS) == (3, -100, ("back", "second", "recent"))
    assert nn.CrossEntropyLoss().ignore_index == UNASKED


@every_task
def test_same_seed_same_sentences_and_the_global_generator_untouched(task):
    state = torch.get_rng_state()
    one, again, other = (position_task(3, 9, task=task, seed=seed)[0] for seed in (5, 5, 6))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    Reader(**SIZES, positions=Shaw(4, seed=0), seed=0)
    train_reader(Reader(**SIZES, seed=0), task, vocab=6, updates=2, seed=0)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_generator_goes_on_where_it_is():
    rng = torch.Generator().manual_seed(3)
    first, second = (position_task(2, 9, task="back", seed=rng)[0] for _ in range(2))
    assert torch.equal(first, position_task(2, 9, task="back", seed=3)[0])
    assert not torch.equal(first, second)


# The reader


def attended_by_hand(model, x, scheme):
    """Return what the attention of a reader adds, head by head; ``scheme`` is None, "rotary" or "alibi"."""
    attention, length = model.attention, x.shape[1]
    output = torch.zeros(*x.shape[:2], 8)
    for h in range(2):
        part = slice(4 * h, 4 * h + 4)
        query, key, value = (x @ layer.weight[part].T for layer in (attention.Qw, attention.Kw, attention.Vw))
        scores = torch.full((len(x), length, length), -torch.inf)
        for i in range(length):
            for k in range(i + 1):
                if scheme == "rotary":
                    turned = key[:, k].clone()
                    for j in (0, 1):
                        angle = (k - i) * 10_000.0 ** (-j / 2)
                        first, second = key[:, k, 2 * j], key[:, k, 2 * j + 1]
                        turned[:, 2 * j] = math.cos(angle) * first - math.sin(angle) * second
                        turned[:, 2 * j + 1] = math.sin(angle) * first + math.cos(angle) * second
                    scores[:, i, k] = (query[:, i] * turned).sum(dim=-1) / 2
                else:
                    scores[:, i, k] = (query[:, i] * key[:, k]).sum(dim=-1) / 2
                if scheme == "alibi":
                    scores[:, i, k] -= (2.0 ** (-4 * (h + 1))) * (i - k)
        output += scores.softmax(dim=-1) @ value @ attention.Ow.weight[:, part].T
    return output


@pytest.mark.parametrize("scheme", ["none", "sinusoidal", "learned", "rotary", "alibi"])
def test_logits_are_those_of_the_formula(scheme):
    positions = SCHEMES[scheme]()
    model = Reader(**SIZES, positions=positions, seed=1)
    for norm in (model.before, model.after):
        nn.init.uniform_(norm.weight, 0.5, 1.5, generator=torch.Generator().manual_seed(2))
        nn.init.uniform_(norm.bias, -0.5, 0.5, generator=torch.Generator().manual_seed(3))
    nn.init.uniform_(model.output.bias, generator=torch.Generator().manual_seed(4))
    words = torch.tensor([[0, 5, 2, 2, 3], [1, 1, 4, 0, 5]])
    with torch.no_grad():
        z = model.embedding.weight[words]
        if scheme in ("sinusoidal", "learned"):
            z = z + positions(torch.arange(5))
        z = z + attended_by_hand(model, model.before(z), scheme)
        expected = model.after(z) @ model.output.weight.T + model.output.bias
        torch.testing.assert_close(model(words), expected, atol=1e-5, rtol=1e-5)


@every_scheme
def test_what_is_said_at_a_place_is_said_at_the_end_of_a_sentence_of_that_length(scheme):
    model = Reader(**SIZES, positions=SCHEMES[scheme](), seed=1)
    words = torch.randint(6, (3, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = model(words)
        for length in (1, 4, 8):
            torch.testing.assert_close(model(words[:, :length]), whole[:, :length], atol=1e-5, rtol=1e-5)


@every_scheme
def test_weights(scheme):
    model = Reader(**SIZES, positions=SCHEMES[scheme](), seed=1)
    words = torch.randint(6, (3, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, weights = model(words, return_weights=True)
        torch.testing.assert_close(logits, model(words), atol=1e-5, rtol=1e-5)
    assert weights.shape == (3, 2, 9, 9)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(3, 2, 9))
    assert (weights.masked_select(~causal_mask(9, like=weights)) == 0).all()


@every_scheme
def test_a_scheme_has_its_parameters_in_the_reader_once(scheme):
    positions = SCHEMES[scheme]()
    model = Reader(**SIZES, positions=positions, seed=1)
    without = Reader(**SIZES, seed=1)
    own = sum(each.numel() for each in positions.parameters()) if positions is not None else 0
    count = sum(each.numel() for each in model.parameters())
    assert count == sum(each.numel() for each in without.parameters()) + own
    state = model.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in without.state_dict().items())


def test_seeds_of_the_reader():
    words = torch.tensor([[0, 1, 2]])
    one, again, other = (Reader(**SIZES, seed=seed)(words) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_word_vectors_have_a_variance_of_one():
    weight = Reader(vocab=500, dim=40, heads=2, seed=0).embedding.weight
    assert weight.std().item() == pytest.approx(1, abs=0.02)
    assert weight.mean().item() == pytest.approx(0, abs=0.02)


# Training


class Says(nn.Module):
    """Gives the same logits everywhere but where it is told to be sure of a word, and keeps what it reads."""

    def __init__(self, vocab, sure=None):
        super().__init__()
        self.logits, self.sure, self.seen = nn.Parameter(torch.zeros(vocab)), sure, []

    def forward(self, words):
        self.seen.append(words)
        logits = self.logits.expand(*words.shape, -1)
        return logits if self.sure is None else logits + 50 * nn.functional.one_hot(self.sure(words), len(self.logits))


@every_task
def test_training_is_adam_on_the_loss_of_what_is_asked(task):
    arguments = {"length": 7, "updates": 4, "batch": 3, "learning_rate": 0.05, "vocab": 6, "marked": 2}
    model, other = (Reader(**SIZES, positions=Shaw(4, seed=1), seed=1) for _ in range(2))
    run = train_reader(model, task, **arguments, test_length=11, seed=2)
    rng = torch.Generator().manual_seed(2)
    drawing = {"task": task, "vocab": 6, "marked": 2, "seed": rng}
    test = position_task(500, 11, **drawing)
    optimizer, expected = torch.optim.Adam(other.parameters(), lr=0.05), []
    for _ in range(4):
        words, gold = position_task(3, 7, **drawing)
        log_p, total, asked = other(words).log_softmax(dim=-1), 0.0, 0
        for b in range(3):
            for i in range(7):
                if gold[b, i] != UNASKED:
                    total, asked = total - log_p[b, i, gold[b, i]], asked + 1
        optimizer.zero_grad()
        (total / asked).backward()
        optimizer.step()
        expected.append(total.item() / asked)
    assert run.losses == pytest.approx(expected, rel=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(model(test[0]), other(test[0]), atol=2e-2, rtol=1e-2)


def test_networks_from_one_seed_see_the_same_sentences():
    def seen(start):
        model = Says(12)
        model.logits.data += start * torch.arange(12)
        train_reader(model, "recent", updates=3, batch=5, seed=4)
        return model.seen

    rng = torch.Generator().manual_seed(4)
    test = position_task(500, 48, task="recent", seed=rng)[0]
    expected = [position_task(5, 16, task="recent", seed=rng)[0] for _ in range(3)]
    for start in (0.0, 1.0):
        for words, known in zip(seen(start), [*expected, test], strict=True):
            assert torch.equal(words, known)


@pytest.mark.parametrize(
    ("task", "sure", "first"),
    [
        ("back", lambda words: words.roll(BACK, dims=1), BACK),
        ("second", lambda words: words[:, 1:2].expand(words.shape), 2),
    ],
)
def test_accuracy_of_who_knows_the_answer(task, sure, first):
    run = train_reader(Says(12, sure), task, updates=0, test_length=20, seed=0)
    assert run.accuracy.shape == (20,)
    assert run.accuracy[:first].isnan().all()
    assert (run.accuracy[first:] == 1).all()


def test_accuracy_is_taken_at_each_place_over_those_that_are_asked():
    run = train_reader(Says(12, lambda words: words), "recent", updates=0, test_length=9, seed=0)
    words, gold = position_task(500, 9, task="recent", seed=0)
    for i in range(9):
        answers = [(int(x), int(y)) for x, y in zip(words[:, i], gold[:, i], strict=True) if y != UNASKED]
        assert run.accuracy[i].item() == pytest.approx(sum(x == y for x, y in answers) / len(answers))


def test_what_a_run_holds():
    run = train_reader(Reader(**SIZES, seed=0), "back", vocab=6, updates=3, seed=0)
    assert isinstance(run, PositionRun)
    assert len(run.losses) == 3
    assert run.seconds > 0
    model = Reader(**SIZES, seed=0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert train_reader(model, "back", vocab=6, updates=0, seed=0).losses == []
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_training_repeats():
    def run(seed):
        found = train_reader(Reader(**SIZES, seed=0), "recent", vocab=6, updates=5, seed=seed)
        return found.losses, found.accuracy.tolist()

    assert run(1) == run(1)
    assert run(1) != run(2)


# What the schemes can say


@pytest.mark.parametrize(("scheme", "least"), [("sinusoidal", 0.95), ("rotary", 0.95), ("shaw", 0.95)])
def test_back_is_learned_within_the_trained_lengths(scheme, least):
    make = {"sinusoidal": lambda: Sinusoidal(32), "rotary": Rotary, "shaw": lambda: Shaw(8, seed=0)}[scheme]
    run = train_reader(Reader(12, 32, 4, positions=make(), seed=0), "back", updates=80, test_length=16, seed=0)
    assert run.accuracy[BACK:].min() > least


def test_back_needs_positions_and_second_needs_places():
    none = train_reader(Reader(12, 32, 4, seed=0), "back", updates=80, test_length=16, seed=0)
    assert none.accuracy[8:].max() < 0.4
    relative = train_reader(Reader(12, 32, 4, positions=Rotary(), seed=0), "second", updates=80, test_length=16, seed=0)
    absolute = Reader(12, 32, 4, positions=Sinusoidal(32), seed=0)
    assert relative.accuracy[8:].max() < 0.6
    assert train_reader(absolute, "second", updates=80, test_length=16, seed=0).accuracy[2:].min() > 0.9


# What they refuse

TASK = {"batch": 2, "length": 5, "task": "back", "seed": 0}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"length": 0}, "length must be at least 1, got 0"),
        ({"vocab": 0}, "vocab must be at least 1, got 0"),
        ({"marked": 0}, "marked must be at least 1, got 0"),
        ({"vocab": 4, "marked": 5}, "marked must be at most vocab, 4, got 5"),
        ({"task": "first"}, "task must be one of back, second, recent, got 'first'"),
    ],
)
def test_position_task_refuses(wrong, message):
    with raises(message):
        position_task(**(TASK | wrong))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"updates": -1}, "updates must be at least 0, got -1"),
        ({"learning_rate": 0.0}, "learning_rate must be a positive finite number, got 0.0"),
        ({"learning_rate": math.inf}, "learning_rate must be a positive finite number, got inf"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"length": 0}, "length must be at least 1, got 0"),
        ({"test_length": 0}, "test_length must be at least 1, got 0"),
        ({"task": "first"}, "task must be one of back, second, recent, got 'first'"),
    ],
)
def test_train_reader_refuses(wrong, message):
    with raises(message):
        train_reader(Says(12), **({"task": "back", "updates": 1, "seed": 0} | wrong))


@pytest.mark.parametrize("name", ["batch", "length", "vocab", "marked", "seed"])
@pytest.mark.parametrize("wrong", [2.0, "2", None])
def test_numbers_of_the_task_that_are_no_integers(name, wrong, unchecked):
    with raises(f"{name} must be an integer, got {type(wrong).__name__}", TypeError):
        position_task(**(TASK | {name: wrong}))


@pytest.mark.parametrize("name", ["updates", "length", "test_length", "batch", "seed"])
def test_numbers_of_the_training_that_are_no_integers(name, unchecked):
    with raises(f"{name} must be an integer, got float", TypeError):
        train_reader(Says(12), **({"task": "back", "updates": 1, "seed": 0} | {name: 2.0}))


@pytest.mark.parametrize("name", ["vocab", "dim", "heads"])
def test_reader_refuses(name, unchecked):
    with raises(f"{name} must be at least 1, got 0"):
        Reader(**(SIZES | {name: 0}), seed=0)
    with raises(f"{name} must be an integer, got float", TypeError):
        Reader(**(SIZES | {name: 2.0}), seed=0)
    with raises("seed must be an integer, got float", TypeError):
        Reader(**SIZES, seed=0.0)


def test_numpy_integers_pass(unchecked):
    words = position_task(np.int64(2), np.int32(5), task="back", vocab=np.int64(12), seed=np.int64(3))[0]
    assert torch.equal(words, position_task(2, 5, task="back", seed=3)[0])
