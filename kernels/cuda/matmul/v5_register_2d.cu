// v5: a thread computes an 8 x 8 square of c.
//
// Why it gains: 8 numbers of a and 8 of b, loaded once, are 64 fmas: a quarter of a load for each, where v4 needed more than
// a whole one. And the block's tile grows to 128 x 128, so that global memory is asked for half as many. 64 sums live in
// 64 registers of each thread. Expect about 1.9 times v4 (Boehm 2022, "2D blocktiling"). What is left: neighbouring lanes
// have columns 8 apart, so that four of them want the same bank of shared memory, and stores to c are no neighbours.
#include "panel.cuh"

constexpr int BM = 128, BN = 128, BK = 8, TM = 8, TN = 8, THREADS = BM / TM * (BN / TN);

extern "C" __global__ void __launch_bounds__(THREADS)
    matmul_v5_register_2d(const float* a, const float* b, float* c, int M, int N, int K, int a_row, int a_col,
                          long long a_batch, int b_row, int b_col, long long b_batch) {
    __shared__ float tile_a[BK][BM + 4], tile_b[BK][BN + 4];
    const Panel rows = {a + blockIdx.z * a_batch, M, K, a_row, a_col};
    const Panel columns = {b + blockIdx.z * b_batch, N, K, b_col, b_row};
    const int i0 = blockIdx.x * BM, j0 = blockIdx.y * BN;
    const int i = threadIdx.x / (BN / TN) * TM, j = threadIdx.x % (BN / TN) * TN;
    float sum[TM][TN] = {};
    for (int k0 = 0; k0 < K; k0 += BK) {
        fill<THREADS, BM>(tile_a, rows, i0, k0);
        fill<THREADS, BN>(tile_b, columns, j0, k0);
        __syncthreads();
        for (int k = 0; k < BK; ++k) {
            float x[TM], y[TN];
            for (int r = 0; r < TM; ++r) x[r] = tile_a[k][i + r];
            for (int s = 0; s < TN; ++s) y[s] = tile_b[k][j + s];
            for (int r = 0; r < TM; ++r)
                for (int s = 0; s < TN; ++s) sum[r][s] += x[r] * y[s];
        }
        __syncthreads();
    }
    c += (long long)blockIdx.z * M * N;
    for (int r = 0; r < TM; ++r)
        for (int s = 0; s < TN; ++s)
            if (i0 + i + r < M && j0 + j + s < N) c[(long long)(i0 + i + r) * N + j0 + j + s] = sum[r][s];
}
