"""Products of matrices by the rungs of the matmul ladder, and Adam for all parameters in one launch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .composed import Array
from .convolution import Convolution
from .rows import F32

_MOST = 65535  # blocks along z of one launch
_CHUNK = 4096  # elements of a parameter that a block updates; adam.cu says the same
_KEPT = 8  # tables of addresses: a training loop's optimisers


class Updates(Convolution):
    """The part of CudaBackend that multiplies matrices and updates parameters."""

    def matmul(self, x: Array, y: Array) -> Array:
        rung = self.rung("matmul")
        if rung is None or x.dtype != F32 or y.dtype != F32 or not x.size or not y.size:
            return super().matmul(x, y)
        from minigen.kernels.cuda.matmul import fitting

        a, b = (x[None] if x.ndim == 1 else x), (y[:, None] if y.ndim == 1 else y)
        if a.shape[-1] != b.shape[-2]:
            raise ValueError(f"matrices of the shapes {x.shape} and {y.shape} have no product: inner sizes differ")
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        (M, K), N = a.shape[-2:], b.shape[-1]
        out = self.xp.empty((*lead, M, N), F32)
        batches = out.size // (M * N)
        (a, a_batch), (b, b_batch) = (self._stacked(m, lead) for m in (a, b))
        a_row, a_col, b_row, b_col = (s // 4 for s in (*a.strides[-2:], *b.strides[-2:]))
        planes = out.reshape(batches, M, N)
        for start in range(0, batches, _MOST):
            some = planes[start : start + _MOST]
            chosen = fitting(rung, M, N, len(some), self.launcher.multiprocessors)
            grid, block, shared = chosen.launch(M, N, len(some))
            views = [m if not step else m.reshape(batches, *m.shape[-2:])[start:] if start else m
                     for m, step in ((a, a_batch), (b, b_batch))]  # fmt: skip
            args = [*views, some, M, N, K, a_row, a_col, a_batch, b_row, b_col, b_batch]
            self.launcher(f"matmul/{rung}", chosen.kernel, grid, block, args, shared, views=True)
        out = out[..., 0] if y.ndim == 1 else out
        return out[..., 0, :] if x.ndim == 1 and y.ndim > 1 else out[..., 0] if x.ndim == 1 else out

    def _stacked(self, a: Array, lead: tuple[int, ...]) -> tuple[Array, int]:
        """A stack of matrices and the distance from one to the next in elements: 0 for one matrix that serves all.

        A view serves as it is while its strides are not negative and its stack is evenly spaced; others are copied.
        """
        if min(a.strides, default=0) < 0 or any(s % 4 for s in a.strides):
            a = a.copy()
        if a.ndim == 2:
            return a, 0
        if a.size == a.shape[-2] * a.shape[-1] and a.shape[:-2] != lead:
            return a.reshape(a.shape[-2:]), 0
        if a.shape[:-2] != lead:
            a = self.xp.broadcast_to(a, (*lead, *a.shape[-2:])).copy()
        inner = a.strides[-3]
        for k in range(a.ndim - 3):
            if a.shape[k] > 1 and a.strides[k] != inner * np.prod(a.shape[k + 1 : -2], dtype=np.int64):
                a = a.copy()
                break
        return a, a.strides[-3] // 4

    def adam(
        self, params: list[Array], grads: list[Array], exp_avgs: list[Array], exp_avg_sqs: list[Array],
        lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, step: int, decoupled: bool = False,
    ) -> None:  # fmt: skip
        rows = list(zip(params, grads, exp_avgs, exp_avg_sqs, strict=True))
        fits = all(a.dtype == F32 for row in rows for a in row)
        fits = fits and all(a.flags.c_contiguous for w, _, m, v in rows for a in (w, m, v))
        if self.rung("adam") is None or not fits:
            super().adam(params, grads, exp_avgs, exp_avg_sqs, lr, beta1, beta2, eps, weight_decay, step, decoupled)
            return
        rows = [(w, self.ready(g), m, v) for w, g, m, v in rows if w.size]
        if not rows:
            return
        columns = list(zip(*rows, strict=True))
        addresses = tuple([self.launcher.address(a) for column in columns for a in column])
        table, where, sizes = self._tables(addresses, tuple([w.size for w in columns[0]]))
        args = [table, where, sizes, len(sizes), self.hyper(lr, step), beta1, beta2, eps, weight_decay, decoupled]
        self.launcher("adam/adam", "adam", (len(where),), (256,), args, reachable=[a for row in rows for a in row])

    def _tables(self, addresses: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[Array, Array, Array]:
        """(the arrays' addresses, the chunks as (parameter, chunk), the sizes) on the GPU, those of late kept."""
        if self.capture is None and (kept := self.tables.get((addresses, sizes))):
            return kept
        where = [(p, c) for p, n in enumerate(sizes) for c in range(-(-n // _CHUNK))]
        made = tuple([self.upload(np.array(a, kind)) for a, kind in
                      ((addresses, np.uint64), (where, np.int32), (sizes, np.int32))])  # fmt: skip
        if self.capture is None:
            if len(self.tables) >= _KEPT:
                self.tables.pop(next(iter(self.tables)))
            self.tables[addresses, sizes] = made
        return made

    def hyper(self, lr: float, step: int) -> Any:
        """(lr, step) in the GPU's memory. A captured step counts by itself, from one step before."""
        if self.capture is None:
            return self.upload(np.array([lr, step], np.float64))
        hyper = self.capture.upload(np.array([lr, step - 1], np.float64))
        self.launch("adam/adam", "advance", (1,), (1,), [hyper, None, 0])
        self.capture.hypers.append((hyper, self.capture.group()))
        return hyper
