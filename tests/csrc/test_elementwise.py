"""Activations and losses: within 3 ulp of float64 over the whole range; special values; vectors and tails alike."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import _cpu

SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3.4e38, -3.4e38], np.float32)


def whole_range():
    """Numbers where the functions bend, every power of ten down to the subnormals, and the special ones."""
    powers = np.float32(10.0) ** np.linspace(-44, 3, 20000, dtype=np.float32)
    return np.concatenate([np.linspace(-110, 110, 200003, dtype=np.float32), powers, -powers, SPECIAL]).astype(
        np.float32
    )


def ulps(got, want):
    """The distance in units of the last place; special values must agree exactly."""
    rounded = want.astype(np.float32)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(got[~finite], rounded[~finite])
    return (np.abs(got[finite] - want[finite]) / np.spacing(np.abs(rounded[finite]))).max()


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def bce(x, y):
    return np.maximum(x, 0) - x * y + np.log1p(np.exp(-np.abs(x)))


@pytest.mark.parametrize("variant", _cpu.variants())
@pytest.mark.parametrize(
    ("function", "want"),
    [(_cpu.tanh, np.tanh), (_cpu.sigmoid, sigmoid), (_cpu.relu, lambda x: np.maximum(x, 0))],
    ids=["tanh", "sigmoid", "relu"],
)
def test_within_3_ulp_of_the_function(guarded, variant, function, want):
    _cpu.set_variant(variant)
    x = whole_range()
    with guarded() as empty, np.errstate(all="ignore"):
        out = empty(*x.shape)
        function(x, out)
        assert ulps(out, want(x.astype(np.float64))) <= 3


@pytest.mark.parametrize("variant", _cpu.variants())
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_cross_entropy_of_logits_is_finite_and_exact(guarded, variant, target):
    _cpu.set_variant(variant)
    x = whole_range()
    x = np.concatenate([x[np.isfinite(x)], np.float32([1e4, -1e4])])
    y = np.full_like(x, target)
    with guarded() as empty:
        out, dx, dy = empty(*x.shape), empty(*x.shape), empty(*x.shape)
        _cpu.bce_with_logits(x, y, out)
        _cpu.bce_with_logits_vjp(np.ones_like(x), x, y, dx, dy)
        wide = x.astype(np.float64)
        assert ulps(out, bce(wide, target)) <= 3
        np.testing.assert_allclose(dx, sigmoid(wide) - target, rtol=0, atol=2e-7)
        np.testing.assert_array_equal(dy, -x)
    if target == 1:
        assert out[-2] == 0 and out[-1] == 1e4 and dx[-2] == 0 and dx[-1] == -1


def test_special_values_of_the_piecewise_functions():
    out = np.empty_like(SPECIAL)
    _cpu.relu(SPECIAL, out)
    np.testing.assert_array_equal(out, np.maximum(SPECIAL, 0))
    _cpu.leaky_relu(SPECIAL, 0.25, out)
    np.testing.assert_array_equal(out, np.where(SPECIAL > 0, SPECIAL, SPECIAL * np.float32(0.25)))
    assert np.signbit(out[1]), "leaky_relu keeps the sign of zero"
    _cpu.tanh(np.float32([-0.0] * 9), out)
    assert np.signbit(out).all()


def normal_cdf(x):
    return np.vectorize(lambda v: math.erfc(-v / math.sqrt(2)) / 2)(x)


def density(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def inner(x):
    return 2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)  # (1 + tanh u) / 2 = sigmoid(2 u)


def inner_slope(x):
    return 2 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)


SMOOTH = {  # the function, and its derivative
    "gelu": (lambda x: x * normal_cdf(x), lambda x: normal_cdf(x) + x * density(x)),
    "gelu_tanh": (
        lambda x: x * sigmoid(inner(x)),
        lambda x: sigmoid(inner(x)) + x * inner_slope(x) * sigmoid(inner(x)) * sigmoid(-inner(x)),
    ),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) + x * sigmoid(x) * sigmoid(-x)),
    "softplus": (lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), sigmoid),
}


@pytest.mark.parametrize("variant", _cpu.variants())
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_activations(guarded, variant, name):
    """Values with full relative accuracy, in the tails too; slopes next to their largest value, 1."""
    _cpu.set_variant(variant)
    function, slope = SMOOTH[name]
    x = np.concatenate([np.linspace(-12, 12, 20011), [0, -0.0, 1e-30, 1e-45, 30, 1e4, -30, -1e4]]).astype(np.float32)
    delta = np.random.default_rng(0).standard_normal(x.shape, np.float32)
    with guarded() as empty:
        out, back = empty(*x.shape), empty(*x.shape)
        getattr(_cpu, name)(x, out)
        getattr(_cpu, name + "_vjp")(delta, x, back)
        wide = x.astype(np.float64)
        np.testing.assert_allclose(out, function(wide), rtol=2e-5 if name == "gelu_tanh" else 2e-6, atol=1e-37)
        np.testing.assert_allclose(back, delta * slope(wide), rtol=2e-6, atol=1e-6)
    special = np.float32([np.nan, np.inf, -np.inf])
    out = np.empty(3, np.float32)
    getattr(_cpu, name)(special, out)
    assert np.isnan(out[0]) and out[1] == np.inf and out[2] == 0


VJPS = {
    "relu_vjp": lambda delta, y: np.where(y > 0, delta, 0),
    "tanh_vjp": lambda delta, y: delta * (1 - y * y),
    "sigmoid_vjp": lambda delta, y: delta * (y * (1 - y)),
}


@pytest.mark.parametrize("variant", _cpu.variants())
@settings(max_examples=30)
@given(
    n=st.sampled_from([0, 1, 3, 7, 8, 15, 16, 17, 31, 33, 16383, 16384, 16385, 40009]), seed=st.integers(0, 2**32 - 1)
)
def test_every_length(guarded, variant, n, seed):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    delta, x, y = (rng.standard_normal(n, np.float32) for _ in range(3))
    for name, want in VJPS.items():
        with guarded() as empty:
            out = empty(n)
            getattr(_cpu, name)(delta, y, out)
            np.testing.assert_allclose(out, want(delta.astype(np.float64), y), rtol=1e-6, atol=1e-6)
    for slope in (0.2, -1.5):
        with guarded() as empty:
            out, back = empty(n), empty(n)
            _cpu.leaky_relu(x, slope, out)
            _cpu.leaky_relu_vjp(delta, x, slope, back)
            np.testing.assert_array_equal(out, np.where(x > 0, x, np.float32(slope) * x))
            np.testing.assert_array_equal(back, np.where(x > 0, delta, np.float32(slope) * delta))
    with guarded() as empty:
        out, dx, dy = empty(n), empty(n), empty(n)
        _cpu.bce_with_logits(x, y, out)
        np.testing.assert_allclose(out, bce(x.astype(np.float64), y), rtol=1e-6, atol=1e-6)
        _cpu.bce_with_logits_vjp(delta, x, y, dx, None)
        np.testing.assert_allclose(dx, delta * (sigmoid(x.astype(np.float64)) - y), rtol=1e-6, atol=1e-6)
        _cpu.bce_with_logits_vjp(delta, x, y, None, dy)
        np.testing.assert_array_equal(dy, -delta * x)


def test_a_value_does_not_depend_on_its_place():
    """The last elements, which do not fill a vector, and every number of threads take the same path."""
    x = np.random.default_rng(0).standard_normal(70001, np.float32) * 10
    whole = np.empty_like(x)
    _cpu.tanh(x, whole)
    for start, stop in ((0, 1), (5, 12), (69990, 70001), (16380, 16390)):
        part = np.empty(stop - start, np.float32)
        _cpu.tanh(x[start:stop].copy(), part)
        np.testing.assert_array_equal(part, whole[start:stop])
    for threads in (1, 8):
        _cpu.set_num_threads(threads)
        again = np.empty_like(x)
        _cpu.tanh(x, again)
        np.testing.assert_array_equal(whole, again)
