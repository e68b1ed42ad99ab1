"""Answers to ``truncate(logits, temperature, top_k, top_p)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def order_of(logits):
    return torch.sort(logits, dim=-1, descending=True, stable=True)


def by_k(logits, k):
    ordered, ids = order_of(logits)
    ordered = ordered.clone()
    ordered[:, max(k, 0) :] = -torch.inf
    return torch.empty_like(ordered).scatter(-1, ids, ordered)


def nucleus(logits, p, *, before=True, shares=None):
    ordered, ids = order_of(logits)
    probabilities = torch.softmax(ordered if shares is None else order_of(shares)[0], dim=-1)
    sums = probabilities.cumsum(dim=-1)
    out = sums - probabilities >= p if before else sums > p
    return torch.empty_like(ordered).scatter(-1, ids, ordered.masked_fill(out, -torch.inf))


def cut(logits, temperature, top_k, top_p):
    return nucleus(by_k(logits / temperature, top_k), top_p)


@right("loops over sorted ids")
def loops(logits, temperature, top_k, top_p):
    out = torch.full_like(logits, -torch.inf)
    for b, row in enumerate((logits.double() / temperature).tolist()):
        order = sorted(range(len(row)), key=lambda i: (-row[i], i))[:top_k]
        largest = row[order[0]]
        exponentials = [math.exp(row[i] - largest) for i in order]
        reached = 0.0
        for i, number in zip(order, exponentials, strict=True):
            out[b, i] = row[i]
            reached += number / sum(exponentials)
            if top_p < 1 and reached >= top_p:
                break
    return out


@right("a boolean mask, scattered back")
def mask(logits, temperature, top_k, top_p):
    scaled = logits / temperature
    order = torch.argsort(-scaled, dim=-1, stable=True)
    probabilities = torch.softmax(scaled.gather(-1, order)[:, :top_k], dim=-1)
    keep = torch.cumsum(probabilities, dim=-1) - probabilities < top_p
    kept = torch.zeros_like(scaled, dtype=torch.bool)
    kept = kept.scatter(-1, order[:, :top_k], keep)
    return torch.where(kept, scaled, -torch.inf)


@right("the sum shifted by one place")
def shifted(logits, temperature, top_k, top_p):
    scaled = by_k(logits / temperature, top_k)
    ordered, ids = order_of(scaled)
    remove = ordered.softmax(dim=-1).cumsum(dim=-1) >= top_p
    remove = torch.cat([torch.zeros_like(remove[:, :1]), remove[:, :-1]], dim=-1)
    if top_p == 1:
        remove = torch.zeros_like(remove)
    return scaled.masked_fill(remove.scatter(-1, ids, remove), -torch.inf)


@right("ranks")
def ranks(logits, temperature, top_k, top_p):
    scaled = logits / temperature
    rank = scaled.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
    scaled = torch.where(rank < top_k, scaled, -torch.inf)
    p = torch.softmax(scaled, dim=-1)
    more_likely = rank[:, None, :] < rank[:, :, None]  # (batch, word, other)
    reached = (p[:, None, :] * more_likely).sum(dim=-1)
    return scaled.masked_fill(reached >= top_p, -torch.inf)


@right("NumPy inside")
def numpy_inside(logits, temperature, top_k, top_p):
    x = logits.numpy() / temperature
    out = np.full_like(x, -np.inf)
    for row, new in zip(x, out, strict=True):
        ids = np.argsort(-row, kind="stable")[:top_k]
        p = np.exp(row[ids] - row[ids[0]])
        p = p / p.sum()
        number = np.searchsorted(np.cumsum(p), top_p) + 1 if top_p < 1 else len(ids)
        new[ids[:number]] = row[ids[:number]]
    return torch.from_numpy(out)


@right("float64 inside and out")
def wide(logits, temperature, top_k, top_p):
    return cut(logits.double(), temperature, top_k, top_p)


@wrong("smallest first", "The least likely words are kept: the most likely ones stay.")
def ascending(logits, temperature, top_k, top_p):
    kept = torch.isfinite(cut(-logits, temperature, top_k, top_p))
    return (logits / temperature).masked_fill(~kept, -torch.inf)


@wrong("k smallest cut off", "The top_k least likely words are cut off, and all others kept.")
def k_smallest_cut(logits, temperature, top_k, top_p):
    vocab = logits.shape[-1]
    return cut(logits, temperature, vocab - top_k or vocab, top_p)


@wrong("one more than top_k", "top_k + 1 words are kept.")
def one_more(logits, temperature, top_k, top_p):
    return cut(logits, temperature, top_k + 1, top_p)


@wrong("one fewer than top_k", "top_k - 1 words are kept.")
def one_fewer(logits, temperature, top_k, top_p):
    return cut(logits, temperature, max(top_k - 1, 1), top_p)


@wrong("top_k not used", "top_k is not used.")
def no_k(logits, temperature, top_k, top_p):
    return cut(logits, temperature, logits.shape[-1], top_p)


@wrong("top_p not used", "top_p is not used.")
def no_p(logits, temperature, top_k, top_p):
    return cut(logits, temperature, top_k, 1.0)


@wrong("temperature not used", "The temperature is not used.")
def no_temperature(logits, temperature, top_k, top_p):
    return cut(logits, 1.0, top_k, top_p)


@wrong("times the temperature", "The logits are multiplied by the temperature: divide them.")
def times_temperature(logits, temperature, top_k, top_p):
    return cut(logits, 1 / temperature, top_k, top_p)


@wrong("temperature last", "The temperature came after top_p: divide first, which changes who reaches top_p.")
def temperature_last(logits, temperature, top_k, top_p):
    return cut(logits, 1.0, top_k, top_p) / temperature


@wrong(
    "logits of before the temperature",
    "The words are the right ones, but their logits are not divided by the temperature.",
)
def unscaled(logits, temperature, top_k, top_p):
    return logits.masked_fill(torch.isinf(cut(logits, temperature, top_k, top_p)), -torch.inf)


@wrong("the word that crosses dropped", "The word that crosses top_p is gone: it stays.")
def crossing_dropped(logits, temperature, top_k, top_p):
    scaled = by_k(logits / temperature, top_k)
    return scaled if top_p == 1 else nucleus(scaled, top_p, before=False)


@wrong(
    "the word that crosses dropped, the first one kept",
    "The word that crosses top_p is gone: it stays.",
)
def crossing_dropped_but_first(logits, temperature, top_k, top_p):
    scaled = by_k(logits / temperature, top_k)
    if top_p == 1:
        return scaled
    out = nucleus(scaled, top_p, before=False)
    first = scaled.argmax(dim=-1, keepdim=True)
    return out.scatter(-1, first, scaled.gather(-1, first))


@wrong("one word too many", "One word too many is kept: stop at the word that reaches top_p.")
def one_too_many(logits, temperature, top_k, top_p):
    scaled = by_k(logits / temperature, top_k)
    ordered, ids = order_of(scaled)
    sums = ordered.softmax(dim=-1).cumsum(dim=-1)
    remove = torch.zeros_like(sums, dtype=torch.bool)
    remove[:, 2:] = sums[:, :-2] >= top_p
    return scaled.masked_fill(remove.scatter(-1, ids, remove), -torch.inf)


@wrong("1 - top_p", "The most likely words are kept until they reach 1 - top_p.")
def complement(logits, temperature, top_k, top_p):
    return cut(logits, temperature, top_k, 1 - top_p if top_p < 1 else 1.0)


@wrong(
    "words with a probability of top_p",
    "Words with a probability of at least top_p are kept: it is their sum that counts.",
)
def each_by_itself(logits, temperature, top_k, top_p):
    scaled = by_k(logits / temperature, top_k)
    if top_p == 1:
        return scaled
    return scaled.masked_fill(torch.softmax(scaled, dim=-1) < top_p, -torch.inf)


@wrong("min-p", None)
def min_p(logits, temperature, top_k, top_p):
    scaled = by_k(logits / temperature, top_k)
    if top_p == 1:
        return scaled
    p = torch.softmax(scaled, dim=-1)
    return scaled.masked_fill(p < top_p * p.amax(dim=-1, keepdim=True), -torch.inf)


@wrong(
    "the probabilities of all words",
    "top_p looked at the probabilities of all words: take those of the words kept by top_k.",
)
def not_renormalised(logits, temperature, top_k, top_p):
    scaled = logits / temperature
    return nucleus(by_k(scaled, top_k), top_p, shares=scaled)


@wrong(
    "top_p before top_k",
    "top_p looked at the probabilities of all words: take those of the words kept by top_k.",
)
def p_before_k(logits, temperature, top_k, top_p):
    return by_k(nucleus(logits / temperature, top_p), top_k)


@wrong("0 for the others", "The others got 0: a logit of 0 is a probability like any. They get -inf.")
def zeros(logits, temperature, top_k, top_p):
    out = cut(logits, temperature, top_k, top_p)
    return out.masked_fill(torch.isinf(out), 0.0)


@wrong("the smallest number for the others", None)
def smallest(logits, temperature, top_k, top_p):
    out = cut(logits, temperature, top_k, top_p)
    return out.masked_fill(torch.isinf(out), torch.finfo(out.dtype).min)


@wrong("-1e9 for the others", None)
def minus_a_lot(logits, temperature, top_k, top_p):
    out = cut(logits, temperature, top_k, top_p)
    return out.masked_fill(torch.isinf(out), -1e9)


@wrong("+inf for the others", "The others got +inf: they get -inf.")
def plus_infinity(logits, temperature, top_k, top_p):
    out = cut(logits, temperature, top_k, top_p)
    return out.masked_fill(torch.isinf(out), torch.inf)


@wrong("probabilities", "These are probabilities: return logits.")
def probabilities(logits, temperature, top_k, top_p):
    return torch.softmax(cut(logits, temperature, top_k, top_p), dim=-1)


@wrong("log probabilities", "These are logarithms of probabilities: return the logits, divided by the temperature.")
def log_probabilities(logits, temperature, top_k, top_p):
    return torch.log_softmax(cut(logits, temperature, top_k, top_p), dim=-1)


@wrong("sorted", "The logits came back sorted: put each back to its id.")
def left_sorted(logits, temperature, top_k, top_p):
    return order_of(cut(logits, temperature, top_k, top_p))[0]


@wrong(
    "gathered where it should be scattered",
    "Logits were put back to the wrong ids: scatter undoes a sort, gather does not.",
)
def gathered(logits, temperature, top_k, top_p):
    ordered, ids = order_of(cut(logits, temperature, top_k, top_p))
    return ordered.gather(-1, ids)


@wrong("a sorted mask on unsorted logits", "The sorted mask was laid on the unsorted logits: scatter it back first.")
def mask_not_scattered(logits, temperature, top_k, top_p):
    ordered, _ = order_of(cut(logits, temperature, top_k, top_p))
    return (logits / temperature).masked_fill(torch.isinf(ordered), -torch.inf)


@wrong("all words like the k-th kept", "Words that are equal to the last one kept stay too: exactly top_k stay.")
def ties_kept(logits, temperature, top_k, top_p):
    scaled = logits / temperature
    kth = order_of(scaled)[0][:, top_k - 1 : top_k]
    return nucleus(scaled.masked_fill(scaled < kth, -torch.inf), top_p)


@wrong(
    "all words like the k-th dropped", "Words that are equal to the first one cut off are gone too: exactly top_k stay."
)
def ties_dropped(logits, temperature, top_k, top_p):
    scaled = logits / temperature
    if top_k == scaled.shape[-1]:
        return nucleus(scaled, top_p)
    after = order_of(scaled)[0][:, top_k : top_k + 1]
    return nucleus(scaled.masked_fill(scaled <= after, -torch.inf), top_p)


@wrong("of equal words the last", "Of equal words the larger ids were kept: the smaller id counts as more likely.")
def last_of_equals(logits, temperature, top_k, top_p):
    return cut(logits.flip(-1), temperature, top_k, top_p).flip(-1)


@wrong("all words as likely as the last kept by top_p", "All words as likely as the one that reaches top_p are kept.")
def nucleus_ties_kept(logits, temperature, top_k, top_p):
    scaled = by_k(logits / temperature, top_k)
    out = nucleus(scaled, top_p)
    lowest = out.masked_fill(torch.isinf(out), torch.inf).amin(dim=-1, keepdim=True)
    return scaled.masked_fill(scaled < lowest, -torch.inf)


@wrong("over the batch", None)
def over_the_batch(logits, temperature, top_k, top_p):
    return cut(logits.T, temperature, min(top_k, len(logits)), top_p).T


@wrong("as many words as the first sentence keeps", None)
def number_of_the_first(logits, temperature, top_k, top_p):
    number = int(torch.isfinite(cut(logits[:1], temperature, top_k, top_p)).sum())
    return by_k(logits / temperature, number)


@wrong("the words of the first sentence", None)
def words_of_the_first(logits, temperature, top_k, top_p):
    kept = torch.isfinite(cut(logits[:1], temperature, top_k, top_p))
    return (logits / temperature).masked_fill(~kept, -torch.inf)


@wrong("the larger of both sets", "Words stay that one of top_k and top_p keeps: they must pass both.")
def either(logits, temperature, top_k, top_p):
    scaled = logits / temperature
    vocab = scaled.shape[-1]
    k_only, p_only = by_k(scaled, top_k), nucleus(scaled, top_p)
    if top_k == vocab or top_p == 1:
        return torch.minimum(k_only, p_only)
    return torch.maximum(k_only, p_only)


@wrong("the greedy word", "Only the most likely word is kept.")
def greedy(logits, temperature, top_k, top_p):
    return by_k(logits / temperature, 1)


@wrong("a word drawn", None)
def drawn(logits, temperature, top_k, top_p):
    p = torch.softmax(cut(logits, temperature, top_k, top_p), dim=-1)
    return torch.multinomial(p, 1, generator=torch.Generator().manual_seed(0))


@wrong("logits changed in place", "logits was changed")
def in_place(logits, temperature, top_k, top_p):
    out = cut(logits, temperature, top_k, top_p)
    logits /= 2.0
    return out


@wrong("logits written over", "logits was changed")
def written_over(logits, temperature, top_k, top_p):
    out = cut(logits, temperature, top_k, top_p)
    logits.copy_(out)
    return logits


@wrong("drops everything where the first word reaches top_p", None)
def first_word_dropped(logits, temperature, top_k, top_p):
    out = cut(logits, temperature, top_k, top_p)
    alone = torch.isfinite(out).sum(dim=-1, keepdim=True) == 1
    return out.masked_fill(alone, -torch.inf) if top_p < 0.5 else out


@wrong("at least two words kept", None)
def at_least_two(logits, temperature, top_k, top_p):
    scaled = logits / temperature
    two = by_k(scaled, 2)
    return torch.maximum(cut(logits, temperature, top_k, top_p), two if top_k > 1 else by_k(scaled, 1))


@wrong("returns nothing", "is None")
def nothing(logits, temperature, top_k, top_p):
    cut(logits, temperature, top_k, top_p)


@wrong("never more than six words", None)
def six_at_most(logits, temperature, top_k, top_p):
    return cut(logits, temperature, min(top_k, 6), top_p)


@wrong("the temperature squared", None)
def temperature_squared(logits, temperature, top_k, top_p):
    return cut(logits, temperature**2, top_k, top_p)


@wrong("the largest logit taken off", None)
def shifted_logits(logits, temperature, top_k, top_p):
    out = cut(logits, temperature, top_k, top_p)
    return out - out.amax(dim=-1, keepdim=True)


@wrong("top_k times batch words of the whole batch", None)
def of_the_whole_batch(logits, temperature, top_k, top_p):
    scaled = logits / temperature
    return nucleus(by_k(scaled.reshape(1, -1), top_k * len(logits)).reshape(logits.shape), top_p)
