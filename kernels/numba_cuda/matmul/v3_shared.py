"""v3: the block's threads fetch a tile of a and a tile of b together, and all use both; see ``v3_shared.cu``."""

from ..shim import at, cuda, float32, kernel
from .panel import fill

T, LONG = 32, 33  # the odd length spreads columns over the banks


@kernel
def matmul_v3_shared(a, b, c, M, N, K, a_row, a_col, a_batch, b_row, b_col, b_batch):
    tile_a = cuda.shared.array((T, LONG), float32)
    tile_b = cuda.shared.array((T, LONG), float32)
    z, i0, j0 = cuda.blockIdx.z, cuda.blockIdx.x * T, cuda.blockIdx.y * T
    i, j = cuda.threadIdx.x // T, cuda.threadIdx.x % T
    total = float32(0)
    for k0 in range(0, K, T):
        fill(tile_a, T * T, T, T, a, z * a_batch, M, K, a_row, a_col, i0, k0)
        fill(tile_b, T * T, T, T, b, z * b_batch, N, K, b_col, b_row, j0, k0)
        cuda.syncthreads()
        for k in range(T):
            total += tile_a[k, i] * tile_b[k, j]
        cuda.syncthreads()
    if i0 + i < M and j0 + j < N:
        c[at((z * M + i0 + i) * N + j0 + j)] = total
