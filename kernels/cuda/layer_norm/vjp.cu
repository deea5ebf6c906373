// Layer norm's gradients, x^ = (x - mean) / sigma and g = weight delta:
//
//     dC/dx = (g - mean(g) - x^ mean(g x^)) / sigma        dC/dweight = sum over rows of delta x^
//                                                          dC/dbias   = sum over rows of delta
//
// layer_norm_vjp gives dC/dx, one block per row. layer_norm_weights gives the sums over every splits-th row, to be added
// up by reduce/columns: x^ is computed again from x, which costs less than to store it.
#include "norm.cuh"
#define THREADS 256
#define COLUMNS 32
#define WARPS 8

extern "C" __global__ void layer_norm_vjp(const float* x, const float* mean, const float* rstd, const float* weight,
                                          const float* delta, float* dx, int rows, int n) {
    __shared__ float shared[WARP];
    const long long start = (long long)blockIdx.x * n;
    const Statistics s = {mean[2 * blockIdx.x], mean[2 * blockIdx.x + 1], rstd[blockIdx.x], 0};
    float sum_g = 0, sum_gx = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) {
        const float g = delta[start + i] * (weight ? weight[i] : 1.0f);
        sum_g += g, sum_gx += g * s.normalised(x[start + i]);
    }
    sum_g = sum_of_block(sum_g, shared);
    sum_gx = sum_of_block(sum_gx, shared);
    for (int i = threadIdx.x; i < n; i += THREADS) {
        const float g = delta[start + i] * (weight ? weight[i] : 1.0f);
        dx[start + i] = (g - (sum_g + s.normalised(x[start + i]) * sum_gx) / n) * s.rstd;
    }
}

extern "C" __global__ void layer_norm_weights(const float* x, const float* mean, const float* rstd, const float* delta,
                                              float* dweight, float* dbias, int rows, int n, int splits) {
    __shared__ float by_x[WARPS][COLUMNS], plain[WARPS][COLUMNS];
    const int column = blockIdx.x * COLUMNS + threadIdx.x;
    float sum_dx = 0, sum_d = 0;
    if (column < n) {
        for (int row = blockIdx.y + splits * threadIdx.y; row < rows; row += splits * WARPS) {
            const Statistics s = {mean[2 * row], mean[2 * row + 1], rstd[row], 0};
            const float d = delta[(long long)row * n + column];
            sum_dx += d * s.normalised(x[(long long)row * n + column]), sum_d += d;
        }
    }
    by_x[threadIdx.y][threadIdx.x] = sum_dx, plain[threadIdx.y][threadIdx.x] = sum_d;
    __syncthreads();
    if (threadIdx.y == 0 && column < n) {
        for (int w = 1; w < WARPS; w++) sum_dx += by_x[w][threadIdx.x], sum_d += plain[w][threadIdx.x];
        dweight[blockIdx.y * n + column] = sum_dx, dbias[blockIdx.y * n + column] = sum_d;
    }
}
