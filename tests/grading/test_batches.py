"""A batch grades everyone once, whatever they handed in, and does again only what has changed."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace

import dask
import nbformat
import psutil
import pytest
from dask.distributed import Client, LocalCluster
from nbformat import NotebookNode

from grading import batches, recording, running
from grading.__main__ import main
from grading.batches import grade_batch
from grading.commands import describe
from grading.course import Course, CourseError
from grading.grader import SEED
from grading.keeping import Kept, environment
from tests.grading import courses
from tests.grading.courses import MAXIMUM, PAGES, PROBLEMS, RIGHT, WRITTEN

pytestmark = pytest.mark.sandbox

AUTOMATIC = sum(courses.POINTS.values())
WRONG = {name: f"def {name}(x):\n    return None" for name in RIGHT}


@pytest.fixture(scope="module")
def cluster():
    with courses.workers() as address:
        yield address


@pytest.fixture
def course(tmp_path_factory, tmp_path):
    return courses.make_course(tmp_path_factory.getbasetemp(), tmp_path / "course")


@pytest.fixture
def grade(course, cluster):
    """Grade what was handed in, with these workers and the course as it is then."""

    def grade(**options):
        now = courses.open_course(course.root)
        return grade_batch(now, PROBLEMS, **{"scheduler": cluster, "progress": False} | options)

    return grade


@pytest.fixture
def runs(monkeypatch):
    """What was written for an answer in each of the notebooks that were run, in order."""
    ran, run = [], batches.Grader.run

    def watched(self, notebook: NotebookNode):
        source = next(cell.source for cell in notebook.cells if cell.get("id") == WRITTEN)
        ran.append(re.search("I am \\w+", source)[0] if "I am" in source else source)
        return run(self, notebook)

    monkeypatch.setattr(batches.Grader, "run", watched)
    return ran


def write(course, *students, answers=None):
    """Hand in for some students, each with their name as the written answer."""
    for student in students:
        courses.hand_in(course, student, courses.solved(course, answers, written=f"I am {student}."))


def points(summary):
    return {student: recorded.score for student, recorded in summary.graded.items()}


# Who gets what


def test_everyone_is_graded_and_what_is_no_notebook_is_a_zero_with_the_reason(course, grade, tmp_path):
    courses.hand_in(course, "good")
    courses.hand_in(course, "half", WRONG | {"longest": RIGHT["longest"]})
    courses.hand_in(course, "visible", RIGHT | {"total": "def total(numbers):\n    return 3"})
    courses.hand_in(course, "none", WRONG)
    write(course, "writer")
    reasons = courses.hand_in_broken(course)
    expected = {"good": AUTOMATIC, "half": 3.0, "visible": AUTOMATIC - 2.0, "none": 0.0, "writer": AUTOMATIC}
    one_by_one = courses.open_course(shutil.copytree(course.root, tmp_path / "other", symlinks=True, ignore=_pipes))

    summary = grade()

    assert points(summary) == expected
    assert {recorded.max_score for recorded in summary.graded.values()} == {MAXIMUM}
    assert summary.by_hand == ["writer"]
    assert len(reasons) == 15
    assert summary.zero.keys() == reasons.keys()
    assert [student for student, word in reasons.items() if word not in summary.zero[student]] == []
    assert (summary.failed, summary.unchanged) == ({}, [])
    everyone = expected | dict.fromkeys(reasons, 0.0)
    assert courses.scores(course) == everyone
    assert courses.rows(course) == courses.rows_for(len(everyone))

    with courses.nbgrader(one_by_one) as api:
        api.autograde(PROBLEMS, "*")
    theirs = courses.scores(one_by_one)
    assert {student: theirs.get(student, 0.0) for student in everyone} == everyone


def _pipes(directory, names):
    return [name for name in names if os.path.basename(os.path.dirname(directory)) == "pipe"]


def test_a_submission_that_cannot_be_run_is_told_and_holds_up_nobody(course, grade, monkeypatch):
    write(course, "ada", "eve")
    run = batches.Grader.run

    def gone(self, notebook):
        if any("I am eve." in cell.source for cell in notebook.cells):
            raise running.TesterGoneError("the process that runs the tests is gone")
        return run(self, notebook)

    with monkeypatch.context() as patch:
        patch.setattr(batches.Grader, "run", gone)
        summary = grade()
    assert points(summary) == {"ada": AUTOMATIC}
    assert list(summary.failed) == ["eve"]
    assert "the process that runs the tests is gone" in summary.failed["eve"]
    assert courses.scores(course) == {"ada": AUTOMATIC}
    again = grade()
    assert (points(again), again.unchanged) == ({"eve": AUTOMATIC}, ["ada"])


def test_a_submission_that_cannot_be_recorded_is_told_and_holds_up_nobody(course, grade):
    write(course, "ada", "eve")
    elsewhere = course.root / "elsewhere"
    elsewhere.mkdir()
    course.path("autograded", "eve", PROBLEMS).parent.mkdir(parents=True)
    course.path("autograded", "eve", PROBLEMS).symlink_to(elsewhere)
    summary = grade()
    assert points(summary) == {"ada": AUTOMATIC}
    assert "is a symbolic link" in summary.failed["eve"]
    assert list(elsewhere.iterdir()) == []


def test_only_those_who_are_named_are_graded(course, grade, runs):
    write(course, "ada", "bob", "eve")
    assert points(grade(students=["bob", "eve"])) == {"bob": AUTOMATIC, "eve": AUTOMATIC}
    assert sorted(runs) == ["I am bob", "I am eve"]
    with pytest.raises(CourseError, match="nothing of mallory, zed was handed in for ps1"):
        grade(students=["zed", "ada", "mallory"])
    assert len(runs) == 2


# What is missing


def test_nothing_was_handed_in(grade):
    with pytest.raises(CourseError, match=r"nothing was handed in: there is no folder .*/submitted/STUDENT/ps1"):
        grade()


def test_a_gradebook_that_does_not_know_the_problem_set_or_its_points(course, grade):
    courses.hand_in(course, "ada")
    path = course.root / "solutions" / PROBLEMS / f"{PROBLEMS}.ipynb"
    master = nbformat.read(path, as_version=4)
    next(cell for cell in master.cells if cell.id == "test-total").metadata.nbgrader.points = 5
    nbformat.write(master, path)
    with pytest.raises(CourseError, match="another version of ps1: run `nbgrader generate_assignment ps1` first"):
        grade()
    with course.open_gradebook() as gradebook:
        gradebook.remove_assignment(PROBLEMS)
    with pytest.raises(CourseError, match="does not know ps1: run `nbgrader generate_assignment ps1` first"):
        grade()
    assert courses.rows(course) == courses.rows_for(0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ps9"], "ps9.ipynb is missing: nothing can be graded without the master"),
        (["ps1", "--student", "zed"], "nothing of zed was handed in for ps1"),
        (["ps1", "--scheduler", "tcp://127.0.0.1:1"], "there is no Dask scheduler at tcp://127.0.0.1:1"),
        (["ps1", "--scheduler", "nonsense://x"], "there is no Dask scheduler at nonsense://x"),
    ],
)
def test_what_is_wrong_is_one_clear_line(course, monkeypatch, capfd, arguments, says):
    courses.hand_in(course, "ada")
    monkeypatch.setattr(batches, "_SECONDS", 1)
    monkeypatch.setattr(Course, "load", lambda: course)
    assert main(["autograde", *arguments]) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if "0/1" not in line and line]
    assert len(lines) == 1
    assert lines[0].startswith("grading: ")
    assert says in lines[0]


# What is done again


def test_under_the_better_policy_a_worse_submission_is_said_to_be_one(course, grade):
    courses.configure(course, "c.Resubmission.policy = 'better'")
    write(course, "ada", "bob", "eve")
    assert points(grade()) == dict.fromkeys(["ada", "bob", "eve"], AUTOMATIC)
    write(course, "ada", answers=WRONG)
    courses.hand_in(course, "bob", "this is no notebook")
    for _ in range(2):
        summary = grade()
        assert {student: each.score for student, each in summary.kept.items()} == {"ada": AUTOMATIC, "bob": AUTOMATIC}
        assert (summary.graded, summary.zero, summary.unchanged) == ({}, {}, ["eve"])
        assert sorted(summary.by_hand) == ["ada", "bob"]
        said = describe(summary)
        assert "an earlier submission counts, since it is better: 2" in said
        assert f"  ada: {AUTOMATIC:g} of {MAXIMUM:g}" in said
    assert courses.scores(course) == dict.fromkeys(["ada", "bob", "eve"], AUTOMATIC)
    write(course, "ada")
    assert grade().kept.keys() == {"bob"}


def test_unchanged_submissions_are_not_run_again(course, grade, runs):
    write(course, "ada", "bob")
    (course.path("submitted", "eve", PROBLEMS)).mkdir(parents=True)
    grade()
    graded = {path: path.stat().st_mtime_ns for path in (course.root / "autograded").rglob("*.ipynb")}
    runs.clear()
    summary = grade()
    assert (runs, summary.graded, summary.zero) == ([], {}, {})
    assert summary.unchanged == ["ada", "bob", "eve"]
    assert graded == {path: path.stat().st_mtime_ns for path in (course.root / "autograded").rglob("*.ipynb")}

    # Outputs, marks and the order of cells are no answers.
    path = courses.folder(course, "ada") / f"{PROBLEMS}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="printed")]
    notebook.cells[1].execution_count = 7
    notebook.metadata["more"] = "marks"
    notebook.cells.reverse()
    nbformat.write(notebook, path)
    assert grade().unchanged == ["ada", "bob", "eve"]
    assert runs == []


def test_what_a_result_depends_on_has_it_run_again(course, grade, runs, monkeypatch):
    write(course, "ada", "bob")
    both = ["I am ada", "I am bob"]

    def ran():
        before = len(runs)
        grade()
        return sorted(runs[before:])

    assert ran() == both
    write(course, "bob", answers=WRONG)
    assert ran() == ["I am bob"]
    assert courses.scores(course) == {"ada": AUTOMATIC, "bob": 0.0}
    with monkeypatch.context() as patch:
        patch.setenv(SEED, "4711")
        assert ran() == both
    assert ran() == []  # these results are still there, and are recorded again
    with monkeypatch.context() as patch:
        patch.setattr(batches, "environment", lambda: environment() | {"torch": "0.0"})
        assert ran() == both
    courses.configure(course, "c.Limits.call_seconds = 9")
    assert ran() == both
    path = course.root / "solutions" / PROBLEMS / f"{PROBLEMS}.ipynb"
    master = nbformat.read(path, as_version=4)
    next(cell for cell in master.cells if cell.id == "test-total").source += "\nassert total([5]) == 6"
    nbformat.write(master, path)
    assert ran() == both
    assert courses.scores(course) == {"ada": AUTOMATIC - 2.0, "bob": 0.0}
    before = len(runs)
    grade(force=True)
    assert sorted(runs[before:]) == both
    assert courses.rows(course) == courses.rows_for(2)


def test_what_a_person_gave_stays(course, grade):
    write(course, "ada")
    assert grade().by_hand == ["ada"]
    with course.open_gradebook() as gradebook:
        grades = {grade.name: grade for grade in gradebook.find_submission(PROBLEMS, "ada").notebooks[0].grades}
        grades[WRITTEN].manual_score, grades[WRITTEN].needs_manual_grade = 1.5, False
        grades["test_total"].manual_score, grades["test_total"].extra_credit = 1.0, 0.25
        gradebook.find_comment(WRITTEN, PROBLEMS, PROBLEMS, "ada").manual_comment = "Well put."
        gradebook.db.commit()
    assert grade().unchanged == ["ada"]
    assert courses.scores(course) == {"ada": AUTOMATIC - 1.0 + 0.25 + 1.5}
    grade(force=True)
    assert courses.scores(course) == {"ada": AUTOMATIC - 1.0 + 0.25 + 1.5}
    with course.open_gradebook() as gradebook:
        assert gradebook.find_comment(WRITTEN, PROBLEMS, PROBLEMS, "ada").comment == "Well put."
        assert gradebook.find_submission(PROBLEMS, "ada").needs_manual_grade  # a person looks at it again


def test_what_was_run_before_a_batch_ended_is_not_run_again(course, grade, runs, monkeypatch):
    write(course, "ada", "bob", "eve")
    kept = Kept.put

    def killed(self, name, report):
        kept(self, name, report)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Kept, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            grade()
    assert courses.scores(course) == {}
    assert len(list((course.root / ".grading").rglob("*.json"))) == 1
    before = Counter(runs)
    assert points(grade()) == dict.fromkeys(["ada", "bob", "eve"], AUTOMATIC)
    assert len(runs) - before.total() == 2


def test_a_batch_waits_for_a_locked_gradebook(course, grade, monkeypatch):
    write(course, "ada", "bob")
    courses.configure(course, f"c.CourseDirectory.db_url = 'sqlite:///{course.root}/gradebook.db?timeout=0.1'")
    waited = []
    with closing(sqlite3.connect(course.root / "gradebook.db", check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")

        def pause(seconds):
            waited.append(seconds)
            if len(waited) == 3:
                other.rollback()
            if len(waited) == 4:  # while results are being entered
                other.rollback()

        kept = Kept.put

        def lock_again(self, name, report):
            kept(self, name, report)
            if len(waited) == 3 and not other.in_transaction:
                other.execute("BEGIN IMMEDIATE")

        monkeypatch.setattr(recording, "time", SimpleNamespace(sleep=pause, monotonic=time.monotonic))
        monkeypatch.setattr(Kept, "put", lock_again)
        assert points(grade()) == {"ada": AUTOMATIC, "bob": AUTOMATIC}
    assert len(waited) >= 4
    assert courses.rows(course) == courses.rows_for(2)


def test_killed_three_times_and_resumed_nothing_is_lost_doubled_or_left_running(course):
    students = [f"s{number}" for number in range(6)]
    slow = RIGHT | {"longest": f"import time\ntime.sleep(0.5)\n{RIGHT['longest']}"}
    write(course, *students, answers=slow)
    command = [sys.executable, "-m", "grading", "autograde", PROBLEMS, "--workers", "2"]
    results = {}

    def kept():
        return {path: path.stat().st_mtime_ns for path in (course.root / ".grading").rglob("[!.]*.json")}

    moments = (
        lambda process: process.children(),  # the first process that is to run answers is starting
        lambda process: len(kept()) > 0,
        lambda process: len(list((course.root / "autograded").glob("*/ps1/ps1.ipynb"))) > 1,
    )
    for moment in moments:
        with open(course.root / "said", "w") as said:
            started = subprocess.Popen(
                command, cwd=course.root, env=courses.environment(), stdout=subprocess.DEVNULL, stderr=said
            )
        process = psutil.Process(started.pid)
        while not moment(process):
            assert started.poll() is None, (course.root / "said").read_text()
            time.sleep(0.02)
        family = process.children(recursive=True)
        listening = [each.laddr.ip for each in process.net_connections() if each.status == psutil.CONN_LISTEN]
        assert set(listening) <= {"127.0.0.1"}
        started.kill()
        started.wait()
        assert psutil.wait_procs(family, timeout=60)[1] == []
        assert results.items() <= kept().items()  # what was done is still there, and was not done again
        results = kept()
        assert len(results) < len(students)
    done = courses.type_in(course, "grading", "autograde", PROBLEMS, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert results.items() < kept().items()
    assert len(kept()) == len(students)
    assert courses.scores(course) == dict.fromkeys(students, AUTOMATIC)
    assert courses.rows(course) == courses.rows_for(len(students))


# Workers elsewhere


def test_workers_with_another_version_of_the_code_are_refused(course, grade, monkeypatch, runs):
    courses.hand_in(course, "ada")
    versions = iter(["2.5.0", "2.4.1"])
    monkeypatch.setattr(batches, "environment", lambda: environment() | {"torch": next(versions)})
    with pytest.raises(CourseError, match=r"has torch 2\.4\.1 and not 2\.5\.0: install the same version"):
        grade()
    assert runs == []


def test_what_a_worker_with_another_version_runs_does_not_count(course, grade, monkeypatch):
    """One that joins while a batch is on its way."""
    courses.hand_in(course, "ada")
    run, ours = batches.Grader.run, environment()

    def elsewhere(self, notebook):
        monkeypatch.setattr(batches, "environment", lambda: ours | {"torch": "2.4.1"})
        return run(self, notebook)

    monkeypatch.setattr(batches.Grader, "run", elsewhere)
    summary = grade()
    assert (summary.graded, list(summary.failed)) == ({}, ["ada"])
    said = f"was run by a worker with torch 2.4.1 and not {ours['torch']}: install the same version of the course there"
    assert summary.failed["ada"] == said
    assert courses.scores(course) == {}
    assert not list((course.root / ".grading").rglob("*.json"))


def test_a_submission_whose_workers_die_is_left_to_a_person(course, monkeypatch):
    courses.hand_in(course, "ada")
    monkeypatch.setattr(batches, "run_text", lambda *work: os._exit(1))
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=1, threads_per_worker=1, **PAGES, silence_logs=50) as cluster,
    ):
        summary = grade_batch(course, PROBLEMS, scheduler=cluster.scheduler_address, progress=False)
    assert (summary.graded, summary.zero, list(summary.failed)) == ({}, {}, ["ada"])
    assert "KilledWorker" in summary.failed["ada"]
    assert courses.scores(course) == {}


def test_a_cluster_without_workers_is_refused(course):
    courses.hand_in(course, "ada")
    with (
        LocalCluster(n_workers=0, processes=False, **PAGES) as empty,
        pytest.raises(CourseError, match="no worker has joined the cluster"),
    ):
        grade_batch(course, PROBLEMS, scheduler=empty.scheduler_address, progress=False)


def test_a_worker_that_dies_leaves_its_submissions_to_others(course, monkeypatch):
    students = [f"s{number}" for number in range(6)]
    write(course, *students)
    first, go_on = threading.Event(), threading.Event()
    kept = Kept.put

    def slow(self, name, report):
        kept(self, name, report)
        first.set()
        go_on.wait(500)

    monkeypatch.setattr(Kept, "put", slow)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, **PAGES, silence_logs=50) as cluster,
        Client(cluster) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        address = cluster.scheduler_address
        assert address.startswith("tcp://")
        batch = pool.submit(grade_batch, course, PROBLEMS, scheduler=address, progress=False)
        assert first.wait(500)
        os.kill(next(iter(client.run(os.getpid).values())), 9)
        go_on.set()
        summary = batch.result(500)
    assert points(summary) == dict.fromkeys(students, AUTOMATIC)
    assert summary.failed == {}
    assert courses.rows(course) == courses.rows_for(len(students))
