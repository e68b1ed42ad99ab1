"""Answers to ``alignment_error_rate(found, sure, possible)``."""

import itertools
from fractions import Fraction

import numpy as np

from tests.exercises.answers import right, wrong


def counts(found, sure, possible):
    """Return |A|, |S|, |P|, |A ∩ S| and |A ∩ P| of a corpus."""
    triples = list(zip(found, sure, possible, strict=True))
    sizes = (sum(map(len, some)) for some in (found, sure, possible))
    return (*sizes, sum(len(a & s) for a, s, _ in triples), sum(len(a & p) for a, _, p in triples))


def quotient(above, below):
    return above / below if below else 0.0


def a_sentence(a, s, p):
    return 1 - quotient(len(a & s) + len(a & p), len(a) + len(s))


@right("a loop over links")
def loop(found, sure, possible):
    hits_sure = hits_possible = number = 0
    for b in range(len(found)):
        for link in found[b]:
            number += 1
            if link in sure[b]:
                hits_sure += 1
            if link in possible[b]:
                hits_possible += 1
    return 1 - (hits_sure + hits_possible) / (number + sum(len(links) for links in sure))


@right("links with the numbers of their sentences")
def numbered(found, sure, possible):
    a, s, p = ({(b, *link) for b, links in enumerate(some) for link in links} for some in (found, sure, possible))
    return 1 - (len(a & s) + len(a & p)) / (len(a) + len(s))


@right("an array of counts, summed")
def numpy_inside(found, sure, possible):
    table = np.array(
        [[len(a & s), len(a & p), len(a), len(s)] for a, s, p in zip(found, sure, possible, strict=True)]
    ).sum(axis=0)
    return 1 - np.divide(table[:2].sum(), table[2:].sum())


@right("errors counted instead of hits, a fraction")
def errors(found, sure, possible):
    missed = sum(len(s - a) for a, s in zip(found, sure, strict=True))
    too_much = sum(len(a - p) for a, p in zip(found, possible, strict=True))
    return float(Fraction(missed + too_much, sum(map(len, itertools.chain(found, sure)))))


@right("from precision and recall, weighted")
def from_both(found, sure, possible):
    a, s, _, a_s, a_p = counts(found, sure, possible)
    return 1 - (quotient(a_s, s) * s + quotient(a_p, a) * a) / (a + s)


@right("intersection and update on copies")
def copies(found, sure, possible):
    above = below = 0
    for a, s, p in zip(found, sure, possible, strict=True):
        both = set(a)
        both &= s
        above += len(both) + len(set(a).intersection(p))
        below += len(list(a) + list(s))
    return (below - above) / below


@wrong(
    "one minus the F-measure with the sure links",
    "This is 1 - F with the sure links alone: links that are possible are no error.",
)
def sure_alone(found, sure, possible):
    a, s, _, a_s, _ = counts(found, sure, possible)
    return 1 - 2 * a_s / (a + s)


@wrong(
    "possible links in place of the sure ones",
    "The possible links were taken for sure: only the sure ones have to be found.",
)
def possible_alone(found, sure, possible):
    a, _, p, _, a_p = counts(found, sure, possible)
    return 1 - 2 * a_p / (a + p)


@wrong("sure and possible swapped", "Sure and possible links are swapped: below stands |A| + |S|.")
def swapped(found, sure, possible):
    a, _, p, a_s, a_p = counts(found, sure, possible)
    return 1 - (a_s + a_p) / (a + p)


@wrong(
    "the F-measure", "This is the F-measure of precision and recall; the error rate is another quotient, taken from 1."
)
def f_measure(found, sure, possible):
    a, s, _, a_s, a_p = counts(found, sure, possible)
    precision, recall = quotient(a_p, a), quotient(a_s, s)
    return quotient(2 * precision * recall, precision + recall)


@wrong("one minus the F-measure", "This is 1 - F of precision and recall: add the numbers of hits before you divide.")
def one_minus_f(found, sure, possible):
    return 1 - f_measure(found, sure, possible)


@wrong(
    "one minus the mean of precision and recall",
    "Precision and recall were averaged: add the numbers of hits before you divide.",
)
def mean_of_both(found, sure, possible):
    a, s, _, a_s, a_p = counts(found, sure, possible)
    return 1 - (quotient(a_p, a) + quotient(a_s, s)) / 2


@wrong("precision", "This is the precision, |A ∩ P| / |A|.")
def precision(found, sure, possible):
    a, _, _, _, a_p = counts(found, sure, possible)
    return quotient(a_p, a)


@wrong("one minus precision", "This is 1 - precision: sure links that are missing are errors, too.")
def one_minus_precision(found, sure, possible):
    return 1 - precision(found, sure, possible)


@wrong("recall", "This is the recall, |A ∩ S| / |S|.")
def recall(found, sure, possible):
    _, s, _, a_s, _ = counts(found, sure, possible)
    return quotient(a_s, s)


@wrong("one minus recall", "This is 1 - recall: links that are not possible are errors, too.")
def one_minus_recall(found, sure, possible):
    return 1 - recall(found, sure, possible)


@wrong("not taken from 1", "The quotient is not taken from 1: this is how right it is, not how wrong.")
def not_from_one(found, sure, possible):
    return 1 - loop(found, sure, possible)


@wrong(
    "the mean of the sentences' rates",
    "This is a mean of the sentences' rates, a sentence without links left out: sum the numbers first.",
)
def mean_of_sentences(found, sure, possible):
    rates = [a_sentence(a, s, p) for a, s, p in zip(found, sure, possible, strict=True) if a or s]
    return sum(rates) / len(rates)


@wrong(
    "the mean, 0 where there are no links",
    "This is a mean of the sentences' rates, with 0 where there are no links: sum the numbers first.",
)
def mean_with_zero(found, sure, possible):
    rates = [a_sentence(a, s, p) if a or s else 0.0 for a, s, p in zip(found, sure, possible, strict=True)]
    return sum(rates) / len(rates)


@wrong(
    "the mean, 1 where there are no links",
    "This is a mean of the sentences' rates, with 1 where there are no links: sum the numbers first.",
)
def mean_with_one(found, sure, possible):
    rates = [a_sentence(a, s, p) for a, s, p in zip(found, sure, possible, strict=True)]
    return sum(rates) / len(rates)


@wrong(
    "links pooled without their sentences",
    "Links of different sentences became one set: (0, 0) in two sentences is two links.",
)
def pooled(found, sure, possible):
    return a_sentence(*(set().union(*some) for some in (found, sure, possible)))


@wrong("links compared with any sentence's", "Links were looked up in the other sentences, too.")
def looked_up_anywhere(found, sure, possible):
    s, p = set().union(*sure), set().union(*possible)
    above = sum(len(a & s) + len(a & p) for a in found)
    return 1 - above / (sum(map(len, found)) + sum(map(len, sure)))


@wrong(
    "sure links not counted twice",
    "A link that is sure and found counts once here: it is in |A ∩ S|, and in |A ∩ P|, as P holds S.",
)
def counted_once(found, sure, possible):
    a, s, _, _, a_p = counts(found, sure, possible)
    return 1 - a_p / (a + s)


@wrong(
    "possible without the sure ones",
    "A link that is sure and found counts once here: it is in |A ∩ S|, and in |A ∩ P|, as P holds S.",
)
def possible_without_sure(found, sure, possible):
    return loop(found, sure, [p - s for s, p in zip(sure, possible, strict=True)])


@wrong("divided by the union", "The divisor is the union of A and S: it is |A| + |S|.")
def union(found, sure, possible):
    _, _, _, a_s, a_p = counts(found, sure, possible)
    return 1 - (a_s + a_p) / sum(len(a | s) for a, s in zip(found, sure, strict=True))


@wrong("divided by all three", "The divisor is |A| + |S| + |P|: it is |A| + |S|.")
def all_three(found, sure, possible):
    a, s, p, a_s, a_p = counts(found, sure, possible)
    return 1 - (a_s + a_p) / (a + s + p)


@wrong("divided by the found links", "The divisor is |A|: it is |A| + |S|.")
def by_found(found, sure, possible):
    a, _, _, a_s, a_p = counts(found, sure, possible)
    return 1 - (a_s + a_p) / a


@wrong("divided by twice the found links", "The divisor is 2 |A|: it is |A| + |S|.")
def by_twice_found(found, sure, possible):
    a, _, _, a_s, a_p = counts(found, sure, possible)
    return 1 - (a_s + a_p) / (2 * a)


@wrong("brackets forgotten", "Brackets are missing: both numbers of hits are divided.")
def brackets(found, sure, possible):
    a, s, _, a_s, a_p = counts(found, sure, possible)
    return 1 - a_s + a_p / (a + s)


@wrong("1 minus only the first", "Brackets are missing: the 1 is not part of what is divided.")
def brackets_of_one(found, sure, possible):
    a, s, _, a_s, a_p = counts(found, sure, possible)
    return (1 - a_s + a_p) / (a + s)


@wrong("the number of errors", "This is the number of errors: divide by |A| + |S|.")
def number_of_errors(found, sure, possible):
    a, s, _, a_s, a_p = counts(found, sure, possible)
    return a + s - a_s - a_p


@wrong("found links turned round", "The links found were turned round: the source word comes first in all of them.")
def turned(found, sure, possible):
    return loop([{(i, k) for k, i in links} for links in found], sure, possible)


@wrong("sentences without links found are passed over", None)
def not_found_passed_over(found, sure, possible):
    triples = [triple for triple in zip(found, sure, possible, strict=True) if triple[0]]
    return loop(*zip(*triples, strict=True)) if triples else 1.0


@wrong("sentences without sure links are passed over", None)
def not_sure_passed_over(found, sure, possible):
    triples = [triple for triple in zip(found, sure, possible, strict=True) if triple[1]]
    return loop(*zip(*triples, strict=True)) if triples else 0.0


@wrong("the first sentence", "Only the first sentence was counted.")
def first_sentence(found, sure, possible):
    return loop(found[:1], sure[:1], possible[:1])


@wrong("the last sentence with links", "Only the last sentence was counted: are the numbers emptied for each?")
def last_sentence(found, sure, possible):
    return loop(found[1:], sure[1:], possible[1:])


@wrong("the source words alone", "Only the source words were compared: a link is a pair.")
def source_words(found, sure, possible):
    some = [[{k for k, _ in links} for links in one] for one in (found, sure, possible)]
    return loop(*some)


@wrong("the target words alone", "Only the target words were compared: a link is a pair.")
def target_words(found, sure, possible):
    some = [[{i for _, i in links} for links in one] for one in (found, sure, possible)]
    return loop(*some)


@wrong("a percentage", "This is a percentage: the rate is a number from 0 to 1.")
def percentage(found, sure, possible):
    return 100 * loop(found, sure, possible)


@wrong("rounded", None)
def rounded(found, sure, possible):
    return round(loop(found, sure, possible), 2)


@wrong("writes into the sets", "The sets were changed by the call")
def writes(found, sure, possible):
    below = sum(map(len, found)) + sum(map(len, sure))
    above = sum(len(a & s) for a, s in zip(found, sure, strict=True))
    for a, p in zip(found, possible, strict=True):
        a &= p
    return 1 - (above + sum(map(len, found))) / below
