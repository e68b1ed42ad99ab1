"""A sandboxed kernel, as its owner sees it: cells go in, capped outputs come out, and it can't be made to wait.

Whatever the kernel sends is only read as text: streams, errors and the plain form of results.
"""

import time
from dataclasses import dataclass, field

import zmq

from grading.limits import Limits
from grading.nursery import Nursery
from grading.provisioner import start_kernel

_WHY = {
    "memory": "it took too much memory",
    "processes": "it started too many processes",
    "output": "it sent too much",
}
_GRACE = 5.0  # seconds that an interrupted cell has to end
_LATE = 0.5  # seconds that the end of a cell's output is waited for when the cell is done
_OUTPUTS = 200  # pieces of output that are kept of a cell


class KernelGoneError(Exception):
    """The kernel has ended or doesn't answer any more; the message says which."""


@dataclass
class Executed:
    """What came of a cell."""

    status: str
    """``ok``, ``error`` or ``time``."""
    outputs: list[dict] = field(default_factory=list)


class Kernel:
    """A kernel in a sandbox of its own."""

    def __init__(self, nursery: Nursery, limits: Limits, descriptors: tuple = (), paths: tuple[str, ...] = ()):
        self.limits = limits
        self.client, self.child = start_kernel(nursery, descriptors=descriptors, paths=paths)
        self._late = _LATE
        self._poller = zmq.Poller()
        for channel in (self.client.shell_channel, self.client.iopub_channel):
            self._poller.register(channel.socket, zmq.POLLIN)

    def execute(self, code: str, seconds: float) -> Executed:
        """Run a cell; interrupt it when its time is over.

        Raises
        ------
        KernelGoneError
            If the kernel ended, or went on after it was interrupted.
        """
        message = self.begin(code)
        executed = self.finish(message, seconds)
        if executed.status != "time":
            return executed
        self.child.interrupt()
        after = self.finish(message, _GRACE)
        if after.status == "time":
            raise KernelGoneError("it went on after it was interrupted")
        return Executed("time", [*executed.outputs, *after.outputs])

    def begin(self, code: str) -> str:
        """Have a cell run, and don't wait for it; return the name of the request."""
        return self.client.execute(code, store_history=False, allow_stdin=False, stop_on_error=False)

    def finish(self, message: str, seconds: float) -> Executed:
        """Wait until a request is done, or for that long, and return what it printed meanwhile."""
        outputs = _Outputs(self.limits.output_kb * 1024)
        deadline = time.monotonic() + seconds
        status, idle = None, False
        while status is None or not idle:
            # Once there is an answer, what was printed before it is not waited for long.
            left = min(deadline - time.monotonic(), self._late if status else 0.25)
            if deadline - time.monotonic() <= 0:
                break
            ready = dict(self._poller.poll(max(1, int(1000 * left))))
            if not ready:
                if status is not None:
                    self._late = _LATE / 10  # its output may be cut off for good
                    break
                self._require_life()
            for content in self._received(ready, self.client.iopub_channel, message):
                idle = idle or content.get("execution_state") == "idle"
                outputs.add(content)
            for content in self._received(ready, self.client.shell_channel, message):
                status = "ok" if content.get("status") == "ok" else "error"
        return Executed(status or "time", outputs.found)

    def _received(self, ready: dict, channel, message: str) -> list[dict]:
        if channel.socket not in ready:
            return []
        try:
            came = channel.get_msg(timeout=0)
            content = came["content"] if came["parent_header"].get("msg_id") == message else {}
        except Exception:  # whatever the kernel sent, it is no message
            return []
        if not isinstance(content, dict):
            return []
        return [{**content, "msg_type": came["msg_type"]}] if content else []

    def _require_life(self) -> None:
        if self.child.poll() is not None:
            raise KernelGoneError(_WHY.get(self.child.why, "it ended"))

    def close(self) -> None:
        """End everything in its sandbox."""
        self.child.kill()
        self.client.stop_channels()


class _Outputs:
    """Outputs of a cell, as text and capped."""

    def __init__(self, room: int):
        self.room = room
        self.found: list[dict] = []

    def add(self, content: dict) -> None:
        """Keep what a message says, as far as there is room."""
        kind = content["msg_type"]
        if kind == "stream":
            self._add_text(str(content.get("name")), self._cut(content.get("text")))
        elif kind == "error":
            shown = {name: self._cut(content.get(name)) for name in ("ename", "evalue")}
            lines = content.get("traceback")
            lines = [self._cut(line) for line in lines[:50]] if isinstance(lines, list) else []
            self._add({"output_type": "error", **shown, "traceback": lines})
        elif kind in ("execute_result", "display_data"):
            data = content.get("data")
            text = self._cut(data.get("text/plain") if isinstance(data, dict) else None)
            self._add({"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}})

    def _add_text(self, name: str, text: str) -> None:
        name = "stderr" if name == "stderr" else "stdout"
        last = self.found[-1] if self.found else {}
        if last.get("name") == name:
            last["text"] += text
        elif text:
            self._add({"output_type": "stream", "name": name, "text": text})

    def _add(self, output: dict) -> None:
        if len(self.found) < _OUTPUTS:
            self.found.append(output)

    def _cut(self, text: object) -> str:
        if not isinstance(text, str):
            return ""
        kept = text[: self.room]
        self.room -= len(kept)
        return kept if len(kept) == len(text) else f"{kept} …"
