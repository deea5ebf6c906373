// A task owns some columns and sees all rows, so sums do not depend on threads. Blocks of rows are added in float, the blocks
// in double: rows of equal numbers all round to one side, and a long chain of them would lose digits.
#include "column_sums.h"

#include <algorithm>

#include "pool.h"

namespace minigen {
namespace {

constexpr ptrdiff_t BLOCK = 32, COLUMNS = 128;

struct Job {
    const float* x;
    float* out;
    ptrdiff_t rows, size;
};

void some_columns(const void* job, ptrdiff_t task) {
    const auto [x, out, rows, size] = *static_cast<const Job*>(job);
    const ptrdiff_t first = task * COLUMNS, n = std::min(COLUMNS, size - first);
    double total[COLUMNS] = {};
    for (ptrdiff_t start = 0; start < rows; start += BLOCK) {
        float block[COLUMNS] = {};
        for (ptrdiff_t r = start; r < std::min(start + BLOCK, rows); ++r) {
            const float* const row = x + r * size + first;
            for (ptrdiff_t i = 0; i < n; ++i) block[i] += row[i];
        }
        for (ptrdiff_t i = 0; i < n; ++i) total[i] += block[i];
    }
    for (ptrdiff_t i = 0; i < n; ++i) out[first + i] = static_cast<float>(total[i]);
}

}  // namespace

void column_sums(const float* x, float* out, ptrdiff_t rows, ptrdiff_t size) {
    const Job job = {x, out, rows, size};
    run_parallel((size + COLUMNS - 1) / COLUMNS, some_columns, &job);
}

}  // namespace minigen
