// Random bits.
#include "bind.h"

namespace minigen {
namespace {

void philox(uint64_t seed, uint64_t offset, Object out_) {
    const Array out = output("out", out_, py::dtype::of<uint32_t>());
    out.expect_dims(1);
    without_lock([&] { kernels().philox(seed, offset, out.data<uint32_t>(), out.size()); });
}

void dropout_mask(uint64_t seed, uint64_t offset, uint32_t threshold, float scale, Object out_) {
    const Array out = output("out", out_);
    if (threshold > 1u << 24) throw py::value_error("threshold must lie in [0, 2^24], got " + std::to_string(threshold));
    without_lock([&] { kernels().dropout_mask(seed, offset, threshold, scale, out.data(), out.size()); });
}

}  // namespace

void bind_random(py::module_& m) {
    using namespace py::literals;
    m.def("philox", philox, "seed"_a, "offset"_a, "out"_a, "Fills out (uint32) with blocks offset, offset + 1, ...");
    m.def("dropout_mask", dropout_mask, "seed"_a, "offset"_a, "threshold"_a, "scale"_a, "out"_a,
          "out[i] = scale where the upper 24 bits of word i of philox's stream are at least threshold, else 0.");
}

}  // namespace minigen
