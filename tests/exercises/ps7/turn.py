"""Answers to ``turn(vectors, past)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def frequencies(dim, base=10000.0):
    return base ** -(torch.arange(0, dim, 2, dtype=torch.float64) / dim)


def by_angles(vectors, angles):
    """Turn neighbouring components by angles that broadcast to (batch, heads, new, pairs)."""
    cosine, sine = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    a, b = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack([a * cosine - b * sine, a * sine + b * cosine], dim=-1).reshape(vectors.shape)


def positions_of(vectors, past):
    return torch.arange(past, past + vectors.shape[2], dtype=torch.float64)


def turned(vectors, past, omega=None):
    omega = frequencies(vectors.shape[-1]) if omega is None else omega
    return by_angles(vectors, positions_of(vectors, past)[:, None] * omega)


@right("a loop over words and pairs")
def loop(vectors, past):
    out = vectors.clone()
    for n in range(vectors.shape[2]):
        for i in range(vectors.shape[3] // 2):
            angle = (past + n) * 10000 ** (-2 * i / vectors.shape[3])
            a, b = vectors[:, :, n, 2 * i], vectors[:, :, n, 2 * i + 1]
            out[:, :, n, 2 * i] = a * math.cos(angle) - b * math.sin(angle)
            out[:, :, n, 2 * i + 1] = a * math.sin(angle) + b * math.cos(angle)
    return out


@right("complex numbers")
def complex_numbers(vectors, past):
    pairs = torch.view_as_complex(vectors.double().reshape(*vectors.shape[:-1], -1, 2).contiguous())
    angles = torch.outer(positions_of(vectors, past), frequencies(vectors.shape[-1]))
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2).to(vectors.dtype)


@right("x cos + x' sin, with the neighbours exchanged")
def exchanged_neighbours(vectors, past):
    angles = (positions_of(vectors, past)[:, None] * frequencies(vectors.shape[-1])).repeat_interleave(2, dim=-1)
    pairs = vectors.reshape(*vectors.shape[:-1], -1, 2)
    other = torch.stack([-pairs[..., 1], pairs[..., 0]], dim=-1).reshape(vectors.shape)
    return vectors * angles.cos().to(vectors.dtype) + other * angles.sin().to(vectors.dtype)


@right("matrices and einsum")
def matrices(vectors, past):
    new, dim = vectors.shape[2:]
    turns = torch.zeros(new, dim, dim, dtype=torch.float64)
    for n in range(new):
        for i in range(dim // 2):
            angle = torch.tensor((past + n) * 10000.0 ** (-2 * i / dim))
            block = slice(2 * i, 2 * i + 2)
            turns[n, block, block] = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    angles = positions_of(vectors, past)[:, None] * frequencies(dim)
    even = torch.arange(0, dim, 2)
    turns[:, even, even] = turns[:, even + 1, even + 1] = angles.cos()
    turns[:, even + 1, even], turns[:, even, even + 1] = angles.sin(), -angles.sin()
    return torch.einsum("nij,bhnj->bhni", turns.to(vectors.dtype), vectors)


@right("NumPy inside")
def numpy_inside(vectors, past):
    x = vectors.numpy()
    angles = (past + np.arange(x.shape[2]))[:, None] / 10000 ** (np.arange(0, x.shape[3], 2) / x.shape[3])
    pairs = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angles)
    out = np.empty(x.shape)
    out[..., 0::2], out[..., 1::2] = pairs.real, pairs.imag
    return torch.tensor(out).to(vectors.dtype)


@right("a table of all positions, of which the last rows are taken; float64 comes back")
def table(vectors, past):
    angles = torch.arange(past + vectors.shape[2]).double()[:, None] * frequencies(vectors.shape[3])
    return by_angles(vectors.double(), angles[past:])


@wrong("past forgotten", "past is not used: the first of these words stands at position past.")
def no_past(vectors, past):
    return turned(vectors, 0)


@wrong("one too high", "The positions are one too high: the first word stands at past, counted from 0.")
def one_too_high(vectors, past):
    return turned(vectors, past + 1)


@wrong("one too low", "The positions are one too low: the first word stands at past.")
def one_too_low(vectors, past):
    return turned(vectors, past - 1)


@wrong("all at position past", "All words stand at position past: they go on counting.")
def all_at_past(vectors, past):
    return by_angles(vectors, past * frequencies(vectors.shape[-1]))


@wrong("all at the last position", "All words stand at the last position: they count from past on.")
def all_at_last(vectors, past):
    return by_angles(vectors, (past + vectors.shape[2] - 1) * frequencies(vectors.shape[-1]))


@wrong("counted backwards", "The words are counted backwards.")
def backwards(vectors, past):
    return by_angles(vectors, positions_of(vectors, past).flip(0)[:, None] * frequencies(vectors.shape[-1]))


@wrong("past added twice", "past is added twice.")
def past_twice(vectors, past):
    return turned(vectors, 2 * past)


@wrong("past times the number of new words", None)
def past_times_new(vectors, past):
    return turned(vectors, past * vectors.shape[2])


@wrong("positions over the heads", "The positions go with the heads: they go with the words.")
def over_heads(vectors, past):
    return turned(vectors.transpose(1, 2), past).transpose(1, 2)


@wrong("positions over the sentences", "The positions go with the sentences: they go with the words.")
def over_batch(vectors, past):
    return turned(vectors.transpose(0, 2), past).transpose(0, 2)


@wrong("halves paired", "Component i was turned with i + dim / 2: turn neighbours, 2i and 2i + 1.")
def halves(vectors, past):
    angles = positions_of(vectors, past)[:, None] * frequencies(vectors.shape[-1])
    cosine, sine = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    a, b = vectors.chunk(2, dim=-1)
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], dim=-1)


@wrong("halves put together", "The components came back in another order: put them back in turn, not in two halves.")
def halves_put_together(vectors, past):
    angles = positions_of(vectors, past)[:, None] * frequencies(vectors.shape[-1])
    cosine, sine = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    a, b = vectors[..., 0::2], vectors[..., 1::2]
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], dim=-1)


@wrong("halves exchanged with neighbours' angles", "The other component came from the other half: it is the neighbour.")
def rotate_half(vectors, past):
    angles = (positions_of(vectors, past)[:, None] * frequencies(vectors.shape[-1])).repeat_interleave(2, dim=-1)
    a, b = vectors.chunk(2, dim=-1)
    return vectors * angles.cos().to(vectors.dtype) + torch.cat([-b, a], dim=-1) * angles.sin().to(vectors.dtype)


@wrong("turned the other way", "The vectors are turned the other way: check the signs of the sines.")
def other_way(vectors, past):
    return turned(vectors, past, -frequencies(vectors.shape[-1]))


@wrong("both signs plus", "Both sines have the same sign: the first is subtracted.")
def both_plus(vectors, past):
    angles = positions_of(vectors, past)[:, None] * frequencies(vectors.shape[-1])
    cosine, sine = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    a, b = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack([a * cosine + b * sine, a * sine + b * cosine], dim=-1).reshape(vectors.shape)


@wrong("sine and cosine exchanged", "Sine and cosine are exchanged.")
def sine_and_cosine(vectors, past):
    angles = positions_of(vectors, past)[:, None] * frequencies(vectors.shape[-1])
    return by_angles(vectors, torch.pi / 2 - angles)


@wrong("the second made of the turned first", "The second component was made of the first after it was turned.")
def overwritten(vectors, past):
    angles = positions_of(vectors, past)[:, None] * frequencies(vectors.shape[-1])
    cosine, sine = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    out = vectors.clone()
    out[..., 0::2] = out[..., 0::2] * cosine - out[..., 1::2] * sine
    out[..., 1::2] = out[..., 0::2] * sine + out[..., 1::2] * cosine
    return out


@wrong("i in place of 2i", "The exponent is i / d: it is 2i / d.")
def single_exponent(vectors, past):
    dim = vectors.shape[-1]
    return turned(vectors, past, 10000.0 ** -(torch.arange(dim // 2, dtype=torch.float64) / dim))


@wrong("4i in place of 2i", "The exponent is 4i / d: i counts the pairs, and 2i is the first component of each.")
def double_exponent(vectors, past):
    return turned(vectors, past, frequencies(vectors.shape[-1]) ** 2)


@wrong("angles that grow", "The angles grow with the component: the exponent is -2i / d.")
def growing(vectors, past):
    return turned(vectors, past, 1 / frequencies(vectors.shape[-1]))


@wrong("one angle for all pairs", "All pairs turn by the same angle: each has its own.")
def one_angle(vectors, past):
    return turned(vectors, past, torch.ones(vectors.shape[-1] // 2, dtype=torch.float64))


@wrong("the first pair alone", "Only the first pair was turned.")
def first_pair(vectors, past):
    omega = frequencies(vectors.shape[-1])
    return turned(vectors, past, torch.cat([omega[:1], 0 * omega[1:]]))


@wrong("base 1000", None)
def other_base(vectors, past):
    return turned(vectors, past, frequencies(vectors.shape[-1], base=1000.0))


@wrong("base 500000", None)
def large_base(vectors, past):
    return turned(vectors, past, frequencies(vectors.shape[-1], base=500000.0))


@wrong("pairs counted from 1", "The pairs are counted from 1: the first has i = 0 and turns by p itself.")
def pairs_from_one(vectors, past):
    dim = vectors.shape[-1]
    return turned(vectors, past, 10000.0 ** -(torch.arange(2, dim + 2, 2, dtype=torch.float64) / dim))


@wrong("degrees", "The angles were taken for degrees.")
def degrees(vectors, past):
    return turned(vectors, past, frequencies(vectors.shape[-1]) * torch.pi / 180)


@wrong("sinusoids added", "Sinusoids were added: turn the vectors instead.")
def added(vectors, past):
    angles = positions_of(vectors, past)[:, None] * frequencies(vectors.shape[-1])
    return vectors + torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2).to(vectors.dtype)


@wrong("nothing turned", "Nothing was turned.")
def nothing_turned(vectors, past):
    return vectors.clone()


@wrong("turned twice", None)
def twice(vectors, past):
    return turned(turned(vectors, past), past)


@wrong("float32 angles for float64 vectors", None)
def single_angles(vectors, past):
    dim = vectors.shape[-1]
    angles = torch.arange(past, past + vectors.shape[2])[:, None] * 10000.0 ** -(torch.arange(0, dim, 2) / dim)
    return by_angles(vectors, angles)


@wrong("the first word alone turned", None)
def first_word(vectors, past):
    out = vectors.clone()
    out[:, :, :1] = turned(vectors[:, :, :1], past)
    return out


@wrong("positions of the first test", None)
def fixed(vectors, past):
    known = {3, 2, 7}
    return turned(vectors, past if past in known else 0)


@wrong("in place", "vectors was changed")
def in_place(vectors, past):
    vectors.copy_(turned(vectors, past))
    return vectors


@wrong("words before heads", "has shape")
def words_first(vectors, past):
    out = turned(vectors, past).transpose(1, 2)
    return out.reshape(out.shape[0], -1)


@wrong("returns nothing", "is None")
def nothing(vectors, past):
    turned(vectors, past)


@wrong("normalised to length 1", None)
def unit(vectors, past):
    out = turned(vectors, past)
    return out / torch.linalg.vector_norm(out, dim=-1, keepdim=True)


@wrong("positions of at most 30", None)
def clamped_positions(vectors, past):
    return turned(vectors, min(past, 30))


@wrong("nothing turned without a past", None)
def past_needed(vectors, past):
    return turned(vectors, past) if past else vectors.clone()
