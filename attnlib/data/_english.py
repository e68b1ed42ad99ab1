"""English forms by rule: plurals, the -s, -ed and -ing of verbs, and "a" or "an"."""

from typing import NamedTuple

_SIBILANTS = ("s", "x", "z", "ch", "sh")
_VOWELS = "aeiou"
_O_WITH_ES = {"tomato", "hero", "go"}
_DOUBLED = {"run", "swim", "stop", "get", "put", "cut", "plan", "forget", "begin", "win", "sit", "travel", "prefer"}
_CONSONANT_SOUND = {"uniform", "university", "useful", "european", "one"}
_VOWEL_SOUND = {"hour", "honest"}


class EnglishVerb(NamedTuple):
    """The forms of a verb, and the words that follow it (``look`` + ``for``)."""

    base: str
    third: str
    past: str
    participle: str
    ing: str
    particles: tuple[str, ...] = ()


def english_verb(entry: str) -> EnglishVerb:
    """Read ``"walk"``, ``"eat,ate,eaten"`` or ``"look for"``."""
    forms, _, particles = entry.partition(" ")
    base, *irregular = forms.split(",")
    past, participle = irregular or [_with_ed(base)] * 2
    third = {"have": "has", "be": "is"}.get(base, _with_s(base))
    return EnglishVerb(base, third, past, participle, _with_ing(base), tuple(particles.split()))


def english_plural(noun: str) -> str:
    """Return the regular plural of a noun."""
    return _with_s(noun)


def starts_with_vowel_sound(word: str) -> bool:
    """Tell whether "an" stands before the word."""
    return word in _VOWEL_SOUND or (word[0] in _VOWELS and word not in _CONSONANT_SOUND)


def _with_s(word: str) -> str:
    if word.endswith(_SIBILANTS) or word in _O_WITH_ES:
        return word + "es"
    if _ends_in_consonant_and_y(word):
        return word[:-1] + "ies"
    return word + "s"


def _with_ed(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if _ends_in_consonant_and_y(base):
        return base[:-1] + "ied"
    return (base + base[-1] if base in _DOUBLED else base) + "ed"


def _with_ing(base: str) -> str:
    if base in {"die", "lie"}:
        return base[:-2] + "ying"
    if base.endswith("e") and not base.endswith("ee") and base != "be":
        return base[:-1] + "ing"
    return (base + base[-1] if base in _DOUBLED else base) + "ing"


def _ends_in_consonant_and_y(word: str) -> bool:
    return word.endswith("y") and word[-2] not in _VOWELS
