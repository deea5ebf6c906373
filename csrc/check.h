// Arguments from Python, checked while the interpreter's lock is held. After that the kernels may trust every pointer.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "kernels.h"

namespace minigen {

namespace py = pybind11;

using Shape = std::vector<index>;

std::string text(const Shape& shape);  // "(2, 3)"

// An array that has passed the checks. It holds a reference, so its memory lives as long as the call.
struct Array {
    std::string name;
    py::array array;
    char *begin = nullptr, *end = nullptr;  // the bytes that its elements span
    Shape shape;
    bool writable = false;

    template <class T = float> T* data() const { return array ? static_cast<T*>(const_cast<void*>(array.data())) : nullptr; }
    index size() const;
    void expect(const Shape& wanted) const;  // ValueError unless this is its shape
    void expect_dims(index dims) const;
};

// TypeError unless `value` is an array of that dtype in native byte order; ValueError unless it is aligned and C-contiguous.
Array input(const char* name, const py::object& value);
Array integers(const char* name, const py::object& value);        // as input, of int64
Array strided_input(const char* name, const py::object& value);  // any strides that are multiples of the element's size
Array output(const char* name, const py::object& value, const py::dtype& dtype = py::dtype::of<float>());
// As output, of any strides that are multiples of the element's size and lead to different elements.
Array strided_output(const char* name, const py::object& value);
Array optional_input(const char* name, const py::object& value);  // None: no data
Array optional_output(const char* name, const py::object& value);

// ValueError if any two share memory and one of them is written.
void expect_apart(const std::vector<Array>& arrays);

}  // namespace minigen
