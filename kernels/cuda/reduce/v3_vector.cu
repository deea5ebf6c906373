// The sum of each row: x (rows, n) -> y (rows). Third rung: 16-byte loads, and a warp for each row of up to 1024.
//
// What changed: a thread loads a float4 in one instruction (LDG.E.128), so a warp asks for 512 bytes at once and a
// quarter of the instructions is left; and it adds into four independent sums, so that an addition need not wait for the
// one before. A short row is a warp's own, without a barrier (team.cuh). A row that does not begin at a multiple of 16
// bytes is read up to it one by one.
#include "team.cuh"

template <class Team, int QUADS>
struct Sum {
    static __device__ __forceinline__ void run(Team team, const float* row, float* y, int n) {
        float total;
        if constexpr (QUADS != 0) {
            float4 v[QUADS];
            keep(team, row, n / 4, 0.0f, v);
            total = added(v[0]);
#pragma unroll
            for (int k = 1; k < QUADS; k++) total += added(v[k]);
        } else {
            const int odd = (int)(((unsigned long long)row / 4) % 4);
            const int head = min(n, odd ? 4 - odd : 0);  // elements before the first 16-byte boundary
            const int quads = (n - head) / 4;
            const float4* wide = (const float4*)(row + head);
            float4 sum = all4(0);
#pragma unroll 8
            for (int i = threadIdx.x; i < quads; i += team.size()) {
                const float4 v = wide[i];
                sum.x += v.x, sum.y += v.y, sum.z += v.z, sum.w += v.w;
            }
            total = added(sum);
            if (threadIdx.x < head) total += row[threadIdx.x];
            const int tail = head + 4 * quads + threadIdx.x;
            if (tail < n) total += row[tail];
        }
        total = team.sum(total);
        if (threadIdx.x == 0) *y = total;
    }
};

extern "C" __global__ void __launch_bounds__(1024) reduce_v3_vector(const float* __restrict__ x, float* __restrict__ y,
                                                                    int rows, int n) {
    __shared__ float shared[WARP];
    const int row = row_of_team();
    if (row >= rows) return;
    by_team<Sum>(n, shared, x + (long long)row * n, y + row, n);
}
