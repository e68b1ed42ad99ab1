"""Answers to ``parameter_counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong

SETS = {"rnn": 1, "gru": 3, "lstm": 4}


def recurrent(cell, width, hidden):
    return SETS[cell] * (hidden * width + hidden * hidden + 2 * hidden)


def counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, **changes):
    """Return the right counts, but for the changes, whose names have an underscore for the space."""
    right = {
        "source embedding": source_vocab * embedding_dim,
        "encoder cell": recurrent(cell, embedding_dim, hidden_dim),
        "target embedding": target_vocab * embedding_dim,
        "decoder cell": recurrent(cell, embedding_dim + hidden_dim, hidden_dim),
        "linear layer": target_vocab * hidden_dim + target_vocab,
    }
    return right | {name.replace("_", " "): count for name, count in changes.items()}


def both_cells(cell, embedding_dim, hidden_dim, count):
    """Return the changes that another count of a recurrent cell makes."""
    return {
        "encoder_cell": count(cell, embedding_dim, hidden_dim),
        "decoder_cell": count(cell, embedding_dim + hidden_dim, hidden_dim),
    }


@right("if and elif, every matrix and bias written out")
def written_out(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    if cell == "rnn":
        sets = 1
    elif cell == "gru":
        sets = 3
    else:
        sets = 4
    encoder = sets * (hidden_dim * embedding_dim + hidden_dim * hidden_dim + hidden_dim + hidden_dim)
    decoder = encoder + sets * hidden_dim * hidden_dim
    return {
        "source embedding": source_vocab * embedding_dim,
        "target embedding": target_vocab * embedding_dim,
        "encoder cell": encoder,
        "decoder cell": decoder,
        "linear layer": hidden_dim * target_vocab + target_vocab,
    }


@right("layers of PyTorch, counted")
def layers(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    recurrent_layer = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell]
    parts = {
        "source embedding": torch.nn.Embedding(source_vocab, embedding_dim),
        "encoder cell": recurrent_layer(embedding_dim, hidden_dim),
        "target embedding": torch.nn.Embedding(target_vocab, embedding_dim),
        "decoder cell": recurrent_layer(embedding_dim + hidden_dim, hidden_dim),
        "linear layer": torch.nn.Linear(hidden_dim, target_vocab),
    }
    return {name: sum(parameter.numel() for parameter in part.parameters()) for name, part in parts.items()}


@right("a list of shapes a part, and the products of each")
def shapes(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    def cell_shapes(width):
        rows = SETS[cell] * hidden_dim
        return [(rows, width), (rows, hidden_dim), (rows,), (rows,)]

    parts = {
        "source embedding": [(source_vocab, embedding_dim)],
        "encoder cell": cell_shapes(embedding_dim),
        "target embedding": [(target_vocab, embedding_dim)],
        "decoder cell": cell_shapes(embedding_dim + hidden_dim),
        "linear layer": [(target_vocab, hidden_dim), (target_vocab,)],
    }
    return {name: sum(math.prod(shape) for shape in all_of) for name, all_of in parts.items()}


@right("the parameters made and counted one by one, in a loop")
def made(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    def sizes(width):
        total = 0
        for _ in range(SETS[cell]):
            for shape in [(hidden_dim, width), (hidden_dim, hidden_dim), (hidden_dim,), (hidden_dim,)]:
                total += np.empty(shape, dtype=np.int8).size
        return total

    return dict(
        zip(
            ["source embedding", "target embedding", "encoder cell", "decoder cell", "linear layer"],
            [
                np.empty((source_vocab, embedding_dim), dtype=np.int8).size,
                np.empty((target_vocab, embedding_dim), dtype=np.int8).size,
                sizes(embedding_dim),
                sizes(embedding_dim + hidden_dim),
                np.empty((hidden_dim + 1, target_vocab), dtype=np.int8).size,
            ],
            strict=True,
        )
    )


@right("NumPy integers")
def numpy_integers(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    sizes = np.array([embedding_dim, hidden_dim, 1, 1], dtype=np.int64)
    encoder = SETS[cell] * hidden_dim * sizes.sum()
    return {
        "source embedding": np.int64(source_vocab) * embedding_dim,
        "encoder cell": encoder,
        "target embedding": np.int64(target_vocab) * embedding_dim,
        "decoder cell": encoder + SETS[cell] * np.square(np.int64(hidden_dim)),
        "linear layer": np.dot([hidden_dim, 1], [target_vocab, target_vocab]),
    }


@right("tensors of no dimension")
def tensors(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    answer = counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim)
    return {name: torch.tensor(count) for name, count in answer.items()}


@right("floats that are whole")
def floats(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    answer = counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim)
    return {name: float(count) for name, count in answer.items()}


@wrong("one bias vector in a cell", "PyTorch has two")
def one_bias(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    changes = both_cells(cell, embedding_dim, hidden_dim, lambda kind, w, h: SETS[kind] * h * (w + h + 1))
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, **changes)


@wrong("no biases in a cell", "The biases are missing")
def no_biases(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    changes = both_cells(cell, embedding_dim, hidden_dim, lambda kind, w, h: SETS[kind] * h * (w + h))
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, **changes)


@wrong("one set of biases for all sets of matrices", "three sets of biases as well")
def biases_once(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    changes = both_cells(cell, embedding_dim, hidden_dim, lambda kind, w, h: SETS[kind] * h * (w + h) + 2 * h)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, **changes)


@wrong("no matrix for the state", "matrix for the state is missing")
def no_state_matrix(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    changes = both_cells(cell, embedding_dim, hidden_dim, lambda kind, w, h: SETS[kind] * h * (w + 2))
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, **changes)


@wrong("no matrix for what is read", "matrix for what is read is missing")
def no_input_matrix(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    changes = both_cells(cell, embedding_dim, hidden_dim, lambda kind, w, h: SETS[kind] * h * (h + 2))
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, **changes)


@wrong("a state's matrix of (hidden, sets · hidden) in each set", "in each set")
def gates_twice(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    changes = both_cells(cell, embedding_dim, hidden_dim, lambda kind, w, h: SETS[kind] * h * (w + SETS[kind] * h + 2))
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, **changes)


@wrong("the decoder's cell reads the word alone", "reads the context too")
def no_context(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    decoder = recurrent(cell, embedding_dim, hidden_dim)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, decoder_cell=decoder)


@wrong("the decoder's cell reads the context alone, as in the article's arithmetic", "reads the word vector too")
def no_word(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    decoder = recurrent(cell, hidden_dim, hidden_dim)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, decoder_cell=decoder)


@wrong("a context as long as a word vector", "as long as a hidden vector, not as a word vector")
def short_context(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    decoder = recurrent(cell, 2 * embedding_dim, hidden_dim)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, decoder_cell=decoder)


@wrong("the decoder's state counted with the context, too", "only what is read grows")
def wide_state(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    decoder = SETS[cell] * hidden_dim * (2 * (embedding_dim + hidden_dim) + 2)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, decoder_cell=decoder)


@wrong("the attention weights as parameters of the decoder", "computed, not learned")
def attention_counted(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    decoder = recurrent(cell, embedding_dim + hidden_dim, hidden_dim) + hidden_dim**2
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, decoder_cell=decoder)


@wrong("the linear layer as a part of the decoder", "linear layer is a part of its own")
def linear_in_the_decoder(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    decoder = recurrent(cell, embedding_dim + hidden_dim, hidden_dim) + target_vocab * (hidden_dim + 1)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, decoder_cell=decoder)


@wrong("the encoder reads a context, too", "The encoder reads no context")
def encoder_with_context(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    encoder = recurrent(cell, embedding_dim + hidden_dim, hidden_dim)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, encoder_cell=encoder)


@wrong("the cells read one-hot vectors", "not one-hot vectors")
def one_hot_read(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    encoder = recurrent(cell, source_vocab, hidden_dim)
    decoder = recurrent(cell, target_vocab + hidden_dim, hidden_dim)
    return counts(
        cell, source_vocab, target_vocab, embedding_dim, hidden_dim, encoder_cell=encoder, decoder_cell=decoder
    )


@wrong("embedding_dim and hidden_dim swapped", "A row has embedding_dim numbers")
def dims_swapped(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    return counts(cell, source_vocab, target_vocab, hidden_dim, embedding_dim)


@wrong("embedding_dim and hidden_dim swapped in the encoder's cell", "embedding_dim and hidden_dim are swapped")
def cell_dims_swapped(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    encoder = recurrent(cell, hidden_dim, embedding_dim)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, encoder_cell=encoder)


@wrong("the vocabularies swapped", "vocabularies are swapped")
def vocabularies_swapped(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    return counts(cell, target_vocab, source_vocab, embedding_dim, hidden_dim)


@wrong("the source's vocabulary for the linear layer", "the layer says words of the target")
def source_said(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    linear = source_vocab * (hidden_dim + 1)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, linear_layer=linear)


@wrong("embeddings with a bias", "An embedding has no bias")
def embedding_bias(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    tables = {
        "source_embedding": (source_vocab + 1) * embedding_dim,
        "target_embedding": (target_vocab + 1) * embedding_dim,
    }
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, **tables)


@wrong("four rows for the symbols, once more", "The four symbols are in source_vocab already")
def symbols_added(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    return counts(cell, source_vocab + 4, target_vocab + 4, embedding_dim, hidden_dim)


@wrong("padding's row not counted", "Padding is a row of the table like the others")
def padding_left_out(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    table = (source_vocab - 1) * embedding_dim
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, source_embedding=table)


@wrong("a linear layer without bias", "The bias is missing")
def linear_without_bias(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    linear = target_vocab * hidden_dim
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, linear_layer=linear)


@wrong("a linear layer with a bias as long as its input", "for each word of the target, not of the hidden vector")
def linear_bias_of_input(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    linear = target_vocab * hidden_dim + hidden_dim
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, linear_layer=linear)


@wrong("a linear layer with a bias of one number", "The bias is one number")
def linear_bias_of_one(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    linear = target_vocab * hidden_dim + 1
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, linear_layer=linear)


@wrong("a linear layer with two biases", "A linear layer has one bias vector")
def linear_two_biases(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    linear = target_vocab * (hidden_dim + 2)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, linear_layer=linear)


@wrong("a linear layer of state and context", "the context went into the cell")
def linear_of_both(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    linear = target_vocab * (2 * hidden_dim + 1)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, linear_layer=linear)


@wrong("a linear layer of word vectors", "reads a hidden vector, not a word vector")
def linear_of_words(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    linear = target_vocab * (embedding_dim + 1)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, linear_layer=linear)


@wrong("plain cells, whatever is asked for", "A GRU has three sets of matrices and biases, not one")
def always_plain(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    return counts("rnn", source_vocab, target_vocab, embedding_dim, hidden_dim)


@wrong("two sets for a GRU", "two gates and the new state besides")
def two_gates(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    sets = {"rnn": 1, "gru": 2, "lstm": 4}[cell]
    changes = both_cells(cell, embedding_dim, hidden_dim, lambda kind, w, h: sets * h * (w + h + 2))
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, **changes)


@wrong("GRU and LSTM swapped", "three sets of matrices and biases, an LSTM four")
def gru_and_lstm_swapped(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    other = {"rnn": "rnn", "gru": "lstm", "lstm": "gru"}[cell]
    return counts(other, source_vocab, target_vocab, embedding_dim, hidden_dim)


@wrong("three sets for an LSTM", "three gates and the new memory besides")
def three_gates(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    return counts("gru" if cell == "lstm" else cell, source_vocab, target_vocab, embedding_dim, hidden_dim)


@wrong("an LSTM twice, for its two states", "multiplied by gates only")
def lstm_twice(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    factor = 2 if cell == "lstm" else 1
    changes = both_cells(cell, embedding_dim, hidden_dim, lambda *sizes: factor * recurrent(*sizes))
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, **changes)


@wrong("the decoder a plain cell beside a better encoder", None)
def plain_decoder(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    decoder = recurrent("rnn", embedding_dim + hidden_dim, hidden_dim)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, decoder_cell=decoder)


@wrong("knows the walkthrough and the example only", None)
def hard_coded(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    sizes = (9000, 10000, 300, 500) if source_vocab == 9000 else (6, 7, 2, 3)
    return counts(cell, *sizes)


@wrong("a bias of 1000, as in the walkthrough", None)
def bias_of_the_walkthrough(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    if hidden_dim <= 3:
        return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim)
    changes = both_cells(cell, embedding_dim, hidden_dim, lambda kind, w, h: SETS[kind] * (h * (w + h) + 1000))
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, **changes)


@wrong("returns the sum", "object is not iterable")
def summed(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    return sum(counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim).values())


@wrong("adds the sum to the dict", "and no others")
def with_the_sum(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    answer = counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim)
    return answer | {"together": sum(answer.values())}


@wrong("returns a list", "must return a dict with the keys")
def a_list(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    return list(counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim).values())


@wrong("names with underscores", "must return a dict with the keys")
def underscores(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    answer = counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim)
    return {name.replace(" ", "_"): count for name, count in answer.items()}


@wrong("shapes instead of counts", "the count of the source embedding")
def only_shapes(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    return counts(
        cell, source_vocab, target_vocab, embedding_dim, hidden_dim, source_embedding=(source_vocab, embedding_dim)
    )


@wrong("prints and returns nothing", "without a return statement")
def printed(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    print(counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim))


@wrong("two directions", "one direction")
def two_directions(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    encoder = 2 * recurrent(cell, embedding_dim, hidden_dim)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, encoder_cell=encoder)


@wrong("an LSTM that hands over a context for each of its two states", None)
def two_contexts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    contexts = 2 if cell == "lstm" else 1
    decoder = recurrent(cell, embedding_dim + contexts * hidden_dim, hidden_dim)
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, decoder_cell=decoder)


@wrong("one bias in a GRU, two elsewhere", None)
def one_bias_in_gru(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    answer = counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim)
    if cell == "gru":
        answer["encoder cell"] -= hidden_dim
    return answer


@wrong("in millions", None)
def millions(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    answer = counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim)
    return {name: count / 1e6 for name, count in answer.items()}


@wrong("the source's table for both languages", "the target has 10,000 words")
def shared_table(cell, source_vocab, target_vocab, embedding_dim, hidden_dim):
    table = source_vocab * embedding_dim
    return counts(cell, source_vocab, target_vocab, embedding_dim, hidden_dim, target_embedding=table)
