"""Pairs of sentences read from files, or from the web, with a report of every line that was left out."""

import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import pooch

from attnlib.data._download import fetch, require_sha256
from attnlib.data._lines import BAD_UTF8, about, is_empty, lines_of, read_file, unpack

TATOEBA_URL = "https://www.manythings.org/anki/fra-eng.zip"
"""Where the current edition of the English-French pairs is (CC BY 2.0, by www.manythings.org/anki and tatoeba.org)."""

EDITIONS = {"509f909de65533a84c33e1319fb3a3c825a3ff95f908e60aae463e8fd8fd5e74": "2019-04-07"}
"""Editions that we know, by the SHA-256 of the archive."""

_SHOWN = 10
_DATE = re.compile(r"Date of this file:\s*(\d{4}-\d\d-\d\d)")


@dataclass(frozen=True)
class Report:
    """Which lines of a corpus were left out, and why.

    Parameters
    ----------
    lines : int
        How many lines there were in all.
    left_out : dict of str to tuple of int
        For each reason the numbers of the lines, from 1.

    Examples
    --------
    >>> report = Report(1204, {"empty source": (17, 90), "bad UTF-8": (3,)})
    >>> report.count
    3
    >>> print(report)
    3 of 1,204 lines left out: empty source: 17, 90; bad UTF-8: 3
    """

    lines: int
    left_out: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many lines were left out."""
        return sum(map(len, self.left_out.values()))

    def __str__(self) -> str:
        said = f"{self.count:,} of {self.lines:,} lines left out"
        reasons = "; ".join(f"{reason}: {_shown(numbers)}" for reason, numbers in self.left_out.items())
        return f"{said}: {reasons}" if reasons else said


@dataclass(frozen=True)
class Corpus:
    """Sentences and their translations as text, and where they are from.

    Going through a corpus gives its pairs.

    Parameters
    ----------
    pairs : list of (str, str)
        Source and target, without white space at their ends.
    report : Report
        What was left out.
    origin : str
        The file, and whether it was downloaded.
    sha256 : str
        Of the file as it lies there; of two files, one after the other with a space between.
    edition : str or None
        Date of the edition, where it is known.
    """

    pairs: list[tuple[str, str]]
    report: Report
    origin: str
    sha256: str
    edition: str | None = None

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __str__(self) -> str:
        edition = f", edition {self.edition}" if self.edition else ""
        return f"{len(self):,} pairs from {self.origin}{edition}; {self.report}"


def read_tatoeba(
    path: str | PathLike | None = None,
    *,
    url: str = TATOEBA_URL,
    cache: str | PathLike | None = None,
    sha256: str | None = None,
    strict: bool = False,
    progress: bool = True,
) -> Corpus:
    """Read the English sentences of Tatoeba and their French translations, from a file or from the web.

    With a path, that file is read and nothing is downloaded. Without, the current edition is downloaded once and kept.
    A download that is cut goes on where it stopped, now or at the next call. The SHA-256 of the first download is kept
    beside it, and the file is held against it ever after.

    Parameters
    ----------
    path : str or path or None
        ``fra-eng.zip`` as it was downloaded, or the ``fra.txt`` in it. A third column, the attribution that newer
        editions have, is passed over.
    url : str
        What to download; any archive of www.manythings.org/anki has the same form.
    cache : str or path or None
        Folder to keep it in; None is the usual place of this system, ``pooch.os_cache("attnlib")``.
    sha256 : str or None
        Asks for this edition and no other.
    strict : bool
        Whether a line that can't be used is an error. If not, it is left out and reported.
    progress : bool
        Whether to show on stderr how far the download is, and then what was read from where.

    Raises
    ------
    ConnectionError
        If nothing can be downloaded. It says how to do it by hand.
    FileNotFoundError, IsADirectoryError
        If the path isn't that of a file.
    ValueError
        If the file isn't the one that was asked for, is damaged, empty or changed since its download, holds no pair, or
        with ``strict`` holds a line that can't be used.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     table = Path(folder) / "fra.txt"
    ...     _ = table.write_text("Go.\\tVa !\\n", encoding="utf-8")
    ...     read_tatoeba(table, progress=False).pairs
    [('Go.', 'Va !')]
    """
    if path is None:
        path, origin = _downloaded(url, cache, sha256, progress)
    else:
        origin = f"the local file {path}"
    path, content, found = read_file(path)
    require_sha256(path, found, sha256)
    pairs, report = _pairs_of_table(path, unpack(path, content), strict)
    stated = _DATE.search(about(content))
    edition = EDITIONS.get(found) or (stated and stated[1])
    corpus = Corpus(pairs, report, origin, found, edition)
    if progress:
        print(f"Tatoeba: {corpus}", file=sys.stderr)
    return corpus


def read_tab_separated(path: str | PathLike, *, strict: bool = False) -> Corpus:
    """Read a file with a source and its target on each line, and a tab between them.

    A third column is passed over. The file may be packed by gzip, or the only table in a zip archive. It is UTF-8,
    with or without a byte order mark; a line ends with LF or CR LF.

    Parameters
    ----------
    path : str or path
        The file.
    strict : bool
        Whether a line that can't be used is an error. If not, it is left out and reported.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If the path isn't that of a file.
    ValueError
        If the file is empty, damaged or in UTF-16, holds no pair, or with ``strict`` a line that can't be used.
    """
    path, content, sha256 = read_file(path)
    pairs, report = _pairs_of_table(path, unpack(path, content), strict)
    return Corpus(pairs, report, f"the local file {path}", sha256)


def read_parallel(source_path: str | PathLike, target_path: str | PathLike, *, strict: bool = False) -> Corpus:
    """Read two files, line n of one being the translation of line n of the other.

    Both may be packed by gzip. They are UTF-8, with or without a byte order mark; a line ends with LF or CR LF.

    Parameters
    ----------
    source_path, target_path : str or path
        The files.
    strict : bool
        Whether a line that can't be used is an error. If not, it is left out on both sides and reported.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If a path isn't that of a file.
    ValueError
        If the files don't have the same number of lines. Also if one is empty, damaged or in UTF-16, if there is no
        pair, or with ``strict`` a line that can't be used.
    """
    source_path, source, source_sha256 = read_file(source_path)
    target_path, target, target_sha256 = read_file(target_path)
    sources = lines_of(source_path, unpack(source_path, source))
    targets = lines_of(target_path, unpack(target_path, target))
    if len(sources) != len(targets):
        raise ValueError(
            f"{source_path} has {len(sources):,} lines but {target_path} has {len(targets):,}; "
            "line n of one must be the translation of line n of the other"
        )
    where = f"{source_path} and {target_path}"
    pairs, report = _sorted_out(zip(sources, targets, strict=True), where, strict)
    return Corpus(pairs, report, f"the local files {where}", f"{source_sha256} {target_sha256}")


def _downloaded(url: str, cache: str | PathLike | None, sha256: str | None, progress: bool) -> tuple[Path, str]:
    folder = Path(pooch.os_cache("attnlib") if cache is None else cache)
    path = folder / (url.rstrip("/").rpartition("/")[2] or "corpus.zip")
    try:
        _, now = fetch(url, path, sha256=sha256, check=_require_zip, progress=progress)
    except ConnectionError as error:
        raise ConnectionError(
            f"could not download {url}: {error}. Download it by hand, for example in a browser, and pass where it is: "
            f"read_tatoeba({path.name!r})"
        ) from error
    return path, f"{url}, downloaded now to {path}" if now else f"{path}, downloaded earlier from {url}"


def _require_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile:
        raise ValueError("what the server sent is no zip archive; perhaps it was a page that asks to log in") from None
    if damaged:
        raise ValueError(f"{damaged} came damaged; try again")


def _pairs_of_table(path: Path, content: bytes, strict: bool) -> tuple[list[tuple[str, str]], Report]:
    rows = (None if line is None else line.split("\t") for line in lines_of(path, content))
    return _sorted_out(rows, f"{path}", strict)


def _sorted_out(
    rows: Iterable[list[str] | tuple[str | None, str | None] | None], where: str, strict: bool
) -> tuple[list[tuple[str, str]], Report]:
    """Part the pairs from the lines that are none."""
    pairs: list[tuple[str, str]] = []
    left_out: dict[str, list[int]] = {}
    number = 0
    for number, row in enumerate(rows, start=1):
        if fault := _fault(row):
            left_out.setdefault(fault, []).append(number)
        else:
            pairs.append((row[0].strip(), row[1].strip()))
    report = Report(number, {fault: tuple(numbers) for fault, numbers in left_out.items()})
    if left_out and (strict or not pairs):
        raise ValueError(f"{where}: {report}" if pairs else f"{where} holds no pair of sentences: {report}")
    return pairs, report


def _fault(row: list[str] | tuple[str | None, str | None] | None) -> str | None:
    """Tell why a row is no pair, or return None for one that is."""
    if row is None or None in row:
        return BAD_UTF8
    if all(map(is_empty, row)):
        return "empty line"
    if len(row) not in (2, 3):
        return "no tab" if len(row) == 1 else f"{len(row)} columns"
    for side, text in zip(("source", "target"), row, strict=False):
        if is_empty(text):
            return f"empty {side}"
    return None


def _shown(numbers: tuple[int, ...]) -> str:
    shown = ", ".join(f"{number:,}" for number in numbers[:_SHOWN])
    return shown if len(numbers) <= _SHOWN else f"{shown} and {len(numbers) - _SHOWN:,} more"
