// The two roofs of a roofline (Williams, Waterman, Patterson 2009): arithmetic, and memory.
#include "loops.h"

namespace minigen {
namespace VARIANT {

// A multiply-add takes four or five clocks and two can begin in each: with at least ten sums under way no unit ever waits.
// They all fit into registers (16 of them without AVX-512), so nothing but arithmetic happens.
index multiply_add(index steps) {
    constexpr int SUMS = VL == 16 ? 24 : 12;
    const index threads = get_num_threads();
    parallel(threads, [&](index) {
        vec a = vec{} + 0.999f, b = vec{} + 0.001f, sum[SUMS];
        asm volatile("" : "+x"(a), "+x"(b));  // numbers that the compiler cannot know
        for (int i = 0; i < SUMS; ++i) sum[i] = b * static_cast<float>(i);
        for (index k = 0; k < steps; ++k) {
#pragma GCC unroll 24
            for (int i = 0; i < SUMS; ++i) sum[i] = sum[i] * a + b;
        }
        for (int i = 0; i < SUMS; ++i) asm volatile("" : : "x"(sum[i]));
    });
    return threads * steps * SUMS * VL * 2;
}

constexpr index BLOCK = index(1) << 16;

void triad(const float* x, const float* y, float scale, float* out, index n) {
    parallel(ceil_div(n, BLOCK), [&](index block) {
        const index end = least((block + 1) * BLOCK, n);
        index i = block * BLOCK;
        for (; i + VL <= end; i += VL) store(out + i, load(x + i) + scale * load(y + i));
        for (; i < end; ++i) out[i] = x[i] + scale * y[i];
    });
}

float read_all(const float* x, index n) {
    const index blocks = ceil_div(n, BLOCK);
    float* const sums = scratch_floats(Scratch::tables, blocks);
    parallel(blocks, [&](index block) {
        const index end = least((block + 1) * BLOCK, n);
        vec total[4] = {};
        index i = block * BLOCK;
        for (; i + 4 * VL <= end; i += 4 * VL)
            for (int u = 0; u < 4; ++u) total[u] += load(x + i + u * VL);
        const vec all = total[0] + total[1] + (total[2] + total[3]);
        float sum = 0;
        for (int lane = 0; lane < VL; ++lane) sum += all[lane];
        for (; i < end; ++i) sum += x[i];
        sums[block] = sum;
    });
    float sum = 0;
    for (index block = 0; block < blocks; ++block) sum += sums[block];
    return sum;
}

}  // namespace VARIANT
}  // namespace minigen
