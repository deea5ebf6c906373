// GELU, SiLU and softplus with their vector-Jacobian products.
#include "elementwise.h"
#include "vecmath.h"

namespace minigen {
namespace VARIANT {
namespace {

// P(n <= x) of a standard normal n and its density. The lower tail keeps its relative accuracy:
// P(-a) = e^(-a^2 / 2) q(a / sqrt 2) / 2 with q(z) = e^(z^2) erfc(z), smooth and without an exponential. With t = 1 / (1 + z / 2)
// q(z) / t is a polynomial in t to 5e-8, interpolated at Chebyshev's points of 0 <= z <= 10.7.
struct Normal {
    vec below, density;
    explicit Normal(vec x) {
        vec a = absolute(x);
        a = a > 15.0f ? splat(15.0f) : a;  // further out the results round to 0 and 1
        // a^2 / 2 in two parts, the first exact: rounding it would cost a^2 / 2 ulp of e^(-a^2 / 2)
        const vec head = (vec)((ivec)a & (int32_t)0xfffff000), rest = (a - head) * (a + head) * 0.5f;
        const vec e = exp(head * head * -0.5f) * (1.0f - rest + rest * rest * (0.5f - rest * (1.0f / 6 - rest * (1.0f / 24))));
        const vec t = 1.0f / (1.0f + 0.353553391f * a);
        vec q = 0.01696037722f * t - 0.1469504963f;
        q = q * t + 0.4803418451f;
        q = q * t - 0.7324483761f;
        q = q * t + 0.4677933439f;
        q = q * t - 0.1202631746f;
        q = q * t + 0.232058355f;
        q = q * t + 0.2374772835f;
        q = q * t + 0.2829709206f;
        q = q * t + 0.2820599145f;
        const vec tail = 0.5f * e * q * t;
        below = x > 0.0f ? 1.0f - tail : tail;
        below = x == x ? below : x;
        density = e * 0.398942280f;
    }
};

inline vec times(vec x, vec p) { return p == 0.0f ? vec{} * p : x * p; }  // -inf times 0 is 0 here, NaN stays

constexpr float C = 0.797884561f, D = 0.044715f;  // sqrt(2 / pi)

inline vec inner(vec x) { return 2.0f * C * (x + D * x * x * x); }  // (1 + tanh u) / 2 = sigmoid(2 u)

}  // namespace

void gelu(const float* x, float* out, index n) {
    map(n, [](vec x) { return times(x, Normal(x).below); }, out, x);
}

void gelu_vjp(const float* delta, const float* x, float* out, index n) {
    map(n, [](vec delta, vec x) {
        const Normal normal(x);
        return delta * (normal.below + times(x, normal.density));
    }, out, delta, x);
}

void gelu_tanh(const float* x, float* out, index n) {
    map(n, [](vec x) { return times(x, sigmoid_of(inner(x))); }, out, x);
}

void gelu_tanh_vjp(const float* delta, const float* x, float* out, index n) {
    map(n, [](vec delta, vec x) {
        const vec s = sigmoid_of(inner(x));
        return delta * (s + times(x * (2.0f * C * (1.0f + 3.0f * D * x * x)), s * (1.0f - s)));
    }, out, delta, x);
}

void silu(const float* x, float* out, index n) {
    map(n, [](vec x) { return times(x, sigmoid_of(x)); }, out, x);
}

void silu_vjp(const float* delta, const float* x, float* out, index n) {
    map(n, [](vec delta, vec x) {
        const vec s = sigmoid_of(x);
        return delta * (s + times(times(x, 1.0f - s), s));
    }, out, delta, x);
}

void softplus(const float* x, float* out, index n) {
    map(n, [](vec x) { return (x <= 0.0f ? vec{} : x) + log1p_unit(exp(-absolute(x))); }, out, x);
}

void softplus_vjp(const float* delta, const float* x, float* out, index n) {
    map(n, [](vec delta, vec x) { return delta * sigmoid_of(x); }, out, delta, x);
}

}  // namespace VARIANT
}  // namespace minigen
