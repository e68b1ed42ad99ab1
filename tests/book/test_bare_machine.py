"""Every notebook on a machine as bare as Colab's: numpy, torch, matplotlib and IPython, and no attnlib.

The first cell must install attnlib, from a local copy of this repository here, and leave torch and NumPy as they are.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from publishing.settings import ROOT, load_settings

NOTEBOOKS = sorted([*ROOT.glob("book/*.ipynb"), *ROOT.glob("exercises/ps*/*.ipynb")])
BARE = ["numpy", "torch", "matplotlib", "ipython"]

# Runs the cells of a notebook one after another, as a front end does, and stops at the first error. When the time is
# over, it runs no more of a cell than its imports: what a bare machine lacks shows there, and the same code runs to
# its end whenever the book is built.
RUNNER = """
import ast, json, sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
end = time.monotonic() + float(sys.argv[2])
def imports(cell):
    body = ast.parse(shell.transform_cell(cell)).body
    return "\\n".join(ast.unparse(one) for one in body if isinstance(one, (ast.Import, ast.ImportFrom)))
for cell in json.load(open(sys.argv[1])):
    cell = cell if time.monotonic() < end else imports(cell)
    shell.run_cell(cell, store_history=True).raise_error()
"""
SECONDS = 4
LONG = 600

# Imports whatever a package imports anywhere, in functions too.
IMPORTER = """
import ast, importlib, pathlib
import attnlib
sources = list(pathlib.Path(attnlib.__file__).parent.rglob("*.py"))
for source in sources:
    for node in ast.walk(ast.parse(source.read_text())):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        for name in [node.module] if isinstance(node, ast.ImportFrom) else names:
            importlib.import_module(name)
            print(name)
"""


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """Return the interpreter of a fresh environment that holds only what Colab surely has."""
    home = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    python = home / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", *BARE)
    assert "attnlib" not in versions(python)
    return python


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Return the address of a git repository with the working tree as its only commit."""
    copy = tmp_path_factory.mktemp("repository")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    git = ["git", "-C", copy, "-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run([*git, "init", "--quiet", "--initial-branch", load_settings().branch], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "copy"], check=True)
    return copy.as_uri()


@pytest.fixture(scope="module")
def installed_python(bare_python, repository, tmp_path_factory):
    """Run the first cell of a chapter on the bare machine; return its interpreter."""
    before = versions(bare_python)
    first = nbformat.read(NOTEBOOKS[0], as_version=4).cells[0].source
    run_cells(bare_python, [with_address(first, repository)], tmp_path_factory.mktemp("first"))
    after = versions(bare_python)
    assert "attnlib" in after
    assert {name: after[name] for name in before} == before, "the first cell changed what was there"
    return bare_python


def test_installs_and_changes_nothing_else(installed_python, tmp_path):
    where = run(installed_python, "-c", "import attnlib; print(attnlib.__file__)", cwd=tmp_path).stdout
    assert "site-packages" in where


def test_does_nothing_where_attnlib_is(installed_python, tmp_path):
    first = nbformat.read(NOTEBOOKS[0], as_version=4).cells[0].source
    outcome = run_cells(installed_python, [with_address(first, "file:///does/not/exist")], tmp_path)
    assert outcome.stdout + outcome.stderr == "", "pip was called"


def test_what_attnlib_imports_anywhere_is_there(installed_python, tmp_path):
    imported = run(installed_python, "-c", IMPORTER, cwd=tmp_path).stdout.split()
    packages = {name.split(".")[0] for name in imported}
    assert {"accelerate", "attnlib", "IPython", "matplotlib_inline", "sacrebleu", "tokenizers", "torch"} <= packages


def test_after_its_time_a_notebook_only_imports(installed_python, tmp_path):
    cells = ["import time\ntime.sleep(1)\nprint('ran')", "import math\nprint('ran on')"]
    outcome = run_cells(installed_python, cells, tmp_path, seconds=1)
    assert outcome.stdout == "ran\n"
    with pytest.raises(subprocess.CalledProcessError) as failure:
        run_cells(installed_python, [*cells, "print('ran on')\nimport nothing_of_that_name"], tmp_path, seconds=1)
    assert "No module named 'nothing_of_that_name'" in failure.value.stdout + failure.value.stderr
    assert "ran on\n" not in failure.value.stdout


def test_before_its_time_is_over_a_notebook_stops_at_an_error(installed_python, tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as failure:
        run_cells(installed_python, ["1 / 0", "print('ran on')"], tmp_path)
    assert "ZeroDivisionError" in failure.value.stdout + failure.value.stderr
    assert "ran on\n" not in failure.value.stdout


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.parent.name == "book"], ids=lambda path: path.stem)
def test_chapter_runs(installed_python, path, tmp_path):
    run_cells(installed_python, code_cells(path), tmp_path, seconds=SECONDS)


@pytest.mark.parametrize("path", sorted(ROOT.glob("solutions/ps*/*.ipynb")), ids=lambda path: path.stem)
def test_solved_problem_set_runs(installed_python, path, tmp_path):
    run_cells(installed_python, code_cells(path), tmp_path)


@pytest.mark.parametrize("path", sorted(ROOT.glob("exercises/ps*/*.ipynb")), ids=lambda path: path.stem)
def test_untouched_problem_set_asks_for_code(installed_python, path, tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as failure:
        run_cells(installed_python, code_cells(path), tmp_path)
    assert "NotImplementedError" in failure.value.stdout + failure.value.stderr


def code_cells(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def with_address(source: str, repository: str) -> str:
    assert load_settings().repository in source
    return source.replace(load_settings().repository, repository)


def run_cells(python: Path, cells: list[str], directory: Path, seconds: float = LONG) -> subprocess.CompletedProcess:
    (directory / "cells.json").write_text(json.dumps(cells))
    (directory / "runner.py").write_text(RUNNER)
    return run(python, directory / "runner.py", directory / "cells.json", str(seconds), cwd=directory)


def versions(python: Path) -> dict[str, str]:
    listed = json.loads(run(python, "-m", "pip", "list", "--format", "json").stdout)
    return {package["name"]: package["version"] for package in listed}


def run(python: Path, *arguments, cwd: Path | None = None) -> subprocess.CompletedProcess:
    elsewhere = ("PYTHONPATH", "VIRTUAL_ENV")  # IPython goes where the second leads
    environment = {name: value for name, value in os.environ.items() if name not in elsewhere}
    environment |= {"MPLBACKEND": "agg", "IPYTHONDIR": str(python.parent.parent / "ipython"), "NO_COLOR": "1"}
    return subprocess.run(
        [python, *arguments],
        cwd=cwd,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=LONG,
    )
