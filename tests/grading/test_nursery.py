"""Children: how they start and end, and that nothing of them is left, whatever they do."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grading.limits import Limits
from grading.nursery import ChildFailedError, Nursery
from tests.grading.probing import PROBE, SECONDS, alive, inside, nursery_for, outside, started

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[2]
FOREVER = "import time\nwhile True: time.sleep(60)"


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    limits = Limits(memory_mb=256, processes=12, temporary_mb=16)
    with nursery_for(tmp_path_factory.mktemp("visible"), limits) as made:
        yield made


@pytest.fixture(scope="module")
def without_walls(tmp_path_factory):
    limits = Limits(memory_mb=256, processes=12)
    with nursery_for(tmp_path_factory.mktemp("visible"), limits, sandbox=False) as made:
        yield made


@pytest.fixture(params=["nursery", "without_walls"])
def either(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(autouse=True)
def nothing_is_left(nursery, without_walls):
    before = alive()
    yield
    assert alive() <= before


def test_arguments_and_descriptors_arrive(either):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answer = "import os\nos.write(others[0], word.encode())\nresult = [others, word, numbers]"
        with started(either, answer, descriptors=(theirs,), word="hello", numbers=[1, 2.5, None]) as running:
            assert running.told() == [[4], "hello", [1, 2.5, None]]
            assert running.child.wait(SECONDS) == 0
        assert ours.recv(10) == b"hello"


def test_a_path_of_one_child_comes_first_and_is_not_the_others(nursery, tmp_path):
    (tmp_path / "colorsys.py").write_text("whose = 'ours'")
    look = "import colorsys\nresult = getattr(colorsys, 'whose', 'theirs')"
    ours, theirs = socket.socketpair()
    with ours, ours.makefile() as answers:
        with theirs:
            child = nursery.spawn("probe:evaluate", look, {}, descriptors=(theirs,), paths=[tmp_path])
        assert answers.readline() == '"ours"\n'
        child.wait(SECONDS)
    assert inside(nursery, look) == "theirs"


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("pass", 0),
        ("raise SystemExit(3)", 3),
        ("import os\nos._exit(7)", 7),
        ("import ctypes\nctypes.string_at(0)", -signal.SIGSEGV),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_the_end_is_told(either, source, status):
    with started(either, source) as running:
        assert running.child.wait(SECONDS) == status
        assert running.child.poll() == status
        assert running.child.why is None


def test_an_error_says_what_it_was(nursery):
    child = nursery.spawn("probe:missing")
    assert child.wait(SECONDS) == 1
    assert "has no attribute 'missing'" in child.said


def test_what_is_printed_is_read_and_only_its_end_kept(nursery):
    source = "import os\nfor _ in range(1000): os.write(1, b'x' * 10_000)\nos.write(2, b'end')"
    with started(nursery, source) as running:
        assert running.child.wait(SECONDS) == 0
        assert running.child.said.endswith("xend")
        assert len(running.child.said) < 10_000


def test_an_interrupt_reaches_the_function(either):
    source = "import time\ntry:\n    tell(1)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    result = 'interrupted'"
    with started(either, source) as running:
        assert running.told() == 1
        running.child.interrupt()
        assert running.told() == "interrupted"


def test_who_ignores_interrupts_is_killed(either):
    source = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntell(1)\n" + FOREVER
    with started(either, source) as running:
        assert running.told() == 1
        running.child.interrupt()
        with pytest.raises(TimeoutError):
            running.child.wait(0.2)
        running.child.kill()
        assert running.child.poll() == -signal.SIGKILL


DAEMON = """
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        tell(os.getpid())
        while True:
            os.read(others[0], 1)
    os._exit(0)
os.wait()
os.read(others[1], 1)
"""


def test_a_daemon_does_not_outlive_the_function(either):
    (hold, held), (go, going) = socket.socketpair(), socket.socketpair()
    with hold, held, go, going, started(either, DAEMON, descriptors=(held, going)) as running:
        assert running.told()
        before = alive()
        go.send(b"x")
        assert running.child.wait(SECONDS) == 0
        assert len(before - alive()) >= 3  # the keeper, the usher, the function and its daemon


def test_a_fork_bomb_ends_without_harm(either):
    bomb = """
import os, time
made = 0
for _ in range(3000):
    try:
        if os.fork() == 0:
            time.sleep(600)
        made += 1
    except OSError:
        break
tell(made)
time.sleep(600)
"""
    with started(either, bomb) as running:
        try:
            running.child.wait(3)
        except TimeoutError:
            assert running.told() <= 12  # the kernel's own limit held
        else:
            assert running.child.why == "processes"


def test_many_threads_are_many_processes(nursery):
    crowd = """
import threading, time
threading.stack_size(2**18)
tell(1)
try:
    for _ in range(40):
        threading.Thread(target=time.sleep, args=(600,)).start()
except RuntimeError:
    tell("refused")
time.sleep(600)
"""
    with started(nursery, crowd) as running:
        assert running.told() == 1
        try:
            running.child.wait(3)
        except TimeoutError:
            assert running.told() == "refused"  # the kernel's own limit held
        else:
            assert running.child.why == "processes"


def test_processes_one_after_the_other_are_as_many_as_one_likes(nursery):
    source = "import os\nfor _ in range(500):\n    if os.fork() == 0: os._exit(0)\n    os.wait()\nresult = 'done'"
    assert inside(nursery, source) == "done"


def test_who_kills_all_it_sees_kills_itself(nursery):
    with (
        started(nursery, "tell(1)\n" + FOREVER) as bystander,
        started(nursery, "import os\nos.kill(1, 9)\nos.kill(-1, 9)\nos.kill(0, 9)") as running,
    ):
        assert running.child.wait(SECONDS) == -signal.SIGKILL
        assert bystander.told() == 1
        assert bystander.child.poll() is None


def test_who_stops_all_it_sees_is_killed_all_the_same(nursery):
    with started(nursery, "import os\ntell(1)\nos.kill(2, 19)\nos.kill(os.getpid(), 19)") as running:
        assert running.told() == 1
        running.child.kill()
        assert running.child.poll() == -signal.SIGKILL


def test_too_much_memory_at_once_is_an_error_that_can_be_survived(either):
    source = "try:\n    bytearray(10**9)\nexcept MemoryError:\n    result = 'refused'"
    assert inside(either, source) == "refused"
    assert outside(source) is None


def test_memory_of_all_processes_counts(either):
    bomb = """
import os, time
for _ in range(5):
    if os.fork() == 0:
        held = bytearray(b"x") * 80_000_000
        time.sleep(600)
time.sleep(600)
"""
    with started(either, bomb) as running:
        assert running.child.wait(SECONDS) == -signal.SIGKILL
        assert running.child.why == "memory"


def test_shared_memory_counts(nursery):
    bomb = """
import mmap, time
held = []
while True:
    held.append(mmap.mmap(-1, 2**24))
    held[-1].write(b"x" * 2**24)
"""
    with started(nursery, bomb) as running:
        assert running.child.wait(SECONDS) == -signal.SIGKILL
        assert running.child.why == "memory"


def test_every_child_draws_other_numbers(nursery):
    draw = "import random\nresult = random.random()"
    assert inside(nursery, draw) != inside(nursery, draw)


def test_loaded_modules_are_not_loaded_again_and_draw_other_numbers(tmp_path):
    (tmp_path / "heavy.py").write_text("import os\nloaded_by = os.getpid()")
    look = "import heavy, os, numpy, sys\nresult = [heavy.loaded_by, 'numpy' in sys.modules, numpy.random.rand()]"
    with nursery_for(tmp_path, modules=("numpy", "heavy")) as nursery:
        first, second = inside(nursery, look), inside(nursery, look)
        assert first[0] == second[0]
        assert first[0] in alive()
    assert first[1] is second[1] is True
    assert first[2] != second[2]


def test_children_start_at_the_same_time(nursery):
    with ThreadPoolExecutor(4) as pool:
        values = [random.random() for _ in range(12)]
        found = pool.map(lambda value: inside(nursery, "result = value", value=value), values)
        assert list(found) == values


def test_a_private_directory_is_the_owners_and_goes_with_the_child(nursery):
    with started(nursery, "import os\ntell(1)\n" + FOREVER) as running:
        directory = running.child.directory
        assert len(str(directory)) < 80
        assert directory.stat().st_mode & 0o777 == 0o700
        assert inside(nursery, "import os\nresult = os.path.exists(path)", path=str(directory)) is False
    assert not directory.exists()


def test_a_module_that_cannot_be_loaded_is_named():
    with pytest.raises(ChildFailedError, match="No module named 'no_such_module'"):
        Nursery(modules=("no_such_module",)).start()


def test_a_module_that_starts_threads_is_refused(tmp_path):
    source = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    (tmp_path / "busy.py").write_text(source)
    with pytest.raises(ChildFailedError, match="busy started threads"):
        Nursery(modules=("busy",), paths=[tmp_path]).start()


def test_arguments_that_are_too_large_are_refused(nursery):
    with pytest.raises(ChildFailedError, match="arguments may have"):
        nursery.spawn("probe:evaluate", "x" * 200_000)


OWNER = """
import sys
from grading.nursery import Nursery
from grading.limits import Limits
with Nursery(Limits(), paths=[sys.argv[1]], sandbox=sys.argv[2] == "True") as nursery:
    child = nursery.spawn("time:sleep", 600)
    print("started", flush=True)
    child.wait()
"""


@pytest.mark.parametrize("sandbox", [True, False])
def test_a_killed_owner_takes_everything_along(sandbox):
    command = [sys.executable, "-c", OWNER, str(PROBE.parent), str(sandbox)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as owner:
        assert owner.stdout.readline() == b"started\n"
        assert len(alive(owner.pid)) >= 4
        owner.kill()
    deadline = time.monotonic() + SECONDS
    while alive(owner.pid) and time.monotonic() < deadline:
        os.sched_yield()
    assert alive(owner.pid) == set()
