// Convolution with vectors along the rows of an image, read and written where they lie.
//
// y_o = sum_k w_{o,k} x_k, where x_k is the image as tap k = (c, p, q) sees it: the padded planes, shifted. A register tile of MR
// outputs by two vectors of pixels loads each x_k once for MR outputs, and broadcasts weights. It is for images of one or two
// channels: vectors of channels would be empty, and the arithmetic would not pay for turning the image.
#include "planes.h"

#include "pad.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index FEW = 32;  // numbers in a window

// A vector of neighbouring pixels of y, and the corner of their windows in the padded image.
struct Unit {
    index x, y, count, readable;  // readable: how many floats may be read there
};

// Where taps and vectors of pixels lie.
struct Plan {
    Padded image;
    index K, units;
    index* tap;
    Unit* unit;

    // Planes of `images` images of one group; `flip`: the taps in reverse order.
    Plan(const float* x, const Conv& s, index channels, index images, bool flip)
        : image(x, images, s.H, s.W, s.PH, s.PH, s.PW, s.PW, s.SW), K(channels * s.KH * s.KW) {
        const bool flat = image.rows == s.OH && image.row_size == s.OW;  // rows without a gap are one long row
        const index rows = flat ? 1 : s.OH, cols = flat ? s.OH * s.OW : s.OW, parts = ceil_div(cols, VL);
        units = rows * parts;
        const index bytes = sizeof(index) * K + sizeof(Unit) * (units + 1);
        tap = static_cast<index*>(scratch(Scratch::tables, bytes));
        unit = reinterpret_cast<Unit*>(tap + K);
        for (index c = 0, k = 0; c < channels; ++c)
            for (index p = 0; p < s.KH; ++p)
                for (index q = 0; q < s.KW; ++q, ++k) {
                    const index row = flip ? s.KH - 1 - p : p, col = flip ? s.KW - 1 - q : q;
                    tap[k] = c * image.plane() + image.at(row * s.DH, col * s.DW);
                }
        for (index i = 0, u = 0; i < rows; ++i)
            for (index part = 0; part < parts; ++part, ++u) {
                const index j = part * VL, count = least(VL, cols - j);
                unit[u] = {i * s.SH * image.row_size + j, i * cols + j, count, image.data == x ? count : VL};
            }
        unit[units] = {0, 0, 0, 0};
    }
};

// y (R planes x two vectors of pixels) = sum over k of w[k][R] times x at tap k
typedef void Tile(index K, const index* tap, const float* x, const Unit* unit, const float* w, float* y, index plane);
template <int R> void tile(index K, const index* tap, const float* x, const Unit* unit, const float* w, float* y, index plane) {
    vec sum[R][2] = {};
    const float *const x0 = x + unit[0].x, *const x1 = x + unit[1].x;
    const index n0 = unit[0].readable, n1 = unit[1].readable;
    const auto add = [&](index k, vec b0, vec b1) {
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const float value = w[k * R + r];
            sum[r][0] += value * b0;
            sum[r][1] += value * b1;
        }
    };
    if (n0 == VL && n1 == VL)
        for (index k = 0; k < K; ++k) add(k, load(x0 + tap[k]), load(x1 + tap[k]));
    else
        for (index k = 0; k < K; ++k) add(k, load_some(x0 + tap[k], n0), n1 ? load_some(x1 + tap[k], n1) : vec{});
    for (int r = 0; r < R; ++r) {
        store_some(y + r * plane + unit[0].y, sum[r][0], unit[0].count);
        if (unit[1].count) store_some(y + r * plane + unit[1].y, sum[r][1], unit[1].count);
    }
}
template <int R = MR> Tile* tile_of(index rows) {
    if constexpr (R == 1) return tile<1>;
    else return rows == R ? tile<R> : tile_of<R - 1>(rows);
}

// weight(o, k) is the weight of output o at tap k.
template <class Weight> void convolve(const float* x, float* y, const Conv& s, bool flip, const Weight& weight) {
    const index channels = s.C / s.G, outputs = s.O / s.G, pixels = s.OH * s.OW;
    const Plan plan(x, s, channels, s.N * s.C, flip);
    const index panels = ceil_div(outputs, MR), K = plan.K;
    const auto first = [&](index panel) { return panel * outputs / panels; };
    float* const packed = scratch_floats(Scratch::filter, s.G * outputs * K);
    for (index group = 0; group < s.G; ++group)
        for (index panel = 0; panel < panels; ++panel) {
            const index o = first(panel), rows = first(panel + 1) - o;
            float* const to = packed + (group * outputs + o) * K;
            for (index r = 0; r < rows; ++r)
                for (index k = 0; k < K; ++k) to[k * rows + r] = weight(group * outputs + o + r, k);
        }
    const index pairs = ceil_div(plan.units, 2);
    parallel(s.N * s.G, [&](index task) {
        const index n = task / s.G, group = task % s.G;
        const float* const image = plan.image.data + (n * s.C + group * channels) * plan.image.plane();
        float* const to = y + (n * s.O + group * outputs) * pixels;
        for (index panel = 0; panel < panels; ++panel) {  // planes of y are written from their beginnings to their ends
            const index o = first(panel), rows = first(panel + 1) - o;
            Tile* const run = tile_of(rows);
            for (index pair = 0; pair < pairs; ++pair)
                run(K, plan.tap, image, plan.unit + 2 * pair, packed + (group * outputs + o) * K, to + o * pixels, pixels);
        }
    });
}

// The input gradient with stride 1 as a convolution of g: x and y change places, and taps run backwards.
Conv turned(const Conv& s) {
    return {s.N, s.O, s.OH, s.OW, s.C, s.KH, s.KW, s.H, s.W, 1, 1, s.DH * (s.KH - 1) - s.PH, s.DW * (s.KW - 1) - s.PW, s.DH, s.DW, s.G};
}

bool rows_fill_vectors(const Conv& s) { return 4 * s.OW >= 3 * VL * ceil_div(s.OW, VL); }

}  // namespace

bool planes_fit(const Conv& s) {
    const index window = s.C / s.G * s.KH * s.KW;
    return s.O / s.G >= 4 && window <= FEW && rows_fill_vectors(s);
}

bool planes_fit_input(const Conv& s) {
    return s.SH == 1 && s.SW == 1 && s.DH * (s.KH - 1) >= s.PH && s.DW * (s.KW - 1) >= s.PW && planes_fit(turned(s));
}

void conv2d_planes(const float* x, const float* w, float* y, const Conv& s) {
    const index window = s.C / s.G * s.KH * s.KW;
    convolve(x, y, s, false, [&](index o, index k) { return w[o * window + k]; });
}

void conv2d_planes_input(const float* g, const float* w, float* dx, const Conv& s) {
    const index T = s.KH * s.KW, C = s.C / s.G, O = s.O / s.G;
    convolve(g, dx, turned(s), true, [&](index c, index k) {
        const index o = c / C * O + k / T;
        return w[(o * C + c % C) * T + k % T];
    });
}

}  // namespace VARIANT
}  // namespace minigen
