"""The kernel inside a sandbox: ipykernel on sockets that were made outside and handed in.

So the sandbox needs no directory that is shared with the host, and nothing in it can be put in the sockets' place.
Only a nursery imports this module: it loads here what a kernel would load while it starts, and leaves the debugger out.
"""

import importlib
import os
import sys

import zmq
from traitlets.config import Config

from grading import seccomp

sys.modules.setdefault("debugpy", None)  # its import fails, and ipykernel goes without

from ipykernel.heartbeat import Heartbeat  # noqa: E402
from ipykernel.kernelapp import IPKernelApp  # noqa: E402

_LATE = (
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "faulthandler",
    "ipykernel.debugger",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "tornado.platform.asyncio",
    "tornado.queues",
)
for _name in _LATE:
    importlib.import_module(_name)


class _Heartbeat(Heartbeat):
    """A heartbeat on a socket that was handed in."""

    listening: int

    def _try_bind_socket(self):
        self.socket.setsockopt(zmq.USE_FD, self.listening)
        return super()._try_bind_socket()


class _Application(IPKernelApp):
    """ipykernel's application, without files of its own."""

    listening: tuple[int, ...] = ()

    def init_connection_file(self):
        """Read and write none: all is known."""

    def write_connection_file(self, **kwargs):
        """Write none."""

    def log_connection_info(self):
        """Print none."""

    def init_crash_handler(self):
        """A crash is told by the exit status."""

    def _try_bind_socket(self, s, port):
        s.setsockopt(zmq.USE_FD, self.listening[port - 1])
        return super()._try_bind_socket(s, port)

    def init_heartbeat(self):
        """Start the heartbeat on its socket."""
        self.heartbeat = _Heartbeat(zmq.Context(), (self.transport, self.ip, self.hb_port))
        self.heartbeat.listening = self.listening[self.hb_port - 1]
        self.heartbeat.start()


def main(key: str, ip: str, ports: list[str], *descriptors: int) -> None:
    """Run a kernel until its end.

    Parameters
    ----------
    key : str
        With which messages are signed.
    ip : str
        Where the sockets lie outside; here it is only a name.
    ports : list of str
        The names of the sockets, in their order.
    *descriptors : int
        The listening sockets come last.
    """
    seccomp.forbid_programs()
    os.environ["IPYTHONDIR"] = os.path.join(os.environ["HOME"], ".ipython")
    settings = Config()
    settings.HistoryManager.enabled = False
    settings.Session.key = key.encode()
    application = _Application.instance(config=settings, transport="ipc", ip=ip)
    application.listening = descriptors[-len(ports) :]
    for number, name in enumerate(ports, start=1):
        setattr(application, f"{name}_port", number)
    application.initialize([])
    application.start()
