"""The phrasebook: its running example, complete alignments, French that is spelt right, and nothing said twice."""

import re

import pytest

from attnlib.data.pairs import Pair, check_pair, links_of, texts
from attnlib.data.phrasebook import _pair, phrasebook
from attnlib.data.tokens import tokenize

PAIRS = phrasebook()
BY_SOURCE = {" ".join(pair.source): pair for pair in PAIRS}
each = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: " ".join(pair.source))


def test_the_running_example():
    sure = frozenset({(0, 0), (1, 2), (2, 1)})
    assert BY_SOURCE["i love you"] == Pair(("i", "love", "you"), ("je", "t'", "aime"), sure, sure)


def test_size_and_no_sentence_twice():
    assert 80 <= len(PAIRS) <= 120
    assert len(BY_SOURCE) == len(PAIRS)
    assert phrasebook() == PAIRS


def test_a_list_of_ones_own():
    phrasebook().clear()
    assert phrasebook() == PAIRS


@each
def test_every_word_is_linked(pair):
    check_pair(pair)
    assert {i for i, _ in pair.possible} == set(range(len(pair.source)))
    assert {j for _, j in pair.possible} == set(range(len(pair.target)))
    assert pair.sure


@each
def test_lower_case_and_cut_as_the_tokeniser_cuts(pair):
    english, french = texts(pair)
    assert (english, french) == (english.lower(), french.lower())
    assert (tuple(tokenize(english, "en")), tuple(tokenize(french, "fr"))) == (pair.source, pair.target)


@each
def test_spelling_where_words_meet(pair):
    _, french = texts(pair)
    assert not re.search(r"\b(je|me|te|se|le|la|ne|de|que) [aeiouyéèêàâîôûœh]", french)
    assert not re.search(r"\b(de les?|à les?)\b(?! )", french)
    assert ("ne" in pair.target or "n'" in pair.target) == bool({"pas", "jamais", "plus"} & set(pair.target)) or (
        "plus" in pair.target
    )


def test_links_by_hand():
    assert links_of(BY_SOURCE["i miss you"].sure) == "0-1 1-2 2-0"
    assert links_of(BY_SOURCE["my brother 's car is new"].sure) == "0-3 1-4 2-2 3-1 4-5 5-6"
    assert links_of(BY_SOURCE["i have never seen him"].sure) == "0-0 1-3 2-4 3-5 4-2"
    assert links_of(BY_SOURCE["i have never seen him"].possible - BY_SOURCE["i have never seen him"].sure) == "2-1"


def test_a_wrong_table_is_noticed():
    with pytest.raises(ValueError, match="points outside"):
        _pair("i love you | je:0 t':3 aime:1")
