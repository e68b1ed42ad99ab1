"""Kernels in sandboxes: ready, interrupted, dead, and unable to send too much."""

import contextlib
import os
import queue
import re
import signal
import socket
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.provisioning import KernelProvisionerFactory
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from grading import provisioner, sandbox
from grading.limits import Limits
from grading.nursery import FIRST_DESCRIPTOR, ChildFailedError, Nursery
from tests.grading.probing import SECONDS, alive

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def nursery():
    with Nursery(Limits(message_kb=256, memory_mb=512), modules=(*provisioner.MODULES, "numpy")) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_is_left(nursery):
    before = alive()
    yield
    assert alive() <= before


@pytest.fixture
def kernel(nursery):
    client, child = provisioner.start_kernel(nursery)
    yield client, child
    child.kill()
    client.stop_channels()


def run(client, source, seconds=SECONDS):
    """Return the status of a cell and what it printed."""
    printed = []

    def hear(message):
        printed.append(message["content"].get("text", ""))

    reply = client.execute_interactive(source, output_hook=hear, timeout=seconds, stop_on_error=False)
    return reply["content"]["status"], "".join(printed)


def _in_tmp(path):
    return Path(path).is_relative_to("/tmp")


def test_a_kernel_runs_cells_in_a_sandbox(kernel):
    client, _ = kernel
    assert run(client, "import os\nprint(os.getcwd(), os.getuid(), os.getppid(), sorted(os.environ))")[0] == "ok"
    # An interpreter that lies in /tmp itself is to be seen there.
    own = {Path(prefix).relative_to("/tmp").parts[0] for prefix in (sys.prefix, sys.base_prefix) if _in_tmp(prefix)}
    said = f"{sorted({'.ipython', *own})}\n"
    assert run(client, "print(sorted(os.listdir('/tmp')))\nopen('/usr/x', 'w')") == ("error", said)
    assert run(client, "import socket; print(socket.if_nameindex())") == ("ok", "[(1, 'lo')]\n")


def test_names_stay_from_cell_to_cell_and_tracebacks_show_the_source(kernel):
    client, _ = kernel
    run(client, "def half(x):\n    return x / 2")
    shown = []
    client.execute_interactive("half('one')", output_hook=lambda m: shown.append(m["content"]), timeout=SECONDS)
    (error,) = (content for content in shown if "ename" in content)
    assert error["ename"] == "TypeError"
    assert "return x / 2" in re.sub(r"\x1b\[[0-9;]*m", "", "".join(error["traceback"]))


def test_descriptors_have_known_numbers(nursery):
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            client, child = provisioner.start_kernel(nursery, descriptors=(theirs,))
        run(client, f"import os\nos.write({FIRST_DESCRIPTOR}, b'hello')")
        assert ours.recv(10) == b"hello"
        child.kill()
        client.stop_channels()


def test_an_interrupt_ends_a_cell_and_the_kernel_goes_on(kernel):
    client, child = kernel
    asked = client.execute("print('begun')\nwhile True: pass", stop_on_error=False)
    while client.get_iopub_msg(timeout=SECONDS)["content"].get("text") != "begun\n":
        pass
    child.interrupt()
    reply = client.get_shell_msg(timeout=SECONDS)
    assert (reply["parent_header"]["msg_id"], reply["content"]["ename"]) == (asked, "KeyboardInterrupt")
    assert run(client, "print(1)") == ("ok", "1\n")


@pytest.mark.parametrize(
    ("source", "status"), [("import os\nos._exit(3)", 3), ("import ctypes\nctypes.string_at(0)", -signal.SIGSEGV)]
)
def test_a_dead_kernel_is_noticed(kernel, source, status):
    client, child = kernel
    client.execute(source)
    assert child.wait(SECONDS) == status


def test_a_kernel_that_takes_too_long_to_start_is_an_error(nursery):
    with pytest.raises(ChildFailedError, match="isn't ready after"):
        provisioner.start_kernel(nursery, seconds=0.001)


def test_one_message_that_is_too_large_closes_the_connection(kernel):
    client, child = kernel
    assert run(client, "print('x' * 200_000)") == ("ok", "x" * 200_000 + "\n")
    client.execute("print('y' * 400_000)")
    received = []
    with contextlib.suppress(queue.Empty):
        while True:
            received.append(client.get_iopub_msg(timeout=1)["content"].get("text", ""))
    assert "y" not in "".join(received)
    assert child.poll() is None


def test_a_flood_ends_the_kernel_and_not_the_host(kernel):
    client, child = kernel
    before = _resident()
    client.execute("import sys\nwhile True:\n    print('x' * 100_000)\n    sys.stdout.flush()")
    while child.poll() is None:
        with contextlib.suppress(queue.Empty):
            client.get_iopub_msg(timeout=0.1)
    assert child.why == "output"
    assert _resident() - before < 60 * 2**20


FRAMES = """
import os, socket
frame = bytes([3]) + (100_000).to_bytes(8, "big") + bytes(100_000)  # one that says that more of the message follows
for name in os.listdir("/proc/self/fd"):
    try:
        found = socket.socket(fileno=os.dup(int(name)))
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if str(found.getsockname()).endswith("iopub") and not listens:
            found.setblocking(True)
            while True:
                found.sendall(frame)
    except OSError:
        pass
"""


def test_a_message_without_end_ends_the_kernel_and_not_the_host(kernel):
    client, child = kernel
    before = _resident()
    client.execute(FRAMES)
    assert child.wait(SECONDS) < 0
    assert child.why == "output"
    assert _resident() - before < 60 * 2**20


def _resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def registered(monkeypatch):
    """The provisioner under its name, without the package's entry point."""
    factory = KernelProvisionerFactory.instance()
    monkeypatch.setattr(factory, "default_provisioner_name", "test-sandbox")
    point = _EntryPoint()
    monkeypatch.setitem(factory.provisioners, "test-sandbox", point)


class _EntryPoint:
    name = "test-sandbox"

    def load(self):
        return provisioner.SandboxProvisioner


def _execute(*sources, **options):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, **{"kernel_name": "python3", "timeout": SECONDS, **options}).execute()
    return [output.get("text", "") for cell in notebook.cells for output in cell.outputs]


def test_a_notebook_runs_through_the_provisioner(registered, nursery):
    provisioner.use(nursery)
    try:
        assert _execute("import os\nprint(os.path.exists('/etc/passwd'), os.getcwd())", "print(2)") == [
            "False /tmp\n",
            "2\n",
        ]
    finally:
        provisioner.use(None)


def test_without_a_nursery_the_provisioner_starts_its_own(registered):
    assert _execute("import os, socket\nprint(socket.if_nameindex(), os.getcwd())") == ["[(1, 'lo')] /tmp\n"]


def test_nbclient_interrupts_and_notices_death(registered, nursery):
    provisioner.use(nursery)
    try:
        with pytest.raises(DeadKernelError):
            _execute("import os\nos._exit(1)")
        with pytest.raises(CellTimeoutError):
            _execute("while True: pass", timeout=1)
    finally:
        provisioner.use(None)


def test_without_walls_no_kernel_starts(registered, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox.require.cache_clear()
    with pytest.raises(sandbox.SandboxMissingError, match="install it"):
        _execute("print(1)")
    sandbox.require.cache_clear()
