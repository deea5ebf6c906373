// What the processor can do at most: loops that do nothing but multiply and add, and nothing but move memory.
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

index multiply_add(index steps);                                           // returns how many operations that were
void triad(const float* x, const float* y, float scale, float* out, index n);  // out = x + scale y
float read_all(const float* x, index n);                                   // a sum, so that the reading is not optimised away

}  // namespace VARIANT
}  // namespace minigen
