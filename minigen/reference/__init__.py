"""Textbook definitions, composed from the primitives. Each has a fast twin in ``fused``, proved equal to it by test."""

from .activation import gelu, leaky_relu, relu, sigmoid, silu, softplus, tanh
from .conv import conv2d, conv_transpose2d
from .embedding import embedding
from .gated import gated_residual
from .linear import linear
from .loss import bce_with_logits, cross_entropy
from .norm import batch_norm, group_norm, group_norm_silu, layer_norm
from .recurrent import gru, gru_cell, lstm, lstm_cell, rnn
from .softmax import attention, log_softmax, softmax

__all__ = [
    "attention", "batch_norm", "bce_with_logits", "conv2d", "conv_transpose2d", "cross_entropy", "embedding",
    "gated_residual", "gelu", "group_norm", "group_norm_silu", "gru", "gru_cell", "layer_norm", "leaky_relu", "linear",
    "log_softmax", "lstm", "lstm_cell", "relu", "rnn", "sigmoid", "silu", "softmax", "softplus", "tanh",
]  # fmt: skip
