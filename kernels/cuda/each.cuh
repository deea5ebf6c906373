// The same for a float and for the four of a float4: so one text serves both.
#pragma once
#include "quad.cuh"

__device__ __forceinline__ float4 all4(float x) { return make_float4(x, x, x, x); }

// f of each number, or of each pair
template <class F>
__device__ __forceinline__ float map(float x, F f) { return f(x); }
template <class F>
__device__ __forceinline__ float4 map(float4 v, F f) { return make_float4(f(v.x), f(v.y), f(v.z), f(v.w)); }
template <class F>
__device__ __forceinline__ float map(float x, float y, F f) { return f(x, y); }
template <class F>
__device__ __forceinline__ float4 map(float4 v, float4 w, F f) {
    return make_float4(f(v.x, w.x), f(v.y, w.y), f(v.z, w.z), f(v.w, w.w));
}

__device__ __forceinline__ float added(float x) { return x; }
__device__ __forceinline__ float added(float4 v) { return (v.x + v.y) + (v.z + v.w); }
__device__ __forceinline__ float first(float x) { return x; }
__device__ __forceinline__ float first(float4 v) { return v.x; }

// An element of x and one of its delta.
template <class T>
struct Two {
    T x, delta;
};
