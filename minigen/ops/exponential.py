"""Exponentials, logarithms and what is made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..op import op
from ..tensor import Tensor
from .check import check_tensor
from .compare import ge, isinf, where

Array = np.ndarray


@op(floats=True)
def exp(be: Any, x: Array) -> Array:
    """z = e^x."""
    return be.exp(x)


exp.vjps(lambda delta, z, _x: delta * z)


@op(floats=True)
def expm1(be: Any, x: Array) -> Array:
    """z = e^x - 1, accurate near 0, where e^x rounds to 1."""
    return be.expm1(x)


expm1.vjps(lambda delta, z, _x: delta * (z + 1))  # dz/dx = e^x


@op(floats=True)
def log(be: Any, x: Array) -> Array:
    """z = ln x: -inf at 0, nan below."""
    return be.log(x)


log.vjps(lambda delta, _z, x: delta / x)


@op(floats=True)
def log1p(be: Any, x: Array) -> Array:
    """z = ln(1 + x), accurate near 0, where 1 + x rounds to 1."""
    return be.log1p(x)


log1p.vjps(lambda delta, _z, x: delta / (1 + x))


@op(floats=True)
def _log_base(be: Any, x: Array, *, base: int) -> Array:
    return be.log2(x) if base == 2 else be.log10(x)


_log_base.name = "log_base"
_log_base.vjps(lambda delta, _z, x, *, base: delta / (x * math.log(base)))


@op(floats=True)
def sqrt(be: Any, x: Array) -> Array:
    """z = x^(1/2); the gradient at 0 is inf."""
    return be.sqrt(x)


sqrt.vjps(lambda delta, z, _x: delta / (2 * z))


@op(floats=True)
def tanh(be: Any, x: Array) -> Array:
    """z = (e^x - e^-x) / (e^x + e^-x)."""
    return be.tanh(x)[0]


tanh.vjps(lambda delta, z, _x: delta * (1 - z * z))


@op(floats=True)
def sigmoid(be: Any, x: Array) -> Array:
    """z = 1 / (1 + e^-x)."""
    return be.sigmoid(x)[0]


sigmoid.vjps(lambda delta, z, _x: delta * (z * (1 - z)))


@op(floats=True)
def _erf(be: Any, x: Array, *, complement: bool = False) -> Array:
    return be.erf(x, complement)


_erf.name = "erf"
_erf.vjps(
    lambda delta, _z, x, *, complement: delta * exp(-(x * x)) * ((-2 if complement else 2) / math.sqrt(math.pi)),
)


# compositions -------------------------------------------------------------------------------------
def log2(input: Tensor) -> Tensor:
    """z = log2 x, exact for powers of 2."""
    check_tensor("log2", input)
    return _log_base(input, base=2)


def log10(input: Tensor) -> Tensor:
    """z = log10 x, exact for powers of 10: ln 1000 / ln 10 is 2.9999999999999996."""
    check_tensor("log10", input)
    return _log_base(input, base=10)


def erf(input: Tensor) -> Tensor:
    """z = 2/sqrt(pi) int_0^x e^(-t^2) dt, by W. J. Cody's rational approximations (1969) in float64: 4e-16 relative."""
    check_tensor("erf", input)
    return _erf(input)


def erfc(input: Tensor) -> Tensor:
    """z = 1 - erf x, with full relative accuracy also where erf x rounds to 1: erfc 10 = 2.1e-45."""
    check_tensor("erfc", input)
    return _erf(input, complement=True)


def rsqrt(input: Tensor) -> Tensor:
    """z = 1 / sqrt(x): inf at 0, with the gradient -inf."""
    check_tensor("rsqrt", input)
    return 1 / sqrt(input)


def root(x: Tensor) -> Tensor:
    """sqrt(x) whose gradient at 0 is 0: the length of a vector has a kink there, and 0 is one of its subgradients."""
    zero = x == 0
    return where(zero, 0.0, sqrt(where(zero, 1.0, x)))


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """z = log(e^x + e^y) = h + log(1 + e^(l - h)), h and l the larger and the smaller of x and y: it cannot overflow,
    and a small second term is not lost. One must be floating (TypeError); shapes broadcast."""
    for x in (input, other):
        check_tensor("logaddexp", x)
    if not (dtypes.is_floating(input.dtype) or dtypes.is_floating(other.dtype)):
        raise TypeError(f"logaddexp: input must be floating, got {input.dtype}; convert it with .float()")
    first = ge(input, other) | (input != input)
    high, low = where(first, input, other), where(first, other, input)
    return high + log1p(exp(where(isinf(high), 0.0, low) - where(isinf(high), 0.0, high)))
