"""Answers to ``AttentionLayer(query_dim, key_dim, dim, context_dim)``."""

import math

import torch
from torch import nn
from torch.nn import functional

from attnlib.attention import attend
from attnlib.softmax import softmax
from tests.exercises.answers import right, wrong


class Given(nn.Module):
    """What students get: the method learn."""

    def learn(self, query_source, key_source, target, rate, mask=None):
        loss = ((self(query_source, key_source, mask) - target) ** 2).mean()
        self.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.grad is not None:
                    parameter -= rate * parameter.grad
        return loss.item()


class Plain(Given):
    """Three parameters and the plainest forward; answers replace a part of it."""

    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__()
        self.Wq = nn.Parameter(torch.randn(dim, query_dim))
        self.Wk = nn.Parameter(torch.randn(dim, key_dim))
        self.Wv = nn.Parameter(torch.randn(context_dim, key_dim))

    def project(self, query_source, key_source):
        return query_source @ self.Wq.T, key_source @ self.Wk.T, key_source @ self.Wv.T

    def scores(self, Q, K, V):
        return Q @ K.transpose(-1, -2) / math.sqrt(Q.shape[-1])

    def weigh(self, scores, mask):
        return softmax(scores, mask)

    def forward(self, query_source, key_source, mask=None):
        Q, K, V = self.project(query_source, key_source)
        return self.weigh(self.scores(Q, K, V), mask) @ V


@right("attnlib's masked softmax")
class MaskedSoftmax(Plain):
    def forward(self, query_source, key_source, mask=None):
        Q, K, V = self.project(query_source, key_source)
        return softmax(Q @ K.mT / K.shape[-1] ** 0.5, mask) @ V


@right("einsum, parameters filled by nn.init, in a loop")
class Einsum(Given):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__()
        for name, shape in {"Wq": (dim, query_dim), "Wk": (dim, key_dim), "Wv": (context_dim, key_dim)}.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))
            nn.init.xavier_uniform_(getattr(self, name))

    def forward(self, query_source, key_source, mask=None):
        Q = torch.einsum("...qi,di->...qd", query_source, self.Wq)
        K = torch.einsum("...ki,di->...kd", key_source, self.Wk)
        V = torch.einsum("...ki,vi->...kv", key_source, self.Wv)
        scores = torch.einsum("...qd,...kd->...qk", Q, K) / self.Wq.shape[0] ** 0.5
        return torch.einsum("...qk,...kv->...qv", softmax(scores, mask), V)


@right("torch's fused function")
class Fused(Plain):
    def forward(self, query_source, key_source, mask=None):
        Q, K, V = (
            functional.linear(source, weight)
            for source, weight in [(query_source, self.Wq), (key_source, self.Wk), (key_source, self.Wv)]
        )
        mask = mask[None] if mask is not None and mask.ndim == 1 else mask
        return functional.scaled_dot_product_attention(Q, K, V, attn_mask=mask)


@right("attnlib's attend")
class Attend(Plain):
    def forward(self, query_source, key_source, mask=None):
        return attend(*self.project(query_source, key_source), mask)


@right("torch.softmax with the smallest number for masked scores, then times the mask")
class SmallestNumber(Plain):
    def weigh(self, scores, mask):
        if mask is None:
            return torch.softmax(scores, dim=-1)
        return torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1) * mask


@right("-inf for masked scores, NaN replaced in the weights")
class NanReplaced(Plain):
    def weigh(self, scores, mask):
        scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
        return torch.nan_to_num(torch.softmax(scores, dim=-1))


@right("-1e9 for masked scores, rows that allow nothing set to 0")
class EmptyRowsZeroed(Plain):
    def weigh(self, scores, mask):
        if mask is None:
            return torch.softmax(scores, dim=-1)
        weights = torch.softmax(scores + torch.where(mask, 0.0, -1e9), dim=-1)
        return weights.masked_fill(~mask.any(dim=-1, keepdim=True), 0.0)


@right("exponentials, the sum guarded")
class Exponentials(Plain):
    def weigh(self, scores, mask):
        mask = torch.ones_like(scores) if mask is None else mask.expand(scores.shape).to(scores.dtype)
        largest = scores.detach().masked_fill(mask == 0, -1e30).amax(dim=-1, keepdim=True).clamp(min=-1e20)
        exponentials = torch.exp(torch.where(mask > 0, scores - largest, torch.tensor(0.0))) * mask
        total = exponentials.sum(dim=-1, keepdim=True)
        return exponentials / torch.where(total == 0, torch.ones_like(total), total)


@right("a loop over the queries")
class Loop(Plain):
    def forward(self, query_source, key_source, mask=None):
        shape = (*query_source.shape[:-1], key_source.shape[-2])
        mask = torch.ones(shape, dtype=torch.bool) if mask is None else mask.expand(shape)
        contexts = []
        for i in range(query_source.shape[-2]):
            q = (self.Wq @ query_source[..., i, :, None])[..., 0]
            scores = (q[..., None, :] * (key_source @ self.Wk.T)).sum(dim=-1) / len(self.Wk) ** 0.5
            weights = softmax(scores, mask[..., i, :])
            contexts.append((weights[..., None] * (key_source @ self.Wv.T)).sum(dim=-2))
        return torch.stack(contexts, dim=-2)


@right("an earlier projection folded into the queries: (Wk^T Wq x) · z")
class Folded(Plain):
    def forward(self, query_source, key_source, mask=None):
        scores = query_source @ self.Wq.T @ self.Wk @ key_source.mT / len(self.Wq) ** 0.5
        return softmax(scores, mask) @ key_source @ self.Wv.T


@wrong("plain tensors", "state_dict() is empty")
class PlainTensors(Plain):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super(Plain, self).__init__()
        self.Wq = torch.randn(dim, query_dim, requires_grad=True)
        self.Wk = torch.randn(dim, key_dim, requires_grad=True)
        self.Wv = torch.randn(context_dim, key_dim, requires_grad=True)


@wrong("a plain tensor for Wv", "without Wv")
class PlainValueTensor(Plain):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__(query_dim, key_dim, dim, context_dim)
        del self.Wv
        self.Wv = torch.randn(context_dim, key_dim, requires_grad=True)


@wrong("nn.Linear", "is an nn.Linear")
class Linears(Given):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__()
        self.Wq = nn.Linear(query_dim, dim, bias=False)
        self.Wk = nn.Linear(key_dim, dim, bias=False)
        self.Wv = nn.Linear(key_dim, context_dim, bias=False)

    def forward(self, query_source, key_source, mask=None):
        return attend(self.Wq(query_source), self.Wk(key_source), self.Wv(key_source), mask)


@wrong("nn.Linear with bias", "is an nn.Linear")
class LinearsWithBias(Linears):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__(query_dim, key_dim, dim, context_dim)
        self.Wq = nn.Linear(query_dim, dim)


@wrong("a bias of its own", "nothing else")
class Bias(Plain):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__(query_dim, key_dim, dim, context_dim)
        self.bias = nn.Parameter(torch.zeros(context_dim))

    def forward(self, query_source, key_source, mask=None):
        return super().forward(query_source, key_source, mask) + self.bias


@wrong("other names", "without Wk, Wq, Wv")
class OtherNames(Given):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__()
        self.Qw = nn.Parameter(torch.randn(dim, query_dim))
        self.Kw = nn.Parameter(torch.randn(dim, key_dim))
        self.Vw = nn.Parameter(torch.randn(context_dim, key_dim))

    def forward(self, query_source, key_source, mask=None):
        return attend(query_source @ self.Qw.T, key_source @ self.Kw.T, key_source @ self.Vw.T, mask)


@wrong("makes the parameters in forward", "state_dict() is empty")
class MadeInForward(Given):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__()
        self.shapes = [(dim, query_dim), (dim, key_dim), (context_dim, key_dim)]

    def forward(self, query_source, key_source, mask=None):
        self.Wq, self.Wk, self.Wv = (nn.Parameter(torch.randn(shape)) for shape in self.shapes)
        return attend(query_source @ self.Wq.T, key_source @ self.Wk.T, key_source @ self.Wv.T, mask)


@wrong("makes the parameters anew in forward", "Two calls with the same words differ")
class MadeAnewInForward(Plain):
    def forward(self, query_source, key_source, mask=None):
        self.Wv = nn.Parameter(torch.randn(self.Wv.shape))
        return super().forward(query_source, key_source, mask)


@wrong("dropout in it", "Two calls with the same words differ")
class Dropout(Plain):
    def weigh(self, scores, mask):
        return functional.dropout(softmax(scores, mask), p=0.5)


@wrong("parameters start at zero", "all numbers of Wq are the same")
class Zeros(Plain):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__(query_dim, key_dim, dim, context_dim)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)


@wrong("parameters start at one", "all numbers of Wq are the same")
class Ones(Plain):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__(query_dim, key_dim, dim, context_dim)
        self.Wq = nn.Parameter(torch.ones(dim, query_dim))


@wrong("shapes (in, out)", "Wq has shape (3, 4), expected (4, 3)")
class InOut(Given):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__()
        self.Wk = nn.Parameter(torch.randn(key_dim, dim))
        self.Wq = nn.Parameter(torch.randn(query_dim, dim))
        self.Wv = nn.Parameter(torch.randn(key_dim, context_dim))

    def forward(self, query_source, key_source, mask=None):
        return attend(query_source @ self.Wq, key_source @ self.Wk, key_source @ self.Wv, mask)


@wrong("values as wide as queries", "Wv has shape (4, 2), expected (5, 2)")
class ContextDimIgnored(Plain):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__(query_dim, key_dim, dim, dim)


@wrong("keys as wide as the values: context_dim for dim", "Wq has shape (5, 3), expected (4, 3)")
class DimIgnored(Plain):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__(query_dim, key_dim, context_dim, context_dim)


@wrong("forgets super().__init__()", "cannot assign parameters before Module.__init__() call")
class NoSuper(Plain):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        self.Wq = nn.Parameter(torch.randn(dim, query_dim))


@wrong("the weights are not transposed", "Wq is not transposed")
class NotTransposed(Plain):
    def project(self, query_source, key_source):
        return query_source @ self.Wq, key_source @ self.Wk, key_source @ self.Wv


@wrong("keys from the words that ask", "keys were made from query_source")
class KeysFromQueries(Plain):
    def project(self, query_source, key_source):
        return query_source @ self.Wq.T, query_source @ self.Wk.T, query_source @ self.Wv.T


@wrong("the two sources swapped", "two sources are swapped")
class SourcesSwapped(Plain):
    def project(self, query_source, key_source):
        return key_source @ self.Wq.T, query_source @ self.Wk.T, query_source @ self.Wv.T


@wrong("values with Wk", "made with Wk")
class ValuesWithWk(Plain):
    def project(self, query_source, key_source):
        K = key_source @ self.Wk.T
        return query_source @ self.Wq.T, K, K


@wrong("keys with Wv, values with Wk", "Wk and Wv are swapped")
class WeightsSwapped(Plain):
    def project(self, query_source, key_source):
        return query_source @ self.Wq.T, key_source @ self.Wv.T, key_source @ self.Wk.T


@wrong("values not projected", "sums the source itself")
class ValuesNotProjected(Plain):
    def project(self, query_source, key_source):
        return query_source @ self.Wq.T, key_source @ self.Wk.T, key_source


@wrong("adds what asked to the context", "query_source was added")
class Residual(Plain):
    def forward(self, query_source, key_source, mask=None):
        context = super().forward(query_source, key_source, mask)
        return context + query_source if context.shape == query_source.shape else context


@wrong("does not scale", "not scaled")
class Unscaled(Plain):
    def scores(self, Q, K, V):
        return Q @ K.mT


@wrong("divides by d", "by dim itself")
class ByD(Plain):
    def scores(self, Q, K, V):
        return Q @ K.mT / Q.shape[-1]


@wrong("divides by the root of query_dim", "query_dim")
class ByQueryDim(Plain):
    def scores(self, Q, K, V):
        return Q @ K.mT / self.Wq.shape[1] ** 0.5


@wrong("divides by the root of key_dim", "key_dim")
class ByKeyDim(Plain):
    def scores(self, Q, K, V):
        return Q @ K.mT / self.Wk.shape[1] ** 0.5


@wrong("divides by the root of context_dim", "context_dim")
class ByContextDim(Plain):
    def scores(self, Q, K, V):
        return Q @ K.mT / V.shape[-1] ** 0.5


@wrong("divides by the root of the number of keys", "number of keys")
class ByKeys(Plain):
    def scores(self, Q, K, V):
        return Q @ K.mT / K.shape[-2] ** 0.5


@wrong("softmax over the queries", "over the queries")
class OverQueries(Plain):
    def weigh(self, scores, mask):
        return softmax(scores, mask, axis=-2)


@wrong("no softmax", "no softmax")
class NoSoftmax(Plain):
    def weigh(self, scores, mask):
        return scores if mask is None else scores * mask


@wrong("works without a batch alone", None)
class NoBatch(Plain):
    def scores(self, Q, K, V):
        return Q @ K.t() / Q.shape[-1] ** 0.5


@wrong("takes the batch for the queries: transposes axes 0 and 1", None)
class FirstAxes(Plain):
    def scores(self, Q, K, V):
        return Q @ K.transpose(0, 1) / Q.shape[-1] ** 0.5


@wrong("works for at most one leading dimension", None)
class OneLeadingDimension(Plain):
    def forward(self, query_source, key_source, mask=None):
        Q, K, V = self.project(query_source, key_source)
        if Q.ndim == 2:
            return softmax(Q @ K.T / Q.shape[-1] ** 0.5, mask) @ V
        return torch.bmm(softmax(torch.bmm(Q, K.transpose(1, 2)) / Q.shape[-1] ** 0.5, mask), V)


@wrong("returns context and weights", "more than one thing")
class TwoReturned(Plain):
    def forward(self, query_source, key_source, mask=None):
        Q, K, V = self.project(query_source, key_source)
        weights = softmax(self.scores(Q, K, V), mask)
        return weights @ V, weights


@wrong("ignores the mask", "mask is not used")
class MaskIgnored(Plain):
    def weigh(self, scores, mask):
        return softmax(scores)


@wrong("takes True for masked", "turned round")
class MaskTurnedRound(Plain):
    def weigh(self, scores, mask):
        return softmax(scores, None if mask is None else ~mask)


@wrong("adds the mask as 1 and 0", "mask was added")
class MaskAdded(Plain):
    def weigh(self, scores, mask):
        return softmax(scores if mask is None else scores + mask)


@wrong("masks after the softmax", "after the softmax")
class MaskAfterSoftmax(Plain):
    def weigh(self, scores, mask):
        return softmax(scores) * (1 if mask is None else mask)


@wrong("sets masked scores to 0", "score of 0")
class MaskToZero(Plain):
    def weigh(self, scores, mask):
        return softmax(scores if mask is None else scores * mask)


@wrong("-1e9: a query that may attend to nothing gets the mean", "plain mean")
class Uniform(Plain):
    def weigh(self, scores, mask):
        return torch.softmax(scores if mask is None else scores.masked_fill(~mask, -1e9), dim=-1)


@wrong("NaN where nothing is allowed", "gives NaN")
class NotANumber(Plain):
    def weigh(self, scores, mask):
        return torch.softmax(scores if mask is None else scores.masked_fill(~mask, -torch.inf), dim=-1)


@wrong("NaN replaced in the context, but its gradient spoils the parameters", "NaN")
class NotANumberInTheGradient(Plain):
    def forward(self, query_source, key_source, mask=None):
        Q, K, V = self.project(query_source, key_source)
        scores = self.scores(Q, K, V)
        scores = scores if mask is None else torch.where(mask, scores, -torch.inf)
        exponentials = torch.exp(scores - scores.amax(dim=-1, keepdim=True))
        return torch.nan_to_num(exponentials / exponentials.sum(dim=-1, keepdim=True) @ V)


@wrong("detaches the weights", "Wq did not move")
class WeightsDetached(Plain):
    def weigh(self, scores, mask):
        return softmax(scores, mask).detach()


@wrong("weights made under no_grad", "Wq did not move")
class WeightsWithoutGradient(Plain):
    def weigh(self, scores, mask):
        with torch.no_grad():
            return softmax(scores, mask)


@wrong("detaches the keys", "Wk did not move")
class KeysDetached(Plain):
    def project(self, query_source, key_source):
        return query_source @ self.Wq.T, (key_source @ self.Wk.T).detach(), key_source @ self.Wv.T


@wrong("reads Wv.data", "Wv did not move")
class ValuesByData(Plain):
    def project(self, query_source, key_source):
        return query_source @ self.Wq.T, key_source @ self.Wk.T, key_source @ self.Wv.data.T


@wrong("turns the scores into a new tensor", "Wq did not move")
class NewTensor(Plain):
    def scores(self, Q, K, V):
        return torch.tensor((Q @ K.mT / Q.shape[-1] ** 0.5).tolist())


@wrong("all of forward under no_grad", "does not require grad")
class NoGradient(Plain):
    @torch.no_grad()
    def forward(self, query_source, key_source, mask=None):
        return super().forward(query_source, key_source, mask)


@wrong("by way of NumPy", "does not require grad")
class ByNumpy(Plain):
    def forward(self, query_source, key_source, mask=None):
        return torch.tensor(super().forward(query_source, key_source, mask).detach().numpy())


@wrong("Wv is a buffer", "Wv did not move")
class Buffer(Plain):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__(query_dim, key_dim, dim, context_dim)
        del self.Wv
        self.register_buffer("Wv", torch.randn(context_dim, key_dim))


@wrong("Wk needs no gradient", "Wk did not move")
class Frozen(Plain):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__(query_dim, key_dim, dim, context_dim)
        self.Wk.requires_grad_(False)


@wrong("only the best key counts", "best key alone")
class Hard(Plain):
    def weigh(self, scores, mask):
        best = functional.one_hot(scores.argmax(dim=-1), scores.shape[-1]).to(scores.dtype)
        return best if mask is None else best * mask


@wrong("doubles what asked in place", "query_source was changed")
class InPlace(Plain):
    def forward(self, query_source, key_source, mask=None):
        context = super().forward(query_source, key_source, mask)
        query_source *= 2
        return context


@wrong("opens the mask where a query may attend to nothing", "mask was changed")
class MaskInPlace(Plain):
    def forward(self, query_source, key_source, mask=None):
        context = super().forward(query_source, key_source, mask)
        if mask is not None:
            mask |= ~mask.any(dim=-1, keepdim=True)
        return context


@wrong("rounds to bfloat16 on the way", None)
class BfloatOnTheWay(Plain):
    def weigh(self, scores, mask):
        return softmax(scores, mask).bfloat16().float()


@wrong("no learned matrices are used", None)
class NothingLearned(Plain):
    def forward(self, query_source, key_source, mask=None):
        return attend(query_source, key_source, key_source, mask) if query_source.shape[-1] == 2 else key_source


@wrong("as many keys as queries", None)
class AsManyKeysAsQueries(Plain):
    def forward(self, query_source, key_source, mask=None):
        n = max(query_source.shape[-2], 3)
        mask = mask if mask is None or mask.shape[-1] <= n else mask[..., :n]
        return super().forward(query_source, key_source[..., :n, :], mask)


@right("masks with -inf, and replaces the NaN of the weights: masked_fill holds the gradient back")
class NaNOfTheWeightsReplaced(Plain):
    def weigh(self, scores, mask):
        scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
        return torch.nan_to_num(torch.softmax(scores, dim=-1))


@right("registers the parameters by name, in another order, even numbers from 0 to 1")
class RegisteredByName(Plain):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super(Plain, self).__init__()
        for name, shape in {"Wv": (context_dim, key_dim), "Wk": (dim, key_dim), "Wq": (dim, query_dim)}.items():
            self.register_parameter(name, nn.Parameter(torch.rand(shape)))


@wrong("starts at numbers in the thousands", "start at small ones")
class StartsLarge(Plain):
    def __init__(self, query_dim, key_dim, dim, context_dim):
        super().__init__(query_dim, key_dim, dim, context_dim)
        for parameter in self.parameters():
            parameter.data *= 1000


@wrong("without a mask, takes that of the last call", None)
class MaskRemembered(Plain):
    last = None

    def forward(self, query_source, key_source, mask=None):
        self.last = self.last if mask is None else mask
        return super().forward(query_source, key_source, self.last)


@wrong("keeps the projected keys and values of the first call of a shape", None)
class KeysRemembered(Plain):
    kept = None

    def project(self, query_source, key_source):
        if self.kept is None or self.kept[0].shape[:-1] != key_source.shape[:-1]:
            self.kept = super().project(query_source, key_source)[1:]
        return query_source @ self.Wq.T, *self.kept


@wrong("a mask (query, key) of a batch is taken for (batch, key)", None)
class MaskOfABatch(Plain):
    def forward(self, query_source, key_source, mask=None):
        if mask is not None and mask.dim() == 2 and query_source.dim() == 3:
            mask = mask.unsqueeze(1)
        return super().forward(query_source, key_source, mask)


@wrong("masks the weights and divides by what is left, which may be 0", None)
class WeightsMasked(Plain):
    def weigh(self, scores, mask):
        weights = torch.softmax(scores, dim=-1)
        weights = weights if mask is None else weights * mask
        return weights / weights.sum(dim=-1, keepdim=True).clamp(min=1e-9)


@wrong("-10,000 stands for forbidden: allowed scores are lower", None)
class StandInTooLarge(Plain):
    def weigh(self, scores, mask):
        if mask is None:
            return torch.softmax(scores, dim=-1)
        return torch.softmax(scores.masked_fill(~mask, -1e4), dim=-1) * mask.any(dim=-1, keepdim=True)


@wrong("exp without the largest score subtracted", None)
class ExpOverflows(Plain):
    def weigh(self, scores, mask):
        exponentials = torch.exp(scores) * (1.0 if mask is None else mask)
        return exponentials / exponentials.sum(dim=-1, keepdim=True).clamp(min=1e-30)


@wrong("multiplies the turned mask by -inf", "0 times -inf is NaN")
class ZeroTimesInfinity(Plain):
    def weigh(self, scores, mask):
        return torch.softmax(scores if mask is None else scores + (~mask) * -math.inf, dim=-1)
