// Stochastic gradient descent: g := g + weight_decay w;  v := momentum v + (1 - dampening) g;  w := w - lr v, or with
// Nesterov's look ahead w - lr (g + momentum v). Without momentum there is no v, and w := w - lr g.
#include "optim.h"

namespace minigen {
namespace VARIANT {

void sgd(const Parameter* parameters, index count, const SgdStep& step) {
    each_block(parameters, count, [&](const Parameter& p, index first, index n) {
        float* __restrict const w = p.value + first;
        const float* __restrict const grad = p.grad + first;
        const SgdStep s = step;
        if (!p.m) {
            for (index i = 0; i < n; ++i) w[i] -= s.lr * (grad[i] + s.weight_decay * w[i]);
            return;
        }
        float* __restrict const v = p.m + first;
        for (index i = 0; i < n; ++i) {
            const float g = grad[i] + s.weight_decay * w[i];
            v[i] = s.momentum * v[i] + s.one_minus_dampening * g;
            w[i] -= s.lr * (s.nesterov ? g + s.momentum * v[i] : v[i]);
        }
    });
}

}  // namespace VARIANT
}  // namespace minigen
