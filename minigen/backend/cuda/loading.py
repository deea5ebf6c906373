"""Finding what the CUDA backend stands on: CuPy and a driver, or the emulator and NumPy."""

from __future__ import annotations

import json

from minigen.kernels.source import CUDA

from . import CudaBackend
from .composed import OURS
from .launch import Emulated
from .pretend import xp as pretended

VERIFIED = CUDA / "verified.json"  # written on a GPU; until then none of our kernels is a default there


def emulated() -> CudaBackend:
    """The kernels on the CPU's arrays, run by the emulator; RuntimeError without a compiler."""
    import numpy as np

    return CudaBackend(np, Emulated(), "emulator", "cpu", OURS)


def pretend() -> CudaBackend:
    """The kernels on arrays that behave as CuPy's do, run by the emulator: a GPU for tests."""
    return CudaBackend(pretended, Emulated(), "cuda", "cuda", {})


def verified() -> dict[str, str]:
    """{op: rung} of what a committed report (``bench gpu-report``) has verified on a GPU: the defaults."""
    if not VERIFIED.exists():
        return {}
    return json.loads(VERIFIED.read_text(encoding="utf-8"))["kernels"]


def load() -> CudaBackend:
    """CuPy on this machine's GPU; RuntimeError with the reason and its remedy where that cannot be."""
    from .device import cupy

    xp, launcher = cupy()
    return CudaBackend(xp, launcher, "cuda", "cuda", verified())
