"""Answers to ``scaled_dot_scores(Q, K)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def dots(Q, K):
    return Q @ K.transpose(-1, -2)


@right("a loop over every query and key")
def loop(Q, K):
    scores = torch.zeros(*Q.shape[:-1], K.shape[-2], dtype=Q.dtype)
    for place in np.ndindex(*scores.shape):
        *sentence, i, k = place
        scores[place] = torch.dot(Q[(*sentence, i)], K[(*sentence, k)]) / math.sqrt(Q.shape[-1])
    return scores


@right("einsum")
def einsum(Q, K):
    return torch.einsum("...qd,...kd->...qk", Q, K) / Q.shape[-1] ** 0.5


@right("the query divided before the product")
def query_divided(Q, K):
    return torch.matmul(Q / math.sqrt(K.shape[-1]), K.mT)


@right("both sides divided by the fourth root")
def fourth_root(Q, K):
    root = Q.shape[-1] ** 0.25
    return (Q / root) @ (K / root).swapaxes(-1, -2)


@right("products of all pairs, then a sum")
def all_pairs(Q, K):
    return (Q[..., :, None, :] * K[..., None, :, :]).sum(dim=-1).div(Q.size(-1) ** 0.5)


@right("NumPy inside, and an array that is not contiguous comes back")
def numpy_inside(Q, K):
    scores = K.numpy() @ np.swapaxes(Q.numpy(), -1, -2) / np.sqrt(Q.shape[-1])
    return torch.from_numpy(scores).transpose(-1, -2)


@right("keys times queries, then transposed")
def keys_first(Q, K):
    return (K @ Q.transpose(-1, -2)).transpose(-1, -2) * Q.shape[-1] ** -0.5


@right("a batched product of all sentences laid out in one row")
def bmm(Q, K):
    flat_q, flat_k = Q.reshape(-1, *Q.shape[-2:]), K.reshape(-1, *K.shape[-2:])
    scores = torch.bmm(flat_q, flat_k.transpose(1, 2)) / Q.shape[-1] ** 0.5
    return scores.reshape(*Q.shape[:-1], K.shape[-2])


@right("float64 inside")
def wide(Q, K):
    return (dots(Q.double(), K.double()) / math.sqrt(Q.shape[-1])).to(Q.dtype)


@wrong("does not scale", "scaling is missing")
def unscaled(Q, K):
    return dots(Q, K)


@wrong("divides by dim", "divide by its square root")
def divided_by_dim(Q, K):
    return dots(Q, K) / Q.shape[-1]


@wrong("multiplies by the root", "multiplied by the square root")
def multiplied(Q, K):
    return dots(Q, K) * Q.shape[-1] ** 0.5


@wrong("takes the number of queries under the root", "as many as there are queries")
def root_of_queries(Q, K):
    return dots(Q, K) / Q.shape[-2] ** 0.5


@wrong("takes the number of keys under the root", "as many as there are keys")
def root_of_keys(Q, K):
    return dots(Q, K) / K.shape[-2] ** 0.5


@wrong("takes the first axis for dim", "as many as there are queries")
def root_of_first_axis(Q, K):
    return dots(Q, K) / math.sqrt(len(Q))


@wrong("takes the second axis for dim: right for a single sentence only", "as many as there are queries")
def root_of_second_axis(Q, K):
    return dots(Q, K) / math.sqrt(Q.shape[1])


@wrong("always divides by the root of 2", "under the root is 2")
def fixed_root(Q, K):
    return dots(Q, K) / 2**0.5


@wrong("knows the dims of the visible test only", None)
def known_dims(Q, K):
    return dots(Q, K) / {2: 2**0.5, 4: 2}.get(Q.shape[-1], 8)


@wrong("does not transpose K", "K is not transposed")
def untransposed(Q, K):
    return Q @ K / Q.shape[-1] ** 0.5


@wrong("transposes K only where the shapes do not fit otherwise", "K is not transposed")
def untransposed_where_it_fits(Q, K):
    fits = Q.shape[-1] == K.shape[-2]
    return (Q @ K if fits else dots(Q, K)) / Q.shape[-1] ** 0.5


@wrong("neither transposes nor scales", "K is not transposed, and the scaling")
def bare_product(Q, K):
    return Q @ K


@wrong("transposes Q instead of K", "Q is transposed instead")
def wrong_one_transposed(Q, K):
    return Q.mT @ K / Q.shape[-1] ** 0.5


@wrong("transposes both", "both transposed")
def both_transposed(Q, K):
    return Q.mT @ K.mT / Q.shape[-1] ** 0.5


@wrong("swaps the first two axes of K: right for a single sentence only", None)
def first_two_axes(Q, K):
    return Q @ K.transpose(0, 1) / Q.shape[-1] ** 0.5


@wrong("swaps axes 1 and 2 of K: right for three axes only", None)
def axes_1_and_2(Q, K):
    return Q @ K.transpose(1, 2) / Q.shape[-1] ** 0.5


@wrong("handles one and three axes of leading dimensions, not two", None)
def three_axes_at_most(Q, K):
    K = K.transpose(0, 1) if K.dim() == 2 else K.transpose(1, 2)
    return Q @ K / Q.shape[-1] ** 0.5


@wrong("keys down, queries across", "Keys are down")
def keys_down(Q, K):
    return dots(K, Q) / Q.shape[-1] ** 0.5


@wrong("multiplies number by number", "* multiplies number by number")
def elementwise(Q, K):
    return Q * K / Q.shape[-1] ** 0.5


@wrong("pairs query i with key i", "Only query i and key i")
def row_by_row(Q, K):
    return (Q * K).sum(dim=-1) / Q.shape[-1] ** 0.5


@wrong("takes a softmax", "softmax in it")
def softmax(Q, K):
    return torch.softmax(dots(Q, K) / Q.shape[-1] ** 0.5, dim=-1)


@wrong("gives every sentence the keys of the first", "keys of the first")
def first_keys(Q, K):
    K = K if K.dim() == 2 else K[0]
    return dots(Q, K) / Q.shape[-1] ** 0.5


@wrong("gives every sentence the queries of the first", "queries of the first")
def first_queries(Q, K):
    Q = Q if Q.dim() == 2 else Q[:1]
    return dots(Q, K) / Q.shape[-1] ** 0.5


@wrong("meets every sentence with every other", "every sentence's keys")
def all_sentences(Q, K):
    if Q.dim() == 2:
        return dots(Q, K) / Q.shape[-1] ** 0.5
    return torch.einsum("aqd,bkd->aqbk", Q, K) / Q.shape[-1] ** 0.5


@wrong("divides Q in place", "Q was changed")
def in_place(Q, K):
    Q /= Q.shape[-1] ** 0.5
    return dots(Q, K)


@wrong("cuts the root to a whole number", "cut to a whole number")
def whole_root(Q, K):
    return dots(Q, K) / int(Q.shape[-1] ** 0.5)


@wrong("rounds the scores to four places", None)
def rounded(Q, K):
    return (dots(Q, K) / Q.shape[-1] ** 0.5 * 1e4).round() / 1e4


@wrong("adds a small number under the root", None)
def epsilon(Q, K):
    return dots(Q, K) / (Q.shape[-1] + 1e-6) ** 0.5


@wrong("returns the scores and the dim", "more than one thing")
def two_things(Q, K):
    return dots(Q, K) / Q.shape[-1] ** 0.5, Q.shape[-1]


@wrong("forgets the return", "without a return statement")
def no_return(Q, K):
    dots(Q, K)


@wrong("flattens the batch with view, which a view in another order refuses", "view size is not compatible")
def flattened_by_view(Q, K):
    flat = torch.bmm(Q.view(-1, *Q.shape[-2:]), K.view(-1, *K.shape[-2:]).transpose(1, 2))
    return flat.view(*Q.shape[:-1], K.shape[-2]) / Q.shape[-1] ** 0.5
