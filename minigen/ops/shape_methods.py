"""Tensor's methods for shapes, orders, selection and triangles, installed once."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import join, rearrange, selection, shape, sorting, triangle
from .check import check_tensor


def _many(values: tuple) -> Any:
    """``x.flip(0, 1)`` and ``x.flip((0, 1))`` alike."""
    return values[0] if len(values) == 1 and isinstance(values[0], (tuple, list)) else values


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector stays what it is."""
    check_tensor("t", input)
    if input.ndim > 2:
        raise ValueError(f"t: expects at most 2 dimensions, got shape {input.shape}; use .mT or .transpose(dim0, dim1)")
    return shape.transpose(input, 0, 1) if input.ndim == 2 else input


def _view(self: Tensor, *shape: Any, size: Any = None) -> Tensor:
    if len(shape) == 1 and not isinstance(shape[0], (tuple, list, int)) and not hasattr(shape[0], "__index__"):
        raise TypeError(f"view: shape must be integers, got {shape[0]!r:.40}; .to(dtype) converts values")
    return rearrange.view(self, _many(shape) if size is None else size)


_METHODS: dict[str, Any] = {
    "view": _view,
    "t": t,
    "expand": lambda self, *shape_, size=None: shape.broadcast_to(self, shape=_many(shape_) if size is None else size),
    "flip": lambda self, *dims_, dims=None: rearrange.flip(self, _many(dims_) if dims is None else dims),
    "tile": lambda self, *dims_, dims=None: rearrange.tile(self, _many(dims_) if dims is None else dims),
    "repeat": lambda self, *sizes_, sizes=None: rearrange.repeat(self, _many(sizes_) if sizes is None else sizes),
    "ravel": lambda self: shape.flatten(self),
    "swapdims": rearrange.swapaxes,
    "moveaxis": rearrange.movedim,
    **{
        function.__name__: function
        for function in (
            join.split, join.chunk, join.unbind, rearrange.movedim, rearrange.swapaxes, rearrange.unflatten,
            rearrange.roll, rearrange.repeat_interleave, rearrange.expand_as, rearrange.view_as, rearrange.reshape_as,
            selection.select, selection.narrow, selection.index_select, selection.take_along_dim,
            selection.masked_fill, selection.masked_select, selection.nonzero, sorting.sort, sorting.argsort,
            sorting.topk, sorting.unique, triangle.diag, triangle.diag_embed, triangle.tril, triangle.triu,
        )
    },
    "diagonal": triangle.diagonal,
}  # fmt: skip
for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)
