"""One training loop for every translator of the book, on one device or several.

A model is trained by :func:`train` if it has ``features(source, target_in, *, teacher_forcing, generator)``, the rows
that its last linear layer ``output`` turns into logits. Losses are in nats per target word, the end of the sentence
being one; padding is no word and costs no arithmetic in the last layer.

Every draw of an update (dropout, teacher forcing) comes from the seed, the number of the update and the process. That
is why a training that was interrupted goes on exactly as it would have without.
"""

import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm

from attnlib._arrays import require_first_derivative, require_integers, require_positive, require_sizes
from attnlib._checkpoints import read_checkpoint, require_same, write_checkpoint
from attnlib._interrupts import Interrupt
from attnlib.symbols import PAD

SCHEDULES = ("constant", "inverse_sqrt")
"""How the learning rate can change; :func:`learning_rate_at` explains them."""

PRECISIONS = ("no", "bf16", "fp16")
"""Kinds of mixed precision."""

_MAY_CHANGE = frozenset({"updates", "patience", "checkpoint_every", "checkpoint_minutes"})
"""What of a configuration may differ when a training goes on: no loss depends on it."""

_RECENT = 50
"""Over how many updates the bar takes its means."""


# What to do


@dataclass(frozen=True)
class TeacherForcing:
    r"""A probability of teacher forcing that falls, or rises, in a straight line.

    .. math:: p(t) = p_1 + (p_0 - p_1) \max(0, 1 - t / T)

    Here t is the number of updates done, p₀ the ``start``, p₁ the ``end`` and T the number of ``updates`` from one
    to the other.

    References
    ----------
    Bengio et al. (2015), "Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks", arXiv
    1506.03099, section 2.4, linear decay.

    Examples
    --------
    >>> decay = TeacherForcing(start=1.0, end=0.5, updates=100)
    >>> decay.at(0), decay.at(50), decay.at(1000)
    (1.0, 0.75, 0.5)
    """

    start: float = 1.0
    end: float = 0.5
    updates: int = 1000

    def __post_init__(self) -> None:
        _require_probability("start", self.start)
        _require_probability("end", self.end)
        require_sizes(updates=self.updates)

    def at(self, update: int) -> float:
        """Return the probability after that number of updates."""
        return self.end + (self.start - self.end) * max(0.0, 1 - update / self.updates)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How to train; plain data, checked when it is made.

    Parameters
    ----------
    updates : int
        How many times the weights are changed, once per batch.
    learning_rate : float
        Adam's step size; with a schedule, the largest one.
    schedule : str
        ``"constant"`` or ``"inverse_sqrt"``; see :func:`learning_rate_at`.
    warmup : int
        Updates in which the learning rate rises in a straight line.
    clip_norm : float or None
        A gradient longer than this is shortened to it; None leaves gradients alone.
    label_smoothing : float
        Share of the probability that is spread over the vocabulary; see :func:`smoothed_cross_entropy`.
    teacher_forcing : float or TeacherForcing
        Probability with which the decoder reads the known right word instead of its own last one.
    betas : tuple of two floats
        How slowly Adam's two means forget.
    weight_decay : float
        Above 0, AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) takes Adam's place.
    evaluate_every : int or None
        Updates from one held-out loss to the next; None takes one at the end of every epoch. There is always one after
        the last update.
    patience : int or None
        Training stops when so many held-out losses in a row were no better than the best; None never stops early.
    average : int
        Above 1, the mean of the weights at the last so many held-out losses is tried at the end, and kept if its own
        held-out loss is below the best (Vaswani et al. 2017, section 6.1, take the last 5 checkpoints).
    checkpoint_every : int or None
        Updates from one checkpoint to the next; None leaves it to the minutes.
    checkpoint_minutes : float or None
        Minutes from one checkpoint to the next; None leaves it to the updates.
    mixed_precision : str
        ``"no"``, ``"bf16"`` or ``"fp16"`` (GPU only): the kind of number in matrix products. Losses and weights are
        kept in the model's own.
    seed : int
        What dropout and teacher forcing draw from. The order of the batches is their own affair.

    Raises
    ------
    TypeError, ValueError
        If a field is not of its kind or out of range.

    Examples
    --------
    >>> TrainingConfig(updates=1000, learning_rate=2e-3, teacher_forcing=0.5).clip_norm
    1.0
    """

    updates: int
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warmup: int = 0
    clip_norm: float | None = 1.0
    label_smoothing: float = 0.0
    teacher_forcing: float | TeacherForcing = 1.0
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    evaluate_every: int | None = None
    patience: int | None = None
    average: int = 1
    checkpoint_every: int | None = None
    checkpoint_minutes: float | None = 10.0
    mixed_precision: str = "no"
    seed: int = 0

    def __post_init__(self) -> None:
        require_sizes(updates=self.updates, average=self.average)
        require_positive("learning_rate", self.learning_rate)
        _require_one_of("schedule", self.schedule, SCHEDULES)
        _require_one_of("mixed_precision", self.mixed_precision, PRECISIONS)
        _require_at_least_zero(warmup=self.warmup, weight_decay=self.weight_decay)
        require_integers(warmup=self.warmup, seed=self.seed)
        _require_share("label_smoothing", self.label_smoothing)
        if not isinstance(self.teacher_forcing, TeacherForcing):
            _require_probability("teacher_forcing", self.teacher_forcing)
        if not isinstance(self.betas, tuple) or len(self.betas) != 2:
            raise TypeError(f"betas must be a tuple of two numbers, got {self.betas!r}")
        for name, beta in zip(("the first of betas", "the second of betas"), self.betas, strict=True):
            _require_share(name, beta)
        for name in ("evaluate_every", "patience", "checkpoint_every"):
            if getattr(self, name) is not None:
                require_sizes(**{name: getattr(self, name)})
        for name in ("clip_norm", "checkpoint_minutes"):
            if getattr(self, name) is not None:
                require_positive(name, getattr(self, name))


def learning_rate_at(config: TrainingConfig, update: int) -> float:
    r"""Return the learning rate of an update, the first of which is number 1.

    .. math:: \eta_t = \eta \min(1, t / W) \qquad \text{or} \qquad \eta_t = \eta \min(t / W, \sqrt{W / t})

    The first is ``"constant"``, the second ``"inverse_sqrt"``, which falls after its peak η at t = W. W is the
    ``warmup``, taken to be at least 1.

    References
    ----------
    Vaswani et al. (2017), "Attention Is All You Need", arXiv 1706.03762, equation 3: the second, with
    η = (d W)^(-1/2) for a model of width d.

    Examples
    --------
    >>> config = TrainingConfig(updates=1000, learning_rate=0.1, schedule="inverse_sqrt", warmup=100)
    >>> [round(learning_rate_at(config, update), 3) for update in (1, 50, 100, 400)]
    [0.001, 0.05, 0.1, 0.05]
    """
    require_sizes(update=update)
    warmup = max(1, config.warmup)
    fall = math.sqrt(warmup / update) if config.schedule == "inverse_sqrt" else 1.0
    return float(config.learning_rate) * min(update / warmup, fall)


# What is lowered


@runtime_checkable
class Epochs(Protocol):
    """What gives the batches of an epoch, the same ones for the same number."""

    def epoch(self, number: int) -> Iterable:
        """Return the epoch's batches (source, target) in their order."""


def smoothed_cross_entropy(
    logits: Float[Tensor, "*batch vocab"],
    gold: Int[Tensor, "*batch"],
    smoothing: float = 0.0,
    *,
    reduction: Literal["mean", "sum"] = "mean",
) -> Float[Tensor, ""]:
    r"""Return the cross-entropy between the right words, a little of which is spread over the vocabulary, and a model.

    .. math:: L = -\frac{1}{N} \sum_{i:\, y_i \neq \text{PAD}} \sum_{v} q_i(v) \log p_i(v), \qquad
              q_i(v) = (1 - \varepsilon)\, [v = y_i] + \frac{\varepsilon}{V - 1}\, [v \neq \text{PAD}]

    Here p is the softmax of the logits, y the right words, V the size of the vocabulary and N the number of right
    words that are no padding; no other position counts. PAD is nothing that a decoder should say: it gets none of the
    ε. With ε = 0 this is ``torch.nn.functional.cross_entropy(..., ignore_index=PAD)``. With ε > 0 torch's own
    ``label_smoothing`` differs: it spreads ε over all V words, PAD among them.

    Parameters
    ----------
    logits : (..., vocab)
        Half-precision ones are turned into float32 first.
    gold : (...)
        Ids of the right words.
    smoothing : float
        ε, at least 0 and below 1.
    reduction : str
        ``"mean"`` is the formula; ``"sum"`` leaves the 1/N out.

    Returns
    -------
    loss : ()
        In nats. The mean over no word at all is NaN.

    Raises
    ------
    TypeError, ValueError
        If the smoothing is out of range, the reduction unknown, or the vocabulary too small to smooth over.

    References
    ----------
    Szegedy et al. (2016), "Rethinking the Inception Architecture for Computer Vision", arXiv 1512.00567, section 7.

    Examples
    --------
    >>> logits, gold = torch.tensor([[0.0, 2.0, 1.0], [0.0, 0.0, 0.0]]), torch.tensor([1, PAD])
    >>> smoothed_cross_entropy(logits, gold)
    tensor(0.4076)
    >>> smoothed_cross_entropy(logits, gold, 0.1)
    tensor(0.4576)
    """
    _require_share("smoothing", smoothing)
    _require_one_of("reduction", reduction, ("mean", "sum"))
    vocab = logits.shape[-1]
    rows, gold = logits.reshape(-1, vocab), gold.reshape(-1)
    rows = rows.float() if rows.dtype in (torch.float16, torch.bfloat16) else rows
    if smoothing == 0:
        return cross_entropy(rows, gold, ignore_index=PAD, reduction=reduction)
    if vocab < 2:
        raise ValueError(f"logits has vocab {vocab}: there is no word but PAD to spread the smoothing over")
    counts = gold != PAD
    total = _SmoothedLoss.apply(rows, gold, smoothing).masked_fill(~counts, 0.0).sum()
    return total / counts.sum() if reduction == "mean" else total


class _SmoothedLoss(torch.autograd.Function):
    """The smoothed cross-entropy of each row. Its gradient, p - q, is written over p: there are many words."""

    @staticmethod
    def forward(ctx, rows, gold, smoothing):
        others = rows.shape[-1] - 1  # all but PAD
        log_p = rows.log_softmax(dim=-1)
        right = log_p.gather(-1, gold[:, None])[:, 0]
        spread = log_p[:, PAD + 1 :].sum(dim=-1) / others
        ctx.smoothing = smoothing
        ctx.save_for_backward(log_p, gold)
        return -((1 - smoothing) * right + smoothing * spread)

    @staticmethod
    def backward(ctx, gradient):
        require_first_derivative("take smoothing 0")
        log_p, gold = ctx.saved_tensors
        share = ctx.smoothing / (log_p.shape[-1] - 1)
        rows = log_p.exp().sub_(share)
        rows[:, PAD] += share
        rows.scatter_add_(-1, gold[:, None], torch.full_like(rows[:, :1], ctx.smoothing - 1))
        return rows.mul_(gradient[:, None]), None, None


def held_out_loss(model: nn.Module, batches: Epochs | Iterable) -> float:
    r"""Return the mean cross-entropy per word of sentences that the model didn't learn from, in nats.

    .. math:: L = -\frac{1}{N} \sum_{s} \sum_{i} \log p(y_{si} \mid y_{s1} \dots y_{s,i-1}, x_s)

    The decoder reads the right words (teacher forcing 1), nothing is dropped out or smoothed, and padding is no word.
    How the sentences are divided into batches makes no difference. The model comes back in the mode that it was in.

    Parameters
    ----------
    model : torch.nn.Module
        A translator, on any device.
    batches : Batches or iterable of (source, target)
        With a method ``epoch``, its epoch 0 is taken.

    Raises
    ------
    ValueError
        If there is no word in the batches.

    Examples
    --------
    >>> from attnlib.seq2seq import Seq2Seq, Seq2SeqConfig
    >>> model = Seq2Seq(Seq2SeqConfig(source_vocab=6, target_vocab=6, embedding_dim=4, hidden_dim=4), seed=0)
    >>> batches = [(torch.tensor([[4, 5]]), torch.tensor([[1, 5, 4, 2]]))]
    >>> 0.5 < held_out_loss(model, batches) / math.log(6) < 1.5  # untrained, about a guess among all words
    True
    """
    return _held_out_loss(model, batches, _device_of(model))


def average_weights(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    r"""Return the mean of several weights of one model: checkpoint averaging.

    .. math:: \bar\theta = \frac{1}{n} \sum_{j=1}^{n} \theta_j

    Parameters
    ----------
    states : sequence of state dicts
        As ``model.state_dict()`` gives them, of one model at several times.

    Returns
    -------
    state : dict
        With the dtypes of the first; sums are taken in float64, and what is no floating-point number is the last one's.

    Raises
    ------
    ValueError
        If there is none, or they have not the same tensors.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, section 6.1.

    Examples
    --------
    >>> average_weights([{"w": torch.tensor([1.0, 2.0])}, {"w": torch.tensor([3.0, 4.0])}])
    {'w': tensor([2., 3.])}
    """
    if not states:
        raise ValueError("there are no weights to average")
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in states]
    if any(each != shapes[0] for each in shapes):
        raise ValueError("weights of one model have the same names and shapes, and these have not")
    return {
        name: torch.stack([state[name].double() for state in states]).mean(dim=0).to(tensor.dtype)
        if tensor.is_floating_point()
        else states[-1][name]
        for name, tensor in states[0].items()
    }


def perplexity(loss: float) -> float:
    """Return exp(loss), for a loss in nats per word: among how many equally likely words it leaves the model.

    Examples
    --------
    >>> round(perplexity(math.log(20)), 9)
    20.0
    """
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


# What came of it


class Evaluation(NamedTuple):
    """A held-out loss, in nats per word, and the number of updates after which it was taken."""

    update: int
    loss: float


@dataclass
class History:
    """What happened in a training, update by update; plain numbers that can be saved as JSON.

    Parameters
    ----------
    losses : list of float
        Of each update's batch before the update, in nats per word, with teacher forcing, dropout and smoothing.
    words : list of int
        Target words of each batch.
    seconds : list of float
        From the start of training to the end of each update, without the time between an interruption and going on.
    learning_rates, gradient_norms : list of float
        The norm is that before clipping; in ``"fp16"`` it is infinite where an update was left out.
    evaluations : list of Evaluation
        Held-out losses.
    stopped : str or None
        Why training stopped: ``"updates"`` (all done), ``"patience"`` (no more progress) or ``"interrupted"``
        (Ctrl-C); None as long as it runs.
    averaged : float or None
        Held-out loss of the mean of the last weights; None if there was none to be tried.

    Examples
    --------
    >>> history = History(losses=[3.0, 2.0], words=[9, 7], seconds=[0.1, 0.2], evaluations=[Evaluation(2, 2.5)])
    >>> history.updates, history.best
    (2, Evaluation(update=2, loss=2.5))
    >>> History.from_dict(history.to_dict()) == history
    True
    """

    losses: list[float] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    stopped: str | None = None
    averaged: float | None = None

    @property
    def updates(self) -> int:
        """Number of updates done."""
        return len(self.losses)

    @property
    def best(self) -> Evaluation | None:
        """The first evaluation with the lowest held-out loss; None before there is one."""
        return min(self.evaluations, key=lambda evaluation: evaluation.loss, default=None)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it."""
        return self.stopped == "interrupted"

    def to_dict(self) -> dict:
        """Return everything as lists and numbers that JSON can hold; an infinite norm becomes None."""
        content = {part.name: getattr(self, part.name) for part in fields(self)}
        norms = [norm if math.isfinite(norm) else None for norm in self.gradient_norms]
        return {**content, "gradient_norms": norms, "evaluations": [list(each) for each in self.evaluations]}

    @classmethod
    def from_dict(cls, content: dict) -> "History":
        """Return the history that :meth:`to_dict` made a dictionary of."""
        norms = [math.inf if norm is None else norm for norm in content["gradient_norms"]]
        evaluations = [Evaluation(int(update), float(loss)) for update, loss in content["evaluations"]]
        return cls(**{**content, "gradient_norms": norms, "evaluations": evaluations})


# The loop


def train(
    model: nn.Module,
    batches: Epochs | Iterable,
    *,
    config: TrainingConfig,
    valid: Epochs | Iterable | None = None,
    checkpoint: str | os.PathLike | None = None,
    progress: bool = True,
    callback: Callable[[History], object] | None = None,
) -> History:
    """Train a translator where it is, and return what happened.

    The model goes to the device that ``accelerate`` picks, a GPU where there is one, and stays there. With ``valid``
    it ends with the weights of the best held-out loss, else with the last ones; in either case in evaluation mode. With
    ``config.average`` that may be the mean of the last weights.
    torch's own random generators are left as they were.

    **Checkpoints.** With a path in ``checkpoint``, all that is needed to go on is written there from time to time and
    at the end. If the file is there already, training goes on from it, and gives the losses and weights that it would
    have given without the interruption, bit by bit on a CPU. ``updates`` and ``patience`` may be larger then, to train
    longer.

    **Ctrl-C.** The update at work is finished, a checkpoint is written, and the history comes back with ``stopped``
    equal to ``"interrupted"``, so that a notebook or a program can go on with what there is: the model with its last
    weights. Pressed a second time, it raises KeyboardInterrupt at once; the checkpoint is the old one or the new one,
    whole in either case.

    **Several processes.** Started by ``accelerate launch`` or ``torchrun``, every process takes some of the sentences
    of each batch, and their gradients are summed and divided by the words of the whole batch: any number of processes
    gives the same losses, up to rounding, unless the model has dropout, which each process draws for itself. Teacher
    forcing is the same if the model draws it as one ``torch.rand(batch, length)``. Process 0 alone shows progress and
    writes.

    Parameters
    ----------
    model : torch.nn.Module
        A translator: ``features(source, target_in, *, teacher_forcing, generator)`` and ``output``, a linear layer.
    batches : Batches, or list of (source, target)
        With a method ``epoch(number)`` that gives the batches of an epoch; a list is the same in every epoch. Source
        ids (batch, key); target ids (batch, length) that begin with BOS; both padded with PAD.
    config : TrainingConfig
    valid : like ``batches``, or None
        What the held-out loss is taken on.
    checkpoint : path or None
    progress : bool
        Whether to show a bar with the loss, the target words per second and the time left.
    callback : function of a History, or None
        Called after every update, and after the held-out loss where there is one. A KeyboardInterrupt that it raises
        counts as Ctrl-C.

    Returns
    -------
    history : History

    Raises
    ------
    FloatingPointError
        If the loss or the gradient is NaN or infinite. The model keeps the weights from before that update.
    MemoryError
        If a batch doesn't fit into the memory.
    ValueError
        If there are no batches, a patience but nothing to evaluate on, or the checkpoint is damaged or comes from
        another model, configuration or other batches.

    Examples
    --------
    >>> class Copier(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.table = nn.Embedding.from_pretrained(torch.eye(6))
    ...         self.output = nn.Linear(6, 6)
    ...
    ...     def features(self, source, target_in, *, teacher_forcing=1.0, generator=None):
    ...         return self.table(source)
    >>> words = torch.tensor([[4, 5], [5, 4]])
    >>> pairs = [(words, torch.cat([torch.ones(2, 1, dtype=torch.int64), words], dim=1))]
    >>> config = TrainingConfig(updates=100, learning_rate=0.1)
    >>> with torch.random.fork_rng():
    ...     model = Copier()
    >>> history = train(model, pairs, config=config, progress=False)
    >>> history.losses[-1] < 0.1 < history.losses[0]
    True
    """
    if config.patience is not None and valid is None:
        raise ValueError("config has a patience but there is no held-out loss to wait for; pass valid=")
    if config.average > 1 and valid is None:
        raise ValueError("config averages the weights at the last held-out losses but there are none; pass valid=")
    path = None if checkpoint is None else _writable(Path(checkpoint))
    with _accelerator(config.mixed_precision) as accelerator, Interrupt() as interrupt:
        run = _Run(model, config, accelerator)
        if path is not None and path.exists():
            run.restore(path)
        saved_at = time.monotonic()
        with _bar(run, shown=progress and accelerator.is_main_process) as bar:
            stream = _stream(batches, run.epoch, run.position, run.history.words)
            while not run.finished():
                last = run.take(next(stream), interrupt)
                if valid is not None and run.evaluation_due(last):
                    run.evaluate(valid)
                _show(bar, run.history)
                _call(callback, run.history, interrupt)
                if run.asked_to_stop(interrupt):
                    run.history.stopped = "interrupted"
                elif path is not None and not run.finished() and run.checkpoint_due(time.monotonic() - saved_at):
                    run.save(path)
                    saved_at = time.monotonic()
        if path is not None:
            run.save(path)
        accelerator.wait_for_everyone()
        run.close(valid)
    if run.history.interrupted and bar is not None:
        kept = "nothing is saved" if path is None else f"{path} holds all that is needed to go on"
        tqdm.write(f"interrupted after update {run.history.updates}; {kept}", file=sys.stderr)
    return run.history


class _Taken(NamedTuple):
    """A batch, its place, and whether it is the last of its epoch."""

    batch: tuple[Tensor, Tensor]
    epoch: int
    position: int
    last: bool


class _Run:
    """The state of a training, and what can happen to it."""

    def __init__(self, model: nn.Module, config: TrainingConfig, accelerator: Accelerator) -> None:
        self.model, self.config, self.accelerator = model, config, accelerator
        self.history, self.best_weights, self.recent_weights = History(), None, []
        self.epoch = self.position = 0
        self.others_stop = False
        model.to(accelerator.device).train()
        if accelerator.num_processes > 1:
            for tensor in model.state_dict().values():
                tensor.copy_(broadcast(tensor))
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not self.parameters:
            raise ValueError("model has no parameters to train")
        self.optimiser = _optimiser(self.parameters, config, accelerator.device)
        if accelerator.scaler is not None:  # accelerate's wrapper searches for packages at every step, so not always
            self.optimiser = accelerator.prepare(self.optimiser)
        self.before, self.started = 0.0, time.monotonic()

    # One update

    def take(self, taken: _Taken, interrupt: Interrupt) -> bool:
        """Change the weights once, by a batch; tell whether it was the last of its epoch."""
        batch, update = taken.batch, self.history.updates + 1
        words = _words(batch)
        rate = learning_rate_at(self.config, update)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with _hint_if_out_of_memory(update, batch):
            self.model.zero_grad()
            loss = self._loss(batch, words, update)
            if loss is not None:
                self.accelerator.backward(loss)
            loss = self._sum_over_processes(loss, interrupt)
            norm = self.accelerator.clip_grad_norm_(self.parameters, self.config.clip_norm or math.inf)
            loss, norm = torch.stack([loss.detach(), norm.to(loss.dtype)]).tolist()
            self._require_finite(loss, norm, update)
            self.optimiser.step()
        self.epoch, self.position = (taken.epoch + 1, 0) if taken.last else (taken.epoch, taken.position + 1)
        self._record(loss, words, rate, norm)
        return taken.last

    def _loss(self, batch: tuple[Tensor, Tensor], words: int, update: int) -> Tensor | None:
        """Return this process's part of the loss; None where no sentence is left for it."""
        device, rank, world = self.accelerator.device, self.accelerator.process_index, self.accelerator.num_processes
        first, end = (len(batch[0]) * part // world for part in (rank, rank + 1))
        source, target = (tensor[first:end] for tensor in batch)
        if len(source) == 0:
            return None
        forcing = self.config.teacher_forcing
        coins = torch.Generator().manual_seed(_seed_of(self.config.seed, update))
        if first:
            torch.rand(first, target.shape[1] - 1, generator=coins)  # the coins of the sentences of others
        with (
            _drawing_from(_seed_of(self.config.seed, update, 1 + rank), device),
            self.accelerator.autocast(),
        ):
            total = _summed_loss(
                self.model,
                source,
                target,
                device,
                smoothing=self.config.label_smoothing,
                teacher_forcing=forcing.at(update - 1) if isinstance(forcing, TeacherForcing) else forcing,
                generator=coins,
            )
        return total / words

    def _sum_over_processes(self, loss: Tensor | None, interrupt: Interrupt) -> Tensor:
        """Add up losses, gradients and wishes to stop, in one message."""
        if self.accelerator.num_processes == 1:
            return loss
        first = self.parameters[0]
        loss = first.new_zeros(()) if loss is None else loss.detach().to(first.dtype)
        used = first.new_tensor([parameter.grad is not None for parameter in self.parameters])
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        message = [loss[None], first.new_tensor([interrupt.pressed]), used, *(each.flatten() for each in gradients)]
        total = self.accelerator.reduce(torch.cat(message), "sum")
        loss, stop, used, *gradients = total.split([len(each) for each in message])
        self.others_stop = stop.item() > 0
        for parameter, wanted, gradient in zip(self.parameters, used.tolist(), gradients, strict=True):
            parameter.grad = gradient.view_as(parameter) if wanted else None
        return loss[0]

    def _require_finite(self, loss: float, norm: float, update: int) -> None:
        # In fp16 a gradient out of range is how the loss's scale is found: that update is left out.
        if math.isfinite(loss) and (math.isfinite(norm) or self.config.mixed_precision == "fp16"):
            return
        clip = "a clip_norm such as 1.0" if self.config.clip_norm is None else "a smaller clip_norm"
        raise FloatingPointError(
            f"update {update} has loss {loss} and a gradient of norm {norm}; the weights are those of update "
            f"{update - 1}. Try a learning rate below {self.config.learning_rate}, a longer warmup, or {clip}; "
            "the last checkpoint, if there is one, is as it was"
        )

    def _record(self, loss: float, words: int, rate: float, norm: float) -> None:
        history = self.history
        history.losses.append(loss)
        history.words.append(words)
        history.learning_rates.append(rate)
        history.gradient_norms.append(norm)
        history.seconds.append(self.before + time.monotonic() - self.started)

    # Between updates

    def finished(self) -> bool:
        """Tell whether training has come to an end, and note why."""
        history, patience = self.history, self.config.patience
        if history.stopped is None and patience is not None:
            since = [each.update for each in history.evaluations].index(history.best.update) if history.best else 0
            if len(history.evaluations) - 1 - since >= patience:
                history.stopped = "patience"
        if history.stopped is None and history.updates >= self.config.updates:
            history.stopped = "updates"
        return history.stopped is not None

    def evaluation_due(self, last: bool) -> bool:
        every, done = self.config.evaluate_every, self.history.updates
        return done == self.config.updates or (last if every is None else done % every == 0)

    def evaluate(self, valid: Epochs | Iterable) -> None:
        """Take the held-out loss, and keep the weights if it is the best so far."""
        loss = _held_out_loss(self.model, valid, self.accelerator.device, self.accelerator)
        update = self.history.updates
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the held-out loss is {loss} after update {update}: try a learning rate below "
                f"{self.config.learning_rate}, or look for such values in the held-out batches"
            )
        best = self.history.best
        self.history.evaluations.append(Evaluation(update, loss))
        weights = {name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()}
        if best is None or loss < best.loss:
            self.best_weights = weights
        if self.config.average > 1:
            self.recent_weights = [*self.recent_weights, weights][-self.config.average :]

    def asked_to_stop(self, interrupt: Interrupt) -> bool:
        return interrupt.pressed if self.accelerator.num_processes == 1 else self.others_stop

    def checkpoint_due(self, seconds: float) -> bool:
        every, minutes = self.config.checkpoint_every, self.config.checkpoint_minutes
        by_updates = every is not None and self.history.updates % every == 0
        return by_updates or (minutes is not None and seconds >= 60 * minutes)

    def close(self, valid: Epochs | Iterable | None) -> None:
        """Leave the model with its best weights, if training came to its end, ready to translate."""
        if self.best_weights is not None and not self.history.interrupted:
            if len(self.recent_weights) > 1:
                self.model.load_state_dict(average_weights(self.recent_weights))
                self.history.averaged = _held_out_loss(self.model, valid, self.accelerator.device, self.accelerator)
            if self.history.averaged is None or self.history.averaged >= self.history.best.loss:
                self.model.load_state_dict(self.best_weights)
        self.model.zero_grad()
        self.model.eval()

    # Checkpoints

    def save(self, path: Path) -> None:
        if not self.accelerator.is_main_process:
            return
        scaler = self.accelerator.scaler
        content = {
            "config": _plain(asdict(self.config)),
            "model_config": _description(self.model),
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "epoch": self.epoch,
            "position": self.position,
            "history": _as_tensors(self.history),
            "best_weights": self.best_weights,
            "recent_weights": self.recent_weights,
        }
        write_checkpoint(path, content)

    def restore(self, path: Path) -> None:
        content = read_checkpoint(path)
        require_same(path, "model", content["model_config"], _description(self.model))
        require_same(path, "config", content["config"], _plain(asdict(self.config)), free=_MAY_CHANGE)
        self.model.load_state_dict(content["model"])
        kinds = [{name: group[name] for name in ("fused", "foreach")} for group in self.optimiser.param_groups]
        self.optimiser.load_state_dict(content["optimiser"])
        for group, kind in zip(self.optimiser.param_groups, kinds, strict=True):
            group.update(kind)  # what suits this device, not the one that the checkpoint comes from
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(content["scaler"])
        self.epoch, self.position = content["epoch"], content["position"]
        self.history, self.best_weights = _from_tensors(content["history"]), content["best_weights"]
        self.recent_weights = content["recent_weights"]
        self.before = self.history.seconds[-1] if self.history.seconds else 0.0


def _summed_loss(
    model: nn.Module, source: Tensor, target: Tensor, device: torch.device, *, smoothing: float = 0.0, **forcing
) -> Float[Tensor, ""]:
    """Return the cross-entropy summed over the words of a batch, in nats."""
    gold = target[:, 1:].reshape(-1)
    places = (gold != PAD).nonzero()[:, 0]  # found before the tensors move, so that no GPU has to be waited for
    gold, places = gold[places].to(device, non_blocking=True), places.to(device, non_blocking=True)
    source, target = source.to(device, non_blocking=True), target.to(device, non_blocking=True)
    features = model.features(source, target[:, :-1], **forcing)
    logits = model.output(features.flatten(0, 1).index_select(0, places))
    return smoothed_cross_entropy(logits, gold, smoothing, reduction="sum")


@torch.no_grad()
def _held_out_loss(
    model: nn.Module, batches: Epochs | Iterable, device: torch.device, accelerator: Accelerator | None = None
) -> float:
    rank, world = (accelerator.process_index, accelerator.num_processes) if accelerator else (0, 1)
    total, words = torch.zeros((), dtype=torch.float64), 0
    mode = model.training
    model.eval()
    try:
        for number, batch in enumerate(_epoch(batches, 0)):
            words += _words(batch)
            if number % world == rank:
                total += _summed_loss(model, *batch, device).cpu()
    finally:
        model.train(mode)
    if words == 0:
        raise ValueError("there is no target word in the held-out batches; an iterator that is used up has none left")
    if world > 1:
        total = accelerator.reduce(total.to(device), "sum")
    return total.item() / words


def _stream(batches: Epochs | Iterable, epoch: int, position: int, done: list[int]) -> Iterator[_Taken]:
    """Yield batches without end, from a place on, after a look at whether those before it are the ones of old."""
    expected = done[len(done) - position :]
    while True:
        ahead, number = None, -1
        for number, batch in enumerate(_epoch(batches, epoch)):
            if number < position:
                _require_same_batch(epoch, number, _words(batch), expected[number])
                continue
            if ahead is not None:
                yield _Taken(ahead, epoch, number - 1, last=False)
            ahead = batch
        if number < position:
            raise ValueError(
                "there are no batches, or an iterator that is used up; pass Batches or a list"
                if number < 0
                else f"epoch {epoch} has {number + 1} batches but had more when the checkpoint was written"
            )
        yield _Taken(ahead, epoch, number, last=True)
        epoch, position = epoch + 1, 0


def _require_same_batch(epoch: int, number: int, words: int, before: int) -> None:
    if words != before:
        raise ValueError(
            f"batch {number} of epoch {epoch} has {words} target words but had {before} when the checkpoint was "
            "written; go on with the same batches, or pass another path to start from the beginning"
        )


def _epoch(batches: Epochs | Iterable, number: int) -> Iterable:
    return batches.epoch(number) if hasattr(batches, "epoch") else batches


def _words(batch: tuple[Tensor, Tensor]) -> int:
    """Return how many right words a batch has, after a look at its shapes."""
    source, target = batch
    if source.ndim != 2 or target.ndim != 2 or len(source) != len(target) or target.shape[1] < 2:
        came = f"source {tuple(source.shape)} and target {tuple(target.shape)}"
        raise ValueError(f"a batch must have source (batch, key) and target (batch, length), length from 2, got {came}")
    words = int(torch.count_nonzero(target[:, 1:] != PAD))
    if words == 0:
        raise ValueError("a batch has no target word: its sentences are nothing but padding after the first place")
    return words


def _optimiser(parameters: list[nn.Parameter], config: TrainingConfig, device: torch.device) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if config.weight_decay else torch.optim.Adam
    fused = device.type in ("cpu", "cuda") and config.mixed_precision != "fp16"
    first, second = config.betas
    return kind(
        parameters,
        lr=float(config.learning_rate),
        betas=(float(first), float(second)),
        weight_decay=float(config.weight_decay),
        fused=fused or None,
    )


@contextmanager
def _accelerator(mixed_precision: str) -> Iterator[Accelerator]:
    """Lend an Accelerator; its settings are shared by the whole program, so those of others are put back."""
    settings = AcceleratorState._shared_state
    before = dict(settings)
    settings.clear()
    try:
        yield Accelerator(mixed_precision=mixed_precision)
    finally:
        settings.clear()
        settings.update(before)


@contextmanager
def _drawing_from(seed: int, device: torch.device) -> Iterator[None]:
    """Draw from the seed inside the block, on the CPU and the device, and leave the generators as they were."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        if cuda:
            torch.cuda.manual_seed(seed)
        yield


def _seed_of(*numbers: int) -> int:
    """Mix numbers into one seed; neighbours among them give seeds that have nothing to do with each other."""
    entropy = [int(number) % 2**64 for number in numbers]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])


@contextmanager
def _hint_if_out_of_memory(update: int, batch: tuple[Tensor, Tensor]) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError | torch.OutOfMemoryError) or _MEMORY.search(str(error))):
            raise
        (sentences, source), (_, target) = (tensor.shape for tensor in batch)
        raise MemoryError(
            f"out of memory in update {update}, a batch of {sentences} sentences, {source} source and {target} target "
            "places long: make batches smaller (fewer sentences or words in each), leave out long sentences, or take "
            "a smaller model or vocabulary"
        ) from error


_MEMORY = re.compile("out of memory|can't allocate memory|not enough memory", re.IGNORECASE)
"""What torch's errors say where memory is short; outside CUDA they have no class of their own."""


# Checkpoints' contents, the bar, and checks


def _description(model: nn.Module) -> dict:
    """Return what tells one model from another: its class, its configuration, the shapes of its weights."""
    config = getattr(model, "config", None)
    described = _plain(asdict(config)) if is_dataclass(config) else {}
    shapes = {f"shape of {name}": tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    return {"class": type(model).__name__, **described, **shapes}


def _plain(value: Any) -> Any:
    """Return a value as what a checkpoint may hold: NumPy's numbers as Python's, unknown things by their name."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(each) for each in value)
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, str | int | float | None) else repr(value)


_COLUMNS = ("losses", "seconds", "learning_rates", "gradient_norms")


def _as_tensors(history: History) -> dict:
    """Return the history with its long lists as tensors, which are read and written much faster."""
    columns = {name: torch.tensor(getattr(history, name), dtype=torch.float64) for name in _COLUMNS}
    evaluations = [tuple(evaluation) for evaluation in history.evaluations]
    return {**columns, "words": torch.tensor(history.words, dtype=torch.int64), "evaluations": evaluations}


def _from_tensors(content: dict) -> History:
    columns = {name: content[name].tolist() for name in (*_COLUMNS, "words")}
    return History(**columns, evaluations=[Evaluation(*each) for each in content["evaluations"]])


@contextmanager
def _bar(run: "_Run", *, shown: bool) -> Iterator[tqdm | None]:
    if not shown:
        yield None
        return
    with tqdm(total=run.config.updates, initial=run.history.updates, unit="update") as bar:
        yield bar


def _show(bar: tqdm | None, history: History) -> None:
    """Move the bar on; tqdm itself sees to it that it is not drawn more often than one can read."""
    if bar is None:
        return
    recent = history.losses[-_RECENT:]
    seconds = history.seconds[-1] - (history.seconds[-_RECENT - 1] if history.updates > _RECENT else 0.0)
    speed = sum(history.words[-_RECENT:]) / seconds if seconds else 0.0
    held_out = f", held-out {history.evaluations[-1].loss:.3f}" if history.evaluations else ""
    bar.set_postfix_str(f"loss {sum(recent) / len(recent):.3f}{held_out}, {speed:,.0f} words/s", refresh=False)
    bar.update()


def _call(callback: Callable[[History], object] | None, history: History, interrupt: Interrupt) -> None:
    try:
        if callback is not None:
            callback(history)
    except KeyboardInterrupt:
        interrupt.pressed = True


def _writable(path: Path) -> Path:
    """Make the folder that the checkpoint goes into, or fail before any work is done."""
    if path.is_dir():
        raise ValueError(f"checkpoint must be a file, but {path} is a folder; try {path / 'training.pt'}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _device_of(model: nn.Module) -> torch.device:
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def _require_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")


def _require_number(name: str, number: float) -> None:
    if isinstance(number, bool) or not isinstance(number, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {type(number).__name__}")


def _require_at_least_zero(**numbers: float) -> None:
    for name, number in numbers.items():
        _require_number(name, number)
        if not 0 <= number < math.inf:
            raise ValueError(f"{name} must be at least 0 and finite, got {number}")


def _require_probability(name: str, number: float) -> None:
    _require_number(name, number)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must be a probability, from 0 to 1, got {number}")


def _require_share(name: str, number: float) -> None:
    _require_number(name, number)
    if not 0 <= number < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {number}")
