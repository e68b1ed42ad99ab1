"""A nursery: one process that has loaded torch and its kind once, and children forked from it, each in its own sandbox.

    with Nursery(limits, modules=("torch",), paths=("/course/library",)) as nursery:
        child = nursery.spawn("module:function", 1, "two", descriptors=(sock,))
        child.wait(10)

In the child, ``function(1, "two", 3)`` is called: descriptors have the numbers 3, 4, ... there.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from grading import sandbox as walls
from grading.keeper import FIRST_DESCRIPTOR, LONGEST
from grading.limits import Limits

__all__ = ["FIRST_DESCRIPTOR", "Child", "ChildFailedError", "Nursery"]

_SECONDS = 120  # for modules to load, and for a child to start on a busy machine
_BOOT = "import sys; sys.path.append(sys.argv[2]); from grading.keeper import main; main(int(sys.argv[1]))"
_ENVIRONMENT = {
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class ChildFailedError(RuntimeError):
    """A child didn't start, for a reason that isn't its function's."""


def _search_path() -> str:
    """Return where programs are looked for: nothing that tells of the caller's home, as far as bubblewrap allows."""
    bubblewrap = shutil.which("bwrap")
    found = os.path.dirname(os.path.abspath(bubblewrap)) if bubblewrap else "/usr/bin"
    return os.pathsep.join(dict.fromkeys([found, "/usr/bin", "/bin"]))


class _HasNumber(Protocol):
    def fileno(self) -> int:
        """Return the descriptor."""


class Nursery:
    """A loaded process and what it forks.

    Parameters
    ----------
    limits : Limits
    modules : iterable of str
        What is imported once, before any child. They may start no threads.
    paths : iterable of str or Path
        Files and directories that every child can read and import from, besides the interpreter's own.
    sandbox : bool
        False runs everything with the caller's rights, for those who asked for that.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        modules: Iterable[str] = (),
        paths: Iterable[str | Path] = (),
        sandbox: bool = True,
    ):
        self.limits = limits or Limits()
        self.modules = tuple(modules)
        self.paths = tuple(os.path.abspath(path) for path in paths)
        self.sandbox = sandbox
        self._process: subprocess.Popen | None = None
        self._requests: socket.socket | None = None
        self._starting = threading.Lock()

    def __enter__(self) -> "Nursery":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def start(self) -> None:
        """Load the modules, unless that is done.

        Raises
        ------
        SandboxMissingError
            If this machine has no sandboxes to offer.
        ChildFailedError
            If a module can't be loaded.
        """
        with self._starting:
            if self._requests is None:
                self._start()

    def _start(self) -> None:
        if self.sandbox:
            walls.require()
        requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            root = str(Path(__file__).parent.parent)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOT, str(theirs.fileno()), root, f"owner={os.getpid()}"],
                pass_fds=[theirs.fileno()],
                env=_ENVIRONMENT | {"PATH": _search_path()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is the owner's
            )
        setting = {"modules": self.modules, "paths": self.paths, "sandbox": self.sandbox}
        setting["limits"] = self.limits.to_json()
        requests.send(json.dumps(setting).encode())
        requests.settimeout(_SECONDS)
        answer = json.loads(requests.recv(LONGEST) or b"{}")
        if "ready" not in answer:
            self._stop()
            requests.close()
            raise ChildFailedError(f"the nursery can't load its modules: {answer.get('error', 'it ended')}")
        self._requests = requests

    def spawn(
        self,
        function: str,
        *arguments: Any,
        descriptors: Iterable[int | _HasNumber] = (),
        paths: Iterable[str | Path] = (),
        relayed: Iterable[tuple[_HasNumber, str]] = (),
    ) -> "Child":
        """Call ``module:function`` in a new child, in a sandbox of its own.

        Parameters
        ----------
        function : str
        *arguments
            Plain data, as JSON can hold it.
        descriptors : iterable of int or object with fileno()
            What the child gets of the caller's. Their numbers in there follow the arguments; the caller keeps its own.
        paths : iterable of str or Path
            What this child can read and import besides the nursery's paths, and before them.
        relayed : iterable of (socket, str)
            Sockets on which the host listens, and for each an unused address. The child gets listening sockets with
            these addresses, after its other descriptors. Connections go through a process that counts what comes out.

        Raises
        ------
        SandboxMissingError
            If the sandbox can't be made or entered.
        ChildFailedError
            If the nursery is gone or the request is too large.
        """
        self.start()
        numbers = [each if isinstance(each, int) else each.fileno() for each in descriptors]
        relayed = list(relayed)
        numbers = [*(listening.fileno() for listening, _ in relayed), *numbers]
        request = {
            "relayed": [address for _, address in relayed],
            "function": function,
            "arguments": arguments,
            "paths": [*(os.path.abspath(path) for path in paths), *self.paths],
        }
        content = json.dumps(request).encode()
        if len(content) > LONGEST:
            raise ChildFailedError(f"a child's arguments may have {LONGEST:,} bytes, these have {len(content):,}")
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        child = Child(control)
        try:
            with theirs:
                socket.send_fds(self._requests, [content], [theirs.fileno(), *numbers])
            child._expect_start(_SECONDS)
        except OSError as error:
            child.kill()
            raise ChildFailedError(f"the nursery doesn't answer: {error}") from error
        except Exception:
            child.kill()
            raise
        return child

    def close(self) -> None:
        """End the nursery's process. Children go on until they end, or are killed, or their owner is gone."""
        with self._starting:
            if self._requests is not None:
                self._requests.close()
                self._requests = None
            self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Child:
    """A function that runs in a sandbox of its own, as its owner sees it."""

    def __init__(self, control: socket.socket):
        self._control = control
        self._lock = threading.RLock()
        self._status: int | None = None
        self._directory: Path | None = None
        self.why: str | None = None
        """``memory``, ``processes`` or ``output`` when it was killed for taking or sending too much."""
        self.said = ""
        """The end of what it wrote to stdout and stderr besides its messages, once it has ended."""

    @property
    def directory(self) -> Path:
        """A private directory of the owner's for sockets, with a short path. The child can't see it."""
        if self._directory is None:
            base = tempfile.gettempdir()
            self._directory = Path(tempfile.mkdtemp(prefix="ag-", dir=base if len(base) < 60 else "/tmp"))
        return self._directory

    def poll(self) -> int | None:
        """Return None while it runs, then its exit status: 0 when the function returned, negative for a signal."""
        return self._receive(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit status.

        Raises
        ------
        TimeoutError
            If it still runs after that many seconds.
        """
        status = self._receive(timeout)
        if status is None:
            raise TimeoutError(f"still running after {timeout} seconds")
        return status

    def interrupt(self) -> None:
        """Send SIGINT to the function's process."""
        self._send(b"interrupt")

    def kill(self) -> None:
        """Kill everything in the sandbox, and return when it is dead."""
        self._send(b"kill")
        self._receive(None)

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when the child has ended."""
        return self._control.fileno()

    def _send(self, content: bytes) -> None:
        with self._lock:
            if self._status is None:
                with contextlib.suppress(OSError):  # it may have ended meanwhile
                    self._control.send(content)

    def _receive(self, timeout: float | None) -> int | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._status is None:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            answer = self._message(left)
            if answer is None:
                return None
            self._end(answer)
        return self._status

    def _message(self, timeout: float | None) -> dict | None:
        with self._lock:
            if self._status is not None:
                return {}
            self._control.settimeout(timeout)
            try:
                content = self._control.recv(LONGEST)
            except (BlockingIOError, TimeoutError):
                return None
            except OSError:
                content = b""
            return json.loads(content or b'{"exit": -9}')

    def _end(self, answer: dict) -> None:
        with self._lock:
            if self._status is not None:
                return
            self._wait_for_keeper()
            self._status = answer.get("exit", 1)
            self.why = answer.get("why")
            self.said = answer.get("said") or answer.get("error") or answer.get("missing") or ""
            self._control.close()
            if self._directory is not None:
                shutil.rmtree(self._directory, ignore_errors=True)

    def _wait_for_keeper(self) -> None:
        """Wait until the process that kept the sandbox has ended too: it closes the socket last."""
        self._control.settimeout(_SECONDS)
        with contextlib.suppress(OSError):  # closed without a farewell
            while self._control.recv(LONGEST):
                pass

    def _expect_start(self, seconds: float) -> None:
        answer = self._message(seconds)
        if answer is None:
            raise ChildFailedError(f"a child didn't start within {seconds} seconds")
        if "started" in answer:
            return
        self._end(answer)
        if "missing" in answer:
            raise walls.SandboxMissingError(answer["missing"])
        raise ChildFailedError(f"a child didn't start: {self.said or 'the nursery has ended'}")
