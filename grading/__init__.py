"""Grading: what instructors run, so that code which nobody has vouched for can be graded."""
