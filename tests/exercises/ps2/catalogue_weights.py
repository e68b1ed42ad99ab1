"""Answers to ``catalogue_weights(names, sizes, colours)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def blocks(names, sizes, colours):
    """Return the three matrices that read the name, the size and the colour of an item."""
    item = np.eye(names + sizes + colours)
    return item[:names], item[names : names + sizes], item[names + sizes :]


def sharp(names):
    return 30 * np.sqrt(names)


@right("a large number on the diagonal of Wq")
def diagonal(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    return sharp(names) * np.eye(names), name, colour


@right("the sharpness in Wk, filled in a loop")
def loop(names, sizes, colours):
    Wq, Wk = np.zeros((names, names)), np.zeros((names, names + sizes + colours))
    Wv = np.zeros((colours, names + sizes + colours))
    for n in range(names):
        Wq[n, n], Wk[n, n] = 1, 1000
    for c in range(colours):
        Wv[c, names + sizes + c] = 1
    return Wq, Wk, Wv


@right("queries and keys both turned by the same rotation")
def rotated(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(names, names)))
    return sharp(names) * rotation, rotation @ name, colour


@right("queries stretched, keys shrunk, in more dimensions than there are names")
def stretched(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    wide = np.random.default_rng(2).normal(size=(names + 3, names))
    return 100 * np.sqrt(names) * wide, np.linalg.pinv(wide).T @ name, colour


@right("a dim as wide as an item: the query is laid against the whole item")
def whole_item(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    return 40 * np.sqrt(names + sizes + colours) * name.T, np.eye(names + sizes + colours), colour


@right("names written as binary numbers, with 1 and -1")
def binary(names, sizes, colours):
    _, _, colour = blocks(names, sizes, colours)
    digits = max(names - 1, 1).bit_length()
    codes = np.array([[1.0 if n >> digit & 1 else -1.0 for n in range(names)] for digit in range(digits)])
    return 50 * codes, np.pad(codes, ((0, 0), (0, sizes + colours))), colour


@right("names as points on a circle")
def circle(names, sizes, colours):
    _, _, colour = blocks(names, sizes, colours)
    angles = 2 * np.pi * np.arange(names) / names
    points = np.stack([np.cos(angles), np.sin(angles)])
    return 1e5 * points, np.pad(points, ((0, 0), (0, sizes + colours))), colour


@right("negative on both sides, whole numbers, in a list")
def whole_numbers(names, sizes, colours):
    name, _, colour = (block.astype(int) for block in blocks(names, sizes, colours))
    return [-1000 * np.eye(names, dtype=int), -name, colour]


@right("torch tensors")
def torch_inside(names, sizes, colours):
    return tuple(torch.tensor(matrix) for matrix in diagonal(names, sizes, colours))


@wrong("scores of 1 and 0: hardly any difference after the softmax", "blurred")
def blurred(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    return np.eye(names), name, colour


@wrong("scores of 3: enough for a few items at most", "blurred")
def a_little_blurred(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    return 3 * np.sqrt(names) * np.eye(names), name, colour


@wrong("scores of 7: enough for ten items", None)
def sharp_enough_for_ten(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    return 7 * np.sqrt(names) * np.eye(names), name, colour


@wrong("forgets that the scores are divided by sqrt(dim)", None)
def division_forgotten(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    return 50 * np.eye(names), name, colour


@wrong("turns the sign of the scores", "sign")
def sign(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    return -sharp(names) * np.eye(names), name, colour


@wrong("compares the name with the size", "keys hold the size")
def size_compared(names, sizes, colours):
    _, size, colour = blocks(names, sizes, colours)
    Wk = np.zeros((names, names + sizes + colours))
    Wk[: min(names, sizes)] = size[:names]
    return sharp(names) * np.eye(names), Wk, colour


@wrong("compares the name with the colour", "keys hold the colour")
def colour_compared(names, sizes, colours):
    _, _, colour = blocks(names, sizes, colours)
    Wk = np.zeros((names, names + sizes + colours))
    Wk[: min(names, colours)] = colour[:names]
    return sharp(names) * np.eye(names), Wk, colour


@wrong("lets the colour join in the comparison", "depends on the colour")
def colour_joins_in(names, sizes, colours):
    Wq, Wk, Wv = diagonal(names, sizes, colours)
    for n in range(min(names, colours)):
        Wk[n, names + sizes + n] = 1
    return Wq, Wk, Wv


@wrong("lets the size join in the comparison", "depends on the size")
def size_joins_in(names, sizes, colours):
    Wq, Wk, Wv = diagonal(names, sizes, colours)
    for n in range(min(names, sizes)):
        Wk[n, names + n] = 1
    return Wq, Wk, Wv


@wrong("lets the size join in a little: items of one name share unequally", "share the weight equally")
def size_joins_in_a_little(names, sizes, colours):
    Wq, Wk, Wv = diagonal(names, sizes, colours)
    Wk[:, names] += 0.01
    return Wq, Wk, Wv


@wrong("keys of zeros", "score the same")
def nothing_compared(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    return sharp(names) * np.eye(names), 0 * name, colour


@wrong("all ones: every item scores the same", "score the same")
def all_ones(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    return 50 * np.ones((names, names)), np.ones_like(name), colour


@wrong("the diagonal is off by one", "off by one")
def off_by_one(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    return sharp(names) * np.roll(np.eye(names), 1, axis=0), name, colour


@wrong("the diagonal is off by one the other way", "off by one")
def off_by_one_back(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    return sharp(names) * np.roll(np.eye(names), -1, axis=0), name, colour


@wrong("hands out the name", "hands out the name")
def name_out(names, sizes, colours):
    name, _, colour = blocks(names, sizes, colours)
    Wv = np.zeros_like(colour)
    Wv[:names] = name[:colours]
    return sharp(names) * np.eye(names), name, Wv


@wrong("hands out the size", "hands out the size")
def size_out(names, sizes, colours):
    name, size, colour = blocks(names, sizes, colours)
    Wv = np.zeros_like(colour)
    Wv[:sizes] = size[:colours]
    return sharp(names) * np.eye(names), name, Wv


@wrong("hands out the whole item", "expected (4, 12)")
def item_out(names, sizes, colours):
    name, _, _ = blocks(names, sizes, colours)
    return sharp(names) * np.eye(names), name, np.eye(names + sizes + colours)


@wrong("hands out name, size and colour added up", "added up")
def sum_out(names, sizes, colours):
    Wq, name, colour = diagonal(names, sizes, colours)
    Wv = colour.copy()
    for c in range(colours):
        Wv[c, [c % names, names + c % sizes]] += 1
    return Wq, name, Wv


@wrong("makes the values as large as the scores", "larger or smaller")
def values_sharpened(names, sizes, colours):
    Wq, Wk, Wv = diagonal(names, sizes, colours)
    return Wq, Wk, 30 * Wv


@wrong("turns the values as well as the keys", None)
def values_rotated(names, sizes, colours):
    Wq, Wk, Wv = diagonal(names, sizes, colours)
    rotation, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(colours, colours)))
    return Wq, Wk, rotation @ Wv


@wrong("takes items for (name, colour), without a size", "expected (4, 12)")
def size_forgotten(names, sizes, colours):
    item = np.eye(names + colours)
    return sharp(names) * np.eye(names), item[:names], item[names:]


@wrong("shapes (in, out)", "is one matrix transposed")
def transposed(names, sizes, colours):
    return tuple(matrix.T for matrix in diagonal(names, sizes, colours))


@wrong("the last matrix transposed", "Wv has shape (12, 4), expected (4, 12)")
def values_transposed(names, sizes, colours):
    Wq, Wk, Wv = diagonal(names, sizes, colours)
    return Wq, Wk, Wv.T


@wrong("returns Wk first", "Wq has shape (4, 12), expected (4, 4)")
def keys_first(names, sizes, colours):
    Wq, Wk, Wv = diagonal(names, sizes, colours)
    return Wk, Wq, Wv


@wrong("returns two matrices", "three things")
def two_returned(names, sizes, colours):
    return diagonal(names, sizes, colours)[1:]


@wrong("random matrices", None)
def random(names, sizes, colours):
    rng = np.random.default_rng(4)
    item = names + sizes + colours
    return rng.normal(size=(names, names)), rng.normal(size=(names, item)), rng.normal(size=(colours, item))


@wrong("infinity for the sharpness", "NaN or infinity")
def infinite(names, sizes, colours):
    Wq, Wk, Wv = diagonal(names, sizes, colours)
    return np.inf * Wq, Wk, Wv


@wrong("hard-codes the example's sizes", None)
def hard_coded(names, sizes, colours):
    known = {(4, 4, 4), (5, 2, 3)}
    return diagonal(*((names, sizes, colours) if (names, sizes, colours) in known else (4, 4, 4)))


@wrong("takes sizes and colours to be as many as names", None)
def all_as_many(names, sizes, colours):
    if (names, sizes, colours) == (5, 2, 3):
        return diagonal(names, sizes, colours)
    return diagonal(names, names, names)
