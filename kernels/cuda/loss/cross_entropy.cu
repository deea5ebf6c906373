// Cross-entropy of logits x (rows, n) and labels (rows): loss = log sum_k e^(x_k) - x_label, and its gradient
//
//     dC/dx_k = delta (softmax(x)_k - [k = label])
//
// Forward keeps the largest logit and the logarithm of the sum, from which backward finds the softmax again: two numbers
// per row in place of n. One block per row.
#include "block.cuh"
#define THREADS 128

extern "C" __global__ void cross_entropy(const float* x, const long long* labels, float* loss, float* top_of,
                                         float* log_sum_of, int rows, int n) {
    __shared__ float shared[WARP];
    const float* row = x + (long long)blockIdx.x * n;
    float top = -INFINITY;
    for (int i = threadIdx.x; i < n; i += THREADS) top = Max::of(top, row[i]);
    top = of_block<Max>(top, shared, -INFINITY);
    float sum = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) sum += expf(row[i] - top);
    sum = sum_of_block(sum, shared);
    if (threadIdx.x == 0) {
        const float log_sum = logf(sum);
        loss[blockIdx.x] = log_sum - (row[labels[blockIdx.x]] - top);
        top_of[blockIdx.x] = top;
        log_sum_of[blockIdx.x] = log_sum;
    }
}

extern "C" __global__ void cross_entropy_vjp(const float* x, const long long* labels, const float* top_of,
                                             const float* log_sum_of, const float* delta, float* dx, int rows, int n) {
    const long long start = (long long)blockIdx.x * n;
    const float top = top_of[blockIdx.x], log_sum = log_sum_of[blockIdx.x], d = delta[blockIdx.x];
    const long long label = labels[blockIdx.x];
    for (int i = threadIdx.x; i < n; i += THREADS) {
        const float p = expf(x[start + i] - top - log_sum);
        dx[start + i] = d * (p - (i == label ? 1.0f : 0.0f));
    }
}
