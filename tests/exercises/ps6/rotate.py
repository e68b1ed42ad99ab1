"""Answers to ``rotate(X, start=0, base=10000.0)``."""

import math

import numpy as np
import torch

from attnlib import positions
from tests.exercises.answers import right, wrong


def frequencies(X, base):
    return torch.tensor([base ** (-2 * i / X.shape[-1]) for i in range(X.shape[-1] // 2)], dtype=torch.float64)


def angles(X, start, base):
    return (start + torch.arange(X.shape[-2]).double())[:, None] * frequencies(X, base)


def turn(X, angle, *, sign=1):
    """Turn neighbours by angles of shape (..., length, part / 2)."""
    first, second = X[..., 0::2], X[..., 1::2]
    cosine, sine = angle.cos().to(X.dtype), sign * angle.sin().to(X.dtype)
    turned = torch.stack([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
    return turned.flatten(-2)


@right("neighbours by slices, stacked")
def slices(X, start=0, base=10000.0):
    return turn(X, angles(X, start, base))


@right("attnlib's function")
def library(X, start=0, base=10000.0):
    return positions.rotate(X, start + torch.arange(X.shape[-2]), base=base)


@right("complex numbers")
def complex_numbers(X, start=0, base=10000.0):
    pairs = torch.view_as_complex(X.double().reshape(*X.shape[:-1], -1, 2).contiguous())
    angle = angles(X, start, base)
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), angle)).flatten(-2).to(X.dtype)


@right("one matrix of 2 by 2 after the other")
def matrices(X, start=0, base=10000.0):
    turned = X.clone()
    for t in range(X.shape[-2]):
        for i in range(X.shape[-1] // 2):
            angle = (start + t) * base ** (-2 * i / X.shape[-1])
            matrix = torch.tensor(
                [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=X.dtype
            )
            turned[..., t, 2 * i : 2 * i + 2] = X[..., t, 2 * i : 2 * i + 2] @ matrix.T
    return turned


@right("neighbours swapped, with cosines and sines repeated next to each other")
def swapped_neighbours(X, start=0, base=10000.0):
    angle = angles(X, start, base).to(X.dtype).repeat_interleave(2, dim=-1)
    other = torch.stack([-X[..., 1::2], X[..., 0::2]], dim=-1).reshape(X.shape)
    return X * angle.cos() + other * angle.sin()


@right("put into halves, turned there, and put back")
def halves_and_back(X, start=0, base=10000.0):
    order = torch.cat([torch.arange(0, X.shape[-1], 2), torch.arange(1, X.shape[-1], 2)])
    turned = positions.rotate(X[..., order], start + torch.arange(X.shape[-2]), base=base, pairing="halves")
    return turned[..., order.argsort()]


@right("a large block matrix for each word")
def block_matrix(X, start=0, base=10000.0):
    blocks = [
        torch.block_diag(
            *[torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]], dtype=X.dtype) for a in row]
        )
        for row in angles(X, start, base).tolist()
    ]
    return torch.einsum("lij,bhlj->bhli", torch.stack(blocks), X)


@right("NumPy inside, number by number")
def loops(X, start=0, base=10000.0):
    x, y = X.numpy(), np.zeros(X.shape)
    for b, h, t, j in np.ndindex(*X.shape):
        angle = (start + t) * base ** -((j - j % 2) / X.shape[-1])
        other = x[b, h, t, j + 1] * -np.sin(angle) if j % 2 == 0 else x[b, h, t, j - 1] * np.sin(angle)
        y[b, h, t, j] = x[b, h, t, j] * np.cos(angle) + other
    return torch.tensor(y).to(X.dtype)


@wrong("halves for neighbours", "The pairs are j and j + part / 2: they are neighbours, 2 i and 2 i + 1.")
def halves(X, start=0, base=10000.0):
    return positions.rotate(X, start + torch.arange(X.shape[-2]), base=base, pairing="halves")


@wrong(
    "neighbours turned, halves put together",
    "The turned pairs were put together as halves: they go back to where they came from, 2 i and 2 i + 1.",
)
def together_as_halves(X, start=0, base=10000.0):
    turned = slices(X, start, base)
    return torch.cat([turned[..., 0::2], turned[..., 1::2]], dim=-1)


@wrong(
    "halves turned, neighbours put together",
    "Halves were turned and put together as neighbours: take the pairs from 2 i and 2 i + 1 too.",
)
def taken_as_halves(X, start=0, base=10000.0):
    order = torch.stack(torch.arange(X.shape[-1]).chunk(2), dim=-1).flatten()
    return slices(X[..., order], start, base)


@wrong(
    "frequencies in halves, pairs of neighbours",
    "The two numbers of a pair have different angles: repeat each angle next to itself.",
)
def angles_in_halves(X, start=0, base=10000.0):
    angle = angles(X, start, base).to(X.dtype).repeat(1, 2)
    other = torch.stack([-X[..., 1::2], X[..., 0::2]], dim=-1).reshape(X.shape)
    return X * angle.cos() + other * angle.sin()


@wrong(
    "angles of neighbours, pairs in halves",
    "The angles are those of neighbours, the pairs are halves: the partner of 2 i is 2 i + 1.",
)
def pairs_in_halves(X, start=0, base=10000.0):
    angle = angles(X, start, base).to(X.dtype).repeat_interleave(2, dim=-1)
    first, second = X.chunk(2, dim=-1)
    return X * angle.cos() + torch.cat([-second, first], dim=-1) * angle.sin()


@wrong("turned the other way", "The pairs are turned the other way: the minus belongs to the first row.")
def other_way(X, start=0, base=10000.0):
    return turn(X, angles(X, start, base), sign=-1)


@wrong("plus in both rows", "Both rows have a plus: the sine in the first row has a minus.")
def no_minus(X, start=0, base=10000.0):
    angle = angles(X, start, base).to(X.dtype)
    first, second = X[..., 0::2], X[..., 1::2]
    pairs = [first * angle.cos() + second * angle.sin(), first * angle.sin() + second * angle.cos()]
    return torch.stack(pairs, dim=-1).flatten(-2)


@wrong("minus in both rows", "Both rows have a minus: the second has none.")
def two_minuses(X, start=0, base=10000.0):
    angle = angles(X, start, base).to(X.dtype)
    first, second = X[..., 0::2], X[..., 1::2]
    pairs = [first * angle.cos() - second * angle.sin(), second * angle.cos() - first * angle.sin()]
    return torch.stack([pairs[0], pairs[1]], dim=-1).flatten(-2)


@wrong("mirrored", "The pairs are mirrored, not turned: look at the signs of the second row.")
def mirrored(X, start=0, base=10000.0):
    angle = angles(X, start, base).to(X.dtype)
    first, second = X[..., 0::2], X[..., 1::2]
    pairs = [first * angle.cos() + second * angle.sin(), first * angle.sin() - second * angle.cos()]
    return torch.stack(pairs, dim=-1).flatten(-2)


@wrong("sine and cosine swapped", "Sine and cosine are swapped: at position 0 nothing is turned.")
def functions_swapped(X, start=0, base=10000.0):
    return turn(X, math.pi / 2 - angles(X, start, base))


@wrong("the pair's numbers swapped", "The two numbers of each pair came out swapped.")
def numbers_swapped(X, start=0, base=10000.0):
    return slices(X, start, base).unflatten(-1, (-1, 2)).flip(-1).flatten(-2)


@wrong(
    "the second row made with the first row's result",
    "The second number of a pair was made with the new first one: keep the old one until both are made.",
)
def overwritten(X, start=0, base=10000.0):
    turned, angle = X.clone(), angles(X, start, base).to(X.dtype)
    turned[..., 0::2] = turned[..., 0::2] * angle.cos() - turned[..., 1::2] * angle.sin()
    turned[..., 1::2] = turned[..., 0::2] * angle.sin() + turned[..., 1::2] * angle.cos()
    return turned


@wrong("start not used", "start has no influence, or none on more words than one: word t stands at start + t.")
def no_start(X, start=0, base=10000.0):
    return slices(X, 0, base)


@wrong("start subtracted", "start is subtracted: word t stands at start + t.")
def start_subtracted(X, start=0, base=10000.0):
    return slices(X, -start, base)


@wrong("one position too few with a start", "Word t stands at start + t: here it is one less far.")
def start_one_less(X, start=0, base=10000.0):
    return slices(X, start - 1 if start else 0, base)


@wrong("one position too far with a start", "Word t stands at start + t: here it is one further.")
def start_one_more(X, start=0, base=10000.0):
    return slices(X, start + 1 if start else 0, base)


@wrong("all words at start", "Nothing is turned, or all words stand at start: word t stands at start + t.")
def all_at_start(X, start=0, base=10000.0):
    return turn(X, angles(X, start, base)[:1])


@wrong("positions multiplied by start", "The positions are multiplied by start: add it.")
def times_start(X, start=0, base=10000.0):
    return turn(X, angles(X, 0, base) * (start or 1))


@wrong("start used for the words after it alone", "The words before start are left out: all words of X are turned.")
def from_start_on(X, start=0, base=10000.0):
    turned = X.clone()
    turned[..., start:, :] = slices(X, 0, base)[..., start:, :]
    return turned


@wrong("positions counted from 1", "The positions are counted from 1: the first word of X stands at start.")
def from_one(X, start=0, base=10000.0):
    return slices(X, start + 1, base)


@wrong("positions along the heads", "The heads were counted, not the words.")
def along_heads(X, start=0, base=10000.0):
    return slices(X.transpose(1, 2), start, base).transpose(1, 2)


@wrong("positions along the batch", "The sentences were counted, not the words.")
def along_batch(X, start=0, base=10000.0):
    return slices(X.transpose(0, 2), start, base).transpose(0, 2)


@wrong("positions along heads and words", "The words were counted on from head to head: each head counts from start.")
def counted_on(X, start=0, base=10000.0):
    return slices(X.flatten(1, 2), start, base).reshape(X.shape)


@wrong("one frequency", "All pairs have the frequency 1: they get slower.")
def one_frequency(X, start=0, base=10000.0):
    return turn(X, angles(X, start, 1.0))


@wrong("exponent i / part", "The exponents are half as large: they are -2 i / part, with part the width of one head.")
def single_exponent(X, start=0, base=10000.0):
    return turn(X, angles(X, start, base**0.5))


@wrong("exponent -4 i / part", "The exponent is -4 i / part: it is -2 i / part, where i counts the pairs.")
def fourfold(X, start=0, base=10000.0):
    return turn(X, angles(X, start, base**2))


@wrong("growing frequencies", "The frequencies grow: the exponent is negative.")
def growing(X, start=0, base=10000.0):
    return turn(X, angles(X, start, 1 / base))


@wrong("slowest first", "The slowest pair comes first: the first one has the frequency 1.")
def slowest_first(X, start=0, base=10000.0):
    return turn(X, angles(X, start, base).flip(-1))


@wrong("pairs counted from 1", "The pairs are counted from 1: the first frequency is 1.")
def pairs_from_one(X, start=0, base=10000.0):
    return turn(X, angles(X, start, base) * base ** (-2 / X.shape[-1]))


@wrong(
    "exponents by the width of all heads",
    "The exponents are half as large: they are -2 i / part, with part the width of one head.",
)
def width_of_all(X, start=0, base=10000.0):
    return turn(X, angles(X, start, base ** (1 / X.shape[1])))


@wrong("exponents that end at 1", "The last exponent is -1: divide 2 i by part, not by part - 2.")
def ends_at_one(X, start=0, base=10000.0):
    return turn(X, angles(X, start, base ** (X.shape[-1] / max(X.shape[-1] - 2, 1))))


@wrong("base 10000 whatever is given", "The base is 10000 whatever is given.")
def fixed_base(X, start=0, base=10000.0):
    return slices(X, start)


@wrong("only the first pair turned", "Only the first pair is turned.")
def first_pair(X, start=0, base=10000.0):
    return torch.cat([slices(X, start, base)[..., :2], X[..., 2:]], dim=-1)


@wrong("degrees", "The angles are taken for degrees: they are radians.")
def degrees(X, start=0, base=10000.0):
    return turn(X, angles(X, start, base) * math.pi / 180)


@wrong("cosines alone", "The numbers are multiplied by the cosines: the part with the sines is missing.")
def cosines_alone(X, start=0, base=10000.0):
    return X * angles(X, start, base).to(X.dtype).repeat_interleave(2, dim=-1).cos()


@wrong("sines and cosines added", "Sines and cosines were added to the numbers: turn the pairs.")
def added(X, start=0, base=10000.0):
    return X + positions.sinusoidal(start + torch.arange(X.shape[-2]), X.shape[-1], base=base)


@wrong("sines and cosines multiplied", "The numbers were multiplied by sines and cosines: turn the pairs.")
def multiplied(X, start=0, base=10000.0):
    return X * positions.sinusoidal(start + torch.arange(X.shape[-2]), X.shape[-1], base=base)


@wrong("nothing turned", "Nothing is turned, or all words stand at start: word t stands at start + t.")
def nothing(X, start=0, base=10000.0):
    return X.clone()


@wrong("turned twice", "The angles are twice as large: are the pairs turned twice?")
def twice(X, start=0, base=10000.0):
    return turn(X, 2 * angles(X, start, base))


@wrong("words counted from behind", "The words are counted from behind.")
def from_behind(X, start=0, base=10000.0):
    return turn(X, angles(X, start, base).flip(0))


@wrong("float64 whatever comes", "keep the dtype of the input")
def always_float64(X, start=0, base=10000.0):
    return slices(X.double(), start, base)


@wrong("angles of at most half a turn", None)
def cut(X, start=0, base=10000.0):
    return turn(X, angles(X, start, base).clamp(max=6.0))


@wrong("a table for 16 positions", None)
def short_table(X, start=0, base=10000.0):
    places = torch.arange(start, start + X.shape[-2]).clamp(max=15).double()
    return turn(X, places[:, None] * frequencies(X, base))


@wrong("negative starts set to 0", None)
def no_negative_start(X, start=0, base=10000.0):
    return slices(X, max(start, 0), base)


@wrong("turned in place", "X was changed by the call")
def in_place(X, start=0, base=10000.0):
    X[:] = slices(X, start, base)
    return X.clone()


@wrong(
    "start used for a single word alone",
    "start has no influence, or none on more words than one: word t stands at start + t.",
)
def start_for_one_word(X, start=0, base=10000.0):
    return slices(X, start if X.shape[-2] == 1 else 0, base)


@wrong("start used for short tensors alone", None)
def start_for_short(X, start=0, base=10000.0):
    return slices(X, start if X.shape[-2] <= 2 else 0, base)


@wrong("start without its sign", None)
def start_without_sign(X, start=0, base=10000.0):
    return slices(X, abs(start), base)


@wrong("positions counted anew after 16", None)
def counted_anew(X, start=0, base=10000.0):
    places = (start + torch.arange(X.shape[-2])) % 16
    return turn(X, places.double()[:, None] * frequencies(X, base))


@wrong("angles kept from a call with another base", None)
def kept(X, start=0, base=10000.0, memory={}):  # noqa: B006
    place = (start, X.shape[-2], X.shape[-1])
    return turn(X, memory.setdefault(place, angles(X, start, base)))


@wrong("the last pair left", "The last pair is not turned.")
def last_pair_left(X, start=0, base=10000.0):
    return torch.cat([slices(X, start, base)[..., :-2], X[..., -2:]], dim=-1)


@wrong("another default start", "The positions are counted from 1: the first word of X stands at start.")
def other_default(X, start=1, base=10000.0):
    return slices(X, start, base)
