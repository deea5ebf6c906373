// A dropout mask of n numbers: 0 where u < p, else scale, for u = (a word's upper 24 bits) 2^-24: threshold = ceil(p 2^24).
//
// Word i is that of Philox block offset + i / 4: the mask that the CPU makes, bit for bit. A thread makes four words and
// writes them in one 16-byte store. `later`, if not null, is added to the offset: it lies on the GPU, so that a captured
// training step draws new numbers in each replay.
#include "philox.cuh"

extern "C" __global__ void dropout_mask(unsigned long long seed, unsigned long long offset, const long long* later,
                                        unsigned threshold, float scale, float* out, long long n) {
    const long long block = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (4 * block >= n) return;
    const uint4 w = philox(seed, offset + block + (later ? *later : 0));
    const float4 mask = make_float4(w.x >> 8 < threshold ? 0 : scale, w.y >> 8 < threshold ? 0 : scale,
                                    w.z >> 8 < threshold ? 0 : scale, w.w >> 8 < threshold ? 0 : scale);
    if (4 * block + 4 <= n) {
        ((float4*)out)[block] = mask;
        return;
    }
    const float parts[4] = {mask.x, mask.y, mask.z, mask.w};
    for (int k = 0; k < 3; k++) {
        if (4 * block + k < n) out[4 * block + k] = parts[k];
    }
}
