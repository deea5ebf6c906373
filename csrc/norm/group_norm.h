// Group normalisation (Wu & He 2018) of (N, C, S), and the same followed by SiLU; G = C gives instance normalisation.
#pragma once
#include "mean.h"

namespace minigen {
namespace VARIANT {

// z = (x - mean) rstd weight + bias, y = z or z sigmoid(z). mean and rstd are those of a group of channels of one sample, in
// the order (N, G); a mean is kept as the sum of two floats. weight and bias (C) may be null.
void group_norm(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean, float* rstd,
                const Groups& size);

// g = delta, or delta silu'(z). dbias = sum g and dweight = sum g xhat over samples and positions;
// dx = rstd (w g - mean(w g) - xhat mean(w g xhat)), the means over the group. Any of the three results may be null.
void group_norm_vjp(const float* delta, const float* x, const float* mean, const float* rstd, const float* weight,
                    const float* bias, float* dx, float* dweight, float* dbias, const Groups& size);

}  // namespace VARIANT
}  // namespace minigen
