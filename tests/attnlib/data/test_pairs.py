"""Pairs: what may be linked, and how they are written out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnlib.data.pairs import Pair, check_pair, links_of, texts

LOVE = Pair(
    ("i", "love", "you"), ("je", "t'", "aime"), frozenset({(0, 0), (1, 2)}), frozenset({(0, 0), (1, 2), (2, 1)})
)

words = st.lists(st.text("abcdé'-", min_size=1, max_size=4), min_size=1, max_size=5).map(tuple)


def raises(message, error=ValueError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def test_a_pair_without_links_has_none():
    pair = Pair(("yes",), ("oui",))
    assert (pair.sure, pair.possible) == (frozenset(), frozenset())
    check_pair(pair)


@given(words, words, st.data())
def test_links_between_the_words_are_right(source, target, data):
    link = st.tuples(st.integers(0, len(source) - 1), st.integers(0, len(target) - 1))
    sure = data.draw(st.frozensets(link))
    check_pair(Pair(source, target, sure, sure | data.draw(st.frozensets(link))))


@given(words, words, st.data())
def test_links_beyond_the_words_are_wrong(source, target, data):
    link = st.tuples(st.integers(-3, 8), st.integers(-3, 8))
    outside = data.draw(link.filter(lambda link: not (0 <= link[0] < len(source) and 0 <= link[1] < len(target))))
    for pair in (
        Pair(source, target, possible=frozenset({outside})),
        Pair(source, target, frozenset({outside}), frozenset({outside})),
    ):
        with pytest.raises(ValueError, match="points outside"):
            check_pair(pair)


def test_messages():
    check_pair(LOVE)
    with raises("link (3, 0) points outside a source of 3 and a target of 3 words: i love you -> je t' aime"):
        check_pair(LOVE._replace(possible=LOVE.possible | {(3, 0)}))
    with raises("link (2, 2) is sure, so it must be possible too; pass sure | possible: i love you -> je t' aime"):
        check_pair(LOVE._replace(sure=LOVE.sure | {(2, 2)}))
    with raises("target must have at least one word: i love you -> "):
        check_pair(Pair(LOVE.source, ()))
    with raises("source holds 'i love', but a word is neither empty nor holds white space: i love -> j' aime"):
        check_pair(Pair(("i love",), ("j'", "aime")))
    with raises("target holds '', but a word is neither empty nor holds white space: i -> "):
        check_pair(Pair(("i",), ("",)))


def test_texts():
    assert texts(LOVE) == ("i love you", "je t'aime")
    assert texts(Pair(("give", "it", "to", "me", "!"), ("donne", "-le", "-moi", "!"))) == (
        "give it to me!",
        "donne-le-moi !",
    )
    assert texts(Pair(("a", "!"), ("b", "!")), None, None) == ("a!", "b!")


def test_links_as_text():
    assert links_of(LOVE.possible) == "0-0 1-2 2-1"
    assert links_of(frozenset()) == ""
