"""Train the walkthrough's network on real sentences, with and without attention: ``python -m benchmarks.tatoeba``.

English to French, from the Tatoeba sentences that manythings.org/anki publishes. The three networks differ in the
attention unit alone (none, dot product, additive), start from the same seed, and see the same batches, the same number
of them. They take turns, a few hundred updates each, so that they are level whenever the run is stopped: run again, it
goes on. Then the test sentences are translated, and what came out is written to ``results``.

Sentences are split so that all translations of an English sentence are on one side; in lower case; the vocabularies
hold the 9,000 and 10,000 most frequent words, symbols included.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from attnlib.data.batches import Batches
from attnlib.data.corpora import Corpus, read_tatoeba
from attnlib.data.splits import Split, grouped_split
from attnlib.data.tokens import Vocabulary, tokenize
from attnlib.seq2seq import Seq2Seq, Seq2SeqConfig
from attnlib.training import History, TrainingConfig, train

ATTENTIONS = {"none": None, "dot": "dot", "additive": "additive"}
CELL = "gru"
SEED = 0
HELD_OUT = 2_000  # English sentences, for validation and again for the test
SENTENCES = 64  # in a batch
ROUND = 500  # updates, until it is the next network's turn
EVALUATE_EVERY = 1_000
TRAINING = {"learning_rate": 1e-3, "evaluate_every": EVALUATE_EVERY, "mixed_precision": "bf16", "seed": SEED}


@dataclass(frozen=True)
class Task:
    """The sentences as tokens, in three parts, and the vocabularies of the first part."""

    corpus: Corpus
    split: Split
    english: Vocabulary
    french: Vocabulary

    def batches(self, part: str, sentences: int = SENTENCES) -> Batches:
        pairs = getattr(self.split, part)
        return Batches.from_pairs(pairs, self.english, self.french, sentences=sentences, seed=SEED)


def prepare(corpus: Corpus, held_out: int = HELD_OUT) -> Task:
    config = Seq2SeqConfig.walkthrough()
    pairs = [(tokenize(en, "en", lowercase=True), tokenize(fr, "fr", lowercase=True)) for en, fr in corpus]
    short = [pair for pair in pairs if max(map(len, pair)) < config.max_length]
    split = grouped_split(short, valid=held_out, test=held_out, seed=SEED)
    english = Vocabulary.build((en for en, _ in split.train), size=config.source_vocab)
    french = Vocabulary.build((fr for _, fr in split.train), size=config.target_vocab)
    return Task(corpus, split, english, french)


def network(attention: str, task: Task) -> Seq2Seq:
    vocabularies = {"source_vocab": len(task.english), "target_vocab": len(task.french)}
    config = Seq2SeqConfig.walkthrough(cell=CELL, attention=ATTENTIONS[attention], **vocabularies)
    return Seq2Seq(config, seed=SEED)


def train_all(
    task: Task, updates: int, folder: Path, progress: bool = True
) -> Iterator[tuple[str, nn.Module, History]]:
    """Train every network to the number of updates, in turns, and yield them when all are there."""
    folder.mkdir(parents=True, exist_ok=True)
    batches, valid = task.batches("train"), task.batches("valid", sentences=100)
    goals = [*range(ROUND, updates, ROUND), updates]
    for goal in goals:
        done = []
        for name in ATTENTIONS:
            model = network(name, task)
            config = TrainingConfig(updates=goal, **TRAINING)
            history = train(
                model, batches, config=config, valid=valid, checkpoint=folder / f"{name}.pt", progress=progress
            )
            if history.interrupted:
                raise KeyboardInterrupt
            done.append((name, model, history))
            print(f"{name}: {history.updates} updates, held-out loss {history.evaluations[-1].loss:.3f}", flush=True)
    yield from done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="fra-eng.zip of manythings.org/anki (default: download it)")
    parser.add_argument("--updates", type=int, default=20_000, help="of each network (default: 20000)")
    parser.add_argument("--runs", type=Path, default=Path("_build/tatoeba"), help="where checkpoints are kept")
    options = parser.parse_args()
    task = prepare(read_tatoeba(options.data))
    print(len(task.split.train), len(task.split.valid), len(task.split.test), len(task.english), len(task.french))
    for _ in train_all(task, options.updates, options.runs):
        pass


if __name__ == "__main__":
    main()
