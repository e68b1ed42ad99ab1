"""Answers to ``split_heads(X, heads)``."""

import numpy as np
import torch

from attnlib import multihead
from tests.exercises.answers import right, wrong


def cut(X, heads):
    return X.reshape(*X.shape[:2], heads, -1)


@right("attnlib's function")
def library(X, heads):
    return multihead.split_heads(X, heads)


@right("one slice of the last axis for each head, stacked")
def slices(X, heads):
    part = X.shape[-1] // heads
    return torch.stack([X[..., h * part : (h + 1) * part] for h in range(heads)], dim=1)


@right("chunk and stack")
def chunks(X, heads):
    return torch.stack(X.chunk(heads, dim=-1), dim=1)


@right("number by number, in lists")
def loops(X, heads):
    part = X.shape[-1] // heads
    return torch.tensor(
        [
            [[[float(word[h * part + j]) for j in range(part)] for word in sentence] for h in range(heads)]
            for sentence in X
        ],
        dtype=X.dtype,
    )


@right("reshape and transpose, copied")
def contiguous(X, heads):
    return cut(X, heads).transpose(1, 2).contiguous()


@right("NumPy inside")
def numpy_inside(X, heads):
    return torch.from_numpy(np.stack(np.split(X.numpy(), heads, axis=-1), axis=1))


@right("the last axis brought forward, cut there, and put back")
def forward_and_back(X, heads):
    batch, length, dim = X.shape
    return X.mT.reshape(batch, heads, dim // heads, length).mT


@right("components gathered by their numbers")
def gathered(X, heads):
    places = torch.arange(X.shape[-1]).reshape(heads, 1, -1)
    return X[:, torch.arange(X.shape[1])[None, :, None], places]


@right("einsum with a table of who gets what")
def einsum(X, heads):
    dim = X.shape[-1]
    table = torch.eye(dim, dtype=X.dtype).reshape(dim, heads, dim // heads)
    return torch.einsum("bld,dhp->bhlp", X, table)


@right("view, which can always cut one axis")
def view(X, heads):
    return X.view(*X.shape[:2], heads, -1).transpose(1, 2)


@wrong("one reshape", "One reshape mixes the words: cut the last axis alone, then swap the axes of words and heads.")
def one_reshape(X, heads):
    return X.reshape(X.shape[0], heads, X.shape[1], -1)


@wrong("heads and words not swapped", "The axes of words and heads are not swapped: the heads come before the words.")
def not_swapped(X, heads):
    return cut(X, heads)


@wrong(
    "every heads-th number",
    "A head gets every heads-th number: it gets neighbours, those from h * part to (h + 1) * part - 1.",
)
def strided(X, heads):
    return X.reshape(*X.shape[:2], -1, heads).permute(0, 3, 1, 2)


@wrong(
    "heads taken for the width of a part",
    "There are parts of `heads` numbers: there are `heads` parts, of dim // heads.",
)
def heads_as_width(X, heads):
    return X.reshape(*X.shape[:2], -1, heads).transpose(1, 2)


@wrong(
    "every heads-th number, heads last", "The heads are the last axis, after the numbers: they come after the batch."
)
def heads_last(X, heads):
    return X.reshape(*X.shape[:2], -1, heads)


@wrong("heads last", "The heads are the last axis: they come right after the batch.")
def heads_at_the_end(X, heads):
    return cut(X, heads).permute(0, 1, 3, 2)


@wrong("heads before the batch", "The heads come before the batch: stack them along axis 1.")
def heads_first(X, heads):
    return torch.stack(X.chunk(heads, dim=-1))


@wrong("a tuple of the heads", "The heads come before the batch: stack them along axis 1.")
def tuple_of_heads(X, heads):
    return X.chunk(heads, dim=-1)


@wrong(
    "reshaped with the heads first",
    "One reshape to (heads, batch, length, part) mixes words and sentences: cut the last axis alone.",
)
def reshaped_heads_first(X, heads):
    return X.reshape(heads, *X.shape[:2], -1)


@wrong("words shared out", "The words are shared among the heads: each head gets all words, and a part of each vector.")
def words_shared(X, heads):
    return torch.stack(X.chunk(heads, dim=1), dim=1)


@wrong("batch and heads in one axis", "Batch and heads are one axis: there are four.")
def batch_and_heads(X, heads):
    return library(X, heads).flatten(0, 1)


@wrong(
    "parts as columns",
    "A part is a column, or words and numbers are mixed: the words come before the numbers of a part.",
)
def columns(X, heads):
    return library(X, heads).mT


@wrong("heads in reverse", "The heads are in reverse order: head 0 gets the first numbers.")
def reversed_heads(X, heads):
    return library(X, heads).flip(1)


@wrong("words in reverse", "The words are in reverse order.")
def reversed_words(X, heads):
    return library(X, heads).flip(2)


@wrong("the whole vector for each head", "Each head got the whole vector: it gets dim // heads numbers of it.")
def whole_vectors(X, heads):
    return X[:, None].expand(-1, heads, -1, -1)


@wrong("the same part for each head", "All heads got the first part: head h gets the numbers from h * part on.")
def same_part(X, heads):
    return library(X, heads)[:, :1].expand(-1, heads, -1, -1)


@wrong("one number further for each head", "The parts overlap: head h begins at h * part, not at h.")
def overlapping(X, heads):
    part = X.shape[-1] // heads
    return torch.stack([X[..., h : h + part] for h in range(heads)], dim=1)


@wrong("batch and heads swapped", "The heads come before the batch: stack them along axis 1.")
def batch_swapped(X, heads):
    return library(X, heads).transpose(0, 1)


@wrong("only the first sentence", "Only the first sentence of the batch is there.")
def first_sentence(X, heads):
    return library(X, heads)[0]


@wrong(
    "transposed, then reshaped",
    "A part is a column, or words and numbers are mixed: the words come before the numbers of a part.",
)
def transposed_then_reshaped(X, heads):
    return X.mT.reshape(X.shape[0], heads, X.shape[1], -1)


@wrong("three heads always", None)
def three_heads(X, heads):
    return library(X, 3) if X.shape[-1] % 3 == 0 else library(X, heads)


@wrong("parts of two numbers always", None)
def parts_of_two(X, heads):
    return X.reshape(*X.shape[:2], -1, 2).transpose(1, 2)


@wrong("swapped only where heads and words differ in number", None)
def swapped_by_shape(X, heads):
    parts = cut(X, heads)
    return parts if heads == X.shape[1] == X.shape[0] else parts.transpose(1, 2)


@wrong("the input emptied", "X was changed by the call")
def in_place(X, heads):
    parts = library(X, heads).clone()
    X.zero_()
    return parts


@wrong("one reshape where heads and words are as many", None)
def reshape_in_squares(X, heads):
    return one_reshape(X, heads) if heads == X.shape[1] else library(X, heads)


@wrong("the first sentence for all", None)
def first_for_all(X, heads):
    return library(X, heads) if X.shape[0] < 3 else library(X[:1].expand(X.shape), heads)
