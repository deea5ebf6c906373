"""Normalisation."""

from __future__ import annotations

from .. import ops
from ..tensor import Tensor


def batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, *, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """y = (x - mean) / sqrt(var + eps) * gamma + beta over all axes but 1 (Ioffe & Szegedy 2015, algorithm 1); also
    mean and biased var."""
    dims = (0, *range(2, input.ndim))
    mean = input.mean(dim=dims, keepdim=True)
    var = ops.var(input, dim=dims, correction=0, keepdim=True)
    xhat = (input - mean) / ops.sqrt(var + eps)
    shape = mean.shape
    y = xhat if weight is None else xhat * weight.reshape(shape)
    y = y if bias is None else y + bias.reshape(shape)
    return y, mean.reshape(-1), var.reshape(-1)


def layer_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, *, dims: int, eps: float) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) * gamma + beta over the last ``dims`` dimensions, gamma and beta of their shape
    (Ba 2016)."""
    last = tuple(range(-dims, 0))
    mean = input.mean(dim=last, keepdim=True)
    var = ops.var(input, dim=last, correction=0, keepdim=True)
    y = (input - mean) / ops.sqrt(var + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias
