// Two products for many rows and few columns, which read the rows where they lie.
//
// gemm.h packs both factors. With 32 or 64 numbers a row that copy costs as much as a third of the product. Here only the
// weights are packed, once for all rows: they stay in L1. A row's numbers are read one at a time, each multiplies a few vectors
// of weights, and 6 rows together fill the registers: 24 sums of 32 with AVX-512. A row may be the sum of several sources, so
// that the taps of a convolution need no copy either: a shift in time is another address (the "direct" convolution of
// Georganas et al. 2018, "Anatomy of high-performance deep learning convolutions on SIMD architectures", section II).
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

constexpr int ROWS = 6, WIDE = VL == 16 ? 4 : 2;  // the tile in registers: rows, and vectors a row

inline index in_vectors(index columns) { return ceil_div(columns, VL) * VL; }

// Weights (inner x columns) for `add_products`: blocks of WIDE, 2 or 1 vectors of columns, all steps of a block together. Their
// columns are filled up with zeros: inner * in_vectors(columns) floats. at(k, j) gives an element.
template <class F> const float* pack_weights(float* to, index inner, index columns, const F& at) {
    const index vectors = ceil_div(columns, VL);
    for (index v = 0, wide; v < vectors; v += wide) {
        wide = vectors - v >= WIDE ? WIDE : vectors - v >= 2 ? 2 : 1;
        float* panel = to + v * VL * inner;
        for (index k = 0; k < inner; ++k)
            for (index j = v * VL; j < (v + wide) * VL; ++j) *panel++ = j < columns ? at(k, j) : 0.0f;
    }
    return to;
}

// Rows that are multiplied with weights: row r is `inner` numbers at data + r * stride.
struct Source {
    const float* data;
    index stride, inner;
    const float* weights;
};

// Row r of the result at out + r * out_stride is bias + row r of `plus` + the sources' rows times their weights. Bias and
// `plus` may be null, and `plus` may be `out`.
struct Result {
    float* out;
    index out_stride, columns;
    const float *bias, *plus;
    index plus_stride;
};

template <int R, int W> void product_tile(const Source* sources, index count, const Result& to, index row, index first) {
    vec sum[R][W];
    for (int v = 0; v < W; ++v) {
        const index column = first + v * VL, some = least(VL, to.columns - column);
        const vec bias = to.bias ? load_some(to.bias + column, some) : vec{};
        for (int r = 0; r < R; ++r)
            sum[r][v] = to.plus ? bias + load_some(to.plus + (row + r) * to.plus_stride + column, some) : bias;
    }
    for (index s = 0; s < count; ++s) {
        const index inner = sources[s].inner, stride = sources[s].stride;
        const float *weights = sources[s].weights + first * inner, *from[R];
        for (int r = 0; r < R; ++r) from[r] = sources[s].data + (row + r) * stride;
        for (index k = 0; k < inner; ++k, weights += W * VL) {
            vec w[W];
            for (int v = 0; v < W; ++v) w[v] = load(weights + v * VL);
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r)
                for (int v = 0; v < W; ++v) sum[r][v] += from[r][k] * w[v];
        }
    }
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < W; ++v) {
            const index column = first + v * VL;
            store_some(to.out + (row + r) * to.out_stride + column, sum[r][v], least(VL, to.columns - column));
        }
}

template <int W> void product_columns(const Source* sources, index count, const Result& to, index rows, index first) {
    index r = 0;
    for (; r + ROWS <= rows; r += ROWS) product_tile<ROWS, W>(sources, count, to, r, first);
    for (; r + 2 <= rows; r += 2) product_tile<2, W>(sources, count, to, r, first);
    if (r < rows) product_tile<1, W>(sources, count, to, r, first);
}

inline void add_products(const Source* sources, index count, const Result& to, index rows) {
    const index vectors = ceil_div(to.columns, VL);
    for (index v = 0; v < vectors;) {
        const index left = vectors - v;
        if (left >= WIDE) product_columns<WIDE>(sources, count, to, rows, v * VL), v += WIDE;
        else if (left >= 2) product_columns<2>(sources, count, to, rows, v * VL), v += 2;
        else product_columns<1>(sources, count, to, rows, v * VL), v += 1;
    }
}

// Asks for `count` floats to be brought into L2, to be read or written soon; an address where nothing is does no harm. Tiles
// jump between half a dozen arrays, which the hardware's own prefetcher notices too late: spread over the
// products before they are needed, these instructions hide most of the waiting.
template <bool WRITE> inline void prefetch(const float* p, index count) {
    for (index i = 0; i < count; i += 16) __builtin_prefetch(p + i, WRITE, 2);
}

// sum (P x Q, Q a multiple of VL) += the sum over rows r of p's row r transposed times q's row r: a weight gradient.
struct Outer {
    const float* p;
    index p_stride, P;
    const float* q;
    index q_stride, Q;
};

template <int R, int W> void outer_tile(const Outer& o, index rows, float* to, index i, index j) {
    vec sum[R][W];
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < W; ++v) sum[r][v] = load(to + (i + r) * o.Q + j + v * VL);
    const float *p = o.p + i, *q = o.q + j;
    for (index t = 0; t < rows; ++t, p += o.p_stride, q += o.q_stride) {
        vec w[W];
        for (int v = 0; v < W; ++v) w[v] = load(q + v * VL);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r)
            for (int v = 0; v < W; ++v) sum[r][v] += p[r] * w[v];
    }
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < W; ++v) store(to + (i + r) * o.Q + j + v * VL, sum[r][v]);
}

template <int W> void outer_columns(const Outer& o, index rows, float* to, index j) {
    index i = 0;
    for (; i + ROWS <= o.P; i += ROWS) outer_tile<ROWS, W>(o, rows, to, i, j);
    for (; i + 2 <= o.P; i += 2) outer_tile<2, W>(o, rows, to, i, j);
    if (i < o.P) outer_tile<1, W>(o, rows, to, i, j);
}

inline void add_outer_products(const Outer& o, index rows, float* sum) {
    for (index j = 0; j < o.Q;) {
        const index left = (o.Q - j) / VL;
        if (left >= WIDE) outer_columns<WIDE>(o, rows, sum, j), j += WIDE * VL;
        else if (left >= 2) outer_columns<2>(o, rows, sum, j), j += 2 * VL;
        else outer_columns<1>(o, rows, sum, j), j += VL;
    }
}

// sum (columns) += the sum of the rows: a bias' gradient.
inline void add_rows(const float* x, index stride, index rows, index columns, float* sum) {
    for (index j = 0; j < columns; j += VL) {
        const index some = least(VL, columns - j);
        vec total = load_some(sum + j, some);
        for (index r = 0; r < rows; ++r) total += load_some(x + r * stride + j, some);
        store_some(sum + j, total, some);
    }
}

}  // namespace VARIANT
}  // namespace minigen
