"""Answers to ``sinusoidal(length, dim, base=10000.0)``."""

import math

import numpy as np
import torch

from attnlib import positions
from tests.exercises.answers import right, wrong


def table(length, dim, omega, *, even=math.sin, odd=math.cos, start=0):
    """One number after the other; omega tells the frequency of column j."""
    rows = [[(odd if j % 2 else even)((start + p) * omega(j)) for j in range(dim)] for p in range(length)]
    return torch.tensor(rows, dtype=torch.float64)


def frequency(dim, base):
    return lambda j: base ** -(j // 2 * 2 / dim)


@right("number by number")
def loops(length, dim, base=10000.0):
    return table(length, dim, frequency(dim, base))


@right("attnlib's function, float32")
def library(length, dim, base=10000.0):
    return positions.sinusoidal(torch.arange(length), dim, base=base)


@right("slices of a tensor of zeros, odd widths cut")
def slices(length, dim, base=10000.0):
    p = torch.arange(length, dtype=torch.float64)[:, None]
    omega = torch.exp(torch.arange(0, dim, 2, dtype=torch.float64) * (-math.log(base) / dim))
    code = torch.zeros(length, dim, dtype=torch.float64)
    code[:, 0::2] = torch.sin(p * omega)
    code[:, 1::2] = torch.cos(p * omega)[:, : dim // 2]
    return code


@right("slices in float32")
def slices_in_float32(length, dim, base=10000.0):
    p = torch.arange(length).unsqueeze(1).float()
    omega = 1.0 / base ** (torch.arange(0, dim, 2).float() / dim)
    code = torch.zeros(length, dim)
    code[:, 0::2] = torch.sin(p * omega)
    code[:, 1::2] = torch.cos(p * omega[: dim // 2])
    return code


@right("a cosine as a sine a quarter turn ahead")
def quarter_turn(length, dim, base=10000.0):
    j = torch.arange(dim)
    omega = torch.pow(torch.tensor(base, dtype=torch.float64), -(j - j % 2) / dim)
    return torch.sin(torch.arange(length)[:, None] * omega + (j % 2) * math.pi / 2)


@right("NumPy inside")
def numpy_inside(length, dim, base=10000.0):
    angles = np.outer(np.arange(length), base ** (-np.arange(0, dim, 2) / dim))
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, -1)[:, :dim]


@right("turned step by step: complex numbers")
def turned(length, dim, base=10000.0):
    omega = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    hands = torch.polar(torch.ones(length, len(omega)).double(), torch.arange(length)[:, None] * omega)
    return torch.stack([hands.imag, hands.real], dim=-1).flatten(1)[:, :dim]


@wrong("sine and cosine swapped", "Sine and cosine are swapped: even columns are sines.")
def swapped(length, dim, base=10000.0):
    return table(length, dim, frequency(dim, base), even=math.cos, odd=math.sin)


@wrong("sines in front, cosines behind", "All sines come first, then all cosines: they alternate, column by column.")
def halves(length, dim, base=10000.0):
    code = loops(length, dim, base)
    return torch.cat([code[:, 0::2], code[:, 1::2]], dim=1)


@wrong("sines alone", "All columns are sines: odd columns are cosines.")
def sines(length, dim, base=10000.0):
    return table(length, dim, frequency(dim, base), odd=math.sin)


@wrong("cosines alone", "All columns are cosines: even columns are sines.")
def cosines(length, dim, base=10000.0):
    return table(length, dim, frequency(dim, base), even=math.cos)


@wrong("exponent of the pair", "The exponent is i / dim: it is 2 i / dim, where i counts the pairs.")
def single_exponent(length, dim, base=10000.0):
    return table(length, dim, lambda j: base ** -(j // 2 / dim))


@wrong("exponent of the column", "A cosine has another frequency than the sine of its pair: both have 2 i / dim.")
def column_exponent(length, dim, base=10000.0):
    return table(length, dim, lambda j: base ** -(j / dim))


@wrong("column numbers doubled", "The exponent is 2 j / dim with j the column's number: i counts the pairs.")
def doubled_columns(length, dim, base=10000.0):
    return table(length, dim, lambda j: base ** -(2 * j / dim))


@wrong("exponent twice as large", "The exponent is 4 i / dim: it is 2 i / dim, where i counts the pairs.")
def fourfold(length, dim, base=10000.0):
    return table(length, dim, lambda j: base ** -(4 * (j // 2) / dim))


@wrong("exponents end at 1", "The last exponent is 1: divide 2 i by dim, not by dim - 2.")
def ends_at_one(length, dim, base=10000.0):
    return table(length, dim, lambda j: base ** -(j // 2 * 2 / max(dim - 2, 1)))


@wrong("divided by dim - 1", "The exponent is 2 i / (dim - 1): divide by dim.")
def one_less(length, dim, base=10000.0):
    return table(length, dim, lambda j: base ** -(j // 2 * 2 / max(dim - 1, 1)))


@wrong("pairs counted from 1", "The pairs are counted from 1: the first frequency is 1.")
def pairs_from_one(length, dim, base=10000.0):
    return table(length, dim, lambda j: base ** -((j // 2 + 1) * 2 / dim))


@wrong("positions counted from 1", "The positions are counted from 1: the first word stands at 0.")
def from_one(length, dim, base=10000.0):
    return table(length, dim, frequency(dim, base), start=1)


@wrong("positive exponent", "The frequencies grow: the exponent is negative.")
def growing(length, dim, base=10000.0):
    return table(length, dim, lambda j: base ** (j // 2 * 2 / dim))


@wrong("base times the exponent", "The base is multiplied: it is a power, base to the -2 i / dim.")
def product(length, dim, base=10000.0):
    return table(length, dim, lambda j: 1 / max(base * (j // 2 * 2 / dim), 1.0))


@wrong("base without an exponent", "All pairs but the first have the frequency 1 / base: it is a power of the base.")
def one_over_base(length, dim, base=10000.0):
    return table(length, dim, lambda j: 1 / base if j > 1 else 1.0)


@wrong("one frequency", "All pairs have the frequency 1: they get slower.")
def one_frequency(length, dim, base=10000.0):
    return table(length, dim, lambda j: 1.0)


@wrong("frequencies equally spaced", "The frequencies are equally spaced: it is the exponents that are.")
def linear(length, dim, base=10000.0):
    return table(length, dim, lambda j: 1 - j // 2 * 2 / dim)


@wrong("slowest first", "The slowest pair comes first: the first one has the frequency 1.")
def slowest_first(length, dim, base=10000.0):
    return table(length, dim, lambda j: base ** -((dim - 1) // 2 * 2 / dim - j // 2 * 2 / dim))


@wrong("whole turns", "The angles are multiplied by 2 pi: they are position times frequency.")
def whole_turns(length, dim, base=10000.0):
    return table(length, dim, lambda j: 2 * math.pi * frequency(dim, base)(j))


@wrong("degrees", "The angles are taken for degrees: they are radians.")
def degrees(length, dim, base=10000.0):
    return table(length, dim, lambda j: math.pi / 180 * frequency(dim, base)(j))


@wrong("base 10000 whatever is given", "The base is 10000 whatever is given.")
def fixed_base(length, dim, base=10000.0):
    return loops(length, dim)


@wrong("logarithm of base 10", "The power was made with log10 and exp: they don't fit together.")
def common_logarithm(length, dim, base=10000.0):
    return table(length, dim, lambda j: math.exp(-math.log10(base) * (j // 2 * 2 / dim)))


@wrong("angles without the sine", "These are the angles: take their sines and cosines.")
def angles(length, dim, base=10000.0):
    return table(length, dim, frequency(dim, base), even=float, odd=float)


@wrong(
    "sine of the frequency, times the position", "The position is multiplied after the sine: it is part of the angle."
)
def sine_first(length, dim, base=10000.0):
    p = torch.arange(length)[:, None]
    return p * table(2, dim, frequency(dim, base))[1:]


@wrong("one position a column", "A position is a column: it is a row.")
def transposed(length, dim, base=10000.0):
    return loops(length, dim, base).T


@wrong("length and width swapped", "length and dim are swapped.")
def arguments_swapped(length, dim, base=10000.0):
    return loops(dim, length, base)


@wrong("the last position alone", "Only the last position is there.")
def last_position(length, dim, base=10000.0):
    return loops(length, dim, base)[-1]


@wrong("scaled to length 1", "The vectors are scaled to length 1: leave them.")
def unit(length, dim, base=10000.0):
    code = loops(length, dim, base)
    return code / code.norm(dim=-1, keepdim=True)


@wrong("divided by the root of dim", "The numbers are divided by the root of dim: leave them.")
def scaled(length, dim, base=10000.0):
    return loops(length, dim, base) / dim**0.5


@wrong("an odd dim rounded up", "An odd dim got a column too many: the last sine has no cosine.")
def rounded_up(length, dim, base=10000.0):
    return table(length, dim + dim % 2, frequency(dim, base))


@wrong("an odd dim rounded down", "An odd dim lost its last column: it is a sine.")
def rounded_down(length, dim, base=10000.0):
    return loops(length, dim, base)[:, : dim - dim % 2]


@wrong("exponents of an odd dim by dim + 1", "With an odd dim the exponents are divided by dim + 1: divide by dim.")
def even_above(length, dim, base=10000.0):
    return loops(length, dim + dim % 2, base)[:, :dim]


@wrong("exponents of an odd dim by dim - 1", "With an odd dim the exponents are divided by dim - 1: divide by dim.")
def even_below(length, dim, base=10000.0):
    return table(length, dim, lambda j: base ** -(j // 2 * 2 / max(dim - dim % 2, 1)))


@wrong("an odd dim ends with a cosine", "With an odd dim the last column is a cosine: it is a sine.")
def odd_cosine(length, dim, base=10000.0):
    code = loops(length, dim, base)
    if dim % 2:
        code[:, -1] = torch.cos(torch.arange(length) * frequency(dim, base)(dim - 1))
    return code


@wrong("an odd dim ends with zeros", "With an odd dim the last column is 0: it is a sine.")
def odd_zeros(length, dim, base=10000.0):
    code = loops(length, dim, base)
    return torch.cat([code[:, :-1], 0 * code[:, -1:]], dim=1) if dim % 2 else code


@wrong(
    "an odd dim's last frequency that of the pair before",
    "With an odd dim the last sine has the frequency of the pair before.",
)
def odd_repeated(length, dim, base=10000.0):
    code = loops(length, dim, base)
    if dim % 2 and dim > 1:
        code[:, -1] = code[:, -3]
    return code


@wrong("an odd dim is an error", "The size of tensor a")
def odd_fails(length, dim, base=10000.0):
    p, omega = torch.arange(length)[:, None], base ** (-torch.arange(0, dim, 2).double() / dim)
    code = torch.zeros(length, dim).double()
    code[:, 0::2], code[:, 1::2] = torch.sin(p * omega), torch.cos(p * omega) + code[:, 1::2]
    return code


@wrong("angles beyond one turn cut off", None)
def cut(length, dim, base=10000.0):
    return table(
        length, dim, frequency(dim, base), even=lambda a: math.sin(min(a, 6)), odd=lambda a: math.cos(min(a, 6))
    )


@wrong("sixty-four as base where it is not the default", None)
def fixed_bases(length, dim, base=10000.0):
    return loops(length, dim, 64.0 if base < 10000 else 10000.0)


@wrong("half precision", "too coarse")
def half(length, dim, base=10000.0):
    return loops(length, dim, base).to(torch.float16)


@wrong("a whole number as exponent", None)
def whole_exponent(length, dim, base=10000.0):
    return table(length, dim, lambda j: base ** -(j // 2 * 2 // dim))


@wrong(
    "a pair is a cosine and the next sine",
    "A cosine has the frequency of the next pair: both of a pair have 2 i / dim.",
)
def shifted_pairs(length, dim, base=10000.0):
    return table(length, dim, lambda j: base ** -((j + 1) // 2 * 2 / dim))


@wrong("turned backwards", "The angles are negative: position times frequency has no minus.")
def backwards(length, dim, base=10000.0):
    return table(length, dim, lambda j: -(base ** -(j // 2 * 2 / dim)))


@wrong("positions as shares of the length", "The positions are divided by the last one: they are whole numbers.")
def shares(length, dim, base=10000.0):
    return table(length, dim, lambda j: frequency(dim, base)(j) / max(length - 1, 1))


@wrong("counted anew after 20 positions", None)
def counted_anew(length, dim, base=10000.0):
    return torch.cat([loops(min(length, 20), dim, base), loops(max(length - 20, 0), dim, base).reshape(-1, dim)])


@wrong("another default base", "sinusoidal(2, 4) of the example")
def other_default(length, dim, base=1000.0):
    return loops(length, dim, base)
