"""The primitives, by kind; everything else is composed from them. Importing this installs Tensor's operators."""

from . import draws as draws
from . import inplace, methods, shape_methods
from .conv import conv2d, conv2d_input, conv2d_weight
from .einsum import einsum
from .elementwise import (
    abs, acos, add, allclose, asin, atan, atan2, bitwise_and, bitwise_not, bitwise_or, bitwise_xor, ceil, clamp, cos,
    cosh, div, eq, equal, erf, erfc, exp, expm1, floor, floor_divide, ge, gt, isclose, isfinite, isinf, isnan, le,
    lerp, log, log1p, log2, log10, logaddexp, logical_and, logical_not, logical_or, logical_xor, lt, maximum, minimum,
    mul, nan_to_num, ne, neg, pow, reciprocal, remainder, round, rsqrt, sigmoid, sign, sin, sinh, sqrt, square, sub,
    tan, tanh, where,
)  # fmt: skip
from .extreme import amax, amin, argmax, argmin, max, min
from .index import gather, getitem, index_add, scatter_add
from .join import cat, chunk, hstack, split, stack, unbind, vstack
from .loss import bce
from .matmul import matmul
from .padding import pad
from .products import bmm, dot, mm, mv, outer
from .rearrange import (
    expand_as, flip, meshgrid, movedim, repeat, repeat_interleave, reshape_as, roll, swapaxes, tile, unflatten, view,
    view_as,
)  # fmt: skip
from .reduce import all, any, logsumexp, mean, norm, prod, std, sum, var
from .selection import index_select, masked_fill, masked_select, narrow, nonzero, one_hot, select, take_along_dim
from .scan import cumprod, cumsum
from .shape import (
    broadcast_to,
    cast,
    clone,
    flatten,
    permute,
    reshape,
    squeeze,
    sum_to,
    transpose,
    unsqueeze,
)
from .sorting import argsort, sort, topk, unique
from .triangle import diag, diag_embed, diagonal, diagonal_of_zeros, tril, tril_indices, triu, triu_indices
from .window import fold, unfold

__all__ = [
    "abs", "acos", "add", "all", "allclose", "amax", "amin", "any", "argmax", "argmin", "asin", "atan", "atan2",
    "bce", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "bmm", "broadcast_to", "cast", "cat", "ceil",
    "clamp", "clone", "conv2d", "conv2d_input", "conv2d_weight", "cos", "cosh", "cumprod", "cumsum", "div", "dot",
    "einsum", "eq", "equal", "erf", "erfc", "exp", "expm1", "flatten", "floor", "floor_divide", "gather", "ge",
    "getitem", "gt", "index_add", "inplace", "isclose", "isfinite", "isinf", "isnan", "le", "lerp", "log", "log1p",
    "log2", "log10", "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor", "logsumexp", "lt",
    "matmul", "max", "maximum", "mean", "methods", "min", "minimum", "mm", "mul", "mv", "nan_to_num", "ne", "neg",
    "norm", "one_hot", "outer", "pad", "permute", "pow", "prod", "reciprocal", "remainder", "reshape", "round",
    "rsqrt", "scatter_add", "sigmoid", "sign", "sin", "sinh", "sqrt", "square", "squeeze", "stack", "std", "sub",
    "sum", "sum_to", "tan", "tanh", "transpose", "unsqueeze", "var", "where",
]  # fmt: skip
__all__ += ["fold", "unfold"]
__all__ += [  # other shapes and orders, selection, triangles
    "argsort", "chunk", "diag", "diag_embed", "diagonal", "diagonal_of_zeros", "expand_as", "flip", "hstack",
    "index_select", "masked_fill", "masked_select", "meshgrid", "movedim", "narrow", "nonzero", "repeat",
    "repeat_interleave", "reshape_as", "roll", "select", "shape_methods", "sort", "split", "swapaxes",
    "take_along_dim", "tile", "topk", "tril", "tril_indices", "triu", "triu_indices", "unbind", "unflatten", "unique",
    "view", "view_as", "vstack",
]  # fmt: skip
