// What the checking build's parts share.
#pragma once
#include "runtime.h"

extern "C" char* emu_base();

namespace emu {
bool own_memory(const char* at);  // is it one of the runtime's variables that kernels may read?
void on_count_launch();
void on_count(const Range& range, const char* at, long size, bool write, bool shared, const void* code);
void on_count_flush();
}  // namespace emu
