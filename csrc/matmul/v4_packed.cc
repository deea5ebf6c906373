// v4: a panel of y is copied ("packed") into one contiguous strip, and a tile of z, 4 rows by one vector, is summed up in
// registers.
//
// Why it gains: v3 still loads and stores z for every product. The tile stays in registers over the whole sum, so a step of k
// loads one vector of y and 4 numbers of x for 4 vectors of products. Packing makes the strip contiguous for any strides of y,
// and costs one copy for M products. (Written as a loop over an array, compilers keep such a tile in memory: hence `vec`.)
// The idea is that of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008).
#include "rungs.h"

void minigen::VARIANT::matmul_v4_packed(const Matrix& x, const Matrix& y, float* out) {
    constexpr int TM = 4;
    const index M = x.rows, K = x.cols, N = y.cols;
    float* const strip = scratch_floats(Scratch::panel_b, K * VL);
    for (index j0 = 0; j0 < N; j0 += VL) {
        const index columns = least(VL, N - j0);
        for (index k = 0; k < K; ++k)
            for (index j = 0; j < VL; ++j) strip[k * VL + j] = j < columns ? at(y, k, j0 + j) : 0;
        for (index i0 = 0; i0 < M; i0 += TM) {
            const index rows = least(TM, M - i0);
            const float* row[TM];
            for (index i = 0; i < TM; ++i) row[i] = x.data + (i0 + (i < rows ? i : 0)) * x.row_stride;  // the first once more
            vec tile[TM] = {};
            for (index k = 0; k < K; ++k) {
                const vec b = load(strip + k * VL);
                for (int i = 0; i < TM; ++i) tile[i] += row[i][k * x.col_stride] * b;
            }
            for (index i = 0; i < rows; ++i) store_some(out + (i0 + i) * N + j0, tile[i], columns);
        }
    }
}
