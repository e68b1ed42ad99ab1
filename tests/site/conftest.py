"""The built site, a browser, and pages opened in it once for many tests."""

import os
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.site import chromium
from tests.site.static_host import BUILT, Site, StaticHost
from tests.site.visits import Visit, open_page


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for a page name each page of the site, one that asks for a chapter each chapter."""
    names = Site(BUILT).pages()
    chapters = [name for name in names if name[:2].isdigit()]
    for argument, values in {"page_name": names, "chapter": chapters}.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, values or ["no page"], scope="module")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where there is no built site, let one test say so for all."""
    if Site(BUILT).pages():
        return
    same = [item for item in items if "site" in getattr(item, "fixturenames", [])][1:]
    config.hook.pytest_deselected(items=same)
    items[:] = [item for item in items if item not in set(same)]


@pytest.fixture(scope="session")
def site() -> Site:
    """Return the built site."""
    if not Site(BUILT).pages():
        pytest.fail("there is no built site in _build/html: run `make book` first", pytrace=False)
    return Site(BUILT)


@pytest.fixture(scope="session")
def served(site: Site) -> Iterator[Site]:
    """Return the built site with its address."""
    with StaticHost(site.directory) as served:
        yield served


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start a browser that reaches this machine only."""
    with sync_playwright() as playwright:
        path = chromium.find_chromium(playwright)
        if path is None and os.environ.get(chromium.REQUIRED) == "1":
            pytest.fail(chromium.MISSING, pytrace=False)
        if path is None:
            pytest.skip(chromium.MISSING)
        browser = playwright.chromium.launch(executable_path=path, args=chromium.arguments())
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a fresh browser profile without motion."""
    context = browser.new_context(reduced_motion="reduce", color_scheme="light")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture(scope="module")
def visit(context: BrowserContext, served: Site) -> Callable[..., Visit]:
    """Return a function that opens a page of the site by its name."""

    return partial(open_page, context, served)
