// The PTX instructions that the kernels use, each as a function: inline assembly for a GPU, C++ in the emulator.
#pragma once

#ifdef MINIGEN_EMULATOR

__device__ __forceinline__ unsigned to_tf32(float x) { return emu::round_to_tf32(x); }
__device__ __forceinline__ void mma_tf32(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    emu::mma_m16n8k8(d, a, b);
}
__device__ __forceinline__ uint2 wide_product(unsigned a, unsigned b) {
    const unsigned long long p = (unsigned long long)a * b;
    return make_uint2((unsigned)p, (unsigned)(p >> 32));
}

#else

// x rounded to the 10 bits of fraction that a tensor core reads, ties away from zero; as the bits of a float.
__device__ __forceinline__ unsigned to_tf32(float x) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

// d (16 x 8) += a (16 x 8) b (8 x 8), by a warp. With g = lane / 4 and t = lane % 4 a lane holds
//     a[0..3]: a(g, t), a(g + 8, t), a(g, t + 4), a(g + 8, t + 4)        b[0..1]: b(t, g), b(t + 4, g)
//     d[0..3]: d(g, 2t), d(g, 2t + 1), d(g + 8, 2t), d(g + 8, 2t + 1)    (PTX ISA, mma.m16n8k8)
__device__ __forceinline__ void mma_tf32(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// The 64 bits of a product: (lower, upper), by one instruction. Of the C++ for it NVRTC 13 makes three.
__device__ __forceinline__ uint2 wide_product(unsigned a, unsigned b) {
    uint2 p;
    asm("{ .reg .u64 t; mul.wide.u32 t, %2, %3; mov.b64 {%0, %1}, t; }" : "=r"(p.x), "=r"(p.y) : "r"(a), "r"(b));
    return p;
}

#endif

struct ToTf32 {
    __device__ __forceinline__ float operator()(float x) const { return __uint_as_float(to_tf32(x)); }
};
