"""Train the walkthrough's network on real sentences, with and without attention: ``python -m benchmarks.tatoeba``.

English to French, from the Tatoeba sentences that manythings.org/anki publishes. The three networks differ in the
attention unit alone (none, dot product, additive), start from the same seed, and see the same batches, the same number
of them. They take turns, a few hundred updates each, so that they are level whenever the run is stopped: run again, it
goes on. Then the test sentences are translated, and what came out is written to ``results``.

Sentences are split so that all translations of an English sentence are on one side; in lower case; the vocabularies
hold the 9,000 and 10,000 most frequent words, symbols included.
"""

import argparse
import json
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from torch import nn

from attnlib.data.batches import Batches
from attnlib.data.corpora import Corpus, read_tatoeba
from attnlib.data.splits import grouped_split, overlap, sentence_key
from attnlib.data.tokens import Subwords, Vocabulary, detokenize, tokenize
from attnlib.decoding import Hypothesis, beam_search, greedy
from attnlib.metrics import bleu, bleu_by_length, chrf
from attnlib.runtime import device as best_device
from attnlib.seq2seq import Seq2Seq, Seq2SeqConfig
from attnlib.training import History, TrainingConfig, held_out_loss, train
from benchmarks.measure import RESULTS, environment
from benchmarks.tables import markdown_table, measured_on

ATTENTIONS = {"none": None, "dot": "dot", "additive": "additive"}
CELL = "gru"
SEED = 0
HELD_OUT = 2_000  # English sentences, for validation and again for the test
SENTENCES = 64  # in a batch
ROUND = 500  # updates, until it is the next network's turn
TRAINING = {"learning_rate": 1e-3, "evaluate_every": 1_000, "mixed_precision": "bf16", "seed": SEED}
BEAM = 5
LENGTHS = (4, 6, 8, 11, 15)  # the longest source of each range of BLEU by length
SHOWN = ("I love you.", "Do you love me?", "I don't know where he lives.", "She gave him the old red book yesterday.")
DRAWN = 12  # test sentences whose translations are written down


class Sentence(NamedTuple):
    """A pair as tokens, and as it stands in the corpus."""

    source: list[str]
    target: list[str]
    source_text: str
    target_text: str


@dataclass(frozen=True)
class Task:
    """The sentences in three parts, and the vocabularies of the first."""

    corpus: Corpus
    train: list[Sentence]
    valid: list[Sentence]
    test: list[Sentence]
    english: Vocabulary | Subwords
    french: Vocabulary | Subwords

    def batches(self, part: str, sentences: int = SENTENCES) -> Batches:
        return Batches.from_pairs(getattr(self, part), self.english, self.french, sentences=sentences, seed=SEED)


@dataclass(frozen=True)
class Test:
    """Each English test sentence once, with all its translations."""

    source: list[list[str]]
    texts: list[str]
    references: list[list[str]]

    @classmethod
    def of(cls, sentences: Iterable[Sentence]) -> "Test":
        def key(sentence: Sentence) -> str:
            return sentence_key(sentence.source)

        groups = [list(group) for _, group in groupby(sorted(sentences, key=key), key)]
        return cls(
            source=[group[0].source for group in groups],
            texts=[group[0].source_text for group in groups],
            references=[[sentence.target_text for sentence in group] for group in groups],
        )


def prepare(corpus: Corpus, held_out: int = HELD_OUT, subwords: int = 0) -> Task:
    """Split the corpus; the vocabularies hold words or, if asked for, so many pieces of words of both languages."""
    config = Seq2SeqConfig.walkthrough()
    sentences = [Sentence(tokens(en, "en"), tokens(fr, "fr"), en, fr) for en, fr in corpus]
    short = [each for each in sentences if max(len(each.source), len(each.target)) < config.max_length]
    split = grouped_split(short, valid=held_out, test=held_out, seed=SEED)
    if subwords:
        joint = Subwords.build([side for each in split.train for side in (each.source, each.target)], size=subwords)
        return Task(corpus, *split, joint, joint)
    english = Vocabulary.build((each.source for each in split.train), size=config.source_vocab)
    french = Vocabulary.build((each.target for each in split.train), size=config.target_vocab)
    return Task(corpus, *split, english, french)


def tokens(text: str, language: str) -> list[str]:
    return tokenize(text, language, lowercase=True)


# Training


def network(attention: str, task: Task) -> Seq2Seq:
    vocabularies = {"source_vocab": len(task.english), "target_vocab": len(task.french)}
    config = Seq2SeqConfig.walkthrough(cell=CELL, attention=ATTENTIONS[attention], **vocabularies)
    return Seq2Seq(config, seed=SEED)


def train_all(task: Task, updates: int, folder: Path) -> dict[str, tuple[Seq2Seq, History]]:
    """Train every network to the number of updates, in turns, and return them."""
    folder.mkdir(parents=True, exist_ok=True)
    batches, valid = task.batches("train"), task.batches("valid", sentences=100)
    trained = {}
    for goal in [*range(ROUND, updates, ROUND), updates]:
        for name in ATTENTIONS:
            model = network(name, task)
            config = TrainingConfig(updates=goal, **TRAINING)
            history = train(model, batches, config=config, valid=valid, checkpoint=folder / f"{name}.pt")
            if history.interrupted:
                raise KeyboardInterrupt
            trained[name] = model, history
            print(f"{name}: {history.updates} updates, held-out loss {history.evaluations[-1].loss:.3f}", flush=True)
    return trained


# Results


def row(name: str, model: nn.Module, history: History, task: Task, test: Test) -> dict:
    """Measure a trained network on the test sentences."""
    source = [task.english.encode(sentence) for sentence in test.source]
    start = time.perf_counter()
    greedily = [text_of(found, task) for found in greedy(model, source)]
    middle = time.perf_counter()
    by_beam = [text_of(found[0], task) for found in beam_search(model, source, beam=BEAM)]
    end = time.perf_counter()
    lengths = [len(sentence) for sentence in test.source]
    buckets = bleu_by_length(by_beam, test.references, lengths, edges=LENGTHS, lowercase=True)
    return {
        "attention": name,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "updates": history.updates,
        "words": sum(history.words),
        "training_seconds": round(history.seconds[-1]),
        "validation": [[each.update, round(each.loss, 4)] for each in history.evaluations],
        "best_update": history.best.update,
        "test_loss": round(held_out_loss(model, task.batches("test", sentences=100)), 4),
        "greedy": scores(greedily, test) | {"seconds": round(middle - start, 1)},
        f"beam {BEAM}": scores(by_beam, test) | {"seconds": round(end - middle, 1)},
        "by_length": [
            {
                "from": each.shortest,
                "to": each.longest,
                "sentences": each.sentences,
                "bleu": each.score and round(each.score.value, 2),
            }
            for each in buckets
        ],
        "examples": examples(model, by_beam, task, test),
    }


def text_of(found: Hypothesis, task: Task) -> str:
    return detokenize(task.french.decode(found.tokens), "fr")


def scores(hypotheses: list[str], test: Test) -> dict:
    first = [references[0] for references in test.references]
    single, every = (bleu(hypotheses, references, lowercase=True) for references in (first, test.references))
    characters = chrf(hypotheses, test.references, lowercase=True)
    return {
        "bleu_single": round(single.value, 2),
        "bleu": round(every.value, 2),
        "chrf": round(characters.value, 2),
        "signatures": [single.signature, every.signature, characters.signature],
    }


def examples(model: nn.Module, by_beam: list[str], task: Task, test: Test) -> list[dict]:
    """Return sentences of our own with their weights, and some of the test, drawn from the seed, with references."""
    known = {sentence_key(sentence.source) for sentence in task.train}
    own = [tokens(text, "en") for text in SHOWN]
    read = [task.english.encode(words) for words in own]
    found = beam_search(model, read, beam=BEAM)
    shown = [
        {
            "source": text,
            "translation": text_of(best, task),
            "in_training": sentence_key(words) in known,
            "source_words": task.english.decode(ids, symbols=True),
            "target_words": task.french.decode(best.tokens, symbols=True),
            "weights": None
            if best.weights is None
            else [[round(w, 3) for w in line] for line in best.weights.tolist()],
        }
        for text, words, ids, (best, *_) in zip(SHOWN, own, read, found, strict=True)
    ]
    drawn = random.Random(SEED).sample(range(len(test.texts)), min(DRAWN, len(test.texts)))
    return shown + [
        {"source": test.texts[k], "translation": by_beam[k], "references": test.references[k]} for k in drawn
    ]


def facts(task: Task, test: Test) -> dict:
    """Return what the figures depend on, of the data."""
    shared = overlap(task.train, task.test)
    return {
        "corpus": "Tatoeba sentence pairs, English and French, as published by manythings.org/anki, CC BY 2.0",
        "edition": task.corpus.edition,
        "sha256": task.corpus.sha256,
        "pairs": {"train": len(task.train), "valid": len(task.valid), "test": len(task.test)},
        "test_sources": len(test.texts),
        "vocabularies": [len(task.english), len(task.french)],
        "test_coverage": [
            round(task.english.coverage(each.source for each in task.test), 4),
            round(task.french.coverage(each.target for each in task.test), 4),
        ],
        "test_sources_in_training": len(shared.sources),
        "test_targets_in_training": round(shared.target_share, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="fra-eng.zip of manythings.org/anki (default: download it)")
    parser.add_argument("--updates", type=int, default=20_000, help="of each network (default: 20000)")
    parser.add_argument("--runs", type=Path, default=Path("_build/tatoeba"), help="where checkpoints are kept")
    options = parser.parse_args()
    task = prepare(read_tatoeba(options.data))
    test, device = Test.of(task.test), best_device().type
    trained = train_all(task, options.updates, options.runs)
    results = {
        "command": f"python -m benchmarks.tatoeba --updates {options.updates}",
        "environment": environment(device),
        "seed": SEED,
        "batch": SENTENCES,
        "training": TRAINING,
        "data": facts(task, test),
        "rows": [row(name, model, history, task, test) for name, (model, history) in trained.items()],
    }
    path = RESULTS / f"tatoeba-{device}.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    path.with_suffix(".md").write_text(report(results))
    path.with_name(f"{path.stem}-samples.md").write_text(samples(results))
    print(path)


def report(results: dict, *, first: str = "attention", loss: str = "test loss") -> str:
    """Return the results as Markdown tables, for the book; the names are those of two columns."""
    data, rows = results["data"], results["rows"]
    overall = [
        {
            first: each["attention"],
            "parameters": f"{each['parameters'] / 1e6:.1f} M",
            loss: f"{each['test_loss']:.2f}",
            "BLEU, one reference": f"{each['greedy']['bleu_single']:.1f}; {each['beam 5']['bleu_single']:.1f}",
            "BLEU, all": f"{each['greedy']['bleu']:.1f}; {each['beam 5']['bleu']:.1f}",
            "chrF, all": f"{each['greedy']['chrf']:.1f}; {each['beam 5']['chrf']:.1f}",
            "training": f"{each['training_seconds'] / 60:.0f} min",
        }
        for each in rows
    ]
    by_length = [
        {
            "words": f"{first['from']}–{first['to']}" if first["to"] else f"{first['from']} or more",
            "sentences": f"{first['sentences']:,}",
            **{each["attention"]: _bleu(bucket) for each, bucket in zip(rows, buckets, strict=True)},
        }
        for buckets in zip(*(each["by_length"] for each in rows), strict=True)
        for first in buckets[:1]
    ]
    signatures = dict(zip(("one reference", "all", "chrF"), rows[0]["greedy"]["signatures"], strict=True))
    return (
        "\n\n".join(
            [
                f"{rows[0]['updates']:,} updates of {results['batch']} sentence pairs each; edition {data['edition']}, "
                f"{data['pairs']['train']:,} pairs to train on, {data['test_sources']:,} English test sentences. "
                "Before the semicolon greedy, after it a beam of five.",
                markdown_table(overall),
                "BLEU by the number of words of the English sentence, beam of five, all references:",
                markdown_table(by_length),
                "Signatures: " + "; ".join(f"{name} `{signature}`" for name, signature in signatures.items()) + ".",
                f"Made by `{results['command']}`. {measured_on(results['environment'])}",
            ]
        )
        + "\n"
    )


def samples(results: dict) -> str:
    """Return translations by each network, and the weights of the first sentence, as Markdown tables."""
    rows = results["rows"]
    translations = [
        {
            "English": _cell(each[0]["source"]),
            **{row["attention"]: _cell(example["translation"]) for row, example in zip(rows, each, strict=True)},
            "one known translation": _cell(each[0].get("references", ["–"])[0]),
        }
        for each in zip(*(row["examples"] for row in rows), strict=True)
    ]
    tables = [markdown_table(translations)]
    for row in rows:
        example = row["examples"][0]
        if example["weights"] is not None:
            tables += [f"Weights of *{row['attention']}* for “{example['source']}”:", _weights(example)]
    return "\n\n".join(tables) + "\n"


def _weights(example: dict) -> str:
    """Return a table of weights, a row for each word said and its end, a column for each word read."""
    said = [*example["target_words"], "end of sentence"]
    return markdown_table(
        {"": word, **{read: f"{weight:.2f}" for read, weight in zip(example["source_words"], line, strict=True)}}
        for word, line in zip(said, example["weights"], strict=False)
    )


def _cell(text: str) -> str:
    """Return text for a cell of a table; French spaces that do not break become plain ones."""
    return " ".join(text.split()).replace("<unk>", "`<unk>`").replace("|", "\\|")


def _bleu(bucket: dict) -> str:
    return "–" if bucket["bleu"] is None else f"{bucket['bleu']:.1f}"


if __name__ == "__main__":
    main()
