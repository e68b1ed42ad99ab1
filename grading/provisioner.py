"""Jupyter kernels in sandboxes: for the runner by one call, for anything that speaks Jupyter by a provisioner.

With a nursery, a kernel is forked from a process that has loaded all it needs. Without one, a nursery is started for
this kernel alone, which takes longer and has the same walls.
"""

import asyncio
import secrets
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import zmq
from jupyter_client import BlockingKernelClient
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerBase

from grading.limits import Limits
from grading.nursery import Child, ChildFailedError, Nursery

PORTS = ("shell", "iopub", "stdin", "control", "hb")
MODULES = ("grading.inner_kernel", "IPython.core.completer")
"""What a nursery loads so that a kernel starts at once. Add numpy, torch and the like."""

_SECONDS = 60  # for a kernel to be ready on a busy machine
_WAITING = 64  # messages that wait in a socket until they are read
_shared: list[Nursery] = []


def use(nursery: Nursery | None) -> None:
    """Have the provisioners of this process take their kernels from a nursery; None ends that."""
    _shared[:] = [nursery] if nursery else []


def start_kernel(
    nursery: Nursery, *, descriptors: Iterable = (), paths: Iterable[str | Path] = (), seconds: float = _SECONDS
) -> tuple[BlockingKernelClient, Child]:
    """Start a kernel in a sandbox of its own, and wait until it is ready.

    What the kernel sends is as untrusted as what it runs. The client takes messages of at most ``limits.message_kb``,
    and lets few of them wait; a longer one closes the connection, for good. A kernel that sends 64 times as much in
    all is killed, and ``child.why`` is ``output``. To end::

        client, child = start_kernel(nursery, descriptors=(calls,))
        ...
        child.kill()
        client.stop_channels()

    Parameters
    ----------
    nursery : Nursery
        With :data:`MODULES` among its modules, for a kernel at once.
    descriptors : iterable
        Sockets for the student's side. In the kernel they are numbered from ``grading.nursery.FIRST_DESCRIPTOR``.
    paths : iterable of str or Path
        What this kernel can read and import besides the nursery's paths.
    seconds : float
        How long it may take to start.

    Returns
    -------
    client : BlockingKernelClient
        With shell, iopub and control channels.
    child : Child
        To poll, interrupt and kill.

    Raises
    ------
    SandboxMissingError
        If there are no sandboxes here.
    ChildFailedError
        If the kernel doesn't become ready.
    """
    key = secrets.token_hex(16)
    directory, listening = _listen()
    try:
        child = nursery.spawn(
            "grading.inner_kernel:main",
            key,
            _ip(directory),
            PORTS,
            descriptors=descriptors,
            paths=paths,
            relayed=_relayed(directory, listening),
        )
        client = _client(key, _ip(directory), nursery.limits)
        try:
            _wait_until_ready(client, child, seconds)
        except BaseException:
            child.kill()
            client.stop_channels()
            raise
    finally:
        for each in listening:
            each.close()
        shutil.rmtree(directory, ignore_errors=True)  # connected, nobody needs the sockets' names again
    return client, child


def _listen() -> tuple[Path, list[socket.socket]]:
    """Return a private directory, and a listening socket in it for each of a kernel's ports."""
    base = tempfile.gettempdir()
    directory = Path(tempfile.mkdtemp(prefix="ag-", dir=base if len(base) < 60 else "/tmp"))
    listening = []
    for number, _ in enumerate(PORTS, start=1):
        made = socket.socket(socket.AF_UNIX)
        made.bind(f"{_ip(directory)}-{number}")
        made.listen(16)
        listening.append(made)
    return directory, listening


def _relayed(directory: Path, listening: list[socket.socket]) -> list[tuple[socket.socket, str]]:
    return [(each, str(directory / f"inner-{name}")) for name, each in zip(PORTS, listening, strict=True)]


def _ip(directory: Path) -> str:
    return str(directory / "k")


def _client(key: str, ip: str, limits: Limits) -> BlockingKernelClient:
    context = zmq.Context()
    _cap(context, limits)
    client = BlockingKernelClient(context=context)
    client._created_context = True  # so that it ends with the client
    ports = {f"{name}_port": number for number, name in enumerate(PORTS, start=1)}
    client.load_connection_info({"transport": "ipc", "ip": ip, "key": key, **ports})
    client.start_channels(shell=True, iopub=True, stdin=False, hb=False, control=True)
    return client


def _cap(context: zmq.Context, limits: Limits) -> None:
    """Have a context's sockets take only so much, and never connect a second time."""
    context.setsockopt(zmq.MAXMSGSIZE, int(limits.message_kb * 1024))
    context.setsockopt(zmq.RCVHWM, _WAITING)
    context.setsockopt(zmq.RECONNECT_IVL, -1)
    context.setsockopt(zmq.LINGER, 0)


def _wait_until_ready(client: BlockingKernelClient, child: Child, seconds: float) -> None:
    """Wait until the kernel answers on shell, and is heard on iopub."""
    deadline = time.monotonic() + seconds
    asked = client.kernel_info()
    poller = zmq.Poller()
    waiting = {channel.socket: channel for channel in (client.shell_channel, client.iopub_channel)}
    for each in waiting:
        poller.register(each, zmq.POLLIN)
    poller.register(child.fileno(), zmq.POLLIN)
    while waiting:
        ready = dict(poller.poll(max(0, int(1000 * (deadline - time.monotonic())))))
        if not ready:
            raise ChildFailedError(f"the kernel isn't ready after {seconds:g} seconds")
        if child.fileno() in ready and child.poll() is not None:
            raise ChildFailedError(f"the kernel ended before it was ready: {child.why or child.said or 'no reason'}")
        for each in [each for each in waiting if each in ready]:
            message = waiting[each].get_msg(timeout=0)
            if message["parent_header"].get("msg_id") == asked:
                poller.unregister(each)
                del waiting[each]


class SandboxProvisioner(KernelProvisionerBase):
    """Kernels in sandboxes, for whatever starts kernels through Jupyter.

    Choose it by its entry point's name, for example with the environment variable
    ``JUPYTER_DEFAULT_PROVISIONER_NAME``; :func:`use` says which nursery the kernels come from.
    """

    child: Child | None = None
    _own: Nursery | None = None
    _place: Path | None = None

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel."""
        return self.child is not None

    async def poll(self) -> int | None:
        """Return None while the kernel runs, then its exit status."""
        return 0 if self.child is None else self.child.poll()

    async def wait(self) -> int | None:
        """Wait for the kernel's end."""
        if self.child is None:
            return 0
        while (status := self.child.poll()) is None:
            await asyncio.sleep(0.02)
        self.child = None
        return status

    async def send_signal(self, signum: int) -> None:
        """Interrupt or end the kernel; no other signal reaches it."""
        if self.child is None:
            return
        if signum == signal.SIGINT:
            self.child.interrupt()
        elif signum in (signal.SIGTERM, signal.SIGKILL):
            self.child.kill()

    async def kill(self, restart: bool = False) -> None:
        """Kill everything in the sandbox."""
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        """Kill everything in the sandbox."""
        await self.send_signal(signal.SIGKILL)

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Make the sockets, and tell the kernel's manager where they are."""
        manager = self.parent
        manager.cache_ports = False
        self._place, self._listening = _listen()
        manager.transport = "ipc"
        manager.ip = _ip(self._place)
        manager.connection_file = str(self._place / "connection.json")
        for number, name in enumerate(PORTS, start=1):
            setattr(manager, f"{name}_port", number)
        _cap(manager.context, self._nursery().limits)
        manager.write_connection_file()
        return await super().pre_launch(cmd=["sandbox"], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel; the command of the kernel's specification isn't used."""
        key = self.parent.session.key.decode()
        try:
            self.child = await asyncio.to_thread(
                self._nursery().spawn,
                "grading.inner_kernel:main",
                key,
                self.parent.ip,
                PORTS,
                relayed=_relayed(self._place, self._listening),
            )
        finally:
            for each in self._listening:
                each.close()
        self.connection_info = self.parent.get_connection_info()
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        """Leave nothing behind."""
        if self.child is not None:
            self.child.kill()
            self.child = None
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)
        if self._own is not None and not restart:
            self._own.close()
            self._own = None

    def _nursery(self) -> Nursery:
        if _shared:
            return _shared[0]
        if self._own is None:
            self._own = Nursery(modules=MODULES)
        return self._own
