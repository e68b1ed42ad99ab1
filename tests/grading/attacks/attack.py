"""What an attack is: a submission in the form of any problem set.

Each attack takes the place of one answer, the target's; all other answers are right. The target's answer is wrong in
every attack that is after points, so that a point for it is a point that wasn't earned.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

WRONG = """def {name}(*arguments, **keywords):
    return 0.5
"""


@dataclass(frozen=True)
class Attack:
    """One attack."""

    tries: str
    """What it is after."""
    code: str = ""
    """Goes above the answer in the target's cell; ``{name}`` is the target, ``{root}`` where the course lies."""
    answer: str = WRONG
    """The target's answer; ``{solution}`` in it is the right one, and ``{visible}`` the number
    of calls that the visible part of its test makes."""
    change: Callable[[dict, str], dict] = lambda notebook, name: notebook
    """What is done to the rest of the notebook."""
    sabotage: bool = False
    """Whether it may cost its author points of other answers too: it breaks the kernel that reads them."""
    lost: bool = True
    """Whether the target's points are lost; where not, its answer is right and the attack is after something else."""
    said: str = ""
    """What the diagnosis has to say, where it matters."""
    files: dict[str, str] = field(default_factory=dict)
    """Files that lie beside the notebook."""


class Attacks(dict[str, Attack]):
    """Attacks by name."""

    def add(self, name: str, tries: str, **parts: object) -> None:
        """Add an attack."""
        self[name] = Attack(tries, **parts)


def marks_of(cell: dict) -> dict:
    """Return nbgrader's marks of a cell."""
    return cell["metadata"].get("nbgrader", {})
