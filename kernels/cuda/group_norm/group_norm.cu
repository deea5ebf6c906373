// Group norm of x (N, C, S): mean and variance over each sample's group of C / groups channels and all S positions (Wu &
// He 2018), and with silu = 1 behind it z sigmoid(z), which saves a pass over memory each way.
//
// A group lies in memory as one row. One that a block can keep is its work, and leaves memory once (kept.cuh); a longer one
// falls into parts, behind batch_norm_see (part.cuh). The channel of element i is i / S, found without a division for each
// (walk.cuh). Backward, dC/dx is layer norm's for g = gamma delta; each channel's sums for gamma and beta are one block's.
// blockDim.x is a multiple of 32.
#include "kept.cuh"
#include "part.cuh"

__device__ inline float sigmoid(float z) { return 1.0f / (1.0f + expf(-z)); }

// What stands behind the statistics.
template <class T>
__device__ __forceinline__ T normalised(T v, Statistics s, Affine to, int silu) {
    v = to.of(v, s);
    return silu ? map(v, [](float z) { return z * sigmoid(z); }) : v;
}

template <class T>
__device__ __forceinline__ Statistics normalise(const float* x, const float* weight, const float* bias, float* y,
                                                int groups, int channels, int S, float eps, int silu, float* memory,
                                                float* shared) {
    constexpr int WIDE = sizeof(T) / sizeof(float);
    const int per_group = channels / groups, n = per_group * S, first_channel = blockIdx.x % groups * per_group;
    const T* row = (const T*)(x + (long long)blockIdx.x * n);
    T* out = (T*)(y + (long long)blockIdx.x * n);
    Kept<T, 4> kept(memory, n / WIDE, S / WIDE);
    Seen seen = {0, 0, 0, 0};
    kept.read([&](const Walk&, int i) { return row[i]; }, [&](T v) { seen.next(v); });
    seen = together(seen, n, [&](float v) { return sum_of_block(v, shared); });
    const Statistics s = statistics(seen.shift, seen.sum, seen.squares, n, eps);
    kept.again([&](T v, const Walk& walk, int i) {
        out[i] = normalised(v, s, Affine(weight, bias, first_channel + walk.whole), silu);
    });
    return s;
}

extern "C" __global__ void __launch_bounds__(1024)
    group_norm(const float* __restrict__ x, const float* __restrict__ weight, const float* __restrict__ bias,
               float* __restrict__ y, float* mean, float* rstd, int groups, int channels, int S, float eps, int silu) {
    extern __shared__ float4 memory[];  // 32 floats for sums, then what registers do not hold
    float *shared = (float*)memory, *here = shared + WARP;
    const Statistics s = S % 4 == 0
                             ? normalise<float4>(x, weight, bias, y, groups, channels, S, eps, silu, here, shared)
                             : normalise<float>(x, weight, bias, y, groups, channels, S, eps, silu, here, shared);
    if (threadIdx.x == 0) mean[2 * blockIdx.x] = s.high, mean[2 * blockIdx.x + 1] = s.low, rstd[blockIdx.x] = s.rstd;
}

template <class T>
__device__ __forceinline__ void normalise_in_parts(const float* x, const float* weight, const float* bias, float* y,
                                                   Statistics s, int row, int rows, int groups, int channels, int S,
                                                   int silu, int splits) {
    const int per_group = channels / groups, n = per_group * S, first_channel = row % groups * per_group;
    const Part<T> part(row, splits - 1 - blockIdx.y, 1, rows, n, splits);
    const T* of_x = (const T*)(x + (long long)row * n);
    T* of_y = (T*)(y + (long long)row * n);
    walk_over(part.start + threadIdx.x, part.end, blockDim.x, S * sizeof(float) / sizeof(T),
              [&](const Walk&, int i) { return __ldcs(of_x + i); },
              [&](T v, const Walk& walk, int i) {
                  __stcs(of_y + i, normalised(v, s, Affine(weight, bias, first_channel + walk.whole), silu));
              });
}

extern "C" __global__ void __launch_bounds__(256, 5)
    group_norm_in_parts(const float* __restrict__ x, const float* __restrict__ seen, const float* __restrict__ weight,
                        const float* __restrict__ bias, float* __restrict__ y, float* mean, float* rstd, int rows,
                        int groups, int channels, int S, float eps, int silu, int splits) {
    const int row = rows - 1 - blockIdx.x;
    const Statistics s = statistics_of((const Seen*)seen, row, rows, splits, (float)(channels / groups) * S, eps);
    if (S % 4 == 0) normalise_in_parts<float4>(x, weight, bias, y, s, row, rows, groups, channels, S, silu, splits);
    else normalise_in_parts<float>(x, weight, bias, y, s, row, rows, groups, channels, S, silu, splits);
    if (threadIdx.x == 0 && blockIdx.y == 0) mean[2 * row] = s.high, mean[2 * row + 1] = s.low, rstd[row] = s.rstd;
}

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
