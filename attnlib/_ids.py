"""Word ids of whole batches: which are taken, and which one a decoder says."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnlib._arrays import dtype_name
from attnlib.masks import padding_mask
from attnlib.symbols import BOS, EOS, PAD, SYMBOLS


def source_lengths(
    source: Int[Tensor, "batch key"], vocab: int, max_length: int
) -> tuple[Int[Tensor, "batch"], Bool[Tensor, "batch 1 key"]]:
    """Return how many words each source has and the mask of its words, or raise with what is wrong with the batch."""
    require_batch("source", source, vocab)
    lengths = (source != PAD).sum(dim=-1)
    mask = padding_mask(lengths, source.shape[1])[:, None]
    if not bool((lengths > 0).all()):
        raise ValueError(f"sentence {int(lengths.argmin())} of the source has no words: leave it out")
    if source.shape[1] > max_length:
        raise ValueError(
            f"source is {source.shape[1]} words wide, padding included, but max_length is {max_length}: leave longer "
            "sentences out, or make a model with room for them"
        )
    if not torch.equal(mask[:, 0], source != PAD):
        wrong = (mask[:, 0] != (source != PAD)).any(dim=-1)
        raise ValueError(
            f"sentence {int(wrong.int().argmax())} of the source has padding before its end: move it to the end"
        )
    return lengths, mask


def most_likely(logits: Float[Tensor, "batch target_vocab"]) -> Int[Tensor, "batch"]:
    """Return the ids with the largest logits; padding and the begin of a sentence, the first two, are never said."""
    return logits[:, EOS:].argmax(dim=-1) + EOS


def require_batch(name: str, ids: Tensor, vocab: int) -> None:
    """Raise unless these are ids of the vocabulary, (batch, words)."""
    _require_int64(name, ids)
    if ids.ndim != 2 or 0 in ids.shape:
        raise ValueError(f"{name} must be (batch, words) with at least one of each, got shape {tuple(ids.shape)}")
    _require_in_vocabulary(name, ids, vocab)


def require_sentence(name: str, ids: Tensor, vocab: int) -> None:
    """Raise unless these are the ids of the words of one sentence, which may be empty."""
    _require_int64(name, ids)
    if ids.ndim != 1:
        raise ValueError(f"{name} must be one sentence of shape (words,), got shape {tuple(ids.shape)}")
    if len(ids) > 0:
        _require_in_vocabulary(name, ids, vocab)
    for symbol in (PAD, BOS, EOS):
        if (ids == symbol).any():
            raise ValueError(f"{name} must hold words alone, got {SYMBOLS[symbol]}, id {symbol}: take it out")


def _require_int64(name: str, ids: Tensor) -> None:
    if not isinstance(ids, Tensor):
        raise TypeError(f"{name} must be a tensor of int64 ids, got {type(ids).__name__}: use torch.tensor")
    if ids.dtype != torch.int64:
        raise TypeError(f"{name} must hold int64 ids, got dtype {dtype_name(ids)}: convert it with .long()")


def _require_in_vocabulary(name: str, ids: Tensor, vocab: int) -> None:
    low, high = (int(bound) for bound in torch.aminmax(ids))
    if low < 0 or high >= vocab:
        raise ValueError(f"{name} holds id {low if low < 0 else high}, but the vocabulary has ids 0 to {vocab - 1}")
