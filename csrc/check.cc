#include "check.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace minigen {
namespace {

std::string dtype_name(const py::object& array) { return py::str(array.attr("dtype")); }

Array checked(const char* name, const py::object& value, const py::dtype& dtype, bool contiguous, bool writable) {
    const std::string n = name;
    if (!py::isinstance<py::array>(value))
        throw py::type_error(n + " must be a numpy.ndarray, got " +
                             std::string(py::str(py::type::of(value).attr("__name__"))));
    Array a;
    a.name = n;
    a.array = py::reinterpret_borrow<py::array>(value);
    const py::dtype given = a.array.dtype();
    if (given.num() != dtype.num() || given.byteorder() != dtype.byteorder()) {
        const std::string wanted = py::str(dtype);
        throw py::type_error(n + " must be " + wanted + " in native byte order, got " + dtype_name(value) + "; convert it with " +
                             n + ".astype('" + wanted + "')");
    }
    constexpr int aligned = 0x0100;  // NPY_ARRAY_ALIGNED
    if (!(a.array.flags() & aligned)) throw py::value_error(n + " must be aligned; copy it with " + n + ".copy()");
    if (contiguous && !(a.array.flags() & py::array::c_style))
        throw py::value_error(n + " must be C-contiguous; use np.ascontiguousarray(" + n + ")");
    if (writable && !a.array.writeable()) throw py::value_error(n + " is read-only; pass an array that may be written");
    a.writable = writable;
    a.shape.reserve(4);

    const index item = a.array.itemsize();
    index low = 0, high = item;
    for (index d = 0; d < a.array.ndim(); ++d) {
        const index extent = a.array.shape(d), stride = a.array.strides(d);
        a.shape.push_back(extent);
        if (extent > 1 && stride % item != 0)
            throw py::value_error(n + " has a stride of " + std::to_string(stride) + " bytes along axis " + std::to_string(d) +
                                  ", not a multiple of " + std::to_string(item) + "; copy it with " + n + ".copy()");
        if (extent > 0) (stride < 0 ? low : high) += (extent - 1) * stride;
    }
    if (a.array.size() == 0) low = high = 0;
    a.begin = static_cast<char*>(const_cast<void*>(a.array.data())) + low;
    a.end = static_cast<char*>(const_cast<void*>(a.array.data())) + high;
    return a;
}

Array absent(const char* name) {
    Array a;
    a.name = name;
    a.array = py::reinterpret_steal<py::array>(py::handle());
    return a;
}

}  // namespace

std::string text(const Shape& shape) {
    std::string s = "(";
    for (size_t i = 0; i < shape.size(); ++i) s += (i ? ", " : "") + std::to_string(shape[i]);
    return s + (shape.size() == 1 ? ",)" : ")");
}

index Array::size() const {
    index n = 1;
    for (index extent : shape) n *= extent;
    return n;
}

void Array::expect(const Shape& wanted) const {
    if (array && shape != wanted)
        throw py::value_error(name + " must have the shape " + text(wanted) + ", got " + text(shape));
}

void Array::expect_dims(index dims) const {
    if (static_cast<index>(shape.size()) != dims)
        throw py::value_error(name + " must have " + std::to_string(dims) + " axes, got the shape " + text(shape));
}

Array input(const char* name, const py::object& value) {
    return checked(name, value, py::dtype::of<float>(), true, false);
}

Array integers(const char* name, const py::object& value) {
    return checked(name, value, py::dtype::of<int64_t>(), true, false);
}

Array strided_input(const char* name, const py::object& value) {
    return checked(name, value, py::dtype::of<float>(), false, false);
}

Array output(const char* name, const py::object& value, const py::dtype& dtype) {
    return checked(name, value, dtype, true, true);
}

Array strided_output(const char* name, const py::object& value) {
    const Array a = checked(name, value, py::dtype::of<float>(), false, true);
    std::vector<std::pair<index, index>> axes;  // of those with more than one element: stride, extent
    for (index d = 0; d < a.array.ndim(); ++d)
        if (a.shape[d] > 1) axes.push_back({std::abs(a.array.strides(d)), a.shape[d]});
    std::sort(axes.begin(), axes.end());
    index reach = a.array.itemsize();  // the bytes that the axes so far span
    for (const auto& [stride, extent] : axes) {
        if (stride < reach && a.size())
            throw py::value_error(a.name + " has elements that share memory; pass an array without such strides");
        reach += (extent - 1) * stride;
    }
    return a;
}

Array optional_input(const char* name, const py::object& value) { return value.is_none() ? absent(name) : input(name, value); }

Array optional_output(const char* name, const py::object& value) { return value.is_none() ? absent(name) : output(name, value); }

void expect_apart(const std::vector<Array>& arrays) {
    std::vector<const Array*> order;
    for (const Array& a : arrays)
        if (a.begin != a.end) order.push_back(&a);
    std::sort(order.begin(), order.end(), [](const Array* a, const Array* b) { return a->begin < b->begin; });
    const Array *reach = nullptr, *written = nullptr;  // those that reach furthest so far
    for (const Array* a : order) {
        const Array* other = a->writable ? reach : written;
        if (other && a->begin < other->end)
            throw py::value_error(other->name + " and " + a->name + " share memory, and one of them is written; pass a copy");
        if (!reach || a->end > reach->end) reach = a;
        if (a->writable && (!written || a->end > written->end)) written = a;
    }
}

}  // namespace minigen
