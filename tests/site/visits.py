"""Pages open in a browser, with a note of what went wrong on the way."""

from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

from tests.site.static_host import Site

INLINE = ("data:", "blob:", "about:")


@dataclass
class Visit:
    """A page of the site as the browser has it open, and what went wrong on the way."""

    page: Page
    name: str
    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def evaluate(self, script: str, argument: object = None) -> object:
        """Run a script in the page: an expression, or the name of a file beside the tests."""
        source = (Path(__file__).parent / script).read_text(encoding="utf-8") if script.endswith(".js") else script
        return self.page.evaluate(source, argument)


def open_page(context: BrowserContext, site: Site, name: str, *, width: int = 1280, patient: bool = False) -> Visit:
    """Open a page and wait until it is all there; a patient visit also waits for what the page may ask for later."""
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    visit = Visit(page, name)
    _listen(visit, site.address)
    page.goto(site.address + name, wait_until="networkidle" if patient else "load")
    settle(page)
    return visit


def settle(page: Page) -> None:
    """Wait until mathematics is typeset and fonts are loaded; stop transitions, so that colours are final."""
    page.evaluate("async () => { await window.MathJax?.startup?.promise; await document.fonts.ready }")
    page.add_style_tag(content="* { transition: none !important; animation: none !important }")


def _listen(visit: Visit, address: str) -> None:
    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            visit.errors.append(f"{message.text} ({message.location['url']})")

    def on_request(request: Request) -> None:
        if not request.url.startswith((address, *INLINE)):
            visit.foreign.append(request.url)

    def on_response(response: Response) -> None:
        if response.status >= 400:
            visit.failed.append(f"{response.status} {response.url}")

    visit.page.on("console", on_console)
    visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
    visit.page.on("request", on_request)
    visit.page.on("response", on_response)
    visit.page.on("requestfailed", lambda request: visit.failed.append(f"{request.failure} {request.url}"))
