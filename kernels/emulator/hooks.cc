// The functions that instrumented code calls, by the names that g++ gives them. Nothing of a sanitizer is linked.
#include "checks.h"

namespace {

using emu::launch;

inline void access(const void* at, long size, bool write, const void* code) {
    if (!launch.now) return;
    if (reinterpret_cast<uintptr_t>(at) % size)
        emu::fail("{at:%ld}: %s %s %ld bytes at an address that is no multiple of %ld: a GPU refuses that (misaligned "
                  "address)", emu::offset(code), emu::words(*launch.now), write ? "writes" : "reads", size, size);
    emu::on_access(at, size, write, code);
}

inline void range(const void* at, long size, bool write, const void* code) {
    if (launch.now && size) emu::on_access(at, size, write, code);
}

// As GCC lays them out (libubsan).
struct Place {
    const char* file;
    unsigned line, column;
};
struct Type {
    unsigned short kind, info;
    char name[1];
};
struct OutOfBounds {
    Place place;
    const Type *array, *index;
};

const char* file_name(const char* path) {
    const char* slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void bounds(const OutOfBounds* data, unsigned long index) {
    const int bits = 1 << (data->index->info >> 1);
    const long value = bits == 32 ? (data->index->info & 1 ? long(int(index)) : long(unsigned(index))) : long(index);
    emu::fail("%s:%u: %s uses index %ld of an array of type %s", file_name(data->place.file), data->place.line,
              emu::words(*launch.now), value, data->array->name);
}

}  // namespace

#define CODE __builtin_return_address(0)
#define ACCESS(n)                                                              \
    void __tsan_read##n(const void* at) { access(at, n, false, CODE); }        \
    void __tsan_write##n(const void* at) { access(at, n, true, CODE); }        \
    void __tsan_volatile_read##n(const void* at) { access(at, n, false, CODE); } \
    void __tsan_volatile_write##n(const void* at) { access(at, n, true, CODE); } \
    void __tsan_unaligned_read##n(const void* at) { range(at, n, false, CODE); } \
    void __tsan_unaligned_write##n(const void* at) { range(at, n, true, CODE); }

extern "C" {
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
void __tsan_read_range(const void* at, long size) { range(at, size, false, CODE); }
void __tsan_write_range(const void* at, long size) { range(at, size, true, CODE); }
void __tsan_vptr_update(void**, void*) {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_init() {}

void __ubsan_handle_out_of_bounds(const OutOfBounds* data, unsigned long index) { bounds(data, index); }
void __ubsan_handle_out_of_bounds_abort(const OutOfBounds* data, unsigned long index) { bounds(data, index); }
void __ubsan_handle_divrem_overflow(const Place* place, unsigned long, unsigned long) {
    emu::fail("%s:%u: %s divides an integer by zero", file_name(place->file), place->line, emu::words(*launch.now));
}
void __ubsan_handle_divrem_overflow_abort(const Place* place, unsigned long a, unsigned long b) {
    __ubsan_handle_divrem_overflow(place, a, b);
}
}
