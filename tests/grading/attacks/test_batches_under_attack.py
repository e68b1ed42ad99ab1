"""Batches in which some hand in links, devices, pipes and scripts: they end, and nobody else's work is touched."""

import json
import re
from html.parser import HTMLParser

import pytest

from tests.grading.attacks import on_files
from tests.grading.attacks.on_files import ATTACKS, ELSEWHERE, HONEST
from tests.grading.courses import POINTS, PROBLEMS, make_course, scores, solved, type_in

LAST = "zoe"  # comes after all others
PIPED = "piped"
FIRST_QUESTION = POINTS["test_double"]
ACTIVE = {"applet", "base", "button", "embed", "form", "frame", "iframe", "input", "link", "math", "meta", "object"}
ACTIVE |= {"script", "style", "svg", "template", "video", "audio"}


@pytest.fixture(scope="module", params=["grading", "nbgrader"])
def batch(request, tmp_path_factory):
    """Have all of them hand in, and grade them by one of the two commands; return the course and what was said."""
    course = make_course(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("attacked") / "course")
    (course.root / ELSEWHERE).mkdir()
    (course.root / ELSEWHERE / "file").write_text("as it was")
    for student in (HONEST, LAST, PIPED):
        on_files.hand_in(course.root, student, json.loads(json.dumps(solved(course))))
    if request.param == "grading":  # nbgrader itself doesn't look where a folder is there already
        on_files.leave_a_pipe(course.root, PIPED)
    for name, attack in ATTACKS.items():
        attack.do(course.root, name, json.loads(json.dumps(solved(course))))
    said = type_in(course, request.param, "autograde", PROBLEMS)
    return course, said.stdout + said.stderr


@pytest.fixture(scope="module")
def pages(batch):
    """Return everyone's feedback."""
    course, _ = batch
    said = type_in(course, "nbgrader", "generate_feedback", PROBLEMS)
    found = {path.parent.parent.name: path.read_text() for path in (course.root / "feedback").glob("*/ps1/ps1.html")}
    assert HONEST in found, said.stderr
    return found


@pytest.mark.parametrize("name", [HONEST, LAST, PIPED, *ATTACKS])
def test_everyone_gets_the_points_that_they_earned(batch, name):
    course, said = batch
    everything = sum(POINTS.values())
    due = {"all": everything, "none": 0.0, "rest": everything - FIRST_QUESTION}
    points = ATTACKS[name].points if name in ATTACKS else "all"
    if points == "unknown":
        assert scores(course).get(name, 0.0) in (0.0, everything)
        assert name in said
    else:
        assert scores(course).get(name, 0.0) == due[points], said


def test_nothing_is_written_through_a_link(batch):
    course, _ = batch
    assert [path.name for path in (course.root / ELSEWHERE).rglob("*")] == ["file"]
    assert (course.root / ELSEWHERE / "file").read_text() == "as it was"


def test_nothing_but_notebooks_comes_out(batch):
    course, _ = batch
    allowed = {name for name in ATTACKS if "goes" in name}
    for path in (course.root / "autograded").rglob("*"):
        if path.relative_to(course.root / "autograded").parts[0] not in allowed:
            assert not path.is_symlink()
            assert path.is_dir() or path.name == "ps1.ipynb"


@pytest.mark.parametrize("batch", ["grading"], indirect=True)
def test_no_page_runs_a_script(pages):
    control = Active(pages[HONEST])
    assert control.elements.count("script") > 0  # the page's own, which make the parser tell
    for student, page in pages.items():
        found = Active(page)
        assert sorted(found.elements) == sorted(control.elements), student
        assert found.attributes == [], student


def test_the_parser_finds_scripts():
    found = Active("".join(on_files.SCRIPTS))
    assert {"script", "svg", "iframe", "object", "embed", "base", "meta", "form", "style"} <= set(found.elements)
    assert {"onerror", "onload", "href", "src", "action"} <= set(found.attributes)


class Active(HTMLParser):
    """What in a page could run: elements, and attributes that hold code or lead to it."""

    def __init__(self, page: str):
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in ACTIVE:
            self.elements.append(tag)
        for name, value in attributes:
            code = re.sub(r"[\s\x00-\x20]", "", value or "").lower()
            if name.startswith("on") or code.startswith(("javascript:", "vbscript:", "data:text/html")):
                self.attributes.append(name)
