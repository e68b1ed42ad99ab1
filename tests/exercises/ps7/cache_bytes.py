"""Answers to ``cache_bytes(layers, heads, key_heads, dim, lengths, number_bytes)``."""

import torch

from tests.exercises.answers import right, wrong


def count(layers, heads, dim, words, number_bytes):
    return 2 * layers * heads * dim * words * number_bytes


def places(lengths):
    return len(lengths) * int(lengths.max())


@right("a sum over the layers")
def summed(layers, heads, key_heads, dim, lengths, number_bytes):
    total = 0
    for _ in range(layers):
        for _ in ("keys", "values"):
            total += len(lengths) * key_heads * max(lengths.tolist()) * (dim // heads)
    return total * number_bytes


@right("the share of the heads")
def share(layers, heads, key_heads, dim, lengths, number_bytes):
    return 2 * layers * places(lengths) * dim * key_heads // heads * number_bytes


@right("a tensor")
def tensor(layers, heads, key_heads, dim, lengths, number_bytes):
    return lengths.max() * len(lengths) * 2 * layers * key_heads * (dim // heads) * number_bytes


@right("the size of tensors that hold nothing")
def tensors(layers, heads, key_heads, dim, lengths, number_bytes):
    keys = torch.empty(len(lengths), key_heads, int(lengths.max()), dim // heads, device="meta")
    return layers * (keys.numel() + keys.numel()) * number_bytes


@right("a float that is whole")
def as_float(layers, heads, key_heads, dim, lengths, number_bytes):
    return 2.0 * layers * key_heads * (dim / heads) * places(lengths) * number_bytes


@wrong("keys alone", "That is half: keys and values are kept, and a number has number_bytes bytes.")
def keys_alone(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // heads, places(lengths), number_bytes) // 2


@wrong(
    "all heads", "Keys and values of all heads were counted: there are key_heads, and a head has dim / heads numbers."
)
def all_heads(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, heads, dim // heads, places(lengths), number_bytes)


@wrong("one head", "Keys and values of one head were counted: there are key_heads.")
def one_head(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, 1, dim // heads, places(lengths), number_bytes)


@wrong("a head as wide as the model", "A head has dim / heads numbers, not dim.")
def wide_heads(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim, places(lengths), number_bytes)


@wrong(
    "dim / key_heads",
    "Keys and values of all heads were counted: there are key_heads, and a head has dim / heads numbers.",
)
def by_key_heads(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // key_heads, places(lengths), number_bytes)


@wrong("a query's group", "Multiplied by the heads that share one: multiply by key_heads.")
def by_group(layers, heads, key_heads, dim, lengths, number_bytes):
    extra = heads // key_heads
    return count(layers, extra, dim // heads, places(lengths), number_bytes)


@wrong("queries kept as well", "Three vectors were counted: queries are not kept.")
def with_queries(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // heads, places(lengths), number_bytes) // 2 * 3


@wrong("queries of all heads kept as well", "The queries were counted too: they are not kept.")
def with_all_queries(layers, heads, key_heads, dim, lengths, number_bytes):
    return (2 * key_heads + heads) * (dim // heads) * layers * places(lengths) * number_bytes


@wrong("the words alone", "Only words were counted: every sentence takes as many places as the longest.")
def words_alone(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // heads, int(lengths.sum()), number_bytes)


@wrong("one sentence", "The longest sentence alone was counted.")
def one_sentence(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // heads, int(lengths.max()), number_bytes)


@wrong("the first length for all", "Every sentence got the first one's length: take the longest.")
def first_length(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // heads, len(lengths) * int(lengths[0]), number_bytes)


@wrong("the last length for all", "Every sentence got the last one's length: take the longest.")
def last_length(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // heads, len(lengths) * int(lengths[-1]), number_bytes)


@wrong("the number of sentences for the length", "The number of sentences was taken for the number of places.")
def no_length(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // heads, len(lengths), number_bytes)


@wrong("one layer", "One layer was counted.")
def one_layer(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(1, key_heads, dim // heads, places(lengths), number_bytes)


@wrong("numbers", "That is half: keys and values are kept, and a number has number_bytes bytes.")
def numbers(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // heads, places(lengths), 1)


@wrong("bits", "These are bits, not bytes.")
def bits(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // heads, places(lengths), 8 * number_bytes)


@wrong("four bytes a number", "Every number has 4 bytes here: use number_bytes.")
def four_bytes(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // heads, places(lengths), 4)


@wrong("the weights of the attention", "That grows with the square of the length: the weights are not kept.")
def weights(layers, heads, key_heads, dim, lengths, number_bytes):
    longest = int(lengths.max())
    return layers * len(lengths) * heads * longest * longest * number_bytes


@wrong("gigabytes", "These are not bytes: return their number itself.")
def gigabytes(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // heads, places(lengths), number_bytes) / 2**30


@wrong("a list, one for each sentence", "These are the bytes of each sentence: return their sum.")
def each(layers, heads, key_heads, dim, lengths, number_bytes):
    one = count(layers, key_heads, dim // heads, int(lengths.max()), number_bytes)
    return [one] * len(lengths)


@wrong("one place for the next word", None)
def one_more(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, key_heads, dim // heads, len(lengths) * (int(lengths.max()) + 1), number_bytes)


@wrong("lengths changed", "lengths was changed")
def in_place(layers, heads, key_heads, dim, lengths, number_bytes):
    lengths.fill_(int(lengths.max()))
    return count(layers, key_heads, dim // heads, int(lengths.sum()), number_bytes)


@wrong("8 key heads", None)
def eight(layers, heads, key_heads, dim, lengths, number_bytes):
    return count(layers, 2 if heads == 4 and layers == 1 else 8, dim // heads, places(lengths), number_bytes)


@wrong("returns nothing", "is None")
def nothing(layers, heads, key_heads, dim, lengths, number_bytes):
    count(layers, key_heads, dim // heads, places(lengths), number_bytes)
