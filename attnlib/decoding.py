"""Decoding: from a trained translator to sentences, one word at a time, greedily, with a beam or by chance.

A translator is any module with the methods ``encode``, ``start`` and ``step`` and a ``config`` of ``source_vocab`` and
``max_length``, as :class:`attnlib.seq2seq.Seq2Seq`. It reads the source once (``memory = encode(source)``), starts
(``state = start(memory)``), and is then told its own last word and asked for the next one:
``logits, weights, state = step(token, state, memory)``. All that it hands over is batch first, so that sentences
that are done can leave and hypotheses can change places: :func:`select`. Where there is no room for any number of
steps, it has a method ``room`` that tells for how many, as :meth:`attnlib.transformer.Transformer.room`.

A language model, as :class:`attnlib.transformer.LanguageModel`, has the same interface. Its sources are prompts, which
begin with ``BOS``, and what is said goes on from them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor, nn

from attnlib._arrays import dtype_name, is_integer, require_sizes
from attnlib.symbols import BOS, EOS, PAD, UNK

Structure = TypeVar("Structure")


class Hypothesis(NamedTuple):
    """A translation, as :func:`greedy`, :func:`beam_search` and :func:`sample` give it."""

    tokens: list[int]
    """Ids of the words, without begin and end of sentence."""
    log_probability: float
    """Natural logarithm of the probability that the model gives to the words and, if finished, the end."""
    score: float
    """What hypotheses are ranked by, the log-probability divided by :func:`length_normaliser`."""
    weights: Float[Tensor, "query key"] | None
    """One row for each word said, the end of sentence included, one column for each word of the source; on the CPU.
    None from a model without attention."""
    finished: bool
    """Whether the model itself ended the sentence; False where it was cut off at the maximum length."""


def greedy(
    model: nn.Module,
    source: Integer[Tensor, "..."] | Sequence,
    *,
    max_length: int | None = None,
    forbid_unknown: bool = False,
    batch: int = 100,
) -> list[Hypothesis]:
    r"""Say the most probable next word until it is the end of the sentence.

    .. math:: y_t = \operatorname*{argmax}_y P(y \mid y_1, \ldots, y_{t-1}, x)

    Padding and begin of sentence are never said; the probabilities of the other words stay as the model gives them.
    Between words that are equally probable the smaller id wins. Nothing is random, a model in training mode is in
    evaluation mode meanwhile, and a sentence's translation does not depend on the others, up to rounding.

    Parameters
    ----------
    model : torch.nn.Module
        With encode, start and step; see the module's text.
    source : (batch, key) or list of lists of int
        Word ids; in a tensor padded with ``PAD`` at the end. A language model's prompts begin with ``BOS``.
    max_length : int or None
        How many words are said at most, the end of sentence counted and the words of a prompt not. None:
        ``model.config.max_length``, but for a sentence of n words no more than 2 n + 10, so that a model that repeats
        itself comes to an end, and no more than there is room for after a prompt.
    forbid_unknown : bool
        Never say the symbol of unknown words.
    batch : int
        How many sentences are decoded at once. Sentences of similar length go together, and one that is finished
        leaves the batch.

    Returns
    -------
    list of Hypothesis
        One a sentence, in their order; the score is the log-probability.

    Raises
    ------
    TypeError
        If the source holds something else than integers, the model lacks a method, or a number is no integer.
    ValueError
        If a sentence is empty, has padding before a word or an id outside the vocabulary; if a size is below 1, or
        max_length above what the model has room for; if the model's logits are NaN, or leave no word possible.

    See Also
    --------
    beam_search, sample

    Examples
    --------
    >>> class Spell(nn.Module):  # says 4, 5, 6, ..., and the end after as many words as it reads
    ...     config = type("Config", (), {"source_vocab": 9, "max_length": 50})
    ...     def encode(self, source): return (source != PAD).sum(dim=1)
    ...     def start(self, memory): return memory
    ...     def step(self, token, state, memory):
    ...         word = torch.where(state > 0, token.clamp(min=3) + 1, EOS)
    ...         return 5.0 * nn.functional.one_hot(word, 9), None, state - 1
    >>> [hypothesis.tokens for hypothesis in greedy(Spell(), [[7, 7, 7], [8]])]
    [[4, 5, 6], [4]]
    """

    def choose(logits: Tensor, place: Tensor, length: int) -> tuple[Tensor, Tensor]:
        log_probability, token = _most_likely(logits, 1, forbid_unknown)
        return log_probability[:, 0], token[:, 0]

    def decode(chunk: Tensor, limits: Tensor, numbers: list[int]) -> list[Hypothesis]:
        return _one_by_one(model, chunk, limits, choose)

    return _decode(model, source, max_length, batch, decode)


def beam_search(
    model: nn.Module,
    source: Integer[Tensor, "..."] | Sequence,
    *,
    beam: int = 5,
    length_penalty: float = 0.6,
    n_best: int = 1,
    max_length: int | None = None,
    forbid_unknown: bool = False,
    batch: int = 50,
) -> list[list[Hypothesis]]:
    r"""Keep the most probable beginnings of a translation at each length, and return the best complete ones.

    .. math:: \mathrm{score}(y) = \frac{\log P(y \mid x)}{\mathrm{lp}(|y|)}, \qquad
              \mathrm{lp}(n) = \left(\frac{5 + n}{6}\right)^{\alpha}

    Every open beginning is continued by every word. Among the ``beam`` most probable outcomes, those that end are
    complete and kept with their scores; the ``beam`` most probable of those that do not end stay open. The search
    for a sentence is over when no open beginning can come to a score above that of the n-th best complete one, even
    if all its further words were certain: log P ≤ 0 never grows, so that log P / lp(maximum length) bounds all that
    can come of it.

    With a beam as large as the number of all sentences up to the maximum length the result is exact. A beam of 1 with
    α = 0 is :func:`greedy`.

    Parameters
    ----------
    model, source, max_length, forbid_unknown
        As for :func:`greedy`; a language model's prompts begin with ``BOS``.
    beam : int
        Number of open beginnings.
    length_penalty : float
        The exponent α, not negative. 0 ranks by log-probability, which favours short sentences; larger ones favour
        long sentences.
    n_best : int
        Number of hypotheses wanted for each sentence, at most ``beam``.
    batch : int
        How many sentences are decoded at once, each with ``beam`` beginnings.

    Returns
    -------
    list of lists of Hypothesis
        For each sentence, in their order, ``n_best`` hypotheses, fewer only where no more are possible. The
        complete ones come first, best score first; where there are too few of them, those that were cut off at the
        maximum length follow in the same order. Of equal scores, the shorter hypothesis comes first.

    Raises
    ------
    TypeError
        As :func:`greedy`; also if the length penalty is not a number.
    ValueError
        As :func:`greedy`; also if n_best is above the beam, or the length penalty negative or infinite.

    References
    ----------
    Wu et al. (2016), arXiv:1609.08144, eq. 14, without the coverage penalty. α = 0.6 is the choice of Vaswani et al.
    (2017), arXiv:1706.03762, section 6.1.

    Examples
    --------
    A greedy choice of the first word (0.6) leads to a sentence of probability 0.24, the other (0.4) to one of 0.36.

    >>> class Fork(nn.Module):
    ...     config = type("Config", (), {"source_vocab": 9, "max_length": 50})
    ...     table = torch.tensor([[0, 0, 0, 0, 0.6, 0.4, 0, 0], [0, 0, 0.4, 0, 0, 0, 0.3, 0.3],
    ...                           [0, 0, 0.9, 0, 0.1, 0, 0, 0]]).log()
    ...     def encode(self, source): return source
    ...     def start(self, memory): return memory[:, 0]
    ...     def step(self, token, state, memory):
    ...         return self.table[(token - 3).clamp(0, 2)], None, state
    >>> [(best,)] = beam_search(Fork(), [[4]], beam=2, length_penalty=0)
    >>> best.tokens, round(math.exp(best.log_probability), 2)
    ([5], 0.36)
    >>> [hypothesis] = greedy(Fork(), [[4]])
    >>> hypothesis.tokens, round(math.exp(hypothesis.log_probability), 2)
    ([4], 0.24)
    """
    require_sizes(beam=beam, n_best=n_best)
    if n_best > beam:
        raise ValueError(f"n_best is {n_best} but beam is {beam}: a beam can't promise more hypotheses than it is wide")
    _require_exponent(length_penalty)

    def decode(chunk: Tensor, limits: Tensor, numbers: list[int]) -> list[list[Hypothesis]]:
        search = _BeamSearch(model, chunk, limits, forbid_unknown, beam=beam, exponent=length_penalty, n_best=n_best)
        return search.run()

    return _decode(model, source, max_length, batch, decode)


def sample(
    model: nn.Module,
    source: Integer[Tensor, "..."] | Sequence,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int,
    max_length: int | None = None,
    forbid_unknown: bool = False,
    batch: int = 100,
) -> list[Hypothesis]:
    r"""Draw each next word, until it is the end of the sentence.

    .. math:: y_t \sim \mathrm{softmax}(\mathrm{truncate}(\mathrm{logits}_t))

    where the logits depend on the source and the words drawn before, and :func:`truncate` is told the temperature,
    top_k and top_p. Padding and begin of sentence are never drawn. With a temperature of 0 the result is that of
    :func:`greedy`.

    The n-th sentence of the source draws numbers of its own, from the seed and n alone. So its translation does not
    depend on the other sentences or on ``batch``, up to rounding, and to draw several for one sentence, pass it several
    times.

    Parameters
    ----------
    model, source, max_length, forbid_unknown, batch
        As for :func:`greedy`; a language model's prompts begin with ``BOS``.
    temperature, top_k, top_p
        As for :func:`truncate`. Words that are never drawn don't count among the ``top_k``.
    seed : int
        What is drawn depends on it, and on nothing else that is random.

    Returns
    -------
    list of Hypothesis
        One a sentence, in their order. The log-probability, which is the score too, is that of the model itself, at
        temperature 1 and with all words.

    Raises
    ------
    TypeError, ValueError
        As :func:`greedy` and :func:`truncate`; also if the seed is not an integer.

    References
    ----------
    Fan, Lewis and Dauphin (2018), "Hierarchical Neural Story Generation", arXiv:1805.04833, section 5.4, for the k most
    likely; Holtzman et al. (2020), "The Curious Case of Neural Text Degeneration", arXiv:1904.09751, section 3.1.

    Examples
    --------
    >>> class Dice(nn.Module):  # says 4 to 9, each as often as the others, and never the end
    ...     config = type("Config", (), {"source_vocab": 9, "max_length": 50})
    ...     def encode(self, source): return source
    ...     def start(self, memory): return None
    ...     def step(self, token, state, memory):
    ...         return torch.tensor([-math.inf] * 4 + [0.0] * 6).expand(len(token), 10), None, None
    >>> thrown = sample(Dice(), [[4]] * 1000, seed=0, max_length=6)
    >>> counts = np.bincount([word for hypothesis in thrown for word in hypothesis.tokens])
    >>> int(counts.sum()), bool((abs(counts[4:] - 1000) < 100).all())
    (6000, True)
    """
    _require_truncation(temperature, top_k, top_p)
    if not is_integer(seed):
        raise TypeError(f"seed must be an integer, got {type(seed).__name__}")

    def decode(chunk: Tensor, limits: Tensor, numbers: list[int]) -> list[Hypothesis]:
        generators = [np.random.default_rng([int(seed) % 2**64, number]) for number in numbers]
        uniform = np.stack([generator.random(int(limits.max())) for generator in generators])
        uniform = torch.from_numpy(uniform).to(chunk.device)

        def choose(logits: Tensor, place: Tensor, length: int) -> tuple[Tensor, Tensor]:
            log_probability = _log_probabilities(logits, forbid_unknown)
            _require_possible(log_probability.amax(dim=1), length)
            kept = truncate(log_probability, temperature=temperature, top_k=top_k, top_p=top_p)
            token = _drawn(kept, uniform[place, length - 1])
            return log_probability.gather(1, token[:, None])[:, 0], token

        return _one_by_one(model, chunk, limits, choose)

    return _decode(model, source, max_length, batch, decode)


def truncate(
    logits: Float[Tensor, "*batch vocab"],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Float[Tensor, "*batch vocab"]:
    r"""Divide logits by a temperature, and leave only the most likely words possible.

    .. math:: \mathrm{truncate}(z)_y = \begin{cases} z_y / T & y \in V \\ -\infty & \text{otherwise} \end{cases}

    First the ``top_k`` most likely words stay in V. Of these, with the probabilities that softmax(z / T) gives to them
    alone, the smallest number of most likely ones stay whose probabilities sum to at least ``top_p``. Of words that are
    equally likely the one with the smaller id comes first.

    Parameters
    ----------
    logits : (..., vocab)
    temperature : float
        T, not negative. Below 1 likely words become likelier; 0 leaves the most likely word alone, with its logit as
        it is; large ones make all words alike.
    top_k : int or None
        None: all words.
    top_p : float or None
        Above 0, at most 1. None, as 1: all words. The most likely word is always among those that stay.

    Returns
    -------
    logits : (..., vocab)
        What is impossible already, -inf, stays so. Where division by the temperature would leave the range of the
        dtype, the largest logit of each row is subtracted first, which changes no probability.

    Raises
    ------
    TypeError
        If a number is not of its kind.
    ValueError
        If the temperature is negative or infinite, top_k below 1, or top_p not above 0 and at most 1.

    References
    ----------
    Fan, Lewis and Dauphin (2018), arXiv:1805.04833, section 5.4, for top_k; Holtzman et al. (2020), arXiv:1904.09751,
    eq. 2, for top_p, "nucleus sampling", and eq. 4 for the temperature.

    Examples
    --------
    >>> logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    >>> truncate(logits, top_k=3).softmax(dim=-1)
    tensor([0.5263, 0.3158, 0.1579, 0.0000])
    >>> truncate(logits, top_p=0.7).softmax(dim=-1)
    tensor([0.6250, 0.3750, 0.0000, 0.0000])
    >>> truncate(logits, temperature=0.5).softmax(dim=-1)
    tensor([0.6849, 0.2466, 0.0616, 0.0068])
    """
    _require_truncation(temperature, top_k, top_p)
    if temperature == 0:
        top_k = 1
    elif temperature != 1:
        logits = _divided(logits, temperature)
    if top_k is None and top_p is None:
        return logits
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    if top_k is not None:
        ordered = ordered.masked_fill(torch.arange(ordered.shape[-1], device=logits.device) >= top_k, -math.inf)
    stays = ordered > -math.inf
    if top_p is not None and top_p < 1:
        probability = ordered.double().softmax(dim=-1)
        stays = stays & (probability.cumsum(dim=-1) - probability < top_p)
    return logits.masked_fill(~torch.zeros_like(stays).scatter(-1, order, stays), -math.inf)


def forced_weights(
    model: nn.Module, sources: Sequence[Sequence[int]], reads: Sequence[Sequence[int]]
) -> list[Float[Tensor, "steps key"]]:
    """Return the weights of each step of a decoder that is told known words and not its own.

    Parameters
    ----------
    model : torch.nn.Module
        A translator with weights, in evaluation mode meanwhile.
    sources : list of lists of int
        Ids of the source words.
    reads : list of lists of int
        The words of the targets, after ``BOS``, without ``EOS``.

    Returns
    -------
    list of Tensor
        For each sentence one row for each word after ``BOS``: the weights of the step that ought to say it. One column
        for each word of the source. They are on the CPU.

    Raises
    ------
    TypeError
        If the model lacks a method.
    ValueError
        If the model has no weights, there are not as many of both, or a target has nothing, not even ``BOS``.

    Examples
    --------
    >>> from attnlib.seq2seq import Seq2Seq, Seq2SeqConfig
    >>> model = Seq2Seq(Seq2SeqConfig(source_vocab=7, target_vocab=7, embedding_dim=4, hidden_dim=6), seed=0)
    >>> [tuple(weights.shape) for weights in forced_weights(model, [[4, 5, 6], [4]], [[1, 4, 5], [1, 6]])]
    [(2, 3), (1, 1)]
    """
    _require_translator(model)
    if len(sources) != len(reads):
        raise ValueError(f"there are {len(sources)} sources but {len(reads)} targets")
    if not sources:
        return []
    empty = next((number for number, read in enumerate(reads) if len(read) == 0), None)
    if empty is not None:
        raise ValueError(f"target {empty} has nothing to read: begin it with BOS, id {BOS}")
    device = _device(model, sources)
    source, told = (_padded(sentences).to(device) for sentences in (sources, reads))
    with torch.no_grad(), _evaluating(model):
        memory = model.encode(source)
        state, rows = model.start(memory), []
        for token in told[:, :-1].unbind(dim=1):
            _, weights, state = model.step(token, state, memory)
            if weights is None:
                raise ValueError(f"{type(model).__name__} has no weights in its steps")
            rows.append(weights)
    weights = torch.stack(rows, dim=1).cpu() if rows else torch.zeros(len(sources), 0, source.shape[1])
    return [each[: len(read) - 1, : len(own)] for each, read, own in zip(weights, reads, sources, strict=True)]


class Uncached(nn.Module):
    """A translator that keeps nothing of the words it has said: each step reads all of them anew.

    It says what the model says, slower. The encoder's output is kept, as there is nothing new in it; its keys and
    values are not.

    Parameters
    ----------
    model : Transformer or LanguageModel
        Anything with a method ``step_anew``.

    Raises
    ------
    TypeError
        If the model lacks a method.

    Examples
    --------
    >>> from attnlib.transformer import Transformer, TransformerConfig
    >>> model = Transformer(TransformerConfig.tiny(source_vocab=9, target_vocab=9), seed=0)
    >>> ours, slow = greedy(model, [[4, 5, 6]]), greedy(Uncached(model), [[4, 5, 6]])
    >>> ours[0].tokens == slow[0].tokens
    True
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        _require_translator(model)
        if not hasattr(model, "step_anew"):
            raise TypeError(f"{type(model).__name__} can't do without its state: it has no step_anew")
        self.model, self.config = model, model.config

    def room(self, words: int) -> int | None:
        """Return what the model's method returns."""
        return self.model.room(words)

    def encode(self, source: Int[Tensor, "batch key"]) -> Any:
        """Return what the model's method returns."""
        return self.model.encode(source)

    def start(self, memory: Any) -> Int[Tensor, "batch 0"]:
        """Return what the model has been told before the first step: nothing."""
        return memory.lengths.new_empty(len(memory.lengths), 0)

    def step(self, token: Int[Tensor, "batch"], state: Int[Tensor, "batch told"], memory: Any) -> Any:
        """Return the logits of the next word, the weights, and all words that the model has been told."""
        told = torch.cat([state, token[:, None]], dim=1)
        return self.model.step_anew(told, memory)._replace(state=told)


def length_normaliser(length: int, exponent: float) -> float:
    r"""Return what a log-probability is divided by, so that long sentences can compete with short ones.

    .. math:: \mathrm{lp}(n) = \left(\frac{5 + n}{6}\right)^{\alpha}

    Parameters
    ----------
    length : int
        Number n of words, the end of sentence counted.
    exponent : float
        α, not negative; 0 gives 1 at every length.

    Raises
    ------
    TypeError, ValueError
        If the length is not an integer of at least 1, or the exponent not a finite number of at least 0.

    References
    ----------
    Wu et al. (2016), arXiv:1609.08144, eq. 14.

    Examples
    --------
    >>> [round(length_normaliser(length, 0.6), 3) for length in (1, 7, 19)]
    [1.0, 1.516, 2.297]
    """
    require_sizes(length=length)
    _require_exponent(exponent)
    return ((5 + length) / 6) ** exponent


def select(structure: Structure, index: Int[Tensor, " rows"]) -> Structure:
    """Take rows of every tensor in a structure, in the order of the index; a row may be taken several times.

    It is what lets hypotheses change places, multiply and leave, whatever a model's state is made of.

    Parameters
    ----------
    structure : tensor, None, or (named) tuple, list or dict of structures
        Tensors have the batch as their first axis.
    index : (rows,)
        Which rows.

    Returns
    -------
    The same structure with ``rows`` rows in every tensor; what is None stays None.

    Raises
    ------
    TypeError
        If there is something else inside.
    ValueError
        If a tensor has no axis.

    Examples
    --------
    >>> state = (torch.tensor([[1.0], [2.0], [3.0]]), None)
    >>> select(state, torch.tensor([2, 0, 0]))
    (tensor([[3.],
            [1.],
            [1.]]), None)
    """
    if structure is None:
        return None
    if isinstance(structure, Tensor):
        if structure.ndim == 0:
            raise ValueError("a state must have the batch as its first axis, got a tensor without axes")
        return structure.index_select(0, index)
    if isinstance(structure, dict):
        return type(structure)((name, select(part, index)) for name, part in structure.items())
    if isinstance(structure, tuple | list):
        parts = [select(part, index) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    raise TypeError(
        f"a state must be made of tensors, None, tuples, lists and dicts, got {type(structure).__name__} inside"
    )


def _decode(
    model: nn.Module, source: Tensor | Sequence, max_length: int | None, batch: int, decode: Callable
) -> list[Any]:
    """Decode sentences in batches of similar length, and return the answers in the order of the sentences."""
    _require_translator(model)
    require_sizes(batch=batch)
    if max_length is not None:
        require_sizes(max_length=max_length)
    sentences = _sentences(source, model.config.source_vocab)
    limits = [_limit(model, number, len(sentence), max_length) for number, sentence in enumerate(sentences)]
    device = _device(model, source)
    answers = [None] * len(sentences)
    order = sorted(range(len(sentences)), key=lambda place: len(sentences[place]))
    with torch.no_grad(), _evaluating(model):
        for first in range(0, len(order), batch):
            places = order[first : first + batch]
            chunk = _padded([sentences[place] for place in places]).to(device)
            decoded = decode(chunk, torch.tensor([limits[place] for place in places], device=device), places)
            for place, answer in zip(places, decoded, strict=True):
                answers[place] = answer
    return answers


def _padded(sentences: Sequence[Sequence[int]]) -> Int[Tensor, "batch length"]:
    words = [torch.as_tensor(sentence, dtype=torch.int64) for sentence in sentences]
    return nn.utils.rnn.pad_sequence(words, batch_first=True, padding_value=PAD)


def _one_by_one(
    model: nn.Module, source: Int[Tensor, "batch key"], limits: Int[Tensor, " batch"], choose: Callable
) -> list[Hypothesis]:
    """Say one word after the other: ``choose(logits, place, length)`` gives its log-probability, and itself."""
    memory = model.encode(source)
    state, token = model.start(memory), source.new_full((len(source),), BOS)
    place = torch.arange(len(source), device=source.device)  # which sentence each row is
    said: list[tuple[Tensor, Tensor, Tensor, Tensor | None]] = []
    for length in range(1, int(limits.max()) + 1):
        logits, weights, state = model.step(token, state, memory)
        log_probability, token = choose(logits, place, length)
        _require_possible(log_probability, length)
        said.append((place, token, log_probability, weights))
        goes_on = (token != EOS) & (length < limits[place])
        if not goes_on.any():
            break
        if not goes_on.all():
            place, token, state, memory = select((place, token, state, memory), goes_on.nonzero()[:, 0])
    return _gathered(said, (source != PAD).sum(dim=1).tolist())


def _gathered(said: list[tuple[Tensor, Tensor, Tensor, Tensor | None]], key_lengths: list[int]) -> list[Hypothesis]:
    """Make hypotheses of what was said at each step: for which sentences, the words, log-probabilities, weights."""
    words: list[list[int]] = [[] for _ in key_lengths]
    totals = [0.0] * len(key_lengths)
    rows: list[list[Tensor]] = [[] for _ in key_lengths]
    for places, tokens, log_probabilities, weights in said:
        attended = [None] * len(places) if weights is None else weights.cpu()
        for place, token, log_probability, row in zip(
            places.tolist(), tokens.tolist(), log_probabilities.tolist(), attended, strict=True
        ):
            words[place].append(token)
            totals[place] += log_probability
            if row is not None:
                rows[place].append(row[: key_lengths[place]])
    return [
        _hypothesis(tokens, total, total, torch.stack(attended) if attended else None)
        for tokens, total, attended in zip(words, totals, rows, strict=True)
    ]


class _Link(NamedTuple):
    """One step of a beam search: what each row, which is a hypothesis, read and attended to."""

    parent: Int[Tensor, " rows"]
    """The row of the link before that this row goes on from."""
    token: Int[Tensor, " rows"]
    weights: Float[Tensor, "rows key"] | None


class _Candidates(NamedTuple):
    """Hypotheses that are one word longer, best first: the row that each goes on from, and its new word."""

    log_probability: Float[Tensor, "sentence rank"]
    parent: Int[Tensor, "sentence rank"]
    token: Int[Tensor, "sentence rank"]


class _BeamSearch:
    """The search for the sentences of one batch; each sentence that is open has ``beam`` rows, side by side."""

    def __init__(
        self,
        model: nn.Module,
        source: Int[Tensor, "batch key"],
        limits: Int[Tensor, " batch"],
        forbid_unknown: bool,
        *,
        beam: int,
        exponent: float,
        n_best: int,
    ):
        self.model, self.forbid_unknown = model, forbid_unknown
        self.beam, self.exponent, self.n_best = beam, exponent, n_best
        self.key_lengths, self.limits = (source != PAD).sum(dim=1).tolist(), limits.tolist()
        self.found: list[list[Hypothesis]] = [[] for _ in self.limits]
        self.open = list(range(len(self.limits)))
        memory = model.encode(source)
        rows = torch.arange(len(source), device=source.device).repeat_interleave(beam)
        self.state, self.memory = select((model.start(memory), memory), rows)
        self.parent, self.token = rows, torch.full_like(rows, BOS)
        # At first all rows of a sentence are the same: one counts.
        self.total = torch.tensor([0.0] + [-math.inf] * (beam - 1), device=source.device).repeat(len(source), 1)
        self.history: list[_Link] = []

    def run(self) -> list[list[Hypothesis]]:
        while self.open:
            candidates = self.step()
            length = len(self.history)
            possible, ends = candidates.log_probability > -math.inf, candidates.token == EOS
            rank = torch.arange(ends.shape[1], device=ends.device)
            self.keep(candidates, possible & ends & (rank < self.beam))
            at_limit = torch.tensor([self.limits[place] == length for place in self.open], device=ends.device)
            if at_limit.any():
                self.keep(candidates, possible & ~ends & at_limit[:, None])
            # Sorted by whether they end, in the order that they have.
            going = ends.to(torch.uint8).argsort(dim=1, stable=True)[:, : self.beam]
            self.go_on(_Candidates(*(part.gather(1, going) for part in candidates)))
        return self.found

    def step(self) -> _Candidates:
        """Take a step, and rank its outcomes: twice the beam, since up to half of them may end."""
        logits, weights, self.state = self.model.step(self.token, self.state, self.memory)
        self.history.append(_Link(self.parent, self.token, weights))
        log_probability, token = _most_likely(logits, self.beam + 1, self.forbid_unknown)
        width = token.shape[1]
        total = self.total[..., None] + log_probability.unflatten(0, self.total.shape)
        total = total.masked_fill(self.total[..., None] == -math.inf, -math.inf).flatten(1)
        total, order = (part[:, : 2 * self.beam] for part in total.sort(dim=1, descending=True, stable=True))
        new = torch.tensor([not self.found[place] for place in self.open], device=total.device)
        _require_possible(total[:, 0].where(new | total[:, 0].isnan(), 0.0), len(self.history))
        parent = order // width + self.beam * torch.arange(len(order), device=order.device)[:, None]
        return _Candidates(total, parent, token[parent, order % width])

    def keep(self, candidates: _Candidates, which: Bool[Tensor, "sentence rank"]) -> None:
        """Keep those candidates that are among the n best of their sentence; complete ones go before others."""
        places = [self.open[row] for row in which.nonzero()[:, 0].tolist()]
        if not places:
            return
        normaliser = length_normaliser(len(self.history), self.exponent)
        log_probabilities, last = candidates.log_probability[which].tolist(), candidates.token[which].tolist()
        words, weights = self.traced(candidates.parent[which])
        for number, place in enumerate(places):
            attended = None if weights is None else weights[number, :, : self.key_lengths[place]].clone()
            tokens = [*words[number], last[number]]
            log_probability = log_probabilities[number]
            hypothesis = _hypothesis(tokens, log_probability, log_probability / normaliser, attended)
            ranked = sorted([*self.found[place], hypothesis], key=lambda found: (not found.finished, -found.score))
            self.found[place] = ranked[: self.n_best]

    def traced(self, row: Int[Tensor, " chosen"]) -> tuple[list[list[int]], Float[Tensor, "chosen query key"] | None]:
        """Go back from rows of the last step to the first; return the words read, without ``BOS``, and the weights."""
        tokens, weights = [], []
        for link in reversed(self.history):
            tokens.append(link.token[row])
            weights.append(select(link.weights, row))
            row = link.parent[row]
        read = torch.stack(tokens[::-1], dim=1)[:, 1:].tolist()
        return read, None if weights[0] is None else torch.stack(weights[::-1], dim=1).cpu()

    def go_on(self, going: _Candidates) -> None:
        """Go on with the sentences that can still come to something better."""
        best = going.log_probability[:, 0].tolist()
        staying = [row for row, place in enumerate(self.open) if self.can_improve(place, best[row])]
        if len(staying) < len(self.open):
            index = torch.tensor(staying, dtype=torch.int64, device=going.token.device)
            going = select(going, index)
            memory_rows = (index[:, None] * self.beam + torch.arange(self.beam, device=index.device)).flatten()
            self.memory = select(self.memory, memory_rows)
            self.open = [self.open[row] for row in staying]
        self.total, self.parent, self.token = going.log_probability, going.parent.flatten(), going.token.flatten()
        self.state = select(self.state, self.parent)

    def can_improve(self, place: int, log_probability: float) -> bool:
        """Tell whether the best open hypothesis of a sentence can still become one of its n best."""
        if len(self.history) == self.limits[place] or log_probability == -math.inf:
            return False
        bound = log_probability / length_normaliser(self.limits[place], self.exponent)
        return len(self.found[place]) < self.n_best or bound > self.found[place][-1].score


def _hypothesis(said: list[int], log_probability: float, score: float, weights: Tensor | None) -> Hypothesis:
    finished = said[-1] == EOS
    return Hypothesis(said[:-1] if finished else said, log_probability, score, weights, finished)


def _most_likely(
    logits: Float[Tensor, "rows vocab"], count: int, forbid_unknown: bool
) -> tuple[Float[Tensor, "rows best"], Int[Tensor, "rows best"]]:
    """Return the log-probabilities of the most likely words that may be said, and the words, best first."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    allowed = logits[:, EOS:]  # padding and begin of sentence are the first two ids
    if forbid_unknown:
        allowed = allowed.index_fill(1, torch.tensor([UNK - EOS], device=logits.device), -math.inf)
    best, token = _largest(allowed, min(count, allowed.shape[1]))
    return best - logits.logsumexp(dim=1, keepdim=True), token + EOS


def _log_probabilities(logits: Float[Tensor, "rows vocab"], forbid_unknown: bool) -> Float[Tensor, "rows vocab"]:
    """Return the log-probabilities of all words; those that may not be said have -inf."""
    log_probability = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(dim=1)
    never = torch.tensor([PAD, BOS, UNK][: 3 if forbid_unknown else 2], device=logits.device)
    return log_probability.index_fill(1, never, -math.inf)


def _drawn(logits: Float[Tensor, "rows vocab"], uniform: Float[Tensor, " rows"]) -> Int[Tensor, " rows"]:
    """Draw words with numbers from [0, 1): the first word at which the sum of the probabilities is above the number."""
    sums = logits.double().softmax(dim=1).cumsum(dim=1)
    return (sums > (uniform * sums[:, -1])[:, None]).int().argmax(dim=1)


def _divided(logits: Float[Tensor, "*batch vocab"], temperature: float) -> Float[Tensor, "*batch vocab"]:
    divided = logits / temperature
    if bool((logits.isfinite() & ~divided.isfinite()).any()):  # too large, or the temperature too small for the dtype
        largest = logits.amax(dim=-1, keepdim=True)
        below = logits - largest.masked_fill(largest.isinf(), 0.0)
        divided = (below.double() / temperature).to(logits.dtype)
    return divided


def _largest(
    values: Float[Tensor, "rows all"], count: int
) -> tuple[Float[Tensor, "rows count"], Int[Tensor, "rows count"]]:
    """Return the largest values of each row and their places, largest first; of equal ones, the first."""
    top, place = values.topk(min(count + 1, values.shape[1]), dim=1)
    tied = (top[:, 1:] == top[:, :-1]).any(dim=1).nonzero()[:, 0]
    if len(tied):  # topk leaves open which of equal values it takes; a sort of everything is slower
        ordered, order = values[tied].sort(dim=1, descending=True, stable=True)
        top[tied], place[tied] = ordered[:, : top.shape[1]], order[:, : top.shape[1]]
    return top[:, :count], place[:, :count]


def _limit(model: nn.Module, number: int, words: int, max_length: int | None) -> int:
    """Return how many words may be said after a sentence of so many, or raise if there is no room for them."""
    room = model.room(words) if hasattr(model, "room") else None
    limit = min(model.config.max_length, 2 * words + 10) if max_length is None else int(max_length)
    if room is None or limit <= room:
        return limit
    if max_length is not None:
        raise ValueError(
            f"max_length is {limit}, but with {words} words in sentence {number} the model has room for {room}: "
            "ask for fewer, or make a model with a larger max_length"
        )
    return room


def _device(model: nn.Module, source: Tensor | Sequence) -> torch.device:
    """Return where the model is; one without parameters works where its input is."""
    parameter = next(model.parameters(), None)
    if parameter is not None:
        return parameter.device
    return source.device if isinstance(source, Tensor) else torch.device("cpu")


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model in evaluation mode inside the block, and each of its parts back into its own mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _sentences(source: Tensor | Sequence, vocab: int) -> list[list[int]]:
    """Return the sentences of a source as lists of ids without padding, or raise with what is wrong with one."""
    if isinstance(source, Tensor):
        if source.is_floating_point() or source.is_complex() or source.dtype == torch.bool:
            raise TypeError(f"source must hold integers, got dtype {dtype_name(source)}")
        if source.ndim != 2:
            cure = "; for one sentence pass source[None]" if source.ndim == 1 else ""
            raise ValueError(f"source must have shape (batch, key), got {tuple(source.shape)}{cure}")
        source = source.tolist()
    elif any(is_integer(sentence) for sentence in source):
        raise TypeError("source must be a list of sentences, got a list with integers in it; for one pass [source]")
    return [_words(number, sentence, vocab) for number, sentence in enumerate(source)]


def _words(number: int, sentence: Sequence[int] | Tensor | np.ndarray, vocab: int) -> list[int]:
    words = sentence.tolist() if isinstance(sentence, Tensor | np.ndarray) else list(sentence)
    wrong = next((word for word in words if not is_integer(word)), None)
    if wrong is not None:
        raise TypeError(f"sentence {number} of source must hold word ids, got {wrong!r}")
    while words and words[-1] == PAD:
        words.pop()
    if not words:
        raise ValueError(f"sentence {number} of source has no words; leave it out, there is nothing to translate")
    if PAD in words:
        raise ValueError(f"sentence {number} of source has padding before a word, at place {words.index(PAD)}")
    outside = next((word for word in words if not 0 <= word < vocab), None)
    if outside is not None:
        raise ValueError(f"sentence {number} of source has id {outside}; the vocabulary has ids 0 to {vocab - 1}")
    return [int(word) for word in words]


def _require_translator(model: nn.Module) -> None:
    missing = [name for name in ("encode", "start", "step", "config") if not hasattr(model, name)]
    if missing:
        raise TypeError(f"{type(model).__name__} can't translate: it has no {', '.join(missing)}")


def _require_possible(log_probability: Float[Tensor, " rows"], length: int) -> None:
    """Raise unless the best word of every row has a probability."""
    if log_probability.isfinite().all():
        return
    if log_probability.isnan().any():
        raise ValueError(f"the model's logits for word {length} hold NaN or infinity: look at its parameters")
    raise ValueError(f"the model gives probability 0 to every word that may be said as word {length}")


def _require_truncation(temperature: float, top_k: int | None, top_p: float | None) -> None:
    for name, number in (("temperature", temperature), ("top_p", top_p)):
        if number is not None or name == "temperature":
            _require_number(name, number)
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be finite and at least 0, got {temperature}")
    if top_k is not None:
        require_sizes(top_k=top_k)
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")


def _require_number(name: str, number: float) -> None:
    if isinstance(number, bool) or not isinstance(number, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {type(number).__name__}")


def _require_exponent(exponent: float) -> None:
    _require_number("the length penalty", exponent)
    if not 0 <= exponent < math.inf:
        raise ValueError(f"the length penalty must be finite and at least 0, got {exponent}")
