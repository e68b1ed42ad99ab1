"""What runs the notebooks of one problem set: the copies of attnlib that they see, and the processes that are kept."""

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from grading.limits import Limits
from grading.nursery import Nursery
from grading.packages import PACKAGE, allowed_modules, copy_modules, package_directory
from grading.provisioner import MODULES
from grading.running import Job, Report, run

_LOADED = (
    *MODULES,
    "array_api_compat.torch",
    "jaxtyping",
    "numpy",
    "torch",
    "torch._decomp.decompositions_for_jvp",  # what these hold is taken away where it isn't allowed: it must be there
    "torch._refs",
    "grading.forbidden",
    "grading.guest",
    "grading.testing",
)
SEED = "ATTNLIB_COURSE_SEED"


def course_seed() -> str:
    """Return the seed of the hidden tests' inputs."""
    return os.environ.get(SEED) or "0"


class Grader:
    """Runs notebooks of one problem set, one after the other or from several threads.

    It is a context manager: at its end every process that it started is gone.
    """

    def __init__(self, master: NotebookNode, limits: Limits, *, sandbox: bool = True, seed: str | None = None):
        self.master, self.limits, self.sandbox = master, limits, sandbox
        self.seed = seed if seed is not None else course_seed()
        self._stack = ExitStack()

    def __enter__(self) -> "Grader":
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grading-")))
            visible = copy_modules(allowed_modules(self.master), scratch / "student")
            shutil.copytree(
                package_directory(), scratch / "tester" / PACKAGE, ignore=shutil.ignore_patterns("__pycache__")
            )
            self.job = Job(self.limits, self.seed, (str(visible),), (str(scratch / "tester"),))
            self.nursery = stack.enter_context(Nursery(self.limits, modules=_LOADED, sandbox=self.sandbox))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, notebook: NotebookNode) -> Report:
        """Run a spliced notebook."""
        report = run(notebook, self.master, self.job, self.nursery)
        if not self.sandbox:
            report.remarks.append("Graded WITHOUT a sandbox: this code ran with the grader's own rights.")
        return report


@dataclass
class _InUse:
    name: Hashable
    grader: Grader
    users: int = 0


class KeptGrader:
    """Keeps a grader from one notebook to the next, until another one is asked for and nobody uses it any more."""

    def __init__(self):
        self._kept: _InUse | None = None
        self._lock = threading.Lock()
        atexit.register(self.close)

    @contextmanager
    def use(self, name: Hashable, make: Callable[[], Grader]) -> Iterator[Grader]:
        """Give the grader of this name; where it isn't the one that is kept, make and start it."""
        with self._lock:
            if self._kept is None or self._kept.name != name:
                self._let_go()
                self._kept = _InUse(name, make().__enter__())
            used = self._kept
            used.users += 1
        try:
            yield used.grader
        finally:
            with self._lock:
                used.users -= 1
                if used is not self._kept:
                    _end_unused(used)

    def close(self) -> None:
        """Let go of the grader that is kept."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._kept is not None:
            used, self._kept = self._kept, None
            _end_unused(used)


def _end_unused(used: _InUse) -> None:
    if not used.users:
        used.grader.__exit__(None, None, None)
