"""The fast twins of ``reference``: one forward kernel, one backward kernel, and the name of the textbook."""

from . import reference
from .twin import fused

linear = fused(reference.linear, forward="linear", vjp="linear_vjp")
conv2d = fused(reference.conv2d, forward="biased_conv2d", vjp="biased_conv2d_vjp")
conv_transpose2d = fused(
    reference.conv_transpose2d, forward="biased_conv_transpose2d", vjp="biased_conv_transpose2d_vjp"
)
relu = fused(reference.relu, forward="relu", vjp="relu_vjp")
leaky_relu = fused(reference.leaky_relu, forward="leaky_relu", vjp="leaky_relu_vjp")
tanh = fused(reference.tanh, forward="tanh", vjp="tanh_vjp")
sigmoid = fused(reference.sigmoid, forward="sigmoid", vjp="sigmoid_vjp")
bce_with_logits = fused(reference.bce_with_logits, forward="bce_with_logits", vjp="bce_with_logits_vjp")
cross_entropy = fused(reference.cross_entropy, forward="cross_entropy", vjp="cross_entropy_vjp")
batch_norm = fused(reference.batch_norm, forward="batch_norm", vjp="batch_norm_vjp", nondiff=(1, 2))
embedding = fused(reference.embedding, forward="embedding", vjp="embedding_vjp")
lstm_cell = fused(reference.lstm_cell, forward="lstm_cell", vjp="lstm_cell_vjp")
gru_cell = fused(reference.gru_cell, forward="gru_cell", vjp="gru_cell_vjp")
rnn = fused(reference.rnn, forward="rnn", vjp="rnn_vjp")
lstm = fused(reference.lstm, forward="lstm", vjp="lstm_vjp")
gru = fused(reference.gru, forward="gru", vjp="gru_vjp")
softmax = fused(reference.softmax, forward="softmax", vjp="softmax_vjp")
log_softmax = fused(reference.log_softmax, forward="log_softmax", vjp="log_softmax_vjp")
attention = fused(reference.attention, forward="attention", vjp="attention_vjp")
gelu = fused(reference.gelu, forward="gelu", vjp="gelu_vjp")
silu = fused(reference.silu, forward="silu", vjp="silu_vjp")
softplus = fused(reference.softplus, forward="softplus", vjp="softplus_vjp")
layer_norm = fused(reference.layer_norm, forward="layer_norm", vjp="layer_norm_vjp")
gated_residual = fused(reference.gated_residual, forward="gated_residual", vjp="gated_residual_vjp")
group_norm = fused(reference.group_norm, forward="group_norm", vjp="group_norm_vjp")
group_norm_silu = fused(reference.group_norm_silu, forward="group_norm_silu", vjp="group_norm_silu_vjp")

ALL = (
    linear, conv2d, conv_transpose2d, relu, leaky_relu, tanh, sigmoid, bce_with_logits, cross_entropy, batch_norm,
    embedding,
    lstm_cell, gru_cell, rnn, lstm, gru,
    softmax, log_softmax, attention, gelu, silu, softplus, layer_norm, group_norm, group_norm_silu,
    gated_residual,
)  # fmt: skip
