"""Other shapes and orders, joining, parting, sorting: against NumPy, in every layout, and what shares memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import LAYOUTS, SHAPES, laid_out

import minigen
import minigen.functional as F

T = minigen.tensor


@st.composite
def arrays(draw, min_dims=0, dtypes=(np.float64, np.float32, np.int64, np.bool_), **_):
    """Any shape of sizes 0, 1 and primes, in any layout; few different values, so that some are equal."""
    shape = draw(SHAPES.filter(lambda s: len(s) >= min_dims))
    x = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(-3, 4, shape)
    return laid_out(np.asarray(x).astype(np.float64), draw(LAYOUTS)).astype(draw(st.sampled_from(dtypes)), order="K")


def dims(draw, x, size=None):
    """Some of x's dimensions, counted from either end."""
    chosen = draw(st.permutations(range(x.ndim)))[: draw(st.integers(0, x.ndim)) if size is None else size]
    return tuple(d - draw(st.sampled_from([0, x.ndim])) for d in chosen)


def same(found, want) -> None:
    assert (found.shape, found.dtype) == (want.shape, want.dtype)
    np.testing.assert_array_equal(found.numpy(), want)


@settings(max_examples=200)
@given(st.data())
def test_orders_are_numpys(data):
    x = data.draw(arrays())
    t = minigen.from_numpy(x)
    axes = dims(data.draw, x)
    same(t.flip(axes), np.flip(x, axes))
    shifts = tuple(data.draw(st.integers(-9, 9)) for _ in axes)
    same(t.roll(shifts, axes), np.roll(x, shifts, axes) if axes else x)
    same(t.roll(5), np.roll(x, 5))
    same(t.movedim(axes, to := dims(data.draw, x, len(axes))), np.moveaxis(x, axes, to))
    times = tuple(data.draw(st.integers(0, 3)) for _ in range(x.ndim + data.draw(st.integers(0, 1))))
    same(t.repeat(times), np.tile(x, times))
    same(t.tile(times[:1]), np.tile(x, times[:1]))
    if x.ndim:
        (axis,) = dims(data.draw, x, 1)
        counts = np.array([data.draw(st.integers(0, 2)) for _ in range(x.shape[axis])], np.int64)
        same(t.repeat_interleave(T(counts), axis), np.repeat(x, counts, axis))
        same(t.repeat_interleave(2, axis), np.repeat(x, 2, axis))


@settings(max_examples=150)
@given(st.data())
def test_parts_join_again(data):
    x = data.draw(arrays(min_dims=1))
    t = minigen.from_numpy(x)
    (axis,) = dims(data.draw, x, 1)
    n = x.shape[axis]
    size, chunks = (data.draw(st.integers(1, 4)) for _ in "ab")
    for parts in (t.split(size, axis), t.chunk(chunks, axis)):
        same(minigen.cat(parts, axis), x)
        assert all(np.shares_memory(p.array, x) for p in parts if p.numel())
    assert [p.shape[axis] for p in t.split(size, axis)] == [min(size, n - k) for k in range(0, n, size)] or n == 0
    assert len(t.chunk(chunks, axis)) <= chunks
    at = sorted(data.draw(st.integers(0, n)) for _ in range(2))
    for found, want in zip(t.split((at[0], at[1] - at[0], n - at[1]), axis), np.split(x, at, axis), strict=True):
        same(found, want)
    slices = t.unbind(axis)
    assert len(slices) == n
    if n:
        same(minigen.stack(slices, axis), x)


@settings(max_examples=150)
@given(st.data())
def test_sorting_is_numpys_stable_one(data):
    x = data.draw(arrays(min_dims=1))
    (axis,) = dims(data.draw, x, 1)
    t = minigen.from_numpy(x)
    up = np.argsort(x, axis=axis, kind="stable")
    same(t.argsort(axis), up)
    values, indices = t.sort(dim=axis)
    same(values, np.take_along_axis(x, up, axis))
    same(indices, up)
    down = np.argsort(-x.astype(np.float64), axis=axis, kind="stable")
    found = t.sort(axis, descending=True)
    same(found.indices, down)
    same(found.values, np.take_along_axis(x, down, axis))
    k = data.draw(st.integers(0, x.shape[axis]))
    for largest, order in ((True, down), (False, up)):
        best = t.topk(k, axis, largest)
        same(best.indices, np.take(order, np.arange(k), axis))
        same(best.values, np.take(np.take_along_axis(x, order, axis), np.arange(k), axis))


@settings(max_examples=100)
@given(st.data())
def test_unique_and_nonzero(data):
    x = data.draw(arrays())
    values, inverse, counts = minigen.unique(minigen.from_numpy(x), return_inverse=True, return_counts=True)
    assert values.tolist() == sorted(set(x.reshape(-1).tolist()))
    assert inverse.shape == x.shape
    same(values[inverse], x)
    assert counts.tolist() == [int((x == v).sum()) for v in values.tolist()]
    places = minigen.nonzero(minigen.from_numpy(x))
    assert (places.shape, places.dtype) == ((int((x != 0).sum()), x.ndim), minigen.int64)
    t = minigen.from_numpy(x)
    same(t[t.nonzero(as_tuple=True)] if x.ndim else t[t != 0], x[x != 0])
    np.testing.assert_array_equal(places.numpy(), np.argwhere(x))


@settings(max_examples=150)
@given(st.data())
def test_borders_are_numpys(data):
    shape = data.draw(st.sampled_from([(2, 3), (1, 2, 1), (2, 3, 4), (1, 2, 4, 5)]))
    x = np.random.default_rng(0).uniform(-1, 1, shape)
    k = x.ndim - data.draw(st.integers(1, 2)) or 1
    mode = data.draw(st.sampled_from(["reflect", "replicate", "circular"]))
    limit = {"reflect": lambda n: n - 1, "replicate": lambda n: 4, "circular": lambda n: n}[mode]
    pad = [data.draw(st.integers(0, limit(x.shape[-1 - i // 2]))) for i in range(2 * k)]
    widths = [(0, 0)] * (x.ndim - k) + [tuple(pad[i : i + 2]) for i in range(0, 2 * k, 2)][::-1]
    numpys = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    same(F.pad(T(x), pad, mode=mode), np.pad(x, widths, mode=numpys))


@settings(max_examples=100)
@given(st.data())
def test_triangles_and_diagonals(data):
    x = data.draw(arrays(min_dims=2))
    k = data.draw(st.integers(-4, 4))
    t = minigen.from_numpy(x)
    same(t.tril(k), np.tril(x, k))
    same(t.triu(k), np.triu(x, k))
    a, b = dims(data.draw, x, 2)
    same(t.diagonal(k, a, b), np.diagonal(x, k, a, b))
    back = t.diag_embed(k, 0, -1)
    same(back.diagonal(k, 0, -1), x)
    assert back.shape == (x.shape[-1] + abs(k), *x.shape[:-1], x.shape[-1] + abs(k))
    rows, columns = x.shape[-2:]
    same(minigen.tril_indices(rows, columns, k), np.array(np.tril_indices(rows, k, columns)))
    same(minigen.triu_indices(rows, columns, k), np.array(np.triu_indices(rows, k, columns)))


VIEWS = {
    "view": lambda t: t.view(6, 4), "reshape": lambda t: t.reshape(-1), "unflatten": lambda t: t.unflatten(2, (2, 2)),
    "movedim": lambda t: t.movedim(0, 2), "swapaxes": lambda t: t.swapaxes(0, 1), "squeeze": lambda t: t[:1].squeeze(),
    "unsqueeze": lambda t: t.unsqueeze(1), "narrow": lambda t: t.narrow(1, 1, 2), "select": lambda t: t.select(1, 0),
    "split": lambda t: t.split(2, 1)[0], "chunk": lambda t: t.chunk(2, -1)[1], "unbind": lambda t: t.unbind(2)[3],
    "diagonal": lambda t: t.diagonal(1, 1, 2), "t": lambda t: t[0].t(), "expand_as one": lambda t: t.expand(2, 3, 4),
}  # fmt: skip
COPIES = {
    "flip": lambda t: t.flip(0), "roll": lambda t: t.roll(0), "roll one": lambda t: t.roll(1, 0),
    "repeat": lambda t: t.repeat(1, 1, 1), "tile": lambda t: t.tile(1), "pad nothing": lambda t: F.pad(t, ()),
    "repeat_interleave": lambda t: t.repeat_interleave(1, 0), "pad": lambda t: F.pad(t, (0, 0)),
    "circular": lambda t: F.pad(t, (0, 0), "circular"), "index_select": lambda t: t.index_select(0, T([0, 1])),
    "tril": lambda t: t.tril(9), "diag": lambda t: t[0, :3, :3].diag(), "cat": lambda t: minigen.cat([t]),
    "sort": lambda t: t.sort().values, "masked_fill": lambda t: t.masked_fill(t < -9, 0),
    "scatter": lambda t: t.scatter(0, T([[[0]]]), 0.0), "reshape": lambda t: t.transpose(0, 1).reshape(24),
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shares_memory_and_version(name):
    t = minigen.arange(24).float().reshape(2, 3, 4)
    part = VIEWS[name](t)
    part.fill_(-1)
    assert t.version == part.version == 1
    assert (t == -1).sum().item() == part.numel()


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_shares_nothing(name):
    t = minigen.arange(24).float().reshape(2, 3, 4)
    COPIES[name](t).fill_(-1)
    assert t.version == 0
    assert t.tolist() == minigen.arange(24).float().reshape(2, 3, 4).tolist()


def test_view_refuses_where_reshape_copies():
    x = minigen.arange(6).reshape(2, 3)
    with pytest.raises(RuntimeError, match=r"view: .*\(3, 2\), with strides \(1, 3\), .*\.reshape\(6\)"):
        x.t().view(6)
    assert x.t().reshape(6).tolist() == [0, 3, 1, 4, 2, 5]
    assert x.t().contiguous().view(6).tolist() == [0, 3, 1, 4, 2, 5]
    with pytest.raises(TypeError, match=r"view: shape must be integers.*\.to\(dtype\)"):
        x.view(minigen.float32)


def test_a_list_that_grows_from_nothing():
    seen = minigen.zeros(0)
    for k in range(3):
        seen = minigen.cat([seen, minigen.full((1, 2), float(k))])
    assert seen.tolist() == [[0, 0], [1, 1], [2, 2]]


def test_grids():
    x, y = minigen.meshgrid(minigen.arange(3), minigen.arange(2), indexing="xy")
    assert (x.tolist(), y.tolist()) == ([[0, 1, 2], [0, 1, 2]], [[0, 0, 0], [1, 1, 1]])
    assert [g.shape for g in minigen.meshgrid(minigen.ones(2), minigen.ones(3))] == [(2, 3), (2, 3)]


def test_triangles_let_no_nan_through():
    """A product with a mask would: 0 nan = nan."""
    x = minigen.full((2, 2), float("nan"), requires_grad=True)
    assert x.tril().numpy()[0, 1] == 0
    x.triu().sum().backward()
    assert x.grad.tolist() == [[1, 1], [0, 1]]


def test_creation_by_shape_and_type():
    like = minigen.ones(2, dtype=minigen.float64)
    assert minigen.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert minigen.linspace(1, 0, 3, dtype=minigen.float64, requires_grad=True).requires_grad
    assert minigen.eye(2).tolist() == [[1, 0], [0, 1]]
    assert (like.new_zeros(3).dtype, like.new_tensor([1]).dtype) == (minigen.float64, minigen.float64)
    assert (like.new_ones((2, 2)).shape, like.new_full((2,), 3, dtype=minigen.int64).tolist()) == ((2, 2), [3, 3])
    assert minigen.empty(2, 3, dtype=minigen.bfloat16).dtype == minigen.empty_like(like, dtype="bfloat16").dtype
    array = np.zeros(2)
    assert minigen.as_tensor(like) is like
    assert minigen.as_tensor(array).array is array
    assert not np.shares_memory(minigen.as_tensor(array, minigen.float32).array, array)
    assert minigen.as_tensor([1, 2]).dtype == minigen.int64
    assert minigen.is_tensor(like) and not minigen.is_tensor(array)


@pytest.mark.parametrize("used", [(0,), (1, 2), (0, 1, 2)])
def test_the_gradients_of_parts_are_joined(used):
    """Zeros where a part was not used; and no copy where they are neighbours already."""
    x = minigen.tensor(np.arange(24.0).reshape(4, 6)).requires_grad_()
    parts = x.split((1, 2, 3), 1)
    sum((parts[i] * (i + 1)).sum() for i in used).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[(i + 1) * (i in used) for i in (0, 1, 1, 2, 2, 2)]] * 4)
    (again,) = minigen.grad([x.split((1, 2, 3), 1)[i] for i in used], x, [x.detach()[:, a:b] for a, b in
                            [((0, 1), (1, 3), (3, 6))[i] for i in used]])  # fmt: skip
    want = np.where([[i in used for i in (0, 1, 1, 2, 2, 2)]], x.detach().numpy(), 0)
    np.testing.assert_array_equal(again.numpy(), want)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("used", [(0, 1, 2), (2, 0), (1,)])
def test_the_gradient_of_slices_is_that_of_indexing(axis, used):
    x = minigen.randn(3, 3, 3).requires_grad_()
    weights = [minigen.randn(3, 3) for _ in used]

    def loss(slices):
        return sum((slices[i] * slices[i] * w).sum() for i, w in zip(used, weights, strict=True))

    (mine,) = minigen.grad(loss(x.unbind(axis)), x, create_graph=True)
    (want,) = minigen.grad(loss([x[(slice(None),) * axis + (i,)] for i in range(3)]), x, create_graph=True)
    again = [minigen.grad((g * g).sum(), x)[0] for g in (mine, want)]
    np.testing.assert_allclose(mine.numpy(), want.numpy(), rtol=1e-6)
    np.testing.assert_allclose(*(g.numpy() for g in again), rtol=1e-6)


@pytest.mark.parametrize("split", ["unbind", "chunk"])
def test_gradients_that_lie_side_by_side_are_joined_without_a_copy(split):
    """Queries, keys and values out of one projection, as a Transformer has them."""
    N, T, H, E = 2, 5, 2, 4
    x = minigen.randn(N, T, 3 * H * E).requires_grad_()

    def loss(y):
        if split == "unbind":
            q, k, v = y.reshape(N, T, 3, H, E).permute(2, 0, 3, 1, 4).unbind(0)
        else:
            q, k, v = (part.reshape(N, T, H, E).transpose(1, 2) for part in y.chunk(3, -1))
        return (minigen.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True) ** 2).sum()

    loss(x).backward()
    wide = x.detach().double().requires_grad_()
    with minigen.use_backend("numpy"):
        loss(wide).backward()
    np.testing.assert_allclose(x.grad.numpy(), wide.grad.numpy(), rtol=1e-4, atol=1e-5)
