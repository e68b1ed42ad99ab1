"""The nursery's own process: loaded once, it forks; each fork keeps one sandbox until everything in it is dead.

It runs nobody's code itself, has one thread, an empty environment and nothing secret in its memory.

    nursery -- fork --> keeper -- starts --> bubblewrap, whose first process is the sandbox's
                           |---- fork --> usher: enters the sandbox's namespaces, forks once more, waits
                                             |---- fork --> the function, locked in

The keeper watches memory and the number of processes, hears from the owner over a socket of its own, and takes the
sandbox down when the function ends, when it is told to, or when the owner is gone.
"""

import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from grading import enter, sandbox
from grading.limits import Limits
from grading.relay import Relay

FIRST_DESCRIPTOR = 3  # the number, inside, of the first descriptor that a function is given
LONGEST = 100_000  # bytes of a request
_TICK_MS = 50
_SECONDS = 30  # for bubblewrap to make a sandbox
_SAID = 4000  # bytes of what a process wrote to stderr last
_HEARD = 2**24  # bytes of what it may write there
_MESSAGES = 64  # of the longest kind, that is what a kernel may send in all
_SET_DUMPABLE, _SET_SUBREAPER = 4, 36
_libc = ctypes.CDLL(None, use_errno=True)


def main(descriptor: int) -> None:
    """Load what is asked for, then fork for each request until the owner closes the socket."""
    requests = socket.socket(fileno=descriptor)
    _libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    setting = json.loads(requests.recv(LONGEST))
    try:
        sys.path[:0] = setting["paths"]
        _load(setting["modules"])
    except Exception as error:
        requests.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        return
    requests.send(json.dumps({"ready": True}).encode())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are nobody's to wait for
    while True:
        content, descriptors, _, _ = socket.recv_fds(requests, LONGEST, 64)
        if not content:
            return
        if os.fork() == 0:
            requests.close()
            _keep({**setting, **json.loads(content)}, descriptors)
        for each in descriptors:
            os.close(each)


def _load(modules: list[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise RuntimeError(f"{', '.join(modules)} started threads ({threads}), which a fork would lose")
    gc.collect()
    gc.freeze()  # what is shared with the forks stays shared


def _keep(request: dict, descriptors: list[int]) -> None:
    """Run a keeper's whole life. Never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    control = socket.socket(fileno=descriptors[0])
    try:
        keeper = Keeper(request, control, descriptors[1:])
        ended = keeper.run()
    except sandbox.SandboxMissingError as error:
        ended = {"missing": str(error)}
    except BaseException:
        ended = {"error": traceback.format_exc(limit=-4)[-_SAID:]}
    try:
        control.send(json.dumps(ended).encode())
    except OSError:
        pass  # the owner is gone
    finally:
        os._exit(0)


class Keeper:
    """One sandbox, from its making to its end."""

    def __init__(self, request: dict, control: socket.socket, descriptors: list[int]):
        self.request, self.control, self.descriptors = request, control, descriptors
        self.limits = Limits.from_json(request["limits"])
        self.walls = _Walls(request["paths"]) if request["sandbox"] else _NoWalls()
        self.said = b""
        self.heard = 0
        self.why: str | None = None
        self.relay: Relay | None = None

    def run(self) -> dict:
        """Start the function, watch it until it is over, and leave nothing behind; return how it ended."""
        status = None
        try:
            self._connect()
            self._start()
            self.walls.open(self.usher_process)
            status = self._watch()
        finally:
            self.walls.close()
            self._reap()
        while self.stderr >= 0 and self._readable() and self._listen():
            pass
        return {"exit": -signal.SIGKILL if status is None else status, "why": self.why, "said": self._tail()}

    def _connect(self) -> None:
        """Put this process between the host's sockets, which came first, and the sandbox's, which are made here."""
        addresses = self.request.get("relayed", [])
        if not addresses:
            return
        count = len(addresses)
        outer = [socket.socket(fileno=each) for each in self.descriptors[:count]]
        inner = []
        for address in addresses:
            made = socket.socket(socket.AF_UNIX)
            made.bind(address)
            made.listen(16)
            inner.append(made.detach())
        self.descriptors = [*self.descriptors[count:], *inner]
        self.relay = Relay(outer, addresses, int(_MESSAGES * self.limits.message_kb * 1024))

    def _start(self) -> None:
        self.usher, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.stderr, write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.stderr, False)
        self.usher_process = os.fork()
        if self.usher_process == 0:
            self.usher.close()
            _usher(self, theirs, write)
        theirs.close()
        os.close(write)
        for each in self.descriptors:
            os.close(each)
        self.function = self._expect_start()
        self.control.send(json.dumps({"started": True}).encode())

    def _expect_start(self) -> int:
        """Wait until the function is locked in; return a descriptor of its process."""
        self.usher.settimeout(_SECONDS)
        content, descriptors, _, _ = socket.recv_fds(self.usher, LONGEST, 1)
        if not descriptors:
            raise sandbox.SandboxMissingError(f"the sandbox can't be entered: {content.decode() or 'no reason given'}")
        locked = self.usher.recv(LONGEST)
        if locked != b"locked":
            raise sandbox.SandboxMissingError(f"the sandbox can't be locked: {locked.decode() or 'no reason given'}")
        return descriptors[0]

    def _watch(self) -> int | None:
        """Wait for the end; return the function's status, or None when it had to be killed."""
        due = 0.0
        while True:
            ready = self._poll()
            if self.stderr in ready and not self._listen():
                os.close(self.stderr)  # whoever writes on gets an error
                self.stderr = -1
            if self.usher.fileno() in ready:
                content = self.usher.recv(LONGEST)
                return json.loads(content) if content else None
            if self.control.fileno() in ready and not self._obey():
                return None
            if self.relay is not None and not self.relay.serve(ready):
                self.why = "output"
            if time.monotonic() >= due:
                self.why = self.why or self.walls.excess(self.limits)
                due = time.monotonic() + _TICK_MS / 1000
            if self.why:
                return None

    def _poll(self) -> dict[int, int]:
        poll = select.poll()
        events = dict.fromkeys((self.control.fileno(), self.usher.fileno()), select.POLLIN)
        if self.stderr >= 0:
            events[self.stderr] = select.POLLIN
        if self.relay is not None:
            events |= self.relay.wanted()
        for descriptor, wanted in events.items():
            poll.register(descriptor, wanted)
        return dict(poll.poll(_TICK_MS))

    def _obey(self) -> bool:
        """Do what the owner says; return whether the function may go on."""
        try:
            content = self.control.recv(LONGEST)
        except OSError:
            return False
        if content == b"interrupt":
            with contextlib.suppress(ProcessLookupError):  # it may have ended meanwhile
                signal.pidfd_send_signal(self.function, signal.SIGINT)
            return True
        return False

    def _listen(self) -> bool:
        """Read what was written to stderr and keep its end; return whether more is wanted."""
        try:
            part = os.read(self.stderr, 2**16)
        except BlockingIOError:
            return True
        self.heard += len(part)
        self.said = (self.said + part)[-_SAID:]
        return bool(part) and self.heard < _HEARD

    def _readable(self) -> bool:
        return bool(select.select([self.stderr], [], [], 0)[0])

    def _tail(self) -> str:
        return self.said.decode("utf-8", "replace")

    def _reap(self) -> None:
        if getattr(self, "usher_process", 0):
            os.kill(self.usher_process, signal.SIGKILL)
            os.waitpid(self.usher_process, 0)


class _Walls:
    """A sandbox that bubblewrap made, with nothing in it yet but its first process and one that waits."""

    directory = "/tmp"

    def __init__(self, paths: list[str]):
        read, write = os.pipe()
        own = str(Path(__file__).parent)
        try:
            self.process = subprocess.Popen(
                [*sandbox.command([own, *paths], write), *sandbox.HOLDER],
                pass_fds=[write],
                cwd="/",  # where the owner stands is not told
                env={},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise sandbox.SandboxMissingError(f"bubblewrap doesn't start: {error}") from error
        finally:
            os.close(write)
        if not _readable(self.process.stdout) or self.process.stdout.read(1) != b"\n":
            self.process.kill()
            raise sandbox.SandboxMissingError(f"bubblewrap made no sandbox: {self.process.stderr.read(500)!r}")
        with open(read, encoding="ascii") as file:
            self.first = int(json.load(file)["child-pid"])
        self.process.stdout.close()
        self.process.stderr.close()
        self.first_descriptor = os.pidfd_open(self.first)
        self.processes = os.open(f"/proc/{self.first}/root/proc", os.O_PATH | os.O_DIRECTORY)
        self.temporary = os.open(f"/proc/{self.first}/root/tmp", os.O_PATH | os.O_DIRECTORY)

    def enter(self, limits: Limits) -> int:
        user = enter.join(self.first)
        enter.furnish(limits)
        return user

    def lock(self, user: int, limits: Limits) -> None:
        enter.lock(user, limits)

    def open(self, _: int) -> None:
        """Nothing more is to be done once the function runs."""

    def excess(self, limits: Limits) -> str | None:
        """Return which limit is exceeded, if one is."""
        try:
            numbers = [name for name in _names(self.processes) if name.isdecimal()]
        except OSError:
            return None
        used = os.fstatvfs(self.temporary)
        temporary = (used.f_blocks - used.f_bfree) * used.f_frsize
        return _excess(self.processes, numbers, limits, temporary, spare=2)

    def close(self) -> None:
        """Kill everything in the sandbox, and wait until it is dead."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.first_descriptor, signal.SIGKILL)
        self.process.wait()


class _NoWalls:
    """No sandbox: the same limits, and the same end for everything that was started."""

    def __init__(self):
        _libc.prctl(_SET_SUBREAPER, 1, 0, 0, 0)
        self.processes = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
        self.usher = 0
        self.directory = tempfile.mkdtemp(prefix="ag-")

    def enter(self, _: Limits) -> int:
        return -1

    def lock(self, _: int, limits: Limits) -> None:
        enter.restrict(limits)

    def open(self, usher: int) -> None:
        self.usher = usher

    def excess(self, limits: Limits) -> str | None:
        numbers = [str(number) for number in _descendants(os.getpid()) if number != self.usher]
        return _excess(self.processes, numbers, limits, 0, spare=0)

    def close(self) -> None:
        while found := _descendants(os.getpid()):
            for number in found:
                try:
                    os.kill(number, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            _reap_others(self.usher)
            if found == [self.usher]:
                break
        shutil.rmtree(self.directory, ignore_errors=True)


def _readable(file) -> bool:
    return bool(select.select([file], [], [], _SECONDS)[0])


def _names(directory: int) -> list[str]:
    opened = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory)
    try:
        return os.listdir(opened)
    finally:
        os.close(opened)


def _excess(proc: int, numbers: list[str], limits: Limits, temporary: int, spare: int) -> str | None:
    threads, memory = 0, temporary
    for number in numbers:
        status = _status(proc, number)
        threads += status.get("Threads", 0)
        memory += 1024 * (status.get("RssAnon", 0) + status.get("RssShmem", 0))
    if threads > limits.processes + spare:
        return "processes"
    return "memory" if memory > limits.memory_mb * 2**20 else None


def _status(proc: int, number: str) -> dict[str, int]:
    try:
        descriptor = os.open(f"{number}/status", os.O_RDONLY, dir_fd=proc)
    except OSError:
        return {}
    try:
        lines = os.read(descriptor, 8192).decode("ascii", "replace").splitlines()
    except OSError:
        return {}
    finally:
        os.close(descriptor)
    wanted = ("Threads:", "RssAnon:", "RssShmem:", "PPid:")
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith(wanted)}


def _descendants(root: int) -> list[int]:
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    try:
        parents = {int(name): _status(proc, name).get("PPid") for name in _names(proc) if name.isdecimal()}
    finally:
        os.close(proc)
    found, fresh = set(), {root}
    while fresh:
        fresh = {number for number, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return sorted(found)


def _reap_others(usher: int) -> None:
    for number in _descendants(os.getpid()):
        if number != usher:
            try:
                os.waitpid(number, os.WNOHANG)
            except ChildProcessError:
                continue


def _go_first() -> None:
    """Have the kernel kill this process and its children before all others when the machine is short of memory."""
    _libc.prctl(_SET_DUMPABLE, 1, 0, 0, 0)  # what isn't dumpable can't change its own settings
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    _libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def _usher(keeper: Keeper, report: socket.socket, stderr: int) -> None:
    """Enter the sandbox, fork the function's process, and tell how it ends. Never returns."""
    try:
        _go_first()
        user = keeper.walls.enter(keeper.limits)
        read, write = os.pipe2(os.O_CLOEXEC)
        process = os.fork()
        if process == 0:
            os.close(read)
            _function(keeper, user, write, stderr)
        os.close(write)
        os.close(stderr)
        for each in keeper.descriptors:
            os.close(each)
        socket.send_fds(report, [b"process"], [os.pidfd_open(process)])
        with open(read, "rb") as file:
            report.send(file.read(_SAID) or b"it ended")
        _, status = os.waitpid(process, 0)
        report.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())
    except BaseException as error:
        with contextlib.suppress(OSError):
            report.send(f"{type(error).__name__}: {error}".encode()[:_SAID])
    finally:
        os._exit(0)


def _function(keeper: Keeper, user: int, locked: int, stderr: int) -> None:
    """Lock the sandbox's door and call the function. Never returns."""
    status = 1
    try:
        try:
            keeper.walls.lock(user, keeper.limits)
            os.setsid()
            numbers = _only(keeper.descriptors, locked, stderr)
        except BaseException as error:
            os.write(locked, f"{type(error).__name__}: {error}".encode()[:_SAID])
            os._exit(1)
        enter.reset_signals()
        _forget(keeper.request, keeper.walls.directory)
        os.write(numbers.pop(), b"locked")
        os.close(FIRST_DESCRIPTOR + len(numbers))
        _call(keeper.request, numbers)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status & 0xFF)


def _only(descriptors: list[int], locked: int, stderr: int) -> list[int]:
    """Keep stdin (empty), stdout and stderr (the keeper reads them), and what was given; close all others."""
    kept = [os.open("/dev/null", os.O_RDONLY), stderr, stderr, *descriptors, locked]
    safe = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 128) for each in kept]
    for number, each in enumerate(safe):
        os.dup2(each, number, inheritable=number < FIRST_DESCRIPTOR)
    os.closerange(len(safe), 65536)
    return list(range(FIRST_DESCRIPTOR, len(safe)))


def _forget(request: dict, directory: str) -> None:
    """Leave nothing of the nursery but what was loaded, and nothing that two children would share."""
    environment = {"HOME": directory, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    environment["PATH"] = f"{sys.prefix}/bin:/usr/bin:/bin"
    os.environ.clear()
    os.environ.update(environment)
    os.umask(0o077)
    os.chdir(directory)
    sys.argv = [""]
    sys.path[:0] = [path for path in request["paths"] if path not in sys.path]
    importlib.invalidate_caches()
    random.seed()
    seed = int.from_bytes(os.urandom(4), "little")
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def _call(request: dict, numbers: list[int]) -> None:
    module, _, name = request["function"].partition(":")
    getattr(importlib.import_module(module), name)(*request["arguments"], *numbers)
