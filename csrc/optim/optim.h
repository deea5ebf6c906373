// Optimisers that update all parameters in one call. Tensors are cut into blocks, and one parallel pass takes all blocks of all
// tensors: many small tensors cost no more than one large one, and every number is read and written once (the idea of
// PyTorch's fused optimisers and of multi_tensor_apply in NVIDIA's apex).
//
// Their table is their own, so that a change here does not compile every other kernel again.
#pragma once
#include "../kernels.h"

namespace minigen {

// Parameter::m is the velocity, or null without momentum.
struct SgdStep {
    float lr, momentum, one_minus_dampening, weight_decay;
    bool nesterov;
};

struct Optim {
    void (*adamw)(const Parameter* parameters, index count, const AdamStep& step, float keep);  // keep: what decay leaves of w
    void (*sgd)(const Parameter* parameters, index count, const SgdStep& step);
};
const Optim& optim();  // that of the chosen instruction set

}  // namespace minigen

#ifdef VARIANT
#include "../variant.h"

namespace minigen {
namespace VARIANT {

void adamw(const Parameter* parameters, index count, const AdamStep& step, float keep);
void sgd(const Parameter* parameters, index count, const SgdStep& step);

// body(parameter, first, n) for every block [first, first + n) of every parameter.
template <class Body> void each_block(const Parameter* parameters, index count, const Body& body) {
    constexpr index BLOCK = 1 << 13, ALONE = 32;  // so few blocks take less than twice the time to wake another thread
    index* const start = static_cast<index*>(scratch(Scratch::tables, sizeof(index) * (count + 1)));  // first block of each
    start[0] = 0;
    for (index p = 0; p < count; ++p) start[p + 1] = start[p] + ceil_div(parameters[p].size, BLOCK);

    const auto one = [&, start](index task) {
        index low = 0, high = count;  // the tensor with start[low] <= task < start[low + 1]
        while (high - low > 1) {
            const index middle = (low + high) / 2;
            (start[middle] <= task ? low : high) = middle;
        }
        const index first = (task - start[low]) * BLOCK;
        body(parameters[low], first, least(BLOCK, parameters[low].size - first));
    };
    if (start[count] > ALONE) return parallel(start[count], one);
    for (index task = 0; task < start[count]; ++task) one(task);
}

}  // namespace VARIANT
}  // namespace minigen
#endif
