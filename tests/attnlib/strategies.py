"""Arrays of both libraries in every dtype, and the plain-Python answers that they are held against."""

import math
import re
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

KINDS = (
    "numpy-float16",
    "numpy-float32",
    "numpy-float64",
    "torch-float16",
    "torch-bfloat16",
    "torch-float32",
    "torch-float64",
)
"""Library and dtype: what the functional core takes."""

LIBRARIES = ("numpy", "torch")

TOLERANCE = {"float16": 2e-3, "bfloat16": 1e-2, "float32": 1e-5, "float64": 1e-12}
"""Absolute tolerance of a weight, by dtype."""


def dtype_of(kind):
    return kind.split("-")[1]


def tolerance_of(kind):
    return TOLERANCE[dtype_of(kind)]


def make(values, kind="numpy-float64", *, grad=False):
    """Return values as an array of that library and dtype; out of range becomes infinity without a warning."""
    library, dtype = kind.split("-")
    wide = np.asarray(values, dtype=np.float64)
    if library == "torch":
        return torch.tensor(wide).to(getattr(torch, dtype)).requires_grad_(grad)
    with np.errstate(over="ignore"):
        return wide.astype(dtype)


def make_mask(values, kind="numpy-float64"):
    mask = np.asarray(values, dtype=bool)
    return torch.tensor(mask) if kind.startswith("torch") else mask


def plain(array):
    """Return an array of either library as NumPy float64 (or bool), cut off from the gradient."""
    if isinstance(array, torch.Tensor):
        array = array.detach().double() if array.is_floating_point() else array.detach()
        return array.numpy().copy()
    return np.array(array, dtype=np.float64 if np.asarray(array).dtype.kind == "f" else None)


def copy_of(array):
    return array.detach().clone() if isinstance(array, torch.Tensor) else np.array(array)


def same(array, other):
    """Tell whether two arrays hold the same, NaN counting as equal to NaN."""
    return np.array_equal(plain(array), plain(other), equal_nan=plain(array).dtype.kind == "f")


def shares_memory(array, other):
    if isinstance(array, torch.Tensor):
        return array.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
    return np.shares_memory(array, other)


def read_only(array):
    """Return a NumPy array that raises when written to; a torch tensor has no such switch and comes back as it is."""
    if isinstance(array, np.ndarray):
        array.flags.writeable = False
    return array


def fails(error, message):
    """Expect an error whose message begins so."""
    return pytest.raises(error, match=f"^{re.escape(message)}")


def layouts(values, kind):
    """Yield the same numbers as an array laid out in memory in each way that a caller may hold them."""
    straight = make(values, kind)
    yield "contiguous", read_only(straight)
    if straight.ndim >= 2:
        swapped = make(np.swapaxes(np.asarray(values), -1, -2).copy(), kind)
        yield "transposed", np.swapaxes(swapped, -1, -2) if isinstance(swapped, np.ndarray) else swapped.mT
    padded = make(np.repeat(np.asarray(values), 2, axis=-1), kind)
    yield "strided", padded[..., ::2]
    if isinstance(straight, np.ndarray):
        yield "reversed", make(np.asarray(values)[..., ::-1].copy(), kind)[..., ::-1]


finite = st.floats(-50, 50, width=32)
"""Scores as a network gives them."""

any_size = st.one_of(
    finite,
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1e30, -1e30, 65504.0, -65504.0, 3.4e38, -3.4e38, 1.7e308, -1.7e308, 1e-320]),
)
anything = st.one_of(any_size, st.sampled_from([math.inf, -math.inf, math.nan]))
shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)


@st.composite
def masked_scores(draw, elements=finite, shape=shapes, kinds=KINDS):
    """Draw (kind, scores as float64 rounded to the kind, mask or None, axis)."""
    kind = draw(st.sampled_from(kinds))
    size = draw(shape)
    values = plain(make(draw(hnp.arrays(np.float64, size, elements=elements)), kind))
    mask = draw(st.none() | hnp.arrays(bool, draw(masks_shapes(size))))
    axis = draw(st.integers(-len(size), len(size) - 1))
    return kind, values, mask, axis


@st.composite
def masks_shapes(draw, shape):
    """Draw a shape that broadcasts to the given one: axes of length 1, leading axes left out."""
    kept = tuple(draw(st.sampled_from(sorted({1, side}))) for side in shape)
    return kept[draw(st.integers(0, len(shape))) :]


def along(row_function, axis, *arrays):
    """Call a function of plain lists on every row along an axis, one row of each array at a time."""
    moved = [np.moveaxis(np.asarray(array), axis, -1) for array in arrays]
    out = np.empty(moved[0].shape)
    for place in product(*(range(side) for side in moved[0].shape[:-1])):
        out[place] = row_function(*(array[place].tolist() for array in moved))
    return np.moveaxis(out, -1, axis)


def softmax_row(scores, allowed, temperature=1.0):
    """Softmax of one row by the table in the docstring of attnlib.softmax, in Python floats."""
    places = [k for k, free in enumerate(allowed) if free and scores[k] != -math.inf]
    if any(math.isnan(scores[k]) for k in places):
        return [math.nan] * len(scores)
    infinite = [k for k in places if scores[k] == math.inf]
    if infinite:
        return [1 / len(infinite) if k in infinite else 0.0 for k in range(len(scores))]
    largest = max((scores[k] for k in places), default=0.0)
    powers = {k: math.exp((scores[k] - largest) / temperature) for k in places}
    total = math.fsum(powers.values())
    return [powers[k] / total if k in powers else 0.0 for k in range(len(scores))]


def log_softmax_row(scores, allowed, temperature=1.0):
    """The logarithm of softmax_row, exact where the weight itself underflows."""
    places = [k for k, free in enumerate(allowed) if free and scores[k] != -math.inf]
    if not places or any(not math.isfinite(scores[k]) for k in places):
        return [-math.inf if weight == 0 else math.log(weight) for weight in softmax_row(scores, allowed)]
    largest = max(scores[k] for k in places)
    total = math.fsum(math.exp((scores[k] - largest) / temperature) for k in places)
    shifted = {k: (scores[k] - largest) / temperature - math.log(total) for k in places}
    return [shifted.get(k, -math.inf) for k in range(len(scores))]


def softmax_loop(scores, mask=None, axis=-1, temperature=1.0, row=softmax_row):
    """Softmax of an array along an axis, row by row in Python floats."""
    mask = np.broadcast_to(True if mask is None else mask, scores.shape)
    return along(lambda s, m: row(s, m, temperature), axis, scores, mask)


def is_kind(array, kind):
    """Tell whether an array is of that library and dtype."""
    return isinstance(array, torch.Tensor) == kind.startswith("torch") and (
        str(array.dtype).removeprefix("torch.") == dtype_of(kind)
    )


def wide_kind(kind):
    """Return the kind that sums over arrays of a kind are taken in: at least float32."""
    return kind if kind.endswith("64") else f"{kind.split('-')[0]}-float32"


def pairs_loop(function, query, key, *rest):
    """Call function(query, key, place of the key, number of keys, *rest) on every pair, as plain lists."""
    batch = np.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    query = np.broadcast_to(query, (*batch, *query.shape[-2:]))
    key = np.broadcast_to(key, (*batch, *key.shape[-2:]))
    length = key.shape[-2]
    rest = [array.tolist() for array in rest]
    scores = np.zeros((*batch, query.shape[-2], length))
    for *b, i, k in product(*map(range, scores.shape)):
        scores[(*b, i, k)] = function(query[(*b, i)].tolist(), key[(*b, k)].tolist(), k, length, *rest)
    return scores


def times(first, second):
    """The dot product of two lists."""
    return math.fsum(a * b for a, b in zip(first, second, strict=True))


def attend_loop(scores, value, mask=None):
    """Attention from its scores (..., query, key): (context, weights), one product at a time."""
    weights = softmax_loop(scores, mask)
    batch = np.broadcast_shapes(weights.shape[:-2], value.shape[:-2])
    spread = np.broadcast_to(weights, (*batch, *weights.shape[-2:]))
    value = np.broadcast_to(value, (*batch, *value.shape[-2:]))
    context = np.zeros((*batch, weights.shape[-2], value.shape[-1]))
    for *b, i, column in product(*map(range, context.shape)):
        context[(*b, i, column)] = times(spread[(*b, i)].tolist(), value[(*b, slice(None), column)].tolist())
    return context, weights


def normal(seed, shape, kind="numpy-float64", *, grad=False):
    """Return normally distributed numbers from a seed as an array of a kind."""
    return make(np.random.default_rng(seed).standard_normal(shape), kind, grad=grad)


@st.composite
def arrays_of_shapes(draw, signature, kinds=KINDS, max_side=3, max_dims=2):
    """Draw (kind, arrays as float64 rounded to the kind) whose leading dimensions broadcast."""
    kind = draw(st.sampled_from(kinds))
    shapes = hnp.mutually_broadcastable_shapes(signature=signature, min_side=0, max_side=max_side, max_dims=max_dims)
    seed = draw(st.integers(0, 2**32 - 1))
    arrays = [normal([seed, place], shape, kind) for place, shape in enumerate(draw(shapes).input_shapes)]
    return kind, [plain(array) for array in arrays]
