"""Rows of a table by number."""

from __future__ import annotations

from .. import dtypes, fused
from ..backend import may_look
from ..tensor import Tensor
from .check import tensor_of


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """y[...] = w[input[...]]: input (...) of int64 or int32, weight (V, D) -> (..., D).

    Row ``padding_idx`` (a negative one counts from the end) gets no gradient. Raises IndexError for a number outside
    0..V - 1, TypeError for numbers that are not integers. (PyTorch's max_norm, scale_grad_by_freq and sparse are left
    out.)
    """
    tensor_of("embedding", "input", input, floating=False)
    if tensor_of("embedding", "weight", weight).ndim != 2:
        raise ValueError(f"embedding: weight must be (V, D), got shape {weight.shape}")
    if input.dtype not in (dtypes.int64, dtypes.int32):
        raise TypeError(f"embedding: input must be int64 or int32, got {input.dtype}; convert it with .long()")
    V = weight.shape[0]
    if input.numel() and may_look(input.array) and not (input.array.min() >= 0 and input.array.max() < V):
        bad = input.array[(input.array < 0) | (input.array >= V)].tolist()[0]
        raise IndexError(f"embedding: index {bad} is out of range for weight {weight.shape}; use 0 to {V - 1}")
    if padding_idx is not None:
        if not -V <= padding_idx < V:
            raise IndexError(f"embedding: padding_idx {padding_idx} is out of range for weight {weight.shape}")
        padding_idx %= V
    return fused.embedding(weight, input, padding_idx=padding_idx)
