"""Pages are executed side by side, into the cache that the build reads."""

import time

import pytest
from jupyter_cache import get_cache
from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader
from myst_parser.config.main import MdParserConfig

from publishing.execution import execute_all, pages_of

TOP = """---
jupytext:
  text_representation:
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A page

"""
TOC = """format: jb-book
root: intro
parts:
  - caption: One
    chapters:
      - file: plain
      - file: first
  - caption: Two
    chapters:
      - file: second
"""


def page(*cells):
    return TOP + "\n\n".join(f"```{{code-cell}} ipython3\n{cell}\n```" for cell in cells) + "\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "_config.yml").write_text("execute:\n  cache: cache\n  timeout: 30\n")
    (tmp_path / "book" / "_toc.yml").write_text(TOC)
    (tmp_path / "book" / "plain.md").write_text("# No code\n")
    (tmp_path / "book" / "intro.md").write_text(page("6 * 7"))
    (tmp_path / "book" / "first.md").write_text(page("x = 2", "import os\nprint(x, os.getcwd())"))
    (tmp_path / "book" / "second.md").write_text(page("1 / 0"))
    return tmp_path


def names(pages):
    return {each.stem for each in pages}


def cached(root, name):
    """Read a page as the build does, and return its outputs from the cache."""
    path = root / "book" / f"{name}.md"
    text = path.read_text()
    reader = create_nb_reader(str(path), MdParserConfig(), NbParserConfig(), text)
    cache = get_cache(str(root / "cache"))
    return cache.merge_match_into_notebook(reader.read(text))[1]


def test_pages_are_those_with_code_in_the_order_of_the_book(root):
    assert [each.stem for each in pages_of(root / "book" / "_toc.yml")] == ["intro", "first", "second"]


def test_outputs_are_where_the_build_looks_and_a_page_that_fails_is_left_to_it(root):
    assert names(execute_all(root, workers=2)) == {"intro", "first"}
    assert cached(root, "intro").cells[-1].outputs[0].data["text/plain"] == "42"
    assert cached(root, "first").cells[-1].outputs[0].text == f"2 {root / 'book'}\n"
    with pytest.raises(KeyError):
        cached(root, "second")
    (root / "book" / "second.md").write_text(page("1 / 1"))
    assert names(execute_all(root, workers=2)) == {"second"}
    assert execute_all(root) == []


def test_pages_run_side_by_side(root):
    for name in ("intro", "first"):
        # Each waits for the other, so that one after the other would end in the timeout.
        other = {"intro": "first", "first": "intro"}[name]
        wait = f"import pathlib, time\npathlib.Path('{name}.ran').touch()\n"
        wait += f"while not pathlib.Path('{other}.ran').exists():\n    time.sleep(0.05)"
        (root / "book" / f"{name}.md").write_text(page(wait))
    (root / "book" / "second.md").unlink()
    start = time.monotonic()
    assert names(execute_all(root, workers=2)) == {"intro", "first"}
    assert time.monotonic() - start < 30
