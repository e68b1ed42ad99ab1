"""Conversions of masks, against torch's own layers and against what the other libraries document."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn.functional import linear, scaled_dot_product_attention

from attnlib.mask_conventions import (
    additive_bias,
    from_additive,
    from_huggingface,
    from_jax,
    from_keras,
    from_torch_mha,
    to_huggingface,
    to_jax,
    to_keras,
    to_torch_mha,
)
from attnlib.masks import causal_mask, combine_masks, padding_mask
from attnlib.softmax import softmax
from tests.attnlib.strategies import KINDS, LIBRARIES, copy_of, dtype_of, fails, make, make_mask, plain, same

INF, NAN = math.inf, math.nan
libraries = pytest.mark.parametrize("library", LIBRARIES)
kinds = pytest.mark.parametrize("kind", KINDS)
sizes = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4))
"""batch, heads, query, key"""


def dtype_for(kind):
    return getattr(torch if kind.startswith("torch") else np, dtype_of(kind))


def is_boolean(mask, library):
    return mask.dtype == (torch.bool if library == "torch" else np.dtype(bool))


@st.composite
def masks(draw, size, *, ndims=(2, 3, 4), same_keys=False):
    """Draw a mask in one of our forms for scores (batch, heads, query, key): some axes left out, some of length 1."""
    batch, heads, query, key = (draw(st.sampled_from(sorted({1, side}))) for side in size)
    keys = size[3] if same_keys else key
    shape = {2: (query, keys), 3: (batch, query, keys), 4: (batch, heads, query, keys)}[draw(st.sampled_from(ndims))]
    return draw(hnp.arrays(bool, shape))


def whole(mask, size):
    """Return one of our masks at the full size of the scores."""
    mask = plain(mask)
    front = {2: (1, 1), 3: (mask.shape[0], 1), 4: mask.shape[:2]}[mask.ndim]
    return np.broadcast_to(mask.reshape(*front, *mask.shape[-2:]), size)


# Numbers to be added


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=0, min_side=0, max_side=4)), st.sampled_from(KINDS))
def test_bias_is_zero_or_minus_infinity_and_comes_back(values, kind):
    mask = make_mask(values, kind)
    bias = additive_bias(mask, dtype_for(kind))
    assert bias.dtype == dtype_for(kind)
    assert tuple(bias.shape) == values.shape
    assert (plain(bias) == np.where(values, 0.0, -INF)).all()
    assert same(from_additive(bias), values)


@pytest.mark.parametrize("kind", KINDS[3:])
def test_bias_and_mask_give_torch_the_same(kind):
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 3, 4, 8, generator=generator).to(dtype_for(kind)) for _ in range(3))
    mask = torch.rand(2, 1, 4, 4, generator=generator) < 0.6
    mask[0, 0, 1] = False
    with_mask = scaled_dot_product_attention(query, key, value, attn_mask=mask)
    with_bias = scaled_dot_product_attention(query, key, value, attn_mask=additive_bias(mask, query.dtype))
    torch.testing.assert_close(with_mask, with_bias)
    assert (with_mask[0, :, 1] == 0).all()


@kinds
def test_every_number_that_libraries_write_is_read_as_forbidden(kind):
    lowest = plain(additive_bias(make_mask([False], kind), dtype_for(kind)))
    assert lowest == [-INF]
    limits = (torch if kind.startswith("torch") else np).finfo(dtype_for(kind))
    numbers = [0.0, -0.0, -INF, float(limits.min), -1e4, -6e4, -1e9, -1e3]
    assert plain(from_additive(make(numbers, kind))).tolist() == [True, True] + [False] * 6
    assert plain(from_additive(make([0.0, float(limits.min)], kind), limit=-1e30)).tolist() == [True, False]


@pytest.mark.usefixtures("unchecked")
class TestAdditiveErrors:
    @pytest.mark.parametrize("number", [-999.5, -1.0, 1e-3, 1.0, INF, NAN])
    @pytest.mark.parametrize("kind", ["numpy-float32", "torch-float64"])
    def test_a_bias_is_no_mask(self, kind, number):
        with fails(ValueError, f"bias must hold 0, -inf and numbers at or below -1000, got {number:g}"):
            from_additive(make([[0.0, -INF], [number, 0.0]], kind))

    def test_limit(self):
        bias = np.array([0.0, -5.0])
        assert from_additive(bias, limit=-5).tolist() == [True, False]
        with fails(ValueError, "bias must hold 0, -inf and numbers at or below -6, got -5"):
            from_additive(bias, limit=-6.0)
        for limit in (0, 1.0, -INF, NAN):
            with fails(ValueError, f"limit must be a finite number below 0, got {limit}"):
                from_additive(bias, limit=limit)
        for limit in ("-1", None, True):
            with fails(TypeError, f"limit must be a number, got {type(limit).__name__}"):
                from_additive(bias, limit=limit)

    def test_dtype(self):
        mask = np.ones(2, dtype=bool)
        for dtype in (torch.float32, np.int64, int, "float32", None):
            with fails(
                TypeError, f"dtype must be one of np.float16, np.float32, np.float64 for this mask, got {dtype}"
            ):
                additive_bias(mask, dtype)
        known = "torch.float16, torch.bfloat16, torch.float32, torch.float64"
        for dtype in (np.float32, np.dtype("float32"), torch.int64, torch.bool):
            with fails(TypeError, f"dtype must be one of {known} for this mask, got {dtype}"):
                additive_bias(torch.ones(2).bool(), dtype)
        assert additive_bias(mask, np.dtype("float32")).dtype == np.float32

    def test_wrong_arrays(self):
        with fails(TypeError, "bias must hold floating-point numbers, got dtype bool"):
            from_additive(np.array([True]))
        with fails(TypeError, "bias must be a NumPy array or a torch tensor, got list"):
            from_additive([0.0])
        for ones in (np.array([1, 0]), torch.tensor([1.0, 0.0])):
            with fails(TypeError, "mask must be boolean (True = may be attended to), got dtype"):
                additive_bias(ones, np.float32)
        with fails(TypeError, "mask must be a NumPy array or a torch tensor, got None; to allow all, pass no mask on"):
            additive_bias(None, np.float32)


# torch.nn.MultiheadAttention


def layer(heads):
    torch.manual_seed(heads)
    attention = torch.nn.MultiheadAttention(4 * heads, heads, batch_first=True, dtype=torch.float64)
    torch.nn.init.normal_(attention.in_proj_bias)
    torch.nn.init.normal_(attention.out_proj.bias)
    return attention


def inputs(size):
    batch, heads, query, key = size
    generator = torch.Generator().manual_seed(1)
    sides = (query, key, key)
    return [torch.randn(batch, side, 4 * heads, generator=generator, dtype=torch.float64) for side in sides]


def with_our_mask(attention, query, key, value, mask, heads):
    """Compute what the layer does, from its weights, with our mask in scaled_dot_product_attention."""
    projected = [
        linear(x, weight, bias).unflatten(-1, (heads, -1)).transpose(1, 2)
        for x, weight, bias in zip(
            (query, key, value), attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3), strict=True
        )
    ]
    context = scaled_dot_product_attention(*projected, attn_mask=mask)
    return attention.out_proj(context.transpose(1, 2).flatten(-2))


@given(sizes, st.data(), st.booleans())
def test_torch_layer_attends_as_our_mask_says(size, data, need_weights):
    batch, heads, query, _ = size
    values = data.draw(masks(size, same_keys=True))
    mask = torch.tensor(values)
    attention, arrays = layer(heads), inputs(size)
    arguments = to_torch_mha(mask, heads=heads, batch=batch, query_length=query)
    output, weights = attention(*arrays, **arguments, need_weights=need_weights, average_attn_weights=False)
    full = torch.tensor(whole(values, size))
    expected = with_our_mask(attention, *arrays, full, heads)
    possible = full.any(-1).all(1)
    torch.testing.assert_close(output[possible], expected[possible])
    if need_weights:
        assert torch.equal(weights[full.any(-1)] > 0, full[full.any(-1)])


@given(sizes, st.data(), st.sampled_from(LIBRARIES))
def test_torch_arguments_equal_the_loop(size, data, library):
    batch, heads, query, key = size
    values = data.draw(masks(size, same_keys=True))
    mask = make_mask(values, library)
    ((name, argument),) = to_torch_mha(mask, heads=heads, batch=batch, query_length=query).items()
    assert is_boolean(argument, library)
    full = whole(values, size)
    forms = {2: (query, key), 3: (batch * heads, query, key)}
    assert tuple(argument.shape) == ((batch, key) if name == "key_padding_mask" else forms[argument.ndim])
    for b, h, i, k in product(*map(range, size)):
        place = {"key_padding_mask": (b, k), "attn_mask": (b * heads + h, i, k)[3 - argument.ndim :]}[name]
        assert bool(argument[place]) == (not full[b, h, i, k])


@libraries
def test_torch_arguments_are_the_narrowest_that_hold_the_mask(library):
    def form(*shape, **lengths):
        ((name, argument),) = to_torch_mha(make_mask(np.ones(shape), library), heads=2, **lengths).items()
        return name, tuple(argument.shape)

    assert form(3, 1, 5) == ("key_padding_mask", (3, 5))
    assert form(3, 1, 1, 5) == ("key_padding_mask", (3, 5))
    assert form(1, 1, 5) == ("key_padding_mask", (1, 5))
    assert form(1, 1, 5, batch=3, query_length=4) == ("key_padding_mask", (3, 5))
    assert form(4, 5) == form(1, 4, 5) == form(1, 1, 4, 5) == ("attn_mask", (4, 5))
    assert form(4, 5, batch=3) == ("attn_mask", (4, 5))
    assert form(1, 5) == ("attn_mask", (1, 5))
    assert form(1, 5, query_length=4) == ("attn_mask", (4, 5))
    assert form(3, 4, 5) == form(3, 1, 4, 5) == form(3, 2, 4, 5) == ("attn_mask", (6, 4, 5))
    assert form(3, 2, 1, 5) == ("attn_mask", (6, 1, 5))
    assert form(3, 2, 1, 5, query_length=4) == ("attn_mask", (6, 4, 5))
    assert form(1, 2, 4, 5) == ("attn_mask", (2, 4, 5))
    assert form(1, 2, 4, 5, batch=3) == ("attn_mask", (6, 4, 5))
    assert form(0, 4, 5) == ("attn_mask", (0, 4, 5))


def test_padding_and_causality_may_go_to_torch_apart_or_together():
    lengths = torch.tensor([3, 1, 2])
    padding, causal = padding_mask(lengths)[:, None, :], causal_mask(3, like=lengths)
    apart = to_torch_mha(padding, heads=2) | to_torch_mha(causal, heads=2)
    together = to_torch_mha(combine_masks(padding, causal), heads=2)
    assert set(apart) == {"key_padding_mask", "attn_mask"}
    arrays = inputs((3, 2, 3, 3))
    torch.testing.assert_close(layer(2)(*arrays, **apart)[0], layer(2)(*arrays, **together)[0])
    assert same(from_torch_mha(**apart, heads=2), combine_masks(padding, causal)[:, None])


@given(sizes, st.data(), st.booleans(), st.booleans())
def test_our_mask_attends_as_the_torch_arguments_say(size, data, as_numbers, both):
    batch, heads, query, key = size
    shape = data.draw(st.sampled_from([(query, key), (batch * heads, query, key)]))
    pairs = torch.tensor(data.draw(hnp.arrays(bool, shape)))
    keys = torch.tensor(data.draw(hnp.arrays(bool, (batch, key))))
    if as_numbers:
        pairs, keys = (additive_bias(~forbidden, torch.float64) for forbidden in (pairs, keys))
    arguments = data.draw(st.sampled_from([{"attn_mask": pairs}, {"key_padding_mask": keys}]))
    if both:
        arguments = {"attn_mask": pairs, "key_padding_mask": keys}
    mask = from_torch_mha(**arguments, heads=heads)
    assert mask.ndim == 4
    attention, arrays = layer(heads), inputs(size)
    output, _ = attention(*arrays, **arguments, need_weights=False)
    # Without weights a row that may attend to nothing is zero in the layer, too.
    torch.testing.assert_close(output, with_our_mask(attention, *arrays, mask, heads))


@given(sizes, st.data(), st.sampled_from(LIBRARIES))
def test_torch_arguments_come_back(size, data, library):
    values = data.draw(masks(size, same_keys=True))
    back = from_torch_mha(
        **to_torch_mha(make_mask(values, library), heads=size[1], batch=size[0], query_length=size[2]), heads=size[1]
    )
    assert is_boolean(back, library)
    assert (np.broadcast_to(plain(back), size) == whole(values, size)).all()


def test_no_torch_argument_is_no_mask():
    assert from_torch_mha(heads=2) is None


@libraries
def test_torch_masks_of_length_zero(library):
    assert tuple(from_torch_mha(make_mask(np.zeros((0, 2, 3)), library), heads=2).shape) == (0, 2, 2, 3)
    assert tuple(from_torch_mha(make_mask(np.zeros((2, 0)), library), heads=2).shape) == (1, 1, 2, 0)


def test_a_row_that_may_attend_to_nothing_in_torch():
    """What the table in the module's docstring says, so that it is noticed when torch changes."""
    size = (2, 2, 3, 3)
    attention, (x, _, _) = layer(2), inputs(size)
    arguments = to_torch_mha(padding_mask(torch.tensor([2, 0]), 3)[:, None, :], heads=2)
    bias = attention.out_proj.bias.expand(3, -1)
    assert attention(x, x, x, **arguments)[0][1].isnan().all()
    torch.testing.assert_close(attention(x, x, x, **arguments, need_weights=False)[0][1], bias)
    attention.eval()
    torch.testing.assert_close(attention(x, x, x, **arguments, need_weights=False)[0][1], bias)
    with torch.no_grad():
        fast, _ = attention(x, x, x, **arguments, need_weights=False)
    assert fast[1].isnan().all()
    assert not fast[0].isnan().any()


@pytest.mark.usefixtures("unchecked")
class TestTorchErrors:
    def test_numbers_for_a_mask(self):
        for mask in (np.ones((2, 3), dtype=int), torch.ones(2, 3)):
            with fails(TypeError, "mask must be boolean (True = may be attended to), got dtype"):
                to_torch_mha(mask, heads=2)
        with fails(TypeError, "mask must be a NumPy array or a torch tensor, got list"):
            to_torch_mha([[True]], heads=2)

    def test_lengths(self):
        mask = np.ones((2, 3, 4, 5), dtype=bool)
        for lengths, scores in [
            ({"heads": 2}, (2, 2, 4, 5)),
            ({"heads": 3, "batch": 4}, (4, 3, 4, 5)),
            ({"heads": 3, "query_length": 1}, (2, 3, 1, 5)),
            ({"heads": 1}, (2, 1, 4, 5)),
        ]:
            with fails(
                ValueError, f"mask has shape (2, 3, 4, 5), which does not broadcast to scores of shape {scores}"
            ):
                to_torch_mha(mask, **lengths)

    def test_numbers_of_heads_and_more(self):
        mask = np.ones((2, 3), dtype=bool)
        for call in (lambda heads: to_torch_mha(mask, heads=heads), lambda heads: from_torch_mha(mask, heads=heads)):
            with fails(ValueError, "heads must be at least 1, got 0"):
                call(0)
            with fails(ValueError, "heads must not be negative, got -1"):
                call(-1)
            with fails(TypeError, "heads must be an integer, got float"):
                call(2.0)
        with fails(TypeError, "batch must be an integer, got str"):
            to_torch_mha(mask, heads=1, batch="2")
        with fails(ValueError, "query_length must not be negative, got -1"):
            to_torch_mha(mask, heads=1, query_length=-1)

    def test_axes(self):
        expected = "mask must have the axes (query, key), (batch, query, key) or (batch, heads, query, key), got shape"
        for function in (lambda mask: to_torch_mha(mask, heads=1), to_keras, to_jax, to_huggingface):
            for shape in ((), (3,), (1, 1, 1, 1, 3)):
                with fails(ValueError, f"{expected} {shape}"):
                    function(np.ones(shape, dtype=bool))

    def test_what_torch_would_not_take(self):
        expected = "attn_mask must have shape (query, key) or (batch · heads, query, key) with heads 2, got"
        for shape in ((3,), (3, 4, 5), (2, 2, 4, 5)):
            with fails(ValueError, f"{expected} {shape}"):
                from_torch_mha(np.ones(shape, dtype=bool), heads=2)
        for shape in ((3,), (2, 3, 4)):
            with fails(ValueError, f"key_padding_mask must have two axes, batch and length, got shape {shape}"):
                from_torch_mha(key_padding_mask=np.ones(shape, dtype=bool), heads=2)
        with fails(TypeError, "attn_mask must hold floating-point numbers, got dtype int64"):
            from_torch_mha(np.ones((2, 2), dtype=np.int64), heads=2)
        with fails(ValueError, "key_padding_mask must hold 0, -inf and numbers at or below -1000, got 1"):
            from_torch_mha(key_padding_mask=torch.ones(2, 2), heads=2)
        with fails(ValueError, "masks must broadcast to each other, got mask 1 (3, 2, 4, 5), mask 2 (2, 1, 1, 5)"):
            from_torch_mha(np.ones((6, 4, 5), dtype=bool), np.ones((2, 5), dtype=bool), heads=2)


# Libraries that are not here: what their documentation says, written with torch


def finite_attention_weights(scores, mask):
    """Return the softmax of scores with a large negative number in the places that the mask forbids."""
    return torch.where(mask, scores, -0.7 * torch.finfo(scores.dtype).max).softmax(-1)


def scores_of(size):
    return torch.randn(size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def assert_same_where_possible(theirs, scores, mask):
    """Compare weights on the rows that have a place; on the others theirs are uniform and ours 0."""
    ours = softmax(scores, mask)
    possible = mask.expand(scores.shape).any(-1)
    torch.testing.assert_close(theirs[possible], ours[possible])
    torch.testing.assert_close(theirs[~possible], torch.full_like(theirs[~possible], 1 / scores.shape[-1]))
    assert (ours[~possible] == 0).all()


def keras_weights(scores, attention_mask=None, query_mask=None, value_mask=None, key_mask=None):
    """Weights of keras.layers.MultiHeadAttention: masks made boolean, joined by and, heads put in at axis -3."""
    masks = [] if attention_mask is None else [attention_mask.bool()]
    masks += [] if query_mask is None else [query_mask.bool()[:, :, None]]
    masks += [keys.bool()[:, None, :] for keys in (value_mask, key_mask) if keys is not None]
    mask = torch.ones((), dtype=torch.bool)
    for one in masks:
        mask = mask & one
    while mask.ndim < 4:
        mask = mask.unsqueeze(-3) if mask.ndim >= 2 else mask[None]
    return finite_attention_weights(scores, mask)


@given(sizes, st.data())
def test_keras_attends_as_our_mask_says(size, data):
    mask = torch.tensor(data.draw(masks(size)))
    attention_mask = to_keras(mask)
    differs = mask.ndim == 4 and mask.shape[1] > 1
    assert attention_mask.ndim == (4 if differs else 3)
    full = torch.tensor(whole(mask, size))
    assert_same_where_possible(keras_weights(scores_of(size), attention_mask), scores_of(size), full)


@given(sizes, st.data(), st.sampled_from([torch.bool, torch.int32, torch.float32]))
def test_our_mask_attends_as_keras_masks_say(size, data, dtype):
    batch, _, query, key = size
    shapes = {
        "attention_mask": data.draw(st.sampled_from([(query, key), (batch, query, key)])),
        "query_mask": (batch, query),
        "value_mask": (batch, key),
        "key_mask": (batch, key),
    }
    names = data.draw(st.lists(st.sampled_from(sorted(shapes)), min_size=1, unique=True))
    given_masks = {name: torch.tensor(data.draw(hnp.arrays(bool, shapes[name]))).to(dtype) for name in names}
    mask = from_keras(**given_masks)
    assert mask.ndim == 4
    assert mask.dtype == torch.bool
    assert_same_where_possible(keras_weights(scores_of(size), **given_masks), scores_of(size), mask)


@given(sizes, st.data(), st.sampled_from(LIBRARIES))
def test_keras_masks_come_back(size, data, library):
    values = data.draw(masks(size))
    back = from_keras(to_keras(make_mask(values, library)))
    assert is_boolean(back, library)
    assert (np.broadcast_to(plain(back), size) == whole(values, size)).all()


def test_no_keras_mask_is_no_mask():
    assert from_keras() is None


@pytest.mark.usefixtures("unchecked")
class TestKerasErrors:
    @pytest.mark.parametrize("name", ["query_mask", "value_mask", "key_mask"])
    def test_each_mask_of_a_sequence(self, name):
        with fails(ValueError, f"{name} must have two axes, batch and length, got shape (2, 1, 3)"):
            from_keras(**{name: np.ones((2, 1, 3), dtype=bool)})
        with fails(ValueError, f"{name} must hold True and False, or 1 and 0, got 2"):
            from_keras(**{name: np.array([[1, 2]])})
        with fails(TypeError, f"{name} must be a NumPy array or a torch tensor, got list"):
            from_keras(**{name: [[True]]})

    def test_attention_mask(self):
        with fails(ValueError, "attention_mask must hold True and False, or 1 and 0, got -inf"):
            from_keras(np.array([[0.0, -INF]]))
        with fails(ValueError, "attention_mask must have the axes (query, key), (batch, query, key) or"):
            from_keras(np.ones(3, dtype=bool))
        with fails(ValueError, "masks must broadcast to each other, got mask 1 (1, 1, 2, 3), mask 2 (2, 1, 1, 4)"):
            from_keras(np.ones((2, 3)), key_mask=np.ones((2, 4)))

    def test_numbers_are_no_mask_of_ours(self):
        for function in (to_keras, to_jax, to_huggingface):
            for mask in (np.ones((2, 3), dtype=int), torch.ones(2, 3)):
                with fails(TypeError, "mask must be boolean (True = may be attended to), got dtype"):
                    function(mask)


def jax_weights(scores, mask):
    """Weights of jax.nn.dot_product_attention: a boolean mask of four axes, True = takes part."""
    assert mask.dtype == torch.bool
    assert mask.ndim == 4
    return finite_attention_weights(scores, mask)


def flax_weights(scores, mask):
    """Weights of flax.linen.dot_product_attention: broadcast to (batch, heads, query, key), 0 = forbidden."""
    return torch.where(mask.bool(), scores, torch.finfo(scores.dtype).min).softmax(-1)


@given(sizes, st.data())
def test_jax_and_flax_attend_as_our_mask_says(size, data):
    mask = torch.tensor(data.draw(masks(size)))
    full = torch.tensor(whole(mask, size))
    assert_same_where_possible(jax_weights(scores_of(size), to_jax(mask)), scores_of(size), full)
    assert_same_where_possible(flax_weights(scores_of(size), to_jax(mask)), scores_of(size), full)


@given(sizes, st.data(), st.sampled_from([torch.bool, torch.int64, torch.float32]))
def test_our_mask_attends_as_jax_and_flax_masks_say(size, data, dtype):
    shape = data.draw(st.tuples(*(st.sampled_from(sorted({1, side})) for side in size)))
    mask = torch.tensor(data.draw(hnp.arrays(bool, shape[data.draw(st.integers(0, 2)) :]))).to(dtype)
    ours = from_jax(mask)
    assert ours.ndim == 4
    assert ours.dtype == torch.bool
    assert_same_where_possible(flax_weights(scores_of(size), mask), scores_of(size), ours)


@given(sizes, st.data(), st.sampled_from(LIBRARIES))
def test_jax_masks_come_back(size, data, library):
    values = data.draw(masks(size))
    back = from_jax(to_jax(make_mask(values, library)))
    assert is_boolean(back, library)
    assert (np.broadcast_to(plain(back), size) == whole(values, size)).all()


@pytest.mark.usefixtures("unchecked")
def test_jax_errors():
    expected = "mask must have the axes (query, key), (heads, query, key) or (batch, heads, query, key), got shape"
    for shape in ((), (3,), (1, 1, 1, 2, 3)):
        with fails(ValueError, f"{expected} {shape}"):
            from_jax(np.ones(shape, dtype=bool))
    with fails(ValueError, "mask must hold True and False, or 1 and 0, got 0.5"):
        from_jax(np.array([[1.0, 0.5]]))
    with fails(TypeError, "mask must be a NumPy array or a torch tensor, got None; to allow all, pass no mask on"):
        from_jax(None)


def expanded(attention_mask, query, dtype):
    """A Hugging Face model's expansion of (batch, key): 0 for a word, the dtype's lowest number for padding."""
    forbidden = 1.0 - attention_mask[:, None, None, :].to(dtype)
    return (forbidden * torch.finfo(dtype).min).expand(-1, 1, query, -1)


@given(sizes, st.data())
def test_hugging_face_attends_as_our_mask_says(size, data):
    mask = torch.tensor(data.draw(masks(size)))
    scores = scores_of(size)
    attention_mask = to_huggingface(mask, torch.float64)
    assert attention_mask.dtype == torch.float64
    assert attention_mask.ndim == 4
    full = torch.tensor(whole(mask, size))
    assert_same_where_possible((scores + attention_mask).softmax(-1), scores, full)


@given(sizes, st.data())
def test_hugging_face_padding(size, data):
    batch, _, query, key = size
    values = data.draw(hnp.arrays(bool, (batch, key)))
    scores = scores_of(size)
    forms = [torch.tensor(values)[:, None, :], torch.tensor(values)[:, None, None, :]]
    for mask in forms:
        attention_mask = to_huggingface(mask)
        assert attention_mask.dtype == torch.int64
        assert attention_mask.tolist() == values.astype(int).tolist()
        theirs = (scores + expanded(attention_mask, query, torch.float64)).softmax(-1)
        assert_same_where_possible(theirs, scores, forms[1])
    for dtype in (torch.int32, torch.bool, torch.float32):
        back = from_huggingface(torch.tensor(values).to(dtype))
        assert back.dtype == torch.bool
        assert torch.equal(back, forms[1])
    assert torch.equal(
        from_huggingface(expanded(attention_mask, query, torch.float16)), forms[1].expand(-1, 1, query, -1)
    )


@given(sizes, st.data(), st.sampled_from(KINDS))
def test_hugging_face_masks_come_back(size, data, kind):
    values = data.draw(masks(size))
    there = to_huggingface(make_mask(values, kind), dtype_for(kind))
    limits = (torch if kind.startswith("torch") else np).finfo(dtype_for(kind))
    assert there.dtype == dtype_for(kind)
    assert (np.broadcast_to(plain(there), size) == np.where(whole(values, size), 0, float(limits.min))).all()
    back = from_huggingface(there)
    assert is_boolean(back, kind.split("-")[0])
    assert (np.broadcast_to(plain(back), size) == whole(values, size)).all()
    assert same(from_huggingface(back), back)


@pytest.mark.usefixtures("unchecked")
class TestHuggingFaceErrors:
    def test_only_padding_becomes_ones_and_zeros(self):
        for shape in ((2, 3), (2, 4, 3), (2, 2, 1, 3)):
            with fails(
                ValueError,
                f"mask must be a padding mask (batch, 1, key) to become 1 and 0 for (batch, key), got {shape}",
            ):
                to_huggingface(np.ones(shape, dtype=bool))
        with fails(
            TypeError, "dtype must be one of np.float16, np.float32, np.float64 for this mask, got torch.float32"
        ):
            to_huggingface(np.ones((2, 3), dtype=bool), torch.float32)

    def test_what_comes_back(self):
        for shape in ((3,), (2, 4, 3)):
            with fails(
                ValueError,
                f"attention_mask must have the axes (batch, key) or (batch, heads, query, key), got shape {shape}",
            ):
                from_huggingface(np.ones(shape, dtype=int))
        with fails(ValueError, "attention_mask must hold True and False, or 1 and 0, got -inf"):
            from_huggingface(np.array([[0.0, -INF]]))
        with fails(ValueError, "attention_mask must hold 0, -inf and numbers at or below -1000, got 1"):
            from_huggingface(np.ones((1, 1, 2, 2)))
        with fails(TypeError, "attention_mask must hold floating-point numbers, got dtype int64"):
            from_huggingface(np.ones((1, 1, 2, 2), dtype=np.int64))
        with fails(TypeError, "attention_mask must be a NumPy array or a torch tensor, got list"):
            from_huggingface([[1, 0]])


# All of them


@libraries
def test_no_argument_is_changed(library):
    mask = make_mask([[[True, False]], [[False, False]]], library)
    calls = [
        lambda: to_torch_mha(mask, heads=2, query_length=3),
        lambda: from_torch_mha(mask, mask[:, 0], heads=2),
        lambda: to_keras(mask),
        lambda: from_keras(mask, value_mask=mask[:, 0]),
        lambda: to_jax(mask),
        lambda: from_jax(mask),
        lambda: to_huggingface(mask),
        lambda: from_huggingface(mask[:, 0]),
        lambda: additive_bias(mask, torch.float32 if library == "torch" else np.float32),
    ]
    before = copy_of(mask)
    for call in calls:
        call()
        assert same(mask, before)


def test_masks_of_other_libraries_are_not_mixed():
    with fails(TypeError, "mask 2 is a torch tensor but mask 1 is a NumPy array"):
        from_torch_mha(np.ones((2, 3), dtype=bool), torch.ones(2, 3).bool(), heads=1)
