"""Answers to ``tempered_softmax(scores, temperature)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def softmax(scores):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@right("subtract first, then divide")
def subtract_first(scores, temperature):
    exponentials = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@right("a loop over the rows")
def loop(scores, temperature):
    weights = np.empty(scores.shape)
    for place in np.ndindex(scores.shape[:-1]):
        row = [np.exp((score - max(scores[place])) / temperature) for score in scores[place]]
        weights[place] = [number / sum(row) for number in row]
    return weights


@right("through the logarithm of the sum")
def logarithm(scores, temperature):
    scaled = scores / temperature
    return np.exp(scaled - np.logaddexp.reduce(scaled, axis=-1, keepdims=True))


@right("np.apply_along_axis, times the inverse temperature")
def along_axis(scores, temperature):
    return np.apply_along_axis(lambda row: softmax(row * (1 / temperature)), -1, scores)


@right("torch inside")
def torch_inside(scores, temperature):
    scaled = torch.tensor(scores) / temperature
    return torch.exp(scaled - torch.logsumexp(scaled, dim=-1, keepdim=True)).numpy()


@wrong("multiplies by the temperature", "You multiplied")
def multiplied(scores, temperature):
    return softmax(scores * temperature)


@wrong("divides after the softmax", "after the softmax")
def after_the_softmax(scores, temperature):
    return softmax(scores) / temperature


@wrong("ignores the temperature", "no effect")
def ignored(scores, temperature):
    return softmax(scores)


@wrong("subtracts the temperature, which changes nothing", "no effect")
def subtracted(scores, temperature):
    return softmax(scores - temperature)


@wrong("divides the exponentials, so that the temperature cancels", "no effect")
def cancels(scores, temperature):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True)) / temperature
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@wrong("raises the weights to the power 1/T and leaves it at that", "do not sum to 1")
def power_only(scores, temperature):
    return softmax(scores) ** (1 / temperature)


@wrong("raises the weights to the power 1/T: what has underflowed is lost", "after the softmax")
def power_of_weights(scores, temperature):
    weights = softmax(scores) ** (1 / temperature)
    return weights / weights.sum(axis=-1, keepdims=True)


@wrong("takes the logarithm of weights that have underflowed", "after the softmax")
def logarithm_of_weights(scores, temperature):
    return softmax(np.log(softmax(scores)) / temperature)


@wrong("divides by the squared temperature", "squared temperature")
def squared(scores, temperature):
    return softmax(scores / temperature**2)


@wrong("divides by the square root of the temperature", "square root")
def square_root(scores, temperature):
    return softmax(scores / temperature**0.5)


@wrong("divides whole", "rounds the scores down")
def floor_division(scores, temperature):
    return softmax(scores // temperature)


@wrong("sums down the columns", "down the columns")
def columns(scores, temperature):
    exponentials = np.exp(scores / temperature - (scores / temperature).max(axis=0))
    return exponentials / exponentials.sum(axis=0)


@wrong("does not subtract the largest", "exp overflowed")
def no_subtraction(scores, temperature):
    exponentials = np.exp(scores / temperature)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@wrong("takes a temperature below 1 for 1", "below 1 was taken for 1")
def at_least_one(scores, temperature):
    return softmax(scores / max(temperature, 1))


@wrong("subtracts the largest of the whole array", None)
def largest_of_all(scores, temperature):
    exponentials = np.exp((scores - scores.max()) / temperature)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@wrong("divides in place", "scores was changed")
def in_place(scores, temperature):
    scores /= temperature
    return softmax(scores)


@wrong("does not divide by the sum", "not divided by their sum")
def not_divided(scores, temperature):
    return np.exp(scores / temperature)


@wrong("takes a temperature below 0.01 for 0.01", "below 0.01 was taken for 0.01")
def at_least_a_hundredth(scores, temperature):
    return softmax(scores / max(temperature, 0.01))


@wrong("takes a temperature below 0.1 for 0.1", "below 0.1 was taken for 0.1")
def at_least_a_tenth(scores, temperature):
    return softmax(scores / max(temperature, 0.1))


@wrong("takes a temperature below 0.0005 for 0.0005", None)
def at_least_a_little(scores, temperature):
    return softmax(scores / max(temperature, 5e-4))


@wrong("adds 1e-8 to the temperature", None)
def epsilon(scores, temperature):
    return softmax(scores / (temperature + 1e-8))


@wrong("returns float16", "dtype float16")
def float16_returned(scores, temperature):
    return softmax(scores / temperature).astype("float16")
