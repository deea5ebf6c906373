"""Bits and truth values. No gradient flows through them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import op

Array = np.ndarray


@op(broadcasts=True)
def bitwise_and(be: Any, x: Array, y: Array) -> Array:
    """x & y of bool or integer tensors."""
    return np.bitwise_and(x, y)


@op(broadcasts=True)
def bitwise_or(be: Any, x: Array, y: Array) -> Array:
    """x | y of bool or integer tensors."""
    return np.bitwise_or(x, y)


@op(broadcasts=True)
def bitwise_xor(be: Any, x: Array, y: Array) -> Array:
    """x ^ y of bool or integer tensors: the bits in which they differ."""
    return np.bitwise_xor(x, y)


@op
def bitwise_not(be: Any, x: Array) -> Array:
    """~x of a bool or integer tensor."""
    return np.invert(x)


@op(broadcasts=True)
def logical_and(be: Any, x: Array, y: Array) -> Array:
    """True where neither x nor y is 0."""
    return np.logical_and(x, y)


@op(broadcasts=True)
def logical_or(be: Any, x: Array, y: Array) -> Array:
    """True where x or y is not 0."""
    return np.logical_or(x, y)


@op(broadcasts=True)
def logical_xor(be: Any, x: Array, y: Array) -> Array:
    """True where exactly one of x and y is 0."""
    return np.logical_xor(x, y)


@op
def logical_not(be: Any, x: Array) -> Array:
    """True where x is 0."""
    return np.logical_not(x)
