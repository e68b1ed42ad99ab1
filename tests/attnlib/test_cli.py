"""The command line, used as its users would, with tiny networks."""

import html
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from attnlib.cli import main
from attnlib.translator import Translator

SMALL = ["--embedding", "6", "--hidden", "8", "--valid", "10", "--test", "10", "--batch-sentences", "16", "--quiet"]
TINY = ["--network", "transformer", "--dim", "8", "--heads", "2", "--ffn", "12", "--layers", "1"]
TINY += ["--valid", "10", "--test", "10", "--batch-sentences", "16", "--quiet"]
GRAMMAR = ["--grammar", "120", "--lemmas", "45", "--learning-rate", "0.02", *SMALL]


def run(*argv):
    return main([str(argument) for argument in argv])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "small"
    assert run("train", *GRAMMAR, "--updates", 12, "--out", folder) == 0
    return folder


def failure_after_notes(capsys, *argv):
    """Run a command that has to fail, and return its status and the last line that it says."""
    status = run(*argv)
    return status, capsys.readouterr().err.strip().split("\n")[-1]


def failure(capsys, *argv):
    """Run a command that has to fail, and return its status and the one line that it says."""
    try:
        status = run(*argv)
    except SystemExit as stopped:
        status = stopped.code
    said = capsys.readouterr().err.strip()
    assert said.startswith("attnlib: "), said
    assert "\n" not in said
    assert "Traceback" not in said
    return status, said


class TestTrain:
    def test_leaves_a_model_its_history_its_settings_and_a_checkpoint(self, trained):
        assert {path.name for path in trained.iterdir()} == {
            "model.pt",
            "history.json",
            "settings.json",
            "checkpoint.pt",
        }
        history = json.loads((trained / "history.json").read_text())
        assert len(history["losses"]) == 12
        assert history["losses"][-1] < history["losses"][0]
        translator = Translator.load(trained / "model.pt")
        assert (translator.model.config.hidden_dim, translator.lowercase) == (8, True)

    def test_going_on_is_the_same_as_not_having_stopped(self, trained, tmp_path):
        for updates in (5, 12):
            assert run("train", *GRAMMAR, "--updates", updates, "--out", tmp_path) == 0
        losses = [json.loads((folder / "history.json").read_text())["losses"] for folder in (trained, tmp_path)]
        assert losses[0] == losses[1]

    def test_other_settings_are_refused_by_name(self, trained, capsys):
        status, said = failure(
            capsys, "train", *GRAMMAR, "--updates", 12, "--out", trained, "--cell", "lstm", "--seed", 1
        )
        assert status == 1
        assert "--cell was gru and is now lstm" in said
        assert "--seed was 0 and is now 1" in said
        assert "another --out" in said

    def test_says_what_was_read_split_and_left_out(self, tmp_path, capsys):
        lines = [f"word{k} here\tmot{k} ici\n" for k in range(40)] + ["alone\n", "\tempty\n"]
        (tmp_path / "pairs.tsv").write_text("".join(lines))
        options = [each for each in SMALL if each != "--quiet"]
        assert run("train", "--pairs", tmp_path / "pairs.tsv", *options, "--updates", 2, "--out", tmp_path / "out") == 0
        said = capsys.readouterr().out
        assert "40 pairs from the local file" in said
        assert "2 of 42 lines left out" in said
        assert "20 pairs to train on, 10 pairs to watch, 10 pairs to test" in said
        assert re.search(r"[\d,]+ parameters, on cpu", said) or torch.cuda.is_available()
        assert "2 updates, best held-out loss" in said

    @pytest.mark.parametrize("options", [["--subword", "60"], ["--attention", "none"], ["--lowercase"]])
    def test_parallel_files(self, options, tmp_path):
        for name, word in (("en", "Word"), ("fr", "Mot")):
            (tmp_path / name).write_text("".join(f"{word} {'abcdefghij'[k % 10]} {k // 10}\n" for k in range(50)))
        files = ["--source", tmp_path / "en", "--target", tmp_path / "fr"]
        assert run("train", *files, *SMALL, *options, "--updates", 2, "--out", tmp_path / "out") == 0
        translator = Translator.load(tmp_path / "out" / "model.pt")
        assert translator.languages == ("en", "fr")
        assert translator.lowercase == ("--lowercase" in options)
        assert (translator.model.attention is None) == ("none" in options)
        assert run("evaluate", "--model", tmp_path / "out") == 0

    @pytest.mark.parametrize(
        ("options", "tied"),
        [
            (["--subword", "60"], "all"),
            (["--positions", "rotary", "--key-heads", "1", "--norm", "post", "--activation", "swiglu"], "target"),
        ],
    )
    def test_a_transformer_is_trained_translates_and_is_measured(self, options, tied, tmp_path, capsys):
        out = tmp_path / "out"
        train = ["train", "--grammar", 120, "--lemmas", 45, *TINY, *options, "--evaluate-every", 2, "--out", out]
        for updates in (3, 6):
            assert run(*train, "--updates", updates) == 0
        assert json.loads((out / "settings.json").read_text())["label_smoothing"] == 0.1
        history = json.loads((out / "history.json").read_text())
        assert len(history["losses"]) == 6
        assert history["averaged"] > 0
        config = Translator.load(out / "model.pt").model.config
        assert (type(config).__name__, config.dim, config.tied, config.dropout_p) == ("TransformerConfig", 8, tied, 0.1)
        capsys.readouterr()
        assert run("translate", "i love you", "--model", out, "--plot", tmp_path / "plot.svg") == 0
        assert capsys.readouterr().out.strip()
        assert (tmp_path / "plot.svg").stat().st_size > 0
        assert run("evaluate", "--model", out, "--json", tmp_path / "measured.json") == 0
        measured = json.loads((tmp_path / "measured.json").read_text())
        assert (measured["alignment error rate"] is None) == ("--subword" in options)

    def test_settings_of_a_training_that_never_began_bind_nobody(self, trained, tmp_path):
        settings = json.loads((trained / "settings.json").read_text())
        (tmp_path / "settings.json").write_text(json.dumps(settings | {"cell": "lstm"}))
        assert run("train", *GRAMMAR, "--updates", 1, "--out", tmp_path) == 0
        assert json.loads((tmp_path / "settings.json").read_text())["cell"] == "gru"

    def test_patience_may_change_when_it_goes_on(self, tmp_path):
        assert run("train", *GRAMMAR, "--updates", 1, "--out", tmp_path) == 0
        assert run("train", *GRAMMAR, "--updates", 2, "--patience", 3, "--out", tmp_path) == 0
        assert len(json.loads((tmp_path / "history.json").read_text())["losses"]) == 2

    def test_without_sentences_to_watch_or_to_test(self, tmp_path, capsys):
        options = [each for each in GRAMMAR if each != "--quiet"]
        none = ["--valid", 0, "--test", 0]
        assert run("train", *options, *none, "--updates", 2, "--out", tmp_path / "out") == 0
        said = capsys.readouterr().out
        assert "0 pairs to watch, 0 pairs to test" in said
        assert "held-out" not in said
        assert said.count("(known: ") == 5
        status, said = failure(capsys, "evaluate", "--model", tmp_path / "out")
        assert status == 1
        assert "kept no test sentences" in said
        assert failure(capsys, "train", *GRAMMAR, *none, "--patience", 2, "--out", tmp_path / "other")[0] == 2

    def test_sentences_too_long_in_pieces_are_left_out_of_every_part(self, tmp_path, capsys):
        short = [f"{'abcdefghij'[k % 10]} {k // 10}\tm {k}\n" for k in range(50)]
        (tmp_path / "pairs.tsv").write_text("".join(short) + "abcdefghijabcdefghij\tm\n")
        options = ["--pairs", tmp_path / "pairs.tsv", *SMALL, "--subword", 50, "--max-length", 12]
        assert run("train", *options, "--updates", 6, "--out", tmp_path / "out") == 0
        assert re.search(r"1 of \d+ pairs left out: longer than 12 tokens", capsys.readouterr().err)
        (tmp_path / "long.tsv").write_text("abcdefghijabcdefghij\tm\n")
        status, said = failure_after_notes(
            capsys, "evaluate", "--model", tmp_path / "out", "--pairs", tmp_path / "long.tsv"
        )
        assert status == 1
        assert "no pair of sentences is left" in said

    def test_the_grammar_is_english_and_french_in_lower_case_whatever_is_asked_for(self, tmp_path):
        assert run("train", *GRAMMAR, "--languages", "none", "fr", "--updates", 1, "--out", tmp_path) == 0
        translator = Translator.load(tmp_path / "model.pt")
        assert (translator.languages, translator.lowercase) == (("en", "fr"), True)

    def test_no_network_says_what_to_do_on_the_command_line(self, tmp_path, capsys, monkeypatch):
        def fails(*_, **__):
            raise ConnectionError("pass read_tatoeba(...)") from OSError("no route")

        monkeypatch.setattr("attnlib.data.corpora.read_tatoeba", fails)
        status, said = failure(capsys, "train", "--tatoeba", *SMALL, "--out", tmp_path)
        assert status == 1
        assert "no route" in said
        assert "--tatoeba fra-eng.zip" in said

    @pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: many")])
    def test_out_of_memory_comes_with_a_hint(self, error, tmp_path, capsys, monkeypatch):
        def fails(*_, **__):
            raise error

        monkeypatch.setattr("attnlib.cli._network", fails)
        status, said = failure(capsys, "train", *GRAMMAR, "--out", tmp_path)
        assert status == 1
        assert said.startswith("attnlib: out of memory; lower --batch-sentences")

    def test_other_runtime_errors_are_ours_and_show_where_they_come_from(self, tmp_path, monkeypatch):
        def fails(*_, **__):
            raise RuntimeError("a bug")

        monkeypatch.setattr("attnlib.cli._network", fails)
        with pytest.raises(RuntimeError, match="a bug"):
            run("train", *GRAMMAR, "--out", tmp_path)


class TestTranslate:
    def test_one_line_a_sentence(self, trained, capsys):
        assert run("translate", "I love you", "you see", "--model", trained) == 0
        expected = Translator.load(trained / "model.pt").translate(["I love you", "you see"])
        assert capsys.readouterr().out == "".join(f"{each.text}\n" for each in expected)

    def test_from_a_file_into_a_file(self, trained, tmp_path, capsys):
        (tmp_path / "in.txt").write_text("i love you\n\nyou see\n")
        assert run("translate", "--file", tmp_path / "in.txt", "--out", tmp_path / "out.txt", "--model", trained) == 0
        assert capsys.readouterr().out == ""
        lines = (tmp_path / "out.txt").read_text().split("\n")
        first, second = Translator.load(trained / "model.pt").translate(["i love you", "you see"])
        assert lines == [first.text, "", second.text, ""]  # line n translates line n

    def test_n_best_come_with_number_and_scores_best_first(self, trained, capsys):
        assert run("translate", "i love you", "--n-best", 3, "--model", trained / "model.pt") == 0
        rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        assert [row[0] for row in rows] == ["1", "1", "1"]
        scores = [float(row[1]) for row in rows]
        assert scores == sorted(scores, reverse=True)

    def test_the_picture_names_the_words_of_both_sides(self, trained, tmp_path):
        assert run("translate", "i love you", "--plot", tmp_path / "a.svg", "--model", trained) == 0
        (translation,) = Translator.load(trained / "model.pt").translate(["i love you"])
        drawn = map(html.unescape, re.findall(r"<!-- (.*?) -->", (tmp_path / "a.svg").read_text()))
        assert {"love", "you", *translation.target} - {"i"} <= {*drawn}

    def test_png_is_an_image(self, trained, tmp_path):
        assert run("translate", "i love you", "--plot", tmp_path / "a.png", "--model", trained) == 0
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")

    def test_standard_input(self, trained):
        command = [sys.executable, "-m", "attnlib", "translate", "--model", str(trained)]
        found = subprocess.run(command, input="i love you\nyou see\n", capture_output=True, text=True, check=True)
        assert len(found.stdout.splitlines()) == 2


class TestEvaluate:
    def test_measures_the_test_part_of_the_training(self, trained, tmp_path, capsys):
        assert run("evaluate", "--model", trained, "--json", tmp_path / "figures.json") == 0
        said = capsys.readouterr().out
        figures = json.loads((tmp_path / "figures.json").read_text())
        assert figures["sentences"] == 10
        assert 0 <= figures["alignment error rate"] <= 1
        assert figures["scores"]["BLEU, all references"]["signature"] in said
        assert "version:" in said
        assert f"{figures['held-out loss']:.3f}" in said
        assert sum(bucket["sentences"] for bucket in figures["BLEU by length"]) == 10

    def test_measures_other_sentences(self, trained, tmp_path, capsys):
        (tmp_path / "pairs.tsv").write_text("I love you\tJe t'aime\nI love you\tje vous aime\n")
        assert run("evaluate", "--model", trained, "--pairs", tmp_path / "pairs.tsv") == 0
        assert "1 sentences, 2 translations" in capsys.readouterr().out

    def test_other_sentences_need_the_model_alone(self, trained, tmp_path, capsys):
        (tmp_path / "model.pt").write_bytes((trained / "model.pt").read_bytes())
        assert run("evaluate", "--model", tmp_path / "model.pt", "--grammar", 7, "--lemmas", 45) == 0
        assert "alignment error rate" in capsys.readouterr().out
        status, said = failure(capsys, "evaluate", "--model", tmp_path / "model.pt")
        assert status == 1
        assert "settings.json is missing" in said

    def test_other_sentences_are_read_as_the_model_was_trained_to(self, trained, tmp_path):
        figures = []
        for name, source in (("small", "i love you"), ("capital", "I LOVE YOU")):
            (tmp_path / name).write_text(f"{source}\tje t’aime\u202f!\n")
            files = ["--pairs", tmp_path / name, "--json", tmp_path / f"{name}.json"]
            assert run("evaluate", "--model", trained, *files) == 0
            figures.append(json.loads((tmp_path / f"{name}.json").read_text()))
        assert figures[0] == figures[1]

    def test_exact_match_is_of_text_written_in_one_way(self, trained, tmp_path, monkeypatch):
        (tmp_path / "pairs.tsv").write_text("I love you\tJe t’aime\u202f!\n")
        real = Translator.translate
        monkeypatch.setattr(
            Translator, "translate", lambda *given, **how: [real(*given, **how)[0]._replace(text="je t'aime !")]
        )
        files = ["--pairs", tmp_path / "pairs.tsv", "--json", tmp_path / "figures.json"]
        assert run("evaluate", "--model", trained, *files) == 0
        assert json.loads((tmp_path / "figures.json").read_text())["exact match"] == 1

    def test_sentences_that_have_changed_are_no_test(self, tmp_path, capsys):
        lines = [f"word{k} here\tmot{k} ici\n" for k in range(40)]
        (tmp_path / "pairs.tsv").write_text("".join(lines))
        command = ["train", "--pairs", tmp_path / "pairs.tsv", *SMALL, "--updates", 1, "--out", tmp_path / "out"]
        assert run(*command) == 0
        (tmp_path / "pairs.tsv").write_text("".join(lines[1:]))
        for again in (["evaluate", "--model", tmp_path / "out"], command):
            status, said = failure(capsys, *again, "--quiet")
            assert status == 1
            assert re.search("changed since the training|others than those of the training", said)


class TestFailures:
    def test_no_way_or_two_ways_to_the_sentences(self, capsys, tmp_path):
        for options in ([], ["--pairs", "a", "--grammar", "9"], ["--source", "a"]):
            status, said = failure(capsys, "train", *options, "--out", tmp_path)
            assert status == 2
            assert "one way" in said

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--pairs", "{none}"], "none"),
            (["--pairs", "{folder}"], "folder"),
            (["--pairs", "{empty}"], "empty"),
            (["--pairs", "{bad}"], "left out"),
            (["--source", "{two}", "--target", "{bad}"], "lines"),
            (["--pairs", "{few}"], "leave none"),
            (["--grammar", "100", "--lemmas", "3"], "lemmas"),
            (["--grammar", "100", "--bidirectional", "--hidden", "7"], "even"),
        ],
    )
    def test_bad_sentences_and_numbers(self, options, message, capsys, tmp_path):
        (tmp_path / "folder").mkdir()
        (tmp_path / "empty").write_text("")
        (tmp_path / "bad").write_text("no tab at all\n")
        (tmp_path / "two").write_text("a\nb\n")
        (tmp_path / "few").write_text("a\tb\nc\td\n")
        files = {name: tmp_path / name for name in ("none", "folder", "empty", "bad", "two", "few")}
        options = [str(option).format(**files) for option in options]
        status, said = failure(capsys, "train", *SMALL, *options, "--updates", 2, "--out", tmp_path / "out")
        assert status == 1
        assert message in said
        assert not (tmp_path / "out" / "model.pt").exists()

    def test_unknown_choice_and_missing_option(self, capsys, tmp_path):
        status, said = failure(capsys, "train", "--grammar", 9, "--out", tmp_path, "--cell", "lstn")
        assert status == 2
        assert "lstm" in said
        assert failure(capsys, "translate", "hello")[0] == 2
        assert failure(capsys, "fly")[0] == 2

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--teacher-forcing", "2"], "--teacher-forcing: must be a number from 0 to 1, got 2"),
            (["--learning-rate", "nan"], "--learning-rate: must be a number of at least 0, got nan"),
            (["--updates", "0"], "--updates: must be an integer from 1 on, got 0"),
            (["--hidden", "many"], "--hidden: must be an integer from 1 on, got many"),
            (["--valid", "-1"], "--valid: must be an integer from 0 on, got -1"),
        ],
    )
    def test_numbers_out_of_range_are_named(self, options, message, capsys, tmp_path):
        status, said = failure(capsys, "train", "--grammar", 100, *options, "--out", tmp_path / "out")
        assert status == 2
        assert message in said

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--network", "transformer", "--cell", "gru"], "--cell is about --network recurrent"),
            (["--network", "transformer", "--bidirectional"], "--bidirectional is about --network recurrent"),
            (["--heads", "2"], "--heads is about --network transformer"),
        ],
    )
    def test_options_of_the_other_network_are_refused(self, options, message, capsys, tmp_path):
        status, said = failure(capsys, "train", "--grammar", 100, *options, "--out", tmp_path / "out")
        assert status == 2
        assert message in said

    @pytest.mark.parametrize(
        ("options", "message"),
        [(["--heads", "3"], "3 heads can't share dim 8"), (["--heads", "8", "--positions", "rotary"], "in pairs")],
    )
    def test_a_transformer_that_cannot_be_is_named(self, options, message, capsys, tmp_path):
        train = ["train", "--grammar", 100, *TINY, *options, "--updates", 2, "--out", tmp_path / "out"]
        status, said = failure(capsys, *train)
        assert status == 1
        assert message in said

    def test_lemmas_without_the_grammar(self, capsys, tmp_path):
        status, said = failure(capsys, "train", "--pairs", "a", "--lemmas", 45, "--out", tmp_path)
        assert status == 2
        assert "--grammar" in said

    @pytest.mark.parametrize("option", ["--out", "--plot"])
    def test_no_place_for_what_is_made_is_said_before_any_work(self, option, trained, capsys, tmp_path):
        (tmp_path / "folder.svg").mkdir()
        for path, message in ((tmp_path / "none" / "a.svg", "no folder"), (tmp_path / "folder.svg", "is a folder")):
            status, said = failure(capsys, "translate", "you", "--model", trained, option, path)
            assert status == 2
            assert message in said
        status, said = failure(capsys, "evaluate", "--model", trained, "--json", tmp_path / "none" / "a")
        assert status == 2

    def test_a_sentence_that_is_too_long_is_named_by_its_line(self, trained, capsys, tmp_path):
        (tmp_path / "in.txt").write_text("\nyou\n" + "you " * 101)
        status, said = failure(capsys, "translate", "--file", tmp_path / "in.txt", "--model", trained)
        assert status == 1
        assert "sentence 3 has 101 tokens, and the network reads at most 100" in said

    def test_a_file_that_is_no_text(self, trained, capsys, tmp_path):
        (tmp_path / "in.txt").write_bytes(b"caf\xe9\n")
        status, said = failure(capsys, "translate", "--file", tmp_path / "in.txt", "--model", trained)
        assert status == 1
        assert "in.txt is not UTF-8" in said

    @pytest.mark.parametrize("content", ["{", "[]", '{"test": 3}'])
    def test_settings_that_are_none(self, content, trained, capsys, tmp_path):
        (tmp_path / "model.pt").write_bytes((trained / "model.pt").read_bytes())
        (tmp_path / "settings.json").write_text(content)
        status, said = failure(capsys, "evaluate", "--model", tmp_path)
        assert status == 1
        assert "settings.json is damaged" in said

    def test_a_training_that_has_not_ended(self, trained, capsys, tmp_path):
        (tmp_path / "checkpoint.pt").write_bytes((trained / "checkpoint.pt").read_bytes())
        status, said = failure(capsys, "translate", "you", "--model", tmp_path)
        assert status == 1
        assert "has not come to an end" in said

    def test_out_that_is_a_file(self, capsys, tmp_path):
        (tmp_path / "out").write_text("")
        status, said = failure(capsys, "train", *GRAMMAR, "--out", tmp_path / "out")
        assert status == 2
        assert "give a folder" in said

    def test_models_that_are_none(self, trained, capsys, tmp_path):
        (tmp_path / "text.pt").write_text("hello")
        for path, message in (
            (tmp_path / "none", "is missing"),
            (tmp_path, "holds no model.pt"),
            (tmp_path / "text.pt", "damaged"),
            (trained / "checkpoint.pt", "training checkpoint"),
        ):
            status, said = failure(capsys, "translate", "hello", "--model", path)
            assert status == 1
            assert message in said

    def test_pictures_that_cannot_be(self, trained, capsys, tmp_path):
        status, said = failure(capsys, "translate", "you", "--model", trained, "--plot", tmp_path / "a.gif")
        assert status == 2
        assert ".png, .svg, .pdf" in said
        assert run("train", *GRAMMAR, "--attention", "none", "--updates", 1, "--out", tmp_path / "plain") == 0
        status, said = failure(capsys, "translate", "you", "--model", tmp_path / "plain", "--plot", tmp_path / "a.png")
        assert status == 1
        assert "no alignment" in said

    def test_text_and_file_at_once_and_nothing_to_translate(self, trained, capsys, tmp_path):
        (tmp_path / "in.txt").write_text("\n \n")
        assert failure(capsys, "translate", "you", "--file", tmp_path / "in.txt", "--model", trained)[0] == 2
        status, said = failure(capsys, "translate", "--file", tmp_path / "in.txt", "--model", trained)
        assert status == 1
        assert "no sentence" in said

    def test_debug_shows_where(self, tmp_path):
        with pytest.raises(ValueError, match="is missing"):
            run("translate", "you", "--model", tmp_path / "none", "--debug")


class TestAsAProgram:
    def program(self, *argv, **how):
        return subprocess.run([sys.executable, "-m", "attnlib", *map(str, argv)], capture_output=True, text=True, **how)

    def test_help_and_version(self):
        found = self.program("--help")
        assert found.returncode == 0
        assert all(command in found.stdout for command in ("train", "translate", "evaluate", "examples:"))
        assert self.program("--version").stdout.startswith("attnlib ")
        assert "(default: 500)" in (said := self.program("train", "--help").stdout)
        assert "None" not in said
        assert "examples:" in said

    def test_a_reader_that_has_had_enough(self, trained):
        command = f"{sys.executable} -m attnlib translate 'i love you' --model {trained} | true"
        found = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
        assert found.stderr == ""

    def test_ctrl_c_saves_and_says_how_to_go_on(self, tmp_path):
        options = [each for each in GRAMMAR if each != "--quiet"]
        command = [
            sys.executable,
            "-m",
            "attnlib",
            "train",
            *options,
            "--updates",
            "100000",
            "--out",
            str(tmp_path / "out"),
        ]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            self.wait_for_updates(process)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=120)
        assert process.returncode == 130
        assert "the same command goes on" in said
        done = len(json.loads((tmp_path / "out" / "history.json").read_text())["losses"])
        assert done > 0
        assert (tmp_path / "out" / "model.pt").exists()
        assert run("train", *GRAMMAR, "--updates", done + 1, "--out", tmp_path / "out") == 0
        assert len(json.loads((tmp_path / "out" / "history.json").read_text())["losses"]) == done + 1

    @staticmethod
    def wait_for_updates(process: subprocess.Popen) -> None:
        said, end = "", time.monotonic() + 120
        while "update/s, loss" not in said and time.monotonic() < end:
            said += process.stderr.read(1)
        assert "update/s, loss" in said, said


def test_every_option_of_the_readme_and_the_book_exists():
    root = Path(__file__).parents[2]
    pages = [root / "README.md", *sorted((root / "book").glob("*.md"))]
    commands = [
        line
        for page in pages
        for line in re.findall(r"python -m attnlib (\w+[^\n`]*)", page.read_text(encoding="utf-8"))
    ]
    names = {command.split()[0] for command in commands}
    assert {"train", "translate"} <= names
    known = {
        name: subprocess.check_output([sys.executable, "-m", "attnlib", name, "--help"], text=True) for name in names
    }
    for command in commands:
        for option in re.findall(r"--[a-z-]+", command):
            assert option in known[command.split()[0]], command
