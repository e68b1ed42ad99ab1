"""Which of two submissions counts when a student hands in again."""

from typing import Literal

Policy = Literal["later", "better"]
POLICIES: tuple[Policy, ...] = ("later", "better")


def keep(previous: float | None, new: float, policy: Policy) -> bool:
    """Return whether the new submission takes the place of the one that was graded before.

    Parameters
    ----------
    previous : float or None
        The score that is recorded, late penalty taken off; None where nothing was graded.
    new : float
        The score of the new submission, late penalty taken off.
    policy : "later" or "better"
        At equal scores the later one is kept, since its feedback is about what the student wrote last.

    Examples
    --------
    >>> keep(12.0, 10.0, "later"), keep(12.0, 10.0, "better"), keep(None, 0.0, "better")
    (True, False, True)
    """
    if policy not in POLICIES:
        raise ValueError(f"a resubmission is kept if it is {' or '.join(POLICIES)}, got {policy!r}")
    return policy == "later" or previous is None or new >= previous
