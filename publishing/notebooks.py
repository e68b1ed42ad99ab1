"""Text notebooks (.md) -> the .ipynb that people run: no outputs, plain Markdown, a first cell for Colab."""

import re
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from publishing.plain_markdown import Book, Page
from publishing.settings import ROOT, Settings, load_settings

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
NOT_ALLOWED = "not_allowed"
"""In a master's metadata: what answers may not use. It is read where they are graded."""
_INSTALL = """\
# Where attnlib is missing (Colab): install it. The torch and NumPy that are there stay as they are.
import importlib.util
if importlib.util.find_spec("attnlib") is None:
    %pip install --quiet {requirement}
"""


def chapters(root: Path = ROOT) -> list[Path]:
    """Return the pages of the book that hold code."""
    return [path for path in sorted((root / "book").glob("*.md")) if is_text_notebook(path)]


def masters(root: Path = ROOT) -> list[Path]:
    """Return the instructor's masters of the problem sets."""
    return sorted(root.glob("solutions/ps*/ps*.md"))


def is_text_notebook(path: Path) -> bool:
    """Tell whether a page has a kernel."""
    header = re.match(r"---\n(.*?\n)??---[ \t]*$", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return header is not None and re.search(r"^kernelspec:", header[0], re.MULTILINE) is not None


def export_chapter(path: Path, book: Book) -> NotebookNode:
    """Return the notebook of a chapter."""
    source = jupytext.read(path, fmt="md:myst")
    page = Page(path.stem, book)
    for cell in source.cells:
        if cell.cell_type == "markdown":
            page.number_equations(cell.source)
        elif "figure" in cell.metadata.get("mystnb", {}):
            page.number_figure(cell.metadata["mystnb"]["figure"]["name"])
    cells = [install_cell(book.settings)]
    for cell in source.cells:
        if cell.cell_type == "markdown":
            cells.append(new_markdown_cell(page.plain(cell.source)))
        elif "remove-cell" not in cell.metadata.get("tags", []):
            cells += _code(cell, page)
    _link_to_page(cells, page)
    return _notebook([cell for cell in cells if cell.source])


def export_master(path: Path, settings: Settings) -> NotebookNode:
    """Return the notebook of an instructor's master; its Markdown is plain already."""
    source = jupytext.read(path, fmt="md:myst")
    first = install_cell(settings)
    first.metadata["nbgrader"] = {
        "grade": False,
        "grade_id": "install",
        "locked": True,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }
    notebook = _notebook([first, *source.cells])
    if NOT_ALLOWED in source.metadata:
        notebook.metadata[NOT_ALLOWED] = source.metadata[NOT_ALLOWED]
    return notebook


def install_cell(settings: Settings) -> NotebookNode:
    """Return the cell that installs attnlib where it is missing."""
    return new_code_cell(_INSTALL.format(requirement=settings.requirement).rstrip())


def write_all(root: Path = ROOT) -> list[Path]:
    """Write every notebook whose text has changed; return those that were written."""
    written = []
    for path, text in exported(root).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            written.append(path)
    return written


def exported(root: Path = ROOT) -> dict[Path, str]:
    """Return the text of every .ipynb that belongs beside a text notebook."""
    settings = load_settings(root / "_config.yml")
    book = Book.read(root / "book", settings)
    notebooks = {path: export_chapter(path, book) for path in chapters(root)}
    notebooks |= {path: export_master(path, settings) for path in masters(root)}
    return {path.with_suffix(".ipynb"): _text(notebook) for path, notebook in notebooks.items()}


def _code(cell: NotebookNode, page: Page) -> list[NotebookNode]:
    cells = [new_code_cell(cell.source)]
    figure = cell.metadata.get("mystnb", {}).get("figure")
    if figure:
        number = page.number_figure(figure["name"])
        caption = page.plain(" ".join(figure["caption"].split()))
        cells.append(new_markdown_cell(f"**Figure {number}.** {caption}"))
    return cells


def _link_to_page(cells: list[NotebookNode], page: Page) -> None:
    """Say under the title which page this notebook belongs to."""
    settings = page.book.settings
    title = next(cell for cell in cells if cell.cell_type == "markdown")
    heading, _, rest = title.source.partition("\n")
    book = f"[{settings.title}]({settings.site}/)"
    link = f"*From the book {book}: [read this page]({settings.page(page.name)}) with its outputs.*"
    title.source = f"{heading}\n\n{link}\n\n{rest.lstrip()}".rstrip()


def _notebook(cells: list[NotebookNode]) -> NotebookNode:
    for number, cell in enumerate(cells):
        grading = cell.metadata.get("nbgrader")
        cell.id = grading["grade_id"] if grading else f"cell-{number:03d}"
        cell.metadata = {"nbgrader": grading} if grading else {}
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    notebook.nbformat_minor = 5
    nbformat.validate(notebook)
    return notebook


def _text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook, indent=1, ensure_ascii=False) + "\n"
