"""softmax and its company, against torch, scipy, loops in plain Python, and the table in the module's docstring."""

import math

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from attnlib.softmax import entropy, log_softmax, softmax, softmax_jacobian, softmax_jvp
from tests.attnlib.strategies import (
    KINDS,
    LIBRARIES,
    any_size,
    anything,
    copy_of,
    dtype_of,
    fails,
    finite,
    layouts,
    log_softmax_row,
    make,
    make_mask,
    masked_scores,
    plain,
    same,
    shares_memory,
    softmax_loop,
    tolerance_of,
)

INF, NAN = math.inf, math.nan
BOTH = pytest.mark.parametrize("function", [softmax, log_softmax])
kinds = pytest.mark.parametrize("kind", KINDS)
libraries = pytest.mark.parametrize("library", LIBRARIES)
temperatures = st.sampled_from([0.1, 0.5, 1.0, 1, 3.0])


def check(weights, kind, shape, expected):
    """Compare weights with the loop's, kind and shape included."""
    assert str(weights.dtype).removeprefix("torch.") == dtype_of(kind)
    assert isinstance(weights, torch.Tensor) == kind.startswith("torch")
    assert tuple(weights.shape) == shape
    np.testing.assert_allclose(plain(weights), expected, rtol=tolerance_of(kind), atol=tolerance_of(kind))


def pair(values, mask, kind):
    return make(values, kind), None if mask is None else make_mask(mask, kind)


# The values


@given(masked_scores(elements=anything), temperatures)
def test_softmax_equals_the_loop(case, temperature):
    kind, values, mask, axis = case
    scores, allowed = pair(values, mask, kind)
    weights = softmax(scores, allowed, axis=axis, temperature=temperature)
    check(weights, kind, values.shape, softmax_loop(values, mask, axis, temperature))


@given(masked_scores(elements=anything))
def test_log_softmax_equals_the_loop(case):
    kind, values, mask, axis = case
    scores, allowed = pair(values, mask, kind)
    expected = plain(make(softmax_loop(values, mask, axis, row=log_softmax_row), kind))
    check(log_softmax(scores, allowed, axis=axis), kind, values.shape, expected)


@given(masked_scores(kinds=KINDS[3:]))
def test_softmax_equals_torch(case):
    kind, values, _, axis = case
    scores = make(values, kind)
    expected = torch.softmax(scores.double(), dim=axis).numpy()
    check(softmax(scores, axis=axis), kind, values.shape, expected)
    expected = torch.log_softmax(scores.double(), dim=axis).to(scores.dtype)
    check(log_softmax(scores, axis=axis), kind, values.shape, plain(expected))


@given(masked_scores(kinds=KINDS[:3], shape=hnp.array_shapes(min_dims=1, max_dims=3, max_side=4)))
def test_softmax_equals_scipy(case):
    kind, values, _, axis = case
    scores = make(values, kind)
    check(softmax(scores, axis=axis), kind, values.shape, scipy.special.softmax(values, axis=axis))
    expected = plain(make(scipy.special.log_softmax(values, axis=axis), kind))
    check(log_softmax(scores, axis=axis), kind, values.shape, expected)


TABLE = [
    pytest.param([0.0, math.log(3)], None, [0.25, 0.75], id="finite"),
    pytest.param([2.0, 7.0], [True, False], [1, 0], id="masked"),
    pytest.param([2.0, NAN], [True, False], [1, 0], id="masked NaN"),
    pytest.param([2.0, INF], [True, False], [1, 0], id="masked +inf"),
    pytest.param([2.0, -INF], [True, False], [1, 0], id="masked -inf"),
    pytest.param([2.0, -INF, 2.0], None, [0.5, 0, 0.5], id="-inf"),
    pytest.param([2.0, INF, INF, 1e4], None, [0, 0.5, 0.5, 0], id="two +inf"),
    pytest.param([2.0, INF, INF], [True, True, False], [0, 1, 0], id="one +inf masked"),
    pytest.param([INF, -INF, 0.0], None, [1, 0, 0], id="+inf beside -inf"),
    pytest.param([2.0, NAN, 1.0], None, [NAN] * 3, id="NaN"),
    pytest.param([2.0, NAN, INF], None, [NAN] * 3, id="NaN beside +inf"),
    pytest.param([2.0, NAN, -INF], None, [NAN] * 3, id="NaN beside -inf"),
    pytest.param([2.0, NAN, 1.0], [True, True, False], [NAN] * 3, id="NaN beside masked"),
    pytest.param([2.0, 3.0], [False, False], [0, 0], id="all masked"),
    pytest.param([NAN, INF], [False, False], [0, 0], id="all masked, NaN and inf"),
    pytest.param([-INF, -INF], None, [0, 0], id="all -inf"),
    pytest.param([-INF, 3.0], [True, False], [0, 0], id="-inf and masked"),
    pytest.param([-65504.0, 3.0], [True, False], [1, 0], id="lowest float16, alone"),
]


@kinds
@pytest.mark.parametrize(("scores", "mask", "expected"), TABLE)
def test_each_row_of_the_docstrings_table(kind, scores, mask, expected):
    array, allowed = pair(scores, mask, kind)
    weights = softmax(array, allowed)
    np.testing.assert_allclose(plain(weights), expected, rtol=0, atol=tolerance_of(kind))
    exact = np.isin(expected, [0, 1])
    np.testing.assert_array_equal(plain(weights)[exact], np.asarray(expected)[exact])
    with np.errstate(divide="ignore"):
        logarithm = np.log(np.asarray(expected, dtype=float))
    np.testing.assert_allclose(plain(log_softmax(array, allowed)), logarithm, rtol=0, atol=tolerance_of(kind))


@kinds
def test_rows_do_not_touch_each_other(kind):
    rows = [row for row in TABLE if len(row.values[0]) == 3]
    scores = [row.values[0] for row in rows]
    mask = [row.values[1] or [True] * 3 for row in rows]
    weights = softmax(make(scores, kind), make_mask(mask, kind))
    expected = [row.values[2] for row in rows]
    np.testing.assert_allclose(plain(weights), expected, rtol=0, atol=tolerance_of(kind))


@kinds
@pytest.mark.parametrize("size", [65504.0, 1e30, 3.4e38, 1.7e308])
def test_scores_as_large_as_the_dtype_goes(kind, size):
    largest = plain(make(size, kind))
    assume_finite = size if np.isfinite(largest) else float(plain(make(6e4, kind)))
    scores = make([assume_finite, -assume_finite, assume_finite], kind)
    np.testing.assert_array_equal(plain(softmax(scores)), [0.5, 0, 0.5])
    logs = plain(log_softmax(scores))
    np.testing.assert_allclose(logs[[0, 2]], -math.log(2), rtol=tolerance_of(kind))
    assert logs[1] < -1e4


@kinds
def test_a_score_of_minus_1e30_differs_from_a_masked_one(kind):
    lowest = -1e30 if dtype_of(kind) != "float16" else -65504.0
    alone = make([lowest, 5.0], kind)
    assert plain(softmax(alone, make_mask([True, False], kind))).tolist() == [1, 0]
    assert plain(softmax(alone, make_mask([False, False], kind))).tolist() == [0, 0]


@kinds
def test_the_sum_is_taken_in_float32(kind):
    weights = plain(softmax(make(np.zeros(5000), kind)))
    np.testing.assert_allclose(weights, plain(make(1 / 5000, kind)), rtol=1e-6)


@kinds
def test_log_softmax_goes_where_the_weight_underflows(kind):
    scores = make([0.0, -1000.0], kind)
    assert plain(softmax(scores))[1] == 0
    np.testing.assert_allclose(plain(log_softmax(scores)), [0, -1000], rtol=2e-3)


@kinds
@BOTH
def test_empty_axes(kind, function):
    for shape in [(0,), (0, 3), (3, 0), (2, 0, 3), (0, 0)]:
        for axis in range(len(shape)):
            scores = make(np.zeros(shape), kind)
            allowed = make_mask(np.ones(shape), kind)
            for mask in (None, allowed):
                result = function(scores, mask, axis=axis)
                assert tuple(result.shape) == shape
                assert result.dtype == scores.dtype


# Properties


@given(masked_scores(), st.sampled_from([-1000.0, -3.0, 0.5, 4000.0]))
def test_a_constant_added_to_all_scores_changes_nothing(case, constant):
    kind, values, mask, axis = case
    assume(dtype_of(kind) in ("float32", "float64"))
    scores, allowed = pair(values, mask, kind)
    before, after = softmax(scores, allowed, axis=axis), softmax(scores + constant, allowed, axis=axis)
    tolerance = 1e-3 if dtype_of(kind) == "float32" else 1e-11
    np.testing.assert_allclose(plain(after), plain(before), rtol=0, atol=tolerance)


@given(masked_scores(elements=any_size), st.randoms(use_true_random=False))
def test_permuted_scores_give_permuted_weights(case, random):
    kind, values, mask, axis = case
    order = list(range(values.shape[axis]))
    random.shuffle(order)
    whole = np.broadcast_to(True if mask is None else mask, values.shape)
    weights = softmax(*pair(values, whole, kind), axis=axis)
    moved = softmax(*pair(np.take(values, order, axis), np.take(whole, order, axis), kind), axis=axis)
    np.testing.assert_allclose(plain(moved), np.take(plain(weights), order, axis), rtol=0, atol=tolerance_of(kind))


@given(masked_scores(elements=any_size))
def test_rows_sum_to_one_and_keep_the_order_of_the_scores(case):
    kind, values, mask, axis = case
    values = np.nan_to_num(values, posinf=6e4, neginf=-6e4)
    weights = np.moveaxis(plain(softmax(*pair(values, mask, kind), axis=axis)), axis, -1)
    allowed = np.moveaxis(np.broadcast_to(True if mask is None else mask, values.shape), axis, -1)
    scores = np.moveaxis(plain(make(values, kind)), axis, -1)
    assert (weights >= 0).all()
    assert (weights[~allowed] == 0).all()
    np.testing.assert_allclose(weights.sum(-1), allowed.any(-1), rtol=0, atol=4 * tolerance_of(kind))
    higher = (scores[..., :, None] > scores[..., None, :]) & allowed[..., :, None] & allowed[..., None, :]
    assert (weights[..., :, None] >= weights[..., None, :])[higher].all()


@given(masked_scores())
def test_log_softmax_is_the_logarithm_of_softmax(case):
    kind, values, mask, axis = case
    scores, allowed = pair(values, mask, kind)
    weights = plain(softmax(scores, allowed, axis=axis))
    powers = np.exp(plain(log_softmax(scores, allowed, axis=axis)))
    np.testing.assert_allclose(powers, weights, rtol=0, atol=10 * tolerance_of(kind))


@kinds
def test_temperature_divides_the_scores(kind):
    scores = [[1.0, 2.0, 4.0], [0.0, -3.0, 8.0]]
    for function in (softmax, log_softmax):
        np.testing.assert_allclose(
            plain(function(make(scores, kind), temperature=4)),
            plain(function(make(np.asarray(scores) / 4, kind))),
            rtol=tolerance_of(kind),
        )


@kinds
@pytest.mark.parametrize("temperature", [5e-324, 1e-310, 1e-300, 1e-45, 1e-40, 1e-38, 1e-9])
def test_towards_temperature_zero_the_weights_are_the_argmax(kind, temperature):
    scores = make([[1.0, 3.0, 2.0], [4.0, 4.0, -4.0]], kind)
    weights = softmax(scores, temperature=temperature)
    assert plain(weights).tolist() == [[0, 1, 0], [0.5, 0.5, 0]]
    logs = plain(log_softmax(scores, temperature=temperature))
    assert logs[0, 1] == 0
    assert (logs[0, [0, 2]] < -6e4).all()


@kinds
@pytest.mark.parametrize("temperature", [1e9, 1e38, 1e39, 1.7e308])
def test_towards_temperature_infinity_the_weights_are_the_mean(kind, temperature):
    scores = make([1.0, 3.0, 2.0, 9.0], kind)
    weights = softmax(scores, make_mask([True, True, True, False], kind), temperature=temperature)
    np.testing.assert_allclose(plain(weights), [1 / 3, 1 / 3, 1 / 3, 0], rtol=1e-8 + tolerance_of(kind))


@pytest.mark.parametrize("temperature", [1e-300, 1e-40, 1e40, 1e300])
def test_extreme_temperatures_have_finite_gradients(temperature):
    scores = make([1.0, 3.0, 2.0], "torch-float32", grad=True)
    (softmax(scores, temperature=temperature) * torch.arange(3.0)).sum().backward()
    assert torch.isfinite(scores.grad).all()


# Gradients


MASKS = {
    "no mask": None,
    "mask": [[True, False, True], [True, True, True]],
    "an empty row": [[True, False, True], [False, False, False]],
    "nothing": [[False] * 3] * 2,
    "broadcast": [True, True, False],
}


@BOTH
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("axis", [0, 1])
def test_gradients_equal_finite_differences(function, mask, axis):
    scores = make([[0.3, -1.2, 2.0], [0.7, 0.7, -0.4]], "torch-float64", grad=True)
    allowed = None if mask is None else torch.tensor(mask)
    target = torch.tensor([[1.0, 2.0, -1.0], [0.5, 3.0, 1.0]], dtype=torch.float64)

    def loss(scores):  # of the places that have a weight: -inf - (-inf) is no difference
        result = function(scores, allowed, axis=axis, temperature=0.7)
        return (torch.where(torch.isfinite(result), result, 0.0) * target).sum()

    assert torch.autograd.gradcheck(loss, scores)
    assert torch.autograd.gradgradcheck(loss, scores)


@pytest.mark.parametrize("row", [[0.5, -INF, 1.0], [0.5, INF, 1.0], [INF, INF, 0.0], [-INF] * 3, [INF, -INF, 0.0]])
def test_gradients_with_infinite_scores(row):
    scores = make([row, [0.1, 0.2, 0.3]], "torch-float64", grad=True)
    assert torch.autograd.gradcheck(softmax, scores)
    weights = softmax(scores)
    (gradient,) = torch.autograd.grad((weights * torch.tensor([1.0, 2.0, 4.0])).sum(), scores, create_graph=True)
    assert (gradient[0, torch.isinf(scores[0])] == 0).all()
    (second,) = torch.autograd.grad(gradient.sum(), scores)
    assert torch.isfinite(second).all()


@BOTH
@pytest.mark.parametrize("kind", KINDS[3:])
@pytest.mark.parametrize("hidden", [NAN, INF, -INF, 1e30, 0.0])
def test_no_gradient_flows_into_masked_places(function, kind, hidden):
    scores = make([[1.0, hidden, 2.0, 3.0], [hidden, hidden, hidden, hidden]], kind, grad=True)
    mask = torch.tensor([[True, False, True, True], [False] * 4])
    result = function(scores, mask)
    torch.where(mask, result * torch.tensor([1, 2, 3, 4]), 0).sum().backward()
    assert (scores.grad[~mask] == 0).all()
    assert torch.isfinite(scores.grad).all()
    assert (scores.grad[mask] != 0).any()


@BOTH
@pytest.mark.parametrize(("hidden", "mask"), [(-INF, None), (5.0, [True, False, True]), (NAN, [True, False, True])])
def test_a_place_without_a_weight_is_as_good_as_absent(function, hidden, mask):
    with_it = make([1.0, hidden, 3.0], "torch-float64", grad=True)
    without = make([1.0, 3.0], "torch-float64", grad=True)
    function(with_it, None if mask is None else torch.tensor(mask)).backward(make([1.0, 7.0, 2.0], "torch-float64"))
    function(without).backward(make([1.0, 2.0], "torch-float64"))
    np.testing.assert_allclose(with_it.grad[[0, 2]].numpy(), without.grad.numpy(), rtol=1e-12)
    assert with_it.grad[1] == 0


def test_a_nan_in_one_row_leaves_the_other_rows_gradient_alone():
    scores = make([[1.0, NAN], [1.0, 2.0]], "torch-float64", grad=True)
    softmax(scores)[1, 0].backward()
    expected = 0.5 / (1 + math.cosh(1.0))
    np.testing.assert_allclose(scores.grad[1].numpy(), [expected, -expected], rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS[3:])
def test_gradients_equal_torchs(kind):
    scores = make(np.linspace(-2, 3, 12).reshape(3, 4), kind, grad=True)
    other = scores.detach().clone().requires_grad_()
    target = torch.arange(12).reshape(3, 4).to(scores.dtype)
    (softmax(scores) * target).sum().backward()
    (torch.softmax(other, dim=-1) * target).sum().backward()
    np.testing.assert_allclose(plain(scores.grad), plain(other.grad), rtol=0.02, atol=10 * tolerance_of(kind))


# Entropy


rows = masked_scores(shape=hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5))


@given(rows)
def test_entropy_equals_scipys_and_lies_between_0_and_log_n(case):
    kind, values, mask, axis = case
    weights = softmax(*pair(values, mask, kind), axis=axis)
    came = entropy(weights, axis=axis)
    assert came.dtype == weights.dtype
    expected = scipy.special.entr(plain(weights)).sum(axis=axis)
    np.testing.assert_allclose(plain(came), expected, rtol=tolerance_of(kind), atol=10 * tolerance_of(kind))
    assert (plain(came) >= 0).all()
    assert (plain(came) <= math.log(values.shape[axis]) + 10 * tolerance_of(kind)).all()


@kinds
def test_entropy_of_known_rows(kind):
    weights = make([[0.25] * 4, [0, 1, 0, 0], [0] * 4, [0.5, 0.5, 0, 0]], kind)
    expected = np.array([2.0, 0.0, 0.0, 1.0])
    np.testing.assert_allclose(plain(entropy(weights, base=2)), expected, atol=tolerance_of(kind))
    np.testing.assert_allclose(plain(entropy(weights)), expected * math.log(2), rtol=tolerance_of(kind))
    np.testing.assert_allclose(plain(entropy(weights, base=4)), expected / 2, rtol=tolerance_of(kind))
    columns = make(plain(weights).T, kind)
    np.testing.assert_allclose(plain(entropy(columns, axis=0, base=2)), expected, atol=tolerance_of(kind))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "16" in kind])
@pytest.mark.parametrize("size", [3, 10, 1000, 5000])
def test_entropy_is_added_up_in_float32(kind, size):
    weights = make(np.full(size, 1 / size), kind)
    expected = scipy.special.entr(plain(weights)).sum()
    assert plain(entropy(weights)) == plain(make(expected, kind))


@libraries
def test_entropy_of_empty_rows_is_zero_and_of_nan_nan(library):
    kind = f"{library}-float64"
    assert plain(entropy(make(np.zeros((2, 0)), kind))).tolist() == [0, 0]
    assert tuple(entropy(make(np.zeros((0, 2)), kind)).shape) == (0,)
    assert math.isnan(entropy(make([NAN, 1.0], kind)))


def test_entropys_gradient():
    weights = make([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]], "torch-float64", grad=True)
    assert torch.autograd.gradcheck(entropy, weights)
    assert torch.autograd.gradgradcheck(entropy, weights)
    weights = make([0.0, 0.5, 0.5], "torch-float64", grad=True)
    entropy(weights).backward()
    assert torch.isfinite(weights.grad).all()
    scores = make([1.0, 2.0, 3.0], "torch-float64", grad=True)
    mask = torch.tensor([True, False, True])
    assert torch.autograd.gradcheck(lambda s: entropy(softmax(s, mask)), scores)


# The Jacobian


@given(masked_scores(kinds=("torch-float64", "numpy-float64"), shape=hnp.array_shapes(min_dims=1, max_dims=2)))
def test_jacobian_equals_autograds(case):
    kind, values, mask, _ = case
    mask = None if mask is None else np.broadcast_to(mask, values.shape).reshape(-1, values.shape[-1])
    flat = values.reshape(-1, values.shape[-1])
    for number, row in enumerate(flat):
        allowed = None if mask is None else mask[number]
        scores = torch.tensor(row)
        torch_mask = None if mask is None else torch.tensor(allowed)
        expected = torch.autograd.functional.jacobian(lambda s, m=torch_mask: softmax(s, m, temperature=0.7), scores)
        came = softmax_jacobian(softmax(*pair(row, allowed, kind), temperature=0.7), temperature=0.7)
        np.testing.assert_allclose(plain(came), expected.numpy(), atol=1e-12)


@kinds
def test_jacobian_is_symmetric_and_its_rows_sum_to_zero(kind):
    weights = softmax(make([[[1.0, 2.0, 0.5], [0.0, 0.0, 9.0]]], kind))
    jacobian = softmax_jacobian(weights)
    assert jacobian.dtype == weights.dtype
    assert tuple(jacobian.shape) == (1, 2, 3, 3)
    matrix = plain(jacobian)
    np.testing.assert_array_equal(matrix, np.swapaxes(matrix, -1, -2))
    np.testing.assert_allclose(matrix.sum(-1), 0, atol=tolerance_of(kind))
    w = plain(weights)
    brute = [[[w[0, r, i] * ((i == j) - w[0, r, j]) for j in range(3)] for i in range(3)] for r in range(2)]
    np.testing.assert_allclose(matrix[0], brute, atol=tolerance_of(kind))


@kinds
def test_jacobian_vanishes_for_all_the_weight_in_one_place_and_for_none(kind):
    assert (plain(softmax_jacobian(make([[0, 1, 0], [0, 0, 0]], kind), temperature=1e-310)) == 0).all()
    assert tuple(softmax_jacobian(make(np.zeros((2, 0)), kind)).shape) == (2, 0, 0)


@given(rows, temperatures, st.integers(0, 2**32 - 1))
def test_jvp_is_the_jacobian_times_the_tangent(case, temperature, seed):
    kind, values, mask, axis = case
    weights = softmax(*pair(values, mask, kind), axis=axis)
    tangent = make(np.random.default_rng(seed).uniform(-2, 2, values.shape), kind)
    came = softmax_jvp(weights, tangent, axis=axis, temperature=temperature)
    assert came.dtype == weights.dtype
    w, t = (np.moveaxis(plain(array), axis, -1) for array in (weights, tangent))
    expected = (softmax_jacobian(w, temperature=temperature) @ t[..., None])[..., 0]
    atol = 4 * tolerance_of(kind) / temperature
    np.testing.assert_allclose(plain(came), np.moveaxis(expected, -1, axis), rtol=tolerance_of(kind), atol=atol)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch.func.jvp calls it
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_jvp_equals_torchs_both_ways(axis):
    scores = make(np.linspace(-1, 2, 6).reshape(2, 3), "torch-float64")
    tangent = make(np.cos(np.arange(6)).reshape(2, 3), "torch-float64")
    mask = torch.tensor([[True, True, False], [True, True, True]])

    def function(scores):
        return softmax(scores, mask, axis=axis, temperature=2.5)

    weights, forward = torch.func.jvp(function, (scores,), (tangent,))
    _, pull = torch.func.vjp(function, scores)
    came = softmax_jvp(weights, tangent, axis=axis, temperature=2.5)
    np.testing.assert_allclose(came.numpy(), forward.numpy(), atol=1e-14)
    np.testing.assert_allclose(came.numpy(), pull(tangent)[0].numpy(), atol=1e-14)


def test_jacobian_and_jvp_have_gradients_themselves():
    weights = make([0.2, 0.3, 0.5], "torch-float64", grad=True)
    assert torch.autograd.gradcheck(softmax_jacobian, weights)
    tangent = make([1.0, -1.0, 2.0], "torch-float64", grad=True)
    assert torch.autograd.gradcheck(softmax_jvp, (weights, tangent))


@libraries
def test_jvp_of_two_dtypes_has_their_common_one(library):
    product = softmax_jvp(make([0.5, 0.5], f"{library}-float16"), make([1.0, 0.0], f"{library}-float64"))
    assert dtype_of(f"{library}-float64") in str(product.dtype)


# What comes in


CALLS = {
    "softmax": softmax,
    "log_softmax": log_softmax,
    "entropy": entropy,
    "softmax_jacobian": softmax_jacobian,
    "softmax_jvp": lambda weights, **options: softmax_jvp(weights, weights, **options),
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@kinds
@calls
def test_any_memory_layout_gives_the_same(kind, call):
    values = softmax_loop(np.linspace(-2, 3, 24).reshape(2, 3, 4))
    results = [plain(call(array)) for _, array in layouts(values, kind)]
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=0, atol=tolerance_of(kind))


@libraries
@BOTH
def test_broadcast_scores_and_masks(library, function):
    kind = f"{library}-float64"
    row, mask = make([1.0, 2.0, 4.0], kind), make_mask([[True], [False]], kind)
    spread = np.broadcast_to(row, (2, 3)) if library == "numpy" else row.expand(2, 3)
    result = plain(function(spread, mask))
    np.testing.assert_allclose(result[0], plain(function(row)), rtol=1e-15)
    assert (result[1] == (0 if function is softmax else -INF)).all()
    assert plain(function(spread, make_mask(True, kind))).shape == (2, 3)


@kinds
@calls
def test_arguments_stay_and_results_are_new(kind, call):
    values = make([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], kind)
    mask = make_mask([[True, True, False], [False] * 3], kind)
    for options in ({}, {"mask": mask}) if call in (softmax, log_softmax) else ({},):
        before, mask_before = copy_of(values), copy_of(mask)
        result = call(values, **options)
        assert same(values, before)
        assert same(mask, mask_before)
        assert not shares_memory(result, values)


@BOTH
@libraries
def test_an_empty_result_is_new_too(function, library):
    scores = make(np.zeros((2, 0)), f"{library}-float32")
    assert function(scores) is not scores


def test_an_axis_may_be_a_numpy_integer(unchecked):
    scores = np.array([[1.0, 2.0], [3.0, 5.0]])
    assert same(softmax(scores, axis=np.int64(0)), softmax(scores, axis=0))
    assert same(softmax(scores, temperature=np.float32(2)), softmax(scores, temperature=2))


# Errors


@calls
@pytest.mark.usefixtures("unchecked")
class TestErrorsOfEveryFunction:
    def test_not_an_array(self, call):
        for value, name in [([0.5, 0.5], "list"), (0.5, "float"), (None, "NoneType"), ("0.5", "str")]:
            with pytest.raises(TypeError, match=rf"must be a NumPy array or a torch tensor, got {name}$"):
                call(value)

    @pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "bool", "complex64", "complex128"])
    def test_not_floating_point(self, call, dtype):
        message = rf"must hold floating-point numbers, got dtype {dtype};"
        with pytest.raises(TypeError, match=message):
            call(np.ones(3, dtype=dtype))
        with pytest.raises(TypeError, match=message):
            call(torch.ones(3, dtype=getattr(torch, dtype)))

    def test_numpy_subclasses_with_rules_of_their_own(self, call):
        with pytest.raises(TypeError, match=r"masked array.*True = left out"):
            call(np.ma.array([0.5, 0.5], mask=[False, True]))
        with pytest.warns(PendingDeprecationWarning):
            matrix = np.matrix([[0.5, 0.5]])
        with pytest.raises(TypeError, match=r"np\.matrix"):
            call(matrix)

    def test_no_axis(self, call):
        for scalar in (np.array(1.0), np.float64(1.0), torch.tensor(1.0)):
            with pytest.raises(ValueError, match=r"axis -1 is out of range for \w+ of shape \(\)"):
                call(scalar)

    def test_bad_axis(self, call):
        if call is softmax_jacobian:  # works along the last axis only
            return
        for axis in (2, -3, 100):
            with pytest.raises(ValueError, match=rf"axis {axis} is out of range for \w+ of shape \(2, 3\)"):
                call(np.ones((2, 3)), axis=axis)
        for axis, name in [(0.0, "float"), ("1", "str"), (None, "NoneType"), ((0, 1), "tuple"), (True, "bool")]:
            with fails(TypeError, f"axis must be an integer, got {name}"):
                call(np.ones((2, 3)), axis=axis)

    def test_bad_temperature(self, call):
        if call is entropy:  # has none
            return
        for number in (0, 0.0, -1.0, NAN, INF, -INF):
            with fails(ValueError, f"temperature must be a positive finite number, got {number}"):
                call(np.ones(3), temperature=number)
        for value in ("1", None, True, np.ones(2), torch.tensor(1.0), 1j, [1.0]):
            with fails(TypeError, f"temperature must be a number, got {type(value).__name__}"):
                call(np.ones(3), temperature=value)


@BOTH
@pytest.mark.usefixtures("unchecked")
class TestErrorsOfMasks:
    @pytest.mark.parametrize("mask", [np.ones(3), np.ones(3, dtype=int), torch.ones(3)])
    def test_not_boolean(self, function, mask):
        scores = torch.ones(3) if isinstance(mask, torch.Tensor) else np.ones(3)
        dtype = str(mask.dtype).removeprefix("torch.")
        with fails(TypeError, f"mask must be boolean (True = may be attended to), got dtype {dtype}; turn 1/0"):
            function(scores, mask)

    @pytest.mark.parametrize("shape", [(2,), (4, 3), (2, 2, 3), (2, 0), (1, 2, 3)])
    def test_does_not_broadcast_or_would_enlarge_the_scores(self, function, shape):
        message = f"mask has shape {shape}, which does not broadcast to scores of shape (2, 3)"
        with fails(ValueError, message):
            function(np.ones((2, 3)), np.ones(shape, dtype=bool))
        with fails(ValueError, message):
            function(torch.ones(2, 3), torch.ones(shape, dtype=bool))

    def test_of_the_other_library(self, function):
        with fails(TypeError, "scores is a torch tensor but mask is a NumPy array; convert one"):
            function(torch.ones(3), np.ones(3, dtype=bool))
        with fails(TypeError, "mask is a torch tensor but scores is a NumPy array; convert one"):
            function(np.ones(3), torch.ones(3, dtype=torch.bool))

    def test_no_array(self, function):
        with fails(TypeError, "mask must be a NumPy array or a torch tensor, got list"):
            function(np.ones(3), [True, False, True])
        with pytest.raises(TypeError, match="masked array"):
            function(np.ones(2), np.ma.array([True, False], mask=[True, False]))


@pytest.mark.usefixtures("unchecked")
def test_errors_of_entropys_base():
    for base in (1, 0.5):
        with fails(ValueError, f"base must be above 1, got {base}"):
            entropy(np.ones(1), base=base)
    for base in (0, -2, NAN, INF):
        with fails(ValueError, f"base must be a positive finite number, got {base}"):
            entropy(np.ones(1), base=base)
    with fails(TypeError, "base must be a number, got str"):
        entropy(np.ones(1), base="2")


@pytest.mark.usefixtures("unchecked")
def test_errors_of_the_tangent():
    with fails(ValueError, "tangent must have the shape of the weights (2,), got (3,)"):
        softmax_jvp(np.ones(2), np.ones(3))
    with fails(ValueError, "tangent must have the shape of the weights (2,), got (1, 2)"):
        softmax_jvp(torch.ones(2), torch.ones(1, 2))
    with fails(TypeError, "tangent must hold floating-point numbers, got dtype int64"):
        softmax_jvp(np.ones(2), np.ones(2, dtype=int))
    with fails(TypeError, "weights is a torch tensor but tangent is a NumPy array"):
        softmax_jvp(torch.ones(2), np.ones(2))


@given(hnp.arrays(np.float64, 4, elements=finite))
def test_doubling_the_scores_halves_the_temperature(scores):
    np.testing.assert_allclose(softmax(2 * scores), softmax(scores, temperature=0.5), atol=1e-15)
