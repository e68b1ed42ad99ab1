"""MyST text of a page -> plain Markdown of a notebook, which reads cleanly where there is no Sphinx.

Only the directives and roles listed here are known; any other raises, so that nothing raw can slip through.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin
from pybtex.database import BibliographyData, Person, parse_file

from publishing.settings import Settings

ADMONITIONS = {"note", "tip", "warning", "important", "seealso"}
_DIRECTIVE = re.compile(r"\{([\w:-]+)\}\s*(.*)")
_OPTIONS = re.compile(
    r"\A(?:-{3,}[ \t]*\n.*?(?:^-{3,}[ \t]*(?:\n|\Z)|\Z)|(?::[\w-]+:[^\n]*(?:\n|\Z))+)", re.DOTALL | re.MULTILINE
)
_OPTION = re.compile(r"^:?([\w-]+):[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_ROLE_OR_VERBATIM = re.compile(
    r"\{(?P<role>[a-z][\w:-]*)\}`(?P<content>[^`]+)`"
    r"|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)"
    r"|(?P<dollars>\${1,2})(?!\$)(?:\\.|[^$\\])+(?P=dollars)"
    r"|\\.",
    re.DOTALL,
)
_LINK = re.compile(r"\]\((?P<page>[\w-]+)\.md(?P<anchor>#[\w-]+)?\)")
_OWN_ANCHOR = re.compile(r"\]\((?P<anchor>#[\w-]+)\)")
_TITLE_AND_TARGET = re.compile(r"(?P<title>.+?)\s*<(?P<target>[^>]+)>")
_EQUATION_LABEL = re.compile(r"\s*\([\w:-]+\)")
_LABEL = re.compile(r"^\(([\w-]+)\)=\s*$|^\s*name:\s*([\w-]+)\s*$", re.MULTILINE)

_UNKNOWN = {
    "dl_open": "a definition list",
    "footnote_ref": "a footnote",
    "footnote_reference_open": "a footnote",
    "myst_block_break": "a block break inside a cell",
}
_ONLY_AT_TOP_LEVEL = {
    "math_block_label": "a labelled equation",
    "myst_target": "a label",
    "myst_line_comment": "a comment",
}


class UnknownMarkupError(ValueError):
    """A directive, role or target that has no plain Markdown form here."""


@dataclass
class Book:
    """What a page's cross-references can point at."""

    settings: Settings
    bibliography: BibliographyData
    pages_of_labels: dict[str, str]
    titles: dict[str, str]
    directory: Path = Path()

    @classmethod
    def read(cls, directory: Path, settings: Settings) -> "Book":
        """Collect the labels, titles and references of all pages in a directory."""
        labels, titles = {}, {}
        for path in sorted(directory.glob("*.md")):
            text = path.read_text(encoding="utf-8")
            labels |= {first or second: path.stem for first, second in _LABEL.findall(text)}
            heading = re.search(r"^# (.+)$", text, re.MULTILINE)
            titles[path.stem] = heading[1] if heading else path.stem
        return cls(settings, parse_file(str(directory / "references.bib")), labels, titles, directory)


@dataclass
class Directive:
    """A directive, taken apart; one that is not written as ``{name}`` has no name."""

    name: str
    argument: str
    options: dict[str, str]
    body: str

    @classmethod
    def read(cls, token: Token) -> "Directive":
        """Take the token of a fence apart."""
        match = _DIRECTIVE.match(token.info.strip())
        name, argument = match.groups() if match else ("", "")
        options = _OPTIONS.match(token.content)
        body = token.content[options.end() :] if options else token.content
        return cls(name, argument.strip(), dict(_OPTION.findall(options[0])) if options else {}, body.strip("\n"))

    @property
    def label(self) -> str:
        """Return the label of an equation, if it has one."""
        return self.options.get("label") or self.options.get("name", "")


@dataclass
class Page:
    """One page on its way to plain Markdown; numbers figures and equations in the order they come."""

    name: str
    book: Book
    figures: dict[str, str] = field(default_factory=dict)
    equations: dict[str, str] = field(default_factory=dict)

    def plain(self, text: str) -> str:
        """Return the text with every directive, role and label in plain Markdown."""
        lines = text.split("\n")
        tokens = _parser().parse(text)
        self._refuse(_unknown_blocks(tokens))
        for token in reversed(tokens):
            if token.map is None or token.level > 0:
                continue
            start, end = token.map
            replacement = self._block(token, lines[start:end])
            if replacement is not None:
                lines[start:end] = replacement
        plain = "\n".join(lines).strip("\n")
        self._refuse(_unknown_spans(_parser().parse(plain)))
        return plain

    def number_equations(self, text: str) -> None:
        """Give every labelled equation of the text its number."""
        for token in _parser().parse(text):
            if token.type == "math_block_label":
                self._number_equation(token.info)
            elif _is_directive(token):
                directive = Directive.read(token)
                if directive.name != "math":
                    self.number_equations(directive.body)
                elif directive.label:
                    self._number_equation(directive.label)

    def number_figure(self, label: str) -> str:
        """Give a figure its number."""
        return self.figures.setdefault(label, self._number(self.figures))

    def _number_equation(self, label: str) -> None:
        self.equations.setdefault(label, self._number(self.equations))

    def _number(self, before: dict[str, str]) -> str:
        """Number as the site does: 3.1 is the first of chapter 3; a page that is no chapter counts from 1."""
        chapter = re.match(r"\d+", self.name)
        return f"{int(chapter[0])}.{len(before) + 1}" if chapter else f"{len(before) + 1}"

    def _refuse(self, unknown: Iterable[str]) -> None:
        for markup in unknown:
            raise UnknownMarkupError(f"{self.name}: {markup} has no plain Markdown form")

    def _block(self, token: Token, lines: list[str]) -> list[str] | None:
        match token.type:
            case "fence" | "colon_fence" if _is_directive(token):
                return self._directive(token).split("\n")
            case "fence" | "code_block" | "math_block" | "html_block" | "hr":
                return None
            case "math_block_label":
                return self._equation(token.content.strip(), token.info).split("\n")
            case "myst_target" | "myst_line_comment":
                return []
            case _:
                return self._inline("\n".join(lines)).split("\n") if token.nesting != -1 else None

    def _directive(self, token: Token) -> str:
        directive = Directive.read(token)
        if directive.name == "math":
            lines = [directive.argument, directive.body]
            return self._equation("\n".join(filter(None, lines)), directive.label)
        if directive.name == "dropdown":
            summary = self._summary(directive.argument)
            return f"<details><summary>{summary}</summary>\n\n{self.plain(directive.body)}\n\n</details>"
        if directive.name == "admonition" or directive.name in ADMONITIONS:
            return self._admonition(directive)
        if directive.name == "include":
            return self._included(directive)
        raise UnknownMarkupError(f"{self.name}: directive {token.info.strip()} has no plain Markdown form")

    def _included(self, directive: Directive) -> str:
        """Return what a whole file of Markdown says; a part of one can't be asked for."""
        if directive.options:
            raise UnknownMarkupError(f"{self.name}: include with options has no plain Markdown form")
        path = self.book.directory / directive.argument
        if not path.is_file():
            raise UnknownMarkupError(f"{self.name}: there is no {directive.argument} to include")
        return self.plain(path.read_text(encoding="utf-8").strip("\n"))

    def _equation(self, content: str, label: str) -> str:
        if not label:
            return f"$$ {content} $$"
        number = self._find("number of the equation", label, self.equations)
        return f"$$ {content} \\tag{{{number}}} $$"

    def _summary(self, title: str) -> str:
        """Return a title as HTML, for notebooks render no Markdown between HTML tags."""
        title = self._inline(title)
        self._refuse(_unknown_spans(_parser().parseInline(title)))
        return _parser().renderInline(title)

    def _admonition(self, directive: Directive) -> str:
        name = directive.name
        title = self._inline(directive.argument) or {"seealso": "See also"}.get(name, name.capitalize())
        quoted = f"**{title}**\n\n{self.plain(directive.body)}"
        return "\n".join(f"> {line}".rstrip() for line in quoted.split("\n"))

    def _inline(self, text: str) -> str:
        """Rewrite roles and links, leaving code spans, maths and escaped characters as they are."""
        pieces, position = [], 0
        for match in _ROLE_OR_VERBATIM.finditer(text):
            role = match["role"]
            replacement = self._role(role, " ".join(match["content"].split())) if role else match[0]
            pieces += [self._links(text[position : match.start()]), replacement]
            position = match.end()
        return "".join([*pieces, self._links(text[position:])])

    def _links(self, text: str) -> str:
        page = self.book.settings.page
        text = _LINK.sub(lambda match: f"]({page(match['page'], match['anchor'] or '')})", text)
        return _OWN_ANCHOR.sub(lambda match: f"]({page(self.name, match['anchor'])})", text)

    def _role(self, role: str, content: str) -> str:
        if role.startswith("py:"):
            return self._code_reference(content)
        try:
            render: Callable[[str], str] = getattr(self, "_role_" + re.sub(r"\W", "_", role))
        except AttributeError:
            raise UnknownMarkupError(f"{self.name}: role {{{role}}} has no plain Markdown form") from None
        return render(content)

    def _role_cite_p(self, keys: str) -> str:
        return "(" + "; ".join(self._citation(key, "{authors}, {year}") for key in keys.split(",")) + ")"

    def _role_cite_t(self, keys: str) -> str:
        return ", ".join(self._citation(key, "{authors} ({year})") for key in keys.split(","))

    def _role_doc(self, content: str) -> str:
        title, target = _split_target(content)
        title = title or self._find("page", target, self.book.titles)
        return f"[{title}]({self.book.settings.page(target)})"

    def _role_ref(self, content: str) -> str:
        title, target = _split_target(content)
        page = self._find("label", target, self.book.pages_of_labels)
        return f"[{title or self.book.titles[page]}]({self.book.settings.page(page, '#' + target)})"

    def _role_numref(self, content: str) -> str:
        title, target = _split_target(content)
        return (title or "Figure %s").replace("%s", self._find("figure of this page", target, self.figures))

    def _role_eq(self, label: str) -> str:
        return f"({self._find('equation of this page', label, self.equations)})"

    def _role_term(self, content: str) -> str:
        title, target = _split_target(content)
        anchor = "#term-" + re.sub(r"\W+", "-", target).strip("-")
        return f"[{title or target}]({self.book.settings.page('glossary', anchor)})"

    def _role_glue_text(self, content: str) -> str:
        return f"`{content.split(':')[0]}`"

    def _role_math(self, content: str) -> str:
        return f"${content}$"

    def _code_reference(self, content: str) -> str:
        title, target = _split_target(content)
        shown = title or (target.rsplit(".", 1)[-1] if target.startswith("~") else target)
        target = target.lstrip("~")
        return f"[`{shown}`]({self.book.settings.page('reference', '#' + target)})"

    def _citation(self, key: str, form: str) -> str:
        entry = self._find("reference", key.strip(), self.book.bibliography.entries)
        try:
            people = entry.persons.get("author") or entry.persons["editor"]
            text = form.format(authors=_authors(people), year=entry.fields["year"])
        except KeyError as missing:
            raise UnknownMarkupError(f"{self.name}: the reference {key.strip()!r} has no {missing}") from None
        return f"[{text}]({self.book.settings.page('bibliography')})"

    def _find(self, kind: str, key: str, known: Mapping[str, Any]) -> Any:
        if key not in known:
            raise UnknownMarkupError(f"{self.name}: there is no {kind} {key!r}")
        return known[key]


def _authors(people: list[Person]) -> str:
    names = [" ".join([*person.prelast_names, *person.last_names]).strip("{}") for person in people]
    if len(names) > 2:
        return f"{names[0]} et al."
    return " and ".join(names)


def _split_target(content: str) -> tuple[str, str]:
    match = _TITLE_AND_TARGET.fullmatch(content)
    return (match["title"], match["target"]) if match else ("", content)


def _is_directive(token: Token) -> bool:
    return token.type in {"fence", "colon_fence"} and token.info.strip().startswith("{")


def _unknown_blocks(tokens: list[Token]) -> Iterator[str]:
    """Name the blocks that cannot be rewritten: some nowhere, others only inside a list or a quotation."""
    for token in tokens:
        if token.type in _UNKNOWN:
            yield _UNKNOWN[token.type]
        elif token.type == "colon_fence" and not _is_directive(token):
            yield "a colon fence that is no directive"
        elif token.level > 0 and _is_directive(token):
            yield f"directive {token.info.strip()} in a list or a quotation"
        elif token.level > 0 and token.type in _ONLY_AT_TOP_LEVEL:
            yield f"{_ONLY_AT_TOP_LEVEL[token.type]} in a list or a quotation"


def _unknown_spans(tokens: list[Token]) -> Iterator[str]:
    """Name what should be gone once roles and links are rewritten."""
    for token in tokens:
        spans = token.children or []
        for span, following in zip_longest(spans, spans[1:]):
            unknown = _unknown_span(span, following)
            if unknown:
                yield unknown


def _unknown_span(span: Token, following: Token | None) -> str | None:
    match span.type:
        case "link_open" if not str(span.attrs["href"]).startswith(("https://", "http://", "mailto:")):
            return f"a link to {span.attrs['href']!r}"
        case "link_open" if following and following.type == "link_close":
            return f"a link without text to {span.attrs['href']!r}"
        case "image" if not str(span.attrs["src"]).startswith(("https://", "http://")):
            return f"the image {span.attrs['src']!r}"
        case "myst_role":
            return f"role {{{span.meta['name']}}} here"
        case "math_inline_double" if following and _EQUATION_LABEL.match(following.content):
            return "a labelled equation inside a paragraph"
    return _UNKNOWN.get(span.type)


@cache
def _parser() -> MarkdownIt:
    """Return a parser that knows what the site's own (MyST's) knows, as far as chapters use it."""
    parser = MarkdownIt("commonmark").enable("table")
    for plugin in (colon_fence_plugin, deflist_plugin, footnote_plugin, myst_block_plugin, myst_role_plugin):
        parser.use(plugin)
    parser.use(dollarmath_plugin, double_inline=True)
    parser.disable(["footnote_inline", "footnote_tail"])
    parser.add_render_rule("math_inline", _render_math)
    return parser


def _render_math(_renderer: Any, tokens: list[Token], index: int, *_rest: Any) -> str:
    return f"${html.escape(tokens[index].content, quote=False)}$"
