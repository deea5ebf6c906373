"""v4: a thread computes 8 numbers of a column of c, and keeps them in registers; see ``v4_register_1d.cu``."""

from ..shim import at, cuda, float32, kernel
from .panel import fill

BM, BN, BK, TM = 64, 64, 8, 8
THREADS = BM // TM * BN
LONG_A, LONG_B = BM + 4, BN + 4  # constants: Numba wants the sizes of shared arrays so


@kernel
def matmul_v4_register_1d(a, b, c, M, N, K, a_row, a_col, a_batch, b_row, b_col, b_batch):
    tile_a = cuda.shared.array((BK, LONG_A), float32)
    tile_b = cuda.shared.array((BK, LONG_B), float32)
    z, i0, j0 = cuda.blockIdx.z, cuda.blockIdx.x * BM, cuda.blockIdx.y * BN
    i, j = cuda.threadIdx.x // BN * TM, cuda.threadIdx.x % BN
    total = cuda.local.array(TM, float32)
    for r in range(TM):
        total[r] = 0
    for k0 in range(0, K, BK):
        fill(tile_a, THREADS, BM, BK, a, z * a_batch, M, K, a_row, a_col, i0, k0)
        fill(tile_b, THREADS, BN, BK, b, z * b_batch, N, K, b_col, b_row, j0, k0)
        cuda.syncthreads()
        for k in range(BK):
            y = tile_b[k, j]
            for r in range(TM):
                total[r] += tile_a[k, i + r] * y
        cuda.syncthreads()
    for r in range(TM):
        if i0 + i + r < M and j0 + j < N:
            c[at((z * M + i0 + i + r) * N + j0 + j)] = total[r]
