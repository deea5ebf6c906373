// The phases of an input gradient: pixels with the same remainder modulo the stride are reached by the same taps.
#pragma once
#include "../matmul/gemm.h"

namespace minigen {
namespace VARIANT {

// The positions first, first + stride, ... of dx along one axis, and the taps that reach them: tap t reads g at distance[t].
struct Phase {
    index first, count, taps = 0;
    index *tap, *distance;

    static bool reaches(index first, index k, index stride, index padding, index dilation) {
        return (first + padding - k * dilation) % stride == 0;
    }
    Phase(index first_, index size, index kernel, index stride, index padding, index dilation, Tables& tables)
        : first(first_), count(ceil_div(size - first_, stride)), tap(tables.take(kernel)), distance(tables.take(kernel)) {
        for (index k = 0; k < kernel; ++k)
            if (reaches(first, k, stride, padding, dilation)) {
                tap[taps] = k;
                distance[taps++] = (first + padding - k * dilation) / stride;
            }
    }
};

// How far beyond g's edges [0, size) the taps of all phases read.
struct Border {
    index before = 0, after = 0;
    Border(index size, index in_size, index kernel, index stride, index padding, index dilation) {
        for (index first = 0; first < least(stride, in_size); ++first)
            for (index k = 0; k < kernel; ++k)
                if (Phase::reaches(first, k, stride, padding, dilation)) {
                    const index low = (first + padding - k * dilation) / stride;
                    const index high = low + ceil_div(in_size - first, stride) - size;
                    if (-low > before) before = -low;
                    if (high > after) after = high;
                }
    }
};

}  // namespace VARIANT
}  // namespace minigen
