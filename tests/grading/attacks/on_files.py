"""Attacks on what collects, reads and writes files: links, devices and pipes, names, and what a page is made of."""

import json
import os
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.grading.attacks.attack import marks_of

ELSEWHERE = "elsewhere"
"""A folder of the course's root in which nothing may change."""
HONEST = "honest"
SCRIPTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><iframe src='javascript:alert(1)'></iframe></svg>",
    "[here](javascript:alert(1)) <javascript:alert(1)> <a href=' jAvAsCrIpT:alert(1)'>there</a>",
    '[here]: javascript:alert(1)\n\n![x](x" onerror="alert(1)) `</code><script>alert(1)</script>`',
    "<!-- --!><script>alert(1)</script>",
    "<math><mi xlink:href='data:text/html,<script>alert(1)</script>'>x</mi></math>",
    "$$</script><script>alert(1)</script>$$",
    "<object data=x></object><embed src=x><base href=//x><meta http-equiv=refresh>",
    "<form action=javascript:alert(1)><button formaction=javascript:alert(1)>x</button></form><style>*{}</style>",
]
_SHOWN = f"""
from IPython.display import HTML, SVG, Javascript, Markdown, display
for each in {SCRIPTS!r}:
    print(each, "\\x1b[31m" + each)
    display(HTML(each), Markdown(each), Javascript("alert(1)"))
    display({{"text/html": each, "image/svg+xml": each, "text/latex": each, "application/javascript": "alert(1)",
             "text/plain": each, "image/png": each}}, raw=True)
"""


@dataclass(frozen=True)
class FileAttack:
    """One attack."""

    tries: str
    """What it is after."""
    do: Callable[[Path, str, dict], None]
    """Does it, for a course's root, a student and what the student would have handed in."""
    points: str = "none"
    """``all``, ``none``, those of the ``rest`` without one question, or ``unknown`` where nothing can be recorded."""


ATTACKS: dict[str, FileAttack] = {}


def _attack(name: str, tries: str, points: str = "none") -> Callable:
    def add(do: Callable) -> Callable:
        ATTACKS[name] = FileAttack(tries, do, points)
        return do

    return add


def submitted(root: Path, student: str) -> Path:
    """Return where a student's notebook lies; its folder is made."""
    path = root / "submitted" / student / "ps1" / "ps1.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def graded(root: Path, student: str) -> Path:
    """Return where a student's graded notebook will lie; the student's folder is made."""
    path = root / "autograded" / student / "ps1" / "ps1.ipynb"
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    return path


def hand_in(root: Path, student: str, notebook: dict) -> None:
    """Hand in a notebook."""
    submitted(root, student).write_text(json.dumps(notebook))


def _answer(notebook: dict, change: Callable[[str], str], kind: str) -> dict:
    """Return a notebook with its first answer of a kind (code or markdown) changed."""
    cells = [cell for cell in notebook["cells"] if marks_of(cell).get("solution") and cell["cell_type"] == kind]
    text = cells[0]["source"]
    cells[0]["source"] = change("".join(text))
    return notebook


@_attack("a link to another's notebook", "another student's points")
def _another(root: Path, student: str, notebook: dict) -> None:
    submitted(root, student).symlink_to(submitted(root, HONEST))


@_attack("a link to the master", "the solutions' points")
def _master(root: Path, student: str, notebook: dict) -> None:
    submitted(root, student).symlink_to(root / "solutions" / "ps1" / "ps1.ipynb")


@_attack("a folder that is a link to another's", "another student's points")
def _folder(root: Path, student: str, notebook: dict) -> None:
    path = submitted(root, student).parent
    path.rmdir()
    path.symlink_to(submitted(root, HONEST).parent)


@_attack("a student who is a link to another", "another student's points")
def _student(root: Path, student: str, notebook: dict) -> None:
    (root / "submitted" / student).symlink_to(submitted(root, HONEST).parent.parent)


@_attack("a device", "a reader that never ends")
def _device(root: Path, student: str, notebook: dict) -> None:
    try:
        os.mknod(submitted(root, student), stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:  # what only root can make
        submitted(root, student).symlink_to("/dev/zero")


@_attack("a pipe", "a reader that waits for ever")
def _pipe(root: Path, student: str, notebook: dict) -> None:
    os.mkfifo(submitted(root, student))


@_attack("a socket", "a reader that breaks")
def _socket(root: Path, student: str, notebook: dict) -> None:
    here = os.open(submitted(root, student).parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(f"/proc/self/fd/{here}/ps1.ipynb")
    os.close(here)


@_attack("links beside the notebook", "files of the host in what is returned, or written through", points="all")
def _beside(root: Path, student: str, notebook: dict) -> None:
    hand_in(root, student, notebook)
    folder = submitted(root, student).parent
    for name, place in {
        "passwd": "/etc/passwd",
        "gradebook.db": root / "gradebook.db",
        "loop": folder,
        "zero": "/dev/zero",
        "file": root / ELSEWHERE / "file",
        "nbgrader_config.py": root / ELSEWHERE / "file",
    }.items():
        (folder / name).symlink_to(place)
    os.mkfifo(folder / "data.csv")


@_attack("scripts in file names", "the browser of who reads the page", points="all")
def _names(root: Path, student: str, notebook: dict) -> None:
    hand_in(root, student, notebook)
    for name in ("<img src=x onerror=alert(1)>.png", '"><script>alert(1).txt', "x\nonerror=alert(1) .ipynb"):
        (submitted(root, student).parent / name).write_text("<script>alert(1)</script>")


@_attack("<img src=x onerror=alert(1)>", "the browser of who reads the page, by the student's name", points="all")
def _name(root: Path, student: str, notebook: dict) -> None:
    hand_in(root, student, notebook)


@_attack("scripts in a written answer", "the browser of who reads the page", points="all")
def _written(root: Path, student: str, notebook: dict) -> None:
    hand_in(root, student, _answer(notebook, lambda _: "\n\n".join(SCRIPTS), "markdown"))


@_attack("scripts in outputs", "the browser of who reads the page", points="all")
def _shown(root: Path, student: str, notebook: dict) -> None:
    hand_in(root, student, _answer(notebook, lambda text: text + _SHOWN, "code"))


@_attack("scripts in errors", "the browser of who reads the page", points="rest")
def _errors(root: Path, student: str, notebook: dict) -> None:
    code = f"raise type('<script>', (Exception,), {{}})({' '.join(SCRIPTS)!r})"
    head = "def double(x):"
    hand_in(root, student, _answer(notebook, lambda _: f"{head}\n    {code}\n{code}\n", "code"))


@_attack("the gradebook by its path", "points written into the database", points="rest")
def _gradebook(root: Path, student: str, notebook: dict) -> None:
    code = f"""def double(x):
    import sqlite3
    with sqlite3.connect({str(root / "gradebook.db")!r}) as base:
        base.execute("UPDATE grade SET manual_score = 1000")
    with open({str(root / ELSEWHERE / "file")!r}, "w") as file:
        file.write("changed")
"""
    hand_in(root, student, _answer(notebook, lambda _: code, "code"))


@_attack("a link where the graded notebook goes", "a file that is written over", points="unknown")
def _graded_file(root: Path, student: str, notebook: dict) -> None:
    hand_in(root, student, notebook)
    graded(root, student).parent.mkdir()
    graded(root, student).symlink_to(root / ELSEWHERE / "file")


@_attack("a link where the graded folder goes", "a file in another folder", points="unknown")
def _graded_folder(root: Path, student: str, notebook: dict) -> None:
    hand_in(root, student, notebook)
    graded(root, student).parent.symlink_to(root / ELSEWHERE)


@_attack("a link where the student's folder goes", "files in another folder", points="unknown")
def _graded_student(root: Path, student: str, notebook: dict) -> None:
    hand_in(root, student, notebook)
    path = graded(root, student).parent.parent
    path.rmdir()
    path.symlink_to(root / ELSEWHERE)


def leave_a_pipe(root: Path, student: str) -> None:
    """Put a pipe where the graded notebook goes, for a reader that would wait for ever."""
    graded(root, student).parent.mkdir()
    os.mkfifo(graded(root, student))
