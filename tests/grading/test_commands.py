"""The command line: what the pages show can be typed, and what goes wrong is said in one line."""

import csv
import re
import shlex

import pytest

from grading import __main__ as command_line
from grading import commands
from publishing.settings import ROOT
from tests.grading.gradebooks import hand_in, make_course, open_gradebook

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "book").glob("*.md"))]
TYPED = re.compile(r"python -m grading ([a-z][^\n`|]*)")


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course in the current directory, with three students' scores."""
    made = make_course(tmp_path)
    with open_gradebook(made) as gradebook:
        hand_in(gradebook, "ada", {"test_softmax": 2.0, "test_scores": 3.0, "why_softmax": 1.0}, email="ada@x.org")
        late = "2026-09-02 13:00:00 UTC"
        hand_in(gradebook, "alan", {"test_softmax": 2.0, "test_scores": 0.0, "why_softmax": 0.0}, timestamp=late)
        hand_in(gradebook, "grace", {"test_softmax": 2.0, "test_scores": 3.0, "why_softmax": None})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands.Course, "load", lambda: made)
    return made


def typed() -> list[str]:
    return sorted({line.strip() for page in PAGES for line in TYPED.findall(page.read_text(encoding="utf-8"))})


def test_what_the_pages_show_can_be_typed():
    lines = typed()
    assert {"autograde ps1", "export csv", "statistics ps1 --picture ps1.png"} <= set(lines)
    for line in lines:
        assert callable(command_line._parser().parse_args(shlex.split(line)).run), line


def test_a_table_of_all_that_the_gradebook_has(course, capsys):
    assert command_line.main(["export", "csv"]) == 0
    with open("grades.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert {student: float(row["score"]) for student, row in rows.items()} == {"ada": 6.0, "alan": 2.0, "grace": 5.0}
    assert "grades.csv" in capsys.readouterr().out


def test_late_penalties_are_worked_out_anew_before_an_export(course):
    course.config.AssignLatePenalties.plugin_class = "grading.late.LatePolicy"
    course.config.LatePolicy.penalty_method = "percent"
    course.config.LatePolicy.rate = 25
    assert command_line.main(["export", "csv", "ps1", "--to", "late.csv"]) == 0
    with open("late.csv", encoding="utf-8-sig", newline="") as file:
        scores = {row["student"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {"ada": 6.0, "alan": 1.0, "grace": 5.0}


def test_what_canvas_exported_is_filled_and_the_rest_is_said(course, tmp_path, capsys):
    template = "Student,ID,SIS User ID,SIS Login ID,Section,ps1 (7)\n    Points Possible,,,,,6\n"
    template += '"Lovelace, Ada",1,,ada,,\n"Hopper, Grace",3,,grace,,\n"Hamilton, M.",4,,margaret,,\n'
    (tmp_path / "canvas.csv").write_text(template)
    line = "export canvas ps1 --from canvas.csv --to import.csv --complete-only"
    assert command_line.main(line.split()) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "1 scores in import.csv"
    assert "Have a score, but no place in the file (1): alan" in said
    assert "Are in the other file, but not in the gradebook (1): margaret" in said
    assert "Wait for a person (1): grace" in said
    with open("import.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row["SIS Login ID"]: row["ps1 (7)"] for row in csv.DictReader(file)}
    assert rows["ada"] == "6"


@pytest.mark.parametrize(
    ("options", "header", "first"),
    [
        ("", ["ID number", "ps1"], ["ada", "6"]),
        ("--match Username --column Attention", ["Username", "Attention"], ["ada", "6"]),
        ("--by email --match 'Email address'", ["Email address", "ps1"], ["ada@x.org", "6"]),
    ],
)
def test_a_file_of_grades_for_moodle(course, options, header, first):
    assert command_line.main(["export", "moodle", "ps1", "--to", "moodle.csv", *shlex.split(options)]) == 0
    with open("moodle.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert [rows[0], rows[1]] == [header, first]


def test_a_worksheet_of_moodle_is_filled(course, tmp_path):
    worksheet = "Identifier,Full name,Email address,Status,Grade,Maximum Grade\nParticipant 1,Ada,ada@x.org,x,,6\n"
    (tmp_path / "worksheet.csv").write_text(worksheet)
    assert command_line.main(["export", "moodle", "ps1", "--from", "worksheet.csv", "--to", "upload.csv"]) == 0
    with open("upload.csv", encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["Grade"] == "6"


def test_statistics_are_shown_and_saved(course, tmp_path, capsys):
    assert command_line.main(["statistics", "ps1", "--csv", "statistics.csv", "--picture", "ps1.png"]) == 0
    said = capsys.readouterr().out
    assert "test_softmax" in said
    assert "statistics.csv" in said
    assert (tmp_path / "statistics.csv").stat().st_size > 0
    assert (tmp_path / "ps1.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("export csv ps9", "ps9 is not in the gradebook; there are: ps1"),
        ("statistics ps9", "ps9 is not in the gradebook; there are: ps1"),
        ("export canvas ps1 --from nowhere.csv --to x.csv", "nowhere.csv can't be read: No such file or directory"),
        ("export csv --to source", "source"),
        ("statistics ps1 --picture x.bmp", "a picture is saved as .png, .svg or .pdf, not as 'x.bmp'"),
        ("export csv --gradebook sqlite:///nowhere.db", "there is no gradebook nowhere.db"),
        ("export csv --gradebook nonsense", "the gradebook can't be opened"),
        ("export csv --gradebook postgresql+psycopg://127.0.0.1:1/x", "the gradebook can't be opened"),
        ("autograde ps9", "ps9"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(course, capsys, line, said):
    assert command_line.main(line.split()) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    (only,) = captured.err.splitlines()
    assert only.startswith("grading: ")
    assert said in only


@pytest.mark.parametrize("line", ["autograde ps1 --workers 0", "autograde ps1 --workers two", "export", "export excel"])
def test_what_cannot_be_meant_is_refused(line, capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.main(line.split())
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err
