"""Answers to ``soft_lookup(similarities, values)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


@right("a loop that skips rows of zeros")
def loop(similarities, values):
    answer = np.zeros((len(similarities), values.shape[1]))
    for i, row in enumerate(similarities):
        if row.sum() > 0:
            answer[i] = sum(similarity / row.sum() * value for similarity, value in zip(row, values, strict=True))
    return answer


@right("np.divide with where=")
def divide_where(similarities, values):
    total = similarities.sum(axis=1, keepdims=True)
    weights = np.divide(similarities, total, out=np.zeros_like(similarities), where=total > 0)
    return weights @ values


@right("0/0 allowed, with its warning, then NaN replaced")
def nan_replaced(similarities, values):
    return np.nan_to_num(similarities / similarities.sum(axis=1)[:, None]) @ values


@right("the sum first, the division last")
def division_last(similarities, values):
    total = np.einsum("qk->q", similarities)
    total[total == 0] = 1
    return np.einsum("qk,kd->qd", similarities, values) / total[:, np.newaxis]


@right("np.apply_along_axis over the rows")
def along_axis(similarities, values):
    return np.apply_along_axis(lambda row: row @ values / (row.sum() or 1.0), 1, similarities)


@right("torch inside")
def torch_inside(similarities, values):
    a, v = torch.tensor(similarities), torch.tensor(values)
    return torch.nan_to_num(a / a.sum(dim=1, keepdim=True)).matmul(v).numpy()


@wrong("normalises over the queries", "over the queries")
def over_queries(similarities, values):
    total = similarities.sum(axis=0)
    return similarities / np.where(total == 0, 1, total) @ values


@wrong("divides by the sum of the whole array", "whole array")
def whole_array(similarities, values):
    return similarities / similarities.sum() @ values


@wrong("forgets keepdims", "keepdims=True")
def no_keepdims(similarities, values):
    total = similarities.sum(axis=1)
    return similarities / np.where(total == 0, 1, total) @ values


@wrong("does not normalise", "not normalised")
def unnormalised(similarities, values):
    return similarities @ values


@wrong("divides by the number of keys", "number of keys")
def mean(similarities, values):
    return similarities @ values / len(values)


@wrong("divides by the largest similarity", "largest similarity")
def largest(similarities, values):
    top = similarities.max(axis=1, keepdims=True)
    return similarities / np.where(top == 0, 1, top) @ values


@wrong("takes the best key alone", "best key alone")
def hard(similarities, values):
    return values[similarities.argmax(axis=1)] * (similarities.max(axis=1, keepdims=True) > 0)


@wrong("takes a softmax of the similarities", "exp too many")
def softmax(similarities, values):
    kernel = np.exp(similarities)
    return kernel / kernel.sum(axis=1, keepdims=True) @ values


@wrong("NaN for a row of zeros", "0 was divided by 0")
def zero_row_nan(similarities, values):
    return similarities / similarities.sum(axis=1, keepdims=True) @ values


@wrong("asks whether the whole array is zero, not a row", "0 was divided by 0")
def zero_array_only(similarities, values):
    if similarities.sum() == 0:
        return np.zeros((len(similarities), values.shape[1]))
    return similarities / similarities.sum(axis=1, keepdims=True) @ values


@wrong("a row of zeros gets the plain mean", "plain mean")
def zero_row_mean(similarities, values):
    total = similarities.sum(axis=1, keepdims=True)
    weights = np.where(total == 0, 1 / len(values), similarities / np.where(total == 0, 1, total))
    return weights @ values


@wrong("adds 1e-8 to the sum", "has 1e-08 added")
def epsilon(similarities, values):
    return similarities / (similarities.sum(axis=1, keepdims=True) + 1e-8) @ values


@wrong("adds 1e-12 to the sum", "has 1e-12 added")
def smaller_epsilon(similarities, values):
    return similarities / (similarities.sum(axis=1, keepdims=True) + 1e-12) @ values


@wrong("takes a sum below 1e-6 for 0", "small sum was taken for 0")
def threshold(similarities, values):
    total = similarities.sum(axis=1, keepdims=True)
    return np.where(total > 1e-6, similarities / np.where(total > 1e-6, total, 1), 0) @ values


@wrong("replaces sums below 1 by 1", "sum below 1 was replaced")
def at_least_one(similarities, values):
    return similarities / np.maximum(similarities.sum(axis=1, keepdims=True), 1) @ values


@wrong("divides in place", "similarities was changed")
def in_place(similarities, values):
    total = similarities.sum(axis=1, keepdims=True)
    similarities /= np.where(total == 0, 1, total)
    return similarities @ values


@wrong("hard-codes the number of keys", None)
def hard_coded_shape(similarities, values):
    keys = 3 if similarities.shape[1] >= 3 else 2
    total = similarities[:, :keys].sum(axis=1, keepdims=True)
    return similarities[:, :keys] / np.where(total == 0, 1, total) @ values[:keys]


@wrong("takes a sum below 1e-6 for 0 and replaces it by 1", "taken for 0 and replaced by 1")
def small_sum_replaced(similarities, values):
    total = similarities.sum(axis=1, keepdims=True)
    return similarities / np.where(total < 1e-6, 1, total) @ values


@wrong("adds 1e-12 to the sum and hides it in float16", "dtype float16")
def epsilon_in_float16(similarities, values):
    return (similarities / (similarities.sum(axis=1, keepdims=True) + 1e-12) @ values).astype("float16")
