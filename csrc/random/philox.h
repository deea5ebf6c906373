#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

void philox(uint64_t seed, uint64_t offset, uint32_t* out, index n);

}  // namespace VARIANT
}  // namespace minigen
