"""Tests the trusted process, and through it every master, and named right and wrong answers to every exercise."""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from grading import guest, testing
from grading.limits import Limits
from grading.proxies import Channel
from tests.exercises.answers import answers
from tests.exercises.master import ROOT, master, masters

EVERY = 12  # of the wrong answers, one in so many is tried here; of the right ones, all
GRADED = [(name, function) for name in masters() for function in master(name).functions]


def hidden_lines(source: str) -> list[list[int]]:
    lines = source.splitlines()
    first = [number for number, line in enumerate(lines, start=1) if "BEGIN HIDDEN" in line]
    last = [number for number, line in enumerate(lines, start=1) if "END HIDDEN" in line]
    return [list(pair) for pair in zip(first, last, strict=True)]


class Control:
    """The owner's end of a tester."""

    def __init__(self, connection: socket.socket):
        self.connection = connection

    def ask(self, message: dict, *descriptors: int) -> dict:
        content = json.dumps(message).encode()
        socket.send_fds(self.connection, [struct.pack(">I", len(content)) + content], descriptors)
        (size,) = struct.unpack(">I", self.receive(4))
        return json.loads(self.receive(size))

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.connection.recv(size - len(data))
            assert part, "the tester has ended"
            data += part
        return data


# Problem sets


@pytest.fixture(scope="module")
def course() -> Iterator["Course"]:
    running = Course()
    yield running
    running.close()


class Course:
    """A tester, and a process that answers for students."""

    def __init__(self):
        self.control, to_tester = socket.socketpair()
        calls, answered = socket.socketpair()
        lines, self.lines = os.pipe()
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        start = f"from grading.testing import main; main({Limits().to_json()}, {to_tester.fileno()}, {calls.fileno()})"
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-c", start], cwd=ROOT, env=environment, pass_fds=(to_tester.fileno(), calls.fileno())
            ),
            subprocess.Popen(
                [sys.executable, "-m", "tests.grading.answering", str(lines), str(answered.fileno())],
                cwd=ROOT,
                env=environment,
                pass_fds=(lines, answered.fileno()),
            ),
        ]
        for end in (to_tester, calls, answered):
            end.close()
        os.close(lines)
        self.tester = Control(self.control)
        self.set_up = ""

    def judge(self, problem_set: str, function: str, place: int = -1) -> dict:
        """Return the verdict on an answer to a function; -1 is the master's own."""
        self.begin(problem_set)
        os.write(self.lines, f"{problem_set} {function} {place}\n".encode())
        source = master(problem_set).source(f"test_{function}")
        return self.tester.ask(
            {"do": "test", "name": f"test_{function}", "source": source, "hidden": hidden_lines(source)}
        )

    def begin(self, problem_set: str) -> None:
        if self.set_up == problem_set:
            return
        cells = [cell for cell in master(problem_set).notebook.cells if cell.cell_type == "code"]
        setup = [cell.source for cell in cells if not (cell.metadata.nbgrader.grade or cell.metadata.nbgrader.solution)]
        assert self.tester.ask({"do": "setup", "seed": "0", "cells": setup}) == {"done": True, "message": ""}
        assert self.tester.ask({"do": "names", "names": master(problem_set).functions}) == {"done": True}
        self.set_up = problem_set

    def close(self) -> None:
        self.control.close()
        os.close(self.lines)
        assert [process.wait(30) for process in self.processes] == [0, 0]


@pytest.mark.parametrize(("problem_set", "function"), GRADED)
def test_the_masters_pass(course: Course, problem_set: str, function: str):
    verdict = course.judge(problem_set, function)
    assert verdict["passed"], verdict
    assert verdict["calls"] > 0


@pytest.mark.parametrize(("problem_set", "function"), GRADED)
def test_answers_get_what_they_deserve(course: Course, problem_set: str, function: str):
    wrong = 0
    for place, answer in enumerate(answers(problem_set, function)):
        if not answer.is_right:
            wrong += 1
            if wrong % EVERY != 1:
                continue
        verdict = course.judge(problem_set, function, place)
        assert verdict["passed"] == answer.is_right, (answer.what, verdict)
        assert answer.diagnosis is None or answer.diagnosis in verdict["message"], (answer.what, verdict)


# Verdicts


@contextlib.contextmanager
def answering(names: dict, limits: Limits | None = None, times: int = 1) -> Iterator[testing.Tester]:
    """Yield a tester whose student's notebook holds these names, and serves as many tests."""
    limits = limits or Limits(call_seconds=5)
    ours, theirs = socket.socketpair()

    def serve():
        for _ in range(times):
            guest.serve(theirs.fileno(), names, limits)

    thread = threading.Thread(target=serve)
    thread.start()
    tester = testing.Tester(Channel(ours, limits), limits)
    tester.do({"do": "names", "names": ["answer", "other"]})
    try:
        yield tester
    finally:
        tester.channel.close()
        thread.join()
        theirs.close()


def raises(kind: type[BaseException]):
    def answer():
        raise kind("why")

    return answer


HIDDEN = """def _right(number):
    assert number == 1, "it is not 1"
_right(answer(0))
### BEGIN HIDDEN TESTS
_right(answer(2))
### END HIDDEN TESTS
"""


@pytest.mark.parametrize(
    ("source", "answer", "expected"),
    [
        (
            "assert answer() == 1",
            lambda: 1,
            {"passed": True, "kind": "passed", "calls": 1, "broken": False, "line": None},
        ),
        ("\nassert answer() == 1, 'no'", lambda: 2, {"kind": "assertion", "message": "no", "line": 2, "hidden": False}),
        ("answer()", raises(ValueError), {"kind": "error", "error": "ValueError", "message": "why"}),
        ("answer()", raises(AssertionError), {"kind": "error", "error": "AssertionError", "message": "why"}),
        ("answer()", raises(SystemExit), {"kind": "error", "error": "SystemExit"}),
        ("answer()", raises(KeyboardInterrupt), {"kind": "error", "error": "KeyboardInterrupt", "broken": False}),
        ("answer().shape", lambda: None, {"kind": "error", "error": "AttributeError"}),
        ("assert answer() == 1", lambda: object(), {"kind": "error", "error": "TypeError"}),
        ("a, b = answer()", lambda: (1, 2, 3), {"kind": "error", "error": "ValueError"}),
        ("other()", lambda: 1, {"kind": "missing", "error": "NameError", "message": "other is not defined"}),
        ("import sys\nsys.exit(0)", lambda: 1, {"kind": "error", "error": "SystemExit", "line": 2}),
        ("assert (", lambda: 1, {"kind": "tests", "error": "SyntaxError"}),
        (HIDDEN, lambda x: 1, {"passed": True}),
        (HIDDEN, lambda x: x, {"kind": "assertion", "hidden": False, "line": 3}),
        (HIDDEN, lambda x: x or 1, {"kind": "assertion", "hidden": True, "line": 5}),
        (HIDDEN, lambda x: [1, 2][x], {"kind": "error", "error": "IndexError", "hidden": True}),
        ("1.0", lambda: 1, {"passed": True, "calls": 0}),
    ],
)
def test_verdicts(source, answer, expected):
    with answering({"answer": answer}) as tester:
        verdict = tester.test("test_answer", source, hidden_lines(source))
    assert {name: verdict[name] for name in expected} == expected
    assert verdict["passed"] == (verdict["kind"] == "passed")
    json.dumps(verdict)


SWALLOWING = "try:\n    answer()\nexcept BaseException:\n    pass"


def test_a_call_that_takes_too_long_fails_a_test_that_swallows_it():
    late = threading.Event()
    limits = Limits(call_seconds=0.1)
    with answering({"answer": late.wait}, limits) as tester:
        for _ in range(2):  # and every later one, at once
            verdict = tester.test("test_answer", SWALLOWING, [])
            assert (verdict["passed"], verdict["kind"], verdict["broken"]) == (False, "time", True)
        late.set()


def test_a_process_that_ends_fails_a_test_that_swallows_it():
    with answering({"answer": lambda: 1}) as tester:
        tester.channel.connection.shutdown(socket.SHUT_RDWR)
        verdict = tester.test("test_answer", SWALLOWING, [])
        assert (verdict["passed"], verdict["kind"], verdict["broken"]) == (False, "broken", True)


@pytest.mark.parametrize(
    "source",
    [
        "while True:\n    pass",
        "for _ in range(answer()):\n    pass",
        "try:\n    while True:\n        pass\nexcept BaseException:\n    pass",
        "try:\n    while True:\n        pass\nfinally:\n    while True:\n        pass",
    ],
)
def test_a_test_that_takes_too_long_fails(source: str):
    begun = time.monotonic()
    with answering({"answer": lambda: 10**12}, Limits(cell_seconds=0.2, call_seconds=5)) as tester:
        verdict = tester.test("test_answer", source, [])
    assert (verdict["passed"], verdict["kind"]) == (False, "time")
    assert verdict["message"] == "the test took longer than 0.2 seconds"
    assert time.monotonic() - begun < 5


def test_a_call_that_is_under_way_when_the_test_is_over_breaks_the_channel():
    late = threading.Event()
    with answering({"answer": late.wait}, Limits(cell_seconds=0.2, call_seconds=30)) as tester:
        verdict = tester.test("test_answer", "answer()", [])
        late.set()
    assert (verdict["passed"], verdict["kind"], verdict["broken"]) == (False, "time", True)


def test_a_test_leaves_nothing_to_the_next():
    with answering({"answer": lambda: 1}, times=2) as tester:
        assert tester.test("test_one", "_left = answer()\nother = answer", [])["passed"]
        verdict = tester.test("test_two", "_left", [])
    assert verdict["message"] == "name '_left' is not defined"


def test_calls_are_counted_for_each_test():
    with answering({"answer": lambda: 1}, Limits(calls=3), times=2) as tester:
        for _ in range(2):
            assert tester.test("test_one", "answer(), answer(), answer()", [])["calls"] == 3


# Setting up


@pytest.fixture
def tester(monkeypatch: pytest.MonkeyPatch) -> Iterator[testing.Tester]:
    monkeypatch.setenv("ATTNLIB_COURSE_SEED", "0")
    with answering({}) as tester:
        yield tester


def test_setup_cells_run_in_order_and_faults_in_them_are_passed_over(tester: testing.Tester):
    cells = ["%pip install attnlib", "import os\na = 1", "1 / 0", "a += 1\nseed = os.environ['ATTNLIB_COURSE_SEED']"]
    assert tester.set_up("2026", cells) == {"done": True, "message": ""}
    assert tester.names["a"] == 2
    assert tester.names["seed"] == "2026"
    assert tester.test("test_a", "assert a == 2", [])["passed"]


def test_a_module_that_is_missing_is_told(tester: testing.Tester):
    answer = tester.set_up("0", ["import no_such_module", "a = 1"])
    assert answer == {"done": False, "message": "ModuleNotFoundError: No module named 'no_such_module'"}
    assert tester.names["a"] == 1


def test_an_unknown_message_is_told(tester: testing.Tester):
    assert tester.do({"do": "nothing"}) == {"done": False, "message": "there is no way to do 'nothing'"}
    assert not tester.do({"do": "calls"})["done"]


def test_the_process_does_what_it_is_told_until_its_owner_is_gone():
    ours, theirs = socket.socketpair()
    calls, answered = socket.socketpair()
    verdicts = []

    def own():
        control = Control(ours)
        control.ask({"do": "names", "names": ["answer"]})
        test = {"do": "test", "name": "test_answer", "source": "assert answer() == 1", "hidden": []}
        answered.close()
        verdicts.append(control.ask(test))
        verdicts.append(control.ask(test))
        # The student's process is replaced.
        new, other = socket.socketpair()
        thread = threading.Thread(target=guest.serve, args=(other.fileno(), {"answer": lambda: 1}))
        thread.start()
        assert control.ask({"do": "calls"}, new.fileno()) == {"done": True}
        new.close()
        verdicts.append(control.ask(test))
        thread.join()
        other.close()
        ours.close()

    owner = threading.Thread(target=own)
    owner.start()
    testing.main(Limits().to_json(), theirs.detach(), calls.detach())
    owner.join()
    assert [(verdict["kind"], verdict["broken"]) for verdict in verdicts] == [
        ("broken", True),
        ("broken", True),
        ("passed", False),
    ]
