// A copy of images with a border of zeros, so that no tap of a convolution needs to ask whether it lies inside.
#pragma once
#include "../matmul/gemm.h"

namespace minigen {
namespace VARIANT {

// (planes, H, W) with `top` rows of zeros above, and so on. Columns are sorted by their remainder modulo `phases`: the taps
// of a convolution with that stride then read neighbours. With no border and one phase the images stay where they are.
struct Padded {
    const float* data;
    index rows, row_size, phases, phase_size;

    index at(index h, index w) const { return h * row_size + w % phases * phase_size + w / phases; }  // from the border's corner
    index plane() const { return rows * row_size; }

    Padded(const float* x, index planes, index H, index W, index top, index bottom, index left, index right, index phases_)
        : rows(H + top + bottom), phases(phases_) {
        const index width = W + left + right;
        phase_size = ceil_div(width, phases);
        row_size = phases * phase_size;
        data = x;
        if (phases == 1 && rows == H && width == W) return;
        float* const copy = scratch_floats(Scratch::image, planes * plane() + VL);  // a vector may begin at the last pixel
        data = copy;
        parallel(planes, [&](index p) {
            float* to = copy + p * plane();
            __builtin_memset(to, 0, sizeof(float) * plane());
            for (index h = 0; h < H; ++h) {
                const float* from = x + (p * H + h) * W;
                float* const line = to + (h + top) * row_size;
                if (phases == 1) {
                    __builtin_memcpy(line + left, from, sizeof(float) * W);
                    continue;
                }
                index phase = left % phases, at = left / phases;
                for (index w = 0; w < W; ++w) {
                    line[phase * phase_size + at] = from[w];
                    if (++phase == phases) phase = 0, ++at;
                }
            }
        });
    }
};

}  // namespace VARIANT
}  // namespace minigen
