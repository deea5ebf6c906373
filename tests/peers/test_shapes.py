"""Shapes, orders, joining, selection, sorting, positions and borders: one expression, read in both libraries."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
import minigen.functional as F

BOTH = {"minigen": {"t": minigen, "F": F}, "torch": {"t": torch, "F": torch.nn.functional}}
B = "t.tensor([[True, False, True, True]])"  # broadcasts with (3, 4)
GRID, ROW = "t.tensor([[0, 2, 1, 1], [2, 2, 0, 1]])", "t.tensor([2, 0, 2])"

TABLE = [
    # other shapes and orders: the shapes of x, y and the expressions
    (
        [(2, 3, 4)],
        ["x.view(4, -1)", "x.view((24,))", "x.transpose(0, 1).view(3, 2, 2, 2)",
         "x.permute(2, 0, 1).reshape(8, 3)", "x[0].T", "x.mT", "x[0].t()", "x[0, 0].t()", "t.movedim(x, 0, 2)",
         "x.movedim((0, 1), (-1, 0))", "t.swapaxes(x, 0, -1)", "x.swapdims(1, 2)", "x.moveaxis(2, 0)",
         "x.unflatten(2, (2, -1))", "x.unflatten(-3, (1, 2))", "t.unflatten(x, 1, (3, 1, 1))",
         "x.expand(5, -1, -1, 4)", "x.expand_as(t.zeros(5, 2, 3, 4))", "x.view_as(t.zeros(6, 4))",
         "x.reshape_as(t.zeros(4, 6))", "x.ravel()", "x.flatten(1, -1)", "x.squeeze(())", "x[:, :1].squeeze((0, 1))",
         "t.flip(x, (0,))", "x.flip(0, -1)", "x.flip([1])", "x.flip(())", "t.roll(x, 5)", "x.roll(-1, 0)",
         "t.roll(x, (1, 2, -7), (0, 1, -1))", "x.roll((1, 1), (2, 2))", "x.repeat(2, 1, 3)", "x.repeat((2, 1, 1, 2))",
         "x.repeat(1, 0, 2)", "t.tile(x, (2,))", "x.tile(2, 1, 1, 1)", "x.tile((3, 2))", "t.repeat_interleave(x, 2)",
         "x.repeat_interleave(3, dim=1)", f"x.repeat_interleave({ROW}, dim=1)", "t.select(x, 1, -1)",
         "x.select(-1, 2)", "t.narrow(x, 1, 1, 2)", "x.narrow(-1, -2, 1)", "x.narrow(0, 2, 0)"],
    ),
    (
        [(3,), (2,)],
        ["t.meshgrid(x, y, indexing='ij')", "t.meshgrid([x, y, x], indexing='xy')",
         "t.meshgrid(x[0], y, indexing='ij')", "t.meshgrid(x[:0], y, indexing='xy')", "t.hstack([x, y])",
         "t.hstack([x[0], y])", "t.vstack([x, x])", "t.vstack([x[0], y[:1]])", "t.concat([x, y])",
         "t.concatenate((y, x))", "t.diag(x)",
         "t.diag(y, -2)", "t.diag_embed(x, 1)"],
    ),
    # joining and parting
    (
        [(2, 5, 3), (4, 5, 3)],
        ["t.cat([x, t.zeros(0, dtype=x.dtype), y])", "t.hstack([x, x])", "t.vstack([x, y])",
         "t.split(x, 2, dim=1)", "x.split((1, 0, 4), 1)", "x.split(7, -1)", "t.chunk(x, 3, 1)", "x.chunk(4, dim=-1)",
         "y.chunk(3)", "t.unbind(x)", "x.unbind(-1)", "x[:0].split(2)", "x[:0].chunk(2)", "x[:0].unbind(1)"],
    ),
    # selection
    (
        [(3, 4), (3, 4)],
        [f"t.index_select(x, 0, {ROW})", "x.index_select(-1, t.tensor(3))",
         "x.index_select(1, t.tensor([], dtype=t.int64))", f"t.take_along_dim(x, {GRID}[:1] - 1, 1)",
         f"t.take_along_dim(x, {ROW})", "t.take_along_dim(x, t.argsort(x, 0), 0)", f"t.gather(x, 1, {GRID})",
         f"x.gather(dim=0, index={GRID})", f"x.gather(0, {GRID}.to(t.int32))", f"t.masked_fill(x, {B}, 3.5)",
         f"x.masked_fill({B}, y[0, 0])", f"x[0].masked_fill({B}, 2)", f"t.masked_select(x, {B})",
         f"x.masked_select({B}[:, 0])", "x[x > 0]", "x[[0, 2], 1:]", "x[t.tensor(1)]",
         "x[..., None, t.tensor([[1], [0]])]", "x[True, :, [0, 1]]",
         "x[t.tensor([True, False, True]), t.tensor([1, 2])]", "x[None, 0, :, None][:, [3, 3]]"],
    ),
    # positions
    (
        [(3, 4), (2, 4)],
        ["t.scatter(x, 0, t.tensor([[0, 2, 1, 1], [2, 1, 0, 0]]), y)",
         "x.scatter(1, t.tensor([[3, 1]]), y[:1, :2])", f"x.scatter(0, {GRID}, 1.5)",
         f"x.scatter(1, {GRID}[:1], value=2)", f"t.scatter_add(x, 0, {GRID}, y)",
         "x.scatter_add(1, t.tensor([[0, 0, 0, 1]]), y[:1])", "t.index_add(x, 0, t.tensor([2, 2]), y)",
         "x.index_add(0, t.tensor([1, 0]), y, alpha=-2)", "t.index_add(x, 1, t.tensor([3, 3, 0]), x[:, :3])",
         "x.index_put((t.tensor([2, 0]),), y)",
         "x.index_put((t.tensor([2, 2]), t.tensor([1, 1])), y[0, :2], accumulate=True)",
         "t.index_put(x, (t.tensor([0, 2]), t.tensor([1, 3])), y[0, 0])"],
    ),
    # sorting: all values are different
    (
        [(3, 5), (2, 3, 4)],
        ["t.sort(x)", "t.sort(y, 0)", "x.sort(dim=0, descending=True)",
         "t.sort(y, dim=-2, descending=True, stable=True)", "x.sort().values", "t.sort(x, 1).indices", "t.argsort(y)",
         "y.argsort(1, descending=True)", "t.topk(x, 2)", "y.topk(1, dim=1, largest=False)", "x.topk(5, 1)",
         "x.topk(0)", "t.topk(y, 2, 0)", "t.sort(x[0, 0])", "x[0, 0].topk(1)", "t.sort(x[:, :0])"],
    ),
    # triangles and diagonals
    (
        [(3, 5), (2, 4, 3)],
        ["t.tril(x)", "t.triu(x, 1)", "y.tril(-1)", "y.triu(diagonal=-2)", "t.tril(y, 9)",
         "t.diagonal(x)", "x.diagonal(2)", "t.diagonal(y, -1, 1, 2)", "y.diagonal(offset=1, dim1=0, dim2=-1)",
         "x.diagonal(9)", "t.diag(x, 1)", "t.diag_embed(y)", "y.diag_embed(-2, 0, 2)", "t.diag_embed(x, 1, -1, 0)"],
    ),
    # borders
    (
        [(2, 3, 4), (2, 3, 4, 5)],
        ["F.pad(x, (3, 2), mode='reflect')", "F.pad(x, (2, -1), mode='reflect')",
         "F.pad(y, (4, 0, 1, 3), mode='reflect')", "F.pad(y, (1, 1) * 3, mode='reflect')",
         "F.pad(x, (2, -3), 'reflect')", "F.pad(x, (-2, 3), 'reflect')", "F.pad(x, (5, 0), mode='replicate')",
         "F.pad(y, (1, 2, 3, 4), 'replicate')", "F.pad(y, (0, 1) * 3, 'replicate')", "F.pad(x, (-1, 7), 'replicate')",
         "F.pad(x, (4, 4), mode='circular')", "F.pad(y, (1, 2, 4, 0), 'circular')", "F.pad(y, (0, 1) * 3, 'circular')",
         "F.pad(x, (2, -1), 'circular')", "F.pad(x, (-1, 3), 'circular')", "F.pad(x, (0, 0), 'circular')",
         "F.pad(x, (1, 1, -1, 2, 0, 3), value=2.5)", "F.pad(x, (1, 1), value=None)", "F.pad(x[0], (1, 2), 'reflect')"],
    ),
]  # fmt: skip
CASES = [(expression, shapes) for shapes, expressions in TABLE for expression in expressions]


def read(expression: str, library: str):
    return lambda *xs: eval(expression, {**BOTH[library], **dict(zip("xy", xs, strict=False))})


@pytest.mark.parametrize(("expression", "shapes"), CASES, ids=[expression for expression, _ in CASES])
def test_values_and_gradients(agree, expression, shapes):
    rng = np.random.default_rng(3)
    arrays = [rng.permutation(np.linspace(-2, 2, int(np.prod(shape)))).reshape(shape) for shape in shapes]
    agree(read(expression, "minigen"), read(expression, "torch"), *arrays)


WHOLE = [  # results without gradients, of numbers, integers and bools
    "t.nonzero(x)", "x.nonzero(as_tuple=True)", "t.nonzero(x[0, 0])", "x[0, :1].nonzero(as_tuple=True)", "t.unique(x)",
    "t.unique(x, return_inverse=True, return_counts=True)", "x.unique(dim=1, return_counts=True)",
    "t.unique(x, dim=0, return_inverse=True)", "x.unique(return_counts=True)", "t.unique(x > 0)", "F.one_hot(x)",
    "F.one_hot(x[0, 0], 5)", "F.one_hot(x[None, :, :0], 4)", "t.tril(x > 0)", "x.triu(1)",
    "t.sort(x > 0, stable=True, descending=True)", "t.sort(x, dim=0, stable=True)",
    "t.sort(x.flatten(), descending=True, stable=True)", "t.linspace(0, 10, 5, dtype=t.int64)",
    "t.linspace(-1, 2, 7, dtype=t.float64)", "t.linspace(3, 1, 1)", "t.linspace(0, 1, 0)", "t.eye(3)",
    "t.eye(2, 4, dtype=t.int64)", "t.eye(0)", "t.tril_indices(3, 4, -1)", "t.triu_indices(4, 2, 1)",
    "t.tril_indices(0, 3)", "x.new_zeros(2, 3)", "x.new_tensor([1.5, 2.5])", "x.new_full((2,), 3)",
    "x.new_ones((2, 1), dtype=t.float32)", "t.empty(2, 0)", "x.new_empty(0, 3)",
    "t.empty_like(x[:0])", "x.masked_fill(x > 1, 1.7)",
    "F.pad(x, (1, 1), value=0.7)", "F.pad(x, (1, 1), 'reflect')", "t.cat([x, x > 0, t.ones(1, 3)])",
    "t.stack([x, x > 0])", "t.hstack([x, t.ones(3, 1)])", "x.scatter(1, x, 7)", "x.scatter_add(0, x, x)",
    "t.roll(x > 0, 2)", "t.zeros(3, 3).scatter_(1, x, 1.0)", "t.zeros(3, 3).index_add_(0, x[0], t.ones(3, 3))",
    "t.ones(3, 3).masked_fill_(x > 0, 4.0)", "t.ones(3, 3).tril_()", "t.ones(3, 3).triu_(1)", "t.as_tensor(x)",
    "t.as_tensor([1.5], dtype=t.float64)", "t.zeros(3, 3).index_put_((x[0], x[1]), t.tensor(2.0))",
    "t.zeros(3, 3).scatter_add_(1, x, t.ones(3, 3))",
]  # fmt: skip


@pytest.mark.parametrize("expression", WHOLE)
def test_integers_and_bools(agree, expression):
    agree(read(expression, "minigen"), read(expression, "torch"), np.array([[1, 0, 2], [0, 2, 2], [1, 0, 1]]))


@pytest.mark.parametrize(
    "expression",
    ["t.sort(x)", "t.sort(x, descending=True)", "t.topk(x, 2)", "t.topk(x, 2, largest=False)", "t.unique(x)"],
)
def test_nan_is_the_largest(expression):
    x = np.array([1.0, np.nan, -np.inf, np.inf, 0.0])
    mine, theirs = (read(expression, k)(f(x)) for k, f in (("minigen", minigen.tensor), ("torch", torch.tensor)))
    for a, b in zip(mine, theirs, strict=True) if isinstance(mine, tuple) else [(mine, theirs)]:
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@settings(max_examples=300)
@given(st.data())
def test_view_exists_exactly_where_pytorchs_does(data):
    """view of a tensor in any layout to any shape: the same memory, or a refusal, in both libraries alike."""
    shape = data.draw(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    order = data.draw(st.permutations(range(len(shape))))
    steps = tuple(slice(None, None, data.draw(st.sampled_from([1, 2]))) for _ in shape)
    wide = data.draw(st.booleans())
    n = int(np.prod(np.transpose(x, order)[steps].shape)) * (3 if wide else 1)
    new = data.draw(st.sampled_from([(n,), (1, n), (n, 1), *[(k, n // k) for k in (2, 3, 4, 6) if n % k == 0],
                                     *[(2, n // 4, 2) for _ in "x" if n % 4 == 0]]))  # fmt: skip
    found = []
    for tensor in (minigen.from_numpy(x), torch.from_numpy(x)):
        t = tensor.permute(*order)[steps]
        t = t[..., None].expand(*t.shape, 3) if wide else t
        try:
            found.append(t.view(new).tolist())
        except RuntimeError:
            found.append("refused")
    assert found[0] == found[1]


def test_what_is_a_tensor():
    for library in (minigen, torch):
        assert library.is_tensor(library.tensor(1.0)) and not library.is_tensor(1.0)
