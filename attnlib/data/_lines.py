"""Files as lines of text, and a list of the lines that are none."""

import gzip
import hashlib
import zipfile
import zlib
from io import BytesIO
from os import PathLike
from pathlib import Path

from attnlib.data._characters import INVISIBLE

BAD_UTF8 = "bad UTF-8"
"""Why a line that isn't text is left out."""


def read_file(path: str | PathLike) -> tuple[Path, bytes, str]:
    """Return the path, what is in the file, and the SHA-256 of that; or raise an error that says what is wrong."""
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; pass the path of the file in it")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}; paths count from {Path.cwd()}")
    content = path.read_bytes()
    return path, content, hashlib.sha256(content).hexdigest()


def unpack(path: Path, content: bytes) -> bytes:
    """Return the text of a gzip file or of a zip archive with one table in it, and that of any other file as it is."""
    if content.startswith(b"\x1f\x8b"):
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error
    if content.startswith(b"PK\x03\x04"):
        return _unzip(path, content)
    return content


def about(content: bytes) -> str:
    """Return the text of ``_about.txt`` in a zip archive, or nothing."""
    if not content.startswith(b"PK\x03\x04"):
        return ""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if Path(name).name == "_about.txt"]
        return archive.read(names[0]).decode("utf-8", "replace") if names else ""


def _unzip(path: Path, content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if _is_table(Path(name))]
            if len(names) != 1:
                held = ", ".join(archive.namelist())
                raise ValueError(f"{path} must hold one .txt or .tsv, but it holds {held}; unpack it and pass one")
            return archive.read(names[0])
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is a damaged zip archive: {error}") from error


def _is_table(name: Path) -> bool:
    return name.suffix in (".txt", ".tsv") and not name.name.startswith(("_", "."))


def lines_of(path: Path, content: bytes) -> list[str | None]:
    """Return the lines of a text, None for one that is no UTF-8.

    A line ends with LF or CR LF, and with nothing else that Unicode may call the end of a line: such characters stand
    inside sentences.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"{path} is in UTF-16; save it as UTF-8")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise ValueError(f"{path} is empty")
    return [_decoded(line.removesuffix(b"\r")) for line in content.removesuffix(b"\n").split(b"\n")]


def is_empty(side: str) -> bool:
    """Tell whether there is nothing to be seen."""
    return not side.translate(INVISIBLE).strip()


def _decoded(line: bytes) -> str | None:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return None
