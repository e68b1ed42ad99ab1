r"""Score functions: how well each key fits each query, as one number, before the softmax.

Every score takes (..., query, query_dim) and (..., key, key_dim) and gives (..., query, key), so that any of them
goes into :func:`attnlib.attention.attend`. The functions take their weights as arguments: fix them with
``functools.partial``. The modules hold them as parameters, start from Glorot and Bengio's uniform distribution
(2010, eq. 16), and are called the same way.

====================  ========================================  ===========================  =======================
score                 formula                                   module                       parameters
====================  ========================================  ===========================  =======================
`dot`                 q · k                                                                  0
`scaled_dot`          q · k / √d                                                             0
`general`             qᵀ W k                                    `General`                    d_q d_k
`additive`            vᵀ tanh(W_q q + W_k k)                    `Additive`                   h (d_q + d_k + 1)
`concat`              vᵀ tanh(W [q; k])                         `Concat`                     h (d_q + d_k + 1)
`location`            W q, one row a position                   `Location`                   d_q · longest length
`cosine`              β cos(q, k)                               `Cosine`                     1
`local_predictive`    any score, near a predicted centre        `LocalPredictive`            h (d_q + 1)
====================  ========================================  ===========================  =======================

Scores come in at least float32, whatever the inputs are: a float16 holds nothing above 65504. Operations are
multiply-adds; n is the number of queries, m that of keys.
"""

import math
from collections.abc import Callable, Iterator
from types import ModuleType

import array_api_compat
import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from attnlib._arrays import (
    Array,
    accumulation_dtype,
    broadcast_batch,
    constant,
    in_range,
    in_transform,
    is_integer,
    namespace,
    require_count,
    require_dim,
    require_first_derivative,
    require_floating,
    require_integer,
    require_ndim,
    require_positive,
    require_same_dim,
    require_shape,
    require_sizes,
)
from attnlib._random import generator
from attnlib.masks import window_mask
from attnlib.softmax import softmax

# What attend calls: (query, key) -> scores.
Score = Callable[[Array, Array], Array]

HIDDEN_AT_ONCE = 2**24
"""How many numbers :func:`additive` keeps of its hidden layer at once: 64 MiB in float32."""


def dot(query: Float[Array, "*#batch query dim"], key: Float[Array, "*#batch key dim"]) -> Float[Array, "..."]:
    r"""Score by the dot product: large where the two are long and point the same way.

    .. math:: s_{ik} = q_i \cdot k_k, \qquad S = Q K^\top

    No parameters; n m d operations. With the components of q and k independent, of mean 0 and variance 1, the
    variance of a score is d.

    Parameters
    ----------
    query : (..., query, dim)
    key : (..., key, dim)
        The leading dimensions of both broadcast.

    Returns
    -------
    scores : (..., query, key)

    Raises
    ------
    TypeError
        If an argument is not floating point, or NumPy and torch are mixed.
    ValueError
        If the dims differ or the leading dimensions do not broadcast.

    References
    ----------
    Luong, Pham and Manning (2015), arXiv:1508.04025, section 3.1, "dot".

    Examples
    --------
    >>> import numpy as np
    >>> dot(np.array([[1.0, 2.0]]), np.array([[3.0, 0.0], [0.0, 5.0]]))
    array([[ 3., 10.]])
    """
    xp, query, key = _checked(query, key)
    require_same_dim(query, key)
    return xp.matmul(query, xp.matrix_transpose(key))


def scaled_dot(query: Float[Array, "*#batch query dim"], key: Float[Array, "*#batch key dim"]) -> Float[Array, "..."]:
    r"""Score by the dot product divided by the square root of the dim, so that its variance doesn't grow with it.

    .. math:: s_{ik} = \frac{q_i \cdot k_k}{\sqrt d}, \qquad S = \frac{Q K^\top}{\sqrt d}

    No parameters; n m d operations. With the components of q and k independent, of mean 0 and variance 1, the
    variance of a score is 1, whatever d is. Shapes and errors are those of :func:`dot`; d must be at least 1.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, eq. 1 and footnote 4.

    Examples
    --------
    >>> import numpy as np
    >>> scaled_dot(np.ones((1, 4)), np.ones((2, 4)))
    array([[2., 2.]])
    """
    xp, query, key = _checked(query, key)
    require_same_dim(query, key)
    # The query is divided and not the score: it is smaller, and the product can't overflow before it is scaled.
    return xp.matmul(query / math.sqrt(query.shape[-1]), xp.matrix_transpose(key))


def general(
    query: Float[Array, "*#batch query query_dim"],
    key: Float[Array, "*#batch key key_dim"],
    weight: Float[Array, "query_dim key_dim"],
) -> Float[Array, "..."]:
    r"""Score by a bilinear form: a dot product after a learned matrix has turned one side.

    .. math:: s_{ik} = q_i^\top W k_k, \qquad S = Q W K^\top

    n d_q d_k + n m d_k operations. With W the identity it is :func:`dot`; with W = W_qᵀ W_k / √d it is
    :func:`scaled_dot` of the projections W_q q and W_k k, and its rank is theirs.

    Parameters
    ----------
    query : (..., query, query_dim)
    key : (..., key, key_dim)
    weight : (query_dim, key_dim)

    Returns
    -------
    scores : (..., query, key)

    Raises
    ------
    TypeError, ValueError
        As :func:`dot`; also ValueError if the weight has another shape.

    References
    ----------
    Luong, Pham and Manning (2015), arXiv:1508.04025, section 3.1, "general".

    Examples
    --------
    >>> import numpy as np
    >>> swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> general(np.array([[1.0, 2.0]]), np.array([[3.0, 0.0], [0.0, 5.0]]), swap)
    array([[6., 5.]])
    """
    xp, query, key, weight = _checked(query, key, weight=weight)
    require_shape("weight", weight, query_dim=query.shape[-1], key_dim=key.shape[-1])
    return xp.matmul(xp.matmul(query, weight), xp.matrix_transpose(key))


def additive(
    query: Float[Array, "*#batch query query_dim"],
    key: Float[Array, "*#batch key key_dim"],
    query_weight: Float[Array, "hidden query_dim"],
    key_weight: Float[Array, "hidden key_dim"],
    vector: Float[Array, "hidden"],
) -> Float[Array, "..."]:
    r"""Score by a network with one hidden layer that sees query and key together.

    .. math:: s_{ik} = v^\top \tanh(W_q q_i + W_k k_k)

    n d_q h + m d_k h + n m h operations, and n m h hyperbolic tangents. Every product is taken once a query or once a
    key, never once a pair. Where keys stay and queries come one by one, project the keys once:
    :func:`additive_projected`.

    The hidden layer of all pairs would take 4 n m h bytes a sequence in float32. Queries are handled in groups, so
    that no more than ``HIDDEN_AT_ONCE`` numbers of it (or those of one query, if they are more) exist at a time;
    if there is more than one, a gradient computes each a second time instead of keeping it, and has no second
    derivative. Under transforms of ``torch.func`` there is one group.
    ``benchmarks/additive.py`` measures both.

    Parameters
    ----------
    query : (..., query, query_dim)
    key : (..., key, key_dim)
    query_weight : (hidden, query_dim)
        W_q, called W_a in the source.
    key_weight : (hidden, key_dim)
        W_k, called U_a in the source.
    vector : (hidden,)
        v, called v_a in the source.

    Returns
    -------
    scores : (..., query, key)
        Between -‖v‖₁ and ‖v‖₁.

    Raises
    ------
    TypeError, ValueError
        As :func:`dot`; also ValueError if a weight has another shape.

    References
    ----------
    Bahdanau, Cho and Bengio (2015), arXiv:1409.0473, the alignment model a(s, h) of eq. 6, given in appendix A.1.2.

    Examples
    --------
    >>> import numpy as np
    >>> identity = np.eye(2)
    >>> query, key = np.array([[1.0, -1.0]]), np.array([[0.0, 0.0], [-1.0, 1.0]])
    >>> additive(query, key, identity, identity, np.array([1.0, 0.0])).round(4)
    array([[0.7616, 0.    ]])
    """
    xp, query, key, query_weight, key_weight, vector = _checked(
        query, key, query_weight=query_weight, key_weight=key_weight, vector=vector
    )
    hidden = query_weight.shape[0] if query_weight.ndim else 0
    require_shape("query_weight", query_weight, hidden=hidden, query_dim=query.shape[-1])
    require_shape("key_weight", key_weight, hidden=hidden, key_dim=key.shape[-1])
    return _additive(xp, _project(query, query_weight), _project(key, key_weight), vector)


def additive_projected(
    query: Float[Array, "*#batch query hidden"],
    key: Float[Array, "*#batch key hidden"],
    vector: Float[Array, "hidden"],
) -> Float[Array, "..."]:
    r"""Score as :func:`additive` does, from queries and keys that are projected already.

    .. math:: s_{ik} = v^\top \tanh(q'_i + k'_k), \qquad q'_i = W_q q_i, \quad k'_k = W_k k_k

    Parameters
    ----------
    query : (..., query, hidden)
    key : (..., key, hidden)
    vector : (hidden,)

    Returns
    -------
    scores : (..., query, key)

    Raises
    ------
    TypeError, ValueError
        As :func:`additive`.

    References
    ----------
    Bahdanau, Cho and Bengio (2015), arXiv:1409.0473, appendix A.1.2: "U_a h_j does not depend on i", so it is
    computed in advance.

    Examples
    --------
    >>> import numpy as np
    >>> additive_projected(np.array([[1.0]]), np.array([[-1.0], [0.0]]), np.array([2.0])).round(4)
    array([[0.    , 1.5232]])
    """
    xp, query, key, vector = _checked(query, key, vector=vector)
    require_same_dim(query, key)
    return _additive(xp, query, key, vector)


def concat(
    query: Float[Array, "*#batch query query_dim"],
    key: Float[Array, "*#batch key key_dim"],
    weight: Float[Array, "hidden query_and_key_dim"],
    vector: Float[Array, "hidden"],
) -> Float[Array, "..."]:
    r"""Score by a network with one hidden layer that is fed query and key, one after the other.

    .. math:: s_{ik} = v^\top \tanh(W [q_i; k_k]) = v^\top \tanh(W_q q_i + W_k k_k), \qquad W = [W_q \; W_k]

    The same function as :func:`additive`, with both matrices side by side in one, and computed as that is: no
    concatenated pair is ever formed.

    Parameters
    ----------
    query : (..., query, query_dim)
    key : (..., key, key_dim)
    weight : (hidden, query_dim + key_dim)
        The columns for the query first.
    vector : (hidden,)

    Returns
    -------
    scores : (..., query, key)

    Raises
    ------
    TypeError, ValueError
        As :func:`additive`.

    References
    ----------
    Luong, Pham and Manning (2015), arXiv:1508.04025, section 3.1, "concat".

    Examples
    --------
    >>> import numpy as np
    >>> concat(np.array([[1.0]]), np.array([[-1.0], [0.0]]), np.array([[1.0, 1.0]]), np.array([2.0])).round(4)
    array([[0.    , 1.5232]])
    """
    _, query, key, weight, vector = _checked(query, key, weight=weight, vector=vector)
    query_dim, key_dim = query.shape[-1], key.shape[-1]
    hidden = weight.shape[0] if weight.ndim else 0
    require_shape("weight", weight, hidden=hidden, query_and_key_dim=query_dim + key_dim)
    return additive(query, key, weight[:, :query_dim], weight[:, query_dim:], vector)


def location(
    query: Float[Array, "*#batch query query_dim"],
    key: Float[Array, "*#batch key key_dim"],
    weight: Float[Array, "max_length query_dim"],
) -> Float[Array, "..."]:
    r"""Score a key by where it stands and not by what it holds.

    .. math:: s_{ik} = w_k \cdot q_i, \qquad S = Q W^\top

    n m d_q operations. Of the keys only their number is used.

    Parameters
    ----------
    query : (..., query, query_dim)
    key : (..., key, key_dim)
    weight : (max_length, query_dim)
        Row k is for position k; rows beyond the number of keys are left out.

    Returns
    -------
    scores : (..., query, key)
        The leading dimensions are those of the query and the key together.

    Raises
    ------
    TypeError, ValueError
        As :func:`dot`; also ValueError if there are more keys than rows.

    References
    ----------
    Luong, Pham and Manning (2015), arXiv:1508.04025, section 3.1, "location".

    Examples
    --------
    >>> import numpy as np
    >>> location(np.array([[1.0, 2.0]]), np.zeros((2, 5)), np.array([[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]))
    array([[1., 2.]])
    """
    xp, query, key, weight = _checked(query, key, weight=weight)
    length, rows = key.shape[-2], weight.shape[0] if weight.ndim else 0
    require_shape("weight", weight, max_length=rows, query_dim=query.shape[-1])
    if length > rows:
        raise ValueError(f"there are {length} keys but weight has rows for {rows} positions")
    batch = broadcast_batch(query=tuple(query.shape[:-2]), key=tuple(key.shape[:-2]))
    scores = _project(query, weight[:length])
    shape = (*batch, *scores.shape[-2:])
    # A copy: the repeated places of a broadcast array share their memory, and can't be written to.
    return scores if tuple(scores.shape) == shape else xp.asarray(xp.broadcast_to(scores, shape), copy=True)


def cosine(
    query: Float[Array, "*#batch query dim"],
    key: Float[Array, "*#batch key dim"],
    sharpness: float | np.number | Float[Array, "..."] = 1.0,
) -> Float[Array, "..."]:
    r"""Score by the angle between the two, whatever their lengths, times a sharpness.

    .. math:: s_{ik} = \beta_i \frac{q_i \cdot k_k}{\lVert q_i \rVert \lVert k_k \rVert}

    n m d operations. A vector of zeros has no direction: its scores are 0, and so are their gradients.

    Parameters
    ----------
    query : (..., query, dim)
    key : (..., key, dim)
    sharpness : float or (..., query)
        β, for all queries or one each. The softmax is flat at 0 and approaches the argmax as β grows.

    Returns
    -------
    scores : (..., query, key)
        Between -β and β.

    Raises
    ------
    TypeError, ValueError
        As :func:`dot`; also if an array of sharpnesses does not broadcast to the queries.

    References
    ----------
    Graves, Wayne and Danihelka (2014), arXiv:1410.5401, eq. 5 and 6.

    Examples
    --------
    >>> import numpy as np
    >>> cosine(np.array([[3.0, 0.0]]), np.array([[0.1, 0.0], [1.0, 1.0], [-2.0, 0.0]]), 2.0).round(4)
    array([[ 2.    ,  1.4142, -2.    ]])
    """
    xp, query, key = _checked(query, key)
    require_same_dim(query, key)
    similarity = xp.matmul(_direction(xp, query), xp.matrix_transpose(_direction(xp, key)))
    return similarity * _sharpness(sharpness, similarity)


def predicted_centres(
    query: Float[Array, "*batch query query_dim"],
    weight: Float[Array, "hidden query_dim"],
    vector: Float[Array, "hidden"],
    lengths: int | Integer[Array, "..."],
) -> Float[Array, "..."]:
    r"""Predict where in the source each query should look.

    .. math:: p_i = L \, \sigma\big(v^\top \tanh(W q_i)\big)

    Parameters
    ----------
    query : (..., query, query_dim)
    weight : (hidden, query_dim)
        W_p in the source.
    vector : (hidden,)
        v_p in the source.
    lengths : int or (...)
        L: how many keys a sequence has, padding not counted. An array broadcasts with the query's leading dimensions.

    Returns
    -------
    centres : (..., query)
        Between 0 and L, in places, not rounded.

    Raises
    ------
    TypeError, ValueError
        As :func:`additive`; also if the lengths are not integers.

    References
    ----------
    Luong, Pham and Manning (2015), arXiv:1508.04025, eq. 9.

    Examples
    --------
    >>> import numpy as np
    >>> predicted_centres(np.zeros((1, 4)), np.ones((3, 4)), np.ones(3), 10)
    array([5.])
    """
    xp = namespace(query=query, weight=weight, vector=vector)
    require_floating(query=query, weight=weight, vector=vector)
    require_ndim("query", query, "(..., query, query_dim)")
    query, weight, vector = _widened(xp, query, weight, vector)
    hidden = weight.shape[0] if weight.ndim else 0
    require_shape("weight", weight, hidden=hidden, query_dim=query.shape[-1])
    require_shape("vector", vector, hidden=hidden)
    if not is_integer(lengths):
        namespace(query=query, lengths=lengths)
        require_integer(lengths=lengths)
        broadcast_batch(lengths=tuple(lengths.shape), query=tuple(query.shape[:-2]))
    logits = xp.matmul(xp.tanh(_project(query, weight)), vector)
    share = 0.5 * (xp.tanh(0.5 * logits) + 1.0)  # the logistic function, which the array API does not have
    if is_integer(lengths):
        return int(lengths) * share
    return xp.astype(lengths, share.dtype)[..., None] * share


def local_gaussian(
    centres: Float[Array, "*batch query"], key_length: int, half_width: float
) -> Float[Array, "*batch query key"]:
    r"""Weigh each key by how far it stands from the centre.

    .. math:: g_{ik} = \exp\Big(-\frac{(k - p_i)^2}{2 \sigma^2}\Big), \qquad \sigma = \frac{D}{2}

    Parameters
    ----------
    centres : (..., query)
        p, in places; key k stands at place k, counted from 0.
    key_length : int
        Number of keys.
    half_width : float
        D > 0, in places.

    Returns
    -------
    factors : (..., query, key)
        1 at the centre, exp(-2) at a distance of D.

    Raises
    ------
    TypeError, ValueError
        If the centres are not floating point, the half-width is not positive, or the key length is no count.

    References
    ----------
    Luong, Pham and Manning (2015), arXiv:1508.04025, eq. 10.

    Examples
    --------
    >>> import numpy as np
    >>> local_gaussian(np.array([1.0]), 3, 2.0).round(4)
    array([[0.6065, 1.    , 0.6065]])
    """
    xp = namespace(centres=centres)
    return xp.exp(_log_gaussian(xp, centres, key_length, half_width))


def local_predictive(
    query: Float[Array, "*#batch query query_dim"],
    key: Float[Array, "*#batch key key_dim"],
    weight: Float[Array, "hidden query_dim"],
    vector: Float[Array, "hidden"],
    *,
    half_width: float,
    lengths: int | Integer[Array, "..."] | None = None,
    score: Score = scaled_dot,
) -> Float[Array, "..."]:
    r"""Score as another function does, but only near a place that is predicted from the query.

    .. math:: s'_{ik} = \begin{cases} s_{ik} - (k - p_i)^2 / 2 \sigma^2 & |k - p_i| \le D \\
              -\infty & \text{elsewhere} \end{cases}

    with p from :func:`predicted_centres` and σ = D / 2. The softmax of it has weights in proportion to the source's,
    which are left unnormalised there: they are :func:`local_weights`.

    Parameters
    ----------
    query : (..., query, query_dim)
    key : (..., key, key_dim)
    weight, vector
        As for :func:`predicted_centres`.
    half_width : float
        D > 0, in places; 10 in the source.
    lengths : int, (...) or None
        Number of keys of each sequence, padding not counted; None takes all of them. In a padded batch it has to be
        given, or the padding moves the centres.
    score : (query, key) -> scores
        What is made local.

    Returns
    -------
    scores : (..., query, key)

    Raises
    ------
    TypeError, ValueError
        As :func:`predicted_centres`, :func:`local_gaussian` and the score.

    References
    ----------
    Luong, Pham and Manning (2015), arXiv:1508.04025, section 3.2, "local-p", eq. 9 and 10.

    Examples
    --------
    >>> import numpy as np
    >>> query, key, weight, vector = np.zeros((1, 2)), np.zeros((4, 2)), np.zeros((3, 2)), np.zeros(3)
    >>> local_predictive(query, key, weight, vector, half_width=1.0)
    array([[-inf,  -2.,   0.,  -2.]])
    """
    xp, query, key, weight, vector = _checked(query, key, weight=weight, vector=vector)
    require_positive("half_width", half_width)
    length = key.shape[-2]
    centres = predicted_centres(query, weight, vector, length if lengths is None else lengths)
    scores = score(query, key)
    near = window_mask(centres, length, half_width)
    return xp.where(near, scores + _log_gaussian(xp, centres, length, half_width), -xp.inf)


def local_weights(
    scores: Float[Array, "*batch query key"],
    centres: Float[Array, "..."],
    half_width: float,
) -> Float[Array, "*batch query key"]:
    r"""Turn scores into local weights as the source has them: softmax in a window, times a Gaussian.

    .. math:: w_{ik} = \operatorname{softmax}_{|k - p_i| \le D}(s_i)_k \;
              \exp\Big(-\frac{(k - p_i)^2}{2 \sigma^2}\Big)

    The Gaussian comes after the softmax, so rows sum to less than one. Sum them with
    :func:`attnlib.weighted_sum.weighted_sum`; :func:`local_predictive` is the normalised form.

    Parameters
    ----------
    scores : (..., query, key)
        -inf where there is padding.
    centres : (..., query)
    half_width : float
        D > 0, in places.

    Returns
    -------
    weights : (..., query, key)

    Raises
    ------
    TypeError, ValueError
        As :func:`attnlib.softmax.softmax` and :func:`local_gaussian`.

    References
    ----------
    Luong, Pham and Manning (2015), arXiv:1508.04025, eq. 10.

    Examples
    --------
    >>> import numpy as np
    >>> local_weights(np.zeros((1, 5)), np.array([2.0]), 1.0).round(4)
    array([[0.    , 0.0451, 0.3333, 0.0451, 0.    ]])
    """
    namespace(scores=scores, centres=centres)
    require_floating(scores=scores, centres=centres)
    require_ndim("scores", scores, "(..., query, key)")
    require_positive("half_width", half_width)
    length = scores.shape[-1]
    weights = softmax(scores, window_mask(centres, length, half_width))
    return weights * local_gaussian(centres, length, half_width)


class General(nn.Module):
    """:func:`general` with a learned matrix: ``query_dim * key_dim`` parameters.

    Parameters
    ----------
    query_dim, key_dim : int
    seed : int or torch.Generator
        What the initial weights are drawn from.

    Examples
    --------
    >>> score = General(query_dim=4, key_dim=6, seed=0)
    >>> score(torch.zeros(2, 1, 4), torch.zeros(2, 3, 6)).shape, sum(p.numel() for p in score.parameters())
    (torch.Size([2, 1, 3]), 24)
    """

    def __init__(self, query_dim: int, key_dim: int, *, seed: int | torch.Generator):
        super().__init__()
        require_sizes(query_dim=query_dim, key_dim=key_dim)
        self.weight = _matrix(query_dim, key_dim, generator(seed))

    def forward(
        self, query: Float[Tensor, "*#batch query query_dim"], key: Float[Tensor, "*#batch key key_dim"]
    ) -> Float[Tensor, "..."]:
        return general(query, key, self.weight)


class Additive(nn.Module):
    """:func:`additive` with learned weights: ``hidden * (query_dim + key_dim + 1)`` parameters.

    The source starts from matrices near zero and a vector of zeros (appendix B.1), through which no gradient reaches
    the matrices at first; here all three start from the uniform distribution.

    Parameters
    ----------
    query_dim, key_dim : int
    hidden : int
        Width of the hidden layer.
    seed : int or torch.Generator
        What the initial weights are drawn from.

    Examples
    --------
    Called with queries and keys it projects both. Where the keys stay the same from step to step, project them once:

    >>> score = Additive(query_dim=4, key_dim=6, hidden=5, seed=0)
    >>> query, key = torch.ones(2, 1, 4), torch.ones(2, 3, 6)
    >>> projected = score.project_keys(key)
    >>> torch.equal(score.with_projected_keys(query, projected), score(query, key))
    True
    >>> sum(p.numel() for p in score.parameters())
    55
    """

    def __init__(self, query_dim: int, key_dim: int, hidden: int, *, seed: int | torch.Generator):
        super().__init__()
        require_sizes(query_dim=query_dim, key_dim=key_dim, hidden=hidden)
        rng = generator(seed)
        self.query_weight = _matrix(hidden, query_dim, rng)
        self.key_weight = _matrix(hidden, key_dim, rng)
        self.vector = _vector(hidden, rng)

    def forward(
        self, query: Float[Tensor, "*#batch query query_dim"], key: Float[Tensor, "*#batch key key_dim"]
    ) -> Float[Tensor, "..."]:
        return additive(query, key, self.query_weight, self.key_weight, self.vector)

    def project_keys(self, key: Float[Tensor, "*batch key key_dim"]) -> Float[Tensor, "*batch key hidden"]:
        """Return W_k k for every key: what :meth:`with_projected_keys` takes in the place of keys."""
        namespace(key_weight=self.key_weight, key=key)
        require_floating(key=key)
        require_ndim("key", key, "(..., key, key_dim)")
        require_dim("key", key, self.key_weight.shape[1], "the score")
        return _project(key, self.key_weight)

    def with_projected_keys(
        self, query: Float[Tensor, "*#batch query query_dim"], key: Float[Tensor, "*#batch key hidden"]
    ) -> Float[Tensor, "..."]:
        """Score queries against keys that :meth:`project_keys` has projected; goes into ``attend`` as a score."""
        namespace(query_weight=self.query_weight, query=query)
        require_floating(query=query)
        require_ndim("query", query, "(..., query, query_dim)")
        require_dim("query", query, self.query_weight.shape[1], "the score")
        return additive_projected(_project(query, self.query_weight), key, self.vector)


class Concat(nn.Module):
    """:func:`concat` with learned weights: ``hidden * (query_dim + key_dim + 1)`` parameters.

    Parameters
    ----------
    query_dim, key_dim : int
    hidden : int
        Width of the hidden layer.
    seed : int or torch.Generator
        What the initial weights are drawn from.

    Examples
    --------
    >>> score = Concat(query_dim=4, key_dim=6, hidden=5, seed=0)
    >>> score(torch.zeros(2, 1, 4), torch.zeros(2, 3, 6)).shape, sum(p.numel() for p in score.parameters())
    (torch.Size([2, 1, 3]), 55)
    """

    def __init__(self, query_dim: int, key_dim: int, hidden: int, *, seed: int | torch.Generator):
        super().__init__()
        require_sizes(query_dim=query_dim, key_dim=key_dim, hidden=hidden)
        rng = generator(seed)
        self.weight = _matrix(hidden, query_dim + key_dim, rng)
        self.vector = _vector(hidden, rng)

    def forward(
        self, query: Float[Tensor, "*#batch query query_dim"], key: Float[Tensor, "*#batch key key_dim"]
    ) -> Float[Tensor, "..."]:
        return concat(query, key, self.weight, self.vector)


class Location(nn.Module):
    """:func:`location` with a learned matrix: ``max_length * query_dim`` parameters.

    Parameters
    ----------
    query_dim : int
    max_length : int
        The largest number of keys it can score.
    seed : int or torch.Generator
        What the initial weights are drawn from.

    Examples
    --------
    >>> score = Location(query_dim=4, max_length=100, seed=0)
    >>> score(torch.zeros(2, 1, 4), torch.zeros(2, 3, 6)).shape, sum(p.numel() for p in score.parameters())
    (torch.Size([2, 1, 3]), 400)
    """

    def __init__(self, query_dim: int, max_length: int, *, seed: int | torch.Generator):
        super().__init__()
        require_sizes(query_dim=query_dim, max_length=max_length)
        self.weight = _matrix(max_length, query_dim, generator(seed))

    def forward(
        self, query: Float[Tensor, "*#batch query query_dim"], key: Float[Tensor, "*#batch key key_dim"]
    ) -> Float[Tensor, "..."]:
        return location(query, key, self.weight)


class Cosine(nn.Module):
    """:func:`cosine` with one learned sharpness, kept positive as exp of its logarithm: 1 parameter.

    Parameters
    ----------
    sharpness : float
        Where it starts.

    Examples
    --------
    >>> score = Cosine(sharpness=2.0)
    >>> score(torch.ones(1, 4), torch.ones(1, 4))
    tensor([[2.]], grad_fn=<MulBackward0>)
    """

    def __init__(self, sharpness: float = 1.0):
        super().__init__()
        require_positive("sharpness", sharpness)
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(sharpness)))

    def forward(
        self, query: Float[Tensor, "*#batch query dim"], key: Float[Tensor, "*#batch key dim"]
    ) -> Float[Tensor, "..."]:
        return cosine(query, key, self.log_sharpness.exp())


class LocalPredictive(nn.Module):
    """:func:`local_predictive` with learned weights: ``hidden * (query_dim + 1)`` parameters, beside its score's own.

    For a padded batch fix the lengths: ``attend(..., score=partial(module, lengths=lengths))``.

    Parameters
    ----------
    query_dim : int
    hidden : int
        Width of the hidden layer that predicts the centre.
    half_width : float
        D > 0, in places; 10 in the source.
    score : (query, key) -> scores
        What is made local, a function or a module.
    seed : int or torch.Generator
        What the initial weights are drawn from.

    Examples
    --------
    >>> score = LocalPredictive(query_dim=4, hidden=5, half_width=2.0, seed=0)
    >>> score(torch.zeros(1, 4), torch.zeros(7, 4)).isfinite().int()
    tensor([[0, 0, 1, 1, 1, 1, 0]], dtype=torch.int32)
    >>> sum(p.numel() for p in score.parameters())
    25
    """

    def __init__(
        self, query_dim: int, hidden: int, half_width: float, *, score: Score = scaled_dot, seed: int | torch.Generator
    ):
        super().__init__()
        require_sizes(query_dim=query_dim, hidden=hidden)
        require_positive("half_width", half_width)
        rng = generator(seed)
        self.half_width = half_width
        self.score = score
        self.weight = _matrix(hidden, query_dim, rng)
        self.vector = _vector(hidden, rng)

    def forward(
        self,
        query: Float[Tensor, "*#batch query query_dim"],
        key: Float[Tensor, "*#batch key key_dim"],
        lengths: int | Integer[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "..."]:
        return local_predictive(
            query, key, self.weight, self.vector, half_width=self.half_width, lengths=lengths, score=self.score
        )


def _checked(query: Array, key: Array, **weights: Array) -> tuple:
    """Check what every score needs, and return the namespace and all arrays in at least float32."""
    xp = namespace(query=query, key=key, **weights)
    require_floating(query=query, key=key, **weights)
    require_ndim("query", query, "(..., query, query_dim)")
    require_ndim("key", key, "(..., key, key_dim)")
    broadcast_batch(query=tuple(query.shape[:-2]), key=tuple(key.shape[:-2]))
    return xp, *_widened(xp, query, key, *weights.values())


def _widened(xp: ModuleType, *arrays: Array) -> list[Array]:
    dtype = accumulation_dtype(xp, *arrays)
    return [xp.astype(array, dtype, copy=False) for array in arrays]


def _project(inputs: Array, weight: Array) -> Array:
    xp = namespace(inputs=inputs, weight=weight)
    inputs, weight = _widened(xp, inputs, weight)
    return xp.matmul(inputs, xp.matrix_transpose(weight))


def _additive(xp: ModuleType, query: Array, key: Array, vector: Array) -> Array:
    """Return vᵀ tanh(q + k) for every pair, over groups of queries small enough."""
    require_shape("vector", vector, hidden=query.shape[-1])
    batch = broadcast_batch(query=tuple(query.shape[:-2]), key=tuple(key.shape[:-2]))
    row = math.prod(batch) * key.shape[-2] * key.shape[-1]
    group = max(1, HIDDEN_AT_ONCE // max(row, 1))
    if group >= query.shape[-2] or in_transform():
        return xp.matmul(_hidden(query, key), vector)
    query, key = (xp.broadcast_to(array, (*batch, *array.shape[-2:])) for array in (query, key))
    score_groups = _AdditiveInGroups.apply if isinstance(query, Tensor) else _score_groups
    return score_groups(query, key, vector, group)


class _AdditiveInGroups(torch.autograd.Function):
    """Forward and backward with the hidden layer of one group at a time: computed twice, never kept."""

    @staticmethod
    def forward(ctx, query, key, vector, group):
        ctx.group = group
        ctx.save_for_backward(query, key, vector)
        return _score_groups(query, key, vector, group)

    @staticmethod
    def backward(ctx, scores_gradient):
        require_first_derivative("score fewer pairs at a time, or raise attnlib.scores.HIDDEN_AT_ONCE")
        query, key, vector = ctx.saved_tensors
        query_gradient, key_gradient, vector_gradient = (torch.zeros_like(array) for array in ctx.saved_tensors)
        for rows, hidden in _hidden_groups(query, key, ctx.group):
            upstream = scores_gradient[..., rows, :]
            vector_gradient += upstream.reshape(-1) @ hidden.flatten(0, -2)
            slope = hidden.square_().neg_().add_(1).mul_(upstream[..., None])  # (..., query, key, hidden)
            query_gradient[..., rows, :] = slope.sum(dim=-2)
            key_gradient += slope.sum(dim=-3)
        return query_gradient * vector, key_gradient * vector, vector_gradient, None


def _hidden(query: Array, key: Array) -> Array:
    """Return tanh(q + k) for every pair: (..., query, key, hidden)."""
    hidden = query[..., :, None, :] + key[..., None, :, :]
    # In place, on an array of our own: a second one of this size would double the memory.
    return hidden.tanh_() if isinstance(hidden, Tensor) else np.tanh(hidden, out=hidden)


def _score_groups(query: Array, key: Array, vector: Array, group: int) -> Array:
    scores = _empty_like(query, (*query.shape[:-1], key.shape[-2]))
    for rows, hidden in _hidden_groups(query, key, group):
        scores[..., rows, :] = hidden @ vector
    return scores


def _hidden_groups(query: Array, key: Array, group: int) -> Iterator[tuple[slice, Array]]:
    """Yield which queries make a group, and their hidden layer, which the next group is written over."""
    library = torch if isinstance(query, Tensor) else np
    *batch, length, hidden = query.shape
    memory = _empty_like(query, math.prod(batch) * group * key.shape[-2] * hidden)
    for first in range(0, length, group):
        rows = slice(first, min(first + group, length))
        shape = (*batch, rows.stop - first, key.shape[-2], hidden)
        layer = memory[: math.prod(shape)].reshape(shape)
        library.add(query[..., rows, None, :], key[..., None, :, :], out=layer)
        yield rows, library.tanh(layer, out=layer)


def _empty_like(array: Array, shape: int | tuple[int, ...]) -> Array:
    return namespace(array=array).empty(shape, dtype=array.dtype, device=array_api_compat.device(array))


def _direction(xp: ModuleType, vectors: Array) -> Array:
    """Return vectors at length 1, and zeros where there is no direction, without overflow or underflow."""
    largest = constant(xp.max(xp.abs(vectors), axis=-1, keepdims=True))
    nothing = largest == 0
    scaled = xp.where(nothing, 0.0, vectors / xp.where(nothing, 1.0, largest))
    length = xp.sqrt(xp.where(nothing, 1.0, xp.sum(scaled * scaled, axis=-1, keepdims=True)))
    return scaled / length


def _log_gaussian(xp: ModuleType, centres: Array, key_length: int, half_width: float) -> Array:
    require_floating(centres=centres)
    require_positive("half_width", half_width)
    require_count(key_length=key_length)
    (centres,) = _widened(xp, centres)
    places = xp.arange(key_length, dtype=centres.dtype, device=array_api_compat.device(centres))
    with np.errstate(over="ignore"):  # a distance beyond the dtype's range is infinite, and its weight 0
        distance = (places - centres[..., None]) / in_range(xp, half_width / 2, centres.dtype)
        return -0.5 * distance * distance


def _sharpness(sharpness: float | np.number | Array, similarity: Array) -> float | Array:
    """Return what similarities (..., query, key) are multiplied by."""
    if isinstance(sharpness, int | float | np.integer | np.floating):
        return float(sharpness)
    xp = namespace(sharpness=sharpness, query=similarity)
    require_floating(sharpness=sharpness)
    broadcast_batch(sharpness=tuple(sharpness.shape), query=tuple(similarity.shape[:-1]))
    return xp.astype(sharpness, similarity.dtype)[..., None]


def _matrix(rows: int, columns: int, rng: torch.Generator) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(rows, columns), generator=rng))


def _vector(size: int, rng: torch.Generator) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, size), generator=rng)[0])
