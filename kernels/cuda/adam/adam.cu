// One step of Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019) for all parameters in one launch:
//
//     m := b1 m + (1 - b1) g     v := b2 v + (1 - b2) g^2     w := w - lr / c1 m / (sqrt(v) / sqrt(c2) + eps)
//
// A network has dozens of small parameters, and each launch costs microseconds: so the kernel gets a table of their
// addresses, and block b works on chunk b. where[2 b] is the parameter's number, where[2 b + 1] the chunk's in it.
// hyper = (lr, step) lies on the GPU: a captured training step is replayed with other values.
//
// Seven numbers move for a dozen operations, so what counts is how much is on its way: where all four arrays begin at
// multiples of 16 bytes, a thread asks for 8 float4s before it uses one. The corrections c = 1 - b^step are found in
// double precision by one thread of each block while the first of them travel.
#include "quad.cuh"
#define THREADS 256
#define CHUNK 4096
#define MANY 2  // float4s of each array that a thread has under way

struct Step {
    float size, root_c2, kept_w, a1, a2, b1, b2, eps, decay;
    int decoupled;
    __device__ __forceinline__ void update(float& w, float g, float& m, float& v) const {
        if (decoupled) w *= kept_w; else g += decay * w;
        m = b1 >= 0.5f ? m + a1 * (g - m) : b1 * m + a1 * g;  // each rounds less in its range
        v = b2 * v + a2 * g * g;
        w -= size * m / (sqrtf(v) / root_c2 + eps);
    }
    __device__ __forceinline__ void update(float4& w, float4 g, float4& m, float4& v) const {
        update(w.x, g.x, m.x, v.x), update(w.y, g.y, m.y, v.y), update(w.z, g.z, m.z, v.z), update(w.w, g.w, m.w, v.w);
    }
};

__device__ __forceinline__ bool all_aligned(const float* a, const float* b, const float* c, const float* d) {
    return aligned(a) && aligned(b) && aligned(c) && aligned(d);
}

extern "C" __global__ void __launch_bounds__(THREADS, 4)
    adam(const unsigned long long* table, const int* where, const int* sizes, int count, const double* hyper,
         double beta1, double beta2, float eps, float decay, int decoupled) {
    __shared__ float found[3];
    const int p = where[2 * blockIdx.x], start = where[2 * blockIdx.x + 1] * CHUNK;
    float* w = (float*)table[p] + start;
    const float* g = (const float*)table[count + p] + start;
    float* m = (float*)table[2 * count + p] + start;
    float* v = (float*)table[3 * count + p] + start;
    const int n = min(CHUNK, sizes[p] - start), quads = all_aligned(w, g, m, v) ? n / 4 : 0;
    float4 ws[MANY], gs[MANY], ms[MANY], vs[MANY];
    const auto load = [&](int i) {
#pragma unroll
        for (int k = 0; k < MANY; k++) {
            const int at = 4 * (i + k * THREADS);
            if (i + k * THREADS < quads) {
                gs[k] = load4(g + at), ws[k] = load4(w + at), ms[k] = load4(m + at), vs[k] = load4(v + at);
            }
        }
    };
    load(threadIdx.x);
    if (threadIdx.x == 0) {
        const double lr = hyper[0], step = hyper[1];
        found[0] = (float)(lr / (1.0 - pow(beta1, step)));
        found[1] = (float)sqrt(1.0 - pow(beta2, step));
        found[2] = decoupled ? (float)(1.0 - lr * decay) : 1.0f;
    }
    __syncthreads();
    const Step step = {found[0], found[1], found[2], (float)(1.0 - beta1), (float)(1.0 - beta2), (float)beta1,
                       (float)beta2, eps, decay, decoupled};
    for (int i = threadIdx.x; i < quads; i += MANY * THREADS) {
        if (i != threadIdx.x) load(i);
#pragma unroll
        for (int k = 0; k < MANY; k++) {
            const int at = i + k * THREADS;
            if (at < quads) {
                step.update(ws[k], gs[k], ms[k], vs[k]);
                ((float4*)w)[at] = ws[k], ((float4*)m)[at] = ms[k], ((float4*)v)[at] = vs[k];
            }
        }
    }
    for (int i = 4 * quads + threadIdx.x; i < n; i += THREADS) {
        float wi = w[i], mi = m[i], vi = v[i];
        step.update(wi, g[i], mi, vi);
        w[i] = wi, m[i] = mi, v[i] = vi;
    }
}

// A captured step counts by itself: step += 1, and what the random numbers of one replay use up is added to the offset.
extern "C" __global__ void advance(double* hyper, long long* later, long long blocks) {
    if (hyper) hyper[1] += 1.0;
    if (later) *later += blocks;
}
