// Layer norm of each row: see v1_tree. Second rung: warp shuffles in place of the trees.
#include "norm.cuh"
#define THREADS 256

extern "C" __global__ void layer_norm_v2_warp(const float* x, const float* weight, const float* bias, float* y,
                                              float* mean, float* rstd, int rows, int n, float eps) {
    __shared__ float shared[WARP];
    const float* row = x + (long long)blockIdx.x * n;
    float* out = y + (long long)blockIdx.x * n;
    float sum = 0, d_sum = 0, d2_sum = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) sum += row[i];
    const float high = sum_of_block(sum, shared) / n;
    for (int i = threadIdx.x; i < n; i += THREADS) {
        const float d = row[i] - high;
        d_sum += d, d2_sum += d * d;
    }
    d_sum = sum_of_block(d_sum, shared);
    const Statistics s = statistics(high, d_sum, sum_of_block(d2_sum, shared), n, eps);
    for (int i = threadIdx.x; i < n; i += THREADS) {
        out[i] = s.normalised(row[i]) * (weight ? weight[i] : 1.0f) + (bias ? bias[i] : 0.0f);
    }
    if (threadIdx.x == 0) mean[2 * blockIdx.x] = s.high, mean[2 * blockIdx.x + 1] = s.low, rstd[blockIdx.x] = s.rstd;
}
