// Softmax of each row, or its logarithm: see v1_tree. Third rung: the row is read once, in 16-byte loads, and stays in
// registers; rows of up to 1024 are a warp's own.
//
// What changed: a row leaves memory once, not three times, if its length is a multiple of 4 and at most 32768
// (team.cuh); each exponential is computed once and kept; and the row is multiplied by 1 / sum, one division in place of
// n. Other rows keep one pass less: maximum and sum are found together, the sum being rescaled whenever a larger element
// turns up (Milakov & Gimelshein 2018, "Online normalizer calculation for softmax").
//
// The largest element is that of the numbers: a NaN makes itself known in the sum.
#include "softmax.cuh"
#include "team.cuh"

template <class Team, int QUADS>
struct Softmax {
    static __device__ __forceinline__ void run(Team team, const float* row, float* out, int n, int logarithm) {
        float4 v[QUADS];
        keep(team, row, n / 4, -INFINITY, v);
        float top = -INFINITY, sum = 0;
#pragma unroll
        for (int k = 0; k < QUADS; k++) top = fmaxf(fmaxf(fmaxf(v[k].x, v[k].y), fmaxf(v[k].z, v[k].w)), top);
        top = team.largest(top);
        if (logarithm) {
#pragma unroll
            for (int k = 0; k < QUADS; k++) {
                v[k] = map(v[k], [=](float x) { return x - top; });
                sum += added(map(v[k], [](float x) { return expf(x); }));
            }
            const float log_sum = logf(team.sum(sum));
#pragma unroll
            for (int k = 0; k < QUADS; k++) v[k] = map(v[k], [=](float x) { return x - log_sum; });
        } else {
#pragma unroll
            for (int k = 0; k < QUADS; k++) {
                v[k] = map(v[k], [=](float x) { return expf(x - top); });
                sum += added(v[k]);
            }
            const float scale = 1.0f / team.sum(sum);
#pragma unroll
            for (int k = 0; k < QUADS; k++) v[k] = map(v[k], [=](float x) { return x * scale; });
        }
        store(team, out, n / 4, v);
    }
};

template <class Team>
struct Softmax<Team, 0> {
    static __device__ __forceinline__ void run(Team team, const float* row, float* out, int n, int logarithm) {
        float mine = -INFINITY, sum = 0;
        for (int i = threadIdx.x; i < n; i += team.size()) {
            const float larger = Max::of(mine, row[i]);
            if (larger != -INFINITY) sum = sum * expf(mine - larger) + expf(row[i] - larger);
            mine = larger;
        }
        const float top = team.largest(mine);
        sum = team.sum(mine == -INFINITY && top != -INFINITY ? sum : sum * expf(mine - top));
        const float log_sum = logf(sum), scale = 1.0f / sum;
        for (int i = threadIdx.x; i < n; i += team.size()) {
            out[i] = logarithm ? row[i] - top - log_sum : expf(row[i] - top) * scale;
        }
    }
};

extern "C" __global__ void __launch_bounds__(1024) softmax_v3_vector(const float* __restrict__ x, float* __restrict__ y,
                                                                     int rows, int n, int logarithm) {
    __shared__ float shared[WARP];
    const int row = row_of_team();
    if (row >= rows) return;
    by_team<Softmax>(n, shared, x + (long long)row * n, y + (long long)row * n, n, logarithm);
}
