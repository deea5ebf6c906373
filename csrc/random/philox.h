// Random bits from a counter, and what dropout makes of them.
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

void philox(uint64_t seed, uint64_t offset, uint32_t* out, index n);

// out[i] = scale where the upper 24 bits of word i are at least `threshold`, else 0: the words are not stored in between.
void dropout_mask(uint64_t seed, uint64_t offset, uint32_t threshold, float scale, float* out, index n);

}  // namespace VARIANT
}  // namespace minigen
