r"""A task that asks each word for two things at once, so that heads can be counted in it.

A sentence is a ring of n words. Each carries a cargo, a name, and the name of another word that it asks for; and it
knows its place. Its answer is made of two cargoes, side by side: the one of the word before it, and the one of the
word that it asks for. Both are found by a query and a key, but never in one place.
"""

import time
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnlib._arrays import require_integers, require_positive, require_sizes
from attnlib._random import generator

LOOKUPS = ("before", "asked for")
"""The two things that each word has to find, in the order of the answer's halves."""


class Lookups(NamedTuple):
    """What :func:`two_lookups` draws and explains."""

    words: Float[Tensor, "batch length dim"]
    cargo: Float[Tensor, "batch length part"]
    gold: Int[Tensor, "batch length 2"]


def two_lookups(batch: int, length: int, *, places: bool = True, seed: int | torch.Generator) -> Lookups:
    r"""Draw sentences in which each word has two words to find.

    .. math:: x_i = [v_i;\ \mathrm{name}_i;\ \mathrm{asked}_i;\ \mathrm{place}_i], \qquad
              y_i = [v_{i - 1};\ v_{m(i)}], \qquad \mathrm{name}_{m(i)} = \mathrm{asked}_i

    The cargo v has 3n independent numbers, drawn from the normal distribution. Name, asked and place are one-hot
    vectors of n numbers, so that words and answers are both 6n wide. Names are dealt anew in each sentence, no two
    words alike. A word may ask for any word but the one before it. The word before the first is the last.

    Parameters
    ----------
    batch, length : int
        Number of sentences, and of words n in each, at least 2.
    places : bool
        Whether words know their places; otherwise zeros stand for them.
    seed : int or torch.Generator
        What the sentences are drawn from. A generator goes on from where it is.

    Returns
    -------
    words : (batch, length, 6 length)
    cargo : (batch, length, 3 length)
    gold : (batch, length, 2)
        Places of the word before and of the word asked for.

    Raises
    ------
    TypeError
        If a size or the seed is not an integer.
    ValueError
        If batch is below 1, or length below 2.

    Examples
    --------
    >>> words, cargo, gold = two_lookups(batch=2, length=4, seed=0)
    >>> words.shape, cargo.shape
    (torch.Size([2, 4, 24]), torch.Size([2, 4, 12]))
    >>> gold[0, :, 0]
    tensor([3, 0, 1, 2])
    """
    require_sizes(batch=batch, length=length)
    if length < 2:
        raise ValueError(f"length must be at least 2, got {length}")
    rng = generator(seed)
    cargo = torch.randn(batch, length, 3 * length, generator=rng)
    name = torch.rand(batch, length, generator=rng).argsort(dim=-1)
    before = (torch.arange(length) - 1) % length
    sought = (before + torch.randint(1, length, (batch, length), generator=rng)) % length
    codes = torch.eye(length)
    place = codes if places else torch.zeros_like(codes)
    parts = [cargo, codes[name], codes[name.gather(1, sought)], place.expand(batch, -1, -1)]
    return Lookups(torch.cat(parts, dim=-1), cargo, torch.stack([before.expand(batch, -1), sought], dim=-1))


class LookupScore(NamedTuple):
    """How well both look-ups are done, as :func:`score_lookups` measures it."""

    explained: tuple[float, float]
    accuracy: tuple[float, float]


@torch.no_grad()
def score_lookups(
    model: nn.Module, length: int, *, sentences: int = 1000, places: bool = True, seed: int | torch.Generator
) -> LookupScore:
    r"""Measure each look-up on fresh sentences.

    .. math:: \text{explained} = 1 - \frac{\sum \lVert \hat y - y \rVert^2}{\sum \lVert y \rVert^2}

    over the half of the answers that belongs to the look-up: 1 is perfect, 0 is an answer of zeros.

    Parameters
    ----------
    model : words -> answers
        Module that maps (batch, length, 6 length) to the same shape.
    length, places, seed
        As for :func:`two_lookups`.
    sentences : int

    Returns
    -------
    explained : (float, float)
    accuracy : (float, float)
        Share of answers that are nearer to the cargo of the right word than to that of any other word of the sentence.
        Guessing gives 1 / length.

    Examples
    --------
    >>> score_lookups(torch.nn.Identity(), length=8, sentences=200, seed=0).accuracy[0] < 0.2
    True
    """
    require_sizes(sentences=sentences)
    words, cargo, gold = two_lookups(sentences, length, places=places, seed=seed)
    answers, wanted = _answers(model, words), _wanted(cargo, gold)
    left = (answers - wanted).square().sum(dim=(0, 1, 3)) / wanted.square().sum(dim=(0, 1, 3))
    nearest = torch.cdist(answers.flatten(1, 2), cargo).argmin(dim=-1).unflatten(1, (length, 2))
    right = (nearest == gold).float().mean(dim=(0, 1))
    return LookupScore(tuple((1 - left).tolist()), tuple(right.tolist()))


class LookupRun(NamedTuple):
    """What came of a training by :func:`train_lookups`, which explains the fields."""

    explained: tuple[float, float]
    accuracy: tuple[float, float]
    losses: list[float]
    seconds: float


def train_lookups(
    model: nn.Module,
    length: int,
    *,
    updates: int,
    seed: int,
    batch: int = 64,
    learning_rate: float = 3e-2,
    places: bool = True,
) -> LookupRun:
    r"""Train a module on :func:`two_lookups`, and measure both look-ups.

    .. math:: L = \frac{1}{6 B n^2} \sum_{b,i} \lVert \hat y_{bi} - y_{bi} \rVert^2

    Every update draws a new batch and takes one step of Adam, whose step size falls linearly to zero. The module is
    changed where it is, on the CPU. Modules that are trained from the same seed see the same batches.

    Parameters
    ----------
    model : words -> answers
        Module that maps (batch, length, 6 length) to the same shape.
    length, places
        As for :func:`two_lookups`.
    updates : int
        Number of batches; 0 measures the module as it is.
    seed : int
        What training and test sentences are drawn from.
    batch : int
        Sentences per update.
    learning_rate : float
        Adam's first step size.

    Returns
    -------
    explained, accuracy : (float, float)
        Of :func:`score_lookups`, on 1000 sentences that training hasn't seen.
    losses : list of float
        Before each update.
    seconds : float
        What the updates took, without drawing sentences and measuring.

    Raises
    ------
    TypeError, ValueError
        As :func:`two_lookups`; also if the updates are negative, the learning rate is not positive and finite, or the
        answers don't have the shape of the words.

    Examples
    --------
    >>> from attnlib.multihead import MultiHeadAttention
    >>> attention = MultiHeadAttention(dim=24, heads=2, seed=0)
    >>> run = train_lookups(attention, length=4, updates=5, seed=0)
    >>> len(run.losses), len(run.explained)
    (5, 2)
    """
    require_sizes(length=length, batch=batch)
    require_positive("learning_rate", learning_rate)
    require_integers(updates=updates)
    if updates < 0:
        raise ValueError(f"updates must be at least 0, got {updates}")
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda update: 1 - update / max(1, updates))
    rng = generator(seed)
    unseen = torch.Generator().manual_seed(int(torch.randint(2**31, (), generator=rng)))
    losses, seconds = [], 0.0
    for _ in range(updates):
        words, cargo, gold = two_lookups(batch, length, places=places, seed=rng)
        start = time.perf_counter()
        loss = nn.functional.mse_loss(_answers(model, words), _wanted(cargo, gold))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        seconds += time.perf_counter() - start
    return LookupRun(*score_lookups(model, length, places=places, seed=unseen), losses, seconds)


def _answers(model: nn.Module, words: Tensor) -> Float[Tensor, "batch length 2 part"]:
    answers = model(words)
    if answers.shape != words.shape:
        raise ValueError(f"answers must have the shape of the words, {tuple(words.shape)}, got {tuple(answers.shape)}")
    return answers.unflatten(-1, (2, -1))


def _wanted(cargo: Tensor, gold: Tensor) -> Float[Tensor, "batch length 2 part"]:
    sentence = torch.arange(len(cargo))[:, None, None]
    return cargo[sentence, gold]
