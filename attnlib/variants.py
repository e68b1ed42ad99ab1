r"""Five ways to wire an encoder to a decoder: one small class each, over parts that all of them share.

Capitals are whole sentences, one word a column: X holds the embeddings of the source words, H the encoder's states, T
the embeddings of the target words that the decoder reads, S the states with which it comes to its steps, W the
weights, one step a column, and C the contexts. The decoder is the same in all five,

.. math:: s_{i+1} = f([t_i \oplus c_i], s_i), \qquad Y_i = \mathrm{output}(s_{i+1})

with a recurrent cell f, and so is ``C = values ⊗ W``. What differs is where the weights come from. Below, corr(A, B) is
the softmax over each column of the matrix of all dot products :math:`A^\top B`, and d the height of the matrix Qw.

==  =============================  ====================================  ===========  =================
 #  form                           W                                     values       starts from
==  =============================  ====================================  ===========  =================
1   encoder-decoder dot product    corr(H, S)                            H            the last h
2   encoder-decoder QKV            corr(Kw H, Qw S), scores over √d      Vw H         the last h
3   encoder-only dot product       corr(X, X)                            X            zeros
4   encoder-only QKV               corr(Kw X, Qw X), scores over √d      Vw X         zeros
5   fully connected layer          softmax of FC (T ⊕ S), padding out    H            the last h
==  =============================  ====================================  ===========  =================

In forms 3 and 4 there is no recurrent encoder, and W is square: as many columns as the source has words. Step i of the
decoder reads column i of the contexts; a step after the source's last word finds no column and reads zeros.

In code words are rows: ``H`` is (batch, key, hidden), the weights of one step are (batch, 1, key), and contexts are
``weights @ values``.
"""

from dataclasses import asdict, dataclass
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear, pad
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attnlib._ids import most_likely, require_batch, source_lengths
from attnlib._random import seeded
from attnlib.attention import Attention
from attnlib.scores import dot, scaled_dot
from attnlib.seq2seq import (
    Seq2SeqConfig,
    State,
    Step,
    cell_step,
    read_on,
    sentence_vector,
)
from attnlib.softmax import softmax
from attnlib.symbols import PAD

_RECURRENT = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@dataclass(frozen=True)
class VariantConfig:
    """Sizes of the parts that all variants share.

    Parameters
    ----------
    source_vocab, target_vocab : int
        Number of ids of each language, the four of :mod:`attnlib.symbols` included.
    embedding_dim : int
        Length of a word vector, in both languages.
    hidden_dim : int
        Length of the states h and s, and of all projections.
    max_length : int
        Most words of a source sentence: the number of coefficients that variant 5's layer gives.
    cell : str
        ``"rnn"``, ``"gru"`` or ``"lstm"``, in encoder and decoder.

    Raises
    ------
    TypeError, ValueError
        As :class:`~attnlib.seq2seq.Seq2SeqConfig`.

    Examples
    --------
    >>> VariantConfig(source_vocab=20, target_vocab=30, embedding_dim=6, hidden_dim=8).cell
    'gru'
    """

    source_vocab: int
    target_vocab: int
    embedding_dim: int
    hidden_dim: int
    max_length: int = 100
    cell: str = "gru"

    def __post_init__(self):
        Seq2SeqConfig(**asdict(self), attention=None)  # the same fields, so the same checks


class Arrow(NamedTuple):
    """One operation of a wiring: what goes in, what is done, what comes out."""

    inputs: tuple[str, ...]
    """Names of tensors."""
    operation: str
    """Attribute of the variant, or a function without parameters, such as ``corr``, ``softmax``, ``⊗``, ``⊕``."""
    output: str
    """Name of a tensor."""


class VariantState(NamedTuple):
    """What the decoder keeps from one step to the next."""

    hidden: Float[Tensor, "batch hidden"]
    """s."""
    cell: Float[Tensor, "batch hidden"] | None
    """What an LSTM remembers beside; None for other cells."""
    place: Int[Tensor, "batch"]
    """Number of the step, from 0."""


class VariantMemory(NamedTuple):
    """What a variant knows of a batch of source sentences before its decoder begins."""

    keys: Float[Tensor, "batch key key_dim"] | None
    """What states are scored against; None where they aren't."""
    values: Float[Tensor, "batch key value_dim"]
    """What the weights sum."""
    weights: Float[Tensor, "batch key key"] | None
    """All of W, one step a row, where it doesn't need the decoder; rows of padding are zeros."""
    mask: Bool[Tensor, "batch 1 key"]
    """True where there is a word."""
    first: State
    """The state from which the decoder starts."""


_ENCODER = (Arrow(("X",), "encoder", "H"), Arrow(("H",), "start", "S"))
_DECODER = (Arrow(("T", "C"), "decoder", "S"), Arrow(("S",), "output", "Y"))


class Variant(nn.Module):
    """What the five have in common: embeddings, a recurrent encoder where H is read, a recurrent decoder, an output.

    A variant says in :meth:`prepare` what it makes of the source, and in :meth:`weigh` what weights a step gets. It
    declares its connections in ``wiring``, from which its diagram is drawn; that a recurrent layer goes on from its own
    last state is taken for granted there.

    Parameters
    ----------
    config : VariantConfig
    seed : int
        What the initial weights are drawn from. Layers that two variants share start from the same weights.

    Attributes
    ----------
    number : int
        In the table of :mod:`attnlib.variants`.
    title : str
    needs_decoder : bool
        Whether the weights depend on the decoder's state. Where they don't, all of W is there before the first step.
    wiring : tuple of Arrow

    Raises
    ------
    TypeError
        If the seed is not an integer, or ids are not integers.
    ValueError
        If ids do not fit the vocabularies, a source is empty, longer than ``max_length`` or padded before its end, or
        the teacher forcing is no probability.
    """

    number: ClassVar[int]
    title: ClassVar[str]
    needs_decoder: ClassVar[bool]
    wiring: ClassVar[tuple[Arrow, ...]]

    def __init__(self, config: VariantConfig, *, seed: int):
        super().__init__()
        self.config = config
        width, hidden, recurrent = config.embedding_dim, config.hidden_dim, _RECURRENT[config.cell]
        operations, summed = self._operations(), self._summed()
        with seeded(seed):
            self.source_embedding = nn.Embedding(config.source_vocab, width, padding_idx=PAD)
            self.target_embedding = nn.Embedding(config.target_vocab, width, padding_idx=PAD)
            self.encoder = recurrent(width, hidden, batch_first=True) if "encoder" in operations else None
            self.decoder = recurrent(width + (width if summed == "X" else hidden), hidden, batch_first=True)
            self.output = nn.Linear(hidden, config.target_vocab)
            self.add_layers()

    def add_layers(self) -> None:
        """Make the layers that this variant alone has, drawing from torch's generator, which the seed has set."""

    def prepare(
        self,
        X: Float[Tensor, "batch key embedding"],
        H: Float[Tensor, "batch key hidden"] | None,
        mask: Bool[Tensor, "batch 1 key"],
    ) -> tuple[Tensor | None, Tensor, Tensor | None]:
        """Return keys, values and, where they don't need the decoder, all weights."""
        raise NotImplementedError(f"{type(self).__name__} must say what it makes of the source")

    def weigh(
        self, memory: VariantMemory, t: Float[Tensor, "batch 1 embedding"], state: VariantState
    ) -> Float[Tensor, "batch 1 key"]:
        """Return the weights of a step that reads word t: here, those of its place in the W that is there already."""
        places = memory.weights.shape[1]
        here = state.place.clamp(max=places - 1)[:, None, None].expand(-1, 1, places)
        row = memory.weights.gather(1, here)
        return row * (state.place < places)[:, None, None]

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
        """Return the decoder's states after each word that it reads, one a position of the target.

        Parameters
        ----------
        source : (batch, key)
            Word ids, padded at the end.
        target_in : (batch, length)
            What the decoder is to read, beginning with ``BOS``.
        teacher_forcing : float
            Probability, for each sentence and step, that T holds the known word and not the decoder's own last one.
            The first word read is always the one in ``target_in``.
        generator : torch.Generator or None
            On the CPU; what the choice is drawn from. None is torch's global generator.
        """
        if not 0 <= teacher_forcing <= 1:
            raise ValueError(f"teacher_forcing must be a probability from 0 to 1, got {teacher_forcing}")
        forced = None
        if teacher_forcing < 1:
            forced = torch.rand(target_in.shape, generator=generator) < teacher_forcing
        elif not self.needs_decoder:
            return self._all_steps_at_once(source, target_in)
        return self._walk(source, target_in, forced)[0]

    @torch.no_grad()
    def weights(
        self, source: Int[Tensor, "batch key"], target_in: Int[Tensor, "batch length"]
    ) -> Float[Tensor, "batch length key"]:
        """Return W, one step a row, of a decoder that reads the known words.

        Parameters
        ----------
        source, target_in
            As for :meth:`features`.
        """
        return self._walk(source, target_in, None)[1]

    def encode(self, source: Int[Tensor, "batch key"]) -> VariantMemory:
        """Read the source sentences, and prepare what every step needs of them."""
        lengths, mask = source_lengths(source, self.config.source_vocab, self.config.max_length)
        X = self.source_embedding(source)
        H, first = self._read(X, lengths)
        return VariantMemory(*self.prepare(X, H, mask), mask, first)

    def start(self, memory: VariantMemory) -> VariantState:
        """Return the state before the first word: the encoder's last, or zeros if there is no encoder."""
        return VariantState(*memory.first, torch.zeros_like(memory.mask[:, 0, 0], dtype=torch.long))

    def step(self, token: Int[Tensor, "batch"], state: VariantState, memory: VariantMemory) -> Step:
        """Read one word a sentence, and give the logits of the next, the weights and the new state."""
        weights, state = self._step(token, state, memory)
        return Step(self.output(state.hidden), weights, state)

    def _step(
        self, token: Int[Tensor, "batch"], state: VariantState, memory: VariantMemory
    ) -> tuple[Float[Tensor, "batch key"], VariantState]:
        t = self.target_embedding(token)[:, None]
        weights = self.weigh(memory, t, state)
        c = weights @ memory.values
        tc = torch.cat([t, c], dim=-1)[:, 0]
        from_input = linear(tc, self.decoder.weight_ih_l0, self.decoder.bias_ih_l0)
        from_state = linear(state.hidden, self.decoder.weight_hh_l0, self.decoder.bias_hh_l0)
        new = cell_step(self.config.cell, from_input, from_state, State(state.hidden, state.cell))
        return weights[:, 0], VariantState(*new, state.place + 1)

    def _walk(
        self, source: Tensor, target_in: Tensor, forced: Bool[Tensor, "batch length"] | None
    ) -> tuple[Float[Tensor, "batch length hidden"], Float[Tensor, "batch length key"]]:
        """Take all steps one by one; ``forced`` says which of them read the known word, None that all do."""
        memory = self._encode_for(source, target_in)
        state, token = self.start(memory), target_in[:, 0]
        features, seen = [], []
        for place in range(target_in.shape[1]):
            if place > 0:
                token = target_in[:, place]
                if forced is not None:
                    token = torch.where(forced[:, place].to(token.device), token, self._own_word(features[-1]))
            weights, state = self._step(token, state, memory)
            features.append(state.hidden)
            seen.append(weights)
        return torch.stack(features, dim=1), torch.stack(seen, dim=1)

    def _all_steps_at_once(self, source: Tensor, target_in: Tensor) -> Float[Tensor, "batch length hidden"]:
        """Read known words with contexts that are known before the first step."""
        memory = self._encode_for(source, target_in)
        contexts = (memory.weights @ memory.values)[:, : target_in.shape[1]]
        contexts = pad(contexts, (0, 0, 0, target_in.shape[1] - contexts.shape[1]))
        words = self.target_embedding(target_in)
        return read_on(self.decoder, torch.cat([words, contexts], dim=-1), memory.first)

    @torch.no_grad()
    def _own_word(self, features: Tensor) -> Int[Tensor, "batch"]:
        return most_likely(self.output(features))

    def _read(self, X: Tensor, lengths: Tensor) -> tuple[Tensor | None, State]:
        """Return H and the last h of each sentence, or None and zeros where there is no encoder."""
        if self.encoder is None:
            zeros = X.new_zeros(len(X), self.config.hidden_dim)
            return None, State(zeros, zeros if self.config.cell == "lstm" else None)
        packed = pack_padded_sequence(X, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, last = self.encoder(packed)
        H, _ = pad_packed_sequence(states, batch_first=True, total_length=X.shape[1])
        return H, sentence_vector(last)

    def _encode_for(self, source: Tensor, target_in: Tensor) -> VariantMemory:
        require_batch("target_in", target_in, self.config.target_vocab)
        memory = self.encode(source)
        if len(target_in) != len(source):
            raise ValueError(f"source has {len(source)} sentences but target_in has {len(target_in)}")
        return memory

    @classmethod
    def _operations(cls) -> set[str]:
        return {arrow.operation for arrow in cls.wiring}

    @classmethod
    def _summed(cls) -> str:
        """Return the name of the values."""
        return next(arrow.inputs[0] for arrow in cls.wiring if arrow.output == "C")


class EncoderDecoderDot(Variant):
    r"""Variant 1: the weights are dot products of the encoder's states with the decoder's.

    .. math:: W = \operatorname{corr}(H, S), \quad C = H W \qquad \text{in rows:} \quad
              w_i = \operatorname{softmax}(s_i H^\top), \quad c_i = w_i H

    It has no parameters of its own. With the same seed and sizes it is :class:`~attnlib.seq2seq.Seq2Seq` with
    ``attention="dot"`` and ``style="bahdanau"``.

    References
    ----------
    Luong, Pham and Manning (2015), arXiv:1508.04025, eq. 8, ``dot``.

    Examples
    --------
    >>> config = VariantConfig(source_vocab=20, target_vocab=30, embedding_dim=6, hidden_dim=8)
    >>> source, target = torch.tensor([[4, 5, 6]]), torch.tensor([[1, 9, 10, 11, 2]])
    >>> model = EncoderDecoderDot(config, seed=0)
    >>> model(source, target[:, :-1]).shape, model.weights(source, target[:, :-1]).shape
    (torch.Size([1, 4, 30]), torch.Size([1, 4, 3]))
    """

    number, title, needs_decoder = 1, "encoder-decoder dot product", True
    wiring = (
        *_ENCODER,
        Arrow(("H", "S"), "corr", "W"),
        Arrow(("H", "W"), "⊗", "C"),
        *_DECODER,
    )

    def prepare(self, X, H, mask):
        """Return H as keys and as values."""
        return H, H, None

    def weigh(self, memory, t, state):
        """Score the state against H."""
        s = state.hidden[:, None]
        return softmax(dot(s, memory.keys), memory.mask)


class EncoderDecoderQKV(Variant):
    r"""Variant 2: as variant 1, between learned projections.

    .. math:: W = \operatorname{corr}(K_w H, Q_w S), \quad C = (V_w H) W \qquad \text{in rows:} \quad
              w_i = \operatorname{softmax}\!\Big(\frac{(s_i Q_w^\top)(H K_w^\top)^\top}{\sqrt d}\Big), \quad
              c_i = w_i (H V_w^\top)

    With the same seed and sizes it is :class:`~attnlib.seq2seq.Seq2Seq` with ``attention="qkv"`` and
    ``style="bahdanau"``.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, eq. 1, for the scaled dot product of projections.

    Examples
    --------
    >>> config = VariantConfig(source_vocab=20, target_vocab=30, embedding_dim=6, hidden_dim=8)
    >>> EncoderDecoderQKV(config, seed=0).Qw
    Linear(in_features=8, out_features=8, bias=False)
    """

    number, title, needs_decoder = 2, "encoder-decoder QKV", True
    wiring = (
        *_ENCODER,
        Arrow(("H",), "Kw", "K"),
        Arrow(("S",), "Qw", "Q"),
        Arrow(("K", "Q"), "corr/√d", "W"),
        Arrow(("H",), "Vw", "V"),
        Arrow(("V", "W"), "⊗", "C"),
        *_DECODER,
    )

    def add_layers(self):
        """Make three projections of states."""
        layers = Attention(self.config.hidden_dim, seed=torch.default_generator)
        self.Qw, self.Kw, self.Vw = layers.Qw, layers.Kw, layers.Vw

    def prepare(self, X, H, mask):
        """Project H to keys and values."""
        return self.Kw(H), self.Vw(H), None

    def weigh(self, memory, t, state):
        """Score the projected state against the keys."""
        s = state.hidden[:, None]
        return softmax(scaled_dot(self.Qw(s), memory.keys), memory.mask)


class EncoderOnlyDot(Variant):
    r"""Variant 3: the weights are dot products of the source words with each other, an auto-correlation.

    .. math:: W = \operatorname{corr}(X, X), \quad C = X W \qquad \text{in rows:} \quad
              W = \operatorname{softmax}(X X^\top), \quad C = W X

    The decoder has no say in the weights: word k of the source makes a mixture of the source, and step i of the decoder
    reads mixture i. It has no parameters of its own, and no recurrent encoder.

    Examples
    --------
    >>> config = VariantConfig(source_vocab=20, target_vocab=30, embedding_dim=6, hidden_dim=8)
    >>> memory = EncoderOnlyDot(config, seed=0).encode(torch.tensor([[4, 5, 6]]))
    >>> memory.weights.shape, memory.weights.sum(dim=-1).round(decimals=4).tolist()
    (torch.Size([1, 3, 3]), [[1.0, 1.0, 1.0]])
    """

    number, title, needs_decoder = 3, "encoder-only dot product", False
    wiring = (
        Arrow(("X", "X"), "corr", "W"),
        Arrow(("X", "W"), "⊗", "C"),
        *_DECODER,
    )

    def prepare(self, X, H, mask):
        """Score X against itself."""
        return None, X, softmax(dot(X, X), mask & mask.mT)


class EncoderOnlyQKV(Variant):
    r"""Variant 4: as variant 3, between learned projections. It is self-attention with one head and no positions.

    .. math:: W = \operatorname{corr}(K_w X, Q_w X), \quad C = (V_w X) W \qquad \text{in rows:} \quad
              W = \operatorname{softmax}\!\Big(\frac{(X Q_w^\top)(X K_w^\top)^\top}{\sqrt d}\Big), \quad
              C = W (X V_w^\top)

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, eq. 1.

    Examples
    --------
    >>> config = VariantConfig(source_vocab=20, target_vocab=30, embedding_dim=6, hidden_dim=8)
    >>> EncoderOnlyQKV(config, seed=0).encode(torch.tensor([[4, 5, 6]])).values.shape
    torch.Size([1, 3, 8])
    """

    number, title, needs_decoder = 4, "encoder-only QKV", False
    wiring = (
        Arrow(("X",), "Kw", "K"),
        Arrow(("X",), "Qw", "Q"),
        Arrow(("K", "Q"), "corr/√d", "W"),
        Arrow(("X",), "Vw", "V"),
        Arrow(("V", "W"), "⊗", "C"),
        *_DECODER,
    )

    def add_layers(self):
        """Make three projections of word vectors."""
        width, hidden = self.config.embedding_dim, self.config.hidden_dim
        layers = Attention(width, dim=hidden, context_dim=hidden, seed=torch.default_generator)
        self.Qw, self.Kw, self.Vw = layers.Qw, layers.Kw, layers.Vw

    def prepare(self, X, H, mask):
        """Project X to values, and score its projections against each other."""
        scores = scaled_dot(self.Qw(X), self.Kw(X))
        return None, self.Vw(X), softmax(scores, mask & mask.mT)


class FullyConnected(Variant):
    r"""Variant 5: a fully connected layer of the word read and the decoder's state gives the coefficients.

    .. math:: W = \operatorname{softmax}(FC\,(T \oplus S)), \quad C = H W \qquad \text{in rows:} \quad
              w_i = \operatorname{softmax}([t_i \oplus s_i]\, FC^\top + b), \quad c_i = w_i H

    The layer has one output a place of the source, ``max_length`` of them; those of padding are left out. It never sees
    H: whatever the source words are, the same word read in the same state puts the same weight on the same places.

    References
    ----------
    Robertson (2017), *Translation with a sequence to sequence network and attention*, in its form until 2023.
    There coefficients of padding count, and the cell reads a further layer's ``relu`` of word and context; both are
    left out, so that all variants have one decoder.

    Examples
    --------
    >>> config = VariantConfig(source_vocab=20, target_vocab=30, embedding_dim=6, hidden_dim=8, max_length=10)
    >>> FullyConnected(config, seed=0).FC
    Linear(in_features=14, out_features=10, bias=True)
    """

    number, title, needs_decoder = 5, "fully connected layer", True
    wiring = (
        *_ENCODER,
        Arrow(("T", "S"), "⊕", "TS"),
        Arrow(("TS",), "FC", "F"),
        Arrow(("F",), "softmax", "W"),
        Arrow(("H", "W"), "⊗", "C"),
        *_DECODER,
    )

    def add_layers(self):
        """Make the layer that gives the coefficients."""
        width = self.config.embedding_dim + self.config.hidden_dim
        self.FC = nn.Linear(width, self.config.max_length)

    def prepare(self, X, H, mask):
        """Return H as values; there are no keys."""
        return None, H, None

    def weigh(self, memory, t, state):
        """Take the coefficients of the places that the source has."""
        s, places = state.hidden[:, None], memory.mask.shape[-1]
        coefficients = self.FC(torch.cat([t, s], dim=-1))[..., :places]
        return softmax(coefficients, memory.mask)


VARIANTS: dict[int, type[Variant]] = {
    variant.number: variant
    for variant in (EncoderDecoderDot, EncoderDecoderQKV, EncoderOnlyDot, EncoderOnlyQKV, FullyConnected)
}
"""From the number in the table to the class."""
