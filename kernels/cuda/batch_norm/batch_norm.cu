// Batch norm of x (N, C, S): mean and variance of each channel over all N S of its elements (Ioffe & Szegedy 2015).
//
// A channel's elements lie in N pieces, and there are too few channels to keep a GPU busy: each is split among `splits`
// blocks (blockIdx.y), 32 at most. A block leaves its sums, and the next launch puts those of a channel together, a lane
// of a warp for each split, always in the same order: two launches forward and two backward, no atomics.
//
// Memory is all that counts. x is read twice, not three times (norm.cuh: statistics in one pass); four 16-byte loads of
// each thread are under way at once (walk.cuh); and the second launch takes the blocks last to first, for the end of x
// is what the second-level cache still holds. Stores of large arrays are marked as what that should drop first.
#include "norm.cuh"
#include "walk.cuh"
#define THREADS 256
#define LARGE (6ll << 20)  // floats: half of an H100's second-level cache

// The part of a channel that a block sees, in elements of type T: from `start` to `end`; at(walk) is where one lies.
template <class T>
struct Part {
    static constexpr int WIDE = sizeof(T) / sizeof(float);
    int c, channels, S, all, each, start, end;
    __device__ __forceinline__ Part(int c, int split, int N, int channels, int S, int splits)
        : c(c), channels(channels), S(S / WIDE), all(N * (S / WIDE)), each((all + splits - 1) / splits),
          start(min(split * each, all)), end(min(start + each, all)) {}
    __device__ __forceinline__ long long at(const Walk& walk) const {
        return (long long)(walk.whole * channels + c) * S + walk.place;
    }
    __device__ __forceinline__ float count(int split) const {  // of the floats of a split
        return (float)(min(split * each + each, all) - min(split * each, all)) * WIDE;
    }
    template <class Load, class Use>
    __device__ __forceinline__ void over(Load load, Use use) const {
        walk_over(start + threadIdx.x, end, THREADS, S, [&](const Walk& w, int) { return load(at(w)); },
                  [&](auto v, const Walk& w, int) { use(v, at(w)); });
    }
};

template <class T>
__device__ __forceinline__ void distances_of(const float* x, float* distances, int N, int C, int S, int splits,
                                             float* shared) {
    const int c = blockIdx.x, split = blockIdx.y;
    const Part<T> part(c, split, N, C, S, splits);
    const T* of_x = (const T*)x;
    Seen seen = {0, 0, 0, 0};
    part.over([&](long long at) { return of_x[at]; },
              [&](T v, long long) {
                  if (seen.count == 0) seen.shift = first(v);
                  seen.add(v), seen.count += Part<T>::WIDE;
              });
    seen = together(seen, fmaxf(part.count(split), 1.0f), [&](float v) { return sum_of_block(v, shared); });
    float* mine = distances + 3 * (split * C + c);
    if (threadIdx.x == 0) mine[0] = seen.shift, mine[1] = seen.sum, mine[2] = seen.squares;
}

extern "C" __global__ void batch_norm_distances(const float* __restrict__ x, float* __restrict__ distances, int N,
                                                int C, int S, int splits) {
    __shared__ float shared[WARP];
    if (S % 4 == 0) distances_of<float4>(x, distances, N, C, S, splits, shared);
    else distances_of<float>(x, distances, N, C, S, splits, shared);
}

template <class T>
__device__ __forceinline__ Statistics normalise(const float* x, const float* distances, const float* weight,
                                                const float* bias, float* y, int N, int C, int S, int splits,
                                                float eps) {
    const int c = C - 1 - blockIdx.x, lane = threadIdx.x % WARP;
    const Part<T> part(c, splits - 1 - blockIdx.y, N, C, S, splits);
    Seen seen = {0, 0, 0, 0};
    if (lane < splits) {
        const float* one = distances + 3 * (lane * C + c);
        seen = {one[0], one[1], one[2], part.count(lane)};
    }
    seen = together(seen, (float)N * S, of_warp<Add>);
    const Statistics s = statistics(seen.shift, seen.sum, seen.squares, seen.count, eps);
    const float w = weight ? weight[c] : 1.0f, b = bias ? bias[c] : 0.0f;
    const T* of_x = (const T*)x;
    const bool large = (long long)C * N * S > LARGE;
    part.over([&](long long at) { return __ldcs(of_x + at); },
              [&](T v, long long at) {
                  put((T*)y + at, map(v, [&](float one) { return s.normalised(one) * w + b; }), large);
              });
    return s;
}

extern "C" __global__ void __launch_bounds__(THREADS, 5)
    batch_norm(const float* __restrict__ x, const float* __restrict__ distances, const float* __restrict__ weight,
               const float* __restrict__ bias, float* __restrict__ y, float* mean, float* parts, float* var,
               float* rstd, int N, int C, int S, int splits, float eps) {
    const Statistics s = S % 4 == 0 ? normalise<float4>(x, distances, weight, bias, y, N, C, S, splits, eps)
                                    : normalise<float>(x, distances, weight, bias, y, N, C, S, splits, eps);
    const int c = C - 1 - blockIdx.x;
    if (threadIdx.x == 0 && blockIdx.y == 0) {
        mean[c] = s.high + s.low, parts[2 * c] = s.high, parts[2 * c + 1] = s.low, var[c] = s.var, rstd[c] = s.rstd;
    }
}

template <class T>
struct Two {
    T x, delta;
};

template <class T>
__device__ __forceinline__ void sums_of(const float* x, Statistics s, const float* delta, float* sums, int N, int C,
                                        int S, int splits, float* shared) {
    const int c = blockIdx.x;
    const Part<T> part(c, blockIdx.y, N, C, S, splits);
    float sum_d = 0, sum_dx = 0;
    part.over([&](long long at) { return Two<T>{((const T*)x)[at], ((const T*)delta)[at]}; },
              [&](Two<T> v, long long) {
                  sum_d += added(v.delta);
                  sum_dx += added(map(v.x, v.delta, [&](float one, float d) { return d * s.normalised(one); }));
              });
    sum_d = sum_of_block(sum_d, shared);
    sum_dx = sum_of_block(sum_dx, shared);
    float* mine = sums + 2 * (blockIdx.y * C + c);
    if (threadIdx.x == 0) mine[0] = sum_d, mine[1] = sum_dx;
}

extern "C" __global__ void batch_norm_vjp_sums(const float* __restrict__ x, const float* __restrict__ parts,
                                               const float* __restrict__ rstd, const float* __restrict__ delta,
                                               float* __restrict__ sums, int N, int C, int S, int splits) {
    __shared__ float shared[WARP];
    const int c = blockIdx.x;
    const Statistics s = {parts[2 * c], parts[2 * c + 1], rstd[c], 0};
    if (S % 4 == 0) sums_of<float4>(x, s, delta, sums, N, C, S, splits, shared);
    else sums_of<float>(x, s, delta, sums, N, C, S, splits, shared);
}

template <class T>
__device__ __forceinline__ void gradient(const float* x, Statistics s, float scale, const float* delta, float mean_d,
                                         float mean_dx, float* dx, int c, int N, int C, int S, int splits) {
    const Part<T> part(c, splits - 1 - blockIdx.y, N, C, S, splits);
    const bool large = (long long)C * N * S > LARGE / 2;
    part.over([&](long long at) { return Two<T>{__ldcs((const T*)x + at), __ldcs((const T*)delta + at)}; },
              [&](Two<T> v, long long at) {
                  const auto each = [&](float one, float d) {
                      return scale * (d - (mean_d + s.normalised(one) * mean_dx));
                  };
                  put((T*)dx + at, map(v.x, v.delta, each), large);
              });
}

// dC/dx = gamma / sigma (delta - mean(delta) - x^ mean(delta x^)); dC/dgamma = sum delta x^, dC/dbeta = sum delta.
extern "C" __global__ void __launch_bounds__(THREADS, 4)
    batch_norm_vjp(const float* __restrict__ x, const float* __restrict__ parts, const float* __restrict__ rstd,
                   const float* __restrict__ weight, const float* __restrict__ delta, const float* __restrict__ sums,
                   float* __restrict__ dx, float* dweight, float* dbias, int N, int C, int S, int splits) {
    const int c = C - 1 - blockIdx.x, lane = threadIdx.x % WARP;
    const float n = (float)N * S;
    const Statistics s = {parts[2 * c], parts[2 * c + 1], rstd[c], 0};
    const float sum_d = of_warp<Add>(lane < splits ? sums[2 * (lane * C + c)] : 0.0f);
    const float sum_dx = of_warp<Add>(lane < splits ? sums[2 * (lane * C + c) + 1] : 0.0f);
    const float scale = s.rstd * (weight ? weight[c] : 1.0f);
    if (dx && S % 4 == 0) gradient<float4>(x, s, scale, delta, sum_d / n, sum_dx / n, dx, c, N, C, S, splits);
    else if (dx) gradient<float>(x, s, scale, delta, sum_d / n, sum_dx / n, dx, c, N, C, S, splits);
    if (threadIdx.x == 0 && blockIdx.y == 0) dweight[c] = sum_dx, dbias[c] = sum_d;
}
