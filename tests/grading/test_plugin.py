"""``nbgrader autograde`` as instructors type it: their command, and none of students' code with their rights."""

import os
import sysconfig
from datetime import datetime, timedelta
from unittest.mock import patch

import nbformat
import pytest

import grading.grader
from grading import nbgrader_plugin, sandbox
from grading.__main__ import main
from grading.course import TIMESTAMP, Course
from tests.grading import courses
from tests.grading.courses import PROBLEMS, RIGHT

pytestmark = pytest.mark.sandbox

AUTOMATIC = sum(courses.POINTS.values())
NOON = datetime(2026, 9, 1, 12)


@pytest.fixture
def course(tmp_path_factory, tmp_path):
    return courses.make_course(tmp_path_factory.getbasetemp(), tmp_path / "course")


@pytest.fixture(scope="module", autouse=True)
def loaded():
    """Load no torch, which is faster, and end what the commands started."""
    loaded = tuple(module for module in grading.grader._LOADED if "torch" not in module)
    with patch.object(grading.grader, "_LOADED", loaded):
        yield
    nbgrader_plugin._kept_grader.close()


@pytest.fixture
def without_bubblewrap(monkeypatch, tmp_path):
    """A search path on which Python's own programs are found, and bubblewrap isn't."""
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"))
    monkeypatch.setattr(courses, "environment", lambda: dict(os.environ))
    sandbox.require.cache_clear()
    yield
    sandbox.require.cache_clear()


def autograde(course, force=False):
    """Do what ``nbgrader autograde ps1`` does; return whether it did, and what it said."""
    with courses.nbgrader(courses.open_course(course.root)) as api:
        done = api.autograde(PROBLEMS, "*", force=force)
    return done["success"], done["log"]


def graded(course, student):
    return nbformat.read(course.path("autograded", student, PROBLEMS) / f"{PROBLEMS}.ipynb", as_version=4)


def test_the_command_grades_and_says_nothing_that_alarms(course):
    courses.hand_in(course, "ada")
    courses.hand_in(course, "bob", RIGHT | {"total": "def total(numbers):\n    return 3"})
    done = courses.type_in(course, "nbgrader", "autograde", PROBLEMS)
    assert done.returncode == 0, done.stderr
    assert "arning" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert courses.scores(course) == {"ada": AUTOMATIC, "bob": AUTOMATIC - 2.0}
    said = {cell.id: cell.outputs[0].evalue for cell in graded(course, "bob").cells if cell.get("outputs")}
    assert list(said) == ["test-total"]
    assert "total([]) == 0" not in said["test-total"]


def test_nothing_but_the_notebook_is_taken_from_a_submission(course):
    courses.hand_in(course, "ada")
    folder = courses.folder(course, "ada")
    (folder / "data.csv").write_text("1,2")
    (folder / "torch.py").write_text("raise SystemExit")
    (folder / "passwords").symlink_to("/etc/passwd")
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "home").symlink_to("/")
    os.mkfifo(folder / "pipe")
    (folder / "more").mkdir()
    (folder / "more" / "notes.ipynb").write_text("{}")
    os.mkfifo(folder / TIMESTAMP)
    success, log = autograde(course)
    assert success, log
    assert [path.name for path in course.path("autograded", "ada", PROBLEMS).rglob("*")] == [f"{PROBLEMS}.ipynb"]
    assert courses.scores(course) == {"ada": AUTOMATIC}


def test_what_is_no_notebook_is_a_zero_and_the_others_are_graded(course):
    courses.hand_in(course, "ada", "{")
    courses.hand_in(course, "bob")
    success, log = autograde(course)
    assert success, log
    assert courses.scores(course) == {"ada": 0.0, "bob": AUTOMATIC}
    assert "this is no notebook" in graded(course, "ada").cells[0].source


def test_what_is_no_file_where_the_graded_notebook_belongs_holds_up_nobody(course):
    courses.hand_in(course, "ada")
    courses.hand_in(course, "bob")
    path = course.path("autograded", "ada", PROBLEMS) / f"{PROBLEMS}.ipynb"
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    assert autograde(course)[0]
    assert courses.scores(course) == {"bob": AUTOMATIC}  # what is there already is graded, as nbgrader sees it
    assert autograde(course, force=True)[0]
    assert courses.scores(course) == {"ada": AUTOMATIC, "bob": AUTOMATIC}
    assert graded(course, "ada").cells


def test_a_later_submission_is_graded_again_and_the_same_one_is_not(course, monkeypatch):
    stamp = courses.folder(course, "ada") / TIMESTAMP
    courses.hand_in(course, "ada", RIGHT | {"total": "total = None"})
    stamp.write_text(f"{NOON} UTC")
    assert autograde(course)[0]
    assert courses.scores(course) == {"ada": AUTOMATIC - 2.0}
    courses.hand_in(course, "ada")
    assert autograde(course)[0]
    assert courses.scores(course) == {"ada": AUTOMATIC - 2.0}
    stamp.write_text(f"{NOON + timedelta(hours=1)} UTC")
    assert autograde(course)[0]
    assert courses.scores(course) == {"ada": AUTOMATIC}
    with course.open_gradebook() as gradebook:
        assert gradebook.find_submission(PROBLEMS, "ada").timestamp == NOON + timedelta(hours=1)


def test_nbgrader_takes_the_later_submission_whatever_the_policy(course):
    """As the instructors' page says: only batches keep the better one."""
    course = courses.configure(course, "c.Resubmission.policy = 'better'")
    stamp = courses.folder(course, "ada") / TIMESTAMP
    for hour, (answers, score) in enumerate([(RIGHT, AUTOMATIC), ({}, 0.0)]):
        courses.hand_in(course, "ada", answers)
        stamp.write_text(f"{NOON + timedelta(hours=hour)} UTC")
        assert autograde(course)[0]
        assert courses.scores(course) == {"ada": score}


def test_without_a_sandbox_it_is_loud_and_the_feedback_says_so(course):
    courses.configure(course, "c.RunInSandbox.sandbox = False")
    courses.hand_in(course, "ada")
    success, log = autograde(course)
    assert success, log
    assert "NO SANDBOX: the code of this submission runs with all the rights that you have." in log
    assert any("WITHOUT a sandbox" in cell.source for cell in graded(course, "ada").cells)
    with courses.nbgrader(course) as api:
        done = api.generate_feedback(PROBLEMS)
    assert done["success"], done["log"]
    feedback = course.path("feedback", "ada", PROBLEMS) / f"{PROBLEMS}.html"
    assert "WITHOUT a sandbox" in feedback.read_text()


@pytest.mark.usefixtures("without_bubblewrap")
def test_without_bubblewrap_nbgrader_refuses_with_one_clear_line(course):
    courses.hand_in(course, "ada")
    courses.hand_in(course, "bob")
    success, log = autograde(course)
    assert not success
    lines = [line for line in log.splitlines() if line]
    assert len(lines) == 1
    assert "bubblewrap is missing: install it, for example with `apt install bubblewrap`" in lines[0]
    assert courses.scores(course) == {}
    assert not (course.root / "autograded").exists()


@pytest.mark.usefixtures("without_bubblewrap")
def test_without_bubblewrap_a_batch_is_refused_with_one_clear_line(course, monkeypatch, capfd):
    courses.hand_in(course, "ada")
    monkeypatch.setattr(Course, "load", lambda: course)
    assert main(["autograde", PROBLEMS]) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if line]
    assert lines == ["grading: bubblewrap is missing: install it, for example with `apt install bubblewrap`"]
    assert courses.scores(course) == {}
