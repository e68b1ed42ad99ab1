"""Scores out of the gradebook: a CSV for people, and the files that Canvas and Moodle import.

Scores are nbgrader's: what was earned less the late penalty, never below zero. Students who handed in nothing get no
score here, not even a zero: whether that is a zero is the instructor's to say, in the learning management system.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from nbgrader.api import Assignment, Gradebook, MissingEntry, Student, SubmittedAssignment

from grading.course import CourseError
from grading.sheets import Sheet, SheetError, number, plain, read_sheet, safe, write_sheet

Field = Literal["id", "email", "lms_user_id"]
FIELDS: tuple[Field, ...] = ("id", "email", "lms_user_id")
"""What of a student in the gradebook can be looked up in a learning management system."""
MOODLE_IDENTIFIERS = {"ID number": "id", "Username": "id", "Email address": "email"}
"""The columns by which Moodle finds a student, and what of the gradebook goes there."""


class ExportError(CourseError):
    """Scores can't be written as asked; the message says what to do."""


@dataclass(frozen=True)
class Score:
    """What a student has for a problem set."""

    student: str
    assignment: str
    points_possible: float
    submitted: bool = False
    raw: float | None = None
    """The score before the late penalty; None where nothing was handed in."""
    penalty: float | None = None
    needs_person: bool = False
    """Whether an answer still waits for a person."""
    timestamp: str = ""
    questions: dict[str, float | None] = field(default_factory=dict)
    """The score of each question; None where it waits."""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""

    @property
    def score(self) -> float | None:
        """What counts: never below zero, and above the points possible only by a person's extra credit."""
        return None if self.raw is None else max(self.raw - (self.penalty or 0.0), 0.0)

    @property
    def name(self) -> str:
        """Last name, first name; the id where there is neither."""
        return ", ".join(part for part in (self.last_name, self.first_name) if part) or self.student

    def identifier(self, by: Field) -> str:
        """Return what names the student elsewhere."""
        return self.student if by == "id" else getattr(self, by)


@dataclass
class Exported:
    """What was written, and everyone who is not in it."""

    path: Path
    written: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    """Students with a score here who are not in the other file, or have no identifier that can go there."""
    unknown: list[str] = field(default_factory=list)
    """Those in the other file whom the gradebook doesn't know."""
    not_submitted: list[str] = field(default_factory=list)
    """Those in the gradebook who handed in nothing."""
    waiting: list[str] = field(default_factory=list)
    """Students of whom an answer waits for a person."""
    held: list[str] = field(default_factory=list)
    """Students whose cell was left as it is: excused, not assigned or locked over there."""
    remarks: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Say it, a line for each kind."""
        groups = {
            "Have a score, but no place in the file": self.absent,
            "Are in the other file, but not in the gradebook": self.unknown,
            "Handed in nothing": self.not_submitted,
            "Wait for a person": self.waiting,
            "Are excused or locked there, and left so": self.held,
        }
        said = [f"{len(self.written)} scores in {self.path}"]
        said += [f"{what} ({len(who)}): {', '.join(map(plain, who))}" for what, who in groups.items() if who]
        return [*said, *self.remarks]


def read_scores(gradebook: Gradebook, assignment: str) -> list[Score]:
    """Return the scores of all students for a problem set, by student.

    Raises
    ------
    ExportError
        If the gradebook doesn't know the problem set.
    """
    points = find_assignment(gradebook, assignment).max_score
    submissions = {each.student_id: each for each in gradebook.assignment_submissions(assignment)}
    students = sorted(gradebook.students, key=lambda student: student.id)
    return [_score(student, submissions.get(student.id), assignment, points) for student in students]


def find_assignment(gradebook: Gradebook, assignment: str) -> Assignment:
    """Return a problem set of the gradebook.

    Raises
    ------
    ExportError
        If the gradebook doesn't know it.
    """
    try:
        return gradebook.find_assignment(assignment)
    except MissingEntry as error:
        known = ", ".join(each.name for each in gradebook.assignments) or "none"
        raise ExportError(f"{assignment} is not in the gradebook; there are: {known}") from error


def _score(student: Student, submission: SubmittedAssignment | None, assignment: str, points: float) -> Score:
    names = {name: getattr(student, name) or "" for name in ("first_name", "last_name", "email", "lms_user_id")}
    if submission is None:
        return Score(student.id, assignment, points, **names)
    return Score(
        student.id,
        assignment,
        points,
        submitted=True,
        raw=submission.score,
        penalty=submission.late_submission_penalty,
        needs_person=bool(submission.needs_manual_grade),
        timestamp=submission.timestamp.isoformat(sep=" ") if submission.timestamp else "",
        questions=_questions(submission),
        **names,
    )


def _questions(submission: SubmittedAssignment) -> dict[str, float | None]:
    several = len(submission.notebooks) > 1
    return {
        f"{notebook.name}/{grade.name}" if several else grade.name: (
            None if grade.auto_score is None and grade.manual_score is None else grade.score
        )
        for notebook in submission.notebooks
        for grade in notebook.grades
    }


# For people


def write_csv(gradebook: Gradebook, path: Path, assignments: Sequence[str] = ()) -> Path:
    """Write a row for each student and problem set, with a column for each question.

    The file opens in spreadsheets: UTF-8 with its mark, and text that looks like a formula behind an apostrophe.

    Parameters
    ----------
    gradebook : Gradebook
    path : Path
    assignments : names
        None of them means all that the gradebook has.
    """
    names = assignments or sorted(each.name for each in gradebook.assignments)
    scores = [score for name in names for score in read_scores(gradebook, name)]
    order = {question: None for name in names for question in _question_names(gradebook, name)}
    order.update({question: None for score in scores for question in score.questions})
    questions = list(order)
    rows = [_COLUMNS + [safe(question) for question in questions]]
    rows += [_row(score) + [number(score.questions.get(question)) for question in questions] for score in scores]
    write_sheet(path, rows, spreadsheet=True)
    return path


def _question_names(gradebook: Gradebook, assignment: str) -> list[str]:
    """Return the questions of a problem set in the order of its notebook, which grades don't keep."""
    notebooks = gradebook.find_assignment(assignment).notebooks
    graded = {
        notebook.name: {cell.name for cell in (*notebook.grade_cells, *notebook.task_cells)} for notebook in notebooks
    }
    return [
        f"{notebook.name}/{cell.name}" if len(notebooks) > 1 else cell.name
        for notebook in notebooks
        for cell in notebook.source_cells
        if cell.name in graded[notebook.name]
    ]


_COLUMNS = [
    "student",
    "last_name",
    "first_name",
    "problem_set",
    "score",
    "points_possible",
    "raw_score",
    "late_penalty",
    "needs_person",
    "handed_in",
    "timestamp_utc",
]


def _row(score: Score) -> list[str]:
    return [
        safe(score.student),
        safe(score.last_name),
        safe(score.first_name),
        safe(score.assignment),
        number(score.score),
        number(score.points_possible),
        number(score.raw),
        number(score.penalty),
        "yes" if score.needs_person else "no",
        "yes" if score.submitted else "no",
        score.timestamp,
    ]


# For Canvas


def export_canvas(
    gradebook: Gradebook,
    assignment: str,
    path: Path,
    *,
    template: Path | None = None,
    column: str | None = None,
    match: str = "SIS Login ID",
    by: Field = "id",
    complete_only: bool = False,
) -> Exported:
    """Write what Canvas imports in Grades, Import.

    With the file that Canvas exports (Grades, Export), the scores go into its column for the problem set, and of the
    rest only what names a student is kept: a column that is not in the file is not changed in Canvas, and an old score
    of another problem set not brought back. Without it, a file is made from the gradebook alone.

    The format is what Canvas's own importer and exporter define: ``Student``, ``ID``, ``SIS User ID``, ``SIS Login
    ID``, ``Section``, columns of assignments as ``Title (id)``, and a row ``Points Possible``
    (https://github.com/instructure/canvas-lms, lib/gradebook_importer.rb and lib/gradebook_exporter.rb; for
    instructors https://teaching.resources.osu.edu/toolsets/carmencanvas/guides/calculating-final-grades/import-csv-file-carmen-grades).

    Parameters
    ----------
    gradebook : Gradebook
    assignment : str
    path : Path
        What is written.
    template : Path or None
        What Canvas exported.
    column : str or None
        The assignment in Canvas: its column, its title or its id. None takes the one with the problem set's name.
    match : str
        The column that holds what our students are called: ``SIS Login ID``, ``SIS User ID`` or ``ID``.
    by : "id", "email" or "lms_user_id"
        What our students are called there.
    complete_only : bool
        Leave out those of whom an answer waits for a person.
    """
    scores = read_scores(gradebook, assignment)
    if match not in _CANVAS_COLUMNS[1:4]:
        raise ExportError(f"Canvas knows students by {', '.join(_CANVAS_COLUMNS[1:4])}, not by {match!r}")
    if template is None:
        return _canvas_alone(scores, path, column or assignment, match, by, complete_only)
    return _canvas_filled(scores, path, _canvas_sheet(template, path), column or assignment, match, by, complete_only)


_CANVAS_COLUMNS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
_POINTS = "    Points Possible"  # with the blanks with which Canvas writes it


def _canvas_alone(scores: list[Score], path: Path, title: str, match: str, by: Field, complete_only: bool) -> Exported:
    exported, named = _named(scores, path, by, complete_only)
    points = number(scores[0].points_possible) if scores else ""
    rows = [[*_CANVAS_COLUMNS, title], [_POINTS, "", "", "", "", points]]
    for identifier, score in named.items():
        row = [safe(score.name), "", "", "", "", number(score.score)]
        row[_CANVAS_COLUMNS.index(match)] = identifier
        rows.append(row)
    write_sheet(path, rows)
    return exported


def _canvas_sheet(template: Path, path: Path) -> Sheet:
    sheet = _other_file(template, path)
    if not {"ID", "Section"} <= set(sheet.header) or not {"Student", "LastName"} & set(sheet.header):
        raise ExportError(
            f"{template} is not what Canvas exports: it has no columns Student, ID and Section, "
            f"but {', '.join(map(repr, sheet.header))}"
        )
    return sheet


def _canvas_filled(
    scores: list[Score], path: Path, sheet: Sheet, column: str, match: str, by: Field, complete_only: bool
) -> Exported:
    section, place, grade = sheet.place("Section"), sheet.place(match), _canvas_column(sheet, column)
    students = [row for row in sheet.rows if not _is_points(row) and any(cell.strip() for cell in row[: section + 1])]
    points = next((row[grade] for row in sheet.rows if _is_points(row)), "")
    if "read only" in points:
        raise ExportError(f"{sheet.path}: Canvas computes the column {sheet.header[grade]!r} itself; choose another")
    filling = _Filling(scores, path, by, complete_only)
    number_of = sheet.place("ID")
    rows = [[*sheet.header[: section + 1], sheet.header[grade]]]
    rows.append([_POINTS, *[""] * section, points or number(scores[0].points_possible if scores else None)])
    for row in students:
        excused = row[grade].strip().upper() in {"EX", "N/A"}
        cell = filling.cell(row[place], row[grade], label=row[place].strip() or row[0], locked=excused)
        # Canvas goes by its own number of a student, where there is one, so nothing else in the row has to match.
        known = [
            cell if where == number_of or not row[number_of].strip() else safe(cell)
            for where, cell in enumerate(row[: section + 1])
        ]
        rows.append([*known, cell])
    exported = filling.done()
    exported.remarks += _points_differ(points, scores, "Canvas")
    write_sheet(path, rows)
    return exported


def _is_points(row: list[str]) -> bool:
    return "Points Possible" in row[0]


def _canvas_column(sheet: Sheet, wanted: str) -> int:
    """Return the column of an assignment, by all of its header, its title or its id."""
    titles = list(islice(enumerate(sheet.header), sheet.place("Section") + 1, None))
    ways: tuple[Callable[[str], str], ...] = (
        lambda header: header,
        lambda header: re.sub(r"\s*\(\d+\)$", "", header).casefold(),
        lambda header: (re.search(r"\((\d+)\)$", header) or ["", ""])[1],
    )
    for way, name in zip(ways, (wanted, wanted.casefold(), wanted), strict=True):
        places = [place for place, header in titles if way(header) == name]
        if len(places) == 1:
            return places[0]
    there = ", ".join(repr(header) for _, header in titles) or "none"
    raise SheetError(f"{sheet.path}: no column, or more than one, is that of {wanted!r}. Choose one of these: {there}")


# For Moodle


def export_moodle(
    gradebook: Gradebook,
    assignment: str,
    path: Path,
    *,
    identifier: str = "ID number",
    by: Field | None = None,
    title: str | None = None,
    complete_only: bool = False,
) -> Exported:
    """Write what Moodle imports in Grades, Import, CSV file: a row a student, with identifier and score.

    Moodle asks which column is which: ``Identify users by`` is the first, and the second goes to a new or an existing
    grade item (https://docs.moodle.org/311/en/Grade_import; https://github.com/moodle/moodle,
    grade/import/csv/classes/load_data.php). One identifier that it doesn't know makes it refuse the whole file.

    Parameters
    ----------
    gradebook : Gradebook
    assignment : str
    path : Path
        What is written.
    identifier : str
        ``ID number``, ``Email address`` or ``Username``.
    by : "id", "email", "lms_user_id" or None
        What of a student goes there; None takes the email address for one, and the id for the others.
    title : str or None
        The grade item; None is the problem set's name.
    complete_only : bool
        Leave out those of whom an answer waits for a person.
    """
    if identifier not in MOODLE_IDENTIFIERS:
        raise ExportError(f"Moodle finds students by {', '.join(MOODLE_IDENTIFIERS)}, not by {identifier!r}")
    scores = read_scores(gradebook, assignment)
    exported, named = _named(scores, path, by or MOODLE_IDENTIFIERS[identifier], complete_only)
    rows = [[identifier, title or assignment]]
    rows += [[name, number(score.score)] for name, score in named.items()]
    write_sheet(path, rows)
    return exported


def export_worksheet(
    gradebook: Gradebook,
    assignment: str,
    path: Path,
    *,
    worksheet: Path,
    match: str = "Email address",
    by: Field | None = None,
    grade: str = "Grade",
    complete_only: bool = False,
) -> Exported:
    """Fill the offline grading worksheet of an assignment in Moodle.

    Moodle writes it (Submissions, Download grading worksheet) and reads it back (Upload grading worksheet). It goes by
    the columns ``Identifier``, ``Grade`` and ``Last modified (grade)``, so all rows and columns stay
    (https://github.com/moodle/moodle, mod/assign/feedback/offline/importgradeslib.php).

    Parameters
    ----------
    gradebook : Gradebook
    assignment : str
    path : Path
        What is written.
    worksheet : Path
        What Moodle wrote.
    match : str
        The column that holds what our students are called. In ``Identifier``, which says ``Participant 1234``, the
        number counts; it also stands in the names of the files that Moodle packs.
    by : "id", "email", "lms_user_id" or None
        What our students are called there; None takes the email address for ``Email address``, and the id otherwise.
    grade : str
        The column to fill, if Moodle speaks another language.
    complete_only : bool
        Leave those as they are of whom an answer waits for a person.
    """
    scores = read_scores(gradebook, assignment)
    sheet = _other_file(worksheet, path)
    place, filled = sheet.place(match), sheet.place(grade)
    filling = _Filling(scores, path, by or MOODLE_IDENTIFIERS.get(match, "id"), complete_only)
    at = {name: sheet.header.index(name) for name in _WORKSHEET if name in sheet.header}
    read_back = {0, filled, *(at[name] for name in ("Last modified (grade)", "Feedback comments") if name in at)}
    rows = [sheet.header]
    for row in sheet.rows:
        name = row[place].split()[-1] if match == "Identifier" and row[place].strip() else row[place]
        locked = "Grade can be changed" in at and row[at["Grade can be changed"]].strip() == "No"
        cell = filling.cell(name, row[filled], label=row[place].strip() or row[0], locked=locked)
        rows.append([
            cell if where == filled else text if where in read_back else safe(text) for where, text in enumerate(row)
        ])  # fmt: skip
    exported = filling.done()
    if "Maximum Grade" in at and sheet.rows:
        exported.remarks += _points_differ(sheet.rows[0][at["Maximum Grade"]], scores, "Moodle")
    write_sheet(path, rows)
    return exported


_WORKSHEET = ("Last modified (grade)", "Feedback comments", "Grade can be changed", "Maximum Grade")


# For both


def _named(scores: list[Score], path: Path, by: Field, complete_only: bool) -> tuple[Exported, dict[str, Score]]:
    """Return the scores by identifier, without those that can't go into a file that is made from nothing."""
    filling = _Filling(scores, path, by, complete_only)
    unsafe = [identifier for identifier in filling.scores if safe(identifier) != identifier]
    for identifier in filling.scores:
        if identifier not in unsafe:
            filling.cell(identifier, "", label=identifier)
    exported = filling.done()
    if unsafe:
        exported.remarks.append(
            "Left out, since a spreadsheet would take them for formulas: " + plain(", ".join(unsafe))
        )
    return exported, {name: score for name, score in filling.scores.items() if score.student in exported.written}


class _Filling:
    """Fills the cells of a file that names students, and keeps account of who is missing on which side."""

    def __init__(self, scores: Iterable[Score], path: Path, by: Field, complete_only: bool):
        if by not in FIELDS:
            raise ExportError(f"a student in the gradebook has {', '.join(FIELDS)}, not {by!r}")
        self.complete_only = complete_only
        self.exported = Exported(path)
        self.scores: dict[str, Score] = {}
        self.idle: set[str] = set()  # identifiers of those who handed in nothing
        self.seen: set[str] = set()
        for score in scores:
            self._add(score, _same(score.identifier(by)))

    def _add(self, score: Score, identifier: str) -> None:
        if not score.submitted:
            self.exported.not_submitted.append(score.student)
            self.idle.add(identifier)
            return
        if score.needs_person:
            self.exported.waiting.append(score.student)
        if not identifier:
            self.exported.absent.append(score.student)
        elif identifier in self.scores:
            both = f"{self.scores[identifier].student!r} and {score.student!r}"
            raise ExportError(f"{both} are both called {identifier!r}: correct one in the gradebook")
        else:
            self.scores[identifier] = score

    def cell(self, identifier: str, before: str, *, label: str, locked: bool = False) -> str:
        """Return what goes into the cell of a student whom the file calls so."""
        identifier = _same(identifier)
        if identifier and identifier in self.seen:
            raise ExportError(f"{identifier!r} stands twice in the file that is to be filled")
        self.seen.add(identifier)
        score = self.scores.get(identifier)
        if score is None:
            if identifier not in self.idle or not identifier:
                self.exported.unknown.append(label)
            return before
        if locked:
            self.exported.held.append(score.student)
        if locked or (self.complete_only and score.needs_person):
            return before
        self.exported.written.append(score.student)
        return number(score.score)

    def done(self) -> Exported:
        """Return the account."""
        missing = (score.student for identifier, score in self.scores.items() if identifier not in self.seen)
        self.exported.absent = sorted([*self.exported.absent, *missing])
        return self.exported


def _same(identifier: str) -> str:
    """Return an identifier so that both sides compare: an ü of a folder's name may be two characters."""
    return unicodedata.normalize("NFC", identifier.strip())


def _other_file(source: Path, path: Path) -> Sheet:
    if source.exists() and path.exists() and source.samefile(path):
        raise ExportError(f"{path} is the file that is read: give another name to write to")
    return read_sheet(source)


def _points_differ(theirs: str, scores: list[Score], where: str) -> list[str]:
    try:
        points = float(theirs.strip().replace(",", "."))
    except ValueError:
        return []
    if not scores or points == scores[0].points_possible:
        return []
    ours = number(scores[0].points_possible)
    return [f"{where} has {number(points)} points for this, the gradebook {ours}: scores are written as they are."]
