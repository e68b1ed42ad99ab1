"""A kernel that runs anything: its owner gets the outputs as text, capped, and is never made to wait."""

import time
from types import SimpleNamespace

import pytest

from grading.kernel import Executed, Kernel, KernelGoneError, _Outputs
from grading.limits import Limits
from grading.nursery import Nursery
from grading.provisioner import MODULES

pytestmark = pytest.mark.sandbox

pytestmark = pytest.mark.sandbox

LIMITS = Limits(output_kb=1)


@pytest.fixture(scope="module")
def nursery():
    with Nursery(LIMITS, modules=MODULES) as nursery:
        yield nursery


@pytest.fixture(scope="module")
def shared(nursery):
    kernel = Kernel(nursery, LIMITS)
    yield kernel
    kernel.close()


@pytest.fixture
def kernel(nursery):
    kernel = Kernel(nursery, LIMITS)
    yield kernel
    kernel.close()


def text(executed):
    return "".join(output.get("text", "") for output in executed.outputs)


def test_a_cell_is_run_and_what_it_prints_is_kept(shared):
    done = shared.execute("import sys\nprint('out')\nprint('more')\nprint('err', file=sys.stderr)\n6 * 7", 30)
    assert done.status == "ok"
    assert done.outputs == [
        {"output_type": "stream", "name": "stdout", "text": "out\nmore\n"},
        {"output_type": "stream", "name": "stderr", "text": "err\n"},
        {"output_type": "display_data", "data": {"text/plain": "42"}, "metadata": {}},
    ]


def test_an_error_is_an_output_and_the_next_cell_is_run(shared):
    done = shared.execute("1 / 0", 30)
    assert done.status == "error"
    assert [output["ename"] for output in done.outputs] == ["ZeroDivisionError"]
    assert shared.execute("x = 1", 30) == Executed("ok")


def test_outputs_are_cut(shared):
    done = shared.execute("print('x' * 10_000)\nprint('y' * 10_000)", 30)
    assert done.status == "ok"
    assert text(done).startswith("x" * 1024 + " …")
    assert "y" not in text(done)


def test_a_cell_is_interrupted_when_its_time_is_over(shared):
    done = shared.execute("print('begun', flush=True)\nwhile True:\n    pass", 1)
    assert done.status == "time"
    assert text(done) == "begun\n"
    assert shared.execute("x", 30).status == "ok"  # what it knew before is still there


def test_a_cell_that_goes_on_after_it_was_interrupted(kernel, monkeypatch):
    monkeypatch.setattr("grading.kernel._GRACE", 1.0)
    stubborn = "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass"
    with pytest.raises(KernelGoneError, match="it went on after it was interrupted"):
        kernel.execute(stubborn, 1)


def test_a_kernel_that_ends_itself_is_not_waited_for(kernel):
    begun = time.monotonic()
    with pytest.raises(KernelGoneError, match="it ended"):
        kernel.execute("import os\nos._exit(0)", 300)
    assert time.monotonic() - begun < 100


def test_a_kernel_that_takes_too_much_memory():
    with Nursery(Limits(memory_mb=200), modules=MODULES) as small:
        kernel = Kernel(small, LIMITS)
        fork = "if os.fork() == 0:\n        x = b'x' * (60 * 2**20)\n        time.sleep(60)"
        filling = f"import os, time\nfor n in range(8):\n    {fork}"
        with pytest.raises(KernelGoneError, match="it took too much memory"):
            kernel.execute(f"{filling}\ntime.sleep(60)", 100)
        kernel.close()


@pytest.mark.parametrize(
    "message",
    [
        {"msg_type": "stream", "text": 7, "name": []},
        {"msg_type": "stream"},
        {"msg_type": "error", "ename": {}, "evalue": None, "traceback": {"a": 1}},
        {"msg_type": "error", "traceback": [1, None, "line"] * 100},
        {"msg_type": "execute_result", "data": ["text/plain"]},
        {"msg_type": "display_data", "data": {"text/html": "<script>", "text/plain": {"a": 1}}},
        {"msg_type": "clear_output"},
        {"msg_type": ["stream"], "text": "x"},
        {"msg_type": None},
    ],
)
def test_whatever_a_message_holds_outputs_are_text(message):
    outputs = _Outputs(100)
    outputs.add(message)
    for output in outputs.found:
        shown = output.get("data", {"text": output.get("text", "")} | {"ename": output.get("ename", "")})
        assert all(isinstance(value, str) for value in shown.values())
        assert all(isinstance(line, str) for line in output.get("traceback", []))
        assert len(output.get("traceback", [])) <= 50


def test_many_pieces_of_output_are_not_kept():
    outputs = _Outputs(2**20)
    for number in range(1000):
        outputs.add({"msg_type": "display_data", "data": {"text/plain": str(number)}})
    assert len(outputs.found) == 200


def test_what_is_no_message_and_what_answers_another_request_is_passed_over(shared):
    answers = iter(
        [
            {"content": {"status": "ok"}, "parent_header": {"msg_id": "other"}, "msg_type": "execute_reply"},
            {"content": ["status"], "parent_header": {"msg_id": "mine"}, "msg_type": "execute_reply"},
            {"content": {"status": "ok"}, "parent_header": []},
            {},
            None,
        ]
    )
    channel = SimpleNamespace(socket="socket", get_msg=lambda timeout: next(answers))
    for _ in range(5):
        assert shared._received({"socket": 1}, channel, "mine") == []
