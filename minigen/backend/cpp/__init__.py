"""The C++ backend: NumpyBackend with the float32 kernels of ``minigen._cpu`` in place of NumPy's.

What it overrides is the list of what it accelerates, by kind in the files of this folder. Any other dtype, and whatever
the kernels do not cover, goes to ``super()``. There is no size below which NumPy is preferred: a call costs 0.6
microseconds, output included, as much as ``np.maximum``.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from . import native
from .arrays import Array, fast, ready
from .attention import HeadAttention
from .native import kernels as _cpu
from .norm import Norm
from .pointwise import Pointwise
from .probability import Probability
from .products import Products
from .recurrent import Sequences

_WORD = (1 << 64) - 1


class CppBackend(Products, Pointwise, Norm, Probability, HeadAttention, Sequences):
    """NumpyBackend, accelerated for float32 by vectorised, multi-threaded C++."""

    name = "cpp"
    kernels: ClassVar[dict[str, tuple[str, ...]]] = native.LADDERS

    def set_num_threads(self, n: int) -> None:
        _cpu.set_num_threads(n)

    def get_num_threads(self) -> int:
        return _cpu.get_num_threads()

    def watch_kernels(self, recorder: native.Recorder | None) -> None:
        native.watch(recorder)

    # optimisers, in place -------------------------------------------------------------------------
    def adam(
        self, params: list[Array], grads: list[Array], exp_avgs: list[Array], exp_avg_sqs: list[Array],
        lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, step: int,
    ) -> None:  # fmt: skip
        here, elsewhere = [], []
        for w, g, m, v in zip(params, grads, exp_avgs, exp_avg_sqs, strict=True):
            whole = all(a.flags.c_contiguous and a.flags.aligned for a in (w, m, v))
            if whole and fast(w, g, m, v):
                here.append((w, ready(g), m, v))
            else:
                elsewhere.append((w, g, m, v))
        for rows, update in ((here, _cpu.adam), (elsewhere, super().adam)):
            if rows:
                columns = [list(column) for column in zip(*rows, strict=True)]
                update(columns[0], columns[1], columns[2], columns[3], lr, beta1, beta2, eps, weight_decay, step)

    # random ---------------------------------------------------------------------------------------
    def philox(self, seed: int, offset: int, n: int) -> Array:
        out = np.empty(n, np.uint32)
        _cpu.philox(seed & _WORD, offset & _WORD, out)
        return out
