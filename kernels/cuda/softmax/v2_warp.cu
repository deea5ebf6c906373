// Softmax of each row, or its logarithm: see v1_tree. Second rung: warp shuffles.
//
// What changed: maximum and sum are found by of_block (block.cuh), registers exchanged within each warp: four barriers
// where the trees had nineteen.
#include "block.cuh"
#include "softmax.cuh"
#define THREADS 256

extern "C" __global__ void softmax_v2_warp(const float* x, float* y, int rows, int n, int logarithm) {
    __shared__ float shared[WARP];
    const float* row = x + (long long)blockIdx.x * n;
    float* out = y + (long long)blockIdx.x * n;
    float top = -INFINITY;
    for (int i = threadIdx.x; i < n; i += THREADS) top = Max::of(top, row[i]);
    top = of_block<Max>(top, shared, -INFINITY);
    float sum = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) sum += expf(row[i] - top);
    sum = sum_of_block(sum, shared);
    for (int i = threadIdx.x; i < n; i += THREADS) out[i] = softmax_of(row[i], top, sum, logarithm);
}
