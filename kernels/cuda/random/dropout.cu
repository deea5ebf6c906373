// A dropout mask of n numbers: 0 where u < p, else scale, for u = (a word's upper 24 bits) 2^-24: threshold = ceil(p 2^24).
//
// Word i is that of Philox block offset + i / 4: the mask that the CPU makes, bit for bit. A thread makes MANY times four
// words, which do not wait for each other, and writes four in one 16-byte store. The words are compared as they are: the
// lower 8 bits of threshold 2^8 are 0. `later`, if not null, is added to the offset: it lies on the GPU, so that a
// captured training step draws new numbers in each replay.
#include "philox.cuh"
#define THREADS 256
#define MANY 4

extern "C" __global__ void __launch_bounds__(THREADS)
    dropout_mask(unsigned long long seed, unsigned long long offset, const long long* later, unsigned threshold,
                 float scale, float* out, long long n) {
    const long long first = (long long)blockIdx.x * (MANY * THREADS) + threadIdx.x;
    const unsigned least = threshold << 8;  // of a word that is kept
    const float kept = threshold >> 24 ? 0.0f : scale;  // p = 1 keeps nothing, and its least word has 33 bits
    offset += first + (later ? *later : 0);
#pragma unroll
    for (int k = 0; k < MANY; k++) {
        const long long block = first + k * THREADS;
        const uint4 w = philox(seed, offset + k * THREADS);
        const float4 mask = make_float4(w.x >= least ? kept : 0, w.y >= least ? kept : 0, w.z >= least ? kept : 0,
                                        w.w >= least ? kept : 0);
        if (4 * block + 4 <= n) {
            ((float4*)out)[block] = mask;
            continue;
        }
        const float parts[3] = {mask.x, mask.y, mask.z};
        for (int i = 0; i < 3; i++) {
            if (4 * block + i < n) out[4 * block + i] = parts[i];
        }
    }
}
