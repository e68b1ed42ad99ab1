"""Diagrams of the variants, drawn from the wirings that their classes declare."""

from matplotlib.axes import Axes

from attnlib.diagrams import INK, Diagram, Point
from attnlib.plots import PALETTE
from attnlib.variants import Arrow, Variant

WIDTH, HEIGHT = 7.4, 2.45
"""Size of a diagram in inches."""

_OVER, _ABOVE, _MIDDLE, _BELOW, _UNDER = 2.35, 1.85, 1.2, 0.5, 0.12
_PLACES = {
    "X": (0.3, _MIDDLE),
    "encoder": (1.05, _MIDDLE),
    "H": (1.8, _MIDDLE),
    "Kw": (2.45, _MIDDLE),
    "Qw": (3.25, _ABOVE),
    "Vw": (3.25, _BELOW),
    "FC": (3.25, _ABOVE),
    "corr": (3.25, _MIDDLE),
    "corr/√d": (3.25, _MIDDLE),
    "softmax": (3.25, _MIDDLE),
    "⊕": (4.3, _ABOVE),
    "W": (4.05, _MIDDLE),
    "⊗": (4.6, _MIDDLE),
    "C": (5.1, _MIDDLE),
    "T": (5.8, _ABOVE),
    "decoder": (5.8, _MIDDLE),
    "S": (6.5, _MIDDLE),
    "output": (6.5, _BELOW),
    "Y": (7.15, _BELOW),
}
_TENSORS = frozenset("XHTSWCY")
_SHARED_LAYERS = frozenset({"encoder", "decoder", "output"})
_OWN_LAYERS = frozenset({"Kw", "Qw", "Vw", "FC"})

FUNCTION, LAYER, FROM_DECODER = PALETTE[0], PALETTE[2], PALETTE[1]
"""Colours of functions without parameters, of layers that a variant alone has, of what comes from the decoder."""


def draw_variant(variant: Variant | type[Variant], *, ax: Axes | None = None, title: str | None = None) -> Diagram:
    """Draw a variant's wiring: tensors in boxes, layers in tinted boxes, functions in blue.

    The path from the decoder's states S back to the weights, where there is one, has a colour of its own: S holds the
    states with which the decoder comes to its steps, so that the circle closes from one step to the next. The grey line
    is the sentence vector, from which the decoder starts.

    Parameters
    ----------
    variant : Variant or its class
    ax : Axes or None
        Where to draw; None makes a figure of :data:`WIDTH` by :data:`HEIGHT` inches.
    title : str or None
        None takes the variant's number and title.

    Returns
    -------
    Diagram

    Raises
    ------
    ValueError
        If the wiring holds something that has no place in the drawing.

    Examples
    --------
    >>> from attnlib.variants import VARIANTS
    >>> drawing = draw_variant(VARIANTS[3])
    >>> [text.get_text() for text in drawing.ax.texts]
    ['X', 'corr', 'W', '×', 'C', 'T', 'decoder', 'S', 'output', 'Y']
    """
    wiring = variant.wiring
    made_by = {arrow.output: arrow.operation for arrow in wiring if arrow.output not in _TENSORS}
    _require_places(wiring, made_by)
    drawing = Diagram(WIDTH, HEIGHT, ax=ax, title=f"{variant.number}: {variant.title}" if title is None else title)
    places = _PLACES if any(arrow.operation == "encoder" for arrow in wiring) else {**_PLACES, "X": _PLACES["H"]}
    boxes = [name for arrow in wiring for name in (*arrow.inputs, arrow.operation, arrow.output)]
    for name in dict.fromkeys(boxes):
        if name in places:
            _draw_part(drawing, name, places[name])
    for arrow in wiring:
        _draw_arrow(drawing, arrow, places, made_by, wiring)
    return drawing


def _draw_part(drawing: Diagram, name: str, place: Point) -> None:
    if name in {"⊗", "⊕"}:
        drawing.node(name, place, name, colour=FUNCTION)
    elif name in _TENSORS:
        drawing.box(name, place)
    elif name in _SHARED_LAYERS:
        drawing.box(name, place, filled=True)
    elif name in _OWN_LAYERS:
        drawing.box(name, place, filled=True, colour=LAYER)
    else:
        drawing.box(name, place, colour=FUNCTION)


def _draw_arrow(
    drawing: Diagram, arrow: Arrow, places: dict[str, Point], made_by: dict[str, str], wiring: tuple[Arrow, ...]
) -> None:
    """Draw the lines into an operation, and the one to its output if that has a box."""
    if arrow.operation == "start":
        corners = [(places["encoder"][0], _UNDER), (places["decoder"][0], _UNDER)]
        drawing.arrow("encoder", "decoder", via=corners, faint=True)
        return
    for number, name in enumerate(arrow.inputs):
        start = made_by.get(name, name)
        drawing.arrow(
            start,
            arrow.operation,
            via=_corners(places[start], places[arrow.operation], again=name in arrow.inputs[:number]),
            colour=FROM_DECODER if arrow.operation != "output" and _from_states(wiring, name) else INK,
            label=name if name in {"K", "Q", "V"} else None,
        )
    if arrow.output not in made_by:
        drawing.arrow(arrow.operation, arrow.output)


def _from_states(wiring: tuple[Arrow, ...], name: str) -> bool:
    """Tell whether a tensor between two operations, or S itself, comes from the decoder's states."""
    if name in _TENSORS:
        return name == "S"
    return any(_from_states(wiring, given) for arrow in wiring if arrow.output == name for given in arrow.inputs)


def _corners(start: Point, end: Point, *, again: bool) -> list[Point]:
    """Return the corners of a line that goes straight where it can, and round the middle row where it can't."""
    if end[0] < start[0] and start[1] == _MIDDLE:
        return [(start[0], _OVER), (end[0], _OVER)]  # back from the decoder
    if again:
        return [(start[0], _ABOVE), (end[0], _ABOVE)]
    if start[0] == end[0] or (start[1] == end[1] and end[0] - start[0] < 2):
        return []
    if start[1] == end[1]:
        return [(start[0], _BELOW), (end[0], _BELOW)]
    return [(start[0], end[1])] if start[1] == _MIDDLE else [(end[0], start[1])]


def _require_places(wiring: tuple[Arrow, ...], made_by: dict[str, str]) -> None:
    for arrow in wiring:
        for name in (*arrow.inputs, arrow.operation):
            if name not in _PLACES and name not in made_by and name != "start":
                raise ValueError(f"there is no place for {name!r} in the drawing, only for {', '.join(_PLACES)}")
