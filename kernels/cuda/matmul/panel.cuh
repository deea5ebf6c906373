// How the rungs see their operands: a as M rows of length K, b as N columns of length K. Both are the same thing.
#pragma once

// Number (o, k) of `count` x K stands at data[o * outer + k * inner].
struct Panel {
    const float* data;
    int count, K, outer, inner;
};

__device__ __forceinline__ float at(const Panel& p, int o, int k) {
    return o < p.count && k < p.K ? p.data[(long long)o * p.outer + (long long)k * p.inner] : 0;  // 0 adds nothing
}

// tile[k][o] = number (o0 + o, k0 + k) of the panel, 0 beyond its edges; OUTERS x BK of them, by THREADS threads.
// Neighbouring threads take neighbouring addresses, whichever way the matrix lies in memory.
template <int THREADS, int OUTERS, int BK, int STRIDE>
__device__ __forceinline__ void fill(float (&tile)[BK][STRIDE], const Panel& p, int o0, int k0) {
    for (int e = threadIdx.x; e < OUTERS * BK; e += THREADS) {
        const int o = p.inner == 1 ? e / BK : e % OUTERS;
        const int k = p.inner == 1 ? e % BK : e / OUTERS;
        tile[k][o] = at(p, o0 + o, k0 + k);
    }
}
