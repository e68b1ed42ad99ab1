"""Randomness from what the caller passes, and from nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from attnlib._arrays import is_integer


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from the seed inside the block, and leave the global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_whole_seed(seed))
        yield


def generator(seed: int | torch.Generator) -> torch.Generator:
    """Return a generator that starts from the seed, or the given generator, which goes on from where it is."""
    return seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(_whole_seed(seed))


def _whole_seed(seed: int) -> int:
    if not is_integer(seed):
        raise TypeError(f"seed must be an integer, got {type(seed).__name__}")
    return int(seed)  # torch doesn't take NumPy's integers
