// The PTX instructions behind ptx.cuh, in C++ (tensor_core.cc, copies.cc).
#pragma once

extern "C" void emu_mma_m16n8k8(float* d, const unsigned* a, const unsigned* b, const char* file, int line);
extern "C" void emu_load_matrices(unsigned* r, const void* row, const char* file, int line);

extern "C" {
struct EmuCopy {
    void* to;
    int size;
    float4 value;  // the first of it, if size is 4
};
void emu_copy_later(void* to, const void* bytes, int size);
void emu_commit_copies();
int emu_copy_due(int left, EmuCopy* copy);  // the next copy that has to be made until `left` groups remain, if any
void emu_forget_copies(int thread);
void emu_promise(void* to, int size, const void* code);  // what stands there is lost from now on
}

namespace emu {

// cvt.rna.tf32.f32: the nearest number with 10 bits of fraction, ties away from zero.
inline unsigned round_to_tf32(float x) {
    const unsigned bits = __float_as_uint(x);
    return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
}

inline void mma_m16n8k8(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], EMU_HERE) {
    emu_mma_m16n8k8(d, a, b, file, line);
}

inline void load_matrices(unsigned& r0, unsigned& r1, unsigned& r2, unsigned& r3, float4 row, EMU_HERE) {
    unsigned r[4];
    emu_load_matrices(r, &row, file, line);
    r0 = r[0], r1 = r[1], r2 = r[2], r3 = r[3];
}

}  // namespace emu
