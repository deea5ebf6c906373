// The loops of BLIS (Van Zee and van de Geijn 2015), numbered from the outside as there, around the tile of tile.h.
//
// KC steps of a panel of B, at most TILE_COLUMNS wide, stay in L2, from where they stream into the tiles as fast as they are
// used, while the panels of A pass by: one of them, 12 KB, is in L1. Packing is a choice: rows of A along k are read where they
// lie, and so is a B that only a few tiles read and whose lines the caches can hold. Which it is depends on sizes and strides
// alone, and every sum is added up in one order: results are the same for any number of threads.
#include "../elementwise/elementwise.h"
#include "gemm.h"
#include "pack.h"
#include "tile.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index KC = 512;                   // a panel of B: 128 KB, an eighth to a quarter of L2
constexpr index FEW_COLUMN_PANELS = 2, FEW_ROW_PANELS = 12;  // so few read columns of A, or B, in place
constexpr index PACKED_TOGETHER = 16;       // panels of A that a task packs
constexpr index PACKED_A = index(8) << 20;  // at most so many floats of A are packed at a time
constexpr index COLUMN_PANELS = 8;          // in a task: KC steps of A, which they share, stay in L3
constexpr index BLOCK_C = 1 << 19;          // floats of C in a task
constexpr double SMALL_TASK = 4e6, LARGE_TASK = 1e8;  // operations: 40 microseconds, a millisecond
constexpr double ALONE = 2e7;  // waking a thread takes as long as a tenth of this, and being late for it longer

// M rows, or N vectors of columns, in as few panels as possible, all of nearly the same size.
struct Panels {
    index all, count;
    Panels(index all_, index most) : all(all_), count(ceil_div(all_, most)) {}
    index first(index panel) const { return panel * all / count; }
    int size(index panel) const { return static_cast<int>(first(panel + 1) - first(panel)); }
    int largest() const { return static_cast<int>(ceil_div(all, count)); }
};

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
        if (neighbours(p.a.col, p.K)) a_lies = rows_in_place;
        else rows_neighbour = neighbours(p.a.row, p.M);
        if (rows_neighbour && columns.count <= FEW_COLUMN_PANELS && cached_together(step_a, depth) &&
            evenly_spaced(p.a.col, p.K, step_a)) {
            a_lies = columns_in_place;
            a_step = step_a;
        }
        if (!p.packed_b && rows.count <= FEW_ROW_PANELS && neighbours(p.b.col, p.N) && cached_together(step_b, depth) &&
            evenly_spaced(p.b.row, p.K, step_b)) {
            b_in_place = true;
            b_step = step_b;
        }
    }

    index packing_tasks() const { return a_lies == packed ? ceil_div(rows.count, PACKED_TOGETHER) : 0; }
    void pack(float* to, index task) const {
        const index q0 = task * PACKED_TOGETHER, q1 = least(q0 + PACKED_TOGETHER, rows.count);
        for (index k = 0; k < p.K; k += depth) {
            const index steps = least(depth, p.K - k);
            if (rows_neighbour) pack_neighbours(to, q0, q1, k, steps);
            else
                for (index q = q0; q < q1; ++q) {
                    const index i = rows.first(q), height = rows.size(q);
                    pack_rows(to + i * p.K + k * height, p.a.base, p.a.row + i, static_cast<int>(height), p.M - i,
                              p.a.col + k, steps);
                }
        }
    }
    void use(const float* a) { packed_a = a; }

    // Loops 5 (columns) and 3 (rows), cut into tasks.
    index cut(int threads) {
        const double operations = 2.0 * p.M * p.N * p.K;
        double wanted = operations / LARGE_TASK;
        if (wanted < 4 * threads) wanted = 4 * threads;
        if (wanted > operations / SMALL_TASK) wanted = operations / SMALL_TASK;
        const index tasks = threads == 1 || operations < ALONE ? 1 : static_cast<index>(wanted);
        const index halves = 2 * tasks / columns.count;  // each block of rows packs B again, so rather too few than too many
        row_blocks = least(rows.count, halves < 2 ? 1 : (halves + 1) / 2);
        const index share = row_blocks * columns.count / tasks;
        const index width = least(share, least(COLUMN_PANELS, BLOCK_C * row_blocks / (p.M * TILE_COLUMNS)));
        column_blocks = ceil_div(columns.count, width < 1 ? 1 : width);
        return row_blocks * column_blocks;
    }

    void run(index task) const {
        const index q = task % row_blocks, j = task / row_blocks;
        run(q * rows.count / row_blocks, (q + 1) * rows.count / row_blocks, j * columns.count / column_blocks,
            (j + 1) * columns.count / column_blocks);
    }

private:
    // Where A's rows are neighbours, as in x^T y, a few steps of many panels are copied together: they share lines.
    void pack_neighbours(float* to, index q0, index q1, index k0, index steps) const {
        constexpr index TOGETHER = 8;
        for (index k1 = 0; k1 < steps; k1 += TOGETHER)
            for (index q = q0; q < q1; ++q) {
                const index i = rows.first(q), height = rows.size(q), end = least(k1 + TOGETHER, steps);
                float* panel = to + i * p.K + (k0 + k1) * height;
                const float* const from = p.a.base + p.a.row[i];
                for (index k = k1; k < end; ++k, panel += height) {
                    const float* const source = from + p.a.col[k0 + k];
                    if (i + 8 <= p.M && k + 8 <= steps) store<8>(panel, load<8>(source));  // the rest is overwritten
                    else
                        for (index r = 0; r < height; ++r) panel[r] = source[r];
                }
            }
    }

    enum { packed, rows_in_place, columns_in_place } a_lies = packed;
    const Gemm& p;
    const Panels columns, rows;  // counted in vectors; counted in rows
    index depth, a_step = 0, b_step = 0, row_blocks = 1, column_blocks = 1;
    bool rows_neighbour = false, b_in_place = false;
    const float* packed_a = nullptr;

    void run(index q0, index q1, index j0, index j1) const {
        // A tile that can't stand in C while it grows is kept here: all of them, if k takes several passes.
        const index tile_size = rows.largest() * TILE_COLUMNS, kept = depth < p.K ? tile_size : 0;
        float* const start = scratch_floats(Scratch::tiles, 2 * tile_size + (q1 - q0) * (j1 - j0) * kept);
        float* const tiles = start + tile_size;
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
                if (first && !p.epilogue.idle())
                    for (int i = 0; i < width; ++i)
                        bias[i] = p.epilogue.column_bias && i < used ? p.epilogue.column_bias[left + i] : 0;
                for (index q = q0; q < q1; ++q, own += kept) {  // loop 1
                    const index i = rows.first(q);
                    const int height = rows.size(q);
                    t.to = direct ? p.c.base + p.c.col[left] : own;
                    t.to_row = direct ? p.c.row + i : tile_row;
                    t.next_row = direct && i + 2 * height <= p.M ? t.to_row + height : t.to_row;
                    t.from = t.to;
                    t.from_row = t.to_row;
                    if (first) {
                        t.from = nullptr;
                        if (p.epilogue.accumulate || p.epilogue.row_bias) {
                            begin(start, bias, i, height, left, used, width);
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

    // What the sums of a tile begin with: z where it is added to, and the biases.
    void begin(float* tile, const float* column_bias, index i, int height, index left, int used, int width) const {
        const Epilogue& e = p.epilogue;
        for (int r = 0; r < height; ++r, tile += width) {
            const float* const z = p.c.base + p.c.row[i + r];
            for (int j = 0; j < width; ++j) tile[j] = column_bias[j] + (e.row_bias ? e.row_bias[i + r] : 0);
            if (e.accumulate)
                for (int j = 0; j < used; ++j) tile[j] += z[p.c.col[left + j]];
        }
    }
};

template <class T> Table<T> transposed(const Table<T>& m) { return {m.base, m.col, m.row}; }

// About how many cycles a product takes: one for each vector of multiply-adds, and for copies what was measured.
double cost(const Gemm& p) {
    const double M = p.M, N = p.N, K = p.K;
    double cycles = M * ceil_div(p.N, VL) * K;
    if (!neighbours(p.b.col, p.N)) cycles += (neighbours(p.b.row, p.K) ? 0.4 : 1) * K * N;
    if (!neighbours(p.a.col, p.K)) cycles += (neighbours(p.a.row, p.M) ? 0.3 : 1) * K * M;
    if (!neighbours(p.c.col, p.N)) cycles += M * N;
    return cycles;
}

template <class Run> void multiply(const Gemm& problem, int threads, const Run& run) {
    if (problem.M == 0 || problem.N == 0) return;
    Gemm turned = problem;  // C^T = B^T A^T: where C is narrow, or packing A costs less than packing B
    turned.M = problem.N;
    turned.N = problem.M;
    turned.a = transposed(problem.b);
    turned.b = transposed(problem.a);
    turned.c = transposed(problem.c);
    turned.epilogue.row_bias = problem.epilogue.column_bias;
    turned.epilogue.column_bias = problem.epilogue.row_bias;
    constexpr index NARROW = 128;
    if (problem.packed_b || least(problem.M, problem.N) > NARROW || cost(problem) <= cost(turned)) turned = problem;
    const index most = PACKED_A / (turned.K + 1), block = most < 64 ? 64 : most;
    for (index i = 0; i < turned.M; i += block) {
        Gemm p = turned;
        p.M = least(block, turned.M - i);
        p.a.row += i;
        p.c.row += i;
        if (p.epilogue.row_bias) p.epilogue.row_bias += i;
        Plan plan(p);
        const index tasks = plan.cut(threads);
        if (const index groups = plan.packing_tasks()) {
            float* const packed = scratch_floats(Scratch::packed_a, p.M * p.K);
            const auto pack = [&](index group) { plan.pack(packed, group); };
            if (tasks > 1) run(groups, pack);
            else
                for (index group = 0; group < groups; ++group) pack(group);
            plan.use(packed);
        }
        run(tasks, [&](index task) { plan.run(task); });
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
