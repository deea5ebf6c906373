// v3: v2 on blocks. Each block of y (32 x 2048 floats: 256 KB) is used for all rows of x before the next one is touched.
//
// Why it gains: v2 reads all of y once per row of x; once y is larger than the cache, memory sets the speed. A block stays
// in L2 while M rows pass over it. Nothing is gained while y fits into the cache.
#include "rungs.h"

void minigen::VARIANT::matmul_v3_blocked(const Matrix& x, const Matrix& y, float* out) {
    constexpr index KB = 32, NB = 2048;
    const index M = x.rows, K = x.cols, N = y.cols;
    for (index i = 0; i < M * N; ++i) out[i] = 0;
    for (index j0 = 0; j0 < N; j0 += NB)
        for (index k0 = 0; k0 < K; k0 += KB)
            for (index i = 0; i < M; ++i)
                for (index k = k0, k1 = least(k0 + KB, K); k < k1; ++k) {
                    const float value = at(x, i, k);
                    for (index j = j0, j1 = least(j0 + NB, N); j < j1; ++j) out[i * N + j] += value * at(y, k, j);
                }
}
