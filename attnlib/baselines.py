"""Sequence maps before attention: feed-forward over time, convolution and recurrence; their cost and their reach.

Each module maps (batch, length, input_dim) to (batch, length, output_dim).

======================  ===============  ==========================================
module                  lengths          inputs that output t depends on
======================  ===============  ==========================================
`FeedForwardOverTime`   exactly one      all of them
`Convolutional`         any              t and the ``receptive_field - 1`` before it
`Recurrent`             any              t and all before it
======================  ===============  ==========================================
"""

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnlib._arrays import require_integers, require_positive, require_sizes
from attnlib._random import generator, seeded

_CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
_GATES = {"rnn": 1, "gru": 3, "lstm": 4}


class FeedForwardOverTime(nn.Module):
    r"""Map a whole window at once, with one fixed weight for every pair of places.

    .. math:: \operatorname{vec}(Y) = W_2 \tanh(W_1 \operatorname{vec}(X) + b_1) + b_2

    The shape of W₁ and W₂ holds the length, so the module takes that length and no other.

    Parameters
    ----------
    length : int
        Number of places in the window.
    input_dim, output_dim : int
        Width of a vector that goes in, and of one that comes out.
    hidden_dim : int
        Width of the hidden layer, which sees the whole window.
    seed : int
        What the first weights are drawn from.

    Raises
    ------
    TypeError
        If a size or the seed is not an integer.
    ValueError
        If a size is below 1; when called, if the input has another length or width.

    Examples
    --------
    >>> model = FeedForwardOverTime(length=8, input_dim=2, output_dim=3, hidden_dim=4, seed=0)
    >>> model(torch.zeros(1, 8, 2)).shape
    torch.Size([1, 8, 3])
    >>> model(torch.zeros(1, 9, 2))
    Traceback (most recent call last):
    ValueError: FeedForwardOverTime was built for length 8 but got length 9
    """

    def __init__(self, length: int, input_dim: int, output_dim: int, hidden_dim: int, *, seed: int):
        super().__init__()
        require_sizes(length=length, input_dim=input_dim, output_dim=output_dim, hidden_dim=hidden_dim)
        self.length, self.input_dim, self.output_dim = length, input_dim, output_dim
        with seeded(seed):
            self.hidden = nn.Linear(length * input_dim, hidden_dim)
            self.readout = nn.Linear(hidden_dim, length * output_dim)

    def forward(self, inputs: Float[Tensor, "batch length input_dim"]) -> Float[Tensor, "batch length output_dim"]:
        _require_inputs(self, inputs)
        if inputs.shape[1] != self.length:
            raise ValueError(f"FeedForwardOverTime was built for length {self.length} but got length {inputs.shape[1]}")
        window = inputs.flatten(start_dim=1)  # (batch, length * input_dim)
        return self.readout(torch.tanh(self.hidden(window))).unflatten(1, (self.length, self.output_dim))


class Convolutional(nn.Module):
    r"""Slide the same few weights along the sequence, layer upon layer; output t sees no input after t.

    .. math:: h^{(l)}_t = \tanh\Big(b^{(l)} + \sum_{j=0}^{k-1} W^{(l)}_j h^{(l-1)}_{t-j}\Big)

    where the lowest h is x, zeros stand before the beginning, and y = V h + c is read from the highest h.

    Parameters
    ----------
    input_dim, output_dim, hidden_dim : int
        Widths of the vectors that go in, come out, and lie between.
    kernel_size : int
        k, the number of neighbouring places that one layer looks at.
    layers : int
        Number of convolutions on top of each other.
    seed : int
        What the first weights are drawn from.

    Attributes
    ----------
    receptive_field : int
        Number of inputs that one output depends on, layers · (k - 1) + 1.

    Raises
    ------
    TypeError
        If a size or the seed is not an integer.
    ValueError
        If a size is below 1; when called, if the input has another width or no place.

    References
    ----------
    Waibel, Hanazawa, Hinton, Shikano and Lang (1989), *Phoneme recognition using time-delay neural networks*,
    doi:10.1109/29.21701.

    Examples
    --------
    >>> model = Convolutional(input_dim=2, output_dim=3, hidden_dim=4, kernel_size=3, layers=2, seed=0)
    >>> model(torch.zeros(1, 9, 2)).shape
    torch.Size([1, 9, 3])
    >>> model.receptive_field
    5
    """

    def __init__(self, input_dim: int, output_dim: int, hidden_dim: int, kernel_size: int, layers: int, *, seed: int):
        super().__init__()
        require_sizes(
            input_dim=input_dim,
            output_dim=output_dim,
            hidden_dim=hidden_dim,
            kernel_size=kernel_size,
            layers=layers,
        )
        self.input_dim, self.output_dim, self.kernel_size = input_dim, output_dim, kernel_size
        widths = [input_dim] + [hidden_dim] * layers
        with seeded(seed):
            self.convolutions = nn.ModuleList(
                nn.Conv1d(before, after, kernel_size) for before, after in pairwise(widths)
            )
            self.readout = nn.Linear(hidden_dim, output_dim)

    @property
    def receptive_field(self) -> int:
        return len(self.convolutions) * (self.kernel_size - 1) + 1

    def forward(self, inputs: Float[Tensor, "batch length input_dim"]) -> Float[Tensor, "batch length output_dim"]:
        _require_inputs(self, inputs)
        hidden = inputs.transpose(1, 2)  # (batch, input_dim, length)
        for convolution in self.convolutions:
            past = nn.functional.pad(hidden, (self.kernel_size - 1, 0))
            hidden = torch.tanh(convolution(past))  # (batch, hidden_dim, length)
        return self.readout(hidden.transpose(1, 2))


class Recurrent(nn.Module):
    r"""Read the sequence one place after another, into a state of fixed size.

    .. math:: h_t = \tanh(W x_t + U h_{t-1} + b), \qquad y_t = V h_t + c, \qquad h_0 = 0

    is the plain cell, ``"rnn"``; ``"gru"`` and ``"lstm"`` put gates around the same loop. One of their gates says how
    much of the state is kept: the LSTM's forget gate, the GRU's update gate.

    Parameters
    ----------
    input_dim, output_dim : int
        Width of a vector that goes in, and of one that comes out.
    hidden_dim : int
        Width of the state h, the same however long the sequence.
    cell : str
        ``"rnn"``, ``"gru"`` or ``"lstm"``.
    keep_bias : float
        Added to the bias that the keeping gate starts with. At 0 the gate starts about half open, and the state is
        halved at every step; at 3 it starts at about 0.95.
    seed : int
        What the first weights are drawn from.

    Raises
    ------
    TypeError
        If a size or the seed is not an integer.
    ValueError
        If a size is below 1, the cell is unknown, keep_bias is not finite or a plain cell is given one; when
        called, if the input has another width or no place.

    References
    ----------
    Elman (1990), doi:10.1207/s15516709cog1402_1, for the plain cell; Hochreiter and Schmidhuber (1997),
    doi:10.1162/neco.1997.9.8.1735, for the LSTM; Gers, Schmidhuber and Cummins (2000),
    doi:10.1162/089976600300015015, for its forget gate; Cho et al. (2014), arXiv:1406.1078, section 2.3, for the
    GRU; Jozefowicz, Zaremba and Sutskever (2015), *An empirical exploration of recurrent network architectures*,
    for the bias.

    Examples
    --------
    >>> model = Recurrent(input_dim=2, output_dim=3, hidden_dim=4, cell="lstm", seed=0)
    >>> model(torch.zeros(1, 9, 2)).shape
    torch.Size([1, 9, 3])
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        hidden_dim: int,
        cell: str = "rnn",
        *,
        keep_bias: float = 0.0,
        seed: int,
    ):
        super().__init__()
        require_sizes(input_dim=input_dim, output_dim=output_dim, hidden_dim=hidden_dim)
        _require_cell(cell)
        if not math.isfinite(keep_bias):
            raise ValueError(f"keep_bias must be a finite number, got {keep_bias}")
        if cell == "rnn" and keep_bias != 0:
            raise ValueError(f"a plain cell has no gate, so keep_bias must be 0, got {keep_bias}")
        self.input_dim, self.output_dim, self.cell = input_dim, output_dim, cell
        with seeded(seed):
            self.recurrence = _CELLS[cell](input_dim, hidden_dim, batch_first=True)
            self.readout = nn.Linear(hidden_dim, output_dim)
        if cell != "rnn":
            with torch.no_grad():  # the keeping gate is the second block of rows in both of torch's gated cells
                self.recurrence.bias_ih_l0[hidden_dim : 2 * hidden_dim] += keep_bias

    def forward(self, inputs: Float[Tensor, "batch length input_dim"]) -> Float[Tensor, "batch length output_dim"]:
        _require_inputs(self, inputs)
        states, _ = self.recurrence(inputs)
        return self.readout(states)


class LayerCost(NamedTuple):
    """What one layer asks for, in the units that :func:`recurrence_cost` explains."""

    operations: int
    steps: int
    path: int


def feed_forward_cost(length: int, dim: int) -> LayerCost:
    r"""Count what one fully connected layer over a window of n vectors of width d asks for.

    .. math:: \text{operations} = n^2 d^2, \qquad \text{steps} = 1, \qquad \text{path} = 1

    Errors are those of :func:`recurrence_cost`, and so are the units.

    Examples
    --------
    >>> feed_forward_cost(length=10, dim=4)
    LayerCost(operations=1600, steps=1, path=1)
    """
    require_sizes(length=length, dim=dim)
    return LayerCost(operations=length**2 * dim**2, steps=1, path=1)


def convolution_cost(length: int, dim: int, kernel_size: int) -> LayerCost:
    r"""Count what one convolution with kernel k asks for, and how many of them reach from end to end.

    .. math:: \text{operations} = k n d^2, \qquad \text{steps} = 1, \qquad
              \text{path} = \max\Big(1, \Big\lceil \frac{n - 1}{k - 1} \Big\rceil\Big)

    The kernels are contiguous; the products with the zeros before the beginning are counted too. Units are
    those of :func:`recurrence_cost`.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If length or dim is below 1, or the kernel below 2: such a one never reaches another place.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, table 1 and section 4: O(k n d²), O(1), and O(n/k) layers for a
    contiguous kernel. Their table's O(log_k n) is for dilated ones.

    Examples
    --------
    >>> convolution_cost(length=10, dim=4, kernel_size=3)
    LayerCost(operations=480, steps=1, path=5)
    """
    require_sizes(length=length, dim=dim, kernel_size=kernel_size)
    if kernel_size == 1:
        raise ValueError("kernel_size must be at least 2 to reach another place, got 1")
    layers = -(-(length - 1) // (kernel_size - 1))
    return LayerCost(operations=kernel_size * length * dim**2, steps=1, path=max(1, layers))


def recurrence_cost(length: int, dim: int, cell: str = "rnn") -> LayerCost:
    r"""Count what one recurrent layer over n vectors of width d, with a state of width d, asks for.

    .. math:: \text{operations} = 2 g n d^2, \qquad \text{steps} = n, \qquad \text{path} = n

    with g = 1 pair of matrices in a plain cell, 3 in a GRU, 4 in an LSTM.

    Operations are multiply-adds in matrix products, half of what is called FLOPs; biases and whatever is done
    number by number are left out. Steps have to be taken one after another, however many processors there are.
    The path is the number of layers or steps that the first input passes through on its way to the last output.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If length or dim is below 1, or the cell is unknown.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, table 1: O(n d²), O(n), O(n).

    Examples
    --------
    >>> recurrence_cost(length=10, dim=4)
    LayerCost(operations=320, steps=10, path=10)
    """
    require_sizes(length=length, dim=dim)
    _require_cell(cell)
    return LayerCost(operations=2 * _GATES[cell] * length * dim**2, steps=length, path=length)


def attention_cost(length: int, dim: int) -> LayerCost:
    r"""Count what one layer of dot-product self-attention over n vectors of width d asks for.

    .. math:: \text{operations} = 2 n^2 d, \qquad \text{steps} = 1, \qquad \text{path} = 1

    A score is one dot product and a context one weighted sum: n²d multiply-adds each. Products with learned
    matrices, where there are any, cost n d² apiece and are left out. Units and errors are those of
    :func:`recurrence_cost`.

    References
    ----------
    Vaswani et al. (2017), arXiv:1706.03762, table 1: O(n² d), O(1), O(1).

    Examples
    --------
    >>> attention_cost(length=10, dim=4)
    LayerCost(operations=800, steps=1, path=1)
    """
    require_sizes(length=length, dim=dim)
    return LayerCost(operations=2 * length**2 * dim, steps=1, path=1)


def gradient_by_distance(model: nn.Module, inputs: Float[Tensor, "batch length input_dim"]) -> Float[Tensor, "length"]:
    r"""Measure how strongly the last output answers to an input t places before it.

    .. math:: g_t = \frac{1}{B} \sum_b \Big\lVert \frac{\partial y_{b,n}}{\partial x_{b,n-t}} \Big\rVert_F

    A place that the last output does not depend on has exactly 0; so has one whose gradient is too small for
    the dtype. Squares are taken and added up in float64, on the CPU. The model's own gradients stay as they are.

    Parameters
    ----------
    model : nn.Module
        From (batch, length, input_dim) to (batch, length, output_dim), each sequence on its own.
    inputs : (batch, length, input_dim)
        The B sequences to take the mean over.

    Returns
    -------
    norms : (length,)
        In the dtype of the inputs. From distance t = 0, the last input itself, to n - 1, the first.

    References
    ----------
    Bengio, Simard and Frasconi (1994), doi:10.1109/72.279181, on how it shrinks in a recurrence.

    Examples
    --------
    >>> model = Convolutional(input_dim=2, output_dim=2, hidden_dim=4, kernel_size=2, layers=2, seed=0)
    >>> gradient_by_distance(model, torch.ones(1, 5, 2)) > 0
    tensor([ True,  True,  True, False, False])
    """
    inputs = inputs.detach().clone().requires_grad_()
    with torch.enable_grad():
        last = model(inputs)[:, -1].sum(dim=0)  # (output_dim,): sequences don't mix, so a sum keeps them apart
        rows = [_gradient(output, inputs) for output in last]
    norms = torch.stack(rows).cpu().double().square().sum(dim=(0, 3)).sqrt()  # (batch, length)
    return norms.mean(dim=0).flip(0).to(inputs)


def recall_task(
    batch: int, length: int, symbols: int, *, seed: int | torch.Generator
) -> tuple[Float[Tensor, "batch length input_dim"], Int[Tensor, "batch"]]:
    r"""Draw sequences whose first symbol has to be said at the last place.

    The first symbol is one of 0 to ``symbols - 1``. All that follow are distractors, from as many other
    symbols, and tell nothing about it. A guess is right once in ``symbols`` times.

    Parameters
    ----------
    batch, length, symbols : int
        Number of sequences, places in each, and different answers.
    seed : int or torch.Generator
        A generator goes on from where it is.

    Returns
    -------
    inputs : (batch, length, 2 * symbols)
        One-hot.
    targets : (batch,)
        The first symbol of each.

    Raises
    ------
    TypeError
        If a size or the seed is not an integer.
    ValueError
        If a size is below 1.

    References
    ----------
    After the latching problem of Bengio, Simard and Frasconi (1994), doi:10.1109/72.279181, and the long time
    lags of Hochreiter and Schmidhuber (1997), doi:10.1162/neco.1997.9.8.1735, experiment 2.

    Examples
    --------
    >>> inputs, targets = recall_task(batch=1, length=4, symbols=3, seed=0)
    >>> inputs.argmax(dim=-1), targets
    (tensor([[2, 3, 5, 3]]), tensor([2]))
    """
    require_sizes(batch=batch, length=length, symbols=symbols)
    rng = generator(seed)
    targets = torch.randint(symbols, (batch, 1), generator=rng)
    distractors = torch.randint(symbols, 2 * symbols, (batch, length - 1), generator=rng)
    inputs = nn.functional.one_hot(torch.cat([targets, distractors], dim=1), 2 * symbols)
    return inputs.float(), targets[:, 0]


def train_recall(
    model: nn.Module,
    length: int,
    symbols: int,
    *,
    updates: int,
    seed: int,
    batch: int = 32,
    learning_rate: float = 1e-2,
) -> float:
    """Train a model on :func:`recall_task` and return its accuracy on 1000 fresh sequences.

    Every update draws a new batch; Adam lowers the cross-entropy at the last place, with the gradient's norm
    clipped to 1. The model is changed where it is, on whatever device.

    Parameters
    ----------
    model : nn.Module
        From (batch, length, 2 * symbols) to (batch, length, symbols).
    length, symbols : int
        As for :func:`recall_task`. The first symbol lies ``length - 1`` places before the last.
    updates : int
        Number of batches; 0 measures the model as it is.
    seed : int
        What training and test sequences are drawn from.
    batch : int
        Sequences per update.
    learning_rate : float
        Adam's step size.

    Returns
    -------
    accuracy : float
        From 0 to 1; guessing gives 1 / ``symbols``.

    Raises
    ------
    TypeError
        If a size, the number of updates or the seed is not an integer.
    ValueError
        If a size is below 1, updates are negative or the learning rate is not positive and finite.

    Examples
    --------
    >>> model = Recurrent(input_dim=4, output_dim=2, hidden_dim=8, seed=0)
    >>> train_recall(model, length=2, symbols=2, updates=50, seed=0)
    1.0
    """
    require_sizes(length=length, symbols=symbols, batch=batch)
    require_positive("learning_rate", learning_rate)
    require_integers(updates=updates)
    if updates < 0:
        raise ValueError(f"updates must be at least 0, got {updates}")
    rng, device = generator(seed), next(model.parameters()).device
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    for _ in range(updates):
        inputs, targets = recall_task(batch, length, symbols, seed=rng)
        loss = nn.functional.cross_entropy(model(inputs.to(device))[:, -1], targets.to(device))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
    inputs, targets = recall_task(1000, length, symbols, seed=rng)
    with torch.no_grad():
        answers = model(inputs.to(device))[:, -1].argmax(dim=-1)
    return (answers.cpu() == targets).float().mean().item()


def _gradient(output: Float[Tensor, ""], inputs: Tensor) -> Tensor:
    """Return the gradient of a number, zeros where the inputs have no part in it."""
    gradient = None
    if output.requires_grad:
        (gradient,) = torch.autograd.grad(output, inputs, retain_graph=True, allow_unused=True)
    return torch.zeros_like(inputs) if gradient is None else gradient


def _require_cell(cell: str) -> None:
    if cell not in _CELLS:
        raise ValueError(f"cell must be one of {', '.join(_CELLS)}, got {cell!r}")


def _require_inputs(model: nn.Module, inputs: Tensor) -> None:
    if inputs.ndim != 3:
        raise ValueError(f"inputs must have shape (batch, length, input_dim), got {tuple(inputs.shape)}")
    if inputs.shape[1] == 0:
        raise ValueError(f"a sequence needs at least one place, got inputs of shape {tuple(inputs.shape)}")
    if inputs.shape[2] != model.input_dim:
        raise ValueError(f"inputs have dim {inputs.shape[2]} but {type(model).__name__} takes {model.input_dim}")
