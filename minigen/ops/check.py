"""Checks of arguments that several ops share; each message says argument, shapes and what to do."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ..tensor import Tensor


def axis_of(name: str, dim: int, ndim: int) -> int:
    """``dim`` counted from 0, or an IndexError."""
    try:
        dim = operator.index(dim)
    except TypeError:
        raise TypeError(f"{name}: dim must be an integer, got {type(dim).__name__}") from None
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise IndexError(f"{name}: dim {dim} is out of range for {ndim} dimensions; use {-limit} to {limit - 1}")
    return dim % limit


def axes_of(name: str, dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """``dim`` (an int, several, or None for all) as a tuple counted from 0."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, (tuple, list)):
        axes = tuple(axis_of(name, d, ndim) for d in dim)
        if len(set(axes)) != len(axes):
            raise ValueError(f"{name}: dim {tuple(dim)} names a dimension twice")
        return axes if axes and ndim else tuple(range(ndim))
    axis = axis_of(name, dim, ndim)  # type: ignore[arg-type]
    return (axis,) if ndim else ()


def check_tensor(name: str, value: Any) -> None:
    """A TypeError unless ``value`` is a Tensor."""
    if not isinstance(value, Tensor):
        kind = type(value).__name__
        raise TypeError(f"{name}: arguments must be Tensors, got {kind}; use minigen.tensor or minigen.from_numpy")


def sizes_of(name: str, argument: str, value: Any) -> tuple[int, ...]:
    """Several integers as a tuple, or a TypeError."""
    try:
        return tuple([operator.index(n) for n in value])
    except TypeError:
        raise TypeError(f"{name}: {argument} must be a tuple of integers, got {value!r:.80}") from None


def pair(name: str, argument: str, value: Any, least: int) -> tuple[int, int]:
    """An int or a pair of ints as a pair, each at least ``least``."""
    both = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(both) != 2 or not all(isinstance(v, int) for v in both):
        raise TypeError(f"{name}: {argument} must be an integer or two, got {value!r}")
    if min(both) < least:
        raise ValueError(f"{name}: {argument} must be at least {least}, got {value!r}")
    return both
