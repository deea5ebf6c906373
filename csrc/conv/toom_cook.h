// F(m, r): m neighbouring results of a correlation with r taps out of n = m + r - 1 products, where the definition takes m r.
//
//     y = A^T [ (G w) * (B^T x) ]          y_i = sum_k x_{i+k} w_k,   i < m,  k < r,  x has n elements
//
// Multiplying polynomials of m and of r coefficients by way of their values at n points takes n products (Toom 1963, Cook
// 1966); transposed, that is a correlation (Winograd 1980, "Arithmetic Complexity of Computations"). In two dimensions each matrix
// is applied along both axes, and the saving is squared: F(2 x 2, 3 x 3) takes 16 products for 36 (Lavin and Gray 2016,
// "Fast Algorithms for Convolutional Neural Networks", equation 8).
//
// With the points p_0, p_1, ..., p_{n-2} and infinity:
//     A_{ji} = p_j^i                            the values of a polynomial of m coefficients,
//     G_{jk} = p_j^k / prod_{l != j} (p_j - p_l)   of r coefficients, with interpolation's denominators,
//     B_{ij} = coefficient i of prod_{l != j} (x - p_l)   interpolation's numerators (Lagrange);
// infinity stands for the leading coefficient. Points of both signs and sizes keep rounding errors small: measured, the
// largest is 6e-7 of the sum of the terms' absolute values for F(4, 3), and the definition's own is 2e-7.
#pragma once
#include "../variant.h"

// Small loops must be unrolled for their factors to be constants; under a sanitizer that would take the compiler minutes.
#if defined(__SANITIZE_ADDRESS__)
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

namespace minigen {
namespace VARIANT {

template <int M_, int R_> struct ToomCook {
    static constexpr int M = M_, R = R_, N = M + R - 1;
    float a[N][M] = {}, g[N][R] = {}, b[N][N] = {};

    constexpr ToomCook() {
        constexpr double point[] = {0, 1, -1, -0.5, 2, 0.5, -2};
        for (int j = 0; j < N - 1; ++j) {
            double numerator[N] = {1}, denominator = 1;  // prod_{l != j} (x - p_l) by its coefficients, and its value at p_j
            for (int l = 0, degree = 0; l < N - 1; ++l) {
                if (l == j) continue;
                denominator *= point[j] - point[l];
                for (int i = ++degree; i >= 0; --i) numerator[i] = (i ? numerator[i - 1] : 0) - point[l] * numerator[i];
            }
            for (int i = 0; i < N; ++i) b[i][j] = static_cast<float>(numerator[i]);
            double power = 1;
            for (int k = 0; k < N; ++k, power *= point[j]) {
                if (k < M) a[j][k] = static_cast<float>(power);
                if (k < R) g[j][k] = static_cast<float>(power / denominator);
            }
        }
        double numerator[N] = {1};  // at infinity: the product of all
        for (int l = 0; l < N - 1; ++l)
            for (int i = l + 1; i >= 0; --i) numerator[i] = (i ? numerator[i - 1] : 0) - point[l] * numerator[i];
        for (int i = 0; i < N; ++i) b[i][N - 1] = static_cast<float>(numerator[i]);
        a[N - 1][M - 1] = g[N - 1][R - 1] = 1;
    }
};

// y = matrix x matrix^T for an IN x IN square of vectors. entry(i, k) is the element of the matrix (OUT x IN): a constant, once the
// loops are unrolled, so that factors 0 and 1 cost nothing.
template <int IN, int OUT, class Entry> inline void both_axes(const vec (&x)[IN][IN], vec (&y)[OUT][OUT], const Entry& entry) {
    vec half[OUT][IN];
    UNROLL
    for (int i = 0; i < OUT; ++i)
        UNROLL
        for (int j = 0; j < IN; ++j) {
            vec sum = {};
            UNROLL
            for (int k = 0; k < IN; ++k)
                if (entry(i, k) != 0) sum += entry(i, k) * x[k][j];
            half[i][j] = sum;
        }
    UNROLL
    for (int i = 0; i < OUT; ++i)
        UNROLL
        for (int j = 0; j < OUT; ++j) {
            vec sum = {};
            UNROLL
            for (int k = 0; k < IN; ++k)
                if (entry(j, k) != 0) sum += entry(j, k) * half[i][k];
            y[i][j] = sum;
        }
}

// The three transforms of F, and their adjoints, on squares of vectors.
template <class F> struct Transforms {
    static constexpr int M = F::M, R = F::R, N = F::N;
    static constexpr F f = {};
    static void input(const vec (&x)[N][N], vec (&v)[N][N]) {  // B^T x B
        both_axes(x, v, [](int i, int k) { return f.b[k][i]; });
    }
    static void input_adjoint(const vec (&v)[N][N], vec (&x)[N][N]) {  // B v B^T
        both_axes(v, x, [](int i, int k) { return f.b[i][k]; });
    }
    static void filter(const vec (&w)[R][R], vec (&u)[N][N]) {  // G w G^T
        both_axes(w, u, [](int i, int k) { return f.g[i][k]; });
    }
    static void filter_adjoint(const vec (&u)[N][N], vec (&w)[R][R]) {  // G^T u G
        both_axes(u, w, [](int i, int k) { return f.g[k][i]; });
    }
    static void output(const vec (&s)[N][N], vec (&y)[M][M]) {  // A^T s A
        both_axes(s, y, [](int i, int k) { return f.a[k][i]; });
    }
    static void output_adjoint(const vec (&y)[M][M], vec (&s)[N][N]) {  // A y A^T
        both_axes(y, s, [](int i, int k) { return f.a[i][k]; });
    }
};

}  // namespace VARIANT
}  // namespace minigen
