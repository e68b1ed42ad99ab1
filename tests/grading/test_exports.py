"""Scores leave the gradebook whole, for the right students, and as nothing but text and numbers."""

import csv
import io
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grading.exports import ExportError, export_canvas, export_moodle, export_worksheet, read_scores, write_csv
from grading.late import LatePolicy, update_penalties
from grading.sheets import SheetError
from tests.grading.gradebooks import POINTS, enter, hand_in, make_course, open_gradebook

FULL = {"test_softmax": 2.0, "test_scores": 3.0, "why_softmax": 1.0}
NASTY = ['a,"b"', "=cmd|' /C calc'!A0", "+49", "-ada", "@SUM(1)", "Jürgen\nMüller", "王小明", "Ζωή", "naïve;=1"]
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Group,ps1 (4711),ps2 (4712),Current Score
,,,,,,Manual Posting,,
    Points Possible,,,,,,6,6,(read only)
"Lovelace, Ada",101,S1,ada,A and B,red,,5,83.33
"Babbage, Charles",102,S2,charles,A,,1.5,,10
"Gödel, Kurt",103,S3,kurt,A,,EX,,
"Student, Test",104,,,A,,,,
"""
WORKSHEET = """Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,Last modified (submission),Last modified (grade),Feedback comments
Participant 11,Ada Lovelace,ada@example.org,Submitted,,6.00,Yes,"Tuesday, 1 September 2026, 9:00 AM",-,
Participant 12,=Charles,charles@example.org,Submitted,1.00,6.00,No,-,-,-5 points
Participant 13,Kurt Gödel,kurt@example.org,No submission,,6.00,Yes,-,-,
"""  # noqa: E501


@pytest.fixture
def course(tmp_path):
    return make_course(tmp_path / "course", assignments=("ps1", "ps2"))


@pytest.fixture
def gradebook(course):
    with open_gradebook(course) as gradebook:
        yield gradebook


@pytest.fixture
def class_of_three(gradebook):
    """Ada has all, Charles waits for a person, Kurt handed in nothing."""
    hand_in(gradebook, "ada", FULL, first_name="Ada", last_name="Lovelace", email="ada@example.org")
    hand_in(gradebook, "charles", {**FULL, "test_softmax": 0.0, "why_softmax": None}, email="charles@example.org")
    gradebook.add_student("kurt", email="kurt@example.org")
    return gradebook


def read(path, encoding="utf-8"):
    return list(csv.reader(io.StringIO(path.read_text(encoding=encoding), newline="")))


def dicts(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def saved(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "theirs.csv"
    path.write_text(text, encoding=encoding)
    return path


# For people


def test_a_row_a_student_and_problem_set(class_of_three, tmp_path):
    rows = dicts(write_csv(class_of_three, tmp_path / "all.csv"))
    assert [(row["student"], row["problem_set"]) for row in rows] == [
        (student, assignment) for assignment in ("ps1", "ps2") for student in ("ada", "charles", "kurt")
    ]
    ada, charles, kurt = rows[:3]
    assert (ada["score"], ada["points_possible"], ada["raw_score"], ada["late_penalty"]) == ("6", "6", "6", "0")
    assert (ada["last_name"], ada["first_name"], ada["needs_person"], ada["handed_in"]) == (
        "Lovelace",
        "Ada",
        "no",
        "yes",
    )
    assert [ada[question] for question in POINTS] == ["2", "3", "1"]
    assert (charles["score"], charles["needs_person"]) == ("3", "yes")
    assert [charles[question] for question in POINTS] == ["0", "3", ""]
    assert (kurt["score"], kurt["raw_score"], kurt["handed_in"], kurt["test_softmax"]) == ("", "", "no", "")


def test_the_late_penalty_is_taken_off_and_never_more_than_there_is(gradebook, tmp_path):
    hand_in(gradebook, "ada", FULL, timestamp="2026-09-02 13:00:00 UTC")
    hand_in(gradebook, "bob", {**FULL, "why_softmax": None}, timestamp="2026-09-02 13:00:00 UTC")
    update_penalties(gradebook, "ps1", LatePolicy(penalty_method="zero"))
    grade = gradebook.find_grade("test_scores", "ps1", "ps1", "bob")
    grade.manual_score = 0.0  # taken back by a person after the penalty of 5 was entered
    gradebook.db.commit()
    ada, bob = dicts(write_csv(gradebook, tmp_path / "ps1.csv", ["ps1"]))
    assert (ada["score"], ada["raw_score"], ada["late_penalty"], ada["timestamp_utc"]) == (
        "0",
        "6",
        "6",
        "2026-09-02 13:00:00",
    )
    assert (bob["score"], bob["raw_score"], bob["late_penalty"]) == ("0", "2", "5")


def test_extra_credit_goes_above_the_points_as_in_nbgrader(gradebook):
    hand_in(gradebook, "ada", FULL)
    gradebook.find_grade("why_softmax", "ps1", "ps1", "ada").extra_credit = 2.0
    gradebook.db.commit()
    assert read_scores(gradebook, "ps1")[0].score == 8.0


def test_nasty_names_come_back_as_text(gradebook, tmp_path):
    for name in NASTY:
        hand_in(gradebook, name, FULL, first_name=name, last_name="=" + name)
    path = write_csv(gradebook, tmp_path / "ps1.csv", ["ps1"])
    rows = dicts(path)
    assert {row["student"].replace("'", "") for row in rows} == {name.replace("'", "") for name in NASTY}
    assert {row["score"] for row in rows} == {"6"}
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")


def test_without_students_there_is_a_header(gradebook, tmp_path):
    rows = read(write_csv(gradebook, tmp_path / "none.csv"), "utf-8-sig")
    assert len(rows) == 1
    assert rows[0][:2] == ["student", "last_name"]
    assert rows[0][-3:] == list(POINTS)


def test_a_batch_that_stopped_half_way_shows_what_is_not_graded(gradebook, tmp_path):
    gradebook.add_student("ada")
    enter(gradebook, "ada", "ps1")  # entered, and nothing graded yet
    (row,) = dicts(write_csv(gradebook, tmp_path / "ps1.csv", ["ps1"]))
    assert (row["score"], row["needs_person"], row["test_softmax"]) == ("0", "yes", "")


def test_several_notebooks_name_their_questions(gradebook, tmp_path):
    gradebook.add_notebook("extra", "ps1")
    gradebook.add_grade_cell("test_softmax", "extra", "ps1", max_score=4, cell_type="code")
    gradebook.add_source_cell("test_softmax", "extra", "ps1", cell_type="code")
    hand_in(gradebook, "ada", FULL)
    grade = gradebook.find_grade("test_softmax", "extra", "ps1", "ada")
    grade.auto_score, grade.needs_manual_grade = 4.0, False
    gradebook.db.commit()
    (row,) = dicts(write_csv(gradebook, tmp_path / "ps1.csv", ["ps1"]))
    assert (row["ps1/test_softmax"], row["extra/test_softmax"], row["score"]) == ("2", "4", "10")


@pytest.mark.parametrize("export", [export_canvas, export_moodle])
def test_an_unknown_problem_set_is_named(gradebook, tmp_path, export):
    with pytest.raises(ExportError, match="ps9 is not in the gradebook; there are: ps1, ps2"):
        export(gradebook, "ps9", tmp_path / "out.csv")
    with pytest.raises(ExportError, match="ps9"):
        write_csv(gradebook, tmp_path / "out.csv", ["ps9"])
    assert not (tmp_path / "out.csv").exists()


# For Canvas


def test_canvas_gets_its_column_and_no_other(class_of_three, tmp_path):
    out = tmp_path / "out.csv"
    exported = export_canvas(class_of_three, "ps1", out, template=saved(tmp_path, CANVAS))
    assert read(out) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "ps1 (4711)"],
        ["    Points Possible", "", "", "", "", "6"],
        ["Lovelace, Ada", "101", "S1", "ada", "A and B", "6"],
        ["Babbage, Charles", "102", "S2", "charles", "A", "3"],
        ["Gödel, Kurt", "103", "S3", "kurt", "A", "EX"],
        ["Student, Test", "104", "", "", "A", ""],
    ]
    assert exported.written == ["ada", "charles"]
    assert exported.waiting == ["charles"]
    assert exported.not_submitted == ["kurt"]
    assert exported.unknown == ["Student, Test"]
    assert exported.absent == exported.held == exported.remarks == []


def test_nobody_is_dropped_silently(class_of_three, tmp_path):
    hand_in(class_of_three, "eve", FULL)
    hand_in(class_of_three, "kurt", FULL)
    exported = export_canvas(class_of_three, "ps1", tmp_path / "out.csv", template=saved(tmp_path, CANVAS))
    assert exported.absent == ["eve"]
    assert exported.held == ["kurt"]
    said = "\n".join(exported.lines())
    for part in ("2 scores in", "(1): eve", "(1): kurt", "(1): charles", "(1): Student, Test"):
        assert part in said


def test_those_who_wait_can_be_left_as_they_are(class_of_three, tmp_path):
    out = tmp_path / "out.csv"
    template = saved(tmp_path, CANVAS)
    exported = export_canvas(class_of_three, "ps1", out, template=template, complete_only=True)
    assert read(out)[3][-1] == "1.5"
    assert (exported.written, exported.waiting, exported.absent) == (["ada"], ["charles"], [])


@pytest.mark.parametrize("column", ["ps2", "PS2", "ps2 (4712)", "4712"])
def test_a_column_by_header_title_or_id(class_of_three, tmp_path, column):
    out = tmp_path / "out.csv"
    export_canvas(class_of_three, "ps1", out, template=saved(tmp_path, CANVAS), column=column)
    assert read(out)[0][-1] == "ps2 (4712)"


@pytest.mark.parametrize(("match", "names"), [("ID", ("101", "102")), ("SIS User ID", ("S1", "S2"))])
def test_students_by_another_column(gradebook, tmp_path, match, names):
    for name in names:
        hand_in(gradebook, name, FULL)
    template = saved(tmp_path, CANVAS)
    exported = export_canvas(gradebook, "ps1", tmp_path / "out.csv", template=template, match=match)
    assert exported.written == list(names)


def test_students_by_what_the_gradebook_says_of_them(gradebook, tmp_path):
    hand_in(gradebook, "Ada L.", FULL, lms_user_id="101")
    hand_in(gradebook, "eve", FULL)
    template = saved(tmp_path, CANVAS)
    exported = export_canvas(gradebook, "ps1", tmp_path / "o.csv", template=template, match="ID", by="lms_user_id")
    assert (exported.written, exported.absent) == (["Ada L."], ["eve"])


def test_a_folder_name_in_two_characters_is_the_same_name(gradebook, tmp_path):
    hand_in(gradebook, "go\u0308del", FULL)
    template = saved(tmp_path, CANVAS.replace(",kurt,", ",gödel,").replace("EX", ""))
    assert export_canvas(gradebook, "ps1", tmp_path / "out.csv", template=template).written == ["go\u0308del"]


def test_semicolons_and_commas_in_numbers_as_canvas_writes_them_elsewhere(class_of_three, tmp_path):
    text = CANVAS.replace('"Lovelace, Ada"', "Ada").replace('"Babbage, Charles"', "Charles").replace('"', "'")
    text = "\n".join(line for line in text.splitlines() if "'" not in line).replace(",", ";").replace("1.5", "1,5")
    out = tmp_path / "out.csv"
    exported = export_canvas(class_of_three, "ps1", out, template=saved(tmp_path, text, "utf-8-sig"))
    assert exported.written == ["ada", "charles"]
    assert read(out)[2] == ["Ada", "101", "S1", "ada", "A and B", "6"]


def test_names_of_canvas_are_no_formulas_either(class_of_three, tmp_path):
    out = tmp_path / "out.csv"
    template = saved(tmp_path, CANVAS.replace('"Lovelace, Ada"', "=1+1").replace(",S1,", ",-S1,"))
    export_canvas(class_of_three, "ps1", out, template=template)
    assert read(out)[2] == ["'=1+1", "101", "'-S1", "ada", "A and B", "6"]


def test_last_and_first_names_in_two_columns(class_of_three, tmp_path):
    text = "LastName,FirstName,ID,SIS Login ID,Section,ps1 (1)\nPoints Possible,,,,,6\nLovelace,Ada,101,ada,A,\n"
    out = tmp_path / "out.csv"
    export_canvas(class_of_three, "ps1", out, template=saved(tmp_path, text))
    assert read(out)[0] == ["LastName", "FirstName", "ID", "SIS Login ID", "Section", "ps1 (1)"]
    assert read(out)[2] == ["Lovelace", "Ada", "101", "ada", "A", "6"]


def test_other_points_in_canvas_are_said(class_of_three, tmp_path):
    template = saved(tmp_path, CANVAS.replace(",,6,6,", ",,10,6,"))
    exported = export_canvas(class_of_three, "ps1", tmp_path / "out.csv", template=template)
    assert exported.remarks == ["Canvas has 10 points for this, the gradebook 6: scores are written as they are."]


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda text: "", {}, "is empty"),
        (lambda text: text.replace("SIS Login ID", "Login"), {}, "no column 'SIS Login ID'"),
        (lambda text: text.replace("Section", "Group"), {}, "not what Canvas exports"),
        (lambda text: text.replace("ps1 (4711)", "Week 1 (4711)"), {}, "'Week 1 .4711.', 'ps2 .4712.'"),
        (lambda text: text.replace("ps2", "ps1"), {}, "more than one"),
        (lambda text: text.replace("charles", "ada"), {}, "'ada' stands twice"),
        (lambda text: text, {"column": "Current Score"}, "computes the column"),
        (lambda text: text, {"match": "Name"}, "not by 'Name'"),
        (lambda text: text, {"by": "name"}, "not 'name'"),
    ],
)
def test_a_file_that_does_not_fit_is_named(class_of_three, tmp_path, change, options, said):
    template = saved(tmp_path, change(CANVAS))
    with pytest.raises((ExportError, SheetError), match=said):
        export_canvas(class_of_three, "ps1", tmp_path / "out.csv", template=template, **options)
    assert not (tmp_path / "out.csv").exists()


def test_the_file_of_canvas_is_not_written_over(class_of_three, tmp_path):
    template = saved(tmp_path, CANVAS)
    with pytest.raises(ExportError, match="give another name"):
        export_canvas(class_of_three, "ps1", template, template=template)
    assert template.read_text(encoding="utf-8") == CANVAS


def test_canvas_without_its_file(class_of_three, tmp_path):
    out = tmp_path / "out.csv"
    hand_in(class_of_three, "=1+1", FULL)
    exported = export_canvas(class_of_three, "ps1", out, column="Problem set 1")
    assert read(out) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Problem set 1"],
        ["    Points Possible", "", "", "", "", "6"],
        ["Lovelace, Ada", "", "", "ada", "", "6"],
        ["charles", "", "", "charles", "", "3"],
    ]
    assert exported.absent == ["=1+1"]
    assert "formulas: =1+1" in exported.remarks[0]
    assert not out.read_bytes().startswith(b"\xef\xbb\xbf")


def test_two_students_of_one_name_are_not_mixed_up(gradebook, tmp_path):
    for student in ("ada", "eve"):
        hand_in(gradebook, student, FULL, email="ada@example.org")
    with pytest.raises(ExportError, match=r"'ada' and 'eve' are both called 'ada@example\.org'"):
        export_moodle(gradebook, "ps1", tmp_path / "out.csv", identifier="Email address")


# For Moodle


@pytest.mark.parametrize(
    ("identifier", "names"),
    [
        ("ID number", ["ada", "charles"]),
        ("Username", ["ada", "charles"]),
        ("Email address", ["ada@example.org", "charles@example.org"]),
    ],
)
def test_moodle_gets_identifiers_and_scores(class_of_three, tmp_path, identifier, names):
    out = tmp_path / "out.csv"
    exported = export_moodle(class_of_three, "ps1", out, identifier=identifier)
    assert read(out) == [[identifier, "ps1"], [names[0], "6"], [names[1], "3"]]
    assert exported.not_submitted == ["kurt"]
    assert not out.read_bytes().startswith(b"\xef\xbb\xbf")


def test_students_without_an_address_are_said(gradebook, tmp_path):
    hand_in(gradebook, "ada", FULL)
    exported = export_moodle(gradebook, "ps1", tmp_path / "out.csv", identifier="Email address")
    assert (exported.written, exported.absent) == ([], ["ada"])
    assert export_moodle(gradebook, "ps1", tmp_path / "out.csv", identifier="Email address", by="id").written == ["ada"]


def test_moodle_knows_no_other_identifier(gradebook, tmp_path):
    with pytest.raises(ExportError, match="not by 'Name'"):
        export_moodle(gradebook, "ps1", tmp_path / "out.csv", identifier="Name")


def test_the_worksheet_is_filled_and_otherwise_stays(class_of_three, tmp_path):
    out = tmp_path / "out.csv"
    worksheet = saved(tmp_path, WORKSHEET, "utf-8-sig")
    exported = export_worksheet(class_of_three, "ps1", out, worksheet=worksheet)
    before, after = read(worksheet, "utf-8-sig"), read(out)
    before[1][4], before[2][1] = "6", "'=Charles"
    assert after == before
    assert (exported.written, exported.held, exported.not_submitted) == (["ada"], ["charles"], ["kurt"])
    assert exported.remarks == []


def test_the_worksheet_by_the_number_of_a_participant(gradebook, tmp_path):
    hand_in(gradebook, "11", FULL)
    worksheet = saved(tmp_path, WORKSHEET.replace("6.00", "10.00"))
    exported = export_worksheet(gradebook, "ps1", tmp_path / "out.csv", worksheet=worksheet, match="Identifier")
    assert exported.written == ["11"]
    assert exported.unknown == ["Participant 12", "Participant 13"]
    assert "Moodle has 10 points" in exported.remarks[0]


def test_a_worksheet_in_another_language(class_of_three, tmp_path):
    text = WORKSHEET.replace("Identifier", "ID").replace(",Grade,", ",Bewertung,").replace("Email address", "E-Mail")
    out = tmp_path / "out.csv"
    worksheet = saved(tmp_path, text)
    with pytest.raises(SheetError, match="no column 'Email address'"):
        export_worksheet(class_of_three, "ps1", out, worksheet=worksheet)
    export_worksheet(class_of_three, "ps1", out, worksheet=worksheet, match="E-Mail", by="email", grade="Bewertung")
    assert read(out)[1][4] == "6"


# For both

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=10)
IDS = st.lists(TEXT.filter(lambda text: text.strip() == text), unique=True, max_size=5)


@settings(max_examples=8)
@given(ids=IDS, theirs=IDS)
def test_everyone_is_somewhere(tmp_path_factory, ids, theirs):
    root = tmp_path_factory.mktemp("course")
    ids, theirs = ({student for student in group if student.isalnum()} for group in (ids, theirs))
    template = root / "theirs.csv"
    rows = [["Student", "ID", "SIS Login ID", "Section", "ps1"], *([name, "1", name, "A", ""] for name in theirs)]
    with open(template, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    known = {normalize("NFC", student) for student in ids}
    with open_gradebook(make_course(root / "course")) as gradebook:
        for student in known:
            hand_in(gradebook, student, FULL)
        there = {normalize("NFC", student) for student in theirs}
        if len(there) < len(theirs):
            return
        exported = export_canvas(gradebook, "ps1", root / "out.csv", template=template)
    assert set(exported.written) == known & there
    assert set(exported.absent) == known - there
    assert {normalize("NFC", student) for student in exported.unknown} == there - known
    assert len(read(root / "out.csv")) == 2 + len(theirs)
