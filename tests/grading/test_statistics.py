"""What a class made of a problem set is counted rightly, and shown as text whatever students wrote."""

import csv
import io

import matplotlib.pyplot as plt
import nbformat
import pytest
from nbformat.v4 import new_output
from PIL import Image

from grading.course import CourseError
from grading.keeping import Kept
from grading.recording import KEY
from grading.running import Report
from grading.splicing import Answers, answer_cells, released, splice, splice_nothing
from grading.statistics import Question, Statistics, collect, draw, table, write_csv
from tests.grading.gradebooks import TESTS, WRITTEN, hand_in, make_course, open_gradebook

CODE = "def f(x):\n    return x"
NASTY = "$\\frac{1}$ =1+1 <script>alert(1)</script> \x1b[31m 王 \U0001f600 \u202e" + "long " * 60


@pytest.fixture
def course(tmp_path):
    return make_course(tmp_path)


def graded(course, student, failed=None, *, answers=None, written="Because.", kinds=None, score=None):
    """Put a graded notebook there, with what each failed test said, and its scores into the gradebook."""
    failed = failed or {}
    if answers is None:
        answers = {test.removeprefix("test_"): CODE for test in TESTS} | {WRITTEN: written}
    notebook = splice(course.master("ps1"), Answers(answers), course.config)
    for cell in notebook.cells:
        said = failed.get(cell.metadata.nbgrader.grade_id)
        if said is not None:
            cell.outputs = [new_output("error", ename="Not passed", evalue=said, traceback=[said])]
    if kinds is not None:
        tests = {name: {"passed": False, "kind": kind} for name, kind in kinds.items()}
        Kept(course.root / ".grading").put(student, Report(tests=tests))
        notebook.metadata[KEY] = student
    save(course, student, notebook)
    scores = {name: 0.0 if name in failed else points for name, points in TESTS.items()}
    with open_gradebook(course) as gradebook:
        hand_in(gradebook, student, {**scores, WRITTEN: score})


def save(course, student, notebook):
    path = course.path("autograded", student, "ps1") / "ps1.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def by_name(statistics):
    return {question.name: question for question in statistics.questions}


def test_passed_failed_and_not_tried(course):
    graded(course, "ada", score=1.0)
    graded(course, "bob", {"test_softmax": "Rows do not sum to 1."}, kinds={"test_softmax": "assertion"})
    graded(course, "eve", {"test_softmax": "Rows do  not\nsum to 1."}, score=0.5)
    untouched = {"softmax": "", "scores": "raise NotImplementedError('I gave up.')"}
    stub = {"softmax": "   ", "scores": stub_of(course, "scores")}
    graded(course, "fay", dict.fromkeys(TESTS, "Nothing."), answers=stub, score=0.0)
    graded(course, "gus", dict.fromkeys(TESTS, "Nothing."), answers=untouched, score=0.0)
    statistics = collect(course, "ps1")
    questions = by_name(statistics)
    softmax, scores, written = (questions[name] for name in (*TESTS, WRITTEN))
    assert (softmax.passed, softmax.failed, softmax.not_tried, softmax.tried) == (1, 2, 2, 3)
    assert (scores.passed, scores.failed, scores.not_tried) == (3, 1, 1)
    assert softmax.diagnoses == {"Rows do not sum to 1.": 2}
    assert softmax.kinds == {"assertion": 1, "failed": 1}
    assert softmax.mean == pytest.approx(2 / 5)
    assert (written.graded, written.waiting, written.not_tried) == (2, 1, 2)
    assert written.mean == pytest.approx(1.5 / 4)
    assert statistics.submissions == 5
    assert statistics.mean == pytest.approx((6 + 3 + 3.5 + 0 + 0) / 5)


def stub_of(course, name):
    return released(answer_cells(course.master("ps1"))[name], course.config).source


def test_two_tests_of_one_answer_and_two_answers_of_one_test(course):
    path = course.root / "source" / "ps1" / "ps1.ipynb"
    master = nbformat.read(path, as_version=4)
    setup, softmax, test_softmax, scores, test_scores, written = master.cells
    master.cells = [setup, softmax, scores, test_softmax, test_scores, written]
    nbformat.write(master, path)
    graded(course, "ada", dict.fromkeys(TESTS, "No."), answers={"scores": CODE})
    questions = by_name(collect(course, "ps1"))
    assert all(questions[name].failed == 1 for name in TESTS)


def test_a_submission_that_cannot_be_read_was_not_tried(course):
    notebook = splice_nothing(course.master("ps1"), "this is no notebook", course.config)
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            cell.outputs = [new_output("error", ename="Not passed", evalue="Nothing.", traceback=[])]
    save(course, "ada", notebook)
    with open_gradebook(course) as gradebook:
        hand_in(gradebook, "ada", {**dict.fromkeys(TESTS, 0.0), WRITTEN: 0.0})
    statistics = collect(course, "ps1")
    assert statistics.unreadable == 1
    assert all(question.not_tried == 1 for question in statistics.questions)


def test_without_a_graded_notebook_a_student_is_named_and_left_out(course):
    graded(course, "ada")
    (course.path("autograded", "bob", "ps1")).mkdir(parents=True)
    (course.path("autograded", "bob", "ps1") / "ps1.ipynb").write_text("{", encoding="utf-8")
    with open_gradebook(course) as gradebook:
        hand_in(gradebook, "bob", {"test_softmax": 0.0})
        hand_in(gradebook, "eve\x1b[31m", {"test_softmax": 0.0})
        gradebook.add_student("fay")
    statistics = collect(course, "ps1")
    assert (statistics.submissions, statistics.ungraded) == (1, ["bob", "eve\x1b[31m"])
    assert "without a graded notebook: bob, eve[31m" in table(statistics)


def test_a_test_that_is_not_in_the_notebook_is_not_passed(course):
    graded(course, "ada")
    path = course.path("autograded", "ada", "ps1") / "ps1.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.metadata.nbgrader.grade_id != "test_softmax"]
    nbformat.write(notebook, path)
    assert by_name(collect(course, "ps1"))["test_softmax"].failed == 1


def test_without_students_nothing_is_divided_by_zero(course, tmp_path):
    statistics = collect(course, "ps1")
    assert statistics.mean is None
    assert [question.mean for question in statistics.questions] == [None, None, None]
    assert table(statistics).startswith("ps1: 0 submissions\n")
    assert draw(statistics, tmp_path / "empty.png").stat().st_size > 0


def test_an_unknown_problem_set_or_no_master_is_named(course):
    with pytest.raises(CourseError, match="ps9 is not in the gradebook"):
        collect(course, "ps9")
    (course.root / "source" / "ps1" / "ps1.ipynb").unlink()
    with pytest.raises(CourseError, match="without the master"):
        collect(course, "ps1")


# As text and as a picture


def many(count=11, submissions=300):
    """Statistics of as many questions as the largest problem set has."""
    questions = []
    for place in range(count - 1):
        question = Question(f"test_scaled_dot_product_{place}", 2.0, passed=150 + 5 * place, not_tried=20)
        question.failed = submissions - question.passed - question.not_tried
        told = [f"{NASTY[:30]} {place}", "You divided by dim: divide by sqrt(dim).", "The mask is the wrong way round."]
        question.diagnoses.update({text: 20 - 5 * rank for rank, text in enumerate(told)})
        question.diagnoses["another"] = question.failed - question.diagnoses.total()
        question.kinds["assertion"] = question.failed
        question.scores = [2.0] * question.passed + [0.0] * (question.failed + question.not_tried)
        questions.append(question)
    written = Question("why_$softmax$", 2.0, written=True, graded=200, waiting=60, not_tried=40, scores=[1.5] * 240)
    return Statistics("ps2", 20.0, [*questions, written], submissions=submissions, scores=[13.0] * submissions)


def test_the_table_holds_the_counts_and_no_escape_codes():
    statistics = many(3)
    statistics.questions[0].diagnoses[NASTY] = 99
    lines = table(statistics).splitlines()
    assert lines[0] == "ps2: 300 submissions, mean 13.0 of 20 points"
    assert lines[2].split() == ["question", "points", "mean", "passed", "failed", "not", "tried", "graded", "waiting"]
    assert lines[3].split() == ["test_scaled_dot_product_0", "2", "1.00", "150", "130", "20"]
    assert lines[4] == "    by kind: assertion 130"
    assert "\x1b" not in "".join(lines)
    assert max(map(len, lines)) <= 120
    assert lines[-1].split() == ["why_$softmax$", "2", "1.50", "40", "200", "60"]


def test_the_csv_has_a_row_for_each_diagnosis_and_no_formula(tmp_path):
    question = Question("=test", 2.0, passed=3, failed=2, not_tried=1, scores=[2.0, 2.0, 2.0, 0.0])
    question.diagnoses.update({"=HYPERLINK(1), \"x\"": 1, "-1": 1})  # fmt: skip
    question.kinds.update({"error": 2})
    path = write_csv(Statistics("ps1", 2.0, [question], submissions=6), tmp_path / "statistics.csv")
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    assert rows[1:] == [
        ["'=test", "2", "1.5", "3", "2", "1", "", "", "error 2", '\'=HYPERLINK(1), "x"', "1"],
        ["'=test", "", "", "", "", "", "", "", "", "'-1", "1"],
    ]


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_picture_is_drawn_with_whatever_students_wrote(tmp_path, ending):
    statistics = many()
    statistics.assignment = statistics.questions[1].name = "$\\frac{1$"  # what mathtext would stumble over
    statistics.questions[0].diagnoses[NASTY] = 99
    path = draw(statistics, tmp_path / f"statistics.{ending}")
    content = path.read_bytes()
    assert content[:5] in (b"\x89PNG\r", b"<?xml", b"%PDF-")
    assert b"<script" not in content
    assert list(tmp_path.iterdir()) == [path]


def test_the_picture_is_large_enough_to_read(tmp_path):
    with Image.open(draw(many(), tmp_path / "statistics.png")) as image:
        width, height = image.size
    assert width >= 1600
    assert height >= 90 * 11


def test_the_same_statistics_give_the_same_picture(tmp_path):
    one, other = (draw(many(2), tmp_path / name).read_bytes() for name in ("one.svg", "other.svg"))
    assert one == other


def test_the_style_of_the_book_does_not_stay(tmp_path):
    before = dict(plt.rcParams)
    draw(many(1), tmp_path / "one.png")
    assert dict(plt.rcParams) == before


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(CourseError, match=r"not as 'one\.gif'"):
        draw(many(1), tmp_path / "one.gif")
    assert list(tmp_path.iterdir()) == []
