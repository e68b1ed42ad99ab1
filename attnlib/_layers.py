"""Layers that several modules start in the same way."""

import torch
from torch import nn


def projection(in_dim: int, out_dim: int, bias: bool, rng: torch.Generator) -> nn.Linear:
    """Return a linear layer with weights drawn from ``rng`` (Glorot and Bengio 2010, eq. 16) and biases of zero."""
    layer = nn.utils.skip_init(nn.Linear, in_dim, out_dim, bias=bias)
    nn.init.xavier_uniform_(layer.weight, generator=rng)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer
