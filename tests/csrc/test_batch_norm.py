"""Batch normalisation and its gradient in one pass pair, against the definitions in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import _cpu

VARIANTS = _cpu.variants()


def forward(x, weight, bias, eps):
    mean, var = x.mean(axis=(0, 2)), x.var(axis=(0, 2))
    rstd = 1 / np.sqrt(var + eps)
    xhat = (x - mean[:, None]) * rstd[:, None]
    return xhat * weight[:, None] + bias[:, None], mean, var, rstd, xhat


def backward(delta, xhat, rstd, weight):
    m = delta.shape[0] * delta.shape[2]
    dbias, dweight = delta.sum(axis=(0, 2)), (delta * xhat).sum(axis=(0, 2))
    return (weight * rstd)[:, None] * (delta - dbias[:, None] / m - xhat * dweight[:, None] / m), dweight, dbias


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=60)
@given(
    n=st.sampled_from([1, 2, 3, 7, 64]),
    c=st.sampled_from([0, 1, 3, 17]),
    s=st.sampled_from([1, 2, 7, 8, 15, 16, 33, 64, 1023, 1025]),
    affine=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_the_definition(guarded, variant, n, c, s, affine, seed):
    if n * s < 2:
        n = 2  # one element has no variance
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    x, delta = (rng.standard_normal((n, c, s), np.float32) for _ in range(2))
    weight, bias = (rng.standard_normal(c, np.float32) if affine else None for _ in range(2))
    eps = 1e-1  # with two elements a channel may be nearly constant: this keeps 1 / sqrt(var + eps) tame
    wide = [np.ones(c) if weight is None else weight.astype(float), np.zeros(c) if bias is None else bias.astype(float)]
    y_, mean_, var_, rstd_, xhat = forward(x.astype(np.float64), *wide, eps)
    want = backward(delta.astype(np.float64), xhat, rstd_, wide[0])
    with guarded() as empty:
        y, dx, mean, var, rstd, dweight, dbias = empty(n, c, s), empty(n, c, s), *(empty(c) for _ in range(5))
        _cpu.batch_norm(x, weight, bias, eps, y, mean, var, rstd)
        for got, expected in zip((y, mean, var, rstd), (y_, mean_, var_, rstd_), strict=True):
            np.testing.assert_allclose(got, expected, rtol=2e-6, atol=5e-6)
        _cpu.batch_norm_vjp(delta, x, mean, rstd, weight, dx, dweight, dbias)
        bound = 1e-5 * np.sqrt(n * s) + 1e-5
        for got, expected in zip((dx, dweight, dbias), want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=bound)
        for wanted in range(3):  # each alone
            outs = [empty(n, c, s) if wanted == 0 else None, *(empty(c) if wanted == i else None for i in (1, 2))]
            _cpu.batch_norm_vjp(delta, x, mean, rstd, weight, *outs)
            np.testing.assert_array_equal(outs[wanted], (dx, dweight, dbias)[wanted])


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_large_mean_costs_no_digits(variant):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((64, 3, 100)) + 1e4).astype(np.float32)
    y, (mean, var, rstd) = np.empty_like(x), np.empty((3, 3), np.float32)
    _cpu.batch_norm(x, None, None, 1e-5, y, mean, var, rstd)
    want = forward(x.astype(np.float64), np.ones(3), np.zeros(3), 1e-5)
    assert np.abs(y - want[0]).max() < 1e-5
    np.testing.assert_allclose(var, want[2], rtol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("s", [1, 9, 400])
def test_a_first_sample_unlike_the_others_costs_no_digits(variant, s):
    """The pivot that deviations are first measured from is far off then, and a constant channel has no deviation."""
    _cpu.set_variant(variant)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2000, 3, s)).astype(np.float32)
    x[: 64 // s + 1, 0], x[:, 1] = 3e4, 0.1
    y, (mean, var, rstd) = np.empty_like(x), np.empty((3, 3), np.float32)
    _cpu.batch_norm(x, None, None, 1e-5, y, mean, var, rstd)
    want = forward(x.astype(np.float64), np.ones(3), np.zeros(3), 1e-5)
    np.testing.assert_allclose(y, want[0], rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(var, want[2], rtol=1e-6, atol=1e-14)
    assert (y[:, 1] == y[0, 1, 0]).all() and var[1] < 1e-14


def test_infinity_and_nan_stay_visible():
    for bad, mean_of_it in ((np.inf, np.inf), (-np.inf, -np.inf), (np.nan, np.nan)):
        for n in (0, 5):  # among the elements of the pivot, and later
            x = np.ones((8, 2, 30), np.float32)
            x[n, 0, n] = bad
            y, (mean, var, rstd) = np.empty_like(x), np.empty((3, 2), np.float32)
            _cpu.batch_norm(x, None, None, 1e-5, y, mean, var, rstd)
            np.testing.assert_array_equal(mean, np.float32([mean_of_it, 1]))
            assert np.isnan(var[0]) and np.isnan(y[:, 0]).all() and (y[:, 1] == 0).all()


def test_any_number_of_threads_gives_the_same_bits():
    rng = np.random.default_rng(0)
    x, delta = (rng.standard_normal((16, 37, 50), np.float32) for _ in range(2))
    seen = set()
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        y, dx, small = np.empty_like(x), np.empty_like(x), np.empty((5, 37), np.float32)
        _cpu.batch_norm(x, None, None, 1e-5, y, *small[:3])
        _cpu.batch_norm_vjp(delta, x, small[0], small[2], None, dx, small[3], small[4])
        seen.add(y.tobytes() + dx.tobytes() + small.tobytes())
    assert len(seen) == 1
