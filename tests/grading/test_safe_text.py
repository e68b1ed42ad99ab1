"""Written answers are shown, and nothing in them runs."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbconvert.filters import markdown2html

from grading.safe_text import safe

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[l](javascript:alert(1))",
    "[l](JaVaScript&#58;alert(1))",
    "<a href=' javascript:alert(1)'>l</a>",
    "![i](data:text/html;base64,AAAA)",
    "<svg onload=alert(1)><math><mtext></p><style><img src=x onerror=alert(1)>",
    "<div style='position:fixed;inset:0' onclick=alert(1)>over</div>",
    "<iframe src=//a.b></iframe><object data=x></object><embed src=x><base href=//a.b>",
    "<form action=//a.b><input name=q autofocus onfocus=alert(1)></form>",
    "`<script>`<script>alert(1)</script>\n\n<!-- <script>-->\n\n```\n<script>alert(1)</script>\n```",
    "</div></div></body><script>alert(1)</script>",
]
FORBIDDEN = {"base", "embed", "form", "iframe", "img", "input", "math", "object", "script", "style", "svg"}
PIECES = [*ATTACKS, "a", "\n", "\n\n", "*", "`", "```", "$", "<", ">", "    "]
HARMLESS = {"a": {"href"}, "ol": {"start"}, "span": {"class"}, "div": {"class"}}


class Elements(HTMLParser):
    """Collects the elements of a page, as a browser would see them."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def elements(page):
    return Elements(page).found


def require_harmless(page):
    for tag, attributes in elements(page):
        assert tag not in (
            "script",
            "style",
            "img",
            "svg",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "input",
            "math",
        )
        assert set(attributes) <= HARMLESS.get(tag, set()), (tag, attributes)
        assert attributes.get("href", "#").startswith(("#", "http:", "https:", "mailto:"))


@pytest.mark.parametrize("text", ATTACKS)
def test_nothing_runs_as_it_is_or_rendered_again(text):
    require_harmless(safe(text))
    require_harmless(markdown2html(safe(text)))


@pytest.mark.parametrize("text", ATTACKS[:5])
def test_the_attacks_are_attacks(text):
    with pytest.raises(AssertionError):
        require_harmless(markdown2html(text))


@given(
    text=st.lists(st.sampled_from([*ATTACKS, "a", "\n", "\n\n", "*", "`", "```", "$", "<", ">", "    "])).map("".join)
)
def test_no_mixture_runs(text):
    require_harmless(markdown2html(safe(text)))


def test_markdown_stays_what_it_was():
    text = "# Head\n\n*yes*, **no**, `x < y`\n\n```python\nx = 1\n\ny = 2\n```\n\n- one\n- two\n\n"
    text += "| a |\n|---|\n| 1 |\n\n$w_i < 1$"
    found = [tag for tag, _ in elements(safe(text))]
    assert {"h1", "em", "strong", "code", "pre", "li", "table", "td"} <= set(found)
    assert "$w_i &lt; 1$" in safe(text)


def test_rendered_again_it_is_the_same_page():
    text = "a\n\n```\nx\n\n\ny\n```\n\n    code\n\n    more\n\n1. one\n\n2. two"
    assert markdown2html(safe(text)).strip() == safe(text)
