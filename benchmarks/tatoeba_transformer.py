"""Train a small Transformer on real sentences, in the time that the walkthrough's best network had.

``python -m benchmarks.tatoeba_transformer``. The data, the split and the test are those of :mod:`benchmarks.tatoeba`;
words are cut into pieces, 10,000 of them for both languages. An update of this Transformer and one of the walkthrough's
network with additive attention are timed in turns on the machine that trains, and the Transformer gets as many updates
as fit into the time of the other's. Run again, it goes on.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import torch
from torch import nn

from attnlib.data.corpora import read_tatoeba
from attnlib.runtime import device as best_device
from attnlib.training import TrainingConfig, train
from attnlib.transformer import Transformer, TransformerConfig
from benchmarks import tatoeba
from benchmarks.measure import RESULTS, Timing, compare, environment, rounded
from benchmarks.tatoeba import SEED, Task, Test

SUBWORDS = 10_000
TRAINING = {
    "learning_rate": 3e-3,
    "schedule": "inverse_sqrt",
    "warmup": 400,
    "betas": (0.9, 0.98),
    "label_smoothing": 0.1,
    "evaluate_every": 300,
    "average": 5,
    "mixed_precision": "no",
    "seed": SEED,
}
RIVAL, RIVAL_UPDATES = "additive", 3_500
ROUNDS, TIMED = 9, 4  # updates of each contestant in a round


def network(task: Task) -> Transformer:
    vocabularies = {"source_vocab": len(task.english), "target_vocab": len(task.french)}
    config = TransformerConfig.tiny(**vocabularies, tied="all", dropout_p=0.0)  # too few epochs to learn by heart
    return Transformer(config, seed=SEED)


def updates_in_the_same_time(own: Task, rival: Task) -> tuple[int, dict[str, Timing]]:
    """Return how many updates take as long as the rival's, and what was measured."""
    contestants = {
        "tiny": _some_updates(network(own), own, TRAINING),
        RIVAL: _some_updates(tatoeba.network(RIVAL, rival), rival, tatoeba.TRAINING | {"mixed_precision": "no"}),
    }
    timings = compare(contestants, ROUNDS)
    return 100 * round(RIVAL_UPDATES * timings[RIVAL].ratio / 100), timings


def _some_updates(model: nn.Module, task: Task, training: dict) -> Callable[[], None]:
    """Return a call that takes some updates of a model, each time with other batches."""
    stream: Iterator = cycle(islice(task.batches("train").epoch(0), 100))
    config = TrainingConfig(updates=TIMED, checkpoint_minutes=None, **training | {"average": 1})

    def call():
        train(model, list(islice(stream, TIMED)), config=config, progress=False)

    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="fra-eng.zip of manythings.org/anki (default: download it)")
    parser.add_argument("--updates", type=int, help="(default: what fits into the other network's time)")
    parser.add_argument("--runs", type=Path, default=Path("_build/tatoeba"), help="where the checkpoint is kept")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    corpus = read_tatoeba(options.data)
    task, device = tatoeba.prepare(corpus, subwords=SUBWORDS), best_device().type
    budget = _budget(options, task, partial(tatoeba.prepare, corpus))
    model, test = network(task), Test.of(task.test)
    batches, valid = task.batches("train"), task.batches("valid", sentences=100)
    config = TrainingConfig(updates=budget["updates"], **TRAINING)
    history = train(model, batches, config=config, valid=valid, checkpoint=options.runs / "tiny.pt")
    if history.interrupted:
        raise KeyboardInterrupt
    results = {
        "command": "python -m benchmarks.tatoeba_transformer",
        "environment": environment(device),
        "seed": SEED,
        "batch": tatoeba.SENTENCES,
        "training": TRAINING,
        "budget": budget,
        "data": tatoeba.facts(task, test),
        "rows": [
            tatoeba.row("tiny Transformer", model, history, task, test)
            | {"epochs": round(history.updates / batches.batches_per_epoch(0), 1), "averaged": history.averaged}
        ],
    }
    path = RESULTS / f"tatoeba-transformer-{device}.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    path.with_suffix(".md").write_text(report(results))
    path.with_name(f"{path.stem}-samples.md").write_text(tatoeba.samples(results))
    print(path)


def report(results: dict) -> str:
    """Return the results as Markdown, with where the number of updates comes from."""
    budget, (row, *_) = results["budget"], results["rows"]
    said = f"{row['epochs']} epochs"
    if "rival" in budget:
        rival = budget["times"][budget["rival"]]
        said += (
            f", in the time of {budget['rival_updates']:,} updates of the network with {budget['rival']} attention: "
            f"one of those takes {rival['ratio']:.2f} ({rival['low']:.2f}–{rival['high']:.2f}) times as long, both on "
            f"{budget['threads']} threads"
        )
    tables = tatoeba.report(results, first="network", loss="test loss, a piece")
    return f"{said}. Words are cut into {SUBWORDS:,} pieces.\n\n{tables}"


def _budget(options: argparse.Namespace, own: Task, rival: Callable[[], Task]) -> dict:
    """Return the number of updates and where it comes from; measured once, since a training that goes on needs it."""
    if options.updates is not None:
        return {"updates": options.updates}
    path = options.runs / "tiny-budget.json"
    if not path.exists():
        updates, timings = updates_in_the_same_time(own, rival())
        timed = {name: rounded(timing) for name, timing in timings.items()}
        content = {"updates": updates, "rival": RIVAL, "rival_updates": RIVAL_UPDATES, "timed": TIMED, "times": timed}
        path.write_text(json.dumps(content | {"threads": torch.get_num_threads()}) + "\n")
    return json.loads(path.read_text())


if __name__ == "__main__":
    main()
