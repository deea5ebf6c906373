// Activations f and their vector-Jacobian products delta * f'. NaN stays NaN everywhere.
#include "elementwise.h"
#include "vecmath.h"

namespace minigen {
namespace VARIANT {

void relu(const float* x, float* out, index n) {  // max(x, 0), written so that NaN is kept
    map(n, [](vec x) { return x <= 0.0f ? vec{} : x; }, out, x);
}

void relu_vjp(const float* delta, const float* y, float* out, index n) {  // from the output: y > 0 exactly where x > 0
    map(n, [](vec delta, vec y) { return y > 0.0f ? delta : vec{}; }, out, delta, y);
}

void leaky_relu(const float* x, float slope, float* out, index n) {
    map(n, [=](vec x) { return x > 0.0f ? x : slope * x; }, out, x);
}

void leaky_relu_vjp(const float* delta, const float* x, float slope, float* out, index n) {
    map(n, [=](vec delta, vec x) { return x > 0.0f ? delta : slope * delta; }, out, delta, x);
}

void tanh(const float* x, float* out, index n) { map(n, tanh_of, out, x); }

void tanh_vjp(const float* delta, const float* y, float* out, index n) {
    map(n, [](vec delta, vec y) { return delta * (1.0f - y * y); }, out, delta, y);
}

void sigmoid(const float* x, float* out, index n) { map(n, sigmoid_of, out, x); }

void sigmoid_vjp(const float* delta, const float* y, float* out, index n) {
    map(n, [](vec delta, vec y) { return delta * (y * (1.0f - y)); }, out, delta, y);
}

}  // namespace VARIANT
}  // namespace minigen
