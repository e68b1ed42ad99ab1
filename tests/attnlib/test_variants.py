"""The five variants, against loops over their parameters, torch's layers, and the wirings that they declare."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from attnlib.data.batches import Batches
from attnlib.decoding import beam_search, greedy
from attnlib.seq2seq import Seq2Seq, Seq2SeqConfig, State
from attnlib.symbols import BOS, EOS, PAD
from attnlib.training import TrainingConfig, train
from attnlib.variants import VARIANTS, Variant, VariantConfig, VariantMemory, VariantState

SIZES = {"source_vocab": 20, "target_vocab": 23, "embedding_dim": 5, "hidden_dim": 6, "max_length": 9}
every_variant = pytest.mark.parametrize("number", VARIANTS)
every_cell = pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
recurrent_encoders = pytest.mark.parametrize("number", [1, 2, 5])
encoder_only = pytest.mark.parametrize("number", [3, 4])
lengths = st.integers(1, 6)
seeds = st.integers(0, 100)


def make(number, seed=0, **changes):
    return VARIANTS[number](VariantConfig(**{**SIZES, **changes}), seed=seed).double()


def sentences(seed=0, words=(3, 5, 1), steps=4):
    """Return source ids of the given lengths, padded, and target ids."""
    rng = torch.Generator().manual_seed(seed)
    source = torch.randint(4, SIZES["source_vocab"], (len(words), max(words)), generator=rng)
    source[torch.arange(max(words)) >= torch.tensor(words)[:, None]] = PAD
    target = torch.randint(4, SIZES["target_vocab"], (len(words), steps), generator=rng)
    target[:, 0] = BOS
    return source, target


def raises(message, error=ValueError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def one_sentence(seed, words, steps):
    return sentences(seed, (words,), steps)


# The weights, by loops in the source's columns


def columns(number, model, X, H, T, S):
    """Return W with one step a column, number by number: X, H, T and S hold one word or step a column."""
    weight = {name: p.detach().numpy() for name, p in model.named_parameters()}

    def score(k, i):
        if number == 1:
            return sum(h * s for h, s in zip(H[:, k], S[:, i], strict=True))
        if number == 3:
            return sum(x * y for x, y in zip(X[:, k], X[:, i], strict=True))
        if number == 5:
            ts = [*T[:, i], *S[:, i]]
            return sum(f * z for f, z in zip(weight["FC.weight"][k], ts, strict=True)) + weight["FC.bias"][k]
        key, query = (H[:, k], S[:, i]) if number == 2 else (X[:, k], X[:, i])
        key, query = weight["Kw.weight"] @ key, weight["Qw.weight"] @ query
        return sum(a * b for a, b in zip(key, query, strict=True)) / math.sqrt(len(query))

    words, steps = X.shape[1], T.shape[1]
    W = np.zeros((words, steps))
    for i in range(steps):
        if number in (3, 4) and i >= words:
            continue
        powers = [math.exp(score(k, i)) for k in range(words)]
        W[:, i] = [power / sum(powers) for power in powers]
    return W


def walked(model, source, target_in):
    """Return X, H, T, S of one sentence, one word or step a column, by torch's own layers."""
    X = model.source_embedding(source)
    H = None if model.encoder is None else model.encoder(X)[0][0].T.detach().numpy()
    first = model.start(model.encode(source)).hidden
    S = torch.cat([first[:, None], model.features(source, target_in)[:, :-1]], dim=1)
    T = model.target_embedding(target_in)
    return X[0].T.detach().numpy(), H, T[0].T.detach().numpy(), S[0].T.detach().numpy()


@every_variant
@every_cell
@given(words=lengths, steps=lengths, seed=seeds)
@settings(max_examples=10)
def test_weights_are_those_of_the_formula(number, cell, words, steps, seed):
    model = make(number, seed, cell=cell)
    source, target_in = one_sentence(seed, words, steps)
    expected = columns(number, model, *walked(model, source, target_in))
    np.testing.assert_allclose(model.weights(source, target_in)[0].T.numpy(), expected, atol=1e-12)


@every_variant
@every_cell
def test_features_are_torchs_layer_on_words_and_contexts(number, cell):
    model = make(number, cell=cell)
    source, target_in = one_sentence(1, 4, 6)
    W = model.weights(source, target_in)
    X = model.source_embedding(source)
    H, last = (None, None) if model.encoder is None else model.encoder(X)
    values = (
        {1: H, 3: X, 5: H}[number]
        if number in (1, 3, 5)
        else nn.functional.linear(H if number == 2 else X, model.Vw.weight)
    )
    inputs = torch.cat([model.target_embedding(target_in), W @ values], dim=-1)
    states, _ = model.decoder(inputs) if last is None else model.decoder(inputs, last)
    torch.testing.assert_close(model.features(source, target_in), states)
    torch.testing.assert_close(model(source, target_in), model.output(states))


@pytest.mark.parametrize(("number", "attention"), [(1, "dot"), (2, "qkv")])
@every_cell
def test_variants_one_and_two_are_the_networks_of_the_walkthrough(number, attention, cell):
    same = Seq2Seq(Seq2SeqConfig(**SIZES, cell=cell, attention=attention), seed=3).double()
    model = make(number, 3, cell=cell)
    source, target_in = sentences(3)
    torch.testing.assert_close(model(source, target_in), same(source, target_in))
    for probability in (0.0, 0.5):
        drawn = [
            network(source, target_in, teacher_forcing=probability, generator=torch.Generator().manual_seed(1))
            for network in (model, same)
        ]
        torch.testing.assert_close(*drawn)


def test_variant_three_by_hand():
    model = make(3)
    X = torch.tensor([[[1.0, 0, 0, 0, 0], [0, math.sqrt(math.log(3)), 0, 0, 0]]]).double()
    _, values, W = model.prepare(X, None, torch.ones(1, 1, 2, dtype=torch.bool))
    expected = [[math.e / (math.e + 1), 1 / (math.e + 1)], [1 / 4, 3 / 4]]
    torch.testing.assert_close(W[0], torch.tensor(expected).double())
    assert values is X


# The contract of a translator


@every_variant
@every_cell
def test_stepping_gives_the_same_as_all_at_once(number, cell):
    model = make(number, cell=cell)
    source, target_in = sentences(steps=7)
    memory = model.encode(source)
    state, logits, weights = model.start(memory), [], []
    for token in target_in.unbind(dim=1):
        step = model.step(token, state, memory)
        state = step.state
        logits.append(step.logits)
        weights.append(step.weights)
    torch.testing.assert_close(torch.stack(logits, dim=1), model(source, target_in))
    torch.testing.assert_close(torch.stack(weights, dim=1), model.weights(source, target_in))
    assert state.place.tolist() == [7, 7, 7]


@every_variant
@every_cell
@pytest.mark.parametrize("wider", [0, 3])
def test_a_sentence_alone_equals_the_same_in_a_padded_batch(number, cell, wider):
    model = make(number, cell=cell)
    words = (3, 5, 1)
    source, target_in = sentences(words=words, steps=6)
    batch = nn.functional.pad(source, (0, wider))
    together, weights = model.features(batch, target_in), model.weights(batch, target_in)
    for row, length in enumerate(words):
        alone = source[row : row + 1, :length], target_in[row : row + 1]
        torch.testing.assert_close(together[row], model.features(*alone)[0])
        torch.testing.assert_close(weights[row, :, :length], model.weights(*alone)[0])
        assert (weights[row, :, length:] == 0).all()


@every_variant
def test_padding_gets_no_gradient_and_rows_sum_to_one(number):
    model = make(number)
    source, target_in = sentences(words=(2, 4), steps=3)
    model(source, target_in).square().sum().backward()
    assert (model.source_embedding.weight.grad[PAD] == 0).all()
    sums = model.weights(source, target_in).sum(dim=-1)
    known = torch.arange(3) < torch.tensor([2, 4])[:, None] if number in (3, 4) else torch.ones(2, 3, dtype=torch.bool)
    torch.testing.assert_close(sums, known.double())


@every_variant
def test_teacher_forcing_of_zero_reads_the_decoders_own_words(number):
    model = make(number, 5)
    source, target_in = sentences(5, steps=6)
    features = model.features(source, target_in, teacher_forcing=0.0)
    memory = model.encode(source)
    state, token, said = model.start(memory), target_in[:, 0], []
    for _ in range(6):
        step = model.step(token, state, memory)
        state, token = step.state, step.logits[:, EOS:].argmax(dim=-1) + EOS
        said.append(step.logits)
    torch.testing.assert_close(model.output(features), torch.stack(said, dim=1))
    own = torch.stack([logits[:, EOS:].argmax(dim=-1) + EOS for logits in said], dim=1)
    read = torch.cat([target_in[:, :1], own[:, :-1]], dim=1)
    torch.testing.assert_close(features, model.features(source, read))


@every_variant
def test_coins_fall_for_each_sentence_and_step_and_come_from_the_generator(number):
    model = make(number, 6)
    source, target_in = sentences(6, words=(3,) * 40, steps=5)

    def draw(seed):
        return model.features(source, target_in, teacher_forcing=0.5, generator=torch.Generator().manual_seed(seed))

    assert torch.equal(draw(0), draw(0))
    differs = (draw(0) - draw(1)).abs().amax(dim=-1) > 1e-12
    assert not differs[:, 0].any()
    assert differs[:, 1:].any(dim=0).all()
    assert not differs[:, 1].all()


@every_variant
def test_the_decoders_of_the_book_take_a_variant(number):
    model = make(number, 7).float()
    source, _ = sentences(7)
    hypotheses = greedy(model, source, max_length=8)
    assert len(hypotheses) == 3
    for hypothesis, length in zip(hypotheses, (3, 5, 1), strict=True):
        assert hypothesis.weights.shape == (len(hypothesis.tokens) + hypothesis.finished, length)
        target_in = torch.tensor([[BOS, *hypothesis.tokens]])[:, : len(hypothesis.weights)]
        alone = source[len(source) - 1 if length == 1 else [3, 5].index(length)][None, :length]
        torch.testing.assert_close(hypothesis.weights, model.weights(alone, target_in)[0], atol=1e-6, rtol=0)
    best = beam_search(model, source, beam=1, length_penalty=0.0, max_length=8)
    assert [nbest[0].tokens for nbest in best] == [hypothesis.tokens for hypothesis in hypotheses]


@every_variant
def test_training_lowers_the_loss(number):
    rng = np.random.default_rng(0)
    source = [rng.integers(4, 8, size=3).tolist() for _ in range(32)]
    target = [[word + 1 for word in words] for words in source]
    model = make(number, hidden_dim=16, embedding_dim=12).float()
    history = train(
        model,
        Batches(source, target, sentences=32, seed=0),
        config=TrainingConfig(updates=40, learning_rate=0.02),
        progress=False,
    )
    assert history.losses[-1] < 0.5 * history.losses[0]


# Wirings


def ancestors(wiring, name):
    """Return every tensor that a step's tensor is made of; S and T are given."""
    found = set()
    for arrow in wiring:
        if arrow.output == name and arrow.output not in {"S", "T"}:
            for given_name in arrow.inputs:
                found |= {given_name} | ancestors(wiring, given_name)
    return found


def a_step(model, source, place=1):
    """Return the leaves X, S and T, the states H, and the weights and context that one step makes of them."""
    rng = torch.Generator().manual_seed(9)
    hidden = SIZES["hidden_dim"]
    X = model.source_embedding(source).detach().requires_grad_()
    S = torch.randn(len(source), hidden, generator=rng).double().requires_grad_()
    T = torch.randn(len(source), 1, SIZES["embedding_dim"], generator=rng).double().requires_grad_()
    H = None if model.encoder is None else model.encoder(X)[0]
    mask = torch.ones(len(source), 1, source.shape[1], dtype=torch.bool)
    memory = VariantMemory(*model.prepare(X, H, mask), mask, State(S, None))
    W = model.weigh(memory, T, VariantState(S, None, torch.full((len(source),), place)))
    return {"X": X, "H": H, "S": S, "T": T}, {"W": W, "C": W @ memory.values}


@every_variant
@pytest.mark.parametrize("name", ["W", "C"])
def test_what_a_step_depends_on_is_what_the_wiring_says(number, name):
    model = make(number)
    source, _ = sentences(words=(4, 4))
    leaves, made = a_step(model, source)
    declared = ancestors(model.wiring, name)
    probe = torch.randn(made[name].shape, generator=torch.Generator().manual_seed(0)).double()
    for leaf, tensor in leaves.items():
        if tensor is None:
            assert leaf not in declared
            continue
        (slope,) = torch.autograd.grad((made[name] * probe).sum(), tensor, retain_graph=True, allow_unused=True)
        depends = slope is not None and slope.abs().max() > 1e-6
        assert depends == (leaf in declared), leaf


@every_variant
def test_every_layer_is_in_the_wiring_and_everything_in_the_wiring_is_there(number):
    model = make(number)
    layers = {name for name, _ in model.named_children()} - {"source_embedding", "target_embedding"}
    operations = {arrow.operation for arrow in model.wiring}
    assert operations - {"corr", "corr/√d", "softmax", "⊗", "⊕", "start"} == layers
    assert ("start" in operations) == bool(model.start(model.encode(sentences()[0])).hidden.any())
    made = {arrow.output for arrow in model.wiring}
    used = {name for arrow in model.wiring for name in arrow.inputs}
    assert used - made == {"X", "T"}
    assert made - used == {"Y"}


@every_variant
def test_needs_decoder_tells_whether_another_state_gives_other_weights(number):
    model = make(number)
    source, target_in = sentences()
    memory = model.encode(source)
    state = model.start(memory)
    other = state._replace(hidden=state.hidden + 1)
    one, two = (model.step(target_in[:, 0], s, memory) for s in (state, other))
    assert (one.logits - two.logits).abs().max() > 1e-3
    moved = (one.weights - two.weights)[:2].abs().max()  # the third sentence has one word, and so one weight, 1
    assert bool(moved > 1e-6) is model.needs_decoder
    assert model.needs_decoder == ("S" in ancestors(model.wiring, "W"))
    assert (memory.weights is None) is model.needs_decoder


# What sets single variants apart


def test_scores_of_variant_three_are_an_auto_correlation():
    model = make(3)
    X = model.source_embedding(torch.tensor([[4, 5, 6, 4]]))[0].detach().numpy()
    scores = X @ X.T
    np.testing.assert_array_equal(scores, scores.T)
    np.testing.assert_allclose(scores.diagonal(), np.square(X).sum(axis=1))
    assert np.linalg.eigvalsh(scores).min() > -1e-12
    # The sums along its diagonals are the auto-correlation of signal processing, added up over the components.
    by_lag = [np.trace(scores, offset=lag) for lag in range(-3, 4)]
    expected = sum(np.correlate(component, component, mode="full") for component in X.T)
    np.testing.assert_allclose(by_lag, expected, atol=1e-12)


def test_softmax_undoes_the_symmetry_of_variant_three_row_by_row():
    model = make(3)
    memory = model.encode(torch.tensor([[4, 5, 6]]))
    W = memory.weights[0]
    assert (W - W.T).abs().max() > 1e-3
    X = memory.values[0]
    norm = torch.exp(X @ X.T).sum(dim=-1, keepdim=True)
    torch.testing.assert_close(W * norm, (W * norm).T)


@encoder_only
def test_encoder_only_variants_know_no_order(number):
    model = make(number)
    source = torch.tensor([[4, 5, 6, 7]])
    order = torch.tensor([2, 0, 3, 1])
    one, other = model.encode(source), model.encode(source[:, order])
    torch.testing.assert_close(other.weights[0], one.weights[0][order][:, order])
    torch.testing.assert_close((other.weights @ other.values)[0], (one.weights @ one.values)[0, order])


@encoder_only
def test_steps_after_the_last_source_word_read_zeros(number):
    model = make(number)
    source, target_in = sentences(words=(2, 4), steps=6)
    W = model.weights(source, target_in)
    assert (W[0, 2:] == 0).all()
    assert (W[1, 4:] == 0).all()
    assert (W[0, :2].sum(dim=-1) > 0.99).all()
    late = [model.features(source, target_in)]
    changed = target_in.clone()
    memory = model.encode(source)
    state = VariantState(late[0][:, 3], None, torch.tensor([4, 4]))
    step = model.step(changed[:, 4], state, memory)
    words = torch.cat([model.target_embedding(changed[:, 4]), torch.zeros_like(memory.values[:, 0])], dim=-1)
    expected, _ = model.decoder(words[:, None], late[0][None, :, 3].contiguous())
    torch.testing.assert_close(step.state.hidden, expected[:, 0])


def test_variant_five_weighs_places_whatever_stands_in_them():
    model = make(5)
    source, target_in = sentences(words=(4, 4))
    memory = model.encode(source)
    state = model.start(memory)
    shuffled = memory._replace(values=memory.values.flip(1))
    one, two = (model.step(target_in[:, 0], state, kept) for kept in (memory, shuffled))
    assert torch.equal(one.weights, two.weights)
    assert (one.logits - two.logits).abs().max() > 1e-3
    same_words = model.encode(source.flip(1))
    assert torch.equal(one.weights, model.step(target_in[:, 0], state, same_words).weights)


def test_variant_five_reads_the_sentence_through_the_states_it_starts_from():
    model = make(5)
    source, target_in = sentences(words=(4, 4))
    assert (model.weights(source, target_in) - model.weights(source.flip(1), target_in)).abs().max() > 1e-6


def test_variant_five_takes_no_more_words_than_it_has_coefficients(unchecked):
    model = make(5, max_length=4)
    assert model.FC.out_features == 4
    assert model.weights(*sentences(words=(4,))).shape == (1, 4, 4)
    with raises(
        "source is 5 words wide, padding included, but max_length is 4: leave longer sentences out, or make a model "
        "with room for them"
    ):
        model(*sentences(words=(5,)))


@every_variant
def test_every_word_counts_however_long_the_sentence(number):
    model = make(number)
    source, target_in = sentences(words=(9,), steps=9)
    logits = model(source, target_in)
    for place in range(9):
        other = source.clone()
        other[0, place] = 4 if source[0, place] != 4 else 5
        assert (model(other, target_in) - logits).abs().max() > 1e-9


# Parameters


@every_variant
@every_cell
def test_the_gradient_reaches_every_parameter(number, cell):
    model = make(number, cell=cell)
    source, target_in = sentences(words=(9, 5), steps=6)
    model(source, target_in).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("number", "own", "into_decoder"),
    [(1, 0, 5 + 6), (2, 3 * 36, 5 + 6), (3, 0, 5 + 5), (4, 3 * 5 * 6, 5 + 6), (5, (5 + 6 + 1) * 9, 5 + 6)],
)
def test_numbers_of_parameters(number, own, into_decoder):
    shared = 20 * 5 + 23 * 5 + (6 + 1) * 23
    encoder = 3 * 6 * (5 + 6 + 2) if number in (1, 2, 5) else 0
    decoder = 3 * 6 * (into_decoder + 6 + 2)
    counted = sum(parameter.numel() for parameter in make(number).parameters())
    assert counted == shared + encoder + decoder + own


@every_variant
def test_the_seed_alone_decides_the_weights(number):
    before = torch.random.get_rng_state()
    one, same, other = make(number, 1), make(number, 1), make(number, 2)
    assert torch.equal(before, torch.random.get_rng_state())
    for a, b, c in zip(one.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_shared_layers_start_alike():
    models = {number: dict(make(number, 4).named_parameters()) for number in (1, 2, 5)}
    for name, parameter in models[1].items():
        assert torch.equal(parameter, models[2][name]), name
        assert torch.equal(parameter, models[5][name]), name


@every_variant
def test_weights_can_be_saved_and_loaded(number):
    one, other = make(number, 0), make(number, 1)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(*sentences()), other(*sentences()))


def test_the_table():
    assert list(VARIANTS) == [1, 2, 3, 4, 5]
    assert [variant.number for variant in VARIANTS.values()] == [1, 2, 3, 4, 5]
    assert [variant.needs_decoder for variant in VARIANTS.values()] == [True, True, False, False, True]


# Bad inputs


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"hidden_dim": 0}, ValueError, "hidden_dim must be at least 1, got 0"),
        ({"source_vocab": 4}, ValueError, "source_vocab must be above 4, the symbols, got 4"),
        ({"max_length": 1.5}, TypeError, "max_length must be an integer, got float"),
        ({"cell": "elman"}, ValueError, "cell must be one of rnn, gru, lstm, got 'elman'"),
    ],
)
def test_bad_configurations(unchecked, changes, error, message):
    with raises(message, error):
        VariantConfig(**{**SIZES, **changes})


@every_variant
def test_bad_ids(unchecked, number):
    model = make(number)
    source, target_in = sentences()
    with raises("sentence 1 of the source has no words: leave it out"):
        model(torch.tensor([[4, 5], [0, 0]]), target_in[:2])
    with raises("sentence 0 of the source has padding before its end: move it to the end"):
        model(torch.tensor([[0, 5], [4, 0]]), target_in[:2])
    with raises("source holds id 20, but the vocabulary has ids 0 to 19"):
        model(torch.tensor([[20]]), target_in[:1])
    with raises("target_in holds id 23, but the vocabulary has ids 0 to 22"):
        model(source, torch.full((3, 2), 23))
    with raises("source has 3 sentences but target_in has 2"):
        model(source, target_in[:2])
    with raises("teacher_forcing must be a probability from 0 to 1, got 1.5"):
        model(source, target_in, teacher_forcing=1.5)


def test_bad_seed(unchecked):
    with raises("seed must be an integer, got str", TypeError):
        VARIANTS[1](VariantConfig(**SIZES), seed="0")


def test_a_variant_has_to_say_what_it_makes_of_the_source():
    class Mute(Variant):
        number, title, needs_decoder, wiring = 6, "mute", True, VARIANTS[1].wiring

    with raises("Mute must say what it makes of the source", NotImplementedError):
        Mute(VariantConfig(**SIZES), seed=0).encode(sentences()[0])
