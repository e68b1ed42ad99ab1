"""Answers to ``alibi_bias(heads, length)``."""

import math

import numpy as np
import torch

from attnlib import positions
from tests.exercises.answers import right, wrong


def bias(heads, length, slope=None, fall=abs):
    """One number after the other: -slope(h) * fall(k - i), heads counted from 1."""
    slope = slope or (lambda h: 2.0 ** (-8 * h / heads))
    return torch.tensor(
        [[[-slope(h) * fall(k - i) for k in range(length)] for i in range(length)] for h in range(1, heads + 1)],
        dtype=torch.float64,
    )


@right("number by number")
def loops(heads, length):
    return bias(heads, length)


@right("attnlib's function, float32")
def library(heads, length):
    p = torch.arange(length)
    return positions.alibi_bias(positions.distances(p, p), heads)


@right("broadcasting")
def broadcast(heads, length):
    p = torch.arange(length)
    slopes = 2.0 ** (-8.0 * torch.arange(1, heads + 1) / heads)
    return -slopes[:, None, None] * (p[None] - p[:, None]).abs()


@right("a geometric sequence, einsum")
def geometric(heads, length):
    first = 2 ** (-8 / heads)
    slopes = torch.tensor([first**n for n in range(1, heads + 1)], dtype=torch.float64)
    distance = torch.tensor([[abs(k - i) for k in range(length)] for i in range(length)], dtype=torch.float64)
    return torch.einsum("h,qk->hqk", slopes, -distance)


@right("NumPy inside")
def numpy_inside(heads, length):
    distance = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    return np.multiply.outer(-np.exp2(np.linspace(-8 / heads, -8, heads)), distance)


@right("both triangles")
def triangles(heads, length):
    steps = torch.arange(length)[:, None] - torch.arange(length)
    distance = torch.tril(steps) + torch.tril(steps).T
    return torch.stack([-distance.double() * math.exp(-8 * math.log(2) * (h + 1) / heads) for h in range(heads)])


@wrong("sign", "The sign is turned: far keys get lower scores.")
def sign(heads, length):
    return -bias(heads, length)


@wrong("heads counted from 0", "The heads are counted from 0: the first slope is 2 ** (-8 / heads), not 1.")
def from_zero(heads, length):
    return bias(heads, length, lambda h: 2.0 ** (-8 * (h - 1) / heads))


@wrong("halved from head to head", "The slope is halved from head to head: the exponent is -8 h / heads.")
def halved(heads, length):
    return bias(heads, length, lambda h: 2.0**-h)


@wrong(
    "halved from head to head, from 1 on",
    "The slope is halved from head to head, from 1 on: the exponent is -8 h / heads.",
)
def halved_from_one(heads, length):
    return bias(heads, length, lambda h: 2.0 ** (1 - h))


@wrong("one slope", "All heads have the slope of the first.")
def one_slope(heads, length):
    return bias(heads, length, lambda h: 2.0 ** (-8 / heads))


@wrong("the last slope for all", "All heads have the slope 2 ** -8: the exponent is -8 h / heads.")
def last_slope(heads, length):
    return bias(heads, length, lambda h: 2.0**-8)


@wrong("slope 2 ** -8h", "The exponent is not divided by the number of heads.")
def not_divided(heads, length):
    return bias(heads, length, lambda h: 2.0 ** (-8 * h))


@wrong("slope 2 ** (-8 / h)", "The exponent is -8 / h: it is -8 h / heads.")
def eight_over_h(heads, length):
    return bias(heads, length, lambda h: 2.0 ** (-8 / h))


@wrong("slopes without 8", "The 8 is missing in the exponent.")
def no_eight(heads, length):
    return bias(heads, length, lambda h: 2.0 ** (-h / heads))


@wrong("slopes in reverse", "The slopes are in reverse order: the first head's is the steepest.")
def reversed_slopes(heads, length):
    return bias(heads, length).flip(0)


@wrong("base e", "The base of the slopes is e: it is 2.")
def base_e(heads, length):
    return bias(heads, length, lambda h: math.exp(-8 * h / heads))


@wrong("slopes by the length", "The exponent is divided by the length, or by heads - 1: divide by the number of heads.")
def by_length(heads, length):
    return bias(heads, length, lambda h: 2.0 ** (-8 * h / length))


@wrong("slopes of one head more", "The exponent is divided by heads + 1: divide by heads.")
def one_more(heads, length):
    return bias(heads, length, lambda h: 2.0 ** (-8 * h / (heads + 1)))


@wrong(
    "slopes of one head less", "The exponent is divided by the length, or by heads - 1: divide by the number of heads."
)
def one_less(heads, length):
    return bias(heads, length, lambda h: 2.0 ** (-8 * h / max(heads - 1, 1)))


@wrong("slopes equally spaced", "The slopes are equally spaced: it is their exponents that are.")
def linear(heads, length):
    return bias(heads, length, lambda h: h / heads)


@wrong("the exponent for the slope", "The slope is -8 h / heads itself: it is 2 to that power.")
def exponent(heads, length):
    return bias(heads, length, lambda h: 8 * h / heads)


@wrong("no slopes", "All heads have the slope 1.")
def no_slopes(heads, length):
    return bias(heads, length, lambda h: 1.0)


@wrong("growing slopes", "The slopes grow: the exponent is negative.")
def growing(heads, length):
    return bias(heads, length, lambda h: 2.0 ** (8 * h / heads))


@wrong(
    "signed distance",
    "Keys after the query got a bonus or a penalty with the wrong sign: take the distance without its sign.",
)
def signed(heads, length):
    return bias(heads, length, fall=lambda step: step)


@wrong(
    "signed distance the other way",
    "Keys after the query are right, keys before it are not: take the distance without its sign.",
)
def signed_the_other_way(heads, length):
    return bias(heads, length, fall=lambda step: -step)


@wrong("zero for keys to come", "Keys after the query got 0: the bias is the same on both sides.")
def only_past(heads, length):
    return bias(heads, length, fall=lambda step: max(-step, 0))


@wrong("zero for keys before", "Keys before the query got 0: the bias is the same on both sides.")
def only_future(heads, length):
    return bias(heads, length, fall=lambda step: max(step, 0))


@wrong("-inf for keys to come", "Keys after the query got -inf: that is for a mask to say.")
def causal(heads, length):
    return bias(heads, length).masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), -torch.inf)


@wrong("squared distance", "The distance is squared.")
def squared(heads, length):
    return bias(heads, length, fall=lambda step: step**2)


@wrong("distance from 1 on", "The distance of a word to itself is 1: it is 0.")
def from_one(heads, length):
    return bias(heads, length, fall=lambda step: abs(step) + 1)


@wrong("one off between neighbours", "The distance between neighbours is 0: it is 1.")
def neighbours_zero(heads, length):
    return bias(heads, length, fall=lambda step: max(abs(step) - 1, 0))


@wrong("distance as a share of the length", "The distance is divided by the length: it counts words.")
def share(heads, length):
    return bias(heads, length) / length


@wrong("distance as a share of the longest", "The distance is divided by the longest: it counts words.")
def share_of_longest(heads, length):
    return bias(heads, length) / max(length - 1, 1)


@wrong("the key's position for the distance", "The key's position is taken for the distance: take the query's off.")
def position(heads, length):
    slopes = bias(heads, 2)[:, :1, 1:]
    return slopes * torch.arange(length)[None, None]


@wrong("near or far", "All other words are at distance 1: the distance counts words.")
def near_or_far(heads, length):
    return bias(heads, length, fall=lambda step: float(step != 0))


@wrong("heads last", "The heads are the last axis: they are the first.")
def heads_last(heads, length):
    return bias(heads, length).permute(1, 2, 0)


@wrong("slopes along the queries", "The slopes went along the queries, not along the heads.")
def slopes_along_queries(heads, length):
    distance = bias(1, length, lambda h: 1.0)
    slopes = torch.tensor([2.0 ** (-8 * (h + 1) / heads) for h in range(length)], dtype=torch.float64)
    return (slopes[:, None] * distance).expand(heads, -1, -1)


@wrong("slopes along the keys", "The slopes went along the keys, not along the heads.")
def slopes_along_keys(heads, length):
    distance = bias(1, length, lambda h: 1.0)
    slopes = torch.tensor([2.0 ** (-8 * (h + 1) / heads) for h in range(length)], dtype=torch.float64)
    return (slopes * distance).expand(heads, -1, -1)


@wrong("added up over the heads", "The heads are added up: each has a table of its own.")
def added(heads, length):
    return bias(heads, length).sum(dim=0)


@wrong("exponentials", "This is exp of the bias: it is added to scores, not multiplied with weights.")
def exponentials(heads, length):
    return torch.exp(bias(heads, length))


@wrong("whole exponents", None)
def whole(heads, length):
    return bias(heads, length, lambda h: 2.0 ** (-8 * h // heads))


@wrong("one ratio for any number of heads", None)
def quarter(heads, length):
    return bias(heads, length, lambda h: 4.0**-h)


@wrong("distances cut at 4", None)
def clipped(heads, length):
    return bias(heads, length, fall=lambda step: min(abs(step), 4))


@wrong("distances counted anew after 8", None)
def counted_anew(heads, length):
    return bias(heads, length, fall=lambda step: abs(step) % 8)


@wrong("no slope below the eighth", None)
def eight_slopes(heads, length):
    return bias(heads, length, lambda h: 2.0 ** (-8 * min(h, 8) / heads))


@wrong("logarithm of the distance", "The distance is that of logarithms: it counts words.")
def logarithm(heads, length):
    return bias(heads, length, fall=lambda step: math.log2(1 + abs(step)))


@wrong("keys in reverse", "The keys are in reverse order.")
def keys_in_reverse(heads, length):
    return bias(heads, length).flip(2)
