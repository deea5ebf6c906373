// Between rows and vectors of one column: a layout with channels side by side, so that one vector holds a pixel of VL channels.
//
// Maps of 28, 14, 7 or 4 pixels fill vectors badly and their edges cost much; channels come in 32s. So the kernels that
// include this turn VL planes at a time, compute on vectors of channels, and turn the result back.
#pragma once
#include "../matmul/pack.h"

namespace minigen {
namespace VARIANT {

// vectors[to(j)] = (rows[0][j], rows[1][j], ...), zero where there is no row; to(j) is an offset in floats.
template <class To> inline void rows_to_vectors(const float* x, index row_stride, index rows, index columns, float* vectors,
                                                const To& to) {
    for (index j = 0; j < columns; j += VL) {
        const index count = least(VL, columns - j);
        vec v[VL] = {};
        if (rows == VL && count == VL) {
#pragma GCC unroll 16
            for (int r = 0; r < VL; ++r) v[r] = load(x + r * row_stride + j);
            transpose(v);
#pragma GCC unroll 16
            for (int i = 0; i < VL; ++i) store(vectors + to(j + i), v[i]);
            continue;
        }
        for (index r = 0; r < rows; ++r) v[r] = load_some(x + r * row_stride + j, count);
        transpose(v);
        for (index i = 0; i < count; ++i) store(vectors + to(j + i), v[i]);
    }
}

// Back, with `begin` added to each vector: a bias.
template <class From> inline void vectors_to_rows(const float* vectors, const From& from, float* x, index row_stride, index rows,
                                                  index columns, vec begin = vec{}) {
    for (index j = 0; j < columns; j += VL) {
        const index count = least(VL, columns - j);
        vec v[VL] = {};
        if (rows == VL && count == VL) {
#pragma GCC unroll 16
            for (int i = 0; i < VL; ++i) v[i] = load(vectors + from(j + i)) + begin;
            transpose(v);
#pragma GCC unroll 16
            for (int r = 0; r < VL; ++r) store(x + r * row_stride + j, v[r]);
            continue;
        }
        for (index i = 0; i < count; ++i) v[i] = load(vectors + from(j + i)) + begin;
        transpose(v);
        for (index r = 0; r < rows; ++r) store_some(x + r * row_stride + j, v[r], count);
    }
}

// The biases of one block of channels, of which `some` are there.
inline vec biases(const float* bias, index block, index some) { return bias ? load_some(bias + block * VL, some) : vec{}; }

inline index one_after_another(index j) { return j * VL; }

}  // namespace VARIANT
}  // namespace minigen
