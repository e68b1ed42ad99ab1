"""Schemes of positions against the property that defines each, slow oracles, and loops over heads, queries and keys."""

import copy
import math
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from attnlib.masks import causal_mask
from attnlib.multihead import MultiHeadAttention
from attnlib.positions import (
    PAIRINGS,
    ALiBi,
    Learned,
    RelativeScheme,
    Rotary,
    Shaw,
    Sinusoidal,
    T5Bias,
    alibi_bias,
    alibi_slopes,
    distances,
    rotate,
    sinusoidal,
    t5_buckets,
)
from tests.attnlib.strategies import copy_of, fails, normal

pairings = pytest.mark.parametrize("pairing", PAIRINGS)
bases = pytest.mark.parametrize("base", [10.0, 10_000.0])
close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-11)
halves = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)

NO_POSITIONS = [
    ([0, 1], "list"),
    (3, "int"),
    (torch.arange(3.0), "float32"),
    (torch.ones(3, dtype=torch.bool), "bool"),
    (torch.zeros(3, dtype=torch.complex64), "complex64"),
]
no_positions = pytest.mark.parametrize(("positions", "came"), NO_POSITIONS, ids=[came for _, came in NO_POSITIONS])
no_sizes = pytest.mark.parametrize(("size", "error"), [(0, ValueError), (2.0, TypeError), (True, TypeError)])


# Sinusoidal


def clock_hands(position, dim, base):
    """The definition, one number at a time."""
    angles = [position / base ** (2 * (place // 2) / dim) for place in range(dim)]
    return [math.cos(angle) if place % 2 else math.sin(angle) for place, angle in enumerate(angles)]


@bases
@pytest.mark.parametrize("dim", [1, 2, 3, 6, 9, 512])
def test_sinusoids_are_those_of_the_definition(dim, base):
    """Odd widths too: their last sine has no cosine."""
    positions = [0, 1, 2, 77, -5, 1_000_000]
    expected = torch.tensor([clock_hands(position, dim, base) for position in positions])
    came = sinusoidal(torch.tensor(positions), dim, base=base)
    assert came.dtype == torch.float32
    # One rounding: with angles in float32 the last position would be off by 0.03.
    torch.testing.assert_close(came, expected, rtol=1e-6, atol=1e-7)


@pytest.fixture
def in_float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def turning(shift, dim, base):
    """The matrix that moves the hands of the clocks by a number of positions."""
    matrix = np.zeros((dim, dim))
    for first in range(0, dim, 2):
        angle = shift / base ** (first / dim)
        sine, cosine = math.sin(angle), math.cos(angle)
        matrix[first : first + 2, first : first + 2] = [[cosine, sine], [-sine, cosine]]
    return torch.from_numpy(matrix)


@bases
@pytest.mark.parametrize("shift", [1, 7, -3])
@pytest.mark.parametrize("dim", [2, 6, 32])
def test_a_shift_is_one_linear_map_wherever_it_starts(in_float64, dim, shift, base):
    positions = torch.arange(-20, 100)
    before, after = (sinusoidal(positions + move, dim, base=base) for move in (0, shift))
    assert before.dtype == torch.float64
    torch.testing.assert_close(after, before @ turning(shift, dim, base).T, rtol=0, atol=1e-12)
    products = before @ after.T  # depend on the distance alone
    torch.testing.assert_close(products[1:, 1:], products[:-1, :-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(0,), (4,), (2, 3), (2, 0, 3)], ids=str)
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64], ids=str)
def test_sinusoids_of_positions_of_any_shape(shape, dtype):
    positions = torch.randint(0, 50, shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    came = Sinusoidal(5, base=30.0)(positions)
    assert came.shape == (*shape, 5)
    one_by_one = [sinusoidal(place[None], 5, base=30.0)[0] for place in positions.flatten()]
    assert torch.equal(came.reshape(-1, 5), torch.stack(one_by_one) if one_by_one else torch.empty(0, 5))


def test_the_module_of_sinusoids_has_nothing_to_learn():
    module = Sinusoidal(6)
    assert list(module.parameters()) == []
    assert module.state_dict() == {}
    assert torch.equal(module(torch.arange(9)), sinusoidal(torch.arange(9), 6))


@pytest.mark.usefixtures("unchecked")
@no_positions
def test_positions_are_integers(positions, came):
    name = (
        "must hold integers, got dtype" if isinstance(positions, torch.Tensor) else "must be a tensor of integers, got"
    )
    right = torch.arange(3)
    with fails(TypeError, f"positions {name} {came}"):
        sinusoidal(positions, 4)
    with fails(TypeError, f"positions {name} {came}"):
        rotate(torch.ones(3, 4), positions)
    with fails(TypeError, f"positions {name} {came}"):
        Learned(5, 4, seed=0)(positions)
    with fails(TypeError, f"query_positions {name} {came}"):
        distances(positions, right)
    with fails(TypeError, f"key_positions {name} {came}"):
        distances(right, positions)
    with fails(TypeError, f"distance {name} {came}"):
        t5_buckets(positions)
    with fails(TypeError, f"distance {name} {came}"):
        alibi_bias(positions, 2)


@pytest.mark.usefixtures("unchecked")
@no_sizes
def test_sizes_are_integers_of_at_least_one(size, error):
    message = "must be at least 1, got 0" if error is ValueError else f"must be an integer, got {type(size).__name__}"
    makers = {
        "dim": [
            lambda: sinusoidal(torch.arange(3), size),
            lambda: Sinusoidal(size),
            lambda: Learned(3, size, seed=0),
        ],
        "max_length": [lambda: Learned(size, 3, seed=0)],
        "heads": [lambda: alibi_slopes(size), lambda: ALiBi(size), lambda: T5Bias(size, seed=0)],
        "head_dim": [lambda: Shaw(size, seed=0)],
        "max_distance": [
            lambda: Shaw(3, max_distance=size, seed=0),
            lambda: T5Bias(3, max_distance=size, seed=0),
            lambda: t5_buckets(torch.arange(3), max_distance=size),
        ],
        "buckets": [lambda: T5Bias(3, buckets=size, seed=0), lambda: t5_buckets(torch.arange(3), buckets=size)],
    }
    for name, calls in makers.items():
        for call in calls:
            with fails(error, f"{name} {message}"):
                call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("base", "error", "message"),
    [
        (0.0, ValueError, "base must be a positive finite number, got 0.0"),
        (-2, ValueError, "base must be a positive finite number, got -2"),
        (math.inf, ValueError, "base must be a positive finite number, got inf"),
        (math.nan, ValueError, "base must be a positive finite number, got nan"),
        ("10", TypeError, "base must be a number, got str"),
        (True, TypeError, "base must be a number, got bool"),
    ],
)
def test_the_base_is_a_positive_number(base, error, message):
    for call in (
        lambda: sinusoidal(torch.arange(3), 4, base=base),
        lambda: Sinusoidal(4, base=base),
        lambda: rotate(torch.ones(3, 4), torch.arange(3), base=base),
        lambda: Rotary(base=base),
    ):
        with fails(error, message):
            call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("seed", [None, 1.0, "1"])
def test_what_is_learned_needs_a_seed(seed):
    for make in (partial(Learned, 3, 4), partial(T5Bias, 2), partial(Shaw, 4)):
        with pytest.raises(TypeError, match="seed must be"):
            make(seed=seed)


# Learned


def test_a_learned_position_is_a_row_of_the_table():
    module = Learned(max_length=7, dim=3, seed=0)
    positions = torch.tensor([[6, 0, 2], [2, 2, 5]])
    came = module(positions)
    assert torch.equal(came, module.weight[positions])
    assert module(positions[:, :0]).shape == (2, 0, 3)
    assert torch.equal(module(positions[0]), came[0])
    came.sum().backward()
    assert module.weight.grad[:, 0].tolist() == [1, 0, 3, 0, 0, 1, 1]


@pytest.mark.parametrize(("positions", "named"), [([0, 7], 7), ([3, -1], -1), ([-2, 9], -2), ([100], 100)])
def test_a_position_outside_the_table_is_named(positions, named):
    with fails(ValueError, f"position {named} is outside the table of 7 learned positions"):
        Learned(max_length=7, dim=3, seed=0)(torch.tensor(positions))


def test_the_tables_start_from_their_seeds():
    makers = {1 / 8: partial(Learned, 400, 64), 0.02: partial(T5Bias, 64, buckets=400, max_distance=800)}
    for deviation, make in makers.items():
        first, again, other = make(seed=1), make(seed=1), make(seed=2)
        assert torch.equal(first.weight, again.weight)
        assert not torch.equal(first.weight, other.weight)
        assert torch.equal(first.weight, make(seed=torch.Generator().manual_seed(1)).weight)
        assert first.weight.std().item() == pytest.approx(deviation, rel=0.03)
        assert abs(first.weight.mean().item()) < 0.03 * deviation
    first, again, other = (Shaw(64, max_distance=100, seed=seed) for seed in (1, 1, 2))
    bound = math.sqrt(6 / (201 + 64))
    for name in ("key_table", "value_table"):
        table = getattr(first, name)
        assert table.shape == (201, 64)
        assert 0.98 * bound < table.abs().max().item() <= bound
        assert torch.equal(table, getattr(again, name))
        assert not torch.equal(table, getattr(other, name))
    assert not torch.equal(first.key_table, first.value_table)


# Rotary


def turned_as_complex(vector, position, base, pairing):
    """The definition: pairs as complex numbers, times exp(i p ω)."""
    dim = len(vector)
    pairs = [(2 * i, 2 * i + 1) if pairing == "neighbours" else (i, i + dim // 2) for i in range(dim // 2)]
    turned = [0.0] * dim
    for i, (real, imaginary) in enumerate(pairs):
        angle = position / base ** (2 * i / dim)
        number = complex(vector[real], vector[imaginary]) * complex(math.cos(angle), math.sin(angle))
        turned[real], turned[imaginary] = number.real, number.imag
    return turned


@bases
@pairings
@pytest.mark.parametrize("dim", [2, 4, 10])
def test_pairs_are_turned_like_complex_numbers(dim, pairing, base):
    positions = torch.tensor([0, 1, 5, -3, 1_000_000])
    vectors = normal(dim, (5, dim), "torch-float64")
    expected = [
        turned_as_complex(vector, position, base, pairing)
        for vector, position in zip(vectors.tolist(), positions.tolist(), strict=True)
    ]
    came = rotate(vectors, positions, base=base, pairing=pairing)
    close(came, torch.tensor(expected, dtype=torch.float64))
    assert torch.equal(came[0], vectors[0])
    close(came.norm(dim=-1), vectors.norm(dim=-1))


@pairings
@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(0, 99))
def test_scores_of_turned_vectors_depend_on_the_distance_alone(pairing, here, there, shift, seed):
    query, key = normal([seed, 0], (1, 6), "torch-float64"), normal([seed, 1], (1, 6), "torch-float64")

    def score(p, r):
        turned = [rotate(x, torch.tensor([at]), pairing=pairing) for x, at in ((query, p), (key, r))]
        return (turned[0] * turned[1]).sum()

    close(score(here + shift, there + shift), score(here, there))
    close(score(here, there), score(0, there - here))


def test_scores_of_turned_vectors_differ_with_the_distance():
    query, key = normal(0, (6,), "torch-float64").expand(9, 6), normal(1, (6,), "torch-float64").expand(9, 6)
    scores = (query * rotate(key, torch.arange(9))).sum(dim=-1)
    assert len(set(scores.tolist())) == 9


def test_the_two_pairings_are_one_up_to_the_order_of_components():
    vectors, positions = normal(0, (5, 8), "torch-float64"), torch.arange(5)
    order = torch.arange(8).reshape(4, 2).T.flatten()  # 0 2 4 6 1 3 5 7: neighbours become halves
    neighbours = rotate(vectors, positions, pairing="neighbours")
    assert torch.equal(rotate(vectors[:, order], positions, pairing="halves"), neighbours[:, order])
    assert not torch.allclose(rotate(vectors, positions, pairing="halves"), neighbours)


@pairings
@halves
def test_half_precision_is_turned_in_float32_and_rounded_once(dtype, pairing):
    vectors, positions = normal(0, (3, 7, 8), "torch-float32").to(dtype), torch.arange(7) * 1000
    came = rotate(vectors, positions, pairing=pairing)
    assert came.dtype == dtype
    assert torch.equal(came, rotate(vectors.float(), positions, pairing=pairing).to(dtype))


@pairings
def test_the_gradient_is_turned_back(pairing):
    vectors = normal(0, (2, 5, 6), "torch-float64", grad=True)
    upstream, positions = normal(1, (2, 5, 6), "torch-float64"), torch.arange(5) * 3
    rotate(vectors, positions, pairing=pairing).backward(upstream)
    close(vectors.grad, rotate(upstream, -positions, pairing=pairing))


@pairings
def test_positions_broadcast_to_the_vectors(pairing):
    vectors = normal(0, (2, 3, 5, 4), "torch-float64")
    for shape in ((5,), (1, 5), (3, 5), (2, 1, 5), (2, 3, 5), (1, 1, 1), (1,)):
        positions = torch.randint(0, 9, shape, generator=torch.Generator().manual_seed(1))
        before = copy_of(vectors), copy_of(positions)
        came = rotate(vectors, positions, pairing=pairing)
        full = positions.expand(2, 3, 5)
        for place in np.ndindex(2, 3):
            assert torch.equal(came[place], rotate(vectors[place], full[place], pairing=pairing))
        assert torch.equal(vectors, before[0])
        assert torch.equal(positions, before[1])
    for wrong in ((4,), (2, 5), (7, 2, 3, 5), (1, 2, 3, 5)):
        with fails(ValueError, f"positions {wrong} do not broadcast to vectors (2, 3, 5, 4)"):
            rotate(vectors, torch.zeros(wrong, dtype=torch.int64), pairing=pairing)


@pytest.mark.usefixtures("unchecked")
def test_what_can_not_be_turned():
    with fails(ValueError, "components are turned in pairs, so dim must be even, got 5"):
        rotate(torch.ones(3, 5), torch.arange(3))
    with fails(ValueError, "pairing must be one of neighbours, halves, got 'thirds'"):
        rotate(torch.ones(3, 4), torch.arange(3), pairing="thirds")
    with fails(ValueError, "pairing must be one of neighbours, halves, got 'thirds'"):
        Rotary(pairing="thirds")


# Distances and ALiBi


def test_distances_are_the_keys_position_minus_the_querys():
    query, key = torch.tensor([[3, 0], [1, 2]]), torch.tensor([[0, 1, 9], [4, 4, 4]])
    expected = [[[-3, -2, 6], [0, 1, 9]], [[3, 3, 3], [2, 2, 2]]]
    assert distances(query, key).tolist() == expected
    assert distances(query[0], key[0]).tolist() == expected[0]
    assert distances(query[:, :0], key).shape == (2, 0, 3)


PUBLISHED = {
    8: [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256],
    16: [2 ** (-number / 2) for number in range(1, 17)],
    12: [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256, 2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5],
}
"""For 8 and 16 heads as section 3 of the paper writes them out, for 12 as the authors' code gives them."""


def slopes_of_the_authors(heads):
    """Their recursion: the power of two below, then every second slope of twice that power."""
    if math.log2(heads).is_integer():
        start = 2 ** (-(2 ** -(math.log2(heads) - 3)))
        return [start * start**number for number in range(heads)]
    below = 2 ** math.floor(math.log2(heads))
    return slopes_of_the_authors(below) + slopes_of_the_authors(2 * below)[0::2][: heads - below]


@pytest.mark.parametrize("heads", PUBLISHED)
def test_slopes_are_the_published_ones(heads):
    torch.testing.assert_close(alibi_slopes(heads), torch.tensor(PUBLISHED[heads]))


def test_slopes_of_any_number_of_heads():
    for heads in range(1, 70):
        torch.testing.assert_close(alibi_slopes(heads), torch.tensor(slopes_of_the_authors(heads)))


def test_alibi_falls_by_the_slope_with_every_step_both_ways():
    distance = distances(torch.arange(4), torch.arange(6))
    bias = alibi_bias(torch.stack([distance, distance + 2]), heads=8)
    assert bias.shape == (2, 8, 4, 6)
    for batch, head, i, k in np.ndindex(*bias.shape):
        assert bias[batch, head, i, k].item() == -PUBLISHED[8][head] * abs(k - i + 2 * batch)


# T5


def slow_bucket(distance, buckets, max_distance, bidirectional):
    """The definition in whole numbers: no logarithm, so nothing to round.

    e + j is the bucket of n if (n / e) ** e >= (D / e) ** j, and no larger j has that.
    """
    upper = 0
    if bidirectional:
        buckets //= 2
        upper = buckets if distance > 0 else 0
        n = abs(distance)
    else:
        n = max(-distance, 0)
    exact = buckets // 2
    if n < exact:
        return upper + n
    steps = [j for j in range(exact) if n**exact * exact**j >= max_distance**j * exact**exact]
    return upper + exact + max(steps)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("buckets", "max_distance"), [(32, 128), (8, 20), (4, 2), (4, 3), (16, 256), (64, 1024)])
def test_buckets_are_those_of_the_definition(buckets, max_distance, bidirectional):
    if max_distance <= buckets // 2 and not bidirectional:
        max_distance *= 4
    distance = torch.arange(-3 * max_distance, 3 * max_distance + 1)
    came = t5_buckets(distance, buckets=buckets, max_distance=max_distance, bidirectional=bidirectional)
    expected = [slow_bucket(each, buckets, max_distance, bidirectional) for each in distance.tolist()]
    assert came.tolist() == expected
    assert came.dtype == torch.int64


def test_the_standard_buckets_are_those_without_arguments():
    distance = torch.arange(-200, 200)
    assert t5_buckets(distance).tolist() == [slow_bucket(each, 32, 128, True) for each in distance.tolist()]
    table = T5Bias(heads=1, seed=0)
    assert (len(table.weight), table.max_distance, table.bidirectional) == (32, 128, True)


@given(st.integers(1, 10), st.integers(1, 400), st.booleans(), st.lists(st.integers(-2000, 2000), max_size=30))
def test_buckets_of_any_sizes(quarter, beyond, bidirectional, values):
    buckets = 4 * quarter
    max_distance = buckets // (4 if bidirectional else 2) + beyond
    how = {"buckets": buckets, "max_distance": max_distance, "bidirectional": bidirectional}
    values = sorted(values)
    came = t5_buckets(torch.tensor(values, dtype=torch.int64), **how).tolist()
    assert came == [slow_bucket(each, *how.values()) for each in values]
    back = [bucket for value, bucket in zip(values, came, strict=True) if value <= 0]
    ahead = [bucket for value, bucket in zip(values, came, strict=True) if value > 0]
    assert back == sorted(back, reverse=True)
    assert ahead == sorted(ahead)
    assert all(0 <= bucket < buckets for bucket in came)
    if bidirectional:
        assert all(bucket < buckets // 2 for bucket in back)
        assert all(bucket > buckets // 2 for bucket in ahead)
    else:
        assert set(ahead) <= {0}


def test_every_bucket_is_used():
    for how in ({}, {"bidirectional": False}, {"buckets": 8, "max_distance": 30}):
        buckets = how.get("buckets", 32)
        used = set(t5_buckets(torch.arange(-300, 300), **how).tolist())
        # With two directions nothing is 0 steps ahead, so one bucket of the upper half is never used.
        never = set() if how.get("bidirectional") is False else {buckets // 2}
        assert used == set(range(buckets)) - never


def test_buckets_that_can_not_be_shared():
    for make in (partial(t5_buckets, torch.arange(3)), partial(T5Bias, 2, seed=0)):
        with fails(ValueError, "buckets must be a multiple of 4, got 6"):
            make(buckets=6)
        with fails(ValueError, "buckets must be a multiple of 2, got 5"):
            make(buckets=5, bidirectional=False)
        with fails(ValueError, "max_distance must be above 8, the distances with a bucket of their own, got 8"):
            make(max_distance=8)
        with fails(ValueError, "max_distance must be above 16, the distances with a bucket of their own, got 16"):
            make(max_distance=16, bidirectional=False)
        make(max_distance=9)
        make(max_distance=17, bidirectional=False)
        make(buckets=6, bidirectional=False)


# Inside attention: each against a loop over heads, queries and keys

HEADS, HEAD_DIM, DIM = 4, 6, 10

SCHEMES = {
    "none": lambda: RelativeScheme(),
    "rotary": lambda: Rotary(base=50.0),
    "rotary, halves": lambda: Rotary(base=50.0, pairing="halves"),
    "alibi": lambda: ALiBi(HEADS),
    "t5": lambda: T5Bias(HEADS, buckets=8, max_distance=12, seed=3),
    "t5, one way": lambda: T5Bias(HEADS, buckets=8, max_distance=12, bidirectional=False, seed=3),
    "shaw": lambda: Shaw(HEAD_DIM, max_distance=3, seed=3),
    "shaw, keys alone": lambda: Shaw(HEAD_DIM, max_distance=3, values=False, seed=3),
}
schemes = pytest.mark.parametrize("name", SCHEMES)
real_schemes = pytest.mark.parametrize("name", list(SCHEMES)[1:])
key_heads = pytest.mark.parametrize("key_heads", [1, 2, HEADS])
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)


def scheme_of(name, dtype=torch.float64):
    scheme = SCHEMES[name]().to(dtype)
    if isinstance(scheme, T5Bias):
        with torch.no_grad():
            scheme.weight.mul_(50)  # so that they matter
    return scheme


def attention_of(name, dtype=torch.float64, **changes):
    how = {"heads": HEADS, "head_dim": HEAD_DIM, "seed": 0} | changes
    return MultiHeadAttention(DIM, positions=scheme_of(name, dtype), **how).to(dtype)


def score_of(scheme, query, key, head, here, there):
    """One score, from the paper's formula in terms of the distance."""
    distance, root = there - here, math.sqrt(len(query))
    if isinstance(scheme, Rotary):
        first, second = (0, 1) if scheme.pairing == "neighbours" else (0, len(query) // 2)
        step = 2 if scheme.pairing == "neighbours" else 1
        total = 0.0
        for i in range(len(query) // 2):
            a, b = first + step * i, second + step * i
            angle = distance / scheme.base ** (2 * i / len(query))
            along = query[a] * key[a] + query[b] * key[b]
            across = query[b] * key[a] - query[a] * key[b]
            total = total + along * math.cos(angle) + across * math.sin(angle)
        return total / root
    if isinstance(scheme, ALiBi):
        return query @ key / root - slopes_of_the_authors(HEADS)[head] * abs(distance)
    if isinstance(scheme, T5Bias):
        bucket = slow_bucket(distance, len(scheme.weight), scheme.max_distance, scheme.bidirectional)
        return query @ key / root + scheme.weight[bucket, head]
    if isinstance(scheme, Shaw):
        return query @ (key + scheme.key_table[clipped(scheme, distance)]) / root
    return query @ key / root


def clipped(scheme, distance):
    return max(-scheme.max_distance, min(scheme.max_distance, distance)) + scheme.max_distance


def value_of(scheme, value, here, there):
    if isinstance(scheme, Shaw) and scheme.value_table is not None:
        return value + scheme.value_table[clipped(scheme, there - here)]
    return value


def attention_loop(module, query, key, value, mask, query_positions, key_positions):
    """Output and weights of one sentence, from projections and one product at a time; gradients flow."""
    scheme, group, width = module.positions, module.heads // module.key_heads, module.head_dim
    queries, keys, values = query @ module.Qw.weight.T, key @ module.Kw.weight.T, value @ module.Vw.weight.T
    weights = torch.zeros(module.heads, len(query), len(key), dtype=query.dtype)
    contexts = []
    for i, here in enumerate(query_positions):
        for head in range(module.heads):
            own = slice(head * width, (head + 1) * width)
            shared = slice(head // group * width, (head // group + 1) * width)
            free = [k for k in range(len(key)) if mask is None or mask[head, i, k]]
            context = torch.zeros(width, dtype=query.dtype)
            if free:
                scores = [
                    score_of(scheme, queries[i, own], keys[k, shared], head, here, key_positions[k]) for k in free
                ]
                row = torch.stack(scores).softmax(dim=0)
                for weight, k in zip(row, free, strict=True):
                    context = context + weight * value_of(scheme, values[k, shared], here, key_positions[k])
                weights[head, i, free] = row.detach()
            contexts.append(context)
    merged = torch.cat(contexts).reshape(len(query), module.heads * width)
    return merged @ module.Ow.weight.T, weights


def positions_of(way, batch, length, seed):
    rng = torch.Generator().manual_seed(seed)
    if way == "counted":
        return None
    if way == "for all":
        return torch.randperm(3 * length, generator=rng)[:length]
    return torch.stack([torch.randperm(3 * length, generator=rng)[:length] for _ in range(batch)])


@schemes
@key_heads
@pytest.mark.parametrize("way", ["counted", "for all", "each its own"])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_with_a_scheme_is_a_loop(name, key_heads, way, masked):
    """Output, weights and every gradient, with and without weights asked for; a row that sees nothing among them."""
    module = attention_of(name, key_heads=key_heads, key_dim=7, value_dim=5)
    shapes = [(2, 3, DIM), (2, 4, 7), (2, 4, 5)]
    inputs = [normal([1, number], shape, "torch-float64", grad=True) for number, shape in enumerate(shapes)]
    upstream = normal(9, (2, 3, DIM), "torch-float64")
    mask = None
    if masked:
        mask = torch.rand(2, HEADS, 3, 4, generator=torch.Generator().manual_seed(5)) < 0.6
        mask[1, :, 2] = False
        mask[0, 1, 0] = False
    here, there = positions_of(way, 2, 3, 1), positions_of(way, 2, 4, 2)
    full = [
        (torch.arange(length) if places is None else places).expand(2, length).tolist()
        for places, length in ((here, 3), (there, 4))
    ]
    parts = [
        attention_loop(
            module, *(array[b] for array in inputs), None if mask is None else mask[b], full[0][b], full[1][b]
        )
        for b in range(2)
    ]
    expected, expected_weights = (torch.stack(each) for each in zip(*parts, strict=True))
    learned = [*inputs, *module.parameters()]
    gradients = torch.autograd.grad(expected, learned, upstream)
    before = [copy_of(array) for array in inputs]
    for asked in (False, True):
        came = module(*inputs, mask, query_positions=here, key_positions=there, return_weights=asked)
        output, *weights = came if asked else (came,)
        close(output, expected)
        for gradient, wanted in zip(torch.autograd.grad(output, learned, upstream), gradients, strict=True):
            close(gradient, wanted)
        if asked:
            close(weights[0], expected_weights)
        if masked:
            assert (output[1, 2] == 0).all()
    assert all(torch.equal(*pair) for pair in zip(inputs, before, strict=True))


@schemes
@pytest.mark.parametrize("asked", [False, True])
def test_queries_and_keys_stand_where_they_are_said_to(name, asked):
    """As many of one as of the other, so that no place could be told from the lengths."""
    module, words = attention_of(name, key_heads=2), normal(0, (1, 4, DIM), "torch-float64")
    here, there = torch.tensor([3, 9, 4, 0]), torch.tensor([1, 2, 8, 5])
    came = module(words, query_positions=here, key_positions=there, return_weights=asked)
    expected = attention_loop(module, words[0], words[0], words[0], None, here.tolist(), there.tolist())
    for part, wanted in zip(came if asked else [came], expected, strict=False):
        close(part[0], wanted)


@schemes
@pytest.mark.parametrize("asked", [False, True])
def test_dropout_in_training_alone(name, asked):
    module, words = attention_of(name, dropout_p=0.5), normal(0, (2, 4, DIM), "torch-float64")
    expected, expected_weights = module.eval()(words, return_weights=True)

    def call(seed):
        torch.manual_seed(seed)
        came = module(words, return_weights=asked)
        return came if asked else (came,)

    close(call(0)[0], expected)
    module.train()
    first, again, other = call(0), call(0), call(1)
    assert torch.equal(first[0], again[0])
    assert not torch.allclose(first[0], other[0])
    assert not torch.allclose(first[0], expected)
    if asked:
        close(first[1], expected_weights)


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("key_heads", [1, 2])
def test_dropout_leaves_out_the_same_weights_of_values_and_of_their_distances(asked, key_heads):
    """Every value is the opposite of every distance's vector, so nothing is left but for two different draws."""
    module = attention_of("shaw", key_heads=key_heads, dropout_p=0.5)
    words = normal(0, (DIM,), "torch-float64").expand(2, 4, DIM)
    with torch.no_grad():
        module.Vw.weight.copy_(module.Vw.weight[:HEAD_DIM].repeat(key_heads, 1))
        module.positions.value_table.copy_(-module.Vw(words)[0, 0, :HEAD_DIM].expand(7, HEAD_DIM))
    came = module(words, return_weights=asked)
    assert (came[0] if asked else came).abs().max() < 1e-12
    with torch.no_grad():
        module.positions.value_table.zero_()
    assert module(words).abs().max() > 0.1


@real_schemes
def test_a_scheme_makes_a_difference(name):
    words = normal(0, (2, 5, DIM), "torch-float64")
    with_it, without = attention_of(name), attention_of("none")
    without.load_state_dict(with_it.state_dict(), strict=False)
    assert (with_it(words) - without(words)).abs().max() > 1e-3


def test_the_scheme_that_does_nothing_is_as_good_as_none():
    words = normal(0, (2, 5, DIM), "torch-float64")
    plain = MultiHeadAttention(DIM, HEADS, head_dim=HEAD_DIM, seed=0).double()
    assert torch.equal(attention_of("none")(words), plain(words))


@real_schemes
@pytest.mark.parametrize("asked", [False, True])
def test_a_scheme_knows_the_distance_alone(name, asked):
    words = normal(0, (2, 5, DIM), "torch-float64")
    module, places = attention_of(name), torch.tensor([[0, 2, 3, 7, 8], [4, 5, 6, 7, 11]])
    first, moved, permuted = (
        module(words, query_positions=each, key_positions=each, return_weights=asked)
        for each in (places, places + torch.tensor([[100], [31]]), places.flip(-1))
    )
    first, moved, permuted = (each[0] if asked else each for each in (first, moved, permuted))
    close(moved, first, rtol=1e-7, atol=1e-9)
    assert (permuted - first).abs().max() > 1e-3


@real_schemes
@pytest.mark.parametrize("asked", [False, True])
@key_heads
def test_positions_for_all_and_for_each_are_alike(name, asked, key_heads):
    words, places = normal(0, (3, 5, DIM), "torch-float64"), torch.tensor([0, 1, 4, 5, 9])
    module = attention_of(name, key_heads=key_heads)
    came = [
        module(words, query_positions=each, key_positions=each, return_weights=asked)
        for each in (places, places.expand(3, 5), places[None])
    ]
    for other in came[1:]:
        torch.testing.assert_close(other, came[0])
    counted = [
        module(words, query_positions=each, key_positions=each, return_weights=asked)
        for each in (None, torch.arange(5), torch.arange(5, dtype=torch.int32))
    ]
    for other in counted[1:]:
        torch.testing.assert_close(other, counted[0])


@schemes
@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("heads", [1, HEADS])
def test_no_word_knows_of_those_after_it(name, asked, heads):
    """Neither the output nor, by the gradient, anything that it is made of."""
    module, words = attention_of(name, key_heads=heads), normal(0, (2, 6, DIM), "torch-float64", grad=True)

    def read(words, length):
        came = module(words, mask=causal_mask(length, like=words), return_weights=asked)
        return came[0] if asked else came

    whole = read(words, 6)
    for length in range(1, 7):
        close(read(words[:, :length], length), whole[:, :length])
    for place in range(6):
        (gradient,) = torch.autograd.grad(whole[:, place].sum(), words, retain_graph=True)
        assert (gradient[:, place + 1 :] == 0).all()
        assert (gradient[:, : place + 1] != 0).any(dim=-1).all()


@schemes
@dtypes
@pytest.mark.parametrize("asked", [False, True])
def test_rows_that_see_nothing_are_zero_and_their_gradients_finite(name, dtype, asked):
    module = attention_of(name, dtype, key_heads=2)
    words = normal(0, (2, 4, DIM), "torch-float32").to(dtype).requires_grad_()
    mask = torch.ones(2, 4, 4, dtype=torch.bool)
    mask[0, 1] = mask[1] = False
    came = module(words, mask=mask, return_weights=asked)
    output, *weights = came if asked else (came,)
    assert output.dtype == dtype
    assert (output[0, 1] == 0).all()
    assert (output[1] == 0).all()
    assert (output[0, 0] != 0).any()
    if asked:
        assert weights[0].dtype == dtype
        assert (weights[0][1] == 0).all()
        torch.testing.assert_close(weights[0][0, :, 0].sum(dim=-1), torch.ones(HEADS, dtype=dtype), rtol=0, atol=0.01)
    output.float().square().sum().backward()
    for array in (words, *module.parameters()):
        assert array.grad.isfinite().all()
    assert (words.grad[0] != 0).any()
    assert (words.grad[1] == 0).all()


@schemes
@halves
@pytest.mark.parametrize("asked", [False, True])
def test_half_precision_is_close_to_the_answer(name, dtype, asked):
    module, words = attention_of(name, torch.float32), normal(0, (2, 4, DIM), "torch-float32")
    expected = module(words)
    came = module.to(dtype)(words.to(dtype), return_weights=asked)
    torch.testing.assert_close((came[0] if asked else came).float(), expected, rtol=0.05, atol=0.05)


@schemes
@pytest.mark.parametrize("asked", [False, True])
def test_autocast_changes_little(name, asked):
    module, words = attention_of(name, torch.float32), normal(0, (2, 4, DIM), "torch-float32")
    with torch.autocast("cpu", torch.bfloat16):
        came = module(words, return_weights=asked)
    torch.testing.assert_close((came[0] if asked else came).float(), module(words), rtol=0.05, atol=0.05)


@schemes
@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize(("queries", "keys"), [(0, 3), (3, 0), (0, 0)])
@key_heads
def test_empty_lengths(name, asked, queries, keys, key_heads):
    module = attention_of(name, key_heads=key_heads)
    came = module(torch.ones(2, queries, DIM).double(), torch.ones(2, keys, DIM).double(), return_weights=asked)
    output, *weights = came if asked else (came,)
    assert output.shape == (2, queries, DIM)
    assert (output == 0).all()
    if asked:
        assert weights[0].shape == (2, HEADS, queries, keys)


@schemes
@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("batch", [(), (2,), (2, 3)], ids=str)
def test_any_number_of_leading_dimensions(name, asked, batch):
    module, words = attention_of(name, key_heads=2), normal(0, (*batch, 4, DIM), "torch-float64")
    came = module(words, return_weights=asked)
    for place in np.ndindex(*batch):
        alone = module(words[place], return_weights=asked)
        for whole, part in zip(came if asked else [came], alone if asked else [alone], strict=True):
            close(whole[place], part)


@schemes
def test_keys_prepared_one_by_one_are_those_prepared_together(name):
    module, words = attention_of(name, key_heads=2), normal(0, (2, 5, DIM), "torch-float64")
    together = module.prepare(words)
    one_by_one = [module.prepare(words[:, [at]], positions=torch.tensor([at])) for at in range(5)]
    for place, whole in enumerate(together):
        close(torch.cat([each[place] for each in one_by_one], dim=-2), whole)
    last = module.attend_to(words[:, 4:], together, query_positions=torch.tensor([4]))
    close(last, module(words)[:, 4:])
    per_sentence = module.attend_to(
        words[:, 4:], together, query_positions=torch.tensor([[4], [4]]), key_positions=torch.arange(5).expand(2, 5)
    )
    close(per_sentence, last)


@schemes
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_under_vmap(name):
    module, words = attention_of(name, key_heads=2), normal(0, (3, 2, 4, DIM), "torch-float64")
    mask = causal_mask(4, like=words)
    close(torch.func.vmap(lambda each: module(each, mask=mask))(words), module(words, mask=mask))


@schemes
def test_copies_work_alike(name):
    module, words = attention_of(name), normal(0, (2, 4, DIM), "torch-float64")
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(other(words), module(words))


def test_what_the_schemes_learn():
    learned = {name: {key: tuple(p.shape) for key, p in SCHEMES[name]().named_parameters()} for name in SCHEMES}
    tables = {"key_table": (7, HEAD_DIM), "value_table": (7, HEAD_DIM)}
    assert {name: shapes for name, shapes in learned.items() if shapes} == {
        "t5": {"weight": (8, HEADS)},
        "t5, one way": {"weight": (8, HEADS)},
        "shaw": tables,
        "shaw, keys alone": {"key_table": (7, HEAD_DIM)},
    }


def test_only_shaws_values_need_the_weights():
    assert [name for name in SCHEMES if SCHEMES[name]().needs_weights] == ["shaw"]


class Recency(RelativeScheme):
    """A scheme of a reader's own: adds to a context how far back it looks on the average."""

    def values(self, weights, query_positions, key_positions):
        return (weights * distances(query_positions, key_positions)[..., None, :, :]).sum(dim=-1, keepdim=True)


def test_a_scheme_of_ones_own_that_adds_to_contexts():
    assert Recency().needs_weights
    module = MultiHeadAttention(DIM, HEADS, head_dim=HEAD_DIM, positions=Recency(), seed=0).double()
    plain = MultiHeadAttention(DIM, HEADS, head_dim=HEAD_DIM, seed=0).double()
    words = normal(0, (2, 4, DIM), "torch-float64")
    before, weights = plain(words, return_weights=True)
    back = (weights * distances(torch.arange(4), torch.arange(4))).sum(dim=-1)  # (batch, heads, query)
    added = back.mT[..., None].expand(2, 4, HEADS, HEAD_DIM).flatten(-2)
    close(module(words), before + added @ module.Ow.weight.T)


def test_the_base_scheme_returns_what_it_gets_and_nothing_else():
    scheme, vectors, places = RelativeScheme(), torch.ones(1, 2, 3, 4), torch.arange(3)
    assert scheme.turn(vectors, places) is vectors
    assert scheme.bias(vectors, places, places) is None
    assert scheme.values(torch.ones(1, 2, 3, 3), places, places) is None
    assert Shaw(4, values=False, seed=0).values(torch.ones(1, 2, 3, 3), places, places) is None


def test_biases_come_in_the_dtype_of_the_queries():
    for name in ("alibi", "t5", "shaw"):
        for dtype in (torch.float16, torch.bfloat16, torch.float64):
            scheme = SCHEMES[name]().to(dtype if name == "shaw" else torch.float32)
            query = torch.ones(2, HEADS, 3, HEAD_DIM, dtype=dtype)
            assert scheme.bias(query, torch.arange(3), torch.arange(5)).dtype == dtype


@pytest.mark.usefixtures("unchecked")
def test_schemes_that_do_not_fit_the_attention():
    words = torch.ones(2, 5, 8)
    for scheme, message in [
        (Shaw(3, seed=0), "query has dim 4 but this scheme takes 3"),
        (ALiBi(3), "bias has shape (3, 5, 5), which does not broadcast to scores of shape (2, 2, 5, 5)"),
        (T5Bias(4, seed=0), "bias has shape (4, 5, 5), which does not broadcast to scores of shape (2, 2, 5, 5)"),
    ]:
        with fails(ValueError, message):
            MultiHeadAttention(8, 2, positions=scheme, seed=0)(words)
    with fails(ValueError, "components are turned in pairs, so dim must be even, got 3"):
        MultiHeadAttention(8, 2, head_dim=3, positions=Rotary(), seed=0)(words)
    for wrong in (Sinusoidal(8), "rotary", nn.Identity()):
        with fails(TypeError, f"positions must be a RelativeScheme such as Rotary(), got {type(wrong).__name__}"):
            MultiHeadAttention(8, 2, positions=wrong, seed=0)


@pytest.mark.usefixtures("unchecked")
@real_schemes
@pytest.mark.parametrize("wrong", [(4,), (1,), (3, 5), (2, 4), (2, 2, 5)], ids=str)
def test_positions_that_do_not_fit_the_words(name, wrong):
    module, words = attention_of(name, torch.float32), torch.ones(2, 5, DIM)
    places = torch.zeros(wrong, dtype=torch.int64)
    with fails(ValueError, f"query_positions must have shape (5,) or (2, 5), got {wrong}"):
        module(words, query_positions=places)
    with fails(ValueError, f"key_positions must have shape (5,) or (2, 5), got {wrong}"):
        module(words, key_positions=places)
    with fails(ValueError, f"key_positions must have shape (5,) or (2, 5), got {wrong}"):
        module.attend_to(words[:, :3], module.prepare(words), key_positions=places)
