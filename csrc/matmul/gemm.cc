// The loops of BLIS (Van Zee and van de Geijn 2015), numbered from the outside as there, around the tile of tile.h.
//
// KC steps of a panel of B, at most TILE_COLUMNS wide, and of a block of A's rows stay in L2, from where they stream into the
// tiles as fast as they are used. Packing is a choice: a matrix that only a few tiles read, and whose lines the caches can hold,
// is read where it lies. Which it is depends on sizes and strides alone, and every sum is added up in one order: results are
// the same for any number of threads.
#include "../elementwise/elementwise.h"
#include "gemm.h"
#include "pack.h"
#include "tile.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index KC = 512;
constexpr index BLOCK_A = 1 << 17;          // floats of A that a task keeps in L2: half of it
constexpr index COLUMN_PANELS = 8;          // a task has at most so many panels of B
constexpr index PACKED_TOGETHER = 16;       // panels of A that a task packs
constexpr index PACKED_A = index(8) << 20;  // at most so many floats of A are packed at a time
constexpr index FEW_COLUMN_PANELS = 8, FEW_ROW_PANELS = 12;  // that read A, or B, in place
constexpr double TASK = 2e6;                // operations: some 20 us

// M rows, or N vectors of columns, in as few panels as possible, all of nearly the same size.
struct Panels {
    index all, count;
    Panels(index all_, index most) : all(all_), count(ceil_div(all_, most)) {}
    index first(index panel) const { return panel * all / count; }
    int size(index panel) const { return static_cast<int>(first(panel + 1) - first(panel)); }
    int largest() const { return static_cast<int>(ceil_div(all, count)); }
};

// Do offsets grow by the same step everywhere?
bool evenly_spaced(const index* offset, index n) {
    for (index i = 2; i < n; ++i)
        if (offset[i] - offset[i - 1] != offset[1] - offset[0]) return false;
    return true;
}

// Do `count` rows, `step` floats apart, stay in L2 together? Steps of a power of two leave most of its sets empty.
bool cached_together(index step, index count) {
    constexpr index WAY = 1 << 15, WAYS = 8;  // floats; L2 has 512 KB to 2 MB in 8 to 16 ways
    index spread = 1;
    while (spread < WAY && step % (2 * spread) == 0) spread *= 2;
    return count <= WAY / spread * WAYS;
}

void activate(const Epilogue& e, float* x, index n) {
    switch (e.activation) {
        case Activation::none: return;
        case Activation::relu: return relu(x, x, n);
        case Activation::leaky_relu: return leaky_relu(x, e.slope, x, n);
        case Activation::tanh: return tanh(x, x, n);
        case Activation::sigmoid: return sigmoid(x, x, n);
        case Activation::gelu: return gelu(x, x, n);
        case Activation::silu: return silu(x, x, n);
    }
}

// How one product is cut up, and where its tiles read.
class Plan {
public:
    explicit Plan(const Gemm& problem)
        : p(problem), columns(ceil_div(p.N, VL), TILE_VECTORS), rows(p.M, max_rows(columns.largest())) {
        const index blocks = ceil_div(p.K, KC);
        depth = p.K ? ceil_div(ceil_div(p.K, blocks), VL) * VL : 1;
        const index step_a = p.K > 1 ? p.a.col[1] - p.a.col[0] : 0, step_b = p.K > 1 ? p.b.row[1] - p.b.row[0] : 0;
        if (p.K == 0) return;
        if (columns.count <= FEW_COLUMN_PANELS && neighbours(p.a.col, p.K)) a_lies = rows_in_place;
        else if (columns.count <= 2 && neighbours(p.a.row, p.M) && cached_together(step_a, depth) && evenly_spaced(p.a.col, p.K)) {
            a_lies = columns_in_place;
            a_step = step_a;
        }
        if (!p.packed_b && rows.count <= FEW_ROW_PANELS && neighbours(p.b.col, p.N) && cached_together(step_b, depth) &&
            evenly_spaced(p.b.row, p.K)) {
            b_in_place = true;
            b_step = step_b;
        }
    }

    bool packs_a() const { return a_lies == packed; }

    void pack_a() {
        packed_a = scratch_floats(Scratch::packed_a, p.M * p.K);
    }

    index packing_tasks() const { return packs_a() ? ceil_div(rows.count, PACKED_TOGETHER) : 0; }
    void pack(index task) const {
        const index q0 = task * PACKED_TOGETHER, q1 = least(q0 + PACKED_TOGETHER, rows.count);
        for (index k = 0; k < p.K; k += depth)  // neighbouring panels share pages and lines of x^T: take them together
            for (index q = q0; q < q1; ++q) {
                const index i = rows.first(q), height = rows.size(q);
                pack_rows(packed_a + i * p.K + k * height, p.a.base, p.a.row + i, rows.size(q), p.M - i, p.a.col + k,
                          least(depth, p.K - k));
            }
    }

    // Loops 5 (columns) and 3 (rows): tasks of some microseconds.
    index cut(int threads) {
        const double operations = 2.0 * p.M * p.N * p.K;
        index wanted = static_cast<index>(operations / TASK);
        if (wanted > 4 * threads) wanted = 4 * threads;
        if (threads == 1 || wanted < 2) wanted = 1;
        const index most = BLOCK_A / (depth * rows.largest());
        row_blocks = ceil_div(rows.count, most < 1 ? 1 : most);
        if (row_blocks * columns.count < wanted) row_blocks = least(rows.count, ceil_div(wanted, columns.count));
        const index share = row_blocks * columns.count / wanted;
        const index width = share < 1 ? 1 : least(share, COLUMN_PANELS);
        column_blocks = ceil_div(columns.count, width);
        return row_blocks * column_blocks;
    }

    void run(index task) const {
        const index q = task % row_blocks, j = task / row_blocks;
        run(q * rows.count / row_blocks, (q + 1) * rows.count / row_blocks, j * columns.count / column_blocks,
            (j + 1) * columns.count / column_blocks);
    }

private:
    enum { packed, rows_in_place, columns_in_place } a_lies = packed;
    const Gemm& p;
    const Panels columns, rows;  // counted in vectors; counted in rows
    index depth, a_step = 0, b_step = 0, row_blocks = 1, column_blocks = 1;
    bool b_in_place = false;
    float* packed_a = nullptr;

    void run(index q0, index q1, index j0, index j1) const {
        const index tile_size = rows.largest() * TILE_COLUMNS;
        float* const tiles = scratch_floats(Scratch::tiles, ((q1 - q0) * (j1 - j0) + 1) * tile_size);
        float* const start = tiles + (q1 - q0) * (j1 - j0) * tile_size;
        float* const panel_b = scratch_floats(Scratch::panel_b, depth * TILE_COLUMNS);
        float bias[TILE_COLUMNS];
        for (index k = 0; k == 0 || k < p.K; k += depth) {  // loop 4; once for K = 0, which gives zeros
            const bool first = k == 0, last = k + depth >= p.K;
            Tile t;
            t.steps = least(depth, p.K - k);
            float* own = tiles;
            for (index j = j0; j < j1; ++j) {  // loop 2
                const index left = columns.first(j) * VL;
                const int vectors = columns.size(j), width = vectors * VL;
                const int used = static_cast<int>(least(width, p.N - left));
                if (p.packed_b) {
                    t.b = p.packed_b + left * p.K + k * width;
                    t.b_step = width;
                } else if (b_in_place && used == width) {
                    t.b = p.b.base + p.b.row[k] + p.b.col[left];
                    t.b_step = b_step;
                } else {
                    pack_panel(panel_b, p.b.base, p.b.row + k, t.steps, p.b.col + left, used, width);
                    t.b = panel_b;
                    t.b_step = width;
                }
                const bool in_row = neighbours(p.c.col + left, used), direct = in_row && used == width;
                const Chunks to(p.c.col + left, last && !in_row ? used : 0);
                index tile_row[8] = {}, bias_row[8] = {};
                for (int r = 0; r < 8; ++r) tile_row[r] = r * width;
                if (first && p.epilogue.column_bias) {
                    for (int i = 0; i < width; ++i) bias[i] = i < used ? p.epilogue.column_bias[left + i] : 0;
                }
                for (index q = q0; q < q1; ++q, own += tile_size) {  // loop 1
                    const index i = rows.first(q);
                    const int height = rows.size(q);
                    t.to = direct ? p.c.base + p.c.col[left] : own;
                    t.to_row = direct ? p.c.row + i : tile_row;
                    t.from = t.to;
                    t.from_row = t.to_row;
                    if (first) {
                        t.from = nullptr;
                        if (p.epilogue.accumulate || p.epilogue.row_bias) {
                            begin(start, i, height, left, used, width);
                            t.from = start;
                            t.from_row = tile_row;
                        } else if (p.epilogue.column_bias) {
                            t.from = bias;
                            t.from_row = bias_row;
                        }
                    }
                    if (a_lies == rows_in_place) {
                        t.a = p.a.base + p.a.col[k];
                        t.a_row = p.a.row + i;
                        t.a_step = 0;
                        of_size<true>(height, vectors)(t);
                    } else {
                        t.a = a_lies == packed ? packed_a + i * p.K + k * height : p.a.base + p.a.row[i] + p.a.col[k];
                        t.a_step = a_lies == packed ? height : a_step;
                        of_size<false>(height, vectors)(t);
                    }
                    if (!last) continue;
                    if (p.epilogue.activation != Activation::none)
                        for (int r = 0; r < height; ++r) activate(p.epilogue, t.to + t.to_row[r], used);
                    if (direct) continue;
                    if (in_row) {
                        for (int r = 0; r < height; ++r)
                            for (int v = 0; v < used; v += VL)
                                store_some(p.c.base + p.c.row[i + r] + p.c.col[left] + v, load(own + r * width + v),
                                           least(VL, used - v));
                    } else {
                        unpack_tile(p.c.base, p.c.row + i, height, own, to, width);
                    }
                }
            }
        }
    }

    // What a tile's sums begin with.
    void begin(float* tile, index i, int height, index left, int used, int width) const {
        const Epilogue& e = p.epilogue;
        for (int r = 0; r < height; ++r)
            for (int j = 0; j < width; ++j) {
                float sum = 0;
                if (j < used) {
                    if (e.accumulate) sum += p.c.base[p.c.row[i + r] + p.c.col[left + j]];
                    if (e.column_bias) sum += e.column_bias[left + j];
                    if (e.row_bias) sum += e.row_bias[i + r];
                }
                tile[r * width + j] = sum;
            }
    }
};

template <class T> Table<T> transposed(const Table<T>& m) { return {m.base, m.col, m.row}; }

// C^T = B^T A^T where that suits the tiles better: they are as wide as C has columns, and B is packed when it isn't wide.
bool better_transposed(const Gemm& p) {
    if (p.packed_b || p.M == 1 || p.N == 1) return p.N == 1 && p.M > 1 && !p.packed_b;
    if (p.N <= VL && p.M > p.N) return true;
    const bool along_k = p.K >= VL && neighbours(p.b.row, VL) && neighbours(p.a.col, VL);
    return along_k && p.M <= 4 * VL && p.N >= 2 * p.M && p.K >= 64;
}

template <class Run> void multiply(const Gemm& problem, int threads, const Run& run) {
    if (problem.M == 0 || problem.N == 0) return;
    Gemm turned = problem;
    if (better_transposed(problem)) {
        turned.M = problem.N;
        turned.N = problem.M;
        turned.a = transposed(problem.b);
        turned.b = transposed(problem.a);
        turned.c = transposed(problem.c);
        turned.epilogue.row_bias = problem.epilogue.column_bias;
        turned.epilogue.column_bias = problem.epilogue.row_bias;
    }
    const index most = PACKED_A / (turned.K + 1), block = most < 64 ? 64 : most;
    for (index i = 0; i < turned.M; i += block) {
        Gemm p = turned;
        p.M = least(block, turned.M - i);
        p.a.row += i;
        p.c.row += i;
        if (p.epilogue.row_bias) p.epilogue.row_bias += i;
        Plan plan(p);
        if (plan.packs_a()) {
            plan.pack_a();
            run(plan.packing_tasks(), [&](index task) { plan.pack(task); });
        }
        run(plan.cut(threads), [&](index task) { plan.run(task); });
    }
}

}  // namespace

void pack_b(const Gemm& p, float* to) {
    const Panels columns(ceil_div(p.N, VL), TILE_VECTORS);
    parallel(columns.count, [&](index j) {
        const index left = columns.first(j) * VL;
        const int width = columns.size(j) * VL, used = static_cast<int>(least(width, p.N - left));
        pack_panel(to + left * p.K, p.b.base, p.b.row, p.K, p.b.col + left, used, width);
    });
}

void gemm(const Gemm& problem) {
    multiply(problem, get_num_threads(), [](index tasks, const auto& body) { parallel(tasks, body); });
}

void gemm_alone(const Gemm& problem) {
    multiply(problem, 1, [](index tasks, const auto& body) {
        for (index task = 0; task < tasks; ++task) body(task);
    });
}

}  // namespace VARIANT
}  // namespace minigen
