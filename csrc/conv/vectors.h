// The two products of kernels whose operands lie in vectors of VL channels: X[block of channels][place][VL].
//
// Neighbouring places are VL floats apart, so a register tile of R places reads its operands where they lie, at distances that
// the compiler knows: nothing is packed but the weights. oneDNN calls the layout nChw16c.
#pragma once
#include "turn.h"

namespace minigen {
namespace VARIANT {

// Results of VL outputs at R places, for two blocks of outputs: c[r] = sum over taps, blocks of channels and channels k of
// a[tap + block + r S VL + k] times b's next line of NR. All sums stay in registers.
struct Places {
    const index* taps;  // offsets in a
    index tap_count, blocks, a_step, b_step;  // b_step: from one tap's lines in b to the next's
    index c_row, c_step;  // from one place, and from one block of outputs, to the next
};
typedef void Product(const Places& p, const float* a, const float* b, float* c);

template <int R, int S> void product(const Places& p, const float* a, const float* b, float* c) {
    vec sum[R][2] = {};
    for (index tap = 0; tap < p.tap_count; ++tap) {
        const float* at = a + p.taps[tap];
        const float* line = b + tap * p.b_step;
        for (index block = p.blocks; block > 0; --block, at += p.a_step)
#pragma GCC unroll 4
            for (int k = 0; k < VL; ++k, line += NR) {
                const vec b0 = load(line), b1 = load(line + VL);
#pragma GCC unroll 16
                for (int r = 0; r < R; ++r) {
                    const float value = at[r * S * VL + k];
                    sum[r][0] += value * b0;
                    sum[r][1] += value * b1;
                }
            }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
        store(c + r * p.c_row, sum[r][0]);
        store(c + r * p.c_row + p.c_step, sum[r][1]);
    }
}
template <int S, int R = MR> Product* product_of(index places) {
    if constexpr (R == 1) return product<1, S>;
    else return places == R ? product<R, S> : product_of<S, R - 1>(places);
}

// f(first, count) for `places` in as few tiles of registers as possible, all of nearly the same size
template <class F> inline void each_tile(index places, const F& f) {
    const index tiles = ceil_div(places, MR);
    for (index t = 0; t < tiles; ++t) f(t * places / tiles, (t + 1) * places / tiles - t * places / tiles);
}

// c (HALF channels x two blocks of outputs) = or += sum over places of a's channels times d's outputs.
constexpr int HALF = VL / 2;
struct Area {  // places of a and of d, side by side
    index rows, cols, a_row, a_col, d_row;
};
inline void outer_products(const Area& area, const float* a, const float* d, index d_step, float* c, index c_row, bool add) {
    vec sum[HALF][2];
#pragma GCC unroll 8
    for (int r = 0; r < HALF; ++r) {
        sum[r][0] = add ? load(c + r * c_row) : vec{};
        sum[r][1] = add ? load(c + r * c_row + VL) : vec{};
    }
    for (index i = 0; i < area.rows; ++i) {
        const float *x = a + i * area.a_row, *g = d + i * area.d_row;
        for (index j = 0; j < area.cols; ++j, x += area.a_col, g += VL) {
            const vec g0 = load(g), g1 = load(g + d_step);
#pragma GCC unroll 8
            for (int r = 0; r < HALF; ++r) {
                sum[r][0] += x[r] * g0;
                sum[r][1] += x[r] * g1;
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < HALF; ++r) {
        store(c + r * c_row, sum[r][0]);
        store(c + r * c_row + VL, sum[r][1]);
    }
}

inline index even(index n) { return n + n % 2; }
inline index lanes(index block, index channels) { return least(VL, channels - block * VL); }

}  // namespace VARIANT
}  // namespace minigen
