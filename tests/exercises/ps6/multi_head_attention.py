"""Answers to ``multi_head_attention(X, Qw, Kw, Vw, Ow, heads, mask=None)``."""

import math

import numpy as np
import torch
from torch.nn import functional

from attnlib.multihead import MultiHeadAttention, attend_heads, merge_heads, split_heads
from attnlib.softmax import softmax
from tests.exercises.answers import right, wrong


def over_heads(mask):
    return None if mask is None else mask[:, None]


def parts(X, Qw, Kw, Vw, heads, split=split_heads):
    return split(X @ Qw.T, heads), split(X @ Kw.T, heads), split(X @ Vw.T, heads)


def attend(X, Qw, Kw, Vw, Ow, heads, mask, *, width=None, weigh=None, split=split_heads, merge=merge_heads):
    """The plainest answer, with what replaces a part of it."""
    Q, K, V = parts(X, Qw, Kw, Vw, heads, split)
    scores = Q @ K.mT / (Q.shape[-1] if width is None else width) ** 0.5
    W = (weigh or softmax)(scores, over_heads(mask))
    return merge(W @ V) @ Ow.T, W


@right("the plainest answer")
def plain(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask)


@right("a loop over heads, with rows of the matrices, outputs added up")
def loop_over_heads(X, Qw, Kw, Vw, Ow, heads, mask=None):
    output, weights = 0, []
    for h in range(heads):
        rows = slice(h * len(Qw) // heads, (h + 1) * len(Qw) // heads)
        values = slice(h * len(Vw) // heads, (h + 1) * len(Vw) // heads)
        Q, K, V = X @ Qw[rows].T, X @ Kw[rows].T, X @ Vw[values].T
        weights.append(softmax(Q @ K.mT / math.sqrt(Q.shape[-1]), mask))
        output = output + weights[-1] @ V @ Ow[:, values].T
    return output, torch.stack(weights, dim=1)


@right("einsum")
def einsum(X, Qw, Kw, Vw, Ow, heads, mask=None):
    Q, K, V = (torch.einsum("hpd,bld->bhlp", M.reshape(heads, -1, M.shape[1]), X) for M in (Qw, Kw, Vw))
    scores = torch.einsum("bhqp,bhkp->bhqk", Q, K).div(math.sqrt(len(Qw) / heads))
    W = softmax(scores, None if mask is None else mask.unsqueeze(1))
    C = torch.einsum("bhqk,bhkp->bqhp", W, V)
    return torch.einsum("bqhp,ohp->bqo", C, Ow.reshape(len(Ow), heads, -1)), W


@right("batch and heads in one axis, bmm")
def bmm(X, Qw, Kw, Vw, Ow, heads, mask=None):
    batch, length, _ = X.shape
    Q, K, V = (each.flatten(0, 1) for each in parts(X, Qw, Kw, Vw, heads))
    scores = torch.bmm(Q / math.sqrt(Q.shape[-1]), K.mT)
    if mask is not None:
        mask = mask.expand(batch, length, length).repeat_interleave(heads, dim=0)
    W = softmax(scores, mask)
    C = torch.bmm(W, V).reshape(batch, heads, length, -1)
    return merge_heads(C) @ Ow.T, W.reshape(batch, heads, length, length)


@right("word by word, without a softmax function")
def words(X, Qw, Kw, Vw, Ow, heads, mask=None):
    batch, length, _ = X.shape
    mask = torch.ones(1, 1, 1, dtype=torch.bool) if mask is None else mask
    mask = mask.expand(batch, length, length)
    Q, K, V = parts(X, Qw, Kw, Vw, heads)
    W, C = torch.zeros(batch, heads, length, length).to(X.dtype), torch.zeros(*V.shape).to(X.dtype)
    for b, h, i in np.ndindex(batch, heads, length):
        keys = [k for k in range(length) if mask[b, i, k]]
        scores = [float(Q[b, h, i] @ K[b, h, k]) / math.sqrt(Q.shape[-1]) for k in keys]
        grown = [math.exp(score - max(scores)) for score in scores]
        for k, number in zip(keys, grown, strict=True):
            W[b, h, i, k] = number / sum(grown)
            C[b, h, i] += W[b, h, i, k] * V[b, h, k]
    return merge_heads(C) @ Ow.T, W


@right("NumPy inside")
def numpy_inside(X, Qw, Kw, Vw, Ow, heads, mask=None):
    batch, length, _ = X.shape
    Q, K, V = ((X.numpy() @ M.numpy().T).reshape(batch, length, heads, -1).transpose(0, 2, 1, 3) for M in (Qw, Kw, Vw))
    scores = Q @ K.transpose(0, 1, 3, 2) / np.sqrt(Q.shape[-1])
    allowed = np.True_ if mask is None else mask.numpy()[:, None]
    scores = np.where(allowed, scores, -np.inf)
    top = np.where(allowed, scores, -1e300).max(axis=-1, keepdims=True)
    grown = np.exp(scores - top)
    W = grown / np.maximum(grown.sum(axis=-1, keepdims=True), 1e-300)
    C = (W @ V).transpose(0, 2, 1, 3).reshape(batch, length, -1)
    return C @ Ow.numpy().T, W


@right("attnlib's function for heads")
def library(X, Qw, Kw, Vw, Ow, heads, mask=None):
    C, W = attend_heads(*parts(X, Qw, Kw, Vw, heads), over_heads(mask), return_weights=True)
    return merge_heads(C) @ Ow.T, W


@right("attnlib's module, where widths allow it, with the matrices put in")
def module(X, Qw, Kw, Vw, Ow, heads, mask=None):
    if not (len(Qw) == len(Vw) and len(Ow) == X.shape[-1]):
        return plain(X, Qw, Kw, Vw, Ow, heads, mask)
    layer = MultiHeadAttention(X.shape[-1], heads, head_dim=len(Qw) // heads, seed=0).to(X.dtype)
    layer.load_state_dict({"Qw.weight": Qw, "Kw.weight": Kw, "Vw.weight": Vw, "Ow.weight": Ow})
    return layer(X, mask=mask, return_weights=True)


@right("torch's fused function for the output")
def fused(X, Qw, Kw, Vw, Ow, heads, mask=None):
    Q, K, V = parts(X, Qw, Kw, Vw, heads)
    C = functional.scaled_dot_product_attention(Q, K, V, attn_mask=over_heads(mask))
    return functional.linear(merge_heads(C), Ow), plain(X, Qw, Kw, Vw, Ow, heads, mask)[1]


@right("a list of the two")
def a_list(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return list(plain(X, Qw, Kw, Vw, Ow, heads, mask))


@right("the scaled queries, heads last in einsum")
def heads_last(X, Qw, Kw, Vw, Ow, heads, mask=None):
    Q, K, V = (each.permute(0, 2, 3, 1) for each in parts(X, Qw, Kw, Vw, heads))
    scores = torch.einsum("bqph,bkph->bqkh", Q * Q.shape[2] ** -0.5, K).permute(0, 3, 1, 2)
    W = softmax(scores, over_heads(mask))
    C = torch.einsum("bhqk,bkph->bqhp", W, V)
    return C.reshape(*C.shape[:2], -1) @ Ow.T, W


def one_reshape(Y, heads):
    return Y.reshape(Y.shape[0], heads, Y.shape[1], -1)


def one_reshape_back(C):
    return C.reshape(C.shape[0], C.shape[2], -1)


def alternating(Y, heads):
    return Y.reshape(*Y.shape[:2], -1, heads).permute(0, 3, 1, 2)


def alternating_back(C):
    return C.permute(0, 2, 3, 1).flatten(-2)


@wrong("heads cut with one reshape", "The heads were cut with one reshape, which mixes the words: use split_heads.")
def split_by_reshape(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, split=one_reshape)


@wrong("both ways with one reshape", "The heads were cut with one reshape, which mixes the words: use split_heads.")
def both_by_reshape(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, split=one_reshape, merge=one_reshape_back)


@wrong("merged with one reshape", "The heads were merged with one reshape, which mixes the words: use merge_heads.")
def merged_by_reshape(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, merge=one_reshape_back)


@wrong("every heads-th number", "A head gets every heads-th number: it gets neighbours.")
def split_alternating(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, split=alternating)


@wrong("every heads-th number, both ways", "A head gets every heads-th number: it gets neighbours.")
def both_alternating(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, split=alternating, merge=alternating_back)


@wrong("numbers of the heads alternate", "The merged heads alternate: all numbers of head 0 come first.")
def merged_alternating(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, merge=alternating_back)


@wrong(
    "heads not swapped with words", "The heads attend to each other, word by word: swap the axes of words and heads."
)
def not_swapped(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def split(Y, heads):
        return Y.reshape(*Y.shape[:2], heads, -1)

    return attend(X, Qw, Kw, Vw, Ow, heads, None, split=split, merge=lambda C: C.flatten(-2))


@wrong("heads merged in reverse", "The merged heads are in reverse order.")
def merged_in_reverse(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, merge=lambda C: merge_heads(C.flip(1)))


@wrong("no scale", "The scores are not scaled: divide them by the root of a part's width.")
def no_scale(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, width=1)


@wrong("scaled by the words' width", "The scores are divided by the root of dim: a head's part of a query is shorter.")
def scaled_by_dim(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, width=X.shape[-1])


@wrong("scaled by the whole query's width", "The scores are divided by the root of all heads' width: take one part's.")
def scaled_by_inner(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, width=len(Qw))


@wrong("scaled without the root", "The scores are divided by a part's width itself: take its root.")
def scaled_without_root(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, width=(len(Qw) // heads) ** 2)


@wrong("multiplied by the root", "The scores are multiplied by the root: divide by it.")
def multiplied(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, width=heads / len(Qw))


@wrong(
    "scaled by the number of heads",
    "The scores are divided by the root of the number of heads, or of the values' width: take a query's part.",
)
def scaled_by_heads(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, width=heads)


@wrong(
    "scaled by the values' width",
    "The scores are divided by the root of the number of heads, or of the values' width: take a query's part.",
)
def scaled_by_values(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, width=len(Vw) // heads)


@wrong("scaled by the number of words", None)
def scaled_by_length(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, width=X.shape[1])


@wrong("softmax over the queries", "The softmax goes over the queries: each query's weights sum to 1 over the keys.")
def over_queries(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        return torch.softmax(scores if mask is None else scores.masked_fill(~mask, -1e300), dim=-2)

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong("softmax over the heads", "The softmax goes over the heads: each query's weights sum to 1 over the keys.")
def over_the_heads(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        return torch.softmax(scores if mask is None else scores.masked_fill(~mask, -1e300), dim=1)

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong(
    "softmax over a head's whole table", "The softmax goes over all scores of a head: each query's weights sum to 1."
)
def over_all(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        scores = scores if mask is None else scores.masked_fill(~mask, -1e300)
        return torch.softmax(scores.flatten(-2), dim=-1).reshape(scores.shape)

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong("no softmax", "These are the scores: the softmax is missing.")
def no_softmax(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=lambda scores, mask: scores)


@wrong("scores returned", "These are the scores: the softmax is missing.")
def returns_scores(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return plain(X, Qw, Kw, Vw, Ow, heads, mask)[0], no_softmax(X, Qw, Kw, Vw, Ow, heads, mask)[1]


@wrong(
    "queries and keys swapped", "Queries and keys are swapped: Qw makes the queries, which are the rows of the scores."
)
def swapped(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Kw, Qw, Vw, Ow, heads, mask)


@wrong("scores transposed", "Queries and keys are swapped: Qw makes the queries, which are the rows of the scores.")
def transposed(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=lambda scores, mask: softmax(scores.mT, mask))


@wrong("keys for queries", "Kw made the queries too: they come from Qw.")
def keys_twice(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Kw, Kw, Vw, Ow, heads, mask)


@wrong("queries for keys", "Qw made the keys too: they come from Kw.")
def queries_twice(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Qw, Vw, Ow, heads, mask)


@wrong("the first head's weights in all", "All heads have the weights of the first.")
def first_weights(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(
        X, Qw, Kw, Vw, Ow, heads, mask, weigh=lambda scores, mask: softmax(scores, mask)[:, :1].expand(scores.shape)
    )


@wrong("one head", "There is one head, with all of the width: split queries and keys.")
def one_head(X, Qw, Kw, Vw, Ow, heads, mask=None):
    Y, W = attend(X, Qw, Kw, Vw, Ow, 1, mask)
    return Y, W.expand(-1, heads, -1, -1)


@wrong(
    "scores of all heads added up", "The scores of all heads are added up before the softmax: each head has its own."
)
def scores_added(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        return softmax(scores.sum(dim=1, keepdim=True), mask).expand(scores.shape)

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong("mean of the weights", "W is the mean over the heads: return every head's weights.")
def mean_weights(X, Qw, Kw, Vw, Ow, heads, mask=None):
    Y, W = plain(X, Qw, Kw, Vw, Ow, heads, mask)
    return Y, W.mean(dim=1)


@wrong("weights of the first head", "must return two tensors, Y with 3 axes and W with 4")
def one_heads_weights(X, Qw, Kw, Vw, Ow, heads, mask=None):
    Y, _ = plain(X, Qw, Kw, Vw, Ow, heads, mask)
    return (Y,)


@wrong("the output alone", "must return two tensors, Y with 3 axes and W with 4")
def output_alone(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return plain(X, Qw, Kw, Vw, Ow, heads, mask)[0]


@wrong("weights before output", "must return two tensors, Y with 3 axes and W with 4")
def weights_first(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return plain(X, Qw, Kw, Vw, Ow, heads, mask)[::-1]


@wrong("no return", "returned None")
def none(X, Qw, Kw, Vw, Ow, heads, mask=None):
    plain(X, Qw, Kw, Vw, Ow, heads, mask)


@wrong("no output matrix", "Ow is missing: these are the merged contexts.")
def no_output(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, torch.eye(len(Vw)).to(X.dtype), heads, mask)


@wrong("output matrix not transposed", "mat1 and mat2 shapes cannot be multiplied")
def output_not_transposed(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow.T, heads, mask)


@wrong("output matrix transposed where it is square", None)
def output_transposed_if_square(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow.T if Ow.shape[0] == Ow.shape[1] else Ow, heads, mask)


@wrong("matrices not transposed where they are square", None)
def square_not_transposed(X, Qw, Kw, Vw, Ow, heads, mask=None):
    Qw, Kw, Vw = (M.T if M.shape[0] == M.shape[1] else M for M in (Qw, Kw, Vw))
    return attend(X, Qw, Kw, Vw, Ow, heads, mask)


@wrong("weights transposed in the sum", "The contexts sum over the queries: multiply W itself with the values.")
def summed_over_queries(X, Qw, Kw, Vw, Ow, heads, mask=None):
    _, W = plain(X, Qw, Kw, Vw, Ow, heads, mask)
    return merge_heads(W.mT @ split_heads(X @ Vw.T, heads)) @ Ow.T, W


@wrong("values of the first head in all", "All heads sum the values of the first.")
def first_values(X, Qw, Kw, Vw, Ow, heads, mask=None):
    _, W = plain(X, Qw, Kw, Vw, Ow, heads, mask)
    return merge_heads(W @ split_heads(X @ Vw.T, heads)[:, :1]) @ Ow.T, W


@wrong("the heads' outputs averaged", "The output is divided by the number of heads.")
def output_averaged(X, Qw, Kw, Vw, Ow, heads, mask=None):
    Y, W = plain(X, Qw, Kw, Vw, Ow, heads, mask)
    return Y / heads, W


@wrong(
    "the mean of the weights for all values", "The contexts use the mean of the heads' weights: each head has its own."
)
def mean_for_values(X, Qw, Kw, Vw, Ow, heads, mask=None):
    _, W = plain(X, Qw, Kw, Vw, Ow, heads, mask)
    return merge_heads(W.mean(dim=1, keepdim=True) @ split_heads(X @ Vw.T, heads)) @ Ow.T, W


@wrong("only the last head in the output", "Only the last head is in the output: does the loop keep what came before?")
def last_head_only(X, Qw, Kw, Vw, Ow, heads, mask=None):
    _, W = plain(X, Qw, Kw, Vw, Ow, heads, mask)
    C = W @ split_heads(X @ Vw.T, heads)
    C = torch.cat([torch.zeros_like(C[:, :-1]), C[:, -1:]], dim=1)
    return merge_heads(C) @ Ow.T, W


@wrong("the largest weight alone", "The largest weight is 1 and all others 0: the weights are soft.")
def hard(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        scores = scores if mask is None else scores.masked_fill(~mask, -1e300)
        return functional.one_hot(scores.argmax(-1), scores.shape[-1]).to(scores.dtype)

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong("no mask", "The mask is not used.")
def no_mask(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, None)


@wrong("mask turned round", "The mask is turned round: True = may be attended to.")
def inverted(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, None if mask is None else ~mask)


@wrong("mask transposed", "The mask is transposed: its rows are the queries, its columns the keys.")
def mask_transposed(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, None if mask is None else mask.mT)


@wrong(
    "sentences' masks for heads",
    "The mask of sentence b went to head b of every sentence: give the mask an axis of length 1 for the heads.",
)
def mask_over_heads(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=lambda scores, _: softmax(scores, mask))


@wrong(
    "mask given an axis in front",
    "The mask of sentence b went to head b of every sentence: give the mask an axis of length 1 for the heads.",
)
def mask_axis_in_front(X, Qw, Kw, Vw, Ow, heads, mask=None):
    there = None if mask is None else mask[None]
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=lambda scores, _: softmax(scores, there))


@wrong("the first sentence's mask for all", "The mask of the first sentence is used for all.")
def first_mask(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, None if mask is None else mask[:1])


@wrong("mask in the first head alone", "The mask is used in the first head alone: it holds for all.")
def mask_in_first_head(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        if mask is None:
            return softmax(scores)
        return torch.cat([softmax(scores[:, :1], mask), softmax(scores[:, 1:])], dim=1)

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong("mask after the softmax", "The mask came after the softmax: the weights that are left don't sum to 1.")
def mask_after(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        return softmax(scores) if mask is None else softmax(scores) * mask

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong("mask after the softmax, divided by what is left", None)
def mask_after_divided(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        W = softmax(scores) if mask is None else softmax(scores) * mask
        return W / W.sum(dim=-1, keepdim=True).clamp(min=1e-300)

    return attend(X.double(), Qw.double(), Kw.double(), Vw.double(), Ow.double(), heads, mask, weigh=weigh)


@wrong("zero for masked scores", "A forbidden key has a score of 0, which still counts as exp(0) = 1: its weight is 0.")
def masked_to_zero(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        return softmax(scores) if mask is None else softmax(scores * mask)

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong("mask added", "The mask was added to the scores as 1 and 0: a forbidden key must not count at all.")
def mask_added(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        return softmax(scores) if mask is None else softmax(scores + mask)

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong(
    "no care for a query without keys",
    "A query that may attend to nothing got NaN: its weights are 0, which weigh() sees to.",
)
def nan_rows(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        return torch.softmax(scores if mask is None else scores.masked_fill(~mask, -torch.inf), dim=-1)

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong(
    "weights for a query without keys",
    "A query that may attend to nothing got weights: they are 0, which weigh() sees to.",
)
def uniform_rows(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        lowest = torch.finfo(scores.dtype).min
        return torch.softmax(scores if mask is None else scores.masked_fill(~mask, lowest), dim=-1)

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong("a small number for masked scores", None)
def small_number(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        if mask is None:
            return softmax(scores)
        W = torch.softmax(scores.masked_fill(~mask, -100.0), dim=-1)
        return W * mask.any(dim=-1, keepdim=True)

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong("mask where both words are allowed to look at each other", None)
def mask_both_ways(X, Qw, Kw, Vw, Ow, heads, mask=None):
    square = mask is not None and mask.shape[1] == 1
    return attend(X, Qw, Kw, Vw, Ow, heads, mask & mask.mT if square else mask)


@wrong("two heads always", None)
def two_heads(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, 2 if len(Qw) % 2 == 0 and len(Vw) % 2 == 0 else heads, mask)


@wrong("exponentials that overflow", None)
def overflowing(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        grown = torch.exp(scores) if mask is None else torch.exp(scores) * mask
        return grown / grown.sum(dim=-1, keepdim=True).clamp(min=1e-300)

    return attend(X.double(), Qw.double(), Kw.double(), Vw.double(), Ow.double(), heads, mask, weigh=weigh)


@wrong("words changed", "X was changed by the call")
def words_changed(X, Qw, Kw, Vw, Ow, heads, mask=None):
    answer = plain(X, Qw, Kw, Vw, Ow, heads, mask)
    X -= X.mean(dim=-1, keepdim=True)
    return answer


@wrong("mask changed", "mask was changed by the call")
def mask_changed(X, Qw, Kw, Vw, Ow, heads, mask=None):
    answer = plain(X, Qw, Kw, Vw, Ow, heads, mask)
    if mask is not None:
        mask.logical_not_()
    return answer


@wrong("Qw scaled in place", "Qw was changed by the call")
def matrix_changed(X, Qw, Kw, Vw, Ow, heads, mask=None):
    answer = plain(X, Qw, Kw, Vw, Ow, heads, mask)
    Qw /= math.sqrt(len(Qw) // heads)
    return answer


@wrong("-10,000 for masked scores", None)
def minus_ten_thousand(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        if mask is None:
            return softmax(scores)
        return torch.softmax(scores.masked_fill(~mask, -1e4), dim=-1) * mask.any(dim=-1, keepdim=True)

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong("mask after the softmax, NaN replaced", None)
def mask_after_nan_replaced(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        W = softmax(scores) if mask is None else softmax(scores) * mask
        return torch.nan_to_num(W / W.sum(dim=-1, keepdim=True))

    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=weigh)


@wrong("scores cut off", None)
def scores_cut_off(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=lambda scores, mask: softmax(scores.clamp(-1000, 1000), mask))


@wrong("the largest score of all heads taken off", None)
def one_largest(X, Qw, Kw, Vw, Ow, heads, mask=None):
    def weigh(scores, mask):
        grown = torch.exp(scores - scores.max())
        grown = grown if mask is None else grown * mask
        return grown / grown.sum(dim=-1, keepdim=True).clamp(min=1e-300)

    return attend(X.double(), Qw.double(), Kw.double(), Vw.double(), Ow.double(), heads, mask, weigh=weigh)


@wrong("the first query's mask for all", "The mask of the first query is used for all.")
def first_querys_mask(X, Qw, Kw, Vw, Ow, heads, mask=None):
    return attend(X, Qw, Kw, Vw, Ow, heads, None if mask is None else mask[:, :1])


@wrong("a mask without an axis for heads where batch and heads are as many", None)
def mask_over_heads_where_equal(X, Qw, Kw, Vw, Ow, heads, mask=None):
    there = mask if mask is None or len(mask) == heads == 3 else mask[:, None]
    return attend(X, Qw, Kw, Vw, Ow, heads, mask, weigh=lambda scores, _: softmax(scores, there))


@wrong("the words added where widths allow it", None)
def residual(X, Qw, Kw, Vw, Ow, heads, mask=None):
    Y, W = plain(X, Qw, Kw, Vw, Ow, heads, mask)
    return (Y + X if Y.shape == X.shape else Y), W
