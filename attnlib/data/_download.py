"""A file from the web: resumed after a cut, checked, and put in its place in one step."""

import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pooch
from tqdm import tqdm

USER_AGENT = "Mozilla/5.0 (compatible; attnlib)"
"""What we say that we are; some servers turn Python's own answer away."""

PAUSE = 1.0
"""Seconds to wait before going on after a cut."""

_CHUNK = 1 << 16
_SECONDS_WITHOUT_AN_ANSWER = 30
_CUT = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)


def fetch(
    url: str, path: Path, *, sha256: str | None, check: Callable[[Path], None], progress: bool
) -> tuple[str, bool]:
    """Make sure that a file from the web is there and is what it was; return its SHA-256, and whether it came now.

    The SHA-256 of the first download is kept beside the file, and the file is held against it ever after.

    Raises
    ------
    ConnectionError
        If the file can't be had. What has come so far stays in ``<path>.part``, and the next call goes on from there.
    ValueError
        If the file isn't the one that ``sha256`` names, or isn't any more what it was. What ``check`` raises about a
        new file comes through as well. No such file is left in the place of the right one.
    """
    record = path.with_name(f"{path.name}.sha256")
    if path.exists():
        found = pooch.file_hash(str(path))
        _require_unchanged(path, record, found)
        require_sha256(path, found, sha256)
        return found, False
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    _download(url, part, progress)
    try:
        found = pooch.file_hash(str(part))
        require_sha256(url, found, sha256)
        check(part)
    except ValueError:
        _discard(part)
        raise
    _write(record, f"{found}  {path.name}\n")
    os.replace(part, path)
    _validator(part).unlink(missing_ok=True)
    return found, True


def require_sha256(what: str | Path, found: str, wanted: str | None) -> None:
    """Raise ValueError unless the SHA-256 is the wanted one, where one is wanted."""
    if wanted is not None and found != wanted.lower():
        raise ValueError(
            f"{what} has the SHA-256 {found}, but {wanted} was asked for: another edition, or a damaged file. "
            "Leave sha256 out to take it as it is"
        )


def _require_unchanged(path: Path, record: Path, found: str) -> None:
    if not record.exists():
        _write(record, f"{found}  {path.name}\n")
        return
    recorded = record.read_text(encoding="utf-8").split()[:1]
    if recorded != [found]:
        raise ValueError(
            f"{path} is not what was downloaded: its SHA-256 is {found}, and {record.name} says "
            f"{''.join(recorded) or 'nothing'}. Delete both files to download it again"
        )


def _download(url: str, part: Path, progress: bool) -> None:
    """Fill ``part``, however often the connection is cut, as long as each try brings something."""
    while True:
        before = _size(part)
        try:
            return _receive(url, part, progress)
        except urllib.error.HTTPError as error:
            error.close()
            raise ConnectionError(f"the server answered {error.code} ({error.reason})") from error
        except _CUT as error:
            if _size(part) <= before:
                reason = getattr(error, "reason", error)
                raise ConnectionError(f"{reason}" if str(reason) else type(reason).__name__) from error
        time.sleep(PAUSE)


def _receive(url: str, part: Path, progress: bool) -> None:
    """Receive what is missing of ``part``, or all of it where the server won't go on from the middle."""
    with _answer(url, part) as answer:
        start = _size(part) if answer.status == 206 else 0
        length = answer.headers["Content-Length"]
        total = start + int(length) if length else None
        if start == 0:
            _write(_validator(part), _tag(answer))
        bar = tqdm(
            total=total,
            initial=start,
            unit="B",
            unit_scale=True,
            desc=part.name.removesuffix(".part"),
            disable=not progress,
        )
        with bar, part.open("ab" if start else "wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and _size(part) < total:
        raise http.client.IncompleteRead(b"", total - _size(part))


def _answer(url: str, part: Path) -> http.client.HTTPResponse:
    start = _size(part)
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if tag := _read(_validator(part)):
            # A server whose file has changed since then sends all of the new one.
            headers["If-Range"] = tag
    request = urllib.request.Request(url, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=_SECONDS_WITHOUT_AN_ANSWER)
    except urllib.error.HTTPError as error:
        if not start or error.code != 416:
            raise
        # There is nothing behind what we have: it is all there, or it is a part of something else.
        error.close()
        _discard(part)
        return _answer(url, part)
    if answer.status == 206 and not (answer.headers["Content-Range"] or "").startswith(f"bytes {start}-"):
        answer.close()
        _discard(part)
        return _answer(url, part)
    return answer


def _tag(answer: http.client.HTTPResponse) -> str:
    """Return what names this version of the file: its ETag unless that is a weak one, else its date."""
    tag = answer.headers["ETag"] or ""
    return tag if tag and not tag.startswith("W/") else answer.headers["Last-Modified"] or ""


def _validator(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _validator(part).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)
