"""What the Sphinx extension does to the built pages."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from publishing.site import drop_icon_script, drop_thebe, offer_clean_notebooks

ICONS = '<script src="_static/vendor/fontawesome/6.5.2/js/all.min.js?digest=1"></script>'
PAGE = f'<head>\n  {ICONS}\n  <script src="a.js"></script></head>'


@pytest.fixture
def app(tmp_path):
    source, built = tmp_path / "book", tmp_path / "html"
    source.mkdir()
    (built / "_sources").mkdir(parents=True)
    return SimpleNamespace(srcdir=source, outdir=built, builder=SimpleNamespace(name="html"))


def script(filename=None, **attributes):
    return SimpleNamespace(filename=filename, attributes=attributes)


def test_thebe_and_its_settings_are_left_out_and_nothing_else():
    kept = [script("a.js"), script(None, body="let togglebutton = 1")]
    settings = script(None, body='const THEBE_JS_URL = "https://example.org"')
    context = {"script_files": [settings, kept[0], script("sphinx-thebe.js"), settings, kept[1]]}
    drop_thebe(None, "page", "page.html", context, None)
    assert context["script_files"] == kept


def test_the_icon_script_is_left_out_and_nothing_else(app):
    page = Path(app.outdir) / "page.html"
    page.write_text(PAGE, encoding="utf-8")
    drop_icon_script(app, None)
    assert page.read_text(encoding="utf-8") == '<head>\n  <script src="a.js"></script></head>'


def test_the_download_becomes_the_notebook_beside_the_page(app):
    for name in ("01-page.ipynb", "never-offered.ipynb"):
        (app.srcdir / name).write_text("clean", encoding="utf-8")
    (app.outdir / "_sources" / "01-page.ipynb").write_text("executed", encoding="utf-8")
    offer_clean_notebooks(app, None)
    offered = {path.name: path.read_text(encoding="utf-8") for path in (app.outdir / "_sources").iterdir()}
    assert offered == {"01-page.ipynb": "clean"}


@pytest.mark.parametrize(("builder", "exception"), [("html", ValueError()), ("gettext", None)])
def test_a_failed_or_different_build_is_left_alone(app, builder, exception):
    app.builder.name = builder
    page = app.outdir / "page.html"
    page.write_text(PAGE, encoding="utf-8")
    drop_icon_script(app, exception)
    offer_clean_notebooks(app, exception)
    assert page.read_text(encoding="utf-8") == PAGE
