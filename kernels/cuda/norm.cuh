// The mean and the deviation of many numbers, in float32 without losing digits where the mean is large.
//
// The mean is kept as two floats: high, a rounded mean, and low, what the rounding has lost. With d = x - high, low is the
// mean of d, and the variance is that of d. The distances d need the mean first: so a first pass over the numbers finds
// it and a second one sums d and d^2.
//
// One pass is enough if each thread takes the distances from its own first number (Seen): what n threads have seen is
// put together afterwards, in two steps over n summaries in place of two passes over all numbers (Chan, Golub & LeVeque
// 1983). An unlucky first number costs little: its distance D from the others is itself part of the sum of squares, which
// is at least D^2 (1 - 1 / count), so squares no larger than count D^2 lose at most a factor count of precision.
#pragma once
#include "block.cuh"
#include "each.cuh"

struct Statistics {
    float high, low, rstd, var;
    __device__ float normalised(float x) const { return ((x - high) - low) * rstd; }
};

__device__ inline Statistics statistics(float high, float sum_d, float sum_d2, float n, float eps) {
    const float low = sum_d / n;
    const float var = fmaxf(sum_d2 / n - low * low, 0.0f);
    return {high, low, 1.0f / sqrtf(var + eps), var};
}

// y = x^ w + b, for one channel.
struct Affine {
    float w, b;
    __device__ __forceinline__ Affine(const float* weight, const float* bias, int c)
        : w(weight ? weight[c] : 1.0f), b(bias ? bias[c] : 0.0f) {}
    template <class T>
    __device__ __forceinline__ T of(T v, Statistics s) const {
        return map(v, [&](float x) { return s.normalised(x) * w + b; });
    }
};

struct Seen {
    float shift, sum, squares, count;  // of d = x - shift
    __device__ __forceinline__ void next(float x) {
        if (count == 0) shift = x;
        const float d = x - shift;
        sum += d, squares += d * d, count += 1;
    }
    __device__ __forceinline__ void next(float4 v) {
        if (count == 0) shift = v.x;
        const float a = v.x - shift, b = v.y - shift, c = v.z - shift, d = v.w - shift;
        sum += (a + b) + (c + d), squares += (a * a + b * b) + (c * c + d * d), count += 4;
    }
};

// What all of a team's threads have seen together, as distances from their common mean; n numbers in all. `sum` adds up
// the team's numbers.
template <class Sum>
__device__ __forceinline__ Seen together(Seen mine, float n, Sum sum) {
    const float own = mine.count > 0 ? mine.sum / mine.count : 0.0f;
    const float high = sum(mine.count * mine.shift + mine.sum) / n;
    const float d = (mine.shift - high) + own;
    const float all = sum(mine.count * d);
    return {high, all, sum(mine.count * d * d + fmaxf(mine.squares - mine.sum * own, 0.0f)), n};
}
