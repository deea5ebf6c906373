// Packing of a step's weights, and the tile that multiplies by them. See panels.h.
#include "panels.h"

#include "../matmul/pack.h"

namespace minigen {
namespace VARIANT {
namespace {

template <int R, int V>
void tile(const float* a, index stride, const float* panel, index K, float* sums, index pitch, bool add) {
    vec sum[R][V];
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) sum[r][v] = add ? load(sums + r * pitch + v * VL) : vec{};
    for (index k = 0; k < K; ++k) {
        vec column[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) column[v] = load(panel + (k * V + v) * VL);
#pragma GCC unroll 6
        for (int r = 0; r < R; ++r) {
            const float value = a[r * stride + k];
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[r][v] += value * column[v];
        }
    }
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) store(sums + r * pitch + v * VL, sum[r][v]);
}

typedef void Tile(const float* a, index stride, const float* panel, index K, float* sums, index pitch, bool add);

template <int R = ROWS, int V = VECTORS> Tile* tile_of(int rows, int vectors) {  // one for each size: edges cost nothing extra
    if constexpr (R > 1)
        if (rows < R) return tile_of<R - 1, V>(rows, vectors);
    if constexpr (V > 1)
        if (vectors < V) return tile_of<R, V - 1>(rows, vectors);
    return tile<R, V>;
}

// to[k][lane] = from[lane][k], rows of `width` floats in `to`: VL rows of a matrix become a column of vectors, in registers.
void turn(float* to, index width, const float* from, index stride, index lanes, index K) {
    index k = 0;
    for (; k + VL <= K; k += VL) {
        vec v[VL] = {};
        for (index lane = 0; lane < lanes; ++lane) v[lane] = load(from + lane * stride + k);
        transpose(v);
        for (int i = 0; i < VL; ++i) store(to + (k + i) * width, v[i]);
    }
    for (; k < K; ++k)
        for (index lane = 0; lane < VL; ++lane) to[k * width + lane] = lane < lanes ? from[lane * stride + k] : 0;
}

// Panels of at most `most` vectors for the columns; fill(to, width, panel, v) writes vector v of a panel for all k.
template <class Fill> Panels packed(index columns, index K, int most, float* data, const Fill& fill) {
    const index vectors = ceil_div(columns, VL), count = ceil_div(vectors, most);
    const Panels w{data, K, count, most, static_cast<int>(vectors - (count - 1) * most)};
    parallel(count, [&](index panel) {
        const int width = w.width(panel);
        for (int v = 0; v < width; ++v) fill(data + panel * K * most * VL + v * VL, width * VL, panel, v);
    });
    return w;
}

}  // namespace

Panels gates_of(const float* w, index H, index K, int gates, float* room) {
    return packed(gates * ceil_div(H, VL) * VL, K, gates, room, [&](float* to, index width, index panel, int gate) {
        const index k = panel * VL;
        turn(to, width, w + (gate * H + k) * K, K, least(VL, H - k), K);
    });
}

Panels turned(const float* w, index columns, index K, float* room) {
    return packed(columns, K, VECTORS, room, [&](float* to, index width, index panel, int v) {
        const index j = (panel * VECTORS + v) * VL;
        turn(to, width, w + j * K, K, least(VL, columns - j), K);
    });
}

Panels as_it_is(const float* w, index K, index columns, float* room) {
    return packed(columns, K, VECTORS, room, [&](float* to, index width, index panel, int v) {
        const index j = (panel * VECTORS + v) * VL, count = least(VL, columns - j);
        for (index k = 0; k < K; ++k) store(to + k * width, load_some(w + k * columns + j, count));
    });
}

void tile_sums(const float* a, index stride, int rows, const float* panel, index K, int vectors, float* sums, index pitch,
               bool add) {
    tile_of(rows, vectors)(a, stride, panel, K, sums, pitch, add);
}

}  // namespace VARIANT
}  // namespace minigen
