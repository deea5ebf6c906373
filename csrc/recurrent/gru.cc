// GRU (Cho et al. 2014, with the reset gate behind the product, as cuDNN has it): with g = W_hh h + b
//     r, z = sigmoid(x + g),    n = tanh(x_n + r g_n),    h' = n + z (h - n).
//
// As in lstm.cc, W_hh is packed once, and a step's gates are computed in one go.
#include "../elementwise/vecmath.h"
#include "recurrent.h"
#include "step.h"

namespace minigen {
namespace VARIANT {

void gru(const GruForward& p, const Sequence& s) {
    const index N = s.N, H = s.H;
    Packed w(p.w, N, H, 3 * H, 1, H);
    float* const product = scratch_floats(Scratch::step, N * 3 * H + 1);
    const float* h = p.h;
    for (index step = 0; step < s.T; ++step) {
        const index t = s.reverse ? s.T - 1 - step : step;
        w.times(h, product);
        float* const hs = p.hs + t * N * H;
        each_sequence(s, [&](index n) {
            const float *x = p.x + (t * N + n) * 3 * H, *g = product + n * 3 * H, *before = h + n * H;
            float* const a = p.gates + (t * N + n) * 4 * H;
            each_vector(H, [&](index k, index count) {
                const auto from_h = [&](int gate) {
                    const vec v = load_some(g + gate * H + k, count);
                    return p.b ? v + load_some(p.b + gate * H + k, count) : v;
                };
                const auto from_x = [&](int gate) { return load_some(x + gate * H + k, count); };
                const vec r = sigmoid_of(from_x(0) + from_h(0)), z = sigmoid_of(from_x(1) + from_h(1)), g_n = from_h(2);
                const vec m = tanh_of(from_x(2) + r * g_n);
                store_some(a + k, r, count);
                store_some(a + H + k, z, count);
                store_some(a + 2 * H + k, m, count);
                store_some(a + 3 * H + k, g_n, count);
                store_some(hs + n * H + k, m + z * (load_some(before + k, count) - m), count);
            });
        });
        h = hs;
    }
}

void gru_vjp(const GruBackward& p, const Sequence& s) {
    const index N = s.N, H = s.H;
    Packed w(p.w, N, 3 * H, H, H, 1);
    float *const through = scratch_floats(Scratch::step, 2 * N * H + 1), *const direct = through + N * H;
    __builtin_memset(through, 0, sizeof(float) * 2 * N * H);
    for (index step = s.T; step-- > 0;) {
        const index t = s.reverse ? s.T - 1 - step : step;
        const index t_before = s.reverse ? t + 1 : t - 1;
        const float* const h = step == 0 ? p.h : p.hs + t_before * N * H;
        float* const dg = p.dg + t * N * 3 * H;
        each_sequence(s, [&](index n) {
            const float *a = p.gates + (t * N + n) * 4 * H, *dhs = p.dhs + (t * N + n) * H;
            float* const dx = p.dx + (t * N + n) * 3 * H;
            each_vector(H, [&](index k, index count) {
                const vec r = load_some(a + k, count), z = load_some(a + H + k, count), m = load_some(a + 2 * H + k, count);
                const vec g_n = load_some(a + 3 * H + k, count), before = load_some(h + n * H + k, count);
                const vec back = load_some(through + n * H + k, count) + load_some(direct + n * H + k, count);
                const vec delta = load_some(dhs + k, count) + back;
                const vec dm = delta * (1.0f - z) * (1.0f - m * m);
                const vec dr = dm * g_n * (r * (1.0f - r)), dz = delta * (before - m) * (z * (1.0f - z));
                store_some(dx + k, dr, count);
                store_some(dx + H + k, dz, count);
                store_some(dx + 2 * H + k, dm, count);
                store_some(dg + n * 3 * H + k, dr, count);
                store_some(dg + n * 3 * H + H + k, dz, count);
                store_some(dg + n * 3 * H + 2 * H + k, dm * r, count);
                store_some(direct + n * H + k, delta * z, count);
            });
        });
        w.times(dg, through);
    }
    for (index i = 0; i < N * H; ++i) p.dh[i] = through[i] + direct[i];
}

}  // namespace VARIANT
}  // namespace minigen
