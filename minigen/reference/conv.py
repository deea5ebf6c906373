"""Convolution layers: a convolution, or its input gradient, and a bias."""

from __future__ import annotations

from .. import ops
from ..tensor import Tensor

Pair = tuple[int, int]


def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor, *, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """y[n,o] = b[o] + sum_c w[o,c] * x[n,c]: x (N, C, H, W), w (O, C/groups, KH, KW), b (O)."""
    y = ops.conv2d(input, weight, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return y + bias.reshape(-1, 1, 1)


def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor,
    *, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int,
) -> Tensor:  # fmt: skip
    """The input gradient of conv2d for an input of ``size``, plus a bias for each of its channels."""
    y = ops.conv2d_input(input, weight, size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return y + bias.reshape(-1, 1, 1)
