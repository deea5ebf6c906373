"""t[key] and t[key] = value against NumPy's: values, what is shared, gradients, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigen
from minigen.testing import gradcheck, gradgradcheck

SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def indexed(draw, basic_only=False):
    """An array in some layout, and a key: basic, integer arrays, a mask, or a mixture.

    The key comes with the same in two steps for NumPy: a view, and a choice by arrays.
    """
    kind = "basic" if basic_only else draw(st.sampled_from(["basic", "integers", "mask", "mixed", "broadcast"]))
    least, smallest = {"basic": (0, 0), "mask": (1, 0), "integers": (1, 1)}.get(kind, (2, 1))
    shape = draw(hnp.array_shapes(min_dims=least, max_dims=3, min_side=smallest, max_side=5))
    rng = np.random.default_rng(draw(SEEDS))
    array = np.asarray(rng.integers(-9, 9, shape)).astype(np.float64)
    if array.ndim and draw(st.booleans()):
        array = array[::-1].copy().T
    if kind == "basic":
        key = draw(hnp.basic_indices(array.shape, allow_newaxis=True, allow_ellipsis=True))
        return array, key, ..., key
    if kind == "mask":
        key = rng.random(array.shape[: draw(st.integers(1, array.ndim))]) < 0.5
    elif kind == "integers":
        key = draw(hnp.integer_array_indices(array.shape[:1], result_shape=hnp.array_shapes(max_dims=2)))
    elif kind == "broadcast":
        key = (rng.integers(-1, 1, (3, 1)), rng.integers(-1, 1, 2))
    else:
        first, last = (rng.integers(-array.shape[d], array.shape[d], 4) for d in (0, -1))
        backwards = slice(None, None, -1)
        return array, *draw(st.sampled_from([
            ((backwards, ..., last), backwards, (..., last)),
            ((..., None, last), (..., None, slice(None)), (..., last)),
            ((first, slice(1, None)), (slice(None), slice(1, None)), first),
        ]))  # fmt: skip
    return array, key, ..., key


def kind_of(choice):
    arrays = [k for k in (choice if isinstance(choice, tuple) else (choice,)) if isinstance(k, np.ndarray)]
    return "none" if not arrays else "mask" if arrays[0].dtype == np.bool_ else "integers"


def as_tensors(key):
    """The arrays of a key as Tensors."""
    if isinstance(key, tuple):
        return tuple(as_tensors(k) for k in key)
    return minigen.tensor(key) if isinstance(key, np.ndarray) else key


@settings(max_examples=200)
@given(indexed())
def test_reading(case):
    array, key, view, choice = case
    want = array[view][choice]
    for form in (key, as_tensors(key)):
        got = minigen.from_numpy(array)[form]
        assert got.dtype == array.dtype
        assert got.shape == np.shape(want)
        np.testing.assert_array_equal(got.numpy(), want)


@settings(max_examples=100)
@given(indexed(basic_only=True))
def test_basic_keys_share_memory_and_version(case):
    array, key, *_ = case
    t = minigen.from_numpy(array)
    part = t[key]
    if part.numel():
        assert np.shares_memory(part.array, array)
    before = t.version
    part.fill_(77)
    assert t.version == part.version == before + 1 or not part.numel()
    expected = array.copy()
    expected[key] = 77
    np.testing.assert_array_equal(array, expected)
    assert (array[key] == 77).all()


@settings(max_examples=60)
@given(indexed())
def test_integer_and_bool_keys_copy(case):
    array, key, *_ = case
    t = minigen.from_numpy(array.copy())
    part = t[as_tensors(key)]
    if not np.shares_memory(part.array, t.array):
        part.fill_(77)
        assert t.version == 0
        np.testing.assert_array_equal(t.numpy(), array)


@settings(max_examples=150)
@given(indexed(), SEEDS)
def test_the_gradient_adds_up_at_repeated_places(case, seed):
    array, key, view, choice = case
    x = minigen.tensor(array, requires_grad=True)
    out = x[as_tensors(key)]
    u = np.random.default_rng(seed).integers(-5, 5, out.shape).astype(np.float64)
    out.backward(minigen.from_numpy(np.asarray(u)))
    expected = np.zeros_like(array)
    np.add.at(expected[view], choice, u)
    np.testing.assert_array_equal(x.grad.numpy(), expected)


@settings(max_examples=25)
@given(indexed())
def test_gradients_of_both_orders(case):
    array, key, *_ = case
    form = as_tensors(key)
    assert gradcheck(lambda x: x[form] ** 2, minigen.tensor(array, requires_grad=True))
    assert gradgradcheck(lambda x: x[form] ** 2, minigen.tensor(array, requires_grad=True))


@settings(max_examples=150)
@given(indexed(), SEEDS, st.sampled_from(["number", "array", "row"]))
def test_writing(case, seed, what):
    array, key, view, choice = case
    part, rng = array[view][choice], np.random.default_rng(seed)
    if what == "number":
        value = 77.0
    else:  # constant where a place may come twice, so that the order of writing is not asked for
        shape = np.shape(part) if what == "array" else np.shape(part)[-1:]
        repeats = kind_of(choice) == "integers"
        value = np.full(shape, 3.0) if repeats else np.asarray(rng.integers(-9, 9, shape)).astype(float)
    for form in (key, as_tensors(key)):
        expected = array.copy()
        expected[view][choice] = value
        t = minigen.tensor(array)
        t[form] = minigen.tensor(value) if what != "number" else value
        np.testing.assert_array_equal(t.numpy(), expected)
        assert t.version == 1


def test_a_key_is_read_when_it_is_used():
    """The backward pass needs the key again: a later change of the caller's array must not reach it."""
    for key in (minigen.tensor([0, 2]), np.array([0, 2]), [0, 2]):
        x = minigen.zeros(3, requires_grad=True)
        y = x[key]
        if isinstance(key, minigen.Tensor):
            key.fill_(1)
        else:
            key[0] = key[1] = 1
        y.sum().backward()
        assert x.grad.tolist() == [1, 0, 1]


def test_kinds_of_keys():
    t = minigen.arange(6).reshape(3, 2)
    assert t[-1].tolist() == [4, 5]
    assert t[::-1, 0].tolist() == [4, 2, 0]
    assert t[2:0:-1].tolist() == [[4, 5], [2, 3]]
    assert t[None].shape == (1, 3, 2)
    assert t[..., None, 0].shape == (3, 1)
    assert t[()].tolist() == t.tolist()
    assert t[minigen.tensor(1)].tolist() == [2, 3]
    assert t[np.int32(1), np.array(1)].item() == 3
    assert t[minigen.tensor([True, False, True])].tolist() == [[0, 1], [4, 5]]
    assert t[t > 2].tolist() == [3, 4, 5]
    assert t[[0, 0, 2], [1, 1, 0]].tolist() == [1, 1, 4]
    assert t[[]].shape == (0, 2)
    assert t[minigen.tensor([[0], [2]]), minigen.tensor([0, 1])].tolist() == [[0, 1], [4, 5]]
    assert t[minigen.tensor([1], dtype=minigen.int8)].tolist() == [[2, 3]]
    assert minigen.tensor(5.0)[None].shape == (1,)
    assert minigen.tensor(5.0)[...].item() == 5


def test_writing_converts_to_the_tensors_type():
    t = minigen.zeros(3, dtype=minigen.int64)
    t[0] = 2.75
    t[1] = True
    t[2] = minigen.tensor(7.0, dtype=minigen.float64)
    assert t.tolist() == [2, 1, 7]
    t[:] = np.array([1, 2, 3])
    t[::-1] = minigen.tensor([1, 2, 3])
    assert t.tolist() == [3, 2, 1]
    t[1:] += 5
    assert t.tolist() == [3, 7, 6]


def test_writing_needs_no_gradients():
    x = minigen.zeros(3, requires_grad=True)
    for t in (x, x * 1):
        with pytest.raises(RuntimeError, match=r"a\[...\] = b writes in place.*minigen\.where.*no_grad"):
            t[0] = 1.0
    with pytest.raises(RuntimeError, match="would lose b's gradient"):
        minigen.zeros(3)[0] = x[0]
    with minigen.no_grad():
        x[0] = 1.0
        minigen.zeros(3)[0] = x[0]
    assert x.tolist() == [1, 0, 0]


def test_a_write_is_noticed_by_the_backward_pass():
    x = minigen.ones(3, requires_grad=True)
    a = x * 1
    y = a * a
    with minigen.no_grad():
        a[1] = 5.0
    with pytest.raises(RuntimeError, match="mul needs was written in place"):
        y.sum().backward()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (3, r"shape \(3, 2\).*3 is out of bounds"), ((0, 2), "out of bounds"), ((0, 0, 0), r"shape \(3, 2\)"),
        (minigen.tensor([5]), r"shape \(3, 2\).*5 is out of bounds"), (-4, "out of bounds"),
        (minigen.tensor([1.0]), "a tensor of float32 cannot be an index"), (1.0, r"shape \(3, 2\)"),
        ("a", r"shape \(3, 2\)"), ((..., ...), "ellipsis"), (minigen.tensor([True, False]), r"shape \(3, 2\)"),
        ([[0, 1], [2]], "no rectangular list"),
    ],
    ids=repr,
)  # fmt: skip
def test_refused_keys(key, words):
    with pytest.raises(IndexError, match=words):
        minigen.zeros(3, 2)[key]
    with pytest.raises(IndexError):
        minigen.zeros(3, 2)[key] = 1.0


def test_refused_values():
    t = minigen.zeros(3, 2)
    with pytest.raises(ValueError, match=r"a\[...\] = b.*shape \(3, 2\)"):
        t[0] = minigen.zeros(3)
    with pytest.raises((TypeError, ValueError), match=r"a\[...\] = b"):
        t[0] = "text"
    with pytest.raises(RuntimeError, match=r"cannot be written.*\.clone\(\) it first"):
        minigen.zeros(1).expand(3)[0] = 1.0
    assert t.tolist() == [[0, 0]] * 3
