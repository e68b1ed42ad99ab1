"""English-French pairs from a grammar, as many as wanted, with the alignment of every word known.

The French is correct in agreement, elision, contraction, the place of pronouns, negation and the forms of the verbs,
and sentences make some sense. Everything is in lower case, with marks after questions and orders and no full stops.

English leaves open some things that French has to say. The grammar settles them, so that a sentence has one translation

- "you" is *tu*, of a man. It is *vous* where the sentence also names whom it speaks to (``sir``, ``madam``,
  ``my friends``, ``children``), and agrees with that.
- "i" and "we" are men, "they" is *ils*; "it" as an object is *le*, or takes the gender of the noun before "and".
- "ate" and "has eaten" are passé composé, "was eating" and "used to eat" imparfait. With verbs of state (be, have,
  know, love, want ...) the plain past is the imparfait too, as it is for every verb after "if".
- "eats" and "is eating" are the same present. Verbs whose past looks like their present (read, cut) are not used in it
  without "did".
- A friend, a neighbour and most who have a profession are men where nothing says otherwise.

The other way is not unique: *son frère* is "his brother" and "her brother".
"""

import random
from collections.abc import Callable, Iterable

import torch

from attnlib._arrays import require_integers, require_sizes
from attnlib._random import generator
from attnlib.data import _constructions as made
from attnlib.data._drawing import Draw, words_of
from attnlib.data._lexicon import whole_lexicon
from attnlib.data._phrases import assemble
from attnlib.data.pairs import Pair

CONSTRUCTIONS = {
    "intransitive": "a verb without an object: the children are playing in the garden",
    "transitive": "a noun as the object: she eats an apple",
    "object_pronoun": "a pronoun as the object, which French puts before the verb: i love you",
    "indirect_object": "whom it goes to: i give the book to my sister, she speaks to him",
    "two_pronouns": "two pronouns before the French verb: he gives it to me",
    "reflexive": "a verb that is reflexive in French alone: we get up",
    "motion": "a place to go to, come from or live in: they go to the market",
    "copula": "to be and an adjective, which agrees in French: the houses are old",
    "place": "where something is: the cat is under the table",
    "profession": "what somebody is, without an article in French: he is a doctor",
    "existence": "there is a bird in the garden",
    "feeling": "to be in English, to have in French: i am hungry",
    "age": "to be in English, to have in French: she is ten years old",
    "comparison": "more, less and as much: paul is taller than his brother",
    "presentation": "this is my friend",
    "past": "what happened, passé composé: she has gone out, i saw him",
    "imperfect": "what was going on, imparfait: they were singing",
    "future": "what will happen, futur simple: you will see",
    "near_future": "what is going to happen, futur proche",
    "pluperfect": "what had happened, plus-que-parfait",
    "conditional": "what would happen, conditionnel, and on what condition: if i had a car , i would leave",
    "negation": "not, never, no longer: i do not see him",
    "question": "do you see the cat ?",
    "wh_question": "where, when, why, how, what, who, which, how many: what are you reading ?",
    "modal": "can, must, want to ... and an infinitive: i want to see you",
    "imperative": "an order: look at him !",
    "vocative": "you is vous, which a word far away tells: do you see the cat , sir ?",
    "adverb": "often, tomorrow, well ...: i will always love you",
    "possessor": "paul 's book",
    "relative": "the book that i am reading is long",
    "that_clause": "i think that she is tired",
    "because": "he is sleeping because he is tired",
    "coordination": "a pronoun that takes its gender from the noun before: she buys an apple and eats it",
}
"""What each construction of :func:`grammar_pairs` is, with an example."""

_RECIPES: dict[str, Callable] = {
    "existence": made.existence,
    "imperative": made.order,
    **{name: getattr(made, name) for name in CONSTRUCTIONS if name not in ("existence", "imperative")},
}
_RARE = {"age": 0.2, "feeling": 0.2, "reflexive": 0.4, "profession": 0.3, "motion": 0.6, "intransitive": 0.7}
_RARE |= {"object_pronoun": 0.7, "two_pronouns": 0.6, "copula": 0.7}

LEAST_LEMMAS = 45
"""The smallest lexicon in which every construction has something to say."""

_DRAWS_IN_VAIN = 5000


def grammar_pairs(
    count: int,
    *,
    seed: int | torch.Generator,
    constructions: Iterable[str] | None = None,
    lemmas: int | None = None,
    max_words: int | None = None,
) -> list[Pair]:
    """Draw pairs with different English sentences from the grammar.

    Parameters
    ----------
    count : int
        How many pairs.
    seed : int or torch.Generator
        What they are drawn from. A generator goes on from where it is.
    constructions : names from :data:`CONSTRUCTIONS`, optional
        What the sentences may be; everything by default.
    lemmas : int, optional
        Draw from so many of the most basic nouns, verbs, adjectives, adverbs and names, in the proportions of the whole
        lexicon; at least :data:`LEAST_LEMMAS`. Pronouns, articles, numbers, prepositions, to be, and modal verbs are
        always there.
    max_words : int, optional
        Longest sentence on either side, with its question mark and its commas.

    Returns
    -------
    list of Pair
        In the order in which they were drawn, every word of every pair linked.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If the count is below 1, a construction is unknown, the lemmas are too few or more than there are, or 5000 draws
        in a row gave nothing new that is short enough, so that there are hardly ``count`` such pairs.

    Examples
    --------
    >>> for pair in grammar_pairs(3, seed=0, constructions=["object_pronoun"], lemmas=60):
    ...     print(" ".join(pair.source), "|", " ".join(pair.target))
    these birds love him | ces oiseaux l' aiment
    anne is drinking it | anne le boit
    ten teachers drink it | dix professeurs le boivent
    """
    require_sizes(count=count)
    names = _known(constructions)
    words = words_of(_checked_lemmas(lemmas))
    limit = _checked_limit(max_words)
    draw = Draw(words, random.Random(_start(seed)))
    recipes = {_RECIPES[name]: _RARE.get(name, 1.0) for name in names}
    pairs: dict[tuple[str, ...], Pair] = {}
    in_vain = 0
    while len(pairs) < count:
        draw.begin()
        pair = assemble(*draw.weighted(recipes)(draw))
        in_vain += 1
        if max(len(pair.source), len(pair.target)) <= limit and pair.source not in pairs:
            pairs[pair.source] = pair
            in_vain = 0
        elif in_vain == _DRAWS_IN_VAIN:
            raise ValueError(_too_few(count, len(pairs), constructions, lemmas, max_words))
    return list(pairs.values())


def _start(seed: int | torch.Generator) -> int:
    return int(torch.randint(2**62, (), generator=generator(seed)))


def _known(constructions: Iterable[str] | None) -> list[str]:
    if constructions is None:
        return list(CONSTRUCTIONS)
    if isinstance(constructions, str):
        raise TypeError(f"constructions must be several names, got one string; write [{constructions!r}]")
    names = list(dict.fromkeys(constructions))
    for name in names:
        if name not in CONSTRUCTIONS:
            raise ValueError(f"constructions must be among {', '.join(CONSTRUCTIONS)}, got {name!r}")
    if not names:
        raise ValueError("constructions must name at least one, got none; leave the argument out for all of them")
    return names


def _checked_lemmas(lemmas: int | None) -> int | None:
    if lemmas is None:
        return None
    require_integers(lemmas=lemmas)
    most = sum(map(len, whole_lexicon()))
    if not LEAST_LEMMAS <= lemmas <= most:
        raise ValueError(f"lemmas must be from {LEAST_LEMMAS} to {most}, the whole lexicon, got {lemmas}")
    return int(lemmas)


def _checked_limit(max_words: int | None) -> float:
    if max_words is None:
        return float("inf")
    require_sizes(max_words=max_words)
    return max_words


def _too_few(count: int, found: int, constructions: object, lemmas: int | None, max_words: int | None) -> str:
    limits = {"constructions": constructions, "lemmas": lemmas, "max_words": max_words}
    given = [name for name, limit in limits.items() if limit is not None]
    advice = f"; relax {' or '.join(given)}, or ask for fewer" if given else "; ask for fewer"
    return f"asked for {count} pairs, but after {found} there were {_DRAWS_IN_VAIN} draws without a new one{advice}"
