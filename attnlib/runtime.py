"""Where the book's code runs and how much of it: the device and the scale."""

import os
from typing import Literal

import torch


def device() -> torch.device:
    """Return the fastest device that is there: CUDA, then MPS, then the CPU.

    Examples
    --------
    >>> device().type in {"cuda", "mps", "cpu"}
    True
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def scale() -> Literal["small", "full"]:
    """Return how large the costly cells of the book should run.

    The environment variable ``ATTNLIB_SCALE`` decides; where it is not set, ``full`` with a GPU and ``small``
    without. The site is built with ``small``.

    Raises
    ------
    ValueError
        If ``ATTNLIB_SCALE`` is set to anything else.

    Examples
    --------
    >>> scale() in {"small", "full"}
    True
    """
    chosen = os.environ.get("ATTNLIB_SCALE") or ("small" if device().type == "cpu" else "full")
    if chosen not in ("small", "full"):
        raise ValueError(f"ATTNLIB_SCALE must be 'small' or 'full', got {chosen!r}")
    return chosen
