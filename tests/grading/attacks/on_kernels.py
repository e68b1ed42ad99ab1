"""Attacks on the kernel: ends of all kinds, and none."""

from tests.grading.attacks.attack import WRONG, Attacks

ATTACKS = Attacks()
attack = ATTACKS.add


attack("sys.exit", "an end that is no error", code="import sys\nsys.exit(0)\n")
attack("os._exit", "the kernel dies", code="import os\nos._exit(0)\n")
attack("segmentation fault", "the kernel dies", code="import ctypes\nctypes.string_at(0)\n")
attack("the process is killed", "the kernel dies", code="import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
attack("everything is killed", "whatever can be reached", code="import os, signal\nos.kill(-1, signal.SIGKILL)\n")
attack(
    "sys.exit in a call",
    "a test that ends without an error",
    answer="import sys\ndef {name}(*a, **k):\n    sys.exit(0)\n",
)
attack("os._exit in a call", "the kernel dies", answer="import os\ndef {name}(*a, **k):\n    os._exit(0)\n")
attack("an endless loop", "the batch never ends", code="while True: pass\n")
attack(
    "an endless loop that can't be interrupted",
    "the batch never ends",
    code="import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    try:\n"
    "        while True: pass\n    except BaseException: pass\n",
)
attack("an endless call", "the batch never ends", answer="def {name}(*a, **k):\n    while True: pass\n")
attack("infinite recursion", "the stack", answer="def {name}(*a, **k):\n    return {name}(*a, **k)\n")
attack(
    "signals and handlers at the end",
    "a kernel that doesn't go",
    sabotage=True,
    code="import atexit, signal, threading, time\natexit.register(time.sleep, 1000)\n"
    "for each in range(1, 32):\n    try: signal.signal(each, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
    "threading.Thread(target=time.sleep, args=(1000,)).start()\n",
)
attack(
    "messages in the kernel's name",
    "cells that are over before they have run, and a reader that breaks",
    code="""kernel = get_ipython().kernel
for kind in ("execute_reply", "status", "stream", "error", "display_data", "execute_result", "x" * 10**5):
    for content in (b"[1]", b"{", b"null", b'{"execution_state": "idle", "status": "ok"}', b'{"text": 7, "name": {}}',
                    b'{"traceback": {"a": 1}, "ename": [], "evalue": 1e999}', b'{"data": ["1000.0"], "text": null}'):
        for parent in (kernel.get_parent(), {}, {"header": {"msg_id": ["x"]}}):
            try:
                kernel.session.send(kernel.iopub_socket, kind, content, parent=parent)
            except Exception:
                pass
""",
)
attack(
    "an error that can't be told",
    "a kernel or a test process that breaks over it",
    answer="""class Untold(Exception):
    def __str__(self): raise KeyboardInterrupt
    __repr__ = __str__
Untold.__name__ = "A" * 10**6
def {name}(*a, **k):
    raise Untold
""",
)
attack(
    "a cell that ends with an error that can't be told",
    "a kernel that breaks over it",
    answer=WRONG
    + "class Untold(BaseException):\n    def __str__(self): raise self\n    __repr__ = __str__\nraise Untold\n",
)
attack("a coroutine", "a result that comes later", answer="async def {name}(*a, **k):\n    return 0.5\n")
