"""The checks that the functional core shares, and the annotations' checker itself."""

import doctest
import importlib
import inspect
import pkgutil

import jaxtyping
import numpy as np
import pytest
import torch

import attnlib
from attnlib import _arrays
from attnlib.softmax import softmax
from tests.attnlib.strategies import KINDS, fails, make

kinds = pytest.mark.parametrize("kind", KINDS)
MODULES = [name for _, name, _ in pkgutil.iter_modules(attnlib.__path__) if not name.startswith("_")]


# The checker bites


def test_a_wrong_argument_is_caught():
    with pytest.raises(jaxtyping.TypeCheckError, match="scores"):
        softmax(np.array([1, 2]))
    with pytest.raises(jaxtyping.TypeCheckError, match="axis"):
        softmax(np.array([1.0, 2.0]), axis="last")


def test_a_wrongly_shaped_return_is_caught(monkeypatch):
    monkeypatch.setattr(
        importlib.import_module("attnlib.softmax"), "_shifted", lambda xp, scores, *_: (scores[None], True)
    )
    with pytest.raises(jaxtyping.TypeCheckError, match=r"return value of attnlib\.softmax\.softmax"):
        softmax(np.array([1.0, 2.0]))


def test_an_int_passes_for_a_float_and_unchecked_turns_the_checker_off(request):
    assert softmax(np.array([1.0, 2.0]), temperature=2).shape == (2,)
    request.getfixturevalue("unchecked")
    with pytest.raises(TypeError, match=r"^axis must be an integer, got str$"):
        softmax(np.array([1.0, 2.0]), axis="last")


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_checked(module):
    for name, function in functions(importlib.import_module(f"attnlib.{module}")):
        assert hasattr(function, "__wrapped__"), f"{name} was imported before the import hook was there"


# The docstrings run


def functions(module):
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and not name.startswith("_"):
            yield f"{module.__name__}.{name}", function


def test_doctests_are_collected(pytestconfig):
    assert pytestconfig.option.doctestmodules
    assert "attnlib" in pytestconfig.getini("testpaths")


@pytest.mark.parametrize("module", sorted({*MODULES} - {"cli"}))  # whose examples are the commands in its help
def test_every_public_function_has_an_example(module):
    finder = doctest.DocTestFinder(recurse=False)
    for name, function in functions(importlib.import_module(f"attnlib.{module}")):
        examples = [example for test in finder.find(function, name) for example in test.examples]
        assert examples, f"{name} has no example that runs"


# The shared checks


@kinds
def test_in_range_gives_a_number_that_the_dtype_divides_by(kind):
    ones = make([1.0], kind)
    xp = _arrays.namespace(ones=ones)
    for number in (5e-324, 1e-60, 1e-3, 2, 1e60, 1.7e308, 10**400):
        with np.errstate(all="ignore"):
            moved = ones * 0 + _arrays.in_range(xp, number, ones.dtype)
        assert bool(xp.all(xp.isfinite(moved) & (moved > 0)))
    assert _arrays.in_range(xp, 0.5, ones.dtype) == 0.5


@kinds
def test_accumulation_is_in_at_least_float32(kind):
    array = make([1.0], kind)
    xp = _arrays.namespace(array=array)
    wide = xp.astype(array, _arrays.accumulation_dtype(xp, array))
    assert _arrays.dtype_name(wide) == ("float64" if "64" in kind else "float32")


@pytest.mark.parametrize(
    ("shape", "target", "fits"),
    [
        ((), (), True),
        ((), (2, 3), True),
        ((3,), (2, 3), True),
        ((2, 1), (2, 3), True),
        ((1, 1), (2, 0), True),
        ((2,), (2, 3), False),
        ((2, 3), (3,), False),
        ((1, 3), (3,), False),
        ((3,), (1,), False),
        ((0,), (1,), False),
        ((0,), (0,), True),
    ],
)
def test_broadcasts_to(shape, target, fits):
    assert _arrays.broadcasts_to(shape, target) is fits
    if fits:
        assert np.broadcast_shapes(shape, target) == target


def test_resolve_axis_counts_from_the_front():
    array = np.zeros((2, 3, 4))
    assert [_arrays.resolve_axis(axis, array) for axis in range(-3, 3)] == [0, 1, 2, 0, 1, 2]


def test_namespace_names_the_first_of_each_library():
    with fails(TypeError, "b is a torch tensor but a is a NumPy array; convert one of them with torch.from_numpy"):
        _arrays.namespace(a=np.ones(1), b=torch.ones(1), c=torch.ones(1))
    with fails(TypeError, "c must be a NumPy array or a torch tensor, got NoneType"):
        _arrays.namespace(a=np.ones(1), c=None)
    assert _arrays.namespace(a=torch.nn.Parameter(torch.ones(1)), mask=None).__name__.endswith("torch")


def test_leading_dimensions():
    assert _arrays.broadcast_batch(query=(2, 1), key=(3,), value=()) == (2, 3)
    with fails(ValueError, "leading dimensions must broadcast: query has (2,) and key has (3,) and value has ()"):
        _arrays.broadcast_batch(query=(2,), key=(3,), value=())


def test_require_shape():
    array = np.ones((2, 3))
    _arrays.require_shape("weight", array, rows=2, columns=3)
    _arrays.require_shape("number", np.ones(()))
    for sizes, wanted in [({"rows": 3, "columns": 2}, "(rows, columns) = (3, 2)"), ({"rows": 2}, "(rows,) = (2,)")]:
        with fails(ValueError, f"weight must have shape {wanted}, got (2, 3)"):
            _arrays.require_shape("weight", array, **sizes)
    with fails(ValueError, "weight must have shape (rows, columns) = (1, 3), got (2, 3)"):
        _arrays.require_shape("weight", torch.ones(2, 3), rows=1, columns=3)


def test_require_same_dim():
    _arrays.require_same_dim(np.ones((2, 3)), np.ones((5, 3)))
    with fails(ValueError, "key has dim 64 but query has dim 32"):
        _arrays.require_same_dim(torch.ones(2, 32), torch.ones(2, 64))
    with fails(ValueError, "query and key have dim 0: there is nothing to compare"):
        _arrays.require_same_dim(np.ones((2, 0)), np.ones((2, 0)))


def test_require_dim():
    _arrays.require_dim("query", np.ones((2, 3)), 3, "the score")
    with fails(ValueError, "query has dim 3 but the score takes 4"):
        _arrays.require_dim("query", np.ones((2, 3)), 4, "the score")


def test_require_same_length():
    _arrays.require_same_length(np.ones((7, 2, 3)), np.ones((2, 5)))
    with fails(ValueError, "there are 2 keys but 3 values: key has shape (2, 3) and value (3, 2)"):
        _arrays.require_same_length(np.ones((2, 3)), torch.ones(3, 2))


@pytest.mark.parametrize(
    ("require", "least", "message"),
    [
        (_arrays.require_integers, -(10**30), ""),
        (_arrays.require_count, 0, "size must not be negative, got -1"),
        (_arrays.require_sizes, 1, "size must be at least 1, got 0"),
    ],
)
def test_require_numbers(require, least, message, unchecked):
    for number in (least, np.int64(max(least, 1)), np.uint8(3)):
        require(other=1, size=number)
    if message:
        with fails(ValueError, message):
            require(other=1, size=least - 1)
    for thing in (1.0, np.float64(1), "1", None, True, np.True_, np.ones(1, dtype=int), torch.tensor(1)):
        with fails(TypeError, f"size must be an integer, got {type(thing).__name__}"):
            require(other=1, size=thing)


def test_require_positive(unchecked):
    for number in (1, 0.5, 5e-324, np.float32(2), np.int64(3)):
        _arrays.require_positive("width", number)
    for number in (0, -1, -0.0, float("inf"), float("nan")):
        with fails(ValueError, f"width must be a positive finite number, got {number}"):
            _arrays.require_positive("width", number)
    for thing in (True, "1", None, 1j, np.ones(1), torch.tensor(1.0)):
        with fails(TypeError, f"width must be a number, got {type(thing).__name__}"):
            _arrays.require_positive("width", thing)


def test_require_first_derivative():
    with torch.no_grad():
        _arrays.require_first_derivative("call it twice")
    with fails(RuntimeError, "this code can be differentiated once; for second derivatives call it twice"):
        _arrays.require_first_derivative("call it twice")


def test_in_transform():
    seen = []
    for transform in (torch.func.vmap, torch.func.grad, torch.func.jacrev):
        transform(lambda x: seen.append(_arrays.in_transform()) or x.sum())(torch.ones(2))
    assert seen == [True] * 3
    assert not _arrays.in_transform()


def test_is_integer():
    assert all(_arrays.is_integer(number) for number in (0, -3, np.int64(2), np.uint8(1)))
    assert not any(_arrays.is_integer(number) for number in (True, np.True_, 1.0, np.float64(1), "1", None, np.ones(1)))


def test_constant_cuts_the_gradient():
    tensor = torch.ones(2, requires_grad=True)
    assert not _arrays.constant(tensor).requires_grad
    array = np.ones(2)
    assert _arrays.constant(array) is array


def test_other_floating_dtypes_are_refused(unchecked):
    for array in (np.ones(2, dtype=np.longdouble), np.ones(2, dtype=">f4"), torch.ones(2).to(torch.float8_e5m2)):
        with pytest.raises(TypeError, match="must hold floating-point numbers, got dtype"):
            softmax(array)
