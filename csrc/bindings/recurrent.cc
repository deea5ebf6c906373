// LSTM and GRU over whole sequences.
#include "bind.h"

namespace minigen {
namespace {

// The sizes of a sequence whose inputs (T, N, gates H) have as many numbers per step as w (gates H, H) has rows.
Sequence sizes(const Array& x, const Array& w, index gates, bool reverse) {
    x.expect_dims(3);
    w.expect_dims(2);
    const index H = w.shape[1];
    w.expect({gates * H, H});
    x.expect({x.shape[0], x.shape[1], gates * H});
    return {x.shape[0], x.shape[1], H, reverse};
}

void lstm(Object x_, Object h_, Object c_, Object w_, bool reverse, Object hs_, Object gates_, Object cells_) {
    const Array x = input("x", x_), h = input("h", h_), c = input("c", c_), w = input("w", w_);
    const Array hs = output("hs", hs_), gates = output("gates", gates_), cells = output("cells", cells_);
    const Sequence s = sizes(x, w, 4, reverse);
    for (const Array* a : {&h, &c}) a->expect({s.N, s.H});
    hs.expect({s.T, s.N, s.H});
    gates.expect(x.shape);
    cells.expect({s.T + 1, s.N, s.H});
    expect_apart({x, h, c, w, hs, gates, cells});
    without_lock([&] {
        kernels().lstm({x.data(), h.data(), c.data(), w.data(), hs.data(), gates.data(), cells.data()}, s);
    });
}

void lstm_vjp(Object gates_, Object cells_, Object w_, Object dhs_, Object dc_, bool reverse, Object dx_, Object dh_,
              Object dc0_) {
    const Array gates = input("gates", gates_), cells = input("cells", cells_), w = input("w", w_);
    const Array dhs = optional_input("dhs", dhs_), dc = optional_input("dc", dc_);
    const Array dx = output("dx", dx_), dh = output("dh", dh_), dc0 = output("dc0", dc0_);
    const Sequence s = sizes(gates, w, 4, reverse);
    cells.expect({s.T + 1, s.N, s.H});
    dhs.expect({s.T, s.N, s.H});
    dx.expect(gates.shape);
    for (const Array* a : {&dc, &dh, &dc0}) a->expect({s.N, s.H});
    expect_apart({gates, cells, w, dhs, dc, dx, dh, dc0});
    without_lock([&] {
        kernels().lstm_vjp(
            {gates.data(), cells.data(), w.data(), dhs.data(), dc.data(), dx.data(), dh.data(), dc0.data()}, s);
    });
}

void gru(Object x_, Object h_, Object w_, Object b_, bool reverse, Object hs_, Object gates_) {
    const Array x = input("x", x_), h = input("h", h_), w = input("w", w_), b = optional_input("b", b_);
    const Array hs = output("hs", hs_), gates = output("gates", gates_);
    const Sequence s = sizes(x, w, 3, reverse);
    h.expect({s.N, s.H});
    b.expect({3 * s.H});
    hs.expect({s.T, s.N, s.H});
    gates.expect({s.T, s.N, 4 * s.H});
    expect_apart({x, h, w, b, hs, gates});
    without_lock([&] { kernels().gru({x.data(), h.data(), w.data(), b.data(), hs.data(), gates.data()}, s); });
}

void gru_vjp(Object gates_, Object hs_, Object h_, Object w_, Object dhs_, bool reverse, Object dx_, Object dg_, Object dh_) {
    const Array gates = input("gates", gates_), hs = input("hs", hs_), h = input("h", h_), w = input("w", w_);
    const Array dhs = input("dhs", dhs_), dx = output("dx", dx_), dg = output("dg", dg_), dh = output("dh", dh_);
    const Sequence s = sizes(dx, w, 3, reverse);
    gates.expect({s.T, s.N, 4 * s.H});
    for (const Array* a : {&hs, &dhs}) a->expect({s.T, s.N, s.H});
    for (const Array* a : {&h, &dh}) a->expect({s.N, s.H});
    dg.expect(dx.shape);
    expect_apart({gates, hs, h, w, dhs, dx, dg, dh});
    without_lock([&] {
        kernels().gru_vjp(
            {gates.data(), hs.data(), h.data(), w.data(), dhs.data(), dx.data(), dg.data(), dh.data()}, s);
    });
}

}  // namespace

void bind_recurrent(py::module_& m) {
    using namespace py::literals;
    m.def("lstm", lstm, "x"_a, "h"_a, "c"_a, "w"_a, "reverse"_a, "hs"_a, "gates"_a, "cells"_a,
          "x (T, N, 4H) is W_ih x + b, w is W_hh (4H, H); writes all states, activated gates, and cells (T + 1, N, H).");
    m.def("lstm_vjp", lstm_vjp, "gates"_a, "cells"_a, "w"_a, "dhs"_a.none(true), "dc"_a.none(true), "reverse"_a, "dx"_a,
          "dh"_a, "dc0"_a);
    m.def("gru", gru, "x"_a, "h"_a, "w"_a, "b"_a.none(true), "reverse"_a, "hs"_a, "gates"_a,
          "x (T, N, 3H) is W_ih x + b_ih, w is W_hh (3H, H), b is b_hh; writes all states, and gates (T, N, 4H).");
    m.def("gru_vjp", gru_vjp, "gates"_a, "hs"_a, "h"_a, "w"_a, "dhs"_a, "reverse"_a, "dx"_a, "dg"_a, "dh"_a);
}

}  // namespace minigen
