"""Drawings: names, shapes read off tensors, arrows that stop at outlines, text that fits its box."""

import io
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from attnlib.diagrams import FAINT, INK, LABEL_SIZE, TEXT_SIZE, Diagram, shape_label
from attnlib.plots import PALETTE, use_book_style


@pytest.fixture(autouse=True)
def book_style():
    with mpl.rc_context():
        use_book_style()
        yield
        plt.close("all")


@pytest.fixture
def drawing():
    return Diagram(7, 3)


def patches(drawing, kind):
    return [patch for patch in drawing.ax.patches if isinstance(patch, kind)]


def texts(drawing):
    return [text.get_text() for text in drawing.ax.texts]


def ends(drawing):
    (arrow,) = patches(drawing, FancyArrowPatch)
    vertices = arrow.get_path().vertices if arrow._path_original is None else arrow._path_original.vertices
    return [tuple(vertex) for vertex in vertices]


@pytest.mark.parametrize(
    ("shape", "label"),
    [
        ((500, 100), "500 × 100"),
        ((9000,), "9k"),
        ((10_000, 500), "10k × 500"),
        ((1500,), "1500"),
        ((), "1"),
        ((0, 3), "0 × 3"),
        (torch.zeros(4, 300), "4 × 300"),
        (torch.nn.Parameter(torch.zeros(2)), "2"),
        (np.zeros((1000, 1)), "1k × 1"),
    ],
)
def test_a_shape_is_written_as_the_legend_does(shape, label):
    assert shape_label(shape) == label


def test_no_shape_no_label():
    with pytest.raises(TypeError, match=re.escape("shape must be a tuple of sizes or a tensor, got list")):
        shape_label([500, 100])


def test_a_unit_is_an_inch(drawing):
    drawing.ax.figure.canvas.draw()
    (x0, y0), (x1, y1) = drawing.ax.transData.transform([(0, 0), (1, 1)])
    np.testing.assert_allclose([x1 - x0, y1 - y0], drawing.ax.figure.dpi)


def test_a_title_takes_no_room_from_the_drawing():
    drawing = Diagram(6, 2, title="encoder")
    drawing.ax.figure.canvas.draw()
    (x0, y0), (x1, y1) = drawing.ax.transData.transform([(0, 0), (1, 1)])
    np.testing.assert_allclose([x1 - x0, y1 - y0], drawing.ax.figure.dpi)
    top = drawing.ax.title.get_window_extent().y1
    assert top <= drawing.ax.figure.bbox.y1
    assert drawing.ax.get_title() == "encoder"


def test_saving_leaves_a_unit_an_inch(drawing):
    for _ in range(2):
        svg = io.BytesIO()
        plt.savefig(svg, format="svg")
        drawing.ax.figure.canvas.draw()
        (x0, _), (x1, _) = drawing.ax.transData.transform([(0, 0), (1, 1)])
        np.testing.assert_allclose(x1 - x0, drawing.ax.figure.dpi)


def test_it_draws_into_an_axes_that_comes():
    _, (left, right) = plt.subplots(1, 2)
    assert Diagram(3, 2, ax=right).ax is right
    assert left.get_xlim() == (0, 1), "the other is left alone"


@pytest.mark.parametrize(("width", "height"), [(0, 3), (3, -1)])
def test_a_drawing_has_a_size(width, height):
    with pytest.raises(ValueError, match="width and height must be positive"):
        Diagram(width, height)


class TestBox:
    def test_holds_text_and_the_shape_of_its_tensor(self, drawing):
        drawing.box("states", (2, 1), "$H$", shape=torch.zeros(500, 100))
        assert texts(drawing) == ["$H$", "500 × 100"]
        assert [text.get_fontsize() for text in drawing.ax.texts] == [TEXT_SIZE, LABEL_SIZE]
        first, second = drawing.ax.texts
        assert first.get_position()[1] > second.get_position()[1], "the shape stands below"

    def test_shows_its_name_where_no_text_comes(self, drawing):
        drawing.box("E", (1, 1))
        assert texts(drawing) == ["E"]

    @pytest.mark.parametrize("text", ["E", "$h_3$", "fully connected layer $W_q$", "M", "sentence vector"])
    @pytest.mark.parametrize("shape", [None, (500, 100)])
    def test_is_as_large_as_its_text(self, drawing, text, shape):
        drawing.box("it", (3, 1.5), text, shape=shape)
        drawing.ax.figure.canvas.draw()
        frame = patches(drawing, FancyBboxPatch)[0].get_window_extent()
        for written in drawing.ax.texts:
            inside = written.get_window_extent()
            assert frame.x0 < inside.x0, text
            assert inside.x1 < frame.x1, text
            assert frame.y0 < inside.y0, text
            assert inside.y1 < frame.y1, text
        widest = max(written.get_window_extent().width for written in drawing.ax.texts)
        assert frame.width < widest + 0.35 * drawing.ax.figure.dpi, "and not much larger"

    def test_has_the_size_and_the_place_that_are_given(self, drawing):
        drawing.box("it", (3, 1), size=(2, 0.5))
        box = patches(drawing, FancyBboxPatch)[0]
        assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (2, 0.75, 2, 0.5)

    def test_a_layer_is_tinted(self, drawing):
        drawing.box("plain", (1, 1), colour=PALETTE[0])
        assert len(patches(drawing, FancyBboxPatch)) == 1
        drawing.box("layer", (3, 1), colour=PALETTE[0], filled=True)
        tint = patches(drawing, FancyBboxPatch)[-1].get_facecolor()
        np.testing.assert_allclose(tint, mpl.colors.to_rgba(PALETTE[0], 0.15))

    def test_may_be_faint(self, drawing):
        drawing.box("it", (1, 1), shape=(2,), colour=PALETTE[1], faint=True)
        assert {text.get_color() for text in drawing.ax.texts} == {FAINT}
        assert mpl.colors.to_hex(patches(drawing, FancyBboxPatch)[0].get_edgecolor()) == FAINT

    def test_a_name_stands_for_one_thing(self, drawing):
        drawing.box("it", (1, 1))
        for again in (drawing.box, lambda name, at: drawing.node(name, at, "⊕")):
            with pytest.raises(ValueError, match="called 'it' already"):
                again("it", (2, 1))


class TestNode:
    @pytest.mark.parametrize(("symbol", "inside"), [("⊕", "+"), ("⊗", "×"), ("⊙", "·"), ("σ", "σ")])
    def test_draws_the_circle_of_the_symbol_itself(self, drawing, symbol, inside):
        drawing.node("it", (1, 2), symbol)
        (circle,) = patches(drawing, Circle)
        assert circle.center == (1, 2)
        assert texts(drawing) == [inside]

    def test_arrows_stop_at_its_circle(self, drawing):
        drawing.node("it", (1, 1), "⊕", radius=0.2)
        drawing.arrow("it", (4, 5))
        start, end = ends(drawing)
        assert 0.2 < np.hypot(start[0] - 1, start[1] - 1) < 0.3
        assert end == (4, 5)


class TestArrow:
    def test_goes_from_edge_to_edge(self, drawing):
        drawing.box("a", (1, 1), size=(1, 0.5))
        drawing.box("b", (5, 1), size=(2, 0.5))
        drawing.arrow("a", "b")
        (x0, y0), (x1, y1) = ends(drawing)
        assert y0 == y1 == 1
        assert 1.5 < x0 < 1.6
        assert 3.9 < x1 < 4.0

    def test_goes_around_by_the_points_it_is_given(self, drawing):
        drawing.box("a", (1, 2), size=(0.5, 0.5))
        drawing.box("b", (5, 2), size=(0.5, 0.5))
        drawing.arrow("a", "b", via=[(1, 0.5), (5, 0.5)])
        start, *corners, end = ends(drawing)
        assert corners == [(1, 0.5), (5, 0.5)]
        assert start[0] == 1
        assert 1.6 < start[1] < 1.75, "it leaves the box at the side of its first corner"
        assert end[0] == 5
        assert 1.6 < end[1] < 1.75

    @given(x=st.floats(-3, 3), y=st.floats(-3, 3))
    @example(x=1.0, y=1e-313)
    def test_starts_on_the_outline_whatever_the_direction(self, x, y):
        assume(max(abs(x), abs(y)) > 1e-6)
        drawing = Diagram(7, 3)
        drawing.box("a", (0, 0), size=(1, 0.5))
        drawing.arrow("a", (x, y))
        (x0, y0), _ = ends(drawing)
        plt.close(drawing.ax.figure)
        assert 0 < max(abs(x0) - 0.5, abs(y0) - 0.25) < 0.1
        np.testing.assert_allclose(x0 * y, y0 * x, atol=1e-9)

    @pytest.mark.parametrize("x", [0, 1e-313])
    def test_has_no_direction_from_a_box_to_its_own_centre(self, drawing, x):
        drawing.box("a", (0, 0))
        drawing.arrow("a", (x, 0))
        assert ends(drawing)[0] == (0, 0)

    @pytest.mark.parametrize(
        ("end", "side", "horizontal", "vertical"),
        [
            ((5, 1), None, "center", "bottom"),
            ((5, 1), "below", "center", "top"),
            ((1, 3), None, "left", "center"),
            ((1, 3), "left", "right", "center"),
        ],
    )
    def test_has_its_label_beside_its_middle(self, drawing, end, side, horizontal, vertical):
        drawing.arrow((1, 1), end, label="500", side=side)
        (label,) = drawing.ax.texts
        assert (label.get_ha(), label.get_va()) == (horizontal, vertical)
        x, y = label.get_position()
        assert abs(x - (1 + end[0]) / 2) + abs(y - (1 + end[1]) / 2) < 0.1

    def test_has_its_label_at_the_longest_line(self, drawing):
        drawing.arrow((1, 2), (5, 2), via=[(1, 0.5), (5, 0.5)], label="around")
        x, y = drawing.ax.texts[0].get_position()
        assert x == 3
        assert 0.5 < y < 0.6

    def test_may_be_faint_and_coloured(self, drawing):
        drawing.arrow((0, 0), (1, 0))
        drawing.arrow((0, 1), (1, 1), colour=PALETTE[0])
        drawing.arrow((0, 2), (1, 2), colour=PALETTE[0], faint=True)
        arrows = patches(drawing, FancyArrowPatch)
        assert [mpl.colors.to_hex(arrow.get_edgecolor()) for arrow in arrows] == [INK, PALETTE[0], FAINT]

    def test_a_dashed_one_has_a_whole_head(self, drawing):
        drawing.arrow((0, 0), (0, 2), dashed=True)
        shaft, head = patches(drawing, FancyArrowPatch)
        assert [arrow.get_linestyle() == "solid" for arrow in (shaft, head)] == [False, True]
        assert [type(arrow.get_arrowstyle()).__name__ for arrow in (shaft, head)] == ["Curve", "CurveFilledB"]
        start, end = head._path_original.vertices
        assert tuple(end) == (0, 2)
        assert start[0] == 0
        assert 1.8 < start[1] < 2

    def test_an_unknown_name_is_an_error_that_lists_the_known(self, drawing):
        with pytest.raises(KeyError, match="'a'; there are none so far"):
            drawing.arrow("a", "b")
        drawing.box("a", (1, 1))
        with pytest.raises(KeyError, match="'b'; there are 'a'"):
            drawing.arrow("a", "b")

    def test_an_unknown_side_is_an_error(self, drawing):
        with pytest.raises(ValueError, match="side must be one of above, below, left, right, got 'top'"):
            drawing.arrow((0, 0), (1, 0), label="x", side="top")


def test_text_stands_where_it_is_put(drawing):
    drawing.text((3, 2), "once", faint=True)
    (text,) = drawing.ax.texts
    assert text.get_position() == (3, 2)
    assert (text.get_text(), text.get_color(), text.get_fontsize()) == ("once", FAINT, LABEL_SIZE)


def test_nothing_is_smaller_than_a_phone_shows():
    assert min(TEXT_SIZE, LABEL_SIZE) >= 9


def test_the_same_drawing_gives_the_same_bytes(tmp_path):
    files = []
    for name in ("a.svg", "b.svg"):
        drawing = Diagram(4, 1)
        drawing.box("E", (1, 0.5), shape=(500,), filled=True)
        drawing.arrow("E", (3, 0.5), label="$h$")
        drawing.ax.figure.savefig(tmp_path / name, metadata={"Date": None})
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
