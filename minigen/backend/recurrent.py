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
    linear: Any
    linear_vjp: Any
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
        dx = np.empty((*h.shape[:-1], 3 * H), h.dtype, like=h)
        dn = dx[..., 2 * H :]
        dn[...] = delta * (1 - z) * (1 - n * n)
        dx[..., :H] = dn * g_n * (r * (1 - r))
        dx[..., H : 2 * H] = delta * (h - n) * (z * (1 - z))
        dg = dx.copy()  # W_hh h + b_hh stands beside W_ih x + b_ih, but for n behind the reset gate
        dg[..., 2 * H :] *= r
        return dx, dg, delta * z

    # through time ---------------------------------------------------------------------------------
    def rnn(
        self, x: Array, h: Array, w_ih: Array, w_hh: Array, b: Array | None, nonlinearity: str, reverse: bool
    ) -> tuple[Array, Any]:
        f, h0 = self.tanh if nonlinearity == "tanh" else self.relu, h
        hs = np.empty((*x.shape[:2], len(w_hh)), x.dtype, like=x)
        a = self.linear(x, w_ih, b)[0]
        for t in _times(len(x), reverse):
            hs[t] = h = f(a[t] + self.matmul(h, w_hh.T))[0]
        return hs, (x, hs, h0, w_ih, w_hh, nonlinearity, reverse)

    def rnn_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        x, hs, h0, w_ih, w_hh, nonlinearity, reverse = saved
        vjp = self.tanh_vjp if nonlinearity == "tanh" else self.relu_vjp
        da, dh = np.empty_like(hs), np.zeros_like(h0)
        for t in _times(len(hs), not reverse):
            da[t] = vjp(hs[t], (True,), delta[t] + dh)[0]
            dh = self.matmul(da[t], w_hh)
        dx, dw_ih, db = self.linear_vjp((x, w_ih), (mask[0], mask[2], mask[4]), da)
        return dx, dh, dw_ih, self._weight(da, before(hs, h0, reverse)) if mask[3] else None, db

    def lstm(
        self, x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b: Array | None, reverse: bool
    ) -> tuple[tuple[Array, Array], Any]:
        h0, hs, steps = h, np.empty((*x.shape[:2], h.shape[-1]), x.dtype, like=x), {}
        a = self.linear(x, w_ih, b)[0]
        for t in _times(len(x), reverse):
            (h, c), steps[t] = self.lstm_cell(a[t] + self.matmul(h, w_hh.T), c)
            hs[t] = h
        return (hs, c), (x, hs, h0, steps, w_ih, w_hh, reverse)

    def lstm_vjp(self, saved: Any, mask: Sequence[bool], dhs: Array | None, dc: Array | None) -> tuple[Any, ...]:
        x, hs, h0, steps, w_ih, w_hh, reverse = saved
        da, dh = np.empty((*hs.shape[:2], len(w_hh)), hs.dtype, like=hs), np.zeros_like(h0)
        for t in _times(len(hs), not reverse):
            da[t], dc = self.lstm_cell_vjp(steps[t], (True, True), dh if dhs is None else dhs[t] + dh, dc)
            dh = self.matmul(da[t], w_hh)
        dx, dw_ih, db = self.linear_vjp((x, w_ih), (mask[0], mask[3], mask[5]), da)
        return dx, dh, dc, dw_ih, self._weight(da, before(hs, h0, reverse)) if mask[4] else None, db

    def gru(
        self, x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, reverse: bool
    ) -> tuple[Array, Any]:
        h0, hs, steps = h, np.empty((*x.shape[:2], h.shape[-1]), x.dtype, like=x), {}
        a = self.linear(x, w_ih, b_ih)[0]
        for t in _times(len(x), reverse):
            g = self.matmul(h, w_hh.T)
            h, steps[t] = self.gru_cell(a[t], g if b_hh is None else g + b_hh, h)
            hs[t] = h
        return hs, (x, hs, h0, steps, w_ih, w_hh, reverse)

    def gru_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        x, hs, h0, steps, w_ih, w_hh, reverse = saved
        shape = (*hs.shape[:2], len(w_hh))
        da, dg, dh = np.empty(shape, hs.dtype, like=hs), np.empty(shape, hs.dtype, like=hs), np.zeros_like(h0)
        for t in _times(len(hs), not reverse):
            da[t], dg[t], direct = self.gru_cell_vjp(steps[t], (True,) * 3, delta[t] + dh)
            dh = direct + self.matmul(dg[t], w_hh)
        dx, dw_ih, db_ih = self.linear_vjp((x, w_ih), (mask[0], mask[2], mask[4]), da)
        dw_hh = self._weight(dg, before(hs, h0, reverse)) if mask[3] else None
        return dx, dh, dw_ih, dw_hh, db_ih, dg.sum(axis=(0, 1)) if mask[5] else None

    def _weight(self, delta: Array, before: Array) -> Array:
        """sum_t delta_t^T h_{t-1}."""
        rows = len(delta) * delta.shape[1]
        return self.matmul(delta.reshape(rows, delta.shape[-1]).T, before.reshape(rows, before.shape[-1]))
