"""How many submissions are graded in a minute, and by what: ``python -m benchmarks.grading``.

Sixty students hand in a problem set of six exercises on PyTorch; each has solved some of them, drawn at random. It is
graded, in courses of their own,

- by nbgrader as it comes: ``nbgrader autograde``, with none of its preprocessors changed;
- by ``nbgrader autograde`` with the course's own configuration: sandboxes and tests out of reach, one by one;
- by ``python -m grading autograde``: the same, on all cores.

nbgrader grades half of them before the others' turn and half after it, so that a machine that grows slower or faster
does so for all. A run in which the scores differ ends in an error.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.utils import is_grade, is_solution

from benchmarks.measure import RESULTS, environment

ROOT = Path(__file__).resolve().parent.parent
PROBLEM_SET, STUDENTS, SEED = "ps4", 60, 0
STOCK = """
c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "__pycache__", "*.pyc", "*.md"]
c.ExecutePreprocessor.timeout = 60
"""
NBGRADER = [os.path.join(sysconfig.get_path("scripts"), "nbgrader"), "autograde"]
OURS = [sys.executable, "-m", "grading", "autograde"]


class Course:
    """A course directory with the same submissions as the others."""

    def __init__(self, root: Path, problem_set: str, *, stock: bool = False):
        self.root, self.problem_set = root, problem_set
        root.mkdir()
        settings = STOCK if stock else (ROOT / "nbgrader_config.py").read_text()
        (root / "nbgrader_config.py").write_text(settings)
        shutil.copytree(ROOT / "solutions" / problem_set, root / "solutions" / problem_set)
        self.run([NBGRADER[0], "generate_assignment", problem_set])

    def run(self, command: list[str]) -> float:
        """Run a command in the course's root, and return its seconds."""
        scripts = sysconfig.get_path("scripts")
        path = {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        begun = time.perf_counter()
        done = subprocess.run(command, cwd=self.root, env=os.environ | path, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return time.perf_counter() - begun

    def hand_in(self, student: str, solved: set[str]) -> None:
        """Hand in the released notebook, with the master's answers to some exercises."""
        master = self._notebook("solutions")
        answers = {cell.metadata.nbgrader.grade_id: cell.source for cell in master.cells if is_solution(cell)}
        notebook = self._notebook("exercises")
        for cell in notebook.cells:
            if cell.metadata.nbgrader.grade_id in solved:
                cell.source = answers[cell.metadata.nbgrader.grade_id]
        folder = self.root / "submitted" / student / self.problem_set
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{self.problem_set}.ipynb")

    def exercises(self) -> list[str]:
        """Return the names of what is answered in code."""
        cells = self._notebook("solutions").cells
        return [c.metadata.nbgrader.grade_id for c in cells if is_solution(c) and not is_grade(c)]

    def scores(self) -> dict[str, float]:
        """Return the scores by student."""
        gradebook = Gradebook(f"sqlite:///{self.root / 'gradebook.db'}")
        try:
            return {each.student.id: each.score for each in gradebook.assignment_submissions(self.problem_set)}
        finally:
            gradebook.close()

    def _notebook(self, directory: str) -> nbformat.NotebookNode:
        path = self.root / directory / self.problem_set / f"{self.problem_set}.ipynb"
        return nbformat.read(path, as_version=4)


@contextmanager
def courses(problem_set: str, names: list[str]) -> Iterator[dict[str, Course]]:
    """Make a course for each contestant; those called stock are nbgrader's own."""
    with tempfile.TemporaryDirectory(prefix="grading-speed-") as scratch:
        yield {name: Course(Path(scratch) / name, problem_set, stock=name.startswith("stock")) for name in names}


def measure(problem_set: str, students: int, seed: int) -> dict:
    """Grade the same submissions by each contestant; return seconds, ratios and how many points were given."""
    rng = random.Random(seed)
    with courses(problem_set, ["stock-1", "stock-2", "one-by-one", "batch"]) as made:
        exercises = made["batch"].exercises()
        for number in range(students):
            solved = {name for name in exercises if rng.random() < 0.7}
            half = "stock-1" if number < students / 2 else "stock-2"
            for name in (half, "one-by-one", "batch"):
                made[name].hand_in(f"student-{number:03d}", solved)
        stock = made["stock-1"].run([*NBGRADER, problem_set])
        batch = made["batch"].run([*OURS, problem_set])
        again = made["batch"].run([*OURS, problem_set])
        one_by_one = made["one-by-one"].run([*NBGRADER, problem_set])
        stock += made["stock-2"].run([*NBGRADER, problem_set])
        expected = made["stock-1"].scores() | made["stock-2"].scores()
        for name in ("one-by-one", "batch"):
            if made[name].scores() != expected:
                raise RuntimeError(f"{name} gives other scores than nbgrader as it comes")
    return {
        "problem set": problem_set,
        "exercises": len(exercises),
        "submissions": students,
        "cores": len(os.sched_getaffinity(0)),
        "points": sum(expected.values()),
        "seconds": {"stock": stock, "one by one": one_by_one, "batch": batch, "batch again, nothing changed": again},
    }


def table(results: dict) -> str:
    """Return results as a table of Markdown."""
    count, seconds = results["submissions"], results["seconds"]
    commands = {
        "stock": "`nbgrader autograde`, nbgrader as it comes",
        "one by one": "`nbgrader autograde`, as this course sets it up",
        "batch": "`python -m grading autograde`",
        "batch again, nothing changed": "the same once more, nothing changed",
    }
    lines = ["| command | submissions a minute | as many times as nbgrader |", "| --- | --- | --- |"]
    for name, command in commands.items():
        ratio = seconds["stock"] / seconds[name]
        lines.append(f"| {command} | {60 * count / seconds[name]:.0f} | {ratio:.1f} |")
    about = results["environment"]
    lines.append(
        f"\n{count} submissions of {results['problem set']}, {results['exercises']} exercises; all three give the same "
        f"scores, {results['points']:g} points in all. Measured on: {about['device']}, {results['cores']} cores, torch "
        f"{about['torch']}, Python {about['python']}."
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem-set", default=PROBLEM_SET)
    parser.add_argument("--students", type=int, default=STUDENTS)
    options = parser.parse_args()
    results = measure(options.problem_set, options.students, SEED)
    results["environment"] = environment("cpu")
    path = RESULTS / "grading-cpu.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    path.with_suffix(".md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()
