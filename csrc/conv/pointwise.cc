// 1 x 1 convolution: for each image three products of matrices that lie there already, x (C x P), g (O x P) and w (O x C),
//     y = w x,    dx = w^T g,    dw = sum over images of g x^T.
//
// A pixel pays for being turned with 2 O multiplications here, not with 2 O KH KW, so planes are read and written where they
// lie. Only the weight gradient turns x, or g where that is less: its vectors run along channels, since sums along pixels would
// need a vector each.
#include "special.h"

#include "../gated/in_place.h"
#include "../matmul/pack.h"
#include "../matmul/tile.h"
#include "plane_tiles.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index PIXELS = 100;    // of 64 channels: a turned panel of x, which stays in L1
constexpr index PARTS = 8;       // of a weight gradient's sum over images
constexpr index STRETCH = 1024;  // pixels of an image in one task

// to (rows x P) = w (rows x inner) from (inner x P), and the bias, for all images and groups
void products(const float* w, const float* from, float* to, const Conv& s, index rows, index inner) {
    const index P = s.OH * s.OW, stretches = ceil_div(P, STRETCH);
    parallel(s.N * s.G * stretches, [&](index task) {
        const index group = task / stretches, first = task % stretches * STRETCH, count = least(STRETCH, P - first);
        const index next = first + count < P ? count : inner * P - first;
        multiply_planes(w + group % s.G * rows * inner, rows, inner, from + group * inner * P + first, P, to + group * rows * P + first,
                        P, count, next, s.bias ? s.bias + group % s.G * rows : nullptr);
    });
}

// The sizes of one group of a weight gradient. A panel is some pixels of up to TILE_COLUMNS channels of x.
struct Gradient {
    const Conv& s;
    index C, O, P, line, chunks, panels;
    const index *channel, *pixel, *map, *sum_row;

    Gradient(const Conv& s_, index channels, index outputs)
        : s(s_), C(channels), O(outputs), P(s.OH * s.OW), line(ceil_div(C, VL) * VL), chunks(ceil_div(P, PIXELS)),
          panels(ceil_div(C, TILE_COLUMNS)) {
        Tables tables(C + PIXELS + 2 * O);
        channel = tables.steps(C, P);
        pixel = tables.steps(PIXELS, 1);
        map = tables.steps(O, P);
        sum_row = tables.steps(O, line);
    }
    index steps() const { return panels * chunks; }  // in one image
    index channels(index step) const { return step / chunks * TILE_COLUMNS; }  // the first of its panel
    index pixels(index step) const { return step % chunks * P / chunks; }      // the first of its pixels
    index end(index step) const { return (step % chunks + 1) * P / chunks; }

    // sums (O x line) = g x^T over the images [first, last) of a group
    void add_up(const float* g, const float* x, index group, index first, index last, float* sums) const {
        float* const panel = scratch_floats(Scratch::panel_b, PIXELS * TILE_COLUMNS);
        for (index n = first; n < last; ++n)
            for (index step = 0; step < steps(); ++step) {
                const float *const gs = g + (n * s.G + group) * O * P, *const xs = x + (n * s.G + group) * C * P;
                const index c = channels(step), p = pixels(step), count = end(step) - p;
                const int some = static_cast<int>(least(TILE_COLUMNS, C - c)), vectors = static_cast<int>(ceil_div(some, VL));
                pack_panel(panel, xs + c * P + p, pixel, count, channel, some, vectors * VL);

                // What is needed next is asked for between two tiles: the next panel, and g of the next image.
                const bool over = step + 1 == steps();
                const float* const x_next = over ? xs + s.G * C * P : xs + channels(step + 1) * P + pixels(step + 1);
                const float* const g_next = gs + s.G * O * P + p;
                index asked = 0;
                each_part(O, max_rows(vectors), [&](index o, index maps) {
                    for (const index until = (o + maps) * some / O; asked < until; ++asked) prefetch<false>(x_next + asked * P, count);
                    for (index m = o; m < o + maps && c + TILE_COLUMNS >= C; ++m) prefetch<false>(g_next + m * P, count);
                    float* const to = sums + c;
                    const float* const from = n > first || p > 0 ? to : nullptr;
                    of_size<true>(static_cast<int>(maps), vectors)(
                        {count, gs + p, map + o, 0, panel, vectors * VL, from, sum_row + o, to, sum_row + o, sum_row + o});
                });
            }
    }
};

}  // namespace

bool pointwise(const Conv& s) {
    return s.KH == 1 && s.KW == 1 && s.SH == 1 && s.SW == 1 && s.PH == 0 && s.PW == 0 && s.OH * s.OW >= 2 * VL;
}

void pointwise_forward(const float* x, const float* w, float* y, const Conv& s) { products(w, x, y, s, s.O / s.G, s.C / s.G); }

void pointwise_input(const float* g, const float* w, float* dx, const Conv& s) {
    const index C = s.C / s.G, O = s.O / s.G;
    float* const turned = scratch_floats(Scratch::filter, s.G * O * C);
    for (index group = 0; group < s.G; ++group)
        for (index c = 0; c < C; ++c)
            for (index o = 0; o < O; ++o) turned[(group * C + c) * O + o] = w[(group * O + o) * C + c];
    products(turned, g, dx, s, C, O);
}

void pointwise_weight(const float* g, const float* x, float* dw, const Conv& s) {
    const index C = s.C / s.G, O = s.O / s.G;
    const bool swapped = O < C && O >= TILE_COLUMNS;  // dw^T = sum of x g^T: there is less of g to turn
    const Gradient of(s, swapped ? O : C, swapped ? C : O);
    const index parts = least(s.N, PARTS), size = of.O * of.line;
    float* const sums = scratch_floats(Scratch::step, s.G * parts * size);
    parallel(s.G * parts, [&](index task) {
        const index part = task % parts, first = part * s.N / parts, last = (part + 1) * s.N / parts;
        of.add_up(swapped ? x : g, swapped ? g : x, task / parts, first, last, sums + task * size);
    });
    float* sums_of = sums;
    for (index group = 0; group < s.G; ++group, sums_of += parts * size, dw += O * C) {
        for (index part = 1; part < parts; ++part)
            for (index i = 0; i < size; ++i) sums_of[i] += sums_of[part * size + i];
        for (index o = 0; o < O; ++o)
            for (index c = 0; c < C; ++c) dw[o * C + c] = swapped ? sums_of[c * of.line + o] : sums_of[o * of.line + c];
    }
}

}  // namespace VARIANT
}  // namespace minigen
