r"""An encoder, a decoder and an attention unit between them: the network of the 100/300/500 walkthrough.

The encoder reads the source sentence and leaves one vector h a word; they are the columns of H. The decoder says one
word a step. At each step the attention unit scores the h against the decoder's state s, the softmax of the scores
gives weights w, and the context is c = H w. Here words are rows, so that H is (words, hidden) and c is w H.

``"bahdanau"``
    The context goes into the recurrent cell, scored by the state before: :math:`s_i = f(y_{i-1}, c_i, s_{i-1})` with
    :math:`c_i` from the query :math:`s_{i-1}`. The features of the linear layer are :math:`s_i`, while the source
    shows it the word and the context as well.
``"luong"``
    The context comes after the cell, scored by the state that it gives: :math:`s_i = f(y_{i-1}, s_{i-1})` with
    :math:`c_i` from the query :math:`s_i`. The features are :math:`\tanh(W_c [c_i; s_i])`.

Without attention, :math:`s_i = f(y_{i-1}, s_{i-1})`, and the features are :math:`s_i`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear, one_hot, pad
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attnlib._arrays import require_sizes
from attnlib._ids import most_likely, require_batch, require_sentence, source_lengths
from attnlib._random import generator as generator_of
from attnlib._random import seeded
from attnlib.attention import Attention, attend
from attnlib.scores import (
    Additive,
    Concat,
    Cosine,
    General,
    LocalPredictive,
    Location,
    Score,
    additive_projected,
    dot,
    scaled_dot,
)
from attnlib.symbols import BOS, EOS, PAD, SYMBOLS

CELLS = ("rnn", "gru", "lstm")
"""Kinds of recurrent cell."""

ATTENTIONS = (
    "dot",
    "scaled_dot",
    "general",
    "additive",
    "concat",
    "location",
    "cosine",
    "local_predictive",
    "qkv",
)
"""Names of the attention units; None is a network without one."""

STYLES = ("bahdanau", "luong")
"""Where the context goes, into the decoder's cell or after it."""

_RECURRENT = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
_LOCAL_HALF_WIDTH = 10.0  # D of Luong et al. (2015)


@dataclass(frozen=True)
class Seq2SeqConfig:
    """Sizes and kinds of the parts of a :class:`Seq2Seq`.

    Parameters
    ----------
    source_vocab, target_vocab : int
        Number of ids of each language, the four of :mod:`attnlib.symbols` included.
    embedding_dim : int
        Length of a word vector, in both languages.
    hidden_dim : int
        Length of the encoder's vectors h and of the decoder's state s. Two directions share it, half each.
    max_length : int
        Most words of a source sentence, padding included. Decoders say no more words than that unless told otherwise.
    cell : str
        ``"rnn"``, ``"gru"`` or ``"lstm"``, in encoder and decoder.
    bidirectional : bool
        Whether the encoder reads the sentence from both ends.
    attention : str or None
        One of :data:`ATTENTIONS`: a score of :mod:`attnlib.scores` by name, or ``"qkv"`` for three learned projections
        with the scaled dot product. None leaves attention out.
    style : str
        ``"bahdanau"`` or ``"luong"``; of no consequence without attention.
    dropout_p : float
        Probability with which a number of a word vector or feature is set to zero, in training mode only. It draws
        from torch's global generator.

    Raises
    ------
    TypeError
        If a size is not an integer, bidirectional not True or False, or dropout_p not a number.
    ValueError
        If a size is below 1, a vocabulary has no room for the symbols and a word, a kind is unknown, dropout_p is out
        of range, or an odd hidden_dim is to be shared by two directions.

    Examples
    --------
    >>> Seq2SeqConfig.walkthrough(cell="gru", attention="additive").hidden_dim
    500
    """

    source_vocab: int
    target_vocab: int
    embedding_dim: int
    hidden_dim: int
    max_length: int = 100
    cell: str = "gru"
    bidirectional: bool = False
    attention: str | None = "dot"
    style: str = "bahdanau"
    dropout_p: float = 0.0

    def __post_init__(self):
        require_sizes(embedding_dim=self.embedding_dim, hidden_dim=self.hidden_dim, max_length=self.max_length)
        for name in ("source_vocab", "target_vocab"):
            require_sizes(**{name: getattr(self, name)})
            if getattr(self, name) <= len(SYMBOLS):
                raise ValueError(f"{name} must be above {len(SYMBOLS)}, the symbols, got {getattr(self, name)}")
        _require_one_of(CELLS, cell=self.cell)
        _require_one_of(STYLES, style=self.style)
        if self.attention is not None:
            _require_one_of((*ATTENTIONS, None), attention=self.attention)
        if not isinstance(self.bidirectional, bool):
            raise TypeError(f"bidirectional must be True or False, got {self.bidirectional!r}")
        if isinstance(self.dropout_p, bool) or not isinstance(self.dropout_p, int | float):
            raise TypeError(f"dropout_p must be a number, got {type(self.dropout_p).__name__}")
        if not 0 <= self.dropout_p < 1:
            raise ValueError(f"dropout_p must be at least 0 and below 1, got {self.dropout_p}")
        if self.bidirectional and self.hidden_dim % 2:
            raise ValueError(f"two directions share hidden_dim, so it must be even, got {self.hidden_dim}")

    @classmethod
    def walkthrough(cls, **changes: Any) -> "Seq2SeqConfig":
        """Return the network of the walkthrough: 100 words, 300, 500, vocabularies of 9,000 and 10,000.

        Plain recurrent cells, one direction, and a dot product of the states for an attention unit; ``changes``
        replace any of it.
        """
        as_drawn = cls(
            source_vocab=9_000,
            target_vocab=10_000,
            embedding_dim=300,
            hidden_dim=500,
            max_length=100,
            cell="rnn",
            attention="dot",
            style="bahdanau",
        )
        return replace(as_drawn, **changes)


class State(NamedTuple):
    """What the decoder keeps from one step to the next."""

    hidden: Float[Tensor, "batch hidden"]
    """s."""
    cell: Float[Tensor, "batch hidden"] | None
    """What an LSTM remembers beside; None for other cells."""


class Memory(NamedTuple):
    """What the encoder leaves of a batch of sentences. Every tensor has the batch first."""

    states: Float[Tensor, "batch key hidden"]
    """H, one h a row; zeros in padding."""
    keys: Float[Tensor, "batch key key_dim"] | None
    """What queries are scored against, projected once for all steps; None without attention."""
    values: Float[Tensor, "batch key hidden"] | None
    """What the weights sum; None without attention."""
    mask: Bool[Tensor, "batch 1 key"]
    """True where there is a word."""
    lengths: Int[Tensor, "batch"]
    """Words of each sentence."""
    last: State
    """The sentence vector, from which the decoder starts. It is the encoder's state after the last word it reads, which
    is the first one for the direction that reads backwards."""


class Step(NamedTuple):
    """What one step of the decoder gives."""

    logits: Float[Tensor, "batch target_vocab"]
    """One number a word of the target vocabulary."""
    weights: Float[Tensor, "batch key"] | None
    """w; None without attention."""
    state: State
    """For the next step."""


class AttentionUnit(nn.Module):
    """The unit A between encoder and decoder: a score by name, with what depends on the keys alone done once.

    Parameters
    ----------
    name : str
        One of :data:`ATTENTIONS`.
    hidden_dim : int
        Length of h and s, and of all projections.
    max_length : int
        Most words of a source sentence, for ``"location"``.
    seed : int or torch.Generator

    Examples
    --------
    >>> unit = AttentionUnit("additive", hidden_dim=4, max_length=9, seed=0)
    >>> h, s = torch.ones(2, 3, 4), torch.ones(2, 1, 4)
    >>> keys, values = unit.prepare(h)
    >>> c, w = unit(s, keys, values, torch.ones(2, 1, 3, dtype=torch.bool), torch.tensor([3, 3]), return_weights=True)
    >>> c.shape, w.shape
    (torch.Size([2, 1, 4]), torch.Size([2, 1, 3]))
    """

    def __init__(self, name: str, hidden_dim: int, max_length: int, *, seed: int | torch.Generator):
        super().__init__()
        _require_one_of(ATTENTIONS, attention=name)
        self.name = name
        self.score = _score_module(name, hidden_dim, max_length, generator_of(seed))

    def prepare(
        self, states: Float[Tensor, "batch key hidden"]
    ) -> tuple[Float[Tensor, "batch key key_dim"], Float[Tensor, "batch key hidden"]]:
        """Return keys and values: the states, or what the unit's weights make of them."""
        if self.name == "general":
            return linear(states, self.score.weight), states
        if self.name == "additive":
            return self.score.project_keys(states).to(states.dtype), states  # it comes in at least float32
        if self.name == "concat":
            return linear(states, self.score.weight[:, states.shape[-1] :]), states
        if self.name == "qkv":
            return self.score.Kw(states), self.score.Vw(states)
        return states, states

    def scores(
        self,
        query: Float[Tensor, "batch query hidden"],
        keys: Float[Tensor, "batch key key_dim"],
        lengths: Int[Tensor, "batch"],
    ) -> Float[Tensor, "batch query key"]:
        """Score decoder states against what :meth:`prepare` made, padding like words."""
        query, score = self._ready(query, lengths)
        return score(query, keys)

    def forward(
        self,
        query: Float[Tensor, "batch query hidden"],
        keys: Float[Tensor, "batch key key_dim"],
        values: Float[Tensor, "batch key hidden"],
        mask: Bool[Tensor, "batch 1 key"],
        lengths: Int[Tensor, "batch"],
        *,
        return_weights: bool = False,
    ) -> Float[Tensor, "batch query hidden"] | tuple[Float[Tensor, "batch query hidden"], Tensor]:
        """Return the contexts of decoder states, and the weights if asked for."""
        query, score = self._ready(query, lengths)
        return attend(query, keys, values, mask, score=score, return_weights=return_weights)

    def _ready(self, query: Tensor, lengths: Tensor) -> tuple[Tensor, Score]:
        """Return the query and the score that goes with prepared keys."""
        if self.name == "general":
            return query, dot
        if self.name == "additive":
            return query, self.score.with_projected_keys
        if self.name == "concat":
            return linear(query, self.score.weight[:, : query.shape[-1]]), partial(
                additive_projected, vector=self.score.vector
            )
        if self.name == "qkv":
            return self.score.Qw(query), scaled_dot
        if self.name == "local_predictive":
            return query, partial(self.score, lengths=lengths)
        return query, self.score


class Seq2Seq(nn.Module):
    """A recurrent encoder, a recurrent decoder with a linear layer, and an attention unit, or none.

    Padding is never attended to, never read by the encoder's cells, and not in the state that the decoder starts from.

    Parameters
    ----------
    config : Seq2SeqConfig
    seed : int
        What the initial weights are drawn from.

    Raises
    ------
    TypeError
        If the seed is not an integer, or ids are not int64 tensors.
    ValueError
        If ids do not fit the vocabularies, a source is empty, longer than ``max_length`` or padded before its end,
        there are not as many targets as sources, or the teacher forcing is no probability.

    References
    ----------
    Sutskever, Vinyals and Le (2014), arXiv:1409.3215, without attention; Bahdanau, Cho and Bengio (2015),
    arXiv:1409.0473, appendix A; Luong, Pham and Manning (2015), arXiv:1508.04025, eq. 5.

    Examples
    --------
    >>> config = Seq2SeqConfig(source_vocab=20, target_vocab=30, embedding_dim=6, hidden_dim=8)
    >>> model = Seq2Seq(config, seed=0)
    >>> source = torch.tensor([[4, 5, 6], [7, 8, 0]])
    >>> target = torch.tensor([[1, 9, 10, 2], [1, 11, 2, 0]])
    >>> model(source, target[:, :-1]).shape
    torch.Size([2, 3, 30])
    >>> memory = model.encode(source)
    >>> step = model.step(torch.tensor([1, 1]), model.start(memory), memory)
    >>> step.logits.shape, step.weights.sum(dim=-1).tolist(), step.weights[1, 2].item()
    (torch.Size([2, 30]), [1.0, 1.0], 0.0)
    """

    def __init__(self, config: Seq2SeqConfig, *, seed: int):
        super().__init__()
        self.config = config
        width, hidden = config.embedding_dim, config.hidden_dim
        self._into_cell = config.attention is not None and config.style == "bahdanau"
        after_cell = config.attention is not None and config.style == "luong"
        recurrent, directions = _RECURRENT[config.cell], 2 if config.bidirectional else 1
        with seeded(seed):
            self.source_embedding = nn.Embedding(config.source_vocab, width, padding_idx=PAD)
            self.target_embedding = nn.Embedding(config.target_vocab, width, padding_idx=PAD)
            self.encoder = recurrent(width, hidden // directions, batch_first=True, bidirectional=config.bidirectional)
            self.decoder = recurrent(width + hidden * self._into_cell, hidden, batch_first=True)
            self.combine = nn.Linear(2 * hidden, hidden, bias=False) if after_cell else None
            self.output = nn.Linear(hidden, config.target_vocab)
            unit = partial(AttentionUnit, hidden_dim=hidden, max_length=config.max_length, seed=torch.default_generator)
            self.attention = None if config.attention is None else unit(config.attention)
        self.dropout = nn.Dropout(config.dropout_p)

    def forward(
        self,
        source: Int[Tensor, "batch key"],
        target_in: Int[Tensor, "batch length"],
        *,
        teacher_forcing: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "batch length target_vocab"]:
        """Return the logits of every position: ``output(features(...))``."""
        return self.output(self.features(source, target_in, teacher_forcing=teacher_forcing, generator=generator))

    def features(
        self,
        source: Int[Tensor, "batch key"],
        target_in: Int[Tensor, "batch length"],
        *,
        teacher_forcing: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "batch length hidden"]:
        """Return what goes into the linear layer at each position of the target.

        Parameters
        ----------
        source : (batch, key)
            Word ids, padded at the end.
        target_in : (batch, length)
            What the decoder is to read, beginning with ``BOS``.
        teacher_forcing : float
            Probability, for each sentence and step, of reading the word in ``target_in`` and not the decoder's own
            last word. The first word read is always the one in ``target_in``.
        generator : torch.Generator or None
            On the CPU; what the choice is drawn from. None is torch's global generator.
        """
        require_batch("target_in", target_in, self.config.target_vocab)
        if not 0 <= teacher_forcing <= 1:
            raise ValueError(f"teacher_forcing must be a probability from 0 to 1, got {teacher_forcing}")
        memory = self.encode(source)
        if len(target_in) != len(source):
            raise ValueError(f"source has {len(source)} sentences but target_in has {len(target_in)}")
        if teacher_forcing < 1:
            forced = torch.rand(target_in.shape, generator=generator) < teacher_forcing
            return self._reading_own_words(target_in, forced.to(target_in.device), memory)
        words = self.dropout(self.target_embedding(target_in))
        if self._into_cell:
            return self.dropout(self._context_into_cell(words, memory))
        return self.dropout(self._after_cell(read_on(self.decoder, words, memory.last), memory)[0])

    def encode(self, source: Int[Tensor, "batch key"]) -> Memory:
        """Read the source sentences, and prepare what every step needs of them."""
        lengths, mask = source_lengths(source, self.config.source_vocab, self.config.max_length)
        words = self.dropout(self.source_embedding(source))
        packed = pack_padded_sequence(words, lengths.cpu(), batch_first=True, enforce_sorted=False)
        packed_states, last = self.encoder(packed)
        states, _ = pad_packed_sequence(packed_states, batch_first=True, total_length=source.shape[1])
        keys, values = (None, None) if self.attention is None else self.attention.prepare(states)
        return Memory(states, keys, values, mask, lengths, sentence_vector(last))

    def start(self, memory: Memory) -> State:
        """Return the state before the first word: the encoder's last."""
        return memory.last

    def step(self, token: Int[Tensor, "batch"], state: State, memory: Memory) -> Step:
        """Read one word a sentence, and give the logits of the next, the weights and the new state.

        Nothing is dropped out. Sentences have nothing to do with each other: what a finished one reads is of no
        consequence to the rest.
        """
        if token.shape != memory.lengths.shape:
            raise ValueError(
                f"token must have shape {tuple(memory.lengths.shape)}, one id a sentence of the memory, "
                f"got {tuple(token.shape)}"
            )
        features, weights, state = self._step(self.target_embedding(token), state, memory, return_weights=True)
        return Step(self.output(features), weights, state)

    def _step(
        self, word: Tensor, state: State, memory: Memory, *, return_weights: bool = False
    ) -> tuple[Tensor, Tensor | None, State]:
        """Read word vectors (batch, embedding), and give features, weights if asked for, and the new state."""
        weights = None
        if self._into_cell:
            context, weights = self._attend(state.hidden[:, None], memory, return_weights)
            word = torch.cat([word, context[:, 0]], dim=-1)
        state = cell_step(self.config.cell, self._from_input(word), self._from_state(state), state)
        features = state.hidden
        if self.combine is not None:
            features, weights = self._after_cell(state.hidden[:, None], memory, return_weights)
            features = features[:, 0]
        return features, None if weights is None else weights[:, 0], state

    def _context_into_cell(self, words: Tensor, memory: Memory) -> Float[Tensor, "batch length hidden"]:
        """Take all steps with known words, whose share of the cell's input is computed for all steps at once."""
        width = words.shape[-1]
        weight = self.decoder.weight_ih_l0
        from_words = linear(words, weight[:, :width], self.decoder.bias_ih_l0).unbind(dim=1)
        context_weight = weight[:, width:].T
        state, hidden = memory.last, []
        for from_word in from_words:
            context, _ = self._attend(state.hidden[:, None], memory)
            from_input = torch.addmm(from_word, context[:, 0], context_weight)
            state = cell_step(self.config.cell, from_input, self._from_state(state), state)
            hidden.append(state.hidden)
        return torch.stack(hidden, dim=1)

    def _reading_own_words(self, target_in: Tensor, forced: Tensor, memory: Memory) -> Tensor:
        """Take all steps one by one, each reading the known word or the most likely one of the step before."""
        state, features, token = memory.last, [], target_in[:, 0]
        for position in range(target_in.shape[1]):
            if position > 0:
                token = torch.where(forced[:, position], target_in[:, position], self._own_word(features[-1]))
            word = self.dropout(self.target_embedding(token))
            feature, _, state = self._step(word, state, memory)
            features.append(self.dropout(feature))
        return torch.stack(features, dim=1)

    @torch.no_grad()
    def _own_word(self, features: Tensor) -> Int[Tensor, "batch"]:
        return most_likely(self.output(features))

    def _attend(
        self, query: Tensor, memory: Memory, return_weights: bool = False
    ) -> tuple[Float[Tensor, "batch query hidden"], Float[Tensor, "batch query key"] | None]:
        """Return the contexts of states (batch, query, hidden), and the weights if asked for."""
        _, keys, values, mask, lengths, _ = memory
        attended = self.attention(query, keys, values, mask, lengths, return_weights=return_weights)
        return attended if return_weights else (attended, None)

    def _after_cell(self, states: Tensor, memory: Memory, return_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """Turn states (batch, length, hidden) into features and weights: Luong's eq. 5, or the states as they are."""
        if self.combine is None:
            return states, None
        context, weights = self._attend(states, memory, return_weights)
        return torch.tanh(self.combine(torch.cat([context, states], dim=-1))), weights

    def _from_input(self, inputs: Tensor) -> Tensor:
        return linear(inputs, self.decoder.weight_ih_l0, self.decoder.bias_ih_l0)

    def _from_state(self, state: State) -> Tensor:
        return linear(state.hidden, self.decoder.weight_hh_l0, self.decoder.bias_hh_l0)


def cell_step(
    cell: str,
    from_input: Float[Tensor, "batch gates"],
    from_state: Float[Tensor, "batch gates"],
    state: State,
) -> State:
    r"""Take one step of a recurrent cell, from the products of its weights with the input and the state.

    .. math::

        \text{RNN:} \quad & s' = \tanh(a + b) \\
        \text{GRU:} \quad & s' = (1 - z) \odot n + z \odot s, \quad r, z = \sigma(a_{r,z} + b_{r,z}),
                            \quad n = \tanh(a_n + r \odot b_n) \\
        \text{LSTM:} \quad & s' = o \odot \tanh(m'), \quad m' = f \odot m + i \odot g, \quad
                             i, f, o = \sigma(a_{i,f,o} + b_{i,f,o}), \quad g = \tanh(a_g + b_g)

    with a from the input, b from the state, and m the LSTM's cell. Gates lie side by side in torch's order: r, z, n and
    i, f, g, o.

    Parameters
    ----------
    cell : str
        ``"rnn"``, ``"gru"`` or ``"lstm"``.
    from_input, from_state : (batch, gates)
        One, three or four times the hidden size, biases added.
    state : State
        From the step before.

    Returns
    -------
    State

    Raises
    ------
    ValueError
        If the cell is unknown.

    References
    ----------
    Elman (1990), doi:10.1207/s15516709cog1402_1; Cho et al. (2014), arXiv:1406.1078, eq. 5 to 8; Hochreiter and
    Schmidhuber (1997), doi:10.1162/neco.1997.9.8.1735.

    Examples
    --------
    >>> zeros = torch.zeros(1, 2)
    >>> cell_step("rnn", zeros + 1, zeros, State(zeros, None)).hidden
    tensor([[0.7616, 0.7616]])
    """
    _require_one_of(CELLS, cell=cell)
    if cell == "rnn":
        return State(torch.tanh(from_input + from_state), None)
    if cell == "gru":
        hidden = state.hidden.shape[-1]
        gates = torch.sigmoid(from_input[:, : 2 * hidden] + from_state[:, : 2 * hidden])
        reset, keep = gates.chunk(2, dim=-1)
        new = torch.tanh(torch.addcmul(from_input[:, 2 * hidden :], reset, from_state[:, 2 * hidden :]))
        return State(new + keep * (state.hidden - new), None)  # lerp wants one dtype, and autocast gives two
    gate_in, forget, new, gate_out = (from_input + from_state).chunk(4, dim=-1)
    memory = torch.sigmoid(forget) * state.cell + torch.sigmoid(gate_in) * torch.tanh(new)
    return State(torch.sigmoid(gate_out) * torch.tanh(memory), memory)


def parameter_counts(model: Seq2Seq) -> dict[str, int]:
    """Count the parameters of each part.

    Returns
    -------
    dict
        From the part's name to its number of parameters, in the order in which a sentence passes through them.

    Examples
    --------
    >>> counts = parameter_counts(Seq2Seq(Seq2SeqConfig.walkthrough(), seed=0))
    >>> counts["linear layer"], counts["decoder cell"]
    (5010000, 651000)
    """
    parts = {
        "source embedding": model.source_embedding,
        "encoder cell": model.encoder,
        "attention unit": model.attention,
        "target embedding": model.target_embedding,
        "decoder cell": model.decoder,
        "combination": model.combine,
        "linear layer": model.output,
    }
    return {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in parts.items()
        if part is not None
    }


@dataclass(frozen=True, eq=False)
class Trace:
    """Every tensor of the walkthrough's legend, for one sentence, by its name there; H holds words as columns.

    With L words in the source, n = ``max_length`` and T steps of the decoder:
    """

    x: Float[Tensor, "words source_vocab"]
    """One-hot vectors of the source words, (L, source_vocab)."""
    x_embedded: Float[Tensor, "words embedding"]
    """Their word embeddings (L, embedding_dim), looked up."""
    h: Float[Tensor, "words hidden"]
    """Encoder hidden vectors (L, hidden_dim)."""
    H: Float[Tensor, "hidden max_length"]
    """The h side by side (hidden_dim, n); zeros where there is no word."""
    sentence: Float[Tensor, "hidden"]
    """The sentence vector (hidden_dim,), the encoder's last state, from which the decoder starts."""
    y: Int[Tensor, "steps"]
    """Ids that the decoder reads at each step (T,), ``BOS`` first."""
    y_embedded: Float[Tensor, "steps embedding"]
    """Their embeddings (T, embedding_dim)."""
    query: Float[Tensor, "steps hidden"]
    """The states that ask (T, hidden_dim), s of the step before, or of this step in Luong's style."""
    score: Float[Tensor, "steps max_length"]
    """Alignment scores (T, n); -inf where there is no word."""
    w: Float[Tensor, "steps max_length"]
    """Attention weights (T, n); zeros where there is no word."""
    c: Float[Tensor, "steps hidden"]
    """Context vectors c = H w (T, hidden_dim), one a row; of a ``"qkv"`` unit c = Vw H w."""
    s: Float[Tensor, "steps hidden"]
    """Decoder states (T, hidden_dim)."""
    logits: Float[Tensor, "steps target_vocab"]
    """Outputs of the decoder's linear layer (T, target_vocab)."""
    Y: Float[Tensor, "steps target_vocab"]
    """One-hot vectors of their argmax (T, target_vocab), not counting padding and begin, which are never said."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor by its name."""
        return {name: tuple(tensor.shape) for name, tensor in vars(self).items()}


@torch.no_grad()
def trace(
    model: Seq2Seq, source: Int[Tensor, "words"], target: Int[Tensor, "target_words"] | None = None, *, steps: int = 10
) -> Trace:
    """Send one sentence through the network, and keep everything on the way.

    Parameters
    ----------
    model : Seq2Seq
        With attention. Its mode, training or not, is ignored: nothing is dropped out.
    source : (words,)
        Ids of the words of one sentence, without padding, begin and end.
    target : (target_words,) or None
        Ids of the words that the decoder is to say, likewise: it reads them after ``BOS``, one a step, so that there
        is one step more than words. None lets it read its own words, until it says ``EOS`` or for ``steps`` steps.
    steps : int
        Most steps, without a target.

    Returns
    -------
    Trace
        Float tensors on the model's device.

    Raises
    ------
    TypeError, ValueError
        As :class:`Seq2Seq`; also if the model has no attention, ids are not those of words, or steps are below 1.
    AssertionError
        If a tensor has not the shape that the config gives it.

    Examples
    --------
    >>> model = Seq2Seq(Seq2SeqConfig.walkthrough(), seed=0)
    >>> seen = trace(model, torch.tensor([4, 5, 6]), torch.tensor([7, 8, 9]))
    >>> seen.shapes()["H"], seen.shapes()["w"], seen.shapes()["c"], seen.shapes()["Y"]
    ((500, 100), (4, 100), (4, 500), (4, 10000))
    """
    if model.attention is None:
        raise ValueError(
            "there is nothing to trace without attention: make the model with one of the units "
            f"{', '.join(ATTENTIONS)}, not with attention=None"
        )
    require_sizes(steps=steps)
    require_sentence("source", source, model.config.source_vocab)
    if target is not None:
        require_sentence("target", target, model.config.target_vocab)
    was_training = model.training
    model.eval()
    try:
        memory = model.encode(source[None])
        seen = _as_drawn(model, source, memory, _walk(model, memory, target, steps))
    finally:
        model.train(was_training)
    _assert_shapes(seen, model.config, words=len(source), steps=len(seen.y))
    return seen


def _walk(model: Seq2Seq, memory: Memory, target: Tensor | None, steps: int) -> dict[str, Tensor]:
    """Take the decoder's steps; return what each saw, by name, one row a step."""
    state, token = model.start(memory), torch.tensor([BOS], device=memory.states.device)
    seen: dict[str, list[Tensor]] = {name: [] for name in ("y", "query", "score", "w", "s", "logits")}
    for position in range(steps if target is None else len(target) + 1):
        if position > 0:
            token = most_likely(step.logits) if target is None else target[position - 1 : position]
            if int(token) == EOS:  # never in a target
                break
        step = model.step(token, state, memory)
        query = state.hidden if model.config.style == "bahdanau" else step.state.hidden
        score = model.attention.scores(query[:, None], memory.keys, memory.lengths)[:, 0]
        for name, tensor in zip(seen, (token, query, score, step.weights, step.state.hidden, step.logits), strict=True):
            seen[name].append(tensor[0])
        state = step.state
    return {name: torch.stack(tensors) for name, tensors in seen.items()}


def _as_drawn(model: Seq2Seq, source: Tensor, memory: Memory, walked: dict[str, Tensor]) -> Trace:
    """Lay a walk out as the legend has it: as long as the longest sentence, with contexts as products of H and w."""
    room, dtype = model.config.max_length - len(source), memory.states.dtype
    w = pad(walked["w"], (0, room))
    return Trace(
        x=one_hot(source, model.config.source_vocab).to(dtype),
        x_embedded=model.source_embedding(source),
        h=memory.states[0],
        H=pad(memory.states[0], (0, 0, 0, room)).T,
        sentence=memory.last.hidden[0],
        y=walked["y"],
        y_embedded=model.target_embedding(walked["y"]),
        query=walked["query"],
        score=pad(walked["score"], (0, room), value=-torch.inf),
        w=w,
        c=w @ pad(memory.values[0], (0, 0, 0, room)),
        s=walked["s"],
        logits=walked["logits"],
        Y=one_hot(most_likely(walked["logits"]), model.config.target_vocab).to(dtype),
    )


def _assert_shapes(seen: Trace, config: Seq2SeqConfig, words: int, steps: int) -> None:
    """Raise AssertionError unless every tensor has the shape that the legend gives it."""
    embedding, hidden, longest = config.embedding_dim, config.hidden_dim, config.max_length
    legend = {
        "x": (words, config.source_vocab),
        "x_embedded": (words, embedding),
        "h": (words, hidden),
        "H": (hidden, longest),
        "sentence": (hidden,),
        "y": (steps,),
        "y_embedded": (steps, embedding),
        "query": (steps, hidden),
        "score": (steps, longest),
        "w": (steps, longest),
        "c": (steps, hidden),
        "s": (steps, hidden),
        "logits": (steps, config.target_vocab),
        "Y": (steps, config.target_vocab),
    }
    for name, shape in seen.shapes().items():
        if shape != legend[name]:
            raise AssertionError(f"{name} has shape {shape}, but in the legend it has {legend[name]}")


def _score_module(name: str, hidden: int, max_length: int, rng: torch.Generator) -> Score | nn.Module:
    """Return the score of an attention unit, with parameters where it has some; Attention for ``"qkv"``."""
    makers: dict[str, Callable[[], Score | nn.Module]] = {
        "dot": lambda: dot,
        "scaled_dot": lambda: scaled_dot,
        "general": lambda: General(hidden, hidden, seed=rng),
        "additive": lambda: Additive(hidden, hidden, hidden, seed=rng),
        "concat": lambda: Concat(hidden, hidden, hidden, seed=rng),
        "location": lambda: Location(hidden, max_length, seed=rng),
        "cosine": lambda: Cosine(),
        "local_predictive": lambda: LocalPredictive(hidden, hidden, _LOCAL_HALF_WIDTH, seed=rng),
        "qkv": lambda: Attention(hidden, seed=rng),
    }
    return makers[name]()


def sentence_vector(last: Tensor | tuple[Tensor, Tensor]) -> State:
    """Turn a recurrent layer's last states (directions, batch, size) into a decoder's, directions side by side.

    Examples
    --------
    >>> _, last = nn.GRU(3, 4, bidirectional=True, batch_first=True)(torch.zeros(2, 5, 3))
    >>> sentence_vector(last).hidden.shape
    torch.Size([2, 8])
    """
    hidden, cell = last if isinstance(last, tuple) else (last, None)
    return State(_side_by_side(hidden), None if cell is None else _side_by_side(cell))


def _side_by_side(directions: Float[Tensor, "directions batch size"]) -> Float[Tensor, "batch hidden"]:
    return directions.transpose(0, 1).flatten(1)


def read_on(
    layer: nn.RNNBase, words: Float[Tensor, "batch length size"], state: State
) -> Float[Tensor, "batch length hidden"]:
    """Return the states of a recurrent layer that reads known words, from a state on.

    In mixed precision on a CPU, the layer computes with its weights as they are: torch's LSTM would use a kernel for
    half precision that not every processor has.

    Examples
    --------
    >>> decoder = nn.GRU(3, 4, batch_first=True)
    >>> read_on(decoder, torch.zeros(2, 5, 3), State(torch.zeros(2, 4), None)).shape
    torch.Size([2, 5, 4])
    """
    first = [part[None].contiguous() for part in state if part is not None]
    if words.is_cpu:
        dtype = layer.weight_hh_l0.dtype
        words, first = words.to(dtype), [part.to(dtype) for part in first]
    with torch.autocast("cpu", enabled=False):  # other devices' mixed precision stays on
        return layer(words, tuple(first) if len(first) > 1 else first[0])[0]


def _require_one_of(known: tuple, **choice: str | None) -> None:
    (name, value), *_ = choice.items()
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(str, known))}, got {value!r}")
