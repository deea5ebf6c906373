// Adam (Kingma and Ba 2015, algorithm 1), and AdamW (Loshchilov and Hutter 2019, algorithm 2) with `keep` below 1:
//     w := keep w;  g := g + weight_decay w;  m := beta1 m + (1 - beta1) g;  v := beta2 v + (1 - beta2) g^2
//     w := w - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
#include "adam.h"
#include "optim.h"

namespace minigen {
namespace VARIANT {

void adamw(const Parameter* parameters, index count, const AdamStep& step, float keep) {
    each_block(parameters, count, [&](const Parameter& p, index first, index n) {
        float *__restrict const w = p.value + first, *__restrict const m = p.m + first, *__restrict const v = p.v + first;
        const float* __restrict const grad = p.grad + first;
        const AdamStep s = step;
        const float rate = s.lr / s.correction1, left = keep;
        for (index i = 0; i < n; ++i) {
            const float kept = w[i] * left, g = grad[i] + s.weight_decay * kept;
            // the first form rounds by the size of the old m, which matters where a small beta1 forgets it
            m[i] = s.beta1 >= 0.5f ? m[i] + (g - m[i]) * s.one_minus_beta1 : m[i] * s.beta1 + g * s.one_minus_beta1;
            v[i] = v[i] * s.beta2 + g * g * s.one_minus_beta2;
            w[i] = kept - rate * m[i] / (__builtin_sqrtf(v[i]) / s.correction2_sqrt + s.eps);
        }
    });
}

void adam(const Parameter* parameters, index count, const AdamStep& step) { adamw(parameters, count, step, 1); }

}  // namespace VARIANT
}  // namespace minigen
