"""Answers to ``softmax_jvp(weights, tangent)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


@right("the Jacobian of each row, formed after all")
def jacobian(weights, tangent):
    moves = np.empty(weights.shape)
    for row in np.ndindex(weights.shape[:-1]):
        moves[row] = (np.diag(weights[row]) - np.outer(weights[row], weights[row])) @ tangent[row]
    return moves


@right("einsum for the mean")
def einsum(weights, tangent):
    mean = np.einsum("...k,...k->...", weights, tangent)
    return weights * (tangent - mean[..., None])


@right("multiplied out")
def multiplied_out(weights, tangent):
    product = weights * tangent
    return product - weights * product.sum(axis=-1, keepdims=True)


@right("loops over every number")
def loops(weights, tangent):
    moves = np.zeros(weights.shape)
    for place in np.ndindex(weights.shape):
        mean = sum(w * t for w, t in zip(weights[place[:-1]], tangent[place[:-1]], strict=True))
        moves[place] = weights[place] * (tangent[place] - mean)
    return moves


@right("matmul of a row with a column")
def matmul(weights, tangent):
    mean = weights[..., None, :] @ tangent[..., :, None]
    return weights * (tangent - mean[..., 0])


@right("torch's own derivative of softmax")
def torch_inside(weights, tangent):
    scores, direction = torch.tensor(weights).log(), torch.tensor(tangent)
    _, moves = torch.func.jvp(lambda s: torch.softmax(s, dim=-1), (scores,), (direction,))
    return moves.numpy()


@wrong("leaves the mean out", "mean is missing")
def no_mean(weights, tangent):
    return weights * tangent


@wrong("subtracts the plain mean", "plain mean")
def plain_mean(weights, tangent):
    return weights * (tangent - tangent.mean(axis=-1, keepdims=True))


@wrong("subtracts the plain sum", "plain sum")
def plain_sum(weights, tangent):
    return weights * (tangent - tangent.sum(axis=-1, keepdims=True))


@wrong("forms the diagonal only", "Only the diagonal")
def diagonal_only(weights, tangent):
    return weights * (1 - weights) * tangent


@wrong("forms the outer product only", "diagonal of the Jacobian is missing")
def outer_only(weights, tangent):
    return -weights * (weights * tangent).sum(axis=-1, keepdims=True)


@wrong("forgets the outer factor", "outer factor is missing")
def no_outer_factor(weights, tangent):
    return tangent - (weights * tangent).sum(axis=-1, keepdims=True)


@wrong("multiplies the first term only by the weights", "belongs to both terms")
def factor_on_one_term(weights, tangent):
    product = weights * tangent
    return product - product.sum(axis=-1, keepdims=True)


@wrong("turns the sign", "sign is turned")
def sign_turned(weights, tangent):
    return weights * ((weights * tangent).sum(axis=-1, keepdims=True) - tangent)


@wrong("adds the mean", "mean was added")
def added(weights, tangent):
    return weights * (tangent + (weights * tangent).sum(axis=-1, keepdims=True))


@wrong("takes the mean over the whole array", "over the whole array")
def whole_array(weights, tangent):
    return weights * (tangent - (weights * tangent).sum())


@wrong("takes the mean down the columns", "down the columns")
def columns(weights, tangent):
    return weights * (tangent - (weights * tangent).sum(axis=0))


@wrong("forgets keepdims", "keepdims=True")
def no_keepdims(weights, tangent):
    return weights * (tangent - (weights * tangent).sum(axis=-1))


@wrong("takes the mean of the products", "divided by the number of keys")
def mean_of_products(weights, tangent):
    return weights * (tangent - (weights * tangent).mean(axis=-1, keepdims=True))


@wrong("works for two dimensions only", None)
def two_dimensions(weights, tangent):
    return np.array([w * (t - w @ t) for w, t in zip(weights, tangent, strict=True)])


@wrong("returns the Jacobian", "an axis too many")
def returns_the_jacobian(weights, tangent):
    return weights[..., None] * (np.eye(weights.shape[-1]) - weights[..., None, :])


@wrong("changes the tangent", "tangent was changed")
def in_place(weights, tangent):
    tangent -= (weights * tangent).sum(axis=-1, keepdims=True)
    return weights * tangent


@wrong("takes a softmax of the weights again", None)
def softmax_again(weights, tangent):
    w = np.exp(weights) / np.exp(weights).sum(axis=-1, keepdims=True)
    return w * (tangent - (w * tangent).sum(axis=-1, keepdims=True))
