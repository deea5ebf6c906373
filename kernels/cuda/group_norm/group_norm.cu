// Group norm of x (N, C, S): mean and variance over each sample's group of C / groups channels and all S positions (Wu &
// He 2018), and with silu = 1 behind it z sigmoid(z), which saves a pass over memory each way.
//
// A group lies in memory as one row, and one block normalises it. Its first `kept` elements (of them the launch gives
// shared memory) are read once; of a longer group the rest is read twice, in one pass for the statistics (norm.cuh) and
// again from its end, which the second-level cache still holds. The channel of element i is i / S, found without a
// division for each (walk.cuh). Backward, dC/dx is layer norm's for g = gamma delta; each channel's sums for gamma and
// beta are one block's. blockDim.x is a multiple of 32.
#include "norm.cuh"
#include "walk.cuh"

__device__ inline float sigmoid(float z) { return 1.0f / (1.0f + expf(-z)); }

// The affine map of a channel.
struct Affine {
    float w, b;
    __device__ __forceinline__ Affine(const float* weight, const float* bias, int c)
        : w(weight ? weight[c] : 1.0f), b(bias ? bias[c] : 0.0f) {}
};

template <class T>
__device__ __forceinline__ Statistics normalise(const float* x, const float* weight, const float* bias, float* y,
                                                int groups, int channels, int S, float eps, int silu, int kept,
                                                float* memory, float* shared) {
    constexpr int WIDE = sizeof(T) / sizeof(float);
    const int per_group = channels / groups, n = per_group * S, all = n / WIDE, in_shared = min(kept / WIDE, all);
    const int last = blockIdx.x % groups * per_group + per_group - 1;  // the group's last channel
    const T* row = (const T*)(x + (long long)blockIdx.x * n);
    T* out = (T*)(y + (long long)blockIdx.x * n);
    T* here = (T*)memory;
    Seen seen = {0, 0, 0, 0};
    walk_over(threadIdx.x, all, blockDim.x, all, [&](const Walk&, int i) { return row[i]; },
              [&](T v, const Walk&, int i) {
                  if (i < in_shared) here[i] = v;
                  if (seen.count == 0) seen.shift = first(v);
                  seen.add(v), seen.count += WIDE;
              });
    seen = together(seen, n, [&](float v) { return sum_of_block(v, shared); });
    const Statistics s = statistics(seen.shift, seen.sum, seen.squares, n, eps);
    walk_over(  // from the last element to the first one
        threadIdx.x, all, blockDim.x, S / WIDE,
        [&](const Walk&, int j) { return all - 1 - j < in_shared ? here[all - 1 - j] : __ldcs(row + all - 1 - j); },
        [&](T v, const Walk& walk, int j) {
            const Affine to(weight, bias, last - walk.whole);
            v = map(v, [&](float one) { return s.normalised(one) * to.w + to.b; });
            if (silu) v = map(v, [](float z) { return z * sigmoid(z); });
            put(out + all - 1 - j, v, in_shared < all);
        });
    return s;
}

extern "C" __global__ void __launch_bounds__(512, 2)
    group_norm(const float* __restrict__ x, const float* __restrict__ weight, const float* __restrict__ bias,
               float* __restrict__ y, float* mean, float* rstd, int groups, int channels, int S, float eps, int silu,
               int kept) {
    extern __shared__ float4 memory[];  // 32 floats for sums, then `kept` floats
    float *shared = (float*)memory, *here = shared + WARP;
    const Statistics s =
        S % 4 == 0 ? normalise<float4>(x, weight, bias, y, groups, channels, S, eps, silu, kept, here, shared)
                   : normalise<float>(x, weight, bias, y, groups, channels, S, eps, silu, kept, here, shared);
    if (threadIdx.x == 0) mean[2 * blockIdx.x] = s.high, mean[2 * blockIdx.x + 1] = s.low, rstd[blockIdx.x] = s.rstd;
}

template <class T>
struct Two {
    T x, delta;
};

// delta times the derivative of what stands behind the norm: silu'(z) = s + z s (1 - s), s = sigmoid(z).
__device__ inline float behind(float delta, float xhat, Affine to, int silu) {
    if (!silu) return delta;
    const float z = xhat * to.w + to.b, s = sigmoid(z);
    return delta * (s + z * s * (1.0f - s));
}

template <class T>
__device__ __forceinline__ void gradient(const float* x, Statistics s, const float* weight, const float* bias,
                                         const float* delta, float* dx, int groups, int channels, int S, int silu,
                                         float* shared) {
    constexpr int WIDE = sizeof(T) / sizeof(float);
    const int per_group = channels / groups, n = per_group * S, all = n / WIDE;
    const int first_channel = blockIdx.x % groups * per_group, last = first_channel + per_group - 1;
    const long long start = (long long)blockIdx.x * n;
    const T *rows = (const T*)(x + start), *deltas = (const T*)(delta + start);
    float sum_g = 0, sum_gx = 0;
    walk_over(threadIdx.x, all, blockDim.x, S / WIDE, [&](const Walk&, int i) { return Two<T>{rows[i], deltas[i]}; },
              [&](Two<T> v, const Walk& walk, int) {
                  const Affine to(weight, bias, first_channel + walk.whole);
                  const T xhat = map(v.x, [&](float one) { return s.normalised(one); });
                  const T g = map(v.delta, xhat, [&](float d, float h) { return to.w * behind(d, h, to, silu); });
                  sum_g += added(g), sum_gx += added(map(g, xhat, [](float a, float b) { return a * b; }));
              });
    sum_g = sum_of_block(sum_g, shared) / n;
    sum_gx = sum_of_block(sum_gx, shared) / n;
    walk_over(  // from the last element to the first one
        threadIdx.x, all, blockDim.x, S / WIDE,
        [&](const Walk&, int j) { return Two<T>{__ldcs(rows + all - 1 - j), __ldcs(deltas + all - 1 - j)}; },
        [&](Two<T> v, const Walk& walk, int j) {
            const Affine to(weight, bias, last - walk.whole);
            ((T*)(dx + start))[all - 1 - j] = map(v.x, v.delta, [&](float one, float d) {
                const float xhat = s.normalised(one);
                return (to.w * behind(d, xhat, to, silu) - (sum_g + xhat * sum_gx)) * s.rstd;
            });
        });
}

extern "C" __global__ void __launch_bounds__(512, 2)
    group_norm_vjp(const float* __restrict__ x, const float* __restrict__ mean, const float* __restrict__ rstd,
                   const float* __restrict__ weight, const float* __restrict__ bias, const float* __restrict__ delta,
                   float* __restrict__ dx, int groups, int channels, int S, int silu) {
    __shared__ float shared[WARP];
    const Statistics s = {mean[2 * blockIdx.x], mean[2 * blockIdx.x + 1], rstd[blockIdx.x], 0};
    if (S % 4 == 0) gradient<float4>(x, s, weight, bias, delta, dx, groups, channels, S, silu, shared);
    else gradient<float>(x, s, weight, bias, delta, dx, groups, channels, S, silu, shared);
}

template <class T>
__device__ __forceinline__ void sums_of(const float* x, const float* mean, const float* rstd, Affine to,
                                        const float* delta, int N, int groups, int channels, int S, int silu,
                                        float& sum_dx, float& sum_d) {
    constexpr int WIDE = sizeof(T) / sizeof(float);
    const int c = blockIdx.x, group = c / (channels / groups);
    const auto at = [&](const Walk& walk) { return (long long)(walk.whole * channels + c) * (S / WIDE) + walk.place; };
    walk_over(threadIdx.x, N * (S / WIDE), blockDim.x, S / WIDE,
              [&](const Walk& walk, int) { return Two<T>{((const T*)x)[at(walk)], ((const T*)delta)[at(walk)]}; },
              [&](Two<T> v, const Walk& walk, int) {
                  const int row = walk.whole * groups + group;
                  const Statistics s = {mean[2 * row], mean[2 * row + 1], rstd[row], 0};
                  const T xhat = map(v.x, [&](float one) { return s.normalised(one); });
                  const T d = map(v.delta, xhat, [&](float one, float h) { return behind(one, h, to, silu); });
                  sum_d += added(d), sum_dx += added(map(d, xhat, [](float a, float b) { return a * b; }));
              });
}

extern "C" __global__ void __launch_bounds__(1024)
    group_norm_weights(const float* __restrict__ x, const float* __restrict__ mean, const float* __restrict__ rstd,
                       const float* __restrict__ weight, const float* __restrict__ bias,
                       const float* __restrict__ delta, float* dweight, float* dbias, int N, int groups, int channels,
                       int S, int silu) {
    __shared__ float shared[WARP];
    const int c = blockIdx.x;
    const Affine to(weight, bias, c);
    float sum_dx = 0, sum_d = 0;
    if (S % 4 == 0) sums_of<float4>(x, mean, rstd, to, delta, N, groups, channels, S, silu, sum_dx, sum_d);
    else sums_of<float>(x, mean, rstd, to, delta, N, groups, channels, S, silu, sum_dx, sum_d);
    sum_dx = sum_of_block(sum_dx, shared);
    sum_d = sum_of_block(sum_d, shared);
    if (threadIdx.x == 0) dweight[c] = sum_dx, dbias[c] = sum_d;
}
