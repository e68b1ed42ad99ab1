"""What English and French do with spaces, apostrophes and hyphens: rules for cutting text up and for tying it together.

A rule is a regular expression; what no rule names is cut at white space and around punctuation.
"""

import re
from functools import lru_cache

from attnlib.data._characters import PUNCTUATION

LANGUAGES = ("en", "fr")
"""Languages with rules of their own."""

_WORD = rf"[^\s{PUNCTUATION}]"
_NEVER = r"(?!)"

_ABBREVIATIONS = {
    "en": r"(?i:Mr|Mrs|Ms|Dr|Mt|St|Prof|Jr|Sr)\.(?=\s)|(?i:etc|vs)\.(?=\s[a-z0-9])|No\.(?=\s\d)",
    "fr": r"(?:M|MM|Dr|Pr|St|Ste)\.(?=\s[A-ZÀ-Ý])|(?i:etc|cf)\.(?=\s[a-zà-ÿ0-9])",
}
_ENGLISH_SHORTENED = r"(?<!\S)(?i:'(?:em|cause|til|tis|twas|bout))(?![^\W_])"
_ENGLISH_ENDING = re.compile(r"(?i)(?<=.)(n't|'(?:s|m|re|ve|ll|d))$")

_ELIDED = r"(?i:(?:[cdjlmnstç]|qu|jusqu|lorsqu|puisqu|quoiqu|quelqu)')"
_FRENCH_ELISION = re.compile(_ELIDED)
_FRENCH_ELISION_AND_SPACE = re.compile(rf"(?<![\w'-])({_ELIDED}) (?=[^\W\d])")
_PRONOUN = (
    r"(?:(?:t-)?(?:je|tu|ils?|elles?|on|nous|vous|moi|toi|les?|la|lui|leur|ce|y|en)"
    r"|t'(?:ils?|elles?|on))"  # a common misspelling of -t-il
)
_FRENCH_INVERTED = re.compile(rf"(?i)(.+?)((?:-{_PRONOUN})+|-[mtl]'(?:en|y))")
_FRENCH_PIECE = re.compile(rf"(?i)-{_PRONOUN}(?![^-])|-[mtl]'|.+")
_NOT_INVERTED = frozenset({"rendez-vous"})

_CLOSING = frozenset(",.)]}…”")
_OPENING = frozenset("([{“‘„¿¡#")
_CURRENCIES = frozenset("$£€")
_FRENCH_SPACED = frozenset("?!;:»")


def space(text: str, language: str | None) -> str:
    """Put spaces around punctuation as the language has them; the text has single plain spaces."""
    text = re.sub(r" +(\.+(?![\w.])|[,…)\]](?!\w))", r"\1", text)
    if text.count('"') % 2 == 0:
        text = re.sub(r'" ?([^"]*?) ?"', r'"\1"', text)
    if language != "fr":
        return re.sub(r" +([?!;:])(?!\w)", r"\1", text)
    text = re.sub(r" *([?!;](?: *[?!])*|:(?!\d))", lambda found: f" {found[1].replace(' ', '')}", text)
    text = re.sub(r" *([«»]) *", r" \1 ", text)
    text = re.sub(r"(?<=\d) *([%€$])", r" \1", text)
    text = re.sub(r" +([,.…)\]])(?![\w.])", r"\1", text)
    return _FRENCH_ELISION_AND_SPACE.sub(r"\1", " ".join(text.split()))


@lru_cache
def scanner(language: str | None) -> re.Pattern:
    """Return the pattern whose matches are words, numbers, abbreviations and punctuation, in this order."""
    abbreviation = _ABBREVIATIONS.get(language or "", _NEVER)
    shortened = _ENGLISH_SHORTENED if language == "en" else _NEVER
    elided = rf"(?<!{_WORD}){_ELIDED}(?!{_WORD})" if language == "fr" else _NEVER
    letters = rf"(?<!{_WORD})(?:[^\W\d_]\.){{2,}}"
    number = rf"\d+(?:[.,:]\d+)+{_WORD}*"
    word = rf"{_WORD}+(?:[-'‑]{_WORD}+)*"
    return re.compile(
        rf"(?<!{_WORD})(?:{abbreviation})|{letters}|{shortened}|{elided}|{number}|{word}|\.{{2,}}|-{{2,}}|\S"
    )


@lru_cache(maxsize=65536)
def split_word(word: str, language: str | None) -> tuple[str, ...]:
    """Cut a word at the apostrophes and hyphens that join two words in the language."""
    if language == "en":
        return _split_english(word)
    if language == "fr":
        return _split_french(word)
    return (word,)


def _split_english(word: str) -> tuple[str, ...]:
    endings: tuple[str, ...] = ()
    while found := _ENGLISH_ENDING.search(word):
        word, endings = word[: found.start()], (found[0], *endings)
    return (word, *endings)


def _split_french(word: str) -> tuple[str, ...]:
    elided = []
    while found := _FRENCH_ELISION.match(word):
        elided.append(found[0])
        word = word[found.end() :]
    inverted = None if word.lower() in _NOT_INVERTED else _FRENCH_INVERTED.fullmatch(word)
    if inverted:
        return (*elided, inverted[1], *_FRENCH_PIECE.findall(inverted[2]))
    return (*elided, word) if word else tuple(elided)


def ties(token: str, before: str, language: str | None) -> tuple[bool, bool]:
    """Tell whether a token stands without a space after the one before, and whether the next does so after it."""
    if token == "/":
        return True, True
    if token in _CURRENCIES:
        return False, language != "fr" or not before[-1:].isdigit()
    if token in _OPENING:
        return False, True
    if token in _CLOSING or token == "'" or (len(token) > 1 and not token.strip(".")):
        return True, False
    if language == "fr":
        return _ties_in_french(token, before)
    return token in _FRENCH_SPACED or token == "%" or (language == "en" and _is_ending(token)), False


def _ties_in_french(token: str, before: str) -> tuple[bool, bool]:
    hyphened = len(token) > 1 and token[0] == "-" != token[1]
    again = token in ("?", "!") and before in ("?", "!", ";")
    return hyphened or again, len(token) > 1 and token.endswith("'")


def _is_ending(token: str) -> bool:
    return _ENGLISH_ENDING.fullmatch(f"x{token}", 1) is not None
