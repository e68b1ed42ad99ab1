"""A task in which a score has to find the word that each query is after, made so that scores differ in it.

Sentences are drawn fresh, and only what stays the same from sentence to sentence can be learned: the relation between
a query and the key that it is after.

===============  =====================================================  =================================
relation         a query is after                                       which score can express it
===============  =====================================================  =================================
``"direction"``  the word whose vector points its way                   a bilinear one
``"degree"``     the word nearest to it, of words along a line          one that has a peak, as `additive`
``"place"``      the word in the place that belongs to its own          one that looks at places
``"repeat"``     as ``"direction"``, where each word stands twice       one that looks at words and places
===============  =====================================================  =================================
"""

import math
import time
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnlib._arrays import require_integers, require_positive, require_sizes
from attnlib._random import generator
from attnlib.attention import attend
from attnlib.scores import Score
from attnlib.softmax import log_softmax

RELATIONS = ("direction", "degree", "place", "repeat")
"""What a query can be after; :func:`alignment_task` explains them."""

OBJECTIVES = ("alignment", "context")
"""What can be lowered; :func:`train_alignment` explains them."""

_LEAST_LOG_WEIGHT = -20.0
_STEEPEST_DEGREE = 4.0


def alignment_task(
    batch: int,
    length: int,
    dim: int,
    *,
    relation: str = "direction",
    noise: float = 0.2,
    language: int = 0,
    seed: int | torch.Generator,
) -> tuple[Float[Tensor, "batch length dim"], Float[Tensor, "batch length dim"], Int[Tensor, "batch length"]]:
    r"""Draw sentences of keys, and for each key a query that is after it.

    .. math:: k_j = [x_j; 0; 1], \qquad q_i = [M x_{g(i)} + \varepsilon_i; c_i + \varepsilon'_i; 1]

    Word vectors x have ⌊d/2⌋ numbers. The orthogonal matrix M and the codes c_i of the places are fixed by the
    ``language``; ε is noise. The alignment g is a permutation that moves a word by two places at most, and another
    one in each sentence.

    ``"direction"``
        x_j is drawn from the sphere of radius √⌊d/2⌋, so that its components have mean 0 and variance 1. Given the
        query, the probability of key j is the softmax of x_j · Mᵀ(M x + ε) / noise²: a bilinear score is exact.
    ``"degree"``
        All words lie on one line, x_j = t_j (1, 0, ..., 0), with the t_j evenly spaced from -4 to 4 and shuffled. For
        a given query a bilinear score is linear in t, so that one of the two ends wins.
    ``"place"``
        As ``"direction"``, but g is fixed by the language, and the query holds nothing but noise in the place of the
        word: keys tell nothing about it.
    ``"repeat"``
        As ``"direction"``, but the words of the first half stand in the second half again, in the same order.

    Parameters
    ----------
    batch, length, dim : int
        Number of sentences, words in each, and width d of queries and keys, at least 4.
    relation : str
        ``"direction"``, ``"degree"``, ``"place"`` or ``"repeat"``.
    noise : float
        Standard deviation of each component of ε.
    language : int
        Seed of M, of the codes and of the alignment of ``"place"``.
    seed : int or torch.Generator
        What the sentences are drawn from. A generator goes on from where it is.

    Returns
    -------
    query, key : (batch, length, dim)
    gold : (batch, length)
        gold[b, i] is the key that query i of sentence b is after.

    Raises
    ------
    TypeError
        If a size, the language or the seed is not an integer, or the noise not a number.
    ValueError
        If a size is below 1, the dim below 4, the relation unknown, or the noise not positive and finite.

    Examples
    --------
    >>> query, key, gold = alignment_task(batch=2, length=5, dim=8, seed=0)
    >>> query.shape, key.shape
    (torch.Size([2, 5, 8]), torch.Size([2, 5, 8]))
    >>> gold[0]
    tensor([0, 2, 1, 3, 4])
    """
    require_sizes(batch=batch, length=length, dim=dim)
    require_integers(language=language)
    _require_task(dim, relation, noise)
    words, codes = dim // 2, dim - dim // 2 - 1
    fixed, rng = generator(language), generator(seed)
    turn = _orthogonal(words, fixed)
    code = _on_sphere(length, codes, rng=fixed)
    alignment = _reordering(1, length, fixed)

    gold = alignment.expand(batch, length) if relation == "place" else _reordering(batch, length, rng)
    word = _words(batch, length, words, relation, rng)
    wanted = word.gather(1, gold[..., None].expand(word.shape)) @ turn.T
    if relation == "place":
        wanted = torch.zeros_like(wanted)
    meant = torch.cat([wanted, code.expand(batch, -1, -1)], dim=-1)
    noisy = meant + noise * torch.randn(meant.shape, generator=rng)
    one = torch.ones(batch, length, 1)
    return (
        torch.cat([noisy, one], dim=-1),
        torch.cat([word, torch.zeros(batch, length, codes), one], dim=-1),
        gold,
    )


class AlignmentRun(NamedTuple):
    """What came of a training by :func:`train_alignment`, which explains the fields."""

    accuracy: float
    updates_to: int | None
    seconds: float
    losses: list[float]
    accuracies: list[float]


def train_alignment(
    score: Score,
    length: int,
    dim: int,
    *,
    relation: str = "direction",
    objective: str = "alignment",
    updates: int,
    seed: int,
    batch: int = 32,
    learning_rate: float = 1e-2,
    noise: float = 0.2,
    language: int = 0,
    target: float = 0.9,
    every: int = 5,
) -> AlignmentRun:
    r"""Train a score on :func:`alignment_task`, and measure how often its largest weight is on the right key.

    .. math:: L = -\frac{1}{B n} \sum_{b,i} \log w_{b,i,g(i)} \qquad \text{or} \qquad
              L = \frac{1}{B n d} \sum_{b,i} \Big\lVert \sum_j w_{bij} k_{bj} - k_{b,g(i)} \Big\rVert^2

    The first is the objective ``"alignment"``, for which the right keys have to be known; no logarithm counts below
    -20, where a window shuts the right key out. The second, ``"context"``, sees the weights through the weighted sum
    alone, as attention inside a network does.

    Every update draws a new batch and takes one step of Adam. A score without parameters is measured as it is. The
    score is changed where it is, on whatever device. Scores that are trained from the same seed see the same batches.

    Parameters
    ----------
    score : (query, key) -> scores
        Function or module.
    length, dim, relation, noise, language
        As for :func:`alignment_task`.
    objective : str
        ``"alignment"`` or ``"context"``.
    updates : int
        Number of batches; 0 measures the score as it is.
    seed : int
        What training and test sentences are drawn from.
    batch : int
        Sentences per update.
    learning_rate : float
        Adam's step size.
    target : float
        The accuracy that ``updates_to`` waits for.
    every : int
        Number of updates from one measurement of the accuracy to the next.

    Returns
    -------
    accuracy : float
        Share of the queries of 1000 fresh sentences whose largest weight is on the right key. Guessing gives
        1 / ``length``.
    updates_to : int or None
        After how many updates the accuracy on 100 other sentences was first measured to be at ``target`` or above.
    seconds : float
        What the updates took, without drawing sentences and measuring accuracies.
    losses : list of float
        Before each update.
    accuracies : list of float
        On the 100 sentences, after 0, ``every``, 2 ``every``, ... updates.

    Raises
    ------
    TypeError, ValueError
        As :func:`alignment_task`; also if the updates are negative, ``every`` is below 1, the learning rate is not
        positive and finite, or the objective is unknown.

    Examples
    --------
    >>> from attnlib.scores import General, dot
    >>> train_alignment(General(8, 8, seed=0), length=6, dim=8, updates=60, learning_rate=0.1, seed=0).accuracy > 0.9
    True
    >>> run = train_alignment(dot, length=6, dim=8, updates=60, seed=0)
    >>> run.accuracy < 0.5, run.updates_to
    (True, None)
    """
    require_sizes(length=length, dim=dim, batch=batch, every=every)
    _require_task(dim, relation, noise)
    require_positive("learning_rate", learning_rate)
    require_integers(updates=updates)
    if updates < 0:
        raise ValueError(f"updates must be at least 0, got {updates}")
    if objective not in OBJECTIVES:
        raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}, got {objective!r}")
    parameters = list(score.parameters()) if isinstance(score, nn.Module) else []
    device = parameters[0].device if parameters else torch.device("cpu")
    optimizer = torch.optim.Adam(parameters, lr=learning_rate) if parameters else None
    rng = generator(seed)

    def draw(sentences: int) -> list[Tensor]:
        task = alignment_task(sentences, length, dim, relation=relation, noise=noise, language=language, seed=rng)
        return [tensor.to(device) for tensor in task]

    watched, unseen = draw(100), draw(1000)
    seconds, losses, accuracies = 0.0, [], []
    for update in range(updates):
        if update % every == 0:
            accuracies.append(_accuracy(score, *watched))
        query, key, gold = draw(batch)
        start = time.perf_counter()
        loss = _loss(score, query, key, gold, objective)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
        seconds += time.perf_counter() - start
    if updates % every == 0:
        accuracies.append(_accuracy(score, *watched))
    reached = [number * every for number, accuracy in enumerate(accuracies) if accuracy >= target]
    return AlignmentRun(_accuracy(score, *unseen), min(reached, default=None), seconds, losses, accuracies)


def _loss(score: Score, query: Tensor, key: Tensor, gold: Tensor, objective: str) -> Float[Tensor, ""]:
    if objective == "alignment":
        log_weights = log_softmax(score(query, key)).gather(-1, gold[..., None])
        return -log_weights.clamp(min=_LEAST_LOG_WEIGHT).mean()
    wanted = key.gather(1, gold[..., None].expand(key.shape))
    return nn.functional.mse_loss(attend(query, key, key, score=score), wanted)


@torch.no_grad()
def _accuracy(score: Score, query: Tensor, key: Tensor, gold: Tensor) -> float:
    return (score(query, key).argmax(dim=-1) == gold).float().mean().item()


def _words(batch: int, length: int, width: int, relation: str, rng: torch.Generator) -> Tensor:
    if relation == "degree":
        order = torch.rand(batch, length, generator=rng).argsort(dim=-1)
        degrees = torch.linspace(-_STEEPEST_DEGREE, _STEEPEST_DEGREE, length)[order]
        return nn.functional.pad(degrees[..., None], (0, width - 1))
    if relation == "repeat":
        half = -(-length // 2)
        return _on_sphere(batch, half, width, rng=rng)[:, torch.arange(length) % half]
    return _on_sphere(batch, length, width, rng=rng)


def _on_sphere(*shape: int, rng: torch.Generator) -> Tensor:
    """Draw vectors of the length that makes the mean square of their components 1."""
    return math.sqrt(shape[-1]) * nn.functional.normalize(torch.randn(shape, generator=rng), dim=-1)


def _orthogonal(size: int, rng: torch.Generator) -> Tensor:
    """Draw an orthogonal matrix from the uniform distribution; the signs are needed for that."""
    orthogonal, triangular = torch.linalg.qr(torch.randn(size, size, generator=rng))
    return orthogonal * triangular.diagonal().sign()


def _reordering(batch: int, length: int, rng: torch.Generator) -> Int[Tensor, "batch length"]:
    """Draw permutations that move nothing by more than two places."""
    return (torch.arange(length) + 3 * torch.rand(batch, length, generator=rng)).argsort(dim=-1)


def _require_task(dim: int, relation: str, noise: float) -> None:
    if dim < 4:
        raise ValueError(f"dim must be at least 4, got {dim}")
    if relation not in RELATIONS:
        raise ValueError(f"relation must be one of {', '.join(RELATIONS)}, got {relation!r}")
    require_positive("noise", noise)
