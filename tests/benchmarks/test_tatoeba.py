"""The run on real sentences, on a few of our own, and what is committed of the large one."""

import json
from dataclasses import replace

import pytest

from attnlib.data.corpora import Corpus, Report
from benchmarks import tatoeba
from benchmarks.measure import RESULTS

VERBS = {"love": "aime", "see": "vois", "know": "connais", "draw": "dessine", "hear": "écoute"}
NOUNS = {"cats": "les chats", "dogs": "les chiens", "tom": "Tom", "houses": "les maisons", "books": "les livres"}


def corpus():
    pairs = [(f"I {en} {noun}.", f"Je {fr} {nom}.") for en, fr in VERBS.items() for noun, nom in NOUNS.items()]
    pairs += [(english, f"Moi, {french[0].lower()}{french[1:]}") for english, french in pairs]
    return Corpus(pairs, Report(len(pairs)), "made by a test", "0" * 64)


@pytest.fixture
def task():
    return tatoeba.prepare(corpus(), held_out=4)


def test_all_translations_of_a_sentence_are_on_one_side(task):
    sides = [{sentence.source_text for sentence in part} for part in (task.train, task.valid, task.test)]
    assert [len(side) for side in sides] == [17, 4, 4]
    assert len(set.union(*sides)) == 25
    assert tatoeba.facts(task, tatoeba.Test.of(task.test))["test_sources_in_training"] == 0


def test_each_test_sentence_stands_once_with_all_its_translations(task):
    test = tatoeba.Test.of(task.test)
    assert len(test.texts) == len(set(test.texts)) == 4
    by_source = {english: [fr for en, fr in corpus() if en == english] for english in test.texts}
    assert test.references == [by_source[english] for english in test.texts]


def test_networks_take_turns_go_on_and_make_a_report(task, tmp_path, monkeypatch):
    monkeypatch.setattr(tatoeba, "ROUND", 2)
    small = tatoeba.Seq2SeqConfig.walkthrough(embedding_dim=4, hidden_dim=6)
    monkeypatch.setattr(tatoeba.Seq2SeqConfig, "walkthrough", lambda **changes: replace(small, **changes))
    first = tatoeba.train_all(task, 2, tmp_path)
    trained = tatoeba.train_all(task, 5, tmp_path)
    assert [history.updates for _, history in first.values()] == [2, 2, 2]
    assert {name: history.losses[:2] for name, (_, history) in trained.items()} == {
        name: history.losses for name, (_, history) in first.items()
    }
    test = tatoeba.Test.of(task.test)
    rows = [tatoeba.row(name, model, history, task, test) for name, (model, history) in trained.items()]
    results = {
        "command": "a command",
        "environment": {"device": "CPU", "threads": 1, "torch": "2", "python": "3"},
        "batch": 64,
        "training": tatoeba.TRAINING,
        "data": tatoeba.facts(task, test),
        "rows": rows,
    }
    json.dumps(results)
    text = tatoeba.report(results)
    assert text.startswith("5 updates of 64 sentence pairs each")
    assert "| none |" in text
    assert "a command" in text
    sampled = tatoeba.samples(results)
    assert "| I love you. |" in sampled
    assert sampled.count("Weights of *") == 2
    assert [row["examples"][0]["weights"] is None for row in rows] == [True, False, False]


@pytest.mark.parametrize("path", [RESULTS / "tatoeba-cpu.json"], ids=lambda path: path.stem)
def test_the_recorded_run_is_whole(path):
    results = json.loads(path.read_text())
    rows = results["rows"]
    assert [row["attention"] for row in rows] == list(tatoeba.ATTENTIONS)
    assert len({row["updates"] for row in rows}) == 1
    assert results["command"].endswith(f"--updates {rows[0]['updates']}")
    assert results["data"]["test_sources"] == tatoeba.HELD_OUT
    assert results["data"]["test_sources_in_training"] == 0
    assert results["training"] == tatoeba.TRAINING
    for row in rows:
        assert sum(bucket["sentences"] for bucket in row["by_length"]) == tatoeba.HELD_OUT
        assert all("version:" in signature for signature in row["greedy"]["signatures"])


def test_there_is_a_recorded_run_and_its_samples_are_made_from_it():
    results = json.loads((RESULTS / "tatoeba-cpu.json").read_text())
    assert (RESULTS / "tatoeba-cpu-samples.md").read_text() == tatoeba.samples(results)


def test_the_transformer_s_recorded_run_is_whole_and_as_good_as_its_rival():
    ours, theirs = (
        json.loads((RESULTS / f"{name}.json").read_text()) for name in ("tatoeba-transformer-cpu", "tatoeba-cpu")
    )
    (row,), rival = ours["rows"], {each["attention"]: each for each in theirs["rows"]}[ours["budget"]["rival"]]
    assert row["updates"] == ours["budget"]["updates"]
    assert (ours["data"]["sha256"], ours["data"]["pairs"]) == (theirs["data"]["sha256"], theirs["data"]["pairs"])
    assert row["beam 5"]["bleu"] >= rival["beam 5"]["bleu"]
    assert (RESULTS / "tatoeba-transformer-cpu-samples.md").read_text() == tatoeba.samples(ours)
