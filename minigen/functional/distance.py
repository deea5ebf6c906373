"""Vectors of length 1, and the angle between two."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..ops.check import axes_of, axis_of
from ..tensor import Tensor
from .check import number_of, same_dtype, tensor_of


def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Tensor:
    """x / max(||x||_p, eps) along ``dim``, an int or several. Any shape; IndexError for a dim that is not there."""
    tensor_of("normalize", "input", input)
    number_of("normalize", "p", p)
    axes_of("normalize", dim, input.ndim)
    return input / ops.clamp(ops.norm(input, p, dim=dim, keepdim=True), min=number_of("normalize", "eps", eps))


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """<x1, x2> / (max(||x1||, eps) max(||x2||, eps)) along ``dim`` of the broadcast shape, which goes away.

    Raises ValueError for shapes that do not broadcast, IndexError for a dim that is not there.
    """
    name = "cosine_similarity"
    tensor_of(name, "x1", x1)
    same_dtype(name, x1=x1, x2=x2)
    ndim = max(x1.ndim, x2.ndim)
    axis = axis_of(name, dim, ndim) - ndim
    both = [x.reshape((1,) * (ndim - x.ndim) + x.shape) for x in (x1, x2)]
    if any(m != n and 1 not in (m, n) for m, n in zip(both[0].shape, both[1].shape, strict=True)):
        raise ValueError(f"{name}: shapes {x1.shape} and {x2.shape} do not broadcast")
    size = max(x.shape[axis] for x in both) if ndim else 1
    a, b = (x if not ndim or x.shape[axis] == size else x.broadcast_to(_widened(x, axis, size)) for x in both)
    units = [x / ops.clamp(ops.norm(x, 2, dim=axis if ndim else None, keepdim=True), min=eps) for x in (a, b)]
    return (units[0] * units[1]).sum(dim=axis if ndim else None)


def _widened(x: Tensor, axis: int, size: int) -> tuple[int, ...]:
    return tuple(size if i == axis + x.ndim else n for i, n in enumerate(x.shape))
