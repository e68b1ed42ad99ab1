"""Answers to ``padding_mask(lengths, max_length)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def words(lengths, max_length):
    return torch.arange(max_length)[None, :] < lengths[:, None]


@right("a loop over sentences and positions")
def loop(lengths, max_length):
    return torch.tensor([[[k < length for k in range(max_length)]] for length in lengths.tolist()])


@right("a mask of False, filled sentence by sentence")
def filled(lengths, max_length):
    mask = torch.zeros(len(lengths), 1, max_length, dtype=torch.bool)
    for b, length in enumerate(lengths):
        mask[b, :, :length] = True
    return mask


@right("broadcasting, then unsqueeze")
def unsqueezed(lengths, max_length):
    return words(lengths, max_length).unsqueeze(1)


@right("the padding first, then turned round")
def turned_round(lengths, max_length):
    return ~torch.ge(torch.arange(max_length).expand(len(lengths), max_length), lengths.view(-1, 1))[:, None]


@right("ones summed up and compared")
def cumsum(lengths, max_length):
    return torch.ones(len(lengths), 1, max_length).cumsum(dim=-1) <= lengths.reshape(-1, 1, 1)


@right("NumPy inside, and a NumPy array comes back")
def numpy_inside(lengths, max_length):
    return np.arange(max_length) < lengths.numpy()[:, np.newaxis, np.newaxis]


@right("a row of a triangle for each length, not contiguous")
def triangle(lengths, max_length):
    rows = torch.tril(torch.ones(max_length + 1, max_length), diagonal=-1).bool()
    return rows.T[:, lengths].T[:, None]


@right("1 and 0, then bool")
def numbers_then_bool(lengths, max_length):
    return torch.where(torch.arange(max_length) < lengths[:, None, None], 1, 0).bool()


@wrong("one key too many", "k < length")
def one_too_many(lengths, max_length):
    return (torch.arange(max_length) <= lengths[:, None])[:, None]


@wrong("counts positions from 1", "count positions from 1")
def from_one(lengths, max_length):
    return (torch.arange(1, max_length + 1) < lengths[:, None])[:, None]


@wrong("True on the padding", "True stands on the padding")
def turned(lengths, max_length):
    return ~words(lengths, max_length)[:, None]


@wrong("True on the padding, without the axis of the queries", "missing, and True stands on the padding")
def turned_without_axis(lengths, max_length):
    return ~words(lengths, max_length)


@wrong("without the axis of the queries", "axis of the queries is missing")
def without_axis(lengths, max_length):
    return words(lengths, max_length)


@wrong("the axis last", "in the wrong place")
def axis_last(lengths, max_length):
    return words(lengths, max_length).unsqueeze(-1)


@wrong("the axis first", "came first")
def axis_first(lengths, max_length):
    return words(lengths, max_length)[None]


@wrong("as many queries as keys", "must have length 1")
def square(lengths, max_length):
    return words(lengths, max_length)[:, None, :].expand(-1, max_length, -1)


@wrong("ints", "returns numbers of dtype int64")
def ints(lengths, max_length):
    return words(lengths, max_length)[:, None].long()


@wrong("floats", "returns numbers of dtype float32")
def floats(lengths, max_length):
    return words(lengths, max_length)[:, None].float()


@wrong("0 and -inf, to be added", "to be added to scores")
def additive(lengths, max_length):
    return torch.where(words(lengths, max_length), 0.0, -torch.inf)[:, None]


@wrong("the longest length for all", "longest length")
def longest_for_all(lengths, max_length):
    return words(lengths.max().expand(len(lengths)), max_length)[:, None]


@wrong("as wide as the longest sentence", "as wide as the longest")
def as_wide_as_the_longest(lengths, max_length):
    return words(lengths, int(lengths.max()))[:, None]


@wrong("words at the end", "words are at the end")
def at_the_end(lengths, max_length):
    return words(lengths, max_length).flip(-1)[:, None]


@wrong("everything", "Everything is allowed")
def everything(lengths, max_length):
    return torch.ones(len(lengths), 1, max_length, dtype=torch.bool)


@wrong("marks the position of the length", "Only the position")
def one_position(lengths, max_length):
    return (torch.arange(max_length) == lengths[:, None])[:, None]


@wrong("gives a sentence without words one", None)
def at_least_one(lengths, max_length):
    return words(lengths.clamp(min=1), max_length)[:, None]


@wrong("knows the visible lengths only", None)
def hard_coded(lengths, max_length):
    return words(torch.tensor([3, 1, 0]), 4)[:, None]


@wrong("assumes three sentences", None)
def three_sentences(lengths, max_length):
    a, b, c = lengths
    return words(torch.stack([a, b, c]), max_length)[:, None]


@wrong("assumes lengths that fall", None)
def sorts(lengths, max_length):
    return words(lengths.sort(descending=True).values, max_length)[:, None]


@wrong("assumes that the longest sentence is not padded when it has 4 words or more", None)
def longest_is_full(lengths, max_length):
    full = lengths.max() if lengths.max() < 4 else max_length
    return words(torch.where(lengths == lengths.max(), full, lengths), max_length)[:, None]


@wrong("adds to the lengths in place", "lengths was changed")
def in_place(lengths, max_length):
    lengths += 1
    return (torch.arange(1, max_length + 1) < lengths[:, None])[:, None]


@wrong("fills by index, and lets length 0 mark the last place", None)
def index_of_last(lengths, max_length):
    mask = words(lengths, max_length)[:, None].clone()
    mask[torch.arange(len(lengths)), 0, lengths - 1] = True
    return mask
