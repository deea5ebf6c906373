// The PTX instructions behind ptx.cuh, in C++.
#pragma once

namespace emu {

// A float's top 19 bits: sign, 8 of exponent, 10 of fraction. The tensor core reads no others.
inline float tf32(unsigned bits) { return __uint_as_float(bits & 0xffffe000u); }

// cvt.rna.tf32.f32: to the nearest, ties away from zero.
inline unsigned round_to_tf32(float x) {
    const unsigned bits = __float_as_uint(x);
    return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
}

// mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32: d (16 x 8) += a (16 x 8) b (8 x 8), spread over the warp.
// Lane 4 g + t holds a[g][t], a[g + 8][t], a[g][t + 4], a[g + 8][t + 4]; b[t][g], b[t + 4][g];
// d[g][2t], d[g][2t + 1], d[g + 8][2t], d[g + 8][2t + 1] (PTX ISA, "Matrix fragments for mma.m16n8k8").
inline void mma_m16n8k8(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], EMU_HERE) {
    unsigned mine[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
    const char* all = emu_exchange(0xffffffffu, mine, sizeof mine, "mma.sync", file, line);
    auto part = [all](int lane, int i) {
        unsigned bits;
        __builtin_memcpy(&bits, all + 32 * lane + 4 * i, 4);
        return double(tf32(bits));
    };
    const int g = emu_self()->lane / 4, t = emu_self()->lane % 4;
    for (int i = 0; i < 4; ++i) {
        const int row = i / 2, column = 2 * t + i % 2;
        double sum = d[i];
        for (int k = 0; k < 8; ++k) sum += part(4 * g + k % 4, row + 2 * (k / 4)) * part(4 * column + k % 4, 4 + k / 4);
        d[i] = float(sum);
    }
    emu_flops(2 * 16 * 8 * 8 / 32);
}

}  // namespace emu

extern "C" {
// cp.async: the copy happens when its group is waited for, not before.
void emu_copy_async(void* shared, const void* global, int size, int bytes_read, const char* file, int line);
void emu_commit_group();
void emu_wait_group(int newest_left);
}
