"""Dark and light: all text stands out from what is behind it, and figures keep the paper they are drawn on."""

import pytest

pytestmark = pytest.mark.browser

CONTRAST = 4.5  # what WCAG 2 asks of text (level AA)


@pytest.fixture(scope="module")
def opened(visit, page_name):
    """Open the page."""
    visit = visit(page_name)
    yield visit
    visit.page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_figures_are_readable(opened, theme):
    seen = opened.evaluate("contrast.js", [theme, CONTRAST])
    assert seen["looked"] > 10
    assert seen["poor"] == []
    assert [figure for figure in seen["figures"] if figure["luminance"] < 0.9] == []


def test_the_switch_changes_the_theme_and_is_remembered(visit):
    opened = visit("intro.html")
    themes = set()
    for _ in range(3):
        opened.page.locator("button.theme-switch-button:visible").click()
        themes.add(
            (opened.evaluate("localStorage.getItem('mode')"), opened.evaluate("document.documentElement.dataset.theme"))
        )
    assert themes == {("dark", "dark"), ("light", "light"), ("auto", "light")}
    while opened.evaluate("localStorage.getItem('mode')") != "dark":
        opened.page.locator("button.theme-switch-button:visible").click()
    opened.page.reload()
    assert opened.evaluate("document.documentElement.dataset.theme") == "dark"
    assert opened.evaluate("getComputedStyle(document.body).colorScheme") in ("dark", "normal")
    opened.evaluate("localStorage.clear()")
    opened.page.close()
