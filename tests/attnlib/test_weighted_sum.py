"""Weighted sums, look-ups and kernel regression, against loops over queries and keys."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from attnlib.softmax import softmax
from attnlib.weighted_sum import (
    boxcar,
    epanechnikov,
    gaussian,
    hard_lookup,
    hard_weights,
    kernel_regression,
    kernel_weights,
    normalise,
    soft_lookup,
    weighted_sum,
)
from tests.attnlib.strategies import (
    KINDS,
    LIBRARIES,
    copy_of,
    dtype_of,
    fails,
    finite,
    layouts,
    make,
    masked_scores,
    plain,
    same,
    shares_memory,
    tolerance_of,
)

INF, NAN = math.inf, math.nan
kinds = pytest.mark.parametrize("kind", KINDS)
libraries = pytest.mark.parametrize("library", LIBRARIES)
KERNELS = {
    gaussian: lambda u2: math.exp(-u2 / 2),
    boxcar: lambda u2: float(u2 <= 1),
    epanechnikov: lambda u2: max(0.0, 1 - u2),
}
kernels = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__)
matrices = hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=4)
similar = st.floats(0, 50, width=16)


def is_kind(array, kind):
    return str(array.dtype).removeprefix("torch.") == dtype_of(kind) and isinstance(
        array, torch.Tensor
    ) == kind.startswith("torch")


def sum_loop(weights, values):
    """Batched weighted sums, one product at a time."""
    batch = np.broadcast_shapes(weights.shape[:-2], values.shape[:-2])
    weights = np.broadcast_to(weights, (*batch, *weights.shape[-2:]))
    values = np.broadcast_to(values, (*batch, *values.shape[-2:]))
    sums = np.zeros((*batch, weights.shape[-2], values.shape[-1]))
    for place in product(*map(range, sums.shape)):
        *b, query, column = place
        keys = range(weights.shape[-1])
        sums[place] = math.fsum(weights[(*b, query, k)] * values[(*b, k, column)] for k in keys)
    return sums


@st.composite
def weights_and_values(draw):
    kind = draw(st.sampled_from(KINDS))
    signature = hnp.mutually_broadcastable_shapes(signature="(q,k),(k,d)->(q,d)", min_side=0, max_side=3, max_dims=2)
    shapes = draw(signature).input_shapes
    weights, values = (draw(hnp.arrays(np.float64, shape, elements=st.floats(-8, 8, width=16))) for shape in shapes)
    return kind, plain(make(weights, kind)), plain(make(values, kind))


# Weighted sums


@given(weights_and_values())
def test_weighted_sum_equals_the_loop(case):
    kind, weights, values = case
    sums = weighted_sum(make(weights, kind), make(values, kind))
    assert is_kind(sums, kind)
    expected = sum_loop(weights, values)
    assert tuple(sums.shape) == expected.shape
    atol = max(1e-4 if "32" in kind else 0, 40 * tolerance_of(kind) if "16" in kind else 1e-10)
    np.testing.assert_allclose(plain(sums), expected, rtol=tolerance_of(kind), atol=atol)


@kinds
def test_products_are_added_up_in_float32(kind):
    weights, values = make(np.full((1, 5000), 1 / 4096), kind), make(np.ones((5000, 1)), kind)
    np.testing.assert_allclose(plain(weighted_sum(weights, values)), 5000 / 4096, rtol=tolerance_of(kind))


@libraries
def test_two_dtypes_give_their_common_one(library):
    for first, second, common in [("float16", "float64", "float64"), ("float32", "float16", "float32")]:
        sums = weighted_sum(make([[1.0]], f"{library}-{first}"), make([[1.0]], f"{library}-{second}"))
        assert is_kind(sums, f"{library}-{common}")
    mixed = weighted_sum(make([[1.0]], "torch-float16"), make([[1.0]], "torch-bfloat16"))
    assert mixed.dtype == torch.float32


def test_weighted_sums_gradient_is_the_other_factor():
    weights = make(np.linspace(0, 1, 6).reshape(1, 2, 3), "torch-float64", grad=True)
    values = make(np.linspace(-1, 1, 24).reshape(2, 3, 4), "torch-float64", grad=True)
    assert torch.autograd.gradcheck(weighted_sum, (weights, values))
    assert torch.autograd.gradgradcheck(weighted_sum, (weights, values))
    weighted_sum(weights, values).sum().backward()
    expected = values.detach().sum((0, 2)).expand(1, 2, 3)
    assert torch.allclose(weights.grad, expected)


@kinds
def test_an_infinite_value_reaches_every_output_even_at_weight_zero(kind):
    sums = plain(weighted_sum(make([[1, 0], [0, 1]], kind), make([[1.0], [NAN]], kind)))
    assert np.isnan(sums).all()


# Normalising


@given(masked_scores(elements=similar))
def test_normalise_equals_the_loop(case):
    kind, values, _, axis = case
    weights = normalise(make(values, kind), axis=axis)
    assert is_kind(weights, kind)
    rows, came = np.moveaxis(values, axis, -1), np.moveaxis(plain(weights), axis, -1)
    for place in product(*map(range, rows.shape[:-1])):
        total = math.fsum(rows[place])
        expected = [a / total if total else 0.0 for a in rows[place]]
        np.testing.assert_allclose(came[place], expected, rtol=tolerance_of(kind), atol=tolerance_of(kind))


@kinds
def test_normalise_cancels_the_unit_and_leaves_rows_without_similarity_at_zero(kind):
    weights = plain(normalise(make([[1, 3], [1000, 3000], [0, 0], [1, -1]], kind)))
    np.testing.assert_array_equal(weights[[0, 2, 3]], [[0.25, 0.75], [0, 0], [0, 0]])
    np.testing.assert_allclose(weights[1], [0.25, 0.75], rtol=tolerance_of(kind))
    assert np.isnan(plain(normalise(make([NAN, 1.0], kind)))).all()


def test_normalise_sums_in_float32():
    for kind in KINDS:
        weights = plain(normalise(make([60000.0, 60000.0], kind)))
        np.testing.assert_array_equal(weights, [0.5, 0.5])


@kinds
def test_normalise_of_the_largest_numbers_and_of_exact_cancellation(kind):
    largest = np.finfo(np.float32).max if "bfloat16" in kind else np.finfo(dtype_of(kind)).max
    for row in ([largest, largest], [largest / 2] * 2, [largest, largest / 2, largest / 2]):
        weights = plain(normalise(make([row, [1.0] * len(row)], kind)))
        given = plain(make(row, kind))
        if np.isfinite(given).all():
            np.testing.assert_allclose(weights[0], given / given[0] / (given / given[0]).sum(), rtol=tolerance_of(kind))
        np.testing.assert_allclose(weights[1], 1 / len(row), rtol=tolerance_of(kind))
    assert plain(normalise(make([3, 4, -7], kind))).tolist() == [0, 0, 0]
    smallest = make([[1e-45, 1e-45]], kind) if "32" in kind else make([[5e-324, 5e-324]], "numpy-float64")
    assert plain(normalise(smallest)).tolist() == [[0.5, 0.5]]


@kinds
def test_an_infinite_similarity_gets_nan_without_a_warning(kind):
    weights = plain(normalise(make([[INF, 1], [INF, INF], [1, 1]], kind)))
    np.testing.assert_array_equal(weights, [[NAN, 0], [NAN, NAN], [0.5, 0.5]])
    assert np.isnan(plain(normalise(make([INF, -INF, 1], kind)))).all()


def test_normalises_gradient():
    similarities = make([[1.0, 3.0, 0.0], [0.5, 2.0, 4.0]], "torch-float64", grad=True)
    for axis in (0, 1):
        assert torch.autograd.gradcheck(lambda a, axis=axis: normalise(a, axis=axis), similarities)
    large = make([3e38, 1e38], "torch-float32", grad=True)
    (normalise(large) * torch.tensor([3e38, 0.0])).sum().backward()
    torch.testing.assert_close(large.grad, torch.tensor([3 / 16, -9 / 16]), rtol=1e-3, atol=0)
    zeros = make([[0.0, 0.0]], "torch-float64", grad=True)
    normalise(zeros).sum().backward()
    assert torch.isfinite(zeros.grad).all()


# Look-ups


@given(masked_scores(shape=hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=4)))
def test_hard_weights_put_one_on_the_first_best_key(case):
    kind, values, _, _ = case
    weights = hard_weights(make(values, kind))
    assert is_kind(weights, kind)
    for place in product(*map(range, values.shape[:-1])):
        row = values[place].tolist()
        expected = [float(k == row.index(max(row))) for k in range(len(row))]
        assert plain(weights)[place].tolist() == expected


@kinds
@pytest.mark.parametrize(
    ("row", "best"),
    [([1, 1, 1], 0), ([0, 2, 2], 1), ([-INF, -INF], 0), ([1, INF, INF], 1), ([-0.0, 0.0], 0), ([INF, NAN, NAN], 1)],
)
def test_hard_weights_of_ties_infinities_and_nan(kind, row, best):
    assert plain(hard_weights(make([row], kind))).tolist() == [[float(k == best) for k in range(len(row))]]


@kinds
def test_hard_lookup_returns_the_best_keys_value(kind):
    scores, values = make([[[0, 3, 1], [5, 1, 5]]], kind), make([[1, 2], [3, 4], [5, 6]], kind)
    assert plain(hard_lookup(scores, values)).tolist() == [[[3, 4], [1, 2]]]


@kinds
def test_hard_lookup_is_where_softmax_goes_as_the_temperature_falls(kind):
    scores, values = make([[0.1, 0.9, 0.3]], kind), make([[1.0], [2.0], [4.0]], kind)
    cold = weighted_sum(softmax(scores, temperature=1e-3), values)
    np.testing.assert_allclose(plain(cold), plain(hard_lookup(scores, values)), rtol=tolerance_of(kind))


def test_no_gradient_reaches_the_scores_of_a_hard_lookup():
    scores, values = make([[1.0, 2.0]], "torch-float64", grad=True), make([[1.0], [2.0]], "torch-float64", grad=True)
    hard_lookup(scores, values).sum().backward()
    assert scores.grad is None
    assert values.grad.tolist() == [[0.0], [1.0]]


@given(weights_and_values())
def test_soft_lookup_equals_the_loop(case):
    kind, similarities, values = case
    similarities = np.abs(similarities)
    came = soft_lookup(make(similarities, kind), make(values, kind))
    totals = similarities.sum(-1, keepdims=True)
    expected = sum_loop(similarities / np.where(totals == 0, 1, totals), values)
    np.testing.assert_allclose(plain(came), expected, rtol=tolerance_of(kind), atol=20 * tolerance_of(kind))


# Kernels


@kernels
@kinds
def test_kernels_equal_their_formulas(kernel, kind):
    points = plain(make([0, 0.25, 0.5, 0.999, 1, 1.001, 2, 9, 1e4, INF], kind))
    came = kernel(make(points, kind))
    assert is_kind(came, kind)
    expected = [KERNELS[kernel](u2) for u2 in points]
    np.testing.assert_allclose(plain(came), expected, rtol=2 * tolerance_of(kind), atol=tolerance_of(kind))
    assert np.isnan(plain(kernel(make([NAN, 0.5], kind)))[0])


@kernels
def test_kernels_have_gradients(kernel):
    points = make([0.1, 0.5, 0.9, 1.5, 30.0], "torch-float64", grad=True)
    assert torch.autograd.gradcheck(kernel, points)


@st.composite
def queries_and_keys(draw):
    kind = draw(st.sampled_from(KINDS))
    signature = hnp.mutually_broadcastable_shapes(signature="(q,d),(k,d)->(q,k)", min_side=0, max_side=3, max_dims=2)
    shapes = draw(signature).input_shapes
    points = st.floats(-4, 4, width=16)
    query, key = (plain(make(draw(hnp.arrays(np.float64, shape, elements=points)), kind)) for shape in shapes)
    return kind, query, key


def kernel_loop(query, key, function, width):
    """Kernel weights, one pair at a time."""
    batch = np.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    query = np.broadcast_to(query, (*batch, *query.shape[-2:]))
    key = np.broadcast_to(key, (*batch, *key.shape[-2:]))
    weights = np.zeros((*batch, query.shape[-2], key.shape[-2]))
    for place in product(*map(range, weights.shape[:-1])):
        *b, q = place
        row = []
        for k in range(key.shape[-2]):
            squared = math.fsum((x - y) ** 2 for x, y in zip(query[(*b, q)], key[(*b, k)], strict=True))
            row.append(function(squared / width**2))
        total = math.fsum(row)
        weights[place] = [similarity / total if total else 0.0 for similarity in row]
    return weights


@given(queries_and_keys(), st.sampled_from(list(KERNELS)), st.sampled_from([0.71, 1, 2.3]))
def test_kernel_weights_equal_the_loop(case, kernel, width):
    kind, query, key = case
    weights = kernel_weights(make(query, kind), make(key, kind), kernel=kernel, width=width)
    assert is_kind(weights, kind)
    expected = kernel_loop(query, key, KERNELS[kernel], width)
    assert tuple(weights.shape) == expected.shape
    # An Epanechnikov row near its kernel's rim divides one rounding error by another.
    atol = 20 * tolerance_of(kind) if kernel is not epanechnikov or "64" in kind else 0.2
    np.testing.assert_allclose(plain(weights), expected, rtol=0, atol=atol)


@kinds
@kernels
def test_kernel_weights_of_a_grid(kind, kernel):
    query, key = [[0.0], [0.5], [5.0]], [[0.0], [0.5], [1.0], [2.0]]
    weights = kernel_weights(make(query, kind), make(key, kind), kernel=kernel)
    expected = kernel_loop(np.array(query), np.array(key), KERNELS[kernel], 1.0)
    np.testing.assert_allclose(plain(weights), expected, rtol=0, atol=tolerance_of(kind))


@kinds
@pytest.mark.parametrize("width", [1.0, 1e-3, 1e-20, 1e-40, 1e-310])
def test_a_far_query_gets_its_nearest_neighbour_from_the_gaussian_and_nothing_from_the_others(kind, width):
    query, key = make([[60000.0], [-60000.0]], kind), make([[-1000.0], [0.0], [1000.0]], kind)
    weights = kernel_weights(query, key, width=width)
    assert plain(weights).tolist() == [[0, 0, 1], [1, 0, 0]]
    for compact in (boxcar, epanechnikov):
        assert (plain(kernel_weights(query, key, kernel=compact, width=width)) == 0).all()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "float16" not in kind or "bfloat16" in kind])
def test_distances_near_the_end_of_the_range(kind):
    query, key = make([[1e38, 0.0]], kind), make([[-1e38, 0.0], [1e30, 0.0], [INF, 0.0]], kind)
    for width in (1.0, 1e-30, 1e30):
        assert plain(kernel_weights(query, key, width=width)).tolist() == [[0, 1, 0]]
        for compact in (boxcar, epanechnikov):
            assert plain(kernel_weights(query, key, kernel=compact, width=width)).tolist() == [[0, 0, 0]]


@libraries
@pytest.mark.parametrize(
    ("dtype", "query", "key", "width", "expected"),
    [
        ("float32", [0], [[0], [1], [1e30]], 1, [0.622459, 0.377541, 0]),
        ("float32", [0], [[0], [1], [1e20]], 1, [0.622459, 0.377541, 0]),
        ("float64", [0], [[0], [1], [1e170]], 1, [0.622459, 0.377541, 0]),
        ("float32", [0], [[1e6], [1e6 + 1]], 1000, [0.731059, 0.268941]),
        ("float64", [0], [[1e6], [1e6 + 1]], 1000, [0.731059, 0.268941]),
        ("float32", [3e38], [[-3e38]], 1e-30, [1]),
        ("float32", [3e38], [[-3e38], [-2e38], [3e38]], 1e-30, [0, 0, 1]),
        ("float32", [0], [[1e-30], [1], [1e30]], 1, [0.622459, 0.377541, 0]),
        ("float32", [0, 0], [[0, 1], [1, 0.5]], 1e-30, [1, 0]),
        ("float32", [0, 0], [[1, 0.5], [0, 1], [0.1, 0.2]], 1e-45, [0, 0, 1]),
        ("float32", [0, 0], [[1, 1], [1, 1 - 6e-8], [1 - 6e-8, 1 - 6e-8]], 1e-30, [0, 0, 1]),
        ("float32", [0, 0], [[1, 3e38], [1, 1], [1, 2]], 1, [0, 0.817574, 0.182426]),
        ("float32", [1], [[1], [INF], [2]], 1, [0.622459, 0, 0.377541]),
        ("float32", [0], [[1e-30], [1e30]], 1e45, [0.5, 0.5]),
    ],
)
def test_a_gaussian_row_at_the_ends_of_the_range(library, dtype, query, key, width, expected):
    query, key = make([query], f"{library}-{dtype}"), make(key, f"{library}-{dtype}")
    weights = plain(kernel_weights(query, key, width=width))
    np.testing.assert_allclose(weights, [expected], rtol=0, atol=2e-6)


@libraries
@kernels
def test_a_key_that_is_nan_or_infinities_that_meet_make_the_row_nan(library, kernel):
    query, key = make([[0.0], [INF]], f"{library}-float32"), make([[NAN], [INF]], f"{library}-float32")
    assert np.isnan(plain(kernel_weights(query, key[:1], kernel=kernel))).all()
    assert np.isnan(plain(kernel_weights(query[1:], key[1:], kernel=kernel))).all()


@kernels
@libraries
def test_a_width_beyond_every_float(library, kernel):
    points = make([[0.0], [1.0]], f"{library}-float32")
    np.testing.assert_allclose(plain(kernel_weights(points, points, kernel=kernel, width=10**400)), 0.5)


def test_a_gaussian_rows_gradient_is_that_of_the_plain_formula():
    query = make([[0.1, 0.2], [0.9, -0.3], [40.0, 1.0]], "torch-float64", grad=True)
    key = make([[0.0, 0.0], [0.5, 0.4], [1.2, -0.1], [30.0, 2.0]], "torch-float64", grad=True)
    factors = make(np.cos(np.arange(12)).reshape(3, 4), "torch-float64")
    for width in (0.3, 1.1, 20.0):
        squared = ((query[:, None] - key) / width).square().sum(-1)
        expected = torch.autograd.grad(((-squared / 2).softmax(-1) * factors).sum(), (query, key))
        weights = kernel_weights(query, key, width=width)
        came = torch.autograd.grad((weights * factors).sum(), (query, key))
        for one, other in zip(came, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
        assert torch.autograd.gradcheck(lambda q, k, width=width: kernel_weights(q, k, width=width), (query, key))


def test_a_far_key_leaves_the_gradients_of_the_others_alone():
    key = make([[0.0], [1.0], [1e30]], "torch-float32", grad=True)
    kernel_weights(make([[0.25]], "torch-float32"), key)[0, 0].backward()
    near = make([[0.0], [1.0]], "torch-float32", grad=True)
    kernel_weights(make([[0.25]], "torch-float32"), near)[0, 0].backward()
    torch.testing.assert_close(key.grad[:2], near.grad)
    assert key.grad[2] == 0


@kinds
def test_a_gaussian_wider_than_everything_gives_the_mean(kind):
    query, key = make([[0.0], [3.0]], kind), make([[-1.0], [0.0], [2.0], [4.0]], kind)
    for width in (1e9, 1e39, 1e300):
        np.testing.assert_allclose(plain(kernel_weights(query, key, width=width)), 0.25, rtol=1e-6)


@kinds
def test_equally_near_keys_share_even_at_a_tiny_width(kind):
    weights = kernel_weights(make([[0.0]], kind), make([[-1.0], [1.0], [2.0]], kind), width=1e-30)
    assert plain(weights).tolist() == [[0.5, 0.5, 0]]


@kernels
@libraries
def test_kernel_weights_of_nothing(kernel, library):
    kind = f"{library}-float32"
    for query, key in [((0, 2), (3, 2)), ((2, 2), (0, 2)), ((2, 0), (3, 0)), ((0, 2, 1), (3, 1)), ((0, 0), (0, 0))]:
        weights = kernel_weights(make(np.zeros(query), kind), make(np.zeros(key), kind), kernel=kernel)
        assert tuple(weights.shape) == (*query[:-2], query[-2], key[-2])
        assert np.isfinite(plain(weights)).all()


@kernels
def test_kernel_weights_gradients(kernel):
    query = make([[0.1, 0.2], [0.9, -0.3]], "torch-float64", grad=True)
    key = make([[0.0, 0.0], [0.5, 0.4], [1.2, -0.1]], "torch-float64", grad=True)

    def function(query, key):
        return kernel_weights(query, key, kernel=kernel, width=1.1)

    assert torch.autograd.gradcheck(function, (query, key))
    assert torch.autograd.gradgradcheck(function, (query, key))


@kernels
@pytest.mark.parametrize("width", [1.0, 1e-30, 1e-45, 1e30, 1e45])
def test_the_gradient_at_distance_zero_and_at_many_widths_is_finite(kernel, width):
    query = make([[1.0, 2.0]], "torch-float32", grad=True)
    key = make([[1.0, 2.0], [1.0, 2.0], [3000.0, 2.0]], "torch-float32", grad=True)
    (kernel_weights(query, key, kernel=kernel, width=width) * torch.tensor([1.0, 2.0, 4.0])).sum().backward()
    assert torch.isfinite(query.grad).all()
    assert torch.isfinite(key.grad).all()


@kinds
def test_a_kernel_of_ones_own(kind):
    query, key = make([[0.0]], kind), make([[1.0], [2.0]], kind)
    weights = kernel_weights(query, key, kernel=lambda squared: 1 / (1 + squared))
    np.testing.assert_allclose(plain(weights), [[5 / 7, 2 / 7]], rtol=tolerance_of(kind))
    weights = kernel_weights(query, key, kernel=lambda squared: gaussian(squared))
    np.testing.assert_allclose(plain(weights), plain(kernel_weights(query, key)), rtol=tolerance_of(kind))


@given(queries_and_keys())
def test_kernel_regression_equals_weights_times_values(case):
    kind, query, key = case
    values = make(np.cos(np.arange(key.shape[-2] * 2)).reshape(-1, 2), kind)
    came = kernel_regression(make(query, kind), make(key, kind), values, width=0.9)
    assert is_kind(came, kind)
    expected = sum_loop(kernel_loop(query, key, KERNELS[gaussian], 0.9), plain(values))
    np.testing.assert_allclose(plain(came), expected, rtol=0, atol=20 * tolerance_of(kind))


def test_kernel_regression_finds_the_values_at_the_keys_when_narrow_and_their_mean_when_wide():
    key, values = np.array([[0.0], [1.0], [2.0]]), np.array([[5.0], [7.0], [0.0]])
    np.testing.assert_allclose(kernel_regression(key, key, values, width=0.05), values, atol=1e-12)
    np.testing.assert_allclose(kernel_regression(key, key, values, width=1e6), 4.0)
    assert kernel_regression(key, key, values, kernel=boxcar, width=0.5).tolist() == values.tolist()


# What comes in


CALLS = {
    "weighted_sum": (weighted_sum, (2, 3), (3, 4)),
    "normalise": (normalise, (2, 3)),
    "hard_weights": (hard_weights, (2, 3)),
    "hard_lookup": (hard_lookup, (2, 3), (3, 4)),
    "soft_lookup": (soft_lookup, (2, 3), (3, 4)),
    "gaussian": (gaussian, (2, 3)),
    "boxcar": (boxcar, (2, 3)),
    "epanechnikov": (epanechnikov, (2, 3)),
    "kernel_weights": (kernel_weights, (2, 3), (4, 3)),
    "kernel_regression": (kernel_regression, (2, 3), (4, 3), (4, 5)),
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def arguments(shapes, kind):
    return [make(np.linspace(0, 2, math.prod(shape)).reshape(shape), kind) for shape in shapes]


@kinds
@calls
def test_arguments_stay_and_results_are_new(kind, call):
    function, *shapes = call
    given = arguments(shapes, kind)
    before = [copy_of(array) for array in given]
    result = function(*given)
    assert all(same(array, copy) for array, copy in zip(given, before, strict=True))
    assert not any(shares_memory(result, array) for array in given)


@kinds
@calls
def test_any_memory_layout_gives_the_same(kind, call):
    function, *shapes = call
    straight = arguments(shapes, kind)
    expected = plain(function(*straight))
    for variants in zip(*(layouts(plain(array), kind) for array in straight), strict=True):
        result = plain(function(*(array for _, array in variants)))
        np.testing.assert_allclose(result, expected, rtol=1e-6, atol=tolerance_of(kind))


@libraries
@calls
def test_broadcast_inputs(library, call):
    function, *shapes = call
    straight = arguments(shapes, f"{library}-float64")
    spread = [
        array.expand(2, *array.shape) if library == "torch" else np.broadcast_to(array, (2, *array.shape))
        for array in straight
    ]
    result, expected = plain(function(*spread)), plain(function(*straight))
    for part in result:
        np.testing.assert_allclose(part, expected, rtol=1e-12)


@kinds
def test_weighted_sums_of_nothing(kind):
    for weights, values in [((2, 0), (0, 3)), ((0, 2), (2, 3)), ((2, 2), (2, 0)), ((0, 2, 2), (2, 2))]:
        sums = weighted_sum(make(np.ones(weights), kind), make(np.ones(values), kind))
        assert tuple(sums.shape) == (*weights[:-1], values[-1])
        assert (plain(sums) == 0).all()
    for shape in [(0,), (0, 3), (3, 0)]:
        assert tuple(normalise(make(np.zeros(shape), kind)).shape) == shape
    assert tuple(hard_weights(make(np.zeros((0, 3)), kind)).shape) == (0, 3)


# Errors


@calls
@pytest.mark.usefixtures("unchecked")
class TestErrorsOfEveryFunction:
    def test_not_an_array(self, call):
        function, *shapes = call
        for place in range(len(shapes)):
            given = arguments(shapes, "numpy-float64")
            for wrong in (given[place].tolist(), None, "abc"):
                given[place] = wrong
                message = f"must be a NumPy array or a torch tensor, got {type(wrong).__name__}$"
                with pytest.raises(TypeError, match=message):
                    function(*given)

    @pytest.mark.parametrize("dtype", ["int64", "bool", "complex128"])
    def test_not_floating_point(self, call, dtype):
        function, *shapes = call
        for library, place in product(LIBRARIES, range(len(shapes))):
            given = arguments(shapes, f"{library}-float64")
            wrong = np.ones(shapes[place], dtype=dtype)
            given[place] = torch.from_numpy(wrong) if library == "torch" else wrong
            with pytest.raises(TypeError, match=rf"must hold floating-point numbers, got dtype {dtype};"):
                function(*given)

    def test_two_libraries(self, call):
        function, *shapes = call
        for place in range(1, len(shapes)):
            given = arguments(shapes, "numpy-float64")
            given[place] = torch.from_numpy(given[place])
            with pytest.raises(TypeError, match=r"^(\w+) is a torch tensor but (?!\1)\w+ is a NumPy array"):
                function(*given)

    def test_too_few_axes(self, call):
        function, *shapes = call
        if function in (normalise, *KERNELS):  # take any number
            return
        for place in range(len(shapes)):
            given = arguments(shapes, "torch-float64")
            given[place] = given[place][0]
            with pytest.raises(
                ValueError, match=rf"must have shape \(\.\.\., .*\), got \({shapes[place][1]},\); for one"
            ):
                function(*given)


@pytest.mark.usefixtures("unchecked")
class TestErrors:
    def test_numbers_where_rows_are_due_say_how_to_make_rows(self):
        message = "query must have shape (..., query, dim), got (5,); for one number a row write query[:, None]"
        with fails(ValueError, message):
            kernel_weights(np.ones(5), np.ones((3, 1)))

    @pytest.mark.parametrize("function", [kernel_weights, kernel_regression])
    def test_kernel_that_is_no_function(self, function):
        values = [np.ones((3, 1))] if function is kernel_regression else []
        with fails(TypeError, "kernel must be a function such as gaussian, boxcar or epanechnikov, got 'gaussian'"):
            function(np.ones((2, 1)), np.ones((3, 1)), *values, kernel="gaussian")

    def test_values_for_other_keys(self):
        with fails(ValueError, "values (4, 1) hold 4 keys but key (3, 1) holds 3"):
            kernel_regression(np.ones((2, 1)), np.ones((3, 1)), np.ones((4, 1)))

    @pytest.mark.parametrize("function", [weighted_sum, hard_lookup, soft_lookup])
    def test_numbers_of_keys(self, function):
        with fails(ValueError, "weights (2, 3) are over 3 keys but values (4, 5) hold 4"):
            function(np.ones((2, 3)), np.ones((4, 5)))

    @pytest.mark.parametrize("function", [weighted_sum, hard_lookup, soft_lookup])
    def test_leading_dimensions(self, function):
        with fails(ValueError, "leading dimensions must broadcast: weights has (2,) and values has (3,)"):
            function(torch.ones(2, 1, 4), torch.ones(3, 4, 5))

    def test_dimensions_of_query_and_key(self):
        with fails(ValueError, "key has dim 3 but query has dim 2"):
            kernel_weights(np.ones((5, 2)), np.ones((5, 3)))
        with fails(ValueError, "key has dim 1 but query has dim 2"):
            kernel_weights(np.ones((5, 2)), np.ones((5, 1)))
        with fails(ValueError, "leading dimensions must broadcast: query has (2,) and key has (4, 3)"):
            kernel_weights(np.ones((2, 1, 5)), np.ones((4, 3, 1, 5)))

    def test_no_key_to_choose(self):
        with fails(ValueError, "a hard lookup needs at least one key, got scores of shape (2, 0)"):
            hard_weights(np.ones((2, 0)))

    def test_axis(self):
        with fails(ValueError, "axis 2 is out of range for similarities of shape (2, 3)"):
            normalise(np.ones((2, 3)), axis=2)
        with fails(TypeError, "axis must be an integer, got float"):
            normalise(np.ones((2, 3)), axis=1.0)

    def test_width(self):
        points = np.ones((2, 1))
        for number in (0, -1.0, NAN, INF):
            with fails(ValueError, f"width must be a positive finite number, got {number}"):
                kernel_weights(points, points, width=number)
        for value in ("1", None, True, np.ones(1), torch.tensor(1.0)):
            with fails(TypeError, f"width must be a number, got {type(value).__name__}"):
                kernel_regression(points, points, points, width=value)

    def test_what_a_kernel_returns(self):
        points = np.ones((2, 1))
        with fails(ValueError, "kernel must keep the shape (2, 2) of the squared distances, but returned (2,)"):
            kernel_weights(points, points, kernel=lambda squared: squared.sum(axis=-1))
        with fails(TypeError, "the kernel's result must be a NumPy array or a torch tensor, got float"):
            kernel_weights(points, points, kernel=lambda squared: 1.0)
        with fails(TypeError, "the kernel's result must hold floating-point numbers, got dtype bool"):
            kernel_weights(points, points, kernel=lambda squared: squared <= 1)
        with fails(TypeError, "query is a torch tensor but the kernel's result is a NumPy array"):
            tensor = torch.from_numpy(points)
            kernel_weights(tensor, tensor, kernel=lambda squared: squared.numpy())


@given(hnp.arrays(np.float64, (2, 3), elements=finite))
def test_a_weighted_sum_with_weights_lies_between_the_smallest_and_the_largest_value(scores):
    values = np.array([[1.0], [-2.0], [5.0]])
    sums = weighted_sum(softmax(scores), values)
    assert ((sums >= -2 - 1e-12) & (sums <= 5 + 1e-12)).all()
