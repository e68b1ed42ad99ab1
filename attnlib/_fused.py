"""Dot-product attention of torch tensors, fast: without weights in torch's own kernel, with them in few passes.

Both give what a score, softmax and weighted_sum give one after the other, as long as every score is finite.
"""

import math
from collections.abc import Iterable
from itertools import repeat

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from attnlib._arrays import require_first_derivative

PAIRS_AT_ONCE = 2**22
"""How many scores have a gradient at once in the backward pass, or those of one batch: 16 MiB in float32."""

_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}


def kernel_takes(query: Tensor, mask: Tensor | None) -> bool:
    """Tell whether the fused kernel can be trusted with rows that may attend to nothing, or there can be none.

    On CPUs and CUDA devices it gives zeros for them; elsewhere torch has given NaN (pytorch/pytorch issue 163997).
    """
    return mask is None or query.device.type in ("cpu", "cuda")


def context_alone(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, dropout_p: float = 0.0
) -> Tensor:
    """Return softmax(scale q · k, mask) v from the fused kernel, which never holds all the weights at once."""
    if mask is not None and mask.ndim < 2:
        mask = mask.expand(1, -1) if mask.ndim else mask.expand(1, 1)
    missing = 4 - query.ndim
    if missing <= 0 or not query.ndim == key.ndim == value.ndim:
        return scaled_dot_product_attention(query, key, value, mask, dropout_p, scale=scale)
    # The CPU's fast kernel takes (batch, heads, query, dim) alone.
    query, key, value, mask = (_four_axes(array, missing) for array in (query, key, value, mask))
    context = scaled_dot_product_attention(query, key, value, mask, dropout_p, scale=scale)
    return context[0, 0] if missing == 2 else context[:, 0]


def context_and_weights(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    """Return softmax(scale q · k, mask) v and the weights; all three have the same leading dimensions."""
    dtype = query.dtype
    wide = torch.promote_types(dtype, torch.float32)
    context, weights = _WithWeights.apply(query.to(wide), key.to(wide), value.to(wide), mask, scale)
    return context.to(dtype), weights.to(dtype)


class _WithWeights(torch.autograd.Function):
    """One tensor of (..., query, key) forward: scores at first, weights in the end. Backward a few batches at a time.

    Products are written to an ``out``, which torch.autocast leaves in the dtype that it has. What is multiplied is made
    contiguous first: of heads that lie side by side matmul copies each matrix itself, transposed ones number by number.
    """

    @staticmethod
    def forward(ctx, query, key, value, mask, scale):
        query = torch.mul(query, scale, out=query.new_empty(query.shape))
        key, value = key.contiguous(), value.contiguous()
        weights = _empty_pairs(query, key)
        torch.matmul(query, key.mT, out=weights)
        if mask is not None:
            _forbid(weights, mask)
        torch.softmax(weights, dim=-1, out=weights)
        if mask is not None:
            _empty_rows(weights, mask)
        context = torch.matmul(weights, value, out=query.new_empty(*query.shape[:-1], value.shape[-1]))
        ctx.scale = scale
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(query, key, value, weights, context)
        return context, weights

    @staticmethod
    def backward(ctx, context_gradient, weights_gradient):
        require_first_derivative("pass score=lambda q, k: scaled_dot(q, k)")
        query, key, value, weights, context = ctx.saved_tensors
        given = [query, key, value, weights, context, context_gradient, weights_gradient]
        gradients = [array.new_empty(array.shape) for array in (query, key, value)]
        group = max(1, PAIRS_AT_ONCE // max(weights.shape[-2] * weights.shape[-1], 1))
        parts = zip(*(_batches(array, group) for array in given + gradients), strict=False)
        for *inputs, query_part, key_part, value_part in parts:
            _backward(*inputs, ctx.scale, into=(query_part, key_part, value_part))
        return *gradients, None, None


def _backward(query, key, value, weights, context, context_gradient, weights_gradient, scale, *, into):
    """Write the gradients of queries, keys and values of some batches, all (batch, length, dim).

    The queries are those that were multiplied by the scale.
    """
    if context_gradient is None:
        context_gradient = torch.zeros_like(context)
    scores_gradient = torch.matmul(context_gradient, value.mT, out=_empty_pairs(query, key))
    mean = (context_gradient * context).sum(dim=-1, keepdim=True)  # of the weights' gradients, by weight
    if weights_gradient is not None:
        scores_gradient += weights_gradient
        mean += (weights_gradient * weights).sum(dim=-1, keepdim=True)
    scores_gradient.sub_(mean).mul_(weights)
    torch.matmul(scores_gradient, key, out=into[0]).mul_(scale)
    torch.matmul(scores_gradient.mT, query, out=into[1])
    torch.matmul(weights.mT, context_gradient, out=into[2])


def _batches(array: Tensor | None, group: int) -> Iterable[Tensor | None]:
    """Split the leading dimensions into groups: (group, length, dim) each; None stays None."""
    if array is None:
        return repeat(None)
    return array.reshape(math.prod(array.shape[:-2]), *array.shape[-2:]).split(group)


def _forbid(scores: Tensor, mask: Tensor) -> None:
    """Write -inf over the scores where the mask is False."""
    if mask.numel() < scores.numel():
        # As masked_fill_, but several times faster where a mask is broadcast.
        limit = torch.full(mask.shape, torch.inf, dtype=scores.dtype, device=scores.device)
        torch.minimum(scores, limit.masked_fill_(~mask, -torch.inf), out=scores)
    else:
        scores.masked_fill_(~mask, -torch.inf)


def _empty_rows(weights: Tensor, mask: Tensor) -> None:
    """Write 0 over the rows that may attend to nothing, where softmax gives NaN."""
    empty = ~mask.any(dim=-1, keepdim=True)
    if weights.device.type != "cpu" or empty.any():  # asking another device would wait for it
        weights.masked_fill_(empty, 0.0)


def _empty_pairs(query: Tensor, key: Tensor) -> Tensor:
    """Return an empty tensor (..., query, key).

    On a CPU its memory comes from NumPy, which asks the system for large pages: with small ones the first write to
    each takes as long as the product that is written.
    """
    shape = (*query.shape[:-1], key.shape[-2])
    if query.device.type == "cpu":
        return torch.from_numpy(np.empty(shape, _NUMPY[query.dtype]))
    return query.new_empty(shape)


def _four_axes(array: Tensor | None, missing: int) -> Tensor | None:
    """Put in axes of length 1 for the heads, and for the batch if that is missing too; a mask broadcasts to them."""
    if array is None or array.ndim + missing < 4:
        return array
    return array[None, None] if missing == 2 else array[:, None]
