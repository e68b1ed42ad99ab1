"""Noun phrases and verb phrases drawn from a lexicon, so that what is said makes sense."""

import random
from functools import lru_cache

from attnlib.data._english import english_verb
from attnlib.data._french import french_verb
from attnlib.data._lexicon import Adverb, Lexicon, Noun, Verb, limited_lexicon, whole_lexicon
from attnlib.data._phrases import (
    FUTURE,
    IL,
    NEAR,
    NUMBERS,
    PAST,
    PERFECT,
    POSSESSIVES,
    PRESENT,
    PROGRESSIVE,
    PRONOUNS,
    STATE,
    USED,
    WAS,
    Address,
    Phrase,
    Token,
    VerbPhrase,
    Word,
    adverb_words,
    both,
    english,
    noun_phrase,
    possessed,
    subject_pronoun,
)

BE = Verb(english_verb("be,was,been"), french_verb("être"), "be", frozenset(), "s")
BE_WITH_HAVE = Verb(english_verb("be,was,been"), french_verb("avoir"), "be", frozenset(), "s")

ADDRESSES = (
    Address("sir", ("monsieur",), "m", False),
    Address("madam", ("madame",), "f", False),
    Address("my friends", ("mes", "amis"), "m", True),
    Address("children", ("LES", "enfants"), "m", True),
)

SURROUNDINGS = frozenset({"place", "room", "building", "street", "town"})
OWNED = frozenset({"thing", "wear", "animal", "own", "readable", "furniture", "room", "home"})
_SPOTS = frozenset({"furniture", "container", "room", "home"})
_OUTDOORS = frozenset({"place", "street", "town", "plant"})
_THINGS = frozenset({"thing", "wear", "food", "foodmass", "drink", "readable", "furniture", "vehicle", "animal"})
_THINGS |= {"film", "song", "dish", "building", "plant", "container", "story", "town", "street", "question", "lesson"}
_OWNERS, _NUMBERS = tuple(POSSESSIVES), tuple(NUMBERS)
_MANY_OF_KIN = ("friend", "brother", "sister", "cousin", "neighbour")
_NO_LONGER_THERE = frozenset({"every", "some", "many", "all the"})
_SAME_PERSON = {"i": 1, "we": 1, "you": 2}


class Words:
    """A lexicon with the tables that drawing needs."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.frames = _grouped((verb.frame, verb) for verb in lexicon.verbs)
        self.groups = _grouped((group, noun) for noun in lexicon.nouns for group in sorted(noun.groups))
        self.names = _grouped((name.kind.removeprefix("masculine "), name) for name in lexicon.names)
        self.names["person"] = [name for name in lexicon.names if name.kind in "mf"]
        self.adverbs = _grouped((kind, adverb) for adverb in lexicon.adverbs for kind in sorted(adverb.kinds))
        self.objects = {verb: [noun for noun in lexicon.nouns if noun.groups & verb.groups] for verb in lexicon.verbs}
        self.transitive = [verb for verb in self.frames["trans"] if self.objects[verb]]
        self.adjectives = {
            noun.english: [adjective for adjective in lexicon.adjectives if adjective.groups & noun.groups]
            for noun in lexicon.nouns
        }
        self.predicates = {
            noun.english: [adjective for adjective in lexicon.adjectives if adjective.predicative & noun.groups]
            for noun in lexicon.nouns
        }
        self.personal = [adjective for adjective in lexicon.adjectives if "person" in adjective.predicative]
        self.described = [noun for noun in lexicon.nouns if self.predicates[noun.english] and "kin" not in noun.groups]
        self.places = [noun for noun in lexicon.nouns if noun.inside and noun.groups & SURROUNDINGS]
        self.stands = [noun for noun in lexicon.nouns if noun.inside and noun.groups & _SPOTS]
        self.outdoors = [noun for noun in lexicon.nouns if noun.inside and noun.groups & _OUTDOORS]
        self.owned = [noun for noun in self.described if noun.groups & OWNED]
        self.things = self.groups["animal"] + self.groups["thing"]
        self.moods = [adjective for adjective in self.personal if "person" not in adjective.groups] or self.personal


def _owners_of(noun: Noun) -> tuple[str, ...]:
    return {"husband": ("my", "your", "her"), "wife": ("my", "your", "his")}.get(noun.english, _OWNERS)


def _grouped(pairs) -> dict:
    groups: dict = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


@lru_cache(maxsize=32)
def words_of(lemmas: int | None) -> Words:
    """Return the tables of the lexicon, or of its so many most basic words."""
    return Words(whole_lexicon() if lemmas is None else limited_lexicon(lemmas))


class Draw:
    """One draw after the other from a lexicon.

    ``address`` is set while a sentence says vous to somebody, ``plain`` while its nouns have no adjectives, so that
    nobody says that the old man is young. :meth:`begin` starts a sentence.
    """

    def __init__(self, words: Words, rng: random.Random) -> None:
        self.words = words
        self.rng = rng
        self.begin()

    def begin(self) -> None:
        """Forget what was said for the last sentence."""
        self.address: Address | None = None
        self.plain = False

    def one(self, options):
        """Draw one of the options."""
        return options[int(self.rng.random() * len(options))]

    def chance(self, probability):
        """Draw whether something happens."""
        return self.rng.random() < probability

    def weighted(self, options):
        """Draw a key of a dict by its weight."""
        left = self.rng.random() * sum(options.values())
        for option in options:
            left -= options[option]
            if left < 0:
                break
        return option

    def spot(self, noun: Noun) -> tuple:
        """Draw where an animal or a thing may well be."""
        animal = "animal" in noun.groups
        if "furniture" in self.words.groups and (not animal or "pet" in noun.groups) and self.chance(0.25):
            return self.located(self.one(self.words.groups["furniture"]), under=True)
        spots = self.words.outdoors if animal and "pet" not in noun.groups else self.words.stands
        return self.located(self.one([spot for spot in spots if spot is not noun]))

    # Noun phrases

    def pronoun(self, name):
        """Return a pronoun; "you" is vous where somebody is addressed."""
        return self.address.pronoun() if self.address and name == "you" else PRONOUNS[name]

    def build(self, noun: Noun, determiner: str, plural: bool = False, *, adjective=None, **kind) -> Phrase:
        """Build a noun phrase for whom the sentence speaks to."""
        if determiner == "this" and plural:
            determiner = "these"
        return noun_phrase(noun, determiner, plural, adjective=adjective, polite=self.address is not None, **kind)

    def adjective(self, noun: Noun, probability: float = 0.2):
        """Draw an adjective that stands with the noun, or None."""
        options = self.words.adjectives[noun.english]
        return self.one(options) if options and not self.plain and self.chance(probability) else None

    def object_phrase(self, noun: Noun, *, negated: bool = False, generic: bool = False) -> Phrase:
        """Draw how a noun is named as an object."""
        if "kin" in noun.groups or noun.english == "name":
            determiner, plural = self.one(_owners_of(noun)), noun.english in _MANY_OF_KIN and self.chance(0.3)
        elif noun.mass:
            determiner = "bare" if generic else self.weighted({"bare": 5, "the": 3, "this": 1, "my": 1})
            plural = False
        elif generic:
            determiner, plural = self.weighted({("bare", True): 5, ("the", False): 1, ("this", False): 1})
        else:
            determiner, plural = self.weighted(_OBJECTS)
            if negated and determiner in _NO_LONGER_THERE:
                determiner, plural = "the", False
        if determiner == "my":
            determiner = self.one(_OWNERS)
        elif determiner == "two":
            determiner = self.one(_NUMBERS)
        bare_adjective = None if generic or determiner in ("every", "all the") else self.adjective(noun)
        return self.build(noun, determiner, plural, adjective=bare_adjective, negated=negated, generic=generic)

    def person_noun(self) -> Phrase:
        """Draw a person named by a noun."""
        noun = self.one(self.words.groups["person"])
        if "kin" in noun.groups:
            return self.build(noun, self.one(_owners_of(noun)), noun.english in _MANY_OF_KIN and self.chance(0.2))
        determiner, plural = self.weighted(_SUBJECTS)
        if determiner == "two":
            determiner = self.one(_NUMBERS)
        return self.build(noun, determiner, plural, adjective=self.adjective(noun, 0.15))

    def name(self) -> Phrase:
        """Draw a person by name, now and then as "my friend marie"."""
        name = self.one(self.words.names["person"])
        word = Word(name.english)
        if self.chance(0.1):
            owner, friend = self.one(_OWNERS), Word("friend")
            possessive = self.build(self.words.groups["kin"][0], owner).source[0]
            masculine, feminine, _ = POSSESSIVES[owner]
            if owner == "your" and self.address:
                masculine = feminine = "votre"
            source = [possessive, friend, word]
            target = [
                Token(feminine if name.kind == "f" else masculine, (possessive,)),
                Token("amie" if name.kind == "f" else "ami", (friend,)),
                Token(name.french, (word,)),
            ]
            return Phrase(source, target, IL, name.kind)
        return Phrase([word], [Token(name.french, (word,))], IL, name.kind)

    def third_person(self, together: float = 0.06) -> Phrase:
        """Draw a person who is neither I nor you, not by a pronoun; now and then two of them."""
        phrase = self.name() if self.chance(0.3) else self.person_noun()
        if self.chance(together):
            other = self.name() if self.chance(0.5) else self.person_noun()
            if {word.text for word in phrase.source} != {word.text for word in other.source}:
                return both(phrase, other)
        return phrase

    def person(self, pronouns: float = 0.6, only=("i", "you", "he", "she", "we", "they")) -> Phrase:
        """Draw a person as a subject."""
        if self.chance(pronouns):
            return subject_pronoun(self.pronoun(self.one(only)))
        return self.third_person()

    def subject(self, verb: Verb) -> Phrase:
        """Draw a subject that can do what the verb says."""
        if "a" in verb.flags and self.chance(0.12) and "animal" in self.words.groups:
            noun = self.one(self.words.groups["animal"])
        elif "v" in verb.flags and self.chance(0.3) and "vehicle" in self.words.groups:
            noun = self.one(self.words.groups["vehicle"])
        else:
            return self.person()
        determiner, plural = self.weighted(_SUBJECTS)
        if determiner == "two":
            determiner = self.one(_NUMBERS)
        return self.build(noun, determiner, plural, adjective=self.adjective(noun, 0.1))

    def object_pronoun(self, groups, subject: Phrase):
        """Draw a pronoun for an object of these groups that is not the subject itself."""
        if "person" in groups and (not groups & _THINGS or self.chance(0.75)):
            options = [
                name
                for name in ("i", "you", "he", "she", "we", "they")
                if _SAME_PERSON.get(name, 0) != _SAME_PERSON.get(subject.pronoun, 3)
            ]
        else:
            options = ("it", "they")
        return self.pronoun(self.one(options))

    def owner(self) -> Phrase:
        """Draw the owner of something."""
        if self.chance(0.5):
            return self.name()
        phrase = self.person_noun()
        while phrase.plural:  # "the cats 's book" is no English
            phrase = self.person_noun()
        return phrase

    def possessed(self, noun: Noun, plural: bool = False) -> Phrase:
        """Draw "paul 's book"."""
        return possessed(self.owner(), noun, plural)

    # Verb phrases

    def transitive(self, verb: Verb, *, negated: bool = False) -> VerbPhrase:
        """Draw a noun for the verb's object."""
        noun = self.one(self.words.objects[verb])
        phrase = self.object_phrase(noun, negated=negated, generic="g" in verb.flags)
        return VerbPhrase(verb, source=phrase.source, target=phrase.target)

    def with_pronoun(self, verb: Verb, subject: Phrase) -> VerbPhrase:
        """Draw a pronoun for the verb's object."""
        return self.direct(verb, self.object_pronoun(verb.groups, subject))

    def direct(self, verb: Verb, pronoun) -> VerbPhrase:
        """Make a pronoun the direct object."""
        word = Word(pronoun.object)
        agreement = (pronoun.gender, pronoun.plural)
        return VerbPhrase(verb, [Token(pronoun.direct, (word,))], [word], agreement=agreement)

    def dative(self, verb: Verb, subject: Phrase) -> VerbPhrase:
        """Draw an object that French has with à."""
        if self.chance(0.55):
            pronoun = self.object_pronoun(frozenset({"person"}), subject)
            word = Word(pronoun.object)
            return VerbPhrase(verb, [Token(pronoun.indirect, (word,))], [word])
        phrase = self.recipient() if self.chance(0.8) or "question" not in verb.groups else self.answered(verb)
        return VerbPhrase(verb, source=phrase.source, target=[Token("à", (), (phrase.source[0],)), *phrase.target])

    def recipient(self) -> Phrase:
        """Draw whom something is given to or said to."""
        return self.third_person(together=0)  # French would say à and de again before the second

    def answered(self, verb: Verb) -> Phrase:
        """Draw what is answered."""
        things = [noun for noun in self.words.objects[verb] if "person" not in noun.groups]
        return self.build(self.one(things), "the") if things else self.recipient()

    def gift(self, verb: Verb, subject: Phrase, *, negated: bool = False, thing: str = "", person: str = ""):
        """Draw a thing and the person it goes to, each a noun or a pronoun."""
        thing = thing or "noun"
        person = person or self.one(("noun", "pronoun"))
        if thing == "pronoun":
            pronoun = self.pronoun(self.one(("it", "they")))
            given = Word(pronoun.object)
            agreement, clitics, source, target = (
                (pronoun.gender, pronoun.plural),
                [Token(pronoun.direct, (given,))],
                [given],
                [],
            )
        else:
            phrase = self.object_phrase(self.one(self.words.objects[verb]), negated=negated)
            agreement, clitics, source, target = ("m", False), [], phrase.source, phrase.target
        to = Word("to")
        if person == "noun":
            receiver = self.recipient()
            source = [*source, to, *receiver.source]
            target = [*target, Token("à", (to,)), *receiver.target]
        else:
            pronoun = self.object_pronoun(frozenset({"person"}), subject)
            word = Word(pronoun.object)
            late = thing == "pronoun" or verb.frame == "tell"
            clitics = [*clitics, Token(pronoun.indirect, (word,), (to,) if late else ())]
            source = [*source, to, word] if late else [word, *source]
        return VerbPhrase(verb, clitics, source, target, agreement)

    def motion(self, verb: Verb) -> VerbPhrase:
        """Draw where somebody goes to, comes from or lives."""
        if verb.frame == "to" and self.chance(0.2):
            word = Word("there")
            return VerbPhrase(verb, [Token("y", (word,))], [word])
        preposition = Word({"to": "to", "from": "from", "live": "in"}[verb.frame])
        kind = self.one([kind for kind in ("noun", "city", "country") if kind == "noun" or kind in self.words.names])
        if kind != "noun":
            source, target = self._named_place(preposition, kind, away=verb.frame == "from")
            return VerbPhrase(verb, source=source, target=target)
        places = [noun for noun in self.words.objects[verb] if verb.frame != "live" or noun.inside[0] == "in"]
        noun = self.one(places)
        determiner = self.weighted({"the": 5, "this": 1}) if verb.frame != "live" else self.weighted(_HOMES)
        if determiner == "my":
            determiner = self.one(_OWNERS)
        phrase = self.build(noun, determiner)
        there = noun.inside[1] if "town" in noun.groups or verb.frame == "live" else "à"
        if "town" in noun.groups and verb.frame == "to":
            there = "à"
        french = "de" if verb.frame == "from" else there
        return VerbPhrase(
            verb, source=[preposition, *phrase.source], target=[Token(french, (preposition,)), *phrase.target]
        )

    def _named_place(self, preposition: Word, kind: str, *, away: bool):
        name = self.one(self.words.names[kind])
        word = Word(name.english)
        here = "de" if away else "à" if kind == "city" or name.kind.startswith("masculine") else "en"
        target = [Token(here, (preposition,)), Token(name.french, (word,))]
        if name.kind.startswith("masculine"):
            target.insert(1, Token("LE", (), (word,)))
        return [preposition, word], target

    def spoken(self, verb: Verb) -> VerbPhrase:
        """Draw a language to speak or to learn."""
        name = self.one(self.words.names["language"])
        word = Word(name.english)
        article = [] if verb.french.infinitive == "parler" else [Token("LE", (), (word,))]
        return VerbPhrase(verb, source=[word], target=[*article, Token(name.french, (word,))])

    def played(self, verb: Verb) -> VerbPhrase:
        """Draw an instrument to play."""
        phrase = self.build(self.one(self.words.groups["instrument"]), "the")
        return VerbPhrase(verb, source=phrase.source, target=[Token("de", (), (phrase.source[0],)), *phrase.target])

    def any_verb(self, frames=None) -> Verb:
        """Draw a verb: the frame by its weight, then the verb."""
        frames = frames or _FRAMES
        present = {frame: weight for frame, weight in frames.items() if frame.partition("+")[0] in self.words.frames}
        frame = self.weighted(present)
        if frame == "give" and "tell" in self.words.frames and self.chance(0.1):
            frame = "tell"
        return self.one(self.words.transitive if frame == "trans" else self.words.frames[frame])

    def predicate(self, verb: Verb, subject: Phrase, *, negated: bool = False, pronouns: float = 0.35) -> VerbPhrase:
        """Draw what the verb needs."""
        match verb.frame:
            case "intr" | "refl":
                return VerbPhrase(verb)
            case "trans":
                if "g" not in verb.flags and self.chance(pronouns):
                    return self.with_pronoun(verb, subject)
                return self.transitive(verb, negated=negated)
            case "dat":
                return self.dative(verb, subject)
            case "give" | "tell":
                return self.gift(verb, subject, negated=negated)
            case "speak":
                return self.spoken(verb)
            case "play":
                return self.played(verb)
            case _:
                return self.motion(verb)

    # Places, company, times

    def place(self) -> tuple:
        """Draw "in the garden"."""
        return self.located(self.one(self.words.places))

    def located(self, noun: Noun, under: bool = False) -> tuple:
        """Return where something is: in, at, on or under a noun."""
        before, french = ("under", "sous") if under else noun.inside
        word = Word(before)
        phrase = self.build(noun, "the")
        return [word, *phrase.source], [Token(french, (word,)), *phrase.target]

    def company(self, subject: Phrase) -> tuple:
        """Draw "with my brother" or "with him"."""
        word = Word("with")
        if self.chance(0.5):
            pronoun = self.object_pronoun(frozenset({"person"}), subject)
            other = Word(pronoun.object)
            return [word, other], [Token("avec", (word,)), Token(pronoun.stressed, (other,))]
        phrase = self.recipient()
        return [word, *phrase.source], [Token("avec", (word,)), *phrase.target]

    def circumstance(self, phrase: VerbPhrase, subject: Phrase) -> None:
        """Add a place or company, where the verb has room for it."""
        flags = phrase.verb.flags
        if "w" in flags and self.chance(0.4):
            source, target = self.company(subject)
        elif "p" in flags:
            source, target = self.place()
        else:
            return
        phrase.tail_source += source
        phrase.tail_target += target

    def time(self, tense: str, verb: Verb) -> Adverb | None:
        """Draw a time that goes with the tense, or None."""
        kind = {PAST: "past", FUTURE: "future", NEAR: "future", PROGRESSIVE: "now"}.get(tense)
        if tense == PRESENT and "s" not in verb.flags:
            kind = "habit"
        options = self.words.adverbs.get(kind or "", ())
        return self.one(options) if options else None

    def tense(self, verb: Verb, pool) -> str:
        """Draw a tense from a pool of weights, or the one that the verb has in its place."""
        tense = self.weighted(pool)
        stative = "s" in verb.flags
        if tense in (PAST, STATE) and verb.english.base == verb.english.past:
            return PERFECT if tense == PAST else PRESENT  # "read" would be read as present or past
        if stative and tense in (PAST, PERFECT):
            return STATE
        if tense == PROGRESSIVE and (stative or "n" in verb.flags):
            return PRESENT
        return USED if tense == WAS and (stative or "n" in verb.flags) else tense

    def add_adjective(self, phrase: VerbPhrase, adjective, subject: Phrase, intensity: float = 0.25) -> None:
        """Put an adjective after "to be", in agreement with the subject."""
        options = self.words.adverbs.get("intensity", ())
        if adjective.graded and options and self.chance(intensity):
            source, target = adverb_words(self.one(options))
            phrase.source += source
            phrase.target += target
        word = Word(adjective.english)
        phrase.source.append(word)
        phrase.target.append(Token(adjective.forms[subject.gender, subject.plural], (word,)))

    def called(self) -> tuple:
        """Return the words that call whom the sentence speaks to."""
        words = english(self.address.english)
        places = zip(self.address.french, words if len(words) > 1 else words * 2, strict=False)
        target = [
            Token(text, () if text == "LES" else (word,), (word,) if text == "LES" else ()) for text, word in places
        ]
        return words, target


_OBJECTS = {
    ("the", False): 24,
    ("the", True): 8,
    ("a", False): 24,
    ("bare", True): 9,
    ("my", False): 12,
    ("my", True): 4,
    ("this", False): 8,
    ("this", True): 4,
    ("two", True): 4,
    ("many", True): 1,
    ("some", True): 1,
    ("every", False): 0.5,
    ("all the", True): 1,
}
_SUBJECTS = {
    ("the", False): 10,
    ("the", True): 4,
    ("this", False): 2,
    ("this", True): 1,
    ("two", True): 1,
}
_HOMES = {"the": 2, "a": 3, "this": 2, "my": 2}
_FRAMES = {
    "trans": 55,
    "intr": 14,
    "dat": 6,
    "give": 9,
    "to": 4,
    "from": 1,
    "live": 1,
    "refl": 7,
    "speak": 1,
    "play": 2,
}
