"""A sentence and its translation, with the links between their words where somebody knows them.

Links are gold alignments in the form of Och and Ney (2003): a **sure** link joins words that translate each other
beyond doubt, a **possible** one also words that share a job (``do`` and ``est-ce``, ``not`` and ``ne``).
"""

from collections.abc import Iterable
from typing import NamedTuple

from attnlib.data.tokens import detokenize


class Pair(NamedTuple):
    """A sentence in words, its translation in words, and the links ``(source index, target index)`` from 0.

    Both sets of links are empty where nobody knows the alignment. :func:`check_pair` says what else holds.

    Examples
    --------
    >>> sure = frozenset({(0, 0), (1, 2), (2, 1)})
    >>> pair = Pair(("i", "love", "you"), ("je", "t'", "aime"), sure, sure)
    >>> [(pair.source[i], pair.target[j]) for i, j in sorted(pair.sure)]
    [('i', 'je'), ('love', 'aime'), ('you', "t'")]
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    sure: frozenset[tuple[int, int]] = frozenset()
    possible: frozenset[tuple[int, int]] = frozenset()


def check_pair(pair: Pair) -> None:
    """Raise unless both sides have words and the links join them.

    Raises
    ------
    ValueError
        If a side is empty, if a word is empty or holds white space, if a link points outside the sentences, or if a
        sure link is missing among the possible ones.

    Examples
    --------
    >>> check_pair(Pair(("yes",), ("oui",), frozenset({(0, 1)}), frozenset({(0, 1)})))
    Traceback (most recent call last):
      ...
    ValueError: link (0, 1) points outside a source of 1 and a target of 1 words: yes -> oui
    """
    shown = f"{' '.join(pair.source)} -> {' '.join(pair.target)}"
    for side, words in (("source", pair.source), ("target", pair.target)):
        if not words:
            raise ValueError(f"{side} must have at least one word: {shown}")
        for word in words:
            if not word or word.split() != [word]:
                raise ValueError(f"{side} holds {word!r}, but a word is neither empty nor holds white space: {shown}")
    for i, j in sorted(pair.sure | pair.possible):
        if not (0 <= i < len(pair.source) and 0 <= j < len(pair.target)):
            raise ValueError(
                f"link {(i, j)} points outside a source of {len(pair.source)} and a target of {len(pair.target)} "
                f"words: {shown}"
            )
    if not pair.sure <= pair.possible:
        extra = min(pair.sure - pair.possible)
        raise ValueError(f"link {extra} is sure, so it must be possible too; pass sure | possible: {shown}")


def texts(pair: Pair, source_language: str | None = "en", target_language: str | None = "fr") -> tuple[str, str]:
    """Write both sides as running text, as :func:`attnlib.data.tokens.detokenize` does.

    Examples
    --------
    >>> texts(Pair(("look", "at", "her", "!"), ("regarde", "-la", "!")))
    ('look at her!', 'regarde-la !')
    """
    return detokenize(pair.source, source_language), detokenize(pair.target, target_language)


def links_of(links: Iterable[tuple[int, int]]) -> str:
    """Write links as in files of alignments, in order.

    Examples
    --------
    >>> links_of({(2, 1), (0, 0), (1, 2)})
    '0-0 1-2 2-1'
    """
    return " ".join(f"{i}-{j}" for i, j in sorted(links))
