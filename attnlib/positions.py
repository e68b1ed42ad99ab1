r"""Position: where a word stands, told to attention, which takes its keys for a bag without it.

Some schemes add a vector to each word before the first layer (:class:`Sinusoidal`, :class:`Learned`). The others act
inside attention, on queries, keys and scores, and know only how far apart two words are: :class:`Rotary`,
:class:`ALiBi`, :class:`T5Bias`, :class:`Shaw`. They share the interface of :class:`RelativeScheme`, which
:class:`attnlib.multihead.MultiHeadAttention` calls.

Positions are integers from 0 on, (length,) for all sentences alike or (batch, length) for each sentence its own. The
distance from a query to a key is the key's position minus the query's: negative for words that came before.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnlib._arrays import broadcasts_to, dtype_name, require_dim, require_positive, require_sizes
from attnlib._random import generator as generator_of

PAIRINGS = ("neighbours", "halves")
"""Which components :func:`rotate` turns together: 2i and 2i + 1, or i and i + dim / 2."""


def sinusoidal(
    positions: Int[Tensor, "*batch length"], dim: int, *, base: float = 10_000.0
) -> Float[Tensor, "*batch length dim"]:
    r"""Write a position as the hands of dim / 2 clocks, each slower than the one before.

    .. math:: \mathrm{PE}_{p,\,2i} = \sin(p\,\omega_i), \qquad \mathrm{PE}_{p,\,2i+1} = \cos(p\,\omega_i), \qquad
              \omega_i = \mathrm{base}^{-2i/d}

    A shift by k positions is the same linear map everywhere: it turns the pair i by the angle :math:`k\,\omega_i`.
    With an odd dim the last sine has no cosine.

    Parameters
    ----------
    positions : (..., length)
        Integers; negative ones are allowed.
    dim : int
        Width d of the vectors.
    base : float
        The slowest hand goes round in about 2π · base positions.

    Returns
    -------
    encoding : (..., length, dim)
        In torch's default dtype, from angles in float64; each number between -1 and 1.

    Raises
    ------
    TypeError
        If positions are no integer tensor, dim no integer, or base no number.
    ValueError
        If dim is below 1, or base not positive and finite.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, section 3.5.

    Examples
    --------
    >>> sinusoidal(torch.arange(3), dim=4)
    tensor([[ 0.0000,  1.0000,  0.0000,  1.0000],
            [ 0.8415,  0.5403,  0.0100,  0.9999],
            [ 0.9093, -0.4161,  0.0200,  0.9998]])
    """
    _require_positions("positions", positions)
    require_sizes(dim=dim)
    angles = _angles(positions, dim, base)
    pairs = torch.stack([angles.sin(), angles.cos()], dim=-1)
    return pairs.flatten(-2)[..., :dim].to(torch.get_default_dtype())


def rotate(
    vectors: Float[Tensor, "*batch length dim"],
    positions: Int[Tensor, "..."],
    *,
    base: float = 10_000.0,
    pairing: str = "neighbours",
) -> Float[Tensor, "*batch length dim"]:
    r"""Turn each pair of components by an angle that grows with the position: rotary position embedding.

    .. math:: \begin{pmatrix} x'_{2i} \\ x'_{2i+1} \end{pmatrix} =
              \begin{pmatrix} \cos p\,\omega_i & -\sin p\,\omega_i \\ \sin p\,\omega_i & \cos p\,\omega_i \end{pmatrix}
              \begin{pmatrix} x_{2i} \\ x_{2i+1} \end{pmatrix}, \qquad \omega_i = \mathrm{base}^{-2i/d}

    Lengths stay as they are, and so does the dot product of two vectors that are both moved by the same number of
    positions: it depends on their distance alone.

    Parameters
    ----------
    vectors : (..., length, dim)
        Queries or keys; dim even.
    positions : broadcasts to (..., length)
        Integers.
    base : float
    pairing : str
        ``"neighbours"`` as in the equation; ``"halves"`` pairs i with i + dim / 2, as many trained models do. The two
        are the same up to an order of the components, and must not be mixed.

    Returns
    -------
    turned : (..., length, dim)
        In the dtype of the vectors; angles are taken in float64, products in at least float32.

    Raises
    ------
    TypeError
        If positions are no integer tensor, or base no number.
    ValueError
        If dim is odd, shapes do not fit, base is not positive and finite, or the pairing unknown.

    References
    ----------
    Su et al. (2021), "RoFormer: Enhanced Transformer with Rotary Position Embedding", arXiv:2104.09864, eq. 13 to 15
    and 34.

    Examples
    --------
    >>> rotate(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
    tensor([[1.0000, 0.0000],
            [0.5403, 0.8415]])
    """
    _require_positions("positions", positions)
    dim = vectors.shape[-1]
    _require_pairing(dim, pairing)
    if not broadcasts_to(positions.shape, vectors.shape[:-1]):
        raise ValueError(f"positions {tuple(positions.shape)} do not broadcast to vectors {tuple(vectors.shape)}")
    angles = _angles(positions, dim, base).to(vectors.device)
    wide = torch.promote_types(vectors.dtype, torch.float32)
    cosine, sine = angles.cos().to(wide), angles.sin().to(wide)
    if pairing == "halves":
        first, second = vectors.to(wide).chunk(2, dim=-1)
        turned = torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
    else:
        first, second = vectors.to(wide).unflatten(-1, (-1, 2)).unbind(dim=-1)
        turned = torch.stack([first * cosine - second * sine, first * sine + second * cosine], dim=-1).flatten(-2)
    return turned.to(vectors.dtype)


def distances(
    query_positions: Int[Tensor, "*batch query"], key_positions: Int[Tensor, "*batch key"]
) -> Int[Tensor, "*batch query key"]:
    r"""Return how far each key is from each query: :math:`\delta_{ik} = p_k - p_i`, negative for keys before it.

    Examples
    --------
    >>> distances(torch.arange(2), torch.arange(3))
    tensor([[ 0,  1,  2],
            [-1,  0,  1]])
    """
    _require_positions("query_positions", query_positions)
    _require_positions("key_positions", key_positions)
    return key_positions[..., None, :] - query_positions[..., :, None]


def alibi_slopes(heads: int) -> Float[Tensor, "heads"]:
    r"""Return how steeply each head's scores fall with the distance.

    .. math:: m_h = 2^{-8h/n}, \qquad h = 1, \dots, n

    for n heads, n a power of two. Other numbers take the slopes of the power of two below, and then every second one
    of twice that power.

    Raises
    ------
    TypeError, ValueError
        If heads is no integer of at least 1.

    References
    ----------
    Press, Smith and Lewis (2021), "Train Short, Test Long: Attention with Linear Biases Enables Input Length
    Extrapolation", arXiv:2108.12409, section 3; other numbers as in the code that its authors published.

    Examples
    --------
    >>> alibi_slopes(4)
    tensor([0.2500, 0.0625, 0.0156, 0.0039])
    >>> alibi_slopes(3)
    tensor([0.0625, 0.0039, 0.2500])
    """
    require_sizes(heads=heads)
    power = 2 ** int(math.log2(heads))
    slopes = [2 ** (-8 * number / power) for number in range(1, power + 1)]
    between = [2 ** (-4 * number / power) for number in range(1, 2 * power + 1, 2)]
    return torch.tensor((slopes + between)[:heads])


def alibi_bias(distance: Int[Tensor, "*batch query key"], heads: int) -> Float[Tensor, "*batch heads query key"]:
    r"""Return what ALiBi adds to the scores: :math:`b_{hik} = -m_h\,\lvert\delta_{ik}\rvert`.

    Parameters
    ----------
    distance : (..., query, key)
        As :func:`distances` gives it. Its sign makes no difference: under a causal mask this is the bias of the paper,
        without one its symmetric form.
    heads : int

    References
    ----------
    Press, Smith and Lewis (2021), arXiv:2108.12409, section 3.

    Examples
    --------
    >>> alibi_bias(distances(torch.arange(3), torch.arange(3)), heads=1)[0]
    tensor([[-0.0000, -0.0039, -0.0078],
            [-0.0039, -0.0000, -0.0039],
            [-0.0078, -0.0039, -0.0000]])
    """
    _require_positions("distance", distance)
    slopes = alibi_slopes(heads).to(distance.device)
    return -slopes[:, None, None] * distance.abs()[..., None, :, :]


def t5_buckets(
    distance: Int[Tensor, "..."], *, buckets: int = 32, max_distance: int = 128, bidirectional: bool = True
) -> Int[Tensor, "..."]:
    r"""Sort distances into buckets: near ones have a bucket each, far ones share, in steps that grow by a factor.

    With e = buckets / 2 the number of exact distances, and n the distance back:

    .. math:: b(n) = n \;\; (n < e), \qquad
              b(n) = \min\!\left(2e - 1,\; e + \left\lfloor e\,\frac{\ln (n / e)}{\ln (D / e)} \right\rfloor\right)
              \;\; (n \ge e)

    where D is ``max_distance``. One direction puts every key after the query into bucket 0. Two directions share the
    buckets, half each, the upper half for keys after the query.

    Parameters
    ----------
    distance : (...)
        As :func:`distances` gives it.
    buckets : int
        Even; a multiple of 4 with two directions.
    max_distance : int
        From here on all distances are in the last bucket.

    Returns
    -------
    bucket : (...)
        Integers from 0 to buckets - 1.

    Raises
    ------
    TypeError
        If a number is no integer.
    ValueError
        If buckets can't be shared evenly, or max_distance is not above the number of exact distances.

    References
    ----------
    Raffel et al. (2020), "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
    arXiv:1910.10683, section 2.1.

    Examples
    --------
    >>> t5_buckets(torch.tensor([-3, -2, -1, 0, 1, 2, 40, 400]), buckets=8, max_distance=100)
    tensor([2, 2, 1, 0, 5, 6, 7, 7])
    >>> t5_buckets(torch.tensor([-50, -5, -3, -2, -1, 0, 1]), buckets=8, max_distance=100, bidirectional=False)
    tensor([7, 4, 3, 2, 1, 0, 0])
    """
    _require_positions("distance", distance)
    _require_buckets(buckets, max_distance, bidirectional)
    if not bidirectional:
        return _one_way_bucket((-distance).clamp(min=0), buckets, max_distance)
    half = buckets // 2
    return _one_way_bucket(distance.abs(), half, max_distance) + half * (distance > 0)


class Sinusoidal(nn.Module):
    """Positions to be added to word vectors, computed: see :func:`sinusoidal`. Nothing is learned.

    Parameters
    ----------
    dim : int
    base : float

    Examples
    --------
    >>> Sinusoidal(6)(torch.arange(4)).shape
    torch.Size([4, 6])
    """

    def __init__(self, dim: int, *, base: float = 10_000.0):
        super().__init__()
        require_sizes(dim=dim)
        require_positive("base", base)
        self.dim, self.base = dim, base

    def forward(self, positions: Int[Tensor, "*batch length"]) -> Float[Tensor, "*batch length dim"]:
        """Return one vector a position."""
        return sinusoidal(positions, self.dim, base=self.base)


class Learned(nn.Module):
    """Positions to be added to word vectors, learned: a table with one row a position, and no row beyond.

    Parameters
    ----------
    max_length : int
        Number of positions.
    dim : int
    seed : int or torch.Generator
        What the table is drawn from, each number from a normal distribution of variance 1 / dim.

    Raises
    ------
    TypeError, ValueError
        If a size is no integer of at least 1; when called, if a position is outside the table.

    References
    ----------
    Gehring et al. (2017), "Convolutional Sequence to Sequence Learning", arXiv:1705.03122, section 3.1; Vaswani et al.
    (2017), arXiv:1706.03762, table 3, row E.

    Examples
    --------
    >>> Learned(max_length=10, dim=6, seed=0)(torch.arange(4)).shape
    torch.Size([4, 6])
    """

    def __init__(self, max_length: int, dim: int, *, seed: int | torch.Generator):
        super().__init__()
        require_sizes(max_length=max_length, dim=dim)
        self.weight = nn.Parameter(torch.empty(max_length, dim))
        nn.init.normal_(self.weight, std=dim**-0.5, generator=generator_of(seed))

    def forward(self, positions: Int[Tensor, "*batch length"]) -> Float[Tensor, "*batch length dim"]:
        """Return one vector a position."""
        _require_positions("positions", positions)
        if positions.numel():
            low, high = (int(bound) for bound in torch.aminmax(positions))
            if low < 0 or high >= len(self.weight):
                raise ValueError(
                    f"position {low if low < 0 else high} is outside the table of {len(self.weight)} learned "
                    "positions: cut the sentence, or make the model with a larger max_length"
                )
        return nn.functional.embedding(positions, self.weight)


class RelativeScheme(nn.Module):
    """A scheme that acts inside attention. This one does nothing; others change what they need.

    Queries and keys are (..., heads, length, dim) there, positions (length,) or (batch, length).
    """

    def turn(
        self, vectors: Float[Tensor, "*batch heads length dim"], positions: Int[Tensor, "..."]
    ) -> Float[Tensor, "*batch heads length dim"]:
        """Return queries or keys as they are to be compared."""
        return vectors

    def bias(
        self,
        query: Float[Tensor, "*batch heads query dim"],
        query_positions: Int[Tensor, "..."],
        key_positions: Int[Tensor, "..."],
    ) -> Float[Tensor, "..."] | None:
        """Return what is added to the scores, which broadcasts to (..., heads, query, key); None for nothing."""
        return None

    def values(
        self,
        weights: Float[Tensor, "*batch heads query key"],
        query_positions: Int[Tensor, "..."],
        key_positions: Int[Tensor, "..."],
    ) -> Float[Tensor, "*batch heads query dim"] | None:
        """Return what is added to the contexts; None for nothing, in which case the weights need not be known."""
        return None

    @property
    def needs_weights(self) -> bool:
        """Whether :meth:`values` gives something."""
        return type(self).values is not RelativeScheme.values


class Rotary(RelativeScheme):
    """Queries and keys turned by their positions: see :func:`rotate`. Nothing is learned.

    Parameters
    ----------
    base : float
    pairing : str
        ``"neighbours"`` or ``"halves"``.

    Examples
    --------
    >>> Rotary().turn(torch.ones(1, 2, 5, 8), torch.arange(5)).shape
    torch.Size([1, 2, 5, 8])
    """

    def __init__(self, *, base: float = 10_000.0, pairing: str = "neighbours"):
        super().__init__()
        require_positive("base", base)
        _require_pairing(2, pairing)
        self.base, self.pairing = base, pairing

    def turn(
        self, vectors: Float[Tensor, "*batch heads length dim"], positions: Int[Tensor, "..."]
    ) -> Float[Tensor, "*batch heads length dim"]:
        """Turn queries or keys."""
        return rotate(vectors, positions[..., None, :], base=self.base, pairing=self.pairing)


class ALiBi(RelativeScheme):
    """Scores that fall with the distance, each head's at its own rate: see :func:`alibi_bias`. Nothing is learned.

    Parameters
    ----------
    heads : int

    Examples
    --------
    >>> ALiBi(heads=2).bias(torch.ones(1, 2, 3, 8), torch.arange(3), torch.arange(5)).shape
    torch.Size([2, 3, 5])
    """

    def __init__(self, heads: int):
        super().__init__()
        require_sizes(heads=heads)
        self.heads = heads

    def bias(
        self,
        query: Float[Tensor, "*batch heads query dim"],
        query_positions: Int[Tensor, "..."],
        key_positions: Int[Tensor, "..."],
    ) -> Float[Tensor, "..."]:
        """Return the bias of every head."""
        return alibi_bias(distances(query_positions, key_positions), self.heads).to(query.dtype)


class T5Bias(RelativeScheme):
    """A learned number added to the scores, one for each head and bucket of distances: see :func:`t5_buckets`.

    Parameters
    ----------
    heads : int
    buckets, max_distance, bidirectional
        As for :func:`t5_buckets`.
    seed : int or torch.Generator
        What the numbers are drawn from, with standard deviation 0.02.

    References
    ----------
    Raffel et al. (2020), arXiv:1910.10683, section 2.1.

    Examples
    --------
    >>> T5Bias(heads=2, seed=0).bias(torch.ones(1, 2, 3, 8), torch.arange(3), torch.arange(5)).shape
    torch.Size([2, 3, 5])
    """

    def __init__(
        self,
        heads: int,
        *,
        buckets: int = 32,
        max_distance: int = 128,
        bidirectional: bool = True,
        seed: int | torch.Generator,
    ):
        super().__init__()
        require_sizes(heads=heads)
        _require_buckets(buckets, max_distance, bidirectional)
        self.buckets, self.max_distance, self.bidirectional = buckets, max_distance, bidirectional
        self.weight = nn.Parameter(torch.empty(buckets, heads))
        nn.init.normal_(self.weight, std=0.02, generator=generator_of(seed))

    def bias(
        self,
        query: Float[Tensor, "*batch heads query dim"],
        query_positions: Int[Tensor, "..."],
        key_positions: Int[Tensor, "..."],
    ) -> Float[Tensor, "..."]:
        """Return the bias of every head."""
        how = {"buckets": self.buckets, "max_distance": self.max_distance, "bidirectional": self.bidirectional}
        bucket = t5_buckets(distances(query_positions, key_positions), **how)
        return self.weight[bucket].movedim(-1, -3).to(query.dtype)


class Shaw(RelativeScheme):
    r"""A learned vector for each distance, added to keys and values; distances beyond the longest count as that.

    .. math:: s_{ik} = \frac{q_i \cdot (k_k + a^K_{\delta})}{\sqrt d}, \qquad c_i = \sum_k w_{ik}\,(v_k + a^V_{\delta}),
              \qquad \delta = \mathrm{clip}(p_k - p_i, -D, D)

    The tables are shared by the heads. With values there is no fused way to the context, since the weights are needed.

    Parameters
    ----------
    head_dim : int
        Width d of queries, keys and values.
    max_distance : int
        D.
    values : bool
        Whether there is a table for the values.
    seed : int or torch.Generator
        What the tables are drawn from (Glorot and Bengio 2010, eq. 16).

    References
    ----------
    Shaw, Uszkoreit and Vaswani (2018), "Self-Attention with Relative Position Representations", arXiv:1803.02155,
    eq. 3 and 4.

    Examples
    --------
    >>> scheme = Shaw(head_dim=8, max_distance=4, seed=0)
    >>> scheme.bias(torch.ones(1, 2, 3, 8), torch.arange(3), torch.arange(5)).shape
    torch.Size([1, 2, 3, 5])
    """

    def __init__(self, head_dim: int, *, max_distance: int = 16, values: bool = True, seed: int | torch.Generator):
        super().__init__()
        require_sizes(head_dim=head_dim, max_distance=max_distance)
        self.max_distance = max_distance
        rng = generator_of(seed)
        self.key_table = _table(2 * max_distance + 1, head_dim, rng)
        self.value_table = _table(2 * max_distance + 1, head_dim, rng) if values else None

    @property
    def needs_weights(self) -> bool:
        """Whether there is a table for the values."""
        return self.value_table is not None

    def bias(
        self,
        query: Float[Tensor, "*batch heads query dim"],
        query_positions: Int[Tensor, "..."],
        key_positions: Int[Tensor, "..."],
    ) -> Float[Tensor, "..."]:
        """Return the queries' dot products with the vectors of the distances, divided by √d."""
        require_dim("query", query, self.key_table.shape[-1], "this scheme")
        rows = self._rows(query_positions, key_positions)
        by_distance = query @ self.key_table.T * query.shape[-1] ** -0.5  # (..., heads, query, 2 D + 1)
        return by_distance.gather(-1, rows[..., None, :, :].expand(*query.shape[:-1], rows.shape[-1]))

    def values(
        self,
        weights: Float[Tensor, "*batch heads query key"],
        query_positions: Int[Tensor, "..."],
        key_positions: Int[Tensor, "..."],
    ) -> Float[Tensor, "*batch heads query dim"] | None:
        """Return the sum of the vectors of the distances, by weight."""
        if self.value_table is None:
            return None
        rows = self._rows(query_positions, key_positions)[..., None, :, :].expand(weights.shape)
        by_distance = weights.new_zeros(*weights.shape[:-1], len(self.value_table)).scatter_add(-1, rows, weights)
        return by_distance @ self.value_table

    def _rows(self, query_positions: Tensor, key_positions: Tensor) -> Int[Tensor, "*batch query key"]:
        limit = self.max_distance
        return distances(query_positions, key_positions).clamp(-limit, limit) + limit


def _angles(positions: Tensor, dim: int, base: float) -> Float[Tensor, "*batch length pairs"]:
    """Return p ω_i in float64, one for each pair of components, the last of which may be half a pair."""
    require_positive("base", base)
    exponents = torch.arange(0, dim, 2, dtype=torch.float64, device=positions.device) / dim
    return positions[..., None] * float(base) ** -exponents


def _one_way_bucket(distance: Tensor, buckets: int, max_distance: int) -> Tensor:
    exact = buckets // 2
    beyond = torch.log(distance.clamp(min=exact).double() / exact) / math.log(max_distance / exact)
    far = exact + (beyond * (buckets - exact)).long()
    return torch.where(distance < exact, distance, far.clamp(max=buckets - 1))


def _table(rows: int, dim: int, rng: torch.Generator) -> nn.Parameter:
    table = nn.Parameter(torch.empty(rows, dim))
    nn.init.xavier_uniform_(table, generator=rng)
    return table


def _require_positions(name: str, positions: Tensor) -> None:
    if not isinstance(positions, Tensor):
        raise TypeError(
            f"{name} must be a tensor of integers, got {type(positions).__name__}: use torch.arange(length)"
        )
    if positions.is_floating_point() or positions.is_complex() or positions.dtype == torch.bool:
        raise TypeError(f"{name} must hold integers, got dtype {dtype_name(positions)}")


def _require_pairing(dim: int, pairing: str) -> None:
    if pairing not in PAIRINGS:
        raise ValueError(f"pairing must be one of {', '.join(PAIRINGS)}, got {pairing!r}")
    if dim % 2:
        raise ValueError(f"components are turned in pairs, so dim must be even, got {dim}")


def _require_buckets(buckets: int, max_distance: int, bidirectional: bool) -> None:
    require_sizes(buckets=buckets, max_distance=max_distance)
    share = 4 if bidirectional else 2
    if buckets % share:
        raise ValueError(f"buckets must be a multiple of {share}, got {buckets}")
    exact = buckets // share
    if max_distance <= exact:
        raise ValueError(
            f"max_distance must be above {exact}, the distances with a bucket of their own, got {max_distance}"
        )
