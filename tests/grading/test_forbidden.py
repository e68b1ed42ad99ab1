"""What a problem set doesn't allow is gone where its answers run, and nothing else is."""

import fnmatch
import json
import subprocess
import sys

import nbformat
import pytest
import torch

from grading.forbidden import not_allowed
from grading.grader import Grader
from grading.limits import Limits
from grading.splicing import Answers, answer_cells, read_master, splice
from publishing.settings import ROOT

pytestmark = pytest.mark.sandbox
PROBLEM_SETS = sorted(path.stem for path in ROOT.glob("solutions/ps*/ps*.ipynb"))
START = """
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
import torch, torch._decomp.decompositions_for_jvp, torch._refs
from torch import nn
from torch.nn import functional as F
from grading.forbidden import NotAllowedError, take_away
names, modules, first, then = json.loads(sys.argv[1])
q = torch.ones(1, 1, 2, 4)
x = torch.ones(3, requires_grad=True)
def outcome(code):
    try:
        eval(code)
    except Exception as error:
        return type(error).__name__
    return "done"
before = {code: outcome(code) for code in first}
take_away(names, modules)
print(json.dumps([before, {code: outcome(code) for code in then}]))
"""
WAYS_TO_ATTENTION = [
    "F.scaled_dot_product_attention(q, q, q)",
    "torch._C._nn.scaled_dot_product_attention(q, q, q)",
    "torch.ops.aten.scaled_dot_product_attention(q, q, q)",
    "torch.ops.aten.scaled_dot_product_attention.default(q, q, q)",
    "torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, q, q)",
    "torch._C._jit_get_operation('aten::scaled_dot_product_attention')[0](q, q, q)",
    "torch.library.get_kernel('aten::scaled_dot_product_attention', 'CPU')",
    "torch.jit.CompilationUnit('def f(q):\\n  return torch._C._nn.scaled_dot_product_attention(q, q, q)\\n').f(q)",
    "torch._C.parse_ir('graph(%q : Tensor):\\n  return (%q)')",
    "nn.MultiheadAttention(4, 2)",
    "nn.modules.activation.MultiheadAttention(4, 2)",
    "type('Mine', (nn.MultiheadAttention,), {})",
    "nn.TransformerEncoderLayer(4, 2)",
    "F.multi_head_attention_forward(q)",
    "torch._native_multi_head_attention(q)",
]
WAYS_TO_SOFTMAX = [
    "torch.softmax(q, -1)",
    "q.softmax(-1)",
    "q.log_softmax(-1)",
    "torch.Tensor.softmax(q, -1)",
    "super(torch.Tensor, q).softmax(-1)",
    "torch._C.TensorBase.softmax(q, -1)",
    "nn.Parameter(q).softmax(-1)",
    "torch._C._VariableFunctions.softmax(q, -1)",
    "torch._VF.softmax(q, -1)",
    "torch.special.softmax(q, -1)",
    "torch._refs.softmax(q, -1)",
    "nn.Softmax(-1)(q)",
    "F.softmax(q, -1)",
    "torch.sparse.softmax(q.to_sparse(), -1)",
]
HONEST = [
    "torch.einsum('...qd,...kd->...qk', q, q).exp().sum(-1)",
    "nn.Sequential(nn.Linear(4, 2), nn.ReLU())(q)",
    "torch.optim.Adam(nn.Linear(3, 2).parameters()).step()",
    "torch.func.vmap(lambda row: (row @ row).exp())(torch.ones(2, 3))",
    "torch.func.jvp(torch.exp, (x,), (x,))",
    "torch.func.jacrev(torch.exp)(x)",
    "torch.func.hessian(lambda x: x.exp().sum())(x)",
    "torch.autograd.functional.jacobian(torch.exp, x, vectorize=True)",
    "torch.linalg.norm(q)",
    "nn.utils.rnn.pack_padded_sequence(torch.ones(2, 3, 1), torch.tensor([3, 2]), batch_first=True)",
    "F.one_hot(torch.tensor([1, 2]), 4)",
]


def before_and_after(names: list[str], modules: list[str], *tried: list[str]) -> list[dict[str, str]]:
    """Return what comes of expressions in a new process, before and after things are taken away there."""
    command = [sys.executable, "-c", START, json.dumps([names, modules, tried[0], tried[-1]])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def master_of(problem_set):
    return read_master(ROOT / "solutions" / problem_set / f"{problem_set}.ipynb")


@pytest.mark.parametrize(
    ("names", "ways"),
    [
        (["*scaled_dot_product*", "*[mM]ulti_head_attention*", "*MultiheadAttention*"], WAYS_TO_ATTENTION),
        (["*[sS]oftmax*"], WAYS_TO_SOFTMAX),
    ],
)
def test_no_way_leads_to_what_is_taken_away(names, ways):
    before, after = before_and_after(names, [], ways)
    assert "NotAllowedError" not in before.values()
    assert set(after.values()) == {"NotAllowedError"}, after


def test_nothing_honest_is_lost():
    """With all that any problem set doesn't allow taken away at once."""
    lists = [not_allowed(master_of(problem_set)) for problem_set in PROBLEM_SETS]
    assert all(each["torch"] for each in lists)
    names, modules = ([name for each in lists for name in each[kind]] for kind in ("torch", "modules"))
    # What PyTorch does for the first time loads more of it: so nothing is done before.
    _, after = before_and_after(names, modules, [], HONEST)
    assert set(after.values()) == {"done"}, after


def test_each_pattern_finds_something():
    places = (torch, torch.nn, torch.nn.functional, torch.nn.utils, torch.special, torch.distributions)
    known = {name for place in places for name in dir(place)}
    patterns = {name for each in PROBLEM_SETS for name in not_allowed(master_of(each))["torch"]}
    assert {name for name in patterns if not fnmatch.filter(known, name)} == set()


def test_a_library_that_is_not_allowed_cannot_be_imported():
    ways = ["importlib.import_module('scipy.special')", "importlib.import_module('scipy')"]
    before, after = before_and_after([], ["scipy"], ways)
    assert set(before.values()) == {"done"}
    assert set(after.values()) == {"ModuleNotFoundError"}


@pytest.mark.parametrize("said", ["softmax", ["softmax"], {"torch": "softmax"}, {"torch": [1]}, {"numpy": ["x"]}])
def test_metadata_that_say_something_else_are_an_error(said):
    master = nbformat.v4.new_notebook(metadata={"not_allowed": said})
    with pytest.raises(ValueError, match="not_allowed"):
        not_allowed(master)


DELEGATED = {
    "ps2": (
        "scaled_attention",
        """def scaled_attention(Q, K, V):
    q, k, v = (torch.tensor(array)[None].float() for array in (Q, K, V))
    return torch.nn.functional.scaled_dot_product_attention(q, k, v)[0].numpy()
""",
        "This problem set doesn't allow PyTorch's `scaled_dot_product_attention`: write it yourself.",
    ),
    "ps1": (
        "softmax",
        """import subprocess, sys
def softmax(scores):
    code = f"import numpy, torch; print(torch.softmax(torch.tensor({scores.tolist()}).double(), -1).tolist())"
    return np.array(eval(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout))
""",
        "PermissionError",
    ),
}


@pytest.mark.parametrize("problem_set", DELEGATED)
def test_an_answer_that_hands_the_work_on_gets_no_points_and_is_told_why(problem_set):
    master = master_of(problem_set)
    name, code, told = DELEGATED[problem_set]
    texts = {each: cell.source for each, cell in answer_cells(master).items()}
    with Grader(master, Limits(), seed="20260901") as grader:
        report = grader.run(splice(master, Answers(texts | {name: code})))
    lost = {test: verdict for test, verdict in report.tests.items() if not verdict["passed"]}
    assert next(iter(lost)) == f"test_{name}"
    assert told in lost[f"test_{name}"]["diagnosis"]
