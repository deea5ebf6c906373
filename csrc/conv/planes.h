// Convolution with vectors along the rows of an image: see planes.cc.
#pragma once
#include "rungs.h"

namespace minigen {
namespace VARIANT {

// Are there few numbers in a window, and rows that fill vectors? Then nothing needs to be turned or packed.
bool planes_fit(const Conv& s);        // forward
bool planes_fit_input(const Conv& s);  // input gradient

ConvKernel conv2d_planes, conv2d_planes_input;

}  // namespace VARIANT
}  // namespace minigen
