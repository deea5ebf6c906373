// mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32: d (16 x 8) += a (16 x 8) b (8 x 8), spread over a warp.
//
// Lane 4 g + t holds a(g, t), a(g + 8, t), a(g, t + 4), a(g + 8, t + 4); b(t, g), b(t + 4, g); and of d
// (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1) (PTX ISA, "Matrix fragments for mma.m16n8k8").
// Products are exact here, and their sum is rounded once; a GPU's sum loses a little more.
#include "runtime.h"

// A float's top 19 bits: sign, 8 of exponent, 10 of fraction. The tensor core reads no others.
static double tf32(const char* slot, int i) {
    unsigned bits;
    memcpy(&bits, slot + 4 * i, 4);
    return __uint_as_float(bits & 0xffffe000u);
}

extern "C" void emu_mma_m16n8k8(float* d, const unsigned* a, const unsigned* b, const char* file, int line) {
    const unsigned mine[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
    const char* all = emu_exchange(0xffffffffu, mine, sizeof mine, "mma.sync", file, line);
    const int lane = emu_self()->lane, g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) {
        const int half = i / 2, column = 2 * t + i % 2;
        double sum = d[i];
        for (int k = 0; k < 8; ++k)
            sum += tf32(all + 32 * (4 * g + k % 4), half + k / 4 * 2) * tf32(all + 32 * (4 * column + k % 4), 4 + k / 4);
        d[i] = float(sum);
    }
    emu_flops(2 * 16 * 8 * 8 / 32);
}

// ldmatrix.sync.aligned.m8n8.x4: lane 8 q + g gives row g of matrix q; lane 4 g + t gets word t of row g of each matrix.
extern "C" void emu_load_matrices(unsigned* r, const void* row, const char* file, int line) {
    const char* all = emu_exchange(0xffffffffu, row, 16, "ldmatrix", file, line);
    const int lane = emu_self()->lane;
    for (int q = 0; q < 4; ++q) memcpy(r + q, all + 32 * (8 * q + lane / 4) + 4 * (lane % 4), 4);
}
