"""Bytes between a host's sockets and a sandbox's, counted: what comes out of a sandbox has an end.

ZeroMQ bounds a frame and the number of messages that wait, but not the frames of one message. So bytes are counted
where no memory is at stake, in the keeper, and a sandbox that sends more than it may is taken down.
"""

import select
import socket

_PIECE = 2**16
_MOST_CONNECTIONS = 64


class Relay:
    """Connections from listening sockets outside to those inside.

    Parameters
    ----------
    listening : list of socket
        Where the host connects.
    inner : list of str
        For each of them, the address of the sandbox's socket.
    most : int
        Bytes that may come out in all.
    """

    def __init__(self, listening: list[socket.socket], inner: list[str], most: int):
        self.inner = {each.fileno(): (each, address) for each, address in zip(listening, inner, strict=True)}
        self.pipes: dict[int, _Pipe] = {}
        self.left = most
        for each in listening:
            each.setblocking(False)

    def wanted(self) -> dict[int, int]:
        """Return what to poll for: by descriptor, the events."""
        events = dict.fromkeys(self.inner, select.POLLIN)
        for descriptor, pipe in self.pipes.items():
            # With nothing to be passed on, read; otherwise wait until the other side takes it.
            events[descriptor] = (0 if pipe.pending else select.POLLIN) | (select.POLLOUT if pipe.other.pending else 0)
        # An end that hung up would be told again and again, even where nothing is asked.
        return {descriptor: wanted for descriptor, wanted in events.items() if wanted}

    def serve(self, ready: dict[int, int]) -> bool:
        """Pass on what is there; return False when too much has come out."""
        for descriptor in ready.keys() & self.inner.keys():
            self._accept(*self.inner[descriptor])
        for descriptor in [each for each in ready if each in self.pipes]:
            pipe = self.pipes.get(descriptor)
            if pipe is not None and not self._pass(pipe, ready[descriptor]):
                self._drop(pipe)
        return self.left >= 0

    def _accept(self, listening: socket.socket, address: str) -> None:
        try:
            outer, _ = listening.accept()
        except OSError:
            return
        inner = socket.socket(socket.AF_UNIX)
        inner.setblocking(False)
        try:
            if len(self.pipes) >= _MOST_CONNECTIONS:
                raise ConnectionRefusedError
            inner.connect(address)
        except OSError:
            outer.close()
            inner.close()
            return
        outer.setblocking(False)
        one, other = _Pipe(outer, counts=False), _Pipe(inner, counts=True)
        one.other, other.other = other, one
        self.pipes |= {outer.fileno(): one, inner.fileno(): other}

    def _pass(self, pipe: "_Pipe", events: int) -> bool:
        try:
            if events & select.POLLOUT and pipe.other.pending:
                sent = pipe.end.send(pipe.other.pending)
                pipe.other.pending = pipe.other.pending[sent:]
            if events & (select.POLLIN | select.POLLHUP | select.POLLERR) and not pipe.pending:
                pipe.pending = pipe.end.recv(_PIECE)
                self.left -= len(pipe.pending) if pipe.counts else 0
                return bool(pipe.pending)
        except BlockingIOError:
            pass
        except OSError:
            return False
        return not events & (select.POLLERR | select.POLLNVAL)

    def _drop(self, pipe: "_Pipe") -> None:
        for each in (pipe, pipe.other):
            self.pipes.pop(each.end.fileno(), None)
            each.end.close()


class _Pipe:
    """One end of a connection, and what it sent that the other hasn't taken yet."""

    other: "_Pipe"

    def __init__(self, end: socket.socket, *, counts: bool):
        self.end, self.counts = end, counts
        self.pending = b""
