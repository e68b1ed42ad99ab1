"""Text cut into tokens and put back; tokens turned into ids and back.

Tokens are words and punctuation. What a model sees are their ids, in a :class:`Vocabulary`, which knows the most
frequent words, or in :class:`Subwords`, which writes rare words in pieces.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from attnlib._arrays import require_sizes
from attnlib.data._characters import INVISIBLE
from attnlib.data._languages import LANGUAGES, scanner, space, split_word, ties
from attnlib.symbols import BOS, EOS, PAD, SYMBOLS, UNK

WORD_START = "▁"
"""How :class:`Subwords` marks the piece that begins a word."""

_NO_TEXT = " "


def normalise(text: str, language: str | None = None, *, lowercase: bool = False) -> str:
    """Write text in the one way that tokens can be put back to.

    A letter and its accent become one character (Unicode's NFC), a curly apostrophe a straight one, every kind of
    white space one plain space, and invisible characters go. A French text has a space before ``? ! ; : %`` and inside
    ``« »``; any other text has none before punctuation.

    Parameters
    ----------
    text : str
        A sentence or more.
    language : str or None
        ``"en"``, ``"fr"``, or None for any other.
    lowercase : bool
        Whether capital letters become small ones.

    Raises
    ------
    TypeError
        If the text is not a str.
    ValueError
        If the language is none of these.

    Examples
    --------
    >>> normalise("  Je  t’aime\u202f!", "fr")
    "Je t'aime !"
    """
    _require_text(text)
    _require_language(language)
    text = text.lower() if lowercase else text
    text = unicodedata.normalize("NFC", text.translate(INVISIBLE)).replace("’", "'")
    return space(" ".join(text.split()), language)


def tokenize(text: str, language: str | None = None, *, lowercase: bool = False) -> list[str]:
    """Cut text into words and punctuation, after :func:`normalise`.

    Accents are kept. In French, elided words (``t'``, ``qu'``) are cut off, and so are pronouns behind a verb, with
    their hyphens (``-t-il``, ``-moi``). In English, contractions are cut as in the Penn Treebank (``do n't``,
    ``Tom 's``). Numbers, abbreviations and words joined by hyphens (``10,000``, ``p.m.``, ``peut-être``) stay whole.

    Parameters
    ----------
    text, language, lowercase
        As for :func:`normalise`.

    Returns
    -------
    list of str
        Tokens, none of which is empty or holds white space. Joined, they are the normalised text without its spaces.

    Raises
    ------
    TypeError, ValueError
        As :func:`normalise`.

    References
    ----------
    English: Marcus, Santorini and Marcinkiewicz, "Building a Large Annotated Corpus of English: The Penn Treebank"
    (1993), and the tokenizer that goes with it.

    Examples
    --------
    >>> tokenize("Je t'aime.", "fr")
    ['Je', "t'", 'aime', '.']
    >>> tokenize("Y a-t-il quelqu'un ?", "fr", lowercase=True)
    ['y', 'a', '-t-il', "quelqu'", 'un', '?']
    >>> tokenize("Don't you love me?", "en")
    ['Do', "n't", 'you', 'love', 'me', '?']
    """
    text = normalise(text, language)
    tokens = [piece for word in scanner(language).findall(text) for piece in split_word(word, language)]
    return [unicodedata.normalize("NFC", token.lower()) for token in tokens] if lowercase else tokens


def detokenize(tokens: Sequence[str], language: str | None = None) -> str:
    """Write tokens as running text: the inverse of :func:`tokenize`, up to :func:`normalise`.

    Of two straight quotation marks the first is tied to what follows, the second to what comes before. A few texts
    don't come back, since their tokens don't tell: ``world--head`` comes back as ``world -- head``.

    Parameters
    ----------
    tokens : sequence of str
        As :func:`tokenize` gives them.
    language : str or None
        ``"en"``, ``"fr"``, or None for any other.

    Raises
    ------
    TypeError
        If the tokens are one str.
    ValueError
        If the language is none of these.

    Examples
    --------
    >>> detokenize(["Je", "t'", "aime", "!"], "fr")
    "Je t'aime !"
    >>> detokenize(["I", "do", "n't", "."], "en")
    "I don't."
    """
    _require_tokens(tokens)
    _require_language(language)
    quoted = {'"'} | ({"'"} if list(tokens).count("'") % 2 == 0 else set())
    opened: set[str] = set()
    written, before, tied = [], "", True
    for token in tokens:
        if token in quoted:
            to_last, to_next = token in opened, token not in opened
            opened ^= {token}
        else:
            to_last, to_next = ties(token, before, language)
        written.append(token if tied or to_last else f" {token}")
        before, tied = token, to_next
    return "".join(written)


class Vocabulary:
    """Words and their ids: first the four symbols, then the words from the most frequent to the rarest.

    Parameters
    ----------
    words : sequence of str
        The words, in the order of their ids, which start at 4. A word that is written like a symbol is still a word.

    Raises
    ------
    TypeError
        If the words are one str.
    ValueError
        If a word is there twice.

    Examples
    --------
    >>> vocabulary = Vocabulary.build([["i", "love", "you"], ["i", "do"]], size=6)
    >>> vocabulary.to_list()
    ['<pad>', '<s>', '</s>', '<unk>', 'i', 'do']
    >>> vocabulary.encode(["i", "love", "me"])
    [4, 3, 3]
    >>> len(vocabulary)
    6
    """

    def __init__(self, words: Sequence[str]):
        _require_tokens(words)
        self._words = [*SYMBOLS, *words]
        self._ids = {word: number for number, word in enumerate(words, start=len(SYMBOLS))}
        if len(self._ids) < len(words):
            twice, count = Counter(words).most_common(1)[0]
            raise ValueError(f"a word has one id, but {twice!r} is there {count} times")

    @classmethod
    def build(cls, sentences: Iterable[Sequence[str]], size: int | None = None, minimum: int = 1) -> "Vocabulary":
        """Collect the most frequent words of sentences; where two are equally frequent, the alphabet decides.

        Parameters
        ----------
        sentences : iterable of sequences of str
            Each cut into tokens.
        size : int or None
            The most ids that there may be, those of the four symbols among them: the rows of an embedding.
        minimum : int
            How often a word must occur.

        Raises
        ------
        TypeError
            If a sentence is one str, or a number is not an integer.
        ValueError
            If the size is below 4, or the minimum below 1.
        """
        _require_limits(size, minimum)
        counts: Counter[str] = Counter()
        for sentence in sentences:
            _require_tokens(sentence)
            counts.update(sentence)
        frequent = [word for word, count in counts.items() if count >= minimum]
        frequent.sort(key=lambda word: (-counts[word], word))
        return cls(frequent if size is None else frequent[: size - len(SYMBOLS)])

    @classmethod
    def from_list(cls, words: Sequence[str]) -> "Vocabulary":
        """Return the vocabulary that :meth:`to_list` wrote down, or raise ValueError if it starts otherwise."""
        return cls(_after_symbols(words))

    def to_list(self) -> list[str]:
        """Return one str for each id, the four symbols first, for a file that keeps the vocabulary."""
        return list(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def __eq__(self, other) -> bool:
        return isinstance(other, Vocabulary) and self._words == other._words

    __hash__ = None

    def encode(self, tokens: Sequence[str]) -> list[int]:
        """Return the ids of tokens; that of ``<unk>`` where a word isn't there.

        Raises
        ------
        TypeError
            If the tokens are one str.
        """
        _require_tokens(tokens)
        return [self._ids.get(token, UNK) for token in tokens]

    def decode(self, ids: Iterable, *, symbols: bool = False) -> list[str]:
        """Return the words of ids, up to the first EOS and without PAD and BOS.

        Parameters
        ----------
        ids : iterable of int
            A list or a tensor of one sentence.
        symbols : bool
            Whether to return one str for each id instead, symbols and all.

        Raises
        ------
        ValueError
            If an id is negative or too large.

        Examples
        --------
        >>> vocabulary = Vocabulary(["je", "t'", "aime"])
        >>> vocabulary.decode([1, 4, 3, 6, 2, 0])
        ['je', '<unk>', 'aime']
        >>> vocabulary.decode([1, 4, 3, 6, 2, 0], symbols=True)
        ['<s>', 'je', '<unk>', 'aime', '</s>', '<pad>']
        """
        numbers = _checked(ids, len(self))
        return [self._words[number] for number in (numbers if symbols else _spoken(numbers))]

    def coverage(self, sentences: Iterable[Sequence[str]]) -> float:
        """Return which share of the tokens of sentences has an id of its own, from 0 to 1.

        Raises
        ------
        ValueError
            If there is no token.
        """
        return _coverage(self, sentences)


class Subwords:
    """Pieces of words and their ids, found by byte-pair encoding: frequent words are whole, rare ones in pieces.

    It begins with single characters, and joins the two neighbours that meet most often into a new piece, again and
    again. No piece reaches over the end of a word. Text made of the characters that it was built from comes back as it
    was; any other character becomes ``<unk>``. Built from the sentences of both languages, it serves both.

    Parameters
    ----------
    alphabet : sequence of str
        Single characters, with ids from 4.
    merges : sequence of pairs of str
        The pieces that were joined, in this order; each result has the next id.

    Raises
    ------
    ValueError
        If a merge joins pieces that aren't there yet.

    References
    ----------
    Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units" (2016), arXiv:1508.07909.

    Examples
    --------
    >>> subwords = Subwords.build([["low", "low", "lower", "new", "newer"]], size=16)
    >>> ids = subwords.encode(["lower", "now"])
    >>> subwords.decode(ids, symbols=True)
    ['▁low', 'er', '▁', 'n', 'o', 'w']
    >>> subwords.decode(ids)
    ['lower', 'now']
    """

    def __init__(self, alphabet: Sequence[str], merges: Sequence[tuple[str, str]]):
        self._alphabet, self._merges = list(alphabet), [tuple(pair) for pair in merges]
        ids = {_NO_TEXT: UNK} | {piece: number for number, piece in enumerate(alphabet, start=len(SYMBOLS))}
        for left, right in self._merges:
            if left not in ids or right not in ids:
                raise ValueError(f"merge of {left!r} and {right!r} comes before both of them are pieces")
            # Two ways to the same piece are possible: a + bc and ab + c.
            ids.setdefault(left + right, len(ids) - 1 + len(SYMBOLS))
        self._ids = ids
        self._pieces = [*SYMBOLS, *(piece for piece in ids if piece != _NO_TEXT)]

    @classmethod
    def build(cls, sentences: Iterable[Sequence[str] | str], size: int, minimum: int = 1) -> "Subwords":
        """Find pieces in sentences.

        Parameters
        ----------
        sentences : iterable of sequences of str, or of str
            Each cut into tokens, or a text that is cut at white space.
        size : int
            The most ids that there may be, those of the four symbols among them.
        minimum : int
            How often two pieces must meet to be joined.

        Raises
        ------
        TypeError
            If a number is not an integer.
        ValueError
            If there is no sentence, or the size leaves no room for every character.
        """
        _require_limits(size, minimum)
        found = Tokenizer(models.BPE())
        found.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        trainer = trainers.BpeTrainer(
            vocab_size=size - len(SYMBOLS), min_frequency=minimum, show_progress=False, special_tokens=[]
        )
        found.train_from_iterator((" ".join(_marked(sentence)) for sentence in sentences), trainer)
        model = json.loads(found.to_str())["model"]
        alphabet = sorted(piece for piece in model["vocab"] if len(piece) == 1)
        if not alphabet:
            raise ValueError("subwords are built from at least one word, got none")
        if len(alphabet) > size - len(SYMBOLS):
            raise ValueError(
                f"size must be at least {len(alphabet) + len(SYMBOLS)}, got {size}: the sentences have "
                f"{len(alphabet)} characters, and there are {len(SYMBOLS)} symbols"
            )
        return cls(alphabet, [tuple(pair) for pair in model["merges"]])

    @classmethod
    def from_list(cls, lines: Sequence[str]) -> "Subwords":
        """Return the subwords that :meth:`to_list` wrote down, or raise ValueError if it starts otherwise."""
        lines = _after_symbols(lines)
        return cls(
            [line for line in lines if " " not in line], [tuple(line.split(" ")) for line in lines if " " in line]
        )

    def to_list(self) -> list[str]:
        """Return the symbols, the characters, and each merge as ``left right``, for a file that keeps them."""
        return [*SYMBOLS, *self._alphabet, *(f"{left} {right}" for left, right in self._merges)]

    def __len__(self) -> int:
        return len(self._pieces)

    def __eq__(self, other) -> bool:
        return isinstance(other, Subwords) and self.to_list() == other.to_list()

    __hash__ = None

    def encode(self, tokens: Sequence[str] | str) -> list[int]:
        """Return the ids of the pieces of tokens, or of a text that is cut at white space."""
        return self._model.encode(_marked(tokens), is_pretokenized=True).ids

    def decode(self, ids: Iterable, *, symbols: bool = False) -> list[str]:
        """Return the words that ids spell, up to the first EOS and without PAD and BOS.

        Parameters
        ----------
        ids : iterable of int
            A list or a tensor of one sentence.
        symbols : bool
            Whether to return one piece for each id instead, symbols and all.

        Raises
        ------
        ValueError
            If an id is negative or too large.
        """
        numbers = _checked(ids, len(self))
        pieces = [self._pieces[number] for number in (numbers if symbols else _spoken(numbers))]
        if symbols or not pieces:
            return pieces
        return "".join(pieces).removeprefix(WORD_START).split(WORD_START)

    def coverage(self, sentences: Iterable[Sequence[str]]) -> float:
        """Return which share of the pieces of sentences has an id of its own, from 0 to 1.

        Raises
        ------
        ValueError
            If there is no piece.
        """
        return _coverage(self, sentences)

    @cached_property
    def _model(self) -> Tokenizer:
        return Tokenizer(models.BPE(vocab=self._ids, merges=self._merges, unk_token=_NO_TEXT))


def _marked(sentence: Sequence[str] | str) -> list[str]:
    """Put the mark before every word; where the text holds it itself, an underscore stands in."""
    words = sentence.split() if isinstance(sentence, str) else sentence
    return [WORD_START + word.replace(WORD_START, "_") for word in words]


def _coverage(vocabulary: Vocabulary | Subwords, sentences: Iterable[Sequence[str]]) -> float:
    unknown = total = 0
    for sentence in sentences:
        ids = vocabulary.encode(sentence)
        unknown += ids.count(UNK)
        total += len(ids)
    if total == 0:
        raise ValueError("coverage is a share of at least one token, got none")
    return 1 - unknown / total


def _spoken(ids: Sequence[int]) -> Iterator[int]:
    """Go through ids up to the first EOS, past PAD and BOS."""
    for number in ids:
        if number == EOS:
            return
        if number not in (PAD, BOS):
            yield number


def _checked(ids: Iterable, size: int) -> list[int]:
    numbers = [int(number) for number in ids]
    for number in numbers:
        if not 0 <= number < size:
            raise ValueError(f"ids go from 0 to {size - 1}, got {number}")
    return numbers


def _after_symbols(words: Sequence[str]) -> list[str]:
    _require_tokens(words)
    start = tuple(words[: len(SYMBOLS)])
    if start != SYMBOLS:
        raise ValueError(f"a saved vocabulary starts with {' '.join(SYMBOLS)}, got {' '.join(start) or 'nothing'}")
    return list(words[len(SYMBOLS) :])


def _require_limits(size: int | None, minimum: int) -> None:
    require_sizes(minimum=minimum)
    if size is None:
        return
    require_sizes(size=size)
    if size < len(SYMBOLS):
        raise ValueError(f"size counts the {len(SYMBOLS)} symbols too, so it is at least {len(SYMBOLS)}; got {size}")


def _require_text(text: str) -> None:
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, got {type(text).__name__}")


def _require_tokens(tokens: Sequence[str]) -> None:
    if isinstance(tokens, str):
        raise TypeError(f"tokens must be a list of str, got the text {tokens[:40]!r}; cut it up with tokenize first")


def _require_language(language: str | None) -> None:
    if language is not None and language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, or None for any other; got {language!r}")
