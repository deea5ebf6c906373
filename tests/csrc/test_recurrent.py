"""LSTM and GRU sequences on every instruction set: one step written out in float64, guards, refusals, any threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import _cpu

variants = pytest.mark.parametrize("variant", _cpu.variants())


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numbers(rng, *shape):
    return rng.standard_normal(shape, np.float32)


@variants
@settings(max_examples=25)
@given(T=st.sampled_from([1, 2, 5]), N=st.sampled_from([0, 1, 3, 17, 33]), H=st.sampled_from([1, 7, 16, 33, 130]),
       reverse=st.booleans(), seed=st.integers(0, 2**32 - 1))  # fmt: skip
def test_states_and_cells_are_the_equations(guarded, variant, T, N, H, reverse, seed):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    h0, c0 = numbers(rng, N, H), numbers(rng, N, H)
    order = range(T)[::-1] if reverse else range(T)
    with guarded() as empty:
        x, w = numbers(rng, T, N, 4 * H), numbers(rng, 4 * H, H) / np.float32(H**0.5)
        hs, gates, cells = empty(T, N, H), empty(T, N, 4 * H), empty(T + 1, N, H)
        _cpu.lstm(x, h0, c0, w, reverse, hs, gates, cells)
        h, c = h0.astype(np.float64), c0.astype(np.float64)
        for step, t in enumerate(order):
            i, f, g, o = np.split(x[t] + h @ w.T.astype(np.float64), 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            np.testing.assert_allclose(cells[step + 1], c, rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(hs[t], h, rtol=1e-5, atol=1e-5)
        x, w, b = numbers(rng, T, N, 3 * H), numbers(rng, 3 * H, H) / np.float32(H**0.5), numbers(rng, 3 * H)
        hs, gates, h = empty(T, N, H), empty(T, N, 4 * H), h0.astype(np.float64)
        _cpu.gru(x, h0, w, b, reverse, hs, gates)
        for t in order:
            (xr, xz, xn), (gr, gz, gn) = np.split(x[t], 3, axis=1), np.split(h @ w.T.astype(np.float64) + b, 3, axis=1)
            z, n = sigmoid(xz + gz), np.tanh(xn + sigmoid(xr + gr) * gn)
            h = (1 - z) * n + z * h
            np.testing.assert_allclose(hs[t], h, rtol=1e-5, atol=1e-5)


@variants
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_are_the_slopes_of_the_forward_pass(guarded, variant, reverse):
    """Along random directions: <gradient, direction> against (C(x + e direction) - C(x - e direction)) / 2e."""
    _cpu.set_variant(variant)
    rng, T, N, H, e = np.random.default_rng(1), 3, 2, 21, 1e-2
    like, h, c, w = numbers(rng, T, N, H), numbers(rng, N, H), numbers(rng, N, H), numbers(rng, 4 * H, H) / 5
    x = numbers(rng, T, N, 4 * H)

    def lstm(x, h, c):
        hs, gates, cells = (np.empty(s, np.float32) for s in ((T, N, H), (T, N, 4 * H), (T + 1, N, H)))
        _cpu.lstm(x, h, c, w, reverse, hs, gates, cells)
        return (hs.astype(np.float64) * like).sum(), gates, cells

    def gru(x, h):
        hs, gates = np.empty((T, N, H), np.float32), np.empty((T, N, 4 * H), np.float32)
        _cpu.gru(x, h, w[: 3 * H].copy(), None, reverse, hs, gates)
        return (hs.astype(np.float64) * like).sum(), gates, hs

    with guarded() as empty:
        dx, dh, dc = empty(T, N, 4 * H), empty(N, H), empty(N, H)
        _cpu.lstm_vjp(*lstm(x, h, c)[1:], w, like, None, reverse, dx, dh, dc)
        slopes(lstm, (x, h, c), (dx, dh, dc), rng, e)
        x = x[..., : 3 * H].copy()
        _, gates, hs = gru(x, h)
        dx, dg, dh = empty(T, N, 3 * H), empty(T, N, 3 * H), empty(N, H)
        _cpu.gru_vjp(gates, hs, h, w[: 3 * H].copy(), like, reverse, dx, dg, dh)
        slopes(gru, (x, h), (dx, dh), rng, e)


def slopes(function, inputs, gradients, rng, e):
    for k, gradient in enumerate(gradients):
        direction = numbers(rng, *inputs[k].shape)
        moved = [[a + s * e * direction if i == k else a for i, a in enumerate(inputs)] for s in (1, -1)]
        slope = (function(*moved[0])[0] - function(*moved[1])[0]) / (2 * e)
        assert (gradient * direction).sum() == pytest.approx(slope, rel=5e-3, abs=5e-3)


def test_any_number_of_threads_gives_the_same_bits():
    rng, (T, N, H) = np.random.default_rng(0), (3, 37, 150)
    x, h, c, w = numbers(rng, T, N, 4 * H), numbers(rng, N, H), numbers(rng, N, H), numbers(rng, 4 * H, H) / 12
    like, seen = numbers(rng, T, N, H), set()
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        hs, gates, cells, dx, dh, dc = (
            np.empty(s, np.float32) for s in ((T, N, H), x.shape, (T + 1, N, H), x.shape, (N, H), (N, H))
        )
        _cpu.lstm(x, h, c, w, False, hs, gates, cells)
        _cpu.lstm_vjp(gates, cells, w, like, None, False, dx, dh, dc)
        seen.add(b"".join(a.tobytes() for a in (hs, cells, dx, dh, dc)))
    assert len(seen) == 1


def test_shapes_that_do_not_fit_are_refused():
    f = lambda *shape: np.ones(shape, np.float32)  # noqa: E731
    with pytest.raises(ValueError, match=r"w must have the shape \(12, 3\), got \(13, 3\)"):
        _cpu.lstm(f(2, 1, 12), f(1, 3), f(1, 3), f(13, 3), False, f(2, 1, 3), f(2, 1, 12), f(3, 1, 3))
    with pytest.raises(ValueError, match=r"cells must have the shape \(3, 1, 3\)"):
        _cpu.lstm(f(2, 1, 12), f(1, 3), f(1, 3), f(12, 3), False, f(2, 1, 3), f(2, 1, 12), f(2, 1, 3))
    with pytest.raises(ValueError, match=r"b must have the shape \(9,\)"):
        _cpu.gru(f(2, 1, 9), f(1, 3), f(9, 3), f(8), False, f(2, 1, 3), f(2, 1, 12))
