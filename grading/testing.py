"""The trusted process: runs the master's setup and test cells, and says which tests passed.

A test passes when its cell ran to the end without an error, and in no other way. The student's names are proxies here
(see :mod:`grading.proxies`), so that nothing of the student's runs in this process.
"""

import builtins
import contextlib
import json
import os
import signal
import socket
import struct
import traceback
from types import CodeType, FrameType
from typing import Any

from grading.limits import Limits
from grading.proxies import AnswerError, BrokenChannelError, Channel, MissingNameError, Proxy

_LONGEST = 64 * 2**20  # of a control message, in bytes
_MESSAGE = 20_000  # of a verdict, in characters
_SIZE = struct.Struct(">I")


class TimeIsUpError(BaseException):
    """A test took too long. Not an Exception: no test can swallow it."""


def main(limits_json: dict[str, Any], control: int, calls: int) -> None:
    """Do what control messages say, until there are no more.

    Parameters
    ----------
    limits_json : dict
        See :meth:`grading.limits.Limits.to_json`.
    control, calls : int
        Sockets, as file descriptors: to the owner of this process, and to the student's process.
    """
    limits = Limits.from_json(limits_json)
    tester = Tester(Channel(socket.socket(fileno=calls), limits), limits)
    with socket.socket(fileno=control) as connection, tester:
        while (received := _receive(connection)) is not None:
            message, descriptors = received
            answer = json.dumps(tester.do(message, descriptors)).encode()
            connection.sendall(_SIZE.pack(len(answer)) + answer)


class Tester:
    """Runs the cells of one master against one student's process."""

    def __init__(self, channel: Channel, limits: Limits):
        self.channel, self.limits = channel, limits
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}

    def __enter__(self) -> "Tester":
        return self

    def __exit__(self, *error: object) -> None:
        self.channel.close()

    def do(self, message: dict[str, Any], descriptors: list[int] | None = None) -> dict[str, Any]:
        """Do what one control message says, and return the answer to it."""
        match message:
            case {"do": "setup", "seed": seed, "cells": cells}:
                return self.set_up(seed, cells)
            case {"do": "names", "names": names}:
                self.names.update({name: Proxy(self._current, name) for name in names})
                return {"done": True}
            case {"do": "calls"}:
                return self._connect(descriptors or [])
            case {"do": "test", "name": name, "source": source, "hidden": hidden}:
                return self.test(name, source, hidden)
        return {"done": False, "message": f"there is no way to do {message.get('do')!r}"}

    def _current(self) -> Channel:
        return self.channel

    def set_up(self, seed: str, cells: list[str]) -> dict[str, Any]:
        """Run the cells that come before the tests. A cell that isn't Python (a ``%pip`` line) is passed over.

        Only a failed import is told: what else goes wrong in a cell for the student's eyes may not matter to a test,
        and where it does, the test says so.
        """
        os.environ["ATTNLIB_COURSE_SEED"] = str(seed)
        answer = {"done": True, "message": ""}
        for number, source in enumerate(cells):
            try:
                exec(_compiled(source, f"<setup {number}>"), self.names)
            except ImportError as error:
                answer = {"done": False, "message": f"{type(error).__name__}: {error}"}
            except Exception:
                continue  # see above
        return answer

    def _connect(self, descriptors: list[int]) -> dict[str, Any]:
        if len(descriptors) != 1:
            return {"done": False, "message": "the new socket did not come along"}
        self.channel.close()
        self.channel = Channel(socket.socket(fileno=descriptors[0]), self.limits)
        return {"done": True}

    def test(self, name: str, source: str, hidden: list[list[int]]) -> dict[str, Any]:
        """Run a test cell, in a namespace of its own, and return the verdict."""
        self.channel.calls = 0
        file = f"<{name}>"
        verdict = {"passed": True, "kind": "passed", "hidden": False, "line": None, "error": "", "message": ""}
        alarm = _Alarm(self.limits.cell_seconds, file)
        try:
            code = _compiled(source, file)
            with alarm:
                exec(code, dict(self.names))
            self.channel.pause()
        except BaseException as error:  # sys.exit() fails a test like anything else
            verdict = _failed(error, file, hidden)
            self._try_to_pause()
        # Whatever the cell made of it: what took too long has failed. (After a broken call, the pause has failed.)
        if alarm.rang and verdict["kind"] != "time":
            verdict = _failed(alarm.error(), file, hidden)
        return verdict | {"broken": self.channel.broken, "calls": self.channel.calls}

    def _try_to_pause(self) -> None:
        # Where it fails, the channel is broken, and the verdict says so.
        with contextlib.suppress(BrokenChannelError):
            self.channel.pause()


class _Alarm:
    """Ends a cell that runs for too long, and remembers that it rang."""

    def __init__(self, seconds: float, file: str):
        self.seconds, self.file = seconds, file
        self.rang = False

    def __enter__(self) -> "_Alarm":
        self.before = signal.signal(signal.SIGALRM, self._ring)
        # It rings again and again, in case the first is swallowed.
        signal.setitimer(signal.ITIMER_REAL, self.seconds, 0.25)
        return self

    def __exit__(self, *error: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        # Only where the cell is at work: it may be over when this is called.
        while frame is not None and frame.f_code.co_filename != self.file:
            frame = frame.f_back
        if frame is not None:
            self.rang = True
            raise self.error()

    def error(self) -> TimeIsUpError:
        return TimeIsUpError(f"the test took longer than {self.seconds:g} seconds")


def _compiled(source: str, file: str) -> CodeType:
    return compile(source, file, "exec", dont_inherit=True)


def _failed(error: BaseException, file: str, hidden: list[list[int]]) -> dict[str, Any]:
    """Return the verdict on a test that ended with an error."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return {
        "passed": False,
        "kind": _kind(error, bool(lines)),
        # A helper of the visible part may have been called from the hidden one.
        "hidden": any(first <= line <= last for line in lines for first, last in hidden),
        "line": lines[0] if lines else None,
        "error": _name(error),
        "message": _message(error),
    }


def _kind(error: BaseException, began: bool) -> str:
    match error:
        case BrokenChannelError():
            return error.kind
        case TimeIsUpError():
            return "time"
        case MissingNameError():
            return "missing"
        case AnswerError():
            return "error"
        case AssertionError():
            return "assertion"
    return "error" if began else "tests"


def _name(error: BaseException) -> str:
    if not isinstance(error, AnswerError):
        return type(error).__name__
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


def _message(error: BaseException) -> str:
    return str(error)[:_MESSAGE]


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Return the next control message and the descriptors that came along, or None where the owner is gone."""
    head, descriptors, _, _ = socket.recv_fds(connection, _SIZE.size, 4)
    data = _exactly(connection, _SIZE.size - len(head)) if head else None
    if data is None:
        return None
    (size,) = _SIZE.unpack(head + data)
    if size > _LONGEST:
        raise ValueError("a control message that is too long")
    content = _exactly(connection, size)
    return None if content is None else (json.loads(content), list(descriptors))


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            return None
        data += part
    return bytes(data)
