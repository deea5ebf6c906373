// The gradient of a convolution's bias: the sum of delta over all images and pixels, channel by channel, in one pass.
//
// It waits for memory alone. A task owns some channels that lie beside each other, so that it reads long stretches, and sees
// all images: the sums do not depend on threads. Vectors of a stretch are added in float, the stretches in double: a long chain
// of equal numbers would lose digits.
#include "../variant.h"
#include "rungs.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index TOGETHER = 1024;  // floats of one image in a task, or more
constexpr int CHAINS = 4;         // additions that need not wait for each other
constexpr index STRETCH = 32 * CHAINS * VL;  // floats: each lane adds 32

double sum(const float* x, index n) {
    vec total[CHAINS] = {};
    index j = 0;
    for (; j + CHAINS * VL <= n; j += CHAINS * VL)
#pragma GCC unroll 4
        for (int k = 0; k < CHAINS; ++k) total[k] += load(x + j + k * VL);
    for (; j < n; j += VL) total[0] += load_some(x + j, least(VL, n - j));
    const vec all = (total[0] + total[1]) + (total[2] + total[3]);
    double result = 0;
    for (int lane = 0; lane < VL; ++lane) result += all[lane];
    return result;
}

}  // namespace

void channel_sums(const float* x, float* out, const Channels& s) {
    constexpr index MOST = 64;
    const index block = s.S ? least(MOST, ceil_div(TOGETHER, s.S)) : MOST;
    parallel(ceil_div(s.C, block), [&](index task) {
        const index first = task * block, count = least(block, s.C - first);
        double total[MOST] = {};
        for (index n = 0; n < s.N; ++n)
            for (index c = 0; c < count; ++c)
                for (index j = 0; j < s.S; j += STRETCH)
                    total[c] += sum(x + (n * s.C + first + c) * s.S + j, least(STRETCH, s.S - j));
        for (index c = 0; c < count; ++c) out[first + c] = static_cast<float>(total[c]);
    });
}

}  // namespace VARIANT
}  // namespace minigen
