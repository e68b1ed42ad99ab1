"""The Transformer against torch's layers, against a loop over its parameters, and against itself word by word."""

import copy
import dataclasses
import itertools
import math
import pickle
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from attnlib.decoding import Uncached, beam_search, forced_weights, greedy, sample, select
from attnlib.positions import ALiBi, Learned, Rotary, Shaw, Sinusoidal, T5Bias
from attnlib.symbols import BOS, EOS, PAD
from attnlib.training import TrainingConfig, held_out_loss, train
from attnlib.transformer import (
    ACTIVATIONS,
    NORMS,
    POSITIONS,
    TIES,
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    LanguageModel,
    LanguageModelConfig,
    LayerConfig,
    Transformer,
    TransformerConfig,
)
from tests.attnlib.strategies import fails

SOURCE_VOCAB, TARGET_VOCAB = 11, 13
LAYOUTS = {"all": None, "groups": 2, "one": 1}
"""Numbers of key heads for four heads."""

SENTENCES = [[4, 5, 6, 7, 5], [8], [9, 10, 4]]
TRANSLATIONS = [[1, 9, 10], [1, 11, 4, 5, 12], [1]]
PROMPTS = [[1, 4, 5, 6], [1], [1, 8, 12, 4, 4, 6], [1, 9, 3]]

seeds = st.integers(0, 10_000)
train = partial(train, progress=False)


def sizes(**changes):
    small = {"dim": 16, "heads": 4, "ffn_dim": 20, "max_length": 14, "dropout_p": 0.0}
    return small | changes


def translator(seed=0, **changes):
    """A model in evaluation mode whose every parameter is far from its start, so that none can go missing."""
    vocabularies = {"source_vocab": SOURCE_VOCAB, "target_vocab": TARGET_VOCAB}
    layers = {"encoder_layers": 2, "decoder_layers": 2}
    config = TransformerConfig(**sizes(**(vocabularies | layers | changes)))
    return shaken(Transformer(config, seed=seed).double().eval(), seed, SHAKES[config.norm])


def language_model(seed=0, **changes):
    config = LanguageModelConfig(**sizes(**({"vocab": TARGET_VOCAB, "layers": 2} | changes)))
    return shaken(LanguageModel(config, seed=seed).double().eval(), seed, SHAKES[config.norm])


SHAKES = {"pre": 0.3, "post": 0.3, "none": 0.1}
"""How far parameters are moved: without norms, numbers soon get large."""


def shaken(module, seed=0, far=0.3):
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(far * torch.randn(parameter.shape, generator=rng, dtype=parameter.dtype))
    return module


def batch_of(sentences, extra=0):
    ids = pad_sequence([torch.tensor(sentence) for sentence in sentences], batch_first=True, padding_value=PAD)
    return nn.functional.pad(ids, (0, extra), value=PAD)


def ids(*words):
    return torch.tensor([words])


def words_before(length):
    """True where a word may attend to another: on and under the diagonal."""
    return torch.ones(length, length).tril().bool()


def no_source(words):
    return words[:, :0]


def close(one, other, tolerance=1e-10):
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def near(one, other):
    """Equal up to rounding in single precision."""
    assert (one - other).abs().max() <= 1e-5 * max(1.0, float(other.abs().max()))


def gradients(module, output, seed=1):
    """Return the gradients of all parameters for one random gradient of the output."""
    rng = torch.Generator().manual_seed(seed)
    cotangent = torch.randn(output.shape, generator=rng, dtype=output.dtype)
    return torch.autograd.grad((output * cotangent).sum(), list(module.parameters()))


# Layers, against torch's


def copy_attention(ours, theirs):
    parts = (ours.Qw, ours.Kw, ours.Vw)
    theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
    theirs.out_proj.weight.copy_(ours.Ow.weight)
    if ours.Qw.bias is not None:
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.bias.copy_(ours.Ow.bias)


def copy_linear(ours, theirs):
    for name, parameter in theirs.named_parameters():
        parameter.copy_(getattr(ours, name))


@torch.no_grad()
def copy_layer(ours, theirs):
    """Put the parameters of a layer of ours into one of torch's."""
    copy_attention(ours.attention, theirs.self_attn)
    copy_linear(ours.feed_forward.W1, theirs.linear1)
    copy_linear(ours.feed_forward.W2, theirs.linear2)
    norms = [ours.around_attention.norm, ours.around_feed_forward.norm]
    if isinstance(ours, DecoderLayer):
        copy_attention(ours.cross_attention, theirs.multihead_attn)
        norms.insert(1, ours.around_cross_attention.norm)
    for number, norm in enumerate(norms, start=1):
        copy_linear(norm, getattr(theirs, f"norm{number}"))
    return theirs


def gradient_pairs(ours, theirs):
    """Yield the gradients of a layer of ours and of the same parameters of torch's."""
    attentions = [(ours.attention, theirs.self_attn)]
    if isinstance(ours, DecoderLayer):
        attentions.append((ours.cross_attention, theirs.multihead_attn))
    for mine, its in attentions:
        for kind in ("weight", "bias") if mine.Qw.bias is not None else ("weight",):
            stacked = torch.cat([getattr(part, kind).grad for part in (mine.Qw, mine.Kw, mine.Vw)])
            yield stacked, getattr(its, f"in_proj_{kind}").grad
            yield getattr(mine.Ow, kind).grad, getattr(its.out_proj, kind).grad
    around = [ours.around_attention, ours.around_feed_forward]
    if isinstance(ours, DecoderLayer):
        around.insert(1, ours.around_cross_attention)
    pairs = [(ours.feed_forward.W1, theirs.linear1), (ours.feed_forward.W2, theirs.linear2)]
    pairs += [(each.norm, getattr(theirs, f"norm{number}")) for number, each in enumerate(around, start=1)]
    for mine, its in pairs:
        for name, parameter in its.named_parameters():
            yield getattr(mine, name).grad, parameter.grad


def torch_layer(kind, config):
    return kind(
        config.dim,
        config.heads,
        config.ffn_dim,
        dropout=0.0,
        activation=config.activation,
        batch_first=True,
        norm_first=config.norm == "pre",
        bias=config.bias,
        dtype=torch.float64,
    )


def our_layer(kind, config):
    layer = shaken(kind(config, None, torch.Generator().manual_seed(3)).double())
    if not config.bias:  # torch's layers normalise without biases then; ours are for linear layers alone
        with torch.no_grad():
            for name, parameter in layer.named_parameters():
                if name.endswith("norm.bias"):
                    parameter.zero_()
    return layer


LENGTHS = torch.tensor([5, 1, 3])
IN_REACH = torch.arange(5) < LENGTHS[:, None]  # (batch, key)

kinds = pytest.mark.parametrize(
    ("norm", "activation", "bias"), list(itertools.product(("pre", "post"), ("relu", "gelu"), (True, False)))
)


@kinds
@pytest.mark.parametrize("causal", [False, True])
def test_encoder_layer_is_torchs(norm, activation, bias, causal):
    config = LayerConfig(**sizes(norm=norm, activation=activation, bias=bias))
    ours = our_layer(EncoderLayer, config)
    theirs = copy_layer(ours, torch_layer(nn.TransformerEncoderLayer, config))
    x = torch.randn(3, 5, config.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mine, its = x.clone().requires_grad_(), x.clone().requires_grad_()
    mask = IN_REACH[:, None] & words_before(5) if causal else IN_REACH[:, None]
    output, weights = ours(mine, mask)
    expected = theirs(its, src_mask=~words_before(5) if causal else None, src_key_padding_mask=~IN_REACH)
    assert weights is None
    close(output, expected)
    cotangent = torch.randn(x.shape, dtype=torch.float64)
    output.backward(cotangent)
    expected.backward(cotangent)
    close(mine.grad, its.grad)
    for one, other in gradient_pairs(ours, theirs):
        close(one, other)
    output, weights = ours(x, mask, return_weights=True)
    close(output, expected)
    _, expected = theirs.self_attn(
        *[theirs.norm1(x) if norm == "pre" else x] * 3,
        attn_mask=(~mask.expand(3, 5, 5)).repeat_interleave(4, dim=0),
        average_attn_weights=False,
    )
    close(weights, expected)


@kinds
def test_decoder_layer_is_torchs(norm, activation, bias):
    config = LayerConfig(**sizes(norm=norm, activation=activation, bias=bias))
    ours = our_layer(DecoderLayer, config)
    theirs = copy_layer(ours, torch_layer(nn.TransformerDecoderLayer, config))
    rng = torch.Generator().manual_seed(0)
    x, states = (torch.randn(3, length, config.dim, dtype=torch.float64, generator=rng) for length in (4, 5))
    mine, its = ([each.clone().requires_grad_() for each in (x, states)] for _ in range(2))
    output, kept, weights = ours(mine[0], ours.prepare(mine[1]), IN_REACH[:, None], mask=words_before(4))
    expected = theirs(*its, tgt_mask=~words_before(4), memory_key_padding_mask=~IN_REACH)
    assert weights == (None, None)
    assert kept.keys.shape == kept.values.shape == (3, 4, 4, 4)
    close(output, expected)
    cotangent = torch.randn(x.shape, dtype=torch.float64)
    output.backward(cotangent)
    expected.backward(cotangent)
    for one, other in zip(mine, its, strict=True):
        close(one.grad, other.grad)
    for one, other in gradient_pairs(ours, theirs):
        close(one, other)


def last_norm(norm):
    return nn.LayerNorm(16, dtype=torch.float64) if norm == "pre" else None


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_the_whole_is_torchs_stack(norm):
    model = translator(norm=norm, activation="gelu", tied="target")
    encoder = nn.TransformerEncoder(
        torch_layer(nn.TransformerEncoderLayer, model.config), 2, norm=last_norm(norm), enable_nested_tensor=False
    )
    decoder = nn.TransformerDecoder(torch_layer(nn.TransformerDecoderLayer, model.config), 2, norm=last_norm(norm))
    whole = nn.Transformer(16, 4, batch_first=True, custom_encoder=encoder, custom_decoder=decoder)
    for ours, theirs in ((model.encoder, encoder), (model.decoder, decoder)):
        for one, other in zip(ours, theirs.layers, strict=True):
            copy_layer(one, other)
    if norm == "pre":
        with torch.no_grad():
            copy_linear(model.encoder_norm, encoder.norm)
            copy_linear(model.decoder_norm, decoder.norm)
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    source_table, target_table = (
        table.weight.detach().clone().requires_grad_() for table in (model.source_embedding, model.target_embedding)
    )
    x = source_table[source] * 4 + clock_hands(source.shape[1], 16)
    y = target_table[target] * 4 + clock_hands(target.shape[1], 16)
    masks = {"src_key_padding_mask": source == PAD, "memory_key_padding_mask": source == PAD}
    expected = whole(x, y, tgt_mask=~words_before(target.shape[1]), **masks) @ target_table.T
    logits = model(source, target)
    close(logits, expected, 1e-6)  # positions are in single precision
    rows = target != PAD
    for loss in (logits, expected):
        loss[rows].square().sum().backward()
    close(model.source_embedding.weight.grad, source_table.grad, 1e-5)
    close(model.target_embedding.weight.grad, target_table.grad, 1e-5)


def clock_hands(length, dim):
    """Sines and cosines of Vaswani et al., section 3.5, number by number."""
    return torch.tensor(
        [
            [(math.sin if j % 2 == 0 else math.cos)(p / 10_000 ** ((j - j % 2) / dim)) for j in range(dim)]
            for p in range(length)
        ],
        dtype=torch.float64,
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_feed_forward_is_its_formula(activation, bias):
    layer = shaken(FeedForward(3, 5, activation, bias, torch.Generator().manual_seed(0)).double())
    weights = {name: parameter.detach() for name, parameter in layer.named_parameters()}
    bends = {"relu": lambda a: max(a, 0.0), "gelu": lambda a: a * (1 + math.erf(a / math.sqrt(2))) / 2}
    for x in torch.randn(4, 3, dtype=torch.float64):
        hidden = weights["W1.weight"] @ x + (weights["W1.bias"] if bias else 0)
        if activation == "swiglu":
            gate = torch.stack([a / (1 + math.exp(-a)) for a in hidden])
            hidden = gate * (weights["W3.weight"] @ x + (weights["W3.bias"] if bias else 0))
        else:
            hidden = torch.tensor([bends[activation](float(a)) for a in hidden], dtype=torch.float64)
        close(layer(x[None])[0], weights["W2.weight"] @ hidden + (weights["W2.bias"] if bias else 0))
    assert len(weights) == (3 if activation == "swiglu" else 2) * (1 + bias)


# The network as a loop: one sentence, one head, one pair of words at a time


def normalised(layer, x):
    if isinstance(layer, nn.Identity):
        return x
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5) * layer.weight + layer.bias


def turned(vector, place):
    """The pairs of a vector turned, as complex numbers."""
    pairs = torch.view_as_complex(vector.reshape(-1, 2))
    angles = [place / 10_000 ** (2 * i / len(vector)) for i in range(len(pairs))]
    return torch.view_as_real(pairs * torch.exp(1j * torch.tensor(angles, dtype=torch.float64))).flatten()


def attention_loop(module, x, z, *, causal=False):
    scheme, width = module.positions, module.head_dim
    queries, keys, values = module.Qw(x), module.Kw(z), module.Vw(z)
    contexts = []
    for head in range(module.heads):
        shared = head // (module.heads // module.key_heads)
        own, others = slice(head * width, (head + 1) * width), slice(shared * width, (shared + 1) * width)
        rows = []
        for i, query in enumerate(queries[:, own]):
            reach = range(i + 1 if causal else len(z))
            scores, seen = [], []
            for k in reach:
                key, value, bias = keys[k, others], values[k, others], 0.0
                if isinstance(scheme, Rotary):
                    query_here, key = turned(query, i), turned(key, k)
                else:
                    query_here = query
                if isinstance(scheme, Shaw):
                    place = max(-16, min(16, k - i)) + 16
                    key, value = key + scheme.key_table[place], value + scheme.value_table[place]
                if isinstance(scheme, ALiBi):
                    bias = -(2 ** (-8 * (head + 1) / module.heads)) * abs(k - i)
                if isinstance(scheme, T5Bias):  # sentences so short that every distance has a bucket of its own
                    bias = scheme.weight[abs(k - i) + (16 if k > i else 0), head]
                scores.append(query_here @ key / math.sqrt(width) + bias)
                seen.append(value)
            rows.append(torch.stack(scores).softmax(0) @ torch.stack(seen))
        contexts.append(torch.stack(rows))
    return module.Ow(torch.cat(contexts, dim=-1))


def self_attention_loop(module, x, *, causal):
    return attention_loop(module, x, x, causal=causal)


def sublayer_loop(config, around, x, function):
    output = function(normalised(around.norm, x) if config.norm == "pre" else x)
    output = x + output if config.residual else output
    return normalised(around.norm, output) if config.norm == "post" else output


def stack_loop(config, layers, x, states=None, *, causal):
    for layer in layers:
        x = sublayer_loop(
            config, layer.around_attention, x, partial(self_attention_loop, layer.attention, causal=causal)
        )
        if states is not None:
            x = sublayer_loop(
                config, layer.around_cross_attention, x, partial(attention_loop, layer.cross_attention, z=states)
            )
        x = sublayer_loop(config, layer.around_feed_forward, x, layer.feed_forward)
    return x


def placed_loop(config, table, positions, words):
    x = table.weight[words] * math.sqrt(config.dim)
    if config.positions == "sinusoidal":
        return x + clock_hands(len(words), config.dim)
    return x + positions.weight[: len(words)] if config.positions == "learned" else x


def logits_loop(model, source, target_in):
    config = model.config
    x = placed_loop(config, model.source_embedding, model.source_positions, source)
    states = normalised(model.encoder_norm, stack_loop(config, model.encoder, x, causal=False))
    y = placed_loop(config, model.target_embedding, model.target_positions, target_in)
    return normalised(model.decoder_norm, stack_loop(config, model.decoder, y, states, causal=True)) @ (
        model.output.weight.T
    )


WIRINGS = [
    {"positions": scheme, "norm": norm, "key_heads": key_heads, "activation": activation, "tied": tied}
    for number, (scheme, key_heads) in enumerate(itertools.product(POSITIONS, LAYOUTS.values()))
    for norm in [NORMS[(number // 3 + number) % 3]]
    for activation in [ACTIVATIONS[(number // 3) % 3]]
    for tied in [("none", "target")[number % 2]]
]
"""Every scheme with every layout of heads; the other choices, which have nothing to do with these, in turn."""


def name_of(value):
    return value if isinstance(value, str) else "-".join(map(str, value.values()))


@pytest.mark.parametrize("changes", WIRINGS, ids=name_of)
@torch.no_grad()
def test_logits_are_those_of_a_loop(changes):
    model = translator(**changes)
    tolerance = 1e-5 if changes["positions"] == "sinusoidal" else 1e-9
    logits = model(batch_of(SENTENCES, extra=2), batch_of(TRANSLATIONS, extra=1))
    for row, source, target in zip(logits, SENTENCES, TRANSLATIONS, strict=True):
        close(row[: len(target)], logits_loop(model, source, target), tolerance)
    assert (
        {"pre": nn.LayerNorm}.get(changes["norm"], nn.Identity) is type(model.encoder_norm) is type(model.decoder_norm)
    )


@pytest.mark.parametrize("norm", NORMS)
@torch.no_grad()
def test_without_residual_connections(norm):
    model = translator(norm=norm, residual=False, positions="rotary", bias=False)
    for source, target in zip(SENTENCES, TRANSLATIONS, strict=True):
        close(model(ids(*source), ids(*target))[0], logits_loop(model, source, target), 1e-9)


@pytest.mark.parametrize("changes", WIRINGS[::2], ids=name_of)
@torch.no_grad()
def test_language_models_logits_are_those_of_a_loop(changes):
    changes = {name: value for name, value in changes.items() if name != "tied"}
    model = language_model(**changes)
    tolerance = 1e-5 if changes["positions"] == "sinusoidal" else 1e-9
    words = batch_of(PROMPTS, extra=1)
    logits = model(no_source(words), words)
    for row, prompt in zip(logits, PROMPTS, strict=True):
        x = placed_loop(model.config, model.embedding, model.positions, prompt)
        x = normalised(model.norm, stack_loop(model.config, model.decoder, x, causal=True))
        close(row[: len(prompt)], x @ model.output.weight.T, tolerance)


def test_schemes_are_where_they_belong():
    kinds = {"rotary": Rotary, "alibi": ALiBi, "t5": T5Bias, "shaw": Shaw}
    added = {"sinusoidal": Sinusoidal, "learned": Learned}
    for positions in POSITIONS:
        model, alone = translator(positions=positions), language_model(positions=positions)
        stacks = model.encoder, model.decoder, alone.decoder
        for stack in stacks:
            schemes = [layer.attention.positions for layer in stack]
            assert all(type(scheme) is kinds.get(positions, type(None)) for scheme in schemes)
            assert (schemes[0] is schemes[1]) == (positions != "shaw"), "Shaw's vectors alone are each layer's own"
        assert all(layer.cross_attention.positions is None for layer in model.decoder)
        assert all(layer.cross_attention is None for layer in alone.decoder)
        vectors = model.source_positions, model.target_positions, alone.positions
        assert all(type(each) is added.get(positions, type(None)) for each in vectors)
        if positions == "t5":
            assert [stack[0].attention.positions.bidirectional for stack in stacks] == [True, False, False]
        if positions == "learned":
            assert model.source_positions is not model.target_positions
            assert all(len(each.weight) == 14 for each in vectors)


def test_without_positions_the_source_is_a_bag():
    source, shuffled, target = ids(4, 5, 6, 7), ids(7, 5, 4, 6), ids(*TRANSLATIONS[1])
    for positions in POSITIONS:
        model = translator(positions=positions)
        difference = (model(source, target) - model(shuffled, target)).abs().max()
        assert (difference < 1e-10) if positions == "none" else (difference > 1e-3)


# What can't be seen


@pytest.mark.parametrize("changes", WIRINGS[1::4], ids=name_of)
def test_a_later_word_changes_no_earlier_logit(changes):
    model = translator(**changes)
    alone = language_model(**{name: value for name, value in changes.items() if name != "tied"})
    source, target = ids(4, 5, 6), ids(1, 9, 4, 5, 6, 7)
    for forward in (partial(model, source), lambda words: alone(no_source(words), words)):
        logits = forward(target)
        for place in range(1, 6):
            other = target.clone()
            other[0, place:] = torch.arange(12, 12 - (6 - place), -1)
            changed = forward(other)
            close(changed[:, :place], logits[:, :place])
            assert ((changed - logits)[:, place:].abs().amax(dim=-1) > 1e-6).all()


@pytest.mark.parametrize("changes", WIRINGS[::4], ids=name_of)
def test_padding_changes_nothing(changes):
    model = translator(**changes)
    alone = language_model(**{name: value for name, value in changes.items() if name != "tied"})
    logits = model(batch_of(SENTENCES), batch_of(TRANSLATIONS))
    wider = model(batch_of(SENTENCES, extra=3), batch_of(TRANSLATIONS, extra=2))
    close(wider[:, : logits.shape[1]], logits)
    words = batch_of(PROMPTS)
    wider = batch_of(PROMPTS, extra=3)
    close(alone(no_source(wider), wider)[:, : words.shape[1]], alone(no_source(words), words))
    for sentence, translation, row in zip(SENTENCES, TRANSLATIONS, logits, strict=True):
        close(model(ids(*sentence), ids(*translation))[0], row[: len(translation)])


def test_padding_gets_no_gradient():
    model = translator(tied="none")
    logits = model(batch_of(SENTENCES, extra=2), batch_of(TRANSLATIONS, extra=2))
    sum(row[: len(words)].square().sum() for row, words in zip(logits, TRANSLATIONS, strict=True)).backward()
    for table in (model.source_embedding, model.target_embedding):
        assert (table.weight.grad[PAD] == 0).all()
    assert (model.source_embedding.weight.grad[4:] != 0).any(dim=1).all()


# Weights


@pytest.mark.parametrize("positions", ["sinusoidal", "t5", "shaw"])
@pytest.mark.parametrize("key_heads", [None, 2])
def test_weights(positions, key_heads):
    model = translator(positions=positions, key_heads=key_heads, encoder_layers=3)
    source, target = batch_of(SENTENCES, extra=1), batch_of(TRANSLATIONS)
    encoder, own, cross = model.weights(source, target)
    assert encoder.shape == (3, 3, 4, 6, 6)
    assert own.shape == (3, 2, 4, 5, 5)
    assert cross.shape == (3, 2, 4, 5, 6)
    padding = (source == PAD)[:, None, None, None]
    for weights in (encoder, own, cross):
        assert not weights.requires_grad
        close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]).double())
    for weights in (encoder, cross):
        assert (weights[padding.expand_as(weights)] == 0).all()
        assert (weights[~padding.expand_as(weights)] > 0).all()
    assert (own[..., ~words_before(5)] == 0).all()
    assert (own[..., words_before(5)] > 0).all()


def test_weights_are_those_of_torchs_attention():
    model = translator(norm="post", positions="none")
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    weights = model.weights(source, target)
    theirs = nn.MultiheadAttention(16, 4, batch_first=True, dtype=torch.float64)
    x = model.source_embedding(source) * 4
    for number, layer in enumerate(model.encoder):
        with torch.no_grad():
            copy_attention(layer.attention, theirs)
        _, expected = theirs(x, x, x, key_padding_mask=source == PAD, average_attn_weights=False)
        close(weights.encoder[:, number], expected)
        x, _ = layer(x, (source != PAD)[:, None])


@pytest.mark.parametrize(("layers", "aligning"), [(1, 0), (2, 0), (3, 1), (4, 2)])
def test_a_step_gives_the_weights_of_the_layer_before_the_last(layers, aligning):
    model = translator(decoder_layers=layers, key_heads=2)
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    cross = model.weights(source, target).cross[:, aligning].mean(dim=1)
    forced = forced_weights(model, SENTENCES, [[*words, 4] for words in TRANSLATIONS])
    for weights, expected, sentence, words in zip(forced, cross, SENTENCES, TRANSLATIONS, strict=True):
        close(weights, expected[: len(words), : len(sentence)])
    assert model.attention is model.decoder[aligning].cross_attention


# Word by word


@torch.no_grad()
def logits_by_step(model, source, words):
    """Tell a model these words (batch, length) one by one; return the logits (batch, length, vocab)."""
    memory = model.encode(source)
    state, logits = model.start(memory), []
    for token in words.unbind(dim=1):
        step = model.step(token, state, memory)
        state = step.state
        logits.append(step.logits)
    return torch.stack(logits, dim=1)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("positions", POSITIONS)
def test_the_cache_changes_no_logit(positions, layout, norm):
    changes = {"positions": positions, "key_heads": LAYOUTS[layout], "norm": norm}
    model = translator(**changes).float()
    source, target = batch_of(SENTENCES), batch_of([[1, 9, 10, 4, 5], [1, 11, 4, 5, 12], [1, 3, 3, 4, 7]])
    with torch.no_grad():
        logits = model(source, target)
    near(logits_by_step(model, source, target), logits)

    model, said = language_model(**changes).float(), target[[0, 1, 2, 0]]
    whole = batch_of([[*prompt, *words[1:]] for prompt, words in zip(PROMPTS, said.tolist(), strict=True)])
    with torch.no_grad():
        logits = model(no_source(whole), whole)
    for row, expected, prompt in zip(logits_by_step(model, batch_of(PROMPTS), said), logits, PROMPTS, strict=True):
        near(row, expected[len(prompt) - 1 : len(prompt) + 4])


DECODERS = {
    "greedy": greedy,
    "beam": partial(beam_search, beam=3, n_best=3),
    "sample": partial(sample, seed=5, temperature=1.5, top_k=8, top_p=0.95),
}


def hypotheses_of(found):
    return [one for each in found for one in (each if isinstance(each, list) else [each])]


def assert_same_hypotheses(found, others, tolerance=1e-9):
    for one, other in zip(hypotheses_of(found), hypotheses_of(others), strict=True):
        assert (one.tokens, one.finished) == (other.tokens, other.finished)
        assert one.log_probability == pytest.approx(other.log_probability, abs=tolerance)
        assert one.score == pytest.approx(other.score, abs=tolerance)
        if one.weights is None or other.weights is None:
            assert one.weights is other.weights
        else:
            close(one.weights, other.weights, tolerance)


@pytest.mark.parametrize(
    ("changes", "decoder"),
    [(changes, list(DECODERS)[(number + number // 3) % 3]) for number, changes in enumerate(WIRINGS)],
    ids=name_of,
)
def test_decoders_say_the_same_with_a_cache_without_and_alone(changes, decoder):
    decode = partial(DECODERS[decoder], max_length=4)
    tolerance = 1e-5 if changes["positions"] == "sinusoidal" else 1e-9
    changes = {name: value for name, value in changes.items() if name != "tied"}
    for model, source in ((translator(**changes), SENTENCES), (language_model(**changes), PROMPTS)):
        found = decode(model, source)
        assert_same_hypotheses(found, decode(Uncached(model), source), tolerance)
        assert_same_hypotheses(found, decode(model, batch_of(source, extra=1), batch=1), tolerance)


def every_sentence(logits_of, vocab, max_length):
    """Return all sentences with their scores, at length penalty 0.6, the complete ones first, best first."""
    found = []
    with torch.no_grad():
        for length in range(max_length + 1):
            for tokens in itertools.product(range(3, vocab), repeat=length):
                said = [*tokens, EOS] if length < max_length else list(tokens)
                terms = logits_of(said[:-1]).log_softmax(-1)[range(len(said)), said]
                found.append((length == max_length, -float(terms.sum()) / ((5 + len(said)) / 6) ** 0.6, list(tokens)))
    return [(tokens, -score) for _, score, tokens in sorted(found)]


@pytest.mark.parametrize("positions", ["learned", "rotary", "shaw"])
def test_a_beam_as_wide_as_all_sentences_is_exact(positions):
    model = translator(target_vocab=6, positions=positions, key_heads=2)
    alone = language_model(vocab=6, positions=positions, norm="post")
    source, prompt = [4, 5, 6], [1, 5, 4]

    def after_prompt(words):
        whole = ids(*prompt, *words)
        return alone(no_source(whole), whole)[0, len(prompt) - 1 :]

    for network, given_, logits_of in (
        (model, source, lambda words: model(ids(*source), ids(BOS, *words))[0]),
        (alone, prompt, after_prompt),
    ):
        (found,) = beam_search(network, [given_], beam=4**3, n_best=20, max_length=3)
        wanted = every_sentence(logits_of, 6, 3)[:20]
        assert [hypothesis.tokens for hypothesis in found] == [tokens for tokens, _ in wanted]
        assert [hypothesis.score for hypothesis in found] == pytest.approx([score for _, score in wanted], abs=1e-6)


def test_hypotheses_change_places_with_their_caches():
    model = translator(positions="t5", key_heads=1)
    source, words, rows = batch_of(SENTENCES), torch.tensor([[1, 4], [1, 5], [1, 6]]), torch.tensor([2, 0, 2, 1])
    memory = model.encode(source)
    state = model.start(memory)
    for token in words.unbind(dim=1):
        state = model.step(token, state, memory).state
    chosen, kept = select((state, memory), rows)
    step = model.step(torch.tensor([7, 8, 9, 10]), chosen, kept)
    whole = torch.cat([words[rows], torch.tensor([[7], [8], [9], [10]])], dim=1)
    close(step.logits, model(source[rows], whole)[:, -1])
    assert step.state.positions.tolist() == [[0, 1, 2]] * 4
    assert step.state.mask is None


def test_what_a_cache_holds():
    model = translator(key_heads=2)
    memory = model.encode(batch_of(SENTENCES))
    assert memory.lengths.tolist() == [5, 1, 3]
    assert memory.states.shape == (3, 5, 16)
    assert [kept.keys.shape for kept in memory.layers] == [(3, 2, 5, 4)] * 2
    start = model.start(memory)
    assert [kept.keys.shape for kept in start.layers] == [(3, 2, 0, 4)] * 2
    state = model.step(torch.tensor([1, 1, 1]), start, memory).state
    assert [kept.values.shape for kept in state.layers] == [(3, 2, 1, 4)] * 2
    assert start.layers[0].keys.shape[2] == 0, "the cache before is as it was"


def test_what_a_language_model_keeps_of_prompts():
    model = language_model()
    prompt = model.encode(batch_of(PROMPTS))
    assert prompt.last.tolist() == [6, 1, 6, 3]
    assert prompt.lengths.tolist() == [4, 1, 6, 3]
    assert prompt.cache.mask.sum(dim=1).tolist() == [3, 0, 5, 2]
    assert model.encode(ids(1, 4, 5)).cache.mask is None, "nothing is masked where all prompts have one length"
    state = model.start(prompt)
    state = model.step(torch.tensor([BOS] * 4), state, prompt).state
    assert state.place.tolist() == [4, 1, 6, 3]
    assert state.cache.positions[:, -1].tolist() == [3, 0, 5, 2]
    assert state.cache.mask.sum(dim=1).tolist() == [4, 1, 6, 3]
    assert model.encode(ids(1)).cache.layers[0].keys.shape == (1, 4, 0, 4)


def test_a_language_models_first_step_reads_the_prompts_last_word():
    model, prompts = language_model(), batch_of(PROMPTS)
    one, other = (logits_by_step(model, prompts, torch.full((4, 1), word)) for word in (BOS, 7))
    assert torch.equal(one, other)


# Room


def test_room_after_a_source_or_prompt():
    for positions in POSITIONS:
        model, alone = translator(positions=positions), language_model(positions=positions)
        learned = positions == "learned"
        assert model.room(5) == (14 if learned else None)
        assert [alone.room(words) for words in (1, 5, 14)] == ([14, 10, 1] if learned else [None] * 3)
        assert Uncached(alone).room(5) == alone.room(5)


@pytest.mark.parametrize("decode", [greedy, partial(beam_search, beam=2), partial(sample, seed=0)])
def test_learned_positions_end_and_the_others_do_not(decode):
    def never_ending(model):
        model.output.register_forward_hook(lambda *of: of[-1].index_fill(-1, torch.tensor([EOS]), -math.inf))
        return model

    full = [1, *[4] * 13]
    for positions in ("learned", "rotary"):
        model = never_ending(language_model(positions=positions))
        lengths = [len(found.tokens) for found in hypotheses_of(decode(model, [full, full[:9], [1]]))]
        assert lengths == ([1, 6, 12] if positions == "learned" else [14, 14, 12])
        model = never_ending(translator(positions=positions))
        assert [len(found.tokens) for found in hypotheses_of(decode(model, [[4] * 14]))] == [14]
    for model, source, room in (
        (translator(positions="learned"), [[4], [4, 5]], 14),
        (language_model(positions="learned"), [[1], [1, 5]], 13),
    ):
        number = 0 if room == 14 else 1
        message = f"max_length is {room + 1}, but with {number + 1} words in sentence {number} the model has room for"
        with fails(ValueError, f"{message} {room}: ask for fewer, or make a model with a larger max_length"):
            decode(model, source, max_length=room + 1)
        decode(model, source, max_length=room)
    (found,) = hypotheses_of(decode(never_ending(language_model(positions="alibi")), [[1]], max_length=20))
    assert len(found.tokens) == 20


# Own words


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_reading_own_words_against_a_loop(share):
    model = translator(positions="shaw", norm="post", key_heads=2)
    source, target = batch_of(SENTENCES), torch.tensor([[1, 9, 10, 4, 5], [1, 11, 4, 5, 12], [1, 3, 3, 4, 7]])
    forced = torch.rand(target.shape, generator=torch.Generator().manual_seed(4)) < share
    words, rows = target[:, :1], []
    for place in range(5):
        rows.append(model(source, words)[:, -1])
        if place < 4:
            own = rows[-1][:, EOS:].argmax(dim=-1) + EOS
            words = torch.cat([words, torch.where(forced[:, place + 1], target[:, place + 1], own)[:, None]], dim=1)
    assert (words != target).any(), "it reads something else than the right words"
    logits = model(source, target, teacher_forcing=share, generator=torch.Generator().manual_seed(4))
    expected = torch.stack(rows, dim=1)
    close(logits, expected)
    for one, other in zip(gradients(model, logits), gradients(model, expected), strict=True):
        close(one, other, 1e-8)


def test_without_a_generator_the_coins_are_torchs():
    model, source, target = translator(), batch_of(SENTENCES), batch_of([[1, 9, 10], [1, 11, 4], [1, 3, 3]])
    with torch.random.fork_rng():
        torch.manual_seed(8)
        one = model(source, target, teacher_forcing=0.5)
    close(one, model(source, target, teacher_forcing=0.5, generator=torch.Generator().manual_seed(8)))


# Parameters


def formula(config):
    """Numbers of parameters, from the sizes: with biases, rectifiers and sinusoids, one table for all words."""
    d, f, pair = config.dim, config.ffn_dim, 2 * config.dim
    attention, feed_forward = 4 * (d * d + d), d * f + f + f * d + d
    encoder = config.encoder_layers * (attention + feed_forward + 2 * pair)
    decoder = config.decoder_layers * (2 * attention + feed_forward + 3 * pair)
    return encoder + decoder + config.target_vocab * d


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_parameters_of_the_base_model():
    config = TransformerConfig.base(source_vocab=37_000, target_vocab=37_000)
    assert (config.encoder_layers, config.decoder_layers) == (6, 6)
    assert (config.dim, config.heads, config.ffn_dim, config.dropout_p) == (512, 8, 2048, 0.1)
    assert formula(config) == 63_082_496, "Vaswani et al. (2017), table 3, say 65 million"
    few = TransformerConfig.base(source_vocab=10, target_vocab=10)
    assert count(Transformer(few, seed=0)) == formula(few) == 63_082_496 - 36_990 * 512
    assert (few.norm, few.activation, few.positions, few.tied, few.bias) == ("post", "relu", "sinusoidal", "all", True)
    assert TransformerConfig.base(source_vocab=10, target_vocab=12, tied="target").target_vocab == 12


def test_parameters_of_the_tiny_model():
    config = TransformerConfig.tiny(source_vocab=20, target_vocab=30)
    assert (config.encoder_layers, config.decoder_layers) == (4, 4)
    assert (config.dim, config.heads, config.ffn_dim) == (128, 4, 256)
    model = Transformer(config, seed=0)
    assert count(model) == formula(config) + 20 * 128 + 2 * 2 * 128 == 1_331_968
    assert TransformerConfig.tiny(source_vocab=20, target_vocab=30, dim=64).dim == 64


@pytest.mark.parametrize("tied", TIES)
def test_what_kinds_of_parts_cost(tied):
    dim, vocab = 16, 13
    plain = {"source_vocab": vocab, "tied": tied}
    base = count(translator(**plain))
    assert base - count(translator(**plain, bias=False)) == 2 * (4 * dim + 20 + dim) + 2 * (8 * dim + 20 + dim)
    assert base - count(translator(**plain, norm="post")) == 2 * 2 * dim
    assert base - count(translator(**plain, norm="none")) == 2 * 2 * dim + 10 * 2 * dim
    assert base - count(translator(**plain, key_heads=2)) == 6 * 2 * (dim * 8 + 8)
    assert count(translator(**plain, positions="learned")) - base == 2 * 14 * dim
    assert count(translator(**plain, positions="t5")) - base == 2 * 32 * 4
    assert count(translator(**plain, positions="shaw")) - base == 4 * 2 * 33 * 4
    assert count(translator(**plain, activation="swiglu")) - base == 4 * (dim * 20 + 20)
    assert count(translator(**plain, activation="gelu")) == base
    tables = {"none": 3, "target": 2, "all": 1}[tied]
    assert base == formula(translator(**plain).config) + (tables - 1) * vocab * dim + 2 * 2 * dim


@pytest.mark.parametrize("tied", ["target", "all"])
def test_tied_tables_are_one_parameter_and_get_every_gradient(tied):
    model = translator(tied=tied, source_vocab=TARGET_VOCAB)
    assert model.output.weight is model.target_embedding.weight
    assert (model.source_embedding.weight is model.output.weight) == (tied == "all")
    apart = translator(tied="none", source_vocab=TARGET_VOCAB)
    apart.load_state_dict(model.state_dict())
    assert apart.output.weight is not apart.target_embedding.weight
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    for each in (model, apart):
        each(source, target).square().sum().backward()
    parts = [apart.output, apart.target_embedding, *([apart.source_embedding] if tied == "all" else [])]
    assert all(part.weight.grad.abs().max() > 0.1 for part in parts)
    close(model.output.weight.grad, sum(part.weight.grad for part in parts), 1e-8)


@pytest.mark.parametrize("tied", [True, False])
def test_a_language_models_tables(tied):
    model = language_model(tied=tied)
    assert (model.output.weight is model.embedding.weight) == tied
    assert count(language_model(tied=False)) - count(language_model()) == TARGET_VOCAB * 16


def test_word_vectors_are_multiplied_as_in_the_paper():
    model = translator(encoder_layers=1, positions="none", norm="none", residual=True)
    with torch.no_grad():
        for parameter in [*model.encoder.parameters(), *model.decoder.parameters()]:
            parameter.zero_()
    words = ids(4, 5)
    close(model.encode(words).states, model.source_embedding.weight[words] * 4)
    close(model.features(words, words), model.target_embedding.weight[words] * 4)


# Seeds, dropout, what stays


@pytest.mark.parametrize("positions", ["learned", "t5", "shaw"])
def test_the_seed_decides(positions):
    config = TransformerConfig(**sizes(source_vocab=11, target_vocab=13, positions=positions))
    alone = LanguageModelConfig(**sizes(vocab=13, positions=positions))
    before = torch.get_rng_state()
    for make in (partial(Transformer, config), partial(LanguageModel, alone)):
        one, same, other = (dict(make(seed=seed).named_parameters()) for seed in (3, 3, 4))
        assert all(torch.equal(one[name], same[name]) for name in one)
        drawn = [name for name in one if "norm" not in name and not name.endswith("bias")]
        assert not any(torch.equal(one[name], other[name]) for name in drawn)
        values = [one[name] for name in drawn if not name.startswith("output")]
        assert not any(a.shape == b.shape and torch.equal(a, b) for a, b in itertools.combinations(values, 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_initial_weights():
    model = Transformer(TransformerConfig(source_vocab=400, target_vocab=300, dim=64, heads=4, tied="none"), seed=0)
    for table in (model.source_embedding, model.target_embedding):
        assert table.weight.std().item() == pytest.approx(64**-0.5, rel=0.03)
    layer = model.decoder[0].feed_forward.W1
    assert layer.weight.abs().max().item() == pytest.approx(math.sqrt(6 / (64 + 2048)), rel=0.01)
    assert (layer.bias == 0).all()
    assert model.output.weight.abs().max().item() == pytest.approx(math.sqrt(6 / 364), rel=0.01)
    assert model.output.bias is None


def test_dropout_is_where_the_paper_has_it_and_in_training_only():
    model = translator(dropout_p=0.3, positions="alibi")
    alone = language_model(dropout_p=0.3, positions="alibi")
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    asked = []
    for network in (model, alone):
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.register_forward_hook(lambda module, arguments, output: asked.append(module.p))
    calls = {
        "translator": (lambda: model(source, target), 2 + 2 * 2 + 2 * 3),
        "steps": (lambda: model(source, target, teacher_forcing=0.0), (1 + 2 * 2) + 5 * (1 + 2 * 3)),
        "language model": (lambda: alone(no_source(target), target), 1 + 2 * 2),
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for forward, number in calls.values():
            asked.clear()
            assert torch.equal(forward(), forward())
            for network in (model, alone):
                network.train()
            asked.clear()
            one = forward()
            assert asked == [0.3] * number
            assert not torch.allclose(one, forward())
            for network in (model, alone):
                network.eval()


def test_all_of_it_dropped_leaves_the_words_alone():
    model = translator(dropout_p=0.3, norm="none", positions="none").train()
    for module in model.modules():
        if isinstance(module, nn.Dropout) and module is not model.dropout:
            module.p = 1.0
    model.dropout.p = 0.0
    words = ids(4, 5)
    close(model.encode(words).states, model.source_embedding.weight[words] * 4)
    model.dropout.p = 1.0
    assert (model.features(words, words) == 0).all(), "word vectors are dropped with their positions"


@pytest.mark.parametrize("changes", WIRINGS[::5], ids=name_of)
def test_state_dicts_copies_and_pickles(changes):
    model = translator(**changes)
    source, target = batch_of(SENTENCES), batch_of(TRANSLATIONS)
    logits = model(source, target)
    other = Transformer(model.config, seed=9).double().eval()
    other.load_state_dict(model.state_dict())
    for again in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(again(source, target), logits)
        assert (again.output.weight is again.target_embedding.weight) == (changes["tied"] != "none")


# Training


def pairs_of(seed, count_):
    """Sentences and the same backwards, in one batch."""
    rng = torch.Generator().manual_seed(seed)
    sentences = [torch.randint(4, 9, (1 + i % 4,), generator=rng).tolist() for i in range(count_)]
    return batch_of(sentences), batch_of([[BOS, *words[::-1], EOS] for words in sentences])


def learner(kind, seed=0, **changes):
    small = sizes(dropout_p=0.1, positions="rotary", key_heads=2, **changes)
    if kind == "translator":
        layers = {"encoder_layers": 1, "decoder_layers": 1}
        return Transformer(TransformerConfig(source_vocab=9, target_vocab=9, **layers, **small), seed=seed)
    return LanguageModel(LanguageModelConfig(vocab=9, layers=1, **small), seed=seed)


def batches_for(kind, seed=0):
    """Pairs for a translator; for a language model, which has no source, sentences that end as they began."""
    batches = [pairs_of(seed + number, 8) for number in range(3)]
    if kind == "translator":
        return batches
    return [(target[:, :0], torch.cat([target[:, :2], target[:, 1:]], dim=1)) for _, target in batches]


kinds_of_model = pytest.mark.parametrize("kind", ["translator", "language model"])


@kinds_of_model
def test_training_lowers_the_loss(kind):
    model, batches = learner(kind), batches_for(kind)
    config = TrainingConfig(updates=60, learning_rate=0.01, warmup=5, label_smoothing=0.1)
    before = held_out_loss(model, batches)
    train(model, batches, config=config)
    after = held_out_loss(model, batches)
    assert after < 0.6 * before
    # Held-out losses are those of sentences one by one.
    total, words = 0.0, 0
    for sources, targets in batches:
        for source, target in zip(sources, targets, strict=True):
            source, target = source[source != PAD][None], target[target != PAD]
            terms = model(source, target[None, :-1])[0].log_softmax(-1)[range(len(target) - 1), target[1:]]
            total, words = total - terms.sum().item(), words + len(terms)
    assert after == pytest.approx(total / words, rel=1e-4)


@kinds_of_model
def test_training_goes_on_bit_by_bit(kind, tmp_path):
    def stop(history):
        if history.updates == 4:
            raise KeyboardInterrupt

    config = TrainingConfig(updates=7, learning_rate=0.01, evaluate_every=2, average=2)
    go = partial(train, batches=batches_for(kind), config=config, valid=batches_for(kind, seed=9))
    whole, path = learner(kind), tmp_path / "c.pt"
    expected = go(whole)
    assert go(learner(kind), checkpoint=path, callback=stop).updates == 4
    other = learner(kind, seed=1)
    history = go(other, checkpoint=path)
    assert (history.losses, history.evaluations, history.averaged) == (
        expected.losses,
        expected.evaluations,
        expected.averaged,
    )
    state = whole.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in other.state_dict().items())


def test_training_on_own_words():
    config = TrainingConfig(updates=3, teacher_forcing=0.5)
    history = train(learner("translator"), batches_for("translator"), config=config)
    assert all(math.isfinite(loss) for loss in history.losses)


@pytest.mark.parametrize("positions", POSITIONS)
def test_bfloat16_stays_finite_and_near(positions):
    changes = {"positions": positions, "key_heads": 2}
    model, alone = (make(**changes).float() for make in (translator, language_model))
    source, target, prompts = batch_of(SENTENCES), batch_of(TRANSLATIONS), batch_of(PROMPTS)
    runs = [
        lambda: model(source, target),
        lambda: logits_by_step(model, source, target),
        lambda: alone(no_source(prompts), prompts),
        lambda: logits_by_step(alone, prompts, batch_of(TRANSLATIONS)[[0, 1, 2, 0]]),
    ]
    for run in runs:
        expected = run()
        with torch.autocast("cpu", torch.bfloat16):
            logits = run()
        assert logits.dtype == torch.bfloat16
        assert logits.isfinite().all()
        assert (logits - expected).norm() < 0.05 * expected.norm()


@kinds_of_model
def test_training_in_bfloat16(kind):
    model = learner(kind)
    history = train(model, batches_for(kind), config=TrainingConfig(updates=2, mixed_precision="bf16"))
    assert all(map(math.isfinite, [*history.losses, *history.gradient_norms]))
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


# What they refuse

WRONG_LAYERS = [
    ({"dim": 0}, ValueError, "dim must be at least 1, got 0"),
    ({"heads": 0}, ValueError, "heads must be at least 1, got 0"),
    ({"ffn_dim": 0}, ValueError, "ffn_dim must be at least 1, got 0"),
    ({"max_length": 0}, ValueError, "max_length must be at least 1, got 0"),
    ({"ffn_dim": 2.0}, TypeError, "ffn_dim must be an integer, got float"),
    ({"heads": 3}, ValueError, "3 heads can't share dim 16 evenly"),
    ({"key_heads": 3}, ValueError, "4 heads can't share 3 key heads evenly"),
    ({"key_heads": 0}, ValueError, "key_heads must be at least 1, got 0"),
    ({"norm": "both"}, ValueError, "norm must be one of pre, post, none, got 'both'"),
    ({"activation": "tanh"}, ValueError, "activation must be one of relu, gelu, swiglu, got 'tanh'"),
    ({"positions": "clock"}, ValueError, "positions must be one of sinusoidal, learned, rotary, alibi, t5, shaw, none"),
    ({"residual": 1}, TypeError, "residual must be True or False, got 1"),
    ({"bias": None}, TypeError, "bias must be True or False, got None"),
    ({"dropout_p": 1.5}, ValueError, "dropout_p must be"),
    (
        {"heads": 16, "positions": "rotary"},
        ValueError,
        "rotary positions turn components in pairs, but a head's dim is 1",
    ),
]


@pytest.mark.usefixtures("unchecked")
class TestConfigurations:
    @pytest.mark.parametrize(("wrong", "error", "message"), WRONG_LAYERS)
    def test_layers(self, wrong, error, message):
        for make in (
            LayerConfig,
            partial(TransformerConfig, source_vocab=9, target_vocab=9),
            partial(LanguageModelConfig, vocab=9),
        ):
            with fails(error, message):
                make(**sizes(**wrong))

    @pytest.mark.parametrize(
        ("wrong", "error", "message"),
        [
            ({"encoder_layers": 0}, ValueError, "encoder_layers must be at least 1, got 0"),
            ({"decoder_layers": 1.0}, TypeError, "decoder_layers must be an integer, got float"),
            ({"source_vocab": 4}, ValueError, "source_vocab must be above 4, the symbols, got 4"),
            ({"target_vocab": 0}, ValueError, "target_vocab must be at least 1, got 0"),
            ({"tied": "some"}, ValueError, "tied must be one of none, target, all, got 'some'"),
            (
                {"tied": "all", "target_vocab": 8},
                ValueError,
                "one table for everything needs one vocabulary, but source_vocab is 9 and target_vocab 8",
            ),
        ],
    )
    def test_translators(self, wrong, error, message):
        with fails(error, message):
            TransformerConfig(**sizes(**({"source_vocab": 9, "target_vocab": 9} | wrong)))

    @pytest.mark.parametrize(
        ("wrong", "error", "message"),
        [
            ({"layers": 0}, ValueError, "layers must be at least 1, got 0"),
            ({"vocab": 4}, ValueError, "vocab must be above 4, the symbols, got 4"),
            ({"tied": "all"}, TypeError, "tied must be True or False, got 'all'"),
        ],
    )
    def test_language_models(self, wrong, error, message):
        with fails(error, message):
            LanguageModelConfig(**sizes(**({"vocab": 9} | wrong)))

    def test_they_are_plain_data(self):
        config = TransformerConfig(source_vocab=5, target_vocab=9)
        assert TransformerConfig(**dataclasses.asdict(config)) == config
        assert config.head_dim == 64
        config = LanguageModelConfig(vocab=9)
        assert (config.source_vocab, config.target_vocab) == (9, 9)
        with pytest.raises(dataclasses.FrozenInstanceError):
            config.vocab = 3

    def test_activation_of_a_network(self):
        with fails(ValueError, "activation must be one of relu, gelu, swiglu, got 'sin'"):
            FeedForward(2, 2, "sin", True, torch.Generator())


def test_smallest_of_everything():
    one = {"dim": 2, "heads": 1, "ffn_dim": 1, "max_length": 1, "positions": "rotary"}
    model = Transformer(
        TransformerConfig(source_vocab=5, target_vocab=5, encoder_layers=1, decoder_layers=1, **one), seed=0
    )
    assert model(ids(4), ids(1)).shape == (1, 1, 5)
    alone = LanguageModel(LanguageModelConfig(vocab=5, layers=1, **one), seed=0)
    assert alone(torch.zeros(1, 0, dtype=torch.int64), ids(1)).shape == (1, 1, 5)


@pytest.mark.usefixtures("unchecked")
class TestBatches:
    @pytest.mark.parametrize("seed", [0.5, None])
    def test_seeds(self, seed):
        for make in (partial(Transformer, translator().config), partial(LanguageModel, language_model().config)):
            with fails(TypeError, "seed must be an integer"):
                make(seed=seed)

    @pytest.mark.parametrize(
        ("source", "target", "error", "message"),
        [
            (ids(4, 11), ids(1), ValueError, "source holds id 11, but the vocabulary has ids 0 to 10"),
            (ids(4), ids(1, 13), ValueError, "target_in holds id 13, but the vocabulary has ids 0 to 12"),
            (ids(4), torch.tensor([[1], [1]]), ValueError, "source has 1 sentences but target_in has 2"),
            (ids(*[4] * 15), ids(1), ValueError, "source is 15 words wide, padding included, but max_length is 14"),
            (torch.tensor([[4], [0]]), torch.tensor([[1], [1]]), ValueError, "sentence 1 of the source has no words"),
            (ids(0, 4), ids(1), ValueError, "sentence 0 of the source has padding before its end"),
            (ids(4).int(), ids(1), TypeError, "source must hold int64 ids, got dtype int32"),
            (ids(4), [[1]], TypeError, "target_in must be a tensor of int64 ids, got list"),
            (ids(4), torch.tensor([1]), ValueError, "target_in must be (batch, words) with at least one of each"),
        ],
    )
    def test_ids(self, source, target, error, message):
        model = translator()
        for function in (model, model.features, model.weights):
            if function == model.weights and "sentences but" in message:
                continue
            with fails(error, message):
                function(source, target)

    @pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
    def test_teacher_forcing(self, share):
        with fails(ValueError, f"teacher_forcing must be a probability from 0 to 1, got {share}"):
            translator()(ids(4), ids(1), teacher_forcing=share)

    def test_steps(self):
        model = translator()
        memory = model.encode(batch_of(SENTENCES))
        with fails(ValueError, "token must have shape (3,), one id a sentence of the memory, got (2,)"):
            model.step(torch.tensor([1, 1]), model.start(memory), memory)
        alone = language_model()
        prompt = alone.encode(batch_of(PROMPTS))
        with fails(ValueError, "token must have shape (4,), got (1,)"):
            alone.step(torch.tensor([1]), alone.start(prompt), prompt)

    def test_language_models(self):
        model = language_model()
        with fails(
            ValueError,
            "a language model has no source: pass ids of shape (1, 0), such as target_in[:, :0], got (1, 2)",
        ):
            model(ids(4, 5), ids(1, 4))
        with fails(ValueError, "a language model is trained on the known words, teacher_forcing 1, got 0.5"):
            model(ids(4)[:, :0], ids(1, 4), teacher_forcing=0.5)
        with fails(ValueError, "target_in holds id 13, but the vocabulary has ids 0 to 12"):
            model(ids(4)[:, :0], ids(1, 13))
        with fails(ValueError, "source is 15 words wide, padding included, but max_length is 14"):
            model.encode(ids(*[1] * 15))
        with fails(ValueError, "position 14 is outside the table of 14 learned positions"):
            language_model(positions="learned")(ids(4)[:, :0], ids(*[1] * 15))


@given(seeds, st.lists(st.lists(st.integers(3, 10), min_size=1, max_size=6), min_size=1, max_size=4))
@settings(max_examples=10)
def test_any_batch_is_its_sentences_one_by_one(seed, sentences):
    model = translator(seed=seed, positions=POSITIONS[seed % 7], norm=NORMS[seed % 3])
    alone = language_model(seed=seed, positions=POSITIONS[seed % 7], norm=NORMS[seed % 3])
    targets = [[BOS, *words] for words in sentences]
    source, target = batch_of(sentences), batch_of(targets)
    for row, own, words in zip(model(source, target), sentences, targets, strict=True):
        close(row[: len(words)], model(ids(*own), ids(*words))[0])
    for row, words in zip(alone(no_source(target), target), targets, strict=True):
        close(row[: len(words)], alone(ids(*words)[:, :0], ids(*words))[0])
