"""All submissions of a problem set at once: run on Dask, recorded by one writer, resumed after any end.

Workers get text and give text: the spliced notebook in, the report out. They never see the gradebook.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import nbformat
from dask.distributed import Client, Future, LocalCluster, as_completed
from nbformat import NotebookNode
from tqdm import tqdm

from grading import sandbox
from grading.course import Course, CourseError, Submission
from grading.grader import Grader, KeptGrader, course_seed
from grading.keeping import Kept, environment, key
from grading.limits import Limits
from grading.recording import Ledger, Recorded, recorded_key
from grading.running import Report
from grading.splicing import UNREADABLE, splice_file

_ANY_PORT = "127.0.0.1:0"  # Dask's pages for monitoring, which can't be left out, seen from this machine only
_SECONDS = 10  # that a cluster elsewhere has to answer
_log = logging.getLogger(__name__)


@dataclass
class Summary:
    """What came of a batch, by student."""

    graded: dict[str, Recorded] = field(default_factory=dict)
    zero: dict[str, str] = field(default_factory=dict)
    """Those of whom nothing could be graded, with the reason."""
    kept: dict[str, Recorded] = field(default_factory=dict)
    """Those of whom an earlier submission counts, since it is better, by the course's policy; with what counts."""
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Those that could not be run through, which is not their students' doing, with the error."""
    remarks: dict[str, list[str]] = field(default_factory=dict)

    @property
    def by_hand(self) -> list[str]:
        """Those in whom something is left for a person to grade."""
        return [student for student, recorded in (self.graded | self.kept).items() if recorded.needs_person]


@dataclass
class _Task:
    submission: Submission
    notebook: NotebookNode
    key: str


def grade_batch(
    course: Course,
    assignment: str,
    *,
    students: Iterable[str] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    walls: bool = True,
    force: bool = False,
    progress: bool = True,
) -> Summary:
    """Grade the submissions of a problem set, and return what came of them.

    Parameters
    ----------
    course : Course
    assignment : str
    students : names, or None
        None grades all of them.
    workers : int or None
        How many run at once on this machine; None is one for each core.
    scheduler : str or None
        Address of a Dask cluster, as ``tcp://host:8786``; None starts local workers.
    walls : bool
        False runs the code without a sandbox, with the rights of whoever grades.
    force : bool
        Run again what has not changed.
    progress : bool
        Show a bar with the time that is left.

    Raises
    ------
    CourseError
        If master, problem set or submissions are missing, or the workers are not those of this program.
    SandboxMissingError
        If there are to be walls and there can be none here.
    """
    master = course.master(assignment)
    with closing(Ledger(course)) as ledger:
        ledger.require(assignment, master)
    if walls and scheduler is None:
        sandbox.require()
    submissions = _chosen(course, assignment, students)
    limits, seed, surroundings = course.limits, course_seed(), environment()
    summary, kept = Summary(), Kept(course.root / ".grading")
    waiting: list[_Task] = []
    for submission in submissions:
        notebook = splice_file(submission.path, master, limits, course.config)
        name = key(notebook, limits, seed, walls, surroundings)
        if not force and recorded_key(course, submission) == name:
            summary.unchanged.append(submission.student)
        else:
            waiting.append(_Task(submission, notebook, name))
    bar = tqdm(total=len(waiting), unit="submission", desc=assignment, disable=not (progress and waiting))
    with bar, _Writer(course, summary, bar) as writer:
        missing = []
        for task in waiting:
            report = None if force else kept.get(task.key)
            if report is None:
                missing.append(task)
            else:
                writer.put(task, report)
        work = (nbformat.writes(master), limits.to_json(), seed, walls)
        for task, outcome in _outcomes(missing, work, workers, scheduler, surroundings):
            if isinstance(outcome, Report):
                kept.put(task.key, outcome)
                writer.put(task, outcome)
            else:
                writer.give_up(task, outcome)
    return summary


def _chosen(course: Course, assignment: str, students: Iterable[str] | None) -> list[Submission]:
    found = course.submissions(assignment)
    if not found:
        raise CourseError(
            f"nothing was handed in: there is no folder {course.path('submitted', 'STUDENT', assignment)}"
        )
    if students is None:
        return found
    wanted = set(students)
    strangers = wanted - {submission.student for submission in found}
    if strangers:
        raise CourseError(f"nothing of {', '.join(sorted(strangers))} was handed in for {assignment}")
    return [submission for submission in found if submission.student in wanted]


class _Writer:
    """Records results in a thread of its own, one after the other, while others are being run."""

    def __init__(self, course: Course, summary: Summary, bar: tqdm):
        self.summary, self.bar = summary, bar
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="gradebook")
        self.ledger = Ledger(course)

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.pool.submit(self.ledger.close)  # by the thread that opened it
        self.pool.shutdown(wait=True)

    def put(self, task: _Task, report: Report) -> None:
        """Have a result recorded."""
        self.pool.submit(self._record, task, report)

    def give_up(self, task: _Task, error: str) -> None:
        """Note that a submission could not be run."""
        self.summary.failed[task.submission.student] = error
        self.bar.update()

    def _record(self, task: _Task, report: Report) -> None:
        student = task.submission.student
        try:
            recorded = self.ledger.record(task.submission, task.notebook, report, task.key)
        except Exception as error:  # one submission's trouble is not the others'
            _log.debug("%s could not be recorded", student, exc_info=True)
            self.give_up(task, f"could not be recorded: {error}")
            return
        if recorded.kept:
            self.summary.kept[student] = recorded
        elif UNREADABLE in task.notebook.metadata:
            self.summary.zero[student] = task.notebook.metadata[UNREADABLE]
        else:
            self.summary.graded[student] = recorded
        if report.remarks:
            self.summary.remarks[student] = report.remarks
        self.bar.update()


# On Dask


def _outcomes(
    tasks: list[_Task], work: tuple, workers: int | None, scheduler: str | None, surroundings: dict[str, str]
) -> Iterator[tuple[_Task, Report | str]]:
    """Run tasks on a cluster; yield each with its report, or with what went wrong."""
    if not tasks:
        return
    with _client(workers or _cores(), scheduler, len(tasks)) as client:
        _require_same(client, surroundings)
        futures = {
            client.submit(run_text, nbformat.writes(task.notebook), *work, pure=False, retries=1): task
            for task in tasks
        }
        for future in as_completed(list(futures)):
            yield futures.pop(future), _outcome(future, surroundings)
            future.release()


def _outcome(future: Future, surroundings: dict[str, str]) -> Report | str:
    error = future.exception()
    if error is not None:
        return f"{type(error).__name__}: {error}"
    told = future.result()
    different = _differences(told["environment"], surroundings)
    return f"was run by a worker with {different}" if different else Report.from_json(told["report"])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _client(workers: int, scheduler: str | None, tasks: int) -> Iterator[Client]:
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            raise CourseError(f"there is no Dask scheduler at {scheduler}: {error}") from error
        with client:
            yield client
        return
    # Threads, since all that takes time is in other processes; and nothing that another user could connect to.
    cluster = LocalCluster(
        processes=False,
        n_workers=1,
        threads_per_worker=min(workers, tasks),
        dashboard_address=_ANY_PORT,
        worker_dashboard_address=_ANY_PORT,
        silence_logs=logging.ERROR,
    )
    try:
        with cluster, Client(cluster) as client:
            yield client
    finally:
        _kept_grader.close()


def _require_same(client: Client, surroundings: dict[str, str]) -> None:
    """See that the workers run the same code as this program: their results are kept under its name.

    Those that join later are seen by what they return.
    """
    found = client.run(environment)
    if not found:
        raise CourseError("no worker has joined the cluster: start one with `dask worker ADDRESS`")
    for address, theirs in found.items():
        different = _differences(theirs, surroundings)
        if different:
            raise CourseError(f"the worker at {address} has {different}")


def _differences(theirs: dict[str, str], ours: dict[str, str]) -> str:
    """Return what is not the same, and what to do about it; nothing where all is."""
    different = [f"{name} {theirs.get(name)} and not {ours[name]}" for name in ours if theirs.get(name) != ours[name]]
    return f"{', '.join(different)}: install the same version of the course there" if different else ""


_kept_grader = KeptGrader()  # a worker is mostly asked for one problem set after the other


def run_text(notebook: str, master: str, limits: dict, seed: str, walls: bool) -> dict:
    """Run a spliced notebook on a worker: text in, and plain data out, with what the worker runs it with."""

    def make() -> Grader:
        return Grader(nbformat.reads(master, as_version=4), Limits.from_json(limits), sandbox=walls, seed=seed)

    with _kept_grader.use((master, str(limits), seed, walls), make) as grader:
        report = grader.run(nbformat.reads(notebook, as_version=4))
    return {"report": report.to_json(), "environment": environment()}
