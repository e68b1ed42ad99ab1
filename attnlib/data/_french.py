"""French forms: conjugation, plurals, feminines, and what happens where two words meet.

Forms that depend on the next word are written in capitals until the sentence is complete: the articles ``LE LA LES``
(which ``de`` and ``à`` swallow, as they never do with the pronouns le, la, les), ``CE``, ``MA TA SA``, and the
adjectives ``BEAU NOUVEAU VIEUX`` in front of their noun. :func:`meet` then writes all of them out.
"""

from collections.abc import Sequence
from typing import NamedTuple

# The order of persons everywhere here and in the grammar is je, tu, il, nous, vous, ils.
_IMPERFECT = ("ais", "ais", "ait", "ions", "iez", "aient")
_FUTURE = ("ai", "as", "a", "ons", "ez", "ont")
_ER = ("e", "es", "e", "ons", "ez", "ent")
_IR = ("is", "is", "it", "issons", "issez", "issent")
_RE = ("s", "s", "", "ons", "ez", "ent")

_BEFORE_VOWEL = {
    **{word: word[:-1] + "'" for word in ("je", "me", "te", "se", "le", "la", "ne", "que", "de", "ce")},
    "LE": "l'",
    "LA": "l'",
    "CE": "cet",
    "MA": "mon",
    "TA": "ton",
    "SA": "son",
    "BEAU": "bel",
    "NOUVEAU": "nouvel",
    "VIEUX": "vieil",
}
_SWALLOWED = {("de", "LE"): "du", ("de", "LES"): "des", ("à", "LE"): "au", ("à", "LES"): "aux"}
_VOWELS = frozenset("aàâeéèêiîïoôuùûyœ")
_ASPIRATED = ("haricot", "hibou", "hérisson", "hamster", "héros", "hache", "harpe", "huit")
_X_PLURALS = {"hibou", "genou", "bijou"}
_WITH_ETRE = {"aller", "arriver", "partir", "venir", "revenir", "sortir", "entrer", "rester", "tomber", "retourner"}

# Infinitive: the present, what the future ending is put to, the past participle; the imperative where it differs.
_IRREGULAR = {
    "être": ("suis es est sommes êtes sont", "ser", "été", "sois soyons soyez"),
    "avoir": ("ai as a avons avez ont", "aur", "eu", "aie ayons ayez"),
    "aller": ("vais vas va allons allez vont", "ir", "allé", "va allons allez"),
    "faire": ("fais fais fait faisons faites font", "fer", "fait"),
    "dire": ("dis dis dit disons dites disent", "dir", "dit"),
    "voir": ("vois vois voit voyons voyez voient", "verr", "vu"),
    "croire": ("crois crois croit croyons croyez croient", "croir", "cru"),
    "boire": ("bois bois boit buvons buvez boivent", "boir", "bu"),
    "lire": ("lis lis lit lisons lisez lisent", "lir", "lu"),
    "courir": ("cours cours court courons courez courent", "courr", "couru"),
    "savoir": ("sais sais sait savons savez savent", "saur", "su", "sache sachons sachez"),
    "pouvoir": ("peux peux peut pouvons pouvez peuvent", "pourr", "pu"),
    "vouloir": ("veux veux veut voulons voulez veulent", "voudr", "voulu", "veuille veuillons veuillez"),
    "devoir": ("dois dois doit devons devez doivent", "devr", "dû"),
    "recevoir": ("reçois reçois reçoit recevons recevez reçoivent", "recevr", "reçu"),
    "suivre": ("suis suis suit suivons suivez suivent", "suivr", "suivi"),
    "envoyer": ("envoie envoies envoie envoyons envoyez envoient", "enverr", "envoyé", "envoie envoyons envoyez"),
}

# Ending of the infinitive: of the present, the future and the participle, for families of irregular verbs.
_FAMILIES = {
    "prendre": ("prends prends prend prenons prenez prennent", "prendr", "pris"),
    "écrire": ("écris écris écrit écrivons écrivez écrivent", "écrir", "écrit"),
    "venir": ("viens viens vient venons venez viennent", "viendr", "venu"),
    "dormir": ("dors dors dort dormons dormez dorment", "dormir", "dormi"),
    "partir": ("pars pars part partons partez partent", "partir", "parti"),
    "sortir": ("sors sors sort sortons sortez sortent", "sortir", "sorti"),
    "ouvrir": ("ouvre ouvres ouvre ouvrons ouvrez ouvrent", "ouvrir", "ouvert", "ouvre ouvrons ouvrez"),
    "offrir": ("offre offres offre offrons offrez offrent", "offrir", "offert", "offre offrons offrez"),
    "connaître": ("connais connais connaît connaissons connaissez connaissent", "connaîtr", "connu"),
    "rire": ("ris ris rit rions riez rient", "rir", "ri"),
    "uire": ("uis uis uit uisons uisez uisent", "uir", "uit"),
    "eindre": ("eins eins eint eignons eignez eignent", "eindr", "eint"),
}


class FrenchVerb(NamedTuple):
    """All forms of a verb that the grammar uses; the persons are in the order je, tu, il, nous, vous, ils."""

    infinitive: str
    present: tuple[str, ...]
    imperfect: tuple[str, ...]
    future: tuple[str, ...]
    conditional: tuple[str, ...]
    imperative: dict[int, str]
    participle: str
    with_etre: bool
    reflexive: bool


def french_verb(entry: str) -> FrenchVerb:
    """Conjugate an infinitive; ``"se lever"`` and ``"s'amuser"`` are reflexive."""
    infinitive = entry.removeprefix("se ").removeprefix("s'")
    reflexive = infinitive != entry
    present, future, participle, imperative = _principal_parts(infinitive)
    stem = "ét" if infinitive == "être" else present[3].removesuffix("ons")
    imperfect = tuple(_soft(stem, ending) + ending for ending in _IMPERFECT)
    return FrenchVerb(
        infinitive,
        present,
        imperfect,
        tuple(future + ending for ending in _FUTURE),
        tuple(future + ending for ending in _IMPERFECT),
        imperative,
        participle,
        reflexive or infinitive in _WITH_ETRE,
        reflexive,
    )


def agreed(participle: str, gender: str, plural: bool) -> str:
    """Return a participle or a regular adjective in a gender and number."""
    form = participle.replace("dû", "du") + "e" if gender == "f" else participle
    return form + "s" if plural and not form.endswith(("s", "x")) else form


def french_plural(word: str) -> str:
    """Return the plural of a noun or a masculine adjective, by rule.

    Examples
    --------
    >>> [french_plural(word) for word in ("chat", "cheval", "gâteau", "souris", "hibou", "travail")]
    ['chats', 'chevaux', 'gâteaux', 'souris', 'hiboux', 'travaux']
    """
    if word.endswith(("s", "x", "z")):
        return word
    if (word.endswith(("eau", "eu")) and word != "bleu") or word in _X_PLURALS:
        return word + "x"
    if word.endswith("al"):
        return word[:-1] + "ux"
    return "travaux" if word == "travail" else word + "s"


def starts_with_vowel_sound(word: str) -> bool:
    """Tell whether je, le, de and their like are cut before the word: before vowels and a mute h.

    Examples
    --------
    >>> [starts_with_vowel_sound(word) for word in ("ami", "homme", "haricots", "chat")]
    [True, True, False, False]
    """
    first = word[0].lower()
    return first in _VOWELS or (first == "h" and not word.startswith(_ASPIRATED))


def meet(words: Sequence[str]) -> list[tuple[str, int]]:
    """Write out words that depend on their neighbours: elision, contraction, bel and mon before a vowel.

    Returns
    -------
    list of (word, number)
        Each word as it is written, and how many of the given words it stands for.

    Examples
    --------
    >>> meet(["je", "aime", "LE", "BEAU", "arbre", "de", "LE", "roi"])
    [("j'", 1), ('aime', 1), ('le', 1), ('bel', 1), ('arbre', 1), ('du', 2), ('roi', 1)]
    """
    written, place = [], 0
    while place < len(words):
        word = words[place]
        after = words[place + 1] if place + 1 < len(words) else "."
        if (word, after) in _SWALLOWED and not (after == "LE" and starts_with_vowel_sound(words[place + 2])):
            written.append((_SWALLOWED[word, after], 2))
            place += 2
            continue
        if word in _BEFORE_VOWEL and starts_with_vowel_sound(after):
            word = _BEFORE_VOWEL[word]
        elif word == "si" and after in ("il", "ils"):
            word = "s'"
        written.append((word.lower(), 1))
        place += 1
    return written


def _principal_parts(infinitive: str) -> tuple[tuple[str, ...], str, str, dict[int, str]]:
    """Return the present, the stem of the future, the participle and the imperative."""
    parts = _irregular_parts(infinitive) or _regular_parts(infinitive)
    present = tuple(parts[0].split())
    if len(parts) == 4:
        imperative = parts[3].split()
    else:
        # Verbs in -er lose the s of "tu".
        imperative = [present[1][:-1] if infinitive.endswith("er") else present[1], present[3], present[4]]
    return present, parts[1], parts[2], dict(zip((1, 3, 4), imperative, strict=True))


def _irregular_parts(infinitive: str) -> tuple[str, ...] | None:
    if infinitive in _IRREGULAR:
        return _IRREGULAR[infinitive]
    for ending, parts in _FAMILIES.items():
        if infinitive.endswith(ending):
            start = infinitive[: -len(ending)]
            present, *rest = parts
            return (_joined(start, present.split()), start + rest[0], start + rest[1], *_imperative_of(start, rest[2:]))
    return None


def _imperative_of(start: str, imperative: Sequence[str]) -> list[str]:
    return [_joined(start, forms.split()) for forms in imperative]


def _regular_parts(infinitive: str) -> tuple[str, ...]:
    stem, ending = infinitive[:-2], infinitive[-2:]
    if ending == "ir":
        return _joined(stem, _IR), infinitive, stem + "i"
    if ending == "re":
        return _joined(stem, _RE), infinitive[:-1], stem + "u"
    strong = _strong(stem)
    present = [(strong if place in (0, 1, 2, 5) else _soft(stem, end)) + end for place, end in enumerate(_ER)]
    # préférer keeps its é in the future; acheter, appeler and nettoyer don't keep their weak stem.
    future = infinitive if _closed_e(stem) else strong + "er"
    return " ".join(present), future, stem + "é"


def _joined(start: str, endings: Sequence[str]) -> str:
    return " ".join(start + ending for ending in endings)


def _soft(stem: str, ending: str) -> str:
    """Keep the sound of g and c before a and o."""
    if ending[0] in "ao":
        return stem + "e" if stem.endswith("g") else stem[:-1] + "ç" if stem.endswith("c") else stem
    if stem.endswith("ge") and ending[0] == "i":
        return stem[:-1]
    return stem[:-1] + "c" if stem.endswith("ç") else stem


def _strong(stem: str) -> str:
    """Return the stem of an -er verb where a silent ending follows it."""
    if stem.endswith(("oy", "uy", "ay")):
        return stem[:-1] + "i"
    if stem.endswith(("appel", "jet")):
        return stem + stem[-1]
    if _closed_e(stem):
        place = stem.rindex("é")
        return stem[:place] + "è" + stem[place + 1 :]
    if len(stem) > 2 and stem[-2] == "e" and stem[-1] in "tvnls" and stem not in ("arrêt", "prêt"):
        return stem[:-2] + "è" + stem[-1]
    return stem


def _closed_e(stem: str) -> bool:
    """Tell whether the stem's last vowel is é followed by one consonant: préfér-, espér-, protég-, répét-."""
    return len(stem) > 2 and stem[-2] == "é" and stem[-1] in "rtglmdc"
