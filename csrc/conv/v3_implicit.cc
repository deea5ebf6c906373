// v3: the product of v2 without the matrix. Row (c, p, q) and column (n, i, j) of im2col's matrix meet at
//     offset(c, p, q) + offset(n, i, j) of the padded images,
// so two tables of offsets describe it, and the product packs its panels straight from the images.
//
// Why it gains: the KH KW times larger matrix is never written or read back. Columns run through all images, so that maps of
// 4 x 4 or even 1 x 1 still fill the tiles, and the weights are packed once for the whole batch.
#include "pad.h"
#include "rungs.h"

void minigen::VARIANT::conv2d_v3_implicit(const float* x, const float* w, float* y, const Conv& s) {
    const index channels = s.C / s.G, outputs = s.O / s.G, K = channels * s.KH * s.KW, P = s.OH * s.OW;
    const Padded image(x, s.N * s.C, s.H, s.W, s.PH, s.PH, s.PW, s.PW, s.SW);

    Tables tables(2 * outputs + 2 * K + 2 * s.N * P);
    index *const tap = tables.take(K), *const window = tables.take(s.N * P), *const pixel = tables.take(s.N * P);
    for (index c = 0, k = 0; c < channels; ++c)
        for (index p = 0; p < s.KH; ++p)
            for (index q = 0; q < s.KW; ++q) tap[k++] = c * image.plane() + image.at(p * s.DH, q * s.DW);
    for (index n = 0, j = 0; n < s.N; ++n)
        for (index h = 0; h < s.OH; ++h)
            for (index v = 0; v < s.OW; ++v, ++j) {
                window[j] = n * s.C * image.plane() + h * s.SH * image.row_size + v;
                pixel[j] = n * s.O * P + h * s.OW + v;
            }
    const index *const filter = tables.steps(outputs, K), *const weight = tables.steps(K, 1);
    const index* const plane = tables.steps(outputs, P);
    for (index g = 0; g < s.G; ++g)
        gemm({outputs, s.N * P, K,
              {w + g * outputs * K, filter, weight},
              {image.data + g * channels * image.plane(), tap, window},
              {y + g * outputs * P, plane, pixel}, nullptr, {s.bias ? s.bias + g * outputs : nullptr}});
}
