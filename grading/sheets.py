"""CSV files that people open in spreadsheets and learning management systems read: strictly read, safely written.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, quoted or not, and a formula can
send what stands in the sheet elsewhere. Student ids, names and diagnoses are made by students. So an apostrophe comes
before such text (https://owasp.org/www-community/attacks/CSV_Injection). Numbers are written by :func:`number`.
"""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grading.course import CourseError
from grading.keeping import write_whole

_BOM = "\ufeff"
# Where a cell may begin: also after a separator of another locale, or a line's end, of a sheet that is read wrongly.
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[\s\"']*[=+\-@＝＋－＠])|^(?=[\t\r\n])")


class SheetError(CourseError):
    """A file can't be read as a table, or lacks a column; the message says what to do."""


@dataclass(frozen=True)
class Sheet:
    """A table of text with a header; every row is as long as the header."""

    path: Path
    header: list[str]
    rows: list[list[str]]

    def place(self, name: str) -> int:
        """Return where a column is.

        Raises
        ------
        SheetError
            If there is none, or more than one.
        """
        places = [place for place, title in enumerate(self.header) if title == name]
        if len(places) != 1:
            said = "no column" if not places else f"{len(places)} columns"
            raise SheetError(f"{self.path} has {said} {name!r}. Its columns are {', '.join(map(repr, self.header))}")
        return places[0]


def safe(text: str) -> str:
    """Return text that no spreadsheet takes for a formula.

    Examples
    --------
    >>> safe("=1+1"), safe("Ada; =1"), safe("Ada-Maria"), safe("-")
    ("'=1+1", "Ada;' =1", 'Ada-Maria', '-')
    """
    return text if text.strip() == "-" else _FORMULA.sub(r"\1'", text)


def plain(text: str) -> str:
    """Return text in one line, without anything that would steer a terminal or turn the line's direction.

    Examples
    --------
    >>> plain("red \\x1b[31mand \\u202e\\n turned")
    'red [31mand turned'
    """
    visible = "".join(letter for letter in text if letter.isspace() or unicodedata.category(letter)[0] != "C")
    return " ".join(visible.split())


def number(value: float | None) -> str:
    """Return a number with a decimal point and at most four places, and nothing for None.

    Examples
    --------
    >>> number(12.0), number(2.5), number(1 / 3), number(-0.0), number(None)
    ('12', '2.5', '0.3333', '0', '')
    """
    if value is None:
        return ""
    if not math.isfinite(value):
        raise SheetError(f"the gradebook holds a score that is no number: {value}")
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def read_sheet(path: Path) -> Sheet:
    """Read a table that was saved as CSV in UTF-8, separated by commas, semicolons or tabs.

    Raises
    ------
    SheetError
        If it isn't one.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SheetError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SheetError(
            f"{path} is not in UTF-8: save it as 'CSV UTF-8', or take the file as it was exported"
        ) from error
    if not text.strip():
        raise SheetError(f"{path} is empty")
    return _sheet(path, text)


def _sheet(path: Path, text: str) -> Sheet:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    rows: list[list[str]] = []
    header: list[str] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = [cell.strip() for cell in row]
                continue
            if any(cell.strip() for cell in row[len(header) :]):
                raise SheetError(f"{path}, line {reader.line_num}: there are more cells than the header has")
            rows.append([*row[: len(header)], *[""] * (len(header) - len(row))])
    except csv.Error as error:
        raise SheetError(f"{path}, line {reader.line_num}: {error}") from error
    return Sheet(path, header, rows)


def _delimiter(text: str) -> str:
    first = text.lstrip().splitlines()[0]
    return max(",;\t", key=lambda separator: len(next(csv.reader([first], delimiter=separator))))


def write_sheet(path: Path, rows: Iterable[Sequence[str]], *, spreadsheet: bool = False) -> None:
    """Write rows whole or not at all; with ``spreadsheet`` the mark that Excel needs to read UTF-8 comes first."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_whole(path, (_BOM if spreadsheet else "") + text.getvalue())
