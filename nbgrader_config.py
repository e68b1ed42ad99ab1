"""The course, as nbgrader reads it. Run nbgrader's commands from this directory."""

import os
import sys

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearHiddenTests,
    GetGrades,
    OverwriteCells,
    SaveAutoGrades,
)

c = get_config()

c.CourseDirectory.course_id = "attention-from-the-ground-up"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
# The masters' text form holds the solutions and the hidden tests: it must not be copied into a release.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "__pycache__", "*.pyc", "*.md"]

c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("Write your code here, in place of this line.")'}
c.ClearSolutions.text_stub = "*Double-click here and write your answer in place of this line.*"

# Grading: answers are put into the master and run in a sandbox, tests run out of their reach. See grading/.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from grading.late import LatePolicy  # noqa: E402
from grading.nbgrader_plugin import RunInSandbox, SubmissionExporter  # noqa: E402

c.Autograde.exporter_class = SubmissionExporter
c.Autograde.sanitize_preprocessors = [OverwriteCells, CheckCellMetadata]
c.Autograde.autograde_preprocessors = [RunInSandbox, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata]
# What a submission may take: every limit of grading/limits.py can be set here.
c.Limits.call_seconds = 10
c.Limits.notebook_seconds = 600
# Which one counts when a student hands in again: the "later", or the "better".
c.Resubmission.policy = "later"
# What a late one loses: "none", "zero", or "percent" with a rate for each day that has begun, and a cap.
c.AssignLatePenalties.plugin_class = LatePolicy
c.LatePolicy.penalty_method = "none"
c.LatePolicy.rate = 10
c.LatePolicy.cap = 50
# What students get back shows the tests that they know, and is text: no script in it runs.
c.GenerateFeedback.preprocessors = [GetGrades, ClearHiddenTests, CSSHTMLHeaderPreprocessor]
c.HTMLExporter.sanitize_html = True

# How `nbgrader zip_collect` reads a file's name: the student before the first underscore, the problem set at the end,
# as in ada_ps1.ipynb or lovelaceada_1234_5678_ps1.ipynb, with or without the -1 or (1) of a second upload. Change it
# to what your learning management system writes.
c.FileNameCollectorPlugin.named_regexp = (
    r".*/(?P<student_id>[^/_]+)_(?:[^/]*_)?(?P<file_id>ps\d+)(?:-\d+| ?\(\d+\))?\.ipynb"
)

# The seed of the hidden tests' inputs. Set your own before grading: students who know it know the inputs.
seed = os.environ.get("ATTNLIB_COURSE_SEED") or "20260901"
if not (seed.isascii() and seed.isdecimal()):
    sys.exit(f"ATTNLIB_COURSE_SEED must be a whole number, got {seed!r}")  # an Exception here would only be logged
os.environ["ATTNLIB_COURSE_SEED"] = seed
