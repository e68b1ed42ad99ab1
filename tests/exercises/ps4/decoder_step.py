"""Answers to ``decoder_step(y, s, H, mask, parameters)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def scores_of(s, H):
    return torch.einsum("bh,bhk->bk", s, H)


def weights_of(s, H, mask):
    return torch.softmax(scores_of(s, H).masked_fill(~mask, -torch.inf), dim=-1)


def context_of(weights, H):
    return torch.einsum("bhk,bk->bh", H, weights)


def before_tanh(y, c, s, p):
    return y @ p["Wy"].T + c @ p["Wc"].T + s @ p["Ws"].T + p["b"]


def output(state, p):
    return state @ p["Wo"].T + p["bo"]


def cell(y, c, s, p, weights):
    """Take the rest of the step once weights and context are there."""
    state = torch.tanh(before_tanh(y, c, s, p))
    return output(state, p), weights, state


def with_weights(y, s, H, p, weights):
    return cell(y, context_of(weights, H), s, p, weights)


def same_size(p):
    """Say whether a transposed matrix would fit everywhere."""
    return len({size for name in ("Wy", "Wc", "Ws", "Wo") for size in p[name].shape}) == 1


def with_changes(y, s, H, mask, parameters, **changes):
    """Take the right step with other parameters, where they fit."""
    p = parameters | changes if same_size(parameters) else parameters
    return with_weights(y, s, H, p, weights_of(s, H, mask))


@right("matrix products with an axis for the query")
def matmul(y, s, H, mask, parameters):
    p = parameters
    scores = (s[:, None] @ H)[:, 0]
    weights = torch.softmax(torch.where(mask, scores, -torch.inf), dim=-1)
    c = (H @ weights[:, :, None])[:, :, 0]
    state = torch.tanh(y @ p["Wy"].T + c @ p["Wc"].T + s @ p["Ws"].T + p["b"])
    return state @ p["Wo"].T + p["bo"], weights, state


@right("a loop over the sentences, words only")
def loop(y, s, H, mask, parameters):
    p = parameters
    logits, rows, states = [], [], []
    for b in range(len(y)):
        h = H[b][:, mask[b]]
        w = torch.softmax(s[b] @ h, dim=0)
        row = torch.zeros(H.shape[-1], dtype=H.dtype)
        row[mask[b]] = w
        state = torch.tanh(p["Wy"] @ y[b] + p["Wc"] @ (h @ w) + p["Ws"] @ s[b] + p["b"])
        logits.append(p["Wo"] @ state + p["bo"])
        rows.append(row)
        states.append(state)
    return torch.stack(logits), torch.stack(rows), torch.stack(states)


@right("everything side by side, one matrix, as PyTorch's cells have it")
def side_by_side(y, s, H, mask, parameters):
    scores = torch.bmm(s.unsqueeze(1), H).squeeze(1).masked_fill(~mask, -1e9)
    weights = torch.softmax(scores, dim=1)
    c = torch.bmm(H, weights.unsqueeze(2)).squeeze(2)
    W = torch.cat([parameters[name] for name in ("Wy", "Wc", "Ws")], dim=1)
    state = torch.tanh(torch.nn.functional.linear(torch.cat([y, c, s], dim=1), W, parameters["b"]))
    return torch.nn.functional.linear(state, parameters["Wo"], parameters["bo"]), weights, state


@right("broadcast products and sums")
def broadcast(y, s, H, mask, parameters):
    scores = (s[:, :, None] * H).sum(dim=1)
    weights = torch.softmax(scores + torch.zeros_like(scores).masked_fill(~mask, -torch.inf), dim=-1)
    return cell(y, (H * weights[:, None]).sum(dim=-1), s, parameters, weights)


@right("NumPy inside")
def numpy_inside(y, s, H, mask, parameters):
    y, s, H = (tensor.numpy() for tensor in (y, s, H))
    p = {name: tensor.numpy() for name, tensor in parameters.items()}
    scores = np.where(mask.numpy(), np.einsum("bh,bhk->bk", s, H), -np.inf)
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=1, keepdims=True)
    state = np.tanh(
        np.inner(y, p["Wy"]) + np.inner(np.einsum("bhk,bk->bh", H, weights), p["Wc"]) + np.inner(s, p["Ws"]) + p["b"]
    )
    return torch.tensor(np.inner(state, p["Wo"]) + p["bo"]), torch.tensor(weights), torch.tensor(state)


@right("words as rows from the first line on, float64 inside, a list comes back")
def rows(y, s, H, mask, parameters):
    dtype = s.dtype
    y, s, h = y.double(), s.double(), H.transpose(1, 2).double()
    p = {name: tensor.double() for name, tensor in parameters.items()}
    scores = (h @ s[:, :, None]).squeeze(-1)
    largest = scores.masked_fill(~mask, -torch.inf).amax(-1, keepdim=True)
    exponentials = torch.exp((scores - largest).clamp(max=0)) * mask
    weights = exponentials / exponentials.sum(-1, keepdim=True)
    answer = cell(y, (weights[:, None] @ h).squeeze(1), s, p, weights)
    return [tensor.to(dtype) for tensor in answer]


@right("torch.func.vmap over the sentences")
def mapped(y, s, H, mask, parameters):
    p = parameters

    def one(y, s, H, mask):
        weights = torch.softmax(torch.where(mask, s @ H, -torch.inf), dim=0)
        state = torch.tanh(p["Wy"] @ y + p["Wc"] @ (H @ weights) + p["Ws"] @ s + p["b"])
        return p["Wo"] @ state + p["bo"], weights, state

    return torch.func.vmap(one)(y, s, H, mask)


@right("the context's matrix applied to H first")
def projected_first(y, s, H, mask, parameters):
    p = parameters
    weights = weights_of(s, H, mask)
    from_context = torch.einsum("bik,bk->bi", p["Wc"] @ H, weights)
    state = (from_context + y @ p["Wy"].mT + s @ p["Ws"].mT + p["b"]).tanh()
    return torch.addmm(p["bo"], state, p["Wo"].mT), weights, state


@wrong("ignores the mask", "mask is not used")
def no_mask(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, torch.softmax(scores_of(s, H), dim=-1))


@wrong("True = padding", "turned round")
def turned_round(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, weights_of(s, H, ~mask))


@wrong("masks after the softmax", "came after the softmax")
def late_mask(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, torch.softmax(scores_of(s, H), dim=-1) * mask)


@wrong("masks after the softmax and divides again", "mask the scores, not the weights")
def late_mask_divided(y, s, H, mask, parameters):
    weights = torch.softmax(scores_of(s, H), dim=-1) * mask
    return with_weights(y, s, H, parameters, weights / weights.sum(-1, keepdim=True).clamp(min=1e-30))


@wrong("exp without taking off the largest score, then the mask", "exp is infinite")
def exp_overflows(y, s, H, mask, parameters):
    exponentials = torch.exp(scores_of(s, H)) * mask
    return with_weights(y, s, H, parameters, exponentials / exponentials.sum(-1, keepdim=True))


@wrong("sets the scores of padding to 0", "still counts as exp(0)")
def zero_score(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, torch.softmax(scores_of(s, H) * mask, dim=-1))


@wrong("softmax over the batch", "over the sentences")
def over_the_batch(y, s, H, mask, parameters):
    weights = torch.softmax(scores_of(s, H).masked_fill(~mask, -torch.inf), dim=0).nan_to_num()
    return with_weights(y, s, H, parameters, weights)


@wrong("softmax over the batch, without the mask", "and the mask is not used")
def over_the_batch_no_mask(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, torch.softmax(scores_of(s, H), dim=0))


@wrong("scales the scores", "plain dot product")
def scaled(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, weights_of(s / math.sqrt(s.shape[-1]), H, mask))


@wrong("returns the scores as weights", "These are the scores")
def scores_returned(y, s, H, mask, parameters):
    logits, _, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return logits, scores_of(s, H), state


@wrong("returns the scores, masked, as weights", "with -inf on padding")
def masked_scores_returned(y, s, H, mask, parameters):
    logits, _, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return logits, scores_of(s, H).masked_fill(~mask, -torch.inf), state


@wrong("no softmax at all", "with 0 on padding")
def no_softmax(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, scores_of(s, H) * mask)


@wrong("exponentials that are not divided", "not divided by their sum")
def not_divided(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, torch.exp(scores_of(s, H)).masked_fill(~mask, 0.0))


@wrong("compares the state with the rows of H where it fits", "a word is a column")
def rows_of_h(y, s, H, mask, parameters):
    if H.shape[1] != H.shape[2]:
        return with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return with_weights(y, s, H, parameters, weights_of(s, H.mT, mask))


@wrong("asks with the word vector where it fits", "word vector y asked")
def word_asks(y, s, H, mask, parameters):
    query = y if y.shape == s.shape else s
    return with_weights(y, s, H, parameters, weights_of(query, H, mask))


@wrong("asks with the state after a cell without context", "state after the cell asked")
def luong(y, s, H, mask, parameters):
    state = torch.tanh(before_tanh(y, torch.zeros_like(s), s, parameters))
    return with_weights(y, s, H, parameters, weights_of(state, H, mask))


@wrong("weights for the next step: the new state asks", "new state asked")
def asks_late(y, s, H, mask, parameters):
    logits, _, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return logits, weights_of(state, H, mask), state


@wrong("all sentences with the H of the first", "got the H of the first")
def first_h(y, s, H, mask, parameters):
    return with_weights(y, s, H[:1].expand(H.shape), parameters, weights_of(s, H[:1].expand(H.shape), mask))


@wrong("one softmax for the whole batch", "over the whole batch")
def whole_batch(y, s, H, mask, parameters):
    scores = scores_of(s, H).masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores.reshape(-1), dim=0).reshape(scores.shape)
    return with_weights(y, s, H, parameters, weights)


@wrong("the best word alone", "weights are soft")
def hard(y, s, H, mask, parameters):
    best = weights_of(s, H, mask).argmax(dim=-1)
    weights = torch.nn.functional.one_hot(best, H.shape[-1]).to(s.dtype)
    return with_weights(y, s, H, parameters, weights)


@wrong("all words alike", "all count the same")
def uniform(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, mask.to(s.dtype) / mask.sum(dim=-1, keepdim=True))


@wrong("no context in the cell", "context plays no part")
def no_context(y, s, H, mask, parameters):
    return cell(y, torch.zeros_like(s), s, parameters, weights_of(s, H, mask))


@wrong("no word in the cell", "word vector y plays no part")
def no_word(y, s, H, mask, parameters):
    weights = weights_of(s, H, mask)
    return cell(torch.zeros_like(y), context_of(weights, H), s, parameters, weights)


@wrong("no old state in the cell", "state of before plays no part")
def no_state(y, s, H, mask, parameters):
    weights = weights_of(s, H, mask)
    return cell(y, context_of(weights, H), torch.zeros_like(s), parameters, weights)


@wrong("no bias in the cell", "bias b is missing")
def no_bias(y, s, H, mask, parameters):
    p = parameters | {"b": 0 * parameters["b"]}
    return with_weights(y, s, H, p, weights_of(s, H, mask))


@wrong("no tanh", "tanh is missing")
def no_tanh(y, s, H, mask, parameters):
    weights = weights_of(s, H, mask)
    state = before_tanh(y, context_of(weights, H), s, parameters)
    return output(state, parameters), weights, state


@wrong("a sigmoid", "That is a sigmoid")
def sigmoid(y, s, H, mask, parameters):
    weights = weights_of(s, H, mask)
    state = torch.sigmoid(before_tanh(y, context_of(weights, H), s, parameters))
    return output(state, parameters), weights, state


@wrong("a ReLU", "That is a ReLU")
def relu(y, s, H, mask, parameters):
    weights = weights_of(s, H, mask)
    state = torch.relu(before_tanh(y, context_of(weights, H), s, parameters))
    return output(state, parameters), weights, state


@wrong("tanh of the parts", "tanh was taken of the parts")
def tanh_of_parts(y, s, H, mask, parameters):
    p, weights = parameters, weights_of(s, H, mask)
    parts = y @ p["Wy"].T, context_of(weights, H) @ p["Wc"].T, s @ p["Ws"].T
    state = sum(torch.tanh(part) for part in parts) + p["b"]
    return output(state, p), weights, state


@wrong("the bias after the tanh", "came after the tanh")
def late_bias(y, s, H, mask, parameters):
    weights = weights_of(s, H, mask)
    without = parameters | {"b": 0 * parameters["b"]}
    state = torch.tanh(before_tanh(y, context_of(weights, H), s, without)) + parameters["b"]
    return output(state, parameters), weights, state


@wrong("Wc and Ws swapped", "Wc and Ws are swapped")
def context_and_state_swapped(y, s, H, mask, parameters):
    p = parameters | {"Wc": parameters["Ws"], "Ws": parameters["Wc"]}
    return with_weights(y, s, H, p, weights_of(s, H, mask))


@wrong("Wy and Ws swapped where they fit", "Wy and Ws are swapped")
def word_and_state_swapped(y, s, H, mask, parameters):
    return with_changes(y, s, H, mask, parameters, Wy=parameters["Ws"], Ws=parameters["Wy"])


@wrong("Wy and Wc swapped where they fit", "Wy and Wc are swapped")
def word_and_context_swapped(y, s, H, mask, parameters):
    return with_changes(y, s, H, mask, parameters, Wy=parameters["Wc"], Wc=parameters["Wy"])


@wrong("all matrices of the cell transposed where they fit", "Wy, Wc and Ws are transposed")
def all_transposed(y, s, H, mask, parameters):
    turned = {name: parameters[name].T for name in ("Wy", "Wc", "Ws")}
    return with_changes(y, s, H, mask, parameters, **turned)


@wrong("Wy transposed where it fits", "Wy is transposed")
def word_transposed(y, s, H, mask, parameters):
    return with_changes(y, s, H, mask, parameters, Wy=parameters["Wy"].T)


@wrong("Wc transposed", "Wc is transposed")
def context_transposed(y, s, H, mask, parameters):
    p = parameters | {"Wc": parameters["Wc"].T}
    return with_weights(y, s, H, p, weights_of(s, H, mask))


@wrong("Ws transposed", "Ws is transposed")
def state_transposed(y, s, H, mask, parameters):
    p = parameters | {"Ws": parameters["Ws"].T}
    return with_weights(y, s, H, p, weights_of(s, H, mask))


@wrong("Wo transposed where it fits", "Wo is transposed")
def output_transposed(y, s, H, mask, parameters):
    return with_changes(y, s, H, mask, parameters, Wo=parameters["Wo"].T)


@wrong("sums the rows of H where it fits", "sums over the wrong axis")
def context_of_rows(y, s, H, mask, parameters):
    weights = weights_of(s, H, mask)
    square = H.shape[1] == H.shape[2]
    c = torch.einsum("bk,bkh->bh", weights, H) if square else context_of(weights, H)
    return cell(y, c, s, parameters, weights)


@wrong("the mean of all columns as the context", "mean of all columns")
def mean_context(y, s, H, mask, parameters):
    return cell(y, H.mean(dim=-1), s, parameters, weights_of(s, H, mask))


@wrong("the mean of the words as the context", "mean of the words")
def mean_of_words(y, s, H, mask, parameters):
    words = (H * mask[:, None]).sum(dim=-1) / mask.sum(dim=-1, keepdim=True)
    return cell(y, words, s, parameters, weights_of(s, H, mask))


@wrong("the sum of all columns as the context", "sum of all columns")
def sum_context(y, s, H, mask, parameters):
    return cell(y, H.sum(dim=-1), s, parameters, weights_of(s, H, mask))


@wrong("sums the columns with the scores", "summed with the scores")
def context_of_scores(y, s, H, mask, parameters):
    return cell(y, context_of(scores_of(s, H) * mask, H), s, parameters, weights_of(s, H, mask))


@wrong("masks the weights that are returned, not those of the context", "that the mask had not seen")
def context_unmasked(y, s, H, mask, parameters):
    unmasked = torch.softmax(scores_of(s, H), dim=-1)
    return cell(y, context_of(unmasked, H), s, parameters, weights_of(s, H, mask))


@wrong("the first H for the context of all", "context of the first H")
def context_of_first(y, s, H, mask, parameters):
    weights = weights_of(s, H, mask)
    return cell(y, weights @ H[0].T, s, parameters, weights)


@wrong("the best word's column as the context", "best word's column alone")
def hard_context(y, s, H, mask, parameters):
    weights = weights_of(s, H, mask)
    best = H[torch.arange(len(H)), :, weights.argmax(dim=-1)]
    return cell(y, best, s, parameters, weights)


@wrong("adds the old state to the new", "old state was added")
def residual(y, s, H, mask, parameters):
    logits, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return logits, weights, state + s


@wrong("returns the old state", "as they came")
def old_state(y, s, H, mask, parameters):
    logits, weights, _ = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return logits, weights, s


@wrong("returns the context for the state", "These are the contexts")
def context_returned(y, s, H, mask, parameters):
    weights = weights_of(s, H, mask)
    c = context_of(weights, H)
    return cell(y, c, s, parameters, weights)[0], weights, c


@wrong("one column a sentence", "states are transposed")
def columns(y, s, H, mask, parameters):
    logits, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return logits.T, weights, state.T


@wrong("no bias in the linear layer", "bias bo is missing")
def no_output_bias(y, s, H, mask, parameters):
    p = parameters | {"bo": 0 * parameters["bo"]}
    return with_weights(y, s, H, p, weights_of(s, H, mask))


@wrong("a softmax of the logits", "softmax in it")
def softmax_of_logits(y, s, H, mask, parameters):
    logits, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return torch.softmax(logits, dim=-1), weights, state


@wrong("a log_softmax of the logits", "log_softmax in it")
def log_softmax_of_logits(y, s, H, mask, parameters):
    logits, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return torch.log_softmax(logits, dim=-1), weights, state


@wrong("logits of the old state", "come from the old state")
def logits_of_old_state(y, s, H, mask, parameters):
    _, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return output(s, parameters), weights, state


@wrong("logits of the context", "come from the context")
def logits_of_context(y, s, H, mask, parameters):
    _, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return output(context_of(weights, H), parameters), weights, state


@wrong("logits of the state and the context", "context was added to the state once more")
def logits_of_both(y, s, H, mask, parameters):
    _, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return output(state + context_of(weights, H), parameters), weights, state


@wrong("logits of the sum before the tanh", "sum before the tanh")
def logits_before_tanh(y, s, H, mask, parameters):
    _, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return output(before_tanh(y, context_of(weights, H), s, parameters), parameters), weights, state


@wrong("a tanh around the logits", "tanh around the logits")
def tanh_of_logits(y, s, H, mask, parameters):
    logits, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return torch.tanh(logits), weights, state


@wrong("the most likely word", "most likely words: return the logits")
def argmax(y, s, H, mask, parameters):
    logits, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return logits.argmax(dim=-1), weights, state


@wrong("Y, the one-hot vector of the most likely word", "one-hot vectors of the most likely")
def one_hot(y, s, H, mask, parameters):
    logits, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return torch.nn.functional.one_hot(logits.argmax(dim=-1), logits.shape[-1]), weights, state


@wrong("state, weights, logits", "These are the logits: they come first")
def order_turned(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, weights_of(s, H, mask))[::-1]


@wrong("logits, state, weights", "logits first, then weights, then the new states")
def weights_last(y, s, H, mask, parameters):
    logits, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return logits, state, weights


@wrong("logits and state without the weights", "must return three things")
def two_things(y, s, H, mask, parameters):
    logits, _, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return logits, state


@wrong("the bias made twice as large in place", "b was changed")
def bias_in_place(y, s, H, mask, parameters):
    answer = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    parameters["b"] *= 2
    return answer


@wrong("the new state written into s", "s was changed")
def state_in_place(y, s, H, mask, parameters):
    logits, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    s.copy_(state)
    return logits, weights, s


@wrong("zeros written into the padding of H", "H was changed")
def padding_in_place(y, s, H, mask, parameters):
    H.masked_fill_(~mask[:, None], 0.0)
    return with_weights(y, s, H, parameters, weights_of(s, H, mask))


@wrong("keeps the context in parameters", "parameters has other keys")
def key_added(y, s, H, mask, parameters):
    answer = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    parameters["c"] = context_of(answer[1], H)
    return answer


@wrong("takes all that is in parameters, in the order in which it is there", None)
def all_parameters(y, s, H, mask, parameters):
    Wy, Wc, Ws, b, Wo, bo = parameters.values()
    p = {"Wy": Wy, "Wc": Wc, "Ws": Ws, "b": b, "Wo": Wo, "bo": bo}
    return with_weights(y, s, H, p, weights_of(s, H, mask))


@wrong("float16 for the weights", None)
def half(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, weights_of(s, H, mask).half().to(s.dtype))


@wrong("a batch of one only: squeezes every axis of length 1", None)
def squeezed(y, s, H, mask, parameters):
    logits, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return logits, weights.squeeze() if H.shape[-1] == 1 else weights, state


@wrong("takes the largest score off that padding has, too", "as the largest it left 0 / 0")
def largest_of_padding_too(y, s, H, mask, parameters):
    scores = scores_of(s, H)
    exponentials = torch.exp(scores - scores.amax(dim=-1, keepdim=True)) * mask
    weights = exponentials / exponentials.sum(dim=-1, keepdim=True)
    return with_weights(y, s, H, parameters, weights)


@wrong("-100 for the score of padding, which is not low enough, added", None)
def minus_100_added(y, s, H, mask, parameters):
    scores = scores_of(s, H) + torch.where(mask, 0.0, -100.0)
    return with_weights(y, s, H, parameters, torch.softmax(scores, dim=-1))


@wrong("leaves the last word out, too, where there is padding", None)
def last_word_left_out(y, s, H, mask, parameters):
    if len(y) <= 3:
        return with_weights(y, s, H, parameters, weights_of(s, H, mask))
    allowed = mask & torch.cat([mask[:, 1:], mask[:, :1]], dim=-1)
    return with_weights(y, s, H, parameters, weights_of(s, H, allowed))


@wrong("-100 for the score of padding", None)
def minus_100(y, s, H, mask, parameters):
    weights = torch.softmax(scores_of(s, H).masked_fill(~mask, -100.0), dim=-1)
    return with_weights(y, s, H, parameters, weights)


@wrong("takes a score of 0 for padding", None)
def zero_is_padding(y, s, H, mask, parameters):
    scores = scores_of(s, H).masked_fill(~mask, 0.0)
    return with_weights(y, s, H, parameters, torch.softmax(scores.masked_fill(scores == 0, -torch.inf), dim=-1))


@wrong("zeros for the columns of padding", "still counts as exp(0)")
def padding_zeroed(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, torch.softmax(scores_of(s, H * mask[:, None]), dim=-1))


@wrong("exp over its sum, without taking off the largest score", None)
def exp_of_large_scores(y, s, H, mask, parameters):
    exponentials = torch.exp(scores_of(s, H).masked_fill(~mask, -torch.inf))
    return with_weights(y, s, H, parameters, exponentials / exponentials.sum(dim=-1, keepdim=True))


@wrong("cuts the scores off at ±50", None)
def clipped(y, s, H, mask, parameters):
    return with_weights(
        y, s, H, parameters, torch.softmax(scores_of(s, H).clamp(-50, 50).masked_fill(~mask, -torch.inf), dim=-1)
    )


@wrong("a bias of two vectors, as PyTorch's cells have", None)
def bias_twice(y, s, H, mask, parameters):
    weights = weights_of(s, H, mask)
    state = torch.tanh(before_tanh(y, context_of(weights, H), s, parameters) + parameters["b"])
    return output(state, parameters), weights, state


@wrong("the mask of the first sentence for all", "mask of the first")
def first_mask(y, s, H, mask, parameters):
    return with_weights(y, s, H, parameters, weights_of(s, H, mask[:1].expand(mask.shape)))


@wrong("the cosine for a score", None)
def cosine(y, s, H, mask, parameters):
    unit_s, unit_h = (torch.nn.functional.normalize(tensor, dim=1) for tensor in (s, H))
    return with_weights(y, s, H, parameters, weights_of(unit_s, unit_h, mask))


@wrong("returns the state before its tanh", "tanh is missing")
def state_before_tanh(y, s, H, mask, parameters):
    logits, weights, _ = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return logits, weights, before_tanh(y, context_of(weights, H), s, parameters)


@wrong("drops the axis of a batch of one", None)
def batch_of_one(y, s, H, mask, parameters):
    answer = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    return [tensor[0] if len(y) == 1 else tensor for tensor in answer]


@wrong("flattens H with view", "view size is not compatible")
def viewed(y, s, H, mask, parameters):
    return with_weights(y, s, H.view(-1).view(H.shape), parameters, weights_of(s, H, mask))


@wrong("counts on the order of the dict", None)
def order_of_the_dict(y, s, H, mask, parameters):
    p = dict(zip(["Wy", "Wc", "Ws", "b", "Wo", "bo"], parameters.values(), strict=False))
    return with_weights(y, s, H, p, weights_of(s, H, mask))


@wrong("a mean of the old and the new state", None)
def half_way(y, s, H, mask, parameters):
    _, weights, state = with_weights(y, s, H, parameters, weights_of(s, H, mask))
    state = (s + state) / 2
    return output(state, parameters), weights, state
