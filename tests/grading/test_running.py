"""A notebook is run to its end, whatever its answers do, and each test gets its own verdict."""

from unittest.mock import patch

import psutil
import pytest

import grading.grader
from grading import running
from grading.grader import Grader
from grading.limits import Limits
from grading.running import Report, write
from grading.splicing import Answers, splice, splice_nothing
from tests.grading import courses
from tests.grading.courses import RIGHT, WRITTEN

pytestmark = pytest.mark.sandbox

LIMITS = Limits(call_seconds=5, cell_seconds=20, output_kb=4)
TESTS = tuple(courses.POINTS)
HANG = "while True:\n        pass"


@pytest.fixture(scope="module")
def grader():
    """What runs notebooks of the tiny problem set; no torch is loaded, which is faster."""
    loaded = tuple(module for module in grading.grader._LOADED if "torch" not in module)
    with patch.object(grading.grader, "_LOADED", loaded), Grader(courses.master(), LIMITS, seed="1") as grader:
        yield grader


@pytest.fixture
def run(grader):
    """Run answers that take the place of the right ones; return the report."""

    def run(limits=LIMITS, **answers):
        job = running.Job(limits, grader.job.seed, grader.job.student_paths, grader.job.tester_paths)
        notebook = splice(grader.master, Answers(RIGHT | answers))
        return running.run(notebook, grader.master, job, grader.nursery)

    return run


def passed(report):
    return [report.tests[name]["passed"] for name in TESTS]


def kinds(report):
    return [report.tests[name]["kind"] for name in TESTS]


def printed(report, name):
    return "".join(output.get("text", "") for output in report.outputs[name])


def test_right_answers_pass_and_nothing_is_remarked(run):
    report = run()
    assert report.tests == {name: {"passed": True, "kind": "passed"} for name in TESTS}
    assert report.remarks == []
    assert report.outputs == {name: [] for name in RIGHT}
    assert Report.from_json(report.to_json()) == report


def test_a_wrong_and_a_missing_answer_cost_their_own_test(run):
    report = run(double="def double(x):\n    return x", total="")
    assert passed(report) == [False, False, True]
    assert kinds(report) == ["assertion", "missing", "passed"]
    assert "total" in report.tests["test_total"]["diagnosis"]
    assert report.remarks == []


def test_a_cell_that_ends_its_kernel_is_not_read_again_and_the_rest_keeps_its_points(run):
    report = run(double=f"import os\n{RIGHT['double']}", total="import os\nos._exit(3)")
    assert passed(report) == [True, False, True]
    assert report.remarks == ["The kernel was started again: in the cell of total it ended."]
    assert printed(report, "total") == "This cell ended its kernel: it ended.\n"


def test_a_call_that_ends_the_kernel_has_the_answers_read_again(run):
    deadly = "def total(numbers):\n    import os\n    os._exit(3)"
    report = run(double=f"print('read')\n{RIGHT['double']}", total=deadly)
    assert passed(report) == [True, False, True]
    assert kinds(report)[1] == "broken"
    assert len(report.remarks) == 1
    assert report.remarks[0].startswith("The kernel was started again: in the test of test_total ")
    assert printed(report, "double") == "read\n"


def test_a_kernel_that_dies_in_the_last_test_is_not_started_again(run):
    report = run(longest="def longest(words):\n    import os\n    os._exit(3)")
    assert passed(report) == [True, True, False]
    assert report.remarks == []


def test_every_answer_may_end_its_kernel(run):
    deadly = "import os\nos._exit(3)"
    report = run(double=deadly, total=deadly, longest=deadly)
    assert passed(report) == [False, False, False]
    assert len(report.remarks) == 3


def test_an_answer_that_dies_only_when_it_is_read_again_is_left_out_then(run, monkeypatch):
    start, deadly = running._Run._start_kernel, "import os\nos._exit(3)"

    def start_anew(self, calls):
        if self.report.remarks:
            next(cell for cell in self.cells if cell.id == "double").source = deadly
        start(self, calls)

    monkeypatch.setattr(running._Run, "_start_kernel", start_anew)
    report = run(total=deadly)
    assert passed(report) == [True, False, True]
    assert [remark.split("in the cell of ")[1] for remark in report.remarks] == ["total it ended.", "double it ended."]


def test_a_cell_that_takes_too_long_is_stopped_and_its_kernel_goes_on(run):
    limits = Limits(cell_seconds=2, call_seconds=2)
    report = run(limits, total=f"if True:\n    {HANG}\n{RIGHT['total']}", longest=f"x = 1\n{RIGHT['longest']}")
    assert passed(report) == [True, False, True]
    assert printed(report, "total").endswith("Stopped after 2 seconds.\n")
    assert report.remarks == []


def test_a_call_that_takes_too_long_costs_its_own_test(run):
    report = run(Limits(call_seconds=2, cell_seconds=10), double=f"def double(x):\n    {HANG}")
    assert passed(report) == [False, True, True]
    assert kinds(report)[0] == "time"
    assert "a call may take 2 seconds" in report.tests["test_double"]["diagnosis"]


def test_a_notebook_that_takes_too_long_keeps_what_it_has_by_then(run, monkeypatch):
    def left(self):
        if "total" in self.report.outputs:
            return -1.0
        return 1.0 if "test_double" in self.report.tests else 60.0

    monkeypatch.setattr(running._Run, "_left", left)
    waits = "import time\ntime.sleep(1_000)"
    report = run(Limits(notebook_seconds=90, cell_seconds=600), total=waits, longest=waits)
    assert passed(report) == [True, False, False]
    assert kinds(report)[1:] == ["time", "time"]
    assert report.tests["test_longest"]["diagnosis"] == "Not run: the notebook had taken 1.5 minutes by then."


def test_the_time_of_a_notebook_is_counted(run):
    report = run(Limits(notebook_seconds=0.001))
    assert kinds(report) == ["time", "time", "time"]
    assert report.outputs == {}


def test_outputs_are_cut_and_text(run):
    long = f"print('x' * 100_000)\nprint('y' * 100_000)\n{RIGHT['double']}"
    shown = f"from IPython.display import HTML\ndisplay(HTML('<script>'))\n{RIGHT['total']}"
    report = run(double=long, total=shown, longest=f"{RIGHT['longest']}\n1 / 0")
    assert passed(report) == [True, True, True]
    assert 4096 <= len(printed(report, "double")) < 4200
    (display,) = report.outputs["total"]
    assert display["data"].keys() == {"text/plain"}
    (error,) = report.outputs["longest"]
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")


def test_a_submission_that_cannot_be_read_starts_nothing(grader):
    report = running.run(splice_nothing(grader.master, "it is a poem"), grader.master, grader.job, nursery=None)
    assert passed(report) == [False, False, False]
    assert {test["diagnosis"] for test in report.tests.values()} == {"Nothing could be graded: it is a poem"}


def test_a_tester_that_is_gone_is_no_verdict(run, monkeypatch):
    begin = running._Run._begin

    def begin_and_end(self):
        begin(self)
        self.tester.child.kill()

    monkeypatch.setattr(running._Run, "_begin", begin_and_end)
    with pytest.raises(running.TesterGoneError, match="the process that runs the tests is gone"):
        run()


def test_what_is_run_without_walls_says_so(grader):
    loaded = ("grading.guest", "grading.testing")
    with patch.object(grading.grader, "_LOADED", loaded), Grader(courses.master(), LIMITS, sandbox=False) as bare:
        report = bare.run(splice(bare.master, Answers(RIGHT)))
    assert passed(report) == [True, True, True]
    assert report.remarks == ["Graded WITHOUT a sandbox: this code ran with the grader's own rights."]


def test_a_report_is_written_below_its_cells():
    notebook = splice(courses.master(), Answers(RIGHT | {WRITTEN: "Because."}))
    tests = {"test_double": {"passed": True, "kind": "passed"}}
    tests["test_total"] = {"passed": False, "kind": "assertion", "diagnosis": "Wrong."}
    said = {"output_type": "stream", "name": "stdout", "text": "hello"}
    written = write(Report(tests=tests, outputs={"double": [said]}), notebook)
    outputs = {cell.id: cell.outputs for cell in written.cells if cell.get("outputs")}
    assert outputs.keys() == {"double", "test-total", "test-longest"}
    assert outputs["double"] == [said]
    assert outputs["test-total"][0].evalue == "Wrong."
    assert outputs["test-longest"][0].evalue == "This test was not run."


def test_nothing_of_a_run_is_left(grader, run):
    nursery = psutil.Process(grader.nursery._process.pid)
    before = set(nursery.children(recursive=True))
    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1_000)"
    run(double=f"{daemon}\n{RIGHT['double']}", total="import os\nos._exit(3)")
    assert psutil.wait_procs(set(nursery.children(recursive=True)) - before, timeout=60)[1] == []
