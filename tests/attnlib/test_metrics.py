"""Scores of translations, against sacrebleu and by hand; of alignments, against counting link by link."""

import logging
import math
import re
from fractions import Fraction

import numpy as np
import pytest
import sacrebleu
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from attnlib.metrics import (
    Bucket,
    Score,
    alignment_error_rate,
    alignment_precision,
    alignment_recall,
    bleu,
    bleu_by_length,
    brevity_penalty,
    chrf,
    exact_match,
    links_from_weights,
    token_accuracy,
)
from attnlib.symbols import PAD
from tests.attnlib.strategies import make, plain

words = st.sampled_from(["je", "t'", "aime", "Le", "la", "chat", "noir", ".", "?", "beaucoup", "ne", "pas"])
texts = st.lists(words, min_size=1, max_size=8).map(" ".join)
link = st.tuples(st.integers(0, 3), st.integers(0, 3))
links = st.frozensets(link, max_size=8)
both = pytest.mark.parametrize("metric", [bleu, chrf])


def raises(message, error=ValueError):
    return pytest.raises(error, match=f"^{re.escape(message)}")


@st.composite
def corpora(draw):
    """Hypotheses, and for each of them one reference or more."""
    hypotheses = draw(st.lists(texts, min_size=1, max_size=5))
    several = [draw(st.lists(texts, min_size=1, max_size=3)) for _ in hypotheses]
    return hypotheses, several


# BLEU and chrF


def counted(segments, order):
    """The n-grams of a list of tokens, with how often each stands there."""
    grams = [tuple(segments[k : k + order]) for k in range(len(segments) - order + 1)]
    return {gram: grams.count(gram) for gram in grams}


def bleu_by_hand(hypotheses, references):
    """BLEU by its definition, for sentences of plain words and one reference each, without smoothing."""
    pairs = [(one.split(), other.split()) for one, other in zip(hypotheses, references, strict=True)]
    log_precisions = []
    for order in range(1, 5):
        right = total = 0
        for one, other in pairs:
            said, wanted = counted(one, order), counted(other, order)
            right += sum(min(count, wanted.get(gram, 0)) for gram, count in said.items())
            total += sum(said.values())
        log_precisions.append(math.log(right / total))
    c, r = (sum(len(pair[k]) for pair in pairs) for k in (0, 1))
    return 100 * min(1, math.exp(1 - r / c)) * math.exp(sum(log_precisions) / 4)


def test_bleu_by_its_definition():
    hypotheses = ["le chat noir dort sur le lit", "je ne mange pas de pain ce soir", "elle aime la mer"]
    references = ["le chat noir dort sur un lit", "je ne mange pas de pain ce matin", "elle aime beaucoup la mer"]
    assert bleu(hypotheses, references).value == pytest.approx(bleu_by_hand(hypotheses, references), abs=1e-9)
    swapped = bleu(references, hypotheses)
    assert swapped.value == pytest.approx(bleu_by_hand(references, hypotheses), abs=1e-9)
    assert swapped.value != pytest.approx(bleu(hypotheses, references).value)


def test_the_example_of_papineni():
    # Their example 2: "the" counts twice, as often as in the reference that has most of them.
    score = bleu(["the the the the the the the"], [["the cat is on the mat", "there is a cat on the mat"]])
    assert score.details["precisions"][0] == pytest.approx(100 * 2 / 7)


@given(corpora())
def test_both_against_sacrebleu(corpus):
    hypotheses, several = corpus
    most = max(map(len, several))
    streams = [[refs[k] if k < len(refs) else None for refs in several] for k in range(most)]
    score, wanted = bleu(hypotheses, several), sacrebleu.corpus_bleu(hypotheses, streams, force=True)
    assert score.value == wanted.score
    assert score.details["precisions"] == tuple(wanted.precisions)
    assert score.details["brevity_penalty"] == wanted.bp
    assert (score.details["hypothesis_length"], score.details["reference_length"]) == (wanted.sys_len, wanted.ref_len)
    assert chrf(hypotheses, several).value == sacrebleu.corpus_chrf(hypotheses, streams).score


@both
@given(corpora())
def test_one_reference_is_a_list_of_one(metric, corpus):
    hypotheses, several = corpus
    first = [references[0] for references in several]
    assert metric(hypotheses, first) == metric(hypotheses, [[text] for text in first])
    assert metric(first, first).value == pytest.approx(100) or all(len(text.split()) < 4 for text in first)


@both
def test_more_references_help(metric):
    said, one, other = "Bonjour à tous !", "Salut à tous !", "Bonjour à tous !"
    assert metric([said], [[one, other]]).value > metric([said], [one]).value
    assert "nrefs:2" in metric([said], [[one, other]]).signature
    assert "nrefs:var" in metric([said, said], [[one, other], one]).signature


@both
def test_case_counts_unless_asked_not_to(metric):
    one, other = ["Le chat dort ici ."], ["le Chat dort Ici ."]
    assert metric(one, other).value < 100
    assert metric(one, other, lowercase=True).value == pytest.approx(100)
    assert "case:mixed" in metric(one, other).signature
    assert "case:lc" in metric(one, other, lowercase=True).signature


def test_options_reach_the_signature():
    assert "tok:char" in bleu(["abc"], ["abc"], tokenize="char").signature
    assert chrf(["abc"], ["abc"], word_order=2).details["name"] == "chrF2++"
    assert "nw:2" in chrf(["abc"], ["abc"], word_order=2).signature
    assert f"version:{sacrebleu.__version__}" in bleu(["abc"], ["abc"]).signature


def test_a_score_printed():
    score = bleu(["le chat dort ici"], ["le chat dort ici"])
    assert isinstance(score, Score)
    assert str(score) == f"BLEU 100.00 ({score.signature})"
    assert str(chrf(["le"], ["le"])).startswith("chrF2 100.00 (nrefs:1|case:mixed|")


def test_nothing_is_logged_about_tokenised_sentences(caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        bleu(["Oui ."] * 150, ["Oui ."] * 150)
        chrf(["Oui ."] * 150, ["Oui ."] * 150)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_sentences_too_short_for_bleu():
    assert bleu(["Très bien."], ["Très bien."]).value == 0  # no 4-gram in the whole corpus
    assert bleu(["Très bien.", "Je ne sais pas."], ["Très bien.", "Je ne sais pas."]).value == pytest.approx(100)


def test_an_empty_hypothesis_is_a_wrong_one():
    assert bleu([""], ["Oui."]).value == chrf([""], ["Oui."]).value == 0
    assert bleu([""], ["Oui."]).details["brevity_penalty"] == 0


@both
@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([], [], "there are no sentences: hypotheses and references are empty"),
        (["a"], [], "there must be one for each sentence: there are 1 hypotheses but 0 references"),
        (["a", "b"], ["a", "b", "c"], "there must be one for each sentence: there are 2 hypotheses but 3 references"),
        (["a", "b"], ["a", []], "sentence 1 has no reference"),
        (["a", "b"], ["a", " "], "reference 1 is empty"),
    ],
)
def test_corpora_they_refuse(metric, hypotheses, references, message):
    with raises(message):
        metric(hypotheses, references)


@both
@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ("ab", ["a", "b"], "hypotheses must be a list of sentences, got str"),
        (["a", "b"], "ab", "references must be a list of sentences, got str"),
        (iter(["a"]), ["a"], "hypotheses must be a list of sentences, got list_iterator"),
        ([["je", "t'"]], ["je t'"], "hypothesis 0 must be a string, got list; join its tokens with detokenize"),
        ([None], ["a"], "hypothesis 0 must be a string, got NoneType"),
        (["a"], [None], "reference 0 must be a string or a list of them, got NoneType"),
        (["a"], [["a", 3]], "reference 0 must be a string, got int"),
    ],
)
def test_kinds_they_refuse(metric, hypotheses, references, message, unchecked):
    with raises(message, TypeError):
        metric(hypotheses, references)


def test_options_they_refuse():
    with raises("tokenize must be one of 13a, char,"):
        bleu(["a"], ["a"], tokenize="french")
    with raises("word_order must not be negative, got -1"):
        chrf(["a"], ["a"], word_order=-1)


# Lengths


@given(st.integers(1, 100), st.integers(1, 100))
def test_brevity_penalty_against_sacrebleu(hypothesis_length, reference_length):
    wanted = sacrebleu.corpus_bleu([" ".join("a" * hypothesis_length)], [[" ".join("a" * reference_length)]]).bp
    assert brevity_penalty(hypothesis_length, reference_length) == wanted


def test_brevity_penalty_by_hand():
    assert brevity_penalty(10, 10) == brevity_penalty(11, 10) == 1.0
    assert brevity_penalty(5, 10) == pytest.approx(1 / math.e)
    assert brevity_penalty(0, 10) == 0.0
    assert brevity_penalty(1, 10_000) == 0.0
    with raises("reference_length must be at least 1, got 0"):
        brevity_penalty(3, 0)
    with raises("hypothesis_length must not be negative, got -1"):
        brevity_penalty(-1, 3)


@given(corpora(), st.data(), st.lists(st.integers(1, 12), unique=True, max_size=4).map(sorted))
def test_every_sentence_is_in_the_bucket_of_its_length(corpus, data, edges):
    hypotheses, several = corpus
    lengths = [data.draw(st.integers(1, 14)) for _ in hypotheses]
    buckets = bleu_by_length(hypotheses, several, lengths, edges=edges, lowercase=True)
    assert [bucket.longest for bucket in buckets] == [*edges, None]
    assert [bucket.shortest for bucket in buckets] == [1, *(edge + 1 for edge in edges)]
    assert sum(bucket.sentences for bucket in buckets) == len(hypotheses)
    for bucket in buckets:
        inside = [k for k, n in enumerate(lengths) if bucket.shortest <= n <= (bucket.longest or n)]
        assert bucket.sentences == len(inside)
        if inside:
            chosen = ([rows[k] for k in inside] for rows in (hypotheses, several))
            assert bucket.score == bleu(*chosen, lowercase=True)
        else:
            assert bucket.score is None


def test_buckets_by_default():
    bounds = [(bucket.shortest, bucket.longest) for bucket in bleu_by_length(["a"], ["a"], [7])]
    assert bounds == [(1, 5), (6, 10), (11, 15), (16, 20), (21, None)]
    assert bleu_by_length(["a"], ["a"], [7])[0] == Bucket(1, 5, 0, None)


@pytest.mark.parametrize(
    ("lengths", "edges", "message"),
    [
        ([1, 2], [5], "there must be one for each sentence: there are 2 source lengths but 1 hypotheses"),
        ([0], [5], "a source length must be at least 1, got 0"),
        ([1], [5, 5], "edges must be rising integers from 1 on, got [5, 5]"),
        ([1], [0, 5], "edges must be rising integers from 1 on, got [0, 5]"),
    ],
)
def test_lengths_refused(lengths, edges, message):
    with raises(message):
        bleu_by_length(["a"], ["a"], lengths, edges=edges)


# Words


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=8))
def test_exact_match_counts(pairs):
    hypotheses, references = map(list, zip(*pairs, strict=True))
    share = sum(one == other for one, other in pairs) / len(pairs)
    assert exact_match(hypotheses, references) == share
    assert exact_match([text.split() for text in hypotheses], [tuple(text.split()) for text in references]) == share
    assert exact_match(hypotheses, [[other, one] for one, other in pairs]) == 1.0


def test_exact_match_refuses():
    with raises("there are no sentences"):
        exact_match([], [])
    with raises("there must be one for each sentence: there are 1 hypotheses but 2 references"):
        exact_match(["a"], ["a", "b"])
    for one, other in ((["a"], "a"), ("a", [["a"]]), ("a", 3), ([3], 3), (None, None)):
        with raises("sentence 0: ", TypeError):
            exact_match([one], [other])


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=st.integers(0, 5)), st.data())
def test_token_accuracy_counts_words_alone(gold, data):
    assume((gold != PAD).any())
    predicted = data.draw(hnp.arrays(np.int64, gold.shape, elements=st.integers(0, 5)))
    places = [place for place in np.ndindex(gold.shape) if gold[place] != PAD]
    wanted = sum(predicted[place] == gold[place] for place in places) / len(places)
    gold, predicted = torch.tensor(gold), torch.tensor(predicted)
    assert token_accuracy(predicted, gold) == wanted
    assert token_accuracy(torch.nn.functional.one_hot(predicted, 6).float(), gold) == wanted
    assert token_accuracy(predicted[0], gold[0]) <= 1 if (gold[0] != PAD).any() else True


def test_token_accuracy_refuses(unchecked):
    gold = torch.tensor([[4, 2, 0]])
    with raises("gold of shape (1, 3) holds no words, padding alone"):
        token_accuracy(gold, torch.zeros(1, 3, dtype=torch.int64))
    with raises("predicted has shape (1, 2) but gold has (1, 3)"):
        token_accuracy(gold[:, :2], gold)
    with raises("logits must have shape (1, 3, vocab) for gold of that length, got (1, 2, 7)"):
        token_accuracy(torch.zeros(1, 2, 7), gold)
    with raises("gold must hold integers, got dtype float32", TypeError):
        token_accuracy(gold, gold.float())
    with raises("predicted must hold integers, got dtype bool", TypeError):
        token_accuracy(gold > 2, gold)


# Links


@pytest.mark.parametrize("kind", ["numpy-float32", "numpy-float64", "torch-float32", "torch-bfloat16"])
def test_the_worked_alignment(kind):
    weights = make([[0.94, 0.02, 0.04], [0.11, 0.01, 0.88], [0.03, 0.95, 0.02], [0.2, 0.3, 0.5]], kind)
    aligned = {(0, 0), (2, 1), (1, 2)}
    assert links_from_weights(weights, drop_eos=True) == aligned
    assert links_from_weights(weights) == aligned | {(2, 3)}
    assert links_from_weights(weights, 0.6) == aligned
    assert links_from_weights(weights, 0.945) == {(1, 2)}


@given(
    hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=5), elements=st.floats(0, 1)),
    st.none() | st.floats(0, 1),
    st.booleans(),
)
def test_links_row_by_row(weights, threshold, drop_eos):
    wanted = set()
    for target, row in enumerate(weights.tolist()[: -1 if drop_eos else None]):
        if max(row) > 0 and max(row) >= (threshold or 0):
            wanted.add((row.index(max(row)), target))
    for array in (weights, torch.tensor(weights), torch.tensor(weights, requires_grad=True)):
        assert links_from_weights(array, threshold, drop_eos=drop_eos) == wanted
    assert all(type(place) is int for pair in wanted for place in pair)
    assert plain(weights).shape == weights.shape


def test_links_without_rows():
    assert links_from_weights(torch.zeros(0, 3)) == set()
    assert links_from_weights(torch.zeros(2, 3)) == set()
    assert links_from_weights(torch.ones(1, 3), drop_eos=True) == set()


@pytest.mark.parametrize(
    ("weights", "options", "message"),
    [
        (torch.ones(3), {}, "weights must have shape (query, key) with at least one key, got (3,)"),
        (torch.ones(1, 2, 3), {}, "weights must have shape (query, key) with at least one key, got (1, 2, 3)"),
        (torch.ones(2, 0), {}, "weights must have shape (query, key) with at least one key, got (2, 0)"),
        (torch.tensor([[1.0], [math.nan]]), {}, "weights hold NaN in row 1"),
        (torch.ones(2, 2), {"threshold": 1.5}, "threshold must be between 0 and 1, got 1.5"),
        (torch.ones(2, 2), {"threshold": math.nan}, "threshold must be between 0 and 1, got nan"),
        (torch.ones(0, 2), {"drop_eos": True}, "there is no row to drop: weights has none"),
    ],
)
def test_weights_refused(weights, options, message, unchecked):
    with raises(message):
        links_from_weights(weights, **options)


def test_kinds_of_weights_refused(unchecked):
    with raises("weights must be a NumPy array or a torch tensor, got list", TypeError):
        links_from_weights([[1.0]])
    with raises("weights must hold floating-point numbers, got dtype int64", TypeError):
        links_from_weights(torch.ones(2, 2).long())


# The alignment error rate


@pytest.mark.parametrize(
    ("predicted", "sure", "possible", "rate", "precision", "recall"),
    [
        # A is S: nothing wrong.
        ({(0, 0), (1, 1)}, {(0, 0), (1, 1)}, None, 0, 1, 1),
        # A is all of P: nothing wrong either.
        ({(0, 0), (1, 1), (2, 1)}, {(0, 0)}, {(0, 0), (1, 1), (2, 1)}, 0, 1, 1),
        # One of two sure links, one possible one, one wrong: 1 - (1 + 2) / (3 + 2).
        ({(0, 0), (1, 1), (1, 2)}, {(0, 0), (2, 1)}, {(0, 0), (2, 1), (1, 1)}, Fraction(2, 5), Fraction(2, 3), 0.5),
        # All wrong.
        ({(0, 1)}, {(1, 0)}, None, 1, 0, 0),
        # The worked alignment read as word for word: 1 - 2 / 6 with one of three right.
        ({(0, 0), (1, 1), (2, 2)}, {(0, 0), (2, 1), (1, 2)}, None, Fraction(2, 3), Fraction(1, 3), Fraction(1, 3)),
    ],
)
def test_alignments_by_hand(predicted, sure, possible, rate, precision, recall):
    assert alignment_error_rate(predicted, sure, possible) == pytest.approx(float(rate))
    assert alignment_precision(predicted, sure, possible) == pytest.approx(float(precision))
    assert alignment_recall(predicted, sure, possible) == pytest.approx(float(recall))
    assert alignment_error_rate([predicted], [sure], None if possible is None else [possible]) == pytest.approx(
        float(rate)
    )


def by_counting(predicted, sure, possible):
    """AER, precision and recall of a corpus by looking at each pair of places; None for 0/0."""
    a = s = in_s = in_p = 0
    for links, gold, allowed in zip(predicted, sure, possible, strict=True):
        for source in range(4):
            for target in range(4):
                pair = (source, target)
                a += pair in links
                s += pair in gold
                in_s += pair in links and pair in gold
                in_p += pair in links and pair in allowed
    return (
        1 - Fraction(in_s + in_p, a + s) if a + s else None,
        Fraction(in_p, a) if a else None,
        Fraction(in_s, s) if s else None,
    )


@given(st.lists(st.tuples(links, links, links), min_size=1, max_size=4))
def test_alignments_against_counting(sentences):
    predicted = [links for links, _, _ in sentences]
    sure = [gold for _, gold, _ in sentences]
    possible = [gold | more for _, gold, more in sentences]
    functions = (alignment_error_rate, alignment_precision, alignment_recall)
    for wide in (possible, None):
        for function, wanted in zip(functions, by_counting(predicted, sure, wide or sure), strict=True):
            if wanted is None:
                with pytest.raises(ValueError, match="0/0"):
                    function(predicted, sure, wide)
            else:
                assert function(predicted, sure, wide) == pytest.approx(float(wanted), abs=1e-12)
                if len(sentences) == 1:
                    alone = function(predicted[0], sure[0], None if wide is None else wide[0])
                    assert alone == function(predicted, sure, wide)


def test_a_corpus_is_no_mean_of_sentences():
    predicted = [{(0, 0)}, {(0, 0), (1, 1), (2, 2)}]
    sure = [{(0, 1)}, {(0, 0), (1, 1), (2, 2)}]
    assert alignment_error_rate(predicted, sure) == pytest.approx(1 - 6 / 8)


def test_a_perfect_alignment_has_no_error_at_all():
    gold = {(k, k) for k in range(7)}
    assert alignment_error_rate(gold, gold) == 0.0


@pytest.mark.parametrize(
    ("predicted", "sure", "possible", "message"),
    [
        (set(), set(), None, "there are no links, neither predicted nor sure, so that the error rate is 0/0"),
        ({(0, 0)}, {(0, 0), (1, 2)}, {(0, 0)}, "sentence 0 has the sure link (1, 2), which is not possible"),
        ([{(0, 0)}] * 2, [{(0, 0)}, {(1, 1)}], [{(0, 0)}] * 2, "sentence 1 has the sure link (1, 1), which is not"),
        ({(0, -1)}, {(0, 0)}, None, "predicted of sentence 0 has link (0, -1); places count from 0"),
        ([], [], None, "there are no sentences: predicted and sure and possible are empty"),
        ([set()], [{(0, 0)}] * 2, None, "there must be one for each sentence: there are 1 predicted but 2 sure but 2"),
    ],
)
def test_alignments_refused(predicted, sure, possible, message):
    with raises(message):
        alignment_error_rate(predicted, sure, possible)


@pytest.mark.parametrize(
    ("predicted", "sure", "message"),
    [
        ([{(0, 0)}], {(0, 0)}, "give all sets of links, or all lists of such sets: sure is set"),
        ([[(0, 0)]], [{(0, 0)}], "predicted of sentence 0 must be a set of links, got list"),
        ({(0, 0, 0)}, {(0, 0)}, "predicted of sentence 0 must hold pairs (source, target), got (0, 0, 0)"),
        ({"0-0"}, {(0, 0)}, "predicted of sentence 0 must hold pairs (source, target), got '0-0'"),
        ({(0, 0.0)}, {(0, 0)}, "predicted of sentence 0 must hold pairs (source, target), got (0, 0.0)"),
    ],
)
def test_kinds_of_alignments_refused(predicted, sure, message, unchecked):
    with raises(message, TypeError):
        alignment_error_rate(predicted, sure)
