// Attention, y = softmax(scale q k^T) v for every head, and its gradients, without ever storing the matrix of all weights.
//
// The idea is FlashAttention's (Dao et al. 2022; Dao 2023): scores are computed a block of queries times a block of keys at a
// time, in memory that stays in L2. A row's softmax over several blocks is kept as its largest score so far and the sum of
// e^(score - largest); a new largest score scales down what has been summed. The backward pass computes the scores once more,
// which is cheaper than writing and reading them. With `causal`, query i sees keys 0..i, and what lies above the diagonal
// costs nothing: half of the work.
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

// Written: y (N, H, L, D), and of each query its largest score and 1 / sum of e^(score - largest) (N, H, L).
void attention(const AttentionForward& pass, const Attention& size);
// kept (N, H, L, S), unless it is null, multiplies the weights: dropout's mask.
// With weights p, dp = delta v^T and ds = p (dp - delta . y):
// dq = scale ds k, dk = scale ds^T q, dv = p^T delta; with dropout dv = (p kept)^T delta, dp = kept (delta v^T). Those whose data is null are left out.
void attention_vjp(const AttentionBackward& pass, const Attention& size);

}  // namespace VARIANT
}  // namespace minigen
