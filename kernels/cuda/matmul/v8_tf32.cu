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

constexpr int BM = 128, BK = 16, WM = 64, THREADS = 256, MORE = 8;

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

// A block makes 128 x BN numbers, a warp 64 x WN. The tiles stand in dynamic shared memory: of a first, then of b, twice.
template <int BN>
__device__ __forceinline__ void product(const Panel& rows, const Panel& columns, float* c, int M, int N, int K, float* shared) {
    constexpr int WN = BN / (THREADS / 32 / (BM / WM));
    auto& tiles_a = *reinterpret_cast<float(*)[2][BK][BM + MORE]>(shared);
    auto& tiles_b = *reinterpret_cast<float(*)[2][BK][BN + MORE]>(shared + 2 * BK * (BM + MORE));
    const int i0 = blockIdx.x * BM, j0 = blockIdx.y * BN, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int i = warp / (BN / WN) * WM, j = warp % (BN / WN) * WN, g = lane / 4, t = lane % 4;
    Share<THREADS, BM, BK, BN == 256> share_a;
    Share<THREADS, BN, BK, BN == 256> share_b;
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
#pragma unroll
    for (int r = 0; r < WM / 16; ++r)
#pragma unroll
        for (int s = 0; s < WN / 8; ++s)
#pragma unroll
            for (int h = 0; h < 2; ++h)
                store2(c, M, N, i0 + i + 16 * r + g + 8 * h, j0 + j + 8 * s + 2 * t, sum[r][s][2 * h], sum[r][s][2 * h + 1]);
}

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    matmul_v8_tf32(const float* a, const float* b, float* c, int M, int N, int K, int a_row, int a_col,
                   long long a_batch, int b_row, int b_col, long long b_batch) {
    extern __shared__ float shared[];
    const Panel rows = {a + blockIdx.z * a_batch, M, K, a_row, a_col};
    const Panel columns = {b + blockIdx.z * b_batch, N, K, b_col, b_row};
    product<128>(rows, columns, c + (long long)blockIdx.z * M * N, M, N, K, shared);
}

// Tiles of 128 x 256 where there are enough of them: 32 multiplications of a warp for 32 loads instead of 16 for 24.
extern "C" __global__ void __launch_bounds__(THREADS, 1)
    matmul_v8_tf32_wide(const float* a, const float* b, float* c, int M, int N, int K, int a_row, int a_col,
                        long long a_batch, int b_row, int b_col, long long b_batch) {
    extern __shared__ float shared[];
    const Panel rows = {a + blockIdx.z * a_batch, M, K, a_row, a_col};
    const Panel columns = {b + blockIdx.z * b_batch, N, K, b_col, b_row};
    product<256>(rows, columns, c + (long long)blockIdx.z * M * N, M, N, K, shared);
}
