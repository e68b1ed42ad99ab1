"""Late policies: nothing, zero, or some percent of the score for each day that has begun, up to a cap.

In ``nbgrader_config.py``::

    from grading.late import LatePolicy

    c.AssignLatePenalties.plugin_class = LatePolicy
    c.LatePolicy.penalty_method = "percent"
    c.LatePolicy.rate = 10  # percent of the score, for each day that has begun
    c.LatePolicy.cap = 50  # never more than half of the score
    c.LatePolicy.grace_minutes = 15

nbgrader takes the due date from the assignment and extensions from ``Gradebook.grant_extension``.
"""

import math

from nbgrader.api import Gradebook
from nbgrader.plugins import BasePlugin, LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties
from traitlets import Enum, Float
from traitlets.config import Config

_DAY = 24 * 60 * 60


class LatePolicy(LateSubmissionPlugin):
    """What a late submission loses. Its traits are settings of nbgrader's configuration."""

    penalty_method = Enum(
        ("none", "zero", "percent"),
        default_value="none",
        help="none: nothing is lost; zero: all is lost; percent: see rate, cap and grace_minutes.",
    ).tag(config=True)
    rate = Float(
        10.0, min=0, max=100, help="Percent of the score that is lost for each day that has begun after the due date."
    ).tag(config=True)
    cap = Float(100.0, min=0, max=100, help="Percent of the score that is lost at most.").tag(config=True)
    grace_minutes = Float(
        0.0,
        min=0,
        help="Minutes after the due date that cost nothing. Later, days count from the due date all the same.",
    ).tag(config=True)

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """Return how many points are lost, never more than there are, or None where nothing is.

        Parameters
        ----------
        student_id : str
        score : float
            What the notebook has earned.
        total_seconds_late : float
            Seconds after the due date, extensions counted.

        Examples
        --------
        >>> policy = LatePolicy(penalty_method="percent", rate=10, cap=50, grace_minutes=15)
        >>> policy.late_submission_penalty("ada", 20, 16 * 60)
        2.0
        >>> policy.late_submission_penalty("ada", 20, 30 * 24 * 60 * 60)
        10.0
        """
        if self.penalty_method == "none" or total_seconds_late <= 60 * self.grace_minutes:
            return None
        score = max(score, 0.0)
        return score if self.penalty_method == "zero" else min(score * self._percent(total_seconds_late) / 100, score)

    def _percent(self, seconds: float) -> float:
        return min(self.rate * math.ceil(seconds / _DAY), self.cap)


def configured_policy(config: Config) -> BasePlugin:
    """Return the policy that a course's configuration asks for, nbgrader's own or ours."""
    preprocessor = AssignLatePenalties(config=config)
    preprocessor.init_plugin()
    return preprocessor.plugin_inst


def update_penalties(gradebook: Gradebook, assignment: str, policy: BasePlugin) -> dict[str, float]:
    """Work the penalties of a problem set out anew from the scores as they are now, and return them by student.

    nbgrader works them out while it grades automatically. What a person gives afterwards for a written answer, or takes
    back, would be left out of them, and "zero" would not be zero. So this comes before every export.

    Raises
    ------
    nbgrader.api.MissingEntry
        If the gradebook doesn't know the problem set.
    """
    gradebook.find_assignment(assignment)
    penalties = {}
    for submission in gradebook.assignment_submissions(assignment):
        late = submission.total_seconds_late
        for notebook in submission.notebooks:
            # Points that a person took off may leave a score below zero: there is nothing to take from it then.
            score = max(notebook.score, 0.0)
            penalty = policy.late_submission_penalty(submission.student.id, score, late) if late > 0 else None
            if penalty is not None:
                penalty = min(max(penalty, 0.0), score)
            notebook.late_submission_penalty = penalty
            penalties[submission.student.id] = penalties.get(submission.student.id, 0.0) + (penalty or 0.0)
    gradebook.db.commit()
    return penalties
