"""Masters in solutions/ -> the problem sets in exercises/, by nbgrader's own converter."""

import os
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config, PyFileConfigLoader

from publishing.settings import ROOT


def problem_sets(root: Path = ROOT) -> list[str]:
    """Return the names of the problem sets that have a master."""
    return sorted(path.parent.name for path in root.glob("solutions/ps*/ps*.ipynb"))


class ReleaseError(RuntimeError):
    """nbgrader could not make a release of a master."""


def release_all(root: Path = ROOT) -> list[Path]:
    """Replace exercises/ by a fresh release of every master; return the folders that were made."""
    with tempfile.TemporaryDirectory() as scratch:
        released = generate(Path(scratch), root)
        for name in released:
            shutil.rmtree(root / "exercises" / name, ignore_errors=True)
            shutil.copytree(Path(scratch) / name, root / "exercises" / name)
    return [root / "exercises" / name for name in released]


def generate(target: Path, root: Path = ROOT) -> list[str]:
    """Release every master into ``target``, with a gradebook that is thrown away."""
    names = problem_sets(root)
    with tempfile.TemporaryDirectory() as scratch, _programs_on_path():
        config = _course_config(root, target, Path(scratch) / "gradebook.db")
        for name in names:
            api = NbGraderAPI(CourseDirectory(config=config), config=config)
            outcome = api.generate_assignment(name, force=True)
            if not outcome["success"]:
                raise ReleaseError(f"nbgrader could not release {name}:\n{outcome['log']}\n{outcome.get('error', '')}")
    return names


def _course_config(root: Path, release: Path, gradebook: Path) -> Config:
    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.release_directory = str(release)
    config.CourseDirectory.db_url = f"sqlite:///{gradebook}"
    return config


@contextmanager
def _programs_on_path() -> Iterator[None]:
    """nbgrader calls alembic by name, which a virtual environment that isn't activated doesn't have on its path."""
    before = os.environ["PATH"]
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before
