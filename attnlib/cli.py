"""The command line: train a translator on any parallel text, translate with it, measure it.

Settings of a training are kept beside what it makes, so that it can be gone on with, and so that the test sentences
can be found again.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from attnlib import __version__

_EXAMPLES = """examples:
  python -m attnlib train --grammar 5000 --out small --embedding 64 --hidden 128 --updates 1000
  python -m attnlib translate "I love you" --model small --plot alignment.png
  python -m attnlib evaluate --model small

  python -m attnlib train --tatoeba --lowercase --cell gru --attention additive --out tatoeba
  python -m attnlib train --source en.txt --target fr.txt --subword 8000 --out mine
"""
_MAY_CHANGE = ("updates", "patience")
_DATA = ("source", "target", "pairs", "tatoeba", "grammar")
_DOWNLOAD = "download"
_PICTURES = (".png", ".svg", ".pdf")
_SHOWN = 5
_INTERRUPTED = 130


class UsageError(Exception):
    """Options that don't go together."""


class Example(NamedTuple):
    """A pair of sentences as tokens and as text, with its gold links where there are some."""

    source: Sequence[str]
    target: Sequence[str]
    source_text: str
    target_text: str
    sure: frozenset
    possible: frozenset


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status: 0, 1 for what failed, 2 for wrong usage, 130 for Ctrl-C."""
    options = _parser().parse_args(argv)
    try:
        return options.command(options) or 0
    except KeyboardInterrupt:
        print("attnlib: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # a reader such as head has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (UsageError, OSError, ValueError, TypeError, ArithmeticError, MemoryError) as error:
        if options.debug:
            raise
        print(f"attnlib: {_said(error)}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1


def _said(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


# Training


def train(options: argparse.Namespace) -> int:
    """Train a network, or go on with it, and write the translator to the folder."""
    from attnlib.data.batches import Batches
    from attnlib.training import History, TrainingConfig
    from attnlib.training import train as train_model
    from attnlib.translator import Translator

    folder, settings = options.out, _settings(options)
    _require_same_settings(folder, settings)
    examples = _read(settings, options.quiet)
    parts = _split(examples, settings)
    source, target = _vocabularies(parts[0], settings)
    model = _network(settings, len(source), len(target))
    config = TrainingConfig(
        updates=settings["updates"],
        learning_rate=settings["learning_rate"],
        schedule=settings["schedule"],
        warmup=settings["warmup"],
        clip_norm=settings["clip"] or None,
        label_smoothing=settings["label_smoothing"],
        teacher_forcing=settings["teacher_forcing"],
        evaluate_every=settings["evaluate_every"],
        patience=settings["patience"],
        mixed_precision=settings["mixed_precision"],
        seed=settings["seed"],
    )
    size = {"words": settings["batch_words"]} if settings["batch_words"] else {"sentences": settings["batch_sentences"]}
    batches, valid = (Batches.from_pairs(part, source, target, **size, seed=settings["seed"]) for part in parts[:2])

    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    _write(folder / "settings.json", settings)
    if not options.quiet:
        _describe(parts, source, target, model)
        if checkpoint.exists():
            print(f"going on from {checkpoint}")
    history: History = train_model(
        model, batches, config=config, valid=valid, checkpoint=checkpoint, progress=not options.quiet
    )
    translator = Translator(
        model.cpu(), source, target, languages=tuple(settings["languages"]), lowercase=settings["lowercase"]
    )
    translator.save(folder / "model.pt")
    _write(folder / "history.json", history.to_dict())
    best = f", best held-out loss {history.best.loss:.3f} after {history.best.update}" if history.best else ""
    print(f"{history.updates} updates{best}; the model is {folder / 'model.pt'}")
    if history.interrupted:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED
    if not options.quiet:
        _show_some(translator, parts[2] or parts[1])
    return 0


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return what a training depends on, as JSON can hold it."""
    given = [name for name in _DATA if getattr(options, name) is not None]
    if given not in (["source", "target"], ["pairs"], ["tatoeba"], ["grammar"]):
        raise UsageError("give the sentences one way: --source and --target, --pairs, --tatoeba, or --grammar")
    if options.grammar is not None:
        options.lowercase = True
    left_out = {"command", "debug", "quiet", "out"}
    settings = {name: value for name, value in vars(options).items() if name not in left_out}
    for name in ("source", "target", "pairs", "tatoeba"):
        if settings[name] not in (None, _DOWNLOAD):
            settings[name] = str(Path(settings[name]).resolve())
    languages = [None if language == "none" else language for language in options.languages]
    return settings | {"languages": languages}


def _require_same_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Raise if the folder holds another training."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder} is a file; give a folder")
    path = folder / "settings.json"
    if not path.exists():
        if (folder / "checkpoint.pt").exists():
            raise ValueError(f"{folder} holds a checkpoint without its settings; give another --out")
        return
    before = _read_json(path)
    names = sorted(name for name in {*before, *settings} - {*_MAY_CHANGE} if before.get(name) != settings.get(name))
    if names:
        said = "; ".join(f"{_option(name)} was {before.get(name)} and is now {settings.get(name)}" for name in names)
        raise ValueError(f"{folder} holds a training with other settings: {said}. Give those, or another --out")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _read(settings: dict[str, Any], quiet: bool) -> list[Example]:
    """Read the sentences that the settings name."""
    from attnlib.data import corpora
    from attnlib.data.grammar import grammar_pairs
    from attnlib.data.pairs import texts
    from attnlib.data.tokens import tokenize

    if settings["grammar"] is not None:
        pairs = grammar_pairs(settings["grammar"], seed=settings["seed"], lemmas=settings["lemmas"])
        return [Example(pair.source, pair.target, *texts(pair), pair.sure, pair.possible) for pair in pairs]
    if settings["tatoeba"] is not None:
        path = None if settings["tatoeba"] == _DOWNLOAD else settings["tatoeba"]
        corpus = corpora.read_tatoeba(path, progress=not quiet)
    elif settings["pairs"] is not None:
        corpus = corpora.read_tab_separated(settings["pairs"])
    else:
        corpus = corpora.read_parallel(settings["source"], settings["target"])
    if not quiet:
        print(f"{corpus.origin}: {len(corpus):,} pairs; {corpus.report}")
    if not len(corpus):
        raise ValueError(f"{corpus.origin} holds no pair of sentences: {corpus.report}")
    how = [{"language": language, "lowercase": settings["lowercase"]} for language in settings["languages"]]
    return [
        Example(tokenize(left, **how[0]), tokenize(right, **how[1]), left, right, frozenset(), frozenset())
        for left, right in corpus
    ]


def _split(examples: list[Example], settings: dict[str, Any]) -> tuple[list[Example], list[Example], list[Example]]:
    """Leave out what is longer than the network reads, and split by source sentences."""
    from attnlib.data.splits import grouped_split

    longest = settings["max_length"]
    fitting = [each for each in examples if 0 < len(each.source) <= longest and 0 < len(each.target) < longest]
    if len(fitting) < len(examples) and not settings["subword"]:
        print(f"{len(examples) - len(fitting):,} pairs left out: longer than --max-length {longest}", file=sys.stderr)
    split = grouped_split(fitting, valid=settings["valid"], test=settings["test"], seed=settings["seed"])
    return split.train, split.valid, split.test


def _vocabularies(examples: list[Example], settings: dict[str, Any]) -> tuple[Any, Any]:
    from attnlib.data.tokens import Subwords, Vocabulary

    if settings["subword"]:
        both = [sentence for each in examples for sentence in (each.source, each.target)]
        joint = Subwords.build(both, size=settings["subword"])
        return joint, joint
    return (
        Vocabulary.build((each.source for each in examples), size=settings["vocab_source"]),
        Vocabulary.build((each.target for each in examples), size=settings["vocab_target"]),
    )


def _network(settings: dict[str, Any], source_vocab: int, target_vocab: int) -> Any:
    from attnlib.seq2seq import Seq2Seq, Seq2SeqConfig

    config = Seq2SeqConfig(
        source_vocab=source_vocab,
        target_vocab=target_vocab,
        embedding_dim=settings["embedding"],
        hidden_dim=settings["hidden"],
        max_length=settings["max_length"],
        cell=settings["cell"],
        bidirectional=settings["bidirectional"],
        attention=None if settings["attention"] == "none" else settings["attention"],
        style=settings["style"],
        dropout_p=settings["dropout"],
    )
    return Seq2Seq(config, seed=settings["seed"])


def _describe(parts: tuple, source: Any, target: Any, model: Any) -> None:
    from attnlib.runtime import device

    sizes = [f"{len(part):,} pairs to {use}" for part, use in zip(parts, ("train on", "watch", "test"), strict=True)]
    print(", ".join(sizes))
    known = source.coverage(each.source for each in parts[1]), target.coverage(each.target for each in parts[1])
    words = zip((source, target), known, strict=True)
    said = [f"{len(own):,} ids, {share:.1%} of the watched words" for own, share in words]
    print(f"vocabularies: {'; '.join(said)}")
    print(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters, on {device()}")


def _show_some(translator: Any, examples: list[Example]) -> None:
    some = examples[:_SHOWN]
    for each, found in zip(some, translator.translate([each.source_text for each in some]), strict=True):
        print(f"  {each.source_text}  ->  {found.text}  (known: {each.target_text})")


# Translating


def translate(options: argparse.Namespace) -> None:
    """Translate the texts, and draw the first one's alignment if asked to."""
    from attnlib.translator import Translator

    if options.plot and options.plot.suffix.lower() not in _PICTURES:
        raise UsageError(f"--plot {options.plot}: the name must end with {', '.join(_PICTURES)}")
    if options.text and options.file:
        raise UsageError("give texts or --file, not both")
    translator = Translator.load(_model_path(options.model))
    if options.plot and translator.model.attention is None:
        raise ValueError("a network without attention has no alignment to plot; leave --plot out")
    texts = _texts(options)
    how = {"beam": options.beam, "n_best": options.n_best, "length_penalty": options.length_penalty}
    found = translator.translate(texts, **how, replace_unknown=options.replace_unknown)
    lines = [f"{each.score:.3f}\t{each.text}" if options.n_best > 1 else each.text for each in found]
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        print("\n".join(lines))
    if options.plot:
        _plot(found[0], options.plot)


def _texts(options: argparse.Namespace) -> list[str]:
    if options.text:
        return options.text
    if options.file:
        content = options.file.read_text(encoding="utf-8")
    else:
        if sys.stdin.isatty():
            print("one sentence a line, Ctrl-D at the end:", file=sys.stderr)
        content = sys.stdin.read()
    texts = [line.strip() for line in content.split("\n") if line.strip()]
    if not texts:
        raise ValueError(f"{options.file or 'standard input'} holds no sentence to translate")
    return texts


def _plot(translation: Any, path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")

    from attnlib.plots import plot_weights, use_book_style

    use_book_style()
    ax = plot_weights(translation.weights, queries=translation.target, keys=translation.source)
    ax.figure.savefig(path)
    print(f"alignment drawn to {path}", file=sys.stderr)


def _model_path(path: Path) -> Path:
    """Return the file of a model, from itself or the folder of its training."""
    inside = path / "model.pt"
    if path.is_dir() and not inside.exists():
        raise ValueError(f"{path} holds no model.pt; give the folder that train wrote with --out")
    if not path.exists():
        raise ValueError(f"{path} is missing; give the folder that train wrote with --out, or its model.pt")
    return inside if path.is_dir() else path


# Measuring


def evaluate(options: argparse.Namespace) -> None:
    """Translate the test part of a training, or other sentences, and print how good that is."""
    from attnlib.translator import Translator

    path = _model_path(options.model)
    translator = Translator.load(path)
    settings = _settings_of(path)
    if any(getattr(options, name) is not None for name in _DATA):
        own = _settings(argparse.Namespace(**{**settings, **_given(options)}))
        own |= {"languages": list(translator.languages), "lowercase": translator.lowercase}
        examples = _read(own, options.quiet)
    else:
        examples = _split(_read(settings, quiet=True), settings)[2]
        if not examples:
            raise ValueError("the training kept no test sentences (--test 0); name others, such as --pairs FILE")
    measured = _measure(translator, examples, options.beam)
    if options.json:
        _write(options.json, measured)
    print(_table(measured))


def _settings_of(path: Path) -> dict[str, Any]:
    beside = path.parent / "settings.json"
    if not beside.exists():
        raise ValueError(f"{beside} is missing: it says which sentences were kept for the test; keep it with the model")
    return _read_json(beside)


def _given(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in _DATA} | {"lowercase": False}


def _measure(translator: Any, examples: list[Example], beam: int) -> dict[str, Any]:
    """Translate every source sentence once, and compare with all its translations."""
    from attnlib.data.batches import Batches
    from attnlib.metrics import bleu, bleu_by_length, chrf, exact_match
    from attnlib.training import held_out_loss

    groups: dict[str, list[Example]] = {}
    for each in examples:
        groups.setdefault(each.source_text, []).append(each)
    found = translator.translate(list(groups), beam=beam)
    said = [translation.text for translation in found]
    every = [[each.target_text for each in group] for group in groups.values()]
    how = {"lowercase": translator.lowercase}
    scores = {
        "BLEU, one reference": bleu(said, [references[0] for references in every], **how),
        "BLEU, all references": bleu(said, every, **how),
        "chrF, all references": chrf(said, every, **how),
    }
    lengths = [len(group[0].source) for group in groups.values()]
    cased = [[text.lower() if translator.lowercase else text for text in references] for references in every]
    batches = Batches.from_pairs(examples, translator.source, translator.target, sentences=50, seed=0)
    return {
        "sentences": len(groups),
        "pairs": len(examples),
        "beam": beam,
        "scores": {name: {"value": score.value, "signature": score.signature} for name, score in scores.items()},
        "exact match": exact_match(said, cased),
        "held-out loss": held_out_loss(translator.model, batches),
        "alignment error rate": _alignment_error(translator, examples),
        "BLEU by length": [_bucket(each) for each in bleu_by_length(said, every, lengths, **how)],
    }


def _bucket(bucket: Any) -> dict[str, Any]:
    value = bucket.score and bucket.score.value
    return {"from": bucket.shortest, "to": bucket.longest, "sentences": bucket.sentences, "value": value}


def _alignment_error(translator: Any, examples: list[Example]) -> float | None:
    """Return the error rate of the weights while the known words are read, where links are known."""
    from attnlib.metrics import alignment_error_rate, links_from_weights

    known = [each for each in examples if each.sure]
    if not known or translator.model.attention is None or type(translator.source).__name__ != "Vocabulary":
        return None
    weights = translator.align([(each.source, each.target) for each in known])
    links = [links_from_weights(each) for each in weights]
    return alignment_error_rate(links, [each.sure for each in known], [each.possible for each in known])


def _table(measured: dict[str, Any]) -> str:
    error = measured["alignment error rate"]
    lines = [f"{measured['sentences']:,} sentences, {measured['pairs']:,} translations, beam of {measured['beam']}"]
    lines += [f"{name:22}{score['value']:7.2f}   {score['signature']}" for name, score in measured["scores"].items()]
    lines += [f"{'exact match':22}{100 * measured['exact match']:7.2f} %"]
    lines += [f"{'held-out loss':22}{measured['held-out loss']:7.3f}   nats a word"]
    lines += [] if error is None else [f"{'alignment error rate':22}{100 * error:7.2f} %"]
    for bucket in measured["BLEU by length"]:
        if bucket["sentences"]:
            upwards = bucket["to"] is None
            words = f"{bucket['from']} words on" if upwards else f"{bucket['from']} to {bucket['to']} words"
            lines.append(f"{'BLEU, ' + words:22}{bucket['value']:7.2f}   {bucket['sentences']:,} sentences")
    return "\n".join(lines)


# Files


def _write(path: Path, content: Any) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError(f"{path} is damaged: it is no JSON; remove the folder and train anew") from None


# Options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"attnlib: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    about = "Train, use and measure translators."
    parser = _Parser("python -m attnlib", description=about, epilog=_EXAMPLES, formatter_class=form)
    parser.add_argument("--version", action="version", version=f"attnlib {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    _add_train(_command(commands, "train", "train a translator, or go on with its training", train))
    _add_translate(_command(commands, "translate", "translate sentences, and draw their alignment", translate))
    _add_evaluate(_command(commands, "evaluate", "measure a translator on its test sentences, or on others", evaluate))
    return parser


def _command(commands: Any, name: str, about: str, command: Callable) -> argparse.ArgumentParser:
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = commands.add_parser(name, help=about, description=about.capitalize() + ".", formatter_class=formatter)
    parser.set_defaults(command=command)
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    parser.add_argument("--quiet", action="store_true", help="no progress and no samples")
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("sentences, one way of these")
    add = data.add_argument
    add("--source", type=Path, metavar="FILE", help="file with a source sentence a line")
    add("--target", type=Path, metavar="FILE", help="file with their translations, line by line")
    add("--pairs", type=Path, metavar="FILE", help="file with a source, a tab and a target a line")
    about = "English-French sentences of Tatoeba: the file, or without one a download"
    add("--tatoeba", nargs="?", const=_DOWNLOAD, metavar="FILE", help=about)
    add("--grammar", type=int, metavar="N", help="N pairs of the built-in English-French grammar, in lower case")


def _add_train(parser: argparse.ArgumentParser) -> None:
    from attnlib.seq2seq import ATTENTIONS, CELLS, STYLES
    from attnlib.training import PRECISIONS, SCHEDULES

    _add_data(parser)
    add = parser.add_argument
    about = "folder for the model, the checkpoint, the settings and the history"
    add("--out", type=Path, required=True, metavar="DIR", help=about)
    add("--lemmas", type=int, help="so many of the grammar's words only")
    about = "whose rules cut the text into words"
    add("--languages", nargs=2, default=["en", "fr"], choices=["en", "fr", "none"], help=about)
    add("--lowercase", action="store_true", help="put everything into lower case")
    add("--valid", type=int, default=500, metavar="N", help="source sentences to watch the loss on")
    add("--test", type=int, default=500, metavar="N", help="source sentences kept for evaluate")
    network = parser.add_argument_group("network (as in the walkthrough, but for the cell)")
    add = network.add_argument
    add("--embedding", type=int, default=300, help="length of a word vector")
    add("--hidden", type=int, default=500, help="length of a state")
    add("--max-length", type=int, default=100, help="most words of a sentence")
    add("--cell", choices=CELLS, default="gru", help="kind of recurrent cell")
    add("--bidirectional", action="store_true", help="read the source from both ends")
    add("--attention", choices=["none", *ATTENTIONS], default="dot", help="attention unit")
    add("--style", choices=STYLES, default="bahdanau", help="context into the cell, or after it")
    add("--dropout", type=float, default=0.0, help="probability of dropout")
    add("--vocab-source", type=int, default=9_000, help="most words of the source, symbols included")
    add("--vocab-target", type=int, default=10_000, help="most words of the target, symbols included")
    add("--subword", type=int, default=0, metavar="N", help="N pieces of words for both languages instead; 0: words")
    training = parser.add_argument_group("training")
    add = training.add_argument
    add("--updates", type=int, default=20_000, help="how many; more of them go on where a training ended")
    add("--batch-sentences", type=int, default=64, help="pairs in a batch")
    add("--batch-words", type=int, default=0, help="words in a batch instead; 0: so many sentences")
    add("--learning-rate", type=float, default=1e-3, help="of Adam")
    add("--schedule", choices=SCHEDULES, default="constant", help="of the learning rate")
    add("--warmup", type=int, default=0, help="updates in which the learning rate rises")
    add("--clip", type=float, default=1.0, help="longest gradient; 0: any")
    add("--label-smoothing", type=float, default=0.0, help="share of the probability that is spread")
    add("--teacher-forcing", type=float, default=1.0, help="probability of reading the right word")
    add("--evaluate-every", type=int, default=1_000, help="updates from one held-out loss to the next")
    add("--patience", type=int, default=None, help="stop after so many held-out losses without a better one")
    add("--mixed-precision", choices=PRECISIONS, default="no", help="of matrix products")
    add("--seed", type=int, default=0, help="of everything that is drawn")


def _add_translate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("text", nargs="*", help="sentences (default: the lines of standard input)")
    add("--model", type=Path, required=True, metavar="DIR", help="what train wrote")
    add("--beam", type=int, default=5, help="width of the search; 1 is greedy")
    add("--length-penalty", type=float, default=0.6, help="exponent; 0 ranks by probability alone")
    add("--n-best", type=int, default=1, help="translations of each sentence, with their scores")
    add("--replace-unknown", action="store_true", help="copy the source word that an unknown word attends to")
    add("--plot", type=Path, metavar="FILE", help="draw the first sentence's alignment: .png, .svg or .pdf")
    add("--file", type=Path, help="file with a sentence a line")
    add("--out", type=Path, metavar="FILE", help="file for the translations")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    _add_data(parser)
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="what train wrote")
    parser.add_argument("--beam", type=int, default=5, help="width of the search; 1 is greedy")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
