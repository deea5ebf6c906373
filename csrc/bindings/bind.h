// Shared by the files that bind kernels.
#pragma once
#include "../check.h"
#include "../dispatch.h"
#include "../support/repeat.h"

namespace minigen {

using Object = const py::object&;

void bind_matmul(py::module_& m);
void bind_gated(py::module_& m);
void bind_conv(py::module_& m);
void bind_norm(py::module_& m);
void bind_elementwise(py::module_& m);
void bind_optim(py::module_& m);
void bind_random(py::module_& m);
void bind_rows(py::module_& m);
void bind_recurrent(py::module_& m);
void bind_attention(py::module_& m);
void bind_bench(py::module_& m);

template <class F> void without_lock(const F& f) {
    py::gil_scoped_release release;
    repeated(f);
}

// The rung called `name` of a ladder; the last one, which production uses, for "".
inline int rung(const char* ladder, const char* const* names, int count, const std::string& name) {
    if (name.empty()) return count - 1;
    std::string known;
    for (int i = 0; i < count; ++i) {
        if (name == names[i]) return i;
        known += (i ? ", " : "") + std::string(names[i]);
    }
    throw py::value_error("kernel must be one of " + known + " for " + ladder + ", got '" + name + "'");
}

}  // namespace minigen
