// A plain recurrent network (Elman 1990): h_t = f(W_ih x_t + b + W_hh h_{t-1}), f tanh or relu.
//
// W_ih x of a few steps is put where their states will be. Backward, with h_t at hand: tanh' = 1 - h^2, relu' = [h > 0].
#include "panels.h"
#include "recurrent.h"

namespace minigen {
namespace VARIANT {

void rnn(const RnnForward& p, const Sequence& s) {
    const index N = s.N, H = s.H, I = s.I;
    float* const room = scratch_floats(Scratch::packed_b, room_for(H, I + H) + 1);
    const Panels w_ih = turned(p.w_ih, H, I, room), w_hh = turned(p.w_hh, H, H, room + room_for(H, I));
    const Order order(s);
    each_block(s, [&](index first, index rows) {
        for (index start = 0; start < s.T; start += together(rows)) {
            const index end = least(start + together(rows), s.T);
            product_of_steps(end - start, [&](index step) { return p.x + (order.at(start + step) * N + first) * I; }, rows, w_ih, H,
                             [&](index step) { return p.hs + (order.at(start + step) * N + first) * H; });
            for (index step = start; step < end; ++step) {
                float* const hs = p.hs + (order.at(step) * N + first) * H;
                times(order.before(step, p.hs, p.h) + first * H, H, rows, w_hh, [](index, index, index) {},
                      [&](index from, index to, index panel, const float* sums) {
                          each_vector(w_hh, from, to, panel, sums, H, [&](index r, index k, index count, vec sum) {
                              vec a = load_some(hs + r * H + k, count) + sum;
                              if (p.b) a += load_some(p.b + k, count);
                              store_some(hs + r * H + k, p.relu ? (a < 0.0f ? vec{} : a) : tanh_of(a), count);
                          });
                      });
            }
        }
    });
}

void rnn_vjp(const RnnBackward& p, const Sequence& s) {
    const index N = s.N, H = s.H, I = s.I;
    float* const room = scratch_floats(Scratch::packed_b, room_for(H, H) + room_for(I, H) + 1);
    const Panels w_hh = as_it_is(p.w_hh, H, H, room), w_ih = as_it_is(p.w_ih, p.dx ? H : 0, I, room + room_for(H, H));
    const Order order(s);
    each_block(s, [&](index first, index rows) {
        const float* later = nullptr;  // the error of the sum one step later
        for (index end = s.T, start; end > 0; end = start) {
            start = end > together(rows) ? end - together(rows) : 0;
            for (index step = end; step-- > start;) {
                const index now = (order.at(step) * N + first) * H;
                times(later, H, rows, w_hh,
                      [&](index from, index to, index panel) {
                          for (index r = from; r < to; ++r) {
                              fetch(p.hs + now + r * H + panel * VECTORS * VL, w_hh.width(panel));
                              fetch(p.dhs + now + r * H + panel * VECTORS * VL, w_hh.width(panel));
                          }
                      },
                      [&](index from, index to, index panel, const float* sums) {
                          each_vector(w_hh, from, to, panel, sums, H, [&](index r, index k, index count, vec back) {
                              const index at = now + r * H + k;
                              const vec h = load_some(p.hs + at, count), delta = load_some(p.dhs + at, count) + back;
                              store_some(p.dg + at, p.relu ? (h <= 0.0f ? vec{} : delta) : delta * (1.0f - h * h), count);
                          });
                      });
                later = p.dg + now;
            }
            if (p.dx)
                product_of_steps(end - start, [&](index step) { return p.dg + (order.at(start + step) * N + first) * H; },
                                 rows, w_ih, I, [&](index step) { return p.dx + (order.at(start + step) * N + first) * I; });
        }
        if (p.dh)
            product_of_steps(1, [&](index) { return later; }, rows, w_hh, H, [&](index) { return p.dh + first * H; });
    });
}

}  // namespace VARIANT
}  // namespace minigen
