// CUDA's arithmetic beyond math.h. Fast functions (__expf) are computed exactly here: a GPU's differ by a few ulp.
#pragma once

// math.h has declared some of these names for itself, so macros lead past it.
#define __expf(x) expf(x)
#define __exp10f(x) exp10f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __powf(x, y) powf(x, y)
#define __sincosf(x, s, c) sincosf(x, s, c)

inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1 / x; }
inline float __frsqrt_rn(float x) { return 1 / sqrtf(x); }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fdiv_rn(float x, float y) { return x / y; }
// Products and sums that a compiler may not join into one fma.
inline float __fmul_rn(float x, float y) { volatile float z = x * y; return z; }
inline float __fadd_rn(float x, float y) { volatile float z = x + y; return z; }
inline float __fsub_rn(float x, float y) { volatile float z = x - y; return z; }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1) : 0; }
inline float sinpif(float x) { return sinf(3.14159265358979323846 * fmod(x, 2.0)); }
inline float cospif(float x) { return cosf(3.14159265358979323846 * fmod(x, 2.0)); }
inline void sincospif(float x, float* s, float* c) { *s = sinpif(x), *c = cospif(x); }

template <class To, class From>
inline To emu_bits(From x) {
    To y;
    static_assert(sizeof x == sizeof y);
    memcpy(&y, &x, sizeof y);
    return y;
}
inline int __float_as_int(float x) { return emu_bits<int>(x); }
inline unsigned __float_as_uint(float x) { return emu_bits<unsigned>(x); }
inline float __int_as_float(int x) { return emu_bits<float>(x); }
inline float __uint_as_float(unsigned x) { return emu_bits<float>(x); }
inline long long __double_as_longlong(double x) { return emu_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return emu_bits<double>(x); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
inline int __float2int_rn(float x) { return static_cast<int>(nearbyintf(x)); }
inline int __float2int_rd(float x) { return static_cast<int>(floorf(x)); }
inline int __float2int_rz(float x) { return static_cast<int>(x); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __brev(unsigned x) {
    unsigned y = 0;
    for (int i = 0; i < 32; ++i) y |= (x >> i & 1u) << (31 - i);
    return y;
}
inline unsigned __umulhi(unsigned x, unsigned y) { return static_cast<unsigned long long>(x) * y >> 32; }
inline int __mulhi(int x, int y) { return static_cast<long long>(x) * y >> 32; }

#define EMU_LEAST_AND_GREATEST(T)                    \
    inline T min(T x, T y) { return x < y ? x : y; } \
    inline T max(T x, T y) { return x > y ? x : y; }
EMU_LEAST_AND_GREATEST(int)
EMU_LEAST_AND_GREATEST(unsigned)
EMU_LEAST_AND_GREATEST(long)
EMU_LEAST_AND_GREATEST(unsigned long)
EMU_LEAST_AND_GREATEST(long long)
EMU_LEAST_AND_GREATEST(unsigned long long)
inline float min(float x, float y) { return fminf(x, y); }
inline float max(float x, float y) { return fmaxf(x, y); }
inline double min(double x, double y) { return fmin(x, y); }
inline double max(double x, double y) { return fmax(x, y); }
inline int abs(int x) { return x < 0 ? -x : x; }

// Loads and stores with a hint for the caches are loads and stores.
template <class T> inline T __ldg(const T* p) { return *p; }
template <class T> inline T __ldca(const T* p) { return *p; }
template <class T> inline T __ldcg(const T* p) { return *p; }
template <class T> inline T __ldcs(const T* p) { return *p; }
template <class T> inline void __stcs(T* p, T x) { *p = x; }
template <class T> inline void __stcg(T* p, T x) { *p = x; }

#ifdef EMU_THREADS  // real threads, for the sanitizers
#define EMU_ATOMIC(name, result)                                                                             \
    template <class T, class U>                                                                              \
    T name(T* p, U y) {                                                                                      \
        const T given = static_cast<T>(y);                                                                   \
        T x, z;                                                                                              \
        __atomic_load(p, &x, __ATOMIC_RELAXED);                                                              \
        do z = static_cast<T>(result);                                                                       \
        while (!__atomic_compare_exchange(p, &x, &z, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));            \
        return x;                                                                                            \
    }
#else  // one operating-system thread runs all fibers, and none is interrupted in here
#define EMU_ATOMIC(name, result)                                                          \
    template <class T, class U>                                                           \
    __attribute__((noinline, no_sanitize("thread"), no_sanitize_coverage)) T name(T* p, U y) { \
        emu_atomic(p, sizeof(T), __builtin_return_address(0));                                                         \
        const T x = *p, given = static_cast<T>(y);                                        \
        *p = static_cast<T>(result);                                                      \
        return x;                                                                         \
    }
#endif
EMU_ATOMIC(atomicAdd, x + given)
EMU_ATOMIC(atomicSub, x - given)
EMU_ATOMIC(atomicMax, x > given ? x : given)
EMU_ATOMIC(atomicMin, x < given ? x : given)
EMU_ATOMIC(atomicExch, given)
EMU_ATOMIC(atomicAnd, x & given)
EMU_ATOMIC(atomicOr, x | given)
EMU_ATOMIC(atomicXor, x ^ given)
EMU_ATOMIC(atomicInc, x >= given ? 0 : x + 1)
EMU_ATOMIC(atomicDec, x == 0 || x > given ? given : x - 1)

#ifdef EMU_THREADS
template <class T>
T atomicCAS(T* p, T expected, T y) {
    __atomic_compare_exchange(p, &expected, &y, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}
#else
template <class T>
__attribute__((noinline, no_sanitize("thread"), no_sanitize_coverage)) T atomicCAS(T* p, T expected, T y) {
    emu_atomic(p, sizeof(T), __builtin_return_address(0));
    const T x = *p;
    if (x == expected) *p = y;
    return x;
}
#endif
