"""Answers to ``greedy(log_probs, next_state, max_length)``."""

import itertools
import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong

PAD, BOS, EOS, UNK = 0, 1, 2, 3


def walk(
    log_probs,
    next_state,
    max_length,
    *,
    banned=(PAD, BOS),
    ends=(EOS,),
    choose=torch.argmax,
    move=lambda next_state, state, word: int(next_state[state, word]),
):
    words, state = [], 0
    for _ in range(max_length):
        row = log_probs[state].clone()
        row[list(banned)] = -math.inf if choose is torch.argmax else math.inf
        word = int(choose(row))
        if word in ends:
            break
        words.append(word)
        state = move(next_state, state, word)
    return words


@right("the symbols' logarithms set to -inf in a copy of the table")
def copied_table(log_probs, next_state, max_length):
    log_probs = log_probs.clone()
    log_probs[:, :2] = -torch.inf
    best = log_probs.argmax(dim=1).tolist()
    words, state = [], 0
    while len(words) < max_length and best[state] != EOS:
        words.append(best[state])
        state = next_state[state, best[state]]
    return words


@right("everything said first, then cut at EOS")
def cut_afterwards(log_probs, next_state, max_length):
    words = walk(log_probs, next_state, max_length, ends=())
    return words[: words.index(EOS)] if EOS in words else words


@right("NumPy inside, an array comes back")
def numpy_inside(log_probs, next_state, max_length):
    table, to = log_probs.numpy(), next_state.numpy()
    words, state = [], 0
    for _ in range(max_length):
        word = int(np.argmax(table[state, 2:])) + 2
        if word == EOS:
            return np.array(words)
        words.append(word)
        state = to[state, word]
    return np.array(words)


@right("recursive")
def recursive(log_probs, next_state, max_length, state=0):
    if max_length == 0:
        return []
    word = max(range(2, log_probs.shape[1]), key=lambda y: float(log_probs[state, y]))
    if word == EOS:
        return []
    return [word, *recursive(log_probs, next_state, max_length - 1, int(next_state[state, word]))]


@right("sorted words, the first that is allowed; words as tensors")
def sorted_words(log_probs, next_state, max_length):
    words, state = [], 0
    for _ in range(max_length):
        order = log_probs[state].argsort(descending=True)
        word = next(y for y in order if y not in (PAD, BOS))
        if word == EOS:
            break
        words.append(word)
        state = next_state[state, word]
    return words


@right("a batch of one, tensors to the end")
def batch_of_one(log_probs, next_state, max_length):
    state, said = torch.zeros(1, dtype=torch.long), []
    for _ in range(max_length):
        word = log_probs[state, EOS:].softmax(dim=-1).argmax(dim=-1) + EOS
        if (word == EOS).all():
            break
        said.append(word)
        state = next_state[state, word]
    return torch.cat(said) if said else torch.tensor([], dtype=torch.long)


@wrong("EOS is returned", "EOS is in the answer: it ends the sentence, and is not returned.")
def end_returned(log_probs, next_state, max_length):
    words = walk(log_probs, next_state, max_length, ends=())
    return words[: words.index(EOS) + 1] if EOS in words else words


@wrong("BOS is returned", "BOS is in the answer: the decoder reads it, and does not say it.")
def begin_returned(log_probs, next_state, max_length):
    return [BOS, *walk(log_probs, next_state, max_length)]


@wrong("goes on after EOS", "The sentence went on after EOS.")
def goes_on(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, ends=())


@wrong("goes on after EOS, which is left out", "The sentence went on after EOS, which was left out.")
def goes_on_without_end(log_probs, next_state, max_length):
    return [word for word in walk(log_probs, next_state, max_length, ends=()) if word != EOS]


@wrong("PAD and BOS are said", "Padding was said: it is the most probable there, and is never said.")
def symbols_said(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, banned=())


@wrong("PAD is said", "Padding was said: it is the most probable there, and is never said.")
def padding_said(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, banned=(BOS,))


@wrong("BOS is said", "BOS was said: it is the most probable there, and is never said.")
def begin_said(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, banned=(PAD,))


@wrong(
    "PAD ends the sentence", "Nothing was said: was padding taken for the end, or the smallest logarithm for the best?"
)
def padding_ends(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, banned=(), ends=(PAD, BOS, EOS))


@wrong("BOS ends the sentence", "BOS was taken for the end: where it is most probable, the most probable word counts.")
def begin_ends(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, banned=(PAD,), ends=(BOS, EOS))


@wrong(
    "PAD and BOS are said and left out afterwards",
    "PAD and BOS were said and then left out, so that the decoder went to the wrong state.",
)
def left_out_afterwards(log_probs, next_state, max_length):
    return [word for word in walk(log_probs, next_state, max_length, banned=()) if word > EOS]


@wrong("UNK is not said", "UNK is never said here: it is a word like the others.")
def unknown_banned(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, banned=(PAD, BOS, UNK))


@wrong("EOS is not said", "EOS is never said here, so that the sentence does not end.")
def end_banned(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, banned=(PAD, BOS, EOS))


@wrong(
    "the place in the row without symbols",
    "The words are too small by 2: the place was counted after PAD and BOS were taken off.",
)
def place_without_symbols(log_probs, next_state, max_length):
    return [word - 2 for word in walk(log_probs, next_state, max_length)]


@wrong("always in state 0", "The state stays 0: after each word, go to the next one.")
def same_state(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, move=lambda to, state, word: state)


@wrong("the word as the next state", None)
def word_as_state(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, move=lambda to, state, word: word % len(to))


@wrong("the next state of state 0", "The next state was looked up in row 0: it depends on the state, too.")
def row_zero(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, move=lambda to, state, word: int(to[0, word]))


@wrong("state and word swapped in the table", None)
def swapped(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, move=lambda to, state, word: int(to[word % len(to), state]))


@wrong("states in their order", "The states were gone through in their order: next_state says where a word leads.")
def states_in_order(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, move=lambda to, state, word: (state + 1) % len(to))


@wrong(
    "the state after the word's neighbour",
    "The next state is that of the word before in the row: is an offset missing?",
)
def offset_in_move(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, move=lambda to, state, word: int(to[state, word - 2]))


@wrong(
    "the least probable word",
    "Nothing was said: was padding taken for the end, or the smallest logarithm for the best?",
)
def least_probable(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length, choose=torch.argmin)


@wrong(
    "one state for each word said, all of them from state 0",
    "All words were taken from state 0, the most probable first.",
)
def row_sorted(log_probs, next_state, max_length):
    order = log_probs[0].argsort(descending=True).tolist()
    order = [word for word in order if word > 1]
    return order[: order.index(EOS)][:max_length]


@wrong("one word too few at most", "A sentence that is cut off has max_length words; here the last is missing.")
def one_too_few(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length - 1)


@wrong("one word too many at most", "A sentence that is cut off has max_length words; here there is one more.")
def one_too_many(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length + 1)


@wrong("max_length not used", "max_length was not looked at.")
def no_limit(log_probs, next_state, max_length):
    return walk(log_probs, next_state, 1000)


@wrong(
    "a sentence that is cut off is dropped",
    "A sentence that has not ended is returned as far as it came; here nothing comes back.",
)
def dropped(log_probs, next_state, max_length):
    words = walk(log_probs, next_state, max_length + 1)
    return words if len(words) < max_length else []


@wrong("padded to max_length", "The answer is padded to max_length: return the words alone.")
def padded(log_probs, next_state, max_length):
    words = walk(log_probs, next_state, max_length)
    return words + [PAD] * (max_length - len(words))


@wrong("no word twice", "No word comes twice here: a word may be said again.")
def no_word_twice(log_probs, next_state, max_length):
    words, state = [], 0
    for _ in range(max_length):
        row = log_probs[state].clone()
        row[[PAD, BOS, *words]] = -math.inf
        word = int(row.argmax())
        if word == EOS:
            break
        words.append(word)
        state = int(next_state[state, word])
    return words


@wrong("stops where a state comes again", None)
def state_again(log_probs, next_state, max_length):
    words, state, seen = [], 0, set()
    while state not in seen and len(words) < max_length:
        seen.add(state)
        word = EOS + int(log_probs[state, EOS:].argmax())
        if word == EOS:
            break
        words.append(word)
        state = int(next_state[state, word])
    return words


@wrong("the word that leads to the most probable next word", None)
def looks_ahead(log_probs, next_state, max_length):
    ahead = log_probs + log_probs[:, 2:].amax(dim=1)[next_state]
    ahead[:, EOS] = log_probs[:, EOS]
    return walk(ahead, next_state, max_length)


@wrong(
    "the most probable sentence of all",
    "This is the most probable sentence; greedy decoding takes the most probable word at each step.",
)
def most_probable_sentence(log_probs, next_state, max_length):
    best, found = -math.inf, []
    for length in range(min(max_length, 4)):
        for words in itertools.product(range(3, log_probs.shape[1]), repeat=length):
            state, total = 0, 0.0
            for word in words:
                total += float(log_probs[state, word])
                state = int(next_state[state, word])
            total += float(log_probs[state, EOS])
            if total > best:
                best, found = total, list(words)
    return found


@wrong("draws the words", None)
def drawn(log_probs, next_state, max_length):
    return walk(log_probs.exp(), next_state, max_length, choose=lambda row: row[2:].multinomial(1) + 2)


@wrong("writes -inf into the table", "log_probs was changed by the call")
def writes(log_probs, next_state, max_length):
    log_probs[:, :2] = -math.inf
    return walk(log_probs, next_state, max_length)


@wrong("the words and their log-probability", None)
def two_things(log_probs, next_state, max_length):
    return walk(log_probs, next_state, max_length), 0.0
