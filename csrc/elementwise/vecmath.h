// exp, expm1, log1p on vectors, to 2 ulp (exp: over the whole range, subnormal results included).
//
// No branches and no tables: lanes can't go separate ways, so every lane takes the same few multiply-adds.
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

inline vec splat(float value) { return value - vec{}; }
inline vec absolute(vec x) { return (vec)((ivec)x & 0x7fffffff); }

// x = n ln 2 + r with |r| <= ln 2 / 2. ln 2 stands in two parts, the first so short that n times it is exact.
struct Reduced {
    ivec n;
    vec whole, r, expm1_r;  // whole = n
    explicit Reduced(vec x) {
        const vec rounder = splat(12582912.0f);  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
        const vec t = x * 1.44269504f + rounder;
        whole = t - rounder;
        n = (ivec)t - (ivec)rounder;
        r = x - whole * 0.693359375f - whole * -2.12194440e-4f;
        vec q = 1.0f / 5040 * r + 1.0f / 720;  // (e^r - 1 - r) / r^2, Taylor: the remainder is under 0.1 ulp
        q = q * r + 1.0f / 120;
        q = q * r + 1.0f / 24;
        q = q * r + 1.0f / 6;
        q = q * r + 0.5f;
        expm1_r = r + r * r * q;
    }
};

inline vec power_of_two(ivec n) { return (vec)((n + 127) << 23); }  // -126 <= n <= 127

inline vec times_power_of_two(vec x, const Reduced& e) {  // x 2^n, also where 2^n is no float: 2^128, 2^-150
#if defined(__AVX512F__)
    return (vec)_mm512_maskz_scalef_ps(0xffff, (__m512)x, (__m512)e.whole);
#else
    const ivec half = e.n >> 1;
    return x * power_of_two(half) * power_of_two(e.n - half);
#endif
}

inline vec exp(vec x) {
    x = x < -104.0f ? splat(-104.0f) : x;  // e^-104 rounds to 0; comparisons with NaN are false, so it stays
    x = x > 89.0f ? splat(89.0f) : x;      // e^89 overflows to inf
    const Reduced e(x);
    return times_power_of_two(1.0f + e.expm1_r, e);
}

inline vec expm1_negative(vec x) {  // e^x - 1 for -80 <= x <= 0
    const Reduced e(x);
    const vec scale = power_of_two(e.n);
    return scale * e.expm1_r + (scale - 1.0f);
}

inline vec log1p_unit(vec x) {  // log(1 + x) = 2 artanh(x / (2 + x)) for 0 <= x <= 1: s^2 <= 1/9, so nine terms suffice
    const vec s = x / (2.0f + x), z = s * s;
    vec q = 2.0f / 17 * z + 2.0f / 15;
    q = q * z + 2.0f / 13;
    q = q * z + 2.0f / 11;
    q = q * z + 2.0f / 9;
    q = q * z + 2.0f / 7;
    q = q * z + 2.0f / 5;
    q = q * z + 2.0f / 3;
    return 2.0f * s + s * z * q;
}

inline vec sigmoid_of(vec x) {  // 1 / (1 + e^-x), from e^-|x| so that nothing overflows
    const vec e = exp(-absolute(x));
    return (x < 0.0f ? e : splat(1.0f)) / (1.0f + e);
}

inline vec tanh_of(vec x) {  // -t / (t + 2) with t = e^(-2|x|) - 1; the sign is put back last
    vec a = absolute(x);
    a = a > 20.0f ? splat(20.0f) : a;  // tanh 20 is 1 in float
    const vec t = expm1_negative(-2.0f * a);
    const vec y = -t / (t + 2.0f);
    return (vec)((ivec)absolute(y) | ((ivec)x & (int32_t)0x80000000));
}

// out[i] = f(in[i]...), in parallel. The last, partial vector takes the same path, so a value never depends on its place.
template <class F, class... In> void map(index n, const F& f, float* out, const In*... in) {
    constexpr index BLOCK = 1 << 14;
    parallel(ceil_div(n, BLOCK), [&](index block) {
        const index end = least((block + 1) * BLOCK, n);
        index i = block * BLOCK;
        for (; i + VL <= end; i += VL) store(out + i, f(load(in + i)...));
        if (i < end) store_first(out + i, f(load_first(in + i, end - i)...), end - i);
    });
}

}  // namespace VARIANT
}  // namespace minigen
