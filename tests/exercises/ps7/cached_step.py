"""Answers to ``cached_step(x, keys, values, parameters)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def turn(vectors, past):
    new, dim = vectors.shape[-2:]
    angles = torch.arange(past, past + new).double()[:, None] * 10000.0 ** -(torch.arange(0, dim, 2).double() / dim)
    cosine, sine = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    a, b = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack([a * cosine - b * sine, a * sine + b * cosine], dim=-1).reshape(vectors.shape)


def cached_mask(past, new):
    return torch.arange(past + new) <= torch.arange(past, past + new)[:, None]


def split(vectors, heads):
    return vectors.reshape(*vectors.shape[:2], heads, -1).transpose(1, 2)


def merge(vectors):
    return vectors.transpose(1, 2).reshape(vectors.shape[0], vectors.shape[2], -1)


def project(x, keys, parameters):
    return (split(x @ parameters[name].T, keys.shape[1]) for name in ("Wq", "Wk", "Wv"))


def attend(q, keys, values, mask, parameters, *, root=None, dim=-1):
    scores = q @ keys.mT / math.sqrt(root or q.shape[-1])
    weights = torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=dim).nan_to_num()
    return merge(weights @ values) @ parameters["Wo"].T


def step(x, keys, values, parameters, *, query_at=None, key_at=None, mask=None, wide=None, **how):
    """Take the step, with other positions, another mask or another way of putting the cache together."""
    past, new = keys.shape[2], x.shape[1]
    q, k, v = project(x, keys, parameters)
    k = turn(k, past if key_at is None else key_at)
    wide = wide or (lambda old, new: torch.cat([old, new], dim=2))
    keys, values = wide(keys, k), wide(values, v)
    mask = cached_mask(past, new) if mask is None else mask
    q = turn(q, past if query_at is None else query_at)
    return attend(q, keys, values, mask, parameters, **how), keys, values


@right("matrix products, mask added")
def matmul(x, keys, values, parameters):
    batch, heads, past, d = keys.shape
    new = x.shape[1]
    linear = torch.nn.functional.linear
    q = linear(x, parameters["Wq"]).reshape(batch, new, heads, d).permute(0, 2, 1, 3)
    k = linear(x, parameters["Wk"]).reshape(batch, new, heads, d).permute(0, 2, 1, 3)
    v = linear(x, parameters["Wv"]).reshape(batch, new, heads, d).permute(0, 2, 1, 3)
    keys = torch.concatenate((keys, turn(k, past)), dim=-2)
    values = torch.concatenate((values, v), dim=-2)
    future = torch.full((new, past + new), -torch.inf, dtype=x.dtype).triu(past + 1)
    weights = (turn(q, past) @ keys.transpose(-2, -1) * d**-0.5 + future).softmax(-1)
    return linear((weights @ values).permute(0, 2, 1, 3).flatten(2), parameters["Wo"]), keys, values


@right("einsum")
def einsum(x, keys, values, parameters):
    heads, past = keys.shape[1:3]
    q, k, v = (
        torch.einsum("bnd,hed->bhne", x, parameters[name].reshape(heads, -1, x.shape[-1]))
        for name in ("Wq", "Wk", "Wv")
    )
    keys, values = torch.cat([keys, turn(k, past)], 2), torch.cat([values, v], 2)
    scores = torch.einsum("bhqe,bhke->bhqk", turn(q, past), keys) / keys.shape[-1] ** 0.5
    weights = torch.where(cached_mask(past, x.shape[1]), scores, -1e9).softmax(dim=-1)
    contexts = torch.einsum("bhqk,bhke->bqhe", weights, values)
    return torch.einsum("bqhe,dhe->bqd", contexts, parameters["Wo"].reshape(-1, heads, keys.shape[-1])), keys, values


@right("loops over sentences, heads and words")
def loop(x, keys, values, parameters):
    batch, heads, past, d = keys.shape
    new = x.shape[1]
    wide_keys, wide_values = (
        torch.cat([old, torch.zeros(batch, heads, new, d, dtype=x.dtype)], dim=2) for old in (keys, values)
    )
    contexts = torch.zeros_like(x)
    for b in range(batch):
        for h in range(heads):
            rows = slice(h * d, (h + 1) * d)
            for n in range(new):
                q, k, v = (parameters[name][rows] @ x[b, n] for name in ("Wq", "Wk", "Wv"))
                q, k = (turn(vector[None, None, None], past + n)[0, 0, 0] for vector in (q, k))
                wide_keys[b, h, past + n], wide_values[b, h, past + n] = k, v
                seen = past + n + 1
                weights = torch.softmax(wide_keys[b, h, :seen] @ q / math.sqrt(d), dim=0)
                contexts[b, n, rows] = weights @ wide_values[b, h, :seen]
    return contexts @ parameters["Wo"].T, wide_keys, wide_values


@right("one word at a time")
def word_by_word(x, keys, values, parameters):
    outputs = []
    for word in x.split(1, dim=1):
        output, keys, values = step(word, keys, values, parameters)
        outputs.append(output)
    return torch.cat(outputs, dim=1), keys, values


@right("NumPy inside, a list comes back")
def numpy_inside(x, keys, values, parameters):
    x, old_keys, old_values = x.numpy(), keys.numpy(), values.numpy()
    batch, heads, past, d = old_keys.shape
    new = x.shape[1]

    def split(name):
        return np.inner(x, parameters[name].numpy()).reshape(batch, new, heads, d).swapaxes(1, 2)

    def turned(vectors):
        return turn(torch.from_numpy(np.ascontiguousarray(vectors)), past).numpy()

    k = np.concatenate([old_keys, turned(split("Wk"))], axis=2)
    v = np.concatenate([old_values, split("Wv")], axis=2)
    scores = turned(split("Wq")) @ k.swapaxes(2, 3) / np.sqrt(d)
    scores[..., np.triu(np.ones((new, past + new), dtype=bool), past + 1)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    output = (weights @ v).swapaxes(1, 2).reshape(batch, new, -1) @ parameters["Wo"].numpy().T
    return [torch.tensor(part).to(keys.dtype) for part in (output, k, v)]


@right("head by head, no reshape")
def head_by_head(x, keys, values, parameters):
    past, d = keys.shape[2:]
    contexts, wide_keys, wide_values = [], [], []
    for h in range(keys.shape[1]):
        q, k, v = (x @ parameters[name][h * d : (h + 1) * d].T for name in ("Wq", "Wk", "Wv"))
        k = torch.cat([keys[:, h], turn(k[:, None], past)[:, 0]], dim=1)
        v = torch.cat([values[:, h], v], dim=1)
        scores = (turn(q[:, None], past)[:, 0] @ k.mT) / math.sqrt(d)
        contexts.append(scores.masked_fill(~cached_mask(past, x.shape[1]), -torch.inf).softmax(-1) @ v)
        wide_keys.append(k)
        wide_values.append(v)
    return torch.cat(contexts, -1) @ parameters["Wo"].T, torch.stack(wide_keys, 1), torch.stack(wide_values, 1)


@wrong("returns the old cache", "These are the old keys: put the new ones behind them.")
def old_cache(x, keys, values, parameters):
    return step(x, keys, values, parameters)[0], keys, values


@wrong("returns the new keys alone", "Keys are missing: put the new ones behind all of those in the cache.")
def new_alone(x, keys, values, parameters):
    output, k, v = step(x, keys, values, parameters)
    return output, k[:, :, keys.shape[2] :], v[:, :, keys.shape[2] :]


@wrong("new before old", "The new keys stand before the old ones: put them behind.")
def new_first(x, keys, values, parameters):
    return step(x, keys, values, parameters, wide=lambda old, new: torch.cat([new, old], dim=2))


@wrong("the cache put together along the heads", "The new keys were put behind the old ones along the heads.")
def along_heads(x, keys, values, parameters):
    output, k, v = step(x, keys, values, parameters)
    past = keys.shape[2]
    return output, torch.cat([keys, k[:, :, past:]], dim=1), torch.cat([values, v[:, :, past:]], dim=1)


@wrong("the cache put together along the batch", "The new keys were put behind the old ones along the sentences.")
def along_batch(x, keys, values, parameters):
    output, k, v = step(x, keys, values, parameters)
    past = keys.shape[2]
    return output, torch.cat([keys, k[:, :, past:]], dim=0), torch.cat([values, v[:, :, past:]], dim=0)


@wrong("the cache put together along the components", "The new keys were put beside the old ones, not behind them.")
def along_components(x, keys, values, parameters):
    output, k, v = step(x, keys, values, parameters)
    past = keys.shape[2]
    return output, torch.cat([keys, k[:, :, past:]], dim=-1), torch.cat([values, v[:, :, past:]], dim=-1)


@wrong("the oldest words dropped", "Keys are missing: put the new ones behind all of those in the cache.")
def rolling(x, keys, values, parameters):
    output, k, v = step(x, keys, values, parameters)
    return output, k[:, :, -max(keys.shape[2], 1) :], v[:, :, -max(keys.shape[2], 1) :]


@wrong("the old keys overwritten in place", "keys was changed")
def in_place(x, keys, values, parameters):
    output, k, v = step(x, keys, values, parameters)
    keys *= 0.5
    return output, k, v


@wrong(
    "positions of queries and keys from 0", "The new keys are turned as if they stood at position 0: start from past."
)
def from_zero(x, keys, values, parameters):
    return step(x, keys, values, parameters, query_at=0, key_at=0)


@wrong("positions of the queries from 0", "The queries are turned as if they stood at position 0: start from past.")
def queries_from_zero(x, keys, values, parameters):
    return step(x, keys, values, parameters, query_at=0)


@wrong("positions of the keys from 0", "The new keys are turned as if they stood at position 0: start from past.")
def keys_from_zero(x, keys, values, parameters):
    return step(x, keys, values, parameters, key_at=0)


@wrong("positions one too high", "The new keys are turned by one position too much.")
def one_too_high(x, keys, values, parameters):
    past = keys.shape[2]
    return step(x, keys, values, parameters, query_at=past + 1, key_at=past + 1)


@wrong("queries one too high", "The queries are turned by one position too much.")
def queries_one_too_high(x, keys, values, parameters):
    return step(x, keys, values, parameters, query_at=keys.shape[2] + 1)


@wrong("queries at the end of the sentence", "The queries are turned by the length of the whole sentence so far.")
def queries_at_the_end(x, keys, values, parameters):
    return step(x, keys, values, parameters, query_at=keys.shape[2] + x.shape[1])


@wrong("cached keys turned again", "The keys in the cache were turned once more: they were turned when they came.")
def turned_again(x, keys, values, parameters):
    past = keys.shape[2]
    q, k, v = project(x, keys, parameters)
    keys, values = turn(torch.cat([keys, k], dim=2), 0), torch.cat([values, v], dim=2)
    return attend(turn(q, past), keys, values, cached_mask(past, x.shape[1]), parameters), keys, values


@wrong(
    "cached keys turned again for the scores alone",
    "For the scores all keys were turned once more: those in the cache, and those that go there, are turned already.",
)
def turned_again_for_scores(x, keys, values, parameters):
    past = keys.shape[2]
    q, _, _ = project(x, keys, parameters)
    _, keys, values = step(x, keys, values, parameters)
    return attend(turn(q, past), turn(keys, 0), values, cached_mask(past, x.shape[1]), parameters), keys, values


@wrong(
    "keys kept as they were before the turn",
    "The new keys went into the cache unturned: the next step needs them turned.",
)
def kept_unturned(x, keys, values, parameters):
    output, _k, v = step(x, keys, values, parameters)
    _, unturned, _ = project(x, keys, parameters)
    return output, torch.cat([keys, unturned], dim=2), v


@wrong("nothing turned", "The new keys went into the cache unturned: the next step needs them turned.")
def nothing_turned(x, keys, values, parameters):
    past = keys.shape[2]
    q, k, v = project(x, keys, parameters)
    keys, values = torch.cat([keys, k], dim=2), torch.cat([values, v], dim=2)
    return attend(q, keys, values, cached_mask(past, x.shape[1]), parameters), keys, values


@wrong("queries not turned", "The queries are not turned.")
def queries_not_turned(x, keys, values, parameters):
    past = keys.shape[2]
    q, _, _ = project(x, keys, parameters)
    _, keys, values = step(x, keys, values, parameters)
    return attend(q, keys, values, cached_mask(past, x.shape[1]), parameters), keys, values


@wrong("values turned", "The new values are turned: only queries and keys are.")
def values_turned(x, keys, values, parameters):
    past = keys.shape[2]
    q, k, v = project(x, keys, parameters)
    keys, values = torch.cat([keys, turn(k, past)], dim=2), torch.cat([values, turn(v, past)], dim=2)
    return attend(turn(q, past), keys, values, cached_mask(past, x.shape[1]), parameters), keys, values


@wrong("turned before the heads are cut", "The keys were turned before they were cut into heads.")
def turned_whole(x, keys, values, parameters):
    heads, past = keys.shape[1:3]
    q, k, v = (x @ parameters[name].T for name in ("Wq", "Wk", "Wv"))
    q, k = (split(turn(vectors[:, None], past)[:, 0], heads) for vectors in (q, k))
    keys, values = torch.cat([keys, k], dim=2), torch.cat([values, split(v, heads)], dim=2)
    return attend(q, keys, values, cached_mask(past, x.shape[1]), parameters), keys, values


@wrong("words turned before the projection", "The words were turned before Wk: turn the keys.")
def words_turned(x, keys, values, parameters):
    heads, past = keys.shape[1:3]
    z = turn(x[:, None], past)[:, 0]
    q, k = (split(z @ parameters[name].T, heads) for name in ("Wq", "Wk"))
    v = split(x @ parameters["Wv"].T, heads)
    keys, values = torch.cat([keys, k], dim=2), torch.cat([values, v], dim=2)
    return attend(q, keys, values, cached_mask(past, x.shape[1]), parameters), keys, values


@wrong("no mask", "The first new word sees the second: the mask is missing.")
def no_mask(x, keys, values, parameters):
    everything = torch.ones(x.shape[1], keys.shape[2] + x.shape[1], dtype=torch.bool)
    return step(x, keys, values, parameters, mask=everything)


@wrong("the mask without an offset", "The mask does not know of the cache: its triangle belongs at the right.")
def mask_without_offset(x, keys, values, parameters):
    past, new = keys.shape[2], x.shape[1]
    mask = torch.arange(past + new) <= torch.arange(new)[:, None]
    return step(x, keys, values, parameters, mask=mask)


@wrong("a mask that hides the own word", "A word does not see itself: the mask is off by one.")
def strict_mask(x, keys, values, parameters):
    past, new = keys.shape[2], x.shape[1]
    mask = torch.arange(past + new) < torch.arange(past, past + new)[:, None]
    return step(x, keys, values, parameters, mask=mask)


@wrong("a mask that shows the next word", None)
def loose_mask(x, keys, values, parameters):
    past, new = keys.shape[2], x.shape[1]
    mask = torch.arange(past + new) <= torch.arange(past + 1, past + new + 1)[:, None]
    return step(x, keys, values, parameters, mask=mask)


@wrong("the mask turned round", "The mask is turned round.")
def mask_turned_round(x, keys, values, parameters):
    return step(x, keys, values, parameters, mask=~cached_mask(keys.shape[2], x.shape[1]))


@wrong("the cache left out of the attention", "The new words see each other alone: they attend to the cache too.")
def cache_not_seen(x, keys, values, parameters):
    past, new = keys.shape[2], x.shape[1]
    mask = cached_mask(past, new).clone()
    mask[:, :past] = False
    return step(x, keys, values, parameters, mask=mask)


@wrong("the cache alone attended to", "The new words see the cache alone: they see themselves too.")
def cache_alone_seen(x, keys, values, parameters):
    past, new = keys.shape[2], x.shape[1]
    return step(x, keys, values, parameters, mask=(torch.arange(past + new) < past).expand(new, -1))


@wrong("masked after the softmax", "The mask came after the softmax: the weights of a word do not sum to 1 any more.")
def late_mask(x, keys, values, parameters):
    past, new = keys.shape[2], x.shape[1]
    q, _, _ = project(x, keys, parameters)
    _, keys, values = step(x, keys, values, parameters)
    weights = torch.softmax(turn(q, past) @ keys.mT / math.sqrt(keys.shape[-1]), dim=-1) * cached_mask(past, new)
    return merge(weights @ values) @ parameters["Wo"].T, keys, values


@wrong("masked scores of 0", "Masked scores were set to 0, which still counts as exp(0) = 1.")
def masked_by_zero(x, keys, values, parameters):
    past, new = keys.shape[2], x.shape[1]
    q, _, _ = project(x, keys, parameters)
    _, keys, values = step(x, keys, values, parameters)
    scores = turn(q, past) @ keys.mT / math.sqrt(keys.shape[-1]) * cached_mask(past, new)
    return merge(torch.softmax(scores, dim=-1) @ values) @ parameters["Wo"].T, keys, values


@wrong("scores not scaled", "The scores are not divided by the square root of the head's width.")
def not_scaled(x, keys, values, parameters):
    return step(x, keys, values, parameters, root=1)


@wrong(
    "scores divided by the root of dim",
    "The scores are divided by 2: divide them by the square root of a head's width, which is 2 here.",
)
def scaled_by_dim(x, keys, values, parameters):
    return step(x, keys, values, parameters, root=x.shape[-1])


@wrong(
    "scores divided by the head's width",
    "The scores are divided by 2: divide them by the square root of a head's width, which is 2 here.",
)
def scaled_by_width(x, keys, values, parameters):
    return step(x, keys, values, parameters, root=keys.shape[-1] ** 2)


@wrong("softmax over the queries", "The softmax goes over the new words: it goes over the keys.")
def over_queries(x, keys, values, parameters):
    return step(x, keys, values, parameters, dim=2)


@wrong("softmax over the heads", "The softmax goes over the heads: it goes over the keys.")
def over_heads(x, keys, values, parameters):
    return step(x, keys, values, parameters, dim=1)


@wrong("Wo forgotten", "Wo is missing.")
def no_output_matrix(x, keys, values, parameters):
    return step(x, keys, values, parameters | {"Wo": torch.eye(x.shape[-1], dtype=x.dtype)})


@wrong("Wo transposed", "Wo is transposed: a context c becomes c @ Wo.T.")
def output_transposed(x, keys, values, parameters):
    return step(x, keys, values, parameters | {"Wo": parameters["Wo"].T})


@wrong("Wk transposed", "Wk is transposed: a word x becomes x @ Wk.T.")
def keys_transposed(x, keys, values, parameters):
    return step(x, keys, values, parameters | {"Wk": parameters["Wk"].T})


@wrong("Wq transposed", "Wq is transposed: a word x becomes x @ Wq.T.")
def queries_transposed(x, keys, values, parameters):
    return step(x, keys, values, parameters | {"Wq": parameters["Wq"].T})


@wrong("Wv transposed", "Wv is transposed: a word x becomes x @ Wv.T.")
def values_transposed(x, keys, values, parameters):
    return step(x, keys, values, parameters | {"Wv": parameters["Wv"].T})


@wrong("all transposed", "Wk is transposed: a word x becomes x @ Wk.T.")
def all_transposed(x, keys, values, parameters):
    return step(x, keys, values, {name: matrix.T for name, matrix in parameters.items()})


@wrong("queries and keys exchanged", "Wq and Wk are exchanged.")
def queries_and_keys(x, keys, values, parameters):
    return step(x, keys, values, parameters | {"Wq": parameters["Wk"], "Wk": parameters["Wq"]})


@wrong("keys and values exchanged", "Wk and Wv are exchanged.")
def keys_and_values(x, keys, values, parameters):
    p = parameters | {"Wv": parameters["Wk"], "Wk": parameters["Wv"]}
    return step(x, keys, values, p)


@wrong("words as values", "The new values are the words themselves: multiply them by Wv.")
def plain_values(x, keys, values, parameters):
    return step(x, keys, values, parameters | {"Wv": torch.eye(x.shape[-1], dtype=x.dtype)})


@wrong(
    "heads cut without a transposition",
    "The heads are mixed up: cut each word into heads, then bring these to the front.",
)
def heads_without_transposition(x, keys, values, parameters):
    batch, heads, past, d = keys.shape
    new = x.shape[1]
    q, k, v = ((x @ parameters[name].T).reshape(batch, heads, new, d) for name in ("Wq", "Wk", "Wv"))
    keys, values = torch.cat([keys, turn(k, past)], dim=2), torch.cat([values, v], dim=2)
    return attend(turn(q, past), keys, values, cached_mask(past, new), parameters), keys, values


@wrong("heads that take every other component", "Head h took every so many components: it takes those from h * d on.")
def interleaved(x, keys, values, parameters):
    batch, heads, past, d = keys.shape
    new = x.shape[1]
    q, k, v = (
        (x @ parameters[name].T).reshape(batch, new, d, heads).permute(0, 3, 1, 2) for name in ("Wq", "Wk", "Wv")
    )
    keys, values = torch.cat([keys, turn(k, past)], dim=2), torch.cat([values, v], dim=2)
    return attend(turn(q, past), keys, values, cached_mask(past, new), parameters), keys, values


@wrong(
    "heads put together without a transposition", "The heads were put together without bringing the words back first."
)
def merged_without_transposition(x, keys, values, parameters):
    past, new = keys.shape[2], x.shape[1]
    q, _, _ = project(x, keys, parameters)
    _, keys, values = step(x, keys, values, parameters)
    scores = turn(q, past) @ keys.mT / math.sqrt(keys.shape[-1])
    weights = torch.softmax(scores.masked_fill(~cached_mask(past, new), -torch.inf), dim=-1)
    return (weights @ values).reshape(x.shape) @ parameters["Wo"].T, keys, values


@wrong("heads put together the other way round", "The heads' numbers alternate: put one head after the other.")
def merged_interleaved(x, keys, values, parameters):
    past, new = keys.shape[2], x.shape[1]
    q, _, _ = project(x, keys, parameters)
    _, keys, values = step(x, keys, values, parameters)
    scores = turn(q, past) @ keys.mT / math.sqrt(keys.shape[-1])
    weights = torch.softmax(scores.masked_fill(~cached_mask(past, new), -torch.inf), dim=-1)
    return (weights @ values).permute(0, 2, 3, 1).reshape(x.shape) @ parameters["Wo"].T, keys, values


@wrong("the residual added", "The words were added: the residual connection is not part of attention.")
def residual(x, keys, values, parameters):
    output, keys, values = step(x, keys, values, parameters)
    return x + output, keys, values


@wrong("values without the cache", None)
def values_without_cache(x, keys, values, parameters):
    if keys.shape[2] == 0:
        return step(x, keys, values, parameters)
    output, k, v = step(x, keys, torch.zeros_like(values), parameters)
    return output, k, torch.cat([values, v[:, :, keys.shape[2] :]], dim=2)


@wrong(
    "keys and values exchanged in the answer", "These are the values: the output comes first, then keys, then values."
)
def returned_the_other_way(x, keys, values, parameters):
    output, keys, values = step(x, keys, values, parameters)
    return output, values, keys


@wrong("the output last", "These are the values: the output comes first, then keys, then values.")
def output_last(x, keys, values, parameters):
    output, keys, values = step(x, keys, values, parameters)
    return keys, values, output


@wrong("the output of the last word alone", "That is the output of the last word alone: return that of each new word.")
def last_word(x, keys, values, parameters):
    output, keys, values = step(x, keys, values, parameters)
    return output[:, -1:], keys, values


@wrong("the output alone", "three things")
def output_alone(x, keys, values, parameters):
    return step(x, keys, values, parameters)[:1]


@wrong("returns nothing", "returned None")
def nothing(x, keys, values, parameters):
    step(x, keys, values, parameters)


@wrong("the cache's values of another head", None)
def heads_flipped(x, keys, values, parameters):
    output, k, v = step(x, keys, values, parameters)
    other, _, _ = step(x, keys, values.flip(1), parameters)
    return (other if keys.shape[1] > 2 else output), k, v


@wrong("the first sentence's cache for all", None)
def first_cache(x, keys, values, parameters):
    output, k, v = step(x, keys[:1].expand_as(keys), values[:1].expand_as(values), parameters)
    _, k, v = step(x, keys, values, parameters)
    return output, k, v


@wrong("a mask made for one new word", None)
def mask_for_one(x, keys, values, parameters):
    past, new = keys.shape[2], x.shape[1]
    mask = cached_mask(past, new) if (past, new) in ((2, 2), (0, 4)) else torch.ones(new, past + new).bool()
    return step(x, keys, values, parameters, mask=mask)


@wrong("fails on an empty cache", None)
def fails_on_empty(x, keys, values, parameters):
    if keys.shape[2] == 0:
        raise ValueError("the cache is empty")
    return step(x, keys, values, parameters)


@wrong("the last new word alone read", None)
def reads_the_last(x, keys, values, parameters):
    output, keys, values = step(x[:, -1:], keys, values, parameters)
    return output.expand_as(x), keys, values


@wrong("a mask for the first words alone", None)
def mask_without_past(x, keys, values, parameters):
    past, new = keys.shape[2], x.shape[1]
    mask = cached_mask(past, new) if past in (0, 2) else torch.ones(new, past + new, dtype=torch.bool)
    return step(x, keys, values, parameters, mask=mask)


@wrong("scores divided by the root of 2", None)
def root_of_two(x, keys, values, parameters):
    return step(x, keys, values, parameters, root=2)
