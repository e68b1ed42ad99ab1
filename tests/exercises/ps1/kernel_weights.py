"""Answers to ``kernel_weights(query, key, width)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def squared_distances(query, key):
    return ((query[:, None, :] - key[None, :, :]) ** 2).sum(axis=-1)


def normalise(kernel):
    return kernel / kernel.sum(axis=1, keepdims=True)


@right("two loops and math")
def two_loops(query, key, width):
    weights = np.empty((len(query), len(key)))
    for i, q in enumerate(query):
        kernel = [np.exp(-sum((a - b) ** 2 for a, b in zip(q, k, strict=True)) / width**2 / 2) for k in key]
        weights[i] = np.array(kernel) / sum(kernel)
    return weights


@right("the square multiplied out: |q|² - 2 q·k + |k|²")
def multiplied_out(query, key, width):
    squared = (query**2).sum(axis=1)[:, None] - 2 * query @ key.T + (key**2).sum(axis=1)
    return normalise(np.exp(-squared / (2 * width**2)))


@right("the full normal density: its constant cancels")
def density(query, key, width):
    u = np.linalg.norm(query[:, None] - key, axis=-1) / width
    return normalise(np.exp(-(u**2) / 2) / (width * np.sqrt(2 * np.pi)))


@right("nearest key subtracted first, as in a stable softmax")
def stable(query, key, width):
    exponent = -squared_distances(query, key) / (2 * width**2)
    return normalise(np.exp(exponent - exponent.max(axis=1, keepdims=True)))


@right("einsum over the differences")
def einsum(query, key, width):
    difference = (query[:, None] - key) / width
    return normalise(np.exp(np.einsum("qkd,qkd->qk", difference, difference) * -0.5))


@right("torch inside")
def torch_inside(query, key, width):
    distance = torch.cdist(torch.tensor(query), torch.tensor(key), compute_mode="donot_use_mm_for_euclid_dist")
    kernel = torch.exp(-((distance / width) ** 2) / 2)
    return (kernel / kernel.sum(dim=1, keepdim=True)).numpy()


@wrong("does not square the distance", "distance is not squared")
def distance_not_squared(query, key, width):
    return normalise(np.exp(-np.sqrt(squared_distances(query, key)) / (2 * width**2)))


@wrong("does not square the width", "width is not squared")
def width_not_squared(query, key, width):
    return normalise(np.exp(-squared_distances(query, key) / (2 * width)))


@wrong("forgets the 1/2", "factor 1/2")
def no_half(query, key, width):
    return normalise(np.exp(-squared_distances(query, key) / width**2))


@wrong("forgets the 1/2 and the square of the width", "factor 1/2 is missing and the width")
def no_half_no_square(query, key, width):
    return normalise(np.exp(-squared_distances(query, key) / width))


@wrong("-d²/2·h² without brackets", "divide by it")
def no_brackets(query, key, width):
    return normalise(np.exp(-squared_distances(query, key) / 2 * width**2))


@wrong("ignores the width", "width is not used")
def no_width(query, key, width):
    return normalise(np.exp(-squared_distances(query, key) / 2))


@wrong("forgets the minus sign", "minus sign")
def no_sign(query, key, width):
    return normalise(np.exp(squared_distances(query, key) / (2 * width**2)))


@wrong("does not normalise", "not normalised")
def unnormalised(query, key, width):
    return np.exp(-squared_distances(query, key) / (2 * width**2))


@wrong("divides by the number of keys", "number of keys")
def divided_by_n(query, key, width):
    return np.exp(-squared_distances(query, key) / (2 * width**2)) / len(key)


@wrong("normalises over the queries", "over the queries")
def over_queries(query, key, width):
    kernel = np.exp(-squared_distances(query, key) / (2 * width**2))
    return kernel / kernel.sum(axis=0)


@wrong("divides by the sum of the whole array", "whole array")
def whole_array(query, key, width):
    kernel = np.exp(-squared_distances(query, key) / (2 * width**2))
    return kernel / kernel.sum()


@wrong("forgets keepdims", "keepdims=True")
def no_keepdims(query, key, width):
    kernel = np.exp(-squared_distances(query, key) / (2 * width**2))
    return kernel / kernel.sum(axis=1)


@wrong("keys down, queries across", "axes are swapped")
def transposed(query, key, width):
    return normalise(np.exp(-squared_distances(query, key) / (2 * width**2))).T


@wrong("uses the first coordinate only", "Only the first coordinate")
def first_coordinate(query, key, width):
    return normalise(np.exp(-((query[:, :1] - key[:, 0]) ** 2) / (2 * width**2)))


@wrong("averages over the coordinates", "averaged over dim")
def averaged(query, key, width):
    squared = ((query[:, None, :] - key[None, :, :]) ** 2).mean(axis=-1)
    return normalise(np.exp(-squared / (2 * width**2)))


@wrong("sums the differences before squaring", "before squaring")
def summed_before_squaring(query, key, width):
    squared = (query[:, None, :] - key[None, :, :]).sum(axis=-1) ** 2
    return normalise(np.exp(-squared / (2 * width**2)))


@wrong("takes the city-block distance", "absolute differences")
def city_block(query, key, width):
    distance = np.abs(query[:, None, :] - key[None, :, :]).sum(axis=-1)
    return normalise(np.exp(-(distance**2) / (2 * width**2)))


@wrong("pairs query and key row by row", None)
def row_by_row(query, key, width):
    squared = ((query - key) ** 2).sum(axis=-1, keepdims=True)
    return normalise(np.exp(-squared / (2 * width**2)))


@wrong("hard-codes two coordinates", None)
def hard_coded_shape(query, key, width):
    x, y = (query[:, None, d] - key[None, :, d] for d in (0, 1))
    return normalise(np.exp(-(x**2 + y**2) / (2 * width**2)))


@wrong("divides query and key by the width in place", "query was changed")
def in_place(query, key, width):
    query /= width
    key /= width
    return normalise(np.exp(-squared_distances(query, key) / 2))


@wrong("adds 1e-9 to the sum", "has 1e-09 added")
def epsilon(query, key, width):
    kernel = np.exp(-squared_distances(query, key) / (2 * width**2))
    return kernel / (kernel.sum(axis=1, keepdims=True) + 1e-9)


@wrong("adds 1e-12 to the sum", "has 1e-12 added")
def smaller_epsilon(query, key, width):
    kernel = np.exp(-squared_distances(query, key) / (2 * width**2))
    return kernel / (kernel.sum(axis=1, keepdims=True) + 1e-12)


@wrong("skips keys at distance 0", "at distance 0 was left out")
def skips_distance_0(query, key, width):
    squared = squared_distances(query, key)
    return normalise(np.where(squared > 0, np.exp(-squared / (2 * width**2)), 0))


@wrong("divides by (2 h)²", "2 * width**2, not (2 * width)**2")
def bracket_wrong(query, key, width):
    return normalise(np.exp(-squared_distances(query, key) / (2 * width) ** 2))


@wrong("takes a width below 0.001 for 0.001", None)
def width_at_least(query, key, width):
    return normalise(np.exp(-squared_distances(query, key) / (2 * max(width, 1e-3) ** 2)))


@wrong("takes a width above 100 for 100", None)
def width_at_most(query, key, width):
    return normalise(np.exp(-squared_distances(query, key) / (2 * min(width, 100) ** 2)))


@wrong("rounds the width to one place", None)
def width_rounded(query, key, width):
    return normalise(np.exp(-squared_distances(query, key) / (2 * (round(width, 1) or width) ** 2)))


@wrong("adds 1e-9 to the squared width", None)
def epsilon_in_the_width(query, key, width):
    return normalise(np.exp(-squared_distances(query, key) / (2 * width**2 + 1e-9)))


@wrong("returns float16", "dtype float16")
def float16_returned(query, key, width):
    return normalise(np.exp(-squared_distances(query, key) / (2 * width**2))).astype("float16")
