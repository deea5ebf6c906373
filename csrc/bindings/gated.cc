// WaveNet's gated residual unit.
#include <cmath>

#include "bind.h"

namespace minigen {
namespace {

// x (N, T, C), w (2G, C, K), w_out (C, G) and w_skip (S, G) fit together.
Gated sizes(const Array& x, const Array& w, const Array& w_out, const Array& w_skip, index dilation) {
    for (const Array* a : {&x, &w}) a->expect_dims(3);
    w_skip.expect_dims(2);
    const Gated s{x.shape[0], x.shape[1], x.shape[2], w.shape[0] / 2, w_skip.shape[0], w.shape[2], dilation};
    if (w.shape[0] % 2) throw py::value_error("w must have an even number of filters, half for tanh, got " + text(w.shape));
    if (s.K < 1) throw py::value_error("w must have a kernel of at least 1, got the shape " + text(w.shape));
    if (dilation < 1 || dilation > index(1) << 31)
        throw py::value_error("dilation must lie in [1, 2^31], got " + std::to_string(dilation));
    w.expect({2 * s.G, s.C, s.K});
    w_out.expect({s.C, s.G});
    w_skip.expect({s.S, s.G});
    const double channels = double(s.C) + s.G + s.S + 64;
    if ((double(s.N) * s.T + double(s.C) * s.K + s.S) * channels > 1e15 || s.K > index(1) << 31) throw std::bad_alloc();
    return s;
}

void gated_residual(Object x_, Object skip_, Object w_, Object b_, Object w_out_, Object b_out_, Object w_skip_, Object b_skip_,
                    index dilation, Object out_, Object total_, Object gates_) {
    const Array x = input("x", x_), skip = optional_input("skip", skip_), w = input("w", w_), b = optional_input("b", b_);
    const Array w_out = optional_input("w_out", w_out_), b_out = optional_input("b_out", b_out_);
    const Array w_skip = input("w_skip", w_skip_), b_skip = optional_input("b_skip", b_skip_);
    const Array out = optional_output("out", out_), total = output("total", total_), gates = output("gates", gates_);
    const Gated s = sizes(x, w, w_out, w_skip, dilation);
    if (!w_out.array != !out.array) throw py::value_error("w_out and out must both be arrays, or both None");
    b.expect({2 * s.G});
    b_out.expect({s.C});
    b_skip.expect({s.S});
    out.expect(x.shape);
    for (const Array* a : {&skip, &total}) a->expect({s.N, s.T, s.S});
    gates.expect({s.N, s.T, 2 * s.G});
    expect_apart({x, skip, w, b, w_out, b_out, w_skip, b_skip, out, total, gates});
    without_lock([&] {
        kernels().gated_residual({x.data(), skip.data(), w.data(), b.data(), w_out.data(), b_out.data(), w_skip.data(),
                                  b_skip.data(), out.data(), total.data(), gates.data()}, s);
    });
}

void gated_residual_vjp(Object x_, Object gates_, Object w_, Object w_out_, Object w_skip_, Object dout_, Object dtotal_,
                        index dilation, Object dx_, Object dw_, Object db_, Object dw_out_, Object db_out_, Object dw_skip_,
                        Object db_skip_) {
    const Array x = input("x", x_), gates = input("gates", gates_), w = input("w", w_);
    const Array w_out = optional_input("w_out", w_out_), w_skip = input("w_skip", w_skip_);
    const Array dout = optional_input("dout", dout_), dtotal = optional_input("dtotal", dtotal_);
    const Array dx = optional_output("dx", dx_), dw = optional_output("dw", dw_), db = optional_output("db", db_);
    const Array dw_out = optional_output("dw_out", dw_out_), db_out = optional_output("db_out", db_out_);
    const Array dw_skip = optional_output("dw_skip", dw_skip_), db_skip = optional_output("db_skip", db_skip_);
    const Gated s = sizes(x, w, w_out, w_skip, dilation);
    if (dout.array && !w_out.array) throw py::value_error("dout needs w_out, got None");
    gates.expect({s.N, s.T, 2 * s.G});
    for (const Array* a : {&dout, &dx}) a->expect(x.shape);
    dtotal.expect({s.N, s.T, s.S});
    dw.expect(w.shape);
    db.expect({2 * s.G});
    dw_out.expect({s.C, s.G});
    db_out.expect({s.C});
    dw_skip.expect({s.S, s.G});
    db_skip.expect({s.S});
    expect_apart({x, gates, w, w_out, w_skip, dout, dtotal, dx, dw, db, dw_out, db_out, dw_skip, db_skip});
    without_lock([&] {
        kernels().gated_residual_vjp(
            {x.data(), gates.data(), w.data(), w_out.data(), w_skip.data(), dout.data(), dtotal.data(), dx.data(), dw.data(),
             db.data(), dw_out.data(), db_out.data(), dw_skip.data(), db_skip.data()}, s);
    });
}

}  // namespace

void bind_gated(py::module_& m) {
    using namespace py::literals;
    m.def("gated_residual", gated_residual, "x"_a, "skip"_a.none(true), "w"_a, "b"_a.none(true), "w_out"_a.none(true),
          "b_out"_a.none(true), "w_skip"_a, "b_skip"_a.none(true), "dilation"_a, "out"_a.none(true), "total"_a, "gates"_a,
          "WaveNet's unit for x (N, T, C); writes out, total, and gates (N, T, 2G): tanh, then sigmoid.");
    m.def("gated_residual_vjp", gated_residual_vjp, "x"_a, "gates"_a, "w"_a, "w_out"_a.none(true), "w_skip"_a,
          "dout"_a.none(true), "dtotal"_a.none(true), "dilation"_a, "dx"_a.none(true), "dw"_a.none(true),
          "db"_a.none(true), "dw_out"_a.none(true),
          "db_out"_a.none(true), "dw_skip"_a.none(true), "db_skip"_a.none(true), "Its gradients that are not None.");
}

}  // namespace minigen
