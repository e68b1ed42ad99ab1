"""In the trusted process: names and objects that stand for the student's, and the channel behind them.

A proxy can be called, and that is nearly all. What comes back is plain data, or another proxy that can't be compared,
counted, looped over or made an array of: nothing that a student's object does takes part in a test's decision.
"""

import builtins
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import torch

from grading.guest import HEAD
from grading.limits import Limits
from grading.wire import MEGABYTE, WireError, decode, encode, is_key

_MESSAGE = 2_000
# The first two would end a test's loop in place of failing it; the others take more than a message.
_NOT_RAISED = (StopIteration, StopAsyncIteration, UnicodeError, BaseExceptionGroup)


class BrokenChannelError(BaseException):
    """The student's process took too long or broke off. Not an Exception: no test can swallow it."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind
        """``time`` or ``broken``."""


class AnswerError(Exception):
    """What an answer raised. Raised as a subclass of the built-in exception of its name, where there is one."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class MissingNameError(AnswerError, NameError):
    """The student's notebook doesn't define a name."""


class Channel:
    """The trusted end of the socket to a student's process."""

    def __init__(self, connection: socket.socket, limits: Limits):
        self.connection, self.limits = connection, limits
        self.calls = 0
        self.why: BrokenChannelError | None = None
        self._number = 0
        self._seen = _Seen(limits)

    @property
    def broken(self) -> bool:
        """Return whether no more can be asked over this channel."""
        return self.why is not None

    def close(self) -> None:
        """Ask no more."""
        self.connection.close()
        self.why = self.why or BrokenChannelError("broken", "the channel was closed")

    def ask(self, what: str, *rest: Any) -> Any:
        """Ask the student's process and return what it answers.

        Raises
        ------
        AnswerError
            If the student's code raised an exception, or asked for changes that can't be made.
        TypeError
            If something in the question can't be sent.
        BrokenChannelError
            If no proper answer came in time. Then the channel is of no more use.
        """
        if self.why is not None:
            raise self.why
        self._count()
        known: list = []
        question = self._question((self._number, self._seen.oldest(), what, *rest), known)
        return self._settled(self._exchange(question, known), known)

    def pause(self) -> None:
        """Tell the student's process to go back to its notebook, and wait until it does.

        Raises
        ------
        BrokenChannelError
            If it doesn't.
        """
        if self.why is not None:
            raise self.why
        self._number += 1
        self._seen = _Seen(self.limits)
        answer = self._exchange(encode((self._number, 0, "pause"), self.limits), [])
        if answer[1:] != ("paused",):
            self._break("broken", "it did not stop when it was told to")

    def _question(self, question: tuple, known: list) -> bytes:
        try:
            return encode(
                question, self.limits, handle=self._number_of, known=known, identity=self._seen.number, layout=True
            )
        except WireError as error:
            raise TypeError(f"the test can't send this: {error}") from error

    def _count(self) -> None:
        self.calls += 1
        self._number += 1
        if self.calls > self.limits.calls:
            self._break("broken", f"more than {self.limits.calls} calls were made")

    def _break(self, kind: str, message: str) -> NoReturn:
        self.why = BrokenChannelError(kind, message)
        self.close()
        raise self.why

    # One question and one answer

    def _exchange(self, question: bytes, known: list) -> tuple:
        try:
            data = self._answer_to(question)
            answer = decode(data, self.limits, handle=self._object, known=known)
            return _required(answer, self._number)
        except TimeoutError:
            self._break("time", f"a call took longer than {self.limits.call_seconds:g} seconds")
        except (OSError, EOFError) as error:
            self._break("broken", f"the student's process has ended: {error}")
        except WireError as error:
            self._break("broken", f"the student's process sent what is no answer: {error}")
        except BaseException as error:  # the test's own time is over: the answer to this may come at any moment
            self.why = self.why or BrokenChannelError("time", str(error))
            self.close()
            raise

    def _answer_to(self, question: bytes) -> bytes:
        deadline = time.monotonic() + self.limits.call_seconds
        self._send(HEAD.pack(len(question)) + question, deadline)
        (size,) = HEAD.unpack(self._receive(HEAD.size, deadline))
        if size > self.limits.value_mb * MEGABYTE:
            raise WireError(f"an answer of more than {self.limits.value_mb:g} MB")
        return self._receive(size, deadline)

    def _send(self, data: bytes, deadline: float) -> None:
        rest = memoryview(data)
        while rest:
            self._wait_at_most(deadline)
            rest = rest[self.connection.send(rest) :]

    def _receive(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._wait_at_most(deadline)
            part = self.connection.recv(min(size - len(data), MEGABYTE))
            if not part:
                raise EOFError("it closed the connection")
            data += part
        return bytes(data)

    def _wait_at_most(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(left)

    # What the answer means

    def _settled(self, answer: tuple, known: list) -> Any:
        value = None
        match answer[1:]:
            case ("missing", str(name)):
                raise MissingNameError(f"{name[:_MESSAGE]} is not defined")
            case ("error", str(name), str(message)):
                raise answer_error(name, message[:_MESSAGE])
            case ("result", value, tuple(changes)):
                try:
                    planned = _planned(changes, known)
                    _Measure(planned, known, self.limits).require_finite((value, [known[place] for place in planned]))
                except WireError as error:
                    self._break("broken", f"the student's process sent what is no answer: {error}")
                for place, content in planned.items():
                    _change(known[place], content)
            case _:
                self._break("broken", "the student's process sent what is no answer")
        return value

    def _object(self, number: int, name: str) -> "ObjectProxy":
        return ObjectProxy(self, number, name)

    def _number_of(self, value: Any) -> tuple[int, str] | None:
        if type(value) is not ObjectProxy or _channel(value) is not self:
            return None
        return object.__getattribute__(value, "_number"), ""


class _Seen:
    """The objects that a test has passed on lately, so that an object which it passes again is the same over there."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.numbers: dict[int, int] = {}
        self.objects: deque[Any] = deque()
        self.next = self.size = 0

    def number(self, value: Any) -> int:
        """Return the number of an object, a new one where it wasn't passed on before."""
        if id(value) not in self.numbers:
            self.numbers[id(value)] = self.next
            self.objects.append(value)
            self.next += 1
            self.size += getattr(value, "nbytes", 0)
        return self.numbers[id(value)]

    def oldest(self) -> int:
        """Forget what no longer has room, and return the number of the oldest object that is left."""
        while self.size > self.limits.value_mb * MEGABYTE or len(self.objects) > self.limits.values:
            value = self.objects.popleft()
            self.size -= getattr(value, "nbytes", 0)
            del self.numbers[id(value)]
        return self.next - len(self.objects)


class Proxy:
    """A name of the student's notebook. It can be called with data, and with objects that came from there."""

    __slots__ = ("_channel", "_name")

    def __init__(self, channel: Callable[[], Channel], name: str):
        self._channel, self._name = channel, name

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._channel().ask("call", self._name, arguments, keywords)

    def __repr__(self) -> str:
        return f"<the student's {self._name}>"


def _refusing(what: str) -> Callable:
    def refuse(self: "ObjectProxy", *arguments: Any, **keywords: Any) -> NoReturn:
        name = object.__getattribute__(self, "_kind")
        raise TypeError(f"{what} an object of type {name}: a test takes numbers, strings, lists, arrays and tensors")

    return refuse


class ObjectProxy:
    """An object of the student's that is no plain data. It has methods and attributes, which give data."""

    __slots__ = ("_channel", "_kind", "_number")

    def __init__(self, channel: Channel, number: int, kind: str):
        object.__setattr__(self, "_channel", channel)
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_kind", kind if kind.isidentifier() else "unknown")

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return _channel(self).ask("call", self, arguments, keywords)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"a test can't look at {name} of a student's object")
        return _channel(self).ask("get", self, name)

    def __repr__(self) -> str:
        return f"<a student's object of type {object.__getattribute__(self, '_kind')}>"

    __setattr__ = __delattr__ = _refusing("can't change")
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refusing("can't compare")
    __hash__ = _refusing("can't look up")
    __bool__ = _refusing("can't tell the truth of")
    __len__ = __iter__ = __getitem__ = __contains__ = _refusing("can't look into")
    __array__ = __float__ = __int__ = __index__ = __complex__ = _refusing("can't make numbers of")
    __reduce_ex__ = __copy__ = __deepcopy__ = _refusing("can't copy")


def answer_error(name: str, message: str) -> AnswerError:
    """Return an exception that says what an answer raised, and belongs to the built-in class of that name."""
    return _ERRORS.get(name, AnswerError)(message)


def _error_class(kind: type[BaseException]) -> type[AnswerError]:
    bases = (AnswerError, kind) if issubclass(kind, Exception) and not issubclass(kind, _NOT_RAISED) else (AnswerError,)
    return type(kind.__name__, bases, {"__module__": "builtins"})


_ERRORS = {
    name: _error_class(kind)
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, BaseException)
}


def _channel(proxy: ObjectProxy) -> Channel:
    return object.__getattribute__(proxy, "_channel")


def _required(answer: Any, number: int) -> tuple:
    if type(answer) is not tuple or len(answer) < 2 or type(answer[0]) is not int or type(answer[1]) is not str:
        raise WireError("it is no answer to a call")
    if answer[0] != number:
        raise WireError("it answers another call")
    return answer


# Changes of the arguments


def _planned(changes: tuple, known: list) -> dict[int, Any]:
    """Return which arguments are to change into what."""
    planned: dict[int, Any] = {}
    for change in changes:
        match change:
            case (int(place), content) if 0 <= place < len(known) and place not in planned:
                planned[place] = _checked(known[place], content)
            case _:
                raise WireError("a change of no argument")
    return planned


def _checked(argument: Any, content: Any) -> Any:
    """Return new contents if they are of the kind that an argument holds."""
    kind = type(argument)
    if kind is dict and type(content) is tuple:
        pairs = all(type(pair) is tuple and len(pair) == 2 for pair in content)
        if pairs and all(is_key(key) for key, _ in content) and len(dict(content)) == len(content):
            return content
    elif kind is torch.Tensor and type(content) is tuple and len(content) == 2:
        if type(content[0]) is torch.Tensor and type(content[1]) is bool:
            return content
    elif type(content) is {list: tuple, set: frozenset, np.ndarray: np.ndarray}.get(kind):
        return content
    raise WireError("a change of an argument into something else")


def _change(argument: Any, content: Any) -> None:
    """Do to an argument what the student's process did to its copy of it."""
    if type(argument) is list:
        argument[:] = content
    elif type(argument) is dict or type(argument) is set:
        argument.clear()
        argument.update(content)
    elif type(argument) is np.ndarray:
        _require_same_form(argument, content)
        if not argument.flags.writeable:
            raise answer_error("ValueError", "the call wrote into an argument that is read-only")
        np.copyto(argument, content)
    else:
        numbers, requires_grad = content
        _require_same_form(argument, numbers)
        with torch.no_grad():
            argument.copy_(numbers)
        if argument.is_leaf and (argument.is_floating_point() or argument.is_complex()):
            argument.requires_grad_(requires_grad)


def _require_same_form(argument: Any, content: Any) -> None:
    if argument.shape != content.shape or argument.dtype != content.dtype:
        came, form = (f"{tuple(one.shape)} {one.dtype}" for one in (content, argument))
        raise answer_error("ValueError", f"the call changed an argument of shape and dtype {form} into {came}")


class _Measure:
    """How large an answer is, with the arguments that it refers to as they will be."""

    def __init__(self, planned: dict[int, Any], known: list, limits: Limits):
        self.contents = {id(known[place]): content for place, content in planned.items()}
        self.limits = limits
        self.sizes: dict[int, float] = {}
        self.each = limits.value_mb * MEGABYTE / limits.values

    def require_finite(self, value: Any) -> None:
        """Refuse an answer that holds itself, or would grow beyond all bounds for whoever goes through it."""
        if self.size(value, 0) > 4 * self.limits.value_mb * MEGABYTE:
            raise WireError("it refers to the arguments too often")

    def size(self, value: Any, depth: int) -> float:
        if depth > 3 * self.limits.depth:
            raise WireError("it holds itself")
        if id(value) not in self.sizes:
            self.sizes[id(value)] = self.each + self.inside(value, depth + 1)
        return self.sizes[id(value)]

    def inside(self, value: Any, depth: int) -> float:
        if type(value) in (np.ndarray, torch.Tensor):
            return value.nbytes
        if type(value) not in (list, tuple, dict, set, frozenset):
            return 0
        parts = self.contents.get(id(value), value)
        if type(parts) is dict:
            parts = [part for pair in parts.items() for part in pair]
        return sum(self.size(part, depth) for part in parts)
