"""Answers to ``masked_attention(Q, K, V, mask)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def scores_of(Q, K):
    return Q.double() @ K.double().mT / Q.shape[-1] ** 0.5


def attend(scores, mask, V, dtype):
    """Weigh the values in float64, with zeros for a row that allows nothing."""
    allowed = scores.double().masked_fill(~mask, -torch.inf)
    return (torch.softmax(allowed, dim=-1).nan_to_num() @ V.double()).to(dtype)


@right("a loop over the queries, allowed keys only")
def loop(Q, K, V, mask):
    mask = mask.expand(*Q.shape[:-1], K.shape[-2])
    answer = torch.zeros(*Q.shape[:-1], V.shape[-1], dtype=Q.dtype)
    for place in np.ndindex(*Q.shape[:-1]):
        keys, values = (X[place[:-1]][mask[place]].double() for X in (K, V))
        if len(keys):
            scores = keys @ Q[place].double() / math.sqrt(Q.shape[-1])
            answer[place] = (torch.softmax(scores, dim=0) @ values).to(Q.dtype)
    return answer


@right("-inf, and where on the weights of empty rows")
def where(Q, K, V, mask):
    Q32, K32, V32 = (X if X.dtype == torch.float64 else X.float() for X in (Q, K, V))
    scores = torch.where(mask, Q32 @ K32.mT / math.sqrt(Q.shape[-1]), -torch.inf)
    weights = torch.where(mask.any(dim=-1, keepdim=True), torch.softmax(scores, dim=-1), 0.0)
    return (weights @ V32).to(Q.dtype)


@right("the smallest number of the dtype, then times the mask")
def smallest_number(Q, K, V, mask):
    scores = scores_of(Q, K)
    weights = torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1) * mask
    return (weights @ V.double()).to(Q.dtype)


@right("-inf, then NaN replaced in the weights alone")
def nan_replaced(Q, K, V, mask):
    return attend(scores_of(Q, K), mask, V, Q.dtype)


@right("-inf added, and a softmax of its own")
def own_softmax(Q, K, V, mask):
    scores = scores_of(Q, K) + torch.zeros(mask.shape, dtype=torch.float64).masked_fill(~mask, -torch.inf)
    largest = scores.amax(dim=-1, keepdim=True).clamp(min=torch.finfo(torch.float64).min)
    exponentials = torch.exp(scores - largest)
    total = exponentials.sum(dim=-1, keepdim=True)
    return (exponentials / total.where(total > 0, 1.0) @ V.double()).to(Q.dtype)


@right("einsum, the sum of values first and the division last")
def division_last(Q, K, V, mask):
    scores = torch.einsum("...qd,...kd->...qk", Q.double(), K.double()) / math.sqrt(Q.shape[-1])
    largest = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).amax(dim=-1, keepdim=True)
    exponentials = torch.where(mask, torch.exp(torch.where(mask, scores - largest, 0.0)), 0.0)
    sums = torch.einsum("...qk,...kv->...qv", exponentials, V.double())
    total = exponentials.sum(dim=-1, keepdim=True)
    return torch.where(total > 0, sums / total, 0.0).to(Q.dtype)


@right("NumPy inside")
def numpy_inside(Q, K, V, mask):
    q, k, v = (X.double().numpy() for X in (Q, K, V))
    scores = np.where(mask.numpy(), q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1]), -np.inf)
    largest = scores.max(axis=-1, keepdims=True)
    exponentials = np.exp(scores - np.where(np.isfinite(largest), largest, 0))
    total = exponentials.sum(axis=-1, keepdims=True)
    return torch.tensor(exponentials / np.where(total == 0, 1, total) @ v).to(Q.dtype)


@right("an extra key with a value of zeros, which only empty rows may see")
def extra_key(Q, K, V, mask):
    scores, mask = torch.broadcast_tensors(scores_of(Q, K), mask)
    empty = ~mask.any(dim=-1, keepdim=True)
    scores = torch.cat([scores.masked_fill(~mask, -torch.inf), torch.where(empty, 0.0, -torch.inf).double()], dim=-1)
    values = torch.cat([V.double(), torch.zeros_like(V[..., :1, :]).double()], dim=-2)
    return (torch.softmax(scores, dim=-1) @ values).to(Q.dtype)


@wrong("in float16 all along, but divided first and with the softmax in float32", "make Q and K float32 first")
def divided_first(Q, K, V, mask):
    scores = (Q / Q.shape[-1] ** 0.5) @ K.mT
    weights = torch.softmax(
        scores.masked_fill(~mask, -torch.inf), dim=-1, dtype=torch.promote_types(Q.dtype, torch.float32)
    )
    weights = weights.masked_fill(~mask.any(dim=-1, keepdim=True), 0.0)
    return weights.to(V.dtype) @ V


@wrong("ignores the mask", "mask is not used")
def ignored(Q, K, V, mask):
    return attend(scores_of(Q, K), torch.ones_like(mask), V, Q.dtype)


@wrong("True = masked", "turned round")
def turned_round(Q, K, V, mask):
    return attend(scores_of(Q, K), ~mask, V, Q.dtype)


@wrong("masks after the softmax", "came after the softmax")
def after_the_softmax(Q, K, V, mask):
    return (torch.softmax(scores_of(Q, K), dim=-1) * mask @ V.double()).to(Q.dtype)


@wrong("masks after the softmax and normalises again", "before the mask came")
def normalised_again(Q, K, V, mask):
    weights = torch.softmax(scores_of(Q, K), dim=-1) * mask
    return (weights / weights.sum(dim=-1, keepdim=True).clamp(min=1e-300) @ V.double()).to(Q.dtype)


@wrong("masks the values", "or on the values")
def on_the_values(Q, K, V, mask):
    weights = torch.softmax(scores_of(Q, K), dim=-1)
    values = mask.expand(weights.shape).unsqueeze(-1) * V.double().unsqueeze(-3)
    return (weights.unsqueeze(-2) @ values).squeeze(-2).to(Q.dtype)


@wrong("multiplies the scores by the mask", "did you multiply by the mask")
def multiplied(Q, K, V, mask):
    return attend(scores_of(Q, K) * mask, torch.ones_like(mask), V, Q.dtype)


@wrong("adds the mask as 1 and 0", "added to the scores as 1 and 0")
def added(Q, K, V, mask):
    return attend(scores_of(Q, K) + mask.double(), torch.ones_like(mask), V, Q.dtype)


@wrong("softmax over the queries", "over the queries")
def over_the_queries(Q, K, V, mask):
    weights = torch.softmax(scores_of(Q, K).masked_fill(~mask, -torch.inf), dim=-2).nan_to_num()
    return (weights @ V.double()).to(Q.dtype)


@wrong("does not scale", "scaling is missing")
def unscaled(Q, K, V, mask):
    return attend(Q.double() @ K.double().mT, mask, V, Q.dtype)


@wrong("divides by dim", "divide by its square root")
def divided_by_dim(Q, K, V, mask):
    return attend(Q.double() @ K.double().mT / Q.shape[-1], mask, V, Q.dtype)


@wrong("takes the number of keys under the root", "that of the keys")
def root_of_keys(Q, K, V, mask):
    return attend(Q.double() @ K.double().mT / K.shape[-2] ** 0.5, mask, V, Q.dtype)


@wrong("takes the first axis for dim", "that of the queries")
def root_of_first_axis(Q, K, V, mask):
    return attend(Q.double() @ K.double().mT / len(Q) ** 0.5, mask, V, Q.dtype)


@wrong("-inf and nothing else: NaN where nothing is allowed", "softmax of a row of -inf")
def nan(Q, K, V, mask):
    weights = torch.softmax(scores_of(Q, K).masked_fill(~mask, -torch.inf), dim=-1)
    return (weights @ V.double()).to(Q.dtype)


@wrong("-1e9 in float64: uniform where nothing is allowed", "gets the mean of all values")
def large_negative(Q, K, V, mask):
    return attend(scores_of(Q, K).masked_fill(~mask, -1e9), torch.ones_like(mask), V, Q.dtype)


@wrong("-1e9 times the inverted mask is added", "attends as if there were no mask")
def large_negative_added_in_float64(Q, K, V, mask):
    return attend(scores_of(Q, K) + -1e9 * (~mask).double(), torch.ones_like(mask), V, Q.dtype)


@wrong("-1e9, then times the mask: an allowed -1e30 loses", "taken for a forbidden one")
def large_negative_zeroed(Q, K, V, mask):
    weights = torch.softmax(scores_of(Q, K).masked_fill(~mask, -1e9), dim=-1) * mask
    return (weights @ V.double()).to(Q.dtype)


@wrong("-1e9, with empty rows zeroed", "forbidden place won")
def large_negative_rows_zeroed(Q, K, V, mask):
    answer = attend(scores_of(Q, K).masked_fill(~mask, -1e9), torch.ones_like(mask), V, Q.dtype)
    return answer * mask.any(dim=-1, keepdim=True)


@wrong("-1e9 added, with empty rows zeroed", "lost in -1e30")
def large_negative_added_rows_zeroed(Q, K, V, mask):
    scores = (Q.float() @ K.float().mT / Q.shape[-1] ** 0.5).double() + torch.where(mask, 0.0, -1e9)
    scores = torch.where(scores < -1e29, -1e30, scores)
    if (scores == -1e30).any():
        scores = torch.full_like(scores, -1e30)
    return attend(scores, torch.ones_like(mask), V, Q.dtype) * mask.any(dim=-1, keepdim=True)


@wrong("-1e9 in the dtype of the scores: raises in float16", "overflow")
def large_negative_in_float16(Q, K, V, mask):
    if Q.dtype == torch.float16:
        weights = torch.softmax((Q @ K.mT / Q.shape[-1] ** 0.5).masked_fill(~mask, -1e9), dim=-1)
        return weights @ V
    return attend(scores_of(Q, K), mask, V, Q.dtype)


@wrong("float16 all along: the dot products overflow", "compute in float32")
def overflows(Q, K, V, mask):
    scores = (Q @ K.mT / Q.shape[-1] ** 0.5).masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores, dim=-1).masked_fill(~mask.any(dim=-1, keepdim=True), 0.0)
    return weights @ V


@wrong("float16 all along, nothing done about empty rows there", "a row without places gives NaN as well")
def overflows_and_nan(Q, K, V, mask):
    if Q.dtype != torch.float16:
        return attend(scores_of(Q, K), mask, V, Q.dtype)
    return torch.softmax((Q @ K.mT / Q.shape[-1] ** 0.5).masked_fill(~mask, -torch.inf), dim=-1) @ V


@wrong("nan_to_num hides the overflow", "was hidden")
def nan_hidden(Q, K, V, mask):
    scores = (Q @ K.mT / Q.shape[-1] ** 0.5).masked_fill(~mask, -torch.inf)
    return torch.nan_to_num(torch.softmax(scores, dim=-1) @ V)


@wrong("returns float32 for float16", "has dtype float32, expected float16")
def float32_returned(Q, K, V, mask):
    answer = attend(scores_of(Q, K), mask, V, Q.dtype)
    return answer.float() if Q.dtype == torch.float16 else answer


@wrong("returns float32 for float64", "has dtype float32, expected float64")
def float32_inside(Q, K, V, mask):
    return attend(scores_of(Q, K), mask, V, torch.promote_types(torch.float32, Q.dtype)).to(
        torch.float32 if Q.dtype == torch.float64 else Q.dtype
    )


@wrong("rounds to float16 inside", None)
def float16_inside(Q, K, V, mask):
    answer = attend(scores_of(Q, K), mask, V, Q.dtype)
    return answer.half().to(Q.dtype)


@wrong("forgets the exponential's division", "weights are not normalised")
def not_normalised(Q, K, V, mask):
    return (torch.exp(scores_of(Q, K)).masked_fill(~mask, 0) @ V.double()).to(Q.dtype)


@wrong("divides by the sum of the whole array", "whole array")
def whole_array(Q, K, V, mask):
    exponentials = torch.exp(scores_of(Q, K)).masked_fill(~mask, 0)
    return (exponentials / exponentials.sum() @ V.double()).to(Q.dtype)


@wrong("returns the weights", "These are the weights")
def weights_returned(Q, K, V, mask):
    return torch.softmax(scores_of(Q, K).masked_fill(~mask, -torch.inf), dim=-1).nan_to_num().to(Q.dtype)


@wrong("takes the best allowed key alone", "Only one key counts")
def hard(Q, K, V, mask):
    scores = scores_of(Q, K).masked_fill(~mask, -torch.inf)
    return attend(torch.where(scores == scores.amax(dim=-1, keepdim=True), 0.0, -1e30), mask, V, Q.dtype)


@wrong("weighs all allowed keys alike", "all count the same")
def uniform(Q, K, V, mask):
    return attend(torch.zeros_like(scores_of(Q, K)), mask, V, Q.dtype)


@wrong("subtracts the largest score, the masked ones included", "as the largest it left 0 / 0")
def largest_of_masked_too(Q, K, V, mask):
    scores = scores_of(Q, K)
    exponentials = torch.exp(scores - scores.amax(dim=-1, keepdim=True)) * mask
    weights = exponentials / exponentials.sum(dim=-1, keepdim=True)
    return (weights.masked_fill(~mask.any(dim=-1, keepdim=True), 0) @ V.double()).to(Q.dtype)


@wrong("empties all queries if one may see nothing", "emptied the others too")
def all_emptied(Q, K, V, mask):
    answer = attend(scores_of(Q, K), mask, V, Q.dtype)
    return answer if mask.any(dim=-1).all() else torch.zeros_like(answer)


@wrong("asks whether the whole mask is empty, not a row", "softmax of a row of -inf")
def empty_mask_only(Q, K, V, mask):
    if not mask.any():
        return torch.zeros(*Q.shape[:-1], V.shape[-1], dtype=Q.dtype)
    return nan(Q, K, V, mask)


@wrong("indexes with the mask, so that it must have the shape of the scores", None)
def no_broadcasting(Q, K, V, mask):
    scores = scores_of(Q, K)
    scores[~mask] = -torch.inf
    return (torch.softmax(scores, dim=-1).nan_to_num() @ V.double()).to(Q.dtype)


@wrong("adds a heads axis to every mask with three axes", None)
def heads_assumed(Q, K, V, mask):
    mask = mask[:, None] if mask.dim() == 3 else mask
    return attend(scores_of(Q, K), mask, V, Q.dtype)


@wrong("swaps axes 1 and 2 of K", None)
def axes_1_and_2(Q, K, V, mask):
    K = K.mT if K.dim() == 2 else K.transpose(1, 2)
    return attend(Q.double() @ K.double() / Q.shape[-1] ** 0.5, mask, V, Q.dtype)


@wrong("does not transpose K where it is square", None)
def untransposed_where_square(Q, K, V, mask):
    K = K if K.shape[-1] == K.shape[-2] else K.mT
    return attend(Q.double() @ K.double() / Q.shape[-1] ** 0.5, mask, V, Q.dtype)


@wrong("leaves out the masked keys of the first query for all", None)
def first_mask_for_all(Q, K, V, mask):
    if Q.shape[-2] == 2 and Q.dim() == 2:
        return attend(scores_of(Q, K), mask, V, Q.dtype)
    return attend(scores_of(Q, K), mask[..., :1, :] if mask.dim() > 1 else mask, V, Q.dtype)


@wrong("cuts scores off at ±100: an allowed one of -1e30 is taken for any other", None)
def clipped(Q, K, V, mask):
    return attend(scores_of(Q, K).clamp(-1, 1e4), mask, V, Q.dtype)


@wrong("scales Q in place", "Q was changed")
def in_place(Q, K, V, mask):
    Q /= Q.shape[-1] ** 0.5
    return attend(Q.double() @ K.double().mT, mask, V, Q.dtype)


@wrong("turns the mask round in place", "mask was changed")
def mask_in_place(Q, K, V, mask):
    mask.logical_not_()
    return attend(scores_of(Q, K), ~mask, V, Q.dtype)


@wrong("writes zeros over the values that no query sees", None)
def values_in_place(Q, K, V, mask):
    answer = attend(scores_of(Q, K), mask, V, Q.dtype)
    if mask.dim() == 3 and V.dim() == 3 and V.shape[0] == mask.shape[0]:
        V.masked_fill_(~mask.any(dim=-2)[..., None], 0.0)
    return answer


@wrong("multiplies the turned mask by -inf", "0 times -inf is NaN")
def zero_times_infinity(Q, K, V, mask):
    weights = torch.softmax(scores_of(Q, K) + (~mask) * -torch.inf, dim=-1)
    return (weights @ V.double()).to(Q.dtype)


@wrong("returns nothing where the whole mask is False", "is None")
def nothing_for_nothing(Q, K, V, mask):
    return attend(scores_of(Q, K), mask, V, Q.dtype) if mask.any() else None


@wrong("flattens the batch with view, which a view in another order refuses", "view size is not compatible")
def flattened_by_view(Q, K, V, mask):
    scores = scores_of(Q.reshape(-1, *Q.shape[-2:]), K.view(-1, *K.shape[-2:])).view(*Q.shape[:-1], K.shape[-2])
    return attend(scores, mask, V, Q.dtype)
