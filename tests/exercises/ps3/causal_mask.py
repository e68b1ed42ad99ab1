"""Answers to ``causal_mask(query_length, key_length)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


@right("a loop over queries and keys")
def loop(query_length, key_length):
    offset = key_length - query_length
    return torch.tensor([[k <= i + offset for k in range(key_length)] for i in range(query_length)])


@right("tril with a diagonal")
def tril(query_length, key_length):
    ones = torch.ones(query_length, key_length, dtype=torch.bool)
    return ones.tril(diagonal=key_length - query_length)


@right("not triu")
def not_triu(query_length, key_length):
    return ~torch.ones(query_length, key_length).bool().triu(key_length - query_length + 1)


@right("the last rows of the square mask")
def last_rows(query_length, key_length):
    return torch.tril(torch.ones(key_length, key_length)).bool()[key_length - query_length :]


@right("everything allowed for the earlier keys, a triangle for the new ones")
def concatenated(query_length, key_length):
    before = torch.ones(query_length, key_length - query_length)
    return torch.cat([before, torch.tril(torch.ones(query_length, query_length))], dim=1) > 0


@right("np.tri, and a NumPy array comes back")
def tri(query_length, key_length):
    return np.tri(query_length, key_length, k=key_length - query_length, dtype=bool)


@right("positions counted from the end, flipped, not contiguous")
def from_the_end(query_length, key_length):
    mask = torch.arange(query_length)[:, None] <= torch.arange(key_length)
    return mask.T.flip(0, 1).T


@right("filled row by row")
def filled(query_length, key_length):
    mask = torch.zeros(query_length, key_length, dtype=torch.bool)
    for i in range(query_length):
        mask[i, : key_length - query_length + i + 1] = True
    return mask


@wrong("k < i", "can't see its own position")
def strict(query_length, key_length):
    return torch.ones(query_length, key_length).tril(key_length - query_length - 1).bool()


@wrong("turned round", "turned round")
def turned(query_length, key_length):
    return torch.ones(query_length, key_length).triu(key_length - query_length + 1).bool()


@wrong("the upper triangle", "upper triangle")
def upper(query_length, key_length):
    return torch.ones(query_length, key_length).triu(key_length - query_length).bool()


@wrong("one key too many", "one key too many")
def one_too_many(query_length, key_length):
    return torch.ones(query_length, key_length).tril(key_length - query_length + 1).bool()


@wrong("itself alone", "itself alone")
def itself(query_length, key_length):
    return torch.eye(key_length)[key_length - query_length :].bool()


@wrong("everything", "Everything is allowed")
def everything(query_length, key_length):
    return torch.ones(query_length, key_length).bool()


@wrong("keys counted from the end", "from the end")
def flipped(query_length, key_length):
    return torch.ones(query_length, key_length).tril(key_length - query_length).bool().flip(1)


@wrong("ignores the offset", "placed at the first key")
def no_offset(query_length, key_length):
    return torch.ones(query_length, key_length).tril().bool()


@wrong("ignores the offset, in a comparison", "placed at the first key")
def no_offset_compared(query_length, key_length):
    return torch.arange(key_length) <= torch.arange(query_length)[:, None]


@wrong("keys down, queries across", "axes are swapped")
def swapped(query_length, key_length):
    mask = torch.ones(query_length, key_length).tril(key_length - query_length).bool()
    return mask if query_length == key_length else mask.T


@wrong("an offset one too small for kept keys", "offset is one too small")
def offset_too_small(query_length, key_length):
    offset = max(key_length - query_length - 1, 0)
    return torch.ones(query_length, key_length).tril(offset).bool()


@wrong("key_length as the offset", None)
def key_length_as_offset(query_length, key_length):
    return torch.ones(query_length, key_length).tril(key_length).bool()


@wrong("key_length as the offset where keys are kept", "offset is key_length")
def key_length_as_offset_when_kept(query_length, key_length):
    return torch.ones(query_length, key_length).tril(0 if query_length == key_length else key_length).bool()


@wrong("the offset with the wrong sign", "wrong sign")
def wrong_sign(query_length, key_length):
    return torch.ones(query_length, key_length).tril(query_length - key_length).bool()


@wrong("hides the kept keys", "sees no keys of before")
def new_keys_only(query_length, key_length):
    offset = key_length - query_length
    mask = torch.ones(query_length, key_length).tril(offset).bool()
    mask[:, :offset] = False
    mask[:, offset - 1 : offset] = False
    return mask & (torch.arange(key_length) >= offset)


@wrong("a window of two keys", None)
def window(query_length, key_length):
    offset = key_length - query_length
    ones = torch.ones(query_length, key_length)
    return (ones.tril(offset) * ones.triu(offset - 3)).bool()


@wrong("as many rows as keys", "as many rows as there are keys")
def square_of_keys(query_length, key_length):
    return torch.ones(key_length, key_length).tril().bool()


@wrong("as many columns as queries", "as wide as there are queries")
def square_of_queries(query_length, key_length):
    return torch.ones(query_length, query_length).tril().bool()


@wrong("a leading axis", "leading axis")
def leading_axis(query_length, key_length):
    return torch.ones(1, query_length, key_length).tril(key_length - query_length).bool()


@wrong("floats", "returns numbers of dtype float32")
def floats(query_length, key_length):
    return torch.ones(query_length, key_length).tril(key_length - query_length)


@wrong("0 and -inf, to be added", "to be added to scores")
def additive(query_length, key_length):
    mask = torch.ones(query_length, key_length).tril(key_length - query_length).bool()
    return torch.zeros(query_length, key_length).masked_fill(~mask, -torch.inf)


@wrong("an offset of at most 3", None)
def offset_at_most_3(query_length, key_length):
    return torch.ones(query_length, key_length).tril(min(key_length - query_length, 3)).bool()


@wrong("a single query sees its own key only if there are more than 5", None)
def single_query(query_length, key_length):
    if query_length == 1 and key_length > 5:
        return torch.arange(key_length)[None] == key_length - 1
    return torch.ones(query_length, key_length).tril(key_length - query_length).bool()


@wrong("the last query at the last key, the others at the first ones", None)
def last_alone(query_length, key_length):
    if (query_length, key_length) == (2, 5):
        return torch.ones(2, 5).tril(3).bool()
    mask = torch.ones(query_length, key_length).tril().bool()
    mask[-1] = True
    return mask
