"""Answers to ``weighted_sum(weights, values)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


@right("the @ operator")
def operator(weights, values):
    return weights @ values


@right("einsum with an ellipsis")
def einsum(weights, values):
    return np.einsum("...qk,...kd->...qd", weights, values)


@right("broadcast, multiply, sum over the keys")
def broadcast(weights, values):
    return (weights[..., :, :, None] * values[..., None, :, :]).sum(axis=-2)


@right("a loop over the sentences")
def loop(weights, values):
    sums = np.empty((*weights.shape[:-1], values.shape[-1]))
    for sentence in np.ndindex(weights.shape[:-2]):
        for i, row in enumerate(weights[sentence]):
            sums[(*sentence, i)] = sum(weight * value for weight, value in zip(row, values[sentence], strict=True))
    return sums


@right("recursion over the leading dimensions")
def recursive(weights, values):
    if weights.ndim == 2:
        return np.dot(weights, values)
    return np.stack([recursive(w, v) for w, v in zip(weights, values, strict=True)])


@right("torch inside, in float32")
def torch_inside(weights, values):
    return torch.matmul(torch.tensor(weights).float(), torch.tensor(values).float()).numpy()


@wrong("shares the first sentence's values over the batch", "values of the first")
def shared_values(weights, values):
    return weights @ values[(0,) * (values.ndim - 2)]


@wrong("shares the first sentence's weights over the batch", "weights of the first")
def shared_weights(weights, values):
    return weights[(0,) * (weights.ndim - 2)] @ values


@wrong("np.dot pairs every sentence with every other", "np.dot pairs them all")
def np_dot(weights, values):
    return np.dot(weights, values)


@wrong("sums over the batch too", "added the sentences up")
def summed_batch(weights, values):
    return np.einsum("bqk,bkd->qd", weights, values)


@wrong("the product is the wrong way round", "wrong way round")
def wrong_way_round(weights, values):
    return values @ weights


@wrong("transposes the weights", "weights are transposed")
def transposed_weights(weights, values):
    return np.swapaxes(weights, -1, -2) @ values


@wrong("transposes the values, as for queries and keys", "values are transposed")
def transposed_values(weights, values):
    return weights @ np.swapaxes(values, -1, -2)


@wrong("returns dim before query", "result is transposed")
def transposed_result(weights, values):
    return np.swapaxes(weights @ values, -1, -2)


@wrong("multiplies number by number", "number by number")
def elementwise(weights, values):
    return weights * values


@wrong("divides by the sum of the weights", "sum of the weights")
def normalised(weights, values):
    return weights @ values / weights.sum(axis=-1, keepdims=True)


@wrong("divides by the number of keys", "number of keys")
def mean(weights, values):
    return weights @ values / values.shape[-2]


@wrong("works for three dimensions only", None)
def three_dimensions(weights, values):
    if weights.ndim == 2:
        return np.einsum("qk,kd->qd", weights, values)
    return np.einsum("bqk,bkd->bqd", weights, values)


@wrong("adds a batch dimension that was not there", "leading dimension too many")
def batch_added(weights, values):
    return np.atleast_3d(weights.T).T @ np.atleast_3d(values.T).T


@wrong("hard-codes two queries", None)
def hard_coded_shape(weights, values):
    if weights.ndim == 2:
        return weights @ values
    return (weights.reshape(-1, 2, 2) @ values.reshape(-1, 2, 2)).reshape((*weights.shape[:-2], 2, 2))


@wrong("saves memory by writing the product over the values", "values was changed")
def in_place(weights, values):
    return np.matmul(weights, values, out=values)


@wrong("returns float16", "dtype float16")
def float16_returned(weights, values):
    return np.matmul(weights, values).astype("float16")
