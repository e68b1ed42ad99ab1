"""Answers to ``place_weights(t, s, FC, b, mask)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def coefficients(t, s, FC, b):
    return torch.cat([t, s], dim=1) @ FC.T + b


def masked(scores, mask, dim=-1):
    return torch.softmax(scores[:, : mask.shape[1]].masked_fill(~mask, -math.inf), dim=dim)


@right("a loop over sentences and places")
def loop(t, s, FC, b, mask):
    W = torch.zeros(mask.shape, dtype=t.dtype)
    for row in range(len(t)):
        ts = torch.cat([t[row], s[row]])
        places = [k for k in range(mask.shape[1]) if mask[row, k]]
        scores = [float(FC[k] @ ts + b[k]) for k in places]
        e = [math.exp(score - max(scores)) for score in scores]
        for k, number in zip(places, e, strict=True):
            W[row, k] = number / sum(e)
    return W


@right("the layer cut to the places of the batch first")
def layer_cut(t, s, FC, b, mask):
    n = mask.shape[1]
    return torch.nn.functional.linear(torch.cat([t, s], dim=-1), FC[:n], b[:n]).where(mask, -torch.inf).softmax(dim=-1)


@right("the layer cut in two")
def layer_in_two(t, s, FC, b, mask):
    e = t.shape[1]
    scores = t @ FC[:, :e].T + s @ FC[:, e:].T + b
    return masked(scores, mask)


@right("NumPy inside")
def numpy_inside(t, s, FC, b, mask):
    scores = np.hstack([t.numpy(), s.numpy()]) @ FC.numpy().T + b.numpy()
    scores = np.where(mask.numpy(), scores[:, : mask.shape[1]], -np.inf)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@right("sentence by sentence, the words alone, padded afterwards")
def words_alone(t, s, FC, b, mask):
    rows = []
    for scores, words in zip(coefficients(t, s, FC, b), mask, strict=True):
        n = int(words.sum())
        rows.append(torch.nn.functional.pad(torch.softmax(scores[:n], dim=0), (0, len(words) - n)))
    return torch.stack(rows)


@right("the mask padded to all places, einsum, the rest cut afterwards")
def mask_padded(t, s, FC, b, mask):
    scores = torch.einsum("bw,pw->bp", torch.cat([t, s], dim=-1), FC).add(b)
    full = torch.nn.functional.pad(mask, (0, len(FC) - mask.shape[1]))
    return scores.masked_fill(full.logical_not(), -1e30).softmax(dim=1)[:, : mask.shape[1]]


@right("logsumexp in float64")
def logsumexp(t, s, FC, b, mask):
    scores = coefficients(t.double(), s.double(), FC.double(), b.double())[:, : mask.shape[1]]
    scores = scores.masked_fill(~mask, -torch.inf)
    return (scores - scores.logsumexp(dim=1, keepdim=True)).exp().to(t.dtype)


@wrong("state before word", "The state comes before the word: FC reads t first.")
def order(t, s, FC, b, mask):
    return masked(torch.cat([s, t], dim=1) @ FC.T + b, mask)


@wrong("no bias", "The bias is missing, or it is the same for all places, which changes nothing.")
def no_bias(t, s, FC, b, mask):
    return masked(torch.cat([t, s], dim=1) @ FC.T, mask)


@wrong("the bias subtracted", "The bias is subtracted: add it.")
def bias_subtracted(t, s, FC, b, mask):
    return masked(coefficients(t, s, FC, -b), mask)


@wrong("one bias a sentence", "The bias is missing, or it is the same for all places, which changes nothing.")
def one_bias(t, s, FC, b, mask):
    return masked(torch.cat([t, s], dim=1) @ FC.T + b[0], mask) + 0 * coefficients(t, s, FC, b)[:, : mask.shape[1]]


@wrong("no mask", "Padding gets weight: leave it out of the softmax.")
def no_mask(t, s, FC, b, mask):
    return torch.softmax(coefficients(t, s, FC, b)[:, : mask.shape[1]], dim=-1)


@wrong(
    "no mask, all places in the softmax",
    "All places of the layer are in the softmax, padding and those after the batch's end.",
)
def all_places(t, s, FC, b, mask):
    return torch.softmax(coefficients(t, s, FC, b), dim=-1)[:, : mask.shape[1]]


@wrong(
    "all places in the softmax, then the mask",
    "All places of the layer are in the softmax, and the mask came after it: the weights of a row don't sum to 1.",
)
def all_places_then_mask(t, s, FC, b, mask):
    return all_places(t, s, FC, b, mask) * mask


@wrong(
    "places after the batch in the softmax",
    "The places after the end of the batch are in the softmax: cut them off before it.",
)
def later_places(t, s, FC, b, mask):
    scores = coefficients(t, s, FC, b)
    full = torch.ones_like(scores, dtype=torch.bool)
    full[:, : mask.shape[1]] = mask
    return torch.softmax(scores.masked_fill(~full, -math.inf), dim=-1)[:, : mask.shape[1]]


@wrong("all places come back", "There is a weight for each place of the layer: return one for each place of the batch.")
def not_cut(t, s, FC, b, mask):
    return torch.softmax(coefficients(t, s, FC, b), dim=-1)


@wrong(
    "all places come back, masked",
    "There is a weight for each place of the layer, zeros included: return one for each place of the batch.",
)
def not_cut_masked(t, s, FC, b, mask):
    W = loop(t, s, FC, b, mask)
    return torch.cat([W, W.new_zeros(len(W), len(FC) - mask.shape[1])], dim=1)


@wrong("the last places", "The last places of the layer were taken: a sentence uses the first ones.")
def last_places(t, s, FC, b, mask):
    return masked(coefficients(t, s, FC, b)[:, len(FC) - mask.shape[1] :], mask)


@wrong("mask after the softmax", "The mask came after the softmax, so that the weights of a row don't sum to 1.")
def mask_afterwards(t, s, FC, b, mask):
    return no_mask(t, s, FC, b, mask) * mask


@wrong(
    "mask after the softmax, divided anew",
    "After the mask 0 was divided by 0: padding had all the weight. Mask the coefficients, not the weights.",
)
def divided_anew(t, s, FC, b, mask):
    W = no_mask(t, s, FC, b, mask) * mask
    return W / W.sum(dim=-1, keepdim=True)


@wrong(
    "coefficients times the mask",
    "Coefficients of padding became 0, which still gets weight: it is -inf that gets none.",
)
def coefficient_zero(t, s, FC, b, mask):
    return torch.softmax(coefficients(t, s, FC, b)[:, : mask.shape[1]] * mask, dim=-1)


@wrong("a mask of -100", "A number was taken off at padding that is too small against large coefficients: use -inf.")
def mask_too_small(t, s, FC, b, mask):
    return torch.softmax(coefficients(t, s, FC, b)[:, : mask.shape[1]] - 100.0 * (~mask).to(t.dtype), dim=-1)


@wrong("padding at -10,000", None)
def mask_of_ten_thousand(t, s, FC, b, mask):
    return torch.softmax(coefficients(t, s, FC, b)[:, : mask.shape[1]].masked_fill(~mask, -1e3), dim=-1)


@wrong("10,000 taken off at padding", None)
def ten_thousand_off(t, s, FC, b, mask):
    return torch.softmax(coefficients(t, s, FC, b)[:, : mask.shape[1]] - 1e4 * (~mask).to(t.dtype), dim=-1)


@wrong("the mask turned round", None)
def mask_turned(t, s, FC, b, mask):
    return masked(coefficients(t, s, FC, b), ~mask)


@wrong("softmax over the batch", "The softmax goes over the sentences: each row sums to 1 over the places.")
def over_batch(t, s, FC, b, mask):
    return masked(coefficients(t, s, FC, b), mask, dim=0)


@wrong("softmax over everything", "The softmax goes over the whole batch: each row sums to 1.")
def over_everything(t, s, FC, b, mask):
    scores = coefficients(t, s, FC, b)[:, : mask.shape[1]].masked_fill(~mask, -math.inf)
    return torch.softmax(scores.flatten(), dim=0).reshape(scores.shape)


@wrong(
    "exp without the largest taken off",
    "exp overflowed, and infinity was divided by infinity: take torch.softmax, or the largest coefficient off first.",
)
def overflow(t, s, FC, b, mask):
    e = coefficients(t, s, FC, b)[:, : mask.shape[1]].exp() * mask
    return e / e.sum(dim=-1, keepdim=True)


@wrong("the coefficients come back", "These are the coefficients: the softmax is missing.")
def no_softmax(t, s, FC, b, mask):
    return coefficients(t, s, FC, b)[:, : mask.shape[1]] * mask


@wrong("the coefficients with -inf", "These are the coefficients, -inf at padding: the softmax is missing.")
def no_softmax_masked(t, s, FC, b, mask):
    return coefficients(t, s, FC, b)[:, : mask.shape[1]].masked_fill(~mask, -math.inf)


@wrong("the coefficients over their sum", "The coefficients are divided by their sum: the exponential is missing.")
def no_exponential(t, s, FC, b, mask):
    scores = coefficients(t, s, FC, b)[:, : mask.shape[1]] * mask
    return scores / scores.sum(dim=-1, keepdim=True)


@wrong("a sigmoid", "Each place has a sigmoid of its own: take a softmax over the places.")
def sigmoid(t, s, FC, b, mask):
    return torch.sigmoid(coefficients(t, s, FC, b)[:, : mask.shape[1]]) * mask


@wrong("tanh before the softmax", "There is a tanh between the layer and the softmax: that is the additive score.")
def tanh(t, s, FC, b, mask):
    return masked(torch.tanh(coefficients(t, s, FC, b)), mask)


@wrong("relu before the softmax", "There is a relu between the layer and the softmax.")
def relu(t, s, FC, b, mask):
    return masked(torch.relu(coefficients(t, s, FC, b)), mask)


@wrong(
    "scaled by the root of the width",
    "The coefficients are divided by a root: these are no dot products of queries and keys.",
)
def scaled(t, s, FC, b, mask):
    return masked(coefficients(t, s, FC, b) / math.sqrt(FC.shape[1]), mask)


@wrong("two softmaxes", "There are two softmaxes.")
def two_softmaxes(t, s, FC, b, mask):
    return masked(masked(coefficients(t, s, FC, b), mask), mask)


@wrong("the word alone", "The state is missing: the layer reads both.")
def word_alone(t, s, FC, b, mask):
    return masked(coefficients(t, 0 * s, FC, b), mask)


@wrong("the state alone", "The word is missing: the layer reads both.")
def state_alone(t, s, FC, b, mask):
    return masked(coefficients(0 * t, s, FC, b), mask)


@wrong("the first sentence's state for all", "The first sentence's word and state were used for all.")
def first_state(t, s, FC, b, mask):
    return masked(coefficients(t, s, FC, b)[:1].expand(len(t), -1), mask)


@wrong("the first sentence's mask", "The first sentence's mask was used for all.")
def first_mask(t, s, FC, b, mask):
    return masked(coefficients(t, s, FC, b), mask[:1].expand_as(mask))


@wrong("the mean over the words", "All words get the same weight: the layer has no influence.")
def even(t, s, FC, b, mask):
    return mask.to(t.dtype) / mask.sum(dim=1, keepdim=True)


@wrong("the largest alone", "The largest coefficient gets all the weight: the weights are soft.")
def hard(t, s, FC, b, mask):
    scores = coefficients(t, s, FC, b)[:, : mask.shape[1]].masked_fill(~mask, -math.inf)
    return torch.nn.functional.one_hot(scores.argmax(dim=1), mask.shape[1]).to(t.dtype)


@wrong("logarithms", "These are the logarithms of the weights.")
def logarithms(t, s, FC, b, mask):
    return masked(coefficients(t, s, FC, b), mask).log()


@wrong("transposed", "One sentence a column: it is one a row.")
def transposed(t, s, FC, b, mask):
    return masked(coefficients(t, s, FC, b), mask).T


@wrong("an axis too many", "There is an axis of length 1 between: return (batch, key).")
def axis_too_many(t, s, FC, b, mask):
    return masked(coefficients(t, s, FC, b), mask)[:, None]


@wrong("reshaped instead of transposed", None)
def reshaped(t, s, FC, b, mask):
    return masked(torch.cat([t, s], dim=1) @ FC.reshape(FC.shape[1], FC.shape[0]) + b, mask)


@wrong("word and state alternate", None)
def alternate(t, s, FC, b, mask):
    if t.shape != s.shape:
        return masked(coefficients(t, s, FC, b), mask)
    return masked(torch.stack([t, s], dim=-1).reshape(len(t), -1) @ FC.T + b, mask)


@wrong("writes into the mask", "mask was changed by the call")
def writes(t, s, FC, b, mask):
    W = masked(coefficients(t, s, FC, b), mask)
    mask |= True
    return W
