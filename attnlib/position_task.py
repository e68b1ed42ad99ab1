r"""Three tasks in which it matters where a word stands, and a network of one layer to be trained on them.

Words are drawn at random, and at each place the network has to say one of those that it has read so far:

============  ========================================  =====================================================
task          what is to be said                        what it takes
============  ========================================  =====================================================
``"back"``    the word :data:`BACK` places back         a distance
``"second"``  the second word of the sentence           a place, counted from the beginning
``"recent"``  the last word that was a marked one       a kind of word, and the nearest of its kind
============  ========================================  =====================================================

The network reads from left to right, so what it says at a place is what it would say at the end of a sentence of that
length: one long sentence tests all lengths.
"""

import time
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnlib._arrays import require_integers, require_positive, require_sizes
from attnlib._layers import projection
from attnlib._random import generator
from attnlib.masks import causal_mask
from attnlib.multihead import MultiHeadAttention
from attnlib.positions import RelativeScheme

TASKS = ("back", "second", "recent")
"""What can be asked for; :func:`position_task` explains them."""

BACK = 3
"""How many places back the word stands that ``"back"`` asks for."""

UNASKED = -100
"""What stands in ``gold`` where nothing is asked; torch's losses leave it out."""


def position_task(
    batch: int, length: int, *, task: str, vocab: int = 12, marked: int = 3, seed: int | torch.Generator
) -> tuple[Int[Tensor, "batch length"], Int[Tensor, "batch length"]]:
    r"""Draw sentences, and for each place the word to be said there.

    ``"back"``
        :math:`y_i = x_{i-3}`, asked from place 3 on. Only the distance tells.
    ``"second"``
        :math:`y_i = x_1`, asked from place 2 on. Only the place, counted from the beginning, tells.
    ``"recent"``
        :math:`y_i = x_j`, with j the largest number up to i for which x_j is a marked word; asked where there is one.
        The kind of word tells which keys come into question, and the distance which of them is meant.

    Parameters
    ----------
    batch, length : int
        Number of sentences, and words in each.
    task : str
        One of :data:`TASKS`.
    vocab : int
        Number of words, each as likely as the others.
    marked : int
        How many of them are marked: those with ids below ``marked``.
    seed : int or torch.Generator
        What the words are drawn from. A generator goes on from where it is.

    Returns
    -------
    words, gold : (batch, length)
        Ids; :data:`UNASKED` in ``gold`` where nothing is asked.

    Raises
    ------
    TypeError
        If a size or the seed is not an integer.
    ValueError
        If a size is below 1, more words are marked than there are, or the task is unknown.

    Examples
    --------
    >>> words, gold = position_task(batch=1, length=6, task="back", seed=0)
    >>> words
    tensor([[8, 3, 5, 0, 7, 3]])
    >>> gold
    tensor([[-100, -100, -100,    8,    3,    5]])
    """
    require_sizes(batch=batch, length=length, vocab=vocab, marked=marked)
    if marked > vocab:
        raise ValueError(f"marked must be at most vocab, {vocab}, got {marked}")
    _require_task(task)
    words = torch.randint(vocab, (batch, length), generator=generator(seed))
    place = torch.arange(length)
    if task == "back":
        asked = (place - BACK).expand(batch, -1)
    elif task == "second":
        asked = torch.where(place > 1, 1, -1).expand(batch, -1)
    else:
        asked = torch.where(words < marked, place, -1).cummax(dim=1).values
    return words, words.gather(1, asked.clamp(min=0)).where(asked >= 0, UNASKED)


class Reader(nn.Module):
    r"""One layer of causal attention that says a word at each place.

    .. math:: z_i = E_{x_i} + p_i, \qquad \mathrm{logits}_i =
              W\,\mathrm{norm}\bigl(z_i + \operatorname{MultiHead}(\mathrm{norm}(z))_i\bigr) + b

    The vectors p_i are there if the scheme adds some; otherwise the scheme acts inside attention.

    Parameters
    ----------
    vocab, dim, heads : int
        Number of words, width of the vectors, heads.
    positions : Module or None
        A :class:`~attnlib.positions.RelativeScheme`, or a module that makes one vector a position, as
        :class:`~attnlib.positions.Sinusoidal` and :class:`~attnlib.positions.Learned`. None: nothing is told.
    seed : int or torch.Generator
        What the other weights are drawn from.

    Raises
    ------
    TypeError, ValueError
        If a size or the seed is no integer, a size is below 1, or the heads can't share dim evenly.

    Examples
    --------
    >>> from attnlib.positions import Rotary
    >>> Reader(vocab=12, dim=8, heads=2, positions=Rotary(), seed=0)(torch.tensor([[4, 0, 7]])).shape
    torch.Size([1, 3, 12])
    """

    def __init__(
        self, vocab: int, dim: int, heads: int, *, positions: nn.Module | None = None, seed: int | torch.Generator
    ):
        super().__init__()
        require_sizes(vocab=vocab, dim=dim, heads=heads)
        rng = generator(seed)
        scheme = positions if isinstance(positions, RelativeScheme) else None
        self.embedding = nn.Embedding(vocab, dim, _weight=torch.randn(vocab, dim, generator=rng))
        self.added = positions if scheme is None else None
        self.attention = MultiHeadAttention(dim, heads, positions=scheme, seed=rng)
        self.before, self.after = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.output = projection(dim, vocab, True, rng)

    def forward(
        self, words: Int[Tensor, "batch length"], *, return_weights: bool = False
    ) -> Float[Tensor, "batch length vocab"] | tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """Return the logits of each place, and the weights (batch, heads, query, key) if asked for."""
        vectors = self.embedding(words)
        if self.added is not None:
            vectors = vectors + self.added(torch.arange(words.shape[1], device=words.device))
        mask = causal_mask(words.shape[1], like=words)
        attended = self.attention(self.before(vectors), mask=mask, return_weights=return_weights)
        context, *weights = attended if return_weights else (attended,)
        logits = self.output(self.after(vectors + context))
        return (logits, *weights) if return_weights else logits


class PositionRun(NamedTuple):
    """What came of a training by :func:`train_reader`, which explains the fields."""

    accuracy: Float[Tensor, "length"]
    losses: list[float]
    seconds: float


def train_reader(
    model: nn.Module,
    task: str,
    *,
    length: int = 16,
    test_length: int = 48,
    updates: int,
    batch: int = 32,
    learning_rate: float = 1e-2,
    vocab: int = 12,
    marked: int = 3,
    seed: int,
) -> PositionRun:
    r"""Train a network on sentences of one length, and test it at every place of longer ones.

    .. math:: L = -\frac{1}{N} \sum_{b,i} \log p(y_{b,i} \mid x_{b,0}, \dots, x_{b,i})

    over the N places where something is asked. Every update draws a new batch and takes one step of Adam. The network
    is changed where it is. Networks trained from the same seed see the same sentences.

    Parameters
    ----------
    model : Module
        From words (batch, length) to logits (batch, length, vocab), as :class:`Reader`.
    task, vocab, marked
        As for :func:`position_task`.
    length, test_length : int
        Words of a sentence, in training and in the test.
    updates : int
        Number of batches; 0 tests the network as it is.
    batch : int
        Sentences per update.
    learning_rate : float
        Adam's step size.
    seed : int
        What all sentences are drawn from.

    Returns
    -------
    accuracy : (test_length,)
        Share of right words at each place of 500 sentences; NaN where none of them asks.
    losses : list of float
        Before each update.
    seconds : float
        What the updates took.

    Raises
    ------
    TypeError, ValueError
        As :func:`position_task`; also if the updates are negative, or the learning rate is not positive and finite.

    Examples
    --------
    >>> from attnlib.positions import Sinusoidal
    >>> model = Reader(vocab=12, dim=32, heads=4, positions=Sinusoidal(32), seed=0)
    >>> run = train_reader(model, "back", updates=80, seed=0)
    >>> run.accuracy[BACK:16].min() > 0.9, run.accuracy[32:].max() < 0.9
    (tensor(True), tensor(True))
    """
    require_sizes(length=length, test_length=test_length, batch=batch)
    require_integers(updates=updates)
    if updates < 0:
        raise ValueError(f"updates must be at least 0, got {updates}")
    require_positive("learning_rate", learning_rate)
    rng = generator(seed)
    drawing = {"task": task, "vocab": vocab, "marked": marked, "seed": rng}
    unseen = position_task(500, test_length, **drawing)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    losses, start = [], time.perf_counter()
    for _ in range(updates):
        words, gold = position_task(batch, length, **drawing)
        logits = model(words)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), gold.flatten(), ignore_index=UNASKED)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return PositionRun(_accuracy(model, *unseen), losses, time.perf_counter() - start)


@torch.no_grad()
def _accuracy(model: nn.Module, words: Tensor, gold: Tensor) -> Float[Tensor, "length"]:
    asked = gold != UNASKED
    right = (model(words).argmax(dim=-1) == gold) & asked
    return right.sum(dim=0) / asked.sum(dim=0)


def _require_task(task: str) -> None:
    if task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
