"""Reductions along ``dim``: an int, a tuple, or None for all. ``keepdim`` leaves the reduced dimensions as size 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..op import op
from ..tensor import Tensor
from .arithmetic import sign
from .check import axes_of, axis_of, check_tensor
from .compare import isinf, where
from .exponential import exp, log, root
from .extreme import amax, amin, kept
from .join import cat
from .shape import cast, clone, reshape

Array = np.ndarray
Dim = int | tuple[int, ...] | None


@op
def _sum(be: Any, x: Array, *, dim: Dim = None, keepdim: bool = False) -> Array:
    kind = x.dtype if dtypes.is_floating(x.dtype) else dtypes.int64
    return be.sum(x, axes_of("sum", dim, x.ndim), keepdim, kind)


_sum.name = "sum"
_sum.vjps(lambda delta, _z, _x, *, dim: kept(delta, _x, dim).broadcast_to(shape=_x.shape))


def sum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """sum_i x_i along ``dim``; 0 for no elements. Bools and integers sum to int64, half types in float32, and no
    float32 sum is a long chain of additions. ``dtype`` converts first. IndexError for a dim that is not there."""
    check_tensor("sum", input)
    return _sum(_converted(input, dtype), dim=dim, keepdim=keepdim)


def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """(1/n) sum_i x_i along ``dim``; nan for no elements. Must be floating (TypeError), or converted by ``dtype``."""
    x = _floating("mean", _converted(input, dtype))
    axes_of("mean", dim, x.ndim)
    return _narrow(sum(_wide(x), dim, keepdim) / _count(x, dim), x)


def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float = 1
) -> Tensor:
    """sum_i (x_i - mean)^2 / (n - correction) along ``dim``; nan or inf where n <= correction.

    In two passes, and from the first element instead of from 0: a large mean costs no digits, and a constant has
    variance 0 exactly. ``unbiased=False`` is correction 0; ``x.var(False)`` too. Must be floating (TypeError).
    """
    return _narrow(_var("var", input, dim, unbiased, keepdim, correction), input)


def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float = 1
) -> Tensor:
    """sqrt(var), see ``var``. The gradient where it is 0, at a constant, is 0."""
    return _narrow(root(_var("std", input, dim, unbiased, keepdim, correction)), input)


def _var(name: str, input: Tensor, dim: Any, unbiased: bool | None, keepdim: bool, correction: float) -> Tensor:
    x = _wide(_floating(name, input))
    if isinstance(dim, bool):  # var(unbiased)
        dim, unbiased = None, dim
    axes = axes_of(name, dim, x.ndim)
    n = _count(x, dim)
    if n:  # any shift leaves the variance and its gradient as they are
        x = x - x[tuple([slice(0, 1) if i in axes else slice(None) for i in range(x.ndim)])].detach()
    centred = x - mean(x, dim, True)
    left = n - (correction if unbiased is None else int(unbiased))
    return sum(centred * centred, dim, keepdim) / max(left, 0)


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """x_1 x_2 ... x_n along ``dim`` (an int, or None for all); 1 for no elements. Bools and integers multiply to int64.

    The factors are multiplied in pairs, the products again: no division, so its gradient, the product of all *other*
    elements, is right with any number of zeros, and so are all further ones.
    """
    check_tensor("prod", input)
    x = _whole(_converted(input, dtype))
    if dim is None:
        x, shape = reshape(x, shape=(x.numel(),)), (1,) * x.ndim if keepdim else ()
        axis = 0
    else:
        axis = axis_of("prod", dim, x.ndim)
        shape = tuple([n for i, n in enumerate(x.shape) if i != axis or keepdim])
        shape = (*shape[:axis], 1, *shape[axis + 1 :]) if keepdim and x.ndim else shape
        x = x if x.ndim else reshape(x, shape=(1,))
    if not x.shape[axis]:
        return reshape(sum(x, axis) + 1, shape=shape)
    z = _wide(x) if x.shape[axis] > 1 else clone(x)  # one factor: its value, not its memory
    before = (slice(None),) * axis
    while (n := z.shape[axis]) > 1:
        half = n // 2
        rest = z[(*before, slice(2 * half, None))]
        z = z[(*before, slice(half))] * z[(*before, slice(half, 2 * half))]
        z = cat(z, rest, dim=axis) if n % 2 else z
    return _narrow(reshape(z, shape=shape), x)


def logsumexp(input: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """z = log sum_i e^(x_i) = m + log sum_i e^(x_i - m) along ``dim``, m the largest: it cannot overflow. -inf for no
    elements, and for nothing but -inf. Integers become floats."""
    check_tensor("logsumexp", input)
    x = input if dtypes.is_floating(input.dtype) else cast(input, dtype=dtypes.get_default_dtype())
    axes_of("logsumexp", dim, x.ndim)
    y = _wide(x)
    if not y.numel():
        return _narrow(log(sum(exp(y), dim, keepdim)), x)
    top = amax(y.detach(), dim=dim, keepdim=True)
    top = where(isinf(top), 0.0, top)  # inf - inf would be nan
    z = log(sum(exp(y - top), dim, True)) + top
    return _narrow(z if keepdim else reshape(z, shape=_left(x, dim)), x)


def norm(
    input: Tensor, p: Any = "fro", dim: Dim = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """||x||_p = (sum_i |x_i|^p)^(1/p) of the vectors along ``dim``, or of all elements.

    p = 2, or "fro": the length; inf and -inf: the largest and the smallest |x_i|; 0: how many are not 0. The gradient
    where the norm is 0 is 0. Must be floating (TypeError); ValueError for other words, and for p < 0 or inf of nothing.
    """
    x = _floating("norm", _converted(input, dtype))
    if p == "fro":
        p = 2
    if isinstance(p, (str, bool)) or not isinstance(p, (int, float, np.number)):
        raise ValueError(f"norm: p must be a number or 'fro', got {p!r}; minigen computes no nuclear norm")
    axes_of("norm", dim, x.ndim)
    y = abs(_wide(x))
    if (p < 0 or p == math.inf) and not _count(x, dim):
        raise ValueError(f"norm: p={p} of an empty dimension, shape {x.shape}, dim {dim}, has no value; use p >= 0")
    if math.isinf(p):
        z = (amax if p > 0 else amin)(y, dim=dim, keepdim=keepdim)
    elif p == 0:
        z = sum(sign(y), dim, keepdim)
    elif p == 1:
        z = sum(y, dim, keepdim)
    elif p == 2:
        z = root(sum(y * y, dim, keepdim))
    else:
        zero = y == 0
        total = sum(where(zero, 0.0 if p > 0 else math.inf, where(zero, 1.0, y) ** p), dim, keepdim)
        edge = (total == 0) | isinf(total)
        z = where(edge, where(isinf(total), math.inf, 0.0) ** (1 / p), where(edge, 1.0, total) ** (1 / p))
    return _narrow(z, x)


@op
def all(be: Any, x: Array, *, dim: Dim = None, keepdim: bool = False) -> Array:
    """True where no element along ``dim`` is 0; True for no elements. (uint8 gives uint8, as in PyTorch.)"""
    found = np.all(x != 0, axis=axes_of("all", dim, x.ndim), keepdims=keepdim)
    return found.astype(x.dtype) if x.dtype == np.uint8 else found


@op
def any(be: Any, x: Array, *, dim: Dim = None, keepdim: bool = False) -> Array:
    """True where some element along ``dim`` is not 0; False for no elements. (uint8 gives uint8, as in PyTorch.)"""
    found = np.any(x != 0, axis=axes_of("any", dim, x.ndim), keepdims=keepdim)
    return found.astype(x.dtype) if x.dtype == np.uint8 else found


# types and shapes ---------------------------------------------------------------------------------
def _converted(x: Tensor, dtype: Any) -> Tensor:
    same = dtype is None or not isinstance(x, Tensor) or dtypes.as_dtype(dtype) == x.dtype
    return x if same else cast(x, dtype=dtype)


def _floating(name: str, x: Tensor) -> Tensor:
    check_tensor(name, x)
    if not dtypes.is_floating(x.dtype):
        raise TypeError(f"{name}: input must be floating, got {x.dtype}; convert it with .float()")
    return x


def _whole(x: Tensor) -> Tensor:
    return x if dtypes.is_floating(x.dtype) else _converted(x, dtypes.int64)


def _wide(x: Tensor) -> Tensor:
    """float32 in place of a half type: 65,505 ones already overflow float16, although their mean is 1."""
    return cast(x, dtype=dtypes.float32) if x.dtype in (dtypes.float16, dtypes.bfloat16) else x


def _narrow(z: Tensor, like: Tensor) -> Tensor:
    return _converted(z, like.dtype)


def _count(x: Tensor, dim: Dim) -> int:
    return math.prod([x.shape[a] for a in axes_of("dim", dim, x.ndim)])


def _left(x: Tensor, dim: Dim) -> tuple[int, ...]:
    axes = axes_of("dim", dim, x.ndim)
    return tuple([n for i, n in enumerate(x.shape) if i not in axes])
