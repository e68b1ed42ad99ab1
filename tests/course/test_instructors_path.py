"""The instructor's path by nbgrader's own commands: release, validate, grade, review, return, export."""

import copy
import csv
import os
import shutil
import subprocess
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from publishing.settings import ROOT

pytestmark = pytest.mark.sandbox
SCRIPTS = sysconfig.get_path("scripts")
ASSIGNMENTS = ("ps1", "ps2", "ps3", "ps4", "ps5", "ps6", "ps7")
ENDLESS = "    while True:\n        pass\n"


class Course:
    """A course directory of its own, with the repository's masters and configuration."""

    def __init__(self, root: Path, assignment: str):
        self.root = root
        self.assignment = assignment
        shutil.copy2(ROOT / "nbgrader_config.py", root)
        shutil.copytree(ROOT / "solutions", root / "solutions", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        self.master = nbformat.read(root / "solutions" / assignment / f"{assignment}.ipynb", as_version=4)

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run a command as it is typed, from the course's root."""
        environment = os.environ | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            ["nbgrader", *arguments], cwd=self.root, env=environment, capture_output=True, text=True, timeout=600
        )

    def nbgrader(self, *arguments: str) -> str:
        """Run a command that must succeed; return what it said."""
        outcome = self.run(*arguments)
        said = outcome.stdout + outcome.stderr
        assert outcome.returncode == 0, said
        return said

    @property
    def points(self) -> dict[str, float]:
        """The points of every graded cell, by the name of what is graded."""
        graded = [
            cell.metadata.nbgrader for cell in self.master.cells if cell.metadata.get("nbgrader", {}).get("grade")
        ]
        return {grading.grade_id: grading.points for grading in graded}

    @property
    def functions(self) -> list[str]:
        """The graded functions, in order."""
        return [name.removeprefix("test_") for name in self.points if name.startswith("test_")]

    @property
    def written(self) -> str:
        """The question that is graded by hand."""
        (name,) = [name for name in self.points if not name.startswith("test_")]
        return name

    @property
    def release(self) -> Path:
        """What students get."""
        return self.root / "exercises" / self.assignment / f"{self.assignment}.ipynb"

    def solution(self, name: str) -> str:
        (cell,) = [cell for cell in self.master.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name]
        return cell.source

    def submit(self, student: str, answers: dict[str, str], copied: Sequence[str] = ()) -> None:
        """Fill answers into the released notebook, copy some of its cells, and hand it in."""
        notebook = nbformat.read(self.release, as_version=4)
        for cell in list(notebook.cells):
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in answers:
                cell.source = answers[name]
            if name in copied:
                notebook.cells.append(copy.deepcopy(cell))
                notebook.cells[-1].id = f"copy-{name}"
        target = self.root / "submitted" / student / self.assignment
        target.mkdir(parents=True)
        nbformat.write(notebook, target / f"{self.assignment}.ipynb")

    def exported_scores(self) -> dict[str, dict[str, str]]:
        self.nbgrader("export", "--to", "grades.csv")
        with open(self.root / "grades.csv", newline="") as file:
            return {row["student_id"]: row for row in csv.DictReader(file)}

    def gradebook(self) -> Gradebook:
        return Gradebook(f"sqlite:///{self.root / 'gradebook.db'}")


@pytest.fixture(scope="module", params=ASSIGNMENTS)
def course(request, tmp_path_factory):
    course = Course(tmp_path_factory.mktemp("course"), request.param)
    course.nbgrader("generate_assignment", course.assignment, "--force")
    return course


@pytest.fixture(scope="module")
def graded(course):
    """Hand in five submissions or six, grade them, return the course and the score that each must get."""
    right = {name: course.solution(name) for name in course.functions}
    half = course.functions[: len(course.functions) // 2]
    broken, crashing = course.functions[:2]
    course.submit("empty", {})
    course.submit("half", {name: right[name] for name in half})
    course.submit("perfect", right | {course.written: "A thorough answer."})
    course.submit(
        "crashing",
        right
        | {broken: f"def {broken}(:\n    not Python", crashing: f"def {crashing}(*args):\n    raise RuntimeError"},
    )
    course.submit("copier", right, copied=[crashing, f"test_{crashing}"])
    everything = sum(course.points[f"test_{name}"] for name in course.functions)
    expected = {
        "copier": everything,
        "empty": 0.0,
        "half": sum(course.points[f"test_{name}"] for name in half),
        "perfect": everything,
        "crashing": everything - course.points[f"test_{broken}"] - course.points[f"test_{crashing}"],
    }
    if course.assignment == ASSIGNMENTS[0]:  # the same for all, and it takes its time
        endless = course.functions[2]
        course.submit("endless", right | {endless: f"def {endless}(*args, **kwargs):\n{ENDLESS}"})
        expected["endless"] = everything - course.points[f"test_{endless}"]
    course.nbgrader("autograde", course.assignment)
    return course, expected


@pytest.mark.parametrize("course", ["ps1"], indirect=True)  # the others: tests/book, tests/exercises
def test_master_passes_its_own_tests(course):
    said = course.nbgrader("validate", f"solutions/{course.assignment}/{course.assignment}.ipynb")
    assert "Success! Your notebook passes all the tests." in said


@pytest.mark.parametrize("course", ["ps1"], indirect=True)  # the same for all
def test_zip_file_of_a_learning_management_system_is_sorted(course):
    release = course.release
    archive = course.root / "downloaded" / "zipped" / "archive"
    archive.mkdir(parents=True)
    with zipfile.ZipFile(archive / "all.zip", "w") as file:
        for name in [
            "grace_ps1.ipynb",
            "lovelaceada_1234_5678_ps1.ipynb",
            "alan_LATE_12_34_ps1-1.ipynb",
            "kurt_ps1 (1).ipynb",
        ]:
            file.write(release, name)
    course.nbgrader("zip_collect", "zipped")
    collected = sorted((course.root / "submitted").glob("*/zipped/ps1.ipynb"))
    assert [path.parent.parent.name for path in collected] == ["alan", "grace", "kurt", "lovelaceada"]
    assert all(path.read_bytes() == release.read_bytes() for path in collected)


@pytest.mark.parametrize("course", ["ps1"], indirect=True)  # the same for all
def test_untouched_release_fails_every_question(course):
    said = course.nbgrader("validate", str(course.release.relative_to(course.root)))
    assert f"VALIDATION FAILED ON {len(course.points)} CELL(S)" in said.upper()


def test_points_add_up_to_between_eighteen_and_twenty_five(course):
    assert 18 <= sum(course.points.values()) <= 25
    assert len(course.functions) >= 6


def test_unsolved_cells_say_what_to_write(course):
    notebook = nbformat.read(course.release, as_version=4)
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
    for name in course.functions:
        *before, _ = cells[name].source.split("raise NotImplementedError(")
        assert before, f"{name} is not a stub"
        for code in before:  # a function's, or one of each method's
            hint = code.rstrip().splitlines()[-1].strip()
            assert hint.startswith("#"), f"{name} does not say what to write"
            assert len(hint.split()) >= 4
    assert "write your answer" in cells[course.written].source


def test_every_submission_gets_its_score(graded):
    course, expected = graded
    with course.gradebook() as gradebook:
        submissions = gradebook.assignment_submissions(course.assignment)
        assert {each.student_id: each.score for each in submissions} == expected
        assert {each.max_score for each in submissions} == {sum(course.points.values())}


@pytest.mark.parametrize("course", ["ps1"], indirect=True)  # the same for all
def test_scores_are_exported(graded):
    course, expected = graded
    rows = course.exported_scores()
    assert {student: float(row["score"]) for student, row in rows.items()} == expected
    assert {float(row["max_score"]) for row in rows.values()} == {sum(course.points.values())}


def test_written_question_waits_for_a_reader_and_then_counts(graded):
    course, expected = graded
    full = course.points[course.written]
    with course.gradebook() as gradebook:
        assert gradebook.find_submission(course.assignment, "perfect").needs_manual_grade
        grade = gradebook.find_grade(course.written, course.assignment, course.assignment, "perfect")
        assert grade.needs_manual_grade
        grade.manual_score = full - 1
        grade.needs_manual_grade = False
        gradebook.db.commit()
        submission = gradebook.find_submission(course.assignment, "perfect")
        assert not submission.needs_manual_grade
        assert submission.score == expected["perfect"] + full - 1


def feedback(course, student):
    page = course.root / "feedback" / student / course.assignment / f"{course.assignment}.html"
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("course", ["ps1"], indirect=True)  # the same for all
def test_feedback_shows_points_and_diagnosis(graded):
    course, _ = graded
    course.nbgrader("generate_feedback", course.assignment, "--student", "empty")
    assert "Score:" in feedback(course, "empty")
    assert "HIDDEN TESTS" not in feedback(course, "empty")
    assert "NotImplementedError" in feedback(course, "empty")


@pytest.mark.parametrize("course", ["ps1"], indirect=True)  # the same for all
def test_everyone_gets_feedback(graded):
    course, expected = graded
    course.nbgrader("generate_feedback", course.assignment)
    for student in expected:
        assert "Score:" in feedback(course, student)
        assert "HIDDEN TESTS" not in feedback(course, student)
    assert "Stopped: a call may take 10 seconds" in feedback(course, "endless")


@pytest.mark.parametrize("course", ["ps1"], indirect=True)  # the same for all
def test_a_seed_that_is_no_number_stops_before_anything_is_graded(course, monkeypatch):
    monkeypatch.setenv("ATTNLIB_COURSE_SEED", "autumn")
    outcome = course.run("autograde", course.assignment)
    assert outcome.returncode != 0
    assert "ATTNLIB_COURSE_SEED must be a whole number, got 'autumn'" in outcome.stdout + outcome.stderr


@pytest.mark.parametrize("course", ["ps1"], indirect=True)  # the same for all
def test_grading_again_changes_nothing(graded):
    course, _ = graded
    before = course.exported_scores()
    course.nbgrader("autograde", course.assignment)
    assert course.exported_scores() == before
