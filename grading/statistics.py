"""What a class made of a problem set: for each question how many passed, tried and failed, and over what.

Verdicts and diagnoses are read from the graded notebooks, scores from the gradebook, where a person may have changed
them. Diagnoses can hold text that students made, so they are text wherever they go: no formula, markup or escape code.
"""

import os
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from attnlib.plots import PALETTE, use_book_style
from grading.course import Course, CourseError
from grading.exports import Score, read_scores
from grading.keeping import Kept
from grading.recording import KEY
from grading.sheets import number, plain, safe, write_sheet
from grading.splicing import UNREADABLE, released

_NOT_SAID = "failed"
_SHOWN = 3
"""How many diagnoses of a question the table and the picture show."""


@dataclass
class Question:
    """What a class made of one question: a test, or an answer in words that a person grades."""

    name: str
    points: float
    written: bool = False
    passed: int = 0
    failed: int = 0
    not_tried: int = 0
    """Those who left the answer empty or as it came, and did not pass all the same."""
    graded: int = 0
    """Of an answer in words: those that have their points."""
    waiting: int = 0
    """Of an answer in words: those that wait for a person."""
    kinds: Counter[str] = field(default_factory=Counter)
    """How the failed ones failed: assertion, error, missing, time, broken; "failed" where no report says."""
    diagnoses: Counter[str] = field(default_factory=Counter)
    """What the failed ones were told."""
    scores: list[float] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """How many wrote an answer."""
        return self.passed + self.failed + self.graded + self.waiting

    @property
    def mean(self) -> float | None:
        """The mean score of those who handed in and don't wait; None where there is nobody."""
        return sum(self.scores) / len(self.scores) if self.scores else None


@dataclass
class Statistics:
    """What a class made of a problem set."""

    assignment: str
    points: float
    questions: list[Question]
    submissions: int = 0
    unreadable: int = 0
    """Submissions of which nothing could be graded; they are among those who did not try."""
    ungraded: list[str] = field(default_factory=list)
    """Students in the gradebook whose graded notebook isn't there or can't be read; they are left out."""
    scores: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float | None:
        """The mean score, late penalties taken off, of those who handed in."""
        return sum(self.scores) / len(self.scores) if self.scores else None


def collect(course: Course, assignment: str) -> Statistics:
    """Return the statistics of a problem set.

    Parameters
    ----------
    course : Course
    assignment : str

    Raises
    ------
    CourseError
        If the gradebook doesn't know the problem set, or its master is missing.
    """
    with course.open_gradebook() as gradebook:
        scores = [score for score in read_scores(gradebook, assignment) if score.submitted]
        points = gradebook.find_assignment(assignment).max_score
    try:
        layout = _Layout(course.master(assignment), course)
    except FileNotFoundError as error:
        raise CourseError(str(error)) from error
    statistics = Statistics(assignment, points, list(layout.questions.values()))
    kept = Kept(course.root / ".grading")
    for score in scores:
        notebook = _graded(course.path("autograded", score.student, assignment) / f"{assignment}.ipynb")
        if notebook is None:
            statistics.ungraded.append(score.student)
        else:
            _count(statistics, layout, notebook, kept, score)
    return statistics


class _Layout:
    """The questions of a master, each with the answers that stand above it since the question before."""

    def __init__(self, master: NotebookNode, course: Course):
        self.stubs: dict[str, str] = {}
        self.questions: dict[str, Question] = {}
        self.answers: dict[str, list[str]] = {}
        above: list[str] = []
        used = False  # by a test; further tests of the same answers follow, or the next answer
        for cell in master.cells:
            if is_solution(cell):
                name = cell.metadata.nbgrader.grade_id
                self.stubs[name] = released(cell, course.config).source.strip()
                above, used = ([name] if used else [*above, name]), False
            if is_grade(cell):
                name = cell.metadata.nbgrader.grade_id
                written = is_solution(cell)
                self.questions[name] = Question(name, float(cell.metadata.nbgrader.points), written=written)
                self.answers[name] = [name] if written else above
                used = True

    def tried(self, name: str, cells: dict[str, NotebookNode]) -> bool:
        """Return whether a student wrote any of the answers that a question is about."""
        texts = ((answer, cells[answer].source.strip()) for answer in self.answers[name] if answer in cells)
        return any(text not in ("", self.stubs[answer]) for answer, text in texts)


def _graded(path: Path) -> NotebookNode | None:
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, AttributeError):
        return None


def _count(statistics: Statistics, layout: _Layout, notebook: NotebookNode, kept: Kept, score: Score) -> None:
    report = kept.get(str(notebook.metadata.get(KEY, "")))
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    statistics.submissions += 1
    statistics.unreadable += UNREADABLE in notebook.metadata
    statistics.scores.append(score.score or 0.0)
    for name, question in layout.questions.items():
        earned = score.questions.get(name)
        if earned is not None:
            question.scores.append(earned)
        tried = layout.tried(name, cells)
        if question.written:
            _count_written(question, tried, earned is not None)
        else:
            kind = (report.tests if report else {}).get(name, {}).get("kind", _NOT_SAID)
            _count_test(question, tried, _diagnosis(cells.get(name)), kind)


def _count_written(question: Question, tried: bool, graded: bool) -> None:
    if not tried:
        question.not_tried += 1
    elif graded:
        question.graded += 1
    else:
        question.waiting += 1


def _count_test(question: Question, tried: bool, diagnosis: str | None, kind: str) -> None:
    if diagnosis is None:
        question.passed += 1
    elif not tried:
        question.not_tried += 1
    else:
        question.failed += 1
        question.kinds[kind] += 1
        question.diagnoses[diagnosis] += 1


def _diagnosis(cell: NotebookNode | None) -> str | None:
    """Return what is written under a test, and None where it passed."""
    if cell is None:
        return "This test is not in the graded notebook."
    errors = [output for output in cell.get("outputs", []) if output.get("output_type") == "error"]
    return plain(str(errors[0].get("evalue", ""))) or "No diagnosis." if errors else None


# As text


def table(statistics: Statistics) -> str:
    """Return the statistics as lines for a terminal."""
    head = ("question", "points", "mean", "passed", "failed", "not tried", "graded", "waiting")
    rows = [head, *(_cells(question) for question in statistics.questions)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_summary(statistics), "", _line(head, widths)]
    for question, row in zip(statistics.questions, rows[1:], strict=True):
        lines.append(_line(row, widths))
        if question.kinds:
            lines.append("    by kind: " + ", ".join(f"{kind} {count}" for kind, count in question.kinds.most_common()))
        for diagnosis, count in question.diagnoses.most_common(_SHOWN):
            lines.append(f"    {count} x {textwrap.shorten(plain(diagnosis), 110, placeholder=' …')}")
    if statistics.ungraded:
        lines += ["", f"Left out, without a graded notebook: {', '.join(map(plain, statistics.ungraded))}"]
    return "\n".join(line.rstrip() for line in lines)


def _summary(statistics: Statistics) -> str:
    said = f"{plain(statistics.assignment)}: {statistics.submissions} submissions"
    if statistics.mean is not None:
        said += f", mean {statistics.mean:.1f} of {number(statistics.points)} points"
    return said + (f", {statistics.unreadable} unreadable" if statistics.unreadable else "")


def _cells(question: Question) -> tuple[str, ...]:
    mean = "" if question.mean is None else f"{question.mean:.2f}"
    if question.written:
        counts = ("", "", str(question.not_tried), str(question.graded), str(question.waiting))
    else:
        counts = (str(question.passed), str(question.failed), str(question.not_tried), "", "")
    return plain(question.name), number(question.points), mean, *counts


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if place == 0 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *rest])


def write_csv(statistics: Statistics, path: Path) -> Path:
    """Write a row for each question and diagnosis, for spreadsheets; the first row of a question holds its counts."""
    head = ("question", "points", "mean", "passed", "failed", "not_tried", "graded", "waiting", "kinds")
    rows: list[Sequence[str]] = [(*head, "diagnosis", "times")]
    for question in statistics.questions:
        kinds = "; ".join(f"{kind} {count}" for kind, count in question.kinds.most_common())
        first = (safe(question.name), *_cells(question)[1:2], number(question.mean), *_cells(question)[3:], kinds)
        told = [(safe(diagnosis), str(count)) for diagnosis, count in question.diagnoses.most_common()] or [("", "")]
        rows.append((*first, *told[0]))
        rows += [(safe(question.name), *[""] * (len(head) - 1), *each) for each in told[1:]]
    write_sheet(path, rows, spreadsheet=True)
    return path


# As a picture

_GREEN, _GREY = PALETTE[2], "#c8c8c8"
_FAILED = ("#d55e00", "#e69f5c", "#f3c9a5", "#f9e6d6")  # the three most common diagnoses, and the others
_WAITING = PALETTE[4]
_WIDTH, _ROW, _MARGIN = 12.0, 0.78, 1.3  # inches
_LETTERS = 78  # of a diagnosis


def draw(statistics: Statistics, path: Path) -> Path:
    """Draw a bar for each question, with its most common diagnoses beside it, and save it as PNG, SVG or PDF.

    Parameters
    ----------
    statistics : Statistics
    path : Path
        Its ending says which.
    """
    with plt.rc_context():
        use_book_style()
        figure = Figure(figsize=(_WIDTH, _MARGIN + _ROW * max(len(statistics.questions), 1)), layout="constrained")
        bars, told = figure.subplots(1, 2, sharey=True, width_ratios=(5, 6))
        _draw_bars(bars, statistics)
        _draw_diagnoses(told, statistics)
        figure.suptitle(_drawable(_summary(statistics)), parse_math=False, fontsize="medium")
        _save(figure, path)
    return path


def _segments(question: Question) -> Iterator[tuple[str, str, int, str]]:
    """Yield what a bar consists of: its name in the legend, colour, length and label."""
    if question.written:
        yield "graded by a person", PALETTE[0], question.graded, ""
        yield "waiting for a person", _WAITING, question.waiting, ""
    else:
        yield "passed", _GREEN, question.passed, ""
        common = question.diagnoses.most_common(_SHOWN)
        for place, (_, count) in enumerate(common):
            yield f"failed: diagnosis {place + 1}", _FAILED[place], count, f"{place + 1}"
        yield "failed: others", _FAILED[_SHOWN], question.failed - sum(count for _, count in common), ""
    yield "not tried", _GREY, question.not_tried, ""


def _draw_bars(ax: Axes, statistics: Statistics) -> None:
    handles = {}
    for row, question in enumerate(statistics.questions):
        left = 0
        for name, colour, count, label in _segments(question):
            if count == 0:
                continue
            (bar,) = ax.barh(row, count, left=left, height=0.6, color=colour, edgecolor="white", linewidth=0.8)
            handles[name] = bar
            if count >= 0.04 * statistics.submissions:
                said = f"{label}: {count}" if label and count >= 0.12 * statistics.submissions else str(count)
                ax.text(left + count / 2, row, said, ha="center", va="center", fontsize=8, color=_ink(colour))
            left += count
    ax.set_yticks(range(len(statistics.questions)))
    ax.set_yticklabels([_drawable(question.name) for question in statistics.questions], parse_math=False)
    ax.set_ylim(len(statistics.questions) - 0.4, -0.6)
    ax.set_xlim(0, max(statistics.submissions, 1))
    ax.set_xlabel("submissions")
    ax.xaxis.get_major_locator().set_params(integer=True)
    order = [name for name in _LEGEND if name in handles]
    ax.figure.legend([handles[name] for name in order], order, loc="outside lower center", ncols=4, fontsize=9)


_LEGEND = (
    "passed",
    *(f"failed: diagnosis {place + 1}" for place in range(_SHOWN)),
    "failed: others",
    "graded by a person",
    "waiting for a person",
    "not tried",
)


def _ink(colour: str) -> str:
    red, green, blue = (int(colour[place:end], 16) for place, end in pairwise((1, 3, 5, 7)))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"


def _draw_diagnoses(ax: Axes, statistics: Statistics) -> None:
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    for row, question in enumerate(statistics.questions):
        common = question.diagnoses.most_common(_SHOWN)
        lines = [
            f"{place + 1}: {count} × {textwrap.shorten(_drawable(told), _LETTERS, placeholder=' …')}"
            for place, (told, count) in enumerate(common)
        ]
        ax.text(0, row, "\n".join(lines), va="center", fontsize=8, parse_math=False)


def _drawable(text: str) -> str:
    """Put a box where the font has no letter."""
    known = get_font(findfont("DejaVu Sans")).get_charmap()
    return "".join(letter if ord(letter) in known else "□" for letter in plain(text))


def _save(figure: Figure, path: Path) -> None:
    """Save whole or not at all."""
    ending = path.suffix.lower().lstrip(".")
    if ending not in {"png", "svg", "pdf"}:
        raise CourseError(f"a picture is saved as .png, .svg or .pdf, not as {path.name!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with open(descriptor, "wb") as file:
            date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)
            figure.savefig(file, format=ending, dpi=150, metadata=date)
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
