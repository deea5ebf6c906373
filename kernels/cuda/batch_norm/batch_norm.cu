// Batch norm of x (N, C, S): mean and variance of each channel over all N S of its elements (Ioffe & Szegedy 2015).
//
// Memory is all that counts. A channel that a block can keep is its work, and leaves memory once (kept.cuh). Longer
// channels, and few ones, are split among blocks, 32 at most, which takes two launches (part.cuh): x is read twice.
// Backward is alike, with two sums for the statistics. Four 16-byte loads of each thread are under way at once. Stores of
// large arrays are marked as what the second-level cache should drop first. No atomics: the same bits each time.
#include "kept.cuh"
#include "part.cuh"
#define THREADS 256
#define LARGE (6ll << 20)  // floats: half of an H100's second-level cache

// What the forward kernels leave of channel c.
struct Results {
    float *mean, *parts, *var, *rstd;
    __device__ __forceinline__ void store(int c, Statistics s) const {
        mean[c] = s.high + s.low, parts[2 * c] = s.high, parts[2 * c + 1] = s.low, var[c] = s.var, rstd[c] = s.rstd;
    }
};

template <class T>
__device__ __forceinline__ Statistics whole(const float* x, Affine affine, float* y, int N, int C, int S, float eps,
                                            float* memory, float* shared) {
    const Row<T> channel(blockIdx.x, C, S);
    Kept<T, 4> kept(memory, N * channel.S, channel.S);
    Seen seen = {0, 0, 0, 0};
    kept.read([&](const Walk& walk, int) { return ((const T*)x)[channel.at(walk)]; }, [&](T v) { seen.next(v); });
    const float n = (float)N * S;
    seen = together(seen, n, [&](float v) { return sum_of_block(v, shared); });
    const Statistics s = statistics(seen.shift, seen.sum, seen.squares, n, eps);
    kept.again([&](T v, const Walk& walk, int) { ((T*)y)[channel.at(walk)] = affine.of(v, s); });
    return s;
}

extern "C" __global__ void __launch_bounds__(1024)
    batch_norm(const float* __restrict__ x, const float* __restrict__ weight, const float* __restrict__ bias,
               float* __restrict__ y, float* mean, float* parts, float* var, float* rstd, int N, int C, int S,
               float eps) {
    extern __shared__ float4 memory[];  // 32 floats for sums, then what registers do not hold
    float *shared = (float*)memory, *here = shared + WARP;
    const Affine affine(weight, bias, blockIdx.x);
    const Statistics s = S % 4 == 0 ? whole<float4>(x, affine, y, N, C, S, eps, here, shared)
                                    : whole<float>(x, affine, y, N, C, S, eps, here, shared);
    if (threadIdx.x == 0) Results{mean, parts, var, rstd}.store(blockIdx.x, s);
}

template <class T>
__device__ __forceinline__ Seen seen_of(const float* x, int N, int C, int S, int splits, float* shared) {
    const Part<T> part(blockIdx.x, blockIdx.y, N, C, S, splits);
    Seen seen = {0, 0, 0, 0};
    part.over([&](long long at) { return ((const T*)x)[at]; }, [&](T v, long long) { seen.next(v); });
    return together(seen, fmaxf(part.count(), 1.0f), [&](float v) { return sum_of_block(v, shared); });
}

// For any norm of long rows: what has been seen of each part, seen (splits, rows, 4).
extern "C" __global__ void batch_norm_see(const float* __restrict__ x, float* __restrict__ seen, int N, int C, int S,
                                          int splits) {
    __shared__ float shared[WARP];
    const Seen mine = S % 4 == 0 ? seen_of<float4>(x, N, C, S, splits, shared)
                                 : seen_of<float>(x, N, C, S, splits, shared);
    if (threadIdx.x == 0) ((Seen*)seen)[blockIdx.y * C + blockIdx.x] = mine;
}

template <class T>
__device__ __forceinline__ void in_parts(const float* x, Affine affine, float* y, Statistics s, int c, int N, int C,
                                         int S, int splits) {
    const bool large = (long long)C * N * S > LARGE;
    Part<T>(c, splits - 1 - blockIdx.y, N, C, S, splits)
        .over([&](long long at) { return __ldcs((const T*)x + at); },
              [&](T v, long long at) { put((T*)y + at, affine.of(v, s), large); });
}

extern "C" __global__ void __launch_bounds__(THREADS, 5)
    batch_norm_in_parts(const float* __restrict__ x, const float* __restrict__ seen, const float* __restrict__ weight,
                        const float* __restrict__ bias, float* __restrict__ y, float* mean, float* parts, float* var,
                        float* rstd, int N, int C, int S, float eps, int splits) {
    const int c = C - 1 - blockIdx.x;
    const Statistics s = statistics_of((const Seen*)seen, c, C, splits, (float)N * S, eps);
    const Affine affine(weight, bias, c);
    if (S % 4 == 0) in_parts<float4>(x, affine, y, s, c, N, C, S, splits);
    else in_parts<float>(x, affine, y, s, c, N, C, S, splits);
    if (threadIdx.x == 0 && blockIdx.y == 0) Results{mean, parts, var, rstd}.store(c, s);
}

// sum delta and sum delta x^, which are also the gradients of beta and gamma.
struct Sums {
    float d, dx;
    template <class T>
    __device__ __forceinline__ void next(Two<T> v, Statistics s) {
        d += added(v.delta);
        dx += added(map(v.x, v.delta, [&](float one, float delta) { return delta * s.normalised(one); }));
    }
};

// dC/dx = gamma / sigma (delta - mean(delta) - x^ mean(delta x^))
struct Gradient {
    Statistics s;
    float scale;
    Sums mean;
    __device__ __forceinline__ Gradient(Statistics s, float weight, Sums sums, float n)
        : s(s), scale(s.rstd * weight), mean{sums.d / n, sums.dx / n} {}
    template <class T>
    __device__ __forceinline__ T of(Two<T> v) const {
        return map(v.x, v.delta, [&](float x, float d) { return scale * (d - (mean.d + s.normalised(x) * mean.dx)); });
    }
};

template <class T>
__device__ __forceinline__ Sums whole_vjp(const float* x, Statistics s, float weight, const float* delta, float* dx,
                                          int N, int C, int S, float* memory, float* shared) {
    const Row<T> channel(blockIdx.x, C, S);
    Kept<Two<T>, 2> kept(memory, N * channel.S, channel.S);
    Sums sums = {0, 0};
    kept.read(
        [&](const Walk& walk, int) {
            return Two<T>{((const T*)x)[channel.at(walk)], ((const T*)delta)[channel.at(walk)]};
        },
        [&](Two<T> v) { sums.next(v, s); });
    sums = {sum_of_block(sums.d, shared), sum_of_block(sums.dx, shared)};
    const Gradient gradient(s, weight, sums, (float)N * S);
    kept.again([&](Two<T> v, const Walk& walk, int) { ((T*)dx)[channel.at(walk)] = gradient.of(v); });
    return sums;
}

extern "C" __global__ void __launch_bounds__(1024)
    batch_norm_vjp(const float* __restrict__ x, const float* __restrict__ parts, const float* __restrict__ rstd,
                   const float* __restrict__ weight, const float* __restrict__ delta, float* __restrict__ dx,
                   float* dweight, float* dbias, int N, int C, int S) {
    extern __shared__ float4 memory[];
    float *shared = (float*)memory, *here = shared + WARP;
    const int c = blockIdx.x;
    const Statistics s = {parts[2 * c], parts[2 * c + 1], rstd[c], 0};
    const float w = weight ? weight[c] : 1.0f;
    const Sums sums = S % 4 == 0 ? whole_vjp<float4>(x, s, w, delta, dx, N, C, S, here, shared)
                                 : whole_vjp<float>(x, s, w, delta, dx, N, C, S, here, shared);
    if (threadIdx.x == 0) dweight[c] = sums.dx, dbias[c] = sums.d;
}

template <class T>
__device__ __forceinline__ Sums sums_of(const float* x, Statistics s, const float* delta, int N, int C, int S,
                                        int splits, float* shared) {
    Sums sums = {0, 0};
    Part<T>(blockIdx.x, blockIdx.y, N, C, S, splits)
        .over([&](long long at) { return Two<T>{((const T*)x)[at], ((const T*)delta)[at]}; },
              [&](Two<T> v, long long) { sums.next(v, s); });
    return {sum_of_block(sums.d, shared), sum_of_block(sums.dx, shared)};
}

extern "C" __global__ void batch_norm_vjp_sums(const float* __restrict__ x, const float* __restrict__ parts,
                                               const float* __restrict__ rstd, const float* __restrict__ delta,
                                               float* __restrict__ sums, int N, int C, int S, int splits) {
    __shared__ float shared[WARP];
    const int c = blockIdx.x;
    const Statistics s = {parts[2 * c], parts[2 * c + 1], rstd[c], 0};
    const Sums mine = S % 4 == 0 ? sums_of<float4>(x, s, delta, N, C, S, splits, shared)
                                 : sums_of<float>(x, s, delta, N, C, S, splits, shared);
    if (threadIdx.x == 0) ((Sums*)sums)[blockIdx.y * C + c] = mine;
}

template <class T>
__device__ __forceinline__ void vjp_in_parts(const float* x, const float* delta, Gradient gradient, float* dx, int c,
                                             int N, int C, int S, int splits) {
    const bool large = (long long)C * N * S > LARGE / 2;
    Part<T>(c, splits - 1 - blockIdx.y, N, C, S, splits)
        .over([&](long long at) { return Two<T>{__ldcs((const T*)x + at), __ldcs((const T*)delta + at)}; },
              [&](Two<T> v, long long at) { put((T*)dx + at, gradient.of(v), large); });
}

extern "C" __global__ void __launch_bounds__(THREADS, 4)
    batch_norm_vjp_in_parts(const float* __restrict__ x, const float* __restrict__ parts,
                            const float* __restrict__ rstd, const float* __restrict__ weight,
                            const float* __restrict__ delta, const float* __restrict__ sums, float* __restrict__ dx,
                            float* dweight, float* dbias, int N, int C, int S, int splits) {
    const int c = C - 1 - blockIdx.x, lane = threadIdx.x % WARP;
    const Statistics s = {parts[2 * c], parts[2 * c + 1], rstd[c], 0};
    const Sums mine = lane < splits ? ((const Sums*)sums)[lane * C + c] : Sums{0, 0};
    const Sums all = {of_warp<Add>(mine.d), of_warp<Add>(mine.dx)};
    const Gradient gradient(s, weight ? weight[c] : 1.0f, all, (float)N * S);
    if (dx && S % 4 == 0) vjp_in_parts<float4>(x, delta, gradient, dx, c, N, C, S, splits);
    else if (dx) vjp_in_parts<float>(x, delta, gradient, dx, c, N, C, S, splits);
    if (threadIdx.x == 0 && blockIdx.y == 0) dweight[c] = all.dx, dbias[c] = all.d;
}
