// CUDA's names for a C++ compiler: what a .cu file says without including anything, written out for the CPU.
//
// Each CUDA thread is a fiber (fiber.h): it runs until it must wait for others, at __syncthreads or in a shuffle, and
// then the next one runs (runtime.cc). So a kernel's text need not change, and threads interleave only where they wait.
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <utility>

#define MINIGEN_EMULATOR 1
#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ static  // one block runs at a time: a static array is its shared memory
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __grid_constant__
// The loader turns `extern __shared__ T name[];` into this: the array whose size the launch gives.
#define EMU_DYNAMIC_SHARED(T, name) T* const name = reinterpret_cast<T*>(emu_dynamic)

#include "vectors.h"

extern "C" {
struct EmuThread {
    uint3 threadIdx, blockIdx;
    dim3 blockDim, gridDim;
    int lane;
};
// Who am I? Never another within one fiber, so the compiler may ask once.
__attribute__((const)) EmuThread* emu_self();
int emu_barrier(int kind, int predicate, const char* file, int line);
// Every lane of `mask` gives `size` bytes (32 at most); the bytes of all lanes come back, 32 apart.
const char* emu_exchange(unsigned mask, const void* value, int size, const char* what, const char* file, int line);
void emu_sync_warp(unsigned mask, const char* file, int line);
unsigned emu_active();
void emu_atomic(const void* address, int size, const void* code);
void emu_fence();
void emu_trap(const char* file, int line);
void emu_flops(long long n);
extern char emu_dynamic[];
}

#define threadIdx (emu_self()->threadIdx)
#define blockIdx (emu_self()->blockIdx)
#define blockDim (emu_self()->blockDim)
#define gridDim (emu_self()->gridDim)
static constexpr int warpSize = 32;

#define EMU_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(EMU_HERE) { emu_barrier(0, 0, file, line); }
inline int __syncthreads_count(int p, EMU_HERE) { return emu_barrier(1, p != 0, file, line); }
inline int __syncthreads_and(int p, EMU_HERE) { return emu_barrier(2, p != 0, file, line); }
inline int __syncthreads_or(int p, EMU_HERE) { return emu_barrier(3, p != 0, file, line); }
inline void __syncwarp(unsigned mask = 0xffffffffu, EMU_HERE) { emu_sync_warp(mask, file, line); }
inline void __threadfence() { emu_fence(); }
inline void __threadfence_block() {}
inline unsigned __activemask() { return emu_active(); }
inline void __trap(EMU_HERE) { emu_trap(file, line); }

#include "intrinsics.h"
#include "warp.h"

namespace emu {

// What Python must know of a kernel: how many arguments, how large, which are pointers, and how to call it.
struct Entry {
    const char* name;
    int count;
    const int* sizes;  // in bytes; -1: a pointer
    void (*call)(void** arguments);
};

template <auto F>
struct Kernel;

template <class... P, void (*F)(P...)>
struct Kernel<F> {
    template <size_t... i>  // reads Python's memory, which is not the kernel's business
    static __attribute__((no_sanitize("thread"), noinline)) void spread(void** arguments, std::index_sequence<i...>) {
        F(*static_cast<P*>(arguments[i])...);
    }
    static void call(void** arguments) { spread(arguments, std::index_sequence_for<P...>()); }
    template <class T>
    static constexpr int size(T*) { return sizeof(T); }
    template <class T>
    static constexpr int size(T**) { return -1; }
    static constexpr int sizes[] = {size(static_cast<P*>(nullptr))..., 0};
    static constexpr Entry entry(const char* name) { return {name, sizeof...(P), sizes, call}; }
};

}  // namespace emu
