"""Softmax over scores, as attention needs it: stable, masked, tempered, with its entropy and its Jacobian.

What a score gives, in every dtype and for scores of any size:

========================  =======================================================================
a score                   its weight
========================  =======================================================================
finite                    exp(score / temperature), divided by the sum of its row
masked                    0, whatever the score is, NaN included; no gradient flows into it
-inf, not masked          0
+inf, not masked          the row's weight is shared equally among its +inf places; the gradient is 0
NaN, not masked           NaN throughout its row, masked places too: a mistake upstream stays visible
a row with no place left  all zeros (every place masked or -inf), never NaN
========================  =======================================================================
"""

import math
from types import ModuleType

import array_api_compat
import numpy as np
import torch
from jaxtyping import Bool, Float

from attnlib._arrays import (
    Array,
    accumulation_dtype,
    constant,
    in_range,
    in_transform,
    namespace,
    require_floating,
    require_mask,
    require_positive,
    resolve_axis,
)


def softmax(
    scores: Float[Array, "*scores"],
    mask: Bool[Array, "..."] | None = None,
    *,
    axis: int = -1,
    temperature: float = 1.0,
) -> Float[Array, "*scores"]:
    r"""Turn scores into weights that are positive and sum to one along an axis.

    .. math:: w_k = \frac{m_k \exp(s_k / T)}{\sum_j m_j \exp(s_j / T)}

    The largest valid score of a row is subtracted first, which changes nothing in the quotient and keeps
    the exponential from overflowing. The sum is taken in at least float32.

    Parameters
    ----------
    scores : (...)
        Scores s, any floating dtype.
    mask : broadcasts to scores
        Boolean m, True = may be attended to. None allows every place.
    axis : int
        The axis that the weights sum to one along; for scores (..., query, key) the last.
    temperature : float
        T > 0. Towards 0 the weights approach the argmax, towards infinity the mean.

    Returns
    -------
    weights : (...)
        Same shape and dtype as the scores. A row with nothing to attend to is all zeros.

    Raises
    ------
    TypeError
        If scores are not floating point, the mask is not boolean, or NumPy and torch are mixed.
    ValueError
        If the mask does not broadcast to the scores, the axis is out of range, or T is not positive and finite.

    References
    ----------
    Bridle (1990), *Probabilistic interpretation of feedforward classification network outputs*, for the name
    and the normalised exponential; Hinton, Vinyals and Dean (2015), arXiv:1503.02531, eq. 1, for the temperature.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.array([0.0, np.log(3.0)]))
    array([0.25, 0.75])
    >>> softmax(np.array([1.0, 1.0, 9.0]), np.array([True, True, False]))
    array([0.5, 0.5, 0. ])
    """
    xp, axis = _checked(scores, mask, axis, temperature)
    if temperature == 1 and _are_finite_on_a_cpu(scores):
        return _of_finite_tensor(scores, mask, axis)
    shifted, valid = _shifted(xp, scores, mask, axis, temperature)
    exponentials = xp.where(valid, xp.exp(shifted), 0.0)
    total = xp.sum(exponentials, axis=axis, keepdims=True)
    return xp.astype(exponentials / xp.where(total == 0, 1.0, total), scores.dtype)


def log_softmax(
    scores: Float[Array, "*scores"],
    mask: Bool[Array, "..."] | None = None,
    *,
    axis: int = -1,
    temperature: float = 1.0,
) -> Float[Array, "*scores"]:
    r"""Return the logarithm of :func:`softmax`, without ever forming a weight that underflows.

    .. math:: \log w_k = \frac{s_k - s_{\max}}{T} - \log \sum_j m_j \exp \frac{s_j - s_{\max}}{T}

    A weight of zero (masked, or a score of -inf) has the logarithm -inf. Parameters and errors are those of
    :func:`softmax`.

    Returns
    -------
    log_weights : (...)
        Same shape and dtype as the scores, in nats.

    Examples
    --------
    >>> import numpy as np
    >>> log_softmax(np.array([0.0, -1000.0]))
    array([    0., -1000.])
    """
    xp, axis = _checked(scores, mask, axis, temperature)
    shifted, valid = _shifted(xp, scores, mask, axis, temperature)
    total = xp.sum(xp.where(valid, xp.exp(shifted), 0.0), axis=axis, keepdims=True)
    log_weights = shifted - xp.log(xp.where(total == 0, 1.0, total))
    nothing = xp.where(xp.isnan(total), xp.nan, -xp.inf)
    with np.errstate(over="ignore"):  # a logarithm beyond float16's range is -inf
        return xp.astype(xp.where(valid, log_weights, nothing), scores.dtype)


def entropy(
    weights: Float[Array, "..."], *, axis: int = -1, base: float | None = None
) -> Float[Array, "..."] | np.floating:
    r"""Return how widely each row of weights is spread.

    .. math:: H(w) = -\sum_k w_k \log w_k, \qquad 0 \log 0 = 0

    Between 0 (all weight on one place, or a row of zeros) and log n (the mean of n places).

    Parameters
    ----------
    weights : (..., key)
        Rows that sum to one.
    axis : int
        The axis that the weights sum to one along.
    base : float or None
        Base of the logarithm: None for nats, 2 for bits.

    Returns
    -------
    entropy : (...)
        One number a row, in nats or in the base's unit; the axis is gone. A single row of NumPy weights gives a
        NumPy scalar.

    Raises
    ------
    TypeError, ValueError
        As :func:`softmax` does; also ValueError if the base is 1 or less.

    References
    ----------
    Shannon (1948), *A mathematical theory of communication*, section 6.

    Examples
    --------
    >>> import numpy as np
    >>> float(entropy(np.array([0.5, 0.25, 0.25]), base=2))
    1.5
    """
    xp = namespace(weights=weights)
    require_floating(weights=weights)
    axis = resolve_axis(axis, weights, "weights")
    wide = xp.astype(weights, accumulation_dtype(xp, weights))
    surprise = -xp.log(xp.where(wide == 0, 1.0, wide))
    total = xp.sum(wide * surprise, axis=axis)
    return xp.astype(total / _log_base(base), weights.dtype)


def softmax_jacobian(
    weights: Float[Array, "*batch key"], *, temperature: float = 1.0
) -> Float[Array, "*batch key key"]:
    r"""Return how every weight of a row moves with every score of that row.

    .. math:: J_{ij} = \frac{\partial w_i}{\partial s_j} = \frac{w_i (\delta_{ij} - w_j)}{T}

    It depends on the weights alone, so it is computed from them, along the last axis. It is symmetric, its rows
    sum to zero, and it vanishes where a row has all its weight in one place.

    Parameters
    ----------
    weights : (..., key)
        What :func:`softmax` returned.
    temperature : float
        The T that it was given.

    Returns
    -------
    jacobian : (..., key, key)
        Same dtype as the weights.

    Raises
    ------
    TypeError, ValueError
        As :func:`softmax` does.

    Examples
    --------
    >>> import numpy as np
    >>> softmax_jacobian(np.array([0.5, 0.5]))
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    xp = namespace(weights=weights)
    require_floating(weights=weights)
    require_positive("temperature", temperature)
    resolve_axis(-1, weights, "weights")
    wide = xp.astype(weights, accumulation_dtype(xp, weights))
    identity = xp.eye(weights.shape[-1], dtype=wide.dtype, device=array_api_compat.device(weights))
    jacobian = identity * wide[..., None] - wide[..., :, None] * wide[..., None, :]
    return xp.astype(jacobian / in_range(xp, temperature, wide.dtype), weights.dtype)


def softmax_jvp(
    weights: Float[Array, "*weights"],
    tangent: Float[Array, "*weights"],
    *,
    axis: int = -1,
    temperature: float = 1.0,
) -> Float[Array, "*weights"]:
    r"""Multiply the Jacobian of softmax by a vector, without forming the Jacobian.

    .. math:: (J t)_i = \frac{w_i}{T} \Big( t_i - \sum_k w_k t_k \Big)

    The Jacobian is symmetric, so this is the forward-mode product J t and the backward-mode product tᵀ J alike:
    with the gradient of a loss by the weights in, the gradient by the scores comes out.

    Parameters
    ----------
    weights : (...)
        What :func:`softmax` returned along ``axis``.
    tangent : same shape as weights
        The vector t of each row.
    axis, temperature
        As they were given to :func:`softmax`.

    Returns
    -------
    product : (...)
        Same shape as the weights.

    Raises
    ------
    TypeError, ValueError
        As :func:`softmax` does; also ValueError if the two shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> softmax_jvp(np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    array([ 0.25, -0.25])
    """
    xp = namespace(weights=weights, tangent=tangent)
    require_floating(weights=weights, tangent=tangent)
    require_positive("temperature", temperature)
    axis = resolve_axis(axis, weights, "weights")
    if tuple(weights.shape) != tuple(tangent.shape):
        raise ValueError(
            f"tangent must have the shape of the weights {tuple(weights.shape)}, got {tuple(tangent.shape)}"
        )
    dtype = accumulation_dtype(xp, weights, tangent)
    wide, direction = xp.astype(weights, dtype), xp.astype(tangent, dtype)
    mean = xp.sum(wide * direction, axis=axis, keepdims=True)
    product = wide * (direction - mean) / in_range(xp, temperature, dtype)
    return xp.astype(product, xp.result_type(weights.dtype, tangent.dtype))


def _checked(scores: Array, mask: Array | None, axis: int, temperature: float) -> tuple[ModuleType, int]:
    xp = namespace(scores=scores, mask=mask)
    require_floating(scores=scores)
    axis = resolve_axis(axis, scores)
    require_mask(mask, tuple(scores.shape))
    require_positive("temperature", temperature)
    return xp, axis


def _shifted(xp: ModuleType, scores: Array, mask: Array | None, axis: int, temperature: float) -> tuple[Array, Array]:
    """Return (score - largest of its row) / temperature, at most 0, and where a weight is due at all.

    The shift comes before the division, so that a small temperature can't overflow. Places without a weight and
    infinite ones hold 0, cut off from their scores, so that neither they nor their gradients can turn into NaN.
    """
    wide = xp.astype(scores, accumulation_dtype(xp, scores))
    wide = wide if mask is None else xp.where(mask, wide, -xp.inf)
    if wide.shape[axis] == 0:
        return wide, wide == 0
    largest = constant(xp.max(wide, axis=axis, keepdims=True))
    valid = (wide != -xp.inf) & ((wide == xp.inf) | (largest != xp.inf))
    base = xp.where(xp.isinf(largest), 0.0, largest)
    below = xp.where(valid & (wide != xp.inf), wide, base)
    with np.errstate(over="ignore"):  # a distance beyond the dtype's range is -inf, and exp makes it 0
        return (below - base) / in_range(xp, temperature, wide.dtype), valid


def _are_finite_on_a_cpu(scores: Array) -> bool:
    """Tell whether scores are a tensor that torch's own softmax can be trusted with; no other device is waited for."""
    if not isinstance(scores, torch.Tensor) or scores.device.type != "cpu" or not scores.numel() or in_transform():
        return False
    low, high = torch.aminmax(scores.detach())
    return bool(low > -torch.inf) and bool(high < torch.inf)


def _of_finite_tensor(scores: torch.Tensor, mask: torch.Tensor | None, axis: int) -> torch.Tensor:
    """Do in few passes over the memory what the formula does in many."""
    wide = scores.to(torch.promote_types(scores.dtype, torch.float32))
    if mask is None:
        return wide.softmax(axis).to(scores.dtype)
    weights = wide.masked_fill(~mask, -torch.inf).softmax(axis)
    empty = ~mask.expand(scores.shape).any(dim=axis, keepdim=True)
    return (weights.masked_fill(empty, 0.0) if empty.any() else weights).to(scores.dtype)


def _log_base(base: float | None) -> float:
    if base is None:
        return 1.0
    require_positive("base", base)
    if base <= 1:
        raise ValueError(f"base must be above 1, got {base}")
    return math.log(base)
