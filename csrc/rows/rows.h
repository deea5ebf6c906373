// Kernels along the rows of a matrix (R, S): softmax, its logarithm, cross-entropy, layer normalisation. A task is some rows.
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

// y = e^(x - max x) / sum of it, or its logarithm. From y and delta:
// dx = y (delta - sum_k delta_k y_k), and for the logarithm dx = delta - e^y sum_k delta_k.
void softmax(const float* x, float* y, index rows, index size);
void softmax_vjp(const float* delta, const float* y, float* dx, index rows, index size);
void log_softmax(const float* x, float* y, index rows, index size);
void log_softmax_vjp(const float* delta, const float* y, float* dx, index rows, index size);

// loss = -log softmax(x)[label]. `top` and `log_sum` (one each per row) are kept apart: top + log_sum would be rounded.
// dx = delta (softmax(x) - [k = label]).
void cross_entropy(const float* x, const int64_t* labels, float* loss, float* top, float* log_sum, index rows, index size);
void cross_entropy_vjp(const float* delta, const float* x, const int64_t* labels, const float* top, const float* log_sum,
                       float* dx, index rows, index size);

// y = (x - mean) rstd weight + bias, rstd = 1 / sqrt(var + eps) per row; weight and bias (S) may be null. A row's mean is
// kept as the sum of two floats, mean[2 r] + mean[2 r + 1].
// With g = weight delta: dx = rstd (g - mean(g) - xhat mean(g xhat)), dweight = sum over rows of delta xhat, dbias of delta.
void layer_norm(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean, float* rstd,
                index rows, index size);
void layer_norm_vjp(const float* delta, const float* x, const float* mean, const float* rstd, const float* weight, float* dx,
                    float* dweight, float* dbias, index rows, index size);

// out's rows are those rows of w (V, size) that `ids` names; and back: dw[v] = sum of delta's rows whose id is v, in their order,
// zeros for v = padding (-1: none is left out).
void embedding(const float* w, const int64_t* ids, float* out, index count, index size);
void embedding_vjp(const float* delta, const int64_t* ids, index padding, float* dw, index count, index rows, index size);

// Rows that one task takes: enough work to be worth handing out, and always the same, so that sums do not depend on threads.
inline index rows_per_task(index size) {
    const index rows = 8192 / (size + 1);
    return rows < 1 ? 1 : rows;
}

// Sums of a vector's lanes, in double; and of f(i, vector) over a row, float lanes for at most STRETCH elements at a time.
constexpr index STRETCH = 1024;

inline double lanes(vec v) {
    double total = 0;
    for (int lane = 0; lane < VL; ++lane) total += v[lane];
    return total;
}

// sum over [0, n) of f(i, count): f gives a vector for the elements [i, i + count), its lanes beyond count must be zero.
template <class F> inline double sum_row(index n, const F& f) {
    double result = 0;
    for (index start = 0; start < n; start += STRETCH) {
        const index end = least(start + STRETCH, n);
        vec total[2] = {};
        index i = start;
        for (; i + NR <= end; i += NR) {
            total[0] += f(i, index(VL));
            total[1] += f(i + VL, index(VL));
        }
        for (; i < end; i += VL) total[0] += f(i, least(VL, end - i));
        result += lanes(total[0] + total[1]);
    }
    return result;
}

}  // namespace VARIANT
}  // namespace minigen
