// What all rungs write: y = e^(x - top) / sum, or for the logarithm x - top - log(sum).
#pragma once
#include "block.cuh"

__device__ inline float softmax_of(float x, float top, float sum, int logarithm) {
    return logarithm ? x - top - logf(sum) : expf(x - top) / sum;
}
