// Group norm of x (N, C, S): mean and variance over each sample's group of C / groups channels and all S positions (Wu &
// He 2018), and with silu = 1 behind it z sigmoid(z), which saves a pass over memory each way.
//
// A group lies in memory as one row, so one block normalises it as layer norm does; the channel of element i of group g
// is g C / groups + i / S. Backward, dC/dx is layer norm's for g = gamma delta; each channel's sums for gamma and beta
// are one block's.
#include "norm.cuh"
#define THREADS 256

__device__ inline float sigmoid(float z) { return 1.0f / (1.0f + expf(-z)); }

extern "C" __global__ void group_norm(const float* x, const float* weight, const float* bias, float* y, float* mean,
                                      float* rstd, int groups, int channels, int S, float eps, int silu) {
    __shared__ float shared[WARP];
    const int per_group = channels / groups, n = per_group * S;
    const int first = blockIdx.x % groups * per_group;  // the group's first channel
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
        const int c = first + i / S;
        const float z = s.normalised(row[i]) * (weight ? weight[c] : 1.0f) + (bias ? bias[c] : 0.0f);
        out[i] = silu ? z * sigmoid(z) : z;
    }
    if (threadIdx.x == 0) mean[2 * blockIdx.x] = s.high, mean[2 * blockIdx.x + 1] = s.low, rstd[blockIdx.x] = s.rstd;
}

// delta times the derivative of what stands behind the norm: silu'(z) = s + z s (1 - s), s = sigmoid(z).
__device__ inline float behind(float delta, float xhat, float w, float b, int silu) {
    if (!silu) return delta;
    const float z = xhat * w + b, s = sigmoid(z);
    return delta * (s + z * s * (1.0f - s));
}

extern "C" __global__ void group_norm_vjp(const float* x, const float* mean, const float* rstd, const float* weight,
                                          const float* bias, const float* delta, float* dx, int groups, int channels,
                                          int S, int silu) {
    __shared__ float shared[WARP];
    const int per_group = channels / groups, n = per_group * S;
    const int first = blockIdx.x % groups * per_group;
    const long long start = (long long)blockIdx.x * n;
    const Statistics s = {mean[2 * blockIdx.x], mean[2 * blockIdx.x + 1], rstd[blockIdx.x], 0};
    float sum_g = 0, sum_gx = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) {
        const int c = first + i / S;
        const float w = weight ? weight[c] : 1.0f, b = bias ? bias[c] : 0.0f, xhat = s.normalised(x[start + i]);
        const float g = w * behind(delta[start + i], xhat, w, b, silu);
        sum_g += g, sum_gx += g * xhat;
    }
    sum_g = sum_of_block(sum_g, shared);
    sum_gx = sum_of_block(sum_gx, shared);
    for (int i = threadIdx.x; i < n; i += THREADS) {
        const int c = first + i / S;
        const float w = weight ? weight[c] : 1.0f, b = bias ? bias[c] : 0.0f, xhat = s.normalised(x[start + i]);
        const float g = w * behind(delta[start + i], xhat, w, b, silu);
        dx[start + i] = (g - (sum_g + xhat * sum_gx) / n) * s.rstd;
    }
}

extern "C" __global__ void group_norm_weights(const float* x, const float* mean, const float* rstd, const float* weight,
                                              const float* bias, const float* delta, float* dweight, float* dbias, int N,
                                              int groups, int channels, int S, int silu) {
    __shared__ float shared[WARP];
    const int c = blockIdx.x, group = c / (channels / groups);
    const float w = weight ? weight[c] : 1.0f, b = bias ? bias[c] : 0.0f;
    float sum_dx = 0, sum_d = 0;
    for (int j = threadIdx.x; j < N * S; j += THREADS) {
        const int image = j / S, row = image * groups + group;
        const long long at = ((long long)image * channels + c) * S + j % S;
        const Statistics s = {mean[2 * row], mean[2 * row + 1], rstd[row], 0};
        const float xhat = s.normalised(x[at]), d = behind(delta[at], xhat, w, b, silu);
        sum_dx += d * xhat, sum_d += d;
    }
    sum_dx = sum_of_block(sum_dx, shared);
    sum_d = sum_of_block(sum_d, shared);
    if (threadIdx.x == 0) dweight[c] = sum_dx, dbias[c] = sum_d;
}
