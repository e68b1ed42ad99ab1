"""Tokens against sentences cut by hand, ids against what a vocabulary means."""

import re
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnlib.data.tokens import WORD_START, Subwords, Vocabulary, detokenize, normalise, tokenize
from attnlib.symbols import BOS, EOS, PAD, SYMBOLS, UNK

languages = st.sampled_from(["en", "fr", None])
anything = st.text(max_size=40)
likely = st.text(alphabet="abTé10'’-.,?!:;«»\"() \u00a0\u202f\u2009nstl$%…/", max_size=40)

NNBSP = "\u202f"

ENGLISH = {
    "I love you.": "I love you .",
    "Don't you love me?": "Do n't you love me ?",
    "I'm sure you can't.": "I 'm sure you ca n't .",
    "I WON'T!": "I WO N'T !",
    "They couldn't've known.": "They could n't 've known .",
    "She'd say we're late, he'll say I've won.": "She 'd say we 're late , he 'll say I 've won .",
    "Tom's dog isn't the boys' dog.": "Tom 's dog is n't the boys ' dog .",
    "Let’s go at two o’clock.": "Let 's go at two o'clock .",
    "Get 'em, Mr. Smith.": "Get 'em , Mr. Smith .",
    "At 2:30 p.m. in the U.S. it cost $10,000.50.": "At 2:30 p.m. in the U.S. it cost $ 10,000.50 .",
    "About 5% (or more)...": "About 5 % ( or more ) ...",
    'She said, "I am." He said, "No."': 'She said , " I am . " He said , " No . "',
    "My mother-in-law wears T-shirts.": "My mother-in-law wears T-shirts .",
    "Wait - what?!": "Wait - what ? !",
    "No. 5 is alive. No.": "No. 5 is alive . No .",
    "I can read and/or write.": "I can read and / or write .",
    "Qur'an": "Qur'an",
}

FRENCH = {
    "Je t'aime.": "Je t' aime .",
    f"Je t’aime{NNBSP}!": "Je t' aime !",
    "Je t'aime!": "Je t' aime !",
    "J'ai dit qu'il n'y en a pas.": "J' ai dit qu' il n' y en a pas .",
    "L'homme d'aujourd'hui s'ennuie.": "L' homme d' aujourd'hui s' ennuie .",
    "C'est jusqu'ici, lorsqu'elle l'a vu.": "C' est jusqu' ici , lorsqu' elle l' a vu .",
    "Puisqu'il pleut, quoiqu'on dise.": "Puisqu' il pleut , quoiqu' on dise .",
    "Y a-t'il quelque chose ?": "Y a -t'il quelque chose ?",
    "10 $, pas $10.": "10 $ , pas $ 10 .",
    "Quelqu'un voit la presqu'île.": "Quelqu' un voit la presqu'île .",
    "Qu'est-ce que c'est ?": "Qu' est -ce que c' est ?",
    "Y a-t-il un médecin ?": "Y a -t-il un médecin ?",
    "Dis-moi, où allez-vous ?": "Dis -moi , où allez -vous ?",
    "Donne-le-moi !": "Donne -le -moi !",
    "Va-t'en !": "Va -t' en !",
    "Allons-y, prends-en.": "Allons -y , prends -en .",
    "Peut-être un rendez-vous avec ma grand-mère, là-bas.": "Peut-être un rendez-vous avec ma grand-mère , là-bas .",
    "Fais-le sur-le-champ.": "Fais -le sur-le-champ .",
    "« Oui », dit-il : « non ».": "« Oui » , dit -il : « non » .",
    "«Oui»": "« Oui »",
    "M. Dupont paie 10,50 € à 2:30.": "M. Dupont paie 10,50 € à 2:30 .",
    "C'est à 2h30, 99 %.": "C' est à 2h30 , 99 % .",
    "Œuvre, Éléonore, ça, naïf, où.": "Œuvre , Éléonore , ça , naïf , où .",
    "Quoi ?!": "Quoi ? !",
    "Bon…": "Bon …",
    "Voyons voir...": "Voyons voir ...",
}


def raises(message, error=ValueError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


# Tokens


@pytest.mark.parametrize(("text", "expected"), ENGLISH.items())
def test_english(text, expected):
    assert tokenize(text, "en") == expected.split()
    assert detokenize(tokenize(text, "en"), "en") == normalise(text, "en") == text.replace("’", "'")


@pytest.mark.parametrize(("text", "expected"), FRENCH.items())
def test_french(text, expected):
    assert tokenize(text, "fr") == expected.split()
    assert detokenize(tokenize(text, "fr"), "fr") == normalise(text, "fr")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't l'homme dis-moi.", "Don't l'homme dis-moi ."),
        ("¿Qué tal, señor?", "¿ Qué tal , señor ?"),
        ("Я тебя люблю.", "Я тебя люблю ."),
        ("ฉันรักคุณ", "ฉันรักคุณ"),
        ("मैं तुमसे प्यार करता हूँ", "मैं तुमसे प्यार करता हूँ"),
    ],
)
def test_other_languages_are_cut_at_spaces_and_punctuation(text, expected):
    assert tokenize(text) == expected.split()
    assert detokenize(tokenize(text)) == text


@pytest.mark.parametrize("mark", "?!;:")
@pytest.mark.parametrize("space", ["", " ", "\u00a0", NNBSP, "\u2009", "  "])
def test_french_spaces_are_made_alike(mark, space):
    assert normalise(f"Oui{space}{mark}", "fr") == f"Oui {mark}"
    assert normalise(f"Yes{space}{mark}", "en") == f"Yes{mark}"


def test_normalised_text():
    assert normalise("  e\u0301te\u0301\u00ad \u200bl’an\tneuf\u2028", "fr") == "été l'an neuf"
    assert normalise('Il dit : " Oui ! "', "fr") == 'Il dit : "Oui !"'
    assert normalise("Tom n' a rien.", "fr") == "Tom n'a rien."
    assert normalise("ÉTÉ", "fr", lowercase=True) == "été"


@pytest.mark.parametrize("language", ["en", "fr", None])
def test_lowercase(language):
    text = "Mr. Élan DIDN'T say « L'ÉTÉ », M. Dupont."
    assert tokenize(text, language, lowercase=True) == [token.lower() for token in tokenize(text, language)]


def test_case_is_kept_unless_asked():
    assert tokenize("Je T'Aime", "fr") == ["Je", "T'", "Aime"]


@given(anything | likely, languages, st.booleans())
def test_nothing_is_lost(text, language, lowercase):
    tokens = tokenize(text, language, lowercase=lowercase)
    assert all(token and token.split() == [token] for token in tokens)
    if not lowercase:
        assert "".join(tokens) == normalise(text, language).replace(" ", "")
    assert "".join(detokenize(tokens, language).split()) == "".join(tokens)


words = st.sampled_from(
    ["je", "l'été", "donne-le-moi", "peut-être", "a-t-il", "10,5", "œuf", "qu'il", "M.", "2h30", "Dupont"]
)
marks = st.sampled_from(["", ",", " ?", " !", " :", " ;", "...", "."])


@given(st.lists(st.tuples(words, marks), min_size=1, max_size=9))
def test_french_sentences_come_back(parts):
    text = " ".join(word + mark for word, mark in parts)
    assert detokenize(tokenize(text, "fr"), "fr") == normalise(text, "fr")


english_words = st.sampled_from(
    ["I", "don't", "she's", "well-known", "10,000", "p.m.", "$5", "we'd've", "(no)", '"so"']
)


@given(
    st.lists(st.tuples(english_words, st.sampled_from(["", ",", "?", "!", ":", ";", "..."])), min_size=1, max_size=9)
)
def test_english_sentences_come_back(parts):
    text = " ".join(word + mark for word, mark in parts)
    assert normalise(text, "en") == text
    assert detokenize(tokenize(text, "en"), "en") == text


@given(st.lists(words, min_size=1, max_size=8), languages)
def test_tokens_come_back_from_their_text(parts, language):
    tokens = tokenize(" ".join(parts), language)
    assert tokenize(detokenize(tokens, language), language) == tokens


def test_nothing():
    assert tokenize("") == tokenize(" \u200b\n", "fr") == []
    assert detokenize([]) == ""


def test_what_is_no_text():
    message = "tokens must be a list of str, got the text 'I love you'; cut it up with tokenize first"
    with raises(message, TypeError):
        detokenize("I love you", "en")
    for action in (tokenize, normalise):
        with raises("language must be one of en, fr, or None for any other; got 'de'"):
            action("ich", "de")
    with raises("language must be one of en, fr, or None for any other; got 'de'"):
        detokenize(["ich"], "de")


@pytest.mark.usefixtures("unchecked")
def test_text_is_a_str():
    with raises("text must be a str, got list", TypeError):
        tokenize(["I"], "en")


# Vocabularies

sentences = st.lists(st.lists(st.sampled_from(["a", "b", "c", "dd", "é", *SYMBOLS]), max_size=8), max_size=8)


def by_hand(sentences, size, minimum):
    """Return what a vocabulary must hold, found word by word."""
    flat = [word for sentence in sentences for word in sentence]
    left, ordered = {word for word in flat if flat.count(word) >= minimum}, []
    while left:
        best = max(flat.count(word) for word in left)
        ordered.append(min(word for word in left if flat.count(word) == best))
        left.remove(ordered[-1])
    return ordered if size is None else ordered[: size - 4]


@given(sentences, st.none() | st.integers(4, 12), st.integers(1, 4))
def test_the_most_frequent_words_are_kept(sentences, size, minimum):
    vocabulary = Vocabulary.build(sentences, size=size, minimum=minimum)
    kept = by_hand(sentences, size, minimum)
    assert vocabulary.to_list() == [*SYMBOLS, *kept]
    assert len(vocabulary) == 4 + len(kept)
    assert size is None or len(vocabulary) <= size
    for sentence in sentences:
        encoded = vocabulary.encode(sentence)
        assert encoded == [kept.index(word) + 4 if word in kept else UNK for word in sentence]
        assert vocabulary.decode(encoded) == [word if word in kept else "<unk>" for word in sentence]
        assert all(word in vocabulary for word in kept)


@given(sentences)
def test_a_word_that_looks_like_a_symbol_is_a_word(sentences):
    vocabulary = Vocabulary.build(sentences)
    for sentence in sentences:
        encoded = vocabulary.encode(sentence)
        assert not {PAD, BOS, EOS, UNK}.intersection(encoded)
        assert vocabulary.decode(encoded) == sentence
    assert Vocabulary([]).encode(list(SYMBOLS)) == [UNK] * 4
    assert "<pad>" not in Vocabulary([])


def test_the_symbols_come_first():
    vocabulary = Vocabulary(["je"])
    assert vocabulary.decode([PAD, BOS, EOS, UNK, 4], symbols=True) == ["<pad>", "<s>", "</s>", "<unk>", "je"]


@pytest.mark.parametrize("make", [list, torch.tensor])
def test_decoding_stops_at_the_end(make):
    vocabulary = Vocabulary(["je", "t'", "aime"])
    assert vocabulary.decode(make([BOS, PAD, 4, 6, EOS, 5, PAD])) == ["je", "aime"]
    assert vocabulary.decode(make([UNK, 4])) == ["<unk>", "je"]


@given(sentences, st.integers(4, 9))
def test_saved_vocabularies_come_back(sentences, size):
    vocabulary = Vocabulary.build(sentences, size=size)
    again = Vocabulary.from_list(vocabulary.to_list())
    assert again == vocabulary
    assert [again.encode(sentence) for sentence in sentences] == [vocabulary.encode(sentence) for sentence in sentences]


def test_what_comes_out_does_not_lead_in():
    vocabulary = Vocabulary(["je"])
    vocabulary.to_list().append("tu")
    assert len(vocabulary) == 5
    assert vocabulary != Vocabulary(["tu"])
    assert vocabulary != ["je"]


def test_coverage():
    vocabulary = Vocabulary(["a", "b"])
    assert vocabulary.coverage([["a", "b", "c"], [], ["a"]]) == 0.75
    with raises("coverage is a share of at least one token, got none"):
        vocabulary.coverage([[]])


def test_generators_will_do():
    assert Vocabulary.build(iter([("a", "b"), ("a",)])).to_list()[4:] == ["a", "b"]


def test_bad_vocabularies():
    with raises("a word has one id, but 'b' is there 2 times"):
        Vocabulary(["a", "b", "b"])
    with raises("a saved vocabulary starts with <pad> <s> </s> <unk>, got je"):
        Vocabulary.from_list(["je"])
    with raises("a saved vocabulary starts with <pad> <s> </s> <unk>, got nothing"):
        Subwords.from_list([])
    for kind in (Vocabulary, Subwords):
        with raises("size counts the 4 symbols too, so it is at least 4; got 3"):
            kind.build([["a"]], size=3)
        with raises("minimum must be at least 1, got 0"):
            kind.build([["a"]], size=9, minimum=0)


def test_texts_are_no_tokens():
    message = "tokens must be a list of str, got the text 'je'; cut it up with tokenize first"
    for action in (Vocabulary, Vocabulary(["je"]).encode, Vocabulary.from_list, lambda text: Vocabulary.build([text])):
        with raises(message, TypeError):
            action("je")


@pytest.mark.parametrize("number", [-1, 5])
def test_ids_lie_in_the_vocabulary(number):
    with raises(f"ids go from 0 to 4, got {number}"):
        Vocabulary(["je"]).decode([4, number])


# Subwords

texts = st.lists(
    st.lists(st.text(alphabet="abcé<>/pdsnku'", min_size=1, max_size=6), min_size=1, max_size=6), min_size=1, max_size=6
)


def merged_by_hand(words, merges):
    """Apply merges one after the other to words, the slow way."""
    pieces = []
    for word in words:
        parts = [WORD_START, *word]
        for left, right in merges:
            place = 0
            while place < len(parts) - 1:
                if (parts[place], parts[place + 1]) == (left, right):
                    parts[place : place + 2] = [left + right]
                place += 1
        pieces.extend(parts)
    return pieces


@settings(max_examples=40)
@given(texts, st.integers(30, 60))
def test_subwords_come_back(sentences, size):
    subwords = Subwords.build(sentences, size=size)
    assert len(subwords) <= size
    for sentence in sentences:
        encoded = subwords.encode(sentence)
        assert not {PAD, BOS, EOS, UNK}.intersection(encoded)
        assert max(encoded) < len(subwords)
        assert subwords.decode([BOS, *encoded, EOS, PAD]) == sentence
        assert subwords.encode(" ".join(sentence)) == encoded


@settings(max_examples=40)
@given(texts, st.integers(24, 60))
def test_merges_apply_in_their_order(sentences, size):
    subwords = Subwords.build(sentences, size=size)
    merges = [line.split(" ") for line in subwords.to_list() if " " in line]
    for sentence in sentences:
        assert subwords.decode(subwords.encode(sentence), symbols=True) == merged_by_hand(sentence, merges)


def test_the_most_frequent_neighbours_are_joined_first():
    words = ["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3
    subwords = Subwords.build([words], size=40)
    first = next(line for line in subwords.to_list() if " " in line)
    pairs = Counter(pair for word in words for pair in zip(WORD_START + word, word, strict=False))
    assert pairs[tuple(first.split(" "))] == max(pairs.values()) == 9


def test_bigger_subwords_write_shorter():
    sentences = [tokenize(text, "fr") for text in FRENCH]
    lengths = [
        sum(len(subwords.encode(sentence)) for sentence in sentences)
        for subwords in (Subwords.build(sentences, size=size) for size in (80, 150, 300))
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] < 0.5 * lengths[0]


@settings(max_examples=20)
@given(texts)
def test_saved_subwords_come_back(sentences):
    subwords = Subwords.build(sentences, size=50)
    again = Subwords.from_list(subwords.to_list())
    assert again == subwords
    assert len(again) == len(subwords)
    for sentence in sentences:
        assert again.encode(sentence) == subwords.encode(sentence)
        assert again.decode(subwords.encode(sentence)) == sentence


def test_the_same_text_gives_the_same_subwords():
    assert Subwords.build([list(ENGLISH)], size=200) == Subwords.build([list(ENGLISH)], size=200)
    assert Subwords.build([list(ENGLISH)], size=200) != Subwords.build([list(ENGLISH)], size=150)


def test_joint_subwords_write_both_languages():
    english, french = ([tokenize(text, code) for text in texts] for code, texts in (("en", ENGLISH), ("fr", FRENCH)))
    subwords = Subwords.build([*english, *french], size=250)
    for sentence in [*english, *french]:
        assert subwords.decode(subwords.encode(sentence)) == sentence
    assert subwords.coverage([*english, *french]) == 1


def test_characters_that_were_not_there():
    subwords = Subwords.build([["ab", "abc"]], size=20)
    assert subwords.encode(["aé"]) == [*subwords.encode(["a"]), UNK]
    assert subwords.decode(subwords.encode(["ab", "éab"])) == ["ab", "<unk>ab"]
    assert subwords.coverage([["ab", "é"]]) == pytest.approx(2 / 3)


def test_symbols_in_the_text_are_no_symbols():
    sentence = ["<pad>", "<s>", "</s>", "<unk>"]
    subwords = Subwords.build([sentence] * 9, size=80)
    encoded = subwords.encode(sentence)
    assert min(encoded) > UNK
    assert subwords.decode(encoded) == sentence
    assert subwords.decode([PAD, BOS, EOS, UNK], symbols=True) == list(SYMBOLS)


def test_the_mark_of_a_word_is_no_character():
    assert Subwords.build([["a_b"]], size=20).decode(Subwords.build([["a_b"]], size=20).encode(["a▁b"])) == ["a_b"]


def test_a_minimum_keeps_rare_pieces_apart():
    subwords = Subwords.build([["ab", "ab", "cd"]], size=40, minimum=2)
    assert subwords.decode(subwords.encode(["ab", "cd"]), symbols=True) == ["▁ab", "▁", "c", "d"]


def test_two_ways_to_one_piece():
    subwords = Subwords(["▁", "a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "bc"), ("ab", "c")])
    assert len(subwords) == 4 + 4 + 3
    assert subwords.decode(subwords.encode(["abc"])) == ["abc"]
    assert Subwords.from_list(subwords.to_list()) == subwords


def test_odd_sequences_of_pieces():
    subwords = Subwords.build([["ab"]], size=5 + 4)
    assert subwords.decode([]) == subwords.decode([BOS, EOS]) == []
    inner = subwords.decode(range(len(subwords)), symbols=True).index("b")
    assert subwords.decode([inner, inner]) == ["bb"]
    with raises(f"ids go from 0 to {len(subwords) - 1}, got 99"):
        subwords.decode([99])


def test_bad_subwords():
    with raises("size must be at least 8, got 7: the sentences have 4 characters, and there are 4 symbols"):
        Subwords.build([["abc"]], size=7)
    with raises("subwords are built from at least one word, got none"):
        Subwords.build([[]], size=20)
    with raises("merge of 'ab' and 'c' comes before both of them are pieces"):
        Subwords(["a", "b", "c"], [("ab", "c")])
    with raises("coverage is a share of at least one token, got none"):
        Subwords.build([["a"]], size=20).coverage([])
