"""Group normalisation, plain and with SiLU, and its gradient, against the definitions in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import _cpu

VARIANTS = _cpu.variants()


def forward(x, weight, bias, groups, eps):
    """z, mean, rstd and xhat."""
    n, c, s = x.shape
    rows = x.reshape(n, groups, c // groups * s)
    mean = rows.mean(axis=2)
    rstd = 1 / np.sqrt(rows.var(axis=2) + eps)
    xhat = ((rows - mean[..., None]) * rstd[..., None]).reshape(n, c, s)
    return xhat * weight[:, None] + bias[:, None], mean, rstd, xhat


def backward(g, xhat, rstd, weight, groups):
    n, c, s = g.shape
    h, rows = (a.reshape(n, groups, c // groups * s) for a in (g * weight[:, None], xhat))
    dx = h - h.mean(axis=2, keepdims=True) - rows * (h * rows).mean(axis=2, keepdims=True)
    return (dx * rstd[..., None]).reshape(n, c, s), (g * xhat).sum(axis=(0, 2)), g.sum(axis=(0, 2))


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=60)
@given(
    n=st.sampled_from([0, 1, 2, 7]),
    groups=st.sampled_from([1, 2, 5]),
    per_group=st.sampled_from([1, 3, 8]),
    s=st.sampled_from([2, 7, 15, 16, 17, 33, 64, 70, 1023, 1025]),
    affine=st.booleans(),
    silu=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_the_definition(guarded, variant, n, groups, per_group, s, affine, silu, seed):
    _cpu.set_variant(variant)
    rng, c, eps = np.random.default_rng(seed), groups * per_group, 0.1
    x, delta = (rng.standard_normal((n, c, s), np.float32) for _ in range(2))
    weight, bias = (rng.standard_normal(c, np.float32) if affine else None for _ in range(2))
    wide = [np.ones(c) if weight is None else weight.astype(float), np.zeros(c) if bias is None else bias.astype(float)]
    z, mean_, rstd_, xhat = forward(x.astype(np.float64), *wide, groups, eps)
    sigmoid = 1 / (1 + np.exp(-z)) if silu else np.ones_like(z)
    slope = sigmoid * (1 + z * (1 - sigmoid))
    want = backward(delta * slope, xhat, rstd_, wide[0], groups)
    with guarded() as empty:
        y, dx, mean, rstd = empty(n, c, s), empty(n, c, s), empty(n, groups, 2), empty(n, groups)
        dweight, dbias = empty(c), empty(c)
        _cpu.group_norm(x, weight, bias, groups, eps, silu, y, mean, rstd)
        np.testing.assert_allclose(mean.sum(axis=2), mean_, rtol=2e-6, atol=1e-6)
        np.testing.assert_allclose(rstd, rstd_, rtol=2e-6)
        np.testing.assert_allclose(y, z * sigmoid, rtol=5e-6, atol=5e-6)
        rest = (delta, x, mean, rstd, weight, bias, groups, silu)
        _cpu.group_norm_vjp(*rest, dx, dweight, dbias)
        bound = 1e-5 * np.sqrt(n * s) + 1e-5
        for got, expected in zip((dx, dweight, dbias), want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=bound)
        for wanted in range(3):  # each alone
            outs = [empty(n, c, s) if wanted == 0 else None, *(empty(c) if wanted == i else None for i in (1, 2))]
            _cpu.group_norm_vjp(*rest, *outs)
            np.testing.assert_array_equal(outs[wanted], (dx, dweight, dbias)[wanted])


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_large_mean_and_an_unlike_beginning_cost_no_digits(variant):
    _cpu.set_variant(variant)
    x = (np.random.default_rng(0).standard_normal((3, 4, 1000)) + 1e4).astype(np.float32)
    x[1, 0, :100] = -3e4
    x[2] = 0.1
    y, mean, rstd = np.empty_like(x), np.empty((3, 2, 2), np.float32), np.empty((3, 2), np.float32)
    _cpu.group_norm(x, None, None, 2, 1e-5, False, y, mean, rstd)
    want = forward(x.astype(np.float64), np.ones(4), np.zeros(4), 2, 1e-5)
    np.testing.assert_allclose(y, want[0], rtol=2e-6, atol=1e-5)
    np.testing.assert_allclose(rstd, want[2], rtol=1e-6)


def test_silu_does_not_turn_infinity_into_nan():
    x = np.float32([[[-1, 1, -1, 1]]])
    for weight, want in ((np.inf, [0, np.inf, 0, np.inf]), (-np.inf, [np.inf, 0, np.inf, 0])):
        y, mean, rstd = np.empty_like(x), np.empty((1, 1, 2), np.float32), np.empty((1, 1), np.float32)
        _cpu.group_norm(x, np.float32([weight]), None, 1, 1e-5, True, y, mean, rstd)
        np.testing.assert_allclose(y.ravel(), want, atol=1e-30)


def test_any_number_of_threads_gives_the_same_bits():
    rng = np.random.default_rng(0)
    x, delta = (rng.standard_normal((16, 12, 500), np.float32) for _ in range(2))
    weight, bias = (rng.standard_normal(12, np.float32) for _ in range(2))
    seen = set()
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        y, dx, small = np.empty_like(x), np.empty_like(x), np.empty((2, 12), np.float32)
        mean, rstd = np.empty((16, 3, 2), np.float32), np.empty((16, 3), np.float32)
        _cpu.group_norm(x, weight, bias, 3, 1e-5, True, y, mean, rstd)
        _cpu.group_norm_vjp(delta, x, mean, rstd, weight, bias, 3, True, dx, *small)
        seen.add(b"".join(a.tobytes() for a in (y, dx, small, mean, rstd)))
    assert len(seen) == 1
