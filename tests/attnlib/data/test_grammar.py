"""The grammar, read by a French teacher: rules with word lists of their own, which share nothing with the generator."""

import pickle
import re
import subprocess
import sys
from collections import Counter

import pytest
import torch

from attnlib.data import grammar
from attnlib.data.grammar import CONSTRUCTIONS, LEAST_LEMMAS, grammar_pairs
from attnlib.data.pairs import check_pair, texts
from attnlib.data.tokens import tokenize

DRAWN = """
import json, pickle, re, sys
from attnlib.data import grammar
from attnlib.data.grammar import CONSTRUCTIONS, LEAST_LEMMAS, grammar_pairs

def as_many_as_there_are(count, **limits):
    try:
        return grammar_pairs(count, **limits)
    except ValueError as error:
        return grammar_pairs(int(re.search(r"after (\\d+)", str(error))[1]), **limits)

sizes = {"transitive": 2000, "possessor": 1500, "negation": 2000, "copula": 1500, "presentation": 1000, "past": 3000}
sizes |= {"pluperfect": 2500, "relative": 2500, "wh_question": 3000, "future": 2500, "imperfect": 2500}
sizes |= {"conditional": 2500, "modal": 1000, "vocative": 1000, "coordination": 500, "imperative": 800}
many = grammar_pairs(100_000, seed=1)
pickle.dump({
    "constructions": {n: grammar_pairs(sizes.get(n, 300), seed=7, constructions=[n]) for n in CONSTRUCTIONS},
    "small": [grammar_pairs(8_000, seed=seed, lemmas=60) for seed in (2, 3)],
    "basic": {
        n: as_many_as_there_are(2500, seed=0, constructions=[n], lemmas=LEAST_LEMMAS) for n in CONSTRUCTIONS
    },
    "mixed": grammar_pairs(12_000, seed=10),
    "many": (len({(pair.source, pair.target) for pair in many}), {w for p in many for w in p.source}),
}, sys.stdout.buffer)
"""
"""Draws what is read here in a process of its own, where the slow checks of annotations are off."""


@pytest.fixture(scope="module")
def drawn():
    return pickle.loads(subprocess.run([sys.executable, "-c", DRAWN], check=True, capture_output=True).stdout)


@pytest.fixture(scope="module")
def by_construction(drawn):
    return drawn["constructions"]


@pytest.fixture(scope="module")
def pairs(by_construction):
    return [pair for pairs in by_construction.values() for pair in pairs]


def words(text):
    return frozenset(text.split())


def raises(message, error=ValueError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def shown(pair):
    return f"{' '.join(pair.source)} -> {' '.join(pair.target)}"


def linked(pair, english, links="sure"):
    """Return the French words that an English word is linked with."""
    place = pair.source.index(english)
    return [pair.target[j] for i, j in sorted(getattr(pair, links)) if i == place]


# What is made


def test_the_running_example():
    found = grammar_pairs(150, seed=0, constructions=["object_pronoun"], lemmas=LEAST_LEMMAS)
    pair = next(pair for pair in found if pair.source == ("i", "love", "you"))
    assert pair.target == ("je", "t'", "aime")
    assert pair.sure == {(0, 0), (1, 2), (2, 1)}


def test_a_hundred_thousand_different_pairs(drawn):
    assert drawn["many"][0] == 100_000


def test_an_english_sentence_has_one_translation(drawn, pairs):
    translations = {pair.source: pair.target for pair in drawn["small"][0]}
    common = [pair for pair in drawn["small"][1] if pair.source in translations]
    assert len(common) > 1000
    for pair in common:
        assert translations[pair.source] == pair.target, shown(pair)


def test_the_seed_decides():
    first = grammar_pairs(50, seed=4)
    assert grammar_pairs(50, seed=4) == first
    assert grammar_pairs(80, seed=4)[:50] == first
    assert grammar_pairs(50, seed=5) != first
    rng = torch.Generator().manual_seed(4)
    assert grammar_pairs(50, seed=rng) == first
    assert grammar_pairs(50, seed=rng) != first


def test_global_randomness_is_left_alone():
    before = torch.get_rng_state()
    grammar_pairs(5, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_constructions_are_described_and_differ(by_construction):
    assert len(CONSTRUCTIONS) >= 25
    for name, explanation in CONSTRUCTIONS.items():
        assert explanation
        assert len({pair.source for pair in by_construction[name]}) == len(by_construction[name]) >= 300
    mixed = grammar_pairs(200, seed=0, constructions=["question", "imperative", "question"])
    assert {pair.source[-1] for pair in mixed} == {"?", "!"}


@pytest.mark.parametrize("lemmas", [LEAST_LEMMAS, 60, 150])
def test_a_small_lexicon_has_every_construction(lemmas):
    for name in CONSTRUCTIONS:
        for pair in grammar_pairs(10, seed=0, constructions=[name], lemmas=lemmas):
            check_pair(pair)


def test_lemmas_limit_the_words(drawn):
    basic = {word for pairs in drawn["basic"].values() for pair in pairs for word in pair.source}
    small = {word for pair in drawn["small"][0] for word in pair.source}
    assert len(basic) < len(small) < 260
    assert len(drawn["many"][1]) > 800


def test_max_words_limits_both_sides():
    short = grammar_pairs(500, seed=0, max_words=6)
    assert max(max(len(pair.source), len(pair.target)) for pair in short) == 6


# Bad requests


def test_too_many_pairs(monkeypatch):
    monkeypatch.setattr(grammar, "_DRAWS_IN_VAIN", 300)
    number = r"^asked for 5000 pairs, but after \d+ there were 300 draws without a new one; "
    with pytest.raises(ValueError, match=number + "relax constructions or lemmas or max_words, or ask for fewer$"):
        grammar_pairs(5000, seed=0, constructions=["two_pronouns"], lemmas=LEAST_LEMMAS, max_words=5)
    with pytest.raises(ValueError, match=number + "relax max_words, or ask for fewer$"):
        grammar_pairs(5000, seed=0, max_words=1)


def test_bad_arguments(unchecked):
    with pytest.raises(ValueError, match="count"):
        grammar_pairs(0, seed=0)
    with pytest.raises(TypeError, match="count"):
        grammar_pairs(1.5, seed=0)
    with pytest.raises(TypeError, match="seed"):
        grammar_pairs(1, seed="x")
    with pytest.raises(ValueError, match=r"^constructions must be among intransitive, .*, got 'passive'$"):
        grammar_pairs(1, seed=0, constructions=["passive"])
    with raises("constructions must be several names, got one string; write ['past']", TypeError):
        grammar_pairs(1, seed=0, constructions="past")
    with pytest.raises(ValueError, match="at least one"):
        grammar_pairs(1, seed=0, constructions=[])
    with pytest.raises(ValueError, match=rf"^lemmas must be from {LEAST_LEMMAS} to \d+, the whole lexicon, got 10$"):
        grammar_pairs(1, seed=0, lemmas=10)
    with pytest.raises(ValueError, match="lemmas must be from"):
        grammar_pairs(1, seed=0, lemmas=100_000)
    with pytest.raises(TypeError, match="lemmas"):
        grammar_pairs(1, seed=0, lemmas="60")
    with pytest.raises(ValueError, match="max_words"):
        grammar_pairs(1, seed=0, max_words=0)


# Alignments

FUNCTION_FRENCH = words(
    """
    ne n' est -ce que qu' de d' du des le la les l' se s' me m' te t' nous vous -toi -nous -vous à au aux un une
    ai as a avons avez ont suis es sommes êtes sont avais avait avions aviez avaient étais était étions étiez
    étaient vais vas va allons allez vont si il plaît plus y
    """
)
FUNCTION_ENGLISH = words(
    """
    do does did am is are was were will would to used going have has had a an the 's some there years old no let
    us of in on at for up
    """
)


def test_every_word_of_every_pair_is_linked(pairs):
    for pair in pairs:
        check_pair(pair)
        assert {i for i, _ in pair.possible} == set(range(len(pair.source))), shown(pair)
        assert {j for _, j in pair.possible} == set(range(len(pair.target))), shown(pair)


def test_every_content_word_has_a_sure_link(pairs):
    for pair in pairs:
        french = {j for _, j in pair.sure}
        english = {i for i, _ in pair.sure}
        for j, word in enumerate(pair.target):
            assert j in french or word in FUNCTION_FRENCH, f"{word}: {shown(pair)}"
        for i, word in enumerate(pair.source):
            assert i in english or word in FUNCTION_ENGLISH, f"{word}: {shown(pair)}"


DICTIONARY = {
    "cat": "chat chats",
    "book": "livre",
    "book's": "",
    "sister": "sœur",
    "not": "pas",
    "never": "jamais",
    "where": "où",
    "why": "pourquoi",
    "because": "parce",
    "and": "et",
    "if": "si s'",
    "tomorrow": "demain",
    "often": "souvent",
    "small": "petit petite petits petites",
    "red": "rouge rouges",
    "him": "le l' lui -le -lui",
    "them": "les leur eux -les -leur",
    "me": "me m' -moi moi",
    "i": "je j' -je",
    "she": "elle -elle",
    "this": "ce cet cette c'",
    "?": "?",
    ",": ",",
    "my": "mon ma mes",
    "sir": "monsieur",
    "with": "avec",
}


def test_sure_links_say_what_a_dictionary_says(pairs):
    met = Counter()
    for pair in pairs:
        for i, j in pair.sure:
            if pair.source[i] in DICTIONARY:
                assert pair.target[j] in DICTIONARY[pair.source[i]].split(), shown(pair)
                met[pair.source[i]] += 1
    assert set(met) >= set(DICTIONARY) - {"book's", "small", "red", "cat", "book", "often", "tomorrow"}


# English


def test_a_and_an(pairs):
    for pair in pairs:
        for word, after in zip(pair.source, pair.source[1:], strict=False):
            vowel = after[0] in "aeiou" and after not in ("university", "uniform", "useful")
            if word in ("a", "an"):
                assert (word == "an") == vowel, shown(pair)


def test_the_third_person_and_auxiliaries(pairs):
    wrong = re.compile(
        r"\b(he|she) (eat|see|love|want|give|like|speak|go|do|have|am|are|were|write|sing|watch|know|need)\b"
        r"|\b(i|you|we|they) (eats|sees|loves|wants|gives|likes|speaks|goes|does|has|is|writes|sings|watches|knows)\b"
        r"|\b(i|he|she) are\b|\b(you|we|they) (am|is|was)\b|\bi is\b"
        r"|\b(does|did|do|will|would|can|must|should) (not |never )?(he |she |they |we |you )?\w+(ed|ought|ang)\b(?! )"
    )
    for pair in pairs:
        sentence = " ".join(pair.source)
        if not {"if", "who", "that", "because"} & set(pair.source):
            asked = re.sub(
                r"\b(do|does|did|will|would|can|must|should) (i|you|he|she|we|they) (not )?\w+", "", sentence
            )
            assert not wrong.search(asked), sentence


IRREGULAR_ENGLISH = words(
    """
    eated seed gived goed writed readed speaked sleeped buyed thinked finded taked singed sended runned weared
    sayed maked comed understanded haved meeted telled losed chooseed leaved falled heared breaked selled swimed
    drawed lended bringed forgeted hided cuted builded drived keeped throwed catched studyed carryed prefered
    hurryed stoped runing swiming geting cuting forgeting writeing makeing haveing loveing comeing diing mans
    womans childs knifes scarfs shelfs wolfs mouses familys storys babys churchs watchs dresss boxs tomatos
    heros buss classs gos dos haves studys carrys washs watchs
    """
)


def test_no_regular_form_of_an_irregular_word(pairs):
    words = {word for pair in pairs for word in pair.source}
    assert not words & IRREGULAR_ENGLISH
    assert {"ate", "went", "seen", "gave", "children", "writing", "running", "watches"} <= words


def test_questions_have_an_auxiliary_first(by_construction):
    first = {pair.source[0] for pair in by_construction["question"]}
    assert first <= {"do", "does", "did", "will", "would", "is", "are", "am", "have", "has"}
    for pair in by_construction["question"]:
        assert (pair.source[0] == "does") <= (
            pair.source[1] in ("he", "she") or pair.source[1] not in ("i", "you", "we")
        )
        assert pair.target[:2] == ("est", "-ce")
        assert pair.target[2] in ("que", "qu'")
        assert (pair.source[-1], pair.target[-1]) == ("?", "?")


# French where words meet

VOWEL = "[aeiouyàâéèêëîïôûùœ]"
ASPIRATED = "héros|hibou|hiboux|haricots?|hérissons?|hamsters?|hache|haches|harpes?|huit"
ELIDED = "je|me|te|se|le|la|ne|de|que|ce"


def test_elision(pairs):
    seen = Counter()
    for pair in pairs:
        # A pronoun that an order ties on, and "ce" after est, are never cut.
        sentence = " ".join(word if word[0] != "-" else "X" for word in pair.target)
        assert not re.search(rf"\b({ELIDED}) (?!(?:{ASPIRATED})\b)({VOWEL}|h)", sentence), sentence
        assert not re.search(rf"\b(si) ils?\b|\b(ma|ta|sa) ({VOWEL}|h(?!ache|arpe))", sentence), sentence
        assert not re.search(rf"[a-z]+' (?!{VOWEL}|h)", sentence.replace("aujourd'hui", "")), sentence
        assert not re.search(rf"\b[a-z]+' ({ASPIRATED})\b", sentence), sentence
        seen.update(re.findall(r"\b(?:\w+')(?= )", sentence))
    assert {"j'", "l'", "t'", "n'", "d'", "m'", "s'", "qu'", "c'"} <= set(seen)


def test_no_elision_before_an_aspirated_h(pairs):
    before = Counter(
        word
        for pair in pairs
        for word, after in zip(pair.target, pair.target[1:], strict=False)
        if re.fullmatch(ASPIRATED, after)
    )
    assert {"le", "la", "du", "de", "ce"} <= set(before)


def test_contraction(pairs):
    seen = Counter(word for pair in pairs for word in pair.target)
    for pair in pairs:
        for j, (word, after) in enumerate(zip(pair.target, pair.target[1:], strict=False)):
            if word in ("de", "à") and after in ("le", "les"):
                # "essayer de le voir": a pronoun before an infinitive isn't swallowed.
                rest = [w for w in pair.target[j + 2 : j + 4] if w not in ("lui", "leur")]
                assert rest[0].endswith(("er", "ir", "re")), shown(pair)
            assert not (word == "du" and re.match(f"{VOWEL}", after)), shown(pair)
    assert min(seen[word] for word in ("au", "aux", "du", "des")) > 10


def test_the_adjectives_and_possessives_with_two_forms(pairs):
    seen = Counter()
    for pair in pairs:
        sentence = " ".join(pair.target)
        silent = rf"(?:{VOWEL}|h(?!éros|ibou|aricot|érisson|amster|ache|arpe))"
        nouns = "(?=\\w)"
        # Before its own noun only: "le chat est beau et" has no noun after it.
        assert not re.search(
            rf"\b(?:un|le|ce|mon|ton|son|notre|votre|leur|chaque) (beau|nouveau|vieux) {silent}", sentence
        )
        assert not re.search(rf"\b(bel|nouvel|vieil|cet) (?!{silent}){nouns}", sentence), sentence
        assert not re.search(rf"\bce (?!ne\b|n'|sont|sera){silent}", sentence), sentence
        seen.update(word for word in pair.target if word in ("bel", "nouvel", "vieil", "cet"))
    assert seen["cet"]
    assert seen["bel"] + seen["nouvel"] + seen["vieil"]


def test_mon_before_a_feminine_vowel(pairs):
    sentences = [" ".join(pair.target) for pair in pairs]
    feminine = "amie|école|histoire|orange|écharpe|assiette|église|idée|université|armoire|étagère|horloge|image|île"
    found = [hit for one in sentences for hit in re.findall(rf"\b(mon|ma|ton|ta|son|sa) (?:{feminine})\b", one)]
    assert len(found) > 20
    assert set(found) <= {"mon", "ton", "son"}


# French agreement

MASCULINE = words(
    """
    livre chat chien pain jardin café oiseau arbre fromage chapeau père œuf garçon lait train sac roi cheval thé
    journal vélo piano cadeau gâteau vin hôtel voisin manteau couteau verre parc musée
    bateau avion beurre poisson haricot hibou âne citron miel poème stylo parapluie ordinateur
    violon pull bureau camion village château pont champ lac jeu nom homme frère professeur médecin acteur
    """
)
FEMININE = words(
    """
    femme maison lettre pomme eau mère école table voiture clé chanson robe fleur gare sœur guitare
    histoire fenêtre rue ville fille question reine orange chaise chemise photo église viande
    chaussure bouteille boîte rivière plage leçon réponse idée chambre soupe banane tomate tante actrice vache
    poule grenouille cerise omelette confiture bière assiette tasse cuillère radio horloge lampe bague
    hache harpe flûte jupe cravate écharpe armoire étagère bibliothèque université banque place forêt île
    tour
    """
)
PLURALS = words(
    """
    livres chats chiens jardins oiseaux arbres chapeaux garçons chevaux journaux vélos cadeaux gâteaux couteaux
    bateaux hiboux jeux hommes frères professeurs lettres pommes clés voitures robes fleurs sœurs
    guitares fenêtres rues questions chaises photos bouteilles boîtes leçons idées assiettes tasses femmes
    enfants amis animaux hôpitaux
    """
)
FRONT = {
    "m": words(
        """
    petit grand bon beau jeune vieux long nouveau joli mauvais gentil bel nouvel vieil
    """
    ),
    "f": words(
        """
    petite grande bonne belle jeune vieille longue nouvelle jolie mauvaise gentille
    """
    ),
}
FRONT_PLURAL = {
    "m": words(
        """
    petits grands bons beaux jeunes vieux longs nouveaux jolis mauvais gentils
    """
    ),
    "f": words(
        """
    petites grandes bonnes belles jeunes vieilles longues nouvelles jolies mauvaises gentilles
    """
    ),
}
DETERMINERS_P = words(
    """
    les des ces mes tes ses nos vos leurs deux trois quatre cinq six dix quelques tous toutes aux de d' quels
    quelles
    """
)
DETERMINERS_M = words(
    """
    un le l' ce cet mon ton son notre votre leur chaque quel du au de d' bon petit grand
    """
)
DETERMINERS_F = words(
    """
    une la l' cette ma ta sa mon ton son notre votre leur chaque quelle de d'
    """
)
NO_ARTICLE = words(
    """
    est sont suis es sommes êtes était étaient étais étions étiez sera serai seras seront serons serez pas ,
    monsieur madame
    """
)


def before(target, place):
    """Return the adjective and the determiner that stand before a noun."""
    words = FRONT["m"] | FRONT["f"] | FRONT_PLURAL["m"] | FRONT_PLURAL["f"]
    adjective = target[place - 1] if place and target[place - 1] in words else None
    return adjective, target[place - 1 - bool(adjective)] if place > bool(adjective) else None


def test_determiners_and_adjectives_before_the_noun_agree(pairs):
    checked = Counter()
    for pair in pairs:
        for place, word in enumerate(pair.target):
            gender = "m" if word in MASCULINE else "f" if word in FEMININE else None
            if gender is None and word not in PLURALS:
                continue
            adjective, determiner = before(pair.target, place)
            if determiner is None or determiner in NO_ARTICLE:
                continue
            checked[gender] += 1
            if gender is None:
                assert determiner in DETERMINERS_P, shown(pair)
                assert adjective is None or adjective in FRONT_PLURAL["m"] | FRONT_PLURAL["f"], shown(pair)
            else:
                assert determiner in (DETERMINERS_M if gender == "m" else DETERMINERS_F), shown(pair)
                assert adjective is None or adjective in FRONT[gender], shown(pair)
    assert min(checked.values()) > 300


AFTER = {
    "rouge": "rouge", "noir": "noire", "blanc": "blanche", "vert": "verte", "bleu": "bleue", "gris": "grise",
    "cher": "chère", "intéressant": "intéressante", "lourd": "lourde", "froid": "froide", "chaud": "chaude",
    "cassé": "cassée", "français": "française", "italien": "italienne", "délicieux": "délicieuse", "violet": "violette",
    "frais": "fraîche", "heureux": "heureuse", "jaloux": "jalouse", "fier": "fière", "sérieux": "sérieuse",
    "ouvert": "ouverte", "fermé": "fermée", "fatigué": "fatiguée", "ennuyeux": "ennuyeuse", "mûr": "mûre",
    "plein": "pleine", "fort": "forte", "allemand": "allemande",
}  # fmt: skip


def test_adjectives_after_the_noun_agree(pairs):
    checked = Counter()
    feminine = {form for masculine, form in AFTER.items() if form != masculine}
    plural = lambda form: form if form.endswith(("s", "x")) else form + "s"  # noqa: E731
    singular_only = {form for form in [*AFTER, *AFTER.values()] if not form.endswith(("s", "x"))}
    plurals = {plural(form) for form in [*AFTER, *AFTER.values()]}
    for pair in pairs:
        for noun, word in zip(pair.target, pair.target[1:], strict=False):
            if noun in MASCULINE and word in AFTER:
                checked["m"] += 1
            elif noun in FEMININE and word in feminine:
                checked["f"] += 1
            assert not (noun in MASCULINE and word in feminine and word != "rouge"), shown(pair)
            assert not (noun in FEMININE and word in AFTER and word not in AFTER.values()), shown(pair)
            assert not (noun in PLURALS and word in singular_only), shown(pair)
            if noun in (MASCULINE | FEMININE):
                assert word not in plurals - set(AFTER), shown(pair)
    assert min(checked["m"], checked["f"]) > 60


def test_predicates_agree_with_pronouns(by_construction):
    endings = {"elle": "feminine", "il": "masculine", "je": "masculine", "tu": "masculine"}
    checked = Counter()
    for pair in by_construction["copula"]:
        subject, last = pair.target[0], pair.target[-1]
        if subject in endings:
            forms = AFTER.values() if subject == "elle" else AFTER
            others = set(AFTER) - set(AFTER.values()) if subject == "elle" else set(AFTER.values()) - set(AFTER)
            assert last not in others, shown(pair)
            checked[subject] += last in forms
        if subject in ("nous", "ils"):
            assert last.endswith(("s", "x")), shown(pair)
    assert min(checked["elle"], checked["il"]) >= 1


def test_vous_agrees_with_whom_it_speaks_to(by_construction):
    checked = Counter()
    for pair in by_construction["vocative"]:
        assert "tu" not in pair.target, shown(pair)
        assert "vous" in pair.target, shown(pair)
        assert not {"ton", "ta", "tes", "te", "t'"} & set(pair.target), shown(pair)
        sentence = " ".join(pair.target).removesuffix(" ?")
        being = re.search(r"vous (?:êtes|étiez) (?:très |trop )?(\w+)", sentence)
        if being and being[1] in set(AFTER) - set(AFTER.values()):
            assert "madame" not in sentence, sentence
        if "madame" in sentence and (
            gone := re.search(r"vous (?:vous )?êtes (\w+é|partie?|sortie?|\w+nue?)\b", sentence)
        ):
            assert gone[1].endswith("ée") or gone[1].endswith("ie") or gone[1].endswith("ue"), sentence
            checked["madame"] += 1
        many = "amis" in sentence or "enfants" in sentence
        if many and (gone := re.search(r"vous (?:vous )?êtes (\w+és?|partis?|sortis?|\w+nus?)\b", sentence)):
            assert gone[1].endswith("s"), sentence
            checked["many"] += 1
    assert checked["madame"]
    assert checked["many"]


# Verbs: forms as in a grammar book, typed from it

PRESENT = {
    "be": "suis es est sommes êtes sont",
    "have": "ai as a avons avez ont",
    "go": "vais vas va allons allez vont",
    "make": "fais fais fait faisons faites font",
    "see": "vois vois voit voyons voyez voient",
    "love": "aime aimes aime aimons aimez aiment",
    "finish": "finis finis finit finissons finissez finissent",
    "take": "prends prends prend prenons prenez prennent",
    "want": "veux veux veut voulons voulez veulent",
    "can": "peux peux peut pouvons pouvez peuvent",
    "must": "dois dois doit devons devez doivent",
    "eat": "mange manges mange mangeons mangez mangent",
    "drink": "bois bois boit buvons buvez boivent",
    "read": "lis lis lit lisons lisez lisent",
    "write": "écris écris écrit écrivons écrivez écrivent",
    "say": "dis dis dit disons dites disent",
    "buy": "achète achètes achète achetons achetez achètent",
    "call": "appelle appelles appelle appelons appelez appellent",
    "prefer": "préfère préfères préfère préférons préférez préfèrent",
    "hope": "espère espères espère espérons espérez espèrent",
    "send": "envoie envoies envoie envoyons envoyez envoient",
    "throw": "jette jettes jette jetons jetez jettent",
    "sleep": "dors dors dort dormons dormez dorment",
    "leave": "pars pars part partons partez partent",
    "run": "cours cours court courons courez courent",
    "open": "ouvre ouvres ouvre ouvrons ouvrez ouvrent",
    "receive": "reçois reçois reçoit recevons recevez reçoivent",
    "believe": "crois crois croit croyons croyez croient",
    "paint": "peins peins peint peignons peignez peignent",
    "drive": "conduis conduis conduit conduisons conduisez conduisent",
    "follow": "suis suis suit suivons suivez suivent",
    "laugh": "ris ris rit rions riez rient",
    "sell": "vends vends vend vendons vendez vendent",
    "protect": "protège protèges protège protégeons protégez protègent",
    "clean": "nettoie nettoies nettoie nettoyons nettoyez nettoient",
}
FUTURE = {
    "be": "serai seras sera serons serez seront",
    "go": "irai iras ira irons irez iront",
    "make": "ferai feras fera ferons ferez feront",
    "see": "verrai verras verra verrons verrez verront",
    "eat": "mangerai mangeras mangera mangerons mangerez mangeront",
    "finish": "finirai finiras finira finirons finirez finiront",
    "take": "prendrai prendras prendra prendrons prendrez prendront",
    "drink": "boirai boiras boira boirons boirez boiront",
    "buy": "achèterai achèteras achètera achèterons achèterez achèteront",
    "call": "appellerai appelleras appellera appellerons appellerez appelleront",
    "send": "enverrai enverras enverra enverrons enverrez enverront",
    "throw": "jetterai jetteras jettera jetterons jetterez jetteront",
    "run": "courrai courras courra courrons courrez courront",
    "receive": "recevrai recevras recevra recevrons recevrez recevront",
    "protect": "protégerai protégeras protégera protégerons protégerez protégeront",
    "clean": "nettoierai nettoieras nettoiera nettoierons nettoierez nettoieront",
    "sell": "vendrai vendras vendra vendrons vendrez vendront",
}
IMPERFECT = {
    "go": "allais allais allait allions alliez allaient",
    "make": "faisais faisais faisait faisions faisiez faisaient",
    "eat": "mangeais mangeais mangeait mangions mangiez mangeaient",
    "finish": "finissais finissais finissait finissions finissiez finissaient",
    "take": "prenais prenais prenait prenions preniez prenaient",
    "drink": "buvais buvais buvait buvions buviez buvaient",
    "write": "écrivais écrivais écrivait écrivions écriviez écrivaient",
    "study": "étudiais étudiais étudiait étudiions étudiiez étudiaient",
    "laugh": "riais riais riait riions riiez riaient",
    "protect": "protégeais protégeais protégeait protégions protégiez protégeaient",
    "paint": "peignais peignais peignait peignions peigniez peignaient",
    "see": "voyais voyais voyait voyions voyiez voyaient",
}
CONDITIONAL = {
    "go": "irais irais irait irions iriez iraient",
    "see": "verrais verrais verrait verrions verriez verraient",
    "eat": "mangerais mangerais mangerait mangerions mangeriez mangeraient",
    "buy": "achèterais achèterais achèterait achèterions achèteriez achèteraient",
    "run": "courrais courrais courrait courrions courriez courraient",
    "should": "devrais devrais devrait devrions devriez devraient",
    "could": "pourrais pourrais pourrait pourrions pourriez pourraient",
}
PARTICIPLES = {
    "seen": "vu", "taken": "pris", "written": "écrit", "drunk": "bu", "opened": "ouvert", "received": "reçu",
    "sold": "vendu", "understood": "compris", "eaten": "mangé", "sent": "envoyé", "finished": "fini", "lost": "perdu",
    "painted": "peint", "driven": "conduit", "run": "couru", "laughed": "ri", "followed": "suivi", "offered": "offert",
    "known": "connu", "made": "fait", "slept": "dormi", "chosen": "choisi", "heard": "entendu", "had": "eu",
}  # fmt: skip
PERSONS = {"je": 0, "j'": 0, "tu": 1, "il": 2, "elle": 2, "nous": 3, "vous": 4, "ils": 5}
CLITICS = words(
    """
    ne n' me m' te t' se s' le la l' les lui leur nous vous y en
    """
)
STARTERS = words("que qu' si s' quand où pourquoi comment parce , -ce")
BASES = {
    "is": "be", "are": "be", "am": "be", "has": "have", "goes": "go", "going": "go", "making": "make", "taking": "take",
    "writing": "write", "driving": "drive", "leaving": "leave", "hoping": "hope", "running": "run", "cries": "cry",
    "cannot": "can", "believes": "believe", "loves": "love", "leaves": "leave", "makes": "make", "takes": "take",
    "writes": "write", "drives": "drive", "receives": "receive", "hopes": "hope", "receiving": "receive",
}  # fmt: skip


def base_of(word):
    if word in BASES:
        return BASES[word]
    return re.sub(r"(?<=.)(ing|s)$", "", word)


def finite_verbs(pair):
    """Yield the person of each pronoun that is a subject, the place of its verb, and the English of the verb."""
    for place, word in enumerate(pair.target):
        is_subject = word in PERSONS and (place == 0 or pair.target[place - 1] in STARTERS)
        if not is_subject:
            continue
        verb = place + 1
        while verb < len(pair.target) and pair.target[verb] in CLITICS:
            verb += 1
        if verb == len(pair.target):
            continue  # "plus grand que nous"
        english = [pair.source[i] for i, j in sorted(pair.sure) if j == verb]
        yield PERSONS[word], verb, english


OTHER_TENSES = words("will would if used was were had did have wanted who that because which")
OTHER_VERBS = {"leave": "quitt", "go": "sor cou", "have": "am doi dev", "come": "revien entr", "run": ""}


def test_subjects_and_verbs_agree_by_the_grammar_book(drawn):
    checked = Counter()
    for pair in drawn["mixed"]:
        marks = OTHER_TENSES & set(pair.source)
        for person, verb, english in finite_verbs(pair):
            form, base = pair.target[verb], base_of(english[0]) if english else ""
            if marks == {"will"}:
                table = FUTURE
            elif marks == {"would"} or base in ("should", "could"):
                table = CONDITIONAL
            elif not marks:
                table = PRESENT
            else:
                continue
            if base not in table or {"there", "old"} & set(pair.source):
                continue
            if any(form.startswith(start) for start in OTHER_VERBS.get(base, "").split()):
                continue  # go out, go to bed, have fun, have to
            if base == "have" and form not in table["have"].split():
                continue  # "she has come back"
            if base == "be" and form not in table["be"].split():
                table = FUTURE_OF_AVOIR if marks else PRESENT_OF_AVOIR  # "i am hungry"
            assert form == table[base].split()[person], f"{base}: {shown(pair)}"
            checked[base] += 1
    for base in ("be", "go", "see", "love", "want", "can", "must", "eat", "buy", "read", "write", "take", "send"):
        assert checked[base] > 5, base


PRESENT_OF_AVOIR = {"be": "ai as a avons avez ont"}
FUTURE_OF_AVOIR = {"be": "aurai auras aura aurons aurez auront"}


ENDINGS = {
    "future": ("rai", "ras", "ra", "rons", "rez", "ront"),
    "conditional": ("rais", "rais", "rait", "rions", "riez", "raient"),
    "imperfect": ("ais", "ais", "ait", "ions", "iez", "aient"),
}


@pytest.mark.parametrize(
    ("name", "english", "table", "ending"),
    [
        ("future", "will", FUTURE, "future"),
        ("conditional", "would", CONDITIONAL, "conditional"),
        ("imperfect", None, IMPERFECT, "imperfect"),
    ],
)
def test_tenses_have_their_endings(by_construction, name, english, table, ending):
    by_base = Counter()
    for pair in by_construction[name]:
        if "if" in pair.source:
            continue
        for person, verb, words in finite_verbs(pair):
            form = pair.target[verb]
            assert form.endswith(ENDINGS[ending][person]), shown(pair)
            base = base_of(words[0]) if words else ""
            if base in table and "back" not in pair.source and pair.source[-1] not in ("out", "bed", "fun"):
                if base in ("go", "have", "be", "run") and form not in table[base].split():
                    continue
                if form in " ".join(table.values()).split():
                    assert form == table[base].split()[person], shown(pair)
                    by_base[base] += 1
    assert len(by_base) >= 4


def test_if_is_followed_by_the_imparfait(by_construction):
    for pair in by_construction["conditional"]:
        if "if" in pair.source:
            comma = pair.target.index(",")
            first, second = pair.target[:comma], pair.target[comma:]
            ends = ("ais", "ait", "ions", "iez", "aient")
            conditional = re.compile(r"r(ais|ait|ions|iez|aient)$")
            assert any(word.endswith(ends) for word in first), shown(pair)
            assert any(conditional.search(word) for word in second), shown(pair)


def test_near_future(by_construction):
    forms = dict(enumerate(["vais", "vas", "va", "allons", "allez", "vont"]))
    for pair in by_construction["near_future"]:
        for person, verb, _ in finite_verbs(pair):
            assert pair.target[verb] == forms[person], shown(pair)
        after = pair.target[next(j for j, word in enumerate(pair.target) if word in forms.values()) + 1 :]
        rest = [word for word in after if word not in CLITICS]
        assert rest[0].endswith(("er", "ir", "re")), shown(pair)


ETRE = words(
    """
    allé arrivé parti revenu sorti entré resté tombé retourné levé couché réveillé reposé dépêché arrêté amusé
    habillé endormi perdu
    """
)
BE_FORMS = words(
    """
    suis es est sommes êtes sont étais était étions étiez étaient
    """
)
HAVE_FORMS = words("ai as a avons avez ont avais avait avions aviez avaient")


def root(participle):
    return re.sub(r"(?<=[éiust])(es|e|s)$", "", participle)


def test_participles_with_etre_agree_with_the_subject(by_construction):
    checked = Counter()
    for pair in (
        by_construction["past"]
        + by_construction["pluperfect"]
        + by_construction["reflexive"]
        + (by_construction["motion"])
    ):
        subject = pair.target[0]
        for j, word in enumerate(pair.target[1:], 1):
            stem = root(word)
            helper = pair.target[j - 1 - (pair.target[j - 1] == "déjà")]
            if stem in ETRE and helper in BE_FORMS and subject in PERSONS:
                ending = {"elle": "e", "nous": "s", "ils": "s"}.get(subject, "")
                assert word == stem + ending, shown(pair)
                checked[subject] += 1
            if stem in ETRE - {"perdu", "réveillé", "arrêté", "retourné"} and subject in PERSONS:
                assert pair.target[j - 1] not in HAVE_FORMS, shown(pair)
    assert min(checked[subject] for subject in ("elle", "nous", "ils", "je", "il")) > 3


def test_participles_with_avoir_agree_with_a_pronoun_before_them(by_construction):
    ending = {"her": "e", "them": "s", "him": "", "it": ""}
    checked = Counter()
    for pair in by_construction["past"] + by_construction["pluperfect"]:
        for j, word in enumerate(pair.target[:-2]):
            direct = [pair.source[i] for i, k in pair.sure if k == j]
            if word not in ("l'", "les") or pair.target[j + 1] not in HAVE_FORMS or not set(direct) & set(ending):
                continue
            participle = pair.target[j + 2 + (pair.target[j + 2] in ("déjà", "encore"))]
            if direct[0] == "them":
                assert participle.endswith("s"), shown(pair)
            elif direct[0] == "her":
                assert participle.endswith("e"), shown(pair)
            else:
                assert not participle.endswith(("e", "s")) or participle.endswith("is"), shown(pair)
            checked[direct[0]] += 1
    assert min(checked[word] for word in ending) > 10


def test_participles_agree_with_a_noun_before_que(by_construction):
    checked = Counter()
    have = "|".join(sorted(HAVE_FORMS))
    participle = rf"\b(?:{have}) (\w+(?:é|i|u|is|it|ert|eint)(?:e|s|es)?)\b"
    for pair in by_construction["relative"]:
        sentence = " ".join(pair.target)
        hit = re.search(rf"(\w+) qu(?:e|') (?:(?!{have}\b)[\w']+ ){{1,4}}?{participle}", sentence)
        if not hit or hit[2] in BE_FORMS:
            continue
        if hit[1] in FEMININE:
            assert hit[2].endswith("e"), sentence
            checked["f"] += 1
        elif hit[1] in MASCULINE:
            assert not hit[2].endswith(("e", "és", "us")), sentence
            checked["m"] += 1
        elif hit[1] in PLURALS:
            assert hit[2].endswith("s"), sentence
            checked["p"] += 1
    assert min(checked[kind] for kind in "mfp") > 5


def test_which_and_how_many_come_before_their_participle(by_construction):
    checked = 0
    for pair in by_construction["wh_question"]:
        if pair.target[0] in ("quelle", "quelles", "quels", "combien") and (HAVE_FORMS & set(pair.target)):
            last = pair.target[-2]
            if pair.target[-3] not in HAVE_FORMS:
                continue  # "which guitars does she have ?"
            if pair.target[0] == "quelle":
                assert last.endswith("e"), shown(pair)
                checked += 1
            elif pair.source[0] == "how" or pair.target[0] in ("quels", "quelles"):
                assert last.endswith("s"), shown(pair)
                checked += 1
    assert checked > 20


def test_participles_by_the_grammar_book(by_construction):
    checked = Counter()
    for pair in by_construction["past"] + by_construction["pluperfect"]:
        if not {"has", "have", "had"} & set(pair.source):
            continue
        for i, j in pair.sure:
            english = pair.source[i]
            if (
                english in PARTICIPLES
                and pair.source[i - 1] in ("has", "have", "had", "already", "often")
                and (pair.target[j] not in HAVE_FORMS | BE_FORMS)
            ):
                if english in ("lost", "known", "had"):
                    continue
                assert pair.target[j] in {PARTICIPLES[english] + ending for ending in ("", "e", "s", "es")}, shown(pair)
                checked[english] += 1
    assert len(checked) >= 12


# Pronouns and negation


def test_pronouns_stand_in_their_order(pairs):
    order = dict.fromkeys(["me", "m'", "te", "t'", "se", "s'", "nous", "vous"], 0)
    order |= {"le": 1, "la": 1, "les": 1, "l'": 1, "lui": 2, "leur": 2, "y": 3}
    checked = 0
    for pair in pairs:
        for person, verb, _ in finite_verbs(pair):
            start = verb - 1
            while pair.target[start] in order and start > 0 and pair.target[start] not in ("je", "tu", "il"):
                start -= 1
            group = [word for word in pair.target[start + 1 : verb] if word in order]
            if (
                group
                and group[0] in ("nous", "vous")
                and person in (3, 4)
                and len(group) > 1
                and pair.target[start] in (*STARTERS, pair.target[0])
            ):
                group = group[1:] if pair.target[start + 1] == {3: "nous", 4: "vous"}[person] else group
            ranks = [order[word] for word in group]
            assert ranks == sorted(ranks), shown(pair)
            assert not {0, 2} <= set(ranks), shown(pair)
            checked += len(ranks) == 2
    assert checked > 20


def test_object_pronouns_stand_before_their_verb(by_construction):
    for pair in by_construction["object_pronoun"]:
        word = next(word for word in pair.source[1:] if word in ("me", "you", "him", "her", "it", "us", "them"))
        place = len(pair.source) - 1 - pair.source[::-1].index(word)
        clitic = [j for i, j in pair.sure if i == place]
        verb = [j for i, j in pair.sure if pair.source[i] in ("is", "are")] or clitic
        assert clitic, shown(pair)
        assert pair.target[clitic[0]] in CLITICS | {"moi", "toi", "lui", "elle", "eux"}, shown(pair)
        assert verb


def test_pronouns_before_the_infinitive(by_construction):
    clitic_seen = 0
    finite = set(PRESENT["can"].split()) | set(PRESENT["must"].split()) | set(PRESENT["want"].split())
    for pair in by_construction["modal"]:
        for j, word in enumerate(pair.target[:-1]):
            if word in finite and pair.target[j + 1] in CLITICS:
                rest = [w for w in pair.target[j + 1 :] if w not in CLITICS]
                assert rest[0].endswith(("er", "ir", "re")), shown(pair)
                clitic_seen += 1
            if word in finite and j and pair.target[0] in PERSONS:
                assert not {"le", "la", "les", "lui", "leur"} & set(pair.target[1:j]), shown(pair)
    assert clitic_seen > 10


def test_negation_has_both_words(pairs):
    checked = Counter()
    for pair in pairs:
        first = sum(word in ("ne", "n'") for word in pair.target)
        words = " ".join(pair.target)
        english = sum(word in ("not", "never", "cannot", "no") for word in pair.source)
        assert first == english, shown(pair)
        if first:
            second = len(re.findall(r"\b(pas|jamais|plus)\b", words))
            assert second >= first, words
            assert re.search(r"\b(ne|n') (?:\S+ ){1,4}?(pas|jamais|plus)\b", words), words
            if "never" in pair.source:
                assert "jamais" in pair.target, words
            if "longer" in pair.source:
                assert "plus" in pair.target, words
            checked.update({"pas", "jamais", "plus"} & set(pair.target))
        else:
            assert not {"pas", "jamais"} & set(pair.target), words
    assert min(checked.values()) > 20


def test_no_article_but_de_after_a_negation(by_construction):
    seen = 0
    for pair in by_construction["negation"] + by_construction["existence"]:
        if not {"ne", "n'"} & set(pair.target):
            continue
        words = " ".join(pair.target)
        assert not re.search(
            r"\b(pas|jamais|plus) (?:\w+(?:é|i|u|is|it|t) )?(un|une|des)\b(?! de)", words
        ) or re.search(r"\b(revien|revenu|jou|reviend)", words), words
        seen += bool(re.search(r"\b(pas|jamais|plus) (\w+ )?d[e'] ", words))
    assert seen > 10


def test_de_before_a_plural_adjective(pairs):
    front = "|".join(sorted((FRONT_PLURAL["m"] | FRONT_PLURAL["f"]) - {"vieux", "mauvais"}))
    for pair in pairs:
        words = " ".join(pair.target)
        possessor = re.search(rf"\bdes ({front})\b", words)
        # "de + les" is des too: the letters of the small children, the way from the big towns.
        assert not possessor or "'s" in pair.source or "from" in pair.source, words
    assert any(re.search(rf"\bde ({front})\b", " ".join(pair.target)) for pair in pairs)


def test_orders(by_construction):
    tied = Counter()
    for pair in by_construction["imperative"]:
        words = " ".join(pair.target)
        assert pair.target[-1] == "!"
        if "not" in pair.source:
            assert not any(word.startswith("-") for word in pair.target), words
            assert {"ne", "n'"} & set(pair.target), words
        else:
            assert not set(pair.target) & {"me", "m'", "lui", "te"} - ({"te"} if "please" in pair.source else set()), (
                words
            )
            tied.update(word for word in pair.target if word.startswith("-"))
            assert not re.search(r"-(moi|toi|lui|leur|nous) -(le|la|les)", words), words
        if pair.target[0].endswith("es") and "," not in pair.target:
            pytest.fail(f"the tu of orders has no s: {words}")
    assert {"-le", "-les", "-moi", "-lui", "-toi"} <= set(tied)


def test_professions_have_no_article(by_construction):
    for pair in by_construction["profession"]:
        assert not {"un", "une", "des", "de"} & set(pair.target[-2:]), shown(pair)


def test_hunger_is_had(by_construction):
    for pair in by_construction["feeling"] + by_construction["age"]:
        assert not {"est", "suis", "sont", "es"} & set(pair.target), shown(pair)
        assert pair.target[-1] in ["faim", "soif", "froid", "chaud", "peur", "sommeil", "raison", "tort", "ans"]


def test_a_noun_before_and_gives_the_pronoun_its_gender(by_construction):
    checked = Counter()
    for pair in by_construction["coordination"]:
        last = max(j for j, word in enumerate(pair.target) if word == "et")
        nouns = [word for word in pair.target[last - 1 : last] if word in MASCULINE | FEMININE | PLURALS]
        clitic = pair.target[last + 1]
        if nouns and clitic in ("le", "la", "les"):
            expected = "la" if nouns[-1] in FEMININE else "les" if nouns[-1] in PLURALS else "le"
            assert clitic == expected, shown(pair)
            checked[clitic] += 1
    assert min(checked[word] for word in ("le", "la", "les")) > 5


def test_words_are_cut_as_the_tokeniser_cuts(pairs):
    for pair in pairs[::20]:
        english, french = texts(pair)
        assert tuple(tokenize(english, "en")) == pair.source
        assert tuple(tokenize(french, "fr")) == pair.target
        assert (english, french) == (english.lower(), french.lower())


# Sentences translated by hand

GOLDEN = {
    "object_pronoun": {"i see you": "je te vois", "we love them": "nous les aimons", "you love me": "tu m' aimes"},
    "motion": {"she went to paris": "elle est allée à paris", "i am going there": "j' y vais"},
    "feeling": {"i am hungry": "j' ai faim", "they were not cold": "ils n' avaient pas froid"},
    "reflexive": {"she got up": "elle s' est levée", "we get up": "nous nous levons"},
    "near_future": {"i am going to sleep": "je vais dormir", "she is going to see him": "elle va le voir"},
    "imperative": {
        "give it to me !": "donne -le -moi !",
        "get up !": "lève -toi !",
        "do not get up !": "ne te lève pas !",
    },
    "two_pronouns": {"i give it to them": "je le leur donne", "she gave them to me": "elle me les a donnés"},
    "because": {"he sleeps because he is cold": "il dort parce qu' il a froid"},
    "modal": {
        "they can sleep": "ils peuvent dormir",
        "i want to see you": "je veux te voir",
        "i must sleep": "je dois dormir",
    },
    "existence": {"there is a cat in the house": "il y a un chat dans la maison"},
    "profession": {"i am a teacher": "je suis professeur", "they were not teachers": "ils n' étaient pas professeurs"},
    "wh_question": {
        "what are you reading ?": "qu' est -ce que tu lis ?",
        "who sees me ?": "qui me voit ?",
        "where is she ?": "où est -elle ?",
        "who do you speak to ?": "à qui est -ce que tu parles ?",
    },
    "question": {
        "do you see me ?": "est -ce que tu me vois ?",
        "does he eat bread ?": "est -ce qu' il mange du pain ?",
    },
}


@pytest.mark.parametrize("name", GOLDEN)
def test_sentences_translated_by_hand(drawn, name):
    translations = {" ".join(pair.source): " ".join(pair.target) for pair in drawn["basic"][name]}
    found = {english: translations[english] for english in GOLDEN[name] if english in translations}
    assert found
    assert found == {english: GOLDEN[name][english] for english in found}
