"""Answers to ``to_ours(key_padding_mask, attn_mask)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def parts(key_padding_mask, attn_mask):
    """Return both masks with three axes, False where one is None."""
    nothing = torch.zeros(1, 1, 1, dtype=torch.bool)
    padding = nothing if key_padding_mask is None else key_padding_mask[:, None, :]
    hidden = nothing if attn_mask is None else attn_mask[None]
    return padding, hidden


@right("not (padding or hidden)")
def de_morgan(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return ~(padding | hidden)


@right("both turned round, then and")
def both_turned(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return torch.logical_and(~padding, hidden.logical_not())


@right("a mask of (query, key) where there is no padding mask")
def two_axes(key_padding_mask, attn_mask):
    if key_padding_mask is None:
        return ~attn_mask
    allowed = ~key_padding_mask.unsqueeze(1)
    if attn_mask is not None:
        allowed = allowed & ~attn_mask
    return allowed


@right("numbers added up and compared with 0")
def added(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return (padding.int() + hidden.int()) == 0


@right("a loop")
def loop(key_padding_mask, attn_mask):
    if key_padding_mask is None:
        return ~attn_mask.unsqueeze(0)
    if attn_mask is None:
        return ~key_padding_mask[:, None]
    batch, keys = key_padding_mask.shape
    allowed = torch.zeros(batch, len(attn_mask), keys, dtype=torch.bool)
    for b, i, k in np.ndindex(*allowed.shape):
        allowed[b, i, k] = not (key_padding_mask[b, k] or attn_mask[i, k])
    return allowed


@right("masked_fill, spread out in full")
def masked_fill(key_padding_mask, attn_mask):
    padding, hidden = torch.broadcast_tensors(*parts(key_padding_mask, attn_mask))
    return torch.ones(padding.shape, dtype=torch.bool).masked_fill(padding, False).masked_fill(hidden, False)


@right("== False, times, bool")
def times(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return ((padding == 0) * (hidden == 0)).bool()


@right("NumPy inside, and a NumPy array comes back")
def numpy_inside(key_padding_mask, attn_mask):
    padding, hidden = (part.numpy() for part in parts(key_padding_mask, attn_mask))
    return np.logical_not(np.logical_or(padding, hidden))


@wrong("does not turn round", "joined but not turned round")
def not_turned(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return padding | hidden


@wrong("or instead of and", "as soon as one mask allows it")
def either(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return ~padding | ~hidden


@wrong("and of both, not turned round", "where both masks ignore it")
def both_ignore(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return padding & hidden


@wrong("turns attn_mask round only", "attn_mask is turned round and key_padding_mask is not")
def attn_turned(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return padding & ~hidden


@wrong("turns key_padding_mask round only", "key_padding_mask is turned round and attn_mask is not")
def padding_turned(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return ~padding & hidden


@wrong("xor", "exactly one mask")
def xor(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return padding ^ hidden


@wrong("not xor", "masks agree")
def agree(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return ~(padding ^ hidden)


@wrong("forgets the axis of the queries", "sentences were taken for the queries")
def without_axis(key_padding_mask, attn_mask):
    if key_padding_mask is None or attn_mask is None:
        return ~(attn_mask if key_padding_mask is None else key_padding_mask)
    return ~(key_padding_mask | attn_mask)


@wrong("forgets the axis of the queries where there is no attn_mask", "make it (batch, 1, key)")
def without_axis_alone(key_padding_mask, attn_mask):
    if attn_mask is None:
        return ~key_padding_mask
    return de_morgan(key_padding_mask, attn_mask)


@wrong("puts the axis last", "key_padding_mask is transposed")
def axis_last(key_padding_mask, attn_mask):
    if key_padding_mask is None:
        return ~attn_mask
    padding = key_padding_mask[:, :, None]
    return ~padding if attn_mask is None else ~(padding | attn_mask)


@wrong("transposes attn_mask", "attn_mask is transposed")
def attn_transposed(key_padding_mask, attn_mask):
    return de_morgan(key_padding_mask, None if attn_mask is None else attn_mask.T)


@wrong("forgets attn_mask", "attn_mask is not used")
def attn_ignored(key_padding_mask, attn_mask):
    return ~attn_mask if key_padding_mask is None else ~key_padding_mask[:, None]


@wrong("forgets key_padding_mask", "key_padding_mask is not used")
def padding_ignored(key_padding_mask, attn_mask):
    return ~key_padding_mask[:, None] if attn_mask is None else ~attn_mask


@wrong("does not turn key_padding_mask round when it comes alone", "not turned round")
def alone_not_turned(key_padding_mask, attn_mask):
    if attn_mask is None:
        return key_padding_mask[:, None]
    return de_morgan(key_padding_mask, attn_mask)


@wrong("does not turn attn_mask round when it comes alone", "not turned round")
def attn_alone_not_turned(key_padding_mask, attn_mask):
    if key_padding_mask is None:
        return attn_mask
    return de_morgan(key_padding_mask, attn_mask)


@wrong("does not expect None", "NoneType")
def no_none(key_padding_mask, attn_mask):
    return ~key_padding_mask[:, None, :] & ~attn_mask


@wrong("returns None where one mask is None", "is None")
def none_returned(key_padding_mask, attn_mask):
    if key_padding_mask is None or attn_mask is None:
        return None
    return de_morgan(key_padding_mask, attn_mask)


@wrong("numbers", "returns numbers of dtype int64")
def numbers(key_padding_mask, attn_mask):
    return de_morgan(key_padding_mask, attn_mask).long()


@wrong("minus the mask in place of not: 1 - mask", "returns numbers of dtype")
def one_minus(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return (1 - padding.int()) * (1 - hidden.int())


@wrong("turns round in place", "was changed")
def in_place(key_padding_mask, attn_mask):
    padding, hidden = parts(key_padding_mask, attn_mask)
    return padding.logical_not_() & hidden.logical_not_()


@wrong("takes attn_mask for causal, whatever it holds", None)
def causal_assumed(key_padding_mask, attn_mask):
    if key_padding_mask is not None and attn_mask is not None and attn_mask[-1, 0] == attn_mask[0, -1]:
        return de_morgan(key_padding_mask, attn_mask)
    if attn_mask is None or attn_mask.shape[0] == attn_mask.shape[1] == 3:
        return de_morgan(key_padding_mask, attn_mask)
    return de_morgan(key_padding_mask, torch.ones_like(attn_mask).triu(1))


@wrong("a heads axis for torch's MHA: four axes", None)
def four_axes(key_padding_mask, attn_mask):
    return de_morgan(key_padding_mask, attn_mask)[:, None]


@wrong("as many queries as keys", None)
def square(key_padding_mask, attn_mask):
    mask = de_morgan(key_padding_mask, attn_mask)
    keys = mask.shape[-1]
    return mask[:, :keys] if mask.shape[1] >= keys else mask.repeat_interleave(keys, dim=1)[:, :keys]


@wrong("the padding of the first sentence for all", None)
def first_padding(key_padding_mask, attn_mask):
    if key_padding_mask is not None and len(key_padding_mask) != 3:
        key_padding_mask = key_padding_mask[:1]
    return de_morgan(key_padding_mask, attn_mask)


@wrong("the first sentence's padding counts for all", "that of the first sentence alone")
def first_padding_for_all(key_padding_mask, attn_mask):
    hidden = torch.tensor(False) if attn_mask is None else attn_mask
    return ~(hidden if key_padding_mask is None else key_padding_mask[:1, None, :] | hidden)
