"""`attend` against torch's fused kernel: ``python -m benchmarks.attend`` writes results/attend-DEVICE.json.

Queries, keys and values are (batch, 8 heads, length, 64), float32, which is width 512. Contestants:

- fused: ``torch.nn.functional.scaled_dot_product_attention``, what the others are compared with;
- attend: ``attend(query, key, value)``;
- with weights: ``attend(query, key, value, return_weights=True)``;
- three lines: scores, softmax and weighted sum, written out with torch's operators.
"""

import argparse
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from tqdm import tqdm

from attnlib import device as best_device
from attnlib.attention import attend
from attnlib.masks import padding_mask
from benchmarks.measure import compare, rounded, write

SIZES = ((32, 50), (4, 512), (1, 2048))
HEADS, DIM = 8, 64


def three_lines(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(dim=-1) @ value


CONTESTANTS: dict[str, Callable[..., Tensor]] = {
    "fused": scaled_dot_product_attention,
    "attend": attend,
    "with weights": lambda *inputs: attend(*inputs, return_weights=True)[0],
    "three lines": three_lines,
}


def inputs_for(batch: int, length: int, device: str, *, masked: bool = False) -> tuple[list[Tensor], Tensor | None]:
    rng = torch.Generator().manual_seed(0)
    shape = (batch, HEADS, length, DIM)
    arrays = [torch.randn(shape, generator=rng).to(device).requires_grad_() for _ in range(3)]
    lengths = torch.linspace(length / 2, length, batch).long() if batch > 1 else torch.tensor([3 * length // 4])
    return arrays, padding_mask(lengths, length)[:, None, None, :].to(device) if masked else None


def forward(function: Callable[..., Tensor], arrays: list[Tensor], mask: Tensor | None) -> Callable[[], Tensor]:
    def call():
        with torch.no_grad():
            return function(*arrays, mask)

    return call


def forward_backward(
    function: Callable[..., Tensor], arrays: list[Tensor], mask: Tensor | None
) -> Callable[[], object]:
    upstream = torch.ones_like(arrays[0])
    return lambda: torch.autograd.grad(function(*arrays, mask), arrays, upstream)


def rows(sizes=SIZES, rounds: int = 41, device: str = "cpu") -> Iterator[dict]:
    """Yield one row a size, pass and mask: the timing of every contestant."""
    cases = [
        (size, masked, passes) for size in sizes for masked in (False, True) for passes in (forward, forward_backward)
    ]
    for (batch, length), masked, passes in tqdm(cases, desc="attend", unit="case"):
        arrays, mask = inputs_for(batch, length, device, masked=masked)
        timings = compare({name: passes(f, arrays, mask) for name, f in CONTESTANTS.items()}, rounds, device)
        yield {
            "batch": batch,
            "length": length,
            "mask": "padding" if masked else "none",
            "passes": passes.__name__,
            "timings": {name: rounded(timing) for name, timing in timings.items()},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default=best_device().type, help="cpu or cuda (default: the best there is)")
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    print(write("attend", options.device, rows(rounds=options.rounds, device=options.device)))


if __name__ == "__main__":
    main()
