"""Sphinx extension: what the site needs beyond the theme."""

import shutil
from pathlib import Path

from sphinx.application import Sphinx

import attnlib


def offer_clean_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Make the download button give the notebook beside the page, not the executed MyST text."""
    if exception is not None or app.builder.name != "html":
        return
    for notebook in Path(app.srcdir).glob("*.ipynb"):
        offered = Path(app.outdir) / "_sources" / notebook.name
        if offered.exists():
            shutil.copy2(notebook, offered)


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the extension."""
    app.connect("build-finished", offer_clean_notebooks)
    return {"version": attnlib.__version__, "parallel_read_safe": True, "parallel_write_safe": True}
