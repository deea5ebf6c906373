// Rows of x (N, rows, S), and parts of them: row r's elements lie in N pieces of S, and a block works on one part of `splits`.
//
// T is float4 where S is a multiple of 4. A normalisation passes twice: the first launch leaves what each part has seen
// (norm.cuh), and in the second one a warp puts a row's parts together, a lane for each, always in the same order. The
// second launch takes the blocks last to first, for the end of x is what the second-level cache still holds.
#pragma once
#include "norm.cuh"
#include "walk.cuh"

template <class T>
struct Row {
    static constexpr int WIDE = sizeof(T) / sizeof(float);
    int r, rows, S;  // S counts elements of type T
    __device__ __forceinline__ Row(int r, int rows, int S) : r(r), rows(rows), S(S / WIDE) {}
    __device__ __forceinline__ long long at(const Walk& walk) const {
        return (long long)(walk.whole * rows + r) * S + walk.place;
    }
};

template <class T>
struct Part : Row<T> {
    int start, end;
    __device__ __forceinline__ Part(int r, int split, int N, int rows, int S, int splits) : Row<T>(r, rows, S) {
        const int all = N * this->S, each = (all + splits - 1) / splits;
        start = min(split * each, all), end = min(start + each, all);
    }
    __device__ __forceinline__ float count() const { return (float)(end - start) * Row<T>::WIDE; }
    // use(load(where an element lies), that) for each
    template <class Load, class Use>
    __device__ __forceinline__ void over(Load load, Use use) const {
        walk_over(start + threadIdx.x, end, blockDim.x, this->S, [&](const Walk& w, int) { return load(this->at(w)); },
                  [&](auto v, const Walk& w, int) { use(v, this->at(w)); });
    }
};

// What has been seen of row r, by a warp; n numbers. `parts` (splits, rows).
__device__ __forceinline__ Statistics statistics_of(const Seen* parts, int r, int rows, int splits, float n, float eps) {
    const int lane = threadIdx.x % WARP;
    Seen seen = {0, 0, 0, 0};
    if (lane < splits) seen = parts[lane * rows + r];
    seen = together(seen, n, of_warp<Add>);
    return statistics(seen.shift, seen.sum, seen.squares, n, eps);
}
