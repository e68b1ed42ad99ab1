"""Every page as it lies on the disk: links and anchors lead somewhere, nothing points outside but plain links."""

import json
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag

from publishing.notebooks import chapters
from publishing.settings import ROOT, load_settings
from tests.site.static_host import BUILT, FRONT_DOOR, PREFIX

HOST = "http://localhost"
HERE = HOST + PREFIX
NOTEBOOKS = [path.stem for path in chapters()]
REPEATED_BY_THE_THEME = {"search.html": {"search-input"}}  # two search fields; nothing refers to their id
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data"}
LOADING = {"stylesheet", "preload", "icon", "preconnect", "dns-prefetch", "modulepreload"}


@cache
def parse(path: Path) -> BeautifulSoup:
    """Return a page, parsed."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path: Path) -> Counter:
    """Return how often each id stands in a page."""
    return Counter(tag["id"] for tag in parse(path).find_all(id=True))


def links(page: str) -> list[str]:
    """Return the addresses of a page's links, made absolute."""
    return [urljoin(HERE + page, tag["href"]) for tag in parse(BUILT / page).find_all("a", href=True)]


def fetched(page: str) -> list[str]:
    """Return the addresses of what a page loads, made absolute."""
    soup = parse(BUILT / page)
    found = [tag[attribute] for name, attribute in FETCHED.items() for tag in soup.find_all(name) if tag.get(attribute)]
    found += [tag["href"] for tag in soup.find_all("link", href=True) if LOADING & set(tag.get("rel", []))]
    return [urljoin(HERE + page, address) for address in found]


def broken(address: str) -> str | None:
    """Say what is wrong with an address inside of the site."""
    parts = urlsplit(address)
    if not parts.path.startswith(PREFIX):
        return f"{address} leaves the site's folder"
    path = BUILT / unquote(parts.path.removeprefix(PREFIX))
    path = path / "index.html" if path.is_dir() else path
    if not path.is_file():
        return f"{address}: no such file"
    anchor = unquote(parts.fragment)
    if anchor and path.suffix == ".html" and not anchors(path)[anchor]:
        return f"{address}: no such anchor"
    return None


def test_every_link_of_the_site_leads_somewhere(site, page_name):
    inside = [address for address in links(page_name) + fetched(page_name) if address.startswith(HOST)]
    assert inside
    assert sorted(filter(None, map(broken, set(inside)))) == []


def test_the_front_door_leads_to_a_page(site):
    forward = parse(BUILT / FRONT_DOOR).find("meta", attrs={"http-equiv": "Refresh"})
    target = forward["content"].partition("url=")[2]
    assert target == "intro.html"
    assert target in site.pages()


def test_links_that_leave_the_site_are_secure(site, page_name, record_property):
    outside = sorted({address for address in links(page_name) if not address.startswith((HOST, "mailto:"))})
    record_property("outside", "\n".join(outside))
    assert [address for address in outside if not address.startswith("https://")] == []


def test_nothing_is_loaded_from_outside(site, page_name):
    assert [address for address in fetched(page_name) if not address.startswith((HOST, "data:"))] == []


def test_every_image_has_a_text_alternative(site, page_name):
    assert [str(image) for image in parse(BUILT / page_name).find_all("img") if not image.get("alt", "").strip()] == []


def test_no_anchor_stands_twice(site, page_name):
    twice = {anchor for anchor, count in anchors(BUILT / page_name).items() if count > 1}
    assert twice - REPEATED_BY_THE_THEME.get(page_name, set()) == set()


def test_every_figure_has_a_caption(site, page_name):
    drawn = parse(BUILT / page_name).select("main article img[src^=_images]")
    assert [image["src"] for image in drawn if not _caption(image)] == []


def _caption(image: Tag) -> str:
    figure = image.find_parent("figure")
    caption = figure and figure.find("figcaption")
    text = caption.select_one(".caption-text") if caption else None
    return text.get_text(strip=True) if text else ""


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_colab_opens_the_notebook_of_the_page(site, name):
    settings = load_settings()
    repository = urlsplit(settings.repository).path.strip("/")
    button = [address for address in links(f"{name}.html") if "colab.research.google.com" in address]
    assert (
        button[0] == f"https://colab.research.google.com/github/{repository}/blob/{settings.branch}/book/{name}.ipynb"
    )
    assert (ROOT / "book" / f"{name}.ipynb").is_file()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_download_is_the_clean_notebook(site, name):
    offered = [address for address in links(f"{name}.html") if urlsplit(address).path.endswith(".ipynb")]
    assert f"{HERE}_sources/{name}.ipynb" in offered
    downloaded = (BUILT / "_sources" / f"{name}.ipynb").read_bytes()
    assert downloaded == (ROOT / "book" / f"{name}.ipynb").read_bytes()
    cells = json.loads(downloaded)["cells"]
    text = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert [source for source in text if ":::" in source or "```{" in source] == []
