// Convolution and its two gradients on tensor cores: v4_warp's product with the instruction of matmul's v8_tf32.
//
// A warp makes 64 x 32 elements as 4 x 4 squares of 16 x 8, each by one mma.sync per 8 k. The operands keep 10 bits of
// their fractions (TF32), so a product is off by up to 2^-10: this rung is asked for by name and never the default.
#include "ptx.cuh"
#include "gather.cuh"

struct Tensors {
    static constexpr int DEEP = 16, MORE = 8;  // 8 more: the 8 x 4 numbers that the lanes want lie in 32 banks
    using Change = ToTf32;
    float sum[4][4][4] = {};

    template <int A, int B>
    __device__ __forceinline__ void add(const float (&a)[DEEP][A], const float (&b)[DEEP][B]) {
        const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4, j = threadIdx.x / 32 * 32;
#pragma unroll
        for (int k = 0; k < DEEP; k += 8) {
            unsigned x[4][4], y[4][2];
#pragma unroll
            for (int r = 0; r < 4; ++r)
#pragma unroll
                for (int q = 0; q < 4; ++q) x[r][q] = __float_as_uint(a[k + t + q / 2 * 4][16 * r + g + q % 2 * 8]);
#pragma unroll
            for (int s = 0; s < 4; ++s)
#pragma unroll
                for (int q = 0; q < 2; ++q) y[s][q] = __float_as_uint(b[k + t + 4 * q][j + 8 * s + g]);
#pragma unroll
            for (int r = 0; r < 4; ++r)
#pragma unroll
                for (int s = 0; s < 4; ++s) mma_tf32(sum[r][s], x[r], y[s]);
        }
    }

    template <class Write>
    __device__ __forceinline__ void each(Write write) {
        const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4, j = threadIdx.x / 32 * 32;
#pragma unroll
        for (int r = 0; r < 4; ++r)
#pragma unroll
            for (int s = 0; s < 4; ++s)
#pragma unroll
                for (int q = 0; q < 4; q += 2) {
                    float two[2] = {sum[r][s][q], sum[r][s][q + 1]};
                    write(16 * r + g + 4 * q, j + 8 * s + 2 * t, two);
                }
    }
};

extern "C" __global__ void __launch_bounds__(THREADS, 2) conv2d_v5_tf32(const float* x, const float* w, float* y,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups) {
    product<Tensors>(Forward({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, x, w, y), Plain());
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) conv2d_input_v5_tf32(const float* g, const float* turned, float* dx,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups) {
    __shared__ Taps taps[2];
    product<Tensors>(InputFrom<true>({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, g, turned, dx, taps), Plain());
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) conv2d_weight_v5_tf32(const float* g, const float* x, float* parts,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups, int splits) {
    product<Tensors>(Weight({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, g, x, parts, splits), Plain());
}
