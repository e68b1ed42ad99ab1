"""make on a machine where something is missing: one clear line, and nothing half installed."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from publishing.settings import ROOT

INSTALLED_FROM = ["requirements.txt", "constraints.txt", "pyproject.toml"]
READ_BY_MAKE = ["_config.yml", "book/_toc.yml", "book/references.bib"]

# Stands in for another Python: runs what is given to -c after the changes that make this one look like it.
FAKE_PYTHON = """#!/bin/sh
exec "{python}" -c 'import sys; {change}; exec(sys.argv[1])' "$2"
"""
TOO_OLD = "sys.version_info = (3, 9, 18)"
WITHOUT_VENV = 'sys.modules["ensurepip"] = None'


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "book").mkdir()
    for name in ["Makefile", *INSTALLED_FROM, *READ_BY_MAKE]:
        shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment["LC_ALL"] = "C"
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=checkout, env=environment, capture_output=True, text=True
    )


def test_another_environment_that_is_active_is_not_passed_on(checkout, monkeypatch):
    """IPython would take its packages from there."""
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    said = make(checkout, "--eval", 'say: ; @echo "where: [$${VIRTUAL_ENV:-}]"', "say")
    assert said.stdout == "where: []\n", said.stderr


def fake_python(checkout: Path, change: str) -> Path:
    path = checkout / "python-of-the-machine"
    path.write_text(FAKE_PYTHON.format(python=sys.executable, change=change))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (TOO_OLD, "Python 3.11 or newer is needed and {python} is 3.9: install one, or name yours"),
        (WITHOUT_VENV, "{python} cannot make virtual environments: install its venv module"),
    ],
)
def test_an_unfit_python_gives_one_line(checkout, change, message):
    python = fake_python(checkout, change)
    outcome = make(checkout, "install", f"PYTHON={python}")
    said = [line for line in outcome.stderr.splitlines() if not line.startswith("make: ***")]
    assert outcome.returncode != 0
    assert len(said) == 1
    assert said[0].startswith(message.format(python=python))
    assert not (checkout / ".venv").exists()


def test_a_missing_python_gives_one_line(checkout):
    outcome = make(checkout, "install", "PYTHON=python-that-is-nowhere")
    said = [line for line in outcome.stderr.splitlines() if not line.startswith("make: ***")]
    assert said == [
        "python-that-is-nowhere is missing: install Python 3.11 or newer, or name yours: make PYTHON=/path/to/python"
    ]


def test_installing_twice_does_nothing(checkout):
    (checkout / ".venv").mkdir()
    (checkout / ".venv/.installed").touch()
    outcome = make(checkout, "install", "PYTHON=python-that-is-nowhere")
    assert outcome.returncode == 0
    assert "Nothing to be done" in outcome.stdout


def test_changed_requirements_are_installed_anew(checkout):
    (checkout / ".venv").mkdir()
    (checkout / ".venv/.installed").touch()
    os.utime(checkout / "constraints.txt", (2**31, 2**31))
    assert "is missing" in make(checkout, "install", "PYTHON=python-that-is-nowhere").stderr


def test_help_lists_every_target(checkout):
    listed = {line.split()[1] for line in make(checkout, "help").stdout.splitlines()}
    assert {"book", "test", "serve", "notebooks", "exercises", "grade", "lint", "clean", "install"} <= listed


def test_grading_without_a_problem_set_says_how(checkout):
    (checkout / ".venv").mkdir()
    (checkout / ".venv/.installed").touch()
    assert make(checkout, "grade").stderr.splitlines()[0] == "Say which problem set: make grade PS=ps1"


def test_serving_says_where(checkout):
    outcome = make(checkout, "--dry-run", "serve", "PORT=8123")
    assert "http://127.0.0.1:8123/" in outcome.stdout
