"""A translator gives what its parts give, and comes back from its file as it was."""

from dataclasses import replace

import pytest
import torch

from attnlib.data.tokens import Subwords, Vocabulary
from attnlib.decoding import beam_search
from attnlib.seq2seq import Seq2Seq, Seq2SeqConfig
from attnlib.symbols import BOS, EOS, UNK
from attnlib.training import TrainingConfig, train
from attnlib.transformer import Transformer, TransformerConfig
from attnlib.translator import Translator

ENGLISH = Vocabulary(["i", "love", "you", "see", "do", "?"])
FRENCH = Vocabulary(["je", "t'", "aime", "vois", "est", "-ce", "que", "?"])
CONFIG = Seq2SeqConfig(len(ENGLISH), len(FRENCH), embedding_dim=5, hidden_dim=8, max_length=9)


def translator(seed=0, **changes):
    model = Seq2Seq(replace(CONFIG, **changes), seed=seed)
    return Translator(model, ENGLISH, FRENCH, languages=("en", "fr"), lowercase=True)


def test_translations_are_those_of_the_beam_search_of_the_words():
    ours = translator()
    texts = ["I love you", "Do you see?"]
    ids = [ENGLISH.encode(words) for words in (["i", "love", "you"], ["do", "you", "see", "?"])]
    found = beam_search(ours.model, ids, beam=3, n_best=2)
    translations = ours.translate(texts, beam=3, n_best=2)
    assert len(translations) == 4
    for translation, hypothesis in zip(translations, [each for pair in found for each in pair], strict=True):
        said = FRENCH.decode(hypothesis.tokens, symbols=True)
        assert translation.target == said + ["</s>"] * hypothesis.finished
        assert translation.score == hypothesis.score
        torch.testing.assert_close(translation.weights, hypothesis.weights)
        assert translation.weights.shape == (len(translation.target), len(translation.source))


def says(words):
    """Return a translator that says these different words whatever it reads: each follows from the one before."""
    ours = translator()
    model, real = ours.model, ours.model.step
    following = dict(zip([BOS, *words], [*words, EOS], strict=True))

    def step(token, state, memory):
        said = torch.tensor([following.get(word, EOS) for word in token.tolist()])
        logits = 50.0 * torch.nn.functional.one_hot(said, len(FRENCH))
        return real(token, state, memory)._replace(logits=logits)

    model.step = step
    return ours


def test_text_is_written_as_the_language_has_it():
    je, t, aime = FRENCH.encode(["je", "t'", "aime"])
    (translation,) = says([je, t, aime]).translate(["I love you"], beam=1)
    assert translation.text == "je t'aime"
    assert translation.finished


def test_unknown_words_can_be_copied_from_where_the_weights_are_largest():
    ours = says([UNK])
    (plain,) = ours.translate(["I love Zoe"], beam=1)
    (copied,) = ours.translate(["I love Zoe"], beam=1, replace_unknown=True)
    assert plain.text == "<unk>"
    assert plain.source == ["i", "love", "<unk>"]
    assert copied.text == ["i", "love", "zoe"][int(copied.weights[0].argmax())]
    assert copied.target == plain.target


def test_alignment_reads_the_known_words():
    ours = translator(attention="additive")
    pairs = [(["i", "love", "you"], ["je", "t'", "aime"]), (["you"], ["que"])]
    aligned = ours.align(pairs)
    assert [tuple(weights.shape) for weights in aligned] == [(3, 3), (1, 1)]
    memory = ours.model.encode(torch.tensor([ENGLISH.encode(pairs[0][0])]))
    state = ours.model.start(memory)
    for row, word in zip(aligned[0], [BOS, *FRENCH.encode(["je", "t'"])], strict=True):
        step = ours.model.step(torch.tensor([word]), state, memory)
        torch.testing.assert_close(row, step.weights[0])
        state = step.state


def test_no_alignment_without_attention():
    with pytest.raises(ValueError, match="without attention"):
        translator(attention=None).align([(["i"], ["je"])])


@pytest.mark.parametrize(
    "changes", [{}, {"attention": None}, {"cell": "lstm", "attention": "general", "style": "luong"}]
)
def test_comes_back_from_its_file_as_it_was(changes, tmp_path):
    ours = translator(seed=3, **changes)
    ours.save(tmp_path / "model.pt")
    back = Translator.load(tmp_path / "model.pt")
    assert back.model.config == ours.model.config
    assert (back.source, back.target, back.languages, back.lowercase) == (ENGLISH, FRENCH, ("en", "fr"), True)
    before, after = (each.translate(["I love you", "You see"]) for each in (ours, back))
    assert [each.text for each in before] == [each.text for each in after]
    assert [each.score for each in before] == [each.score for each in after]
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_subwords_come_back_too(tmp_path):
    pieces = Subwords.build([["love", "loved", "aime", "aimer"]], size=25)
    model = Seq2Seq(replace(CONFIG, source_vocab=len(pieces), target_vocab=len(pieces), max_length=40), seed=0)
    ours = Translator(model, pieces, pieces)
    ours.save(tmp_path / "model.pt")
    back = Translator.load(tmp_path / "model.pt")
    assert back.source == pieces
    (before,), (after,) = (each.translate(["loved aimer"], max_length=5) for each in (ours, back))
    assert before.text == after.text
    assert "".join(before.source).replace("▁", " ").split() == ["loved", "aimer"]


@pytest.mark.parametrize("changes", [{}, {"positions": "t5", "key_heads": 1, "norm": "post", "tied": "none"}])
def test_a_transformer_comes_back_too_and_aligns(changes, tmp_path):
    sizes = {"dim": 8, "heads": 2, "ffn_dim": 12, "encoder_layers": 1, "decoder_layers": 2}
    config = TransformerConfig(source_vocab=len(ENGLISH), target_vocab=len(FRENCH), **sizes, **changes)
    ours = Translator(Transformer(config, seed=0), ENGLISH, FRENCH, languages=("en", "fr"), lowercase=True)
    ours.save(tmp_path / "model.pt")
    back = Translator.load(tmp_path / "model.pt")
    assert back.model.config == config
    (before,), (after,) = (each.translate(["I love you"], max_length=5) for each in (ours, back))
    assert (before.text, before.score) == (after.text, after.score)
    assert before.weights.shape == (len(before.target), 3)
    source, target = ours.tokenize("I love you", "je")
    (weights,) = back.align([(source, target)])
    seen = back.model.weights(
        torch.tensor([back.source.encode(source)]), torch.tensor([[BOS, *back.target.encode(target)]])
    )
    torch.testing.assert_close(weights, seen.cross[0, 0].mean(dim=0)[: len(target)])


def test_translations_can_be_had_sentence_by_sentence():
    ours = translator()
    each = ours.translate_each(["I love you", "Do you see?"], beam=3, n_best=2)
    assert [len(own) for own in each] == [2, 2]
    together = ours.translate(["I love you", "Do you see?"], beam=3, n_best=2)
    assert [own.text for pair in each for own in pair] == [own.text for own in together]


def test_alignment_that_fails_leaves_the_model_in_its_mode():
    ours = translator()
    ours.model.train()
    with pytest.raises(ValueError, match="max_length"):
        ours.align([(["i"] * 10, ["je"])])
    assert ours.model.training


class TestErrors:
    @pytest.mark.parametrize(
        "changes", [{"model": "Later"}, {"config": {"colour": 3}}, {"weights": {}}, {"source": ["Later", []]}]
    )
    def test_file_of_another_version(self, changes, tmp_path):
        path = tmp_path / "model.pt"
        translator().save(path)
        torch.save(torch.load(path, weights_only=True) | changes, path)
        with pytest.raises(ValueError, match="saved by another version of attnlib"):
            Translator.load(path)

    def test_one_text_is_no_list(self):
        with pytest.raises(TypeError, match="list of sentences"):
            translator().translate("I love you")

    def test_vocabulary_of_another_size(self):
        with pytest.raises(ValueError, match="the target vocabulary has 10 ids but the network has 12"):
            Translator(Seq2Seq(CONFIG, seed=0), ENGLISH, ENGLISH)

    def test_another_kind_of_model(self):
        with pytest.raises(TypeError, match="model must be one of Seq2Seq, Transformer, got Linear"):
            Translator(torch.nn.Linear(2, 2), ENGLISH, FRENCH)

    def test_text_without_words_says_which(self):
        with pytest.raises(ValueError, match="text 1 has no words"):
            translator().translate(["I", "  "])

    def test_text_that_is_too_long(self):
        with pytest.raises(ValueError, match="text 0 has 10 tokens, and the network reads at most 9"):
            translator().translate(["you " * 10])

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            Translator.load(tmp_path / "none.pt")

    def test_truncated_file(self, tmp_path):
        path = tmp_path / "model.pt"
        translator().save(path)
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(ValueError, match=r"damaged.*saved by this version of attnlib"):
            Translator.load(path)

    def test_a_checkpoint_is_no_translator(self, tmp_path):
        model = Seq2Seq(CONFIG, seed=0)
        batch = [(torch.tensor([[4, 5]]), torch.tensor([[1, 4, 2]]))]
        path = tmp_path / "checkpoint.pt"
        train(model, batch, config=TrainingConfig(updates=1), checkpoint=path, progress=False)
        with pytest.raises(ValueError, match="not an attnlib translator, version 1 but an attnlib training checkpoint"):
            Translator.load(path)
