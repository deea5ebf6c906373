// C = A B for matrices whose elements lie wherever two tables of offsets say.
//
// Element (i, j) of a matrix is base[row[i] + col[j]]. That covers transposed and strided matrices, and also every matrix of
// a convolution: im2col's element (c kh kw, n oh ow) is at offset(c, kh, kw) + offset(n, oh, ow) of a padded image. So
// convolution and its two gradients are this one function with other tables, and im2col's matrix is never stored.
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

template <class T> struct Table {
    T* base;
    const index* row;
    const index* col;
};

// Tiles of C are up to so many vectors wide; with 32 registers four pay, with 16 two.
#if defined(__AVX512F__)
constexpr int TILE_VECTORS = 4;
#else
constexpr int TILE_VECTORS = 2;
#endif
constexpr int TILE_COLUMNS = TILE_VECTORS * VL;

struct Gemm {
    index M, N, K;
    Table<const float> a;  // M x K
    Table<const float> b;  // K x N
    Table<float> c;        // M x N, overwritten
    const float* packed_b = nullptr;  // b as pack_b has left it, where many products share it
    Epilogue epilogue = {};           // c = f(a b + bias), done while each tile is still in L1; kernels.h has its fields
};

void gemm(const Gemm& problem);
void gemm_alone(const Gemm& problem);  // the same in this thread

// All of b as the tiles read it, K steps of at most TILE_COLUMNS columns each: at most K * ceil(N / NR) * NR floats.
void pack_b(const Gemm& problem, float* to);

// A table of n offsets is one row of scratch; this hands out several rows of one block.
class Tables {
public:
    explicit Tables(index total) : next(static_cast<index*>(scratch(Scratch::tables, sizeof(index) * (total + 1)))) {}
    index* take(index n) {
        index* table = next;
        next += n;
        return table;
    }
    const index* steps(index n, index step) {  // 0, step, 2 step, ...
        index* table = take(n);
        for (index i = 0; i < n; ++i) table[i] = i * step;
        return table;
    }

private:
    index* next;
};

}  // namespace VARIANT
}  // namespace minigen
