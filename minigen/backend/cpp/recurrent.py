"""Plain recurrent networks, LSTM and GRU over whole sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..numpy import NumpyBackend
from .arrays import F32, Array, fast, ready, ready_or_none
from .native import kernels as _cpu


class _Lived(NamedTuple):
    """What a sequence keeps for its backward pass. The type tells it from what NumPy's keeps."""

    x: Array
    hs: Array
    h: Array
    before: Array  # h_{t-1} for every t
    w_ih: Array
    w_hh: Array
    reverse: bool
    gates: Array | None = None
    cells: Array | None = None
    relu: bool = False

    def errors(self, gates: int, mask: Sequence[bool]) -> tuple[Array, Array | None, Array | None]:
        """Room for the gradients at the sums of all gates, at x and at h, where the mask asks for them."""
        (T, N, H), x, h = self.hs.shape, self.x, self.h
        return (
            np.empty((T, N, gates * H), F32),
            np.empty(x.shape, F32) if mask[0] else None,
            np.empty(h.shape, F32) if mask[1] else None,
        )


def _lived(x: Array, h: Array, w_ih: Array, w_hh: Array, reverse: bool, gated: bool = True, **kept: Any) -> _Lived:
    """Room for the first state and all others in one row: seen one step later, it is h_{t-1}, without a copy."""
    T, (N, H) = len(x), h.shape
    row = np.empty((T + 1, N, H), F32)
    hs, first, before = (row[:-1], row[-1], row[1:]) if reverse else (row[1:], row[0], row[:-1])
    first[...] = h
    gates = np.empty((T, N, 4, -(-H // 16) * 16), F32) if gated else None
    return _Lived(ready(x), hs, first, before, ready(w_ih), ready(w_hh), reverse, gates, **kept)


class Sequences(NumpyBackend):
    """The part of CppBackend that goes through time: the weights are packed once, not in every step."""

    def rnn(
        self, x: Array, h: Array, w_ih: Array, w_hh: Array, b: Array | None, nonlinearity: str, reverse: bool
    ) -> tuple[Array, Any]:
        if not fast(x, h, w_ih, w_hh, b) or not len(x):
            return super().rnn(x, h, w_ih, w_hh, b, nonlinearity, reverse)
        kept = _lived(x, h, w_ih, w_hh, reverse, gated=False, relu=nonlinearity == "relu")
        _cpu.rnn(kept.x, kept.h, kept.w_ih, kept.w_hh, ready_or_none(b), kept.relu, reverse, kept.hs)
        return kept.hs, kept

    def rnn_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        if not isinstance(saved, _Lived):
            return super().rnn_vjp(saved, mask, delta)
        dg, dx, dh = saved.errors(1, mask)
        _cpu.rnn_vjp(saved.hs, saved.w_ih, saved.w_hh, ready(delta), saved.relu, saved.reverse, dg, dx, dh)
        return dx, dh, *self._weights(saved, dg, dg, mask[2:])[:3]

    def lstm(
        self, x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b: Array | None, reverse: bool
    ) -> tuple[tuple[Array, Array], Any]:
        if not fast(x, h, c, w_ih, w_hh, b) or not len(x):
            return super().lstm(x, h, c, w_ih, w_hh, b, reverse)
        cells = np.empty((len(x) + 1, *c.shape), F32)
        kept = _lived(x, h, w_ih, w_hh, reverse, cells=cells)
        _cpu.lstm(
            kept.x, kept.h, ready(c), kept.w_ih, kept.w_hh, ready_or_none(b), reverse, kept.hs, kept.gates, cells
        )
        return (kept.hs, cells[-1].copy()), kept

    def lstm_vjp(self, saved: Any, mask: Sequence[bool], dhs: Array | None, dc: Array | None) -> tuple[Any, ...]:
        if not isinstance(saved, _Lived):
            return super().lstm_vjp(saved, mask, dhs, dc)
        dc0, (dg, dx, dh) = np.empty(saved.h.shape, F32), saved.errors(4, mask)
        _cpu.lstm_vjp(
            saved.gates, saved.cells, saved.w_ih, saved.w_hh, ready_or_none(dhs), ready_or_none(dc), saved.reverse,
            dg, dx, dh, dc0,
        )  # fmt: skip
        return dx, dh, dc0, *self._weights(saved, dg, dg, mask[3:])[:3]

    def gru(
        self, x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, reverse: bool
    ) -> tuple[Array, Any]:
        if not fast(x, h, w_ih, w_hh, b_ih, b_hh) or not len(x):
            return super().gru(x, h, w_ih, w_hh, b_ih, b_hh, reverse)
        kept = _lived(x, h, w_ih, w_hh, reverse)
        _cpu.gru(
            kept.x, kept.h, kept.w_ih, kept.w_hh, ready_or_none(b_ih), ready_or_none(b_hh), reverse, kept.hs, kept.gates
        )
        return kept.hs, kept

    def gru_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array | None, ...]:
        if not isinstance(saved, _Lived):
            return super().gru_vjp(saved, mask, delta)
        da, dx, dh = saved.errors(3, mask)
        dg = np.empty(da.shape, F32)
        _cpu.gru_vjp(
            saved.gates, saved.hs, saved.h, saved.w_ih, saved.w_hh, ready(delta), saved.reverse, da, dg, dx, dh
        )
        return dx, dh, *self._weights(saved, da, dg, mask[2:])

    def _weights(self, saved: _Lived, da: Array, dg: Array, mask: Sequence[bool]) -> tuple[Array | None, ...]:
        """The gradients of w_ih, w_hh, and of the biases beside each, from the errors of both products."""
        return (
            self._weight(da, saved.x) if mask[0] else None,
            self._weight(dg, saved.before) if mask[1] else None,
            self.sum(da, (0, 1), False, F32) if mask[2] else None,
            self.sum(dg, (0, 1), False, F32) if any(mask[3:]) else None,
        )
