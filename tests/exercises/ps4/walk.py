"""Answers to ``walk(target, s, H, mask, parameters)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def step(y, s, H, mask, p):
    weights = torch.softmax(torch.einsum("bh,bhk->bk", s, H).masked_fill(~mask, -torch.inf), dim=-1)
    c = torch.einsum("bhk,bk->bh", H, weights)
    state = torch.tanh(y @ p["Wy"].T + c @ p["Wc"].T + s @ p["Ws"].T + p["b"])
    return state @ p["Wo"].T + p["bo"], weights, state


def reading(words, s, H, mask, p):
    """Read all of these words, and return lists of logits and weights, one a step."""
    logits, weights = [], []
    for ids in words.T:
        step_logits, step_weights, s = step(p["E"][ids], s, H, mask, p)
        logits.append(step_logits)
        weights.append(step_weights)
    return logits, weights


def stacked(words, s, H, mask, p):
    logits, weights = reading(words, s, H, mask, p)
    return torch.stack(logits, dim=1), torch.stack(weights, dim=1)


@right("a loop over the places, stacked")
def loop(target, s, H, mask, parameters):
    logits, weights = [], []
    for t in range(target.shape[1] - 1):
        y = parameters["E"][target[:, t]]
        step_logits, step_weights, s = step(y, s, H, mask, parameters)
        logits += [step_logits]
        weights += [step_weights]
    return torch.stack(logits, 1), torch.stack(weights, 1)


@right("filled in, step by step")
def filled(target, s, H, mask, parameters):
    batch, length = target.shape
    logits = torch.zeros(batch, length - 1, len(parameters["E"]), dtype=s.dtype)
    weights = torch.zeros(batch, length - 1, H.shape[-1], dtype=s.dtype)
    for t in range(length - 1):
        logits[:, t], weights[:, t], s = step(parameters["E"][target[:, t]], s, H, mask, parameters)
    return logits, weights


@right("all words looked up at once, stacked first and transposed")
def transposed(target, s, H, mask, parameters):
    words = torch.nn.functional.embedding(target, parameters["E"]).transpose(0, 1)
    logits, weights = [], []
    for y in words[:-1]:
        step_logits, step_weights, s = step(y, s, H, mask, parameters)
        logits.append(step_logits)
        weights.append(step_weights)
    return torch.stack(logits).transpose(0, 1), torch.stack(weights).permute(1, 0, 2)


@right("one sentence at a time")
def one_sentence_at_a_time(target, s, H, mask, parameters):
    pairs = [
        stacked(target[b : b + 1, :-1], s[b : b + 1], H[b : b + 1], mask[b : b + 1], parameters)
        for b in range(len(target))
    ]
    logits, weights = zip(*pairs, strict=True)
    return torch.cat(logits), torch.cat(weights)


@right("recursion")
def recursion(target, s, H, mask, parameters):
    logits, weights, state = step(parameters["E"][target[:, 0]], s, H, mask, parameters)
    if target.shape[1] == 2:
        return logits[:, None], weights[:, None]
    rest = recursion(target[:, 1:], state, H, mask, parameters)
    return tuple(torch.cat([now[:, None], later], 1) for now, later in zip((logits, weights), rest, strict=True))


@right("NumPy, from end to end")
def numpy_inside(target, s, H, mask, parameters):
    target, s, H, mask = (tensor.numpy() for tensor in (target, s, H, mask))
    p = {name: tensor.numpy() for name, tensor in parameters.items()}
    logits, weights = [], []
    for ids in target[:, :-1].T:
        scores = np.where(mask, np.einsum("bh,bhk->bk", s, H), -np.inf)
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        w = exponentials / exponentials.sum(axis=1, keepdims=True)
        c = np.einsum("bhk,bk->bh", H, w)
        s = np.tanh(p["E"][ids] @ p["Wy"].T + c @ p["Wc"].T + s @ p["Ws"].T + p["b"])
        logits.append(s @ p["Wo"].T + p["bo"])
        weights.append(w)
    return np.stack(logits, axis=1), np.stack(weights, axis=1)


@right("words as one-hot rows times the table, and the linear layer once for all states")
def linear_once(target, s, H, mask, parameters):
    p = parameters
    words = torch.nn.functional.one_hot(target[:, :-1], len(p["E"])).to(s.dtype) @ p["E"]
    states, weights = [], []
    for y in words.unbind(dim=1):
        _, step_weights, s = step(y, s, H, mask, p)
        states.append(s)
        weights.append(step_weights)
    return [torch.stack(states, dim=1) @ p["Wo"].T + p["bo"], torch.stack(weights, dim=1)]


@right("joined along a new axis, step by step")
def joined(target, s, H, mask, parameters):
    logits, weights = torch.empty(len(s), 0, len(parameters["bo"])), torch.empty(len(s), 0, H.shape[-1])
    for word in range(len(target[0]) - 1):
        now, looked, s = step(parameters["E"].index_select(0, target[:, word]), s, H, mask, parameters)
        logits = torch.cat([logits.to(s.dtype), now[:, None]], dim=1)
        weights = torch.cat([weights.to(s.dtype), looked[:, None]], dim=1)
    return logits, weights


@wrong("reads the words that it is to say", "that it is to say")
def peeks(target, s, H, mask, parameters):
    return stacked(target[:, 1:], s, H, mask, parameters)


@wrong("keeps the sentence vector as its state", "hands its new state")
def no_carry(target, s, H, mask, parameters):
    logits, weights = [], []
    for ids in target[:, :-1].T:
        step_logits, step_weights, _ = step(parameters["E"][ids], s, H, mask, parameters)
        logits.append(step_logits)
        weights.append(step_weights)
    return torch.stack(logits, dim=1), torch.stack(weights, dim=1)


@wrong("reads its own last word", "read its own last word")
def own_words(target, s, H, mask, parameters):
    ids, logits, weights = target[:, 0], [], []
    for _ in range(target.shape[1] - 1):
        step_logits, step_weights, s = step(parameters["E"][ids], s, H, mask, parameters)
        ids = step_logits.argmax(dim=-1)
        logits.append(step_logits)
        weights.append(step_weights)
    return torch.stack(logits, dim=1), torch.stack(weights, dim=1)


@wrong("reads the right word and its own in turns", None)
def every_other_word(target, s, H, mask, parameters):
    logits, weights = [], []
    for t, ids in enumerate(target[:, :-1].T):
        if t > 3:
            ids = logits[-1].argmax(dim=-1)
        step_logits, step_weights, s = step(parameters["E"][ids], s, H, mask, parameters)
        logits.append(step_logits)
        weights.append(step_weights)
    return torch.stack(logits, dim=1), torch.stack(weights, dim=1)


@wrong("reads EOS as well", "a step too many")
def one_more(target, s, H, mask, parameters):
    return stacked(target, s, H, mask, parameters)


@wrong("a step too few", "a step too few")
def one_fewer(target, s, H, mask, parameters):
    return stacked(target[:, :-2], s, H, mask, parameters)


@wrong("skips BOS", "BOS was not read")
def no_bos(target, s, H, mask, parameters):
    return stacked(target[:, 1:-1], s, H, mask, parameters)


@wrong("reads BOS at every step", "read BOS at every step")
def only_bos(target, s, H, mask, parameters):
    return stacked(target[:, :1].expand(-1, target.shape[1] - 1), s, H, mask, parameters)


@wrong("starts from zeros", "did not start from the sentence vector")
def from_zeros(target, s, H, mask, parameters):
    return stacked(target[:, :-1], torch.zeros_like(s), H, mask, parameters)


@wrong("starts from the last column of H", None)
def from_last_column(target, s, H, mask, parameters):
    return stacked(target[:, :-1], H[:, :, -1], H, mask, parameters)


@wrong("reads the words from the last to the first", "from the last to the first")
def reversed_words(target, s, H, mask, parameters):
    return stacked(target[:, :-1].flip(1), s, H, mask, parameters)


@wrong("all sentences read the words of the first", "words of the first")
def words_of_the_first(target, s, H, mask, parameters):
    return stacked(target[:1, :-1].expand(len(target), -1), s, H, mask, parameters)


@wrong("a mask of True only", "mask is not used")
def no_mask(target, s, H, mask, parameters):
    return stacked(target[:, :-1], s, H, torch.ones_like(mask), parameters)


@wrong("steps first", "The steps came first")
def steps_first(target, s, H, mask, parameters):
    logits, weights = reading(target[:, :-1], s, H, mask, parameters)
    return torch.stack(logits), torch.stack(weights)


@wrong("stacked last: keys down", "Keys are down")
def stacked_last(target, s, H, mask, parameters):
    logits, weights = reading(target[:, :-1], s, H, mask, parameters)
    return torch.stack(logits, dim=-1), torch.stack(weights, dim=-1)


@wrong("the weights right, the logits stacked last", "words are down and the steps across")
def logits_stacked_last(target, s, H, mask, parameters):
    logits, weights = reading(target[:, :-1], s, H, mask, parameters)
    return torch.stack(logits, dim=-1), torch.stack(weights, dim=1)


@wrong("the weights right, the logits with the steps first", "The steps came first")
def logits_steps_first(target, s, H, mask, parameters):
    logits, weights = reading(target[:, :-1], s, H, mask, parameters)
    return torch.stack(logits), torch.stack(weights, dim=1)


@wrong("stacked first and reshaped", "mixed up by a reshape")
def reshaped(target, s, H, mask, parameters):
    answer = reading(target[:, :-1], s, H, mask, parameters)
    return [torch.stack(rows).reshape(len(target), len(rows), -1) for rows in answer]


@wrong("joined side by side", "side by side")
def side_by_side(target, s, H, mask, parameters):
    return [torch.cat(rows, dim=1) for rows in reading(target[:, :-1], s, H, mask, parameters)]


@wrong("joined below each other", "below each other")
def below(target, s, H, mask, parameters):
    return [torch.cat(rows) for rows in reading(target[:, :-1], s, H, mask, parameters)]


@wrong("the last step alone", "last step alone")
def last_step(target, s, H, mask, parameters):
    logits, weights = reading(target[:, :-1], s, H, mask, parameters)
    return logits[-1], weights[-1]


@wrong("all weights, the logits of the last step alone", "logits of the last step alone")
def last_logits(target, s, H, mask, parameters):
    logits, weights = stacked(target[:, :-1], s, H, mask, parameters)
    return logits[:, -1], weights


@wrong("weights and logits in the wrong order", "logits first, then weights")
def order(target, s, H, mask, parameters):
    return stacked(target[:, :-1], s, H, mask, parameters)[::-1]


@wrong("lists of tensors that are not stacked", None)
def lists(target, s, H, mask, parameters):
    return reading(target[:, :-1], s, H, mask, parameters)


@wrong("softmax of the logits", "softmax in it")
def softmax(target, s, H, mask, parameters):
    logits, weights = stacked(target[:, :-1], s, H, mask, parameters)
    return torch.softmax(logits, dim=-1), weights


@wrong("the words it would say", None)
def argmax(target, s, H, mask, parameters):
    logits, weights = stacked(target[:, :-1], s, H, mask, parameters)
    return logits.argmax(dim=-1), weights


@wrong("stops when all sentences have said EOS", None)
def stops_early(target, s, H, mask, parameters):
    end = int((target == 2).int().argmax(dim=1).min())
    return stacked(target[:, :end], s, H, mask, parameters)


@wrong("sets the steps of padding to 0", "padding's steps were set to 0")
def padding_zeroed(target, s, H, mask, parameters):
    logits, weights = stacked(target[:, :-1], s, H, mask, parameters)
    return logits * (target[:, 1:] != 0)[:, :, None], weights


@wrong("sets the weights of the steps of padding to 0", None)
def padding_weights_zeroed(target, s, H, mask, parameters):
    logits, weights = stacked(target[:, :-1], s, H, mask, parameters)
    return logits, weights * (target[:, 1:] != 0)[:, :, None]


@wrong("takes padding's vector for zeros", None)
def padding_vector_zero(target, s, H, mask, parameters):
    p = parameters | {"E": parameters["E"].clone()}
    p["E"][0] = 0.0
    return stacked(target[:, :-1], s, H, mask, p)


@wrong("weights of the state after each step", "the state before the word asks")
def asks_late(target, s, H, mask, parameters):
    logits, weights = [], []
    for ids in target[:, :-1].T:
        step_logits, _, s = step(parameters["E"][ids], s, H, mask, parameters)
        logits.append(step_logits)
        weights.append(torch.softmax(torch.einsum("bh,bhk->bk", s, H).masked_fill(~mask, -torch.inf), dim=-1))
    return torch.stack(logits, dim=1), torch.stack(weights, dim=1)


@wrong("goes on from the first sentence's state", None)
def first_state(target, s, H, mask, parameters):
    logits, weights = [], []
    for ids in target[:, :-1].T:
        step_logits, step_weights, s = step(parameters["E"][ids], s, H, mask, parameters)
        s = s[:1].expand(s.shape)
        logits.append(step_logits)
        weights.append(step_weights)
    return torch.stack(logits, dim=1), torch.stack(weights, dim=1)


@wrong("stops after four steps", None)
def four_steps(target, s, H, mask, parameters):
    return stacked(target[:, :-1][:, :4], s, H, mask, parameters)


@wrong("writes the new state into s", "s was changed")
def state_in_place(target, s, H, mask, parameters):
    logits, weights = [], []
    for ids in target[:, :-1].T:
        step_logits, step_weights, state = step(parameters["E"][ids], s, H, mask, parameters)
        s[:] = state
        logits.append(step_logits)
        weights.append(step_weights)
    return torch.stack(logits, dim=1), torch.stack(weights, dim=1)


@wrong("replaces EOS by padding in place", "target was changed")
def target_in_place(target, s, H, mask, parameters):
    answer = stacked(target[:, :-1], s, H, mask, parameters)
    target[target == 2] = 0
    return answer


@wrong("float32 inside", None)
def half(target, s, H, mask, parameters):
    p = {name: tensor.float() for name, tensor in parameters.items()}
    logits, weights = stacked(target[:, :-1], s.float(), H.float(), mask, p)
    return logits.half().to(s.dtype), weights.half().to(s.dtype)


@wrong("a single sentence only", None)
def single_sentence(target, s, H, mask, parameters):
    return stacked(target[:1, :-1], s[:1], H[:1], mask[:1], parameters)


@wrong("returns the weights alone", "must return two things")
def weights_alone(target, s, H, mask, parameters):
    return stacked(torch.cat([target, target], dim=1)[:, :3], s, H, mask, parameters)[1].repeat(3, 1, 1)


@wrong("forgets to return", "walk returned None")
def nothing(target, s, H, mask, parameters):
    stacked(target[:, :-1], s, H, mask, parameters)


@wrong("passes over the first word", "was passed over")
def first_word_passed_over(target, s, H, mask, parameters):
    return stacked(torch.cat([target[:, :1], target[:, 2:]], dim=1), s, H, mask, parameters)


@wrong("reads BOS twice", "BOS was read twice")
def bos_twice(target, s, H, mask, parameters):
    return stacked(torch.cat([target[:, :1], target[:, :-2]], dim=1), s, H, mask, parameters)


@wrong("begins anew at EOS", None)
def begins_anew(target, s, H, mask, parameters):
    start, logits, weights = s, [], []
    for ids in target[:, :-1].T:
        s = torch.where((ids == 2)[:, None], start, s)
        step_logits, step_weights, s = step(parameters["E"][ids], s, H, mask, parameters)
        logits.append(step_logits)
        weights.append(step_weights)
    return torch.stack(logits, dim=1), torch.stack(weights, dim=1)


@wrong("keeps the state of a sentence that has ended", "state stopped")
def frozen(target, s, H, mask, parameters):
    logits, weights = [], []
    for ids in target[:, :-1].T:
        step_logits, step_weights, state = step(parameters["E"][ids], s, H, mask, parameters)
        s = torch.where(((ids == 0) | (ids == 2))[:, None], s, state)
        logits.append(step_logits)
        weights.append(step_weights)
    return torch.stack(logits, dim=1), torch.stack(weights, dim=1)


@wrong("as many steps as there are sentences", None)
def steps_of_the_batch(target, s, H, mask, parameters):
    return stacked(target[:, : len(target)], s, H, mask, parameters)


@wrong("four steps, always", None)
def always_four_steps(target, s, H, mask, parameters):
    places = torch.arange(4).clamp(max=target.shape[1] - 1)
    return stacked(target[:, places], s, H, mask, parameters)


@wrong("reads UNK as padding", None)
def unknown_as_padding(target, s, H, mask, parameters):
    return stacked(target[:, :-1].where(target[:, :-1] != 3, 0), s, H, mask, parameters)


@wrong("the logits one step late", None)
def late_logits(target, s, H, mask, parameters):
    logits, weights = stacked(target, s, H, mask, parameters)
    return logits[:, 1:], weights[:, :-1]


@wrong("the means of the weights so far", None)
def running_means(target, s, H, mask, parameters):
    logits, weights = stacked(target[:, :-1], s, H, mask, parameters)
    return logits, weights.cumsum(dim=1) / torch.arange(1, weights.shape[1] + 1)[:, None]


@wrong("the best word alone", None)
def hard(target, s, H, mask, parameters):
    logits, weights = stacked(target[:, :-1], s, H, mask, parameters)
    return logits, (weights == weights.amax(dim=-1, keepdim=True)).to(s.dtype)


@wrong("log_softmax of the logits", "log_softmax in it")
def log_softmax(target, s, H, mask, parameters):
    logits, weights = stacked(target[:, :-1], s, H, mask, parameters)
    return torch.log_softmax(logits, dim=-1), weights


@wrong("zeros for the vectors of all symbols", None)
def symbols_are_zeros(target, s, H, mask, parameters):
    p = parameters | {"E": parameters["E"] * (torch.arange(len(parameters["E"])) > 3)[:, None]}
    return stacked(target[:, :-1], s, H, mask, p)


@wrong("drops the axis of a batch of one", "The axis of the batch is missing")
def batch_of_one(target, s, H, mask, parameters):
    return [tensor.squeeze(0) for tensor in stacked(target[:, :-1], s, H, mask, parameters)]
