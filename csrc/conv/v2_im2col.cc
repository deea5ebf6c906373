// v2: im2col. The windows of one image become the columns of a matrix (C KH KW) x (OH OW); then y = w times that matrix.
//
// Why it gains: all the arithmetic is one matrix product, and that is fast already. The price: the matrix is KH KW times as
// large as the image, and is written to memory and read back.
#include "../matmul/rungs.h"
#include "rungs.h"

void minigen::VARIANT::conv2d_v2_im2col(const float* x, const float* w, float* y, const Conv& s) {
    const index channels = s.C / s.G, outputs = s.O / s.G, K = channels * s.KH * s.KW, P = s.OH * s.OW;
    float* const columns = scratch_floats(Scratch::columns, K * P);
    for (index n = 0; n < s.N; ++n)
        for (index g = 0; g < s.G; ++g) {
            float* to = columns;
            for (index c = 0; c < channels; ++c)
                for (index p = 0; p < s.KH; ++p)
                    for (index q = 0; q < s.KW; ++q)
                        for (index i = 0; i < s.OH; ++i)
                            for (index j = 0; j < s.OW; ++j) {
                                const index h = i * s.SH + p * s.DH - s.PH, v = j * s.SW + q * s.DW - s.PW;
                                const bool within = h >= 0 && h < s.H && v >= 0 && v < s.W;
                                *to++ = within ? x[((n * s.C + g * channels + c) * s.H + h) * s.W + v] : 0;
                            }
            const Epilogue biased = {s.bias ? s.bias + g * outputs : nullptr};
            matmul_fused({w + g * outputs * K, outputs, K, K, 1}, {columns, K, P, P, 1}, y + (n * s.O + g * outputs) * P, biased);
        }
}
