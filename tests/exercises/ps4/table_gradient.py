"""Answers to ``table_gradient(ids, slopes, vocab)``."""

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def summed(ids, slopes, vocab):
    """Return the sums, the row of padding among them."""
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    return gradient.index_add(0, ids.flatten(), slopes.flatten(0, 1))


def without_padding(gradient):
    gradient = gradient.clone()
    gradient[0] = 0
    return gradient


@right("a loop over sentences and places")
def loop(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    for b in range(len(ids)):
        for t in range(ids.shape[1]):
            if ids[b, t] > 0:
                gradient[ids[b, t]] += slopes[b, t]
    return gradient


@right("one-hot vectors, transposed, times the slopes")
def one_hot(ids, slopes, vocab):
    X = torch.nn.functional.one_hot(ids.reshape(-1), vocab).to(slopes.dtype)
    X[:, 0] = 0
    return X.T @ slopes.reshape(-1, slopes.shape[-1])


@right("rows of a unit matrix, and einsum")
def einsum(ids, slopes, vocab):
    X = torch.eye(vocab, dtype=slopes.dtype)[ids] * (ids != 0)[..., None]
    return torch.einsum("blv,bld->vd", X, slopes)


@right("index_add_ of the words alone")
def words_alone(ids, slopes, vocab):
    words = ids != 0
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    return gradient.index_add_(0, ids[words], slopes[words])


@right("index_put_ with accumulate")
def index_put(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1]).to(slopes)
    return gradient.index_put_((ids,), slopes * (ids > 0).unsqueeze(-1), accumulate=True)


@right("NumPy's add.at")
def add_at(ids, slopes, vocab):
    gradient = np.zeros((vocab, slopes.shape[-1]))
    np.add.at(gradient, ids.numpy(), slopes.numpy())
    gradient[0] = 0
    return torch.tensor(gradient).to(slopes.dtype)


@right("autograd through an embedding with padding_idx")
def autograd(ids, slopes, vocab):
    table = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype, requires_grad=True)
    (torch.nn.functional.embedding(ids, table, padding_idx=0) * slopes).sum().backward()
    return table.grad


@right("a mask for each word of the vocabulary")
def word_by_word(ids, slopes, vocab):
    rows = [slopes[ids == word].sum(dim=0) for word in range(vocab)]
    return torch.stack([torch.zeros_like(rows[0]), *rows[1:]])


@right("scatter_add_, and a NumPy array comes back")
def scatter(ids, slopes, vocab):
    places = ids.reshape(-1, 1).expand(-1, slopes.shape[-1])
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    gradient.scatter_add_(0, places, slopes.reshape(places.shape))
    return without_padding(gradient).numpy()


@wrong("gradient[ids] += slopes: a word that comes twice counts once", "adds only once a row")
def indexed_plus(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    gradient[ids] += slopes
    gradient[0] = 0
    return gradient


@wrong("writes where it should add, in a loop", "kept its last slope")
def written(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    for sentence, rows in zip(ids, slopes, strict=True):
        for word, slope in zip(sentence, rows, strict=True):
            if word:
                gradient[word] = slope
    return gradient


@wrong("gradient[ids] += slopes, with padding", "And the row of padding must be zeros")
def indexed_plus_with_padding(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    gradient[ids] += slopes
    return gradient


@wrong("the first slope of each word", "kept its first slope")
def first_slope(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    gradient[ids.flatten().flip(0)] = slopes.flatten(0, 1).flip(0)
    return without_padding(gradient)


@wrong("the mean of each word's slopes", "got the mean of its slopes")
def mean(ids, slopes, vocab):
    number = torch.bincount(ids.flatten(), minlength=vocab).clamp(min=1)
    return without_padding(summed(ids, slopes, vocab) / number[:, None])


@wrong("padding gets its slopes", "row of padding must be zeros")
def padding_too(ids, slopes, vocab):
    return summed(ids, slopes, vocab)


@wrong("leaves row 0 out", "row of padding is left out")
def no_row_for_padding(ids, slopes, vocab):
    return summed(ids, slopes, vocab)[1:]


@wrong("zeros for all four symbols", "of the four, only padding")
def symbols_zeroed(ids, slopes, vocab):
    gradient = summed(ids, slopes, vocab).clone()
    gradient[:4] = 0
    return gradient


@wrong("zeros for the last row, padding_idx being -1", None)
def last_row_zeroed(ids, slopes, vocab):
    gradient = without_padding(summed(ids, slopes, vocab))
    gradient[-1] = 0
    return gradient


@wrong("as long as the largest id", "as long as the largest id")
def as_long_as_the_largest(ids, slopes, vocab):
    return without_padding(summed(ids, slopes, int(ids.max()) + 1))


@wrong("as long as the largest id, with padding", "largest id: it has vocab rows. And")
def as_long_as_the_largest_with_padding(ids, slopes, vocab):
    return summed(ids, slopes, int(ids.max()) + 1)


@wrong("word 1 in row 0", "one too high")
def from_one(ids, slopes, vocab):
    return without_padding(summed(ids, slopes, vocab)).roll(-1, dims=0)


@wrong("the first sentence alone", "Only the first sentence")
def first_sentence(ids, slopes, vocab):
    return without_padding(summed(ids[:1], slopes[:1], vocab))


@wrong("empties the table for each sentence", "Only the last sentence")
def emptied(ids, slopes, vocab):
    for sentence, rows in zip(ids, slopes, strict=True):
        gradient = without_padding(summed(sentence[None], rows[None], vocab))
    return gradient


@wrong("a table a sentence", "Every sentence has its own table")
def table_a_sentence(ids, slopes, vocab):
    return torch.stack([without_padding(summed(i[None], s[None], vocab)) for i, s in zip(ids, slopes, strict=True)])


@wrong("transposed", "result is transposed")
def transposed(ids, slopes, vocab):
    return without_padding(summed(ids, slopes, vocab)).T


@wrong("divided by the number of sentences", "number of sentences")
def mean_of_sentences(ids, slopes, vocab):
    return without_padding(summed(ids, slopes, vocab)) / len(ids)


@wrong("divided by the number of words", "number of words")
def mean_of_words(ids, slopes, vocab):
    return without_padding(summed(ids, slopes, vocab)) / (ids != 0).sum()


@wrong("divided by the number of places", "number of places")
def mean_of_places(ids, slopes, vocab):
    return without_padding(summed(ids, slopes, vocab)) / ids.numel()


@wrong("the step of gradient descent", "The sign is turned")
def descent(ids, slopes, vocab):
    return -without_padding(summed(ids, slopes, vocab))


@wrong("counts", "counts of the words")
def counted(ids, slopes, vocab):
    return without_padding(summed(ids, torch.ones_like(slopes), vocab))


@wrong("the slopes looked up, as on the way forward", None)
def forward(ids, slopes, vocab):
    return slopes[ids] if ids.max() < len(slopes) else slopes


@wrong("mixes up places and sentences: slopes flattened in another order than ids", None)
def other_order(ids, slopes, vocab):
    return without_padding(summed(ids, slopes.transpose(0, 1).reshape(slopes.shape), vocab))


@wrong("flattens with view, which a view refuses", "view size is not compatible")
def viewed(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    gradient.index_add_(0, ids.view(-1), slopes.view(-1, slopes.shape[-1]))
    gradient[0] = 0
    return gradient


@wrong("float32 throughout", None)
def float32(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1])
    for word, slope in zip(ids.reshape(-1), slopes.reshape(-1, slopes.shape[-1]), strict=True):
        if word != 0:
            gradient[word] += slope.half()
    return gradient


@wrong("writes zeros into the slopes of padding", "slopes was changed")
def in_place(ids, slopes, vocab):
    slopes[ids == 0] = 0
    return summed(ids, slopes, vocab)


@wrong("sends padding to another row, in place", "ids was changed")
def ids_in_place(ids, slopes, vocab):
    slopes = slopes * (ids != 0)[:, :, None]
    ids[ids == 0] = 1
    return summed(ids, slopes, vocab)


@wrong("adds up repeats within a sentence, not across sentences", None)
def repeats_within(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    for i, s in zip(ids, slopes, strict=True):
        one = without_padding(summed(i[None], s[None], vocab))
        gradient = torch.where(torch.isin(torch.arange(vocab), i)[:, None], one, gradient)
    return gradient


@wrong("adds up repeats across sentences, not within one", None)
def repeats_across(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    for i, s in zip(ids, slopes, strict=True):
        gradient[i] += s
    return without_padding(gradient)


@wrong("stops a sentence at its first repeated word", None)
def stops_at_repeats(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    for i, s in zip(ids, slopes, strict=True):
        seen = []
        for word, slope in zip(i.tolist(), s, strict=True):
            if seen.count(word) < 2 and word:
                gradient[word] += slope
            seen.append(word)
    return gradient


@wrong("knows two numbers a vector only", None)
def two_numbers(ids, slopes, vocab):
    return without_padding(summed(ids, slopes, vocab))[:, :2]


@wrong("forgets to return", "is None")
def nothing(ids, slopes, vocab):
    without_padding(summed(ids, slopes, vocab))


@right("a loop that goes on to the next sentence at padding")
def until_padding(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    for sentence, rows in zip(ids.tolist(), slopes, strict=True):
        for word, slope in zip(sentence, rows, strict=True):
            if word == 0:
                break
            gradient[word] = gradient[word] + slope
    return gradient


@wrong("zeros for BOS as well", None)
def begin_zeroed(ids, slopes, vocab):
    gradient = summed(ids, slopes, vocab)
    gradient[:2] = 0
    return gradient


@wrong("stops the whole batch at the first padding", None)
def stops_the_batch(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    for sentence, rows in zip(ids.tolist(), slopes, strict=True):
        for word, slope in zip(sentence, rows, strict=True):
            if word == 0:
                return gradient
            gradient[word] += slope
    return gradient


@wrong("takes the last place of later sentences for padding", None)
def last_place_is_padding(ids, slopes, vocab):
    kept = torch.ones_like(slopes)
    kept[1:, -1] = 0
    return summed(ids, slopes * kept, vocab)


@wrong("adds the first two places of each word only", None)
def first_two(ids, slopes, vocab):
    gradient = torch.zeros(vocab, slopes.shape[-1], dtype=slopes.dtype)
    for word in set(ids.flatten().tolist()) - {0}:
        gradient[word] = slopes[ids == word][:2].sum(dim=0)
    return gradient


@wrong("takes large slopes for those of padding", None)
def large_slopes(ids, slopes, vocab):
    return without_padding(summed(ids, slopes.where(slopes.abs() < 6.5, 0.0), vocab))
