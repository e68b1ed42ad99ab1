"""Runs the same source in a sandbox and outside: what a wall keeps away must be there on its other side."""

import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from grading.limits import Limits
from grading.nursery import Nursery

PROBE = Path(__file__).parent / "probe.py"
SECONDS = 30


def nursery_for(directory: Path, limits: Limits | None = None, **options) -> Nursery:
    """Return a nursery, not started yet, whose children can import the probe."""
    shutil.copy(PROBE, directory)
    return Nursery(limits or Limits(), paths=[directory, *options.pop("paths", ())], **options)


class Started:
    """A source that runs in a sandbox."""

    def __init__(self, child, answers):
        self.child, self.answers = child, answers

    def told(self):
        """Return what the source told next."""
        line = self.answers.readline()
        assert line, (self.child.wait(SECONDS), self.child.why, self.child.said)
        return json.loads(line)


@contextmanager
def started(nursery: Nursery, source: str, *, descriptors=(), **names):
    """Run a source in a sandbox of its own."""
    ours, theirs = socket.socketpair()
    ours.settimeout(SECONDS)
    with ours, ours.makefile() as answers:
        with theirs:
            child = nursery.spawn("probe:evaluate", source, names, descriptors=(theirs, *descriptors))
        try:
            yield Started(child, answers)
        finally:
            child.kill()


def inside(nursery: Nursery, source: str, **names):
    """Return the result of a source that ran in a sandbox."""
    with started(nursery, source, **names) as running:
        return running.told()


def outside(source: str, **names):
    """Return the result of a source that ran with the test's own rights."""
    ours, theirs = socket.socketpair()
    with ours, ours.makefile() as answers:
        with theirs:
            command = [sys.executable, str(PROBE), source, json.dumps(names), str(theirs.fileno())]
            subprocess.run(command, pass_fds=[theirs.fileno()], check=True, timeout=SECONDS)
        return json.loads(answers.readline())


def alive(owner: int | None = None) -> set[int]:
    """Return the numbers of all processes that came of a process's nurseries, the nurseries included."""
    mark = f"owner={owner or os.getpid()}".encode()
    found = set()
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            parts = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in parts:
            found.add(int(name))
    return found
