"""Answers to ``softmax(scores, axis=-1)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


@right("the largest score subtracted, in the dtype of the scores")
def plain(scores, axis=-1):
    exponentials = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@right("a loop over the rows")
def loop(scores, axis=-1):
    rows = np.moveaxis(scores.astype(float), axis, -1)
    weights = np.empty(rows.shape)
    for place in np.ndindex(rows.shape[:-1]):
        exponentials = [np.exp(score - max(rows[place])) for score in rows[place]]
        weights[place] = np.array(exponentials) / sum(exponentials)
    return np.moveaxis(weights, -1, axis).astype(scores.dtype)


@right("np.apply_along_axis")
def along_axis(scores, axis=-1):
    def row(s):
        exponentials = np.exp(s - s.max())
        return exponentials / exponentials.sum()

    return np.apply_along_axis(row, axis, scores)


@right("through the logarithm: exp(score - log-sum-exp)")
def log_sum_exp(scores, axis=-1):
    largest = np.max(scores, axis=axis, keepdims=True)
    total = np.log(np.sum(np.exp(scores - largest), axis=axis, keepdims=True))
    return np.exp(scores - (largest + total))


@right("one over the sum of exp of differences, with its overflow warnings")
def differences(scores, axis=-1):
    rows = np.moveaxis(scores.astype(np.float64), axis, -1)
    weights = 1 / np.exp(rows[..., None, :] - rows[..., :, None]).sum(axis=-1)
    return np.moveaxis(weights, -1, axis).astype(scores.dtype)


@right("torch inside")
def torch_inside(scores, axis=-1):
    wide = torch.tensor(scores).double()
    exponentials = torch.exp(wide - wide.amax(dim=axis, keepdim=True))
    return (exponentials / exponentials.sum(dim=axis, keepdim=True)).numpy().astype(scores.dtype)


@right("more than the largest score subtracted")
def beyond_the_largest(scores, axis=-1):
    shifted = scores.astype(np.float64) - np.max(scores, axis=axis, keepdims=True) - 3
    return np.divide(np.exp(shifted), np.exp(shifted).sum(axis=axis, keepdims=True)).astype(scores.dtype)


@wrong("subtracts nothing", "exp overflowed")
def no_subtraction(scores, axis=-1):
    return np.exp(scores) / np.exp(scores).sum(axis=axis, keepdims=True)


@wrong("subtracts the mean", "exp overflowed")
def subtracts_the_mean(scores, axis=-1):
    exponentials = np.exp(scores - scores.mean(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("subtracts the smallest score", "exp overflowed")
def subtracts_the_smallest(scores, axis=-1):
    exponentials = np.exp(scores - scores.min(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("adds the largest score", "exp overflowed")
def adds_the_largest(scores, axis=-1):
    exponentials = np.exp(scores + scores.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("replaces the NaN of an overflow by 0", "replaced by 0")
def nan_replaced(scores, axis=-1):
    return np.nan_to_num(np.exp(scores) / np.exp(scores).sum(axis=axis, keepdims=True))


@wrong("cuts large scores off", "np.clip")
def clipped(scores, axis=-1):
    exponentials = np.exp(np.clip(scores, -500, 500))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("subtracts the largest score of the whole array", "largest score of the whole array")
def largest_of_all(scores, axis=-1):
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("subtracts the largest of the whole array and guards the sum", "row of small scores was lost")
def largest_of_all_guarded(scores, axis=-1):
    exponentials = np.exp(scores - scores.max())
    total = exponentials.sum(axis=axis, keepdims=True)
    return exponentials / np.where(total == 0, 1, total).astype(scores.dtype)


@wrong("subtracts the largest score of the column", "differs within a row")
def largest_of_the_column(scores, axis=-1):
    exponentials = np.exp(scores - scores.max(axis=0))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("takes the largest along the last axis, the sum along the axis asked for", "another axis than the sum")
def largest_along_the_last(scores, axis=-1):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("forgets keepdims in the largest", "largest scores met the columns")
def no_keepdims_in_the_largest(scores, axis=-1):
    exponentials = np.exp(scores - scores.max(axis=axis))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("forgets keepdims in the sum", "The sums of the rows met the columns")
def no_keepdims_in_the_sum(scores, axis=-1):
    exponentials = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis)


@wrong("forgets keepdims and subtracts nothing", "row sums met the columns")
def no_keepdims_no_subtraction(scores, axis=-1):
    return np.exp(scores) / np.exp(scores).sum(axis=axis)


@wrong("ignores the axis", "axis is not used")
def last_axis_only(scores, axis=-1):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@wrong("normalises the first axis by default", "down the columns")
def first_axis(scores, axis=0):
    exponentials = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("normalises the whole array", "over the whole array")
def whole_array(scores, axis=-1):
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum()


@wrong("divides the scores by their sum", "exponential is missing")
def no_exponential(scores, axis=-1):
    return scores / scores.sum(axis=axis, keepdims=True)


@wrong("does not divide by the sum", "but the exponentials are not divided")
def not_divided(scores, axis=-1):
    return np.exp(scores - scores.max(axis=axis, keepdims=True))


@wrong("turns the sign", "sign is turned")
def sign_turned(scores, axis=-1):
    exponentials = np.exp(scores.min(axis=axis, keepdims=True) - scores)
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("returns float64 for float32 scores", "has dtype float64, expected float16")
def float64_returned(scores, axis=-1):
    exponentials = np.exp(scores.astype(float) - scores.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("returns float32 for float64 scores", "has dtype float32, expected")
def float32_returned(scores, axis=-1):
    exponentials = np.exp(scores.astype(np.float32) - scores.max(axis=axis, keepdims=True).astype(np.float32))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("subtracts in place", "scores was changed")
def in_place(scores, axis=-1):
    scores -= scores.max(axis=axis, keepdims=True)
    return np.exp(scores) / np.exp(scores).sum(axis=axis, keepdims=True)


@wrong("works for one or two dimensions only", None)
def two_dimensions(scores, axis=-1):
    if scores.ndim == 2 and axis in (0, -2):
        return plain(scores.T).T
    return np.array([plain(row) for row in scores]) if scores.ndim > 1 else plain(scores)


@wrong("shifts large scores by a fixed 3000", None)
def fixed_shift(scores, axis=-1):
    shifted = scores - 3000 * np.sign(scores) * (np.abs(scores) > 1000)
    shifted = np.where(scores.min() < -1000 and scores.ndim == 1, scores - 3000, shifted).astype(scores.dtype)
    exponentials = np.exp(shifted.astype(np.float64))
    return (exponentials / exponentials.sum(axis=axis, keepdims=True)).astype(scores.dtype)


@wrong("subtracts the largest absolute value of the row", "the absolute value, or 0, is larger")
def largest_absolute(scores, axis=-1):
    exponentials = np.exp(scores - np.abs(scores).max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("subtracts the largest score, or 0 where that is negative", "the absolute value, or 0, is larger")
def largest_or_0(scores, axis=-1):
    exponentials = np.exp(scores - np.maximum(scores.max(axis=axis, keepdims=True), 0))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@wrong("subtracts the largest absolute value of the row and guards the sum", "is larger. Every exp became 0, and")
def largest_absolute_guarded(scores, axis=-1):
    exponentials = np.exp(scores - np.abs(scores).max(axis=axis, keepdims=True))
    total = exponentials.sum(axis=axis, keepdims=True)
    return exponentials / np.where(total == 0, 1, total).astype(scores.dtype)


@wrong("returns the logarithm of the weights", "logarithms of the weights")
def log_softmax(scores, axis=-1):
    shifted = scores - scores.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


@wrong("returns the weights and a number", "return more than one thing")
def two_things(scores, axis=-1):
    return plain(scores, axis), 1


@wrong("returns the weights and the exponentials", "return more than one thing")
def two_arrays(scores, axis=-1):
    return plain(scores, axis), np.exp(scores - scores.max(axis=axis, keepdims=True))
