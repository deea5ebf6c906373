// CUDA's vector types, with CUDA's alignment: a float4 is loaded by one 16-byte instruction.
#pragma once

#define EMU_VECTORS(T, name)                                        \
    struct name##1 { T x; };                                        \
    struct __attribute__((aligned(2 * sizeof(T)))) name##2 { T x, y; };    \
    struct name##3 { T x, y, z; };                                  \
    struct __attribute__((aligned(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)))) name##4 { T x, y, z, w; }; \
    inline name##2 make_##name##2(T x, T y) { return {x, y}; }      \
    inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; } \
    inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }

EMU_VECTORS(float, float)
EMU_VECTORS(double, double)
EMU_VECTORS(int, int)
EMU_VECTORS(unsigned, uint)
EMU_VECTORS(unsigned char, uchar)
EMU_VECTORS(short, short)
EMU_VECTORS(unsigned short, ushort)
EMU_VECTORS(long long, longlong)
EMU_VECTORS(unsigned long long, ulonglong)

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};
