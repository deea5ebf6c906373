// Convolution by F(m x m, r x r): see toom_cook.h for the idea, winograd.cc for the three kernels.
#pragma once
#include "rungs.h"

namespace minigen {
namespace VARIANT {

// The kernels of one F, and what the choice between several needs to know.
struct Winograd {
    index m, r;
    ConvKernel *forward, *input, *weight;
    // Estimated time in multiply-adds of one vector: products, and what the transforms cost.
    double cost(const Conv& s) const;
};

// The cheapest F for these sizes, or null where the definition's own products cost less.
const Winograd* winograd_for(const Conv& s);

}  // namespace VARIANT
}  // namespace minigen
