// LSTM (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000):
//     i, f, o = sigmoid,  g = tanh of x_t + W_hh h,    c' = f c + i g,    h' = o tanh c'.
//
// W_hh is packed once for all steps, and the four gates, the cell and the state of an element are computed in one go while
// its product is still in the cache. Backward keeps only the activated gates and the cells: tanh c' is computed again.
#include "../elementwise/vecmath.h"
#include "recurrent.h"
#include "step.h"

namespace minigen {
namespace VARIANT {

void lstm(const LstmForward& p, const Sequence& s) {
    const index N = s.N, H = s.H;
    Packed w(p.w, N, H, 4 * H, 1, H);  // W_hh transposed
    float* const product = scratch_floats(Scratch::step, N * 4 * H + 1);
    __builtin_memcpy(p.cells, p.c, sizeof(float) * N * H);
    const float* h = p.h;
    for (index step = 0; step < s.T; ++step) {
        const index t = s.reverse ? s.T - 1 - step : step;
        w.times(h, product);
        float* const hs = p.hs + t * N * H;
        each_sequence(s, [&](index n) {
            const float *x = p.x + (t * N + n) * 4 * H, *g = product + n * 4 * H, *before = p.cells + (step * N + n) * H;
            float *a = p.gates + (t * N + n) * 4 * H, *after = p.cells + ((step + 1) * N + n) * H;
            each_vector(H, [&](index k, index count) {
                const auto sum = [&](int gate) { return load_some(x + gate * H + k, count) + load_some(g + gate * H + k, count); };
                const vec i = sigmoid_of(sum(0)), f = sigmoid_of(sum(1)), m = tanh_of(sum(2)), o = sigmoid_of(sum(3));
                const vec c = f * load_some(before + k, count) + i * m;
                store_some(a + k, i, count);
                store_some(a + H + k, f, count);
                store_some(a + 2 * H + k, m, count);
                store_some(a + 3 * H + k, o, count);
                store_some(after + k, c, count);
                store_some(hs + n * H + k, o * tanh_of(c), count);
            });
        });
        h = hs;
    }
}

void lstm_vjp(const LstmBackward& p, const Sequence& s) {
    const index N = s.N, H = s.H;
    Packed w(p.w, N, 4 * H, H, H, 1);
    if (p.dc) __builtin_memcpy(p.dc0, p.dc, sizeof(float) * N * H);
    else __builtin_memset(p.dc0, 0, sizeof(float) * N * H);
    __builtin_memset(p.dh, 0, sizeof(float) * N * H);
    for (index step = s.T; step-- > 0;) {
        const index t = s.reverse ? s.T - 1 - step : step;
        float* const dx = p.dx + t * N * 4 * H;
        each_sequence(s, [&](index n) {
            const float *a = p.gates + (t * N + n) * 4 * H, *before = p.cells + (step * N + n) * H;
            const float *after = p.cells + ((step + 1) * N + n) * H, *dhs = p.dhs ? p.dhs + (t * N + n) * H : nullptr;
            float *dc = p.dc0 + n * H, *to = dx + n * 4 * H;
            each_vector(H, [&](index k, index count) {
                const vec i = load_some(a + k, count), f = load_some(a + H + k, count);
                const vec g = load_some(a + 2 * H + k, count), o = load_some(a + 3 * H + k, count);
                const vec tanh_c = tanh_of(load_some(after + k, count));
                vec dh = load_some(p.dh + n * H + k, count);
                if (dhs) dh += load_some(dhs + k, count);
                const vec d = load_some(dc + k, count) + dh * o * (1.0f - tanh_c * tanh_c);  // dC/dc'
                store_some(to + k, d * g * (i * (1.0f - i)), count);
                store_some(to + H + k, d * load_some(before + k, count) * (f * (1.0f - f)), count);
                store_some(to + 2 * H + k, d * i * (1.0f - g * g), count);
                store_some(to + 3 * H + k, dh * tanh_c * (o * (1.0f - o)), count);
                store_some(dc + k, d * f, count);
            });
        });
        w.times(dx, p.dh);
    }
}

}  // namespace VARIANT
}  // namespace minigen
