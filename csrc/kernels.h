// What one build of the kernels offers. Every kernel source is compiled once per instruction set, each time in a namespace of
// its own, and fills one of these tables; dispatch.cc picks the table that the processor can run.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace minigen {

using index = ptrdiff_t;  // signed, so that negative strides and differences need no care

// A matrix somewhere in memory: element (i, j) is data[i * row_stride + j * col_stride].
struct Matrix {
    const float* data;
    index rows, cols, row_stride, col_stride;
};

// What a product does to its sums before they leave L1: z = f(x y + row_bias + column_bias), or f(z + ...) to accumulate.
enum class Activation { none, relu, leaky_relu, tanh, sigmoid, gelu, silu };
struct Epilogue {
    const float* row_bias = nullptr;     // one number for each row of z
    const float* column_bias = nullptr;  // and for each column
    Activation activation = Activation::none;
    float slope = 0;  // of leaky_relu
    bool accumulate = false;
    bool idle() const { return !row_bias && !column_bias && activation == Activation::none && !accumulate; }
};

// The sizes of y = conv2d(x, w): x is (N, C, H, W), w is (O, C/G, KH, KW), y is (N, O, OH, OW).
struct Conv {
    index N, C, H, W, O, KH, KW, OH, OW;
    index SH, SW, PH, PW, DH, DW;  // stride, padding, dilation
    index G;                       // groups
    const float* bias = nullptr;   // what each plane of y, or of dx, begins with, a number for each channel; null: zeros
};

// A tensor with channels: (N, C, S), where S is the product of all sizes after the channels.
struct Channels {
    index N, C, S;
};

// The same with the channels in G groups; C / G channels of one sample are normalised together, and with `silu` the result
// z becomes z sigmoid(z).
struct Groups {
    index N, C, S, G;
    bool silu;
};

// One parameter of an optimiser, with its gradient and its two running moments.
struct Parameter {
    float* value;
    const float* grad;
    float *m, *v;
    index size;
};

struct AdamStep {
    float lr, beta1, beta2, eps, weight_decay;
    float correction1, correction2_sqrt;  // 1 - beta1^t and sqrt(1 - beta2^t)
    float one_minus_beta1, one_minus_beta2;
};

typedef void MatmulKernel(const Matrix& x, const Matrix& y, float* out);
typedef void FusedMatmul(const Matrix& x, const Matrix& y, float* out, const Epilogue& epilogue);
typedef void ConvKernel(const float* first, const float* second, float* out, const Conv& size);
typedef void Unary(const float* x, float* out, index n);
typedef void Binary(const float* a, const float* b, float* out, index n);
typedef void Rows(const float* x, float* y, index rows, index size);
typedef void RowsVjp(const float* delta, const float* y, float* dx, index rows, index size);

// A recurrent layer over T steps of N sequences, I numbers of input and H of state; `reverse` runs from the last step to the
// first.
struct Sequence {
    index T, N, I, H;
    bool reverse;
};

// x (T, N, I), w_ih (G H, I), w_hh (G H, H) with G gates, b (G H) or null. Every state h goes to hs (T, N, H). In backward, dhs
// is (T, N, H), dg (T, N, G H) receives the error of the sums W_ih x + b + W_hh h, dx (T, N, I) and dh (N, H) are written
// unless they are null.
struct RnnForward {
    const float *x, *h, *w_ih, *w_hh, *b;
    float* hs;
    bool relu;  // or tanh
};
struct RnnBackward {
    const float *hs, *w_ih, *w_hh, *dhs;
    float *dg, *dx, *dh;
    bool relu;
};
// LSTM, gates in the order i, f, g, o. Also written: the activated gates, T N 4 H numbers (H rounded up to a multiple of 16) in
// the kernel's own order, and cells (T + 1, N, H): the first cell, then those after each step in the order of time.
struct LstmForward {
    const float *x, *h, *c, *w_ih, *w_hh, *b;
    float *hs, *gates, *cells;
};
// dhs may be null, dc (N, H) too; dc0 (N, H) is written.
struct LstmBackward {
    const float *gates, *cells, *w_ih, *w_hh, *dhs, *dc;
    float *dg, *dx, *dh, *dc0;
};
// GRU, gates in the order r, z, n; b_hh stands beside W_hh h. Also written: the gates, as many numbers as for the LSTM.
struct GruForward {
    const float *x, *h, *w_ih, *w_hh, *b_ih, *b_hh;
    float *hs, *gates;
};
// da and dg (T, N, 3H) receive the errors of W_ih x + b_ih and of W_hh h + b_hh.
struct GruBackward {
    const float *gates, *hs, *h, *w_ih, *w_hh, *dhs;
    float *da, *dg, *dx, *dh;
};

// (N, H, rows, columns): element (n, h, i, j) is data[n * stride[0] + h * stride[1] + i * stride[2] + j * stride[3]].
struct Heads {
    float* data;
    index stride[4];
};
// Attention of N x H heads: queries (L, E), keys (S, E), values (S, D). With `causal`, query i sees keys 0..i.
struct Attention {
    index N, H, L, S, E, D;
    float scale;
    bool causal;
};
struct AttentionForward {
    Heads q, k, v, y;
    float *top, *inverse;
    const float* kept;
};
struct AttentionBackward {
    Heads delta, q, k, v, y;
    const float *top, *inverse, *kept;
    Heads dq, dk, dv;
};

// WaveNet's unit: x (N, T, C), w (2G, C, K) with dilation D, skip and total (N, T, S); see gated/gated.h. `skip` and the biases may
// be null, and w_out together with b_out and out. Written: out (N, T, C), total, and gates (N, T, 2G): tanh, then sigmoid.
struct Gated {
    index N, T, C, G, S, K, D;
};
struct GatedForward {
    const float *x, *skip, *w, *b, *w_out, *b_out, *w_skip, *b_skip;
    float *out, *total, *gates;
};
// dout or dtotal may be null, which means zeros; results that are null are not computed.
struct GatedBackward {
    const float *x, *gates, *w, *w_out, *w_skip, *dout, *dtotal;
    float *dx, *dw, *db, *dw_out, *db_out, *dw_skip, *db_skip;
};

constexpr int MATMUL_RUNGS = 7, CONV_RUNGS = 5;
constexpr const char* MATMUL_NAMES[] = {"v1_naive", "v2_loop_order", "v3_blocked",
                                        "v4_packed", "v5_vector", "v6_edges", "v7_threads"};
constexpr const char* CONV_NAMES[] = {"v1_direct", "v2_im2col", "v3_implicit", "v4_channels", "v5_winograd"};

struct Kernels {
    const char* name;
    MatmulKernel* matmul[MATMUL_RUNGS];
    FusedMatmul* matmul_fused;  // the last rung with an epilogue
    ConvKernel* conv2d[CONV_RUNGS];
    ConvKernel* conv2d_input;
    ConvKernel* conv2d_weight;
    void (*channel_sums)(const float* x, float* out, const Channels& size);
    Unary *relu, *tanh, *sigmoid;
    Binary *relu_vjp, *tanh_vjp, *sigmoid_vjp, *bce;
    void (*leaky_relu)(const float* x, float slope, float* out, index n);
    void (*leaky_relu_vjp)(const float* delta, const float* x, float slope, float* out, index n);
    void (*bce_vjp)(const float* delta, const float* x, const float* y, float* dx, float* dy, index n);
    void (*batch_norm)(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean,
                       float* var, float* rstd, const Channels& size);
    void (*batch_norm_vjp)(const float* delta, const float* x, const float* mean, const float* rstd, const float* weight,
                           float* dx, float* dweight, float* dbias, const Channels& size);
    void (*group_norm)(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean,
                       float* rstd, const Groups& size);
    void (*group_norm_vjp)(const float* delta, const float* x, const float* mean, const float* rstd, const float* weight,
                           const float* bias, float* dx, float* dweight, float* dbias, const Groups& size);
    void (*adam)(const Parameter* parameters, index count, const AdamStep& step);
    void (*philox)(uint64_t seed, uint64_t offset, uint32_t* out, index n);
    void (*dropout_mask)(uint64_t seed, uint64_t offset, uint32_t threshold, float scale, float* out, index n);
    index (*multiply_add)(index steps);
    float (*read_all)(const float* x, index n);
    void (*triad)(const float* x, const float* y, float scale, float* out, index n);
    void (*gated_residual)(const GatedForward& pass, const Gated& size);
    void (*gated_residual_vjp)(const GatedBackward& pass, const Gated& size);
    Unary *gelu, *gelu_tanh, *silu, *softplus;
    Binary *gelu_vjp, *gelu_tanh_vjp, *silu_vjp, *softplus_vjp;
    Rows *softmax, *log_softmax;
    RowsVjp *softmax_vjp, *log_softmax_vjp;
    void (*cross_entropy)(const float* x, const int64_t* labels, float* loss, float* top, float* log_sum, index rows,
                          index size);
    void (*cross_entropy_vjp)(const float* delta, const float* x, const int64_t* labels, const float* top,
                              const float* log_sum, float* dx, index rows, index size);
    void (*layer_norm)(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean,
                       float* rstd, index rows, index size);
    void (*layer_norm_vjp)(const float* delta, const float* x, const float* mean, const float* rstd, const float* weight,
                           float* dx, float* dweight, float* dbias, index rows, index size);
    void (*rnn)(const RnnForward& pass, const Sequence& size);
    void (*rnn_vjp)(const RnnBackward& pass, const Sequence& size);
    void (*lstm)(const LstmForward& pass, const Sequence& size);
    void (*lstm_vjp)(const LstmBackward& pass, const Sequence& size);
    void (*gru)(const GruForward& pass, const Sequence& size);
    void (*gru_vjp)(const GruBackward& pass, const Sequence& size);
    void (*attention)(const AttentionForward& pass, const Attention& size);
    void (*attention_vjp)(const AttentionBackward& pass, const Attention& size);
    void (*embedding)(const float* w, const int64_t* ids, float* out, index count, index size);
    void (*embedding_vjp)(const float* delta, const int64_t* ids, index padding, float* dw, index count, index rows,
                          index size);
};

}  // namespace minigen
