"""The four symbols: their ids are their places."""

from attnlib.symbols import BOS, EOS, PAD, SYMBOLS, UNK


def test_ids_are_places():
    assert [SYMBOLS[symbol] for symbol in (PAD, BOS, EOS, UNK)] == ["<pad>", "<s>", "</s>", "<unk>"]
    assert sorted((PAD, BOS, EOS, UNK)) == list(range(len(SYMBOLS)))


def test_padding_is_zero():
    assert PAD == 0
