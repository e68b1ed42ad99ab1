"""Sentences in batches: similar lengths together, every sentence once an epoch, the order from the seed alone."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from attnlib._arrays import require_count, require_integers, require_sizes
from attnlib.symbols import BOS, EOS, PAD

_BATCHES_IN_A_WINDOW = 100


class Batch(NamedTuple):
    """Sentences and their translations, padded.

    ``source`` holds words only. A row of ``target`` is BOS, the words, EOS: a decoder reads ``target[:, :-1]`` and
    must say ``target[:, 1:]``.
    """

    source: Int[Tensor, "batch key"]
    target: Int[Tensor, "batch length"]

    @property
    def words(self) -> int:
        """Number of words that a decoder must say, the ends of the sentences among them and padding not."""
        return int((self.target[:, 1:] != PAD).sum())


def pad(sequences: Sequence[Sequence[int]], value: int = PAD) -> Int[Tensor, "batch length"]:
    """Put lists of ids into one tensor, filled up at the end.

    Parameters
    ----------
    sequences : sequence of sequences of int
        Ids of one sentence each.
    value : int
        What to fill up with.

    Examples
    --------
    >>> pad([[5, 6, 7], [8]])
    tensor([[5, 6, 7],
            [8, 0, 0]])
    """
    lengths = [len(sequence) for sequence in sequences]
    rows = np.full((len(lengths), max(lengths, default=0)), value, dtype=np.int64)
    for row, sequence, length in zip(rows, sequences, lengths, strict=True):
        row[:length] = sequence
    return torch.from_numpy(rows)


class Batches:
    """Sentence pairs as ids, cut into batches anew for every epoch.

    The pairs are shuffled. Windows of 100 batches are sorted by length and cut, so that sentences of one batch are
    about equally long and need little padding. Then the batches are shuffled. Every pair is in one batch of the epoch,
    and all of that depends on the seed and the number of the epoch alone.

    Parameters
    ----------
    source_ids, target_ids : sequences of sequences of int
        One for each sentence, words only: BOS and EOS are added to the target when a batch is made.
    sentences : int or None
        How many pairs a batch has; one batch of an epoch gets what is left over.
    words : int or None
        Instead of ``sentences``, how many positions a batch may have on either side, padding and all: the number of
        pairs times the longest source, and times the longest target with its EOS.
    seed : int
        Decides the order, with the number of the epoch.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If both or neither of ``sentences`` and ``words`` is given, if the numbers of sources and targets differ or are
        zero, if a sentence is empty, holds PAD, BOS or EOS, or doesn't fit into ``words``.

    Examples
    --------
    >>> batches = Batches([[4, 5], [6], [7, 8]], [[4], [5], [6, 7]], sentences=2, seed=0)
    >>> for batch in batches.epoch(0):
    ...     print(batch.source.tolist(), batch.target.tolist(), batch.words)
    [[7, 8]] [[1, 6, 7, 2]] 3
    [[6, 0], [4, 5]] [[1, 5, 2], [1, 4, 2]] 4
    """

    def __init__(
        self,
        source_ids: Sequence[Sequence[int]],
        target_ids: Sequence[Sequence[int]],
        *,
        sentences: int | None = None,
        words: int | None = None,
        seed: int,
    ):
        if (sentences is None) == (words is None):
            raise ValueError(f"give either sentences or words, got sentences={sentences} and words={words}")
        require_integers(seed=seed)
        if len(source_ids) != len(target_ids):
            raise ValueError(f"there are {len(source_ids)} sources but {len(target_ids)} targets")
        if not len(source_ids):
            raise ValueError("there must be at least one pair of sentences, got none")
        self.sentences, self.words, self.seed = sentences, words, seed
        self._source, self._target = source_ids, target_ids
        self._source_lengths = _lengths("source", source_ids)
        self._target_lengths = _lengths("target", target_ids) + 1
        if sentences is not None:
            require_sizes(sentences=sentences)
        else:
            require_sizes(words=words)
            self._require_budget()
        self._planned: tuple[int, list[np.ndarray]] | None = None

    @classmethod
    def from_pairs(cls, pairs: Sequence, source_vocabulary, target_vocabulary, **how) -> "Batches":
        """Encode pairs and batch them.

        Parameters
        ----------
        pairs : sequence
            Pairs of a source and a target in tokens; what else a pair holds is passed over.
        source_vocabulary, target_vocabulary
            What turns tokens into ids: :class:`attnlib.data.tokens.Vocabulary` or
            :class:`attnlib.data.tokens.Subwords`.
        **how
            ``sentences`` or ``words``, and ``seed``.
        """
        sources = [source_vocabulary.encode(pair[0]) for pair in pairs]
        targets = [target_vocabulary.encode(pair[1]) for pair in pairs]
        return cls(sources, targets, **how)

    @property
    def pairs(self) -> int:
        """Number of sentence pairs."""
        return len(self._source)

    def batches_per_epoch(self, number: int) -> int:
        """Return the number of batches of an epoch; with a budget of ``words`` epochs may differ a little."""
        return len(self._plan(number))

    def epoch(self, number: int, *, skip: int = 0) -> Iterator[Batch]:
        """Go through all pairs once.

        Parameters
        ----------
        number : int
            Of the epoch, from 0.
        skip : int
            How many batches at the beginning to leave out, for a training that goes on in the middle.
        """
        require_count(number=number, skip=skip)
        return (self._batch(members.tolist()) for members in self._plan(number)[skip:])

    def _batch(self, members: list[int]) -> Batch:
        targets = [[BOS, *self._target[member], EOS] for member in members]
        return Batch(pad([self._source[member] for member in members]), pad(targets))

    def _plan(self, number: int) -> list[np.ndarray]:
        require_count(number=number)
        if self._planned is None or self._planned[0] != number:
            self._planned = number, self._new_plan(number)
        return self._planned[1]

    def _new_plan(self, number: int) -> list[np.ndarray]:
        rng = np.random.default_rng(_entropy(self.seed, number))
        order = rng.permutation(self.pairs)
        window = np.arange(self.pairs) // self._window()
        order = order[np.lexsort((self._source_lengths[order], self._target_lengths[order], window))]
        if self.sentences is not None:
            cuts = range(self.sentences, self.pairs, self.sentences)
        else:
            cuts = self._cuts_by_words(order)
        batches = np.split(order, list(cuts))
        return [batches[place] for place in rng.permutation(len(batches))]

    def _window(self) -> int:
        if self.sentences is not None:
            return _BATCHES_IN_A_WINDOW * self.sentences
        longest = np.maximum(self._source_lengths, self._target_lengths)
        return max(1, round(_BATCHES_IN_A_WINDOW * self.words / longest.mean()))

    def _cuts_by_words(self, order: np.ndarray) -> list[int]:
        cuts, start, widest = [], 0, 0
        longest = np.maximum(self._source_lengths, self._target_lengths)[order].tolist()
        for place, length in enumerate(longest):
            widest = max(widest, length)
            if widest * (place - start + 1) > self.words:
                cuts.append(place)
                start, widest = place, length
        return cuts

    def _require_budget(self) -> None:
        longest = np.maximum(self._source_lengths, self._target_lengths)
        worst = int(longest.argmax())
        if longest[worst] > self.words:
            raise ValueError(
                f"a batch of {self.words} words can't hold pair {worst}, which takes {longest[worst]}; "
                "leave the pair out or raise words"
            )


def _lengths(side: str, sentences: Sequence[Sequence[int]]) -> np.ndarray:
    lengths = np.array([len(sentence) for sentence in sentences])
    if (lengths == 0).any():
        raise ValueError(f"{side} {int((lengths == 0).argmax())} is empty; leave such pairs out")
    for place, sentence in enumerate(sentences):
        if min(sentence) <= EOS:
            raise ValueError(
                f"{side} {place} holds the id {min(sentence)}, but sentences hold words only: "
                "PAD, BOS and EOS are added when a batch is made"
            )
    return lengths


def _entropy(seed: int, number: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}\t{number}".encode(), digest_size=16).digest(), "big")
