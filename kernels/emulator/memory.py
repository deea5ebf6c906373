"""Where a kernel finds its arrays: in place, or, for a checked launch, copied far apart from each other.

NumPy's arrays may lie side by side, and an index past the end of one would fall into the next without a trace. In a
checked launch each one stands alone, with as much empty room before and behind it as it is long.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

ROOM = 1 << 20  # bytes between two arrays, at least


class Place(NamedTuple):
    """The address of an array's first element, and the first and last address (exclusive) that belong to it."""

    address: int
    low: int
    high: int


def place(a: np.ndarray) -> Place:
    """Where an array stands."""
    low, high = byte_bounds(a) if a.size else (a.ctypes.data, a.ctypes.data)
    return Place(a.ctypes.data, low, high)


@contextlib.contextmanager
def placed(arrays: list[np.ndarray], apart: bool) -> Iterator[list[Place]]:
    """Where each array stands while a kernel runs; what it writes there is in the arrays afterwards."""
    here = [place(a) for a in arrays]
    if not apart:
        yield here
        return
    groups = overlapping([(p.low, p.high) for p in here if p.low < p.high])  # two views of the same memory stay so
    sizes = [high - low for low, high in groups]
    arena = mmap.mmap(-1, sum(3 * size + 2 * ROOM + mmap.PAGESIZE for size in sizes) + ROOM)
    base = np.frombuffer(arena, np.uint8)
    at, homes = base.ctypes.data, []
    for (low, _), size in zip(groups, sizes, strict=True):
        at += ROOM + size
        at += (low - at) % 256  # an address aligned as before
        homes.append(at)
        at += 2 * size + ROOM
    copies = []
    for (low, high), home, size in zip(groups, homes, sizes, strict=True):
        outside, inside = bytes_at(low, high), base[home - base.ctypes.data :][:size]
        inside[:] = outside
        copies.append((outside, inside))
    moved = []
    for p in here:
        shift = next(
            (home - g[0] for g, home in zip(groups, homes, strict=True) if g[0] <= p.low and p.high <= g[1]), 0
        )
        moved.append(Place(*(address + shift for address in p)))
    try:
        yield moved
    finally:
        for outside, inside in copies:
            if not np.array_equal(outside, inside):  # an array that was only read may be one that nobody may write
                outside[:] = inside


def overlapping(bounds: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The given intervals, those that overlap joined to one."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(bounds):
        if joined and low < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def bytes_at(low: int, high: int) -> np.ndarray:
    """The memory between two addresses."""
    return np.ctypeslib.as_array((ctypes.c_uint8 * (high - low)).from_address(low))
