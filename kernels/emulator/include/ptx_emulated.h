// The PTX instructions behind ptx.cuh, in C++ (tensor_core.cc).
#pragma once

extern "C" void emu_mma_m16n8k8(float* d, const unsigned* a, const unsigned* b, const char* file, int line);

namespace emu {

// cvt.rna.tf32.f32: the nearest number with 10 bits of fraction, ties away from zero.
inline unsigned round_to_tf32(float x) {
    const unsigned bits = __float_as_uint(x);
    return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
}

inline void mma_m16n8k8(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], EMU_HERE) {
    emu_mma_m16n8k8(d, a, b, file, line);
}

}  // namespace emu
