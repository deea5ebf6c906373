// Convolution and its two gradients. Fourth rung: implicit GEMM with the inner loop of matmul's v7_warp.
//
// What changed: a block of four warps makes 64 x 128 elements, a thread 8 x 8 of them in four squares of 4 x 4: per k it
// reads 16 numbers from shared memory, in four 16-byte loads (LDS.128), and does 64 multiply-adds with them, where v3_gemm
// reads two for one. Memory is read 16 bytes at a time where a convolution allows it, indices come from tables, and the
// next tile is on its way while this one is used (gather.cuh). conv2d_bias adds the bias and bends what is below zero
// before the result is stored: an elementwise pass over y, reading and writing, costs as much as many a convolution.
#include "gather.cuh"

// Blocks that a multiprocessor holds at once: three where 168 registers are enough, which the compiler says of sm_90.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
#define RESIDENT 2
#else
#define RESIDENT 3
#endif

struct Lanes {
    static constexpr int DEEP = 8, MORE = 4;
    using Change = Unchanged;
    float sum[8][8] = {};
    static __device__ __forceinline__ int row() { return threadIdx.x % 32 / 4 * 4; }  // the lanes: 8 rows of 4
    static __device__ __forceinline__ int column() { return threadIdx.x / 32 * 32 + threadIdx.x % 4 * 4; }

    template <int A, int B>
    __device__ __forceinline__ void add(const float (&a)[DEEP][A], const float (&b)[DEEP][B]) {
#pragma unroll
        for (int k = 0; k < DEEP; ++k) {
            float x[8], y[8];
            split(load4(&a[k][row()]), x);
            split(load4(&a[k][row() + 32]), x + 4);
            split(load4(&b[k][column()]), y);
            split(load4(&b[k][column() + 16]), y + 4);
#pragma unroll
            for (int r = 0; r < 8; ++r)
#pragma unroll
                for (int s = 0; s < 8; ++s) sum[r][s] += x[r] * y[s];
        }
    }

    template <class Write>
    __device__ __forceinline__ void each(Write write) {
#pragma unroll
        for (int r = 0; r < 8; ++r)
#pragma unroll
            for (int s = 0; s < 8; s += 4) {
                float four[4] = {sum[r][s], sum[r][s + 1], sum[r][s + 2], sum[r][s + 3]};
                write(row() + r % 4 + r / 4 * 32, column() + s / 4 * 16, four);
            }
    }
};

// y = max(v, slope v) for v = sum + bias: slope 1 leaves v, 0 is ReLU.
struct Biased {
    const float* bias;  // of this group
    float slope;
    __device__ __forceinline__ float operator()(int row, float sum) const {
        const float v = sum + bias[row];
        return v < 0 ? slope * v : v;
    }
};

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) conv2d_v4_warp(const float* x, const float* w, float* y,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups) {
    product<Lanes>(Forward({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, x, w, y), Plain());
}

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) conv2d_bias_v4_warp(const float* x, const float* w, float* y,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups, const float* bias, float slope) {
    const Forward f({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, x, w, y);
    product<Lanes>(f, Biased{bias + f.group * f.rows, slope});
}

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) conv2d_input_v4_warp(const float* g, const float* turned, float* dx,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups) {
    __shared__ Taps taps[2];
    product<Lanes>(InputFrom<true>({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, g, turned, dx, taps), Plain());
}

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) conv2d_weight_v4_warp(const float* g, const float* x, float* parts,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups, int splits) {
    product<Lanes>(Weight({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, g, x, parts, splits), Plain());
}
