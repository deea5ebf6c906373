// Convolution and its two gradients. First rung: one thread makes one element, by the definition.
//
// Each element of the result is a row of a times a column of b (see conv.cuh), read from memory as they come: nothing is
// shared, so every element of x is loaded once for each output channel and tap.
#include "conv.cuh"

template <class Problem>
__device__ void product(const Problem& f) {
    const int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y;
    if (column >= f.columns || row >= f.rows) return;
    const Column m = f.column(column);
    float sum = 0, chain = 0;
    for (int k = f.begin; k < f.end; k++) {
        const Step step = f.step(k);
        chain += f.a(row, step) * f.b(m, step);
        if ((k - f.begin) % 64 == 63) sum += chain, chain = 0;  // short chains of additions: fewer digits are lost
    }
    *f.out(row, column) = sum + chain;
}

extern "C" __global__ void conv2d_v1_direct(const float* x, const float* w, float* y,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups) {
    product(Forward({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, x, w, y));
}

extern "C" __global__ void conv2d_input_v1_direct(const float* g, const float* w, float* dx,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups) {
    __shared__ Taps taps[2];
    product(Input({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, g, w, dx, taps));
}

extern "C" __global__ void conv2d_weight_v1_direct(const float* g, const float* x, float* parts,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups, int splits) {
    product(Weight({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, g, x, parts, splits));
}
