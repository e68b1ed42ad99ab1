"""Answers to ``entropy(weights, base=2.0)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def terms(weights, base):
    return -weights * np.log(np.where(weights > 0, weights, 1)) / np.log(base)


@right("a loop that skips zeros")
def loop(weights, base=2.0):
    answer = np.zeros(weights.shape[:-1])
    for place in np.ndindex(weights.shape):
        if weights[place] > 0:
            answer[place[:-1]] -= weights[place] * math.log(weights[place], base)
    return answer


@right("np.log with where=")
def log_where(weights, base=2.0):
    logarithm = np.log(weights, out=np.zeros_like(weights), where=weights > 0)
    return -np.einsum("...k,...k->...", weights, logarithm) / np.log(base)


@right("0 log 0 allowed, with its warnings, then left out of the sum")
def nansum(weights, base=2.0):
    return -np.nansum(weights * np.log2(weights), axis=-1) / np.log2(base)


@right("np.apply_along_axis over rows without their zeros")
def along_axis(weights, base=2.0):
    def row(w):
        w = w[w > 0]
        return -(w * np.log(w)).sum() / np.log(base)

    return np.apply_along_axis(row, -1, weights)


@right("a smallest number inside the logarithm that doesn't show")
def tiny(weights, base=2.0):
    return -(weights * np.log(weights + 1e-300)).sum(axis=-1) / np.log(base)


@right("torch.special.xlogy")
def torch_inside(weights, base=2.0):
    w = torch.tensor(weights)
    return (-torch.special.xlogy(w, w).sum(dim=-1) / math.log(base)).numpy()


@wrong("natural logarithm whatever the base", "in nats")
def nats(weights, base=2.0):
    return terms(weights, np.e).sum(axis=-1)


@wrong("base 2 whatever the base", "base is not used")
def bits(weights, base=2.0):
    return terms(weights, 2).sum(axis=-1)


@wrong("knows base 2 and e only", None)
def two_bases(weights, base=2.0):
    return terms(weights, 2 if base == 2 else np.e).sum(axis=-1)


@wrong("forgets the sign", "sign is missing")
def no_sign(weights, base=2.0):
    return -terms(weights, base).sum(axis=-1)


@wrong("0 log 0 gives NaN", "0 times log 0")
def nan(weights, base=2.0):
    return -(weights * np.log(weights)).sum(axis=-1) / np.log(base)


@wrong("adds 1e-6 inside the logarithm", None)
def epsilon(weights, base=2.0):
    return -(weights * np.log(weights + 1e-6)).sum(axis=-1) / np.log(base)


@wrong("adds 1e-9 inside the logarithm", None)
def smaller_epsilon(weights, base=2.0):
    return -(weights * np.log(weights + 1e-9)).sum(axis=-1) / np.log(base)


@wrong("lifts weights below 1e-6 to it", None)
def lifted(weights, base=2.0):
    lifted = np.clip(weights, 1e-6, 1)
    return -(lifted * np.log(lifted)).sum(axis=-1) / np.log(base)


@wrong("takes the mean over the keys", "mean over the keys")
def mean(weights, base=2.0):
    return terms(weights, base).mean(axis=-1)


@wrong("sums everything into one number", "one entropy a row")
def one_number(weights, base=2.0):
    return terms(weights, base).sum()


@wrong("drops zeros with a mask, which also drops the rows", "one entropy a row")
def flattened(weights, base=2.0):
    w = weights[weights > 0]
    return -(w * np.log(w)).sum() / np.log(base)


@wrong("sums down the columns", "down the columns")
def columns(weights, base=2.0):
    return terms(weights, base).sum(axis=0)


@wrong("keeps the axis", "axis of length 1")
def kept_axis(weights, base=2.0):
    return terms(weights, base).sum(axis=-1, keepdims=True)


@wrong("does not sum", "not summed over the keys")
def not_summed(weights, base=2.0):
    return terms(weights, base)


@wrong("forgets to weigh the logarithms", "not weighted")
def not_weighted(weights, base=2.0):
    return -np.log(np.where(weights > 0, weights, 1)).sum(axis=-1) / np.log(base)


@wrong("multiplies by log(base)", "multiplied by log(base)")
def multiplied(weights, base=2.0):
    return terms(weights, np.e).sum(axis=-1) * np.log(base)


@wrong("divides by the largest entropy there is", "entropy of equal weights")
def relative(weights, base=2.0):
    return terms(weights, base).sum(axis=-1) / np.log(weights.shape[-1]) * np.log(base)


@wrong("returns the perplexity", "perplexity")
def perplexity(weights, base=2.0):
    return base ** terms(weights, base).sum(axis=-1)


@wrong("writes 1 over the zeros", "weights was changed")
def in_place(weights, base=2.0):
    kept = weights.copy()
    weights += weights == 0
    return -(kept * np.log(weights)).sum(axis=-1) / np.log(base)


@wrong("works for two dimensions only", None)
def two_dimensions(weights, base=2.0):
    if weights.ndim == 1:
        return terms(weights, base).sum()
    return np.array([terms(row, base).sum() for row in weights])


@wrong("adds 1e-6 inside the logarithm and hides it in float16", "dtype float16")
def epsilon_in_float16(weights, base=2.0):
    return (-(weights * np.log(weights + 1e-6)).sum(axis=-1) / np.log(base)).astype("float16")
