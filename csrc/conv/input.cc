// The input gradient, dx_{n,c,h,v} = sum over o and all taps (p, q) that reach (h, v) of g_{n,o,i,j} w_{o,c,p,q},
// where i SH + p DH - PH = h and j SW + q DW - PW = v. It is also the forward pass of a transposed convolution.
//
// Two ways, both without a dilated image full of zeros:
// - by phases: pixels h with the same h mod SH are reached by the same taps, at a fixed distance i - h / SH. So each of the
//   SH SW phases of dx is a convolution of g with stride 1 and a small kernel, and is computed as in v3;
// - by overlap: the products of all taps, w^T (C KH KW x O) times g (O x N OH OW), then every tap is added in where it lands.
//   This wins where there is more border than map (1 x 1 → 4 x 4), and where C is too small to fill a tile.
#include "channels.h"
#include "pad.h"
#include "phases.h"
#include "special.h"
#include "winograd.h"

namespace minigen {
namespace VARIANT {
namespace {

void by_phases(const float* g, const float* w, float* dx, const Conv& s) {
    const index channels = s.C / s.G, outputs = s.O / s.G, T = s.KH * s.KW;
    const Border tall(s.OH, s.H, s.KH, s.SH, s.PH, s.DH), wide(s.OW, s.W, s.KW, s.SW, s.PW, s.DW);
    const Padded grad(g, s.N * s.O, s.OH, s.OW, tall.before, tall.after, wide.before, wide.after, 1);

    for (index h = 0; h < least(s.SH, s.H); ++h)
        for (index v = 0; v < least(s.SW, s.W); ++v) {
            const index most = ceil_div(s.H, s.SH) * ceil_div(s.W, s.SW) * s.N;
            Tables tables(2 * most + 2 * outputs * T + 2 * channels + 2 * (s.KH + s.KW));
            const Phase down(h, s.H, s.KH, s.SH, s.PH, s.DH, tables), across(v, s.W, s.KW, s.SW, s.PW, s.DW, tables);
            const index K = outputs * down.taps * across.taps, columns = s.N * down.count * across.count;
            index *const weight = tables.take(K), *const tap = tables.take(K);
            index *const window = tables.take(columns), *const pixel = tables.take(columns);
            for (index o = 0, k = 0; o < outputs; ++o)
                for (index p = 0; p < down.taps; ++p)
                    for (index q = 0; q < across.taps; ++q, ++k) {
                        weight[k] = o * channels * T + down.tap[p] * s.KW + across.tap[q];
                        tap[k] = o * grad.plane() + grad.at(down.distance[p] + tall.before, across.distance[q] + wide.before);
                    }
            for (index n = 0, k = 0; n < s.N; ++n)
                for (index i = 0; i < down.count; ++i)
                    for (index j = 0; j < across.count; ++j, ++k) {
                        window[k] = n * s.O * grad.plane() + grad.at(i, j);
                        pixel[k] = n * s.C * s.H * s.W + (h + i * s.SH) * s.W + v + j * s.SW;
                    }
            const index *const filter = tables.steps(channels, T), *const plane = tables.steps(channels, s.H * s.W);
            for (index group = 0; group < s.G; ++group)
                gemm({channels, columns, K,
                      {w + group * outputs * channels * T, filter, weight},
                      {grad.data + group * outputs * grad.plane(), tap, window},
                      {dx + group * channels * s.H * s.W, plane, pixel}, nullptr,
                      {s.bias ? s.bias + group * channels : nullptr}});
        }
}

// dx's plane (H x W) = its bias and the sum of its taps' maps (KH KW x OH OW), each shifted to where it lands.
void add_taps(const float* maps, float bias, float* dx, const Conv& s) {
    fill(dx, s.H * s.W, bias);
    for (index p = 0; p < s.KH; ++p)
        for (index q = 0; q < s.KW; ++q)
            for (index i = 0; i < s.OH; ++i, maps += s.OW) {
                const index h = i * s.SH + p * s.DH - s.PH, left = q * s.DW - s.PW;
                if (h < 0 || h >= s.H) continue;
                const index j0 = left < 0 ? ceil_div(-left, s.SW) : 0;
                const index j1 = left < s.W ? least(s.OW, ceil_div(s.W - left, s.SW)) : 0;
                float* to = dx + h * s.W + left;
                for (index j = j0; j < j1; ++j) to[j * s.SW] += maps[j];
            }
}

void by_overlap(const float* g, const float* w, float* dx, const Conv& s) {
    const index channels = s.C / s.G, outputs = s.O / s.G, T = s.KH * s.KW, P = s.OH * s.OW, rows = channels * T;
    const bool direct = P == 1 && s.H == s.KH && s.W == s.KW && s.PH == 0 && s.PW == 0 && s.DH == 1 && s.DW == 1;
    constexpr index LIMIT = index(4) << 20;  // floats of products at a time
    const index images = direct ? s.N : 1 + LIMIT / (rows * P);
    float* const biases = s.bias && direct ? scratch_floats(Scratch::step, s.G * rows) : nullptr;  // one for each row
    for (index row = 0; biases && row < s.G * rows; ++row) biases[row] = s.bias[row / T];
    for (index n0 = 0; n0 < s.N; n0 += images) {
        const index count = least(images, s.N - n0);
        for (index group = 0; group < s.G; ++group) {
            float* const products = direct ? dx + group * rows : scratch_floats(Scratch::columns, count * rows * P);
            const index image = direct ? s.C * T : rows * P;  // distance of one image's products from the next's
            Tables tables(2 * rows + 2 * outputs + 2 * count * P);
            index *const pixel = tables.take(count * P), *const to = tables.take(count * P);
            for (index n = 0, j = 0; n < count; ++n)
                for (index p = 0; p < P; ++p, ++j) {
                    pixel[j] = (n0 + n) * s.O * P + p;
                    to[j] = n * image + p;
                }
            const index *const tap = tables.steps(rows, 1), *const filter = tables.steps(outputs, rows);
            const index *const plane = tables.steps(outputs, P), *const map = tables.steps(rows, P);
            gemm({rows, count * P, outputs,
                  {w + group * outputs * rows, tap, filter},
                  {g + group * outputs * P, plane, pixel},
                  {products, map, to}, nullptr, {biases ? biases + group * rows : nullptr}});
            if (direct) continue;
            parallel(count * channels, [&](index task) {
                const index n = task / channels, c = task % channels;
                const index channel = group * channels + c;
                add_taps(products + task * T * P, s.bias ? s.bias[channel] : 0, dx + ((n0 + n) * s.C + channel) * s.H * s.W, s);
            });
        }
    }
}

}  // namespace

void conv2d_input(const float* g, const float* w, float* dx, const Conv& s) {
    if (const Winograd* const fast = winograd_for(s)) return fast->input(g, w, dx, s);
    if (const Special* const own = special_for(s)) return own->input(g, w, dx, s);
    if (channels_fit_input(s)) return conv2d_channels_input(g, w, dx, s);
    const bool small = s.C / s.G < MR / 2 || s.H * s.W > 2 * s.SH * s.SW * s.OH * s.OW;
    (small ? by_overlap : by_phases)(g, w, dx, s);
}

}  // namespace VARIANT
}  // namespace minigen
