// v1: the definition, z_ij = sum_k x_ik y_kj, one element after the other.
//
// Where it loses: walking down a column of y takes a new cache line for every single product, and each sum waits for the
// product before it.
#include "rungs.h"

void minigen::VARIANT::matmul_v1_naive(const Matrix& x, const Matrix& y, float* out) {
    const index M = x.rows, K = x.cols, N = y.cols;
    for (index i = 0; i < M; ++i)
        for (index j = 0; j < N; ++j) {
            float sum = 0;
            for (index k = 0; k < K; ++k) sum += at(x, i, k) * at(y, k, j);
            out[i * N + j] = sum;
        }
}
