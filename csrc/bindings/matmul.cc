// Matrix products, one or a batch of them.
#include "../support/pool.h"
#include "bind.h"

#include <algorithm>

namespace minigen {
namespace {

constexpr index ITEM = sizeof(float);

// The matrices in the last two axes of an array; its leading axes count them. An axis of stride 0 repeats one matrix.
struct Batch {
    Matrix first;
    Shape counts, strides;

    explicit Batch(const Array& a) {
        const index lead = static_cast<index>(a.shape.size()) - 2;
        if (lead < 0) a.expect_dims(2);
        first = {a.data(), a.shape[lead], a.shape[lead + 1], a.array.strides(lead) / ITEM, a.array.strides(lead + 1) / ITEM};
        for (index axis = 0; axis < lead; ++axis) {
            counts.push_back(a.shape[axis]);
            strides.push_back(a.array.strides(axis) / ITEM);
        }
    }
    Matrix at(index i) const {  // i counts as if the matrices lay in C's order
        Matrix m = first;
        for (size_t axis = counts.size(); axis-- > 0; i /= counts[axis]) m.data += i % counts[axis] * strides[axis];
        return m;
    }
};

Activation activation_named(const std::string& name) {
    const char* const known[] = {"none", "relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu"};
    for (int i = 0; i < 7; ++i)
        if (name == known[i]) return static_cast<Activation>(i);
    throw py::value_error("activation must be none, relu, leaky_relu, tanh, sigmoid, gelu or silu, got '" + name + "'");
}

// The epilogue of a rung that has none: passes over memory.
void finish(float* z, index M, index N, const Epilogue& e) {
    if (e.column_bias)
        for (index i = 0; i < M * N; ++i) z[i] += e.column_bias[i % N];
    const Kernels& k = kernels();
    Unary* const f[] = {nullptr, k.relu, nullptr, k.tanh, k.sigmoid, k.gelu, k.silu};
    if (e.activation == Activation::leaky_relu) k.leaky_relu(z, e.slope, z, M * N);
    else if (e.activation != Activation::none) f[static_cast<int>(e.activation)](z, z, M * N);
}

void matmul(Object x_, Object y_, Object out_, const std::string& kernel, Object bias_, const std::string& activation,
            float slope, bool accumulate) {
    const int which = rung("matmul", MATMUL_NAMES, MATMUL_RUNGS, kernel);
    const Array x = strided_input("x", x_), y = strided_input("y", y_), out = output("out", out_);
    const Array bias = optional_input("bias", bias_);
    const Batch a(x), b(y);
    const index M = a.first.rows, N = b.first.cols;
    if (a.first.cols != b.first.rows)
        throw py::value_error("x " + text(x.shape) + " must have as many columns as y " + text(y.shape) + " has rows");
    if (a.counts != b.counts)
        throw py::value_error("x " + text(x.shape) + " and y " + text(y.shape) + " must agree in all axes before the last two");
    Shape wanted = a.counts;
    wanted.insert(wanted.end(), {M, N});
    out.expect(wanted);
    bias.expect({N});
    expect_apart({x, y, bias, out});
    Epilogue epilogue;
    epilogue.column_bias = bias.data();
    epilogue.activation = activation_named(activation);
    epilogue.slope = slope;
    epilogue.accumulate = accumulate;
    const bool production = which == MATMUL_RUNGS - 1;
    if (accumulate && !production) throw py::value_error("accumulate needs the last rung, got '" + kernel + "'");
    index count = 1;
    for (index n : a.counts) count *= n;
    const auto one = [&](index i) {
        float* const z = out.data() + i * M * N;
        if (production) return kernels().matmul_fused(a.at(i), b.at(i), z, epilogue);
        kernels().matmul[which](a.at(i), b.at(i), z);
        finish(z, M, N, epilogue);
    };
    // Many products are shared out among the threads, few are done one after the other, each by all threads.
    const double operations = 2.0 * M * N * a.first.cols * count;
    const bool shared = production && count >= 2 * get_num_threads() && operations > 2e7;
    const index together = shared ? std::max<index>(1, std::min<index>(count / (2 * get_num_threads()),
                                                                       static_cast<index>(4e6 * count / operations)))
                                  : count;
    const auto some = [&](index task) {
        for (index i = task * together; i < std::min((task + 1) * together, count); ++i) one(i);
    };
    without_lock([&] {
        if (!shared) return count ? some(0) : void();
        run_parallel((count + together - 1) / together,
                     [](const void* body, ptrdiff_t task) { (*static_cast<const decltype(some)*>(body))(task); }, &some);
    });
}

}  // namespace

void bind_matmul(py::module_& m) {
    using namespace py::literals;
    m.def("matmul", matmul, "x"_a, "y"_a, "out"_a, "kernel"_a = "", "bias"_a = py::none(), "activation"_a = "none",
          "slope"_a = 0.01f, "accumulate"_a = false,
          "out = f(x y + bias): (..., M, K) times (..., K, N), any strides, as many matrices in x as in y; bias (N).\n"
          "f is none, relu, leaky_relu (with its slope), tanh, sigmoid, gelu or silu; `accumulate` adds what out holds.");
}

}  // namespace minigen
