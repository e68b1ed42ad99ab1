"""Runs a spliced notebook: answers in a sandboxed kernel, tests in a trusted process -> a report.

The kernel runs the master's setup cells and the student's answers, in the master's order. The tester runs the setup
cells and the tests, and asks the kernel for nothing but data. Where the kernel dies, hangs or talks nonsense, a new one
reads the answers again, without the one that killed it, and the rest keeps its points.
"""

import json
import socket
import struct
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from grading.diagnosis import diagnosis, hidden_lines
from grading.forbidden import not_allowed
from grading.kernel import Kernel, KernelGoneError
from grading.limits import Limits
from grading.nursery import FIRST_DESCRIPTOR, Nursery
from grading.splicing import UNREADABLE, defined_names

_GRACE = 5.0  # seconds that an interrupted cell has to end, and a message to travel


@dataclass
class Report:
    """What came of a notebook."""

    tests: dict[str, dict] = field(default_factory=dict)
    """For each test cell by name: ``passed``, ``kind`` and, where it failed, ``diagnosis``."""
    outputs: dict[str, list[dict]] = field(default_factory=dict)
    """For each answer by name: what its cell printed, as outputs of a notebook."""
    remarks: list[str] = field(default_factory=list)
    """What a person should know: that a kernel was killed, or that there were no walls."""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Report":
        """Return the report that :meth:`to_json` wrote."""
        return cls(**content)


class Tester:
    """The trusted process, as its owner sees it: it is told what to do, and answers."""

    def __init__(self, nursery: Nursery, calls: socket.socket, limits: Limits, paths: tuple):
        self.control, theirs = socket.socketpair()
        self.limits = limits
        with theirs:
            self.child = nursery.spawn(
                "grading.testing:main", limits.to_json(), descriptors=(theirs, calls), paths=paths
            )

    def ask(self, message: dict, seconds: float, descriptors: tuple[int, ...] = ()) -> dict:
        """Send one message and return the answer to it."""
        content = json.dumps(message).encode()
        self.control.settimeout(seconds)
        packet = struct.pack(">I", len(content)) + content
        if descriptors:
            sent = socket.send_fds(self.control, [packet], list(descriptors))
            packet = packet[sent:]
        self.control.sendall(packet)
        (size,) = struct.unpack(">I", self._receive(4))
        return json.loads(self._receive(size))

    def _receive(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = self.control.recv(size - len(parts))
            if not part:
                raise EOFError("the process that runs the tests has ended")
            parts += part
        return bytes(parts)

    def close(self) -> None:
        """End the process."""
        self.control.close()
        self.child.kill()


@dataclass(frozen=True)
class Job:
    """What is run, apart from the notebook: limits, the course's seed, and what each process can import."""

    limits: Limits = field(default_factory=Limits)
    seed: str = "0"
    student_paths: tuple[str, ...] = ()
    tester_paths: tuple[str, ...] = ()


def run(notebook: NotebookNode, master: NotebookNode, job: Job, nursery: Nursery) -> Report:
    """Run a spliced notebook and return what came of it.

    Parameters
    ----------
    notebook : NotebookNode
        As :func:`grading.splicing.splice` makes it. It isn't changed: see :func:`write`.
    master : NotebookNode
        Its solutions say which names the tests may ask of the student's process.
    job : Job
    nursery : Nursery
        Where the two processes come from.
    """
    begun = time.monotonic()
    if UNREADABLE in notebook.metadata:
        report = _nothing(notebook, notebook.metadata[UNREADABLE])
    else:
        with _Run(notebook, master, job, nursery) as one:
            report = one.report
    report.seconds = time.monotonic() - begun
    return report


def _nothing(notebook: NotebookNode, reason: str) -> Report:
    failed = {"passed": False, "kind": "unreadable", "diagnosis": f"Nothing could be graded: {reason}"}
    names = [cell.metadata.nbgrader.grade_id for cell in notebook.cells if _is_test(cell)]
    return Report(tests={name: dict(failed) for name in names})


class _Run:
    """One notebook on its way through kernel and tester."""

    def __init__(self, notebook: NotebookNode, master: NotebookNode, job: Job, nursery: Nursery):
        self.cells = [cell for cell in notebook.cells if cell.cell_type == "code" and "nbgrader" in cell.metadata]
        self.names, self.not_allowed = defined_names(master), not_allowed(master)
        self.job, self.nursery = job, nursery
        self.report = Report()
        self.deadline = time.monotonic() + job.limits.notebook_seconds
        self.kernel: Kernel | None = None
        self.tester: Tester | None = None
        self.spent: set[str] = set()  # answers that cost a kernel its life, and aren't read again

    def __enter__(self) -> "_Run":
        try:
            self._all()
        finally:
            self._close()
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def _all(self) -> None:
        self._begin()
        for place, cell in enumerate(self.cells):
            if self._left() <= 0:
                self._out_of_time(self.cells[place:])
                return
            if _is_test(cell):
                self._test(cell, place)
            else:
                self._read(cell, place)

    def _left(self) -> float:
        return self.deadline - time.monotonic()

    # The two processes

    def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.tester = Tester(self.nursery, ours, self.job.limits, self.job.tester_paths)
            self._start_kernel(theirs)
        setup = [cell.source for cell in self.cells if _is_setup(cell)]
        seconds = self.job.limits.cell_seconds
        self.tester.ask({"do": "setup", "seed": self.job.seed, "cells": setup}, seconds)
        self.tester.ask({"do": "names", "names": self.names}, seconds)

    def _start_kernel(self, calls: socket.socket) -> None:
        self.kernel = Kernel(self.nursery, self.job.limits, (calls,), self.job.student_paths)
        done = self.kernel.execute(_take_away(self.not_allowed), self.job.limits.cell_seconds)
        if done.status != "ok":
            raise RuntimeError(f"what isn't allowed could not be taken away: {done.outputs}")

    def _renew(self, why: str, place: int) -> None:
        """Start another kernel, and have it read the answers above again."""
        remark = f"The kernel was started again: {why}."
        if remark not in self.report.remarks:
            self.report.remarks.append(remark)
        self.kernel.close()
        self.kernel = None
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.tester.ask({"do": "calls"}, _GRACE, (ours.fileno(),))
            self._start_kernel(theirs)
        for cell in self.cells[:place]:
            if not _is_test(cell) and _name(cell) not in self.spent:
                self._execute(cell, place)

    def _close(self) -> None:
        for part in (self.kernel, self.tester):
            if part is not None:
                part.close()
        self.kernel = self.tester = None

    # Cells

    def _read(self, cell: NotebookNode, place: int) -> None:
        executed = self._execute(cell, place)
        if is_solution(cell):
            self.report.outputs[_name(cell)] = executed

    def _execute(self, cell: NotebookNode, place: int) -> list[dict]:
        """Have the kernel run an answer or a setup cell; return what it printed."""
        try:
            executed = self.kernel.execute(cell.source, min(self.job.limits.cell_seconds, max(self._left(), 0.1)))
        except KernelGoneError as error:
            self.spent.add(_name(cell))
            self._renew(f"in the cell of {_name(cell)} {error}", place)
            return [_said(f"This cell ended its kernel: {error}.")]
        if executed.status == "time":
            return [*executed.outputs, _said(f"Stopped after {self.job.limits.cell_seconds:g} seconds.")]
        return executed.outputs

    def _test(self, cell: NotebookNode, place: int) -> None:
        verdict = self._verdict(cell, place)
        if verdict["kind"] == "time" and self._left() > self.job.limits.call_seconds:
            verdict = self._verdict(cell, place)  # once more: a machine that is busy is no fault of the answer
        self._judge(cell, verdict)

    def _verdict(self, cell: NotebookNode, place: int) -> dict:
        serving = self.kernel.begin(_serve(self.job.limits))
        question = {"do": "test", "name": _name(cell), "source": cell.source, "hidden": hidden_lines(cell.source)}
        verdict = self._ask(question)
        why = self._still_serving(serving, verdict)
        if why and (verdict["kind"] == "time" or place + 1 < len(self.cells)):
            self._renew(f"in the test of {_name(cell)} {why}", place + 1)
        return verdict

    def _ask(self, question: dict) -> dict:
        limits = self.job.limits
        try:
            return self.tester.ask(question, limits.cell_seconds + limits.call_seconds + _GRACE)
        except (OSError, EOFError, ValueError) as error:
            raise TesterGoneError(f"the process that runs the tests is gone: {error}") from error

    def _still_serving(self, serving: str, verdict: dict) -> str | None:
        """Return why the kernel can't go on, or None when it has stopped answering calls and is free again."""
        if verdict.get("broken"):
            return "a call did not end in time" if verdict["kind"] == "time" else "it broke off the conversation"
        try:
            done = self.kernel.finish(serving, _GRACE)
        except KernelGoneError as error:
            return str(error)
        return "it did not come back" if done.status == "time" else None

    def _judge(self, cell: NotebookNode, verdict: dict) -> None:
        passed = verdict.get("passed") is True and verdict.get("kind") == "passed" and not verdict.get("broken")
        judged = {"passed": passed, "kind": verdict.get("kind", "broken")}
        if not passed:
            judged["diagnosis"] = diagnosis(verdict, cell.source, self.job.limits)
        self.report.tests[_name(cell)] = judged

    def _out_of_time(self, cells: list[NotebookNode]) -> None:
        minutes = self.job.limits.notebook_seconds / 60
        said = f"Not run: the notebook had taken {minutes:g} minutes by then."
        for cell in cells:
            if _is_test(cell):
                self.report.tests[_name(cell)] = {"passed": False, "kind": "time", "diagnosis": said}


class TesterGoneError(RuntimeError):
    """The trusted process ended or hangs. That is no student's doing, so the submission needs a person."""


def write(report: Report, notebook: NotebookNode) -> NotebookNode:
    """Write a report into the notebook that was run: nothing under a test that passed, a diagnosis under the others."""
    for cell in notebook.cells:
        if cell.cell_type != "code" or "nbgrader" not in cell.metadata:
            continue
        name = cell.metadata.nbgrader.grade_id
        if _is_test(cell):
            cell.outputs = _shown(report.tests.get(name, {"passed": False, "diagnosis": "This test was not run."}))
        elif is_solution(cell):
            cell.outputs = [NotebookNode(output) for output in report.outputs.get(name, [])]
    return notebook


def _shown(test: dict) -> list[NotebookNode]:
    if test["passed"]:
        return []
    said = test["diagnosis"]
    return [NotebookNode({"output_type": "error", "ename": "Not passed", "evalue": said, "traceback": [said]})]


def _serve(limits: Limits) -> str:
    """Return the lines that have the kernel answer calls, on the first descriptor that it was given."""
    modules = "from grading import guest as _guest, limits as _limits"
    return f"{modules}\n_guest.serve({FIRST_DESCRIPTOR}, limits=_limits.Limits(**{limits.to_json()!r}))"


def _take_away(forbidden: dict[str, list[str]]) -> str:
    """Return the line that takes away what the problem set doesn't allow, and leaves nothing behind."""
    return f"__import__('grading.forbidden').forbidden.take_away({forbidden['torch']!r}, {forbidden['modules']!r});"


def _said(text: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": f"{text}\n"}


def _name(cell: NotebookNode) -> str:
    return cell.metadata.nbgrader.grade_id


def _is_test(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and is_grade(cell) and not is_solution(cell)


def _is_setup(cell: NotebookNode) -> bool:
    return not is_grade(cell) and not is_solution(cell)
