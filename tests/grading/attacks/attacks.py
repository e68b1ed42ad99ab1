"""What people try in order to get points, or to do harm: one attack each, in the form of any problem set.

Each attack takes the place of one answer, the target's; all other answers are right. The target's answer is wrong in
every attack that is after points, so that a point for it is a point that wasn't earned.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

WRONG = """def {name}(*arguments, **keywords):
    return 0.5
"""


@dataclass(frozen=True)
class Attack:
    """One attack."""

    tries: str
    """What it is after."""
    code: str = ""
    """Goes above the answer in the target's cell; ``{name}`` is the target."""
    answer: str = WRONG
    """The target's answer."""
    change: Callable[[dict, str], dict] = lambda notebook, name: notebook
    """What is done to the rest of the notebook."""
    sabotage: bool = False
    """Whether it may cost its author points of other answers too: it breaks the kernel that reads them."""
    lost: bool = True
    """Whether the target's points are lost; where not, its answer is right and the attack is after something else."""
    files: dict[str, str] = field(default_factory=dict)
    """Files that lie beside the notebook."""


ATTACKS: dict[str, Attack] = {}


def attack(name: str, tries: str, **parts: object) -> None:
    """Add an attack."""
    ATTACKS[name] = Attack(tries, **parts)


def marks_of(cell: dict) -> dict:
    """Return nbgrader's marks of a cell."""
    return cell["metadata"].get("nbgrader", {})


def _each_test(do: Callable[[dict], None]) -> Callable[[dict, str], dict]:
    def change(notebook: dict, name: str) -> dict:
        for cell in notebook["cells"]:
            if marks_of(cell).get("grade") and not marks_of(cell).get("solution"):
                do(cell)
        return notebook

    return change


def _cells(do: Callable[[list[dict]], list[dict]]) -> Callable[[dict, str], dict]:
    return lambda notebook, name: notebook | {"cells": do(notebook["cells"])}


def _is_test(cell: dict) -> bool:
    return bool(marks_of(cell).get("grade")) and not marks_of(cell).get("solution")


# The notebook

attack(
    "tests are skipped by a tag",
    "a test that is not run raises nothing",
    change=_each_test(lambda cell: cell["metadata"].update(tags=["skip-execution", "raises-exception"])),
)
attack(
    "results that were never computed",
    "an output that says 1000 points",
    change=_each_test(
        lambda cell: cell.update(
            outputs=[
                {
                    "output_type": "execute_result",
                    "data": {"text/plain": "1000.0"},
                    "metadata": {},
                    "execution_count": 1,
                }
            ]
        )
    ),
)
attack(
    "tests are deleted",
    "what isn't there can't fail",
    change=_cells(lambda cells: [c for c in cells if not _is_test(c)]),
)
attack("tests are edited", "a test that asks for nothing", change=_each_test(lambda cell: cell.update(source="pass")))
attack(
    "tests are worth more",
    "points written into the notebook",
    change=_each_test(lambda cell: marks_of(cell).update(points=1000)),
)
attack(
    "tests are there twice",
    "the batch ends, or the copy counts",
    change=_cells(
        lambda cells: [*cells, *(json.loads(json.dumps(c)) | {"source": "pass"} for c in cells if _is_test(c))]
    ),
)
attack("cells in another order", "tests before what patches them", change=_cells(lambda cells: cells[::-1]))
attack("a cell in front", "code that runs before everything", change=_cells(lambda cells: [_extra("1/0"), *cells]))
attack(
    "another version of the marks",
    "the batch ends over it",
    change=_each_test(lambda cell: marks_of(cell).update(schema_version=99)),
)
attack(
    "another kernel",
    "code that runs outside the sandbox's Python",
    change=lambda notebook, name: notebook | {"metadata": {"kernelspec": {"name": "bash", "display_name": "b"}}},
)
attack(
    "attachments and outputs of all kinds",
    "something that a page shows",
    change=_cells(
        lambda cells: [c | {"attachments": {"x": {"text/html": "<script>alert(1)</script>"}}} for c in cells]
    ),
)
attack(
    "files that look like libraries",
    "an import that takes the student's file",
    files={"numpy.py": "1/0", "torch.py": "1/0", "attnlib.py": "class checks: pass", "sitecustomize.py": "1/0"},
)


def _extra(source: str) -> dict:
    return {
        "cell_type": "code",
        "id": "extra",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


# The process that the tests are believed to run in

attack(
    "display hook",
    "a shown result counts as points",
    code="import sys\nsys.displayhook = lambda value: print('1000.0')\n"
    "get_ipython().display_formatter.format = lambda *a, **k: ({'text/plain': '1000.0'}, {})\n",
)
attack(
    "errors are swallowed",
    "a failed test that shows no error",
    code="shell = get_ipython()\nshell.showtraceback = lambda *a, **k: None\n"
    "shell.set_custom_exc((BaseException,), lambda *a, **k: None)\n",
)
attack(
    "do_execute says all is well",
    "a kernel that runs nothing",
    sabotage=True,
    code="kernel = get_ipython().kernel\nasync def well(*a, **k):\n    return dict(status='ok', execution_count=1, "
    "payload=[], user_expressions={})\nkernel.do_execute = well\n",
)
attack(
    "asserts are taken out of the code",
    "an AST transformer",
    sabotage=True,
    code="import ast\nclass Deaf(ast.NodeTransformer):\n    def visit_Expr(self, node): return ast.Pass()\n"
    "    visit_Assert = visit_Expr\nget_ipython().ast_transformers.append(Deaf())\n",
)
attack(
    "code is replaced before it runs",
    "an input transformer",
    sabotage=True,
    code="get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])\n",
)
attack(
    "checks are patched",
    "tests that check nothing",
    code="from attnlib import checks\nfor each in dir(checks):\n    if each.startswith('check'):\n"
    "        setattr(checks, each, lambda *a, **k: None)\n",
)
attack(
    "numpy and torch are patched",
    "everything is close to everything",
    sabotage=True,
    code="import numpy, torch\nfor module in (numpy, numpy.testing, torch, torch.testing):\n"
    "    for each in ('allclose', 'isclose', 'array_equal', 'equal', 'assert_close', 'assert_allclose'):\n"
    "        if hasattr(module, each): setattr(module, each, lambda *a, **k: True)\n",
)
attack(
    "built-in functions are patched",
    "all() and any() that agree",
    sabotage=True,
    code="import builtins, math\nbuiltins.all = builtins.any = lambda *a: True\nbuiltins.abs = lambda x: 0\n"
    "builtins.isinstance = lambda *a: True\nmath.isclose = lambda *a, **k: True\nbuiltins.AssertionError = Warning\n",
)
attack(
    "an answer that equals everything",
    "__eq__ and its kind",
    answer="""class Everything:
    shape, dtype, ndim, size = (), "float64", 0, 1
    __array_priority__ = 1e9
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = lambda self, *other: True
    __hash__ = lambda self: 1
    __len__ = lambda self: 1
    __iter__ = lambda self: iter([self])
    __getitem__ = lambda self, key: self
    __getattr__ = lambda self, name: self
    __call__ = lambda self, *a, **k: self
    __array__ = lambda self, *a, **k: __import__("numpy").zeros(())
    __float__ = lambda self: 0.0
    __array_ufunc__ = __array_function__ = __torch_function__ = lambda self, *a, **k: True
    __class__ = property(lambda self: __import__("numpy").ndarray)
def {name}(*a, **k):
    return Everything()
""",
)
attack(
    "an array of another class",
    "a subclass of ndarray whose comparisons are true",
    answer="""import numpy
class Agreeing(numpy.ndarray):
    __array_function__ = __array_ufunc__ = lambda self, *a, **k: True
    __eq__ = __sub__ = lambda self, other: True
def {name}(*a, **k):
    return numpy.zeros(3).view(Agreeing)
""",
)
attack(
    "a tensor of another class",
    "a subclass of Tensor whose comparisons are true",
    answer="""import torch
class Agreeing(torch.Tensor):
    @classmethod
    def __torch_function__(cls, *a, **k):
        return True
def {name}(*a, **k):
    return torch.zeros(3).as_subclass(Agreeing)
""",
)
attack(
    "tests are read from frames",
    "expected values in the caller's variables",
    answer="""import gc, sys
def {name}(*a, **k):
    frame = sys._getframe()
    while frame:
        for spaces in (frame.f_locals, frame.f_globals):
            for key, value in list(spaces.items()):
                if "expected" in key or "mistakes" in key:
                    return value
        frame = frame.f_back
    for thing in gc.get_objects():
        if type(thing) is dict and "mistakes" in thing:
            return next(iter(thing.values()))
    return 0.5
""",
)
attack(
    "tests are read from the notebook's memory",
    "In, history and the kernel's messages",
    answer="""import gc
def {name}(*a, **k):
    shell = get_ipython()
    known = [*shell.user_ns.get("In", []), *(shell.history_manager.input_hist_raw if shell.history_manager else [])]
    known += [thing for thing in gc.get_objects() if type(thing) is str and "check_close" in thing]
    for text in known:
        if "BEGIN HIDDEN" + " TESTS" in text:
            raise RuntimeError(text)
    return 0.5
""",
)
attack(
    "solutions are read from disk",
    "master, text master, or a graded notebook",
    answer="""import os
def {name}(*a, **k):
    for folder, _, files in os.walk("/"):
        if folder.startswith(("/proc", "/sys", "/usr")):
            continue
        for file in files:
            if file.startswith("ps") and file.endswith((".ipynb", ".md")) or file == "gradebook.db":
                raise RuntimeError("found " + os.path.join(folder, file))
    return 0.5
""",
)
attack(
    "the course's seed is read",
    "the inputs of hidden tests",
    answer="""import os, glob
def {name}(*a, **k):
    for path in glob.glob("/proc/*/environ"):
        try:
            if b"COURSE_SEED" in open(path, "rb").read():
                raise RuntimeError("found in " + path)
        except OSError:
            pass
    if "ATTNLIB_COURSE_SEED" in os.environ:
        raise RuntimeError("found")
    return 0.5
""",
)

# Ends of all kinds

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

# What there is of the machine

attack("a fork bomb", "all processes", code="import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n")
attack(
    "threads without end",
    "all threads",
    code="import threading, time\ntry:\n    while True: threading.Thread(target=time.sleep, args=(1000,), daemon=True)"
    ".start()\nexcept RuntimeError: pass\n",
)
attack("all memory", "the machine's memory", code="found = []\nwhile True: found.append(bytearray(2**24))\n")
attack(
    "all memory by many",
    "the machine's memory, shared out",
    code="import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
    "        found = [bytes(1) * 2**28 for _ in range(4)]\n        time.sleep(1000)\n",
)
attack(
    "all of the disk",
    "temporary files without end",
    code="import os\ntry:\n    for number in range(10**6):\n        with open(f'/tmp/{number}', 'wb') as file:\n"
    "            file.write(bytes(2**22))\nexcept OSError: pass\n",
)
attack("one line of output", "the grader's memory", code="print('x' * 10**8)\n")
attack("many lines of output", "the grader's memory", code="for _ in range(10**6): print('x' * 100)\n")
attack(
    "output during calls",
    "the grader's memory",
    answer="def {name}(*a, **k):\n    print('x' * 10**7)\n    return 0.5\n",
)
attack(
    "a daemon",
    "something that outlives the kernel",
    code="import os, sys, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
    "        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(1000)', 'left-behind-daemon'])\n"
    "    os._exit(0)\n",
)

# The channel to the tests

attack(
    "nonsense on every descriptor",
    "a test process that breaks",
    code="import os\nfor number in range(3, 256):\n    try: os.set_blocking(number, False); os.write(number, "
    "os.urandom(10**5))\n    except OSError: pass\n",
)
attack(
    "the channel is closed",
    "a test that hangs",
    code="import os\nfor number in range(3, 6):\n    try: os.close(number)\n    except OSError: pass\n",
)
attack(
    "the channel's end is patched",
    "answers that no function gave",
    sabotage=True,
    code="from grading import guest, wire\n"
    "guest.encode = lambda value, *a, **k: wire.encode((1, 'result', None, ()), *a, **k)\n",
)
attack(
    "a pickle for an answer",
    "code that runs where it is read",
    answer="""class Bomb:
    def __reduce__(self):
        return (__import__("os").system, ("touch /tmp/left-behind",))
def {name}(*a, **k):
    return Bomb()
""",
)
attack(
    "an iterator without end",
    "a test that never ends",
    answer="import itertools\ndef {name}(*a, **k):\n    return itertools.count()\n",
)
attack(
    "a list that holds itself",
    "a test that never ends",
    answer="def {name}(*a, **k):\n    found = []\n    found.append(found)\n    return found\n",
)
attack(
    "a shape without bounds",
    "memory of the test process",
    answer="import numpy\ndef {name}(*a, **k):\n    return numpy.broadcast_to(0.5, (2**20, 2**20))\n",
)
attack("NaN everywhere", "comparisons that NaN passes", answer="def {name}(*a, **k):\n    return float('nan')\n")
attack(
    "a million answers",
    "a test process that drowns",
    answer="import os\ndef {name}(*a, **k):\n    for _ in range(10**6):\n        os.write(3, bytes(16))\n",
)
attack(
    "an error that is a test's own",
    "a failure that looks like a pass",
    answer="def {name}(*a, **k):\n    raise StopIteration\n",
)
