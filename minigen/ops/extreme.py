"""The largest and the smallest: values, positions, and both."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..op import op
from ..tensor import Tensor
from .check import axes_of, axis_of, check_tensor
from .compare import maximum, minimum
from .index import gather
from .shape import squeeze

Array = np.ndarray
Dim = int | tuple[int, ...] | None


class Selected(NamedTuple):
    """What ``max`` and ``min`` along a dim return: the values, and where they were found."""

    values: Tensor
    indices: Tensor


def kept(x: Any, like: Any, dim: Dim) -> Any:
    """A reduced tensor with its reduced dimensions back as size 1."""
    axes = axes_of("dim", dim, len(like.shape))
    return x.reshape(shape=tuple([1 if i in axes else n for i, n in enumerate(like.shape)]))


def _extreme(name: str, function: Any, x: Array, dim: Dim, keepdim: bool) -> Array:
    axes = axes_of(name, dim, x.ndim)
    if x.size == 0 and any(x.shape[a] == 0 for a in axes):
        raise ValueError(
            f"{name}: cannot reduce an empty dimension, shape {x.shape}, dim {dim}; there is no value to return"
        )
    return function(x, axis=axes, keepdims=keepdim)


def _shared(delta: Any, z: Any, x: Any, dim: Dim) -> Any:
    """The gradient of a maximum: shared equally among the elements that attain it."""
    hit = (x == kept(z, x, dim)).cast(dtype=delta.dtype)
    return hit * (kept(delta, x, dim) / hit.sum(dim=axes_of("dim", dim, x.ndim), keepdim=True))


@op
def amax(be: Any, x: Array, *, dim: Dim = None, keepdim: bool = False) -> Array:
    """The maximum along ``dim``; a tie shares the gradient equally."""
    return _extreme("amax", np.max, x, dim, keepdim)


amax.vjps(lambda delta, z, x, *, dim: _shared(delta, z, x, dim))


@op
def amin(be: Any, x: Array, *, dim: Dim = None, keepdim: bool = False) -> Array:
    """The minimum along ``dim``; a tie shares the gradient equally."""
    return _extreme("amin", np.min, x, dim, keepdim)


amin.vjps(lambda delta, z, x, *, dim: _shared(delta, z, x, dim))


def _position(name: str, function: Any, x: Array, dim: int | None, keepdim: bool) -> Array:
    axes = axes_of(name, None if dim is None else axis_of(name, dim, x.ndim), x.ndim)
    if x.size == 0 and any(x.shape[a] == 0 for a in axes):
        raise ValueError(f"{name}: an empty dimension, shape {x.shape}, dim {dim}, has no largest or smallest element")
    return function(x, axis=None if dim is None or not axes else axes[0], keepdims=keepdim)


@op
def argmax(be: Any, x: Array, *, dim: int | None = None, keepdim: bool = False) -> Array:
    """The position of the first maximum along ``dim`` (of the flattened tensor for None), int64."""
    return _position("argmax", np.argmax, x, dim, keepdim)


@op
def argmin(be: Any, x: Array, *, dim: int | None = None, keepdim: bool = False) -> Array:
    """The position of the first minimum along ``dim`` (of the flattened tensor for None), int64."""
    return _position("argmin", np.argmin, x, dim, keepdim)


def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The largest element. ``max(x)``: of all, a tie shares the gradient. ``max(x, dim)``: (values, indices) along
    ``dim``, a tie's first element gets the gradient. ``max(x, y)``: elementwise, see ``maximum``.

    ValueError for an empty dimension, IndexError for one that is not there; NaN wins.
    """
    return _choose("max", amax, argmax, maximum, input, dim if other is None else other, keepdim)


def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The smallest element, in the three forms of ``max``."""
    return _choose("min", amin, argmin, minimum, input, dim if other is None else other, keepdim)


def _choose(name: str, value: Any, position: Any, pairwise: Any, input: Tensor, dim: Any, keepdim: bool) -> Any:
    check_tensor(name, input)
    if isinstance(dim, Tensor):
        return pairwise(input, dim)
    if dim is None:
        if not input.numel():
            raise ValueError(f"{name}: a tensor of shape {input.shape} has no elements, so none is the {name}imum")
        return value(input)
    axis = axis_of(name, dim, input.ndim)
    if input.ndim and not input.shape[axis]:
        raise ValueError(f"{name}: dim {dim} of shape {input.shape} is empty, so it has no {name}imum")
    indices = position(input, dim=axis, keepdim=True)
    values = gather(input, indices, dim=axis)
    if not keepdim and input.ndim:
        values, indices = squeeze(values, axis), squeeze(indices, axis)
    return Selected(values, indices)
