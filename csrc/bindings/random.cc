// Random bits.
#include "bind.h"

namespace minigen {
namespace {

void philox(uint64_t seed, uint64_t offset, Object out_) {
    const Array out = output("out", out_, py::dtype::of<uint32_t>());
    out.expect_dims(1);
    without_lock([&] { kernels().philox(seed, offset, out.data<uint32_t>(), out.size()); });
}

}  // namespace

void bind_random(py::module_& m) {
    using namespace py::literals;
    m.def("philox", philox, "seed"_a, "offset"_a, "out"_a, "Fills out (uint32) with blocks offset, offset + 1, ...");
}

}  // namespace minigen
