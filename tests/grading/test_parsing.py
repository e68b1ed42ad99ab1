"""Syntax trees, for several threads at once."""

import ast
import gc
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grading import wire
from grading.parsing import parse


@pytest.fixture
def switching():
    """Another thread gets its turn whenever garbage is collected, as with Dask's own look at the collector."""

    def switch(phase, about):
        time.sleep(0)

    gc.collect()
    gc.callbacks.append(switch)
    yield
    gc.callbacks.remove(switch)


def test_threads_may_parse_at_once(switching):
    source = Path(wire.__file__).read_text()
    with ThreadPoolExecutor(4) as pool:
        trees = list(pool.map(parse, [source] * 40))
    assert {ast.dump(tree) for tree in trees} == {ast.dump(ast.parse(source))}


def test_what_is_not_python_is_said():
    with pytest.raises(SyntaxError):
        parse("def f(:")
