"""Answers to ``layer_norm(x, gain, bias, eps)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def normed(x, eps, dim=-1):
    centred = x - x.mean(dim=dim, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(dim=dim, keepdim=True) + eps)


@right("mean and var of torch, with correction 0")
def torch_var(x, gain, bias, eps):
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * gain + bias


@right("a loop over sentences and words")
def loop(x, gain, bias, eps):
    out = torch.empty_like(x)
    for b in range(x.shape[0]):
        for t in range(x.shape[1]):
            d = x[b, t] - x[b, t].sum() / x.shape[2]
            out[b, t] = gain * d * (d @ d / x.shape[2] + eps) ** -0.5 + bias
    return out


@right("NumPy inside")
def numpy_inside(x, gain, bias, eps):
    x, gain, bias = (tensor.numpy() for tensor in (x, gain, bias))
    centred = x - x.mean(axis=2, keepdims=True)
    return torch.from_numpy(centred / np.sqrt(centred.var(axis=2, keepdims=True) + eps) * gain + bias)


@right("float64 inside, the mean of the squares less the square of the mean")
def wide(x, gain, bias, eps):
    y = x.double()
    mean = y.mean(dim=-1, keepdim=True)
    root = ((y * y).mean(dim=-1, keepdim=True) - mean * mean + eps).sqrt()
    return ((y - mean) / root).to(x.dtype) * gain + bias


@right("one long list of words, made by reshape, and var_mean")
def flattened(x, gain, bias, eps):
    rows = x.reshape(-1, x.shape[-1])
    variance, mean = torch.var_mean(rows, dim=1, unbiased=False)
    return ((rows - mean[:, None]) * torch.rsqrt(variance + eps)[:, None] * gain + bias).reshape(x.shape)


@right("the centring as a matrix, and einsum")
def centring_matrix(x, gain, bias, eps):
    d = x.shape[-1]
    centring = torch.eye(d, dtype=x.dtype) - 1 / d
    centred = torch.einsum("...i,ij->...j", x, centring)
    variance = torch.einsum("...i,...i->...", centred, centred).unsqueeze(-1) / d
    return torch.addcmul(bias.expand_as(x), gain.expand_as(x), centred / (variance + eps).sqrt())


@right("the norm of the differences")
def by_length(x, gain, bias, eps):
    centred = x - x.mean(dim=-1, keepdim=True)
    length = torch.linalg.vector_norm(centred, dim=-1, keepdim=True)
    return centred / (length**2 / x.shape[-1] + eps).sqrt() * gain + bias


@wrong("over the words", "Mean and variance are taken over the words: take them over the numbers of each vector.")
def over_the_words(x, gain, bias, eps):
    return gain * normed(x, eps, dim=1) + bias


@wrong(
    "over the batch, as batch norm does",
    "Mean and variance are taken over the sentences: take them over the numbers of each vector.",
)
def over_the_batch(x, gain, bias, eps):
    return gain * normed(x, eps, dim=0) + bias


@wrong(
    "over words and components",
    "A whole sentence shares mean and variance: every word has its own.",
)
def over_a_sentence(x, gain, bias, eps):
    return gain * normed(x, eps, dim=(1, 2)) + bias


@wrong("batch norm proper", "Each component has one mean over all words of the batch: that is batch normalisation.")
def batch_norm(x, gain, bias, eps):
    return gain * normed(x, eps, dim=(0, 1)) + bias


@wrong("over everything", "The whole batch shares mean and variance: every word has its own.")
def over_everything(x, gain, bias, eps):
    return gain * normed(x, eps, dim=(0, 1, 2)) + bias


@wrong("unbiased variance", "The variance is divided by d - 1, as torch.var does unless told otherwise: divide by d.")
def unbiased(x, gain, bias, eps):
    return gain * (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, keepdim=True) + eps) + bias


@wrong(
    "unbiased std plus eps",
    "The variance is divided by d - 1, and eps is added to the root: divide by d, and add eps to the variance.",
)
def unbiased_outside(x, gain, bias, eps):
    return gain * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + eps) + bias


@wrong("eps outside the root", "eps is added to the root: add it to the variance.")
def eps_outside(x, gain, bias, eps):
    return gain * (x - x.mean(-1, keepdim=True)) / (x.std(-1, correction=0, keepdim=True) + eps) + bias


@wrong("eps squared in the root", "eps was squared: add it to the variance as it is.")
def eps_squared(x, gain, bias, eps):
    return gain * normed(x, eps**2) + bias


@wrong("no eps", "eps is missing, or far too small: add the one that is given.")
def no_eps(x, gain, bias, eps):
    return gain * normed(x, 0.0) + bias


@wrong("its own eps", "eps is missing, or far too small: add the one that is given.")
def own_eps(x, gain, bias, eps):
    return gain * normed(x, 1e-5) + bias


@wrong("no root", "The root is missing: divide by the standard deviation, not by the variance.")
def no_root(x, gain, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return gain * centred / ((centred**2).mean(-1, keepdim=True) + eps) + bias


@wrong("eps subtracted", "eps is subtracted: add it.")
def eps_subtracted(x, gain, bias, eps):
    return gain * normed(x, -eps) + bias


@wrong("gain and bias forgotten", "Gain and bias are missing.")
def bare(x, gain, bias, eps):
    return normed(x, eps)


@wrong("gain forgotten", "The gain is missing.")
def no_gain(x, gain, bias, eps):
    return normed(x, eps) + bias


@wrong("bias forgotten", "The bias is missing.")
def no_bias(x, gain, bias, eps):
    return gain * normed(x, eps)


@wrong("gain and bias swapped", "Gain and bias are swapped.")
def swapped(x, gain, bias, eps):
    return bias * normed(x, eps) + gain


@wrong("gain over the bias too", "The bias was multiplied by the gain: add it last.")
def gain_last(x, gain, bias, eps):
    return gain * (normed(x, eps) + bias)


@wrong("1 + gain", "The gain came as 1 + gain: multiply by the gain itself.")
def one_plus_gain(x, gain, bias, eps):
    return (1 + gain) * normed(x, eps) + bias


@wrong("gain before the norm", "Gain and bias came before the norm, which took them away again: they come after it.")
def gain_first(x, gain, bias, eps):
    return normed(gain * x + bias, eps)


@wrong("gain along the words", "Gain and bias go with the words: they go with the components.")
def gain_per_word(x, gain, bias, eps):
    return gain[:, None] * normed(x, eps) + bias[:, None]


@wrong("gain along the sentences", "Gain and bias go with the sentences: they go with the components.")
def gain_per_sentence(x, gain, bias, eps):
    return gain[:, None, None] * normed(x, eps) + bias[:, None, None]


@wrong("the mean not taken off", "The mean was not taken off the numbers.")
def not_centred(x, gain, bias, eps):
    return gain * x / torch.sqrt(x.var(-1, correction=0, keepdim=True) + eps) + bias


@wrong("root mean square", "That is RMSNorm, which takes no mean off: divide by the root of the variance.")
def rms(x, gain, bias, eps):
    return gain * x / torch.sqrt((x**2).mean(-1, keepdim=True) + eps) + bias


@wrong(
    "centred, divided by the root mean square", "The variance was taken of the numbers without their mean taken off."
)
def rms_centred(x, gain, bias, eps):
    return gain * (x - x.mean(-1, keepdim=True)) / torch.sqrt((x**2).mean(-1, keepdim=True) + eps) + bias


@wrong("not divided", "The differences to the mean are not divided by anything.")
def not_divided(x, gain, bias, eps):
    return gain * (x - x.mean(-1, keepdim=True)) + bias


@wrong("length 1", "The vectors have length 1: the variance is the mean of the squares, not their sum.")
def unit_length(x, gain, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return gain * centred / torch.sqrt((centred**2).sum(-1, keepdim=True) + eps) + bias


@wrong("mean absolute difference", "The spread is the mean absolute difference: take the root of the mean square.")
def absolute(x, gain, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return gain * centred / (centred.abs().mean(-1, keepdim=True) + eps) + bias


@wrong("min and max", "The numbers are scaled to lie between 0 and 1: take the mean off, and divide by the root.")
def min_max(x, gain, bias, eps):
    low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
    return gain * (x - low) / (high - low + eps) + bias


@wrong("the residual added", "x was added: the norm alone is asked for.")
def residual(x, gain, bias, eps):
    return x + gain * normed(x, eps) + bias


@wrong("the median", "The median was taken off, not the mean.")
def median(x, gain, bias, eps):
    centred = x - x.median(-1, keepdim=True).values
    return gain * centred / torch.sqrt(x.var(-1, correction=0, keepdim=True) + eps) + bias


@wrong("the mean of the squares less the square of the mean, in float32", None)
def difference_of_squares(x, gain, bias, eps):
    mean = x.mean(-1, keepdim=True)
    variance = ((x**2).mean(-1, keepdim=True) - mean**2).clamp(min=0)
    return gain * (x - mean) / torch.sqrt(variance + eps) + bias


@wrong("a clamp in place of eps", None)
def clamped(x, gain, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return gain * centred / (centred**2).mean(-1, keepdim=True).clamp(min=eps).sqrt() + bias


@wrong("in place", "x was changed")
def in_place(x, gain, bias, eps):
    x -= x.mean(-1, keepdim=True)
    return gain * x / torch.sqrt((x**2).mean(-1, keepdim=True) + eps) + bias


@wrong("the gain changed in place", "gain was changed")
def gain_in_place(x, gain, bias, eps):
    gain *= 1 / len(gain) ** 0.5
    return gain * len(gain) ** 0.5 * normed(x, eps) + bias


@wrong("normalised twice", None)
def twice(x, gain, bias, eps):
    return gain * normed(normed(x, eps), eps) + bias


@wrong("the mean of the first word", None)
def first_mean(x, gain, bias, eps):
    centred = x - x[:, :1].mean(-1, keepdim=True)
    return gain * centred / torch.sqrt(x.var(-1, correction=0, keepdim=True) + eps) + bias


@wrong("a division by 3, the dim of the first test", None)
def fixed_dim(x, gain, bias, eps):
    if x.shape[-1] in (2, 4) and len(x) == 1:
        return gain * normed(x, eps) + bias
    centred = x - x.sum(-1, keepdim=True) / 3
    return gain * centred / torch.sqrt((centred**2).sum(-1, keepdim=True) / 3 + eps) + bias


@wrong("returns nothing", "is None")
def nothing(x, gain, bias, eps):
    loop(x, gain, bias, eps)


@wrong("the last axis lost", "has shape")
def no_keepdim(x, gain, bias, eps):
    return normed(x, eps).sum(-1)


@wrong("float16 inside", None)
def half(x, gain, bias, eps):
    return (gain * normed(x.half(), eps) + bias).to(x.dtype)


@wrong("float32 inside", None)
def single(x, gain, bias, eps):
    return (gain * normed(x.float(), eps) + bias).to(x.dtype)


@wrong("vectors of zeros taken for padding", None)
def zeros_are_padding(x, gain, bias, eps):
    return torch.where((x == 0).all(dim=-1, keepdim=True), 0.0, gain * normed(x, eps) + bias)


@wrong("vectors without variance set to zeros", None)
def constant_to_zero(x, gain, bias, eps):
    flat = x.amax(dim=-1, keepdim=True) == x.amin(dim=-1, keepdim=True)
    return torch.where(flat, 0.0, gain * normed(x, eps) + bias)


@wrong("eps of at least 1e-5", None)
def eps_at_least(x, gain, bias, eps):
    return gain * normed(x, max(eps, 1e-5)) + bias
