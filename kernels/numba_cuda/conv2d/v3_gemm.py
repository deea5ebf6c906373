"""Convolution and its two gradients. Third rung: implicit GEMM with shared tiles; see ``v3_gemm.cu``."""

from typing import Any

from ..shim import cuda, device, float32, kernel
from .conv import FORWARD, INPUT, WEIGHT, Conv, Problem

TILE, LONG = 16, 17


def product(problem: Problem) -> Any:
    """The kernels' body for one of the three: what ``product<Problem>`` is in C++."""
    share, a, b, store, along_k = problem

    @device
    def of(conv, left, right, out, splits):
        tile_a = cuda.shared.array((TILE, LONG), float32)
        tile_b = cuda.shared.array((TILE, LONG), float32)
        s = share(conv, splits)
        tx, ty = cuda.threadIdx.x % TILE, cuda.threadIdx.x // TILE
        row, column = cuda.blockIdx.y * TILE + ty, cuda.blockIdx.x * TILE + tx
        if cuda.blockIdx.x * TILE >= s.columns or cuda.blockIdx.y * TILE >= s.rows:
            return  # all threads of the block alike
        bk, bc = (tx, ty) if along_k else (ty, tx)
        m = cuda.blockIdx.x * TILE + bc
        total = float32(0)
        for k0 in range(s.begin, s.end, TILE):
            # thread (ty, tx) loads a[row ty, k tx]; of b what lies side by side in memory: (k ty, column tx), or turned
            if row < s.rows and k0 + tx < s.end:
                tile_a[ty, tx] = a(conv, s, left, row, k0 + tx)
            else:
                tile_a[ty, tx] = 0
            if m < s.columns and k0 + bk < s.end:
                tile_b[bk, bc] = b(conv, s, right, m, k0 + bk)
            else:
                tile_b[bk, bc] = 0
            cuda.syncthreads()
            for k in range(TILE):
                total += tile_a[ty, k] * tile_b[k, tx]
            cuda.syncthreads()
        if row < s.rows and column < s.columns:
            store(conv, s, out, row, column, total)

    return of


forward, of_input, of_weight = product(FORWARD), product(INPUT), product(WEIGHT)


@kernel
def conv2d_v3_gemm(x, w, y, N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups):  # noqa: E741
    forward(Conv(N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups), w, x, y, 1)


@kernel
def conv2d_input_v3_gemm(g, w, dx, N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups):  # noqa: E741
    of_input(Conv(N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups), w, g, dx, 1)


@kernel
def conv2d_weight_v3_gemm(
    g, x, parts, N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups, splits  # noqa: E741
):  # fmt: skip
    of_weight(Conv(N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups), g, x, parts, splits)
