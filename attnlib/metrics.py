"""How good translations and alignments are: BLEU and chrF by sacrebleu, exact match, accuracy, alignment error."""

import itertools
import math
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Integer
from sacrebleu.metrics import BLEU, CHRF
from torch import Tensor

from attnlib._arrays import (
    Array,
    is_integer,
    namespace,
    require_count,
    require_floating,
    require_integer,
    require_sizes,
)
from attnlib.symbols import PAD

Link = tuple[int, int]
Links = AbstractSet[Link]


class Score(NamedTuple):
    """A score of sacrebleu's; printed, it says how it was computed."""

    value: float
    """From 0 to 100."""
    signature: str
    """What it takes to compute the same, as number of references, case, tokeniser, smoothing, version."""
    details: dict[str, Any]
    """What it is made of; the function that gives it explains."""

    def __str__(self) -> str:
        return f"{self.details['name']} {self.value:.2f} ({self.signature})"


class Bucket(NamedTuple):
    """BLEU of the sentences in one range of lengths, as :func:`bleu_by_length` gives it."""

    shortest: int
    longest: int | None
    """None: there is no upper end."""
    sentences: int
    score: Score | None
    """None where there are no sentences."""


def bleu(
    hypotheses: Sequence[str],
    references: Sequence[str | Sequence[str]],
    *,
    lowercase: bool = False,
    tokenize: str = "13a",
) -> Score:
    r"""Compute the BLEU score of a corpus.

    .. math:: \mathrm{BLEU} = 100 \, \mathrm{BP} \cdot \Big( \prod_{n=1}^{4} p_n \Big)^{1/4}

    p_n is the share of the hypotheses' n-grams that stand in a reference too, and BP is :func:`brevity_penalty`. A
    count of zero is smoothed (sacrebleu's ``exp``), so that one missing kind of n-gram doesn't make the score zero;
    hypotheses without a single word in common with their references, or all of fewer than four tokens, do score zero.

    Parameters
    ----------
    hypotheses : list of str
        Translations as they are meant to be read, detokenised: BLEU takes them apart by its own rules.
    references : list of str, or of lists of str
        For each hypothesis its reference, or all of them; their number may differ from one sentence to the next.
    lowercase : bool
        Whether to ignore case.
    tokenize : str
        sacrebleu's name of the rules: ``"13a"``, ``"intl"``, ``"char"``, ``"none"``, ...

    Returns
    -------
    Score
        Details: ``precisions`` (100 p_n for n = 1 to 4), ``brevity_penalty``, ``hypothesis_length`` and
        ``reference_length`` in tokens; of several references the one nearest in length counts.

    Raises
    ------
    TypeError
        If something is not a string.
    ValueError
        If there is nothing to score, the numbers of hypotheses and references differ, a sentence has no reference or
        an empty one, or the tokeniser is unknown.

    References
    ----------
    Papineni et al. (2002), doi:10.3115/1073083.1073135, section 2.3; Post (2018), arXiv:1804.08771, for signatures.

    Examples
    --------
    >>> score = bleu(["Je t'aime tellement."], ["Je t'aime beaucoup."])
    >>> round(score.value, 1), score.details["precisions"][0]
    (35.4, 75.0)
    >>> print(str(score)[:58])
    BLEU 35.36 (nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|v
    """
    streams = _streams(hypotheses, references)
    if tokenize not in BLEU.TOKENIZERS:
        raise ValueError(f"tokenize must be one of {', '.join(sorted(BLEU.TOKENIZERS))}, got {tokenize!r}")
    metric = BLEU(lowercase=lowercase, tokenize=tokenize, force=True)  # force: no warning about tokenised sentences
    result = metric.corpus_score(hypotheses, streams)
    details = {
        "name": result.name,
        "precisions": tuple(result.precisions),
        "brevity_penalty": result.bp,
        "hypothesis_length": result.sys_len,
        "reference_length": result.ref_len,
    }
    return Score(float(result.score), str(metric.get_signature()), details)


def bleu_by_length(
    hypotheses: Sequence[str],
    references: Sequence[str | Sequence[str]],
    source_lengths: Sequence[int],
    *,
    edges: Sequence[int] = (5, 10, 15, 20),
    **options: Any,
) -> list[Bucket]:
    """Compute BLEU for short and long source sentences apart.

    Parameters
    ----------
    hypotheses, references, options
        As for :func:`bleu`.
    source_lengths : list of int
        Number of words of each source sentence.
    edges : list of int
        The longest length of each range but the last, rising: 5, 10 make the ranges 1 to 5, 6 to 10, and above 10.

    Returns
    -------
    list of Bucket
        One a range, empty ranges included.

    Raises
    ------
    TypeError, ValueError
        As :func:`bleu`; also if the numbers of lengths and hypotheses differ, a length is below 1, or the edges don't
        rise from 1 or more.

    Examples
    --------
    >>> for bucket in bleu_by_length(["a b c d", "e f g h"], ["a b c d", "e f g x"], [4, 12], edges=[5, 10]):
    ...     print(bucket.shortest, bucket.longest, bucket.sentences, bucket.score and round(bucket.score.value, 1))
    1 5 1 100.0
    6 10 0 None
    11 None 1 59.5
    """
    _streams(hypotheses, references)
    _require_as_many(source_lengths=source_lengths, hypotheses=hypotheses)
    for length in source_lengths:
        require_sizes(**{"a source length": length})
    edges = [0, *edges]
    if any(not is_integer(edge) for edge in edges) or any(low >= high for low, high in itertools.pairwise(edges)):
        raise ValueError(f"edges must be rising integers from 1 on, got {edges[1:]}")
    buckets = []
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        inside = [k for k, length in enumerate(source_lengths) if low < length and (high is None or length <= high)]
        chosen = ([rows[k] for k in inside] for rows in (hypotheses, references))
        buckets.append(Bucket(low + 1, high, len(inside), bleu(*chosen, **options) if inside else None))
    return buckets


def brevity_penalty(hypothesis_length: int, reference_length: int) -> float:
    r"""Return BLEU's factor for translations that are shorter than their references, in tokens of the whole corpus.

    .. math:: \mathrm{BP} = \begin{cases} 1 & \text{if } c > r \\ e^{1 - r/c} & \text{if } c \le r \end{cases}

    Parameters
    ----------
    hypothesis_length : int
        c, in tokens; 0 gives a factor of 0, the limit.
    reference_length : int
        r, in tokens.

    Raises
    ------
    TypeError, ValueError
        If the lengths are not integers, the first negative or the second below 1.

    References
    ----------
    Papineni et al. (2002), doi:10.3115/1073083.1073135, section 2.3.

    Examples
    --------
    >>> brevity_penalty(12, 10), round(brevity_penalty(8, 10), 4)
    (1.0, 0.7788)
    """
    require_count(hypothesis_length=hypothesis_length)
    require_sizes(reference_length=reference_length)
    if hypothesis_length == 0:
        return 0.0
    return min(1.0, math.exp(1 - reference_length / hypothesis_length))


def chrf(
    hypotheses: Sequence[str],
    references: Sequence[str | Sequence[str]],
    *,
    lowercase: bool = False,
    word_order: int = 0,
) -> Score:
    r"""Compute the chrF score of a corpus: an F-score of character n-grams, which gives credit for a right stem.

    .. math:: \mathrm{chrF}_\beta = 100 \, (1 + \beta^2) \frac{P R}{\beta^2 P + R}, \qquad \beta = 2

    P and R are the precision and recall of character n-grams, averaged over n = 1 to 6; spaces don't count.

    Parameters
    ----------
    hypotheses, references, lowercase
        As for :func:`bleu`; of several references the best one counts.
    word_order : int
        Longest n-gram of words that counts too; 2 makes it chrF++.

    Returns
    -------
    Score
        Details: ``character_order``, ``word_order`` and ``beta``.

    Raises
    ------
    TypeError, ValueError
        As :func:`bleu`; also if the word order is not an integer, or negative.

    References
    ----------
    Popović (2015), doi:10.18653/v1/W15-3049; with β = 2, Popović (2016), doi:10.18653/v1/W16-2341.

    Examples
    --------
    >>> round(chrf(["Je t'aime tellement."], ["Je t'aime beaucoup."]).value, 1)
    38.5
    """
    streams = _streams(hypotheses, references)
    require_count(word_order=word_order)
    metric = CHRF(lowercase=lowercase, word_order=word_order)
    result = metric.corpus_score(hypotheses, streams)
    details = {
        "name": result.name,
        "character_order": metric.char_order,
        "word_order": word_order,
        "beta": metric.beta,
    }
    return Score(float(result.score), str(metric.get_signature()), details)


def exact_match(hypotheses: Sequence, references: Sequence) -> float:
    """Return the share of the hypotheses that are the same as their reference, or as one of them.

    Parameters
    ----------
    hypotheses : list of str, or of lists of tokens or ids
    references : list
        For a string the reference or a list of all; for a list of tokens the list of tokens.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    TypeError
        If a hypothesis is compared with something of another kind, which it could never be the same as.
    ValueError
        If there are no hypotheses, or another number of references.

    Examples
    --------
    >>> exact_match(["Je t'aime.", "Oui."], ["Je t'aime.", ["Non.", "Si."]])
    0.5
    >>> exact_match([[4, 5], [6]], [[4, 5], [6, 7]])
    0.5
    """
    _require_sentences(hypotheses, references)
    return sum(map(_is_same, range(len(hypotheses)), hypotheses, references)) / len(hypotheses)


def token_accuracy(
    predicted: Float[Tensor, "*batch length vocab"] | Integer[Tensor, "*batch length"],
    gold: Integer[Tensor, "*batch length"],
) -> float:
    r"""Return the share of the gold words that were predicted, each in its place; padding doesn't count.

    .. math:: \frac{\sum_{bt} [\hat y_{bt} = y_{bt}] \, [y_{bt} \ne \mathrm{PAD}]}{\sum_{bt} [y_{bt} \ne \mathrm{PAD}]}

    Parameters
    ----------
    predicted : (..., length, vocab) or (..., length)
        Logits, whose largest counts, or ids.
    gold : (..., length)
        What a decoder must say, ``target[:, 1:]``: the end of sentence counts.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    TypeError
        If gold does not hold integers, or predicted neither floating-point logits nor integers.
    ValueError
        If the shapes don't fit, or there is no gold word.

    Examples
    --------
    >>> import torch
    >>> token_accuracy(torch.tensor([[4, 5, 2, 0], [4, 2, 7, 7]]), torch.tensor([[4, 5, 6, 2], [4, 2, 0, 0]]))
    0.6666666666666666
    """
    require_integer(gold=gold)
    if predicted.is_floating_point():
        if tuple(predicted.shape[:-1]) != tuple(gold.shape):
            wanted, came = (*gold.shape, "vocab"), tuple(predicted.shape)
            raise ValueError(f"logits must have shape {_shape(wanted)} for gold of that length, got {_shape(came)}")
        predicted = predicted.argmax(dim=-1)
    require_integer(predicted=predicted)
    if predicted.shape != gold.shape:
        raise ValueError(f"predicted has shape {_shape(predicted.shape)} but gold has {_shape(gold.shape)}")
    counts = gold != PAD
    total = int(counts.sum())
    if total == 0:
        raise ValueError(f"gold of shape {_shape(gold.shape)} holds no words, padding alone")
    return int(((predicted == gold) & counts).sum()) / total


def links_from_weights(
    weights: Float[Array, "query key"], threshold: float | None = None, *, drop_eos: bool = False
) -> set[Link]:
    r"""Read an alignment off attention weights: each target word goes with the source word of its largest weight.

    .. math:: A = \{ (k, i) : k = \operatorname*{argmax}_{k'} w_{ik'} \}

    Parameters
    ----------
    weights : (query, key)
        One row a target word, one column a source word, without padding.
    threshold : float or None
        A row whose largest weight is below it gives no link. A row of zeros gives none in any case.
    drop_eos : bool
        Whether the last row belongs to the end of sentence, and is left out.

    Returns
    -------
    set of (source, target)
        Places counted from 0. Of equal weights the first column wins.

    Raises
    ------
    TypeError
        If the weights are not a floating-point array or tensor.
    ValueError
        If they are not a matrix, have no column, hold NaN, or have no row to drop; if the threshold is not in [0, 1].

    Examples
    --------
    The worked alignment of "I love you" and "je t' aime".

    >>> weights = np.array([[0.94, 0.02, 0.04], [0.11, 0.01, 0.88], [0.03, 0.95, 0.02]])
    >>> sorted(links_from_weights(weights))
    [(0, 0), (1, 2), (2, 1)]
    """
    namespace(weights=weights)
    require_floating(weights=weights)
    if weights.ndim != 2 or weights.shape[1] == 0:
        raise ValueError(f"weights must have shape (query, key) with at least one key, got {tuple(weights.shape)}")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be between 0 and 1, got {threshold}")
    if drop_eos and weights.shape[0] == 0:
        raise ValueError("there is no row to drop: weights has none")
    # bfloat16 has no counterpart in NumPy
    rows = weights.detach().cpu().double().numpy() if isinstance(weights, Tensor) else np.asarray(weights)
    if np.isnan(rows).any():
        raise ValueError(f"weights hold NaN in row {int(np.isnan(rows).any(axis=1).argmax())}")
    rows = rows[:-1] if drop_eos else rows
    return {
        (int(row.argmax()), target)
        for target, row in enumerate(rows)
        if row.max() > 0 and (threshold is None or row.max() >= threshold)
    }


def alignment_error_rate(
    predicted: Links | Sequence[Links], sure: Links | Sequence[Links], possible: Links | Sequence[Links] | None = None
) -> float:
    r"""Return the alignment error rate: 0 for an alignment with all sure links and no link that is not possible.

    .. math:: \mathrm{AER}(A; S, P) = 1 - \frac{|A \cap S| + |A \cap P|}{|A| + |S|}

    With lists, counts are summed over the sentences before they are divided, so that long sentences weigh more.

    Parameters
    ----------
    predicted : set of (source, target), or list of such sets
        A, for one sentence or for each of a corpus.
    sure : as predicted
        S, links that an alignment has to have.
    possible : as predicted, or None
        P, links that are no error; they include the sure ones. None: only the sure ones are possible.

    Returns
    -------
    float
        From 0 to 1. A sentence without links adds nothing to a corpus; one whose alignment is not known has to be left
        out, since with no link possible every predicted one is an error.

    Raises
    ------
    TypeError
        If sets and lists are mixed, or a link is not a pair of integers.
    ValueError
        If a sure link is not possible, a place is negative, numbers of sentences differ or are zero, or if there are
        no links at all, neither predicted nor sure: the rate is then 0/0.

    References
    ----------
    Och and Ney (2003), doi:10.1162/089120103321337421.

    Examples
    --------
    >>> sure, possible = {(0, 0), (2, 1)}, {(0, 0), (2, 1), (1, 1)}
    >>> alignment_error_rate({(0, 0), (1, 1), (1, 2)}, sure, possible)
    0.4
    """
    counts = _counted(predicted, sure, possible)
    if counts.predicted + counts.sure == 0:
        raise ValueError("there are no links, neither predicted nor sure, so that the error rate is 0/0")
    # Written so that a perfect alignment gives exactly 0.
    total = counts.predicted + counts.sure
    return (total - counts.predicted_sure - counts.predicted_possible) / total


def alignment_precision(
    predicted: Links | Sequence[Links], sure: Links | Sequence[Links], possible: Links | Sequence[Links] | None = None
) -> float:
    r"""Return the share of the predicted links that are possible.

    .. math:: \mathrm{precision} = \frac{|A \cap P|}{|A|}

    Parameters and errors are those of :func:`alignment_error_rate`; it raises ValueError if no link is predicted.

    References
    ----------
    Och and Ney (2003), doi:10.1162/089120103321337421.

    Examples
    --------
    >>> alignment_precision({(0, 0), (1, 1), (1, 2)}, {(0, 0), (2, 1)}, {(0, 0), (2, 1), (1, 1)})
    0.6666666666666666
    """
    counts = _counted(predicted, sure, possible)
    if counts.predicted == 0:
        raise ValueError("no link is predicted, so that the precision is 0/0")
    return counts.predicted_possible / counts.predicted


def alignment_recall(
    predicted: Links | Sequence[Links], sure: Links | Sequence[Links], possible: Links | Sequence[Links] | None = None
) -> float:
    r"""Return the share of the sure links that are predicted.

    .. math:: \mathrm{recall} = \frac{|A \cap S|}{|S|}

    Parameters and errors are those of :func:`alignment_error_rate`; it raises ValueError if no link is sure.

    References
    ----------
    Och and Ney (2003), doi:10.1162/089120103321337421.

    Examples
    --------
    >>> alignment_recall({(0, 0), (1, 1), (1, 2)}, {(0, 0), (2, 1)})
    0.5
    """
    counts = _counted(predicted, sure, possible)
    if counts.sure == 0:
        raise ValueError("no link is sure, so that the recall is 0/0")
    return counts.predicted_sure / counts.sure


class _Counts(NamedTuple):
    predicted: int
    sure: int
    predicted_sure: int
    predicted_possible: int


def _counted(predicted: Any, sure: Any, possible: Any) -> _Counts:
    """Count links over a corpus; a lone set is a corpus of one sentence."""
    given = {"predicted": predicted, "sure": sure, "possible": sure if possible is None else possible}
    if all(isinstance(links, AbstractSet) for links in given.values()):
        given = {name: [links] for name, links in given.items()}
    for name, sentences in given.items():
        if isinstance(sentences, AbstractSet | str) or not isinstance(sentences, Sequence):
            raise TypeError(f"give all sets of links, or all lists of such sets: {name} is {type(sentences).__name__}")
    _require_as_many(**given)
    triples = list(zip(*given.values(), strict=True))
    for number, triple in enumerate(triples):
        _require_links(number, *triple)
    return _Counts(
        predicted=sum(len(links) for links, _, _ in triples),
        sure=sum(len(gold) for _, gold, _ in triples),
        predicted_sure=sum(len(links & gold) for links, gold, _ in triples),
        predicted_possible=sum(len(links & allowed) for links, _, allowed in triples),
    )


def _require_links(number: int, predicted: Links, sure: Links, possible: Links) -> None:
    for name, links in (("predicted", predicted), ("sure", sure), ("possible", possible)):
        if not isinstance(links, AbstractSet):
            raise TypeError(f"{name} of sentence {number} must be a set of links, got {type(links).__name__}")
        for link in links:
            if not (isinstance(link, tuple) and len(link) == 2 and all(is_integer(place) for place in link)):
                raise TypeError(f"{name} of sentence {number} must hold pairs (source, target), got {link!r}")
            if min(link) < 0:
                raise ValueError(f"{name} of sentence {number} has link {link}; places count from 0")
    missing = sure - possible
    if missing:
        raise ValueError(f"sentence {number} has the sure link {min(missing)}, which is not possible; add it to both")


def _streams(hypotheses: Sequence[str], references: Sequence[str | Sequence[str]]) -> list[list[str | None]]:
    """Lay references out as sacrebleu takes them: the first of each sentence, the second of each, ...; None for no."""
    _require_sentences(hypotheses, references)
    for number, sentence in enumerate(hypotheses):
        _require_text("hypothesis", number, sentence)
    each = [[given] if isinstance(given, str) else given for given in references]
    for number, several in enumerate(each):
        if not isinstance(several, Sequence):
            raise TypeError(f"reference {number} must be a string or a list of them, got {type(several).__name__}")
        if len(several) == 0:
            raise ValueError(f"sentence {number} has no reference")
        for text in several:
            _require_text("reference", number, text)
            if not text.strip():
                raise ValueError(f"reference {number} is empty")
    most = max(map(len, each))
    return [[several[k] if k < len(several) else None for several in each] for k in range(most)]


def _require_text(name: str, number: int, sentence: Any) -> None:
    if not isinstance(sentence, str):
        cure = "; join its tokens with detokenize" if isinstance(sentence, list | tuple) else ""
        raise TypeError(f"{name} {number} must be a string, got {type(sentence).__name__}{cure}")


def _require_sentences(hypotheses: Sequence, references: Sequence) -> None:
    for name, sentences in (("hypotheses", hypotheses), ("references", references)):
        if isinstance(sentences, str) or not isinstance(sentences, Sequence):
            raise TypeError(f"{name} must be a list of sentences, got {type(sentences).__name__}")
    _require_as_many(hypotheses=hypotheses, references=references)


def _require_as_many(**given: Sequence) -> None:
    """Raise unless all lists are of the same length, which isn't 0."""
    counts = {name: len(sentences) for name, sentences in given.items()}
    if len(set(counts.values())) > 1:
        came = " but ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
        raise ValueError(f"there must be one for each sentence: there are {came}")
    if 0 in counts.values():
        raise ValueError(f"there are no sentences: {' and '.join(counts)} are empty")


def _is_same(number: int, hypothesis: Any, reference: Any) -> bool:
    if isinstance(hypothesis, str):
        several = [reference] if isinstance(reference, str) else reference
        if isinstance(several, Iterable):
            several = list(several)
            if all(isinstance(text, str) for text in several):
                return hypothesis in several
    elif isinstance(hypothesis, list | tuple) and isinstance(reference, list | tuple):
        return list(hypothesis) == list(reference)
    raise TypeError(
        f"sentence {number}: {type(hypothesis).__name__} can't be the same as {type(reference).__name__}; "
        "give texts and texts, or lists of tokens and lists of tokens"
    )


def _shape(shape: Iterable) -> str:
    return f"({', '.join(map(str, shape))})"
