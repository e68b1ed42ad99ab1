"""The one writer: a report -> the gradebook and the graded notebook.

Everything here can be done again, with the same outcome. The notebook is written last and bears the name of its
result; where it is there, the gradebook has it too.
"""

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, InvalidEntry, MissingEntry, SubmittedAssignment, SubmittedNotebook
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import compute_checksum, determine_grade, is_grade
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, SAWarning, SQLAlchemyError

from grading.course import TIMESTAMP, Course, CourseError, Submission, timestamp
from grading.keeping import write_whole
from grading.resubmission import keep
from grading.running import Report, write
from grading.splicing import note

KEY = "grading_key"
_PATIENCE = 600.0  # seconds that a locked gradebook is waited for
_MAY_PASS = (IntegrityError, InterfaceError, OperationalError)  # locked, cut off, or another got in between
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Recorded:
    """What the gradebook has of a submission."""

    score: float
    """The late penalty is taken off."""
    max_score: float
    needs_person: bool
    """Whether something is left for a person to grade."""
    kept: bool = False
    """Whether an earlier submission counts and this one does not, by the course's policy."""


def recorded_key(course: Course, submission: Submission) -> str | None:
    """Return the name of the result that was recorded for a submission, or None."""
    path = _graded_path(course, submission)
    if path.is_symlink() or not path.is_file():  # a pipe would be waited for
        return None
    try:
        return nbformat.read(path, as_version=4).metadata.get(KEY)
    except (OSError, ValueError):
        return None


def _graded_path(course: Course, submission: Submission) -> Path:
    return course.path("autograded", submission.student, submission.assignment) / submission.path.name


def require_no_link(path: Path) -> None:
    """See that neither a student's graded notebook nor a folder of the student's is a link to elsewhere."""
    for part in (path, *path.parents[:2]):
        if part.is_symlink():
            raise CourseError(f"{part} is a symbolic link: remove it, nothing is written through it")


class Ledger:
    """The gradebook of a course, as the one who writes into it sees it. Used by one thread."""

    def __init__(self, course: Course, patience: float = _PATIENCE):
        self.course, self.patience = course, patience
        self._gradebook: Gradebook | None = None

    def close(self) -> None:
        """Let go of the database."""
        if self._gradebook is not None:
            self._gradebook.close()
            self._gradebook = None

    def require(self, assignment: str, master: NotebookNode) -> None:
        """See that the gradebook knows a problem set as its master is now.

        Raises
        ------
        CourseError
            If it doesn't: points would be lost, or counted twice.
        """
        expected = {
            cell.metadata.nbgrader.grade_id: float(cell.metadata.nbgrader.points)
            for cell in master.cells
            if is_grade(cell)
        }
        known = self._patiently(lambda gradebook: _points(gradebook, assignment))
        if known != expected:
            what = "has another version of" if known else "does not know"
            raise CourseError(
                f"the gradebook {what} {assignment}: run `nbgrader generate_assignment {assignment}` first"
            )

    def record(self, submission: Submission, notebook: NotebookNode, report: Report, name: str) -> Recorded:
        """Enter a result into the gradebook, then write the graded notebook.

        Parameters
        ----------
        submission : Submission
        notebook : NotebookNode
            The spliced notebook that was run.
        report : Report
        name : str
            The result's name: :func:`grading.keeping.key`.
        """
        notebook = note(write(report, notebook), report.remarks)
        notebook.metadata[KEY] = name
        path = _graded_path(self.course, submission)
        require_no_link(path)
        handed_in = timestamp(submission.path.parent)
        entered = self._patiently(lambda gradebook: self._enter(gradebook, submission, notebook, handed_in))
        if not entered.kept:
            # nbgrader tells by this file what is newer than what was graded.
            if handed_in is not None:
                write_whole(path.with_name(TIMESTAMP), f"{handed_in} UTC\n", 0o444)
            write_whole(path, nbformat.writes(notebook), 0o444)
        return entered

    def _patiently(self, do: Callable[[Gradebook], _T]) -> _T:
        """Do something with the gradebook; while it is locked, wait and do it again."""
        deadline, pause = time.monotonic() + self.patience, 0.1
        while True:
            try:
                with self._open() as gradebook:
                    return do(gradebook)
            except (SQLAlchemyError, InvalidEntry) as error:
                self.close()
                # nbgrader has a name of its own for what SQLAlchemy says.
                cause = error.__context__ if isinstance(error, InvalidEntry) else error
                if not isinstance(cause, _MAY_PASS) or time.monotonic() > deadline:
                    raise CourseError(f"the gradebook can't be written: {error}") from error
                _log.warning("The gradebook can't be used now (%s); trying again.", cause.orig)
                time.sleep(pause)
                pause = min(2 * pause, 5.0)

    @contextmanager
    def _open(self) -> Iterator[Gradebook]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader's own queries cause some
            if self._gradebook is None:
                self._gradebook = self.course.open_gradebook()
            yield self._gradebook

    def _enter(
        self, gradebook: Gradebook, submission: Submission, notebook: NotebookNode, handed_in: datetime | None
    ) -> Recorded:
        gradebook.update_or_create_student(submission.student)
        whole, earlier = self._whole(gradebook, submission)
        if handed_in is not None:
            whole.timestamp = handed_in
        entered = gradebook.find_submission_notebook(submission.path.stem, submission.assignment, submission.student)
        _enter_grades(entered, notebook)
        gradebook.db.flush()
        entered.late_submission_penalty = self._penalty(submission.student, entered.score, whole.total_seconds_late)
        gradebook.db.flush()
        # Up to here nothing is written for good.
        kept = not keep(earlier, _score(gradebook, whole), self.course.resubmission)
        gradebook.db.rollback() if kept else gradebook.db.commit()
        return Recorded(_score(gradebook, whole), whole.max_score, whole.needs_manual_grade, kept)

    def _whole(self, gradebook: Gradebook, submission: Submission) -> tuple[SubmittedAssignment, float | None]:
        """Return a student's entry for a problem set, and the score of what was graded before, if anything was."""
        try:
            whole = gradebook.find_submission(submission.assignment, submission.student)
        except MissingEntry:
            return gradebook.add_submission(submission.assignment, submission.student), None
        return whole, _score(gradebook, whole) if _graded_path(self.course, submission).exists() else None

    def _penalty(self, student: str, score: float, seconds_late: float) -> float | None:
        if seconds_late <= 0:
            return None
        late = AssignLatePenalties(config=self.course.config)
        late.init_plugin()
        penalty = late.plugin_inst.late_submission_penalty(student, score, seconds_late)
        return None if penalty is None else min(max(penalty, 0.0), score)


def _score(gradebook: Gradebook, whole: SubmittedAssignment) -> float:
    """Return what counts of a submission as it is entered now: the late penalty taken off, and never below zero."""
    gradebook.db.expire(whole, ["score", "late_submission_penalty"])
    return max(whole.score - whole.late_submission_penalty, 0.0)


def _points(gradebook: Gradebook, assignment: str) -> dict[str, float]:
    """Return how many points the gradebook has for each cell of a problem set; none where it doesn't know it."""
    try:
        return {
            cell.name: float(cell.max_score) for cell in gradebook.find_notebook(assignment, assignment).grade_cells
        }
    except MissingEntry:
        return {}


def _enter_grades(entered: SubmittedNotebook, notebook: NotebookNode) -> None:
    marked = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    for grade in entered.grades:
        grade.auto_score, _ = determine_grade(marked[grade.name], _log)
        grade.needs_manual_grade = grade.auto_score is None or grade.manual_score is not None
    for comment in entered.comments:
        cell = marked[comment.name]
        unwritten = cell.metadata.nbgrader.checksum == compute_checksum(cell)
        comment.auto_comment = "No response." if unwritten else None
