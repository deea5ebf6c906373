// Copies between matrices with tables of offsets and the packed panels that the register tile reads.
#pragma once
#include "gemm.h"

namespace minigen {
namespace VARIANT {

// The columns of one panel, cut into chunks of neighbours in memory, so that each chunk is copied as one vector.
// A run of 7 becomes two overlapping chunks of 4: nothing outside the run is touched.
struct Chunks {
    static constexpr int WIDTHS = 5;  // 16, 8, 4, 2, 1
    struct Chunk {
        index offset;  // in the matrix
        int column;    // in the panel
    };
    Chunk list[WIDTHS][TILE_COLUMNS];
    int count[WIDTHS] = {};

    Chunks(const index* col, int columns) {
        for (int first = 0, end; first < columns; first = end) {
            for (end = first + 1; end < columns && col[end] == col[end - 1] + 1;) ++end;
            const int run = end - first;
            int w = 0, width = 16;
            for (; width > run; width /= 2) ++w;
            for (int at = 0; at < run; at += width) {
                const int j = first + (at + width <= run ? at : run - width);
                list[w][count[w]++] = {col[j], j};
            }
        }
    }
};

// panel[k][column] = base[row[k] + col[column]], k < steps; the panel has rows of `width` floats
template <int W> void pack_chunks(float* panel, const float* base, const index* row, index steps, const Chunks::Chunk* list,
                                  int count, int width) {
    for (int i = 0; i < count; ++i) {
        const float* from = base + list[i].offset;
        float* to = panel + list[i].column;
        for (index k = 0; k < steps; ++k) store<W>(to + k * width, load<W>(from + row[k]));
    }
}

// v[i][j] and v[j][i] change places: blocks of half the size first, then a quarter, down to single lanes.
inline vec two_sources(vec a, vec b, ivec lanes) {  // lanes of a, and from VL on of b
#if defined(__clang__)
    vec v = {};
    for (int i = 0; i < VL; ++i) v[i] = lanes[i] < VL ? a[lanes[i]] : b[lanes[i] - VL];
    return v;
#else
    return __builtin_shuffle(a, b, lanes);
#endif
}
template <int HALF = VL / 2> inline void transpose(vec* v) {
    ivec low, high;
    for (int i = 0; i < VL; ++i) {
        low[i] = i & HALF ? VL + i - HALF : i;
        high[i] = i & HALF ? VL + i : i + HALF;
    }
#pragma GCC unroll 16
    for (int i = 0; i < VL; ++i) {
        if (i & HALF) continue;
        const vec a = v[i], b = v[i + HALF];
        v[i] = two_sources(a, b, low);
        v[i + HALF] = two_sources(a, b, high);
    }
    if constexpr (HALF > 1) transpose<HALF / 2>(v);
}

// Is offset[0], offset[1], ... a run of n neighbours? (No early end: so it is a loop over vectors.)
inline bool evenly_spaced(const index* offset, index n, index step) {
    index wrong = 0;
    for (index i = 1; i < n; ++i) wrong |= (offset[i] - offset[i - 1]) ^ step;
    return wrong == 0;
}
inline bool neighbours(const index* offset, index n) {
    return n < 2 || (offset[n - 1] - offset[0] == n - 1 && evenly_spaced(offset, n, 1));
}

// panel[k][column] where the steps are neighbours in memory and the columns are not, as in x w^T: blocks of VL x VL are read
// along the steps, and turned in registers. One by one, the stores of a step would go to many different places.
inline void pack_turned(float* panel, const float* base, const index* row, index steps, const index* col, int columns,
                        int width) {
    for (int half = 0; half < width; half += VL) {
        const int count = columns - half < VL ? columns - half : VL;
        for (index k = 0, end; k < steps; k = end) {
            end = least(k + VL, steps);
            float* const to = panel + k * width + half;
            if (end - k == VL && neighbours(row + k, VL)) {
                vec v[VL];
#pragma GCC unroll 16
                for (int j = 0; j < VL; ++j) v[j] = j < count ? load(base + col[half + j] + row[k]) : vec{};
                transpose(v);
#pragma GCC unroll 16
                for (int i = 0; i < VL; ++i) store(to + i * width, v[i]);
            } else {
                for (index i = k; i < end; ++i)
                    for (int j = 0; j < VL; ++j)
                        to[(i - k) * width + j] = j < count ? base[col[half + j] + row[i]] : 0;
            }
        }
    }
}

inline void pack_panel(float* panel, const float* base, const index* row, index steps, const index* col, int columns,
                       int width = NR) {
    if (columns == width && neighbours(col, columns)) {
        for (index k = 0; k < steps; ++k)
            for (int j = 0; j < width; j += VL) {
                __builtin_prefetch(base + row[k + 12 < steps ? k + 12 : k] + col[0] + j);
                store(panel + k * width + j, load(base + row[k] + col[j]));
            }
        return;
    }
    const Chunks chunks(col, columns);
    int copies = 0;  // per step, when copied chunk by chunk
    for (int count : chunks.count) copies += count;
    if (4 * copies > columns && steps >= VL && neighbours(row, VL / 2))
        return pack_turned(panel, base, row, steps, col, columns, width);
    if (columns < width) __builtin_memset(panel, 0, sizeof(float) * steps * width);
    pack_chunks<16>(panel, base, row, steps, chunks.list[0], chunks.count[0], width);
    pack_chunks<8>(panel, base, row, steps, chunks.list[1], chunks.count[1], width);
    pack_chunks<4>(panel, base, row, steps, chunks.list[2], chunks.count[2], width);
    pack_chunks<2>(panel, base, row, steps, chunks.list[3], chunks.count[3], width);
    pack_chunks<1>(panel, base, row, steps, chunks.list[4], chunks.count[4], width);
}

// base[row[r] + col[column]] = tile[r][column], r < rows
template <int W> void unpack_chunks(float* base, const index* row, int rows, const float* tile, const Chunks::Chunk* list,
                                    int count, int width) {
    for (int i = 0; i < count; ++i) {
        float* to = base + list[i].offset;
        const float* from = tile + list[i].column;
        for (int r = 0; r < rows; ++r) store<W>(to + row[r], load<W>(from + r * width));
    }
}

inline void unpack_tile(float* base, const index* row, int rows, const float* tile, const Chunks& chunks,
                        int width = NR) {
    unpack_chunks<16>(base, row, rows, tile, chunks.list[0], chunks.count[0], width);
    unpack_chunks<8>(base, row, rows, tile, chunks.list[1], chunks.count[1], width);
    unpack_chunks<4>(base, row, rows, tile, chunks.list[2], chunks.count[2], width);
    unpack_chunks<2>(base, row, rows, tile, chunks.list[3], chunks.count[3], width);
    unpack_chunks<1>(base, row, rows, tile, chunks.list[4], chunks.count[4], width);
}

// panel[k][r] = base[row[r] + col[k]], r < rows: a panel of A, k by k. `left` rows (>= rows) stand in the table from here on.
//
// Where k runs along neighbours, blocks are turned in registers; where the rows do, as in x^T y, each k is one copy. Either way
// whole vectors are stored: their lanes beyond `rows` are overwritten by the next k, or left out at the end.
inline void pack_rows(float* panel, const float* base, const index* row, int rows, index left, const index* col, index steps) {
    const auto keep = [&](index k, vec v) {
        if ((steps - k) * rows < VL) store_first(panel + k * rows, v, least(rows, VL));
        else store(panel + k * rows, v);
    };
    index k = 0;
    if (rows > 1 && rows <= VL && left >= VL && neighbours(row, VL)) {
        for (; k < steps; ++k) keep(k, load(base + row[0] + col[k]));
        return;
    }
    for (index end; k < steps; k = end) {
        end = least(k + VL, steps);
        int turned = 0;  // rows that were turned
        if (end - k == VL && rows > 1 && neighbours(col + k, VL)) {
            vec v[VL] = {};
            turned = rows < VL ? rows : VL;
            for (int r = 0; r < turned; ++r) v[r] = load(base + row[r] + col[k]);
            transpose(v);
            for (int i = 0; i < VL; ++i) keep(k + i, v[i]);
        }
        for (int r = turned; r < rows; ++r)
            for (index i = k; i < end; ++i) panel[i * rows + r] = base[row[r] + col[i]];
    }
}

}  // namespace VARIANT
}  // namespace minigen
