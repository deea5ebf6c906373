// Convolution. Second rung: a patch of x in shared memory. (The gradients have no such rung.)
//
// What changed: a block makes 16 x 16 places of one image for 8 output channels. For each input channel, its threads load
// together the patch of x that these places see, and the 8 kernels; then every element of the patch is used by up to
// KH KW places and 8 channels. The patch has ((16 - 1) sh + (KH - 1) dh + 1) rows, and columns likewise: its size is
// known when the kernel is launched, so it stands in dynamic shared memory.
#include "conv.cuh"
#define TILE 16
#define CHANNELS 8

extern "C" __global__ void conv2d_v2_shared(const float* x, const float* w, float* y,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups) {
    extern __shared__ float shared[];
    const int outputs = O / groups, channels = C / groups, across = (OW + TILE - 1) / TILE;
    const int tx = threadIdx.x % TILE, ty = threadIdx.x / TILE;
    const int i0 = blockIdx.x / across * TILE, j0 = blockIdx.x % across * TILE;  // the block's first place
    const int blocks = (outputs + CHANNELS - 1) / CHANNELS;
    const int group = blockIdx.y / blocks, o0 = blockIdx.y % blocks * CHANNELS, n = blockIdx.z;
    const int rows = (TILE - 1) * sh + (KH - 1) * dh + 1, columns = (TILE - 1) * sw + (KW - 1) * dw + 1;
    float* patch = shared;
    float* kernel = shared + rows * columns;  // (CHANNELS, KH, KW)
    float sum[CHANNELS] = {};
    for (int c = 0; c < channels; c++) {
        const float* plane = x + ((long long)n * C + group * channels + c) * H * W;
        for (int e = threadIdx.x; e < rows * columns; e += TILE * TILE) {
            const int h = i0 * sh - ph + e / columns, v = j0 * sw - pw + e % columns;
            patch[e] = (unsigned)h < (unsigned)H && (unsigned)v < (unsigned)W ? plane[(long long)h * W + v] : 0.0f;
        }
        for (int e = threadIdx.x; e < CHANNELS * KH * KW; e += TILE * TILE) {
            const int o = o0 + e / (KH * KW);
            const long long at = (((long long)group * outputs + o) * channels + c) * (KH * KW) + e % (KH * KW);
            kernel[e] = o < outputs ? w[at] : 0.0f;
        }
        __syncthreads();
        for (int p = 0; p < KH; p++) {
            for (int q = 0; q < KW; q++) {
                const float value = patch[(ty * sh + p * dh) * columns + tx * sw + q * dw];
#pragma unroll
                for (int o = 0; o < CHANNELS; o++) sum[o] += value * kernel[(o * KH + p) * KW + q];
            }
        }
        __syncthreads();
    }
    const int i = i0 + ty, j = j0 + tx;
#pragma unroll
    for (int o = 0; o < CHANNELS; o++) {
        if (i < OH && j < OW && o0 + o < outputs) {
            y[(((long long)n * O + group * outputs + o0 + o) * OH + i) * OW + j] = sum[o];
        }
    }
}
