"""Answers to ``smoothed_loss(logits, right, epsilon)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def wanted(logits, words, epsilon, *, others=None, padding=0.0, right_share=None):
    """Return q, (batch, steps, vocab)."""
    vocab = logits.shape[-1]
    others = epsilon / (vocab - 1) if others is None else others
    q = torch.full(logits.shape, others, dtype=logits.dtype)
    q[:, :, 0] = padding
    share = 1 - epsilon + others if right_share is None else right_share
    return q.scatter(-1, words[:, :, None], share)


def values(logits, q):
    """Return the loss at each place."""
    return -(q * torch.log_softmax(logits, dim=-1)).sum(dim=-1)


def loss(logits, words, q):
    return values(logits, q)[words != 0].mean()


def plain(logits, words):
    return -torch.log_softmax(logits, dim=-1).gather(-1, words[:, :, None])[:, :, 0]


@right("a loop over places and words")
def loop(logits, right, epsilon):
    batch, steps, vocab = logits.shape
    total, number = 0.0, 0
    for b in range(batch):
        for t in range(steps):
            word = int(right[b, t])
            if word == 0:
                continue
            log_p = torch.log_softmax(logits[b, t], dim=0)
            for v in range(1, vocab):
                share = epsilon / (vocab - 1) + (1 - epsilon if v == word else 0)
                total = total - share * log_p[v]
            number += 1
    return total / number


@right("the wanted distribution, scattered")
def scattered(logits, right, epsilon):
    return loss(logits, right, wanted(logits, right, epsilon))


@right("one-hot vectors and einsum")
def one_hot(logits, right, epsilon):
    vocab = logits.shape[-1]
    q = torch.nn.functional.one_hot(right, vocab).to(logits.dtype) * (1 - epsilon) + epsilon / (vocab - 1)
    q[:, :, 0] = 0
    counts = (right > 0).to(logits.dtype)
    return -torch.einsum("bsv,bsv,bs->", q, torch.log_softmax(logits, dim=-1), counts) / counts.sum()


@right("two losses mixed, padding taken off the sum")
def mixed(logits, right, epsilon):
    log_p = logits - torch.logsumexp(logits, dim=-1, keepdim=True)
    places = right != 0
    hard = -log_p.gather(2, right.unsqueeze(2)).squeeze(2)
    spread = -(log_p.sum(dim=2) - log_p[:, :, 0]) / (logits.shape[2] - 1)
    return (((1 - epsilon) * hard + epsilon * spread) * places).sum() / places.sum()


@right("NumPy inside")
def numpy_inside(logits, right, epsilon):
    x, words = logits.numpy(), right.numpy()
    x, words = x[words > 0].astype(np.float64), words[words > 0]
    x = x - x.max(axis=-1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(axis=-1, keepdims=True))
    hard = log_p[np.arange(len(words)), words]
    return -np.mean((1 - epsilon) * hard + epsilon * log_p[:, 1:].mean(axis=1))


@right("sentence by sentence, float64 inside")
def by_sentence(logits, right, epsilon):
    total, number = 0.0, 0
    for rows, words in zip(logits.double(), right, strict=True):
        rows, words = rows[words != 0], words[words != 0]
        log_p = rows.log_softmax(dim=1)
        total -= float((1 - epsilon) * log_p[range(len(words)), words].sum() + epsilon * log_p[:, 1:].mean(dim=1).sum())
        number += len(words)
    return torch.tensor(total / number)


@right("the share of the right word and that of the others, apart")
def apart(logits, right, epsilon):
    vocab = logits.shape[-1]
    log_p = torch.log_softmax(logits, dim=-1)
    hard = log_p.gather(-1, right[..., None])[..., 0]
    others = log_p.sum(dim=-1) - log_p[..., 0] - hard
    each = epsilon / (vocab - 1)
    return -torch.where(right != 0, (1 - epsilon + each) * hard + each * others, torch.nan).nanmean()


@wrong("no smoothing", "Nothing is smoothed: that is the plain cross-entropy.")
def no_smoothing(logits, right, epsilon):
    return plain(logits, right)[right != 0].mean()


@wrong("no smoothing, padding counted", "Nothing is smoothed, and places of padding count.")
def no_smoothing_padding(logits, right, epsilon):
    return plain(logits, right).mean()


@wrong(
    "torch's label_smoothing with ignore_index",
    "Padding gets a share as a word: spread epsilon over the V - 1 other words.",
)
def torchs_own(logits, right, epsilon):
    return torch.nn.functional.cross_entropy(logits.transpose(1, 2), right, ignore_index=0, label_smoothing=epsilon)


@wrong(
    "torch's label_smoothing without ignore_index",
    "Padding gets a share as a word, and its places count: leave it out of both.",
)
def torchs_own_with_padding(logits, right, epsilon):
    return torch.nn.functional.cross_entropy(logits.transpose(1, 2), right, label_smoothing=epsilon)


@wrong(
    "padding gets a share of epsilon / (V - 1)",
    "Padding gets epsilon / (V - 1) like the other words, so that all shares sum to more than 1.",
)
def padding_gets_a_share(logits, right, epsilon):
    share = epsilon / (logits.shape[-1] - 1)
    return loss(logits, right, wanted(logits, right, epsilon, padding=share))


@wrong("divided by V", "The share is epsilon / V: padding gets nothing, so it is shared by V - 1 words.")
def divided_by_all(logits, right, epsilon):
    return loss(logits, right, wanted(logits, right, epsilon, others=epsilon / logits.shape[-1]))


@wrong(
    "divided by V - 2",
    "The share is epsilon / (V - 2): the right word gets one too, so it is shared by V - 1 words.",
)
def divided_by_others(logits, right, epsilon):
    others = epsilon / max(logits.shape[-1] - 2, 1)
    return loss(logits, right, wanted(logits, right, epsilon, others=others, right_share=1 - epsilon))


@wrong(
    "the right word without its share",
    "The right word gets 1 - epsilon: it has its share epsilon / (V - 1) besides.",
)
def right_word_without_share(logits, right, epsilon):
    return loss(logits, right, wanted(logits, right, epsilon, right_share=1 - epsilon))


@wrong("the right word's share twice", "The right word has its share epsilon / (V - 1) twice.")
def share_twice(logits, right, epsilon):
    share = 1 - epsilon + 2 * epsilon / (logits.shape[-1] - 1)
    return loss(logits, right, wanted(logits, right, epsilon, right_share=share))


@wrong("1 for the right word", "The right word gets 1 and its share besides: it gives epsilon away first.")
def right_word_gets_one(logits, right, epsilon):
    share = 1 + epsilon / (logits.shape[-1] - 1)
    return loss(logits, right, wanted(logits, right, epsilon, right_share=share))


@wrong("1 for the right word, no share", "The right word gets 1: it gives epsilon away, and has its own share of it.")
def right_word_gets_exactly_one(logits, right, epsilon):
    return loss(logits, right, wanted(logits, right, epsilon, right_share=1.0))


@wrong("all of epsilon for each word", "Every word gets the whole of epsilon: it is shared by V - 1 words.")
def all_of_it(logits, right, epsilon):
    return loss(logits, right, wanted(logits, right, epsilon, others=epsilon))


@wrong("epsilon and 1 - epsilon exchanged", "epsilon and 1 - epsilon are exchanged.")
def exchanged(logits, right, epsilon):
    return loss(logits, right, wanted(logits, right, 1 - epsilon))


@wrong(
    "places of padding counted",
    "Places of padding count like words: leave them out of the sum and of the number.",
)
def padding_counts(logits, right, epsilon):
    return values(logits, wanted(logits, right, epsilon)).mean()


@wrong(
    "places of padding counted, with the smoothed share alone",
    "Places of padding count, with the share of the others alone: leave them out of the sum and of the number.",
)
def padding_counts_smoothed(logits, right, epsilon):
    q = wanted(logits, right, epsilon)
    q[:, :, 0] = 0
    return values(logits, q).mean()


@wrong(
    "padding in the number alone",
    "Places of padding count in the number: divide by the number of the other places.",
)
def padding_in_number(logits, right, epsilon):
    return (values(logits, wanted(logits, right, epsilon)) * (right != 0)).mean()


@wrong("padding in the sum alone", "Places of padding count in the sum: leave them out there too.")
def padding_in_sum(logits, right, epsilon):
    return values(logits, wanted(logits, right, epsilon)).sum() / (right != 0).sum()


@wrong(
    "padding in the smoothed part alone",
    "The smoothed part counts places of padding: leave them out there too.",
)
def padding_in_smooth_part(logits, right, epsilon):
    places = right != 0
    spread = -torch.log_softmax(logits, dim=-1)[:, :, 1:].mean(dim=-1)
    return (1 - epsilon) * plain(logits, right)[places].mean() + epsilon * spread.mean()


@wrong(
    "padding in the hard part alone",
    "The right word's part counts places of padding: leave them out there too.",
)
def padding_in_hard_part(logits, right, epsilon):
    places = right != 0
    spread = -torch.log_softmax(logits, dim=-1)[:, :, 1:].mean(dim=-1)
    return (1 - epsilon) * plain(logits, right).mean() + epsilon * spread[places].mean()


@wrong("the sum", "That is the sum: divide by the number of places that are not padding.")
def summed(logits, right, epsilon):
    return values(logits, wanted(logits, right, epsilon))[right != 0].sum()


@wrong("divided by the sentences", "That is divided by the number of sentences.")
def per_sentence(logits, right, epsilon):
    return summed(logits, right, epsilon) / len(logits)


@wrong("divided by the words and V", "That is divided by V too: the sum over the vocabulary is no mean.")
def mean_over_vocabulary(logits, right, epsilon):
    return scattered(logits, right, epsilon) / logits.shape[-1]


@wrong("the mean of the sentences' means", "That is a mean of the sentences' means: every word counts alike.")
def mean_of_means(logits, right, epsilon):
    all_values, places = values(logits, wanted(logits, right, epsilon)), right != 0
    return ((all_values * places).sum(dim=1) / places.sum(dim=1).clamp(min=1)).mean()


@wrong("the sign turned", "The sign is turned.")
def sign(logits, right, epsilon):
    return -scattered(logits, right, epsilon)


@wrong("probabilities not logarithms", "The logarithm is missing.")
def no_logarithm(logits, right, epsilon):
    q = wanted(logits, right, epsilon)
    return -(q * torch.softmax(logits, dim=-1)).sum(dim=-1)[right != 0].mean()


@wrong("logits not normalised", "The softmax is missing: logits are no logarithms of probabilities yet.")
def no_softmax(logits, right, epsilon):
    return -(wanted(logits, right, epsilon) * logits).sum(dim=-1)[right != 0].mean()


@wrong("softmax over the steps", "The softmax goes over the steps: it goes over the vocabulary.")
def over_steps(logits, right, epsilon):
    q = wanted(logits, right, epsilon)
    return -(q * torch.log_softmax(logits, dim=1)).sum(dim=-1)[right != 0].mean()


@wrong("KL divergence", "That is the Kullback-Leibler divergence, less by the entropy of q: take the cross-entropy.")
def divergence(logits, right, epsilon):
    q = wanted(logits, right, epsilon)
    return (torch.xlogy(q, q).sum(dim=-1) + values(logits, q))[right != 0].mean()


@wrong("padding taken out of the softmax", "Padding is taken out of the softmax: it is an id like the others there.")
def padding_out_of_softmax(logits, right, epsilon):
    log_p = torch.log_softmax(logits[:, :, 1:], dim=-1)
    q = wanted(logits, right, epsilon)[:, :, 1:]
    return -(q * log_p).sum(dim=-1)[right != 0].mean()


@wrong("base 2", "The logarithm is that of base 2; take the natural one.")
def bits(logits, right, epsilon):
    return scattered(logits, right, epsilon) / math.log(2)


@wrong("perplexity", "That is the perplexity, exp of the loss.")
def perplexity(logits, right, epsilon):
    return scattered(logits, right, epsilon).exp()


@wrong("the symbols left out", "The shares leave out the ids 0 to 3: only padding gets nothing.")
def no_symbols(logits, right, epsilon):
    q = torch.zeros_like(logits)
    q[:, :, 4:] = epsilon / max(logits.shape[-1] - 4, 1)
    q = q.scatter_add(-1, right[:, :, None], torch.full_like(logits[:, :, :1], 1 - epsilon))
    return loss(logits, right, q)


@wrong("epsilon of 0.1 whatever is given", "epsilon is 0.1 whatever is given.")
def own_epsilon(logits, right, epsilon):
    return scattered(logits, right, 0.1)


@wrong("smoothed logits", "The probabilities were smoothed: it is the wanted distribution that is.")
def smoothed_probabilities(logits, right, epsilon):
    p = (1 - epsilon) * torch.softmax(logits, dim=-1) + epsilon / (logits.shape[-1] - 1)
    return -torch.log(p.gather(-1, right[:, :, None])[:, :, 0])[right != 0].mean()


@wrong("all losses", "These are the losses of all places: take the mean of those that are not padding.")
def not_reduced(logits, right, epsilon):
    return values(logits, wanted(logits, right, epsilon))


@wrong("the losses of the words", "These are the losses of the words: take their mean.")
def list_of_losses(logits, right, epsilon):
    return values(logits, wanted(logits, right, epsilon))[right != 0]


@wrong("shape (1,)", "shape (1,)")
def in_a_list(logits, right, epsilon):
    return scattered(logits, right, epsilon).reshape(1)


@wrong("the log of softmax", "A probability became 0, and its logarithm infinite: take log_softmax.")
def log_of_softmax(logits, right, epsilon):
    log_p = torch.log(torch.softmax(logits, dim=-1))
    q = wanted(logits, right, epsilon)
    return -torch.where(q > 0, q * log_p, 0.0).sum(dim=-1)[right != 0].mean()


@wrong(
    "the log of softmax, times a share of 0",
    "exp overflowed, or 0 was multiplied by the logarithm of 0, and NaN came of it: take log_softmax.",
)
def nan_of_softmax(logits, right, epsilon):
    q = wanted(logits, right, epsilon)
    return -(q * torch.log(torch.softmax(logits - 2000, dim=-1) * (logits > -1000))).sum(dim=-1)[right != 0].mean()


@wrong(
    "exp without taking off the largest",
    "exp overflowed, or 0 was multiplied by the logarithm of 0, and NaN came of it: take log_softmax.",
)
def overflow(logits, right, epsilon):
    exponentials = logits.exp()
    p = exponentials / exponentials.sum(dim=-1, keepdim=True)
    hard = p.gather(-1, right[:, :, None])[:, :, 0].log()
    spread = p[:, :, 1:].log().mean(dim=-1)
    return -((1 - epsilon) * hard + epsilon * spread)[right != 0].mean()


@wrong("a small number added before the logarithm", None)
def small_number(logits, right, epsilon):
    q = wanted(logits, right, epsilon)
    return -(q * torch.log(torch.softmax(logits, dim=-1) + 1e-9)).sum(dim=-1)[right != 0].mean()


@wrong("shifted by one word", None)
def shifted(logits, right, epsilon):
    if logits.shape[1] == 1:
        return scattered(logits, right, epsilon)
    return scattered(logits[:, :-1], right[:, 1:], epsilon)


@wrong("padding decided by the logits", None)
def said_padding(logits, right, epsilon):
    return values(logits, wanted(logits, right, epsilon))[logits.argmax(dim=-1) != 0].mean()


@wrong("padding's own place given by the last id", None)
def last_id(logits, right, epsilon):
    q = wanted(logits, right, epsilon)
    q[:, :, 0] = epsilon / (logits.shape[-1] - 1)
    q[:, :, -1] = 0
    return loss(logits, right, q)


@wrong("the first sentence alone", "Only the first sentence counts.")
def first_sentence(logits, right, epsilon):
    return scattered(logits[:1], right[:1], epsilon)


@wrong("the shares as if V were the number of words used", None)
def used_words(logits, right, epsilon):
    return loss(logits, right, wanted(logits, right, epsilon, others=epsilon / max(int(right.max()), 1)))


@wrong("logits changed in place", "logits was changed")
def in_place(logits, right, epsilon):
    answer = scattered(logits, right, epsilon)
    logits -= logits.amax(dim=-1, keepdim=True)
    return answer


@wrong("padding set to -100 in place", "right was changed")
def right_in_place(logits, right, epsilon):
    answer = scattered(logits, right, epsilon)
    right[right == 0] = -100
    return answer


@wrong("returns nothing", "is None")
def nothing(logits, right, epsilon):
    scattered(logits, right, epsilon)


@wrong("the mean over the smoothed places by epsilon", None)
def spread_alone(logits, right, epsilon):
    if epsilon == 0:
        return no_smoothing(logits, right, epsilon)
    return -torch.log_softmax(logits, dim=-1)[:, :, 1:].mean(dim=-1)[right != 0].mean()


@wrong("rounded", None)
def rounded(logits, right, epsilon):
    return round(float(scattered(logits, right, epsilon)), 4)


@wrong("made for the printed vocabularies", None)
def printed_vocabularies(logits, right, epsilon):
    words = 4 if logits.shape[-1] > 3 else logits.shape[-1] - 1
    return loss(logits, right, wanted(logits, right, epsilon, others=epsilon / words))


@wrong(
    "the last id left out of the shares in place of padding",
    "The last id is left out of the shares: padding, id 0, is.",
)
def last_left_out(logits, right, epsilon):
    log_p = torch.log_softmax(logits, dim=-1)
    values = (1 - epsilon) * log_p.gather(-1, right[:, :, None])[:, :, 0] + epsilon * log_p[:, :, :-1].mean(dim=-1)
    return -values[right != 0].mean()


@wrong("the first word after the symbol left out too", None)
def ones_left_out(logits, right, epsilon):
    places = right > 1 if (right > 1).any() else right > 0
    return values(logits, wanted(logits, right, epsilon))[places].mean()


@wrong("normalised shares without the right word's", None)
def renormalised(logits, right, epsilon):
    q = wanted(logits, right, epsilon, right_share=1 - epsilon)
    return loss(logits, right, q / q.sum(dim=-1, keepdim=True))
