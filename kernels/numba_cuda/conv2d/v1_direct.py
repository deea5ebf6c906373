"""Convolution and its two gradients. First rung: one thread makes one element; see ``v1_direct.cu``."""

from typing import Any

from ..shim import cuda, device, float32, kernel
from .conv import FORWARD, INPUT, WEIGHT, Conv, Problem


def product(problem: Problem) -> Any:
    """The kernels' body for one of the three: what ``product<Problem>`` is in C++."""
    share, a, b, store, _ = problem

    @device
    def of(conv, left, right, out, splits):
        s = share(conv, splits)
        column, row = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x, cuda.blockIdx.y
        if column >= s.columns or row >= s.rows:
            return
        total, chain = float32(0), float32(0)
        for k in range(s.begin, s.end):
            chain += a(conv, s, left, row, k) * b(conv, s, right, column, k)
            if (k - s.begin) % 64 == 63:  # short chains of additions: fewer digits are lost
                total, chain = total + chain, float32(0)
        store(conv, s, out, row, column, total + chain)

    return of


forward, of_input, of_weight = product(FORWARD), product(INPUT), product(WEIGHT)


@kernel
def conv2d_v1_direct(x, w, y, N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups):  # noqa: E741
    forward(Conv(N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups), w, x, y, 1)


@kernel
def conv2d_input_v1_direct(g, w, dx, N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups):  # noqa: E741
    of_input(Conv(N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups), w, g, dx, 1)


@kernel
def conv2d_weight_v1_direct(
    g, x, parts, N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups, splits  # noqa: E741
):  # fmt: skip
    of_weight(Conv(N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups), g, x, parts, splits)
