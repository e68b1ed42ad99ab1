"""Tests calls from the trusted process to a student's: honest answers arrive, and no others decide anything."""

import contextlib
import copy
import socket
import threading
import time
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from grading import guest
from grading.guest import HEAD
from grading.limits import Limits
from grading.proxies import AnswerError, BrokenChannelError, Channel, MissingNameError, ObjectProxy, Proxy
from grading.wire import decode, encode

LIMITS = Limits(call_seconds=5)


@contextlib.contextmanager
def answering(names: dict, limits: Limits = LIMITS) -> Iterator[Channel]:
    """Yield a channel to a thread that answers as a student's process does."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=guest.serve, args=(theirs.fileno(), names, limits))
    thread.start()
    channel = Channel(ours, limits)
    try:
        yield channel
        if not channel.broken:
            channel.pause()
    finally:
        channel.close()
        thread.join()
        theirs.close()


@contextlib.contextmanager
def sending(*answers: bytes, limits: Limits = LIMITS, seconds: float = 0.0) -> Iterator[Proxy]:
    """Yield a function whose answers are these bytes, whatever it is asked; seconds pass between two bytes."""
    ours, theirs = socket.socketpair()

    def send():
        with contextlib.suppress(OSError):
            for answer in answers:
                for part in [answer] if not seconds else [answer[place : place + 1] for place in range(len(answer))]:
                    theirs.sendall(part)
                    time.sleep(seconds)

    thread = threading.Thread(target=send)
    thread.start()
    channel = Channel(ours, limits)
    try:
        yield Proxy(lambda: channel, "answer")
    finally:
        channel.close()
        theirs.close()
        thread.join()


def message(value: object) -> bytes:
    data = encode(value, LIMITS, handle=lambda one: (0, type(one).__name__))
    return HEAD.pack(len(data)) + data


def called(function, *arguments, **keywords):
    with answering({"function": function}) as channel:
        return Proxy(lambda: channel, "function")(*arguments, **keywords)


# Honest answers


def test_arguments_go_there_and_a_result_comes_back():
    came = called(lambda a, b, *, c: {"sum": a + b, "c": c, "both": (a, b)}, np.arange(3), 2.5, c=torch.ones(2))
    assert came["sum"].tolist() == [2.5, 3.5, 4.5]
    assert torch.equal(came["c"], torch.ones(2))
    assert type(came["both"]) is tuple


def test_names_are_looked_up_when_they_are_called():
    names = {}
    with answering(names) as channel:
        function = Proxy(lambda: channel, "function")
        with pytest.raises(NameError, match=r"^function is not defined$") as caught:
            function()
        assert isinstance(caught.value, MissingNameError)
        names["function"] = lambda: 1
        assert function() == 1


def test_names_come_from_the_notebook(monkeypatch):
    import __main__

    monkeypatch.setattr(__main__, "function_of_a_notebook", lambda: 2, raising=False)
    with answering(None) as channel:
        assert Proxy(lambda: channel, "function_of_a_notebook")() == 2


@pytest.mark.parametrize(
    ("argument", "change", "after"),
    [
        (np.zeros(2), lambda x: x.__setitem__(0, 1), np.array([1.0, 0.0])),
        (np.zeros((2, 3))[:, ::2], lambda x: np.add(x, 1, out=x), np.ones((2, 2))),
        (torch.zeros(2), lambda x: x.add_(1), torch.ones(2)),
        (torch.zeros(2, dtype=torch.bfloat16), lambda x: x.fill_(-0.0), torch.tensor([-0.0, -0.0]).bfloat16()),
        ([3, 1, 2], lambda x: x.sort(), [1, 2, 3]),
        ({"a": 1}, lambda x: x.update(b=[2]), {"a": 1, "b": [2]}),
        ({1, 2}, lambda x: x.discard(1), {2}),
        ([{"a": [1]}], lambda x: x[0]["a"].append(2), [{"a": [1, 2]}]),
    ],
)
def test_what_a_call_does_to_its_arguments_is_done_to_the_tests_own(argument, change, after):
    assert called(lambda x: [change(x), None][1], argument) is None
    assert repr(argument) == repr(after)


def test_arguments_that_stay_as_they_are_are_not_written_to():
    argument = torch.zeros(2)
    version = argument._version
    called(lambda x: x + 1, argument)
    assert argument._version == version


@pytest.mark.parametrize(
    ("argument", "change"),
    [
        (torch.zeros(2), lambda x: x.unsqueeze_(0)),
        (torch.zeros(2, 3), lambda x: x.t_()),
        (torch.zeros(2), lambda x: setattr(x, "data", torch.zeros(2).double())),
    ],
)
def test_a_change_of_form_is_an_error(argument, change):
    with pytest.raises(AnswerError, match="changed an argument of shape and dtype"):
        called(change, argument)


def test_read_only_arguments_are_read_only_there():
    argument = np.zeros(3)
    argument.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        called(lambda x: np.add(x, 1, out=x), argument)

    def function(x):
        x.flags.writeable = True
        x += 1

    with pytest.raises(ValueError, match="the call wrote into an argument that is read-only") as caught:
        called(function, argument)
    assert isinstance(caught.value, AnswerError)
    assert not argument.any()


def test_an_argument_that_comes_back_is_the_tests_own():
    row, array = [1], np.zeros(2)
    one, two = called(lambda a, b: (b, [a]), row, array)
    assert one is array
    assert two[0] is row


def test_an_argument_given_twice_is_one_object_there():
    array = np.zeros(2)
    assert called(lambda a, b: a is b[0], array, [array])
    assert not called(lambda a, b: a is b, array, array.copy())


def test_an_argument_given_again_is_the_same_object_there_with_its_new_contents():
    kept = []

    def function(x):
        kept.append(x)
        return x is kept[0], x

    with answering({"function": function}) as channel:
        remote = Proxy(lambda: channel, "function")
        for argument, change in [
            (np.zeros(2), lambda x: x.fill(7)),
            (torch.zeros(2), lambda x: x.fill_(7)),
            ([1, 2], lambda x: x.clear()),
            ({"a": 1}, lambda x: x.clear()),
        ]:
            kept.clear()
            remote(argument)
            change(argument)
            before = copy.deepcopy(argument)
            again, came = remote(argument)
            assert again
            assert came is argument
            assert repr(kept[0]) == repr(before)
        kept.clear()
        assert [remote(np.zeros(2))[0] for _ in range(3)] == [True, False, False]


def test_objects_passed_on_long_ago_are_forgotten():
    limits = Limits(value_mb=1, call_seconds=5)
    kept = []
    with answering({"function": lambda x: kept.append(weakref.ref(x))}, limits) as channel:
        remote = Proxy(lambda: channel, "function")
        first = np.zeros(2**16)
        remote(first)
        for _ in range(4):
            remote(np.zeros(2**16))
        assert [one() is None for one in kept] == [True, True, False, False, False]
        assert remote(first) is None


def test_objects_stay_there_and_have_methods_and_attributes():
    class Layer(torch.nn.Module):
        def __init__(self, *, size):
            super().__init__()
            self.size = size
            self.W = torch.nn.Parameter(torch.ones(size))

        def forward(self, x):
            return x * self.W

        def twin(self):
            return self

    with answering({"Layer": Layer, "size_of": lambda layer: layer.size}) as channel:
        layer = Proxy(lambda: channel, "Layer")(size=2)
        assert type(layer) is ObjectProxy
        assert repr(layer) == "<a student's object of type Layer>"
        assert layer.size == 2
        layer.load_state_dict({"W": torch.tensor([2.0, 3.0])})
        assert list(layer.state_dict()) == ["W"]
        assert type(layer.state_dict()["W"]) is torch.Tensor
        assert layer(torch.ones(2)).tolist() == [2.0, 3.0]
        assert layer.twin().forward(torch.ones(2)).tolist() == [2.0, 3.0]
        assert Proxy(lambda: channel, "size_of")(layer) == 2
        with pytest.raises(AttributeError, match="'Layer' object has no attribute 'bias'"):
            _ = layer.bias


# Honest mistakes


@pytest.mark.parametrize("kind", [ValueError, TypeError, KeyError, NotImplementedError, AssertionError, OSError])
def test_errors_keep_their_built_in_name_and_message(kind):
    def fails():
        raise kind("what went wrong")

    with pytest.raises(kind, match="what went wrong") as caught:
        called(fails)
    assert isinstance(caught.value, AnswerError)
    assert type(caught.value).__name__ == kind.__name__


class OwnError(LookupError):
    def __str__(self):
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("raised", "name"),
    [
        (OwnError(), "LookupError"),
        (SystemExit(3), "SystemExit"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (StopIteration(1), "StopIteration"),
        (GeneratorExit(), "GeneratorExit"),
        (RuntimeError(10**5 * "x"), "RuntimeError"),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "why"), "UnicodeDecodeError"),
        (BaseException("\ud800"), "BaseException"),
    ],
)
def test_whatever_is_raised_arrives_as_an_exception(raised, name):
    def fails():
        raise raised

    with answering({"fails": fails, "works": lambda: 1}) as channel:
        with pytest.raises(AnswerError) as caught:
            Proxy(lambda: channel, "fails")()
        assert type(caught.value).__name__ == name
        assert not isinstance(caught.value, StopIteration)
        assert len(str(caught.value)) <= 2000
        assert Proxy(lambda: channel, "works")() == 1


def test_an_error_can_not_end_a_loop_of_the_test():
    def fails(x):
        return next(iter([]))

    with answering({"fails": fails}) as channel, pytest.raises(AnswerError):
        list(map(Proxy(lambda: channel, "fails"), [1, 2]))


class Liar:
    __class__ = np.ndarray
    shape = (2,)

    def __eq__(self, other):
        return True

    __hash__ = None


@pytest.mark.parametrize(
    "make",
    [lambda: (x for x in [1]), lambda: np.array([object()]), lambda: np.ma.array([1]), lambda: len, lambda: Liar()],
)
def test_an_answer_that_is_no_data_can_not_be_compared_or_looked_into(make):
    with answering({"make": make}) as channel:
        answer = Proxy(lambda: channel, "make")()
        assert type(answer) is ObjectProxy
        for use in [
            *(bool, len, list, hash, float, int, np.asarray, torch.as_tensor, copy.copy, copy.deepcopy),
            *(lambda one: one == one, lambda one: one != 1, lambda one: one < 1, lambda one: 1 in one),
            *(lambda one: [one] == [1], lambda one: {one}, lambda one: one[0], lambda one: one + 1),
            *(lambda one: np.allclose(one, 1), lambda one: np.asarray([one, one]), lambda one: np.float64(1) == one),
            lambda one: setattr(one, "a", 1),
        ]:
            with pytest.raises((TypeError, ValueError)):
                use(answer)
        for name in ("__array_interface__", "__dict__", "_private", "__torch_function__"):
            assert not hasattr(answer, name)
        assert not isinstance(answer, np.ndarray | torch.Tensor | list | tuple | float | str)


def test_a_list_that_holds_itself_is_an_error_of_the_answer():
    def ring():
        one = []
        one.append(one)
        return one

    with pytest.raises(TypeError, match="holds itself"):
        called(ring)
    with pytest.raises(TypeError, match="more than"):
        called(lambda: np.broadcast_to(0.0, (10**5, 10**5)))
    with pytest.raises(TypeError, match="no Unicode"):
        called(lambda: "\ud800")


def test_what_a_test_can_not_send_is_its_own_error():
    with (
        answering({"function": lambda x: x}) as channel,
        pytest.raises(TypeError, match="the test can't send") as caught,
    ):
        Proxy(lambda: channel, "function")(lambda: 1)
    assert not isinstance(caught.value, AnswerError)


# Dishonest answers


def results(value: object, changes: object = (), number: int = 1) -> bytes:
    return message((number, "result", value, changes))


NONSENSE = {
    "bytes": b"\0" * 7 + b"\5hello",
    "no tuple": message([1, "result", 1, ()]),
    "another number": results(1, number=2),
    "a number that is true": message((True, "result", 1, ())),
    "half an answer": message((1, "result")),
    "too long an answer": message((1, "result", 1, (), 2)),
    "another kind": message((1, "passed")),
    "an error without a name": message((1, "error", None, "text")),
    "an object for a name": message((1, "error", object(), "text")),
    "changes that are none": results(1, [1]),
    "a change of nothing": results(1, ((0, (1,)), (9, (1,)))),
    "a change from behind": results(1, ((-1, (1,)),)),
    "two changes": results(1, ((0, (1,)), (0, (2,)))),
    "a change of kind": results(1, ((0, {"a": 1}),)),
    "a reference to nothing": HEAD.pack(5) + b"R\xff\0\0\0",
    "a claim of much": HEAD.pack(2**40) + b"\0",
    "a claim of all": HEAD.pack(2**64 - 1),
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_breaks_the_channel_for_good(answer):
    with sending(answer, results(2, number=2)) as function:
        with pytest.raises(BrokenChannelError) as caught:
            function([1])
        assert caught.value.kind == "broken"
        with pytest.raises(BrokenChannelError):
            function([1])
    assert not isinstance(caught.value, Exception)


def test_an_argument_can_not_be_made_to_hold_itself_or_to_explode():
    ours, theirs = socket.socketpair()
    rows = [[place] for place in range(12)]
    known = []
    # The argument's own numbers, as the student's process learns them.
    channel = Channel(ours, LIMITS)

    def answer(*contents):
        def reply():
            (size,) = HEAD.unpack(theirs.recv(HEAD.size))
            data = b""
            while len(data) < size:
                data += theirs.recv(size - len(data))
            known.clear()
            question = decode(data, LIMITS, known=known, identity=lambda number, value: value, layout=True)
            places = [place for place, one in enumerate(known) if type(one) is list]
            changes = tuple(zip(places, contents[0](known, places), strict=True))
            reply = encode((question[0], "result", None, changes), LIMITS, known=known)
            theirs.sendall(HEAD.pack(len(reply)) + reply)

        thread = threading.Thread(target=reply)
        thread.start()
        return thread

    def doubled(known, places):
        return [tuple([known[after]] * 10) for after in places[1:]] + [(1,)]

    thread = answer(doubled)
    with pytest.raises(BrokenChannelError, match="too often"):
        Proxy(lambda: channel, "function")(*rows)
    thread.join()
    assert rows[0] == [0]
    ours.close()
    theirs.close()

    ours, theirs = socket.socketpair()
    channel = Channel(ours, LIMITS)
    thread = answer(lambda known, places: [(known[places[0]],)])
    with pytest.raises(BrokenChannelError, match="holds itself"):
        Proxy(lambda: channel, "function")(rows[0])
    thread.join()
    assert rows[0] == [0]
    channel.close()
    theirs.close()


def test_a_call_that_takes_too_long_breaks_the_channel():
    with sending(limits=Limits(call_seconds=0.05)) as function:
        with pytest.raises(BrokenChannelError) as caught:
            function(1)
        assert caught.value.kind == "time"


def test_a_drip_does_not_reset_the_clock():
    begun = time.monotonic()
    dripping = sending(results(list(range(100))), limits=Limits(call_seconds=0.2), seconds=0.01)
    with dripping as function, pytest.raises(BrokenChannelError, match=r"longer than 0\.2 seconds"):
        function(1)
    assert time.monotonic() - begun < 10


def test_a_process_that_does_not_listen_breaks_the_channel():
    with sending(limits=Limits(call_seconds=0.1)) as function:
        with pytest.raises(BrokenChannelError) as caught:
            function(np.zeros(10**6))  # more than a socket holds
        assert caught.value.kind == "time"


def test_a_process_that_ends_breaks_the_channel():
    ours, theirs = socket.socketpair()
    theirs.close()
    with pytest.raises(BrokenChannelError, match="has ended"):
        Channel(ours, LIMITS).ask("call", "function", (), {})


def test_answers_to_calls_that_nobody_made_break_the_channel():
    with sending(results(1), results(1), results(1)) as function:
        assert function() == 1
        with pytest.raises(BrokenChannelError, match="answers another call"):
            function()


def test_calls_are_counted():
    with answering({"function": lambda: 1}, Limits(calls=3)) as channel:
        function = Proxy(lambda: channel, "function")
        assert [function() for _ in range(3)] == [1, 1, 1]
        with pytest.raises(BrokenChannelError, match="more than 3 calls"):
            function()


def test_an_object_of_another_process_can_not_be_passed_on():
    with answering({"make": object}) as one, answering({"take": lambda x: 1}) as other:
        made = Proxy(lambda: one, "make")()
        with pytest.raises(TypeError, match="ObjectProxy is no plain data"):
            Proxy(lambda: other, "take")(made)
