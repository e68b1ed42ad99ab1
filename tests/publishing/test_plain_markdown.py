"""MyST text in, plain Markdown out: every construct that chapters may use, and errors for all others."""

import pytest
from pybtex.database import parse_string

from publishing.plain_markdown import Book, Page, UnknownMarkupError
from publishing.settings import Settings

REFERENCES = """
@article{one, author = {Bahdanau, Dzmitry}, title = {T}, year = {2015}, journal = {J}}
@article{two, author = {Jain, Sarthak and Wallace, Byron C.}, title = {T}, year = {2019}, journal = {J}}
@article{many, author = {van den Oord, Aaron and B, C and D, E}, title = {T}, year = {2016}, journal = {J}}
@article{undated, author = {Jain, Sarthak}, title = {T}, journal = {J}}
"""
SITE = "https://site.example/book"


@pytest.fixture
def page():
    settings = Settings("Book", "https://host.example/owner/name", "main", SITE)
    book = Book(settings, parse_string(REFERENCES, "bibtex"), {"ps1": "problem-sets"}, {"02-sums": "Sums"})
    return Page("01-first", book, figures={"fig-a": "1.1", "fig-b": "1.2"})


@pytest.mark.parametrize(
    ("myst", "plain"),
    [
        ("See {cite:p}`one`.", f"See ([Bahdanau, 2015]({SITE}/bibliography.html))."),
        ("{cite:t}`two`", f"[Jain and Wallace (2019)]({SITE}/bibliography.html)"),
        (
            "{cite:p}`one,many`",
            f"([Bahdanau, 2015]({SITE}/bibliography.html); [van den Oord et al., 2016]({SITE}/bibliography.html))",
        ),
        ("{doc}`02-sums`", f"[Sums]({SITE}/02-sums.html)"),
        ("{doc}`the sums <02-sums>`", f"[the sums]({SITE}/02-sums.html)"),
        ("{ref}`set 1 <ps1>`", f"[set 1]({SITE}/problem-sets.html#ps1)"),
        ("{term}`soft weights`", f"[soft weights]({SITE}/glossary.html#term-soft-weights)"),
        ("{numref}`fig-b`", "Figure 1.2"),
        ("{numref}`Fig. %s <fig-a>`", "Fig. 1.1"),
        ("{glue:text}`gap:.2f` wide", "`gap` wide"),
        (
            "{py:func}`attnlib.softmax.softmax`",
            f"[`attnlib.softmax.softmax`]({SITE}/reference.html#attnlib.softmax.softmax)",
        ),
        (
            "{py:func}`~attnlib.softmax.softmax`",
            f"[`softmax`]({SITE}/reference.html#attnlib.softmax.softmax)",
        ),
        ("[next](02-sums.md#a-loop)", f"[next]({SITE}/02-sums.html#a-loop)"),
        ("[above](#a-loop)", f"[above]({SITE}/01-first.html#a-loop)"),
        ("(label)=\n## Title", "## Title"),
        ("% a comment\ntext", "text"),
        (":::{note}\nBe careful.\n:::", "> **Note**\n>\n> Be careful."),
        ("```{tip}\n:class: wide\nTry it.\n```", "> **Tip**\n>\n> Try it."),
        ("```{tip}\n---\nclass: wide\n---\nTry it.\n```", "> **Tip**\n>\n> Try it."),
        (":::{seealso}\nThis.\n:::", "> **See also**\n>\n> This."),
        (
            "::::{admonition} At a *glance*\n:class: tip\nA {term}`key`.\n::::",
            f"> **At a *glance***\n>\n> A [key]({SITE}/glossary.html#term-key).",
        ),
        (
            ":::{dropdown} Proof\nIt follows.\n:::",
            "<details><summary>Proof</summary>\n\nIt follows.\n\n</details>",
        ),
        (
            ":::{dropdown} *Proof* by {doc}`02-sums` of $a < b_1$\nIt follows.\n:::",
            f'<details><summary><em>Proof</em> by <a href="{SITE}/02-sums.html">Sums</a> of $a &lt; b_1$</summary>'
            "\n\nIt follows.\n\n</details>",
        ),
        ("```{math}\nx = 1\n```", "$$ x = 1 $$"),
        ("```{math} x = 1\n```", "$$ x = 1 $$"),
        ("| a |\n|---|\n| {numref}`fig-a` |", "| a |\n|---|\n| Figure 1.1 |"),
        ("- item {numref}`fig-a`\n  - deeper {numref}`fig-b`", "- item Figure 1.1\n  - deeper Figure 1.2"),
        ("# Title with {term}`key`", f"# Title with [key]({SITE}/glossary.html#term-key)"),
        ("> quoted {numref}`fig-a`", "> quoted Figure 1.1"),
        ("{numref}`fig-a` and `code` and {numref}`fig-b`", "Figure 1.1 and `code` and Figure 1.2"),
        ("{numref}`fig-a` {numref}`fig-b`", "Figure 1.1 Figure 1.2"),
        ("{doc}`the\nsums <02-sums>`", f"[the sums]({SITE}/02-sums.html)"),
    ],
)
def test_has_a_plain_form(page, myst, plain):
    assert page.plain(myst) == plain


@pytest.mark.parametrize(
    "text",
    [
        "Plain *text* with `code`, $x_{ik}$ and [a link](https://example.org).",
        "```python\n{cite:p}`not a role in a code block`\n```",
        "Write to [us](mailto:us@example.org) or see <https://example.org>.",
        "Maths: $a {b}`c` [d](02-sums.md)$ and $$e {f}`g`$$ here.",
        r"Not a role: \{term}`key`, not maths: \$5.",
        "Write `` {term}`key` `` to refer to a term.",
        "$$\n\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}\n$$",
        "| a | b |\n|---|---|\n| 1 | 2 |",
    ],
)
def test_leaves_plain_markdown_alone(page, text):
    assert page.plain(text) == text


def test_numbers_equations_in_order(page):
    text = "$$ a = b $$ (eq-a)\n\nthen {eq}`eq-b`\n\n$$ c = d $$ (eq-b)"
    page.number_equations(text)
    assert page.plain(text) == "$$ a = b \\tag{1.1} $$\n\nthen (1.2)\n\n$$ c = d \\tag{1.2} $$"


def test_numbers_equations_in_directives(page):
    text = """\
:::{note}
$$ a = b $$ (eq-a)
:::

```{math}
:label: eq-b
c = d
```

```{math}
---
label: eq-c
---
e = f
```

{eq}`eq-a`, {eq}`eq-b`, {eq}`eq-c`"""
    page.number_equations(text)
    note, second, third, references = page.plain(text).split("\n\n")
    assert note == "> **Note**\n>\n> $$ a = b \\tag{1.1} $$"
    assert second == "$$ c = d \\tag{1.2} $$"
    assert third == "$$ e = f \\tag{1.3} $$"
    assert references == "(1.1), (1.2), (1.3)"


@pytest.mark.parametrize(
    ("myst", "message"),
    [
        ("```{mermaid}\na\n```", "directive {mermaid}"),
        (":::{note}\n{kbd}`x`\n:::", "role {kbd}"),
        ("{cite:p}`nobody`", "no reference 'nobody'"),
        ("{ref}`nowhere`", "no label 'nowhere'"),
        ("{doc}`nowhere`", "no page 'nowhere'"),
        ("{numref}`fig-z`", "no figure of this page 'fig-z'"),
        ("{eq}`eq-z`", "no equation of this page 'eq-z'"),
        ("one\n\n+++\n\ntwo", "block break"),
        ("> :::{note}\n> a\n> :::", "directive {note} in a list or a quotation"),
        ("- ```{tip}\n  a\n  ```", "directive {tip} in a list or a quotation"),
        ("- a\n- % a comment", "a comment in a list"),
        ("- (label)=\n  text", "a label in a list"),
        ("- $$ a $$ (eq-a)", "a labelled equation in a list"),
        ("::: text\n:::", "a colon fence"),
        ("``` { code-block}\na\n```", "directive { code-block}"),
        ("text[^1]\n\n[^1]: foot", "a footnote"),
        ("[^1]: foot", "a footnote"),
        ("Term\n: Definition", "a definition list"),
        ("![alt](_static/fig.png)", "the image '_static/fig.png'"),
        ("[t](<02-sums.md>)", "a link to '02-sums.md'"),
        ("[t](02-sums)", "a link to '02-sums'"),
        ("[t][sums]\n\n[sums]: 02-sums.md", "a link to '02-sums.md'"),
        ("<project:02-sums.md>", "a link to 'project:02-sums.md'"),
        ("[t](../exercises/ps1/ps1.ipynb)", "a link to '../exercises/ps1/ps1.ipynb'"),
        ("[](02-sums.md)", "a link without text"),
        (":::{dropdown} [t](02-sums)\na\n:::", "a link to '02-sums'"),
        ("where $$a$$ (eq-a) holds", "a labelled equation inside a paragraph"),
        ("$$ a $$ (eq-a)", "no number of the equation 'eq-a'"),
        ("- costs $5 {term}`key`\n- costs $6", "role {term}"),
        ("{cite:p}`undated`", "the reference 'undated' has no 'year'"),
    ],
)
def test_refuses_what_has_no_plain_form(page, myst, message):
    with pytest.raises(UnknownMarkupError, match=r"^01-first: ") as error:
        page.plain(myst)
    assert message in str(error.value)


def test_numbers_a_page_that_is_no_chapter_from_one(page):
    page.name = "intro"
    page.figures.clear()
    assert [page.number_figure("fig-x"), page.number_figure("fig-y"), page.number_figure("fig-x")] == ["1", "2", "1"]


class TestInclude:
    @pytest.fixture
    def page(self, page, tmp_path):
        (tmp_path / "book").mkdir()
        (tmp_path / "table.md").write_text("| {term}`key` |\n|---|\n| 1 |\n", encoding="utf-8")
        page.book.directory = tmp_path / "book"
        return page

    def test_the_file_stands_where_it_was_included(self, page):
        text = "before\n\n```{include} ../table.md\n```\n\nafter"
        included = f"| [key]({SITE}/glossary.html#term-key) |\n|---|\n| 1 |"
        assert page.plain(text) == f"before\n\n{included}\n\nafter"

    @pytest.mark.parametrize(
        ("myst", "message"),
        [
            ("```{include} ../none.md\n```", "there is no ../none.md to include"),
            ("```{include} ../table.md\n:end-before: x\n```", "include with options"),
        ],
    )
    def test_refuses_what_it_cannot_include(self, page, myst, message):
        with pytest.raises(UnknownMarkupError, match=message):
            page.plain(myst)
