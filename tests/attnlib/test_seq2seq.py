"""The encoder-decoder against a loop over its parameters and against itself one sentence at a time; its trace."""

import copy
import dataclasses
import math
import pickle
from functools import partial
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pad_sequence

import attnlib.seq2seq as seq2seq
from attnlib.seq2seq import (
    ATTENTIONS,
    CELLS,
    STYLES,
    AttentionUnit,
    Seq2Seq,
    Seq2SeqConfig,
    State,
    Trace,
    cell_step,
    parameter_counts,
    trace,
)
from attnlib.symbols import BOS, EOS, PAD, SYMBOLS, UNK
from tests.attnlib.strategies import fails

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
TORCH_CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}
TORCH_LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
LONGEST, EMBEDDING, HIDDEN, SOURCE_VOCAB, TARGET_VOCAB = 30, 3, 4, 11, 13

SENTENCES = [[4, 5, 6, 7, 5], [8], [9, 10, 4]]
TRANSLATIONS = [[1, 9, 10], [1, 11, 4, 5, 12], [1]]
LONG = [[4 + place % 7 for place in range(26)], [5, 6], [7] * 13]

cells = pytest.mark.parametrize("cell", CELLS)
styles = pytest.mark.parametrize("style", STYLES)
directions = pytest.mark.parametrize("bidirectional", [False, True])
attentions = pytest.mark.parametrize("attention", [None, *ATTENTIONS])
units = pytest.mark.parametrize("attention", ATTENTIONS)

WIRINGS = [("gru", attention, style) for attention in (None, *ATTENTIONS) for style in STYLES] + [
    (cell, attention, style) for cell in ("rnn", "lstm") for attention in (None, "additive") for style in STYLES
]
"""Every attention in every style, and each cell: for tests in which the two have nothing to do with each other."""


def config_of(**changes):
    sizes = {
        "source_vocab": SOURCE_VOCAB,
        "target_vocab": TARGET_VOCAB,
        "embedding_dim": EMBEDDING,
        "hidden_dim": HIDDEN,
        "max_length": LONGEST,
    }
    return Seq2SeqConfig(**(sizes | changes))


def model_of(seed=0, **changes):
    """A model in double precision, its weights large enough for attention to be uneven."""
    model = Seq2Seq(config_of(**changes), seed=seed).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    return model


def batch_of(sentences, extra=0):
    ids = pad_sequence([torch.tensor(sentence) for sentence in sentences], batch_first=True, padding_value=PAD)
    return nn.functional.pad(ids, (0, extra), value=PAD)


def ids(*words):
    return torch.tensor([words])


def close(one, other, tolerance=1e-11):
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


# The network as a loop: nothing is shared with attnlib but the parameters


def sigmoid(x):
    return 1 / (1 + torch.exp(-x))


def cell_loop(kind, weights, suffix, x, s, m):
    """One step of a recurrent cell, from the formulas in torch's documentation of its layers."""
    from_x = weights["weight_ih_l0" + suffix] @ x + weights["bias_ih_l0" + suffix]
    from_s = weights["weight_hh_l0" + suffix] @ s + weights["bias_hh_l0" + suffix]
    a, b = from_x.split(len(s)), from_s.split(len(s))
    if kind == "rnn":
        return torch.tanh(a[0] + b[0]), m
    if kind == "gru":
        r, z = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
        n = torch.tanh(a[2] + r * b[2])
        return (1 - z) * n + z * s, m
    i, f, o = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1]), sigmoid(a[3] + b[3])
    m = f * m + i * torch.tanh(a[2] + b[2])
    return o * torch.tanh(m), m


def score_loop(kind, weights, s, h):
    """The score of each h for the state s, one pair at a time."""
    length, width = len(h), len(s)
    if kind == "dot":
        return [s @ h_k for h_k in h]
    if kind == "scaled_dot":
        return [s @ h_k / math.sqrt(width) for h_k in h]
    if kind == "general":
        return [s @ (weights["weight"] @ h_k) for h_k in h]
    if kind == "additive":
        query = weights["query_weight"] @ s
        return [weights["vector"] @ torch.tanh(query + weights["key_weight"] @ h_k) for h_k in h]
    if kind == "concat":
        return [weights["vector"] @ torch.tanh(weights["weight"] @ torch.cat([s, h_k])) for h_k in h]
    if kind == "location":
        return [weights["weight"][k] @ s for k in range(length)]
    if kind == "cosine":
        return [torch.exp(weights["log_sharpness"]) * (s @ h_k) / (s.norm() * h_k.norm()) for h_k in h]
    if kind == "qkv":
        query = weights["Qw.weight"] @ s
        return [query @ (weights["Kw.weight"] @ h_k) / math.sqrt(width) for h_k in h]
    assert kind == "local_predictive"
    centre = length * sigmoid(weights["vector"] @ torch.tanh(weights["weight"] @ s))
    return [
        s @ h_k / math.sqrt(width) - (k - centre) ** 2 / (2 * 5.0**2)
        if abs(k - centre) <= 10
        else torch.tensor(-math.inf).to(s)
        for k, h_k in enumerate(h)
    ]


def attend_loop(kind, weights, s, h):
    scores = score_loop(kind, weights, s, h)
    powers = [torch.exp(score - max(scores).detach()) for score in scores]
    w = [power / sum(powers) for power in powers]
    values = [weights["Vw.weight"] @ h_k for h_k in h] if kind == "qkv" else h
    return scores, w, sum(w_k * v_k for w_k, v_k in zip(w, values, strict=True))


def part(model, prefix):
    """The parameters whose names begin so, by the rest of their names."""
    return {
        name.removeprefix(prefix): parameter for name, parameter in model.named_parameters() if name.startswith(prefix)
    }


def encode_loop(model, words):
    config, weights = model.config, part(model, "encoder.")
    x = [model.source_embedding.weight[word] for word in words]
    size = config.hidden_dim // 2 if config.bidirectional else config.hidden_dim
    passes, last = [], []
    for suffix in ("", "_reverse")[: 1 + config.bidirectional]:
        s = m = x[0].new_zeros(size)
        states = []
        for x_k in reversed(x) if suffix else x:
            s, m = cell_loop(config.cell, weights, suffix, x_k, s, m)
            states.append(s)
        passes.append(states[::-1] if suffix else states)
        last.append((s, m))
    h = [torch.cat(parts) for parts in zip(*passes, strict=True)]
    return h, torch.cat([s for s, _ in last]), torch.cat([m for _, m in last])


def run_loop(model, words, read):
    """Everything on the way of one sentence, as lists with one entry a step."""
    config = model.config
    attention, decoder = part(model, "attention.score."), part(model, "decoder.")
    h, s, m = encode_loop(model, words)
    seen = {name: [] for name in ("query", "score", "w", "c", "s", "features", "logits")}
    for word in read:
        y, c, scores, w, query = model.target_embedding.weight[word], None, None, None, s
        if config.attention and config.style == "bahdanau":
            scores, w, c = attend_loop(config.attention, attention, s, h)
            y = torch.cat([y, c])
        s, m = cell_loop(config.cell, decoder, "", y, s, m)
        features = s
        if config.attention and config.style == "luong":
            query = s
            scores, w, c = attend_loop(config.attention, attention, s, h)
            features = torch.tanh(model.combine.weight @ torch.cat([c, s]))
        logits = model.output.weight @ features + model.output.bias
        for name, value in zip(seen, (query, scores, w, c, s, features, logits), strict=True):
            seen[name].append(torch.stack(value) if isinstance(value, list) else value)
    return {"h": torch.stack(h)} | {
        name: None if values[0] is None else torch.stack(values) for name, values in seen.items()
    }


@cells
@directions
@attentions
@styles
def test_the_network_is_the_loop_over_its_parameters(cell, bidirectional, attention, style):
    model = model_of(cell=cell, bidirectional=bidirectional, attention=attention, style=style)
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    features, logits = model.features(source, target), model(source, target)
    memory = model.encode(source)
    for row, (words, read) in enumerate(zip(SENTENCES, TRANSLATIONS, strict=True)):
        expected = run_loop(model, words, read)
        close(memory.states[row, : len(words)], expected["h"])
        close(features[row, : len(read)], expected["features"])
        close(logits[row, : len(read)], expected["logits"])
        state = model.start(model.encode(ids(*words)))
        for position, word in enumerate(read):
            step = model.step(torch.tensor([word]), state, model.encode(ids(*words)))
            close(step.logits[0], expected["logits"][position])
            close(step.state.hidden[0], expected["s"][position])
            assert (step.state.cell is None) == (cell != "lstm")
            if attention is None:
                assert step.weights is None
            else:
                close(step.weights[0], expected["w"][position])
            state = step.state


@styles
@pytest.mark.parametrize("attention", ["location", "local_predictive", "additive"])
def test_long_sentences_are_the_loop_too(attention, style):
    model = model_of(attention=attention, style=style)
    features = model.features(batch_of(LONG), batch_of(TRANSLATIONS))
    for row, (words, read) in enumerate(zip(LONG, TRANSLATIONS, strict=True)):
        expected = run_loop(model, words, read)
        assert (attention == "local_predictive" and len(words) > 20) == bool(expected["score"].isinf().any())
        close(features[row, : len(read)], expected["features"])


# The parts against torch's


@cells
@settings(max_examples=25)
@given(batch=st.integers(1, 4), width=st.integers(1, 5), hidden=st.integers(1, 6), seed=st.integers(0, 2**31))
def test_a_cell_is_torchs(cell, batch, width, hidden, seed):
    rng = torch.Generator().manual_seed(seed)
    x, s, m = (3 * torch.randn(batch, size, generator=rng).double() for size in (width, hidden, hidden))
    theirs = TORCH_CELLS[cell](width, hidden).double()
    state = State(s, m if cell == "lstm" else None)
    from_input = nn.functional.linear(x, theirs.weight_ih, theirs.bias_ih)
    from_state = nn.functional.linear(s, theirs.weight_hh, theirs.bias_hh)
    assert from_input.shape == (batch, GATES[cell] * hidden)
    ours = cell_step(cell, from_input, from_state, state)
    if cell == "lstm":
        expected, remembered = theirs(x, (s, m))
        close(ours.cell, remembered)
    else:
        expected = theirs(x, s)
        assert ours.cell is None
    close(ours.hidden, expected)


@cells
@directions
@settings(max_examples=20)
@given(sentences=st.lists(st.lists(st.integers(1, 10), min_size=1, max_size=6), min_size=1, max_size=4))
def test_the_encoder_is_torchs_on_each_sentence_alone(cell, bidirectional, sentences):
    model = model_of(cell=cell, bidirectional=bidirectional)
    size = HIDDEN // 2 if bidirectional else HIDDEN
    theirs = TORCH_LAYERS[cell](EMBEDDING, size, batch_first=True, bidirectional=bidirectional).double()
    theirs.load_state_dict(model.encoder.state_dict())
    memory = model.encode(batch_of(sentences))
    assert memory.lengths.tolist() == [len(words) for words in sentences]
    for row, words in enumerate(sentences):
        states, last = theirs(model.source_embedding(ids(*words)))
        last, cell_last = last if cell == "lstm" else (last, None)
        close(memory.states[row, : len(words)], states[0])
        close(memory.last.hidden[row], last[:, 0].flatten())
        if cell == "lstm":
            close(memory.last.cell[row], cell_last[:, 0].flatten())
        assert (memory.states[row, len(words) :] == 0).all()
        assert memory.mask[row, 0].tolist() == [k < len(words) for k in range(memory.mask.shape[-1])]


@units
def test_a_unit_scores_prepared_keys_as_its_score_scores_states(attention):
    rng = torch.Generator().manual_seed(0)
    unit = AttentionUnit(attention, hidden_dim=4, max_length=9, seed=0)
    h, s = torch.randn(2, 5, 4, generator=rng), torch.randn(2, 3, 4, generator=rng)
    lengths, mask = torch.tensor([5, 2]), torch.tensor([[[True] * 5], [[True, True, False, False, False]]])
    keys, values = unit.prepare(h)
    scores = unit.scores(s, keys, lengths)
    if attention == "local_predictive":
        expected = unit.score(s, h, lengths)
    elif attention == "qkv":
        expected = unit.score.Qw(s) @ unit.score.Kw(h).mT / 2
    else:
        expected = unit.score(s, h)
    close(scores, expected, 1e-5)
    context, weights = unit(s, keys, values, mask, lengths, return_weights=True)
    close(weights, scores.masked_fill(~mask, -math.inf).softmax(dim=-1), 1e-5)
    close(context, weights @ (unit.score.Vw(h) if attention == "qkv" else h), 1e-5)
    close(unit(s, keys, values, mask, lengths), context, 1e-5)


# Batches and padding


def gradients(model, sources, targets, rows=None):
    """The gradient of a loss that weighs every number of every feature differently."""
    model.zero_grad()
    features = model.features(sources, targets)
    loss = 0.0
    for row, position in product(range(len(features)), range(features.shape[1])):
        if targets[row, position] != PAD:
            number = (rows[row] if rows else row) + 1
            loss = loss + (features[row, position] * torch.arange(1, HIDDEN + 1)).sin().sum() * number
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


@cells
@directions
@attentions
@styles
def test_a_sentence_alone_is_the_sentence_in_a_batch(cell, bidirectional, attention, style):
    model = model_of(cell=cell, bidirectional=bidirectional, attention=attention, style=style)
    source, target = batch_of(LONG, extra=2), batch_of(TRANSLATIONS, extra=1)
    together = gradients(model, source, target)
    logits = model(source, target)
    apart = {}
    for row, (words, read) in enumerate(zip(LONG, TRANSLATIONS, strict=True)):
        close(model(ids(*words), ids(*read))[0], logits[row, : len(read)])
        for name, gradient in gradients(model, ids(*words), ids(*read), [row]).items():
            apart[name] = apart.get(name, 0) + gradient
    assert together.keys() == apart.keys()
    assert together.keys() == dict(model.named_parameters()).keys() - {"output.weight", "output.bias"}
    for name, gradient in together.items():
        close(gradient, apart[name])
        assert gradient.abs().max() > 1e-9, name


@attentions
@styles
@given(data=st.data())
@settings(max_examples=15)
def test_how_much_padding_there_is_and_what_its_vector_holds_change_nothing(attention, style, data):
    model = model_of(attention=attention, style=style, bidirectional=data.draw(st.booleans()))
    sentences = st.lists(st.integers(1, 10), min_size=1, max_size=6)
    words = data.draw(st.lists(sentences, min_size=1, max_size=3))
    target = batch_of([data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=4)) for _ in words])
    expected = model(batch_of(words), target)
    more = batch_of(words, extra=data.draw(st.integers(1, LONGEST - 6)))
    order = torch.tensor(data.draw(st.permutations(range(len(words)))))
    with torch.no_grad():
        model.source_embedding.weight[PAD] = 1e3
    close(model(more, target), expected)
    close(model(more[order], target[order]), expected[order])
    memory = model.encode(more)
    step = model.step(target[:, 0], model.start(memory), memory)
    close(step.logits, expected[:, 0])
    if attention is not None:
        assert (step.weights[more == PAD] == 0).all()
        close(step.weights.sum(dim=-1), torch.ones(len(words)).double())


@attentions
@styles
def test_what_comes_later_in_the_target_changes_nothing_before(attention, style):
    model = model_of(attention=attention, style=style)
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    before = model.features(source, target)
    changed = target.clone()
    changed[:, 2:] = torch.tensor([[4, PAD, 7]])
    after = model.features(source, changed)
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.allclose(before[0, 2], after[0, 2])


def test_local_centres_do_not_move_with_padding():
    model = model_of(attention="local_predictive")
    source = batch_of([[4, 5, 6]], extra=20)
    memory, alone = model.encode(source), model.encode(source[:, :3])
    query = model.start(memory).hidden[:, None]
    close(
        model.attention.scores(query, memory.keys, memory.lengths)[..., :3],
        model.attention.scores(query, alone.keys, alone.lengths),
    )


@cells
@styles
def test_what_a_finished_sentence_reads_is_of_no_consequence_to_the_others(cell, style):
    model = model_of(cell=cell, style=style)
    memory = model.encode(batch_of(SENTENCES))
    state = model.start(memory)
    one = model.step(torch.tensor([4, EOS, 5]), state, memory)
    other = model.step(torch.tensor([4, PAD, 5]), state, memory)
    for first, second in ((one.logits, other.logits), (one.weights, other.weights), (one.state[0], other.state[0])):
        assert torch.equal(first[[0, 2]], second[[0, 2]])
    assert not torch.equal(one.state.hidden[1], other.state.hidden[1])


# Teacher forcing


def own_words(model, source, target, forced):
    """What is read, and the features, when each next word is the target's or the likeliest word of the step before."""
    read = [target[:, 0]]
    while len(read) < target.shape[1]:
        logits = model(source, torch.stack(read, dim=1))[:, -1].clone()
        logits[:, [PAD, BOS]] = -math.inf
        read.append(torch.where(forced[:, len(read)], target[:, len(read)], logits.argmax(dim=-1)))
    read = torch.stack(read, dim=1)
    return read, model.features(source, read)


@pytest.mark.parametrize(("cell", "attention", "style"), WIRINGS)
@pytest.mark.parametrize("probability", [0.0, 0.5])
def test_teacher_forcing_chooses_between_the_target_and_own_words(cell, attention, style, probability):
    model = model_of(cell=cell, attention=attention, style=style)
    source, target = batch_of(SENTENCES), batch_of([[1, 9, 10, 4, 5, 6], [1, 11, 4, 5, 12, 7], [1, 5]])
    coins = torch.rand(target.shape, generator=torch.Generator().manual_seed(3)) < probability
    read, expected = own_words(model, source, target, coins)
    rng = torch.Generator().manual_seed(3)
    ours = model.features(source, target, teacher_forcing=probability, generator=rng)
    close(ours, expected)
    again = model.features(source, target, teacher_forcing=probability, generator=torch.Generator().manual_seed(3))
    assert torch.equal(ours, again)
    assert not torch.equal(read, target)
    logits = model(source, target, teacher_forcing=probability, generator=torch.Generator().manual_seed(3))
    close(logits, model.output(expected))


def test_forcing_everything_needs_no_coins_and_is_the_target():
    model = model_of()
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    rng = torch.Generator().manual_seed(0)
    before = rng.get_state()
    assert torch.equal(model.features(source, target, generator=rng), model.features(source, target))
    assert torch.equal(rng.get_state(), before)
    nearly = model.features(source, target, teacher_forcing=1 - 1e-12)
    close(nearly, model.features(source, target))


def test_without_a_generator_coins_come_from_torchs_own():
    model = model_of()
    source, target = batch_of(SENTENCES), torch.tensor([[1, 9, 10, 4, 5, 6, 7, 8]]).expand(3, -1)
    torch.manual_seed(5)
    given_none = model.features(source, target, teacher_forcing=0.5)
    given_one = model.features(source, target, teacher_forcing=0.5, generator=torch.Generator().manual_seed(5))
    assert torch.equal(given_none, given_one)
    other = model.features(source, target, teacher_forcing=0.5, generator=torch.Generator().manual_seed(6))
    assert not torch.equal(given_none, other)


@styles
def test_padding_and_begin_are_never_read_as_own_words_and_the_end_is(style):
    model = model_of(style=style)
    source, target = batch_of(SENTENCES), batch_of([[1, 4, 5, 6]] * 3)
    bias = model.output.bias.data.clone()
    free = model.features(source, target, teacher_forcing=0.0)
    for symbol in (PAD, BOS):
        model.output.bias.data[symbol] = 1e6
    assert torch.equal(model.features(source, target, teacher_forcing=0.0), free)
    for symbol in (EOS, UNK, TARGET_VOCAB - 1):
        model.output.bias.data.copy_(bias)[symbol] = 1e6
        read = torch.tensor([[1, symbol, symbol, symbol]] * 3)
        close(model.features(source, target, teacher_forcing=0.0), model.features(source, read))


@styles
@attentions
def test_gradients_do_not_go_through_the_choice_of_a_word(attention, style):
    model = model_of(attention=attention, style=style)
    source, target = batch_of(SENTENCES), batch_of([[1, 4, 5, 6]] * 3)
    read, _ = own_words(model, source, target, torch.zeros(3, 4, dtype=torch.bool))

    def gradient(features):
        model.zero_grad()
        features.sin().sum().backward()
        return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}

    free = gradient(model.features(source, target, teacher_forcing=0.0))
    forced = gradient(model.features(source, read))
    assert free.keys() == forced.keys()
    for name in free:
        close(free[name], forced[name])


@styles
def test_the_first_word_is_always_the_given_one(style):
    model = model_of(style=style)
    source = batch_of(SENTENCES)
    one, other = (model.features(source, torch.tensor([[word]] * 3), teacher_forcing=0.0) for word in (BOS, 5))
    assert not torch.allclose(one, other)
    close(one, model.features(source, torch.tensor([[BOS]] * 3)))


# Dropout


class Negate(nn.Module):
    """In the place of dropout: what goes through it comes out negated, and its shape is kept."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, array):
        self.seen.append(tuple(array.shape))
        return -array


@attentions
@styles
def test_dropout_is_for_words_and_features_and_own_words_come_of_it(attention, style):
    model = model_of(attention=attention, style=style)
    model.dropout = Negate()
    source, target = batch_of(SENTENCES), batch_of([[1, 4, 5, 6]] * 3)
    model.features(source, target)
    assert model.dropout.seen == [(3, 5, EMBEDDING), (3, 4, EMBEDDING), (3, 4, HIDDEN)]
    _, expected = own_words(model, source, target, torch.zeros(3, 4, dtype=torch.bool))
    model.dropout.seen.clear()
    close(model.features(source, target, teacher_forcing=0.0), expected)
    assert model.dropout.seen == [(3, 5, EMBEDDING)] + 4 * [(3, EMBEDDING), (3, HIDDEN)]


def test_dropout_is_for_training_alone():
    model = model_of(dropout_p=0.4, embedding_dim=50, hidden_dim=60)
    source, target = batch_of([[4] * 20] * 5), batch_of([[1, 5] * 10] * 5)
    torch.manual_seed(0)
    features = model.features(source, target)
    assert (features == 0).double().mean().item() == pytest.approx(0.4, abs=0.03)
    torch.manual_seed(0)
    assert torch.equal(model.features(source, target), features)
    assert not torch.equal(model.features(source, target), features)
    model.eval()
    assert torch.equal(model.features(source, target), model.features(source, target))
    assert (model.features(source, target) != 0).all()


def test_no_dropout_by_default():
    model = model_of()
    assert model.training
    assert torch.equal(*(model.features(batch_of(SENTENCES), batch_of(TRANSLATIONS)) for _ in range(2)))


# Precision


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize(("cell", "attention", "style"), WIRINGS)
def test_every_dtype(dtype, cell, attention, style):
    exact = model_of(cell=cell, attention=attention, style=style)
    model = copy.deepcopy(exact).to(dtype)
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    tolerance = {torch.float16: 1e-2, torch.bfloat16: 0.15, torch.float32: 1e-5}[dtype]
    logits = model(source, target)
    assert logits.dtype == dtype
    close(logits.double(), exact(source, target), tolerance)
    logits.sum().backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())
    assert model(source, target, teacher_forcing=0.0).dtype == dtype
    memory = model.encode(source)
    step = model.step(target[:, 0], model.start(memory), memory)
    close(step.logits.double(), exact(source, target)[:, 0], tolerance)
    assert step.weights is None or step.weights.dtype == dtype
    if attention is not None:
        seen = vars(trace(model, source[0], target[0, 1:3]))
        assert {name for name, tensor in seen.items() if tensor.dtype != dtype} <= {"y", "score"}


@pytest.mark.parametrize(("cell", "attention", "style"), WIRINGS)
def test_mixed_precision(cell, attention, style):
    model = model_of(cell=cell, attention=attention, style=style).float()
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(source, target)
        own = model(source, target, teacher_forcing=0.0)
        memory = model.encode(source)
        step = model.step(target[:, 0], model.start(memory), memory)
    close(logits.float(), model(source, target), 0.15)
    close(step.logits.float(), model(source, target)[:, 0], 0.15)
    (logits.float().sum() + own.float().sum()).backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize(("cell", "attention", "style"), WIRINGS)
def test_a_layer_in_mixed_precision_asks_for_no_kernel_of_half_precision(cell, attention, style):
    """A processor without one fails: "could not create a primitive descriptor for the LSTM"."""
    model = model_of(cell=cell, attention=attention, style=style).float()
    seen = []
    model.decoder.register_forward_hook(lambda layer, given, made: seen.append(made[0].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        model(batch_of(SENTENCES), batch_of(TRANSLATIONS))
    # With the context in its input it takes one step after another, and is not called as a layer.
    assert seen == ([] if attention is not None and style == "bahdanau" else [torch.float32])


# Sizes


def cell_parameters(cell, inputs, hidden):
    return GATES[cell] * (hidden * (inputs + hidden) + 2 * hidden)


@cells
@styles
@directions
def test_the_parameters_of_the_walkthrough(cell, style, bidirectional):
    model = Seq2Seq(Seq2SeqConfig.walkthrough(cell=cell, style=style, bidirectional=bidirectional), seed=0)
    encoder = 2 * cell_parameters(cell, 300, 250) if bidirectional else cell_parameters(cell, 300, 500)
    expected = {
        "source embedding": 9_000 * 300,
        "encoder cell": encoder,
        "attention unit": 0,
        "target embedding": 10_000 * 300,
        "decoder cell": cell_parameters(cell, 300 + 500 * (style == "bahdanau"), 500),
        "linear layer": 500 * 10_000 + 10_000,
    }
    if style == "luong":
        expected["combination"] = 500 * 1000
    counts = parameter_counts(model)
    assert counts == expected
    assert list(counts)[-1] == "linear layer"
    assert list(counts)[:2] == ["source embedding", "encoder cell"]
    assert sum(counts.values()) == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("attention", "count"),
    [
        ("dot", 0),
        ("scaled_dot", 0),
        ("general", 500 * 500),
        ("additive", 500 * 1001),
        ("concat", 500 * 1001),
        ("location", 100 * 500),
        ("cosine", 1),
        ("local_predictive", 500 * 501),
        ("qkv", 3 * 500 * 500),
    ],
)
def test_the_parameters_of_the_units(attention, count):
    model = Seq2Seq(Seq2SeqConfig.walkthrough(attention=attention), seed=0)
    assert parameter_counts(model)["attention unit"] == count


def test_the_parameters_without_a_unit():
    counts = parameter_counts(Seq2Seq(Seq2SeqConfig.walkthrough(attention=None), seed=0))
    assert "attention unit" not in counts
    assert "combination" not in counts
    assert counts["decoder cell"] == cell_parameters("rnn", 300, 500)


def test_the_walkthrough_is_the_one_of_the_legend():
    config = Seq2SeqConfig.walkthrough()
    assert dataclasses.asdict(config) == {
        "source_vocab": 9_000,
        "target_vocab": 10_000,
        "embedding_dim": 300,
        "hidden_dim": 500,
        "max_length": 100,
        "cell": "rnn",
        "bidirectional": False,
        "attention": "dot",
        "style": "bahdanau",
        "dropout_p": 0.0,
    }
    changed = Seq2SeqConfig.walkthrough(cell="lstm", attention=None, target_vocab=50)
    assert (changed.cell, changed.attention, changed.target_vocab, changed.hidden_dim) == ("lstm", None, 50, 500)


# The trace


def check_trace(model, seen, words, read):
    """Hold each tensor of the legend against the loop, the model's tables and its own definition."""
    config, expected = model.config, run_loop(model, words, read)
    room = config.max_length - len(words)
    assert seen.shapes() == {
        "x": (len(words), config.source_vocab),
        "x_embedded": (len(words), config.embedding_dim),
        "h": (len(words), config.hidden_dim),
        "H": (config.hidden_dim, config.max_length),
        "sentence": (config.hidden_dim,),
        "y": (len(read),),
        "y_embedded": (len(read), config.embedding_dim),
        "query": (len(read), config.hidden_dim),
        "score": (len(read), config.max_length),
        "w": (len(read), config.max_length),
        "c": (len(read), config.hidden_dim),
        "s": (len(read), config.hidden_dim),
        "logits": (len(read), config.target_vocab),
        "Y": (len(read), config.target_vocab),
    }
    assert seen.x.sum(dim=-1).tolist() == [1] * len(words)
    assert seen.x.argmax(dim=-1).tolist() == words
    close(seen.x @ model.source_embedding.weight, seen.x_embedded)
    assert seen.y.tolist() == read
    assert torch.equal(seen.y_embedded, model.target_embedding.weight[read])
    for name in ("h", "query", "s", "c", "logits"):
        close(getattr(seen, name), expected[name])
    close(seen.H[:, : len(words)], expected["h"].T)
    assert (seen.H[:, len(words) :] == 0).all()
    close(seen.score[:, : len(words)], expected["score"])
    assert (seen.score[:, len(words) :] == -math.inf).all()
    close(seen.w[:, : len(words)], expected["w"])
    close(seen.w, seen.score.softmax(dim=-1))
    close(seen.w.sum(dim=-1), torch.ones(len(read)).double())
    assert (seen.w[:, len(words) :] == 0).all()
    values = model.attention.score.Vw.weight @ seen.H if config.attention == "qkv" else seen.H
    for step in range(len(read)):
        close(seen.c[step], values @ seen.w[step])
    close(seen.sentence, encode_loop(model, words)[1])
    if config.style == "bahdanau":
        assert torch.equal(seen.query[0], seen.sentence)
        assert torch.equal(seen.query[1:], seen.s[:-1])
    else:
        assert torch.equal(seen.query, seen.s)
    can_be_said = seen.logits.clone()
    can_be_said[:, [PAD, BOS]] = -math.inf
    assert seen.Y.sum(dim=-1).tolist() == [1] * len(read)
    assert torch.equal(seen.Y.argmax(dim=-1), can_be_said.argmax(dim=-1))
    assert all(not tensor.requires_grad for tensor in vars(seen).values())
    assert room == 0 or seen.w.shape[1] > len(words)


@cells
@directions
@units
@styles
def test_a_trace_holds_what_the_loop_sees(cell, bidirectional, attention, style):
    model = model_of(cell=cell, bidirectional=bidirectional, attention=attention, style=style)
    seen = trace(model, torch.tensor([4, 5, 6]), torch.tensor([7, 3, 9]))
    check_trace(model, seen, [4, 5, 6], [BOS, 7, 3, 9])
    close(seen.logits, model(ids(4, 5, 6), ids(BOS, 7, 3, 9))[0])


words_of = partial(st.lists, min_size=1, max_size=6)


@settings(max_examples=40)
@given(
    words=words_of(st.integers(UNK, SOURCE_VOCAB - 1)),
    target=words_of(st.integers(UNK, TARGET_VOCAB - 1)) | st.just([]),
    max_length=st.integers(6, 9),
    attention=st.sampled_from(ATTENTIONS),
    style=st.sampled_from(STYLES),
    cell=st.sampled_from(CELLS),
    hidden_dim=st.integers(1, 3),
    embedding_dim=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_traces_of_all_sizes(words, target, **changes):
    model = model_of(**changes)
    seen = trace(model, torch.tensor(words), torch.tensor(target, dtype=torch.int64))
    check_trace(model, seen, words, [BOS, *target])


@styles
def test_a_trace_without_a_target_reads_its_own_words(style):
    model = model_of(style=style)
    model.output.bias.data[EOS] = -1e6
    seen = trace(model, torch.tensor([4, 5, 6]), steps=7)
    assert len(seen.y) == 7
    said = seen.Y.argmax(dim=-1).tolist()
    check_trace(model, seen, [4, 5, 6], [BOS, *said[:-1]])
    assert len(trace(model, torch.tensor([4, 5, 6])).y) == 10
    assert len(trace(model, torch.tensor([4, 5, 6]), steps=1).y) == 1


def test_a_trace_without_a_target_stops_when_it_says_the_end():
    model = model_of()
    source = torch.tensor([4, 5, 6])
    model.output.bias.data[EOS] = 1e6
    at_once = trace(model, source, steps=7)
    assert at_once.Y.argmax(dim=-1).tolist() == [EOS]
    model.output.bias.data[[PAD, BOS]] = 1e7
    assert trace(model, source, steps=7).shapes()["Y"] == (1, TARGET_VOCAB)
    # A target is read to its end, whatever is said.
    assert len(trace(model, source, torch.tensor([5, 6])).y) == 3


def test_the_end_may_come_later():
    lengths = set()
    for seed in range(30):
        model = model_of(seed)
        seen = trace(model, torch.tensor([4, 5, 6]), steps=6)
        said = seen.Y.argmax(dim=-1).tolist()
        assert EOS not in said[:-1]
        assert said[-1] == EOS or len(said) == 6
        lengths.add(len(said))
    assert len(lengths) > 2


def test_the_trace_of_the_walkthrough_has_the_sizes_of_the_legend():
    seen = trace(Seq2Seq(Seq2SeqConfig.walkthrough(), seed=0), torch.tensor([4, 5, 6]), torch.tensor([7, 8, 9]))
    assert seen.shapes() == {
        "x": (3, 9_000),
        "x_embedded": (3, 300),
        "h": (3, 500),
        "H": (500, 100),
        "sentence": (500,),
        "y": (4,),
        "y_embedded": (4, 300),
        "query": (4, 500),
        "score": (4, 100),
        "w": (4, 100),
        "c": (4, 500),
        "s": (4, 500),
        "logits": (4, 10_000),
        "Y": (4, 10_000),
    }


def test_a_trace_drops_nothing_out_and_leaves_the_mode_as_it_was():
    model = model_of(dropout_p=0.5)
    arguments = model, torch.tensor([4, 5, 6]), torch.tensor([7, 8])
    seen = trace(*arguments)
    check_trace(model, seen, [4, 5, 6], [BOS, 7, 8])
    assert model.training
    model.eval()
    assert torch.equal(trace(*arguments).logits, seen.logits)
    assert not model.training
    model.train()
    with pytest.raises(ValueError, match="max_length is 30"):
        trace(model, torch.full((31,), 4))
    assert model.training


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Trace)])
def test_the_shapes_of_a_trace_are_asserted(name, monkeypatch, unchecked):
    model = model_of()
    whole = seq2seq._as_drawn

    def broken(*arguments):
        seen = whole(*arguments)
        return dataclasses.replace(seen, **{name: getattr(seen, name)[..., None]})

    monkeypatch.setattr(seq2seq, "_as_drawn", broken)
    wrong = tuple(getattr(whole_trace(model, whole), name).shape)
    steps = {} if name == "y" else {"steps": 3}
    assert steps or wrong == (3,)
    with pytest.raises(AssertionError, match=rf"^{name} has shape .*, but in the legend it has \({wrong[0]},"):
        trace(model, torch.tensor([4, 5]), torch.tensor([7, 8]))


def whole_trace(model, draw):
    source, target = torch.tensor([4, 5]), torch.tensor([7, 8])
    memory = model.encode(source[None])
    return draw(model, source, memory, seq2seq._walk(model, memory, target, 1))


def test_traces_can_be_told_apart():
    model = model_of()
    one, other = (trace(model, torch.tensor([4, 5]), steps=2) for _ in range(2))
    assert one == one
    assert one != other


# Seeds, copies, saving


@attentions
@styles
def test_same_seed_same_weights_and_the_global_generator_untouched(attention, style):
    state = torch.get_rng_state()
    one, again, other = (Seq2Seq(config_of(attention=attention, style=style), seed=seed) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), state)
    for (name, weight), same, different in zip(
        one.named_parameters(), again.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(weight, same)
        assert name.endswith("log_sharpness") or not torch.equal(weight, different)


def test_units_differ_from_the_embeddings_that_the_seed_starts_with():
    model = Seq2Seq(config_of(attention="location", hidden_dim=8, max_length=6), seed=5)
    alone = AttentionUnit("location", 8, 6, seed=5)
    assert not torch.equal(model.attention.score.weight, alone.score.weight)


def test_a_unit_takes_a_generator():
    rng = torch.Generator().manual_seed(3)
    first, second = (AttentionUnit("general", 4, 9, seed=rng).score.weight for _ in range(2))
    assert torch.equal(first, AttentionUnit("general", 4, 9, seed=3).score.weight)
    assert not torch.equal(first, second)


def test_padding_has_a_vector_of_zeros_that_stays():
    model = model_of()
    model(batch_of(SENTENCES), batch_of(TRANSLATIONS)).sum().backward()
    for table in (model.source_embedding, model.target_embedding):
        assert (table.weight[PAD] == 0).all()
        assert (table.weight.grad[PAD] == 0).all()
        assert (table.weight[1:] != 0).all()


@pytest.mark.parametrize(("cell", "attention", "style"), WIRINGS)
def test_weights_are_saved_and_loaded(cell, attention, style):
    changes = {"cell": cell, "attention": attention, "style": style, "bidirectional": True}
    model, other = model_of(0, **changes), model_of(1, **changes)
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    assert not torch.allclose(model(source, target), other(source, target))
    other.load_state_dict(model.state_dict())
    assert torch.equal(model(source, target), other(source, target))
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(model(source, target), copied(source, target))
        assert copied.config == model.config


def test_configs_are_values():
    config = config_of(attention=None)
    assert copy.deepcopy(config) == config
    assert pickle.loads(pickle.dumps(config)) == config
    assert Seq2SeqConfig(**dataclasses.asdict(config)) == config
    assert hash(config_of(attention=None)) == hash(config)
    assert config != config_of()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.hidden_dim = 3


def test_what_a_config_says_unless_told_otherwise():
    config = Seq2SeqConfig(11, 13, 3, 4)
    assert dataclasses.astuple(config) == (11, 13, 3, 4, 100, "gru", False, "dot", "bahdanau", 0.0)


def test_two_directions_share_any_even_size():
    for hidden_dim in (2, 4, 6):
        model = model_of(hidden_dim=hidden_dim, bidirectional=True)
        assert model.encode(batch_of(SENTENCES)).last.hidden.shape == (3, hidden_dim)


@cells
def test_without_attention_the_style_is_irrelevant(cell):
    one, other = (model_of(cell=cell, attention=None, style=style) for style in STYLES)
    assert one.state_dict().keys() == other.state_dict().keys()
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    assert torch.equal(one(source, target), other(source, target))
    memory = one.encode(source)
    assert memory.keys is None
    assert memory.values is None


def test_nothing_that_is_given_is_changed():
    model = model_of()
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    given = source.clone(), target.clone()
    memory = model.encode(source)
    before = [tensor.clone() for tensor in (*memory[:5], memory.last.hidden)]
    model.step(target[:, 0], model.start(memory), memory)
    model.features(source, target, teacher_forcing=0.5)
    assert torch.equal(source, given[0])
    assert torch.equal(target, given[1])
    for tensor, same in zip((*memory[:5], memory.last.hidden), before, strict=True):
        assert torch.equal(tensor, same)


# What they refuse


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"embedding_dim": 0}, "embedding_dim must be at least 1, got 0"),
        ({"hidden_dim": -1}, "hidden_dim must be at least 1, got -1"),
        ({"max_length": 0}, "max_length must be at least 1, got 0"),
        ({"source_vocab": 4}, "source_vocab must be above 4, the symbols, got 4"),
        ({"target_vocab": 4}, "target_vocab must be above 4, the symbols, got 4"),
        ({"target_vocab": 0}, "target_vocab must be at least 1, got 0"),
        ({"cell": "GRU"}, "cell must be one of rnn, gru, lstm, got 'GRU'"),
        ({"style": "vaswani"}, "style must be one of bahdanau, luong, got 'vaswani'"),
        (
            {"attention": "none"},
            "attention must be one of dot, scaled_dot, general, additive, concat, location, cosine, "
            "local_predictive, qkv, None, got 'none'",
        ),
        ({"dropout_p": 1.0}, "dropout_p must be at least 0 and below 1, got 1.0"),
        ({"dropout_p": -0.1}, "dropout_p must be at least 0 and below 1, got -0.1"),
        ({"dropout_p": math.nan}, "dropout_p must be at least 0 and below 1, got nan"),
        (
            {"bidirectional": True, "hidden_dim": 3},
            "two directions share hidden_dim, so it must be even, got 3",
        ),
    ],
)
def test_configs_refuse(wrong, message):
    with fails(ValueError, message):
        config_of(**wrong)
    with fails(ValueError, message):
        Seq2SeqConfig.walkthrough(**wrong)


@pytest.mark.parametrize("name", ["source_vocab", "target_vocab", "embedding_dim", "hidden_dim", "max_length"])
@pytest.mark.parametrize("wrong", [8.0, "8", None, True])
def test_sizes_that_are_no_integers(name, wrong, unchecked):
    with fails(TypeError, f"{name} must be an integer, got {type(wrong).__name__}"):
        config_of(**{name: wrong})


def test_other_kinds_that_configs_refuse(unchecked):
    with fails(TypeError, "bidirectional must be True or False, got 'yes'"):
        config_of(bidirectional="yes")
    for wrong in ("0.1", True, None):
        with fails(TypeError, f"dropout_p must be a number, got {type(wrong).__name__}"):
            config_of(dropout_p=wrong)


def test_the_least_that_configs_take():
    config = Seq2SeqConfig(5, 5, 1, 1, max_length=1, dropout_p=0)
    assert Seq2Seq(config, seed=0)(torch.tensor([[4]]), torch.tensor([[BOS]])).shape == (1, 1, 5)


@pytest.mark.parametrize("wrong", [1.0, "1", None, True])
def test_seeds_that_are_no_integers(wrong, unchecked):
    with fails(TypeError, f"seed must be an integer, got {type(wrong).__name__}"):
        Seq2Seq(config_of(), seed=wrong)


SOURCE_ERRORS = [
    (torch.tensor([[4, 11]]), "source holds id 11, but the vocabulary has ids 0 to 10"),
    (torch.tensor([[4, -1]]), "source holds id -1, but the vocabulary has ids 0 to 10"),
    (torch.zeros(0, 3).long(), "source must be (batch, words) with at least one of each, got shape (0, 3)"),
    (torch.zeros(2, 0).long(), "source must be (batch, words) with at least one of each, got shape (2, 0)"),
    (torch.tensor([4, 5]), "source must be (batch, words) with at least one of each, got shape (2,)"),
    (torch.tensor([[4, 5], [0, 0]]), "sentence 1 of the source has no words: leave it out"),
    (
        torch.tensor([[4, 5, 0], [0, 6, 0]]),
        "sentence 1 of the source has padding before its end: move it to the end",
    ),
    (
        torch.tensor([[4] * 31]),
        "source is 31 words wide, padding included, but max_length is 30: leave longer sentences out, "
        "or make a model with room for them",
    ),
]


@pytest.mark.parametrize(("source", "message"), SOURCE_ERRORS)
def test_sources_that_are_refused(source, message, unchecked):
    model = model_of()
    with fails(ValueError, message):
        model.encode(source)
    with fails(ValueError, message):
        model(source, torch.full((max(len(source), 1), 1), BOS))


def test_the_longest_source():
    assert model_of(attention="location").encode(torch.full((1, LONGEST), 4)).states.shape == (1, LONGEST, HIDDEN)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (torch.tensor([[1, 13]]), "target_in holds id 13, but the vocabulary has ids 0 to 12"),
        (torch.tensor([[-2, 1]]), "target_in holds id -2, but the vocabulary has ids 0 to 12"),
        (torch.zeros(1, 0).long(), "target_in must be (batch, words) with at least one of each, got shape (1, 0)"),
        (torch.tensor([[1, 4], [1, 5]]), "source has 1 sentences but target_in has 2"),
    ],
)
def test_targets_that_are_refused(target, message, unchecked):
    with fails(ValueError, message):
        model_of()(torch.tensor([[4, 5]]), target)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[4, 5]], "must be a tensor of int64 ids, got list: use torch.tensor"),
        (torch.tensor([[4.0]]), "must hold int64 ids, got dtype float32: convert it with .long()"),
        (torch.tensor([[4]], dtype=torch.int32), "must hold int64 ids, got dtype int32: convert it with .long()"),
    ],
)
def test_ids_of_another_kind(wrong, message, unchecked):
    model, source = model_of(), torch.tensor([[4, 5]])
    with fails(TypeError, f"source {message}"):
        model.encode(wrong)
    with fails(TypeError, f"target_in {message}"):
        model(source, wrong)
    with fails(TypeError, f"target {message}"):
        trace(model, source[0], wrong)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan])
def test_teacher_forcing_that_is_no_probability(wrong):
    with fails(ValueError, f"teacher_forcing must be a probability from 0 to 1, got {wrong}"):
        model_of()(torch.tensor([[4]]), torch.tensor([[1]]), teacher_forcing=wrong)


@pytest.mark.parametrize("token", [torch.tensor([1, 1]), torch.tensor([[1], [1], [1]]), torch.tensor(1)])
def test_tokens_of_another_shape(token, unchecked):
    model = model_of()
    memory = model.encode(batch_of(SENTENCES))
    message = f"token must have shape (3,), one id a sentence of the memory, got {tuple(token.shape)}"
    with fails(ValueError, message):
        model.step(token, model.start(memory), memory)


def test_traces_refuse(unchecked):
    model, words = model_of(), torch.tensor([4, 5])
    with fails(
        ValueError,
        f"there is nothing to trace without attention: make the model with one of the units "
        f"{', '.join(ATTENTIONS)}, not with attention=None",
    ):
        trace(model_of(attention=None), words)
    with fails(ValueError, "steps must be at least 1, got 0"):
        trace(model, words, steps=0)
    for name, arguments in (("source", ()), ("target", (words,))):
        with fails(ValueError, f"{name} must be one sentence of shape (words,), got shape (1, 2)"):
            trace(model, *arguments, words[None])
        with fails(ValueError, f"{name} holds id 99, but the vocabulary has ids 0 to {10 if name == 'source' else 12}"):
            trace(model, *arguments, torch.tensor([99]))
        for symbol in (PAD, BOS, EOS):
            message = f"{name} must hold words alone, got {SYMBOLS[symbol]}, id {symbol}: take it out"
            with fails(ValueError, message):
                trace(model, *arguments, torch.tensor([4, symbol]))
    with fails(ValueError, "source must be (batch, words) with at least one of each, got shape (1, 0)"):
        trace(model, torch.zeros(0).long())


def test_unknown_cells_and_units():
    zeros = torch.zeros(1, 2)
    with fails(ValueError, "cell must be one of rnn, gru, lstm, got 'cnn'"):
        cell_step("cnn", zeros, zeros, State(zeros, None))
    with fails(ValueError, f"attention must be one of {', '.join(ATTENTIONS)}, got 'soft'"):
        AttentionUnit("soft", 4, 9, seed=0)
