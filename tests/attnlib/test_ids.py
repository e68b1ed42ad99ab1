"""Checks of whole batches of word ids, and which id a decoder says."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnlib._ids import most_likely, require_batch, require_sentence, source_lengths
from attnlib.symbols import BOS, EOS, PAD
from tests.attnlib.strategies import fails


def ids(*words):
    return torch.tensor(words, dtype=torch.int64)


# Sources


@given(st.lists(st.lists(st.integers(1, 8), min_size=1, max_size=5), min_size=1, max_size=4), st.integers(0, 3))
def test_lengths_and_mask(sentences, extra):
    width = max(map(len, sentences)) + extra
    source = torch.tensor([[*words, *[PAD] * (width - len(words))] for words in sentences])
    lengths, mask = source_lengths(source, vocab=9, max_length=width)
    assert lengths.tolist() == [len(words) for words in sentences]
    assert mask.dtype == torch.bool
    assert mask[:, 0].tolist() == [[place < len(words) for place in range(width)] for words in sentences]
    assert mask.shape == (len(sentences), 1, width)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (torch.tensor([[4, 5], [0, 0]]), "sentence 1 of the source has no words: leave it out"),
        (torch.tensor([[4, 5, 0, 0]]), "source is 4 words wide, padding included, but max_length is 3: leave longer"),
        (torch.tensor([[4, 5], [6, 7], [0, 4]]), "sentence 2 of the source has padding before its end: move it"),
        (torch.tensor([[4, 0, 5]]), "sentence 0 of the source has padding before its end: move it to the end"),
        (torch.tensor([[4, 9]]), "source holds id 9, but the vocabulary has ids 0 to 8"),
    ],
)
def test_sources_that_are_refused(source, message):
    with fails(ValueError, message):
        source_lengths(source, vocab=9, max_length=3)


def test_a_source_may_be_as_wide_as_the_maximum():
    assert source_lengths(torch.tensor([[4, 5, 0]]), vocab=9, max_length=3)[0].tolist() == [2]


# Batches and sentences


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ([[4]], TypeError, "words must be a tensor of int64 ids, got list: use torch.tensor"),
        (torch.tensor([[4.0]]), TypeError, "words must hold int64 ids, got dtype float32: convert it with .long()"),
        (torch.tensor([[4]], dtype=torch.int32), TypeError, "words must hold int64 ids, got dtype int32"),
        (torch.tensor([[True]]), TypeError, "words must hold int64 ids, got dtype bool"),
        (ids(4), ValueError, "words must be (batch, words) with at least one of each, got shape (1,)"),
        (ids(4)[None, None], ValueError, "words must be (batch, words) with at least one of each, got shape (1, 1, 1)"),
        (ids().reshape(2, 0), ValueError, "words must be (batch, words) with at least one of each, got shape (2, 0)"),
        (ids().reshape(0, 2), ValueError, "words must be (batch, words) with at least one of each, got shape (0, 2)"),
        (ids(4, 6)[None], ValueError, "words holds id 6, but the vocabulary has ids 0 to 5"),
        (ids(-1, 6)[None], ValueError, "words holds id -1, but the vocabulary has ids 0 to 5"),
    ],
)
def test_batches_that_are_refused(batch, error, message):
    with fails(error, message):
        require_batch("words", batch, 6)


def test_batches_that_are_taken():
    require_batch("words", ids(0, 5)[None], 6)
    require_batch("words", ids(0, 0)[:, None], 1)


def test_sentences_that_are_taken():
    require_sentence("source", ids(), 6)
    require_sentence("source", ids(3, 4, 5), 6)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("sentence", "error", "message"),
    [
        ([4], TypeError, "source must be a tensor of int64 ids, got list: use torch.tensor"),
        (torch.tensor([4.0]), TypeError, "source must hold int64 ids, got dtype float32: convert it with .long()"),
        (torch.tensor([]), TypeError, "source must hold int64 ids, got dtype float32: convert it with .long()"),
        (ids(4)[None], ValueError, "source must be one sentence of shape (words,), got shape (1, 1)"),
        (ids(4, 6), ValueError, "source holds id 6, but the vocabulary has ids 0 to 5"),
        (ids(4, -2), ValueError, "source holds id -2, but the vocabulary has ids 0 to 5"),
        (ids(4, PAD), ValueError, "source must hold words alone, got <pad>, id 0: take it out"),
        (ids(BOS, 4), ValueError, "source must hold words alone, got <s>, id 1: take it out"),
        (ids(4, EOS), ValueError, "source must hold words alone, got </s>, id 2: take it out"),
    ],
)
def test_sentences_that_are_refused(sentence, error, message):
    with fails(error, message):
        require_sentence("source", sentence, 6)


# What is said


def test_the_most_likely_word_is_neither_padding_nor_the_beginning():
    logits = torch.tensor([[9.0, 8.0, 1.0, 3.0, 2.0], [9.0, 8.0, 5.0, 3.0, 5.0], [0.0, 0.0, -3.0, -2.0, -1.0]])
    assert most_likely(logits).tolist() == [3, EOS, 4]
