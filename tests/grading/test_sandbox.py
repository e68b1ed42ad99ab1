"""What is behind the walls: every attempt is made outside as well, where it must succeed."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from grading import sandbox
from grading.limits import Limits
from grading.nursery import Nursery
from tests.grading.probing import inside, nursery_for, outside, started

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[2]
SECRET = "a seed that nobody may know"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("visible")


@pytest.fixture(scope="module")
def nursery(place):
    os.environ["COURSE_SEED"] = SECRET
    try:
        with nursery_for(place, Limits(temporary_mb=8, file_mb=2)) as made:
            yield made
    finally:
        del os.environ["COURSE_SEED"]


READ = """
def first(path):
    try:
        with open(path, "rb") as file:
            return len(file.read(100))
    except OSError as error:
        return type(error).__name__
result = {path: first(path) for path in paths}
"""


def test_files_of_the_host_are_not_there(nursery, tmp_path):
    (tmp_path / "gradebook.db").write_text("grades")
    paths = [str(ROOT / "pyproject.toml"), str(ROOT / "attnlib" / "softmax.py"), str(tmp_path / "gradebook.db")]
    paths += ["/etc/passwd", "/etc/hostname", "/sys/kernel/mm/transparent_hugepage/enabled"]
    paths = [path for path in paths if Path(path).exists()]
    assert len(paths) > 3
    assert all(isinstance(size, int) for size in outside(READ, paths=paths).values())
    assert set(inside(nursery, READ, paths=paths).values()) == {"FileNotFoundError"}


def test_what_is_named_is_there_and_nothing_beside_it(nursery, place):
    names = inside(nursery, "import os\nresult = [os.listdir(path) for path in paths]", paths=[str(place.parent)])
    assert names == [[place.name]]
    assert inside(nursery, READ, paths=[str(place / "probe.py")])[str(place / "probe.py")] == 100


def test_the_way_to_the_interpreter_shows_nothing_else(nursery):
    look = "import os\nresult = sorted(os.listdir(path))"
    shown = inside(nursery, look, path=str(ROOT))
    assert set(shown) <= {"grading", Path(sys.prefix).name}
    assert set(shown) < set(outside(look, path=str(ROOT)))


SEARCH = """
import os, re
needle = backwards[::-1].encode()
found = []
for name in os.listdir("/proc"):
    for part in ("environ", "cmdline"):
        try:
            with open(f"/proc/{name}/{part}", "rb") as file:
                if needle in file.read():
                    found.append(part)
        except OSError:
            pass
if needle.decode() in os.environ.values():
    found.append("os.environ")
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    regions = [line.split() for line in maps]
    for region in regions:
        begin, end = (int(number, 16) for number in region[0].split("-"))
        if region[1].startswith("rw"):
            try:
                memory.seek(begin)
                content = memory.read(end - begin)
            except (OSError, OverflowError):
                continue
            # The search itself holds the needle, but not behind what stands before it in an environment.
            where = content.find(needle)
            while where >= 0:
                if content[where - 5 : where] == b"SEED=":
                    found.append("memory")
                where = content.find(needle, where + 1)
result = sorted(set(found))
"""


def test_no_environment_and_no_memory_holds_the_hosts(nursery, monkeypatch):
    monkeypatch.setenv("COURSE_SEED", SECRET)
    assert {"environ", "os.environ", "memory"} <= set(outside(SEARCH, backwards=SECRET[::-1]))
    assert inside(nursery, SEARCH, backwards=SECRET[::-1]) == []


WRITE = """
import os
result = []
for path in paths:
    try:
        os.close(os.open(path, os.O_WRONLY | (0 if os.path.isfile(path) else os.O_CREAT), 0o600))
        result.append(path)
    except OSError:
        pass
"""


def test_nothing_but_tmp_can_be_written(nursery, place):
    own = [str(place / "new"), str(place / "probe.py")]
    places = ["/", "/usr", "/usr/lib", "/etc", "/dev", "/work", "/root", "/home", sys.prefix, sys.base_prefix]
    paths = [f"{path.rstrip('/')}/grading-attempt" for path in places]
    paths += [os.__file__, sys.executable, "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/self/comm"]
    assert outside(WRITE, paths=[*own, "/proc/self/comm"]) == [*own, "/proc/self/comm"]
    os.unlink(own[0])
    assert inside(nursery, WRITE, paths=[*own, *paths]) == []
    assert inside(nursery, WRITE, paths=["/tmp/a", "/dev/shm/b"]) == ["/tmp/a", "/dev/shm/b"]


CONNECT = """
import socket
result = []
for family, address in (("AF_INET", ("127.0.0.1", port)), ("AF_UNIX", abstract), ("AF_UNIX", file)):
    with socket.socket(getattr(socket, family)) as attempt:
        attempt.settimeout(2)
        try:
            attempt.connect(address)
            result.append(address)
        except OSError:
            pass
result = len(result)
"""


def test_no_socket_of_the_host_can_be_reached(nursery, tmp_path):
    abstract, file = f"\0grading-{os.getpid()}", str(tmp_path / "s")
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as first:
        first.bind(abstract)
        first.listen()
        with socket.socket(socket.AF_UNIX) as second:
            second.bind(file)
            second.listen()
            names = {"port": tcp.getsockname()[1], "abstract": abstract, "file": file}
            assert outside(CONNECT, **names) == 3
            assert inside(nursery, CONNECT, **names) == 0


def test_no_interface_but_loopback_and_no_socket_past_the_namespace(nursery):
    assert inside(nursery, "import socket\nresult = [name for _, name in socket.if_nameindex()]") == ["lo"]
    packets = "import socket\nresult = socket.socket(family, socket.SOCK_DGRAM).family"
    assert inside(nursery, packets, family=int(socket.AF_UNIX)) == socket.AF_UNIX
    for family in (socket.AF_VSOCK, socket.AF_PACKET, socket.AF_ALG):
        assert inside(nursery, packets, family=int(family))["error"] == "PermissionError"


def test_processes_of_the_host_are_out_of_sight_and_out_of_reach(nursery):
    attempt = """
import os
result = [name for name in os.listdir("/proc") if name.isdecimal() and int(name) >= number], []
try:
    os.kill(number, 0)
    result[1].append("kill")
except ProcessLookupError:
    pass
"""
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        seen, reached = outside(attempt, number=sleeper.pid)
        assert str(sleeper.pid) in seen
        assert reached == ["kill"]
        assert inside(nursery, attempt, number=sleeper.pid) == [[], []]
        sleeper.kill()


def test_sandboxes_do_not_see_each_other(nursery):
    leave = """
import os, socket, time
open("/tmp/mark", "w").close()
open("/dev/shm/mark", "w").close()
listening = socket.socket(socket.AF_UNIX)
listening.bind("\\0mark")
listening.listen()
tell([os.path.exists("/tmp/mark"), os.path.exists("/dev/shm/mark"), len(os.listdir("/proc"))])
time.sleep(60)
"""
    look = """
import os, socket
result = [os.path.exists("/tmp/mark"), os.path.exists("/dev/shm/mark")]
try:
    socket.socket(socket.AF_UNIX).connect("\\0mark")
except OSError as error:
    result.append(type(error).__name__)
result.append(sorted(int(name) for name in os.listdir("/proc") if name.isdecimal()))
"""
    with started(nursery, leave) as first:
        assert first.told()[:2] == [True, True]
        result = inside(nursery, look)
    assert result[:3] == [False, False, "ConnectionRefusedError"]
    assert len(result[3]) <= 3


def test_no_privilege_can_be_had_back(nursery):
    attempt = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
result = []
def note(name, value):
    if value >= 0:
        result.append(name)
def in_a_fork(name, function, *arguments):
    if os.fork() == 0:
        os._exit(0 if function(*arguments) >= 0 else 1)
    note(name, -os.waitstatus_to_exitcode(os.wait()[1]))
in_a_fork("new user namespace", libc.unshare, 0x10000000)
in_a_fork("ptrace", libc.ptrace, 0, 0, 0, 0)
in_a_fork("key", libc.syscall, 250 if os.uname().machine == "x86_64" else 219, 0, -3, 0)
in_a_fork("memory without a process", getattr(libc, "memfd_create", lambda *_: -1), b"x", 0)
"""
    assert len(outside(attempt)) >= 3
    assert inside(nursery, attempt) == []


def test_no_mount_and_no_way_into_another_namespace(nursery):
    attempt = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
if control:
    libc.unshare(0x10000000 | 0x20000)  # all rights, in namespaces of its own
with open("/proc/self/status") as file:
    lines = dict(line.split(":", 1) for line in file)
result = [name for name in lines if name.startswith("Cap") and int(lines[name], 16)]
for number in ("1", "2", "self"):
    for name in ("mnt", "pid", "net"):
        try:
            descriptor = os.open(f"/proc/{number}/ns/{name}", os.O_RDONLY)
        except OSError:
            continue
        if libc.setns(descriptor, 0) == 0:
            result.append("setns")
if libc.setuid(0) == 0 or libc.setgroups(0, None) == 0:
    result.append("setuid")
if libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None) == 0:
    result.append("mount")
if libc.umount2(b"/tmp", 2) == 0:
    result.append("umount")
if libc.chroot(b"/tmp") == 0:
    result.append("chroot")
"""
    assert {"mount", "umount", "chroot", "setns", "CapEff"} <= set(outside(attempt, control=True))
    assert inside(nursery, attempt, control=False) == []


def test_only_what_was_given_is_open(nursery):
    look = """
import os
result = {}
for name in os.listdir("/proc/self/fd"):
    try:
        result[name] = os.readlink(f"/proc/self/fd/{name}").split(":")[0]
    except FileNotFoundError:
        pass
"""
    with socket.socket(socket.AF_UNIX) as other, open(ROOT / "pyproject.toml") as file:
        os.set_inheritable(other.fileno(), True)
        os.set_inheritable(file.fileno(), True)
        with started(nursery, look, descriptors=(other,)) as running:
            found = running.told()
    assert found == {"0": "/dev/null", "1": "pipe", "2": "pipe", "3": "socket", "4": "socket"}


def test_temporary_files_are_bounded_in_size_and_number(nursery):
    fill = """
import os
result = {"bytes": 0, "files": 0}
for directory in ("/tmp", "/dev/shm"):
    for number in range(100):
        try:
            with open(f"{directory}/{number}{directory[1]}", "wb", 0) as file:
                for _ in range(16):
                    result["bytes"] += file.write(bytes(2**17))
        except OSError as error:
            result["end"] = error.errno
            break
for number in range(100):
    try:
        os.unlink(f"/tmp/{number}t")
    except OSError:
        break
try:
    for number in range(100_000):
        os.mkdir(f"/tmp/empty{number}")
        result["files"] += 1
except OSError as error:
    result["last"] = error.errno
"""
    result = inside(nursery, fill)
    assert (result["end"], result["last"]) == (28, 28)
    assert 7 * 2**20 <= result["bytes"] <= 8 * 2**20
    assert 500 < result["files"] <= 2048


def test_one_file_is_bounded(nursery):
    write = """
with open("/tmp/large", "wb", 0) as file:
    result = [file.write(bytes(2**20)) for _ in range(2)]
    try:
        result.append(file.write(b"x"))
    except OSError as error:
        result.append(-error.errno)
"""
    assert inside(nursery, write) == [2**20, 2**20, -27]


def test_without_bubblewrap_one_line_says_what_to_install(monkeypatch, tmp_path):
    sandbox.require()
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox.require.cache_clear()
    with pytest.raises(sandbox.SandboxMissingError, match=r"\Abubblewrap is missing: install it.*\Z"):
        Nursery().start()
    sandbox.require.cache_clear()


def test_where_namespaces_are_blocked_nothing_starts(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\necho twice >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox.require.cache_clear()
    with pytest.raises(sandbox.SandboxMissingError, match=r"\A[^\n]*No permissions[^\n]*user namespaces[^\n]*\Z"):
        Nursery().start()
    monkeypatch.setattr(sandbox, "require", lambda: None)
    with Nursery() as nursery, pytest.raises(sandbox.SandboxMissingError, match=r"\A[^\n]*made no sandbox[^\n]*\Z"):
        nursery.spawn("os:getpid")


@pytest.mark.parametrize("path", ["/", "/tmp", str(Path.home())])
def test_too_much_is_not_made_visible(path):
    with pytest.raises(ValueError, match="too much lies in it"):
        sandbox.command([path])
