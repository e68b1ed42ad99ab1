"""What every test runs under: checked annotations, one thread, no display, repeatable random examples."""

import os
import signal

import matplotlib
import pytest
import torch
from hypothesis import settings
from jaxtyping import config, install_import_hook

import tests.typecheck  # noqa: F401 - the hook below refers to it by name
from tests import requirements
from tests.site.chromium import pytest_terminal_summary  # noqa: F401 - xdist does not load the conftest below

install_import_hook("attnlib", "tests.typecheck.typecheck")
matplotlib.use("Agg")
torch.set_num_threads(1)
# A job in the background starts without Ctrl-C, and so would the programs that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what can't run on this machine."""
    requirements.leave_out(items)


@pytest.fixture
def unchecked():
    """Turn the checking of annotations off, so that attnlib's own error messages come through."""
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", before)
