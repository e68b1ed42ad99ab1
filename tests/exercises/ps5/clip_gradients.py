"""Answers to ``clip_gradients(gradients, max_norm)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def length(gradients):
    return math.sqrt(sum(float((g.double() ** 2).sum()) for g in gradients))


def scaled(gradients, factor):
    return [g * factor for g in gradients]


@right("the norm of the norms")
def norm_of_norms(gradients, max_norm):
    norm = torch.stack([g.norm() for g in gradients]).norm()
    return scaled(gradients, max_norm / norm) if norm > max_norm else [g.clone() for g in gradients]


@right("all numbers in one vector")
def one_vector(gradients, max_norm):
    norm = torch.cat([g.reshape(-1) for g in gradients]).pow(2).sum().sqrt()
    factor = torch.clamp(max_norm / norm, max=1.0) if norm > 0 else 1.0
    return [g * factor for g in gradients]


@right("NumPy inside, a tuple of arrays comes back")
def numpy_inside(gradients, max_norm):
    arrays = [g.numpy() for g in gradients]
    norm = np.sqrt(sum(np.sum(np.square(a.astype(float))) for a in arrays))
    return tuple(a / max(1.0, norm / max_norm) for a in arrays)


@right("divides by the larger of norm and max_norm")
def divided(gradients, max_norm):
    return scaled(gradients, max_norm / max(length(gradients), max_norm))


@right("a loop over all numbers")
def loop(gradients, max_norm):
    norm = sum(x * x for g in gradients for x in g.flatten().tolist()) ** 0.5
    factor = 1.0
    if norm > max_norm:
        factor = max_norm / norm
    answer = []
    for g in gradients:
        answer.append(g.mul(factor))
    return answer


@right("math.hypot, the same tensors where nothing is clipped")
def hypot(gradients, max_norm):
    norm = math.hypot(*(x for g in gradients for x in g.flatten().tolist()))
    return list(gradients) if norm <= max_norm else scaled(gradients, max_norm / norm)


@right("copies, shortened in place")
def copies(gradients, max_norm):
    copied = [g.clone() for g in gradients]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in copied]))
    if norm > max_norm:
        for g in copied:
            g *= max_norm / norm
    return copied


@wrong(
    "each tensor by itself", "Each tensor was clipped by itself, which turns the direction: there is one common length."
)
def each_by_itself(gradients, max_norm):
    return [g * min(1.0, max_norm / max(float(g.norm()), 1e-30)) for g in gradients]


@wrong(
    "each number by itself", "Each number was cut off by itself, which turns the direction: multiply all by one factor."
)
def each_number(gradients, max_norm):
    return [g.clamp(-max_norm, max_norm) for g in gradients]


@wrong("always scaled", "The gradients were made longer: those below max_norm stay as they are.")
def always_scaled(gradients, max_norm):
    return scaled(gradients, max_norm / max(length(gradients), 1e-300))


@wrong("never scaled", "Nothing was shortened: the length is above max_norm. Is the condition turned round?")
def never(gradients, max_norm):
    return [g.clone() for g in gradients]


@wrong("no square root", "The square root is missing: the length is the root of the sum of squares.")
def no_root(gradients, max_norm):
    return scaled(gradients, min(1.0, max_norm / max(length(gradients) ** 2, 1e-300)))


@wrong(
    "no square root, and max_norm squared", "Squares were compared and divided: the factor is a quotient of lengths."
)
def squares(gradients, max_norm):
    return scaled(gradients, min(1.0, max_norm**2 / max(length(gradients) ** 2, 1e-300)))


@wrong("the sum of the tensors' norms", "The lengths of the tensors were added: add their squares, and take one root.")
def sum_of_norms(gradients, max_norm):
    return scaled(gradients, min(1.0, max_norm / max(1e-300, sum(float(g.norm()) for g in gradients))))


@wrong(
    "the largest of the tensors' norms",
    "The length of the longest tensor was taken: all tensors have one common length.",
)
def largest_norm(gradients, max_norm):
    return scaled(gradients, min(1.0, max_norm / max(1e-300, *(float(g.norm()) for g in gradients))))


@wrong(
    "the mean of the tensors' norms",
    "The mean of the tensors' lengths was taken: add their squares, and take one root.",
)
def mean_of_norms(gradients, max_norm):
    norm = sum(float(g.norm()) for g in gradients) / len(gradients)
    return scaled(gradients, min(1.0, max_norm / max(1e-300, norm)))


@wrong("sum of absolute values", "The length is a sum of absolute values: take the root of the sum of squares.")
def absolute(gradients, max_norm):
    return scaled(gradients, min(1.0, max_norm / max(1e-300, sum(float(g.abs().sum()) for g in gradients))))


@wrong("the largest number", "The length is that of the largest number: take the root of the sum of squares.")
def largest_number(gradients, max_norm):
    return scaled(gradients, min(1.0, max_norm / max(1e-300, max(float(g.abs().max()) for g in gradients))))


@wrong("root mean square", "The squares were averaged: the length has their sum.")
def root_mean_square(gradients, max_norm):
    number = sum(g.numel() for g in gradients)
    return scaled(gradients, min(1.0, max_norm * math.sqrt(number) / max(1e-300, length(gradients))))


@wrong("the length of the first tensor", "Only the first tensor was measured: all tensors have one common length.")
def first_tensor(gradients, max_norm):
    return scaled(gradients, min(1.0, max_norm / max(1e-300, float(gradients[0].norm()))))


@wrong("the length of the last tensor", "Only the last tensor was measured: is the sum emptied for each?")
def last_tensor(gradients, max_norm):
    return scaled(gradients, min(1.0, max_norm / max(1e-300, float(gradients[-1].norm()))))


@wrong("made of length 1", "The length became 1: it is to become max_norm.")
def unit(gradients, max_norm):
    norm = length(gradients)
    return scaled(gradients, 1 / norm if norm > max_norm else 1.0)


@wrong("the factor turned round", "The factor is turned round: it is max_norm divided by the length.")
def factor_turned(gradients, max_norm):
    norm = length(gradients)
    return scaled(gradients, norm / max_norm if norm > max_norm else 1.0)


@wrong(
    "the condition turned round", "Nothing was shortened: the length is above max_norm. Is the condition turned round?"
)
def condition_turned(gradients, max_norm):
    norm = length(gradients)
    return scaled(gradients, max_norm / max(norm, 1e-300) if norm < max_norm else 1.0)


@wrong("zeros where the length is above", "The gradients became zero: shorten them to max_norm.")
def zeroed(gradients, max_norm):
    return scaled(gradients, 1.0 if length(gradients) <= max_norm else 0.0)


@wrong("torch's small number in the divisor", "A small number was added to the length: divide by the length alone.")
def small_number(gradients, max_norm):
    return scaled(gradients, min(1.0, max_norm / (length(gradients) + 1e-6)))


@wrong("a small number against a length of 0", None)
def smaller_number(gradients, max_norm):
    return scaled(gradients, min(1.0, max_norm / (length(gradients) + 1e-10)))


@wrong("0 divided by 0", "With zeros the length is 0, and max_norm / 0 or 0 / 0 came into it: leave them as they are.")
def zero_by_zero(gradients, max_norm):
    norm = torch.tensor(length(gradients))
    return [g / norm * torch.minimum(norm, torch.tensor(max_norm)) for g in gradients]


@wrong("the sum inside the square", "The numbers were added before they were squared.")
def sum_squared(gradients, max_norm):
    norm = abs(sum(float(g.sum()) for g in gradients))
    return scaled(gradients, min(1.0, max_norm / max(1e-300, norm)))


@wrong("numbers between -1 and 1 by dividing by the largest", None)
def compared_by_largest(gradients, max_norm):
    if length(gradients) <= max_norm:
        return gradients
    return scaled(gradients, max_norm / 15.0)


@wrong("flattened", "a clipped gradient has shape (4,), expected (2, 2)")
def flattened(gradients, max_norm):
    return [g.reshape(-1) for g in divided(gradients, max_norm)]


@wrong("in place", "a gradient was changed by the call")
def in_place(gradients, max_norm):
    factor = min(1.0, max_norm / max(1e-300, length(gradients)))
    for g in gradients:
        g *= factor
    return gradients


@wrong("only matrices are measured", "Vectors were left out of the length: biases have gradients, too.")
def matrices_measured(gradients, max_norm):
    norm = length([g for g in gradients if g.ndim > 1])
    return scaled(gradients, min(1.0, max_norm / max(1e-300, norm)))
