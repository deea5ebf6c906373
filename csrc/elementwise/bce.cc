// Binary cross-entropy on logits: -y log s(x) - (1 - y) log(1 - s(x)) = max(x, 0) - x y + log(1 + e^-|x|), s the sigmoid.
// The right side never takes the logarithm of 0 and never overflows.
#include "elementwise.h"
#include "vecmath.h"

namespace minigen {
namespace VARIANT {

void bce(const float* x, const float* y, float* out, index n) {
    map(n, [](vec x, vec y) { return (x <= 0.0f ? vec{} : x) - x * y + log1p_unit(exp(-absolute(x))); }, out, x, y);
}

void bce_vjp(const float* delta, const float* x, const float* y, float* dx, float* dy, index n) {
    if (dx) map(n, [](vec delta, vec x, vec y) { return delta * (sigmoid_of(x) - y); }, dx, delta, x, y);
    if (dy) map(n, [](vec delta, vec x) { return -delta * x; }, dy, delta, x);
}

}  // namespace VARIANT
}  // namespace minigen
