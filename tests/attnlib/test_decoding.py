"""Greedy and beam search, against every sentence that a small model can say, and on real translators; sampling."""

import itertools
import math
import re
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from attnlib import decoding
from attnlib.decoding import (
    Hypothesis,
    Uncached,
    beam_search,
    forced_weights,
    greedy,
    length_normaliser,
    sample,
    select,
    truncate,
)
from attnlib.seq2seq import ATTENTIONS, CELLS, STYLES, Seq2Seq, Seq2SeqConfig
from attnlib.symbols import BOS, EOS, PAD, UNK

seeds = st.integers(0, 10_000)
exponents = st.sampled_from([0.0, 0.2, 0.6, 1.0, 3.0])


class Memory(NamedTuple):
    source: Tensor
    nothing: None


class Told(nn.Module):
    """A translator whose next word depends on the whole source and everything said, by way of a hash of both."""

    def __init__(self, vocab=6, *, seed=0, scale=2.0, levels=None, attention=True, max_length=50):
        super().__init__()
        self.config = SimpleNamespace(source_vocab=9, target_vocab=vocab, max_length=max_length)
        self.seed, self.scale, self.levels, self.attention = seed, scale, levels, attention
        self.encoded, self.rows = 0, []

    def encode(self, source):
        self.encoded += 1
        return Memory(source, None)

    def start(self, memory):
        state = torch.full((len(memory.source),), self.seed + 1)
        for word in memory.source.T:
            state = torch.where(word == PAD, state, hashed(state, word))
        return (state,)

    def step(self, token, state, memory):
        self.rows.append(len(token))
        (state,) = state
        state = hashed(state, token)
        logits = self.scale * noise(state, self.config.target_vocab)
        if self.levels:
            logits = (logits * self.levels).round() / self.levels
        weights = None
        if self.attention:
            scores = noise(state + 1, memory.source.shape[1])
            weights = scores.masked_fill(memory.source == PAD, -math.inf).softmax(dim=-1)
        return SimpleStep(logits, weights, (state,))


class SimpleStep(NamedTuple):
    logits: Tensor
    weights: Tensor | None
    state: tuple


PRIME = 2**31 - 1  # squares of what is left of a division by it fit into 64 bits


def hashed(state, word):
    mixed = (state * 16_807 + (word + 1) * 1_103_515_245) % PRIME
    return mixed * mixed % PRIME


def noise(state, width):
    """Numbers in [-1, 1] that depend on a hash and their place."""
    place = torch.arange(1, width + 1)
    return hashed(state[:, None], 31 * place).double() / PRIME * 2 - 1


class Scripted(nn.Module):
    """A translator that reads its probabilities off a table, by the last word; it keeps no state."""

    def __init__(self, table, max_length=50):
        super().__init__()
        self.table = torch.as_tensor(table, dtype=torch.float64)
        self.config = SimpleNamespace(source_vocab=9, target_vocab=self.table.shape[1], max_length=max_length)
        self.rows = []

    def encode(self, source):
        return source

    def start(self, memory):
        return None

    def step(self, token, state, memory):
        self.rows.append(len(token))
        return self.table.log()[token], None, None


def padded(sentences):
    return pad_sequence([torch.tensor(sentence) for sentence in sentences], batch_first=True, padding_value=PAD)


def said_alone(model, words, tokens):
    """Say the words to a model, one sentence alone; return the log-probability of each, and the weights."""
    source = torch.tensor([words])
    memory = model.encode(source)
    state, last, terms, rows = model.start(memory), BOS, [], []
    for token in tokens:
        logits, weights, state = model.step(torch.tensor([last]), state, memory)
        terms.append(float(logits[0].log_softmax(-1)[token]))
        rows.append(weights)
        last = token
    return math.fsum(terms), None if rows[0] is None else torch.cat(rows)


def every_sentence(model, words, max_length, exponent, forbidden=()):
    """Score each complete and each cut-off sentence: lists of (score, tokens), best first."""
    choices = [word for word in range(model.config.target_vocab) if word not in {PAD, BOS, EOS, *forbidden}]
    complete, cut = [], []
    with torch.no_grad():
        for length in range(max_length + 1):
            for tokens in itertools.product(choices, repeat=length):
                said = list(tokens) if length == max_length else [*tokens, EOS]
                score = said_alone(model, words, said)[0] / ((5 + len(said)) / 6) ** exponent
                (cut if length == max_length else complete).append((score, list(tokens)))
    return sorted(complete, reverse=True), sorted(cut, reverse=True)


def beam_by_hand(model, words, beam, exponent, n_best, max_length):
    """Beam search on lists, one sentence, never stopping early: (tokens, finished) of the n best."""
    opened, complete = [[]], []
    for length in range(1, max_length + 1):
        outcomes = [
            (said_alone(model, words, [*tokens, word])[0], [*tokens, word])
            for tokens in opened
            for word in range(EOS, model.config.target_vocab)
        ]
        outcomes.sort(key=lambda outcome: -outcome[0])
        normaliser = ((5 + length) / 6) ** exponent
        complete += [(total / normaliser, said[:-1]) for total, said in outcomes[:beam] if said[-1] == EOS]
        opened = [said for _, said in outcomes if said[-1] != EOS][:beam]
    complete.sort(key=lambda scored: -scored[0])
    best = [(tokens, True) for _, tokens in complete]
    return [*best, *((tokens, False) for tokens in opened)][:n_best]


def assert_same(one, other, tolerance=1e-12):
    assert one.tokens == other.tokens
    assert one.finished == other.finished
    assert one.log_probability == pytest.approx(other.log_probability, abs=tolerance)
    assert one.score == pytest.approx(other.score, abs=tolerance)
    if one.weights is None or other.weights is None:
        assert one.weights is other.weights
    else:
        torch.testing.assert_close(one.weights, other.weights, rtol=0, atol=tolerance)


def raises(message, error=ValueError):
    return pytest.raises(error, match=f"^{re.escape(message)}")


def sample_of_zero(model, source, **how):
    return sample(model, source, seed=0, **how)


def best_of_two(model, source, **how):
    return [best for (best,) in beam_search(model, source, beam=2, **how)]


sources = st.lists(st.lists(st.integers(UNK, 8), min_size=1, max_size=6), min_size=1, max_size=6)


# Beam search, against every sentence


@pytest.mark.parametrize(("vocab", "max_length"), [(5, 1), (5, 4), (6, 3), (6, 4)])
@given(seeds, exponents, st.integers(1, 4), st.floats(0.1, 6.0))
@settings(max_examples=12)
def test_a_beam_as_wide_as_all_sentences_is_exact(vocab, max_length, seed, exponent, n_best, scale):
    model = Told(vocab, seed=seed, scale=scale)
    beam = vocab**max_length
    (found,) = beam_search(
        model, [[4, 5]], beam=beam, length_penalty=exponent, n_best=min(n_best, beam), max_length=max_length
    )
    complete, cut = every_sentence(model, [4, 5], max_length, exponent)
    wanted = [*complete, *cut][:n_best]
    assert [hypothesis.tokens for hypothesis in found] == [tokens for _, tokens in wanted]
    assert [hypothesis.score for hypothesis in found] == pytest.approx([score for score, _ in wanted], abs=1e-12)
    assert [hypothesis.finished for hypothesis in found] == [len(h.tokens) < max_length for h in found]


@given(seeds, exponents)
@settings(max_examples=5)
def test_all_sentences_in_order(seed, exponent):
    model = Told(5, seed=seed)
    complete, cut = every_sentence(model, [7], 3, exponent)
    (found,) = beam_search(model, [[7]], beam=125, length_penalty=exponent, n_best=125, max_length=3)
    assert [hypothesis.tokens for hypothesis in found] == [tokens for _, tokens in [*complete, *cut]]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("exponent", [0.0, 0.6, 1.0])
def test_exact_on_a_real_translator(cell, exponent):
    model = translator(cell=cell, target_vocab=6, spread=3.0)
    (found,) = beam_search(model, [[5, 6, 4]], beam=6**3, length_penalty=exponent, n_best=10, max_length=3)
    wanted = every_sentence(model, [5, 6, 4], 3, exponent)[0][:10]
    assert [hypothesis.tokens for hypothesis in found] == [tokens for _, tokens in wanted]
    assert [hypothesis.score for hypothesis in found] == pytest.approx([score for score, _ in wanted], abs=1e-10)


def test_unknown_words_forbidden_against_every_sentence():
    model = Told(6, seed=3)
    (found,) = beam_search(model, [[4]], beam=200, n_best=15, max_length=4, forbid_unknown=True)
    wanted = every_sentence(model, [4], 4, 0.6, forbidden=[UNK])[0]
    assert [hypothesis.tokens for hypothesis in found] == [tokens for _, tokens in wanted]


# What any beam gives


@given(seeds, st.integers(1, 4), exponents, st.integers(1, 4), st.integers(1, 5), st.floats(0.1, 6.0))
@settings(max_examples=40)
def test_a_narrow_beam_against_one_by_hand(seed, beam, exponent, n_best, max_length, scale):
    model, n_best = Told(6, seed=seed, scale=scale), min(n_best, beam)
    (found,) = beam_search(model, [[4, 5]], beam=beam, length_penalty=exponent, n_best=n_best, max_length=max_length)
    wanted = beam_by_hand(model, [4, 5], beam, exponent, n_best, max_length)
    assert [(hypothesis.tokens, hypothesis.finished) for hypothesis in found] == wanted


@given(seeds, sources, st.integers(1, 6), exponents, st.booleans(), st.integers(1, 3))
@settings(max_examples=40)
def test_what_a_hypothesis_says_of_itself(seed, source, beam, exponent, forbid_unknown, n_best):
    model = Told(7, seed=seed)
    n_best = min(n_best, beam)
    answers = beam_search(
        model,
        source,
        beam=beam,
        length_penalty=exponent,
        n_best=n_best,
        max_length=6,
        forbid_unknown=forbid_unknown,
    )
    assert len(answers) == len(source)
    for words, found in zip(source, answers, strict=True):
        assert len(found) == n_best
        assert len({(tuple(hypothesis.tokens), hypothesis.finished) for hypothesis in found}) == n_best
        assert found == sorted(found, key=lambda hypothesis: (not hypothesis.finished, -hypothesis.score))
        for hypothesis in found:
            assert not {PAD, BOS, EOS} & set(hypothesis.tokens)
            assert not (forbid_unknown and UNK in hypothesis.tokens)
            said = [*hypothesis.tokens, EOS] if hypothesis.finished else hypothesis.tokens
            assert len(said) <= 6
            assert hypothesis.finished or len(said) == 6
            log_probability, weights = said_alone(model, words, said)
            assert hypothesis.log_probability == pytest.approx(log_probability, abs=1e-12)
            assert hypothesis.score == pytest.approx(log_probability / ((5 + len(said)) / 6) ** exponent, abs=1e-12)
            torch.testing.assert_close(hypothesis.weights, weights, rtol=0, atol=1e-12)


@given(seeds, sources, st.none() | st.integers(1, 8), st.booleans())
@settings(max_examples=40)
def test_a_beam_of_one_without_penalty_is_greedy(seed, source, max_length, forbid_unknown):
    model = Told(6, seed=seed)
    options = {"max_length": max_length, "forbid_unknown": forbid_unknown}
    beams = beam_search(model, source, beam=1, length_penalty=0, **options)
    for (best,), hypothesis in zip(beams, greedy(model, source, **options), strict=True):
        assert_same(best, hypothesis)


@given(seeds, st.integers(2, 6))
@settings(max_examples=20)
def test_more_beginnings_find_nothing_worse_than_the_greedy_sentence_where_it_is_complete(seed, beam):
    model = Told(6, seed=seed)
    (hypothesis,) = greedy(model, [[4]], max_length=5)
    ((best,),) = beam_search(model, [[4]], beam=216, length_penalty=0, max_length=5)
    ((narrow,),) = beam_search(model, [[4]], beam=beam, length_penalty=0, max_length=5)
    if hypothesis.finished:
        assert best.score >= hypothesis.score - 1e-12
    if narrow.finished:
        assert best.score >= narrow.score - 1e-12


# Greedy


@given(seeds, sources, st.integers(1, 8))
@settings(max_examples=30)
def test_greedy_against_a_loop(seed, source, max_length):
    model = Told(7, seed=seed)
    for words, hypothesis in zip(source, greedy(model, source, max_length=max_length), strict=True):
        tokens = []
        while len(tokens) < max_length and EOS not in tokens:
            chances = [said_alone(model, words, [*tokens, word])[0] for word in range(EOS, 7)]
            tokens.append(EOS + chances.index(max(chances)))
        assert hypothesis.finished == (tokens[-1] == EOS)
        assert hypothesis.tokens == [token for token in tokens if token != EOS]
        log_probability, weights = said_alone(model, words, tokens)
        assert hypothesis.log_probability == hypothesis.score == pytest.approx(log_probability, abs=1e-12)
        torch.testing.assert_close(hypothesis.weights, weights, rtol=0, atol=1e-12)


def test_padding_and_begin_are_never_said_however_likely():
    table = np.full((6, 6), 0.01)
    table[:, PAD], table[:, BOS], table[:, UNK], table[:, 4] = 0.5, 0.3, 0.12, 0.06
    model = Scripted(table)
    assert greedy(model, [[4]], max_length=3)[0].tokens == [UNK] * 3
    assert greedy(model, [[4]], max_length=3, forbid_unknown=True)[0].tokens == [4] * 3
    (found,) = beam_search(model, [[4]], beam=4, n_best=4, max_length=2, forbid_unknown=True)
    assert {token for hypothesis in found for token in hypothesis.tokens} <= {4, 5}
    # What they would have had is not shared out among the others.
    assert greedy(model, [[4]], max_length=1)[0].log_probability == pytest.approx(math.log(0.12))


# The batch


@given(seeds, sources, st.integers(1, 4), exponents, st.integers(1, 7), st.sampled_from([None, 2.0]))
@settings(max_examples=40)
def test_a_sentence_alone_and_in_company(seed, source, beam, exponent, batch, levels):
    model = Told(6, seed=seed, levels=levels)  # with levels, many words are equally probable
    for function, options in (
        (greedy, {}),
        (beam_search, {"beam": beam, "length_penalty": exponent, "n_best": beam}),
    ):
        together = function(model, source, batch=batch, **options)
        as_tensor = function(model, padded(source), **options)
        for words, one, two in zip(source, together, as_tensor, strict=True):
            (alone,) = function(model, [words], **options)
            for a, b, c in zip(*([x] if function is greedy else x for x in (one, two, alone)), strict=True):
                assert_same(a, b)
                assert_same(a, c)


def translator(spread=2.0, source_vocab=9, target_vocab=8, seed=0, **changes):
    config = Seq2SeqConfig(source_vocab, target_vocab, embedding_dim=4, hidden_dim=6, max_length=12, **changes)
    model = Seq2Seq(config, seed=seed).double()
    with torch.no_grad():  # untrained, it hardly tells words apart
        for parameter in model.parameters():
            parameter.mul_(spread)
    return model


REAL = [
    {"cell": cell, "attention": attention, "style": style, "bidirectional": cell == "gru"}
    for number, (attention, style) in enumerate(itertools.product([None, *ATTENTIONS], STYLES))
    for cell in [CELLS[number % len(CELLS)]]
]


@pytest.mark.parametrize("changes", REAL, ids=lambda changes: "-".join(map(str, changes.values())))
def test_real_translators_alone_in_company_and_against_their_forward_pass(changes):
    model = translator(**changes)
    source = [[4, 5, 6, 7, 8, 4, 5], [6], [7, 3, 8], [8, 8], [4, 4, 4, 4, 5]]
    for function, options in ((greedy, {}), (beam_search, {"beam": 3, "n_best": 3})):
        for words, together in zip(source, function(model, source, max_length=9, **options), strict=True):
            (alone,) = function(model, [words], max_length=9, **options)
            for one, two in zip(*([x] if function is greedy else x for x in (together, alone)), strict=True):
                assert_same(one, two, 1e-10)
                said = [*one.tokens, EOS] if one.finished else one.tokens
                with torch.no_grad():
                    logits = model(torch.tensor([words]), torch.tensor([[BOS, *said[:-1]]]))
                terms = logits[0].log_softmax(-1)[range(len(said)), said]
                assert one.log_probability == pytest.approx(float(terms.sum()), abs=1e-10)
                if changes["attention"] is None:
                    assert one.weights is None
                else:
                    assert one.weights.shape == (len(said), len(words))
                    torch.testing.assert_close(one.weights.sum(-1), torch.ones(len(said)).double())


def test_half_precision_logits_are_summed_in_more():
    model = Told(6, seed=1)
    step = model.step
    model.step = lambda *arguments: step(*arguments)._replace(logits=step(*arguments).logits.bfloat16())
    (one,) = greedy(model, [[4]], max_length=5)
    said = [*one.tokens, EOS] if one.finished else one.tokens
    total, state, last = 0.0, model.start(Memory(torch.tensor([[4]]), None)), BOS
    for word in said:
        logits, _, state = model.step(torch.tensor([last]), state, Memory(torch.tensor([[4]]), None))
        total, last = total + float(logits[0].double().log_softmax(-1)[word]), word
    assert one.log_probability == pytest.approx(total, abs=1e-5)


# Words drawn by chance

temperatures = st.sampled_from([0.0, 0.3, 1.0, 2.5])
top_ks = st.none() | st.integers(1, 8)
top_ps = st.none() | st.integers(0, 999).map(lambda n: (n + 0.314) / 1000)  # no sum of equal shares is that number


def kept_by_hand(logits, temperature, top_k, top_p):
    """Return the words that stay with their probabilities, from the definition."""
    order = sorted((v for v, z in enumerate(logits) if z > -math.inf), key=lambda v: (-logits[v], v))
    if temperature == 0:
        return {order[0]: 1.0}
    order = order[:top_k]
    shares = [math.exp((logits[v] - logits[order[0]]) / temperature) for v in order]
    total, number = math.fsum(shares), 1
    while top_p is not None and number < len(order) and math.fsum(shares[:number]) / total < top_p:
        number += 1
    number = len(order) if top_p is None else number
    return {v: share / math.fsum(shares[:number]) for v, share in zip(order[:number], shares, strict=False)}


@given(
    st.lists(st.sampled_from([-math.inf, -2.0, -1.0, -0.5, 0.0, 0.7, 1.5]), min_size=2, max_size=8),
    temperatures,
    top_ks,
    top_ps,
)
def test_truncation_is_its_definition(logits, temperature, top_k, top_p):
    logits[len(logits) // 2] = 0.3
    rows = torch.tensor([logits, logits[::-1]], dtype=torch.float64)
    before = rows.clone()
    truncated = truncate(rows, temperature=temperature, top_k=top_k, top_p=top_p)
    assert torch.equal(rows, before)
    assert truncated.dtype == torch.float64
    for row, own in zip(truncated, rows.tolist(), strict=True):
        kept = kept_by_hand(own, temperature, top_k, top_p)
        assert [v for v, z in enumerate(row.tolist()) if z > -math.inf] == sorted(kept)
        assert row.softmax(-1)[sorted(kept)].tolist() == pytest.approx([kept[v] for v in sorted(kept)])
        for v in kept:
            assert row[v].item() == pytest.approx(own[v] / (temperature or 1.0))


def test_the_nucleus_is_taken_of_the_words_that_top_k_leaves():
    logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()
    kept = truncate(logits, top_k=2, top_p=0.5).softmax(dim=-1)
    assert kept.tolist() == [1, 0, 0, 0], "0.4 of 0.7 is more than half"
    assert (truncate(logits, top_p=0.5) > -math.inf).tolist() == [True, True, False, False]


def test_without_a_wish_logits_stay_as_they_are():
    logits = torch.randn(2, 3, 5)
    for nothing in ({}, {"top_p": 1.0}, {"top_k": 5}, {"top_k": 50, "top_p": 1}):
        assert torch.equal(truncate(logits, **nothing), logits)
    tail = torch.tensor([40.0, 0.0, -50.0])  # all of float64 is in the first word
    assert torch.equal(truncate(tail, top_p=1.0), tail)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_temperatures_so_low_that_division_overflows(dtype):
    logits = torch.tensor([[1.0, 3.0, 2.0, -math.inf], [-1.0, -2.0, -1.5, -1.0], [-math.inf] * 4], dtype=dtype)
    for temperature in (1e-5 if dtype == torch.float16 else 1e-38, 1e-308):
        truncated = truncate(logits, temperature=temperature)
        assert truncated.dtype == dtype
        assert truncated[:2].float().softmax(-1).tolist() == [[0, 1, 0, 0], [0.5, 0, 0, 0.5]]
        assert (truncated[2] == -math.inf).all()
    assert truncate(logits, temperature=0)[:2].float().softmax(-1).tolist() == [[0, 1, 0, 0], [1, 0, 0, 0]]
    assert (truncate(logits, temperature=0, top_p=0.5)[2] == -math.inf).all()


def sample_by_hand(model, words, number, *, seed, max_length, forbidden, **how):
    """Draw one sentence: the first word at which the sum of the probabilities is above the number drawn."""
    source = torch.tensor([words])
    rng, memory = np.random.default_rng([seed, number]), model.encode(source)
    state, tokens, total = model.start(memory), [BOS], 0.0
    while len(tokens) <= max_length and tokens[-1:] != [EOS]:
        logits, _, state = model.step(torch.tensor(tokens[-1:]), state, memory)
        allowed = [-math.inf if v in forbidden else z for v, z in enumerate(logits[0].tolist())]
        kept, drawn, sum_ = kept_by_hand(allowed, **how), rng.random(), 0.0
        for word in sorted(kept):
            sum_ += kept[word]
            if sum_ > drawn:
                break
        total += float(logits[0].log_softmax(-1)[word])
        tokens.append(word)
    return [token for token in tokens[1:] if token != EOS], total, tokens[-1] == EOS


@given(seeds, sources, temperatures, top_ks, top_ps, st.booleans(), st.integers(1, 6))
@settings(max_examples=40)
def test_samples_against_a_loop(seed, source, temperature, top_k, top_p, forbid_unknown, max_length):
    model = Told(7, seed=seed)
    how = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    found = sample(model, source, seed=seed, max_length=max_length, forbid_unknown=forbid_unknown, **how)
    forbidden = [PAD, BOS, *([UNK] if forbid_unknown else [])]
    for number, (words, one) in enumerate(zip(source, found, strict=True)):
        tokens, total, finished = sample_by_hand(
            model, words, number, seed=seed, max_length=max_length, forbidden=forbidden, **how
        )
        assert (one.tokens, one.finished) == (tokens, finished)
        assert one.log_probability == one.score == pytest.approx(total, abs=1e-12)
        _, weights = said_alone(model, words, [*tokens, EOS] if finished else tokens)
        torch.testing.assert_close(one.weights, weights, rtol=0, atol=1e-12)


@given(seeds, sources, st.booleans(), st.sampled_from([None, 2.0]))
@settings(max_examples=20)
def test_samples_of_temperature_zero_are_greedy(seed, source, forbid_unknown, levels):
    model = Told(6, seed=seed, levels=levels)
    cold = sample(model, source, temperature=0, seed=seed, forbid_unknown=forbid_unknown)
    for one, other in zip(cold, greedy(model, source, forbid_unknown=forbid_unknown), strict=True):
        assert_same(one, other)
    for one, other in zip(sample(model, source, top_k=1, seed=seed), greedy(model, source), strict=True):
        assert_same(one, other)


@given(seeds, sources, st.integers(1, 7), st.integers(1, 6))
@settings(max_examples=20)
def test_a_sample_depends_on_the_seed_and_its_number_alone(seed, source, batch, max_length):
    model = Told(6, seed=seed)
    draw = sample(model, source, seed=seed, max_length=6)
    for one, other in zip(draw, sample(model, padded(source), seed=seed, batch=batch, max_length=6), strict=True):
        assert_same(one, other)
    for one, other in zip(draw, sample(model, source[: len(source) // 2 + 1], seed=seed, max_length=6), strict=False):
        assert_same(one, other)
    for one, other in zip(draw, sample(model, source, seed=seed, max_length=max_length), strict=True):
        assert one.tokens[:max_length] == other.tokens


def test_samples_differ_by_seed_and_number():
    source = [[4, 5]] * 30
    drawn = [[found.tokens for found in sample(Told(), source, seed=seed)] for seed in (0, 1, 0, -1, 2**64 - 1)]
    assert len({tuple(tokens) for tokens in drawn[0]}) > 10
    assert sum(one != other for one, other in zip(drawn[0], drawn[1], strict=True)) > 10
    assert drawn[0] == drawn[2]
    assert drawn[3] == drawn[4]
    assert drawn[3] != drawn[0]


def test_a_seed_may_be_of_numpy(unchecked):
    one, other = (sample(Told(), [[4, 5]] * 30, seed=seed) for seed in (np.int64(1), 1))
    assert [found.tokens for found in one] == [found.tokens for found in other]


def test_words_are_drawn_as_often_as_they_are_probable():
    table = np.tile([0.1, 0.2, 0.05, 0.1, 0.25, 0.3], (6, 1))
    source, number = [[4]] * 4000, 4000

    def shares(**how):
        said = [(found.tokens or [EOS])[0] for found in sample(Scripted(table), source, seed=0, max_length=1, **how)]
        return np.bincount(said, minlength=6) / number

    for how, expected in (
        ({}, [0, 0, 0.05, 0.1, 0.25, 0.3]),
        ({"forbid_unknown": True}, [0, 0, 0.05, 0, 0.25, 0.3]),
        ({"temperature": 0.5}, [0, 0, 0.0025, 0.01, 0.0625, 0.09]),
        ({"top_k": 2}, [0, 0, 0, 0, 0.25, 0.3]),
        ({"top_p": 0.8}, [0, 0, 0, 0.1, 0.25, 0.3]),
        ({"top_p": 0.4}, [0, 0, 0, 0, 0, 0.3]),
    ):
        wanted = np.array(expected) / sum(expected)
        drawn = shares(**how)
        assert (drawn[wanted == 0] == 0).all()
        assert (abs(drawn - wanted) <= 4 * np.sqrt(wanted * (1 - wanted) / number)).all()


class Fixed:
    """Draws one number again and again."""

    def __init__(self, number):
        self.number = number

    def random(self, count):
        return np.full(count, self.number)


@pytest.mark.parametrize("number", [0.0, math.nextafter(1, 0)])
def test_the_smallest_and_largest_numbers_draw_possible_words(monkeypatch, number):
    monkeypatch.setattr(decoding.np.random, "default_rng", lambda seed: Fixed(number))
    for last in np.random.RandomState(0).dirichlet(np.ones(5), size=200):
        table = np.tile([0.5, 0, 0, *last, 0, 0], (10, 1))
        (found,) = sample(Scripted(table), [[4]], seed=0, max_length=1)
        assert found.tokens == ([3] if number == 0 else [7])


def test_a_language_models_kind_of_room():
    endless = np.zeros((6, 6))
    endless[:, 4] = 1.0
    model = Scripted(endless)
    model.room = lambda words: 15 - words
    for decode in (greedy, sample_of_zero, best_of_two):
        assert [len(found.tokens) for found in decode(model, [[5], [5] * 4])] == [12, 11]
        assert [len(found.tokens) for found in decode(model, [[5], [5] * 4], max_length=11)] == [11, 11]
        with raises(
            "max_length is 12, but with 4 words in sentence 1 the model has room for 11: ask for fewer, or make a model"
        ):
            decode(model, [[5], [5] * 4], max_length=12)


# Known words


@given(
    seeds,
    st.lists(st.tuples(st.lists(st.integers(3, 8), min_size=1, max_size=5), st.lists(st.integers(3, 5))), max_size=5),
)
@settings(max_examples=20)
def test_forced_weights_are_those_of_steps_one_by_one(seed, pairs):
    model = Told(6, seed=seed)
    found = forced_weights(model, [source for source, _ in pairs], [[BOS, *target] for _, target in pairs])
    assert len(found) == len(pairs)
    for weights, (source, target) in zip(found, pairs, strict=True):
        if target:
            torch.testing.assert_close(weights, said_alone(model, source, target)[1], rtol=0, atol=1e-12)
        else:
            assert weights.shape == (0, len(source))


def test_forced_weights_of_a_real_translator():
    model = translator(attention="additive", dropout_p=0.5).train()
    sources, targets = [[4, 5, 6], [7]], [[4, 5], [6, 7, 4]]
    one, two = (forced_weights(model, sources, [[BOS, *target] for target in targets]) for _ in range(2))
    assert model.training
    for weights, again, source, target in zip(one, two, sources, targets, strict=True):
        assert not weights.requires_grad
        torch.testing.assert_close(weights, again, rtol=0, atol=0)
        model.eval()
        with torch.no_grad():
            torch.testing.assert_close(weights, said_alone(model, source, target)[1])
        model.train()


def test_forced_weights_of_arrays(unchecked):
    model = translator(attention="additive")
    lists = forced_weights(model, [[4, 5, 6], [7]], [[1, 4, 5], [1, 6, 7, 4]])
    arrays = forced_weights(model, [np.array([4, 5, 6]), np.array([7])], [torch.tensor([1, 4, 5]), (1, 6, 7, 4)])
    for weights, again in zip(lists, arrays, strict=True):
        torch.testing.assert_close(weights, again, rtol=0, atol=0)


def test_what_forced_weights_refuse():
    with raises("Seq2Seq has no weights in its steps"):
        forced_weights(translator(attention=None), [[4]], [[BOS, 4]])
    with raises("there are 1 sources but 2 targets"):
        forced_weights(Told(), [[4]], [[BOS], [BOS]])
    with raises("target 1 has nothing to read: begin it with BOS, id 1"):
        forced_weights(Told(), [[4], [5]], [[BOS], []])
    with raises("Linear can't translate: it has no encode, start, step, config", TypeError):
        forced_weights(nn.Linear(2, 2), [[4]], [[BOS, 4]])


# What leaves, and when a search is over


class Countdown(nn.Module):
    """Says word 4 as often as the source has words, then the end; surely."""

    config = SimpleNamespace(source_vocab=9, target_vocab=6, max_length=50)

    def __init__(self):
        super().__init__()
        self.rows, self.encoded = [], 0

    def encode(self, source):
        self.encoded += 1
        return (source != PAD).sum(dim=1)

    def start(self, memory):
        return {"left": memory}

    def step(self, token, state, memory):
        assert len(token) == len(state["left"]) == len(memory)
        self.rows.append(len(token))
        word = torch.where(state["left"] > 0, 4, EOS)
        logits = 20.0 * nn.functional.one_hot(word, 6).double()
        return SimpleStep(logits, None, {"left": state["left"] - 1})


def test_finished_sentences_leave_the_batch():
    source = [[5] * length for length in (1, 6, 2, 2, 1)]
    model = Countdown()
    found = greedy(model, source)
    assert [len(hypothesis.tokens) for hypothesis in found] == [1, 6, 2, 2, 1]
    assert model.rows == [5, 5, 3, 1, 1, 1, 1]
    model = Countdown()
    found = beam_search(model, source, beam=2, length_penalty=0)
    assert [len(best.tokens) for (best,) in found] == [1, 6, 2, 2, 1]
    assert model.rows == [10, 10, 6, 2, 2, 2, 2]
    assert model.encoded == 1


def test_sentences_of_similar_length_go_together():
    source = [[5] * length for length in (1, 6, 2, 2, 1)]
    model = Countdown()
    assert [len(hypothesis.tokens) for hypothesis in greedy(model, source, batch=2)] == [1, 6, 2, 2, 1]
    assert model.rows == [2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1]
    assert model.encoded == 3


@pytest.mark.parametrize(
    ("certain", "exponent", "steps"),
    [
        # log 0.01 / lp(10) < log 0.99 / lp(1) whatever the exponent up to 3, so one step is enough.
        (0.99, 0.0, 1),
        (0.99, 3.0, 1),
        # log 0.45 / (15 / 6) > log 0.5: a certain sentence of ten words could still win.
        (0.5, 1.0, None),
        (0.5, 0.0, 1),
    ],
)
def test_the_search_stops_when_and_only_when_nothing_better_can_come(certain, exponent, steps):
    rest = (1 - certain) / 4
    table = np.tile([0, 0, certain, rest, rest, 2 * rest], (6, 1))
    model = Scripted(table)
    ((best,),) = beam_search(model, [[4]], beam=3, length_penalty=exponent, max_length=10)
    assert best.tokens == []
    if steps is None:
        assert len(model.rows) > 1
    else:
        assert len(model.rows) == steps


def test_a_late_sentence_can_still_win():
    # The end has 0.6 at first; the other way has 0.4 and is certain from then on.
    table = np.zeros((6, 6))
    table[BOS, [EOS, 4]] = 0.6, 0.4
    table[4, 5] = table[5, EOS] = 1.0
    ((best,),) = beam_search(Scripted(table), [[4]], beam=2, length_penalty=0, max_length=3)
    assert best.tokens == []
    ((best,),) = beam_search(Scripted(table), [[4]], beam=2, length_penalty=5.0, max_length=3)
    assert best.tokens == [4, 5]
    assert best.score == pytest.approx(math.log(0.4) / (8 / 6) ** 5)


def test_complete_sentences_go_before_cut_off_ones():
    table = np.zeros((6, 6))
    table[BOS, [EOS, 4]] = 0.1, 0.9
    table[4, [4, EOS]] = 1.0, 0.0
    (found,) = beam_search(Scripted(table), [[4]], beam=2, n_best=2, max_length=5)
    assert [(hypothesis.tokens, hypothesis.finished) for hypothesis in found] == [([], True), ([4] * 5, False)]
    assert found[0].score < found[1].score


def test_fewer_hypotheses_where_no_more_are_possible():
    table = np.zeros((6, 6))
    table[BOS, 4] = table[4, EOS] = 1.0
    (found,) = beam_search(Scripted(table), [[4]], beam=3, n_best=3)
    assert [hypothesis.tokens for hypothesis in found] == [[4]]


def test_equal_scores_go_by_length_then_by_id():
    model = Scripted(np.full((6, 6), 1 / 6))
    assert greedy(model, [[4]])[0].tokens == []
    (found,) = beam_search(model, [[4]], beam=3, length_penalty=0, n_best=3)
    assert [hypothesis.tokens for hypothesis in found] == [[], [3], [3, 3]]
    table = np.tile([0, 0, 0, 0.2, 0.4, 0.4], (6, 1))
    assert greedy(Scripted(table), [[4]], max_length=2)[0].tokens == [4, 4]


# Lengths


def test_the_maximum_length_counts_the_end():
    words = [[5] * 3]
    for function in (greedy, lambda *a, **k: [best for (best,) in beam_search(*a, beam=1, **k)]):
        assert [(h.tokens, h.finished) for h in function(Countdown(), words, max_length=4)] == [([4] * 3, True)]
        assert [(h.tokens, h.finished) for h in function(Countdown(), words, max_length=3)] == [([4] * 3, False)]
        assert [(h.tokens, h.finished) for h in function(Countdown(), words, max_length=1)] == [([4], False)]


def test_without_a_maximum_length_it_is_the_models_or_grows_with_the_sentence():
    endless = np.zeros((6, 6))
    endless[:, 4] = 1.0
    source = [[5], [5] * 4]
    assert [len(h.tokens) for h in greedy(Scripted(endless), source)] == [12, 18]
    assert [len(h.tokens) for (h,) in beam_search(Scripted(endless), source)] == [12, 18]
    assert [len(h.tokens) for h in greedy(Scripted(endless, max_length=15), source)] == [12, 15]
    assert [len(h.tokens) for h in greedy(Scripted(endless, max_length=15), source, max_length=20)] == [20, 20]


def test_the_normaliser():
    assert length_normaliser(1, 0.6) == 1.0
    assert length_normaliser(7, 1.0) == 2.0
    assert length_normaliser(40, 0) == 1.0
    with raises("length must be at least 1, got 0"):
        length_normaliser(0, 1.0)
    with raises("the length penalty must be finite and at least 0, got -1.0"):
        length_normaliser(3, -1.0)


# What stays as it was


@pytest.mark.parametrize("function", [greedy, beam_search, sample_of_zero])
def test_modes_randomness_gradients_and_arguments_are_left_alone(function):
    model = translator(dropout_p=0.5).train()
    model.encoder.eval()
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    source = torch.tensor([[4, 5, 6], [7, 0, 0]])
    kept = source.clone()
    one, two = function(model, source), function(model, source)
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(source, kept)
    assert torch.is_grad_enabled()
    flat = function is not beam_search
    for first, second in zip(*([x] if flat else itertools.chain(*x) for x in (one, two)), strict=True):
        for a, b in zip(first, second, strict=True) if flat else [(first, second)]:
            assert_same(a, b, 0)
            assert not a.weights.requires_grad
            assert not a.weights.is_inference()


def test_modes_come_back_after_an_error():
    model = translator().train()
    model.step = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        greedy(model, [[4]])
    assert model.training
    assert torch.is_grad_enabled()


def test_weights_hold_on_to_nothing_else():
    for hypothesis in (*greedy(Told(), [[4], [5] * 6]), *beam_search(Told(), [[4], [5] * 6])[0]):
        assert hypothesis.weights.untyped_storage().nbytes() == 8 * hypothesis.weights.numel()


def test_no_sentences():
    assert greedy(Told(), []) == beam_search(Told(), []) == []
    assert greedy(Told(), torch.zeros(0, 3, dtype=torch.int64)) == []


def test_sources_of_many_kinds():
    wanted = [hypothesis.tokens for hypothesis in greedy(Told(), [[4, 5], [6]])]
    for source in (
        ((4, 5), (6,)),
        [[4, 5], [6, PAD, PAD]],
        [np.array([4, 5]), np.array([6])],
        [torch.tensor([4, 5]), torch.tensor([6])],
        torch.tensor([[4, 5, 0], [6, 0, 0]], dtype=torch.int32),
    ):
        assert [hypothesis.tokens for hypothesis in greedy(Told(), source)] == wanted


# Rows


class Pair(NamedTuple):
    first: Tensor
    second: tuple | None


@given(st.lists(st.integers(0, 3), max_size=6))
def test_select_takes_rows_of_everything(rows):
    index = torch.tensor(rows, dtype=torch.int64)
    one, two = torch.arange(4.0), torch.arange(24).reshape(4, 2, 3)
    chosen = select({"pair": Pair(one, (two, None)), "list": [one]}, index)
    assert isinstance(chosen["pair"], Pair)
    assert chosen["pair"].second[1] is None
    assert chosen["list"][0].tolist() == chosen["pair"].first.tolist() == [float(row) for row in rows]
    assert torch.equal(chosen["pair"].second[0], two[rows])
    assert select(None, index) is None
    assert select((), index) == ()


def test_select_refuses():
    index = torch.tensor([0])
    with raises("a state must be made of tensors, None, tuples, lists and dicts, got int inside", TypeError):
        select((torch.zeros(2), 3), index)
    with raises("a state must have the batch as its first axis"):
        select(torch.tensor(1.0), index)


# What they refuse


@pytest.mark.parametrize("function", [greedy, beam_search, sample_of_zero])
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([[4], []], "sentence 1 of source has no words"),
        ([[4], [PAD, PAD]], "sentence 1 of source has no words"),
        (torch.tensor([[4, 5], [0, 0]]), "sentence 1 of source has no words"),
        (torch.zeros(2, 0, dtype=torch.int64), "sentence 0 of source has no words"),
        ([[4, PAD, 5]], "sentence 0 of source has padding before a word, at place 1"),
        ([[4], [5, 9]], "sentence 1 of source has id 9; the vocabulary has ids 0 to 8"),
        ([[-1]], "sentence 0 of source has id -1; the vocabulary has ids 0 to 8"),
        (torch.tensor([4, 5]), "source must have shape (batch, key), got (2,); for one sentence pass source[None]"),
    ],
)
def test_sources_they_refuse(function, source, message):
    with raises(message):
        function(Told(), source)


@pytest.mark.parametrize("function", [greedy, beam_search])
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([4, 5], "source must be a list of sentences, got a list with integers in it; for one pass [source]"),
        ([["je"]], "sentence 0 of source must hold word ids, got 'je'"),
        ([[4.0]], "sentence 0 of source must hold word ids, got 4.0"),
        ([[True]], "sentence 0 of source must hold word ids, got True"),
        (torch.tensor([[1.0]]), "source must hold integers, got dtype float32"),
    ],
)
def test_kinds_they_refuse(function, source, message, unchecked):
    with raises(message, TypeError):
        function(Told(), source)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"beam": 0}, "beam must be at least 1, got 0"),
        ({"n_best": 0}, "n_best must be at least 1, got 0"),
        ({"beam": 2, "n_best": 3}, "n_best is 3 but beam is 2"),
        ({"length_penalty": -0.1}, "the length penalty must be finite and at least 0, got -0.1"),
        ({"length_penalty": math.nan}, "the length penalty must be finite and at least 0, got nan"),
        ({"length_penalty": math.inf}, "the length penalty must be finite and at least 0, got inf"),
        ({"max_length": 0}, "max_length must be at least 1, got 0"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
    ],
)
def test_numbers_they_refuse(wrong, message):
    with raises(message):
        beam_search(Told(), [[4]], **wrong)
    if wrong.keys() <= {"max_length", "batch"}:
        with raises(message):
            greedy(Told(), [[4]], **wrong)


def test_kinds_of_numbers_they_refuse(unchecked):
    with raises("the length penalty must be a number, got str", TypeError):
        beam_search(Told(), [[4]], length_penalty="0.6")
    with raises("max_length must be an integer, got float", TypeError):
        greedy(Told(), [[4]], max_length=3.0)


def test_models_they_refuse():
    for function in (greedy, beam_search, sample_of_zero, lambda model, source: Uncached(model)):
        with raises("Linear can't translate: it has no encode, start, step, config", TypeError):
            function(nn.Linear(2, 2), [[4]])
    with raises("Seq2Seq can't do without its state: it has no step_anew", TypeError):
        Uncached(translator())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"temperature": -0.1}, "temperature must be finite and at least 0, got -0.1"),
        ({"temperature": math.inf}, "temperature must be finite and at least 0, got inf"),
        ({"temperature": math.nan}, "temperature must be finite and at least 0, got nan"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1, got 0.0"),
        ({"top_p": 1.01}, "top_p must be above 0 and at most 1, got 1.01"),
        ({"top_p": math.nan}, "top_p must be above 0 and at most 1, got nan"),
    ],
)
def test_truncations_they_refuse(wrong, message):
    with raises(message):
        truncate(torch.zeros(1, 3), **wrong)
    with raises(message):
        sample(Told(), [], seed=0, **wrong)


def test_kinds_of_truncations_they_refuse(unchecked):
    for wrong, message in (
        ({"temperature": None}, "temperature must be a number, got NoneType"),
        ({"temperature": True}, "temperature must be a number, got bool"),
        ({"top_k": 2.0}, "top_k must be an integer, got float"),
        ({"top_p": "half"}, "top_p must be a number, got str"),
        ({"seed": 0.5}, "seed must be an integer, got float"),
        ({"seed": None}, "seed must be an integer, got NoneType"),
    ):
        with raises(message, TypeError):
            sample(Told(), [[4]], **{"seed": 0, **wrong})


@pytest.mark.parametrize("function", [greedy, beam_search, sample_of_zero])
def test_logits_without_a_meaning(function):
    broken = translator()
    with torch.no_grad():
        broken.output.bias[5] = math.nan
    with raises("the model's logits for word 1 hold NaN or infinity: look at its parameters"):
        function(broken, [[4]])
    only_padding = np.zeros((6, 6))
    only_padding[BOS, 4] = only_padding[4, PAD] = 1.0
    with raises("the model gives probability 0 to every word that may be said as word 2"):
        function(Scripted(only_padding), [[4]])


def test_a_dead_end_counts_for_nothing_where_a_sentence_was_found():
    table = np.zeros((6, 6))
    table[BOS, [EOS, 4]] = 0.2, 0.8
    table[4, PAD] = 1.0
    (found,) = beam_search(Scripted(table), [[4]], beam=2, n_best=2)
    assert [hypothesis.tokens for hypothesis in found] == [[]]


def test_a_hypothesis_is_a_plain_tuple():
    hypothesis = Hypothesis([4], -1.0, -1.0, None, True)
    assert hypothesis._fields == ("tokens", "log_probability", "score", "weights", "finished")
