"""A process goes into a sandbox that bubblewrap made, and locks the door behind itself.

The process was forked from a loaded interpreter, so that nothing is imported again; the walls are bubblewrap's own.
Every step that fails ends the process: there is no way in that leaves a wall out.
"""

import ctypes
import fcntl
import os
import resource
import signal
import struct

from grading import seccomp
from grading.limits import Limits

_NAMESPACES = ("mnt", "net", "ipc", "uts", "cgroup", "pid")
_OWNER = 0xB701  # ioctl NS_GET_USERNS: the user namespace to which a namespace belongs
_MEGABYTE = 2**20
_NOSUID, _NODEV, _REMOUNT, _BIND = 2, 4, 32, 4096
_SET_DUMPABLE, _DROP_BOUND, _NO_NEW_PRIVILEGES, _AMBIENT, _CLEAR_ALL = 4, 24, 38, 47, 4
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432  # the same numbers on every machine
_CREATE = 6
_FIRST_PIDS = 316  # 300 that are given out once only, and some of the sandbox's own
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def join(pid: int) -> int:
    """Enter the namespaces of a sandbox's first process; return the innermost user namespace, still to be entered.

    The caller's next child is in the sandbox's process namespace.
    """
    opened = {name: os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in ("user", *_NAMESPACES)}
    # bubblewrap may put one user namespace into another: what it mounted belongs to the outer one.
    outer = fcntl.ioctl(opened["mnt"], _OWNER)
    _check(_libc.setns(outer, 0), "user namespace")
    for name in _NAMESPACES:
        _check(_libc.setns(opened[name], 0), f"{name} namespace")
    os.chdir("/")
    same = os.fstat(outer).st_ino == os.fstat(opened["user"]).st_ino
    for descriptor in (outer, *(opened[name] for name in _NAMESPACES)):
        os.close(descriptor)
    if same:
        os.close(opened["user"])
        return -1
    return opened["user"]


def furnish(limits: Limits) -> None:
    """Bound the sandbox's only writable place, its temporary files, in size and number."""
    size = int(limits.temporary_mb * _MEGABYTE)
    options = f"size={size},nr_inodes={max(64, size // 4096)}".encode()
    _check(_libc.mount(b"tmpfs", b"/tmp", b"tmpfs", _REMOUNT | _NOSUID | _NODEV, options), "/tmp")
    _check(_libc.mount(b"/tmp", b"/dev/shm", None, _BIND, None), "/dev/shm")


def lock(user: int, limits: Limits) -> None:
    """Give up every privilege in the sandbox, for good. Called by a process that is inside."""
    settings = _settings()
    _write(settings, "sys/kernel/pid_max", str(_FIRST_PIDS + limits.processes))
    if user >= 0:
        _check(_libc.setns(user, 0), "inner user namespace")
        os.close(user)
    _write(settings, "sys/user/max_user_namespaces", "0")
    if settings >= 0:
        os.close(settings)
    _drop_capabilities()
    restrict(limits)
    seccomp.install()


def _settings() -> int:
    """Return a /proc of this sandbox that can be written and that nobody else sees, or -1 on an older kernel."""
    context = _libc.syscall(_FSOPEN, b"proc", 0)
    if context < 0:
        return -1
    try:
        if _libc.syscall(_FSCONFIG, context, _CREATE, None, None, 0) < 0:
            return -1
        return _libc.syscall(_FSMOUNT, context, 0, 0)
    finally:
        os.close(context)


def _write(directory: int, name: str, value: str) -> None:
    """Change a setting of the sandbox where the kernel has it. An extra: the walls stand without it."""
    if directory < 0:
        return
    try:
        descriptor = os.open(name, os.O_WRONLY, dir_fd=directory)
    except OSError:
        return
    try:
        os.write(descriptor, value.encode())
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _drop_capabilities() -> None:
    _check(_libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0), "ambient capabilities")
    for capability in range(64):
        if _libc.prctl(_DROP_BOUND, capability, 0, 0, 0) < 0:
            break  # the first number that the kernel doesn't know
    header = struct.pack("Ii", 0x20080522, 0)
    _check(_libc.capset(header, bytes(24)), "capabilities")
    with open("/proc/self/status", encoding="ascii") as file:
        left = [line.split()[1] for line in file if line.startswith("Cap")]
    if any(int(mask, 16) for mask in left):
        raise PermissionError("capabilities are left")


def restrict(limits: Limits) -> None:
    """Set the limits that a process carries with it, and forbid it to gain rights."""
    _check(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no new privileges")
    _check(_libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0), "dumpable")
    memory = int(limits.memory_mb * _MEGABYTE)
    sizes = _sizes()
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: int(limits.notebook_seconds) + 60,
        resource.RLIMIT_FSIZE: int(limits.file_mb * _MEGABYTE),
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_DATA: sizes["VmData"] + memory,
        resource.RLIMIT_AS: sizes["VmSize"] + 2 * memory + 1024 * _MEGABYTE,
    }
    if _counts_by_namespace():
        bounds[resource.RLIMIT_NPROC] = limits.processes
    for name, bound in bounds.items():
        _, most = resource.getrlimit(name)
        bound = bound if most == resource.RLIM_INFINITY else min(bound, most)
        resource.setrlimit(name, (bound, bound))


def _sizes() -> dict[str, int]:
    with open("/proc/self/status", encoding="ascii") as file:
        lines = (line.split() for line in file if line.startswith(("VmData", "VmSize")))
        return {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines}


def _counts_by_namespace() -> bool:
    """Whether the kernel counts a user's processes by namespace; an older one counts all that the user runs."""
    release = os.uname().release.split(".")
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in release[:2]) >= (5, 14)


def reset_signals() -> None:
    """Give every signal its usual meaning again."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if number < signal.SIGRTMIN:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # errors in Python, as they are for any interpreter
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
