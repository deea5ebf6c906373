"""The public functions, by PyTorch's names, argument order and defaults.

They check their arguments, so that errors teach, and choose the fast form of what they compute.
"""

from ..ops import (
    abs,
    amax,
    amin,
    argmax,
    argmin,
    cos,
    exp,
    flatten,
    floor,
    log,
    log1p,
    matmul,
    maximum,
    mean,
    minimum,
    one_hot,
    pad,
    permute,
    pow,
    reshape,
    sign,
    sin,
    sqrt,
    squeeze,
    sum,
    transpose,
    unsqueeze,
    var,
    where,
)  # fmt: skip
from ..ops import (
    argsort, chunk, diag, diag_embed, diagonal, flip, hstack, index_select, masked_fill, masked_select, meshgrid,
    movedim, narrow, nonzero, repeat_interleave, roll, select, sort, split, swapaxes, take_along_dim, tile, topk, tril,
    tril_indices, triu, triu_indices, unbind, unflatten, unique, vstack,
)  # fmt: skip
from ..tensor import Tensor
from .activation import (
    elu, gelu, glu, hardsigmoid, hardswish, hardtanh, leaky_relu, logsigmoid, mish, prelu, relu, relu6, selu, sigmoid,
    silu, softplus, softsign, tanh,
)  # fmt: skip
from .adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d
from .attention import scaled_dot_product_attention
from .classes import cross_entropy, nll_loss
from .conv import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from .distance import cosine_similarity, normalize
from .dropout import dropout, dropout1d, dropout2d
from .embedding import embedding
from .entropy import binary_cross_entropy, binary_cross_entropy_with_logits, kl_div
from .gated import gated_residual
from .linear import linear
from .loss import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from .norm import batch_norm, group_norm, group_norm_silu, instance_norm, layer_norm, rms_norm
from .pool import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from .resize import interpolate, pixel_shuffle, pixel_unshuffle
from .scatter import gather, index_add, index_put, scatter, scatter_add
from .shape import cat, stack
from .softmax import log_softmax, softmax, softmin
from .window import fold, unfold

__all__ = [
    "abs", "amax", "amin", "argmax", "argmin", "batch_norm", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "cat", "conv2d", "conv_transpose2d", "cos", "cross_entropy", "dropout",
    "exp", "flatten", "floor", "gather", "leaky_relu", "linear", "log", "log1p", "log_softmax", "matmul", "maximum",
    "mean", "minimum", "mse_loss", "one_hot", "pad", "permute", "pow", "relu", "reshape", "sigmoid", "sign", "sin",
    "softmax", "sqrt", "squeeze", "stack", "sum", "tanh", "transpose", "unsqueeze", "var", "where",
]  # fmt: skip
__all__ += [  # other shapes and orders, selection, triangles
    "argsort", "chunk", "diag", "diag_embed", "diagonal", "flip", "hstack", "index_add", "index_put", "index_select",
    "masked_fill", "masked_select", "meshgrid", "movedim", "narrow", "nonzero", "repeat_interleave", "roll", "scatter",
    "scatter_add", "select", "sort", "split", "swapaxes", "take_along_dim", "tile", "topk", "tril", "tril_indices",
    "triu", "triu_indices", "unbind", "unflatten", "unique", "vstack",
]  # fmt: skip
__all__ += [  # networks
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "conv1d", "conv_transpose1d",
    "cosine_similarity", "dropout1d", "dropout2d", "elu", "embedding", "fold", "gated_residual", "gelu", "glu",
    "group_norm", "group_norm_silu", "hardsigmoid", "hardswish", "hardtanh", "huber_loss", "instance_norm",
    "interpolate", "kl_div", "l1_loss", "layer_norm", "logsigmoid", "max_pool1d", "max_pool2d", "mish", "nll_loss",
    "normalize", "pixel_shuffle", "pixel_unshuffle", "prelu", "relu6", "rms_norm", "scaled_dot_product_attention",
    "selu", "silu", "smooth_l1_loss", "softmin", "softplus", "softsign", "unfold",
]  # fmt: skip

for _function in (relu, tanh, sigmoid, softmax, log_softmax, prelu):
    setattr(Tensor, _function.__name__, _function)
