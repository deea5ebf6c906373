// Convolution and both of its gradients from fewer products: the trilinear form S(x, w, g) cut into tiles.
//
// For each of the n x n points e of F(m x m, r x r), with V = B^T x B of all tiles, U = G w G^T, D = A g A^T:
//     y  = A^T [ V_e U_e ] A          V_e is (tiles x channels), U_e is (channels x outputs): one matrix product for each e
//     dx = B [ D_e U_e^T ] B^T        tiles overlap: they are added up
//     dw = G^T [ V_e^T D_e ] G        summed over all tiles
// Stride 2: padded rows and columns are dealt out by their remainder modulo 2, so that x becomes four images of a quarter of the
// size, as further channels, under a kernel of half the size and stride 1. 4 x 4 kernels then have r = 2, 5 x 5 ones r = 3.
//
// Everything between the turns at both ends lies in vectors of VL channels, V[e][block of channels][tile][VL]: transforms
// compute on whole vectors, and the products read their operands where they lie, at distances that the compiler knows.
// A price: infinity or NaN in one pixel makes NaN of all results of its tiles.
#include "winograd.h"

#include "toom_cook.h"
#include "vectors.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index TASK = 160 << 10;        // floats of V and D that a task works on: they stay in L2
constexpr index WEIGHT_BLOCK = 1 << 20;  // floats of V and D between two rounds of products, for the weight gradient

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
#pragma GCC unroll 8
    for (int i = 0; i < S; ++i)
#pragma GCC unroll 8
        for (int j = 0; j < S; ++j) v[i][j] = load(from + i * row + j * col);
}
template <int S> inline void store_square(float* to, index row, index col, const vec (&v)[S][S]) {
#pragma GCC unroll 8
    for (int i = 0; i < S; ++i)
#pragma GCC unroll 8
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

// to[e] = from[e] u[e] for all e: (count tiles x from_blocks) times (from_blocks x to_blocks), in vectors
template <class F> void products(const float* from, index from_blocks, const float* u, float* to, index to_blocks, index count) {
    const Filters<F> place(to_blocks, from_blocks);
    index* const runs = static_cast<index*>(scratch(Scratch::step, sizeof(index) * from_blocks / place.run));
    for (index i = 0; i < from_blocks / place.run; ++i) runs[i] = i * place.run * count * VL;
    const Places places = {runs, from_blocks / place.run, place.run, count * VL, place.at(0, place.run, 0, 0), VL, count * VL};
    for (index e = 0; e < F::N * F::N; ++e)
        for (index pair = 0; pair < to_blocks / 2; ++pair)
            each_tile(count, [&](index t, index tiles) {
                product_of<1>(tiles)(places, from + e * Cut<F>::step(from_blocks, count) + t * VL, u + place.at(2 * pair, 0, e, 0),
                                     to + e * Cut<F>::step(to_blocks, count) + (2 * pair * count + t) * VL);
            });
}

// body(first image, images) in tasks whose tiles fit into the cache together
template <class F, class Body> void each_task(const Cut<F>& c, const Body& body) {
    const index floats = Cut<F>::E * c.tiles * (c.KB + c.OB) * VL, cached = 1 + TASK / floats;
    const index enough = ceil_div(2 * MR, c.tiles);  // fewer tiles would read the filters too often
    const index most = cached > enough ? cached : enough, threads = get_num_threads();
    const index tasks = ceil_div(ceil_div(c.s.N, most), threads) * threads;
    parallel(tasks, [&](index task) {
        const index first = task * c.s.N / tasks;
        body(first, (task + 1) * c.s.N / tasks - first);
    });
}

template <class F> void forward(const float* x, const float* w, float* y, const Conv& s) {
    constexpr int N = F::N, M = F::M;
    const Cut<F> c(s);
    for (index group = 0; group < s.G; ++group, x += c.C * s.H * s.W, w += c.O * c.C * s.KH * s.KW, y += c.O * s.OH * s.OW) {
        const float* const u = filters(c, w);
        each_task(c, [&](index first, index images) {
            const index count = images * c.tiles, pixels = s.OH * s.OW, step = Cut<F>::step(c.OB, count);
            float* const v = scratch_floats(Scratch::columns, N * N * Cut<F>::step(c.KB, count));
            float* const d = scratch_floats(Scratch::tiles, N * N * step);
            for (index i = 0; i < images; ++i) input_tiles(c, x + (first + i) * s.C * s.H * s.W, v + i * c.tiles * VL, count);
            products<F>(v, c.KB, u, d, c.OB, count);
            float* const image = scratch_floats(Scratch::image, c.y_size);
            for (index i = 0; i < images; ++i)
                for (index block = 0; block * VL < c.O; ++block) {
                    for (index t = 0; t < c.tiles; ++t) {
                        vec point[N][N], square[M][M];
                        load_square(d + (block * count + i * c.tiles + t) * VL, N * step, step, point);
                        Transforms<F>::output(point, square);
                        store_square(image + c.y_corner(t), c.out_cols * VL, VL, square);
                    }
                    vectors_to_rows(image, [&](index p) { return c.out[p]; },
                                    y + ((first + i) * s.O + block * VL) * pixels, pixels, lanes(block, c.O), pixels);
                }
        });
    }
}

template <class F> void input(const float* g, const float* w, float* dx, const Conv& s) {
    constexpr int N = F::N;
    const Cut<F> c(s);
    for (index group = 0; group < s.G; ++group, g += c.O * s.OH * s.OW, w += c.O * c.C * s.KH * s.KW, dx += c.C * s.H * s.W) {
        const float* const u = transposed_filters(c, w);
        each_task(c, [&](index first, index images) {
            const index count = images * c.tiles, pixels = s.H * s.W, step = Cut<F>::step(c.KB, count);
            float* const d = scratch_floats(Scratch::tiles, N * N * Cut<F>::step(c.OB, count));
            float* const v = scratch_floats(Scratch::columns, N * N * step);
            for (index i = 0; i < images; ++i) output_tiles(c, g + (first + i) * s.O * s.OH * s.OW, d + i * c.tiles * VL, count);
            products<F>(d, c.OB, u, v, c.KB, count);
            float* const image = scratch_floats(Scratch::image, c.x_size + VL);
            for (index i = 0; i < images; ++i)
                for (index block = 0; block < c.CB; ++block) {
                    __builtin_memset(image, 0, sizeof(float) * (c.x_size + VL));
                    for (index phase = 0; phase < c.phases; ++phase)
                        for (index t = 0; t < c.tiles; ++t) {
                            vec point[N][N], square[N][N], sum[N][N];
                            load_square(v + ((phase * c.CB + block) * count + i * c.tiles + t) * VL, N * step, step, point);
                            Transforms<F>::input_adjoint(point, square);
                            float* const to = image + phase * c.phase_size + c.x_corner(t);
                            load_square(to, c.cols * VL, VL, sum);
                            for (int a = 0; a < N; ++a)
                                for (int b = 0; b < N; ++b) sum[a][b] += square[a][b];
                            store_square(to, c.cols * VL, VL, sum);
                        }
                    vectors_to_rows(image, [&](index p) { return c.in[p]; },
                                    dx + ((first + i) * s.C + block * VL) * pixels, pixels, lanes(block, c.C), pixels);
                }
        });
    }
}

template <class F> void weight(const float* g, const float* x, float* dw, const Conv& s) {
    constexpr int N = F::N, R = F::R;
    constexpr index E = N * N;
    const Cut<F> c(s);
    const index T = s.KH * s.KW;
    const Filters<F> place(c.OB, c.KB);
    const index most = 1 + WEIGHT_BLOCK / (E * c.tiles * (c.KB + c.OB) * VL);
    for (index group = 0; group < s.G; ++group, g += c.O * s.OH * s.OW, x += c.C * s.H * s.W, dw += c.O * c.C * T) {
        float* const du = place.make(false);
        for (index first = 0; first < s.N; first += most) {
            const index images = least(most, s.N - first), count = images * c.tiles;
            const index v_step = Cut<F>::step(c.KB, count), d_step = Cut<F>::step(c.OB, count);
            float *const v = scratch_floats(Scratch::columns, E * v_step), *const d = scratch_floats(Scratch::tiles, E * d_step);
            parallel(images, [&](index i) {
                input_tiles(c, x + (first + i) * s.C * s.H * s.W, v + i * c.tiles * VL, count);
                output_tiles(c, g + (first + i) * s.O * s.OH * s.OW, d + i * c.tiles * VL, count);
            });
            parallel(E * c.KB, [&](index task) {
                const index e = task / c.KB, block = task % c.KB;
                constexpr index TOGETHER = 128;  // tiles: V and D of so many stay in L1 for both halves
                for (index t = 0; t < count; t += TOGETHER)
                    for (index pair = 0; pair < c.OB / 2; ++pair)
                        for (int half = 0; half < VL; half += HALF)
                            outer_products({1, least(TOGETHER, count - t), 0, VL, 0}, v + e * v_step + (block * count + t) * VL + half,
                                           d + e * d_step + (2 * pair * count + t) * VL, count * VL,
                                           du + place.at(2 * pair, block, e, half), NR, first > 0 || t > 0);
            });
        }
        parallel(ceil_div(c.O, VL), [&](index block) {
            float* const taps = scratch_floats(Scratch::image, c.C * T * VL);
            for (index k = 0; k < c.C; ++k)
                for (index phase = 0; phase < c.phases; ++phase) {
                    vec point[N][N], square[R][R];
                    load_square(du + place.at(block, phase * c.CB + k / VL, 0, k % VL), N * place.run * VL * NR, place.run * VL * NR, point);
                    Transforms<F>::filter_adjoint(point, square);
                    for (index p = phase / c.stride, i = 0; p < s.KH; p += c.stride, ++i)
                        for (index q = phase % c.stride, j = 0; q < s.KW; q += c.stride, ++j)
                            store(taps + (k * T + p * s.KW + q) * VL, square[i][j]);
                }
            vectors_to_rows(taps, one_after_another, dw + block * VL * c.C * T, c.C * T, lanes(block, c.O), c.C * T);
        });
    }
}

template <int M, int R> constexpr Winograd kernels_of() {
    using F = ToomCook<M, R>;
    return {M, R, forward<F>, input<F>, weight<F>};
}
constexpr Winograd KNOWN[] = {kernels_of<2, 2>(), kernels_of<4, 2>(), kernels_of<2, 3>(), kernels_of<4, 3>(), kernels_of<2, 5>()};

}  // namespace

double Winograd::cost(const Conv& s) const {
    const double n = m + r - 1, points = n * n, phases = s.SH * s.SW;
    const double K = phases * ceil_div(s.C / s.G, VL) * VL, O = ceil_div(s.O / s.G, VL) * VL;
    const double tiles = double(s.N) * ceil_div(s.OH, m) * ceil_div(s.OW, m);
    constexpr double TRANSFORM = 6, FILTER = 60;  // for each element of V, D and U: measured
    return s.G * points * (tiles * K * O + TRANSFORM * tiles * (K + O) + FILTER * K * O) / VL;
}

const Winograd* winograd_for(const Conv& s) {
    const bool fits = s.SH == s.SW && s.SH <= 2 && s.KH == s.KW && s.DH == 1 && s.DW == 1;
    const index C = s.C / s.G, O = s.O / s.G, taps = ceil_div(s.KH, s.SH);
    constexpr index FEWEST = 16, LARGEST = 1 << 16;  // channels, pixels of an image: beyond, vectors stay empty or caches overflow
    if (!fits || C < FEWEST || O < FEWEST || s.H * s.W > LARGEST || s.OH * s.OW > LARGEST) return nullptr;
    constexpr double SPEED = 0.85;  // of the product over these tiles, against the one that packs
    double best = double(s.N) * s.OH * s.OW * s.O * C * s.KH * s.KW / VL / SPEED;
    const Winograd* found = nullptr;
    for (const Winograd& w : KNOWN)
        if (w.r == taps && w.cost(s) < best) {
            best = w.cost(s);
            found = &w;
        }
    return found;
}

}  // namespace VARIANT
}  // namespace minigen
