// out (size) = the sum of the rows of x (rows, size): the gradient of a bias. It waits for memory, not for arithmetic, so one
// build serves all processors.
#pragma once
#include <cstddef>

namespace minigen {

void column_sums(const float* x, float* out, ptrdiff_t rows, ptrdiff_t size);

}  // namespace minigen
