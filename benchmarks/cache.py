"""One more word with and without a cache, and what heads that share keys save: ``python -m benchmarks.cache``.

A language model of 4 layers, dim 256 and 8 heads, with weights as they were drawn, has read so many words of 8
sentences and says the next one. Contestants:

- cache: `LanguageModel.step`, which finds the keys and values of all words before the last in its cache;
- read anew: `LanguageModel.step_anew`, which reads all words again;
- 2 key heads, 1 key head: as *cache*, in models whose 8 heads share so many heads of keys and values.

The first two have the same weights and must come to the same logits; the results file states the largest difference.
Megabytes are those of the cache, counted from its tensors in float32.
"""

import argparse
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from attnlib import device as best_device
from attnlib.symbols import BOS, SYMBOLS
from attnlib.transformer import Cache, LanguageModel, LanguageModelConfig, Prompt
from benchmarks.measure import compare, rounded, write

BATCH, LENGTHS = 8, (128, 256, 512, 1024)
SIZES = {"vocab": 1000, "dim": 256, "heads": 8, "ffn_dim": 1024, "layers": 4}
KEY_HEADS = {"cache": 8, "2 key heads": 2, "1 key head": 1}


def network(key_heads: int, length: int, **sizes: int) -> LanguageModel:
    return LanguageModel(LanguageModelConfig(key_heads=key_heads, max_length=length, **SIZES | sizes), seed=0).eval()


def prompts(model: LanguageModel, batch: int, length: int) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    words = torch.randint(len(SYMBOLS), model.config.vocab, (batch, length), generator=rng)
    words[:, 0] = BOS
    return words.to(model.output.weight.device)


@torch.no_grad()
def read(model: LanguageModel, words: Tensor) -> Prompt:
    return model.encode(words)


def with_cache(model: LanguageModel, prompt: Prompt) -> Callable[[], Tensor]:
    """Prepare the step that reads the last word of each prompt."""
    told, state = torch.full_like(prompt.last, BOS), model.start(prompt)

    def call():
        with torch.no_grad():
            return model.step(told, state, prompt).logits

    return call


def anew(model: LanguageModel, prompt: Prompt) -> Callable[[], Tensor]:
    """Prepare the same step for a model that keeps nothing."""
    told = torch.full_like(prompt.last, BOS)[:, None]

    def call():
        with torch.no_grad():
            return model.step_anew(told, prompt).logits

    return call


def megabytes(cache: Cache) -> float:
    return sum(tensor.numel() * tensor.element_size() for layer in cache.layers for tensor in layer) / 1e6


def rows(rounds: int, device: str, batch: int = BATCH, lengths: tuple = LENGTHS, **sizes: int) -> Iterator[dict]:
    models = {name: network(key_heads, max(lengths), **sizes).to(device) for name, key_heads in KEY_HEADS.items()}
    for length in lengths:
        read_so_far = {name: read(model, prompts(model, batch, length)) for name, model in models.items()}
        cached = {name: with_cache(model, read_so_far[name]) for name, model in models.items()}
        first, *others = cached
        again = anew(models[first], read_so_far[first])
        contestants = {first: cached[first], "read anew": again, **{name: cached[name] for name in others}}
        timings = compare(contestants, rounds, device)
        yield {
            "batch": batch,
            "length": length,
            "difference": float(f"{(cached[first]() - again()).abs().max().item():.1e}"),
            "timings": {name: rounded(timing) for name, timing in timings.items()},
            "megabytes": {name: round(megabytes(prompt.cache), 1) for name, prompt in read_so_far.items()},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default=best_device().type, help="cpu or cuda (default: the best there is)")
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    print(write("cache", options.device, rows(options.rounds, options.device)))


if __name__ == "__main__":
    main()
