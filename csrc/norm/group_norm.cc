// A group is contiguous memory and mostly fits into the first or second cache (4 channels of 28 x 28: 12.5 KB), so that main
// memory is read once and written once whatever is done between. SiLU rides along for that reason: on its own it would read
// and write everything again, forward and backward; here it costs its exponential. The backward pass computes z and its
// sigmoid again instead of keeping them.
#include "group_norm.h"

#include "../elementwise/vecmath.h"

namespace minigen {
namespace VARIANT {
namespace {

// z = centre.from(x) * scale + shift in one channel.
struct Channel {
    Mean<float> centre;
    float scale, shift;
    vec operator()(vec x) const { return centre.from(x) * scale + shift; }
};

// 1 + e^-z for SiLU, whose products are nothing to speak of where z < -87: the range in which e^-z and its parts are ordinary
// numbers is enough, and costs half of what exp does. NaN stays.
inline vec one_and_exp_of_minus(vec z) {
    z = z < -87.0f ? splat(-87.0f) : z;
    z = z > 87.0f ? splat(87.0f) : z;
    const Reduced e(-z);
    const vec scale = power_of_two(e.n);
    return (1.0f + scale) + scale * e.expm1_r;
}

inline vec near_zero(vec z) { return z < -1e4f ? splat(-1e4f) : z; }  // -inf times 0 would be NaN

inline vec silu_of(vec z) { return near_zero(z) / one_and_exp_of_minus(z); }

inline vec silu_slope(vec z) {  // s + z s (1 - s), 1 - s to an absolute error of 1e-7, which is what it is added to
    const vec s = 1.0f / one_and_exp_of_minus(z);
    z = near_zero(z);
    z = z > 1e4f ? splat(1e4f) : z;
    return s + z * s * (1.0f - s);
}

// f(i, count) for all vectors of [0, n), the last one perhaps with fewer than VL elements.
template <class F> inline void vectors(index n, const F& f) {
    index i = 0;
    for (; i + VL <= n; i += VL) f(i, index(VL));
    if (i < n) f(i, n - i);
}

struct Shape {
    index per_group, run, groups;  // channels of a group, its elements, all groups of all samples
    explicit Shape(const Groups& size)
        : per_group(size.G ? size.C / size.G : 0), run(per_group * size.S), groups(size.N * size.G) {}
    index per_task() const { return run < 8192 ? 8192 / (run + 1) : 1; }  // groups: work that is worth handing out
};

template <class Body> void every_group(const Shape& shape, const Body& body) {
    const index share = shape.per_task();
    parallel(ceil_div(shape.groups, share), [&](index task) {
        for (index r = task * share; r < least((task + 1) * share, shape.groups); ++r) body(r);
    });
}

Moments measure(const float* x, index n) {
    float about = pivot(sum(x, least(n, FIRST)), least(n, FIRST));
    for (int attempt = 1;; ++attempt) {
        PairOfSums sums;
        for (index start = 0; start < n; start += RUN) {
            add_deviations(sums, x + start, least(RUN, n - start), about);
            sums.settle();
        }
        const Moments found(sums, about, static_cast<double>(n));
        if (!found.poor || attempt == ATTEMPTS) return found;
        about = static_cast<float>(found.mean);
    }
}

}  // namespace

void group_norm(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean, float* rstd,
                const Groups& size) {
    const Shape shape(size);
    const index S = size.S;
    every_group(shape, [&](index r) {
        const float* from = x + r * shape.run;
        const Moments found = measure(from, shape.run);
        const double root = 1 / __builtin_sqrt(found.variance + eps);
        const Mean<float> centre = split(found.mean);
        mean[2 * r] = centre.high;
        mean[2 * r + 1] = centre.low;
        rstd[r] = static_cast<float>(root);
        for (index k = 0; k < shape.per_group; ++k) {
            const index c = r % size.G * shape.per_group + k;
            const Channel z{centre, weight ? static_cast<float>(root * weight[c]) : rstd[r], bias ? bias[c] : 0};
            const float* in = from + k * S;
            float* out = y + r * shape.run + k * S;
            if (size.silu)
                vectors(S, [=](index i, index count) { store_some(out + i, silu_of(z(load_some(in + i, count))), count); });
            else
                vectors(S, [=](index i, index count) { store_some(out + i, z(load_some(in + i, count)), count); });
        }
    });
}

void group_norm_vjp(const float* delta, const float* x, const float* mean, const float* rstd, const float* weight,
                    const float* bias, float* dx, float* dweight, float* dbias, const Groups& size) {
    const Shape shape(size);
    const index C = size.C, S = size.S;
    // every sample's share of dweight and dbias, added up in a fixed order at the end
    double* const shares = static_cast<double*>(scratch(Scratch::columns, sizeof(double) * static_cast<size_t>(2 * size.N * C)));
    every_group(shape, [&](index r) {
        const index place = r * shape.run, first = r % size.G * shape.per_group;
        const Mean<float> centre{mean[2 * r], mean[2 * r + 1]};
        const float root = rstd[r];
        double all_g = 0, all_gx = 0;  // sums over the group of w g and w g xhat
        for (index k = 0; k < shape.per_group; ++k) {
            const index c = first + k;
            const double w = weight ? weight[c] : 1;
            const Channel z{centre, static_cast<float>(root * w), bias ? bias[c] : 0};
            PairOfSums sums;
            for (index start = 0; start < S; start += RUN) {
                const index at = place + k * S + start;
                const float *d = delta + at, *in = x + at;
                float* const kept = dx ? dx + at : nullptr;  // g waits there until the sums over the group are known
                if (size.silu)
                    sums.add(least(RUN, S - start), [=](index i, index count, vec& g_sum, vec& gx_sum) {
                        const vec v = load_some(in + i, count), g = load_some(d + i, count) * silu_slope(z(v));
                        if (kept) store_some(kept + i, g, count);
                        g_sum += g;
                        gx_sum += g * (centre.from(v) * root);
                    });
                else
                    sums.add(least(RUN, S - start), [=](index i, index count, vec& g_sum, vec& gx_sum) {
                        const vec g = load_some(d + i, count);
                        g_sum += g;
                        gx_sum += g * (centre.from(load_some(in + i, count)) * root);
                    });
                sums.settle();
            }
            const index share = r / size.G * C + c;
            shares[2 * share] = sums.total_first();
            shares[2 * share + 1] = sums.total_second();
            all_g += w * sums.total_first();
            all_gx += w * sums.total_second();
        }
        if (!dx) return;
        const double m = static_cast<double>(shape.run), exact = root;
        const float b = static_cast<float>(exact * exact * all_gx / m), rest = static_cast<float>(exact * all_g / m);
        for (index k = 0; k < shape.per_group; ++k) {
            const float a = weight ? root * weight[first + k] : root;
            const index at = place + k * S;
            const float *g = (size.silu ? dx : delta) + at, *in = x + at;
            float* const out = dx + at;
            vectors(S, [=](index i, index count) {
                store_some(out + i, load_some(g + i, count) * a - centre.from(load_some(in + i, count)) * b - rest, count);
            });
        }
    });
    if (!dweight && !dbias) return;
    for (index c = 0; c < C; ++c) {
        double g = 0, gx = 0;
        for (index n = 0; n < size.N; ++n) {
            g += shares[2 * (n * C + c)];
            gx += shares[2 * (n * C + c) + 1];
        }
        if (dbias) dbias[c] = static_cast<float>(g);
        if (dweight) dweight[c] = static_cast<float>(gx);
    }
}

}  // namespace VARIANT
}  // namespace minigen
