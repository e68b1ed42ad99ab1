r"""Several heads: the same attention many times side by side, each on a few dimensions of its own.

.. math:: \operatorname{MultiHead}(X, Z) = O_w [c_1; \dots; c_n], \qquad
          c_h = \operatorname{attend}(Q_w^h X, K_w^h Z, V_w^h Z)

Self-attention is the case Z = X, cross-attention any other. Heads may share keys and values: all of them with one key
head (multi-query attention), or in groups (grouped-query attention).

In code words are rows. Vectors are (..., length, dim) outside and (..., heads, length, head_dim) inside.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnlib import _fused
from attnlib._arrays import (
    broadcasts_to,
    in_transform,
    namespace,
    require_dim,
    require_dropout,
    require_floating,
    require_mask,
    require_ndim,
    require_sizes,
)
from attnlib._layers import projection
from attnlib._random import generator as generator_of
from attnlib.attention import attend
from attnlib.positions import RelativeScheme
from attnlib.scores import scaled_dot


class KeysValues(NamedTuple):
    """Keys and values of every key head, projected and ready to be attended to; what a cache keeps of a layer."""

    keys: Float[Tensor, "*batch key_heads key head_dim"]
    values: Float[Tensor, "*batch key_heads key head_dim"]


def split_heads(vectors: Float[Tensor, "*batch length dim"], heads: int) -> Float[Tensor, "*batch heads length part"]:
    """Cut each vector into as many parts as there are heads, and give every head its own.

    Head h gets components h · dim / heads on. The result is a view: nothing is copied.

    Raises
    ------
    ValueError
        If the dim can't be shared evenly.

    Examples
    --------
    >>> split_heads(torch.arange(12.0).reshape(2, 6), heads=3)[1]
    tensor([[2., 3.],
            [8., 9.]])
    """
    require_sizes(heads=heads)
    if vectors.shape[-1] % heads:
        raise ValueError(f"{heads} heads can't share dim {vectors.shape[-1]} evenly")
    return vectors.unflatten(-1, (heads, vectors.shape[-1] // heads)).transpose(-3, -2)


def merge_heads(parts: Float[Tensor, "*batch heads length part"]) -> Float[Tensor, "*batch length dim"]:
    """Put the parts of all heads side by side again; the inverse of :func:`split_heads`.

    Examples
    --------
    >>> vectors = torch.arange(12.0).reshape(2, 6)
    >>> torch.equal(merge_heads(split_heads(vectors, heads=3)), vectors)
    True
    """
    return parts.transpose(-3, -2).flatten(-2)


def attend_heads(
    query: Float[Tensor, "*batch heads query head_dim"],
    key: Float[Tensor, "*batch key_heads key head_dim"],
    value: Float[Tensor, "*batch key_heads key value_dim"],
    mask: Bool[Tensor, "..."] | None = None,
    *,
    bias: Float[Tensor, "..."] | None = None,
    dropout_p: float = 0.0,
    return_weights: bool = False,
) -> Float[Tensor, "..."] | tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
    r"""Attend in every head, with keys and values that may be shared by groups of heads.

    .. math:: c_h = \operatorname{softmax}\!\left(\frac{Q_h K_{g(h)}^\top}{\sqrt d} + B_h\right) V_{g(h)}, \qquad
              g(h) = \lfloor h / (\text{heads} / \text{key heads}) \rfloor

    Keys and values are never copied for the heads that share them: those heads' queries are put below each other.

    Parameters
    ----------
    query : (..., heads, query, head_dim)
    key, value : (..., key_heads, key, head_dim)
        heads a multiple of key_heads.
    mask : broadcasts to (..., heads, query, key)
        Boolean, True = may be attended to.
    bias : broadcasts to (..., heads, query, key)
        Added to the scores.
    dropout_p : float
        As for :func:`attnlib.attention.attend`, from torch's global generator.
    return_weights : bool

    Returns
    -------
    context : (..., heads, query, head_dim)
        A query that may attend to nothing gets zeros.
    weights : (..., heads, query, key)
        Only if asked for.

    Raises
    ------
    TypeError, ValueError
        As :func:`attnlib.attention.attend`; also if the key heads can't be shared evenly.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, section 3.2.2; one key head: Shazeer (2019), "Fast Transformer Decoding:
    One Write-Head is All You Need", arXiv:1911.02150; groups: Ainslie et al. (2023), "GQA", arXiv:2305.13245.

    Examples
    --------
    >>> query, key = torch.randn(2, 8, 5, 4), torch.randn(2, 2, 7, 4)
    >>> context, weights = attend_heads(query, key, key, return_weights=True)
    >>> context.shape, weights.shape
    (torch.Size([2, 8, 5, 4]), torch.Size([2, 8, 5, 7]))
    """
    require_ndim("query", query, "(..., heads, query, head_dim)")
    require_ndim("key", key, "(..., key_heads, key, head_dim)")
    heads, length = query.shape[-3:-1]
    shape = (*query.shape[:-1], key.shape[-2])
    require_mask(mask, shape)
    _require_bias(bias, shape)
    require_dropout(dropout_p)
    group = _group(heads, key.shape[-3])
    if group == 1:
        return _attend(query, key, value, mask, bias, dropout_p, return_weights)
    query = query.reshape(*query.shape[:-3], heads // group, group * length, query.shape[-1])
    mask, bias = (_below_each_other(each, heads, group, length) for each in (mask, bias))
    attended = _attend(query, key, value, mask, bias, dropout_p, return_weights)
    apart = [each.reshape(*shape[:-1], each.shape[-1]) for each in (attended if return_weights else (attended,))]
    return tuple(apart) if return_weights else apart[0]


class MultiHeadAttention(nn.Module):
    r"""Attention of several heads, from vectors to vectors.

    .. math:: \operatorname{MultiHead}(X, Z) = O_w [c_1; \dots; c_n], \qquad
              c_h = \operatorname{attend}(Q_w^h X, K_w^h Z, V_w^h Z)

    Without biases and with as many key heads as heads that makes 4 · dim² parameters, whatever the number of heads.
    Without weights the fused kernel does the work; with them every head's are returned; every mask is kept both ways.

    Parameters
    ----------
    dim : int
        Width of the vectors that queries are made from, and of the output.
    heads : int
        Number of heads n; each works on head_dim components.
    key_heads : int or None
        Number of heads of keys and values, which divides n. None: n; 1: multi-query attention.
    head_dim : int or None
        Width of one head's queries, keys and values. None: dim / heads.
    key_dim, value_dim : int or None
        Width of the vectors that keys and values are made from. None: keys' is dim, values' is the keys'.
    bias : bool
        Whether the projections have biases; they start at zero.
    dropout_p : float
        Of the weights, in training mode only. It draws from torch's global generator.
    positions : RelativeScheme or None
        A scheme of :mod:`attnlib.positions` that acts inside attention.
    seed : int or torch.Generator
        What the initial weights are drawn from (Glorot and Bengio 2010, eq. 16).

    Raises
    ------
    TypeError
        If a size or the seed is not an integer, or positions is no scheme that acts inside attention.
    ValueError
        If a size is below 1, the heads can't share dim or the key heads evenly, or dropout_p is out of range.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, section 3.2.2.

    Examples
    --------
    >>> attention = MultiHeadAttention(dim=8, heads=2, seed=0)
    >>> words = torch.randn(2, 5, 8)
    >>> output, weights = attention(words, return_weights=True)
    >>> output.shape, weights.shape
    (torch.Size([2, 5, 8]), torch.Size([2, 2, 5, 5]))
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        key_heads: int | None = None,
        head_dim: int | None = None,
        key_dim: int | None = None,
        value_dim: int | None = None,
        bias: bool = False,
        dropout_p: float = 0.0,
        positions: RelativeScheme | None = None,
        seed: int | torch.Generator,
    ):
        super().__init__()
        require_sizes(dim=dim, heads=heads)
        if head_dim is None and dim % heads:
            raise ValueError(f"{heads} heads can't share dim {dim} evenly; give a head_dim")
        key_heads = heads if key_heads is None else key_heads
        head_dim = dim // heads if head_dim is None else head_dim
        key_dim = dim if key_dim is None else key_dim
        value_dim = key_dim if value_dim is None else value_dim
        require_sizes(key_heads=key_heads, head_dim=head_dim, key_dim=key_dim, value_dim=value_dim)
        _group(heads, key_heads)
        require_dropout(dropout_p)
        if positions is not None and not isinstance(positions, RelativeScheme):
            came = type(positions).__name__
            raise TypeError(f"positions must be a RelativeScheme such as Rotary(), got {came}")
        rng = generator_of(seed)
        self.heads, self.key_heads, self.head_dim = heads, key_heads, head_dim
        self.Qw = projection(dim, heads * head_dim, bias, rng)
        self.Kw = projection(key_dim, key_heads * head_dim, bias, rng)
        self.Vw = projection(value_dim, key_heads * head_dim, bias, rng)
        self.Ow = projection(heads * head_dim, dim, bias, rng)
        self.positions = positions
        self.dropout_p = dropout_p

    def forward(
        self,
        query: Float[Tensor, "*batch query dim"],
        key: Float[Tensor, "*batch key key_dim"] | None = None,
        value: Float[Tensor, "*batch key value_dim"] | None = None,
        mask: Bool[Tensor, "..."] | None = None,
        *,
        query_positions: Int[Tensor, "..."] | None = None,
        key_positions: Int[Tensor, "..."] | None = None,
        return_weights: bool = False,
    ) -> Float[Tensor, "*batch query dim"] | tuple[Float[Tensor, "*batch query dim"], Float[Tensor, "..."]]:
        """Attend from ``query`` to ``key`` and ``value``; without value to ``key``, without key to ``query``.

        Parameters
        ----------
        query, key, value
        mask : broadcasts to (..., query, key), or with one axis more to (..., heads, query, key)
            Boolean, True = may be attended to. With no more axes than the query has, it is the same for all heads.
        query_positions, key_positions : (length,) or (batch, length)
            For the scheme; None counts from 0.
        return_weights : bool

        Returns
        -------
        output : (..., query, dim)
        weights : (..., heads, query, key)
            Only if asked for, as they were before dropout.
        """
        key = query if key is None else key
        value = key if value is None else value
        return self.attend_to(
            query,
            self.prepare(key, value, key_positions),
            mask,
            query_positions=query_positions,
            key_positions=key_positions,
            return_weights=return_weights,
        )

    def prepare(
        self,
        key: Float[Tensor, "*batch key key_dim"],
        value: Float[Tensor, "*batch key value_dim"] | None = None,
        positions: Int[Tensor, "..."] | None = None,
    ) -> KeysValues:
        """Return the keys and values of all key heads, for :meth:`attend_to`; they can be kept and added to.

        Parameters
        ----------
        key, value
            None of a value: those of the keys.
        positions : (length,) or (batch, length)
            None counts from 0.
        """
        value = key if value is None else value
        self._require(key=(key, self.Kw), value=(value, self.Vw))
        keys = split_heads(self.Kw(key), self.key_heads)
        if self.positions is not None:
            keys = self.positions.turn(keys, _places("key_positions", positions, key.shape[:-1], key.device))
        return KeysValues(keys, split_heads(self.Vw(value), self.key_heads))

    def attend_to(
        self,
        query: Float[Tensor, "*batch query dim"],
        prepared: KeysValues,
        mask: Bool[Tensor, "..."] | None = None,
        *,
        query_positions: Int[Tensor, "..."] | None = None,
        key_positions: Int[Tensor, "..."] | None = None,
        return_weights: bool = False,
    ) -> Float[Tensor, "*batch query dim"] | tuple[Float[Tensor, "*batch query dim"], Float[Tensor, "..."]]:
        """Attend from ``query`` to what :meth:`prepare` made; parameters and result as for :meth:`forward`."""
        self._require(query=(query, self.Qw))
        if mask is not None:
            namespace(query=query, mask=mask)
        keys, values = prepared
        mask = _over_heads(mask, query, keys.shape[-2])
        queries = split_heads(self.Qw(query), self.heads)
        dropout_p = self.dropout_p if self.training else 0.0
        if self.positions is None:
            attended = attend_heads(queries, keys, values, mask, dropout_p=dropout_p, return_weights=return_weights)
            context, *weights = attended if return_weights else (attended,)
        else:
            places = (
                _places("query_positions", query_positions, query.shape[:-1], query.device),
                _places("key_positions", key_positions, (*query.shape[:-2], keys.shape[-2]), query.device),
            )
            context, *weights = self._attend_by_place(queries, keys, values, mask, places, dropout_p, return_weights)
        output = self.Ow(merge_heads(context))
        return (output, *weights) if return_weights else output

    def _attend_by_place(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        mask: Tensor | None,
        places: tuple[Tensor, Tensor],
        dropout_p: float,
        return_weights: bool,
    ) -> tuple[Tensor, ...]:
        """Attend with a scheme of positions; return the context, and the weights if asked for."""
        bias = self.positions.bias(queries, *places)
        queries = self.positions.turn(queries, places[0])
        if not self.positions.needs_weights:
            how = {"bias": bias, "dropout_p": dropout_p, "return_weights": return_weights}
            attended = attend_heads(queries, keys, values, mask, **how)
            return attended if return_weights else (attended,)
        context, weights = attend_heads(queries, keys, values, mask, bias=bias, return_weights=True)
        kept = weights
        if dropout_p > 0:  # the weights that are left out are the same for both sums
            kept = nn.functional.dropout(weights, dropout_p)
            context = (kept.unflatten(-3, (self.key_heads, -1)) @ values[..., None, :, :]).flatten(-4, -3)
        context = context + self.positions.values(kept, *places)
        return (context, weights) if return_weights else (context,)

    def _require(self, **inputs: tuple[Tensor, nn.Linear]) -> None:
        for name, (array, layer) in inputs.items():
            namespace(weight=layer.weight, **{name: array})
            require_floating(**{name: array})
            require_ndim(name, array, f"(..., {'query' if name == 'query' else 'key'}, {name}_dim)")
            require_dim(name, array, layer.in_features, "this module")


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    dropout_p: float,
    return_weights: bool,
) -> Tensor | tuple[Tensor, Tensor]:
    if bias is None:
        return attend(query, key, value, mask, dropout_p=dropout_p, return_weights=return_weights)
    plain = not return_weights and _fused.kernel_takes(query, query.new_empty(0)) and not in_transform()
    if plain and query.dtype == key.dtype == value.dtype and 0 not in (query.numel(), key.numel()):
        bias = bias.to(query.dtype)
        added = bias if mask is None else bias.masked_fill(~mask, -torch.inf)
        return _fused.context_alone(query, key, value, added, query.shape[-1] ** -0.5, dropout_p)
    how = {"dropout_p": dropout_p, "return_weights": return_weights}
    return attend(query, key, value, mask, score=lambda q, k: scaled_dot(q, k) + bias, **how)


def _group(heads: int, key_heads: int) -> int:
    """Return how many heads share a key head."""
    if key_heads == 0 or heads % key_heads:
        raise ValueError(f"{heads} heads can't share {key_heads} key heads evenly")
    return heads // key_heads


def _require_bias(bias: Tensor | None, shape: tuple[int, ...]) -> None:
    if bias is not None and not broadcasts_to(tuple(bias.shape), shape):
        raise ValueError(f"bias has shape {tuple(bias.shape)}, which does not broadcast to scores of shape {shape}")


def _below_each_other(array: Tensor | None, heads: int, group: int, length: int) -> Tensor | None:
    """Turn a mask or bias of (..., heads, query, key) into one of (..., key_heads, group query, key)."""
    if array is None or array.ndim < 2:
        return array
    array = array.expand(*array.shape[:-2], length, array.shape[-1])
    if array.ndim == 2 or array.shape[-3] == 1:  # alike in all heads
        return array.repeat(*[1] * (array.ndim - 2), group, 1)
    return array.reshape(*array.shape[:-3], heads // group, group * length, array.shape[-1])


def _over_heads(mask: Tensor | None, query: Tensor, keys: int) -> Tensor | None:
    """Give a mask that is the same for all heads an axis for them."""
    if mask is None or mask.ndim > query.ndim:
        return mask
    require_mask(mask, (*query.shape[:-1], keys))
    return mask[..., None, :, :] if mask.ndim > 2 else mask


def _places(name: str, positions: Tensor | None, words: tuple[int, ...], device: torch.device) -> Tensor:
    """Return the positions of words (..., length), counted from 0 if none are given. The scheme checks their dtype."""
    length = words[-1]
    if positions is None:
        return torch.arange(length, device=device)
    if isinstance(positions, Tensor) and (
        positions.shape[-1:] != (length,) or not broadcasts_to(positions.shape, words)
    ):
        shapes = " or ".join(str(tuple(shape)) for shape in dict.fromkeys([(length,), tuple(words)]))
        raise ValueError(f"{name} must have shape {shapes}, got {tuple(positions.shape)}")
    return positions
