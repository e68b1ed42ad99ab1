"""The one writer: whatever happens on the way, gradebook and graded notebook say the same, once."""

import os
import sqlite3
import time
from contextlib import closing
from datetime import datetime, timedelta
from types import SimpleNamespace

import nbformat
import pytest

from grading import recording
from grading.course import TIMESTAMP, CourseError, Submission
from grading.recording import KEY, Ledger, recorded_key
from grading.running import Report
from grading.splicing import splice_file, splice_nothing
from tests.grading import courses
from tests.grading.courses import MAXIMUM, POINTS, PROBLEMS, WRITTEN

AUTOMATIC = sum(POINTS.values())
DUE = datetime(2026, 9, 1, 12)


@pytest.fixture
def course(tmp_path_factory, tmp_path):
    return courses.make_course(tmp_path_factory.getbasetemp(), tmp_path / "course")


@pytest.fixture
def ledger(course):
    with closing(Ledger(course, patience=0)) as ledger:
        yield ledger


def submission(course, student, written=None):
    """Return what a student hands in."""
    path = courses.hand_in(course, student, courses.solved(course, written=written))
    return Submission(student, PROBLEMS, path)


def report(*failed):
    tests = {name: {"passed": name not in failed, "kind": "assertion", "diagnosis": "Wrong."} for name in POINTS}
    return Report(tests=tests)


def record(ledger, submitted, *failed, name="name"):
    """Record a result in which some tests failed."""
    notebook = splice_file(submitted.path, ledger.course.master(PROBLEMS), ledger.course.limits, ledger.course.config)
    return ledger.record(submitted, notebook, report(*failed), name)


def graded(course, student):
    return nbformat.read(course.path("autograded", student, PROBLEMS) / f"{PROBLEMS}.ipynb", as_version=4)


def late_course(course, *lines):
    """Return the course with a deadline and half of the score lost for each day after it."""
    with course.open_gradebook() as gradebook:
        gradebook.update_or_create_assignment(PROBLEMS, duedate=f"{DUE} UTC")
    return courses.configure(
        course,
        "from grading.late import LatePolicy",
        "c.AssignLatePenalties.plugin_class = LatePolicy",
        "c.LatePolicy.penalty_method = 'percent'",
        "c.LatePolicy.rate = 50",
        *lines,
    )


def stamp(submitted, moment):
    (submitted.path.parent / TIMESTAMP).write_text(f"{moment} UTC\n")


def test_points_and_diagnoses_are_in_the_gradebook_and_in_the_notebook(course, ledger):
    submitted = submission(course, "ada", written="Because.")
    recorded = record(ledger, submitted, "test_total", name="a name")
    assert (recorded.score, recorded.max_score) == (AUTOMATIC - 2.0, MAXIMUM)
    assert recorded.needs_person
    assert not recorded.kept
    assert courses.scores(course) == {"ada": AUTOMATIC - 2.0}
    said = {
        cell.id: [output.evalue for output in cell.outputs]
        for cell in graded(course, "ada").cells
        if cell.get("outputs")
    }
    assert said == {"test-total": ["Wrong."]}
    assert recorded_key(course, submitted) == "a name"
    assert not os.access(course.path("autograded", "ada", PROBLEMS) / f"{PROBLEMS}.ipynb", os.W_OK) or os.getuid() == 0


def test_what_is_remarked_is_on_top_of_the_graded_notebook(course, ledger):
    submitted = submission(course, "ada")
    notebook = splice_nothing(course.master(PROBLEMS), "it is a <poem>", course.config)
    ledger.record(submitted, notebook, Report(remarks=["There were no walls."]), "name")
    top = graded(course, "ada").cells[0].source
    assert "- Nothing could be graded: it is a &lt;poem&gt;\n- There were no walls." in top
    assert [cell.id for cell in graded(course, "ada").cells].count("grading-notes") == 1


def test_a_text_that_was_not_written_waits_for_nobody(course, ledger):
    assert not record(ledger, submission(course, "ada")).needs_person
    with course.open_gradebook() as gradebook:
        assert gradebook.find_comment(WRITTEN, PROBLEMS, PROBLEMS, "ada").auto_comment == "No response."
        assert gradebook.find_grade(WRITTEN, PROBLEMS, PROBLEMS, "ada").auto_score == 0


def test_recording_twice_enters_once(course, ledger):
    submitted = submission(course, "ada")
    for _ in range(3):
        record(ledger, submitted)
    assert courses.rows(course) == courses.rows_for(1)


def test_a_result_that_was_entered_but_whose_notebook_was_not_written_is_recorded_again(course, ledger, monkeypatch):
    submitted = submission(course, "ada")

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(recording, "write_whole", killed)
        with pytest.raises(KeyboardInterrupt):
            record(ledger, submitted)
    assert recorded_key(course, submitted) is None
    record(ledger, submitted)
    assert recorded_key(course, submitted) == "name"
    assert courses.rows(course) == courses.rows_for(1)
    assert courses.scores(course) == {"ada": AUTOMATIC}


def test_a_graded_notebook_that_cannot_be_read_is_none(course, ledger):
    submitted = submission(course, "ada")
    assert recorded_key(course, submitted) is None
    path = course.path("autograded", "ada", PROBLEMS) / f"{PROBLEMS}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert recorded_key(course, submitted) is None


# A gradebook that can't be written


def locked(course, seconds=0.05):
    """Return the course, whose gradebook's lock is waited for no longer than that by SQLite itself."""
    url = f"sqlite:///{course.root}/gradebook.db?timeout={seconds}"
    return courses.configure(course, f"c.CourseDirectory.db_url = {url!r}")


@pytest.mark.parametrize("kind", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_locked_gradebook_is_waited_for(course, monkeypatch, kind):
    submitted = submission(course, "ada")
    waited = []
    with closing(sqlite3.connect(course.root / "gradebook.db")) as other, closing(Ledger(locked(course))) as ledger:
        other.execute(f"BEGIN {kind}")

        def pause(seconds):
            waited.append(seconds)
            if len(waited) == 4:
                other.rollback()

        monkeypatch.setattr(recording, "time", SimpleNamespace(sleep=pause, monotonic=time.monotonic))
        assert record(ledger, submitted).score == AUTOMATIC
    assert waited == [0.1, 0.2, 0.4, 0.8]
    assert courses.rows(course) == courses.rows_for(1)


def test_a_gradebook_that_stays_locked_is_told(course):
    submitted = submission(course, "ada")
    with (
        closing(sqlite3.connect(course.root / "gradebook.db")) as other,
        closing(Ledger(locked(course), patience=0)) as ledger,
    ):
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CourseError, match=r"the gradebook can't be written: .*database is locked"):
            record(ledger, submitted)
        with pytest.raises(CourseError, match=r"the gradebook can't be written: .*database is locked"):
            ledger.require(PROBLEMS, course.master(PROBLEMS))
        other.rollback()
        record(ledger, submitted)  # the next one is tried anew
    assert courses.scores(course) == {"ada": AUTOMATIC}


def test_what_does_not_pass_is_not_waited_for(course, monkeypatch):
    submitted = submission(course, "ada")

    def sleep(seconds):
        raise AssertionError("waited")

    monkeypatch.setattr(recording, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
    monkeypatch.setattr(recording, "determine_grade", lambda cell, log: (["not", "a", "number"], 1.0))
    with closing(Ledger(course)) as ledger, pytest.raises(CourseError, match="the gradebook can't be written"):
        record(ledger, submitted)


@pytest.mark.parametrize("place", ["file", "directory"])
def test_nothing_is_written_through_a_link(course, ledger, tmp_path, place):
    submitted = submission(course, "ada")
    path = course.path("autograded", "ada", PROBLEMS) / f"{PROBLEMS}.ipynb"
    target = tmp_path / "target"
    if place == "file":
        path.parent.mkdir(parents=True)
        target.write_text("mine")
        path.symlink_to(target)
    else:
        path.parent.parent.mkdir(parents=True)
        target.mkdir()
        path.parent.symlink_to(target)
    with pytest.raises(CourseError, match="is a symbolic link: remove it"):
        record(ledger, submitted)
    assert target.read_text() == "mine" if place == "file" else not list(target.iterdir())
    assert courses.scores(course) == {}


# Late, and again


def test_a_late_submission_loses_what_the_policy_says(course):
    course = late_course(course)
    late, early = submission(course, "late"), submission(course, "early")
    stamp(late, DUE + timedelta(minutes=1))
    stamp(early, DUE - timedelta(minutes=1))
    with closing(Ledger(course)) as ledger:
        assert record(ledger, late, "test_total").score == (AUTOMATIC - 2.0) / 2
        assert record(ledger, early).score == AUTOMATIC
        assert record(ledger, late).score == AUTOMATIC / 2  # worked out from the new score
    with course.open_gradebook() as gradebook:
        assert gradebook.find_submission(PROBLEMS, "late").late_submission_penalty == AUTOMATIC / 2
        assert gradebook.find_submission(PROBLEMS, "late").timestamp == DUE + timedelta(minutes=1)
        assert gradebook.find_submission(PROBLEMS, "early").late_submission_penalty == 0
    # By this nbgrader's own commands tell whether a later submission came.
    assert course.directory.get_existing_timestamp(str(course.path("autograded", "late", PROBLEMS))) == DUE + timedelta(
        minutes=1
    )


@pytest.mark.parametrize("content", ["", "soon", "9" * 400, "2026-13-01 00:00:00 UTC", b"\xff\xfe", "x" * 10_000])
def test_a_timestamp_that_is_none_counts_as_no_timestamp(course, ledger, content):
    submitted = submission(course, "ada")
    path = submitted.path.parent / TIMESTAMP
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert record(ledger, submitted).score == AUTOMATIC
    with course.open_gradebook() as gradebook:
        assert gradebook.find_submission(PROBLEMS, "ada").timestamp is None


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_a_timestamp_that_is_no_file_holds_up_nobody(course, ledger, make):
    submitted = submission(course, "ada")
    make(submitted.path.parent / TIMESTAMP)
    assert record(ledger, submitted).score == AUTOMATIC


@pytest.mark.parametrize(
    ("policy", "scores"), [("later", [AUTOMATIC, AUTOMATIC - 3.0]), ("better", [AUTOMATIC, AUTOMATIC])]
)
def test_a_worse_submission_takes_the_place_of_a_better_one_only_by_policy(course, policy, scores):
    course = courses.configure(course, f"c.Resubmission.policy = {policy!r}")
    with closing(Ledger(course)) as ledger:
        first = record(ledger, submission(course, "ada", written="First."), name="first")
        second = record(ledger, submission(course, "ada", written="Second."), "test_longest", name="second")
        assert [first.score, second.score] == scores
        assert (first.kept, second.kept) == (False, policy == "better")
        assert courses.scores(course) == {"ada": scores[1]}
        counts = "first" if policy == "better" else "second"
        assert graded(course, "ada").metadata[KEY] == counts
        assert counts.capitalize() in next(cell.source for cell in graded(course, "ada").cells if cell.id == WRITTEN)
        assert record(ledger, submission(course, "ada"), name="third").score == AUTOMATIC
        assert graded(course, "ada").metadata[KEY] == "third"
    assert courses.rows(course) == courses.rows_for(1)


def test_the_better_one_is_the_one_that_is_better_after_the_late_penalty(course):
    course = late_course(course, "c.Resubmission.policy = 'better'")
    with closing(Ledger(course)) as ledger:
        submitted = submission(course, "ada")
        stamp(submitted, DUE - timedelta(days=1))
        assert record(ledger, submitted, "test_total", name="first").score == AUTOMATIC - 2.0
        stamp(submitted, DUE + timedelta(hours=1))
        second = record(ledger, submitted, name="second")
    assert (second.score, second.kept) == (AUTOMATIC - 2.0, True)
    with course.open_gradebook() as gradebook:
        whole = gradebook.find_submission(PROBLEMS, "ada")
        assert (whole.score, whole.late_submission_penalty) == (AUTOMATIC - 2.0, 0.0)
        assert whole.timestamp == DUE - timedelta(days=1)
