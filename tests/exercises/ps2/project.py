"""Answers to ``project(words, source, Wq, Wk, Wv)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


@right("three matrix products with transposed weights")
def products(words, source, Wq, Wk, Wv):
    return words @ Wq.T, source @ Wk.T, source @ Wv.T


@right("loops over the words, a dot product a number")
def loops(words, source, Wq, Wk, Wv):
    def one(rows, weight):
        return np.array([[sum(a * b for a, b in zip(row, out, strict=True)) for out in weight] for row in rows])

    return one(words, Wq), one(source, Wk), one(source, Wv)


@right("einsum, in a list")
def einsum(words, source, Wq, Wk, Wv):
    pairs = [(words, Wq), (source, Wk), (source, Wv)]
    return [np.einsum("wi,oi->wo", rows, weight) for rows, weight in pairs]


@right("one word a column, as in the equation, then transposed: not contiguous")
def columns(words, source, Wq, Wk, Wv):
    return (Wq @ words.T).T, (Wk @ source.T).T, (Wv @ source.T).T


@right("np.apply_along_axis, word by word")
def along_axis(words, source, Wq, Wk, Wv):
    return (
        np.apply_along_axis(Wq.dot, 1, words),
        np.apply_along_axis(Wk.dot, 1, source),
        np.apply_along_axis(Wv.dot, 1, source),
    )


@right("keys and values in one product, then split")
def joined(words, source, Wq, Wk, Wv):
    both = source @ np.concatenate([Wk, Wv]).T
    return np.inner(words, Wq), both[:, : len(Wk)], both[:, len(Wk) :]


@right("torch's linear, in float32")
def torch_inside(words, source, Wq, Wk, Wv):
    pairs = [(words, Wq), (source, Wk), (source, Wv)]
    linear = torch.nn.functional.linear
    return tuple(linear(torch.tensor(rows).float(), torch.tensor(weight).float()).numpy() for rows, weight in pairs)


@wrong("does not transpose Wq", "Wq is not transposed")
def query_weight_not_transposed(words, source, Wq, Wk, Wv):
    return words @ Wq, source @ Wk.T, source @ Wv.T


@wrong("does not transpose any weight", "Wq is not transposed")
def weights_not_transposed(words, source, Wq, Wk, Wv):
    return words @ Wq, source @ Wk, source @ Wv


@wrong("does not transpose Wk", "Wk is not transposed")
def key_weight_not_transposed(words, source, Wq, Wk, Wv):
    return words @ Wq.T, source @ Wk, source @ Wv.T


@wrong("does not transpose Wv", "Wv is not transposed")
def value_weight_not_transposed(words, source, Wq, Wk, Wv):
    return words @ Wq.T, source @ Wk.T, source @ Wv


@wrong("keys and values from the words too", "keys were made from words")
def self_attention(words, source, Wq, Wk, Wv):
    return words @ Wq.T, words @ Wk.T, words @ Wv.T


@wrong("values from the words", "values were made from words")
def values_from_words(words, source, Wq, Wk, Wv):
    return words @ Wq.T, source @ Wk.T, words @ Wv.T


@wrong("queries from the source, keys and values from the words", "queries were made from source")
def sources_swapped(words, source, Wq, Wk, Wv):
    return source @ Wq.T, words @ Wk.T, words @ Wv.T


@wrong("values with Wk", "with Wk, like the keys")
def values_with_key_weight(words, source, Wq, Wk, Wv):
    return words @ Wq.T, source @ Wk.T, source @ Wk.T


@wrong("queries with Wk", "with Wk: queries have")
def queries_with_key_weight(words, source, Wq, Wk, Wv):
    return words @ Wk.T, source @ Wk.T, source @ Wv.T


@wrong("keys with Wq", "with Wq: keys have")
def keys_with_query_weight(words, source, Wq, Wk, Wv):
    return words @ Wq.T, source @ Wq.T, source @ Wv.T


@wrong("Wk and Wv swapped", "Wv: values come last")
def weights_swapped(words, source, Wq, Wk, Wv):
    return words @ Wq.T, source @ Wv.T, source @ Wk.T


@wrong("returns keys first", "keys come second")
def keys_first(words, source, Wq, Wk, Wv):
    return source @ Wk.T, words @ Wq.T, source @ Wv.T


@wrong("values made from the keys", "made from the keys")
def values_from_keys(words, source, Wq, Wk, Wv):
    K = source @ Wk.T
    return words @ Wq.T, K, K @ Wv.T


@wrong("values not projected", "values are the source itself")
def values_not_projected(words, source, Wq, Wk, Wv):
    return words @ Wq.T, source @ Wk.T, source


@wrong("queries not projected", "queries are the words themselves")
def queries_not_projected(words, source, Wq, Wk, Wv):
    return words, source @ Wk.T, source @ Wv.T


@wrong("returns one word a column", "one word a column")
def transposed(words, source, Wq, Wk, Wv):
    return Wq @ words.T, Wk @ source.T, Wv @ source.T


@wrong("multiplies the weights by the words: columns of Wq by rows of words", "columns, not the rows")
def weight_times_words(words, source, Wq, Wk, Wv):
    return Wq @ words, (Wk @ source.T).T, (Wv @ source.T).T


@wrong("divides the queries by sqrt(dim)", "divided by sqrt(dim)")
def scaled(words, source, Wq, Wk, Wv):
    return words @ Wq.T / np.sqrt(len(Wq)), source @ Wk.T, source @ Wv.T


@wrong("reshapes the weights where they need a transpose", "Wq is not transposed")
def reshaped(words, source, Wq, Wk, Wv):
    return tuple(
        rows @ weight.reshape(weight.shape[::-1]) for rows, weight in [(words, Wq), (source, Wk), (source, Wv)]
    )


@wrong("returns them stacked in one array", None)
def stacked(words, source, Wq, Wk, Wv):
    Q, K, V = products(words, source, Wq, Wk, Wv)
    rows, dims = max(len(Q), len(K)), max(Q.shape[1], V.shape[1])
    return np.stack([np.pad(array, ((0, rows - len(array)), (0, dims - array.shape[1]))) for array in (Q, K, V)])


@wrong("returns the queries only", "three things")
def queries_only(words, source, Wq, Wk, Wv):
    return words @ Wq.T


@wrong("returns nothing", "without a return statement")
def no_return(words, source, Wq, Wk, Wv):
    products(words, source, Wq, Wk, Wv)


@wrong("writes the queries over the words", "words was changed")
def in_place(words, source, Wq, Wk, Wv):
    Q = words @ Wq.T
    if Q.shape == words.shape:
        words[:] = Q
    return Q, source @ Wk.T, source @ Wv.T


@wrong("hard-codes two numbers a vector", None)
def hard_coded(words, source, Wq, Wk, Wv):
    def one(rows, weight):
        return np.stack([sum(rows[:, i] * weight[o, i] for i in range(2)) for o in range(2)], axis=1)

    return one(words, Wq), one(source, Wk), one(source, Wv)


@wrong("returns float16", "dtype float16")
def float16_returned(words, source, Wq, Wk, Wv):
    return tuple(array.astype("float16") for array in products(words, source, Wq, Wk, Wv))


@wrong("rounds to float32 on the way", None)
def float32_on_the_way(words, source, Wq, Wk, Wv):
    narrow = (array.astype("float32") for array in (words, source, Wq, Wk, Wv))
    return tuple(array.astype("float64") for array in products(*narrow))
