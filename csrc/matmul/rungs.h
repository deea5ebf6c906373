// The ladder of matrix multiplication, z = x y for x (M, K) and y (K, N) with any strides, z (M, N) contiguous.
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

MatmulKernel matmul_v1_naive, matmul_v2_loop_order, matmul_v3_blocked, matmul_v4_packed, matmul_v5_vector,
    matmul_v6_edges, matmul_v7_threads;
FusedMatmul matmul_fused;  // v7 with an epilogue

// z = a v, in matrix_vector.cc: true if a's strides are such that it is done.
bool matrix_vector(const Matrix& a, const float* v, index stride, float* out);

inline float at(const Matrix& m, index i, index j) { return m.data[i * m.row_stride + j * m.col_stride]; }

}  // namespace VARIANT
}  // namespace minigen
