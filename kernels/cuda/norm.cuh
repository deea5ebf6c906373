// The mean and the deviation of a block's numbers, in float32 without losing digits where the mean is large.
//
// A first pass finds the mean, rounded to float32; a second one sums the distances d from it and their squares. The mean
// of d is what the rounding has lost: the mean is kept as two floats, high and low, and the variance is that of d.
#pragma once
#include "block.cuh"

struct Statistics {
    float high, low, rstd, var;
    __device__ float normalised(float x) const { return ((x - high) - low) * rstd; }
};

__device__ inline Statistics statistics(float high, float sum_d, float sum_d2, float n, float eps) {
    const float low = sum_d / n;
    const float var = fmaxf(sum_d2 / n - low * low, 0.0f);
    return {high, low, 1.0f / sqrtf(var + eps), var};
}
