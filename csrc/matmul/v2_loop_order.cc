// v2: the same sums in another order, z_i += x_ik y_k: the inner loop adds a multiple of a row of y to a row of z.
//
// Why it gains: both rows are read one neighbour after the other, so every byte of a cache line is used, and the sums of
// a row do not wait for each other. Where y's rows are contiguous the compiler vectorises the loop by itself.
#include "rungs.h"

void minigen::VARIANT::matmul_v2_loop_order(const Matrix& x, const Matrix& y, float* out) {
    const index M = x.rows, K = x.cols, N = y.cols;
    for (index i = 0; i < M * N; ++i) out[i] = 0;
    for (index i = 0; i < M; ++i)
        for (index k = 0; k < K; ++k) {
            const float value = at(x, i, k);
            for (index j = 0; j < N; ++j) out[i * N + j] += value * at(y, k, j);
        }
}
