"""What `nbgrader autograde` uses of grading, by its own configuration: no command is typed differently.

An exporter reads the submitted file and hands on the spliced notebook. A preprocessor takes the place of nbgrader's
``Execute``. All others of the list stay nbgrader's own.
"""

import os
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from sqlalchemy.exc import SAWarning
from traitlets import Bool
from traitlets.config import Config

from grading import sandbox
from grading.course import TIMESTAMP, Course, timestamp
from grading.grader import Grader, KeptGrader
from grading.keeping import write_whole
from grading.recording import require_no_link
from grading.running import write
from grading.splicing import note, splice_file


class SubmissionExporter(NotebookExporter):
    """Reads submitted notebooks as what anyone may have made; those that were graded before, as they are.

    Nothing but notebooks is read: other files of a submission, links and devices among them, stay where they are.
    """

    def __init__(self, config: Config | None = None, **options: Any):
        super().__init__(config=config, **options)
        if RunInSandbox(parent=self).sandbox:
            self._require_sandbox()
        warnings.filterwarnings("ignore", category=SAWarning, module="nbgrader")  # its own queries cause some
        whole = self.parent.coursedir
        settings = {name: getattr(whole, name) for name in whole.trait_names(config=True)}
        self.parent.coursedir = _Submissions(parent=whole.parent, **settings | {"ignore": ["*"]})

    def _require_sandbox(self) -> None:
        """Say it once, before the first submission, where there are no sandboxes."""
        try:
            sandbox.require()
        except sandbox.SandboxMissingError as error:
            self.log.error(str(error))
            raise NbGraderException(str(error)) from error

    def from_filename(self, filename: str, resources: dict | None = None, **options: Any) -> tuple[str, dict]:
        """Return the spliced notebook of a submitted file, after the preprocessors."""
        course = Course(self.parent.coursedir, self.config)
        about = (resources or {}).get("nbgrader", {})
        directory = course.path("submitted", about["student"], about["assignment"])
        if os.path.abspath(os.path.dirname(filename)) != os.path.abspath(directory):
            return super().from_filename(filename, resources=resources, **options)
        path = directory / os.path.basename(filename)
        graded = course.path("autograded", about["student"], about["assignment"])
        require_no_link(graded / path.name)
        notebook = splice_file(path, course.master(about["assignment"]), course.limits, self.config)
        handed_in = timestamp(directory)
        if handed_in is not None:  # what is graded says so too: nbgrader tells by it what is newer
            write_whole(graded / TIMESTAMP, f"{handed_in} UTC\n")
        return self.from_notebook_node(notebook, resources=resources, **options)


class _Submissions(CourseDirectory):
    """The course's directory, whose students may have put anything into the place of a file."""

    def get_existing_timestamp(self, dest_path: str) -> datetime | None:
        """Return when a submission was handed in, where it says so."""
        return timestamp(Path(dest_path))


class RunInSandbox(NbGraderPreprocessor):
    """Runs the answers in a sandbox and the tests out of their reach, in the place of ``Execute``."""

    sandbox = Bool(
        True, help="Whether students' code runs in a sandbox. Without one it has all the rights that you have."
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Run a spliced notebook and write what came of it under its tests."""
        if not self.sandbox:
            self.log.warning("NO SANDBOX: the code of this submission runs with all the rights that you have.")
        course = Course(self.parent.parent.coursedir, self.config)
        assignment, walls = resources["nbgrader"]["assignment"], self.sandbox

        def make() -> Grader:
            return Grader(course.master(assignment), course.limits, sandbox=walls)

        with _kept_grader.use((str(course.root), assignment, walls), make) as grader:
            report = grader.run(nb)
        for remark in report.remarks:
            self.log.warning(remark)
        return note(write(report, nb), report.remarks), resources


_kept_grader = KeptGrader()  # started once for all that one command grades
