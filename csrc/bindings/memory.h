// Bindings that need no kernel table.
#pragma once
#include <pybind11/pybind11.h>

namespace minigen {

void bind_memory(pybind11::module_& m);
void bind_arithmetic(pybind11::module_& m);

}  // namespace minigen
