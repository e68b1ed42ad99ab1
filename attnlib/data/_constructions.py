"""The constructions of the grammar: each draws one sentence in both languages."""

from attnlib.data._drawing import ADDRESSES, BE, BE_WITH_HAVE, OWNED, Draw
from attnlib.data._english import english_verb
from attnlib.data._french import french_verb
from attnlib.data._lexicon import ONE_AFTER_THE_OTHER, Verb
from attnlib.data._phrases import (
    CONDITIONAL,
    FUTURE,
    IL,
    ILS,
    NEAR,
    NOUS,
    NUMBERS,
    PAST,
    PERFECT,
    PLUPERFECT,
    POSSESSIVES,
    PRESENT,
    PROGRESSIVE,
    STATE,
    TU,
    USED,
    VOUS,
    WAS,
    Phrase,
    Token,
    VerbPhrase,
    Word,
    clause,
    imperative,
    infinitive,
    subject_pronoun,
)

_NOW = {PRESENT: 6, PROGRESSIVE: 4}
_ANY = {PRESENT: 4, PROGRESSIVE: 3, PAST: 4, PERFECT: 1, FUTURE: 2, NEAR: 1, WAS: 1}
_TOLD = {PRESENT: 4, PROGRESSIVE: 3, PAST: 5, PERFECT: 1}
_ASKED = {PRESENT: 5, PROGRESSIVE: 3, PAST: 4, PERFECT: 1, FUTURE: 2, NEAR: 1, CONDITIONAL: 0.5}
_NEGATED = {
    "not": {PRESENT: 6, PROGRESSIVE: 3, PAST: 4, PERFECT: 1, FUTURE: 2, NEAR: 1, CONDITIONAL: 1},
    "never": {PRESENT: 5, PERFECT: 3, FUTURE: 2},
    "no longer": {PRESENT: 4, PROGRESSIVE: 1, FUTURE: 1},
}
_BEING = {PRESENT: 6, STATE: 3, FUTURE: 1}
_SUBJECTS_ASKED = ("you", "you", "you", "he", "she", "they", "we", "i")


def _modal(french, tense, *, modal="", base="", to="", negatable=True):
    verb = Verb(english_verb(base or "be"), french_verb(french), "modal", frozenset(), "s")
    return verb, tense, modal, to, negatable


_MODALS = (
    _modal("pouvoir", PRESENT, modal="can"),
    _modal("devoir", PRESENT, modal="must"),
    _modal("vouloir", PRESENT, base="want"),
    _modal("pouvoir", PRESENT, modal="can"),
    _modal("vouloir", PRESENT, base="want"),
    _modal("devoir", CONDITIONAL, modal="should"),
    _modal("pouvoir", CONDITIONAL, modal="could", negatable=False),
    _modal("vouloir", STATE, base="want"),
    _modal("vouloir", CONDITIONAL, base="like"),
    _modal("aimer", PRESENT, base="like"),
    _modal("devoir", PRESENT, base="have,had,had", negatable=False),
    _modal("espérer", PRESENT, base="hope", negatable=False),
    _modal("préférer", PRESENT, base="prefer", negatable=False),
    _modal("essayer", PAST, base="try,tried,tried", to="de"),
    _modal("commencer", PAST, base="begin,began,begun", to="à", negatable=False),
    _modal("refuser", PAST, base="refuse", to="de", negatable=False),
    _modal("oublier", PAST, base="forget,forgot,forgotten", to="de"),
    _modal("décider", PAST, base="decide", to="de"),
)
_FEELINGS = (
    ("hungry", "faim", True),
    ("thirsty", "soif", True),
    ("cold", "froid", True),
    ("hot", "chaud", True),
    ("afraid", "peur", True),
    ("sleepy", "sommeil", True),
    ("right", "raison", False),
    ("wrong", "tort", False),
)
_AGES = {
    "five": "cinq",
    "six": "six",
    "seven": "sept",
    "eight": "huit",
    "nine": "neuf",
    "ten": "dix",
    "eleven": "onze",
    "twelve": "douze",
    "fifteen": "quinze",
    "sixteen": "seize",
    "twenty": "vingt",
    "thirty": "trente",
    "forty": "quarante",
    "fifty": "cinquante",
    "sixty": "soixante",
}
_BELONGING = OWNED | {"kin", "food", "film", "song", "question", "idea"}
_NO_ORDER = frozenset(
    (
        "perdre",
        "tomber",
        "arriver",
        "rencontrer",
        "recevoir",
        "reconnaître",
        "entendre",
        "ronfler",
        "endormir",
        "trouver",
        "voir",
        "casser",
        "ressembler",
        "voler",
        "oublier",
    )
)


def _ask(source, target):
    mark = Word("?")
    return [*source, mark], [*target, Token("?", (mark,))]


def _order(source, target):
    mark = Word("!")
    return [*source, mark], [*target, Token("!", (mark,))]


def _say(subject, phrase, tense, **how):
    return clause(subject, phrase, tense, **how).statement()


def _anything(draw: Draw, pool=_ANY, **how):
    """Draw a verb with its subject, what it needs, and a tense."""
    verb = draw.any_verb()
    subject = draw.subject(verb)
    return subject, draw.predicate(verb, subject, **how), draw.tense(verb, pool)


def intransitive(draw: Draw):
    verb = draw.any_verb({"intr": 1})
    subject = draw.subject(verb)
    phrase = VerbPhrase(verb)
    if draw.chance(0.7):
        draw.circumstance(phrase, subject)
    return _say(subject, phrase, draw.tense(verb, _NOW))


def transitive(draw: Draw):
    verb = draw.any_verb({"trans": 12, "play": 1, "speak": 1})
    subject = draw.subject(verb)
    return _say(subject, draw.predicate(verb, subject, pronouns=0), draw.tense(verb, _NOW))


def object_pronoun(draw: Draw):
    verb = draw.any_verb({"trans": 1})
    while "g" in verb.flags:
        verb = draw.any_verb({"trans": 1})
    subject = draw.subject(verb)
    phrase = draw.with_pronoun(verb, subject)
    if draw.chance(0.3):
        draw.circumstance(phrase, subject)
    return _say(subject, phrase, draw.tense(verb, _NOW))


def indirect_object(draw: Draw):
    verb = draw.any_verb({"dat": 2, "give": 3})
    subject = draw.subject(verb)
    return _say(subject, draw.predicate(verb, subject), draw.tense(verb, _NOW))


def two_pronouns(draw: Draw):
    verb = draw.any_verb({"give": 1})
    subject = draw.subject(verb)
    phrase = draw.gift(verb, subject, thing="pronoun", person="pronoun")
    return _say(subject, phrase, draw.tense(verb, {PRESENT: 4, PAST: 3, FUTURE: 2, NEAR: 1, PERFECT: 1}))


def reflexive(draw: Draw):
    verb = draw.any_verb({"refl": 1})
    subject = draw.subject(verb)
    tense = draw.tense(verb, _ANY)
    phrase = VerbPhrase(verb)
    if draw.chance(0.4):
        draw.circumstance(phrase, subject)
    _add_time(draw, phrase, tense, 0.5)
    return _say(subject, phrase, tense)


def motion(draw: Draw):
    verb = draw.any_verb({"to": 4, "from": 2, "live": 1})
    subject = draw.subject(verb)
    phrase = draw.motion(verb)
    tense = draw.tense(verb, _ANY)
    if verb.frame == "to" and draw.chance(0.25):
        draw.circumstance(phrase, subject)
    return _say(subject, phrase, tense)


def copula(draw: Draw):
    subject, adjective = _described(draw)
    phrase = VerbPhrase(BE)
    draw.add_adjective(phrase, adjective, subject)
    return _say(subject, phrase, draw.weighted(_BEING), negation="not" if draw.chance(0.2) else "")


def _described(draw: Draw):
    """Draw somebody or something, and an adjective that can be said of it."""
    draw.plain = True
    if draw.chance(0.6):
        return draw.person(), draw.one(draw.words.personal)
    noun = draw.one(draw.words.described)
    adjective = draw.one(draw.words.predicates[noun.english])
    determiner = draw.weighted({"the": 5, "this": 2, "my": 3})
    if determiner == "my":
        determiner = draw.one(tuple(POSSESSIVES))
    return draw.build(noun, determiner, not noun.mass and draw.chance(0.3)), adjective


def place(draw: Draw):
    subject, where = _whereabouts(draw)
    phrase = VerbPhrase(BE, source=where[0], target=where[1])
    return _say(subject, phrase, draw.weighted(_BEING), negation="not" if draw.chance(0.2) else "")


def _whereabouts(draw: Draw):
    if draw.chance(0.5):
        return draw.person(), draw.place()
    noun = draw.one(draw.words.things)
    determiner = draw.weighted({"the": 5, "this": 1, "my": 3})
    if determiner == "my":
        determiner = draw.one(tuple(POSSESSIVES))
    return draw.build(noun, determiner, draw.chance(0.3)), draw.spot(noun)


def profession(draw: Draw):
    subject = draw.person()
    jobs = [
        noun
        for noun in draw.words.groups["job"]
        if noun.gender == subject.gender or ("epicene" in noun.groups and noun.gender == "m")
    ]
    noun = draw.one(jobs)
    head = Word(noun.english_plural if subject.plural else noun.english)
    article = [] if subject.plural else [Word("a")]
    name = Token(noun.french_plural if subject.plural else noun.french, (head,), tuple(article))
    phrase = VerbPhrase(BE, source=[*article, head], target=[name])
    return _say(subject, phrase, draw.weighted(_BEING), negation="not" if draw.chance(0.25) else "")


def existence(draw: Draw):
    """There is, il y a."""
    negated = draw.chance(0.25)
    noun = draw.one(draw.words.things)
    determiner, plural = draw.weighted({("a", False): 5, ("bare", True): 2, ("two", True): 3, ("many", True): 1})
    if negated:
        determiner = "bare"
    elif determiner == "two":
        determiner = draw.one(tuple(NUMBERS))
    thing = draw.build(noun, determiner, plural, adjective=draw.adjective(noun), negated=negated)
    where = draw.spot(noun)
    there = Word("there")
    subject = Phrase([there], [Token("il", (there,))], ILS if plural else IL)
    tense = draw.weighted({PRESENT: 6, STATE: 3, FUTURE: 1})
    said = clause(subject, VerbPhrase(BE_WITH_HAVE), tense, negation="not" if negated else "")
    source, target = said.statement()
    if negated:  # "there will be no cat"
        no = next(word for word in source if word.text == "not")
        source.remove(no)
        no.text = "no"
        source.append(no)
    # The French is always "il y a": what is there doesn't count.
    form = getattr(BE_WITH_HAVE.french, {PRESENT: "present", STATE: "imperfect", FUTURE: "future"}[tense])[IL]
    finite = 2 if negated else 1
    target[finite] = Token(form, target[finite].sure, target[finite].possible)
    target.insert(finite, Token("y", (there,)))
    return [*source, *thing.source, *where[0]], [*target, *thing.target, *where[1]]


def feeling(draw: Draw):
    """Be hungry, avoir faim."""
    subject = draw.person(0.75)
    return _say(subject, _felt(draw), draw.weighted({PRESENT: 6, STATE: 3, FUTURE: 1}), negation=_maybe_not(draw))


def _maybe_not(draw):
    return draw.weighted({"": 8, "not": 2, "no longer": 0.5})


def _felt(draw: Draw, feelings=_FEELINGS) -> VerbPhrase:
    phrase = VerbPhrase(BE_WITH_HAVE)
    adjective, noun, gradable = draw.one(feelings)
    felt = Word(adjective)
    if gradable and draw.chance(0.25):
        very = Word("very")
        phrase.source.append(very)
        phrase.target.append(Token("très", (very,)))
    phrase.source.append(felt)
    phrase.target.append(Token(noun, (felt,)))
    return phrase


def age(draw: Draw):
    """Be ten years old, avoir dix ans."""
    subject = draw.person(0.5)
    grown = len(subject.source) > 1
    number, years, old = draw.one(tuple(_AGES)[10:] if grown else tuple(_AGES)), Word("years"), Word("old")
    word = Word(number)
    phrase = VerbPhrase(
        BE_WITH_HAVE, source=[word, years, old], target=[Token(_AGES[number], (word,)), Token("ans", (years,), (old,))]
    )
    return _say(subject, phrase, draw.weighted(_BEING))


def comparison(draw: Draw):
    """Taller than, as tall as."""
    draw.plain = True
    if draw.chance(0.6):
        subject = draw.person()
        options = draw.words.personal
        if draw.chance(0.3):
            pronoun = draw.object_pronoun(frozenset({"person"}), subject)
            word = Word(pronoun.object)
            other = Phrase([word], [Token(pronoun.stressed, (word,))])
        else:
            other = draw.recipient()
    else:
        noun = draw.one([noun for noun in draw.words.described if not noun.mass and "person" not in noun.groups])
        options = draw.words.predicates[noun.english]
        subject = draw.build(noun, draw.one(("the", "this")))
        alike = [one for one in draw.words.described if one.groups & noun.groups and not one.mass and one is not noun]
        if alike and draw.chance(0.5):
            alike = [
                one for one in alike if any(adjective in options for adjective in draw.words.predicates[one.english])
            ]
        rival = draw.one(alike) if alike else noun
        options = [one for one in options if one in draw.words.predicates[rival.english]] or options
        other = draw.build(rival, draw.one(tuple(POSSESSIVES)))
    graded = [one for one in options if one.graded]
    if not graded or {word.text for word in subject.source} == {word.text for word in other.source}:
        return comparison(draw)
    adjective = draw.one(graded)
    phrase = VerbPhrase(BE)
    form = adjective.forms[subject.gender, subject.plural]
    degree = draw.weighted({"more": 5, "as": 2, "less": 1})
    if degree == "as":
        first, word, link = Word("as"), Word(adjective.english), Word("as")
        phrase.source = [first, word, link]
        phrase.target = [Token("aussi", (first,)), Token(form, (word,)), Token("que", (link,))]
    elif degree == "more" and adjective.comparative:
        word, link = Word(adjective.comparative), Word("than")
        phrase.source = [word, link]
        better = {"bon": "meilleur", "bonne": "meilleure", "bons": "meilleurs", "bonnes": "meilleures"}.get(form)
        compared = [Token(better, (word,))] if better else [Token("plus", (), (word,)), Token(form, (word,))]
        phrase.target = [*compared, Token("que", (link,))]
    elif adjective.forms["m", False] == "bon":
        return comparison(draw)
    else:
        much, word, link = Word(degree), Word(adjective.english), Word("than")
        phrase.source = [much, word, link]
        few = "plus" if degree == "more" else "moins"
        phrase.target = [Token(few, (much,)), Token(form, (word,)), Token("que", (link,))]
    phrase.source += other.source
    phrase.target += other.target
    return _say(subject, phrase, draw.weighted({PRESENT: 5, STATE: 1}))


def presentation(draw: Draw):
    """This is my brother, c'est mon frère."""
    noun = draw.one([noun for noun in draw.words.lexicon.nouns if not noun.mass])
    negated = draw.chance(0.25)
    plural = draw.chance(0.3) and ("kin" not in noun.groups or noun.english == "friend")
    if draw.chance(0.2) and not plural:
        thing = draw.possessed(noun if noun.groups & OWNED else draw.one(draw.words.owned))
    else:
        owner = draw.one(tuple(POSSESSIVES))
        determiner = owner if "kin" in noun.groups or draw.chance(0.4) else "bare" if plural else "a"
        thing = draw.build(noun, determiner, plural, adjective=draw.adjective(noun))
    word = Word("these" if plural else "this" if "person" in noun.groups else draw.one(("this", "it")))
    subject = Phrase([word], [Token("ce", (word,))], ILS if plural else IL)
    tense = PRESENT if plural else draw.weighted({PRESENT: 5, STATE: 2})
    return _say(
        subject,
        VerbPhrase(BE, source=thing.source, target=thing.target),
        tense,
        negation="not" if negated else "",
    )


def _add_time(draw, phrase, tense, probability=0.35):
    adverb = draw.time(tense, phrase.verb)
    if adverb and draw.chance(probability):
        phrase.add_adverb(adverb)


def _in_tense(draw: Draw, pool):
    subject, phrase, tense = _anything(draw, pool)
    _add_time(draw, phrase, tense)
    return _say(subject, phrase, tense)


def past(draw: Draw):
    """Ate or has eaten, a mangé."""
    verb = draw.any_verb()
    while "s" in verb.flags:
        verb = draw.any_verb()
    subject = draw.subject(verb)
    phrase = draw.predicate(verb, subject)
    tense = draw.tense(verb, {PAST: 3, PERFECT: 1})
    _add_time(draw, phrase, tense)
    return _say(subject, phrase, tense)


def imperfect(draw: Draw):
    """Was eating or used to eat, mangeait."""
    return _in_tense(draw, {WAS: 3, USED: 2, STATE: 0} if draw.chance(0.8) else {USED: 1})


def future(draw: Draw):
    """Will eat, mangera."""
    return _in_tense(draw, {FUTURE: 1})


def near_future(draw: Draw):
    """Is going to eat, va manger."""
    return _in_tense(draw, {NEAR: 1})


def pluperfect(draw: Draw):
    """Had eaten, avait mangé."""
    verb = draw.any_verb()
    while "s" in verb.flags:
        verb = draw.any_verb()
    subject = draw.subject(verb)
    phrase = draw.predicate(verb, subject)
    if draw.chance(0.2) and "perfect" in draw.words.adverbs:
        phrase.add_adverb(draw.one(draw.words.adverbs["perfect"]))
    return _say(subject, phrase, PLUPERFECT)


def conditional(draw: Draw):
    """Would eat, mangerait, often after "if"."""
    subject, phrase, _ = _anything(draw)
    source, target = _say(subject, phrase, CONDITIONAL)
    if draw.chance(0.3):
        return source, target
    if_word, comma = Word("if"), Word(",")
    supposed, condition, tense = _anything(draw, {STATE: 1})
    if tense != STATE or not supposed.pronoun or condition.verb is phrase.verb:
        supposed = draw.person(0.8)
        condition = VerbPhrase(BE)
        draw.add_adjective(condition, draw.one(draw.words.personal), supposed, 0)
    said = clause(supposed, condition, STATE)
    if condition.verb is BE:
        said.auxiliary.text = "were"
    start_source, start_target = said.statement()
    return (
        [if_word, *start_source, comma, *source],
        [Token("si", (if_word,)), *start_target, Token(",", (comma,)), *target],
    )


def negation(draw: Draw):
    """Not, never, no longer; ne ... pas, jamais, plus."""
    word = draw.weighted({"not": 6, "never": 2, "no longer": 2})
    subject, phrase, tense = _anything(draw, _NEGATED[word], negated=True)
    if tense == STATE and word != "not":
        tense = PRESENT
    if word == "not" and tense == PERFECT and "yet" in draw.words.adverbs and draw.chance(0.4):
        phrase.add_adverb(draw.one(draw.words.adverbs["yet"]))
    return _say(subject, phrase, tense, negation=word)


def question(draw: Draw):
    """Do you see, est-ce que tu vois."""
    verb = draw.any_verb()
    subject = _asked_subject(draw, verb)
    negation = "not" if subject.pronoun and draw.chance(0.1) else ""
    phrase = draw.predicate(verb, subject, negated=bool(negation))
    tense = _asked_tense(draw, verb)
    return _ask(*clause(subject, phrase, tense, asked=True, negation=negation).question())


def _asked_subject(draw, verb):
    if draw.chance(0.7):
        return subject_pronoun(draw.pronoun(draw.one(_SUBJECTS_ASKED)))
    return draw.subject(verb)


def _asked_tense(draw, verb):
    tense = draw.tense(verb, _ASKED)
    return PRESENT if tense == USED else tense


def wh_question(draw: Draw):
    """Where, when, why, how, what, who, which, how many."""
    kind = draw.weighted({"where": 2, "when": 2, "why": 3, "how": 1, "what": 3, "who": 4, "which": 3, "where is": 1})
    return {
        "what": _what,
        "who": _who,
        "which": _which,
        "where is": _where_is,
        "where": _where,
    }.get(kind, lambda draw: _circumstantial(draw, kind))(draw)


def _asked(draw, words, verb, subject, phrase, tense):
    """Put question words before a question."""
    source, target = clause(subject, phrase, tense, asked=True).question()
    return _ask([*words[0], *source], [*words[1], *target])


def _word_pair(text, french):
    word = Word(text)
    return [word], [Token(french, (word,))]


def _circumstantial(draw, kind):
    french = {"when": "quand", "why": "pourquoi", "how": "comment"}[kind]
    verb = draw.any_verb()
    while kind != "why" and ("s" in verb.flags or (kind == "how" and "n" in verb.flags)):
        verb = draw.any_verb()
    subject = _asked_subject(draw, verb)
    phrase = draw.predicate(verb, subject)
    tense = draw.weighted({PAST: 3, FUTURE: 2, NEAR: 1}) if kind == "when" else _asked_tense(draw, verb)
    if kind == "how":
        tense = PAST if tense == PERFECT else tense
    if tense == PAST and verb.english.base == verb.english.past:
        tense = PAST  # "did you read" can't be taken for the present
    return _asked(draw, _word_pair(kind, french), verb, subject, phrase, tense)


def _where(draw):
    options = [verb for verb in draw.words.lexicon.verbs if "p" in verb.flags and verb.frame in ("intr", "trans")]
    options += draw.words.frames["to"] + draw.words.frames.get("live", [])
    verb = draw.one(options)
    subject = _asked_subject(draw, verb)
    moving = verb.frame in ("to", "live")
    phrase = VerbPhrase(verb) if moving else draw.predicate(verb, subject)
    return _asked(draw, _word_pair("where", "où"), verb, subject, phrase, _asked_tense(draw, verb))


def _where_is(draw):
    """Where is the cat, où est le chat: no est-ce que with so short a verb."""
    subject, _ = _whereabouts(draw)
    word = Word("where")
    tense = draw.weighted({PRESENT: 3, STATE: 1})
    said = clause(subject, VerbPhrase(BE), tense)
    if subject.pronoun:
        subject_words = [Token(f"-{token.text}", token.sure, token.possible) for token in subject.target]
    else:
        subject_words = subject.target
    source = [word, said.auxiliary, *subject.source]
    return _ask(source, [Token("où", (word,)), *said.target, *subject_words])


def _what(draw):
    options = [
        verb for verb in draw.words.transitive if any("person" not in n.groups for n in draw.words.objects[verb])
    ]
    verb = draw.one(options)
    subject = _asked_subject(draw, verb)
    return _asked(draw, _word_pair("what", "que"), verb, subject, VerbPhrase(verb), _asked_tense(draw, verb))


def _who(draw):
    kind = draw.weighted({"subject": 3, "object": 2, "to": 1})
    if kind == "subject":
        word = Word("who")
        verb = draw.any_verb()
        who = Phrase([word], [Token("qui", (word,))], IL)
        phrase = draw.predicate(verb, who)
        return _ask(*_say(who, phrase, draw.tense(verb, _ANY)))
    if kind == "object":
        verb = draw.one([verb for verb in draw.words.transitive if "person" in verb.groups])
        subject = _asked_subject(draw, verb)
        return _asked(draw, _word_pair("who", "qui"), verb, subject, VerbPhrase(verb), _asked_tense(draw, verb))
    verb = draw.one(draw.words.frames["dat"])
    subject = _asked_subject(draw, verb)
    who = Word("who")
    said = clause(subject, VerbPhrase(verb), _asked_tense(draw, verb), asked=True).question()
    particles = [word for word in said[0] if word.text in verb.english.particles]
    to = Token("à", tuple(particles), () if particles else (who,))
    return _ask([who, *said[0]], [to, Token("qui", (who,)), *said[1]])


def _which(draw):
    verb = draw.one(draw.words.transitive)
    subject = _asked_subject(draw, verb)
    noun = draw.one([noun for noun in draw.words.objects[verb] if "kin" not in noun.groups] or draw.words.objects[verb])
    if noun.mass:
        determiner, plural = "which", False
    else:
        determiner, plural = draw.weighted({("which", False): 3, ("which", True): 1, ("how many", True): 3})
    adjective = draw.adjective(noun, 0.1) if determiner == "which" else None
    asked = draw.build(noun, determiner, plural, adjective=adjective)
    phrase = VerbPhrase(verb, agreement=(noun.gender, plural))
    return _asked(draw, (asked.source, asked.target), verb, subject, phrase, _asked_tense(draw, verb))


def modal(draw: Draw):
    """Can, must, want to ... with an infinitive."""
    verb, tense, word, to, negatable = draw.one(_MODALS)
    subject = draw.person(0.7)
    inner = draw.any_verb()
    while "s" in inner.flags:
        inner = draw.any_verb()
    negation = "not" if negatable and draw.chance(0.2) else ""
    phrase = _governing(draw, verb, word, to, inner, subject, negated=bool(negation))
    if not negation and word != "could" and draw.chance(0.2):
        return _ask(*clause(subject, phrase, tense, asked=True).question())
    return _say(subject, phrase, tense, negation=negation)


def _governing(draw, verb, word, to, inner, subject, *, negated):
    """Put an infinitive after a modal verb, with its pronouns before it."""
    source, target = infinitive(draw.predicate(inner, subject, negated=negated, pronouns=0.5), subject.person)
    if word:
        return VerbPhrase(verb, source=source, target=target, modal=word)
    mark = Word("to")
    if to:
        target = [Token(to, (mark,)), *target]
    else:
        place = next(place for place, token in enumerate(target) if token.text == inner.french.infinitive)
        target[place] = Token(target[place].text, target[place].sure, (mark,))
    return VerbPhrase(verb, source=[mark, *source], target=target)


def order(draw: Draw):
    """Look at him, regarde-le; vous and "let us" too."""
    verb = draw.any_verb({"trans": 10, "intr": 3, "give": 4, "refl": 3, "dat": 2})
    while "s" in verb.flags or verb.french.infinitive in _NO_ORDER:
        verb = draw.any_verb({"trans": 10, "intr": 3, "give": 4, "refl": 3, "dat": 2})
    negated = draw.chance(0.25)
    if draw.chance(0.35):
        draw.address = draw.one(ADDRESSES)
    person = VOUS if draw.address else draw.weighted({TU: 5, NOUS: 1})
    spoken = subject_pronoun(draw.pronoun("you" if person != NOUS else "we"))
    if verb.frame == "give" and draw.chance(0.3):
        phrase = draw.gift(verb, spoken, thing="pronoun", person="pronoun")
    else:
        phrase = draw.predicate(verb, spoken, negated=negated, pronouns=0.5)
    source, target = imperative(phrase, person, negated=negated)
    if person == TU and draw.chance(0.2):
        please = Word("please")
        source = [please, *source]
        target += [
            Token("si", (), (please,)),
            Token("il", (), (please,)),
            Token("te", (), (please,)),
            Token("plaît", (please,)),
        ]
    return _order(*_called(draw, source, target))


def _called(draw, source, target):
    """Put the words for whom the sentence speaks to before it or after it."""
    if not draw.address:
        return source, target
    comma, (words, french) = Word(","), draw.called()
    if draw.chance(0.5):
        return [*words, comma, *source], [*french, Token(",", (comma,)), *target]
    return [*source, comma, *words], [*target, Token(",", (comma,)), *french]


def vocative(draw: Draw):
    """You is vous, because sir, madam, my friends or children are spoken to."""
    draw.address = draw.one(ADDRESSES)
    subject = subject_pronoun(draw.pronoun("you"))
    if draw.chance(0.2):
        phrase = VerbPhrase(BE)
        draw.add_adjective(phrase, draw.one(draw.words.personal), subject)
        asked = draw.chance(0.4)
        said = clause(subject, phrase, draw.weighted({PRESENT: 3, STATE: 1}), asked=asked)
    else:
        verb = draw.any_verb()
        asked = draw.chance(0.5)
        tense = _asked_tense(draw, verb) if asked else draw.tense(verb, _ANY)
        said = clause(subject, draw.predicate(verb, subject), tense, asked=asked)
    if asked:
        return _ask(*_called(draw, *said.question()))
    return _called(draw, *said.statement())


def adverb(draw: Draw):
    """Often, tomorrow, well, slowly ..."""
    verb = draw.any_verb()
    subject = draw.subject(verb)
    phrase = draw.predicate(verb, subject)
    kinds = draw.words.adverbs
    options = ["mid", "time"]
    if "manner" in kinds and "m" in verb.flags:
        options += ["manner", "manner"]
    if "skill" in kinds and "k" in verb.flags and verb.frame in ("intr", "speak"):
        options += ["skill", "skill"]
    if "place" in kinds and "p" in verb.flags and verb.frame != "give":
        options.append("place")
    if "together" in kinds and subject.plural and verb.frame in ("intr", "to"):
        options += ["together", "together"]
    if "degree" in kinds and "s" in verb.flags:
        options += ["degree", "degree"]
    if "perfect" in kinds and "s" not in verb.flags:
        options.append("perfect")
    kind = draw.one(options)
    if kind == "mid" and "mid" in kinds:
        tense = draw.tense(verb, {PRESENT: 4, FUTURE: 1, PERFECT: 1})
        phrase.add_adverb(draw.one(kinds["mid"]))
    elif kind in ("mid", "time"):
        tense = draw.tense(verb, {PRESENT: 1, PROGRESSIVE: 2, PAST: 2, FUTURE: 2, NEAR: 1})
        time = draw.time(tense, verb)
        if time is None:
            return adverb(draw)
        phrase.add_adverb(time)
    else:
        tense = PERFECT if kind == "perfect" else draw.tense(verb, {PRESENT: 3, PROGRESSIVE: 2, PAST: 2, FUTURE: 1})
        phrase.add_adverb(draw.one(kinds[kind]))
    return _say(subject, phrase, tense)


def possessor(draw: Draw):
    """Paul 's book, le livre de paul."""
    verb = draw.one([verb for verb in draw.words.transitive if "g" not in verb.flags])
    owned = [noun for noun in draw.words.objects[verb] if noun.groups & _BELONGING and not noun.mass]
    if not owned or draw.chance(0.3):
        noun = draw.one(draw.words.owned)
        subject = draw.possessed(noun, draw.chance(0.2))
        phrase = VerbPhrase(BE)
        draw.add_adjective(phrase, draw.one(draw.words.predicates[noun.english]), subject)
        return _say(subject, phrase, draw.weighted(_BEING))
    thing = draw.possessed(draw.one(owned), draw.chance(0.2))
    return _say(draw.subject(verb), VerbPhrase(verb, source=thing.source, target=thing.target), draw.tense(verb, _ANY))


def relative(draw: Draw):
    """The book that i read, le livre que je lis; the man who sleeps, l'homme qui dort."""
    head, adjectives, groups = _relative_head(draw)
    if draw.chance(0.6):
        phrase = VerbPhrase(BE)
        draw.add_adjective(phrase, draw.one(adjectives), head, 0.1)
        return _say(head, phrase, draw.weighted({PRESENT: 5, STATE: 1}))
    verbs = [verb for verb in draw.words.transitive if verb.groups & groups and "g" not in verb.flags]
    if not verbs:
        return relative(draw)
    verb = draw.one(verbs)
    return _say(draw.subject(verb), VerbPhrase(verb, source=head.source, target=head.target), draw.tense(verb, _TOLD))


def _relative_head(draw):
    """Draw a noun with a relative clause, adjectives for it, and its groups."""
    words = draw.words
    if draw.chance(0.4):
        noun = draw.one([noun for noun in words.groups["person"] if "kin" not in noun.groups])
        head = draw.build(noun, draw.one(("the", "the", "this")), draw.chance(0.25))
        who = Word("who")
        subject = Phrase([who], [Token("qui", (who,))], head.person, head.gender, head.plural)
        verb = draw.any_verb()
        said = _say(subject, draw.predicate(verb, subject), draw.tense(verb, _TOLD))
    else:
        verb = draw.one([verb for verb in words.transitive if "g" not in verb.flags])
        nouns = [noun for noun in words.objects[verb] if words.predicates[noun.english] and "kin" not in noun.groups]
        if not nouns:
            return _relative_head(draw)
        noun = draw.one(nouns)
        head = draw.build(noun, draw.one(("the", "the", "this")), not noun.mass and draw.chance(0.3))
        that = Word("that")
        phrase = VerbPhrase(verb, agreement=(head.gender, head.plural))
        subject = draw.subject(verb)
        if {noun.english, noun.english_plural} & {word.text for word in subject.source}:
            return _relative_head(draw)
        source, target = _say(subject, phrase, draw.tense(verb, _TOLD))
        said = [that, *source], [Token("que", (that,)), *target]
    head = Phrase(
        [*head.source, *said[0]], [*head.target, *said[1]], head.person, head.gender, head.plural, noun.groups
    )
    return head, words.predicates[noun.english], noun.groups


def that_clause(draw: Draw):
    """I think that, je pense que."""
    verb = draw.one(draw.words.frames["that"])
    subject = draw.person(0.75)
    hoping = verb.french.infinitive == "espérer"
    if hoping or draw.chance(0.7):
        said = _say(*_anything(draw, {FUTURE: 1} if hoping else _ANY))
    else:
        inner, adjective = _described(draw)
        phrase = VerbPhrase(BE)
        draw.add_adjective(phrase, adjective, inner)
        said = _say(inner, phrase, draw.weighted(_BEING))
    that = Word("that")
    return _say(subject, VerbPhrase(verb, source=[that, *said[0]], target=[Token("que", (that,)), *said[1]]), PRESENT)


def because(draw: Draw):
    """He sleeps because he is tired, il dort parce qu'il est fatigué."""
    verb = draw.any_verb({"intr": 4, "trans": 5, "refl": 2, "to": 1})
    who = draw.one(("i", "you", "he", "she", "we", "they"))
    subject = subject_pronoun(draw.pronoun(who))
    name = draw.name() if who in ("he", "she") and draw.chance(0.4) else None
    if name and name.gender == subject.gender:
        subject = name
    past = draw.chance(0.4)
    tense = draw.tense(verb, {PAST: 1} if past else _NOW)
    tense = PERFECT if past and tense == PRESENT else tense
    first = _say(subject, draw.predicate(verb, subject), tense)
    same = subject_pronoun(draw.pronoun(who))
    reason = _felt(draw, _FEELINGS[:6])
    if draw.chance(0.5):
        reason = VerbPhrase(BE)
        draw.add_adjective(reason, draw.one(draw.words.moods), same)
    second = _say(same, reason, STATE if past else PRESENT)
    word = Word("because")
    return [*first[0], word, *second[0]], [*first[1], Token("parce", (word,)), Token("que", (), (word,)), *second[1]]


def coordination(draw: Draw):
    """Buys an apple and eats it, achète une pomme et la mange."""
    first, second, nouns = draw.one(_chains(draw.words))
    noun = draw.one(nouns)
    subject = draw.person(0.5)
    thing = draw.object_phrase(noun)
    person = "person" in noun.groups
    pronoun = draw.pronoun("they" if thing.plural else ("she" if noun.gender == "f" else "he") if person else "it")
    word, link = Word(pronoun.object), Word("and")
    direct = "les" if thing.plural else "la" if noun.gender == "f" else "le"
    again = VerbPhrase(second, [Token(direct, (word,))], [word], agreement=(noun.gender, thing.plural))
    tense = PAST if draw.chance(0.5) else PRESENT
    if any(verb.english.base == verb.english.past for verb in (first, second)):
        tense = PRESENT
    source, target = _say(subject, VerbPhrase(first, source=thing.source, target=thing.target), tense)
    more_source, more_target = _say(subject, again, tense, silent=True)
    return [*source, link, *more_source], [*target, Token("et", (link,)), *more_target]


def _chains(words):
    """Return pairs of verbs with the nouns that both can have, worked out once for a lexicon."""
    if not hasattr(words, "chains"):
        verbs = [verb for verb in words.transitive if "s" not in verb.flags]
        found = []
        for first in verbs:
            after = ONE_AFTER_THE_OTHER.get(first.french.infinitive, "").split()
            for second in verbs:
                nouns = [noun for noun in words.objects[first] if noun in words.objects[second]]
                if second.french.infinitive in after and nouns:
                    found.append((first, second, nouns))
        words.chains = found
    return words.chains
