// + - * / of small float32 arrays, where NumPy's search for a loop and a type costs ten times the arithmetic. They never warn.
#include "bind.h"
#include "memory.h"

namespace minigen {
namespace {

constexpr index SMALL = 1024;  // beyond it NumPy's vector loops win back what they cost
constexpr int READY = 0x0101;  // NPY_ARRAY_C_CONTIGUOUS, NPY_ARRAY_ALIGNED

struct Operand {
    const float* data = nullptr;  // null: not an array for us
    index size = 1;
    py::detail::PyArray_Proxy* array;

    explicit Operand(PyObject* value) : array(py::detail::array_proxy(value)) {
        const auto& numpy = py::detail::npy_api::get();
        static PyObject* const float32 = numpy.PyArray_DescrFromType_(11);  // native byte order
        if (Py_TYPE(value) != numpy.PyArray_Type_ || array->descr != float32 || (array->flags & READY) != READY) return;
        for (int d = 0; d < array->nd; ++d) size *= array->dimensions[d];
        data = reinterpret_cast<const float*>(array->data);
    }
};

// None unless both are float32 arrays of one shape, or one of them is 0-d.
template <class F> PyObject* small(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "x and y must be two arrays");
        return nullptr;
    }
    const Operand x(args[0]), y(args[1]);
    if (!x.data || !y.data) Py_RETURN_NONE;
    const Operand& larger = x.array->nd ? x : y;
    if (larger.size > SMALL) Py_RETURN_NONE;
    if (x.array->nd && y.array->nd) {
        if (x.array->nd != y.array->nd) Py_RETURN_NONE;
        for (int d = 0; d < x.array->nd; ++d)
            if (x.array->dimensions[d] != y.array->dimensions[d]) Py_RETURN_NONE;
    }
    const auto& numpy = py::detail::npy_api::get();
    PyObject* const type = numpy.PyArray_DescrFromType_(11);  // NewFromDescr takes this reference
    PyObject* const out = numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, type, larger.array->nd,
                                                      larger.array->dimensions, nullptr, nullptr, 0, nullptr);
    if (!out) return nullptr;
    float* const z = reinterpret_cast<float*>(py::detail::array_proxy(out)->data);
    const index dx = x.array->nd > 0, dy = y.array->nd > 0;
    for (index i = 0; i < larger.size; ++i) z[i] = F::of(x.data[dx * i], y.data[dy * i]);
    return out;
}

struct Add { static float of(float x, float y) { return x + y; } };
struct Sub { static float of(float x, float y) { return x - y; } };
struct Mul { static float of(float x, float y) { return x * y; } };
struct Div { static float of(float x, float y) { return x / y; } };

template <class F> PyMethodDef method(const char* name) {
    return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(small<F>)), METH_FASTCALL,
            "Of two small float32 arrays of one shape, or one of them 0-d; None for any others."};
}

PyMethodDef methods[] = {method<Add>("add"), method<Sub>("sub"), method<Mul>("mul"), method<Div>("div"), {}};

}  // namespace

void bind_arithmetic(py::module_& m) {
    if (PyModule_AddFunctions(m.ptr(), methods)) throw py::error_already_set();
}

}  // namespace minigen
