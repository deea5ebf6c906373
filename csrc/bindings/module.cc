// minigen._cpu: the kernels for arrays of NumPy. Every function checks its arguments, releases the interpreter's lock and
// writes into arrays that the caller has allocated. Each file of this folder binds the kernels of one kind.
#include <cstdlib>

#include "bind.h"
#include "memory.h"
#include "../support/pool.h"

namespace minigen {
namespace {

template <class Iterator> py::list names(Iterator begin, Iterator end) {
    py::list result;
    for (; begin != end; ++begin) result.append(*begin);
    return result;
}

void choose_variant(const std::string& name) {
    if (set_variant(name)) return;
    std::string known;
    for (const std::string& v : variants()) known += (known.empty() ? "" : ", ") + v;
    throw py::value_error("variant must be one that this processor runs (" + known + "), got '" + name + "'");
}

void choose_threads(index n) {
    if (n < 1 || n > 1024) throw py::value_error("n must lie in [1, 1024], got " + std::to_string(n));
    set_num_threads(static_cast<int>(n));
}

}  // namespace
}  // namespace minigen

PYBIND11_MODULE(_cpu, m) {
    using namespace minigen;
    using namespace py::literals;
    m.doc() = "Float32 kernels in C++ for AVX-512, AVX2 and baseline processors.";
    if (const char* name = std::getenv("MINIGEN_CPU_VARIANT"); name && *name) choose_variant(name);

    m.def("variant", [] { return std::string(kernels().name); }, "The instruction set in use.");
    m.def("variants", [] {
        const auto list = variants();
        return names(list.begin(), list.end());
    }, "The instruction sets that run here, best first.");
    m.def("set_variant", choose_variant, "name"_a, "Chooses the instruction set.");
    m.def("set_num_threads", choose_threads, "n"_a, "How many threads a kernel may use. Results do not depend on it.");
    m.def("get_num_threads", get_num_threads, "By default the processors that this process may use.");
    m.def("kernels", [] {
        return py::dict("matmul"_a = names(MATMUL_NAMES, MATMUL_NAMES + MATMUL_RUNGS),
                        "conv2d"_a = names(CONV_NAMES, CONV_NAMES + CONV_RUNGS));
    }, "The rungs of each ladder; the last one is the default.");

    for (const auto bind : {bind_gated, bind_matmul, bind_conv, bind_norm, bind_elementwise, bind_optim,
                            bind_random, bind_rows, bind_recurrent, bind_attention, bind_bench, bind_memory,
                            bind_arithmetic}) bind(m);
}
