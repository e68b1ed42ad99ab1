"""Answers to ``shaw_scores(Q, K, A)``."""

import math

import numpy as np
import torch

from attnlib.positions import Shaw
from tests.exercises.answers import right, wrong


def rows(Q, K, A, *, sign=1):
    """The row of the table for each query and key."""
    limit = len(A) // 2
    steps = torch.arange(K.shape[2]) - torch.arange(Q.shape[2])[:, None]
    return (sign * steps).clamp(-limit, limit) + limit


def scores(Q, K, A, places, *, width=None):
    relative = torch.einsum("bhqd,qkd->bhqk", Q, A[places])
    return (Q @ K.mT + relative) / (Q.shape[-1] if width is None else width) ** 0.5


@right("the table's rows for each pair, einsum")
def einsum(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A))


@right("the vectors added to the keys, all at once")
def added_to_keys(Q, K, A):
    together = K[:, :, None] + A[rows(Q, K, A)]
    return (Q[:, :, :, None] * together).sum(dim=-1) / math.sqrt(Q.shape[-1])


@right("products with the whole table, picked afterwards")
def picked(Q, K, A):
    by_distance = Q @ A.T
    places = rows(Q, K, A).expand(*Q.shape[:3], K.shape[2])
    return (Q @ K.mT + by_distance.gather(-1, places)) * Q.shape[-1] ** -0.5


@right("query by query and key by key")
def loops(Q, K, A):
    limit, answer = (len(A) - 1) // 2, torch.zeros(*Q.shape[:3], K.shape[2], dtype=Q.dtype)
    for i in range(Q.shape[2]):
        for k in range(K.shape[2]):
            vector = A[max(-limit, min(limit, k - i)) + limit]
            answer[:, :, i, k] = (Q[:, :, i] * (K[:, :, k] + vector)).sum(dim=-1)
    return answer / Q.shape[-1] ** 0.5


@right("attnlib's scheme, with the table put in")
def library(Q, K, A):
    scheme = Shaw(Q.shape[-1], max_distance=len(A) // 2, values=False, seed=0).to(Q.dtype)
    scheme.load_state_dict({"key_table": A})
    with torch.no_grad():
        bias = scheme.bias(Q, torch.arange(Q.shape[2]), torch.arange(K.shape[2]))
    return Q @ K.mT / Q.shape[-1] ** 0.5 + bias


@right("NumPy inside")
def numpy_inside(Q, K, A):
    Q, K, A = Q.numpy(), K.numpy(), A.numpy()
    limit = len(A) // 2
    steps = np.clip(np.subtract.outer(-np.arange(Q.shape[2]), -np.arange(K.shape[2])), -limit, limit)
    return (Q @ K.swapaxes(-1, -2) + np.einsum("bhqd,qkd->bhqk", Q, A[steps + limit])) / np.sqrt(Q.shape[-1])


@right("the table stretched on both sides")
def stretched(Q, K, A):
    limit, longest = len(A) // 2, max(Q.shape[2], K.shape[2])
    far = max(longest - limit, 0)
    table = torch.cat([A[:1].expand(far, -1), A, A[-1:].expand(far, -1)])
    relative = torch.stack(
        [Q[:, :, i] @ table[far + limit - i : far + limit - i + K.shape[2]].T for i in range(Q.shape[2])], dim=2
    )
    return (Q @ K.mT + relative) / Q.shape[-1] ** 0.5


@wrong("distance turned round", "The distance is turned round: it is the key's position minus the query's.")
def sign(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A, sign=-1))


@wrong("distance without a sign", "The distance lost its sign: keys before the query have vectors of their own.")
def no_sign(Q, K, A):
    limit = len(A) // 2
    steps = (torch.arange(K.shape[2]) - torch.arange(Q.shape[2])[:, None]).abs()
    return scores(Q, K, A, steps.clamp(max=limit) + limit)


@wrong("row not shifted", "The row is the distance itself: distance -D is row 0, so add D.")
def not_shifted(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A) - len(A) // 2)


@wrong("not cut off", "is out of bounds")
def not_cut(Q, K, A):
    steps = torch.arange(K.shape[2]) - torch.arange(Q.shape[2])[:, None]
    return scores(Q, K, A, steps + len(A) // 2)


@wrong("negative rows counted from the end", "Far keys have a row of the other end: cut the distance off at -D and D.")
def wrapped(Q, K, A):
    steps = torch.arange(K.shape[2]) - torch.arange(Q.shape[2])[:, None]
    return scores(Q, K, A, (steps + len(A) // 2) % len(A))


@wrong("cut off on one side", "Keys far before the query have another vector: cut the distance off at -D too.")
def cut_above(Q, K, A):
    limit = len(A) // 2
    steps = torch.arange(K.shape[2]) - torch.arange(Q.shape[2])[:, None]
    return scores(Q, K, A, (steps.clamp(max=limit) + limit) % len(A))


@wrong("far vectors left out", "Keys beyond D have no vector: they have that of the longest distance.")
def far_left_out(Q, K, A):
    limit = len(A) // 2
    steps = torch.arange(K.shape[2]) - torch.arange(Q.shape[2])[:, None]
    relative = torch.einsum("bhqd,qkd->bhqk", Q, A[rows(Q, K, A)]) * (steps.abs() <= limit)
    return (Q @ K.mT + relative) / Q.shape[-1] ** 0.5


@wrong("cut off one too early", "The distance is cut off at D - 1: cut it off at D, which is (number of rows - 1) / 2.")
def cut_early(Q, K, A):
    limit = len(A) // 2
    return scores(Q, K, A, rows(Q, K, A).clamp(1, 2 * limit - 1))


@wrong("shifted by one too many", "The row is one further: distance 0 is row D.")
def shifted_more(Q, K, A):
    return scores(Q, K, A, (rows(Q, K, A) + 1).clamp(max=len(A) - 1))


@wrong("shifted by one too few", "The row is one less far: distance 0 is row D.")
def shifted_less(Q, K, A):
    return scores(Q, K, A, (rows(Q, K, A) - 1).clamp(min=0))


@wrong("keys to come cut off", "Keys after the query all have the vector of distance 0.")
def only_past(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A).clamp(max=len(A) // 2))


@wrong("keys before cut off", "Keys before the query all have the vector of distance 0.")
def only_future(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A).clamp(min=len(A) // 2))


@wrong("the key's position for the distance", "The row depends on the key alone: take the query's position off.")
def key_position(Q, K, A):
    limit = len(A) // 2
    return scores(Q, K, A, (torch.arange(K.shape[2]).clamp(max=limit) + limit).expand(Q.shape[2], -1))


@wrong("the query's position for the distance", "The row depends on the query alone: take the key's position.")
def query_position(Q, K, A):
    limit = len(A) // 2
    return scores(Q, K, A, (torch.arange(Q.shape[2]).clamp(max=limit) + limit)[:, None].expand(-1, K.shape[2]))


@wrong("positions counted from the end", None)
def from_the_end(Q, K, A):
    limit = len(A) // 2
    steps = torch.arange(K.shape[2]) - torch.arange(Q.shape[2])[:, None] + Q.shape[2] - K.shape[2]
    return scores(Q, K, A, steps.clamp(-limit, limit) + limit)


@wrong("the table compared with the keys", "The table's vectors were compared with the keys: add them to the keys.")
def compared_with_keys(Q, K, A):
    relative = torch.einsum("bhkd,qkd->bhqk", K, A[rows(Q, K, A)])
    return (Q @ K.mT + relative) / Q.shape[-1] ** 0.5


@wrong("the table added to the queries", "The table's vectors were compared with the keys: add them to the keys.")
def added_to_queries(Q, K, A):
    together = Q[:, :, :, None] + A[rows(Q, K, A)]
    return (together * K[:, :, None]).sum(dim=-1) / Q.shape[-1] ** 0.5


@wrong("the table added to both", "The table's vectors were added to queries and keys: add them to the keys alone.")
def added_to_both(Q, K, A):
    table = A[rows(Q, K, A)]
    return ((Q[:, :, :, None] + table) * (K[:, :, None] + table)).sum(dim=-1) / Q.shape[-1] ** 0.5


@wrong("keys and positions compared too", "Keys were compared with the table as well: the query alone is.")
def three_terms(Q, K, A):
    extra = torch.einsum("bhkd,qkd->bhqk", K, A[rows(Q, K, A)]) / Q.shape[-1] ** 0.5
    return einsum(Q, K, A) + extra


@wrong(
    "sums of the table's vectors added", "The sum of a vector of the table was added: take its product with the query."
)
def sums_added(Q, K, A):
    return (Q @ K.mT + A[rows(Q, K, A)].sum(dim=-1)) / Q.shape[-1] ** 0.5


@wrong(
    "means of the table's vectors added",
    "The mean of a vector of the table was added: take its product with the query.",
)
def means_added(Q, K, A):
    return (Q @ K.mT + A[rows(Q, K, A)].mean(dim=-1)) / Q.shape[-1] ** 0.5


@wrong("no scale", "The scores are not scaled: divide them by the root of dim.")
def no_scale(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A), width=1)


@wrong(
    "scaled without the root",
    "The scores are divided by dim itself, or by the root of all heads' width: take the root of dim.",
)
def no_root(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A), width=Q.shape[-1] ** 2)


@wrong("multiplied by the root", "The scores are multiplied by the root of dim: divide by it.")
def multiplied(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A), width=1 / Q.shape[-1])


@wrong("only the keys scaled", "The part of the distances is not scaled: divide the sum by the root of dim.")
def keys_scaled(Q, K, A):
    relative = scores(Q, 0 * K, A, rows(Q, K, A), width=1)
    return Q @ K.mT / Q.shape[-1] ** 0.5 + relative


@wrong("only the distances scaled", "The part of the keys is not scaled: divide the sum by the root of dim.")
def distances_scaled(Q, K, A):
    return Q @ K.mT + scores(Q, 0 * K, A, rows(Q, K, A))


@wrong(
    "scaled by the width of all heads",
    "The scores are divided by dim itself, or by the root of all heads' width: take the root of dim.",
)
def scaled_by_all(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A), width=Q.shape[-1] * Q.shape[1])


@wrong("scaled by the number of keys", "The scores are divided by the root of the number of keys: take that of dim.")
def scaled_by_keys(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A), width=K.shape[2])


@wrong("scaled by the number of rows", "The scores are divided by the root of the number of rows: take that of dim.")
def scaled_by_rows(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A), width=len(A))


@wrong("no table", "The table has no influence.")
def no_table(Q, K, A):
    return Q @ K.mT / Q.shape[-1] ** 0.5


@wrong("distances alone", "The keys have no influence: their product with the query is missing.")
def distances_alone(Q, K, A):
    return scores(Q, 0 * K, A, rows(Q, K, A))


@wrong("the table subtracted", "The table's vectors are subtracted: add them.")
def subtracted(Q, K, A):
    return scores(Q, K, -A, rows(Q, K, A))


@wrong("softmax taken", "There is a softmax: return the scores.")
def weights(Q, K, A):
    return torch.softmax(einsum(Q, K, A), dim=-1)


@wrong("keys in rows", "The keys are the rows: the queries are.")
def transposed(Q, K, A):
    return einsum(Q, K, A).mT


@wrong("the first head alone", "Only the first head is there.")
def first_head(Q, K, A):
    return einsum(Q, K, A)[:, 0]


@wrong("the first head's queries in all", "All heads use the queries of the first for the distances.")
def first_queries(Q, K, A):
    return (Q @ K.mT + scores(Q[:, :1], 0 * K[:, :1], A, rows(Q, K, A), width=1)) / Q.shape[-1] ** 0.5


@wrong("the first query with all vectors", "All queries use the first one for the distances.")
def first_query(Q, K, A):
    return (Q @ K.mT + scores(Q[:, :, :1].expand(Q.shape), 0 * K, A, rows(Q, K, A), width=1)) / Q.shape[-1] ** 0.5


@wrong("cut off at 1 always", None)
def cut_at_one(Q, K, A):
    return scores(Q, K, A, (rows(Q, K, A) - len(A) // 2).clamp(-1, 1) + len(A) // 2)


@wrong("square tables alone", None)
def square(Q, K, A):
    places = rows(K, K, A)[: Q.shape[2]]
    if Q.shape[2] > K.shape[2]:
        places = torch.cat([places, places[-1:].expand(Q.shape[2] - K.shape[2], -1)])
    return scores(Q, K, A, places)


@wrong("queries scaled in place", "Q was changed by the call")
def in_place(Q, K, A):
    answer = einsum(Q, K, A)
    Q /= Q.shape[-1] ** 0.5
    return answer


@wrong("the distances added to the keys in place", "K was changed by the call")
def keys_in_place(Q, K, A):
    answer = einsum(Q, K, A)
    K += A[len(A) // 2]
    return answer


@wrong(
    "cut off at D - 1 on one side",
    "Keys far after the query have another vector: cut the distance off at D, not D - 1.",
)
def cut_early_above(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A).clamp(max=len(A) - 2))


@wrong("cut off at 1 - D on one side", "Keys far before the query have another vector: cut the distance off at -D.")
def cut_early_below(Q, K, A):
    return scores(Q, K, A, rows(Q, K, A).clamp(min=1))


@wrong("D taken from the number of keys", None)
def limit_from_keys(Q, K, A):
    limit = min(len(A) // 2, K.shape[2] - 1)
    steps = torch.arange(K.shape[2]) - torch.arange(Q.shape[2])[:, None]
    return scores(Q, K, A, steps.clamp(-limit, limit) + limit)


@wrong("no vector for the word itself", "The word itself has no vector: distance 0 has one, row D.")
def no_vector_for_itself(Q, K, A):
    places = rows(Q, K, A)
    relative = torch.einsum("bhqd,qkd->bhqk", Q, A[places]) * (places != len(A) // 2)
    return (Q @ K.mT + relative) / Q.shape[-1] ** 0.5


@wrong("the first sentence's queries for the distances", None)
def first_sentences_queries(Q, K, A):
    relative = scores(Q[:1], 0 * K[:1], A, rows(Q, K, A), width=1)
    return (Q @ K.mT + relative) / Q.shape[-1] ** 0.5


@wrong("the mean of the heads' queries for the distances", "The queries of all heads were mixed for the distances.")
def mean_query(Q, K, A):
    relative = scores(Q.mean(dim=1, keepdim=True), 0 * K[:, :1], A, rows(Q, K, A), width=1)
    return (Q @ K.mT + relative) / Q.shape[-1] ** 0.5
