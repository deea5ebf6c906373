// The vector type and the register tile of the instruction set that this file is being compiled for.
//
// Files that include this header are compiled several times with different flags. They must not include templates of the
// standard library: the linker merges equal instantiations, and could keep the AVX-512 copy for everybody.
#pragma once
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "kernels.h"
#include "support/pool.h"
#include "support/scratch.h"

#ifndef VARIANT
#error "compile with -DVARIANT=avx512, avx2 or baseline"
#endif

namespace minigen {
namespace VARIANT {

// The tile of C that matmul keeps in registers is MR rows by NR = two vectors. AVX-512 has 32 registers: 28 sums, two
// vectors of B, two for A. AVX2 and SSE have 16: 12 sums, two of B, two for A.
#if defined(__AVX512F__)
constexpr int VL = 16, MR = 14;
#elif defined(__AVX2__)
constexpr int VL = 8, MR = 6;
#else
constexpr int VL = 4, MR = 6;
#endif
constexpr int NR = 2 * VL;

// W floats that may lie at any address. The compiler maps arithmetic on them to the widest instructions it may use.
template <int W> struct Lanes {
    typedef float type __attribute__((vector_size(4 * W)));
    typedef float anywhere __attribute__((vector_size(4 * W), aligned(4), may_alias));
};
template <> struct Lanes<1> {
    typedef float type;
    typedef float anywhere;
};
typedef Lanes<VL>::type vec;
typedef int32_t ivec __attribute__((vector_size(4 * VL)));
typedef double dvec __attribute__((vector_size(4 * VL)));  // half as many lanes

template <int W = VL> inline typename Lanes<W>::type load(const float* p) {
    return *reinterpret_cast<const typename Lanes<W>::anywhere*>(p);
}
template <int W = VL> inline void store(float* p, typename Lanes<W>::type v) {
    *reinterpret_cast<typename Lanes<W>::anywhere*>(p) = v;
}
// Less than a vector at the end of a row. Copying a number of bytes that the compiler does not know is a call of memcpy, so
// AVX-512, which can mask lanes, does without.
#if defined(__AVX512F__)
inline __mmask16 first_mask(index count) { return static_cast<__mmask16>((1u << count) - 1); }
inline vec load_first(const float* p, index count) { return (vec)_mm512_maskz_loadu_ps(first_mask(count), p); }
inline void store_first(float* p, vec v, index count) { _mm512_mask_storeu_ps(p, first_mask(count), (__m512)v); }
#else
inline vec load_first(const float* p, index count) {  // the rest of the lanes is zero
    vec v = {};
    __builtin_memcpy(&v, p, sizeof(float) * count);
    return v;
}
inline void store_first(float* p, vec v, index count) { __builtin_memcpy(p, &v, sizeof(float) * count); }
#endif
inline vec first_lanes(vec v, index count) {  // zero beyond count
    ivec lane = {};
    for (int i = 0; i < VL; ++i) lane[i] = i;
    return lane < static_cast<int32_t>(count) ? v : vec{};
}
inline vec load_some(const float* p, index count) { return count == VL ? load(p) : load_first(p, count); }
inline void store_some(float* p, vec v, index count) { count == VL ? store(p, v) : store_first(p, v, count); }

inline index least(index a, index b) { return a < b ? a : b; }
inline index ceil_div(index a, index b) { return (a + b - 1) / b; }

// Runs body(task) for every task in [0, tasks), on all threads. Results never depend on who ran what.
template <class Body> void parallel(index tasks, const Body& body) {
    run_parallel(
        tasks, [](const void* b, index task) { (*static_cast<const Body*>(b))(task); }, &body);
}

}  // namespace VARIANT
}  // namespace minigen
