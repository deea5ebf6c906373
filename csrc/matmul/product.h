// A product of two strided matrices as a Gemm: the tables of offsets of x, y and a contiguous z.
#pragma once
#include "gemm.h"
#include "rungs.h"

namespace minigen {
namespace VARIANT {

struct Product {
    Tables tables;
    Gemm gemm;

    Product(const Matrix& x, const Matrix& y, float* out, const Epilogue& epilogue = {})
        : tables(2 * x.rows + 2 * x.cols + 3 * y.cols) {
        const index M = x.rows, K = x.cols, N = y.cols;
        const index* one = tables.steps(N, 1);
        gemm = {M, N, K,
                {x.data, tables.steps(M, x.row_stride), tables.steps(K, x.col_stride)},
                {y.data, tables.steps(K, y.row_stride), tables.steps(N, y.col_stride)},
                {out, tables.steps(M, N), one}};
        gemm.epilogue = epilogue;
    }
};

}  // namespace VARIANT
}  // namespace minigen
