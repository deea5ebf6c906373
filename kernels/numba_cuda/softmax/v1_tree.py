"""Softmax of each row, or its logarithm. First rung: trees in shared memory; see ``v1_tree.cu``."""

import math

from ..block import larger
from ..shim import at, cuda, float32, kernel
from .result import softmax_of

THREADS = 256


@kernel
def softmax_v1_tree(x, y, rows, n, logarithm):
    part = cuda.shared.array(THREADS, float32)
    start = cuda.blockIdx.x * n
    top = float32(-math.inf)
    for i in range(cuda.threadIdx.x, n, THREADS):
        top = larger(x[at(start + i)], top)
    part[cuda.threadIdx.x] = top
    cuda.syncthreads()
    half = THREADS // 2
    while half > 0:
        if cuda.threadIdx.x < half:
            part[cuda.threadIdx.x] = larger(part[cuda.threadIdx.x], part[cuda.threadIdx.x + half])
        cuda.syncthreads()
        half //= 2
    top = part[0]
    cuda.syncthreads()  # all have read it: the sums may take its place
    total = float32(0)
    for i in range(cuda.threadIdx.x, n, THREADS):
        total += math.exp(x[at(start + i)] - top)
    part[cuda.threadIdx.x] = total
    cuda.syncthreads()
    half = THREADS // 2
    while half > 0:
        if cuda.threadIdx.x < half:
            part[cuda.threadIdx.x] += part[cuda.threadIdx.x + half]
        cuda.syncthreads()
        half //= 2
    for i in range(cuda.threadIdx.x, n, THREADS):
        y[at(start + i)] = softmax_of(x[at(start + i)], top, part[0], logarithm)
