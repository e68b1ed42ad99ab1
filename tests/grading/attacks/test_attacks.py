"""Each attack, in a problem set's format: no point that wasn't earned, no harm, and the next submission is graded."""

import json
import os
import socket
import threading
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import psutil
import pytest

from grading.course import Grader
from grading.limits import Limits
from grading.splicing import Answers, answer_cells, read_master, splice, splice_file
from publishing.settings import ROOT
from tests.grading.attacks.attacks import ATTACKS, Attack, marks_of

PROBLEM_SETS = sorted(path.stem for path in ROOT.glob("solutions/ps*/ps*.ipynb"))
LIMITS = Limits(call_seconds=4, cell_seconds=6, memory_mb=1024, processes=40, temporary_mb=32, file_mb=16)
EVERYWHERE = os.environ.get("ATTACKS") == "everywhere"


def cases():
    """Return each attack with one problem set, in turns; with ``ATTACKS=everywhere`` with all of them."""
    found = []
    for number, name in enumerate(ATTACKS):
        chosen = PROBLEM_SETS if EVERYWHERE else [PROBLEM_SETS[number % len(PROBLEM_SETS)]]
        found += [pytest.param(problem_set, name, id=f"{problem_set}-{name}") for problem_set in chosen]
    return found


@pytest.fixture(scope="module")
def grader_of():
    """Return what runs a problem set's notebooks; one for each problem set, and gone at the end."""
    with ExitStack() as stack:
        yield cache(lambda problem_set: stack.enter_context(Grader(master_of(problem_set), LIMITS, seed="20260901")))


@cache
def master_of(problem_set):
    return read_master(ROOT / "solutions" / problem_set / f"{problem_set}.ipynb")


@cache
def solutions_of(problem_set):
    return {name: cell.source for name, cell in answer_cells(master_of(problem_set)).items()}


@cache
def target_of(problem_set):
    """Return the first function that no other answer calls."""
    solutions = solutions_of(problem_set)
    return next(
        name
        for name, cell in answer_cells(master_of(problem_set)).items()
        if cell.cell_type == "code" and not any(name in text for other, text in solutions.items() if other != name)
    )


def attacked(attack: Attack, problem_set: str, folder: Path) -> Path:
    """Write a submission: all answers are right, and the attack takes the target's place."""
    name = target_of(problem_set)
    notebook = json.loads((ROOT / "exercises" / problem_set / f"{problem_set}.ipynb").read_text())
    for cell in notebook["cells"]:
        grade_id = marks_of(cell).get("grade_id")
        if grade_id == name:
            cell["source"] = (attack.code + attack.answer).replace("{name}", name)
        elif grade_id in solutions_of(problem_set):
            cell["source"] = solutions_of(problem_set)[grade_id]
    for file, text in attack.files.items():
        (folder / file).write_text(text)
    path = folder / f"{problem_set}.ipynb"
    path.write_text(json.dumps(attack.change(notebook, name)))
    return path


def ours() -> set[int]:
    """Return the processes that this one has started, and those that they have."""
    return {process.pid for process in psutil.Process().children(recursive=True)}


@pytest.mark.parametrize(("problem_set", "name"), cases())
def test_attack(problem_set, name, grader_of, tmp_path):
    grader = grader_of(problem_set)
    before, attack = ours(), ATTACKS[name]
    report = grader.run(splice_file(attacked(attack, problem_set, tmp_path), grader.master, LIMITS))
    verdicts = {test: verdict["passed"] for test, verdict in report.tests.items()}
    target = f"test_{target_of(problem_set)}"
    assert verdicts[target] is not attack.lost
    if not attack.sabotage:
        assert all(passed for test, passed in verdicts.items() if test != target), report.remarks
    _, left = psutil.wait_procs([psutil.Process(number) for number in ours() - before if psutil.pid_exists(number)], 10)
    assert left == []
    assert not any(
        "left-behind" in " ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])
    )
    assert not Path("/tmp/left-behind").exists()
    assert len(json.dumps(report.to_json())) < 2**21
    told = " ".join(str(verdict.get("diagnosis")) for verdict in report.tests.values())
    assert "found" not in told
    assert "HIDDEN" not in told


@pytest.mark.parametrize("problem_set", PROBLEM_SETS)
def test_the_next_submission_is_graded_as_ever(problem_set, grader_of):
    grader = grader_of(problem_set)
    report = grader.run(splice(grader.master, Answers(solutions_of(problem_set))))
    assert all(verdict["passed"] for verdict in report.tests.values()), report
    assert report.remarks == []


def test_no_network_and_no_socket_of_the_host(grader_of, tmp_path):
    """Answers try to reach a server that listens on the host; nobody comes."""
    came = []
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as abstract, socket.socket(socket.AF_UNIX) as named:
        tcp.bind(("127.0.0.1", 0))
        abstract.bind(f"\0attack-{os.getpid()}")
        named.bind(str(tmp_path / "socket"))
        servers = (tcp, abstract, named)
        for server in servers:
            server.listen()
            threading.Thread(target=_accept, args=(server, came), daemon=True).start()
        reach = f"""import socket
for family, place in [(socket.AF_INET, {tcp.getsockname()!r}), (socket.AF_UNIX, {abstract.getsockname()!r}),
                      (socket.AF_UNIX, {named.getsockname()!r}), (socket.AF_INET, ("1.1.1.1", 53))]:
    try:
        with socket.socket(family) as one:
            one.settimeout(1)
            one.connect(place)
            one.sendall(b"x")
    except OSError:
        pass
"""
        exec(reach)  # the control: from here it gets through
        wanted = {_name(server) for server in servers}
        for _ in range(100):
            if set(came) == wanted:
                break
            threading.Event().wait(0.05)
        assert set(came) == wanted
        came.clear()
        grader = grader_of("ps1")
        report = grader.run(splice_file(attacked(Attack("network", reach), "ps1", tmp_path), grader.master, LIMITS))
        assert sum(verdict["passed"] for verdict in report.tests.values()) == len(report.tests) - 1
        assert came == []


def _name(server: socket.socket) -> str:
    return str(server.getsockname())


def _accept(server: socket.socket, came: list[str]) -> None:
    name = _name(server)
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        came.append(name)
        connection.close()


def test_answers_that_know_the_visible_test_by_heart(grader_of, tmp_path):
    """Right as often as the visible test asks, then wrong."""
    for problem_set in PROBLEM_SETS:
        name = target_of(problem_set)
        grader = grader_of(problem_set)
        solution = solutions_of(problem_set)[name]
        if solution.lstrip().startswith("class"):
            continue
        code = f"{solution}\n_right, _asked = {name}, 0\ndef {name}(*a, **k):\n    global _asked\n    _asked += 1\n"
        code += "    return _right(*a, **k) if _asked <= 3 else 0.5\n"
        report = grader.run(
            splice_file(attacked(Attack("", code, answer=""), problem_set, tmp_path), grader.master, LIMITS)
        )
        verdict = report.tests[f"test_{name}"]
        assert not verdict["passed"]
