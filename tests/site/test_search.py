"""The site's own search finds chapters and functions, in the reader's browser."""

from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.browser

CUT_OFF = "net::ERR_ABORTED"  # what a page was still loading when the reader left it


@pytest.fixture
def search(visit):
    """Return a function that types words into the search field and returns the page of results."""
    opened = visit("intro.html")

    def search(words):
        opened.page.locator(".search-button__button:visible").first.click()
        field = opened.page.locator("input[type=search]:visible").first
        field.fill(words)
        field.press("Enter")
        opened.page.wait_for_url("**/search.html?q=*")
        opened.page.wait_for_selector("#search-results > h2:text('Search Results')", state="attached")
        return opened

    yield search
    opened.page.close()


def results(opened):
    """Return the names of the pages found."""
    links = opened.page.locator("#search-results ul.search > li > a")
    return [urlsplit(link).path.rsplit("/", 1)[-1] for link in links.evaluate_all("all => all.map((a) => a.href)")]


def test_softmax_is_found_in_its_chapter_and_in_the_reference(search):
    opened = search("softmax")
    assert {"03-softmax.html", "reference.html"} <= set(results(opened))
    with opened.page.expect_navigation():
        opened.page.locator("#search-results ul.search > li > a").first.click()
    assert "softmax" in opened.page.locator("main").inner_text().lower()
    assert [failure for failure in opened.failed if CUT_OFF not in failure] == []
    assert opened.errors == []


def test_a_thai_term_is_found_in_the_glossary(search):
    assert "glossary.html" in results(search("ซอฟต์แมกซ์"))


def test_a_word_that_is_nowhere_is_not_found(search):
    assert results(search("qwertyuiopasdf")) == []
