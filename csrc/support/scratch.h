// Working memory that is kept between calls, so that a training step allocates nothing.
#pragma once
#include <stddef.h>

namespace minigen {

// Who uses which block: two users in one thread at one time need two names.
enum class Scratch { packed_a, panel_b, tiles, image, columns, tables, packed_b, step, attention, filter, count };

// At least `bytes` bytes at a multiple of 64, owned by the calling thread and valid until its next call for the same block.
// Throws std::bad_alloc where there is no memory.
void* scratch(Scratch block, size_t bytes);

inline float* scratch_floats(Scratch block, ptrdiff_t count) {
    return static_cast<float*>(scratch(block, sizeof(float) * static_cast<size_t>(count)));
}

}  // namespace minigen
