// Sums and maxima of a block of threads, in an order that never changes: the same bits in every run, without atomics.
//
// Within a warp, threads hand their registers to each other (__shfl_xor_sync): five exchanges, no shared memory, no
// barrier. Between warps, each leaves one number in shared memory. Every thread gets the result.
#pragma once

#ifndef INFINITY  // NVRTC has no <math.h>
#define INFINITY __int_as_float(0x7f800000)
#endif
#define WARP 32
#define ALL_LANES 0xffffffffu

struct Add { static __device__ float of(float a, float b) { return a + b; } };
struct Max { static __device__ float of(float a, float b) { return a > b || a != a ? a : b; } };  // NaN wins
struct Larger { static __device__ float of(float a, float b) { return fmaxf(a, b); } };  // one instruction; NaN loses

template <class Op>
__device__ float of_warp(float value) {
    for (int step = WARP / 2; step > 0; step /= 2) value = Op::of(value, __shfl_xor_sync(ALL_LANES, value, step));
    return value;
}

// `shared` has room for one float per warp; blockDim.x is a multiple of 32, at most 1024. `nothing` changes no result.
template <class Op>
__device__ float of_block(float value, float* shared, float nothing) {
    value = of_warp<Op>(value);
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
    __syncthreads();  // an earlier result may still be read
    if (lane == 0) shared[warp] = value;
    __syncthreads();
    return of_warp<Op>(lane < warps ? shared[lane] : nothing);
}

__device__ inline float sum_of_block(float value, float* shared) { return of_block<Add>(value, shared, 0.0f); }
