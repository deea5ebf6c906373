// + - * / of small float32 arrays, where NumPy's search for a loop and a type costs ten times the arithmetic. They never warn.
#include "bind.h"
#include "memory.h"

namespace minigen {
namespace {

constexpr index SMALL = 8192;  // beyond it NumPy's wider vectors win back what they cost
constexpr int READY = 0x0101;  // NPY_ARRAY_C_CONTIGUOUS, NPY_ARRAY_ALIGNED

// An array that is one for us, or a Python number, which is as good as a 0-d one.
struct Operand {
    const float* data = nullptr;  // null: neither
    const py::ssize_t* shape = nullptr;
    index size = 1;
    int axes = 0;
    bool is_array = false;
    float number;

    explicit Operand(PyObject* value) {
        if (PyFloat_CheckExact(value)) {
            number = static_cast<float>(PyFloat_AS_DOUBLE(value));
            data = &number;
        } else if (PyLong_CheckExact(value)) {
            const double exact = PyLong_AsDouble(value);
            number = static_cast<float>(exact);
            if (exact == -1 && PyErr_Occurred()) PyErr_Clear();  // no float holds it: NumPy will say so
            else data = &number;
        } else {
            take_array(value);
        }
    }
    Operand(const Operand&) = delete;  // data may point into it

private:
    void take_array(PyObject* value) {
        const auto& numpy = py::detail::npy_api::get();
        static PyObject* const float32 = numpy.PyArray_DescrFromType_(11);  // native byte order
        if (Py_TYPE(value) != numpy.PyArray_Type_) return;
        const auto* const array = py::detail::array_proxy(value);
        if (array->descr != float32 || (array->flags & READY) != READY) return;
        is_array = true;
        axes = array->nd;
        shape = array->dimensions;
        for (int d = 0; d < axes; ++d) size *= shape[d];
        data = reinterpret_cast<const float*>(array->data);
    }
};

// None unless both are float32 arrays of one shape, or one of them is 0-d or a number.
template <class F> PyObject* small(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "x and y must be two arrays");
        return nullptr;
    }
    const Operand x(args[0]), y(args[1]);
    if (!x.data || !y.data || !(x.is_array || y.is_array)) Py_RETURN_NONE;
    const Operand& larger = x.axes ? x : y;
    if (larger.size > SMALL) Py_RETURN_NONE;
    if (x.axes && y.axes) {
        if (x.axes != y.axes) Py_RETURN_NONE;
        for (int d = 0; d < x.axes; ++d)
            if (x.shape[d] != y.shape[d]) Py_RETURN_NONE;
    }
    const auto& numpy = py::detail::npy_api::get();
    PyObject* const type = numpy.PyArray_DescrFromType_(11);  // NewFromDescr takes this reference
    PyObject* const out = numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, type, larger.axes, larger.shape, nullptr,
                                                      nullptr, 0, nullptr);
    if (!out) return nullptr;
    float* const z = reinterpret_cast<float*>(py::detail::array_proxy(out)->data);
    const index n = larger.size;
    if (!x.axes) {
        const float left = *x.data;
        for (index i = 0; i < n; ++i) z[i] = F::of(left, y.data[i]);
    } else if (!y.axes) {
        const float right = *y.data;
        for (index i = 0; i < n; ++i) z[i] = F::of(x.data[i], right);
    } else {
        for (index i = 0; i < n; ++i) z[i] = F::of(x.data[i], y.data[i]);
    }
    return out;
}

struct Add { static float of(float x, float y) { return x + y; } };
struct Sub { static float of(float x, float y) { return x - y; } };
struct Mul { static float of(float x, float y) { return x * y; } };
struct Div { static float of(float x, float y) { return x / y; } };

template <class F> PyMethodDef method(const char* name) {
    return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(small<F>)), METH_FASTCALL,
            "Of two small float32 arrays of one shape, or one of them 0-d or a number; None for any others."};
}

PyMethodDef methods[] = {method<Add>("add"), method<Sub>("sub"), method<Mul>("mul"), method<Div>("div"), {}};

}  // namespace

void bind_arithmetic(py::module_& m) {
    if (PyModule_AddFunctions(m.ptr(), methods)) throw py::error_already_set();
}

}  // namespace minigen
