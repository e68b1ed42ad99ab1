"""Pages -> their outputs, several pages at once, in the cache from which the build takes them.

The build itself executes one page after the other. What fails here is left to it: it executes such a page again, and
says where it went wrong.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from nbformat import NotebookNode
from tqdm import tqdm

from publishing.settings import ROOT

Executed = tuple[NotebookNode, float] | None


def pages_of(toc: Path) -> list[Path]:
    """Return the pages of a table of contents that are text notebooks, in its order."""
    content = yaml.safe_load(toc.read_text(encoding="utf-8"))
    chapters = [chapter["file"] for part in content.get("parts", [content]) for chapter in part.get("chapters", [])]
    pages = [toc.parent / f"{name}.md" for name in (content["root"], *chapters)]
    return [page for page in pages if page.exists() and is_myst_markdown_notebook(page.read_text(encoding="utf-8"))]


def execute_all(root: Path = ROOT, *, workers: int | None = None) -> list[Path]:
    """Execute the pages of the book whose outputs are not in the cache yet; return those that went well."""
    settings = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["execute"]
    cache = get_cache(str(root / settings["cache"]))
    notebooks = {page: _notebook(page) for page in pages_of(root / "book" / "_toc.yml")}
    missing = [page for page, notebook in notebooks.items() if not _is_cached(cache, notebook)]
    if not missing:
        return []
    went_well = []
    for page, executed in _executed(missing, settings["timeout"], workers or _cores()):
        if executed is not None:
            notebook, seconds = executed
            bundle = CacheBundleIn(notebook, str(page), data={"execution_seconds": seconds})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            went_well.append(page)
    return went_well


def _executed(pages: list[Path], timeout: int, workers: int) -> Iterable[tuple[Path, Executed]]:
    """Yield pages and what came of them; the last ones of the book, which take longest, are begun first."""
    workers = min(workers, len(pages))
    order = pages[::-1]
    threads = str(max(1, _cores() // workers))
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_share_cores, initargs=(threads,))
    with pool, tqdm(total=len(pages), desc="executing", unit="page") as bar:
        running = {pool.submit(_execute, page, timeout): page for page in order}
        for done in as_completed(running):
            page, executed = running[done], done.result()
            bar.set_postfix_str(page.stem if executed else f"{page.stem} failed", refresh=False)
            bar.update()
            yield page, executed


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _share_cores(threads: str) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", threads)


def _execute(page: Path, timeout: int) -> Executed:
    """Execute a page where it lies; return it with its outputs and the seconds that it took, or None if it failed."""
    notebook = _notebook(page)
    result = single_nb_execution(notebook, cwd=str(page.parent), timeout=timeout, allow_errors=False)
    return None if result.err is not None else (notebook, result.time)


def _notebook(page: Path) -> NotebookNode:
    return read_myst_markdown_notebook(page.read_text(encoding="utf-8"), add_source_map=True, path=page)


def _is_cached(cache, notebook: NotebookNode) -> bool:
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        return False
    return True
