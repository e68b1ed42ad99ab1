"""A course, as nbgrader's configuration describes it: where masters, submissions and the gradebook lie."""

import glob
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.apps.baseapp import NbGrader
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import parse_utc
from traitlets.config import Config

from grading.limits import Limits
from grading.splicing import read_file, read_master

_TIMESTAMP_MB = 0.001
_OFFSET = re.compile(r" (?=[+-]\d\d:?\d\d$)")  # nbgrader misreads an offset from UTC that stands apart
TIMESTAMP = "timestamp.txt"
"""The file in which nbgrader's collectors write when something was handed in."""


class CourseError(Exception):
    """The course's directory lacks something; the message says what to do."""


@dataclass(frozen=True)
class Submission:
    """What one student handed in for one problem set."""

    student: str
    assignment: str
    path: Path
    """Where the notebook should lie, whether it does or not."""


class Course:
    """A course directory with its configuration."""

    def __init__(self, coursedir: CourseDirectory, config: Config):
        self.directory, self.config = coursedir, config

    @classmethod
    def load(cls) -> "Course":
        """Read the configuration as nbgrader's commands do, from ``nbgrader_config.py`` in the current directory."""
        app = NbGrader()
        app.load_config_file()
        return cls(CourseDirectory(parent=app), app.config)

    @property
    def root(self) -> Path:
        """The directory that everything lies in."""
        return Path(self.directory.root)

    @property
    def limits(self) -> Limits:
        """The limits of the configuration's section ``Limits``, the rest as they are by default."""
        return Limits(**self.config.get("Limits", {}))

    @property
    def resubmission(self) -> str:
        """Which submission counts when there is a new one: ``later`` (as by default) or ``better``."""
        return self.config.get("Resubmission", {}).get("policy", "later")

    def open_gradebook(self) -> Gradebook:
        """Open the gradebook, which is to be closed."""
        return Gradebook(self.directory.db_url, self.directory.course_id)

    def path(self, step: str, student: str, assignment: str) -> Path:
        """Return the directory of a submission at one step: ``submitted``, ``autograded`` or ``feedback``."""
        return Path(self.directory.format_path(getattr(self.directory, f"{step}_directory"), student, assignment))

    def master(self, assignment: str) -> NotebookNode:
        """Return the master of a problem set."""
        directory = self.directory.format_path(self.directory.source_directory, ".", assignment)
        return read_master(Path(directory) / f"{assignment}.ipynb")

    def submissions(self, assignment: str) -> list[Submission]:
        """Return what was handed in for a problem set, one for each folder of a student."""
        anybody = str(self.path("submitted", "*", assignment))
        pattern = re.escape(str(self.path("submitted", "@@", assignment))).replace("@@", "([^/]+)")
        found = (re.fullmatch(pattern, directory) for directory in sorted(glob.glob(anybody)))
        return [Submission(match[1], assignment, Path(match[0]) / f"{assignment}.ipynb") for match in found if match]


def timestamp(directory: Path) -> datetime | None:
    """Return when a submission was handed in (UTC, without a zone), or None where its ``timestamp.txt`` doesn't say.

    Students may have made that file too: a link isn't followed, a pipe not waited for, nonsense not taken.
    """
    try:
        text = read_file(directory / TIMESTAMP, _TIMESTAMP_MB).decode().strip()
        return parse_utc(_OFFSET.sub("", text))
    except (ValueError, OverflowError):  # UnreadableError is one of them
        return None
