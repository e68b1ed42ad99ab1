"""Bytes go through in both directions, are counted on the way out, and wait when nobody takes them."""

import contextlib
import select
import socket

import pytest

from grading.relay import Relay

pytestmark = pytest.mark.sandbox


class Line:
    """A relay between two sockets, with a connection through it."""

    def __init__(self, directory, most):
        self.listening, self.inner = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        for name, each in (("outer", self.listening), ("inner", self.inner)):
            each.bind(str(directory / name))
            each.listen()
        self.relay = Relay([self.listening], [str(directory / "inner")], most)
        self.host = socket.socket(socket.AF_UNIX)
        self.host.connect(str(directory / "outer"))
        assert self.turn()
        self.guest, _ = self.inner.accept()
        for each in (self.host, self.guest):
            each.setblocking(False)

    def turn(self):
        """Serve what there is; return what the relay says, or None when there is nothing."""
        poll = select.poll()
        for descriptor, events in self.relay.wanted().items():
            poll.register(descriptor, events)
        ready = dict(poll.poll(0))
        return self.relay.serve(ready) if ready else None

    def turns(self):
        """Serve until there is nothing more to do; return the last answer."""
        last = True
        while (answer := self.turn()) is not None and last:
            last = answer
        return last

    def close(self):
        for each in (self.listening, self.inner, self.host, self.guest):
            each.close()
        for pipe in list(self.relay.pipes.values()):
            pipe.end.close()


@pytest.fixture
def line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Line(tmp_path, 1_000_000)
    yield made
    made.close()


def test_bytes_arrive_in_both_directions(line):
    line.host.send(b"question")
    line.guest.send(b"answer")
    line.turns()
    assert (line.guest.recv(100), line.host.recv(100)) == (b"question", b"answer")


def test_what_goes_in_is_not_counted(line):
    for _ in range(30):
        line.host.send(bytes(50_000))
        assert line.turns()
        while len(line.guest.recv(100_000)) == 65_536:
            pass
    assert line.relay.left == 1_000_000


def test_too_much_that_comes_out_is_told(line):
    for _ in range(20):
        line.guest.send(bytes(50_000))
        assert line.turns()
        line.host.recv(100_000)
    line.guest.send(b"x")
    assert line.turns() is False


def test_what_is_not_taken_waits_on_the_senders_side(line):
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < 1_000_000:
            sent += line.guest.send(bytes(4096))
            line.turns()
    assert sent < 1_000_000
    assert sum(len(pipe.pending) for pipe in line.relay.pipes.values()) <= 65_536


def test_an_end_that_closes_closes_the_other(line):
    line.guest.close()
    line.turns()
    assert line.host.recv(10) == b""
    assert line.relay.pipes == {}


def test_what_an_end_sent_before_it_closed_still_arrives(line):
    for _ in range(3):
        line.guest.send(bytes(50_000))
    line.guest.close()
    line.turns()
    received = b""
    while part := line.host.recv(1_000_000):
        received += part
        line.turns()
    assert len(received) == 150_000


def test_without_a_socket_inside_the_host_is_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as host:
        listening.bind(str(tmp_path / "outer"))
        listening.listen()
        relay = Relay([listening], [str(tmp_path / "missing")], 1000)
        host.connect(str(tmp_path / "outer"))
        assert relay.serve({listening.fileno(): select.POLLIN})
        assert host.recv(10) == b""
