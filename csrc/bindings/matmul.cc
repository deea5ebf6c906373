// Matrix products.
#include "bind.h"

namespace minigen {
namespace {

Matrix matrix(const Array& a) {
    a.expect_dims(2);
    constexpr index item = sizeof(float);
    return {a.data(), a.shape[0], a.shape[1], a.array.strides(0) / item, a.array.strides(1) / item};
}

void matmul(Object x_, Object y_, Object out_, const std::string& kernel) {
    const int which = rung("matmul", MATMUL_NAMES, MATMUL_RUNGS, kernel);
    const Array x = strided_input("x", x_), y = strided_input("y", y_), out = output("out", out_);
    const Matrix a = matrix(x), b = matrix(y);
    if (a.cols != b.rows)
        throw py::value_error("x " + text(x.shape) + " must have as many columns as y " + text(y.shape) + " has rows");
    out.expect({a.rows, b.cols});
    expect_apart({x, y, out});
    without_lock([&] { kernels().matmul[which](a, b, out.data()); });
}

}  // namespace

void bind_matmul(py::module_& m) {
    using namespace py::literals;
    m.def("matmul", matmul, "x"_a, "y"_a, "out"_a, "kernel"_a = "", "out = x y: (M, K) times (K, N), any strides.");
}

}  // namespace minigen
