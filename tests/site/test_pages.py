"""Every page, on a desktop and on a phone: all of it loads, from the site alone, and shows, and nothing sticks out."""

import pytest

pytestmark = pytest.mark.browser

UNRENDERED_MATH = r"""() => {
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const raw = [];
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    if (parentElement.closest("pre, code, script, style, mjx-container")) continue;
    if (/\$[^$]*\$|\\\(|\\\[|\\begin\{/.test(data)) raw.push(data.trim().slice(0, 80));
  }
  return raw;
}"""


@pytest.fixture(scope="module")
def wide(visit, page_name):
    """Open the page on a desktop."""
    visit = visit(page_name, patient=True)
    yield visit
    visit.page.close()


@pytest.fixture(scope="module")
def narrow(visit, page_name):
    """Open the page on a phone."""
    visit = visit(page_name, width=390)
    yield visit
    visit.page.close()


def test_loads_without_an_error(wide):
    assert wide.errors == []
    assert wide.failed == []


def test_asks_nothing_of_another_machine(wide, narrow):
    assert wide.foreign == []
    assert narrow.foreign == []


def test_every_formula_is_typeset(wide):
    formulas = wide.evaluate("""() => [...document.querySelectorAll(".math")].map((formula) => ({
        source: formula.dataset.source ?? formula.textContent.slice(0, 80),
        typeset: formula.querySelector("mjx-container") !== null,
    }))""")
    assert [formula["source"] for formula in formulas if not formula["typeset"]] == []
    assert wide.evaluate("[...document.querySelectorAll('mjx-merror')].map((e) => e.textContent)") == []
    assert wide.evaluate(UNRENDERED_MATH) == []


def test_every_image_shows_and_has_a_text_alternative(wide):
    images = wide.evaluate("""() => [...document.images].map((image) => ({
        source: image.getAttribute("src"), alt: image.alt.trim(), width: image.naturalWidth,
    }))""")
    assert [image["source"] for image in images if image["width"] == 0] == []
    assert [image["source"] for image in images if not image["alt"]] == []


def test_has_a_title_one_heading_and_a_language(wide):
    headings = wide.evaluate("[...document.querySelectorAll('h1')].filter((h) => h.checkVisibility()).length")
    assert headings == 1
    assert wide.page.title()
    assert wide.evaluate("document.documentElement.lang") == "en"


def test_fonts_and_icons_come_with_the_site(wide):
    broken = "[...document.fonts].filter((font) => font.status === 'error').map((font) => font.family)"
    assert wide.evaluate(broken) == []
    assert (
        wide.evaluate("""() => [...document.querySelectorAll("i[class*=fa-], span[class*=fa-]")]
        .filter((icon) => icon.checkVisibility())
        .filter((icon) => {
          const { content, fontFamily, fontWeight } = getComputedStyle(icon, "::before");
          return content === "none" || !document.fonts.check(`${fontWeight} 16px ${fontFamily}`, content);
        })
        .map((icon) => icon.className)""")
        == []
    )


def test_the_first_key_offers_to_skip_to_the_text(wide):
    wide.page.keyboard.press("Tab")
    assert wide.evaluate("() => document.activeElement.getAttribute('href')") == "#main-content"
    # The link slides in, and the address changes a moment after the key.
    wide.page.wait_for_function("() => document.activeElement.getBoundingClientRect().top >= 0")
    wide.page.keyboard.press("Enter")
    wide.page.wait_for_function("() => location.hash === '#main-content'")


def test_nothing_sticks_out_of_a_desktop(wide):
    assert wide.evaluate("overflow.js") == []


def test_nothing_sticks_out_of_a_phone(narrow):
    assert narrow.evaluate("overflow.js") == []
