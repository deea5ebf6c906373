"""The linear layer."""

from __future__ import annotations

from .. import ops
from ..tensor import Tensor


def linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """y = x w^T + b: x (..., in), w (out, in), b (out)."""
    y = ops.matmul(input, weight.t())
    return y if bias is None else y + bias
