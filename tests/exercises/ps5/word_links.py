"""Answers to ``word_links(weights, source, target)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong

PAD, BOS, EOS, UNK = 0, 1, 2, 3


def links(weights, source, target, *, symbols=(PAD, EOS), shift=1, masked=True, best=torch.argmax, pair=None):
    pair = pair or (lambda k, i: (k, i))
    answer = []
    for w, words, said in zip(weights, source, target, strict=True):
        number = int((words != PAD).sum()) if masked else len(words)
        found = set()
        for i in range(len(w)):
            if int(said[i + shift]) not in symbols:
                found.add(pair(int(best(w[i, :number])), i))
        answer.append(found)
    return answer


@right("a loop over all weights of a row")
def loop(weights, source, target):
    answer = []
    for b in range(len(weights)):
        found, i = set(), 0
        while target[b, i + 1] not in (EOS, PAD):
            best = 0
            for k in range(source.shape[1]):
                if source[b, k] != PAD and weights[b, i, k] > weights[b, i, best]:
                    best = k
            found.add((best, i))
            i += 1
        answer.append(found)
    return answer


@right("cut to the lengths, then argmax")
def cut(weights, source, target):
    keys = (source != PAD).sum(dim=1)
    words = (target != PAD).sum(dim=1) - 2
    answer = []
    for w, n, m in zip(weights, keys, words, strict=True):
        answer.append({(int(k), i) for i, k in enumerate(w[:m, :n].argmax(dim=1))})
    return answer


@right("weights times the mask, NumPy, lists of lists come back")
def numpy_inside(weights, source, target):
    best = (weights.numpy() * (source.numpy() != PAD)[:, None, :]).argmax(axis=2)
    real = target.numpy()[:, 1:] > EOS
    return [[[row[i], i] for i in np.flatnonzero(places)] for row, places in zip(best, real, strict=True)]


@right("all links of the batch at once, then sorted into sets")
def nonzero(weights, source, target):
    best = torch.where((source == PAD)[:, None, :], -torch.inf, weights).max(dim=-1).indices
    answer = [set() for _ in range(len(source))]
    for b, i in (target[:, 1:] >= UNK).nonzero().tolist():
        answer[b].add((best[b, i].item(), i))
    return answer


@right("a mask times -1e9 added")
def added(weights, source, target):
    return links(weights.double() - 1e9 * (source == PAD)[:, None], source, target)


@right("the place of EOS gives the number of words; tensors in the pairs")
def place_of_end(weights, source, target):
    ends = (target == EOS).long().argmax(dim=1)
    answer = []
    for b, end in enumerate(ends.tolist()):
        order = [weights[b, i][source[b] > 0].argsort(descending=True)[0] for i in range(end - 1)]
        answer.append({(k, torch.tensor(i)) for i, k in enumerate(order)})
    return answer


@right("sorted in Python, frozen sets")
def sorted_rows(weights, source, target):
    answer = []
    for w, x, y in zip(weights.tolist(), source.tolist(), target.tolist(), strict=True):
        keys = [k for k, word in enumerate(x) if word != PAD]
        pairs = [
            (max(keys, key=row.__getitem__), i) for i, (row, word) in enumerate(zip(w, y[1:], strict=True)) if word > 2
        ]
        answer.append(frozenset(pairs))
    return answer


@wrong("pairs turned round", "The pairs are turned round: the source word comes first.")
def turned(weights, source, target):
    return links(weights, source, target, pair=lambda k, i: (i, k))


@wrong("EOS keeps its row", "EOS has a link: leave its row out.")
def end_kept(weights, source, target):
    return links(weights, source, target, symbols=(PAD,))


@wrong("all rows", "Every row gives a link: leave out those of EOS and of padding.")
def all_rows(weights, source, target):
    return links(weights, source, target, symbols=())


@wrong(
    "only the last row left out",
    "The last row was left out in every sentence: a shorter one has EOS earlier, and padding.",
)
def last_row_left_out(weights, source, target):
    return links(weights[:, :-1], source, target, symbols=())


@wrong("padding rows kept", "Padding of the target has a link.")
def padding_rows(weights, source, target):
    return links(weights, source, target, symbols=(EOS,))


@wrong("padding columns kept", "Padding of the source has a link: take the largest weight among the words.")
def padding_columns(weights, source, target):
    return links(weights, source, target, masked=False)


@wrong(
    "links to padding thrown away",
    "A word whose largest weight is on padding got no link: take the largest among the words.",
)
def padding_thrown_away(weights, source, target):
    return [
        {(k, i) for k, i in found if words[k] != PAD}
        for found, words in zip(padding_columns(weights, source, target), source, strict=True)
    ]


@wrong("neither rows nor columns are masked", "Every row gives a link, and padding of the source has some.")
def nothing_masked(weights, source, target):
    return links(weights, source, target, symbols=(), masked=False)


@wrong("EOS keeps its row, padding columns kept", "EOS has a link, and so has padding of the source.")
def end_and_columns(weights, source, target):
    return links(weights, source, target, symbols=(PAD,), masked=False)


@wrong("UNK left out in the target", "UNK has no link in the target: it is a word like the others.")
def unknown_left_out(weights, source, target):
    return links(weights, source, target, symbols=(PAD, EOS, UNK))


@wrong("UNK left out in the source", "UNK gets no link in the source: it is a word like the others.")
def unknown_source(weights, source, target):
    return links(weights.masked_fill((source == UNK)[:, None], -1.0), source, target)


@wrong(
    "UNK left out on both sides",
    "UNK has no link, neither in the source nor in the target: it is a word like the others.",
)
def unknown_both(weights, source, target):
    return links(weights.masked_fill((source == UNK)[:, None], -1.0), source, target, symbols=(PAD, EOS, UNK))


@wrong(
    "rows of the words that were read",
    "Row t was taken for the word that step t reads: it belongs to target[:, t + 1], which the step has to say.",
)
def rows_of_read_words(weights, source, target):
    return links(weights, source, target, symbols=(PAD, BOS, EOS), shift=0)


@wrong(
    "rows of read words, counted without BOS",
    "The rows are one too late: row t belongs to target[:, t + 1], and the first row to the first word.",
)
def rows_one_too_late(weights, source, target):
    return links(weights, source, target, symbols=(PAD, BOS, EOS), shift=0, pair=lambda k, i: (k, i - 1))


@wrong(
    "BOS counted among the target words", "The target words are counted with BOS: the first word after it is word 0."
)
def begin_counted(weights, source, target):
    return links(weights, source, target, pair=lambda k, i: (k, i + 1))


@wrong("counted from 1", "The words are counted from 1: the first is word 0.")
def from_one(weights, source, target):
    return links(weights, source, target, pair=lambda k, i: (k + 1, i + 1))


@wrong("source words counted from 1", "The source words are counted from 1: the first is word 0.")
def source_from_one(weights, source, target):
    return links(weights, source, target, pair=lambda k, i: (k + 1, i))


@wrong("ids instead of places", "A link holds places, not the ids of the words.")
def ids(weights, source, target):
    return [
        {(int(x[k]), int(y[i + 1])) for k, i in found}
        for found, x, y in zip(links(weights, source, target), source, target, strict=True)
    ]


@wrong(
    "the best target word of each source word",
    "Each source word got its best target word: it is each target word that gets its best source word.",
)
def other_axis(weights, source, target):
    answer = []
    for w, x, y in zip(weights, source, target, strict=True):
        n, m = int((x != PAD).sum()), int((y > EOS).sum())
        answer.append({(k, int(w[:m, k].argmax())) for k in range(n)})
    return answer


@wrong("the smallest weight", "The smallest weights were taken.")
def smallest(weights, source, target):
    return links(weights, source, target, best=torch.argmin)


@wrong("all weights above a half", "Weights above 1/2 were taken: each word has one link, that of its largest weight.")
def above_half(weights, source, target):
    answer = []
    for w, x, y in zip(weights, source, target, strict=True):
        n, m = int((x != PAD).sum()), int((y > EOS).sum())
        answer.append({(k, i) for i, k in (w[:m, :n] > 0.5).nonzero().tolist()})
    return answer


@wrong(
    "all weights above the mean",
    "Weights above the mean of a row were taken: each word has one link, that of its largest weight.",
)
def above_mean(weights, source, target):
    answer = []
    for w, x, y in zip(weights, source, target, strict=True):
        n, m = int((x != PAD).sum()), int((y > EOS).sum())
        answer.append({(k, i) for i, k in (w[:m, :n] > 1 / w.shape[1]).nonzero().tolist()})
    return answer


@wrong("no source word twice", "No source word has two links here: it may have several.")
def no_word_twice(weights, source, target):
    answer = []
    for w, x, y in zip(weights, source, target, strict=True):
        n, m, found, used = int((x != PAD).sum()), int((y > EOS).sum()), set(), set()
        for i in range(m):
            free = [k for k in range(n) if k not in used]
            if free:
                k = max(free, key=lambda k, i=i, w=w: float(w[i, k]))
                used.add(k)
                found.add((k, i))
        answer.append(found)
    return answer


@wrong("the diagonal", "The links are along the diagonal: the weights have no influence.")
def diagonal(weights, source, target):
    answer = []
    for x, y in zip(source, target, strict=True):
        n, m = int((x != PAD).sum()), int((y > EOS).sum())
        answer.append({(min(i, n - 1), i) for i in range(m)})
    return answer


@wrong("the first sentence alone", "Only the first sentence has links.")
def first_sentence(weights, source, target):
    return links(weights[:1], source[:1], target[:1])


@wrong("one set for the batch", None)
def one_set(weights, source, target):
    return set().union(*links(weights, source, target))


@wrong("one list of links with the number of the sentence", None)
def one_list(weights, source, target):
    return [(b, k, i) for b, found in enumerate(links(weights, source, target)) for k, i in found]


@wrong(
    "the first sentence's lengths for all",
    "The first sentence's words decide for all sentences: each has its own number.",
)
def first_lengths(weights, source, target):
    return links(weights, source[:1].expand_as(source), target[:1].expand_as(target))


@wrong(
    "the list emptied for each sentence",
    "Only the last sentence has links, and it stands first: is the list emptied for each?",
)
def last_sentence(weights, source, target):
    return links(weights[-1:], source[-1:], target[-1:])


@wrong("the last word of the target is dropped", "The last word before EOS has no link: is one row too many left out?")
def last_word_dropped(weights, source, target):
    answer = []
    for found in links(weights, source, target):
        last = max((i for _, i in found), default=0)
        answer.append({(k, i) for k, i in found if i != last})
    return answer


@wrong("the last source word is dropped", "The last word of a source sentence gets no link: the source has no EOS.")
def last_source_word(weights, source, target):
    shorter = source.clone()
    for row in shorter:
        n = int((row != PAD).sum())
        if n > 1:
            row[n - 1] = PAD
    return links(weights, shorter, target)


@wrong("sentences of another number of rows and columns are transposed", None)
def transposed_if_square(weights, source, target):
    if weights.shape[1] < weights.shape[2]:
        return links(weights, source, target, best=torch.argmin)
    return links(weights, source, target)


@wrong("writes into the weights", "weights was changed by the call")
def writes(weights, source, target):
    weights.masked_fill_((source == PAD)[:, None], -1.0)
    return links(weights, source, target)
