"""Figures in the style of the book: one palette, queries down, keys across, words on the axes."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from attnlib._arrays import Array

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Okabe and Ito's colours, told apart by colour-blind readers: blue, orange, green, purple, sky, yellow, black."""

WEIGHT_COLOURS = "Blues"
"""Colour map of weights: light is 0, dark is 1, readable in grey."""


def use_book_style() -> None:
    """Set matplotlib to the style of the book, for the rest of the session: vector output, palette, sizes."""
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
    shell = _ipython()
    if shell is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")


def plot_weights(
    weights: Array,
    queries: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    numbers: bool | None = None,
) -> Axes:
    """Draw one matrix of attention weights: queries down, keys across, words on the axes, the scale always 0 to 1.

    Parameters
    ----------
    weights : (query, key)
        NumPy array or torch tensor, on any device, with or without gradient.
    queries, keys : sequences of str or None
        The words of the rows and of the columns; None numbers them.
    ax : Axes or None
        Where to draw; None makes a figure that fits.
    title : str or None
    numbers : bool or None
        Whether to write each weight into its cell; None does so up to 64 cells.

    Returns
    -------
    ax : Axes

    Raises
    ------
    ValueError
        If weights is not a matrix with at least one row and column, or the words do not match its shape.
    """
    matrix = _as_matrix(weights)
    rows, columns = matrix.shape
    queries, keys = _labels(queries, rows, "queries"), _labels(keys, columns, "keys")
    if ax is None:
        _, ax = plt.subplots(figsize=(1.6 + 0.62 * columns, 1.2 + 0.5 * rows))
    image = ax.pcolormesh(matrix, cmap=WEIGHT_COLOURS, vmin=0, vmax=1, edgecolors="white", linewidth=1)
    ax.set_xticks(np.arange(columns) + 0.5, keys)
    ax.set_yticks(np.arange(rows) + 0.5, queries)
    ax.set_xlim(0, columns)
    ax.set_ylim(rows, 0)
    ax.set_xlabel("key")
    ax.set_ylabel("query")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if title is not None:
        ax.set_title(title)
    if numbers if numbers is not None else matrix.size <= 64:
        _write_numbers(ax, matrix)
    ax.figure.colorbar(image, ax=ax, label="weight", shrink=0.85)
    return ax


def _write_numbers(ax: Axes, matrix: np.ndarray) -> None:
    for (row, column), weight in np.ndenumerate(matrix):
        colour = "white" if weight > 0.55 else "black"
        ax.text(column + 0.5, row + 0.5, f"{weight:.2f}", ha="center", va="center", color=colour, fontsize=9)


def _as_matrix(weights: Array) -> np.ndarray:
    if hasattr(weights, "detach"):
        weights = weights.detach().cpu().float().numpy()
    matrix = np.asarray(weights, dtype=float)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(f"weights must have shape (query, key), both at least 1, got {matrix.shape}")
    return matrix


def _labels(words: Sequence[str] | None, count: int, name: str) -> Sequence[str]:
    if words is None:
        return [str(number) for number in range(count)]
    if len(words) != count:
        raise ValueError(f"{name} has {len(words)} words but weights has {count} of them")
    return words


def _ipython():
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return get_ipython()
