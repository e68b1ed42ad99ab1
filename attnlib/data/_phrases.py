"""Phrases in two languages at once: noun phrases, groups around a verb, clauses and questions.

An English word is an object of its own, and every French word carries the English words that it comes from. However the
two sentences are then put together, the alignment follows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from attnlib.data._english import starts_with_vowel_sound
from attnlib.data._french import agreed, meet
from attnlib.data._lexicon import Adjective, Adverb, Noun, Verb
from attnlib.data.pairs import Pair

# Persons, in the order of the French tables.
JE, TU, IL, NOUS, VOUS, ILS = range(6)

PRESENT, PROGRESSIVE, PAST, PERFECT, PLUPERFECT = "present", "progressive", "past", "perfect", "pluperfect"
FUTURE, NEAR, CONDITIONAL, USED, WAS, STATE = "future", "near", "conditional", "used", "was", "state"

_SIMPLE = {
    PRESENT: "present",
    PROGRESSIVE: "present",
    FUTURE: "future",
    CONDITIONAL: "conditional",
    USED: "imperfect",
    WAS: "imperfect",
    STATE: "imperfect",
}
_BE_NOW = ("am", "are", "is", "are", "are", "are")
_BE_THEN = ("was", "were", "was", "were", "were", "were")
_NEGATIVE = {"not": "pas", "never": "jamais", "no longer": "plus"}
_REFLEXIVE = ("me", "te", "se", "nous", "vous", "se")
_CLITIC_ORDER = dict.fromkeys(("me", "te", "se", "nous", "vous"), 0)
_CLITIC_ORDER |= {"le": 1, "la": 1, "les": 1, "lui": 2, "leur": 2, "y": 3, "en": 4}


class Word:
    """An English word of one sentence, with its place there once the sentence is complete."""

    __slots__ = ("place", "text")

    def __init__(self, text):
        self.text = text


class Token(NamedTuple):
    """A French word before it meets its neighbours, with the English words it comes from."""

    text: str
    sure: tuple[Word, ...] = ()
    possible: tuple[Word, ...] = ()


def english(text):
    """Return the words of a text."""
    return [Word(word) for word in text.split()]


def assemble(source, target):
    """Put the two sentences on paper, with the links between them."""
    for place, word in enumerate(source):
        word.place = place
    words = [word.text for word in source]
    for place in range(len(words) - 1):
        if words[place] == "a" and starts_with_vowel_sound(words[place + 1]):
            words[place] = "an"
    written, sure, possible, start = [], [], [], 0
    for text, number in meet([token[0] for token in target]):
        place = len(written)
        for _, surely, possibly in target[start : start + number]:
            sure += [(word.place, place) for word in surely]
            possible += [(word.place, place) for word in possibly]
        written.append(text)
        start += number
    return Pair(tuple(words), tuple(written), frozenset(sure), frozenset(sure + possible))


@dataclass(slots=True)
class Phrase:
    """A noun phrase or a pronoun: its words, and what others have to agree with."""

    source: list
    target: list
    person: int = IL
    gender: str = "m"
    plural: bool = False
    groups: frozenset = frozenset({"person"})
    pronoun: str = ""


class Pronoun(NamedTuple):
    """The forms of a pronoun: English and French subject, English object, French direct, indirect and stressed."""

    subject: str
    french: str
    object: str
    direct: str
    indirect: str
    stressed: str
    person: int
    gender: str
    plural: bool


PRONOUNS = {
    "i": Pronoun("i", "je", "me", "me", "me", "moi", JE, "m", False),
    "you": Pronoun("you", "tu", "you", "te", "te", "toi", TU, "m", False),
    "he": Pronoun("he", "il", "him", "le", "lui", "lui", IL, "m", False),
    "she": Pronoun("she", "elle", "her", "la", "lui", "elle", IL, "f", False),
    "we": Pronoun("we", "nous", "us", "nous", "nous", "nous", NOUS, "m", True),
    "they": Pronoun("they", "ils", "them", "les", "leur", "eux", ILS, "m", True),
    "it": Pronoun("it", "il", "it", "le", "lui", "lui", IL, "m", False),
}
"""By their English subject form. As an object, "it" is le: there is no noun that it could agree with."""


class Address(NamedTuple):
    """Whom a sentence speaks to with vous: English and French words, links, gender and number."""

    english: str
    french: tuple[str, ...]
    gender: str
    plural: bool

    def pronoun(self):
        """Return the "you" that goes with it."""
        return Pronoun("you", "vous", "you", "vous", "vous", "vous", VOUS, self.gender, self.plural)


POSSESSIVES = {
    "my": ("mon", "MA", "mes"),
    "your": ("ton", "TA", "tes"),
    "his": ("son", "SA", "ses"),
    "her": ("son", "SA", "ses"),
    "our": ("notre", "notre", "nos"),
    "their": ("leur", "leur", "leurs"),
}
POLITE_POSSESSIVE = ("votre", "votre", "vos")

_DETERMINERS = {
    "the": ("LE", "LA", "LES"),
    "a": ("un", "une", "des"),
    "this": ("CE", "cette", "ces"),
    "these": ("CE", "cette", "ces"),
    "every": ("chaque", "chaque", ""),
    "some": ("", "", "quelques"),
    "which": ("quel", "quelle", "quels"),
    **POSSESSIVES,
}
NUMBERS = {"two": "deux", "three": "trois", "four": "quatre", "five": "cinq", "six": "six", "ten": "dix"}
_BEFORE_NOUN = {"beau": "BEAU", "nouveau": "NOUVEAU", "vieux": "VIEUX"}


def noun_phrase(
    noun: Noun,
    determiner: str,
    plural: bool = False,
    *,
    adjective: Adjective | None = None,
    negated: bool = False,
    generic: bool = False,
    polite: bool = False,
) -> Phrase:
    """Build a determiner, perhaps an adjective, and a noun.

    ``negated`` turns an indefinite article into de, ``generic`` the missing English article into le, la, les, and
    ``polite`` your into votre.
    """
    head = Word(noun.english_plural if plural else noun.english)
    before = adjective is not None and adjective.before
    source, target = _determiner(noun, determiner, plural, head, before, negated, generic, polite)
    if adjective is not None:
        described = Word(adjective.english)
        form = adjective.forms[noun.gender, plural]
        source.append(described)
        quality = Token(_BEFORE_NOUN.get(form, form) if before and not plural else form, (described,))
    source.append(head)
    name = Token(noun.french_plural if plural else noun.french, (head,))
    if adjective is not None:
        target += [quality, name] if before else [name, quality]
    else:
        target.append(name)
    return Phrase(source, target, ILS if plural else IL, noun.gender, plural, noun.groups)


def _determiner(noun, determiner, plural, head, adjective_before, negated, generic, polite):
    form = 2 if plural else 1 if noun.gender == "f" else 0
    if determiner == "bare":
        return [], _no_article(noun, form, head, adjective_before, negated, generic)
    words = [Word(word) for word in determiner.split()]
    if determiner == "a" and negated:
        return words, [Token("de", (), (words[0], head))]
    if determiner == "many":
        return words, [Token("beaucoup", tuple(words)), Token("de", (), tuple(words))]
    if determiner == "how many":
        return words, [Token("combien", tuple(words)), Token("de", (), tuple(words))]
    if determiner == "all the":
        everything = "toutes" if noun.gender == "f" else "tous"
        return words, [Token(everything, (words[0],)), Token("LES", (words[1],))]
    if determiner in NUMBERS:
        return words, [Token(NUMBERS[determiner], tuple(words))]
    if determiner == "which":
        return words, [Token(agreed("quelle" if noun.gender == "f" else "quel", "m", plural), tuple(words))]
    forms = POLITE_POSSESSIVE if polite and determiner == "your" else _DETERMINERS[determiner]
    return words, [Token(forms[form], tuple(words))]


def _no_article(noun, form, head, adjective_before, negated, generic):
    """Return what French puts where English has no article."""
    if generic:
        return [Token(_DETERMINERS["the"][form], (), (head,))]
    if negated:
        return [Token("de", (), (head,))]
    if noun.mass:
        return [Token("de", (), (head,)), Token(_DETERMINERS["the"][form], (), (head,))]
    return [Token("de" if adjective_before else "des", (), (head,))]


def possessed(owner: Phrase, noun: Noun, plural: bool) -> Phrase:
    """Build "paul 's book": in French the book comes first."""
    head, mark = Word(noun.english_plural if plural else noun.english), Word("'s")
    form = 2 if plural else 1 if noun.gender == "f" else 0
    target = [
        Token(_DETERMINERS["the"][form], (), (mark,)),
        Token(noun.french_plural if plural else noun.french, (head,)),
        Token("de", (mark,)),
        *owner.target,
    ]
    source = [*owner.source, mark, head]
    return Phrase(source, target, ILS if plural else IL, noun.gender, plural, noun.groups)


def subject_pronoun(pronoun: Pronoun) -> Phrase:
    """Return i, you, he ... as a subject."""
    word = Word(pronoun.subject)
    token = Token(pronoun.french, (word,))
    return Phrase(
        [word], [token], pronoun.person, pronoun.gender, pronoun.plural, frozenset({"person"}), pronoun.subject
    )


def both(first: Phrase, second: Phrase) -> Phrase:
    """Join two phrases by "and"."""
    link = Word("and")
    return Phrase(
        [*first.source, link, *second.source],
        [*first.target, Token("et", (link,)), *second.target],
        ILS,
        "f" if first.gender == second.gender == "f" else "m",
        True,
        first.groups & second.groups,
    )


@dataclass(slots=True)
class VerbPhrase:
    """A verb and what depends on it.

    ``clitics`` are French pronouns with the English words they come from; ``agreement`` is the gender and number of a
    direct object that stands before the verb; ``middle`` goes between the finite verb and the rest, ``tail`` ends it.
    """

    verb: Verb
    clitics: list = field(default_factory=list)
    source: list = field(default_factory=list)
    target: list = field(default_factory=list)
    agreement: tuple = ("m", False)
    middle_source: list = field(default_factory=list)
    middle_target: list = field(default_factory=list)
    tail_source: list = field(default_factory=list)
    tail_target: list = field(default_factory=list)
    modal: str = ""
    """An English modal verb that takes the place of the verb's English form."""

    def add_adverb(self, adverb: Adverb) -> None:
        """Put an adverb where each language has it."""
        source, target = adverb_words(adverb)
        if adverb.kinds & {"mid", "perfect", "degree"}:
            self.middle_source += source
            self.middle_target += target
        elif adverb.kinds & {"skill", "yet"}:
            self.tail_source += source
            self.middle_target += target
        else:
            self.tail_source += source
            self.tail_target += target


def adverb_words(adverb: Adverb) -> tuple:
    """Return the words of an adverb or a phrase of time, linked."""
    source = [Word(word) for word in adverb.english]
    linked = {i for i, _ in adverb.links}
    unlinked = [word for i, word in enumerate(source) if i not in linked]
    target = []
    for place, text in enumerate(adverb.french):
        sure = tuple(source[i] for i, j in adverb.links if j == place)
        target.append(Token(text, sure, tuple(unlinked) if sure else tuple(source)))
    return source, target


def lexical_words(phrase: VerbPhrase, main: str) -> tuple:
    """Return the English verb with its particles, those that French has as à, and the words its verb stands for."""
    verb = [Word(main), *(Word(particle) for particle in phrase.verb.english.particles)]
    if phrase.verb.frame == "dat" and verb[-1].text in ("to", "at"):
        return verb[:-1], verb[-1:], tuple(verb[:-1])
    return verb, [], tuple(verb)


def indirect_words(phrase: VerbPhrase, particles: list) -> tuple:
    """Link the particle of "speak to" with à, or with the pronoun that stands for it."""
    if phrase.verb.frame != "dat" or not particles:
        return phrase.clitics, phrase.target
    if phrase.clitics:
        return [Token(text, sure, (*possible, *particles)) for text, sure, possible in phrase.clitics], phrase.target
    if not phrase.target:  # "who do you speak to ?", where à has gone to the front
        return [], []
    first = phrase.target[0]
    return phrase.clitics, [Token(first.text, tuple(particles), first.possible), *phrase.target[1:]]


def in_order(clitics: Iterable[Token]) -> list:
    """Put pronouns in the order that French has before a verb."""
    return sorted(clitics, key=lambda token: _CLITIC_ORDER[token.text])


def infinitive(phrase: VerbPhrase, person: int) -> tuple:
    """Return the verb phrase in the infinitive, for a subject of this person."""
    verb_source, particles, lexical = lexical_words(phrase, phrase.verb.english.base)
    clitics, target = indirect_words(phrase, particles)
    return (
        [*verb_source, *particles, *phrase.source, *phrase.tail_source],
        [
            *_reflexive(phrase.verb, person, lexical),
            *in_order(clitics),
            Token(phrase.verb.french.infinitive, lexical),
            *phrase.middle_target,
            *target,
            *phrase.tail_target,
        ],
    )


def _reflexive(verb: Verb, person: int, lexical: tuple) -> list:
    return [Token(_REFLEXIVE[person], (), lexical)] if verb.french.reflexive else []


class Clause(NamedTuple):
    """A clause taken apart as questions need it; ``auxiliary`` is the English word that changes places."""

    subject: Phrase | None
    auxiliary: Word | None
    source: list
    target: list

    def statement(self) -> tuple:
        """Return subject, verb and the rest in both languages."""
        start = self.subject.source if self.subject else []
        finite = [self.auxiliary] if self.auxiliary else []
        return [*start, *finite, *self.source], [*(self.subject.target if self.subject else []), *self.target]

    def question(self) -> tuple:
        """Return "do you see ..." and "est-ce que tu vois ...", without the question mark."""
        asked = (self.auxiliary,)
        start = [Token("est", (), asked), Token("-ce", (), asked), Token("que", (), asked)]
        source = [self.auxiliary, *self.subject.source, *self.source]
        return source, [*start, *self.subject.target, *self.target]


def clause(
    subject: Phrase, phrase: VerbPhrase, tense: str, *, negation: str = "", asked: bool = False, silent: bool = False
) -> Clause:
    """Put subject, verb and the rest together.

    ``asked`` gives English an auxiliary that can go to the front; ``silent`` leaves the subject unsaid, as after "and".
    """
    negative = [Word(word) for word in negation.split()]
    support = asked or negation == "not"
    auxiliaries, main = _english_forms(phrase, tense, subject.person, support)
    first, *others = [Word(word) for word in auxiliaries] or [None]
    if first is not None and negation == "not" and first.text == "can" and not asked:
        first.text, negative = "cannot", [first]
    if main is None:
        verb_source, particles, lexical = [], [], (first,)
    else:
        verb_source, particles, lexical = lexical_words(phrase, main)
    auxiliary = tuple(word for word in (first, *others) if word is not None and word not in lexical)
    clitics, target = indirect_words(phrase, particles)
    source = [
        *(word for word in negative if word is not first),
        *phrase.middle_source,
        *others,
        *verb_source,
        *particles,
        *phrase.source,
        *phrase.tail_source,
    ]
    group = _french_group(
        phrase, [*_reflexive(phrase.verb, subject.person, lexical), *in_order(clitics)], tense, subject
    )
    return Clause(
        None if silent else subject,
        first,
        source,
        [*group(lexical, auxiliary, tuple(negative), negation), *target, *phrase.tail_target],
    )


def _english_forms(phrase: VerbPhrase, tense: str, person: int, support: bool) -> tuple:
    """Return the auxiliaries and the main verb, None where an auxiliary is the verb."""
    verb = phrase.verb.english
    if phrase.modal:
        return [phrase.modal], None
    third = person == IL
    if verb.base == "be" and tense in (PRESENT, STATE):
        return [(_BE_NOW if tense == PRESENT else _BE_THEN)[person]], None
    if tense == PRESENT:
        return (["does" if third else "do"], verb.base) if support else ([], verb.third if third else verb.base)
    if tense in (PAST, STATE):
        return (["did"], verb.base) if support else ([], verb.past)
    auxiliaries, form = {
        PROGRESSIVE: ([_BE_NOW[person]], verb.ing),
        WAS: ([_BE_THEN[person]], verb.ing),
        PERFECT: (["has" if third else "have"], verb.participle),
        PLUPERFECT: (["had"], verb.participle),
        FUTURE: (["will"], verb.base),
        CONDITIONAL: (["would"], verb.base),
        NEAR: ([_BE_NOW[person], "going", "to"], verb.base),
        USED: (["used", "to"], verb.base),
    }[tense]
    return auxiliaries, form


def _french_group(phrase: VerbPhrase, clitics: list, tense: str, subject: Phrase):
    """Return what builds the French verb with its pronouns and its negation."""
    verb = phrase.verb.french

    def build(lexical, auxiliary, negative, negation):
        no = [Token("ne", (), negative)] if negation else []
        denied = [Token(_NEGATIVE[negation], negative)] if negation else []
        if tense in _SIMPLE:
            finite = Token(getattr(verb, _SIMPLE[tense])[subject.person], lexical, auxiliary)
            return [*no, *clitics, finite, *denied, *phrase.middle_target]
        if tense == NEAR:
            be, going, to = auxiliary
            finite = Token(_ALLER[subject.person], (going,), (be,))
            return [*no, finite, *denied, *phrase.middle_target, *clitics, Token(verb.infinitive, lexical, (to,))]
        helper = _helper(verb.with_etre, tense)[subject.person]
        carried = tense in (PERFECT, PLUPERFECT)
        finite = Token(helper, auxiliary if carried else (), () if carried else (*auxiliary, *lexical))
        gender, plural = (subject.gender, subject.plural) if verb.with_etre else phrase.agreement
        participle = Token(agreed(verb.participle, gender, plural), lexical)
        return [*no, *clitics, finite, *denied, *phrase.middle_target, participle]

    return build


_ALLER = ("vais", "vas", "va", "allons", "allez", "vont")
_HELPERS = {
    (True, False): ("suis", "es", "est", "sommes", "êtes", "sont"),
    (False, False): ("ai", "as", "a", "avons", "avez", "ont"),
    (True, True): ("étais", "étais", "était", "étions", "étiez", "étaient"),
    (False, True): ("avais", "avais", "avait", "avions", "aviez", "avaient"),
}


def _helper(with_etre: bool, tense: str) -> Sequence[str]:
    return _HELPERS[with_etre, tense == PLUPERFECT]


def imperative(phrase: VerbPhrase, person: int, *, negated: bool) -> tuple:
    """Return "look at him" and "regarde-le", for tu, nous or vous."""
    start = english("let us") if person == NOUS else []
    verb_source, particles, lexical = lexical_words(phrase, phrase.verb.english.base)
    clitics, target = indirect_words(phrase, particles)
    clitics = [*_reflexive(phrase.verb, person, lexical), *in_order(clitics)]
    finite = Token(phrase.verb.french.imperative[person], lexical, tuple(start))
    rest = [*target, *phrase.tail_target]
    if not negated:
        source = [*start, *verb_source, *particles, *phrase.source, *phrase.tail_source]
        # The order here is that of statements but for moi and toi, which come last.
        tied = [Token({"me": "-moi", "te": "-toi"}.get(t.text, f"-{t.text}"), t.sure, t.possible) for t in clitics]
        tied.sort(key=lambda token: token.text not in ("-le", "-la", "-les"))
        return source, [finite, *tied, *phrase.middle_target, *rest]
    no = [Word("not")] if start else english("do not")
    denied = no[-1]
    source = [*start, *no, *verb_source, *particles, *phrase.source, *phrase.tail_source]
    french = [
        Token("ne", (), tuple(no)),
        *clitics,
        finite,
        Token("pas", (denied,)),
        *phrase.middle_target,
        *rest,
    ]
    return source, french
