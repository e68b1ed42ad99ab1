"""Answers to ``source_contexts(X, mask, Qw, Kw, Vw, steps)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def scores_of(X, Qw, Kw, scale=None):
    scale = math.sqrt(Qw.shape[0]) if scale is None else scale
    return (X @ Qw.T) @ (X @ Kw.T).transpose(1, 2) / scale


def weights_of(scores, mask, dim=-1):
    return torch.softmax(scores.masked_fill(~mask[:, None, :], -math.inf), dim=dim)


def read(C, mask, steps):
    """Give row i to step i, and zeros to steps without a source word."""
    C = C * mask[:, :, None] if mask is not None else C
    C = torch.cat([C, C.new_zeros(len(C), steps, C.shape[-1])], dim=1)
    return C[:, :steps]


def answer(X, mask, Qw, Kw, Vw, steps, *, scale=None, scores=None, weights=weights_of, rows=None):
    scores = scores_of(X, Qw, Kw, scale) if scores is None else scores
    return read(weights(scores, mask) @ (X @ Vw.T), mask if rows is None else rows, steps)


@right("a loop over sentences, steps and words")
def loop(X, mask, Qw, Kw, Vw, steps):
    C = torch.zeros(len(X), steps, len(Vw), dtype=X.dtype)
    for b in range(len(X)):
        words = X[b][mask[b]]
        for i in range(min(steps, len(words))):
            q = Qw @ words[i]
            row = torch.softmax(torch.stack([q @ (Kw @ x) for x in words]) / math.sqrt(len(q)), dim=0)
            for w, x in zip(row, words, strict=True):
                C[b, i] += w * (Vw @ x)
    return C


@right("sentence by sentence, matrices cut to the words")
def sentence_by_sentence(X, mask, Qw, Kw, Vw, steps):
    rows = []
    for x, words in zip(X, mask, strict=True):
        x = x[: int(words.sum())]
        C = torch.softmax(x @ Qw.T @ (x @ Kw.T).T / Qw.shape[0] ** 0.5, dim=1) @ x @ Vw.T
        rows.append(torch.nn.functional.pad(C[:steps], (0, 0, 0, max(0, steps - len(x)))))
    return torch.stack(rows)


@right("einsum")
def einsum(X, mask, Qw, Kw, Vw, steps):
    scores = torch.einsum("bie,de,df,bkf->bik", X, Qw, Kw, X) / math.sqrt(Qw.size(0))
    W = weights_of(scores, mask) * mask[:, :, None]
    return read(torch.einsum("bik,cf,bkf->bic", W, Vw, X), None, steps)


@right("NumPy inside, the largest score taken off")
def numpy_inside(X, mask, Qw, Kw, Vw, steps):
    x, m, q, k, v = (tensor.numpy() for tensor in (X, mask, Qw, Kw, Vw))
    scores = x @ q.T @ np.swapaxes(x @ k.T, 1, 2) / np.sqrt(len(q))
    scores = np.where(m[:, None, :], scores, -np.inf)
    W = np.exp(scores - scores.max(axis=-1, keepdims=True))
    C = W / W.sum(axis=-1, keepdims=True) @ (x @ v.T)
    C = np.where(m[:, :, None], C, 0)
    answer = np.zeros((len(x), steps, len(v)), dtype=x.dtype)
    n = min(steps, x.shape[1])
    answer[:, :n] = C[:, :n]
    return answer


@right("queries scaled, contexts projected after the sum, float64 inside")
def projected_afterwards(X, mask, Qw, Kw, Vw, steps):
    x = X.double()
    Q = x[:, :steps] @ (Qw.double() / Qw.shape[0] ** 0.5).T
    scores = torch.where(mask[:, None], Q @ Kw.double() @ x.transpose(1, 2), -torch.inf)
    C = scores.softmax(dim=-1) @ x @ Vw.double().T * mask[:, :steps, None]
    missing = torch.zeros(len(X), max(0, steps - X.shape[1]), len(Vw))
    return torch.cat([C, missing], dim=1).to(X.dtype)


@right("columns, softmax down each")
def columns(X, mask, Qw, Kw, Vw, steps):
    x = X.mT
    scores = ((Kw @ x).mT @ (Qw @ x) / math.sqrt(Kw.shape[0])).masked_fill(
        ~mask[:, :, None], -1e300 if X.dtype == torch.float64 else -1e30
    )
    C = (Vw @ x) @ torch.softmax(scores, dim=1)
    return read(C.mT, mask, steps)


@right("padding set to zero first, which changes nothing")
def padding_zero_first(X, mask, Qw, Kw, Vw, steps):
    return answer(X * mask[:, :, None], mask, Qw, Kw, Vw, steps)


@wrong("not divided by the root", "The scores are not divided by the root of d.")
def not_scaled(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, steps, scale=1.0)


@wrong("divided by d", "The scores are divided by d: it is the root of d.")
def scaled_by_d(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, steps, scale=Qw.shape[0])


@wrong(
    "the root of the embedding's length",
    "The scores are divided by the root of the embedding's length: d is the length of a query.",
)
def root_of_embedding(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, steps, scale=math.sqrt(X.shape[-1]))


@wrong("multiplied by the root", "The scores are multiplied by the root of d: divide.")
def multiplied_by_root(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, steps, scale=1 / math.sqrt(Qw.shape[0]))


@wrong(
    "softmax over the queries",
    "The softmax goes over the words that look: each row sums to 1 over the words that are looked at.",
)
def over_queries(X, mask, Qw, Kw, Vw, steps):
    def weights(scores, mask):
        scores = scores.masked_fill(~mask[:, :, None], -math.inf)
        return torch.softmax(scores, dim=1) * mask[:, None, :]

    return answer(X, mask, Qw, Kw, Vw, steps, weights=weights)


@wrong("softmax over the batch", "The softmax goes over the sentences: each row sums to 1 over the words of its own.")
def over_batch(X, mask, Qw, Kw, Vw, steps):
    def weights(scores, mask):
        return torch.softmax(scores.masked_fill(~mask[:, None, :], -math.inf), dim=0).nan_to_num()

    return answer(X, mask, Qw, Kw, Vw, steps, weights=weights)


@wrong("no mask", "Padding gets weight: leave it out of the softmax.")
def no_mask(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, steps, weights=lambda scores, mask: torch.softmax(scores, dim=-1))


@wrong("no mask at all", "Padding gets weight, and its own step a context.")
def no_mask_at_all(X, mask, Qw, Kw, Vw, steps):
    full = torch.ones_like(mask)
    return answer(X, full, Qw, Kw, Vw, steps)


@wrong("mask after the softmax", "The mask came after the softmax, so that the weights of a row don't sum to 1.")
def mask_afterwards(X, mask, Qw, Kw, Vw, steps):
    return answer(
        X, mask, Qw, Kw, Vw, steps, weights=lambda scores, mask: torch.softmax(scores, dim=-1) * mask[:, None]
    )


@wrong(
    "mask after the softmax, divided anew",
    "After the mask 0 was divided by 0: padding had all the weight. Mask the scores, not the weights.",
)
def divided_anew(X, mask, Qw, Kw, Vw, steps):
    def weights(scores, mask):
        W = torch.softmax(scores, dim=-1) * mask[:, None]
        return W / W.sum(dim=-1, keepdim=True)

    return answer(X, mask, Qw, Kw, Vw, steps, weights=weights)


@wrong("scores times the mask", "Scores of padding became 0, which still gets weight: it is -inf that gets none.")
def score_zero(X, mask, Qw, Kw, Vw, steps):
    return answer(
        X, mask, Qw, Kw, Vw, steps, weights=lambda scores, mask: torch.softmax(scores * mask[:, None], dim=-1)
    )


@wrong("the mask turned round", None)
def mask_turned(X, mask, Qw, Kw, Vw, steps):
    return answer(X, ~mask, Qw, Kw, Vw, steps)


@wrong(
    "exp without the largest taken off",
    "exp overflowed, and infinity was divided by infinity: take torch.softmax, or the largest score off first.",
)
def overflow(X, mask, Qw, Kw, Vw, steps):
    def weights(scores, mask):
        e = scores.exp() * mask[:, None]
        return e / e.sum(dim=-1, keepdim=True)

    return answer(X, mask, Qw, Kw, Vw, steps, weights=weights)


@wrong(
    "steps of padding read a context", "A step of padding reads a context: it has no source word, so it reads zeros."
)
def padding_reads(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, steps, rows=torch.ones_like(mask))


@wrong("steps past the end repeat the last context", "A step past the end repeats the last context: it reads zeros.")
def last_repeated(X, mask, Qw, Kw, Vw, steps):
    C = answer(X, mask, Qw, Kw, Vw, X.shape[1])
    places = torch.arange(steps)[None].clamp(max=X.shape[1] - 1)
    return C[:, places[0]]


@wrong(
    "every step without a word repeats the last word's context",
    "A step without a source word repeats the context of the last one: it reads zeros.",
)
def last_word_repeated(X, mask, Qw, Kw, Vw, steps):
    C = answer(X, mask, Qw, Kw, Vw, X.shape[1])
    last = mask.sum(dim=1) - 1
    return torch.stack([C[b, torch.arange(steps).clamp(max=int(n))] for b, n in enumerate(last)])


@wrong("steps past the end begin anew", "Steps past the end begin anew with the first word: they read zeros.")
def begins_anew(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, X.shape[1])[:, torch.arange(steps) % X.shape[1]]


@wrong("as many steps as source words", "There are as many rows as source words: there are to be `steps`.")
def as_many_as_words(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, X.shape[1])


@wrong(
    "fails where there are fewer steps than words",
    "There are as many rows as source words, though fewer steps were asked for.",
)
def never_cut(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, max(steps, X.shape[1]))


@wrong("queries and keys swapped", "Queries and keys are swapped: it is the word i of the row that asks.")
def swapped(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Kw, Qw, Vw, steps)


@wrong("values are not projected", "The weights are applied to X: V is X projected by Vw.")
def values_not_projected(X, mask, Qw, Kw, Vw, steps):
    return read(weights_of(scores_of(X, Qw, Kw), mask) @ X, mask, steps)


@wrong(
    "no projections: variant 3, with values", "X is compared with itself: that is variant 3. Compare queries with keys."
)
def variant_three(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, steps, scores=X @ X.transpose(1, 2) / math.sqrt(Qw.shape[0]))


@wrong("queries not projected", "Keys and queries come from the same matrix: Qw makes the queries and Kw the keys.")
def keys_for_both(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Kw, Kw, Vw, steps)


@wrong("queries for both", "Keys and queries come from the same matrix, Qw: Kw makes the keys.")
def queries_for_both(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Qw, Vw, steps)


@wrong("keys as values", None)
def keys_as_values(X, mask, Qw, Kw, Vw, steps):
    return read(weights_of(scores_of(X, Qw, Kw), mask) @ (X @ Kw.T), mask, steps)


@wrong("the weights transposed", "The weights were transposed before the product with V.")
def transposed(X, mask, Qw, Kw, Vw, steps):
    return read(weights_of(scores_of(X, Qw, Kw), mask).transpose(1, 2) @ (X @ Vw.T), mask, steps)


@wrong("no softmax", "There is no softmax: the scores are used as weights.")
def no_softmax(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, steps, weights=lambda scores, mask: scores * mask[:, None])


@wrong("the values of the words themselves", "Step i reads the value of word i: it reads a mixture of all words.")
def own_values(X, mask, Qw, Kw, Vw, steps):
    return read(X @ Vw.T, mask, steps)


@wrong("the mean of the values", "Each step reads the mean of the values: the scores have no influence.")
def mean_of_values(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, steps, scores=torch.zeros(len(X), X.shape[1], X.shape[1], dtype=X.dtype))


@wrong("the best word alone", "Each step reads one value, that of the largest score: the weights are soft.")
def best_word(X, mask, Qw, Kw, Vw, steps):
    def weights(scores, mask):
        scores = scores.masked_fill(~mask[:, None], -math.inf)
        return torch.nn.functional.one_hot(scores.argmax(dim=-1), scores.shape[-1]).to(scores.dtype)

    return answer(X, mask, Qw, Kw, Vw, steps, weights=weights)


@wrong("causal", "A word looks only at itself and those before it: it may look at all words of the source.")
def causal(X, mask, Qw, Kw, Vw, steps):
    n = X.shape[1]
    later = torch.ones(n, n, dtype=torch.bool).triu(1)
    return answer(X, mask, Qw, Kw, Vw, steps, scores=scores_of(X, Qw, Kw).masked_fill(later, -math.inf))


@wrong("a word doesn't look at itself", "A word does not look at itself here: it may.")
def not_itself(X, mask, Qw, Kw, Vw, steps):
    itself = torch.eye(X.shape[1], dtype=torch.bool)
    return answer(X, mask, Qw, Kw, Vw, steps, scores=scores_of(X, Qw, Kw).masked_fill(itself, -1e4))


@wrong("the same context for every step", "Every step reads the first word's context: step i reads that of word i.")
def first_context(X, mask, Qw, Kw, Vw, steps):
    C = answer(X, mask, Qw, Kw, Vw, X.shape[1])
    return C[:, torch.zeros(steps, dtype=torch.long)]


@wrong("the first step reads zeros", "The contexts are one step late: step 0 reads that of word 0.")
def one_late(X, mask, Qw, Kw, Vw, steps):
    C = answer(X, mask, Qw, Kw, Vw, steps)
    return torch.cat([torch.zeros_like(C[:, :1]), C[:, :-1]], dim=1)


@wrong("a context more", "The word's own vector was added to its mixture.")
def residual(X, mask, Qw, Kw, Vw, steps):
    return read(weights_of(scores_of(X, Qw, Kw), mask) @ (X @ Vw.T) + X @ Vw.T, mask, steps)


@wrong("axes of steps and numbers swapped", "Steps and numbers have changed places: one step a row.")
def axes_swapped(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, steps).transpose(1, 2)


@wrong("the first sentence's mask", "The first sentence's mask was used for all.")
def first_mask(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask[:1].expand_as(mask), Qw, Kw, Vw, steps)


@wrong("reshape instead of transpose", "K was reshaped: a transpose moves the numbers.")
def reshaped(X, mask, Qw, Kw, Vw, steps):
    K = X @ Kw.T
    scores = (X @ Qw.T) @ K.reshape(len(X), -1, X.shape[1]) / math.sqrt(Qw.shape[0])
    return answer(X, mask, Qw, Kw, Vw, steps, scores=scores)


@wrong("a mask of -10,000", None)
def mask_too_small(X, mask, Qw, Kw, Vw, steps):
    scores = scores_of(X, Qw, Kw) - 1e4 * (~mask[:, None]).to(X.dtype)
    return answer(X, mask, Qw, Kw, Vw, steps, weights=lambda s, m: torch.softmax(scores, dim=-1))


@wrong("the root of d as a whole number", None)
def whole_root(X, mask, Qw, Kw, Vw, steps):
    return answer(X, mask, Qw, Kw, Vw, steps, scale=math.isqrt(Qw.shape[0]))


@wrong("writes zeros at padding into X", "X was changed by the call")
def writes(X, mask, Qw, Kw, Vw, steps):
    X[~mask] = 0
    return answer(X, mask, Qw, Kw, Vw, steps)
