"""The sum of each row: x (rows, n) -> y (rows). Second rung: warp shuffles; see ``v2_warp.cu``."""

from ..block import WARP, sum_of_block
from ..shim import at, cuda, float32, kernel

THREADS = 256


@kernel
def reduce_v2_warp(x, y, rows, n):
    shared = cuda.shared.array(WARP, float32)
    start = cuda.blockIdx.x * n
    total = float32(0)
    for i in range(cuda.threadIdx.x, n, THREADS):
        total += x[at(start + i)]
    total = sum_of_block(total, shared)
    if cuda.threadIdx.x == 0:
        y[cuda.blockIdx.x] = total
