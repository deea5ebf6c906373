"""minigen: a deep-learning engine to see inside of.

    import minigen
    from minigen import nn

    x = minigen.randn(64, 784)
    loss = nn.Linear(784, 10)(x).sum()
    loss.backward()
"""

from __future__ import annotations

import importlib.util
import math
import os
import sys


def _find_installed_parts() -> None:
    """Let a copy without compiled parts use those of the installed one.

    It is needed when Python starts in the source folder after a wheel install: that folder then hides the package.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    if importlib.util.find_spec("minigen._cpu") is not None and importlib.util.find_spec("minigen.kernels") is not None:
        return
    for place in sys.path:
        other = os.path.join(os.path.abspath(place or os.curdir), "minigen")
        if other != here and os.path.isfile(os.path.join(other, "__init__.py")):
            __path__.append(other)
            return


_find_installed_parts()

from . import cuda as cuda
from . import functional as functional
from . import nn as nn
from . import optim as optim
from .autograd import (
    backward, detect_anomaly, enable_grad, grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled,
)  # fmt: skip
from .backend import current_backend, get_num_threads, set_num_threads, use_backend, use_kernel
from .creation import (
    arange, as_tensor, empty, empty_like, eye, from_numpy, full, full_like, is_floating_point, is_tensor, linspace,
    numel, ones, ones_like, tensor, zeros, zeros_like,
)  # fmt: skip
from .drawing import draw
from .dtypes import (
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
)
from .functional import cat, gather, relu, sigmoid, softmax, stack, tanh
from .functional import (
    adaptive_avg_pool1d, avg_pool1d, conv1d, conv2d, conv_transpose1d, conv_transpose2d, cosine_similarity, group_norm,
    layer_norm, log_softmax, max_pool1d, max_pool2d, pixel_shuffle, pixel_unshuffle, prelu, rms_norm, selu,
)  # fmt: skip
from .functional import (
    argsort, chunk, diag, diag_embed, diagonal, flip, hstack, index_add, index_put, index_select, masked_fill,
    masked_select, meshgrid, movedim, narrow, nonzero, repeat_interleave, roll, scatter, scatter_add, select, sort,
    split, swapaxes, take_along_dim, tile, topk, tril, tril_indices, triu, triu_indices, unbind, unflatten, unique,
    vstack,
)  # fmt: skip
from .interchange import from_dlpack
from .ops import (
    abs, acos, add, all, allclose, amax, amin, any, argmax, argmin, asin, atan, atan2, bitwise_and, bitwise_not,
    bitwise_or, bitwise_xor, bmm, broadcast_to, ceil, clamp, clone, cos, cosh, cumprod, cumsum, div, dot, einsum, eq,
    equal, erf, erfc, exp, expm1, flatten, floor, floor_divide, ge, gt, isclose, isfinite, isinf, isnan, le, lerp,
    log, log1p, log2, log10, logaddexp, logical_and, logical_not, logical_or, logical_xor, logsumexp, lt, matmul, max,
    maximum, mean, min, minimum, mm, mul, mv, nan_to_num, ne, neg, norm, outer, permute, pow, prod, reciprocal,
    remainder, reshape, round, rsqrt, sign, sin, sinh, sqrt, square, squeeze, std, sub, sum, tan, transpose,
    unsqueeze, var, where,
)  # fmt: skip
from .ops import clamp as clip
from .ops.shape_methods import t
from .profile import profile
from .random import (
    Generator, get_rng_state, initial_seed, manual_seed, rand, rand_like, randint, randint_like, randn, randn_like,
    randperm, seed, set_rng_state,
)  # fmt: skip
from .sampling import bernoulli, multinomial, normal
from .saving import load, save
from .tensor import Tensor, device

__version__ = "0.1.0"
concat = concatenate = cat  # one function by its other names
moveaxis, swapdims, ravel = movedim, swapaxes, flatten
bool, short, int, long = bool_, int16, int32, int64  # the types by the names that listings use
half, float, double = float16, float32, float64
pi, e, inf, nan = math.pi, math.e, math.inf, math.nan
_UNSHARED = ("annotations", "importlib", "math", "os", "sys")
__all__ = sorted(name for name in globals() if not name.startswith("_") and name not in _UNSHARED)
