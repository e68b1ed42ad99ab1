"""What `nbgrader autograde` uses of grading, by its own configuration: no command is typed differently.

An exporter reads the submitted file and hands on the spliced notebook. A preprocessor takes the place of nbgrader's
``Execute``. All others of the list stay nbgrader's own.
"""

import atexit
import os
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool
from traitlets.config import Config

from grading import sandbox
from grading.course import Course, Grader
from grading.running import write
from grading.splicing import splice_file


class SubmissionExporter(NotebookExporter):
    """Reads submitted notebooks as what anyone may have made; those that were graded before, as they are.

    Nothing but notebooks is read: other files of a submission, links and devices among them, stay where they are.
    """

    def __init__(self, config: Config | None = None, **options: Any):
        super().__init__(config=config, **options)
        whole = self.parent.coursedir
        settings = {name: getattr(whole, name) for name in whole.trait_names(config=True)}
        self.parent.coursedir = CourseDirectory(parent=whole.parent, **settings | {"ignore": ["*"]})

    def from_filename(self, filename: str, resources: dict | None = None, **options: Any) -> tuple[str, dict]:
        """Return the spliced notebook of a submitted file, after the preprocessors."""
        course = Course(self.parent.coursedir, self.config)
        about = (resources or {}).get("nbgrader", {})
        directory = course.path("submitted", about["student"], about["assignment"])
        if os.path.abspath(os.path.dirname(filename)) != os.path.abspath(directory):
            return super().from_filename(filename, resources=resources, **options)
        path = directory / os.path.basename(filename)
        notebook = splice_file(path, course.master(about["assignment"]), course.limits, self.config)
        return self.from_notebook_node(notebook, resources=resources, **options)


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
        report = _grader(course, resources["nbgrader"]["assignment"], self.sandbox).run(nb)
        for remark in report.remarks:
            self.log.warning(remark)
        return write(report, nb), resources


_graders: dict[tuple, Grader] = {}


def _grader(course: Course, assignment: str, walls: bool) -> Grader:
    """Return what runs a problem set's notebooks, started once for all that one command grades."""
    name = (str(course.root), assignment, walls)
    if name not in _graders:
        if walls:
            sandbox.require()
        _close_graders()
        grader = Grader(course.master(assignment), course.limits, sandbox=walls)
        _graders[name] = grader.__enter__()
    return _graders[name]


@atexit.register
def _close_graders() -> None:
    for grader in _graders.values():
        grader.__exit__(None, None, None)
    _graders.clear()
