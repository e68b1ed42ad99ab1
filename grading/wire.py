"""A format for data alone: plain values to bytes and back, strict both ways.

What arrives is never executed and has none of the sender's methods: each value has exactly one of the types below.
Types count exactly, so that no subclass passes for its base; only a few of the standard library's, NumPy's and
torch's own are sent as what they are in substance (``OrderedDict`` as a dict, a named tuple as a tuple).

Anything else is a *handle*: a number by which the other side can speak of the object, and no more.
"""

import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from grading.limits import Limits

MEGABYTE = 2**20
_INT_BYTES = 1024
_DIMENSIONS = 32
_LARGEST = 2**40  # of a length along an axis
_NAME = 60

_NUMPY = list(dict.fromkeys(np.dtype(letter) for letter in "?bBhHiIlLqQefdgFDG"))
_NUMPY_CODES = {dtype: code for code, dtype in enumerate(_NUMPY)}
_SCALARS = {np.dtype(letter).type for letter in "?bBhHiIlLqQefdgFDG"}
_TORCH = [
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
]
_TORCH_CODES = {dtype: code for code, dtype in enumerate(_TORCH)}
# Tensors are told apart by what they are, not by their numbers, but a pair of them may be in a set.
_KEYS = {id(kind) for kind in (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.Tensor, *_SCALARS)}
_DICTS = (OrderedDict, defaultdict, Counter)
_FLAG, _LAYOUT = 1, 2  # read-only (arrays) or requires_grad (tensors); strides follow


class WireError(ValueError):
    """A value that can't be sent, or bytes that are no value."""


def encode(
    value: Any,
    limits: Limits,
    *,
    handle: Callable[[Any], tuple[int, str] | None] | None = None,
    known: list | None = None,
    identity: Callable[[Any], int] | None = None,
    layout: bool = False,
) -> bytes:
    """Return a value as bytes.

    Parameters
    ----------
    value : any
    limits : Limits
        ``value_mb``, ``values`` and ``depth`` are kept.
    handle : function or None
        Gives the number and the type's name of an object that is no plain value; None where it has none.
    known : list or None
        Lists, dicts, sets, arrays and tensors that the other side holds too: these are sent as references.
    identity : function or None
        Gives the number by which the other side recognises a list, dict, set, array or tensor that it has seen before.
        With it, all of these are added to ``known``, so that what comes twice stays one object.
    layout : bool
        Keep how arrays lie in memory: strides, and whether they can be written to.

    Raises
    ------
    WireError
        If the value, or one in it, can't be sent.
    """
    return _Writer(limits, handle, known, identity, layout).encode(value)


def decode(
    data: bytes,
    limits: Limits,
    *,
    handle: Callable[[int, str], Any] | None = None,
    known: list | None = None,
    identity: Callable[[int, Any], Any] | None = None,
    layout: bool = False,
) -> Any:
    """Return the value that bytes stand for, under the same conditions as :func:`encode`.

    ``identity`` gets the number of an object and what has arrived, and returns what is to stand for it.

    Raises
    ------
    WireError
        Whatever is wrong with the bytes. Nothing larger than they are is made before that is known.
    """
    try:
        return _Reader(data, limits, handle, known, identity, layout).decode()
    except WireError:
        raise
    except Exception as error:  # NumPy's and torch's own doubts about what the bytes ask for
        raise WireError(f"not a value: {type(error).__name__}") from error


def is_key(value: Any) -> bool:
    """Return whether a value can be a key of a dict or a member of a set."""
    if type(value) in (tuple, frozenset):
        return all(is_key(part) for part in value)
    return id(type(value)) in _KEYS


class _Writer:
    def __init__(
        self, limits: Limits, handle: Callable | None, known: list | None, identity: Callable | None, layout: bool
    ):
        self.limits, self.handle, self.identity, self.layout = limits, handle, identity, layout
        self.known = [] if known is None else known
        self.numbers = {id(one): number for number, one in enumerate(self.known)}
        self.open: set[int] = set()
        self.out = bytearray()
        self.count = self.depth = 0

    def encode(self, value: Any) -> bytes:
        self.write(value)
        return bytes(self.out)

    def put(self, tag: bytes, form: str = "", *numbers: int | float) -> None:
        self.out += tag + struct.pack("<" + form, *numbers)

    def put_bytes(self, data: bytes) -> None:
        self.require_room(len(data))
        self.out += struct.pack("<Q", len(data)) + data

    def require_room(self, size: int) -> None:
        if len(self.out) + size > self.limits.value_mb * MEGABYTE:
            raise WireError(f"it takes more than {self.limits.value_mb:g} MB")

    def write(self, value: Any) -> None:
        self.count += 1
        if self.count > self.limits.values:
            raise WireError(f"it holds more than {self.limits.values} values")
        self.require_room(64)
        writer = _WRITERS.get(id(type(value)))
        if writer is None:
            self.write_other(value)
        elif writer in _MUTABLE:
            self.write_mutable(value, writer)
        else:
            writer(self, value)

    def write_mutable(self, value: Any, writer: Callable) -> None:
        if id(value) in self.open:
            raise WireError("it holds itself")
        number = self.numbers.get(id(value))
        if number is not None:
            self.put(b"R", "I", number)
            return
        if self.identity is not None:
            self.put(b"I", "Q", self.identity(value))
            self.numbers[id(value)] = len(self.known)
            self.known.append(value)
        self.open.add(id(value))
        writer(self, value)
        self.open.discard(id(value))

    def write_other(self, value: Any) -> None:
        plain = _plain(value)
        if plain is not value:
            self.count -= 1
            self.write(plain)
        else:
            self.write_handle(value, f"a {type(value).__name__} is no plain data: numbers, lists, arrays, tensors")

    def write_handle(self, value: Any, otherwise: str) -> None:
        given = None if self.handle is None else self.handle(value)
        if given is None:
            raise WireError(otherwise)
        number, name = given
        self.put(b"h", "Q", number)
        self.put_bytes(name[:_NAME].encode("ascii", "replace"))

    def write_all(self, values: Any) -> None:
        self.depth += 1
        if self.depth > self.limits.depth:
            raise WireError(f"it is nested more than {self.limits.depth} deep")
        for value in values:
            self.write(value)
        self.depth -= 1

    def write_none(self, value: None) -> None:
        self.put(b"N")

    def write_bool(self, value: bool) -> None:
        self.put(b"T" if value else b"F")

    def write_ellipsis(self, value: Any) -> None:
        self.put(b"E")

    def write_int(self, value: int) -> None:
        size = value.bit_length() // 8 + 1
        if size > _INT_BYTES:
            raise WireError("it is a whole number of too many digits")
        self.put(b"i", "H", size)
        self.out += value.to_bytes(size, "little", signed=True)

    def write_float(self, value: float) -> None:
        self.put(b"f", "d", value)

    def write_complex(self, value: complex) -> None:
        self.put(b"c", "dd", value.real, value.imag)

    def write_str(self, value: str) -> None:
        self.put(b"s")
        self.put_bytes(_utf8(value))

    def write_bytes(self, value: bytes) -> None:
        self.put(b"b")
        self.put_bytes(value)

    def write_list(self, value: list) -> None:
        self.put(b"l", "Q", len(value))
        self.write_all(value)

    def write_tuple(self, value: tuple) -> None:
        self.put(b"t", "Q", len(value))
        self.write_all(value)

    def write_dict(self, value: dict) -> None:
        self.require_keys(value)
        self.put(b"d", "Q", len(value))
        self.write_all(part for pair in value.items() for part in pair)

    def write_set(self, value: set) -> None:
        self.require_keys(value)
        self.put(b"S", "Q", len(value))
        self.write_all(value)

    def write_frozenset(self, value: frozenset) -> None:
        self.require_keys(value)
        self.put(b"Z", "Q", len(value))
        self.write_all(value)

    def require_keys(self, keys: Any) -> None:
        for key in keys:
            if not is_key(key):
                raise WireError(f"a {type(key).__name__} is a key or a member of a set")

    def write_range(self, value: range) -> None:
        self.put(b"r")
        self.write_all((value.start, value.stop, value.step))

    def write_slice(self, value: slice) -> None:
        self.put(b"x")
        self.write_all((value.start, value.stop, value.step))

    def write_scalar(self, value: np.generic) -> None:
        self.put(b"g", "B", _NUMPY_CODES[value.dtype])
        self.out += value.tobytes()

    def write_array(self, value: np.ndarray) -> None:
        if value.dtype not in _NUMPY_CODES or not value.dtype.isnative:
            self.write_handle(value, f"an array of dtype {value.dtype} holds no plain numbers")
            return
        self.require_room(value.nbytes)
        strides = _layout(value.shape, value.strides, value.itemsize) if self.layout else None
        read_only = self.layout and not value.flags.writeable
        self.put_array(b"a", _NUMPY_CODES[value.dtype], value.shape, strides, read_only)
        self.put_bytes(_core(value, strides).tobytes())

    def write_tensor(self, value: torch.Tensor) -> None:
        if value.layout is not torch.strided or value.device.type != "cpu" or value.dtype not in _TORCH_CODES:
            kind = f"{value.layout}, {value.device.type}, {value.dtype}"
            self.write_handle(value, f"a tensor ({kind}) holds no plain numbers")
            return
        size = value.element_size()
        self.require_room(value.numel() * size)
        raw = value.detach().resolve_conj().resolve_neg()
        steps = tuple(step * size for step in raw.stride())
        strides = _layout(tuple(raw.shape), steps, size) if self.layout else None
        self.put_array(b"n", _TORCH_CODES[raw.dtype], tuple(raw.shape), strides, value.requires_grad)
        if raw.dtype is torch.bfloat16:
            raw = raw.view(torch.int16)
        self.put_bytes(_core(raw.numpy(), strides).tobytes())

    def put_array(self, tag: bytes, code: int, shape: tuple, strides: tuple | None, flag: bool) -> None:
        if len(shape) > _DIMENSIONS:
            raise WireError(f"it has more than {_DIMENSIONS} axes")
        flags = (_FLAG if flag else 0) | (_LAYOUT if strides is not None else 0)
        self.put(tag, "BBB", code, flags, len(shape))
        self.put(b"", f"{len(shape)}Q", *shape)
        if strides is not None:
            self.put(b"", f"{len(strides)}q", *strides)

    def write_torch_dtype(self, value: torch.dtype) -> None:
        if value not in _TORCH_CODES:
            raise WireError(f"{value} is no dtype that can be sent")
        self.put(b"y", "B", _TORCH_CODES[value])


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise WireError("it holds text that is no Unicode") from error


def _plain(value: Any) -> Any:
    """Return what an object of a harmless standard type is in substance, and any other object as it is."""
    kind = type(value)
    if kind in _DICTS:
        return dict(value)
    if kind is torch.Size or (kind.__bases__ == (tuple,) and (hasattr(kind, "_fields") or hasattr(kind, "n_fields"))):
        return tuple(value)
    if kind is torch.nn.Parameter:
        return value.detach().requires_grad_(value.requires_grad)
    if kind is np.str_:
        return str(value)
    return value


def _layout(shape: tuple[int, ...], strides: tuple[int, ...], size: int) -> tuple[int, ...] | None:
    """Return the strides that are worth keeping: none where elements lie side by side, or over one another."""
    if not all(shape):
        return None
    expected, plain = size, True
    for length, step in zip(reversed(shape), reversed(strides), strict=True):
        plain = plain and (length == 1 or step == expected)
        expected *= length
    if plain:
        return None
    reach = size
    for step, length in sorted((abs(step), length) for length, step in zip(shape, strides, strict=True)):
        if length > 1 and step:
            if step < reach:
                return None
            reach += (length - 1) * step
    return strides


def _core(array: np.ndarray, strides: tuple[int, ...] | None) -> np.ndarray:
    """Return an array without the axes along which it only repeats itself."""
    if strides is None:
        return array
    return array[tuple(slice(0, 1) if step == 0 else slice(None) for step in strides)]


_WRITERS = {
    id(kind): writer
    for kind, writer in {
        type(None): _Writer.write_none,
        type(...): _Writer.write_ellipsis,
        bool: _Writer.write_bool,
        int: _Writer.write_int,
        float: _Writer.write_float,
        complex: _Writer.write_complex,
        str: _Writer.write_str,
        bytes: _Writer.write_bytes,
        list: _Writer.write_list,
        tuple: _Writer.write_tuple,
        dict: _Writer.write_dict,
        set: _Writer.write_set,
        frozenset: _Writer.write_frozenset,
        range: _Writer.write_range,
        slice: _Writer.write_slice,
        np.ndarray: _Writer.write_array,
        torch.Tensor: _Writer.write_tensor,
        torch.dtype: _Writer.write_torch_dtype,
        **dict.fromkeys(_SCALARS, _Writer.write_scalar),
    }.items()
}
_MUTABLE = {_Writer.write_list, _Writer.write_dict, _Writer.write_set, _Writer.write_array, _Writer.write_tensor}


class _Reader:
    def __init__(
        self,
        data: bytes,
        limits: Limits,
        handle: Callable | None,
        known: list | None,
        identity: Callable | None,
        layout: bool,
    ):
        self.data, self.limits, self.handle = memoryview(data), limits, handle
        self.known, self.identity, self.layout = [] if known is None else known, identity, layout
        self.at = self.count = self.depth = 0

    def decode(self) -> Any:
        if len(self.data) > self.limits.value_mb * MEGABYTE:
            raise WireError("more bytes than a message may have")
        value = self.read()
        if self.at != len(self.data):
            raise WireError("bytes are left over")
        return value

    def take(self, size: int) -> memoryview:
        if not 0 <= size <= len(self.data) - self.at:
            raise WireError("the bytes end early")
        self.at += size
        return self.data[self.at - size : self.at]

    def numbers(self, form: str) -> tuple:
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))

    def read_raw(self) -> bytes:
        return bytes(self.take(*self.numbers("Q")))

    def read(self) -> Any:
        self.count += 1
        if self.count > self.limits.values:
            raise WireError("more values than a message may have")
        reader = _READERS.get(bytes(self.take(1)))
        if reader is None:
            raise WireError("no such kind of value")
        return reader(self)

    def read_many(self, each: int = 1) -> list:
        (length,) = self.numbers("Q")
        if length * each > len(self.data) - self.at:
            raise WireError("the bytes end early")
        return self.read_exactly(length * each)

    def read_exactly(self, length: int) -> list:
        self.depth += 1
        if self.depth > self.limits.depth:
            raise WireError("values are nested too deep")
        values = [self.read() for _ in range(length)]
        self.depth -= 1
        return values

    def read_shared(self) -> Any:
        """Read a list, dict, set, array or tensor to which later values may refer."""
        (number,) = self.numbers("Q")
        if self.identity is None or bytes(self.data[self.at : self.at + 1]) not in _SHARED:
            raise WireError("an object that can't be shared")
        place = len(self.known)
        self.known.append(_OPEN)
        self.count -= 1
        self.known[place] = self.identity(number, self.read())
        return self.known[place]

    def read_int(self) -> int:
        (size,) = self.numbers("H")
        if not 0 < size <= _INT_BYTES:
            raise WireError("a whole number of no or too many digits")
        value = int.from_bytes(self.take(size), "little", signed=True)
        if value.bit_length() // 8 + 1 != size:
            raise WireError("a whole number with digits to spare")
        return value

    def read_str(self) -> str:
        return self.read_raw().decode()

    def read_list(self) -> list:
        return self.read_many()

    def read_tuple(self) -> tuple:
        return tuple(self.read_many())

    def read_dict(self) -> dict:
        parts = self.read_many(each=2)
        keys = parts[::2]
        self.require_keys(keys)
        value = dict(zip(keys, parts[1::2], strict=True))
        self.require_distinct(value, keys)
        return value

    def read_set(self) -> set:
        return set(self.read_frozenset())

    def read_frozenset(self) -> frozenset:
        members = self.read_many()
        self.require_keys(members)
        value = frozenset(members)
        self.require_distinct(value, members)
        return value

    def require_keys(self, keys: list) -> None:
        if not all(is_key(key) for key in keys):
            raise WireError("a key that can't be one")

    def require_distinct(self, value: Any, keys: list) -> None:
        if len(value) != len(keys):
            raise WireError("a key that comes twice")

    def read_range(self) -> range:
        bounds = self.read_exactly(3)
        if any(type(bound) is not int for bound in bounds):
            raise WireError("a range without bounds")
        return range(*bounds)

    def read_slice(self) -> slice:
        return slice(*self.read_exactly(3))

    def read_scalar(self) -> np.generic:
        dtype = self.read_code(_NUMPY)
        return self.read_elements(dtype, self.take(dtype.itemsize))[0]

    def read_code(self, dtypes: list) -> Any:
        (code,) = self.numbers("B")
        if code >= len(dtypes):
            raise WireError("no such dtype")
        return dtypes[code]

    def read_elements(self, dtype: np.dtype, data: bytes | memoryview) -> np.ndarray:
        elements = np.frombuffer(data, dtype)
        if dtype == np.bool_ and elements.view(np.uint8).max(initial=0) > 1:
            raise WireError("a boolean that is neither true nor false")
        return elements

    def read_form(self, size: int) -> tuple[tuple, tuple | None, bool]:
        flags, dimensions = self.numbers("BB")
        if flags & ~(_FLAG | _LAYOUT) or dimensions > _DIMENSIONS or (flags & _LAYOUT and not self.layout):
            raise WireError("an array of no form that is allowed")
        shape = self.numbers(f"{dimensions}Q")
        strides = self.numbers(f"{dimensions}q") if flags & _LAYOUT else None
        if any(length > _LARGEST for length in shape):
            raise WireError("an array that is too long")
        # How far apart the first and the last element lie counts too.
        reach = sum((length - 1) * abs(step) for length, step in zip(shape, strides, strict=True)) if strides else 0
        if reach + size > self.limits.value_mb * MEGABYTE:
            raise WireError("an array that reaches too far")
        return shape, strides, bool(flags & _FLAG)

    def read_array(self) -> np.ndarray:
        dtype = self.read_code(_NUMPY)
        shape, strides, read_only = self.read_form(dtype.itemsize)
        value = self.laid_out(dtype, shape, strides)
        if read_only:
            value.flags.writeable = False
        return value

    def read_tensor(self) -> torch.Tensor:
        dtype = self.read_code(_TORCH)
        shape, strides, requires_grad = self.read_form(dtype.itemsize)
        if requires_grad and not (dtype.is_floating_point or dtype.is_complex):
            raise WireError("a tensor of whole numbers with a gradient")
        likeness = np.dtype(np.int16) if dtype is torch.bfloat16 else _numpy_of(dtype)
        value = _as_tensor(self.laid_out(likeness, shape, strides))
        if dtype is torch.bfloat16:
            value = value.view(dtype)
        return value.requires_grad_(requires_grad)

    def laid_out(self, dtype: np.dtype, shape: tuple, strides: tuple | None) -> np.ndarray:
        """Return an array of its own of the elements that follow, with the given strides."""
        core = shape
        if strides is not None:
            core = tuple(1 if step == 0 else length for length, step in zip(shape, strides, strict=True))
        (size,) = self.numbers("Q")
        expected = dtype.itemsize
        for length in core:
            expected *= length
        if size != expected:
            raise WireError("an array whose shape doesn't fit its elements")
        elements = self.read_elements(dtype, self.take(size)).reshape(core)
        if strides is None:
            return elements.copy()
        back = [min(0, (length - 1) * step) for length, step in zip(shape, strides, strict=True)]
        reach = sum((length - 1) * abs(step) for length, step in zip(shape, strides, strict=True)) + dtype.itemsize
        room = np.zeros(reach, np.uint8)
        np.ndarray(core, dtype, room, -sum(back), strides)[...] = elements
        return np.ndarray(shape, dtype, room, -sum(back), strides)

    def read_torch_dtype(self) -> torch.dtype:
        return self.read_code(_TORCH)

    def read_reference(self) -> Any:
        (number,) = self.numbers("I")
        if number >= len(self.known) or self.known[number] is _OPEN:
            raise WireError("a reference to nothing")
        return self.known[number]

    def read_handle(self) -> Any:
        (number,) = self.numbers("Q")
        name = self.read_raw().decode("ascii")
        if self.handle is None or len(name) > _NAME:
            raise WireError("an object where there is none")
        return self.handle(number, name)


def _numpy_of(dtype: torch.dtype) -> np.dtype:
    return np.dtype(str(dtype).removeprefix("torch."))


def _as_tensor(array: np.ndarray) -> torch.Tensor:
    if any(step < 0 or step % array.itemsize for step in array.strides):
        raise WireError("a tensor that can't lie so")
    return torch.from_numpy(array)


_OPEN = object()  # stands for an object that has not been read to its end
_SHARED = {b"l", b"d", b"S", b"a", b"n"}
_READERS = {
    b"N": lambda reader: None,
    b"T": lambda reader: True,
    b"F": lambda reader: False,
    b"E": lambda reader: ...,
    b"i": _Reader.read_int,
    b"f": lambda reader: reader.numbers("d")[0],
    b"c": lambda reader: complex(*reader.numbers("dd")),
    b"s": _Reader.read_str,
    b"b": _Reader.read_raw,
    b"l": _Reader.read_list,
    b"t": _Reader.read_tuple,
    b"d": _Reader.read_dict,
    b"S": _Reader.read_set,
    b"Z": _Reader.read_frozenset,
    b"r": _Reader.read_range,
    b"x": _Reader.read_slice,
    b"g": _Reader.read_scalar,
    b"a": _Reader.read_array,
    b"n": _Reader.read_tensor,
    b"y": _Reader.read_torch_dtype,
    b"I": _Reader.read_shared,
    b"R": _Reader.read_reference,
    b"h": _Reader.read_handle,
}
