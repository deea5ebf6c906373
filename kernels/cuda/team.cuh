// A row and the threads that share it: a warp each for rows of up to 1024 numbers, longer ones a block each.
//
// A warp needs neither shared memory nor barriers: its threads hand each other registers, and warps do not wait for one
// another, so that some load while others compute. On an H200 a block of 256 threads for each row of 1024 reached half
// of a copy's bandwidth: eight warps waited for each other at every sum. The launch's shape tells who a team is:
// blockDim = (32, rows in a block), or (threads, 1).
//
// A row whose length is a multiple of 4 stays in registers, QUADS float4s in each thread: it is read once, and all loads
// are on their way before the first number is used. The first row must begin at a multiple of 16 bytes.
#pragma once
#include "block.cuh"
#include "each.cuh"

struct OneWarp {
    __device__ __forceinline__ int size() const { return WARP; }
    __device__ __forceinline__ float sum(float value) const { return of_warp<Add>(value); }
    __device__ __forceinline__ float largest(float value) const { return of_warp<Larger>(value); }
};

struct OneBlock {
    float* shared;  // a float for each warp
    __device__ __forceinline__ int size() const { return blockDim.x; }
    __device__ __forceinline__ float sum(float value) const { return of_block<Add>(value, shared, 0.0f); }
    __device__ __forceinline__ float largest(float value) const { return of_block<Larger>(value, shared, -INFINITY); }
};

__device__ __forceinline__ int row_of_team() { return blockIdx.x * blockDim.y + threadIdx.y; }

// Thread t of a team keeps float4s t, t + size, t + 2 size, ... of a row; `otherwise` stands where the row has ended.
template <class Team>
__device__ __forceinline__ float4 kept_by(Team team, const float* row, int quads, int k, float otherwise = 0.0f) {
    const int i = threadIdx.x + k * team.size();
    return i < quads ? load4(row + 4 * i) : all4(otherwise);
}

template <class Team, int QUADS>
__device__ __forceinline__ void keep(Team team, const float* row, int quads, float otherwise, float4 (&v)[QUADS]) {
#pragma unroll
    for (int k = 0; k < QUADS; k++) v[k] = kept_by(team, row, quads, k, otherwise);
}

template <class Team, int QUADS>
__device__ __forceinline__ void store(Team team, float* row, int quads, const float4 (&v)[QUADS]) {
#pragma unroll
    for (int k = 0; k < QUADS; k++) {
        const int i = threadIdx.x + k * team.size();
        if (i < quads) reinterpret_cast<float4*>(row)[i] = v[k];
    }
}

// Calls F<Team, QUADS>::run with as few registers as n allows, or F<Team, 0>::run where a row is not to be kept.
template <template <class, int> class F, class... Arguments>
__device__ __forceinline__ auto by_team(int n, float* shared, Arguments... arguments) {
    const bool kept = n % 4 == 0 && n <= 32 * blockDim.x;
    if (blockDim.x != WARP) {
        if (kept) return F<OneBlock, 8>::run(OneBlock{shared}, arguments...);
        return F<OneBlock, 0>::run(OneBlock{shared}, arguments...);
    }
    if (!kept) return F<OneWarp, 0>::run(OneWarp{}, arguments...);
    if (n <= 4 * WARP) return F<OneWarp, 1>::run(OneWarp{}, arguments...);
    if (n <= 8 * WARP) return F<OneWarp, 2>::run(OneWarp{}, arguments...);
    if (n <= 16 * WARP) return F<OneWarp, 4>::run(OneWarp{}, arguments...);
    return F<OneWarp, 8>::run(OneWarp{}, arguments...);
}
