"""WaveNet's unit. PyTorch has no function for it."""

from __future__ import annotations

from .. import fused
from ..tensor import Tensor
from .check import each_dim, same_dtype, tensor_of


def gated_residual(
    input: Tensor,
    skip: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
    out_weight: Tensor | None,
    out_bias: Tensor | None,
    skip_weight: Tensor,
    skip_bias: Tensor | None,
    dilation: int = 1,
) -> tuple[Tensor, Tensor]:
    """z = tanh(W_f * x) s(W_g * x);  out = x + W_r z + b_r;  total = skip + W_s z + b_s: s the sigmoid, * a causal
    convolution, (W * x)_t = b + sum_k W_k x_{t - (K - 1 - k) dilation} with x = 0 before the first time.

    input (N, T, C): times are rows, unlike conv1d's (N, C, T), for then a shift in time moves whole rows. skip
    (N, T, S) is what earlier units gave, or None. The weights are those of three ``Conv1d``: weight (2G, C, K), the
    filters of tanh before those of the gates, out_weight (C, G, 1), skip_weight (S, G, 1); biases (2G), (C), (S) or
    None. Without out_weight, for a last unit, out is the input.
    Returns out (N, T, C) and total (N, T, S). Raises ValueError for shapes that do not fit, TypeError for types.
    van den Oord et al. 2016, "WaveNet: a generative model for raw audio", equation 2 and figure 4.
    """
    name = "gated_residual"
    for argument, t in (("input", input), ("weight", weight), ("skip_weight", skip_weight)):
        if tensor_of(name, argument, t).ndim != 3:
            raise ValueError(f"{name}: {argument} must have 3 dimensions, got shape {t.shape}; reshape or unsqueeze it")
    same_dtype(
        name, input=input, skip=skip, weight=weight, bias=bias, out_weight=out_weight, out_bias=out_bias,
        skip_weight=skip_weight, skip_bias=skip_bias,
    )  # fmt: skip
    (N, T, C), (filters, _, K), S = input.shape, weight.shape, skip_weight.shape[0]
    if filters % 2:
        raise ValueError(f"{name}: weight {weight.shape} must have an even number of filters, half of them gates")
    if not T or not K:
        raise ValueError(f"{name}: input {input.shape} and weight {weight.shape} need at least one time and one tap")
    G = filters // 2
    wanted: dict[str, tuple[Tensor | None, tuple[int, ...]]] = {
        "skip": (skip, (N, T, S)), "weight": (weight, (filters, C, K)), "bias": (bias, (filters,)),
        "out_weight": (out_weight, (C, G, 1)), "out_bias": (out_bias, (C,)),
        "skip_weight": (skip_weight, (S, G, 1)), "skip_bias": (skip_bias, (S,)),
    }  # fmt: skip
    for argument, (given, shape) in wanted.items():
        if given is not None and given.shape != shape:
            raise ValueError(
                f"{name}: {argument} has shape {given.shape}; with input {input.shape}, {filters} filters and {S} skip "
                f"channels it must be {shape}"
            )
    if out_weight is None and out_bias is not None:
        raise ValueError(f"{name}: out_bias without out_weight has nothing to be added to; pass None for both")
    (d,) = each_dim(name, "dilation", dilation, 1, 1)
    result = fused.gated_residual(
        input, skip, weight, bias, out_weight, out_bias, skip_weight, skip_bias, dilation=d
    )
    return (input, result) if out_weight is None else result
