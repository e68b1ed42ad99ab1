"""The baselines, against loops over single places, torch's count of products, and a search through their wiring."""

import math
import re
from collections import deque

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from attnlib.baselines import (
    Convolutional,
    FeedForwardOverTime,
    LayerCost,
    Recurrent,
    attention_cost,
    convolution_cost,
    feed_forward_cost,
    gradient_by_distance,
    recall_task,
    recurrence_cost,
    train_recall,
)

CELLS = ("rnn", "gru", "lstm")
cells = pytest.mark.parametrize("cell", CELLS)
sizes = st.integers(1, 4)
lengths = st.integers(1, 9)
seeds = st.integers(0, 1000)

MAKERS = {
    "feed-forward": lambda **kw: FeedForwardOverTime(length=6, input_dim=2, output_dim=3, hidden_dim=5, **kw),
    "convolution": lambda **kw: Convolutional(input_dim=2, output_dim=3, hidden_dim=5, kernel_size=3, layers=2, **kw),
    "rnn": lambda **kw: Recurrent(input_dim=2, output_dim=3, hidden_dim=5, **kw),
    "gru": lambda **kw: Recurrent(input_dim=2, output_dim=3, hidden_dim=5, cell="gru", **kw),
    "lstm": lambda **kw: Recurrent(input_dim=2, output_dim=3, hidden_dim=5, cell="lstm", **kw),
}
every_module = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def influences(model, inputs):
    """Return [t][u]: whether output t moves when input u is moved, found by moving it."""
    with torch.no_grad():
        before = model(inputs)
        table = []
        for place in range(inputs.shape[1]):
            moved = inputs.clone()
            moved[:, place] += 1.0
            table.append((model(moved) != before).any(dim=-1).any(dim=0))
    return torch.stack(table, dim=1)


# What they compute


@given(sizes, sizes, sizes, lengths, st.integers(1, 3), seeds)
def test_feed_forward_equals_the_formula(input_dim, output_dim, hidden_dim, length, batch, seed):
    model = FeedForwardOverTime(length, input_dim, output_dim, hidden_dim, seed=seed)
    inputs = noise(batch, length, input_dim, seed=seed)
    outputs = model(inputs)
    assert outputs.shape == (batch, length, output_dim)
    first, bias, second, offset = model.parameters()
    for b in range(batch):
        window = torch.cat([inputs[b, t] for t in range(length)])
        flat = second @ torch.tanh(first @ window + bias) + offset
        for t in range(length):
            expected = flat[t * output_dim : (t + 1) * output_dim]
            torch.testing.assert_close(outputs[b, t], expected)


@given(sizes, sizes, sizes, st.integers(1, 4), st.integers(1, 3), lengths, seeds)
def test_convolution_equals_the_formula(input_dim, output_dim, hidden_dim, kernel_size, layers, length, seed):
    model = Convolutional(input_dim, output_dim, hidden_dim, kernel_size, layers, seed=seed)
    inputs = noise(2, length, input_dim, seed=seed)
    outputs = model(inputs)
    assert outputs.shape == (2, length, output_dim)
    hidden = list(inputs[1])
    for layer in model.convolutions:
        hidden = [
            torch.tanh(
                layer.bias + sum(layer.weight[:, :, -1 - j] @ hidden[t - j] for j in range(kernel_size) if t - j >= 0)
            )
            for t in range(length)
        ]
    for t in range(length):
        expected = model.readout.weight @ hidden[t] + model.readout.bias
        torch.testing.assert_close(outputs[1, t], expected)


def step(recurrence, cell, x, h, c):
    """One step of a cell, as its paper (and torch's documentation) writes it."""
    weight, recurrent, bias, offset = recurrence.parameters()
    size = len(h)
    before, after = weight @ x + bias, recurrent @ h + offset
    part = [(before[i : i + size], after[i : i + size]) for i in range(0, len(before), size)]
    if cell == "rnn":
        return torch.tanh(before + after), c
    if cell == "gru":
        reset, keep = (torch.sigmoid(a + b) for a, b in part[:2])
        new = torch.tanh(part[2][0] + reset * part[2][1])
        return keep * h + (1 - keep) * new, c
    admit, keep, _, show = (torch.sigmoid(a + b) for a, b in part)
    c = keep * c + admit * torch.tanh(sum(part[2]))
    return show * torch.tanh(c), c


@cells
@given(sizes, sizes, sizes, lengths, seeds)
def test_recurrence_equals_the_formula(cell, input_dim, output_dim, hidden_dim, length, seed):
    model = Recurrent(input_dim, output_dim, hidden_dim, cell, keep_bias=0 if cell == "rnn" else 2.0, seed=seed)
    inputs = noise(2, length, input_dim, seed=seed)
    outputs = model(inputs)
    assert outputs.shape == (2, length, output_dim)
    h = c = torch.zeros(hidden_dim)
    for t in range(length):
        h, c = step(model.recurrence, cell, inputs[1, t], h, c)
        torch.testing.assert_close(outputs[1, t], model.readout.weight @ h + model.readout.bias)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_keep_bias_moves_the_keeping_gate_alone(cell):
    model = Recurrent(2, 3, 5, cell, keep_bias=1.5, seed=0).state_dict()
    plain = Recurrent(2, 3, 5, cell, seed=0).state_dict()
    for name, weights in model.items():
        expected = plain[name].clone()
        if name == "recurrence.bias_ih_l0":
            expected[5:10] += 1.5
        torch.testing.assert_close(weights, expected, rtol=0, atol=0)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_open_gate_keeps_the_signal(cell):
    inputs = noise(4, 31, 2)
    half, kept = (gradient_by_distance(Recurrent(2, 3, 8, cell, keep_bias=b, seed=0), inputs) for b in (0, 4))
    assert half[30] < 1e-4 * half[0]
    assert kept[30] > 1e-1 * kept[0]


# Lengths


@given(st.integers(1, 6), st.integers(1, 9))
def test_feed_forward_takes_its_own_length_only(built, given_length):
    model = FeedForwardOverTime(built, 2, 3, 4, seed=0)
    inputs = noise(1, given_length, 2)
    if built == given_length:
        assert model(inputs).shape == (1, built, 3)
    else:
        message = f"FeedForwardOverTime was built for length {built} but got length {given_length}"
        with pytest.raises(ValueError, match=f"^{message}$"):
            model(inputs)


@pytest.mark.parametrize("name", ["convolution", *CELLS])
@given(st.integers(1, 40))
def test_the_others_take_any_length(name, length):
    assert MAKERS[name](seed=0)(noise(2, length, 2)).shape == (2, length, 3)


@every_module
def test_an_empty_batch_gives_an_empty_batch(make):
    assert make(seed=0)(torch.zeros(0, 6, 2)).shape == (0, 6, 3)


@every_module
def test_sequences_of_a_batch_do_not_mix(make):
    model, inputs = make(seed=0), noise(3, 6, 2)
    torch.testing.assert_close(model(inputs)[1:2], model(inputs[1:2]))


# Who sees what


def test_feed_forward_sees_everything_from_everywhere():
    assert influences(MAKERS["feed-forward"](seed=0), noise(4, 6, 2)).all()


@settings(max_examples=30)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 14), seeds)
def test_convolution_sees_its_receptive_field_and_no_future(kernel_size, layers, length, seed):
    model = Convolutional(2, 3, 8, kernel_size, layers, seed=seed).double()
    assert model.receptive_field == 1 + layers * (kernel_size - 1)
    expected = [[0 <= t - u < model.receptive_field for u in range(length)] for t in range(length)]
    inputs = noise(3, length, 2, seed=seed).double()
    assert influences(model, inputs).tolist() == expected
    support = gradient_by_distance(model, inputs) > 0
    assert support.tolist() == [distance < model.receptive_field for distance in range(length)]


@cells
def test_recurrence_sees_the_whole_past_and_no_future(cell):
    model = Recurrent(2, 3, 8, cell, seed=0).double()
    inputs = noise(3, 7, 2).double()
    assert influences(model, inputs).tolist() == [[u <= t for u in range(7)] for t in range(7)]
    assert (gradient_by_distance(model, inputs) > 0).all()


# Costs


def products(module, inputs):
    """Count the multiply-adds of a call, in float64: the counter can't look into the fused float32 LSTM."""
    with FlopCounterMode(display=False) as counter:
        module.double()(inputs.double())
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(2, 4))
def test_operations_are_the_products_that_the_modules_do(length, dim, kernel_size):
    window = FeedForwardOverTime(length, dim, dim, length * dim, seed=0)
    layer = feed_forward_cost(length, dim)
    assert layer.operations == products(window.hidden, noise(1, length * dim))
    assert 2 * layer.operations == products(window, noise(1, length, dim))

    readout = length * dim**2
    stack = Convolutional(dim, dim, dim, kernel_size, 3, seed=0)
    layer = convolution_cost(length, dim, kernel_size)
    assert 3 * layer.operations + readout == products(stack, noise(1, length, dim))

    for cell in CELLS:
        model = Recurrent(dim, dim, dim, cell, seed=0)
        layer = recurrence_cost(length, dim, cell)
        assert layer.operations + readout == products(model, noise(1, length, dim))


@given(st.integers(1, 8), st.integers(1, 5))
def test_attention_operations_are_two_matrix_products(length, dim):
    class Attention(nn.Module):
        def forward(self, x):
            return torch.softmax(x @ x.mT, dim=-1) @ x

    assert attention_cost(length, dim).operations == products(Attention(), noise(1, length, dim))


def shortest(neighbours, start, goal):
    """Breadth-first search: number of edges on the shortest way."""
    distance, queue = {start: 0}, deque([start])
    while queue:
        node = queue.popleft()
        if node == goal:
            return distance[node]
        for other in neighbours(node):
            if other not in distance:
                distance[other] = distance[node] + 1
                queue.append(other)
    return math.inf


@given(st.integers(2, 30), st.integers(2, 6))
def test_path_is_the_shortest_way_through_the_wiring(length, kernel_size):
    first, last = 0, length - 1

    def convolution(t):
        return [t + j for j in range(kernel_size) if t + j <= last]

    def recurrence(node):
        kind, t = node
        return [("h", t)] if kind == "x" else [("h", t + 1)] if t < last else []

    assert convolution_cost(length, 3, kernel_size).path == shortest(convolution, first, last)
    assert recurrence_cost(length, 3).path == shortest(recurrence, ("x", first), ("h", last))
    assert feed_forward_cost(length, 3).path == attention_cost(length, 3).path == 1


@settings(max_examples=20)
@given(st.integers(1, 20), st.integers(2, 6))
def test_path_is_the_number_of_layers_that_reach_the_first_input(length, kernel_size):
    path = convolution_cost(length, 2, kernel_size).path
    for layers in (path, path - 1):
        if layers:
            reaches = Convolutional(2, 2, 2, kernel_size, layers, seed=0).receptive_field >= length
            assert reaches == (layers == path)


@cells
def test_costs_of_one_place(cell):
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[cell]
    assert feed_forward_cost(1, 3) == LayerCost(operations=9, steps=1, path=1)
    assert convolution_cost(1, 3, 2) == LayerCost(operations=18, steps=1, path=1)
    assert recurrence_cost(1, 3, cell) == LayerCost(operations=18 * gates, steps=1, path=1)
    assert attention_cost(1, 3) == LayerCost(operations=6, steps=1, path=1)


@cells
@given(lengths)
def test_sequential_steps(cell, length):
    assert recurrence_cost(length, 2, cell).steps == length
    assert {feed_forward_cost(length, 2).steps, convolution_cost(length, 2, 3).steps} == {1}
    assert attention_cost(length, 2).steps == 1


# The gradient


@every_module
@pytest.mark.parametrize("batch", [1, 3])
def test_gradient_is_the_mean_norm_of_the_jacobian(make, batch):
    model, inputs = make(seed=1).double(), noise(batch, 6, 2).double()
    norms = torch.zeros(6, dtype=torch.float64)
    for b in range(batch):
        jacobian = torch.autograd.functional.jacobian(lambda x: model(x[None])[0, -1], inputs[b])
        for distance in range(6):
            norms[distance] += torch.linalg.matrix_norm(jacobian[:, 5 - distance]) / batch
    torch.testing.assert_close(gradient_by_distance(model, inputs), norms)


class Scaled(nn.Module):
    """Hand the input on, times a number."""

    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def forward(self, inputs):
        return inputs * self.scale


@pytest.mark.parametrize("scale", [1e-38, 1e-23, 1.0, 1e23, 1e38])
def test_gradients_whose_squares_leave_the_range(scale):
    norms = gradient_by_distance(Scaled(scale), noise(2, 3, 4))
    assert norms.dtype == torch.float32
    torch.testing.assert_close(norms, torch.tensor([2 * scale, 0, 0]), rtol=1e-5, atol=0)


class Deaf(nn.Module):
    """Answer without listening."""

    def __init__(self, trained):
        super().__init__()
        self.bias = nn.Parameter(torch.ones(3), requires_grad=trained)

    def forward(self, inputs):
        return self.bias.expand(*inputs.shape[:2], 3)


@pytest.mark.parametrize("trained", [True, False])
def test_a_model_that_ignores_its_input_has_gradient_zero(trained):
    assert gradient_by_distance(Deaf(trained), noise(2, 3, 4)).tolist() == [0, 0, 0]


def test_gradient_leaves_model_and_inputs_alone():
    model, inputs = MAKERS["lstm"](seed=0), noise(2, 4, 2).requires_grad_()
    before = inputs.detach().clone()
    with torch.no_grad():
        norms = gradient_by_distance(model, inputs)
    assert not norms.requires_grad
    assert inputs.grad is None
    assert torch.equal(inputs.detach(), before)
    assert all(parameter.grad is None for parameter in model.parameters())
    plain = inputs.detach()
    gradient_by_distance(model, plain)
    assert not plain.requires_grad


# The task


@given(st.integers(1, 20), lengths, st.integers(1, 6), seeds)
def test_recall_task_is_one_hot_with_the_answer_first(batch, length, symbols, seed):
    inputs, targets = recall_task(batch, length, symbols, seed=seed)
    assert inputs.shape == (batch, length, 2 * symbols)
    assert inputs.dtype == torch.float32
    assert targets.dtype == torch.int64
    assert ((inputs == 0) | (inputs == 1)).all()
    assert (inputs.sum(dim=-1) == 1).all()
    words = inputs.argmax(dim=-1)
    assert torch.equal(words[:, 0], targets)
    assert (targets < symbols).all()
    assert (words[:, 1:] >= symbols).all()


def test_recall_task_draws_every_symbol_alike_and_distractors_apart_from_the_answer():
    inputs, targets = recall_task(20000, 3, 4, seed=0)
    words = inputs.argmax(dim=-1)
    joint = torch.bincount(targets * 16 + (words[:, 1] - 4) * 4 + words[:, 2] - 4, minlength=64)
    assert joint.shape == (64,)
    assert (joint.double() / 20000 - 1 / 64).abs().max() < 5 * math.sqrt(1 / 64 / 20000)


def test_a_generator_goes_on_where_it_is():
    generator = torch.Generator().manual_seed(3)
    first, second = (recall_task(5, 4, 3, seed=generator)[0] for _ in range(2))
    assert torch.equal(first, recall_task(5, 4, 3, seed=3)[0])
    assert not torch.equal(first, second)


class Oracle(nn.Module):
    """Says the first symbol, or with ``wrong`` the one after it."""

    def __init__(self, symbols, wrong=0):
        super().__init__()
        self.symbols, self.wrong, self.seen = symbols, wrong, []
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, inputs):
        self.seen.append(inputs)
        answer = inputs[:, :1, : self.symbols].roll(self.wrong, dims=-1)
        return self.scale * answer.expand(-1, inputs.shape[1], -1)


@pytest.mark.parametrize(("wrong", "accuracy"), [(0, 1.0), (1, 0.0)])
def test_accuracy_is_the_share_of_right_answers_on_fresh_sequences(wrong, accuracy):
    model = Oracle(3, wrong)
    assert train_recall(model, 4, 3, updates=2, batch=7, seed=0) == accuracy
    generator = torch.Generator().manual_seed(0)
    for seen, batch in zip(model.seen, (7, 7, 1000), strict=True):
        assert torch.equal(seen, recall_task(batch, 4, 3, seed=generator)[0])


def test_guessing_is_right_once_in_symbols_times():
    model = Convolutional(10, 5, 4, kernel_size=2, layers=2, seed=0)
    assert train_recall(model, length=9, symbols=5, updates=0, seed=0) == pytest.approx(0.2, abs=0.05)


def test_training_reaches_as_far_as_the_receptive_field():
    def accuracy(length):
        return train_recall(Convolutional(6, 3, 16, 3, 2, seed=0), length, 3, updates=60, seed=0)

    assert accuracy(5) == 1.0
    assert accuracy(6) < 0.45


def test_training_changes_the_model_and_no_updates_leave_it():
    model = Recurrent(4, 2, 8, "rnn", seed=0)
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    assert train_recall(model, 1, 2, updates=0, seed=0) <= 1.0
    assert all(torch.equal(weights, before[name]) for name, weights in model.state_dict().items())
    assert train_recall(model, 3, 2, updates=60, seed=0) == 1.0
    assert not any(torch.equal(weights, before[name]) for name, weights in model.state_dict().items())


def test_training_is_adam_on_the_clipped_gradient_of_the_cross_entropy():
    model, other = (Recurrent(6, 3, 4, seed=1) for _ in range(2))
    with torch.no_grad():
        model.readout.weight *= 20
        other.readout.weight *= 20
    train_recall(model, 4, 3, updates=4, batch=5, learning_rate=0.1, seed=2)

    generator, weights, clipped = torch.Generator().manual_seed(2), list(other.parameters()), 0
    optimizer = torch.optim.Adam(weights, lr=0.1)
    for _ in range(4):
        inputs, targets = recall_task(5, 4, 3, seed=generator)
        chances = other(inputs)[:, 3].softmax(dim=-1)
        gradients = torch.autograd.grad(-sum(chances[b, targets[b]].log() for b in range(5)) / 5, weights)
        norm = sum(gradient.square().sum() for gradient in gradients).sqrt()
        clipped += norm > 1
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient / max(1.0, norm.item())
        optimizer.step()
    assert clipped
    for one, expected in zip(model.parameters(), weights, strict=True):
        torch.testing.assert_close(one, expected, rtol=1e-3, atol=1e-4)


def test_learning_rate_is_the_size_of_the_first_step():
    model = Oracle(3)
    train_recall(model, 2, 3, updates=1, learning_rate=0.25, seed=0)
    assert model.scale.item() == pytest.approx(1.25, abs=1e-4)


# Seeds


@every_module
def test_same_seed_same_weights_and_the_global_generator_untouched(make):
    torch.manual_seed(11)
    state = torch.get_rng_state()
    one = make(seed=5)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(12)
    again, other = make(seed=5), make(seed=6)
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, again.state_dict()[name])
        assert not torch.equal(weights, other.state_dict()[name])


def test_global_generator_is_untouched_when_building_fails(monkeypatch):
    state = torch.get_rng_state()

    def fails(*args, **kwargs):
        torch.rand(1)
        raise RuntimeError

    monkeypatch.setattr("attnlib.baselines.nn.Linear", fails)
    with pytest.raises(RuntimeError):
        FeedForwardOverTime(2, 2, 2, 2, seed=0)
    assert torch.equal(torch.get_rng_state(), state)


def test_same_seed_same_training():
    def run(seed):
        torch.manual_seed(seed + 20)
        state = torch.get_rng_state()
        model = Recurrent(6, 3, 4, "lstm", seed=0)
        accuracy = train_recall(model, 4, 3, updates=3, seed=seed)
        assert torch.equal(torch.get_rng_state(), state)
        return accuracy, torch.cat([parameter.flatten() for parameter in model.parameters()])

    (one, weights), (two, others) = run(1), run(1)
    assert one == two
    assert torch.equal(weights, others)
    assert not torch.equal(weights, run(2)[1])


# What they refuse


def raises(message):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}$")


SIZES = {
    FeedForwardOverTime: ("length", "input_dim", "output_dim", "hidden_dim"),
    Convolutional: ("input_dim", "output_dim", "hidden_dim", "kernel_size", "layers"),
    Recurrent: ("input_dim", "output_dim", "hidden_dim"),
    feed_forward_cost: ("length", "dim"),
    convolution_cost: ("length", "dim", "kernel_size"),
    recurrence_cost: ("length", "dim"),
    attention_cost: ("length", "dim"),
    recall_task: ("batch", "length", "symbols"),
}


@pytest.mark.parametrize(
    ("function", "name"), [(function, name) for function, names in SIZES.items() for name in names]
)
@pytest.mark.parametrize("size", [0, -1])
def test_sizes_below_one(function, name, size):
    arguments = dict.fromkeys(SIZES[function], 2) | {name: size}
    seed = {} if function.__name__.endswith("cost") else {"seed": 0}
    with raises(f"{name} must be at least 1, got {size}"):
        function(**arguments, **seed)


@pytest.mark.parametrize(
    ("function", "name"), [(function, name) for function, names in SIZES.items() for name in names]
)
@pytest.mark.parametrize("size", [2.0, 10.5, "2", True, None])
def test_sizes_that_are_no_integers(function, name, size, unchecked):
    arguments = dict.fromkeys(SIZES[function], 2) | {name: size}
    seed = {} if function.__name__.endswith("cost") else {"seed": 0}
    with pytest.raises(TypeError, match=f"^{name} must be an integer, got {type(size).__name__}$"):
        function(**arguments, **seed)


def test_updates_that_are_no_integer(unchecked):
    with pytest.raises(TypeError, match=r"^updates must be an integer, got float$"):
        train_recall(Recurrent(4, 2, 3, seed=0), 2, 2, updates=1.5, seed=0)


@every_module
def test_numpy_integers_pass_and_other_seeds_do_not(make, unchecked):
    for one, other in zip(make(seed=np.int64(3)).parameters(), make(seed=3).parameters(), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(recall_task(np.int64(2), 3, 4, seed=np.int64(3))[0], recall_task(2, 3, 4, seed=3)[0])
    assert convolution_cost(np.int64(10), 4, 3) == convolution_cost(10, 4, 3)
    for wrong in (1.0, "1", None):
        message = f"^seed must be an integer.*, got {type(wrong).__name__}$"
        with pytest.raises(TypeError, match=message):
            make(seed=wrong)
        with pytest.raises(TypeError, match=message):
            recall_task(2, 3, 4, seed=wrong)


@cells
@pytest.mark.parametrize("bias", [math.nan, math.inf, -math.inf])
def test_keep_bias_that_is_not_finite(cell, bias):
    with raises(f"keep_bias must be a finite number, got {bias}"):
        Recurrent(2, 2, 2, cell, keep_bias=bias, seed=0)


def test_kernel_of_one():
    model = Convolutional(2, 2, 2, kernel_size=1, layers=3, seed=0)
    assert model.receptive_field == 1
    with raises("kernel_size must be at least 2 to reach another place, got 1"):
        convolution_cost(4, 2, 1)


@pytest.mark.parametrize("cell", ["LSTM", "", "transformer"])
def test_unknown_cell(cell):
    with raises(f"cell must be one of rnn, gru, lstm, got {cell!r}"):
        Recurrent(2, 2, 2, cell, seed=0)
    with raises(f"cell must be one of rnn, gru, lstm, got {cell!r}"):
        recurrence_cost(2, 2, cell)


def test_plain_cell_has_no_gate():
    with raises("a plain cell has no gate, so keep_bias must be 0, got 1.0"):
        Recurrent(2, 2, 2, "rnn", keep_bias=1.0, seed=0)


@every_module
@pytest.mark.parametrize("width", [1, 3])
def test_wrong_width(make, width):
    model = make(seed=0)
    with raises(f"inputs have dim {width} but {type(model).__name__} takes 2"):
        model(torch.zeros(1, 6, width))


@every_module
def test_wrong_number_of_axes_and_empty_sequences(make, unchecked):
    model = make(seed=0)
    for shape in [(6, 2), (1, 1, 6, 2)]:
        with raises(f"inputs must have shape (batch, length, input_dim), got {shape}"):
            model(torch.zeros(shape))
    with raises("a sequence needs at least one place, got inputs of shape (1, 0, 2)"):
        model(torch.zeros(1, 0, 2))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"updates": -1}, "updates must be at least 0, got -1"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"length": 0}, "length must be at least 1, got 0"),
        ({"symbols": 0}, "symbols must be at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be a positive finite number, got 0.0"),
        ({"learning_rate": math.inf}, "learning_rate must be a positive finite number, got inf"),
    ],
)
def test_train_recall_refuses(wrong, message):
    model = Recurrent(4, 2, 3, seed=0)
    with raises(message):
        train_recall(model, **({"length": 2, "symbols": 2, "updates": 1, "seed": 0} | wrong))
