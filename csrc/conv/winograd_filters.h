// What the filters of a convolution become for Winograd's kernels, U = G w G^T, and where each of its numbers lies.
#pragma once
#include "winograd_tiles.h"

namespace minigen {
namespace VARIANT {

// U for every phase of channel c and the VL outputs, or output and the VL channels, whose taps lie in `taps` (T x VL).
template <class F, class Place> void filter_points(const Cut<F>& c, const float* taps, const Place& place) {
    constexpr int N = F::N, R = F::R;
    for (index phase = 0; phase < c.phases; ++phase) {
        vec square[R][R] = {}, point[N][N];
        for (index p = phase / c.stride, i = 0; p < c.s.KH; p += c.stride, ++i)
            for (index q = phase % c.stride, j = 0; q < c.s.KW; q += c.stride, ++j) square[i][j] = load(taps + (p * c.s.KW + q) * VL);
        Transforms<F>::filter(square, point);
        for (int e = 0; e < N * N; ++e) store(place(phase, e), point[e / N][e % N]);
    }
}

// U for `outer` x `inner` blocks of VL: u[pair of outer blocks][run of inner blocks][e][block][VL][NR]. What is written together
// lies together, and what is read together makes long lines.
template <class F> struct Filters {
    static constexpr index E = F::N * F::N;
    index outer, inner, run;  // inner blocks in a run
    Filters(index outer_, index inner_) : outer(outer_), inner(inner_), run(inner % 8 == 0 ? 8 : inner % 4 == 0 ? 4 : 2) {}

    index at(index outer, index block, index e, index k) const {
        return ((outer / 2 * inner + block / run * run) * E + e * run + block % run) * VL * NR + k * NR + outer % 2 * VL;
    }
    float* make(bool with_gaps) const {
        const index size = outer / 2 * inner * E * VL * NR;
        float* const u = scratch_floats(Scratch::filter, size);
        if (with_gaps) __builtin_memset(u, 0, sizeof(float) * size);
        return u;
    }
};

// Matrices of channels x outputs, for V U
template <class F> const float* filters(const Cut<F>& c, const float* w) {
    const Filters<F> place(c.OB, c.KB);
    const index T = c.s.KH * c.s.KW;
    float* const u = place.make(c.C % VL || c.KB % 2 || c.O % NR);
    parallel(ceil_div(c.O, VL), [&](index block) {
        float* const taps = scratch_floats(Scratch::image, c.C * T * VL);
        rows_to_vectors(w + block * VL * c.C * T, c.C * T, lanes(block, c.O), c.C * T, taps, one_after_another);
        for (index k = 0; k < c.C; ++k)
            filter_points(c, taps + k * T * VL, [&](index phase, index e) {
                return u + place.at(block, phase * c.CB + k / VL, e, k % VL);
            });
    });
    return u;
}

// Their transposes, for D U^T
template <class F> const float* transposed_filters(const Cut<F>& c, const float* w) {
    const Filters<F> place(c.KB, c.OB);
    const index T = c.s.KH * c.s.KW;
    float* const u = place.make(c.O % NR || c.phases * c.CB % 2);
    parallel(c.CB, [&](index block) {
        float* const taps = scratch_floats(Scratch::image, T * VL);
        for (index o = 0; o < c.O; ++o) {
            rows_to_vectors(w + (o * c.C + block * VL) * T, T, lanes(block, c.C), T, taps, one_after_another);
            filter_points(c, taps, [&](index phase, index e) {
                return u + place.at(phase * c.CB + block, o / VL, e, o % VL);
            });
        }
    });
    return u;
}

}  // namespace VARIANT
}  // namespace minigen
