// NumPy's arrays in the blocks of support/blocks.h, by the interface that NumPy has for other allocators (NEP 49).
#include "../support/blocks.h"
#include "bind.h"
#include "memory.h"

namespace minigen {
namespace {

// PyDataMem_Handler, version 1, of numpy/ndarraytypes.h.
struct Handler {
    char name[127];
    uint8_t version;
    struct {
        void* context;
        void* (*malloc)(void*, size_t);
        void* (*calloc)(void*, size_t, size_t);
        void* (*realloc)(void*, void*, size_t);
        void (*free)(void*, void*, size_t);
    } allocator;
};

Handler handler = {
    "minigen_pool",
    1,
    {nullptr, [](void*, size_t bytes) { return take_block(bytes, false); },
     [](void*, size_t count, size_t each) -> void* {
         size_t bytes;
         return __builtin_mul_overflow(count, each, &bytes) ? nullptr : take_block(bytes, true);
     },
     [](void*, void* block, size_t bytes) { return resize_block(block, bytes); },
     [](void*, void* block, size_t) { give_block(block); }}};  // NumPy's size is a guess where a shape was changed

void use_pool() {
    static void** const api = static_cast<void**>(
        PyCapsule_GetPointer(py::module_::import("numpy._core.multiarray").attr("_ARRAY_API").ptr(), nullptr));
    if (!api) throw py::error_already_set();
    using SetHandler = PyObject*(PyObject*);
    const py::capsule capsule(&handler, "mem_handler");
    const auto before = py::reinterpret_steal<py::object>(reinterpret_cast<SetHandler*>(api[304])(capsule.ptr()));
    if (!before) throw py::error_already_set();
}

}  // namespace

void bind_memory(py::module_& m) {
    using namespace py::literals;
    m.def("use_pool", use_pool, "From now on NumPy takes the memory of arrays that this thread's context makes from the pool.");
    m.def("pool_use", [] {
        const PoolUse use = pool_use();
        return py::dict("kept"_a = use.kept, "limit"_a = use.limit, "fresh"_a = use.fresh, "reused"_a = use.reused);
    }, "Bytes of free blocks that wait, what they may sum up to; large blocks from the system and from the lists.");
    m.def("limit_pool", limit_pool, "bytes"_a, "Keep no more free memory than that; 0 gives all of it back at once.");
}

}  // namespace minigen
