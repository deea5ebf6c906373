// Layer normalisation (Ba, Kiros, Hinton 2016). As in batch_norm.cc the mean is known before the first square is taken, so
// that a variance of 1 around a mean of 10,000 loses no digits; the row lies in L1 meanwhile.
#include "../norm/mean.h"
#include "rows.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr index BLOCK = 64;  // rows whose share of dweight and dbias is summed in float, before the blocks are in double

}  // namespace

void layer_norm(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean, float* rstd,
                index rows, index size) {
    const index share = rows_per_task(size);
    parallel(ceil_div(rows, share), [&](index task) {
        for (index r = task * share; r < least((task + 1) * share, rows); ++r) {
            const float* from = x + r * size;
            const double exact = sum(from, size) / static_cast<double>(size);
            const float high = static_cast<float>(exact);
            const Mean<float> centre{high, static_cast<float>(exact - high)};
            const double squares = sum_row(size, [&](index i, index count) {
                const vec d = first_lanes(centre.from(load_some(from + i, count)), count);
                return d * d;
            });
            const float scale = static_cast<float>(1 / __builtin_sqrt(squares / static_cast<double>(size) + eps));
            mean[2 * r] = centre.high;
            mean[2 * r + 1] = centre.low;
            rstd[r] = scale;
            for (index i = 0; i < size; i += VL) {
                const index count = least(VL, size - i);
                vec v = centre.from(load_some(from + i, count)) * scale;
                if (weight) v *= load_some(weight + i, count);
                if (bias) v += load_some(bias + i, count);
                store_some(y + r * size + i, v, count);
            }
        }
    });
}

void layer_norm_vjp(const float* delta, const float* x, const float* mean, const float* rstd, const float* weight, float* dx,
                    float* dweight, float* dbias, index rows, index size) {
    const index blocks = ceil_div(rows, BLOCK);
    const bool sums = dweight || dbias;
    float* const partial = sums ? scratch_floats(Scratch::columns, 2 * blocks * size) : nullptr;
    parallel(blocks, [&](index block) {
        float *const dw = partial + 2 * block * size, *const db = dw + size;
        if (sums) __builtin_memset(dw, 0, sizeof(float) * 2 * size);
        for (index r = block * BLOCK; r < least((block + 1) * BLOCK, rows); ++r) {
            const float *d = delta + r * size, *from = x + r * size, scale = rstd[r];
            const Mean<float> centre{mean[2 * r], mean[2 * r + 1]};
            const auto g = [&](index i, index count) {
                const vec v = load_some(d + i, count);
                return weight ? v * load_some(weight + i, count) : v;
            };
            const auto xhat = [&](index i, index count) { return centre.from(load_some(from + i, count)) * scale; };
            if (dx) {
                const double n = static_cast<double>(size);
                const float a = static_cast<float>(sum_row(size, g) / n);
                const float b = static_cast<float>(
                    sum_row(size, [&](index i, index count) { return g(i, count) * xhat(i, count); }) / n);
                for (index i = 0; i < size; i += VL) {
                    const index count = least(VL, size - i);
                    store_some(dx + r * size + i, (g(i, count) - a - xhat(i, count) * b) * scale, count);
                }
            }
            if (!sums) continue;
            for (index i = 0; i < size; i += VL) {
                const index count = least(VL, size - i);
                const vec v = load_some(d + i, count);
                store_some(dw + i, load_some(dw + i, count) + v * xhat(i, count), count);
                store_some(db + i, load_some(db + i, count) + v, count);
            }
        }
    });
    if (!sums) return;
    parallel(ceil_div(size, 256), [&](index task) {
        for (index i = task * 256; i < least((task + 1) * 256, size); ++i) {
            double w = 0, b = 0;
            for (index block = 0; block < blocks; ++block) {
                w += partial[2 * block * size + i];
                b += partial[(2 * block + 1) * size + i];
            }
            if (dweight) dweight[i] = static_cast<float>(w);
            if (dbias) dbias[i] = static_cast<float>(b);
        }
    });
}

}  // namespace VARIANT
}  // namespace minigen
