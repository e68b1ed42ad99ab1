"""System calls that code in a sandbox may not make: those that reach around its namespaces or hide memory.

The namespaces keep what is outside out of sight. This filter takes away, besides, what student code never needs and
what holes in kernels have been made of: mounts, new namespaces, keys, BPF, io_uring, sockets other than Unix and IP
(a virtual machine's vsock is in no namespace), and memory that belongs to no process.
"""

import ctypes
import os
import struct

# By name, the number on x86_64 and on aarch64.
CALLS = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setns": (308, 268),
    "shmget": (29, 194),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
PROGRAMS = {"execve": (59, 221), "execveat": (322, 281)}
"""What starts another program."""
_CLONE, _CLONE3, _SOCKET = (56, 220), (435, 435), (41, 198)
_NAMESPACES = 0x7E020000  # the flags of clone that make new ones
_FAMILIES = (1, 2, 10, 16)  # Unix, IPv4, IPv6, netlink: all of them within the namespaces
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_ALLOW, _KILL, _DENY, _UNKNOWN = 0x7FFF0000, 0x80000000, 0x00050000 | 1, 0x00050000 | 38  # EPERM, ENOSYS
_LOAD, _EQUAL, _AT_LEAST, _ANY, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _MACHINE, _FIRST = 0, 4, 16  # offsets in what the kernel shows to the filter
_GET_SECCOMP, _SET_SECCOMP, _FILTER = 21, 22, 2


def program(machine: str) -> bytes | None:
    """Return the filter for a machine as `os.uname` names it, or None where no numbers are known."""
    if machine not in MACHINES:
        return None
    place, _ = MACHINES[machine]
    steps = _denied(machine, CALLS)
    steps += [(_EQUAL, 0, 1, _CLONE3[place]), (_RETURN, 0, 0, _UNKNOWN)]  # then the C library takes clone
    steps += [(_EQUAL, 0, 4, _CLONE[place]), (_LOAD, 0, 0, _FIRST), (_ANY, 0, 1, _NAMESPACES)]
    steps += [(_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)]
    steps += [(_EQUAL, 0, len(_FAMILIES) + 2, _SOCKET[place]), (_LOAD, 0, 0, _FIRST)]
    steps += [(_EQUAL, len(_FAMILIES) - rank, 0, family) for rank, family in enumerate(_FAMILIES)]
    steps += [(_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)]
    return _packed(steps)


def _denied(machine: str, calls: dict[str, tuple[int, int]]) -> list[tuple]:
    place, architecture = MACHINES[machine]
    steps = [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]
    if machine == "x86_64":  # the same calls by other numbers
        steps += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _DENY)]
    for numbers in calls.values():
        steps += [(_EQUAL, 0, 1, numbers[place]), (_RETURN, 0, 0, _DENY)]
    return steps


def _packed(steps: list[tuple]) -> bytes:
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def install() -> None:
    """Put the calling process and all that it starts under the filter, for good."""
    content = program(os.uname().machine)
    if content is not None:
        _put_under(content)


def forbid_programs() -> None:
    """Have the calling process start no other program, for good, if it is under the filter.

    A new interpreter would know nothing of what was taken away in this one.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl") and libc.prctl(_GET_SECCOMP, 0, 0, 0, 0) == _FILTER:
        _put_under(_packed([*_denied(os.uname().machine, PROGRAMS), (_RETURN, 0, 0, _ALLOW)]))


def _put_under(content: bytes) -> None:
    buffer = ctypes.create_string_buffer(content, len(content))
    header = struct.pack("HP", len(content) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_SECCOMP, _FILTER, ctypes.c_char_p(header), 0, 0):
        raise OSError(ctypes.get_errno(), "the filter of system calls can't be set")
