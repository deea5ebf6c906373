"""Convolution and its transpose, which is its input gradient used as a layer. One dimension is two, of height 1."""

from __future__ import annotations

from typing import Any

from .. import fused, ops
from ..backend.conv import output_size
from ..tensor import Tensor
from .check import each_dim, same_dtype, tensor_of, unlifted

Size = int | tuple[int, ...]


def _channels(
    name: str, n: int, input: Tensor, weight: Tensor, bias: Tensor | None, groups: int, transposed: bool
) -> None:
    tensor_of(name, "input", input)
    tensor_of(name, "weight", weight)
    same_dtype(name, input=input, weight=weight, bias=bias)
    if input.ndim not in (n + 1, n + 2) or weight.ndim != n + 2:
        raise ValueError(
            f"{name}: input and weight must have {n + 2} dimensions (input may lack the batch), got shapes "
            f"{input.shape} and {weight.shape}; reshape or unsqueeze one"
        )
    if min(weight.shape[2:]) < 1:
        raise ValueError(f"{name}: weight of shape {weight.shape} has an empty kernel; each side must be at least 1")
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"{name}: groups must be an integer of at least 1, got {groups!r}")
    first, second = weight.shape[0], weight.shape[1] * groups
    channels, outputs = (first, second) if transposed else (second, first)
    if channels % groups or outputs % groups:
        raise ValueError(
            f"{name}: groups={groups} must divide the channels on both sides; weight {weight.shape} leads from "
            f"{channels} to {outputs}, and input of shape {input.shape} has {input.shape[-n - 1]}"
        )
    if input.shape[-n - 1] != channels:
        raise ValueError(
            f"{name}: input of shape {input.shape} has {input.shape[-n - 1]} channels, weight {weight.shape} with "
            f"groups={groups} expects {channels}"
        )
    if bias is not None and bias.shape != (outputs,):
        raise ValueError(f"{name}: bias has shape {bias.shape}, {outputs} output channels need ({outputs},)")


def _lifted(n: int, x: Tensor) -> Tensor:
    """(N, C, H, W) from (N, C, L) for n = 1, and a batch of one where there is none."""
    x = x if x.ndim == n + 2 else x.unsqueeze(0)
    return x.unsqueeze(2) if n == 1 else x


def _pair(n: int, sizes: tuple[int, ...], quiet: int) -> Any:
    return (quiet, *sizes) if n == 1 else sizes


def _conv(
    name: str, n: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Tensor:  # fmt: skip
    _channels(name, n, input, weight, bias, groups, transposed=False)
    s, d = each_dim(name, "stride", stride, n, 1), each_dim(name, "dilation", dilation, n, 1)
    kernel, x = weight.shape[2:], _lifted(n, input)
    if isinstance(padding, str):
        if padding not in ("same", "valid") or (padding == "same" and max(s) > 1):
            raise ValueError(
                f"{name}: padding {padding!r} with stride {s} is not defined; 'same' needs stride 1, else give numbers"
            )
        total = [dd * (k - 1) if padding == "same" else 0 for dd, k in zip(d, kernel, strict=True)]
        if any(t % 2 for t in total):  # an even kernel: the extra row and column come last
            x = ops.pad(x, pad=[side for t in total[::-1] for side in (0, t % 2)])
        padding = tuple(t // 2 for t in total)
    p = each_dim(name, "padding", padding, n, 0)
    size, taps = x.shape[2:], _pair(n, kernel, 1)
    how = {"stride": _pair(n, s, 1), "padding": _pair(n, p, 0), "dilation": _pair(n, d, 1)}
    if min(output_size(size, taps, **how)) < 1:  # type: ignore[arg-type]
        raise ValueError(
            f"{name}: kernel {kernel} with dilation {d} is larger than the input {size[-n:]} with padding {p}"
        )
    if bias is None:
        y = ops.conv2d(x, _lifted(n, weight), **how, groups=groups)
    else:
        y = fused.conv2d(x, _lifted(n, weight), bias, **how, groups=groups)
    return unlifted(y, n, input.ndim == n + 2)


def _conv_transpose(
    name: str, n: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any,
    output_padding: Any, groups: int, dilation: Any,
) -> Tensor:  # fmt: skip
    _channels(name, n, input, weight, bias, groups, transposed=True)
    s, d = each_dim(name, "stride", stride, n, 1), each_dim(name, "dilation", dilation, n, 1)
    p, extra = each_dim(name, "padding", padding, n, 0), each_dim(name, "output_padding", output_padding, n, 0)
    if any(e >= max(ss, dd) for e, ss, dd in zip(extra, s, d, strict=True)):
        raise ValueError(f"{name}: output_padding {extra} must be smaller than stride {s} or dilation {d}")
    size = tuple(
        (m - 1) * ss - 2 * pp + dd * (k - 1) + e + 1
        for m, ss, pp, dd, k, e in zip(input.shape[-n:], s, p, d, weight.shape[2:], extra, strict=True)
    )
    if min(input.shape[-n:]) < 1:
        raise ValueError(f"{name}: input of shape {input.shape} has empty images")
    if min(size) < 1:
        raise ValueError(f"{name}: the output would have size {size}; padding {p} removes all of it")
    more = [e // ss for e, ss in zip(extra, s, strict=True)]
    if any(more):  # whole strides of extra positions: what zeros after the last input would give
        input = ops.pad(input, pad=[width for m in reversed(more) for width in (0, m)])
    how = {"stride": _pair(n, s, 1), "padding": _pair(n, p, 0), "dilation": _pair(n, d, 1)}
    x, w, out = _lifted(n, input), _lifted(n, weight), _pair(n, size, 1)
    if bias is None:
        y = ops.conv2d_input(x, w, size=out, **how, groups=groups)
    else:
        y = fused.conv_transpose2d(x, w, bias, size=out, **how, groups=groups)
    return unlifted(y, n, input.ndim == n + 2)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """y[n,o,i] = b[o] + sum_{c,p} w[o,c,p] x[n,c, s i + d p - P]: ``conv2d`` of images of height 1.

    input (N, C, L) or (C, L), weight (O, C/groups, K) -> (N, O, OL), OL = floor((L + 2P - d (K - 1) - 1) / s) + 1.
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """y[n,o,i,j] = b[o] + sum_{c,p,q} w[o,c,p,q] x[n,c, s i + d p - P, s j + d q - P] (a cross-correlation, as in
    every framework).

    input (N, C, H, W) or (C, H, W), weight (O, C/groups, KH, KW) -> (N, O, OH, OW), OH = floor((H + 2P - d (KH - 1) -
    1) / s) + 1. ``padding`` is a number, a pair, 'valid' or 'same' (stride 1). Raises ValueError for shapes that do not
    fit, TypeError for types.
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The input gradient of conv1d, used as a layer: input (N, C, L) or (C, L), weight (C, O/groups, K) -> (N, O, OL),
    OL = (L - 1) s - 2P + d (K - 1) + output_padding + 1."""
    return _conv_transpose(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The input gradient of conv2d, used as a layer: input (N, C, H, W) or (C, H, W), weight (C, O/groups, KH, KW) ->
    (N, O, OH, OW), OH = (H - 1) s - 2P + d (KH - 1) + output_padding + 1. Errors are those of conv2d."""
    return _conv_transpose(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
