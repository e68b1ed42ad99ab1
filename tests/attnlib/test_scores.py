"""Scores against their formulas, one pair at a time in plain Python, and against torch's own."""

import copy
import math
import pickle
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import bilinear, cosine_similarity

from attnlib import _random
from attnlib import scores as scores_module
from attnlib.attention import attend
from attnlib.masks import padding_mask
from attnlib.scores import (
    Additive,
    Concat,
    Cosine,
    General,
    LocalPredictive,
    Location,
    additive,
    additive_projected,
    concat,
    cosine,
    dot,
    general,
    local_gaussian,
    local_predictive,
    local_weights,
    location,
    predicted_centres,
    scaled_dot,
)
from attnlib.softmax import softmax
from tests.attnlib.strategies import (
    KINDS,
    LIBRARIES,
    arrays_of_shapes,
    copy_of,
    fails,
    is_kind,
    layouts,
    make,
    normal,
    pairs_loop,
    plain,
    same,
    shares_memory,
    times,
    wide_kind,
)

INF, NAN = math.inf, math.nan
HIDDEN, ROWS, HALF_WIDTH = 4, 5, 1.3
kinds = pytest.mark.parametrize("kind", KINDS)
libraries = pytest.mark.parametrize("library", LIBRARIES)


def tanh_layer(sums, vector):
    return math.fsum(v * math.tanh(total) for v, total in zip(vector, sums, strict=True))


def cosine_of(q, k):
    lengths = math.hypot(*q) * math.hypot(*k)
    return times(q, k) / lengths if lengths else 0.0


def centre_of(q, length, weight, vector):
    return length / (1 + math.exp(-tanh_layer([times(row, q) for row in weight], vector)))


def local_score(q, k, place, length, weight, vector):
    distance = place - centre_of(q, length, weight, vector)
    if abs(distance) > HALF_WIDTH:
        return -INF
    return times(q, k) / math.sqrt(len(q)) - distance**2 / (2 * (HALF_WIDTH / 2) ** 2)


class Case(NamedTuple):
    """A score, its formula for one pair (query, key, place, number of keys, *weights), the weights' shapes."""

    call: Callable
    formula: Callable
    weights: Callable = lambda dq, dk: ()
    one_dim: bool = False


SCORES = {
    "dot": Case(dot, lambda q, k, *_: times(q, k), one_dim=True),
    "scaled_dot": Case(scaled_dot, lambda q, k, *_: times(q, k) / math.sqrt(len(q)), one_dim=True),
    "general": Case(
        general,
        lambda q, k, p, n, W: times(q, [times(row, k) for row in W]),
        lambda dq, dk: [(dq, dk)],
    ),
    "additive": Case(
        additive,
        lambda q, k, p, n, W, U, v: tanh_layer([times(w, q) + times(u, k) for w, u in zip(W, U, strict=True)], v),
        lambda dq, dk: [(HIDDEN, dq), (HIDDEN, dk), (HIDDEN,)],
    ),
    "additive_projected": Case(
        additive_projected,
        lambda q, k, p, n, v: tanh_layer([a + b for a, b in zip(q, k, strict=True)], v),
        lambda dq, dk: [(dq,)],
        one_dim=True,
    ),
    "concat": Case(
        concat,
        lambda q, k, p, n, W, v: tanh_layer([times(row, q + k) for row in W], v),
        lambda dq, dk: [(HIDDEN, dq + dk), (HIDDEN,)],
    ),
    "location": Case(location, lambda q, k, p, n, W: times(W[p], q), lambda dq, dk: [(ROWS, dq)]),
    "cosine": Case(cosine, lambda q, k, *_: cosine_of(q, k), one_dim=True),
    "local_predictive": Case(
        partial(local_predictive, half_width=HALF_WIDTH),
        local_score,
        lambda dq, dk: [(HIDDEN, dq), (HIDDEN,)],
        one_dim=True,
    ),
}
every = pytest.mark.parametrize("case", SCORES.values(), ids=SCORES)


def weights_for(case, query, key, kind, seed=7):
    shapes = case.weights(query.shape[-1], key.shape[-1])
    return [normal([seed, place], shape, kind) for place, shape in enumerate(shapes)]


def arguments(case, kind="torch-float64", *, batch=(2,), queries=3, keys=4, grad=False):
    """Return query, key and weights, of unequal widths where the score allows it."""
    query = normal(1, (*batch, queries, 3), kind, grad=grad)
    key = normal(2, (*batch, keys, 3 if case.one_dim else 2), kind, grad=grad)
    weights = weights_for(case, query, key, kind)
    return [query, key, *(weight.requires_grad_(grad) if grad else weight for weight in weights)]


def close(came, expected, kind, size=10):
    tolerance = size * (1e-12 if kind.endswith("64") else 1e-5)
    np.testing.assert_allclose(plain(came), expected, rtol=tolerance, atol=tolerance)


# The values


@every
@given(data=st.data())
def test_scores_equal_their_formula(case, data):
    signature = "(q,a),(k,a)->(q,k)" if case.one_dim else "(q,a),(k,b)->(q,k)"
    kind, (query, key) = data.draw(arrays_of_shapes(signature))
    assume(query.shape[-1] > 0 or not case.one_dim)
    weights = weights_for(case, query, key, kind)
    came = case.call(make(query, kind), make(key, kind), *weights)
    assert is_kind(came, wide_kind(kind))
    expected = pairs_loop(case.formula, query, key, *map(plain, weights))
    assert tuple(came.shape) == expected.shape
    close(came, expected, kind)


@kinds
def test_scaled_dot_and_dot_of_known_vectors(kind):
    query, key = make([[1, 2, 3, 4]], kind), make([[1, 0, 0, 0], [1, 1, 1, 1], [-4, 3, -2, 1]], kind)
    assert plain(dot(query, key)).tolist() == [[1, 10, 0]]
    assert plain(scaled_dot(query, key)).tolist() == [[0.5, 5, 0]]


@every
@libraries
def test_two_dtypes_give_their_common_one(case, library):
    for first, second, common in [("float16", "float64", "float64"), ("float32", "float16", "float32")]:
        query, key, *weights = arguments(case, f"{library}-{first}")
        for place in range(2 + len(weights)):
            mixed = [query, key, *weights]
            mixed[place] = make(plain(mixed[place]), f"{library}-{second}")
            assert is_kind(case.call(*mixed), f"{library}-{common}")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.endswith("float16")])
def test_scores_beyond_float16_stay_finite(kind):
    query, key = make(np.full((1, 64), 300.0), kind), make(np.full((2, 64), 300.0), kind)
    size = plain(query)[0, 0] ** 2
    assert plain(dot(query, key)).tolist() == [[64 * size] * 2]
    assert plain(scaled_dot(query, key)).tolist() == [[8 * size] * 2]
    assert plain(general(query, key, make(np.eye(64), kind))).tolist() == [[64 * size] * 2]
    assert plain(location(query, key[:1], query)).tolist() == [[64 * size]]
    np.testing.assert_allclose(plain(cosine(query, key)), 1.0, rtol=1e-6)
    assert plain(additive(query, -key, query, query, make(np.ones(1), kind))).tolist() == [[0, 0]]


@libraries
def test_scaled_dot_scales_before_the_product(library):
    query = make([[1.5e19, 1.5e19]], f"{library}-float32")
    np.testing.assert_allclose(plain(scaled_dot(query, query)), 4.5e38 / math.sqrt(2), rtol=1e-6)


# Relations between scores


@kinds
def test_general_turns_one_side(kind):
    query, key = normal(1, (2, 3, 4), kind), normal(2, (5, 4), kind)
    close(general(query, key, make(np.eye(4), kind)), plain(dot(query, key)), kind)
    first, second = normal(3, (6, 4), "numpy-float64"), normal(4, (6, 4), "numpy-float64")
    wide = [plain(array) for array in (query, key)]
    expected = scaled_dot(wide[0] @ first.T, wide[1] @ second.T)
    close(general(*wide, first.T @ second / math.sqrt(6)), expected, "numpy-float64")


def test_general_equals_torchs_bilinear():
    query, key = normal(1, (2, 3, 4), "torch-float64"), normal(2, (2, 3, 5), "torch-float64")
    module = nn.Bilinear(4, 5, 1, bias=False, dtype=torch.float64)
    weight = module.weight.detach()
    diagonal = general(query, key, weight[0]).diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(diagonal, module(query, key)[..., 0].detach())
    torch.testing.assert_close(diagonal, bilinear(query, key, weight)[..., 0])


def test_cosine_equals_torchs():
    query, key = normal(1, (2, 3, 1, 4), "torch-float64"), normal(2, (2, 1, 5, 4), "torch-float64")
    expected = cosine_similarity(query, key, dim=-1)
    torch.testing.assert_close(cosine(query[:, :, 0], key[:, 0]), expected)
    torch.testing.assert_close(cosine(query[:, :, 0], key[:, 0], 2.5), 2.5 * expected)


def test_additive_and_concat_equal_a_network_of_torchs_layers():
    query, key = normal(1, (2, 3, 4), "torch-float64"), normal(2, (2, 5, 2), "torch-float64")
    inner, outer = (nn.Linear(*sizes, bias=False, dtype=torch.float64) for sizes in [(6, 7), (7, 1)])
    pairs = torch.cat([query[:, :, None].expand(2, 3, 5, 4), key[:, None].expand(2, 3, 5, 2)], dim=-1)
    expected = outer(inner(pairs).tanh())[..., 0].detach()
    weight, vector = inner.weight.detach(), outer.weight[0].detach()
    torch.testing.assert_close(concat(query, key, weight, vector), expected)
    torch.testing.assert_close(additive(query, key, weight[:, :4], weight[:, 4:], vector), expected)
    projected = query @ weight[:, :4].T, key @ weight[:, 4:].T
    torch.testing.assert_close(additive_projected(*projected, vector), expected)


@given(arrays_of_shapes("(q,a),(k,b)->(q,k)"))
def test_additive_lies_between_minus_and_plus_the_vectors_sum(case):
    kind, (query, key) = case
    query, key = make(100 * query, kind), make(100 * key, kind)
    *matrices, vector = weights_for(SCORES["additive"], query, key, kind)
    came = plain(additive(query, key, *matrices, vector))
    assert (np.abs(came) <= np.abs(plain(vector)).sum() + 1e-5).all()


def test_of_keys_location_uses_only_the_number():
    query, weight = normal(1, (2, 3, 4)), normal(2, (9, 4))
    one, other = location(query, np.zeros((5, 7)), weight), location(query, normal(3, (2, 5, 1)), weight)
    assert same(one, other)
    assert same(one, location(query, np.zeros((9, 7)), weight)[..., :5])
    assert location(query, np.zeros((4, 1, 5, 7)), weight).shape == (4, 2, 3, 5)
    assert location(query[0], np.zeros((6, 5, 7)), weight).shape == (6, 3, 5)


@libraries
def test_what_location_gives_can_be_written_to(library):
    kind = f"{library}-float64"
    query, key, weight = make(np.ones((3, 4)), kind), make(np.zeros((2, 5, 7)), kind), normal(2, (9, 4), kind)
    for scores in (location(query, key, weight), location(query, key[0], weight)):
        before = plain(scores)
        scores[0] = 7.0  # one sentence, or one query
        before[0] = 7.0
        assert np.array_equal(plain(scores), before)


def test_the_variance_of_dot_grows_with_the_dim_and_that_of_scaled_dot_does_not():
    for dim in (4, 64, 256):
        query, key = normal([1, dim], (400, dim)), normal([2, dim], (400, dim))
        # 160,000 scores of 800 vectors: the relative error of the variance is about 1 / sqrt(400).
        assert 0.85 < dot(query, key).var() / dim < 1.15
        assert 0.85 < scaled_dot(query, key).var() < 1.15


# Cosine


@kinds
def test_cosine_of_a_vector_without_direction_is_zero(kind):
    query, key = make([[0, 0], [3, 4]], kind), make([[0, 0], [4, 3], [-3, -4]], kind)
    close(cosine(query, key), [[0, 0, 0], [0, 0.96, -1]], kind)
    assert plain(cosine(query, key))[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "float16" not in kind or "bfloat16" in kind])
@pytest.mark.parametrize("size", [1e-37, 1e-30, 1.0, 1e30, 3e37])
def test_cosine_does_not_depend_on_the_lengths(kind, size):
    query, key = make([[3 * size, -4 * size]], kind), make([[1e30, 0], [0, 1e-30], [-6, 8]], kind)
    tolerance = 1e-2 if "bfloat16" in kind else 1e-6
    np.testing.assert_allclose(plain(cosine(query, key)), [[0.6, -0.8, -1]], atol=tolerance)
    tiny = make([[3e-40, 4e-40]], kind)
    np.testing.assert_allclose(plain(cosine(tiny, tiny)), 1, atol=1e-5)


@pytest.mark.parametrize("size", [0.0, 1e-30, 1.0, 1e30])
def test_cosines_gradient_at_any_length(size):
    query = make([[3 * size, 4 * size], [1.0, 2.0]], "torch-float32", grad=True)
    key = make([[1.0, 0.0], [0.0, 0.0]], "torch-float32", grad=True)
    cosine(query, key)[0, 0].backward()
    # By the query: (direction of the key - cos · direction of the query) / length of the query.
    expected = [0.64 / (5 * size), -0.48 / (5 * size)] if size else [0.0, 0.0]
    np.testing.assert_allclose(plain(query.grad), [expected, [0, 0]], rtol=1e-5)
    np.testing.assert_allclose(plain(key.grad), [[0, 0.8 if size else 0], [0, 0]], rtol=1e-5, atol=1e-6)


@libraries
def test_cosines_sharpness(library):
    kind = f"{library}-float32"
    query, key = normal(1, (2, 3, 4), kind), normal(2, (2, 5, 4), kind)
    plainly = plain(cosine(query, key))
    for number in (2, 2.0, np.float64(2), np.float32(2), np.int64(2)):
        close(cosine(query, key, number), 2 * plainly, kind)
    each = np.array([[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]])
    close(cosine(query, key, make(each, kind)), each[..., None] * plainly, kind)
    close(cosine(query, key, make(each[0], kind)), each[0][:, None] * plainly, kind)
    close(cosine(query, key, make(3.0, kind)), 3 * plainly, kind)
    assert is_kind(cosine(query, key, make(each, f"{library}-float64")), kind)


def test_cosines_sharpness_has_a_gradient():
    query, key = normal(1, (2, 3, 4), "torch-float64", grad=True), normal(2, (5, 4), "torch-float64", grad=True)
    sharpness = normal(3, (2, 3), "torch-float64", grad=True)
    assert torch.autograd.gradcheck(cosine, (query, key, sharpness))


# Local attention


def centres_loop(query, weight, vector, lengths):
    lengths = np.broadcast_to(lengths, query.shape[:-2])
    centres = np.zeros(query.shape[:-1])
    for place in np.ndindex(centres.shape):
        length = int(lengths[place[:-1]])
        centres[place] = centre_of(query[place].tolist(), length, weight.tolist(), vector.tolist())
    return centres


@given(arrays_of_shapes("(q,d),(h,d),(h)->(q)", max_dims=0), st.integers(0, 9), st.integers(0, 9))
def test_predicted_centres_equal_the_loop(case, first, second):
    kind, (query, weight, vector) = case
    query = np.stack([query, -query])
    three = [make(array, kind) for array in (query, weight, vector)]
    for lengths in (first, np.asarray(first), np.array([first, second]), np.array([[first], [second], [7]])):
        as_given = torch.tensor(lengths) if kind.startswith("torch") and isinstance(lengths, np.ndarray) else lengths
        came = predicted_centres(*three, as_given)
        assert is_kind(came, wide_kind(kind))
        spread = np.broadcast_to(query, (*np.broadcast_shapes(np.shape(lengths), (2,)), *query.shape[1:]))
        close(came, centres_loop(spread, weight, vector, lengths), kind)


@libraries
def test_centres_stay_between_the_ends(library):
    kind = f"{library}-float32"
    query, weight = make([[1.0], [-1.0], [0.0]], kind), make([[1e4]], kind)
    assert plain(predicted_centres(query, weight, make([1e4], kind), 7)).tolist() == [7, 0, 3.5]


@kinds
def test_local_gaussian_equals_its_formula(kind, unchecked):
    centres = plain(make([[0.0, 1.25], [4.0, -3.0]], kind))
    for half_width in (0.5, 2, np.float32(3.0)):
        came = local_gaussian(make(centres, kind), 5, half_width)
        assert is_kind(came, wide_kind(kind))
        sigma = half_width / 2
        expected = [[[math.exp(-((k - p) ** 2) / (2 * sigma**2)) for k in range(5)] for p in row] for row in centres]
        close(came, expected, kind)
    assert plain(local_gaussian(make([1.0], kind), 4, 2))[0, 3] == pytest.approx(math.exp(-2), rel=1e-6)
    assert tuple(local_gaussian(make([1.0], kind), 0, 1.0).shape) == (1, 0)


@kinds
@pytest.mark.parametrize(("half_width", "beside"), [(5e-324, 0), (1e-300, 0), (1e-30, 0), (1e30, 1), (1e300, 1)])
def test_local_gaussian_of_extreme_half_widths(kind, half_width, beside):
    assert plain(local_gaussian(make([1.0], kind), 3, half_width)).tolist() == [[beside, 1, beside]]


@every
@libraries
def test_any_score_can_be_made_local(case, library):
    kind = f"{library}-float64"
    query, key, *weights = arguments(case, kind, keys=5)
    matrix, vector = normal(8, (HIDDEN, 3), kind), normal(9, (HIDDEN,), kind)
    inner = lambda q, k: case.call(q, k, *weights)  # noqa: E731
    came = plain(local_predictive(query, key, matrix, vector, half_width=2.2, score=inner))
    centres = plain(predicted_centres(query, matrix, vector, 5))
    distance = np.arange(5) - centres[..., None]
    expected = np.where(np.abs(distance) <= 2.2, plain(inner(query, key)) - distance**2 / (2 * 1.1**2), -INF)
    close(came, expected, kind)


@kinds
def test_local_predictives_softmax_is_in_proportion_to_the_local_weights(kind):
    query, key, weight, vector = arguments(SCORES["local_predictive"], kind, keys=7)
    half_width = 2.5
    ours = plain(softmax(local_predictive(query, key, weight, vector, half_width=half_width)))
    centres = predicted_centres(query, weight, vector, 7)
    source = plain(local_weights(scaled_dot(query, key), centres, half_width))
    np.testing.assert_allclose(ours, source / source.sum(-1, keepdims=True), atol=1e-6)
    assert (source.sum(-1) < 1).all()


@kinds
def test_local_weights_equal_their_formula(kind):
    scores, centres = plain(normal(1, (2, 3, 6), kind)), plain(make([[0.0, 2.25, 5.5], [2.0, 3.0, -4.0]], kind))
    scores[0, 1, 2] = -INF
    came = plain(local_weights(make(scores, kind), make(centres, kind), 1.5))
    expected = np.zeros_like(scores)
    for place in np.ndindex(2, 3):
        near = [k for k in range(6) if abs(k - centres[place]) <= 1.5]
        powers = {k: math.exp(scores[(*place, k)]) for k in near}
        for k in near:
            gaussian = math.exp(-((k - centres[place]) ** 2) / (2 * 0.75**2))
            expected[(*place, k)] = powers[k] / math.fsum(powers.values()) * gaussian
    np.testing.assert_allclose(came, expected, rtol=1e-2 if "16" in kind else 1e-5, atol=2e-3 if "16" in kind else 1e-6)


@libraries
def test_with_lengths_padding_moves_no_centre(library):
    kind = f"{library}-float64"
    query, key, weight, vector = arguments(SCORES["local_predictive"], kind, keys=6)
    lengths = np.array([4, 6])
    lengths = torch.tensor(lengths) if library == "torch" else lengths
    score = partial(local_predictive, weight=weight, vector=vector, half_width=2.0)
    together = plain(score(query, key, lengths=lengths))
    for number, length in enumerate([4, 6]):
        alone = plain(score(query[number], key[number, :length]))
        np.testing.assert_allclose(together[number, :, :length], alone, rtol=1e-12)
    moved = plain(score(query, key))
    assert not np.allclose(moved[0, :, :4], together[0, :, :4])


@libraries
def test_queries_that_all_sequences_share_have_centres_in_each(library):
    kind = f"{library}-float64"
    query, key = normal(1, (2, 3), kind), normal(4, (3, 8, 3), kind)
    weight, vector = normal(2, (HIDDEN, 3), kind), normal(3, (HIDDEN,), kind)
    lengths = make([3, 5, 8], kind)
    lengths = lengths.long() if library == "torch" else lengths.astype(int)
    score = partial(local_predictive, weight=weight, vector=vector, half_width=2.0)
    together = plain(score(query, key, lengths=lengths))
    for number, length in enumerate([3, 5, 8]):
        alone = plain(score(query, key[number, :length]))
        np.testing.assert_allclose(together[number, :, :length], alone, rtol=1e-12)


# Additive, in groups


@pytest.fixture
def hidden_layers(monkeypatch):
    """Collect the sizes of the hidden layers that are formed, and of the memory that is asked for."""
    sizes, memory = [], []
    hidden, groups, empty = scores_module._hidden, scores_module._hidden_groups, scores_module._empty_like

    def spy(*given):
        layer = hidden(*given)
        sizes.append(math.prod(layer.shape))
        return layer

    def spy_groups(*given):
        for rows, layer in groups(*given):
            sizes.append(math.prod(layer.shape))
            yield rows, layer

    def spy_empty(array, shape):
        memory.append(math.prod(np.atleast_1d(shape)))
        return empty(array, shape)

    monkeypatch.setattr(scores_module, "_hidden", spy)
    monkeypatch.setattr(scores_module, "_hidden_groups", spy_groups)
    monkeypatch.setattr(scores_module, "_empty_like", spy_empty)
    return sizes, memory


@libraries
@pytest.mark.parametrize("name", ["additive", "additive_projected", "concat"])
@pytest.mark.parametrize(
    ("at_once", "groups"),
    [(1, [1] * 7), (2 * 4 * 5 * 3 - 1, [2, 2, 2, 1]), (2 * 4 * 5 * 3, [3, 3, 1]), (2 * 4 * 5 * 7, [7])],
)
def test_groups_give_the_same_and_hold_no_more_than_they_may(
    library, name, at_once, groups, monkeypatch, hidden_layers
):
    monkeypatch.setattr(scores_module, "HIDDEN_AT_ONCE", at_once)
    kind, hidden = f"{library}-float64", 5
    query, key = normal(1, (7, hidden), kind), normal(2, (2, 4, hidden), kind)
    vector = normal(3, (hidden,), kind)
    square, long = normal(4, (hidden, hidden), kind), normal(5, (hidden, 2 * hidden), kind)
    weights = {"additive": [square, square, vector], "additive_projected": [vector], "concat": [long, vector]}[name]
    came = SCORES[name].call(query, key, *weights)
    sizes, memory = hidden_layers
    assert sizes == [2 * 4 * hidden * group for group in groups]
    assert max(memory, default=0) <= max(at_once, 2 * 4 * hidden, 2 * 4 * 7)
    monkeypatch.setattr(scores_module, "HIDDEN_AT_ONCE", 10**9)
    expected = SCORES[name].call(query, key, *weights)
    assert sizes[len(groups) :] == [2 * 4 * hidden * 7]
    np.testing.assert_allclose(plain(came), plain(expected), rtol=1e-13, atol=1e-13)


def test_groups_of_broadcast_and_empty_axes(monkeypatch):
    shapes = [((3, 1, 4, 2), (2, 5, 2)), ((4, 2), (0, 2)), ((0, 2), (3, 2)), ((0, 4, 2), (0, 5, 2)), ((4, 2), (1, 2))]
    for query_shape, key_shape in shapes:
        query, key, vector = normal(1, query_shape), normal(2, key_shape), normal(3, (2,))
        expected = pairs_loop(SCORES["additive_projected"].formula, query, key, vector)
        for at_once in (1, 40, 10**6):
            monkeypatch.setattr(scores_module, "HIDDEN_AT_ONCE", at_once)
            np.testing.assert_allclose(additive_projected(query, key, vector), expected, rtol=1e-12, atol=1e-12)


def test_a_groups_hidden_layer_is_not_kept_for_the_gradient(monkeypatch):
    query, key, vector = (
        normal(n, shape, "torch-float64", grad=True) for n, shape in enumerate([(6, 3), (5, 3), (3,)])
    )
    gradients = []
    for at_once, kept in [(10**6, True), (2 * 5 * 3, False)]:
        monkeypatch.setattr(scores_module, "HIDDEN_AT_ONCE", at_once)
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, sizes=sizes: sizes.append(t.numel()) or t, lambda t: t):
            scores = additive_projected(query, key, vector)
        assert any(size >= 2 * 5 * 3 for size in sizes) is kept
        gradients.append(torch.autograd.grad(scores.square().sum(), (query, key, vector)))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["additive", "additive_projected", "concat"])
@pytest.mark.parametrize("batches", [((2,), (2,)), ((2,), ()), ((), (2,)), ((3, 1), (2,))])
def test_gradients_in_groups_equal_finite_differences(name, batches, monkeypatch):
    monkeypatch.setattr(scores_module, "HIDDEN_AT_ONCE", 20)
    given = arguments(SCORES[name], grad=True)
    for place, (batch, rows) in enumerate(zip(batches, (3, 2), strict=True)):
        given[place] = normal(place, (*batch, rows, given[place].shape[-1]), "torch-float64", grad=True)
    assert torch.autograd.gradcheck(SCORES[name].call, given)
    for place in range(len(given)):  # one that needs none beside others that do
        some = [array.detach() if place == other else array for other, array in enumerate(given)]
        assert torch.autograd.gradcheck(SCORES[name].call, some)


def test_there_is_no_second_derivative_in_groups(monkeypatch):
    monkeypatch.setattr(scores_module, "HIDDEN_AT_ONCE", 40)
    given = arguments(SCORES["additive"], grad=True)
    for loss in (additive(*given).sum(), additive(*given).square().sum()):
        with fails(RuntimeError, "this code can be differentiated once; for second derivatives score fewer pairs"):
            torch.autograd.grad(loss, given, create_graph=True)
    monkeypatch.setattr(scores_module, "HIDDEN_AT_ONCE", 2 * 3 * 4 * HIDDEN)  # one group, full to the last number
    torch.autograd.grad(additive(*given).sum(), given, create_graph=True)[0].square().sum().backward()


@pytest.mark.parametrize("name", ["additive", "additive_projected", "concat"])
def test_groups_under_torch_func(name, monkeypatch):
    query, key, *weights = arguments(SCORES[name])
    expected = SCORES[name].call(query, key, *weights)
    jacobian = torch.autograd.functional.jacobian(lambda q: SCORES[name].call(q, key[0], *weights), query[0])
    monkeypatch.setattr(scores_module, "HIDDEN_AT_ONCE", 40)

    def function(q, k):
        return SCORES[name].call(q, k, *weights)

    torch.testing.assert_close(torch.func.vmap(function)(query, key), expected)
    torch.testing.assert_close(torch.func.jacrev(function)(query[0], key[0]), jacobian)
    nested = torch.func.vmap(torch.func.grad(lambda q, k: function(q, k).square().sum()))(query, key)
    leaf = query.clone().requires_grad_()
    (whole,) = torch.autograd.grad(function(leaf, key).square().sum(), leaf)
    torch.testing.assert_close(nested, whole)


def test_scoring_in_groups_draws_nothing_from_the_global_generator(monkeypatch):
    monkeypatch.setattr(scores_module, "HIDDEN_AT_ONCE", 40)
    before = torch.get_rng_state()
    additive(*arguments(SCORES["additive"], grad=True)).sum().backward()
    assert torch.equal(torch.get_rng_state(), before)


# Gradients


@every
def test_gradients_equal_finite_differences(case):
    given = arguments(case, grad=True)

    def finite_part(*arrays):  # -inf - (-inf) is no difference
        scores = case.call(*arrays)
        return torch.where(torch.isfinite(scores), scores, 0.0)

    assert torch.autograd.gradcheck(finite_part, given)
    assert torch.autograd.gradgradcheck(finite_part, given)


@every
def test_scores_under_torch_func(case):
    query, key, *weights = arguments(case)
    expected = case.call(query, key, *weights)
    torch.testing.assert_close(torch.func.vmap(lambda q, k: case.call(q, k, *weights))(query, key), expected)
    shared = torch.func.vmap(lambda q: case.call(q, key[0], *weights))(query)
    torch.testing.assert_close(shared, case.call(query, key[0], *weights))

    def loss(q, k):
        scores = case.call(q, k, *weights)
        return torch.where(torch.isfinite(scores), scores, 0.0).square().sum()

    leaves = [query.clone().requires_grad_(), key.clone().requires_grad_()]
    torch.testing.assert_close(
        torch.func.vmap(torch.func.grad(loss, argnums=(0, 1)))(query, key),
        torch.autograd.grad(loss(*leaves), leaves, materialize_grads=True),
    )


# What comes in


@every
@kinds
def test_arguments_stay_and_results_are_new(case, kind):
    given = arguments(case, kind)
    before = [copy_of(array) for array in given]
    result = case.call(*given)
    assert all(same(array, copied) for array, copied in zip(given, before, strict=True))
    assert not any(shares_memory(result, array) for array in given)


@every
@kinds
def test_any_memory_layout_gives_the_same(case, kind):
    straight = arguments(case, kind)
    expected = plain(case.call(*straight))
    for variants in zip(*(list(layouts(plain(array), kind))[-2:] for array in straight), strict=True):
        came = plain(case.call(*(array for _, array in variants)))
        np.testing.assert_allclose(came, expected, rtol=1e-5, atol=1e-5)
    contiguous = [next(layouts(plain(array), kind))[1] for array in straight]  # and read-only
    for place in (0, 1):
        transposed = list(contiguous)
        transposed[place] = dict(layouts(plain(straight[place]), kind))["transposed"]
        np.testing.assert_allclose(plain(case.call(*transposed)), expected, rtol=1e-5, atol=1e-5)


@every
@libraries
def test_empty_axes(case, library):
    kind = f"{library}-float32"
    for batch, queries, keys in [((), 0, 3), ((), 2, 0), ((0,), 2, 3), ((2,), 0, 0)]:
        came = case.call(*arguments(case, kind, batch=batch, queries=queries, keys=keys))
        assert tuple(came.shape) == (*batch, queries, keys)
        assert is_kind(came, kind)


@libraries
def test_nothing_in_the_vectors(library):
    kind = f"{library}-float32"
    query, key = make(np.zeros((2, 0)), kind), make(np.zeros((3, 0)), kind)
    for name in ("general", "additive", "concat", "location"):
        came = SCORES[name].call(query, key, *weights_for(SCORES[name], query, key, kind))
        assert plain(came).tolist() == [[0] * 3] * 2


# Modules


MODULES = {
    "General": (lambda seed: General(3, 2, seed=seed), general, ("weight",), 6, 2),
    "Additive": (lambda seed: Additive(3, 2, 5, seed=seed), additive, ("query_weight", "key_weight", "vector"), 30, 2),
    "Concat": (lambda seed: Concat(3, 2, 5, seed=seed), concat, ("weight", "vector"), 30, 2),
    "Location": (lambda seed: Location(3, 6, seed=seed), location, ("weight",), 18, 2),
    "LocalPredictive": (
        lambda seed: LocalPredictive(3, 5, 1.7, seed=seed),
        partial(local_predictive, half_width=1.7),
        ("weight", "vector"),
        20,
        3,
    ),
}
modules = pytest.mark.parametrize(("build", "function", "names", "count", "key_dim"), MODULES.values(), ids=MODULES)


@modules
class TestModules:
    def test_equal_the_function_of_their_parameters(self, build, function, names, count, key_dim):
        module, query, key = build(0), normal(1, (2, 3, 3), "torch-float32"), normal(2, (4, key_dim), "torch-float32")
        parameters = [getattr(module, name) for name in names]
        assert [name for name, _ in module.named_parameters()] == list(names)
        assert torch.equal(module(query, key), function(query, key, *parameters))
        assert module(query, key).requires_grad
        wide = module.double()
        assert wide(query.double(), key.double()).dtype == torch.float64

    def test_number_of_parameters(self, build, function, names, count, key_dim):
        assert sum(parameter.numel() for parameter in build(0).parameters()) == count
        assert all(parameter.requires_grad for parameter in build(0).parameters())

    def test_same_seed_same_weights(self, build, function, names, count, key_dim):
        before = torch.get_rng_state()
        first, again, other = build(3), build(3), build(4)
        from_generator = build(torch.Generator().manual_seed(3))
        assert torch.equal(torch.get_rng_state(), before)
        for name in names:
            assert torch.equal(getattr(first, name), getattr(again, name))
            assert torch.equal(getattr(first, name), getattr(from_generator, name))
            assert not torch.equal(getattr(first, name), getattr(other, name))

    def test_a_generator_goes_on(self, build, function, names, count, key_dim):
        rng = torch.Generator().manual_seed(3)
        first, second = build(rng), build(rng)
        assert not torch.equal(getattr(first, names[0]), getattr(second, names[0]))

    def test_weights_start_from_glorots_uniform_distribution(self, build, function, names, count, key_dim):
        for name in names:
            parameter = getattr(build(0), name)
            rows, columns = parameter.shape if parameter.ndim == 2 else (1, len(parameter))
            limit = math.sqrt(6 / (rows + columns))
            drawn = torch.stack([getattr(build(seed), name) for seed in range(200)])
            assert drawn.abs().max() <= limit
            assert drawn.abs().max() > 0.97 * limit
            assert drawn.mean().abs() < 0.1 * limit

    def test_state_round_trip(self, build, function, names, count, key_dim):
        first, second = build(1), build(2)
        second.load_state_dict(first.state_dict())
        query, key = normal(1, (3, 3), "torch-float32"), normal(2, (4, key_dim), "torch-float32")
        for module in (second, copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
            assert torch.equal(module(query, key), first(query, key))

    def test_every_parameter_gets_a_gradient_through_attend(self, build, function, names, count, key_dim):
        module, query = build(0), normal(1, (2, 3, 3), "torch-float32")
        key, value = normal(2, (2, 4, key_dim), "torch-float32"), normal(3, (2, 4, 2), "torch-float32")
        attend(query, key, value, score=module).square().sum().backward()
        for parameter in module.parameters():
            assert parameter.grad.abs().sum() > 0

    def test_seeds(self, build, function, names, count, key_dim, unchecked):
        assert torch.equal(getattr(build(np.int64(3)), names[0]), getattr(build(3), names[0]))
        for seed in (None, 1.0, "1", True):
            with fails(TypeError, f"seed must be an integer, got {type(seed).__name__}"):
                build(seed)


def test_additives_matrices_are_drawn_one_after_the_other():
    module = Additive(3, 3, 5, seed=0)
    assert not torch.equal(module.query_weight, module.key_weight)


@pytest.mark.parametrize("kind", KINDS[3:])
def test_projected_keys_give_the_same(kind):
    module = Additive(3, 2, 5, seed=0).to(make(0.0, kind).dtype)
    query, key = normal(1, (2, 3, 3), kind), normal(2, (2, 4, 2), kind)
    projected = module.project_keys(key)
    assert tuple(projected.shape) == (2, 4, 5)
    assert is_kind(projected, wide_kind(kind))
    close(projected.detach(), plain(key) @ plain(module.key_weight).T, kind)
    for step in range(3):
        one = module.with_projected_keys(query[:, step : step + 1], projected)
        torch.testing.assert_close(one, module(query, key)[:, step : step + 1])
    value = normal(3, (2, 4, 6), kind)
    context = attend(query, projected, value, score=module.with_projected_keys)
    torch.testing.assert_close(context.to(value.dtype), attend(query, key, value, score=module))


def test_cosine_module():
    module = Cosine(sharpness=2.5)
    assert [name for name, _ in module.named_parameters()] == ["log_sharpness"]
    assert sum(parameter.numel() for parameter in module.parameters()) == 1
    query, key = normal(1, (2, 3, 4), "torch-float32"), normal(2, (5, 4), "torch-float32")
    torch.testing.assert_close(module(query, key), cosine(query, key, 2.5))
    torch.testing.assert_close(Cosine()(query, key), cosine(query, key))
    module(query, key).sum().backward()
    torch.testing.assert_close(module.log_sharpness.grad, 2.5 * cosine(query, key).sum())
    other = Cosine()
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(query, key), module(query, key))


def test_local_predictive_around_a_module_with_lengths():
    inner = General(3, 2, seed=1)
    module = LocalPredictive(3, 5, 2.0, score=inner, seed=0)
    assert sum(parameter.numel() for parameter in module.parameters()) == 20 + 6
    query, key = normal(1, (2, 3, 3), "torch-float32"), normal(2, (2, 6, 2), "torch-float32")
    lengths = torch.tensor([4, 6])
    expected = local_predictive(query, key, module.weight, module.vector, half_width=2.0, lengths=lengths, score=inner)
    assert torch.equal(module(query, key, lengths), expected)
    assert not torch.equal(module(query, key), expected)
    value, mask = normal(3, (2, 6, 2), "torch-float32"), padding_mask(lengths, 6)[:, None, :]
    context = attend(query, key, value, mask, score=partial(module, lengths=lengths))
    for number, length in enumerate([4, 6]):
        alone = attend(query[number], key[number, :length], value[number, :length], score=module)
        torch.testing.assert_close(context[number], alone)


# Seeds


def test_seeded_draws_from_the_seed_and_restores_the_global_generator():
    before = torch.get_rng_state()
    with _random.seeded(5):
        first = torch.rand(3)
    with _random.seeded(6):
        assert not torch.equal(torch.rand(3), first)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(RuntimeError, match="an error inside"), _random.seeded(5):
        raise RuntimeError(f"an error inside, after {torch.rand(3)}")
    assert torch.equal(torch.get_rng_state(), before)
    torch.random.manual_seed(5)
    assert torch.equal(torch.rand(3), first)
    torch.set_rng_state(before)


def test_a_given_generator_comes_back_and_goes_on(unchecked):
    with _random.seeded(np.int64(5)):
        first = torch.rand(3)
    rng = torch.Generator().manual_seed(5)
    assert _random.generator(rng) is rng
    assert torch.equal(torch.rand(3, generator=_random.generator(np.int64(5))), first)
    assert torch.equal(torch.rand(3, generator=rng), first)
    assert not torch.equal(torch.rand(3, generator=_random.generator(rng)), first)
    for seed in (None, 1.0, True):
        with fails(TypeError, f"seed must be an integer, got {type(seed).__name__}"):
            _random.generator(seed)
        with fails(TypeError, f"seed must be an integer, got {type(seed).__name__}"), _random.seeded(seed):
            pass


# Errors


@every
@pytest.mark.usefixtures("unchecked")
class TestErrorsOfEveryScore:
    def test_not_an_array(self, case):
        for place in range(len(arguments(case))):
            for wrong in ([[1.0]], None, "abc"):
                given = arguments(case, "numpy-float64")
                given[place] = wrong
                message = f"must be a NumPy array or a torch tensor, got {type(wrong).__name__}$"
                with pytest.raises(TypeError, match=message):
                    case.call(*given)

    @pytest.mark.parametrize("dtype", ["int64", "bool", "complex128"])
    @libraries
    def test_not_floating_point(self, case, dtype, library):
        for place in range(len(arguments(case))):
            given = arguments(case, f"{library}-float64")
            wrong = np.ones(tuple(given[place].shape), dtype=dtype)
            given[place] = torch.from_numpy(wrong) if library == "torch" else wrong
            with pytest.raises(TypeError, match=rf"^\w+ must hold floating-point numbers, got dtype {dtype};"):
                case.call(*given)

    def test_two_libraries(self, case):
        for place in range(len(arguments(case))):
            given = arguments(case, "numpy-float64")
            given[place] = torch.from_numpy(given[place])
            with pytest.raises(TypeError, match=r"^(\w+) is a torch tensor but (?!\1)\w+ is a NumPy array"):
                case.call(*given)

    def test_masked_arrays(self, case):
        given = arguments(case, "numpy-float64")
        given[1] = np.ma.array(given[1])
        with fails(TypeError, "key is a NumPy masked array"):
            case.call(*given)

    def test_one_vector_where_rows_are_due(self, case):
        query, key, *weights = arguments(case)
        with fails(ValueError, "query must have shape (..., query, query_dim), got (3,); for one number a row"):
            case.call(query[0, 0], key, *weights)
        with fails(ValueError, "key must have shape (..., key, key_dim), got ("):
            case.call(query, key[0, 0], *weights)

    def test_leading_dimensions(self, case):
        query, key, *weights = arguments(case)
        with fails(ValueError, "leading dimensions must broadcast: query has (3, 2) and key has (4, 2)"):
            case.call(query.expand(3, *query.shape), key.expand(4, *key.shape), *weights)

    def test_dims_that_differ(self, case):
        query, key, *weights = arguments(case)
        if case.one_dim:
            with fails(ValueError, "key has dim 2 but query has dim 3"):
                case.call(query, key[..., :2], *weights)
            with fails(ValueError, "query and key have dim 0: there is nothing to compare"):
                case.call(query[..., :0], key[..., :0], *(weight[..., :0] for weight in weights[:1]), *weights[1:])

    def test_weights_of_another_shape(self, case):
        given = arguments(case)
        for place in range(2, len(given)):
            wrong = list(given)
            for shape in [(9, 9), (9,), (), (2, 2, 2), (*given[place].shape[:-1], 9), (1,)]:
                wrong[place] = torch.ones(shape, dtype=torch.float64)
                with pytest.raises(ValueError, match=r"^\w+ must have shape \(\w+(, \w+|,)\) = \(\d+, ?\d*\), got \("):
                    case.call(*wrong)


@pytest.mark.usefixtures("unchecked")
class TestErrors:
    def test_weights(self):
        query, key = torch.ones(2, 3), torch.ones(4, 5)
        with fails(ValueError, "weight must have shape (query_dim, key_dim) = (3, 5), got (5, 3)"):
            general(query, key, torch.ones(5, 3))
        with fails(ValueError, "query_weight must have shape (hidden, query_dim) = (7, 3), got (7, 5)"):
            additive(query, key, torch.ones(7, 5), torch.ones(7, 5), torch.ones(7))
        with fails(ValueError, "key_weight must have shape (hidden, key_dim) = (7, 5), got (6, 5)"):
            additive(query, key, torch.ones(7, 3), torch.ones(6, 5), torch.ones(7))
        with fails(ValueError, "vector must have shape (hidden,) = (7,), got (1, 7)"):
            additive(query, key, torch.ones(7, 3), torch.ones(7, 5), torch.ones(1, 7))
        with fails(ValueError, "vector must have shape (hidden,) = (3,), got (7,)"):
            additive_projected(query, query, torch.ones(7))
        with fails(ValueError, "weight must have shape (hidden, query_and_key_dim) = (7, 8), got (7, 3)"):
            concat(query, key, torch.ones(7, 3), torch.ones(7))
        with fails(ValueError, "weight must have shape (max_length, query_dim) = (9, 3), got (9, 5)"):
            location(query, key, torch.ones(9, 5))
        with fails(ValueError, "weight must have shape (hidden, query_dim) = (7, 3), got (7, 4)"):
            predicted_centres(query, torch.ones(7, 4), torch.ones(7), 5)
        with fails(ValueError, "vector must have shape (hidden,) = (7,), got (6,)"):
            predicted_centres(query, torch.ones(7, 3), torch.ones(6), 5)

    def test_more_keys_than_positions(self):
        with fails(ValueError, "there are 4 keys but weight has rows for 3 positions"):
            location(np.ones((1, 2)), np.ones((4, 2)), np.ones((3, 2)))

    def test_sharpness(self):
        query = torch.ones(2, 3)
        with fails(ValueError, "leading dimensions must broadcast: sharpness has (3,) and query has (2,)"):
            cosine(query, query, torch.ones(3))
        with fails(TypeError, "sharpness must be a NumPy array or a torch tensor, got str"):
            cosine(query, query, "2")
        with fails(TypeError, "sharpness must hold floating-point numbers, got dtype int64"):
            cosine(query, query, torch.ones(2, dtype=torch.int64))
        with pytest.raises(TypeError, match=r"^query is a torch tensor but sharpness is a NumPy array"):
            cosine(query, query, np.ones(2))

    @pytest.mark.parametrize(
        "call",
        [
            lambda lengths: predicted_centres(torch.ones(2, 3, 4), torch.ones(5, 4), torch.ones(5), lengths),
            lambda lengths: local_predictive(
                torch.ones(2, 3, 4),
                torch.ones(2, 6, 4),
                torch.ones(5, 4),
                torch.ones(5),
                half_width=1.0,
                lengths=lengths,
            ),
        ],
    )
    def test_lengths(self, call):
        with fails(TypeError, "lengths must hold integers, got dtype float32"):
            call(torch.ones(2))
        with fails(TypeError, "lengths must hold integers, got dtype bool"):
            call(torch.ones(2).bool())
        for wrong in (2.0, [2, 3], True, "2"):
            with fails(TypeError, f"lengths must be a NumPy array or a torch tensor, got {type(wrong).__name__}"):
                call(wrong)
        with fails(TypeError, "query is a torch tensor but lengths is a NumPy array"):
            call(np.array([3, 4]))
        with fails(ValueError, "leading dimensions must broadcast: lengths has (3,) and query has (2,)"):
            call(torch.tensor([1, 2, 3]))
        assert same(call(np.int64(4)), call(4))

    def test_half_width(self):
        query, weight, vector = np.ones((2, 3)), np.ones((4, 3)), np.ones(4)
        scores, centres = np.ones((2, 5)), np.ones(2)

        def score(query, key):
            raise AssertionError("computed before it was checked")

        for call in (
            lambda width: local_gaussian(centres, 5, width),
            lambda width: local_weights(scores, centres, width),
            lambda width: local_predictive(query, query, weight, vector, half_width=width, score=score),
            lambda width: LocalPredictive(3, 4, width, seed=0),
        ):
            for number in (0, -1.0, NAN, INF):
                with fails(ValueError, f"half_width must be a positive finite number, got {number}"):
                    call(number)
            for thing in ("1", None, True, np.ones(1)):
                with fails(TypeError, f"half_width must be a number, got {type(thing).__name__}"):
                    call(thing)

    def test_local_predictive_checks_before_it_scores(self):
        def score(query, key):
            raise AssertionError("computed before it was checked")

        query = np.ones((2, 3))
        with fails(ValueError, "weight must have shape (hidden, query_dim) = (4, 3), got (4, 2)"):
            local_predictive(query, query, np.ones((4, 2)), np.ones(4), half_width=1.0, score=score)

    def test_local_gaussian(self):
        with fails(TypeError, "centres must hold floating-point numbers, got dtype int64"):
            local_gaussian(np.array([1]), 3, 1.0)
        with fails(TypeError, "centres must be a NumPy array or a torch tensor, got float"):
            local_gaussian(1.0, 3, 1.0)
        with fails(ValueError, "key_length must not be negative, got -1"):
            local_gaussian(np.ones(1), -1, 1.0)
        with fails(TypeError, "key_length must be an integer, got float"):
            local_gaussian(np.ones(1), 3.5, 1.0)

    def test_local_weights(self):
        with fails(ValueError, "scores must have shape (..., query, key), got (5,)"):
            local_weights(np.ones(5), np.ones(1), 1.0)
        with fails(TypeError, "scores must be a NumPy array or a torch tensor, got list"):
            local_weights([[1.0]], np.ones(1), 1.0)
        with fails(TypeError, "centres is a torch tensor but scores is a NumPy array"):
            local_weights(np.ones((1, 5)), torch.ones(1), 1.0)
        with fails(TypeError, "centres must hold floating-point numbers, got dtype int64"):
            local_weights(np.ones((1, 5)), np.ones(1, dtype=int), 1.0)
        with fails(TypeError, "scores must hold floating-point numbers, got dtype int64"):
            local_weights(np.ones((1, 5), dtype=int), np.ones(1), 1.0)
        with pytest.raises(ValueError, match=r"\(2, 5\).* does not broadcast to scores of shape \(1, 5\)"):
            local_weights(np.ones((1, 5)), np.ones(2), 1.0)

    def test_projected_keys(self):
        module = Additive(4, 6, 5, seed=0)
        with fails(ValueError, "key has dim 4 but the score takes 6"):
            module.project_keys(torch.ones(3, 4))
        with fails(ValueError, "key must have shape (..., key, key_dim), got (6,)"):
            module.project_keys(torch.ones(6))
        with fails(TypeError, "key must hold floating-point numbers, got dtype int64"):
            module.project_keys(torch.ones(3, 6, dtype=torch.int64))
        with pytest.raises(TypeError, match=r"^\w+ is a torch tensor but key is a NumPy array"):
            module.project_keys(np.ones((3, 6)))
        projected = module.project_keys(torch.ones(3, 6))
        with fails(ValueError, "query has dim 6 but the score takes 4"):
            module.with_projected_keys(torch.ones(2, 6), projected)
        with fails(ValueError, "query must have shape (..., query, query_dim), got (4,)"):
            module.with_projected_keys(torch.ones(4), projected)
        with fails(ValueError, "key has dim 6 but query has dim 5"):
            module.with_projected_keys(torch.ones(2, 4), torch.ones(3, 6))
        with fails(TypeError, "query must hold floating-point numbers, got dtype int64"):
            module.with_projected_keys(torch.ones(2, 4, dtype=torch.int64), projected)

    def test_sizes(self):
        builds = {
            "query_dim": [
                lambda n: General(n, 2, seed=0),
                lambda n: Additive(n, 2, 2, seed=0),
                lambda n: Concat(n, 2, 2, seed=0),
                lambda n: Location(n, 2, seed=0),
                lambda n: LocalPredictive(n, 2, 1.0, seed=0),
            ],
            "key_dim": [
                lambda n: General(2, n, seed=0),
                lambda n: Additive(2, n, 2, seed=0),
                lambda n: Concat(2, n, 2, seed=0),
            ],
            "hidden": [
                lambda n: Additive(2, 2, n, seed=0),
                lambda n: Concat(2, 2, n, seed=0),
                lambda n: LocalPredictive(2, n, 1.0, seed=0),
            ],
            "max_length": [lambda n: Location(2, n, seed=0)],
        }
        for name, calls in builds.items():
            for build in calls:
                for number in (0, -1):
                    with fails(ValueError, f"{name} must be at least 1, got {number}"):
                        build(number)
                for thing in (2.0, "2", None, True):
                    with fails(TypeError, f"{name} must be an integer, got {type(thing).__name__}"):
                        build(thing)
                assert build(np.int64(3)) is not None

    def test_the_cosine_modules_sharpness(self):
        for number in (0, -1.0, NAN, INF):
            with fails(ValueError, f"sharpness must be a positive finite number, got {number}"):
                Cosine(number)
        with fails(TypeError, "sharpness must be a number, got str"):
            Cosine("1")
