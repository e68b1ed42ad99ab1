"""The four symbols of every vocabulary that are no words, and their ids."""

PAD, BOS, EOS, UNK = 0, 1, 2, 3
"""Ids of padding, begin of sentence, end of sentence, unknown word."""

SYMBOLS = ("<pad>", "<s>", "</s>", "<unk>")
"""How they are written, in the order of their ids."""
