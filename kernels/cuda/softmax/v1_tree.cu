// Softmax of each row: y_i = e^(x_i - m) / sum_k e^(x_k - m), m the largest x_k; logarithm = 1 gives log y_i.
// x, y (rows, n). First rung: trees in shared memory, for the maximum and for the sum.
//
// One block per row, three passes over it: the maximum (so that no exponential overflows), the sum, the quotients.
#include "softmax.cuh"
#define THREADS 256

extern "C" __global__ void softmax_v1_tree(const float* x, float* y, int rows, int n, int logarithm) {
    __shared__ float part[THREADS];
    const float* row = x + (long long)blockIdx.x * n;
    float* out = y + (long long)blockIdx.x * n;
    float top = -INFINITY;
    for (int i = threadIdx.x; i < n; i += THREADS) top = row[i] > top || row[i] != row[i] ? row[i] : top;
    part[threadIdx.x] = top;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            const float a = part[threadIdx.x], b = part[threadIdx.x + half];
            part[threadIdx.x] = a > b || a != a ? a : b;
        }
        __syncthreads();
    }
    top = part[0];
    __syncthreads();  // all have read it: the sums may take its place
    float sum = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) sum += expf(row[i] - top);
    part[threadIdx.x] = sum;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    for (int i = threadIdx.x; i < n; i += THREADS) out[i] = softmax_of(row[i], top, part[0], logarithm);
}
