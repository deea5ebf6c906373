"""Convolution and its two gradients: the rungs of the conv2d ladder, or im2col and one product of CuPy's."""

from __future__ import annotations

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
_TURNED = ("v4_warp", "v5_tf32")  # whose input gradient wants the weights as (KH, KW, O, C / groups)


class Convolution(Channels):
    """The part of CudaBackend that convolves."""

    def conv2d(self, x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
        rung = self.rung("conv2d")
        if rung is None or x.dtype != F32 or w.dtype != F32:
            return super().conv2d(x, w, stride, padding, dilation, groups)
        x, w, y, sizes = self._convolved(x, w, stride, padding, dilation, groups)
        N, _, _, _, OC, KH, KW, OH, OW = sizes[:9]
        patch = [15 * s + (k - 1) * d + 1 for s, k, d in zip(stride, (KH, KW), dilation, strict=True)]
        shared = 4 * (patch[0] * patch[1] + 8 * KH * KW)
        if rung == "v2_shared" and shared <= 48 << 10:
            grid = (-(-OH // 16) * -(-OW // 16), groups * -(-(OC // groups) // 8), N)
            self.launch("conv2d/v2_shared", "conv2d_v2_shared", grid, (256,), [x, w, y, *sizes], shared)
            return y
        if rung == "v2_shared":  # a patch that no multiprocessor can hold
            rung = "v1_direct"
        grid, block = _grid(rung, OC // groups, N * OH * OW, groups)
        self.launch(f"conv2d/{rung}", f"conv2d_{rung}", grid, block, [x, w, y, *sizes])
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
        grid, block = _grid("v4_warp", len(w) // groups, y.size // max(len(w), 1), groups)
        args = [x, w, y, *sizes, self.ready(bias), slope]
        self.launch("conv2d/v4_warp", "conv2d_bias_v4_warp", grid, block, args)
        return y

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
        if rung is None or g.dtype != F32 or w.dtype != F32:
            return super().conv2d_input(g, w, size, stride, padding, dilation, groups)
        _fit((len(g), w.shape[1] * groups, *size), w.shape, g.shape, stride, padding, dilation, groups)
        g, w = self.ready(g), self.ready(w)
        (N, OC, OH, OW), (_, channels, KH, KW), (H, W) = g.shape, w.shape, size
        dx = self.xp.empty((N, channels * groups, H, W), F32)
        sizes = (N, channels * groups, H, W, OC, KH, KW, OH, OW, *stride, *padding, *dilation, groups)
        places = N * -(-H // stride[0]) * -(-W // stride[1])  # of the largest class modulo the stride
        grid, block = _grid(rung, channels, places, groups * stride[0] * stride[1])
        if rung in _TURNED:
            w = self.ready(w.transpose(2, 3, 0, 1))
        self.launch(f"conv2d/{rung}", f"conv2d_input_{rung}", grid, block, [g, w, dx, *sizes])
        return dx

    def conv2d_weight(
        self, g: Array, x: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> Array:
        rung = self.rung("conv2d_weight")
        if rung is None or g.dtype != F32 or x.dtype != F32:
            return super().conv2d_weight(g, x, size, stride, padding, dilation, groups)
        _fit(x.shape, (g.shape[1], x.shape[1] // groups, *size), g.shape, stride, padding, dilation, groups)
        g, x = self.ready(g), self.ready(x)
        (N, OC, OH, OW), (_, C, H, W), (KH, KW) = g.shape, x.shape, size
        rows, columns = OC // groups, C // groups * KH * KW
        (x_blocks, y_blocks, _), block = _grid(rung, rows, columns, groups)
        splits = max(1, min(64, N * OH * OW // 256, 512 // max(1, x_blocks * y_blocks * groups)))
        parts = self.xp.empty((splits, OC, columns), F32)
        sizes = (N, C, H, W, OC, KH, KW, OH, OW, *stride, *padding, *dilation, groups, splits)
        grid = (x_blocks, y_blocks, groups * splits)
        self.launch(f"conv2d/{rung}", f"conv2d_weight_{rung}", grid, block, [g, x, parts, *sizes])
        dw = parts if splits == 1 else self.columns(parts, splits, OC * columns)
        return dw.reshape(OC, C // groups, *size)


def _fit(x: Any, w: Any, g: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
    """A ValueError unless the three shapes are those of one convolution: a kernel would read beside an array."""
    out = output_size(x[2:], w[2:], stride, padding, dilation)
    if x[1] != w[1] * groups or w[0] % groups or min(out) < 1 or (g is not None and g != (x[0], w[0], *out)):
        raise ValueError(f"input {x}, weight {w} and output {g or (x[0], w[0], *out)} are not those of one convolution")


def _grid(rung: str, rows: int, columns: int, groups: int) -> tuple[tuple[int, int, int], tuple[int]]:
    high, wide, threads = _TILES[rung]
    return (-(-columns // wide), -(-rows // high), groups), (threads,)
