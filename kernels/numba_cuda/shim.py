"""Numba where it is installed; without it the kernels can be imported and read, but not launched.

Numba computes with integers of 64 bits and lets an index count from the end, as Python does: on a GPU that is several
instructions where C++'s ``int`` takes one, and a division of dozens. The kernels' numbers are never negative and fit in
32 bits, and they say so: ``x[at(i)]``, ``split(a, b)``.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

cuda: Any = None
float32: Any = None
int32: Any = int
at: Any = int
if importlib.util.find_spec("numba"):
    numba: Any = importlib.import_module("numba")
    cuda, float32, int32 = importlib.import_module("numba.cuda"), numba.float32, numba.int32
    if numba.config.ENABLE_CUDASIM:
        from .simulated import add_shuffles

        add_shuffles()
    else:
        from .compiled import at


class _Missing:
    """What a kernel is without Numba: it says so when it is launched."""

    def __init__(self, function: Callable) -> None:
        self.py_func = function

    def __getitem__(self, launch: Any) -> Any:
        raise ImportError(f'{self.py_func.__name__} needs Numba: pip install "minigen[numba]"')


def kernel(function: Callable) -> Any:
    """A function that a GPU's threads run: ``kernel[grid, block](...)``."""
    return cuda.jit(function) if cuda else _Missing(function)


def device(function: Callable) -> Any:
    """A function that kernels call."""
    return cuda.jit(device=True)(function) if cuda else function


@device
def split(a, b):
    """a // b and a % b"""
    return int32(at(a) // at(b)), int32(at(a) % at(b))
