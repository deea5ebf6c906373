// A task is a channel. Its elements are read two or three times, but stay in L2 meanwhile; and the mean is known before the
// first square is taken, so that a variance of 1 around a mean of 10,000 loses no digits.
#include "batch_norm.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index STRETCH = 1024;  // so many elements are summed in float lanes before the sums become double

inline double lanes(vec v) {
    double total = 0;
    for (int lane = 0; lane < VL; ++lane) total += v[lane];
    return total;
}

double sum_squares(const float* x, index n, const Mean<float>& mean) {
    double result = 0;
    for (index start = 0; start < n; start += STRETCH) {
        const index end = least(start + STRETCH, n);
        vec total[2] = {};
        index i = start;
        for (; i + NR <= end; i += NR)
            for (int u = 0; u < 2; ++u) {
                const vec d = mean.from(load(x + i + u * VL));
                total[u] += d * d;
            }
        result += lanes(total[0] + total[1]);
        for (; i < end; ++i) result += mean.from(x[i]) * mean.from(x[i]);
    }
    return result;
}

void normalise(const float* x, float* y, index n, const Mean<float>& mean, float scale, float shift) {
    index i = 0;
    for (; i + VL <= n; i += VL) store(y + i, mean.from(load(x + i)) * scale + shift);
    if (i < n) store_first(y + i, mean.from(load_first(x + i, n - i)) * scale + shift, n - i);
}

struct Sums {
    double delta = 0, delta_d = 0;  // d = x - mean
};

void add_sums(const float* delta, const float* x, index n, float mean, Sums& sums) {
    for (index start = 0; start < n; start += STRETCH) {
        const index end = least(start + STRETCH, n);
        vec first[2] = {}, second[2] = {};
        index i = start;
        for (; i + NR <= end; i += NR)
            for (int u = 0; u < 2; ++u) {
                const vec g = load(delta + i + u * VL);
                first[u] += g;
                second[u] += g * (load(x + i + u * VL) - mean);
            }
        sums.delta += lanes(first[0] + first[1]);
        sums.delta_d += lanes(second[0] + second[1]);
        for (; i < end; ++i) {
            sums.delta += delta[i];
            sums.delta_d += delta[i] * (x[i] - mean);
        }
    }
}

}  // namespace

void batch_norm(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean, float* var,
                float* rstd, const Channels& size) {
    const index N = size.N, C = size.C, S = size.S;
    if (S == 1) return batch_norm_features(x, weight, bias, eps, y, mean, var, rstd, N, C);
    const double m = static_cast<double>(N) * static_cast<double>(S);
    parallel(C, [&](index c) {
        double total = 0, squares = 0;
        for (index n = 0; n < N; ++n) total += sum(x + (n * C + c) * S, S);
        const float high = static_cast<float>(total / m);
        const Mean<float> centre{high, static_cast<float>(total / m - high)};
        for (index n = 0; n < N; ++n) squares += sum_squares(x + (n * C + c) * S, S, centre);
        const double variance = squares / m, r = 1 / __builtin_sqrt(variance + eps);
        mean[c] = centre.high;
        var[c] = static_cast<float>(variance);
        rstd[c] = static_cast<float>(r);
        const float scale = weight ? static_cast<float>(r * weight[c]) : rstd[c], shift = bias ? bias[c] : 0;
        for (index n = 0; n < N; ++n) normalise(x + (n * C + c) * S, y + (n * C + c) * S, S, centre, scale, shift);
    });
}

void batch_norm_vjp(const float* delta, const float* x, const float* mean, const float* rstd, const float* weight, float* dx,
                    float* dweight, float* dbias, const Channels& size) {
    const index N = size.N, C = size.C, S = size.S;
    if (S == 1) return batch_norm_features_vjp(delta, x, mean, rstd, weight, dx, dweight, dbias, N, C);
    const double m = static_cast<double>(N) * static_cast<double>(S);
    parallel(C, [&](index c) {
        Sums sums;
        for (index n = 0; n < N; ++n) add_sums(delta + (n * C + c) * S, x + (n * C + c) * S, S, mean[c], sums);
        const double r = rstd[c], scale = weight ? r * weight[c] : r;
        if (dweight) dweight[c] = static_cast<float>(sums.delta_d * r);
        if (dbias) dbias[c] = static_cast<float>(sums.delta);
        if (!dx) return;
        // dx = a delta - b (x - mean) - k
        const float a = static_cast<float>(scale), b = static_cast<float>(scale * r * r * sums.delta_d / m);
        const float k = static_cast<float>(scale * sums.delta / m), centre = mean[c];
        for (index n = 0; n < N; ++n) {
            const index start = (n * C + c) * S, end = start + S;
            index i = start;
            for (; i + VL <= end; i += VL) store(dx + i, load(delta + i) * a - (load(x + i) - centre) * b - k);
            if (i < end) {
                const vec g = load_first(delta + i, end - i), d = load_first(x + i, end - i) - centre;
                store_first(dx + i, g * a - d * b - k, end - i);
            }
        }
    });
}

}  // namespace VARIANT
}  // namespace minigen
