"""Training, validation and test parts that share no source sentence, and what they share where they were cut otherwise.

Translation corpora hold the same sentence many times, each time with another translation. Split line by line, most of
the test sentences are in the training part too, and the score measures memory.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

from attnlib._arrays import require_count, require_integers
from attnlib.data._characters import INVISIBLE, PUNCTUATION

_BETWEEN_WORDS = re.compile(rf"[\s_{PUNCTUATION}]+")


class Split(NamedTuple):
    """Three lists of pairs, each in the order in which the pairs came."""

    train: list
    valid: list
    test: list


class Overlap(NamedTuple):
    """What a test part shares with a training part; :func:`overlap` explains the fields."""

    sources: frozenset[str]
    targets: frozenset[str]
    source_share: float
    target_share: float


def sentence_key(sentence: str | Sequence[str]) -> str:
    """Return what stays of a sentence when case, punctuation and spacing don't count.

    Examples
    --------
    >>> sentence_key("Don't go!") == sentence_key(("do", "n't", "go", "."))
    True
    """
    text = sentence if isinstance(sentence, str) else " ".join(sentence)
    folded = unicodedata.normalize("NFKC", text).casefold().translate(INVISIBLE)
    return _BETWEEN_WORDS.sub("", folded) or "".join(folded.split())


def grouped_split(
    pairs: Sequence,
    *,
    valid: int,
    test: int,
    seed: int,
    key: Callable[[str | Sequence[str]], str] = sentence_key,
) -> Split:
    """Split pairs so that all translations of one source sentence fall on one side.

    Which side a sentence falls on depends on the seed and on the set of sentences, and not on their order. Sentences
    that are added to a corpus leave most of the others where they were.

    Parameters
    ----------
    pairs : sequence
        Pairs of a source and a target, each a text or a sequence of tokens.
    valid, test : int
        Numbers of distinct source sentences in the validation and the test part.
    seed : int
        What the sentences are drawn with.
    key : callable
        Gives what two sources must have in common to count as one sentence.

    Returns
    -------
    Split
        Of the pairs as they came.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If a number is negative, or if no source sentence is left for training.

    Examples
    --------
    >>> pairs = [("Go.", "Va !"), ("Go!", "Allez !"), ("Run.", "Cours !"), ("Hi.", "Salut.")]
    >>> split = grouped_split(pairs, valid=1, test=1, seed=0)
    >>> [len(part) for part in split]
    [1, 2, 1]
    """
    require_count(valid=valid, test=test)
    require_integers(seed=seed)
    keys = [key(pair[0]) for pair in pairs]
    drawn = sorted(set(keys), key=lambda group: _rank(group, seed))
    if len(drawn) <= valid + test:
        raise ValueError(
            f"there are {len(drawn)} distinct source sentences: {valid} for validation and {test} for the test leave "
            "none for training"
        )
    part = dict.fromkeys(drawn[:valid], 1) | dict.fromkeys(drawn[valid : valid + test], 2)
    split = Split([], [], [])
    for pair, group in zip(pairs, keys, strict=True):
        split[part.get(group, 0)].append(pair)
    return split


def overlap(train: Sequence, test: Sequence, *, key: Callable[[str | Sequence[str]], str] = sentence_key) -> Overlap:
    """Report which sentences of the test part are in the training part too.

    Parameters
    ----------
    train, test : sequence
        Pairs of a source and a target, each a text or a sequence of tokens.
    key : callable
        Gives what two sentences must have in common to count as one.

    Returns
    -------
    sources, targets : frozenset of str
        Keys of the shared sentences.
    source_share, target_share : float
        Share of the test pairs whose source, or target, is in the training part.

    Raises
    ------
    ValueError
        If the test part is empty.

    Examples
    --------
    >>> overlap([("Go.", "Va !"), ("Hi.", "Salut.")], [("Go!", "Allez !"), ("Run.", "Cours !")]).source_share
    0.5
    """
    if not test:
        raise ValueError("test must hold at least one pair, got none")
    shared, shares = [], []
    for side in (0, 1):
        seen = {key(pair[side]) for pair in train}
        asked = [key(pair[side]) for pair in test]
        shared.append(frozenset(seen.intersection(asked)))
        shares.append(sum(sentence in seen for sentence in asked) / len(asked))
    return Overlap(*shared, *shares)


def _rank(group: str, seed: int) -> tuple[bytes, str]:
    """Return a number that the seed draws for a group, the same on every machine."""
    return hashlib.blake2b(f"{seed}\t{group}".encode("utf-8", "surrogatepass"), digest_size=8).digest(), group
