// The product of a step: the rows of a few sequences times weights that are the same in every step.
//
// The weights are packed once, into panels of a few vectors of columns: panel[k][vector]. A step reads a panel straight on,
// from the last-level cache for its first tile of rows and from L2 for the others. The rows are read where they lie, one
// number into all lanes: packing them would gain nothing. A tile keeps its sums in registers over the whole length of the
// product and leaves them to the step's own formula while they are hot.
// Gain: layers of 512 run at 103 of 118 GFLOP/s, input product and gates included (AMD EPYC, Zen 4, one thread).
//
// No sequence of a batch waits for another one: a task takes some of them through all times, and threads never meet.
#pragma once
#include "../elementwise/vecmath.h"

namespace minigen {
namespace VARIANT {

constexpr int VECTORS = 4;              // at most so many in a panel
constexpr int ROWS = VL == 16 ? 6 : 3;  // at most so many in a tile: 24 sums of 32 registers, or 12 of 16

struct Panels {
    const float* data;
    index K, count;
    int vectors, last;  // vectors in a panel, and in the last one

    const float* operator[](index panel) const { return data + panel * K * vectors * VL; }
    int width(index panel) const { return panel + 1 < count ? vectors : last; }
};

// Room for `columns` columns of K weights, and what packs them there.
inline index room_for(index columns, index K) { return (columns + VECTORS * VL) * K; }
Panels gates_of(const float* w, index H, index K, int gates, float* room);  // w^T: vector v is gate v of a panel's VL units
Panels turned(const float* w, index columns, index K, float* room);         // w^T, w (columns, K)
Panels as_it_is(const float* w, index K, index columns, float* room);       // w (K, columns)

// sums[r * pitch + ...] = (add: +=) row r of a times a panel, for 1 <= rows <= ROWS.
void tile_sums(const float* a, index stride, int rows, const float* panel, index K, int vectors, float* sums, index pitch,
               bool add);

// a (rows, K) times each panel, tile by tile: f(first, end, panel) for every tile.
template <class F> void each_tile(index rows, index panel, const F& f) {
    const index tiles = ceil_div(rows, ROWS);
    for (index tile = 0; tile < tiles; ++tile) f(tile * rows / tiles, (tile + 1) * rows / tiles, panel);
}

// done(first, end, panel, sums) for each tile of a's rows times each panel, sums row after row; soon(first, end, panel) some
// microseconds before, to fetch what done will touch. Without a the sums are zero.
template <class Soon, class Done>
void times(const float* a, index stride, index rows, const Panels& w, const Soon& soon, const Done& done) {
    alignas(64) float sums[ROWS * VECTORS * VL];
    for (index panel = 0; panel < w.count; ++panel)
        each_tile(rows, panel, [&](index first, index end, index) {
            const int vectors = w.width(panel);
            soon(first, end, panel);
            if (a) tile_sums(a + first * stride, stride, static_cast<int>(end - first), w[panel], w.K, vectors, sums,
                             vectors * VL, false);
            else __builtin_memset(sums, 0, sizeof sums);
            done(first, end, panel, sums);
        });
}

// The rows of several steps times a matrix that no step waits for: a panel is read once for all of them. from(step) is where a
// step's rows begin; done as above, with the step before the rest.
template <class From, class Done>
void times_together(index steps, const From& from, index stride, index rows, const Panels& w, const Done& done) {
    alignas(64) float sums[ROWS * VECTORS * VL];
    for (index panel = 0; panel < w.count; ++panel)
        for (index step = 0; step < steps; ++step)
            each_tile(rows, panel, [&](index first, index end, index) {
                const int vectors = w.width(panel);
                tile_sums(from(step) + first * stride, stride, static_cast<int>(end - first), w[panel], w.K, vectors, sums,
                          vectors * VL, false);
                done(step, first, end, panel, static_cast<const float*>(sums));
            });
}
inline index together(index rows) { return ceil_div(32, rows); }  // steps, so that their results still lie in L2 when used

// f(r, k, count, sum) for the columns [k, k + count) of each row of a tile, where the panel is from `turned` or `as_it_is`.
template <class F>
inline void each_vector(const Panels& w, index first, index end, index panel, const float* sums, index columns, const F& f) {
    const int vectors = w.width(panel);
    for (index r = first; r < end; ++r)
        for (int v = 0; v < vectors; ++v, sums += VL) {
            const index k = (panel * w.vectors + v) * VL;
            f(r, k, least(VL, columns - k), load(sums));
        }
}

// out (rows, columns) = a w + direct, or a w where direct is null, for steps that each begin `from` and go `to`.
template <class From, class To>
void product_of_steps(index steps, const From& from, index rows, const Panels& w, index columns, const To& to) {
    times_together(steps, from, w.K, rows, w, [&](index step, index first, index end, index panel, const float* sums) {
        float* const out = to(step);
        each_vector(w, first, end, panel, sums, columns, [&](index r, index k, index count, vec sum) {
            store_some(out + r * columns + k, sum, count);
        });
    });
}

inline void fetch(const float* from, int vectors = 1) {
    for (int v = 0; v < vectors; ++v) __builtin_prefetch(from + v * VL);
    asm volatile("");  // GCC takes a function that only fetches for one without effect, and drops its calls
}

// f(first, rows) for blocks of sequences, in parallel: at least 8 in one where there are as many, so that the weights are read
// from far away seldom enough, and two blocks for a thread where there are more. A row's sums don't depend on its neighbours.
template <class F> void each_block(const Sequence& s, const F& f) {
    const index threads = get_num_threads(), share = threads == 1 ? 32 : ceil_div(s.N, 2 * threads);
    const index blocks = ceil_div(s.N, share < 8 ? 8 : least(share, 32));
    parallel(blocks, [&](index block) {
        const index first = block * s.N / blocks;
        f(first, (block + 1) * s.N / blocks - first);
    });
}

// The times of a layer in its own order: at(0) comes first, whichever way it runs.
struct Order {
    index T, size;
    bool reverse;
    explicit Order(const Sequence& s) : T(s.T), size(s.N * s.H), reverse(s.reverse) {}
    index at(index step) const { return reverse ? T - 1 - step : step; }
    const float* before(index step, const float* hs, const float* h) const { return step ? hs + at(step - 1) * size : h; }
};

// The gates of a layer as the tiles leave them: (step, panel, sequence, 4 vectors). at() is where a step's panel begins for the
// sequence n; those of the sequences after it follow.
struct Gates {
    index N, panels;
    explicit Gates(const Sequence& s) : N(s.N), panels(ceil_div(s.H, VL)) {}
    index at(index t, index panel, index n) const { return ((t * panels + panel) * N + n) * 4 * VL; }
};

}  // namespace VARIANT
}  // namespace minigen
