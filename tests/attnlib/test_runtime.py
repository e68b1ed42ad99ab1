"""The device, the scale, and the version."""

import importlib.metadata
import pathlib
import tomllib

import pytest
import torch

import attnlib
from tests.attnlib.strategies import fails


@pytest.fixture
def machine(monkeypatch):
    """Return a function that makes a machine with or without each kind of GPU."""

    def pretend(cuda=False, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(False, False, "cpu"), (True, False, "cuda"), (False, True, "mps"), (True, True, "cuda")],
)
def test_device_takes_the_fastest(machine, cuda, mps, expected):
    machine(cuda, mps)
    assert attnlib.device() == torch.device(expected)


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(False, False, "small"), (True, False, "full"), (False, True, "full")]
)
def test_scale_follows_the_device(machine, monkeypatch, cuda, mps, expected, empty):
    monkeypatch.delenv("ATTNLIB_SCALE", raising=False)
    if empty is not None:
        monkeypatch.setenv("ATTNLIB_SCALE", empty)
    machine(cuda, mps)
    assert attnlib.scale() == expected


@pytest.mark.parametrize("cuda", [False, True])
@pytest.mark.parametrize("chosen", ["small", "full"])
def test_the_environment_decides_the_scale(machine, monkeypatch, cuda, chosen):
    machine(cuda)
    monkeypatch.setenv("ATTNLIB_SCALE", chosen)
    assert attnlib.scale() == chosen


@pytest.mark.parametrize("wrong", ["large", "Small", "1", " "])
def test_another_scale_is_refused(monkeypatch, wrong):
    monkeypatch.setenv("ATTNLIB_SCALE", wrong)
    with fails(ValueError, f"ATTNLIB_SCALE must be 'small' or 'full', got {wrong!r}"):
        attnlib.scale()


def test_the_version_is_the_projects():
    pyproject = pathlib.Path(__file__).parents[2] / "pyproject.toml"
    assert attnlib.__version__ == tomllib.loads(pyproject.read_text())["project"]["version"]
    assert attnlib.__version__ == importlib.metadata.version("attnlib")


def test_the_root_exports_what_it_says():
    assert set(attnlib.__all__) == {"__version__", "device", "scale"}
    assert all(hasattr(attnlib, name) for name in attnlib.__all__)
