// Batch normalisation of (N, C, S).
#pragma once
#include "mean.h"

namespace minigen {
namespace VARIANT {

// y = (x - mean) rstd weight + bias; mean and biased variance per channel, rstd = 1 / sqrt(var + eps).
// weight and bias may be null: 1 and 0.
void batch_norm(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean, float* var,
                float* rstd, const Channels& size);

// With xhat = (x - mean) rstd and sums over a channel's m = N S elements:
// dbias = sum delta, dweight = sum delta xhat, dx = weight rstd (delta - dbias / m - xhat dweight / m).
// weight, and any of the three results, may be null.
void batch_norm_vjp(const float* delta, const float* x, const float* mean, const float* rstd, const float* weight, float* dx,
                    float* dweight, float* dbias, const Channels& size);

// The same for S = 1, in per_feature.cc.
void batch_norm_features(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean,
                         float* var, float* rstd, index N, index C);
void batch_norm_features_vjp(const float* delta, const float* x, const float* mean, const float* rstd, const float* weight,
                             float* dx, float* dweight, float* dbias, index N, index C);

}  // namespace VARIANT
}  // namespace minigen
