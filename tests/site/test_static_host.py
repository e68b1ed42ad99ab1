"""The server of these tests answers as a static host would."""

import gzip
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.site.static_host import StaticHost


@pytest.fixture
def host(tmp_path):
    (tmp_path / "index.html").write_text("<p>hello</p>", encoding="utf-8")
    (tmp_path / "font.woff2").write_bytes(b"font")
    with StaticHost(tmp_path) as site:
        yield site


@pytest.mark.parametrize("path", ["", "index.html", "index.html?query=1"])
def test_serves_below_the_prefix_and_compresses_text(host, path):
    with urlopen(Request(host.address + path, headers={"Accept-Encoding": "gzip"}), timeout=5) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.read()) == b"<p>hello</p>"


def test_fonts_go_as_they_are(host):
    with urlopen(Request(host.address + "font.woff2", headers={"Accept-Encoding": "gzip"}), timeout=5) as answer:
        assert answer.headers["Content-Encoding"] is None
        assert answer.read() == b"font"


@pytest.mark.parametrize("path", ["missing.html", "../outside", "../book/../../etc/passwd"])
def test_what_is_not_there_is_not_found(host, path):
    with pytest.raises(HTTPError) as refused:
        urlopen(host.address + path, timeout=5)
    refused.value.close()
    assert refused.value.code == 404
