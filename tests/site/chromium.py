"""Find a Chromium browser on this machine, and say what to do where there is none."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
USUAL_PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "{ProgramFiles}/Google/Chrome/Application/chrome.exe",
    "{ProgramFiles(x86)}/Google/Chrome/Application/chrome.exe",
    "{LOCALAPPDATA}/Google/Chrome/Application/chrome.exe",
    "{ProgramFiles(x86)}/Microsoft/Edge/Application/msedge.exe",
)
MISSING = (
    "no Chromium browser found: install chromium or Google Chrome (Debian, Ubuntu: apt install chromium), "
    "or set CHROMIUM to the path of one"
)
REQUIRED = "ATTNLIB_REQUIRE_BROWSER"


def find_chromium(playwright: "Playwright") -> str | None:
    """Return the path of a Chromium, Chrome or Edge: what CHROMIUM names, or one of PATH, or an installed one."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    for name in NAMES:
        if found := shutil.which(name):
            return found
    places = [Path(place.format_map(_Environment())) for place in USUAL_PLACES]
    return next((str(path) for path in [*places, Path(playwright.chromium.executable_path)] if path.is_file()), None)


def arguments() -> list[str]:
    """Return the command line of a browser that can reach nothing but this machine."""
    alone = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-gpu",
        "--disable-quic",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--no-first-run",
    ]
    as_root = sys.platform == "linux" and os.geteuid() == 0
    return [*alone, "--no-sandbox"] if as_root else alone


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were left out for want of a browser."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = {report.nodeid for report in skipped if MISSING in str(report.longrepr)}
    if left_out:
        terminalreporter.write_line(f"{len(left_out)} browser tests of the site were left out: {MISSING}", yellow=True)


class _Environment(dict):
    def __missing__(self, name: str) -> str:
        return os.environ.get(name, "")
