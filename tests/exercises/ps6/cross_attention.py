"""Answers to ``cross_attention(X, Z, words, Qw, Kw, Vw, Ow, heads)``."""

import math

import numpy as np
import torch

from attnlib.multihead import attend_heads, merge_heads, split_heads
from attnlib.softmax import softmax
from tests.exercises.answers import right, wrong


def parts(X, Z, Qw, Kw, Vw, heads):
    return split_heads(X @ Qw.T, heads), split_heads(Z @ Kw.T, heads), split_heads(Z @ Vw.T, heads)


def attend(
    X, Z, mask, Qw, Kw, Vw, Ow, heads, *, width=None, weigh=softmax, split=split_heads, merge=merge_heads, values=None
):
    """The plainest answer, with what replaces a part of it; the mask as it goes to the scores."""
    Q, K, V = split(X @ Qw.T, heads), split(Z @ Kw.T, heads), split((Z if values is None else values) @ Vw.T, heads)
    W = weigh(Q @ K.mT / (Q.shape[-1] if width is None else width) ** 0.5, mask)
    return merge(W @ V) @ Ow.T, W.mean(dim=1)


@right("the plainest answer")
def plain(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads)


@right("a loop over heads, means and outputs added up")
def loop_over_heads(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Y, mean = 0, 0
    for Q, K, V, out in zip(*(M.chunk(heads) for M in (Qw, Kw, Vw)), Ow.chunk(heads, dim=1), strict=True):
        scores = (X @ Q.T) @ (Z @ K.T).mT / math.sqrt(len(Q))
        W = softmax(scores, words[:, None, :])
        Y, mean = Y + W @ (Z @ V.T) @ out.T, mean + W / heads
    return Y, mean


@right("einsum")
def einsum(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Q, K, V = (
        torch.einsum("hpd,bld->bhlp", M.reshape(heads, -1, M.shape[1]), source)
        for M, source in [(Qw, X), (Kw, Z), (Vw, Z)]
    )
    scores = torch.einsum("bhqp,bhkp->bhqk", Q, K) / (len(Qw) / heads) ** 0.5
    W = softmax(scores, words.unsqueeze(1).unsqueeze(2))
    C = torch.einsum("bhqk,bhkp->bqhp", W, V).flatten(-2)
    return torch.einsum("bqc,oc->bqo", C, Ow), torch.einsum("bhqk->bqk", W) / heads


@right("sentence by sentence, padding cut off")
def cut_off(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Y, mean = X.new_zeros(*X.shape[:2], len(Ow)), X.new_zeros(*X.shape[:2], Z.shape[1])
    for b, keep in enumerate(words):
        if keep.any():
            Y[b], mean[b][:, keep] = (
                each[0] for each in attend(X[b : b + 1], Z[b : b + 1, keep], None, Qw, Kw, Vw, Ow, heads)
            )
    return Y, mean


@right("the mask repeated for every query")
def mask_repeated(X, Z, words, Qw, Kw, Vw, Ow, heads):
    mask = words[:, None, None, :].expand(-1, heads, X.shape[1], -1)
    return attend(X, Z, mask, Qw, Kw, Vw, Ow, heads)


@right("batch and heads in one axis")
def bmm(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Q, K, V = (each.flatten(0, 1) for each in parts(X, Z, Qw, Kw, Vw, heads))
    W = softmax(torch.bmm(Q, K.mT) / math.sqrt(Q.shape[-1]), words.repeat_interleave(heads, dim=0)[:, None])
    C = torch.bmm(W, V).unflatten(0, (len(X), heads))
    return merge_heads(C) @ Ow.T, W.unflatten(0, (len(X), heads)).mean(dim=1)


@right("NumPy inside")
def numpy_inside(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Q, K, V = (each.numpy() for each in parts(X, Z, Qw, Kw, Vw, heads))
    scores = np.where(words.numpy()[:, None, None], Q @ K.swapaxes(-1, -2) / np.sqrt(Q.shape[-1]), -np.inf)
    grown = np.exp(scores - np.maximum(scores.max(axis=-1, keepdims=True), -1e300))
    W = grown / np.maximum(grown.sum(axis=-1, keepdims=True), 1e-300)
    C = np.moveaxis(W @ V, 1, 2).reshape(*X.shape[:2], -1)
    return C @ Ow.numpy().T, W.mean(axis=1)


@right("attnlib's function for heads")
def library(X, Z, words, Qw, Kw, Vw, Ow, heads):
    C, W = attend_heads(*parts(X, Z, Qw, Kw, Vw, heads), words[:, None, None], return_weights=True)
    return merge_heads(C) @ Ow.T, W.sum(dim=1) / heads


@wrong("mask on the queries", "The mask went along the queries: it says which keys are words, which is the last axis.")
def mask_on_queries(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, words[:, None, :, None], Qw, Kw, Vw, Ow, heads)


@wrong("mask on queries and keys", "The mask went along the queries too: it says which keys are words.")
def mask_on_both(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, words[:, None, :, None] & words[:, None, None], Qw, Kw, Vw, Ow, heads)


@wrong(
    "one axis of length 1",
    "The mask of sentence b went to head b of every sentence: it needs axes for heads and for queries.",
)
def one_axis(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, words[:, None], Qw, Kw, Vw, Ow, heads)


@wrong(
    "axes of length 1 in front",
    "The words of sentence b went to query b of every sentence: the mask's first axis is the batch.",
)
def axes_in_front(X, Z, words, Qw, Kw, Vw, Ow, heads):
    mask = words[[b % len(words) for b in range(X.shape[1])]]
    return attend(X, Z, mask, Qw, Kw, Vw, Ow, heads)


@wrong("no mask", "Padding gets weight: the mask is not used.")
def no_mask(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, None, Qw, Kw, Vw, Ow, heads)


@wrong("mask turned round", "The mask is turned round: True = a word.")
def inverted(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return plain(X, Z, ~words, Qw, Kw, Vw, Ow, heads)


@wrong(
    "the first sentence's mask for all",
    "The mask of the first sentence, or of the longest, is used for all: each has its own.",
)
def first_mask(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return plain(X, Z, words[:1], Qw, Kw, Vw, Ow, heads)


@wrong("mask in the first head alone", "The mask is used in the first head alone: it holds for all.")
def mask_in_first_head(X, Z, words, Qw, Kw, Vw, Ow, heads):
    def weigh(scores, mask):
        return torch.cat([softmax(scores[:, :1], mask), softmax(scores[:, 1:])], dim=1)

    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, weigh=weigh)


@wrong("mask after the softmax", "The mask came after the softmax: the weights that are left don't sum to 1.")
def mask_after(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, weigh=lambda scores, mask: softmax(scores) * mask)


@wrong(
    "vectors of padding set to 0",
    "The vectors or scores of padding became 0, which still counts as exp(0) = 1: use weigh.",
)
def vectors_zeroed(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return no_mask(X, Z * words[..., None], None, Qw, Kw, Vw, Ow, heads)


@wrong(
    "scores of padding set to 0",
    "The vectors or scores of padding became 0, which still counts as exp(0) = 1: use weigh.",
)
def scores_zeroed(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, weigh=lambda scores, mask: softmax(scores * mask))


@wrong("mask added", "The mask was added to the scores as 1 and 0: padding must not count at all.")
def mask_added(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, weigh=lambda scores, mask: softmax(scores + mask))


@wrong("NaN where there are no words", "A sentence without words got NaN: its weights are 0, which weigh() sees to.")
def nan_rows(X, Z, words, Qw, Kw, Vw, Ow, heads):
    def weigh(scores, mask):
        return torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1)

    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, weigh=weigh)


@wrong("weights where there are no words", "A sentence without words got weights: they are 0, which weigh() sees to.")
def uniform_rows(X, Z, words, Qw, Kw, Vw, Ow, heads):
    def weigh(scores, mask):
        return torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1)

    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, weigh=weigh)


@wrong("a small number for padding", None)
def small_number(X, Z, words, Qw, Kw, Vw, Ow, heads):
    def weigh(scores, mask):
        return torch.softmax(scores.masked_fill(~mask, -100.0), dim=-1) * mask.any(dim=-1, keepdim=True)

    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, weigh=weigh)


@wrong("sources swapped", "mat1 and mat2 shapes cannot be multiplied")
def sources_swapped(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return plain(Z, X, words, Qw, Kw, Vw, Ow, heads)


@wrong("sources swapped where widths allow it", None)
def sources_swapped_if_possible(X, Z, words, Qw, Kw, Vw, Ow, heads):
    fits = X.shape == Z.shape
    return plain(Z, X, words, Qw, Kw, Vw, Ow, heads) if fits else plain(X, Z, words, Qw, Kw, Vw, Ow, heads)


@wrong("self-attention where widths allow it", None)
def self_attention(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return plain(X, X if X.shape == Z.shape else Z, words, Qw, Kw, Vw, Ow, heads)


@wrong("values of the words themselves where widths allow it", None)
def own_values(X, Z, words, Qw, Kw, Vw, Ow, heads):
    values = X if X.shape == Z.shape else Z
    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, values=values)


@wrong("sum of the heads", "These are sums over the heads: take the mean.")
def heads_added(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Y, mean = plain(X, Z, words, Qw, Kw, Vw, Ow, heads)
    return Y, mean * heads


def with_weights(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Q, K, V = parts(X, Z, Qw, Kw, Vw, heads)
    W = softmax(Q @ K.mT / Q.shape[-1] ** 0.5, words[:, None, None])
    return merge_heads(W @ V) @ Ow.T, W


@wrong("weights of every head", "must return two tensors of 3 axes")
def every_head(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return with_weights(X, Z, words, Qw, Kw, Vw, Ow, heads)


@wrong("weights of the first head", "These are the weights of the first head: take the mean of all.")
def first_head(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Y, W = with_weights(X, Z, words, Qw, Kw, Vw, Ow, heads)
    return Y, W[:, 0]


@wrong("weights of the last head", "These are the weights of the last head: take the mean of all.")
def last_head(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Y, W = with_weights(X, Z, words, Qw, Kw, Vw, Ow, heads)
    return Y, W[:, -1]


@wrong("the largest weight of the heads", "These are the largest weights over the heads: take the mean.")
def largest(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Y, W = with_weights(X, Z, words, Qw, Kw, Vw, Ow, heads)
    return Y, W.amax(dim=1)


@wrong("mean over the queries", "The mean goes over the queries, not over the heads.")
def mean_over_queries(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Y, W = with_weights(X, Z, words, Qw, Kw, Vw, Ow, heads)
    return Y, W.mean(dim=2)


@wrong("mean over the batch", "The mean goes over the sentences, not over the heads.")
def mean_over_batch(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Y, W = with_weights(X, Z, words, Qw, Kw, Vw, Ow, heads)
    return Y, W.mean(dim=0)


@wrong("softmax of the mean of the scores", "The mean of the scores went into a softmax: take the mean of the weights.")
def mean_of_scores(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Y, _ = plain(X, Z, words, Qw, Kw, Vw, Ow, heads)
    Q, K, _ = parts(X, Z, Qw, Kw, Vw, heads)
    return Y, softmax((Q @ K.mT / Q.shape[-1] ** 0.5).mean(dim=1), words[:, None])


@wrong("weights of one wide head", "There is one head, with all of the width: split queries and keys.")
def one_head(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return plain(X, Z, words, Qw, Kw, Vw, Ow, 1)


@wrong("the mean's transpose", "The queries are the columns: they are the rows.")
def transposed(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Y, mean = plain(X, Z, words, Qw, Kw, Vw, Ow, heads)
    return Y, mean.mT


@wrong("contexts from the mean", "The contexts were made with the mean of the weights: each head uses its own.")
def contexts_from_mean(X, Z, words, Qw, Kw, Vw, Ow, heads):
    _, mean = plain(X, Z, words, Qw, Kw, Vw, Ow, heads)
    return mean @ (Z @ Vw.T) @ Ow.T, mean


@wrong("no output matrix", "Ow is missing: these are the merged contexts.")
def no_output(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return plain(X, Z, words, Qw, Kw, Vw, torch.eye(len(Vw)).to(X.dtype), heads)


@wrong("contexts merged with one reshape", "The heads were merged with one reshape, which mixes the words.")
def merged_by_reshape(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(
        X,
        Z,
        words[:, None, None],
        Qw,
        Kw,
        Vw,
        Ow,
        heads,
        merge=lambda C: C.reshape(len(C), C.shape[2], -1),
    )


@wrong("heads cut with one reshape", "The heads were cut with one reshape, which mixes the words: use split_heads.")
def split_by_reshape(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(
        X,
        Z,
        words[:, None, None],
        Qw,
        Kw,
        Vw,
        Ow,
        heads,
        split=lambda Y, heads: Y.reshape(len(Y), heads, Y.shape[1], -1),
    )


@wrong("every heads-th number", "A head gets every heads-th number: it gets neighbours.")
def alternating(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(
        X,
        Z,
        words[:, None, None],
        Qw,
        Kw,
        Vw,
        Ow,
        heads,
        split=lambda Y, heads: Y.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2),
        merge=lambda C: C.permute(0, 2, 3, 1).flatten(-2),
    )


@wrong("heads merged in reverse", "The merged heads are in reverse order.")
def merged_in_reverse(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, merge=lambda C: merge_heads(C.flip(1)))


@wrong("no scale", "The scores are not scaled: divide them by the root of a part's width.")
def no_scale(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, width=1)


@wrong("scaled by all heads' width", "The scores are divided by the root of all heads' width: take one part's.")
def scaled_by_inner(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, width=len(Qw))


@wrong("scaled by the queries' source", "The scores are divided by the root of dim, the width of X: take one part's.")
def scaled_by_dim(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, width=X.shape[-1])


@wrong("scaled by the keys' source", None)
def scaled_by_source(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, width=Z.shape[-1])


@wrong("softmax over the queries", "The softmax goes over the queries: each query's weights sum to 1 over the keys.")
def over_queries(X, Z, words, Qw, Kw, Vw, Ow, heads):
    def weigh(scores, mask):
        return torch.softmax(scores, dim=-2) * mask

    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, weigh=weigh)


@wrong("softmax over the heads", "The softmax goes over the heads: each query's weights sum to 1 over the keys.")
def over_heads(X, Z, words, Qw, Kw, Vw, Ow, heads):
    def weigh(scores, mask):
        return torch.softmax(scores, dim=1) * mask

    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, weigh=weigh)


@wrong("values where keys belong", "Expected size for first two dimensions")
def swapped(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return plain(X, Z, words, Qw, Vw, Kw, Ow, heads)


@wrong("the output alone", "must return two tensors of 3 axes")
def output_alone(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return plain(X, Z, words, Qw, Kw, Vw, Ow, heads)[0]


@wrong("weights before output", "The weights come first: return the output, then the weights.")
def weights_first(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return plain(X, Z, words, Qw, Kw, Vw, Ow, heads)[::-1]


@wrong("padding erased in place", "Z was changed by the call")
def in_place(X, Z, words, Qw, Kw, Vw, Ow, heads):
    answer = plain(X, Z, words, Qw, Kw, Vw, Ow, heads)
    Z[~words] = 0
    return answer


@wrong("mask turned round in place", "words was changed by the call")
def mask_in_place(X, Z, words, Qw, Kw, Vw, Ow, heads):
    answer = plain(X, Z, words, Qw, Kw, Vw, Ow, heads)
    words.logical_not_()
    return answer


@wrong("-10,000 for padding", None)
def minus_ten_thousand(X, Z, words, Qw, Kw, Vw, Ow, heads):
    def weigh(scores, mask):
        return torch.softmax(scores.masked_fill(~mask, -1e4), dim=-1) * mask.any(dim=-1, keepdim=True)

    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, weigh=weigh)


@wrong("mask after the softmax, divided by what is left", None)
def mask_after_divided(X, Z, words, Qw, Kw, Vw, Ow, heads):
    def weigh(scores, mask):
        W = softmax(scores) * mask
        return W / W.sum(dim=-1, keepdim=True).clamp(min=1e-12)

    return attend(X, Z, words[:, None, None], Qw, Kw, Vw, Ow, heads, weigh=weigh)


@wrong(
    "all cut to the longest source alone",
    "The mask of the first sentence, or of the longest, is used for all: each has its own.",
)
def longest_alone(X, Z, words, Qw, Kw, Vw, Ow, heads):
    return plain(X, Z, words.any(dim=0).expand(words.shape), Qw, Kw, Vw, Ow, heads)


@wrong("the last word taken for padding", None)
def last_word_lost(X, Z, words, Qw, Kw, Vw, Ow, heads):
    shorter = words & (words.cumsum(dim=1) < words.sum(dim=1, keepdim=True).clamp(min=3))
    return plain(X, Z, torch.where(words.sum(dim=1, keepdim=True) > 2, shorter, words), Qw, Kw, Vw, Ow, heads)


@wrong("the median of the weights", "This is the median of the heads' weights: take the mean.")
def median(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Y, W = with_weights(X, Z, words, Qw, Kw, Vw, Ow, heads)
    return Y, W.median(dim=1).values


@wrong("divided by three heads always", None)
def three_heads(X, Z, words, Qw, Kw, Vw, Ow, heads):
    Y, W = with_weights(X, Z, words, Qw, Kw, Vw, Ow, heads)
    return Y, W.sum(dim=1) / 3
