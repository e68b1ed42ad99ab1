"""The walkthrough's network, trained and decoded: ``python -m benchmarks.seq2seq``.

A training step of the 100/300/500 network (GRU, batch 64, 15 words on both sides): loss, gradients, clipping, Adam.
Contestants, with the dot product and with additive attention:

- products: the matrix products of that step alone, forward and backward, each of the size that it has there;
- attnlib: `Seq2Seq` as `train` uses it: keys projected once a sentence, the vocabulary once for all steps;
- every step: the same network, its keys and the vocabulary projected at each step of the decoder.

Beam search of width 5 over 200 sentences of 10 words, at most 15 words out. Contestants:

- one by one: one sentence, and one hypothesis of it, at a time;
- attnlib: `beam_search`.

Both forms of each have the same weights and have to give the same result, which the results file states.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from attnlib import device as best_device
from attnlib.decoding import beam_search, length_normaliser
from attnlib.seq2seq import Memory, Seq2Seq, Seq2SeqConfig, State
from attnlib.symbols import BOS, EOS, SYMBOLS
from benchmarks.measure import compare, rounded, write

BATCH, LENGTH = 64, 15
SENTENCES, WORDS, BEAM, MOST_WORDS, PENALTY = 200, 10, 5, 15, 0.6
ATTENTIONS = ("dot", "additive")


def network(attention: str, **sizes: int) -> Seq2Seq:
    return Seq2Seq(Seq2SeqConfig.walkthrough(cell="gru", attention=attention, **sizes), seed=0)


def sentences(model: Seq2Seq, batch: int, length: int) -> tuple[Tensor, Tensor]:
    """Draw sources, and targets with BOS and EOS, of so many words each; EOS is the last of the target's words."""
    rng = torch.Generator().manual_seed(0)
    config, device = model.config, model.output.weight.device
    source = torch.randint(len(SYMBOLS), config.source_vocab, (batch, length), generator=rng)
    target = torch.randint(len(SYMBOLS), config.target_vocab, (batch, length + 1), generator=rng)
    target[:, 0], target[:, -1] = BOS, EOS
    return source.to(device), target.to(device)


# A training step


def loss(model: Seq2Seq, source: Tensor, target: Tensor) -> Tensor:
    features = model.features(source, target[:, :-1])
    return cross_entropy(model.output(features.flatten(0, 1)), target[:, 1:].flatten())


def loss_every_step(model: Seq2Seq, source: Tensor, target: Tensor) -> Tensor:
    """Compute the same loss as `loss`, with everything done again at each step."""
    memory = model.encode(source)
    state, losses = model.start(memory), []
    for position in range(target.shape[1] - 1):
        keys, values = model.attention.prepare(memory.states)
        step = model.step(target[:, position], state, memory._replace(keys=keys, values=values))
        losses.append(cross_entropy(step.logits, target[:, position + 1]))
        state = step.state
    return torch.stack(losses).mean()


def training_step(loss_of: Callable[..., Tensor], model: Seq2Seq, source: Tensor, target: Tensor) -> Callable[[], None]:
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def call():
        optimiser.zero_grad()
        loss_of(model, source, target).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    return call


@dataclass(frozen=True)
class Product:
    """A product of (batch, rows, inner) and (batch, inner, columns), taken so many times in a step."""

    rows: int
    inner: int
    columns: int
    batch: int = 1
    times: int = 1


def products_of(config: Seq2SeqConfig, batch: int, length: int) -> list[Product]:
    """Return the matrix products of a forward pass of the network, GRU cells, Bahdanau's style."""
    word, hidden, gates = config.embedding_dim, config.hidden_dim, 3 * config.hidden_dim
    at_once = partial(Product, rows=batch * length)
    a_step = partial(Product, times=length)
    products = [
        at_once(inner=word, columns=gates),  # encoder, from the words
        a_step(rows=batch, inner=hidden, columns=gates),  # encoder, from the state
        at_once(inner=word, columns=gates),  # decoder, from the words
        a_step(rows=batch, inner=hidden, columns=gates),  # decoder, from the context
        a_step(rows=batch, inner=hidden, columns=gates),  # decoder, from the state
        a_step(rows=1, inner=length, columns=hidden, batch=batch),  # contexts
        at_once(inner=hidden, columns=config.target_vocab),  # linear layer
    ]
    if config.attention == "additive":
        scores = [
            at_once(inner=hidden, columns=hidden),  # keys
            a_step(rows=batch, inner=hidden, columns=hidden),  # queries
            a_step(rows=batch * length, inner=hidden, columns=1),  # scores
        ]
    else:
        scores = [a_step(rows=1, inner=hidden, columns=length, batch=batch)]
    return products + scores


def products_alone(products: list[Product], device: str) -> Callable[[], None]:
    """Take every product forward, and the two that its gradients are."""
    factors = [
        [
            torch.randn(product.batch, rows, columns, device=device)
            for rows, columns in (
                (product.rows, product.inner),
                (product.inner, product.columns),
                (product.rows, product.columns),
            )
        ]
        for product in products
    ]

    def call():
        for product, (left, right, gradient) in zip(products, factors, strict=True):
            for _ in range(product.times):
                left @ right
                gradient @ right.mT
                left.mT @ gradient

    return call


def training_rows(rounds: int, device: str, batch: int = BATCH, length: int = LENGTH, **sizes: int) -> Iterator[dict]:
    for attention in ATTENTIONS:
        model, slow = (network(attention, **sizes).to(device) for _ in range(2))
        pair = sentences(model, batch, length)
        with torch.no_grad():
            difference = abs(loss(model, *pair) - loss_every_step(slow, *pair)).item()
        contestants = {
            "products": products_alone(products_of(model.config, batch, length), device),
            "attnlib": training_step(loss, model, *pair),
            "every step": training_step(loss_every_step, slow, *pair),
        }
        timings = compare(contestants, rounds, device)
        yield {
            "attention": attention,
            "batch": batch,
            "length": length,
            "difference": float(f"{difference:.1e}"),
            "timings": {name: rounded(timing) for name, timing in timings.items()},
        }


# Beam search


@torch.inference_mode()
def beam_one_by_one(model: Seq2Seq, source: Tensor, beam: int = BEAM, most: int = MOST_WORDS) -> list[list[int]]:
    """Search as `beam_search` does, one hypothesis at a time."""
    return [_beam_of_one(model, model.encode(sentence[None]), beam, most) for sentence in source]


def _beam_of_one(model: Seq2Seq, memory: Memory, beam: int, most: int) -> list[int]:
    start: tuple[float, list[int], State] = (0.0, [], model.start(memory))
    going, finished = [start], []
    for length in range(1, most + 1):
        candidates = [candidate for hypothesis in going for candidate in _continued(model, memory, hypothesis, beam)]
        candidates.sort(key=lambda candidate: -candidate[0])
        going = []
        for rank, (log_probability, words, state) in enumerate(candidates):
            if words[-1] == EOS and rank < beam:
                finished.append((log_probability / length_normaliser(length, PENALTY), words[:-1]))
            elif words[-1] != EOS and len(going) < beam:
                going.append((log_probability, words, state))
        best = max((score for score, _ in finished), default=-math.inf)
        if best >= going[0][0] / length_normaliser(most, PENALTY):
            break
    return max(finished, key=lambda hypothesis: hypothesis[0])[1] if finished else going[0][1]


def _continued(model: Seq2Seq, memory: Memory, hypothesis: tuple, beam: int) -> Iterator[tuple]:
    log_probability, words, state = hypothesis
    token = torch.tensor([words[-1] if words else BOS], device=memory.states.device)
    step = model.step(token, state, memory)
    values, ids = step.logits[0].log_softmax(dim=-1)[EOS:].topk(beam + 1)  # padding and BOS are never said
    for value, word in zip(values.tolist(), ids.tolist(), strict=True):
        yield log_probability + value, [*words, word + EOS], step.state


def beam_row(rounds: int, device: str, count: int = SENTENCES, words: int = WORDS, **sizes: int) -> dict:
    model = network("additive", **sizes).to(device).eval()
    source, _ = sentences(model, count, words)
    search = partial(beam_search, model, source, beam=BEAM, length_penalty=PENALTY, max_length=MOST_WORDS)
    found, one_by_one = [best.tokens for (best,) in search()], beam_one_by_one(model, source)
    same = sum(left == right for left, right in zip(found, one_by_one, strict=True))
    timings = compare({"one by one": lambda: beam_one_by_one(model, source), "attnlib": search}, rounds, device)
    return {
        "sentences": count,
        "beam": BEAM,
        "same": same,
        "timings": {name: rounded(timing) for name, timing in timings.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default=best_device().type, help="cpu or cuda (default: the best there is)")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(write("training", options.device, training_rows(options.rounds, options.device)))
    print(write("beam", options.device, [beam_row(max(3, options.rounds // 5), options.device)]))


if __name__ == "__main__":
    main()
