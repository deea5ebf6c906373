"""Every rung, on every instruction set, is the matrix product: for all sizes and strides, and any number of threads."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import _cpu

RUNGS = _cpu.kernels()["matmul"]
CASES = [(variant, rung) for variant in _cpu.variants() for rung in RUNGS]

# 0, 1, primes; one less and more than the edges of tiles (6, 8, 14 rows; 8, 16, 32, 64 columns) and of 512 steps
sizes = st.sampled_from([0, 1, 2, 3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 28, 29, 31, 32, 33, 47, 64, 65, 129])
depths = st.sampled_from([0, 1, 2, 3, 7, 17, 64, 127, 256, 257, 511, 512, 513])
layouts = st.sampled_from(["plain", "transposed", "reversed", "every other", "broadcast"])
seeds = st.integers(0, 2**32 - 1)


def matrix(rng, rows, cols, layout):
    """Random numbers, placed in memory in one of the ways that NumPy knows."""
    if layout == "transposed":
        return rng.standard_normal((cols, rows), np.float32).T
    if layout == "reversed":
        return rng.standard_normal((rows, cols), np.float32)[::-1, ::-1]
    if layout == "every other":
        return rng.standard_normal((rows, 2 * cols + 1), np.float32)[:, 1::2]
    if layout == "broadcast":
        return np.broadcast_to(rng.standard_normal((1, cols), np.float32), (rows, cols))
    return rng.standard_normal((rows, cols), np.float32)


def check(close, out, x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    close(out, x @ y, np.abs(x) @ np.abs(y))


@pytest.mark.parametrize(("variant", "rung"), CASES)
@settings(max_examples=40)
@given(m=sizes, k=depths, n=sizes, layout_x=layouts, layout_y=layouts, seed=seeds)
def test_is_the_product(guarded, close, variant, rung, m, k, n, layout_x, layout_y, seed):
    rng = np.random.default_rng(seed)
    x, y = matrix(rng, m, k, layout_x), matrix(rng, k, n, layout_y)
    _cpu.set_variant(variant)
    with guarded() as empty:
        out = empty(m, n)
        _cpu.matmul(x, y, out, rung)
        check(close, out, x, y)


@pytest.mark.parametrize("variant", _cpu.variants())
@pytest.mark.parametrize("layouts", [("plain", "transposed"), ("transposed", "plain")])
@pytest.mark.parametrize("shape", [
    (353, 700, 599), (1, 3000, 1), (2000, 5, 3), (3, 5, 2000), (337, 1025, 65), (1500, 300, 1), (1, 300, 1500),
    (700, 40, 11), (700, 40, 16), (32, 1025, 1100), (64, 64, 4096), (600, 1300, 48),
    (3000, 700, 1), (1, 700, 3000),
])  # fmt: skip
def test_larger_than_every_block(guarded, close, variant, shape, layouts):
    m, k, n = shape
    rng = np.random.default_rng(0)
    x, y = matrix(rng, m, k, layouts[0]), matrix(rng, k, n, layouts[1])
    _cpu.set_variant(variant)
    results = []
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        with guarded() as empty:
            results.append(empty(m, n))
            _cpu.matmul(x, y, results[-1])
    check(close, results[0], x, y)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)  # bitwise


@pytest.mark.parametrize("rung", RUNGS)
def test_infinity_and_nan_reach_the_result(rung):
    x, y = np.ones((3, 4), np.float32), np.ones((4, 40), np.float32)
    x[1, 2], y[0, 39] = np.inf, np.nan
    out = np.zeros((3, 40), np.float32)
    _cpu.matmul(x, y, out, rung)
    assert np.isnan(out[:, 39]).all() and (out[1, :39] == np.inf).all() and (out[[0, 2], :39] == 4).all()


ACTIVATIONS = {
    "none": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.25 * z),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "gelu": lambda z: z * (1 + np.vectorize(math.erf, otypes=[float])(z / math.sqrt(2))) / 2,
    "silu": lambda z: z / (1 + np.exp(-z)),
}


@pytest.mark.parametrize("variant", _cpu.variants())
@pytest.mark.parametrize("activation", ACTIVATIONS)
@settings(max_examples=25)
@given(
    m=sizes, k=depths, n=sizes, layout_x=layouts, layout_y=layouts, seed=seeds,
    biased=st.booleans(), accumulate=st.booleans(), rung=st.sampled_from([*RUNGS, ""]),
)  # fmt: skip
def test_epilogue(guarded, variant, activation, m, k, n, layout_x, layout_y, seed, biased, accumulate, rung):
    rng = np.random.default_rng(seed)
    x, y = matrix(rng, m, k, layout_x), matrix(rng, k, n, layout_y)
    bias = rng.standard_normal(n, np.float32) if biased else None
    accumulate = accumulate and rung in ("", RUNGS[-1])
    _cpu.set_variant(variant)
    with guarded() as empty:
        out = empty(m, n)
        before = rng.standard_normal((m, n), np.float32)
        if accumulate:
            out[:] = before
        _cpu.matmul(x, y, out, rung, bias, activation, 0.25, accumulate)
    x, y = x.astype(np.float64), y.astype(np.float64)
    z = x @ y + (bias if biased else 0) + (before if accumulate else 0)
    scale = np.abs(x) @ np.abs(y) + 4  # no activation is steeper than 1.13
    assert out.shape == z.shape
    assert (np.abs(out - ACTIVATIONS[activation](z)) <= 1e-5 * scale).all()


@pytest.mark.parametrize("variant", _cpu.variants())
@settings(max_examples=30)
@given(
    batch=st.sampled_from([(0,), (1,), (3,), (2, 3), (5, 1, 2), (40,)]), m=sizes, k=st.sampled_from([0, 1, 7, 64]),
    n=sizes, repeated=st.sampled_from(["neither", "x", "y"]), turned=st.booleans(), rung=st.sampled_from([*RUNGS, ""]),
    seed=seeds,
)  # fmt: skip
def test_batches(guarded, close, variant, batch, m, k, n, repeated, turned, rung, seed):
    rng = np.random.default_rng(seed)
    x, y = (
        np.broadcast_to(rng.standard_normal(size, np.float32), (*batch, *size))
        if name == repeated
        else rng.standard_normal((*batch, *size), np.float32)
        for name, size in (("x", (m, k)), ("y", (k, n)))
    )
    if turned and repeated != "x":
        x = np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)
    _cpu.set_variant(variant)
    with guarded() as empty:
        out = empty(*batch, m, n)
        _cpu.matmul(x, y, out, rung)
        check(close, out, x, y)


@pytest.mark.parametrize("size", [(400, 20, 30, 40), (3, 200, 300, 100)])
def test_batches_are_the_same_for_any_number_of_threads(size):
    count, m, k, n = size
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((count, m, k), np.float32), rng.standard_normal((count, k, n), np.float32)
    results = []
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        results.append(np.full((count, m, n), np.nan, np.float32))
        _cpu.matmul(x, y, results[-1])
    np.testing.assert_allclose(results[0], x @ y, atol=1e-3)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)  # bitwise
