// Softmax, cross-entropy and layer normalisation along the rows of a matrix.
#include <pybind11/stl.h>

#include <optional>

#include "bind.h"

namespace minigen {
namespace {

void rows(Rows* kernel, Object x_, Object out_) {
    const Array x = input("x", x_), out = output("out", out_);
    x.expect_dims(2);
    out.expect(x.shape);
    expect_apart({x, out});
    without_lock([&] { kernel(x.data(), out.data(), x.shape[0], x.shape[1]); });
}

void rows_vjp(RowsVjp* kernel, Object delta_, Object y_, Object out_) {
    const Array delta = input("delta", delta_), y = input("y", y_), out = output("out", out_);
    y.expect_dims(2);
    delta.expect(y.shape);
    out.expect(y.shape);
    expect_apart({delta, y, out});
    without_lock([&] { kernel(delta.data(), y.data(), out.data(), y.shape[0], y.shape[1]); });
}

void expect_labels(const Array& labels, index rows, index classes) {
    labels.expect({rows});
    const int64_t* k = labels.data<int64_t>();
    for (index r = 0; r < rows; ++r)
        if (k[r] < 0 || k[r] >= classes)
            throw py::index_error("labels[" + std::to_string(r) + "] is " + std::to_string(k[r]) + ", not one of the " +
                                  std::to_string(classes) + " classes 0 to " + std::to_string(classes - 1));
}

void cross_entropy(Object x_, Object labels_, Object loss_, Object top_, Object log_sum_) {
    const Array x = input("x", x_), labels = integers("labels", labels_), loss = output("loss", loss_);
    const Array top = output("top", top_), log_sum = output("log_sum", log_sum_);
    x.expect_dims(2);
    for (const Array* a : {&loss, &top, &log_sum}) a->expect({x.shape[0]});
    expect_apart({x, labels, loss, top, log_sum});
    expect_labels(labels, x.shape[0], x.shape[1]);
    without_lock([&] {
        kernels().cross_entropy(x.data(), labels.data<int64_t>(), loss.data(), top.data(), log_sum.data(), x.shape[0],
                                x.shape[1]);
    });
}

void cross_entropy_vjp(Object delta_, Object x_, Object labels_, Object top_, Object log_sum_, Object dx_) {
    const Array delta = input("delta", delta_), x = input("x", x_), labels = integers("labels", labels_);
    const Array top = input("top", top_), log_sum = input("log_sum", log_sum_), dx = output("dx", dx_);
    x.expect_dims(2);
    dx.expect(x.shape);
    for (const Array* a : {&delta, &top, &log_sum}) a->expect({x.shape[0]});
    expect_apart({delta, x, labels, top, log_sum, dx});
    expect_labels(labels, x.shape[0], x.shape[1]);
    without_lock([&] {
        kernels().cross_entropy_vjp(delta.data(), x.data(), labels.data<int64_t>(), top.data(), log_sum.data(), dx.data(),
                                    x.shape[0], x.shape[1]);
    });
}

void layer_norm(Object x_, Object weight_, Object bias_, double eps, Object y_, Object mean_, Object rstd_) {
    const Array x = input("x", x_), weight = optional_input("weight", weight_), bias = optional_input("bias", bias_);
    const Array y = output("y", y_), mean = output("mean", mean_), rstd = output("rstd", rstd_);
    x.expect_dims(2);
    y.expect(x.shape);
    for (const Array* a : {&weight, &bias}) a->expect({x.shape[1]});
    mean.expect({x.shape[0], 2});
    rstd.expect({x.shape[0]});
    expect_apart({x, weight, bias, y, mean, rstd});
    without_lock([&] {
        kernels().layer_norm(x.data(), weight.data(), bias.data(), eps, y.data(), mean.data(), rstd.data(), x.shape[0],
                             x.shape[1]);
    });
}

void layer_norm_vjp(Object delta_, Object x_, Object mean_, Object rstd_, Object weight_, Object dx_, Object dweight_,
                    Object dbias_) {
    const Array delta = input("delta", delta_), x = input("x", x_), mean = input("mean", mean_), rstd = input("rstd", rstd_);
    const Array weight = optional_input("weight", weight_), dx = optional_output("dx", dx_);
    const Array dweight = optional_output("dweight", dweight_), dbias = optional_output("dbias", dbias_);
    x.expect_dims(2);
    delta.expect(x.shape);
    dx.expect(x.shape);
    mean.expect({x.shape[0], 2});
    rstd.expect({x.shape[0]});
    for (const Array* a : {&weight, &dweight, &dbias}) a->expect({x.shape[1]});
    expect_apart({delta, x, mean, rstd, weight, dx, dweight, dbias});
    without_lock([&] {
        kernels().layer_norm_vjp(delta.data(), x.data(), mean.data(), rstd.data(), weight.data(), dx.data(), dweight.data(),
                                 dbias.data(), x.shape[0], x.shape[1]);
    });
}

void expect_rows(const Array& ids, index rows) {
    const int64_t* k = ids.data<int64_t>();
    for (index r = 0; r < ids.shape[0]; ++r)
        if (k[r] < 0 || k[r] >= rows)
            throw py::index_error("ids[" + std::to_string(r) + "] is " + std::to_string(k[r]) + ", not one of the " +
                                  std::to_string(rows) + " rows 0 to " + std::to_string(rows - 1));
}

void embedding(Object w_, Object ids_, Object out_) {
    const Array w = input("w", w_), ids = integers("ids", ids_), out = output("out", out_);
    w.expect_dims(2);
    ids.expect_dims(1);
    out.expect({ids.shape[0], w.shape[1]});
    expect_apart({w, ids, out});
    expect_rows(ids, w.shape[0]);
    without_lock([&] { kernels().embedding(w.data(), ids.data<int64_t>(), out.data(), ids.shape[0], w.shape[1]); });
}

void embedding_vjp(Object delta_, Object ids_, const std::optional<index>& padding, Object dw_) {
    const Array delta = input("delta", delta_), ids = integers("ids", ids_), dw = output("dw", dw_);
    dw.expect_dims(2);
    ids.expect_dims(1);
    delta.expect({ids.shape[0], dw.shape[1]});
    expect_apart({delta, ids, dw});
    expect_rows(ids, dw.shape[0]);
    without_lock([&] {
        kernels().embedding_vjp(delta.data(), ids.data<int64_t>(), padding.value_or(-1), dw.data(), ids.shape[0],
                                dw.shape[0], dw.shape[1]);
    });
}

}  // namespace

void bind_rows(py::module_& m) {
    using namespace py::literals;
    m.def("softmax", [](Object x, Object out) { rows(kernels().softmax, x, out); }, "x"_a, "out"_a, "Along rows.");
    m.def("log_softmax", [](Object x, Object out) { rows(kernels().log_softmax, x, out); }, "x"_a, "out"_a, "Along rows.");
    m.def("softmax_vjp", [](Object delta, Object y, Object out) { rows_vjp(kernels().softmax_vjp, delta, y, out); },
          "delta"_a, "y"_a, "out"_a);
    m.def("log_softmax_vjp", [](Object delta, Object y, Object out) { rows_vjp(kernels().log_softmax_vjp, delta, y, out); },
          "delta"_a, "y"_a, "out"_a);
    m.def("cross_entropy", cross_entropy, "x"_a, "labels"_a, "loss"_a, "top"_a, "log_sum"_a,
          "-log softmax(x) at each row's label; also writes the row's maximum and log sum e^(x - maximum).");
    m.def("cross_entropy_vjp", cross_entropy_vjp, "delta"_a, "x"_a, "labels"_a, "top"_a, "log_sum"_a, "dx"_a);
    m.def("embedding", embedding, "w"_a, "ids"_a, "out"_a, "The rows of w that ids names.");
    m.def("embedding_vjp", embedding_vjp, "delta"_a, "ids"_a, "padding"_a.none(true), "dw"_a,
          "For each row of dw the sum of delta's rows with its number; zeros for the row `padding`.");
    m.def("layer_norm", layer_norm, "x"_a, "weight"_a.none(true), "bias"_a.none(true), "eps"_a, "y"_a, "mean"_a, "rstd"_a,
          "Normalises each row; the mean (rows, 2) is a sum of two floats.");
    m.def("layer_norm_vjp", layer_norm_vjp, "delta"_a, "x"_a, "mean"_a, "rstd"_a, "weight"_a.none(true), "dx"_a.none(true),
          "dweight"_a.none(true), "dbias"_a.none(true), "The gradients of layer_norm that are not None.");
}

}  // namespace minigen
