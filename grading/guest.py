"""In the student's process: answers the calls that the tests make, until they pause.

Nothing in here is relied upon: it shares its process with code that may do anything to it. It makes honest answers
arrive as they are, and honest mistakes as errors that the test sees; what it sends is checked where it arrives.

A request is a tuple ``(number, oldest, what, ...)``; of the arguments of earlier calls, those that came before the
``oldest`` are forgotten. What follows is one of these:

- ``("call", target, arguments, keywords)``: call it, and tell what it returned and which arguments it changed;
- ``("get", object, attribute)``: tell what an attribute of an object is;
- ``("pause",)``: stop answering.

An answer is ``(number, "result", value, changes)``, ``(number, "error", name, message)`` or
``(number, "missing", name)``.
"""

import builtins
import contextlib
import socket
import struct
import sys
from collections import OrderedDict
from typing import Any

import numpy as np
import torch

from grading.limits import Limits
from grading.wire import MEGABYTE, WireError, decode, encode

HEAD = struct.Struct(">Q")
_MESSAGE = 2_000


def serve(calls: int, namespace: dict[str, Any] | None = None, limits: Limits | None = None) -> None:
    """Answer calls over a socket until the other side pauses or is gone.

    Parameters
    ----------
    calls : int
        The socket's file descriptor, which stays open.
    namespace : dict or None
        Where the names are looked up; None takes the notebook's.
    limits : Limits or None
    """
    names = _notebook() if namespace is None else namespace
    connection = socket.socket(fileno=calls)
    try:
        _Guest(connection, names, limits or Limits()).serve()
    finally:
        connection.detach()


def contents(value: Any) -> Any:
    """Return what a list, dict, set, array or tensor holds, as a new object that doesn't change with it."""
    if type(value) is np.ndarray:
        return np.array(value)
    if type(value) is torch.Tensor:
        return (value.detach().clone(memory_format=torch.contiguous_format), value.requires_grad)
    if type(value) is dict:
        return tuple(value.items())
    return frozenset(value) if type(value) is set else tuple(value)


def _notebook() -> dict[str, Any]:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return sys.modules["__main__"].__dict__ if shell is None else shell.user_ns


class _Guest:
    def __init__(self, connection: socket.socket, names: dict[str, Any], limits: Limits):
        self.connection, self.names, self.limits = connection, names, limits
        self.objects: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.seen: OrderedDict[int, Any] = OrderedDict()

    def serve(self) -> None:
        while (request := self._receive()) is not None:
            known: list = []
            number, oldest, what, *rest = decode(
                request, self.limits, handle=self._object, known=known, identity=self._recognised, layout=True
            )
            self._forget(oldest)
            if what == "pause":
                self._send(self._encoded((number, "paused"), []))
                return
            self._send(self._answer(number, what, rest, known))

    def _answer(self, number: int, what: str, rest: list, known: list) -> bytes:
        try:
            return self._done(number, what, rest, known)
        except _MissingError as error:
            return self._encoded((number, "missing", str(error)), [])
        except BaseException as error:  # whatever an answer raises is the test's to judge, sys.exit() included
            return self._encoded((number, "error", _name(error), _message(error)), [])

    def _done(self, number: int, what: str, rest: list, known: list) -> bytes:
        before = [self._content(one, known) for one in known]
        if what == "get":
            value = getattr(*rest)
        else:
            target, arguments, keywords = rest
            function = self._named(target) if type(target) is str else target
            value = function(*arguments, **keywords)
        after = [self._content(one, known) for one in known]
        changed = [place for place in range(len(known)) if before[place] != after[place]]
        changes = tuple((place, contents(known[place])) for place in changed)
        try:
            return self._encoded((number, "result", value, changes), known)
        except WireError as error:
            raise TypeError(f"the answer can't be sent to the test: {error}") from None

    def _content(self, value: Any, known: list) -> bytes:
        try:
            return self._encoded(contents(value), known)
        except WireError as error:
            raise TypeError(f"an argument was changed into what can't be sent to the test: {error}") from None

    def _encoded(self, value: Any, known: list) -> bytes:
        return encode(value, self.limits, handle=self._handle, known=known)

    def _named(self, name: str) -> Any:
        if name not in self.names:
            raise _MissingError(name)
        return self.names[name]

    # Arguments that came before

    def _forget(self, oldest: int) -> None:
        while self.seen and next(iter(self.seen)) < oldest:
            self.seen.popitem(last=False)

    def _recognised(self, number: int, value: Any) -> Any:
        """Return the object that came under this number before, with the contents that it has now."""
        if number not in self.seen or not _renewed(self.seen[number], value):
            self.seen[number] = value
        return self.seen[number]

    # Objects that stay here

    def _handle(self, value: Any) -> tuple[int, str]:
        number = self.numbers.setdefault(id(value), len(self.objects))
        if number == len(self.objects):
            self.objects.append(value)
        return number, type(value).__name__

    def _object(self, number: int, name: str) -> Any:
        return self.objects[number]

    # Bytes

    def _receive(self) -> bytes | None:
        head = self._exactly(HEAD.size)
        if head is None:
            return None
        (size,) = HEAD.unpack(head)
        if size > self.limits.value_mb * MEGABYTE:
            raise WireError("a request that is too long")
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes | None:
        data = bytearray()
        while len(data) < size:
            part = self.connection.recv(min(size - len(data), MEGABYTE))
            if not part:
                return None
            data += part
        return bytes(data)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # nobody waits for it any more
            self.connection.sendall(HEAD.pack(len(data)) + data)


def _renewed(old: Any, new: Any) -> bool:
    """Give an object the contents of another one; return False where they are too different for that."""
    if type(old) is not type(new):
        return False
    if type(old) is list:
        old[:] = new
    elif type(old) in (dict, set):
        old.clear()
        old.update(new)
    else:
        return _same_form(old, new) and _copied(old, new)
    return True


def _same_form(old: Any, new: Any) -> bool:
    form = ("shape", "dtype", "strides") if type(old) is np.ndarray else ("shape", "dtype", "requires_grad")
    return all(getattr(old, name) == getattr(new, name) for name in form)


def _copied(old: Any, new: Any) -> bool:
    if type(old) is np.ndarray:
        if old.tobytes() != new.tobytes():
            if not old.flags.writeable:
                return False
            np.copyto(old, new)
        return old.flags.writeable == new.flags.writeable
    if old.stride() != new.stride():
        return False
    if not _equal(old.detach(), new.detach()):  # writing without need would spoil gradients that go through it
        with torch.no_grad():
            old.copy_(new)
    return True


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    one, other = (tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other))
    return torch.equal(one, other)


class _MissingError(Exception):
    """The notebook has no such name."""


def _name(error: BaseException) -> str:
    """Return the name of the first built-in class that an error belongs to."""
    for kind in type(error).__mro__:
        if getattr(builtins, kind.__name__, None) is kind:
            return kind.__name__
    return "Exception"


def _message(error: BaseException) -> str:
    try:
        return str(error)[:_MESSAGE].encode("utf-8", "replace").decode()
    except BaseException:  # an error that can't say what it is
        return ""
