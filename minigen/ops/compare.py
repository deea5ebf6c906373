"""Comparisons, and what is chosen by them: where, maximum, minimum, clamp, nan_to_num."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from .. import dtypes
from ..op import op
from ..tensor import Tensor
from .check import check_tensor

Array = np.ndarray


@op(broadcasts=True)
def eq(be: Any, x: Array, y: Array) -> Array:
    """x = y, elementwise."""
    return np.equal(x, y)


@op(broadcasts=True)
def ne(be: Any, x: Array, y: Array) -> Array:
    """x != y, elementwise."""
    return np.not_equal(x, y)


@op(broadcasts=True)
def lt(be: Any, x: Array, y: Array) -> Array:
    """x < y, elementwise."""
    return np.less(x, y)


@op(broadcasts=True)
def le(be: Any, x: Array, y: Array) -> Array:
    """x <= y, elementwise."""
    return np.less_equal(x, y)


@op(broadcasts=True)
def gt(be: Any, x: Array, y: Array) -> Array:
    """x > y, elementwise."""
    return np.greater(x, y)


@op(broadcasts=True)
def ge(be: Any, x: Array, y: Array) -> Array:
    """x >= y, elementwise."""
    return np.greater_equal(x, y)


@op
def isfinite(be: Any, x: Array) -> Array:
    """True where x is neither NaN nor infinite; always for integers."""
    return np.isfinite(x)


@op
def isinf(be: Any, x: Array) -> Array:
    """True where x is inf or -inf."""
    return np.isinf(x)


@op
def isnan(be: Any, x: Array) -> Array:
    """True where x is NaN, the only number that differs from itself."""
    return np.isnan(x)


@op(broadcasts=True)
def isclose(
    be: Any, x: Array, y: Array, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Array:
    """|x - y| <= atol + rtol |y|, elementwise; equal infinities are close, NaN only with ``equal_nan``."""
    exact = x == y
    if not dtypes.is_floating(x.dtype):
        x, y = x.astype(np.float64), y.astype(np.float64)  # a difference of unsigned integers would wrap around
    close = exact | (np.isfinite(x) & np.isfinite(y) & (np.abs(x - y) <= atol + rtol * np.abs(y)))
    return close | (np.isnan(x) & np.isnan(y)) if equal_nan else close


def allclose(input: Tensor, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """True if every element is close, see ``isclose``: a Python bool."""
    check_tensor("allclose", input)
    return bool(isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan).array.all())


def equal(input: Tensor, other: Tensor) -> bool:
    """True if shapes and all elements are the same: a Python bool. NaN equals nothing."""
    check_tensor("equal", input)
    check_tensor("equal", other)
    return input.shape == other.shape and bool(eq(input, other).array.all())


# choosing -----------------------------------------------------------------------------------------
@op(broadcasts=True, promotes=1)
def _where(be: Any, condition: Array, x: Array, y: Array) -> Array:
    """z = x where the condition holds, else y."""
    if condition.dtype != np.bool_:
        raise TypeError(
            f"where: condition must be a bool tensor, got {condition.dtype}; compare something, as in x > 0"
        )
    return be.where(condition, x, y)


_where.name = "where"
_where.vjps(
    lambda delta, _z, _c, _x, _y: delta,
    lambda delta, _z, c, _x, _y: _where(c, delta, 0.0),
    lambda delta, _z, c, _x, _y: _where(c, 0.0, delta),
)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """z = x where the condition holds, else y; all three broadcast. With the condition alone: the positions of its
    non-zero elements, one int64 tensor per dimension.

    Both branches were computed before one is chosen: where(x > 0, log x, 0) has the gradient 0 * inf = NaN at x = 0.
    Make the argument harmless instead: where(x > 0, log(where(x > 0, x, 1)), 0).

    ``condition`` must be bool (TypeError), the shapes must broadcast (ValueError).
    """
    if input is None and other is None:
        check_tensor("where", condition)
        return tuple([Tensor(i) for i in np.nonzero(np.atleast_1d(condition.array))])
    if input is None or other is None:
        raise TypeError("where: give input and other, or neither for the positions where the condition holds")
    return _where(condition, input, other)


@op(broadcasts=True)
def maximum(be: Any, x: Array, y: Array) -> Array:
    """z = max(x, y), NaN if either is; a tie shares the gradient equally."""
    return be.maximum(x, y)


@op(broadcasts=True)
def minimum(be: Any, x: Array, y: Array) -> Array:
    """z = min(x, y), NaN if either is; a tie shares the gradient equally."""
    return be.minimum(x, y)


maximum.vjps(
    lambda delta, _z, x, y: delta * _share(x, y),
    lambda delta, _z, x, y: delta * _share(y, x),
)
minimum.vjps(
    lambda delta, _z, x, y: delta * _share(y, x),
    lambda delta, _z, x, y: delta * _share(x, y),
)


def _share(x: Any, y: Any) -> Any:
    """1 where x > y, 1/2 where they tie, 0 elsewhere."""
    return ((x > y).cast(dtype=x.dtype) + (x >= y).cast(dtype=x.dtype)) * 0.5


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """z = min(max(x, lo), hi) with numbers or broadcast tensors as limits; hi where lo > hi.

    The gradient is 1 inside and at both limits, 0 outside, where it goes to a limit that is a tensor. NaN stays NaN.
    """
    check_tensor("clamp", input)
    if min is None and max is None:
        raise ValueError("clamp: give min, max or both")
    for name, limit in (("min", min), ("max", max)):
        if not isinstance(limit, (Tensor, bool, int, float, np.number, type(None))):
            raise TypeError(f"clamp: {name} must be a number, a Tensor or None, got {type(limit).__name__}")
    z = input
    if min is not None:
        z = _where(_beyond(z < min, min), min, z)
    if max is not None:
        z = _where(_beyond(z > max, max), max, z)
    return z


def _beyond(outside: Tensor, limit: Any) -> Tensor:
    """Where the limit takes over: also where it is NaN, for that must show."""
    return outside | isnan(limit) if isinstance(limit, Tensor) else outside


def nan_to_num(input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN becomes ``nan``, inf ``posinf`` and -inf ``neginf`` (by default the type's largest and smallest numbers).
    The gradient is 0 there and 1 elsewhere."""
    check_tensor("nan_to_num", input)
    if not dtypes.is_floating(input.dtype):
        return input.clone()
    limits = ml_dtypes.finfo(input.dtype)
    top = float(limits.max) if posinf is None else posinf
    bottom = float(limits.min) if neginf is None else neginf
    z = _where(isnan(input), nan, input)
    z = _where(input == math.inf, top, z)
    return _where(input == -math.inf, bottom, z)
