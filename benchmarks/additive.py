"""Additive attention, keys projected once against at every step: ``python -m benchmarks.additive``.

A decoder makes 15 steps over a batch of 64 sentences of 15 words; states and hidden layer have width 500. Its own
recurrence is left out: each step has one query, and needs scores, weights and a context. Contestants:

- every step: query and keys are projected at each step, in torch's operators;
- once: `Additive.project_keys` before the steps, `Additive.with_projected_keys` in each.

Memory is the growth of a fresh process's peak, when all pairs of 1024 queries and 1024 keys are scored with a
hidden layer of 256 (1.1 GB of it in float32), forward, and forward and backward. Contestants:

- all pairs: the hidden layer of all pairs at once, in torch's operators;
- in groups: `additive`.
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from attnlib import device as best_device
from attnlib.attention import attend
from attnlib.scores import Additive
from benchmarks.measure import compare, peak_megabytes, rounded, write

BATCH, LENGTH, DIM = 64, 15, 500
PAIRS, HIDDEN = 1024, 256


def score_all_pairs(module: Additive, query: Tensor, key: Tensor) -> Tensor:
    projected_query, projected_key = query @ module.query_weight.T, key @ module.key_weight.T
    return torch.tanh(projected_query[..., :, None, :] + projected_key[..., None, :, :]) @ module.vector


def decode_every_step(module: Additive, queries: Tensor, keys: Tensor) -> Tensor:
    contexts = []
    for query in queries.split(1, dim=1):
        weights = score_all_pairs(module, query, keys).softmax(dim=-1)
        contexts.append(weights @ keys)
    return torch.cat(contexts, dim=1)


def decode_once(module: Additive, queries: Tensor, keys: Tensor) -> Tensor:
    projected = module.project_keys(keys)
    steps = queries.split(1, dim=1)
    return torch.cat([attend(query, projected, keys, score=module.with_projected_keys) for query in steps], dim=1)


DECODERS = {"every step": decode_every_step, "once": decode_once}


def decoder_inputs(device: str, batch: int = BATCH, length: int = LENGTH, dim: int = DIM):
    rng = torch.Generator().manual_seed(0)
    module = Additive(dim, dim, dim, seed=rng).to(device)
    queries, keys = (torch.randn(batch, length, dim, generator=rng).to(device).requires_grad_() for _ in range(2))
    return module, queries, keys


def forward(decode: Callable, module: Additive, queries: Tensor, keys: Tensor) -> Callable[[], Tensor]:
    def call():
        with torch.no_grad():
            return decode(module, queries, keys)

    return call


def forward_backward(decode: Callable, module: Additive, queries: Tensor, keys: Tensor) -> Callable[[], object]:
    learned = [*module.parameters(), queries, keys]
    return lambda: torch.autograd.grad(decode(module, queries, keys).sum(), learned)


def time_rows(rounds: int, device: str, **sizes: int) -> list[dict]:
    inputs = decoder_inputs(device, **sizes)
    timed = {}
    for passes in (forward, forward_backward):
        timings = compare({name: passes(decode, *inputs) for name, decode in DECODERS.items()}, rounds, device)
        timed[passes.__name__] = {name: rounded(timing) for name, timing in timings.items()}
    return [{"passes": passes, "timings": timings} for passes, timings in timed.items()]


def memory_work(contestant: str, backward: bool, pairs: int, hidden: int) -> Callable[[], object]:
    """Prepare one scoring of all pairs; runs in a process of its own."""
    rng = torch.Generator().manual_seed(0)
    module = Additive(hidden, hidden, hidden, seed=rng)
    query, key = (torch.randn(1, pairs, hidden, generator=rng) for _ in range(2))
    score = module if contestant == "in groups" else partial(score_all_pairs, module)
    score(query[:, :2], key[:, :2]).sum().backward()  # what a first call sets up is not the score's

    def call():
        with torch.set_grad_enabled(backward):
            scores = score(query, key)
        if backward:
            scores.sum().backward()

    return call


def memory_rows(pairs: int = PAIRS, hidden: int = HIDDEN) -> list[dict]:
    return [
        {
            "passes": "forward_backward" if backward else "forward",
            "megabytes": {
                contestant: round(peak_megabytes(partial(memory_work, contestant, backward, pairs, hidden)), 1)
                for contestant in ("all pairs", "in groups")
            },
        }
        for backward in (False, True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default=best_device().type, help="cpu or cuda (default: the best there is)")
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    rows = time_rows(options.rounds, options.device)
    print(write("additive", options.device, rows + (memory_rows() if options.device == "cpu" else [])))


if __name__ == "__main__":
    main()
