// v5: both matrices packed, and the tile as large as the registers allow.
//
// Why it gains: v4's 4 sums wait for their own multiply-adds: two may begin in every clock, and each takes 4. And every number
// of x is loaded for one vector only. Here 14 x 32 sums are 28 vector registers (AVX-512), and a step of k is 28 multiply-adds
// for 2 loads and 14 broadcasts: the arithmetic units, no longer the loads, set the speed. x is packed, too, so that a step's 14
// numbers are neighbours. What is left: edges are filled up with zeros, the panels are as long as the sum, whatever L1 and L2
// hold, and one thread works. The tile is chosen as in BLIS (Van Zee and van de Geijn 2015).
#include "rungs.h"

namespace minigen {
namespace VARIANT {
namespace {

// z's tile at `out`, `rows` x `columns` of it, = a (K x MR) transposed times b (K x NR).
void tile(const float* a, const float* b, index K, float* out, index N, index rows, index columns) {
    vec sum[MR][2] = {};
    for (index k = 0; k < K; ++k) {
        const vec b0 = load(b + k * NR), b1 = load(b + k * NR + VL);
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i) {
            sum[i][0] += a[k * MR + i] * b0;
            sum[i][1] += a[k * MR + i] * b1;
        }
    }
    float whole[MR * NR];
    for (int i = 0; i < MR; ++i) {
        store(whole + i * NR, sum[i][0]);
        store(whole + i * NR + VL, sum[i][1]);
    }
    for (index i = 0; i < rows; ++i)
        for (index j = 0; j < columns; ++j) out[i * N + j] = whole[i * NR + j];
}

}  // namespace

void matmul_v5_vector(const Matrix& x, const Matrix& y, float* out) {
    const index M = x.rows, K = x.cols, N = y.cols, panels = ceil_div(M, MR);
    float* const a = scratch_floats(Scratch::packed_a, panels * MR * K);
    for (index i = 0; i < panels * MR; ++i)
        for (index k = 0; k < K; ++k) a[(i / MR * K + k) * MR + i % MR] = i < M ? at(x, i, k) : 0;
    float* const b = scratch_floats(Scratch::panel_b, K * NR);
    for (index j0 = 0; j0 < N; j0 += NR) {
        const index columns = least(NR, N - j0);
        for (index k = 0; k < K; ++k)
            for (index j = 0; j < NR; ++j) b[k * NR + j] = j < columns ? at(y, k, j0 + j) : 0;
        for (index p = 0; p < panels; ++p)
            tile(a + p * K * MR, b, K, out + p * MR * N + j0, N, least(MR, M - p * MR), columns);
    }
}

}  // namespace VARIANT
}  // namespace minigen
