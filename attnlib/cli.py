"""The command line: train a translator on any parallel text, translate with it, measure it.

Settings of a training are kept beside what it makes, so that it can be gone on with, and so that the test sentences
can be found again.
"""

import argparse
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from attnlib import __version__

_TRAIN_EXAMPLES = """
  python -m attnlib train --grammar 5000 --out small --embedding 64 --hidden 128 --updates 1000
  python -m attnlib train --tatoeba --lowercase --cell gru --attention additive --out tatoeba
  python -m attnlib train --source en.txt --target fr.txt --subword 8000 --out mine
  python -m attnlib train --network transformer --tatoeba --lowercase --subword 10000 --out tiny
"""
_TRANSLATE_EXAMPLES = """
  python -m attnlib translate "I love you" --model small --plot alignment.png
  python -m attnlib translate --file en.txt --out fr.txt --model mine
"""
_EVALUATE_EXAMPLES = """
  python -m attnlib evaluate --model small
  python -m attnlib evaluate --model mine --pairs others.tsv --json figures.json
"""
_NETWORKS = {
    "recurrent": {
        "embedding": 300,
        "hidden": 500,
        "cell": "gru",
        "bidirectional": False,
        "attention": "dot",
        "style": "bahdanau",
    },
    "transformer": {
        "dim": 128,
        "heads": 4,
        "key_heads": None,
        "ffn": 256,
        "layers": 4,
        "norm": "pre",
        "activation": "relu",
        "positions": "sinusoidal",
    },
}
"""What a network is made of, and what it is without being asked: the walkthrough's, and a tiny Transformer."""
_TRAININGS = {
    "recurrent": {
        "dropout": 0.0,
        "learning_rate": 1e-3,
        "schedule": "constant",
        "warmup": 0,
        "label_smoothing": 0.0,
        "average": 1,
    },
    "transformer": {
        "dropout": 0.1,
        "learning_rate": 3e-3,
        "schedule": "inverse_sqrt",
        "warmup": 400,
        "label_smoothing": 0.1,
        "average": 5,
    },
}
_BETAS = {"recurrent": (0.9, 0.999), "transformer": (0.9, 0.98)}
_MAY_CHANGE = ("updates", "patience")
_DATA = ("source", "target", "pairs", "tatoeba", "grammar")
_DOWNLOAD = True  # what --tatoeba is without a file
_SENTENCES = "sha256"
_PICTURES = (".png", ".svg", ".pdf")
_SHOWN = 5
_INTERRUPTED = 130
_OUT_OF_MEMORY = re.compile("out of memory|can't allocate memory|not enough memory", re.IGNORECASE)
_LESS_MEMORY = {
    "train": "lower --batch-sentences or --batch-words, --max-length, --hidden or --dim, or --vocab-target",
    "translate": "lower --beam, or translate fewer sentences at once",
    "evaluate": "lower --beam",
}


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
    """Run a command, and return its exit status: 0, 1 for what failed, 2 for wrong usage, 130 for Ctrl-C.

    Options that can't be read end the program with status 2, as ``argparse`` does, by raising SystemExit.
    """
    options = _parser().parse_args(argv)
    try:
        status = options.command(options) or 0
        sys.stdout.flush()  # so that a closed pipe is noticed here
        return status
    except KeyboardInterrupt:
        print("attnlib: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # a reader such as head has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (UsageError, OSError, ValueError, ArithmeticError, MemoryError, RuntimeError) as error:
        lacks_memory = isinstance(error, MemoryError) or bool(_OUT_OF_MEMORY.search(str(error)))
        if options.debug or (isinstance(error, RuntimeError) and not lacks_memory):
            raise
        hint = f"; {_LESS_MEMORY[options.command.__name__]}" if lacks_memory else ""
        print(f"attnlib: {_said(error)}{hint}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1


def _said(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, RuntimeError):  # torch's come with pages of advice
        return "out of memory"
    return " ".join(str(error).split()) or ("out of memory" if isinstance(error, MemoryError) else repr(error))


# Training


def train(options: argparse.Namespace) -> int:
    """Train a network, or go on with it, and write the translator to the folder."""
    from attnlib.training import train as train_model
    from attnlib.translator import Translator

    folder, settings = options.out, _settings(options)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder} is a file; give a folder")
    config = _training_config(settings)
    examples = _read(settings, options.quiet)
    settings[_SENTENCES] = _fingerprint(examples)
    _require_same_settings(folder, settings)
    parts = _split(examples, settings)
    source, target = _vocabularies(parts[0], settings)
    parts = tuple(_fitting(part, source, target, settings["max_length"]) for part in parts)
    if not parts[0]:
        raise ValueError(f"no pair of sentences is as short as --max-length {settings['max_length']} asks for")
    model = _network(settings, len(source), len(target))
    batches, valid = (_batches(part, source, target, settings) for part in parts[:2])

    checkpoint = folder / "checkpoint.pt"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "settings.json", settings)
    if not options.quiet:
        _describe(parts, source, target, model)
        if checkpoint.exists():
            print(f"going on from {checkpoint}")
    history = train_model(model, batches, config=config, valid=valid, checkpoint=checkpoint, progress=not options.quiet)
    how = {"languages": tuple(settings["languages"]), "lowercase": settings["lowercase"]}
    translator = Translator(model.cpu(), source, target, **how)
    _keep(folder, translator, history)
    if history.interrupted:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED
    if not options.quiet:
        _show_some(translator, parts[2] or parts[1] or parts[0])
    return 0


def _keep(folder: Path, translator: Any, history: Any) -> None:
    """Write what came of a training, and say so."""
    path = folder / "model.pt"
    translator.save(path)
    _write(folder / "history.json", history.to_dict())
    best = f", best held-out loss {history.best.loss:.3f} after {history.best.update}" if history.best else ""
    print(f"{history.updates} updates{best}; the model is {path}")


def _training_config(settings: dict[str, Any]) -> Any:
    from attnlib.training import TrainingConfig

    if settings["patience"] is not None and not settings["valid"]:
        raise UsageError("--patience waits for a held-out loss, so --valid must be above 0")
    names = ("updates", "learning_rate", "schedule", "warmup", "label_smoothing", "teacher_forcing", "evaluate_every")
    names += ("patience", "mixed_precision", "seed")
    chosen = {name: settings[name] for name in names}
    average = settings["average"] if settings["valid"] else 1
    return TrainingConfig(
        **chosen, average=average, clip_norm=settings["clip"] or None, betas=_BETAS[settings["network"]]
    )


def _batches(examples: list[Example], source: Any, target: Any, settings: dict[str, Any]) -> Any:
    """Return the batches of a part; None if there is nothing in it."""
    from attnlib.data.batches import Batches

    size = {"words": settings["batch_words"]} if settings["batch_words"] else {"sentences": settings["batch_sentences"]}
    return Batches.from_pairs(examples, source, target, **size, seed=settings["seed"]) if examples else None


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return what a training depends on, as JSON can hold it."""
    _require_one_way(options)
    left_out = {"command", "debug", "quiet", "out"}
    settings = _with_defaults({name: value for name, value in vars(options).items() if name not in left_out})
    languages = [None if language == "none" else language for language in options.languages]
    settings |= {"languages": languages} | _paths(options)
    if options.grammar is not None:  # it writes English and French in lower case, whatever else is asked for
        settings |= {"languages": ["en", "fr"], "lowercase": True}
    return settings


def _with_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """Fill in what the network asked for is without being asked, and refuse what only another one has."""
    network = settings["network"]
    for other in _NETWORKS.keys() - {network}:
        for name in _NETWORKS[other]:
            if settings.pop(name) is not None:
                raise UsageError(f"{_option(name)} is about --network {other}, and this is --network {network}")
    own = _NETWORKS[network] | _TRAININGS[network]
    return settings | {name: default for name, default in own.items() if settings[name] is None}


def _require_one_way(options: argparse.Namespace) -> None:
    if options.lemmas is not None and options.grammar is None:
        raise UsageError("--lemmas is about the words of the grammar, so it goes with --grammar")
    given = [name for name in _DATA if getattr(options, name) is not None]
    if given not in (["source", "target"], ["pairs"], ["tatoeba"], ["grammar"]):
        raise UsageError("give the sentences one way: --source and --target, --pairs, --tatoeba, or --grammar")


def _paths(options: argparse.Namespace) -> dict[str, Any]:
    """Return where the sentences are, so that any folder will do to find them again."""
    found = {name: getattr(options, name) for name in ("source", "target", "pairs", "tatoeba")}
    return {name: at if at in (None, _DOWNLOAD) else str(Path(at).resolve()) for name, at in found.items()}


def _require_same_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Raise if the folder holds another training; settings alone are of one that never began."""
    path, checkpoint = folder / "settings.json", folder / "checkpoint.pt"
    if not checkpoint.exists() and not (folder / "model.pt").exists():
        return
    if not path.exists():
        raise ValueError(f"{folder} holds a training without its settings; give another --out")
    before = _read_json(path)
    names = sorted(name for name in {*before, *settings} - {*_MAY_CHANGE} if before.get(name) != settings.get(name))
    if names == [_SENTENCES]:
        raise ValueError(f"the sentences are others than those of the training in {folder}; give another --out")
    if names:
        named = [name for name in names if name != _SENTENCES]
        said = "; ".join(f"{_option(name)} was {before.get(name)} and is now {settings.get(name)}" for name in named)
        raise ValueError(f"{folder} holds a training with other settings: {said}. Give those, or another --out")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _read(settings: dict[str, Any], quiet: bool) -> list[Example]:
    """Read the sentences that the settings name."""
    from attnlib.data.grammar import grammar_pairs
    from attnlib.data.pairs import texts
    from attnlib.data.tokens import tokenize

    if settings["grammar"] is not None:
        pairs = grammar_pairs(settings["grammar"], seed=settings["seed"], lemmas=settings["lemmas"])
        return [Example(pair.source, pair.target, *texts(pair), pair.sure, pair.possible) for pair in pairs]
    how = [{"language": language, "lowercase": settings["lowercase"]} for language in settings["languages"]]
    return [
        Example(tokenize(left, **how[0]), tokenize(right, **how[1]), left, right, frozenset(), frozenset())
        for left, right in _corpus(settings, quiet)
    ]


def _corpus(settings: dict[str, Any], quiet: bool) -> Any:
    """Read texts from files or the web, and say what was left out."""
    from attnlib.data import corpora

    if settings["tatoeba"] is not None:
        path = None if settings["tatoeba"] is _DOWNLOAD else settings["tatoeba"]
        try:
            return corpora.read_tatoeba(path, progress=not quiet)  # which says itself what it read
        except ConnectionError as error:
            cure = "Download it by hand, for example in a browser, and give the file: --tatoeba fra-eng.zip"
            raise ConnectionError(f"could not download {corpora.TATOEBA_URL}: {error.__cause__}. {cure}") from error
    if settings["pairs"] is not None:
        corpus = corpora.read_tab_separated(settings["pairs"])
    else:
        corpus = corpora.read_parallel(settings["source"], settings["target"])
    if not quiet:
        print(corpus)
    return corpus


def _fingerprint(examples: list[Example]) -> str:
    """Return the SHA-256 of all texts, which tells whether they are still those of the training."""
    text = "".join(f"{each.source_text}\t{each.target_text}\n" for each in examples)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _split(examples: list[Example], settings: dict[str, Any]) -> tuple[list[Example], list[Example], list[Example]]:
    """Split by source sentences, into what is trained on, watched and tested."""
    from attnlib.data.splits import grouped_split

    return tuple(grouped_split(examples, valid=settings["valid"], test=settings["test"], seed=settings["seed"]))


def _fitting(examples: list[Example], source: Any, target: Any, longest: int) -> list[Example]:
    """Leave out what is longer than the network reads or says, in words or in pieces of words."""
    fitting = [
        each
        for each in examples
        if 0 < len(source.encode(each.source)) <= longest and 0 < len(target.encode(each.target)) < longest
    ]
    if left_out := len(examples) - len(fitting):
        print(f"{left_out:,} of {len(examples):,} pairs left out: longer than {longest} tokens", file=sys.stderr)
    return fitting


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
    vocabularies = {"source_vocab": source_vocab, "target_vocab": target_vocab}
    shared = {"max_length": settings["max_length"], "dropout_p": settings["dropout"]}
    if settings["network"] == "transformer":
        return _transformer(settings, **vocabularies, **shared)
    from attnlib.seq2seq import Seq2Seq, Seq2SeqConfig

    config = Seq2SeqConfig(
        embedding_dim=settings["embedding"],
        hidden_dim=settings["hidden"],
        cell=settings["cell"],
        bidirectional=settings["bidirectional"],
        attention=None if settings["attention"] == "none" else settings["attention"],
        style=settings["style"],
        **vocabularies,
        **shared,
    )
    return Seq2Seq(config, seed=settings["seed"])


def _transformer(settings: dict[str, Any], **shared: Any) -> Any:
    from attnlib.transformer import Transformer, TransformerConfig

    same = ("dim", "heads", "key_heads", "norm", "activation", "positions")
    config = TransformerConfig(
        ffn_dim=settings["ffn"],
        encoder_layers=settings["layers"],
        decoder_layers=settings["layers"],
        tied="all" if settings["subword"] else "target",
        **{name: settings[name] for name in same},
        **shared,
    )
    return Transformer(config, seed=settings["seed"])


def _describe(parts: tuple, source: Any, target: Any, model: Any) -> None:
    from attnlib.runtime import device

    sizes = [f"{len(part):,} pairs to {use}" for part, use in zip(parts, ("train on", "watch", "test"), strict=True)]
    print(", ".join(sizes))
    watched = parts[1] or parts[0]
    known = source.coverage(each.source for each in watched), target.coverage(each.target for each in watched)
    use = "watched" if parts[1] else "learnt"
    shares = zip((source, target), known, strict=True)
    said = [f"{len(own):,} ids, {share:.1%} of the {use} words" for own, share in shares]
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

    _require_sensible(options)
    translator = Translator.load(_model_path(options.model))
    if options.plot and translator.model.attention is None:
        raise ValueError("a network without attention has no alignment to plot; leave --plot out")
    texts = _texts(options)
    _require_short(texts, translator)
    found = _found(texts, translator, options)
    if options.n_best == 1:
        lines = [each[0].text if each else "" for each in found]
    else:
        lines = [f"{n}\t{one.score:.3f}\t{one.text}" for n, each in enumerate(found, start=1) for one in each]
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        print("\n".join(lines))
    if options.plot:
        _plot(next(each[0] for each in found if each), options.plot)


def _require_sensible(options: argparse.Namespace) -> None:
    """Raise before any work is done if it would be in vain."""
    if options.plot and options.plot.suffix.lower() not in _PICTURES:
        raise UsageError(f"--plot {options.plot}: the name must end with {', '.join(_PICTURES)}")
    if options.text and options.file:
        raise UsageError("give texts or --file, not both")
    for name in ("out", "plot"):
        _require_place(name, getattr(options, name))


def _require_place(name: str, path: Path | None) -> None:
    if path is not None and path.is_dir():
        raise UsageError(f"--{name} {path} is a folder; give the name of a file")
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"--{name} {path}: there is no folder {path.parent}")


def _texts(options: argparse.Namespace) -> list[str]:
    """Return the texts, or the lines of a file or of standard input, empty ones among them."""
    texts = options.text or _lines(options.file)
    if not any(map(_has_words, texts)):
        where = "the text" if options.text else options.file or "standard input"
        raise ValueError(f"{where} holds no sentence to translate")
    return texts


def _lines(path: Path | None) -> list[str]:
    if path is None and sys.stdin.isatty():
        print("one sentence a line, Ctrl-D at the end:", file=sys.stderr)
    try:
        content = path.read_text(encoding="utf-8-sig") if path else sys.stdin.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path or 'standard input'} is not UTF-8: {error.reason}, byte {error.start}") from error
    return content.removesuffix("\n").split("\n")


def _has_words(text: str) -> bool:
    from attnlib.data._lines import is_empty

    return not is_empty(text)


def _require_short(texts: list[str], translator: Any) -> None:
    longest = translator.model.config.max_length
    for number, text in enumerate(texts, start=1):
        length = len(translator.source.encode(translator.tokenize(text, "")[0]))
        if length > longest:
            raise ValueError(
                f"sentence {number} has {length} tokens, and the network reads at most {longest}: {text[:60]!r}; "
                "cut it in two"
            )


def _found(texts: list[str], translator: Any, options: argparse.Namespace) -> list[list[Any]]:
    """Return the translations of each text, best first; none of a text without words."""
    how = {"beam": options.beam, "n_best": options.n_best, "length_penalty": options.length_penalty}
    how |= {"replace_unknown": options.replace_unknown}
    wordy = [number for number, text in enumerate(texts) if _has_words(text)]
    found = translator.translate_each([texts[number] for number in wordy], **how)
    translations: list[list[Any]] = [[] for _ in texts]
    for number, own in zip(wordy, found, strict=True):
        translations[number] = own
    return translations


def _plot(translation: Any, path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")

    from matplotlib import pyplot as plt

    from attnlib.plots import plot_weights, use_book_style

    use_book_style()
    ax = plot_weights(translation.weights, queries=translation.target, keys=translation.source)
    ax.figure.savefig(path)
    plt.close(ax.figure)
    print(f"alignment drawn to {path}", file=sys.stderr)


def _model_path(path: Path) -> Path:
    """Return the file of a model, from itself or the folder of its training."""
    inside = path / "model.pt"
    if (path / "checkpoint.pt").exists() and not inside.exists():
        raise ValueError(f"the training in {path} has not come to an end; give its command again, and it goes on")
    if path.is_dir() and not inside.exists():
        raise ValueError(f"{path} holds no model.pt; give the folder that train wrote with --out")
    if not path.exists():
        raise ValueError(f"{path} is missing; give the folder that train wrote with --out, or its model.pt")
    return inside if path.is_dir() else path


# Measuring


def evaluate(options: argparse.Namespace) -> None:
    """Translate the test part of a training, or other sentences, and print how good that is."""
    from attnlib.runtime import device
    from attnlib.translator import Translator

    _require_place("json", options.json)
    path = _model_path(options.model)
    translator = Translator.load(path)
    if any(getattr(options, name) is not None for name in (*_DATA, "lemmas")):
        examples = _others(options, translator)
    else:
        examples = _kept_for_test(path)
    examples = _fitting(examples, translator.source, translator.target, translator.model.config.max_length)
    if not examples:
        raise ValueError("no pair of sentences is left to evaluate on")
    translator.model.to(device())
    measured = _measure(translator, examples, options.beam)
    print(_table(measured))
    if options.json:
        _write(options.json, measured)


def _others(options: argparse.Namespace, translator: Any) -> list[Example]:
    """Read the sentences that the options name, as the translator was trained to take them."""
    _require_one_way(options)
    own = {"languages": translator.languages, "lowercase": translator.lowercase}
    return _read(vars(options) | _paths(options) | own, options.quiet)


def _kept_for_test(path: Path) -> list[Example]:
    """Return the test part of the training that a model comes from."""
    beside = path.parent / "settings.json"
    if not beside.exists():
        raise ValueError(
            f"{beside} is missing, which says what sentences were kept for the test; name others, such as --pairs FILE"
        )
    settings = _read_json(beside)
    if not settings.get("test"):
        raise ValueError("the training kept no test sentences (--test 0); name others, such as --pairs FILE")
    examples = _read(settings, quiet=True)
    if _fingerprint(examples) != settings.get(_SENTENCES):
        raise ValueError(
            "the sentences have changed since the training, so that some of the test may have been learnt; "
            "bring the old ones back, or name others, such as --pairs FILE"
        )
    return _split(examples, settings)[2]


def _measure(translator: Any, examples: list[Example], beam: int) -> dict[str, Any]:
    """Translate every source sentence once, and compare with all its translations."""
    from attnlib.data.batches import Batches
    from attnlib.data.tokens import normalise
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
    written = {"language": translator.languages[1], "lowercase": translator.lowercase}
    normal = [[normalise(text, **written) for text in references] for references in every]
    batches = Batches.from_pairs(examples, translator.source, translator.target, sentences=50, seed=0)
    return {
        "sentences": len(groups),
        "pairs": len(examples),
        "beam": beam,
        "scores": {name: {"value": score.value, "signature": score.signature} for name, score in scores.items()},
        "exact match": exact_match(said, normal),
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
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    names = {*_DATA, "lemmas", "languages", "lowercase", "valid", "test", "seed"}
    if not isinstance(content, dict) or not names <= {*content}:
        raise ValueError(f"{path} is damaged: it holds no settings of a training; train anew, to another --out")
    return content


# Options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"attnlib: {message} (see {self.prog} --help)\n")


class _Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Defaults where there are some, and examples as they are written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        says_nothing = action.default is None or action.default is False or isinstance(action.default, list)
        return action.help if says_nothing else super()._get_help_string(action)


def _whole(least: int) -> Callable[[str], int]:
    """Return what reads an integer from ``least`` on."""

    def read(text: str) -> int:
        if not text.removeprefix("-").isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be an integer from {least} on, got {text}")
        return int(text)

    return read


def _number(text: str, low: float = 0.0, high: float = float("inf")) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not (low <= number <= high and number < float("inf")):
        limits = f"from {low:g} to {high:g}" if high < float("inf") else f"of at least {low:g}"
        raise argparse.ArgumentTypeError(f"must be a number {limits}, got {text}")
    return number


def _share(text: str) -> float:
    return _number(text, high=1.0)


def _parser() -> argparse.ArgumentParser:
    about = "Train, use and measure translators."
    examples = f"examples:{_TRAIN_EXAMPLES}{_TRANSLATE_EXAMPLES}{_EVALUATE_EXAMPLES}"
    parser = _Parser("python -m attnlib", description=about, epilog=examples, formatter_class=_Help)
    parser.add_argument("--version", action="version", version=f"attnlib {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    about = "train a translator, or go on with its training"
    _add_train(_command(commands, "train", about, train, _TRAIN_EXAMPLES))
    about = "translate sentences, and draw their alignment"
    _add_translate(_command(commands, "translate", about, translate, _TRANSLATE_EXAMPLES))
    about = "measure a translator on its test sentences, or on others"
    _add_evaluate(_command(commands, "evaluate", about, evaluate, _EVALUATE_EXAMPLES))
    return parser


def _command(commands: Any, name: str, about: str, command: Callable, examples: str) -> argparse.ArgumentParser:
    description = about.capitalize() + "."
    how = {"description": description, "epilog": f"examples:{examples}", "formatter_class": _Help}
    parser = commands.add_parser(name, help=about, **how)
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
    about = "N pairs of the built-in English-French grammar, in lower case"
    add("--grammar", type=_whole(1), metavar="N", help=about)
    add("--lemmas", type=_whole(1), metavar="N", help="so many of the grammar's words only")


def _add_train(parser: argparse.ArgumentParser) -> None:
    from attnlib.training import PRECISIONS, SCHEDULES

    _add_data(parser)
    add = parser.add_argument
    about = "folder for the model, the checkpoint, the settings and the history"
    add("--out", type=Path, required=True, metavar="DIR", help=about)
    about = "whose rules cut the text into words: en, fr or none (default: en fr)"
    names = ("SOURCE", "TARGET")
    add("--languages", nargs=2, default=["en", "fr"], choices=["en", "fr", "none"], metavar=names, help=about)
    add("--lowercase", action="store_true", help="put everything into lower case")
    add("--valid", type=_whole(0), default=500, metavar="N", help="source sentences to watch the loss on")
    add("--test", type=_whole(0), default=500, metavar="N", help="source sentences kept for evaluate")
    add("--network", choices=[*_NETWORKS], default="recurrent", help="kind of network")
    add("--max-length", type=_whole(2), default=100, help="most words of a sentence")
    add("--vocab-source", type=_whole(5), default=9_000, help="most words of the source, symbols included")
    add("--vocab-target", type=_whole(5), default=10_000, help="most words of the target, symbols included")
    about = "N pieces of words for both languages instead; 0: words"
    add("--subword", type=_whole(0), default=0, metavar="N", help=about)
    _add_recurrent(parser)
    _add_transformer(parser)
    training = parser.add_argument_group("training")
    add = training.add_argument
    add("--updates", type=_whole(1), default=20_000, help="how many; more of them go on where a training ended")
    add("--batch-sentences", type=_whole(1), default=64, help="pairs in a batch")
    add("--batch-words", type=_whole(0), default=0, help="words in a batch instead; 0: so many sentences")
    add("--dropout", type=_share, help=_by_network("probability of dropout", "dropout"))
    add("--learning-rate", type=_number, help=_by_network("of Adam", "learning_rate"))
    add("--schedule", choices=SCHEDULES, help=_by_network("of the learning rate", "schedule"))
    add("--warmup", type=_whole(0), help=_by_network("updates in which the learning rate rises", "warmup"))
    add("--clip", type=_number, default=1.0, help="longest gradient; 0: any")
    about = "share of the probability that is spread"
    add("--label-smoothing", type=_share, help=_by_network(about, "label_smoothing"))
    add("--teacher-forcing", type=_share, default=1.0, help="probability of reading the right word")
    add("--evaluate-every", type=_whole(1), default=1_000, help="updates from one held-out loss to the next")
    add("--patience", type=_whole(1), default=None, help="stop after so many held-out losses without a better one")
    about = "try the mean of the weights at the last so many held-out losses; 1: don't"
    add("--average", type=_whole(1), help=_by_network(about, "average"))
    add("--mixed-precision", choices=PRECISIONS, default="no", help="of matrix products")
    add("--seed", type=int, default=0, help="of everything that is drawn")


def _add_recurrent(parser: argparse.ArgumentParser) -> None:
    from attnlib.seq2seq import ATTENTIONS, CELLS, STYLES

    own = _NETWORKS["recurrent"]
    add = parser.add_argument_group("recurrent network (as in the walkthrough, but for the cell)").add_argument
    add("--embedding", type=_whole(1), help=f"length of a word vector (default: {own['embedding']})")
    add("--hidden", type=_whole(1), help=f"length of a state (default: {own['hidden']})")
    add("--cell", choices=CELLS, help=f"kind of recurrent cell (default: {own['cell']})")
    add("--bidirectional", action="store_true", default=None, help="read the source from both ends")
    add("--attention", choices=["none", *ATTENTIONS], help=f"attention unit (default: {own['attention']})")
    add("--style", choices=STYLES, help=f"context into the cell, or after it (default: {own['style']})")


def _add_transformer(parser: argparse.ArgumentParser) -> None:
    from attnlib.transformer import ACTIVATIONS, NORMS, POSITIONS

    own = _NETWORKS["transformer"]
    add = parser.add_argument_group("Transformer (without being asked a tiny one)").add_argument
    add("--dim", type=_whole(1), help=f"width of the layers (default: {own['dim']})")
    add("--heads", type=_whole(1), help=f"of every attention (default: {own['heads']})")
    add("--key-heads", type=_whole(1), help="heads of keys and values (default: as many)")
    add("--ffn", type=_whole(1), help=f"width inside the feed-forward networks (default: {own['ffn']})")
    add("--layers", type=_whole(1), help=f"of encoder and decoder, each (default: {own['layers']})")
    add("--norm", choices=NORMS, help=f"where sublayers are normalised (default: {own['norm']})")
    add("--activation", choices=ACTIVATIONS, help=f"of the feed-forward networks (default: {own['activation']})")
    add("--positions", choices=POSITIONS, help=f"how words know where they stand (default: {own['positions']})")


def _by_network(about: str, name: str) -> str:
    """Return a help text that ends with what an option is in each kind of network."""
    defaults = ", ".join(f"{_TRAININGS[network][name]} {network}" for network in _NETWORKS)
    return f"{about} (default: {defaults})"


def _add_translate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("text", nargs="*", help="sentences (default: the lines of standard input)")
    add("--model", type=Path, required=True, metavar="DIR", help="what train wrote")
    add("--beam", type=_whole(1), default=5, help="width of the search; 1 is greedy")
    add("--length-penalty", type=_number, default=0.6, help="exponent; 0 ranks by probability alone")
    add(
        "--n-best",
        type=_whole(1),
        default=1,
        help="translations of each sentence; if several, with its number and scores",
    )
    add("--replace-unknown", action="store_true", help="copy the source word that an unknown word attends to")
    add("--plot", type=Path, metavar="FILE", help="draw the first sentence's alignment: .png, .svg or .pdf")
    add("--file", type=Path, help="file with a sentence a line; empty lines stay empty")
    add("--out", type=Path, metavar="FILE", help="file for the translations")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    _add_data(parser)
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="what train wrote")
    parser.add_argument("--beam", type=_whole(1), default=5, help="width of the search; 1 is greedy")
    about = "of what --grammar draws; sentences that the training has drawn may be among them"
    parser.add_argument("--seed", type=int, default=1, help=about)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
