// A matrix times a vector: every element of the matrix is used once, so memory sets the speed and packing would double it.
//
// Rows that are contiguous become dot products, two rows at a time so that v is loaded once for two (four or eight rows are more
// streams than the prefetcher follows well: 7% and 20% slower). Contiguous columns are added up, v_k times column k, over
// stretches of z that stay in L1.
#include "rungs.h"

namespace minigen {
namespace VARIANT {
namespace {

inline float sum_of(vec v) {  // halves are added until one lane is left
    float lanes[VL];
    store(lanes, v);
    for (int half = VL / 2; half > 0; half /= 2)
        for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    return lanes[0];
}

template <int R> void dots(const float* a, index row_stride, const float* v, index K, float* out) {
    vec sum[R][2] = {};
    index k = 0;
    for (; k + 2 * VL <= K; k += 2 * VL)
        for (int u = 0; u < 2 * VL; u += VL) {
            const vec b = load(v + k + u);
            for (int r = 0; r < R; ++r) {
                __builtin_prefetch(a + (R + r) * row_stride + k + u);  // the next rows
                sum[r][u / VL] += load(a + r * row_stride + k + u) * b;
            }
        }
    for (; k < K; k += VL) {
        const index count = least(VL, K - k);
        const vec b = load_some(v + k, count);
        for (int r = 0; r < R; ++r) sum[r][0] += load_some(a + r * row_stride + k, count) * b;
    }
    for (int r = 0; r < R; ++r) {
        const vec total = sum[r][0] + sum[r][1];
        out[r] = sum_of(total);
    }
}

// z = n rows of a, from `first` on, times v.
void add_columns(const Matrix& a, index first, index n, const float* v, float* z) {
    for (index i = 0; i < n; ++i) z[i] = 0;
    index k = 0;
    for (; k + 4 <= a.cols; k += 4) {  // four columns for one load and store of z
        const float* column = a.data + first + k * a.col_stride;
        for (index i = 0; i < n; i += VL) {
            const index count = least(VL, n - i);
            vec sum = load_some(z + i, count);
            for (int u = 0; u < 4; ++u) sum += v[k + u] * load_some(column + u * a.col_stride + i, count);
            store_some(z + i, sum, count);
        }
    }
    for (; k < a.cols; ++k)
        for (index i = 0; i < n; ++i) z[i] += v[k] * a.data[first + i + k * a.col_stride];
}

}  // namespace

bool matrix_vector(const Matrix& a, const float* v, index stride, float* out) {
    const index M = a.rows, K = a.cols;
    const bool rows = a.col_stride == 1, columns = a.row_stride == 1;
    if (K == 0 || (!rows && !columns)) return false;
    if (stride != 1) {  // a contiguous copy of v
        float* const copy = scratch_floats(Scratch::step, K);
        for (index k = 0; k < K; ++k) copy[k] = v[k * stride];
        v = copy;
    }
    constexpr index TASK = 1 << 20;  // elements: some 60 microseconds
    if (rows) {
        const index share = 2 * ceil_div(TASK, 2 * K);
        parallel(ceil_div(M, share), [&](index task) {
            const index end = least((task + 1) * share, M);
            index i = task * share;
            for (; i + 2 <= end; i += 2) dots<2>(a.data + i * a.row_stride, a.row_stride, v, K, out + i);
            for (; i < end; ++i) dots<1>(a.data + i * a.row_stride, a.row_stride, v, K, out + i);
        });
        return true;
    }
    constexpr index STRETCH = 1024;
    const index stretches = ceil_div(M, STRETCH), together = ceil_div(TASK, STRETCH * K);
    parallel(ceil_div(stretches, together), [&](index task) {
        for (index s = task * together, end = least(s + together, stretches); s < end; ++s)
            add_columns(a, s * STRETCH, least(STRETCH, M - s * STRETCH), v, out + s * STRETCH);
    });
    return true;
}

}  // namespace VARIANT
}  // namespace minigen
