"""Masks against loops over every place."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from attnlib.masks import causal_mask, combine_masks, local_mask, padding_mask, window_mask
from attnlib.softmax import softmax
from tests.attnlib.strategies import (
    KINDS,
    LIBRARIES,
    copy_of,
    fails,
    make,
    make_mask,
    plain,
    same,
    shares_memory,
)

libraries = pytest.mark.parametrize("library", LIBRARIES)
lengths_of = {"numpy": np.asarray, "torch": torch.tensor}


def is_boolean(mask, library):
    return mask.dtype == (torch.bool if library == "torch" else np.dtype(bool))


# Padding


@libraries
@given(
    hnp.arrays(np.int64, hnp.array_shapes(min_dims=0, max_dims=2, max_side=4), elements=st.integers(0, 5)), st.data()
)
def test_padding_equals_the_loop(library, lengths, data):
    width = data.draw(st.none() | st.integers(int(lengths.max()), 7))
    mask = padding_mask(lengths_of[library](lengths), width)
    width = int(lengths.max()) if width is None else width
    assert is_boolean(mask, library)
    assert tuple(mask.shape) == (*lengths.shape, width)
    for place in product(*map(range, mask.shape)):
        assert bool(mask[place]) == (place[-1] < lengths[place[:-1]])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
@libraries
def test_padding_takes_any_integer_dtype(library, dtype):
    lengths = np.array([3, 0], dtype=dtype)
    lengths = torch.from_numpy(lengths) if library == "torch" else lengths
    assert padding_mask(lengths, 300).sum() == 3
    assert padding_mask(lengths).tolist() == [[True] * 3, [False] * 3]


def test_padding_takes_plain_sequences(unchecked):
    expected = [[True, True], [True, False]]
    for lengths in ([2, 1], (2, 1), range(2, 0, -1), [np.int64(2), np.int64(1)], [torch.tensor(2), torch.tensor(1)]):
        mask = padding_mask(lengths)
        assert isinstance(mask, np.ndarray)
        assert mask.tolist() == expected
    assert padding_mask([[2, 1]]).tolist() == [expected]


@libraries
def test_padding_of_no_sequence_and_of_no_word(library):
    none = lengths_of[library](np.zeros(0, dtype=int))
    assert tuple(padding_mask(none, 4).shape) == (0, 4)
    assert tuple(padding_mask([], 4).shape) == (0, 4)
    assert tuple(padding_mask(lengths_of[library](np.zeros(2, dtype=int))).shape) == (2, 0)


@pytest.mark.usefixtures("unchecked")
class TestPaddingErrors:
    def test_lengths(self):
        with fails(ValueError, "lengths must lie between 0 and max_length 3, got 1 to 4"):
            padding_mask([1, 4], 3)
        with fails(ValueError, "lengths must lie between 0 and max_length 2, got -1 to 2"):
            padding_mask(torch.tensor([2, -1]))
        with fails(ValueError, "lengths must lie between 0 and max_length 0, got -2 to -1"):
            padding_mask([-1, -2])
        for empty in ([], np.zeros(0, dtype=int)):
            with fails(ValueError, "lengths is empty, so max_length must be given"):
                padding_mask(empty)

    @pytest.mark.parametrize("lengths", [np.array([1.0]), np.array([True]), torch.ones(1), torch.ones(1).bool()])
    def test_not_integers(self, lengths):
        dtype = str(lengths.dtype).removeprefix("torch.")
        with fails(TypeError, f"lengths must hold integers, got dtype {dtype}"):
            padding_mask(lengths)

    def test_lists_of_something_else(self):
        for lengths in ([1.5], [True], ["2"], "22", [None]):
            with fails(TypeError, "lengths must hold integers, got dtype"):
                padding_mask(lengths)

    def test_no_array(self):
        for lengths in (3, None, {3}):
            with fails(TypeError, f"lengths must be a sequence or an array of integers, got {type(lengths).__name__}"):
                padding_mask(lengths, 4)

    def test_ragged_lists(self):
        for lengths in ([[1, 2], [3]], [1, [2]]):
            with fails(ValueError, "lengths must be a sequence or an array of integers, got rows of unequal length"):
                padding_mask(lengths)

    def test_max_length(self):
        for width in (2.0, "2", True):
            with fails(TypeError, f"max_length must be an integer, got {type(width).__name__}"):
                padding_mask([1], width)
        with fails(ValueError, "max_length must not be negative, got -1"):
            padding_mask([], -1)


# Causality


@given(st.integers(0, 5), st.none() | st.integers(0, 7), st.integers(0, 4), st.sampled_from(LIBRARIES))
def test_causal_equals_the_loop(queries, keys, offset, library):
    like = torch.empty(0) if library == "torch" else np.empty((2, 3))
    mask = causal_mask(queries, keys, offset=offset, like=like)
    keys = offset + queries if keys is None else keys
    assert is_boolean(mask, library)
    assert tuple(mask.shape) == (queries, keys)
    for query, key in product(range(queries), range(keys)):
        assert bool(mask[query, key]) == (key <= query + offset)


def test_causal_is_numpy_by_default_and_its_last_query_sees_all():
    mask = causal_mask(3, offset=2)
    assert isinstance(mask, np.ndarray)
    assert mask[-1].all()
    assert not mask[0].all()


@pytest.mark.parametrize("length", [0, 1, 6])
def test_causal_equals_tril(length):
    expected = torch.ones(length, length, dtype=torch.bool).tril()
    assert torch.equal(causal_mask(length, like=expected), expected)


@pytest.mark.usefixtures("unchecked")
class TestCausalErrors:
    def test_negative(self):
        for arguments, name in [((-1,), "query_length"), ((2, -1), "key_length")]:
            with fails(ValueError, f"{name} must not be negative, got -1"):
                causal_mask(*arguments)
        with fails(ValueError, "offset must not be negative, got -3"):
            causal_mask(4, offset=-3)

    def test_not_an_integer(self):
        for value in (2.0, "2", True, None, np.ones(1)):
            with fails(TypeError, f"query_length must be an integer, got {type(value).__name__}"):
                causal_mask(value)
        with fails(TypeError, "key_length must be an integer, got float"):
            causal_mask(2, 2.0)
        with fails(TypeError, "offset must be an integer, got float"):
            causal_mask(2, offset=0.5)

    def test_like(self):
        with fails(TypeError, "like must be a NumPy array or a torch tensor, got str"):
            causal_mask(2, like="torch")

    def test_numpy_integers_pass(self):
        assert causal_mask(np.int32(2), np.int64(3), offset=np.uint8(1)).shape == (2, 3)


# Windows

half_widths = st.integers(0, 4) | st.sampled_from([0.0, 0.5, 1.25, 2.5, 1e30, 1e300, 2**70])


@given(
    st.sampled_from(KINDS),
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
        # Quarters, exact in every dtype, and what a network may predict by mistake.
        elements=st.integers(-12, 36).map(lambda n: n / 4) | st.sampled_from([math.nan, math.inf, -math.inf, 6e4]),
    ),
    st.integers(0, 7),
    half_widths,
)
def test_window_equals_the_loop(kind, values, keys, half_width):
    centres = make(values, kind)
    before = copy_of(centres)
    mask = window_mask(centres, keys, half_width)
    assert is_boolean(mask, kind.split("-")[0])
    assert tuple(mask.shape) == (*values.shape, keys)
    for place in product(*map(range, mask.shape)):
        centre = float(plain(centres)[place[:-1]])
        inside = math.isfinite(centre) and centre - half_width <= place[-1] <= centre + half_width
        assert bool(mask[place]) == inside
    assert same(centres, before)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
@given(st.sampled_from(LIBRARIES), st.data(), st.integers(0, 7), half_widths)
def test_window_takes_any_integer_dtype(dtype, library, data, keys, half_width):
    limits = np.iinfo(dtype)
    near = st.integers(max(limits.min, -3), 9)
    values = data.draw(st.lists(near | st.sampled_from([limits.min, limits.max]), max_size=4))
    centres = lengths_of[library](np.array(values, dtype=dtype))
    mask = window_mask(centres, keys, half_width)
    assert is_boolean(mask, library)
    if half_width < 1e20:
        assert mask.tolist() == [[abs(key - centre) <= half_width for key in range(keys)] for centre in values]
    else:
        assert mask.all()


@libraries
def test_a_centre_far_out_in_half_precision_is_compared_exactly(library):
    kind = f"{library}-float16"
    assert plain(window_mask(make([2050.0], kind), 2056, 1)).nonzero()[1].tolist() == [2049, 2050, 2051]


@libraries
def test_a_missing_centre_allows_nothing_and_gives_no_nan(library):
    mask = window_mask(make([math.nan, 1.0], f"{library}-float32"), 3, 0)
    assert plain(softmax(make(np.zeros((2, 3)), f"{library}-float32"), mask)).tolist() == [[0, 0, 0], [0, 1, 0]]
    as_integers = np.array([math.nan, 1.0])
    with np.errstate(invalid="ignore"):
        as_integers = lengths_of[library](as_integers.astype(np.int64))
    assert window_mask(as_integers, 3, 0).tolist() == [[False] * 3, [False, True, False]]


def test_centres_with_a_gradient():
    assert window_mask(torch.tensor([1.0], requires_grad=True), 3, 1).tolist() == [[True] * 3]


@given(st.integers(0, 5), st.none() | st.integers(0, 7), st.integers(0, 4), half_widths, st.sampled_from(LIBRARIES))
def test_local_equals_the_loop(queries, keys, offset, half_width, library):
    like = torch.empty(0) if library == "torch" else np.empty((2, 3))
    mask = local_mask(queries, keys, half_width=half_width, offset=offset, like=like)
    keys = offset + queries if keys is None else keys
    assert is_boolean(mask, library)
    assert tuple(mask.shape) == (queries, keys)
    for query, key in product(range(queries), range(keys)):
        assert bool(mask[query, key]) == (abs(key - (query + offset)) <= half_width)


def test_local_is_numpy_by_default():
    assert isinstance(local_mask(3, half_width=1), np.ndarray)


@given(st.integers(1, 6), st.integers(1, 7), st.integers(0, 3), st.sampled_from(LIBRARIES))
def test_causal_sliding_window_equals_the_loop(queries, window, offset, library):
    like = torch.empty(0) if library == "torch" else None
    mask = combine_masks(
        causal_mask(queries, offset=offset, like=like),
        local_mask(queries, half_width=window - 1, offset=offset, like=like),
    )
    for query in range(queries):
        seen = [key for key in range(offset + queries) if mask[query, key]]
        assert seen == list(range(max(query + offset - window + 1, 0), query + offset + 1))


@pytest.mark.usefixtures("unchecked")
class TestWindowErrors:
    @pytest.mark.parametrize("call", [lambda d: window_mask(np.zeros(2), 3, d), lambda d: local_mask(3, half_width=d)])
    def test_half_width(self, call):
        for number in (-1, -0.5, math.inf, -math.inf, math.nan):
            with fails(ValueError, f"half_width must be a finite number, 0 or more, got {number}"):
                call(number)
        for thing in ("1", None, True, np.ones(1)):
            with fails(TypeError, f"half_width must be a number, got {type(thing).__name__}"):
                call(thing)

    def test_numpy_numbers_pass(self):
        for number in (np.float32(1.5), np.float64(1.5), np.int64(1), np.uint8(1)):
            for centres in (np.array([3.0], np.float32), np.array([3]), torch.tensor([3.0]), torch.tensor([3])):
                assert window_mask(centres, 6, number).tolist() == [[False, False, True, True, True, False]]

    def test_centres(self):
        for centres in (np.array([True]), torch.tensor([1j])):
            dtype = str(centres.dtype).removeprefix("torch.")
            with fails(TypeError, f"centres must hold floating-point numbers or integers, got dtype {dtype}"):
                window_mask(centres, 3, 1)
        with fails(TypeError, "centres must be a NumPy array or a torch tensor, got list"):
            window_mask([1.0], 3, 1)

    def test_lengths(self):
        with fails(ValueError, "key_length must not be negative, got -1"):
            window_mask(np.zeros(2), -1, 1)
        with fails(TypeError, "key_length must be an integer, got float"):
            window_mask(np.zeros(2), 3.0, 1)
        for arguments, name in [((-1,), "query_length"), ((2, -1), "key_length")]:
            with fails(ValueError, f"{name} must not be negative, got -1"):
                local_mask(*arguments, half_width=1)
        with fails(ValueError, "offset must not be negative, got -3"):
            local_mask(4, half_width=1, offset=-3)
        with fails(TypeError, "like must be a NumPy array or a torch tensor, got str"):
            local_mask(2, half_width=1, like="torch")


# Several


@given(
    st.sampled_from(LIBRARIES),
    hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3, min_side=0),
    st.data(),
)
def test_combine_equals_the_loop(library, shapes, data):
    values = [data.draw(hnp.arrays(bool, shape)) for shape in shapes.input_shapes]
    masks = [make_mask(value, library) for value in values]
    combined = combine_masks(None, masks[0], None, *masks[1:])
    assert is_boolean(combined, library)
    assert tuple(combined.shape) == shapes.result_shape
    whole = [np.broadcast_to(value, shapes.result_shape) for value in values]
    for place in product(*map(range, shapes.result_shape)):
        assert bool(combined[place]) == all(value[place] for value in whole)


def test_no_mask_is_none():
    assert combine_masks() is None
    assert combine_masks(None, None) is None


@libraries
def test_combined_masks_are_new_and_their_parts_unchanged(library):
    first, second = make_mask([[True, False]], library), make_mask([[True], [False]], library)
    for masks in [(first,), (first, None), (first, second), (second, first), (first, first)]:
        before = [copy_of(mask) for mask in masks if mask is not None]
        combined = combine_masks(*masks)
        assert not shares_memory(combined, first)
        if library == "numpy":
            assert combined.flags.writeable
        combined[...] = True
        assert all(same(mask, copy) for mask, copy in zip([m for m in masks if m is not None], before, strict=True))


def test_combine_under_vmap():
    many, one = torch.tensor([[True, False, True], [False, False, True]]), torch.tensor([True, True, False])
    expected = (many & one).tolist()
    assert torch.func.vmap(lambda mask: combine_masks(mask, one))(many).tolist() == expected
    assert torch.func.vmap(lambda mask: combine_masks(one, mask))(many).tolist() == expected
    assert torch.func.vmap(combine_masks)(many).tolist() == many.tolist()


def test_broadcast_and_read_only_masks():
    row = np.broadcast_to(np.array([True, False]), (3, 2))
    assert combine_masks(row, causal_mask(3, 2)).tolist() == [[True, False]] * 3
    assert combine_masks(row).flags.writeable


@pytest.mark.usefixtures("unchecked")
class TestCombineErrors:
    def test_shapes(self):
        with fails(ValueError, "masks must broadcast to each other, got mask 1 (2,), mask 3 (3,)"):
            combine_masks(np.ones(2, dtype=bool), None, np.ones(3, dtype=bool))

    def test_not_boolean(self):
        with fails(TypeError, "mask 2 must be boolean (True = may be attended to), got dtype float32; turn 1/0"):
            combine_masks(torch.ones(2).bool(), torch.ones(2))

    def test_libraries(self):
        with fails(TypeError, "mask 2 is a torch tensor but mask 1 is a NumPy array"):
            combine_masks(np.ones(2, dtype=bool), torch.ones(2).bool())
        with fails(TypeError, "mask 1 must be a NumPy array or a torch tensor, got bool"):
            combine_masks(True)


@libraries
def test_padded_and_causal_scores_give_no_nan(library):
    lengths = lengths_of[library](np.array([3, 1, 0]))
    padding = padding_mask(lengths, 3)[:, None, :]
    mask = combine_masks(padding, causal_mask(3, like=lengths))
    scores = make_mask(np.zeros((3, 3, 3)), library) * 1.0
    weights = plain(softmax(scores, mask))
    np.testing.assert_allclose(weights[0], np.tril(np.ones((3, 3))) / np.arange(1, 4)[:, None], rtol=1e-6)
    assert (weights[1] == [1, 0, 0]).all()
    assert (weights[2] == 0).all()


@libraries
@given(lengths=st.lists(st.integers(0, 4), min_size=1, max_size=3), half_width=st.integers(0, 3), data=st.data())
def test_any_combination_is_the_and_of_its_parts(library, lengths, half_width, data):
    counts = lengths_of[library](np.array(lengths))
    parts = {
        "padding": (padding_mask(counts, 4)[:, None, :], lambda b, i, k: k < lengths[b]),
        "causal": (causal_mask(4, like=counts), lambda b, i, k: k <= i),
        "local": (local_mask(4, half_width=half_width, like=counts), lambda b, i, k: abs(k - i) <= half_width),
        "window": (window_mask(counts[:, None], 4, half_width), lambda b, i, k: abs(k - lengths[b]) <= half_width),
    }
    chosen = data.draw(st.lists(st.sampled_from(sorted(parts)), min_size=1, unique=True))
    combined = combine_masks(*(parts[name][0] for name in chosen))
    full = np.broadcast_to(plain(combined), (len(lengths), 4, 4))
    for place in np.ndindex(full.shape):
        assert full[place] == all(parts[name][1](*place) for name in chosen)
