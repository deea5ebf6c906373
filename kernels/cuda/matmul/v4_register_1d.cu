// v4: a thread computes 8 numbers of a column of c, and keeps them in registers.
//
// Why it gains: v3 loads two numbers from shared memory for every fma, and shared memory can't deliver that many. Here one
// number of b is loaded once and multiplied with 8 of a: 9 loads for 8 fmas instead of 16. The tiles are 64 x 8 and
// 8 x 64, so that each number fetched from global memory is used 64 times. Expect about 2.8 times v3 (Boehm 2022,
// "1D blocktiling"). What is left: still more than one load for each fma.
#include "panel.cuh"

constexpr int BM = 64, BN = 64, BK = 8, TM = 8, THREADS = BM / TM * BN;

extern "C" __global__ void __launch_bounds__(THREADS)
    matmul_v4_register_1d(const float* a, const float* b, float* c, int M, int N, int K, int a_row, int a_col,
                          long long a_batch, int b_row, int b_col, long long b_batch) {
    __shared__ float tile_a[BK][BM + 4], tile_b[BK][BN + 4];  // 4 more: 8 numbers of a row land in 8 banks
    const Panel rows = {a + blockIdx.z * a_batch, M, K, a_row, a_col};
    const Panel columns = {b + blockIdx.z * b_batch, N, K, b_col, b_row};
    const int i0 = blockIdx.x * BM, j0 = blockIdx.y * BN, i = threadIdx.x / BN * TM, j = threadIdx.x % BN;
    float sum[TM] = {};
    for (int k0 = 0; k0 < K; k0 += BK) {
        fill<THREADS, BM>(tile_a, rows, i0, k0);
        fill<THREADS, BN>(tile_b, columns, j0, k0);
        __syncthreads();
        for (int k = 0; k < BK; ++k) {
            const float y = tile_b[k][j];
            for (int r = 0; r < TM; ++r) sum[r] += tile_a[k][i + r] * y;
        }
        __syncthreads();
    }
    c += (long long)blockIdx.z * M * N;
    for (int r = 0; r < TM; ++r)
        if (i0 + i + r < M && j0 + j < N) c[(long long)(i0 + i + r) * N + j0 + j] = sum[r];
}
