"""What of attnlib an answer can import."""

import subprocess
import sys

import nbformat
import pytest

from grading.packages import allowed_modules, copy_modules, package_directory
from grading.splicing import read_master
from publishing.settings import ROOT


def master_with(*setup, solution="", test=""):
    def cell(source, **marks):
        marks = {"grade_id": f"cell{len(cells)}", "grade": False, "solution": False, "locked": True} | marks
        return nbformat.v4.new_code_cell(source, metadata={"nbgrader": marks})

    cells = []
    cells += [cell(source) for source in setup]
    cells += [cell(solution, solution=True, locked=False), cell(test, grade=True, points=1)]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def package(tmp_path):
    """A package like attnlib, whose modules stand on one another."""
    files = {
        "__init__.py": "from attnlib.base import one\n",
        "base.py": "one = 1\n",
        "middle.py": "from attnlib import base\n",
        "top.py": "import attnlib.middle\n",
        "secret.py": "from attnlib.middle import base\n",
        "data/__init__.py": "",
        "data/tokens.py": "from attnlib.base import one\n",
    }
    for name, text in files.items():
        path = tmp_path / "attnlib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "attnlib"


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        ("", {"__init__", "base"}),
        ("from attnlib import top", {"__init__", "base", "middle", "top"}),
        ("import attnlib.middle as m", {"__init__", "base", "middle"}),
        ("from attnlib.data.tokens import one", {"__init__", "base", "data.__init__", "data.tokens"}),
        ("import os, attnlib\nfrom . import x", {"__init__", "base"}),
        ("%pip install attnlib\nimport attnlib.top", {"__init__", "base"}),
    ],
)
def test_what_setup_cells_import_and_all_below(package, setup, expected):
    assert allowed_modules(master_with(setup), package) == expected


def test_what_solutions_and_tests_import_does_not_count(package):
    master = master_with("", solution="import attnlib.secret", test="from attnlib import secret")
    assert allowed_modules(master, package) == {"__init__", "base"}


def test_copies_can_be_imported_and_nothing_else(package, tmp_path):
    target = copy_modules(allowed_modules(master_with("import attnlib.top"), package), tmp_path / "copy", package)
    code = """import attnlib.top
print(attnlib.one)
try:
    import attnlib.secret
except ImportError:
    print("no")
"""
    command = [sys.executable, "-S", "-c", code]  # it looks for modules where it is run
    said = subprocess.run(command, cwd=target, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1", "no"]


@pytest.mark.parametrize("path", sorted(ROOT.glob("solutions/ps*/ps*.ipynb")), ids=lambda path: path.stem)
def test_no_problem_set_sees_what_it_asks_for(path):
    allowed = allowed_modules(read_master(path))
    assert "checks" in allowed
    # Of the modules with what exercises ask for, problem set 2 hands out the softmax, and says so.
    assert allowed <= {"__init__", "checks", "runtime"} | ({"softmax", "_arrays"} if path.stem == "ps2" else set())
    assert (package_directory() / "attention.py").is_file()
