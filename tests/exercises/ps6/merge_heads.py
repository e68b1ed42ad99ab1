"""Answers to ``merge_heads(parts)``."""

import numpy as np
import torch

from attnlib import multihead
from tests.exercises.answers import right, wrong


@right("attnlib's function")
def library(parts):
    return multihead.merge_heads(parts)


@right("transpose and reshape")
def transpose_reshape(parts):
    batch, heads, length, part = parts.shape
    return parts.transpose(1, 2).reshape(batch, length, heads * part)


@right("transpose, contiguous and view")
def contiguous_view(parts):
    batch, heads, length, part = parts.shape
    return parts.transpose(1, 2).contiguous().view(batch, length, heads * part)


@right("concatenated along the last axis")
def concatenated(parts):
    return torch.cat([parts[:, h] for h in range(parts.shape[1])], dim=-1)


@right("written into a tensor of zeros, head by head")
def filled(parts):
    batch, heads, length, part = parts.shape
    merged = torch.zeros(batch, length, heads * part, dtype=parts.dtype)
    for h in range(heads):
        merged[:, :, h * part : (h + 1) * part] = parts[:, h]
    return merged


@right("number by number, in lists")
def loops(parts):
    batch, heads, length, part = parts.shape
    return torch.tensor(
        [
            [[float(parts[b, j // part, i, j % part]) for j in range(heads * part)] for i in range(length)]
            for b in range(batch)
        ],
        dtype=parts.dtype,
    )


@right("NumPy inside")
def numpy_inside(parts):
    return np.concatenate(list(np.moveaxis(parts.numpy(), 1, 0)), axis=-1)


@right("einsum with a table of what goes where")
def einsum(parts):
    heads, part = parts.shape[1], parts.shape[3]
    table = torch.eye(heads * part, dtype=parts.dtype).reshape(heads, part, -1)
    return torch.einsum("bhlp,hpd->bld", parts, table)


@wrong("reshape without a swap", "Words and heads are mixed: swap their axes before the reshape.")
def no_swap(parts):
    return parts.reshape(parts.shape[0], parts.shape[2], -1)


@wrong(
    "number by number instead of head by head",
    "The numbers of the heads alternate: all numbers of head 0 come first, then those of head 1.",
)
def alternating(parts):
    return parts.permute(0, 2, 3, 1).flatten(-2)


@wrong("all swapped", "The parts became columns: swap words and heads, and leave the numbers of a part last.")
def columns(parts):
    return parts.mT.reshape(parts.shape[0], parts.shape[2], -1)


@wrong("swapped with the numbers", "The axes of heads and numbers were swapped: it is heads and words.")
def heads_and_numbers(parts):
    return parts.transpose(1, 3).reshape(parts.shape[0], parts.shape[2], -1)


@wrong("heads in reverse", "The heads are in reverse order: head 0 comes first.")
def reversed_heads(parts):
    return concatenated(parts.flip(1))


@wrong("mean of the heads", "The heads are averaged: put them side by side.")
def mean(parts):
    return parts.mean(dim=1)


@wrong("sum of the heads", "The heads are added up: put them side by side.")
def added(parts):
    return parts.sum(dim=1)


@wrong("heads below each other", "The heads are below each other: put them side by side, along the last axis.")
def below(parts):
    return torch.cat(parts.unbind(1), dim=1)


@wrong("sentences side by side", "The sentences are side by side: concatenate the heads, not the batch.")
def sentences(parts):
    return torch.cat(list(parts), dim=-1)


@wrong("swapped and not merged", "Heads and numbers are still two axes: make one of them.")
def not_merged(parts):
    return parts.transpose(1, 2)


@wrong("words and numbers merged", "Words and numbers became one axis: it is heads and numbers that do.")
def words_and_numbers(parts):
    return parts.flatten(2)


@wrong("words before sentences", "The words come before the sentences: the batch is the first axis.")
def words_first(parts):
    return library(parts).transpose(0, 1)


@wrong("one column a word", "A word is a column: it is a row.")
def transposed(parts):
    return library(parts).mT


@wrong("only the first head", "Only the first head is there.")
def first_head(parts):
    return parts[:, 0]


@wrong("only the last head", "Only the last head is there: does the loop keep what came before?")
def last_head(parts):
    return parts[:, -1]


@wrong("the first head again and again", "Head 0 is there again and again.")
def repeated(parts):
    return parts[:, 0].repeat(1, 1, parts.shape[1])


@wrong("only the first sentence", "Only the first sentence of the batch is there.")
def first_sentence(parts):
    return library(parts)[0]


@wrong("heads scaled down", "The numbers are divided by the number of heads: they stay as they are.")
def scaled(parts):
    return library(parts) / parts.shape[1]


@wrong("view after the transpose", "view size is not compatible")
def view(parts):
    return parts.transpose(1, 2).view(parts.shape[0], parts.shape[2], -1)


@wrong("three heads always", None)
def three_heads(parts):
    return torch.cat([parts[:, h] for h in range(min(3, parts.shape[1]))], dim=-1)


@wrong("parts of two numbers always", None)
def parts_of_two(parts):
    return torch.cat([parts[:, h, :, :2] for h in range(parts.shape[1])], dim=-1)


@wrong("no swap where the batch is as large as the heads are many", None)
def no_swap_in_squares(parts):
    return no_swap(parts) if len(set(parts.shape[:3])) == 1 else library(parts)


@wrong("the input emptied", "parts was changed by the call")
def in_place(parts):
    merged = library(parts).clone()
    parts.zero_()
    return merged


@wrong("no swap where heads and words are as many", None)
def no_swap_where_equal(parts):
    return no_swap(parts) if parts.shape[1] == parts.shape[2] else library(parts)


@wrong("half precision", "too coarse")
def half(parts):
    return (library(parts) / 3).to(torch.float16) * 3
