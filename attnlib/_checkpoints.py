"""Files that hold a training or a trained model: written whole or not at all, read without running code in them."""

import contextlib
import os
from pathlib import Path

import torch

FORMAT = "attnlib training checkpoint, version 1"


def write_checkpoint(path: Path, content: dict) -> None:
    """Write all that a training needs to go on; see :func:`write_file`."""
    write_file(path, FORMAT, content)


def read_checkpoint(path: Path) -> dict:
    """Return what :func:`write_checkpoint` wrote; see :func:`read_file`."""
    return read_file(path, FORMAT, "pass the path of a whole one, or move this file away to start from the beginning")


def write_file(path: Path, form: str, content: dict) -> None:
    """Write the content to ``path`` so that, whenever the machine stops, the old file or the new one is there.

    The file grows beside its place under the name ``….partial``, is forced to the disk, and only then takes the place
    of the old one, which is one step of the file system. ``form`` is what the file says that it is.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            torch.save({"format": form, **content}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    _force_to_disk(path.parent)


def read_file(path: Path, form: str, cure: str) -> dict:
    """Return what was written to ``path``, with every tensor on the CPU.

    Raises
    ------
    ValueError
        If the file is damaged or of another form, with what to do about it.
    """
    with path.open("rb") as file:
        try:
            content = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch has no common class for what a broken file raises
            raise ValueError(f"{path} is damaged or no checkpoint at all; {cure}") from error
    said = content.get("format") if isinstance(content, dict) else None
    if said != form:
        raise ValueError(f"{path} is not an {form}{f' but an {said}' if isinstance(said, str) else ''}; {cure}")
    return content


def require_same(path: Path, name: str, saved: dict, present: dict, *, free: frozenset[str] = frozenset()) -> None:
    """Raise ValueError that names every field in which two descriptions differ, apart from the free ones."""
    absent = "nothing"
    differences = [
        f"{field} was {saved.get(field, absent)!r} and is now {present.get(field, absent)!r}"
        for field in sorted({*saved, *present} - free)
        if saved.get(field, absent) != present.get(field, absent)
    ]
    if differences:
        raise ValueError(
            f"{path} comes from a training with another {name}: {'; '.join(differences)}; "
            "go on with what it was, or pass another path to start from the beginning"
        )


def _force_to_disk(folder: Path) -> None:
    """Make the new name last; systems that can't open a folder see to it themselves."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
