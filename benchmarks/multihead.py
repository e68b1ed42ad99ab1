"""`MultiHeadAttention` against torch's: ``python -m benchmarks.multihead`` writes results/multihead-DEVICE.json.

Self-attention of (batch, length, 512), float32, 8 heads, with biases, from the same weights. Contestants:

- torch: ``torch.nn.MultiheadAttention``, what ours is compared with;
- attnlib: :class:`attnlib.multihead.MultiHeadAttention`.

Without weights, and with those of every head. Passes: forward with gradients to come, forward in eval and inference
mode, and forward and backward.
"""

import argparse
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from tqdm import tqdm

from attnlib import device as best_device
from attnlib.multihead import MultiHeadAttention
from benchmarks.measure import compare, rounded, write

SIZES = ((32, 50), (4, 512), (1, 2048))
DIM, HEADS = 512, 8


def modules(dim: int = DIM, heads: int = HEADS) -> dict[str, nn.Module]:
    """Return torch's module and ours with the same numbers in them."""
    ours = MultiHeadAttention(dim, heads, bias=True, seed=0)
    theirs = nn.MultiheadAttention(dim, heads, batch_first=True)
    with torch.no_grad():
        for layer in (ours.Qw, ours.Kw, ours.Vw, ours.Ow):
            layer.bias.normal_(std=0.1, generator=torch.Generator().manual_seed(1))
        theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in (ours.Qw, ours.Kw, ours.Vw)]))
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in (ours.Qw, ours.Kw, ours.Vw)]))
        theirs.out_proj.load_state_dict(ours.Ow.state_dict())
    return {"torch": theirs, "attnlib": ours}


def calls(models: dict[str, nn.Module], with_weights: bool) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return what each does with words; the weights, where there are some, are left."""
    theirs, ours = models["torch"], models["attnlib"]
    how = {"need_weights": with_weights, "average_attn_weights": False}
    return {
        "torch": lambda words: theirs(words, words, words, **how)[0],
        "attnlib": lambda words: ours(words, return_weights=True)[0] if with_weights else ours(words),
    }


def words_of(batch: int, length: int, dim: int = DIM, device: str = "cpu") -> Tensor:
    return torch.randn(batch, length, dim, generator=torch.Generator().manual_seed(2)).to(device).requires_grad_()


def forward(function: Callable[[Tensor], Tensor], model: nn.Module, words: Tensor) -> Callable[[], Tensor]:
    return lambda: function(words)


def inference(function: Callable[[Tensor], Tensor], model: nn.Module, words: Tensor) -> Callable[[], Tensor]:
    def call():
        with torch.inference_mode():
            return function(words)

    return call


def forward_backward(function: Callable[[Tensor], Tensor], model: nn.Module, words: Tensor) -> Callable[[], object]:
    upstream, leaves = torch.ones_like(words), [words, *model.parameters()]
    return lambda: torch.autograd.grad(function(words), leaves, upstream)


PASSES = (forward, inference, forward_backward)


def rows(
    sizes=SIZES, rounds: int = 41, device: str = "cpu", dim: int = DIM, heads: int = HEADS
) -> Iterator[dict[str, object]]:
    """Yield one row a size, pass and way: the timing of both, and how far their outputs are apart."""
    models = {name: model.to(device) for name, model in modules(dim, heads).items()}
    cases = [(size, asked, passes) for size in sizes for asked in (False, True) for passes in PASSES]
    for (batch, length), asked, passes in tqdm(cases, desc="multihead", unit="case"):
        words = words_of(batch, length, dim, device)
        for model in models.values():
            model.train(passes is not inference)
        functions = calls(models, asked)
        work = {name: passes(function, models[name], words) for name, function in functions.items()}
        with torch.no_grad():
            theirs, ours = (function(words) for function in functions.values())
        timings = compare(work, rounds, device)
        yield {
            "batch": batch,
            "length": length,
            "weights": "yes" if asked else "no",
            "passes": passes.__name__,
            "difference": float(f"{(ours - theirs).abs().max().item():.2g}"),
            "timings": {name: rounded(timing) for name, timing in timings.items()},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default=best_device().type, help="cpu or cuda (default: the best there is)")
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    print(write("multihead", options.device, rows(rounds=options.rounds, device=options.device)))


if __name__ == "__main__":
    main()
