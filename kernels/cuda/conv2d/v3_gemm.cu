// Convolution and its two gradients. Third rung: implicit GEMM with shared tiles.
//
// What changed: the convolution is seen as the product of two matrices (see conv.cuh) and computed as the matmul ladder's
// v3_shared computes a product: a block makes 16 x 16 elements of the result, and goes along k in tiles of 16, which its
// threads load together into shared memory. The matrix of patches, which im2col would write to memory (16 times the
// size of x for a 4x4 kernel), exists only there. Each loaded element is used 16 times.
#include "conv.cuh"
#define TILE 16

template <class Problem>
__device__ void product(const Problem& f) {
    __shared__ float a[TILE][TILE + 1], b[TILE][TILE + 1];
    const int tx = threadIdx.x % TILE, ty = threadIdx.x / TILE;
    const int row = blockIdx.y * TILE + ty, column = blockIdx.x * TILE + tx;
    if (blockIdx.x * TILE >= f.columns || blockIdx.y * TILE >= f.rows) return;  // all threads of the block alike
    float sum = 0;
    for (int k0 = f.begin; k0 < f.end; k0 += TILE) {
        // thread (ty, tx) loads a[row ty, k tx]; of b what lies side by side in memory: (k ty, column tx), or turned
        a[ty][tx] = row < f.rows && k0 + tx < f.end ? f.a(row, f.step(k0 + tx)) : 0.0f;
        const int bk = Problem::ALONG_K ? tx : ty, bc = Problem::ALONG_K ? ty : tx;
        const int m = blockIdx.x * TILE + bc;
        const bool there = m < f.columns && k0 + bk < f.end;
        b[bk][bc] = there ? f.b(f.column(m), f.step(k0 + bk)) : 0.0f;
        __syncthreads();
#pragma unroll
        for (int k = 0; k < TILE; k++) sum += a[ty][k] * b[k][tx];
        __syncthreads();
    }
    if (row < f.rows && column < f.columns) *f.out(row, column) = sum;
}

extern "C" __global__ void conv2d_v3_gemm(const float* x, const float* w, float* y,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups) {
    product(Forward({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, x, w, y));
}

extern "C" __global__ void conv2d_input_v3_gemm(const float* g, const float* w, float* dx,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups) {
    __shared__ Taps taps[2];
    product(Input({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, g, w, dx, taps));
}

extern "C" __global__ void conv2d_weight_v3_gemm(const float* g, const float* x, float* parts,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups, int splits) {
    product(Weight({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, g, x, parts, splits));
}
