"""WaveNet's unit."""

from __future__ import annotations

from .. import ops
from ..tensor import Tensor
from .linear import linear


def gated_residual(
    input: Tensor, skip: Tensor | None, weight: Tensor, bias: Tensor | None, out_weight: Tensor | None,
    out_bias: Tensor | None, skip_weight: Tensor, skip_bias: Tensor | None, *, dilation: int,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """z = tanh(W_f * x) s(W_g * x);  out = x + W_r z + b_r;  total = skip + W_s z + b_s: s the sigmoid, * the causal
    convolution with dilation d, (W * x)_t = b + sum_k W_k x_{t - (K - 1 - k) d}.

    input (N, T, C), skip (N, T, S) or None for zeros, weight (2G, C, K) holds W_f and then W_g, out_weight (C, G, 1)
    or None, skip_weight (S, G, 1) -> out (N, T, C), total (N, T, S); total alone without out_weight.
    van den Oord et al. 2016 (WaveNet), equation 2, figure 4.
    """
    G = weight.shape[0] // 2
    past = ops.pad(input.transpose(1, 2), pad=(dilation * (weight.shape[2] - 1), 0))  # zeros before the first time
    a = ops.conv2d(past.unsqueeze(2), weight.unsqueeze(2), dilation=(1, dilation)).squeeze(2).transpose(1, 2)
    a = a if bias is None else a + bias
    z = ops.tanh(a[..., :G]) * ops.sigmoid(a[..., G:])
    total = linear(z, skip_weight.squeeze(2), skip_bias)
    total = total if skip is None else skip + total
    return total if out_weight is None else (input + linear(z, out_weight.squeeze(2), out_bias), total)
