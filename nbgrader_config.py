"""The course, as nbgrader reads it. Run nbgrader's commands from this directory."""

import os
import sys

from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, DeduplicateIds, OverwriteCells, OverwriteKernelspec

c = get_config()

c.CourseDirectory.course_id = "attention-from-the-ground-up"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
# The masters' text form holds the solutions and the hidden tests: it must not be copied into a release.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "__pycache__", "*.pyc", "*.md"]

c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("Write your code here, in place of this line.")'}
c.ClearSolutions.text_stub = "*Double-click here and write your answer in place of this line.*"

# An endless cell is stopped; the cells after it are still run and graded.
c.ExecutePreprocessor.timeout = 60
c.ExecutePreprocessor.interrupt_on_timeout = True


class ForgetCopies(DeduplicateIds):
    """Make a copied cell the student's own: nbgrader leaves it half marked, and then stops the batch over it."""

    def preprocess_cell(self, cell, resources, cell_index):
        """Take the mark off a cell whose name is there already."""
        cell, resources = super().preprocess_cell(cell, resources, cell_index)
        if cell.metadata.get("nbgrader") == {}:
            del cell.metadata["nbgrader"]
        return cell, resources


c.Autograde.sanitize_preprocessors = [
    ClearOutput,
    ForgetCopies,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]

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
