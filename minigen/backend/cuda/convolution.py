"""Convolution and its two gradients: the rungs of the conv2d ladder, or im2col and one product of CuPy's."""

from __future__ import annotations

import functools
import math
from typing import Any

from ..conv import output_size
from .channels import Channels
from .composed import Array
from .rows import F32

Pair = tuple[int, int]
# rung -> rows and columns of the result that a block makes, and its threads
_TILES = {
    "v1_direct": (1, 256, 256), "v3_gemm": (16, 16, 256), "v4_warp": (64, 128, 128), "v5_tf32": (64, 128, 128),
}  # fmt: skip
_GATHERED = ("v4_warp", "v5_tf32")  # gather.cuh: k in shares, and the weights turned for the input gradient
_FEW, _THIN = 4, (1, 32, 128)  # of so few rows thin.cu makes all in a block
_MOST = 2**31  # elements of an array: offsets have 32 bits


class Convolution(Channels):
    """The part of CudaBackend that convolves."""

    def conv2d(self, x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
        rung = self.rung("conv2d")
        if rung is None or x.dtype != F32 or w.dtype != F32 or max(x.size, w.size) >= _MOST:
            return super().conv2d(x, w, stride, padding, dilation, groups)
        x, w, y, sizes = self._convolved(x, w, stride, padding, dilation, groups)
        if rung in _GATHERED:
            return self._gathered(rung, x, w, y, sizes, groups)
        N, _, _, _, OC, KH, KW, OH, OW = sizes[:9]
        patch = [15 * s + (k - 1) * d + 1 for s, k, d in zip(stride, (KH, KW), dilation, strict=True)]
        shared = 4 * (patch[0] * patch[1] + 8 * KH * KW)
        if rung == "v2_shared" and shared <= 48 << 10:
            grid = (-(-OH // 16) * -(-OW // 16), groups * -(-(OC // groups) // 8), N)
            self.launch("conv2d/v2_shared", "conv2d_v2_shared", grid, (256,), [x, w, y, *sizes], shared)
            return y
        if rung == "v2_shared":  # a patch that no multiprocessor can hold
            rung = "v1_direct"
        grid, block = _grid(_TILES[rung], OC // groups, N * OH * OW, groups)
        self.launch(f"conv2d/{rung}", f"conv2d_{rung}", grid, block, [x, w, y, *sizes])
        return y

    def _gathered(
        self, rung: str, x: Array, w: Array, y: Array, sizes: tuple, groups: int, bias: Array | None = None,
        slope: float = 1.0,
    ) -> Array:  # fmt: skip
        rows, columns, k = len(w) // groups, y.size // max(len(w), 1), w.size // max(len(w), 1)
        thin = rows <= _FEW
        grid, block = _grid(_THIN if thin else _TILES[rung], 1 if thin else rows, columns, groups)
        splits = self._thin_splits(grid, k) if thin else self._splits(grid, k, y.size)
        whole = splits == 1  # else the bias comes when the parts are added
        out, grid = y if whole else self.xp.empty((splits, *y.shape), F32), (*grid[:2], groups * splits)
        args = [x, w, out, *sizes]
        if thin:
            args += [bias, slope] if whole else [None, 1.0]
            self.launch("conv2d/thin", "conv2d_thin", grid, block, args)
        elif whole and bias is not None:
            self.launch(f"conv2d/{rung}", f"conv2d_bias_{rung}", grid, block, [*args, bias, slope])
        else:
            self.launch(f"conv2d/{rung}", f"conv2d_{rung}", grid, block, args)
        return y if whole else self._added_parts(out, y, bias, slope)

    def _splits(self, grid: tuple[int, ...], k: int, size: int) -> int:
        """Among how many blocks to deal out k, so that all multiprocessors have work."""
        return _shares(math.prod(grid), k, size, self.launcher.multiprocessors)

    def _thin_splits(self, grid: tuple[int, ...], k: int) -> int:
        """The same for thin.cu: some eight blocks for each multiprocessor, with 128 of k or more."""
        return max(1, min(k // 128, 8 * self.launcher.multiprocessors // max(1, math.prod(grid))))

    def _added_parts(self, parts: Array, y: Array, bias: Array | None = None, slope: float = 1.0) -> Array:
        if bias is None and len(parts) > 16:
            return self.columns(parts, len(parts), y.size).reshape(y.shape)
        channels, area = (y.shape[1], math.prod(y.shape[2:])) if bias is not None else (1, 1)
        args = [parts, y, len(parts), y.size, bias, channels, area, slope]
        self.launch("conv2d/parts", "conv2d_parts", (-(-y.size // 1024),), (256,), args)
        return y

    def conv2d_bias(
        self, x: Array, w: Array, bias: Array, slope: float,
        stride: Pair, padding: Pair, dilation: Pair, groups: int,
    ) -> Array:  # fmt: skip
        """max(v, slope v) for v = conv2d(x, w) + bias in one kernel: slope 1 leaves v, 0.2 is a leaky ReLU, 0 is ReLU.

        Always our own, in float32: what the report for a GPU compares with a convolution and a pass behind it.
        """
        if x.dtype != F32 or w.dtype != F32 or bias.dtype != F32 or bias.shape != w.shape[:1] or not 0 <= slope <= 1:
            raise ValueError(
                f"conv2d_bias: needs float32, a bias for each of {len(w)} channels and 0 <= slope <= 1, got {x.dtype},"
                f" {w.dtype}, a bias of {bias.dtype} {bias.shape} and slope {slope}"
            )
        x, w, y, sizes = self._convolved(x, w, stride, padding, dilation, groups)
        return self._gathered("v4_warp", x, w, y, sizes, groups, self.ready(bias), slope)

    def biased_conv2d(
        self, x: Array, w: Array, b: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> tuple[Array, Any]:
        ours = x.dtype == w.dtype == b.dtype == F32 and max(x.size, w.size) < _MOST
        if self.rung("conv2d") != "v4_warp" or not ours:
            return super().biased_conv2d(x, w, b, stride, padding, dilation, groups)
        how = (stride, padding, dilation, groups)
        return self.conv2d_bias(x, w, b, 1.0, *how), (x, w, how)

    def _convolved(self, x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
        """(x, w, the result to be written, the sizes that the kernels take)"""
        _fit(x.shape, w.shape, None, stride, padding, dilation, groups)
        (N, C, H, W), (OC, _, KH, KW) = x.shape, w.shape
        OH, OW = output_size((H, W), (KH, KW), stride, padding, dilation)
        sizes = (N, C, H, W, OC, KH, KW, OH, OW, *stride, *padding, *dilation, groups)
        return self.ready(x), self.ready(w), self.xp.empty((N, OC, OH, OW), F32), sizes

    def conv2d_input(
        self, g: Array, w: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> Array:
        rung = self.rung("conv2d_input")
        most = max(g.size, w.size, len(g) * w.shape[1] * groups * math.prod(size))
        if rung is None or g.dtype != F32 or w.dtype != F32 or most >= _MOST:
            return super().conv2d_input(g, w, size, stride, padding, dilation, groups)
        _fit((len(g), w.shape[1] * groups, *size), w.shape, g.shape, stride, padding, dilation, groups)
        g, w = self.ready(g), self.ready(w)
        (N, OC, OH, OW), (_, channels, KH, KW), (H, W) = g.shape, w.shape, size
        dx = self.xp.empty((N, channels * groups, H, W), F32)
        sizes = (N, channels * groups, H, W, OC, KH, KW, OH, OW, *stride, *padding, *dilation, groups)
        places = N * -(-H // stride[0]) * -(-W // stride[1])  # of the largest class modulo the stride
        classes = groups * stride[0] * stride[1]
        k, thin = OC // groups * -(-KH // stride[0]) * -(-KW // stride[1]), rung in _GATHERED and channels <= _FEW
        grid, block = _grid(_THIN if thin else _TILES[rung], 1 if thin else channels, places, classes)
        if rung not in _GATHERED:
            self.launch(f"conv2d/{rung}", f"conv2d_input_{rung}", grid, block, [g, w, dx, *sizes])
            return dx
        splits = self._thin_splits(grid, k) if thin else self._splits(grid, k, dx.size)
        out = dx if splits == 1 else self.xp.empty((splits, *dx.shape), F32)
        grid = (*grid[:2], classes * splits)
        if thin:
            self.launch("conv2d/thin", "conv2d_input_thin", grid, block, [g, w, out, *sizes])
        else:
            args = [g, self.ready(w.transpose(2, 3, 0, 1)), out, *sizes]
            self.launch(f"conv2d/{rung}", f"conv2d_input_{rung}", grid, block, args)
        return dx if splits == 1 else self._added_parts(out, dx)

    def conv2d_weight(
        self, g: Array, x: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> Array:
        rung = self.rung("conv2d_weight")
        if rung is None or g.dtype != F32 or x.dtype != F32 or max(g.size, x.size) >= _MOST:
            return super().conv2d_weight(g, x, size, stride, padding, dilation, groups)
        _fit(x.shape, (g.shape[1], x.shape[1] // groups, *size), g.shape, stride, padding, dilation, groups)
        g, x = self.ready(g), self.ready(x)
        (N, OC, OH, OW), (_, C, H, W), (KH, KW) = g.shape, x.shape, size
        rows, columns = OC // groups, C // groups * KH * KW
        grid, block = _grid(_TILES[rung], rows, columns, groups)
        if rung in _GATHERED:
            splits = self._splits(grid, N * OH * OW, OC * columns)
        else:
            splits = max(1, min(64, N * OH * OW // 256, 512 // max(1, math.prod(grid))))
        parts = self.xp.empty((splits, OC, C // groups, *size), F32)
        sizes = (N, C, H, W, OC, KH, KW, OH, OW, *stride, *padding, *dilation, groups, splits)
        grid = (*grid[:2], groups * splits)
        self.launch(f"conv2d/{rung}", f"conv2d_weight_{rung}", grid, block, [g, x, parts, *sizes])
        return parts[0] if splits == 1 else self._added_parts(parts, self.xp.empty(parts.shape[1:], F32))


@functools.cache
def _shares(blocks: int, k: int, size: int, multiprocessors: int) -> int:
    """The number of shares of k that should take least time, for a result of ``size`` elements and ``blocks`` blocks.

    A step of k takes a multiprocessor 0.12, 0.16 or 0.24 us for one, two or three blocks, and more blocks come later; a
    block begins and ends in the time of 48 steps; adding up the shares takes 3 us and their bytes at 3 TB/s. (So it was
    measured on an H200, of 64 x 128 elements a block.)
    """

    def microseconds(shares: int) -> float:
        load = -(-blocks * shares // multiprocessors)
        step = 0.24 * (load // 3) + (0.0, 0.12, 0.16)[load % 3]
        adding = 3 + (shares + 1) * size * 4 / 3e6 if shares > 1 else 0
        return (k / shares + 48) * step + adding

    return min(range(1, max(1, min(512, k // 32)) + 1), key=microseconds)


def _fit(x: Any, w: Any, g: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
    """A ValueError unless the three shapes are those of one convolution: a kernel would read beside an array."""
    out = output_size(x[2:], w[2:], stride, padding, dilation)
    if x[1] != w[1] * groups or w[0] % groups or min(out) < 1 or (g is not None and g != (x[0], w[0], *out)):
        raise ValueError(f"input {x}, weight {w} and output {g or (x[0], w[0], *out)} are not those of one convolution")


def _grid(tile: tuple[int, int, int], rows: int, columns: int, groups: int) -> tuple[tuple[int, int, int], tuple[int]]:
    high, wide, threads = tile
    return (-(-columns // wide), -(-rows // high), groups), (threads,)
