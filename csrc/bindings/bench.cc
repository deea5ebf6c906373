// For benchmarks: the processor's limits, kernels run several times per call, and another library's matrix product.
#include "bind.h"
#include "../support/pool.h"

namespace minigen {
namespace {

index multiply_add(index steps) {
    index operations = 0;
    without_lock([&] { operations = kernels().multiply_add(steps); });
    return operations;
}

float read_all(Object x_) {
    const Array x = input("x", x_);
    float sum = 0;
    without_lock([&] { sum = kernels().read_all(x.data(), x.size()); });
    return sum;
}

void triad(Object x_, Object y_, float scale, Object out_) {
    const Array x = input("x", x_), y = input("y", y_), out = output("out", out_);
    y.expect(x.shape);
    out.expect(x.shape);
    expect_apart({x, y, out});
    without_lock([&] { kernels().triad(x.data(), y.data(), scale, out.data(), x.size()); });
}

// SGEMM as Fortran calls it, with integers of 32 or 64 bits. It counts columns first: z = x y there is z^T = y^T x^T here.
template <class Int> void call_sgemm(uintptr_t address, const Matrix& x, const Matrix& y, float* out) {
    typedef void Sgemm(const char*, const char*, const Int*, const Int*, const Int*, const float*, const float*, const Int*,
                       const float*, const Int*, const float*, float*, const Int*);
    const Int m = static_cast<Int>(x.rows), k = static_cast<Int>(x.cols), n = static_cast<Int>(y.cols);
    const auto step = [](const Matrix& a) { return static_cast<Int>(a.col_stride == 1 ? a.row_stride : a.col_stride); };
    const char of_y = y.col_stride == 1 ? 'N' : 'T', of_x = x.col_stride == 1 ? 'N' : 'T';
    const Int ldy = step(y), ldx = step(x);
    const float one = 1, zero = 0;
    reinterpret_cast<Sgemm*>(address)(&of_y, &of_x, &n, &m, &k, &one, y.data, &ldy, x.data, &ldx, &zero, out, &n);
}

Matrix blas_matrix(const Array& a) {
    a.expect_dims(2);
    const index row = a.array.strides(0) / 4, col = a.array.strides(1) / 4;
    if (!(col == 1 && row >= a.shape[1]) && !(row == 1 && col >= a.shape[0]))
        throw py::value_error(a.name() + " must have contiguous rows or contiguous columns");
    return {a.data(), a.shape[0], a.shape[1], row, col};
}

void peer_matmul(uintptr_t address, bool wide, Object x_, Object y_, Object out_) {
    const Array x = strided_input("x", x_), y = strided_input("y", y_), out = output("out", out_);
    const Matrix a = blas_matrix(x), b = blas_matrix(y);
    if (a.cols != b.rows)
        throw py::value_error("x " + text(x.shape) + " must have as many columns as y " + text(y.shape) + " has rows");
    out.expect({a.rows, b.cols});
    expect_apart({x, y, out});
    without_lock([&] { (wide ? call_sgemm<int64_t> : call_sgemm<int32_t>)(address, a, b, out.data()); });
}

void set_repeats(long calls) {
    if (calls < 0) throw py::value_error("calls must not be negative, got " + std::to_string(calls));
    repeat().calls = calls;
}

}  // namespace

void bind_bench(py::module_& m) {
    using namespace py::literals;
    m.def("set_repeats", set_repeats, "calls"_a,
          "From now on this thread runs each kernel `calls` times per call and takes the time; 0: once, without a clock.");
    m.def("seconds", [] { return repeat().seconds; }, "How long the last repeated kernel took, all its runs together.");
    m.def("multiply_add", multiply_add, "steps"_a, "Multiplies and adds in registers on every thread; returns how often.");
    m.def("read_all", read_all, "x"_a, "The sum of x.");
    m.def("triad", triad, "x"_a, "y"_a, "scale"_a, "out"_a, "out = x + scale y.");
    m.def("peer_matmul", peer_matmul, "address"_a, "wide"_a, "x"_a, "y"_a, "out"_a,
          "out = x y by the Fortran SGEMM at `address` in this process; `wide`: its integers have 64 bits.");
}

}  // namespace minigen
