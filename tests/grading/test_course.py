"""A course is what nbgrader's configuration says it is."""

import os
import sys
from datetime import datetime

import pytest

from grading.course import TIMESTAMP, Course, timestamp
from grading.grader import SEED
from grading.limits import Limits
from tests.grading import courses
from tests.grading.courses import PROBLEMS


@pytest.fixture
def course(tmp_path_factory, tmp_path):
    return courses.make_course(tmp_path_factory.getbasetemp(), tmp_path / "course")


def test_the_configuration_of_the_current_directory_is_read_as_nbgrader_reads_it(course, monkeypatch):
    courses.configure(course, "c.Limits.calls = 7", "c.Resubmission.policy = 'better'")
    monkeypatch.chdir(course.root)
    monkeypatch.setenv(SEED, "4711")
    monkeypatch.setattr(sys, "path", list(sys.path))
    loaded = Course.load()
    assert loaded.root == course.root
    assert loaded.directory.db_url == course.directory.db_url
    assert loaded.directory.course_id == "attention-from-the-ground-up"
    assert loaded.limits == Limits(calls=7)
    assert loaded.resubmission == "better"
    assert [cell.id for cell in loaded.master(PROBLEMS).cells] == [cell.id for cell in courses.master().cells]


def test_without_settings_there_are_the_defaults(course):
    assert course.limits == Limits()
    assert course.resubmission == "later"


def test_paths_are_those_of_nbgrader(course):
    assert course.path("submitted", "ada", "ps1") == course.root / "submitted" / "ada" / "ps1"
    other = courses.configure(course, "c.CourseDirectory.submitted_directory = 'in'")
    assert other.path("submitted", "ada", "ps1") == course.root / "in" / "ada" / "ps1"


def test_a_master_that_is_missing_is_told(course):
    with pytest.raises(FileNotFoundError, match="nothing can be graded without the master"):
        course.master("ps9")


def test_submissions_are_the_folders_of_students(course):
    assert course.submissions(PROBLEMS) == []
    names = ["ada", "Žofie Ω", "a+b.c(d)", "[x]", "with space"]
    for name in names:
        courses.hand_in(course, name)
    courses.folder(course, "nothing")
    course.path("submitted", "other", "ps2").mkdir(parents=True)
    (course.root / "submitted" / ".DS_Store").write_text("")
    found = course.submissions(PROBLEMS)
    assert [each.student for each in found] == sorted([*names, "nothing"])
    assert {each.path.name for each in found} == {"ps1.ipynb"}
    assert [each.student for each in found if each.path.is_file()] == sorted(names)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-09-01 12:00:00 UTC\n", datetime(2026, 9, 1, 12)),
        ("2026-09-01 14:00:00 +0200", datetime(2026, 9, 1, 12)),
        ("2026-09-01T14:00:00+02:00", datetime(2026, 9, 1, 12)),
        ("2026-09-01 12:00:00.250000 UTC", datetime(2026, 9, 1, 12, 0, 0, 250_000)),
        ("", None),
        ("yesterday", None),
        ("9" * 300, None),
        ("x" * 5000, None),
    ],
)
def test_when_something_was_handed_in(tmp_path, text, moment):
    assert timestamp(tmp_path) is None
    (tmp_path / TIMESTAMP).write_text(text)
    assert timestamp(tmp_path) == moment


def test_a_timestamp_elsewhere_is_not_read(tmp_path):
    (tmp_path / "elsewhere").write_text("2026-09-01 12:00:00 UTC")
    (tmp_path / TIMESTAMP).symlink_to(tmp_path / "elsewhere")
    assert timestamp(tmp_path) is None
    (tmp_path / TIMESTAMP).unlink()
    os.mkfifo(tmp_path / TIMESTAMP)
    assert timestamp(tmp_path) is None
