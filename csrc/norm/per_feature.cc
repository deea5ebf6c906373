// Batch normalisation of (N, C): a row holds one element of every channel, so a vector holds VL channels, each in a lane of
// its own. A task is VL neighbouring channels; channel by channel, every element would be a cache line of its own.
#include "batch_norm.h"

namespace minigen {
namespace VARIANT {
namespace {

// VL doubles: the sums of VL channels.
struct Sum {
    dvec low = {}, high = {};
    void add(vec v) {
        float lanes[VL];
        store(lanes, v);
        low += load_double(lanes);
        high += load_double(lanes + VL / 2);
    }
    double operator[](int lane) const { return lane < VL / 2 ? low[lane] : high[lane - VL / 2]; }
};

// Rows of the columns [first, first + count) of an (N, C) matrix; lanes beyond count read 0 and are not written.
template <class T> struct Columns {
    T* base;
    index C, count;
    vec row(index n) const { return count == VL ? load(base + n * C) : load_first(base + n * C, count); }
    void set_row(index n, vec v) const { count == VL ? store(base + n * C, v) : store_first(base + n * C, v, count); }
};

constexpr index ROWS = 64;  // so many rows are summed in float before the sums become double

// f(n, a, b) adds to two vectors what row n says; the sums over all rows.
template <class F> void over_rows(index N, Sum& first, Sum& second, const F& f) {
    for (index start = 0; start < N; start += ROWS) {
        vec a = {}, b = {};
        for (index n = start; n < least(start + ROWS, N); ++n) f(n, a, b);
        first.add(a);
        second.add(b);
    }
}

// The moments of every lane, as in mean.h: from deviations from a pivot, the mean of the first few rows.
void measure(const Columns<const float>& in, index N, double* means, double* variances) {
    constexpr index FEW = 8;
    vec pivots = {};
    for (index n = 0; n < least(N, FEW); ++n) pivots += in.row(n) * (1.0f / static_cast<float>(least(N, FEW)));
    for (int i = 0; i < VL; ++i) pivots[i] = pivots[i] - pivots[i] == 0 ? pivots[i] : 0;
    bool again = true;
    for (int attempt = 0; attempt < ATTEMPTS && again; ++attempt) {
        Sum sums, squares;
        over_rows(N, sums, squares, [&](index n, vec& a, vec& b) {
            const vec d = in.row(n) - pivots;
            a += d;
            b += d * d;
        });
        again = false;
        for (int i = 0; i < in.count; ++i) {
            const Moments found(sums[i], squares[i], pivots[i], static_cast<double>(N));
            means[i] = found.mean;
            variances[i] = found.variance;
            if (!found.poor) continue;
            pivots[i] = static_cast<float>(found.mean);
            again = true;
        }
    }
}

}  // namespace

void batch_norm_features(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean,
                         float* var, float* rstd, index N, index C) {
    parallel(ceil_div(C, VL), [&](index task) {
        const index first = task * VL, count = least(VL, C - first);
        const Columns<const float> in{x + first, C, count};
        const Columns<float> out{y + first, C, count};
        double means[VL], variances[VL];
        measure(in, N, means, variances);
        Mean<vec> centre{};
        vec scale = {}, shift = {};
        for (int i = 0; i < count; ++i) {
            const index c = first + i;
            const double r = 1 / __builtin_sqrt(variances[i] + eps);
            const Mean<float> m = split(means[i]);
            centre.high[i] = m.high;
            centre.low[i] = m.low;
            mean[c] = m.high;
            var[c] = static_cast<float>(variances[i]);
            rstd[c] = static_cast<float>(r);
            scale[i] = weight ? static_cast<float>(r * weight[c]) : rstd[c];
            shift[i] = bias ? bias[c] : 0;
        }
        for (index n = 0; n < N; ++n) out.set_row(n, centre.from(in.row(n)) * scale + shift);
    });
}

void batch_norm_features_vjp(const float* delta, const float* x, const float* mean, const float* rstd, const float* weight,
                             float* dx, float* dweight, float* dbias, index N, index C) {
    parallel(ceil_div(C, VL), [&](index task) {
        const index first = task * VL, count = least(VL, C - first);
        const Columns<const float> in{x + first, C, count}, g{delta + first, C, count};
        const vec centre = load_first(mean + first, count);
        Sum sum, sum_d;  // of delta, of delta (x - mean)
        over_rows(N, sum, sum_d, [&](index n, vec& a, vec& b) {
            a += g.row(n);
            b += g.row(n) * (in.row(n) - centre);
        });
        vec a = {}, b = {}, k = {};  // dx = a delta - b (x - mean) - k
        for (int i = 0; i < count; ++i) {
            const index c = first + i;
            const double r = rstd[c], scale = weight ? r * weight[c] : r;
            if (dweight) dweight[c] = static_cast<float>(sum_d[i] * r);
            if (dbias) dbias[c] = static_cast<float>(sum[i]);
            a[i] = static_cast<float>(scale);
            b[i] = static_cast<float>(scale * r * r * sum_d[i] / N);
            k[i] = static_cast<float>(scale * sum[i] / N);
        }
        if (!dx) return;
        const Columns<float> out{dx + first, C, count};
        for (index n = 0; n < N; ++n) out.set_row(n, g.row(n) * a - (in.row(n) - centre) * b - k);
    });
}

}  // namespace VARIANT
}  // namespace minigen
