// Weight gradients whose sums are vectors, added up lane by lane over some images each.
#pragma once
#include "../matmul/pack.h"

namespace minigen {
namespace VARIANT {

// out(i) for i in [0, groups * size) = the sum over all units and lanes of part(group, first unit, end, sums): size vectors.
// The parts are the same for any number of threads, and so is the order in which they are added up.
template <class Out, class Part> void sum_in_parts(index units, index groups, index size, const Out& out, const Part& part) {
    constexpr index PARTS = 8;
    const index parts = least(units, PARTS);
    float* const sums = scratch_floats(Scratch::step, groups * parts * size * VL);
    parallel(groups * parts, [&](index task) {
        const index group = task / parts, p = task % parts;
        part(group, p * units / parts, (p + 1) * units / parts, sums + task * size * VL);
    });
    constexpr index SHARE = 64;
    parallel(ceil_div(groups * size, SHARE), [&](index task) {
        for (index i = task * SHARE, end = least(i + SHARE, groups * size), some; i < end; i += some) {
            const index group = i / size, within = i % size;
            some = least(least(VL, end - i), size - within);
            vec total[VL] = {};
            for (index p = 0; p < parts; ++p)
                for (index t = 0; t < some; ++t) total[t] += load(sums + ((group * parts + p) * size + within + t) * VL);
            transpose(total);
            for (int t = 1; t < VL; ++t) total[0] += total[t];
            for (index t = 0; t < some; ++t) *out(i + t) = total[0][t];
        }
    });
}

}  // namespace VARIANT
}  // namespace minigen
