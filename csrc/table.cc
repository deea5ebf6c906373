// The table of this instruction set's kernels.
#include "attention/attention.h"
#include "bench/loops.h"
#include "conv/rungs.h"
#include "elementwise/elementwise.h"
#include "gated/gated.h"
#include "matmul/rungs.h"
#include "norm/batch_norm.h"
#include "norm/group_norm.h"
#include "optim/adam.h"
#include "random/philox.h"
#include "recurrent/recurrent.h"
#include "rows/rows.h"

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

namespace minigen {
namespace VARIANT {

extern const Kernels kernels;
const Kernels kernels = {
    TEXT(VARIANT),
    {matmul_v1_naive, matmul_v2_loop_order, matmul_v3_blocked, matmul_v4_packed, matmul_v5_vector,
     matmul_v6_edges, matmul_v7_threads},
    matmul_fused,
    {conv2d_v1_direct, conv2d_v2_im2col, conv2d_v3_implicit, conv2d_v4_channels, conv2d_v5_winograd},
    conv2d_input,
    conv2d_weight,
    channel_sums,
    relu,
    tanh,
    sigmoid,
    relu_vjp,
    tanh_vjp,
    sigmoid_vjp,
    bce,
    leaky_relu,
    leaky_relu_vjp,
    bce_vjp,
    batch_norm,
    batch_norm_vjp,
    group_norm,
    group_norm_vjp,
    adam,
    philox,
    dropout_mask,
    multiply_add,
    read_all,
    triad,
    gated_residual,
    gated_residual_vjp,
    gelu,
    gelu_tanh,
    silu,
    softplus,
    gelu_vjp,
    gelu_tanh_vjp,
    silu_vjp,
    softplus_vjp,
    softmax,
    log_softmax,
    softmax_vjp,
    log_softmax_vjp,
    cross_entropy,
    cross_entropy_vjp,
    layer_norm,
    layer_norm_vjp,
    rnn,
    rnn_vjp,
    lstm,
    lstm_vjp,
    gru,
    gru_vjp,
    attention,
    attention_vjp,
    embedding,
    embedding_vjp,
};

}  // namespace VARIANT
}  // namespace minigen
