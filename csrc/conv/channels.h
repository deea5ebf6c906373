// Convolution with channels side by side, by the definition's own products: see channels.cc.
#pragma once
#include "rungs.h"

namespace minigen {
namespace VARIANT {

// Do vectors of channels fit these sizes? Narrow maps and very few channels would leave them empty.
bool channels_fit(const Conv& s);        // forward and weight gradient
bool channels_fit_input(const Conv& s);  // input gradient

ConvKernel conv2d_channels, conv2d_channels_input, conv2d_channels_weight;

}  // namespace VARIANT
}  // namespace minigen
