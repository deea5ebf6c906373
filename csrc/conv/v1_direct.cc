// v1: the definition. y_{n,o,i,j} = sum_{c,p,q} x_{n, c, i SH + p DH - PH, j SW + q DW - PW} w_{o,c,p,q}; x is 0 outside.
//
// Where it loses: as matmul's v1, every product loads both of its factors again, and each sum waits for the product before.
#include "rungs.h"

void minigen::VARIANT::conv2d_v1_direct(const float* x, const float* w, float* y, const Conv& s) {
    const index channels = s.C / s.G, outputs = s.O / s.G;
    for (index n = 0; n < s.N; ++n)
        for (index o = 0; o < s.O; ++o)
            for (index i = 0; i < s.OH; ++i)
                for (index j = 0; j < s.OW; ++j) {
                    float sum = s.bias ? s.bias[o] : 0;
                    for (index c = 0; c < channels; ++c)
                        for (index p = 0; p < s.KH; ++p)
                            for (index q = 0; q < s.KW; ++q) {
                                const index h = i * s.SH + p * s.DH - s.PH, v = j * s.SW + q * s.DW - s.PW;
                                if (h < 0 || h >= s.H || v < 0 || v >= s.W) continue;
                                const index channel = o / outputs * channels + c;
                                sum += x[((n * s.C + channel) * s.H + h) * s.W + v] *
                                       w[((o * channels + c) * s.KH + p) * s.KW + q];
                            }
                    *y++ = sum;
                }
}
