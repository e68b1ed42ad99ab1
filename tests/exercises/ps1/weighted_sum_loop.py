"""Answers to ``weighted_sum_loop(weights, values)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


@right("three loops and a list")
def three_loops(weights, values):
    sums = []
    for row in weights:
        total = [0.0] * values.shape[1]
        for weight, value in zip(row, values, strict=True):
            for d, number in enumerate(value):
                total[d] += weight * number
        sums.append(total)
    return np.array(sums)


@right("one matrix product")
def matrix_product(weights, values):
    return weights @ values


@right("einsum")
def einsum(weights, values):
    return np.einsum("qk,kd->qd", weights, values)


@right("np.apply_along_axis over the rows")
def along_axis(weights, values):
    return np.apply_along_axis(lambda row: (row[:, None] * values).sum(axis=0), 1, weights)


@right("torch inside, in float32")
def torch_inside(weights, values):
    return (torch.tensor(weights).float() @ torch.tensor(values).float()).numpy()


@right("rows stacked, column by column, not contiguous")
def stacked(weights, values):
    columns = [sum(weights[:, k] * values[k, d] for k in range(len(values))) for d in range(values.shape[1])]
    return np.stack(columns).T


@wrong("sums over the queries", "over the queries")
def over_queries(weights, values):
    sums = np.zeros((weights.shape[0], values.shape[1]))
    for i in range(len(weights)):
        for k in range(len(values)):
            sums[i] += weights[k, i] * values[k]
    return sums


@wrong("replaces instead of adding", "Only the last key")
def replaces(weights, values):
    sums = np.zeros((weights.shape[0], values.shape[1]))
    for i in range(len(weights)):
        for k in range(len(values)):
            sums[i] = weights[i, k] * values[k]
    return sums


@wrong("stops one key too early", "The last key is missing")
def too_early(weights, values):
    sums = np.zeros((weights.shape[0], values.shape[1]))
    for i in range(len(weights)):
        for k in range(len(values) - 1):
            sums[i] += weights[i, k] * values[k]
    return sums


@wrong("counts keys from 1", "The first key is missing")
def from_one(weights, values):
    sums = np.zeros((weights.shape[0], values.shape[1]))
    for i in range(len(weights)):
        for k in range(1, len(values)):
            sums[i] += weights[i, k] * values[k]
    return sums


@wrong("returns inside the loop", "return inside the loop")
def returns_inside(weights, values):
    sums = np.zeros((weights.shape[0], values.shape[1]))
    for i in range(len(weights)):
        for k in range(len(values)):
            sums[i] += weights[i, k] * values[k]
        return sums
    return sums


@wrong("does not start the sum afresh for each query", "start every query at zero")
def not_afresh(weights, values):
    sums, total = [], np.zeros(values.shape[1])
    for row in weights:
        for weight, value in zip(row, values, strict=True):
            total = total + weight * value
        sums.append(total)
    return np.array(sums)


@wrong("divides by the number of keys", "divided by the number of keys")
def mean(weights, values):
    return weights @ values / len(values)


@wrong("divides by the sum of the weights", "divided by the sum of the weights")
def normalised(weights, values):
    return weights @ values / weights.sum(axis=1, keepdims=True)


@wrong("takes the value of the best key", "one key's value a query")
def hard(weights, values):
    return values[weights.argmax(axis=1)]


@wrong("keeps the sums in whole numbers", "whole numbers")
def whole_numbers(weights, values):
    sums = np.zeros((weights.shape[0], values.shape[1]), dtype=int)
    for i in range(len(weights)):
        for d in range(values.shape[1]):
            sums[i, d] = sum(weights[i, k] * values[k, d] for k in range(len(values)))
    return sums


@wrong("keeps the sums in the dtype of the values, which may be whole numbers", "lost their fractions")
def dtype_of_the_values(weights, values):
    sums = np.zeros((weights.shape[0], values.shape[1]), dtype=values.dtype)
    for i in range(len(weights)):
        for d in range(values.shape[1]):
            sums[i, d] = sum(weights[i, k] * values[k, d] for k in range(len(values)))
    return sums


@wrong("hard-codes three queries and three keys", None)
def hard_coded_shape(weights, values):
    sums = np.zeros((3, 2)) if len(weights) == 3 else np.zeros((1, 2))
    for i in range(len(sums)):
        for k in range(3):
            sums[i] += weights[i, k] * values[k]
    return sums


@wrong("gives the result the shape of the weights", "expected (3, 2)")
def shape_of_the_weights(weights, values):
    sums = np.zeros_like(weights)
    for i in range(len(weights)):
        for k in range(len(values)):
            sums[i, : values.shape[1]] += weights[i, k] * values[k]
    return sums


@wrong("sums over dim as well", "expected (3, 2)")
def over_dim_too(weights, values):
    return np.array([sum(w * v.sum() for w, v in zip(row, values, strict=True)) for row in weights])


@wrong("crosses off the weights it has used", "weights was changed")
def in_place(weights, values):
    sums = np.zeros((weights.shape[0], values.shape[1]))
    for i in range(len(weights)):
        for k in range(len(values)):
            sums[i] += weights[i, k] * values[k]
            weights[i, k] = 0
    return sums


@wrong("adds up in the first value, which the next query then finds changed", None)
def adds_up_in_the_first_value(weights, values):
    sums = []
    for row in weights:
        total = values[0]
        total *= row[0]
        for weight, value in zip(row[1:], values[1:], strict=True):
            total += weight * value
        sums.append(total.copy())
    return np.array(sums)


@wrong("computes the sums and returns nothing", "without a return statement")
def no_return(weights, values):
    weights @ values


@wrong("keeps the sums in the dtype of the weights, which may be whole numbers", "lost their fractions")
def dtype_of_the_weights(weights, values):
    sums = np.zeros((weights.shape[0], values.shape[1]), dtype=weights.dtype)
    for i in range(len(weights)):
        for d in range(values.shape[1]):
            sums[i, d] = sum(weights[i, k] * values[k, d] for k in range(len(values)))
    return sums


@wrong("adds up in the dtype of the values, term by term", "lost their fractions")
def dtype_of_the_values_term_by_term(weights, values):
    sums = np.zeros((weights.shape[0], values.shape[1]), dtype=values.dtype)
    for i in range(len(weights)):
        for k in range(len(values)):
            for d in range(values.shape[1]):
                sums[i, d] += weights[i, k] * values[k, d]
    return sums


@wrong("gives the result the shape of the values", "a row for every key")
def shape_of_the_values(weights, values):
    sums = np.zeros_like(values)
    for i in range(len(weights)):
        for k in range(len(values)):
            sums[i] += weights[i, k] * values[k]
    return sums


@wrong("takes values[i] for values[k]", "took values[i]")
def value_of_the_query(weights, values):
    sums = np.zeros((weights.shape[0], values.shape[1]))
    for i in range(len(weights)):
        for k in range(len(values)):
            sums[i] += weights[i, k] * values[i]
    return sums


@wrong("counts the first key twice", "counted twice")
def first_key_twice(weights, values):
    sums = weights[:, :1] * values[0]
    for i in range(len(weights)):
        for k in range(len(values)):
            sums[i] += weights[i, k] * values[k]
    return sums


@wrong("returns float16", "dtype float16")
def float16_returned(weights, values):
    return (weights @ values).astype("float16")


@wrong("leaves out negative weights", None)
def negative_weights_left_out(weights, values):
    return np.maximum(weights, 0) @ values


@wrong("counts three keys at most", None)
def three_keys_at_most(weights, values):
    return weights[:, :3] @ values[:3]
