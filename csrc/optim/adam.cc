// Adam (Kingma and Ba 2015, algorithm 1) for all parameters at once:
//     g := g + weight_decay w;  m := beta1 m + (1 - beta1) g;  v := beta2 v + (1 - beta2) g^2
//     w := w - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
// Tensors are cut into blocks, and one parallel pass takes all blocks of all tensors: many small tensors cost no more than
// one large one, and every number is read and written once.
#include "adam.h"

namespace minigen {
namespace VARIANT {

void adam(const Parameter* parameters, index count, const AdamStep& step) {
    constexpr index BLOCK = 1 << 13;
    index* const start = static_cast<index*>(scratch(Scratch::tables, sizeof(index) * (count + 1)));  // first block of each
    start[0] = 0;
    for (index p = 0; p < count; ++p) start[p + 1] = start[p] + ceil_div(parameters[p].size, BLOCK);

    parallel(start[count], [&, start](index task) {
        index low = 0, high = count;  // the tensor with start[low] <= task < start[low + 1]
        while (high - low > 1) {
            const index middle = (low + high) / 2;
            (start[middle] <= task ? low : high) = middle;
        }
        const Parameter& p = parameters[low];
        const index first = (task - start[low]) * BLOCK, n = least(BLOCK, p.size - first);
        float *__restrict const w = p.value + first, *__restrict const m = p.m + first, *__restrict const v = p.v + first;
        const float* __restrict const grad = p.grad + first;
        const AdamStep s = step;
        const float rate = s.lr / s.correction1;
        for (index i = 0; i < n; ++i) {
            const float g = grad[i] + s.weight_decay * w[i];
            // the first form rounds by the size of the old m, which matters where a small beta1 forgets it
            m[i] = s.beta1 >= 0.5f ? m[i] + (g - m[i]) * s.one_minus_beta1 : m[i] * s.beta1 + g * s.one_minus_beta1;
            v[i] = v[i] * s.beta2 + g * g * s.one_minus_beta2;
            w[i] -= rate * m[i] / (__builtin_sqrtf(v[i]) / s.correction2_sqrt + s.eps);
        }
    });
}

}  // namespace VARIANT
}  // namespace minigen
