"""Answers to ``transformer_parameters(vocab, dim, heads, ffn_dim, layers)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def counts(
    vocab,
    dim,
    ffn_dim,
    layers,
    *,
    attention=None,
    feed_forward=None,
    norm=None,
    table=None,
    encoder=None,
    decoder=None,
    together=None,
):
    """Count; what is given is taken in place of the right number."""
    attention = 4 * (dim * dim + dim) if attention is None else attention
    feed_forward = 2 * dim * ffn_dim + ffn_dim + dim if feed_forward is None else feed_forward
    norm = 2 * dim if norm is None else norm
    table = vocab * dim if table is None else table
    encoder = attention + feed_forward + 2 * norm if encoder is None else encoder
    decoder = 2 * attention + feed_forward + 3 * norm if decoder is None else decoder
    together = table + layers * (encoder + decoder) if together is None else together
    return {"table": table, "encoder layer": encoder, "decoder layer": decoder, "together": together}


def parts(vocab, dim, ffn_dim):
    answer = counts(vocab, dim, ffn_dim, 1)
    return answer["table"], answer["encoder layer"], answer["decoder layer"]


@right("the shapes listed")
def shapes(vocab, dim, heads, ffn_dim, layers):
    attention = [(dim, dim), (dim,)] * 4
    feed_forward = [(ffn_dim, dim), (ffn_dim,), (dim, ffn_dim), (dim,)]
    norm = [(dim,), (dim,)]

    def size(shapes):
        return sum(int(np.prod(shape)) for shape in shapes)

    encoder, decoder = size(attention + norm + feed_forward + norm), size(2 * (attention + norm) + feed_forward + norm)
    return {
        "together": vocab * dim + layers * encoder + layers * decoder,
        "decoder layer": decoder,
        "encoder layer": encoder,
        "table": vocab * dim,
    }


@right("modules of PyTorch that are counted")
def modules(vocab, dim, heads, ffn_dim, layers):
    def size(module):
        return sum(parameter.numel() for parameter in module.parameters())

    linear = torch.nn.Linear
    attention = 4 * size(linear(dim, dim, device="meta"))
    feed_forward = size(linear(dim, ffn_dim, device="meta")) + size(linear(ffn_dim, dim, device="meta"))
    encoder = attention + feed_forward + 4 * dim
    decoder = encoder + attention + 2 * dim
    answer = dict(zip(["table", "encoder layer", "decoder layer"], [vocab * dim, encoder, decoder], strict=True))
    answer["together"] = answer["table"] + layers * (encoder + decoder)
    return answer


@right("polynomials")
def polynomials(vocab, dim, heads, ffn_dim, layers):
    feed_forward = dim * (2 * ffn_dim + 1) + ffn_dim
    encoder = 4 * dim**2 + 8 * dim + feed_forward
    decoder = 8 * dim**2 + 14 * dim + feed_forward
    total = vocab * dim + sum(encoder + decoder for _ in range(layers))
    return {"table": dim * vocab, "encoder layer": encoder, "decoder layer": decoder, "together": total}


@right("a tensor of counts")
def tensors(vocab, dim, heads, ffn_dim, layers):
    answer = counts(vocab, dim, ffn_dim, layers)
    return {name: torch.tensor(number) for name, number in answer.items()}


@right("per head, added up")
def per_head(vocab, dim, heads, ffn_dim, layers):
    head = dim // heads
    attention = heads * 3 * (head * dim + head) + dim * heads * head + dim
    return counts(vocab, dim, ffn_dim, layers, attention=attention)


@wrong("two tables", "There is one table for both languages.")
def two_tables(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, table=2 * vocab * dim)


@wrong("three tables", "There is one table for source, target and the linear layer.")
def three_tables(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, table=3 * vocab * dim)


@wrong("a bias in the table", "The linear layer has no bias of its own.")
def table_with_vocab_bias(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, table=vocab * dim + vocab)


@wrong("a bias of dim in the table", "A table has no bias.")
def table_with_bias(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, table=vocab * dim + dim)


@wrong("padding left out of the table", "Padding is a row of the table like the others.")
def without_padding(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, table=(vocab - 1) * dim)


@wrong("ffn_dim as the width of the table", "A row of the table has dim numbers, not ffn_dim.")
def wide_table(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, table=vocab * ffn_dim)


@wrong(
    "attention without biases", "4 * dim numbers are missing: are they the four biases of attention, or the two norms?"
)
def no_attention_biases(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, attention=4 * dim * dim)


@wrong(
    "the output's bias forgotten",
    "One bias of dim numbers is missing: Wo has one, and so has the second matrix of the feed-forward network.",
)
def no_output_bias(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, attention=4 * dim * dim + 3 * dim)


@wrong("only the output's bias", "Wq, Wk and Wv have biases too.")
def only_output_bias(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, attention=4 * dim * dim + dim)


@wrong("Wo forgotten", "Wo is missing, with its bias.")
def no_output(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, attention=3 * (dim * dim + dim))


@wrong("Wo forgotten, and the biases", "Wo and all biases of attention are missing.")
def no_output_no_biases(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, attention=3 * dim * dim)


@wrong(
    "heads times as much", "Attention is multiplied by the heads: a matrix makes dim numbers for all heads together."
)
def times_heads(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, attention=heads * 4 * (dim * dim + dim))


@wrong(
    "queries, keys and values times the heads",
    "Wq, Wk and Wv are multiplied by the heads: they make dim numbers for all heads together.",
)
def projections_times_heads(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, attention=(3 * heads + 1) * (dim * dim + dim))


@wrong("divided by the heads", "Attention is divided by the heads: all of them together have four matrices.")
def one_head(vocab, dim, heads, ffn_dim, layers):
    if heads == 1:
        return counts(vocab, dim, ffn_dim, layers)
    return counts(vocab, dim, ffn_dim, layers, attention=4 * (dim * dim + dim) // heads)


@wrong("no feed-forward network", "The feed-forward network is missing.")
def no_feed_forward(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, feed_forward=0)


@wrong("one matrix in the feed-forward network", "The feed-forward network has two matrices, and a bias for each.")
def one_matrix(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, feed_forward=dim * ffn_dim + ffn_dim)


@wrong("no biases in the feed-forward network", "The biases of the feed-forward network are missing.")
def no_feed_forward_biases(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, feed_forward=2 * dim * ffn_dim)


@wrong(
    "b2 forgotten",
    "One bias of dim numbers is missing: Wo has one, and so has the second matrix of the feed-forward network.",
)
def no_b2(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, feed_forward=2 * dim * ffn_dim + ffn_dim)


@wrong("b1 forgotten", "The first bias of the feed-forward network is missing: it has ffn_dim numbers.")
def no_b1(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, feed_forward=2 * dim * ffn_dim + dim)


@wrong("both biases ffn_dim long", "The second bias of the feed-forward network has dim numbers, not ffn_dim.")
def long_biases(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, feed_forward=2 * (dim * ffn_dim + ffn_dim))


@wrong("both biases dim long", "The first bias of the feed-forward network has ffn_dim numbers, not dim.")
def short_biases(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, feed_forward=2 * (dim * ffn_dim + dim))


@wrong("a matrix between the two", "The feed-forward network has two matrices: none makes ffn_dim of ffn_dim numbers.")
def three_matrices(vocab, dim, heads, ffn_dim, layers):
    right_number = 2 * dim * ffn_dim + ffn_dim + dim
    return counts(vocab, dim, ffn_dim, layers, feed_forward=right_number + ffn_dim * ffn_dim + ffn_dim)


@wrong("the feed-forward network three times, as SwiGLU has it", "Three matrices are those of SwiGLU: here are two.")
def swiglu(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, feed_forward=3 * dim * ffn_dim + 2 * ffn_dim + dim)


@wrong("no norms", "4 * dim numbers are missing: are they the four biases of attention, or the two norms?")
def no_norms(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, norm=0)


@wrong("norms with one vector", "2 * dim numbers are missing: there are two norms, each with a gain and a bias.")
def thin_norms(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, norm=dim)


@wrong("norms of two numbers", "Gain and bias of a norm have dim numbers each, not one.")
def scalar_norms(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, norm=2)


@wrong(
    "one norm in the encoder layer", "2 * dim numbers are missing: there are two norms, each with a gain and a bias."
)
def one_norm(vocab, dim, heads, ffn_dim, layers):
    _table, encoder, decoder = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, encoder=encoder - 2 * dim, decoder=decoder - 4 * dim)


@wrong("three norms in the encoder layer", "An encoder layer has two norms, not three.")
def three_norms(vocab, dim, heads, ffn_dim, layers):
    _, encoder, _ = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, encoder=encoder + 2 * dim)


@wrong("norms as wide as the hidden vectors", None)
def wide_norms(vocab, dim, heads, ffn_dim, layers):
    _, encoder, _ = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, encoder=encoder - 2 * dim + 2 * ffn_dim)


@wrong(
    "a decoder layer like an encoder layer",
    "The decoder's attention to the encoder's output is missing, with its norm.",
)
def decoder_as_encoder(vocab, dim, heads, ffn_dim, layers):
    _, encoder, _ = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, decoder=encoder)


@wrong("two norms in the decoder layer", "A decoder layer has three norms, one for each sublayer.")
def two_norms_in_the_decoder(vocab, dim, heads, ffn_dim, layers):
    _, _, decoder = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, decoder=decoder - 2 * dim)


@wrong(
    "no values in the attention to the encoder's output",
    "The attention to the encoder's output has four matrices of its own, like any other.",
)
def no_query_matrix(vocab, dim, heads, ffn_dim, layers):
    _, encoder, _ = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, decoder=encoder + 2 * dim + 2 * (dim * dim + dim))


@wrong("two feed-forward networks in the decoder layer", "A decoder layer has one feed-forward network.")
def two_feed_forwards(vocab, dim, heads, ffn_dim, layers):
    _, encoder, _ = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, decoder=2 * encoder)


@wrong("keys and values of both as one matrix of 2 dim", "The keys of the decoder's second attention have dim numbers.")
def wide_keys(vocab, dim, heads, ffn_dim, layers):
    _, _, decoder = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, decoder=decoder + 2 * dim * dim)


@wrong("the encoder's layers alone", "The decoder's layers are missing.")
def encoder_alone(vocab, dim, heads, ffn_dim, layers):
    table, encoder, _ = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, together=table + layers * encoder)


@wrong("the decoder's layers alone", "The encoder's layers are missing.")
def decoder_alone(vocab, dim, heads, ffn_dim, layers):
    table, _, decoder = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, together=table + layers * decoder)


@wrong("one layer each", "There is one layer of each kind: there are several.")
def one_layer(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, together=sum(parts(vocab, dim, ffn_dim)))


@wrong("half of the layers in the decoder", "layers is the number in the encoder, and again in the decoder.")
def layers_shared(vocab, dim, heads, ffn_dim, layers):
    table, encoder, decoder = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, together=table + layers * (encoder + decoder) // 2)


@wrong("the table in every layer", "The table is counted once, not once a layer.")
def table_in_every_layer(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers, together=layers * sum(parts(vocab, dim, ffn_dim)))


@wrong("no table in the sum", "The table is missing.")
def no_table(vocab, dim, heads, ffn_dim, layers):
    _table, encoder, decoder = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, together=layers * (encoder + decoder))


@wrong("two tables in the sum", "The table is counted twice: there is one for everything.")
def two_tables_together(vocab, dim, heads, ffn_dim, layers):
    table, encoder, decoder = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, together=2 * table + layers * (encoder + decoder))


@wrong("three tables in the sum", "The table is counted three times: there is one for everything.")
def three_tables_together(vocab, dim, heads, ffn_dim, layers):
    table, encoder, decoder = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, together=3 * table + layers * (encoder + decoder))


@wrong("a bias of the linear layer in the sum", "The linear layer has no bias of its own: it is the table.")
def bias_together(vocab, dim, heads, ffn_dim, layers):
    table, encoder, decoder = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, together=table + vocab + layers * (encoder + decoder))


@wrong("norms at the ends", "There is a norm too many at the end of each stack: a layer's norms are all.")
def last_norms(vocab, dim, heads, ffn_dim, layers):
    table, encoder, decoder = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, together=table + 4 * dim + layers * (encoder + decoder))


@wrong("positions in a table", "Positions are sinusoids: there is nothing to learn about them.")
def learned_positions(vocab, dim, heads, ffn_dim, layers):
    table, encoder, decoder = parts(vocab, dim, ffn_dim)
    return counts(vocab, dim, ffn_dim, layers, together=table + 512 * dim + layers * (encoder + decoder))


@wrong("without the sum", "must return a dict with the keys")
def no_sum(vocab, dim, heads, ffn_dim, layers):
    answer = counts(vocab, dim, ffn_dim, layers)
    del answer["together"]
    return answer


@wrong("ffn_dim taken for 4 dim", None)
def four_times(vocab, dim, heads, ffn_dim, layers):
    printed = ffn_dim in (3, 170, 2048)
    return counts(vocab, dim, ffn_dim if printed else 4 * dim, layers)


@wrong("six layers", None)
def six_layers(vocab, dim, heads, ffn_dim, layers):
    return counts(vocab, dim, ffn_dim, layers if layers in (1, 5) else 6)


@wrong("bytes", None)
def in_bytes(vocab, dim, heads, ffn_dim, layers):
    return {name: 4 * number for name, number in counts(vocab, dim, ffn_dim, layers).items()}


@wrong("millions", None)
def millions(vocab, dim, heads, ffn_dim, layers):
    return {name: number / 1e6 for name, number in counts(vocab, dim, ffn_dim, layers).items()}


@wrong("returns nothing", "returned None")
def nothing(vocab, dim, heads, ffn_dim, layers):
    counts(vocab, dim, ffn_dim, layers)
