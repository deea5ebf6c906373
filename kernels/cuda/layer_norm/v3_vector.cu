// Layer norm of each row: see v1_tree. Third rung: the row is read once, in 16-byte loads, and stays in registers; rows of
// up to 1024 are a warp's own.
//
// What changed: a row whose length is a multiple of 4 and at most 32768 leaves memory once (team.cuh); both passes over
// it are over registers. Other rows go as in v2_warp.
#include "norm.cuh"
#include "team.cuh"

template <class Team, int QUADS>
struct LayerNorm {
    static __device__ __forceinline__ Statistics run(Team team, const float* row, const float* weight, const float* bias,
                                                     float* out, int n, float eps) {
        const int quads = n / 4;
        float4 v[QUADS];
        keep(team, row, quads, 0.0f, v);
        float sum = 0, d_sum = 0, d2_sum = 0;
#pragma unroll
        for (int k = 0; k < QUADS; k++) sum += added(v[k]);
        const float high = team.sum(sum) / n;
#pragma unroll
        for (int k = 0; k < QUADS; k++) {
            const float m = threadIdx.x + k * team.size() < quads ? high : 0.0f;  // what is beside the row stays 0
            v[k] = map(v[k], [=](float x) { return x - m; });
            d_sum += added(v[k]), d2_sum += added(map(v[k], [](float d) { return d * d; }));
        }
        d_sum = team.sum(d_sum);
        const Statistics s = statistics(high, d_sum, team.sum(d2_sum), n, eps);
#pragma unroll
        for (int k = 0; k < QUADS; k++) v[k] = map(v[k], [=](float d) { return (d - s.low) * s.rstd; });
        if (weight) {
#pragma unroll
            for (int k = 0; k < QUADS; k++) {
                v[k] = map(v[k], kept_by(team, weight, quads, k), [](float x, float w) { return x * w; });
            }
        }
        if (bias) {
#pragma unroll
            for (int k = 0; k < QUADS; k++) {
                v[k] = map(v[k], kept_by(team, bias, quads, k), [](float x, float b) { return x + b; });
            }
        }
        store(team, out, quads, v);
        return s;
    }
};

template <class Team>
struct LayerNorm<Team, 0> {
    static __device__ __forceinline__ Statistics run(Team team, const float* row, const float* weight, const float* bias,
                                                     float* out, int n, float eps) {
        float sum = 0, d_sum = 0, d2_sum = 0;
        for (int i = threadIdx.x; i < n; i += team.size()) sum += row[i];
        const float high = team.sum(sum) / n;
        for (int i = threadIdx.x; i < n; i += team.size()) {
            const float d = row[i] - high;
            d_sum += d, d2_sum += d * d;
        }
        d_sum = team.sum(d_sum);
        const Statistics s = statistics(high, d_sum, team.sum(d2_sum), n, eps);
        for (int i = threadIdx.x; i < n; i += team.size()) {
            out[i] = s.normalised(row[i]) * (weight ? weight[i] : 1.0f) + (bias ? bias[i] : 0.0f);
        }
        return s;
    }
};

extern "C" __global__ void __launch_bounds__(1024)
    layer_norm_v3_vector(const float* __restrict__ x, const float* __restrict__ weight, const float* __restrict__ bias,
                         float* __restrict__ y, float* __restrict__ mean, float* __restrict__ rstd, int rows, int n,
                         float eps) {
    __shared__ float shared[WARP];
    const int row = row_of_team();
    if (row >= rows) return;
    const long long start = (long long)row * n;
    const Statistics s = by_team<LayerNorm>(n, shared, x + start, weight, bias, y + start, n, eps);
    if (threadIdx.x == 0) mean[2 * row] = s.high, mean[2 * row + 1] = s.low, rstd[row] = s.rstd;
}
