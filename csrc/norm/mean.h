// A mean that loses no digits, also where it is large beside the deviations from it.
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

}  // namespace VARIANT
}  // namespace minigen
