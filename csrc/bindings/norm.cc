// Normalisation.
#include "bind.h"

namespace minigen {
namespace {

Channels channels(const Array& x) {
    x.expect_dims(3);
    return {x.shape[0], x.shape[1], x.shape[2]};
}

void batch_norm(Object x_, Object weight_, Object bias_, double eps, Object y_, Object mean_, Object var_, Object rstd_) {
    const Array x = input("x", x_), weight = optional_input("weight", weight_), bias = optional_input("bias", bias_);
    const Array y = output("y", y_), mean = output("mean", mean_), var = output("var", var_), rstd = output("rstd", rstd_);
    const Channels s = channels(x);
    y.expect(x.shape);
    for (const Array* a : {&weight, &bias, &mean, &var, &rstd}) a->expect({s.C});
    expect_apart({x, weight, bias, y, mean, var, rstd});
    without_lock([&] {
        kernels().batch_norm(x.data(), weight.data(), bias.data(), eps, y.data(), mean.data(), var.data(), rstd.data(), s);
    });
}

void batch_norm_vjp(Object delta_, Object x_, Object mean_, Object rstd_, Object weight_, Object dx_, Object dweight_,
                    Object dbias_) {
    const Array delta = input("delta", delta_), x = input("x", x_), mean = input("mean", mean_), rstd = input("rstd", rstd_);
    const Array weight = optional_input("weight", weight_), dx = optional_output("dx", dx_);
    const Array dweight = optional_output("dweight", dweight_), dbias = optional_output("dbias", dbias_);
    const Channels s = channels(x);
    delta.expect(x.shape);
    dx.expect(x.shape);
    for (const Array* a : {&mean, &rstd, &weight, &dweight, &dbias}) a->expect({s.C});
    expect_apart({delta, x, mean, rstd, weight, dx, dweight, dbias});
    without_lock([&] {
        kernels().batch_norm_vjp(delta.data(), x.data(), mean.data(), rstd.data(), weight.data(), dx.data(), dweight.data(),
                                 dbias.data(), s);
    });
}

Groups groups(const Array& x, index G, bool silu) {
    const Channels s = channels(x);
    if (G < 0 || (G == 0 ? s.C != 0 : s.C % G != 0))
        throw py::value_error("groups " + std::to_string(G) + " must divide the channels of x " + text(x.shape));
    return {s.N, s.C, s.S, G, silu};
}

void group_norm(Object x_, Object weight_, Object bias_, index G, double eps, bool silu, Object y_, Object mean_,
                Object rstd_) {
    const Array x = input("x", x_), weight = optional_input("weight", weight_), bias = optional_input("bias", bias_);
    const Array y = output("y", y_), mean = output("mean", mean_), rstd = output("rstd", rstd_);
    const Groups s = groups(x, G, silu);
    y.expect(x.shape);
    for (const Array* a : {&weight, &bias}) a->expect({s.C});
    mean.expect({s.N, G, 2});
    rstd.expect({s.N, G});
    expect_apart({x, weight, bias, y, mean, rstd});
    without_lock([&] {
        kernels().group_norm(x.data(), weight.data(), bias.data(), eps, y.data(), mean.data(), rstd.data(), s);
    });
}

void group_norm_vjp(Object delta_, Object x_, Object mean_, Object rstd_, Object weight_, Object bias_, index G, bool silu,
                    Object dx_, Object dweight_, Object dbias_) {
    const Array delta = input("delta", delta_), x = input("x", x_), mean = input("mean", mean_), rstd = input("rstd", rstd_);
    const Array weight = optional_input("weight", weight_), bias = optional_input("bias", bias_);
    const Array dx = optional_output("dx", dx_), dweight = optional_output("dweight", dweight_);
    const Array dbias = optional_output("dbias", dbias_);
    const Groups s = groups(x, G, silu);
    delta.expect(x.shape);
    dx.expect(x.shape);
    mean.expect({s.N, G, 2});
    rstd.expect({s.N, G});
    for (const Array* a : {&weight, &bias, &dweight, &dbias}) a->expect({s.C});
    expect_apart({delta, x, mean, rstd, weight, bias, dx, dweight, dbias});
    without_lock([&] {
        kernels().group_norm_vjp(delta.data(), x.data(), mean.data(), rstd.data(), weight.data(), bias.data(), dx.data(),
                                 dweight.data(), dbias.data(), s);
    });
}

}  // namespace

void bind_norm(py::module_& m) {
    using namespace py::literals;
    m.def("batch_norm", batch_norm, "x"_a, "weight"_a.none(true), "bias"_a.none(true), "eps"_a, "y"_a, "mean"_a, "var"_a,
          "rstd"_a, "Normalises x (N, C, S) per channel; writes y, mean, biased var and rstd = 1 / sqrt(var + eps).");
    m.def("batch_norm_vjp", batch_norm_vjp, "delta"_a, "x"_a, "mean"_a, "rstd"_a, "weight"_a.none(true), "dx"_a.none(true),
          "dweight"_a.none(true), "dbias"_a.none(true), "The gradients of batch_norm that are not None.");
    m.def("group_norm", group_norm, "x"_a, "weight"_a.none(true), "bias"_a.none(true), "groups"_a, "eps"_a, "silu"_a, "y"_a,
          "mean"_a, "rstd"_a,
          "Normalises each sample's groups of channels of x (N, C, S), then perhaps SiLU; writes y, rstd (N, groups) and the "
          "mean (N, groups, 2) in two parts.");
    m.def("group_norm_vjp", group_norm_vjp, "delta"_a, "x"_a, "mean"_a, "rstd"_a, "weight"_a.none(true), "bias"_a.none(true),
          "groups"_a, "silu"_a, "dx"_a.none(true), "dweight"_a.none(true), "dbias"_a.none(true),
          "The gradients of group_norm that are not None.");
}

}  // namespace minigen
