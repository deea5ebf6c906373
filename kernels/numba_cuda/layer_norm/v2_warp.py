"""Layer norm of each row: see ``v1_tree``. Second rung: warp shuffles in place of the trees; see ``v2_warp.cu``."""

from ..block import WARP, sum_of_block
from ..norm import statistics
from ..shim import at, cuda, float32, kernel

THREADS = 256


@kernel
def layer_norm_v2_warp(x, weight, bias, y, mean, rstd, rows, n, eps):
    shared = cuda.shared.array(WARP, float32)
    row, start = cuda.blockIdx.x, cuda.blockIdx.x * n
    total, d_sum, d2_sum = float32(0), float32(0), float32(0)
    for i in range(cuda.threadIdx.x, n, THREADS):
        total += x[at(start + i)]
    high = sum_of_block(total, shared) / float32(n)
    for i in range(cuda.threadIdx.x, n, THREADS):
        d = x[at(start + i)] - high
        d_sum += d
        d2_sum += d * d
    d_sum = sum_of_block(d_sum, shared)
    low, scale = statistics(d_sum, sum_of_block(d2_sum, shared), n, eps)
    for i in range(cuda.threadIdx.x, n, THREADS):
        value = ((x[at(start + i)] - high) - low) * scale
        if weight is not None:
            value *= weight[at(i)]
        if bias is not None:
            value += bias[at(i)]
        y[at(start + i)] = value
    if cuda.threadIdx.x == 0:
        mean[2 * row], mean[2 * row + 1], rstd[row] = high, low, scale
