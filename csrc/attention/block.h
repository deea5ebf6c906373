// Blocks of a head: copied out of strided memory once, padded to whole vectors, then multiplied from there.
#pragma once
#include "../elementwise/vecmath.h"
#include "../matmul/pack.h"
#include "attention.h"

namespace minigen {
namespace VARIANT {

// Queries or keys in a block: all blocks of a head together lie in L2.
inline index block_rows(const Attention& size) { return size.E > 128 || size.D > 128 ? 64 : 128; }
inline index whole_vectors(index n) { return ceil_div(n, VL) * VL; }
// Floats from one row of a block to the next: one vector more than needed, so that rows do not all meet in a few sets of L1.
inline index pitch(index columns) { return whole_vectors(columns) + VL; }

// The rows of one head, from `first` on.
struct Strip {
    float* data;
    index stride, column;  // from row to row, from column to column
    Strip(const Heads& x, index head, index heads, index first)
        : data(x.data + head / heads * x.stride[0] + head % heads * x.stride[1] + first * x.stride[2]),
          stride(x.stride[2]), column(x.stride[3]) {}
};

// to (rows x pitch(columns)) = from * scale, zeros up to a whole vector.
inline void copy_in(float* to, const Strip& from, index rows, index columns, float scale = 1) {
    const index step = pitch(columns);
    for (index r = 0; r < rows; ++r, to += step) {
        const float* x = from.data + r * from.stride;
        if (from.column == 1) {
            for (index j = 0; j < columns; j += VL) store(to + j, load_some(x + j, least(VL, columns - j)) * scale);
        } else {
            for (index j = columns; j < whole_vectors(columns); ++j) to[j] = 0;
            for (index j = 0; j < columns; ++j) to[j] = x[j * from.column] * scale;
        }
    }
}

// to = row r of from times scale(r)
template <class Scale> void copy_out(const Strip& to, const float* from, index rows, index columns, const Scale& scale) {
    const index step = pitch(columns);
    for (index r = 0; r < rows; ++r, from += step) {
        float* y = to.data + r * to.stride;
        const float factor = scale(r);
        if (to.column == 1) {
            for (index j = 0; j < columns; j += VL) store_some(y + j, load(from + j) * factor, least(VL, columns - j));
        } else {
            for (index j = 0; j < columns; ++j) y[j * to.column] = from[j] * factor;
        }
    }
}

// to (columns x pitch(rows)) = from^T, from as copy_in leaves it.
inline void turn(float* to, const float* from, index rows, index columns) {
    const index from_step = pitch(columns), to_step = pitch(rows);
    for (index r = 0; r < rows; r += VL)
        for (index c = 0; c < columns; c += VL) {
            vec v[VL] = {};
            const index height = least(VL, rows - r), width = least(VL, columns - c);
            for (index i = 0; i < height; ++i) v[i] = load(from + (r + i) * from_step + c);
            transpose(v);
            for (index i = 0; i < width; ++i) store(to + (c + i) * to_step + r, v[i]);
        }
}

// One number of a vector's lanes: halves are combined, then quarters, down to one.
template <int HALF = VL / 2, class F> inline float fold(vec v, const F& f) {
    ivec other;
    for (int i = 0; i < VL; ++i) other[i] = i ^ HALF;
    v = f(v, two_sources(v, v, other));
    if constexpr (HALF > 1) return fold<HALF / 2>(v, f);
    else return v[0];
}
inline float sum_of(vec v) {
    return fold(v, [](vec a, vec b) { return a + b; });
}

// A left factor: element (row, step) stands at data[row * row_stride + step * step_stride]. Its numbers are broadcast one by
// one, so that it needs no packing, and its transpose is the same numbers with the strides exchanged.
struct Left {
    const float* data;
    index row_stride, step_stride;
};

// c (R x W vectors) = or += a b: sums that stay in registers over all steps.
template <int R, int W>
void small_tile(index steps, const Left& a, const float* b, index b_step, float* c, index c_step, bool add) {
    vec sum[R][W];
    const float* row[R];
    for (int r = 0; r < R; ++r) {
        row[r] = a.data + r * a.row_stride;
        for (int w = 0; w < W; ++w) sum[r][w] = add ? load(c + r * c_step + w * VL) : vec{};
    }
    for (index k = 0, at = 0; k < steps; ++k, at += a.step_stride, b += b_step) {
        vec right[W];
        for (int w = 0; w < W; ++w) right[w] = load(b + w * VL);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
            for (int w = 0; w < W; ++w) sum[r][w] += row[r][at] * right[w];
    }
    for (int r = 0; r < R; ++r)
        for (int w = 0; w < W; ++w) store(c + r * c_step + w * VL, sum[r][w]);
}

// c (rows x columns, up to whole vectors) = or += a b for at most MR rows.
template <int R = MR>
void product(index rows, index columns, index steps, const Left& a, const float* b, index b_step, float* c, index c_step,
             bool add) {
    if constexpr (R > 1)
        if (rows < R) return product<R - 1>(rows, columns, steps, a, b, b_step, c, c_step, add);
    for (index j = 0; j < columns; j += NR) {
        const auto tile = columns - j > VL ? small_tile<R, 2> : small_tile<R, 1>;
        tile(steps, a, b + j, b_step, c + j, c_step, add);
    }
}

// Rows in panels of at most MR, all of nearly the same height: f(first, rows).
template <class F> void each_panel(index rows, const F& f) {
    const index panels = ceil_div(rows, MR);
    for (index p = 0; p < panels; ++p) f(p * rows / panels, (p + 1) * rows / panels - p * rows / panels);
}

// The calling thread's working memory, handed out piece by piece.
class Pieces {
public:
    explicit Pieces(index total) : next(scratch_floats(Scratch::attention, total)) {}
    float* take(index floats) {
        float* piece = next;
        next += floats;
        return piece;
    }

private:
    float* next;
};

}  // namespace VARIANT
}  // namespace minigen
