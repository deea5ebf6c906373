// A copy of images with a border of zeros, so that no tap of a convolution needs to ask whether it lies inside.
#pragma once
#include "../matmul/pack.h"

namespace minigen {
namespace VARIANT {

inline void fill(float* to, index n, float value) {
    for (index j = 0; j < n; ++j) to[j] = value;
}
inline void copy_row(const float* from, float* to, index n) {
    for (index j = 0; j < n; j += VL) store_some(to + j, load_some(from + j, least(VL, n - j)), least(VL, n - j));
}
// Every second float to `first`, the others to `second`; and back.
inline void part_row(const float* from, float* first, float* second, index n) {
    ivec even;
    for (int i = 0; i < VL; ++i) even[i] = 2 * i;
    for (index j = 0; j < n; j += NR) {
        const index left = least(NR, n - j), low = least(VL, left), high = left - low, firsts = (left + 1) / 2;
        const vec a = load_some(from + j, low), b = high ? load_some(from + j + VL, high) : vec{};
        store_some(first + j / 2, two_sources(a, b, even), firsts);
        if (left > 1) store_some(second + j / 2, two_sources(a, b, even + 1), left - firsts);
    }
}
inline void join_row(const float* first, const float* second, float* to, index n) {
    ivec low, high;
    for (int i = 0; i < VL; ++i) {
        low[i] = i % 2 * VL + i / 2;
        high[i] = low[i] + VL / 2;
    }
    for (index j = 0; j < n; j += NR) {
        const index left = least(NR, n - j), firsts = (left + 1) / 2;
        const vec a = load_some(first + j / 2, firsts), b = left > 1 ? load_some(second + j / 2, left - firsts) : vec{};
        store_some(to + j, two_sources(a, b, low), least(VL, left));
        if (left > VL) store_some(to + j + VL, two_sources(a, b, high), left - VL);
    }
}

// (planes, H, W) with `top` rows of zeros above, and so on. Columns are sorted by their remainder modulo `phases`: the taps
// of a convolution with that stride then read neighbours. With no border and one phase the images stay where they are, unless
// there must be a `copy`, behind whose last pixel a vector may be read or written.
struct Padded {
    const float* data;
    float* copy = nullptr;
    index rows, row_size, phases, phase_size, H, W, top, left;

    index at(index h, index w) const { return h * row_size + w % phases * phase_size + w / phases; }  // from the border's corner
    index plane() const { return rows * row_size; }

    Padded(const float* x, index planes, index H_, index W_, index top_, index bottom, index left_, index right, index phases_,
           bool always = false)
        : Padded(H_, W_, top_, bottom, left_, right, phases_) {
        data = x;
        if (!always && phases == 1 && rows == H && row_size == W) return;
        take_room(Scratch::image, planes);
        parallel(planes, [&](index p) {
            __builtin_memset(copy + p * plane(), 0, sizeof(float) * plane());
            each_row(copy + p * plane(), [&](index h, float* first, float* second) {
                const float* const from = x + (p * H + h) * W;
                if (phases == 1) {
                    copy_row(from, first, W);
                } else if (phases == 2) {
                    part_row(from, first, second, W);
                } else {
                    deal(p, h, [&](float& place, index w) { place = from[w]; });
                }
            });
        });
    }

    // One plane without a border, to be written and taken out.
    static Padded room(Scratch block, index H, index W, index phases) {
        Padded image(H, W, 0, 0, 0, 0, phases);
        image.take_room(block, 1);
        return image;
    }
    // So many planes of zeros; what is added up in them is read by take_out.
    static Padded zeros(index planes, index H, index W, index top, index bottom, index left, index right, index phases) {
        Padded image(H, W, top, bottom, left, right, phases);
        image.take_room(Scratch::image, planes);
        __builtin_memset(image.copy, 0, sizeof(float) * (planes * image.plane() + VL));
        return image;
    }
    void take_out(index p, float* x) const {
        each_row(copy + p * plane(), [&](index h, const float* first, const float* second) {
            float* const to = x + h * W;
            if (phases == 1) {
                copy_row(first, to, W);
            } else if (phases == 2) {
                join_row(first, second, to, W);
            } else {
                deal(p, h, [&](const float& place, index w) { to[w] = place; });
            }
        });
    }

private:
    Padded(index H_, index W_, index top_, index bottom, index left_, index right, index phases_)
        : rows(H_ + top_ + bottom), phases(phases_), phase_size(ceil_div(W_ + left_ + right, phases_)), H(H_), W(W_), top(top_),
          left(left_) {
        row_size = phases * phase_size;
    }
    void take_room(Scratch block, index planes) { data = copy = scratch_floats(block, planes * plane() + VL); }
    // f(place in plane p, w) for the pixels of row h, phase by phase
    template <class F> void deal(index p, index h, const F& f) const {
        for (index first = 0; first < least(phases, W); ++first) {
            float* place = copy + p * plane() + at(h + top, first + left);
            for (index w = first; w < W; w += phases) f(*place++, w);
        }
    }
    // row(h, where its first pixel lies, and its second)
    template <class Row> void each_row(float* plane, const Row& row) const {
        float *first = plane + at(top, left), *second = plane + at(top, left + 1);
        for (index h = 0; h < H; ++h, first += row_size, second += row_size) row(h, first, second);
    }
};

}  // namespace VARIANT
}  // namespace minigen
