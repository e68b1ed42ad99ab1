"""Sphinx extension: roles for addresses that are made of the repository's own, which stands in ``_config.yml`` alone.

``{colab}`title <exercises/ps1/ps1.ipynb>` `` opens a notebook on Colab.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import ReferenceRole

import attnlib


class ColabRole(ReferenceRole):
    """Link to a notebook of the repository on Colab."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link."""
        theme = self.config.html_theme_options
        repository = theme["repository_url"].removeprefix("https://github.com/").strip("/")
        colab, branch = theme["launch_buttons"]["colab_url"], theme["repository_branch"]
        address = f"{colab}/github/{repository}/blob/{branch}/{self.target}"
        return [nodes.reference(self.rawtext, self.title, refuri=address)], []


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the role."""
    app.add_role("colab", ColabRole())
    return {"version": attnlib.__version__, "parallel_read_safe": True, "parallel_write_safe": True}
