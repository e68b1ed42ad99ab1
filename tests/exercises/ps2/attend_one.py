"""Answers to ``attend_one(query, keys, values)``."""

import math

import numpy as np
import torch

from attnlib.softmax import softmax
from tests.exercises.answers import right, wrong


@right("loops and math, the largest score subtracted")
def loops(query, keys, values):
    scores = [sum(a * b for a, b in zip(query, key, strict=True)) for key in keys]
    exponentials = [math.exp(score - max(scores)) for score in scores]
    weights = [exponential / sum(exponentials) for exponential in exponentials]
    context = np.zeros(values.shape[1])
    for weight, value in zip(weights, values, strict=True):
        context = context + weight * value
    return context, np.array(weights)


@right("two matrix products and attnlib's softmax")
def products(query, keys, values):
    weights = softmax(keys @ query)
    return weights @ values, weights


@right("einsum")
def einsum(query, keys, values):
    weights = softmax(np.einsum("kd,d->k", keys, query))
    return np.einsum("k,kv->v", weights, values), weights


@right("broadcast, multiply, sum; the result not contiguous")
def broadcast(query, keys, values):
    weights = softmax((query * keys).sum(axis=1))
    return (weights * values.T).sum(axis=1), np.repeat(weights, 2)[::2]


@right("np.apply_along_axis over the keys")
def along_axis(query, keys, values):
    weights = softmax(np.apply_along_axis(lambda key: query.dot(key), 1, keys))
    return np.average(values, axis=0, weights=weights), weights


@right("torch inside, in float32")
def torch_inside(query, keys, values):
    q, k, v = (torch.tensor(array).float() for array in (query, keys, values))
    weights = torch.softmax(k @ q, dim=0)
    return (weights @ v).numpy(), weights.numpy()


@right("a list comes back, not a tuple")
def list_returned(query, keys, values):
    return list(loops(query, keys, values))


@wrong("divides by sqrt(d)", "divided the scores by sqrt(dim)")
def scaled(query, keys, values):
    weights = softmax(keys @ query / np.sqrt(len(query)))
    return weights @ values, weights


@wrong("returns the scores for the weights", "scores, before the softmax")
def scores_returned(query, keys, values):
    scores = keys @ query
    return softmax(scores) @ values, scores


@wrong("sums with the scores for weights", "values were summed with the scores")
def no_softmax(query, keys, values):
    scores = keys @ query
    return scores @ values, scores


@wrong("does not divide the exponentials by their sum", "not divided by their sum")
def unnormalised(query, keys, values):
    weights = np.exp(keys @ query)
    return weights @ values, weights


@wrong("divides the scores by their sum, without exp", "exponential is missing")
def no_exponential(query, keys, values):
    scores = keys @ query
    return scores / scores.sum() @ values, scores / scores.sum()


@wrong("takes the value of the best key", "best key alone")
def hard(query, keys, values):
    weights = np.eye(len(keys))[(keys @ query).argmax()]
    return weights @ values, weights


@wrong("returns the weights first", "context comes first")
def weights_first(query, keys, values):
    weights = softmax(keys @ query)
    return weights, weights @ values


@wrong("returns the context alone", "two things")
def context_alone(query, keys, values):
    return softmax(keys @ query) @ values


@wrong("compares the query with the values and sums the keys", "keys and values are swapped")
def swapped(query, keys, values):
    weights = softmax(values @ query)
    return weights @ keys, weights


@wrong("sums the keys", "keys were summed")
def keys_summed(query, keys, values):
    weights = softmax(keys @ query)
    return weights @ keys, weights


@wrong("compares the query with the values", "compared with the values")
def values_compared(query, keys, values):
    weights = softmax(values @ query)
    return weights @ values, weights


@wrong("compares the query with the columns of the keys", "row of the array is a key")
def columns_of_the_keys(query, keys, values):
    weights = softmax(query @ keys)
    return weights @ values, weights


@wrong("multiplies values by weights the wrong way round", "wrong way round")
def wrong_way_round(query, keys, values):
    weights = softmax(keys @ query)
    return values @ weights, weights


@wrong("equal weights", "plain mean")
def mean(query, keys, values):
    return values.mean(axis=0), np.full(len(keys), 1 / len(keys))


@wrong("compares by cosine", "cosine")
def cosine(query, keys, values):
    length = np.linalg.norm(keys, axis=1) * np.linalg.norm(query)
    weights = softmax(keys @ query / np.where(length == 0, 1, length))
    return weights @ values, weights


@wrong("compares by distance", "distance")
def distance(query, keys, values):
    weights = softmax(-np.linalg.norm(keys - query, axis=1))
    return weights @ values, weights


@wrong("the last key is missing", "last key is missing")
def last_key_missing(query, keys, values):
    weights = softmax(keys[:-1] @ query)
    return weights @ values[:-1], np.append(weights, 0.0)


@wrong("does not add up over the keys", "not added up")
def not_summed(query, keys, values):
    weights = softmax(keys @ query)
    return weights[:, None] * values, weights


@wrong("overwrites the context in the loop", "last value alone")
def overwritten(query, keys, values):
    weights = softmax(keys @ query)
    for weight, value in zip(weights, values, strict=True):
        context = weight * value
    return context, weights


@wrong("turns the scores round: softmax(-score)", "sign")
def sign(query, keys, values):
    weights = softmax(-(keys @ query))
    return weights @ values, weights


@wrong("exp overflows", "overflowed")
def overflow(query, keys, values):
    exponentials = np.exp(keys @ query)
    weights = exponentials / exponentials.sum()
    return weights @ values, weights


@wrong("cuts scores off at 50", "cut off")
def clipped(query, keys, values):
    weights = softmax(np.clip(keys @ query, -50, 50))
    return weights @ values, weights


@wrong("counts the keys by the length of the query", None)
def length_of_the_query(query, keys, values):
    keys, values = keys[: len(query)], values[: len(query)]
    weights = softmax(keys @ query)
    return weights @ values, weights


@wrong("counts the numbers of a value by those of a query", None)
def width_of_the_query(query, keys, values):
    weights = softmax(keys @ query)
    context = [sum(weights[k] * values[k, d] for k in range(len(keys))) for d in range(min(len(query), len(values.T)))]
    return np.array(context), weights


@wrong("keeps three keys at most", None)
def three_keys(query, keys, values):
    weights = softmax(keys[:3] @ query)
    return weights @ values[:3], weights


@wrong("multiplies the keys by the query in place", "keys was changed")
def in_place(query, keys, values):
    keys *= query
    weights = softmax(keys.sum(axis=1))
    return weights @ values, weights


@wrong("keeps an axis for the one query", "expected (3,)")
def kept_axis(query, keys, values):
    weights = softmax(query[None, :] @ keys.T)
    return weights @ values, weights


@wrong("rounds the weights to three places", None)
def rounded(query, keys, values):
    weights = softmax(keys @ query).round(3)
    return weights @ values, weights


@wrong("returns float16", "dtype float16")
def float16_returned(query, keys, values):
    weights = softmax(keys @ query)
    return (weights @ values).astype("float16"), weights.astype("float16")


@wrong("scores in float32, results in float64", None)
def float32_on_the_way(query, keys, values):
    weights = softmax((keys.astype("float32") @ query.astype("float32")).astype("float64"))
    return weights @ values, weights


@wrong("computes and returns nothing", "without a return statement")
def no_return(query, keys, values):
    softmax(keys @ query) @ values


@right("the score's power of two, with the running maximum of one pass")
def one_pass(query, keys, values):
    largest, total, context, scores = -math.inf, 0.0, np.zeros(values.shape[1]), []
    for key, value in zip(keys, values, strict=True):
        scores.append(float(np.vdot(key, query)))
        above = max(largest, scores[-1])
        old, new = 2 ** ((largest - above) / math.log(2)), 2 ** ((scores[-1] - above) / math.log(2))
        total, context, largest = total * old + new, context * old + new * value, above
    return context / total, np.exp(np.array(scores) - largest) / total


@wrong("looks for the largest score from 0 on: all are negative, and every exp becomes 0", None)
def largest_from_zero(query, keys, values):
    scores, largest = keys @ query, 0.0
    for score in scores:
        largest = max(largest, score)
    exponentials = np.exp(scores - largest)
    weights = exponentials / exponentials.sum()
    return weights @ values, weights


@wrong("subtracts the largest size of a score", None)
def largest_size(query, keys, values):
    scores = keys @ query
    exponentials = np.exp(scores - np.abs(scores).max())
    weights = exponentials / exponentials.sum()
    return weights @ values, weights


@wrong("drops weights below 0.001", None)
def small_weights_dropped(query, keys, values):
    weights = softmax(keys @ query)
    weights = np.where(weights < 1e-3, 0, weights)
    return weights @ values, weights
