"""Splits by source sentence, against what it means that no sentence is on two sides."""

import itertools
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnlib.data.pairs import Pair
from attnlib.data.splits import Split, grouped_split, overlap, sentence_key

sources = st.sampled_from(
    ["Go.", "go", "GO!", "Hi.", "Run", "run ?", "I  am", "I am.", "I'm", "Élan", "ÉLAN !", "Why?", "No"]
)
corpora = st.lists(st.tuples(sources, st.sampled_from("abcdefgh")), min_size=1, max_size=40)
seeds = st.integers(0, 10**6)


def raises(message, error=ValueError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def translations(groups=400, seed=0):
    """Return pairs in which some source sentences have many translations, as those of Tatoeba do."""
    rng = random.Random(seed)
    pairs = [
        (f"Sentence {group}{rng.choice('.!')}", f"phrase {group} {number}")
        for group in range(groups)
        for number in range(min(40, int(rng.paretovariate(1))))
    ]
    rng.shuffle(pairs)
    return pairs


# Keys


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Go.", "go!"),
        ("I'm here", "I’m here ."),
        ("I don't know.", ("i", "do", "n't", "know", ".")),
        ("Élan", "e\u0301lan"),
        ("« Oui ? »", "oui"),
        ("a\u00a0b\u202fc", "A B C"),
        ("co\u00adop\u200b", "coop"),
        ("Straße", "STRASSE"),
    ],
)
def test_case_punctuation_and_spacing_do_not_count(one, other):
    assert sentence_key(one) == sentence_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Go.", "No."), ("ou", "où"), ("10", "100"), ("?!", "..."), ("?", ""), ("ดี", "ดู"), ("是", "不")],
)
def test_everything_else_counts(one, other):
    assert sentence_key(one) != sentence_key(other)


# Splits


@given(corpora, seeds)
def test_no_sentence_is_on_two_sides_and_no_pair_is_lost(pairs, seed):
    groups = {sentence_key(source) for source, _ in pairs}
    for valid, test in [(0, 0), (1, 0), (0, 1), (len(groups) // 3, len(groups) // 3)]:
        if valid + test >= len(groups):
            continue
        split = grouped_split(pairs, valid=valid, test=test, seed=seed)
        keys = [{sentence_key(source) for source, _ in part} for part in split]
        assert not any(one & other for one, other in itertools.combinations(keys, 2))
        assert (len(keys[1]), len(keys[2])) == (valid, test)
        assert sorted(itertools.chain(*split)) == sorted(pairs)


@given(corpora, seeds, st.randoms())
def test_the_order_of_the_pairs_does_not_matter(pairs, seed, shuffler):
    groups = {sentence_key(source) for source, _ in pairs}
    if len(groups) < 3:
        return
    other = list(pairs)
    shuffler.shuffle(other)
    one, two = (grouped_split(given, valid=1, test=1, seed=seed) for given in (pairs, other))
    assert [sorted(part) for part in one] == [sorted(part) for part in two]


def test_pairs_stay_in_their_order():
    pairs = translations()
    split = grouped_split(pairs, valid=50, test=50, seed=0)
    place = {pair: number for number, pair in enumerate(pairs)}
    for part in split:
        places = [place[pair] for pair in part]
        assert places == sorted(places)


def test_seeds():
    pairs = translations()
    one, again, other = (grouped_split(pairs, valid=30, test=30, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.test != other.test
    assert one.valid != other.valid


def test_every_sentence_is_drawn_about_equally_often():
    pairs = [(f"s{number}", "t") for number in range(20)]
    drawn = [source for seed in range(400) for source, _ in grouped_split(pairs, valid=0, test=5, seed=seed).test]
    counts = [drawn.count(source) for source, _ in pairs]
    assert sum(counts) == 2000
    # Binomial with mean 100 and standard deviation 8.7.
    assert min(counts) > 60
    assert max(counts) < 140


def test_most_sentences_stay_where_they_are_when_some_are_added():
    pairs = translations(400)
    before = grouped_split(pairs, valid=40, test=40, seed=0)
    after = grouped_split([*pairs, ("something new", "du neuf")], valid=40, test=40, seed=0)
    stayed = {sentence_key(source) for source, _ in before.test} & {sentence_key(source) for source, _ in after.test}
    assert len(stayed) >= 38


def test_pairs_of_tokens_come_back_as_they_were():
    pairs = [
        Pair(("Go", "."), ("va",)),
        Pair(("go", "!"), ("allez",)),
        Pair(("hi",), ("salut",)),
        Pair(("run",), ("cours",), frozenset({(0, 0)}), frozenset({(0, 0)})),
    ]
    split = grouped_split(pairs, valid=1, test=1, seed=3)
    assert isinstance(split, Split)
    assert all(isinstance(pair, Pair) for part in split for pair in part)
    assert set(itertools.chain(*split)) == set(pairs)
    side = {pair: number for number, part in enumerate(split) for pair in part}
    assert side[pairs[0]] == side[pairs[1]]


def test_the_key_can_be_another():
    pairs = [("Go.", "va"), ("go", "allez"), ("hi", "salut")]
    assert len(grouped_split(pairs, valid=0, test=2, seed=0, key=str).test) == 2
    with raises("there are 2 distinct source sentences: 0 for validation and 2 for the test leave none for training"):
        grouped_split(pairs, valid=0, test=2, seed=0)


def test_a_split_by_lines_leaks_and_a_grouped_one_does_not():
    pairs = translations(2000)
    order = random.Random(1).sample(pairs, len(pairs))
    cut = len(pairs) // 10
    by_lines = overlap(order[cut:], order[:cut])
    assert by_lines.source_share > 0.5
    split = grouped_split(pairs, valid=200, test=200, seed=0)
    for part in (split.valid, split.test):
        grouped = overlap(split.train, part)
        assert (grouped.sources, grouped.source_share) == (frozenset(), 0.0)


def test_overlap_by_hand():
    train = [("Go.", "Va !"), ("Hi.", "Salut."), ("Yes.", "Oui.")]
    test = [("go!", "Allez !"), ("GO", "Marche."), ("Run.", "OUI"), ("Stop.", "Arrête.")]
    found = overlap(train, test)
    assert found.sources == {"go"}
    assert found.targets == {"oui"}
    assert (found.source_share, found.target_share) == (0.5, 0.25)
    assert overlap(train, test, key=str).source_share == 0


# What doesn't work


@pytest.mark.parametrize(("valid", "test"), [(2, 1), (3, 0), (0, 3), (9, 9)])
def test_too_few_sentences(valid, test):
    pairs = [("a", "x"), ("A!", "y"), ("b", "x"), ("c", "x")]
    message = f"there are 3 distinct source sentences: {valid} for validation and {test} for the test leave none"
    with raises(f"{message} for training"):
        grouped_split(pairs, valid=valid, test=test, seed=0)


def test_no_pairs():
    with pytest.raises(ValueError, match=r"^there are 0 distinct source sentences"):
        grouped_split([], valid=0, test=0, seed=0)
    with raises("test must hold at least one pair, got none"):
        overlap([("a", "b")], [])


def test_negative_numbers():
    with raises("valid must not be negative, got -1"):
        grouped_split([("a", "b")], valid=-1, test=0, seed=0)


@pytest.mark.usefixtures("unchecked")
def test_numbers_are_integers():
    with raises("test must be an integer, got float", TypeError):
        grouped_split([("a", "b")], valid=0, test=0.1, seed=0)
    with raises("seed must be an integer, got NoneType", TypeError):
        grouped_split([("a", "b")], valid=0, test=0, seed=None)
