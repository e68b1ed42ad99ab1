"""The alignment task, against its description and scores that know the answer; the training, against Adam by hand."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from attnlib.alignment import OBJECTIVES, RELATIONS, AlignmentRun, alignment_task, train_alignment
from attnlib.scores import General, Location, dot, general

sizes = st.integers(1, 5)
lengths = st.integers(1, 12)
dims = st.integers(4, 11)
seeds = st.integers(0, 1000)
relations = st.sampled_from(RELATIONS)
every_relation = pytest.mark.parametrize("relation", RELATIONS)
every_objective = pytest.mark.parametrize("objective", OBJECTIVES)

QUIET = 1e-6
"""A noise so small that what is left of a query is what it means."""


def raises(message, error=ValueError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def turn_of(dim, language=0):
    """Return M, read off noiseless queries."""
    query, key, gold = alignment_task(64, 8, dim, noise=QUIET, language=language, seed=0)
    words = dim // 2
    wanted = key[..., :words].gather(1, gold[..., None].expand(-1, -1, words))
    return torch.linalg.lstsq(wanted.flatten(0, 1), query[..., :words].flatten(0, 1)).solution.T


def accuracy(scores, gold):
    return (scores.argmax(dim=-1) == gold).float().mean().item()


def by_distance(query, key, turn):
    """Score as the noise asks for it: by how far the query lies from where the word would have put it."""
    words = turn.shape[0]
    return -torch.cdist(query[..., :words], key[..., :words] @ turn.T).square()


# The task


@given(sizes, lengths, dims, relations, seeds)
def test_shapes_and_the_alignment(batch, length, dim, relation, seed):
    query, key, gold = alignment_task(batch, length, dim, relation=relation, seed=seed)
    assert query.shape == key.shape == (batch, length, dim)
    assert gold.shape == (batch, length)
    assert (query.dtype, key.dtype, gold.dtype) == (torch.float32, torch.float32, torch.int64)
    assert torch.equal(gold.sort(dim=-1).values, torch.arange(length).expand(batch, length))
    assert ((gold - torch.arange(length)).abs() <= 2).all()


@given(sizes, lengths, dims, relations, seeds)
def test_every_vector_ends_in_one_and_keys_know_no_place(batch, length, dim, relation, seed):
    query, key, _ = alignment_task(batch, length, dim, relation=relation, seed=seed)
    assert (query[..., -1] == 1).all()
    assert (key[..., -1] == 1).all()
    assert (key[..., dim // 2 : -1] == 0).all()


@given(sizes, lengths, dims, st.sampled_from(["direction", "place", "repeat"]), seeds)
def test_words_have_the_length_of_unit_variance(batch, length, dim, relation, seed):
    _, key, _ = alignment_task(batch, length, dim, relation=relation, seed=seed)
    norms = key[..., : dim // 2].norm(dim=-1)
    torch.testing.assert_close(norms, torch.full_like(norms, math.sqrt(dim // 2)))


@pytest.mark.parametrize("dim", [4, 7, 16])
def test_queries_hold_their_word_turned_by_one_orthogonal_matrix(dim):
    turn = turn_of(dim)
    torch.testing.assert_close(turn @ turn.T, torch.eye(dim // 2), atol=1e-4, rtol=0)
    for relation, seed in [("direction", 5), ("degree", 6), ("repeat", 7)]:
        query, key, gold = alignment_task(3, 6, dim, relation=relation, noise=QUIET, seed=seed)
        for b in range(3):
            for i in range(6):
                expected = turn @ key[b, gold[b, i], : dim // 2]
                torch.testing.assert_close(query[b, i, : dim // 2], expected, atol=1e-3, rtol=0)


@every_relation
def test_queries_hold_the_code_of_their_place(relation):
    one, _, _ = alignment_task(2, 6, 9, relation=relation, noise=QUIET, seed=0)
    other, _, _ = alignment_task(2, 6, 9, relation=relation, noise=QUIET, seed=1)
    code = one[0, :, 4:-1]
    torch.testing.assert_close(code.norm(dim=-1), torch.full((6,), 2.0), atol=1e-4, rtol=0)
    for queries in (*one, *other):
        torch.testing.assert_close(queries[:, 4:-1], code, atol=1e-4, rtol=0)
    assert torch.cdist(code, code)[~torch.eye(6, dtype=torch.bool)].min() > 0.1


@given(sizes, st.integers(2, 12), dims, seeds)
def test_degrees_are_the_same_evenly_spaced_ones_in_every_sentence(batch, length, dim, seed):
    _, key, _ = alignment_task(batch, length, dim, relation="degree", seed=seed)
    degrees = key[..., 0].sort(dim=-1).values
    torch.testing.assert_close(degrees, torch.linspace(-4, 4, length).expand(batch, length))
    assert (key[..., 1 : dim // 2] == 0).all()


@given(sizes, lengths, dims, seeds)
def test_repeated_words_stand_in_both_halves(batch, length, dim, seed):
    _, key, _ = alignment_task(batch, length, dim, relation="repeat", seed=seed)
    half = math.ceil(length / 2)
    assert torch.equal(key[:, half:], key[:, : length - half])
    first = key[:, :half, : dim // 2]
    if dim >= 8:
        assert torch.cdist(first, first)[:, ~torch.eye(half, dtype=torch.bool)].gt(0).all()


def test_places_belong_to_the_language():
    def alignments(seed, language):
        return alignment_task(4, 9, 8, relation="place", language=language, seed=seed)[2]

    assert torch.equal(alignments(0, 3), alignments(1, 3))
    assert (alignments(0, 3) == alignments(0, 3)[:1]).all()
    assert not torch.equal(alignments(0, 3), alignments(0, 4))
    changing = alignment_task(4, 9, 8, relation="direction", language=3, seed=0)[2]
    assert not (changing == changing[:1]).all()


def test_matrices_lean_to_no_side():
    traces = torch.stack([turn_of(8, language=language).trace() for language in range(200)])
    assert abs(traces.mean().item()) < 4 / math.sqrt(200)
    assert traces.std().item() == pytest.approx(1, abs=0.2)


def test_languages_differ():
    assert not torch.allclose(turn_of(8, language=1), turn_of(8, language=2), atol=0.1)


@every_relation
@pytest.mark.parametrize("noise", [0.2, 1.5])
def test_noise_has_its_standard_deviation(relation, noise):
    arguments = {"relation": relation, "language": 2, "seed": 3}
    noisy, _, _ = alignment_task(400, 10, 9, noise=noise, **arguments)
    quiet, _, _ = alignment_task(400, 10, 9, noise=QUIET, **arguments)
    difference = (noisy - quiet)[..., :-1]
    assert difference.std().item() == pytest.approx(noise, rel=0.03)
    assert difference.mean().item() == pytest.approx(0, abs=0.03 * noise)
    columns = difference.flatten(0, 1)
    assert torch.corrcoef(columns.T).sub(torch.eye(8)).abs().max() < 0.1


def test_in_place_queries_hold_no_word():
    query, _, _ = alignment_task(400, 10, 9, relation="place", noise=0.3, seed=0)
    assert query[..., :4].std().item() == pytest.approx(0.3, rel=0.05)


# Who can solve it


@pytest.mark.parametrize(("relation", "least"), [("direction", 0.99), ("degree", 0.95)])
def test_distance_solves_what_the_words_decide(relation, least):
    query, key, gold = alignment_task(200, 10, 16, relation=relation, seed=1)
    assert accuracy(by_distance(query, key, turn_of(16)), gold) > least


def test_a_bilinear_score_solves_direction():
    weight = torch.zeros(16, 16)
    weight[:8, :8] = turn_of(16)
    query, key, gold = alignment_task(200, 10, 16, seed=1)
    exact = (query @ weight @ key.mT).softmax(dim=-1)
    by_noise = by_distance(query, key, turn_of(16)).mul(0.5).softmax(dim=-1)
    torch.testing.assert_close(exact, by_noise, atol=1e-4, rtol=1e-3)
    assert accuracy(exact, gold) > 0.99


@settings(max_examples=30)
@given(st.integers(2, 9), seeds)
def test_no_bilinear_score_finds_more_than_the_two_ends_of_a_line(length, seed):
    rng = torch.Generator().manual_seed(seed)
    query, key, gold = alignment_task(20, length, 8, relation="degree", seed=rng)
    scores = general(query, key, torch.randn(8, 8, generator=rng))
    assert accuracy(scores, gold) <= 2 / length + 1e-6
    ends = key[..., 0].gather(1, scores.argmax(dim=-1)).abs()
    torch.testing.assert_close(ends, torch.full_like(ends, 4.0))


def test_words_alone_find_a_repeated_word_half_of_the_time_and_places_tell_which():
    query, key, gold = alignment_task(400, 10, 16, relation="repeat", seed=1)
    words = by_distance(query, key, turn_of(16))
    best = words.topk(2, dim=-1).indices
    assert (best == gold[..., None]).any(dim=-1).float().mean() > 0.99
    near = (torch.arange(10)[:, None] - torch.arange(10)).abs() <= 2
    assert accuracy(words.masked_fill(~near, -torch.inf), gold) > 0.99
    guess = best.gather(-1, torch.randint(2, (400, 10, 1), generator=torch.Generator().manual_seed(0)))
    assert (guess[..., 0] == gold).float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_a_table_of_places_solves_place_and_nothing_of_the_keys_does():
    query, key, gold = alignment_task(400, 10, 16, relation="place", seed=1)
    code = alignment_task(1, 10, 16, relation="place", noise=QUIET, seed=0)[0][0, :, 8:-1]
    whose = torch.cdist(query[..., 8:-1], code.expand(400, -1, -1)).argmin(dim=-1)
    assert (gold[0][whose] == gold).float().mean() > 0.99
    assert accuracy(by_distance(query, key, turn_of(16)), gold) == pytest.approx(0.1, abs=0.03)


@every_relation
def test_guessing_is_right_once_in_length_times(relation):
    rng = torch.Generator().manual_seed(0)
    run = train_alignment(
        lambda query, key: torch.rand(*query.shape[:-1], key.shape[-2], generator=rng),
        8,
        6,
        relation=relation,
        updates=0,
        seed=0,
    )
    assert run.accuracy == pytest.approx(1 / 8, abs=0.02)


# Training


class Recorder(nn.Module):
    """Knows M, multiplies its score by one learned number, and keeps what it is given."""

    def __init__(self, dim, scale=1.0):
        super().__init__()
        self.turn, self.seen = turn_of(dim), []
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, query, key):
        self.seen.append((query, key))
        return self.scale * by_distance(query, key, self.turn)


def test_scores_from_one_seed_see_the_same_sentences():
    def sentences(scale):
        score = Recorder(8, scale)
        train_alignment(score, 5, 8, updates=4, every=2, batch=7, seed=3)
        return score.seen

    rng = torch.Generator().manual_seed(3)
    watched, unseen = (alignment_task(batch, 5, 8, seed=rng) for batch in (100, 1000))
    batches = [alignment_task(7, 5, 8, seed=rng) for _ in range(4)]
    expected = [watched, batches[0], batches[1], watched, batches[2], batches[3], watched, unseen]
    for scale in (1.0, -2.0):
        for seen, (query, key, _) in zip(sentences(scale), expected, strict=True):
            assert torch.equal(seen[0], query)
            assert torch.equal(seen[1], key)


@every_relation
def test_accuracy_is_that_of_the_score(relation):
    weight = torch.randn(8, 8, generator=torch.Generator().manual_seed(1))

    def score(query, key):
        return general(query, key, weight)

    run = train_alignment(score, 6, 8, relation=relation, updates=3, every=1, seed=5, noise=0.4, language=2)
    rng = torch.Generator().manual_seed(5)
    watched, unseen = (
        alignment_task(batch, 6, 8, relation=relation, noise=0.4, language=2, seed=rng) for batch in (100, 1000)
    )
    assert run.accuracy == accuracy(score(*unseen[:2]), unseen[2])
    assert run.accuracies == [accuracy(score(*watched[:2]), watched[2])] * 4


@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
def test_updates_to_is_the_first_measurement_at_the_target(target):
    run = train_alignment(General(8, 8, seed=0), 6, 8, updates=60, learning_rate=0.1, target=target, every=4, seed=0)
    assert len(run.accuracies) == 16
    reached = [4 * number for number, seen in enumerate(run.accuracies) if seen >= target]
    assert run.updates_to == (reached[0] if reached else None)


def test_a_target_that_is_not_reached():
    assert train_alignment(dot, 6, 8, updates=10, seed=0).updates_to is None


def losses_by_hand(score, batches, objective):
    for query, key, gold in batches:
        weights = score(query, key).softmax(dim=-1)
        total = 0.0
        for b in range(len(gold)):
            for i in range(gold.shape[1]):
                if objective == "alignment":
                    total -= weights[b, i, gold[b, i]].log()
                else:
                    total += (weights[b, i] @ key[b] - key[b, gold[b, i]]).square().mean()
        yield total / gold.numel()


@every_objective
def test_training_is_adam_on_the_loss(objective):
    score, other = General(6, 6, seed=1), General(6, 6, seed=1)
    arguments = {"objective": objective, "updates": 4, "batch": 3, "learning_rate": 0.1, "seed": 2}
    run = train_alignment(score, 5, 6, **arguments)
    rng = torch.Generator().manual_seed(2)
    for batch in (100, 1000):
        alignment_task(batch, 5, 6, seed=rng)
    optimizer = torch.optim.Adam(other.parameters(), lr=0.1)
    expected = []
    for loss in losses_by_hand(other, (alignment_task(3, 5, 6, seed=rng) for _ in range(4)), objective):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    assert run.losses == pytest.approx(expected, rel=1e-4)
    # The last column meets the 1 of every key, moves all scores of a row alike, and has rounding for a gradient.
    torch.testing.assert_close(score.weight[:, :-1], other.weight[:, :-1], rtol=1e-3, atol=1e-4)


def test_a_key_that_is_shut_out_costs_twenty_and_pulls_at_nothing():
    scale = nn.Parameter(torch.tensor(1.0))

    class FirstOnly(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = scale

        def forward(self, query, key):
            scores = self.scale * torch.zeros(*query.shape[:-1], key.shape[-2])
            return scores.masked_fill(torch.arange(key.shape[-2]) > 0, -torch.inf)

    run = train_alignment(FirstOnly(), 4, 8, updates=1, seed=0)
    assert run.losses == [pytest.approx(20 * 3 / 4)]
    assert scale.item() == 1.0


@pytest.mark.parametrize(
    ("relation", "make", "least"),
    [
        ("direction", lambda: General(16, 16, seed=0), 0.95),
        ("place", lambda: Location(16, max_length=10, seed=0), 0.95),
    ],
)
def test_training_improves(relation, make, least):
    before = train_alignment(make(), 10, 16, relation=relation, updates=0, seed=0)
    after = train_alignment(make(), 10, 16, relation=relation, updates=40, learning_rate=0.1, seed=0)
    assert before.accuracy < 0.3
    assert after.accuracy > least
    assert after.losses[-1] < 0.2 * after.losses[0]


def test_training_through_the_context_finds_the_alignment():
    run = train_alignment(General(8, 8, seed=0), 6, 8, objective="context", updates=80, learning_rate=0.1, seed=0)
    assert run.accuracy > 0.85


def test_what_a_run_holds():
    run = train_alignment(General(8, 8, seed=0), 6, 8, updates=7, every=3, seed=0)
    assert isinstance(run, AlignmentRun)
    assert len(run.losses) == 7
    assert len(run.accuracies) == 3
    assert run.seconds > 0
    untrained = train_alignment(General(8, 8, seed=0), 6, 8, updates=0, seed=0)
    assert (untrained.losses, untrained.seconds, len(untrained.accuracies)) == ([], 0.0, 1)


def test_no_updates_leave_the_score_and_some_change_it():
    score = General(8, 8, seed=0)
    before = score.weight.clone()
    train_alignment(score, 6, 8, updates=0, seed=0)
    assert torch.equal(score.weight, before)
    train_alignment(score, 6, 8, updates=1, seed=0)
    assert not torch.equal(score.weight, before)


# Seeds


@every_relation
def test_same_seed_same_sentences_and_the_global_generator_untouched(relation):
    state = torch.get_rng_state()
    one, again, other = (alignment_task(3, 6, 8, relation=relation, seed=seed) for seed in (5, 5, 6))
    for tensor, same, different in zip(one[:2], again[:2], other[:2], strict=True):
        assert torch.equal(tensor, same)
        assert not torch.equal(tensor, different)
    train_alignment(General(8, 8, seed=0), 6, 8, relation=relation, updates=2, seed=0)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_generator_goes_on_where_it_is():
    rng = torch.Generator().manual_seed(3)
    first, second = (alignment_task(2, 5, 8, seed=rng)[0] for _ in range(2))
    assert torch.equal(first, alignment_task(2, 5, 8, seed=3)[0])
    assert not torch.equal(first, second)


def test_training_repeats():
    def run(seed):
        score = General(8, 8, seed=0)
        return train_alignment(score, 6, 8, updates=5, seed=seed)._replace(seconds=0.0), score.weight

    (one, weight), (two, same) = run(1), run(1)
    assert one == two
    assert torch.equal(weight, same)
    assert one != run(2)[0]


def test_numpy_integers_pass(unchecked):
    one = alignment_task(np.int64(2), np.int32(5), np.int64(8), language=np.int64(1), seed=np.int64(3))
    for tensor, same in zip(one, alignment_task(2, 5, 8, language=1, seed=3), strict=True):
        assert torch.equal(tensor, same)


# What they refuse

TASK = {"batch": 2, "length": 5, "dim": 8, "seed": 0}
TRAINING = {"length": 5, "dim": 8, "updates": 1, "seed": 0}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"length": 0}, "length must be at least 1, got 0"),
        ({"dim": 0}, "dim must be at least 1, got 0"),
        ({"dim": 3}, "dim must be at least 4, got 3"),
        ({"relation": "linear"}, "relation must be one of direction, degree, place, repeat, got 'linear'"),
        ({"noise": 0.0}, "noise must be a positive finite number, got 0.0"),
        ({"noise": math.inf}, "noise must be a positive finite number, got inf"),
    ],
)
def test_both_refuse(wrong, message):
    with raises(message):
        alignment_task(**(TASK | wrong))
    with raises(message):
        train_alignment(dot, **(TRAINING | wrong))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"updates": -1}, "updates must be at least 0, got -1"),
        ({"every": 0}, "every must be at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be a positive finite number, got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be a positive finite number, got nan"),
        ({"objective": "labels"}, "objective must be one of alignment, context, got 'labels'"),
    ],
)
def test_train_alignment_refuses(wrong, message):
    with raises(message):
        train_alignment(dot, **(TRAINING | wrong))


@pytest.mark.parametrize("name", ["batch", "length", "dim", "language", "seed"])
@pytest.mark.parametrize("wrong", [2.0, "2", None])
def test_sizes_and_seeds_that_are_no_integers(name, wrong, unchecked):
    with raises(f"{name} must be an integer, got {type(wrong).__name__}", TypeError):
        alignment_task(**(TASK | {name: wrong}))


@pytest.mark.parametrize("name", ["updates", "every", "length", "batch"])
def test_counts_that_are_no_integers(name, unchecked):
    with raises(f"{name} must be an integer, got float", TypeError):
        train_alignment(dot, **(TRAINING | {name: 2.0}))
