// LSTM (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000):
//     i, f, o = sigmoid,  g = tanh of W_ih x_t + b + W_hh h,    c' = f c + i g,    h' = o tanh c'.
//
// The columns of both matrices are packed so that a tile holds all four gates of its units: the cell and the state follow at
// once. The gates lie in memory as the tiles leave them, (step, panel, sequence, gate, VL units): W_ih x of a few steps is put
// there, W_hh h is added to it, and the activated gates stay. Backward computes tanh c' again.
#include "panels.h"
#include "recurrent.h"

namespace minigen {
namespace VARIANT {
void lstm(const LstmForward& p, const Sequence& s) {
    const index N = s.N, H = s.H, I = s.I;
    float* const room = scratch_floats(Scratch::packed_b, room_for(4 * (H + VL), I + H) + 1);
    const Panels w_ih = gates_of(p.w_ih, H, I, 4, room), w_hh = gates_of(p.w_hh, H, H, 4, room + room_for(4 * (H + VL), I));
    const Order order(s);
    const Gates place(s);
    each_block(s, [&](index first, index rows) {
        __builtin_memcpy(p.cells + first * H, p.c + first * H, sizeof(float) * rows * H);
        for (index start = 0; start < s.T; start += together(rows)) {
            const index end = least(start + together(rows), s.T);
            for (index panel = 0; panel < w_ih.count; ++panel)
                for (index step = start; step < end; ++step)
                    each_tile(rows, panel, [&](index from, index to, index) {
                        tile_sums(p.x + (order.at(step) * N + first + from) * I, I, static_cast<int>(to - from), w_ih[panel], I, 4,
                                  p.gates + place.at(order.at(step), panel, first + from), 4 * VL, false);
                    });
            for (index step = start; step < end; ++step) {
                const index now = order.at(step);
                const float* const h = order.before(step, p.hs, p.h) + first * H;
                const float* const before = p.cells + (step * N + first) * H;
                float *const after = p.cells + ((step + 1) * N + first) * H, *const hs = p.hs + (now * N + first) * H;
                for (index panel = 0; panel < w_hh.count; ++panel)
                    each_tile(rows, panel, [&](index from, index to, index) {
                        const index k = panel * VL, count = least(VL, H - k);
                        float* gates = p.gates + place.at(now, panel, first + from);
                        tile_sums(h + from * H, H, static_cast<int>(to - from), w_hh[panel], H, 4, gates, 4 * VL, true);
                        for (index r = from; r < to; ++r, gates += 4 * VL) {
                            const auto sum = [&](int gate) {
                                const vec v = load(gates + gate * VL);
                                return p.b ? v + load_some(p.b + gate * H + k, count) : v;
                            };
                            const vec i = sigmoid_of(sum(0)), f = sigmoid_of(sum(1)), g = tanh_of(sum(2)), o = sigmoid_of(sum(3));
                            const vec c = f * load_some(before + r * H + k, count) + i * g;
                            store(gates, i);
                            store(gates + VL, f);
                            store(gates + 2 * VL, g);
                            store(gates + 3 * VL, o);
                            store_some(after + r * H + k, c, count);
                            store_some(hs + r * H + k, o * tanh_of(c), count);
                        }
                    });
            }
        }
    });
}

void lstm_vjp(const LstmBackward& p, const Sequence& s) {
    const index N = s.N, H = s.H, I = s.I;
    float* const room = scratch_floats(Scratch::packed_b, room_for(H, 4 * H) + room_for(I, 4 * H) + 1);
    const Panels w_hh = as_it_is(p.w_hh, 4 * H, H, room);
    const Panels w_ih = as_it_is(p.w_ih, p.dx ? 4 * H : 0, I, room + room_for(H, 4 * H));
    const Order order(s);
    const Gates place(s);
    each_block(s, [&](index first, index rows) {
        float* const dc = p.dc0 + first * H;
        if (p.dc) __builtin_memcpy(dc, p.dc + first * H, sizeof(float) * rows * H);
        else __builtin_memset(dc, 0, sizeof(float) * rows * H);
        const float* later = nullptr;  // the error of the gates one step later
        for (index end = s.T, start; end > 0; end = start) {
            start = end > together(rows) ? end - together(rows) : 0;
            for (index step = end; step-- > start;) {
                const index now = order.at(step);
                const float* const dhs = p.dhs ? p.dhs + (now * N + first) * H : nullptr;
                const float *const before = p.cells + (step * N + first) * H, *const after = before + N * H;
                float* const dg = p.dg + (now * N + first) * 4 * H;
                times(later, 4 * H, rows, w_hh,
                      [&](index from, index to, index panel) {
                          const index k = panel * VECTORS * VL;
                          const int width = w_hh.width(panel);
                          for (int v = 0; v < width; ++v)
                              fetch(p.gates + place.at(now, panel * VECTORS + v, first + from), 4 * static_cast<int>(to - from));
                          for (index r = from; r < to; ++r) {
                              fetch(before + r * H + k, width);
                              fetch(after + r * H + k, width);
                              if (dhs) fetch(dhs + r * H + k, width);
                              for (int gate = 0; gate < 4; ++gate) fetch(dg + (r * 4 + gate) * H + k, width);
                          }
                      },
                      [&](index from, index to, index panel, const float* sums) {
                          each_vector(w_hh, from, to, panel, sums, H, [&](index r, index k, index count, vec dh) {
                              const float* const a = p.gates + place.at(now, k / VL, first + r);
                              const vec i = load(a), f = load(a + VL), g = load(a + 2 * VL), o = load(a + 3 * VL);
                              const index at = r * H + k;
                              const vec tanh_c = tanh_of(load_some(after + at, count));
                              if (dhs) dh += load_some(dhs + at, count);
                              const vec d = load_some(dc + at, count) + dh * o * (1.0f - tanh_c * tanh_c);  // dC/dc'
                              float* const out = dg + r * 4 * H + k;
                              store_some(out, d * g * (i * (1.0f - i)), count);
                              store_some(out + H, d * load_some(before + at, count) * (f * (1.0f - f)), count);
                              store_some(out + 2 * H, d * i * (1.0f - g * g), count);
                              store_some(out + 3 * H, dh * tanh_c * (o * (1.0f - o)), count);
                              store_some(dc + at, d * f, count);
                          });
                      });
                later = dg;
            }
            if (p.dx)
                product_of_steps(end - start, [&](index step) { return p.dg + (order.at(start + step) * N + first) * 4 * H; },
                                 rows, w_ih, I, [&](index step) { return p.dx + (order.at(start + step) * N + first) * I; });
        }
        if (p.dh)
            product_of_steps(1, [&](index) { return later; }, rows, w_hh, H, [&](index) { return p.dh + first * H; });
    });
}

}  // namespace VARIANT
}  // namespace minigen
