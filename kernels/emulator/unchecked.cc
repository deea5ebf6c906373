// The fast build looks at nothing: the hooks of the checking build, empty.
#include "runtime.h"

namespace emu {
void on_launch() {}
void on_block() {}
void on_barrier() {}
void on_end() {}
void on_access(const void*, long, bool, const void*) {}
void on_atomic(const void*, int, const void*) {}
void on_promise(const void*, long, const void*) {}
void on_fence() {}
}  // namespace emu

extern "C" void emu_flops(long long) {}
