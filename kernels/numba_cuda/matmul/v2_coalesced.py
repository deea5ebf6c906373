"""v2: x and y change places: a thread's neighbour computes the number to the right; see ``v2_coalesced.cu``."""

from ..shim import at, cuda, float32, kernel


@kernel
def matmul_v2_coalesced(a, b, c, M, N, K, a_row, a_col, a_batch, b_row, b_col, b_batch):
    z = cuda.blockIdx.z
    i = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    j = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if i >= M or j >= N:
        return
    total = float32(0)
    for k in range(K):
        total += a[at(z * a_batch + i * a_row + k * a_col)] * b[at(z * b_batch + k * b_row + j * b_col)]
    c[at((z * M + i) * N + j)] = total
