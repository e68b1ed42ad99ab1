"""The command line, used as its users would, with tiny networks."""

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
GRAMMAR = ["--grammar", "120", "--lemmas", "45", "--learning-rate", "0.02", *SMALL]


def run(*argv):
    return main([str(argument) for argument in argv])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "small"
    assert run("train", *GRAMMAR, "--updates", 12, "--out", folder) == 0
    return folder


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
        assert "40 pairs; 2 of 42 lines left out" in said
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
        assert translator.lowercase == ("--lowercase" in options)
        assert (translator.model.attention is None) == ("none" in options)
        assert run("evaluate", "--model", tmp_path / "out") == 0


class TestTranslate:
    def test_one_line_a_sentence(self, trained, capsys):
        assert run("translate", "I love you", "you see", "--model", trained) == 0
        expected = Translator.load(trained / "model.pt").translate(["I love you", "you see"])
        assert capsys.readouterr().out == "".join(f"{each.text}\n" for each in expected)

    def test_from_a_file_into_a_file(self, trained, tmp_path, capsys):
        (tmp_path / "in.txt").write_text("i love you\n\nyou see\n")
        assert run("translate", "--file", tmp_path / "in.txt", "--out", tmp_path / "out.txt", "--model", trained) == 0
        assert capsys.readouterr().out == ""
        assert len((tmp_path / "out.txt").read_text().splitlines()) == 2

    def test_n_best_come_with_scores_best_first(self, trained, capsys):
        assert run("translate", "i love you", "--n-best", 3, "--model", trained / "model.pt") == 0
        scores = [float(line.split("\t")[0]) for line in capsys.readouterr().out.splitlines()]
        assert len(scores) == 3
        assert scores == sorted(scores, reverse=True)

    def test_the_picture_names_the_words_of_both_sides(self, trained, tmp_path):
        assert run("translate", "i love you", "--plot", tmp_path / "a.svg", "--model", trained) == 0
        (translation,) = Translator.load(trained / "model.pt").translate(["i love you"])
        drawn = re.findall(r"<!-- (.*?) -->", (tmp_path / "a.svg").read_text())
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
            (["--grammar", "100", "--teacher-forcing", "2"], "teacher_forcing"),
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
        assert "(default: 500)" in self.program("train", "--help").stdout

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
    for command in commands:
        name = command.split()[0]
        known = subprocess.run(
            [sys.executable, "-m", "attnlib", name, "--help"], capture_output=True, text=True, check=True
        )
        for option in re.findall(r"--[a-z-]+", command):
            assert option in known.stdout, command
