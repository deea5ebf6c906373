// The ladder of convolution, y = conv2d(x, w), and its two gradients. Sizes are named as in kernels.h.
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

ConvKernel conv2d_v1_direct, conv2d_v2_im2col, conv2d_v3_implicit, conv2d_v4_channels,
    conv2d_v5_winograd;  // (x, w, y)
ConvKernel conv2d_input;                                            // (g, w, dx), g like y
ConvKernel conv2d_weight;                                           // (g, x, dw)

// out (C) = the sum over images and pixels of x (N, C, S): the gradient of a bias.
void channel_sums(const float* x, float* out, const Channels& size);

}  // namespace VARIANT
}  // namespace minigen
