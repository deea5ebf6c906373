// The gradients of softmax and of its logarithm, rows (rows, n):
//
//     dC/dx_i = y_i (delta_i - sum_k delta_k y_k)               y = softmax(x)
//     dC/dx_i = delta_i - e^(y_i) sum_k delta_k                 y = log softmax(x)
#include "block.cuh"
#define THREADS 256

extern "C" __global__ void softmax_vjp(const float* y, const float* delta, float* dx, int rows, int n, int logarithm) {
    __shared__ float shared[WARP];
    const long long start = (long long)blockIdx.x * n;
    y += start, delta += start, dx += start;
    float sum = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) sum += logarithm ? delta[i] : delta[i] * y[i];
    sum = sum_of_block(sum, shared);
    for (int i = threadIdx.x; i < n; i += THREADS) {
        dx[i] = logarithm ? delta[i] - expf(y[i]) * sum : y[i] * (delta[i] - sum);
    }
}
