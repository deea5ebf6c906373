"""What bends a layer's result."""

from __future__ import annotations

import math

from .. import ops
from ..tensor import Tensor


def relu(input: Tensor) -> Tensor:
    """max(x, 0); the gradient at 0 is 0."""
    return ops.where(input > 0, input, ops.where(input <= 0, 0.0, input))  # the inner where lets NaN through


def leaky_relu(input: Tensor, *, slope: float) -> Tensor:
    """x where x > 0, else slope x (Maas 2013)."""
    return ops.where(input > 0, input, input * slope)


def tanh(input: Tensor) -> Tensor:
    """(e^x - e^-x) / (e^x + e^-x)."""
    return ops.tanh(input)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e^-x)."""
    return ops.sigmoid(input)


def softplus(input: Tensor) -> Tensor:
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), which cannot overflow."""
    return relu(input) + _softplus_tail(input)


def _softplus_tail(x: Tensor) -> Tensor:
    """log(1 + e^-|x|) with the gradient at 0 that fits relu's: d/dx max(x, 0) is taken as 0 there, so d/dx must be
    1/2."""
    return ops.log1p(ops.exp(-ops.where(x > 0, x, -x)))


def gelu(input: Tensor, *, approximate: str) -> Tensor:
    """x P(n <= x) for a standard normal n, P = erfc(-x / sqrt 2) / 2 (Hendrycks & Gimpel 2016).

    With "tanh", x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, equal to three digits.
    """
    if approximate == "none":
        return input * ops.erfc(input * -math.sqrt(0.5)) / 2
    return input * (0.5 + 0.5 * ops.tanh(math.sqrt(2 / math.pi) * (input + 0.044715 * input**3)))


def silu(input: Tensor) -> Tensor:
    """x s(x), s the sigmoid (Elfwing 2018; Ramachandran 2017 call it swish)."""
    return input * ops.sigmoid(input)
