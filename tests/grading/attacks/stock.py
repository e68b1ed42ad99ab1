"""What the attacks do to nbgrader as it comes, and to grading: ``python -m tests.grading.attacks.stock``.

Each attack is handed in by one student, and right answers by another who comes later. nbgrader runs with its own
defaults, inside bubblewrap: no network, a file system that can't be written, a private /tmp. What the table says comes
from the gradebooks, the graded notebooks and the pages of these runs. Those that could do harm even so are not run.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry

from grading.grader import Grader
from grading.running import Report
from grading.splicing import splice_file
from publishing.settings import ROOT
from tests.grading import courses
from tests.grading.attacks import on_channels, on_files, test_attacks
from tests.grading.attacks.attack import Attack
from tests.grading.attacks.attacks import ATTACKS
from tests.grading.attacks.on_files import FileAttack
from tests.grading.attacks.test_batches_under_attack import Active

PROBLEMS = "ps1"
NOT_RUN = {
    *("a fork bomb", "threads without end", "all memory", "all memory by many", "all of the disk"),
    *("everything is killed", "signals and handlers at the end", "a device"),
}
LATER = "zoe"
SECONDS = 150
_CONFIG = 'c = get_config()\nc.CourseDirectory.source_directory = "solutions"\n'
_CONFIG += 'c.CourseDirectory.release_directory = "exercises"\nc.CourseDirectory.course_id = "course"\n'


def main() -> None:
    """Run all attacks and print the table."""
    print("| attack | what it tries | nbgrader as it comes | grading |\n|---|---|---|---|", flush=True)
    for name, tries, stock, ours in rows():
        print(f"| {_cell(name)} | {_cell(tries)} | {stock} | {ours} |", flush=True)


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Yield each attack with what it tries and what came of it, in both."""
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as pool:
        base = Path(place)
        whole = _course(base / "whole", ROOT / "solutions" / PROBLEMS / f"{PROBLEMS}.ipynb")
        tiny = _course(base / "tiny", courses.master())
        tried = [*((name, attack, whole) for name, attack in ATTACKS.items())]
        tried += [(name, attack, tiny) for name, attack in on_files.ATTACKS.items()]
        stock = [
            pool.submit(_stock, attack, name, course, base / str(n)) for n, (name, attack, course) in enumerate(tried)
        ]
        held = {**_ours(base), **_ours_of_files(base)}
        for (name, attack, _), outcome in zip(tried, stock, strict=True):
            yield name, attack.tries, outcome.result(), held[name]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


# nbgrader as it comes


def _course(root: Path, master: Path | nbformat.NotebookNode) -> Path:
    """Make a course with nbgrader's own defaults."""
    target = root / "solutions" / PROBLEMS / f"{PROBLEMS}.ipynb"
    target.parent.mkdir(parents=True)
    nbformat.write(nbformat.read(master, as_version=4) if isinstance(master, Path) else master, target)
    (root / "nbgrader_config.py").write_text(_CONFIG)
    _run(root, "nbgrader generate_assignment ps1")
    return root


def _run(root: Path, command: str) -> None:
    """Run a command in a sandbox in which only the course can be written."""
    paths = os.pathsep.join([f"{sys.prefix}/bin", "/usr/bin", "/bin"])
    walls = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--ro-bind", "/", "/"]
    walls += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--bind", str(root), str(root)]
    for name, value in {"PATH": paths, "HOME": "/tmp", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}.items():
        walls += ["--setenv", name, value]
    limits = ["prlimit", "--as=12000000000", "--fsize=1000000000", "timeout", "-k", "5", str(SECONDS)]
    subprocess.run(
        [*walls, "--chdir", str(root), *limits, "/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def _stock(attack: Attack | FileAttack, name: str, course: Path, root: Path) -> str:
    if name in NOT_RUN:
        return "not run"
    if on_channels.HAND in getattr(attack, "answer", ""):
        return "has no such channel"
    shutil.copytree(course, root)
    try:
        return _of_file(attack, name, root) if isinstance(attack, FileAttack) else _of_notebook(attack, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _of_notebook(attack: Attack, root: Path) -> str:
    student = root / "submitted" / "attacker" / PROBLEMS
    later = root / "submitted" / LATER / PROBLEMS
    for folder in (student, later):
        folder.mkdir(parents=True)
    test_attacks.attacked(attack, PROBLEMS, student)
    test_attacks.attacked(Attack("", answer="{solution}"), PROBLEMS, later)
    _run(root, f"nbgrader autograde {PROBLEMS}")
    target = f"test_{test_attacks.target_of(PROBLEMS, attack)}"
    return verdict(_scores(root, "attacker"), target, attack, _scores(root, LATER), _graded_text(root, "attacker"))


def verdict(scores: dict | None, target: str, attack: Attack, later: dict | None, text: str) -> str:
    """Say what came of an attack, from the points of both students (None: not graded) and what the first one sees."""
    found = []
    if scores and attack.lost and scores[target]:
        found.append("points that were not earned")
    if any(word in text for word in ("found /", "found in", "found the", "found ATT", "stolen")):
        found.append("read what it must not")
    rest = [points for name, points in (scores or {}).items() if name != target]
    if not any(rest):
        found.append("lost the whole submission")
    elif not all(rest) and not attack.sabotage:
        found.append("lost points of other questions")
    if later is None or not all(later.values()):
        found.append("stopped the batch")
    return ", ".join(found) or "held"


def _scores(root: Path, student: str) -> dict[str, float] | None:
    """Return a student's points for each test, or None where nothing was graded."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "course") as gradebook:
        try:
            entered = gradebook.find_submission_notebook(PROBLEMS, PROBLEMS, student)
        except MissingEntry:
            return None
        if not (root / "autograded" / student / PROBLEMS / f"{PROBLEMS}.ipynb").exists():
            return None
        return {grade.name: grade.score for grade in entered.grades if grade.name.startswith("test_")}


def _graded_text(root: Path, student: str) -> str:
    path = root / "autograded" / student / PROBLEMS / f"{PROBLEMS}.ipynb"
    if not path.is_file():
        return ""
    cells = json.loads(path.read_text())["cells"]
    return json.dumps([cell.get("outputs", []) for cell in cells])


# Files


def _prepare(root: Path, name: str, attack: FileAttack) -> None:
    (root / on_files.ELSEWHERE).mkdir(exist_ok=True)
    (root / on_files.ELSEWHERE / "file").write_text("as it was")
    right = json.loads((root / "exercises" / PROBLEMS / f"{PROBLEMS}.ipynb").read_text())
    for cell in right["cells"]:
        cell["source"] = courses.RIGHT.get(cell["metadata"].get("nbgrader", {}).get("grade_id"), cell["source"])
    for student in (on_files.HONEST, LATER):
        on_files.hand_in(root, student, right)
    attack.do(root, name, right)


def _of_file(attack: FileAttack, name: str, root: Path) -> str:
    _prepare(root, name, attack)
    _run(root, f"timeout {SECONDS // 2} nbgrader autograde {PROBLEMS}; nbgrader generate_feedback {PROBLEMS}")
    return _file_verdict(attack, name, root, _scores(root, name), _scores(root, LATER))


def _file_verdict(attack: FileAttack, name: str, root: Path, scores: dict | None, later: dict | None) -> str:
    found = []
    if attack.points == "none" and scores and any(scores.values()):
        found.append("points that were not earned")
    if attack.points == "rest" and scores and scores["test_double"]:
        found.append("points that were not earned")
    if attack.points in ("all", "rest") and not (scores and any(scores.values())):
        found.append("lost the whole submission")
    elsewhere = root / on_files.ELSEWHERE
    if [each.name for each in elsewhere.rglob("*")] != ["file"] or (elsewhere / "file").read_text() != "as it was":
        found.append("wrote elsewhere")
    if any(path.is_symlink() for path in (root / "autograded").glob(f"{name.replace('<', '[<]')}/ps1/*")) and (
        attack.points != "unknown"
    ):
        found.append("took links along")
    found += _scripts(root, name)
    if later is None or not all(later.values()):
        found.append("stopped the batch")
    return ", ".join(found) or "held"


def _scripts(root: Path, name: str) -> list[str]:
    pages = [root / "feedback" / student / PROBLEMS / f"{PROBLEMS}.html" for student in (name, LATER)]
    if not all(page.is_file() for page in pages):
        return []
    theirs, control = (Active(page.read_text()) for page in pages)
    same = sorted(theirs.elements) == sorted(control.elements) and theirs.attributes == control.attributes
    return [] if same else ["runs a script in who reads the page"]


# grading


def _ours(base: Path) -> dict[str, str]:
    """Return what comes of each notebook in grading."""
    found = {}
    folder = base / "ours"
    folder.mkdir()
    master = test_attacks.master_of(PROBLEMS)
    with Grader(master, test_attacks.LIMITS, seed="20260901") as grader:

        def scores(attack: Attack) -> tuple[dict, Report]:
            path = test_attacks.attacked(attack, PROBLEMS, folder)
            report = grader.run(splice_file(path, master, test_attacks.LIMITS))
            return {test: float(verdict["passed"]) for test, verdict in report.tests.items()}, report

        for name, attack in ATTACKS.items():
            theirs, report = scores(attack)
            later, _ = scores(Attack("", answer="{solution}"))
            target = f"test_{test_attacks.target_of(PROBLEMS, attack)}"
            found[name] = verdict(theirs, target, attack, later, json.dumps(report.to_json()))
    return found


def _ours_of_files(base: Path) -> dict[str, str]:
    """Return what comes of each of the files in a batch of grading."""
    (base / "template").mkdir()
    found = {}
    for number, (name, attack) in enumerate(on_files.ATTACKS.items()):
        course = courses.make_course(base / "template", base / f"ours-{number}")
        _prepare(course.root, name, attack)
        courses.type_in(course, "grading", "autograde", PROBLEMS)
        courses.type_in(course, "nbgrader", "generate_feedback", PROBLEMS)
        with course.open_gradebook() as gradebook:
            scores = {
                each.student.id: {grade.name: grade.score for grade in each.notebooks[0].grades}
                for each in gradebook.assignment_submissions(PROBLEMS)
            }
        for points in scores.values():
            points.pop(courses.WRITTEN, None)
        found[name] = _file_verdict(attack, name, course.root, scores.get(name), scores.get(LATER))
    return found


if __name__ == "__main__":
    main()
