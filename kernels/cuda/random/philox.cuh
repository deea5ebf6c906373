// Philox4x32-10, a counter-based generator (Salmon, Moraes, Dror & Shaw, SC 2011): block b of a stream is ten rounds on
// the counter (b, b >> 32, 0, 0) with the seed as key. No state, so every thread makes its own four words, and they are
// bitwise those of the CPU (minigen/backend/philox.py).
#pragma once
#include "ptx.cuh"

__device__ inline uint4 philox(unsigned long long seed, unsigned long long block) {
    uint4 c = make_uint4((unsigned)block, (unsigned)(block >> 32), 0, 0);
    unsigned k0 = (unsigned)seed, k1 = (unsigned)(seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const uint2 p0 = wide_product(0xD2511F53u, c.x), p1 = wide_product(0xCD9E8D57u, c.z);
        c = make_uint4(p1.y ^ c.y ^ k0, p1.x, p0.y ^ c.w ^ k1, p0.x);
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return c;
}
