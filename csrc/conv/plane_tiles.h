// Register tiles for planes that are read and written where they lie: vectors along their pixels.
//
// They ask for the lines that come next while they compute: of each plane some hundred floats are needed at a time, which the
// hardware's own prefetcher notices too late.
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

// f(first, size) for `all` in as few parts of at most `most` as possible, all of nearly the same size
template <class F> inline void each_part(index all, index most, const F& f) {
    const index parts = ceil_div(all, most);
    for (index i = 0; i < parts; ++i) f(i * all / parts, (i + 1) * all / parts - i * all / parts);
}

// z (R rows x V vectors) = w (R x steps) times the rows of y, at y_row floats one from the next. Of the last vector `last`
// floats are there. `wanted` are lines of the rows of y at that distance; z's own lines are fetched at the start.
struct Row {
    index steps;
    const float* w;
    index w_row;
    const float* y;
    index y_row, wanted;
    float* z;
    index z_row, last;
    const float* bias = nullptr;  // what each row of z begins with; null: zeros
};
typedef void RowTile(const Row& t);

template <int R, int V, bool FULL> void row_tile(const Row& t) {
    vec sum[R][V] = {};
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) __builtin_prefetch(t.z + r * t.z_row + v * VL, 1);
    if (t.bias) {
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[r][v] += t.bias[r];
    }
    const float *y = t.y, *w = t.w;
    for (index k = 0; k < t.steps; ++k, y += t.y_row, ++w) {
        vec across[V];
        __builtin_prefetch(y + t.wanted);
        __builtin_prefetch(y + t.wanted + VL);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) across[v] = FULL || v < V - 1 ? load(y + v * VL) : load_first(y + v * VL, t.last);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const float value = w[r * t.w_row];
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[r][v] += value * across[v];
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            float* const z = t.z + r * t.z_row + v * VL;
            FULL || v < V - 1 ? store(z, sum[r][v]) : store_first(z, sum[r][v], t.last);
        }
}
#if defined(__AVX512F__)
constexpr int ROW_VECTORS = 4, DOT_MAPS = 5, DOT_TAPS = 5;
#else
constexpr int ROW_VECTORS = 2, DOT_MAPS = 3, DOT_TAPS = 3;
#endif
constexpr int ROW_HEIGHT = 6;
template <int R = ROW_HEIGHT, int V = ROW_VECTORS> RowTile* row_tile_of(index rows, index vectors, bool full) {
    if constexpr (R > 1) {
        if (rows < R) return row_tile_of<R - 1, V>(rows, vectors, full);
    }
    if constexpr (V > 1) {
        if (vectors < V) return row_tile_of<R, V - 1>(rows, vectors, full);
    }
    return full ? row_tile<R, V, true> : row_tile<R, V, false>;
}

// to (rows x count pixels) = w (rows x inner) times `inner` planes from here on, plus a bias for each row unless it is null. `next`:
// how far from here it goes on after that.
inline void multiply_planes(const float* w, index rows, index inner, const float* from, index from_row, float* to, index to_row,
                            index count, index next, const float* bias = nullptr) {
    const index all = ceil_div(count, VL);
    each_part(all, ROW_VECTORS, [&](index v, index vectors) {
        const index last = least(VL, count - (v + vectors - 1) * VL), wanted = v + vectors < all ? vectors * VL : next - v * VL;
        each_part(rows, ROW_HEIGHT, [&](index r, index height) {
            row_tile_of(height, vectors, last == VL)({inner, w + r * inner, inner, from + v * VL, from_row,
                                                      r == 0 ? wanted : wanted + 2 * VL, to + r * to_row + v * VL, to_row, last,
                                                      bias ? bias + r : nullptr});
        });
    });
}

// sum (R x S vectors, lane by lane) = or += rows of g times rows of x, for some images.
// `wanted` is the distance at which lines of g will be needed next.
struct Dots {
    index count, images;
    const float* g;
    index g_row, g_image, wanted;
    const float* x;
    index x_row, x_image;
    float* sum;
    index sum_row;
    bool add;
};
typedef void DotTile(const Dots& t);

template <int R, int S> void dot_tile(const Dots& t) {
    vec total[R][S];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int s = 0; s < S; ++s) total[r][s] = t.add ? load(t.sum + r * t.sum_row + s * VL) : vec{};
    const float *g = t.g, *x = t.x;
    const auto add = [&](const auto& get, index j) {
        vec a[R];
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const float* const from = g + r * t.g_row + j;
            a[r] = get(from);
            __builtin_prefetch(from + t.wanted);
        }
#pragma GCC unroll 8
        for (int s = 0; s < S; ++s) {
            const vec b = get(x + s * t.x_row + j);
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) total[r][s] += a[r] * b;
        }
    };
    for (index i = 0; i < t.images; ++i, g += t.g_image, x += t.x_image) {
        index j = 0;
        for (; j + VL <= t.count; j += VL) add([](const float* p) { return load(p); }, j);
        if (j < t.count) add([&](const float* p) { return load_first(p, t.count - j); }, j);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int s = 0; s < S; ++s) store(t.sum + r * t.sum_row + s * VL, total[r][s]);
}
template <int R = DOT_MAPS, int S = DOT_TAPS> DotTile* dot_tile_of(index maps, index taps) {
    if constexpr (R > 1) {
        if (maps < R) return dot_tile_of<R - 1, S>(maps, taps);
    }
    if constexpr (S > 1) {
        if (taps < S) return dot_tile_of<R, S - 1>(maps, taps);
    }
    return dot_tile<R, S>;
}

}  // namespace VARIANT
}  // namespace minigen
