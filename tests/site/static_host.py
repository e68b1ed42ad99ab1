"""The built site, served as a static host does it: below a sub-path, text compressed."""

import gzip
import mimetypes
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "_build" / "html"
PREFIX = "/book/"
FRONT_DOOR = "index.html"
COMPRESSED = ("text/", "application/javascript", "application/json", "image/svg+xml")


@dataclass(frozen=True)
class Site:
    """The built site and, while it is served, its address."""

    directory: Path
    address: str = ""

    def pages(self) -> list[str]:
        """Return the names of the pages, with ``.html``; the front door, which only forwards, is none."""
        return sorted(path.name for path in self.directory.glob("*.html") if path.name != FRONT_DOOR)


class StaticHost:
    """Serve a directory on a free port of this machine, until closed."""

    def __init__(self, directory: Path) -> None:
        handler = type("Handler", (_Handler,), {"directory": directory})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}{PREFIX}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Site:
        self._thread.start()
        return Site(self._server.RequestHandlerClass.directory, self.address)

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory: Path

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        file = (self.directory / path.removeprefix(PREFIX)).resolve()
        if file.is_dir():
            file = file / "index.html"
        if not path.startswith(PREFIX) or not file.is_relative_to(self.directory.resolve()) or not file.is_file():
            self._answer(404, "text/plain", b"not found", compressed=False)
            return
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        compressed = kind.startswith(COMPRESSED) and "gzip" in self.headers.get("Accept-Encoding", "")
        self._answer(200, kind, _content(file, compressed), compressed)

    def _answer(self, status: int, kind: str, body: bytes, compressed: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        if compressed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@cache
def _content(file: Path, compressed: bool) -> bytes:
    body = file.read_bytes()
    return gzip.compress(body, 6, mtime=0) if compressed else body
