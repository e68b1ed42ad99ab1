"""Our masks in the conventions of other libraries, and theirs in ours.

Ours are boolean, True = may be attended to, and broadcast to the scores (batch, heads, query, key). Others differ in
what True says, in the shape, and in what happens to a query that may attend to nothing:

==================================  =================================  =====================  =======================
library and argument                shape                              forbidden is           a row with no place left
==================================  =================================  =====================  =======================
attnlib, ``mask``                   broadcasts to (..., query, key)    False                  weights and output 0
torch's MHA, ``key_padding_mask``   (batch, key)                       True, or -inf          NaN, or 0: see below
torch's MHA, ``attn_mask``          (query, key) or                    True, or -inf          NaN, or 0: see below
                                    (batch · heads, query, key)
torch's SDPA, ``attn_mask``         broadcasts to (..., query, key)    False, or -inf         output 0
Keras, ``attention_mask``           (batch, query, key)                False or 0             uniform weights, or 0
Keras, ``key_mask, value_mask``     (batch, key)                       False or 0             uniform weights, or 0
Keras, ``query_mask``               (batch, query)                     False or 0             uniform weights, or 0
JAX, ``mask``                       4 axes, broadcast to               False                  uniform weights
                                    (batch, heads, query, key)
Flax, ``mask``                      broadcasts to                      False or 0             uniform weights
                                    (..., heads, query, key)
Hugging Face, ``attention_mask``    (batch, key)                       0                      uniform weights, or 0
the same, expanded                  (batch, 1 or heads, query, key)    the dtype's lowest     uniform weights
                                                                       number, or False
==================================  =================================  =====================  =======================

MHA is ``torch.nn.MultiheadAttention``: its row without a place is NaN when it returns weights, and on the fast path
that it takes for self-attention in evaluation without gradients; otherwise the weights are 0 and the output is the bias
of its last layer. SDPA is ``torch.nn.functional.scaled_dot_product_attention``. Where a large finite number is added to
every score of a row or put in its place, the differences between the scores are lost and the weights come out uniform,
padding included; a kernel that adds in a wider dtype than the mask's keeps them, and weighs the row as if there were no
mask. Keras gives zeros or uniform weights depending on its version and backend. So overwrite or leave out the outputs
of such rows before the results of two libraries are compared.

A mask goes out (``to_...``) with the axes (query, key), (batch, query, key) or (batch, heads, query, key), where an
axis of length 1 stands for all. It comes back (``from_...``) with all four, so that no axis can be taken for another;
for scores without a heads axis take ``mask[:, 0]``. Arrays stay in the library they come in, and on their device: give
torch its tensors; Keras and JAX take NumPy arrays. A result may share memory with the argument.
"""

import math
from types import ModuleType

import array_api_compat
import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, Shaped

from attnlib._arrays import (
    Array,
    dtype_name,
    namespace,
    require_boolean,
    require_count,
    require_floating,
    require_mask,
)
from attnlib.masks import combine_masks

_LIMIT = -1000.0
_NUMPY_FLOATS = (np.float16, np.float32, np.float64)
_TORCH_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def additive_bias(
    mask: Bool[Array, "*scores"], dtype: type[np.floating] | np.dtype | torch.dtype
) -> Float[Array, "*scores"]:
    r"""Turn a mask into numbers to be added to the scores.

    .. math:: b_{ik} = \begin{cases} 0 & m_{ik} \\ -\infty & \text{otherwise} \end{cases}

    Torch's ``scaled_dot_product_attention`` and ``MultiheadAttention`` take it as a float mask, JAX as ``bias``.

    Parameters
    ----------
    mask : (...)
        Boolean, True = may be attended to.
    dtype
        Floating-point dtype of the mask's library: that of the scores.

    Returns
    -------
    bias : (...)
        Same shape as the mask.

    Raises
    ------
    TypeError
        If the mask is not boolean, or the dtype is not a floating-point one of its library.

    Examples
    --------
    >>> additive_bias(np.array([True, False]), np.float32)
    array([  0., -inf], dtype=float32)
    """
    _library("mask", mask)
    require_boolean(mask=mask)
    return _filled(mask, dtype, lowest=False)


def from_additive(bias: Float[Array, "*scores"], *, limit: float = _LIMIT) -> Bool[Array, "*scores"]:
    r"""Turn numbers that are added to the scores back into a mask.

    .. math:: m_{ik} = [\,b_{ik} = 0\,]

    Forbidden are -inf and every number at or below ``limit``: libraries write -1e4, -1e9 or the lowest number of the
    dtype where -inf would bring NaN. Next to an allowed place the weight is 0 for all of them, as exp(-1000) is 0 in
    every dtype; a row without an allowed place has zero weights here, and uniform ones there. A number in between
    is a bias and no mask, and is refused.

    Parameters
    ----------
    bias : (...)
        0, and numbers at or below ``limit``.
    limit : float
        Below 0.

    Returns
    -------
    mask : (...)
        Boolean, True = may be attended to.

    Raises
    ------
    TypeError
        If the bias is not floating point, or the limit not a number.
    ValueError
        If the bias holds another number, positive or NaN, or the limit is not below 0.

    Examples
    --------
    >>> from_additive(np.array([0.0, -np.inf, np.finfo(np.float64).min]))
    array([ True, False, False])
    """
    if isinstance(limit, bool) or not isinstance(limit, int | float | np.integer | np.floating):
        raise TypeError(f"limit must be a number, got {type(limit).__name__}")
    if not -math.inf < limit < 0:
        raise ValueError(f"limit must be a finite number below 0, got {limit}")
    return _without_bias("bias", bias, limit)


def to_torch_mha(
    mask: Bool[Array, "..."], *, heads: int, batch: int | None = None, query_length: int | None = None
) -> dict[str, Bool[Array, "..."]]:
    r"""Return the mask as keyword arguments of ``torch.nn.MultiheadAttention``, where True forbids.

    .. math:: \mathrm{attn\_mask}_{(b \cdot \mathrm{heads} + h)\, i k} = \lnot\, m_{bhik}

    The narrowest form that holds it:

    - ``key_padding_mask`` (batch, key) where a sentence has one row for all queries and heads, as in
      ``padding_mask(lengths)[:, None, :]``;
    - ``attn_mask`` (query, key) where the whole batch has one for all heads, as from ``causal_mask``;
    - ``attn_mask`` (batch · heads, query, key) otherwise.

    Parameters
    ----------
    mask : (query, key), (batch, query, key) or (batch, heads, query, key)
        Boolean, True = may be attended to. An axis of length 1 stands for all, except that of the keys.
    heads : int
        ``num_heads`` of the layer.
    batch, query_length : int or None
        Torch repeats no axis of length 1, so say here how long it is to become. None leaves the mask's own length.

    Returns
    -------
    arguments : dict
        ``{"key_padding_mask": ...}`` or ``{"attn_mask": ...}``, for batched input. A padding mask and a causal one,
        each converted alone, may be passed together; that takes less memory than their combination.

    Raises
    ------
    TypeError
        If the mask is not boolean, or a number is not an integer.
    ValueError
        If the mask has other axes, or their lengths contradict ``heads``, ``batch`` or ``query_length``.

    References
    ----------
    Documentation of ``torch.nn.MultiheadAttention.forward``.

    Examples
    --------
    >>> from attnlib.masks import causal_mask, padding_mask
    >>> padding, causal = padding_mask([2, 1])[:, None, :], causal_mask(2)
    >>> to_torch_mha(padding, heads=8)
    {'key_padding_mask': array([[False, False],
           [False,  True]])}
    >>> to_torch_mha(causal, heads=8)
    {'attn_mask': array([[False,  True],
           [False, False]])}
    >>> to_torch_mha(combine_masks(padding, causal), heads=8)["attn_mask"].shape
    (16, 2, 2)
    """
    full = _four_axes(mask)
    _require_heads(heads)
    rows = full.shape[2] if query_length is None else query_length
    sentences = full.shape[0] if batch is None else batch
    require_count(batch=sentences, query_length=rows)
    require_mask(full, (sentences, heads, rows, full.shape[3]))
    xp = namespace(mask=mask)
    if mask.ndim > 2 and full.shape[1:3] == (1, 1):
        return {"key_padding_mask": ~xp.broadcast_to(full[:, 0, 0], (sentences, full.shape[3]))}
    if full.shape[:2] == (1, 1):
        return {"attn_mask": ~xp.broadcast_to(full[0, 0], (rows, full.shape[3]))}
    each = xp.broadcast_to(full, (sentences, heads, rows, full.shape[3]))
    return {"attn_mask": ~xp.reshape(each, (sentences * heads, rows, full.shape[3]))}


def from_torch_mha(
    attn_mask: Bool[Array, "..."] | Float[Array, "..."] | None = None,
    key_padding_mask: Bool[Array, "batch key"] | Float[Array, "batch key"] | None = None,
    *,
    heads: int,
) -> Bool[Array, "batch heads query key"] | None:
    r"""Return the mask that ``torch.nn.MultiheadAttention`` makes of its two arguments.

    .. math:: m_{bhik} = \lnot\, \mathrm{attn\_mask}_{(b \cdot \mathrm{heads} + h)\, i k} \land
              \lnot\, \mathrm{key\_padding\_mask}_{bk}

    Parameters
    ----------
    attn_mask : (query, key) or (batch · heads, query, key), or None
        Boolean, True = forbidden; or floating point, as :func:`from_additive` takes it.
    key_padding_mask : (batch, key) or None
        The same.
    heads : int
        ``num_heads`` of the layer.

    Returns
    -------
    mask : (batch, heads, query, key) or None
        With length 1 where all share one. None when nothing was given: nothing is forbidden.

    Raises
    ------
    TypeError
        If a mask is neither boolean nor floating point.
    ValueError
        If a mask has other axes, their lengths contradict each other or ``heads``, or a float mask holds a bias.

    References
    ----------
    Documentation of ``torch.nn.MultiheadAttention.forward``.

    Examples
    --------
    >>> from_torch_mha(key_padding_mask=np.array([[False, True]]), heads=8)
    array([[[[ True, False]]]])
    """
    _require_heads(heads)
    pairs, keys = attn_mask, key_padding_mask
    if pairs is not None:
        pairs = _allowed_by_torch("attn_mask", pairs)
        if pairs.ndim not in (2, 3) or (pairs.ndim == 3 and pairs.shape[0] % heads):
            raise ValueError(
                f"attn_mask must have shape (query, key) or (batch · heads, query, key) with heads {heads}, "
                f"got {tuple(attn_mask.shape)}"
            )
        front = (1, 1) if pairs.ndim == 2 else (pairs.shape[0] // heads, heads)
        pairs = pairs.reshape((*front, *pairs.shape[-2:]))
    if keys is not None:
        keys = _sentences("key_padding_mask", _allowed_by_torch("key_padding_mask", keys))[:, None, None, :]
    return combine_masks(pairs, keys)


def to_keras(mask: Bool[Array, "..."]) -> Bool[Array, "*batch query key"]:
    r"""Return the mask as ``attention_mask`` of ``keras.layers.MultiHeadAttention``, where True allows as here.

    .. math:: \mathrm{attention\_mask}_{bik} = m_{bik}

    Parameters
    ----------
    mask : (query, key), (batch, query, key) or (batch, heads, query, key)
        Boolean, True = may be attended to. An axis of length 1 stands for all; Keras repeats it, too.

    Returns
    -------
    attention_mask : (batch, query, key) or (batch, heads, query, key)
        The second where heads differ. Keras takes that as it is, but only alone: don't add its causal or padding masks.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If the mask has other axes.

    References
    ----------
    Documentation and source of ``keras.layers.MultiHeadAttention`` (Keras 3).

    Examples
    --------
    >>> to_keras(np.array([[True, False]])).shape
    (1, 1, 2)
    """
    full = _four_axes(mask)
    return full[:, 0] if full.shape[1] == 1 else full


def from_keras(
    attention_mask: Shaped[Array, "..."] | None = None,
    *,
    query_mask: Shaped[Array, "batch query"] | None = None,
    value_mask: Shaped[Array, "batch key"] | None = None,
    key_mask: Shaped[Array, "batch key"] | None = None,
) -> Bool[Array, "batch heads query key"] | None:
    r"""Return the mask that ``keras.layers.MultiHeadAttention`` makes of its arguments.

    .. math:: m_{bhik} = \mathrm{attention}_{bik} \land \mathrm{query}_{bi} \land \mathrm{value}_{bk} \land
              \mathrm{key}_{bk}

    ``use_causal_mask=True`` adds ``causal_mask(query_length, key_length)``: combine it with the result.

    Parameters
    ----------
    attention_mask : (query, key), (batch, query, key) or (batch, heads, query, key), or None
        True or 1 = may be attended to, False or 0 = not.
    query_mask : (batch, query) or None
        The same. A query that is left out gets zero weights here.
    value_mask, key_mask : (batch, key) or None
        The same.

    Returns
    -------
    mask : (batch, heads, query, key) or None
        With length 1 where all share one. None when nothing was given: nothing is forbidden.

    Raises
    ------
    ValueError
        If a mask has other axes or holds other numbers, or the shapes contradict each other.

    References
    ----------
    Documentation and source of ``keras.layers.MultiHeadAttention`` (Keras 3).

    Examples
    --------
    >>> from_keras(np.array([[[1, 0]]]), value_mask=np.array([[True, True]]))
    array([[[[ True, False]]]])
    """
    parts = []
    if attention_mask is not None:
        parts.append(_four_axes(_from_ones("attention_mask", attention_mask), "attention_mask"))
    if query_mask is not None:
        parts.append(_sentences("query_mask", _from_ones("query_mask", query_mask))[:, None, :, None])
    for name, keys in (("value_mask", value_mask), ("key_mask", key_mask)):
        if keys is not None:
            parts.append(_sentences(name, _from_ones(name, keys))[:, None, None, :])
    return combine_masks(*parts)


def to_jax(mask: Bool[Array, "..."]) -> Bool[Array, "batch heads query key"]:
    r"""Return the mask with the four axes that ``mask`` of ``jax.nn.dot_product_attention`` and of Flax needs.

    .. math:: \mathrm{mask}_{bhik} = m_{bhik}

    True allows there as here. The axes matter: JAX adds a missing one in front, so that it would read
    (batch, query, key) as (heads, query, key).

    Parameters
    ----------
    mask : (query, key), (batch, query, key) or (batch, heads, query, key)
        Boolean, True = may be attended to. An axis of length 1 stands for all; JAX repeats it, too.

    Returns
    -------
    mask : (batch, heads, query, key)
        With length 1 where all share one.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If the mask has other axes.

    References
    ----------
    Documentation of ``jax.nn.dot_product_attention`` and ``flax.linen.MultiHeadDotProductAttention``.

    Examples
    --------
    >>> to_jax(np.array([[[True, False]], [[True, True]]])).shape
    (2, 1, 1, 2)
    """
    return _four_axes(mask)


def from_jax(mask: Shaped[Array, "..."]) -> Bool[Array, "batch heads query key"]:
    r"""Return the mask that JAX's and Flax's attention functions take, with all four axes.

    .. math:: m_{bhik} = \mathrm{mask}_{bhik}

    A ``bias`` that masks is for :func:`from_additive`.

    Parameters
    ----------
    mask : (query, key), (heads, query, key) or (batch, heads, query, key)
        True = may be attended to; or 1 and 0 of any dtype, as Flax's ``make_causal_mask`` gives them. A NumPy array or
        a torch tensor: ``np.asarray`` makes one of a JAX array.

    Returns
    -------
    mask : (batch, heads, query, key)
        Axes that were missing are put in front, with length 1.

    Raises
    ------
    ValueError
        If the mask has other axes, or holds other numbers.

    References
    ----------
    Documentation of ``jax.nn.dot_product_attention`` and ``flax.linen.make_causal_mask``.

    Examples
    --------
    >>> from_jax(np.array([[1.0, 0.0], [1.0, 1.0]]))
    array([[[[ True, False],
             [ True,  True]]]])
    """
    allowed = _from_ones("mask", mask)
    if not 2 <= allowed.ndim <= 4:
        raise ValueError(
            "mask must have the axes (query, key), (heads, query, key) or (batch, heads, query, key), "
            f"got shape {tuple(mask.shape)}"
        )
    return allowed[(None,) * (4 - allowed.ndim)]


def to_huggingface(
    mask: Bool[Array, "..."], dtype: type[np.floating] | np.dtype | torch.dtype | None = None
) -> Int64[Array, "batch key"] | Float[Array, "batch heads query key"]:
    r"""Return the mask as ``attention_mask`` of a Hugging Face transformer: 1 and 0, or expanded and added.

    .. math:: \mathrm{attention\_mask}_{bk} = [\,m_{bk}\,] \quad\text{or}\quad
              \mathrm{attention\_mask}_{bhik} = \begin{cases} 0 & m_{bhik} \\ \text{lowest number} & \text{otherwise}
              \end{cases}

    Models expand the first to the second themselves, and add causality where they need it; given the second, they take
    it as it is.

    Parameters
    ----------
    mask : (query, key), (batch, query, key) or (batch, heads, query, key)
        Boolean, True = may be attended to. Without a dtype it must be a padding mask, (batch, 1, key).
    dtype
        None for 1 and 0; for the expanded form the floating-point dtype of the model, of the mask's library.

    Returns
    -------
    attention_mask : (batch, key) or (batch, heads, query, key)
        int64, or the dtype; in the second form with length 1 where all share one.

    Raises
    ------
    TypeError
        If the mask is not boolean, or the dtype is not a floating-point one of its library.
    ValueError
        If the mask has other axes, or differs by query or head when no dtype is given.

    References
    ----------
    Hugging Face, transformers' documentation: glossary, *attention mask*; source of ``AttentionMaskConverter``.

    Examples
    --------
    >>> from attnlib.masks import causal_mask, padding_mask
    >>> to_huggingface(padding_mask([2, 1])[:, None, :])
    array([[1, 1],
           [1, 0]])
    >>> to_huggingface(causal_mask(2), np.float16).tolist()
    [[[[0.0, -65504.0], [0.0, 0.0]]]]
    """
    full = _four_axes(mask)
    if dtype is not None:
        return _filled(full, dtype, lowest=True)
    if full.shape[1:3] != (1, 1):
        raise ValueError(
            f"mask must be a padding mask (batch, 1, key) to become 1 and 0 for (batch, key), got {tuple(mask.shape)}; "
            "write mask[:, None, :] if it is (batch, key), or pass a dtype for the expanded form"
        )
    xp = namespace(mask=mask)
    return xp.astype(full[:, 0, 0], xp.int64)


def from_huggingface(attention_mask: Shaped[Array, "..."]) -> Bool[Array, "batch heads query key"]:
    r"""Return the mask that a Hugging Face transformer takes, in either of its forms.

    .. math:: m_{bhik} = [\,\mathrm{attention\_mask}_{bk} = 1\,] \quad\text{or}\quad
              m_{bhik} = [\,\mathrm{attention\_mask}_{bhik} = 0\,]

    Of 1 and 0 the 1 allows; of numbers to be added the 0.

    Parameters
    ----------
    attention_mask : (batch, key), or expanded (batch, heads, query, key)
        With two axes 1 = word and 0 = padding; with four axes floating point, as :func:`from_additive` takes it, or
        boolean, True = may be attended to.

    Returns
    -------
    mask : (batch, heads, query, key)
        With length 1 where all share one.

    Raises
    ------
    TypeError
        If the expanded form is neither boolean nor floating point.
    ValueError
        If the mask has other axes, or holds other numbers.

    References
    ----------
    As :func:`to_huggingface`.

    Examples
    --------
    >>> from_huggingface(np.array([[1, 1, 0]]))
    array([[[[ True,  True, False]]]])
    """
    _library("attention_mask", attention_mask)
    if attention_mask.ndim not in (2, 4):
        raise ValueError(
            "attention_mask must have the axes (batch, key) or (batch, heads, query, key), "
            f"got shape {tuple(attention_mask.shape)}"
        )
    if attention_mask.ndim == 2:
        return _from_ones("attention_mask", attention_mask)[:, None, None, :]
    return attention_mask if _is_boolean(attention_mask) else _without_bias("attention_mask", attention_mask)


def _library(name: str, mask: Array | None) -> ModuleType:
    """Return the mask's array-API namespace; None, which allows everything, has nothing to convert."""
    if mask is None:
        raise TypeError(f"{name} must be a NumPy array or a torch tensor, got None; to allow all, pass no mask on")
    return namespace(**{name: mask})


def _four_axes(mask: Array | None, name: str = "mask") -> Array:
    """Return the mask as (batch, heads, query, key), with length 1 for an axis that is missing."""
    _library(name, mask)
    require_boolean(**{name: mask})
    if not 2 <= mask.ndim <= 4:
        raise ValueError(
            f"{name} must have the axes (query, key), (batch, query, key) or (batch, heads, query, key), "
            f"got shape {tuple(mask.shape)}"
        )
    return {2: mask[None, None], 3: mask[:, None], 4: mask}[mask.ndim]


def _sentences(name: str, mask: Array) -> Array:
    if mask.ndim != 2:
        raise ValueError(f"{name} must have two axes, batch and length, got shape {tuple(mask.shape)}")
    return mask


def _from_ones(name: str, mask: Array) -> Array:
    """Read True or 1 as allowed and False or 0 as forbidden."""
    _library(name, mask)
    if _is_boolean(mask):
        return mask
    _require_all(name, mask, (mask == 0) | (mask == 1), "True and False, or 1 and 0")
    return mask == 1


def _allowed_by_torch(name: str, mask: Array) -> Array:
    _library(name, mask)
    return ~mask if _is_boolean(mask) else _without_bias(name, mask)


def _without_bias(name: str, bias: Array, limit: float = _LIMIT) -> Array:
    """Read 0 as allowed, and -inf and numbers at or below the limit as forbidden."""
    xp = _library(name, bias)
    require_floating(**{name: bias})
    allowed, forbidden = bias == 0, bias <= max(float(limit), float(xp.finfo(bias.dtype).min))
    _require_all(name, bias, xp.asarray(allowed | forbidden), f"0, -inf and numbers at or below {limit:g}")
    return xp.asarray(allowed)


def _filled(mask: Array, dtype, *, lowest: bool) -> Array:
    """Return 0 where the mask allows, and -inf or the dtype's lowest number elsewhere."""
    xp = namespace(mask=mask)
    known = _TORCH_FLOATS if isinstance(mask, torch.Tensor) else _NUMPY_FLOATS
    if dtype not in known:
        names = ", ".join(str(one) if isinstance(one, torch.dtype) else f"np.{one.__name__}" for one in known)
        raise TypeError(f"dtype must be one of {names} for this mask, got {dtype}")
    zeros = xp.zeros(mask.shape, dtype=dtype, device=array_api_compat.device(mask))
    return xp.where(mask, zeros, float(xp.finfo(zeros.dtype).min) if lowest else -math.inf)


def _is_boolean(array: Array) -> bool:
    return dtype_name(array) == "bool"


def _require_all(name: str, array: Array, valid: Array, expected: str) -> None:
    if not bool(valid.all()):
        raise ValueError(f"{name} must hold {expected}, got {array[~valid][0].item():g}")


def _require_heads(heads: int) -> None:
    require_count(heads=heads)
    if heads == 0:
        raise ValueError("heads must be at least 1, got 0")
