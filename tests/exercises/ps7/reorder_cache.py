"""Answers to ``reorder_cache(cache, parents)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def rows_of(parents):
    batch, beam = parents.shape
    return (torch.arange(batch)[:, None] * beam + parents).reshape(-1)


def taken(cache, rows):
    return [(keys[rows], values[rows]) for keys, values in cache]


@right("index_select")
def select(cache, parents):
    rows = (parents + parents.shape[1] * torch.arange(len(parents)).unsqueeze(1)).flatten()
    return [tuple(part.index_select(0, rows) for part in pair) for pair in cache]


@right("loops")
def loops(cache, parents):
    batch, beam = parents.shape
    out = []
    for keys, values in cache:
        new_keys, new_values = torch.empty_like(keys), torch.empty_like(values)
        for s in range(batch):
            for j in range(beam):
                new_keys[s * beam + j] = keys[s * beam + int(parents[s, j])]
                new_values[s * beam + j] = values[s * beam + int(parents[s, j])]
        out.append((new_keys, new_values))
    return out


@right("sentence and beam as two axes")
def two_axes(cache, parents):
    batch, beam = parents.shape
    sentences = torch.arange(batch)[:, None]

    def moved(part):
        return part.reshape(batch, beam, *part.shape[1:])[sentences, parents].flatten(0, 1)

    return [(moved(keys), moved(values)) for keys, values in cache]


@right("gather along the beam, lists come back")
def gathered(cache, parents):
    batch, beam = parents.shape

    def moved(part):
        apart = part.reshape(batch, beam, -1)
        return apart.gather(1, parents[:, :, None].expand_as(apart)).reshape(part.shape)

    return [[moved(keys), moved(values)] for keys, values in cache]


@right("NumPy inside")
def numpy_inside(cache, parents):
    rows = rows_of(parents).numpy()
    return [tuple(torch.from_numpy(np.take(part.numpy(), rows, axis=0)) for part in pair) for pair in cache]


@right("one-hot matrices")
def one_hot(cache, parents):
    rows = rows_of(parents)
    return [
        tuple(torch.einsum("nr,r...->n...", torch.eye(len(part), dtype=part.dtype)[rows], part) for part in pair)
        for pair in cache
    ]


@wrong("no offset of the sentences", "All sentences took rows of the first: add where a sentence's rows begin.")
def no_offset(cache, parents):
    return taken(cache, parents.reshape(-1))


@wrong("an offset of the batch's size", "A sentence's rows begin at s * beam, not at s * batch.")
def offset_by_batch(cache, parents):
    batch, beam = parents.shape
    rows = (torch.arange(batch)[:, None] * batch + parents).reshape(-1)
    return taken(cache, rows.clamp(max=batch * beam - 1) if batch != beam else rows.flip(0))


@wrong("an offset of the sentence's number", "A sentence's rows begin at s * beam, not at s.")
def offset_by_one(cache, parents):
    return taken(cache, (torch.arange(len(parents))[:, None] + parents).reshape(-1))


@wrong(
    "sentences and beam exchanged", "The rows of a sentence stand side by side: row s * beam + j, not j * batch + s."
)
def exchanged(cache, parents):
    batch, _ = parents.shape
    return taken(cache, (torch.arange(batch)[:, None] + batch * parents).reshape(-1))


@wrong("read column by column", "The new rows are in the wrong order: all of a sentence, then the next.")
def by_columns(cache, parents):
    batch, beam = parents.shape
    return taken(cache, (torch.arange(batch)[:, None] * beam + parents).T.reshape(-1))


@wrong("the other way round", "Row r was written into row parent: row r is read from its parent.")
def inverse(cache, parents):
    out = []
    for pair in cache:
        new = tuple(part.clone() for part in pair)
        for place, row in enumerate(rows_of(parents).tolist()):
            for old, part in zip(pair, new, strict=True):
                part[row] = old[place]
        out.append(new)
    return out


@wrong("unchanged", "The cache came back as it was.")
def unchanged(cache, parents):
    return [(keys.clone(), values.clone()) for keys, values in cache]


@wrong("only the keys", "The values are as they were: they move like the keys.")
def only_keys(cache, parents):
    rows = rows_of(parents)
    return [(keys[rows], values) for keys, values in cache]


@wrong("only the values", "The keys are as they were: they move like the values.")
def only_values(cache, parents):
    rows = rows_of(parents)
    return [(keys, values[rows]) for keys, values in cache]


@wrong("only the first layer", "Only the first layer moved.")
def first_layer(cache, parents):
    return taken(cache[:1], rows_of(parents)) + list(cache[1:])


@wrong("only the last layer", "Only the last layer moved.")
def last_layer(cache, parents):
    return list(cache[:-1]) + taken(cache[-1:], rows_of(parents))


@wrong("every layer that of the first", "Every layer is a copy of the first.")
def copies_of_the_first(cache, parents):
    return taken(cache[:1], rows_of(parents)) * len(cache)


@wrong("keys and values exchanged", "Keys and values are exchanged.")
def pair_exchanged(cache, parents):
    return [(values, keys) for keys, values in taken(cache, rows_of(parents))]


@wrong("one after the other in the old cache", "Rows were overwritten that were still needed: read from the old cache.")
def overwritten(cache, parents):
    out = [(keys.clone(), values.clone()) for keys, values in cache]
    for place, row in enumerate(rows_of(parents).tolist()):
        for keys, values in out:
            keys[place], values[place] = keys[row].clone(), values[row].clone()
    return out


@wrong("in place", "was changed by the call")
def in_place(cache, parents):
    rows = rows_of(parents)
    for keys, values in cache:
        keys.copy_(keys[rows].clone())
        values.copy_(values[rows].clone())
    return cache


@wrong("the list changed", None)
def list_changed(cache, parents):
    out = taken(cache, rows_of(parents))
    cache[:] = out
    return out


@wrong("rows sorted", "The rows are sorted: they keep the order of parents.")
def sorted_rows(cache, parents):
    return taken(cache, rows_of(parents).sort().values)


@wrong("the first parent for the whole beam", "Every hypothesis of a sentence continues the first one's parent.")
def first_parent(cache, parents):
    return taken(cache, rows_of(parents[:, :1].expand_as(parents).clone()))


@wrong("parents counted from 1", None)
def from_one(cache, parents):
    return taken(cache, rows_of((parents - 1) % parents.shape[1]))


@wrong("the first sentence's parents for all", "Every sentence took the parents of the first.")
def first_sentence(cache, parents):
    return taken(cache, rows_of(parents[:1].expand_as(parents)))


@wrong("along the heads", None)
def along_heads(cache, parents):
    rows = rows_of(parents)
    return [tuple(part[:, rows % part.shape[1]][:, : part.shape[1]] for part in pair) for pair in cache]


@wrong("along the words", None)
def along_words(cache, parents):
    rows = rows_of(parents)
    return [tuple(part[:, :, rows % part.shape[2]][:, :, : part.shape[2]] for part in pair) for pair in cache]


@wrong("the right rows, other words", None)
def other_words(cache, parents):
    return [(keys.flip(2), values.flip(2)) for keys, values in taken(cache, rows_of(parents))]


@wrong("the right rows, other heads", None)
def other_heads(cache, parents):
    return [(keys.roll(1, dims=1), values.roll(1, dims=1)) for keys, values in taken(cache, rows_of(parents))]


@wrong("each parent once", None)
def once(cache, parents):
    return taken(cache, rows_of(parents).unique())


@wrong("keys alone", "must return pairs")
def keys_alone(cache, parents):
    return [(keys,) for keys, _ in taken(cache, rows_of(parents))]


@wrong("one layer alone", "must return a pair for each of")
def one_layer(cache, parents):
    return taken(cache[:1], rows_of(parents)) if len(cache) > 1 else taken(cache, rows_of(parents)) * 2


@wrong("returns nothing", "returned None")
def nothing(cache, parents):
    taken(cache, rows_of(parents))


@wrong("made for two layers", None)
def two_layers(cache, parents):
    rows = rows_of(parents)
    return taken(cache[:2], rows) + list(cache[2:])
