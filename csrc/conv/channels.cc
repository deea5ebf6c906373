// Convolution and its two gradients with channels side by side, X[block of channels][row][column][VL], by the definition.
//
// A tap of the kernel is then an offset, the same for every pixel, and neighbouring pixels are VL (times the stride) floats apart:
// the register tile of vectors.h reads a window where it lies. Only weights are packed, once, and the border is there, so no
// tap asks whether it lies inside. Each image is turned when it is read and turned back when it is written.
#include "channels.h"

#include "../gated/in_place.h"
#include "phases.h"
#include "vectors.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index BLOCK = 256 << 10;         // floats of x and g that the weight gradient works on at a time: L2
constexpr index LARGEST_IMAGE = 4 << 20;   // floats of a turned image
constexpr index BAND = 112;                // pixels whose x and g stay in L1 while all taps of a kernel's row pass over them

// Where each pixel of an image lies in the turned image, `before` rows and `left` columns from its corner.
const index* pixels_inside(Tables& tables, index height, index width, index before, index left, index cols) {
    index* const offset = tables.take(height * width);
    for (index i = 0, j = 0; i < height; ++i)
        for (index v = 0; v < width; ++v) offset[j++] = ((before + i) * cols + left + v) * VL;
    return offset;
}

// x of one group, as the kernels read it.
struct Layout {
    const Conv& s;
    index C, O, T, P;               // channels and outputs of a group, taps, pixels of y
    index KB, OB;                   // blocks of what is summed over, and of outputs: an even number
    index rows, cols, plane;        // of a turned image with its border
    index out_rows, out_cols;       // one line of P places where lines follow each other without a gap
    index row_step;

    explicit Layout(const Conv& s_)
        : s(s_), C(s.C / s.G), O(s.O / s.G), T(s.KH * s.KW), P(s.OH * s.OW), KB(ceil_div(C, VL)), OB(even(ceil_div(O, VL))),
          rows(s.H + 2 * s.PH), cols(s.W + 2 * s.PW), plane(rows * cols * VL) {
        const bool flat = T == 1 && s.SH == 1 && s.SW == 1 && s.PH == 0 && s.PW == 0;
        out_rows = flat ? 1 : s.OH;
        out_cols = flat ? P : s.OW;
        row_step = s.SH * cols * VL;
    }
    const index *taps, *inside;     // where a tap lies beside the first one, and a pixel in its turned image
    index size() const { return KB * plane; }
    void tabulate() {
        Tables tables(T + s.H * s.W);
        index* const offset = tables.take(T);
        for (index p = 0, t = 0; p < s.KH; ++p)
            for (index q = 0; q < s.KW; ++q) offset[t++] = (p * s.DH * cols + q * s.DW) * VL;
        taps = offset;
        inside = pixels_inside(tables, s.H, s.W, s.PH, s.PW, cols);
    }
    // line of the weights that weight j of one output, in the order of w, belongs to
    index line(index j) const { return j % T * KB * VL + j / T; }
    index lines() const { return T * KB * VL; }

    void turn(const float* x, float* to) const {
        const index pixels = s.H * s.W;
        for (index block = 0; block < KB; ++block, to += plane) {
            if (cols != s.W || rows != s.H) __builtin_memset(to, 0, sizeof(float) * plane);
            rows_to_vectors(x + block * VL * pixels, pixels, lanes(block, C), pixels, to, [&](index j) { return inside[j]; });
        }
    }
};

Product* product_for(index stride, index places) { return stride == 1 ? product_of<1>(places) : product_of<2>(places); }

// y's planes of two blocks of outputs, from the vectors that a product has left
void turn_back(const float* vectors, index pair, index channels, index pixels, const float* bias, float* y) {
    for (index block = 2 * pair; block < 2 * pair + 2 && block * VL < channels; ++block, vectors += pixels * VL)
        vectors_to_rows(vectors, one_after_another, y + block * VL * pixels, pixels, lanes(block, channels), pixels,
                        biases(bias, block, lanes(block, channels)));
}

void forward(const Layout& l, const float* x, const float* w, const float* bias, float* y) {
    const Conv& s = l.s;
    float* const u = scratch_floats(Scratch::filter, l.OB / 2 * l.lines() * NR);  // [pair of blocks of outputs][tap][channel][NR]
    __builtin_memset(u, 0, sizeof(float) * l.OB / 2 * l.lines() * NR);
    for (index block = 0; block * VL < l.O; ++block)
        rows_to_vectors(w + block * VL * l.C * l.T, l.C * l.T, lanes(block, l.O), l.C * l.T,
                        u + block / 2 * l.lines() * NR + block % 2 * VL, [&](index j) { return l.line(j) * NR; });
    const Places places = {l.taps, l.T, l.KB, l.plane, l.KB * VL * NR, VL, l.P * VL};
    const index pixels = l.C * s.H * s.W, visits = l.OB / 2 * l.out_rows;
    parallel(s.N, [&](index n) {
        float* const image = scratch_floats(Scratch::image, l.size());
        float* const result = scratch_floats(Scratch::tiles, 2 * l.P * VL);
        const float *const x_n = x + n * s.C * s.H * s.W, *const x_next = x_n + s.C * s.H * s.W;
        l.turn(x_n, image);
        for (index pair = 0, visit = 0; pair < l.OB / 2; ++pair) {
            for (index i = 0; i < l.out_rows; ++i, ++visit) {
                const index asked = visit * pixels / visits;
                prefetch<false>(x_next + asked, (visit + 1) * pixels / visits - asked);
                each_tile(l.out_cols, [&](index j, index count) {
                    product_for(s.SW, count)(places, image + i * l.row_step + j * s.SW * VL,
                                                   u + pair * l.lines() * NR, result + (i * l.out_cols + j) * VL);
                });
            }
            turn_back(result, pair, l.O, l.P, bias, y + n * s.O * l.P);
        }
    });
}

void weight(const Layout& l, const float* g, const float* x, float* dw) {
    const Conv& s = l.s;
    const index image = l.size() + l.OB * l.P * VL, most = 1 + BLOCK / image, pairs = l.OB / 2;
    float* const du = scratch_floats(Scratch::filter, pairs * l.lines() * NR);
    const index band = 1 + BAND / l.out_cols;
    constexpr index LINE = BAND * 4;  // of a flat image, cut as rows are
    for (index first = 0; first < s.N; first += most) {
        const index images = least(most, s.N - first);
        float* const xs = scratch_floats(Scratch::columns, images * l.size());
        float* const gs = scratch_floats(Scratch::tiles, images * l.OB * l.P * VL);
        parallel(images, [&](index i) {
            l.turn(x + (first + i) * s.C * s.H * s.W, xs + i * l.size());
            float* to = gs + i * l.OB * l.P * VL;
            for (index block = 0; block < l.OB; ++block, to += l.P * VL)
                if (block * VL < l.O)
                    rows_to_vectors(g + ((first + i) * s.O + block * VL) * l.P, l.P, lanes(block, l.O), l.P, to, one_after_another);
                else __builtin_memset(to, 0, sizeof(float) * l.P * VL);
        });
        parallel(s.KH * l.KB * pairs, [&](index task) {
            const index p = task / (l.KB * pairs), block = task / pairs % l.KB, pair = task % pairs;
            for (index i = 0; i < images; ++i)
                for (index row = 0; row < l.out_rows; row += band)
                    for (index col = 0; col < l.out_cols; col += LINE) {
                        const Area area = {least(band, l.out_rows - row), least(LINE, l.out_cols - col), l.row_step,
                                           s.SW * VL, l.out_cols * VL};
                        const float* const a = xs + i * l.size() + block * l.plane + row * l.row_step + col * area.a_col;
                        const float* const d = gs + (i * l.OB + 2 * pair) * l.P * VL + (row * l.out_cols + col) * VL;
                        const bool add = first > 0 || i > 0 || row > 0 || col > 0;
                        for (index tap = p * s.KW; tap < (p + 1) * s.KW; ++tap)
                            for (int half = 0; half < VL; half += HALF)
                                outer_products(area, a + l.taps[tap] + half, d, l.P * VL,
                                               du + (pair * l.lines() + (tap * l.KB + block) * VL + half) * NR, NR, add);
                    }
        });
    }
    for (index block = 0; block * VL < l.O; ++block)
        vectors_to_rows(du + block / 2 * l.lines() * NR + block % 2 * VL, [&](index j) { return l.line(j) * NR; },
                        dw + block * VL * l.C * l.T, l.C * l.T, lanes(block, l.O), l.C * l.T);
}

// dx's phases, each a convolution of g with stride 1 and those taps that reach it.
void input(const float* g, const float* w, const float* bias, float* dx, const Conv& s) {
    const index C = s.C / s.G, O = s.O / s.G, T = s.KH * s.KW, P = s.OH * s.OW;
    const index CB = even(ceil_div(C, VL)), OB = ceil_div(O, VL), lines = T * OB * VL, pixels = s.H * s.W;
    const Border tall(s.OH, s.H, s.KH, s.SH, s.PH, s.DH), wide(s.OW, s.W, s.KW, s.SW, s.PW, s.DW);
    const index rows = tall.before + s.OH + tall.after, cols = wide.before + s.OW + wide.after, plane = rows * cols * VL;
    const index down = least(s.SH, s.H), across = least(s.SW, s.W);

    // The taps of all phases, one phase after the other: their offsets in g, and where each one's weights are packed.
    Tables tables(P + 2 * T + 4 * (s.KH + s.KW) + down * across + 1);
    const index* const inside = pixels_inside(tables, s.OH, s.OW, tall.before, wide.before, cols);
    index *const offset = tables.take(T), *const place = tables.take(T), *const start = tables.take(down * across + 1);
    start[0] = 0;
    for (index h = 0; h < down; ++h)
        for (index v = 0; v < across; ++v) {
            Tables local = tables;
            const Phase r(h, s.H, s.KH, s.SH, s.PH, s.DH, local), c(v, s.W, s.KW, s.SW, s.PW, s.DW, local);
            index next = start[h * across + v];
            for (index p = 0; p < r.taps; ++p)
                for (index q = 0; q < c.taps; ++q, ++next) {
                    offset[next] = ((r.distance[p] + tall.before) * cols + c.distance[q] + wide.before) * VL;
                    place[r.tap[p] * s.KW + c.tap[q]] = next;
                }
            start[h * across + v + 1] = next;
        }

    float* const u = scratch_floats(Scratch::filter, CB / 2 * lines * NR);  // [pair of blocks of channels][tap][output][NR]
    __builtin_memset(u, 0, sizeof(float) * CB / 2 * lines * NR);
    for (index o = 0; o < O; ++o)
        for (index block = 0; block * VL < C; ++block)
            rows_to_vectors(w + (o * C + block * VL) * T, T, lanes(block, C), T, u + block / 2 * lines * NR + block % 2 * VL,
                            [&](index t) { return (place[t] * OB * VL + o) * NR; });
    parallel(s.N, [&](index n) {
        float* const image = scratch_floats(Scratch::image, OB * plane);
        float* const result = scratch_floats(Scratch::tiles, 2 * pixels * VL);
        for (index block = 0; block < OB; ++block) {
            float* const to = image + block * plane;
            if (cols != s.OW || rows != s.OH) __builtin_memset(to, 0, sizeof(float) * plane);
            rows_to_vectors(g + (n * s.O + block * VL) * P, P, lanes(block, O), P, to, [&](index j) { return inside[j]; });
        }
        for (index pair = 0; pair < CB / 2; ++pair) {
            for (index h = 0; h < down; ++h)
                for (index v = 0; v < across; ++v) {
                    const index phase = h * across + v, first = start[phase];
                    const Places places = {offset + first, start[phase + 1] - first, OB, plane, OB * VL * NR, s.SW * VL, pixels * VL};
                    for (index i = 0; h + i * s.SH < s.H; ++i)
                        each_tile(ceil_div(s.W - v, s.SW), [&](index j, index count) {
                            product_of<1>(count)(places, image + (i * cols + j) * VL, u + (pair * lines + first * OB * VL) * NR,
                                                 result + ((h + i * s.SH) * s.W + v + j * s.SW) * VL);
                        });
                }
            turn_back(result, pair, C, pixels, bias, dx + n * s.C * pixels);
        }
    });
}

}  // namespace

bool channels_fit(const Conv& s) {
    const Layout l(s);
    const index narrow = l.out_rows == 1 ? l.P : s.OW;
    return s.SW <= 2 && narrow >= 4 && l.O >= VL / 2 && l.C >= VL / 2 && l.size() <= LARGEST_IMAGE;
}

bool channels_fit_input(const Conv& s) {
    const index C = s.C / s.G, O = s.O / s.G;
    return s.OW >= 4 && C >= VL / 2 && O >= VL / 2 && s.H * s.W * C <= LARGEST_IMAGE && s.PH <= (s.KH - 1) * s.DH && s.PW <= (s.KW - 1) * s.DW;
}

void conv2d_channels(const float* x, const float* w, float* y, const Conv& s) {
    Layout l(s);
    l.tabulate();
    for (index group = 0; group < s.G; ++group)
        forward(l, x + group * l.C * s.H * s.W, w + group * l.O * l.C * l.T, s.bias ? s.bias + group * l.O : nullptr,
                y + group * l.O * l.P);
}

void conv2d_channels_weight(const float* g, const float* x, float* dw, const Conv& s) {
    Layout l(s);
    l.tabulate();
    for (index group = 0; group < s.G; ++group)
        weight(l, g + group * l.O * l.P, x + group * l.C * s.H * s.W, dw + group * l.O * l.C * l.T);
}

void conv2d_channels_input(const float* g, const float* w, float* dx, const Conv& s) {
    const index C = s.C / s.G, O = s.O / s.G;
    for (index group = 0; group < s.G; ++group)
        input(g + group * O * s.OH * s.OW, w + group * O * C * s.KH * s.KW, s.bias ? s.bias + group * C : nullptr,
              dx + group * C * s.H * s.W, s);
}

}  // namespace VARIANT
}  // namespace minigen
