"""Recurrent networks: the elementwise part of a step as one kernel, and backpropagation through time around it.

Forward, a step waits for the one before. Backward, the error of a step waits for the one after; what does not wait,
dC/dW_hh = sum_t delta_t^T h_{t-1}, is left for one product over all times at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray


def _times(T: int, reverse: bool) -> list[int]:
    return list(range(T))[::-1] if reverse else list(range(T))


def before(hs: Array, h: Array, reverse: bool) -> Array:
    """h_{t-1} for every t."""
    return np.concatenate([hs[1:], h[None]] if reverse else [h[None], hs[:-1]])


class Recurrent:
    """The part of NumpyBackend that runs through time. Its products and activations are the backend's own."""

    matmul: Any
    tanh: Any
    tanh_vjp: Any
    relu: Any
    relu_vjp: Any
    sigmoid: Any

    def lstm_cell(self, gates: Array, cell: Array) -> tuple[tuple[Array, Array], Any]:
        H = cell.shape[-1]
        a = self.sigmoid(gates)[0]
        a[..., 2 * H : 3 * H] = self.tanh(gates[..., 2 * H : 3 * H])[0]
        c = a[..., H : 2 * H] * cell + a[..., :H] * a[..., 2 * H : 3 * H]
        tanh_c = self.tanh(c)[0]
        return (a[..., 3 * H :] * tanh_c, c), (a, cell, tanh_c)

    def lstm_cell_vjp(self, saved: Any, mask: Sequence[bool], dh: Array | None, dc: Array | None) -> tuple[Array, ...]:
        a, cell, tanh_c = saved
        H = cell.shape[-1]
        i, f, g, o = (a[..., k * H : (k + 1) * H] for k in range(4))
        if dh is None:
            dh = np.zeros_like(cell)
        d = dh * o * (1 - tanh_c * tanh_c)  # dC/dc': what comes through h' ...
        if dc is not None:
            d += dc  # ... and what comes from the next step
        dgates = np.empty_like(a)
        dgates[..., :H] = d * g * (i * (1 - i))
        dgates[..., H : 2 * H] = d * cell * (f * (1 - f))
        dgates[..., 2 * H : 3 * H] = d * i * (1 - g * g)
        dgates[..., 3 * H :] = dh * tanh_c * (o * (1 - o))
        return dgates, d * f

    def gru_cell(self, x: Array, g: Array, h: Array) -> tuple[Array, Any]:
        H = h.shape[-1]
        rz = self.sigmoid(x[..., : 2 * H] + g[..., : 2 * H])[0]
        r, z, g_n = rz[..., :H], rz[..., H:], g[..., 2 * H :]
        n = self.tanh(x[..., 2 * H :] + r * g_n)[0]
        return n + z * (h - n), (r, z, n, g_n, h)

    def gru_cell_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array, ...]:
        r, z, n, g_n, h = saved
        H = h.shape[-1]
        dx = np.empty((*h.shape[:-1], 3 * H), h.dtype)
        dn = dx[..., 2 * H :]
        dn[...] = delta * (1 - z) * (1 - n * n)
        dx[..., :H] = dn * g_n * (r * (1 - r))
        dx[..., H : 2 * H] = delta * (h - n) * (z * (1 - z))
        dg = dx.copy()  # W_hh h + b_hh stands beside W_ih x + b_ih, but for n behind the reset gate
        dg[..., 2 * H :] *= r
        return dx, dg, delta * z

    # through time ---------------------------------------------------------------------------------
    def rnn(self, x: Array, h: Array, w: Array, nonlinearity: str, reverse: bool) -> tuple[Array, Any]:
        f, h0, hs = self.tanh if nonlinearity == "tanh" else self.relu, h, np.empty(x.shape, x.dtype)
        for t in _times(len(x), reverse):
            hs[t] = h = f(x[t] + self.matmul(h, w.T))[0]
        return hs, (hs, h0, w, nonlinearity, reverse)

    def rnn_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        hs, h0, w, nonlinearity, reverse = saved
        vjp = self.tanh_vjp if nonlinearity == "tanh" else self.relu_vjp
        dx, dh = np.empty(hs.shape, hs.dtype), np.zeros_like(h0)
        for t in _times(len(hs), not reverse):
            dx[t] = vjp(hs[t], (True,), delta[t] + dh)[0]
            dh = self.matmul(dx[t], w)
        return dx, dh, self._weight(dx, before(hs, h0, reverse)) if mask[2] else None

    def lstm(self, x: Array, h: Array, c: Array, w: Array, reverse: bool) -> tuple[tuple[Array, Array], Any]:
        h0, hs, steps = h, np.empty((*x.shape[:2], h.shape[-1]), x.dtype), {}
        for t in _times(len(x), reverse):
            (h, c), steps[t] = self.lstm_cell(x[t] + self.matmul(h, w.T), c)
            hs[t] = h
        return (hs, c), (hs, h0, steps, w, reverse)

    def lstm_vjp(self, saved: Any, mask: Sequence[bool], dhs: Array | None, dc: Array | None) -> tuple[Any, ...]:
        hs, h0, steps, w, reverse = saved
        dx, dh = np.empty((*hs.shape[:2], len(w)), hs.dtype), np.zeros_like(h0)
        for t in _times(len(hs), not reverse):
            dx[t], dc = self.lstm_cell_vjp(steps[t], (True, True), dh if dhs is None else dhs[t] + dh, dc)
            dh = self.matmul(dx[t], w)
        return dx, dh, dc, self._weight(dx, before(hs, h0, reverse)) if mask[3] else None

    def gru(self, x: Array, h: Array, w: Array, b: Array | None, reverse: bool) -> tuple[Array, Any]:
        h0, hs, steps = h, np.empty((*x.shape[:2], h.shape[-1]), x.dtype), {}
        for t in _times(len(x), reverse):
            g = self.matmul(h, w.T)
            h, steps[t] = self.gru_cell(x[t], g if b is None else g + b, h)
            hs[t] = h
        return hs, (hs, h0, steps, w, reverse)

    def gru_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        hs, h0, steps, w, reverse = saved
        shape = (*hs.shape[:2], len(w))
        dx, dg, dh = np.empty(shape, hs.dtype), np.empty(shape, hs.dtype), np.zeros_like(h0)
        for t in _times(len(hs), not reverse):
            dx[t], dg[t], direct = self.gru_cell_vjp(steps[t], (True,) * 3, delta[t] + dh)
            dh = direct + self.matmul(dg[t], w)
        dw = self._weight(dg, before(hs, h0, reverse)) if mask[2] else None
        return dx, dh, dw, dg.sum(axis=(0, 1)) if mask[3] else None

    def _weight(self, delta: Array, before: Array) -> Array:
        """sum_t delta_t^T h_{t-1}."""
        rows = len(delta) * delta.shape[1]
        return self.matmul(delta.reshape(rows, delta.shape[-1]).T, before.reshape(rows, before.shape[-1]))
