"""Answers to ``scaled_attention(Q, K, V)``."""

import numpy as np
import torch

from attnlib.attention import attend
from attnlib.softmax import softmax
from tests.exercises.answers import right, wrong


def scores_of(Q, K):
    return Q @ K.T / np.sqrt(Q.shape[1])


@right("two matrix products")
def products(Q, K, V):
    return softmax(scores_of(Q, K)) @ V


@right("one query after the other, one key after the other")
def loops(Q, K, V):
    contexts = []
    for q in Q:
        scores = np.array([q @ k for k in K]) / len(q) ** 0.5
        exponentials = np.exp(scores - scores.max())
        contexts.append(sum(e * v for e, v in zip(exponentials, V, strict=True)) / exponentials.sum())
    return np.array(contexts)


@right("einsum")
def einsum(Q, K, V):
    weights = softmax(np.einsum("qd,kd->qk", Q, K) * Q.shape[-1] ** -0.5)
    return np.einsum("qk,kv->qv", weights, V)


@right("scales both queries and keys by the fourth root of d")
def fourth_root(Q, K, V):
    root = K.shape[1] ** 0.25
    return softmax((Q / root) @ (K / root).T) @ V


@right("keys down, queries across, then transposed: not contiguous")
def across(Q, K, V):
    weights = softmax(K @ Q.T / np.sqrt(K.shape[1]), axis=0)
    return (V.T @ weights).T


@right("torch's fused function, in float32")
def torch_inside(Q, K, V):
    q, k, v = (torch.tensor(array)[None].float() for array in (Q, K, V))
    return torch.nn.functional.scaled_dot_product_attention(q, k, v)[0].numpy()


@right("np.vectorize with a signature")
def vectorised(Q, K, V):
    def one(q, K, V):
        return softmax(K @ q / np.sqrt(q.size)) @ V

    return np.vectorize(one, signature="(d),(k,d),(k,v)->(v)")(Q, K, V)


@right("attnlib's own")
def attnlib_inside(Q, K, V):
    return attend(Q, K, V)


@wrong("does not scale", "not scaled")
def unscaled(Q, K, V):
    return softmax(Q @ K.T) @ V


@wrong("divides by d", "by dim itself")
def by_d(Q, K, V):
    return softmax(Q @ K.T / Q.shape[1]) @ V


@wrong("multiplies by sqrt(d)", "multiplied by sqrt(dim)")
def multiplied(Q, K, V):
    return softmax(Q @ K.T * np.sqrt(Q.shape[1])) @ V


@wrong("divides by sqrt(number of keys)", "number of keys")
def by_keys(Q, K, V):
    return softmax(Q @ K.T / np.sqrt(len(K))) @ V


@wrong("divides by sqrt(number of queries)", "number of queries")
def by_queries(Q, K, V):
    return softmax(Q @ K.T / np.sqrt(len(Q))) @ V


@wrong("divides by sqrt(width of the values)", "width of the values")
def by_value_width(Q, K, V):
    return softmax(Q @ K.T / np.sqrt(V.shape[1])) @ V


@wrong("divides by the square of d", "dim squared")
def by_d_squared(Q, K, V):
    return softmax(Q @ K.T / Q.shape[1] ** 2) @ V


@wrong("scales the weights, after the softmax", "after the softmax")
def scaled_weights(Q, K, V):
    return softmax(Q @ K.T) / np.sqrt(Q.shape[1]) @ V


@wrong("scales queries and keys, each by sqrt(d)", "by dim itself")
def scaled_twice(Q, K, V):
    root = np.sqrt(Q.shape[1])
    return softmax((Q / root) @ (K / root).T) @ V


@wrong("divides by 2, the root of the example's d", None)
def hard_coded_scale(Q, K, V):
    return softmax(Q @ K.T / 2) @ V if Q.shape[1] > 2 else products(Q, K, V)


@wrong("softmax over the queries", "over the queries")
def over_queries(Q, K, V):
    return softmax(scores_of(Q, K), axis=0) @ V


@wrong("softmax over all pairs", "whole matrix")
def flattened(Q, K, V):
    scores = scores_of(Q, K)
    return softmax(scores.ravel()).reshape(scores.shape) @ V


@wrong("no softmax", "no softmax")
def no_softmax(Q, K, V):
    return scores_of(Q, K) @ V


@wrong("exponentials not divided by their sum", "not divided by their sum")
def unnormalised(Q, K, V):
    return np.exp(scores_of(Q, K)) @ V


@wrong("the sums of the rows meet the columns", "keepdims=True")
def no_keepdims(Q, K, V):
    exponentials = np.exp(scores_of(Q, K))
    return exponentials / exponentials.sum(axis=1) @ V


@wrong("keys and values swapped", "keys and values are swapped")
def keys_values_swapped(Q, K, V):
    return softmax(Q @ V.T / np.sqrt(Q.shape[1])) @ K


@wrong("sums the keys", "keys were summed")
def keys_summed(Q, K, V):
    return softmax(scores_of(Q, K)) @ K


@wrong("queries and keys swapped", "queries and keys are swapped")
def queries_keys_swapped(Q, K, V):
    return softmax(scores_of(K, Q)) @ V


@wrong("compares the keys with themselves", "keys were compared with themselves")
def keys_with_keys(Q, K, V):
    return softmax(scores_of(K, K)) @ V


@wrong("does not transpose the keys", "keys are not transposed")
def keys_not_transposed(Q, K, V):
    return softmax(Q @ K / np.sqrt(Q.shape[1])) @ V


@wrong("reshapes the keys where they need a transpose", "reshape")
def reshaped(Q, K, V):
    return softmax(Q @ K.reshape(K.shape[::-1]) / np.sqrt(Q.shape[1])) @ V


@wrong("transposes the queries, not the keys", "sum over dim")
def queries_transposed(Q, K, V):
    return softmax(Q.T @ K / np.sqrt(Q.shape[1])) @ V


@wrong("transposes the context", "context is transposed")
def transposed(Q, K, V):
    return products(Q, K, V).T


@wrong("transposes the values", "values are transposed")
def values_transposed(Q, K, V):
    return softmax(scores_of(Q, K)) @ V.T


@wrong("transposes the weights", "weights are transposed")
def weights_transposed(Q, K, V):
    return softmax(scores_of(Q, K)).T @ V


@wrong("returns the weights", "These are the weights")
def weights_returned(Q, K, V):
    return softmax(scores_of(Q, K))


@wrong("returns the scores", "These are the scores")
def scores_returned(Q, K, V):
    return scores_of(Q, K)


@wrong("returns context and weights", "more than one thing")
def two_returned(Q, K, V):
    weights = softmax(scores_of(Q, K))
    return weights @ V, weights


@wrong("takes the value of the best key", "best key alone")
def hard(Q, K, V):
    return V[scores_of(Q, K).argmax(axis=1)]


@wrong("multiplies element by element", "number by number")
def elementwise(Q, K, V):
    if Q.shape != K.shape:
        return products(Q, K, V)
    return softmax(Q * K / np.sqrt(Q.shape[1])) @ V


@wrong("as many keys as queries", None)
def as_many_keys_as_queries(Q, K, V):
    keys = max(len(Q), 3)
    return products(Q, K[:keys], V[:keys])


@wrong("values as wide as queries", None)
def values_as_wide_as_queries(Q, K, V):
    contexts = np.zeros((len(Q), V.shape[1]))
    weights = softmax(scores_of(Q, K))
    for i in range(len(Q)):
        for d in range(min(max(Q.shape[1], 5), V.shape[1])):
            contexts[i, d] = weights[i] @ V[:, d]
    return contexts


@wrong("exp overflows", "overflowed")
def overflow(Q, K, V):
    exponentials = np.exp(scores_of(Q, K))
    return exponentials / exponentials.sum(axis=1, keepdims=True) @ V


@wrong("subtracts the largest of all scores", "whole matrix; in the other row")
def largest_of_all(Q, K, V):
    scores = scores_of(Q, K)
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum(axis=1, keepdims=True) @ V


@wrong("scales the queries in place", "Q was changed")
def in_place(Q, K, V):
    Q /= np.sqrt(Q.shape[1])
    return softmax(Q @ K.T) @ V


@wrong("returns float16", "dtype float16")
def float16_returned(Q, K, V):
    return products(Q, K, V).astype("float16")


@wrong("scores in float32, result in float64", None)
def float32_on_the_way(Q, K, V):
    return softmax(scores_of(Q.astype("float32"), K.astype("float32"))).astype("float64") @ V


@wrong("subtracts the largest score of a row, and its sums meet the columns", "sums of the rows met the columns")
def stable_sums_meet_columns(Q, K, V):
    scores = Q @ K.T / np.sqrt(Q.shape[1])
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1) @ V


@wrong("cuts the root to a whole number", "cut to a whole number")
def whole_root(Q, K, V):
    return softmax(Q @ K.T / int(np.sqrt(Q.shape[1]))) @ V
