// The weight gradient, dw_{o,c,p,q} = sum_{n,i,j} g_{n,o,i,j} x_{n, c, i SH + p DH - PH, j SW + q DW - PW}.
//
// It is g as a matrix O x (N OH OW), times the transpose of im2col's matrix: v3's two tables with their places exchanged.
#include "channels.h"
#include "pad.h"
#include "special.h"
#include "winograd.h"

void minigen::VARIANT::conv2d_weight(const float* g, const float* x, float* dw, const Conv& s) {
    if (const Winograd* const fast = winograd_for(s)) return fast->weight(g, x, dw, s);
    if (const Special* const own = special_for(s)) return own->weight(g, x, dw, s);
    if (channels_fit(s)) return conv2d_channels_weight(g, x, dw, s);
    const index channels = s.C / s.G, outputs = s.O / s.G, T = channels * s.KH * s.KW, P = s.OH * s.OW;
    const Padded image(x, s.N * s.C, s.H, s.W, s.PH, s.PH, s.PW, s.PW, 1);  // neighbours are now the taps of a kernel's row

    Tables tables(2 * outputs + 2 * T + 2 * s.N * P);
    index *const tap = tables.take(T), *const window = tables.take(s.N * P), *const pixel = tables.take(s.N * P);
    for (index c = 0, k = 0; c < channels; ++c)
        for (index p = 0; p < s.KH; ++p)
            for (index q = 0; q < s.KW; ++q) tap[k++] = c * image.plane() + image.at(p * s.DH, q * s.DW);
    for (index n = 0, j = 0; n < s.N; ++n)
        for (index h = 0; h < s.OH; ++h)
            for (index v = 0; v < s.OW; ++v, ++j) {
                window[j] = n * s.C * image.plane() + image.at(h * s.SH, v * s.SW);
                pixel[j] = n * s.O * P + h * s.OW + v;
            }
    const index *const filter = tables.steps(outputs, T), *const weight = tables.steps(T, 1);
    const index* const plane = tables.steps(outputs, P);
    for (index group = 0; group < s.G; ++group)
        gemm({outputs, T, s.N * P,
              {g + group * outputs * P, plane, pixel},
              {image.data + group * channels * image.plane(), window, tap},
              {dw + group * outputs * T, filter, weight}});
}
