"""Finding what the CUDA backend stands on: CuPy and a driver, or the emulator and NumPy."""

from __future__ import annotations

from . import CudaBackend
from .composed import OURS
from .launch import Emulated
from .pretend import xp as pretended


def emulated() -> CudaBackend:
    """The kernels on the CPU's arrays, run by the emulator; RuntimeError without a compiler."""
    import numpy as np

    return CudaBackend(np, Emulated(), "emulator", "cpu", OURS)


def pretend() -> CudaBackend:
    """The kernels on arrays that behave as CuPy's do, run by the emulator: a GPU for tests."""
    return CudaBackend(pretended, Emulated(), "cuda", "cuda", {})


def verified() -> dict[str, str]:
    """{op: rung} of what a committed report has verified on a GPU like this one: the defaults. None so far."""
    return {}


def load() -> CudaBackend:
    """CuPy on this machine's GPU; RuntimeError with the reason and its remedy where that cannot be."""
    from .device import cupy

    xp, launcher = cupy()
    return CudaBackend(xp, launcher, "cuda", "cuda", verified())
