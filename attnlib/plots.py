"""Figures in the style of the book: one palette, queries down, keys across, words on the axes."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from attnlib._arrays import Array

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Colours that colour-blind readers can tell apart (Okabe and Ito), from blue to black."""

_POINTS_AN_INCH = 72

_WINDOWS = 25
"""How many windows of smoothing fit into a training."""

_TRAINING = {"linewidth": 1.2}
_HELD_OUT = {"marker": "o", "markersize": 4, "linestyle": "--", "linewidth": 1.0}

WEIGHT_COLOURS = "Blues"
"""The colour map of weights, from light at 0 to dark at 1; readable in grey."""


def use_book_style() -> None:
    """Set matplotlib to the style of the book, for the rest of the session: vector output, palette, sizes.

    Calling it again changes nothing. The same figure gives the same bytes of SVG.

    Examples
    --------
    >>> use_book_style()
    >>> plt.rcParams["axes.prop_cycle"].by_key()["color"][0]
    '#0072b2'
    """
    plt.rcParams.update(
        {
            "axes.prop_cycle": plt.cycler(color=PALETTE),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "figure.figsize": (6.0, 3.4),
            "figure.facecolor": "white",
            "font.size": 11.0,
            "legend.frameon": False,
            "lines.linewidth": 2.0,
            "savefig.facecolor": "white",
            "svg.hashsalt": "attnlib",
        }
    )
    if _ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata={"Date": None})


def plot_weights(
    weights: Array,
    queries: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    numbers: bool | None = None,
    colourbar: bool = True,
) -> Axes:
    """Draw one matrix of attention weights: queries down, keys across, words on the axes, the scale always 0 to 1.

    Parameters
    ----------
    weights : (query, key)
        NumPy array or torch tensor, on any device, with or without gradient.
    queries, keys : sequences of str or None
        The words of the rows and of the columns; None numbers them. Keys too long for their column are turned.
    ax : Axes or None
        Where to draw; None makes a figure that fits.
    title : str or None
    numbers : bool or None
        Whether to write each weight into its cell; None does so up to 64 cells.
    colourbar : bool
        Whether to draw the scale; it is the same in every figure, so one of several side by side is enough.

    Returns
    -------
    ax : Axes

    Raises
    ------
    ValueError
        If weights is not a matrix with at least one row and column, or the words do not match its shape.

    Examples
    --------
    >>> ax = plot_weights(np.array([[0.9, 0.1], [0.2, 0.8]]), ["je", "t'"], ["I", "you"])
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('key', 'query')
    >>> plt.close(ax.figure)
    """
    matrix = _as_matrix(weights)
    rows, columns = matrix.shape
    queries, keys = _labels(queries, rows, "queries"), _labels(keys, columns, "keys")
    ax = _fitting_axes(queries, keys) if ax is None else ax
    many = matrix.size > 400
    image = ax.pcolormesh(
        matrix,
        cmap=WEIGHT_COLOURS,
        vmin=0,
        vmax=1,
        edgecolors="face" if many else "white",
        linewidth=0.1 if many else 1,
    )
    _name_axes(ax, queries, keys, turned=_must_turn(keys, _points(ax)))
    if title is not None:
        ax.set_title(title)
    if numbers if numbers is not None else matrix.size <= 64:
        _write_numbers(ax, matrix, size=min(9.0, _points(ax) / columns / 3.2))
    if colourbar:
        ax.figure.colorbar(image, ax=ax, label="weight", shrink=0.85, ticks=[0, 0.5, 1])
    return ax


def plot_history(history: Any, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the losses of one training or several: of training as a line, held-out ones as dots on a dashed line.

    Each training has a colour. The loss of a single batch jumps about: what is drawn is the mean over all words of the
    last updates up to each one, a twenty-fifth of the longest training; the legend says how many.

    Parameters
    ----------
    history : History or dict from label to History
        What :func:`attnlib.training.train` returns.
    ax : Axes or None
        Where to draw; None makes a figure.
    title : str or None

    Returns
    -------
    ax : Axes

    Raises
    ------
    TypeError
        If something given is no history.
    ValueError
        If there is none, or one without an update.

    Examples
    --------
    >>> from attnlib.training import Evaluation, History
    >>> ax = plot_history(History(losses=[3.0, 2.0], words=[9, 7], evaluations=[Evaluation(2, 2.5)]))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('update', 'loss (nats per word)')
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['training', 'held-out']
    >>> plt.close(ax.figure)
    """
    histories = history if isinstance(history, dict) else {"": history}
    _require_histories(histories)
    ax = plt.subplots()[1] if ax is None else ax
    window = max(1, max(len(each.losses) for each in histories.values()) // _WINDOWS)
    for number, each in enumerate(histories.values()):
        colour = PALETTE[number % len(PALETTE)]
        updates = np.arange(1, len(each.losses) + 1)
        ax.plot(updates, _mean_per_word(each.losses, each.words, window), color=colour, **_TRAINING)
        ax.plot(*_columns(each.evaluations), color=colour, **_HELD_OUT)
    held_out = any(each.evaluations for each in histories.values())
    ax.legend(handles=[*_label_handles(histories), *_kind_handles(histories, window, held_out)])
    ax.set_xlabel("update")
    ax.set_ylabel("loss (nats per word)")
    if title is not None:
        ax.set_title(title)
    return ax


def _mean_per_word(losses: Sequence[float], words: Sequence[int], window: int) -> np.ndarray:
    """Return the mean over the words of the last ``window`` updates, up to each one; of fewer at the beginning."""
    counts = np.asarray(words, dtype=float)
    sums = np.cumsum([np.concatenate([[0.0], np.asarray(losses) * counts]), np.concatenate([[0.0], counts])], axis=1)
    ends = np.arange(1, len(counts) + 1)
    nats, read = sums[:, ends] - sums[:, np.maximum(0, ends - window)]
    return nats / read


def _columns(evaluations: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [update for update, _ in evaluations], [loss for _, loss in evaluations]


def _label_handles(histories: dict[str, Any]) -> list[Line2D]:
    """Return one legend entry a training, which names its colour."""
    colours = [PALETTE[number % len(PALETTE)] for number in range(len(histories))]
    named = [(label, colour) for label, colour in zip(histories, colours, strict=True) if label]
    return [Line2D([], [], color=colour, label=label) for label, colour in named]


def _kind_handles(histories: dict[str, Any], window: int, held_out: bool) -> list[Line2D]:
    """Return the legend entries that tell the two kinds of loss apart, in grey where colours stand for trainings."""
    colour = PALETTE[0] if list(histories) == [""] else "grey"
    smoothed = "training" if window == 1 else f"training, mean of {window} updates"
    kinds = [Line2D([], [], color=colour, **_TRAINING, label=smoothed)]
    return [*kinds, Line2D([], [], color=colour, **_HELD_OUT, label="held-out")] if held_out else kinds


def _require_histories(histories: dict[str, Any]) -> None:
    if not histories:
        raise ValueError("there is no history to draw")
    for label, each in histories.items():
        name = f"history {label!r}" if label else "history"
        if not all(hasattr(each, part) for part in ("losses", "words", "evaluations")):
            raise TypeError(f"{name} must be what attnlib.training.train returns, got {type(each).__name__}")
        if not each.losses:
            raise ValueError(f"{name} has no updates to draw")


def _fitting_axes(queries: Sequence[str], keys: Sequence[str]) -> Axes:
    """Make a figure with room for every cell, up to a page's width, and for the words beside it, in inches."""
    width, height = min(0.62 * len(keys), 9.0), min(0.5 * len(queries), 7.0)
    below = 0.7 * _length(keys) / _POINTS_AN_INCH if _must_turn(keys, width * _POINTS_AN_INCH) else 0.0
    beside = _length(queries) / _POINTS_AN_INCH
    _, ax = plt.subplots(figsize=(1.5 + beside + width, 1.2 + below + height), layout="constrained")
    return ax


def _name_axes(ax: Axes, queries: Sequence[str], keys: Sequence[str], *, turned: bool) -> None:
    slant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    ax.set_xticks(np.arange(len(keys)) + 0.5, keys, parse_math=False, **slant)
    ax.set_yticks(np.arange(len(queries)) + 0.5, queries, parse_math=False)
    ax.set_xlim(0, len(keys))
    ax.set_ylim(len(queries), 0)
    ax.set_xlabel("key")
    ax.set_ylabel("query")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _write_numbers(ax: Axes, matrix: np.ndarray, size: float) -> None:
    for (row, column), weight in np.ndenumerate(matrix):
        colour = "white" if weight > 0.55 else "black"
        ax.text(column + 0.5, row + 0.5, f"{weight:.2f}", ha="center", va="center", color=colour, fontsize=size)


def _length(words: Sequence[str]) -> float:
    """Return about how long the longest word is, in points."""
    return 0.6 * plt.rcParams["font.size"] * max(map(len, words)) + 4


def _must_turn(words: Sequence[str], points: float) -> bool:
    return _length(words) * sum(word != "" for word in words) > points


def _points(ax: Axes) -> float:
    """Return about how wide an axes is once the colour bar stands beside it, in points."""
    return float(0.85 * ax.get_position().width * ax.figure.get_figwidth() * _POINTS_AN_INCH)


def _as_matrix(weights: Array) -> np.ndarray:
    if hasattr(weights, "detach"):
        weights = weights.detach().cpu().float().numpy()
    matrix = np.asarray(weights, dtype=float)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(f"weights must have shape (query, key), both at least 1, got {matrix.shape}")
    return matrix


def _labels(words: Sequence[str] | None, count: int, name: str) -> Sequence[str]:
    if words is None:
        step = math.ceil(count / 20)
        return [str(number) if number % step == 0 else "" for number in range(count)]
    if len(words) != count:
        raise ValueError(f"{name} has {len(words)} words but weights has {count} of them")
    return words


def _ipython():
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return get_ipython()
