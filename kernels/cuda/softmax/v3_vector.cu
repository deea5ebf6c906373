// Softmax of each row, or its logarithm: see v1_tree. Third rung: the row is read once, in 16-byte loads.
//
// What changed: a thread keeps up to 16 elements of the row in registers, so rows of up to 4096 elements leave memory
// once, not three times: the kernel is as fast as memory is. Where n is a multiple of 4 each load takes four (LDG.E.128).
// Longer rows keep one pass less: maximum and sum are found together, the sum being rescaled whenever a larger element
// turns up (Milakov & Gimelshein 2018, "Online normalizer calculation for softmax").
#include "block.cuh"
#include "softmax.cuh"
#define THREADS 256
#define QUADS 4  // float4s that a thread keeps

__device__ inline void kept(const float4* row, float4* out, int quads, int logarithm, float* shared) {
    float4 v[QUADS];
    float top = -INFINITY, sum = 0;
#pragma unroll
    for (int k = 0; k < QUADS; k++) {
        const int i = threadIdx.x + k * THREADS;
        v[k] = i < quads ? row[i] : make_float4(-INFINITY, -INFINITY, -INFINITY, -INFINITY);
        top = Max::of(Max::of(top, Max::of(v[k].x, v[k].y)), Max::of(v[k].z, v[k].w));
    }
    top = of_block<Max>(top, shared, -INFINITY);
#pragma unroll
    for (int k = 0; k < QUADS; k++) {
        if (threadIdx.x + k * THREADS < quads) {
            sum += (expf(v[k].x - top) + expf(v[k].y - top)) + (expf(v[k].z - top) + expf(v[k].w - top));
        }
    }
    sum = sum_of_block(sum, shared);
#pragma unroll
    for (int k = 0; k < QUADS; k++) {
        const int i = threadIdx.x + k * THREADS;
        if (i < quads) {
            out[i] = make_float4(softmax_of(v[k].x, top, sum, logarithm), softmax_of(v[k].y, top, sum, logarithm),
                                 softmax_of(v[k].z, top, sum, logarithm), softmax_of(v[k].w, top, sum, logarithm));
        }
    }
}

extern "C" __global__ void softmax_v3_vector(const float* x, float* y, int rows, int n, int logarithm) {
    __shared__ float shared[WARP];
    const float* row = x + (long long)blockIdx.x * n;
    float* out = y + (long long)blockIdx.x * n;
    if (n % 4 == 0 && n <= 4 * QUADS * THREADS) {  // x and y begin at multiples of 16 bytes, so their rows do, too
        kept((const float4*)row, (float4*)out, n / 4, logarithm, shared);
        return;
    }
    float mine = -INFINITY, sum = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) {
        const float larger = Max::of(mine, row[i]);
        if (larger != -INFINITY) sum = sum * expf(mine - larger) + expf(row[i] - larger);
        mine = larger;
    }
    const float top = of_block<Max>(mine, shared, -INFINITY);
    sum = sum_of_block(mine == -INFINITY && top != -INFINITY ? 0 : sum * expf(mine - top), shared);
    for (int i = threadIdx.x; i < n; i += THREADS) out[i] = softmax_of(row[i], top, sum, logarithm);
}
