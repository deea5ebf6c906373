// Convolution and its two gradients. Fourth rung: implicit GEMM with register tiles.
//
// What changed: the inner loop is that of the matmul ladder's register tiles. A block of 256 threads makes 64 x 128
// elements, a thread 4 x 8 of them: per k it reads 4 + 8 numbers from shared memory, in three 16-byte loads (LDS.128), and
// does 32 multiply-adds with them, where v3_gemm reads two for one. The next tiles are loaded into registers while the
// present ones are multiplied, and two buffers take turns, so that one barrier per tile is enough. A thread's 8 columns
// are two runs of four, 64 apart: then the 16 threads of a row read neighbouring banks.
#include "conv.cuh"
#define THREADS 256
#define ROWS 64
#define COLUMNS 128
#define DEEP 8                              // k per tile
#define LOADS_A (ROWS * DEEP / THREADS)     // elements that a thread loads
#define LOADS_B (COLUMNS * DEEP / THREADS)

// Which element of a tile of b the thread loads in turn l.
template <class Problem>
__device__ int k_of(int l) {
    return Problem::ALONG_K ? threadIdx.x % DEEP : threadIdx.x / COLUMNS + l * (THREADS / COLUMNS);
}
template <class Problem>
__device__ int column_of(int l) {
    return Problem::ALONG_K ? threadIdx.x / DEEP + l * (THREADS / DEEP) : threadIdx.x % COLUMNS;
}

template <class Problem>
__device__ void product(const Problem& f) {
    using Column = typename Problem::Column;
    using Step = typename Problem::Step;
    __shared__ __align__(16) float a[2][DEEP][ROWS + 4], b[2][DEEP][COLUMNS + 4];
    const int row0 = blockIdx.y * ROWS, column0 = blockIdx.x * COLUMNS;
    if (column0 >= f.columns || row0 >= f.rows) return;  // all threads of the block alike
    const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    const int my_column = column0 + column_of<Problem>(0);
    const Column mine(f, my_column < f.columns ? my_column : 0);
    float next_a[LOADS_A], next_b[LOADS_B], sum[4][8] = {};

    const auto load = [&](int k0) {
        const int ka = k0 + threadIdx.x % DEEP;
        const Step along(f, ka < f.end ? ka : 0);
#pragma unroll
        for (int l = 0; l < LOADS_A; l++) {
            const int row = row0 + threadIdx.x / DEEP + l * (THREADS / DEEP);
            next_a[l] = ka < f.end && row < f.rows ? f.a(row, along) : 0.0f;
        }
#pragma unroll
        for (int l = 0; l < LOADS_B; l++) {
            const int k = k0 + k_of<Problem>(l), m = column0 + column_of<Problem>(l);
            const bool there = k < f.end && m < f.columns;
            if (Problem::ALONG_K) {
                next_b[l] = there ? f.b(Column(f, m), along) : 0.0f;
            } else {
                next_b[l] = there ? f.b(mine, Step(f, k)) : 0.0f;
            }
        }
    };
    const auto put = [&](int buffer) {
#pragma unroll
        for (int l = 0; l < LOADS_A; l++) a[buffer][threadIdx.x % DEEP][threadIdx.x / DEEP + l * (THREADS / DEEP)] = next_a[l];
#pragma unroll
        for (int l = 0; l < LOADS_B; l++) b[buffer][k_of<Problem>(l)][column_of<Problem>(l)] = next_b[l];
    };

    load(f.begin);
    put(0);
    __syncthreads();
    int buffer = 0;
    for (int k0 = f.begin; k0 < f.end; k0 += DEEP) {
        const bool more = k0 + DEEP < f.end;
        if (more) load(k0 + DEEP);
#pragma unroll
        for (int k = 0; k < DEEP; k++) {
            const float4 p = *(const float4*)&a[buffer][k][4 * ty];
            const float4 q = *(const float4*)&b[buffer][k][4 * tx], r = *(const float4*)&b[buffer][k][COLUMNS / 2 + 4 * tx];
            const float as[4] = {p.x, p.y, p.z, p.w}, bs[8] = {q.x, q.y, q.z, q.w, r.x, r.y, r.z, r.w};
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 8; j++) sum[i][j] += as[i] * bs[j];
            }
        }
        if (more) put(1 - buffer);  // all have left that buffer: the barrier of the round before says so
        __syncthreads();
        buffer = 1 - buffer;
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int row = row0 + 4 * ty + i;
#pragma unroll
        for (int j = 0; j < 8; j++) {
            const int column = column0 + (j / 4) * (COLUMNS / 2) + 4 * tx + j % 4;
            if (row < f.rows && column < f.columns) f.store(row, column, sum[i][j]);
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) conv2d_v4_register(const float* x, const float* w, float* y,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups) {
    product(Forward({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, x, w, y));
}

extern "C" __global__ void __launch_bounds__(THREADS) conv2d_input_v4_register(const float* g, const float* w, float* dx,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups) {
    product(Input({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, g, w, dx));
}

extern "C" __global__ void __launch_bounds__(THREADS) conv2d_weight_v4_register(const float* g, const float* x, float* parts,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups, int splits) {
    product(Weight({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, g, x, parts, splits));
}
