// Layer norm's gradients, x^ = (x - mean) / sigma and g = weight delta:
//
//     dC/dx = (g - mean(g) - x^ mean(g x^)) / sigma        dC/dweight = sum over rows of delta x^
//                                                          dC/dbias   = sum over rows of delta
//
// layer_norm_vjp gives dC/dx, a warp or a block per row (team.cuh). layer_norm_weights gives the sums over every splits-th
// row, to be added up by reduce/columns: x^ is computed again from x, which costs less than to store it.
#include "norm.cuh"
#include "team.cuh"
#define COLUMNS 32
#define WARPS 8

template <class Team, int QUADS>
struct Gradient {
    static __device__ __forceinline__ void run(Team team, Statistics s, const float* x, const float* weight,
                                               const float* delta, float* dx, int n) {
        const int quads = n / 4;
        float4 v[QUADS], g[QUADS];
        keep(team, x, quads, 0.0f, v);
        keep(team, delta, quads, 0.0f, g);
        float sum_g = 0, sum_gx = 0;
#pragma unroll
        for (int k = 0; k < QUADS; k++) {
            if (weight) g[k] = map(g[k], kept_by(team, weight, quads, k), [](float d, float w) { return d * w; });
            v[k] = map(v[k], [=](float one) { return s.normalised(one); });
            sum_g += added(g[k]), sum_gx += added(map(g[k], v[k], [](float a, float xhat) { return a * xhat; }));
        }
        sum_g = team.sum(sum_g) / n;
        sum_gx = team.sum(sum_gx) / n;
#pragma unroll
        for (int k = 0; k < QUADS; k++) {
            g[k] = map(g[k], v[k], [=](float a, float xhat) { return (a - (sum_g + xhat * sum_gx)) * s.rstd; });
        }
        store(team, dx, quads, g);
    }
};

template <class Team>
struct Gradient<Team, 0> {
    static __device__ __forceinline__ void run(Team team, Statistics s, const float* x, const float* weight,
                                               const float* delta, float* dx, int n) {
        float sum_g = 0, sum_gx = 0;
        for (int i = threadIdx.x; i < n; i += team.size()) {
            const float g = delta[i] * (weight ? weight[i] : 1.0f);
            sum_g += g, sum_gx += g * s.normalised(x[i]);
        }
        sum_g = team.sum(sum_g) / n;
        sum_gx = team.sum(sum_gx) / n;
        for (int i = threadIdx.x; i < n; i += team.size()) {
            dx[i] = (delta[i] * (weight ? weight[i] : 1.0f) - (sum_g + s.normalised(x[i]) * sum_gx)) * s.rstd;
        }
    }
};

extern "C" __global__ void __launch_bounds__(512)
    layer_norm_vjp(const float* __restrict__ x, const float* __restrict__ mean, const float* __restrict__ rstd,
                   const float* __restrict__ weight, const float* __restrict__ delta, float* __restrict__ dx, int rows,
                   int n) {
    __shared__ float shared[WARP];
    const int row = row_of_team();
    if (row >= rows) return;
    const long long start = (long long)row * n;
    const Statistics s = {mean[2 * row], mean[2 * row + 1], rstd[row], 0};
    by_team<Gradient>(n, shared, s, x + start, weight, delta + start, dx + start, n);
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
