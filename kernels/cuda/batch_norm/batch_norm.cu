// Batch norm of x (N, C, S): mean and variance of each channel over all N S of its elements (Ioffe & Szegedy 2015).
//
// A channel's elements lie in N pieces, and there are too few channels to keep a GPU busy: each is split among `splits`
// blocks (blockIdx.y). A block leaves its sums, and the next launch adds up those of its channel, always in the same
// order: three launches forward (mean; distances from it; output), two backward, no atomics.
#include "norm.cuh"
#define THREADS 256

// The elements j of one channel that this block sees: from `start` to `end`; at(j) is where one lies.
struct Part {
    int c, channels, S, start, end;
    __device__ Part(int N, int channels, int S, int splits) : c(blockIdx.x), channels(channels), S(S) {
        const int each = (N * S + splits - 1) / splits;
        start = blockIdx.y * each;
        end = min(start + each, N * S);
    }
    __device__ long long at(int j) const { return ((long long)(j / S) * channels + c) * S + j % S; }
};

// sums (splits, C, width): the total of number `k` of channel c.
__device__ inline float total(const float* sums, int splits, int channels, int width, int c, int k) {
    float sum = 0;
    for (int p = 0; p < splits; p++) sum += sums[((long long)p * channels + c) * width + k];
    return sum;
}

extern "C" __global__ void batch_norm_sums(const float* x, float* sums, int N, int C, int S, int splits) {
    __shared__ float shared[WARP];
    const Part part(N, C, S, splits);
    float sum = 0;
    for (int j = part.start + threadIdx.x; j < part.end; j += THREADS) sum += x[part.at(j)];
    sum = sum_of_block(sum, shared);
    if (threadIdx.x == 0) sums[blockIdx.y * C + part.c] = sum;
}

extern "C" __global__ void batch_norm_distances(const float* x, const float* sums, float* distances, int N, int C, int S,
                                                int splits) {
    __shared__ float shared[WARP];
    const Part part(N, C, S, splits);
    const float high = total(sums, splits, C, 1, part.c, 0) / (N * S);
    float sum = 0, squares = 0;
    for (int j = part.start + threadIdx.x; j < part.end; j += THREADS) {
        const float d = x[part.at(j)] - high;
        sum += d, squares += d * d;
    }
    sum = sum_of_block(sum, shared);
    squares = sum_of_block(squares, shared);
    float* mine = distances + 2 * (blockIdx.y * C + part.c);
    if (threadIdx.x == 0) mine[0] = sum, mine[1] = squares;
}

extern "C" __global__ void batch_norm(const float* x, const float* sums, const float* distances, const float* weight,
                                      const float* bias, float* y, float* mean, float* parts, float* var, float* rstd,
                                      int N, int C, int S, int splits, float eps) {
    const Part part(N, C, S, splits);
    const int c = part.c, n = N * S;
    const float high = total(sums, splits, C, 1, c, 0) / n;
    const float sum_d = total(distances, splits, C, 2, c, 0), sum_d2 = total(distances, splits, C, 2, c, 1);
    const Statistics s = statistics(high, sum_d, sum_d2, n, eps);
    const float w = weight ? weight[c] : 1.0f, b = bias ? bias[c] : 0.0f;
    for (int j = part.start + threadIdx.x; j < part.end; j += THREADS) {
        const long long at = part.at(j);
        y[at] = s.normalised(x[at]) * w + b;
    }
    if (threadIdx.x == 0 && blockIdx.y == 0) {
        mean[c] = s.high + s.low, parts[2 * c] = s.high, parts[2 * c + 1] = s.low, var[c] = s.var, rstd[c] = s.rstd;
    }
}

extern "C" __global__ void batch_norm_vjp_sums(const float* x, const float* parts, const float* rstd,
                                               const float* delta, float* sums, int N, int C, int S, int splits) {
    __shared__ float shared[WARP];
    const Part part(N, C, S, splits);
    const int c = part.c;
    const Statistics s = {parts[2 * c], parts[2 * c + 1], rstd[c], 0};
    float sum_d = 0, sum_dx = 0;
    for (int j = part.start + threadIdx.x; j < part.end; j += THREADS) {
        const long long at = part.at(j);
        sum_d += delta[at], sum_dx += delta[at] * s.normalised(x[at]);
    }
    sum_d = sum_of_block(sum_d, shared);
    sum_dx = sum_of_block(sum_dx, shared);
    float* mine = sums + 2 * (blockIdx.y * C + c);
    if (threadIdx.x == 0) mine[0] = sum_d, mine[1] = sum_dx;
}

// dC/dx = gamma / sigma (delta - mean(delta) - x^ mean(delta x^)); dC/dgamma = sum delta x^, dC/dbeta = sum delta.
extern "C" __global__ void batch_norm_vjp(const float* x, const float* parts, const float* rstd, const float* weight,
                                          const float* delta, const float* sums, float* dx, float* dweight, float* dbias,
                                          int N, int C, int S, int splits) {
    const Part part(N, C, S, splits);
    const int c = part.c, n = N * S;
    const Statistics s = {parts[2 * c], parts[2 * c + 1], rstd[c], 0};
    const float sum_d = total(sums, splits, C, 2, c, 0), sum_dx = total(sums, splits, C, 2, c, 1);
    const float scale = s.rstd * (weight ? weight[c] : 1.0f);
    for (int j = part.start + threadIdx.x; dx && j < part.end; j += THREADS) {
        const long long at = part.at(j);
        dx[at] = scale * (delta[at] - (sum_d + s.normalised(x[at]) * sum_dx) / n);
    }
    if (threadIdx.x == 0 && blockIdx.y == 0) dweight[c] = sum_dx, dbias[c] = sum_d;
}
