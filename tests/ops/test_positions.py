"""Reading and writing at positions: against loops, where places meet, in place, and through gradients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import LAYOUTS, laid_out

import minigen
from minigen import ops
from minigen.backend.index import index_add, scatter_add
from minigen.testing import gradcheck

T = minigen.tensor


@st.composite
def placed(draw):
    """(input, dim, index, src): index no larger than src, nor than input but along dim; any layout."""
    ndim = draw(st.integers(1, 3))
    dim = draw(st.integers(0, ndim - 1))
    shape = [draw(st.sampled_from([0, 1, 2, 3, 5])) for _ in range(ndim)]
    taken = [draw(st.integers(0, n if i != dim else n and 4)) for i, n in enumerate(shape)]
    wider = [n + draw(st.integers(0, 1)) for n in taken]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    index = rng.integers(0, max(shape[dim], 1), taken)
    layout = draw(LAYOUTS.filter(lambda x: x != "expanded"))
    index = laid_out(index.astype(float), layout).astype(np.int64)
    x, src = (laid_out(rng.uniform(-1, 1, sizes), layout) for sizes in (shape, wider))
    return x, draw(st.sampled_from([dim, dim - ndim])), index, src


def by_loops(x, dim, index, src, write):
    """The definition: every element of index says where its twin in src goes."""
    out = x.copy()
    for place in np.ndindex(index.shape):
        target = list(place)
        target[dim] = index[place]
        write(out, tuple(target), src[place])
    return out


def add(out, place, value):
    out[place] += value


@settings(max_examples=150)
@given(placed())
def test_gather_and_scatters_by_their_definitions(case):
    x, dim, index, src = case
    found = [T(x).scatter_add(dim, T(index), T(src)), T(x).scatter(dim, T(index), T(src))]
    np.testing.assert_allclose(found[0].numpy(), by_loops(x, dim, index, src, add), rtol=1e-12)
    np.testing.assert_array_equal(found[1].numpy(), by_loops(x, dim, index, src, np.ndarray.__setitem__))
    want = np.zeros(index.shape)
    for place in np.ndindex(index.shape):
        source = list(place)
        source[dim] = index[place]
        want[place] = x[tuple(source)]
    np.testing.assert_array_equal(minigen.gather(minigen.from_numpy(x), dim, T(index)).numpy(), want)


@settings(max_examples=200)
@given(st.data())
def test_index_add_is_numpys_add_at(data):
    """Values that repeat places add up, wherever the arrays stand in the index."""
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    common = data.draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3))
    index = []
    for n in shape:
        sizes = data.draw(st.sampled_from([common, common[-1:], (1,)]))
        index.append(rng.integers(-n, n, sizes) if data.draw(st.booleans()) else slice(None))
    index = tuple(index)[: data.draw(st.integers(1, len(shape)))]
    x = rng.uniform(-1, 1, np.empty(shape)[index].shape)
    want = np.zeros(shape)
    np.add.at(want, index, x)
    np.testing.assert_allclose(index_add(x, index, shape), want, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(index_add(x.astype(np.float32), index, shape), want, rtol=1e-5, atol=1e-5)


def test_other_types_add_up_too():
    index, rows = (np.array([1, 1, 0]),), np.array([[1, 1, 0]])
    for dtype in (np.int64, np.int32, np.uint8, np.float16, minigen.bfloat16):
        assert index_add(np.array([1, 2, 3], dtype), index, (2,)).tolist() == [3, 3]
        assert scatter_add(np.array([[1, 2, 3]], dtype), rows, 0, (2, 3)).tolist() == [[0, 0, 3], [1, 2, 0]]
    assert index_add(np.array([True, False, True]), index, (2,)).tolist() == [True, True]
    general = (np.array([1, 1]), slice(0, 2))  # an index with more than full slices beside its arrays
    assert index_add(np.ones((2, 2)), general, (2, 3)).tolist() == [[0, 0, 0], [2, 2, 0]]


def test_the_last_of_several_stays_and_gets_the_gradient():
    x, src = T([1.0, 2.0, 3.0], requires_grad=True), T([10.0, 20.0, 30.0], requires_grad=True)
    for z in (x.scatter(0, T([1, 1, 0]), src), x.index_put((T([1, 1, 0]),), src)):
        assert z.tolist() == [30, 20, 3]
        found = minigen.grad(z, [x, src], T([1.0, 1.0, 1.0]))
        assert [g.tolist() for g in found] == [[0, 0, 1], [0, 1, 1]]
    added = x.index_put((T([1, 1, 0]),), src, accumulate=True)
    assert added.tolist() == [31, 32, 3]


@settings(max_examples=100)
@given(st.data())
def test_index_put_is_an_assignment_with_gradients(data):
    array = np.arange(24.0).reshape(2, 3, 4)
    key = data.draw(st.sampled_from([
        0, (slice(None), 1), (..., slice(None, None, 2)), (0, slice(None), T([1, 3])), T([[True, False, True]] * 2),
        (T([1, 0]), T([2, 2]), slice(1, 3)), (None, -1, [0, 2]), (slice(None), T([0, 2]), None, T([1, 1])), array > 7,
    ]))  # fmt: skip
    x = minigen.tensor(array)
    shape = data.draw(st.sampled_from([x[key].shape, x[key].shape[-1:], ()]))
    values = np.random.default_rng(0).uniform(-1, 1, shape)
    x[key] = T(values)
    start = T(array, requires_grad=True)
    np.testing.assert_array_equal(start.index_put(key, T(values)).detach().numpy(), x.numpy())
    assert (start.detach().numpy() == array).all()
    for accumulate in (False, True):
        assert gradcheck(lambda a, v, how=accumulate: a.index_put(key, v, how), [start, T(values).requires_grad_()])


WRITING = {
    "masked_fill_": lambda a: (T([[True, False, True]]), 7.0),
    "scatter_": lambda a: (1, T([[2, 0], [1, 1]]), T([[5.0, 6.0], [7.0, 8.0]])),
    "scatter_add_": lambda a: (0, T([[1, 0, 1]]), T([[5.0, 6.0, 7.0]])),
    "index_add_": lambda a: (1, T([2, 2]), T([[5.0, 6.0], [7.0, 8.0]])),
    "index_put_": lambda a: ((T([0, 1]), T([1, 2])), 4.0),
    "tril_": lambda a: (),
    "triu_": lambda a: (1,),
}


@pytest.mark.parametrize("name", WRITING)
def test_methods_that_write(name):
    function = getattr(minigen.Tensor, name.rstrip("_"))
    whole = np.arange(12.0, dtype=np.float32).reshape(4, 3)
    a = minigen.from_numpy(whole)[::2]
    want = function(a.clone(), *WRITING[name](a)).tolist()
    assert getattr(a, name)(*WRITING[name](a)) is a
    assert (a.tolist(), a.version) == (want, 1)
    assert whole[::2].tolist() == want and whole[1].tolist() == [3, 4, 5]
    leaf = minigen.ones(2, 3, requires_grad=True)
    for refusing in (leaf, leaf * 1):
        with pytest.raises(RuntimeError, match=rf"{name} writes in place.*use a = a\.{name[:-1]}\(\.\.\.\)"):
            getattr(refusing, name)(*WRITING[name](a))
    with minigen.no_grad():
        getattr(leaf, name)(*WRITING[name](a))
    assert leaf.version == 1 and leaf.is_leaf


def test_nothing_written_may_lose_a_gradient():
    w = minigen.ones(3, requires_grad=True)
    for write in (lambda a: a.copy_(w), lambda a: a.add_(w), lambda a: a.scatter_(0, T([0]), w),
                  lambda a: a.masked_fill_(a > 0, w[0]), lambda a: a.index_add_(0, T([0, 1, 2]), w)):  # fmt: skip
        a = minigen.zeros(3)
        with pytest.raises(RuntimeError, match=r"would lose its argument's gradient.*\.detach\(\)"):
            write(a)
        assert (a.tolist(), a.version) == ([0, 0, 0], 0)
        with minigen.no_grad():
            write(a)


def test_labels_become_rows_of_one_hot():
    """The idiom of many listings, and that no label wraps around."""
    labels = T([[2], [0]])
    rows = minigen.zeros(2, 3).scatter_(1, labels, 1)
    assert rows.tolist() == minigen.functional.one_hot(labels[:, 0], 3).tolist()
    for bad in (3, -1):
        with pytest.raises(IndexError, match=f"scatter: index {bad} is out of range for size 3; use 0 to 2"):
            minigen.zeros(2, 3).scatter_(1, T([[bad], [0]]), 1)


def test_one_hot_of_many_classes_needs_no_square():
    assert minigen.functional.one_hot(T([10**6 - 1])).shape == (1, 10**6)  # a table of that many rows would not fit


def test_taking_along_a_dimension_undoes_sorting():
    x = minigen.randn(4, 5, generator=minigen.Generator(0))
    for dim in (0, 1, -1):
        order = x.argsort(dim)
        assert minigen.take_along_dim(x, order, dim).tolist() == x.sort(dim).values.tolist()
        assert minigen.take_along_dim(x.sort(dim).values, order.argsort(dim), dim).tolist() == x.tolist()
        best = x.argmax(dim, keepdim=True)
        assert minigen.take_along_dim(x, best, dim).tolist() == x.amax(dim, keepdim=True).tolist()


def test_gradient_of_reading_one_row_often():
    """An embedding's gradient: rows that come often add up, in float32 as in float64."""
    rng = np.random.default_rng(1)
    rows, u = rng.integers(0, 7, 5000), rng.uniform(-1, 1, (5000, 4))
    want = np.zeros((7, 4))
    np.add.at(want, rows, u)
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-4)):
        table = minigen.zeros(7, 4, dtype=dtype, requires_grad=True)
        (found,) = minigen.grad(table[T(rows)], table, T(u.astype(dtype)))
        np.testing.assert_allclose(found.numpy(), want, atol=tolerance)
    assert ops.index_add(T(u), index=(rows,), shape=(7, 4)).dtype == np.float64
