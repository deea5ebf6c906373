// Convolution where one side has few channels: grey or colour images at a network's first layer, and at its last.
//
// A window then holds so few numbers (K = C KH KW) that im2col's matrix of an area of pixels, K rows, stays in L1. All three
// kernels are one product with it there, and the many planes of the other side are read or written once, where they lie:
//     y = w X,       X (K x pixels): row k is the image as tap k sees it,
//     dw = g X^T,    sums along rows: vectors of pixels, added up lane by lane,
//     dx = X's adjoint of w^T g: every row is added to the image where its tap has read it.
// v2 writes that matrix to memory and v3 packs it again for every block of outputs; vectors of channels would be empty.
//
// Few channels of y are the same thing seen from the other side: with stride 1, S(x, w, g) = <g, conv(x, w)> is also
// <x, conv(g, w')> with the taps of w' in reverse order, so y takes the image's place and x that of the many planes.
#include "special.h"

#include "pad.h"
#include "plane_tiles.h"
#include "sums.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index CACHED = 6 << 10;  // floats of X: 24 KB
constexpr index TOGETHER = 4;      // images that a tile of sums passes over before it goes back to memory

// The sizes of one group, and how the pixels of its maps are cut into areas.
struct Few {
    const Conv s;  // of the image and the many maps
    index F, M, K, P, row_parts, col_parts, step;  // channels of the image, maps, taps, pixels of a map

    explicit Few(const Conv& s_)
        : s(s_), F(s.C / s.G), M(s.O / s.G), K(F * s.KH * s.KW), P(s.OH * s.OW),
          row_parts(ceil_div(s.OH, 1 + CACHED / (K * s.OW))), col_parts(ceil_div(s.OW, 1 + CACHED / K)) {
        step = ceil_div(ceil_div(s.OH, row_parts) * ceil_div(s.OW, col_parts), VL) * VL;
    }
    index areas() const { return row_parts * col_parts; }
};

// Rows and columns of a map whose pixels follow each other: several rows only if they are whole.
struct Area {
    index row, rows, col, cols;
    Area(const Few& f, index area) {
        const index down = area / f.col_parts, across = area % f.col_parts;
        row = down * f.s.OH / f.row_parts;
        rows = (down + 1) * f.s.OH / f.row_parts - row;
        col = across * f.s.OW / f.col_parts;
        cols = (across + 1) * f.s.OW / f.col_parts - col;
    }
    index first(const Few& f) const { return row * f.s.OW + col; }
    index count() const { return rows * cols; }
    index vectors() const { return ceil_div(count(), VL); }
};

Padded padded(const float* x, const Conv& s) {
    return Padded(x, s.N * s.C, s.H, s.W, s.PH, s.PH, s.PW, s.PW, s.SW, true);
}

// row(k, from the corner of the image's first window that tap k sees)
template <class Row> void each_tap(const Few& f, const Padded& image, const Area& a, const Row& row) {
    for (index c = 0, k = 0; c < f.F; ++c)
        for (index p = 0; p < f.s.KH; ++p)
            for (index q = 0; q < f.s.KW; ++q, ++k)
                row(k, c * image.plane() + image.at(a.row * f.s.SH + p * f.s.DH, q * f.s.DW) + a.col);
}

// X of an area. What a copy writes beyond its line, the next one overwrites.
void windows(const Few& f, const Padded& image, index group, const Area& a, float* X) {
    const float* const from = image.data + group * f.F * image.plane();
    each_tap(f, image, a, [&](index k, index corner) {
        float* line = X + k * f.step;
        const float* seen = from + corner;
        for (index i = 0; i < a.rows; ++i, line += a.cols, seen += f.s.SH * image.row_size)
            for (index j = 0; j < a.cols; j += VL) store(line + j, load(seen + j));
    });
}
float* room_for_windows(const Few& f, index images = 1) {
    return scratch_floats(Scratch::columns, images * f.K * f.step + 2 * VL);
}

// w as a matrix with rows k or rows o; at(o, k) gives the weight of map o at tap k.
template <class At> float* matrix(index rows, index cols, const At& at) {
    float* const to = scratch_floats(Scratch::filter, rows * cols);
    for (index i = 0; i < rows; ++i)
        for (index j = 0; j < cols; ++j) to[i * cols + j] = at(i, j);
    return to;
}

template <class At> void forward(const float* x, float* y, const Few& f, const At& at) {
    const Conv& s = f.s;
    const Padded image = padded(x, s);
    const float* const w = matrix(s.O, f.K, at);
    parallel(s.N * s.G * f.areas(), [&](index task) {
        const index group = task / f.areas();
        const Area a(f, task % f.areas());
        float* const X = room_for_windows(f);
        windows(f, image, group, a, X);
        const float* const filters = w + group % s.G * f.M * f.K;
        float* const to = y + group * f.M * f.P + a.first(f);
        each_part(f.M, ROW_HEIGHT, [&](index o, index maps) {  // planes of y are written from their beginnings to their ends
            each_part(a.vectors(), ROW_VECTORS, [&](index v, index vectors) {
                const index last = least(VL, a.count() - (v + vectors - 1) * VL);
                row_tile_of(maps, vectors, last == VL)(
                    {f.K, filters + o * f.K, f.K, X + v * VL, f.step, 0, to + o * f.P + v * VL, f.P, last,
                     s.bias ? s.bias + group % s.G * f.M + o : nullptr});
            });
        });
    });
}

template <class At> void input(const float* g, float* dx, const Few& f, const At& at) {
    const Conv& s = f.s;
    const float* const w = matrix(s.G * f.K, f.M, [&](index k, index o) { return at(k / f.K * f.M + o, k % f.K); });
    parallel(s.N * s.G, [&](index group) {
        const Padded image = Padded::zeros(f.F, s.H, s.W, s.PH, s.PH, s.PW, s.PW, s.SW);
        for (index c = 0; c < f.F && s.bias; ++c) fill(image.copy + c * image.plane(), image.plane(), s.bias[group % s.G * f.F + c]);
        float* const X = room_for_windows(f);
        for (index area = 0; area < f.areas(); ++area) {
            const Area a(f, area);
            const float* const from = g + group * f.M * f.P + a.first(f);
            const index next = area + 1 < f.areas() ? a.count() : f.M * f.P - a.first(f);
            multiply_planes(w + group % s.G * f.K * f.M, f.K, f.M, from, f.P, X, f.step, a.count(), next);
            each_tap(f, image, a, [&](index k, index corner) {
                const float* line = X + k * f.step;
                float* seen = image.copy + corner;
                for (index i = 0; i < a.rows; ++i, line += a.cols, seen += s.SH * image.row_size)
                    for (index j = 0; j < a.cols; j += VL)
                        store(seen + j, load(seen + j) + load_some(line + j, least(VL, a.cols - j)));
            });
        }
        for (index c = 0; c < f.F; ++c) image.take_out(c, dx + (group * f.F + c) * s.H * s.W);
    });
}

// to(o, k) is the place of map o's gradient at tap k.
template <class To> void weight(const float* g, const float* x, const Few& f, const To& to) {
    const Conv& s = f.s;
    const Padded image = padded(x, s);
    const auto out = [&](index i) { return to(i / f.K, i % f.K); };
    sum_in_parts(s.N * f.areas(), s.G, f.M * f.K, out, [&](index group, index first, index end, float* sums) {
        float* const X = room_for_windows(f, TOGETHER);
        for (index unit = first, images; unit < end; unit += images) {
            const index n = unit % s.N;
            const Area a(f, unit / s.N);
            images = least(TOGETHER, least(end - unit, s.N - n));
            for (index i = 0; i < images; ++i) windows(f, image, (n + i) * s.G + group, a, X + i * f.K * f.step);
            const float* const from = g + (n * s.G + group) * f.M * f.P + a.first(f);
            each_part(f.M, DOT_MAPS, [&](index o, index maps) {
                each_part(f.K, DOT_TAPS, [&](index k, index taps) {
                    float* const sum = sums + (o * f.K + k) * VL;
                    dot_tile_of(maps, taps)({a.count(), images, from + o * f.P, f.P, s.G * f.M * f.P, k == 0 ? maps * f.P : 0,
                                             X + k * f.step, f.step, f.K * f.step, sum, f.K * VL, unit > first});
                });
            });
        }
    });
}

// x and y change places, and taps run backwards.
Conv turned(const Conv& s) {
    const index top = s.DH * (s.KH - 1) - s.PH, left = s.DW * (s.KW - 1) - s.PW;
    return {s.N, s.O, s.OH, s.OW, s.C, s.KH, s.KW, s.H, s.W, 1, 1, top, left, s.DH, s.DW, s.G, s.bias};
}
// Where in w the weight of x's channel c at tap k of the turned convolution lies.
index turned_weight(const Conv& s, index c, index k) {
    const index T = s.KH * s.KW, C = s.C / s.G, O = s.O / s.G, o = c / C * O + k / T;
    return (o * C + c % C) * T + (T - 1 - k % T);
}

bool fits(const Conv& s) {
    constexpr index CHANNELS = 4, WINDOW = 64, MAPS = 4, PIXELS = 64;
    return s.C / s.G <= CHANNELS && s.C / s.G * s.KH * s.KW <= WINDOW && s.O / s.G >= MAPS && s.OH * s.OW >= PIXELS;
}

}  // namespace

bool few_inputs(const Conv& s) { return fits(s); }
bool few_outputs(const Conv& s) {
    return s.SH == 1 && s.SW == 1 && s.DH * (s.KH - 1) >= s.PH && s.DW * (s.KW - 1) >= s.PW && fits(turned(s));
}

void few_inputs_forward(const float* x, const float* w, float* y, const Conv& s) {
    const Few f(s);
    forward(x, y, f, [&](index o, index k) { return w[o * f.K + k]; });
}
void few_inputs_input(const float* g, const float* w, float* dx, const Conv& s) {
    const Few f(s);
    input(g, dx, f, [&](index o, index k) { return w[o * f.K + k]; });
}
void few_inputs_weight(const float* g, const float* x, float* dw, const Conv& s) {
    const Few f(s);
    weight(g, x, f, [&](index o, index k) { return dw + o * f.K + k; });
}
void few_outputs_forward(const float* x, const float* w, float* y, const Conv& s) {
    input(x, y, Few(turned(s)), [&](index c, index k) { return w[turned_weight(s, c, k)]; });
}
void few_outputs_input(const float* g, const float* w, float* dx, const Conv& s) {
    forward(g, dx, Few(turned(s)), [&](index c, index k) { return w[turned_weight(s, c, k)]; });
}
void few_outputs_weight(const float* g, const float* x, float* dw, const Conv& s) {
    weight(x, g, Few(turned(s)), [&](index c, index k) { return dw + turned_weight(s, c, k); });
}

}  // namespace VARIANT
}  // namespace minigen
