"""Answers to ``AdditiveScore(query_dim, key_dim, hidden)``."""

import torch

from tests.exercises.answers import right, wrong


class Base(torch.nn.Module):
    """What the answers share, ``gradients`` as students get it."""

    def __init__(self, query_dim, key_dim, hidden):
        super().__init__()
        self.Wq = torch.nn.Parameter(torch.zeros(hidden, query_dim))
        self.Wk = torch.nn.Parameter(torch.zeros(hidden, key_dim))
        self.v = torch.nn.Parameter(torch.zeros(hidden))

    def project_keys(self, K):
        return K @ self.Wk.T

    def forward(self, Q, projected_keys):
        return torch.tanh((Q @ self.Wq.T).unsqueeze(-2) + projected_keys.unsqueeze(-3)) @ self.v

    def gradients(self, Q, K, slope):
        Q, K = Q.clone().requires_grad_(), K.clone().requires_grad_()
        self.zero_grad()
        scores = self.forward(Q, self.project_keys(K))
        if scores.requires_grad:
            (scores * slope).sum().backward()
        leaves = {"Q": Q, "K": K, **dict(self.named_parameters())}
        return {name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for name, leaf in leaves.items()}


@right("matmul and unsqueeze")
class Plain(Base):
    pass


@right("einsum")
class Einsum(Base):
    def project_keys(self, K):
        return torch.einsum("...kd,hd->...kh", K, self.Wk)

    def forward(self, Q, projected_keys):
        queries = torch.einsum("...qd,hd->...qh", Q, self.Wq)
        hidden = torch.tanh(queries[..., :, None, :] + projected_keys[..., None, :, :])
        return torch.einsum("...qkh,h->...qk", hidden, self.v)


@right("F.linear, random start, one query at a time")
class OneQueryAtATime(Base):
    def __init__(self, query_dim, key_dim, hidden):
        super().__init__(query_dim, key_dim, hidden)
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter, std=0.1)

    def project_keys(self, K):
        return torch.nn.functional.linear(K, self.Wk)

    def forward(self, Q, projected_keys):
        queries = torch.nn.functional.linear(Q, self.Wq)
        return torch.stack([torch.tanh(q.unsqueeze(-2) + projected_keys) @ self.v for q in queries.unbind(-2)], dim=-2)


@right("the parameters taken from linear layers that are thrown away")
class FromLinearLayers(Base):
    def __init__(self, query_dim, key_dim, hidden):
        super().__init__(query_dim, key_dim, hidden)
        self.Wq = torch.nn.Linear(query_dim, hidden, bias=False).weight
        self.Wk = torch.nn.Linear(key_dim, hidden, bias=False).weight
        self.v = torch.nn.Parameter(torch.rand(hidden) - 0.5)


@right("register_parameter, and float64 inside")
class Wide(Base):
    def __init__(self, query_dim, key_dim, hidden):
        torch.nn.Module.__init__(self)
        self.register_parameter("v", torch.nn.Parameter(torch.empty(hidden).uniform_(-1, 1)))
        self.register_parameter("Wk", torch.nn.Parameter(torch.empty(hidden, key_dim).uniform_(-1, 1)))
        self.register_parameter("Wq", torch.nn.Parameter(torch.empty(hidden, query_dim).uniform_(-1, 1)))

    def project_keys(self, K):
        return (K.double() @ self.Wk.double().T).float()

    def forward(self, Q, projected_keys):
        queries, keys = Q.double() @ self.Wq.double().T, projected_keys.double()
        return (torch.tanh(queries.unsqueeze(-2) + keys.unsqueeze(-3)) * self.v).sum(dim=-1).float()


@right("loops over queries and keys")
class Loops(Base):
    def forward(self, Q, projected_keys):
        queries = Q @ self.Wq.T
        rows = []
        for i in range(Q.shape[-2]):
            keys = [projected_keys[..., k, :] for k in range(projected_keys.shape[-2])]
            rows.append(torch.stack([(torch.tanh(queries[..., i, :] + key) * self.v).sum(dim=-1) for key in keys], -1))
        return torch.stack(rows, dim=-2)


@right("its own backward pass")
class OwnBackward(Base):
    class Hidden(torch.autograd.Function):
        @staticmethod
        def forward(context, a):
            result = torch.tanh(a)
            context.save_for_backward(result)
            return result

        @staticmethod
        def backward(context, slope):
            (result,) = context.saved_tensors
            return slope * (1 - result**2)

    def forward(self, Q, projected_keys):
        inside = (Q @ self.Wq.T).unsqueeze(-2) + projected_keys.unsqueeze(-3)
        return self.Hidden.apply(inside) @ self.v


@wrong("bare tensors", "a bare tensor is not registered")
class BareTensors(Base):
    def __init__(self, query_dim, key_dim, hidden):
        torch.nn.Module.__init__(self)
        self.Wq, self.Wk = torch.randn(hidden, query_dim), torch.randn(hidden, key_dim)
        self.v = torch.randn(hidden)


@wrong("v is a bare tensor", "a bare tensor is not registered")
class BareVector(Base):
    def __init__(self, query_dim, key_dim, hidden):
        super().__init__(query_dim, key_dim, hidden)
        del self.v
        self.v = torch.randn(hidden)


@wrong("the parameters in a list", "a bare tensor is not registered")
class InAList(Base):
    def __init__(self, query_dim, key_dim, hidden):
        torch.nn.Module.__init__(self)
        self.weights = [torch.nn.Parameter(torch.randn(hidden, dim)) for dim in (query_dim, key_dim)]
        self.v = torch.nn.Parameter(torch.randn(hidden))


@wrong("linear layers with a bias", "names of its own")
class LinearWithBias(Base):
    def __init__(self, query_dim, key_dim, hidden):
        torch.nn.Module.__init__(self)
        self.Wq, self.Wk = torch.nn.Linear(query_dim, hidden), torch.nn.Linear(key_dim, hidden)
        self.v = torch.nn.Linear(hidden, 1)


@wrong("linear layers without a bias", "names of its own")
class LinearWithoutBias(Base):
    def __init__(self, query_dim, key_dim, hidden):
        torch.nn.Module.__init__(self)
        self.Wq = torch.nn.Linear(query_dim, hidden, bias=False)
        self.Wk = torch.nn.Linear(key_dim, hidden, bias=False)
        self.v = torch.nn.Parameter(torch.randn(hidden))


@wrong("a bias beside the three", "'b'")
class WithBias(Base):
    def __init__(self, query_dim, key_dim, hidden):
        super().__init__(query_dim, key_dim, hidden)
        self.b = torch.nn.Parameter(torch.zeros(hidden))


@wrong("matrices that are (dim, hidden)", "is one matrix transposed")
class MatricesTransposed(Base):
    def __init__(self, query_dim, key_dim, hidden):
        super().__init__(query_dim, key_dim, hidden)
        self.Wq = torch.nn.Parameter(torch.zeros(query_dim, hidden))
        self.Wk = torch.nn.Parameter(torch.zeros(key_dim, hidden))

    def project_keys(self, K):
        return K @ self.Wk

    def forward(self, Q, projected_keys):
        return torch.tanh((Q @ self.Wq).unsqueeze(-2) + projected_keys.unsqueeze(-3)) @ self.v


@wrong("v of shape (hidden, 1)", "v of AdditiveScore(3, 4, 5) has shape (5, 1)")
class VectorIsAMatrix(Base):
    def __init__(self, query_dim, key_dim, hidden):
        super().__init__(query_dim, key_dim, hidden)
        self.v = torch.nn.Parameter(torch.zeros(hidden, 1))


@wrong("Wk made with query_dim", "Wk of AdditiveScore(3, 4, 5) has shape (5, 3)")
class DimsMixedUp(Base):
    def __init__(self, query_dim, key_dim, hidden):
        super().__init__(query_dim, key_dim, hidden)
        self.Wk = torch.nn.Parameter(torch.zeros(hidden, query_dim))


@wrong("buffers", "cut the way to it")
class Buffers(Base):
    def __init__(self, query_dim, key_dim, hidden):
        torch.nn.Module.__init__(self)
        self.register_buffer("Wq", torch.zeros(hidden, query_dim))
        self.register_buffer("Wk", torch.zeros(hidden, key_dim))
        self.register_buffer("v", torch.zeros(hidden))


@wrong("v does not require a gradient", "the gradient by v is wrong. It is 0")
class FrozenVector(Base):
    def __init__(self, query_dim, key_dim, hidden):
        super().__init__(query_dim, key_dim, hidden)
        self.v.requires_grad_(False)


@wrong("projects keys with Wq", "keys were multiplied by Wq")
class KeysWithWq(Base):
    def project_keys(self, K):
        return K @ (self.Wq if self.Wq.shape == self.Wk.shape else self.Wk).T


@wrong("projects keys with the transposed Wk where it fits", "Wk is transposed")
class KeysTransposed(Base):
    def project_keys(self, K):
        return K @ (self.Wk if self.Wk.shape[0] == self.Wk.shape[1] else self.Wk.T)


@wrong("returns the keys, and projects them in forward", "keys came back as they are")
class ProjectsLate(Base):
    def project_keys(self, K):
        return K

    def forward(self, Q, projected_keys):
        return super().forward(Q, projected_keys @ self.Wk.T)


@wrong("takes the tanh of the projected keys", "tanh came too early")
class EarlyTanh(Base):
    def project_keys(self, K):
        return torch.tanh(K @ self.Wk.T)


@wrong("projects the keys a second time where they fit", "projected again")
class ProjectsTwice(Base):
    def forward(self, Q, projected_keys):
        fits = projected_keys.shape[-1] == self.Wk.shape[1]
        return super().forward(Q, projected_keys @ self.Wk.T if fits else projected_keys)


@wrong("remembers the keys of the last call and ignores the argument", "keys of an earlier call")
class UsesKeptKeys(Base):
    def project_keys(self, K):
        self.kept = K @ self.Wk.T
        return self.kept

    def forward(self, Q, projected_keys):
        return super().forward(Q, self.kept)


@wrong("projects the first keys only, and returns those for ever", "second sentence got the keys of the first")
class CachesKeys(Base):
    kept = None

    def project_keys(self, K):
        if self.kept is None:
            self.kept = K @ self.Wk.T
        return self.kept


@wrong("a cache by shape: the next sentence of the same shape gets the old keys", "second sentence got the keys")
class CachesByShape(Base):
    def __init__(self, query_dim, key_dim, hidden):
        super().__init__(query_dim, key_dim, hidden)
        self.cache = {}

    def project_keys(self, K):
        if K.shape not in self.cache:
            self.cache[K.shape] = K @ self.Wk.T
        return self.cache[K.shape]


@wrong("remembers the scores of the first call", None)
class CachesScores(Base):
    def __init__(self, query_dim, key_dim, hidden):
        super().__init__(query_dim, key_dim, hidden)
        self.cache = {}

    def forward(self, Q, projected_keys):
        key = (Q.shape, projected_keys.shape)
        return self.cache.setdefault(key, super().forward(Q, projected_keys))


@wrong("uses the parameters of the module made last, through a variable that all share", None)
class Global(Base):
    latest = None

    def __init__(self, query_dim, key_dim, hidden):
        super().__init__(query_dim, key_dim, hidden)
        Global.latest = self.Wk, self.Wq, self.v

    def project_keys(self, K):
        return K @ Global.latest[0].T

    def forward(self, Q, projected_keys):
        _, Wq, v = Global.latest
        return torch.tanh((Q @ Wq.T).unsqueeze(-2) + projected_keys.unsqueeze(-3)) @ v


@wrong("adds each query to the projected keys in place, the next one on top", "next query found it there")
class AddsInPlace(Base):
    def forward(self, Q, projected_keys):
        rows = []
        for q in (Q @ self.Wq.T).unbind(-2):
            projected_keys += q.unsqueeze(-2)
            rows.append(torch.tanh(projected_keys) @ self.v)
        return torch.stack(rows, dim=-2)


@wrong("adds a single query to the projected keys in place", None)
class AddsSingleInPlace(Base):
    def forward(self, Q, projected_keys):
        if Q.shape[-2] > 1:
            return super().forward(Q, projected_keys)
        projected_keys += Q @ self.Wq.T
        return (torch.tanh(projected_keys) @ self.v).unsqueeze(-2)


@wrong("doubles the projected keys in place and forgets to halve them", "projected_keys was changed")
class LeavesDoubled(Base):
    def forward(self, Q, projected_keys):
        scores = super().forward(Q, projected_keys)
        projected_keys.data *= 2
        return scores


@wrong("takes the tanh in place, once the query is added for a single query", None)
class TanhInPlace(Base):
    def forward(self, Q, projected_keys):
        if Q.shape[-2] == 1 and Q.dim() > 2 and not torch.is_grad_enabled():
            return super().forward(Q, projected_keys)
        scores = super().forward(Q, projected_keys)
        if Q.dim() == 3 and Q.shape[0] > 1:
            projected_keys.data.tanh_()
        return scores


@wrong("detaches the projected keys", "the gradient by Wk is wrong. It is 0")
class DetachesProjectedKeys(Base):
    def project_keys(self, K):
        return (K @ self.Wk.T).detach()


@wrong("detaches the keys: the encoder would never learn", "the gradient by K is wrong. It is 0")
class DetachesKeys(Base):
    def project_keys(self, K):
        return K.detach() @ self.Wk.T


@wrong("makes new tensors of the queries", "the gradient by Q is wrong. It is 0")
class DetachesQueries(Base):
    def forward(self, Q, projected_keys):
        return super().forward(torch.tensor(Q.tolist()), projected_keys)


@wrong("projects the keys under no_grad", "the gradient by Wk is wrong. It is 0")
class NoGrad(Base):
    @torch.no_grad()
    def project_keys(self, K):
        return K @ self.Wk.T


@wrong("reads the parameters through .data", "It is 0")
class ThroughData(Base):
    def forward(self, Q, projected_keys):
        return torch.tanh((Q @ self.Wq.data.T).unsqueeze(-2) + projected_keys.unsqueeze(-3)) @ self.v.data


@wrong("detaches all keys but the last", None)
class DetachesSome(Base):
    def project_keys(self, K):
        projected = K @ self.Wk.T
        return torch.cat([projected[..., :-1, :].detach(), projected[..., -1:, :]], dim=-2)


@wrong("does not project the query where it fits", "query was not projected")
class QueryNotProjected(Base):
    def forward(self, Q, projected_keys):
        queries = Q if Q.shape[-1] == self.Wq.shape[0] else Q @ self.Wq.T
        return torch.tanh(queries.unsqueeze(-2) + projected_keys.unsqueeze(-3)) @ self.v


@wrong("multiplies the query by Wk where it fits", "multiplied by Wk")
class QueryWithWk(Base):
    def forward(self, Q, projected_keys):
        matrix = self.Wk if self.Wk.shape == self.Wq.shape else self.Wq
        return torch.tanh((Q @ matrix.T).unsqueeze(-2) + projected_keys.unsqueeze(-3)) @ self.v


@wrong("multiplies the query by the transposed Wq where it fits", "Wq is transposed")
class QueryTransposed(Base):
    def forward(self, Q, projected_keys):
        matrix = self.Wq if self.Wq.shape[0] == self.Wq.shape[1] else self.Wq.T
        return torch.tanh((Q @ matrix).unsqueeze(-2) + projected_keys.unsqueeze(-3)) @ self.v


@wrong("forgets the tanh", "tanh is missing")
class NoTanh(Base):
    def forward(self, Q, projected_keys):
        return ((Q @ self.Wq.T).unsqueeze(-2) + projected_keys.unsqueeze(-3)) @ self.v


@wrong("tanh after the sum", "tanh came last")
class TanhLast(Base):
    def forward(self, Q, projected_keys):
        return torch.tanh(((Q @ self.Wq.T).unsqueeze(-2) + projected_keys.unsqueeze(-3)) @ self.v)


@wrong("tanh of query and key apart", "query and key apart")
class TanhApart(Base):
    def forward(self, Q, projected_keys):
        queries, keys = torch.tanh(Q @ self.Wq.T), torch.tanh(projected_keys)
        return (queries.unsqueeze(-2) + keys.unsqueeze(-3)) @ self.v


@wrong("forgets v", "v is not used")
class NoVector(Base):
    def forward(self, Q, projected_keys):
        return torch.tanh((Q @ self.Wq.T).unsqueeze(-2) + projected_keys.unsqueeze(-3)).sum(dim=-1)


@wrong("keys down, queries across", "Keys are down")
class KeysDown(Base):
    def forward(self, Q, projected_keys):
        return super().forward(Q, projected_keys).mT


@wrong("takes a softmax", "softmax in it")
class Softmax(Base):
    def forward(self, Q, projected_keys):
        return super().forward(Q, projected_keys).softmax(dim=-1)


@wrong("places the axes for three dimensions: a single sentence fails", None)
class BatchAssumed(Base):
    def forward(self, Q, projected_keys):
        return torch.tanh((Q @ self.Wq.T)[:, :, None] + projected_keys[:, None]) @ self.v


@wrong("assumes a single query, as in a decoder", None)
class SingleQuery(Base):
    def forward(self, Q, projected_keys):
        return (torch.tanh((Q @ self.Wq.T)[..., :1, :] + projected_keys) @ self.v).unsqueeze(-2)


@wrong("adds without the axes where there are as many queries as keys", None)
class NoAxes(Base):
    def forward(self, Q, projected_keys):
        if Q.shape[-2] == projected_keys.shape[-2] > 1:
            return torch.tanh(Q @ self.Wq.T + projected_keys) @ self.v
        return super().forward(Q, projected_keys)


@wrong("handles one batch axis, not two", None)
class ThreeAxesAtMost(Base):
    def forward(self, Q, projected_keys):
        queries = Q @ self.Wq.T
        if Q.dim() == 2:
            return torch.tanh(queries[:, None] + projected_keys) @ self.v
        return torch.tanh(queries[:, :, None] + projected_keys[:, None]) @ self.v


@wrong("normalises v when it is called", None)
class NormalisesVector(Base):
    def forward(self, Q, projected_keys):
        if len(self.v) > 2:
            return super().forward(Q, projected_keys) / self.v.norm()
        return super().forward(Q, projected_keys)


@wrong("takes a step of its own in forward", None)
class ChangesParameters(Base):
    def forward(self, Q, projected_keys):
        scores = super().forward(Q, projected_keys)
        if len(self.v) > 2:
            with torch.no_grad():
                self.Wq.data = self.Wq.data * 0.999
        return scores


@wrong("keeps the projection of a tensor that it has seen, though the parameters have changed", None)
class KeptByTensor(Base):
    seen = None

    def project_keys(self, K):
        if self.seen is not K:
            self.seen, self.kept = K, super().project_keys(K)
        return self.kept
