"""Putting in order. Positions come from NumPy and carry no gradient; values are gathered at them, and do."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import dtypes
from ..tensor import Tensor
from .check import axis_of, check_tensor
from .index import gather
from .selection import narrow

Array = np.ndarray


class Sorted(NamedTuple):
    """What ``sort`` and ``topk`` return."""

    values: Tensor
    indices: Tensor


def _order(x: Array, axis: int, descending: bool) -> Array:
    """Positions that sort x, equal elements in their order; NaN is the largest."""
    if x.dtype == dtypes.bfloat16:
        x = x.astype(np.float32)  # NumPy knows the order of its own types
    if not x.ndim:
        return np.zeros((), np.int64, like=x)
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    back = np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)  # backwards twice: still stable
    return x.shape[axis] - 1 - back


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Sorted:
    """(values, indices) along ``dim``: values[k] = x[indices[k]], in ascending order. NaN counts as the largest.

    Always stable: equal elements keep their order. The gradient goes back to where a value came from.
    """
    check_tensor("sort", input)
    axis = axis_of("sort", dim, input.ndim)
    indices = Tensor(_order(input.array, axis, descending))
    return Sorted(gather(input, indices, dim=axis), indices)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The positions along ``dim`` that put x in order, int64; ``take_along_dim`` applies them to any tensor."""
    check_tensor("argsort", input)
    return Tensor(_order(input.array, axis_of("argsort", dim, input.ndim), descending))


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Sorted:
    """(values, indices) of the ``k`` largest (or smallest) elements along ``dim``, the most extreme first.

    They come sorted, whatever ``sorted`` says; of equal ones the first is taken (PyTorch leaves that open). Raises
    ValueError for a k that dim does not have.
    """
    check_tensor("topk", input)
    axis = axis_of("topk", dim, input.ndim)
    n = input.shape[axis] if input.ndim else 1
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)):
        raise TypeError(f"topk: k must be an integer, got {k!r:.40}")
    if not 0 <= k <= n:
        raise ValueError(f"topk: k={k} is out of range: dim {dim} of shape {input.shape} has {n} elements")
    if not input.ndim:
        return sort(input, dim)
    indices = narrow(Tensor(_order(input.array, axis, largest)), axis, 0, k)
    return Sorted(gather(input, indices, dim=axis), indices)


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements (slices along ``dim``) in ascending order, whatever ``sorted`` says; no gradient flows.

    Also, if asked for: inverse, int64, with x = values[inverse] (of x's shape, or of dim's size), and how often each
    occurs. NaN differs from NaN.
    """
    check_tensor("unique", input)
    axis = None if dim is None else axis_of("unique", dim, input.ndim)
    x = input.array.astype(np.float32) if input.dtype == dtypes.bfloat16 else input.array
    values, inverse, counts = np.unique(
        x, axis=axis if input.ndim else None, return_inverse=True, return_counts=True, equal_nan=False
    )
    shape = input.shape if axis is None else (input.shape[axis],) if input.ndim else ()
    found = [Tensor(values.astype(input.dtype, copy=False))]
    if return_inverse:
        found.append(Tensor(inverse.reshape(shape).astype(np.int64, copy=False)))
    if return_counts:
        found.append(Tensor(counts.astype(np.int64, copy=False)))
    return found[0] if len(found) == 1 else tuple(found)
