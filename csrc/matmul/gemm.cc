// The loops of BLIS (Van Zee and van de Geijn 2015), numbered from the outside as there.
//
// A is packed once, in panels of at most MR rows. B is packed one panel of NR columns and KC steps at a time, directly
// before the tiles that read it, so the panel is still in L1; KC steps of A's panels stay in L2 over a block of columns.
#include "gemm.h"
#include "pack.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index KC = 256;                  // NR * KC floats of B: 32 KB with AVX-512
constexpr index ROW_PANELS = 24;           // a task has at most so many panels of A,
constexpr index COLUMN_PANELS = 8;         // and at most so many panels of B
constexpr index PACKED_TOGETHER = 8;        // panels of A that a task packs
constexpr index PACKED_A = index(8) << 20;  // at most so many floats of A are packed at a time

// tile (rows x NR) = or += A's panel times B's panel: rank-1 updates of a tile that stays in registers.
typedef void MicroKernel(index steps, const float* a, const float* b, float* tile, bool add);

template <int R> void micro(index steps, const float* a, const float* b, float* tile, bool add) {
    vec sum[R][2];
    for (int r = 0; r < R; ++r) {
        sum[r][0] = add ? load(tile + r * NR) : vec{};
        sum[r][1] = add ? load(tile + r * NR + VL) : vec{};
    }
    for (index k = 0; k < steps; ++k) {
        const vec b0 = load(b + k * NR), b1 = load(b + k * NR + VL);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const float value = a[k * R + r];
            sum[r][0] += value * b0;
            sum[r][1] += value * b1;
        }
    }
    for (int r = 0; r < R; ++r) {
        store(tile + r * NR, sum[r][0]);
        store(tile + r * NR + VL, sum[r][1]);
    }
}

template <int R = MR> MicroKernel* micro_kernel(index rows) {  // one for each number of rows: edges cost nothing extra
    if constexpr (R == 1) return micro<1>;
    else return rows == R ? micro<R> : micro_kernel<R - 1>(rows);
}

// M rows in as few panels as possible, all of nearly the same height.
struct RowPanels {
    index M, count;
    explicit RowPanels(index rows) : M(rows), count(ceil_div(rows, MR)) {}
    index first(index panel) const { return panel * M / count; }
    int rows(index panel) const { return static_cast<int>(first(panel + 1) - first(panel)); }
};

void gemm_block(const Gemm& p) {
    const RowPanels panels(p.M);
    float* const packed = scratch_floats(Scratch::packed_a, p.M * p.K);
    const index groups = ceil_div(panels.count, PACKED_TOGETHER);
    parallel(groups, [&](index group) {
        const index q0 = group * PACKED_TOGETHER, q1 = least(q0 + PACKED_TOGETHER, panels.count);
        for (index k = 0; k < p.K; k += KC)  // neighbouring panels share pages and lines of x^T: take them together
            for (index q = q0; q < q1; ++q) {
                const index i = panels.first(q);
                const int rows = panels.rows(q);
                pack_rows(packed + i * p.K + k * rows, p.a.base, p.a.row + i, rows, p.M - i, p.a.col + k, least(KC, p.K - k));
            }
    });

    const index column_panels = ceil_div(p.N, NR);
    const index row_blocks = ceil_div(panels.count, ROW_PANELS);
    const index share = ceil_div(row_blocks * column_panels, 4 * get_num_threads());  // a few tasks for every thread
    const index width = share < COLUMN_PANELS ? share : COLUMN_PANELS;
    const index column_blocks = ceil_div(column_panels, width);

    parallel(row_blocks * column_blocks, [&](index task) {  // loops 5 (columns) and 3 (rows)
        const index q0 = task % row_blocks * ROW_PANELS, q1 = least(q0 + ROW_PANELS, panels.count);
        const index j0 = task / row_blocks * width, j1 = least(j0 + width, column_panels);
        const index tile_size = MR * NR;
        float* const tiles = scratch_floats(Scratch::tiles, (q1 - q0) * (j1 - j0) * tile_size);
        float* const panel_b = scratch_floats(Scratch::panel_b, KC * NR);
        for (index k = 0; k == 0 || k < p.K; k += KC) {  // loop 4; once for K = 0, which gives zeros
            const index steps = least(KC, p.K - k);
            float* tile = tiles;
            for (index j = j0; j < j1; ++j) {  // loop 2
                const int columns = static_cast<int>(least(NR, p.N - j * NR));
                const float* b = p.packed_b + (j * p.K + k) * NR;
                if (!p.packed_b) {
                    pack_panel(panel_b, p.b.base, p.b.row + k, steps, p.b.col + j * NR, columns);
                    b = panel_b;
                }
                const bool last = k + KC >= p.K;
                const Chunks to(p.c.col + j * NR, last ? columns : 0);
                for (index q = q0; q < q1; ++q, tile += tile_size) {  // loop 1
                    const int rows = panels.rows(q);
                    const index i = panels.first(q);
                    micro_kernel(rows)(steps, packed + i * p.K + k * rows, b, tile, k > 0);
                    if (last) unpack_tile(p.c.base, p.c.row + i, rows, tile, to);
                }
            }
        }
    });
}

}  // namespace

void pack_b(const Gemm& p, float* to) {
    parallel(ceil_div(p.N, NR), [&](index j) {
        const int columns = static_cast<int>(least(NR, p.N - j * NR));
        pack_panel(to + j * p.K * NR, p.b.base, p.b.row, p.K, p.b.col + j * NR, columns);
    });
}

void gemm(const Gemm& problem) {
    if (problem.M == 0 || problem.N == 0) return;
    if (problem.N <= NR / 2 && problem.M > problem.N && !problem.packed_b) {  // a tile would be mostly empty: C^T = B^T A^T
        const Gemm& p = problem;
        return gemm({p.N, p.M, p.K, {p.b.base, p.b.col, p.b.row}, {p.a.base, p.a.col, p.a.row},
                     {p.c.base, p.c.col, p.c.row}});
    }
    const index most = PACKED_A / (problem.K + 1) / MR * MR;
    const index block = most < MR ? MR : most;
    for (index i = 0; i < problem.M; i += block) {
        Gemm p = problem;
        p.M = least(block, problem.M - i);
        p.a.row += i;
        p.c.row += i;
        gemm_block(p);
    }
}

}  // namespace VARIANT
}  // namespace minigen
