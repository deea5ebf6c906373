// Elementwise kernels: activations, their vector-Jacobian products, and binary cross-entropy on logits.
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

Unary relu, tanh, sigmoid;
Binary relu_vjp, tanh_vjp, sigmoid_vjp, bce;
// Smooth ones, in smooth.cc. Their vector-Jacobian products take the input x again: a new e^x costs less than keeping it.
Unary gelu, gelu_tanh, silu, softplus;
Binary gelu_vjp, gelu_tanh_vjp, silu_vjp, softplus_vjp;
void leaky_relu(const float* x, float slope, float* out, index n);
void leaky_relu_vjp(const float* delta, const float* x, float slope, float* out, index n);
void bce_vjp(const float* delta, const float* x, const float* y, float* dx, float* dy, index n);

}  // namespace VARIANT
}  // namespace minigen
