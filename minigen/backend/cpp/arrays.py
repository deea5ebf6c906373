"""Which arrays the kernels take, and how others are made fit for them."""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray
Pair = tuple[int, int]
F32 = np.dtype(np.float32)


def fast(*arrays: Array | None) -> bool:
    """Are all of these float32 (in native byte order)?"""
    for a in arrays:  # noqa: SIM110, in half the time of all(...)
        if a is not None and a.dtype is not F32 and a.dtype != F32:
            return False
    return True


def ready(a: Array) -> Array:
    """``a``, or a copy of it that lies in memory as the kernels want it."""
    flags = a.flags
    return a if flags.c_contiguous and flags.aligned else a.copy(order="C")


def ready_or_none(a: Array | None) -> Array | None:
    return None if a is None else ready(a)


def strided(a: Array) -> Array:
    """``a``, or a copy where its strides are no multiples of 4 bytes (a field of a record, say)."""
    flags = a.flags
    return a if flags.aligned and (flags.forc or all([s % 4 == 0 for s in a.strides])) else a.copy()


def channels(a: Array) -> Array:
    """(N, C, ...) seen as (N, C, S)."""
    return ready(a).reshape(a.shape[0], a.shape[1], math.prod(a.shape[2:]))


def rows(a: Array, dims: int = 1) -> Array:
    """The last ``dims`` dimensions as the rows of a matrix."""
    lead = a.ndim - dims
    return ready(a).reshape(math.prod(a.shape[:lead]), math.prod(a.shape[lead:]))
