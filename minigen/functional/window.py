"""Windows as columns, and back."""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..backend.conv import output_size as window_count
from ..tensor import Tensor
from .check import each_dim, images, tensor_of


def _columns(name: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> dict[str, Any]:
    kernel, padding = each_dim(name, "kernel_size", kernel_size, 2, 1), each_dim(name, "padding", padding, 2, 0)
    stride, dilation = each_dim(name, "stride", stride, 2, 1), each_dim(name, "dilation", dilation, 2, 1)
    return {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Every window of the image as a column: (N, C, H, W) or (C, H, W) -> (N, C KH KW, OH OW).

    Row c KH KW + p KW + q of column i OW + j is x[c, s i + d p - P, s j + d q - P]; a product with a reshaped weight
    makes a convolution of it (im2col). Raises ValueError where no window fits.
    """
    x, batched = images("unfold", input, 2, floating=False)
    how = _columns("unfold", kernel_size, dilation, padding, stride)
    if min(window_count(x.shape[2:], **how)) < 1:  # type: ignore[arg-type]
        raise ValueError(f"unfold: kernel {how['kernel']} is larger than the input {input.shape} with its padding")
    y = ops.unfold(x, **how)
    return y if batched else y.squeeze(0)


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The columns of ``unfold`` added where their windows lay: (N, C KH KW, OH OW) -> (N, C, H, W), ``output_size`` =
    (H, W). Where windows overlap, they add up. Raises ValueError for shapes that do not fit."""
    tensor_of("fold", "input", input, floating=False)
    size = each_dim("fold", "output_size", output_size, 2, 1)
    how = _columns("fold", kernel_size, dilation, padding, stride)
    x = input if input.ndim == 3 else input.unsqueeze(0)
    windows, taps = math.prod(window_count(size, **how)), math.prod(how["kernel"])  # type: ignore[arg-type]
    if x.ndim != 3 or x.shape[2] != windows or x.shape[1] % taps:
        raise ValueError(
            f"fold: input must be (N, C {taps}, {windows}) for output_size {size} and kernel {how['kernel']}, got "
            f"shape {input.shape}"
        )
    y = ops.fold(x, size=size, **how)
    return y if input.ndim == 3 else y.squeeze(0)
