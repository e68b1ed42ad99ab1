"""The filter of system calls: refused inside, and by nothing else."""

import errno
import os
import subprocess

import pytest

from grading import sandbox, seccomp
from tests.grading.probing import inside, nursery_for, outside

pytestmark = pytest.mark.sandbox
# Calls that ask for no privilege, so that outside something else than the filter answers.
UNPRIVILEGED = (
    "io_uring_enter",
    "io_uring_register",
    "kcmp",
    "keyctl",
    "memfd_create",
    "mq_open",
    "msgget",
    "name_to_handle_at",
    "pidfd_getfd",
    "process_vm_readv",
    "ptrace",
    "semget",
    "shmget",
)
CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
result = []
for number in numbers:
    ctypes.set_errno(0)
    libc.syscall(number, *[ctypes.c_long(-1)] * 6)
    result.append(ctypes.get_errno())
"""


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    with nursery_for(tmp_path_factory.mktemp("visible")) as made:
        yield made


def test_calls_are_refused_by_the_filter(nursery):
    place, _ = seccomp.MACHINES[os.uname().machine]
    numbers = {name: seccomp.CALLS[name][place] for name in UNPRIVILEGED}
    answers = dict(zip(numbers, outside(CALL, numbers=list(numbers.values())), strict=True))
    assert errno.EPERM not in answers.values(), answers
    everything = [pair[place] for pair in seccomp.CALLS.values()]
    assert set(inside(nursery, CALL, numbers=everything)) == {errno.EPERM}


def test_threads_and_programs_start_under_it(nursery):
    source = """
import subprocess, threading
said = []
thread = threading.Thread(target=said.append, args=(1,))
thread.start()
thread.join()
done = subprocess.run(["/bin/sh", "-c", "grep Seccomp: /proc/self/status"], capture_output=True, text=True)
result = [said, done.stdout]
"""
    assert inside(nursery, source) == [[1], "Seccomp:\t2\n"]
    assert outside(source)[1] != "Seccomp:\t2\n"


def test_no_program_starts_where_that_is_forbidden(nursery):
    source = """
import os, subprocess, sys
from grading import seccomp
def started():
    try:
        return subprocess.run(["/bin/true"]).returncode
    except PermissionError:
        return "PermissionError"
result = [started(), seccomp.forbid_programs(), started(), os.spawnv(os.P_WAIT, "/bin/true", ["true"])]
"""
    assert inside(nursery, source) == [0, None, "PermissionError", 127]


def test_a_machine_whose_numbers_are_unknown_has_no_filter():
    assert seccomp.program("riscv64") is None
    assert len(seccomp.program("aarch64")) % 8 == len(seccomp.program("x86_64")) % 8 == 0
    assert len(seccomp.program("x86_64")) // 8 < 4096  # the kernel takes no longer one


def test_the_control_of_the_filter_is_a_sandbox_without_it():
    done = subprocess.run(
        [*sandbox.command(), "/bin/sh", "-c", "grep Seccomp: /proc/self/status"], capture_output=True, text=True
    )
    assert done.stdout == "Seccomp:\t0\n"
