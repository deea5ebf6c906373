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

#include "winograd_filters.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index TASK = 160 << 10;        // floats of V and D that a task works on: they stay in L2
constexpr index WEIGHT_BLOCK = 1 << 20;  // floats of V and D between two rounds of products, for the weight gradient

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
                                    y + ((first + i) * s.O + block * VL) * pixels, pixels, lanes(block, c.O), pixels,
                                    biases(s.bias ? s.bias + group * c.O : nullptr, block, lanes(block, c.O)));
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
                                    dx + ((first + i) * s.C + block * VL) * pixels, pixels, lanes(block, c.C), pixels,
                                    biases(s.bias ? s.bias + group * c.C : nullptr, block, lanes(block, c.C)));
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
    constexpr index FEWEST = 16, LARGEST = 1 << 14;  // channels, pixels of an image: beyond, vectors stay empty or caches overflow
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
