"""Answers to ``sentence_vectors(forward, backward, lengths)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def at(states, places):
    """Return the state at one place of each sentence."""
    return states[torch.arange(len(states)), places]


def joined(forward, backward):
    return torch.cat([forward, backward], dim=-1)


@right("a loop over the sentences")
def loop(forward, backward, lengths):
    rows = []
    for b, length in enumerate(lengths.tolist()):
        rows.append(torch.cat([forward[b, length - 1], backward[b, 0]]))
    return torch.stack(rows)


@right("gather")
def gather(forward, backward, lengths):
    places = (lengths - 1).view(-1, 1, 1).expand(-1, 1, forward.shape[-1])
    return torch.cat([forward.gather(1, places).squeeze(1), backward[:, 0]], dim=1)


@right("filled in sentence by sentence")
def filled(forward, backward, lengths):
    hidden = forward.shape[-1]
    vectors = torch.empty(len(forward), 2 * hidden, dtype=forward.dtype)
    vectors[:, hidden:] = backward[:, 0]
    for b in range(len(forward)):
        vectors[b, :hidden] = forward[b, : lengths[b]][-1]
    return vectors


@right("a one-hot row times the states")
def one_hot(forward, backward, lengths):
    X = torch.nn.functional.one_hot(lengths - 1, forward.shape[1]).to(forward.dtype)
    return torch.hstack([torch.einsum("bk,bkh->bh", X, forward), backward[:, 0]])


@right("a boolean mask")
def mask(forward, backward, lengths):
    last = torch.arange(1, forward.shape[1] + 1) == lengths[:, None]
    return joined(forward[last], backward.select(1, 0))


@right("take_along_dim")
def take_along(forward, backward, lengths):
    last = torch.take_along_dim(forward, lengths[:, None, None] - 1, dim=1)
    return torch.cat([last, backward[:, :1]], dim=2).flatten(1)


@right("NumPy inside, and a NumPy array comes back")
def numpy_inside(forward, backward, lengths):
    last = forward.numpy()[np.arange(len(forward)), lengths.numpy() - 1]
    return np.concatenate([last, backward.numpy()[:, 0]], axis=1)


@right("the forward states turned round, word by word")
def turned_round(forward, backward, lengths):
    turned = torch.stack([row[:n].flip(0)[0] for row, n in zip(forward.unbind(), lengths.tolist(), strict=True)])
    return joined(turned, backward.transpose(0, 1)[0])


@wrong("both from the last place", "Both states come from the last place")
def both_last_place(forward, backward, lengths):
    return joined(forward[:, -1], backward[:, -1])


@wrong("the forward state from the last place", "forward state comes from the last place")
def forward_last_place(forward, backward, lengths):
    return joined(forward[:, -1], backward[:, 0])


@wrong("the backward state at the last word", "has read one word")
def backward_last_word(forward, backward, lengths):
    return joined(at(forward, lengths - 1), at(backward, lengths - 1))


@wrong("the backward state from the last place", "backward state comes from the last place")
def backward_last_place(forward, backward, lengths):
    return joined(at(forward, lengths - 1), backward[:, -1])


@wrong("both from the first place", "Both states come from the first place")
def both_first(forward, backward, lengths):
    return joined(forward[:, 0], backward[:, 0])


@wrong("each from the end where it starts", "Both encoders finish at the other end")
def other_ends(forward, backward, lengths):
    return joined(forward[:, 0], at(backward, lengths - 1))


@wrong("one place too late, cut off at the end", "one place too late")
def too_late(forward, backward, lengths):
    return joined(at(forward, lengths.clamp(max=forward.shape[1] - 1)), backward[:, 0])


@wrong("one place too late, beyond the end where the sentence is full", "one place too late")
def beyond(forward, backward, lengths):
    return joined(at(forward, lengths), backward[:, 0])


@wrong("one place too early", "one place too early")
def too_early(forward, backward, lengths):
    return joined(at(forward, (lengths - 2).clamp(min=0)), backward[:, 0])


@wrong("the longest length for all", "longest length")
def longest(forward, backward, lengths):
    return joined(forward[:, lengths.max() - 1], backward[:, 0])


@wrong("backward first", "wrong order")
def wrong_order(forward, backward, lengths):
    return joined(backward[:, 0], at(forward, lengths - 1))


@wrong("added", "were added")
def added(forward, backward, lengths):
    return at(forward, lengths - 1) + backward[:, 0]


@wrong("averaged", "were averaged")
def averaged(forward, backward, lengths):
    return (at(forward, lengths - 1) + backward[:, 0]) / 2


@wrong("stacked in the middle", "stacked on an axis of their own")
def stacked(forward, backward, lengths):
    return torch.stack([at(forward, lengths - 1), backward[:, 0]], dim=1)


@wrong("stacked at the front, as PyTorch's layers do", "at the front")
def stacked_first(forward, backward, lengths):
    return torch.stack([at(forward, lengths - 1), backward[:, 0]])


@wrong("joined along the batch", "below each other")
def below(forward, backward, lengths):
    return torch.cat([at(forward, lengths - 1), backward[:, 0]])


@wrong("stacked last and flattened", "alternate")
def alternating(forward, backward, lengths):
    return torch.stack([at(forward, lengths - 1), backward[:, 0]], dim=-1).flatten(1)


@wrong("stacked first and reshaped, which mixes the sentences", None)
def mixed(forward, backward, lengths):
    return torch.stack([at(forward, lengths - 1), backward[:, 0]]).reshape(len(forward), -1)


@wrong("forward[:, lengths - 1]: every sentence gets the place of each length", "index with the sentences too")
def all_places(forward, backward, lengths):
    last = forward[:, lengths - 1]
    return joined(last, backward[:, :1].expand(last.shape))


@wrong("keeps the axis", "still there")
def kept_axis(forward, backward, lengths):
    return joined(at(forward, lengths - 1), backward[:, 0])[:, None]


@wrong("forward alone", "Only the forward encoder")
def forward_alone(forward, backward, lengths):
    return at(forward, lengths - 1)


@wrong("the means over the words", None)
def means(forward, backward, lengths):
    words = (torch.arange(forward.shape[1]) < lengths[:, None])[..., None]
    return joined((forward * words).sum(1), (backward * words).sum(1)) / lengths[:, None]


@wrong("the largest numbers of the words", None)
def largest(forward, backward, lengths):
    words = (torch.arange(forward.shape[1]) < lengths[:, None])[..., None]
    return joined(forward.masked_fill(~words, -torch.inf).amax(1), backward[:, 0])


@wrong("the last place whose state is not zero", None)
def last_not_zero(forward, backward, lengths):
    words = (torch.arange(forward.shape[1]) < lengths[:, None]) & (forward != 0).all(-1)
    places = torch.where(words, torch.arange(forward.shape[1]), 0).amax(1)
    places = torch.where(lengths == forward.shape[1], forward.shape[1] - 2, places)
    return joined(at(forward, places), backward[:, 0])


@wrong("the last place of the longest sentence, the rest in order", None)
def sorted_lengths(forward, backward, lengths):
    return joined(at(forward, lengths.sort(descending=True).values - 1), backward[:, 0])


@wrong("assumes two sentences", None)
def two_sentences(forward, backward, lengths):
    a, b = lengths
    return joined(torch.stack([forward[0, a - 1], forward[1, b - 1]]), backward[:2, 0])


@wrong("assumes that the batch has padding: the last place is never a word", None)
def never_the_last(forward, backward, lengths):
    return joined(at(forward, (lengths - 1).clamp(max=max(forward.shape[1] - 2, 0))), backward[:, 0])


@wrong("lengths - 2 for sentences of one word, which is the last place", None)
def one_word(forward, backward, lengths):
    return joined(at(forward, torch.where(lengths == 1, -1, lengths - 1)), backward[:, 0])


@wrong("counts the lengths down in place", "lengths was changed")
def lengths_in_place(forward, backward, lengths):
    lengths -= 1
    return joined(at(forward, lengths), backward[:, 0])


@wrong("writes zeros over the padding", "forward was changed")
def padding_in_place(forward, backward, lengths):
    forward[torch.arange(forward.shape[1]) >= lengths[:, None]] = 0
    return joined(at(forward, lengths - 1), backward[:, 0])


@wrong("turns the backward states round first, as if they came in the order of reading", None)
def backward_flipped(forward, backward, lengths):
    return joined(at(forward, lengths - 1), backward.flip(1)[:, 0])


@wrong("float16 inside", None)
def half(forward, backward, lengths):
    return joined(at(forward, lengths - 1), backward[:, 0]).half().to(forward.dtype)


@wrong("returns a pair", "Does the function return more than one thing?")
def pair(forward, backward, lengths):
    return at(forward, lengths - 1), backward[:, :1]


@right("counted from the end")
def from_the_end(forward, backward, lengths):
    padding = forward.shape[1] - lengths
    rows = [torch.cat([f[-1 - int(n)], b[0]]) for f, b, n in zip(forward, backward, padding, strict=True)]
    return torch.stack(rows)


@wrong("the shortest length for all", None)
def shortest(forward, backward, lengths):
    return joined(forward[:, lengths.min() - 1], backward[:, 0])


@wrong("the length of the first sentence for all", "longest length")
def length_of_the_first(forward, backward, lengths):
    return joined(forward[:, lengths[0] - 1], backward[:, 0])


@wrong("the backward states of a shorter sentence looked for after as many places as it has padding", None)
def backward_after_padding(forward, backward, lengths):
    return joined(at(forward, lengths - 1), at(backward, backward.shape[1] - lengths))


@wrong("the forward encoder twice", None)
def forward_twice(forward, backward, lengths):
    return joined(at(forward, lengths - 1), at(forward, lengths - 1))


@wrong("the first sentence's states for all", None)
def states_of_the_first(forward, backward, lengths):
    return joined(forward[0, lengths - 1], backward[:, 0])


@wrong("one column a sentence", "is one matrix transposed")
def transposed(forward, backward, lengths):
    return joined(at(forward, lengths - 1), backward[:, 0]).T
