"""What tests need of the machine besides Python: where it is missing they are left out, and one line says so.

Where ``ATTNLIB_REQUIRE_SANDBOX`` or ``ATTNLIB_REQUIRE_POSTGRES`` is set, as in CI, they run all the same, and fail.
"""

import os
import shutil
from functools import cache
from pathlib import Path

import pytest

from grading import sandbox

NO_SANDBOX = "sandboxes don't work here: see the README"
NO_POSTGRES = "PostgreSQL's server is not installed here (Debian, Ubuntu: apt install postgresql)"


def leave_out(items: list[pytest.Item]) -> None:
    """Mark the tests to be skipped for which something is missing."""
    for mark, is_there, reason in (("sandbox", _sandboxes, NO_SANDBOX), ("postgres", _postgres, NO_POSTGRES)):
        marked = [item for item in items if item.get_closest_marker(mark)]
        if marked and f"ATTNLIB_REQUIRE_{mark.upper()}" not in os.environ and not is_there():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=reason))


@cache
def _sandboxes() -> bool:
    try:
        sandbox.require()
    except sandbox.SandboxMissingError:
        return False
    return True


def _postgres() -> bool:
    return all(program(name) for name in ("initdb", "pg_ctl"))


def program(name: str) -> str | None:
    """Return where one of the programs of PostgreSQL's server lies."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name) or next((str(each / name) for each in places if (each / name).is_file()), None)
