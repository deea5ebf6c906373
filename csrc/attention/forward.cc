// Attention forward: a task is one head and one block of queries, which goes through the blocks of keys that it may see.
#include "block.h"

namespace minigen {
namespace VARIANT {
namespace {

vec first_or(vec v, index count, vec rest) {
    ivec lane = {};
    for (int i = 0; i < VL; ++i) lane[i] = i;
    return lane < static_cast<int32_t>(count) ? v : rest;
}

float highest(const float* x, index n, float so_far) {  // NaN never wins; it comes back as e^NaN in the sum
    vec top = splat(so_far);
    for (index j = 0; j < n; j += VL) {
        const vec v = n - j < VL ? first_or(load(x + j), n - j, top) : load(x + j);
        top = v > top ? v : top;
    }
    return fold(top, [](vec a, vec b) { return a > b ? a : b; });
}

// The softmax of one query as far as it has gone.
struct Softmax {
    float top = -__builtin_inff();
    double total = 0;
    float shift() const { return top == -__builtin_inff() ? 0 : top; }  // -inf - -inf would be NaN

    // scores[0, seen) become weights, scores up to `width` zeros; what was summed before is to be multiplied by the result.
    float take(float* scores, index seen, index width) {
        const float before = top;
        top = highest(scores, seen, top);
        const float subtract = shift();
        vec sum = {};
        for (index j = 0; j < width; j += VL) {
            const vec weight = j < seen ? first_lanes(exp(load(scores + j) - subtract), seen - j) : vec{};
            store(scores + j, weight);
            sum += weight;
        }
        const bool same = before == top || before == -__builtin_inff();  // or nothing to scale down yet
        const float rescale = same ? 1.0f : exp(splat(before - subtract))[0];
        total = total * rescale + sum_of(sum);
        return rescale;
    }
};

void drop(float* weights, const float* kept, index seen) {
    for (index j = 0; j < seen; j += VL) store(weights + j, load(weights + j) * load_some(kept + j, least(VL, seen - j)));
}

void one_block(const AttentionForward& pass, const Attention& size, index head, index first, index rows) {
    const index B = block_rows(size), E = size.E, D = size.D, width = pitch(B);
    Pieces pieces(B * (2 * pitch(E) + 2 * pitch(D)) + E * width + MR * width);
    float *const q = pieces.take(B * pitch(E)), *const k = pieces.take(B * pitch(E)), *const v = pieces.take(B * pitch(D));
    float *const y = pieces.take(B * pitch(D)), *const k_turned = pieces.take(E * width), *const p = pieces.take(MR * width);
    Softmax softmax[128];

    copy_in(q, Strip(pass.q, head, size.H, first), rows, E, size.scale);
    __builtin_memset(y, 0, sizeof(float) * rows * pitch(D));
    const index keys = size.causal ? least(size.S, first + rows) : size.S;
    for (index j0 = 0; j0 < keys; j0 += B) {
        const index n = least(B, keys - j0);
        copy_in(k, Strip(pass.k, head, size.H, j0), n, E);
        turn(k_turned, k, n, E);
        copy_in(v, Strip(pass.v, head, size.H, j0), n, D);
        each_panel(rows, [&](index r0, index R) {
            const auto seen_by = [&](index r) { return size.causal ? least(n, first + r + 1 - j0) : n; };
            const index seen = seen_by(r0 + R - 1);
            if (seen <= 0) return;
            product(R, seen, E, {q + r0 * pitch(E), pitch(E), 1}, k_turned, pitch(n), p, width, false);
            for (index r = 0; r < R; ++r) {
                float* const sums = y + (r0 + r) * pitch(D);
                const float rescale = softmax[r0 + r].take(p + r * width, seen_by(r0 + r), seen);
                if (pass.kept) drop(p + r * width, pass.kept + (head * size.L + first + r0 + r) * size.S + j0, seen_by(r0 + r));
                if (rescale == 1.0f) continue;
                for (index d = 0; d < D; d += VL) store(sums + d, load(sums + d) * rescale);
            }
            product(R, D, seen, {p, width, 1}, v, pitch(D), y + r0 * pitch(D), pitch(D), true);
        });
    }
    float *const top = pass.top + head * size.L + first, *const inverse = pass.inverse + head * size.L + first;
    for (index r = 0; r < rows; ++r) {
        top[r] = softmax[r].shift();
        inverse[r] = softmax[r].total == 0 ? 0 : static_cast<float>(1 / softmax[r].total);  // a query that sees nothing gets 0
    }
    copy_out(Strip(pass.y, head, size.H, first), y, rows, D, [&](index r) { return inverse[r]; });
}

}  // namespace

void attention(const AttentionForward& pass, const Attention& size) {
    const index B = block_rows(size), blocks = ceil_div(size.L, B);
    parallel(size.N * size.H * blocks, [&](index task) {
        const index block = blocks - 1 - task % blocks;  // the longest first
        one_block(pass, size, task / blocks, block * B, least(B, size.L - block * B));
    });
}

}  // namespace VARIANT
}  // namespace minigen
