// v7: v6's blocks of tiles as tasks: whichever thread is free takes the next.
//
// Why it gains: two threads do two tasks at a time. A task is 40 microseconds to a millisecond of work, so that nobody waits long
// for a thread that the system has put aside in the middle of one. Products of less than 170 microseconds stay in one thread:
// waking another takes 15. A tile is computed by one thread, in one order of k: the result is the same, bit by bit, for any number of
// threads (the loops to share out: Smith et al. 2014, "Anatomy of high-performance many-threaded matrix multiplication").
// Products with a vector, where packing would double the traffic, go their own way: see matrix_vector.cc.
#include "product.h"

namespace minigen {
namespace VARIANT {

void matmul_v7_threads(const Matrix& x, const Matrix& y, float* out) { matmul_fused(x, y, out, {}); }

void matmul_fused(const Matrix& x, const Matrix& y, float* out, const Epilogue& epilogue) {
    const index M = x.rows, K = x.cols, N = y.cols;
    if (epilogue.idle()) {
        if (N == 1 && matrix_vector(x, y.data, y.row_stride, out)) return;
        if (M == 1 && matrix_vector({y.data, N, K, y.col_stride, y.row_stride}, x.data, x.col_stride, out)) return;
    }
    const Product product(x, y, out, epilogue);
    gemm(product.gemm);
}

}  // namespace VARIANT
}  // namespace minigen
