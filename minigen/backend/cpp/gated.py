"""WaveNet's unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..numpy import NumpyBackend
from .arrays import F32, Array, fast, ready, ready_or_none
from .native import kernels as _cpu


class _Gated(NamedTuple):
    """What the unit keeps for its backward pass. The type tells it from what NumPy's keeps."""

    x: Array
    gates: Array
    w: Array
    w_out: Array | None
    w_skip: Array
    dilation: int


class GatedUnits(NumpyBackend):
    """The part of CppBackend that WaveNet is built of."""

    def gated_residual(
        self, x: Array, skip: Array | None, w: Array, b: Array | None, w_out: Array | None, b_out: Array | None,
        w_skip: Array, b_skip: Array | None, dilation: int,
    ) -> tuple[Array | tuple[Array, Array], Any]:  # fmt: skip
        if not fast(x, skip, w, b, w_out, b_out, w_skip, b_skip):
            return super().gated_residual(x, skip, w, b, w_out, b_out, w_skip, b_skip, dilation)
        x, w, flat_skip = ready(x), ready(w), ready(w_skip)[:, :, 0]
        flat_out = None if w_out is None else ready(w_out)[:, :, 0]
        out = None if w_out is None else np.empty(x.shape, F32)
        total, gates = np.empty((*x.shape[:2], len(w_skip)), F32), np.empty((*x.shape[:2], len(w)), F32)
        b, b_out, b_skip = ready_or_none(b), ready_or_none(b_out), ready_or_none(b_skip)
        _cpu.gated_residual(
            x, ready_or_none(skip), w, b, flat_out, b_out, flat_skip, b_skip, dilation, out, total, gates
        )
        return (total if out is None else (out, total)), _Gated(x, gates, w, flat_out, flat_skip, dilation)

    def gated_residual_vjp(
        self, saved: Any, mask: Sequence[bool], *deltas: Array | None
    ) -> tuple[Array | None, ...]:
        if not isinstance(saved, _Gated):
            return super().gated_residual_vjp(saved, mask, *deltas)
        *rest, dtotal = deltas
        dout = rest[0] if rest else None  # there is no out without w_out
        x, gates, w, w_out, w_skip, dilation = saved
        through = (mask[0], mask[2], mask[3], *[m and dout is not None for m in mask[4:6]])
        through += tuple(m and dtotal is not None for m in mask[6:8])  # unused outputs need nothing of their weights
        G, S, C = w.shape[0] // 2, w_skip.shape[0], x.shape[2]
        shapes = (x.shape, w.shape, w.shape[:1], (C, G), (C,), (S, G), (S,))
        found = [np.empty(shape, F32) if needed else None for shape, needed in zip(shapes, through, strict=True)]
        if any(through):
            _cpu.gated_residual_vjp(
                x, gates, w, w_out, w_skip, ready_or_none(dout), ready_or_none(dtotal), dilation, *found
            )
        dx, dw, db, dw_out, db_out, dw_skip, db_skip = found
        dskip = dtotal.view() if mask[1] and dtotal is not None else None  # a view: the engine knows that it is shared
        ends = [None if g is None else g.reshape(*g.shape, 1) for g in (dw_out, dw_skip)]
        return dx, dskip, dw, db, ends[0], db_out, ends[1], db_skip
