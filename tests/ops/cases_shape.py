"""Gradient checks of other shapes and orders, joining and parting, selection, sorting and triangles."""

import numpy as np
from strategies import distinct, fixed, one, shaped

import minigen
import minigen.functional as F
from minigen import ops

BITS = minigen.tensor(np.arange(15).reshape(3, 5) % 2 == 0)
ROWS = minigen.tensor([[0, 2, 1], [1, 1, 2]])
TWICE = minigen.tensor([2, 0, 2])


def total(parts):
    """Several outputs as one, each with a weight of its own."""
    return F.cat([(i + 1) * part.flatten() for i, part in enumerate(parts)])


CASES = {
    # other shapes and orders
    "expand_as": (lambda x, y: ops.expand_as(x, y) * y, fixed((3, 1), (2, 3, 5))),
    "flip": (lambda x: F.flip(x, (0, -1)), shaped("abc")),
    "meshgrid": (lambda x, y: total(F.meshgrid(x, y, indexing="xy")), shaped("a", "b")),
    "movedim": (lambda x: F.movedim(x, (0, -1), (1, 0)), shaped("abc")),
    "repeat": (lambda x: ops.repeat(x, 2, 1, 3), shaped("ab")),
    "repeat_interleave": (lambda x: F.repeat_interleave(x, TWICE, dim=1), fixed((2, 3))),
    "reshape_as": (lambda x, y: ops.reshape_as(x, y) * y, shaped("ab", "ba")),
    "roll": (lambda x: F.roll(x, (2, -3), (0, 2)), shaped("abc")),
    "roll of all": (lambda x: F.roll(x, 4), one()),
    "swapaxes": (lambda x: F.swapaxes(x, 0, -1), shaped("abc")),
    "tile": (lambda x: F.tile(x, (2,)), shaped("ab")),
    "unflatten": (lambda x: F.unflatten(x, 1, (2, -1)), fixed((3, 10))),
    "view": (lambda x: ops.view(x.contiguous(), (x.numel(),)), one()),
    "view_as": (lambda x, y: ops.view_as(x.contiguous(), y) * y, shaped("ab", "ba")),
    # joining and parting
    "chunk": (lambda x: total(F.chunk(x, 2, dim=1)), shaped("ab")),
    "hstack": (lambda x, y: F.hstack([x, y]), shaped("ab", "ac")),
    "split": (lambda x: total(F.split(x, (1, 3), dim=-1)), fixed((3, 4))),
    "unbind": (lambda x: total(F.unbind(x, 1)), fixed((2, 3, 5))),
    "vstack": (lambda x, y: F.vstack([x, y]), fixed((5,), (3, 5))),
    # borders
    "pad reflect": (lambda x: F.pad(x, (4, 2), mode="reflect"), fixed((2, 3, 5))),
    "pad reflect, cropping": (lambda x: F.pad(x, (2, -3, -1, 2), mode="reflect"), fixed((2, 3, 4))),
    "pad replicate": (lambda x: F.pad(x, (3, 1, 0, 2), mode="replicate"), fixed((2, 3, 4))),
    "pad circular": (lambda x: F.pad(x, (5, 1, -1, 2), mode="circular"), fixed((2, 3, 5))),
    # selection
    "index_select": (lambda x: F.index_select(x, 1, TWICE), fixed((2, 3, 4))),
    "masked_fill": (lambda x: F.masked_fill(x, BITS, 3.0), fixed((3, 5))),
    "masked_fill by a tensor": (lambda x, v: F.masked_fill(x, BITS, v), fixed((5,), ())),
    "masked_select": (lambda x: F.masked_select(x, BITS), fixed((3, 1))),
    "narrow": (lambda x: F.narrow(x, 1, -3, 2), fixed((2, 5))),
    "select": (lambda x: F.select(x, 1, -1), fixed((2, 5, 3))),
    "take_along_dim": (lambda x: F.take_along_dim(x, ROWS[:1] - 1, 1), fixed((2, 3))),
    # positions
    "F.index_add": (lambda x, y: F.index_add(x, 1, TWICE, y, alpha=0.5), fixed((2, 3), (2, 3))),
    "F.scatter_add": (lambda x, y: F.scatter_add(x, 1, ROWS, y), fixed((2, 4), (3, 3))),
    "index_put": (lambda x, y: F.index_put(x, (slice(None), TWICE), y), fixed((2, 3), (3,))),
    "index_put adding": (lambda x, y: F.index_put(x, (0, TWICE), y, accumulate=True), fixed((2, 3), (3,))),
    "scatter": (lambda x, y: F.scatter(x, 0, ROWS, y), fixed((3, 3), (2, 4))),
    # sorting
    "sort": (lambda x: F.sort(x, dim=0, descending=True).values, distinct(1)),
    "topk": (lambda x: F.topk(x, 1, dim=-1, largest=False).values, distinct(1)),
    # triangles and diagonals
    "diag": (F.diag, shaped("a")),
    "diag of a matrix": (lambda x: F.diag(x, -1), fixed((3, 5))),
    "diag_embed": (lambda x: F.diag_embed(x, 1, 0, -1), shaped("ab")),
    "diagonal": (lambda x: F.diagonal(x, -1, 2, 0), shaped("abc")),
    "diagonal_of_zeros": (lambda x: ops.diagonal_of_zeros(x, shape=(3, 5), offset=2), fixed((3,))),
    "tril": (lambda x: F.tril(x, 1), shaped("abc")),
    "triu": (lambda x: F.triu(x, -1), shaped("abc")),
}
NOT_DIFFERENTIABLE = {
    "argsort": lambda x: F.argsort(x, dim=0),
    "nonzero": F.nonzero,
    "tril_indices": lambda x: F.tril_indices(*x.shape),
    "triu_indices": lambda x: F.triu_indices(*x.shape),
    "unique": lambda x: F.unique(x, return_inverse=True)[1],
}
