// v4: the layout for it. Images are turned so that channels lie side by side; a tap is then an offset, and the register tile reads
// windows where they lie.
//
// Why it gains: v3 packs a panel of windows for every block of outputs, KH KW times what the image holds, and maps of 28, 14 or 7
// pixels cut its vectors short. Here each pixel is turned once, vectors are always full, and only weights are packed. The
// price is turning the result back. See channels.cc; oneDNN's blocked formats (Georganas et al. 2018, "Anatomy of
// High-Performance Deep Learning Convolutions on SIMD Architectures"). Where channels would not fill vectors, or 1 x 1 kernels not
// pay for the turn, planes are read where they lie: see special.h.
#include "channels.h"
#include "special.h"

void minigen::VARIANT::conv2d_v4_channels(const float* x, const float* w, float* y, const Conv& s) {
    if (const Special* const own = special_for(s)) return own->forward(x, w, y, s);
    (channels_fit(s) ? conv2d_channels : conv2d_v3_implicit)(x, w, y, s);
}
