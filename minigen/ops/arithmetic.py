"""Arithmetic: z = f(x, y), broadcast like NumPy's. Each operation has its derivative beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..backend import may_look
from ..op import op
from ..small import SmallOp
from ..tensor import Tensor
from .check import check_tensor
from .compare import where
from .exponential import log

Array = np.ndarray


@op(broadcasts=True, kind=SmallOp)
def add(be: Any, x: Array, y: Array) -> Array:
    """z = x + y."""
    return be.add(x, y)


add.vjps(
    lambda delta, _z, _x, _y: delta,
    lambda delta, _z, _x, _y: delta,
)


@op(broadcasts=True, kind=SmallOp)
def sub(be: Any, x: Array, y: Array) -> Array:
    """z = x - y."""
    return be.sub(x, y)


sub.vjps(
    lambda delta, _z, _x, _y: delta,
    lambda delta, _z, _x, _y: -delta,
)


@op(broadcasts=True, kind=SmallOp)
def mul(be: Any, x: Array, y: Array) -> Array:
    """z = x y."""
    return be.mul(x, y)


mul.vjps(
    lambda delta, _z, _x, y: delta * y,
    lambda delta, _z, x, _y: delta * x,
)


@op(broadcasts=True, floats=True, kind=SmallOp)
def div(be: Any, x: Array, y: Array) -> Array:
    """z = x / y, in floating numbers also for integers."""
    return be.div(x, y)


div.vjps(
    lambda delta, _z, _x, y: delta / y,  # dz/dx = 1/y
    lambda delta, z, _x, y: -delta * z / y,  # dz/dy = -x/y^2 = -z/y
)


@op(broadcasts=True, names=("input", "exponent"))
def pow(be: Any, x: Array, y: Array) -> Array:
    """z = x^y; x^0 = 1 also at 0. A negative x has a power only for whole y, an integer only for y >= 0."""
    _no_bools("pow", x)
    if x.dtype.kind in "iu" and np.any(y < 0):
        raise ValueError("pow: an integer has no negative power that is an integer; convert it with .float()")
    return be.pow(x, y)


# dz/dx = y x^(y-1) and dz/dy = x^y log x. At their edges, y = 0 and x = 0, they are 0 by choosing the argument, not the
# result: a factor 0 times inf would be NaN one derivative later.
pow.vjps(
    lambda delta, _z, x, y: delta * y * x ** where(y == 0, 0.0, y - 1),
    lambda delta, z, x, y: delta * z * log(where((x == 0) & (y >= 0), 1.0, x)),
)


@op(broadcasts=True)
def remainder(be: Any, x: Array, y: Array) -> Array:
    """z = x - y floor(x / y): what % means in Python, with the sign of y; nan (ValueError for integers) at y = 0."""
    _no_bools("remainder", x)
    _no_zeros("remainder", y)
    return be.remainder(x, y)


remainder.vjps(
    lambda delta, _z, _x, _y: delta,
    lambda delta, _z, x, y: -delta * floor_divide(x, y),
)


@op
def neg(be: Any, x: Array) -> Array:
    """z = -x."""
    return be.neg(x)


neg.vjps(lambda delta, _z, _x: -delta)


@op
def abs(be: Any, x: Array) -> Array:
    """z = |x|; the gradient at 0 is 0."""
    _no_bools("abs", x)
    return be.abs(x)


abs.vjps(lambda delta, _z, x: delta * sign(x))


# step functions: their slope is 0 wherever they have one ------------------------------------------
@op
def sign(be: Any, x: Array) -> Array:
    """-1, 0 or 1."""
    return x.copy() if x.dtype == np.bool_ else be.sign(x)


@op
def floor(be: Any, x: Array) -> Array:
    """The largest integer not above x, in x's type."""
    _no_bools("floor", x)
    return be.floor(x) if dtypes.is_floating(x.dtype) else x.copy()


@op
def _round(be: Any, x: Array) -> Array:
    _no_bools("round", x)
    return be.round(x) if dtypes.is_floating(x.dtype) else x.copy()


_round.name = "round"
for _step in (sign, floor, _round):
    _step.vjps(lambda delta, _z, _x: delta * 0)


@op(broadcasts=True)
def floor_divide(be: Any, x: Array, y: Array) -> Array:
    """z = floor(x / y), the // of Python; integers stay integers. ValueError for an integer y = 0."""
    _no_bools("floor_divide", x)
    _no_zeros("floor_divide", y)
    return be.floor_divide(x, y)


floor_divide.vjps(
    lambda delta, _z, _x, _y: delta * 0,
    lambda delta, _z, _x, _y: delta * 0,
)


# compositions -------------------------------------------------------------------------------------
def ceil(input: Tensor) -> Tensor:
    """The smallest integer not below x = -floor(-x), in x's type."""
    check_tensor("ceil", input)
    _no_bools("ceil", input)
    return -floor(-input) if dtypes.is_floating(input.dtype) else input.clone()


def round(input: Tensor, decimals: int = 0) -> Tensor:
    """The nearest number with ``decimals`` digits after the point (before it, if negative); halves go to the even
    digit, so that a sum of rounded numbers has no bias: 0.5 -> 0, 1.5 -> 2, 2.5 -> 2. The gradient is 0."""
    check_tensor("round", input)
    if not isinstance(decimals, int):
        raise TypeError(f"round: decimals must be an integer, got {type(decimals).__name__}")
    if decimals == 0 or not dtypes.is_floating(input.dtype):
        return _round(input)
    ten = 10.0 ** (decimals if decimals > 0 else -decimals)
    return _round(input * ten) / ten if decimals > 0 else _round(input / ten) * ten


def square(input: Tensor) -> Tensor:
    """z = x^2."""
    check_tensor("square", input)
    x = input.long() if input.dtype == np.bool_ else input
    return mul(x, x)


def reciprocal(input: Tensor) -> Tensor:
    """z = 1 / x: inf at 0, with the gradient -inf."""
    check_tensor("reciprocal", input)
    return div(1.0, input)


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """z = x + w (y - x), the point that lies the part w (a number or a tensor) of the way from x to y; exactly y at
    w = 1. All must be floating (TypeError)."""
    for name, x in (("input", input), ("end", end)):
        check_tensor("lerp", x)
        if not dtypes.is_floating(x.dtype):
            raise TypeError(f"lerp: {name} must be floating, got {x.dtype}; convert it with .float()")
    way = end - input
    if isinstance(weight, Tensor):
        return where(weight < 0.5, input + weight * way, end - (1 - weight) * way)
    return input + weight * way if weight < 0.5 else end - (1 - weight) * way


def _no_bools(name: str, x: Any) -> None:
    if x.dtype == np.bool_:
        raise TypeError(f"{name}: is not defined for bools; convert with .long() or .float()")


def _no_zeros(name: str, y: Array) -> None:
    if not dtypes.is_floating(y.dtype) and may_look(y) and not y.all():
        raise ValueError(f"{name}: other holds a 0, by which no integer can be divided; .float() gives inf")
