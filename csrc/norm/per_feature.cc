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

}  // namespace

void batch_norm_features(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean,
                         float* var, float* rstd, index N, index C) {
    parallel(ceil_div(C, VL), [&](index task) {
        const index first = task * VL, count = least(VL, C - first);
        const Columns<const float> in{x + first, C, count};
        const Columns<float> out{y + first, C, count};
        Sum total, squares;
        for (index n = 0; n < N; ++n) total.add(in.row(n));
        Mean<vec> centre{};
        for (int i = 0; i < count; ++i) {
            const double m = total[i] / N;
            centre.high[i] = static_cast<float>(m);
            centre.low[i] = static_cast<float>(m - centre.high[i]);
        }
        for (index n = 0; n < N; ++n) {
            const vec d = centre.from(in.row(n));
            squares.add(d * d);
        }
        vec scale = {}, shift = {};
        for (int i = 0; i < count; ++i) {
            const index c = first + i;
            const double variance = squares[i] / N, r = 1 / __builtin_sqrt(variance + eps);
            mean[c] = centre.high[i];
            var[c] = static_cast<float>(variance);
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
        for (index n = 0; n < N; ++n) {
            sum.add(g.row(n));
            sum_d.add(g.row(n) * (in.row(n) - centre));
        }
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
