// A task is a few neighbouring channels: as many as make a stretch of memory worth reading, for an 8 x 8 plane is 4 cache
// lines and the next plane of the same channel lies far away. Their elements are read twice, the second time from L2.
#include "batch_norm.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index MOST = 16, L2 = 96 * 1024;  // channels of a task; floats that they may be, so that L2 holds them

// The channels [first, first + count) of (N, C, S), and where the plane of one of them in one sample begins.
struct Band {
    Channels size;
    index first, count;
    index plane(index n, index k) const { return (n * size.C + first + k) * size.S; }
};

template <class Body> void bands(const Channels& size, const Body& body) {
    const index all = size.N * size.S;
    index share = least(MOST, ceil_div(512, size.S > 0 ? size.S : 1));
    if (share * all > L2) share = L2 / all > 1 ? L2 / all : 1;
    parallel(ceil_div(size.C, share),
             [&](index task) { body(Band{size, task * share, least(share, size.C - task * share)}); });
}

// add(sums[k], k, place, length) for all planes, in runs, those that lie beside each other one after the other.
template <class Add> void over_planes(const Band& band, PairOfSums* sums, const Add& add) {
    const index S = band.size.S;
    index held = 0;
    const auto settle = [&] {
        for (index k = 0; k < band.count; ++k) sums[k].settle();
        held = 0;
    };
    for (index n = 0; n < band.size.N; ++n)
        for (index start = 0; start < S; start += RUN) {
            const index length = least(RUN, S - start);
            if (held + length > RUN) settle();
            for (index k = 0; k < band.count; ++k) add(sums[k], k, band.plane(n, k) + start, length);
            held += length;
        }
    settle();
}

float first_pivot(const float* x, const Band& band, index k) {
    double total = 0;
    index seen = 0;
    for (index n = 0; n < band.size.N && seen < FIRST; ++n) {
        const index count = least(band.size.S, FIRST - seen);
        for (index i = 0; i < count; ++i) total += x[band.plane(n, k) + i];
        seen += count;
    }
    return pivot(total, seen);
}

// The moments of each channel in `band`. A channel is measured again on its own account: its neighbours change nothing.
void measure(const float* x, const Band& band, double* means, double* variances) {
    const double m = static_cast<double>(band.size.N) * static_cast<double>(band.size.S);
    float pivots[MOST];
    for (index k = 0; k < band.count; ++k) pivots[k] = first_pivot(x, band, k);
    bool again = true;
    for (int attempt = 0; attempt < ATTEMPTS && again; ++attempt) {
        PairOfSums sums[MOST];
        over_planes(band, sums, [&](PairOfSums& s, index k, index place, index n) { add_deviations(s, x + place, n, pivots[k]); });
        again = false;
        for (index k = 0; k < band.count; ++k) {
            const Moments found(sums[k], pivots[k], m);
            means[k] = found.mean;
            variances[k] = found.variance;
            if (!found.poor) continue;
            pivots[k] = static_cast<float>(found.mean);
            again = true;
        }
    }
}

void normalise(const float* x, float* y, index n, const Mean<float>& mean, float scale, float shift) {
    index i = 0;
    for (; i + VL <= n; i += VL) store(y + i, mean.from(load(x + i)) * scale + shift);
    if (i < n) store_first(y + i, mean.from(load_first(x + i, n - i)) * scale + shift, n - i);
}

}  // namespace

void batch_norm(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean, float* var,
                float* rstd, const Channels& size) {
    const index N = size.N, S = size.S;
    if (S == 1) return batch_norm_features(x, weight, bias, eps, y, mean, var, rstd, N, size.C);
    bands(size, [&](const Band& band) {
        double means[MOST], variances[MOST];
        Mean<float> centre[MOST];
        float scale[MOST], shift[MOST];
        measure(x, band, means, variances);
        for (index k = 0; k < band.count; ++k) {
            const index c = band.first + k;
            const double r = 1 / __builtin_sqrt(variances[k] + eps);
            centre[k] = split(means[k]);
            mean[c] = centre[k].high;
            var[c] = static_cast<float>(variances[k]);
            rstd[c] = static_cast<float>(r);
            scale[k] = weight ? static_cast<float>(r * weight[c]) : rstd[c];
            shift[k] = bias ? bias[c] : 0;
        }
        for (index n = 0; n < N; ++n)
            for (index k = 0; k < band.count; ++k) {
                const index place = band.plane(n, k);
                normalise(x + place, y + place, S, centre[k], scale[k], shift[k]);
            }
    });
}

void batch_norm_vjp(const float* delta, const float* x, const float* mean, const float* rstd, const float* weight, float* dx,
                    float* dweight, float* dbias, const Channels& size) {
    const index N = size.N, S = size.S;
    if (S == 1) return batch_norm_features_vjp(delta, x, mean, rstd, weight, dx, dweight, dbias, N, size.C);
    const double m = static_cast<double>(N) * static_cast<double>(S);
    bands(size, [&](const Band& band) {
        PairOfSums sums[MOST];  // of delta, and of delta (x - mean)
        over_planes(band, sums, [&](PairOfSums& s, index k, index place, index n) {
            const float centre = mean[band.first + k];
            s.add(n, [=](index i, index count, vec& first, vec& second) {
                const vec g = load_some(delta + place + i, count);  // beyond count both are finite, and g is 0
                first += g;
                second += g * (load_some(x + place + i, count) - centre);
            });
        });
        float a[MOST], b[MOST], c[MOST];  // dx = a delta - b (x - mean) - c
        for (index k = 0; k < band.count; ++k) {
            const index channel = band.first + k;
            const double sum = sums[k].total_first(), sum_d = sums[k].total_second(), r = rstd[channel];
            const double scale = weight ? r * weight[channel] : r;
            if (dweight) dweight[channel] = static_cast<float>(sum_d * r);
            if (dbias) dbias[channel] = static_cast<float>(sum);
            a[k] = static_cast<float>(scale);
            b[k] = static_cast<float>(scale * r * r * sum_d / m);
            c[k] = static_cast<float>(scale * sum / m);
        }
        if (!dx) return;
        for (index n = 0; n < N; ++n)
            for (index k = 0; k < band.count; ++k) {
                const index start = band.plane(n, k), end = start + S;
                const float centre = mean[band.first + k];
                index i = start;
                for (; i + VL <= end; i += VL)
                    store(dx + i, load(delta + i) * a[k] - (load(x + i) - centre) * b[k] - c[k]);
                if (i < end) {
                    const vec g = load_first(delta + i, end - i), d = load_first(x + i, end - i) - centre;
                    store_first(dx + i, g * a[k] - d * b[k] - c[k], end - i);
                }
            }
    });
}

}  // namespace VARIANT
}  // namespace minigen
