// GRU (Cho et al. 2014, with the reset gate behind the product, as cuDNN has it): with x = W_ih x_t + b_ih, g = W_hh h + b_hh
//     r, z = sigmoid(x + g),    n = tanh(x_n + r g_n),    h' = n + z (h - n).
//
// As in lstm.cc, a tile of a product holds all gates of its units, and they lie in memory as tiles leave them. The four vectors
// of a unit are r, z, n and g_n; until the step comes, the first three hold the inputs' part.
#include "panels.h"
#include "recurrent.h"

namespace minigen {
namespace VARIANT {

void gru(const GruForward& p, const Sequence& s) {
    const index N = s.N, H = s.H, I = s.I;
    float* const room = scratch_floats(Scratch::packed_b, room_for(3 * (H + VL), I + H) + 1);
    const Panels w_ih = gates_of(p.w_ih, H, I, 3, room), w_hh = gates_of(p.w_hh, H, H, 3, room + room_for(3 * (H + VL), I));
    const Order order(s);
    const Gates place(s);
    each_block(s, [&](index first, index rows) {
        for (index start = 0; start < s.T; start += together(rows)) {
            const index end = least(start + together(rows), s.T);
            for (index panel = 0; panel < w_ih.count; ++panel)
                for (index step = start; step < end; ++step)
                    each_tile(rows, panel, [&](index from, index to, index) {
                        tile_sums(p.x + (order.at(step) * N + first + from) * I, I, static_cast<int>(to - from), w_ih[panel], I, 3,
                                  p.gates + place.at(order.at(step), panel, first + from), 4 * VL, false);
                    });
            for (index step = start; step < end; ++step) {
                const index now = order.at(step);
                const float* const h = order.before(step, p.hs, p.h) + first * H;
                float* const hs = p.hs + (now * N + first) * H;
                times(h, H, rows, w_hh, [](index, index, index) {}, [&](index from, index to, index panel, const float* sums) {
                    const index k = panel * VL, count = least(VL, H - k);
                    float* gates = p.gates + place.at(now, panel, first + from);
                    for (index r = from; r < to; ++r, gates += 4 * VL, sums += 3 * VL) {
                        const auto with = [&](const float* sum, const float* bias, int gate) {
                            const vec v = load(sum + gate * VL);
                            return bias ? v + load_some(bias + gate * H + k, count) : v;
                        };
                        const vec reset = sigmoid_of(with(gates, p.b_ih, 0) + with(sums, p.b_hh, 0));
                        const vec z = sigmoid_of(with(gates, p.b_ih, 1) + with(sums, p.b_hh, 1));
                        const vec g_n = with(sums, p.b_hh, 2), n = tanh_of(with(gates, p.b_ih, 2) + reset * g_n);
                        store(gates, reset);
                        store(gates + VL, z);
                        store(gates + 2 * VL, n);
                        store(gates + 3 * VL, g_n);
                        store_some(hs + r * H + k, n + z * (load_some(h + r * H + k, count) - n), count);
                    }
                });
            }
        }
    });
}

void gru_vjp(const GruBackward& p, const Sequence& s) {
    const index N = s.N, H = s.H, I = s.I;
    float* const room = scratch_floats(Scratch::packed_b, room_for(H, 3 * H) + room_for(I, 3 * H) + 1);
    const Panels w_hh = as_it_is(p.w_hh, 3 * H, H, room);
    const Panels w_ih = as_it_is(p.w_ih, p.dx ? 3 * H : 0, I, room + room_for(H, 3 * H));
    float* const direct = scratch_floats(Scratch::step, N * H + 1);  // what comes back past the product, through z h
    const Order order(s);
    const Gates place(s);
    each_block(s, [&](index first, index rows) {
        __builtin_memset(direct + first * H, 0, sizeof(float) * rows * H);
        const float* later = nullptr;  // the error of W_hh h + b_hh one step later
        for (index end = s.T, start; end > 0; end = start) {
            start = end > together(rows) ? end - together(rows) : 0;
            for (index step = end; step-- > start;) {
                const index now = order.at(step);
                const float *const h = order.before(step, p.hs, p.h) + first * H, *const dhs = p.dhs + (now * N + first) * H;
                float *const da = p.da + (now * N + first) * 3 * H, *const dg = p.dg + (now * N + first) * 3 * H;
                times(later, 3 * H, rows, w_hh,
                      [&](index from, index to, index panel) {
                          const index k = panel * VECTORS * VL;
                          const int width = w_hh.width(panel);
                          for (int v = 0; v < width; ++v)
                              fetch(p.gates + place.at(now, panel * VECTORS + v, first + from), 4 * static_cast<int>(to - from));
                          for (index r = from; r < to; ++r) {
                              fetch(h + r * H + k, width);
                              fetch(dhs + r * H + k, width);
                              for (int gate = 0; gate < 3; ++gate) {
                                  fetch(da + (r * 3 + gate) * H + k, width);
                                  fetch(dg + (r * 3 + gate) * H + k, width);
                              }
                          }
                      },
                      [&](index from, index to, index panel, const float* sums) {
                          each_vector(w_hh, from, to, panel, sums, H, [&](index r, index k, index count, vec back) {
                              const float* const a = p.gates + place.at(now, k / VL, first + r);
                              const vec reset = load(a), z = load(a + VL), n = load(a + 2 * VL), g_n = load(a + 3 * VL);
                              const vec before = load_some(h + r * H + k, count);
                              float* const past = direct + (first + r) * H + k;
                              const vec delta = load_some(dhs + r * H + k, count) + (back + load_some(past, count));
                              const vec dn = delta * (1.0f - z) * (1.0f - n * n);
                              const vec dr = dn * g_n * (reset * (1.0f - reset)), dz = delta * (before - n) * (z * (1.0f - z));
                              float *const at_x = da + r * 3 * H + k, *const at_g = dg + r * 3 * H + k;
                              store_some(at_x, dr, count);
                              store_some(at_x + H, dz, count);
                              store_some(at_x + 2 * H, dn, count);
                              store_some(at_g, dr, count);
                              store_some(at_g + H, dz, count);
                              store_some(at_g + 2 * H, dn * reset, count);
                              store_some(past, delta * z, count);
                          });
                      });
                later = dg;
            }
            if (p.dx)
                product_of_steps(end - start, [&](index step) { return p.da + (order.at(start + step) * N + first) * 3 * H; },
                                 rows, w_ih, I, [&](index step) { return p.dx + (order.at(start + step) * N + first) * I; });
        }
        if (p.dh) {
            product_of_steps(1, [&](index) { return later; }, rows, w_hh, H, [&](index) { return p.dh + first * H; });
            for (index i = first * H; i < (first + rows) * H; ++i) p.dh[i] += direct[i];
        }
    });
}

}  // namespace VARIANT
}  // namespace minigen
