// The PTX instructions that the kernels use, each as a function: inline assembly for a GPU, C++ in the emulator.
#pragma once

#ifdef MINIGEN_EMULATOR

__device__ __forceinline__ unsigned to_tf32(float x) { return emu::round_to_tf32(x); }
__device__ __forceinline__ void mma_tf32(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    emu::mma_m16n8k8(d, a, b);
}
__device__ __forceinline__ void load_matrices(unsigned& r0, unsigned& r1, unsigned& r2, unsigned& r3, const float* row) {
    emu::load_matrices(r0, r1, r2, r3, *reinterpret_cast<const float4*>(row));
}
template <int BYTES>
__device__ __forceinline__ void copy_async(float* to, const float* from, bool there) {
    using T = std::conditional_t<BYTES == 16, float4, float>;
    const T value = there ? *reinterpret_cast<const T*>(from) : T();
    emu_copy_later(to, &value, BYTES);
}
__device__ __forceinline__ void commit_copies() { emu_commit_copies(); }
template <int N>
__device__ __forceinline__ void wait_copies() {
    for (EmuCopy copy; emu_copy_due(N, &copy);)
        if (copy.size == 16) *static_cast<float4*>(copy.to) = copy.value;
        else *static_cast<float*>(copy.to) = copy.value.x;
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

// Four matrices of 8 rows of 4 numbers from shared memory, by a warp: lane 8 q + g names row g of matrix q, 16 bytes. Lane
// 4 g + t gets number t of row g of each: what mma_tf32 wants of a matrix whose k are neighbours (PTX ISA, ldmatrix).
__device__ __forceinline__ void load_matrices(unsigned& r0, unsigned& r1, unsigned& r2, unsigned& r3, const float* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r0), "=r"(r1), "=r"(r2), "=r"(r3)
                 : "r"((unsigned)__cvta_generic_to_shared(row)));
}

// BYTES, 4 or 16, go from global to shared memory while this thread does other things; zeros if they are not there. Both
// addresses are multiples of BYTES. They have come when the thread has waited; other threads see them after a barrier.
template <int BYTES>
__device__ __forceinline__ void copy_async(float* to, const float* from, bool there) {
    const unsigned address = __cvta_generic_to_shared(to);
    if (BYTES == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(there ? 16 : 0) : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(address), "l"(from), "r"(there ? 4 : 0) : "memory");
}

// The copies since the last commit are a group; wait until of this thread's groups at most the last N are on their way.
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N>
__device__ __forceinline__ void wait_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
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
