"""Normalisation."""

from __future__ import annotations

import math

from .. import ops
from ..tensor import Tensor
from .activation import silu


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


def group_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, *, groups: int, eps: float) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) * gamma_c + beta_c, mean and biased var over each sample's group of C /
    ``groups`` channels and all its positions (Wu & He 2018)."""
    N, C = input.shape[:2]
    rows = input.reshape(N, groups, math.prod(input.shape[1:]) // max(groups, 1))
    y = layer_norm(rows, None, None, dims=1, eps=eps).reshape(input.shape)
    shape = (1, C) + (1,) * (input.ndim - 2)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def group_norm_silu(input: Tensor, weight: Tensor | None, bias: Tensor | None, *, groups: int, eps: float) -> Tensor:
    """z s(z) for z = group_norm(x), s the sigmoid: what stands before each convolution of a diffusion U-Net (Ho 2020,
    appendix B)."""
    return silu(group_norm(input, weight, bias, groups=groups, eps=eps))
