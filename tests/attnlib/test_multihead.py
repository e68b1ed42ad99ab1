"""Many heads against torch's module, against loops over heads that copy keys, and the ways through the code."""

import copy
import math
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from attnlib import _fused
from attnlib.masks import causal_mask, padding_mask
from attnlib.multihead import KeysValues, MultiHeadAttention, attend_heads, merge_heads, split_heads
from tests.attnlib.strategies import (
    KINDS,
    copy_of,
    fails,
    masks_shapes,
    normal,
    plain,
    same,
    shares_memory,
    tolerance_of,
)

torch_kinds = pytest.mark.parametrize("kind", KINDS[3:])
half_kinds = pytest.mark.parametrize("kind", KINDS[3:5])
wide_kinds = pytest.mark.parametrize("kind", KINDS[5:])
ways = pytest.mark.parametrize("asked", [False, True], ids=["alone", "with weights"])
biases = pytest.mark.parametrize("bias", [False, True], ids=["no bias", "bias"])

DIM, HEADS = 12, 4


def close(came, expected, kind="torch-float64", size=20):
    tolerance = size * tolerance_of(kind)
    np.testing.assert_allclose(plain(came), plain(expected), rtol=tolerance, atol=tolerance)


def random_mask(seed, shape, share=0.6):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share


# The cut into heads


@given(st.integers(0, 3), st.integers(1, 4), st.integers(1, 4), st.lists(st.integers(0, 3), max_size=2))
def test_each_head_gets_its_part(length, heads, part, batch):
    vectors = normal(0, (*batch, length, heads * part), "torch-float64")
    parts = split_heads(vectors, heads)
    assert parts.shape == (*batch, heads, length, part)
    for head in range(heads):
        assert torch.equal(parts[..., head, :, :], vectors[..., head * part : (head + 1) * part])
    assert torch.equal(merge_heads(parts), vectors)
    assert vectors.numel() == 0 or shares_memory(parts, vectors)


@pytest.mark.usefixtures("unchecked")
def test_vectors_that_can_not_be_cut():
    with fails(ValueError, "3 heads can't share dim 8 evenly"):
        split_heads(torch.ones(2, 8), 3)
    with fails(ValueError, "heads must be at least 1, got 0"):
        split_heads(torch.ones(2, 8), 0)
    with fails(TypeError, "heads must be an integer, got float"):
        split_heads(torch.ones(2, 8), 2.0)


# Attention in every head


def loop_over_heads(query, key, value, mask=None, bias=None):
    """Every head by itself with keys and values copied for it; context and weights."""
    heads = query.shape[-3]
    key, value = (each.repeat_interleave(heads // each.shape[-3], dim=-3) for each in (key, value))
    shape = (*query.shape[:-1], key.shape[-2])
    mask = torch.ones(shape, dtype=torch.bool) if mask is None else mask.expand(shape)
    bias = query.new_zeros(shape) if bias is None else bias.expand(shape)
    contexts, weights = [], []
    for head in range(heads):
        scores = query[..., head, :, :] @ key[..., head, :, :].mT / math.sqrt(query.shape[-1]) + bias[..., head, :, :]
        powers = (scores - scores.detach().amax(dim=-1, keepdim=True) if scores.numel() else scores).exp()
        powers = powers * mask[..., head, :, :]
        weights.append(powers / powers.sum(dim=-1, keepdim=True).clamp(min=1e-300))
        contexts.append(weights[-1] @ value[..., head, :, :])
    return torch.stack(contexts, dim=-3), torch.stack(weights, dim=-3)


@st.composite
def cases(draw):
    """Queries, keys and values, with a mask and a bias of any shapes that broadcast, or none."""
    side = st.integers(0, 3)
    batch = draw(st.lists(side, max_size=2))
    key_heads, group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    queries, keys = draw(side), draw(side)
    dim, value_dim = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    seed = draw(st.integers(0, 2**32 - 1))
    shapes = (
        (*batch, key_heads * group, queries, dim),
        (*batch, key_heads, keys, dim),
        (*batch, key_heads, keys, value_dim),
    )
    arrays = [normal([seed, place], shape, "torch-float64", grad=True) for place, shape in enumerate(shapes)]
    scores = (*batch, key_heads * group, queries, keys)
    mask = random_mask(seed % 1000, draw(masks_shapes(scores))) if draw(st.booleans()) else None
    bias = normal([seed, 3], draw(masks_shapes(scores)), "torch-float64", grad=True) if draw(st.booleans()) else None
    return arrays, mask, bias


@given(cases())
def test_shared_keys_are_copied_keys(case):
    """Values and gradients, whatever is shared, masked, added or empty, with and without weights."""
    arrays, mask, bias = case
    expected, expected_weights = loop_over_heads(*arrays, mask, bias)
    upstream = normal(4, expected.shape, "torch-float64")
    leaves = arrays if bias is None else [*arrays, bias]
    gradients = torch.autograd.grad(expected, leaves, upstream, allow_unused=True, materialize_grads=True)
    before = [copy_of(array) for array in [*leaves] + ([] if mask is None else [mask])]
    for asked in (False, True):
        came = attend_heads(*arrays, mask, bias=bias, return_weights=asked)
        context = came[0] if asked else came
        assert context.shape == expected.shape
        close(context, expected)
        if asked:
            assert came[1].shape == expected_weights.shape
            close(came[1], expected_weights)
        for gradient, wanted in zip(
            torch.autograd.grad(context, leaves, upstream, allow_unused=True, materialize_grads=True),
            gradients,
            strict=True,
        ):
            close(gradient, wanted)
    assert all(same(*pair) for pair in zip([*leaves] + ([] if mask is None else [mask]), before, strict=True))


@given(cases())
def test_gradients_of_the_weights(case):
    arrays, mask, bias = case
    upstream = normal(5, loop_over_heads(*arrays, mask, bias)[1].shape, "torch-float64")
    gradients = [
        torch.autograd.grad(weights, arrays[:2], upstream, allow_unused=True, materialize_grads=True)
        for weights in (
            attend_heads(*arrays, mask, bias=bias, return_weights=True)[1],
            loop_over_heads(*arrays, mask, bias)[1],
        )
    ]
    for gradient, wanted in zip(*gradients, strict=True):
        close(gradient, wanted)


def inputs(kind="torch-float64", batch=(2,), heads=HEADS, key_heads=2, lengths=(3, 5), dims=(3, 4)):
    shapes = ((heads, lengths[0], dims[0]), (key_heads, lengths[1], dims[0]), (key_heads, lengths[1], dims[1]))
    return [normal([7, place], (*batch, *shape), kind, grad=True) for place, shape in enumerate(shapes)]


@ways
@torch_kinds
@pytest.mark.parametrize("key_heads", [1, 2, HEADS])
@pytest.mark.parametrize("with_bias", [False, True])
def test_rows_that_see_nothing_are_zeros_with_finite_gradients(kind, asked, key_heads, with_bias):
    arrays = inputs(kind, key_heads=key_heads)
    mask = random_mask(1, (2, HEADS, 3, 5))
    mask[0, :, 1] = mask[1, 2] = False
    bias = normal(8, (HEADS, 3, 5), kind, grad=True) if with_bias else None
    came = attend_heads(*arrays, mask, bias=bias, return_weights=asked)
    context, *weights = came if asked else (came,)
    assert context.dtype == arrays[0].dtype
    expected = loop_over_heads(*(a.double() for a in arrays), mask, None if bias is None else bias.double())
    for part, wanted in zip((context, *weights), expected, strict=False):
        assert part.dtype == arrays[0].dtype
        close(part, wanted, kind, size=4)
        assert (part[~mask.any(dim=-1)] == 0).all()
    context.double().square().sum().backward()
    leaves = arrays if bias is None else [*arrays, bias]
    assert all(leaf.grad.isfinite().all() for leaf in leaves)
    assert (arrays[0].grad[~mask.any(dim=-1)] == 0).all()
    assert (arrays[0].grad[mask.sum(dim=-1) > 1] != 0).any(dim=-1).all()


@ways
@pytest.mark.parametrize("key_heads", [2, HEADS])
def test_a_large_negative_score_is_not_a_masked_one(asked, key_heads):
    query = torch.full((1, HEADS, 1, 1), -1e15)
    key = torch.tensor([1e15, 1.0]).reshape(1, 1, 2, 1).expand(1, key_heads, 2, 1)
    value = torch.tensor([5.0, 7.0]).reshape(1, 1, 2, 1).expand(1, key_heads, 2, 1)
    for mask, expected in [([True, False], 5), ([False, True], 7), ([False, False], 0), ([True, True], 7)]:
        for bias in (None, torch.zeros(HEADS, 1, 2), torch.full((HEADS, 1, 2), -1e30)):
            came = attend_heads(query, key, value, torch.tensor(mask), bias=bias, return_weights=asked)
            assert ((came[0] if asked else came) == expected).all()


@pytest.mark.parametrize("key_heads", [1, HEADS])
@pytest.mark.parametrize("with_bias", [False, True])
@ways
def test_dropout_leaves_weights_out_of_the_sum_and_returns_them_whole(asked, key_heads, with_bias):
    query = torch.zeros(1, HEADS, 3, 2)
    key, value = torch.zeros(1, key_heads, 2000, 2), torch.ones(1, key_heads, 2000, 1)
    bias = torch.zeros(3, 2000) if with_bias else None

    def once(p, seed):
        torch.manual_seed(seed)
        came = attend_heads(query, key, value, bias=bias, dropout_p=p, return_weights=asked)
        if asked:
            torch.testing.assert_close(came[1], torch.full((1, HEADS, 3, 2000), 1 / 2000))
        return came[0] if asked else came

    kept = once(0.75, 0)
    assert torch.equal(once(0.75, 0), kept)
    assert not torch.equal(once(0.75, 1), kept)
    assert len(kept.unique()) > 6  # each head and query draws for itself
    # Each context is the share of the 2000 that were kept, over 1 / 4, whose standard deviation is 0.039.
    assert ((kept - 1).abs() < 0.2).all()
    assert ((kept - 1).abs() > 1e-3).any()
    torch.testing.assert_close(once(0.0, 0), torch.ones(1, HEADS, 3, 1), rtol=0, atol=1e-4)


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("p", [1.0, -0.1])
@ways
def test_a_share_that_dropout_can_not_leave_out(asked, p, with_bias):
    bias = torch.zeros(3, 5) if with_bias else None
    with fails(ValueError, f"dropout_p must be at least 0 and below 1, got {p}"):
        attend_heads(*inputs(), bias=bias, dropout_p=p, return_weights=asked)


@pytest.mark.parametrize("lengths", [(0, 5), (3, 0), (0, 0)], ids=str)
def test_nothing_empty_goes_to_the_kernel(lengths, monkeypatch):
    """It was not made for it, on every device: :func:`attend` keeps it away, and so must what has a bias."""
    monkeypatch.setattr(_fused, "context_alone", None)
    for bias in (None, torch.zeros(lengths, dtype=torch.float64)):
        assert (attend_heads(*inputs(lengths=lengths), bias=bias) == 0).all()
    with pytest.raises(TypeError, match="not callable"):
        attend_heads(*inputs(), bias=torch.zeros(3, 5, dtype=torch.float64))


@pytest.mark.usefixtures("unchecked")
@ways
def test_errors_of_attend_heads(asked):
    def attend(*shapes, **how):
        return attend_heads(*(torch.ones(shape) for shape in shapes), return_weights=asked, **how)

    query, key = (2, 4, 3, 6), (2, 2, 5, 6)
    with fails(ValueError, "4 heads can't share 3 key heads evenly"):
        attend(query, (2, 3, 5, 6), (2, 3, 5, 6))
    with fails(ValueError, "4 heads can't share 0 key heads evenly"):
        attend(query, (2, 0, 5, 6), (2, 0, 5, 6))
    with fails(ValueError, "4 heads can't share 8 key heads evenly"):
        attend(query, (2, 8, 5, 6), (2, 8, 5, 6))
    with fails(ValueError, "query must have shape (..., heads, query, head_dim), got (3, 6)"):
        attend((3, 6), key, key)
    with fails(ValueError, "key must have shape (..., key_heads, key, head_dim), got (5, 6)"):
        attend(query, (5, 6), key)
    with fails(ValueError, "key has dim 7 but query has dim 6"):
        attend(query, (2, 2, 5, 7), key)
    with fails(ValueError, "there are 5 keys but 4 values"):
        attend(query, key, (2, 2, 4, 6))
    with fails(ValueError, "mask has shape (3, 4), which does not broadcast to scores of shape (2, 4, 3, 5)"):
        attend(query, key, key, mask=torch.ones(3, 4, dtype=torch.bool))
    with fails(ValueError, "mask has shape (2, 2, 3, 5), which does not broadcast to scores of shape (2, 4, 3, 5)"):
        attend(query, key, key, mask=torch.ones(2, 2, 3, 5, dtype=torch.bool))
    with fails(ValueError, "bias has shape (2, 3, 5), which does not broadcast to scores of shape (2, 4, 3, 5)"):
        attend(query, key, key, bias=torch.ones(2, 3, 5))
    with fails(ValueError, "bias has shape (7, 2, 4, 3, 5), which does not broadcast to scores of shape (2, 4, 3, 5)"):
        attend(query, key, key, bias=torch.ones(7, 2, 4, 3, 5))
    with fails(TypeError, "mask must be boolean"):
        attend(query, key, key, mask=torch.ones(3, 5))


# The module against torch's


def twin_of(module):
    """torch's module with copies of the weights."""
    dim, bias = module.Ow.out_features, module.Ow.bias is not None
    twin = nn.MultiheadAttention(
        dim, module.heads, bias=bias, kdim=module.Kw.in_features, vdim=module.Vw.in_features, batch_first=True
    ).to(module.Qw.weight.dtype)
    with torch.no_grad():
        layers = [module.Qw, module.Kw, module.Vw]
        if twin.in_proj_weight is not None:
            twin.in_proj_weight.copy_(torch.cat([layer.weight for layer in layers]))
        else:
            for layer, copied in zip(layers, (twin.q_proj_weight, twin.k_proj_weight, twin.v_proj_weight), strict=True):
                copied.copy_(layer.weight)
        twin.out_proj.weight.copy_(module.Ow.weight)
        if bias:
            twin.in_proj_bias.copy_(torch.cat([layer.bias for layer in layers]))
            twin.out_proj.bias.copy_(module.Ow.bias)
    return twin


def gradients_of_twin(twin):
    """Gradients under our names."""
    if twin.in_proj_weight is not None:
        found = dict(zip("QKV", twin.in_proj_weight.grad.chunk(3), strict=True))
    else:
        found = {"Q": twin.q_proj_weight.grad, "K": twin.k_proj_weight.grad, "V": twin.v_proj_weight.grad}
    found = {f"{name}w.weight": gradient for name, gradient in found.items()}
    found["Ow.weight"] = twin.out_proj.weight.grad
    if twin.in_proj_bias is not None:
        found |= {f"{name}w.bias": part for name, part in zip("QKV", twin.in_proj_bias.grad.chunk(3), strict=True)}
        found["Ow.bias"] = twin.out_proj.bias.grad
    return found


def module_of(kind="torch-float64", dim=DIM, heads=HEADS, seed=0, **how):
    module = MultiHeadAttention(dim, heads, seed=seed, **how).to(getattr(torch, kind.split("-")[1]))
    if how.get("bias"):
        for number, layer in enumerate((module.Qw, module.Kw, module.Vw, module.Ow)):
            with torch.no_grad():
                layer.bias.copy_(normal([99, number], layer.bias.shape, kind))
    return module


QUERIES, KEYS = 5, 7
LENGTHS = torch.tensor([7, 3])


def masks_against_torch(which, keys):
    """Our mask (batch, heads or 1, query, key) and torch's two, which say the opposite; no row sees nothing."""
    lengths = LENGTHS.clamp(max=keys)
    padding = padding_mask(lengths, keys)
    causal = torch.ones(QUERIES, keys, dtype=torch.bool).tril()
    per_head = random_mask(4, (2, HEADS, QUERIES, keys))
    per_head[..., 0] = True
    flat = per_head.flatten(0, 1)
    return {
        "none": (None, {}),
        "padding": (padding[:, None, :], {"key_padding_mask": ~padding}),
        "causal": (causal, {"attn_mask": ~causal}),
        "per head": (per_head, {"attn_mask": ~flat}),
        "padding and causal": (padding[:, None] & causal, {"key_padding_mask": ~padding, "attn_mask": ~causal}),
        "padding and per head": (
            padding[:, None, None] & per_head,
            {"key_padding_mask": ~padding, "attn_mask": ~flat},
        ),
    }[which]


@wide_kinds
@biases
@pytest.mark.parametrize("crossing", [False, True], ids=["self", "cross"])
@pytest.mark.parametrize(
    "which", ["none", "padding", "causal", "per head", "padding and causal", "padding and per head"]
)
def test_the_module_is_torchs(which, crossing, bias, kind):
    """Output, weights of each head and their mean, and the gradients of inputs and of all that is learned."""
    dims = {"key_dim": 6, "value_dim": 10} if crossing else {}
    module = module_of(kind, bias=bias, **dims)
    twin = twin_of(module)
    query = normal(1, (2, QUERIES, DIM), kind, grad=True)
    given_inputs = [query]
    if crossing:
        given_inputs += [normal(2, (2, KEYS, 6), kind, grad=True), normal(3, (2, KEYS, 10), kind, grad=True)]
    theirs = [array.detach().clone().requires_grad_() for array in given_inputs]
    mask, options = masks_against_torch(which, KEYS if crossing else QUERIES)
    upstream = normal(4, (2, QUERIES, DIM), kind)

    expected, each_head = twin(*(theirs if crossing else theirs * 3), average_attn_weights=False, **options)
    expected.backward(upstream)
    _, mean = twin(*(theirs if crossing else theirs * 3), **options)

    for asked in (False, True):
        module.zero_grad()
        for array in given_inputs:
            array.grad = None
        came = module(*given_inputs, mask=mask, return_weights=asked)
        output, *weights = came if asked else (came,)
        assert output.dtype == expected.dtype
        close(output, expected, kind)
        if asked:
            close(weights[0], each_head, kind)
            close(weights[0].mean(dim=1), mean, kind)
        output.backward(upstream)
        for array, their in zip(given_inputs, theirs, strict=True):
            close(array.grad, their.grad, kind, size=50)
        wanted = gradients_of_twin(twin)
        ours = {name: parameter.grad for name, parameter in module.named_parameters()}
        assert ours.keys() == wanted.keys()
        for name, gradient in ours.items():
            close(gradient, wanted[name], kind, size=50)


@ways
@biases
def test_keys_of_their_own_width_and_values_from_the_keys(asked, bias):
    """Without a value, values are made from the keys; without a value_dim their width is the keys'."""
    module = module_of(key_dim=6, bias=bias)
    query, key = normal(1, (2, QUERIES, DIM), "torch-float64"), normal(2, (2, KEYS, 6), "torch-float64")
    output, weights = twin_of(module)(query, key, key, average_attn_weights=False)
    came = module(query, key, return_weights=asked)
    close(came[0] if asked else came, output)
    if asked:
        close(came[1], weights)


@ways
def test_values_of_their_own_beside_keys_of_the_same_width(asked):
    module = module_of()
    query, key, value = (normal(n, (2, QUERIES, DIM), "torch-float64") for n in range(3))
    came = module(query, key, value, return_weights=asked)
    output, weights = twin_of(module)(query, key, value, average_attn_weights=False)
    close(came[0] if asked else came, output)
    if asked:
        close(came[1], weights)


@ways
@half_kinds
def test_half_precision_is_close_to_the_answer(kind, asked):
    module, words = module_of("torch-float32", bias=True), normal(1, (2, QUERIES, DIM), "torch-float32")
    expected = module(words, return_weights=True)
    dtype = getattr(torch, kind.split("-")[1])
    came = module.to(dtype)(words.to(dtype), return_weights=asked)
    for part, wanted in zip(came if asked else [came], expected, strict=False):
        assert part.dtype == dtype
        close(part, wanted, kind, size=10)


# Heads that share keys, and heads of any width


@ways
@pytest.mark.parametrize("key_heads", [1, 2, 3, 6])
@pytest.mark.parametrize("head_dim", [None, 1, 5])
def test_shared_key_heads_are_copies_of_their_weights(key_heads, head_dim, asked):
    """A module whose heads share keys is one with all key heads whose rows are copied; gradients add up."""
    shared = module_of(heads=6, key_heads=key_heads, head_dim=head_dim, bias=True)
    full = module_of(heads=6, head_dim=head_dim, bias=True)
    width, group = shared.head_dim, 6 // key_heads
    state = shared.state_dict()
    for name in ("Kw.weight", "Kw.bias", "Vw.weight", "Vw.bias"):
        rows = state[name].unflatten(0, (key_heads, width))
        state[name] = rows.repeat_interleave(group, dim=0).flatten(0, 1)
    full.load_state_dict(state)
    words, mask = normal(1, (2, 4, DIM), "torch-float64"), random_mask(3, (2, 6, 4, 4))
    outputs = []
    for module in (shared, full):
        came = module(words, mask=mask, return_weights=asked)
        outputs.append(came if asked else (came,))
        outputs[-1][0].square().sum().backward()
    for pair in zip(*outputs, strict=True):
        close(*pair)
    for name, parameter in shared.named_parameters():
        gradient = full.get_parameter(name).grad
        if name.startswith(("K", "V")):
            parts = gradient.unflatten(0, (key_heads, group, width))
            gradient = parts.sum(dim=1).flatten(0, 1)
        close(parameter.grad, gradient)


def test_sizes_and_names_of_what_is_learned():
    def shapes(**how):
        return {name: tuple(p.shape) for name, p in MultiHeadAttention(12, 4, seed=0, **how).named_parameters()}

    square = dict.fromkeys(["Qw.weight", "Kw.weight", "Vw.weight", "Ow.weight"], (12, 12))
    assert shapes() == square
    for heads in (1, 2, 12):
        assert sum(p.numel() for p in MultiHeadAttention(12, heads, seed=0).parameters()) == 4 * 12**2
    assert shapes(bias=True) == square | dict.fromkeys(["Qw.bias", "Kw.bias", "Vw.bias", "Ow.bias"], (12,))
    assert shapes(key_heads=1, key_dim=5) == square | {"Kw.weight": (3, 5), "Vw.weight": (3, 5)}
    assert shapes(head_dim=5, key_heads=2, key_dim=6, value_dim=7, bias=True) == {
        "Qw.weight": (20, 12),
        "Qw.bias": (20,),
        "Kw.weight": (10, 6),
        "Kw.bias": (10,),
        "Vw.weight": (10, 7),
        "Vw.bias": (10,),
        "Ow.weight": (12, 20),
        "Ow.bias": (12,),
    }


def test_weights_start_from_the_seed():
    first, again, other = (MultiHeadAttention(64, 4, key_heads=2, bias=True, seed=seed) for seed in (1, 1, 2))
    drawn = MultiHeadAttention(64, 4, key_heads=2, bias=True, seed=torch.Generator().manual_seed(1))
    before = torch.random.get_rng_state()
    for name, parameter in first.named_parameters():
        assert torch.equal(parameter, again.get_parameter(name))
        assert torch.equal(parameter, drawn.get_parameter(name))
        if name.endswith("bias"):
            assert (parameter == 0).all()
            continue
        assert not torch.equal(parameter, other.get_parameter(name))
        bound = math.sqrt(6 / sum(parameter.shape))
        assert 0.98 * bound < parameter.abs().max().item() <= bound
    assert not torch.equal(first.Qw.weight, first.Ow.weight)
    assert not torch.equal(first.Kw.weight, first.Vw.weight)
    assert torch.equal(torch.random.get_rng_state(), before)


# Masks


def legal_masks(batch, heads, queries, keys):
    """Every shape that a mask may have, with the full mask (*batch, heads, query, key) that it stands for."""
    shapes = [(), (1,), (keys,), (queries, 1), (1, keys), (queries, keys)]
    for start in range(len(batch)):
        for kept in (batch[start:], (1,) * (len(batch) - start)):
            shapes += [(*kept, queries, keys), (*kept, 1, keys), (*kept, queries, 1)]
    per_head = [(*batch, heads, queries, keys), (*batch, heads, 1, keys), (*batch, 1, queries, 1), (*batch, 1, 1, keys)]
    shapes += [*per_head, (*(1 for _ in batch), heads, queries, keys)]
    for number, shape in enumerate(dict.fromkeys(shapes)):
        mask = random_mask(number, shape)
        full = mask if mask.ndim > len(batch) + 2 or mask.ndim <= 2 else mask[..., None, :, :]
        if mask.ndim == len(batch) + 3:
            full = mask
        yield mask, full.expand(*batch, heads, queries, keys)


@ways
@pytest.mark.parametrize("key_heads", [1, 2, HEADS])
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)], ids=str)
def test_masks_of_every_shape(batch, key_heads, asked):
    module, words = module_of(key_heads=key_heads), normal(1, (*batch, 5, DIM), "torch-float64")
    keys = normal(2, (*batch, 6, DIM), "torch-float64")
    for mask, full in legal_masks(batch, HEADS, 5, 6):
        before = mask.clone()
        came = module(words, keys, mask=mask, return_weights=asked)
        expected = module(words, keys, mask=full.contiguous(), return_weights=asked)
        for part, wanted in zip(came if asked else [came], expected if asked else [expected], strict=True):
            close(part, wanted)
        if asked:
            assert (came[1][~full] == 0).all()
        assert torch.equal(mask, before)


def test_a_mask_without_heads_is_for_each_sentence():
    """With as many sentences as heads, a mask (batch, query, key) must not be read as one (heads, query, key)."""
    module, words = module_of(), normal(1, (HEADS, 5, DIM), "torch-float64")
    mask = random_mask(3, (HEADS, 5, 5)) | torch.eye(5, dtype=torch.bool)
    _, weights = module(words, mask=mask, return_weights=True)
    assert torch.equal(weights != 0, mask[:, None].expand(HEADS, HEADS, 5, 5))
    for sentence in range(HEADS):
        close(module(words, mask=mask)[sentence], module(words[[sentence]], mask=mask[[sentence]])[0])


@pytest.mark.usefixtures("unchecked")
@ways
@pytest.mark.parametrize("key_heads", [1, HEADS])
def test_masks_that_do_not_fit(asked, key_heads):
    module, words = module_of(key_heads=key_heads), torch.ones(2, 5, DIM).double()
    three, four = "(2, 5, 5)", "(2, 4, 5, 5)"
    for shape, scores in [
        ((4,), three),
        ((5, 4), three),
        ((6, 5), three),
        ((3, 5, 5), three),
        ((4, 5, 5), three),
        ((2, 3, 5, 5), four),
        ((3, 4, 5, 5), four),
        ((2, 4, 6, 5), four),
        ((1, 2, 4, 5, 5), four),
    ]:
        with fails(ValueError, f"mask has shape {shape}, which does not broadcast to scores of shape {scores}"):
            module(words, mask=torch.ones(shape, dtype=torch.bool), return_weights=asked)
    with fails(TypeError, "mask must be boolean (True = may be attended to), got dtype float32"):
        module(words, mask=torch.ones(5, 5), return_weights=asked)
    with fails(TypeError, "query is a torch tensor but mask is a NumPy array"):
        module(words, mask=np.ones((5, 5), dtype=bool), return_weights=asked)
    with fails(TypeError, "mask must be a NumPy array or a torch tensor, got list"):
        module(words, mask=[[True] * 5] * 5, return_weights=asked)


@biases
@half_kinds
@ways
def test_a_sentence_that_sees_nothing_gets_the_bias_of_the_output(asked, kind, bias):
    module, words = module_of(kind, bias=bias), normal(1, (2, 5, DIM), kind, grad=True)
    mask = torch.tensor([True, False])[:, None, None]
    came = module(words, mask=mask, return_weights=asked)
    output, *weights = came if asked else (came,)
    nothing = module.Ow.bias if bias else torch.zeros(DIM, dtype=output.dtype)
    assert torch.equal(output[1], nothing.expand(5, DIM))
    assert not torch.equal(output[0], nothing.expand(5, DIM))
    if asked:
        assert (weights[0][1] == 0).all()
    output.sum().backward()
    assert words.grad.isfinite().all()
    assert (words.grad[1] == 0).all()
    assert (words.grad[0] != 0).any()
    assert all(p.grad.isfinite().all() for p in module.parameters())


@ways
@pytest.mark.parametrize("key_heads", [1, HEADS])
def test_a_sentence_in_a_padded_batch_is_the_sentence_alone(asked, key_heads):
    module, words = module_of(key_heads=key_heads), normal(1, (2, 6, DIM), "torch-float64")
    mask = padding_mask(torch.tensor([6, 4]), 6)[:, None] & causal_mask(6, like=words)
    whole = module(words, mask=mask, return_weights=asked)
    alone = module(words[1, :4], mask=causal_mask(4, like=words), return_weights=asked)
    close((whole[0] if asked else whole)[1, :4], alone[0] if asked else alone)
    if asked:
        close(whole[1][1, :, :4, :4], alone[1])


# The ways through the module


@settings(max_examples=60)
@given(st.data())
def test_the_two_ways_agree_and_nothing_is_changed(data):
    side = st.integers(0, 4)
    batch = data.draw(st.lists(st.integers(0, 3), max_size=2))
    key_heads, group = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    head_dim, queries, keys = data.draw(st.integers(1, 3)), data.draw(side), data.draw(side)
    heads = key_heads * group
    module = module_of(dim=4, heads=heads, key_heads=key_heads, head_dim=head_dim, key_dim=3, value_dim=2, bias=True)
    shapes = [(*batch, queries, 4), (*batch, keys, 3), (*batch, keys, 2)]
    arrays = [normal([5, number], shape, "torch-float64") for number, shape in enumerate(shapes)]
    mask = random_mask(6, data.draw(masks_shapes((*batch, heads, queries, keys))))
    if 2 < mask.ndim < len(batch) + 3:
        mask = None
    before = [copy_of(array) for array in arrays] + ([] if mask is None else [mask.clone()])
    alone = module(*arrays, mask)
    output, weights = module(*arrays, mask, return_weights=True)
    prepared = module.prepare(*arrays[1:])
    assert isinstance(prepared, KeysValues)
    assert prepared.keys.shape == prepared.values.shape == (*batch, key_heads, keys, head_dim)
    close(output, alone)
    close(module.attend_to(arrays[0], prepared, mask), alone)
    close(module.attend_to(arrays[0], prepared, mask, return_weights=True)[1], weights)
    assert output.shape == alone.shape == (*batch, queries, 4)
    assert weights.shape == (*batch, heads, queries, keys)
    sums = weights.sum(dim=-1)
    assert torch.all((sums - 1).abs().lt(1e-12) | sums.eq(0))
    after = arrays + ([] if mask is None else [mask])
    assert all(torch.equal(*pair) for pair in zip(after, before, strict=True))


@ways
@pytest.mark.parametrize("batch", [(), (2,), (2, 3)], ids=str)
def test_any_number_of_leading_dimensions(asked, batch):
    module = module_of(key_heads=2)
    words, others = normal(1, (*batch, 4, DIM), "torch-float64"), normal(2, (*batch, 6, DIM), "torch-float64")
    came = module(words, others, return_weights=asked)
    for place in np.ndindex(*batch):
        alone = module(words[place], others[place], return_weights=asked)
        for whole, part in zip(came if asked else [came], alone if asked else [alone], strict=True):
            close(whole[place], part)


@ways
@pytest.mark.parametrize(
    ("batch", "queries", "keys"), [((2,), 0, 3), ((2,), 3, 0), ((0,), 3, 3), ((), 0, 0), ((2, 0), 1, 2)]
)
@pytest.mark.parametrize("key_heads", [1, HEADS])
def test_empty_lengths(asked, batch, queries, keys, key_heads):
    module = module_of(bias=True, key_heads=key_heads)
    words = normal(1, (*batch, queries, DIM), "torch-float64", grad=True)
    others = normal(2, (*batch, keys, DIM), "torch-float64", grad=True)
    for mask in (None, torch.ones(queries, keys, dtype=torch.bool), torch.ones(*batch, 1, keys, dtype=torch.bool)):
        came = module(words, others, mask=mask, return_weights=asked)
        output, *weights = came if asked else (came,)
        assert output.shape == (*batch, queries, DIM)
        if keys == 0:
            assert torch.equal(output, module.Ow.bias.expand(output.shape))
        if asked:
            assert weights[0].shape == (*batch, HEADS, queries, keys)
        for gradient in torch.autograd.grad(output.sum(), [words, others, *module.parameters()]):
            assert gradient.isfinite().all()


def test_keys_prepared_once_serve_many_queries():
    module = module_of(key_heads=2, key_dim=5)
    words, others = normal(1, (2, 4, DIM), "torch-float64"), normal(2, (2, 6, 5), "torch-float64")
    prepared = module.prepare(others)
    whole = module(words, others)
    for place in range(4):
        close(module.attend_to(words[:, [place]], prepared), whole[:, [place]])
    pieces = [module.prepare(part) for part in others.split(2, dim=1)]
    for number in range(2):
        assert torch.equal(torch.cat([piece[number] for piece in pieces], dim=-2), prepared[number])


@ways
@biases
def test_words_in_any_layout_give_the_same(asked, bias):
    module = module_of(bias=bias)
    words = normal(1, (2, 5, DIM), "torch-float64")
    expected = module(words, return_weights=asked)
    for other in (
        words.mT.contiguous().mT,
        words.transpose(0, 1).contiguous().transpose(0, 1),
        words.repeat(1, 1, 2)[..., :DIM],
    ):
        came = module(other, return_weights=asked)
        for part, wanted in zip(came if asked else [came], expected if asked else [expected], strict=True):
            close(part, wanted)
    one = words[:1]
    close(module(one.expand(3, 5, DIM)), module(one).expand(3, 5, DIM))


def test_words_given_twice_or_thrice_are_words_given_once():
    """Self-attention, whether the keys are left out or are the words again, or a copy of them; gradients too."""
    module = module_of(bias=True)
    words = normal(1, (2, 5, DIM), "torch-float64", grad=True)
    upstream = normal(2, (2, 5, DIM), "torch-float64")
    calls = [
        lambda: module(words),
        lambda: module(words, words),
        lambda: module(words, words, words),
        lambda: module(words, words.clone()),
        lambda: module(words, words, words.clone()),
        lambda: module.attend_to(words, module.prepare(words)),
        lambda: module.attend_to(words, module.prepare(words, words.clone())),
    ]
    results = []
    for call in calls:
        output = call()
        results.append([output, *torch.autograd.grad(output, [words, *module.parameters()], upstream)])
    for other in results[1:]:
        for came, expected in zip(other, results[0], strict=True):
            close(came, expected)


def test_frozen_weights_and_inference():
    """Some weights may be frozen, and there may be no gradients at all: the same output, and those that are left."""
    module = module_of(bias=True)
    words = normal(1, (2, 5, DIM), "torch-float64")
    expected = module(words)
    expected.square().sum().backward()
    gradients = {name: p.grad.clone() for name, p in module.named_parameters()}
    module.zero_grad()
    module.Kw.requires_grad_(False)
    output = module(words)
    close(output, expected)
    output.square().sum().backward()
    for name, parameter in module.named_parameters():
        if name.startswith("Kw"):
            assert parameter.grad is None
        else:
            close(parameter.grad, gradients[name])
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            close(module(words), expected)
            close(module(words, return_weights=True)[0], expected)


def test_projections_are_modules_that_hooks_and_subclasses_see():
    """Whatever is hung on Qw, Kw, Vw and Ow takes effect, in self-attention too."""
    module, words = module_of(), normal(1, (2, 5, DIM), "torch-float64")
    called = []
    for name in ("Qw", "Kw", "Vw", "Ow"):
        getattr(module, name).register_forward_hook(lambda *_, name=name: called.append(name))
    module(words)
    module(words, return_weights=True)
    assert sorted(called) == sorted(["Qw", "Kw", "Vw", "Ow"] * 2)
    before = module(words)
    module.Qw.register_forward_hook(lambda _, inputs, output: output.relu())
    queries = split_heads((words @ module.Qw.weight.T).relu(), HEADS)
    expected = module.Ow(merge_heads(attend_heads(queries, *module.prepare(words))))
    close(module(words), expected)
    assert not torch.allclose(expected, before)


# Dropout


@ways
@pytest.mark.parametrize("key_heads", [1, HEADS])
def test_dropout_in_training_alone(asked, key_heads):
    module, words = module_of(dropout_p=0.5, key_heads=key_heads), normal(1, (2, 5, DIM), "torch-float64")
    without = module_of(key_heads=key_heads)
    without.load_state_dict(module.state_dict())
    expected, expected_weights = without(words, return_weights=True)

    def call(seed):
        torch.manual_seed(seed)
        came = module(words, return_weights=asked)
        if asked:
            close(came[1], expected_weights)
        return came[0] if asked else came

    assert module.training
    first = call(0)
    assert torch.equal(call(0), first)
    assert not torch.equal(call(1), first)
    assert not torch.allclose(first, expected)
    many = module(words[:1].expand(3000, 5, DIM), return_weights=asked)
    torch.testing.assert_close((many[0] if asked else many).mean(dim=0), expected[0], rtol=0, atol=0.05)
    module.eval()
    close(call(0), expected)
    assert torch.equal(call(1), call(0))


# Errors and the rest


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"dim": 0}, ValueError, "dim must be at least 1, got 0"),
        ({"dim": 8.0}, TypeError, "dim must be an integer, got float"),
        ({"heads": 0}, ValueError, "heads must be at least 1, got 0"),
        ({"heads": True}, TypeError, "heads must be an integer, got bool"),
        ({"heads": 3}, ValueError, "3 heads can't share dim 8 evenly; give a head_dim"),
        ({"key_heads": 0}, ValueError, "key_heads must be at least 1, got 0"),
        ({"key_heads": 3}, ValueError, "4 heads can't share 3 key heads evenly"),
        ({"key_heads": 8}, ValueError, "4 heads can't share 8 key heads evenly"),
        ({"key_heads": "2"}, TypeError, "key_heads must be an integer, got str"),
        ({"head_dim": 0}, ValueError, "head_dim must be at least 1, got 0"),
        ({"head_dim": 1.5}, TypeError, "head_dim must be an integer, got float"),
        ({"key_dim": 0}, ValueError, "key_dim must be at least 1, got 0"),
        ({"value_dim": -1}, ValueError, "value_dim must be at least 1, got -1"),
        ({"value_dim": "1"}, TypeError, "value_dim must be an integer, got str"),
        ({"dropout_p": 1}, ValueError, "dropout_p must be at least 0 and below 1, got 1"),
        ({"dropout_p": -0.1}, ValueError, "dropout_p must be at least 0 and below 1, got -0.1"),
        ({"dropout_p": "0"}, TypeError, "dropout_p must be a number, got str"),
        ({"seed": 1.0}, TypeError, "seed must be"),
        ({"seed": None}, TypeError, "seed must be"),
    ],
)
def test_sizes_that_can_not_be(how, error, message):
    with fails(error, message):
        MultiHeadAttention(**({"dim": 8, "heads": 4, "seed": 0} | how))


def test_heads_of_a_width_need_not_share_dim():
    module = MultiHeadAttention(8, 3, head_dim=5, seed=0)
    assert module(torch.ones(2, 4, 8)).shape == (2, 4, 8)


@pytest.mark.usefixtures("unchecked")
@ways
def test_inputs_that_do_not_fit(asked):
    module = MultiHeadAttention(8, 2, key_dim=6, value_dim=4, seed=0)
    call = partial(module, return_weights=asked)
    query, key, value = torch.ones(2, 5, 8), torch.ones(2, 3, 6), torch.ones(2, 3, 4)
    assert call(query, key, value) is not None
    with fails(ValueError, "query has dim 7 but this module takes 8"):
        call(query[..., 1:], key, value)
    with fails(ValueError, "key has dim 8 but this module takes 6"):
        call(query)
    with fails(ValueError, "key has dim 5 but this module takes 6"):
        call(query, key[..., 1:], value)
    with fails(ValueError, "value has dim 6 but this module takes 4"):
        call(query, key)
    with fails(ValueError, "value has dim 3 but this module takes 4"):
        call(query, key, value[..., 1:])
    with fails(ValueError, "there are 3 keys but 2 values"):
        call(query, key, value[:, 1:])
    with fails(ValueError, "query must have shape (..., query, query_dim), got (8,)"):
        call(query[0, 0], key, value)
    with fails(ValueError, "key must have shape (..., key, key_dim), got (6,)"):
        call(query, key[0, 0], value)
    with fails(ValueError, "value must have shape (..., key, value_dim), got (4,)"):
        call(query, key, value[0, 0])
    with fails(ValueError, "leading dimensions must broadcast: query has (2, 2) and key has (3, 2)"):
        call(query, torch.ones(3, 3, 6), torch.ones(3, 3, 4))
    for name in ("query", "key", "value"):
        arrays = {"query": query, "key": key, "value": value}
        with fails(TypeError, f"{name} must hold floating-point numbers, got dtype int64"):
            call(**(arrays | {name: arrays[name].long()}))
        with fails(TypeError, f"weight is a torch tensor but {name} is a NumPy array"):
            call(**(arrays | {name: arrays[name].numpy()}))
        with fails(TypeError, f"{name} must be a NumPy array or a torch tensor, got list"):
            call(**(arrays | {name: arrays[name].tolist()}))


@ways
def test_copies_and_saved_weights_work_alike(asked):
    module, words = module_of(bias=True, key_heads=2), normal(0, (2, 4, DIM), "torch-float64")
    loaded = module_of(bias=True, key_heads=2, seed=5)
    assert not torch.allclose(loaded(words), module(words))
    loaded.load_state_dict(module.state_dict())
    expected = module(words, return_weights=asked)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), loaded):
        came = other(words, return_weights=asked)
        for part, wanted in zip(came if asked else [came], expected if asked else [expected], strict=True):
            assert torch.equal(part, wanted)


@ways
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_under_vmap(asked):
    module, words = module_of(key_heads=2, bias=True), normal(0, (3, 2, 4, DIM), "torch-float64")
    mask = causal_mask(4, like=words)
    came = torch.func.vmap(lambda each: module(each, mask=mask, return_weights=asked))(words)
    expected = module(words, mask=mask, return_weights=asked)
    for part, wanted in zip(came if asked else [came], expected if asked else [expected], strict=True):
        close(part, wanted)


@ways
def test_autocast_changes_little(asked):
    module, words = module_of("torch-float32", bias=True), normal(0, (2, 4, DIM), "torch-float32")
    with torch.autocast("cpu", torch.bfloat16):
        came = module(words, return_weights=asked)
    close(came[0] if asked else came, module(words), "torch-bfloat16", size=10)
    (came[0] if asked else came).float().sum().backward()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in module.parameters())
