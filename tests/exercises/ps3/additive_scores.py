"""Answers to ``additive_scores(Q, K, Wq, Wk, v)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def hidden_input(Q, K, Wq, Wk):
    return (Q @ Wq.T)[..., :, None, :] + (K @ Wk.T)[..., None, :, :]


@right("a loop over every query and key")
def loop(Q, K, Wq, Wk, v):
    scores = torch.zeros(*Q.shape[:-1], K.shape[-2], dtype=Q.dtype)
    for place in np.ndindex(*scores.shape):
        *sentence, i, k = place
        scores[place] = v @ torch.tanh(Wq @ Q[(*sentence, i)] + Wk @ K[(*sentence, k)])
    return scores


@right("einsum")
def einsum(Q, K, Wq, Wk, v):
    queries = torch.einsum("...qd,hd->...qh", Q, Wq)
    keys = torch.einsum("...kd,hd->...kh", K, Wk)
    return torch.einsum("...qkh,h->...qk", torch.tanh(queries.unsqueeze(-2) + keys.unsqueeze(-3)), v)


@right("query and key concatenated, with one matrix")
def concatenated(Q, K, Wq, Wk, v):
    pairs = (*Q.shape[:-1], K.shape[-2])
    queries = Q.unsqueeze(-2).expand(*pairs, Q.shape[-1])
    keys = K.unsqueeze(-3).expand(*pairs, K.shape[-1])
    both = torch.cat([queries, keys], dim=-1)
    return torch.tanh(both @ torch.cat([Wq, Wk], dim=1).T) @ v


@right("one query at a time, as a decoder does it")
def one_query_at_a_time(Q, K, Wq, Wk, v):
    keys = K @ Wk.T
    steps = [torch.tanh(Q[..., i : i + 1, :] @ Wq.T + keys) @ v for i in range(Q.shape[-2])]
    return torch.stack(steps, dim=-2)


@right("linear layers of PyTorch, and a sum of products")
def linear(Q, K, Wq, Wk, v):
    linear = torch.nn.functional.linear
    hidden = torch.tanh(linear(Q, Wq).unsqueeze(-2) + linear(K, Wk).unsqueeze(-3))
    return (hidden * v).sum(dim=-1)


@right("NumPy inside")
def numpy_inside(Q, K, Wq, Wk, v):
    Q, K, Wq, Wk, v = (tensor.numpy() for tensor in (Q, K, Wq, Wk, v))
    return torch.tensor(np.tanh((Q @ Wq.T)[..., :, None, :] + (K @ Wk.T)[..., None, :, :]) @ v)


@right("tanh written with exponentials, in float64, and turned around at the end")
def exponentials(Q, K, Wq, Wk, v):
    a = hidden_input(*(tensor.double() for tensor in (K, Q, Wk, Wq)))
    scores = ((1 - 2 / (torch.exp(2 * a) + 1)) * v.double()).sum(dim=-1)
    return scores.transpose(-1, -2).to(Q.dtype)


@right("one hidden unit at a time")
def one_unit_at_a_time(Q, K, Wq, Wk, v):
    return sum(v[h] * torch.tanh((Q @ Wq[h])[..., :, None] + (K @ Wk[h])[..., None, :]) for h in range(len(v)))


@wrong("forgets the tanh", "tanh is missing")
def no_tanh(Q, K, Wq, Wk, v):
    return hidden_input(Q, K, Wq, Wk) @ v


@wrong("tanh after the sum", "tanh came last")
def tanh_last(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(Q, K, Wq, Wk) @ v)


@wrong("tanh inside and outside", "second tanh")
def two_tanhs(Q, K, Wq, Wk, v):
    return torch.tanh(torch.tanh(hidden_input(Q, K, Wq, Wk)) @ v)


@wrong("tanh of query and key apart", "query and key apart")
def tanh_apart(Q, K, Wq, Wk, v):
    return (torch.tanh(Q @ Wq.T) @ v).unsqueeze(-1) + (torch.tanh(K @ Wk.T) @ v).unsqueeze(-2)


@wrong("v before the tanh", "before the tanh")
def v_inside(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(Q, K, Wq, Wk) * v).sum(dim=-1)


@wrong("swaps the projections", "projections are swapped")
def swapped(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(Q, K, Wk, Wq)) @ v


@wrong("swaps the projections where both fit", "projections are swapped")
def swapped_where_it_fits(Q, K, Wq, Wk, v):
    Wq, Wk = (Wk, Wq) if Wq.shape == Wk.shape else (Wq, Wk)
    return torch.tanh(hidden_input(Q, K, Wq, Wk)) @ v


@wrong("transposes both matrices", "Wq and Wk are transposed")
def both_transposed(Q, K, Wq, Wk, v):
    return torch.tanh((Q @ Wq).unsqueeze(-2) + (K @ Wk).unsqueeze(-3)) @ v


@wrong("transposes Wq", "Wq is transposed")
def query_matrix_transposed(Q, K, Wq, Wk, v):
    return torch.tanh((Q @ Wq).unsqueeze(-2) + (K @ Wk.T).unsqueeze(-3)) @ v


@wrong("transposes Wk", "Wk is transposed")
def key_matrix_transposed(Q, K, Wq, Wk, v):
    return torch.tanh((Q @ Wq.T).unsqueeze(-2) + (K @ Wk).unsqueeze(-3)) @ v


@wrong("sums the hidden layer without v", "hidden layer was summed")
def no_v(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(Q, K, Wq, Wk)).sum(dim=-1)


@wrong("averages the hidden layer", "hidden layer was averaged")
def mean(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(Q, K, Wq, Wk)).mean(dim=-1)


@wrong("leaves the hidden layer", "hidden layer is not summed")
def not_summed(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(Q, K, Wq, Wk)) * v


@wrong("adds without the axes: query i meets key i", "Query i met key i only")
def no_axes(Q, K, Wq, Wk, v):
    return torch.tanh(Q @ Wq.T + K @ Wk.T) @ v


@wrong("adds without the axes, and spreads the result over the queries", "Every query got the same")
def same_for_every_query(Q, K, Wq, Wk, v):
    scores = torch.tanh(Q @ Wq.T + K @ Wk.T) @ v
    return scores.unsqueeze(-2).expand(*Q.shape[:-1], K.shape[-2])


@wrong("uses the first query for all", None)
def first_query(Q, K, Wq, Wk, v):
    if Q.shape[-2] <= 2:
        return torch.tanh(hidden_input(Q, K, Wq, Wk)) @ v
    return torch.tanh(hidden_input(Q[..., :1, :], K, Wq, Wk)).expand(*Q.shape[:-1], K.shape[-2], len(v)) @ v


@wrong("keys down, queries across", "Keys are down")
def keys_down(Q, K, Wq, Wk, v):
    return (torch.tanh(hidden_input(Q, K, Wq, Wk)) @ v).mT


@wrong("forgets the keys", "keys play no part")
def queries_alone(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(Q, 0 * K, Wq, Wk)) @ v


@wrong("forgets the queries", "queries play no part")
def keys_alone(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(0 * Q, K, Wq, Wk)) @ v


@wrong("subtracts the key", "difference of query and key")
def difference(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(Q, -K, Wq, Wk)) @ v


@wrong("multiplies instead of adding", "the score is additive")
def product(Q, K, Wq, Wk, v):
    return torch.tanh((Q @ Wq.T).unsqueeze(-2) * (K @ Wk.T).unsqueeze(-3)) @ v


@wrong("a sigmoid", "That is a sigmoid")
def sigmoid(Q, K, Wq, Wk, v):
    return torch.sigmoid(hidden_input(Q, K, Wq, Wk)) @ v


@wrong("a ReLU", "That is a ReLU")
def relu(Q, K, Wq, Wk, v):
    return torch.relu(hidden_input(Q, K, Wq, Wk)) @ v


@wrong("scales by the root of the hidden size", "leave them unscaled")
def scaled(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(Q, K, Wq, Wk)) @ v / len(v) ** 0.5


@wrong("takes a softmax", "softmax in it")
def softmax(Q, K, Wq, Wk, v):
    return torch.softmax(torch.tanh(hidden_input(Q, K, Wq, Wk)) @ v, dim=-1)


@wrong("places the axes for three dimensions: a single sentence fails", None)
def batch_assumed(Q, K, Wq, Wk, v):
    return torch.tanh((Q @ Wq.T)[:, :, None] + (K @ Wk.T)[:, None]) @ v


@wrong("places the axes for two and three dimensions", None)
def three_axes_at_most(Q, K, Wq, Wk, v):
    queries, keys = Q @ Wq.T, K @ Wk.T
    if Q.dim() == 2:
        return torch.tanh(queries[:, None] + keys) @ v
    return torch.tanh(queries[:, :, None] + keys[:, None]) @ v


@wrong("gives every sentence the keys of the first", "keys of the first")
def first_keys(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(Q, K if K.dim() == 2 else K[:1], Wq, Wk)) @ v


@wrong("gives every sentence the queries of the first", "queries of the first")
def first_queries(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(Q if Q.dim() == 2 else Q[:1], K, Wq, Wk)) @ v


@wrong("adds a hidden unit's number to v in place", "v was changed")
def in_place(Q, K, Wq, Wk, v):
    scores = torch.tanh(hidden_input(Q, K, Wq, Wk)) @ v
    v *= 2
    return scores


@wrong("cuts the input of tanh off at ±2, where it is not 1 yet", None)
def clipped(Q, K, Wq, Wk, v):
    return torch.tanh(hidden_input(Q, K, Wq, Wk).clamp(-2, 2)) @ v


@wrong("takes tanh(x) as its series up to the fifth power", None)
def series(Q, K, Wq, Wk, v):
    a = hidden_input(Q, K, Wq, Wk)
    return (a - a**3 / 3 + 2 * a**5 / 15) @ v


@wrong("adds without the axes unless the numbers differ: square cases fail", "Query i met key i only")
def axes_where_needed(Q, K, Wq, Wk, v):
    if Q.shape[-2] == K.shape[-2]:
        return torch.tanh(Q @ Wq.T + K @ Wk.T) @ v
    return torch.tanh(hidden_input(Q, K, Wq, Wk)) @ v


@wrong("a tanh of exponentials, which overflow", None)
def tanh_overflows(Q, K, Wq, Wk, v):
    grown = torch.exp(2 * hidden_input(Q, K, Wq, Wk))
    return (grown - 1) / (grown + 1) @ v
