"""Tests the data-only format: what it carries exactly, and that no bytes can do more than be refused."""

import math
import random
import struct
import tracemalloc
from collections import Counter, OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from grading.limits import Limits
from grading.wire import WireError, decode, encode

LIMITS = Limits()
DTYPES = [np.dtype(letter) for letter in "?bBhHiIlLefdFD"]
TORCH_DTYPES = [
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
]
Point = namedtuple("Point", "x y")

KEYS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=2),
    max_leaves=4,
)
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0))
)
VALUES = st.recursive(
    KEYS | st.complex_numbers() | ARRAYS | st.just(...) | st.builds(slice, st.integers(), st.none()),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner, max_size=3) | st.sets(KEYS, max_size=3)
    ),
    max_leaves=12,
)


def sent(value, **options):
    return decode(encode(value, LIMITS, **options), LIMITS)


def same(one, other):
    """Return whether two values are the same to the last bit and type."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray | np.generic):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, float | complex):
        return struct.pack("<dd", one.real, one.imag) == struct.pack("<dd", other.real, other.imag)
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, set | frozenset):
        return written(one) == written(other)
    return one == other


def written(value):
    """Return a key as text that doesn't depend on the order of sets."""
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}{sorted(map(written, value))}"
    return str(tuple(map(written, value))) if isinstance(value, tuple) else repr(value)


@given(VALUES)
def test_plain_values_arrive_as_they_are(value):
    assert same(sent(value), value)


@pytest.mark.parametrize(
    "value", [-0.0, math.nan, math.inf, complex(-0.0, math.nan), 2**4000, -(2**63), True, 1, "", ()]
)
def test_numbers_are_exact(value):
    assert same(sent(value), value)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_numpy_scalars_and_dtypes_are_exact(dtype):
    assert same(sent(dtype.type(1)), dtype.type(1))
    assert same(sent(np.ones((2, 0, 3), dtype)), np.ones((2, 0, 3), dtype))


@pytest.mark.parametrize("dtype", TORCH_DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_tensors_are_exact(dtype, shape):
    tensor = torch.randint(0, 2, shape).to(dtype)
    came = sent(tensor)
    assert type(came) is torch.Tensor
    assert (came.dtype, came.shape) == (dtype, tensor.shape)
    assert torch.equal(came, tensor)
    assert sent(dtype) is dtype


def test_a_gradient_is_asked_for_on_the_other_side_too():
    assert sent(torch.ones(2, requires_grad=True)).requires_grad
    assert sent(torch.ones(2, requires_grad=True) * 2).is_leaf
    assert not sent(torch.ones(2)).requires_grad


def test_what_arrives_is_a_copy():
    array, tensor = np.zeros(2), torch.zeros(2)
    came, also = sent([array, tensor])
    came += 1
    also += 1
    assert not array.any()
    assert not tensor.any()


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (Point(1, 2), (1, 2)),
        (torch.ones(2, 3).shape, (2, 3)),
        (np.str_("a"), "a"),
    ],
)
def test_harmless_standard_types_arrive_as_what_they_are_in_substance(value, plain):
    assert same(sent(value), plain)


def test_a_named_tuple_of_torch_is_a_tuple():
    values, places = sent(torch.tensor([[1.0, 3.0]]).max(dim=1))
    assert (values.item(), places.item()) == (3.0, 1)
    assert type(sent(torch.nn.Parameter(torch.ones(2)))) is torch.Tensor


class Number(float):
    pass


class Text(str):
    __slots__ = ()


class Row(list):
    pass


class Array(np.ndarray):
    pass


class Tensor(torch.Tensor):
    pass


OTHERS = [
    *(Number(1.0), Text("a"), Row([1]), np.ones(2).view(Array), np.ma.array([1.0]), torch.ones(2).as_subclass(Tensor)),
    *(object(), len, (number for number in [1]), {1: 2}.keys(), np.array([object()]), np.array(["a"])),
    *(np.ones(2, ">f8"), np.ones(2).view([("a", float)]), torch.ones(2).to_sparse(), torch.ones(2, device="meta")),
]


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: type(value).__name__)
def test_everything_else_is_refused_or_becomes_a_handle(value):
    with pytest.raises(WireError, match="no plain"):
        encode([value], LIMITS)
    data = encode([value], LIMITS, handle=lambda one: (7, type(one).__name__))
    assert decode(data, LIMITS, handle=lambda number, name: (number, name)) == [(7, type(value).__name__)]
    with pytest.raises(WireError, match="an object where there is none"):
        decode(data, LIMITS)


def test_a_class_that_lies_about_itself_is_seen_through():
    class Liar:
        __class__ = float

    with pytest.raises(WireError, match="a Liar is no plain data"):
        encode(Liar(), LIMITS)


@pytest.mark.parametrize("value", [{Number(1): 1}, {(1, Text("a"))}, frozenset([Number(1)])])
def test_a_key_must_be_plain_as_well(value):
    with pytest.raises(WireError, match="a key or a member"):
        encode(value, LIMITS, handle=lambda one: (0, ""))


def layouts(make):
    block = make(24).reshape(2, 3, 4)
    yield from (
        block,
        block[1:],
        block[:, ::2],
        block[..., 1],
        block.swapaxes(0, 2),
        make(1)[0:1],
        block[0, 0, 0:1],
    )


ARRAY_LAYOUTS = [
    *layouts(lambda size: np.arange(size, dtype=np.float32)),
    *(np.arange(6)[::-1], np.broadcast_to(np.arange(3), (4, 3)), np.ones((3, 4), order="F"), np.arange(8)[1::3][::-1]),
    np.broadcast_to(np.float64(2), (2, 2)),
]


@pytest.mark.parametrize("array", ARRAY_LAYOUTS, ids=lambda array: f"{array.shape}-{array.strides}")
def test_arrays_can_keep_their_layout(array):
    came = decode(encode(array, LIMITS, layout=True), LIMITS, layout=True)
    assert (came.strides, came.flags.writeable) == (array.strides, array.flags.writeable)
    assert came.flags.c_contiguous == array.flags.c_contiguous
    assert same(came, array)


TENSOR_LAYOUTS = [*layouts(torch.arange), torch.arange(3).expand(4, 3), torch.ones(2, 3, dtype=torch.bfloat16).T]


@pytest.mark.parametrize("tensor", TENSOR_LAYOUTS, ids=lambda tensor: f"{tuple(tensor.shape)}-{tensor.stride()}")
def test_tensors_can_keep_their_layout(tensor):
    came = decode(encode(tensor, LIMITS, layout=True), LIMITS, layout=True)
    assert came.stride() == tensor.stride()
    assert torch.equal(came, tensor)


def test_what_lies_between_the_elements_of_a_view_is_not_sent():
    secret = np.array([1, 123456789, 2, 987654321])
    data = encode(secret[::2], LIMITS, layout=True)
    assert np.int64(123456789).tobytes() not in data
    assert decode(data, LIMITS, layout=True).base.view(np.int64)[:2].tolist() == [1, 0]


def test_a_view_over_itself_is_sent_without_its_layout():
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(5), 3)
    came = decode(encode(windows, LIMITS, layout=True), LIMITS, layout=True)
    assert came.flags.c_contiguous
    assert np.array_equal(came, windows)


def numbered(value):
    return id(value) % 2**64


def test_one_object_twice_stays_one_object_and_can_be_referred_to():
    row, array = [1], np.zeros(2)
    here, there = [], []
    data = encode([row, array, {"row": row, "array": array}], LIMITS, known=here, identity=numbered)
    came = decode(data, LIMITS, known=there, identity=lambda number, value: value)
    assert came[0] is came[2]["row"]
    assert came[1] is came[2]["array"]
    assert [type(one) for one in here] == [type(one) for one in there]
    # What both sides have can be named in an answer.
    answer = encode((came[1], [came[0]]), LIMITS, known=there)
    back = decode(answer, LIMITS, known=here)
    assert back[0] is array
    assert back[1][0] is row


def test_what_holds_itself_is_refused():
    ring = [1]
    ring.append(ring)
    for identity in (None, numbered):
        with pytest.raises(WireError, match="holds itself"):
            encode(ring, LIMITS, identity=identity)
    # Bytes that say so: a shared list of one value, which is a reference to it.
    data = b"I" + struct.pack("<Q", 0) + b"l" + struct.pack("<Q", 1) + b"R" + struct.pack("<I", 0)
    with pytest.raises(WireError, match="a reference to nothing"):
        decode(data, LIMITS, identity=lambda number, value: value)


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("limits", "fits", "too_much"),
    [
        (Limits(depth=5), nested(5), nested(6)),
        (Limits(values=10), [0] * 9, [0] * 10),
        (Limits(value_mb=1), np.zeros(2**20 - 200, np.uint8), np.zeros(2**20 + 1, np.uint8)),
        (Limits(value_mb=1), "a" * (2**20 - 200), "a" * 2**20),
        (LIMITS, 2**8000, 2**8200),
    ],
    ids=["depth", "values", "array", "text", "digits"],
)
def test_limits_hold_on_both_sides(limits, fits, too_much):
    assert same(decode(encode(fits, limits), limits), fits)
    with pytest.raises(WireError):
        encode(too_much, limits)
    generous = Limits(depth=100, values=10**6, value_mb=100)
    if type(too_much) is not int:
        with pytest.raises(WireError):
            decode(encode(too_much, generous), limits)


def test_a_huge_view_is_refused_before_it_is_copied():
    with pytest.raises(WireError, match="more than 64 MB"):
        encode(np.broadcast_to(0.0, (10**6, 10**6)), LIMITS)
    with pytest.raises(WireError, match="more than 64 MB"):
        encode(torch.zeros(1).expand(10**6, 10**6), LIMITS)


def array_bytes(shape, size, data=b"", tag=b"a", code=0, flags=0):
    return tag + struct.pack("<BBB", code, flags, len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + size + data


REFUSED = {
    "nothing": b"",
    "unknown tag": b"?",
    "left over": b"NN",
    "text that ends early": b"s" + struct.pack("<Q", 2**40) + b"a",
    "no text": b"s" + struct.pack("<Q", 1) + b"\xff",
    "list that ends early": b"l" + struct.pack("<Q", 2**62),
    "dict that ends early": b"d" + struct.pack("<Q", 1) + b"N",
    "key twice": b"d" + struct.pack("<Q", 2) + b"TNTN",
    "key that equals another": b"S" + struct.pack("<Q", 2) + b"Ti" + struct.pack("<H", 1) + b"\x01",
    "list for a key": b"d" + struct.pack("<Q", 1) + b"l" + struct.pack("<Q", 0) + b"N",
    "long way to write 0": b"i" + struct.pack("<H", 2) + b"\0\0",
    "no digits": b"i" + struct.pack("<H", 0),
    "range of nothing": b"r" + b"NNN",
    "range without a step": b"r" + 3 * (b"i" + struct.pack("<H", 1) + b"\0"),
    "reference": b"R" + struct.pack("<I", 0),
    "shared object that isn't asked for": b"I" + struct.pack("<Q", 0) + b"l" + struct.pack("<Q", 0),
    "scalar of no dtype": b"g\xff",
    "boolean scalar of 2": b"g\x00\x02",
    "huge shape": array_bytes((2**39, 2**39), struct.pack("<Q", 0)),
    "huge empty shape": array_bytes((2**63, 0), struct.pack("<Q", 0)),
    "negative shape": array_bytes((2**64 - 1,), struct.pack("<Q", 2**64 - 1)),
    "shape that wraps round": array_bytes((2**32, 2**32), struct.pack("<Q", 0)),
    "shape of fewer elements": array_bytes((1,), struct.pack("<Q", 2), b"\0\0"),
    "shape of more elements": array_bytes((3,), struct.pack("<Q", 2), b"\0\0"),
    "size that isn't there": array_bytes((2**30,), struct.pack("<Q", 2**30)),
    "boolean of 2": array_bytes((1,), struct.pack("<Q", 1), b"\2"),
    "tensor's boolean of 2": array_bytes((1,), struct.pack("<Q", 1), b"\2", tag=b"n"),
    "too many axes": array_bytes((1,) * 33, struct.pack("<Q", 1), b"\0"),
    "layout that isn't asked for": array_bytes((2,), struct.pack("<qQ", 0, 1), b"\0", flags=2),
    "flag that isn't there": array_bytes((1,), struct.pack("<Q", 1), b"\0", flags=4),
    "whole numbers with a gradient": array_bytes((1,), struct.pack("<Q", 1), b"\0", tag=b"n", flags=1),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_bytes_that_are_no_value_are_refused(data):
    with pytest.raises(WireError):
        decode(data, LIMITS)


def test_a_layout_can_not_reach_beyond_all_bounds():
    data = array_bytes((2,), struct.pack("<qQ", 2**40, 2), b"\0\0", flags=2)
    with pytest.raises(WireError, match="reaches too far"):
        decode(data, LIMITS, layout=True)


SAMPLE = (
    [1, -2.5, "text", b"bytes", None, True, 3j, ..., range(3), slice(1)],
    {"a": np.arange(6.0).reshape(2, 3), ("b", 1): torch.ones(2, dtype=torch.bfloat16)},
    {1, 2, frozenset({3})},
    np.float32(1.5),
    torch.int64,
)


@pytest.mark.parametrize("seed", range(20))
def test_changed_bytes_are_a_value_or_refused_and_cost_little(seed):
    rng = random.Random(seed)
    data = encode(SAMPLE, LIMITS)
    tracemalloc.start()
    try:
        for _ in range(100):
            changed = bytearray(data)
            for _ in range(rng.randint(1, 4)):
                changed[rng.randrange(len(changed))] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
            changed = changed[: rng.randint(1, len(changed))] if rng.random() < 0.2 else changed
            refused_or_plain(bytes(changed))
        assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    finally:
        tracemalloc.stop()


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_refused(data):
    refused_or_plain(data)


def refused_or_plain(data):
    try:
        value = decode(data, LIMITS, handle=lambda number, name: None)
    except WireError:
        return
    encode(value, LIMITS)  # what came is plain
