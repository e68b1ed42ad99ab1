"""Boolean masks for attention: True = may be attended to, broadcast to the scores (..., query, key)."""

from collections.abc import Sequence
from functools import reduce
from operator import and_

import array_api_compat
import numpy as np
import torch
from jaxtyping import Bool, Integer

from attnlib._arrays import Array, namespace, require_boolean, require_count, require_integer


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
    require_count(query_length=query_length, offset=offset)
    if key_length is None:
        key_length = offset + query_length
    require_count(key_length=key_length)
    like = np.empty(0) if like is None else like
    xp, device = namespace(like=like), array_api_compat.device(like)
    queries = xp.arange(offset, offset + query_length, device=device)
    keys = xp.arange(key_length, device=device)
    return keys[None, :] <= queries[:, None]


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
