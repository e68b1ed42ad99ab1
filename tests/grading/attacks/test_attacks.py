"""Each attack, in a problem set's format: no point that wasn't earned, no harm, and the next submission is graded."""

import ast
import json
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import psutil
import pytest

from grading.grader import Grader
from grading.limits import Limits
from grading.parsing import parse
from grading.splicing import Answers, answer_cells, read_master, splice, splice_file
from publishing.settings import ROOT
from tests.grading.attacks.attack import Attack, marks_of
from tests.grading.attacks.attacks import ATTACKS
from tests.grading.courses import RIGHT
from tests.grading.courses import master as tiny_master

PROBLEM_SETS = sorted(path.stem for path in ROOT.glob("solutions/ps*/ps*.ipynb"))
SIDE_BY_SIDE = 3
PATIENCE = 300  # seconds that one attack's outcome is waited for
LIMITS = Limits(call_seconds=5, cell_seconds=8, memory_mb=1024, processes=40, temporary_mb=32, file_mb=16)
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
    before, lock = started(), threading.Lock()
    with ExitStack() as stack:
        made = cache(lambda problem_set: stack.enter_context(Grader(master_of(problem_set), LIMITS, seed="20260901")))

        def grader(problem_set: str) -> Grader:
            with lock:
                return made(problem_set)

        yield grader
    assert alive(before) == []


@pytest.fixture(scope="module")
def outcome_of(request, grader_of, tmp_path_factory):
    """Return what comes of an attack. All that are asked for are graded side by side, as in a batch."""

    def outcome(problem_set: str, name: str):
        grader, attack = grader_of(problem_set), ATTACKS[name]
        path = attacked(attack, problem_set, tmp_path_factory.mktemp("submission"))
        return grader.run(splice_file(path, grader.master, LIMITS))

    items = [item for item in request.session.items if getattr(item, "originalname", None) == "test_attack"]
    asked = [item.callspec.params for item in items]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        futures = {tuple(each.values()): pool.submit(outcome, **each) for each in asked}
        yield lambda problem_set, name: futures[problem_set, name].result(PATIENCE)
        pool.shutdown(cancel_futures=True)


@cache
def master_of(problem_set):
    return read_master(ROOT / "solutions" / problem_set / f"{problem_set}.ipynb")


@cache
def solutions_of(problem_set):
    return {name: cell.source for name, cell in answer_cells(master_of(problem_set)).items()}


@cache
def targets_of(problem_set):
    """Return the functions that no other answer uses, in order."""
    cells = {name: cell for name, cell in answer_cells(master_of(problem_set)).items() if cell.cell_type == "code"}
    used = {
        (node.id, name)
        for name, cell in cells.items()
        for node in ast.walk(parse(cell.source))
        if isinstance(node, ast.Name)
    }
    return [name for name in cells if not any((name, other) in used for other in cells if other != name)]


def target_of(problem_set: str, attack: Attack) -> str:
    """Return the answer that an attack replaces: the first, or where it breaks its own kernel the last."""
    return targets_of(problem_set)[-1 if attack.sabotage else 0]


@cache
def visible_calls(problem_set: str, name: str) -> int:
    """Return how often the part of a test that students see calls a function."""
    names, count = {}, 0

    def counted(*arguments, **keywords):
        nonlocal count
        count += 1
        return function(*arguments, **keywords)

    for cell in master_of(problem_set).cells:
        if cell.cell_type != "code" or "nbgrader" not in cell.metadata:
            continue
        if cell.metadata.nbgrader.grade_id == f"test_{name}":
            function, names[name] = names[name], counted
            exec(cell.source.split("### BEGIN HIDDEN TESTS")[0], names)
            return count
        if not cell.metadata.nbgrader.grade:
            with suppress(SyntaxError):  # lines for the notebook alone
                exec(cell.source, names)
    raise LookupError(name)


def filled(text: str, problem_set: str, name: str) -> str:
    """Return an attack's text for one answer of a problem set."""
    text = text.replace("{solution}", solutions_of(problem_set)[name]).replace("{root}", str(ROOT))
    if "{visible}" in text:
        text = text.replace("{visible}", str(visible_calls(problem_set, name)))
    return text.replace("{name}", name)


def attacked(attack: Attack, problem_set: str, folder: Path) -> Path:
    """Write a submission: all answers are right, and the attack takes the target's place."""
    name = target_of(problem_set, attack)
    notebook = json.loads((ROOT / "exercises" / problem_set / f"{problem_set}.ipynb").read_text())
    for cell in notebook["cells"]:
        grade_id = marks_of(cell).get("grade_id")
        if grade_id == name:
            cell["source"] = filled(attack.code + attack.answer, problem_set, name)
        elif grade_id in solutions_of(problem_set):
            cell["source"] = solutions_of(problem_set)[grade_id]
    for file, text in attack.files.items():
        (folder / file).write_text(text)
    path = folder / f"{problem_set}.ipynb"
    path.write_text(json.dumps(attack.change(notebook, name)))
    return path


def started() -> set[psutil.Process]:
    """Return the processes that this one has started itself: a browser of other tests may be among them."""
    return set(psutil.Process().children())


def alive(before: set[psutil.Process]) -> list[psutil.Process]:
    """Return the processes that have been started since, by this one or by those, and are there to stay."""
    found = started() - before
    for root in list(found):
        with suppress(psutil.NoSuchProcess):
            found |= set(root.children(recursive=True))
    return psutil.wait_procs(list(found), 30)[1]


def left_behind() -> list[str]:
    """Return what is on this machine of what attacks try to leave on it."""
    lines = (" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    files = (path for place in ("/tmp", "/dev/shm", Path.home()) for path in Path(place).glob("left-behind*"))
    return [line for line in (*lines, *map(str, files)) if "left-behind" in line]


@pytest.mark.parametrize(("problem_set", "name"), cases())
def test_attack(problem_set, name, outcome_of):
    report, attack = outcome_of(problem_set, name), ATTACKS[name]
    verdicts = {test: verdict["passed"] for test, verdict in report.tests.items()}
    target = f"test_{target_of(problem_set, attack)}"
    assert verdicts[target] is not attack.lost, report
    if not attack.sabotage:
        assert all(passed for test, passed in verdicts.items() if test != target), report
    if attack.said:
        assert attack.said in report.tests[target]["diagnosis"]
    told = json.dumps(report.to_json())
    assert len(told) < 2**21
    assert not [word for word in ("found", "stolen", "HIDDEN TESTS") if word in told], told
    assert left_behind() == []


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
                      (socket.AF_UNIX, {named.getsockname()!r})]:
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


LEFT = """import builtins, ctypes, os, socket, sys
import attnlib, numpy, torch
_places = [f"{place}/mark" for place in ("/tmp", "/dev/shm", os.path.expanduser("~"), attnlib.__path__[0], "/var/tmp")]
_open = socket.socket(socket.AF_UNIX)
def _left():
    try:
        _open.bind("\\0mark")
    except OSError:
        yield "a socket"
    yield from filter(os.path.exists, _places)
    yield from (each.__name__ for each in (builtins, numpy, torch, attnlib) if hasattr(each, "mark"))
    if "mark" in sys.path or "mark" in os.environ or "mark" in sys.modules:
        yield "settings"
    if ctypes.CDLL(None).shmget(77, 4096, 0) >= 0:
        yield "shared memory"
"""
WHAT_IS_LEFT = ("a socket", "/tmp/mark", "/dev/shm/mark", "builtins", "numpy", "torch", "attnlib", "settings")
LEAVING = """for place in _places:
    try:
        open(place, "w").close()
    except OSError:
        pass
ctypes.CDLL(None).shmget(77, 4096, 0o1666)
_open.bind("\\0mark")
_open.listen()
for each in (builtins, numpy, torch, attnlib):
    each.mark = True
sys.path.append("mark")
os.environ["mark"] = sys.modules["mark"] = "1"
"""
LOOKING = """_found = list(_left())
if _found:
    raise RuntimeError(_found)
"""


def test_nothing_is_left_for_the_next_submission(grader_of, tmp_path):
    """One submission leaves whatever it can; the next one looks for it, and so does the first."""
    grader, target = grader_of("ps1"), target_of("ps1", Attack(""))

    def printed(*parts: str) -> str:
        attack = Attack("", code="".join(parts), answer="{solution}", lost=False)
        report = grader.run(splice_file(attacked(attack, "ps1", tmp_path), grader.master, LIMITS))
        assert report.remarks == []
        return json.dumps(report.outputs[target])

    own = printed(LEFT, LEAVING, LOOKING)
    assert [what for what in WHAT_IS_LEFT if what not in own] == []
    assert printed(LEFT, LOOKING) == "[]"


def test_a_test_that_asks_until_the_answer_says_so_comes_to_an_end():
    """A million tiny calls are more than a test may make."""
    master = tiny_master()
    tests = {cell.metadata.nbgrader.grade_id: cell for cell in master.cells if cell.cell_type == "code"}
    tests["test_double"].source = "while not double(1):\n    pass"
    answers = RIGHT | {"double": "def double(x):\n    return 0"}
    limits = replace(LIMITS, calls=2_000, call_seconds=30, cell_seconds=60)
    with Grader(master, limits, seed="1") as grader:
        report = grader.run(splice(master, Answers(answers)))
    assert [verdict["passed"] for verdict in report.tests.values()] == [False, True, True]
    assert "more than 2000 calls" in report.tests["test_double"]["diagnosis"]
