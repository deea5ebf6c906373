// Shared by the recurrent kernels: products with one packed matrix, and loops over the rows of a step.
#pragma once
#include "../matmul/gemm.h"

namespace minigen {
namespace VARIANT {

// out (N, columns) = a (N, K) times a matrix that is packed once and used in every step.
class Packed {
public:
    // The matrix (K, columns) has element (k, j) at w[k * row_stride + j * col_stride].
    Packed(const float* w, index N, index K, index columns, index row_stride, index col_stride)
        : rows(N), inner(K), columns(columns), tables(2 * N + 2 * K + 2 * columns) {
        panels = scratch_floats(Scratch::packed_b, ceil_div(columns, NR) * NR * K + 1);
        const index *const row = tables.steps(K, row_stride), *const col = tables.steps(columns, col_stride);
        step = tables.steps(K, 1);
        a_row = tables.steps(N, K);
        c_row = tables.steps(N, columns);
        c_col = tables.steps(columns, 1);
        product = {rows, columns, inner, {}, {w, row, col}, {}, nullptr};
        pack_b(product, panels);
        product.packed_b = panels;
    }
    void times(const float* a, float* out) {
        product.a = {a, a_row, step};
        product.c = {out, c_row, c_col};
        gemm(product);
    }

private:
    index rows, inner, columns;
    Tables tables;
    float* panels;
    const index *step, *a_row, *c_row, *c_col;
    Gemm product;
};

// f(i, count) for the elements i of [0, n), a vector at a time.
template <class F> inline void each_vector(index n, const F& f) {
    for (index i = 0; i < n; i += VL) f(i, least(VL, n - i));
}


// f(n) for every sequence n of a step, some at a time.
template <class F> void each_sequence(const Sequence& s, const F& f) {
    const index share = 1 + 4096 / (s.H + 1);
    parallel(ceil_div(s.N, share), [&](index task) {
        for (index n = task * share; n < least((task + 1) * share, s.N); ++n) f(n);
    });
}

}  // namespace VARIANT
}  // namespace minigen
