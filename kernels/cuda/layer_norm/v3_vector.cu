// Layer norm of each row: see v1_tree. Third rung: the row is read once, in 16-byte loads.
//
// What changed: a thread keeps up to 16 elements in registers, so rows of up to 4096 elements leave memory once. Where n
// is a multiple of 4, each load and store takes four elements (LDG.E.128). Other rows go as in v2_warp.
#include "norm.cuh"
#define THREADS 256
#define QUADS 4  // float4s that a thread keeps

__device__ inline float4 quad(const float* a, int i, float otherwise) {
    return a ? ((const float4*)a)[i] : make_float4(otherwise, otherwise, otherwise, otherwise);
}

extern "C" __global__ void layer_norm_v3_vector(const float* x, const float* weight, const float* bias, float* y,
                                                float* mean, float* rstd, int rows, int n, float eps) {
    __shared__ float shared[WARP];
    const float* row = x + (long long)blockIdx.x * n;
    float* out = y + (long long)blockIdx.x * n;
    const int quads = n % 4 == 0 && n <= 4 * QUADS * THREADS ? n / 4 : 0;  // 0: one by one
    float4 v[QUADS];
    float sum = 0, d_sum = 0, d2_sum = 0;
#pragma unroll
    for (int k = 0; k < QUADS; k++) {
        const int i = threadIdx.x + k * THREADS;
        v[k] = i < quads ? ((const float4*)row)[i] : make_float4(0, 0, 0, 0);
        sum += (v[k].x + v[k].y) + (v[k].z + v[k].w);
    }
    for (int i = threadIdx.x; !quads && i < n; i += THREADS) sum += row[i];
    const float high = sum_of_block(sum, shared) / n;
#pragma unroll
    for (int k = 0; k < QUADS; k++) {
        if (threadIdx.x + k * THREADS < quads) {
            const float a = v[k].x - high, b = v[k].y - high, c = v[k].z - high, d = v[k].w - high;
            d_sum += (a + b) + (c + d), d2_sum += (a * a + b * b) + (c * c + d * d);
        }
    }
    for (int i = threadIdx.x; !quads && i < n; i += THREADS) {
        const float d = row[i] - high;
        d_sum += d, d2_sum += d * d;
    }
    d_sum = sum_of_block(d_sum, shared);
    const Statistics s = statistics(high, d_sum, sum_of_block(d2_sum, shared), n, eps);
#pragma unroll
    for (int k = 0; k < QUADS; k++) {
        const int i = threadIdx.x + k * THREADS;
        if (i < quads) {
            const float4 w = quad(weight, i, 1), b = quad(bias, i, 0);
            ((float4*)out)[i] = make_float4(s.normalised(v[k].x) * w.x + b.x, s.normalised(v[k].y) * w.y + b.y,
                                            s.normalised(v[k].z) * w.z + b.z, s.normalised(v[k].w) * w.w + b.w);
        }
    }
    for (int i = threadIdx.x; !quads && i < n; i += THREADS) {
        out[i] = s.normalised(row[i]) * (weight ? weight[i] : 1.0f) + (bias ? bias[i] : 0.0f);
    }
    if (threadIdx.x == 0) mean[2 * blockIdx.x] = s.high, mean[2 * blockIdx.x + 1] = s.low, rstd[blockIdx.x] = s.rstd;
}
