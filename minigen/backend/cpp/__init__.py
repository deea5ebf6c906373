"""The C++ backend: NumpyBackend with the float32 kernels of ``minigen._cpu`` in place of NumPy's.

What it overrides is the list of what it accelerates, by kind in the files of this folder. Any other dtype, and whatever
the kernels do not cover, goes to ``super()``. There is no size below which NumPy is preferred: a call costs 0.6
microseconds, output included, as much as ``np.maximum``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from . import native
from .arrays import Array, fast, ready
from .attention import HeadAttention
from .gated import GatedUnits
from .lookup import Tables
from .native import kernels as _cpu
from .norm import Norm
from .pointwise import Pointwise
from .probability import Probability
from .products import Products
from .recurrent import Sequences

_WORD = (1 << 64) - 1


class CppBackend(Products, GatedUnits, Pointwise, Norm, Probability, HeadAttention, Sequences, Tables):
    """NumpyBackend, accelerated for float32 by vectorised, multi-threaded C++."""

    name = "cpp"
    kernels: ClassVar[dict[str, tuple[str, ...]]] = native.LADDERS
    small: ClassVar[dict[str, Callable]] = native.SMALL

    def set_num_threads(self, n: int) -> None:
        _cpu.set_num_threads(n)

    def get_num_threads(self) -> int:
        return _cpu.get_num_threads()

    def watch_kernels(self, recorder: native.Recorder | None) -> None:
        native.watch(recorder)
        type(self).small = {} if recorder else native.SMALL  # who watches sees all of them

    def use_pool(self, limit: int) -> None:
        """Let NumPy's arrays of this context live in blocks that are used again; ``limit`` bytes of free ones wait."""
        native.use_pool(limit)

    # optimisers, in place -------------------------------------------------------------------------
    def adam(
        self, params: list[Array], grads: list[Array], exp_avgs: list[Array], exp_avg_sqs: list[Array],
        lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, step: int, decoupled: bool = False,
    ) -> None:  # fmt: skip
        settings = (lr, beta1, beta2, eps, weight_decay, step, decoupled)
        try:
            return _cpu.adam(params, grads, exp_avgs, exp_avg_sqs, *settings)
        except (TypeError, ValueError):  # some are not for the kernel, which has not begun
            lists = _parted(params, grads, exp_avgs, exp_avg_sqs)
        for update, columns in zip((_cpu.adam, super().adam), lists, strict=True):
            if columns:
                update(columns[0], columns[1], columns[2], columns[3], *settings)

    def sgd(
        self, params: list[Array], grads: list[Array], velocities: list[Array] | None,
        lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool,
    ) -> None:  # fmt: skip
        settings = (lr, momentum, dampening, weight_decay, nesterov)
        try:
            return _cpu.sgd(params, grads, velocities, *settings)
        except (TypeError, ValueError):
            pass
        for update, lists in zip((_cpu.sgd, super().sgd), _parted(params, grads, velocities), strict=True):
            if lists:
                update(lists[0], lists[1], lists[2] if velocities is not None else None, *settings)

    # random ---------------------------------------------------------------------------------------
    def philox(self, seed: int, offset: int, n: int) -> Array:
        out = np.empty(n, np.uint32)
        _cpu.philox(seed & _WORD, offset & _WORD, out)
        return out

    def dropout_mask(self, seed: int, offset: int, n: int, p: float) -> Array:
        out = np.empty(n, np.float32)
        threshold = math.ceil(float(np.float32(p)) * 2**24)  # of the words: u >= p for u = word 2^-24, exactly
        scale = np.float32(1) / np.float32(1 - p) if p < 1 else np.float32(1)
        _cpu.dropout_mask(seed & _WORD, offset & _WORD, threshold, scale, out)
        return out


def _parted(params: list[Array], grads: list[Array], *moments: list[Array] | None) -> tuple[list, list]:
    """The lists without the parameters that NumPy has to update, and the lists of these; empty where there are none."""
    rows = list(zip(params, grads, *[m for m in moments if m is not None], strict=True))
    here: list[tuple] = []
    elsewhere: list[tuple] = []
    for w, g, *rest in rows:
        whole = all([a.flags.c_contiguous and a.flags.aligned for a in (w, *rest)])
        (here if whole and fast(w, g, *rest) else elsewhere).append((w, ready(g), *rest))
    return [list(column) for column in zip(*here, strict=True)], [list(c) for c in zip(*elsewhere, strict=True)]
