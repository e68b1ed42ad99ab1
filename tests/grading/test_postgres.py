"""The gradebook in PostgreSQL, on a real server that is started for this: it holds what SQLite would."""

import os
import pwd
import shutil
import subprocess
import tempfile
from datetime import datetime, timedelta

import pytest

from grading.batches import grade_batch
from grading.course import TIMESTAMP
from grading.exports import export_canvas, export_moodle, read_scores, write_csv
from grading.late import LatePolicy, configured_policy, update_penalties
from grading.statistics import collect, draw, table
from tests import requirements
from tests.grading import courses
from tests.grading.courses import MAXIMUM, PROBLEMS, RIGHT, WRITTEN

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

AUTOMATIC = sum(courses.POINTS.values())
DUE = datetime(2026, 9, 1, 12)


def program(name):
    """Return where one of the server's programs lies."""
    found = requirements.program(name)
    if found is None:
        pytest.fail(requirements.NO_POSTGRES)
    return found


def somebody():
    """Return who runs the server, which refuses to be root: None for whoever runs the tests."""
    if os.getuid() != 0:
        return None
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    return users.get("postgres") or users["nobody"]


@pytest.fixture(scope="module")
def server():
    """Start a server that only this test can reach, through a socket; return its gradebook's URL."""
    initdb, control = program("initdb"), program("pg_ctl")
    directory = tempfile.mkdtemp(prefix="pg-", dir="/tmp")  # short: a socket's path has at most 107 bytes
    user = somebody()
    rights = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    if user is not None:
        os.chown(directory, user.pw_uid, user.pw_gid)

    def run(*command):
        with open(f"{directory}.log", "a+") as log:
            done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **rights)
            log.seek(0)
            assert done.returncode == 0, log.read()

    data = f"{directory}/data"
    options = f"-k {directory} -c listen_addresses='' -c fsync=off"
    try:
        run(initdb, "-D", data, "-U", "teacher", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        run(control, "-D", data, "-w", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://teacher@/postgres?host={directory}"
        finally:
            run(control, "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory)
        os.remove(f"{directory}.log")


@pytest.fixture(scope="module")
def cluster():
    with courses.workers() as address:
        yield address


@pytest.fixture(scope="module")
def course(server, tmp_path_factory):
    """A course with its gradebook on the server, a deadline and four submissions, nothing graded yet."""
    course = courses.make_course(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("postgres") / "course")
    course = courses.configure(
        course,
        f"c.CourseDirectory.db_url = {server!r}",
        "from grading.late import LatePolicy",
        "c.AssignLatePenalties.plugin_class = LatePolicy",
        "c.LatePolicy.penalty_method = 'percent'",
        "c.LatePolicy.rate = 50",
    )
    courses.generate(course)
    with course.open_gradebook() as gradebook:
        gradebook.update_or_create_assignment(PROBLEMS, duedate=f"{DUE} UTC")
    courses.hand_in(course, "ada")
    courses.hand_in(course, "Žofie", RIGHT | {"longest": "def longest(words):\n    return None"})
    courses.hand_in(course, "late", courses.solved(course, written="Because ∀x: \N{SNOWMAN}."))
    (courses.folder(course, "late") / TIMESTAMP).write_text(f"{DUE + timedelta(hours=1)} UTC")
    courses.hand_in(course, "cut", "{")
    return course


@pytest.fixture(scope="module")
def graded(course, cluster):
    """The course, and the summary of its batch."""
    return course, grade_batch(course, PROBLEMS, scheduler=cluster, progress=False)


def test_a_batch_is_recorded(graded):
    course, summary = graded
    assert summary.failed == {}
    assert list(summary.zero) == ["cut"]
    expected = {"ada": AUTOMATIC, "Žofie": AUTOMATIC - 3.0, "late": AUTOMATIC / 2}
    assert {student: recorded.score for student, recorded in summary.graded.items()} == expected
    assert summary.by_hand == ["late"]
    assert courses.scores(course) == expected | {"cut": 0.0, "late": AUTOMATIC}
    assert courses.rows(course) == courses.rows_for(4)
    with course.open_gradebook() as gradebook:
        assert gradebook.engine.dialect.name == "postgresql"


def test_a_second_batch_changes_nothing(graded, cluster):
    course, _ = graded
    before = courses.rows(course)
    unchanged = grade_batch(course, PROBLEMS, scheduler=cluster, progress=False).unchanged
    assert sorted(unchanged) == ["ada", "cut", "late", "Žofie"]
    summary = grade_batch(course, PROBLEMS, scheduler=cluster, progress=False, force=True)
    assert summary.failed == {}
    assert courses.rows(course) == before


def test_nbgrader_autograde_gives_the_same(graded, cluster):
    course, _ = graded
    before, rows = courses.scores(course), courses.rows(course)
    with courses.nbgrader(course) as api:
        done = api.autograde(PROBLEMS, "*", force=True)
    assert done["success"], done["log"]
    assert courses.scores(course) == before
    assert courses.rows(course) == rows


def test_scores_leave_it_and_are_counted(graded, tmp_path):
    course, _ = graded
    with course.open_gradebook() as gradebook:
        scores = {score.student: score.score for score in read_scores(gradebook, PROBLEMS)}
        assert scores == {"ada": AUTOMATIC, "Žofie": AUTOMATIC - 3.0, "late": AUTOMATIC / 2, "cut": 0.0}
        assert "Žofie" in write_csv(gradebook, tmp_path / "grades.csv", [PROBLEMS]).read_text(encoding="utf-8-sig")
        exported = export_canvas(gradebook, PROBLEMS, tmp_path / "canvas.csv")
        assert sorted(exported.written) == sorted(scores)
        assert sorted(export_moodle(gradebook, PROBLEMS, tmp_path / "moodle.csv").written) == sorted(scores)
    statistics = collect(course, PROBLEMS)
    assert sorted(statistics.scores) == sorted(scores.values())
    assert statistics.points == MAXIMUM
    assert "longest" in table(statistics)
    assert draw(statistics, tmp_path / "statistics.png").stat().st_size > 0


def test_what_a_person_gave_counts_in_the_late_penalty(graded):
    course, _ = graded
    with course.open_gradebook() as gradebook:
        grade = gradebook.find_grade(WRITTEN, PROBLEMS, PROBLEMS, "late")
        grade.manual_score, grade.needs_manual_grade = 2.0, False
        gradebook.db.commit()
        policy = configured_policy(course.config)
        assert isinstance(policy, LatePolicy)
        assert update_penalties(gradebook, PROBLEMS, policy)["late"] == MAXIMUM / 2
        assert {score.student: score.score for score in read_scores(gradebook, PROBLEMS)}["late"] == MAXIMUM / 2
