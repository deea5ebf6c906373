// Activations and losses, element by element.
#include "bind.h"

namespace minigen {
namespace {

void unary(Unary* kernel, Object x_, Object out_) {
    const Array x = input("x", x_), out = output("out", out_);
    out.expect(x.shape);
    expect_apart({x, out});
    without_lock([&] { kernel(x.data(), out.data(), x.size()); });
}

void binary(Binary* kernel, const char* first, const char* second, Object a_, Object b_, Object out_) {
    const Array a = input(first, a_), b = input(second, b_), out = output("out", out_);
    b.expect(a.shape);
    out.expect(a.shape);
    expect_apart({a, b, out});
    without_lock([&] { kernel(a.data(), b.data(), out.data(), a.size()); });
}

void leaky_relu(Object x_, float slope, Object out_) {
    const Array x = input("x", x_), out = output("out", out_);
    out.expect(x.shape);
    expect_apart({x, out});
    without_lock([&] { kernels().leaky_relu(x.data(), slope, out.data(), x.size()); });
}

void leaky_relu_vjp(Object delta_, Object x_, float slope, Object out_) {
    const Array delta = input("delta", delta_), x = input("x", x_), out = output("out", out_);
    x.expect(delta.shape);
    out.expect(delta.shape);
    expect_apart({delta, x, out});
    without_lock([&] { kernels().leaky_relu_vjp(delta.data(), x.data(), slope, out.data(), x.size()); });
}

void bce_vjp(Object delta_, Object x_, Object y_, Object dx_, Object dy_) {
    const Array delta = input("delta", delta_), x = input("x", x_), y = input("y", y_);
    const Array dx = optional_output("dx", dx_), dy = optional_output("dy", dy_);
    for (const Array* a : {&delta, &y, &dx, &dy}) a->expect(x.shape);
    expect_apart({delta, x, y, dx, dy});
    without_lock([&] { kernels().bce_vjp(delta.data(), x.data(), y.data(), dx.data(), dy.data(), x.size()); });
}

}  // namespace

void bind_elementwise(py::module_& m) {
    using namespace py::literals;
    m.def("relu", [](Object x, Object out) { unary(kernels().relu, x, out); }, "x"_a, "out"_a);
    m.def("tanh", [](Object x, Object out) { unary(kernels().tanh, x, out); }, "x"_a, "out"_a);
    m.def("sigmoid", [](Object x, Object out) { unary(kernels().sigmoid, x, out); }, "x"_a, "out"_a);
    m.def("relu_vjp", [](Object delta, Object y, Object out) { binary(kernels().relu_vjp, "delta", "y", delta, y, out); },
          "delta"_a, "y"_a, "out"_a);
    m.def("tanh_vjp", [](Object delta, Object y, Object out) { binary(kernels().tanh_vjp, "delta", "y", delta, y, out); },
          "delta"_a, "y"_a, "out"_a);
    m.def("sigmoid_vjp",
          [](Object delta, Object y, Object out) { binary(kernels().sigmoid_vjp, "delta", "y", delta, y, out); }, "delta"_a,
          "y"_a, "out"_a);
    // Smooth activations; their vector-Jacobian products take the input again.
    const auto smooth = [&](const char* name, const char* vjp, Unary* Kernels::*forward, Binary* Kernels::*back) {
        m.def(name, [=](Object x, Object out) { unary(kernels().*forward, x, out); }, "x"_a, "out"_a);
        m.def(vjp, [=](Object delta, Object x, Object out) { binary(kernels().*back, "delta", "x", delta, x, out); },
              "delta"_a, "x"_a, "out"_a);
    };
    smooth("gelu", "gelu_vjp", &Kernels::gelu, &Kernels::gelu_vjp);
    smooth("gelu_tanh", "gelu_tanh_vjp", &Kernels::gelu_tanh, &Kernels::gelu_tanh_vjp);
    smooth("silu", "silu_vjp", &Kernels::silu, &Kernels::silu_vjp);
    smooth("softplus", "softplus_vjp", &Kernels::softplus, &Kernels::softplus_vjp);
    m.def("leaky_relu", leaky_relu, "x"_a, "slope"_a, "out"_a);
    m.def("leaky_relu_vjp", leaky_relu_vjp, "delta"_a, "x"_a, "slope"_a, "out"_a);
    m.def("bce_with_logits", [](Object x, Object y, Object out) { binary(kernels().bce, "x", "y", x, y, out); }, "x"_a, "y"_a,
          "out"_a);
    m.def("bce_with_logits_vjp", bce_vjp, "delta"_a, "x"_a, "y"_a, "dx"_a.none(true), "dy"_a.none(true));
}

}  // namespace minigen
