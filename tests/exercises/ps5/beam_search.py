"""Answers to ``beam_search(log_probs, next_state, beam, alpha, max_length)``."""

import heapq
import itertools
import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong

PAD, BOS, EOS, UNK = 0, 1, 2, 3


def lp(n, alpha):
    return ((5 + n) / 6) ** alpha


def search(
    log_probs,
    next_state,
    beam,
    alpha,
    max_length,
    *,
    lowest=EOS,
    banned=(),
    normaliser=lp,
    outcomes_of=None,
    complete_of=lambda outcomes, beam: outcomes[:beam],
    open_of=lambda outcomes, beam: [o for o in outcomes if o[1][-1] != EOS][:beam],
    score_of=None,
    enough=None,
    final=None,
    choose=max,
):
    """Search with one part or another exchanged; an outcome is (sum, words, state)."""
    score_of = score_of or (lambda total, n: total / normaliser(n, alpha))
    vocabulary = [word for word in range(lowest, log_probs.shape[1]) if word not in banned]
    table, to = log_probs.tolist(), next_state.tolist()
    opened, complete = [(0.0, [], 0)], []
    for n in range(1, max_length + 1):
        outcomes = [
            (total + table[state][word], [*words, word], to[state][word])
            for total, words, state in opened
            for word in vocabulary
        ]
        outcomes = outcomes_of(outcomes) if outcomes_of else outcomes
        outcomes.sort(key=lambda outcome: -outcome[0])
        ended = [o for o in complete_of(outcomes, beam) if o[1][-1] == EOS]
        complete += [(score_of(total, n), words[:-1]) for total, words, _ in ended]
        opened = open_of(outcomes, beam)
        if not opened or (enough and enough(complete, opened, n)):
            break
    cut = [(score_of(total, n), words) for total, words, _ in opened]
    complete = final(complete, cut) if final else complete or cut
    score, words = choose(complete)
    return words, score


@right("a heap of the most probable, tuples, min of the negative scores")
def heap(log_probs, next_state, beam, alpha, max_length):
    opened, complete = {(): (0.0, 0)}, []
    for n in range(1, max_length + 1):
        outcomes = {}
        for words, (total, state) in opened.items():
            for word in range(2, log_probs.shape[1]):
                outcomes[(*words, word)] = (total + log_probs[state, word].item(), next_state[state, word].item())
        for words in heapq.nlargest(beam, outcomes, key=lambda words: outcomes[words][0]):
            if words[-1] == EOS:
                complete.append((-outcomes[words][0] / lp(n, alpha), list(words[:-1])))
        going = [words for words in outcomes if words[-1] != EOS]
        opened = {words: outcomes[words] for words in heapq.nlargest(beam, going, key=lambda words: outcomes[words][0])}
    complete = complete or [(-total / lp(max_length, alpha), list(words)) for words, (total, _) in opened.items()]
    score, words = min(complete)
    return words, -score


@right("tensors and topk, the flat place taken apart")
def topk(log_probs, next_state, beam, alpha, max_length):
    vocab = log_probs.shape[1]
    totals, states, words = torch.zeros(1, dtype=log_probs.dtype), torch.zeros(1, dtype=torch.long), [[]]
    best, answer = -torch.inf, None
    for n in range(1, max_length + 1):
        scores = totals[:, None] + log_probs[states]
        scores[:, :EOS] = -torch.inf
        number = len(words) * (vocab - EOS)
        _, places = scores.reshape(-1).topk(min(beam, number))
        for place in places.tolist():
            row, word = divmod(place, vocab)
            if word == EOS and scores[row, word] / lp(n, alpha) > best:
                best, answer = scores[row, word] / lp(n, alpha), words[row]
        scores[:, EOS] = -torch.inf
        totals, places = scores.reshape(-1).topk(min(beam, number - len(words)))
        rows, said = places // vocab, places % vocab
        states = next_state[states[rows], said]
        words = [words[row] + [word] for row, word in zip(rows.tolist(), said.tolist(), strict=True)]
    if answer is None:
        return words[0], totals[0] / lp(max_length, alpha)
    return answer, best


@right("NumPy inside, stops when nothing better can come")
def stops_early(log_probs, next_state, beam, alpha, max_length):
    def enough(complete, opened, n):
        bound = max(total for total, _, _ in opened) / lp(max_length, alpha)
        return bool(complete) and max(complete)[0] >= bound

    words, score = search(log_probs, next_state, beam, alpha, max_length, enough=enough)
    return np.array(words), np.float64(score)


@right("classes of beginnings, sorted once a length")
def records(log_probs, next_state, beam, alpha, max_length):
    opened = [{"words": [], "state": 0, "sum": 0.0}]
    complete = []
    for n in range(1, max_length + 1):
        outcomes = []
        for begun in opened:
            row = log_probs[begun["state"]]
            for word, log_p in enumerate(row.tolist()):
                if word in (PAD, BOS):
                    continue
                state = int(next_state[begun["state"], word])
                outcomes.append({"words": begun["words"] + [word], "state": state, "sum": begun["sum"] + log_p})
        outcomes = sorted(outcomes, key=lambda outcome: outcome["sum"])[::-1]
        opened = []
        for rank, outcome in enumerate(outcomes):
            if outcome["words"][-1] == EOS:
                if rank < beam:
                    complete.append(outcome | {"score": outcome["sum"] / ((5 + n) / 6) ** alpha})
            elif len(opened) < beam:
                opened.append(outcome)
    if not complete:
        complete = [outcome | {"score": outcome["sum"] / lp(max_length, alpha)} for outcome in opened]
    best = max(complete, key=lambda outcome: outcome["score"])
    return [word for word in best["words"] if word != EOS], best["score"]


@right("only the best beam words of each beginning are looked at, and one more for EOS")
def best_of_each(log_probs, next_state, beam, alpha, max_length):
    opened, complete = [(0.0, (), 0)], []
    for n in range(1, max_length + 1):
        outcomes = []
        for total, words, state in opened:
            row = log_probs[state].numpy().copy()
            row[:EOS] = -np.inf
            for word in np.argsort(-row)[: min(beam + 1, len(row) - EOS)]:
                outcomes.append((total + row[word], (*words, int(word)), int(next_state[state, word])))
        outcomes.sort(reverse=True)
        complete += [(total / lp(n, alpha), words) for total, words, _ in outcomes[:beam] if words[-1] == EOS]
        opened = [outcome for outcome in outcomes if outcome[1][-1] != EOS][:beam]
    if complete:
        score, words = max(complete)
        return list(words[:-1]), score
    return list(opened[0][1]), opened[0][0] / lp(max_length, alpha)


@right("recursive over the lengths")
def recursive(log_probs, next_state, beam, alpha, max_length, n=1, opened=((0.0, [], 0),), best=None):
    outcomes = sorted(
        (
            (total + float(log_probs[state, word]), [*words, word], int(next_state[state, word]))
            for total, words, state in opened
            for word in range(2, log_probs.shape[1])
        ),
        reverse=True,
    )
    for total, words, _ in outcomes[:beam]:
        score = total * lp(n, -alpha)
        if words[-1] == EOS and (best is None or score > best[1]):
            best = words[:-1], score
    opened = [outcome for outcome in outcomes if outcome[1][-1] != EOS][:beam]
    if n == max_length:
        return best or (opened[0][1], opened[0][0] * lp(n, -alpha))
    return recursive(log_probs, next_state, beam, alpha, max_length, n + 1, opened, best)


@wrong("greedy", "This is what greedy decoding finds: keep `beam` beginnings open.")
def greedy(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, 1, alpha, max_length)


@wrong("a beam one wider", "More was kept than the best `beam` of all outcomes.")
def one_wider(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam + 1, alpha, max_length)


@wrong(
    "beam beginnings of each beginning",
    "More was kept than the best `beam` of all outcomes.",
)
def kept_of_each(log_probs, next_state, beam, alpha, max_length):
    def best(outcomes):
        kept = []
        for _, group in itertools.groupby(outcomes, key=lambda outcome: outcome[1][:-1]):
            kept += sorted(group, key=lambda outcome: -outcome[0])[:beam]
        return kept

    return search(
        log_probs,
        next_state,
        beam,
        alpha,
        max_length,
        outcomes_of=best,
        complete_of=lambda outcomes, beam: outcomes,
        open_of=lambda outcomes, beam: [outcome for outcome in outcomes if outcome[1][-1] != EOS],
    )


@wrong("all sentences", "More was kept than the best `beam` of all outcomes.")
def exhaustive(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, 10**9, alpha, min(max_length, 5))


@wrong(
    "complete sentences are forgotten",
    "Complete sentences were forgotten: put them aside, and compare them at the end.",
)
def complete_forgotten(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, complete_of=lambda outcomes, beam: [])


@wrong(
    "only those complete at the last length count",
    "Not all complete sentences were compared: was the longest taken, or only those of the last length?",
)
def last_length(log_probs, next_state, beam, alpha, max_length):
    def complete_of(outcomes, beam):
        return outcomes[:beam] if len(outcomes[0][1]) == max_length else []

    return search(
        log_probs,
        next_state,
        beam,
        alpha,
        max_length,
        complete_of=complete_of,
    )


@wrong("complete sentences go on", "Sentences went on after EOS: never continue those that are complete.")
def complete_go_on(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, open_of=lambda outcomes, beam: outcomes[:beam])


@wrong("EOS a word like others", "Complete sentences were forgotten: put them aside, and compare them at the end.")
def end_a_word(log_probs, next_state, beam, alpha, max_length):
    words, score = search(
        log_probs,
        next_state,
        beam,
        alpha,
        max_length,
        complete_of=lambda outcomes, beam: [],
        open_of=lambda outcomes, beam: outcomes[:beam],
    )
    return words, score


@wrong(
    "complete sentences take places of open ones",
    "The beam became narrower with each complete sentence: `beam` beginnings that did not end stay open.",
)
def narrower(log_probs, next_state, beam, alpha, max_length):
    def open_of(outcomes, beam):
        return [outcome for outcome in outcomes[:beam] if outcome[1][-1] != EOS]

    return search(log_probs, next_state, beam, alpha, max_length, open_of=open_of)


@wrong("every ending counts", "More was kept than the best `beam` of all outcomes.")
def every_ending(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, complete_of=lambda outcomes, beam: outcomes)


@wrong(
    "stops at the first complete sentence",
    "The search stopped too early, or the sentence was chosen by log P: a longer one has a better score.",
)
def first_complete(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, enough=lambda complete, opened, n: complete)


@wrong(
    "stops when the most probable outcome is complete",
    "The search stopped too early, or the sentence was chosen by log P: a longer one has a better score.",
)
def most_probable_complete(log_probs, next_state, beam, alpha, max_length):
    ended = []

    def complete_of(outcomes, beam):
        ended.append(outcomes[0][1][-1] == EOS)
        return outcomes[:beam]

    return search(log_probs, next_state, beam, alpha, max_length, complete_of=complete_of, enough=lambda *_: ended[-1])


@wrong(
    "stops at as many complete sentences as the beam is wide",
    "The search stopped too early, or the sentence was chosen by log P: a longer one has a better score.",
)
def as_many_complete(log_probs, next_state, beam, alpha, max_length):
    return search(
        log_probs, next_state, beam, alpha, max_length, enough=lambda complete, opened, n: len(complete) >= beam
    )


@wrong(
    "stops when no open log-probability is above the best score",
    "The search stopped too early, or the sentence was chosen by log P: a longer one has a better score.",
)
def unsound_stop(log_probs, next_state, beam, alpha, max_length):
    def enough(complete, opened, n):
        return complete and opened[0][0] < max(complete)[0]

    return search(log_probs, next_state, beam, alpha, max_length, enough=enough)


@wrong("not divided", "The score is log P: it is not divided by lp(n).")
def not_divided(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, normaliser=lambda n, alpha: 1.0)


@wrong(
    "not divided when chosen",
    "The search stopped too early, or the sentence was chosen by log P: a longer one has a better score.",
)
def divided_late(log_probs, next_state, beam, alpha, max_length):
    words, total = search(log_probs, next_state, beam, alpha, max_length, normaliser=lambda n, alpha: 1.0)
    return words, total / lp(min(len(words) + 1, max_length), alpha)


@wrong("the log-probability comes back", "The score is log P: it is not divided by lp(n).")
def log_probability_back(log_probs, next_state, beam, alpha, max_length):
    words, score = search(log_probs, next_state, beam, alpha, max_length)
    return words, score * lp(min(len(words) + 1, max_length), alpha)


@wrong("multiplied by the penalty", "log P was multiplied by lp(n): divide.")
def multiplied_by_penalty(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, normaliser=lambda n, alpha: lp(n, -alpha))


@wrong("EOS not counted in n", "EOS is not counted in n: it is a word of the outcome.")
def end_not_counted(log_probs, next_state, beam, alpha, max_length):
    return search(
        log_probs,
        next_state,
        beam,
        alpha,
        max_length,
        normaliser=lambda n, alpha: lp(n - 1, alpha),
        final=lambda complete, cut: (
            complete or [(s * lp(max_length - 1, alpha) / lp(max_length, alpha), w) for s, w in cut]
        ),
    )


@wrong("BOS counted in n", "lp(n) has 6 + n in place of 5 + n: is BOS counted? It is read, not said.")
def begin_counted(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, normaliser=lambda n, alpha: lp(n + 1, alpha))


@wrong("divided by the length", "log P was divided by n: divide by lp(n).")
def divided_by_length(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, normaliser=lambda n, alpha: n)


@wrong(
    "divided by a power of the length",
    "log P was divided by n to the power of alpha: lp(n) is (5 + n)/6 to that power.",
)
def power_of_length(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, normaliser=lambda n, alpha: n**alpha)


@wrong("alpha as a factor", "alpha is a factor here: it is an exponent.")
def alpha_a_factor(log_probs, next_state, beam, alpha, max_length):
    return search(
        log_probs,
        next_state,
        beam,
        alpha,
        max_length,
        normaliser=lambda n, alpha: (5 + n) / 6 * alpha if alpha else 1.0,
    )


@wrong("alpha forgotten", "alpha was not used: it is the exponent.")
def alpha_forgotten(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, normaliser=lambda n, alpha: (5 + n) / 6)


@wrong("the power before the division", "The power came before the division: 6 belongs under it, too.")
def power_first(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, normaliser=lambda n, alpha: (5 + n) ** alpha / 6)


@wrong("5 + n/6", "The division came before the sum: it is (5 + n)/6.")
def division_first(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, normaliser=lambda n, alpha: (5 + n / 6) ** alpha)


@wrong("6 + n", "lp(n) has 6 + n in place of 5 + n: is BOS counted? It is read, not said.")
def six_and_n(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, normaliser=lambda n, alpha: ((6 + n) / 6) ** alpha)


@wrong("divided by the penalty at max_length", "Every sentence was divided by lp(max_length): n is its own length.")
def penalty_of_longest(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, normaliser=lambda n, alpha: lp(max_length, alpha))


@wrong(
    "the sum is divided again at every length",
    "The sum was divided by lp(n) and carried on so: keep log P as it is, and divide only for the score.",
)
def divided_again(log_probs, next_state, beam, alpha, max_length):
    def divided(outcomes):
        return [(total / lp(len(words), alpha), words, state) for total, words, state in outcomes]

    return search(log_probs, next_state, beam, alpha, max_length, outcomes_of=divided, normaliser=lambda n, alpha: 1.0)


@wrong("log-probabilities multiplied", "Logarithms were multiplied: the logarithm of a product is a sum.")
def multiplied(log_probs, next_state, beam, alpha, max_length):
    return _combined(log_probs, next_state, beam, alpha, max_length, 1.0, lambda total, log_p: total * log_p)


@wrong(
    "log-probabilities multiplied, from a sum of 0",
    "Logarithms were multiplied, and with 0 at that: the logarithm of a product is a sum.",
)
def multiplied_from_zero(log_probs, next_state, beam, alpha, max_length):
    return _combined(log_probs, next_state, beam, alpha, max_length, 0.0, lambda total, log_p: total * log_p)


@wrong("probabilities added", "Probabilities were added: add their logarithms.")
def probabilities_added(log_probs, next_state, beam, alpha, max_length):
    return _combined(log_probs, next_state, beam, alpha, max_length, 0.0, lambda total, log_p: total + math.exp(log_p))


@wrong("probabilities multiplied, no logarithm", "This is a score of P, not of log P.")
def probabilities_multiplied(log_probs, next_state, beam, alpha, max_length):
    return _combined(log_probs, next_state, beam, alpha, max_length, 1.0, lambda total, log_p: total * math.exp(log_p))


@wrong("the last word's probability alone", "Only the last word's logarithm counts here: add those of all words.")
def last_word(log_probs, next_state, beam, alpha, max_length):
    return _combined(log_probs, next_state, beam, alpha, max_length, 0.0, lambda total, log_p: log_p)


def _combined(log_probs, next_state, beam, alpha, max_length, start, combine):
    opened, complete = [(start, [], 0)], []
    for n in range(1, max_length + 1):
        outcomes = [
            (combine(total, float(log_probs[state, word])), [*words, word], int(next_state[state, word]))
            for total, words, state in opened
            for word in range(2, log_probs.shape[1])
        ]
        outcomes.sort(key=lambda outcome: -outcome[0])
        complete += [(total / lp(n, alpha), words[:-1]) for total, words, _ in outcomes[:beam] if words[-1] == EOS]
        opened = [outcome for outcome in outcomes if outcome[1][-1] != EOS][:beam]
    score, words = max(complete or [(total / lp(n, alpha), words) for total, words, _ in opened])
    return words, score


@wrong("EOS costs nothing", "The logarithm of EOS is missing in log P.")
def end_costs_nothing(log_probs, next_state, beam, alpha, max_length):
    free = log_probs.clone()

    def outcomes_of(outcomes):
        return outcomes

    words, score = search(free, next_state, beam, alpha, max_length, outcomes_of=outcomes_of)
    state = 0
    for word in words:
        state = int(next_state[state, word])
    n = len(words) + 1
    return (words, score - float(log_probs[state, EOS]) / lp(n, alpha)) if n <= max_length else (words, score)


@wrong(
    "beginnings in the same state are merged",
    "Of beginnings in the same state, or with the same last word, only one was kept: they have other words.",
)
def merged(log_probs, next_state, beam, alpha, max_length):
    def open_of(outcomes, beam):
        kept = {}
        for outcome in outcomes:
            if outcome[1][-1] != EOS:
                kept.setdefault(outcome[2], outcome)
        return list(kept.values())[:beam]

    return search(log_probs, next_state, beam, alpha, max_length, open_of=open_of)


@wrong(
    "no two beginnings with the same last word",
    "Of beginnings in the same state, or with the same last word, only one was kept: they have other words.",
)
def same_last_word(log_probs, next_state, beam, alpha, max_length):
    def open_of(outcomes, beam):
        kept = {}
        for outcome in outcomes:
            if outcome[1][-1] != EOS:
                kept.setdefault(outcome[1][-1], outcome)
        return list(kept.values())[:beam]

    return search(log_probs, next_state, beam, alpha, max_length, open_of=open_of)


@wrong("PAD and BOS are said", "PAD or BOS was said: they never are.")
def symbols_said(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, lowest=0)


@wrong("BOS is said", "PAD or BOS was said: they never are.")
def begin_said(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, lowest=1)


@wrong("UNK is not said", "UNK is never said here: it is a word like the others.")
def unknown_banned(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, banned=(UNK,))


@wrong(
    "the states stay with their places",
    "The states were not moved with the beginnings: an outcome's next state is that of its own beginning.",
)
def states_stay(log_probs, next_state, beam, alpha, max_length):
    def open_of(outcomes, beam):
        kept = [outcome for outcome in outcomes if outcome[1][-1] != EOS][:beam]
        states = [0]
        if len(kept[0][1]) > 1:
            states = open_of.states
        open_of.states = [
            int(next_state[states[min(place, len(states) - 1)], words[-1]]) for place, (_, words, _) in enumerate(kept)
        ]
        return [(total, words, state) for (total, words, _), state in zip(kept, open_of.states, strict=True)]

    return search(log_probs, next_state, beam, alpha, max_length, open_of=open_of)


@wrong("always in state 0", "The state stays 0: each word leads to another one.")
def same_state(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, torch.zeros_like(next_state), beam, alpha, max_length)


@wrong("the word's column of state 0", "The next state was looked up in row 0: it depends on the state, too.")
def row_zero(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state[:1].expand_as(next_state), beam, alpha, max_length)


@wrong("one length more", "One length too many: no sentence has more than max_length words, EOS counted.")
def one_more(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length + 1)


@wrong("one length less", "One length too few: sentences may have max_length words, EOS counted.")
def one_less(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max(1, max_length - 1))


@wrong(
    "open beginnings compete with complete sentences",
    "An open beginning won: complete sentences come first, if there are any.",
)
def cut_compete(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, final=lambda complete, cut: complete + cut)


@wrong(
    "the worst score",
    "The best score was not taken: the largest is the best, not the smallest, and not the last one found.",
)
def worst(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, choose=min)


@wrong("the score nearest to 0 turned positive", "The sign of the score is turned: log P is negative.")
def sign(log_probs, next_state, beam, alpha, max_length):
    words, score = search(log_probs, next_state, beam, alpha, max_length)
    return words, -score


@wrong("base 2", "The logarithms are those of base 2; log_probs are natural ones, so add them as they are.")
def base_two(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs / math.log(2), next_state, beam, alpha, max_length)


@wrong(
    "the longest sentence",
    "Not all complete sentences were compared: was the longest taken, or only those of the last length?",
)
def longest(log_probs, next_state, beam, alpha, max_length):
    return search(
        log_probs,
        next_state,
        beam,
        alpha,
        max_length,
        choose=lambda all_: max(all_, key=lambda one: (len(one[1]), one)),
    )


@wrong(
    "the complete sentence that was found last",
    "The best score was not taken: the largest is the best, not the smallest, and not the last one found.",
)
def found_last(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length, choose=lambda complete: complete[-1])


@wrong("EOS is returned", "EOS is among the words: it is not returned.")
def end_returned(log_probs, next_state, beam, alpha, max_length):
    words, score = search(log_probs, next_state, beam, alpha, max_length)
    return ([*words, EOS] if len(words) < max_length else words), score


@wrong("BOS is returned", "BOS is among the words: it is read, not said.")
def begin_returned(log_probs, next_state, beam, alpha, max_length):
    words, score = search(log_probs, next_state, beam, alpha, max_length)
    return [BOS, *words], score


@wrong("the words the other way round", "The words are in the wrong order.")
def backwards(log_probs, next_state, beam, alpha, max_length):
    words, score = search(log_probs, next_state, beam, alpha, max_length)
    return words[::-1], score


@wrong("nothing comes back if nothing is complete", "Nothing is complete here: the best open beginning comes back.")
def nothing_back(log_probs, next_state, beam, alpha, max_length):
    return search(
        log_probs, next_state, beam, alpha, max_length, final=lambda complete, cut: complete or [(-math.inf, [])]
    )


@wrong("an open beginning loses its last word", "The open beginning lost its last word: there is no EOS to take off.")
def last_word_lost(log_probs, next_state, beam, alpha, max_length):
    return search(
        log_probs,
        next_state,
        beam,
        alpha,
        max_length,
        final=lambda complete, cut: complete or [(s, w[:-1]) for s, w in cut],
    )


@wrong("an open beginning's score is not divided", None)
def open_not_divided(log_probs, next_state, beam, alpha, max_length):
    return search(
        log_probs,
        next_state,
        beam,
        alpha,
        max_length,
        final=lambda complete, cut: complete or [(s * lp(max_length, alpha), w) for s, w in cut],
    )


@wrong("topk fails where there are fewer outcomes than the beam is wide", None)
def too_wide(log_probs, next_state, beam, alpha, max_length):
    log_probs[0, 2:].topk(beam)
    return search(log_probs, next_state, beam, alpha, max_length)


@wrong("a beam of at most 3", None)
def at_most_three(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, min(beam, 3), alpha, max_length)


@wrong("a beam of at least 2", None)
def at_least_two(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, max(beam, 2), alpha, max_length)


@wrong("no more than 6 words", None)
def six_words(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, min(max_length, 6))


@wrong("the score first", None)
def score_first(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length)[::-1]


@wrong("the words alone", None)
def words_alone(log_probs, next_state, beam, alpha, max_length):
    return search(log_probs, next_state, beam, alpha, max_length)[0]


@wrong("writes -inf into the table", "log_probs was changed by the call")
def writes(log_probs, next_state, beam, alpha, max_length):
    log_probs[:, :2] = -math.inf
    return search(log_probs, next_state, beam, alpha, max_length)
