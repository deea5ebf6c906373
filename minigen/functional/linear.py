"""The linear layer."""

from __future__ import annotations

from .. import fused
from ..tensor import Tensor
from .check import same_dtype, tensor_of


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x w^T + b: x (..., in), w (out, in), b (out) -> (..., out)."""
    tensor_of("linear", "input", input)
    tensor_of("linear", "weight", weight)
    same_dtype("linear", input=input, weight=weight, bias=bias)
    x, w = input.array.shape, weight.array.shape
    if len(w) != 2 or not x or x[-1] != w[1]:
        raise ValueError(
            f"linear: input {input.shape} does not fit weight {weight.shape}: the last size of input must be "
            "weight's second"
        )
    if bias is not None and bias.array.shape != w[:1]:
        raise ValueError(f"linear: bias has shape {bias.shape}, weight {weight.shape} needs {weight.shape[:1]}")
    return fused.linear(input, weight, bias)
