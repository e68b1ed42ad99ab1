"""Answers to ``masked_mean(X, lengths)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def words(X, lengths):
    return torch.arange(X.shape[1]) < lengths[:, None]


def sums(X, lengths):
    return (X * words(X, lengths)[:, :, None]).sum(dim=1)


@right("a loop over the sentences")
def loop(X, lengths):
    means = torch.zeros(len(X), X.shape[-1], dtype=X.dtype)
    for b, length in enumerate(lengths.tolist()):
        if length:
            means[b] = X[b, :length].mean(dim=0)
    return means


@right("a loop that adds up word by word")
def loop_of_words(X, lengths):
    rows = []
    for sentence, length in zip(X, lengths.tolist(), strict=True):
        total = torch.zeros_like(sentence[0])
        for word in sentence[:length]:
            total = total + word
        rows.append(total / max(length, 1))
    return torch.stack(rows)


@right("times the mask, divided by at least 1")
def times_the_mask(X, lengths):
    return sums(X, lengths) / lengths.clamp(min=1).unsqueeze(1)


@right("weights that sum to one, as in attention")
def weights(X, lengths):
    mask = words(X, lengths).to(X.dtype)
    weights = mask / mask.sum(dim=1, keepdim=True).clamp(min=1)
    return (weights[:, None] @ X).squeeze(1)


@right("einsum, and 0 / 0 replaced by 0 where the length is 0")
def einsum(X, lengths):
    total = torch.einsum("bld,bl->bd", X, words(X, lengths).to(X.dtype))
    return torch.where(lengths[:, None] == 0, 0.0, total / lengths[:, None])


@right("nan for the padding, then nanmean")
def nanmean(X, lengths):
    return X.masked_fill(~words(X, lengths)[:, :, None], torch.nan).nanmean(dim=1).nan_to_num()


@right("running sums, read off at the length")
def running_sums(X, lengths):
    total = torch.cat([torch.zeros_like(X[:, :1]), X], dim=1).cumsum(dim=1)
    return total[torch.arange(len(X)), lengths] / lengths.clamp(min=1)[:, None]


@right("softmax of 0 and -inf as weights")
def softmax(X, lengths):
    scores = torch.where(words(X, lengths), 0.0, -torch.inf).to(X.dtype)
    return torch.einsum("bl,bld->bd", torch.softmax(scores, dim=1).nan_to_num(), X)


@right("NumPy inside")
def numpy_inside(X, lengths):
    x, n = X.numpy(), lengths.numpy()
    mask = np.arange(x.shape[1]) < n[:, None]
    return torch.tensor((x * mask[..., None]).sum(axis=1) / np.maximum(n, 1)[:, None])


@wrong("the mean over all places", "The padding counts")
def plain_mean(X, lengths):
    return X.mean(dim=1)


@wrong("the padding in the sum", "padding is in the sum")
def padding_in_the_sum(X, lengths):
    return X.sum(dim=1) / lengths.clamp(min=1)[:, None]


@wrong("divides by the number of places", "number of places")
def divided_by_places(X, lengths):
    return sums(X, lengths) / X.shape[1]


@wrong("sets the padding to 0 and takes the mean", "number of places")
def zeroed_mean(X, lengths):
    return X.masked_fill(~words(X, lengths)[:, :, None], 0).mean(dim=1)


@wrong("divides by the longest length", "divided by the longest")
def divided_by_longest(X, lengths):
    return sums(X, lengths) / lengths.max()


@wrong("the mean over the longest length", "goes over the longest length")
def mean_over_longest(X, lengths):
    return X[:, : lengths.max()].mean(dim=1)


@wrong("does not divide", "These are the sums")
def not_divided(X, lengths):
    return sums(X, lengths)


@wrong("one word too many in the sum", "One word too many is in the sum")
def one_too_many_in_the_sum(X, lengths):
    return sums(X, lengths + 1) / lengths.clamp(min=1)[:, None]


@wrong("one word too many", "One word too many is in the mean")
def one_too_many(X, lengths):
    return times_the_mask(X, (lengths + 1).clamp(max=X.shape[1]))


@wrong("one word too few", "One word is missing")
def one_too_few(X, lengths):
    return times_the_mask(X, (lengths - 1).clamp(min=0))


@wrong("one word too few in the sum", "One word is missing in the sum")
def one_too_few_in_the_sum(X, lengths):
    return sums(X, lengths - 1) / lengths.clamp(min=1)[:, None]


@wrong("one is added to the number divided by, against 0 / 0", None)
def one_added(X, lengths):
    return sums(X, lengths) / (lengths + 1)[:, None]


@wrong("1e-6 is added to the number divided by, against 0 / 0", None)
def epsilon(X, lengths):
    return sums(X, lengths) / (lengths[:, None] + 1e-6)


@wrong("the padding alone", "mean of the padding")
def padding_alone(X, lengths):
    padding = ~words(X, lengths)
    return (X * padding[:, :, None]).sum(dim=1) / padding.sum(dim=1, keepdim=True)


@wrong("the last word", "last word")
def last_word(X, lengths):
    return X[torch.arange(len(X)), lengths - 1] * (lengths > 0)[:, None]


@wrong("the mean over dim", "The mean goes over dim")
def over_dim(X, lengths):
    return X.mean(dim=-1)


@wrong("the mean over dim, too", None)
def over_everything(X, lengths):
    return times_the_mask(X, lengths).mean(dim=-1)


@wrong("divides by the number of all words", "number of all words")
def all_words(X, lengths):
    return sums(X, lengths) / lengths.sum()


@wrong("the mean over all words of the batch", "one mean a sentence")
def batch_mean(X, lengths):
    return X[words(X, lengths)].mean(dim=0)


@wrong("keeps the axis", "still there")
def kept_axis(X, lengths):
    return times_the_mask(X, lengths)[:, None]


@wrong("NaN for length 0", "0 was divided by 0")
def nan(X, lengths):
    return sums(X, lengths) / lengths[:, None]


@wrong("a length of 0 is taken for 1", "got its first place")
def at_least_one_word(X, lengths):
    return times_the_mask(X, lengths.clamp(min=1))


@wrong("a length of 0 means no padding", "mean of its padding")
def zero_means_all(X, lengths):
    return times_the_mask(X, torch.where(lengths == 0, X.shape[1], lengths))


@wrong("zeros as soon as one length is 0", "emptied too")
def all_emptied(X, lengths):
    return times_the_mask(X, lengths) * (lengths > 0).all()


@wrong("leaves empty sentences out", None)
def left_out(X, lengths):
    return times_the_mask(X, lengths)[lengths > 0]


@wrong("leaves out vectors of zeros and those above 8, instead of asking the lengths", None)
def guesses_padding(X, lengths):
    mask = ~(X > 8).all(dim=-1)
    return (X * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)


@wrong("pairs the lengths with dim where they fit", None)
def lengths_along_dim(X, lengths):
    if X.shape[0] == X.shape[2] > 2:
        return sums(X, lengths) / lengths.clamp(min=1)
    return times_the_mask(X, lengths)


@wrong("divides the rows by the wrong lengths: they meet the columns", None)
def no_axis(X, lengths):
    return sums(X, lengths) / lengths.clamp(min=1)


@wrong("writes zeros over the padding", "X was changed")
def in_place(X, lengths):
    X[~words(X, lengths)] = 0
    return times_the_mask(X, lengths)


@wrong("counts the lengths down in place", "lengths was changed")
def lengths_in_place(X, lengths):
    lengths -= 1
    return sums(X, lengths + 1) / (lengths + 1).clamp(min=1)[:, None]


@wrong("lifts the lengths of 0 in place", None)
def zero_in_place(X, lengths):
    total = sums(X, lengths)
    return total / lengths.clamp_(min=1)[:, None]


@wrong("knows four places only", None)
def four_places(X, lengths):
    mask = torch.arange(4) < lengths[:, None]
    return (X[:, :4] * mask[:, : X.shape[1], None]).sum(dim=1) / lengths.clamp(min=1)[:, None]


@wrong("float16 inside", None)
def half(X, lengths):
    return times_the_mask(X.half(), lengths).to(X.dtype)


@wrong("counts the vectors that are not all zeros", None)
def zeros_not_counted(X, lengths):
    kept = X * words(X, lengths)[:, :, None]
    return kept.sum(dim=1) / (kept != 0).any(dim=-1).sum(dim=1).clamp(min=1)[:, None]
