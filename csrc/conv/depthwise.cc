// Depthwise convolution: a group is one channel, so nothing is summed up but taps.
//
// There is no product of matrices in that, and 2 KH KW operations for each pixel: all that counts is to read each plane once.
// It is copied with its border, which stays in L1, and every tap then reads whole vectors, at an offset of its own:
//     y_{i,j} = sum_k w_k x[offset_k + i row + j].
// The input gradient is the same for each phase of dx (see phases.h), with those taps of g that reach it. For the weights, each
// tap's products with g are added up lane by lane over all images.
#include "special.h"

#include "pad.h"
#include "phases.h"
#include "plane_tiles.h"

namespace minigen {
namespace VARIANT {
namespace {

struct Tap {
    index offset;
    float weight;
};

// out (R rows x V vectors, `last` floats of the last) = bias + sum over taps of weight times the pixels at their offset
typedef void Tile(const Tap* taps, index count, float bias, const float* in, index in_row, float* out, index out_row, index last);
template <int R, int V>
void tile(const Tap* taps, index count, float bias, const float* in, index in_row, float* out, index out_row, index last) {
    vec sum[R][V];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) sum[r][v] = vec{} + bias;
    for (index k = 0; k < count; ++k) {
        const float *from = in + taps[k].offset, weight = taps[k].weight;
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
            for (int v = 0; v < V; ++v) sum[r][v] += weight * load(from + r * in_row + v * VL);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) store_some(out + r * out_row + v * VL, sum[r][v], v < V - 1 ? VL : last);
}
constexpr int TALL = 4, WIDE = 2;
template <int R = TALL> Tile* tile_of(index rows, index vectors) {
    if constexpr (R > 1) {
        if (rows < R) return tile_of<R - 1>(rows, vectors);
    }
    return vectors == 1 ? tile<R, 1> : tile<R, WIDE>;
}
void add_taps(const Tap* taps, index count, float bias, const float* in, index in_row, float* out, index out_row, index rows,
              index cols) {
    each_part(rows, TALL, [&](index i, index height) {
        each_part(ceil_div(cols, VL), WIDE, [&](index v, index vectors) {
            const index last = least(VL, cols - (v + vectors - 1) * VL);
            tile_of(height, vectors)(taps, count, bias, in + i * in_row + v * VL, in_row, out + i * out_row + v * VL, out_row,
                                     last);
        });
    });
}

// sums (S vectors) += g times the pixels at S offsets
typedef void Dots(const index* offset, const float* x, index x_row, const float* g, index rows, index cols, float* sums);
template <int S> void dots(const index* offset, const float* x, index x_row, const float* g, index rows, index cols, float* sums) {
    vec total[S];
#pragma GCC unroll 16
    for (int k = 0; k < S; ++k) total[k] = load(sums + k * VL);
    for (index i = 0; i < rows; ++i, x += x_row, g += cols)
        for (index j = 0; j < cols; j += VL) {
            const vec value = load_some(g + j, least(VL, cols - j));
#pragma GCC unroll 16
            for (int k = 0; k < S; ++k) total[k] += value * load(x + offset[k] + j);
        }
#pragma GCC unroll 16
    for (int k = 0; k < S; ++k) store(sums + k * VL, total[k]);
}
constexpr int TAPS = 9;
template <int S = TAPS> Dots* dots_of(index taps) {
    if constexpr (S > 1) {
        if (taps < S) return dots_of<S - 1>(taps);
    }
    return dots<S>;
}

Padded padded(const float* plane, const Conv& s) { return Padded(plane, 1, s.H, s.W, s.PH, s.PH, s.PW, s.PW, s.SW, true); }

}  // namespace

bool depthwise(const Conv& s) {
    constexpr index MANY = 4;  // outputs of a channel: see few.cc
    return s.C == s.G && s.O / s.G < MANY;
}

void depthwise_forward(const float* x, const float* w, float* y, const Conv& s) {
    const index outputs = s.O / s.G, T = s.KH * s.KW;
    parallel(s.N * s.C, [&](index plane) {
        const Padded image = padded(x + plane * s.H * s.W, s);
        Tap* const taps = static_cast<Tap*>(scratch(Scratch::tables, sizeof(Tap) * T));
        for (index o = 0; o < outputs; ++o) {
            for (index k = 0; k < T; ++k)
                taps[k] = {image.at(k / s.KW * s.DH, k % s.KW * s.DW), w[(plane % s.C * outputs + o) * T + k]};
            const float bias = s.bias ? s.bias[plane % s.C * outputs + o] : 0;
            add_taps(taps, T, bias, image.data, s.SH * image.row_size, y + (plane * outputs + o) * s.OH * s.OW, s.OW, s.OH, s.OW);
        }
    });
}

void depthwise_input(const float* g, const float* w, float* dx, const Conv& s) {
    const index outputs = s.O / s.G, T = s.KH * s.KW, down = least(s.SH, s.H), across = least(s.SW, s.W);
    const Border tall(s.OH, s.H, s.KH, s.SH, s.PH, s.DH), wide(s.OW, s.W, s.KW, s.SW, s.PW, s.DW);
    const index cols = wide.before + s.OW + wide.after, size = (tall.before + s.OH + tall.after) * cols;

    // The taps of all phases, one phase after the other: their offsets in g, and where their weights lie.
    Tables tables(2 * outputs * T + 2 * (s.KH + s.KW) + down * across + 1);
    index *const offset = tables.take(outputs * T), *const place = tables.take(outputs * T);
    index *const start = tables.take(down * across + 1), next = 0;
    for (index phase = 0; phase < down * across; ++phase) {
        Tables local = tables;
        const Phase r(phase / across, s.H, s.KH, s.SH, s.PH, s.DH, local), c(phase % across, s.W, s.KW, s.SW, s.PW, s.DW, local);
        start[phase] = next;
        for (index o = 0; o < outputs; ++o)
            for (index p = 0; p < r.taps; ++p)
                for (index q = 0; q < c.taps; ++q, ++next) {
                    offset[next] = o * size + (r.distance[p] + tall.before) * cols + c.distance[q] + wide.before;
                    place[next] = o * T + r.tap[p] * s.KW + c.tap[q];
                }
    }
    start[down * across] = next;

    parallel(s.N * s.C, [&](index plane) {
        const Padded grad(g + plane * outputs * s.OH * s.OW, outputs, s.OH, s.OW, tall.before, tall.after, wide.before, wide.after,
                          1, true);
        const Padded sorted = Padded::room(Scratch::columns, s.H, s.W, s.SW);  // dx, its columns sorted by their phase
        Tap* const taps = static_cast<Tap*>(scratch(Scratch::step, sizeof(Tap) * outputs * T));
        for (index k = 0; k < next; ++k) taps[k] = {offset[k], w[plane % s.C * outputs * T + place[k]]};
        for (index phase = 0; phase < down * across; ++phase) {
            const index h = phase / across, v = phase % across;
            add_taps(taps + start[phase], start[phase + 1] - start[phase], s.bias ? s.bias[plane % s.C] : 0, grad.data, cols,
                     sorted.copy + sorted.at(h, v), s.SH * sorted.row_size, ceil_div(s.H - h, s.SH), ceil_div(s.W - v, s.SW));
        }
        sorted.take_out(0, dx + plane * s.H * s.W);
    });
}

void depthwise_weight(const float* g, const float* x, float* dw, const Conv& s) {
    const index outputs = s.O / s.G, T = s.KH * s.KW;
    constexpr index TOGETHER = 8;  // planes that lie beside each other
    parallel(ceil_div(s.O, TOGETHER), [&](index task) {
        const index begin = task * TOGETHER, end = least(begin + TOGETHER, s.O);
        float* const sums = scratch_floats(Scratch::step, TOGETHER * T * VL);
        index* const offset = static_cast<index*>(scratch(Scratch::tables, sizeof(index) * T));
        __builtin_memset(sums, 0, sizeof(float) * TOGETHER * T * VL);
        for (index n = 0; n < s.N; ++n)
            for (index o = begin; o < end; ++o) {
                const Padded image = padded(x + (n * s.C + o / outputs) * s.H * s.W, s);
                const float* const from = g + (n * s.O + o) * s.OH * s.OW;
                float* const sum = sums + (o - begin) * T * VL;
                for (index k = 0; k < T; ++k) offset[k] = image.at(k / s.KW * s.DH, k % s.KW * s.DW);
                each_part(T, TAPS, [&](index k, index taps) {
                    dots_of(taps)(offset + k, image.data, s.SH * image.row_size, from, s.OH, s.OW, sum + k * VL);
                });
            }
        for (index i = 0; i < (end - begin) * T; ++i) {
            float sum = 0;
            for (int lane = 0; lane < VL; ++lane) sum += sums[i * VL + lane];
            dw[begin * T + i] = sum;
        }
    });
}

}  // namespace VARIANT
}  // namespace minigen
