"""Reports that are kept, so that what has not changed is not run again, and a batch that was killed goes on."""

import hashlib
import json
import os
import platform
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from nbformat import NotebookNode

from grading.limits import Limits
from grading.packages import package_directory
from grading.running import Report

_LIBRARIES = ("attnlib", "ipykernel", "numpy", "torch")


def environment() -> dict[str, str]:
    """Return what a result depends on besides notebook and limits: versions, and the code of attnlib and grading."""
    digest = hashlib.sha256()
    for directory in (package_directory(), Path(__file__).parent):
        for path in sorted(directory.rglob("*.py")):
            digest.update(path.relative_to(directory).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    versions = {name: version(name) for name in _LIBRARIES}
    return {"python": platform.python_version(), **versions, "code": digest.hexdigest()}


def key(notebook: NotebookNode, limits: Limits, seed: str, sandbox: bool, surroundings: dict[str, str]) -> str:
    """Return the name of a result: another answer, test, limit, seed or version has another name."""
    cells = [(cell.cell_type, cell.source, cell.metadata.get("nbgrader")) for cell in notebook.cells]
    content = [cells, notebook.metadata, asdict(limits), seed, sandbox, surroundings]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Kept:
    """A directory of reports by key."""

    def __init__(self, directory: Path):
        self.directory = directory

    def get(self, name: str) -> Report | None:
        """Return a report, or None where there is none that can be read."""
        try:
            return Report.from_json(json.loads(self._path(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def put(self, name: str, report: Report) -> None:
        """Keep a report; it is there as a whole or not at all."""
        write_whole(self._path(name), json.dumps(report.to_json()))

    def _path(self, name: str) -> Path:
        return self.directory / name[:2] / f"{name}.json"


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that, whenever the process is killed, the old file or the whole new one is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(scratch, mode)
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
