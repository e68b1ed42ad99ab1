"""Sphinx extension: what the site needs beyond the theme."""

import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

import attnlib

_ICON_SCRIPT = re.compile(r'\s*<script src="[^"]*/fontawesome/[^"]*"></script>')


def drop_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Leave out Thebe: no page uses it, and its settings, which come twice, are an error in the browser."""
    context["script_files"] = [script for script in context["script_files"] if not _is_thebe(script)]


def drop_icon_script(app: Sphinx, exception: Exception | None) -> None:
    """Leave out the theme's icon script, a third of a page's weight: its icon fonts do the same."""
    if exception is not None or app.builder.name != "html":
        return
    for page in Path(app.outdir).glob("*.html"):
        text = page.read_text(encoding="utf-8")
        lighter = _ICON_SCRIPT.sub("", text)
        if lighter != text:
            page.write_text(lighter, encoding="utf-8")


def offer_clean_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Make the download button give the notebook beside the page, not the executed MyST text."""
    if exception is not None or app.builder.name != "html":
        return
    for notebook in Path(app.srcdir).glob("*.ipynb"):
        offered = Path(app.outdir) / "_sources" / notebook.name
        if offered.exists():
            shutil.copy2(notebook, offered)


def _is_thebe(script: Any) -> bool:
    return "thebe" in f"{script.filename} {script.attributes.get('body', '')}".lower()


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the extension."""
    app.connect("html-page-context", drop_thebe)
    app.connect("build-finished", drop_icon_script)
    app.connect("build-finished", offer_clean_notebooks)
    return {"version": attnlib.__version__, "parallel_read_safe": True, "parallel_write_safe": True}
