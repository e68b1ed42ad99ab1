"""Boolean masks for attention: True = may be attended to, broadcast to the scores (..., query, key)."""

import math
from collections.abc import Sequence
from functools import reduce
from operator import and_

import array_api_compat
import numpy as np
import torch
from jaxtyping import Bool, Float, Integer

from attnlib._arrays import (
    Array,
    accumulation_dtype,
    dtype_name,
    namespace,
    require_boolean,
    require_count,
    require_integer,
)


def padding_mask(
    lengths: Integer[Array, "*batch"] | Sequence[int], max_length: int | None = None
) -> Bool[Array, "*batch key"]:
    r"""Mark which keys are words and which are padding, from the length of each sequence.

    .. math:: m_{bk} = [\,k < \mathrm{length}_b\,]

    For scores (batch, query, key) write ``padding_mask(lengths)[:, None, :]``: every query of a sentence sees
    the same keys.

    Parameters
    ----------
    lengths : (...)
        Number of real positions of each sequence, from 0 to ``max_length``. A list gives a NumPy mask, a torch
        tensor a mask on its device.
    max_length : int or None
        Width of the mask. None takes the longest length.

    Returns
    -------
    mask : (..., key)

    Raises
    ------
    TypeError
        If the lengths or ``max_length`` are not integers.
    ValueError
        If a length is negative or above ``max_length``, if there is no length to take the width from, or if rows
        of lengths differ in number.

    Examples
    --------
    >>> padding_mask([3, 1])
    array([[ True,  True,  True],
           [ True, False, False]])
    """
    lengths = _array_of(lengths)
    xp = namespace(lengths=lengths)
    require_integer(lengths=lengths)
    size = array_api_compat.size(lengths)
    if max_length is None:
        if size == 0:
            raise ValueError("lengths is empty, so max_length must be given")
        max_length = max(int(xp.max(lengths)), 0)
    require_count(max_length=max_length)
    shortest, longest = (int(xp.min(lengths)), int(xp.max(lengths))) if size else (0, 0)
    if shortest < 0 or longest > max_length:
        raise ValueError(f"lengths must lie between 0 and max_length {max_length}, got {shortest} to {longest}")
    positions = xp.arange(max_length, device=array_api_compat.device(lengths))
    return positions < lengths[..., None]


def causal_mask(
    query_length: int, key_length: int | None = None, *, offset: int = 0, like: Array | None = None
) -> Bool[Array, "query key"]:
    r"""Let each query see the keys up to its own position, and none after it.

    .. math:: m_{ik} = [\,k \le i + \mathrm{offset}\,]

    Parameters
    ----------
    query_length : int
    key_length : int or None
        None makes it ``offset + query_length``, so that the last query sees every key.
    offset : int
        Position of the first query among the keys; above 0 where earlier keys are already there.
    like : array or None
        The mask comes back in this array's library and on its device; None gives NumPy.

    Returns
    -------
    mask : (query, key)

    Raises
    ------
    TypeError
        If a length or the offset is not an integer.
    ValueError
        If one of them is negative.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, section 3.2.3.

    Examples
    --------
    >>> causal_mask(3)
    array([[ True, False, False],
           [ True,  True, False],
           [ True,  True,  True]])
    """
    queries, keys = _positions(query_length, key_length, offset, like)
    return keys[None, :] <= queries[:, None]


def window_mask(
    centres: Float[Array, "*centres"] | Integer[Array, "*centres"], key_length: int, half_width: float
) -> Bool[Array, "*centres key"]:
    r"""Let each query see the keys no further than ``half_width`` from a centre of its own.

    .. math:: m_{ik} = [\,|k - c_i| \le D\,]

    The centre may be predicted and lie between two keys or outside them all; the window is cut at both ends of the
    sequence. A centre of NaN or infinity is near no key, so its query may attend to nothing. No gradient reaches the
    centres.

    Parameters
    ----------
    centres : (..., query)
        Positions c among the keys, counted from 0; floating point (compared in at least float32) or integers.
    key_length : int
    half_width : float
        D, in keys, 0 or more and finite. A whole D around a whole c gives 2 D + 1 keys.

    Returns
    -------
    mask : (..., query, key)

    Raises
    ------
    TypeError
        If the centres are neither floating point nor integers, ``key_length`` is not an integer, or ``half_width``
        is not a number.
    ValueError
        If ``key_length`` or ``half_width`` is negative, or ``half_width`` is not finite.

    References
    ----------
    Luong, Pham and Manning (2015), arXiv:1508.04025, section 3.2: local-m has the centre of output i at i, local-p
    predicts it.

    Examples
    --------
    >>> window_mask(np.array([0.0, 1.5]), 4, 1)
    array([[ True,  True, False, False],
           [False,  True,  True, False]])
    """
    xp = namespace(centres=centres)
    if not xp.isdtype(centres.dtype, ("integral", "real floating")):
        raise TypeError(f"centres must hold floating-point numbers or integers, got dtype {dtype_name(centres)}")
    require_count(key_length=key_length)
    _require_half_width(half_width)
    if xp.isdtype(centres.dtype, "integral"):
        # Further out the difference could overflow; NaN cast to an integer lies there.
        wide, reach = xp.clip(xp.astype(centres, xp.int64), -(2**61), 2**61), min(math.floor(half_width), 2**62)
    else:
        wide = xp.astype(centres, accumulation_dtype(xp, centres))
        reach = min(float(half_width), float(xp.finfo(wide.dtype).max))
    keys = xp.arange(key_length, dtype=wide.dtype, device=array_api_compat.device(centres))
    return xp.abs(keys - wide[..., None]) <= reach


def local_mask(
    query_length: int,
    key_length: int | None = None,
    *,
    half_width: float,
    offset: int = 0,
    like: Array | None = None,
) -> Bool[Array, "query key"]:
    r"""Let each query see the keys no further than ``half_width`` from its own position, on both sides.

    .. math:: m_{ik} = [\,|k - (i + \mathrm{offset})| \le D\,]

    Combined with :func:`causal_mask` it is the sliding window of decoders: each query sees itself and the D keys
    before it.

    Parameters
    ----------
    query_length, key_length, offset, like
        As :func:`causal_mask` takes them.
    half_width : float
        D, in keys, 0 or more and finite: w / 2 for a window of w, or w - 1 where a causal window counts its own key.

    Returns
    -------
    mask : (query, key)

    Raises
    ------
    TypeError
        If a length or the offset is not an integer, or ``half_width`` is not a number.
    ValueError
        If one of them is negative, or ``half_width`` is not finite.

    References
    ----------
    Luong, Pham and Manning (2015), arXiv:1508.04025, section 3.2 (local-m); Beltagy, Peters and Cohan (2020),
    arXiv:2004.05150, section 3.1; Jiang et al. (2023), arXiv:2310.06825, section 2, for the causal one.

    Examples
    --------
    >>> local_mask(3, half_width=1)
    array([[ True,  True, False],
           [ True,  True,  True],
           [False,  True,  True]])
    >>> combine_masks(causal_mask(4), local_mask(4, half_width=1))
    array([[ True, False, False, False],
           [ True,  True, False, False],
           [False,  True,  True, False],
           [False, False,  True,  True]])
    """
    queries, keys = _positions(query_length, key_length, offset, like)
    return window_mask(queries, keys.shape[0], half_width)


def combine_masks(*masks: Bool[Array, "..."] | None) -> Bool[Array, "..."] | None:
    r"""Allow a place only where every mask allows it.

    .. math:: m = m_1 \land m_2 \land \dots

    Parameters
    ----------
    *masks : broadcast to each other
        None allows everything and is passed over.

    Returns
    -------
    mask : (...) or None
        None when no mask was given: nothing is forbidden.

    Raises
    ------
    TypeError
        If a mask is not boolean, or NumPy and torch are mixed.
    ValueError
        If the shapes do not broadcast to each other.

    Examples
    --------
    >>> combine_masks(padding_mask([2, 1])[:, None, :], causal_mask(2))
    array([[[ True, False],
            [ True,  True]],
    <BLANKLINE>
           [[ True, False],
            [ True, False]]])
    """
    given = {f"mask {number}": mask for number, mask in enumerate(masks, start=1) if mask is not None}
    if not given:
        return None
    xp = namespace(**given)
    require_boolean(**given)
    try:
        np.broadcast_shapes(*(tuple(mask.shape) for mask in given.values()))
    except ValueError:
        came = ", ".join(f"{name} {tuple(mask.shape)}" for name, mask in given.items())
        raise ValueError(f"masks must broadcast to each other, got {came}") from None
    # Not in place: under torch.func.vmap a mask may have an axis that the first one has not.
    combined = reduce(and_, given.values())
    # A copy of a single mask, which is the caller's; an array again of two NumPy masks without axes.
    return xp.asarray(combined, copy=True if len(given) == 1 else None)


def _positions(query_length: int, key_length: int | None, offset: int, like: Array | None) -> tuple[Array, Array]:
    """Return where the queries and the keys lie among the keys, in the library of ``like``."""
    require_count(query_length=query_length, offset=offset)
    if key_length is None:
        key_length = offset + query_length
    require_count(key_length=key_length)
    like = np.empty(0) if like is None else like
    xp, device = namespace(like=like), array_api_compat.device(like)
    return xp.arange(offset, offset + query_length, device=device), xp.arange(key_length, device=device)


def _require_half_width(half_width: float) -> None:
    if isinstance(half_width, bool) or not isinstance(half_width, int | float | np.integer | np.floating):
        raise TypeError(f"half_width must be a number, got {type(half_width).__name__}")
    if not 0 <= half_width < math.inf:
        raise ValueError(f"half_width must be a finite number, 0 or more, got {half_width}")


def _array_of(lengths: Array | Sequence[int]) -> Array:
    expected = "lengths must be a sequence or an array of integers"
    if isinstance(lengths, Sequence):
        try:
            return np.asarray(lengths, dtype=None if len(lengths) else int)
        except ValueError:
            raise ValueError(f"{expected}, got rows of unequal length") from None
    if not isinstance(lengths, np.ndarray | np.generic | torch.Tensor):
        raise TypeError(f"{expected}, got {type(lengths).__name__}")
    return lengths
