// The gradients of softmax and of its logarithm, rows (rows, n):
//
//     dC/dx_i = y_i (delta_i - sum_k delta_k y_k)               y = softmax(x)
//     dC/dx_i = delta_i - e^(y_i) sum_k delta_k                 y = log softmax(x)
//
// A warp or a block for each row, which stays in registers (team.cuh) if its length is a multiple of 4 and at most 16384.
#include "team.cuh"

template <class Team, int QUADS>
struct Gradient {
    static __device__ __forceinline__ void run(Team team, const float* y, const float* delta, float* dx, int n,
                                               int logarithm) {
        float4 a[QUADS], d[QUADS];
        keep(team, y, n / 4, 0.0f, a);
        keep(team, delta, n / 4, 0.0f, d);
        float sum = 0;
#pragma unroll
        for (int k = 0; k < QUADS; k++) {
            sum += added(logarithm ? d[k] : map(d[k], a[k], [](float d, float y) { return d * y; }));
        }
        sum = team.sum(sum);
#pragma unroll
        for (int k = 0; k < QUADS; k++) {
            if (logarithm) d[k] = map(d[k], a[k], [=](float d, float y) { return d - expf(y) * sum; });
            else d[k] = map(d[k], a[k], [=](float d, float y) { return y * (d - sum); });
        }
        store(team, dx, n / 4, d);
    }
};

template <class Team>
struct Gradient<Team, 0> {
    static __device__ __forceinline__ void run(Team team, const float* y, const float* delta, float* dx, int n,
                                               int logarithm) {
        float sum = 0;
        for (int i = threadIdx.x; i < n; i += team.size()) sum += logarithm ? delta[i] : delta[i] * y[i];
        sum = team.sum(sum);
        for (int i = threadIdx.x; i < n; i += team.size()) {
            dx[i] = logarithm ? delta[i] - expf(y[i]) * sum : y[i] * (delta[i] - sum);
        }
    }
};

extern "C" __global__ void __launch_bounds__(512)
    softmax_vjp(const float* __restrict__ y, const float* __restrict__ delta, float* __restrict__ dx, int rows, int n,
                int logarithm) {
    __shared__ float shared[WARP];
    const int row = row_of_team();
    if (row >= rows) return;
    const long long start = (long long)row * n;
    by_team<Gradient>(n, shared, y + start, delta + start, dx + start, n, logarithm);
}
