#include "check.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace minigen {
namespace {

std::string dtype_name(const py::object& array) { return py::str(array.attr("dtype")); }

Array checked(Array a, const py::object& value, const py::dtype& dtype, bool contiguous, bool writable) {
    if (!py::isinstance<py::array>(value))
        throw py::type_error(a.name() + " must be a numpy.ndarray, got " +
                             std::string(py::str(py::type::of(value).attr("__name__"))));
    a.array = py::reinterpret_borrow<py::array>(value);
    const py::dtype given = a.array.dtype();
    if (given.num() != dtype.num() || given.byteorder() != dtype.byteorder()) {
        const std::string wanted = py::str(dtype);
        throw py::type_error(a.name() + " must be " + wanted + " in native byte order, got " + dtype_name(value) +
                             "; convert it with " + a.name() + ".astype('" + wanted + "')");
    }
    constexpr int aligned = 0x0100;  // NPY_ARRAY_ALIGNED
    if (!(a.array.flags() & aligned)) 
        throw py::value_error(a.name() + " must be aligned; copy it with " + a.name() + ".copy()");
    if (contiguous && !(a.array.flags() & py::array::c_style))
        throw py::value_error(a.name() + " must be C-contiguous; use np.ascontiguousarray(" + a.name() + ")");
    if (writable && !a.array.writeable())
        throw py::value_error(a.name() + " is read-only; pass an array that may be written");
    a.writable = writable;
    a.shape = Extents(a.array);

    const index item = a.array.itemsize();
    index low = 0, high = item;
    for (index d = 0; d < a.array.ndim(); ++d) {
        const index extent = a.shape[d], stride = a.array.strides()[d];
        if (extent > 1 && stride % item != 0)
            throw py::value_error(a.name() + " has a stride of " + std::to_string(stride) + " bytes along axis " + std::to_string(d) +
                                  ", not a multiple of " + std::to_string(item) + "; copy it with " + a.name() + ".copy()");
        if (extent > 0) (stride < 0 ? low : high) += (extent - 1) * stride;
    }
    if (a.array.size() == 0) low = high = 0;
    a.begin = static_cast<char*>(const_cast<void*>(a.array.data())) + low;
    a.end = static_cast<char*>(const_cast<void*>(a.array.data())) + high;
    return a;
}

Array named(const char* word, index number = -1) {
    Array a;
    a.word = word;
    a.number = number;
    return a;
}

Array absent(const char* name) {
    Array a = named(name);
    a.array = py::reinterpret_steal<py::array>(py::handle());
    return a;
}

}  // namespace

std::string text(const Extents& shape) {
    std::string s = "(";
    for (size_t i = 0; i < shape.size(); ++i) s += (i ? ", " : "") + std::to_string(shape[i]);
    return s + (shape.size() == 1 ? ",)" : ")");
}

index Array::size() const {
    index n = 1;
    for (index extent : shape) n *= extent;
    return n;
}

void Array::expect(const Extents& wanted) const {
    if (array && shape != wanted)
        throw py::value_error(name() + " must have the shape " + text(wanted) + ", got " + text(shape));
}

void Array::expect(std::initializer_list<index> wanted) const {
    if (array && !std::equal(shape.begin(), shape.end(), wanted.begin(), wanted.end())) expect(Shape(wanted));
}

void Array::expect_dims(index dims) const {
    if (static_cast<index>(shape.size()) != dims)
        throw py::value_error(name() + " must have " + std::to_string(dims) + " axes, got the shape " + text(shape));
}

Array input(const char* name, const py::object& value) {
    return checked(named(name), value, py::dtype::of<float>(), true, false);
}

Array integers(const char* name, const py::object& value) {
    return checked(named(name), value, py::dtype::of<int64_t>(), true, false);
}

Array strided_input(const char* name, const py::object& value) {
    return checked(named(name), value, py::dtype::of<float>(), false, false);
}

Array output(const char* name, const py::object& value, const py::dtype& dtype) {
    return checked(named(name), value, dtype, true, true);
}

Array listed(const char* name, index number, const py::object& value, bool writable) {
    return checked(named(name, number), value, py::dtype::of<float>(), true, writable);
}

Array strided_output(const char* name, const py::object& value) {
    const Array a = checked(named(name), value, py::dtype::of<float>(), false, true);
    std::vector<std::pair<index, index>> axes;  // of those with more than one element: stride, extent
    for (index d = 0; d < a.array.ndim(); ++d)
        if (a.shape[d] > 1) axes.push_back({std::abs(a.array.strides(d)), a.shape[d]});
    std::sort(axes.begin(), axes.end());
    index reach = a.array.itemsize();  // the bytes that the axes so far span
    for (const auto& [stride, extent] : axes) {
        if (stride < reach && a.size())
            throw py::value_error(a.name() + " has elements that share memory; pass an array without such strides");
        reach += (extent - 1) * stride;
    }
    return a;
}

Array optional_input(const char* name, const py::object& value) { return value.is_none() ? absent(name) : input(name, value); }

Array optional_output(const char* name, const py::object& value) { return value.is_none() ? absent(name) : output(name, value); }

namespace {

void expect_apart(const Array** order, size_t count) {
    std::sort(order, order + count, [](const Array* a, const Array* b) { return a->begin < b->begin; });
    const Array *reach = nullptr, *written = nullptr;  // those that reach furthest so far
    for (size_t i = 0; i < count; ++i) {
        const Array* const a = order[i];
        const Array* const other = a->writable ? reach : written;
        if (other && a->begin < other->end)
            throw py::value_error(other->name() + " and " + a->name() + " share memory, and one of them is written; pass a copy");
        if (!reach || a->end > reach->end) reach = a;
        if (a->writable && (!written || a->end > written->end)) written = a;
    }
}

}  // namespace

void expect_apart(std::initializer_list<std::reference_wrapper<const Array>> arrays) {
    const Array* order[32];
    size_t count = 0;
    for (const Array& a : arrays) {
        if (count == 32) throw std::logic_error("expect_apart: more arrays than it has room for");
        if (a.begin != a.end) order[count++] = &a;
    }
    expect_apart(order, count);
}

void expect_apart(const std::vector<Array>& arrays) {
    std::vector<const Array*> order;
    for (const Array& a : arrays)
        if (a.begin != a.end) order.push_back(&a);
    expect_apart(order.data(), order.size());
}

}  // namespace minigen
