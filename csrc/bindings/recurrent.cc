// Plain recurrent networks, LSTM and GRU over whole sequences.
#include "bind.h"

namespace minigen {
namespace {

// The sizes of a layer with w_ih (gates H, I) and w_hh (gates H, H) over T steps of N sequences.
Sequence sizes(const Array& steps, const Array& w_ih, const Array& w_hh, index gates, bool reverse) {
    steps.expect_dims(3);
    w_ih.expect_dims(2);
    w_hh.expect_dims(2);
    const index H = w_hh.shape[1];
    w_hh.expect({gates * H, H});
    w_ih.expect({gates * H, w_ih.shape[1]});
    return {steps.shape[0], steps.shape[1], w_ih.shape[1], H, reverse};
}

Shape kept_gates(const Sequence& s) { return {s.T, s.N, 4, (s.H + 15) / 16 * 16}; }

void rnn(Object x_, Object h_, Object w_ih_, Object w_hh_, Object b_, bool relu, bool reverse, Object hs_) {
    const Array x = input("x", x_), h = input("h", h_), w_ih = input("w_ih", w_ih_), w_hh = input("w_hh", w_hh_);
    const Array b = optional_input("b", b_), hs = output("hs", hs_);
    const Sequence s = sizes(x, w_ih, w_hh, 1, reverse);
    x.expect({s.T, s.N, s.I});
    h.expect({s.N, s.H});
    b.expect({s.H});
    hs.expect({s.T, s.N, s.H});
    expect_apart({x, h, w_ih, w_hh, b, hs});
    without_lock([&] { kernels().rnn({x.data(), h.data(), w_ih.data(), w_hh.data(), b.data(), hs.data(), relu}, s); });
}

void rnn_vjp(Object hs_, Object w_ih_, Object w_hh_, Object dhs_, bool relu, bool reverse, Object dg_, Object dx_, Object dh_) {
    const Array hs = input("hs", hs_), w_ih = input("w_ih", w_ih_), w_hh = input("w_hh", w_hh_), dhs = input("dhs", dhs_);
    const Array dg = output("dg", dg_), dx = optional_output("dx", dx_), dh = optional_output("dh", dh_);
    const Sequence s = sizes(hs, w_ih, w_hh, 1, reverse);
    for (const Array* a : {&hs, &dhs, &dg}) a->expect({s.T, s.N, s.H});
    dx.expect({s.T, s.N, s.I});
    dh.expect({s.N, s.H});
    expect_apart({hs, w_ih, w_hh, dhs, dg, dx, dh});
    without_lock([&] {
        kernels().rnn_vjp({hs.data(), w_ih.data(), w_hh.data(), dhs.data(), dg.data(), dx.data(), dh.data(), relu}, s);
    });
}

void lstm(Object x_, Object h_, Object c_, Object w_ih_, Object w_hh_, Object b_, bool reverse, Object hs_, Object gates_,
          Object cells_) {
    const Array x = input("x", x_), h = input("h", h_), c = input("c", c_), w_ih = input("w_ih", w_ih_);
    const Array w_hh = input("w_hh", w_hh_), b = optional_input("b", b_);
    const Array hs = output("hs", hs_), gates = output("gates", gates_), cells = output("cells", cells_);
    const Sequence s = sizes(x, w_ih, w_hh, 4, reverse);
    x.expect({s.T, s.N, s.I});
    for (const Array* a : {&h, &c}) a->expect({s.N, s.H});
    b.expect({4 * s.H});
    hs.expect({s.T, s.N, s.H});
    gates.expect(kept_gates(s));
    cells.expect({s.T + 1, s.N, s.H});
    expect_apart({x, h, c, w_ih, w_hh, b, hs, gates, cells});
    without_lock([&] {
        kernels().lstm({x.data(), h.data(), c.data(), w_ih.data(), w_hh.data(), b.data(), hs.data(), gates.data(), cells.data()},
                       s);
    });
}

void lstm_vjp(Object gates_, Object cells_, Object w_ih_, Object w_hh_, Object dhs_, Object dc_, bool reverse, Object dg_,
              Object dx_, Object dh_, Object dc0_) {
    const Array gates = input("gates", gates_), cells = input("cells", cells_), w_ih = input("w_ih", w_ih_);
    const Array w_hh = input("w_hh", w_hh_), dhs = optional_input("dhs", dhs_), dc = optional_input("dc", dc_);
    const Array dg = output("dg", dg_), dx = optional_output("dx", dx_), dh = optional_output("dh", dh_);
    const Array dc0 = output("dc0", dc0_);
    const Sequence s = sizes(dg, w_ih, w_hh, 4, reverse);
    gates.expect(kept_gates(s));
    cells.expect({s.T + 1, s.N, s.H});
    dhs.expect({s.T, s.N, s.H});
    dg.expect({s.T, s.N, 4 * s.H});
    dx.expect({s.T, s.N, s.I});
    for (const Array* a : {&dc, &dh, &dc0}) a->expect({s.N, s.H});
    expect_apart({gates, cells, w_ih, w_hh, dhs, dc, dg, dx, dh, dc0});
    without_lock([&] {
        kernels().lstm_vjp({gates.data(), cells.data(), w_ih.data(), w_hh.data(), dhs.data(), dc.data(), dg.data(), dx.data(),
                            dh.data(), dc0.data()},
                           s);
    });
}

void gru(Object x_, Object h_, Object w_ih_, Object w_hh_, Object b_ih_, Object b_hh_, bool reverse, Object hs_, Object gates_) {
    const Array x = input("x", x_), h = input("h", h_), w_ih = input("w_ih", w_ih_), w_hh = input("w_hh", w_hh_);
    const Array b_ih = optional_input("b_ih", b_ih_), b_hh = optional_input("b_hh", b_hh_);
    const Array hs = output("hs", hs_), gates = output("gates", gates_);
    const Sequence s = sizes(x, w_ih, w_hh, 3, reverse);
    x.expect({s.T, s.N, s.I});
    h.expect({s.N, s.H});
    for (const Array* a : {&b_ih, &b_hh}) a->expect({3 * s.H});
    hs.expect({s.T, s.N, s.H});
    gates.expect(kept_gates(s));
    expect_apart({x, h, w_ih, w_hh, b_ih, b_hh, hs, gates});
    without_lock([&] {
        kernels().gru({x.data(), h.data(), w_ih.data(), w_hh.data(), b_ih.data(), b_hh.data(), hs.data(), gates.data()}, s);
    });
}

void gru_vjp(Object gates_, Object hs_, Object h_, Object w_ih_, Object w_hh_, Object dhs_, bool reverse, Object da_, Object dg_,
             Object dx_, Object dh_) {
    const Array gates = input("gates", gates_), hs = input("hs", hs_), h = input("h", h_), w_ih = input("w_ih", w_ih_);
    const Array w_hh = input("w_hh", w_hh_), dhs = input("dhs", dhs_), da = output("da", da_), dg = output("dg", dg_);
    const Array dx = optional_output("dx", dx_), dh = optional_output("dh", dh_);
    const Sequence s = sizes(dg, w_ih, w_hh, 3, reverse);
    gates.expect(kept_gates(s));
    for (const Array* a : {&hs, &dhs}) a->expect({s.T, s.N, s.H});
    for (const Array* a : {&h, &dh}) a->expect({s.N, s.H});
    for (const Array* a : {&da, &dg}) a->expect({s.T, s.N, 3 * s.H});
    dx.expect({s.T, s.N, s.I});
    expect_apart({gates, hs, h, w_ih, w_hh, dhs, da, dg, dx, dh});
    without_lock([&] {
        kernels().gru_vjp({gates.data(), hs.data(), h.data(), w_ih.data(), w_hh.data(), dhs.data(), da.data(), dg.data(),
                           dx.data(), dh.data()},
                          s);
    });
}

}  // namespace

void bind_recurrent(py::module_& m) {
    using namespace py::literals;
    m.def("rnn", rnn, "x"_a, "h"_a, "w_ih"_a, "w_hh"_a, "b"_a.none(true), "relu"_a, "reverse"_a, "hs"_a,
          "x (T, N, I), w_ih (H, I), w_hh (H, H), b (H); writes all states, by relu or tanh.");
    m.def("rnn_vjp", rnn_vjp, "hs"_a, "w_ih"_a, "w_hh"_a, "dhs"_a, "relu"_a, "reverse"_a, "dg"_a, "dx"_a.none(true),
          "dh"_a.none(true), "dg (T, N, H) is the error before f; the gradients at x and h unless they are None.");
    m.def("lstm", lstm, "x"_a, "h"_a, "c"_a, "w_ih"_a, "w_hh"_a, "b"_a.none(true), "reverse"_a, "hs"_a, "gates"_a, "cells"_a,
          "x (T, N, I), w_ih (4H, I), w_hh (4H, H), b (4H); writes all states, activated gates (T, N, 4, H rounded up to a "
          "multiple of 16) in the kernel's own order, and cells (T + 1, N, H).");
    m.def("lstm_vjp", lstm_vjp, "gates"_a, "cells"_a, "w_ih"_a, "w_hh"_a, "dhs"_a.none(true), "dc"_a.none(true), "reverse"_a,
          "dg"_a, "dx"_a.none(true), "dh"_a.none(true), "dc0"_a,
          "dg (T, N, 4H) is the error before the gates; the gradients at x and h unless they are None, and at c.");
    m.def("gru", gru, "x"_a, "h"_a, "w_ih"_a, "w_hh"_a, "b_ih"_a.none(true), "b_hh"_a.none(true), "reverse"_a, "hs"_a, "gates"_a,
          "x (T, N, I), w_ih (3H, I), w_hh (3H, H), biases (3H); writes all states, and gates as lstm does.");
    m.def("gru_vjp", gru_vjp, "gates"_a, "hs"_a, "h"_a, "w_ih"_a, "w_hh"_a, "dhs"_a, "reverse"_a, "da"_a, "dg"_a,
          "dx"_a.none(true), "dh"_a.none(true),
          "da and dg (T, N, 3H) are the errors of W_ih x + b_ih and W_hh h + b_hh; the gradients at x and h unless None.");
}

}  // namespace minigen
