"""Recurrent layers on every instruction set: one step written out in float64, guards, refusals, any threads."""

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


def gates_like(T, N, H):
    return (T, N, 4, -(-H // 16) * 16)


def layer(rng, gates, T, N, D, H):
    """x, h, w_ih, w_hh and two biases."""
    shapes = (T, N, D), (N, H), (gates * H, D), (gates * H, H), (gates * H,), (gates * H,)
    scales = 1, 1, max(D, 1) ** -0.5, H**-0.5, 1, 1
    return [numbers(rng, *s) * np.float32(k) for s, k in zip(shapes, scales, strict=True)]


def affine(x, w, b):
    return x @ w.T.astype(np.float64) + (0 if b is None else b)


SIZES = {
    "T": st.sampled_from([1, 2, 5, 35]), "N": st.sampled_from([0, 1, 3, 8, 17, 33]),
    "D": st.sampled_from([1, 5, 16, 67]), "H": st.sampled_from([1, 7, 16, 33, 130]),
    "reverse": st.booleans(), "biased": st.booleans(), "seed": st.integers(0, 2**32 - 1),
}  # fmt: skip
close = {"rtol": 2e-5, "atol": 2e-5}


@variants
@settings(max_examples=25)
@given(**SIZES)
def test_lstm_is_its_equations(guarded, variant, T, N, D, H, reverse, biased, seed):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    x, h0, w_ih, w_hh, b, _ = layer(rng, 4, T, N, D, H)
    b, c0 = b if biased else None, numbers(rng, N, H)
    with guarded() as empty:
        hs, cells = empty(T, N, H), empty(T + 1, N, H)
        _cpu.lstm(x, h0, c0, w_ih, w_hh, b, reverse, hs, empty(*gates_like(T, N, H)), cells)
        h, c = h0.astype(np.float64), c0.astype(np.float64)
        for step, t in enumerate(range(T)[::-1] if reverse else range(T)):
            i, f, g, o = np.split(affine(x[t], w_ih, b) + affine(h, w_hh, None), 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            np.testing.assert_allclose(cells[step + 1], c, **close)
            np.testing.assert_allclose(hs[t], h, **close)


@variants
@settings(max_examples=25)
@given(**SIZES)
def test_gru_is_its_equations(guarded, variant, T, N, D, H, reverse, biased, seed):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    x, h0, w_ih, w_hh, b_ih, b_hh = layer(rng, 3, T, N, D, H)
    b_ih, b_hh = (b_ih, b_hh) if biased else (None, None)
    with guarded() as empty:
        hs, h = empty(T, N, H), h0.astype(np.float64)
        _cpu.gru(x, h0, w_ih, w_hh, b_ih, b_hh, reverse, hs, empty(*gates_like(T, N, H)))
        for t in range(T)[::-1] if reverse else range(T):
            xr, xz, xn = np.split(affine(x[t], w_ih, b_ih), 3, axis=1)
            gr, gz, gn = np.split(affine(h, w_hh, b_hh), 3, axis=1)
            z, n = sigmoid(xz + gz), np.tanh(xn + sigmoid(xr + gr) * gn)
            h = (1 - z) * n + z * h
            np.testing.assert_allclose(hs[t], h, **close)


@variants
@pytest.mark.parametrize("relu", [False, True])
@settings(max_examples=15)
@given(**SIZES)
def test_rnn_and_its_gradient_are_their_equations(guarded, variant, relu, T, N, D, H, reverse, biased, seed):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    x, h0, w_ih, w_hh, b, _ = layer(rng, 1, T, N, D, H)
    b, dhs, w_hh = b if biased else None, numbers(rng, T, N, H), w_hh / 2  # relu does not bound the states
    order = list(range(T))[::-1] if reverse else list(range(T))
    with guarded() as empty:
        hs, dg, dx, dh = empty(T, N, H), empty(T, N, H), empty(T, N, D), empty(N, H)
        _cpu.rnn(x, h0, w_ih, w_hh, b, relu, reverse, hs)
        h = h0.astype(np.float64)
        for t in order:
            a = affine(x[t], w_ih, b) + affine(h, w_hh, None)
            h = np.maximum(a, 0) if relu else np.tanh(a)
            np.testing.assert_allclose(hs[t], h, **close)
        _cpu.rnn_vjp(hs, w_ih, w_hh, dhs, relu, reverse, dg, dx, dh)
        back = np.zeros((N, H))
        for t in order[::-1]:
            error = (dhs[t] + back) * ((hs[t] > 0) if relu else 1 - hs[t].astype(np.float64) ** 2)
            back = error @ w_hh
            np.testing.assert_allclose(dg[t], error, **close)
            np.testing.assert_allclose(dx[t], error @ w_ih, **close)
        np.testing.assert_allclose(dh, back, **close)


@variants
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("T", "N", "D", "H"), [(3, 2, 5, 21), (35, 9, 3, 70)])
def test_gradients_are_the_slopes_of_the_forward_pass(guarded, variant, reverse, T, N, D, H):
    """Along random directions: <gradient, direction> against (C(x + e direction) - C(x - e direction)) / 2e."""
    _cpu.set_variant(variant)
    rng, e = np.random.default_rng(1), 1e-2
    x, h, w_ih, w_hh, b, b_hh = layer(rng, 4, T, N, D, H)
    like, c = numbers(rng, T, N, H) / np.float32(T * N * H) ** 0.5, numbers(rng, N, H)

    def lstm(x, h, c):
        hs, gates, cells = (np.empty(s, np.float32) for s in ((T, N, H), gates_like(T, N, H), (T + 1, N, H)))
        _cpu.lstm(x, h, c, w_ih, w_hh, b, reverse, hs, gates, cells)
        return (hs.astype(np.float64) * like).sum(), gates, cells

    three = [a[: 3 * H].copy() for a in (w_ih, w_hh, b, b_hh)]

    def gru(x, h):
        hs, gates = np.empty((T, N, H), np.float32), np.empty(gates_like(T, N, H), np.float32)
        _cpu.gru(x, h, *three, reverse, hs, gates)
        return (hs.astype(np.float64) * like).sum(), gates, hs

    with guarded() as empty:
        dg, dx, dh, dc = empty(T, N, 4 * H), empty(T, N, D), empty(N, H), empty(N, H)
        _cpu.lstm_vjp(*lstm(x, h, c)[1:], w_ih, w_hh, like, None, reverse, dg, dx, dh, dc)
        slopes(lstm, (x, h, c), (dx, dh, dc), rng, e)
        assert not np.isnan(dg).any()
        _, gates, hs = gru(x, h)
        da, dg, dx, dh = empty(T, N, 3 * H), empty(T, N, 3 * H), empty(T, N, D), empty(N, H)
        _cpu.gru_vjp(gates, hs, h, *three[:2], like, reverse, da, dg, dx, dh)
        slopes(gru, (x, h), (dx, dh), rng, e)
        assert not np.isnan(da).any() and not np.isnan(dg).any()


def slopes(function, inputs, gradients, rng, e):
    for k, gradient in enumerate(gradients):
        direction = numbers(rng, *inputs[k].shape)
        moved = [[a + s * e * direction if i == k else a for i, a in enumerate(inputs)] for s in (1, -1)]
        slope = (function(*moved[0])[0] - function(*moved[1])[0]) / (2 * e)
        assert (gradient * direction).sum() == pytest.approx(slope, rel=5e-3, abs=5e-3)


@variants
def test_any_number_of_threads_gives_the_same_bits(variant):
    _cpu.set_variant(variant)
    T, N, D, H = 9, 37, 70, 150
    rng, seen = np.random.default_rng(0), set()
    x, h, w_ih, w_hh, b, b_hh = layer(rng, 4, T, N, D, H)
    like, c = numbers(rng, T, N, H), numbers(rng, N, H)
    three, one = ([a[: k * H].copy() for a in (w_ih, w_hh, b, b_hh)] for k in (3, 1))
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        states = [np.empty((T, N, H), np.float32) for _ in range(3)]
        dgs = [np.empty((T, N, k * H), np.float32) for k in (4, 3, 3, 1)]
        dxs, ends = [np.empty(x.shape, np.float32) for _ in range(3)], [np.empty(h.shape, np.float32) for _ in range(4)]
        gates, cells = np.zeros(gates_like(T, N, H), np.float32), np.empty((T + 1, N, H), np.float32)
        _cpu.lstm(x, h, c, w_ih, w_hh, b, False, states[0], gates, cells)
        _cpu.lstm_vjp(gates, cells, w_ih, w_hh, like, None, False, dgs[0], dxs[0], ends[0], ends[1])
        _cpu.gru(x, h, *three, True, states[1], gates)
        _cpu.gru_vjp(gates, states[1], h, *three[:2], like, True, dgs[1], dgs[2], dxs[1], ends[2])
        _cpu.rnn(x, h, *one[:3], False, False, states[2])
        _cpu.rnn_vjp(states[2], *one[:2], like, False, False, dgs[3], dxs[2], ends[3])
        seen.add(b"".join(a.tobytes() for a in (*states, cells, *dgs, *dxs, *ends)))
    assert len(seen) == 1


def test_gradients_that_nobody_wants_are_left_out():
    rng, (T, N, D, H) = np.random.default_rng(2), (4, 5, 6, 7)
    x, h, w_ih, w_hh, b, _ = layer(rng, 1, T, N, D, H)
    hs, like, found = np.empty((T, N, H), np.float32), numbers(rng, T, N, H), []
    _cpu.rnn(x, h, w_ih, w_hh, b, False, False, hs)
    for dx, dh in ((None, None), (np.empty_like(x), np.empty_like(h))):
        found.append(np.empty((T, N, H), np.float32))
        _cpu.rnn_vjp(hs, w_ih, w_hh, like, False, False, found[-1], dx, dh)
    assert (found[0] == found[1]).all()


def test_shapes_that_do_not_fit_are_refused():
    f = lambda *shape: np.ones(shape, np.float32)  # noqa: E731
    first = f(2, 1, 5), f(1, 3), f(1, 3), f(12, 5)
    with pytest.raises(ValueError, match=r"w_hh must have the shape \(12, 3\), got \(13, 3\)"):
        _cpu.lstm(*first, f(13, 3), None, False, f(2, 1, 3), f(2, 1, 4, 16), f(3, 1, 3))
    with pytest.raises(ValueError, match=r"w_ih must have the shape \(12, 4\), got \(11, 4\)"):
        _cpu.lstm(*first[:3], f(11, 4), f(12, 3), None, False, f(2, 1, 3), f(2, 1, 4, 16), f(3, 1, 3))
    with pytest.raises(ValueError, match=r"x must have the shape \(2, 1, 4\)"):
        _cpu.lstm(*first[:3], f(12, 4), f(12, 3), None, False, f(2, 1, 3), f(2, 1, 4, 16), f(3, 1, 3))
    with pytest.raises(ValueError, match=r"cells must have the shape \(3, 1, 3\)"):
        _cpu.lstm(*first, f(12, 3), None, False, f(2, 1, 3), f(2, 1, 4, 16), f(2, 1, 3))
    with pytest.raises(ValueError, match=r"gates must have the shape \(2, 1, 4, 16\)"):
        _cpu.lstm(*first, f(12, 3), None, False, f(2, 1, 3), f(2, 1, 12), f(3, 1, 3))
    with pytest.raises(ValueError, match=r"b_hh must have the shape \(9,\)"):
        _cpu.gru(*first[:2], f(9, 5), f(9, 3), None, f(8), False, f(2, 1, 3), f(2, 1, 4, 16))
