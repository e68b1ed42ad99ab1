r"""The Transformer: layers of attention and feed-forward networks, as encoder and decoder or as a decoder alone.

Every sublayer F is wrapped in a residual connection and a normalisation, in one of two orders:

.. math:: \text{post:} \quad x' = \mathrm{norm}(x + F(x)) \qquad\qquad \text{pre:} \quad x' = x + F(\mathrm{norm}(x))

An encoder layer has two sublayers, self-attention and a feed-forward network. A decoder layer has causal
self-attention, attention to what the encoder left, and a feed-forward network; in a model without an encoder the middle
one is missing. All words of a known target are read at once. One step at a time, the keys and values of the words
before are kept in a :class:`Cache`, so that nothing is computed twice.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu, relu, silu

from attnlib._arrays import require_dropout, require_sizes
from attnlib._ids import most_likely, require_batch, source_lengths
from attnlib._layers import projection
from attnlib._random import seeded
from attnlib.masks import causal_mask
from attnlib.multihead import KeysValues, MultiHeadAttention
from attnlib.positions import ALiBi, Learned, RelativeScheme, Rotary, Shaw, Sinusoidal, T5Bias
from attnlib.seq2seq import Step
from attnlib.symbols import PAD, SYMBOLS

NORMS = ("pre", "post", "none")
"""Where a sublayer is normalised, which is before it, after the sum, or nowhere."""

ACTIVATIONS = ("relu", "gelu", "swiglu")
"""Kinds of feed-forward network."""

POSITIONS = ("sinusoidal", "learned", "rotary", "alibi", "t5", "shaw", "none")
"""How words know where they stand; see :mod:`attnlib.positions`."""

TIES = ("none", "target", "all")
"""Which tables of word vectors are one, which is none, the target's and the linear layer's, or the source's too."""


@dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """What all layers of a model have in common.

    Parameters
    ----------
    dim : int
        Width of the vectors that go from layer to layer.
    heads : int
        Of every attention; divides dim.
    key_heads : int or None
        Heads of keys and values, which divide heads. None: as many.
    ffn_dim : int
        Width of the hidden layer of the feed-forward networks.
    max_length : int
        Most words of a source or prompt; of a target, unless a decoder is told otherwise, and with learned positions
        in any case.
    norm : str
        ``"pre"``, ``"post"`` or ``"none"``.
    residual : bool
        Whether a sublayer's input is added to its output.
    activation : str
        ``"relu"``, ``"gelu"`` or ``"swiglu"``.
    positions : str
        One of :data:`POSITIONS`.
    bias : bool
        Whether linear layers have biases.
    dropout_p : float
        Probability with which a number of a sublayer's output, or of a word vector with its position, is set to zero,
        in training mode only. It draws from torch's global generator.

    Raises
    ------
    TypeError, ValueError
        If a field is not of its kind or out of range.
    """

    dim: int = 512
    heads: int = 8
    key_heads: int | None = None
    ffn_dim: int = 2048
    max_length: int = 256
    norm: str = "pre"
    residual: bool = True
    activation: str = "relu"
    positions: str = "sinusoidal"
    bias: bool = True
    dropout_p: float = 0.1

    def __post_init__(self) -> None:
        require_sizes(dim=self.dim, heads=self.heads, ffn_dim=self.ffn_dim, max_length=self.max_length)
        if self.dim % self.heads:
            raise ValueError(f"{self.heads} heads can't share dim {self.dim} evenly")
        if self.key_heads is not None:
            require_sizes(key_heads=self.key_heads)
            if self.heads % self.key_heads:
                raise ValueError(f"{self.heads} heads can't share {self.key_heads} key heads evenly")
        for name, known in (("norm", NORMS), ("activation", ACTIVATIONS), ("positions", POSITIONS)):
            _require_one_of(name, getattr(self, name), known)
        for name in ("residual", "bias"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        require_dropout(self.dropout_p)
        if self.positions == "rotary" and self.head_dim % 2:
            raise ValueError(f"rotary positions turn components in pairs, but a head's dim is {self.head_dim}")

    @property
    def head_dim(self) -> int:
        """Width of one head's queries, keys and values."""
        return self.dim // self.heads


@dataclass(frozen=True, kw_only=True)
class TransformerConfig(LayerConfig):
    """Sizes and kinds of the parts of a :class:`Transformer`; see :class:`LayerConfig` for the other fields.

    Parameters
    ----------
    source_vocab, target_vocab : int
        Number of ids of each language, the four of :mod:`attnlib.symbols` included.
    encoder_layers, decoder_layers : int
    tied : str
        One of :data:`TIES`; ``"all"`` needs one vocabulary for both languages.

    Examples
    --------
    >>> TransformerConfig.tiny(source_vocab=20, target_vocab=30).dim
    128
    """

    source_vocab: int
    target_vocab: int
    encoder_layers: int = 6
    decoder_layers: int = 6
    tied: str = "target"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(encoder_layers=self.encoder_layers, decoder_layers=self.decoder_layers)
        for name in ("source_vocab", "target_vocab"):
            _require_vocabulary(name, getattr(self, name))
        _require_one_of("tied", self.tied, TIES)
        if self.tied == "all" and self.source_vocab != self.target_vocab:
            raise ValueError(
                "one table for everything needs one vocabulary, but source_vocab is "
                f"{self.source_vocab} and target_vocab {self.target_vocab}"
            )

    @classmethod
    def tiny(cls, **fields: Any) -> "TransformerConfig":
        """Return a small one: 4 and 4 layers, dim 128, 4 heads, ffn_dim 256; ``fields`` say the rest or change it."""
        sizes = {"dim": 128, "heads": 4, "ffn_dim": 256, "encoder_layers": 4, "decoder_layers": 4}
        return cls(**{**sizes, **fields})

    @classmethod
    def base(cls, **fields: Any) -> "TransformerConfig":
        """Return the base model of Vaswani et al. (2017), table 3: 6 and 6 layers, dim 512, 8 heads, ffn_dim 2048.

        Normalised after each sum, with rectifiers, sinusoids and one table for all words, as there; ``fields`` say the
        rest or change it.
        """
        as_published = {"norm": "post", "activation": "relu", "positions": "sinusoidal", "tied": "all"}
        return cls(**{**as_published, **fields})


@dataclass(frozen=True, kw_only=True)
class LanguageModelConfig(LayerConfig):
    """Sizes and kinds of the parts of a :class:`LanguageModel`; see :class:`LayerConfig` for the other fields.

    Parameters
    ----------
    vocab : int
        Number of ids, the four of :mod:`attnlib.symbols` included.
    layers : int
    tied : bool
        Whether the table of word vectors is that of the linear layer too.

    Examples
    --------
    >>> LanguageModelConfig(vocab=30, dim=16, heads=2, ffn_dim=32, layers=2).target_vocab
    30
    """

    vocab: int
    layers: int = 6
    tied: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(layers=self.layers)
        _require_vocabulary("vocab", self.vocab)
        if not isinstance(self.tied, bool):
            raise TypeError(f"tied must be True or False, got {self.tied!r}")

    @property
    def source_vocab(self) -> int:
        """The vocabulary of prompts."""
        return self.vocab

    @property
    def target_vocab(self) -> int:
        """The vocabulary of what is said."""
        return self.vocab


class Cache(NamedTuple):
    """What a decoder keeps of the words that it has read. Every tensor has the batch first."""

    layers: tuple[KeysValues, ...]
    """Keys and values of every layer, (batch, key_heads, slots, head_dim)."""
    positions: Int[Tensor, "batch slots"]
    """Where the word of each slot stands."""
    mask: Bool[Tensor, "batch slots"] | None
    """True where a slot holds a word; None where all do."""


class Memory(NamedTuple):
    """What the encoder leaves of a batch of sentences. Every tensor has the batch first."""

    states: Float[Tensor, "batch key dim"]
    """Outputs of the last layer; those of padding mean nothing."""
    layers: tuple[KeysValues, ...]
    """Keys and values for every layer of the decoder, projected once for all steps."""
    mask: Bool[Tensor, "batch 1 key"]
    """True where there is a word."""
    lengths: Int[Tensor, "batch"]
    """Words of each sentence."""


class Weights(NamedTuple):
    """Attention weights of every layer and head, (batch, layers, heads, query, key) each."""

    encoder: Float[Tensor, "batch layers heads key key"]
    decoder: Float[Tensor, "batch layers heads query query"]
    cross: Float[Tensor, "batch layers heads query key"]


class FeedForward(nn.Module):
    r"""Two linear layers with a bend between them, applied to each word by itself.

    .. math:: \mathrm{FFN}(x) = W_2\,\phi(W_1 x + b_1) + b_2, \qquad
              \mathrm{SwiGLU}(x) = W_2\,(\mathrm{silu}(W_1 x) \odot W_3 x)

    with biases in the second as in the first, where there are some, and silu(x) = x σ(x).

    Parameters
    ----------
    dim, hidden_dim : int
    activation : str
        One of :data:`ACTIVATIONS`.
    bias : bool
    rng : torch.Generator

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, eq. 2; Shazeer (2020), "GLU Variants Improve Transformer",
    arXiv:2002.05202, eq. 6.

    Examples
    --------
    >>> FeedForward(4, 8, "relu", True, torch.Generator())(torch.ones(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, dim: int, hidden_dim: int, activation: str, bias: bool, rng: torch.Generator):
        super().__init__()
        _require_one_of("activation", activation, ACTIVATIONS)
        self.activation = activation
        self.W1 = projection(dim, hidden_dim, bias, rng)
        self.W2 = projection(hidden_dim, dim, bias, rng)
        self.W3 = projection(dim, hidden_dim, bias, rng) if activation == "swiglu" else None

    def forward(self, x: Float[Tensor, "*batch length dim"]) -> Float[Tensor, "*batch length dim"]:
        """Return the network's output for each word."""
        if self.W3 is not None:
            return self.W2(silu(self.W1(x)) * self.W3(x))
        return self.W2((relu if self.activation == "relu" else gelu)(self.W1(x)))


class Sublayer(nn.Module):
    """What is around a sublayer: normalisation, dropout and the residual connection.

    Parameters
    ----------
    config : LayerConfig
    """

    def __init__(self, config: LayerConfig):
        super().__init__()
        self.where, self.residual = config.norm, config.residual
        self.norm = nn.Identity() if config.norm == "none" else nn.LayerNorm(config.dim)
        self.dropout = nn.Dropout(config.dropout_p)

    def enter(self, x: Float[Tensor, "*batch length dim"]) -> Float[Tensor, "*batch length dim"]:
        """Return what the sublayer is to read."""
        return self.norm(x) if self.where == "pre" else x

    def leave(
        self, x: Float[Tensor, "*batch length dim"], output: Float[Tensor, "*batch length dim"]
    ) -> Float[Tensor, "*batch length dim"]:
        """Return what goes on, from what came to the sublayer and what it made of it."""
        output = self.dropout(output)
        output = x + output if self.residual else output
        return self.norm(output) if self.where == "post" else output


class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward network.

    Parameters
    ----------
    config : LayerConfig
    scheme : RelativeScheme or None
        How words know where they stand, inside attention.
    rng : torch.Generator
        What the initial weights are drawn from.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, section 3.1; normalised before: Xiong et al. (2020), "On Layer
    Normalization in the Transformer Architecture", arXiv:2002.04745, table 1.

    Examples
    --------
    >>> layer = EncoderLayer(LayerConfig(dim=8, heads=2, ffn_dim=16), None, torch.Generator())
    >>> layer(torch.ones(2, 3, 8))[0].shape
    torch.Size([2, 3, 8])
    """

    def __init__(self, config: LayerConfig, scheme: RelativeScheme | None, rng: torch.Generator):
        super().__init__()
        self.attention = _attention(config, scheme, rng)
        self.feed_forward = FeedForward(config.dim, config.ffn_dim, config.activation, config.bias, rng)
        self.around_attention, self.around_feed_forward = Sublayer(config), Sublayer(config)

    def forward(
        self,
        x: Float[Tensor, "batch key dim"],
        mask: Bool[Tensor, "..."] | None = None,
        *,
        return_weights: bool = False,
    ) -> tuple[Float[Tensor, "batch key dim"], Float[Tensor, "batch heads key key"] | None]:
        """Return the words' new vectors, and the weights of every head if asked for."""
        attended = self.attention(self.around_attention.enter(x), mask=mask, return_weights=return_weights)
        output, weights = attended if return_weights else (attended, None)
        x = self.around_attention.leave(x, output)
        output = self.feed_forward(self.around_feed_forward.enter(x))
        return self.around_feed_forward.leave(x, output), weights


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the encoder's output if there is one, then a feed-forward network.

    Parameters
    ----------
    config : LayerConfig
    scheme : RelativeScheme or None
        For the self-attention. Attention to the encoder's output knows of no positions but those in the vectors.
    rng : torch.Generator
    cross : bool
        Whether there is an encoder.

    Examples
    --------
    >>> layer = DecoderLayer(LayerConfig(dim=8, heads=2, ffn_dim=16), None, torch.Generator())
    >>> memory = layer.prepare(torch.ones(2, 5, 8))
    >>> x, kept, weights = layer(torch.ones(2, 3, 8), memory)
    >>> x.shape, kept.keys.shape
    (torch.Size([2, 3, 8]), torch.Size([2, 2, 3, 4]))
    """

    def __init__(self, config: LayerConfig, scheme: RelativeScheme | None, rng: torch.Generator, *, cross: bool = True):
        super().__init__()
        self.attention = _attention(config, scheme, rng)
        self.cross_attention = _attention(config, None, rng) if cross else None
        self.feed_forward = FeedForward(config.dim, config.ffn_dim, config.activation, config.bias, rng)
        self.around_attention, self.around_feed_forward = Sublayer(config), Sublayer(config)
        self.around_cross_attention = Sublayer(config) if cross else None

    def prepare(self, states: Float[Tensor, "batch key dim"]) -> KeysValues:
        """Return the keys and values of the encoder's output, for any number of steps."""
        return self.cross_attention.prepare(states)

    def forward(
        self,
        x: Float[Tensor, "batch query dim"],
        memory: KeysValues | None = None,
        memory_mask: Bool[Tensor, "..."] | None = None,
        *,
        mask: Bool[Tensor, "..."] | None = None,
        past: KeysValues | None = None,
        query_positions: Int[Tensor, "..."] | None = None,
        key_positions: Int[Tensor, "..."] | None = None,
        return_weights: bool = False,
    ) -> tuple[Float[Tensor, "batch query dim"], KeysValues, tuple[Tensor | None, Tensor | None]]:
        """Read words after those of the past.

        Parameters
        ----------
        x : (batch, query, dim)
        memory : KeysValues or None
            What :meth:`prepare` made of the encoder's output.
        memory_mask : broadcasts to (batch, query, key)
        mask : broadcasts to (batch, query, past and query)
            Which words may be attended to. It is the caller's business that none comes after the query.
        past : KeysValues or None
            Of the words before.
        query_positions, key_positions : (length,) or (batch, length)
            For the scheme: of the words read, and of past and read together.
        return_weights : bool

        Returns
        -------
        x : (batch, query, dim)
        kept : KeysValues
            Of the past and the words read.
        weights : (self-attention's, cross-attention's)
            (batch, heads, query, key) each; None if not asked for.
        """
        entering = self.around_attention.enter(x)
        kept = _after(past, self.attention.prepare(entering, positions=query_positions))
        attended = self.attention.attend_to(
            entering,
            kept,
            mask,
            query_positions=query_positions,
            key_positions=key_positions,
            return_weights=return_weights,
        )
        output, own = attended if return_weights else (attended, None)
        x, cross = self.around_attention.leave(x, output), None
        if self.cross_attention is not None:
            entering = self.around_cross_attention.enter(x)
            attended = self.cross_attention.attend_to(entering, memory, memory_mask, return_weights=return_weights)
            output, cross = attended if return_weights else (attended, None)
            x = self.around_cross_attention.leave(x, output)
        output = self.feed_forward(self.around_feed_forward.enter(x))
        return self.around_feed_forward.leave(x, output), kept, (own, cross)


class Transformer(nn.Module):
    """An encoder and a decoder of attention layers, as a translator.

    Padding is never attended to, and no word of the target attends to one after it.

    Parameters
    ----------
    config : TransformerConfig
    seed : int
        What the initial weights are drawn from: linear layers as in Glorot and Bengio (2010), eq. 16, word vectors from
        a normal distribution of variance 1 / dim, which are multiplied by √dim where they are read.

    Raises
    ------
    TypeError
        If the seed is not an integer, or ids are not int64 tensors.
    ValueError
        If ids do not fit the vocabularies, a source is empty, longer than ``max_length`` or padded before its end,
        there are not as many targets as sources, or the teacher forcing is no probability.

    References
    ----------
    Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762.

    Examples
    --------
    >>> model = Transformer(TransformerConfig.tiny(source_vocab=20, target_vocab=30), seed=0).eval()
    >>> source = torch.tensor([[4, 5, 6], [7, 8, 0]])
    >>> target = torch.tensor([[1, 9, 10, 2], [1, 11, 2, 0]])
    >>> logits = model(source, target[:, :-1])
    >>> logits.shape
    torch.Size([2, 3, 30])
    >>> memory = model.encode(source)
    >>> step = model.step(target[:, 0], model.start(memory), memory)
    >>> torch.allclose(step.logits, logits[:, 0], atol=1e-5)
    True
    """

    def __init__(self, config: TransformerConfig, *, seed: int):
        super().__init__()
        self.config = config
        with seeded(seed):
            rng = torch.default_generator
            self.target_embedding = _embedding(config.target_vocab, config.dim, rng)
            shared = config.tied == "all"
            self.source_embedding = (
                self.target_embedding if shared else _embedding(config.source_vocab, config.dim, rng)
            )
            self.source_positions, self.target_positions = _added(config, rng), _added(config, rng)
            self.encoder = nn.ModuleList(
                EncoderLayer(config, scheme, rng) for scheme in _schemes(config, config.encoder_layers, True, rng)
            )
            self.decoder = nn.ModuleList(
                DecoderLayer(config, scheme, rng) for scheme in _schemes(config, config.decoder_layers, False, rng)
            )
            self.encoder_norm, self.decoder_norm = _last_norm(config), _last_norm(config)
            self.output = _output(config.dim, config.target_vocab, rng)
        if config.tied != "none":
            self.output.weight = self.target_embedding.weight
        self.dropout = nn.Dropout(config.dropout_p)

    @property
    def attention(self) -> MultiHeadAttention:
        """The attention whose weights :meth:`step` returns: that of the layer before the last, if there are two."""
        return self.decoder[self._aligning].cross_attention

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
    ) -> Float[Tensor, "batch length dim"]:
        """Return what goes into the linear layer at each position of the target.

        Parameters
        ----------
        source : (batch, key)
            Word ids, padded at the end.
        target_in : (batch, length)
            What the decoder is to read, beginning with ``BOS``.
        teacher_forcing : float
            Probability, for each sentence and step, of reading the word in ``target_in`` and not the decoder's own
            last word. Below 1 there is no reading all words at once: the decoder takes its steps one by one.
        generator : torch.Generator or None
            On the CPU; what the choice is drawn from. None is torch's global generator.
        """
        if not 0 <= teacher_forcing <= 1:
            raise ValueError(f"teacher_forcing must be a probability from 0 to 1, got {teacher_forcing}")
        memory = self._encode_for(source, target_in)
        if teacher_forcing < 1:
            forced = torch.rand(target_in.shape, generator=generator) < teacher_forcing
            return self._reading_own_words(target_in, forced.to(target_in.device), memory)
        return self._read(target_in, memory)[0]

    @torch.no_grad()
    def weights(self, source: Int[Tensor, "batch key"], target_in: Int[Tensor, "batch length"]) -> Weights:
        """Return the weights of every layer and head while the known words are read.

        Parameters
        ----------
        source, target_in
            As for :meth:`features`. Rows of the source's padding are there too, and mean nothing.
        """
        lengths, mask = source_lengths(source, self.config.source_vocab, self.config.max_length)
        states, encoder = self._encode(source, mask, return_weights=True)
        require_batch("target_in", target_in, self.config.target_vocab)
        memory = self._prepared(states, mask, lengths)
        _, own, cross = self._read(target_in, memory, weights_of=range(len(self.decoder)))
        return Weights(*(torch.stack(each, dim=1) for each in (encoder, own, cross)))

    def encode(self, source: Int[Tensor, "batch key"]) -> Memory:
        """Read the source sentences, and prepare what every step needs of them."""
        lengths, mask = source_lengths(source, self.config.source_vocab, self.config.max_length)
        return self._prepared(self._encode(source, mask)[0], mask, lengths)

    def start(self, memory: Memory) -> Cache:
        """Return the cache before the first word: empty."""
        return _empty_cache(self.config, len(self.decoder), memory.states)

    def step(self, token: Int[Tensor, "batch"], state: Cache, memory: Memory) -> Step:
        """Read one word a sentence, and give the logits of the next, the weights and the new cache.

        The weights are those of the attention to the source in the layer before the last, the mean over its heads
        (Garg et al. 2019, arXiv:1909.02074, section 4.1, on which layer aligns best).
        """
        features, weights, state = self._step(token, state, memory, return_weights=True)
        return Step(self.output(features), weights, state)

    def step_anew(self, told: Int[Tensor, "batch told"], memory: Memory) -> Step:
        """Return what :meth:`step` does if told these words one after the other, but read all of them at once.

        Nothing is kept from one call to the next: there is no state.
        """
        memory = self._prepared(memory.states, memory.mask, memory.lengths)
        features, _, cross = self._read(told, memory, weights_of=[self._aligning])
        return Step(self.output(features[:, -1]), cross[self._aligning].mean(dim=1)[:, -1], None)

    def room(self, words: int) -> int | None:
        """Return how many steps there is room for after a source of so many words; None where there is no limit."""
        return self.config.max_length if self.config.positions == "learned" else None

    @property
    def _aligning(self) -> int:
        return max(0, len(self.decoder) - 2)

    def _prepared(self, states: Tensor, mask: Tensor, lengths: Tensor) -> Memory:
        return Memory(states, tuple(layer.prepare(states) for layer in self.decoder), mask, lengths)

    def _encode_for(self, source: Tensor, target_in: Tensor) -> Memory:
        require_batch("target_in", target_in, self.config.target_vocab)
        memory = self.encode(source)
        if len(target_in) != len(source):
            raise ValueError(f"source has {len(source)} sentences but target_in has {len(target_in)}")
        return memory

    def _encode(
        self, source: Tensor, mask: Tensor, *, return_weights: bool = False
    ) -> tuple[Tensor, list[Tensor | None]]:
        x = self.dropout(_placed(self.source_embedding, self.source_positions, source, _counted(source)))
        seen = []
        for layer in self.encoder:
            x, weights = layer(x, mask, return_weights=return_weights)
            seen.append(weights)
        return self.encoder_norm(x), seen

    def _read(
        self, target_in: Tensor, memory: Memory, *, weights_of: Collection[int] = ()
    ) -> tuple[Tensor, list[Tensor | None], list[Tensor | None]]:
        """Read all words at once; return features, and the weights of those layers."""
        x = self.dropout(_placed(self.target_embedding, self.target_positions, target_in, _counted(target_in)))
        mask = causal_mask(target_in.shape[1], like=target_in)
        own, cross = [], []
        for number, (layer, kept) in enumerate(zip(self.decoder, memory.layers, strict=True)):
            x, _, weights = layer(x, kept, memory.mask, mask=mask, return_weights=number in weights_of)
            own.append(weights[0])
            cross.append(weights[1])
        return self.decoder_norm(x), own, cross

    def _step(
        self, token: Tensor, state: Cache, memory: Memory, *, return_weights: bool = False
    ) -> tuple[Tensor, Tensor | None, Cache]:
        """Read one word a sentence; return features (batch, dim), weights (batch, key) if asked for, and the cache."""
        if token.shape != memory.lengths.shape:
            raise ValueError(
                f"token must have shape {tuple(memory.lengths.shape)}, one id a sentence of the memory, "
                f"got {tuple(token.shape)}"
            )
        place = state.positions.shape[1] + torch.zeros_like(token)
        x = self.dropout(_placed(self.target_embedding, self.target_positions, token[:, None], place[:, None]))
        x, state, weights = _step_through(
            self.decoder, x, place, state, memory.layers, memory.mask, self._aligning if return_weights else None
        )
        return self.decoder_norm(x)[:, 0], None if weights is None else weights.mean(dim=1)[:, 0], state

    def _reading_own_words(self, target_in: Tensor, forced: Tensor, memory: Memory) -> Tensor:
        """Take all steps one by one, each reading the known word or the most likely one of the step before."""
        state, features, token = self.start(memory), [], target_in[:, 0]
        for position in range(target_in.shape[1]):
            if position > 0:
                token = torch.where(forced[:, position], target_in[:, position], self._own_word(features[-1]))
            feature, _, state = self._step(token, state, memory)
            features.append(feature)
        return torch.stack(features, dim=1)

    @torch.no_grad()
    def _own_word(self, features: Tensor) -> Int[Tensor, "batch"]:
        return most_likely(self.output(features))


class Prompt(NamedTuple):
    """What a language model knows of a batch of prompts. Every tensor has the batch first."""

    cache: Cache
    """Of all words of each prompt but the last."""
    last: Int[Tensor, "batch"]
    """The last word of each, which the first step reads."""
    lengths: Int[Tensor, "batch"]
    """Words of each prompt, ``BOS`` included."""
    words: Int[Tensor, "batch key"]
    """The prompts themselves."""


class Continuation(NamedTuple):
    """What a language model keeps from one step to the next."""

    cache: Cache
    place: Int[Tensor, "batch"]
    """Where the next word of each sentence stands."""


class LanguageModel(nn.Module):
    """A decoder alone: each word is said from those before it.

    It has the interface of a translator, with a prompt in the source's place: ids that begin with ``BOS``, to be gone
    on with. So :mod:`attnlib.decoding` continues prompts greedily, by beam search and by sampling, each as if it were
    alone, whatever the lengths of the others. The word that the first step is told is ``BOS``, as ever; the model reads
    the last one of the prompt in its place.

    Parameters
    ----------
    config : LanguageModelConfig
    seed : int
        As for :class:`Transformer`.

    Raises
    ------
    TypeError
        If the seed is not an integer, or ids are not int64 tensors.
    ValueError
        If ids do not fit the vocabulary, or a prompt is empty, longer than ``max_length`` or padded before its end.

    References
    ----------
    Liu et al. (2018), "Generating Wikipedia by Summarizing Long Sequences", arXiv:1801.10198, section 4.2.3; Radford
    et al. (2018), "Improving Language Understanding by Generative Pre-Training".

    Examples
    --------
    >>> model = LanguageModel(LanguageModelConfig(vocab=30, dim=16, heads=2, ffn_dim=32, layers=2), seed=0).eval()
    >>> words = torch.tensor([[1, 9, 10, 4]])
    >>> logits = model(words[:, :0], words)
    >>> logits.shape
    torch.Size([1, 4, 30])
    >>> prompt = model.encode(words)
    >>> step = model.step(torch.tensor([1]), model.start(prompt), prompt)
    >>> torch.allclose(step.logits, logits[:, -1], atol=1e-5)
    True
    """

    def __init__(self, config: LanguageModelConfig, *, seed: int):
        super().__init__()
        self.config = config
        with seeded(seed):
            rng = torch.default_generator
            self.embedding = _embedding(config.vocab, config.dim, rng)
            self.positions = _added(config, rng)
            self.decoder = nn.ModuleList(
                DecoderLayer(config, scheme, rng, cross=False) for scheme in _schemes(config, config.layers, False, rng)
            )
            self.norm = _last_norm(config)
            self.output = _output(config.dim, config.vocab, rng)
        if config.tied:
            self.output.weight = self.embedding.weight
        self.dropout = nn.Dropout(config.dropout_p)

    def forward(
        self, source: Int[Tensor, "batch none"], target_in: Int[Tensor, "batch length"], **how: Any
    ) -> Float[Tensor, "batch length vocab"]:
        """Return the logits of every position: ``output(features(...))``."""
        return self.output(self.features(source, target_in, **how))

    def features(
        self,
        source: Int[Tensor, "batch none"],
        target_in: Int[Tensor, "batch length"],
        *,
        teacher_forcing: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "batch length dim"]:
        """Return what goes into the linear layer at each position.

        Parameters
        ----------
        source : (batch, 0)
            There is none; it is here so that :func:`attnlib.training.train` takes the model.
        target_in : (batch, length)
            What is to be read, beginning with ``BOS``.
        teacher_forcing : float
            1: the words are always the known ones.
        generator
            Not used.
        """
        require_batch("target_in", target_in, self.config.vocab)
        if source.shape != (len(target_in), 0):
            raise ValueError(
                f"a language model has no source: pass ids of shape ({len(target_in)}, 0), such as target_in[:, :0], "
                f"got {tuple(source.shape)}"
            )
        if teacher_forcing != 1:
            raise ValueError(
                f"a language model is trained on the known words, teacher_forcing 1, got {teacher_forcing}"
            )
        return self.norm(self._read(target_in)[0])

    def encode(self, source: Int[Tensor, "batch key"]) -> Prompt:
        """Read prompts, but for the last word of each."""
        lengths, _ = source_lengths(source, self.config.vocab, self.config.max_length)
        before, last = source[:, :-1], source.gather(1, lengths[:, None] - 1)[:, 0]
        slots = _counted(before)
        positions = slots.expand(len(source), -1)
        mask = slots < lengths[:, None] - 1
        if before.shape[1] == 0:
            cache = _empty_cache(self.config, len(self.decoder), self.embedding(source))
        else:
            cache = Cache(self._read(before)[1], positions, None if bool(mask.all()) else mask)
        return Prompt(cache, last, lengths, source)

    def start(self, memory: Prompt) -> Continuation:
        """Return what there is before the first step."""
        return Continuation(memory.cache, memory.lengths - 1)

    def step(self, token: Int[Tensor, "batch"], state: Continuation, memory: Prompt) -> Step:
        """Read one word a sentence, in the first step the prompt's last, and give the logits of the next."""
        if token.shape != memory.lengths.shape:
            raise ValueError(f"token must have shape {tuple(memory.lengths.shape)}, got {tuple(token.shape)}")
        cache, place = state
        token = torch.where(place == memory.lengths - 1, memory.last, token)
        x = self.dropout(_placed(self.embedding, self.positions, token[:, None], place[:, None]))
        x, cache, _ = _step_through(self.decoder, x, place, cache, None, None, None)
        return Step(self.output(self.norm(x)[:, 0]), None, Continuation(cache, place + 1))

    def step_anew(self, told: Int[Tensor, "batch told"], memory: Prompt) -> Step:
        """Return what :meth:`step` does if told these words one after the other, but read all of them at once.

        The prompt is read with them, in the place of the first. Nothing is kept from one call to the next: there is no
        state.
        """
        said = told[:, 1:]
        words = nn.functional.pad(memory.words[:, : int(memory.lengths.max())], (0, said.shape[1]), value=PAD)
        places = memory.lengths[:, None] + _counted(said)
        words = words.scatter(1, places, said)
        last = memory.lengths - 1 + said.shape[1]
        features = self.norm(self._read(words)[0][torch.arange(len(words), device=words.device), last])
        return Step(self.output(features), None, None)

    def room(self, words: int) -> int | None:
        """Return how many steps there is room for after a prompt of so many words; None where there is no limit."""
        return self.config.max_length - words + 1 if self.config.positions == "learned" else None

    def _read(self, words: Tensor) -> tuple[Tensor, tuple[KeysValues, ...]]:
        """Read all words at once; return the last layer's output, and keys and values of every layer."""
        x = self.dropout(_placed(self.embedding, self.positions, words, _counted(words)))
        mask, kept = causal_mask(words.shape[1], like=words), []
        for layer in self.decoder:
            x, own, _ = layer(x, mask=mask)
            kept.append(own)
        return x, tuple(kept)


def _step_through(
    decoder: nn.ModuleList,
    x: Float[Tensor, "batch 1 dim"],
    place: Int[Tensor, "batch"],
    cache: Cache,
    memory: tuple[KeysValues, ...] | None,
    memory_mask: Tensor | None,
    weights_of: int | None,
) -> tuple[Float[Tensor, "batch 1 dim"], Cache, Float[Tensor, "batch heads 1 key"] | None]:
    """Send one word a sentence through the layers, each of which adds to its part of the cache."""
    positions = torch.cat([cache.positions, place[:, None]], dim=1)
    mask = None if cache.mask is None else nn.functional.pad(cache.mask, (0, 1), value=True)
    kept, weights = [], None
    for number, (layer, past) in enumerate(zip(decoder, cache.layers, strict=True)):
        x, present, seen = layer(
            x,
            None if memory is None else memory[number],
            memory_mask,
            mask=None if mask is None else mask[:, None],
            past=past,
            query_positions=place[:, None],
            key_positions=positions,
            return_weights=number == weights_of,
        )
        kept.append(present)
        weights = seen[1] if number == weights_of else weights
    return x, Cache(tuple(kept), positions, mask), weights


def _after(past: KeysValues | None, new: KeysValues) -> KeysValues:
    """Put new keys and values after those of the past."""
    if past is None:
        return new
    return KeysValues(torch.cat([past.keys, new.keys], dim=-2), torch.cat([past.values, new.values], dim=-2))


def _empty_cache(config: LayerConfig, layers: int, like: Float[Tensor, "batch ..."]) -> Cache:
    batch, key_heads = len(like), config.key_heads or config.heads
    nothing = like.new_empty(batch, key_heads, 0, config.head_dim)
    positions = torch.empty(batch, 0, dtype=torch.int64, device=like.device)
    return Cache((KeysValues(nothing, nothing),) * layers, positions, None)


def _placed(embedding: nn.Embedding, added: nn.Module | None, words: Tensor, positions: Tensor) -> Tensor:
    """Return word vectors (batch, length, dim), with their positions where these are vectors too."""
    vectors = embedding(words) * math.sqrt(embedding.embedding_dim)
    return vectors if added is None else vectors + added(positions).to(vectors.dtype)


def _counted(words: Int[Tensor, "batch length"]) -> Int[Tensor, "length"]:
    return torch.arange(words.shape[1], device=words.device)


def _attention(config: LayerConfig, scheme: RelativeScheme | None, rng: torch.Generator) -> MultiHeadAttention:
    return MultiHeadAttention(
        config.dim, config.heads, key_heads=config.key_heads, bias=config.bias, positions=scheme, seed=rng
    )


def _added(config: LayerConfig, rng: torch.Generator) -> nn.Module | None:
    """Return what gives positions as vectors, if that is the scheme."""
    if config.positions == "sinusoidal":
        return Sinusoidal(config.dim)
    return Learned(config.max_length, config.dim, seed=rng) if config.positions == "learned" else None


def _schemes(
    config: LayerConfig, layers: int, bidirectional: bool, rng: torch.Generator
) -> list[RelativeScheme | None]:
    """Return the scheme inside the attention of each layer; but for Shaw's vectors, one serves all."""
    if config.positions == "shaw":
        return [Shaw(config.head_dim, seed=rng) for _ in range(layers)]
    shared = {
        "rotary": lambda: Rotary(),
        "alibi": lambda: ALiBi(config.heads),
        "t5": lambda: T5Bias(config.heads, bidirectional=bidirectional, seed=rng),
    }
    return [shared[config.positions]() if config.positions in shared else None] * layers


def _last_norm(config: LayerConfig) -> nn.Module:
    """Return what normalises the sum of all sublayers, where nothing else does."""
    return nn.LayerNorm(config.dim) if config.norm == "pre" else nn.Identity()


def _embedding(vocab: int, dim: int, rng: torch.Generator) -> nn.Embedding:
    embedding = nn.utils.skip_init(nn.Embedding, vocab, dim)
    nn.init.normal_(embedding.weight, std=dim**-0.5, generator=rng)
    return embedding


def _output(dim: int, vocab: int, rng: torch.Generator) -> nn.Linear:
    return projection(dim, vocab, bias=False, rng=rng)


def _require_vocabulary(name: str, size: int) -> None:
    require_sizes(**{name: size})
    if size <= len(SYMBOLS):
        raise ValueError(f"{name} must be above {len(SYMBOLS)}, the symbols, got {size}")


def _require_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
