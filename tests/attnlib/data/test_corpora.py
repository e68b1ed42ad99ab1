"""Files that are as they should be and files that are not; downloads from servers that do what servers do."""

import gzip
import hashlib
import http.server
import io
import re
import threading
import zipfile
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnlib.data import _download
from attnlib.data.corpora import EDITIONS, Corpus, Report, read_parallel, read_tab_separated, read_tatoeba

ABOUT = b"** Info **\n\nDate of this file:\n  2031-02-03\n"
LINES = b"Go.\tVa !\nHi.\tSalut !\tCC-BY 2.0 (France) Attribution: tatoeba.org" + b" #1234567" * 40 + b"\n"
LINES *= 200
PAIRS = [("Go.", "Va !"), ("Hi.", "Salut !")] * 200


def raises(message, error=ValueError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def zipped(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.txt", content)
    return packed.getvalue()


ARCHIVE = zipped(_about=ABOUT, fra=LINES)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def file(tmp_path):
    def write(content, name="corpus.txt"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


# Tables


def test_two_or_three_columns(file):
    corpus = read_tab_separated(file(b"I love you.\tJe t'aime.\nGo.\tVa !\tsomebody\n"))
    assert corpus.pairs == [("I love you.", "Je t'aime."), ("Go.", "Va !")]
    assert list(corpus) == corpus.pairs
    assert len(corpus) == 2
    assert corpus.report == Report(2, {})
    assert corpus.edition is None


@pytest.mark.parametrize(
    "content",
    [
        "Été\tx\nb\tà".encode(),
        "Été\tx\r\nb\tà\r\n".encode(),
        "\ufeffÉté\tx\nb\tà\n".encode(),
        "  Été \t x\u00a0\nb\tà\n".encode(),
        gzip.compress("Été\tx\nb\tà\n".encode(), mtime=0),
        zipped(_about=b"", table="Été\tx\nb\tà\n".encode()),
    ],
)
def test_all_that_a_table_may_look_like(file, content):
    corpus = read_tab_separated(file(content))
    assert corpus.pairs == [("Été", "x"), ("b", "à")]
    assert corpus.sha256 == sha256(content)
    assert str(file(content)) in corpus.origin


@pytest.mark.parametrize("inside", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r"])
def test_a_line_ends_with_a_line_feed_only(file, inside):
    corpus = read_tab_separated(file(f"one{inside}two\tx\nb\ty\n".encode()))
    assert corpus.pairs == [(f"one{inside}two", "x"), ("b", "y")]


def test_lines_that_are_no_pair_are_reported(file):
    bad = [
        b"a\tb",
        b"\tb",
        b"a\t",
        b"a",
        b"",
        b"a\tb\tc\td",
        b"\xff\tb",
        b"a\t\xc3",
        b" \t\xc2\xa0",
        b"c\td",
        b"e\t\xe2\x80\x8b",
    ]
    corpus = read_tab_separated(file(b"\n".join(bad) + b"\n"))
    assert corpus.pairs == [("a", "b"), ("c", "d")]
    assert corpus.report.lines == 11
    assert corpus.report.left_out == {
        "empty source": (2,),
        "empty target": (3, 11),
        "no tab": (4,),
        "empty line": (5, 9),
        "4 columns": (6,),
        "bad UTF-8": (7, 8),
    }
    assert corpus.report.count == 9
    assert str(corpus.report) == (
        "9 of 11 lines left out: empty source: 2; empty target: 3, 11; no tab: 4; empty line: 5, 9; 4 columns: 6; "
        "bad UTF-8: 7, 8"
    )


fields = st.text(alphabet="aé \t\r\u2028\x85", max_size=5)


@settings(max_examples=40)
@given(st.lists(fields, min_size=1, max_size=12), st.booleans())
def test_every_line_is_a_pair_or_reported(tmp_path_factory, lines, final):
    path = tmp_path_factory.mktemp("table") / "table.txt"
    path.write_bytes(("\n".join([*lines, "x\ty"]) + "\n" * final).encode())
    corpus = read_tab_separated(path)
    numbers = sorted(number for reported in corpus.report.left_out.values() for number in reported)
    kept = [number for number in range(1, len(lines) + 2) if number not in numbers]
    assert corpus.report.lines == len(lines) + 1
    assert len(kept) == len(corpus)
    for number, pair in zip(kept, corpus, strict=True):
        columns = [*lines, "x\ty"][number - 1].split("\t")
        assert len(columns) in (2, 3)
        assert pair == (columns[0].strip(), columns[1].strip())
        assert all(pair)


def test_long_reports_are_cut():
    assert str(Report(3000, {"no tab": tuple(range(990, 1005))})) == (
        "15 of 3,000 lines left out: no tab: 990, 991, 992, 993, 994, 995, 996, 997, 998, 999 and 5 more"
    )
    assert str(Report(7)) == "0 of 7 lines left out"


def test_strict_leaves_nothing_out(file):
    path = file(b"a\tb\nc\n")
    with raises(f"{path}: 1 of 2 lines left out: no tab: 2"):
        read_tab_separated(path, strict=True)
    assert read_tab_separated(file(b"a\tb\n"), strict=True).pairs == [("a", "b")]


def test_no_pair_at_all(file):
    path = file(b"Just a text.\nWithout tabs.\n")
    with raises(f"{path} holds no pair of sentences: 2 of 2 lines left out: no tab: 1, 2"):
        read_tab_separated(path)


@pytest.mark.parametrize("content", [b"", b"\n\r\n", b"\xef\xbb\xbf", b"  \n"])
def test_empty_files(file, content):
    path = file(content)
    with raises(f"{path} is empty"):
        read_tab_separated(path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=re.escape(f"there is no file {tmp_path / 'no.txt'}; paths count from ")
    ):
        read_tab_separated(tmp_path / "no.txt")
    with raises(f"{tmp_path} is a folder; pass the path of the file in it", IsADirectoryError):
        read_tab_separated(tmp_path)


def test_files_in_another_form(file):
    path = file("a\tb".encode("utf-16"))
    with raises(f"{path} is in UTF-16; save it as UTF-8"):
        read_tab_separated(path)
    path = file(gzip.compress(b"a\tb" * 1000)[:-9])
    with pytest.raises(ValueError, match=re.escape(f"{path} is a damaged gzip file: ")):
        read_tab_separated(path)
    path = file(ARCHIVE[: len(ARCHIVE) // 2])
    with pytest.raises(ValueError, match=re.escape(f"{path} is a damaged zip archive: ")):
        read_tab_separated(path)
    path = file(zipped(a=b"a\tb", b=b"a\tb"))
    with raises(f"{path} must hold one .txt or .tsv, but it holds a.txt, b.txt; unpack it and pass one"):
        read_tab_separated(path)


# Two files


def test_parallel_files(file):
    english = file(b"\xef\xbb\xbfGo.\r\n I am.\tX\r\n", "corpus.en")
    french = file(gzip.compress("Va !\nJe suis.\u2028\n".encode()), "corpus.fr.gz")
    corpus = read_parallel(english, french)
    assert corpus.pairs == [("Go.", "Va !"), ("I am.\tX", "Je suis.")]
    assert corpus.sha256 == f"{sha256(english.read_bytes())} {sha256(french.read_bytes())}"
    assert corpus.origin == f"the local files {english} and {french}"


def test_parallel_lines_that_are_no_pair_are_reported(file):
    source = file(b"a\n\nc\nd\n\xff\n\ng\n", "s")
    target = file(b"A\nB\n \n\xc3(\nE\n\nG\n", "t")
    corpus = read_parallel(source, target)
    assert corpus.pairs == [("a", "A"), ("g", "G")]
    assert corpus.report.left_out == {
        "empty source": (2,),
        "empty target": (3,),
        "bad UTF-8": (4, 5),
        "empty line": (6,),
    }
    with raises(f"{source} and {target}: {corpus.report}"):
        read_parallel(source, target, strict=True)


def test_parallel_files_have_as_many_lines(file):
    source, target = file(b"a\n" * 1200, "s"), file(b"b\n" * 1199, "t")
    message = "line n of one must be the translation of line n of the other"
    with raises(f"{source} has 1,200 lines but {target} has 1,199; {message}"):
        read_parallel(source, target)


def test_a_missing_last_line_feed_is_no_missing_line(file):
    assert len(read_parallel(file(b"a\nb", "s"), file(b"c\nd\n", "t"))) == 2


def test_one_side_is_missing(file, tmp_path):
    with pytest.raises(FileNotFoundError):
        read_parallel(file(b"a\n", "s"), tmp_path / "t")
    empty = file(b"", "t")
    with raises(f"{empty} is empty"):
        read_parallel(file(b"a\n", "s"), empty)


# Tatoeba from a file


def test_tatoeba_from_an_archive(file, capsys):
    path = file(ARCHIVE, "fra-eng.zip")
    corpus = read_tatoeba(path)
    assert corpus.pairs == PAIRS
    assert corpus.edition == "2031-02-03"
    assert corpus.sha256 == sha256(ARCHIVE)
    assert corpus.origin == f"the local file {path}"
    said = f"400 pairs from the local file {path}, edition 2031-02-03; 0 of 400 lines left out"
    assert capsys.readouterr() == ("", f"Tatoeba: {said}\n")
    assert str(corpus) == said


def test_tatoeba_from_a_text(file, capsys):
    corpus = read_tatoeba(file(b"Go.\tVa !\n"), progress=False)
    assert corpus.pairs == [("Go.", "Va !")]
    assert corpus.edition is None
    assert capsys.readouterr() == ("", "")


def test_known_editions(file, monkeypatch):
    archive = zipped(fra=b"a\tb")
    monkeypatch.setitem(EDITIONS, sha256(archive), "1999-12-31")
    assert read_tatoeba(file(archive), progress=False).edition == "1999-12-31"
    for known, date in EDITIONS.items():
        assert re.fullmatch("[0-9a-f]{64}", known)
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)


def test_a_file_of_another_edition(file):
    path = file(ARCHIVE)
    assert isinstance(read_tatoeba(path, sha256=sha256(ARCHIVE).upper(), progress=False), Corpus)
    with pytest.raises(ValueError, match=rf"has the SHA-256 {sha256(ARCHIVE)}, but {'0' * 64} was asked for"):
        read_tatoeba(path, sha256="0" * 64)


def test_strict_tatoeba(file):
    with pytest.raises(ValueError, match="1 of 2 lines left out: no tab: 2"):
        read_tatoeba(file(b"Go.\tVa !\nHi.\n"), strict=True)


# Tatoeba from the web


class Server(http.server.BaseHTTPRequestHandler):
    """Sends an archive as a server would that has the named habits."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        habits, headers = self.server.habits, self.headers
        self.server.requests.append({name.lower(): value for name, value in headers.items()})
        if "python" in headers.get("User-Agent", "python").lower() or habits.get("status"):
            return self.refuse(habits.get("status", 406))
        content, start = self.server.content, self.start()
        if start >= len(content):
            return self.refuse(416)
        body = content[start:]
        self.send_response(206 if start else 200)
        if start:
            first = start + habits.get("shift", 0)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if habits.get("length", True):
            self.send_header("Content-Length", str(len(body)))
        if habits.get("tag", True):
            self.send_header("ETag", f'{habits.get("weak", "")}"{sha256(content)[:8]}"')
            self.send_header("Last-Modified", "Sun, 07 Apr 2019 00:00:00 GMT")
        self.send_header("Connection", "close")
        self.end_headers()
        cut = habits["cuts"].pop(0) if habits.get("cuts") else len(body)
        self.wfile.write(body[:cut])
        self.close_connection = True
        return None

    def start(self):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not asked or not self.server.habits.get("ranges", True):
            return 0
        tag = self.headers.get("If-Range")
        same = tag in (None, f'"{sha256(self.server.content)[:8]}"', "Sun, 07 Apr 2019 00:00:00 GMT")
        return int(asked[1]) if same else 0

    def refuse(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@contextmanager
def serving(content=ARCHIVE, **habits):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.content, server.habits, server.requests = content, habits, []
    server.url = f"http://127.0.0.1:{server.server_port}/anki/fra-eng.zip"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy_and_no_pause(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(_download, "PAUSE", 0)


def download(server, cache, **how):
    return read_tatoeba(url=server.url, cache=cache, progress=False, **how)


def ranges(server):
    return [request.get("range") for request in server.requests]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_download(tmp_path):
    cache = tmp_path / "new" / "cache"
    with serving() as server:
        corpus = download(server, cache)
    assert corpus.pairs == PAIRS
    assert corpus.origin == f"{server.url}, downloaded now to {cache / 'fra-eng.zip'}"
    assert corpus.sha256 == sha256(ARCHIVE)
    assert names(cache) == ["fra-eng.zip", "fra-eng.zip.sha256"]
    assert (cache / "fra-eng.zip.sha256").read_text() == f"{sha256(ARCHIVE)}  fra-eng.zip\n"
    assert ranges(server) == [None]


def test_what_was_downloaded_is_not_downloaded_again(tmp_path):
    with serving() as server:
        download(server, tmp_path)
    corpus = download(server, tmp_path)
    assert corpus.pairs == PAIRS
    assert corpus.origin == f"{tmp_path / 'fra-eng.zip'}, downloaded earlier from {server.url}"
    assert len(server.requests) == 1


def test_progress_goes_to_stderr(tmp_path, capsys):
    with serving() as server:
        read_tatoeba(url=server.url, cache=tmp_path)
    out, err = capsys.readouterr()
    assert out == ""
    assert "fra-eng.zip: 100%" in err
    assert f"Tatoeba: 400 pairs from {server.url}, downloaded now to " in err


@pytest.mark.parametrize("habits", [{}, {"weak": "W/"}, {"tag": False}])
def test_a_cut_download_goes_on_where_it_stopped(tmp_path, habits):
    with serving(cuts=[1000, 50_000], **habits) as server:
        assert download(server, tmp_path).pairs == PAIRS
    assert ranges(server) == [None, "bytes=1000-", "bytes=51000-"]
    assert names(tmp_path) == ["fra-eng.zip", "fra-eng.zip.sha256"]
    assert (tmp_path / "fra-eng.zip").read_bytes() == ARCHIVE


def test_the_next_call_goes_on_where_the_last_one_stopped(tmp_path):
    with serving(cuts=[1000, 0]) as server:
        with pytest.raises(ConnectionError):
            download(server, tmp_path)
        assert names(tmp_path) == ["fra-eng.zip.part", "fra-eng.zip.part.tag"]
        assert (tmp_path / "fra-eng.zip.part").read_bytes() == ARCHIVE[:1000]
        assert download(server, tmp_path).pairs == PAIRS
    assert ranges(server) == [None, "bytes=1000-", "bytes=1000-"]


def test_a_server_that_knows_no_ranges_starts_anew(tmp_path):
    with serving(cuts=[1000], ranges=False) as server:
        assert download(server, tmp_path).pairs == PAIRS
    assert ranges(server) == [None, "bytes=1000-"]
    assert (tmp_path / "fra-eng.zip").read_bytes() == ARCHIVE


def test_a_new_edition_is_not_glued_to_an_old_one(tmp_path):
    other = zipped(fra=b"Yes.\tOui.\n" * 300)
    with serving(cuts=[1000, 0]) as server:
        with pytest.raises(ConnectionError):
            download(server, tmp_path)
        server.content = other
        assert download(server, tmp_path).pairs == [("Yes.", "Oui.")] * 300
    assert (tmp_path / "fra-eng.zip").read_bytes() == other


def test_a_server_that_goes_on_from_elsewhere(tmp_path):
    with serving(cuts=[1000], shift=1) as server:
        assert download(server, tmp_path).pairs == PAIRS
    assert ranges(server) == [None, "bytes=1000-", None]


@pytest.mark.parametrize("left", [ARCHIVE, ARCHIVE + b"more"])
def test_a_part_that_nothing_follows_starts_anew(tmp_path, left):
    (tmp_path / "fra-eng.zip.part").write_bytes(left)
    with serving() as server:
        assert download(server, tmp_path).pairs == PAIRS
    assert ranges(server) == [f"bytes={len(left)}-", None]


def test_a_server_that_does_not_tell_the_length(tmp_path):
    with serving(length=False) as server:
        assert download(server, tmp_path).pairs == PAIRS


def by_hand(url, reason):
    return (
        f"could not download {url}: {reason}. Download it by hand, for example in a browser, and pass where it is: "
        "read_tatoeba('fra-eng.zip')"
    )


@pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (403, "Forbidden"), (500, "Internal Server Error")])
def test_a_server_that_refuses(tmp_path, status, reason):
    with (
        serving(status=status) as server,
        raises(by_hand(server.url, f"the server answered {status} ({reason})"), ConnectionError),
    ):
        download(server, tmp_path)
    assert len(server.requests) == 1
    assert names(tmp_path) == []


def test_no_server(tmp_path):
    with serving() as server:
        pass
    with pytest.raises(ConnectionError, match=re.escape(f"could not download {server.url}: ")) as caught:
        download(server, tmp_path)
    assert str(caught.value).endswith(by_hand("", "").partition(".")[2])
    assert names(tmp_path) == []


def test_a_server_that_cuts_at_once(tmp_path):
    with serving(cuts=[0]) as server, pytest.raises(ConnectionError, match="could not download"):
        download(server, tmp_path)
    assert len(server.requests) == 1


def test_we_do_not_say_that_we_are_python(tmp_path):
    with serving() as server:
        download(server, tmp_path)
    assert server.requests[0]["user-agent"] == _download.USER_AGENT
    assert "attnlib" in _download.USER_AGENT


def test_an_edition_that_the_server_does_not_have(tmp_path):
    with serving() as server:
        with pytest.raises(ValueError, match=f"has the SHA-256 {sha256(ARCHIVE)}, but {'0' * 64} was asked for"):
            download(server, tmp_path, sha256="0" * 64)
        assert names(tmp_path) == []
        assert download(server, tmp_path, sha256=sha256(ARCHIVE)).pairs == PAIRS
        with pytest.raises(ValueError, match="was asked for"):
            download(server, tmp_path, sha256="0" * 64)
    assert names(tmp_path) == ["fra-eng.zip", "fra-eng.zip.sha256"]


def test_a_file_that_changed_since(tmp_path):
    with serving() as server:
        download(server, tmp_path)
        changed = zipped(fra=b"a\tb\n")
        (tmp_path / "fra-eng.zip").write_bytes(changed)
        with raises(
            f"{tmp_path / 'fra-eng.zip'} is not what was downloaded: its SHA-256 is {sha256(changed)}, and "
            f"fra-eng.zip.sha256 says {sha256(ARCHIVE)}. Delete both files to download it again"
        ):
            download(server, tmp_path)


def test_a_file_that_somebody_put_there_is_recorded(tmp_path):
    (tmp_path / "fra-eng.zip").write_bytes(ARCHIVE)
    with serving() as server:
        assert download(server, tmp_path).pairs == PAIRS
    assert server.requests == []
    assert sha256(ARCHIVE) in (tmp_path / "fra-eng.zip.sha256").read_text()


def test_a_page_that_asks_to_log_in(tmp_path):
    with (
        serving(content=b"<html>Welcome to our hotel</html>") as server,
        raises("what the server sent is no zip archive; perhaps it was a page that asks to log in"),
    ):
        download(server, tmp_path)
    assert names(tmp_path) == []


def test_an_archive_that_came_damaged(tmp_path):
    middle = ARCHIVE.index(b"Salut")
    damaged = ARCHIVE[:middle] + b"s" + ARCHIVE[middle + 1 :]
    with serving(content=damaged) as server, raises("fra.txt came damaged; try again"):
        download(server, tmp_path)
    assert names(tmp_path) == []


def test_the_place_of_the_system(tmp_path, monkeypatch):
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    with serving() as server:
        read_tatoeba(url=server.url, progress=False)
    assert names(tmp_path / "attnlib") == ["fra-eng.zip", "fra-eng.zip.sha256"]
