"""Rows of a table by number."""

from __future__ import annotations

from .. import ops
from ..tensor import Tensor


def embedding(weight: Tensor, input: Tensor, *, padding_idx: int | None) -> Tensor:
    """y[...] = w[input[...]]: weight (V, D), input (...) -> (..., D). Row ``padding_idx`` gets no gradient."""
    y = ops.getitem(weight, index=(input.array.copy(),))
    return y if padding_idx is None else ops.where((input == padding_idx).unsqueeze(-1), y.detach(), y)
