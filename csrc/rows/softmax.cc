// Softmax and cross-entropy. The largest element is taken off first: then no exponential overflows, and any shift gives the
// same result. A row is read two or three times while it lies in L1; memory sees it once.
#include "../elementwise/vecmath.h"
#include "rows.h"

namespace minigen {
namespace VARIANT {
namespace {

float highest(const float* x, index n) {  // NaN never wins; it comes back as e^NaN in the sum
    const float lowest = -__builtin_inff();
    vec top = splat(lowest);
    index i = 0;
    for (; i + VL <= n; i += VL) {
        const vec v = load(x + i);
        top = v > top ? v : top;
    }
    float result = lowest;
    for (int lane = 0; lane < VL; ++lane) result = top[lane] > result ? top[lane] : result;
    for (; i < n; ++i) result = x[i] > result ? x[i] : result;
    return result;
}

double sum_of_exp(const float* x, float top, index n) {
    return sum_row(n, [&](index i, index count) { return first_lanes(exp(load_some(x + i, count) - top), count); });
}

template <class F> void each_row(index rows, index size, const F& f) {
    const index share = rows_per_task(size);
    parallel(ceil_div(rows, share), [&](index task) {
        for (index r = task * share; r < least((task + 1) * share, rows); ++r) f(r);
    });
}

}  // namespace

void softmax(const float* x, float* y, index rows, index size) {
    each_row(rows, size, [&](index r) {
        const float *from = x + r * size, top = highest(from, size);
        float* to = y + r * size;
        const double total = sum_row(size, [&](index i, index count) {
            const vec e = exp(load_some(from + i, count) - top);
            store_some(to + i, e, count);
            return first_lanes(e, count);
        });
        const float scale = static_cast<float>(1 / total);
        for (index i = 0; i < size; i += VL) {
            const index count = least(VL, size - i);
            store_some(to + i, load_some(to + i, count) * scale, count);
        }
    });
}

void softmax_vjp(const float* delta, const float* y, float* dx, index rows, index size) {
    each_row(rows, size, [&](index r) {
        const float *d = delta + r * size, *p = y + r * size;
        const float mean = static_cast<float>(
            sum_row(size, [&](index i, index count) { return load_some(d + i, count) * load_some(p + i, count); }));
        for (index i = 0; i < size; i += VL) {
            const index count = least(VL, size - i);
            store_some(dx + r * size + i, load_some(p + i, count) * (load_some(d + i, count) - mean), count);
        }
    });
}

void log_softmax(const float* x, float* y, index rows, index size) {
    each_row(rows, size, [&](index r) {
        const float *from = x + r * size, top = highest(from, size);
        const float log_sum = static_cast<float>(__builtin_log(sum_of_exp(from, top, size)));
        for (index i = 0; i < size; i += VL) {
            const index count = least(VL, size - i);
            store_some(y + r * size + i, load_some(from + i, count) - top - log_sum, count);
        }
    });
}

void log_softmax_vjp(const float* delta, const float* y, float* dx, index rows, index size) {
    each_row(rows, size, [&](index r) {
        const float *d = delta + r * size, *log_p = y + r * size;
        const float total = static_cast<float>(sum_row(size, [&](index i, index count) { return load_some(d + i, count); }));
        for (index i = 0; i < size; i += VL) {
            const index count = least(VL, size - i);
            store_some(dx + r * size + i, load_some(d + i, count) - exp(load_some(log_p + i, count)) * total, count);
        }
    });
}

void cross_entropy(const float* x, const int64_t* labels, float* loss, float* top, float* log_sum, index rows, index size) {
    each_row(rows, size, [&](index r) {
        const float* from = x + r * size;
        top[r] = highest(from, size);
        log_sum[r] = static_cast<float>(__builtin_log(sum_of_exp(from, top[r], size)));
        loss[r] = log_sum[r] - (from[labels[r]] - top[r]);
    });
}

void cross_entropy_vjp(const float* delta, const float* x, const int64_t* labels, const float* top, const float* log_sum,
                       float* dx, index rows, index size) {
    each_row(rows, size, [&](index r) {
        float* to = dx + r * size;
        for (index i = 0; i < size; i += VL) {
            const index count = least(VL, size - i);
            store_some(to + i, exp(load_some(x + r * size + i, count) - top[r] - log_sum[r]) * delta[r], count);
        }
        const float p = exp(splat(x[r * size + labels[r]] - top[r] - log_sum[r]))[0];
        to[labels[r]] = (p - 1.0f) * delta[r];
    });
}

}  // namespace VARIANT
}  // namespace minigen
