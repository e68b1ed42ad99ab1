"""Answers to ``words_read(target, own, coins)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def shifted(own, first=1):
    return torch.cat([torch.full_like(own[:, :1], first), own[:, :-1]], dim=1)


@right("a loop over sentences and steps")
def loop(target, own, coins):
    read = []
    for b in range(len(target)):
        row = [1]
        for t in range(1, own.shape[1]):
            row.append(int(target[b, t]) if coins[b, t] else int(own[b, t - 1]))
        read.append(row)
    return torch.tensor(read)


@right("step by step, the columns stacked")
def stacked(target, own, coins):
    columns = [target[:, 0]]
    for t in range(1, own.shape[1]):
        columns.append(torch.where(coins[:, t], target[:, t], own[:, t - 1]))
    return torch.stack(columns, dim=1)


@right("a copy of the right words, overwritten where the coin says so")
def overwritten(target, own, coins):
    read = target[:, :-1].clone()
    places = ~coins[:, 1:]
    read[:, 1:][places] = own[:, :-1][places]
    return read


@right("arithmetic with the coins")
def arithmetic(target, own, coins):
    heads = coins.long()
    return heads * target[:, :-1] + (1 - heads) * shifted(own)


@right("NumPy inside")
def numpy_inside(target, own, coins):
    said = np.roll(own.numpy(), 1, axis=1)
    said[:, 0] = 1
    return np.where(coins.numpy(), target.numpy()[:, :-1], said)


@right("the first coin set to True, masked_scatter")
def first_coin_set(target, own, coins):
    coins = coins.clone()
    coins[:, 0] = True
    return torch.where(coins, target[:, :-1], own.roll(1, dims=1))


@right("gathered from both side by side")
def gathered(target, own, coins):
    both = torch.stack([shifted(own), target[:, :-1]])
    return both.gather(0, coins.long()[None])[0]


@wrong(
    "reads the word that it has to say",
    "A step reads the very word that it has to say: the right word before it is target[:, t].",
)
def right_word_of_this_step(target, own, coins):
    return torch.where(coins, target[:, 1:], shifted(own))


@wrong(
    "reads its own word of the same step",
    "A step reads its own word of the same step, which is not said yet: take that of the step before.",
)
def own_word_of_this_step(target, own, coins):
    read = torch.where(coins, target[:, :-1], own)
    read[:, 0] = 1
    return read


@wrong(
    "own word of the same step, BOS forgotten",
    "A step reads its own word of the same step, and the first step does not read BOS.",
)
def own_word_of_this_step_without_bos(target, own, coins):
    return torch.where(coins, target[:, :-1], own)


@wrong("neither is shifted", "Neither the right words nor the decoder's own are those of the step before.")
def not_shifted(target, own, coins):
    return torch.where(coins, target[:, 1:], own)


@wrong(
    "padding instead of BOS where the first coin is False",
    "The first step reads BOS, whatever its coin says; here it reads padding.",
)
def padding_first(target, own, coins):
    return torch.where(coins, target[:, :-1], shifted(own, 0))


@wrong(
    "own words rolled round",
    "The first step reads BOS, whatever its coin says; here it reads the last word: roll goes round.",
)
def rolled(target, own, coins):
    return torch.where(coins, target[:, :-1], own.roll(1, dims=1))


@wrong("the coin inverted", "The coin is turned round: True means the right word.")
def inverted(target, own, coins):
    return torch.where(coins, shifted(own), target[:, :-1])


@wrong("one coin for all", "The decoder's own words are read always. Does one coin decide for the whole batch?")
def one_coin(target, own, coins):
    return torch.where(coins[0, 0], target[:, :-1], shifted(own))


@wrong("one coin a sentence", "One coin decides for a whole sentence: there is one for each step.")
def one_coin_a_sentence(target, own, coins):
    return torch.where(coins[:, :1], target[:, :-1], shifted(own))


@wrong("one coin a step, that of the first sentence", "The coins of the first sentence decide for all sentences.")
def one_coin_a_step(target, own, coins):
    return torch.where(coins[:1], target[:, :-1], shifted(own))


@wrong("the coin of the step before", "The coin of the step before decides: that of step t decides what step t reads.")
def coin_before(target, own, coins):
    return torch.where(coins.roll(1, dims=1), target[:, :-1], shifted(own))


@wrong("the coin of the step after", "The coin of the next step decides: that of step t decides what step t reads.")
def coin_after(target, own, coins):
    return torch.where(coins.roll(-1, dims=1), target[:, :-1], shifted(own))


@wrong("the right words always", "The right words are read always: the coins have no influence.")
def always_right(target, own, coins):
    return target[:, :-1].clone()


@wrong(
    "the right words always, not shifted", "These are the words to be said: the decoder reads what comes before them."
)
def what_is_to_be_said(target, own, coins):
    return target[:, 1:].clone()


@wrong("own words always", "The decoder's own words are read always. Does one coin decide for the whole batch?")
def always_own(target, own, coins):
    return shifted(own)


@wrong(
    "once its own, always its own",
    "After one False every later step reads its own word: each coin decides for its step alone.",
)
def own_for_good(target, own, coins):
    coins = coins.clone()
    coins[:, 0] = True
    return torch.where(coins.long().cumprod(dim=1).bool(), target[:, :-1], shifted(own))


@wrong(
    "own word of two steps before",
    "The own word is that of two steps before: one comes right before step t, own[:, t - 1].",
)
def two_before(target, own, coins):
    return torch.where(coins, target[:, :-1], shifted(shifted(own)))


@wrong(
    "right word of two steps before",
    "The right word is that of two steps before: the one right before is target[:, t], as target begins with BOS.",
)
def right_two_before(target, own, coins):
    return torch.where(coins, shifted(target[:, :-1]), shifted(own))


@wrong(
    "padding is read where target has it",
    "Places after the end follow the same rule: here padding is read whatever the coin says.",
)
def padding_kept(target, own, coins):
    return torch.where(coins | (target[:, :-1] == 0), target[:, :-1], shifted(own))


@wrong(
    "EOS and padding are read where target has them",
    "Places after the end follow the same rule: here EOS and padding are read whatever the coin says.",
)
def end_kept(target, own, coins):
    known = (target[:, :-1] == 0) | (target[:, :-1] == 2)
    return torch.where(coins | known, target[:, :-1], shifted(own))


@wrong("one step too many", "There is one step too many: nothing is read after the last step.")
def one_too_many(target, own, coins):
    heads = torch.cat([coins, torch.ones_like(coins[:, :1])], dim=1)
    return torch.where(heads, target, torch.cat([target[:, :1], own], dim=1))


@wrong("BOS left out", "The first step is missing: it reads BOS.")
def first_left_out(target, own, coins):
    return torch.where(coins, target[:, :-1], shifted(own))[:, 1:]


@wrong("only the first sentence", "Only the first sentence of the batch is there.")
def first_sentence(target, own, coins):
    return torch.where(coins, target[:, :-1], shifted(own))[0]


@wrong("fits five steps", None)
def five_steps(target, own, coins):
    read = target[:, :-1].clone()
    for t in range(1, min(5, own.shape[1])):
        read[:, t] = torch.where(coins[:, t], target[:, t], own[:, t - 1])
    return read


@wrong("writes into the coins", "coins was changed by the call")
def writes_into_coins(target, own, coins):
    coins[:, 0] = True
    return torch.where(coins, target[:, :-1], own.roll(1, dims=1))


@wrong("writes into the own words", "own was changed by the call")
def writes_into_own(target, own, coins):
    own[:, 1:] = own[:, :-1].clone()
    own[:, 0] = 1
    return torch.where(coins, target[:, :-1], own)


@wrong("writes into the target", "target was changed by the call")
def writes_into_target(target, own, coins):
    read = target[:, :-1]
    read[:] = torch.where(coins, read, shifted(own))
    return read
