// v5: fewer products: F(m x m, r x r) computes m x m results of a kernel of r x r from (m + r - 1)^2 products, not m^2 r^2.
//
// Why it gains: F(4 x 4, 3 x 3) multiplies 36 times where the definition multiplies 144 times. The transforms before and after are
// additions for the most part, and their share shrinks with the number of channels. Where that does not pay (few channels, 1 x 1
// kernels, dilation) v4 does the work. See toom_cook.h and winograd.cc.
#include "winograd.h"

void minigen::VARIANT::conv2d_v5_winograd(const float* x, const float* w, float* y, const Conv& s) {
    const Winograd* const fast = winograd_for(s);
    (fast ? fast->forward : conv2d_v4_channels)(x, w, y, s);
}
