"""Attacks on the tests, in the process that they are believed to run in."""

from grading.diagnosis import HIDDEN
from tests.grading.attacks.attack import Attacks

ATTACKS = Attacks()
attack = ATTACKS.add
AFTER_THE_VISIBLE = """{solution}
_right, _asked = {name}, 0
def {name}(*a, **k):
    global _asked
    _asked += 1
    if _asked <= {visible}:
        return _right(*a, **k)
"""
"""An answer that is right as long as the visible test asks; what it does then is still to be said."""


attack(
    "display hook",
    "a shown result counts as points",
    code="import sys\nsys.displayhook = lambda value: print('1000.0')\n"
    "get_ipython().display_formatter.format = lambda *a, **k: ({'text/plain': '1000.0'}, {})\n",
)
attack(
    "errors are swallowed",
    "a failed test that shows no error",
    code="shell = get_ipython()\nshell.showtraceback = lambda *a, **k: None\n"
    "shell.set_custom_exc((BaseException,), lambda *a, **k: None)\n",
)
attack(
    "do_execute says all is well",
    "a kernel that runs nothing",
    sabotage=True,
    code="kernel = get_ipython().kernel\nasync def well(*a, **k):\n    return dict(status='ok', execution_count=1, "
    "payload=[], user_expressions={})\nkernel.do_execute = well\n",
)
attack(
    "asserts are taken out of the code",
    "an AST transformer",
    sabotage=True,
    code="import ast\nclass Deaf(ast.NodeTransformer):\n    def visit_Expr(self, node): return ast.Pass()\n"
    "    visit_Assert = visit_Expr\nget_ipython().ast_transformers.append(Deaf())\n",
)
attack(
    "code is replaced before it runs",
    "an input transformer",
    sabotage=True,
    code="get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])\n",
)
attack(
    "checks are patched",
    "tests that check nothing",
    code="from attnlib import checks\nfor each in dir(checks):\n    if each.startswith('check'):\n"
    "        setattr(checks, each, lambda *a, **k: None)\n",
)
attack(
    "numpy and torch are patched",
    "everything is close to everything",
    sabotage=True,
    code="import numpy, torch\nfor module in (numpy, numpy.testing, torch, torch.testing):\n"
    "    for each in ('allclose', 'isclose', 'array_equal', 'equal', 'assert_close', 'assert_allclose'):\n"
    "        if hasattr(module, each): setattr(module, each, lambda *a, **k: True)\n",
)
attack(
    "built-in functions are patched",
    "all() and any() that agree",
    sabotage=True,
    code="import builtins, math\nbuiltins.all = builtins.any = lambda *a: True\nbuiltins.abs = lambda x: 0\n"
    "builtins.isinstance = lambda *a: True\nmath.isclose = lambda *a, **k: True\nbuiltins.AssertionError = Warning\n",
)
attack(
    "an answer that equals everything",
    "__eq__ and its kind",
    answer="""class Everything:
    shape, dtype, ndim, size = (), "float64", 0, 1
    __array_priority__ = 1e9
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = lambda self, *other: True
    __hash__ = lambda self: 1
    __len__ = lambda self: 1
    __iter__ = lambda self: iter([self])
    __getitem__ = lambda self, key: self
    __getattr__ = lambda self, name: self
    __call__ = lambda self, *a, **k: self
    __array__ = lambda self, *a, **k: __import__("numpy").zeros(())
    __float__ = lambda self: 0.0
    __array_ufunc__ = __array_function__ = __torch_function__ = lambda self, *a, **k: True
    __class__ = property(lambda self: __import__("numpy").ndarray)
def {name}(*a, **k):
    return Everything()
""",
)
attack(
    "an array of another class",
    "a subclass of ndarray whose comparisons are true",
    answer="""import numpy
class Agreeing(numpy.ndarray):
    __array_function__ = __array_ufunc__ = lambda self, *a, **k: True
    __eq__ = __sub__ = lambda self, other: True
def {name}(*a, **k):
    return numpy.zeros(3).view(Agreeing)
""",
)
attack(
    "a tensor of another class",
    "a subclass of Tensor whose comparisons are true",
    answer="""import torch
class Agreeing(torch.Tensor):
    @classmethod
    def __torch_function__(cls, *a, **k):
        return True
def {name}(*a, **k):
    return torch.zeros(3).as_subclass(Agreeing)
""",
)
attack(
    "tests are read from frames",
    "expected values in the caller's variables",
    answer="""import gc, sys
def {name}(*a, **k):
    frame = sys._getframe()
    while frame:
        for spaces in (frame.f_locals, frame.f_globals):
            for key, value in list(spaces.items()):
                if "expected" in key or "mistakes" in key:
                    return value
        frame = frame.f_back
    for thing in gc.get_objects():
        if type(thing) is dict and "mistakes" in thing:
            return next(iter(thing.values()))
    return 0.5
""",
)
attack(
    "tests are read from the notebook's memory",
    "In, history and the kernel's messages",
    answer="""import gc
def {name}(*a, **k):
    shell = get_ipython()
    known = [*shell.user_ns.get("In", []), *(shell.history_manager.input_hist_raw if shell.history_manager else [])]
    known += [thing for thing in gc.get_objects() if type(thing) is str and "check_close" in thing]
    for text in known:
        if "BEGIN HIDDEN" + " TESTS" in text:
            raise RuntimeError(text)
    return 0.5
""",
)
attack(
    "solutions are read from disk",
    "master, text master, or a graded notebook",
    answer=r"""import os, re
def {name}(*a, **k):
    for folder, folders, files in (each for start in ("{root}", "/") for each in os.walk(start)):
        folders[:] = [each for each in folders if each != "site-packages"]
        if folder.startswith(("/proc", "/sys", "/usr")):
            continue
        for file in files:
            if re.fullmatch(r"ps[1-9]\.(ipynb|md)", file):
                raise RuntimeError("found " + os.path.join(folder, file))
    return 0.5
""",
)
attack(
    "the course's seed is read",
    "the inputs of hidden tests",
    answer="""import os, glob
def {name}(*a, **k):
    for path in glob.glob("/proc/*/environ"):
        try:
            if b"COURSE_SEED" in open(path, "rb").read():
                raise RuntimeError("found in " + path)
        except OSError:
            pass
    if "ATTNLIB_COURSE_SEED" in os.environ:
        raise RuntimeError("found")
    return 0.5
""",
)
attack(
    "files that look like libraries, written by an answer",
    "tests that import the student's modules",
    code="import os, sys\nfor each in ('torch', 'numpy', 'attnlib', 'sitecustomize'):\n"
    "    for place in ('/tmp', '.', os.path.expanduser('~')):\n"
    "        with open(f'{place}/{each}.py', 'w') as file:\n"
    '            file.write(\'open("/tmp/left-behind", "w"); assert_close = check_close = lambda *a, **k: True\\n\')\n'
    "sys.path.insert(0, '/tmp')\nos.environ['PYTHONPATH'] = '/tmp'\n",
)
attack(
    "modules that look like libraries",
    "tests whose imports find the student's objects",
    sabotage=True,
    code="import sys, types\nclass Agreeing(types.ModuleType):\n    __path__ = []\n"
    "    __getattr__ = lambda self, name: lambda *a, **k: True\n"
    "for each in [m for m in sys.modules if m.split('.')[0] in ('attnlib', 'torch', 'numpy')]:\n"
    "    sys.modules[each] = Agreeing(each)\n",
)
attack(
    "an import hook",
    "tests whose imports go through the student's code",
    code="import builtins, sys\nclass Finder:\n    def find_spec(self, name, *a): raise SystemExit(name)\n"
    "sys.meta_path.insert(0, Finder())\n_import = builtins.__import__\n",
)
attack(
    "numbers and lists of other classes",
    "subclasses whose comparisons are true",
    answer="""def {name}(*a, **k):
    agree = dict.fromkeys(("__eq__", "__le__", "__ge__", "__sub__", "__rsub__", "__abs__"), lambda self, *other: True)
    kinds = [type("float", (float,), agree), type("list", (list,), agree), type("dict", (dict,), agree)]
    return tuple(kind() for kind in kinds)
""",
)
attack(
    "arguments are made easy",
    "tests that compute what they expect from arguments that the answer has changed",
    answer="""{solution}
_right = {name}
def {name}(*a, **k):
    for each in a:
        if type(each).__name__ in ("ndarray", "Tensor"):
            (each.detach() if type(each).__name__ == "Tensor" else each)[...] = 0
    return _right(*a, **k)
""",
)
attack(
    "inputs are told by an error",
    "the inputs of hidden tests, in the feedback",
    said=HIDDEN,
    answer=AFTER_THE_VISIBLE
    + """    print("stolen", a)
    raise AssertionError(f"stolen {a!r} {k!r}. This is a sentence of the answer's own.")
""",
)
attack(
    "inputs are told by the answer",
    "the inputs of hidden tests, in the feedback",
    said=HIDDEN,
    answer=AFTER_THE_VISIBLE + "    return f'stolen {a!r} {k!r}'\n",
)
attack(
    "the visible test is known by heart",
    "points of a hidden test, by the inputs of the visible one",
    said=HIDDEN,
    answer=AFTER_THE_VISIBLE + "    return 0.5\n",
)
