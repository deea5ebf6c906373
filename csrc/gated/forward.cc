// The forward pass of gated.h: one task is one tile of times of one sequence.
//
// Backward needs tanh and sigmoid, which cost more to compute again than to keep; z is their product. At the start of a sequence
// taps would look before time 0, where x is 0: a tile is cut there, and each part has the taps that see something.
#include "../elementwise/vecmath.h"
#include "gated.h"

namespace minigen {
namespace VARIANT {
namespace {

// z and the kept gates of some rows of a.
void gate(const float* a, float* z, float* gates, index rows, const Gated& s) {
    const index H = side(s);
    for (index r = 0; r < rows; ++r, a += 2 * H, z += H, gates += 2 * s.G)
        for (index j = 0; j < s.G; j += VL) {
            const index some = least(VL, s.G - j);
            const vec t = tanh_of(load(a + j)), g = sigmoid_of(load(a + H + j));
            store_some(gates + j, t, some);
            store_some(gates + s.G + j, g, some);
            store(z + j, t * g);
        }
}

}  // namespace

void gated_residual(const GatedForward& p, const Gated& s) {
    const index H = side(s), tiles = ceil_div(s.T, TILE), tap_size = s.C * 2 * H;
    float* const packed = scratch_floats(Scratch::packed_b, s.K * tap_size + s.G * (in_vectors(s.C) + in_vectors(s.S)) + 2 * H);
    for (index k = 0; k < s.K; ++k)
        pack_weights(packed + k * tap_size, s.C, 2 * H, [&](index c, index j) {
            const index row = j < H ? j : s.G + j - H;
            return j % H < s.G ? p.w[(row * s.C + c) * s.K + k] : 0.0f;
        });
    float* const to_out = packed + s.K * tap_size;
    float* const to_skip = to_out + s.G * in_vectors(s.C);
    float* const bias = to_skip + s.G * in_vectors(s.S);
    if (p.w_out) pack_weights(to_out, s.G, s.C, [&](index g, index c) { return p.w_out[c * s.G + g]; });
    pack_weights(to_skip, s.G, s.S, [&](index g, index c) { return p.w_skip[c * s.G + g]; });
    for (index j = 0; j < 2 * H; ++j) bias[j] = p.b && j % H < s.G ? p.b[j < H ? j : s.G + j - H] : 0.0f;

    parallel(s.N * tiles, [&](index task) {
        const index n = task / tiles, begin = task % tiles * TILE, end = least(begin + TILE, s.T);
        const float* const x = p.x + n * s.T * s.C;
        float *const a = scratch_floats(Scratch::tiles, TILE * 3 * H), *const z = a + TILE * 2 * H;
        Source* const taps = static_cast<Source*>(scratch(Scratch::tables, sizeof(Source) * (s.K + 1)));
        for (index t = begin, next; t < end; t = next) {
            index seen = 0;
            next = end;
            for (index k = 0; k < s.K; ++k) {
                const index back = shift(s, k);
                if (back <= t) taps[seen++] = {x + (t - back) * s.C, s.C, s.C, packed + k * tap_size};
                else next = least(next, back);
            }
            for (index r = t, some; r < next; r += some) {
                some = least(ROWS, next - r);
                const index row = n * s.T + r;
                if (p.skip) prefetch<false>(p.skip + row * s.S, some * s.S);
                prefetch<true>(p.gates + row * 2 * s.G, some * 2 * s.G);
                prefetch<true>(p.total + row * s.S, some * s.S);
                if (p.out) prefetch<true>(p.out + row * s.C, some * s.C);
                prefetch<false>(p.x + (row + TILE) * s.C, some * s.C);
                add_products(taps, seen, {a + (r - begin) * 2 * H, 2 * H, 2 * H, bias, nullptr, 0}, some);
                for (index k = 0; k < seen; ++k) taps[k].data += some * s.C;
            }
        }
        const index rows = end - begin, at = n * s.T + begin;
        gate(a, z, p.gates + at * 2 * s.G, rows, s);
        const Source out = {z, H, s.G, to_out}, skip = {z, H, s.G, to_skip};
        if (p.w_out) add_products(&out, 1, {p.out + at * s.C, s.C, s.C, p.b_out, p.x + at * s.C, s.C}, rows);
        add_products(&skip, 1, {p.total + at * s.S, s.S, s.S, p.b_skip, p.skip ? p.skip + at * s.S : nullptr, s.S}, rows);
    });
}

}  // namespace VARIANT
}  // namespace minigen
