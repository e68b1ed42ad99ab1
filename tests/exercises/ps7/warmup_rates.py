"""Answers to ``warmup_rates(steps, dim, warmup)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def rates(steps, dim, warmup):
    steps = steps.double()
    return dim**-0.5 * torch.minimum(steps**-0.5, steps * warmup**-1.5)


@right("a loop")
def loop(steps, dim, warmup):
    return torch.tensor([min(t**-0.5, t * warmup**-1.5) / math.sqrt(dim) for t in steps.tolist()])


@right("NumPy")
def with_numpy(steps, dim, warmup):
    t = steps.numpy().astype(float)
    return torch.from_numpy(np.minimum(1 / np.sqrt(t), t / warmup**1.5) / np.sqrt(dim))


@right("the peak times a share of it")
def by_peak(steps, dim, warmup):
    peak = (dim * warmup) ** -0.5
    share = steps.double() / warmup
    return peak * torch.where(share < 1, share, share.rsqrt())


@right("float32 all the way")
def single(steps, dim, warmup):
    t = steps.float()
    return dim**-0.5 * torch.stack([t**-0.5, t * warmup**-1.5]).amin(dim=0)


@right("an if for each update")
def branches(steps, dim, warmup):
    out = []
    for t in steps:
        t = int(t)
        out.append(t / (warmup * math.sqrt(warmup * dim)) if t < warmup else 1 / math.sqrt(t * dim))
    return torch.tensor(out, dtype=torch.float64)


@wrong("max in place of min", "max was taken for min.")
def largest(steps, dim, warmup):
    t = steps.double()
    return dim**-0.5 * torch.maximum(t**-0.5, t * warmup**-1.5)


@wrong("dim forgotten", "dim ** -0.5 is missing.")
def no_dim(steps, dim, warmup):
    return rates(steps, 1, warmup)


@wrong("times the root of dim", "That is multiplied by the square root of dim: divide by it.")
def times_root(steps, dim, warmup):
    return rates(steps, 1, warmup) * dim**0.5


@wrong("divided by dim", "That is divided by dim: divide by its square root.")
def by_dim(steps, dim, warmup):
    return rates(steps, 1, warmup) / dim


@wrong("counted from 0", "The updates are counted from 0: the first is number 1.")
def from_zero(steps, dim, warmup):
    return rates(steps - 1, dim, warmup).nan_to_num(posinf=0.0)


@wrong("one step late", "The updates are one too high: they come counted from 1.")
def one_too_high(steps, dim, warmup):
    return rates(steps + 1, dim, warmup)


@wrong("no warm-up", "The rise is missing: it is t * warmup ** -1.5.")
def no_warmup(steps, dim, warmup):
    return dim**-0.5 * steps.double() ** -0.5


@wrong("the rise alone", "The fall is missing: it is t ** -0.5.")
def rise_alone(steps, dim, warmup):
    return dim**-0.5 * steps.double() * warmup**-1.5


@wrong(
    "a peak of dim ** -0.5",
    "The peak is dim ** -0.5: the rise is t * warmup ** -1.5, and t / warmup is something else.",
)
def unscaled(steps, dim, warmup):
    t = steps.double()
    return dim**-0.5 * torch.minimum((warmup / t) ** 0.5, t / warmup)


@wrong("the rise t / warmup", "The rise is t / warmup: it is t * warmup ** -1.5, which meets the fall at the peak.")
def by_warmup(steps, dim, warmup):
    t = steps.double()
    return dim**-0.5 * torch.minimum(t**-0.5, t / warmup)


@wrong("the rise with warmup ** -0.5", "The exponent of warmup is -0.5: it is -1.5.")
def other_exponent(steps, dim, warmup):
    t = steps.double()
    return dim**-0.5 * torch.minimum(t**-0.5, t * warmup**-0.5)


@wrong("constant after the peak", "The rate stays at its peak: it falls with t ** -0.5.")
def constant(steps, dim, warmup):
    return rates(steps.clamp(max=warmup), dim, warmup)


@wrong("falls with 1 / t", "The fall is 1 / t: it is t ** -0.5.")
def hyperbola(steps, dim, warmup):
    t = steps.double()
    return dim**-0.5 * torch.minimum(1 / t, t * warmup**-1.5)


@wrong("falls in a straight line", None)
def straight(steps, dim, warmup):
    t = steps.double()
    peak = (dim * warmup) ** -0.5
    return torch.where(t <= warmup, rates(steps, dim, warmup), peak * (1 - (t - warmup) / 1000).clamp(min=0))


@wrong("a cosine after the peak", None)
def cosine(steps, dim, warmup):
    t = steps.double()
    peak = (dim * warmup) ** -0.5
    return torch.where(t <= warmup, t / warmup, (1 + torch.cos((t - warmup) / 100)) / 2) * peak


@wrong("dim and warmup exchanged", "dim and warmup are exchanged.")
def exchanged(steps, dim, warmup):
    return rates(steps, warmup, dim)


@wrong("the root of t", "The fall is missing: it is t ** -0.5.")
def root(steps, dim, warmup):
    t = steps.double()
    return dim**-0.5 * torch.minimum(t**0.5, t * warmup**-1.5)


@wrong("integers", "The rates became whole numbers.")
def whole(steps, dim, warmup):
    return rates(steps, dim, warmup).long()


@wrong("min over all updates", "The minimum was taken over all updates: take it for each.")
def min_over_all(steps, dim, warmup):
    t = steps.double()
    return dim**-0.5 * torch.minimum((t**-0.5).min(), (t * warmup**-1.5).min()).expand(len(t))


@wrong("counts from 1 whatever the steps are", None)
def counted_anew(steps, dim, warmup):
    known = {(1, 4, 16, 36, 64), (1, 4, 16)}
    numbers = steps if tuple(steps.tolist()) in known else torch.arange(1, len(steps) + 1)
    return rates(numbers, dim, warmup)


@wrong("in place", "steps was changed")
def in_place(steps, dim, warmup):
    answer = rates(steps, dim, warmup)
    steps += 1
    return answer


@wrong("a plain number", "has shape")
def first_alone(steps, dim, warmup):
    return rates(steps, dim, warmup)[0]


@wrong("returns nothing", "is None")
def nothing(steps, dim, warmup):
    rates(steps, dim, warmup)


@wrong("dim of the printed test", None)
def fixed_dim(steps, dim, warmup):
    return rates(steps, 16 if warmup == 4 else 25, warmup)


@wrong("rounded", None)
def rounded(steps, dim, warmup):
    return (rates(steps, dim, warmup) * 1e6).round() / 1e6


@wrong("updates sorted", None)
def sorted_steps(steps, dim, warmup):
    return rates(steps.sort().values, dim, warmup)


@wrong("whole divisions", None)
def whole_division(steps, dim, warmup):
    return dim**-0.5 * torch.minimum(steps.double() ** -0.5, (steps // warmup) * warmup**-0.5)
