"""Answers to ``masked_softmax(scores, mask)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def softmax(scores):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@right("a loop over the rows, allowed scores only")
def loop(scores, mask):
    mask = np.broadcast_to(mask, scores.shape)
    weights = np.zeros_like(scores)
    for place in np.ndindex(scores.shape[:-1]):
        allowed = mask[place]
        if allowed.any():
            weights[place][allowed] = softmax(scores[place][allowed])
    return weights


@right("-inf, then NaN replaced, with the warnings")
def nan_replaced(scores, mask):
    return np.nan_to_num(softmax(np.where(mask, scores, np.array(-np.inf, dtype=scores.dtype))))


@right("the smallest number of the dtype, then times the mask")
def smallest_number(scores, mask):
    weights = softmax(np.where(mask, scores, np.finfo(scores.dtype).min))
    return weights * mask


@right("np.max, np.exp and np.sum with where=")
def with_where(scores, mask):
    mask = np.broadcast_to(mask, scores.shape)
    largest = np.max(scores, axis=-1, keepdims=True, where=mask, initial=np.finfo(scores.dtype).min)
    exponentials = np.zeros_like(scores)
    np.exp(scores - largest, out=exponentials, where=mask)
    total = exponentials.sum(axis=-1, keepdims=True)
    return np.divide(exponentials, total, out=np.zeros_like(scores), where=total > 0)


@right("np.ma")
def masked_array(scores, mask):
    kept = np.ma.array(scores, mask=~np.broadcast_to(mask, scores.shape))
    exponentials = np.ma.exp(kept - kept.max(axis=-1, keepdims=True))
    return (exponentials / exponentials.sum(axis=-1, keepdims=True)).filled(0).astype(scores.dtype)


@right("torch inside, in float64")
def torch_inside(scores, mask):
    wide = torch.tensor(scores).double().masked_fill(~torch.tensor(mask), -torch.inf)
    exponentials = torch.exp(wide - wide.amax(dim=-1, keepdim=True))
    weights = exponentials / exponentials.sum(dim=-1, keepdim=True)
    return torch.nan_to_num(weights).numpy().astype(scores.dtype)


@wrong("masks after normalising", "came after the normalising")
def after_normalising(scores, mask):
    return softmax(scores) * mask


@wrong(
    "masks after normalising and normalises again: a large masked score empties the row", "subtracted as the largest"
)
def normalised_again(scores, mask):
    weights = softmax(scores) * mask
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where(total == 0, 1, total).astype(scores.dtype)


@wrong("ignores the mask", "mask is not used")
def ignored(scores, mask):
    return softmax(scores)


@wrong("takes True for masked", "turned round")
def turned_round(scores, mask):
    return nan_replaced(scores, ~mask)


@wrong("sets masked scores to 0", "set to 0")
def masked_to_zero(scores, mask):
    return softmax(np.where(mask, scores, np.zeros_like(scores)))


@wrong("multiplies scores by the mask", "set to 0")
def multiplied(scores, mask):
    return softmax(scores * mask)


@wrong("NaN where nothing is allowed", "allows nothing gives NaN")
def all_masked_nan(scores, mask):
    return softmax(np.where(mask, scores, -np.inf))


@wrong("uniform where nothing is allowed: -1e9 in float64", "evenly over forbidden places")
def all_masked_uniform(scores, mask):
    return softmax(np.where(mask, scores, -1e9))


@wrong("adds -1e9 times the inverted mask", "evenly over forbidden places")
def added(scores, mask):
    return softmax(scores + np.where(mask, 0.0, -1e9)).astype(scores.dtype)


@wrong("-1e9, and rows without an allowed place apart: an allowed -1e30 loses to it", "forbidden place won")
def large_negative(scores, mask):
    weights = softmax(np.where(mask, scores.astype(np.float64), -1e9))
    return np.where(mask.any(axis=-1, keepdims=True), weights, 0).astype(scores.dtype)


@wrong("-1e9, then times the mask", "taken for a forbidden one")
def large_negative_zeroed(scores, mask):
    return (softmax(np.where(mask, scores.astype(np.float64), -1e9)) * mask).astype(scores.dtype)


@wrong("-1e9 for float16 scores, which is -inf there", "-inf there")
def large_negative_in_float16(scores, mask):
    if scores.dtype != np.float16:
        return loop(scores, mask)
    return softmax(np.where(mask, scores, np.array(-1e9).astype(np.float16)))


@wrong("takes an allowed score below -1e20 for a forbidden one", "taken for a forbidden one")
def threshold(scores, mask):
    return loop(scores, np.broadcast_to(mask, scores.shape) & (scores.astype(np.float64) > -1e20))


@wrong("takes the largest over the masked places too", "subtracted as the largest")
def largest_of_masked_too(scores, mask):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True)) * mask
    total = exponentials.sum(axis=-1, keepdims=True)
    return exponentials / np.where(total == 0, 1, total).astype(scores.dtype)


@wrong("takes the largest over the masked places too, and divides by 0 in the end", "allows nothing gives NaN")
def largest_of_masked_too_unguarded(scores, mask):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True)) * mask
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@wrong("does not subtract the largest", "its exp is infinite")
def no_subtraction(scores, mask):
    exponentials = np.exp(scores) * mask
    total = exponentials.sum(axis=-1, keepdims=True)
    return exponentials / np.where(total == 0, 1, total).astype(scores.dtype)


@wrong("sums down the columns", "down the columns")
def columns(scores, mask):
    exponentials = np.exp(scores - scores.max()) * mask
    total = exponentials.sum(axis=0)
    return exponentials / np.where(total == 0, 1, total)


@wrong("divides by the sum of the whole array", "whole array")
def whole_array(scores, mask):
    exponentials = np.exp(scores - scores.max()) * mask
    return exponentials / exponentials.sum()


@wrong("forgets keepdims", "keepdims=True")
def no_keepdims(scores, mask):
    exponentials = np.exp(scores) * mask
    total = exponentials.sum(axis=-1)
    return exponentials / np.where(total == 0, 1, total)


@wrong("writes -inf into the scores", "scores was changed")
def in_place(scores, mask):
    scores[~np.broadcast_to(mask, scores.shape)] = -np.inf
    return np.nan_to_num(softmax(scores))


@wrong("indexes with the mask, so that it must have the shape of the scores", None)
def no_broadcasting(scores, mask):
    scores = scores.copy()
    scores[~mask] = -np.inf
    return np.nan_to_num(softmax(scores))


@wrong("returns float64", "has dtype float64, expected float16")
def float64_returned(scores, mask):
    return loop(scores.astype(np.float64), mask)


@wrong("zeros everything as soon as one row allows nothing", None)
def zeros_everything(scores, mask):
    if not np.broadcast_to(mask, scores.shape).any(axis=-1).all():
        return np.zeros_like(scores)
    return loop(scores, mask)


@wrong("asks whether the whole mask is empty, not a row", "allows nothing gives NaN")
def empty_mask_only(scores, mask):
    if not mask.any():
        return np.zeros_like(scores)
    return softmax(np.where(mask, scores, -np.inf))


@wrong("leaves the masked places out of the result", None)
def left_out(scores, mask):
    return softmax(scores[np.broadcast_to(mask, scores.shape)])


@wrong(
    "subtracts the largest allowed score of the whole array, and guards the sum", "of the whole array; every row has"
)
def largest_allowed_of_all(scores, mask):
    allowed = np.where(mask, scores.astype(np.float64), -np.inf)
    exponentials = np.exp(allowed - max(allowed.max(), -1e300))
    total = exponentials.sum(axis=-1, keepdims=True)
    return (exponentials / np.where(total == 0, 1, total)).astype(scores.dtype)


@wrong(
    "subtracts the largest allowed score of the whole array, and guards empty rows only", "its own. The other row gave"
)
def largest_allowed_of_all_unguarded(scores, mask):
    allowed = np.where(mask, scores.astype(np.float64), -np.inf)
    exponentials = np.exp(allowed - max(allowed.max(), -1e300))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return np.where(np.any(mask, axis=-1, keepdims=True), weights, 0).astype(scores.dtype)
