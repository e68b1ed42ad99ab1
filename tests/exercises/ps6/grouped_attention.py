"""Answers to ``grouped_attention(Q, K, V)``."""

import math

import numpy as np
import torch
from torch.nn import functional

from attnlib.multihead import attend_heads
from tests.exercises.answers import right, wrong


def attend(Q, K, V, dim=-1, width=None):
    """Attention with as many key heads as heads."""
    scores = Q @ K.mT / (Q.shape[-1] if width is None else width) ** 0.5
    return torch.softmax(scores, dim=dim) @ V


def by_blocks(Q, K):
    group = Q.shape[1] // K.shape[1]
    return [h // group for h in range(Q.shape[1])]


def chosen(Q, K, V, keys, values=None, **how):
    return attend(Q, K[:, keys], V[:, keys if values is None else values], **how)


@right("keys and values repeated next to each other")
def repeat_interleave(Q, K, V):
    group = Q.shape[1] // K.shape[1]
    return attend(Q, K.repeat_interleave(group, dim=1), V.repeat_interleave(group, dim=1))


@right("a loop over the heads")
def loop(Q, K, V):
    group = Q.shape[1] // K.shape[1]
    return torch.stack([attend(Q[:, h], K[:, h // group], V[:, h // group]) for h in range(Q.shape[1])], dim=1)


@right("a loop over the key heads, a group of queries at a time")
def loop_over_groups(Q, K, V):
    group = Q.shape[1] // K.shape[1]
    contexts = [attend(Q[:, g * group : (g + 1) * group], K[:, g : g + 1], V[:, g : g + 1]) for g in range(K.shape[1])]
    return torch.cat(contexts, dim=1)


@right("an axis for the group, broadcast")
def broadcast(Q, K, V):
    batch, heads, length, dim = Q.shape
    grouped = Q.reshape(batch, K.shape[1], heads // K.shape[1], length, dim)
    return attend(grouped, K[:, :, None], V[:, :, None]).reshape(batch, heads, length, -1)


@right("the queries of a group below each other")
def below_each_other(Q, K, V):
    batch, heads, length, dim = Q.shape
    tall = Q.reshape(batch, K.shape[1], -1, dim)
    return attend(tall, K, V).reshape(batch, heads, length, -1)


@right("expanded and flattened")
def expanded(Q, K, V):
    group = Q.shape[1] // K.shape[1]
    K, V = (each[:, :, None].expand(-1, -1, group, -1, -1).flatten(1, 2) for each in (K, V))
    return attend(Q, K, V)


@right("einsum")
def einsum(Q, K, V):
    batch, _, length, dim = Q.shape
    grouped = Q.reshape(batch, K.shape[1], -1, length, dim)
    W = torch.softmax(torch.einsum("bghqd,bgkd->bghqk", grouped, K) / math.sqrt(dim), dim=-1)
    return torch.einsum("bghqk,bgkv->bghqv", W, V).flatten(1, 2)


@right("word by word in NumPy")
def words(Q, K, V):
    Q, K, V = Q.numpy(), K.numpy(), V.numpy()
    group, contexts = Q.shape[1] // K.shape[1], np.zeros((*Q.shape[:3], V.shape[-1]))
    for b, h, i in np.ndindex(*Q.shape[:3]):
        scores = K[b, h // group] @ Q[b, h, i] / np.sqrt(Q.shape[-1])
        grown = np.exp(scores - scores.max())
        contexts[b, h, i] = grown / grown.sum() @ V[b, h // group]
    return contexts


@right("attnlib's function")
def library(Q, K, V):
    return attend_heads(Q, K, V)


@right("torch's fused function")
def fused(Q, K, V):
    return functional.scaled_dot_product_attention(Q, K, V, enable_gqa=True)


@wrong("one key head after the other", "The heads take the key heads in turn: neighbours share one.")
def in_turn(Q, K, V):
    return chosen(Q, K, V, [h % K.shape[1] for h in range(Q.shape[1])])


@wrong("keys and values repeated as a whole", "The heads take the key heads in turn: neighbours share one.")
def repeated(Q, K, V):
    group = Q.shape[1] // K.shape[1]
    return attend(Q, K.repeat(1, group, 1, 1), V.repeat(1, group, 1, 1))


@wrong("expanded in the wrong place", "The heads take the key heads in turn: neighbours share one.")
def expanded_in_front(Q, K, V):
    group = Q.shape[1] // K.shape[1]
    K, V = (each[:, None].expand(-1, group, -1, -1, -1).flatten(1, 2) for each in (K, V))
    return attend(Q, K, V)


@wrong("queries grouped the wrong way", "The heads take the key heads in turn: neighbours share one.")
def grouped_in_turn(Q, K, V):
    batch, _, length, dim = Q.shape
    grouped = Q.reshape(batch, -1, K.shape[1], length, dim)
    return attend(grouped, K[:, None], V[:, None]).flatten(1, 2)


@wrong("values in turn", "The heads take the key heads in turn, but for the keys: values are shared like keys.")
def values_in_turn(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), [h % K.shape[1] for h in range(Q.shape[1])])


@wrong("keys in turn", "The heads take the key heads in turn, but for the values: keys are shared like values.")
def keys_in_turn(Q, K, V):
    return chosen(Q, K, V, [h % K.shape[1] for h in range(Q.shape[1])], by_blocks(Q, K))


@wrong("divided by the number of key heads", "Head h takes key head h // key_heads: divide by the size of a group.")
def divided_by_key_heads(Q, K, V):
    return chosen(Q, K, V, [min(h // K.shape[1], K.shape[1] - 1) for h in range(Q.shape[1])])


@wrong("remainder by the size of a group", "Head h takes key head h % group: it takes h // group.")
def remainder(Q, K, V):
    group = Q.shape[1] // K.shape[1]
    return chosen(Q, K, V, [h % group % K.shape[1] for h in range(Q.shape[1])])


@wrong("one key head for all", "All heads use the first key head: each group has its own.")
def one_for_all(Q, K, V):
    return chosen(Q, K, V, [0] * Q.shape[1])


@wrong("the last key head for all", "All heads use the last key head: each group has its own.")
def last_for_all(Q, K, V):
    return chosen(Q, K, V, [-1] * Q.shape[1])


@wrong("the mean of the key heads", "All heads use the mean of the key heads: each group has its own.")
def mean_for_all(Q, K, V):
    return attend(Q, K.mean(dim=1, keepdim=True), V.mean(dim=1, keepdim=True))


@wrong("values of the first key head", "The values are those of the first key head: each group has its own.")
def first_values(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), [0] * Q.shape[1])


@wrong("keys of the first key head", "The keys are those of the first key head: each group has its own.")
def first_keys(Q, K, V):
    return chosen(Q, K, V, [0] * Q.shape[1], by_blocks(Q, K))


@wrong("key heads in reverse", "The key heads are taken in reverse order.")
def in_reverse(Q, K, V):
    return chosen(Q, K.flip(1), V.flip(1), by_blocks(Q, K))


@wrong("the queries of a group averaged", "There is one context for each key head: there is one for each head.")
def queries_averaged(Q, K, V):
    batch, _, length, dim = Q.shape
    return attend(Q.reshape(batch, K.shape[1], -1, length, dim).mean(dim=2), K, V)


@wrong("the first head of each group alone", "There is one context for each group, of its first head: keep all heads.")
def first_of_group(Q, K, V):
    return attend(Q[:, :: Q.shape[1] // K.shape[1]], K, V)


@wrong("the group's axis left", "Key heads and the heads of a group are two axes: make one of them.")
def axis_left(Q, K, V):
    batch, _, length, dim = Q.shape
    return attend(Q.reshape(batch, K.shape[1], -1, length, dim), K[:, :, None], V[:, :, None])


@wrong("contexts put together in turn", "The contexts of the groups were put together in turn: group 0 comes first.")
def together_in_turn(Q, K, V):
    batch, _, length, dim = Q.shape
    C = attend(Q.reshape(batch, K.shape[1], -1, length, dim), K[:, :, None], V[:, :, None])
    return C.transpose(1, 2).flatten(1, 2)


@wrong("heads and words mixed", "Heads and words of a group were mixed when they were put below each other or apart.")
def mixed(Q, K, V):
    batch, heads, length, dim = Q.shape
    tall = Q.transpose(1, 2).reshape(batch, K.shape[1], -1, dim)
    return attend(tall, K, V).reshape(batch, heads, length, -1)


@wrong("heads merged", "The heads are merged: return (batch, heads, query, value_dim).")
def merged(Q, K, V):
    return library(Q, K, V).transpose(1, 2).flatten(-2)


@wrong("heads after the words", "The heads come after the words: they come before them.")
def heads_after(Q, K, V):
    return library(Q, K, V).transpose(1, 2)


@wrong("no scale", "The scores are not scaled: divide them by the root of dim.")
def no_scale(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), width=1)


@wrong(
    "scaled without the root",
    "The scores are divided by dim itself, or by the root of a group's width: take the root of dim.",
)
def no_root(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), width=Q.shape[-1] ** 2)


@wrong("multiplied by the root", "The scores are multiplied by the root of dim: divide by it.")
def multiplied(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), width=1 / Q.shape[-1])


@wrong(
    "scaled by the width of all heads", "The scores are divided by the root of all heads' width: take dim, one head's."
)
def scaled_by_all(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), width=Q.shape[1] * Q.shape[-1])


@wrong("scaled by the number of heads", "The scores are divided by the root of the number of heads: take that of dim.")
def scaled_by_heads(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), width=Q.shape[1])


@wrong(
    "scaled by a group's width",
    "The scores are divided by dim itself, or by the root of a group's width: take the root of dim.",
)
def scaled_by_group(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), width=Q.shape[1] // K.shape[1] * Q.shape[-1])


@wrong("scaled by the width of the values", None)
def scaled_by_values(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), width=V.shape[-1])


@wrong("scaled by the number of keys", "The scores are divided by the root of the number of keys: take that of dim.")
def scaled_by_keys(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), width=K.shape[2])


@wrong("softmax over the queries", "The softmax goes over the queries: each query's weights sum to 1 over the keys.")
def over_queries(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), dim=-2)


@wrong("softmax over the heads", "The softmax goes over the heads: each query's weights sum to 1 over the keys.")
def over_heads(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), dim=1)


@wrong("no softmax", "The softmax is missing: the values were summed with the scores.")
def no_softmax(Q, K, V):
    keys = by_blocks(Q, K)
    return Q @ K[:, keys].mT / Q.shape[-1] ** 0.5 @ V[:, keys]


@wrong("keys summed", "The keys were summed: sum the values.")
def keys_summed(Q, K, V):
    return library(Q, K, K)


@wrong("only the first sentence", "Only the first sentence of the batch is there.")
def first_sentence(Q, K, V):
    return library(Q, K, V)[0]


@wrong("the first sentence's keys for all", "All sentences use the keys and values of the first.")
def first_sentences_keys(Q, K, V):
    return library(Q, K[:1].expand(K.shape), V[:1].expand(V.shape))


@wrong("weights returned", "These are the weights: return the contexts, the sums of the values.")
def weights_returned(Q, K, V):
    return attend_heads(Q, K, V, return_weights=True)[1]


@wrong("groups of two always", None)
def groups_of_two(Q, K, V):
    return chosen(Q, K, V, [min(h // 2, K.shape[1] - 1) for h in range(Q.shape[1])])


@wrong("exponentials that overflow", None)
def overflowing(Q, K, V):
    keys = by_blocks(Q, K)
    grown = torch.exp(Q.double() @ K[:, keys].double().mT / Q.shape[-1] ** 0.5)
    return grown / grown.sum(dim=-1, keepdim=True) @ V[:, keys].double()


@wrong("queries scaled in place", "Q was changed by the call")
def in_place(Q, K, V):
    contexts = library(Q, K, V)
    Q /= Q.shape[-1] ** 0.5
    return contexts


@wrong("all key heads in one softmax", "All heads attend to all key heads' keys at once: each group has its own.")
def all_keys(Q, K, V):
    return attend(Q, K.flatten(1, 2)[:, None], V.flatten(1, 2)[:, None])


@wrong("the key head rounded", "The quotient is rounded to the nearest: h // group rounds down.")
def rounded(Q, K, V):
    group = Q.shape[1] / K.shape[1]
    return chosen(Q, K, V, [min(math.floor(h / group + 0.5), K.shape[1] - 1) for h in range(Q.shape[1])])


@wrong("in turn where there are as many groups as heads in one", None)
def in_turn_in_squares(Q, K, V):
    return in_turn(Q, K, V) if Q.shape[1] == K.shape[1] ** 2 else library(Q, K, V)


@wrong("scaled by the number of queries", None)
def scaled_by_queries(Q, K, V):
    return chosen(Q, K, V, by_blocks(Q, K), width=Q.shape[2])
