"""Which characters are punctuation, and which are not there to be seen: one answer for all of attnlib.data."""

import re

PUNCTUATION = re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~¡¢£¤¥¦§¨©«¬®¯°±´¶·¸»¿×÷€…–—―‐‑‘’‚“”„‹›‽•′″、。！？")
"""What goes between the brackets of a character class of ``re``; everything else but white space makes words."""

INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))
"""Soft hyphens, zero-width spaces and marks of direction, as a table for ``str.translate`` that takes them out."""
