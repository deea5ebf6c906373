// The same tiles, moved four numbers at a time: one 16-byte instruction instead of four of 4 bytes.
#pragma once
#include "panel.cuh"
#include "quad.cuh"

// A thread's part of a tile of OUTERS x BK numbers, on its way from global memory to shared memory.
template <int THREADS, int OUTERS, int BK>
struct Share {
    static constexpr int COUNT = OUTERS * BK / 4 / THREADS;
    static_assert(COUNT * 4 * THREADS == OUTERS * BK && BK % 8 == 0, "every thread moves as much");
    float4 part[COUNT];

    // Four neighbours along k where that is how they lie in memory, else four neighbours along o. In the first case two
    // threads share a row's sector of 32 bytes, and 16 rows follow each other: into shared memory they go by 16 banks.
    static __device__ __forceinline__ void place(bool along_k, int n, int& o, int& k) {
        const int e = threadIdx.x + n * THREADS;
        o = along_k ? e / 2 % OUTERS : e % (OUTERS / 4) * 4;
        k = along_k ? (e % 2 + e / (2 * OUTERS) * 2) * 4 : e / (OUTERS / 4);
    }

    // Read numbers (o0 .., k0 ..) of the panel, 0 beyond its edges.
    __device__ __forceinline__ void fetch(const Panel& p, int o0, int k0) {
        const bool along_k = p.inner == 1;
        const bool wide = aligned(p.data) && (along_k ? p.outer % 4 == 0 : p.outer == 1 && p.inner % 4 == 0);
#pragma unroll
        for (int n = 0; n < COUNT; ++n) {
            int o, k;
            place(along_k, n, o, k);
            o += o0, k += k0;
            if (wide && (along_k ? o < p.count && k + 3 < p.K : o + 3 < p.count && k < p.K))
                part[n] = load4(p.data + (long long)o * p.outer + (long long)k * p.inner);
            else if (along_k)
                part[n] = make_float4(at(p, o, k), at(p, o, k + 1), at(p, o, k + 2), at(p, o, k + 3));
            else
                part[n] = make_float4(at(p, o, k), at(p, o + 1, k), at(p, o + 2, k), at(p, o + 3, k));
        }
    }

    // tile[k][o] = change(number)
    template <int STRIDE, class Change>
    __device__ __forceinline__ void put(float (&tile)[BK][STRIDE], const Panel& p, Change change) const {
        const bool along_k = p.inner == 1;
#pragma unroll
        for (int n = 0; n < COUNT; ++n) {
            int o, k;
            place(along_k, n, o, k);
            const float4 v = make_float4(change(part[n].x), change(part[n].y), change(part[n].z), change(part[n].w));
            if (along_k) {
                tile[k][o] = v.x;
                tile[k + 1][o] = v.y;
                tile[k + 2][o] = v.z;
                tile[k + 3][o] = v.w;
            } else {
                *reinterpret_cast<float4*>(&tile[k][o]) = v;
            }
        }
    }
};

// c[i][j .. j + 3] = v, as far as that lies inside of M x N.
__device__ __forceinline__ void store4(float* c, int M, int N, int i, int j, float4 v) {
    if (i >= M) return;
    c += (long long)i * N + j;
    if (j + 3 < N && aligned(c)) {
        *reinterpret_cast<float4*>(c) = v;
        return;
    }
    if (j < N) c[0] = v.x;
    if (j + 1 < N) c[1] = v.y;
    if (j + 2 < N) c[2] = v.z;
    if (j + 3 < N) c[3] = v.w;
}
