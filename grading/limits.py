"""The limits under which a submission is graded, in one place."""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Limits:
    """What a submission may take. Every limit is a number above 0."""

    call_seconds: float = 10
    """Seconds that a test waits for one call of the student's code."""
    cell_seconds: float = 60
    """Seconds for one cell, an answer or a test."""
    notebook_seconds: float = 600
    """Seconds for a whole notebook."""
    memory_mb: float = 2048
    """Memory of everything in a sandbox, its temporary files included."""
    processes: int = 64
    """Processes and threads in a sandbox."""
    file_mb: float = 64
    """Size of one file that is written."""
    temporary_mb: float = 256
    """Size of all temporary files."""
    output_kb: float = 256
    """What is kept of a cell's output."""
    message_kb: float = 1024
    """Size of one message of the kernel."""
    value_mb: float = 64
    """Size of one message with values between tests and answers."""
    values: int = 100_000
    """Number of values in one such message."""
    depth: int = 32
    """How deep values may lie in one another."""
    calls: int = 20_000
    """Calls of one test cell."""
    submission_mb: float = 8
    """Size of a submitted file."""

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ValueError(f"{field.name} must be a number above 0, got {value!r}")

    def to_json(self) -> dict[str, Any]:
        """Return the limits as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Limits":
        """Return the limits that :meth:`to_json` wrote."""
        return cls(**content)
