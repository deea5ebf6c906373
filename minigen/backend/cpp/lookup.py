"""Rows of a table by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..numpy import NumpyBackend
from .arrays import F32, Array, fast, ready
from .native import kernels as _cpu


class Tables(NumpyBackend):
    """The part of CppBackend that reads tables."""

    def embedding(self, w: Array, ids: Array, padding_idx: int | None) -> tuple[Array, Any]:
        if not fast(w) or w.ndim != 2:
            return super().embedding(w, ids, padding_idx)
        flat, out = ids.astype(np.int64).reshape(ids.size), np.empty((*ids.shape, w.shape[1]), F32)  # a copy of ids
        _cpu.embedding(ready(w), flat, out.reshape(ids.size, w.shape[1]))
        return out, (flat, w.shape, padding_idx)

    def embedding_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array, None]:
        ids, shape, padding_idx = saved
        if not fast(delta) or ids.ndim != 1 or len(shape) != 2:
            return super().embedding_vjp(saved, mask, delta.reshape(*ids.shape, *delta.shape[delta.ndim - 1 :]))
        dw = np.empty(shape, F32)
        _cpu.embedding_vjp(ready(delta).reshape(ids.size, shape[1]), ids, padding_idx, dw)
        return dw, None
