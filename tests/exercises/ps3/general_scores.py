"""Answers to ``general_scores(Q, K, W)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


@right("the keys projected first")
def keys_first(Q, K, W):
    return Q @ (K @ W.T).transpose(-1, -2)


@right("a loop over every query and key")
def loop(Q, K, W):
    scores = torch.empty(*Q.shape[:-1], K.shape[-2], dtype=Q.dtype)
    for place in np.ndindex(*scores.shape):
        *sentence, i, k = place
        scores[place] = Q[(*sentence, i)] @ W @ K[(*sentence, k)]
    return scores


@right("einsum of all three")
def einsum(Q, K, W):
    return torch.einsum("...qa,ab,...kb->...qk", Q, W, K)


@right("matmul and swapaxes")
def matmul(Q, K, W):
    return torch.matmul(torch.matmul(Q, W), K.swapaxes(-1, -2))


@right("a linear layer with the transposed matrix")
def linear(Q, K, W):
    return torch.nn.functional.linear(Q, W.T) @ K.mT


@right("NumPy inside")
def numpy_inside(Q, K, W):
    return torch.tensor(Q.numpy() @ W.numpy() @ np.swapaxes(K.numpy(), -1, -2))


@right("keys times queries, then transposed: not contiguous")
def transposed_back(Q, K, W):
    return (K @ W.T @ Q.transpose(-1, -2)).transpose(-1, -2)


@right("products of all pairs, in float64")
def all_pairs(Q, K, W):
    turned = (Q.double() @ W.double()).unsqueeze(-2)
    return (turned * K.double().unsqueeze(-3)).sum(dim=-1).to(Q.dtype)


@right("a bilinear layer of PyTorch on all pairs")
def bilinear(Q, K, W):
    pairs = (*Q.shape[:-1], K.shape[-2])
    left = Q.unsqueeze(-2).expand(*pairs, Q.shape[-1]).contiguous()
    right_ = K.unsqueeze(-3).expand(*pairs, K.shape[-1]).contiguous()
    return torch.nn.functional.bilinear(left, right_, W[None]).squeeze(-1)


@wrong("transposes W where it fits", "W is transposed")
def transposed(Q, K, W):
    return Q @ W.T @ K.mT


@wrong("transposes W where it is square", "W is transposed")
def transposed_where_square(Q, K, W):
    return Q @ (W.T if W.shape[0] == W.shape[1] else W) @ K.mT


@wrong("F.linear: a product with the transposed matrix", "W is transposed")
def linear_not_transposed(Q, K, W):
    return torch.nn.functional.linear(Q, W) @ K.mT


@wrong("the key left of W, then transposed", "W is transposed")
def sides_swapped_then_transposed(Q, K, W):
    return (K @ W @ Q.mT).mT


@wrong("the key left of W", "changed sides")
def sides_swapped(Q, K, W):
    return K @ W @ Q.mT


@wrong("keys down, queries across", "Keys are down")
def keys_down(Q, K, W):
    return (Q @ W @ K.mT).mT


@wrong("ignores W", "W is not used")
def ignored(Q, K, W):
    return Q @ K.mT


@wrong("ignores W where the dims are equal", "W is not used")
def ignored_where_square(Q, K, W):
    return Q @ K.mT if Q.shape[-1] == K.shape[-1] else Q @ W @ K.mT


@wrong("does not transpose K", "K is not transposed")
def untransposed(Q, K, W):
    return Q @ W @ K


@wrong("W in front", "W came first")
def in_front(Q, K, W):
    return W @ Q @ K.mT


@wrong("W behind", "W came last")
def behind(Q, K, W):
    return Q @ K.mT @ W


@wrong("scales by the root of the dim", "leave them unscaled")
def scaled(Q, K, W):
    return Q @ W @ K.mT / Q.shape[-1] ** 0.5


@wrong("scales by the root of the dim when it is above 3", None)
def scaled_later(Q, K, W):
    return Q @ W @ K.mT / (K.shape[-1] ** 0.5 if K.shape[-1] > 3 else 1)


@wrong("the diagonal of W alone", "Only the diagonal")
def diagonal(Q, K, W):
    return Q * torch.diagonal(W) @ K.mT


@wrong("multiplies number by number", "* multiplies number by number")
def elementwise(Q, K, W):
    return Q * W * K


@wrong("takes a softmax", "softmax in it")
def softmax(Q, K, W):
    return torch.softmax(Q @ W @ K.mT, dim=-1)


@wrong("makes W symmetric where it is square", None)
def symmetric(Q, K, W):
    return Q @ ((W + W.T) / 2 if W.shape[0] == W.shape[1] else W) @ K.mT


@wrong("gives every sentence the keys of the first", "keys of the first")
def first_keys(Q, K, W):
    return Q @ W @ (K if K.dim() == 2 else K[0]).mT


@wrong("gives every sentence the queries of the first", "queries of the first")
def first_queries(Q, K, W):
    return (Q if Q.dim() == 2 else Q[:1]) @ W @ K.mT


@wrong("swaps axes 1 and 2 of K", None)
def axes_1_and_2(Q, K, W):
    return Q @ W @ K.transpose(1, 2)


@wrong("einsum for two and three axes only", None)
def three_axes_at_most(Q, K, W):
    if Q.dim() == 2:
        return torch.einsum("qa,ab,kb->qk", Q, W, K)
    return torch.einsum("bqa,ac,bkc->bqk", Q, W, K)


@wrong("assumes a single query in a batch", None)
def single_query(Q, K, W):
    if Q.dim() == 2:
        return Q @ W @ K.mT
    return (K @ (Q[..., 0, :] @ W).unsqueeze(-1)).transpose(-1, -2)


@wrong("writes the projected queries over Q", "Q was changed")
def in_place(Q, K, W):
    if Q.shape[-1] != K.shape[-1]:
        return Q @ W @ K.mT
    Q.copy_(Q @ W)
    return Q @ K.mT


@wrong("adds a tanh for small scores", None)
def tanh(Q, K, W):
    scores = Q @ W @ K.mT
    return torch.where(scores.abs() < 1, torch.tanh(scores), scores)


@wrong("float16 inside", None)
def half(Q, K, W):
    return (Q.half() @ W.half() @ K.half().mT).to(Q.dtype)


@wrong("uses view, which a transposed Q does not allow", None)
def view(Q, K, W):
    turned = Q.view(-1, Q.shape[-1]) @ W
    return turned.view(*Q.shape[:-1], K.shape[-1]) @ K.mT
