"""Answers to ``masked_loss(logits, target)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def losses(logits, right, dim=-1):
    """Return -log p of these words, (batch, steps)."""
    return -torch.log_softmax(logits, dim=dim).gather(-1, right.unsqueeze(-1)).squeeze(-1)


def mean_where(values, places):
    return (values * places).sum() / places.sum()


def said(target):
    return target[:, 1:] != 0


@right("a loop over sentences and steps")
def loop(logits, target):
    total, number = 0.0, 0
    for b in range(len(logits)):
        for t in range(logits.shape[1]):
            word = int(target[b, t + 1])
            if word != 0:
                total = total - torch.log_softmax(logits[b, t], dim=0)[word]
                number += 1
    return total / number


@right("logsumexp less the right word's logit, times the mask")
def logsumexp(logits, target):
    right_logits = torch.gather(logits, 2, target[:, 1:, None])[:, :, 0]
    all_losses = torch.logsumexp(logits, dim=2) - right_logits
    return mean_where(all_losses, said(target))


@right("indexes with the words alone")
def indexed(logits, target):
    rows, words = logits[said(target)], target[:, 1:][said(target)]
    return -torch.log_softmax(rows, dim=-1)[torch.arange(len(words)), words].mean()


@right("one-hot vectors")
def one_hot(logits, target):
    Y = torch.nn.functional.one_hot(target[:, 1:], logits.shape[-1]).to(logits.dtype)
    Y[:, :, 0] = 0
    return -(Y * torch.log_softmax(logits, dim=-1)).sum() / Y.sum()


@right("NumPy inside, the largest logit taken off")
def numpy_inside(logits, target):
    x, words = logits.numpy(), target.numpy()[:, 1:]
    x = x - x.max(axis=-1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(axis=-1, keepdims=True))
    chosen = np.take_along_axis(log_p, words[..., None], axis=-1)[..., 0]
    return -np.average(chosen, weights=words > 0)


@right("a masked mean with nan")
def nanmean(logits, target):
    return losses(logits, target[:, 1:]).masked_fill(~said(target), torch.nan).nanmean()


@right("sentence by sentence, weighted by the numbers of words, float64 inside, a float comes back")
def sentence_by_sentence(logits, target):
    total = 0.0
    for rows, words in zip(logits.double(), target[:, 1:], strict=True):
        length = int((words != 0).sum())
        total += losses(rows[None, :length], words[None, :length]).mean().item() * length
    return total / int(said(target).sum())


@right("one long list of places")
def flattened(logits, target):
    words = target[:, 1:].reshape(-1)
    log_p = torch.log_softmax(logits.reshape(-1, logits.shape[-1]), dim=1)
    weights = (words > 0).to(logits.dtype)
    return -(log_p[range(len(words)), words] * weights).sum() / weights.sum()


@wrong("padding counts like a word", "Padding counts like a word")
def padding_counts(logits, target):
    return losses(logits, target[:, 1:]).mean()


@wrong("cross_entropy with its own ignore_index of -100", "Padding counts like a word")
def ignore_index_forgotten(logits, target):
    return torch.nn.functional.cross_entropy(logits.transpose(1, 2), target[:, 1:])


@wrong("padding left out of the sum, not of N", "Padding is in N")
def padding_in_n(logits, target):
    return (losses(logits, target[:, 1:]) * said(target)).mean()


@wrong("padding left out of N, not of the sum", "Padding is in the sum")
def padding_in_sum(logits, target):
    return losses(logits, target[:, 1:]).sum() / said(target).sum()


@wrong("the sum", "This is the sum: divide")
def summed(logits, target):
    return (losses(logits, target[:, 1:]) * said(target)).sum()


@wrong("the sum, padding included", "This is the sum, with padding")
def summed_with_padding(logits, target):
    return losses(logits, target[:, 1:]).sum()


@wrong("divides by the number of sentences", "number of sentences")
def per_sentence(logits, target):
    return (losses(logits, target[:, 1:]) * said(target)).sum() / len(target)


@wrong("divides by the number of steps", "number of steps")
def per_step(logits, target):
    return (losses(logits, target[:, 1:]) * said(target)).sum() / logits.shape[1]


@wrong("the mean of the sentences' means", "mean of the sentences' means")
def mean_of_means(logits, target):
    values, places = losses(logits, target[:, 1:]), said(target)
    return ((values * places).sum(dim=1) / places.sum(dim=1)).mean()


@wrong("the mean of the steps' means", None)
def mean_of_steps(logits, target):
    values, places = losses(logits, target[:, 1:]), said(target)
    return ((values * places).sum(dim=0) / places.sum(dim=0).clamp(min=1)).mean()


@wrong("EOS left out", "EOS is left out: it is")
def eos_left_out(logits, target):
    return mean_where(losses(logits, target[:, 1:]), said(target) & (target[:, 1:] != 2))


@wrong("EOS left out of the sum alone", "and counted in N")
def eos_left_out_of_sum(logits, target):
    words = target[:, 1:]
    return (losses(logits, words) * (words != 0) * (words != 2)).sum() / (words != 0).sum()


@wrong("all symbols left out", "and so is UNK")
def symbols_left_out(logits, target):
    return mean_where(losses(logits, target[:, 1:]), target[:, 1:] > 3)


@wrong("UNK left out", "UNK is left out: it is")
def unknown_left_out(logits, target):
    return mean_where(losses(logits, target[:, 1:]), said(target) & (target[:, 1:] != 3))


@wrong("the word that was read is taken for the right one: BOS is scored", "The word that was read")
def not_shifted(logits, target):
    words = target[:, :-1]
    return mean_where(losses(logits, words), words != 0)


@wrong("not shifted, padding counted", "and padding counts")
def not_shifted_with_padding(logits, target):
    return losses(logits, target[:, :-1]).mean()


@wrong("not shifted, BOS left out", "and BOS is left out")
def not_shifted_without_bos(logits, target):
    words = target[:, :-1]
    return mean_where(losses(logits, words), words > 1)


@wrong("not shifted, with the mask of the right words", "at the right places")
def not_shifted_right_mask(logits, target):
    return mean_where(losses(logits, target[:, :-1]), said(target))


@wrong("the mask asks the word that was read", "One place too many counts")
def mask_of_read_words(logits, target):
    return mean_where(losses(logits, target[:, 1:]), target[:, :-1] != 0)


@wrong("the first step left out", "The first step is missing")
def first_step_left_out(logits, target):
    return mean_where(losses(logits, target[:, 1:])[:, 1:], said(target)[:, 1:])


@wrong("the last step left out", "The last step is missing")
def last_step_left_out(logits, target):
    return mean_where(losses(logits, target[:, 1:])[:, :-1], said(target)[:, :-1])


@wrong("the first sentence alone", "Only the first sentence")
def first_sentence(logits, target):
    return loop(logits[:1], target[:1])


@wrong("the last sentence alone", "Only the last sentence")
def last_sentence(logits, target):
    return loop(logits[-1:], target[-1:])


@wrong("base 2", "base 2")
def bits(logits, target):
    return loop(logits, target) / math.log(2)


@wrong("base 10", "base 10")
def decimal(logits, target):
    return loop(logits, target) / math.log(10)


@wrong("the sign turned", "sign is turned")
def sign(logits, target):
    return -loop(logits, target)


@wrong("the perplexity", "That is the perplexity")
def perplexity(logits, target):
    return torch.exp(loop(logits, target))


@wrong("no logarithm", "mean of the probabilities")
def probabilities(logits, target):
    return mean_where(torch.exp(-losses(logits, target[:, 1:])), said(target))


@wrong("1 - p", "mean of 1 - p")
def one_minus(logits, target):
    return mean_where(1 - torch.exp(-losses(logits, target[:, 1:])), said(target))


@wrong("the logarithm of the mean", "logarithm came last")
def log_last(logits, target):
    return -torch.log(mean_where(torch.exp(-losses(logits, target[:, 1:])), said(target)))


@wrong("no softmax", "The softmax is missing")
def no_softmax(logits, target):
    return -mean_where(logits.gather(-1, target[:, 1:, None])[:, :, 0], said(target))


@wrong("softmax over the steps", "softmax goes over the steps")
def over_steps(logits, target):
    return mean_where(losses(logits, target[:, 1:], dim=1), said(target))


@wrong("softmax over the sentences", "softmax goes over the sentences")
def over_sentences(logits, target):
    return mean_where(losses(logits, target[:, 1:], dim=0), said(target))


@wrong("two softmaxes", "two softmaxes")
def two_softmaxes(logits, target):
    return loop(torch.softmax(logits, dim=-1), target)


@wrong("padding left out of the softmax", "Padding is left out of the softmax")
def padding_out_of_softmax(logits, target):
    logits = logits.clone()
    logits[:, :, 0] = -torch.inf
    return loop(logits, target)


@wrong("leaves out the steps where the network says padding", "at which the network says padding")
def said_padding_left_out(logits, target):
    return mean_where(losses(logits, target[:, 1:]), logits.argmax(dim=-1) != 0)


@wrong("the share of wrong words", "share of wrong words")
def error_rate(logits, target):
    return mean_where((logits.argmax(dim=-1) != target[:, 1:]).double(), said(target))


@wrong("the share of right words", "share of right words")
def accuracy(logits, target):
    return mean_where((logits.argmax(dim=-1) == target[:, 1:]).double(), said(target))


@wrong("sums the logarithms of all words", "The wrong words are in it")
def all_words(logits, target):
    return mean_where(-torch.log_softmax(logits, dim=-1).sum(dim=-1), said(target))


@wrong("averages the logarithms of all words", "mean over the vocabulary")
def mean_of_vocabulary(logits, target):
    return mean_where(-torch.log_softmax(logits, dim=-1).mean(dim=-1), said(target))


@wrong("a squared error", "squared error")
def squared(logits, target):
    Y = torch.nn.functional.one_hot(target[:, 1:], logits.shape[-1])
    return mean_where(((torch.softmax(logits, dim=-1) - Y) ** 2).sum(dim=-1), said(target))


@wrong("all losses", "losses of all places: take the mean of those")
def not_reduced(logits, target):
    return losses(logits, target[:, 1:])


@wrong("all losses, 0 on padding", "losses of all places, 0 on padding")
def not_reduced_masked(logits, target):
    return losses(logits, target[:, 1:]) * said(target)


@wrong("the losses of the words", "losses of the words")
def list_of_losses(logits, target):
    return losses(logits, target[:, 1:])[said(target)]


@wrong("a mean a sentence", "a mean a sentence")
def sentence_means(logits, target):
    values, places = losses(logits, target[:, 1:]), said(target)
    return (values * places).sum(dim=1) / places.sum(dim=1)


@wrong("shape (1,)", "has shape (1,)")
def one_number_in_a_list(logits, target):
    return loop(logits, target).reshape(1)


@wrong("softmax, then log", "its logarithm infinite")
def log_of_softmax(logits, target):
    p = torch.softmax(logits, dim=-1).gather(-1, target[:, 1:, None])[:, :, 0]
    return -torch.log(p[said(target)]).mean()


@wrong("exp over its sum, then log", "The probability became 0")
def exp_over_sum(logits, target):
    exponentials = torch.exp(logits)
    p = exponentials / exponentials.sum(dim=-1, keepdim=True)
    return -torch.log(p.gather(-1, target[:, 1:, None])[:, :, 0][said(target)]).mean()


@wrong("the log of the sum of exp", "exp overflowed")
def log_of_sum(logits, target):
    values = torch.log(torch.exp(logits).sum(dim=-1)) - logits.gather(-1, target[:, 1:, None])[:, :, 0]
    return torch.nan_to_num(values[said(target)], nan=0.0, posinf=torch.nan).mean()


@wrong("1e-9 added before the logarithm", None)
def epsilon(logits, target):
    p = torch.softmax(logits, dim=-1).gather(-1, target[:, 1:, None])[:, :, 0]
    return -torch.log(p[said(target)] + 1e-9).mean()


@wrong("cut off at 1e-12 before the logarithm", "A small number was added before the logarithm")
def clamped(logits, target):
    p = torch.softmax(logits, dim=-1).gather(-1, target[:, 1:, None])[:, :, 0]
    return -torch.log(p[said(target)].clamp(min=1e-12)).mean()


@wrong("label smoothing", None)
def smoothed(logits, target):
    return torch.nn.functional.cross_entropy(logits.transpose(1, 2), target[:, 1:], ignore_index=0, label_smoothing=0.1)


@wrong("takes reshaped logits for transposed ones", None)
def reshaped(logits, target):
    return torch.nn.functional.cross_entropy(
        logits.reshape(len(logits), logits.shape[2], logits.shape[1]), target[:, 1:], ignore_index=0
    )


@wrong("multiplies the logits by the mask, and counts all", None)
def logits_masked(logits, target):
    return losses(logits * said(target)[:, :, None], target[:, 1:]).mean()


@wrong("multiplies the logits by the mask, and divides by the right number", None)
def logits_masked_in_sum(logits, target):
    return losses(logits * said(target)[:, :, None], target[:, 1:]).sum() / said(target).sum()


@wrong("stops the whole batch at the first EOS", None)
def stops_at_the_first_end(logits, target):
    end = int((target == 2).int().argmax(dim=1).min())
    return mean_where(losses(logits, target[:, 1:])[:, :end], said(target)[:, :end])


@wrong("the wrong padding id: the last of the vocabulary", None)
def wrong_padding(logits, target):
    return mean_where(losses(logits, target[:, 1:]), target[:, 1:] != logits.shape[-1] - 1)


@wrong("flattens logits and words in different orders", None)
def different_orders(logits, target):
    words = target[:, 1:].T.reshape(-1)
    values = losses(logits.reshape(1, -1, logits.shape[-1]), words[None])[0]
    return values[words != 0].mean()


@wrong("writes zeros over the logits of padding", "logits was changed")
def logits_in_place(logits, target):
    logits[~said(target)] = 0
    return loop(logits, target)


@wrong("sets padding to -100 in the target", "target was changed")
def target_in_place(logits, target):
    answer = loop(logits, target)
    target[target == 0] = -100
    return answer


@wrong("sets padding's logits to 0 in place, and back to something else", "logits was changed")
def logits_shifted(logits, target):
    answer = loop(logits, target)
    logits -= logits.amax(dim=-1, keepdim=True)
    return answer


@wrong("assumes that sentence 0 is the longest and is not padded", None)
def first_is_full(logits, target):
    places = said(target).clone()
    places[0] = True
    return mean_where(losses(logits, target[:, 1:]), places)


@wrong("the largest loss", None)
def worst(logits, target):
    return losses(logits, target[:, 1:])[said(target)].max()


@wrong("the median loss", None)
def median(logits, target):
    return losses(logits, target[:, 1:])[said(target)].median()


@wrong("an int", None)
def rounded(logits, target):
    return round(float(loop(logits, target)), 3)


@wrong("returns nothing", "is None")
def nothing(logits, target):
    loop(logits, target)


@wrong("BOS in N", "BOS is in N")
def begin_in_n(logits, target):
    return (losses(logits, target[:, 1:]) * said(target)).sum() / (target != 0).sum()


@wrong("EOS left out of N alone", "EOS is left out of N alone")
def eos_left_out_of_n(logits, target):
    return (losses(logits, target[:, 1:]) * said(target)).sum() / (target > 2).sum().clamp(min=1)


@wrong("N - 1", None)
def one_less(logits, target):
    return (losses(logits, target[:, 1:]) * said(target)).sum() / (said(target).sum() - 1)


@wrong("a small number added to N", None)
def epsilon_in_n(logits, target):
    return (losses(logits, target[:, 1:]) * said(target)).sum() / (said(target).sum() + 1e-5)


@wrong("one softmax for the whole array", "softmax goes over the whole array")
def over_everything(logits, target):
    log_p = torch.log_softmax(logits.reshape(-1), dim=0).reshape(logits.shape)
    return -mean_where(log_p.gather(-1, target[:, 1:, None])[:, :, 0], said(target))


@wrong("one softmax a sentence", "softmax goes over a whole sentence")
def over_a_sentence(logits, target):
    log_p = torch.log_softmax(logits.flatten(1), dim=1).reshape(logits.shape)
    return -mean_where(log_p.gather(-1, target[:, 1:, None])[:, :, 0], said(target))


@wrong("a sigmoid for each word of the vocabulary", None)
def binary(logits, target):
    Y = torch.nn.functional.one_hot(target[:, 1:], logits.shape[-1]).to(logits.dtype)
    values = torch.nn.functional.binary_cross_entropy_with_logits(logits, Y, reduction="none")
    return values.sum(dim=-1)[said(target)].mean()


@wrong("cuts the logits off at ±100", None)
def clipped(logits, target):
    return loop(logits.clamp(-100, 100), target)


@wrong("the smallest number of the dtype added before the logarithm", None)
def tiny(logits, target):
    p = torch.softmax(logits, dim=-1).gather(-1, target[:, 1:, None])[:, :, 0]
    return -torch.log(p[said(target)] + torch.finfo(logits.dtype).tiny).mean()


@wrong("cuts the batch off where the first sentence ends", None)
def as_long_as_the_first(logits, target):
    end = int(said(target)[0].sum())
    return mean_where(losses(logits, target[:, 1:])[:, :end], said(target)[:, :end])


@wrong("one id too low: words counted from 1", None)
def one_id_too_low(logits, target):
    return mean_where(losses(logits, (target[:, 1:] - 1).clamp(min=0)), said(target))


@wrong("the root of the mean square", None)
def root_mean_square(logits, target):
    return (losses(logits, target[:, 1:])[said(target)] ** 2).mean().sqrt()


@wrong("the loss and the number of words", "Does the function return more than one thing?")
def with_number(logits, target):
    return loop(logits, target), said(target).sum()
