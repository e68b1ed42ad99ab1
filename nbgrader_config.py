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

# The seed of the hidden tests' inputs. Set your own before grading: students who know it know the inputs.
os.environ.setdefault("ATTNLIB_COURSE_SEED", "20260901")
