// Walking over images' channels without a division for each element, several loads on their way at once.
//
// Element j of a channel lies in image j / S at place j % S; a thread's next one is a fixed step ahead. So it divides
// once, and then adds. Where S is a multiple of 4 the elements are float4s (T), and S counts those.
#pragma once
#include "each.cuh"

struct Walk {
    int whole, place;                  // j / S, j % S
    int S, step_whole, step_place;     // of a step
    __device__ __forceinline__ Walk(int j, int step, int S)
        : whole(j / S), place(j % S), S(S), step_whole(step / S), step_place(step % S) {}
    __device__ __forceinline__ void next() {
        whole += step_whole, place += step_place;
        if (place >= S) place -= S, whole++;
    }
};

// use(load(walk, j), walk, j) for j, j + step, ... below end; four loads are under way before the first use.
template <class Load, class Use>
__device__ __forceinline__ void walk_over(int j, int end, int step, int S, Load load, Use use) {
    Walk walk(j, step, S);
    for (; j + 3 * step < end; j += 4 * step) {
        const Walk from = walk;
        decltype(load(walk, j)) v[4];
#pragma unroll
        for (int k = 0; k < 4; k++) v[k] = load(walk, j + k * step), walk.next();
        walk = from;
#pragma unroll
        for (int k = 0; k < 4; k++) use(v[k], walk, j + k * step), walk.next();
    }
    for (; j < end; j += step) use(load(walk, j), walk, j), walk.next();
}

// Stores what the second-level cache should drop first, where it is more than that cache holds: then what was read before
// stays, to be read again. Less is stored as usual, for the next kernel will want it.
template <class T>
__device__ __forceinline__ void put(T* at, T value, bool too_much) {
    if (too_much) __stcs(at, value);
    else *at = value;
}
