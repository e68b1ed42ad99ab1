"""Attention: queries are scored against keys, and values are summed by the weights that come of it."""

from types import ModuleType
from typing import Any

import array_api_compat.torch as torch_namespace
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnlib import _fused
from attnlib._arrays import (
    TENSOR_FLOATS,
    Array,
    broadcast_batch,
    in_transform,
    namespace,
    require_dim,
    require_dropout,
    require_floating,
    require_mask,
    require_ndim,
    require_same_dim,
    require_same_length,
    require_sizes,
)
from attnlib._layers import projection
from attnlib._random import generator as generator_of
from attnlib.scores import Score, dot, scaled_dot
from attnlib.softmax import softmax
from attnlib.weighted_sum import weighted_sum


def attend(
    query: Float[Array, "*#batch query query_dim"],
    key: Float[Array, "*#batch key key_dim"],
    value: Float[Array, "*#batch key value_dim"],
    mask: Bool[Array, "..."] | None = None,
    *,
    score: Score = scaled_dot,
    dropout_p: float = 0.0,
    generator: torch.Generator | np.random.Generator | None = None,
    return_weights: bool = False,
) -> Float[Array, "..."] | tuple[Float[Array, "..."], Float[Array, "..."]]:
    r"""Give each query the sum of the values, weighted by how well their keys fit it.

    .. math:: \operatorname{attend}(Q, K, V) = \operatorname{softmax}(S) V, \qquad S_{ik} = \mathrm{score}(q_i, k_k)

    torch tensors go through fast code of the same answer where the score is `scaled_dot` or `dot`: without weights
    torch's fused kernel. That code can be differentiated once, in reverse mode; for anything else wrap the score:
    ``score=lambda q, k: scaled_dot(q, k)``.

    Parameters
    ----------
    query : (..., query, query_dim)
    key : (..., key, key_dim)
        The dim that the score asks for; for scaled_dot that of the query.
    value : (..., key, value_dim)
        One a key, of any width. The leading dimensions of all three broadcast.
    mask : broadcasts to (..., query, key)
        Boolean, True = may be attended to. None allows every place.
    score : (query, key) -> scores
        From :mod:`attnlib.scores`, or any function that gives (..., query, key).
    dropout_p : float
        Probability, at least 0 and below 1, with which each weight is left out of the sum; the others are divided by
        1 - p. Always applied: pass 0 outside training.
    generator : torch.Generator, np.random.Generator or None
        What dropout draws from. None is torch's global generator; NumPy has none, and one must be given.
    return_weights : bool
        Return the weights, too.

    Returns
    -------
    context : (..., query, value_dim)
        In the common dtype of query, key and value; sums are taken in at least float32. A query that may attend to
        nothing gets zeros. A NaN or infinite number in a key or value can reach every context, masked or not.
    weights : (..., query, key)
        Only if asked for: rows that sum to one, or are all zeros, as they were before dropout.

    Raises
    ------
    TypeError
        If query, key or value is not floating point, the mask is not boolean, NumPy and torch are mixed, the score
        can't be called, or the generator is not one of the arrays' library.
    ValueError
        If shapes do not fit, with the shapes; if the score gives something else than (..., query, key); if dropout_p
        is out of range, or NumPy arrays come with dropout and without a generator.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, eq. 1. With other scores: Bahdanau, Cho and Bengio (2015),
    arXiv:1409.0473, eq. 5 and 6; Luong, Pham and Manning (2015), arXiv:1508.04025, section 3.1.

    Examples
    --------
    >>> query = np.array([[9.0, 0.0]])
    >>> key = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    >>> value = np.array([[10.0], [20.0], [30.0]])
    >>> context, weights = attend(query, key, value, return_weights=True)
    >>> context.round(2), weights.round(3)
    (array([[20.]]), array([[0.5  , 0.001, 0.5  ]]))
    >>> attend(query, key, value, np.array([True, False, False]))
    array([[10.]])
    """
    xp, shape, dtype = _agreed(query, key, value, mask)
    require_mask(mask, shape)
    require_dropout(dropout_p)
    _require_generator(dropout_p, generator, query)
    if not callable(score):
        raise TypeError(f"score must be a function such as scaled_dot, got {score!r}")
    if isinstance(query, Tensor) and (score is scaled_dot or score is dot):
        same = [array.to(dtype) for array in (query, key, value)]
        attended = _fast(*same, mask, score, dropout_p, generator, return_weights)
        if attended is not None:
            return attended
    scores = score(query, key)
    namespace(query=query, **{"the score's result": scores})
    require_floating(**{"the score's result": scores})
    if tuple(scores.shape) != shape:
        raise ValueError(f"score gave shape {tuple(scores.shape)}, expected (..., query, key) = {shape}")
    weights = softmax(scores, mask)
    context = weighted_sum(_dropout(weights, dropout_p, generator), value)
    context, weights = xp.astype(context, dtype, copy=False), xp.astype(weights, dtype, copy=False)
    return (context, weights) if return_weights else context


class Attention(nn.Module):
    r"""Attention with learned projections: what comes in is turned into queries, keys and values first.

    .. math:: \operatorname{Attention}(X, Z) = O_w \operatorname{attend}(Q_w X, K_w Z, V_w Z)

    with one word a row here, where the equation has one a column. Without biases and output projection that makes
    ``query_dim * dim + key_dim * dim + value_dim * context_dim`` parameters.

    Parameters
    ----------
    query_dim : int
        Width of the vectors that queries are made from.
    key_dim, value_dim : int or None
        Widths of those that keys and values are made from. None: keys' is the queries', values' is the keys'.
    dim : int or None
        Width of queries and keys after projection. None: ``query_dim``.
    context_dim : int or None
        Width of values after projection, and so of each context. None: ``dim``.
    output_dim : int or None
        Width of the output after the projection Ow. None: there is none, and contexts are the output.
    bias : bool
        Whether the projections have biases; they start at zero.
    score : (query, key) -> scores
        Function or module, for (..., query, dim) and (..., key, dim).
    dropout_p : float
        Of the weights, in training mode only. It draws from torch's global generator.
    seed : int or torch.Generator
        What the initial weights are drawn from (Glorot and Bengio 2010, eq. 16).

    Raises
    ------
    TypeError
        If a size or the seed is not an integer.
    ValueError
        If a size is below 1 or dropout_p is out of range.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, section 3.2.2, for one head.

    Examples
    --------
    >>> self_attention = Attention(query_dim=8, seed=0)
    >>> words = torch.randn(2, 5, 8)
    >>> self_attention(words).shape
    torch.Size([2, 5, 8])
    >>> cross_attention = Attention(query_dim=8, key_dim=6, dim=4, context_dim=3, output_dim=7, seed=0)
    >>> output, weights = cross_attention(words, torch.randn(2, 9, 6), return_weights=True)
    >>> output.shape, weights.shape
    (torch.Size([2, 5, 7]), torch.Size([2, 5, 9]))
    """

    def __init__(
        self,
        query_dim: int,
        key_dim: int | None = None,
        value_dim: int | None = None,
        *,
        dim: int | None = None,
        context_dim: int | None = None,
        output_dim: int | None = None,
        bias: bool = False,
        score: Score = scaled_dot,
        dropout_p: float = 0.0,
        seed: int | torch.Generator,
    ):
        super().__init__()
        key_dim = query_dim if key_dim is None else key_dim
        value_dim = key_dim if value_dim is None else value_dim
        dim = query_dim if dim is None else dim
        context_dim = dim if context_dim is None else context_dim
        require_sizes(query_dim=query_dim, key_dim=key_dim, value_dim=value_dim, dim=dim, context_dim=context_dim)
        if output_dim is not None:
            require_sizes(output_dim=output_dim)
        require_dropout(dropout_p)
        rng = generator_of(seed)
        self.Qw = projection(query_dim, dim, bias, rng)
        self.Kw = projection(key_dim, dim, bias, rng)
        self.Vw = projection(value_dim, context_dim, bias, rng)
        self.Ow = None if output_dim is None else projection(context_dim, output_dim, bias, rng)
        self.score = score
        self.dropout_p = dropout_p

    def forward(
        self,
        query: Float[Tensor, "*#batch query query_dim"],
        key: Float[Tensor, "*#batch key key_dim"] | None = None,
        value: Float[Tensor, "*#batch key value_dim"] | None = None,
        mask: Bool[Tensor, "..."] | None = None,
        *,
        return_weights: bool = False,
    ) -> Float[Tensor, "..."] | tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """Attend from ``query`` to ``key`` and ``value``; without value to ``key``, without key to ``query``."""
        key = query if key is None else key
        value = key if value is None else value
        namespace(weight=self.Qw.weight, query=query, key=key, value=value, mask=mask)
        require_floating(query=query, key=key, value=value)
        for name, array, layer in (("query", query, self.Qw), ("key", key, self.Kw), ("value", value, self.Vw)):
            require_ndim(name, array, f"(..., {'query' if name == 'query' else 'key'}, {name}_dim)")
            require_dim(name, array, layer.in_features, "this module")
        attended = attend(
            self.Qw(query),
            self.Kw(key),
            self.Vw(value),
            mask,
            score=self.score,
            dropout_p=self.dropout_p if self.training else 0.0,
            return_weights=return_weights,
        )
        context, *weights = attended if return_weights else (attended,)
        output = context if self.Ow is None else self.Ow(context)
        return (output, *weights) if return_weights else output


def _fast(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    score: Score,
    dropout_p: float,
    generator: torch.Generator | None,
    return_weights: bool,
) -> Tensor | tuple[Tensor, Tensor] | None:
    """Attend by a multiple of the dot product in fast code, or return None where that can't do what is asked."""
    require_same_dim(query, key)
    scale = query.shape[-1] ** -0.5 if score is scaled_dot else 1.0
    if return_weights:
        same_batch = query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
        if dropout_p > 0 or not same_batch or in_transform():
            return None
        return _fused.context_and_weights(query, key, value, mask, scale)
    # Of empty arrays whose batches broadcast, torch's kernel gives a context of another shape.
    empty = any(array.numel() == 0 for array in (query, key, value))
    if empty or (dropout_p > 0 and generator is not None) or not _fused.kernel_takes(query, mask):
        return None
    return _fused.context_alone(query, key, value, mask, scale, dropout_p)


def _agreed(query: Array, key: Array, value: Array, mask: Array | None) -> tuple[ModuleType, tuple[int, ...], Any]:
    """Check that queries, keys and values go together; return the namespace, the scores' shape and the common dtype."""
    if _plainly_agree(query, key, value) and (mask is None or isinstance(mask, Tensor)):
        return torch_namespace, (*query.shape[:-1], key.shape[-2]), query.dtype
    xp = namespace(query=query, key=key, value=value, mask=mask)
    return xp, _scores_shape(query, key, value), xp.result_type(query.dtype, key.dtype, value.dtype)


def _plainly_agree(query: Array, key: Array, value: Array) -> bool:
    """Tell at a glance that tensors go together: checked one by one, short sequences take some percent longer."""
    return (
        isinstance(query, Tensor)
        and isinstance(key, Tensor)
        and isinstance(value, Tensor)
        and query.dtype == key.dtype == value.dtype
        and query.dtype in TENSOR_FLOATS
        and query.ndim >= 2
        and query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
        and key.shape[-2:-1] == value.shape[-2:-1]
        and key.ndim == value.ndim == query.ndim
    )


def _scores_shape(query: Array, key: Array, value: Array) -> tuple[int, ...]:
    """Check that queries, keys and values go together, and return the shape that their scores will have."""
    require_floating(query=query, key=key, value=value)
    require_ndim("query", query, "(..., query, query_dim)")
    require_ndim("key", key, "(..., key, key_dim)")
    require_ndim("value", value, "(..., key, value_dim)")
    require_same_length(key, value)
    of_query, of_key, of_value = (tuple(array.shape[:-2]) for array in (query, key, value))
    broadcast_batch(query=of_query, key=of_key, value=of_value)
    return (*broadcast_batch(query=of_query, key=of_key), query.shape[-2], key.shape[-2])


def _require_generator(dropout_p: float, generator: torch.Generator | np.random.Generator | None, query: Array) -> None:
    """Raise unless there is a generator of the query's library, or none is needed."""
    kind = torch.Generator if isinstance(query, Tensor) else np.random.Generator
    if generator is not None and not isinstance(generator, kind):
        library = "torch" if kind is torch.Generator else "np.random"
        raise TypeError(f"generator must be a {library}.Generator, got {type(generator).__name__}")
    if dropout_p > 0 and generator is None and kind is np.random.Generator:
        raise ValueError("dropout on NumPy arrays needs a generator: pass generator=np.random.default_rng(seed)")


def _dropout(weights: Array, p: float, generator: torch.Generator | np.random.Generator | None) -> Array:
    """Set each weight to 0 with probability p, and divide the others by 1 - p."""
    if p == 0:
        return weights
    if isinstance(weights, Tensor):
        kept = torch.rand(weights.shape, generator=generator, device=weights.device) >= p
    else:
        kept = generator.random(weights.shape) >= p
    return weights * kept / (1 - p)
