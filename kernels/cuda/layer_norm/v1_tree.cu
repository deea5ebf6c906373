// Layer norm of each row: y = (x - mean) / sqrt(var + eps) * weight + bias (Ba, Kiros & Hinton 2016).
// x, y (rows, n), weight and bias (n) or null; mean (rows, 2) and rstd (rows) are kept for the gradient.
// First rung: trees in shared memory, one block per row, three passes over it.
#include "norm.cuh"
#define THREADS 256

__device__ inline float tree(float value, float* part) {
    __syncthreads();  // an earlier sum may still be read
    part[threadIdx.x] = value;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    return part[0];
}

extern "C" __global__ void layer_norm_v1_tree(const float* x, const float* weight, const float* bias, float* y,
                                              float* mean, float* rstd, int rows, int n, float eps) {
    __shared__ float part[THREADS];
    const float* row = x + (long long)blockIdx.x * n;
    float* out = y + (long long)blockIdx.x * n;
    float sum = 0, d_sum = 0, d2_sum = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) sum += row[i];
    const float high = tree(sum, part) / n;
    for (int i = threadIdx.x; i < n; i += THREADS) {
        const float d = row[i] - high;
        d_sum += d, d2_sum += d * d;
    }
    d_sum = tree(d_sum, part);
    const Statistics s = statistics(high, d_sum, tree(d2_sum, part), n, eps);
    for (int i = threadIdx.x; i < n; i += THREADS) {
        out[i] = s.normalised(row[i]) * (weight ? weight[i] : 1.0f) + (bias ? bias[i] : 0.0f);
    }
    if (threadIdx.x == 0) mean[2 * blockIdx.x] = s.high, mean[2 * blockIdx.x + 1] = s.low, rstd[blockIdx.x] = s.rstd;
}
