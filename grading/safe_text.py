"""Written answers, as text that a page can show: Markdown stays Markdown, and nothing in it runs."""

import re

import bleach
from nbconvert.filters import markdown2html

_TAGS = {
    *("a", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p"),
    *("pre", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_ATTRIBUTES = {"a": ["href"], "ol": ["start"], "span": ["class"], "div": ["class"]}
_PROTOCOLS = {"http", "https", "mailto"}


def safe(markdown: str) -> str:
    """Return a written answer as a piece of HTML that is plain text, lists, tables, code, links and formulas.

    It is Markdown too, of the kind that a renderer passes on as it is: one block, without an empty line.

    >>> safe("*yes* <script>alert(1)</script>")
    '<div><p><em>yes</em> &lt;script&gt;alert(1)&lt;/script&gt;</p></div>'
    """
    rendered = markdown2html(markdown)
    cleaned = bleach.clean(rendered, tags=_TAGS, attributes=_ATTRIBUTES, protocols=_PROTOCOLS).strip()
    # Within one block an empty line would end what is passed on; as a numbered letter it is a line all the same.
    one_block = re.sub(r"\n(?=[ \t]*\n)", "&#10;", cleaned)
    return f"<div>{one_block}</div>"
