// The micro-kernel: a tile of C that stays in registers while k runs.
//
// A step of k adds to every row of the tile its number of A times V vectors of B. With AVX-512 the tile is 6 rows by 4 vectors:
// 24 multiply-adds for 4 loads and 6 broadcasts. A tile of 14 x 2 needs fewer loads, but a tile's rows of C and of A lie a whole
// row of the matrix apart, often a power of two, and 14 such rows don't fit into L1's 8 ways: flat tiles gained 4% at K = 256
// and 14% at K = 64, and let A be read where it lies. There is one kernel for every height and width, so edges cost little.
#pragma once
#include "gemm.h"

namespace minigen {
namespace VARIANT {

constexpr int max_rows(int vectors) { return vectors == 1 ? 8 : 6; }

struct Tile {
    index steps;
    const float* a;      // (r, k) at a[a_row[r] + k] in a kernel that reads A's rows, else at a[k * a_step + r]
    const index* a_row;
    index a_step;
    const float* b;      // (k, j) at b[k * b_step + j]
    index b_step;
    const float* from;   // what is added to, (r, j) at from[from_row[r] + j]; null: zeros
    const index* from_row;
    float* to;           // where the sums go, likewise; it may be `from`
    const index* to_row;
    const index* next_row;  // of the tile that comes next: its lines are fetched meanwhile
};

typedef void MicroKernel(const Tile& t);

template <int V, bool READS_ROWS, int R> void micro_kernel(const Tile& t) {
    vec sum[R][V] = {};
    const float *row[R], *a = t.a, *b = t.b;
// Unrolled by name: whatever loop the compiler unrolls late keeps the sums in memory.
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
        row[r] = READS_ROWS ? t.a + t.a_row[r] : nullptr;
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) __builtin_prefetch(t.to + t.next_row[r] + v * VL, 1);
    }
    if (t.from) {
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[r][v] = load(t.from + t.from_row[r] + v * VL);
    }
    for (index k = 0; k < t.steps; ++k, a += t.a_step, b += t.b_step) {
        vec across[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) across[v] = load(b + v * VL);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const float value = READS_ROWS ? row[r][k] : a[r];
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[r][v] += value * across[v];
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) store(t.to + t.to_row[r] + v * VL, sum[r][v]);
}

// The kernel for so many rows and vectors.
template <int V, bool READS_ROWS, int R = max_rows(V)> MicroKernel* of_height(int rows) {
    if constexpr (R > 1)
        if (rows < R) return of_height<V, READS_ROWS, R - 1>(rows);
    return micro_kernel<V, READS_ROWS, R>;
}
template <bool READS_ROWS, int V = TILE_VECTORS> MicroKernel* of_size(int rows, int vectors) {
    if constexpr (V > 1)
        if (vectors < V) return of_size<READS_ROWS, V - 1>(rows, vectors);
    return of_height<V, READS_ROWS>(rows);
}

}  // namespace VARIANT
}  // namespace minigen
