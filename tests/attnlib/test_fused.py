"""The fast code for torch tensors: what it calls, what it holds, and what it gives."""

import numpy as np
import pytest
import torch
from hypothesis import given

from attnlib import _fused
from tests.attnlib.strategies import (
    KINDS,
    arrays_of_shapes,
    attend_loop,
    make,
    normal,
    pairs_loop,
    plain,
    times,
    tolerance_of,
)

torch_kinds = pytest.mark.parametrize("kind", KINDS[3:])
MASKS = {
    "none": None,
    "one place for all": (),
    "keys": (4,),
    "rows": (3, 1),
    "pairs": (3, 4),
    "with a batch": (1, 3, 4),
    "with a batch, keys": (2, 1, 4),
}
masks = pytest.mark.parametrize("shape", MASKS.values(), ids=MASKS)


def arrays(batch, kind="torch-float32", *, grad=False):
    return [normal(n, (*batch, *shape), kind, grad=grad) for n, shape in enumerate([(3, 2), (4, 2), (4, 5)])]


def mask_of(shape, batch):
    """A mask of that shape, cut to the number of axes that the scores have."""
    if shape is None:
        return None
    kept = tuple(side if side == batch[-1] else 1 for side in shape[:-2] if batch) + shape[-2:]
    return torch.from_numpy(np.asarray(np.random.default_rng(3).random(kept) < 0.6))


def expected_of(query, key, value, mask, scale):
    scores = pairs_loop(lambda q, k, *_: scale * times(q, k), *map(plain, (query, key)))
    return attend_loop(scores, plain(value), None if mask is None else mask.numpy())


@masks
@torch_kinds
@pytest.mark.parametrize("batch", [(), (2,), (2, 1), (2, 1, 2), (1, 2, 1, 2)], ids=len)
def test_both_equal_the_loop(kind, batch, shape):
    given_arrays, mask = arrays(batch, kind), mask_of(shape, batch)
    context, weights = expected_of(*given_arrays, mask, 0.3)
    tolerance = {"rtol": 4 * tolerance_of(kind), "atol": 4 * tolerance_of(kind)}
    alone = _fused.context_alone(*given_arrays, mask, 0.3)
    np.testing.assert_allclose(plain(alone), context, **tolerance)
    together = _fused.context_and_weights(*given_arrays, mask, 0.3)
    for came, expected in zip(together, (context, weights), strict=True):
        assert came.dtype == alone.dtype == given_arrays[0].dtype
        np.testing.assert_allclose(plain(came), expected, **tolerance)


full = arrays_of_shapes("(q,d),(k,d),(k,v)->(q,v)", kinds=["torch-float64"]).filter(
    lambda case: all(array.size for array in case[1])
)


@given(full)
def test_batches_that_broadcast(case):
    _, (query, key, value) = case
    came = _fused.context_alone(*map(torch.from_numpy, (query, key, value)), None, 1.0)
    expected = attend_loop(pairs_loop(lambda q, k, *_: times(q, k), query, key), value)[0]
    assert tuple(came.shape) == expected.shape
    np.testing.assert_allclose(plain(came), expected, rtol=1e-10, atol=1e-12)


@masks
@pytest.mark.parametrize("batch", [(), (2,), (2, 1)], ids=len)
def test_the_kernel_gets_four_axes(batch, shape, monkeypatch):
    shapes = []
    inner = _fused.scaled_dot_product_attention

    def spy(query, key, value, mask, *given_rest, **options):
        shapes.extend(tuple(array.shape) for array in (query, key, value))
        assert mask is None or mask.ndim >= 2
        return inner(query, key, value, mask, *given_rest, **options)

    monkeypatch.setattr(_fused, "scaled_dot_product_attention", spy)
    context = _fused.context_alone(*arrays(batch), mask_of(shape, batch), 1.0)
    assert tuple(context.shape) == (*batch, 3, 5)
    assert all(len(one) == 4 for one in shapes)
    assert np.prod([one[:2] for one in shapes], axis=1).tolist() == [np.prod(batch, dtype=int)] * 3


def test_one_array_of_pairs_forward_and_one_backward(monkeypatch):
    shapes = []
    inner = _fused._empty_pairs

    def spy(query, key):
        pairs = inner(query, key)
        shapes.append(tuple(pairs.shape))
        return pairs

    monkeypatch.setattr(_fused, "_empty_pairs", spy)
    given_arrays = arrays((2,), grad=True)
    context, weights = _fused.context_and_weights(*given_arrays, None, 1.0)
    assert shapes == [(2, 3, 4)]
    (context.sum() + weights.square().sum()).backward()
    assert shapes == [(2, 3, 4)] * 2


@pytest.mark.parametrize("kind", ["torch-float32", "torch-float64"])
def test_pairs_have_their_own_memory(kind):
    query, key, _ = arrays((2,), kind)
    first, second = _fused._empty_pairs(query, key), _fused._empty_pairs(query, key)
    assert first.shape == second.shape == (2, 3, 4)
    assert first.dtype == query.dtype
    assert first.device == query.device
    first.zero_()
    second.fill_(1)
    assert (first == 0).all()
    assert _fused._empty_pairs(query.to("meta"), key.to("meta")).device.type == "meta"


@masks
def test_saved_numbers_are_not_copies_of_pairs(shape):
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(tuple(t.shape)) or t, lambda t: t):
        _fused.context_and_weights(*arrays((2,), grad=True), mask_of(shape, (2,)), 1.0)
    assert sizes.count((2, 3, 4)) == 1


def test_the_mask_stays_as_it_is():
    for shape in ((), (4,), (3, 4), (2, 3, 4)):
        mask = torch.from_numpy(np.asarray(np.random.default_rng(1).random(shape) < 0.5))
        before = mask.clone()
        _fused.context_alone(*arrays((2,)), mask, 1.0)
        _fused.context_and_weights(*arrays((2,)), mask, 1.0)
        assert torch.equal(mask, before)


def test_a_value_of_weights_changed_in_place_is_noticed_by_the_gradient():
    context, weights = _fused.context_and_weights(*arrays((2,), grad=True), None, 1.0)
    with torch.no_grad():
        weights.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        context.sum().backward()


def test_large_negative_scores_are_not_masked_ones():
    query, key = make([[[-1e15]]], "torch-float32"), make([[[1e15], [2e15]]], "torch-float32")
    value = make([[[5.0], [7.0]]], "torch-float32")
    for mask, expected in [(None, 5), ([True, False], 5), ([False, True], 7), ([False, False], 0)]:
        mask = None if mask is None else torch.tensor(mask)
        assert _fused.context_alone(query, key, value, mask, 1.0).item() == expected
        assert _fused.context_and_weights(query, key, value, mask, 1.0)[0].item() == expected


@pytest.mark.parametrize(("device", "taken"), [("cpu", True), ("meta", False)])
def test_the_kernel_is_trusted_with_masks_where_it_gives_zeros_for_empty_rows(device, taken):
    query, mask = torch.empty(2, 3, device=device), torch.ones(2, 2, dtype=torch.bool, device=device)
    assert _fused.kernel_takes(query, mask) is taken
    assert _fused.kernel_takes(query, None)


@pytest.mark.parametrize("pairs", [1, 12, 30, 71, 72, 1000])
@pytest.mark.parametrize("used", ["context", "weights", "both"])
def test_the_backward_pass_in_groups_gives_the_gradients_of_one(monkeypatch, pairs, used):
    def gradients():
        inputs = arrays((3, 2), "torch-float64", grad=True)
        context, weights = _fused.context_and_weights(*inputs, mask_of((2, 3, 4), (3, 2)), 0.7)
        parts = {"context": [context], "weights": [weights], "both": [context, weights]}[used]
        torch.autograd.backward(sum((part.sin() ** 2).sum() for part in parts))
        return [array.grad for array in inputs]

    expected = gradients()
    sizes = []
    inner = _fused._backward
    monkeypatch.setattr(_fused, "PAIRS_AT_ONCE", pairs)
    monkeypatch.setattr(_fused, "_backward", lambda q, *a, **k: (sizes.append(len(q)), inner(q, *a, **k)))
    for gradient, whole in zip(gradients(), expected, strict=True):
        torch.testing.assert_close(gradient, whole)
    group = min(max(1, pairs // 12), 6)
    assert sizes == [min(group, 6 - first) for first in range(0, 6, group)]
