// Attention backward: a task is one head. For each block of keys, the blocks of queries that see it add their share to dk and
// dv; dq of the whole head is summed meanwhile. Who adds when never depends on threads.
#include "block.h"

namespace minigen {
namespace VARIANT {
namespace {

struct Head {
    const AttentionBackward& pass;
    const Attention& size;
    const index head, B, E, D, width;
    Pieces pieces;
    float *const q, *const k, *const k_turned, *const v_turned, *const delta, *const p, *const ds, *const dk, *const dv;
    float *const mean, *const dq;  // of all queries: delta . y, which is the mean of dp under the weights p; and dq

    static index floats(const Attention& s, index B) {
        return B * (3 * pitch(s.E) + 2 * pitch(s.D)) + (s.E + s.D) * pitch(B) + 2 * B * pitch(B) +
               s.L * (1 + pitch(s.E));
    }
    Head(const AttentionBackward& pass, const Attention& size, index head)
        : pass(pass), size(size), head(head), B(block_rows(size)), E(size.E), D(size.D), width(pitch(B)),
          pieces(floats(size, B)), q(pieces.take(B * pitch(E))), k(pieces.take(B * pitch(E))),
          k_turned(pieces.take(E * width)), v_turned(pieces.take(D * width)), delta(pieces.take(B * pitch(D))),
          p(pieces.take(B * width)), ds(pieces.take(B * width)), dk(pieces.take(B * pitch(E))),
          dv(pieces.take(B * pitch(D))), mean(pieces.take(size.L)), dq(pieces.take(size.L * pitch(E))) {}

    void run() {
        __builtin_memset(dq, 0, sizeof(float) * size.L * pitch(E));
        for (index i0 = 0; i0 < size.L; i0 += B) find_means(i0, least(B, size.L - i0));
        for (index j0 = 0; j0 < size.S; j0 += B) {
            const index n = least(B, size.S - j0);
            copy_in(k, head_of(pass.k, j0), n, E);
            turn(k_turned, k, n, E);
            copy_in(dv, head_of(pass.v, j0), n, D);  // dv lends its memory
            turn(v_turned, dv, n, D);
            __builtin_memset(dk, 0, sizeof(float) * n * pitch(E));
            __builtin_memset(dv, 0, sizeof(float) * n * pitch(D));
            for (index i0 = size.causal ? j0 : 0; i0 < size.L; i0 += B) add_share(i0, least(B, size.L - i0), j0, n);
            if (pass.dk.data) copy_out(head_of(pass.dk, j0), dk, n, E, [](index) { return 1.0f; });
            if (pass.dv.data) copy_out(head_of(pass.dv, j0), dv, n, D, [](index) { return 1.0f; });
        }
        if (pass.dq.data) copy_out(head_of(pass.dq, 0), dq, size.L, E, [&](index) { return size.scale; });
    }

    Strip head_of(const Heads& x, index first) const { return Strip(x, head, size.H, first); }

    void find_means(index i0, index m) {
        copy_in(delta, head_of(pass.delta, i0), m, D);
        copy_in(dv, head_of(pass.y, i0), m, D);
        for (index r = 0; r < m; ++r) {
            vec sum = {};
            for (index d = 0; d < D; d += VL) sum += load(delta + r * pitch(D) + d) * load(dv + r * pitch(D) + d);
            mean[i0 + r] = sum_of(sum);
        }
    }

    // What m queries from i0 on and n keys from j0 on add to the gradients.
    void add_share(index i0, index m, index j0, index n) {
        const index ahead = size.causal ? i0 - j0 : n;  // query r of the block sees its keys 0..ahead + r
        const auto seen_by = [&](index r) { return least(n, ahead + r + 1); };
        copy_in(q, head_of(pass.q, i0), m, E, size.scale);
        copy_in(delta, head_of(pass.delta, i0), m, D);
        each_panel(m, [&](index r0, index R) {
            const index seen = seen_by(r0 + R - 1);
            float *const weights = p + r0 * width, *const slopes = ds + r0 * width;
            product(R, seen, E, {q + r0 * pitch(E), pitch(E), 1}, k_turned, pitch(n), weights, width, false);
            product(R, seen, D, {delta + r0 * pitch(D), pitch(D), 1}, v_turned, pitch(n), slopes, width, false);
            for (index r = 0; r < R; ++r) {
                const index own = seen_by(r0 + r);
                const float* const kept = pass.kept ? pass.kept + (head * size.L + i0 + r0 + r) * size.S + j0 : nullptr;
                differentiate(weights + r * width, slopes + r * width, kept, i0 + r0 + r, own, least(n, own + MR));
            }
            product(R, E, seen, {slopes, width, 1}, k, pitch(E), dq + (i0 + r0) * pitch(E), pitch(E), true);
        });
        each_panel(n, [&](index c0, index R) {
            const index start = c0 > ahead ? c0 - ahead : 0;  // the first query that sees one of these keys
            if (start >= m) return;
            const Left weights{p + start * width + c0, 1, width}, slopes{ds + start * width + c0, 1, width};
            product(R, D, m - start, weights, delta + start * pitch(D), pitch(D), dv + c0 * pitch(D), pitch(D), true);
            product(R, E, m - start, slopes, q + start * pitch(E), pitch(E), dk + c0 * pitch(E), pitch(E), true);
        });
    }

    // A query's scores become weights, dp becomes ds; zeros follow up to `end`: a panel of keys reads on from what is seen.
    void differentiate(float* scores, float* slopes, const float* kept, index query, index seen, index end) {
        const float top = pass.top[head * size.L + query], inverse = pass.inverse[head * size.L + query];
        for (index j = 0; j < end; j += VL) {
            vec weight = {}, slope = {};
            if (j < seen) {
                weight = first_lanes(exp(load(scores + j) - top) * inverse, seen - j);
                const vec factor = kept ? load_some(kept + j, least(VL, seen - j)) : splat(1);
                slope = first_lanes(weight * (factor * load(slopes + j) - mean[query]), seen - j);
                weight *= factor;
            }
            store(scores + j, weight);
            store(slopes + j, slope);
        }
    }
};

}  // namespace

void attention_vjp(const AttentionBackward& pass, const Attention& size) {
    parallel(size.N * size.H, [&](index head) { Head(pass, size, head).run(); });
}

}  // namespace VARIANT
}  // namespace minigen
