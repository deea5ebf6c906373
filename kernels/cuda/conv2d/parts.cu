// What blocks have computed of a convolution apart, each for its share of k (conv.cuh), becomes one result.
//
// parts (splits, size) -> y (size): the sum, always in the same order, and with a bias v = sum + bias, y = max(v, slope v)
// as conv2d_bias has it. A thread adds four neighbours, read 16 bytes at a time.
#include "quad.cuh"
#define THREADS 256

extern "C" __global__ void conv2d_parts(const float* parts, float* y, int splits, int size, const float* bias, int channels,
                                        int area, float slope) {
    const int first = 4 * (blockIdx.x * THREADS + threadIdx.x);
    if (first >= size) return;
    const int count = min(4, size - first);
    const bool wide = size % 4 == 0;  // y and parts begin at multiples of 16 bytes
    float sum[4] = {};
#pragma unroll 4
    for (int p = 0; p < splits; ++p) {
        const float* from = parts + (long long)p * size + first;
        float part[4] = {};
        if (wide) split(load4(from), part);
        for (int n = 0; !wide && n < count; ++n) part[n] = from[n];
#pragma unroll
        for (int n = 0; n < 4; ++n) sum[n] += part[n];
    }
    for (int n = 0; bias && n < count; ++n) {
        const float v = sum[n] + bias[(first + n) / area % channels];
        sum[n] = v < 0 ? slope * v : v;
    }
    if (wide) {
        *reinterpret_cast<float4*>(y + first) = make_float4(sum[0], sum[1], sum[2], sum[3]);
        return;
    }
    for (int n = 0; n < count; ++n) y[first + n] = sum[n];
}
