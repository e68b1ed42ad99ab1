"""Batches: every pair once, similar lengths together, the order from seed and number alone."""

import itertools
import re
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnlib.data.batches import Batch, Batches, pad
from attnlib.data.pairs import Pair
from attnlib.data.tokens import Subwords, Vocabulary
from attnlib.symbols import BOS, EOS, PAD, UNK

ids = st.lists(st.integers(UNK, 30), min_size=1, max_size=12)
corpora = st.lists(st.tuples(ids, ids), min_size=1, max_size=60)
seeds = st.integers(0, 1000)


def raises(message, error=ValueError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def batches_of(pairs, **how):
    return Batches([source for source, _ in pairs], [target for _, target in pairs], **how)


def rows(batch):
    """Return the pairs of a batch without padding, BOS and EOS, after a look at where these stand."""
    for source, target in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
        words = [word for word in source if word != PAD]
        assert source == words + [PAD] * (len(source) - len(words))
        said = [word for word in target if word != PAD]
        assert target == said + [PAD] * (len(target) - len(said))
        assert (said[0], said[-1]) == (BOS, EOS)
        yield tuple(words), tuple(said[1:-1])


def long_corpus(count, seed=0):
    rng = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 30, (count,), generator=rng).tolist()
    return [([4 + number] * length, [4 + number] * (length + number % 3)) for number, length in enumerate(lengths)]


def padding_share(batches):
    positions = [(batch.source != PAD, batch.target != PAD) for batch in batches]
    filled = sum(int(side.sum()) for pair in positions for side in pair)
    return 1 - filled / sum(side.numel() for pair in positions for side in pair)


# Padding


@given(st.lists(st.lists(st.integers(-5, 99), max_size=7), max_size=8), st.integers(-3, 3))
def test_pad_fills_up_at_the_end(sequences, value):
    padded = pad(sequences, value)
    width = max(map(len, sequences), default=0)
    assert padded.dtype == torch.int64
    assert padded.shape == (len(sequences), width)
    assert padded.tolist() == [sequence + [value] * (width - len(sequence)) for sequence in sequences]


def test_padding_is_pad():
    assert pad([[7], [8, 9]]).tolist() == [[7, PAD], [8, 9]]


# One epoch


@given(corpora, st.integers(1, 70), seeds, st.integers(0, 5))
def test_every_pair_is_there_once(pairs, sentences, seed, number):
    batches = batches_of(pairs, sentences=sentences, seed=seed)
    epoch = list(batches.epoch(number))
    found = Counter(row for batch in epoch for row in rows(batch))
    assert found == Counter((tuple(source), tuple(target)) for source, target in pairs)
    assert batches.batches_per_epoch(number) == len(epoch) == -(-len(pairs) // sentences)
    assert sum(len(batch.source) == sentences for batch in epoch) >= len(epoch) - 1
    assert batches.pairs == len(pairs)


@given(corpora, st.integers(13, 200), seeds)
def test_a_budget_of_words_holds_and_every_pair_is_there_once(pairs, words, seed):
    batches = batches_of(pairs, words=words, seed=seed)
    epoch = list(batches.epoch(0))
    assert Counter(row for batch in epoch for row in rows(batch)) == Counter(
        (tuple(source), tuple(target)) for source, target in pairs
    )
    for batch in epoch:
        assert batch.source.numel() <= words
        assert batch.target[:, 1:].numel() <= words
    assert batches.batches_per_epoch(0) == len(epoch)


def test_a_budget_is_used():
    pairs = long_corpus(3000)
    epoch = list(batches_of(pairs, words=400, seed=0).epoch(0))
    used = [max(batch.source.numel(), batch.target[:, 1:].numel()) for batch in epoch]
    assert sum(used) / len(used) > 0.9 * 400


@given(corpora, seeds)
def test_no_row_is_wider_than_its_batch_needs(pairs, seed):
    for batch in batches_of(pairs, sentences=4, seed=seed).epoch(0):
        assert (batch.source != PAD).sum(dim=1).max() == batch.source.shape[1]
        assert (batch.target != PAD).sum(dim=1).max() == batch.target.shape[1]
        assert batch.source.dtype == batch.target.dtype == torch.int64


@given(corpora, seeds)
def test_words_are_what_a_decoder_must_say(pairs, seed):
    batches = batches_of(pairs, sentences=5, seed=seed)
    for batch in batches.epoch(1):
        assert batch.words == sum(len(target) + 1 for _, target in rows(batch))
    assert sum(batch.words for batch in batches.epoch(1)) == sum(len(target) + 1 for _, target in pairs)


def test_words_by_hand():
    assert Batch(torch.tensor([[4, 5]]), torch.tensor([[BOS, 6, 7, EOS, PAD]])).words == 3


def test_similar_lengths_are_together():
    pairs = long_corpus(6400)
    bucketed = padding_share(batches_of(pairs, sentences=64, seed=0).epoch(0))
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0)).tolist()
    parts = [order[start : start + 64] for start in range(0, len(order), 64)]
    shuffled = [
        Batch(pad([pairs[k][0] for k in part]), pad([[BOS, *pairs[k][1], EOS] for k in part])) for part in parts
    ]
    assert padding_share(shuffled) > 0.35
    assert bucketed < 0.08


def test_lengths_come_in_no_order():
    widths = [batch.source.shape[1] for batch in batches_of(long_corpus(6400), sentences=64, seed=0).epoch(0)]
    steps = torch.tensor(widths).float()
    correlation = torch.corrcoef(torch.stack([steps[1:], steps[:-1]]))[0, 1]
    assert abs(correlation) < 0.35


# Order


@pytest.mark.parametrize("how", [{"sentences": 16}, {"words": 300}])
def test_the_order_depends_on_seed_and_number_alone(how):
    pairs = long_corpus(500)

    def order(seed, number, before=()):
        batches = batches_of(pairs, seed=seed, **how)
        for earlier in before:
            list(batches.epoch(earlier))
        return [batch.source[:, 0].tolist() for batch in batches.epoch(number)]

    assert order(3, 2) == order(3, 2, before=(0, 1)) == order(3, 2, before=(5, 2))
    different = [order(seed, number) for seed in (3, 4) for number in (0, 1, 2)]
    assert all(one != other for one, other in itertools.combinations(different, 2))
    members = [frozenset(map(frozenset, one)) for one in different]
    assert len(set(members)) == len(members)


@pytest.mark.parametrize("how", [{"sentences": 7}, {"words": 150}])
def test_skipping_gives_the_rest(how):
    batches = batches_of(long_corpus(200), seed=1, **how)
    whole = [batch.source.tolist() for batch in batches.epoch(4)]
    for skip in (0, 1, 5, len(whole), len(whole) + 3):
        assert [batch.source.tolist() for batch in batches.epoch(4, skip=skip)] == whole[skip:]


def test_skipped_batches_are_not_made():
    class Counting(list):
        reads = 0

        def __iter__(self):
            Counting.reads += 1
            return super().__iter__()

    batches = Batches([[4]] * 50, [Counting([5]) for _ in range(50)], sentences=5, seed=0)
    Counting.reads = 0
    list(batches.epoch(0, skip=9))
    assert Counting.reads == 5


def test_two_epochs_at_once_do_not_mix():
    batches = batches_of(long_corpus(60), sentences=4, seed=0)
    alone = [[batch.source.tolist() for batch in batches.epoch(number)] for number in (0, 1)]
    together = zip(batches.epoch(0), batches.epoch(1), strict=True)
    assert [[one.source.tolist(), other.source.tolist()] for one, other in together] == [
        [*both] for both in zip(*alone, strict=True)
    ]


def test_the_global_generators_stay_as_they_are():
    state = torch.get_rng_state()
    list(batches_of(long_corpus(50), sentences=4, seed=0).epoch(0))
    assert torch.equal(torch.get_rng_state(), state)


# From words


def test_from_pairs_encodes_both_sides():
    pairs = [Pair(("i", "do"), ("oui",)), Pair(("i",), ("je", "veux"))]
    english = Vocabulary(["i"])
    french = Vocabulary(["je", "oui", "veux"])
    (batch,) = Batches.from_pairs(pairs, english, french, sentences=2, seed=0).epoch(0)
    assert set(rows(batch)) == {((4, UNK), (5,)), ((4,), (4, 6))}


def test_from_pairs_takes_subwords():
    pairs = [("i do", "oui"), ("i", "je veux")]
    subwords = Subwords.build([text for pair in pairs for text in pair], size=40)
    batches = Batches.from_pairs(pairs, subwords, subwords, words=50, seed=0)
    found = {
        tuple(" ".join(subwords.decode(side)) for side in row) for batch in batches.epoch(0) for row in rows(batch)
    }
    assert found == set(pairs)


# What doesn't work


def test_numbers_of_sides_must_agree():
    with raises("there are 2 sources but 1 targets"):
        Batches([[4], [5]], [[4]], sentences=1, seed=0)


def test_there_must_be_pairs():
    with raises("there must be at least one pair of sentences, got none"):
        Batches([], [], sentences=1, seed=0)


@pytest.mark.parametrize("how", [{}, {"sentences": 2, "words": 9}])
def test_sentences_or_words(how):
    came = f"sentences={how.get('sentences')} and words={how.get('words')}"
    with raises(f"give either sentences or words, got {came}"):
        Batches([[4]], [[4]], seed=0, **how)


def test_empty_sentences_are_named():
    with raises("source 1 is empty; leave such pairs out"):
        Batches([[4], []], [[4], [5]], sentences=1, seed=0)
    with raises("target 0 is empty; leave such pairs out"):
        Batches([[4], [5]], [[], [4]], sentences=1, seed=0)


@pytest.mark.parametrize("symbol", [PAD, BOS, EOS])
def test_symbols_are_not_words(symbol):
    message = "target 1 holds the id {}, but sentences hold words only: PAD, BOS and EOS are added when a batch is made"
    with raises(message.format(symbol)):
        Batches([[4], [5]], [[4], [7, symbol]], sentences=1, seed=0)
    with raises(message.format(symbol).replace("target 1", "source 0")):
        Batches([[symbol], [5]], [[4], [7]], sentences=1, seed=0)


def test_a_pair_that_fits_in_no_batch():
    pairs = [([4], [4]), ([4] * 3, [4] * 5)]
    with raises("a batch of 5 words can't hold pair 1, which takes 6; leave the pair out or raise words"):
        batches_of(pairs, words=5, seed=0)
    assert len(list(batches_of(pairs, words=6, seed=0).epoch(0))) == 2


@pytest.mark.parametrize("how", [{"sentences": 0}, {"words": -1}])
def test_sizes_are_positive(how):
    ((name, size),) = how.items()
    with raises(f"{name} must be at least 1, got {size}"):
        Batches([[4]], [[4]], seed=0, **how)


@pytest.mark.parametrize("name", ["number", "skip"])
def test_numbers_are_not_negative(name):
    batches = batches_of(long_corpus(5), sentences=2, seed=0)
    with raises(f"{name} must not be negative, got -1"):
        batches.epoch(**{"number": 0, name: -1})


@pytest.mark.usefixtures("unchecked")
def test_the_seed_is_a_number():
    with raises("seed must be an integer, got NoneType", TypeError):
        Batches([[4]], [[4]], sentences=1, seed=None)
