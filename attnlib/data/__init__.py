"""Pairs of sentences in two languages: made, read, cut into tokens, split and batched."""
