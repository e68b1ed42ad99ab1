"""MyST text of a page -> plain Markdown of a notebook, which reads cleanly where there is no Sphinx.

Only the directives and roles listed here are known; any other raises, so that nothing raw can slip through.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from pybtex.database import BibliographyData, Person, parse_file

from publishing.settings import Settings

ADMONITIONS = {"note", "tip", "warning", "important", "seealso"}
_DIRECTIVE = re.compile(r"\{([\w:-]+)\}\s*(.*)")
_ROLE_OR_CODE = re.compile(
    r"\{(?P<role>[a-z][\w:-]*)\}`(?P<content>[^`]+)`|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)", re.DOTALL
)
_LINK = re.compile(r"\]\((?P<page>[\w-]+)\.md(?P<anchor>#[\w-]+)?\)")
_OWN_ANCHOR = re.compile(r"\]\((?P<anchor>#[\w-]+)\)")
_TITLE_AND_TARGET = re.compile(r"(?P<title>.+?)\s*<(?P<target>[^>]+)>")
_LABEL = re.compile(r"^\(([\w-]+)\)=\s*$|^\s*name:\s*([\w-]+)\s*$", re.MULTILINE)


class UnknownMarkupError(ValueError):
    """A directive, role or target that has no plain Markdown form here."""


@dataclass
class Book:
    """What a page's cross-references can point at."""

    settings: Settings
    bibliography: BibliographyData
    pages_of_labels: dict[str, str]
    titles: dict[str, str]

    @classmethod
    def read(cls, directory: Path, settings: Settings) -> "Book":
        """Collect the labels, titles and references of all pages in a directory."""
        labels, titles = {}, {}
        for path in sorted(directory.glob("*.md")):
            text = path.read_text(encoding="utf-8")
            labels |= {first or second: path.stem for first, second in _LABEL.findall(text)}
            heading = re.search(r"^# (.+)$", text, re.MULTILINE)
            titles[path.stem] = heading[1] if heading else path.stem
        return cls(settings, parse_file(str(directory / "references.bib")), labels, titles)


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
        for token in reversed(_parser().parse(text)):
            if token.map is None or token.level > 0:
                continue
            start, end = token.map
            replacement = self._block(token, lines[start:end])
            if replacement is not None:
                lines[start:end] = replacement
        return "\n".join(lines).strip("\n")

    def number_equations(self, text: str) -> None:
        """Give every labelled equation of the text its number."""
        for token in _parser().parse(text):
            if token.type == "math_block_label":
                self.equations.setdefault(token.info, self._number(self.equations))

    def number_figure(self, label: str) -> str:
        """Give a figure its number."""
        return self.figures.setdefault(label, self._number(self.figures))

    def _number(self, before: dict[str, str]) -> str:
        """Number as the site does: 3.1 is the first of chapter 3; a page that is no chapter counts from 1."""
        chapter = re.match(r"\d+", self.name)
        return f"{int(chapter[0])}.{len(before) + 1}" if chapter else f"{len(before) + 1}"

    def _block(self, token: Token, lines: list[str]) -> list[str] | None:
        match token.type:
            case "fence" | "colon_fence" if token.info.strip().startswith("{"):
                return self._directive(token).split("\n")
            case "fence" | "code_block" | "math_block" | "html_block" | "hr":
                return None
            case "math_block_label":
                return [f"$$ {token.content.strip()} \\tag{{{self.equations[token.info]}}} $$"]
            case "myst_target" | "myst_line_comment":
                return []
            case "myst_block_break":
                raise UnknownMarkupError(f"{self.name}: a block break inside a cell: {lines[0]}")
            case _:
                return self._inline("\n".join(lines)).split("\n") if token.nesting != -1 else None

    def _directive(self, token: Token) -> str:
        match = _DIRECTIVE.match(token.info.strip())
        name, argument = match[1], match[2].strip()
        body = re.sub(r"\A(:[\w-]+:.*\n?)+", "", token.content).strip("\n")
        if name == "math":
            return f"$$ {body} $$"
        if name == "dropdown":
            return f"<details><summary>{argument}</summary>\n\n{self.plain(body)}\n\n</details>"
        if name == "admonition" or name in ADMONITIONS:
            title = self._inline(argument) or {"seealso": "See also"}.get(name, name.capitalize())
            quoted = f"**{title}**\n\n{self.plain(body)}"
            return "\n".join(f"> {line}".rstrip() for line in quoted.split("\n"))
        raise UnknownMarkupError(f"{self.name}: directive {{{name}}} has no plain Markdown form")

    def _inline(self, text: str) -> str:
        """Rewrite roles and links, leaving code spans as they are."""
        pieces, position = [], 0
        for match in _ROLE_OR_CODE.finditer(text):
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
        return f"Figure {self._find('figure of this page', _split_target(content)[1], self.figures)}"

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
        people = entry.persons.get("author") or entry.persons["editor"]
        text = form.format(authors=_authors(people), year=entry.fields["year"])
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


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table")
    for plugin in (colon_fence_plugin, dollarmath_plugin, myst_block_plugin):
        parser.use(plugin)
    return parser
