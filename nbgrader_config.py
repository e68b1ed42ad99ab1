"""The course, as nbgrader reads it. Run nbgrader's commands from this directory."""

import os

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

# How `nbgrader zip_collect` reads a file's name: the student before the first underscore, the problem set at the end,
# as in ada_ps1.ipynb or lovelaceada_1234_5678_ps1.ipynb. Change it to what your learning management system writes.
c.FileNameCollectorPlugin.named_regexp = r".*/(?P<student_id>[^/_]+)_(?:[^/]*_)?(?P<file_id>ps\d+\.ipynb)"

# The seed of the hidden tests' inputs. Set your own before grading: students who know it know the inputs.
os.environ.setdefault("ATTNLIB_COURSE_SEED", "20260901")
