"""Answers to ``batched_attention(Q, K, V, mask)``."""

import numpy as np
import torch

from attnlib.attention import attend
from attnlib.softmax import softmax
from tests.exercises.answers import right, wrong


def scores_of(Q, K):
    return Q @ np.swapaxes(K, -1, -2) / np.sqrt(Q.shape[-1])


def weigh(weights, V):
    return weights @ V, weights


@right("attnlib's masked softmax")
def masked_softmax(Q, K, V, mask):
    return weigh(softmax(scores_of(Q, K), mask), V)


@right("a loop over sentences and queries, allowed keys only")
def loops(Q, K, V, mask):
    weights = np.zeros((*Q.shape[:-1], K.shape[-2]))
    context = np.zeros((*Q.shape[:-1], V.shape[-1]))
    allowed = np.broadcast_to(mask, weights.shape)
    for place in np.ndindex(Q.shape[:-1]):
        keys = np.flatnonzero(allowed[place])
        if len(keys):
            sentence = place[:-1]
            scores = K[sentence][keys] @ Q[place] / np.sqrt(Q.shape[-1])
            exponentials = np.exp(scores - scores.max())
            weights[place][keys] = exponentials / exponentials.sum()
            context[place] = weights[place][keys] @ V[sentence][keys]
    return context, weights


@right("einsum and -inf, then NaN replaced")
def nan_replaced(Q, K, V, mask):
    scores = np.einsum("...qd,...kd->...qk", Q, K) / Q.shape[-1] ** 0.5
    scores = np.where(mask, scores, -np.inf)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = np.nan_to_num(exponentials / exponentials.sum(axis=-1, keepdims=True))
    return np.einsum("...qk,...kv->...qv", weights, V), weights


@right("a large negative number, then times the mask")
def large_negative(Q, K, V, mask):
    weights = softmax(np.where(mask, scores_of(Q, K), -1e30)) * mask
    return weigh(weights, V)


@right("leading dimensions flattened into one")
def flattened_batch(Q, K, V, mask):
    *batch, queries, dim = Q.shape
    keys, width = V.shape[-2:]
    flat = np.broadcast_to(mask, (*batch, queries, keys)).reshape(-1, queries, keys)
    scores = np.matmul(Q.reshape(-1, queries, dim), K.reshape(-1, keys, dim).transpose(0, 2, 1)) / np.sqrt(dim)
    context, weights = weigh(softmax(scores, flat), V.reshape(-1, keys, width))
    return context.reshape(*batch, queries, width), weights.reshape(*batch, queries, keys)


@right("recursion over the leading dimensions")
def recursive(Q, K, V, mask):
    if Q.ndim == 2:
        return weigh(softmax(Q @ K.T / np.sqrt(Q.shape[1]), mask), V)
    mask = np.broadcast_to(mask, (*Q.shape[:-1], K.shape[-2]))
    pairs = [recursive(*sentence) for sentence in zip(Q, K, V, mask, strict=True)]
    return np.stack([context for context, _ in pairs]), np.stack([weights for _, weights in pairs])


@right("keys down, queries across, then turned: not contiguous")
def across(Q, K, V, mask):
    scores = K @ np.swapaxes(Q, -1, -2) / np.sqrt(K.shape[-1])
    allowed = np.swapaxes(np.broadcast_to(mask, (*Q.shape[:-1], K.shape[-2])), -1, -2)
    weights = softmax(scores, allowed, axis=-2)
    return np.swapaxes(np.swapaxes(V, -1, -2) @ weights, -1, -2), np.swapaxes(weights, -1, -2)


@right("torch inside, in float32, masked_fill and where")
def torch_inside(Q, K, V, mask):
    q, k, v = (torch.tensor(array).float() for array in (Q, K, V))
    mask = torch.tensor(mask)
    scores = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores, dim=-1).where(mask, torch.tensor(0.0))
    return (weights @ v).numpy(), weights.numpy()


@right("attnlib's own")
def attnlib_inside(Q, K, V, mask):
    return attend(Q, K, V, mask, return_weights=True)


@wrong("ignores the mask", "mask is not used")
def ignored(Q, K, V, mask):
    return weigh(softmax(scores_of(Q, K)), V)


@wrong("takes True for masked", "turned round")
def inverted(Q, K, V, mask):
    return weigh(softmax(scores_of(Q, K), ~mask), V)


@wrong("adds the mask as 1 and 0", "mask was added")
def added(Q, K, V, mask):
    return weigh(softmax(scores_of(Q, K) + mask), V)


@wrong("multiplies the scores by the mask", "score of 0")
def multiplied(Q, K, V, mask):
    return weigh(softmax(scores_of(Q, K) * mask), V)


@wrong("masks the weights and does not renormalise", "after the softmax")
def after_softmax(Q, K, V, mask):
    return weigh(softmax(scores_of(Q, K)) * mask, V)


@wrong("masks after the softmax and renormalises: what has underflowed is lost", "left nothing for the others")
def renormalised(Q, K, V, mask):
    weights = softmax(scores_of(Q, K)) * mask
    total = weights.sum(axis=-1, keepdims=True)
    return weigh(weights / np.where(total == 0, 1, total), V)


@wrong("zeros the values, the weights stay", "after the softmax")
def values_masked(Q, K, V, mask):
    weights = softmax(scores_of(Q, K))
    return (weights * mask) @ V, weights


@wrong("returns the weights before the mask", "not those that made the context")
def weights_before_the_mask(Q, K, V, mask):
    scores = scores_of(Q, K)
    return softmax(scores, mask) @ V, softmax(scores)


@wrong("returns the scores for the weights", "These are scores")
def scores_returned(Q, K, V, mask):
    scores = scores_of(Q, K)
    return softmax(scores, mask) @ V, scores


@wrong("returns exponentials for the weights", "do not sum to 1")
def exponentials_returned(Q, K, V, mask):
    scores = scores_of(Q, K)
    return softmax(scores, mask) @ V, np.exp(scores) * mask


@wrong("-1e9: a row that allows nothing is uniform", "spreads its weight")
def uniform(Q, K, V, mask):
    return weigh(softmax(np.where(mask, scores_of(Q, K), -1e9)), V)


@wrong("adds -1e9 where forbidden: a row that allows nothing looks at all keys", "spreads its weight")
def added_large_negative(Q, K, V, mask):
    return weigh(softmax(scores_of(Q, K) - 1e9 * ~mask), V)


@wrong("NaN where nothing is allowed", "attend to nothing gives NaN")
def nan(Q, K, V, mask):
    scores = np.where(mask, scores_of(Q, K), -np.inf)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weigh(exponentials / exponentials.sum(axis=-1, keepdims=True), V)


@wrong("NaN replaced in the context alone", "Repairing the context alone")
def nan_in_the_weights(Q, K, V, mask):
    context, weights = nan(Q, K, V, mask)
    return np.nan_to_num(context), weights


@wrong("zeros everything as soon as a row allows nothing", "All of it is 0")
def zeros_everything(Q, K, V, mask):
    context, weights = masked_softmax(Q, K, V, mask)
    keep = np.broadcast_to(mask, weights.shape).any(axis=-1).all()
    return context * keep, weights * keep


@wrong("a fill of -1000, and empty rows zeroed: too near for scores of thousands", None)
def small_fill(Q, K, V, mask):
    weights = softmax(np.where(mask, scores_of(Q, K), -1e3)) * np.any(mask, axis=-1, keepdims=True)
    return weigh(weights, V)


@wrong("exp overflows", "overflowed")
def overflow(Q, K, V, mask):
    exponentials = np.exp(scores_of(Q, K)) * mask
    total = exponentials.sum(axis=-1, keepdims=True)
    return weigh(exponentials / np.where(total == 0, 1, total), V)


@wrong("subtracts the largest score, forbidden ones included", "under the mask")
def largest_of_forbidden(Q, K, V, mask):
    scores = scores_of(Q, K)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True)) * mask
    total = exponentials.sum(axis=-1, keepdims=True)
    return weigh(exponentials / np.where(total == 0, 1, total), V)


@wrong("K.T, which turns all axes round", "K.T turns all axes")
def keys_turned(Q, K, V, mask):
    return weigh(softmax(Q @ K.T / np.sqrt(Q.shape[-1]), mask), V)


@wrong("swaps the batch with dim", "first axis of K")
def keys_first_axis(Q, K, V, mask):
    turned = np.swapaxes(K, 0, 1) if K.ndim == 3 else np.swapaxes(K, -1, -2)
    return weigh(softmax(Q @ turned / np.sqrt(Q.shape[-1]), mask), V)


@wrong("does not transpose the keys", "keys are not transposed")
def keys_not_transposed(Q, K, V, mask):
    return weigh(softmax(Q @ K / np.sqrt(Q.shape[-1]), mask), V)


@wrong("reshapes the keys where they need a transpose", "reshape")
def reshaped(Q, K, V, mask):
    turned = K.reshape((*K.shape[:-2], K.shape[-1], K.shape[-2]))
    return weigh(softmax(Q @ turned / np.sqrt(Q.shape[-1]), mask), V)


@wrong("every sentence gets the keys and values of the first", "keys and values of the first")
def first_sentence(Q, K, V, mask):
    first = (0,) * (K.ndim - 2)
    return weigh(softmax(Q @ K[first].T / np.sqrt(Q.shape[-1]), mask), V[first])


@wrong("answers the first sentence only", "the others are missing")
def first_only(Q, K, V, mask):
    first = (0,) * (K.ndim - 2)
    shape = (*Q.shape[:-1], K.shape[-2])
    return weigh(softmax(scores_of(Q[first], K[first]), np.broadcast_to(mask, shape)[first]), V[first])


@wrong("works for three dimensions only", None)
def three_dimensions(Q, K, V, mask):
    weights = softmax(np.einsum("bqd,bkd->bqk", Q, K) / np.sqrt(Q.shape[-1]), mask)
    return np.einsum("bqk,bkv->bqv", weights, V), weights


@wrong("works for three dimensions, or two", None)
def up_to_three_dimensions(Q, K, V, mask):
    if Q.ndim == 2:
        return weigh(softmax(Q @ K.T / np.sqrt(Q.shape[1]), mask), V)
    return weigh(softmax(Q @ K.transpose(0, 2, 1) / np.sqrt(Q.shape[-1]), mask), V)


@wrong("takes the second axis for dim", "by the number of queries")
def second_axis(Q, K, V, mask):
    return weigh(softmax(Q @ np.swapaxes(K, -1, -2) / np.sqrt(Q.shape[1 if Q.ndim > 2 else -1]), mask), V)


@wrong("divides by sqrt(number of keys)", "root of the number of keys")
def by_keys(Q, K, V, mask):
    return weigh(softmax(Q @ np.swapaxes(K, -1, -2) / np.sqrt(K.shape[-2]), mask), V)


@wrong("divides by sqrt(width of the values)", "width of the values")
def by_value_width(Q, K, V, mask):
    return weigh(softmax(Q @ np.swapaxes(K, -1, -2) / np.sqrt(V.shape[-1]), mask), V)


@wrong("does not scale", "not scaled")
def unscaled(Q, K, V, mask):
    return weigh(softmax(Q @ np.swapaxes(K, -1, -2), mask), V)


@wrong("divides by d", "by dim itself")
def by_d(Q, K, V, mask):
    return weigh(softmax(Q @ np.swapaxes(K, -1, -2) / Q.shape[-1], mask), V)


@wrong("multiplies by sqrt(d)", "multiplied by sqrt(dim)")
def by_root_multiplied(Q, K, V, mask):
    return weigh(softmax(Q @ np.swapaxes(K, -1, -2) * np.sqrt(Q.shape[-1]), mask), V)


@wrong("softmax over the queries", "over the queries")
def over_queries(Q, K, V, mask):
    return weigh(softmax(scores_of(Q, K), mask, axis=-2), V)


@wrong("softmax over the batch: axis 0", "over the batch")
def over_batch(Q, K, V, mask):
    return weigh(softmax(scores_of(Q, K), mask, axis=0), V)


@wrong("softmax over all pairs of a sentence", "all pairs")
def over_pairs(Q, K, V, mask):
    scores = scores_of(Q, K)
    flat = (*scores.shape[:-2], scores.shape[-2] * scores.shape[-1])
    allowed = np.broadcast_to(mask, scores.shape).reshape(flat)
    return weigh(softmax(scores.reshape(flat), allowed).reshape(scores.shape), V)


@wrong("keys and values swapped", "keys and values are swapped")
def keys_values_swapped(Q, K, V, mask):
    return weigh(softmax(scores_of(Q, V), mask), K)


@wrong("queries and keys swapped", "queries and keys are swapped")
def queries_keys_swapped(Q, K, V, mask):
    return weigh(softmax(scores_of(K, Q), mask), V)


@wrong("returns the weights first", "context comes first")
def weights_first(Q, K, V, mask):
    context, weights = masked_softmax(Q, K, V, mask)
    return weights, context


@wrong("returns the context alone", "weights were not returned")
def context_alone(Q, K, V, mask):
    return masked_softmax(Q, K, V, mask)[0]


@wrong("takes the value of the best allowed key", "best key alone")
def hard(Q, K, V, mask):
    scores = np.where(mask, scores_of(Q, K), -np.inf)
    weights = np.eye(K.shape[-2])[scores.argmax(axis=-1)] * np.any(mask, axis=-1, keepdims=True)
    return weigh(weights, V)


@wrong("indexes with the mask, so that it must have the shape of the scores", None)
def no_broadcasting(Q, K, V, mask):
    scores = scores_of(Q, K)
    scores[~mask] = -np.inf
    return weigh(softmax(scores), V)


@wrong("takes the mask for one of keys, the same for all queries", "mask of the first")
def mask_of_keys(Q, K, V, mask):
    shape = (*Q.shape[:-1], K.shape[-2])
    mask = np.broadcast_to(mask, shape)[..., :1, :]
    return weigh(softmax(scores_of(Q, K), mask), V)


@wrong("transposes the mask", "mask is transposed")
def mask_transposed(Q, K, V, mask):
    if mask.ndim > 1 and mask.shape[-1] == mask.shape[-2]:
        mask = np.swapaxes(mask, -1, -2)
    return weigh(softmax(scores_of(Q, K), mask), V)


@wrong("as many keys as queries", None)
def as_many_keys_as_queries(Q, K, V, mask):
    n = Q.shape[-2]
    mask = np.broadcast_to(mask, (*Q.shape[:-1], K.shape[-2]))[..., :n]
    return weigh(softmax(scores_of(Q, K[..., :n, :]), mask), V[..., :n, :])


@wrong("scales the queries in place", "Q was changed")
def queries_in_place(Q, K, V, mask):
    Q /= np.sqrt(Q.shape[-1])
    return weigh(softmax(Q @ np.swapaxes(K, -1, -2), mask), V)


@wrong("opens the mask where a row allows nothing", "mask was changed")
def mask_in_place(Q, K, V, mask):
    allowed = np.broadcast_to(mask, (*Q.shape[:-1], K.shape[-2])).any(axis=-1, keepdims=True)
    context, weights = masked_softmax(Q, K, V, mask)
    mask |= ~mask.any(axis=-1, keepdims=True)
    return context * allowed, weights * allowed


@wrong("zeros the values under the mask in place", "V was changed")
def values_in_place(Q, K, V, mask):
    context, weights = masked_softmax(Q, K, V, mask)
    V[~np.broadcast_to(mask, weights.shape).any(axis=-2)] = 0
    return context, weights


@wrong("returns float16", "dtype float16")
def float16_returned(Q, K, V, mask):
    return tuple(array.astype("float16") for array in masked_softmax(Q, K, V, mask))


@wrong("rounds to float32 on the way", None)
def float32_on_the_way(Q, K, V, mask):
    narrow = (array.astype("float32") for array in (Q, K, V))
    return tuple(array.astype("float64") for array in masked_softmax(*narrow, mask))


def emptied(weights, V, mask):
    weights = weights * np.any(mask, axis=-1, keepdims=True)
    return weights @ V, weights


@right("adds -1e9 under the mask and empties the rows that allow nothing")
def large_penalty(Q, K, V, mask):
    return emptied(softmax(scores_of(Q, K) + np.where(mask, 0.0, -1e9)), V, mask)


@wrong("-10,000 stands for forbidden: allowed scores are lower", None)
def stand_in_too_large(Q, K, V, mask):
    return emptied(softmax(np.where(mask, scores_of(Q, K), -1e4)), V, mask)


@wrong("takes 10,000 off under the mask: too little for a large score", None)
def penalty_too_small(Q, K, V, mask):
    return emptied(softmax(scores_of(Q, K) + np.where(mask, 0.0, -1e4)), V, mask)


@wrong("multiplies the turned mask by -inf", "0 times -inf is NaN")
def zero_times_infinity(Q, K, V, mask):
    scores = scores_of(Q, K) + (1.0 - mask) * -np.inf
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return weights @ V, weights


@wrong("empties the context of a row that allows nothing, not its weights", "Emptying the context alone")
def context_emptied_alone(Q, K, V, mask):
    weights = softmax(np.where(mask, scores_of(Q, K), -1e9))
    return emptied(weights, V, mask)[0], weights


@wrong("a mask whose last axis has length 1 holds for the first key alone", None)
def last_axis_not_stretched(Q, K, V, mask):
    allowed = np.zeros((*Q.shape[:-1], K.shape[-2]), dtype=bool)
    allowed[..., : mask.shape[-1]] = mask
    weights = softmax(scores_of(Q, K), allowed)
    return weights @ V, weights
