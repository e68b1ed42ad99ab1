"""Answers to ``cached_mask(past, new)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def mask(past, new, offset=None):
    offset = past if offset is None else offset
    return torch.arange(past + new) <= torch.arange(new)[:, None] + offset


@right("a loop")
def loop(past, new):
    out = torch.zeros(new, past + new, dtype=torch.bool)
    for i in range(new):
        out[i, : past + i + 1] = True
    return out


@right("tril with a diagonal")
def lower_triangle(past, new):
    return torch.ones(new, past + new).tril(past).bool()


@right("ones beside a triangle")
def beside(past, new):
    return torch.cat([torch.ones(new, past), torch.tril(torch.ones(new, new))], dim=1) > 0


@right("the last rows of the mask of the whole sentence")
def last_rows(past, new):
    return torch.tril(torch.ones(past + new, past + new, dtype=torch.bool))[past:]


@right("NumPy")
def with_numpy(past, new):
    return torch.from_numpy(~np.triu(np.ones((new, past + new), dtype=bool), past + 1))


@right("a list of lists, made a tensor")
def comprehension(past, new):
    return torch.tensor([[k <= past + i for k in range(past + new)] for i in range(new)])


@wrong("no offset", "The triangle stands at the left: the first new word is at position past.")
def no_offset(past, new):
    return mask(past, new, 0)


@wrong("one key too few", "A word may attend to itself too.")
def strict(past, new):
    return mask(past, new, past - 1)


@wrong("one key too many", "A word sees the one after it.")
def one_too_many(past, new):
    return mask(past, new, past + 1)


@wrong("turned round", "The mask is turned round: True = may be attended to.")
def turned_round(past, new):
    return ~mask(past, new)


@wrong("the upper triangle", "Words see those after them and themselves, not those before.")
def upper(past, new):
    return torch.arange(past + new) >= torch.arange(past, past + new)[:, None]


@wrong("transposed", "The axes are exchanged: one row a new word, one column a key.")
def transposed(past, new):
    return mask(past, new).T


@wrong("everything", "Everything may be attended to: words after the own one may not.")
def everything(past, new):
    return torch.ones(new, past + new, dtype=torch.bool)


@wrong("the cache alone", "New words see the cache alone: they see themselves and the new ones before them too.")
def cache_alone(past, new):
    return (torch.arange(past + new) < past).expand(new, -1)


@wrong("the new words alone", "The words in the cache may not be attended to: they come before.")
def new_alone(past, new):
    m = mask(past, new).clone()
    m[:, :past] = False
    return m


@wrong("the cache and oneself", "A new word sees the cache and itself alone: it sees the new ones before it too.")
def cache_and_self(past, new):
    keys = torch.arange(past + new)
    return (keys < past) | (keys == torch.arange(past, past + new)[:, None])


@wrong("new words alone, without columns for the cache", "The columns of the cache are missing.")
def small(past, new):
    return torch.tril(torch.ones(new, new)).bool()


@wrong("the whole sentence", "The rows of the cache are there too: only new words ask.")
def whole(past, new):
    return mask(0, past + new)


@wrong("new before the cache", "The columns of the new words come first: the cache does.")
def other_order(past, new):
    return torch.cat([torch.tril(torch.ones(new, new)), torch.ones(new, past)], dim=1).bool()


@wrong("rows from the last to the first", "The rows are in the wrong order: the first new word comes first.")
def reversed_rows(past, new):
    return mask(past, new).flip(0)


@wrong("past and new exchanged", None)
def exchanged(past, new):
    return mask(new, past)


@wrong("numbers", "has dtype")
def numbers(past, new):
    return mask(past, new).float()


@wrong("integers", "has dtype")
def integers(past, new):
    return mask(past, new).long()


@wrong("0 and -inf", "These are numbers to add to the scores: return a boolean mask.")
def additive(past, new):
    return torch.zeros(new, past + new).masked_fill(~mask(past, new), -torch.inf)


@wrong("a window of three", None)
def window(past, new):
    keys, queries = torch.arange(past + new), torch.arange(past, past + new)[:, None]
    return (keys <= queries) & (keys > queries - max(past, 3) - 3)


@wrong("an axis too many", "has shape")
def an_axis_too_many(past, new):
    return mask(past, new)[None]


@wrong("one row alone", "has shape")
def last_row(past, new):
    return mask(past, new)[-1]


@wrong("made for past = new", None)
def square(past, new):
    return torch.arange(past + new) <= torch.arange(new)[:, None] + (past if past in (2, 3) else new)


@wrong("returns nothing", "is None")
def nothing(past, new):
    mask(past, new)
