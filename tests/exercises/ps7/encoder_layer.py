"""Answers to ``encoder_layer(x, parameters, pre)``."""

import math

import numpy as np
import torch

from tests.exercises.answers import right, wrong


def norm(x, p, number, eps=1e-5, dim=-1, correction=0):
    variance, mean = torch.var_mean(x, dim=dim, correction=correction, keepdim=True)
    return p[f"gain{number}"] * ((x - mean) / torch.sqrt(variance + eps)) + p[f"bias{number}"]


def attention(x, p, *, source=None, scale=True, dim=-1):
    z = x if source is None else source
    scores = (x @ p["Wq"].T) @ (z @ p["Wk"].T).mT
    weights = torch.softmax(scores / math.sqrt(x.shape[-1]) if scale else scores, dim=dim)
    return weights @ (z @ p["Wv"].T) @ p["Wo"].T


def feed_forward(x, p, bend=torch.relu):
    return bend(x @ p["W1"].T + p["b1"]) @ p["W2"].T + p["b2"]


def layer(x, p, pre, attention=attention, feed_forward=feed_forward, norm=norm):
    for sublayer, number in ((attention, 1), (feed_forward, 2)):
        x = x + sublayer(norm(x, p, number), p) if pre else norm(x + sublayer(x, p), p, number)
    return x


def transposed(p, *names):
    return p | {name: p[name].T for name in names}


@right("both orders written out")
def written_out(x, parameters, pre):
    p = parameters
    if pre:
        middle = x + attention(norm(x, p, 1), p)
        return middle + feed_forward(norm(middle, p, 2), p)
    middle = norm(x + attention(x, p), p, 1)
    return norm(middle + feed_forward(middle, p), p, 2)


@right("norms before and after, one of which does nothing")
def two_norms(x, parameters, pre):
    def nothing(x, p, number):
        return x

    before, after = (norm, nothing) if pre else (nothing, norm)
    for sublayer, number in ((attention, 1), (feed_forward, 2)):
        x = after(x + sublayer(before(x, parameters, number), parameters), parameters, number)
    return x


@right("a loop over the sentences and queries")
def loop(x, parameters, pre):
    def attend(x, p):
        out = torch.empty_like(x)
        for b in range(len(x)):
            for i in range(x.shape[1]):
                scores = [(p["Wq"] @ x[b, i]) @ (p["Wk"] @ word) / x.shape[-1] ** 0.5 for word in x[b]]
                weights = torch.softmax(torch.stack(scores), dim=0)
                out[b, i] = p["Wo"] @ sum(w * (p["Wv"] @ word) for w, word in zip(weights, x[b], strict=True))
        return out

    return layer(x, parameters, pre, attention=attend)


@right("NumPy inside")
def numpy_inside(x, parameters, pre):
    p = {name: tensor.numpy() for name, tensor in parameters.items()}
    x = x.numpy()

    def norm(x, number):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) / np.sqrt(variance + x.dtype.type(1e-5)) * p["gain" + number] + p["bias" + number]

    def attend(x):
        scores = np.einsum("bid,bkd->bik", np.inner(x, p["Wq"]), np.inner(x, p["Wk"])) / np.sqrt(len(p["Wq"]))
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights = weights / weights.sum(-1, keepdims=True)
        return np.inner(np.einsum("bik,bkd->bid", weights, np.inner(x, p["Wv"])), p["Wo"])

    def feed(x):
        return np.inner(np.maximum(np.inner(x, p["W1"]) + p["b1"], 0), p["W2"]) + p["b2"]

    for sublayer, number in ((attend, "1"), (feed, "2")):
        x = x + sublayer(norm(x, number)) if pre else norm(x + sublayer(x), number)
    return torch.from_numpy(np.asarray(x))


@right("one matrix for queries, keys and values, clamp for the bend")
def packed(x, parameters, pre):
    def attend(x, p):
        q, k, v = (x @ torch.cat([p["Wq"], p["Wk"], p["Wv"]]).mT).chunk(3, dim=-1)
        scores = torch.einsum("bqd,bkd->bqk", q * x.shape[-1] ** -0.5, k)
        return torch.einsum("bqk,bkd->bqd", scores.softmax(dim=2), v) @ p["Wo"].mT

    def feed(x, p):
        linear = torch.nn.functional.linear
        return linear(linear(x, p["W1"], p["b1"]).clamp(min=0), p["W2"], p["b2"])

    return layer(x, parameters, pre, attention=attend, feed_forward=feed)


@right("values with the output's matrix first, float64 inside")
def output_first(x, parameters, pre):
    p = {name: tensor.double() for name, tensor in parameters.items()}

    def attend(x, p):
        weights = torch.softmax(x @ (p["Wq"].T @ p["Wk"]) @ x.mT / math.sqrt(x.shape[-1]), dim=-1)
        return weights @ (x @ (p["Wo"] @ p["Wv"]).T)

    return layer(x.double(), p, pre, attention=attend).to(x.dtype)


@wrong("always pre-norm", "That is the pre-norm, which was not asked for: normalise after each sum.")
def always_pre(x, parameters, pre):
    return layer(x, parameters, True)


@wrong("always post-norm", "That is the post-norm: with pre=True normalise before each sublayer.")
def always_post(x, parameters, pre):
    return layer(x, parameters, False)


@wrong("the two exchanged", "That is the pre-norm, which was not asked for: normalise after each sum.")
def exchanged(x, parameters, pre):
    return layer(x, parameters, not pre)


@wrong("no norm", "The norms are missing.")
def no_norm(x, parameters, pre):
    return layer(x, parameters, pre, norm=lambda x, p, number: x)


@wrong("no residual", "Both residual connections are missing: a sublayer's output is added to x.")
def no_residual(x, parameters, pre):
    p = parameters
    if pre:
        return feed_forward(norm(attention(norm(x, p, 1), p), p, 2), p)
    return norm(feed_forward(norm(attention(x, p), p, 1), p), p, 2)


@wrong(
    "the feed-forward network's residual forgotten",
    "The residual connection around the feed-forward network is missing.",
)
def no_second_residual(x, parameters, pre):
    p = parameters
    if pre:
        return feed_forward(norm(x + attention(norm(x, p, 1), p), p, 2), p)
    return norm(feed_forward(norm(x + attention(x, p), p, 1), p), p, 2)


@wrong("attention's residual forgotten", "The residual connection around attention is missing.")
def no_first_residual(x, parameters, pre):
    p = parameters
    if pre:
        middle = attention(norm(x, p, 1), p)
        return middle + feed_forward(norm(middle, p, 2), p)
    middle = norm(attention(x, p), p, 1)
    return norm(middle + feed_forward(middle, p), p, 2)


@wrong(
    "the residual taken after the norm",
    "The sublayer's output was added to the normalised words: with pre-norm add it to x as it was before the norm.",
)
def residual_of_the_normed(x, parameters, pre):
    if not pre:
        return layer(x, parameters, pre)
    for sublayer, number in ((attention, 1), (feed_forward, 2)):
        x = norm(x, parameters, number)
        x = x + sublayer(x, parameters)
    return x


@wrong(
    "the residual added after the norm of the output",
    "The norm came before the sum: with post-norm add first, and normalise the sum.",
)
def norm_of_the_output(x, parameters, pre):
    if pre:
        return layer(x, parameters, pre)
    for sublayer, number in ((attention, 1), (feed_forward, 2)):
        x = x + norm(sublayer(x, parameters), parameters, number)
    return x


@wrong(
    "the second residual starts from x", "The second sum starts from the layer's input: it starts from the first sum."
)
def second_from_the_input(x, parameters, pre):
    p = parameters
    if pre:
        return x + feed_forward(norm(x + attention(norm(x, p, 1), p), p, 2), p)
    return norm(x + feed_forward(norm(x + attention(x, p), p, 1), p), p, 2)


@wrong("side by side", "The sublayers stand side by side: the feed-forward network reads what attention made of x.")
def parallel(x, parameters, pre):
    p = parameters
    if pre:
        return x + attention(norm(x, p, 1), p) + feed_forward(norm(x, p, 2), p)
    return norm(norm(x + attention(x, p), p, 1) + feed_forward(x, p), p, 2)


@wrong("the feed-forward network first", "The feed-forward network came first: attention does, with gain1 and bias1.")
def other_order(x, parameters, pre):
    p = parameters
    for sublayer, number in ((feed_forward, 2), (attention, 1)):
        x = x + sublayer(norm(x, p, number), p) if pre else norm(x + sublayer(x, p), p, number)
    return x


@wrong("the first norm shared by both", "Both norms have gain1 and bias1: the second has its own.")
def first_norm_shared(x, parameters, pre):
    return layer(x, parameters, pre, norm=lambda x, p, number: norm(x, p, 1))


@wrong("the second norm shared by both", "Both norms have gain2 and bias2: the first has its own.")
def second_norm_shared(x, parameters, pre):
    return layer(x, parameters, pre, norm=lambda x, p, number: norm(x, p, 2))


@wrong("the norms exchanged", "The norms are exchanged: gain1 and bias1 belong to attention.")
def norms_exchanged(x, parameters, pre):
    return layer(x, parameters, pre, norm=lambda x, p, number: norm(x, p, 3 - number))


@wrong("gains and biases of the norms forgotten", "Gains and biases of the norms are missing.")
def bare_norms(x, parameters, pre):
    plain = {"gain1": 1.0, "gain2": 1.0, "bias1": 0.0, "bias2": 0.0}
    return layer(x, parameters | plain, pre)


@wrong("a last norm after the pre-norm layer", "There is a norm at the end too: pre-norm leaves the last sum as it is.")
def norm_at_the_end(x, parameters, pre):
    out = layer(x, parameters, pre)
    return norm(out, parameters, 2) if pre else out


@wrong("pre and post", "There are norms before and after: with pre=False there are none before.")
def both(x, parameters, pre):
    p = parameters
    for sublayer, number in ((attention, 1), (feed_forward, 2)):
        x = norm(x + sublayer(norm(x, p, number), p), p, number)
    return x


@wrong("no second norm with post-norm", "The norm after the feed-forward network is missing.")
def no_last_norm(x, parameters, pre):
    p = parameters
    if pre:
        return layer(x, p, pre)
    middle = norm(x + attention(x, p), p, 1)
    return middle + feed_forward(middle, p)


@wrong("no second norm with pre-norm", "The norm before the feed-forward network is missing.")
def no_second_norm(x, parameters, pre):
    p = parameters
    if not pre:
        return layer(x, p, pre)
    middle = x + attention(norm(x, p, 1), p)
    return middle + feed_forward(middle, p)


@wrong("only queries normalised", "Only the queries were normalised: keys and values are made of the same words.")
def queries_normed(x, parameters, pre):
    p = parameters
    if not pre:
        return layer(x, p, pre)
    middle = x + attention(norm(x, p, 1), p, source=x)
    return middle + feed_forward(norm(middle, p, 2), p)


@wrong("scores not scaled", "The scores are not divided by the square root of d.")
def not_scaled(x, parameters, pre):
    return layer(x, parameters, pre, attention=lambda x, p: attention(x, p, scale=False))


@wrong("scores divided by d", "The scores are divided by d: take its square root.")
def scaled_by_d(x, parameters, pre):
    changed = parameters | {"Wq": parameters["Wq"] / x.shape[-1] ** 0.5}
    return layer(x, changed, pre)


@wrong("softmax over the queries", "The softmax goes over the queries: every query's weights sum to 1 over the keys.")
def over_the_queries(x, parameters, pre):
    return layer(x, parameters, pre, attention=lambda x, p: attention(x, p, dim=1))


@wrong("softmax over the batch", "The softmax goes over the sentences: it goes over the keys.")
def over_the_batch(x, parameters, pre):
    return layer(x, parameters, pre, attention=lambda x, p: attention(x, p, dim=0))


@wrong("no softmax", "The softmax is missing.")
def no_softmax(x, parameters, pre):
    def attend(x, p):
        return (x @ p["Wq"].T) @ (x @ p["Wk"].T).mT / x.shape[-1] ** 0.5 @ (x @ p["Wv"].T) @ p["Wo"].T

    return layer(x, parameters, pre, attention=attend)


@wrong("queries and keys exchanged", "Queries and keys are exchanged.")
def queries_and_keys(x, parameters, pre):
    return layer(x, parameters | {"Wq": parameters["Wk"], "Wk": parameters["Wq"]}, pre)


@wrong("keys and values exchanged", "Wk and Wv are exchanged.")
def keys_and_values(x, parameters, pre):
    return layer(x, parameters | {"Wv": parameters["Wk"], "Wk": parameters["Wv"]}, pre)


@wrong("words as values", "The values are the words themselves: multiply them by Wv.")
def plain_values(x, parameters, pre):
    return layer(x, parameters | {"Wv": torch.eye(x.shape[-1], dtype=x.dtype)}, pre)


@wrong("Wo forgotten", "Wo is missing.")
def no_output_matrix(x, parameters, pre):
    return layer(x, parameters | {"Wo": torch.eye(x.shape[-1], dtype=x.dtype)}, pre)


@wrong("a causal mask", "Words see only those before them: an encoder's words see all.")
def causal(x, parameters, pre):
    def attend(x, p):
        scores = (x @ p["Wq"].T) @ (x @ p["Wk"].T).mT / math.sqrt(x.shape[-1])
        future = torch.ones(scores.shape[1:]).triu(1).bool()
        return torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1) @ (x @ p["Wv"].T) @ p["Wo"].T

    return layer(x, parameters, pre, attention=attend)


@wrong("no bend", "The feed-forward network has no bend: max(0, ...) is missing.")
def no_bend(x, parameters, pre):
    return layer(x, parameters, pre, feed_forward=lambda x, p: feed_forward(x, p, bend=lambda hidden: hidden))


@wrong("GELU", "That is a GELU: the bend is max(0, ...).")
def with_gelu(x, parameters, pre):
    gelu = torch.nn.functional.gelu
    return layer(x, parameters, pre, feed_forward=lambda x, p: feed_forward(x, p, bend=gelu))


@wrong("the bend at the end", "The bend came last: it stands between the two matrices.")
def bend_last(x, parameters, pre):
    def feed(x, p):
        return torch.relu((x @ p["W1"].T + p["b1"]) @ p["W2"].T + p["b2"])

    return layer(x, parameters, pre, feed_forward=feed)


@wrong("two bends", "There is a second bend after W2: only one stands between the two matrices.")
def bent_twice(x, parameters, pre):
    return layer(x, parameters, pre, feed_forward=lambda x, p: torch.relu(feed_forward(x, p)))


@wrong("b1 forgotten", "b1 is missing.")
def no_b1(x, parameters, pre):
    return layer(x, parameters | {"b1": torch.zeros_like(parameters["b1"])}, pre)


@wrong("b2 forgotten", "b2 is missing.")
def no_b2(x, parameters, pre):
    return layer(x, parameters | {"b2": torch.zeros_like(parameters["b2"])}, pre)


@wrong("b1 after the bend", "b1 was added after the bend: it comes before.")
def late_b1(x, parameters, pre):
    def feed(x, p):
        return (torch.relu(x @ p["W1"].T) + p["b1"]) @ p["W2"].T + p["b2"]

    return layer(x, parameters, pre, feed_forward=feed)


@wrong("b1 and b2 exchanged", "b1 and b2 are exchanged.")
def biases_exchanged(x, parameters, pre):
    return layer(x, parameters | {"b1": parameters["b2"], "b2": parameters["b1"]}, pre)


@wrong("W1 and W2 exchanged", "W1 and W2 are exchanged.")
def matrices_exchanged(x, parameters, pre):
    return layer(x, parameters | {"W1": parameters["W2"], "W2": parameters["W1"]}, pre)


@wrong("all matrices transposed", "All matrices are transposed: a word x becomes x @ W.T.")
def all_transposed(x, parameters, pre):
    return layer(x, transposed(parameters, "Wq", "Wk", "Wv", "Wo", "W1", "W2"), pre)


@wrong("attention's matrices transposed", "Attention's matrices are transposed: a word x becomes x @ Wq.T.")
def attention_transposed(x, parameters, pre):
    return layer(x, transposed(parameters, "Wq", "Wk", "Wv", "Wo"), pre)


@wrong("Wo transposed", "Wo is transposed: a context c becomes c @ Wo.T.")
def output_transposed(x, parameters, pre):
    return layer(x, transposed(parameters, "Wo"), pre)


@wrong("W1 and W2 transposed", "W1 and W2 are transposed: a word x becomes x @ W1.T.")
def feed_forward_transposed(x, parameters, pre):
    return layer(x, transposed(parameters, "W1", "W2"), pre)


@wrong(
    "norm over the words",
    "The norm is taken over the words: does layer_norm pass its own test?",
)
def norm_over_words(x, parameters, pre):
    return layer(x, parameters, pre, norm=lambda x, p, number: norm(x, p, number, dim=1))


@wrong("unbiased variance", "The norm's variance is divided by d - 1: does layer_norm pass its own test?")
def unbiased(x, parameters, pre):
    return layer(x, parameters, pre, norm=lambda x, p, number: norm(x, p, number, correction=1))


@wrong("eps 1e-6", None)
def other_eps(x, parameters, pre):
    return layer(x, parameters, pre, norm=lambda x, p, number: norm(x, p, number, eps=1e-6))


@wrong("eps 0.1", None)
def large_eps(x, parameters, pre):
    return layer(x, parameters, pre, norm=lambda x, p, number: norm(x, p, number, eps=0.1))


@wrong("the residual in place", None)
def in_place(x, parameters, pre):
    if not pre:
        return layer(x, parameters, pre)
    x += attention(norm(x, parameters, 1), parameters)
    x += feed_forward(norm(x, parameters, 2), parameters)
    return x


@wrong("the residual in place with both orders", "x was changed")
def in_place_and_right(x, parameters, pre):
    out = layer(x, parameters, pre)
    x += 1
    return out


@wrong("attention alone", "That is the first sublayer alone: the feed-forward network follows.")
def attention_alone(x, parameters, pre):
    p = parameters
    return x + attention(norm(x, p, 1), p) if pre else norm(x + attention(x, p), p, 1)


@wrong("the feed-forward network alone", "The feed-forward network is there alone: attention comes first.")
def feed_forward_alone(x, parameters, pre):
    p = parameters
    return x + feed_forward(norm(x, p, 2), p) if pre else norm(x + feed_forward(x, p), p, 2)


@wrong("residuals counted twice", None)
def doubled(x, parameters, pre):
    return layer(x, parameters, pre, attention=lambda x, p: attention(x, p) + x)


@wrong("residuals divided by the root of 2", None)
def scaled_residual(x, parameters, pre):
    if pre:
        return layer(x, parameters, pre) / 2**0.5
    return layer(x, parameters, pre)


@wrong("scores divided by the root of the length", None)
def scaled_by_length(x, parameters, pre):
    factor = (x.shape[-1] / x.shape[1]) ** 0.5
    return layer(x, parameters | {"Wq": parameters["Wq"] * factor}, pre)


@wrong("keys of the first sentence", None)
def first_keys(x, parameters, pre):
    def attend(x, p):
        return attention(x, p, source=x[:1].expand_as(x))

    return layer(x, parameters, pre, attention=attend)


@wrong("returns nothing", "is None")
def nothing(x, parameters, pre):
    layer(x, parameters, pre)


@wrong("scores by the pre-norm, values without", None)
def values_not_normed(x, parameters, pre):
    p = parameters
    if not pre:
        return layer(x, p, pre)
    z = norm(x, p, 1)
    weights = torch.softmax((z @ p["Wq"].T) @ (z @ p["Wk"].T).mT / math.sqrt(x.shape[-1]), dim=-1)
    middle = x + weights @ (x @ p["Wv"].T) @ p["Wo"].T
    return middle + feed_forward(norm(middle, p, 2), p)


@wrong("attention by the order asked for, the feed-forward network post-norm", None)
def second_always_post(x, parameters, pre):
    p = parameters
    middle = x + attention(norm(x, p, 1), p) if pre else norm(x + attention(x, p), p, 1)
    return norm(middle + feed_forward(middle, p), p, 2)


@wrong("attention pre-norm, the feed-forward network by the order asked for", None)
def first_always_pre(x, parameters, pre):
    p = parameters
    middle = x + attention(norm(x, p, 1), p)
    return middle + feed_forward(norm(middle, p, 2), p) if pre else norm(middle + feed_forward(middle, p), p, 2)


@wrong("a word does not attend to itself", None)
def not_itself(x, parameters, pre):
    def attend(x, p):
        scores = (x @ p["Wq"].T) @ (x @ p["Wk"].T).mT / math.sqrt(x.shape[-1])
        itself = torch.eye(x.shape[1]).bool() & torch.tensor(x.shape[1] > 1)
        return torch.softmax(scores.masked_fill(itself, -torch.inf), dim=-1) @ (x @ p["Wv"].T) @ p["Wo"].T

    return layer(x, parameters, pre, attention=attend)


@wrong("takes a parameter out of the dict", None)
def takes_out(x, parameters, pre):
    answer = layer(x, parameters, pre)
    parameters.pop("b2")
    return answer
