// v6: v5's tile inside the loops of BLIS: cut to the caches, fitted to the edges, handed out to threads.
//
// Why it gains: a panel of y 256 steps long stays in L1 and 24 panels of x stay in L2, however long the sum is. M rows are
// shared out evenly, with a micro-kernel for every height: 15 rows are 8 + 7, not 14 + 1 and 13 rows of zeros. Packing moves
// whole vectors: blocks that lie the wrong way are turned in registers. Products with a vector, where packing would double the
// traffic, and narrow ones, whose tiles would be empty, go their own ways. Blocks of tiles are tasks, and whichever thread is
// free takes the next (Smith et al. 2014, "Anatomy of high-performance many-threaded matrix multiplication").
// The hardware's prefetcher follows the packed panels by itself: fetching them by instruction gained nothing. See gemm.cc.
#include "gemm.h"
#include "rungs.h"

void minigen::VARIANT::matmul_v6_tasks(const Matrix& x, const Matrix& y, float* out) {
    const index M = x.rows, K = x.cols, N = y.cols;
    if (N == 1 && matrix_vector(x, y.data, y.row_stride, out)) return;
    if (M == 1 && matrix_vector({y.data, N, K, y.col_stride, y.row_stride}, x.data, x.col_stride, out)) return;
    Tables tables(2 * M + 2 * K + 2 * N);
    const index* one = tables.steps(N, 1);
    gemm({M, N, K,
          {x.data, tables.steps(M, x.row_stride), tables.steps(K, x.col_stride)},
          {y.data, tables.steps(K, y.row_stride), tables.steps(N, y.col_stride)},
          {out, tables.steps(M, N), one}});
}
