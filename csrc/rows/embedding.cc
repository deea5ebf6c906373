// Rows of a table by number, and their gradient.
//
// Two rows of delta may belong to the same row of the table, so threads must not add where they like: a counting sort lists,
// for each row of the table, who goes there, in the order of delta. A task owns some rows of the table: every number is written
// by one thread, in one order, and a table row that nobody asked for is set to zero on the way.
#include "rows.h"

namespace minigen {
namespace VARIANT {

void embedding(const float* w, const int64_t* ids, float* out, index count, index size) {
    const index share = rows_per_task(size);
    parallel(ceil_div(count, share), [&](index task) {
        for (index r = task * share; r < least((task + 1) * share, count); ++r)
            __builtin_memcpy(out + r * size, w + ids[r] * size, sizeof(float) * size);
    });
}

void embedding_vjp(const float* delta, const int64_t* ids, index padding, float* dw, index count, index rows, index size) {
    index* const start = static_cast<index*>(scratch(Scratch::tables, sizeof(index) * (rows + 2 + count)));
    index* const order = start + rows + 2;  // positions sorted by id; row v's are those from start[v] to start[v + 1]
    __builtin_memset(start, 0, sizeof(index) * (rows + 2));
    for (index r = 0; r < count; ++r) ++start[ids[r] + 2];
    for (index v = 2; v < rows + 2; ++v) start[v] += start[v - 1];
    for (index r = 0; r < count; ++r) order[start[ids[r] + 1]++] = r;

    constexpr index WIDTH = 256;  // numbers of a row in one task, so that a row which everybody names is shared out, too
    const index share = rows_per_task(least(size, WIDTH)), parts = ceil_div(size, WIDTH);
    parallel(ceil_div(rows, share) * parts, [&](index task) {
        const index from = task % parts * WIDTH, width = least(WIDTH, size - from), first = task / parts * share;
        for (index v = first; v < least(first + share, rows); ++v) {
            float* const to = dw + v * size + from;
            __builtin_memset(to, 0, sizeof(float) * width);
            if (v == padding) continue;
            for (index i = start[v]; i < start[v + 1]; ++i) {
                const float* const d = delta + order[i] * size + from;
                for (index k = 0; k < width; k += VL) {
                    const index n = least(VL, width - k);
                    store_some(to + k, load_some(to + k, n) + load_some(d + k, n), n);
                }
            }
        }
    });
}

}  // namespace VARIANT
}  // namespace minigen
