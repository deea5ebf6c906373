// The gradients of gated.h, with u = dC/da:
//     dz = W_r^T dout + W_s^T dtotal,      u = (dz sigmoid (1 - tanh^2), dz z (1 - sigmoid)),
//     dW_r = sum_t dout z^T,  dW_s = sum_t dtotal z^T,  dW_k = sum_t u_t x_{t - (K - 1 - k) D}^T,
//     dx_t = dout_t + sum_k W_k^T u_{t + (K - 1 - k) D}.
//
// A task is a few tiles, the last first: dx looks ahead in time, at u that is there by then and still in the cache, and the
// weights' gradients are added up while a tile's u and z are in L1. Tiles whose dx looks beyond their task's come in a second sweep. Sums
// belong to tasks, which are always the same tiles, and are added in order at the end: the bits do not depend on threads.
#include "gated.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index TILES_TOGETHER = 8, MOST_SUMS = 64;  // tiles of one sum; so many sums, unless the tiles are few

// Where the gradients of the weights are added up. Rows of z and u are whole vectors, and so are the sums'.
struct Sums {
    index w, b, out, b_out, skip, b_skip, size;
    explicit Sums(const Gated& s) {
        const index H = side(s);
        w = 0;  // (K C) x 2H, transposed
        b = w + s.K * s.C * 2 * H;
        out = b + 2 * H;  // C x H
        b_out = out + s.C * H;
        skip = b_out + in_vectors(s.C);  // S x H
        b_skip = skip + s.S * H;
        size = b_skip + in_vectors(s.S);
    }
};

// From dz to u, and z, of some rows; both have zeros where they are filled up.
void ungate(const float* dz, const float* gates, float* z, float* u, index rows, const Gated& s) {
    const index H = side(s);
    for (index r = 0; r < rows; ++r, dz += H, z += H, u += 2 * H, gates += 2 * s.G)
        for (index j = 0; j < s.G; j += VL) {
            const index some = least(VL, s.G - j);
            const vec t = load_some(gates + j, some), g = load_some(gates + s.G + j, some), d = load(dz + j), product = t * g;
            store(z + j, product);
            store(u + j, d * g * (1.0f - t * t));
            store(u + H + j, d * product * (1.0f - g));
        }
}

}  // namespace

void gated_residual_vjp(const GatedBackward& p, const Gated& s) {
    const index H = side(s), tiles = ceil_div(s.T, TILE), units = s.N * tiles, tap_size = 2 * H * in_vectors(s.C);
    float* const packed = scratch_floats(Scratch::packed_b, s.K * tap_size + (s.C + s.S) * H + 1);
    float *const from_out = packed + s.K * tap_size, *const from_skip = from_out + s.C * H;
    for (index k = 0; k < s.K; ++k)
        pack_weights(packed + k * tap_size, 2 * H, s.C, [&](index j, index c) {
            return j % H < s.G ? p.w[((j < H ? j : s.G + j - H) * s.C + c) * s.K + k] : 0.0f;
        });
    if (p.dout) pack_weights(from_out, s.C, H, [&](index c, index g) { return g < s.G ? p.w_out[c * s.G + g] : 0.0f; });
    pack_weights(from_skip, s.S, H, [&](index c, index g) { return g < s.G ? p.w_skip[c * s.G + g] : 0.0f; });

    const Sums at(s);
    const index fewest = ceil_div(units, MOST_SUMS), together = fewest > TILES_TOGETHER ? fewest : TILES_TOGETHER;
    const index count = ceil_div(units, together);
    float* const all_sums = scratch_floats(Scratch::step, count * at.size + 1);
    float* const all_u = scratch_floats(Scratch::columns, s.N * s.T * 2 * H + 1);

    const index reach = shift(s, 0);
    const auto input_gradient = [&](index unit) {
        const index n = unit / tiles, begin = unit % tiles * TILE, end = least(begin + TILE, s.T);
        Source* const taps = static_cast<Source*>(scratch(Scratch::tables, sizeof(Source) * (s.K + 1)));
        for (index t = begin, next; t < end; t = next) {
            index seen = 0;
            next = end;
            for (index k = 0; k < s.K; ++k) {
                const index ahead = shift(s, k);
                if (t + ahead >= s.T) continue;
                taps[seen++] = {all_u + (n * s.T + t + ahead) * 2 * H, 2 * H, 2 * H, packed + k * tap_size};
                next = least(next, s.T - ahead);
            }
            const index row = n * s.T + t;
            add_products(taps, seen, {p.dx + row * s.C, s.C, s.C, nullptr, p.dout ? p.dout + row * s.C : nullptr, s.C}, next - t);
        }
    };
    // Are the later tiles that this one's input gradient looks at among those of its own task, which are computed before it?
    const auto seen_by_task = [&](index unit) {
        const index furthest = least((unit % tiles + 1) * TILE - 1 + reach, s.T - 1) / TILE;
        return unit / tiles * tiles + furthest < least((unit / together + 1) * together, units);
    };

    parallel(count, [&](index task) {
        float* const sums = all_sums + task * at.size;
        __builtin_memset(sums, 0, sizeof(float) * at.size);
        float *const z = scratch_floats(Scratch::tiles, TILE * 2 * H), *const dz = z + TILE * H;
        for (index unit = least((task + 1) * together, units); unit-- > task * together;) {
            const index n = unit / tiles, begin = unit % tiles * TILE, rows = least(TILE, s.T - begin), t = n * s.T + begin;
            const float* const dout = p.dout ? p.dout + t * s.C : nullptr;
            const float* const dtotal = p.dtotal ? p.dtotal + t * s.S : nullptr;
            float* const u = all_u + t * 2 * H;
            Source deltas[2];
            index given = 0;
            if (dout) deltas[given++] = {dout, s.C, s.C, from_out};
            if (dtotal) deltas[given++] = {dtotal, s.S, s.S, from_skip};
            for (index r = 0, some; r < rows; r += some) {
                some = least(ROWS, rows - r);
                prefetch<false>(p.gates + (t + r) * 2 * s.G, some * 2 * s.G);
                prefetch<true>(u + r * 2 * H, some * 2 * H);
                prefetch<false>(p.x + (t + r) * s.C, some * s.C);
                if (dout) prefetch<false>(dout + (r - TILE) * s.C, some * s.C);
                if (dtotal) prefetch<false>(dtotal + (r - TILE) * s.S, some * s.S);
                add_products(deltas, given, {dz + r * H, H, H, nullptr, nullptr, 0}, some);
                for (index k = 0; k < given; ++k) deltas[k].data += some * deltas[k].stride;
            }
            ungate(dz, p.gates + t * 2 * s.G, z, u, rows, s);
            if (p.dw)
                for (index k = 0; k < s.K; ++k) {
                    const index back = shift(s, k), first = back > begin ? back - begin : 0;
                    if (first >= rows) continue;
                    add_outer_products({p.x + (t + first - back) * s.C, s.C, s.C, u + first * 2 * H, 2 * H, 2 * H}, rows - first,
                                       sums + at.w + k * s.C * 2 * H);
                }
            if (p.db) add_rows(u, 2 * H, rows, 2 * H, sums + at.b);
            if (dout && p.dw_out) add_outer_products({dout, s.C, s.C, z, H, H}, rows, sums + at.out);
            if (dout && p.db_out) add_rows(dout, s.C, rows, s.C, sums + at.b_out);
            if (dtotal && p.dw_skip) add_outer_products({dtotal, s.S, s.S, z, H, H}, rows, sums + at.skip);
            if (dtotal && p.db_skip) add_rows(dtotal, s.S, rows, s.S, sums + at.b_skip);
            if (p.dx && seen_by_task(unit)) input_gradient(unit);
        }
    });
    if (p.dx)
        parallel(units, [&](index unit) {
            if (!seen_by_task(unit)) input_gradient(unit);
        });

    for (index task = 1; task < count; ++task)
        for (index i = 0; i < at.size; i += VL) {
            const index some = least(VL, at.size - i);
            store_some(all_sums + i, load_some(all_sums + i, some) + load_some(all_sums + task * at.size + i, some), some);
        }
    const auto sum = [&](index i) { return count ? all_sums[i] : 0.0f; };
    for (index j = 0; j < 2 * s.G; ++j) {
        const index column = j < s.G ? j : H + j - s.G;
        for (index k = 0; p.dw && k < s.K; ++k)
            for (index c = 0; c < s.C; ++c) p.dw[(j * s.C + c) * s.K + k] = sum(at.w + (k * s.C + c) * 2 * H + column);
        if (p.db) p.db[j] = sum(at.b + column);
    }
    for (index c = 0; c < s.C; ++c) {
        for (index g = 0; p.dw_out && g < s.G; ++g) p.dw_out[c * s.G + g] = sum(at.out + c * H + g);
        if (p.db_out) p.db_out[c] = sum(at.b_out + c);
    }
    for (index c = 0; c < s.S; ++c) {
        for (index g = 0; p.dw_skip && g < s.G; ++g) p.dw_skip[c * s.G + g] = sum(at.skip + c * H + g);
        if (p.db_skip) p.db_skip[c] = sum(at.b_skip + c);
    }
}

}  // namespace VARIANT
}  // namespace minigen
