"""A trained network with its vocabularies: text in, text out, in one file.

The file is data alone: sizes, weights, words and settings, read back without running any code in it.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from attnlib._checkpoints import read_file, write_file
from attnlib.data.tokens import Subwords, Vocabulary, detokenize, tokenize
from attnlib.decoding import Hypothesis, beam_search, forced_weights
from attnlib.seq2seq import Seq2Seq, Seq2SeqConfig
from attnlib.symbols import BOS, SYMBOLS, UNK
from attnlib.transformer import Transformer, TransformerConfig

FORMAT = "attnlib translator, version 1"
"""What the first field of a saved translator says."""

_AT_ONCE = 100  # sentences that are aligned together
_MODELS = {"Seq2Seq": (Seq2Seq, Seq2SeqConfig), "Transformer": (Transformer, TransformerConfig)}
_VOCABULARIES = {"Vocabulary": Vocabulary, "Subwords": Subwords}


class Translation(NamedTuple):
    """A sentence and its translation, as :meth:`Translator.translate` gives them."""

    text: str
    """The translation, as it is meant to be read."""
    source: list[str]
    """What the network read, words or pieces of words; ``<unk>`` for those that its vocabulary lacks."""
    target: list[str]
    """What it said, in words or pieces, and ``</s>`` at the end if it ended the sentence itself."""
    weights: Float[Tensor, "steps words"] | None
    """One row for each of the ``target``, one column for each of the ``source``; None without attention."""
    score: float
    """What translations are ranked by; see :func:`attnlib.decoding.beam_search`."""
    finished: bool
    """False where the translation was cut off at the maximum length."""


class Translator:
    """A network, the vocabularies of its two languages, and how text is cut into tokens.

    Parameters
    ----------
    model : Seq2Seq or Transformer
    source, target : Vocabulary or Subwords
        With as many ids as the network has of each.
    languages : pair of str or None
        What :func:`attnlib.data.tokens.tokenize` is to know of the source's and the target's language.
    lowercase : bool
        Whether text is put into lower case before it is read.

    Raises
    ------
    TypeError
        If the model is of no kind that can be saved.
    ValueError
        If a vocabulary has another size than the network's.

    Examples
    --------
    >>> english, french = Vocabulary(["i", "love", "you"]), Vocabulary(["aime", "je", "t'"])
    >>> model = Seq2Seq(Seq2SeqConfig(source_vocab=7, target_vocab=7, embedding_dim=4, hidden_dim=6), seed=0)
    >>> translator = Translator(model, english, french, languages=("en", "fr"), lowercase=True)
    >>> (translation,) = translator.translate(["I love you"], max_length=3)
    >>> translation.source, translation.weights.shape == (len(translation.target), 3)
    (['i', 'love', 'you'], True)
    """

    def __init__(
        self,
        model: torch.nn.Module,
        source: Vocabulary | Subwords,
        target: Vocabulary | Subwords,
        *,
        languages: tuple[str | None, str | None] = (None, None),
        lowercase: bool = False,
    ):
        if type(model).__name__ not in _MODELS:
            raise TypeError(f"model must be one of {', '.join(_MODELS)}, got {type(model).__name__}")
        for side, vocabulary in (("source", source), ("target", target)):
            size = getattr(model.config, f"{side}_vocab")
            if len(vocabulary) != size:
                raise ValueError(f"the {side} vocabulary has {len(vocabulary)} ids but the network has {size}")
        self.model, self.source, self.target = model, source, target
        self.languages, self.lowercase = tuple(languages), lowercase

    def translate(
        self, texts: Sequence[str], *, beam: int = 5, n_best: int = 1, replace_unknown: bool = False, **how: Any
    ) -> list[Translation]:
        """Translate sentences, each apart from the others.

        Parameters
        ----------
        texts : list of str
            One sentence each.
        beam : int
            Width of the search; 1 is greedy.
        n_best : int
            How many translations of each sentence to return, best first, one after the other.
        replace_unknown : bool
            Put the source word that has the largest weight in the place of each ``<unk>`` in the text: names and
            numbers are often the same in both languages. Nothing changes without attention.
        how
            As for :func:`attnlib.decoding.beam_search`: ``length_penalty``, ``max_length``, ``forbid_unknown``,
            ``batch``.

        Returns
        -------
        list of Translation
            ``n_best`` for each sentence, fewer where there are not as many.

        Raises
        ------
        TypeError, ValueError
            As the search; also if a text has no words, with its number, or is longer than the network reads.

        References
        ----------
        Jean et al. (2015), arXiv:1412.2007, and Luong, Pham and Manning (2015), arXiv:1508.04025, for
        copying unknown words.
        """
        how |= {"beam": beam, "n_best": n_best, "replace_unknown": replace_unknown}
        return [translation for each in self.translate_each(texts, **how) for translation in each]

    def translate_each(
        self, texts: Sequence[str], *, replace_unknown: bool = False, **how: Any
    ) -> list[list[Translation]]:
        """Return what :meth:`translate` returns, and takes, as one list for each sentence."""
        if isinstance(texts, str):
            raise TypeError(f"texts must be a list of sentences, got one str; pass [{texts[:40]!r}]")
        words = [self._words(number, text) for number, text in enumerate(texts)]
        found = beam_search(self.model, [self.source.encode(each) for each in words], **how)
        return [
            [self._translation(own, hypothesis, replace_unknown) for hypothesis in hypotheses]
            for own, hypotheses in zip(words, found, strict=True)
        ]

    @torch.inference_mode()
    def align(self, pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[Float[Tensor, "steps words"]]:
        """Return the weights with which the network reads pairs whose translations are known.

        Parameters
        ----------
        pairs : list of (source tokens, target tokens)
            Each target word is the next one to be said, whatever the network itself would say.

        Returns
        -------
        list of Tensor
            For each pair one row for each target word, one column for each source word; in pieces with subwords.

        Raises
        ------
        ValueError
            If the network has no attention.
        """
        if self.model.attention is None:
            raise ValueError("a network without attention has no weights to align words by")
        was_training = self.model.training
        self.model.eval()
        ids = [(self.source.encode(source), [BOS, *self.target.encode(target)]) for source, target in pairs]
        try:
            return [
                weights
                for start in range(0, len(ids), _AT_ONCE)
                for weights in forced_weights(self.model, *zip(*ids[start : start + _AT_ONCE], strict=True))
            ]
        finally:
            self.model.train(was_training)

    def tokenize(self, source: str, target: str) -> tuple[list[str], list[str]]:
        """Return the tokens of a pair of texts, as the network was trained to take them."""
        return tuple(
            tokenize(text, language, lowercase=self.lowercase)
            for text, language in zip((source, target), self.languages, strict=True)
        )

    def save(self, path: str | os.PathLike) -> None:
        """Write everything to one file, whole or not at all.

        Raises
        ------
        OSError
            If the file can't be written.
        """
        kind = type(self.model).__name__
        content = {
            "model": kind,
            "config": asdict(self.model.config),
            "weights": self.model.state_dict(),
            "source": _saved(self.source),
            "target": _saved(self.target),
            "languages": list(self.languages),
            "lowercase": self.lowercase,
        }
        write_file(Path(path), FORMAT, content)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Translator":
        """Read what :meth:`save` has written; the network is on the CPU, in evaluation mode.

        Raises
        ------
        OSError
            If the file can't be read.
        ValueError
            If it is something else than a saved translator, not a whole one, or from another version of attnlib.
        """
        content = read_file(Path(path), FORMAT, "pass the path of a model that was saved by this version of attnlib")
        try:
            return cls._from(content)
        except (KeyError, TypeError, RuntimeError) as error:  # a kind, a field or a weight that isn't known here
            raise ValueError(
                f"{path} was saved by another version of attnlib: {' '.join(str(error).split())[:200]}; "
                "use that version, or train anew"
            ) from error

    @classmethod
    def _from(cls, content: dict) -> "Translator":
        model_class, config_class = _MODELS[content["model"]]
        model = model_class(config_class(**content["config"]), seed=0)
        model.load_state_dict(content["weights"])
        source, target = (
            _VOCABULARIES[kind].from_list(words) for kind, words in (content["source"], content["target"])
        )
        languages, lowercase = tuple(content["languages"]), content["lowercase"]
        return cls(model.eval(), source, target, languages=languages, lowercase=lowercase)

    def _words(self, number: int, text: str) -> list[str]:
        words = tokenize(text, self.languages[0], lowercase=self.lowercase)
        if not words:
            raise ValueError(f"text {number} has no words: {text!r}")
        longest, length = self.model.config.max_length, len(self.source.encode(words))
        if length > longest:
            raise ValueError(
                f"text {number} has {length} tokens, and the network reads at most {longest}: {text[:60]!r}"
            )
        return words

    def _translation(self, words: list[str], found: Hypothesis, replace_unknown: bool) -> Translation:
        source = self.source.decode(self.source.encode(words), symbols=True)
        target = self.target.decode(found.tokens, symbols=True)
        said = self.target.decode(found.tokens)
        if replace_unknown and found.weights is not None and len(source) == len(words) and len(said) == len(target):
            attended = found.weights.argmax(dim=-1).tolist()
            copied = zip(said, found.tokens, attended, strict=False)  # the weights have a row for the end, too
            said = [words[place] if token == UNK else word for word, token, place in copied]
        ended = [*target, SYMBOLS[2]] if found.finished else target
        text = detokenize(said, self.languages[1])
        return Translation(text, source, ended, found.weights, found.score, found.finished)


def _saved(vocabulary: Vocabulary | Subwords) -> list:
    return [type(vocabulary).__name__, vocabulary.to_list()]
