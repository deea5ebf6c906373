// Means and variances that lose no digits, also where the mean is large beside the deviations from it.
//
// The textbook's E[x^2] - E[x]^2 cancels where the mean is large; taking the mean first and the squares around it reads
// everything twice. Here one pass sums d = x - pivot and d^2, where the pivot is the mean of the first few elements:
//     mean = pivot + E[d],  var = E[d^2] - E[d]^2        (Chan, Golub & LeVeque 1983, "shifted data")
// The subtraction is exact where x and pivot are near each other, and little cancels while E[d]^2 is not much more than var;
// where it is, for the first elements were unlike the rest, the pass is made again around the mean that it found.
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

// Sums that are long, or of numbers close to each other, are kept in double: half a vector of floats fills one of doubles.
typedef float half __attribute__((vector_size(2 * VL)));
typedef float half_anywhere __attribute__((vector_size(2 * VL), aligned(4), may_alias));
inline dvec load_double(const float* p) {
    return __builtin_convertvector((half)*reinterpret_cast<const half_anywhere*>(p), dvec);
}

// The mean as the sum of two floats: x - mean is then exact enough where x and mean are large and near each other.
template <class T> struct Mean {
    T high, low;
    template <class X> X from(X x) const { return (x - high) - low; }
};

inline Mean<float> split(double mean) {
    const float high = static_cast<float>(mean), low = static_cast<float>(mean - high);
    return {high, low == low ? low : 0};  // infinity minus infinity
}

inline double sum(const float* x, index n) {
    constexpr int L = VL / 2;
    dvec total[2] = {};
    index i = 0;
    for (; i + VL <= n; i += VL) {
        total[0] += load_double(x + i);
        total[1] += load_double(x + i + L);
    }
    double result = 0;
    for (int lane = 0; lane < L; ++lane) result += total[0][lane] + total[1][lane];
    for (; i < n; ++i) result += x[i];
    return result;
}

constexpr index RUN = 1024;  // so many elements are summed in float lanes before the sums become double

// Two sums over the same elements, in float lanes for a run and in double lanes for all.
struct PairOfSums {
    vec first = {}, second = {};
    dvec firsts = {}, seconds = {};

    // Adds f(i, count, first, second) for all vectors of [0, n), n <= RUN. f adds to its last two arguments what stands
    // at [i, i + count), and nothing in the lanes beyond count.
    template <class F> void add(index n, const F& f) {
        vec a[4] = {first}, b[4] = {second};  // four chains of additions, for each waits for the one before
        index i = 0;
        for (; i + 4 * VL <= n; i += 4 * VL)
            for (int u = 0; u < 4; ++u) f(i + u * VL, index(VL), a[u], b[u]);
        for (; i + VL <= n; i += VL) f(i, index(VL), a[0], b[0]);
        if (i < n) f(i, n - i, a[0], b[0]);
        first = (a[0] + a[1]) + (a[2] + a[3]);
        second = (b[0] + b[1]) + (b[2] + b[3]);
    }
    void settle() {
        firsts += widened(first);
        seconds += widened(second);
        first = second = vec{};
    }
    double total_first() const { return across(firsts); }
    double total_second() const { return across(seconds); }

private:
    static dvec widened(vec v) {
        half low, high;
        __builtin_memcpy(&low, &v, sizeof low);
        __builtin_memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
        return __builtin_convertvector(low, dvec) + __builtin_convertvector(high, dvec);
    }
    static double across(dvec v) {
        double even = 0, odd = 0;
        for (int lane = 0; lane < VL / 2; lane += 2) {
            even += v[lane];
            odd += v[lane + 1];
        }
        return even + odd;
    }
};

// What the sums of d = x - pivot and d^2 over m elements say.
struct Moments {
    double mean, variance;
    bool poor;  // the pivot was far off: measure again around the mean
    Moments(const PairOfSums& sums, float pivot, double m) : Moments(sums.total_first(), sums.total_second(), pivot, m) {}
    Moments(double deviations, double squared, float pivot, double m) {
        const double shift = deviations / m, squares = squared / m;
        mean = pivot + shift;
        variance = squares - shift * shift;
        if (variance < 0) variance = 0;
        poor = shift * shift > 4 * variance && shift * shift > 0;
    }
};
constexpr int ATTEMPTS = 3;  // the second pivot is the mean but for rounding

constexpr index FIRST = 64;  // elements whose mean is a pivot
inline float pivot(double sum, index count) {
    const float mean = count ? static_cast<float>(sum / static_cast<double>(count)) : 0.0f;
    return mean - mean == 0 ? mean : 0;  // not infinite
}

// Adds d and d^2 for n elements of x.
inline void add_deviations(PairOfSums& sums, const float* x, index n, float pivot) {
    sums.add(n, [=](index i, index count, vec& first, vec& second) {
        vec d = load_some(x + i, count) - pivot;
        if (count < VL) d = first_lanes(d, count);
        first += d;
        second += d * d;
    });
}

}  // namespace VARIANT
}  // namespace minigen
