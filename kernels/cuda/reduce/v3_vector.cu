// The sum of each row: x (rows, n) -> y (rows). Third rung: 16-byte loads and four sums at a time.
//
// What changed: a thread loads a float4 in one instruction (LDG.E.128), so a warp asks for 512 bytes at once and a
// quarter of the instructions is left; and it adds into four independent sums, so that an addition need not wait for the
// one before. A row that does not begin at a multiple of 16 bytes is read up to it one by one.
#include "block.cuh"
#define THREADS 256

extern "C" __global__ void reduce_v3_vector(const float* x, float* y, int rows, int n) {
    __shared__ float shared[WARP];
    const float* row = x + (long long)blockIdx.x * n;
    const int odd = (int)(((unsigned long long)row / 4) % 4);
    const int head = min(n, odd ? 4 - odd : 0);  // elements before the first 16-byte boundary
    const int quads = (n - head) / 4;
    const float4* wide = (const float4*)(row + head);
    float4 sum = {0, 0, 0, 0};
    for (int i = threadIdx.x; i < quads; i += THREADS) {
        const float4 v = wide[i];
        sum.x += v.x, sum.y += v.y, sum.z += v.z, sum.w += v.w;
    }
    float total = (sum.x + sum.y) + (sum.z + sum.w);
    if (threadIdx.x < head) total += row[threadIdx.x];
    const int tail = head + 4 * quads + threadIdx.x;
    if (tail < n) total += row[tail];
    total = sum_of_block(total, shared);
    if (threadIdx.x == 0) y[blockIdx.x] = total;
}
