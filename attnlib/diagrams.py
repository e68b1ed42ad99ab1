"""Drawings of networks: boxes with shapes read off tensors, round nodes for operations, arrows between them.

Lengths are inches on paper, counted from the lower left corner, so that text keeps its size and boxes fit their text.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from attnlib.plots import PALETTE

Point = tuple[float, float]

INK = PALETTE[-1]
"""Colour of what has no colour of its own."""

FAINT = "#767676"
"""Grey of what is there and doesn't matter at the moment; still readable on white."""

TEXT_SIZE, LABEL_SIZE = 11.0, 9.0
"""Sizes in points of the text in boxes, and of shapes and labels."""

_POINTS_AN_INCH = 72
_MARGIN = 0.09  # between a box's text and its edge
_GAP = 0.04  # between an arrow and what it touches, and between a label and its arrow
_HERE = 1e-9  # nearer to a centre than this, there is no direction to leave in
_RADIUS = 0.14  # of a round node
_HEAD = 0.09  # of an arrow
_SIDES = {"above": (0, 1), "below": (0, -1), "left": (-1, 0), "right": (1, 0)}


def shape_label(shape: Any) -> str:
    """Write a shape as a label: sizes joined by ×, whole thousands as k.

    Parameters
    ----------
    shape : tuple of int, or anything with a ``shape``
        A tensor labels itself.

    Raises
    ------
    TypeError
        If it is neither.

    Examples
    --------
    >>> import torch
    >>> shape_label(torch.zeros(500, 100)), shape_label((10_000,)), shape_label(())
    ('500 × 100', '10k', '1')
    """
    sizes = getattr(shape, "shape", shape)
    if not isinstance(sizes, tuple):
        raise TypeError(f"shape must be a tuple of sizes or a tensor, got {type(shape).__name__}")
    return " × ".join(_size_label(int(size)) for size in sizes) or "1"


class _Outline(NamedTuple):
    """What an arrow has to stop at."""

    centre: Point
    half: Point
    round: bool

    def edge(self, towards: Point) -> Point:
        """Return where the straight line from the centre to a point leaves the outline."""
        centre, half = np.asarray(self.centre), np.asarray(self.half) + _GAP
        way = np.asarray(towards) - centre
        # how many times as far as the outline the point is
        distance = np.hypot(*(way / half)) if self.round else np.max(np.abs(way / half))
        if distance < _HERE:
            return self.centre
        x, y = centre + way / distance
        return float(x), float(y)


class Diagram:
    """A drawing that grows call by call: name a box, then draw arrows from name to name. Its ``ax`` holds the axes.

    Parameters
    ----------
    width, height : float
        Inches. Seven are as wide as a page.
    ax : Axes or None
        Where to draw; None makes a figure of this size. An axes that is smaller than the drawing shrinks all but the
        text.
    title : str or None

    Raises
    ------
    ValueError
        If width or height is not positive.

    Examples
    --------
    >>> import torch
    >>> drawing = Diagram(5, 1)
    >>> drawing.box("H", (0.6, 0.5), "$H$", shape=torch.zeros(500, 100))
    >>> drawing.node("product", (2.5, 0.5), "⊗")
    >>> drawing.box("c", (4.4, 0.5), "$c$", shape=(500,))
    >>> drawing.arrow("H", "product")
    >>> drawing.arrow("product", "c", label="$H w$")
    >>> [text.get_text() for text in drawing.ax.texts]
    ['$H$', '500 × 100', '×', '$c$', '500', '$H w$']
    >>> plt.close(drawing.ax.figure)
    """

    def __init__(self, width: float, height: float, *, ax: Axes | None = None, title: str | None = None):
        if not (width > 0 and height > 0):
            raise ValueError(f"width and height must be positive, got {width} and {height}")
        self.ax = _full_axes(width, height, title) if ax is None else ax
        self.ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
        self.ax.set_axis_off()
        if title is not None:
            self.ax.set_title(title)
        self._outlines: dict[str, _Outline] = {}

    def box(
        self,
        name: str,
        at: Point,
        text: str | None = None,
        *,
        shape: Any = None,
        size: Point | None = None,
        colour: str = INK,
        filled: bool = False,
        faint: bool = False,
    ) -> None:
        """Draw a box with its text and, below it, a shape.

        Parameters
        ----------
        name : str
            For arrows.
        at : (x, y)
            Its centre.
        text : str or None
            What stands in it, mathematics between dollars; None takes the name.
        shape : tuple of int, tensor or None
            Written by :func:`shape_label`.
        size : (width, height) or None
            None fits the text.
        colour : str
            Of the edge and the text, one of :data:`~attnlib.plots.PALETTE`.
        filled : bool
            Whether the inside is tinted with the colour: for layers, that have parameters, beside plain tensors.
        faint : bool
            Whether to draw in grey.

        Raises
        ------
        ValueError
            If the name is taken.
        """
        self._require_new(name)
        text = name if text is None else text
        lines = [(text, TEXT_SIZE)] + ([] if shape is None else [(shape_label(shape), LABEL_SIZE)])
        width, height = _room(lines) if size is None else size
        colour = FAINT if faint else colour
        corner = at[0] - width / 2, at[1] - height / 2
        style = {"boxstyle": "round,pad=0,rounding_size=0.05", "linewidth": 1.2, "edgecolor": colour}
        self.ax.add_patch(FancyBboxPatch(corner, width, height, facecolor="white", zorder=2, **style))
        if filled:
            self.ax.add_patch(FancyBboxPatch(corner, width, height, facecolor=colour, alpha=0.15, zorder=2.1, **style))
        self._write(at, lines, colour)
        self._outlines[name] = _Outline(at, (width / 2, height / 2), round=False)

    def node(
        self, name: str, at: Point, symbol: str, *, colour: str = INK, faint: bool = False, radius: float = _RADIUS
    ) -> None:
        """Draw an operation as a small circle with a symbol, such as ⊕ for joining and ⊗ for a matrix product.

        Of ⊕, ⊗ and ⊙ the drawn circle is the symbol's own.
        """
        self._require_new(name)
        colour = FAINT if faint else colour
        inner = {"⊕": "+", "⊗": "×", "⊙": "·"}.get(symbol, symbol)
        self.ax.add_patch(Circle(at, radius, facecolor="white", edgecolor=colour, linewidth=1.2, zorder=2))
        self.ax.text(*at, inner, ha="center", va="center_baseline", color=colour, fontsize=TEXT_SIZE + 2, zorder=3)
        self._outlines[name] = _Outline(at, (radius, radius), round=True)

    def arrow(
        self,
        start: str | Point,
        end: str | Point,
        *,
        label: str | None = None,
        side: str | None = None,
        via: Sequence[Point] = (),
        colour: str = INK,
        faint: bool = False,
        dashed: bool = False,
    ) -> None:
        """Draw an arrow from box to box, along straight lines through the points ``via``.

        Parameters
        ----------
        start, end : str or (x, y)
            Names of boxes or nodes, or points.
        label : str or None
            Written beside the middle of the longest line.
        side : str or None
            ``"above"``, ``"below"``, ``"left"`` or ``"right"`` of it; None is above a line that lies, right of one
            that stands.
        via : sequence of (x, y)
        colour : str
        faint, dashed : bool

        Raises
        ------
        KeyError
            If a name is unknown.
        ValueError
            If the side is none of the four.
        """
        if side is not None and side not in _SIDES:
            raise ValueError(f"side must be one of {', '.join(_SIDES)}, got {side!r}")
        corners = [self._centre(start), *via, self._centre(end)]
        points = [self._end(start, corners[1]), *via, self._end(end, corners[-2])]
        colour = FAINT if faint else colour
        self._line(points, colour, dashed)
        if label is not None:
            self._label(points, label, side, colour)

    def text(self, at: Point, text: str, *, colour: str = INK, faint: bool = False, size: float = LABEL_SIZE) -> None:
        """Write text around a point."""
        self._write(at, [(text, size)], FAINT if faint else colour)

    def _line(self, points: list[Point], colour: str, dashed: bool) -> None:
        style = {"linewidth": 1.2, "facecolor": colour, "edgecolor": colour, "joinstyle": "round", "zorder": 1}
        if dashed:  # the shaft alone, or else the head has gaps as well
            gaps = (0, (4, 2.5))
            self.ax.add_patch(FancyArrowPatch(path=Path(points), arrowstyle="-", linestyle=gaps, **style))
            points = [_just_before(points[-1], points[-2]), points[-1]]
        self.ax.add_patch(FancyArrowPatch(path=Path(points), arrowstyle="-|>,head_length=4.5,head_width=2.2", **style))

    def _write(self, at: Point, lines: list[tuple[str, float]], colour: str) -> None:
        """Write lines below each other, centred around a point."""
        step = _line_height(LABEL_SIZE + 1)
        top = at[1] + step * (len(lines) - 1) / 2
        for number, (text, size) in enumerate(lines):
            self.ax.text(
                at[0], top - number * step, text, ha="center", va="center", color=colour, fontsize=size, zorder=3
            )

    def _label(self, points: list[Point], label: str, side: str | None, colour: str) -> None:
        ends = np.asarray(points)
        ways = np.diff(ends, axis=0)
        longest = int(np.hypot(*ways.T).argmax())
        lies = abs(ways[longest, 0]) >= abs(ways[longest, 1])
        x, y = _SIDES[side or ("above" if lies else "right")]
        middle = ends[longest] + ways[longest] / 2 + np.array([1.6 * _GAP * x, _GAP * y])
        horizontal, vertical = {-1: "right", 0: "center", 1: "left"}[x], {-1: "top", 0: "center", 1: "bottom"}[y]
        self.ax.text(*middle, label, ha=horizontal, va=vertical, color=colour, fontsize=LABEL_SIZE, zorder=3)

    def _centre(self, place: str | Point) -> Point:
        if isinstance(place, str):
            return self._outline(place).centre
        return place

    def _end(self, place: str | Point, towards: Point) -> Point:
        return self._outline(place).edge(towards) if isinstance(place, str) else place

    def _outline(self, name: str) -> _Outline:
        if name not in self._outlines:
            known = ", ".join(map(repr, self._outlines)) or "none so far"
            raise KeyError(f"no box or node is called {name!r}; there are {known}")
        return self._outlines[name]

    def _require_new(self, name: str) -> None:
        if name in self._outlines:
            raise ValueError(f"there is a box or node called {name!r} already")


def _just_before(end: Point, start: Point) -> Point:
    """Return a point on the way from start to end, an arrow's head before the end."""
    way = np.asarray(end) - np.asarray(start)
    x, y = end - _HEAD * way / max(float(np.hypot(*way)), _HERE)
    return float(x), float(y)


def _full_axes(width: float, height: float, title: str | None) -> Axes:
    """Make a figure that one axes fills, but for a title, so that a unit of the axes is an inch."""
    above = 0.0 if title is None else 0.35
    # with "none" for its layout, the figure would take that of the book's style once it has been saved
    unmoved = PlaceHolderLayoutEngine(adjust_compatible=True, colorbar_gridspec=True)
    figure = plt.figure(figsize=(width, height + above), layout=unmoved)
    return figure.add_axes((0, 0, 1, height / (height + above)))


def _room(lines: list[tuple[str, float]]) -> Point:
    """Return the width and height, in inches, of a box that holds lines of text."""
    width = max(_text_width(text, size) for text, size in lines)
    height = sum(_line_height(size) for _, size in lines)
    return width + 2 * _MARGIN, height + 2 * _MARGIN


def _text_width(text: str, size: float) -> float:
    font = FontProperties(family=plt.rcParams["font.family"], size=size)
    extent = TextPath((0, 0), text or " ", prop=font).get_extents() if text.strip() else None
    return 0.0 if extent is None else float(extent.width) / _POINTS_AN_INCH


def _line_height(size: float) -> float:
    return 1.25 * size / _POINTS_AN_INCH


def _size_label(size: int) -> str:
    return f"{size // 1000}k" if size and size % 1000 == 0 else str(size)
