"""WaveNet's unit: z = tanh(f) s(g), f and g the halves of a causal convolution; then products for x and the skips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray


def shifts(w: Array, T: int, dilation: int) -> list[tuple[int, int]]:
    """(k, times by which tap k looks back), for the taps that see something in T times."""
    K = w.shape[2]
    return [(k, (K - 1 - k) * dilation) for k in range(K) if (K - 1 - k) * dilation < T]


class Gated:
    """The part of NumpyBackend that WaveNet is built of. Its products and activations are the backend's own."""

    linear: Any
    linear_vjp: Any
    matmul: Any
    sum: Any
    tanh: Any
    sigmoid: Any

    def gated_residual(
        self, x: Array, skip: Array | None, w: Array, b: Array | None, w_out: Array | None, b_out: Array | None,
        w_skip: Array, b_skip: Array | None, dilation: int,
    ) -> tuple[Array | tuple[Array, Array], Any]:  # fmt: skip
        (N, T, _), G = x.shape, len(w) // 2
        a = np.zeros((N, T, 2 * G), x.dtype, like=x)
        for k, back in shifts(w, T, dilation):
            a[:, back:] += self.matmul(x[:, : T - back], w[:, :, k].T)
        if b is not None:
            a += b
        f, g = self.tanh(a[..., :G])[0], self.sigmoid(a[..., G:])[0]
        z = f * g
        total = self.linear(z, w_skip[:, :, 0], b_skip)[0]
        total = total if skip is None else skip + total
        saved = x, f, g, w, w_out, w_skip, dilation
        return (total if w_out is None else (x + self.linear(z, w_out[:, :, 0], b_out)[0], total)), saved

    def gated_residual_vjp(
        self, saved: Any, mask: Sequence[bool], *deltas: Array | None
    ) -> tuple[Array | None, ...]:
        *rest, dtotal = deltas
        dout = rest[0] if rest else None  # there is no out without w_out
        x, f, g, w, w_out, w_skip, dilation = saved
        z, dz, T = f * g, 0.0, x.shape[1]
        ends: list[Array | None] = []
        for delta, end, needs in ((dout, w_out, mask[4:6]), (dtotal, w_skip, mask[6:8])):
            if delta is None:
                ends += [None, None]
                continue
            through, dw, db = self.linear_vjp((z, end[:, :, 0]), (True, *needs), delta)
            dz = dz + through
            ends += [None if dw is None else dw[:, :, None], db]
        u = np.concatenate([dz * g * (1 - f * f), dz * z * (1 - g)], axis=2)  # dC/da, a the convolution's result
        dx = np.zeros_like(x) if dout is None else dout.copy()
        dw = np.zeros_like(w)
        for k, back in shifts(w, T, dilation):
            dx[:, : T - back] += self.matmul(u[:, back:], w[:, :, k])
            dw[:, :, k] = self._sum_of_outer(u[:, back:], x[:, : T - back])
        db = self.sum(u, (0, 1), False, u.dtype) if mask[3] else None
        dskip = None if dtotal is None else dtotal.view()  # a view, so that the engine knows that it is shared
        return dx if mask[0] else None, dskip if mask[1] else None, dw if mask[2] else None, db, *ends

    def _sum_of_outer(self, p: Array, q: Array) -> Array:
        rows = p.shape[0] * p.shape[1]
        return self.matmul(p.reshape(rows, p.shape[2]).T, q.reshape(rows, q.shape[2]))
