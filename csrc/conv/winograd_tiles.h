// How Winograd's kernels cut images into overlapping tiles, and what the tiles of x and of g become: V and D.
#pragma once
#include "toom_cook.h"
#include "vectors.h"

namespace minigen {
namespace VARIANT {

// How a problem is cut. `in` and `out` say where each pixel of x and of y lies in the images of vectors.
template <class F> struct Cut {
    static constexpr index M = F::M, N = F::N, R = F::R, E = N * N;
    const Conv& s;
    index C, O, stride, phases, CB, KB, OB;       // blocks of VL: channels of x, of all its phases, of y; the last two even
    index TH, TW, tiles, rows, cols, out_cols;    // of an image: tiles, the size of a phase of x and the width of y
    index phase_size, x_size, y_size;             // floats of one block of channels
    index *in, *out;

    Cut(const Conv& s_)
        : s(s_), C(s.C / s.G), O(s.O / s.G), stride(s.SH), phases(stride * stride), CB(ceil_div(C, VL)), KB(even(phases * CB)),
          OB(even(ceil_div(O, VL))), TH(ceil_div(s.OH, M)), TW(ceil_div(s.OW, M)), tiles(TH * TW), rows(TH * M + R - 1),
          cols(TW * M + R - 1), out_cols(TW * M), phase_size(rows * cols * VL), x_size(phases * phase_size),
          y_size(TH * M * out_cols * VL) {
        Tables tables(s.H * s.W + s.OH * s.OW);
        in = tables.take(s.H * s.W);
        out = tables.take(s.OH * s.OW);
        for (index h = 0, p = 0; h < s.H; ++h)
            for (index w = 0; w < s.W; ++w, ++p) {
                const index u = h + s.PH, v = w + s.PW, row = u / stride, col = v / stride;
                const bool within = row < rows && col < cols;  // what no window reaches goes to a place beside the images
                in[p] = within ? (u % stride * stride + v % stride) * phase_size + (row * cols + col) * VL : x_size;
            }
        for (index h = 0, p = 0; h < s.OH; ++h)
            for (index w = 0; w < s.OW; ++w, ++p) out[p] = (h * out_cols + w) * VL;
    }
    index x_corner(index t) const { return (t / TW * M * cols + t % TW * M) * VL; }
    index y_corner(index t) const { return (t / TW * M * out_cols + t % TW * M) * VL; }
    // From one e to the next in V or D with so many blocks of so many tiles: one line more, or all would fall on the same sets of a cache
    static index step(index blocks, index count) { return blocks * count * VL + VL; }
};

template <int S> inline void load_square(const float* from, index row, index col, vec (&v)[S][S]) {
    UNROLL
    for (int i = 0; i < S; ++i)
        UNROLL
        for (int j = 0; j < S; ++j) v[i][j] = load(from + i * row + j * col);
}
template <int S> inline void store_square(float* to, index row, index col, const vec (&v)[S][S]) {
    UNROLL
    for (int i = 0; i < S; ++i)
        UNROLL
        for (int j = 0; j < S; ++j) store(to + i * row + j * col, v[i][j]);
}

// V of one image: v[e][block][tile] from its planes. `v` begins at the image's first tile of `count` in all.
template <class F> void input_tiles(const Cut<F>& c, const float* x, float* v, index count) {
    constexpr int N = F::N;
    const index step = Cut<F>::step(c.KB, count);
    float* const image = scratch_floats(Scratch::image, c.x_size + VL);
    __builtin_memset(image, 0, sizeof(float) * c.x_size);
    for (index block = 0; block < c.CB; ++block) {
        rows_to_vectors(x + block * VL * c.s.H * c.s.W, c.s.H * c.s.W, lanes(block, c.C), c.s.H * c.s.W, image,
                        [&](index p) { return c.in[p]; });
        for (index phase = 0; phase < c.phases; ++phase)
            for (index t = 0; t < c.tiles; ++t) {
                vec square[N][N], point[N][N];
                load_square(image + phase * c.phase_size + c.x_corner(t), c.cols * VL, VL, square);
                Transforms<F>::input(square, point);
                store_square(v + ((phase * c.CB + block) * count + t) * VL, N * step, step, point);
            }
    }
    for (index block = c.phases * c.CB; block < c.KB; ++block)  // what makes the number of blocks even
        for (index e = 0; e < N * N; ++e) __builtin_memset(v + e * step + block * count * VL, 0, sizeof(float) * c.tiles * VL);
}

// D of one image, from its planes of g.
template <class F> void output_tiles(const Cut<F>& c, const float* g, float* d, index count) {
    constexpr int N = F::N, M = F::M;
    const index step = Cut<F>::step(c.OB, count);
    float* const image = scratch_floats(Scratch::image, c.y_size);
    __builtin_memset(image, 0, sizeof(float) * c.y_size);
    for (index block = 0; block < c.OB; ++block) {
        const index outputs = lanes(block, c.O), pixels = c.s.OH * c.s.OW;
        if (outputs <= 0) __builtin_memset(image, 0, sizeof(float) * c.y_size);
        else rows_to_vectors(g + block * VL * pixels, pixels, outputs, pixels, image, [&](index p) { return c.out[p]; });
        for (index t = 0; t < c.tiles; ++t) {
            vec square[M][M], point[N][N];
            load_square(image + c.y_corner(t), c.out_cols * VL, VL, square);
            Transforms<F>::output_adjoint(square, point);
            store_square(d + (block * count + t) * VL, N * step, step, point);
        }
    }
}

}  // namespace VARIANT
}  // namespace minigen
