// Four numbers at a time: one 16-byte instruction where four of 4 bytes would do the same.
#pragma once

__device__ __forceinline__ bool aligned(const float* p) { return reinterpret_cast<size_t>(p) % 16 == 0; }

__device__ __forceinline__ float4 load4(const float* p) { return *reinterpret_cast<const float4*>(p); }

__device__ __forceinline__ void split(float4 v, float* x) { x[0] = v.x, x[1] = v.y, x[2] = v.z, x[3] = v.w; }

struct Unchanged {
    __device__ __forceinline__ float operator()(float x) const { return x; }
};
