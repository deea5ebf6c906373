// A dropout mask of n numbers: 0 where u < p, else scale, for u = (a word's upper 24 bits) 2^-24: threshold = ceil(p 2^24).
//
// Word i is that of Philox block offset + i / 4: the mask that the CPU makes, bit for bit. A thread makes MANY times four
// words, which do not wait for each other, and writes four in one 16-byte store. The words are compared as they are: the
// lower 8 bits of threshold 2^8 are 0. `later`, if not null, is added to the offset: it lies on the GPU, so that a
// captured training step draws new numbers in each replay.
#include "philox.cuh"
#define THREADS 256
#define MANY 4

struct Mask {
    unsigned least;  // word that is kept
    float kept;
    __device__ __forceinline__ float4 of(uint4 w) const {
        return make_float4(w.x >= least ? kept : 0, w.y >= least ? kept : 0, w.z >= least ? kept : 0,
                           w.w >= least ? kept : 0);
    }
};

extern "C" __global__ void __launch_bounds__(THREADS)
    dropout_mask(unsigned long long seed, unsigned long long offset, const long long* later, unsigned threshold,
                 float scale, float* out, long long n) {
    const long long start = (long long)blockIdx.x * (MANY * THREADS);  // the first four of this block
    const int all = (int)min(n - 4 * start, 4ll * MANY * THREADS), quads = all / 4;
    const Mask mask = {threshold << 8, threshold >> 24 ? 0.0f : scale};  // p = 1 keeps nothing: 2^32 does not fit
    offset += start + (later ? *later : 0);
    out += 4 * start;
#pragma unroll
    for (int k = 0; k < MANY; k++) {
        const int i = threadIdx.x + k * THREADS;
        const float4 four = mask.of(philox(seed, offset + i));
        if (i < quads) ((float4*)out)[i] = four;
    }
    const int rest = all - 4 * quads;  // of the mask's end
    if (threadIdx.x < rest) {
        const float4 four = mask.of(philox(seed, offset + quads));
        out[4 * quads + threadIdx.x] = threadIdx.x == 0 ? four.x : threadIdx.x == 1 ? four.y : four.z;
    }
}
