"""v1: a thread computes one number of c = a b, and its neighbour the one below; see ``v1_naive.cu``."""

from ..shim import at, cuda, float32, kernel


@kernel
def matmul_v1_naive(a, b, c, M, N, K, a_row, a_col, a_batch, b_row, b_col, b_batch):
    z = cuda.blockIdx.z
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    j = cuda.blockIdx.y * cuda.blockDim.y + cuda.threadIdx.y
    if i >= M or j >= N:
        return
    total = float32(0)
    for k in range(K):
        total += a[at(z * a_batch + i * a_row + k * a_col)] * b[at(z * b_batch + k * b_row + j * b_col)]
    c[at((z * M + i) * N + j)] = total
