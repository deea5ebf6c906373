"""Softmax, cross-entropy, layer norm along rows: the formulas in float64, every length, hard numbers, any threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import _cpu

variants = pytest.mark.parametrize("variant", _cpu.variants())
row_counts = st.sampled_from([0, 1, 2, 3, 63, 64, 65, 130])
lengths = st.sampled_from([1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 100, 1023, 1024, 1025, 2100])
seeds = st.integers(0, 2**32 - 1)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def numbers(rng, *shape):
    return rng.standard_normal(shape, np.float32)


@variants
@settings(max_examples=40)
@given(rows=row_counts, size=lengths, scale=st.sampled_from([1.0, 30.0, 1e4]), seed=seeds)
def test_softmax_and_its_logarithm(guarded, variant, rows, size, scale, seed):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    x, delta = numbers(rng, rows, size) * np.float32(scale), numbers(rng, rows, size)
    wide, d = x.astype(np.float64), delta.astype(np.float64)
    p = softmax(wide)
    with guarded() as empty, np.errstate(divide="ignore"):
        y, log_y, dx, log_dx = (empty(rows, size) for _ in range(4))
        _cpu.softmax(x, y)
        np.testing.assert_allclose(y, p, rtol=1e-5, atol=1e-30)  # x - max x, down to -104, is rounded once
        _cpu.softmax_vjp(delta, y, dx)
        np.testing.assert_allclose(dx, p * (d - (d * p).sum(1, keepdims=True)), rtol=1e-5, atol=3e-6)
        _cpu.log_softmax(x, log_y)
        top = wide.max(axis=1, keepdims=True)
        want = wide - top - np.log(np.exp(wide - top).sum(1, keepdims=True))
        np.testing.assert_allclose(log_y, want, rtol=3e-7, atol=1e-6)
        _cpu.log_softmax_vjp(delta, log_y, log_dx)
        sums = np.abs(d).sum(1, keepdims=True)
        assert (np.abs(log_dx - (d - p * d.sum(1, keepdims=True))) <= 1e-5 * (np.abs(d) + p * sums) + 1e-6).all()


@variants
@settings(max_examples=40)
@given(rows=row_counts, size=lengths, scale=st.sampled_from([1.0, 1e4]), seed=seeds)
def test_cross_entropy(guarded, variant, rows, size, scale, seed):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    x, labels, delta = numbers(rng, rows, size) * np.float32(scale), rng.integers(0, size, rows), numbers(rng, rows)
    wide, each = x.astype(np.float64), np.arange(rows)
    top = wide.max(axis=1, keepdims=True)
    log_p = wide - top - np.log(np.exp(wide - top).sum(1, keepdims=True))
    with guarded() as empty:
        loss, kept, log_sum, dx = empty(rows), empty(rows), empty(rows), empty(rows, size)
        _cpu.cross_entropy(x, labels, loss, kept, log_sum)
        np.testing.assert_allclose(loss, -log_p[each, labels], rtol=1e-6, atol=1e-6)
        _cpu.cross_entropy_vjp(delta, x, labels, kept, log_sum, dx)
        want = np.exp(log_p)
        want[each, labels] -= 1
        np.testing.assert_allclose(dx, want * delta[:, None], rtol=2e-5, atol=1e-6)


@variants
@settings(max_examples=40)
@given(
    rows=row_counts, size=lengths, mean=st.sampled_from([0.0, 1e4]), weight=st.booleans(), bias=st.booleans(),
    seed=seeds,
)  # fmt: skip
def test_layer_norm(guarded, variant, rows, size, mean, weight, bias, seed):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    x, delta = numbers(rng, rows, size) + np.float32(mean), numbers(rng, rows, size)
    w, b = (numbers(rng, size) if given else None for given in (weight, bias))
    wide, d = x.astype(np.float64), delta.astype(np.float64)
    centred = wide - wide.mean(1, keepdims=True)
    rstd = 1 / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)
    xhat, gamma = centred * rstd, np.ones(size) if w is None else w.astype(np.float64)
    with guarded() as empty:
        y, kept, kept_rstd = empty(rows, size), empty(rows, 2), empty(rows)
        dx, dw, db = empty(rows, size), empty(size), empty(size)
        _cpu.layer_norm(x, w, b, 1e-5, y, kept, kept_rstd)
        near = {"rtol": 1e-5, "atol": 1e-5}
        np.testing.assert_allclose(y, xhat * gamma + (0 if b is None else b), **near)
        _cpu.layer_norm_vjp(delta, x, kept, kept_rstd, w, dx, dw, db)
        g = d * gamma
        want = rstd * (g - g.mean(1, keepdims=True) - xhat * (g * xhat).mean(1, keepdims=True))
        np.testing.assert_allclose(dx, want, rtol=1e-4, atol=1e-5 * max(1.0, rstd.max(initial=0)))
        np.testing.assert_allclose(dw, (d * xhat).sum(0), rtol=1e-4, atol=3e-5)
        np.testing.assert_allclose(db, d.sum(0), rtol=1e-4, atol=3e-5)
        only = empty(size)
        _cpu.layer_norm_vjp(delta, x, kept, kept_rstd, w, None, None, only)
        np.testing.assert_array_equal(only, db)


@variants
def test_nan_and_infinity_reach_the_whole_row(variant):
    _cpu.set_variant(variant)
    for size in (3, 40):
        x = np.zeros((4, size), np.float32)
        x[1, 0], x[2, 1], x[3] = np.nan, np.inf, -np.inf
        for kernel in (_cpu.softmax, _cpu.log_softmax):
            y = np.zeros_like(x)
            kernel(x, y)
            assert np.isfinite(y[0]).all() and np.isnan(y[1:, 2:]).all()


def test_any_number_of_threads_gives_the_same_bits():
    rng = np.random.default_rng(0)
    x, delta, w = numbers(rng, 1000, 257), numbers(rng, 1000, 257), numbers(rng, 257)
    seen = set()
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        y, p, dx = (np.empty_like(x) for _ in range(3))
        mean, rstd, dw, db = (np.empty(shape, np.float32) for shape in ((1000, 2), 1000, 257, 257))
        _cpu.softmax(x, p)
        _cpu.layer_norm(x, w, None, 1e-5, y, mean, rstd)
        _cpu.layer_norm_vjp(delta, x, mean, rstd, w, dx, dw, db)
        seen.add(b"".join(a.tobytes() for a in (p, y, dx, dw, db)))
    assert len(seen) == 1


def test_labels_must_be_classes():
    x, row = np.ones((2, 3), np.float32), [np.ones(2, np.float32) for _ in range(3)]
    for wrong in (-1, 3):
        with pytest.raises(IndexError, match=rf"labels\[1\] is {wrong}, not one of the 3 classes 0 to 2"):
            _cpu.cross_entropy(x, np.array([0, wrong]), *row)
    with pytest.raises(TypeError, match="labels must be int64"):
        _cpu.cross_entropy(x, np.array([0, 1], np.int32), *row)
    with pytest.raises(ValueError, match=r"mean must have the shape \(2, 2\)"):
        _cpu.layer_norm(x, None, None, 1e-5, np.empty_like(x), np.ones(2, np.float32), np.ones(2, np.float32))


@variants
@settings(max_examples=40)
@given(rows=row_counts, size=lengths, seed=seeds)
def test_column_sums(guarded, variant, rows, size, seed):
    _cpu.set_variant(variant)
    x = numbers(np.random.default_rng(seed), rows, size)
    with guarded() as empty:
        _cpu.column_sums(x, out := empty(size))
        wide = x.astype(np.float64)
        assert (np.abs(out - wide.sum(0)) <= 4e-7 * np.abs(wide).sum(0) + 1e-30).all()


@variants
def test_column_sums_lose_no_digits_over_many_rows_and_are_the_same_for_any_threads(variant):
    _cpu.set_variant(variant)
    seen = set()
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        _cpu.column_sums(np.full((100_003, 300), 0.1, np.float32), out := np.empty(300, np.float32))
        np.testing.assert_allclose(out, 100_003 * np.float64(np.float32(0.1)), rtol=1e-6)
        seen.add(out.tobytes())
    assert len(seen) == 1


@variants
@settings(max_examples=30)
@given(count=st.sampled_from([0, 1, 5, 300]), V=st.sampled_from([1, 3, 100, 2000]),
       D=st.sampled_from([0, 1, 7, 128, 513]), padded=st.booleans(), seed=seeds)  # fmt: skip
def test_embedding_reads_rows_and_adds_up_what_comes_back(guarded, variant, count, V, D, padded, seed):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    w, ids = rng.standard_normal((V, D), np.float32), rng.integers(0, 1 + rng.integers(V), count)
    delta, padding = rng.standard_normal((count, D), np.float32), int(rng.integers(V)) if padded else None
    want = np.zeros((V, D), np.float32)
    np.add.at(want, ids[ids != padding], delta[ids != padding])
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        with guarded() as empty:
            out, dw = empty(count, D), empty(V, D)
            _cpu.embedding(w, ids, out)
            _cpu.embedding_vjp(delta, ids, padding, dw)
        assert (out == w[ids]).all() and (dw == want).all()  # to the bit: every sum runs in the order of delta


def test_an_id_without_a_row_is_refused():
    w, out = np.ones((3, 2), np.float32), np.ones((2, 2), np.float32)
    for bad in (3, -1):
        with pytest.raises(IndexError, match=rf"ids\[1\] is {bad}, not one of the 3 rows 0 to 2"):
            _cpu.embedding(w, np.array([0, bad]), out)
        with pytest.raises(IndexError, match=rf"ids\[1\] is {bad}"):
            _cpu.embedding_vjp(out, np.array([0, bad]), None, w)
