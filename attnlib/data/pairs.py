"""A sentence and its translation, with the links between their words where somebody knows them.

Links are gold alignments in the form of Och and Ney (2003): a **sure** link joins words that translate each other
beyond doubt, a **possible** one also words that share a job (``do`` and ``est-ce``, ``not`` and ``ne``).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

_NO_SPACE_BEFORE = frozenset({".", ",", "…", ")", "]"})
_NO_SPACE_AFTER = frozenset({"(", "["})


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


def text(tokens: Sequence[str]) -> str:
    """Write words as running text.

    No space follows an elided word or comes before a full stop, a comma or a hyphened pronoun. Question and
    exclamation marks keep theirs, as French has it.

    Examples
    --------
    >>> text(("je", "t'", "aime", "."))
    "je t'aime."
    >>> text(("regarde", "-le", "!"))
    'regarde-le !'
    """
    written = ""
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else ""
        tied = token in _NO_SPACE_BEFORE or _is_hyphened(token) or before in _NO_SPACE_AFTER or _is_elided(before)
        written += token if tied or not place else f" {token}"
    return written


def links_of(links: Iterable[tuple[int, int]]) -> str:
    """Write links as in files of alignments, in order.

    Examples
    --------
    >>> links_of({(2, 1), (0, 0), (1, 2)})
    '0-0 1-2 2-1'
    """
    return " ".join(f"{i}-{j}" for i, j in sorted(links))


def _is_elided(token: str) -> bool:
    return len(token) > 1 and token.endswith(("'", "’"))


def _is_hyphened(token: str) -> bool:
    return len(token) > 1 and token.startswith("-")
