// Arguments from Python, checked while the interpreter's lock is held. After that the kernels may trust every pointer.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "kernels.h"

namespace minigen {

namespace py = pybind11;

using Shape = std::vector<index>;

// The sizes of somebody else's axes, an array's own or a Shape's.
class Extents {
public:
    Extents() = default;
    Extents(const Shape& shape) : first(shape.data()), count(shape.size()) {}
    Extents(const py::array& array) : first(array.shape()), count(static_cast<size_t>(array.ndim())) {}
    size_t size() const { return count; }
    const index* begin() const { return first; }
    const index* end() const { return first + count; }
    index operator[](size_t axis) const { return first[axis]; }
    index back() const { return first[count - 1]; }
    bool operator==(const Extents& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }
    bool operator!=(const Extents& other) const { return !(*this == other); }

private:
    const index* first = nullptr;
    size_t count = 0;
};

std::string text(const Extents& shape);  // "(2, 3)"

// An array that has passed the checks. It holds a reference, so its memory lives as long as the call. A call has several, and a
// small network makes many calls: nothing here allocates.
struct Array {
    const char* word;   // what the argument is called
    index number = -1;  // in a list of that name
    py::array array;
    char *begin = nullptr, *end = nullptr;  // the bytes that its elements span
    Extents shape;
    bool writable = false;

    std::string name() const { return number < 0 ? word : word + ("[" + std::to_string(number) + "]"); }

    template <class T = float> T* data() const { return array ? static_cast<T*>(const_cast<void*>(array.data())) : nullptr; }
    index size() const;
    void expect(const Extents& wanted) const;  // ValueError unless this is its shape
    void expect(std::initializer_list<index> wanted) const;
    void expect_dims(index dims) const;
};

// TypeError unless `value` is an array of that dtype in native byte order; ValueError unless it is aligned and C-contiguous.
Array input(const char* name, const py::object& value);
Array integers(const char* name, const py::object& value);        // as input, of int64
Array strided_input(const char* name, const py::object& value);  // any strides that are multiples of the element's size
Array output(const char* name, const py::object& value, const py::dtype& dtype = py::dtype::of<float>());
Array listed(const char* name, index number, const py::object& value, bool writable);  // input or output in a list
// As output, of any strides that are multiples of the element's size and lead to different elements.
Array strided_output(const char* name, const py::object& value);
Array optional_input(const char* name, const py::object& value);  // None: no data
Array optional_output(const char* name, const py::object& value);

// ValueError if any two share memory and one of them is written.
void expect_apart(std::initializer_list<std::reference_wrapper<const Array>> arrays);
void expect_apart(const std::vector<Array>& arrays);

}  // namespace minigen
