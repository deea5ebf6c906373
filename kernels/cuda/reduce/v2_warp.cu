// The sum of each row: x (rows, n) -> y (rows). Second rung: warp shuffles.
//
// What changed: the last five rounds of the tree stay within a warp, whose threads run together: they exchange registers
// (__shfl_xor_sync) without shared memory and without barriers. Two barriers are left of eight.
#include "block.cuh"
#define THREADS 256

extern "C" __global__ void reduce_v2_warp(const float* x, float* y, int rows, int n) {
    __shared__ float shared[WARP];
    const float* row = x + (long long)blockIdx.x * n;
    float sum = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) sum += row[i];
    sum = sum_of_block(sum, shared);
    if (threadIdx.x == 0) y[blockIdx.x] = sum;
}
