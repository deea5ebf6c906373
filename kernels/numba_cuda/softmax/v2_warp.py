"""Softmax of each row, or its logarithm. Second rung: warp shuffles; see ``v2_warp.cu``."""

import math

from ..block import WARP, larger, max_of_block, sum_of_block
from ..shim import at, cuda, float32, kernel
from .result import softmax_of

THREADS = 256


@kernel
def softmax_v2_warp(x, y, rows, n, logarithm):
    shared = cuda.shared.array(WARP, float32)
    start = cuda.blockIdx.x * n
    top = float32(-math.inf)
    for i in range(cuda.threadIdx.x, n, THREADS):
        top = larger(top, x[at(start + i)])
    top = max_of_block(top, shared, float32(-math.inf))
    total = float32(0)
    for i in range(cuda.threadIdx.x, n, THREADS):
        total += math.exp(x[at(start + i)] - top)
    total = sum_of_block(total, shared)
    for i in range(cuda.threadIdx.x, n, THREADS):
        y[at(start + i)] = softmax_of(x[at(start + i)], top, total, logarithm)
