"""Weighted sums whose weights depend on the query: hard and soft lookup, kernel regression."""

import math
from collections.abc import Callable
from types import ModuleType

import array_api_compat
import numpy as np
from jaxtyping import Float

from attnlib._arrays import (
    Array,
    accumulation_dtype,
    broadcast_batch,
    constant,
    in_range,
    namespace,
    require_floating,
    require_ndim,
    require_positive,
    resolve_axis,
)


def weighted_sum(
    weights: Float[Array, "*#batch query key"], values: Float[Array, "*#batch key dim"]
) -> Float[Array, "*#batch query dim"]:
    r"""Add up the values, each times its weight, once for every query.

    .. math:: y_i = \sum_k w_{ik} v_k, \qquad Y = W V

    The weights are taken as they come: whether they sum to one is the caller's choice. A value of NaN or
    infinity reaches every output, even at weight 0, because 0 · ∞ is NaN.

    Parameters
    ----------
    weights : (..., query, key)
        One row a query.
    values : (..., key, dim)
        One row a key.

    Returns
    -------
    sums : (..., query, dim)
        In the common dtype of both; products are added up in at least float32.

    Raises
    ------
    TypeError
        If an argument is not floating point, or NumPy and torch are mixed.
    ValueError
        If the numbers of keys differ or the leading dimensions do not broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> weighted_sum(np.array([[0.75, 0.25]]), np.array([[4.0, 0.0], [0.0, 8.0]]))
    array([[3., 2.]])
    """
    xp = namespace(weights=weights, values=values)
    require_floating(weights=weights, values=values)
    require_ndim("weights", weights, "(..., query, key)")
    require_ndim("values", values, "(..., key, dim)")
    if weights.shape[-1] != values.shape[-2]:
        raise ValueError(
            f"weights {tuple(weights.shape)} are over {weights.shape[-1]} keys "
            f"but values {tuple(values.shape)} hold {values.shape[-2]}"
        )
    broadcast_batch(weights=tuple(weights.shape[:-2]), values=tuple(values.shape[:-2]))
    dtype = accumulation_dtype(xp, weights, values)
    sums = xp.matmul(xp.astype(weights, dtype), xp.astype(values, dtype))
    return xp.astype(sums, xp.result_type(weights.dtype, values.dtype))


def normalise(similarities: Float[Array, "*similarities"], *, axis: int = -1) -> Float[Array, "*similarities"]:
    r"""Divide similarities by their sum, so that they become weights.

    .. math:: w_k = \frac{a_k}{\sum_j a_j}, \qquad a_k \ge 0

    Parameters
    ----------
    similarities : (...)
        Not negative, in any unit: the unit cancels. Negative ones are divided by the sum like the others.
    axis : int
        The axis to sum along.

    Returns
    -------
    weights : (...)
        Same shape and dtype. Where similarities sum to 0 there is nothing to go by, and the weights are 0. An
        infinite similarity gets NaN, because ∞ / ∞ is no number.

    Raises
    ------
    TypeError
        If similarities are not floating point.
    ValueError
        If the axis is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> normalise(np.array([[2.0, 6.0], [0.0, 0.0]]))
    array([[0.25, 0.75],
           [0.  , 0.  ]])
    """
    xp = namespace(similarities=similarities)
    require_floating(similarities=similarities)
    axis = resolve_axis(axis, similarities, "similarities")
    wide = xp.astype(similarities, accumulation_dtype(xp, similarities))
    limit = float(xp.finfo(wide.dtype).max)
    # Only a row whose sum could overflow is scaled: scaling rounds, and sums of exactly 0 have to stay 0.
    large = xp.any(xp.abs(wide) > limit / (2 * max(wide.shape[axis], 1)), axis=axis, keepdims=True)
    wide = xp.where(large, wide / limit, wide)
    with np.errstate(invalid="ignore"):
        total = xp.sum(wide, axis=axis, keepdims=True)
        weights = xp.where(total == 0, 0.0, wide) / xp.where(total == 0, 1.0, total)
    return xp.astype(weights, similarities.dtype)


def hard_weights(scores: Float[Array, "*batch query key"]) -> Float[Array, "*batch query key"]:
    r"""Put all the weight of each query on its best key.

    .. math:: w_{ik} = [\,k = \operatorname{argmax}_j s_{ij}\,]

    Of equal scores the first wins, and NaN beats every number. The step from one key to another has no slope,
    so no gradient reaches the scores.

    Parameters
    ----------
    scores : (..., query, key)

    Returns
    -------
    weights : (..., query, key)
        Zeros and a single one in each row, in the dtype of the scores.

    Raises
    ------
    TypeError
        If the scores are not floating point.
    ValueError
        If there is no key to choose.

    Examples
    --------
    >>> import numpy as np
    >>> hard_weights(np.array([[0.2, 3.0, -1.0]]))
    array([[0., 1., 0.]])
    """
    xp = namespace(scores=scores)
    require_floating(scores=scores)
    require_ndim("scores", scores, "(..., query, key)")
    if scores.shape[-1] == 0:
        raise ValueError(f"a hard lookup needs at least one key, got scores of shape {tuple(scores.shape)}")
    best = xp.argmax(scores, axis=-1, keepdims=True)
    keys = xp.arange(scores.shape[-1], dtype=best.dtype, device=array_api_compat.device(scores))
    return xp.astype(keys == best, scores.dtype)


def hard_lookup(
    scores: Float[Array, "*#batch query key"], values: Float[Array, "*#batch key dim"]
) -> Float[Array, "*#batch query dim"]:
    r"""Return, for each query, the value of the key with the highest score.

    .. math:: y_i = v_{k^*}, \qquad k^* = \operatorname{argmax}_k s_{ik}

    A database look-up: one key answers. Parameters and errors are those of :func:`hard_weights` and
    :func:`weighted_sum`, and so is what a value of NaN or infinity does.

    Examples
    --------
    >>> import numpy as np
    >>> hard_lookup(np.array([[0.2, 3.0]]), np.array([[10.0], [20.0]]))
    array([[20.]])
    """
    namespace(scores=scores, values=values)
    return weighted_sum(hard_weights(scores), values)


def soft_lookup(
    similarities: Float[Array, "*#batch query key"], values: Float[Array, "*#batch key dim"]
) -> Float[Array, "*#batch query dim"]:
    r"""Return, for each query, the mean of all values weighted by similarity.

    .. math:: y_i = \sum_k \frac{a_{ik}}{\sum_j a_{ij}} v_k

    Every key answers, each as loudly as it is similar; the answer has a slope in the similarities. Parameters
    and errors are those of :func:`normalise` and :func:`weighted_sum`.

    Examples
    --------
    >>> import numpy as np
    >>> soft_lookup(np.array([[1.0, 3.0]]), np.array([[10.0], [20.0]]))
    array([[17.5]])
    """
    namespace(similarities=similarities, values=values)
    return weighted_sum(normalise(similarities), values)


def gaussian(squared_distance: Float[Array, "*points"]) -> Float[Array, "*points"]:
    r"""Gaussian kernel of the squared distance in widths: exp(-u²/2). Never zero.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian(np.array([0.0, 2 * np.log(2.0)]))
    array([1. , 0.5])
    """
    xp = namespace(squared_distance=squared_distance)
    require_floating(squared_distance=squared_distance)
    return xp.exp(-squared_distance / 2)


def boxcar(squared_distance: Float[Array, "*points"]) -> Float[Array, "*points"]:
    r"""Boxcar kernel of the squared distance in widths: 1 where u² ≤ 1, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> boxcar(np.array([0.0, 1.0, 1.1]))
    array([1., 1., 0.])
    """
    xp = namespace(squared_distance=squared_distance)
    require_floating(squared_distance=squared_distance)
    inside = xp.astype(squared_distance <= 1, squared_distance.dtype)
    return xp.where(xp.isnan(squared_distance), squared_distance, inside)


def epanechnikov(squared_distance: Float[Array, "*points"]) -> Float[Array, "*points"]:
    r"""Epanechnikov kernel of the squared distance in widths: max(0, 1 - u²).

    References
    ----------
    Epanechnikov (1969), doi:10.1137/1114019.

    Examples
    --------
    >>> import numpy as np
    >>> epanechnikov(np.array([0.0, 0.5, 4.0]))
    array([1. , 0.5, 0. ])
    """
    xp = namespace(squared_distance=squared_distance)
    require_floating(squared_distance=squared_distance)
    return xp.where(squared_distance >= 1, 0.0, 1 - squared_distance)


def kernel_weights(
    query: Float[Array, "*#batch query dim"],
    key: Float[Array, "*#batch key dim"],
    *,
    kernel: Callable[[Array], Array] = gaussian,
    width: float = 1.0,
) -> Float[Array, "*#batch query key"]:
    r"""Weigh every key by how near it lies to each query.

    .. math:: w_{ik} = \frac{K(\lVert q_i - k_k \rVert^2 / h^2)}{\sum_j K(\lVert q_i - k_j \rVert^2 / h^2)}

    Parameters
    ----------
    query : (..., query, dim)
        Points to ask about.
    key : (..., key, dim)
        Points where something is known.
    kernel : function
        K, from the squared distance in widths to a similarity: :func:`gaussian`, :func:`boxcar`,
        :func:`epanechnikov` or your own.
    width : float
        The bandwidth h, in the unit of query and key.

    Returns
    -------
    weights : (..., query, key)
        Rows that sum to one. A query with no key inside a boxcar's or an Epanechnikov kernel's reach has a row
        of zeros; a Gaussian row always sums to one, however far the keys and however small the width.

    Raises
    ------
    TypeError
        If query, key or what the kernel returns is not floating point, NumPy and torch are mixed, or the kernel
        is not a function.
    ValueError
        If their dimensions differ, leading dimensions do not broadcast, the bandwidth is not positive and finite,
        or the kernel returns another shape than it was given.

    Examples
    --------
    >>> import numpy as np
    >>> kernel_weights(np.array([[0.0]]), np.array([[0.0], [0.5], [3.0]]), kernel=boxcar)
    array([[0.5, 0.5, 0. ]])
    """
    xp = namespace(query=query, key=key)
    require_floating(query=query, key=key)
    require_ndim("query", query, "(..., query, dim)")
    require_ndim("key", key, "(..., key, dim)")
    require_positive("width", width)
    if not callable(kernel):
        raise TypeError(f"kernel must be a function such as gaussian, boxcar or epanechnikov, got {kernel!r}")
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(f"key has dim {key.shape[-1]} but query has dim {query.shape[-1]}")
    broadcast_batch(query=tuple(query.shape[:-2]), key=tuple(key.shape[:-2]))
    squared = _squared_distance(xp, query, key, width, from_nearest=kernel is gaussian)
    similarities = kernel(squared)
    _require_similarities(squared, similarities)
    return xp.astype(normalise(similarities), xp.result_type(query.dtype, key.dtype))


def kernel_regression(
    query: Float[Array, "*#batch query dim"],
    key: Float[Array, "*#batch key dim"],
    values: Float[Array, "*#batch key value_dim"],
    *,
    kernel: Callable[[Array], Array] = gaussian,
    width: float = 1.0,
) -> Float[Array, "*#batch query value_dim"]:
    r"""Estimate a function at the queries from its noisy values at the keys.

    .. math:: \hat y(q) = \frac{\sum_k K(\lVert q - k_k \rVert^2 / h^2)\, v_k}{\sum_j K(\lVert q - k_j \rVert^2 / h^2)}

    Parameters
    ----------
    query, key, kernel, width
        As for :func:`kernel_weights`.
    values : (..., key, value_dim)
        What was observed at each key.

    Returns
    -------
    estimate : (..., query, value_dim)

    Raises
    ------
    TypeError, ValueError
        As :func:`kernel_weights` and :func:`weighted_sum` do.

    References
    ----------
    Nadaraya (1964), doi:10.1137/1109020; Watson (1964), *Smooth regression analysis*, Sankhyā A 26.

    Examples
    --------
    >>> import numpy as np
    >>> kernel_regression(np.array([[0.0]]), np.array([[-1.0], [1.0]]), np.array([[2.0], [4.0]]))
    array([[3.]])
    """
    namespace(query=query, key=key, values=values)
    require_ndim("values", values, "(..., key, value_dim)")
    if key.ndim >= 2 and key.shape[-2] != values.shape[-2]:
        raise ValueError(
            f"values {tuple(values.shape)} hold {values.shape[-2]} keys "
            f"but key {tuple(key.shape)} holds {key.shape[-2]}"
        )
    return weighted_sum(kernel_weights(query, key, kernel=kernel, width=width), values)


def _require_similarities(squared: Array, similarities: Array) -> None:
    """Raise unless a kernel returned floating-point numbers of its argument's library and shape."""
    result = {"the kernel's result": similarities}
    namespace(query=squared, **result)
    require_floating(**result)
    if tuple(similarities.shape) != tuple(squared.shape):
        raise ValueError(
            f"kernel must keep the shape {tuple(squared.shape)} of the squared distances, "
            f"but returned {tuple(similarities.shape)}"
        )


def _squared_distance(
    xp: ModuleType, query: Array, key: Array, width: float, *, from_nearest: bool
) -> Float[Array, "*batch query key"]:
    """Return the squared distances in widths, kept finite; or how much larger each is than the nearest key's."""
    dtype = accumulation_dtype(xp, query, key)
    width = in_range(xp, min(width, float(xp.finfo(dtype).max)) / 4, dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        # In quarters, neither a difference nor the sum of two differences leaves the dtype's range.
        difference = xp.astype(query, dtype)[..., :, None, :] / 4 - xp.astype(key, dtype)[..., None, :, :] / 4
        if from_nearest and 0 not in difference.shape[-2:]:
            return _beyond_nearest(xp, difference, width)
        return xp.sum(_bounded(xp, difference / width) ** 2, axis=-1)


def _beyond_nearest(xp: ModuleType, difference: Array, width: float) -> Float[Array, "*batch query key"]:
    """Return how much larger each squared distance in widths is than the nearest key's, as (d - n)(d + n).

    A Gaussian row changes by a factor, which cancels in the quotient, and a far query can't divide 0 by 0. What
    is common to a row, and so cancels, is constant in the gradient. The unit is the distance of the nearest key
    or the width, whichever is larger: a far key then has no say in the weights of the near ones.
    """
    size = constant(xp.where(xp.isfinite(difference), xp.abs(difference), xp.finfo(difference.dtype).max))
    reach = xp.min(xp.max(size, axis=-1, keepdims=True), axis=-2, keepdims=True)
    unit = xp.where(reach > width, reach, width)
    near = xp.argmin(xp.sum(_bounded(xp, size / unit) ** 2, axis=-1, keepdims=True), axis=-2, keepdims=True)
    keys = xp.arange(size.shape[-2], dtype=near.dtype, device=array_api_compat.device(size))[:, None]
    nearest = constant(xp.sum(xp.where(keys == near, difference, 0.0), axis=-2, keepdims=True))
    less, more = (_bounded(xp, part / unit) for part in (difference - nearest, difference + nearest))
    beyond = xp.sum(less * more, axis=-1)
    # Of keys that are equally near but for rounding, argmin may have missed the nearest by a little.
    beyond = beyond - constant(xp.min(beyond, axis=-1, keepdims=True))
    return beyond * _bounded(xp, unit[..., 0] / width) ** 2


def _bounded(xp: ModuleType, parts: Array) -> Array:
    """Clip numbers so that the sum of their squares over the last axis is finite."""
    limit = math.sqrt(xp.finfo(parts.dtype).max / max(parts.shape[-1], 1)) / 2
    return xp.clip(parts, -limit, limit)
