"""The sum of each row: x (rows, n) -> y (rows). First rung: a tree in shared memory; see ``v1_tree.cu``."""

from ..shim import at, cuda, float32, kernel

THREADS = 256


@kernel
def reduce_v1_tree(x, y, rows, n):
    part = cuda.shared.array(THREADS, float32)
    start = cuda.blockIdx.x * n
    total = float32(0)
    for i in range(cuda.threadIdx.x, n, THREADS):
        total += x[at(start + i)]
    part[cuda.threadIdx.x] = total
    cuda.syncthreads()
    half = THREADS // 2
    while half > 0:
        if cuda.threadIdx.x < half:
            part[cuda.threadIdx.x] += part[cuda.threadIdx.x + half]
        cuda.syncthreads()
        half //= 2
    if cuda.threadIdx.x == 0:
        y[cuda.blockIdx.x] = part[0]
