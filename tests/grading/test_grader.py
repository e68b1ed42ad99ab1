"""What runs a problem set's notebooks is kept while it is wanted, and no longer."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from grading.grader import SEED, KeptGrader, course_seed

PATIENCE = 10  # seconds


class Noted:
    """Stands for a grader, and notes when it starts and when it ends."""

    def __init__(self, name, notes):
        self.name, self.notes = name, notes

    def __enter__(self):
        self.notes.append(f"{self.name} starts")
        return self

    def __exit__(self, *error):
        self.notes.append(f"{self.name} ends")


@pytest.fixture
def notes():
    return []


@pytest.fixture
def use(notes):
    """Return a function that uses the grader of a name."""
    kept = KeptGrader()
    yield lambda name: kept.use(name, lambda: Noted(name, notes))
    kept.close()
    kept.close()
    assert sorted(note.split()[0] for note in notes if note.endswith("starts")) == sorted(
        note.split()[0] for note in notes if note.endswith("ends")
    )


def test_the_seed_is_that_of_the_environment(monkeypatch):
    monkeypatch.setenv(SEED, "4711")
    assert course_seed() == "4711"
    monkeypatch.setenv(SEED, "")
    assert course_seed() == "0"
    monkeypatch.delenv(SEED)
    assert course_seed() == "0"


def test_a_grader_is_kept_from_one_notebook_to_the_next(use, notes):
    for _ in range(3):
        with use("ps1"):
            pass
    assert notes == ["ps1 starts"]


def test_another_problem_set_ends_the_last_one(use, notes):
    for name in ("ps1", "ps2", "ps1"):
        with use(name):
            pass
    assert notes == ["ps1 starts", "ps1 ends", "ps2 starts", "ps2 ends", "ps1 starts"]


def test_another_problem_set_does_not_end_what_is_being_used(use, notes):
    with use("ps1") as first:
        with use("ps2"):
            pass
        with use("ps1") as again:
            assert again is not first
        assert "ps1 ends" not in notes
    assert notes == ["ps1 starts", "ps2 starts", "ps2 ends", "ps1 starts", "ps1 ends"]


def test_an_error_leaves_no_user_behind(use, notes):
    with pytest.raises(ZeroDivisionError), use("ps1"):
        raise ZeroDivisionError
    with use("ps2"):
        assert notes == ["ps1 starts", "ps1 ends", "ps2 starts"]


def test_what_does_not_start_is_tried_anew(notes):
    kept = KeptGrader()

    def fail():
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"), kept.use("ps1", fail):
        pass
    with kept.use("ps1", lambda: Noted("ps1", notes)):
        assert notes == ["ps1 starts"]
    kept.close()


def test_threads_share_one_grader(use, notes):
    together = threading.Barrier(3, timeout=PATIENCE)

    def run(_):
        with use("ps1") as grader:
            together.wait()
            return grader

    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(run, range(3)))) == 1
    assert notes == ["ps1 starts"]
