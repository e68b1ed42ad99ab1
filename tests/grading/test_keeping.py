"""Reports are found again by what they depend on, and never as halves."""

import os
from dataclasses import replace

import pytest

from grading import keeping
from grading.keeping import Kept, environment, key, write_whole
from grading.limits import Limits
from grading.running import Report
from grading.splicing import Answers, splice, splice_nothing
from tests.grading import courses
from tests.grading.courses import RIGHT

REPORT = Report(
    tests={"test_total": {"passed": False, "kind": "error", "diagnosis": "„Nein“"}}, remarks=["x"], seconds=0.5
)
SURROUNDINGS = {"torch": "2.5", "code": "1"}


def name(notebook=None, limits=None, seed="1", sandbox=True, surroundings=None):
    notebook = notebook or splice(courses.master(), Answers(RIGHT))
    return key(notebook, limits or Limits(), seed, sandbox, surroundings or SURROUNDINGS)


def test_the_same_has_the_same_name_in_every_process():
    assert name() == name()
    assert len(name()) == 64


def test_everything_that_a_result_depends_on_is_in_its_name():
    master = courses.master()
    master.cells[2].source += "\nassert double(3) == 6"
    points = courses.master()
    points.cells[2].metadata.nbgrader.points = 7
    names = [
        name(),
        name(splice(courses.master(), Answers(RIGHT | {"total": "total = sum"}))),
        name(splice(courses.master(), Answers(RIGHT | {"why": "Because."}))),
        name(splice(courses.master(), Answers(RIGHT, ["The cell of total is missing."]))),
        name(splice(master, Answers(RIGHT))),
        name(splice(points, Answers(RIGHT))),
        name(splice(courses.master(), Answers({}))),
        name(splice_nothing(courses.master(), "it is a poem")),
        name(splice_nothing(courses.master(), "it is a song")),
        name(limits=replace(Limits(), calls=7)),
        name(seed="2"),
        name(sandbox=False),
        name(surroundings=SURROUNDINGS | {"torch": "2.6"}),
    ]
    assert len(set(names)) == len(names)


def test_the_environment_names_versions_and_code(monkeypatch, tmp_path):
    found = environment()
    assert found.keys() == {"python", "attnlib", "ipykernel", "numpy", "torch", "code"}
    assert environment() == found
    (tmp_path / "module.py").write_text("x = 1")
    monkeypatch.setattr(keeping, "package_directory", lambda: tmp_path)
    first = environment()["code"]
    (tmp_path / "module.py").write_text("x = 2")
    second = environment()["code"]
    (tmp_path / "module.py").rename(tmp_path / "other.py")
    assert len({found["code"], first, second, environment()["code"]}) == 4


def test_a_report_is_kept(tmp_path):
    kept = Kept(tmp_path / "kept")
    assert kept.get("abc") is None
    kept.put("abc", REPORT)
    assert kept.get("abc") == REPORT
    assert Kept(tmp_path / "kept").get("abc") == REPORT


@pytest.mark.parametrize("content", ["", "{", "[]", '"x"', "null", "7", '{"unknown": 1}', "\x00"])
def test_what_is_no_report_is_none(tmp_path, content):
    kept = Kept(tmp_path)
    kept.put("abc", REPORT)
    kept._path("abc").write_text(content)
    assert kept.get("abc") is None


def test_bytes_that_are_no_text_are_none(tmp_path):
    kept = Kept(tmp_path)
    kept.put("abc", REPORT)
    kept._path("abc").write_bytes(b"\xff")
    assert kept.get("abc") is None


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "new" / "file"
    write_whole(path, "one", 0o444)
    write_whole(path, "two", 0o440)
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o440
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_what_fails_on_the_way_leaves_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    write_whole(path, "old")

    def fail(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="no space left"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
