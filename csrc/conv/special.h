// Convolutions that are special in one way, and the kernels that make use of it.
#pragma once
#include "rungs.h"

namespace minigen {
namespace VARIANT {

bool depthwise(const Conv& s);   // a group is one channel: depthwise.cc
bool pointwise(const Conv& s);   // 1 x 1, no stride, no padding: pointwise.cc
bool few_inputs(const Conv& s);  // a window of x holds few numbers, or one of y does: few.cc
bool few_outputs(const Conv& s);

ConvKernel depthwise_forward, depthwise_input, depthwise_weight;
ConvKernel pointwise_forward, pointwise_input, pointwise_weight;
ConvKernel few_inputs_forward, few_inputs_input, few_inputs_weight;
ConvKernel few_outputs_forward, few_outputs_input, few_outputs_weight;

struct Special {
    bool (*fits)(const Conv& s);
    ConvKernel *forward, *input, *weight;
};
constexpr Special SPECIAL[] = {
    {depthwise, depthwise_forward, depthwise_input, depthwise_weight},
    {pointwise, pointwise_forward, pointwise_input, pointwise_weight},
    {few_inputs, few_inputs_forward, few_inputs_input, few_inputs_weight},
    {few_outputs, few_outputs_forward, few_outputs_input, few_outputs_weight},
};
inline const Special* special_for(const Conv& s) {
    for (const Special& kernels : SPECIAL)
        if (kernels.fits(s)) return &kernels;
    return nullptr;
}

}  // namespace VARIANT
}  // namespace minigen
