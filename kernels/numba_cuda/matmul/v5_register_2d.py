"""v5: a thread computes an 8 x 8 square of c; see ``v5_register_2d.cu``."""

from ..shim import at, cuda, float32, kernel
from .panel import fill

BM, BN, BK, TM, TN = 128, 128, 8, 8, 8
THREADS = BM // TM * (BN // TN)
LONG_A, LONG_B = BM + 4, BN + 4  # constants: Numba wants the sizes of shared arrays so


@kernel
def matmul_v5_register_2d(a, b, c, M, N, K, a_row, a_col, a_batch, b_row, b_col, b_batch):
    tile_a = cuda.shared.array((BK, LONG_A), float32)
    tile_b = cuda.shared.array((BK, LONG_B), float32)
    z, i0, j0 = cuda.blockIdx.z, cuda.blockIdx.x * BM, cuda.blockIdx.y * BN
    i, j = cuda.threadIdx.x // (BN // TN) * TM, cuda.threadIdx.x % (BN // TN) * TN
    total = cuda.local.array((TM, TN), float32)
    x = cuda.local.array(TM, float32)
    y = cuda.local.array(TN, float32)
    for r in range(TM):
        for s in range(TN):
            total[r, s] = 0
    for k0 in range(0, K, BK):
        fill(tile_a, THREADS, BM, BK, a, z * a_batch, M, K, a_row, a_col, i0, k0)
        fill(tile_b, THREADS, BN, BK, b, z * b_batch, N, K, b_col, b_row, j0, k0)
        cuda.syncthreads()
        for k in range(BK):
            for r in range(TM):
                x[r] = tile_a[k, i + r]
            for s in range(TN):
                y[s] = tile_b[k, j + s]
            for r in range(TM):
                for s in range(TN):
                    total[r, s] += x[r] * y[s]
        cuda.syncthreads()
    for r in range(TM):
        for s in range(TN):
            if i0 + i + r < M and j0 + j + s < N:
                c[at((z * M + i0 + i + r) * N + j0 + j + s)] = total[r, s]
