"""Answers to ``brevity_penalty(translations, references)``."""

import itertools
import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def total(sentences):
    return sum(map(len, sentences))


@right("a loop that counts word by word")
def loop(translations, references):
    c = r = 0
    for sentence in translations:
        for _ in sentence:
            c += 1
    for sentence in references:
        r += len(sentence)
    if c > r:
        return 1
    return math.exp(1 - r / c) if c else 0


@right("NumPy, the limit by exp(-inf)")
def numpy_inside(translations, references):
    c, r = (np.sum([len(words) for words in some]) for some in (translations, references))
    with np.errstate(divide="ignore"):
        return np.minimum(1.0, np.exp(1 - np.float64(r) / c))


@right("torch, a tensor comes back")
def torch_inside(translations, references):
    c, r = (torch.tensor([len(words) for words in some]).sum().double() for some in (translations, references))
    return torch.exp((1 - r / c).clamp(max=0))


@right("all words chained into one list")
def chained(translations, references):
    c, r = (len(list(itertools.chain.from_iterable(some))) for some in (translations, references))
    return 0.0 if c == 0 else 1.0 if c >= r else math.e ** (1 - r / c)


@right("the lists added up")
def added(translations, references):
    words, wanted = list(itertools.chain(*translations)), list(itertools.chain(*references))
    if not words:
        return 0.0
    return math.exp(min(0, 1 - len(wanted) / len(words)))


@right("pair by pair, the exception caught")
def caught(translations, references):
    c = r = 0
    for translation, reference in zip(translations, references, strict=True):
        c, r = c + len(translation), r + len(reference)
    try:
        return math.exp(min(0.0, (c - r) / c))
    except ZeroDivisionError:
        return 0.0


@wrong(
    "the ratio turned round",
    "It is 1, although the translations are shorter: is the quotient r/c turned round, or were sentences counted?",
)
def ratio_turned(translations, references):
    c, r = total(translations), total(references)
    return min(1.0, math.exp(1 - c / r)) if c else 0.0


@wrong(
    "the ratio turned round, the condition as well",
    "It is 1, although the translations are shorter: is the quotient r/c turned round, or were sentences counted?",
)
def punishes_long(translations, references):
    c, r = total(translations), total(references)
    return 1.0 if c < r else math.exp(1 - c / r)


@wrong("no cap", "It is above 1: translations that are longer get no bonus.")
def no_cap(translations, references):
    c, r = total(translations), total(references)
    return math.exp(1 - r / c) if c else 0.0


@wrong(
    "the mean of the sentences' penalties",
    "This is a mean of the sentences' penalties: add the lengths of the corpus first.",
)
def mean_of_sentences(translations, references):
    return float(np.mean([loop([t], [r]) for t, r in zip(translations, references, strict=True)]))


@wrong(
    "the product of the sentences' penalties",
    "This is a product of the sentences' penalties: add the lengths of the corpus first.",
)
def product_of_sentences(translations, references):
    return math.prod(loop([t], [r]) for t, r in zip(translations, references, strict=True))


@wrong(
    "the mean weighted by length",
    "This is a mean of the sentences' penalties, weighted by length: add the lengths of the corpus first.",
)
def weighted_mean(translations, references):
    each = [loop([t], [r]) * len(r) for t, r in zip(translations, references, strict=True)]
    return sum(each) / total(references)


@wrong(
    "the mean of the sentences' ratios",
    "The quotients of the sentences were averaged: add the lengths of the corpus first.",
)
def mean_of_ratios(translations, references):
    ratios = [len(r) / max(1, len(t)) for t, r in zip(translations, references, strict=True)]
    return min(1.0, math.exp(1 - sum(ratios) / len(ratios))) if total(translations) else 0.0


@wrong(
    "a long sentence can't make up for a short one",
    "Each length was cut off at its reference's: a long sentence may make up for a short one.",
)
def cut_off(translations, references):
    c = sum(min(len(t), len(r)) for t, r in zip(translations, references, strict=True))
    return math.exp(1 - total(references) / c) if c else 0.0


@wrong("the plain ratio", "The exponential is missing: this is c/r.")
def plain_ratio(translations, references):
    return min(1.0, total(translations) / total(references))


@wrong("one minus the ratio", "The exponential is missing: this is 1 - r/c.")
def no_exponential(translations, references):
    c, r = total(translations), total(references)
    return 1.0 if c >= r else 1 - r / c if c else 0.0


@wrong("exp of minus the ratio", "The 1 is missing in the exponent, 1 - r/c.")
def no_one(translations, references):
    c, r = total(translations), total(references)
    return 1.0 if c >= r else math.exp(-r / c) if c else 0.0


@wrong("the sign turned", "The sign of the exponent is turned: it is 1 - r/c.")
def sign_turned(translations, references):
    c, r = total(translations), total(references)
    return 1.0 if c > r else math.exp(r / c - 1) if c else 0.0


@wrong("the difference of the lengths", "The exponent is the difference of the lengths: it is 1 - r/c.")
def difference(translations, references):
    return math.exp(min(0, total(translations) - total(references)))


@wrong("base 2", "The base is 2: take e.")
def base_two(translations, references):
    c, r = total(translations), total(references)
    return min(1.0, 2 ** (1 - r / c)) if c else 0.0


@wrong("base 10", "The base is 10: take e.")
def base_ten(translations, references):
    c, r = total(translations), total(references)
    return min(1.0, 10 ** (1 - r / c)) if c else 0.0


@wrong("whole-number division", "The quotient lost its fraction: // divides whole numbers.")
def whole_numbers(translations, references):
    c, r = total(translations), total(references)
    return min(1.0, math.exp(1 - r // c)) if c else 0.0


@wrong(
    "the numbers of sentences",
    "It is 1, although the translations are shorter: is the quotient r/c turned round, or were sentences counted?",
)
def sentences(translations, references):
    return min(1.0, math.exp(1 - len(references) / len(translations))) if total(translations) else 0.0


@wrong("different words", "Each word was counted once in its sentence: count every place.")
def different_in_sentence(translations, references):
    c, r = (sum(len(set(words)) for words in some) for some in (translations, references))
    return min(1.0, math.exp(1 - r / c)) if c else 0.0


@wrong("different words of the corpus", "Each word was counted once in the corpus: count every place.")
def different_in_corpus(translations, references):
    c, r = (len(set(itertools.chain(*some))) for some in (translations, references))
    return min(1.0, math.exp(1 - r / c)) if c else 0.0


@wrong("letters", "Letters were counted: count words.")
def letters(translations, references):
    c, r = (sum(len(word) for words in some for word in words) for some in (translations, references))
    return min(1.0, math.exp(1 - r / c)) if c else 0.0


@wrong(
    "words that both have",
    "Only words of the reference were counted: the lengths are those of the sentences, right words or not.",
)
def common_words(translations, references):
    c = sum(word in r for t, r in zip(translations, references, strict=True) for word in t)
    return min(1.0, math.exp(1 - total(references) / c)) if c else 0.0


@wrong("the first sentence", "Only the first sentence was counted.")
def first_sentence(translations, references):
    return loop(translations[:1], references[:1])


@wrong("the last sentence", "Only the last sentence was counted: are the sums emptied for each?")
def last_sentence(translations, references):
    return loop(translations[-1:], references[-1:])


@wrong("punctuation left out", "Punctuation was left out: its marks are words here.")
def without_punctuation(translations, references):
    c, r = (sum(word not in ".,!?'" for words in some for word in words) for some in (translations, references))
    return min(1.0, math.exp(1 - r / c)) if c else 0.0


@wrong("EOS counted in every sentence", "One word too many was counted in each sentence: EOS is no word.")
def end_counted(translations, references):
    c, r = total(translations) + len(translations), total(references) + len(references)
    return min(1.0, math.exp(1 - r / c)) if total(translations) else 0.0


@wrong("a percentage", "This is a percentage: the penalty is a factor from 0 to 1.")
def percentage(translations, references):
    return 100 * loop(translations, references)


@wrong("empty translations divide by 0", None)
def divides_by_zero(translations, references):
    return min(1.0, math.exp(1 - total(references) / total(translations)))


@wrong("empty translations get 1", None)
def empty_get_one(translations, references):
    return loop(translations, references) if total(translations) else 1.0


@wrong("sentences without a word are passed over", None)
def empty_passed_over(translations, references):
    pairs = [(t, r) for t, r in zip(translations, references, strict=True) if t]
    return loop(*zip(*pairs, strict=True)) if pairs else 0.0


@wrong("empty lists are taken out of the argument", None)
def empty_taken_out(translations, references):
    while [] in translations:
        translations.remove([])
    return loop(translations, references)
