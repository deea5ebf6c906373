"""LSTM and GRU over whole sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..numpy import NumpyBackend
from ..recurrent import before
from .arrays import F32, Array, fast, ready, ready_or_none
from .native import kernels as _cpu


class _Lived(NamedTuple):
    """What a sequence keeps for its backward pass. The type tells it from what NumPy's keeps."""

    gates: Array
    cells: Array | None
    hs: Array
    h: Array
    w: Array
    reverse: bool


class Sequences(NumpyBackend):
    """The part of CppBackend that goes through time: the recurrent weights are packed once, not in every step."""

    def lstm(self, x: Array, h: Array, c: Array, w: Array, reverse: bool) -> tuple[tuple[Array, Array], Any]:
        if not fast(x, h, c, w) or not len(x):
            return super().lstm(x, h, c, w, reverse)
        (T, N, _), H = x.shape, h.shape[-1]
        x, h, c, w = ready(x), ready(h), ready(c), ready(w)
        hs, gates, cells = np.empty((T, N, H), F32), np.empty(x.shape, F32), np.empty((T + 1, N, H), F32)
        _cpu.lstm(x, h, c, w, reverse, hs, gates, cells)
        return (hs, cells[-1].copy()), _Lived(gates, cells, hs, h, w, reverse)

    def lstm_vjp(self, saved: Any, mask: Sequence[bool], dhs: Array | None, dc: Array | None) -> tuple[Any, ...]:
        if not isinstance(saved, _Lived):
            return super().lstm_vjp(saved, mask, dhs, dc)
        dx, dh, dc0 = np.empty(saved.gates.shape, F32), np.empty(saved.h.shape, F32), np.empty(saved.h.shape, F32)
        _cpu.lstm_vjp(
            saved.gates, saved.cells, saved.w, ready_or_none(dhs), ready_or_none(dc), saved.reverse, dx, dh, dc0
        )
        return dx, dh, dc0, self._weight(dx, before(saved.hs, saved.h, saved.reverse)) if mask[3] else None

    def gru(self, x: Array, h: Array, w: Array, b: Array | None, reverse: bool) -> tuple[Array, Any]:
        if not fast(x, h, w, b) or not len(x):
            return super().gru(x, h, w, b, reverse)
        (T, N, _), H = x.shape, h.shape[-1]
        h, w, b = ready(h), ready(w), ready_or_none(b)
        hs, gates = np.empty((T, N, H), F32), np.empty((T, N, 4 * H), F32)
        _cpu.gru(ready(x), h, w, b, reverse, hs, gates)
        return hs, _Lived(gates, None, hs, h, w, reverse)

    def gru_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        if not isinstance(saved, _Lived):
            return super().gru_vjp(saved, mask, delta)
        (T, N, H), dh = saved.hs.shape, np.empty(saved.h.shape, F32)
        dx, dg = np.empty((T, N, 3 * H), F32), np.empty((T, N, 3 * H), F32)
        _cpu.gru_vjp(saved.gates, saved.hs, saved.h, saved.w, ready(delta), saved.reverse, dx, dg, dh)
        dw = self._weight(dg, before(saved.hs, saved.h, saved.reverse)) if mask[2] else None
        return dx, dh, dw, self.sum(dg, (0, 1), False, F32) if mask[3] else None
