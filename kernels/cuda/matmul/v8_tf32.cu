// v8: tensor cores. One instruction, mma.sync, multiplies 16 x 8 by 8 x 8 numbers, a whole warp together.
//
// Why it gains: a tensor core does 1024 fmas where a warp's 32 lanes do 32. The price is exactness: it reads 10 bits of
// a number's fraction (TF32), not 23, so that a product is off by up to 2^-10; sums are kept in float32. It is therefore
// asked for by name and never the default. A warp has 64 x 32 numbers of c, 4 x 4 squares of the instruction. Numbers are
// rounded once, on their way to shared memory; the tiles' rows are 8 longer, because then the 8 x 4 numbers that the 32
// lanes want lie in 32 banks. A bound of about 0.65 of cuBLAS is known for mma.sync on Hopper, whose own instruction is
// wgmma. Source: PTX ISA, "mma.m16n8k8"; CUTLASS.
#include "ptx.cuh"
#include "vector.cuh"

constexpr int BM = 128, BN = 128, BK = 16, WM = 64, WN = 32, THREADS = 32 * (BM / WM) * (BN / WN);

__device__ __forceinline__ void store2(float* c, int M, int N, int i, int j, float x, float y) {
    if (i >= M) return;
    c += (long long)i * N + j;
    if (j + 1 < N && reinterpret_cast<size_t>(c) % 8 == 0) {
        *reinterpret_cast<float2*>(c) = make_float2(x, y);
        return;
    }
    if (j < N) c[0] = x;
    if (j + 1 < N) c[1] = y;
}

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    matmul_v8_tf32(const float* a, const float* b, float* c, int M, int N, int K, int a_row, int a_col,
                   long long a_batch, int b_row, int b_col, long long b_batch) {
    __shared__ __align__(16) float tiles_a[2][BK][BM + 8], tiles_b[2][BK][BN + 8];
    const Panel rows = {a + blockIdx.z * a_batch, M, K, a_row, a_col};
    const Panel columns = {b + blockIdx.z * b_batch, N, K, b_col, b_row};
    const int i0 = blockIdx.x * BM, j0 = blockIdx.y * BN, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int i = warp / (BN / WN) * WM, j = warp % (BN / WN) * WN, g = lane / 4, t = lane % 4;
    Share<THREADS, BM, BK> share_a;
    Share<THREADS, BN, BK> share_b;
    float sum[WM / 16][WN / 8][4] = {};
    share_a.fetch(rows, i0, 0);
    share_b.fetch(columns, j0, 0);
    for (int k0 = 0, now = 0; k0 < K; k0 += BK, now ^= 1) {
        share_a.put(tiles_a[now], rows, ToTf32());
        share_b.put(tiles_b[now], columns, ToTf32());
        __syncthreads();
        share_a.fetch(rows, i0, k0 + BK);
        share_b.fetch(columns, j0, k0 + BK);
#pragma unroll
        for (int k = 0; k < BK; k += 8) {
            unsigned x[WM / 16][4], y[WN / 8][2];
#pragma unroll
            for (int r = 0; r < WM / 16; ++r)
#pragma unroll
                for (int q = 0; q < 4; ++q)
                    x[r][q] = __float_as_uint(tiles_a[now][k + t + q / 2 * 4][i + 16 * r + g + q % 2 * 8]);
#pragma unroll
            for (int s = 0; s < WN / 8; ++s)
#pragma unroll
                for (int q = 0; q < 2; ++q) y[s][q] = __float_as_uint(tiles_b[now][k + t + 4 * q][j + 8 * s + g]);
#pragma unroll
            for (int r = 0; r < WM / 16; ++r)
#pragma unroll
                for (int s = 0; s < WN / 8; ++s) mma_tf32(sum[r][s], x[r], y[s]);
        }
    }
    c += (long long)blockIdx.z * M * N;
#pragma unroll
    for (int r = 0; r < WM / 16; ++r)
#pragma unroll
        for (int s = 0; s < WN / 8; ++s)
#pragma unroll
            for (int h = 0; h < 2; ++h)
                store2(c, M, N, i0 + i + 16 * r + g + 8 * h, j0 + j + 8 * s + 2 * t, sum[r][s][2 * h], sum[r][s][2 * h + 1]);
}
