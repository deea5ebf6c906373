"""Angles: circular and hyperbolic functions and their inverses. atan2 alone gives all inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import op
from ..tensor import Tensor
from .check import check_tensor
from .compare import where
from .exponential import sqrt

Array = np.ndarray


@op(floats=True)
def sin(be: Any, x: Array) -> Array:
    """z = sin x."""
    return be.sin(x)


sin.vjps(lambda delta, _z, x: delta * cos(x))


@op(floats=True)
def cos(be: Any, x: Array) -> Array:
    """z = cos x."""
    return be.cos(x)


cos.vjps(lambda delta, _z, x: -delta * sin(x))


@op(broadcasts=True, floats=True)
def atan2(be: Any, y: Array, x: Array) -> Array:
    """The angle of the point (x, y), from -pi to pi; y comes first. Its gradient at the origin is 0."""
    return be.atan2(y, x)


atan2.vjps(
    lambda delta, _z, y, x: delta * x / _squared_radius(y, x),
    lambda delta, _z, y, x: -delta * y / _squared_radius(y, x),
)


def _squared_radius(y: Tensor, x: Tensor) -> Tensor:
    squared = y * y + x * x
    return where(squared == 0, 1.0, squared)


@op(floats=True)
def sinh(be: Any, x: Array) -> Array:
    """z = (e^x - e^-x) / 2."""
    return be.sinh(x)


sinh.vjps(lambda delta, _z, x: delta * cosh(x))


# compositions -------------------------------------------------------------------------------------
def cosh(input: Tensor) -> Tensor:
    """z = (e^x + e^-x) / 2 = 1 + 2 sinh(x/2)^2, whose derivative keeps its digits near 0."""
    check_tensor("cosh", input)
    half = sinh(input / 2)
    return 1 + 2 * half * half


def tan(input: Tensor) -> Tensor:
    """z = sin x / cos x."""
    check_tensor("tan", input)
    return sin(input) / cos(input)


def atan(input: Tensor) -> Tensor:
    """The angle from -pi/2 to pi/2 whose tangent is x."""
    check_tensor("atan", input)
    return atan2(input, 1.0)


def asin(input: Tensor) -> Tensor:
    """The angle from -pi/2 to pi/2 whose sine is x, nan beyond [-1, 1]; the gradient at 1 and -1 is inf."""
    check_tensor("asin", input)
    return atan2(input, sqrt(1 - input) * sqrt(1 + input))  # 1 - x^2 would cancel near 1


def acos(input: Tensor) -> Tensor:
    """The angle from 0 to pi whose cosine is x, nan beyond [-1, 1]; the gradient at 1 and -1 is -inf."""
    check_tensor("acos", input)
    return 2 * atan2(sqrt(1 - input), sqrt(1 + input))  # Kahan 1987: all digits also near 1
