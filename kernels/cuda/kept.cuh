// A row that one block keeps: of n elements, the first OWN of each thread stay in registers, the others in shared memory.
// So it leaves memory once, however many passes a computation makes.
//
// Element i is a float, a float4, or whatever T is; thread t has i = t, t + threads, ... Where in an image it lies, the walk
// says (walk.cuh), in planes of S.
#pragma once
#include "walk.cuh"

template <class T, int OWN>
struct Kept {
    T own[OWN], *memory;
    int n, S;

    __device__ __forceinline__ Kept(float* memory, int n, int S) : memory((T*)memory), n(n), S(S) {}

    // Keeps load(walk, i), and calls use(that).
    template <class Load, class Use>
    __device__ __forceinline__ void read(Load load, Use use) {
        const int threads = blockDim.x;
        Walk walk(threadIdx.x, threads, S);
#pragma unroll
        for (int k = 0; k < OWN; k++) {
            const int i = threadIdx.x + k * threads;
            if (i < n) own[k] = load(walk, i);
            walk.next();
        }
#pragma unroll
        for (int k = 0; k < OWN; k++) {
            const int i = threadIdx.x + k * threads;
            if (i < n) use(own[k]);
        }
        walk_over(threadIdx.x + OWN * threads, n, threads, S, load, [&](T v, const Walk&, int i) {
            memory[i - OWN * threads] = v;
            use(v);
        });
    }

    // Calls use(element, walk, i).
    template <class Use>
    __device__ __forceinline__ void again(Use use) const {
        const int threads = blockDim.x;
        Walk walk(threadIdx.x, threads, S);
#pragma unroll
        for (int k = 0; k < OWN; k++) {
            const int i = threadIdx.x + k * threads;
            if (i < n) use(own[k], walk, i);
            walk.next();
        }
        walk_over(threadIdx.x + OWN * threads, n, threads, S,
                  [&](const Walk&, int i) { return memory[i - OWN * threads]; }, use);
    }
};
