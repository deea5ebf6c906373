// v3: the block's threads fetch a tile of a and a tile of b together, into shared memory, and all use both.
//
// Why it gains: a number that lies in a tile is fetched from global memory once and used 32 times from shared memory,
// which is on the chip. So global memory is asked for 1/32 of v2's numbers. The two barriers are the price: nobody may
// read a tile before all have filled it, nobody may fill the next one before all have read this. Expect about 1.5 times
// v2, whose repeated loads the caches caught in part. What is left: two loads from shared memory for every fma.
// Source: CUDA C++ Programming Guide, "Shared memory"; Boehm 2022.
#include "panel.cuh"

constexpr int T = 32;

extern "C" __global__ void __launch_bounds__(T * T)
    matmul_v3_shared(const float* a, const float* b, float* c, int M, int N, int K, int a_row, int a_col,
                     long long a_batch, int b_row, int b_col, long long b_batch) {
    __shared__ float tile_a[T][T + 1], tile_b[T][T + 1];  // [k][i], [k][j]; the odd length spreads columns over the banks
    const Panel rows = {a + blockIdx.z * a_batch, M, K, a_row, a_col};
    const Panel columns = {b + blockIdx.z * b_batch, N, K, b_col, b_row};
    const int i0 = blockIdx.x * T, j0 = blockIdx.y * T, i = threadIdx.x / T, j = threadIdx.x % T;
    float sum = 0;
    for (int k0 = 0; k0 < K; k0 += T) {
        fill<T * T, T>(tile_a, rows, i0, k0);
        fill<T * T, T>(tile_b, columns, j0, k0);
        __syncthreads();
        for (int k = 0; k < T; ++k) sum += tile_a[k][i] * tile_b[k][j];
        __syncthreads();
    }
    if (i0 + i < M && j0 + j < N) c[((long long)blockIdx.z * M + i0 + i) * N + j0 + j] = sum;
}
