"""Attention against loops, against torch's, and its ways through the code against each other."""

import copy
import math
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from attnlib import _fused
from attnlib.attention import Attention, attend
from attnlib.masks import causal_mask, combine_masks, padding_mask
from attnlib.scores import Additive, General, cosine, dot, scaled_dot
from attnlib.softmax import softmax
from tests.attnlib.strategies import (
    KINDS,
    LIBRARIES,
    arrays_of_shapes,
    attend_loop,
    copy_of,
    dtype_of,
    fails,
    is_kind,
    layouts,
    make,
    make_mask,
    masks_shapes,
    normal,
    pairs_loop,
    plain,
    same,
    shares_memory,
    times,
    tolerance_of,
)

INF, NAN = math.inf, math.nan
kinds = pytest.mark.parametrize("kind", KINDS)
torch_kinds = pytest.mark.parametrize("kind", KINDS[3:])
libraries = pytest.mark.parametrize("library", LIBRARIES)


def unfused_scaled_dot(query, key):
    return scaled_dot(query, key)


def unfused_dot(query, key):
    return dot(query, key)


UNFUSED = {scaled_dot: unfused_scaled_dot, dot: unfused_dot}
FORMULAS = {
    scaled_dot: lambda q, k, *_: times(q, k) / math.sqrt(len(q)),
    dot: lambda q, k, *_: times(q, k),
}
fused_scores = pytest.mark.parametrize("score", FORMULAS, ids=lambda score: score.__name__)
WAYS = {
    "alone": lambda *given, score=scaled_dot: attend(*given, score=score),
    "with weights": lambda *given, score=scaled_dot: attend(*given, score=score, return_weights=True)[0],
    "generic": lambda *given, score=scaled_dot: attend(*given, score=UNFUSED[score]),
    "generic, with weights": lambda *given, score=scaled_dot: attend(*given, score=UNFUSED[score], return_weights=True)[
        0
    ],
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def close(came, expected, kind, size=4):
    tolerance = size * tolerance_of(kind)
    np.testing.assert_allclose(plain(came), plain(expected), rtol=tolerance, atol=tolerance)


@st.composite
def attention_cases(draw, kinds=KINDS, max_side=3, max_dims=2):
    """Draw (kind, query, key, value, mask or None) as NumPy arrays whose leading dimensions broadcast."""
    signature = "(q,d),(k,d),(k,v)->(q,v)"
    cases = arrays_of_shapes(signature, kinds, max_side, max_dims)
    kind, (query, key, value) = draw(cases.filter(lambda case: case[1][0].shape[-1] > 0))
    scores = (*np.broadcast_shapes(query.shape[:-2], key.shape[:-2]), query.shape[-2], key.shape[-2])
    mask = draw(st.none() | masks_shapes(scores).map(lambda shape: random_mask(query.shape, shape)))
    return kind, query, key, value, mask


def random_mask(seed, shape):
    """A mask of a third of the places, with rows that allow nothing among them."""
    return np.random.default_rng(seed).random(shape) < 0.4


def given_as(kind, query, key, value, mask, *, grad=False):
    arrays = [make(array, kind, grad=True) if grad else make(array, kind) for array in (query, key, value)]
    return [*arrays, None if mask is None else make_mask(mask, kind)]


# The values


@fused_scores
@given(case=attention_cases())
def test_attend_equals_the_loop_in_every_way(score, case):
    kind, query, key, value, mask = case
    context, weights = attend_loop(pairs_loop(FORMULAS[score], query, key), value, mask)
    arrays = given_as(*case)
    for way in WAYS.values():
        came = way(*arrays, score=score)
        assert is_kind(came, kind)
        assert tuple(came.shape) == context.shape
        close(came, context, kind)
    for function in (score, UNFUSED[score]):
        came = attend(*arrays, score=function, return_weights=True)[1]
        assert is_kind(came, kind)
        assert tuple(came.shape) == weights.shape
        close(came, weights, kind)


@given(attention_cases(kinds=KINDS[3:], max_side=4, max_dims=3))
def test_all_ways_agree_in_values_and_gradients(case):
    kind, *_ = case
    results = []
    for way in WAYS.values():
        arrays = given_as(*case, grad=True)
        context = way(*arrays)
        factors = normal(0, tuple(context.shape), kind)
        (context * factors).sum().backward()
        results.append([context, *(array.grad for array in arrays[:3])])
    for other in results[:2]:
        for one, expected in zip(other, results[2], strict=True):
            assert is_kind(one, kind)
            assert torch.isfinite(one).all()
            close(one, expected, kind, size=8 * max(1, expected.abs().max().item() if expected.numel() else 1))


@given(attention_cases(kinds=KINDS[5:], max_side=2, max_dims=5))
def test_all_ways_agree_up_to_five_leading_dimensions(case):
    kind, *_ = case
    arrays = given_as(*case)
    expected = WAYS["generic"](*arrays)
    for name in ("alone", "with weights"):
        came = WAYS[name](*arrays)
        assert came.shape == expected.shape
        close(came, expected, kind)


@pytest.mark.parametrize("ndim", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("kind", ["torch-bfloat16", "torch-float32"])
def test_all_ways_agree_without_broadcasting(ndim, kind):
    batch = (2, 1, 3, 2)[: ndim - 2]
    for queries, keys, width in [(5, 7, 3), (5, 7, 8), (1, 1, 8), (5, 0, 8), (0, 7, 8)]:
        shapes = (*batch, queries, 8), (*batch, keys, 8), (*batch, keys, width)
        full = (*batch, queries, keys)
        masks = [None, np.zeros(()), np.ones(()), np.zeros(full), random_mask(1, full), random_mask(2, (keys,))]
        masks += [random_mask(3, (queries, 1)), random_mask(4, (*batch, 1, keys)), random_mask(5, full[1:])]
        for mask in masks:
            results = []
            for way in WAYS.values():
                arrays = [normal(n, shape, kind, grad=True) for n, shape in enumerate(shapes)]
                context = way(*arrays, None if mask is None else make_mask(mask, kind))
                context.sum().backward()
                results.append([context, *(array.grad for array in arrays)])
            for other in results[:2]:
                for one, expected in zip(other, results[2], strict=True):
                    assert one.shape == expected.shape
                    close(one, expected, kind, size=30)


def documented_sdpa(query, key, value, attn_mask=None, scale=None):
    """The reference in the docstring of torch.nn.functional.scaled_dot_product_attention."""
    scale_factor = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    attn_bias = torch.zeros(query.size(-2), key.size(-2), dtype=query.dtype)
    if attn_mask is not None:
        attn_bias = attn_bias + torch.zeros(attn_mask.shape, dtype=query.dtype).masked_fill(~attn_mask, -INF)
    weights = torch.softmax(query @ key.transpose(-2, -1) * scale_factor + attn_bias, dim=-1)
    return weights @ value


@ways
def test_attend_equals_torchs(way):
    kind = "torch-float64"
    query, key, value = (normal(n, (2, 4, size, 8), kind) for n, size in enumerate([5, 7, 7]))
    lowest = torch.ones(7).bool()
    lowest[3:] = False
    for mask in (None, lowest, torch.ones(5, 7).tril(2).bool(), torch.rand(2, 1, 5, 7, generator=seed(0)) < 0.9):
        came = way(query, key, value, mask)
        torch.testing.assert_close(came, documented_sdpa(query, key, value, mask))
        theirs = None if mask is None else mask.expand(2, 1, 5, 7)
        torch.testing.assert_close(came, scaled_dot_product_attention(query, key, value, theirs))
        came = way(query, key, value, mask, score=dot)
        torch.testing.assert_close(came, documented_sdpa(query, key, value, mask, scale=1.0))


def seed(number):
    return torch.Generator().manual_seed(number)


@fused_scores
@kinds
def test_numpy_equals_torch(kind, score):
    if kind == "torch-bfloat16":
        kind = "torch-float32"
    dtype = dtype_of(kind)
    query, key, value = (normal(n, shape) for n, shape in enumerate([(3, 5, 4), (3, 6, 4), (3, 6, 2)]))
    mask = random_mask(0, (3, 5, 6))
    ours, theirs = (
        attend(*given_as(f"{library}-{dtype}", query, key, value, mask), score=score, return_weights=True)
        for library in LIBRARIES
    )
    for one, other in zip(ours, theirs, strict=True):
        close(one, plain(other), kind)


@libraries
@pytest.mark.parametrize("score", [scaled_dot, dot, unfused_scaled_dot])
def test_two_dtypes_give_their_common_one(library, score):
    for first, second, common in [("float16", "float64", "float64"), ("float32", "float16", "float32")]:
        for place in range(3):
            arrays = [normal(n, (2, 3), f"{library}-{first}") for n in range(3)]
            arrays[place] = normal(place, (2, 3), f"{library}-{second}")
            context, weights = attend(*arrays, score=score, return_weights=True)
            assert is_kind(context, f"{library}-{common}")
            assert is_kind(weights, f"{library}-{common}")
            alone = attend(*arrays, score=score)
            assert is_kind(alone, f"{library}-{common}")
            close(alone, context, f"{library}-{common}" if common == "float64" else f"{library}-float16")


def test_float16_beside_bfloat16_gives_float32():
    arrays = [normal(n, (2, 3), kind) for n, kind in enumerate(["torch-float16", "torch-bfloat16", "torch-float16"])]
    assert attend(*arrays).dtype == torch.float32
    assert attend(*arrays, return_weights=True)[1].dtype == torch.float32


@ways
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.endswith("float16")])
def test_products_beyond_float16_stay_finite(way, kind):
    query, key = make(np.full((1, 2, 64), 300.0), kind), make(np.full((1, 3, 64), 300.0), kind)
    key[0, 1] = -300
    value = make([[[1.0], [7.0], [3.0]]], kind)
    for score in FORMULAS:
        assert plain(way(query, key, value, score=score)).tolist() == [[[2], [2]]]
        mask = make_mask([[True, True, False], [False] * 3], kind)
        assert plain(way(query, key, value, mask, score=score)).tolist() == [[[1], [0]]]


@ways
@kinds
def test_a_score_of_minus_1e30_differs_from_a_masked_one(way, kind):
    query = make([[-1e15]] if "float16" not in kind or "bfloat16" in kind else [[-6e4]], kind)
    key, value = -query, make([[5.0]], kind)
    assert plain(way(query, key, value)).tolist() == [[5]]
    keys, values = make([[plain(key)[0, 0]], [0.0]], kind), make([[5.0], [7.0]], kind)
    assert plain(way(query, keys, values, make_mask([True, False], kind))).tolist() == [[5]]
    assert plain(way(query, keys, values, make_mask([False, False], kind))).tolist() == [[0]]
    assert plain(way(query, keys, values)).tolist() == [[7]]


@ways
@torch_kinds
@pytest.mark.parametrize("ndim", [2, 3, 4, 5])
def test_a_query_that_may_attend_to_nothing_gets_zeros_and_gives_no_gradient(way, kind, ndim):
    batch = (1, 2, 1)[: ndim - 2]
    arrays = [normal(n, (*batch, 3, 4), kind, grad=True) for n in range(3)]
    mask = torch.tensor([[True, False, True], [False] * 3, [True, True, False]])
    for allowed in (mask, mask.expand(*batch, 3, 3), mask[1], mask[1, 0], mask[1:2]):
        context = way(*arrays, allowed)
        rows = (~allowed.expand(3, 3).any(-1)) if allowed.ndim <= 2 else torch.tensor([False, True, False])
        assert (context[..., rows, :] == 0).all()
        gradients = torch.autograd.grad(context.sum(), arrays)
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert (gradients[0][..., rows, :] == 0).all()
        if rows.all():
            assert all((gradient == 0).all() for gradient in gradients)


@libraries
def test_of_nothing(library):
    kind = f"{library}-float32"
    for query, key, value in [
        ((0, 2), (3, 2), (3, 4)),
        ((2, 2), (0, 2), (0, 4)),
        ((2, 2), (3, 2), (3, 0)),
        ((0, 2, 2), (0, 3, 2), (0, 3, 4)),
        ((2, 0, 2, 2), (0, 3, 2), (2, 1, 3, 4)),
        ((2, 2), (5, 0, 2), (1, 0, 4)),
        ((1, 2, 2), (3, 0, 2), (3, 0, 4)),
    ]:
        arrays = [make(np.ones(shape), kind) for shape in (query, key, value)]
        for way in WAYS.values():
            context = way(*arrays)
            batch = np.broadcast_shapes(query[:-2], key[:-2], value[:-2])
            assert tuple(context.shape) == (*batch, query[-2], value[-1])
            assert (plain(context) == (0 if key[-2] == 0 else 1)).all()


# Which way is taken


@pytest.fixture
def taken(monkeypatch):
    """Collect the names of the fast functions that are called."""
    names = []
    for name in ("context_alone", "context_and_weights"):

        def spy(inner, name, *given):
            names.append(name)
            return inner(*given)

        monkeypatch.setattr(_fused, name, partial(spy, getattr(_fused, name), name))
    return names


def test_the_fast_ways_are_taken_where_they_can_be(taken):
    query, key, value = (normal(n, (2, 3, 4), "torch-float32") for n in range(3))
    for score in (scaled_dot, dot):
        attend(query, key, value, score=score)
        attend(query, key, value, score=score, dropout_p=0.5)
        attend(query, key, value, score=score, generator=seed(0))
        attend(query[0], key, value, score=score)
    assert taken == ["context_alone"] * 8
    taken.clear()
    for score in (scaled_dot, dot):
        attend(query, key, value, score=score, return_weights=True)
    assert taken == ["context_and_weights"] * 2
    taken.clear()
    attend(query, key, value, score=unfused_scaled_dot)
    attend(query, key, value, score=cosine, return_weights=True)
    attend(query, key, value, dropout_p=0.5, generator=seed(0))
    attend(query, key, value, dropout_p=0.5, return_weights=True)
    for first, second, third in [(query[0], key, value), (query, key[0], value), (query, key, value[0])]:
        attend(first, second, third, return_weights=True)
    torch.func.vmap(lambda q: attend(q, key, value, return_weights=True))(query[:, None])
    attend(*(array.numpy() for array in (query, key, value)))
    assert taken == []


def test_a_score_that_is_wrapped_or_not_hashable_is_called():
    query, key, value = (normal(n, (3, 4), "torch-float64") for n in range(3))

    class Unhashable:
        __hash__ = None
        calls = 0

        def __call__(self, query, key):
            self.calls += 1
            return scaled_dot(query, key)

        def __eq__(self, other):
            raise AssertionError("scores are compared by identity")

    score = Unhashable()
    expected = attend(query, key, value)
    torch.testing.assert_close(attend(query, key, value, score=score), expected)
    assert score.calls == 1
    torch.testing.assert_close(attend(query, key, value, score=partial(scaled_dot)), expected)


# Weights


@given(attention_cases())
def test_weights_are_rows_of_a_simplex_and_change_no_context(case):
    kind, _, _, value, mask = case
    arrays = given_as(*case)
    context, weights = attend(*arrays, return_weights=True)
    close(context, attend(*arrays), kind)
    w = plain(weights)
    assert (w >= 0).all()
    allowed = np.broadcast_to(True if mask is None else mask, w.shape)
    assert (w[~allowed] == 0).all()
    np.testing.assert_allclose(w.sum(-1), allowed.any(-1), rtol=0, atol=4 * tolerance_of(kind))
    close(context, np.matmul(w, value), kind)


# Invariances


@given(attention_cases(kinds=["numpy-float64", "torch-float64"]), st.randoms(use_true_random=False))
def test_the_order_of_the_keys_does_not_matter(case, random):
    kind, query, key, value, mask = case
    order = list(range(key.shape[-2]))
    random.shuffle(order)
    moved = mask if mask is None or mask.ndim == 0 or mask.shape[-1] == 1 else mask[..., order]
    for way in WAYS.values():
        before = way(*given_as(kind, query, key, value, mask))
        close(way(*given_as(kind, query, key[..., order, :], value[..., order, :], moved)), before, kind, size=100)


@given(attention_cases(kinds=["numpy-float64", "torch-float64"]), st.randoms(use_true_random=False))
def test_queries_in_another_order_give_rows_in_that_order(case, random):
    kind, query, key, value, mask = case
    order = list(range(query.shape[-2]))
    random.shuffle(order)
    moved = mask if mask is None or mask.ndim < 2 or mask.shape[-2] == 1 else mask[..., order, :]
    for way in WAYS.values():
        before = plain(way(*given_as(kind, query, key, value, mask)))
        close(way(*given_as(kind, query[..., order, :], key, value, moved)), before[..., order, :], kind, size=100)


@ways
@torch_kinds
def test_padding_changes_nothing_alone_or_in_a_batch_forward_or_backward(way, kind):
    lengths, width, padded = [4, 1, 6, 0], 3, 7
    query = normal(0, (4, 5, width), kind, grad=True)
    key, value = (normal(n, (4, padded, width), kind, grad=True) for n in (1, 2))
    mask = padding_mask(torch.tensor(lengths), padded)[:, None, :]
    context = way(query, key, value, mask)
    gradients = torch.autograd.grad(context.float().square().sum(), (query, key, value))
    for number, length in enumerate(lengths):
        alone = [query[number], key[number, :length], value[number, :length]]
        alone = [array.detach().clone().requires_grad_() for array in alone]
        expected = way(*alone)
        close(context[number], expected, kind)
        theirs = torch.autograd.grad(expected.float().square().sum(), alone)
        for ours, other in zip(gradients, theirs, strict=True):
            rows = other.shape[0]
            close(ours[number, :rows], other, kind, size=20)
            assert (ours[number, rows:] == 0).all()


@ways
@kinds
def test_what_padding_holds_does_not_matter(way, kind):
    query, key, value = (plain(normal(n, (2, 4, 3), kind)) for n in range(3))
    mask = np.array([[True, True, False, False]])
    before = way(*given_as(kind, query, key, value, mask))
    key[:, 2:], value[:, 2:] = 1e4, -1e4
    assert same(way(*given_as(kind, query, key, value, mask)), before)


@ways
@libraries
def test_a_later_word_does_not_move_an_earlier_context_under_a_causal_mask(way, library):
    kind, length = f"{library}-float64", 6
    words = plain(normal(0, (2, length, 4), kind))
    mask = causal_mask(length)
    before = plain(way(*given_as(kind, words, words, words, mask)))
    for now in range(length - 1):
        changed = words.copy()
        changed[:, now + 1 :] = normal(now + 1, (2, length - now - 1, 4))
        after = plain(way(*given_as(kind, changed, changed, changed, mask)))
        np.testing.assert_allclose(after[:, : now + 1], before[:, : now + 1], rtol=1e-13)
        assert not np.isclose(after[:, now + 1 :], before[:, now + 1 :]).any()
        prefix = words[:, : now + 1]
        alone = way(*given_as(kind, prefix, prefix, prefix, mask[: now + 1, : now + 1]))
        np.testing.assert_allclose(plain(alone), before[:, : now + 1], rtol=1e-12)


@kinds
def test_a_constant_added_to_a_rows_scores_changes_nothing(kind):
    query, key, value = (normal(n, (2, 4, 3), kind) for n in range(3))
    shift = make([[[1.0], [-3.0], [40.0], [0.0]]], kind)
    shifted = attend(query, key, value, score=lambda q, k: scaled_dot(q, k) + shift)
    close(shifted, attend(query, key, value), kind)


@ways
@kinds
def test_equal_keys_give_the_mean_of_the_values(way, kind):
    query, value = normal(0, (2, 4, 3), kind), normal(1, (2, 5, 6), kind)
    key = make(np.ones((2, 5, 3)), kind)
    close(way(query, key, value), np.broadcast_to(plain(value).mean(1, keepdims=True), (2, 4, 6)), kind)
    mask = make_mask([True, False, True, False, True], kind)
    close(way(query, key, value, mask), np.broadcast_to(plain(value)[:, ::2].mean(1, keepdims=True), (2, 4, 6)), kind)


# Gradients


MASKS = {
    "no mask": None,
    "full": random_mask(5, (2, 3, 4)),
    "an empty row": np.array([[True, False, True, True], [False] * 4, [True] * 4]),
    "keys": np.array([True, True, False, True]),
    "nothing": np.zeros((), dtype=bool),
}
masks = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)


def three(*, batch=(2,), kind="torch-float64", grad=True):
    return [normal(n, (*batch, *shape), kind, grad=grad) for n, shape in enumerate([(3, 2), (4, 2), (4, 5)])]


@masks
@ways
@fused_scores
def test_gradients_equal_finite_differences(way, mask, score):
    mask = None if mask is None else torch.from_numpy(mask)
    assert torch.autograd.gradcheck(lambda *arrays: way(*arrays, mask, score=score), three())


@masks
@fused_scores
@pytest.mark.parametrize("used", ["both", "weights", "context"])
def test_gradients_through_the_weights_equal_finite_differences(mask, score, used):
    mask = None if mask is None else torch.from_numpy(mask)

    def function(*arrays):
        context, weights = attend(*arrays, mask, score=score, return_weights=True)
        return {"both": (context, weights), "weights": weights, "context": context}[used]

    assert torch.autograd.gradcheck(function, three())


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2)])
@pytest.mark.parametrize("used", [0, 1])
def test_gradients_of_some_inputs(wanted, used):
    whole = three()
    expected = torch.autograd.grad(
        attend(*whole, score=unfused_scaled_dot, return_weights=True)[used].square().sum(), whole, allow_unused=True
    )
    some = [array.detach().requires_grad_(place in wanted) for place, array in enumerate(three())]
    attend(*some, return_weights=True)[used].square().sum().backward() if used == 0 or wanted != (2,) else None
    for place in range(3):
        if place not in wanted:
            assert some[place].grad is None
        elif some[place].grad is not None:
            other = torch.zeros_like(some[place]) if expected[place] is None else expected[place]
            torch.testing.assert_close(some[place].grad, other)


def test_no_gradient_is_asked_for():
    with torch.no_grad():
        assert not attend(*three(), return_weights=True)[0].requires_grad
    context, weights = attend(*three(grad=False), return_weights=True)
    assert not context.requires_grad
    assert not weights.requires_grad
    with torch.inference_mode():
        close(attend(*three(), return_weights=True)[0], context, "torch-float64")


@pytest.mark.parametrize("kind", ["torch-float16", "torch-bfloat16", "torch-float32"])
def test_the_gradients_have_the_dtype_of_their_inputs(kind):
    query, key, value = normal(0, (3, 2), kind, grad=True), normal(1, (4, 2), "torch-float64", grad=True), None
    value = normal(2, (4, 2), kind, grad=True)
    for way in WAYS.values():
        gradients = torch.autograd.grad(way(query, key, value).sum(), (query, key, value))
        for array, gradient in zip((query, key, value), gradients, strict=True):
            assert gradient.dtype == array.dtype


@pytest.mark.parametrize("return_weights", [False, True])
def test_second_derivatives_go_through_a_wrapped_score(return_weights):
    mask = torch.from_numpy(MASKS["an empty row"])

    def function(*arrays):
        return attend(*arrays, mask, score=unfused_scaled_dot, return_weights=return_weights)

    assert torch.autograd.gradgradcheck(function, three())


def test_the_fast_way_with_weights_raises_rather_than_give_a_wrong_second_derivative():
    for loss in (lambda x: x.sum(), lambda x: x.square().sum()):
        arrays = three()
        context = attend(*arrays, return_weights=True)[0]
        message = "this code can be differentiated once; for second derivatives pass score=lambda q, k: scaled_dot"
        with fails(RuntimeError, message):
            torch.autograd.grad(loss(context), arrays, create_graph=True)
        torch.autograd.grad(loss(context), arrays)


@masks
@pytest.mark.parametrize("return_weights", [False, True])
@fused_scores
def test_attend_under_torch_func(mask, return_weights, score):
    mask = None if mask is None else torch.from_numpy(mask)
    query, key, value = three(grad=False)

    def function(query, key, value, mask=mask, score=score):
        came = attend(query, key, value, mask, score=score, return_weights=return_weights)
        return came[0] if return_weights else came

    if mask is None or mask.ndim < 3:
        torch.testing.assert_close(torch.func.vmap(function)(query, key, value), function(query, key, value))
        shared = torch.func.vmap(function, in_dims=(0, None, None))(query, key[0], value[0])
        torch.testing.assert_close(shared, function(query, key[0], value[0]))
    else:
        torch.testing.assert_close(torch.func.vmap(function)(query, key, value, mask), function(query, key, value))
    leaves = three()
    expected = torch.autograd.grad(function(*leaves, score=UNFUSED[score]).square().sum(), leaves)
    came = torch.func.grad(lambda *arrays: function(*arrays).square().sum(), argnums=(0, 1, 2))(query, key, value)
    torch.testing.assert_close(came, expected)
    jacobian = torch.func.jacrev(function, argnums=(0, 1, 2))(query, key, value)
    theirs = torch.autograd.functional.jacobian(partial(function, score=UNFUSED[score]), (query, key, value))
    torch.testing.assert_close(jacobian, theirs)


def test_many_masks_under_vmap():
    query, key, value = (array[0] for array in three(grad=False))
    for shape in [(6, 3, 4), (6, 4), (6, 1, 4), (6,)]:
        many = torch.from_numpy(random_mask(0, shape))
        for function in (
            lambda mask: attend(query, key, value, mask),
            lambda mask: attend(query, key, value, mask, return_weights=True)[0],
        ):
            came = torch.func.vmap(function)(many)
            for one, mask in zip(came, many, strict=True):
                torch.testing.assert_close(one, attend(query, key, value, mask, score=unfused_scaled_dot))


@pytest.mark.parametrize("backward_inside", [False, True])
@pytest.mark.parametrize(
    "score", [scaled_dot, dot, unfused_scaled_dot, General(2, 2, seed=0), Additive(2, 2, 3, seed=0)]
)
@pytest.mark.parametrize("return_weights", [False, True])
def test_under_autocast(return_weights, score, backward_inside):
    arrays, exact = three(kind="torch-float32"), three(kind="torch-float32")
    expected = attend(*exact, score=score, return_weights=return_weights)
    expected = expected[0] if return_weights else expected
    expected.square().sum().backward()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        context = attend(*arrays, score=score, return_weights=return_weights)
        context = context[0] if return_weights else context
        if backward_inside:
            context.float().square().sum().backward()
    if not backward_inside:
        context.float().square().sum().backward()
    torch.testing.assert_close(context.float(), expected, atol=0.05, rtol=0.05)
    for one, other in zip(arrays, exact, strict=True):
        assert one.grad.dtype == torch.float32
        torch.testing.assert_close(one.grad, other.grad, atol=0.2, rtol=0.1)


def test_autocast_leaves_the_fast_way_with_weights_exact():
    arrays, exact = three(kind="torch-float32"), three(kind="torch-float32")
    expected = attend(*exact, return_weights=True)
    (expected[0].sum() + expected[1].square().sum()).backward()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        context, weights = attend(*arrays, return_weights=True)
        (context.sum() + weights.square().sum()).backward()
    assert torch.equal(context, expected[0])
    assert torch.equal(weights, expected[1])
    for one, other in zip(arrays, exact, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


# Dropout


DROPOUT_WAYS = {
    "fused": {},
    "fused dot": {"score": dot},
    "generator": {"generator": 0},
    "generic": {"score": unfused_scaled_dot},
    "with weights": {"return_weights": True},
    "with weights and generator": {"return_weights": True, "generator": 0},
}


def dropped(arrays, options, p, number=0):
    """Attend with dropout from a seed, whichever generator is drawn from."""
    options = dict(options)
    if "generator" in options:
        options["generator"] = seed(number)
    with torch.random.fork_rng():
        torch.manual_seed(number)
        came = attend(*arrays, dropout_p=p, **options)
    return came if options.get("return_weights") else (came, None)


@pytest.mark.parametrize("options", DROPOUT_WAYS.values(), ids=DROPOUT_WAYS)
@pytest.mark.parametrize("p", [0.25, 0.75])
def test_dropout_leaves_weights_out_and_scales_the_others(options, p):
    keys = 40
    query, key = normal(0, (50, 3), "torch-float64"), normal(1, (keys, 3), "torch-float64")
    value = torch.eye(keys, dtype=torch.float64)  # so that the context is the weights that were summed
    context, weights = dropped((query, key, value), options, p)
    whole = attend(query, key, value, score=options.get("score", scaled_dot))
    if weights is not None:
        torch.testing.assert_close(weights, whole)
    kept = context != 0
    torch.testing.assert_close(context[kept], whole[kept] / (1 - p))
    assert abs(kept.double().mean().item() - (1 - p)) < 0.05  # 2000 weights: 5 standard errors
    assert kept.sum(-1).double().var() > 0
    again, other = dropped((query, key, value), options, p)[0], dropped((query, key, value), options, p, 1)[0]
    assert torch.equal(context, again)
    assert not torch.equal(context, other)


@pytest.mark.parametrize("options", DROPOUT_WAYS.values(), ids=DROPOUT_WAYS)
def test_dropout_is_right_on_average(options):
    query, key, value = (normal(n, (4, 3), "torch-float64") for n in range(3))
    many = [array.expand(3000, 4, 3) for array in (query, key, value)]
    context, _ = dropped(many, options, 0.4)
    expected = attend(query, key, value, score=options.get("score", scaled_dot))
    error = (context.mean(0) - expected).abs() / (context.std(0) / math.sqrt(3000))
    assert error.max() < 5


@pytest.mark.parametrize("options", DROPOUT_WAYS.values(), ids=DROPOUT_WAYS)
def test_dropouts_gradient(options):
    arrays = three()
    assert torch.autograd.gradcheck(lambda *given: dropped(given, options, 0.5)[0], arrays)


def test_dropout_of_numpy_arrays(unchecked):
    query, key, value = normal(0, (50, 3)), normal(1, (40, 3)), np.eye(40)
    for p in (0.25, np.float64(0.25), np.float32(0.25)):
        rng = np.random.default_rng(0)
        context, weights = attend(query, key, value, dropout_p=p, generator=rng, return_weights=True)
        np.testing.assert_allclose(weights, attend(query, key, value))
        kept = context != 0
        np.testing.assert_allclose(context[kept], weights[kept] / 0.75)
        assert abs(kept.mean() - 0.75) < 0.05
        assert same(context, attend(query, key, value, dropout_p=0.25, generator=np.random.default_rng(0)))
    narrow = [array.astype(np.float32) for array in (query, key, value)]
    assert attend(*narrow, dropout_p=0.25, generator=np.random.default_rng(0)).dtype == np.float32


def test_no_dropout_draws_nothing_and_a_generator_leaves_the_global_one_alone():
    arrays = three(grad=False)
    before = torch.get_rng_state()
    rng = seed(0)
    for options in ({}, {"return_weights": True}, {"score": unfused_scaled_dot}, {"score": dot}):
        attend(*arrays, dropout_p=0.0, **options)
        attend(*arrays, dropout_p=0.0, generator=rng, **options)
        assert torch.equal(rng.get_state(), seed(0).get_state())
        attend(*arrays, dropout_p=0.5, generator=seed(1), **options)
    assert torch.equal(torch.get_rng_state(), before)
    attend(*(array.numpy() for array in arrays), generator=np.random.default_rng(0))


# The module


def test_the_module_equals_torchs_with_one_head():
    query, key, value = (normal(n, (2, size, 6), "torch-float64") for n, size in enumerate([5, 7, 7]))
    theirs = nn.MultiheadAttention(6, 1, bias=True, batch_first=True, dtype=torch.float64)
    ours = Attention(6, bias=True, output_dim=6, seed=0).double()
    with torch.no_grad():
        for projection, weight, bias in zip(
            (ours.Qw, ours.Kw, ours.Vw),
            theirs.in_proj_weight.chunk(3),
            normal(3, (3, 6), "torch-float64"),
            strict=True,
        ):
            projection.weight.copy_(weight)
            projection.bias.copy_(bias)
        theirs.in_proj_bias.copy_(normal(3, (3, 6), "torch-float64").flatten())
        ours.Ow.load_state_dict(theirs.out_proj.state_dict())
    mask = torch.from_numpy(random_mask(1, (5, 7)))
    mask[:, 0] = True
    for allowed in (None, mask):
        output, weights = ours(query, key, value, allowed, return_weights=True)
        expected = theirs(query, key, value, attn_mask=None if allowed is None else ~allowed)
        torch.testing.assert_close(output, expected[0])
        torch.testing.assert_close(weights, expected[1])
        torch.testing.assert_close(ours(query, key, value, allowed), output)


def test_the_module_with_identity_projections_is_attend():
    module = Attention(4, seed=0)
    with torch.no_grad():
        for projection in (module.Qw, module.Kw, module.Vw):
            projection.weight.copy_(torch.eye(4))
    query, key, value = (normal(n, (2, 3, 4), "torch-float32") for n in range(3))
    mask = torch.from_numpy(random_mask(0, (2, 3, 3)))
    for given_arrays, expected in [
        ((query, key, value), (query, key, value)),
        ((query, key), (query, key, key)),
        ((query,), (query, query, query)),
        ((query, None, value), (query, query, value)),
    ]:
        torch.testing.assert_close(module(*given_arrays), attend(*expected))
        torch.testing.assert_close(module(*given_arrays, mask=mask), attend(*expected, mask))
        output, weights = module(*given_arrays, mask=mask, return_weights=True)
        context, expected_weights = attend(*expected, mask, return_weights=True)
        torch.testing.assert_close(output, context)
        torch.testing.assert_close(weights, expected_weights)


SIZES = {
    "all given": (
        {"query_dim": 3, "key_dim": 4, "value_dim": 5, "dim": 6, "context_dim": 7, "output_dim": 8},
        {"Qw": (6, 3), "Kw": (6, 4), "Vw": (7, 5), "Ow": (8, 7)},
    ),
    "query_dim": ({"query_dim": 3}, {"Qw": (3, 3), "Kw": (3, 3), "Vw": (3, 3)}),
    "key_dim": ({"query_dim": 3, "key_dim": 4}, {"Qw": (3, 3), "Kw": (3, 4), "Vw": (3, 4)}),
    "value_dim": ({"query_dim": 3, "value_dim": 4}, {"Qw": (3, 3), "Kw": (3, 3), "Vw": (3, 4)}),
    "dim": ({"query_dim": 3, "dim": 4}, {"Qw": (4, 3), "Kw": (4, 3), "Vw": (4, 3)}),
    "context_dim": ({"query_dim": 3, "context_dim": 4}, {"Qw": (3, 3), "Kw": (3, 3), "Vw": (4, 3)}),
    "output_dim": ({"query_dim": 3, "output_dim": 4}, {"Qw": (3, 3), "Kw": (3, 3), "Vw": (3, 3), "Ow": (4, 3)}),
}


@pytest.mark.parametrize(("sizes", "shapes"), SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("bias", [False, True])
def test_the_modules_projections(sizes, shapes, bias):
    module = Attention(**sizes, bias=bias, seed=0)
    expected = {f"{name}.weight": shape for name, shape in shapes.items()}
    if bias:
        expected |= {f"{name}.bias": shape[:1] for name, shape in shapes.items()}
    assert {name: tuple(parameter.shape) for name, parameter in module.named_parameters()} == expected
    assert all((parameter == 0).all() for name, parameter in module.named_parameters() if "bias" in name)
    for name, (rows, columns) in shapes.items():
        weight, limit = getattr(module, name).weight, math.sqrt(6 / (rows + columns))
        assert weight.abs().max() <= limit
        many = torch.stack([getattr(Attention(**sizes, seed=number), name).weight for number in range(60)])
        assert many.abs().max() > 0.97 * limit
    widths = [shapes[name][1] for name in ("Qw", "Kw", "Vw")]
    arrays = [normal(n, (2, size, width), "torch-float32") for n, (size, width) in enumerate(zip((5, 7, 7), widths))]  # noqa: B905
    output, weights = module(*arrays, return_weights=True)
    assert tuple(output.shape) == (2, 5, shapes.get("Ow", shapes["Vw"])[0])
    assert tuple(weights.shape) == (2, 5, 7)
    (output.sum() + weights.square().sum()).backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_the_modules_formula():
    module = Attention(3, 4, 5, dim=6, context_dim=7, output_dim=8, bias=True, seed=0).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1
    query, key, value = (normal(n, shape) for n, shape in enumerate([(5, 3), (6, 4), (6, 5)]))
    W = {name: plain(parameter) for name, parameter in module.named_parameters()}
    q, k, v = (
        array @ W[f"{name}.weight"].T + W[f"{name}.bias"]
        for name, array in zip(("Qw", "Kw", "Vw"), (query, key, value), strict=True)
    )
    context, _ = attend_loop(pairs_loop(FORMULAS[scaled_dot], q, k), v)
    expected = context @ W["Ow.weight"].T + W["Ow.bias"]
    np.testing.assert_allclose(plain(module(*map(torch.from_numpy, (query, key, value)))), expected, rtol=1e-10)


def test_the_modules_seed():
    before = torch.get_rng_state()
    one, same_seed, other = Attention(4, seed=1), Attention(4, seed=1), Attention(4, seed=2)
    rng = seed(1)
    from_generator, going_on = Attention(4, seed=rng), Attention(4, seed=rng)
    assert torch.equal(torch.get_rng_state(), before)
    for name in ("Qw", "Kw", "Vw"):
        weight = getattr(one, name).weight
        assert torch.equal(weight, getattr(same_seed, name).weight)
        assert torch.equal(weight, getattr(from_generator, name).weight)
        assert not torch.equal(weight, getattr(other, name).weight)
        assert not torch.equal(weight, getattr(going_on, name).weight)
    assert not torch.equal(one.Qw.weight, one.Kw.weight)


def test_the_modules_state_round_trip():
    words = normal(0, (2, 3, 4), "torch-float32")
    one = Attention(4, output_dim=2, bias=True, score=General(4, 4, seed=5), seed=1)
    other = Attention(4, output_dim=2, bias=True, score=General(4, 4, seed=6), seed=2)
    assert not torch.equal(one(words), other(words))
    other.load_state_dict(one.state_dict())
    for module in (other, copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert torch.equal(module(words), one(words))
    assert sum(parameter.numel() for parameter in one.parameters()) == 3 * 20 + 10 + 16


def test_the_modules_score():
    words = normal(0, (2, 3, 4), "torch-float32")
    module = Attention(4, score=cosine, seed=1)
    expected = attend(module.Qw(words), module.Kw(words), module.Vw(words), score=cosine)
    assert torch.equal(module(words), expected)


def test_the_module_drops_weights_in_training_only():
    words = normal(0, (2, 3, 4), "torch-float32")
    plainly, module = Attention(4, seed=1), Attention(4, dropout_p=0.5, seed=1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        dropped_output, weights = module(words, return_weights=True)
        assert not torch.allclose(dropped_output, plainly(words))
        torch.testing.assert_close(weights, plainly(words, return_weights=True)[1])
        assert not torch.equal(module(words), module(words))
        state = torch.get_rng_state()
        module.eval()
        torch.testing.assert_close(module(words), plainly(words))
        assert torch.equal(torch.get_rng_state(), state)


# What comes in


@ways
@kinds
def test_arguments_stay_and_results_are_new(way, kind):
    given_arrays = [*(normal(n, (2, 3, 4), kind) for n in range(3)), make_mask(random_mask(0, (2, 3, 3)), kind)]
    before = [copy_of(array) for array in given_arrays]
    for mask in (given_arrays[3], None):
        context, weights = attend(*given_arrays[:3], mask, return_weights=True)
        for result in (context, weights, way(*given_arrays[:3], mask)):
            assert not any(shares_memory(result, array) for array in given_arrays)
    assert all(same(array, copied) for array, copied in zip(given_arrays, before, strict=True))


@ways
@kinds
def test_any_memory_layout_gives_the_same(way, kind):
    straight = [plain(normal(n, (2, 3, 4), kind)) for n in range(3)]
    mask = random_mask(0, (2, 3, 3))
    expected = way(*given_as(kind, *straight, mask))
    for variants in zip(*(layouts(array, kind) for array in straight), strict=True):
        arrays = [array for name, array in variants]
        close(way(*arrays, make_mask(np.swapaxes(mask, 1, 2).copy(), kind).swapaxes(1, 2)), expected, kind)


@libraries
@ways
def test_broadcast_inputs(way, library):
    kind = f"{library}-float64"
    straight = [normal(n, (3, 4), kind) for n in range(3)]
    spread = [array.expand(2, 3, 4) if library == "torch" else np.broadcast_to(array, (2, 3, 4)) for array in straight]
    for part in plain(way(*spread)):
        np.testing.assert_allclose(part, plain(way(*straight)), rtol=1e-12)


def test_combined_masks():
    words = normal(0, (3, 4, 2))
    mask = combine_masks(padding_mask([4, 2, 0])[:, None, :], causal_mask(4))
    context, weights = attend(words, words, words, mask, return_weights=True)
    expected = attend_loop(pairs_loop(FORMULAS[scaled_dot], words, words), words, mask)
    np.testing.assert_allclose(context, expected[0], atol=1e-12)
    np.testing.assert_allclose(weights, expected[1], atol=1e-12)
    assert (context[2] == 0).all()


# Errors


def forbidden(query, key):
    raise AssertionError("computed before it was checked")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("return_weights", [False, True])
@pytest.mark.parametrize("score", [scaled_dot, dot, forbidden])
class TestErrorsOfEveryWay:
    @pytest.fixture(autouse=True)
    def nothing_is_computed(self, monkeypatch):
        monkeypatch.setattr(_fused, "context_alone", forbidden)
        monkeypatch.setattr(_fused, "context_and_weights", forbidden)

    @pytest.fixture
    def call(self, score, return_weights):
        return partial(attend, score=score, return_weights=return_weights)

    def test_not_an_array(self, call):
        for place, name in enumerate(["query", "key", "value"]):
            for wrong in ([[1.0]], None, "abc"):
                arrays = three(grad=False)
                arrays[place] = wrong
                with fails(TypeError, f"{name} must be a NumPy array or a torch tensor, got {type(wrong).__name__}"):
                    call(*arrays)

    @pytest.mark.parametrize("dtype", ["int64", "bool", "complex128"])
    @libraries
    def test_not_floating_point(self, call, dtype, library):
        for place, name in enumerate(["query", "key", "value"]):
            arrays = three(kind=f"{library}-float64", grad=False)
            wrong = np.ones(tuple(arrays[place].shape), dtype=dtype)
            arrays[place] = torch.from_numpy(wrong) if library == "torch" else wrong
            with fails(TypeError, f"{name} must hold floating-point numbers, got dtype {dtype};"):
                call(*arrays)

    def test_two_libraries(self, call):
        for place in range(3):
            arrays = three(kind="numpy-float64", grad=False)
            arrays[place] = torch.from_numpy(arrays[place])
            with pytest.raises(TypeError, match=r"^(\w+) is a torch tensor but (?!\1)\w+ is a NumPy array"):
                call(*arrays)

    def test_masked_arrays(self, call):
        arrays = three(kind="numpy-float64", grad=False)
        with fails(TypeError, "key is a NumPy masked array, whose own mask says the opposite of ours"):
            call(arrays[0], np.ma.array(arrays[1]), arrays[2])
        with fails(TypeError, "mask is a NumPy masked array"):
            call(*arrays, np.ma.array(np.ones(4, dtype=bool)))

    def test_masks(self, call):
        arrays = three(grad=False)
        for mask in (torch.ones(3, 4), torch.ones(3, 4, dtype=torch.int64)):
            dtype = str(mask.dtype).removeprefix("torch.")
            with fails(TypeError, f"mask must be boolean (True = may be attended to), got dtype {dtype}; turn 1/0"):
                call(*arrays, mask)
        for shape in [(3,), (4, 3), (3, 3, 4), (1, 2, 3, 4), (2, 3, 5), (0,)]:
            with fails(ValueError, f"mask has shape {shape}, which does not broadcast to scores of shape (2, 3, 4)"):
                call(*arrays, torch.ones(shape).bool())
        with fails(TypeError, "query is a torch tensor but mask is a NumPy array"):
            call(*arrays, np.ones(4, dtype=bool))
        with fails(TypeError, "mask must be a NumPy array or a torch tensor, got list"):
            call(*arrays, [True] * 4)
        with fails(ValueError, "mask has shape (2, 3, 4), which does not broadcast to scores of shape (3, 4)"):
            call(arrays[0][0], arrays[1][0], arrays[2], torch.ones(2, 3, 4).bool())

    def test_too_few_axes(self, call):
        layouts_of = {
            "query": "(..., query, query_dim)",
            "key": "(..., key, key_dim)",
            "value": "(..., key, value_dim)",
        }
        for place, (name, layout) in enumerate(layouts_of.items()):
            arrays = three(grad=False)
            arrays[place] = arrays[place][0, 0]
            with fails(ValueError, f"{name} must have shape {layout}, got ({len(arrays[place])},); for one number a"):
                call(*arrays)

    def test_numbers_of_keys_and_values(self, call):
        query, key, value = three(grad=False)
        message = "there are 4 keys but 3 values: key has shape (2, 4, 2) and value (2, 3, 5)"
        with fails(ValueError, message):
            call(query, key, value[:, :3])
        with fails(ValueError, "there are 1 keys but 4 values: key has shape (2, 1, 2) and value (2, 4, 5)"):
            call(query, key[:, :1], value)

    def test_leading_dimensions(self, call):
        query, key, value = three(grad=False)
        message = "leading dimensions must broadcast: query has (2,) and key has (2,) and value has (3,)"
        with fails(ValueError, message):
            call(query, key, value[:1].expand(3, 4, 5))
        with fails(ValueError, "leading dimensions must broadcast: query has (3,) and key has (2,) and value has (2,)"):
            call(query[:1].expand(3, 3, 2), key, value)

    def test_dims(self, call, score):
        query, key, value = (torch.ones(2, 3, dim) for dim in (32, 64, 5))
        if score is forbidden:
            return
        with fails(ValueError, "key has dim 64 but query has dim 32"):
            call(query, key, value)
        with fails(ValueError, "key has dim 1 but query has dim 32"):
            call(query, key[..., :1], value)
        with fails(ValueError, "query and key have dim 0: there is nothing to compare"):
            call(query[..., :0], key[..., :0], value)

    def test_dropout_p(self, call):
        arrays = three(grad=False)
        for p in (1, 1.0, -0.1, 2, NAN, INF):
            with fails(ValueError, f"dropout_p must be at least 0 and below 1, got {p}"):
                call(*arrays, dropout_p=p)
        for p in ("0.5", None, True, [0.5], torch.tensor(0.5)):
            with fails(TypeError, f"dropout_p must be a number, got {type(p).__name__}"):
                call(*arrays, dropout_p=p)

    def test_generator(self, call):
        arrays = three(grad=False)
        numpy_arrays = [array.numpy() for array in arrays]
        message = "dropout on NumPy arrays needs a generator: pass generator=np.random.default_rng(seed)"
        if call.keywords["score"] is forbidden:
            with fails(ValueError, message):
                call(*numpy_arrays, dropout_p=0.5)
        for p in (0.0, 0.5):
            with fails(TypeError, "generator must be a torch.Generator, got Generator"):
                call(*arrays, dropout_p=p, generator=np.random.default_rng(0))
            with fails(TypeError, "generator must be a np.random.Generator, got Generator"):
                call(*numpy_arrays, dropout_p=p, generator=seed(0))
            with fails(TypeError, "generator must be a torch.Generator, got int"):
                call(*arrays, dropout_p=p, generator=0)


@pytest.mark.usefixtures("unchecked")
class TestErrors:
    def test_a_score_that_is_no_function(self):
        for score in ("dot", None, 1.0):
            with fails(TypeError, f"score must be a function such as scaled_dot, got {score!r}"):
                attend(*three(), score=score)

    @libraries
    def test_what_a_score_returns(self, library):
        arrays = three(kind=f"{library}-float64", grad=False)
        for shape in [(2, 4, 3), (3, 4), (1, 3, 4), (2, 3, 4, 1), ()]:
            wrong = make(np.ones(shape), f"{library}-float64")
            with fails(ValueError, f"score gave shape {shape}, expected (..., query, key) = (2, 3, 4)"):
                attend(*arrays, score=lambda q, k, wrong=wrong: wrong)
        with fails(TypeError, "the score's result must be a NumPy array or a torch tensor, got list"):
            attend(*arrays, score=lambda q, k: [1.0])
        whole = np.ones((2, 3, 4), dtype=int)
        with fails(TypeError, "the score's result must hold floating-point numbers, got dtype int64"):
            attend(*arrays, score=lambda q, k: torch.from_numpy(whole) if library == "torch" else whole)
        other = make(np.ones((2, 3, 4)), "numpy-float64" if library == "torch" else "torch-float64")
        with pytest.raises(TypeError, match=r"is a torch tensor but .* is a NumPy array"):
            attend(*arrays, score=lambda q, k: other)

    def test_a_score_may_return_another_floating_dtype(self):
        arrays = three(kind="torch-float32", grad=False)
        context, weights = attend(*arrays, score=lambda q, k: dot(q, k).half(), return_weights=True)
        assert context.dtype == weights.dtype == torch.float32
        torch.testing.assert_close(context, attend(*arrays, score=dot), atol=1e-2, rtol=1e-2)

    def test_the_modules_sizes(self):
        for name in ("query_dim", "key_dim", "value_dim", "dim", "context_dim", "output_dim"):
            for number in (0, -1):
                with fails(ValueError, f"{name} must be at least 1, got {number}"):
                    Attention(**{"query_dim": 2, name: number}, seed=0)
            for thing in (2.0, "2", True):
                with fails(TypeError, f"{name} must be an integer, got {type(thing).__name__}"):
                    Attention(**{"query_dim": 2, name: thing}, seed=0)
            assert Attention(**{"query_dim": 2, name: np.int64(3)}, seed=np.int64(0)) is not None
        with fails(TypeError, "query_dim must be an integer, got NoneType"):
            Attention(None, seed=0)

    def test_the_modules_dropout_and_seed(self):
        for p in (1.0, -0.5, NAN):
            with fails(ValueError, f"dropout_p must be at least 0 and below 1, got {p}"):
                Attention(2, dropout_p=p, seed=0)
        with fails(TypeError, "dropout_p must be a number, got str"):
            Attention(2, dropout_p="0.5", seed=0)
        for number in (None, 1.0, True):
            with fails(TypeError, f"seed must be an integer, got {type(number).__name__}"):
                Attention(2, seed=number)

    def test_what_the_module_takes(self):
        module = Attention(3, 4, 5, seed=0)
        query, key, value = torch.ones(2, 3), torch.ones(6, 4), torch.ones(6, 5)
        with fails(ValueError, "query has dim 4 but this module takes 3"):
            module(key, key, value)
        with fails(ValueError, "key has dim 3 but this module takes 4"):
            module(query, query, value)
        with fails(ValueError, "value has dim 4 but this module takes 5"):
            module(query, key)
        with fails(ValueError, "key has dim 3 but this module takes 4"):
            module(query)
        with fails(ValueError, "query must have shape (..., query, query_dim), got (3,)"):
            module(query[0], key, value)
        with fails(ValueError, "key must have shape (..., key, key_dim), got (4,)"):
            module(query, key[0], value)
        with fails(ValueError, "value must have shape (..., key, value_dim), got (5,)"):
            module(query, key, value[0])
        with fails(ValueError, "there are 6 keys but 5 values"):
            module(query, key, value[:5])
        with fails(TypeError, "weight is a torch tensor but key is a NumPy array"):
            module(query, key.numpy(), value)
        with fails(TypeError, "query must be a NumPy array or a torch tensor, got list"):
            module([[1.0, 2.0, 3.0]], key, value)
        with fails(TypeError, "value must hold floating-point numbers, got dtype int64"):
            module(query, key, value.long())
        with fails(ValueError, "mask has shape (2, 5), which does not broadcast to scores of shape (2, 6)"):
            module(query, key, value, torch.ones(2, 5).bool())


@given(hnp.arrays(np.float64, (3, 2), elements=st.floats(-50, 50)))
def test_contexts_lie_between_the_smallest_and_the_largest_value(query):
    key, value = normal(0, (4, 2)), np.array([[1.0], [-2.0], [5.0], [0.0]])
    context = attend(query, key, value)
    assert ((context >= -2 - 1e-12) & (context <= 5 + 1e-12)).all()
    np.testing.assert_allclose(context, softmax(scaled_dot(query, key)) @ value, rtol=1e-12, atol=1e-12)
